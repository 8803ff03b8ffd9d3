"""Cycles through every attribute of instances of every layout that a class statement can make, found by every kind of collection."""
import gc
import itertools
import unittest
import weakref


class Base:
    __slots__ = ("a", "b")


class Adjoining(Base):
    __slots__ = ("c", "__weakref__")


class Apart(Adjoining):
    __slots__ = ("d",)


class WithDict(Apart):
    pass


class Plain:
    pass


class SlotsAndDict(Plain):
    __slots__ = ("e", "f")


class Items(list):
    __slots__ = ("g", "__weakref__")


class Empty(Adjoining):
    __slots__ = ()


NAMES = {
    Adjoining: "abc",
    Apart: "abcd",
    WithDict: "abcdxy",
    Plain: "xyz",
    SlotsAndDict: "efxy",
    Items: "g",
    Empty: "abc",
}


def cycles():
    """For each attribute a fresh object that only itself refers to."""
    for kind, names in NAMES.items():
        for name, wants_dict in itertools.product(names, (False, True)):
            one = kind()
            for other in names:
                setattr(one, other, None)
            if wants_dict and hasattr(one, "__dict__"):
                one.__dict__
            delattr(one, names[0])
            setattr(one, names[0], 5)
            setattr(one, name, [one])
            yield one


class InstanceShapes(unittest.TestCase):
    def check(self, collect):
        references = [weakref.ref(one) for one in cycles()]
        collect()
        alive = [reference() for reference in references if reference() is not None]
        self.assertEqual([type(one).__name__ for one in alive], [])

    def test_young(self):
        gc.disable()
        self.addCleanup(gc.enable)
        self.check(lambda: gc.collect(0))

    def test_full(self):
        self.check(gc.collect)

    def test_what_is_referenced_stays(self):
        kept = list(cycles())
        gc.collect()
        for one in kept:
            for name in NAMES[type(one)]:
                getattr(one, name)

    def test_the_class_goes_with_its_instances(self):
        def make():
            kind = type("Local", (Apart,), {"__slots__": ("last",)})
            kind.instance = one = kind()
            one.last = one
            return weakref.ref(kind)

        reference = make()
        gc.collect()
        self.assertIsNone(reference())

    def test_a_class_made_while_another_goes(self):
        for _ in range(200):
            kind = type("Local", (Base,) if _ % 2 else (), {"__slots__": tuple("pqrs"[: _ % 5])})
            one = kind()
            if _ % 2:
                one.a = one
            else:
                kind.one = one
            del kind, one
            if _ % 20 == 0:
                gc.collect()
        gc.collect()
        self.assertEqual([kind for kind in Base.__subclasses__() if kind.__name__ == "Local"], [])


if __name__ == "__main__":
    unittest.main()
