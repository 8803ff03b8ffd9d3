"""Writes the code objects of modules that many programs need as C++ data: freeze_modules.py OUTPUT DEPENDENCIES.

The frozen modules are compiled. Of the library's others it is the code that is in their .pyc, by which frozen.cpp knows it when that is read.
Run by the reference interpreter at build time; tests/python/test_frozen_code.py compares the code with what gill itself makes of both.
The forms of the data are in frozen_objects.h. Equal constants of equal type are one object.
"""
import functools
import importlib.util
import inspect
import marshal
import pathlib
import subprocess
import sys
import sysconfig
import types

FOLDER = pathlib.Path(sysconfig.get_path("stdlib"))
# Each by the name that its source has, with the names that the reference gives to others of the same code left to frozen.cpp.
MODULES = """importlib._bootstrap importlib._bootstrap_external zipimport abc codecs io _collections_abc _sitebuiltins genericpath ntpath
posixpath os site stat importlib.util importlib.machinery runpy __hello__ __phello__ __phello__.spam""".split()
# The reference has these from files that are not installed.
TEXTS = {"__phello__.ham": "", "__phello__.ham.eggs": "", "frozen_only": 'initialized = True\nprint("Hello world!")\n'}
# Of these each start imports the first, and what is common in the .pth files of site-packages the others.
START_LIBRARY = "encodings encodings.aliases encodings.utf_8".split()
MORE_LIBRARY = "types warnings importlib importlib._abc keyword operator reprlib collections functools contextlib".split()
HEADER_SIZE = 16  # of a .pyc

# What a start runs stands together, so that the pages of the rest stay as they are in the file: here is what it runs.
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
sys.modules["_frozen_importlib"]._builtin_from_name("_thread")
sys.modules["_frozen_importlib"]._install_external_importers()
import codecs, contextlib, encodings, site
encodings.search_function("utf-8")
codecs.CodecInfo(None, None)
codecs.IncrementalEncoder()
site.main()
site.execusercustomize()
site.enablerlcompleter()
"""
MORE = """
import importlib.util, importlib.machinery
importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec("json"))
"""

LOCAL, CELL, FREE = 0x20, 0x40, 0x80
DIGIT_BITS = 30
RESUME = __import__("opcode").opmap["RESUME"]


def source_file(module):
    path = FOLDER.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def compiled_file(module):
    return pathlib.Path(importlib.util.cache_from_source(source_file(module)))


def fingerprint(data):
    """The same as in frozen.cpp."""
    mask, multiplier = 2**64 - 1, 0x9E3779B97F4A7C15

    def mixed(hash, word):
        hash = (hash ^ word) * multiplier & mask
        return (hash << 29 | hash >> 35) & mask

    lanes = [1, 2, 3, 4]
    padded = data + bytes(32 - len(data) % 32)
    for i in range(0, len(padded), 8):
        lanes[i // 8 % 4] = mixed(lanes[i // 8 % 4], int.from_bytes(padded[i:i + 8], "little"))
    return functools.reduce(mixed, lanes, 0)


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


def in_order(elements):
    """A frozenset's order would depend on the hashes. What it is for, `in`, a tuple does as well; the reference has one too."""
    return tuple(sorted(elements))


def parts_of(constants):
    for constant in constants:
        yield constant
        if isinstance(constant, frozenset):
            constant = in_order(constant)
            yield constant
        if isinstance(constant, tuple):
            yield from parts_of(constant)


def has_set(code):
    return any(isinstance(part, frozenset) for each in codes_in(code) for part in parts_of(each.co_consts))


def is_interned(constant):
    return isinstance(constant, str) and constant.isascii() and constant.replace("_", "a").isalnum()


class Group:
    """What is used when the code objects of `run` run: they are written to, and so are their strings and the tuples of their names and constants.
    Of the functions that they make only what a function object takes from its code is read, and of all others nothing."""

    def __init__(self, name, run):
        self.name = name
        self.run = set(map(id, run))
        made = [constant for code in run for constant in code.co_consts if isinstance(constant, types.CodeType)]
        read = [part for code in run for part in (code.co_exceptiontable, code.co_filename, *parts_of(code.co_consts))]
        read += [part for code in made for part in (code, code.co_consts, code.co_name, code.co_qualname, *code.co_consts[:1])]
        self.read = set(map(identity, read))
        names = [part for code in run for part in (code.co_names, variables_of(code)[0])]
        constants = list(parts_of(code.co_consts for code in run))
        self.tuples = {identity(part) for part in (*names, *constants) if isinstance(part, tuple)}
        self.names = {code.co_name for code in run}.union(*names, filter(is_interned, constants))

    def part_of(self, value):
        if id(value) in self.run:
            return "code"
        if isinstance(value, str) and value in self.names:
            return "names"
        if identity(value) in self.tuples:
            return "tuples"
        return "rest" if identity(value) in self.read else None


class Writer:
    """Each object stands with those of the first group that uses it."""

    def __init__(self, out, groups):
        self.out = out
        self.groups = groups
        self.known = {}  # identity -> expression for the object's address
        self.count = 0

    def section_of(self, value):
        return next((f"{group.name}_{part}" for group in self.groups if (part := group.part_of(value))), "unread")

    def define(self, value, form, text, member):
        name = f"o{self.count}"
        self.count += 1
        self.out.write(f'GILL_FROZEN({self.section_of(value)}) {form} {name} = {text};\n')
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
                return self.define(value, "PyFloatObject", f"{{{{kImmortalCount, &PyFloat_Type}}, {value.hex()}}}", "ob_base")
            case tuple():
                return self.write_tuple(value)
            case frozenset():
                return self.address(in_order(value))
            case types.CodeType():
                return self.write_code(value)
        raise TypeError(f"no frozen form for {value!r}")

    def write_text(self, text):
        if not text.isascii():
            widest = max(map(ord, text))
            unit, kind = ("unsigned char", 1) if widest < 256 else ("Py_UCS2", 2) if widest < 65536 else ("Py_UCS4", 4)
            units = ", ".join(str(ord(c)) for c in text)
            return self.define(text, f"WideText<{unit}, {len(text) + 1}>", f"{{wide_head({len(text)}, {kind}), {{{units}}}}}", "head._base.ob_base")
        if len(text) == 0:
            return "&empty_string.head.ob_base"
        if len(text) == 1:
            return f"&ascii_characters[{ord(text)}].head.ob_base"
        return self.define(text, f"StaticName<{len(text) + 1}>", f"{{text_head({len(text)}), {literal(text.encode())}}}", "head.ob_base")

    def write_bytes(self, data):
        if len(data) == 0:
            return "&empty_bytes_object.head.ob_base"
        if len(data) == 1:
            return f"&byte_objects[{data[0]}].head.ob_base"
        return self.define(data, f"Bytes<{len(data) + 1}>", f"{{head_of(&PyBytes_Type, {len(data)}), -1, {literal(data)}}}", "head.ob_base")

    def write_int(self, value):
        if -5 <= value <= 256:
            return f"&_PyRuntime.small_ints[{value} + kSmallestSmall].ob_base.ob_base"
        digits = [abs(value) >> shift & (1 << DIGIT_BITS) - 1 for shift in range(0, abs(value).bit_length(), DIGIT_BITS)]
        size = len(digits) if value > 0 else -len(digits)
        return self.define(value, f"Int<{len(digits)}>", f"{{head_of(&PyLong_Type, {size}), {{{', '.join(map(str, digits))}}}}}", "head.ob_base")

    def write_tuple(self, items):
        if not items:
            return "&g_empty_tuple.ob_base.ob_base"
        addresses = ", ".join(map(self.address, items))
        return self.define(items, f"Tuple<{len(items)}>", f"{{head_of(&PyTuple_Type, {len(items)}), {{{addresses}}}}}", "head.ob_base")

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
        return self.define(code, f"Code<{len(units) + 3}>", value, "ob_base.ob_base")


def run_by(program, codes):
    """The code objects that it runs: functions that it calls, and what modules and classes consist of."""
    program = program + "sys.setprofile(None)\nprint((ran, set(sys.modules)))"
    ran, modules = eval(subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, stdout=subprocess.PIPE, text=True).stdout)
    is_function = inspect.CO_OPTIMIZED
    return [code for module, whole in codes.items() for code in codes_in(whole)
            if (code.co_filename, code.co_qualname) in ran or (module in modules and not code.co_flags & is_function)]


HEAD = """// Written by import/freeze_modules.py.
#include "import/frozen_objects.h"

#define GILL_FROZEN(section_name) [[gnu::section(".data.frozen_" #section_name)]] constinit
namespace gill {
namespace frozen {
namespace {
"""


def main():
    output, dependencies = sys.argv[1:]
    files = {module: source_file(module) for module in MODULES}
    texts = {module: path.read_bytes() for module, path in files.items()} | TEXTS
    codes = {module: compile(text, f"<frozen {module}>", "exec", dont_inherit=True, optimize=0) for module, text in texts.items()}
    compiled_files = {module: path for module in START_LIBRARY + MORE_LIBRARY if (path := compiled_file(module)).exists()}
    marshalled = {module: path.read_bytes()[HEADER_SIZE:] for module, path in compiled_files.items()}
    library = {module: code for module, data in marshalled.items() if not has_set(code := marshal.loads(data))}
    assert len(library) <= 64, "as many as Runtime::given_library_code has bits"
    at_start = codes | {module: library[module] for module in START_LIBRARY if module in library}
    groups = [Group("start", run_by(START, at_start)), Group("more", run_by(START + MORE, codes | library))]
    with open(output, "w") as out:
        out.write(HEAD)
        writer = Writer(out, groups)
        addresses = {module: writer.address(code)[1:] for module, code in (codes | library).items()}
        out.write("}\n}\n#undef GILL_FROZEN\n")
        out.write("const FrozenCode kFrozenCode[] = {\n")
        out.writelines(f'{{"{module}", &frozen::{addresses[module]}}},\n' for module in codes)
        out.write("};\nconst LibraryCode kLibraryCode[] = {\n")
        out.writelines(f"{{{fingerprint(marshalled[module]):#x}, {len(marshalled[module])}, &frozen::{addresses[module]}}},\n" for module in library)
        out.write("{}};\n}\n")
    pathlib.Path(dependencies).write_text(f"{output}: " + " ".join(map(str, [*files.values(), *compiled_files.values()])) + "\n")


main()
