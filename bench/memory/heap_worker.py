"""A worker that runs for long: how much its resident set grows from the fifth to the twentieth cycle of building and dropping mixed objects."""
import json
import random

MEASURES = {"worker, growth over 15 cycles": ("MB", "at most 5% of it")}


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 1e6


def cycle(number):
    chance = random.Random(number)
    request = {}
    for i in range(60_000):
        request[f"item {i}"] = [i, float(i), {"size": chance.randrange(1000), "text": "x" * chance.randrange(200)}]
    return sum(len(value[2]["text"]) for value in request.values())


def main():
    kept = []
    for number in range(21):
        kept.append(cycle(number))
        if number == 5:
            early = resident()
    return {"worker, growth over 15 cycles": resident() - early}


if __name__ == "__main__":
    print(json.dumps(main()))
