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
    alone = run(1, seconds)
    together = run(count, seconds)
    return {"least_to_most": min(together.progress) / max(together.progress), "total": together.rate() / alone.rate()}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), float(sys.argv[2]))))
