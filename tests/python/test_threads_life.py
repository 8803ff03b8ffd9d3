"""Threads by the thousand: starting, ending and what they leave behind."""
import _thread
import ctypes
import queue
import threading
import time
import unittest


class Many(unittest.TestCase):
    def test_thousands_one_after_the_other(self):
        seen, before = [], threading.active_count()
        for i in range(1500):
            thread = threading.Thread(target=seen.append, args=(i,))
            thread.start()
            thread.join()
        self.assertEqual(seen, list(range(1500)))
        self.assertLessEqual(threading.active_count(), before)

    def test_hundreds_at_once(self):
        start, local, results = threading.Event(), threading.local(), queue.SimpleQueue()

        def work(i):
            local.value = i
            start.wait()
            results.put(local.value)

        for _ in range(3):
            threads = [threading.Thread(target=work, args=(i,)) for i in range(150)]
            for thread in threads:
                thread.start()
            start.set()
            for thread in threads:
                thread.join()
            start.clear()
            self.assertEqual(sorted(results.get() for _ in threads), list(range(150)))

    def test_raw_threads_that_nobody_joins(self):
        done = threading.Semaphore(0)
        for _ in range(20):
            for _ in range(50):
                _thread.start_new_thread(done.release, ())
            for _ in range(50):
                done.acquire()
        deadline = time.monotonic() + 20
        while _thread._count() and time.monotonic() < deadline:
            time.sleep(0.001)
        self.assertEqual(_thread._count(), 0)

    def test_threads_that_start_threads(self):
        count, lock = [0], threading.Lock()

        def work(depth):
            with lock:
                count[0] += 1
            if depth:
                children = [threading.Thread(target=work, args=(depth - 1,)) for _ in range(3)]
                for child in children:
                    child.start()
                for child in children:
                    child.join()

        work(5)
        self.assertEqual(count[0], sum(3 ** i for i in range(6)))

    def test_values_of_ended_threads_are_released(self):
        class Value:
            alive = 0

            def __init__(self):
                Value.alive += 1

            def __del__(self):
                Value.alive -= 1

        local = threading.local()

        def work():
            local.value = Value()
            local.cycle = [local.value]

        for _ in range(100):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        self.assertEqual(Value.alive, 0)

    def test_stack_size(self):
        old = threading.stack_size(256 * 1024)
        self.addCleanup(threading.stack_size, old)
        errors = []

        def recurse():
            try:
                deep()
            except RecursionError:
                errors.append(1)

        def deep():
            return deep()

        for _ in range(20):
            thread = threading.Thread(target=recurse)
            thread.start()
            thread.join()
        self.assertEqual(len(errors), 20)


class Foreign(unittest.TestCase):
    """Threads that C code started, which come into Python by callbacks."""

    def setUp(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]

    def start(self, callback):
        handle = ctypes.c_ulong()
        self.assertEqual(self.libc.pthread_create(ctypes.byref(handle), None, callback, None), 0)
        return handle

    def test_callbacks(self):
        seen, local = [], threading.local()

        @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
        def callback(argument):
            # Each call has a thread state of its own, and what it keeps goes with it.
            assert not hasattr(local, "value")
            local.value = [i for i in range(100)]
            thread = threading.current_thread()
            seen.append((thread.daemon, threading.get_ident() == thread.ident))
            time.sleep(0.0001)

        for _ in range(20):
            handles = [self.start(callback) for _ in range(10)]
            for handle in handles:
                self.libc.pthread_join(handle, None)
        self.assertEqual(seen, [(True, True)] * 200)

    def test_nested_callbacks(self):
        compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
        results = []

        @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
        def callback(argument):
            numbers = (ctypes.c_int * 50)(*range(50, 0, -1))
            self.libc.qsort(numbers, 50, 4, compare(lambda a, b: a[0] - b[0]))
            results.append(list(numbers))

        handles = [self.start(callback) for _ in range(8)]
        for handle in handles:
            self.libc.pthread_join(handle, None)
        self.assertEqual(results, [list(range(1, 51))] * 8)

    def test_a_number_made_without_the_lock(self):
        # Programs do it by mistake, with the library where `pythonapi` is meant, and get away with it in the reference.
        make = self.libc.PyLong_FromLong
        make.argtypes, make.restype = [ctypes.c_long], ctypes.py_object
        self.assertEqual([make(10**6 + i) for i in range(100)], [10**6 + i for i in range(100)])


if __name__ == "__main__":
    unittest.main()
