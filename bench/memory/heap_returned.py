"""What stays resident after most of a large heap was freed: three million mixed objects of which one in twenty stays, then 900,000 of other sizes, then
none; and four million short strings of which one in 300 stays. The sizes are such that python3.11 holds about 660, 730 and 250 MB, and 270 MB."""
import gc
import json
import random
import sys

MEASURES = {
    "mixed, 95% freed: resident": ("MB", "at most 200"),
    "mixed, second phase, 95% freed: resident": ("MB", "at most 250"),
    "mixed, all freed: resident": ("MB", "at most 30"),
    "strings, one in 300 kept: resident": ("MB", "at most 90"),
}
RUNS = [["mixed"], ["strings"]]


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 1e6


def first_kind(i, chance):
    match i % 8:
        case 0:
            return i + 1_000_000
        case 1:
            return i * 0.5
        case 2:
            return (i, i + 1)
        case 3:
            return [i, i + 1, i + 2]
        case 4:
            return {"a": i, "b": None, "c": None}
        case 5:
            return "text %d" % i
        case 6:
            return "x" * chance.randrange(500)
        case _:
            return bytes(chance.randrange(1300))


def second_kind(i, chance):
    match i % 4:
        case 0:
            return [i] * (i % 40)
        case 1:
            return "other text %d" % i * 9
        case 2:
            return (i, i, i, str(i), [i])
        case _:
            return bytes(chance.randrange(300, 900))


def keep_some(objects, chance):
    for i in range(len(objects)):
        if chance.random() >= 0.05:
            objects[i] = None


def mixed():
    chance = random.Random(1)
    first = [first_kind(i, chance) for i in range(3_000_000)]
    keep_some(first, chance)
    after_first = resident()
    second = [second_kind(i, chance) for i in range(900_000)]
    keep_some(second, chance)
    after_second = resident()
    del first, second
    gc.collect()
    return {
        "mixed, 95% freed: resident": after_first,
        "mixed, second phase, 95% freed: resident": after_second,
        "mixed, all freed: resident": resident(),
    }


def strings():
    kept = ["string %d" % i for i in range(4_000_000)][::300]
    figures = {"strings, one in 300 kept: resident": resident()}
    del kept
    return figures


if __name__ == "__main__":
    print(json.dumps({"mixed": mixed, "strings": strings}[sys.argv[1]]()))
