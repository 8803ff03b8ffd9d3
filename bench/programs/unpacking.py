"""Tuples: swaps, unpacking, star targets, named tuples, comparison, hashing."""
from collections import namedtuple

Pair = namedtuple("Pair", "left right")


def main():
    a, b, total = 1, 2, 0
    for i in range(400_000):
        a, b = b, a + 1
        x, (y, z) = i, (a, b)
        total += x + y - z
    for i in range(100_000):
        first, *rest = (i, 1, 2, 3)
        total += first + len(rest)
    pairs = [Pair(i, -i) for i in range(60_000)]
    total += sum(pair.left - pair.right for pair in pairs)
    total += len({(i % 100, i % 7) for i in range(100_000)})
    return total + ((1, 2, 3) < (1, 2, 4))
