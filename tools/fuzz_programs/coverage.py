"""Measures what the programs use: kinds of syntax nodes, instructions, built-in functions and methods, exceptions' messages; prints how often,
and what they never use. Says where the grammar has holes."""
import ast
import builtins
import collections
import dis
import json
import os
import signal
import sys
import tempfile
import types
import warnings

from .rules import make_grammar
from .writer import program

BUILT_IN_TYPES = [each for each in vars(builtins).values() if isinstance(each, type)] + [
    type(lambda: 0), type((lambda: (yield))()), types.CoroutineType, types.AsyncGeneratorType, type({}.keys()), type({}.items()), type({}.values()),
    types.CodeType, types.FrameType, types.TracebackType, types.MethodType, types.MappingProxyType, types.GenericAlias, types.SimpleNamespace,
]  # fmt: skip


SECONDS = 20  # for a program


def measure(first, count):
    grammar = make_grammar()
    counts = collections.Counter()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import support  # noqa: F401  (once, for all children)

    for number in range(first, first + count):
        counts.update(in_child(lambda: used_by(program(grammar, number))))
    for kind, known in (("node", node_kinds()), ("instruction", set(dis.opmap)), ("method", methods()), ("built-in", built_ins())):
        seen = {name: number for (of, name), number in counts.items() if of == kind}
        missing = sorted(known - seen.keys())
        print(f"{kind}s: {len(known & seen.keys())} of {len(known)}; never: {' '.join(missing)}")
        rare = sorted((number, name) for name, number in seen.items() if name in known)[:25]
        print("   rarest:", ", ".join(f"{name} {number}" for number, name in rare))
    print("exceptions:", counts["outcome", "error"], "of", counts["outcome", "program"], "programs end with one")
    return 0


def node_kinds():
    return {name for name, each in vars(ast).items() if isinstance(each, type) and issubclass(each, ast.AST) and not each.__subclasses__()} - {
        "Num", "Str", "Bytes", "NameConstant", "Ellipsis", "Index", "ExtSlice", "Suite", "AugLoad", "AugStore", "Param", "FunctionType", "Interactive",
        "TypeIgnore",
    }  # fmt: skip


def methods():
    return {
        f"{of.__name__}.{name}"
        for of in BUILT_IN_TYPES
        for name, each in vars(of).items()
        if isinstance(each, (types.MethodDescriptorType, types.BuiltinMethodType, types.ClassMethodDescriptorType))
    }


def built_ins():
    return {name for name, each in vars(builtins).items() if isinstance(each, types.BuiltinFunctionType)}


def in_child(measure_one):
    """What a child counts; nothing if it ends early or takes too long."""
    with tempfile.TemporaryFile("w+") as file:
        if not (child := os.fork()):
            signal.alarm(SECONDS)
            warnings.simplefilter("ignore")
            for stream in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            json.dump(list(measure_one().items()), file)
            file.flush()
            os._exit(0)
        os.waitpid(child, 0)
        file.seek(0)
        text = file.read()
    return {tuple(key): number for key, number in json.loads(text or "[]")}


def used_by(text):
    """What one program uses: its text parsed and compiled, and the calls of built-in functions while it runs."""
    found = collections.Counter()
    for node in ast.walk(ast.parse(text)):
        found["node", type(node).__name__] += 1
    pending = [compile(text, "program.py", "exec")]
    while pending:
        code = pending.pop()
        found.update(("instruction", instruction.opname) for instruction in dis.get_instructions(code))
        pending += [each for each in code.co_consts if isinstance(each, types.CodeType)]

    def profile(frame, event, argument):
        if event == "c_call":
            owner = argument.__self__
            if isinstance(owner, types.ModuleType) or owner is None:
                found["built-in", argument.__name__] += 1
            else:
                of = owner if isinstance(owner, type) else type(owner)
                for each in of.__mro__:
                    if argument.__name__ in vars(each):
                        found["method", f"{each.__name__}.{argument.__name__}"] += 1
                        break

    found["outcome", "program"] += 1
    try:
        space = {"__name__": "__main__"}
        code = compile(text, "program.py", "exec")
        sys.setprofile(profile)
        exec(code, space)
    except BaseException:
        sys.setprofile(None)
        found["outcome", "error"] += 1
    finally:
        sys.setprofile(None)
        sys.settrace(None)
    return found
