"""Calls everything built in with odd arguments under gill and under the reference and compares what comes out.

Every function of the built-in modules, and every method, slot wrapper, attribute and constructor of the built-in types, is called
without arguments, with each value of a grid of odd ones and with random combinations of them, in child processes. The outcome of
a call is the repr of its result, or the exception's type and message; a child that dies or hangs is started again behind the call
that did it. Prints the differences, the most frequent cause first.

Usage: compare_calls.py GILL [--seed N] [--calls N] [--json FILE] [PREFIX ...]      for example: builtins.str. itertools.
       compare_calls.py --child FIRST REPORT SEED CALLS PREFIX ...                   (the child)
"""
import argparse
import collections
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

REFERENCE = "/usr/bin/python3.11"
MEMORY = 3 << 30
SECONDS = 4

# What would end the child, block it, change the machine, or answer differently each time.
AVOIDED = re.compile(
    r"""(posix\.(_exit|abort|fork.*|exec.*|kill.*|pidfd.*|posix_spawn.*|system|popen|wait.*|set.*|chroot|nice|sched_.*|close.*|dup.*|umask|tc.*
    |fchdir|chdir|login_tty|openpty|forkpty|ftruncate|truncate|write.*|pwrite.*|read|readv|pread.*|sendfile|posix_f.*|copy_file_range|splice|lockf
    |mknod|mkfifo|initgroups|lch.*|ch.*|fch.*|register_at_fork|getrandom|urandom|times|getloadavg|memfd.*|eventfd.*|pipe.*|rename|replace
    |remove|unlink|rmdir|link|symlink|ctermid|statvfs|fstatvfs|get.*id|getpgid|getsid|sync|fsync|fdatasync|cpu_count|open|getpriority|getxattr|utime)
    |time\..*|_signal\..*|_thread\.(start_new.*|interrupt_main|exit.*|_excepthook|get_.*|stack_size|_set_sentinel|allocate.*|LockType.*|lock.*)
    |faulthandler\..*|select\..*|_socket\..*|_posixsubprocess\..*|resource\..*|syslog\..*|spwd\..*|fcntl\..*|_imp\..*|_tracemalloc\..*|grp\..*
    |sys\.(exit|settrace|setprofile|setrecursionlimit|call_tracing|setdlopenflags|_getframe|_current.*|_debugmallocstats|getallocatedblocks
    |set_.*|setswitchinterval|activate.*|deactivate.*|breakpointhook|displayhook|excepthook|unraisablehook|__.*hook__|getrefcount|intern|addaudithook|audit
    |_clear_type_cache|_git|_xoptions|getsizeof|stdin.*|stdout.*|stderr.*)
    |builtins\.(input|breakpoint|id|exit|quit|copyright|credits|license|help|print|hash|vars|globals|locals|dir|__build_class__)
    |gc\..*|atexit\..*|_random\..*|_xxsubinterpreters\..*|_xxinterpchannels\..*|_lsprof\..*|_abc\._reset.*|_abc\.get_cache_token|_warnings\..*
    |.*\.__(hash|sizeof|dir|subclasshook|init_subclass)__|builtins\.type\.(__subclasses__|mro|__flags__|__dictoffset__)|builtins\.builtin_function_or_method\.__module__|builtins\.(frame|code|generator|coroutine|async_generator.*)\..*
    |_queue\.SimpleQueue\.get|_locale\..*|pyexpat\..*|_operator\.(concat|iconcat|mul|imul|pow|ipow|lshift|ilshift)|posix\.DirEntry\..*|_ctypes.*|readline\..*|_uuid.*
    )$""",
    re.VERBOSE,
)


class Raising:
    """Each special method that a built-in may ask an argument for raises."""


def _raiser(name):
    def method(*_):
        raise LookupError(name)

    return method


class Text(str):
    pass


class Number(int):
    pass


class Items(list):
    pass


class Index:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value

    def __repr__(self):
        return f"Index({self.value!r})"


def raising(name):
    return type("Raising" + name.strip("_"), (Raising,), {name: _raiser(name), "__repr__": lambda self: type(self).__name__ + "()"})()


def recursive_list():
    items = [1]
    items.append(items)
    return items


ODD = {
    "None": lambda: None,
    "0": lambda: 0,
    "1": lambda: 1,
    "-1": lambda: -1,
    "3": lambda: 3,
    "True": lambda: True,
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "-2**63": lambda: -(2**63),
    "-2**70": lambda: -(2**70),
    "0.5": lambda: 0.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "2j": lambda: 2j,
    "''": lambda: "",
    "'a'": lambda: "a",
    "'ab,c d'": lambda: "ab,c d",
    "surrogate": lambda: "x\udc80y",
    "nul": lambda: "a\0b",
    "wide": lambda: "\xe9\u20ac\U0001f600",
    "b''": lambda: b"",
    "b'ab'": lambda: b"ab",
    "bytearray": lambda: bytearray(b"xyz"),
    "memoryview": lambda: memoryview(b"abcdef")[::2],
    "[]": lambda: [],
    "[3, 1, 2]": lambda: [3, 1, 2],
    "recursive": recursive_list,
    "()": lambda: (),
    "(1, 'a')": lambda: (1, "a"),
    "('a', 1), ": lambda: (("a", 1),),
    "{}": lambda: {},
    "{'a': 1}": lambda: {"a": 1},
    "{1, 2}": lambda: {1, 2},
    "range": lambda: range(3),
    "object": lambda: Raising,
    "int": lambda: int,
    "len": lambda: len,
    "lambda": lambda: lambda *args: args,
    "iterator": lambda: iter([1, 2]),
    "slice": lambda: slice(None, None, -1),
    "...": lambda: ...,
    "Text": lambda: Text("abc"),
    "Number": lambda: Number(2),
    "Items": lambda: Items([1, 2]),
    "Index(1)": lambda: Index(1),
    "Index(2**80)": lambda: Index(2**80),
    "Index('')": lambda: Index(""),
    "raising index": lambda: raising("__index__"),
    "raising hash": lambda: raising("__hash__"),
    "raising eq": lambda: raising("__eq__"),
    "raising iter": lambda: raising("__iter__"),
    "raising len": lambda: raising("__len__"),
    "raising bool": lambda: raising("__bool__"),
    "raising float": lambda: raising("__float__"),
    "raising getitem": lambda: raising("__getitem__"),
    "raising getattr": lambda: raising("__getattr__"),
}

# How to make an instance of a type whose constructor wants arguments.
SELVES = {
    "builtins.int": "12", "builtins.bool": "True", "builtins.float": "2.5", "builtins.complex": "1+2j", "builtins.str": "'hello wOrld'",
    "builtins.bytes": "b'hello wOrld'", "builtins.bytearray": "bytearray(b'hello wOrld')", "builtins.list": "[3, 1, 2]",
    "builtins.tuple": "(3, 1, 2)", "builtins.dict": "{'a': 1, 2: 'b'}", "builtins.set": "{1, 2}", "builtins.frozenset": "frozenset({1, 2})",
    "builtins.range": "range(2, 9, 3)", "builtins.slice": "slice(1, 5, 2)", "builtins.memoryview": "memoryview(bytearray(b'hello'))",
    "builtins.enumerate": "enumerate('ab')", "builtins.zip": "zip('ab', 'cd')", "builtins.map": "map(str, [1])", "builtins.filter": "filter(None, [1])",
    "builtins.reversed": "reversed([1, 2])", "builtins.property": "property(len)", "builtins.staticmethod": "staticmethod(len)",
    "builtins.classmethod": "classmethod(len)", "builtins.super": "super(int, True)", "builtins.type": "type('T', (), {})",
    "builtins.object": "object()", "builtins.function": "(lambda a, b=1: a)", "builtins.method": "[].append.__class__ and Index(1).__index__",
    "builtins.builtin_function_or_method": "len", "builtins.module": "type(sys)('name')", "builtins.mappingproxy": "type(int.__dict__)({'a': 1})",
    "builtins.dict_keys": "{1: 2}.keys()", "builtins.dict_values": "{1: 2}.values()", "builtins.dict_items": "{1: 2}.items()",
    "builtins.cell": "(lambda x: lambda: x)(1).__closure__[0]", "builtins.ellipsis": "...", "builtins.NoneType": "None",
    "builtins.NotImplementedType": "NotImplemented", "builtins.traceback": "make_traceback()", "types.GenericAlias": "list[int]",
    "types.UnionType": "int | str", "types.SimpleNamespace": "type(sys.implementation)(a=1)", "builtins.OSError": "OSError(2, 'no', 'f')",
    "builtins.UnicodeDecodeError": "UnicodeDecodeError('utf-8', b'abc', 1, 2, 'why')",
    "builtins.UnicodeEncodeError": "UnicodeEncodeError('utf-8', 'abc', 1, 2, 'why')",
    "builtins.UnicodeTranslateError": "UnicodeTranslateError('abc', 1, 2, 'why')",
    "builtins.BaseExceptionGroup": "BaseExceptionGroup('m', [KeyError(1), ValueError()])",
    "builtins.wrapper_descriptor": "int.__add__", "builtins.method-wrapper": "(1).__add__", "builtins.method_descriptor": "str.upper",
    "builtins.classmethod_descriptor": "dict.__dict__['fromkeys']", "builtins.getset_descriptor": "int.__dict__['real']",
    "builtins.member_descriptor": "slice.__dict__['start']", "_io.BytesIO": "module('io').BytesIO(b'ab\\ncd')",
    "_io.StringIO": "module('io').StringIO('ab\\ncd')", "_io.BufferedReader": "module('io').BufferedReader(module('io').BytesIO(b'ab\\ncd'))",
    "_io.BufferedWriter": "module('io').BufferedWriter(module('io').BytesIO())",
    "_io.BufferedRandom": "module('io').BufferedRandom(module('io').BytesIO(b'ab\\ncd'))",
    "_io.BufferedRWPair": "module('io').BufferedRWPair(module('io').BytesIO(b'ab\\ncd'), module('io').BytesIO())",
    "_io.TextIOWrapper": "module('io').TextIOWrapper(module('io').BytesIO(b'ab\\ncd'), 'utf-8')",
    "_io.IncrementalNewlineDecoder": "module('io').IncrementalNewlineDecoder(None, True)",
    "_io.FileIO": "module('io').FileIO('/dev/null')", "collections.deque": "module('collections').deque([1, 2], 5)",
    "collections.OrderedDict": "module('collections').OrderedDict(a=1)", "collections.defaultdict": "module('collections').defaultdict(int, a=1)",
    "functools.partial": "module('functools').partial(int, base=2)", "re.Pattern": "module('re').compile('(l)(?P<n>o)?')",
    "re.Match": "module('re').match('(h)(?P<n>e)?', 'hello')", "datetime.date": "module('datetime').date(2020, 2, 3)",
    "operator.itemgetter": "module('operator').itemgetter(1)", "operator.attrgetter": "module('operator').attrgetter('real')",
    "operator.methodcaller": "module('operator').methodcaller('upper')", "array.array": "module('array').array('i', [1, 2])",
    "weakref.ReferenceType": "module('weakref').ref(Raising)", "_struct.Struct": "module('struct').Struct('<hi')",
    "datetime.datetime": "module('datetime').datetime(2020, 2, 3, 4, 5, 6)", "datetime.time": "module('datetime').time(4, 5, 6)",
    "datetime.timedelta": "module('datetime').timedelta(1, 2, 3)", "datetime.timezone": "module('datetime').timezone.utc",
    "itertools.groupby": "module('itertools').groupby('aab')", "itertools.islice": "module('itertools').islice('abcd', 1, 3)",
    "itertools.repeat": "module('itertools').repeat(1, 2)", "itertools.combinations": "module('itertools').combinations('abc', 2)",
    "contextvars.ContextVar": "module('contextvars').ContextVar('v', default=1)",
    "_contextvars.ContextVar": "module('contextvars').ContextVar('v', default=1)", "_contextvars.Context": "module('contextvars').Context()",
    "posix.stat_result": "module('os').stat('/')", "_csv.Dialect": "module('_csv').Dialect()", "_csv.reader": "module('_csv').reader(['a,b'])",
    "xml.etree.ElementTree.Element": "module('xml.etree.ElementTree').Element('a', b='c')", "zlib.Compress": "module('zlib').compressobj()",
    "zlib.Decompress": "module('zlib').decompressobj()", "_pickle.Pickler": "module('_pickle').Pickler(module('io').BytesIO())",
    "_pickle.Unpickler": "module('_pickle').Unpickler(module('io').BytesIO(b'N.'))", "_blake2.blake2b": "module('_blake2').blake2b(b'a')",
    "_md5.md5": "module('_md5').md5(b'a')", "_sha3.shake_128": "module('_sha3').shake_128(b'a')", "_abc._abc_data": "skip",
    "itertools.accumulate": "module('itertools').accumulate([1, 2])", "itertools.chain": "module('itertools').chain('a', 'b')",
    "itertools.cycle": "skip", "itertools.count": "module('itertools').count(3)", "functools._lru_cache_wrapper": "module('functools').lru_cache(len)",
}


def make_traceback():
    try:
        raise KeyError
    except KeyError as error:
        return error.__traceback__


def module(name):
    return __import__(name, fromlist=["*"])


def targets():
    """Pairs of a name and a function that calls the target; the same under each runtime."""
    from compare_surface import built_in_modules, examples, is_python_class, qualified_name, reachable_classes

    roots = []
    for name, value in built_in_modules():
        if isinstance(value, ImportError):
            continue
        for key, member in sorted(vars(value).items()):
            roots.append(member if isinstance(member, type) else type(member))
            if not isinstance(member, type) and callable(member):
                yield f"{name}.{key}", lambda args, kwargs, member=member: (member(*args, **kwargs), None)
    roots.extend(type(example) for example in examples())
    classes = {qualified_name(cls): cls for cls in reachable_classes(roots) if not is_python_class(cls)}
    for name, cls in sorted(classes.items()):
        yield f"{name}.__call__", lambda args, kwargs, cls=cls: (cls(*args, **kwargs), None)
        expression = SELVES.get(name)
        if expression:
            code = compile(expression, "self", "eval")
            make = lambda cls=cls, code=code: eval(code, globals())
        else:
            make = cls
        try:
            made = make()
        except Exception:
            continue
        if expression and type(made) is not cls:
            continue
        for key, member in sorted(vars(cls).items()):
            kind = type(member).__name__
            if kind in ("method_descriptor", "wrapper_descriptor"):

                def call(args, kwargs, member=member, make=make):
                    this = make()
                    return member(this, *args, **kwargs), this

            elif kind in ("classmethod_descriptor", "staticmethod", "builtin_function_or_method"):

                def call(args, kwargs, cls=cls, key=key):
                    return getattr(cls, key)(*args, **kwargs), None

            elif kind in ("getset_descriptor", "member_descriptor"):

                def call(args, kwargs, key=key, make=make):
                    this = make()
                    if kwargs:
                        delattr(this, key)
                    elif len(args) == 1:
                        setattr(this, key, args[0])
                    return getattr(this, key), this

            else:
                continue
            yield f"{name}.{key}", call


def argument_lists(chooser, calls):
    """Positional arguments, by their names in ODD, and keyword arguments."""
    names = list(ODD)
    yield (), {}
    for name in names:
        yield (name,), {}
    for count, share in ((2, 2), (3, 1), (4, 0.4), (7, 0.1)):
        for _ in range(int(calls * share)):
            yield tuple(chooser.choice(names) for _ in range(count)), {}
    yield (), {"nonsense": "1"}
    yield ("'a'",), {"nonsense": "1"}
    yield ("3", "3"), {"key": "None"}


def show(value):
    try:
        text = repr(value)
    except BaseException as error:
        text = f"repr raises {type(error).__name__}: {error}"
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    return f"{type(value).__name__} {text if len(text) < 300 else text[:200] + ' ... ' + str(len(text))}"


def child(first, report, seed, calls, prefixes):
    import random
    import resource
    import warnings

    os.chdir(tempfile.mkdtemp())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    number = -1
    # Out of the way of calls that close small descriptors.
    descriptor = os.dup2(os.open(report, os.O_WRONLY | os.O_APPEND), 500)
    with open(descriptor, "w", encoding="ascii") as lines:
        for name, call in list(targets()):
            if AVOIDED.match(name) or prefixes and not name.startswith(tuple(prefixes)):
                continue
            chooser = random.Random(f"{seed} {name}")
            for args, kwargs in argument_lists(chooser, calls):
                number += 1
                if number < first:
                    continue
                shown = f"{name}({', '.join(args)}{kwargs or ''})"
                lines.write(json.dumps([number, shown]) + "\n")
                lines.flush()
                signal.alarm(SECONDS)
                try:
                    result, this = call([ODD[arg]() for arg in args], {key: ODD[arg]() for key, arg in kwargs.items()})
                    outcome = "returns " + show(result) + (" leaves " + show(this) if this is not None else "")
                except BaseException as error:
                    outcome = f"raises {type(error).__name__}: {error}"
                    outcome = re.sub(r"0x[0-9a-f]+", "0x", outcome)
                    if error.__cause__ is not None or error.__context__ is not None:
                        outcome += f" from {type(error.__cause__ or error.__context__).__name__}"
                signal.alarm(0)
                lines.write(json.dumps([number, ascii(outcome)[1:-1]]) + "\n")
    os._exit(0)


def observe(interpreter, options):
    """The calls and their outcomes, in order."""
    calls, outcomes, first = {}, {}, 0
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report")
        while True:
            open(report, "w").close()
            command = [interpreter, "-X", "int_max_str_digits=0", __file__, "--child", str(first), report, str(options.seed), str(options.calls), *options.prefixes]
            environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": folder}
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
            with open(report, encoding="ascii") as lines:
                for line in lines:
                    number, text = json.loads(line) if line.endswith("\n") else (None, None)
                    if number in calls:
                        outcomes[number] = text
                    elif number is not None:
                        calls[number] = text
            last = max(calls, default=-1)
            if last in outcomes or last < first:
                if done.returncode:
                    print(f"{interpreter} ended with {done.returncode} after {calls.get(last)}: {done.stderr[-800:].decode(errors='replace')}")
                return [(calls[number], outcomes[number]) for number in sorted(calls)]
            if done.returncode == -signal.SIGALRM:
                outcomes[last] = "hangs"
            else:
                outcomes[last] = f"ends with {done.returncode}: {done.stderr[-300:].decode(errors='replace')!r}"
            first = last + 1


def cause_of(call, ours, theirs):
    """The difference without what is particular to the call."""
    target = call.split("(")[0].rpartition(".")[2]
    return tuple(re.sub(r"'[^']*'|\d+", "_", text.replace(target, "NAME"))[:120] for text in (ours, theirs))


def main():
    if sys.argv[1:2] == ["--child"]:
        first, report, seed, calls, *prefixes = sys.argv[2:]
        return child(int(first), report, seed, int(calls), prefixes)
    parser = argparse.ArgumentParser()
    parser.add_argument("gill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--examples", type=int, default=4)
    parser.add_argument("prefixes", nargs="*")
    options = parser.parse_intermixed_args()
    ours, theirs = observe(os.path.abspath(options.gill), options), dict(observe(REFERENCE, options))
    causes = collections.defaultdict(list)
    compared = 0
    for call, outcome in ours:
        if call not in theirs or theirs[call] == "hangs" and not outcome.startswith("ends"):
            continue
        compared += 1
        if outcome != theirs[call]:
            causes[cause_of(call, outcome, theirs[call])].append((call, outcome, theirs[call]))
    for examples in sorted(causes.values(), key=lambda examples: (not examples[0][1].startswith(("hangs", "ends")), -len(examples))):
        print(f"== {len(examples)} calls")
        for call, outcome, reference in examples[: options.examples]:
            print(f"  {call}\n    gill      {outcome[:400]}\n    reference {reference[:400]}")
    different = sum(map(len, causes.values()))
    print(f"{compared} calls compared, {different} differ for {len(causes)} causes")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
