"""The same native work in two threads against one after the other: zlib, hashlib and file reads; speed-up by the second core."""
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
import zlib


def seconds(work, threads):
    running = [threading.Thread(target=work) for _ in range(threads)]
    begin = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return time.perf_counter() - begin


def speed_up(work):
    return 2 * min(seconds(work, 1) for _ in range(3)) / min(seconds(work, 2) for _ in range(3))


def main():
    text = b"".join(b"%d " % (i * 7919 % 100_003) for i in range(200_000))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "data")
        with open(path, "wb") as file:
            file.write(os.urandom(1 << 20) * 32)

        def compress():
            for _ in range(4):
                zlib.compress(text)

        def digest():
            for _ in range(40):
                hashlib.sha256(text).digest()

        def read():
            for _ in range(16):
                with open(path, "rb", buffering=0) as file:
                    while file.read(1 << 16):
                        pass

        return {"zlib": speed_up(compress), "hashlib": speed_up(digest), "reads": speed_up(read)}


if __name__ == "__main__":
    print(json.dumps(main()))
