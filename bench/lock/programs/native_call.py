"""A Python thread that computes while another thread is in one long native call: its progress against alone, its longest standstill."""
import json
import sys
import threading
import time
import zlib


def compute(seconds, done):
    """Rounds a second, and the longest time between two of them."""
    clock = time.perf_counter
    rounds, longest = 0, 0.0
    begin = last = clock()
    while last - begin < seconds and not done():
        for _ in range(100):
            pass
        now = clock()
        longest = max(longest, now - last)
        last = now
        rounds += 1
    return rounds / (last - begin), longest


def main():
    data = b"".join(b"%d " % (i * 7919 % 1_000_003) for i in range(4_000_000))
    gate = threading.Lock()
    gate.acquire()
    # Beside a thread that sleeps first: to ask whether it lives costs as much as the computing.
    asleep = threading.Thread(target=gate.acquire)
    asleep.start()
    alone, longest_alone = compute(3, lambda: not asleep.is_alive())
    gate.release()
    asleep.join()
    native = threading.Thread(target=zlib.compress, args=(data, 9))
    native.start()
    beside, longest = compute(60, lambda: not native.is_alive())
    native.join()
    return {"progress": beside / alone, "standstill_ms": longest * 1e3, "standstill_alone_ms": longest_alone * 1e3}


if __name__ == "__main__":
    print(json.dumps(main()))
