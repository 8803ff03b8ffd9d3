"""Building five million slotted objects with the collector on, and off."""
import gc
import json
import time

MEASURES = {
    "build, collector on": ("s", "less"),
    "build, collector off": ("s", "less"),
    "build, on / off": ("", "at most 1.15"),
}
COUNT = 5_000_000


class Point:
    __slots__ = ("x", "y", "next")

    def __init__(self, x, y, next):
        self.x = x
        self.y = y
        self.next = next


def build():
    points = []
    last = None
    started = time.perf_counter()
    for i in range(COUNT):
        last = Point(i, None, last if i % 16 else None)
        points.append(last)
    return time.perf_counter() - started, points


def main():
    on, points = build()
    points.clear()
    gc.collect()
    gc.disable()
    off, points = build()
    return {"build, collector on": on, "build, collector off": off, "build, on / off": on / off}


if __name__ == "__main__":
    print(json.dumps(main()))
