"""A small object made, kept in a ring of 1,024, and freed when its place is taken: nanoseconds, the loop included, the least of several rounds."""
import json
import time

COUNT, ROUNDS, START = 300_000, 9, 1_000_000


class Plain:
    def __init__(self, x):
        self.a = x
        self.b = x
        self.c = x


def make_int(ring):
    for i in range(START, START + COUNT):
        ring[i & 1023] = i + 7


def make_float(ring):
    for i in range(START, START + COUNT):
        ring[i & 1023] = i * 0.5


def make_tuple(ring):
    for i in range(START, START + COUNT):
        ring[i & 1023] = (i, i)


def make_list(ring):
    for i in range(START, START + COUNT):
        ring[i & 1023] = [i]


def make_dict(ring):
    for i in range(START, START + COUNT):
        ring[i & 1023] = {"a": i, "b": i, "c": i}


def make_instance(ring):
    for i in range(START, START + COUNT):
        ring[i & 1023] = Plain(i)


def make_string(ring):
    for i in range(START, START + COUNT):
        ring[i & 1023] = "key " + str(i)


MAKERS = {
    "int": make_int,
    "float": make_float,
    "2-tuple": make_tuple,
    "list": make_list,
    "3-key dict": make_dict,
    "instance": make_instance,
    "string": make_string,
}
MEASURES = {f"make and free: {kind}": ("ns", "at most 0.8 times") for kind in MAKERS}


def time_of(make):
    ring = [None] * 1024
    least = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        make(ring)
        least = min(least, time.perf_counter() - started)
    return least / COUNT * 1e9


if __name__ == "__main__":
    print(json.dumps({f"make and free: {kind}": time_of(make) for kind, make in MAKERS.items()}))
