"""What stays resident after most of a large heap was freed: three million mixed objects of which one in twenty stays, then as many of other sizes, then
none; and four million short strings of which one in 300 stays."""
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


def first_kind(i):
    match i % 6:
        case 0:
            return {"key": i, "value": str(i)}
        case 1:
            return [i, i + 1, i + 2]
        case 2:
            return "text %d " % i * 4
        case 3:
            return (i, float(i))
        case 4:
            return bytes(i % 300)
        case _:
            return {i}


def second_kind(i):
    match i % 4:
        case 0:
            return [i] * (i % 40)
        case 1:
            return "other text %d" % i * 9
        case 2:
            return (i, i, i, str(i), [i])
        case _:
            return bytearray(i % 700)


def keep_some(objects, chance):
    for i in range(len(objects)):
        if chance.random() >= 0.05:
            objects[i] = None


def mixed():
    chance = random.Random(1)
    first = [first_kind(i) for i in range(3_000_000)]
    keep_some(first, chance)
    after_first = resident()
    second = [second_kind(i) for i in range(1_500_000)]
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
