"""Daemon threads in every state while the process ends."""
import subprocess
import sys
import textwrap
import unittest


def run_program(source, *, options=(), timeout=60):
    result = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=timeout)
    return result.returncode, result.stdout, result.stderr


class Shutdown(unittest.TestCase):
    def check(self, source, out="", code=0, error=""):
        for _ in range(2):
            self.assertEqual(run_program(source), (code, out, error))

    def test_computing(self):
        self.check("""
            import threading, time
            def work():
                n = 0
                while True: n += 1; [n, {n: n}]
            for _ in range(5): threading.Thread(target=work, daemon=True).start()
            time.sleep(0.05)
        """)

    def test_sleeping_and_waiting(self):
        self.check("""
            import threading, time, queue, select, socket, os
            lock = threading.Lock(); lock.acquire()
            r, w = os.pipe()
            a, b = socket.socketpair()
            for function, *args in [(time.sleep, 0.06), (time.sleep, 1000), (lock.acquire,), (lock.acquire, True, 0.06), (queue.Queue().get,),
                                    (queue.SimpleQueue().get,), (os.read, r, 1), (a.recv, 1), (select.select, [r], [], []),
                                    (threading.Event().wait,), (threading.Event().wait, 0.06)]:
                threading.Thread(target=function, args=args, daemon=True).start()
            time.sleep(0.05)
        """)

    def test_waking_while_modules_go(self):
        self.check("""
            import threading, time
            def work(delay):
                while True: time.sleep(delay); [i for i in range(50)]
            for i in range(8): threading.Thread(target=work, args=(i / 5000,), daemon=True).start()
            class Slow:
                def __del__(self, sleep=time.sleep): sleep(0.02)
            keep = [Slow() for _ in range(3)]
            time.sleep(0.01)
        """)

    def test_in_finalizers_and_callbacks(self):
        self.check("""
            import threading, time, weakref, atexit, gc
            class Slow:
                def __del__(self, sleep=time.sleep): sleep(0.001)
            def work():
                while True:
                    a = Slow(); a.self = a
                    w = weakref.ref(a, lambda r, sleep=time.sleep: sleep(0.0005)); del a
                    gc.collect()
            for _ in range(3): threading.Thread(target=work, daemon=True).start()
            atexit.register(time.sleep, 0.02)
            time.sleep(0.02)
        """)

    def test_holding_locks_that_shutdown_needs(self):
        # A daemon thread that is stopped inside a write keeps the stream's lock: ours is of no use to it then.
        self.check("""
            import threading, time, sys, os
            sink = open(os.devnull, "w")
            lock = threading.RLock()
            def work():
                while True:
                    with lock: sink.write("x" * 100); sink.flush()
            for _ in range(3): threading.Thread(target=work, daemon=True).start()
            time.sleep(0.03)
        """)

    def test_started_during_shutdown(self):
        code, out, error = run_program("""
            import _thread, threading, time, atexit
            class Late:
                def __del__(self, start=_thread.start_new_thread, sleep=time.sleep):
                    start(sleep, (0.001,))
                    sleep(0.005)
            keep = Late()
            keep.self = keep
            def at_end():
                for _ in range(3): threading.Thread(target=time.sleep, args=(0.01,), daemon=True).start()
            atexit.register(at_end)
        """)
        self.assertEqual(code, 0, error)

    def test_ordinary_threads_are_awaited(self):
        self.check("""
            import threading, time
            def work(n):
                time.sleep(0.01)
                if n: threading.Thread(target=work, args=(n - 1,)).start()
                else: print("end")
            threading.Thread(target=work, args=(5,)).start()
        """, out="end\n")

    def test_exit_from_everywhere(self):
        self.check("""
            import threading, time, os
            def work():
                while True: [i for i in range(100)]
            for _ in range(4): threading.Thread(target=work, daemon=True).start()
            threading.Thread(target=lambda: (time.sleep(0.02), os._exit(7))).start()
            while True: time.sleep(0.001)
        """, code=7)
        code, out, error = run_program("""
            import threading, time, sys
            def work():
                while True: [i for i in range(100)]
            for _ in range(4): threading.Thread(target=work, daemon=True).start()
            time.sleep(0.01)
            raise SystemExit(5)
        """)
        self.assertEqual((code, error), (5, ""))

    def test_threads_that_end_meanwhile(self):
        self.check("""
            import threading, time, _thread
            for i in range(300): _thread.start_new_thread(time.sleep, (i / 20000,))
            for i in range(50): threading.Thread(target=time.sleep, args=(i / 5000,), daemon=True).start()
        """)

    def test_foreign_threads_in_callbacks(self):
        self.check("""
            import ctypes, time
            libc = ctypes.CDLL(None)
            @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
            def callback(argument):
                while True: time.sleep(0.001)
            for _ in range(5):
                libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, callback, None)
            time.sleep(0.02)
        """)


if __name__ == "__main__":
    unittest.main()
