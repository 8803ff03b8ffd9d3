"""A system call that lets the lock go and takes it back with nobody waiting: nanoseconds, the least of several rounds."""
import json
import os
import sys
import tempfile
import time


def main(count):
    with tempfile.TemporaryFile() as file:
        descriptor, seek = file.fileno(), os.lseek
        least = float("inf")
        for _ in range(7):
            begin = time.perf_counter()
            for _ in range(count):
                seek(descriptor, 0, 0)
            least = min(least, time.perf_counter() - begin)
    return {"ns": least / count * 1e9}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
