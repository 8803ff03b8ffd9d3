"""Programs print sets, so small integers come in the order of the reference; run under both, the digests are equal."""
import hashlib
import unittest


def walk(count):
    state, lines = 12345, []
    for n in range(count):
        one = set()
        for i in range(n * 3):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            one.add(state % (50 + n * 17) * (1 if n % 2 else 977))
            if i % 5 == 4:
                one.discard(next(iter(one)))
        two = set(range(n))
        three = one.copy()
        three.update({i * 7: 0 for i in range(n)})
        lines.append(repr([list(s) for s in (one, one | two, one - two, one & two, one ^ two, three, frozenset(one))]))
    return "\n".join(lines)


class SetOrderTest(unittest.TestCase):
    def test_order_of_integers(self):
        self.assertEqual(hashlib.md5(walk(60).encode()).hexdigest(), "9c6bd8a887dabdfc204255af1f8b90a6")

    def test_small_literals(self):
        self.assertEqual(repr({3, 1, 2}), "{1, 2, 3}")
        self.assertEqual(list({8, 0, 16, 1}), [8, 0, 16, 1])


if __name__ == "__main__":
    unittest.main()
