"""Types that reach deep into the object model: wrapt, zope.interface, persistent, BTrees, pydantic, pyrsistent, cytoolz, protobuf, coverage, line_profiler."""
import gc
import io
import pickle
import re
import sys

import BTrees.OOBTree
import coverage
import cytoolz
import line_profiler
import persistent
import pydantic
import pyrsistent
import wrapt
import zope.interface
from google.protobuf import descriptor_pb2, json_format, struct_pb2


@wrapt.decorator
def logged(wrapped, instance, args, kwargs):
    return "logged", instance is None, wrapped(*args, **kwargs)


class Adder:
    @logged
    def add(self, a, b=1):
        return a + b

    @logged
    @classmethod
    def make(cls):
        return cls.__name__


proxy = wrapt.ObjectProxy([3, 1, 2])
proxy.sort()
print(Adder().add(2), Adder.make(), logged(len)("abc"), proxy, proxy + [4], isinstance(proxy, list), len(proxy), proxy == [1, 2, 3], repr(type(proxy)))


class IThing(zope.interface.Interface):
    name = zope.interface.Attribute("a name")

    def go(where):
        """Goes."""


@zope.interface.implementer(IThing)
class Thing:
    name = "thing"

    def go(self, where):
        return where


print(IThing.providedBy(Thing()), list(zope.interface.implementedBy(Thing)), IThing(Thing()).go(3), IThing.names(), IThing(4, "none"))
try:
    IThing(4)
except TypeError as error:
    print(error)


class Record(persistent.Persistent):
    def __init__(self, **values):
        self.__dict__.update(values)


record = pickle.loads(pickle.dumps(Record(a=1, b=[2])))
print(record.a, record._p_changed, record._p_state, sorted(record.__dict__), record.__getstate__())
tree = BTrees.OOBTree.OOBTree({i * 7 % 101: str(i) for i in range(100)})
print(len(tree), tree.minKey(), tree.maxKey(50), list(tree.items(10, 15)), BTrees.OOBTree.union(BTrees.OOBTree.OOSet([1]), BTrees.OOBTree.OOSet([2])), pickle.loads(pickle.dumps(tree))[3])
del tree[3]
try:
    tree[3]
except KeyError as error:
    print("KeyError", error)


class Model(pydantic.BaseModel):
    n: int
    tags: list[str] = []
    inner: "Model | None" = None

    @pydantic.validator("n")
    def positive(cls, value):
        if value < 0:
            raise ValueError("negative")
        return value


print(Model(n="3", tags=(1, "b"), inner={"n": 4}), Model.parse_raw('{"n": 1}').json(), sorted(Model.schema()), Model(n=1).copy(update={"n": 2}))
try:
    Model(n=-1, tags=3, inner={})
except pydantic.ValidationError as error:
    print(error)
vector = pyrsistent.v(1, 2, 3).append(4).set(0, "x")
print(vector, vector[1:3], pyrsistent.m(a=1).set("b", 2) == {"a": 1, "b": 2}, hash(pyrsistent.pvector([1, 2])) == hash(pyrsistent.v(1, 2)))
print(cytoolz.pipe(range(10), cytoolz.curried.map(lambda x: x * x), cytoolz.curried.filter(lambda x: x % 2), list), cytoolz.groupby(len, ["a", "bb", "c"]),
      cytoolz.curry(lambda a, b, c=3: (a, b, c))(1)(2), list(cytoolz.sliding_window(2, "abc")), cytoolz.merge_with(sum, {1: 1}, {1: 2}))
message = struct_pb2.Struct()
message.update({"a": 1.5, "b": [True, None, {"c": "d"}]})
again = struct_pb2.Struct.FromString(message.SerializeToString(deterministic=True))
print(again == message, json_format.MessageToJson(again, sort_keys=True), message.ByteSize(), message["b"][2]["c"])
descriptor = descriptor_pb2.FileDescriptorProto(name="f", message_type=[descriptor_pb2.DescriptorProto(name="M", field=[{"name": "x", "number": 1}])])
print(descriptor, descriptor.message_type[0].field[0].HasField("number"))
for wrong in (lambda: setattr(descriptor, "name", 3), lambda: setattr(descriptor, "nope", 3), lambda: struct_pb2.Struct.FromString(b"\xff")):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, str(error)[:50])


def measured(n):
    total = 0
    for i in range(n):
        if i % 2:
            total += i
        else:
            total -= 1
    if n < 0:
        return None
    return total


checker = coverage.Coverage(data_file=None, branch=True, include=[__file__])
checker.start()
measured(5)
[x for x in (y for y in range(3))]
checker.stop()
data = checker.get_data()
base = measured.__code__.co_firstlineno
print(type(checker._collector.tracers[0]).__name__ if checker._collector.tracers else "none", sorted(l - base for l in data.lines(__file__)), sorted((a - base, b - base) for a, b in data.arcs(__file__) if a > 0 and b > 0))
profiler = line_profiler.LineProfiler(measured)
profiler.runcall(measured, 6)
print([(line - base, hits) for lines in profiler.get_stats().timings.values() for line, hits, _ in lines])
gc.collect()
