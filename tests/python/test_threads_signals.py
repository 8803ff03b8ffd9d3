"""Signals that arrive while threads wait for locks or run."""
import _thread
import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest


def run_program(source, *, options=(), timeout=60):
    result = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=timeout)
    return result.returncode, result.stdout, result.stderr


class Signals(unittest.TestCase):
    def setUp(self):
        self.caught = []
        old = signal.signal(signal.SIGUSR1, lambda number, frame: self.caught.append(number))
        self.addCleanup(signal.signal, signal.SIGUSR1, old)
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)

    def send_later(self, number, times=20, pause=0.002):
        def work():
            for _ in range(times):
                time.sleep(pause)
                os.kill(os.getpid(), number)

        thread = threading.Thread(target=work)
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def test_during_lock_wait(self):
        lock = threading.Lock()
        lock.acquire()
        sender = self.send_later(signal.SIGUSR1)
        threading.Timer(0.2, lock.release).start()
        begin = time.monotonic()
        self.assertTrue(lock.acquire())
        self.assertGreater(time.monotonic() - begin, 0.1)
        sender.join()
        self.assertTrue(self.caught)

    def test_during_timed_waits(self):
        sender = self.send_later(signal.SIGUSR1, 30)
        lock, condition, event = threading.RLock(), threading.Condition(), threading.Event()
        holder = threading.Thread(target=lambda: (lock.acquire(), event.wait(), lock.release()))
        holder.start()
        while not lock.acquire(blocking=False):
            break
        else:
            lock.release()
        begin = time.monotonic()
        self.assertFalse(lock.acquire(timeout=0.08) and lock.release())
        with condition:
            self.assertFalse(condition.wait(0.08))
        event.set()
        holder.join()
        self.assertGreater(time.monotonic() - begin, 0.1)
        sender.join()
        self.assertTrue(self.caught)

    def test_handler_raises_during_wait(self):
        class Interrupt(Exception):
            pass

        def handler(number, frame):
            raise Interrupt

        old = signal.signal(signal.SIGALRM, handler)
        self.addCleanup(signal.signal, signal.SIGALRM, old)
        lock = threading.Lock()
        for _ in range(20):
            lock.acquire()
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            with self.assertRaises(Interrupt):
                lock.acquire()
            self.assertTrue(lock.locked())
            lock.release()

    def test_handler_that_takes_locks(self):
        lock = threading.RLock()
        count = [0]

        def handler(number, frame):
            with lock:
                count[0] += 1

        old = signal.signal(signal.SIGALRM, handler)
        self.addCleanup(signal.signal, signal.SIGALRM, old)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        stop = time.monotonic() + 0.2

        def work():
            while time.monotonic() < stop:
                with lock:
                    sum(range(50))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        work()
        signal.setitimer(signal.ITIMER_REAL, 0)
        for thread in threads:
            thread.join()
        self.assertGreater(count[0], 0)

    def test_sent_to_other_threads(self):
        ready, end = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: (ready.set(), end.wait()))
        thread.start()
        ready.wait()
        for _ in range(50):
            signal.pthread_kill(thread.ident, signal.SIGUSR1)
            for _ in range(100):
                pass
        end.set()
        thread.join()
        self.assertTrue(self.caught)

    def test_interrupt_main(self):
        for _ in range(20):
            lock = threading.Lock()
            lock.acquire()
            thread = threading.Thread(target=_thread.interrupt_main)
            with self.assertRaises(KeyboardInterrupt):
                thread.start()
                while True:
                    lock.acquire(timeout=0.001)
            thread.join()

    def test_keyboard_interrupt_leaves_with_blocks(self):
        code, out, error = run_program("""
            import threading, os, signal, time
            lock = threading.Lock()
            caught = 0
            stop = time.monotonic() + 0.5
            def send():
                while time.monotonic() < stop:
                    time.sleep(0.001)
                    os.kill(os.getpid(), signal.SIGINT)
            armed = False
            def interrupt(number, frame):
                # Once, and only inside the try statement below.
                global armed
                if armed:
                    armed = False
                    raise KeyboardInterrupt
            signal.signal(signal.SIGINT, interrupt)
            thread = threading.Thread(target=send)
            thread.start()
            def use():
                with lock:
                    for _ in range(20): pass
            while thread.is_alive():
                try:
                    armed = True
                    while time.monotonic() < stop + 0.1:
                        use()
                        if lock.locked(): print("left locked"); raise SystemExit
                    armed = False
                    break
                except KeyboardInterrupt:
                    caught += 1
                    if lock.locked(): print("left locked"); raise SystemExit
            print("caught" if caught else "none")
        """)
        self.assertEqual((code, out, error), (0, "caught\n", ""))

    def test_asynchronous_exceptions(self):
        class Stop(Exception):
            pass

        begun, stopped = [], []

        def work():
            try:
                begun.append(1)
                while True:
                    sum(range(20))
            except Stop:
                stopped.append(1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(begun) < len(threads):
            time.sleep(0.001)
        for thread in threads:
            self.assertEqual(ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop)), 1)
        for thread in threads:
            thread.join()
        self.assertEqual(len(stopped), 4)


if __name__ == "__main__":
    unittest.main()
