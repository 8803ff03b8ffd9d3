"""What has a short way of its own must not differ from the long one: literals of dicts, sums of str, int with float, lists of a few items, items replaced,
instances, containers that die with what they hold."""
import gc
import unittest
import weakref


class Watched:
    pass


class Literals(unittest.TestCase):
    def test_keys_of_dict_literals(self):
        self.assertEqual(list({"a": 1, "b": 2, "a": 3}.items()), [("a", 3), ("b", 2)])
        self.assertEqual(list({"not a name": 1, "b": 2, "not a name": 3}.items()), [("not a name", 3), ("b", 2)])
        self.assertEqual(list({"a": 1, 2: "b", 2.0: "c", None: 0}.items()), [("a", 1), (2, "c"), (None, 0)])
        many = {"k0": 0, "k1": 1, "k2": 2, "k3": 3, "k4": 4, "k5": 5, "k6": 6, "k7": 7, "k8": 8, "k9": 9, "k10": 10, "k11": 11}
        self.assertEqual(many, {f"k{i}": i for i in range(12)})
        many["more"] = 12
        self.assertEqual(list(many)[-2:], ["k11", "more"])
        del many["k3"]
        self.assertNotIn("k3", many)

    def test_a_dict_of_containers_is_collected(self):
        def make():
            held = Watched()
            held.itself = {"a": held, "b": 1, "c": None}
            return weakref.ref(held)

        reference = make()
        gc.collect()
        self.assertIsNone(reference())
        self.assertFalse(gc.is_tracked({"a": 1, "b": 2, "c": "d"}))
        self.assertTrue(gc.is_tracked({"a": 1, "b": [], "c": "d"}))


class FewItems(unittest.TestCase):
    def made(self, n):
        """Lists of n items, each made in another way."""
        items = tuple(range(n))
        if n == 2:
            yield [0, 1]
        yield list(items)
        yield [*items]
        yield list(items)[:]
        yield [0, *items][1:]
        yield "".join(map(str, items)).replace("", " ").split()
        yield sorted(items)

    def test_growing_and_shrinking(self):
        for n in range(7):
            for items in self.made(n):
                expected = list(range(n)) if not items or items[0] == 0 else list(map(str, range(n)))
                self.assertEqual(items, expected)
                for i in range(12):
                    items.append(i)
                    expected = expected + [i]
                    self.assertEqual(items, expected)
                items[1:3] = ()
                self.assertEqual(items, expected[:1] + expected[3:])
                while items:
                    items.pop()
                items += "ab"
                self.assertEqual(items, ["a", "b"])
                items.clear()
                items.insert(0, n)
                self.assertEqual(items * 3, [n, n, n])

    def test_emptied_and_filled_again(self):
        for n in range(1, 6):
            for items in self.made(n):
                for _ in range(3):
                    items.pop(0)
                    items.insert(0, None)
                    self.assertEqual(len(items), n)
                while items:
                    del items[-1]
                for i in range(n + 1):
                    items.insert(0, i)
                self.assertEqual(items, list(range(n, -1, -1)))

    def test_filled_while_it_is_cleared(self):
        class Filling:
            def __del__(self):
                items.extend("abcdef")

        items = [Filling(), 1]
        items.clear()
        self.assertEqual(items, list("abcdef"))
        items = [1, Filling(), Filling()]
        items[:] = ()
        self.assertEqual(items, list("abcdef") * 2)

    def test_changed_while_it_is_sorted(self):
        for more in ([], [1], [1, 2, 3, 4, 5, 6]):
            def key(item):
                items.extend(more)
                return -item

            items = [1, 2, 3]
            if more:
                with self.assertRaises(ValueError):
                    items.sort(key=key)
            else:
                items.sort(key=key)
            self.assertEqual(sorted(items), [1, 2, 3])
            items.append(4)
            self.assertEqual(len(items), 4)

    def test_order_in_which_replaced_items_die(self):
        died = []

        class Noted:
            def __init__(self, name):
                self.name = name

            def __del__(self):
                died.append(self.name)

        def replace():
            for i in range(100):
                [Noted("replaced"), Noted("kept")][0] = None

        replace()
        self.assertEqual(died, ["replaced", "kept"] * 100)

    def test_item_that_is_its_list(self):
        def replace():
            for i in range(100):
                items = []
                items.append(items)
                items[0] = i
                self.assertEqual(items, [i])

        replace()


class Instances(unittest.TestCase):
    """Calls of a class from one place, before and after the class changed."""

    def setUp(self):
        class Meta(type):
            pass

        class Made(metaclass=Meta):
            def __init__(self, x):
                self.x = x

        def make(*more):
            made = []
            for i in range(100):
                made.append(Made(i))
            return made

        self.meta, self.cls, self.make = Meta, Made, make
        self.assertEqual([made.x for made in make()], list(range(100)))

    def test_another_init(self):
        def init(self, y):
            self.y = -y

        self.cls.__init__ = init
        self.assertEqual([vars(made) for made in self.make()], [{"y": -i} for i in range(100)])

    def test_init_with_other_code(self):
        self.cls.__init__.__code__ = (lambda self, z: setattr(self, "z", z)).__code__
        self.assertEqual([vars(made) for made in self.make()], [{"z": i} for i in range(100)])

    def test_init_with_other_parameters(self):
        def init(self, x, y=5):
            self.x, self.y = x, y

        self.cls.__init__ = init
        self.assertEqual({made.y for made in self.make()}, {5})
        self.cls.__init__ = lambda self: None
        with self.assertRaisesRegex(TypeError, "takes 1 positional argument but 2 were given"):
            self.make()

    def test_init_that_returns_something(self):
        self.cls.__init__ = lambda self, x: x
        with self.assertRaisesRegex(TypeError, r"^__init__\(\) should return None, not 'int'$"):
            self.make()

    def test_init_that_raises(self):
        def init(self, x):
            1 / 0

        self.cls.__init__ = init
        with self.assertRaises(ZeroDivisionError):
            self.make()

    def test_without_init(self):
        del self.cls.__init__
        with self.assertRaisesRegex(TypeError, "takes no arguments"):
            self.make()

    def test_new(self):
        self.cls.__new__ = lambda cls, x: x
        self.assertEqual(self.make(), list(range(100)))

    def test_call_of_the_metaclass(self):
        self.meta.__call__ = lambda cls, x: [x]
        self.assertEqual(self.make(), [[i] for i in range(100)])

    def test_abstract(self):
        self.cls.__abstractmethods__ = {"absent"}
        with self.assertRaisesRegex(TypeError, "abstract"):
            self.make()

    def test_more_attributes_than_before(self):
        def init(self, x):
            for i in range(x):
                setattr(self, f"a{i}", i)

        self.cls.__init__ = init
        for i, made in enumerate(self.make()):
            self.assertEqual(vars(made), {f"a{n}": n for n in range(i)})

    def test_weak_references(self):
        references = [weakref.ref(made) for made in self.make()]
        self.assertEqual({reference() for reference in references}, {None})
        kept = self.make()
        references = [weakref.ref(made) for made in kept]
        self.assertEqual([reference() for reference in references], kept)


def both(a, b):
    return a


class Operands(unittest.TestCase):
    def test_one_object_twice(self):
        numbers = [10**6, 10**12, -(10**6), 0.5]
        for number in numbers:
            made = [number * 3 for _ in range(50)]
            for i in range(50):
                x = made.pop()
                self.assertEqual(x + x, number * 6)
                self.assertEqual(both(x, x) * x, number * number * 9)
                if isinstance(x, int):
                    self.assertEqual(x & x, x)
                    self.assertEqual(x ^ x, 0)

    def test_around_the_sizes_of_digits(self):
        values = [s * (2**n + d) for n in (0, 8, 29, 30, 31, 59, 60, 61, 63) for d in (-1, 0, 1) for s in (1, -1)]
        for a in values:
            for b in values:
                wide_a, wide_b = a + (1 << 200), b + (1 << 200)
                self.assertEqual(a + b, wide_a + wide_b - (1 << 201))
                self.assertEqual(a - b, wide_a - wide_b)
                self.assertEqual((a & b) + (a | b), a + b)
                self.assertEqual(a ^ b, (a | b) - (a & b))
                self.assertEqual((a + b) - b, a)

    def test_ranges_around_the_sizes_of_digits(self):
        for middle in (0, 257, 2**30, 2**60, 2**62, -5, -(2**30), -(2**60)):
            seen = []
            for i in range(middle - 3, middle + 3):
                seen.append(i)
            self.assertEqual(seen, [middle + d for d in range(-3, 3)])
            self.assertEqual([repr(i) for i in range(middle - 3, middle + 3)], [repr(middle + d) for d in range(-3, 3)])


class Numbers(unittest.TestCase):
    def test_int_with_float(self):
        for i in (0, 1, -1, 7, 2**30, -(2**31), 2**53 + 1, -(2**59) - 1, 2**60 - 1, 2**60, 10**30):
            for x in (0.0, -0.0, 0.5, -3.25, 1e300, float("inf")):
                with self.subTest(i=i, x=x):
                    f = float(i)
                    self.assertEqual(repr(i + x), repr(f + x))
                    self.assertEqual(repr(x + i), repr(x + f))
                    self.assertEqual(repr(i - x), repr(f - x))
                    self.assertEqual(repr(x - i), repr(x - f))
                    self.assertEqual(repr(i * x), repr(f * x))
                    self.assertEqual(repr(x * i), repr(x * f))
                    if x:
                        self.assertEqual(repr(i / x), repr(f / x))
                    if i:
                        self.assertEqual(repr(x / i), repr(x / f))

    def test_refusals(self):
        zero = 0
        with self.assertRaisesRegex(ZeroDivisionError, "^float division by zero$"):
            1.5 / zero
        with self.assertRaisesRegex(ZeroDivisionError, "^float division by zero$"):
            3 / (zero * 1.0)
        with self.assertRaisesRegex(OverflowError, "^int too large to convert to float$"):
            10**400 * 1.0


class Strings(unittest.TestCase):
    def test_sums(self):
        parts = ["", "a", "bc", "def", "0123456", "x" * 8, "y" * 16, "z" * 17, "w" * 700, "\xe9", "\u20ac", "\U0001f600"]
        for a in parts:
            for b in parts:
                total = a + b
                self.assertEqual(list(total), list(a) + list(b))
                self.assertEqual(total.encode(), a.encode() + b.encode())


class Deaths(unittest.TestCase):
    def test_what_runs_code_does_so_when_its_owner_dies(self):
        dead = []

        class Loud:
            def __init__(self, name):
                self.name = name

            def __del__(self):
                dead.append(self.name)
                gc.collect()

        number, text = 10**6, "some" + str(len(dead))
        for make in (
            lambda: [float(number), Loud(1), text + "a", number + 1],
            lambda: (float(number), Loud(1), text + "a", number + 1),
            lambda: {"a": float(number), "b": Loud(1), "c": text + "a", "d": number + 1},
            lambda: {number + 1: float(number), (2, text): Loud(1), 3.5: text + "c"},
            lambda: {number + 1: float(number), (Loud(1), 2): text + "c", 3: number + 2},
            lambda: Watched(),
        ):
            owner = make()
            if isinstance(owner, Watched):
                owner.first, owner.second, owner.third = float(number), Loud(1), text + "b"
            del owner
            self.assertEqual(dead, [1])
            dead.clear()

    def test_weak_references_end(self):
        calls = []
        one = Watched()
        one.value = 1.5
        reference = weakref.ref(one, calls.append)
        del one
        self.assertEqual(calls, [reference])
        self.assertIsNone(reference())

    def test_deep_nesting(self):
        for wrap in (lambda x: [x, 1.5], lambda x: (1.5, x), lambda x: {"a": 1.5, "b": x, "c": "d"}):
            nested = None
            for _ in range(100_000):
                nested = wrap(nested)
            del nested


if __name__ == "__main__":
    unittest.main()
