"""Sorting of keys that are compared in different ways: whole or in part by a number, by their contents, by their methods."""
import functools
import random
import unittest


def inserted(items, key=lambda item: item):
    """A stable sort by nothing but `<`."""
    result = []
    for item in items:
        at = len(result)
        while at and key(item) < key(result[at - 1]):
            at -= 1
        result.insert(at, item)
    return result


class Sorting(unittest.TestCase):
    def check(self, items):
        expected = inserted(items)
        self.assertEqual(list(map(id, sorted(items))), list(map(id, expected)))
        backwards = inserted(reversed(items))[::-1]
        self.assertEqual(list(map(id, sorted(items, reverse=True))), list(map(id, backwards)))
        pairs = [[item] for item in items]
        by_key = inserted(pairs, key=lambda pair: pair[0])
        self.assertEqual(list(map(id, sorted(pairs, key=lambda pair: pair[0]))), list(map(id, by_key)))

    def test_kinds(self):
        rng = random.Random(7)
        choices = {
            "small ints": lambda: rng.randrange(-50, 50),
            "ints of a word": lambda: rng.randrange(-2**60 + 1, 2**60),
            "around a word": lambda: rng.choice((-1, 1)) * (2**60 + rng.randrange(-3, 3)),
            "large ints": lambda: rng.randrange(-2**80, 2**80),
            "bools": lambda: rng.random() < 0.5,
            "floats": lambda: rng.choice((0.0, -0.0, 1e300, -1e300, float("inf"), -float("inf"), rng.uniform(-9, 9))),
            "ints and floats": lambda: rng.choice((rng.randrange(5), rng.uniform(0, 5))),
            "short text": lambda: "".join(rng.choice("ab\0\xff") for _ in range(rng.randrange(4))),
            "long text": lambda: "common prefix" + "".join(rng.choice("ab") for _ in range(rng.randrange(12))),
            "wide text": lambda: "".join(rng.choice("a\u0101\U00010000") for _ in range(rng.randrange(4))),
            "bytes": lambda: bytes(rng.randrange(3) for _ in range(rng.randrange(4))),
            "pairs": lambda: (rng.randrange(5), rng.choice("ab")),
            "pairs of text": lambda: (rng.choice(("commonly", "commonly1", "common")), rng.random()),
            "tuples of any length": lambda: tuple(rng.randrange(3) for _ in range(rng.randrange(1, 4))),
            "empty tuples too": lambda: tuple(rng.randrange(3) for _ in range(rng.randrange(3))),
            "lists": lambda: [rng.randrange(3)],
        }
        for kind, choose in choices.items():
            for size in (2, 3, 40, 130):
                with self.subTest(kind=kind, size=size):
                    self.check([choose() for _ in range(size)])

    def test_many(self):
        rng = random.Random(8)
        for values in ([rng.randrange(10**6) for _ in range(3000)], [rng.uniform(-1e9, 1e-9) for _ in range(3000)],
                       [rng.randrange(-2**60 + 1, 2**60) for _ in range(3000)], [7] * 3000, list(range(3000)), list(range(3000, 0, -1))):
            self.assertEqual(sorted(values), sorted(values, key=functools.cmp_to_key(lambda a, b: (a > b) - (a < b))))
            numbered = [(value % 10, i) for i, value in enumerate(values)]
            by_first = sorted(numbered, key=lambda pair: pair[0])
            self.assertEqual(by_first, sorted(numbered))

    def test_keys_that_are_numbers_at_first(self):
        for numbers in (list(range(700, 0, -1)), [i * 7919 % 1009 - 500 for i in range(1000)], [i % 7 - 3.5 for i in range(700)], [-0.0, 0.0] * 300):
            for other in (2**70, 0.25, 3, True, float("inf")):
                for reverse in (False, True):
                    items = [*enumerate(numbers), (-1, other)]
                    expected = sorted(items, key=functools.cmp_to_key(lambda a, b: (a[1] > b[1]) - (a[1] < b[1])), reverse=reverse)
                    self.assertEqual(sorted(items, key=lambda item: item[1], reverse=reverse), expected)
        # No two of these are told apart by the upper bits alone.
        close = [1.0 + i * 7919 % 1009 * 2.0**-52 for i in range(1009)] + [-1e300, 1e300]
        self.assertEqual(sorted(close, key=lambda x: -x), sorted(close, reverse=True))
        self.assertEqual(sorted(close), sorted(close, key=lambda x: (x, 0)))
        with self.assertRaises(TypeError):
            sorted([1, 2, 3, "a"], key=lambda x: x)

    def test_error_keeps_the_items(self):
        class Unordered:
            def __lt__(self, other):
                raise ZeroDivisionError

        items = [Unordered() for _ in range(5)]
        before = sorted(map(id, items))
        with self.assertRaises(ZeroDivisionError):
            items.sort()
        self.assertEqual(sorted(map(id, items)), before)

    def test_number_of_comparisons(self):
        made = 0

        class Counted(int):
            def __lt__(self, other):
                nonlocal made
                made += 1
                return int(self) < int(other)

        def comparisons(values):
            nonlocal made
            values = [Counted(value) for value in values]
            made = 0
            self.assertEqual(sorted(values), sorted(int(value) for value in values))
            return made

        self.assertEqual(comparisons(range(1000)), 999)
        # Two runs: the boundary, the ends that stand right, and the merge, whose first and last need no comparison.
        self.assertEqual(comparisons([*range(500), *range(500)]), 1998)
        self.assertEqual(comparisons(i % 7 for i in range(100)), 494)
        self.assertEqual(comparisons(i * 7919 % 1009 for i in range(1000)), 8609)


if __name__ == "__main__":
    unittest.main()
