"""Forks while other threads allocate, wait, import and write."""
import ctypes
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest
import zlib


def run_program(source, *, options=(), timeout=60):
    result = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=timeout)
    return result.returncode, result.stdout, result.stderr


class Forks(unittest.TestCase):
    def busy(self, function, count=4):
        """Keeps threads calling the function until the test ends."""
        stop = threading.Event()

        def work():
            while not stop.is_set():
                function()

        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()

        def end():
            stop.set()
            for thread in threads:
                thread.join()

        self.addCleanup(end)

    def fork(self, function):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                function()
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def in_child(self):
        assert threading.active_count() == 1
        assert threading.current_thread() is threading.main_thread()
        values = []
        threads = [threading.Thread(target=values.append, args=(i,)) for i in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(values) == list(range(5))
        import gc
        gc.collect()

    def test_while_others_allocate(self):
        self.busy(lambda: [{"a": [i]} for i in range(100)])
        for _ in range(15):
            self.fork(self.in_child)

    def test_while_others_wait_and_release(self):
        lock = threading.Lock()

        def use():
            with lock:
                time.sleep(0.0005)

        self.busy(use)
        for _ in range(15):
            self.fork(self.in_child)

    def test_while_others_import_and_write(self):
        sink = open(os.devnull, "w")
        self.addCleanup(sink.close)
        numbers = itertools.count()

        def use():
            name = f"absent_{next(numbers)}"
            try:
                __import__(name)
            except ImportError:
                sink.write(name)

        def in_child():
            self.in_child()
            with self.assertRaises(ImportError):
                __import__("absent_in_child")

        self.busy(use)
        for _ in range(15):
            self.fork(in_child)

    def test_from_a_thread(self):
        codes = []

        def work():
            pid = os.fork()
            if pid == 0:
                try:
                    assert threading.main_thread() is threading.current_thread()
                    # The forking thread has become the main one, which handles signals.
                    caught = []
                    signal.signal(signal.SIGUSR1, lambda *args: caught.append(1))
                    os.kill(os.getpid(), signal.SIGUSR1)
                    assert caught == [1]
                    os._exit(0)
                finally:
                    os._exit(1)
            codes.append(os.waitpid(pid, 0)[1])

        self.busy(lambda: sum(range(100)), 2)
        for _ in range(10):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        self.assertEqual(codes, [0] * 10)

    def test_what_others_hold_stays_held(self):
        lock, rlock, taken, end = threading.Lock(), threading.RLock(), threading.Event(), threading.Event()

        def hold():
            with lock, rlock:
                taken.set()
                end.wait()

        def in_child():
            assert lock.locked() and not lock.acquire(timeout=0.001)
            assert not rlock.acquire(timeout=0.001)
            # What others wait for is free for new threads.
            end.set()
            self.in_child()

        thread = threading.Thread(target=hold)
        thread.start()
        taken.wait()
        for _ in range(5):
            self.fork(in_child)
        end.set()
        thread.join()

    def test_while_others_are_in_native_code(self):
        data = os.urandom(500_000)
        self.busy(lambda: zlib.compress(data), 3)
        self.busy(lambda: sum(range(100)), 2)

        def in_child():
            self.in_child()
            assert zlib.decompress(zlib.compress(data)) == data

        for _ in range(10):
            self.fork(in_child)

    def test_from_a_native_thread(self):
        library, codes = ctypes.CDLL(None), []
        library.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]

        @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
        def work(argument):
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    self.in_child()
                    status = 0
                finally:
                    os._exit(status)
            codes.append(os.waitpid(pid, 0)[1])

        self.busy(lambda: [{"a": [i]} for i in range(100)], 2)
        for _ in range(5):
            handle = ctypes.c_ulong()
            self.assertEqual(library.pthread_create(ctypes.byref(handle), None, work, None), 0)
            library.pthread_join(handle, None)
        self.assertEqual(codes, [0] * 5)

    @unittest.skipUnless(hasattr(sys.implementation, "gill_version"), "a module of Gill")
    def test_what_the_child_says_about_the_lock(self):
        import gill

        def in_child():
            thread, = gill.lock.threads()
            assert thread.name == "MainThread" and thread.state == "holding" and thread.native_id == os.getpid(), thread
            before = gill.lock.stats()
            self.in_child()
            after = gill.lock.stats()
            assert after.acquisitions > before.acquisitions and after.held > before.held

        self.busy(lambda: sum(range(100)), 2)
        for _ in range(5):
            self.fork(in_child)

    def test_child_shuts_down_in_order(self):
        code, out, error = run_program("""
            import os, threading, atexit, time
            def work():
                while True: time.sleep(0.001); [i for i in range(100)]
            for _ in range(4): threading.Thread(target=work, daemon=True).start()
            atexit.register(lambda: os.write(1, b"end\\n"))
            for _ in range(5):
                if (pid := os.fork()) == 0:
                    threading.Thread(target=lambda: os.write(1, b"thread\\n")).start()
                    break
                assert os.waitpid(pid, 0)[1] == 0
        """)
        self.assertEqual((code, error), (0, ""))
        self.assertEqual(sorted(out.split()), ["end"] * 6 + ["thread"] * 5)


if __name__ == "__main__":
    unittest.main()
