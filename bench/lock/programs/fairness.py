"""Threads that only compute, side by side: least to most progress, and all of them together against one alone."""
import json
import statistics
import sys
import time

from load import Computing

TRIALS = 3


def run(count, seconds):
    with Computing(count) as load:
        time.sleep(seconds)
    return load


def main(count, seconds):
    """The middle one of some trials: for seconds at a time a processor of a virtual machine is half as fast as another."""
    fairness, totals = [], []
    before = run(1, seconds / 5)
    for _ in range(TRIALS):
        together = run(count, seconds)
        after = run(1, seconds / 5)
        fairness.append(min(together.progress) / max(together.progress))
        totals.append(together.rate() * 2 / (before.rate() + after.rate()))
        before = after
    return {"least_to_most": statistics.median(fairness), "total": statistics.median(totals)}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), float(sys.argv[2]))))
