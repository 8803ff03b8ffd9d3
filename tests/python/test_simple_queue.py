"""SimpleQueue: waits that end in time whoever else takes the items, and calls within calls."""
import collections
import gc
import os
import queue
import random
import signal
import sys
import threading
import time
import unittest
import weakref


def start(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


class Waits(unittest.TestCase):
    def setUp(self):
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        self.addCleanup(sys.setswitchinterval, interval)

    def test_a_waiter_whose_items_others_take_ends_in_time(self):
        # Each item wakes a waiter, and the thread that put it takes it before that looks.
        items, over, outcomes = queue.SimpleQueue(), threading.Event(), []

        def wait():
            begin = time.monotonic()
            try:
                outcomes.append(items.get(timeout=0.2))
            except queue.Empty:
                outcomes.append(None)
                self.assertGreaterEqual(time.monotonic() - begin, 0.2)

        def take_back():
            while not over.is_set():
                items.put(1)
                try:
                    items.get_nowait()
                except queue.Empty:
                    pass

        takers = [start(take_back) for _ in range(2)]
        waiters = [start(wait) for _ in range(4)]
        for thread in waiters:
            thread.join(60)
            self.assertFalse(thread.is_alive())
        over.set()
        for thread in takers:
            thread.join()
        self.assertEqual(len(outcomes), 4)

    def test_each_item_arrives_once(self):
        items, count, threads = queue.SimpleQueue(), 2000, 4
        got = [[] for _ in range(threads)]

        def put(first):
            for item in range(first, threads * count, threads):
                items.put(item)

        def get(mine, way):
            while True:
                try:
                    item = items.get(timeout=random.random() / 1000) if way else items.get()
                except queue.Empty:
                    continue
                if item is None:
                    return
                mine.append(item)

        getters = [start(lambda i=i: get(got[i], i % 2)) for i in range(threads)]
        putters = [start(lambda i=i: put(i)) for i in range(threads)]
        for thread in putters:
            thread.join()
        for _ in getters:
            items.put(None)
        for thread in getters:
            thread.join(60)
            self.assertFalse(thread.is_alive())
        self.assertTrue(items.empty())
        self.assertEqual(sorted(sum(got, [])), list(range(threads * count)))
        for mine in got:
            for first in range(threads):
                ordered = [item for item in mine if item % threads == first]
                self.assertEqual(ordered, sorted(ordered))

    def test_a_burst_wakes_all_waiters(self):
        for _ in range(50):
            items, met = queue.SimpleQueue(), threading.Barrier(5)
            waiters = [start(lambda: (items.get(), met.wait(60))) for _ in range(4)]
            for item in range(4):
                items.put(item)
            met.wait(60)
            for thread in waiters:
                thread.join()

    def test_in_a_forked_child(self):
        items = queue.SimpleQueue()
        waiters = [start(lambda: items.get()) for _ in range(3)]
        time.sleep(0.01)
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            items.put(1)
            right = items.get() == 1
            start(lambda: (time.sleep(0.01), items.put(2)))
            right = right and items.get(timeout=60) == 2
            try:
                items.get(timeout=0.01)
            except queue.Empty:
                os._exit(0 if right else 2)
            os._exit(1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        for _ in waiters:
            items.put(None)
        for thread in waiters:
            thread.join()


class CallsWithinCalls(unittest.TestCase):
    def test_finalizers_put(self):
        items, count = queue.SimpleQueue(), 5000

        class Item:
            def __init__(self, number):
                self.number, self.cycle = number, self

            def __del__(self):
                items.put(self.number)

        for number in range(count):
            Item(number)
            items.put(number)
        gc.collect()
        self.assertEqual(sorted(items.get_nowait() for _ in range(items.qsize())), sorted(2 * list(range(count))))

    def test_a_queue_in_itself_is_collected(self):
        class Queue(queue.SimpleQueue):
            pass

        for kind in queue.SimpleQueue, Queue:
            items = kind()
            items.put(items)
            watched = weakref.ref(items)
            del items
            gc.collect()
            self.assertIsNone(watched())

    def test_dropping_a_queue_whose_items_use_it(self):
        seen = []

        class Item:
            def __del__(self):
                seen.append(self.items.qsize())
                self.items.put(1)

        items = queue.SimpleQueue()
        for _ in range(10):
            item = Item()
            item.items = items
            items.put(item)
        del item, items
        gc.collect()
        self.assertEqual(len(seen), 10)


class Contents(unittest.TestCase):
    def test_against_a_deque(self):
        choose = random.Random(7)
        items, expected = queue.SimpleQueue(), collections.deque()
        for phase in range(40):
            more = choose.random()
            for step in range(choose.randrange(500)):
                if choose.random() < more:
                    items.put(step)
                    expected.append(step)
                elif expected:
                    self.assertEqual(items.get(), expected.popleft())
                else:
                    self.assertRaises(queue.Empty, items.get_nowait)
                self.assertEqual(items.qsize(), len(expected))

    def test_arguments(self):
        class Queue(queue.SimpleQueue):
            def __init__(self, first, *, second):
                self.both = first, second

        self.assertEqual(Queue(1, second=2).both, (1, 2))
        for arguments in (1,), (1, 2):
            with self.assertRaisesRegex(TypeError, r"SimpleQueue\(\) takes no positional arguments"):
                queue.SimpleQueue(*arguments)
        items = queue.SimpleQueue()
        for timeout, error, text in (
            (-1, ValueError, "'timeout' must be a non-negative number"), (float("nan"), ValueError, "Invalid value NaN"),
            (1e300, OverflowError, "timestamp too large"), ("1", TypeError, "str"), (2**70, OverflowError, "timestamp too large"),
        ):
            with self.assertRaisesRegex(error, text):
                items.get(timeout=timeout)
            self.assertRaises(queue.Empty, items.get, False, timeout)
        with self.assertRaisesRegex(TypeError, r"get_nowait\(\) takes no arguments"):
            items.get_nowait(1)


if __name__ == "__main__":
    unittest.main()
