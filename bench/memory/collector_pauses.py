"""Old clusters of a live graph of two million containers are replaced, each a cycle that only the collector frees. The loop itself is
the heartbeat: what is far above the time of one replacement is a pause."""
import json
import random
import resource
import time

MEASURES = {
    "replacing clusters, longest pause": ("ms", "at most 5"),
    "replacing clusters, share in pauses": ("", "at most 0.1"),
    "replacing clusters": ("1/s", "at least 400,000"),
    "replacing clusters, peak": ("MB", "less"),
}
CONTAINERS = 2_000_000
PAUSE = 0.0005  # seconds; a replacement takes a few millionths
SECONDS = 8.0


def cluster():
    one = []
    other = [one]
    one.append(other)
    return one


def main():
    count = CONTAINERS // 2
    clusters = [cluster() for _ in range(count)]
    choose = random.Random(5).random
    now = time.thread_time  # what other processes take is no pause
    begun = last = now()
    longest = paused = 0.0
    replaced = 0
    while last - begun < SECONDS:
        for _ in range(4):
            clusters[int(choose() * count)] = cluster()
        replaced += 4
        this = now()
        gap = this - last
        last = this
        if gap > PAUSE:
            paused += gap
            if gap > longest:
                longest = gap
    taken = last - begun
    return {
        "replacing clusters, longest pause": longest * 1e3,
        "replacing clusters, share in pauses": paused / taken,
        "replacing clusters": replaced / taken,
        "replacing clusters, peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


if __name__ == "__main__":
    print(json.dumps(main()))
