"""The most that is resident while cyclic garbage is made without end: short-lived cycles beside a small heap, and old ones that are let go of
in a heap of half a million containers, first in pairs, then in rings of a thousand."""
import json
import resource
import sys

MEASURES = {
    "garbage, short-lived: peak": ("MB", "at most 1.2 times"),
    "garbage, old pairs: peak": ("MB", "at most 1.2 times"),
    "garbage, old rings: peak": ("MB", "at most 1.2 times"),
}
CONTAINERS = 500_000


class Node:
    def __init__(self, next=None):
        self.next = next
        self.payload = "x" * 100


def ring(size):
    first = last = Node()
    for _ in range(size - 1):
        last = Node(last)
    first.next = last
    return first


def replace(size, rounds):
    count = CONTAINERS // size
    rings = [ring(size) for _ in range(count)]
    for i in range(rounds * count):
        rings[i * 7919 % count] = ring(size)


def short_lived():
    for _ in range(1_500_000):
        ring(2)


PHASES = {"short-lived": short_lived, "old pairs": lambda: replace(2, 8), "old rings": lambda: replace(1000, 8)}


def main(phase):
    PHASES[phase]()
    return {f"garbage, {phase}: peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}


RUNS = [[phase] for phase in PHASES]  # a process each

if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
