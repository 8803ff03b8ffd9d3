"""The code of the frozen modules, which is part of the executable."""
import _imp
import importlib
import marshal
import pathlib
import subprocess
import sys
import sysconfig
import types
import unittest

LIBRARY = pathlib.Path(sysconfig.get_path("stdlib"))
FROZEN = [name for name in _imp._frozen_module_names()
          if LIBRARY.joinpath(*name.split(".")).with_suffix(".py").is_file() and _imp.find_frozen(name)[2] == name]


def code_objects(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from code_objects(constant)


def constants_of(code):
    """Those that are not code. A frozenset has become a tuple."""
    constants = (constant for constant in code.co_consts if not isinstance(constant, types.CodeType))
    return [tuple(sorted(constant)) if isinstance(constant, frozenset) else constant for constant in constants]


class FrozenCode(unittest.TestCase):
    def test_is_what_the_source_compiles_to(self):
        self.assertIn("os", FROZEN)
        for name in FROZEN:
            with self.subTest(name):
                source = LIBRARY.joinpath(*name.split(".")).with_suffix(".py").read_bytes()
                compiled = compile(source, f"<frozen {name}>", "exec", dont_inherit=True, optimize=0)
                frozen = _imp.get_frozen_object(name)
                for expected, got in zip(code_objects(compiled), code_objects(frozen), strict=True):
                    self.assertEqual(constants_of(got), constants_of(expected))
                    for field in ("co_filename", "co_name", "co_qualname", "co_flags", "co_firstlineno", "co_argcount", "co_posonlyargcount",
                                  "co_kwonlyargcount", "co_code", "co_linetable", "co_exceptiontable", "co_stacksize", "co_varnames",
                                  "co_cellvars", "co_freevars", "co_names"):
                        self.assertEqual(getattr(got, field), getattr(expected, field), (got, field))

    def test_can_be_marshalled(self):
        for name in FROZEN:
            code = _imp.get_frozen_object(name)
            self.assertEqual(marshal.loads(marshal.dumps(code)), code)

    def test_a_second_load_is_a_module_of_its_own(self):
        genericpath = sys.modules.pop("genericpath")
        try:
            again = importlib.import_module("genericpath")
        finally:
            sys.modules["genericpath"] = genericpath
        self.assertIsNot(again, genericpath)
        self.assertIsNot(again.exists, genericpath.exists)
        self.assertIs(again.exists("/"), True)

    def test_in_another_interpreter(self):
        program = ("import _xxsubinterpreters as interpreters\n"
                   "for _ in range(3):\n"
                   "    one = interpreters.create()\n"
                   "    interpreters.run_string(one, 'import runpy, os, codecs; assert os.path.join(*\"ab\") == \"a/b\"; codecs.lookup(\"latin-1\")')\n"
                   "    interpreters.destroy(one)\n"
                   "import runpy; runpy.run_module('stat')\n")
        subprocess.run([sys.executable, "-c", program], check=True)


if __name__ == "__main__":
    unittest.main()
