"""What sys.getsizeof() says is what the heap has given."""
import collections
import gc
import os
import sys
import unittest

try:
    import gill.memory
except ImportError:
    gill = None

COUNT = 5_000


class Plain:
    def __init__(self):
        self.a = self.b = self.c = None


class Slotted:
    __slots__ = ("a", "b", "c")


class Long(int):
    pass


INSTANCE = Plain()
KINDS = {
    "int": lambda i: i + (1 << 40),
    "large int": lambda i: (1 << 400) + i,
    "float": lambda i: i * 0.5,
    "complex": lambda i: i * 0.5j,
    "2-tuple": lambda i: (KINDS, None),
    "empty list": lambda i: [],
    "list display": lambda i: [None, None, None],
    "appended list": lambda i: [*([None] * (i % 7)), None],
    "3-key dict": lambda i: {"a": None, "b": None, "c": None},
    "dict of ints": lambda i: dict.fromkeys(range(20)),
    "set": lambda i: {None},
    "larger set": lambda i: set(range(20)),
    "frozenset": lambda i: frozenset((True, None)),
    "ASCII str": lambda i: f"text {i:09}",
    "wide str": lambda i: f"text \u20ac {i:09}",
    "bytes": lambda i: b"%09d" % i,
    "bytearray": lambda i: bytearray(b"%09d" % i),
    "instance": lambda i: Plain(),
    "instance with slots": lambda i: Slotted(),
    "instance of a subclass of int": lambda i: Long(i),
    "range": lambda i: range(9),
    "slice": lambda i: slice(9),
    "deque": lambda i: collections.deque((None,)),
    "method of a dict": lambda i: KINDS.get,
    "bound method": lambda i: INSTANCE.__init__,
    "function": lambda i: lambda: None,
}


@unittest.skipIf(gill is None, "gill's own ledger")
@unittest.skipIf("ASAN_OPTIONS" in os.environ, "blocks come from malloc, and the sanitizer looks after them")
class Sizes(unittest.TestCase):
    def footprint(self):
        """Bytes of the heap and of malloc that are in use."""
        gc.collect()
        ledger = gill.memory.ledger()
        return ledger.objects + ledger.tables + ledger.native

    def test_sizes_are_those_of_the_heap(self):
        for name, make in KINDS.items():
            with self.subTest(name):
                shared = [make(i) for i in range(10)]
                kept = [None] * COUNT
                before = self.footprint()
                for i in range(COUNT):
                    kept[i] = make(i)
                grown = (self.footprint() - before) / COUNT
                said = sum(map(sys.getsizeof, kept)) / COUNT
                self.assertLess(said, grown + 1)
                # A block takes what its size class has; one of malloc has a header too.
                self.assertGreater(said, 0.75 * grown - 16)
                del shared, kept

    def test_a_collectable_object_has_nothing_in_front(self):
        self.assertEqual(sys.getsizeof([]), [].__sizeof__())
        self.assertEqual(sys.getsizeof(()), ().__sizeof__())
        self.assertEqual(sys.getsizeof(Slotted()), 40)

    def test_an_instance_counts_its_values(self):
        Plain()
        self.assertEqual(sys.getsizeof(Plain()), 64)


if __name__ == "__main__":
    unittest.main()
