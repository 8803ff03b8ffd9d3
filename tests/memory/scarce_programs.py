"""Operations of every family, run while one allocation after the other fails: each may end in MemoryError, none may crash.

`scarce_programs.py FAMILY STEP` runs each function of the family with its first allocation failing, then with its first + STEP, and so on,
until a run needs no more allocations. Errors that say that the runtime lost track (SystemError) are printed, and make it fail.
"""
import sys

import _testcapi

FAMILIES = {}


def family(function):
    """Decorator: the function belongs to the family that its name begins with."""
    FAMILIES.setdefault(function.__name__.partition("_")[0], []).append(function)
    return function


# ---- classes ---------------------------------------------------------------------------------------------

class Meta(type):
    def __new__(mcls, name, bases, namespace, **options):
        return super().__new__(mcls, name, bases, dict(namespace))

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace)


class Base(metaclass=Meta):
    shared = [1, 2]

    def __init__(self, x, *rest, key=None, **more):
        self.x = x
        self.rest = rest
        self.key = key
        self.__dict__.update(more)

    def __init_subclass__(cls, **options):
        super().__init_subclass__()

    @property
    def double(self):
        return self.x * 2

    @classmethod
    def make(cls, *args):
        return cls(*args)

    @staticmethod
    def plus(a, b):
        return a + b

    def __repr__(self):
        return f"{type(self).__name__}({self.x!r})"

    def __eq__(self, other):
        return self.x == other.x

    def __hash__(self):
        return hash(self.x)

    def __add__(self, other):
        return type(self)(self.x + other.x)

    def __getattr__(self, name):
        if name.startswith("dynamic"):
            return name
        raise AttributeError(name)


class Child(Base):
    def method(self):
        return super().double

    def __del__(self):
        pass


class Slotted:
    __slots__ = ("a", "b", "__weakref__")

    def __init__(self):
        self.a = 1
        self.b = [self]


@family
def classes_instances():
    one, two = Child(1, 2, 3, key="k", other=5), Child.make(2)
    one + two, one.double, one.method(), repr(one), one == two, {one: two}, one.dynamic
    one.added = 1
    del one.x
    getattr(one, "missing", None)
    vars(two), dir(two)


@family
def classes_slots_and_weak_references():
    import weakref
    slotted = Slotted()
    weakref.ref(slotted, lambda reference: None)
    instance = Child(3)
    weakref.proxy(instance).x
    weakref.WeakValueDictionary({1: instance})
    weakref.WeakKeyDictionary({instance: 1})
    weakref.finalize(instance, len, "")


@family
def classes_made_on_the_fly():
    made = type("Made", (Base,), {"a": 1, "__slots__": ()})
    made(1)
    made.b = 2

    class Local(Base, option=1):
        attribute: int = 3

        def __set_name__(self, owner, name):
            pass
    Local(1).attribute
    Local.__subclasses__(), Local.__mro__, Local.__annotations__


@family
def classes_copies():
    import copy
    copy.copy(Child(1))
    copy.deepcopy([Slotted(), {"a": Child(2)}])


@family
def classes_library():
    import dataclasses
    import enum
    import functools
    import types
    enum.Enum("Color", "RED BLUE")
    dataclasses.make_dataclass("Point", ["x", ("y", int, 2)], order=True)(1)
    functools.partial(Child.plus, 1)(2)
    types.SimpleNamespace(a=1)
    functools.cached_property(len)
    types.MappingProxyType({}).get(1)


# ---- exceptions ------------------------------------------------------------------------------------------

class Own(Exception):
    def __init__(self, *args, note=None):
        super().__init__(*args)
        self.note = note


@family
def exceptions_chained():
    import traceback

    def deep(n):
        if n == 0:
            raise ValueError("bottom", n)
        deep(n - 1)
    try:
        try:
            deep(10)
        except ValueError as e:
            raise Own("a", 1, note="n") from e
    except Own as e:
        "".join(traceback.format_exception(e))
        e.add_note("more")
        e.with_traceback(None)


@family
def exceptions_groups():
    try:
        raise ExceptionGroup("g", [ValueError(1), TypeError(2), ExceptionGroup("h", [OSError(2, "no")])])
    except* ValueError as group:
        len(group.exceptions)
    except* OSError as group:
        group.split(OSError)
    except* TypeError:
        pass


@family
def exceptions_of_the_interpreter():
    for statement in ("open('/nonexistent/file')", "b'\\xff'.decode()", "int('x' * 20)", "undefined_name", "(1).nothing", "import nothing_such",
                      "a = = 1", "raise StopIteration(5)", "{}['key']", "[][1]", "1 / 0", "'\\ud800'.encode()", "None + 1", "len()", "f()(x=1)"):
        try:
            exec(statement, {})
        except MemoryError:
            raise
        except Exception as e:
            str(e), repr(e)


@family
def exceptions_in_with():
    import contextlib

    @contextlib.contextmanager
    def manager():
        try:
            yield 1
        except KeyError as e:
            raise RuntimeError("in manager") from e
    try:
        with manager(), contextlib.suppress(IndexError), contextlib.ExitStack() as stack:
            stack.callback(len, "")
            {}["x"]
    except RuntimeError as e:
        e.__cause__


@family
def exceptions_of_depth():
    def recurse():
        recurse()
    try:
        recurse()
    except RecursionError:
        sys.exc_info()


# ---- generators and comprehension ----------------------------------------------------------------------------

def generator(n):
    try:
        for i in range(n):
            yield i
    finally:
        n = None


def delegating(n):
    return (yield from generator(n))


@family
def generators_plain():
    list(delegating(5))
    g = generator(3)
    next(g)
    g.send(1)
    g.close()
    g = generator(3)
    next(g)
    try:
        g.throw(ValueError("x"))
    except ValueError:
        pass
    next(generator(3))


@family
def generators_comprehension():
    [x * y for x in range(4) for y in range(3) if x]
    {x: [x] for x in "abc"}
    {x for x in (1, 2, 3)}
    sum(x for x in range(20))
    (lambda *a, k=1, **kw: (a, k, kw))(1, 2, z=3)


@family
def generators_iterators():
    import itertools
    list(zip(range(5), "abcde", strict=True)), list(map(str, range(3))), list(filter(None, range(3)))
    list(enumerate("ab")), list(reversed([1, 2])), sorted("hello", key=lambda c: -ord(c))
    list(itertools.chain([1], [2])), list(itertools.product("ab", repeat=2)), list(itertools.permutations("abc"))
    list(itertools.groupby("aabb")), list(itertools.accumulate([1, 2, 3])), list(itertools.islice(itertools.count(), 4))
    a, b = itertools.tee([1, 2, 3])
    list(a), list(b), list(itertools.combinations("abcd", 2)), list(itertools.zip_longest("ab", "c")), list(itertools.pairwise("abc"))


@family
def generators_patterns():
    match [1, {"k": (2, 3), "l": 4}, Base(5)]:
        case [x, {"k": (y, z), **rest}, Base(x=n)]:
            pass
    a, *b, c = range(6)
    print(*[1, 2], sep="", end="", file=None, **{"flush": False})


@family
def generators_async():
    async def numbers(n):
        for i in range(n):
            yield i

    class Context:
        async def __aenter__(self):
            return 1

        async def __aexit__(self, *args):
            return False

    async def work():
        total = [x async for x in numbers(3)]
        async with Context() as c:
            total.append(c)
    try:
        coroutine = work()
        coroutine.send(None)
    except StopIteration:
        pass


# ---- containers and numbers ------------------------------------------------------------------------------

@family
def containers_str():
    s = "héllo wörld " * 3
    s.upper(), s.split(), s.replace("l", "LL"), s.encode(), s.center(80), s.title(), s.partition("w"), s.join("abc")
    s.translate({104: "x"}), s.expandtabs(), s.splitlines(), "%s %r %d %5.2f" % (s, s, 3, 2.5), "{:>10} {!r} {a}".format(1, 2, a=3)
    f"{s!a:>50} {7:#x} {7 / 3:e}", s[::2], s + "€" + "\U0001f600", s.casefold(), s.zfill(60), s * 3, s.rsplit(" ", 1), s.encode("utf-16")
    sys.intern(s), s.maketrans("a", "b"), s.swapcase(), s.lstrip("h"), s.removeprefix("h"), repr(s), hash(s), ascii(s)


@family
def containers_bytes():
    b = b"hello world" * 3
    b.hex(), bytes.fromhex("ab cd"), b.split(), b.replace(b"l", b"LL"), b.decode("latin-1"), b % (), bytearray(b), b[::2], b.title(), b.join([b"a", b"b"])
    ba = bytearray(b)
    ba += b"x" * 50
    ba[2:5] = b""
    ba.extend(range(10))
    del ba[::3]
    ba.insert(0, 1)
    with memoryview(ba) as m:
        m[1:5].tolist(), m.cast("b"), m.tobytes()
    b.decode("utf-8"), b.translate(None, b"l"), b.rpartition(b"w"), bytes([1, 2]), bytes(5)


@family
def containers_list():
    items = list(range(50))
    items.append(1)
    items.extend("abc")
    items.insert(3, 4)
    items[5:10] = [1, 2]
    del items[::7]
    items.reverse()
    items.copy(), items * 2, items + items, tuple(items), repr(items)
    items = [str(x) for x in range(50)]
    items.sort()
    items.sort(key=len, reverse=True)
    t = tuple(range(10))
    t + t, t * 2, t[2:5], hash(t), t.index(3)


@family
def containers_dict():
    d = {str(k): k for k in range(50)}
    d.update(a=1)
    d | {"b": 2}, d.setdefault("zz", []), list(d.items()), d.keys() & {"a"}, d.copy(), dict.fromkeys("abc"), repr(d), {**d, "q": 1}
    d.pop("3")
    d.popitem()
    del d["4"]
    for i in range(200):
        d[i] = i
    dict(d), dict([("a", 1)]), d == dict(d), list(reversed(d)), d.values()


@family
def containers_set():
    s = set(range(30))
    s | {99}, s & {1, 2}, s ^ {1, 200}, s - {3}, frozenset(s), s <= s, s.copy(), repr(s)
    s.add("x")
    s.update("abc", range(100))
    s.discard(5)
    s -= {7}
    s.pop()


@family
def containers_numbers():
    n = 10 ** 50
    n * n, n // 7, n ** 3, divmod(n, 12345678901234567890), str(n), int(str(n)), n << 70, n >> 3, n.to_bytes(30, "big"), pow(n, 3, 97), -n, ~n, n ^ 1
    n / 3, float(n), hex(n), n.bit_count(), round(n, -3), int(1e30), n & -n
    float("1.5") ** 2.5, round(2.345, 2), (1.5).hex(), complex("1+2j") * 3j, repr(1e300), (0.1).as_integer_ratio(), "%.20f" % 0.1


@family
def containers_library():
    import array
    import bisect
    import collections
    import functools
    import heapq
    collections.deque(range(100), 10).rotate(3)
    collections.OrderedDict(a=1, b=2).move_to_end("a")
    collections.Counter("hello").most_common(2)
    collections.defaultdict(list)["x"].append(1)
    collections.namedtuple("NT", "a b")(1, 2)._replace(a=2)
    array.array("d", range(20)).tolist()
    heap = [3, 1, 2]
    heapq.heapify(heap)
    heapq.heappush(heap, 0)
    bisect.insort(heap, 5)
    functools.lru_cache(2)(len)("abc")
    slice(1, 2, 3).indices(10), range(10)[2:5], list(range(0, 10 ** 20, 10 ** 19))


# ---- code ------------------------------------------------------------------------------------------------

SOURCE = """
import sys as s
from os import path, sep
class C(object):
    '''doc'''
    x: int = 3
    @property
    def p(self, *args, k=1, **kwargs) -> str:
        nonlocal_ = lambda: (yield)
        try:
            with open(f"{self!r:>{k}}") as f, f as g:
                return [a for a in b] if False else {**args}
        except (ValueError, OSError) as e:
            raise
        finally:
            del g
    async def q(self): return [a async for a in await self]
    def r(self):
        try: pass
        except* ValueError: pass
def f(a, /, b=2, *, c):
    global d
    def g():
        nonlocal a
        a += 1; assert a, "message"
    match a:
        case {"x": [1, *_]} | C(x=0): pass
        case str() as text if text: print(text)
    while a < b <= c: a = (b := a) if a else b @ c
    else: return g
"""


@family
def code_compile():
    exec_able = compile(SOURCE, "<scarce>", "exec")
    exec(exec_able, {})
    repr(exec_able), exec_able.replace(co_name="x"), list(exec_able.co_lines()), list(exec_able.co_positions())


@family
def code_tree():
    import ast
    tree = ast.parse(SOURCE)
    ast.dump(tree)
    compile(tree, "f", "exec")
    ast.unparse(tree), ast.literal_eval("[1, {'a': (2, None)}]")


@family
def code_import():
    import importlib
    for module in ("colorsys", "keyword", "sched"):
        sys.modules.pop(module, None)
        importlib.import_module(module)


@family
def code_marshal_and_pickle():
    import marshal
    import pickle
    marshal.loads(marshal.dumps([1, "a", (2, 3.5), {"k": b"v"}, 10 ** 30, code_compile.__code__]))
    for protocol in range(6):
        pickle.loads(pickle.dumps([1, "a", {"b": (2, 3.5)}, Base(3), len, {1}, b"x" * 300], protocol))


@family
def code_frames():
    import inspect
    inspect.signature(code_import)
    sys._getframe().f_locals, sys._getframe().f_back
    sys.settrace(lambda *args: None)
    try:
        list(generator(2))
    finally:
        sys.settrace(None)


# ---- modules ---------------------------------------------------------------------------------------------

@family
def modules_re():
    import re
    re.purge()
    re.compile(r"(\w+)\s*(?P<x>\d+)|[a-f]{2,3}").sub(r"\1", "abc 12 def 34")
    re.findall(r"(a|b)+?", "aabb"), re.split(r"\W", "a b,c"), re.match("(?i)X", "x").groupdict(), list(re.finditer("a", "aa"))


@family
def modules_json():
    import json
    text = json.dumps({"a": [1, 2.5, None, True, "é"], "b": {"c": "d"}}, indent=1)
    json.loads(text), json.dumps(["x" * 100, {1: 2}])


@family
def modules_io():
    import io
    f = io.StringIO()
    f.write("a\nb\n" * 20)
    f.seek(0)
    f.readlines(), f.getvalue(), io.BytesIO(b"abc").read(2)
    with open(__file__, encoding="utf-8") as source:
        source.readline(), source.read(100), source.tell()
    with open(__file__, "rb") as source:
        source.readlines(), source.seek(0), source.read()
    with io.TextIOWrapper(io.BufferedWriter(io.BytesIO()), "utf-16") as wrapper:
        wrapper.write("x" * 100)
        print(1, 2.5, None, file=wrapper)


@family
def modules_threads():
    import _thread
    import threading
    import time
    threading.Thread(target=len)
    threading.RLock(), threading.Condition(), threading.Event()
    local = threading.local()
    local.x = 1
    # Threads that fail early say so to nobody.
    unraisable, sys.unraisablehook = sys.unraisablehook, lambda args: None
    try:
        _thread.start_new_thread(list, (range(10),))
        while _thread._count():
            time.sleep(0.0001)
    finally:
        sys.unraisablehook = unraisable


@family
def modules_data():
    import csv
    import datetime
    import hashlib
    import struct
    import zlib
    struct.unpack("<IHd", struct.pack("<IHd", 1, 2, 3.5))
    datetime.datetime(2020, 1, 1).strftime("%Y %j"), datetime.date(2020, 1, 1) + datetime.timedelta(days=3)
    datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc).isoformat(), datetime.datetime.fromisoformat("2020-01-02T03:04:05")
    list(csv.reader(["a,b", '"x,y",2'])), hashlib.sha256(b"x").hexdigest(), zlib.decompress(zlib.compress(b"x" * 1000))


@family
def modules_system():
    import contextvars
    import gc
    import os
    import time
    import warnings
    os.listdir("/"), os.stat("/"), os.environ.get("HOME"), os.fspath("a"), [e.name for e in os.scandir("/")]
    time.strftime("%Y"), time.localtime(), contextvars.copy_context().run(len, "abc")
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        warnings.warn("x")
    gc.collect()


CLEAN_RUNS = 30  # as many in a row, and there was no allocation left to fail


def run_scarcely(function, step):
    """Fails one allocation of the function's after the other. How many runs it took, and the SystemErrors."""
    function()  # what is made at first use is there then
    errors = []
    n = clean = 0
    while clean < CLEAN_RUNS:
        clean += 1
        _testcapi.set_nomemory(n, n + 1)
        try:
            function()
        except SystemError as e:
            _testcapi.remove_mem_hooks()
            errors.append(f"allocation {n}: {e}")
            clean = 0
        except Exception:
            clean = 0
        finally:
            _testcapi.remove_mem_hooks()
        n += step
    return n // step, errors


def main(name, step):
    lost_track = False
    for function in FAMILIES[name]:
        runs, errors = run_scarcely(function, step)
        print(function.__name__, runs, *errors[:5], sep="\n  ", flush=True)
        lost_track |= bool(errors)
    return lost_track


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
