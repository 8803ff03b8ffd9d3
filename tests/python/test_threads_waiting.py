"""Waits of every kind: time-outs that end neither early nor never, and signals that end them at once."""
import multiprocessing
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

IS_GILL = hasattr(sys.implementation, "gill_version")


class Waits(unittest.TestCase):
    """Each wait is a function of its time-out, or of None for ever."""

    def setUp(self):
        self.addCleanup(signal.signal, signal.SIGALRM, signal.getsignal(signal.SIGALRM))
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)

    def held_rlock(self):
        lock, taken, end = threading.RLock(), threading.Event(), threading.Event()

        def hold():
            with lock:
                taken.set()
                end.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        taken.wait()
        self.addCleanup(thread.join)
        self.addCleanup(end.set)
        return lock, thread

    def waits(self):
        lock = threading.Lock()
        lock.acquire()
        rlock, thread = self.held_rlock()
        condition, event, full = threading.Condition(), threading.Event(), queue.Queue(1)
        full.put(1)
        semaphore, barrier = threading.Semaphore(0), threading.Barrier(2)
        one, other = socket.socketpair()
        self.addCleanup(one.close)
        self.addCleanup(other.close)

        def wait_for_condition(timeout):
            with condition:
                self.assertFalse(condition.wait(timeout))

        def wait_for_predicate(timeout):
            with condition:
                self.assertFalse(condition.wait_for(lambda: False, timeout))

        def meet(timeout):
            try:
                with self.assertRaises(threading.BrokenBarrierError):
                    barrier.wait(timeout)
            finally:
                barrier.reset()

        def receive(timeout):
            one.settimeout(timeout)
            with self.assertRaises((TimeoutError, BlockingIOError)):  # 0 is not to wait
                one.recv(1)

        def get(timeout):
            with self.assertRaises(queue.Empty):
                queue.Queue().get(timeout=timeout)

        def get_simple(timeout):
            with self.assertRaises(queue.Empty):
                queue.SimpleQueue().get(timeout=timeout)

        def put(timeout):
            with self.assertRaises(queue.Full):
                full.put(2, timeout=timeout)

        def blocking(acquire):
            return lambda timeout: self.assertFalse(acquire() if timeout is None else acquire(timeout=timeout))

        # The reference's may wait for ever when signals come.
        simple = {"get simple": get_simple} if IS_GILL else {}
        return simple | {
            "lock": blocking(lock.acquire), "rlock": blocking(rlock.acquire), "semaphore": blocking(semaphore.acquire),
            "condition": wait_for_condition, "predicate": wait_for_predicate, "barrier": meet, "receive": receive, "get": get, "put": put,
            "event": lambda timeout: self.assertFalse(event.wait(timeout)),
            "join": lambda timeout: thread.join(timeout),
            "select": lambda timeout: self.assertEqual(select.select([one], [], [], timeout)[0], []),
            "sleep": lambda timeout: time.sleep(10_000 if timeout is None else timeout),
        }

    def endless_waits(self):
        held = multiprocessing.Lock()
        held.acquire()
        child = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        poll, epoll = select.poll(), select.epoll()
        self.addCleanup(epoll.close)
        for each in poll, epoll:
            each.register(reader, select.POLLIN)
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        waits = {name: lambda wait=wait: wait(None) for name, wait in self.waits().items()}
        return waits | {
            "long lock": lambda: self.waits()["lock"](1000), "long event": lambda: threading.Event().wait(1000),
            "simple queue": queue.SimpleQueue().get, "simple queue in Python": queue._PySimpleQueue().get,
            "process": child.wait, "process for long": lambda: child.wait(1000), "waitpid": lambda: os.waitpid(child.pid, 0),
            "waitid": lambda: os.waitid(os.P_PID, child.pid, os.WEXITED), "read": lambda: os.read(reader, 1),
            "poll": poll.poll, "epoll": epoll.poll, "accept": server.accept, "lock of processes": held.acquire,
            "pause": signal.pause, "sigtimedwait": lambda: signal.sigtimedwait([signal.SIGUSR2], 1000),
        }

    def check_not_early(self, timeouts, rounds):
        for name, wait in self.waits().items():
            with self.subTest(name):
                for timeout in timeouts:
                    for _ in range(rounds):
                        begin = time.monotonic()
                        wait(timeout)
                        self.assertGreaterEqual(time.monotonic() - begin, timeout)

    def test_time_outs_are_not_early(self):
        self.check_not_early((0.0, 1e-9, 1e-7, 1e-6, 0.00033, 0.0021), 5)

    def test_time_outs_are_not_early_with_signals(self):
        caught = []
        signal.signal(signal.SIGALRM, lambda *args: caught.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        self.check_not_early((1e-6, 0.0007, 0.0043), 3)
        self.assertTrue(caught)

    def test_a_handler_that_raises_ends_the_wait(self):
        class Interrupt(Exception):
            pass

        # The timer goes on, so that a signal that comes just before the wait is not the last.
        armed = False

        def interrupt(*args):
            nonlocal armed
            if armed:
                armed = False
                raise Interrupt

        signal.signal(signal.SIGALRM, interrupt)
        for name, wait in self.endless_waits().items():
            with self.subTest(name):
                signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
                with self.assertRaises(Interrupt):
                    armed = True
                    wait()
                armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)

    def test_time_outs_of_all_sizes(self):
        lock, held = threading.Lock(), threading.Lock()
        held.acquire()
        for timeout in (threading.TIMEOUT_MAX, threading.TIMEOUT_MAX - 1, 2**32 + 0.5, 1e9, True, 0, -1, -1.0):
            self.assertTrue(lock.acquire(timeout=timeout))
            lock.release()
        for timeout, error, text in (
            (-2, ValueError, "timeout value must be positive"), (-1e-10, ValueError, "timeout value must be positive"),
            (float("nan"), ValueError, "Invalid value NaN"), (float("inf"), OverflowError, "timestamp too large"),
            (threading.TIMEOUT_MAX * 2, OverflowError, "timestamp"), (10**30, OverflowError, "timestamp too large"), ("1", TypeError, "str"),
        ):
            for each in lock, held, threading.RLock():
                with self.subTest(timeout=timeout), self.assertRaisesRegex(error, text):
                    each.acquire(timeout=timeout)
        for blocking in False, 0:
            with self.assertRaisesRegex(ValueError, "can't specify a timeout for a non-blocking call"):
                lock.acquire(blocking, 1)

    def test_the_longest_time_outs_can_be_waited_for(self):
        signal.signal(signal.SIGALRM, lambda *args: 1 / 0)
        held = threading.Lock()
        held.acquire()
        for timeout in (threading.TIMEOUT_MAX, threading.TIMEOUT_MAX - 1, 2**32 + 0.5, 1e9):
            for wait in (lambda: held.acquire(timeout=timeout), lambda: threading.Event().wait(timeout), lambda: queue.Queue().get(timeout=timeout),
                         lambda: queue.SimpleQueue().get(timeout=timeout)):
                signal.setitimer(signal.ITIMER_REAL, 0.005, 0.1)
                with self.assertRaises(ZeroDivisionError):
                    wait()
                signal.setitimer(signal.ITIMER_REAL, 0)


    def test_the_longest_time_outs_survive_signals(self):
        held, items, caught = threading.Lock(), queue.SimpleQueue(), 0
        held.acquire()

        def wake(*args):
            nonlocal caught
            caught += 1
            if caught % 4 == 0:
                wake_up()

        signal.signal(signal.SIGALRM, wake)
        for wake_up, wait in (held.release, lambda: held.acquire(timeout=threading.TIMEOUT_MAX)), (lambda: items.put(True), lambda: items.get(timeout=threading.TIMEOUT_MAX)):
            signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
            self.assertTrue(wait())
            self.assertEqual(caught % 4, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)


class KeyboardInterrupts(unittest.TestCase):
    """As a user sends them: one SIGINT, while other threads compute."""

    def test_beside_computing_threads(self):
        for wait in ("threading.Event().wait()", "lock.acquire()", "queue.SimpleQueue().get()", "time.sleep(1000)",
                     "threads[0].join()", "compute()"):
            with self.subTest(wait):
                source = (
                    "import threading, time, queue\nlock = threading.Lock(); lock.acquire()\n"
                    "def compute():\n    while True: pass\n"
                    "threads = [threading.Thread(target=compute, daemon=True) for _ in range(2)]\n[thread.start() for thread in threads]\n"
                    f"try:\n    print('ready', flush=True)\n    {wait}\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
                )
                process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
                self.assertEqual(process.stdout.readline(), "ready\n")
                # Just before it waits, a signal would leave the reference waiting.
                time.sleep(0.2)
                process.send_signal(signal.SIGINT)
                self.assertEqual(process.communicate(timeout=60)[0], "interrupted\n")
                self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
