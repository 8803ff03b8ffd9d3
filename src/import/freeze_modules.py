"""Compiles the modules that start-up needs and writes their code objects as C++ data: freeze_modules.py OUTPUT DEPENDENCIES.

Run by the reference interpreter at build time; tests/python/test_frozen_code.py compares the code with what gill itself makes of the source.
The forms of the data are in frozen_objects.h. Equal constants of equal type are one object.
"""
import inspect
import pathlib
import subprocess
import sys
import sysconfig
import types

LIBRARY = pathlib.Path(sysconfig.get_path("stdlib"))
# Each by the name that its source has, with the names that the reference gives to others of the same code left to frozen.cpp.
MODULES = """importlib._bootstrap importlib._bootstrap_external zipimport abc codecs io _collections_abc _sitebuiltins genericpath ntpath
posixpath os site stat importlib.util importlib.machinery runpy __hello__ __phello__ __phello__.spam""".split()
# The reference has these from files that are not installed.
TEXTS = {"__phello__.ham": "", "__phello__.ham.eggs": "", "frozen_only": 'initialized = True\nprint("Hello world!")\n'}

# What a start runs stands together, so that the pages of the rest stay as they are in the file: this prints the functions and modules that it runs.
# The import system is in place already; a copy of it is put in place once more.
START = """
import sys, _imp
ran = set()
sys.setprofile(lambda frame, event, argument: ran.add((frame.f_code.co_filename, frame.f_code.co_qualname)))
for name, origin in {"_frozen_importlib": "importlib._bootstrap", "_frozen_importlib_external": "importlib._bootstrap_external"}.items():
    sys.modules[name] = type(sys)(name)
    sys.modules[name].__origname__ = origin
    exec(_imp.get_frozen_object(name), sys.modules[name].__dict__)
sys.modules["_frozen_importlib"]._install(sys, _imp)
sys.modules["_frozen_importlib"]._install_external_importers()
import codecs, contextlib, site
codecs.CodecInfo(None, None)
codecs.IncrementalEncoder()
site.main()
site.execusercustomize()
site.enablerlcompleter()
sys.setprofile(None)
print((ran, set(sys.modules)))
"""

LOCAL, CELL, FREE = 0x20, 0x40, 0x80
DIGIT_BITS = 30
RESUME = __import__("opcode").opmap["RESUME"]


def source_file(module):
    path = LIBRARY.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def literal(data):
    """Octal escapes end after three digits, whatever follows."""
    return '"' + "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in data) + '"'


def identity(value):
    """Equal for what may be one object."""
    if isinstance(value, tuple):
        return tuple, tuple(map(identity, value))
    if isinstance(value, types.CodeType):
        return types.CodeType, id(value)
    return type(value), repr(value)


def variables_of(code):
    """The names and kinds of all variables, in the order of their places."""
    kinds = dict.fromkeys(code.co_varnames, LOCAL)
    for name in code.co_cellvars:
        kinds[name] = kinds.get(name, 0) | CELL
    return (*kinds, *code.co_freevars), bytes([*kinds.values(), *[FREE] * len(code.co_freevars)])


def codes_in(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_in(constant)


def parts_of(constants):
    for constant in constants:
        yield constant
        if isinstance(constant, tuple):
            yield from parts_of(constant)


class Writer:
    """What `run` has, code objects, is written to when the code runs, and so are its strings and the tuples of its names and constants.
    Of the functions that it makes only what a function object takes from its code is read, and of all others nothing."""

    def __init__(self, out, run):
        self.out = out
        self.run = set(map(id, run))
        made = [constant for code in run for constant in code.co_consts if isinstance(constant, types.CodeType)]
        read = [part for code in run for part in (code.co_exceptiontable, *parts_of(code.co_consts))]
        read += [part for code in made for part in (code, code.co_consts, code.co_name, code.co_qualname, *code.co_consts[:1])]
        self.read = set(map(identity, read))
        tuples = [part for code in run for part in (code.co_names, code.co_consts, variables_of(code)[0])]
        self.run_tuples = set(map(identity, tuples))
        self.run_names = {name for part in tuples for name in part if isinstance(name, str) and name.isidentifier()} | {code.co_name for code in run}
        self.known = {}  # identity -> expression for the object's address
        self.count = 0

    def section_of(self, value):
        return "rest" if identity(value) in self.read else "unread"

    def define(self, section, form, value, member):
        name = f"o{self.count}"
        self.count += 1
        self.out.write(f'GILL_FROZEN({section}) {form} {name} = {value};\n')
        return f"&{name}.{member}" if member else f"&{name}"

    def address(self, value):
        key = identity(value)
        if key not in self.known:
            self.known[key] = self.write(value)
        return self.known[key]

    def write(self, value):
        match value:
            case None | True | False:
                return {None: "&_Py_NoneStruct", True: "&_Py_TrueStruct.ob_base.ob_base", False: "&_Py_FalseStruct.ob_base.ob_base"}[value]
            case types.EllipsisType():
                return "&_Py_EllipsisObject"
            case str():
                return self.write_text(value)
            case bytes():
                return self.write_bytes(value)
            case int():
                return self.write_int(value)
            case float():
                return self.define("rest", "PyFloatObject", f"{{{{kImmortalCount, &PyFloat_Type}}, {value.hex()}}}", "ob_base")
            case tuple():
                return self.write_tuple(value)
            case frozenset():
                # Its order would depend on the hashes. What it is for, `in`, a tuple does as well; the reference has one too.
                return self.address(tuple(sorted(value)))
            case types.CodeType():
                return self.write_code(value)
        raise TypeError(f"no frozen form for {value!r}")

    def write_text(self, text):
        if not text.isascii():
            widest = max(map(ord, text))
            unit, kind = ("unsigned char", 1) if widest < 256 else ("Py_UCS2", 2) if widest < 65536 else ("Py_UCS4", 4)
            units = ", ".join(str(ord(c)) for c in text)
            return self.define(self.section_of(text), f"WideText<{unit}, {len(text) + 1}>", f"{{wide_head({len(text)}, {kind}), {{{units}}}}}", "head._base.ob_base")
        if len(text) == 0:
            return "&empty_string.head.ob_base"
        if len(text) == 1:
            return f"&ascii_characters[{ord(text)}].head.ob_base"
        section = "names" if text in self.run_names else self.section_of(text)
        return self.define(section, f"StaticName<{len(text) + 1}>", f"{{text_head({len(text)}), {literal(text.encode())}}}", "head.ob_base")

    def write_bytes(self, data):
        if len(data) == 0:
            return "&empty_bytes_object.head.ob_base"
        if len(data) == 1:
            return f"&byte_objects[{data[0]}].head.ob_base"
        return self.define(self.section_of(data), f"Bytes<{len(data) + 1}>", f"{{head_of(&PyBytes_Type, {len(data)}), -1, {literal(data)}}}", "head.ob_base")

    def write_int(self, value):
        if -5 <= value <= 256:
            return f"&_PyRuntime.small_ints[{value} + kSmallestSmall].ob_base.ob_base"
        digits = [abs(value) >> shift & (1 << DIGIT_BITS) - 1 for shift in range(0, abs(value).bit_length(), DIGIT_BITS)]
        size = len(digits) if value > 0 else -len(digits)
        return self.define("rest", f"Int<{len(digits)}>", f"{{head_of(&PyLong_Type, {size}), {{{', '.join(map(str, digits))}}}}}", "head.ob_base")

    def write_tuple(self, items):
        if not items:
            return "&g_empty_tuple.ob_base.ob_base"
        addresses = ", ".join(map(self.address, items))
        section = "tuples" if identity(items) in self.run_tuples else self.section_of(items)
        return self.define(section, f"Tuple<{len(items)}>", f"{{head_of(&PyTuple_Type, {len(items)}), {{{addresses}}}}}", "head.ob_base")

    def write_code(self, code):
        names, kinds = variables_of(code)
        local_count, plain_cells = len(code.co_varnames), sum(kind == CELL for kind in kinds)
        counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_stacksize, code.co_firstlineno, len(names),
                  local_count, plain_cells, len(code.co_cellvars), len(code.co_freevars))
        parts = map(self.address, (code.co_consts, code.co_names, code.co_exceptiontable, names, kinds, code.co_filename, code.co_name,
                                   code.co_qualname, code.co_linetable))
        units = code.co_code
        first_traceable = next((i for i in range(len(units) // 2) if units[2 * i] == RESUME), len(units) // 2)
        text = literal(units + units[:2])
        value = f"code({len(units) // 2}, {code.co_flags}, {{{', '.join(map(str, counts))}}}, {{{', '.join(parts)}}}, {first_traceable}, {text})"
        section = "code" if id(code) in self.run else self.section_of(code)
        return self.define(section, f"Code<{len(units) + 3}>", value, "ob_base.ob_base")


def run_at_start(codes):
    """The code objects that a start runs: functions that it calls, and what modules and classes consist of."""
    ran, modules = eval(subprocess.run([sys.executable, "-I", "-S", "-c", START], check=True, stdout=subprocess.PIPE, text=True).stdout)
    is_function = inspect.CO_OPTIMIZED
    return [code for module, whole in codes.items() for code in codes_in(whole)
            if (code.co_filename, code.co_qualname) in ran or (module in modules and not code.co_flags & is_function)]


HEAD = """// Written by import/freeze_modules.py.
#include "import/frozen_objects.h"

#define GILL_FROZEN(group) [[gnu::section(".data.frozen_" #group)]] constinit
namespace gill {
namespace frozen {
namespace {
"""


def main():
    output, dependencies = sys.argv[1:]
    files = {module: source_file(module) for module in MODULES}
    texts = {module: path.read_bytes() for module, path in files.items()} | TEXTS
    codes = {module: compile(text, f"<frozen {module}>", "exec", dont_inherit=True, optimize=0) for module, text in texts.items()}
    with open(output, "w") as out:
        out.write(HEAD)
        writer = Writer(out, run_at_start(codes))
        addresses = [f'{{"{module}", &frozen::{writer.address(code)[1:]}}},\n' for module, code in codes.items()]
        out.write("}\n}\n#undef GILL_FROZEN\n")
        out.write("const FrozenCode kFrozenCode[] = {\n")
        out.writelines(addresses)
        out.write("};\n}\n")
    pathlib.Path(dependencies).write_text(f"{output}: " + " ".join(map(str, files.values())) + "\n")


main()
