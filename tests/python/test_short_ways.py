"""What has a short way of its own must not differ from the long one: literals of dicts, sums of str, int with float, containers that die with what they hold."""
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
