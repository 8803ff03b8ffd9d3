#!/usr/bin/python3.11
"""Compare code objects with the reference's, file by file.

The compiler under test is either an extension module for the reference that offers
`compile(source, filename, mode, flags, optimize)` (--extension), or a whole interpreter that is run as a second
process and hands its code objects over through `marshal` (--gill).

    tools/bytecode_compare.py --extension build/hosted/gillc.so /usr/lib/python3.11
    tools/bytecode_compare.py --gill build/dev/gill --optimize 2 /usr/lib/python3.11 -v

Prints the share of identical files and code objects, and the first difference of each file that differs.
"""
import argparse
import ast
import collections
import dis
import importlib.machinery
import importlib.util
import marshal
import os
import struct
import subprocess
import sys
import warnings

FIELDS = ("co_name", "co_qualname", "co_firstlineno", "co_flags", "co_argcount", "co_posonlyargcount",
          "co_kwonlyargcount", "co_stacksize", "co_names", "co_varnames", "co_cellvars", "co_freevars", "co_code",
          "co_exceptiontable", "co_linetable", "co_filename")

# What the second process runs: paths come in on stdin, marshalled results go out on stdout.
SERVER = r"""
import marshal, struct, sys, warnings
warnings.simplefilter("ignore")
optimize = int(sys.argv[1])
out = sys.stdout.buffer
for line in sys.stdin.buffer:
    path = line.rstrip(b"\n").decode("utf-8", "surrogateescape")
    try:
        with open(path, "rb") as f:
            code = compile(f.read(), path, "exec", 0, True, optimize)
        data = b"C" + marshal.dumps(code)
    except BaseException as e:
        data = b"E" + ("%s: %s" % (type(e).__name__, e)).encode("utf-8", "replace")
    out.write(struct.pack("<I", len(data)) + data)
    out.flush()
"""


class ExtensionCompiler:
    def __init__(self, path, optimize):
        name = os.path.basename(path).split(".")[0]
        loader = importlib.machinery.ExtensionFileLoader(name, path)
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
        loader.exec_module(module)
        self.module, self.optimize = module, optimize

    def __call__(self, path, source):
        if hasattr(self.module, "compile"):
            return self.module.compile(source, path, "exec", 0, self.optimize)
        return self.module.compile_tree(ast.parse(source, path), path, 0, self.optimize)


class ProcessCompiler:
    def __init__(self, command, optimize):
        self.command = [command, "-c", SERVER, str(optimize)]
        self.process = None

    def __call__(self, path, source):
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.process.stdin.write(os.fsencode(path) + b"\n")
            self.process.stdin.flush()
            head = self.process.stdout.read(4)
            if len(head) < 4:
                raise BrokenPipeError
            data = self.process.stdout.read(struct.unpack("<I", head)[0])
        except BrokenPipeError:
            code = self.process.wait()
            self.process = None
            raise RuntimeError(f"the interpreter under test died with status {code}") from None
        if data[:1] == b"E":
            raise SyntaxError(data[1:].decode())
        return marshal.loads(data[1:])


def same_constant(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same_constant, a, b))
    if isinstance(a, frozenset):
        key = lambda x: (type(x).__name__, repr(x))
        return len(a) == len(b) and all(map(same_constant, sorted(a, key=key), sorted(b, key=key)))
    return repr(a) == repr(b)


def listing(code):
    exceptions = {e.start: e for e in dis._parse_exception_table(code)}
    lines = []
    for i in dis.get_instructions(code):
        p = i.positions
        where = f"{p.lineno}-{p.end_lineno}:{p.col_offset}-{p.end_col_offset}"
        if hasattr(i.argval, "co_code"):
            argument = f"<code {i.argval.co_name}>"
        else:
            argument = i.argrepr or ("" if i.arg is None else str(i.arg))
        lines.append(f"{i.offset:5} {i.opname:26} {argument:30.60} {where}")
        if i.offset in exceptions:
            e = exceptions[i.offset]
            lines.append(f"      except until {e.end} -> {e.target} depth {e.depth} lasti {e.lasti}")
    return lines


def difference(expected, actual, counts):
    """The first difference as text, or None. Counts all code objects, and those that are equal by themselves."""
    counts["objects"] += 1
    found = None
    for field in FIELDS:
        a, b = getattr(expected, field), getattr(actual, field)
        if a == b:
            continue
        found = f"{expected.co_qualname} (line {expected.co_firstlineno}): {field}"
        if field in ("co_code", "co_linetable", "co_exceptiontable"):
            old, new = listing(expected), listing(actual)
            at = next((i for i, (x, y) in enumerate(zip(old, new)) if x != y), min(len(old), len(new)))
            for i in range(max(0, at - 3), at + 4):
                x = old[i] if i < len(old) else "--"
                y = new[i] if i < len(new) else "--"
                found += f"\n    {'!' if x != y else ' '} {x:82} | {y}"
        else:
            found += f"\n      expected {a!r:.200}\n      actual   {b!r:.200}"
        break
    old, new = expected.co_consts, actual.co_consts
    inner = None
    pairs = list(zip(old, new))
    if len(old) != len(new):
        found = found or f"{expected.co_qualname}: co_consts\n      expected {old!r:.300}\n      actual   {new!r:.300}"
    for x, y in pairs:
        if hasattr(x, "co_code") and hasattr(y, "co_code"):
            inner = difference(x, y, counts) or inner
        elif not found and not same_constant(x, y):
            found = f"{expected.co_qualname}: constant\n      expected {x!r:.200}\n      actual   {y!r:.200}"
    if not found:
        counts["same objects"] += 1
    return found or inner


def sources(paths):
    for path in paths:
        if os.path.isfile(path):
            yield path
        for folder, folders, files in os.walk(path):
            folders.sort()
            for name in sorted(files):
                if name.endswith(".py"):
                    yield os.path.join(folder, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--extension")
    parser.add_argument("--gill")
    parser.add_argument("--optimize", type=int, default=0)
    parser.add_argument("-v", "--verbose", action="store_true", help="print the first difference of each file")
    parser.add_argument("-m", "--most", type=int, default=20, help="how many differences to print")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    test = (ExtensionCompiler(arguments.extension, arguments.optimize) if arguments.extension
            else ProcessCompiler(arguments.gill, arguments.optimize))
    counts = collections.Counter()
    printed = 0
    for path in sources(arguments.paths):
        with open(path, "rb") as f:
            source = f.read()
        try:
            expected = compile(source, path, "exec", 0, True, arguments.optimize)
        except (SyntaxError, ValueError, RecursionError) as e:
            expected = e
        try:
            actual = test(path, source)
        except (SyntaxError, ValueError, RecursionError, SystemError, RuntimeError, TypeError) as e:
            actual = e
        counts["files"] += 1
        if isinstance(expected, Exception) or isinstance(actual, Exception):
            same = isinstance(expected, Exception) and isinstance(actual, Exception)
            report = None if same else f"expected {expected!r:.200}, got {actual!r:.200}"
        else:
            report = difference(expected, actual, counts)
        if report is None:
            counts["same files"] += 1
        elif printed < arguments.most:
            printed += 1
            print(f"{path}: {report}")
    if counts["objects"]:
        print(f"{counts['same objects']} of {counts['objects']} code objects identical "
              f"({100 * counts['same objects'] / counts['objects']:.2f}%)")
    print(f"{counts['same files']} of {counts['files']} files identical ({100 * counts['same files'] / max(1, counts['files']):.2f}%)")
    return counts["same files"] != counts["files"]


if __name__ == "__main__":
    sys.exit(main())
