"""What a million objects of a kind take, with their place in a list: growth of the resident set, in bytes each."""
import json
import sys

COUNT = 1_000_000


class Plain:
    def __init__(self):
        self.a = self.b = self.c = None


class Slotted:
    __slots__ = ("a", "b", "c")

    def __init__(self):
        self.a = self.b = self.c = None


# Name: how one is made, and the most it should take apart from 3% for pages.
KINDS = {
    "int": (lambda i: i + 1_000_000, 40),
    "float": (float, 32),
    "2-tuple": (lambda i: (i & 127, None), 48),
    "empty list": (lambda i: [], 48),
    "3-key dict": (lambda i: {"a": None, "b": None, "c": None}, 180),
    "instance": (lambda i: Plain(), 72),
    "instance with slots": (lambda i: Slotted(), 48),
    "short string": (str, 64),
}
MEASURES = {f"a million of: {kind}": ("bytes", f"at most {most}") for kind, (_, most) in KINDS.items()}
RUNS = [[kind] for kind in KINDS]


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def main(kind):
    make = KINDS[kind][0]
    kept = [None] * COUNT
    for i in range(1000):
        kept[i] = make(i)
    before = resident()
    for i in range(1000, COUNT):
        kept[i] = make(i)
    return {f"a million of: {kind}": (resident() - before) / (COUNT - 1000) + 8}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
