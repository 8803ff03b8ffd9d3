"""Code that an automatic collection runs (finalizers, callbacks of weak references) may change any container: no operation on one may be
in the middle of its work then."""
import gc
import itertools
import sys
import unittest
import weakref


class Held:
    pass


class Clearing:
    """A cycle that empties the container as soon as a collection finds it."""
    def __init__(self, container):
        self.container = container
        self.cycle = self

    def __del__(self):
        self.container.clear()


COUNT = 2000


def new_list():
    return [Held() for _ in range(COUNT)]


def new_dict():
    return {i + 10**6: Held() for i in range(COUNT)}


def new_set():
    return {Held() for _ in range(COUNT)}


def set_slice(a):
    a[0:5] = a
    return a


def in_place(name):
    def change(a, *rest):
        getattr(a, name)(*(rest or (a,)))
        return a
    return change


OPERATIONS = {
    new_list: [
        lambda a: a[10:1500], lambda a: a[::3], lambda a: a + [1, 2], lambda a: [1] + a, lambda a: a * 3, lambda a: a.copy(), list, tuple, set, frozenset,
        set_slice, lambda a: (*a,), lambda a: [*a], lambda a: {*a}, lambda a: sorted(a, key=id), lambda a: list(reversed(a)), in_place("extend"),
        in_place("__iadd__"), lambda a: in_place("__imul__")(a, 2), lambda a: [0, *a, *a], lambda a: (lambda *b: b)(*a), lambda a: list(zip(a, a)),
        lambda a: list(enumerate(a)), lambda a: dict.fromkeys(a), lambda a: list(itertools.chain(a, a)), lambda a: list(map(id, a)),
    ],
    new_dict: [
        dict, list, tuple, set, lambda d: d.copy(), lambda d: {**d}, lambda d: d | {}, lambda d: {1: 2} | d, lambda d: list(d.items()), lambda d: list(d.values()),
        lambda d: sorted(d), lambda d: (lambda **k: k)(**{str(k): v for k, v in d.items()}), lambda d: d.keys() & d, lambda d: d.keys() | d, lambda d: dict(d, x=1),
        lambda d: d.popitem() and d,
    ],
    new_set: [
        list, tuple, frozenset, lambda s: s.copy(), lambda s: s | {1}, lambda s: s & s, lambda s: s - {1}, lambda s: s ^ {1}, lambda s: {1} | s, lambda s: [*s],
        in_place("update"), in_place("symmetric_difference_update"),
    ],
}


@unittest.skipUnless("Gill" in sys.version, "the reference collects at any allocation, and crashes")
class CollectionPointsTest(unittest.TestCase):
    def setUp(self):
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def check(self, new, operation, make_garbage):
        container = new()
        gc.collect()
        gc.set_threshold(1)
        make_garbage(container)
        gc.enable()
        try:
            result = operation(container)
        except (RuntimeError, ValueError, KeyError):
            result = []  # it may see that it was changed
        gc.disable()
        for held in result:
            self.assertIn(type(held), (Held, int, str, tuple))

    def test_finalizers_that_clear(self):
        for new, operations in OPERATIONS.items():
            for i, operation in enumerate(operations):
                with self.subTest(new=new.__name__, operation=i):
                    self.check(new, operation, Clearing)

    def test_callbacks_that_clear(self):
        references = []

        def make_garbage(container):
            cycle = Held()
            cycle.cycle = cycle
            references.append(weakref.ref(cycle, lambda _: container.clear()))
        for new, operations in OPERATIONS.items():
            for i, operation in enumerate(operations):
                with self.subTest(new=new.__name__, operation=i):
                    self.check(new, operation, make_garbage)

    def test_a_loop_collects(self):
        """What a loop makes is collected while it runs, whether its body calls anything or not."""
        gc.set_threshold(100)
        gc.enable()
        freed = []
        made = 0
        while not freed and made < 10000:
            cycle = [weakref.ref(held := Held(), freed.append)]
            held.cycle = (held, cycle)
            del held
            made += 1
        self.assertTrue(freed)


if __name__ == "__main__":
    unittest.main()
