"""A small object made and, a thousand later, freed: nanoseconds each, the least of several rounds, without the loop."""
import json
import time

COUNT, ROUNDS = 300, 9
KINDS = ("int", "float", "2-tuple", "list", "3-key dict", "instance", "string")
MEASURES = {f"make and free: {kind}": ("ns", "at most 0.8 times") for kind in KINDS}


class Plain:
    def __init__(self, x):
        self.a = x
        self.b = x
        self.c = x


def nothing(ring, i):
    for place in range(1000):
        ring[place] = None


def make_int(ring, i):
    for place in range(1000):
        ring[place] = i + place


def make_float(ring, i):
    start = i * 0.5
    for place in range(1000):
        ring[place] = start + place


def make_tuple(ring, i):
    for place in range(1000):
        ring[place] = (i, place)


def make_list(ring, i):
    for place in range(1000):
        ring[place] = []


def make_dict(ring, i):
    for place in range(1000):
        ring[place] = {"a": i, "b": place, "c": i}


def make_instance(ring, i):
    for place in range(1000):
        ring[place] = Plain(i)


def make_string(ring, i):
    start = "abc%d" % i
    for place in range(1000):
        ring[place] = start + "xyz"


def time_of(make):
    ring = [None] * 1000
    least = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for i in range(COUNT):
            make(ring, 1_000_000 + i)
        least = min(least, time.perf_counter() - started)
    return least / (COUNT * 1000) * 1e9


def main():
    loop = time_of(nothing)
    makers = (make_int, make_float, make_tuple, make_list, make_dict, make_instance, make_string)
    return {f"make and free: {kind}": time_of(make) - loop for kind, make in zip(KINDS, makers)}


if __name__ == "__main__":
    print(json.dumps(main()))
