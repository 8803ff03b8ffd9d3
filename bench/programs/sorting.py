"""Sorting of ints, floats, text and tuples, with keys, reversed; a quicksort in Python; bisect."""
import bisect
import random


def quicksort(items):
    if len(items) <= 1:
        return items
    pivot = items[len(items) // 2]
    return (quicksort([x for x in items if x < pivot]) + [x for x in items if x == pivot] +
            quicksort([x for x in items if x > pivot]))


def main():
    rng = random.Random(3)
    numbers = [rng.randrange(1_000_000) for _ in range(120_000)]
    ordered = sorted(numbers)
    total = ordered[1000]
    total += sorted(numbers, key=lambda x: -x)[1000]
    total += int(sorted([x * 0.5 for x in numbers], reverse=True)[1000])
    total += len(sorted([str(x) for x in numbers[:60_000]])[1000])
    total += sorted([(x % 100, x) for x in numbers[:60_000]])[1000][1]
    total += quicksort(numbers[:30_000])[1000]
    for x in numbers[:60_000]:
        total += bisect.bisect(ordered, x)
    return total
