"""Short-lived cycles, made and collected: what the youngest generation takes."""
import json
import time

MEASURES = {
    "short-lived cycles of lists": ("1/s", "at least 1.2 times"),
    "short-lived cycles of instances": ("1/s", "at least 1.2 times"),
}
COUNT = 2_000_000


class Node:
    pass


def lists():
    for _ in range(COUNT):
        a = []
        a.append(a)


def instances():
    for _ in range(COUNT):
        a = Node()
        a.me = a


def rate(make):
    best = 0.0
    for _ in range(3):
        started = time.perf_counter()
        make()
        best = max(best, COUNT / (time.perf_counter() - started))
    return best


def main():
    return {"short-lived cycles of lists": rate(lists), "short-lived cycles of instances": rate(instances)}


if __name__ == "__main__":
    print(json.dumps(main()))
