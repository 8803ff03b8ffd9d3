"""The code of modules that is part of the executable: of the frozen ones, and of some others of the library."""
import _imp
import importlib.util
import marshal
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import types
import unittest

LIBRARY_FOLDER = pathlib.Path(sysconfig.get_path("stdlib"))
FROZEN = [name for name in _imp._frozen_module_names()
          if LIBRARY_FOLDER.joinpath(*name.split(".")).with_suffix(".py").is_file() and _imp.find_frozen(name)[2] == name]


def code_objects(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from code_objects(constant)


def constants_of(code):
    """Those that are not code. A frozenset has become a tuple."""
    constants = (constant for constant in code.co_consts if not isinstance(constant, types.CodeType))
    return [tuple(sorted(constant)) if isinstance(constant, frozenset) else constant for constant in constants]


FIELDS = ("co_filename", "co_name", "co_qualname", "co_flags", "co_firstlineno", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount",
          "co_code", "co_linetable", "co_exceptiontable", "co_stacksize", "co_varnames", "co_cellvars", "co_freevars", "co_names")


class FrozenCode(unittest.TestCase):
    def test_is_what_the_source_compiles_to(self):
        self.assertIn("os", FROZEN)
        for name in FROZEN:
            with self.subTest(name):
                source = LIBRARY_FOLDER.joinpath(*name.split(".")).with_suffix(".py").read_bytes()
                compiled = compile(source, f"<frozen {name}>", "exec", dont_inherit=True, optimize=0)
                frozen = _imp.get_frozen_object(name)
                for expected, got in zip(code_objects(compiled), code_objects(frozen), strict=True):
                    self.assertEqual(constants_of(got), constants_of(expected))
                    for field in FIELDS:
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
                   "    interpreters.run_string(one, 'import runpy, os, codecs, contextlib; assert os.path.join(*\"ab\") == \"a/b\"; codecs.lookup(\"latin-1\")')\n"
                   "    interpreters.destroy(one)\n"
                   "import runpy, contextlib; runpy.run_module('stat')\n")
        subprocess.run([sys.executable, "-c", program], check=True)


# These are loaded neither by a start without site nor by what the programs below import.
LIBRARY = ["types", "warnings", "importlib", "keyword", "operator", "reprlib", "collections", "functools", "contextlib"]
COMPARED = f"""
import marshal, sys
def code_objects(code):
    yield code
    for constant in code.co_consts:
        if type(constant) is type(code):
            yield from code_objects(constant)
in_executable = 0
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        data = file.read()[16:]
    first, second = marshal.loads(data), marshal.loads(data)
    assert first is not second
    in_executable += sys.getrefcount(first) > 1 << 20
    assert first == second
    for one, other in zip(code_objects(first), code_objects(second), strict=True):
        for field in {FIELDS}:
            assert getattr(one, field) == getattr(other, field), (one, field)
print(in_executable)
"""
ELSEWHERE = """
import sys
sys.path.insert(0, sys.argv[1])
import keyword, reprlib
print(keyword.__file__, reprlib.__file__)
print(reprlib.Repr.repr.__code__.co_filename)
del sys.modules["reprlib"], sys.path[0]
import reprlib
print(reprlib.Repr.repr.__code__.co_filename)
"""


def output_of(program, *arguments):
    return subprocess.run([sys.executable, "-I", "-S", "-c", program, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


class LibraryCode(unittest.TestCase):
    def test_is_what_the_compiled_file_has(self):
        files = [importlib.util.cache_from_source(importlib.util.find_spec(name).origin) for name in LIBRARY]
        in_executable = int(output_of(COMPARED, *files))
        if "gill_version" in vars(sys.implementation):
            self.assertGreater(in_executable, len(LIBRARY) // 2)

    def test_has_no_columns_where_they_are_not_wanted(self):
        program = "import contextlib; print({place[2:] for place in contextlib.suppress.__init__.__code__.co_positions()})"
        command = [sys.executable, "-X", "no_debug_ranges", "-c", program]
        self.assertEqual(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout, "{(None, None)}\n")

    def test_has_the_name_of_the_file_that_was_imported(self):
        original = LIBRARY_FOLDER / "reprlib.py"
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copy2(original, folder)
            compiled = importlib.util.cache_from_source(copy)
            os.mkdir(os.path.dirname(compiled))
            shutil.copy(importlib.util.cache_from_source(original), compiled)
            lines = output_of(ELSEWHERE, folder).splitlines()
        self.assertEqual(lines, [f"{LIBRARY_FOLDER / 'keyword.py'} {copy}", copy, str(original)])


if __name__ == "__main__":
    unittest.main()
