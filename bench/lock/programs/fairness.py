"""Threads that only compute, side by side: least to most progress, and all of them together against one alone."""
import json
import sys
import time

from load import Computing


def run(count, seconds):
    with Computing(count) as load:
        time.sleep(seconds)
    return load


def main(count, seconds):
    # Alone before and after: the machine is not equally fast all the time.
    before = run(1, seconds / 2)
    together = run(count, seconds)
    after = run(1, seconds / 2)
    return {"least_to_most": min(together.progress) / max(together.progress), "total": together.rate() * 2 / (before.rate() + after.rate())}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), float(sys.argv[2]))))
