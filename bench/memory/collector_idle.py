"""What the collector costs programs that make no cycles: the time with it on, against the time after gc.disable()."""
import gc
import json
import time

MEASURES = {"no cycles, on / off": ("", "at most 1.02")}
ROUNDS = 15


def work():
    words = {}
    for i in range(60_000):
        key = ("word", i % 5000)
        words.setdefault(key, []).append({"i": i})
    tree = None
    for i in range(40_000):
        tree = (tree, [i], {i: i}) if i % 100 else None
    return sum(len(v) for v in words.values())


def timed():
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main():
    on, off = [], []
    for _ in range(ROUNDS):
        gc.enable()
        on.append(timed())
        gc.disable()
        off.append(timed())
    return {"no cycles, on / off": min(on) / min(off)}


if __name__ == "__main__":
    print(json.dumps(main()))
