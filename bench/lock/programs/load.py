"""Threads that only compute, as a load on the lock and as a measure of how much computing gets done beside something else."""
import threading
import time


class Computing:
    """`count` threads that add in a loop until left; `progress` has how many rounds of 1,000 additions each of them did."""

    def __init__(self, count):
        self.progress = [0] * count
        self.stopping = False
        self.threads = [threading.Thread(target=self.compute, args=(place,)) for place in range(count)]

    def compute(self, place):
        progress = self.progress
        total = 0
        while not self.stopping:
            for i in range(1_000):
                total += i
            progress[place] += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.started = time.perf_counter()
        return self

    def __exit__(self, *exc):
        self.stopping = True
        for thread in self.threads:
            thread.join()
        self.seconds = time.perf_counter() - self.started

    def rate(self):
        """Rounds a second, of all of them together; after the end."""
        return sum(self.progress) / self.seconds


def percentile(samples, share):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
