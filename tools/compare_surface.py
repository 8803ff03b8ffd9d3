"""Compares what gill and the reference show of their built-in types and modules.

Both interpreters describe, in a child process of their own, every class that can be reached from the built-in modules and
from object.__subclasses__(): bases, MRO, flags, published sizes, the names in its dict with the kind of each, text signatures and
whether there is a doc; and every built-in module's names likewise. Prints each difference that tools/surface_differences.txt
does not list, and each entry of that list that no longer differs. Exits with 1 if there was any.

A doc or a signature that only gill has is no difference, nor is the split of types into static and heap types.

Usage: compare_surface.py GILL
       compare_surface.py --describe     (the child)
"""
import json
import os
import re
import subprocess
import sys
import types
import warnings

REFERENCE = "/usr/bin/python3.11"
KNOWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "surface_differences.txt")

# Py_TPFLAGS_* that programs and extensions can tell apart; the rest say how a runtime works inside.
FLAGS = {
    "sequence": 1 << 5,
    "mapping": 1 << 6,
    "disallow-instantiation": 1 << 7,
    "immutable": 1 << 8,
    "base": 1 << 10,
    "vectorcall": 1 << 11,
    "collected": 1 << 14,
    "method-descriptor": 1 << 17,
    "abstract": 1 << 20,
    "int": 1 << 24,
    "list": 1 << 25,
    "tuple": 1 << 26,
    "bytes": 1 << 27,
    "str": 1 << 28,
    "dict": 1 << 29,
    "exception": 1 << 30,
    "type": 1 << 31,
}

HEAP_TYPE = 1 << 9

# Types whose objects' layout the public headers publish, so that extensions depend on it.
PUBLISHED_LAYOUTS = {
    f"builtins.{name}"
    for name in """object type int bool float complex str bytes bytearray tuple list dict set frozenset slice cell function method
    builtin_function_or_method staticmethod classmethod memoryview code weakref generator coroutine async_generator module
    getset_descriptor member_descriptor method_descriptor wrapper_descriptor classmethod_descriptor
    BaseException StopIteration OSError ImportError SyntaxError SystemExit UnicodeError UnicodeDecodeError NameError AttributeError
    BaseExceptionGroup traceback range""".split()
} | {"types.GenericAlias", "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta", "weakref.ReferenceType"}

KINDS_WITH_VALUE = (int, str, float, bool, bytes, type(None))


def qualified_name(cls):
    return f"{type.__getattribute__(cls, '__module__')}.{cls.__qualname__}"


def is_python_class(cls):
    """Whether a class statement of a Python source made it."""
    return any(isinstance(value, types.FunctionType) for value in vars(cls).values()) or "__weakref__" in vars(cls) and cls.__flags__ & HEAP_TYPE


EXTENSIONS_IN_THE_REFERENCE = {"_queue"}  # built in here


def built_in_modules():
    skipped = {"__main__"}
    for name in sorted({*sys.builtin_module_names, *EXTENSIONS_IN_THE_REFERENCE}):
        if name not in skipped:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    module = __import__(name, fromlist=["*"])
                yield name, module
            except ImportError as error:
                yield name, error


def signature(value):
    text = getattr(value, "__text_signature__", None)
    return isinstance(text, str) and re.sub(r"\s+", " ", text)


def describe_value(name, value):
    kind = type(value).__name__
    if isinstance(value, type):
        return {"kind": kind, "class": qualified_name(value)}
    described = {"kind": kind}
    if isinstance(value, (types.ModuleType, *KINDS_WITH_VALUE)) or kind in ("tuple", "dict", "list", "frozenset", "set"):
        if isinstance(value, int) and not isinstance(value, bool):
            described["value"] = value
        elif isinstance(value, (str, bytes)) and name != "__doc__":
            described["value"] = repr(value)
        return described
    described["doc"] = bool(getattr(value, "__doc__", None))
    described["signature"] = signature(value)
    for attribute in ("__name__", "__qualname__", "__objclass__"):
        try:
            described[attribute] = str(getattr(value, attribute))
        except AttributeError:
            pass
    if isinstance(value, types.BuiltinMethodType):
        described["self"] = type(value.__self__).__name__
    return described


def describe_class(cls):
    described = {
        "metaclass": type(cls).__name__,
        "bases": [qualified_name(base) for base in cls.__bases__],
        "mro": [qualified_name(base) for base in type.mro(cls) if base is not type] if cls is not type else [],
        "flags": [name for name, bit in FLAGS.items() if cls.__flags__ & bit],
        "dictoffset": bool(cls.__dictoffset__),
        "weakrefoffset": bool(cls.__weakrefoffset__),
        "signature": signature(cls),
    }
    if qualified_name(cls) in PUBLISHED_LAYOUTS:
        described["size"] = f"{cls.__basicsize__} + n * {cls.__itemsize__}"
    of_heap_types = ("__module__", "__annotations__")
    described["names"] = {name: describe_value(name, value) for name, value in vars(cls).items() if name not in of_heap_types}
    return described


def reachable_classes(roots):
    """Every built-in class among the roots' attributes, their types, bases and attributes, and the subclasses of object."""
    found = {}
    pending = [object, *roots]
    while pending:
        cls = pending.pop()
        if not isinstance(cls, type) or id(cls) in found:
            continue
        found[id(cls)] = cls
        pending.append(type(cls))
        pending.extend(cls.__bases__)
        pending.extend(type.__subclasses__(cls))
        for value in vars(cls).values():
            pending.append(value if isinstance(value, type) else type(value))
    return found.values()


def describe():
    modules, roots = {}, [types.GenericAlias]
    for name, module in built_in_modules():
        if isinstance(module, ImportError):
            modules[name] = {"error": str(module)}
            continue
        values = dict(vars(module))
        roots.extend(value if isinstance(value, type) else type(value) for value in values.values())
        modules[name] = {"doc": bool(module.__doc__), "names": {key: describe_value(key, value) for key, value in values.items()}}
    roots.extend(type(example) for example in examples())
    classes = {}
    for cls in reachable_classes(roots):
        if not is_python_class(cls):
            classes.setdefault(qualified_name(cls), describe_class(cls))
    json.dump({"classes": classes, "modules": modules}, sys.stdout)


def examples():
    """Objects of the types that no module names."""
    import itertools

    class Cell:
        __slots__ = ("member",)

        async def coroutine(self):
            yield

    for empty in ("", b"", bytearray(), [], (), {}, set(), range(0), range(1 << 70), {}.keys(), {}.values(), {}.items(), {}.items().__iter__()):
        yield iter(empty)
    yield from (reversed([]), reversed({}), reversed({}.values()), reversed({}.items()), iter(lambda: 0, 0), iter(Cell.__mro__))
    yield from (type.__dict__, {}.items(), {}.keys(), {}.values(), Cell.member, Cell.coroutine, memoryview(b""), iter(memoryview(b"")))
    generator = Cell().coroutine()
    yield generator
    yield from (generator.__anext__(), generator.asend(None), generator.athrow(ValueError), generator.aclose())
    yield from (int | str, list[int], itertools.groupby("a"), sys.implementation, sys.flags, sys.float_info, sys.hash_info, sys.int_info)
    yield from (int.__dict__["real"], int.__add__, (1).__add__, int.from_bytes, str.maketrans, dict.__dict__["fromkeys"], sys._getframe())
    yield from (Ellipsis, NotImplemented, None, sys.get_asyncgen_hooks(), sys.thread_info, sys.version_info, compile("", "", "exec").co_lines(), compile("", "", "exec").co_positions())


def observe(interpreter):
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([interpreter, "-I", "-S", __file__, "--describe"], stdout=subprocess.PIPE, env=environment, check=True, timeout=300)
    return json.loads(done.stdout)


def differences(ours, theirs):
    """Pairs of a path and a text: what only one of them has, and what they say differently."""
    for key in sorted(ours.keys() | theirs.keys()):
        if key not in ours:
            yield (key,), "missing"
        elif key not in theirs:
            yield (key,), "extra"
        elif isinstance(ours[key], dict) and isinstance(theirs[key], dict):
            for path, text in differences(ours[key], theirs[key]):
                yield (key, *path), text
        elif ours[key] != theirs[key] and not (key in ("doc", "signature") and not theirs[key]):
            yield (key,), f"{ours[key]!r} is {theirs[key]!r} in the reference"


def read_known():
    """Each line is a path of names, "*" for any one of them, "..." for all below; "#" begins a comment."""
    with open(KNOWN, encoding="utf-8") as lines:
        return [tuple(line.split("#")[0].split()) for line in lines if line.split("#")[0].strip()]


def matches(pattern, path):
    if not pattern or not path:
        return not pattern and not path
    if pattern[0] == "...":
        return True
    return pattern[0] in ("*", path[0]) and matches(pattern[1:], path[1:])


def main():
    if sys.argv[1:] == ["--describe"]:
        describe()
        return 0
    ours, theirs = observe(os.path.abspath(sys.argv[1])), observe(REFERENCE)
    known = read_known()
    used, failures = set(), 0
    for path, text in differences(ours, theirs):
        excuse = next((pattern for pattern in known if matches(pattern, path)), None)
        if excuse:
            used.add(excuse)
            continue
        failures += 1
        print(" ".join(path), "--", text)
    for pattern in known:
        if pattern not in used:
            failures += 1
            print("no longer differs:", " ".join(pattern))
    print(f"{len(theirs['classes'])} classes and {len(theirs['modules'])} modules, {failures} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
