"""Runs the fuzzers' targets without libFuzzer: inputs of tests/fuzz/seeds.py with simple mutations, the same ones each time.

`smoke.py TARGET COUNT KEPT` keeps the input that runs in the file KEPT, for when it ends the process.
`smoke.py TARGET FILE...` runs files, as libFuzzer leaves them.
"""
import os
import random
import sys

import seeds
import targets


def mutated(random, data, others, words):
    data = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        end = min(len(data), at + random.choice((1, 1, 2, 4, 16, 64)))
        match random.randrange(6):
            case 0: data[at:end] = random.randbytes(end - at)
            case 1: del data[at:end]
            case 2: data[at:at] = data[at:end]
            case 3: data[at:at] = random.choice(words)
            case 4: data[at:end] = random.choice(words)
            case 5:
                other = random.choice(others)
                start = random.randrange(len(other) + 1)
                data[at:end] = other[start:start + random.choice((4, 16, 64))]
    return bytes(data)


def inputs(name, count):
    dice, known, words = random.Random(name), seeds.seeds(name), seeds.words(name)
    for _ in range(count):
        yield mutated(dice, dice.choice(known), known, words)[:targets.TARGETS[name].max_length]


def main():
    name, *rest = sys.argv[1:]
    if not rest[0].isdecimal():
        run = targets.prepare(name)
        for path in rest:
            with open(path, "rb") as file:
                run(file.read())
        return
    count, kept = rest
    known = list(inputs(name, int(count)))
    run = targets.prepare(name)
    with open(kept, "wb", buffering=0) as file:
        for data in known:
            os.pwrite(file.fileno(), data, 0)
            file.truncate(len(data))
            run(data)
    os.remove(kept)


if __name__ == "__main__":
    main()
