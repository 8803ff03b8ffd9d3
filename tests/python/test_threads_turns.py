"""Turns at the interpreter lock: who computes gets them alike, and the switch interval says how often."""
import sys
import threading
import time
import unittest


class Compute:
    """Threads that count what they do, all in the same way."""

    def __init__(self, count):
        self.counts = [0] * count
        self.turns = [0] * count
        self.last = None
        self.end = False
        self.begin = threading.Barrier(count + 1)
        self.threads = [threading.Thread(target=self.run, args=(index,)) for index in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.begin.wait()
        return self

    def __exit__(self, *exception):
        self.end = True
        for thread in self.threads:
            thread.join()

    def run(self, index):
        self.begin.wait()
        counts, turns = self.counts, self.turns
        while not self.end:
            counts[index] += 1
            if self.last != index:
                self.last = index
                turns[index] += 1

    def wait_for_turns(self, each):
        """The turns of each thread, at least so many, from when all of them compute."""
        while not all(self.turns):
            time.sleep(0.01)
        begin = list(self.turns)
        while min(taken := [now - before for now, before in zip(self.turns, begin)]) < each:
            time.sleep(0.01)
        return taken


class Fairness(unittest.TestCase):
    def setUp(self):
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())

    def check(self, count, turns):
        # Turns are counted, and not time: the machine may be busy.
        sys.setswitchinterval(0.0005)
        with Compute(count) as compute:
            taken = compute.wait_for_turns(turns)
        self.assertGreaterEqual(min(taken) / max(taken), self.least_share(), taken)
        self.assertGreater(min(compute.counts), 0)

    def least_share(self):
        # The reference leaves it to the system who is next.
        return 0.5 if hasattr(sys.implementation, "gill_version") else 0

    def test_two_threads(self):
        self.check(2, 30)

    def test_eight_threads(self):
        self.check(8, 20)

    def test_a_hundred_threads(self):
        self.check(100, 6)

    def test_a_hundred_threads_beside_those_that_come_back_from_waiting(self):
        sys.setswitchinterval(0.0005)
        end, rounds = threading.Event(), [0] * 4

        def come_back(index):
            while not end.is_set():
                time.sleep(0.0001)
                rounds[index] += 1

        threads = [threading.Thread(target=come_back, args=(index,)) for index in range(4)]
        with Compute(100) as compute:
            for thread in threads:
                thread.start()
            taken = compute.wait_for_turns(5)
            end.set()
            for thread in threads:
                thread.join()
        self.assertGreaterEqual(min(taken) / max(taken), self.least_share(), taken)
        self.assertGreater(min(rounds), 0)


class SwitchInterval(unittest.TestCase):
    def setUp(self):
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())

    def test_values(self):
        for given, kept in ((0.005, 0.005), (1, 1.0), (0.25, 0.25), (1e-6, 1e-6), (4000, 4000.0), (True, 1.0), (1e-7, 0.0)):
            sys.setswitchinterval(given)
            self.assertAlmostEqual(sys.getswitchinterval(), kept)
        for wrong, error in ((0, ValueError), (-1, ValueError), (-0.0, ValueError), ("1", TypeError), (None, TypeError), (1j, TypeError)):
            with self.subTest(wrong), self.assertRaises(error):
                sys.setswitchinterval(wrong)
        self.assertEqual(sys.getswitchinterval(), 0.0)

    def turns_for(self, work, interval):
        sys.setswitchinterval(interval)
        begin, last, turns = threading.Barrier(2), None, 0

        def run(index):
            nonlocal last, turns
            begin.wait()
            for _ in range(work):
                if last != index:
                    last = index
                    turns += 1

        threads = [threading.Thread(target=run, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return turns

    def test_how_often_threads_take_turns(self):
        # Nobody is asked to yield within so long a time, so that each does its work in one turn.
        self.assertEqual(self.turns_for(100_000, 100_000), 2)
        self.assertGreater(self.turns_for(5_000_000, 0.0001), 10)

    def test_the_shortest(self):
        for interval in (1e-6, 1e-9):
            sys.setswitchinterval(interval)
            with Compute(4) as compute:
                compute.wait_for_turns(20)

    def test_a_long_one_does_not_keep_threads_that_wait_for_others(self):
        # A thread that blocks lets others go on whatever the interval is.
        sys.setswitchinterval(1000)
        results = []
        threads = [threading.Thread(target=results.append, args=(index,)) for index in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(results), list(range(20)))


if __name__ == "__main__":
    unittest.main()
