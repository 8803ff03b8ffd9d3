"""Threads started and joined, one after the other: microseconds each, the least of several rounds."""
import json
import sys
import threading
import time


def nothing():
    pass


def main(count):
    least = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(count):
            thread = threading.Thread(target=nothing)
            thread.start()
            thread.join()
        least = min(least, time.perf_counter() - begin)
    return {"us": least / count * 1e6}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
