"""tracemalloc while threads allocate raw memory without the interpreter's lock, and while others clear what it has noted."""
import ctypes
import gc
import os
import sys
import threading
import tracemalloc
import unittest

memory = ctypes.CDLL(None)
memory.PyMem_RawMalloc.restype = ctypes.c_void_p
memory.PyMem_RawMalloc.argtypes = [ctypes.c_size_t]
memory.PyMem_RawFree.argtypes = [ctypes.c_void_p]


IS_GILL = hasattr(sys.implementation, "gill_version")


class Tracing(unittest.TestCase):
    def setUp(self):
        self.addCleanup(tracemalloc.stop)

    def busy_with_raw_memory(self, count=3):
        """ctypes lets the lock go around a call."""
        stop = threading.Event()

        def work():
            while not stop.is_set():
                for block in [memory.PyMem_RawMalloc(100) for _ in range(20)]:
                    memory.PyMem_RawFree(block)

        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()

        def end():
            stop.set()
            for thread in threads:
                thread.join()

        self.addCleanup(end)

    def test_forks(self):
        tracemalloc.start(3)
        self.busy_with_raw_memory()
        for _ in range(30):
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    memory.PyMem_RawFree(memory.PyMem_RawMalloc(100))
                    kept = bytes(2000)
                    if tracemalloc.take_snapshot().traces and tracemalloc.get_object_traceback(kept):
                        status = 0
                finally:
                    os._exit(status)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    @unittest.skipUnless(IS_GILL, "the reference crashes now and then")
    def test_starts_and_stops(self):
        self.busy_with_raw_memory()
        for _ in range(30):
            tracemalloc.start()
            kept = bytes(2000)
            self.assertIsNotNone(tracemalloc.get_object_traceback(kept))
            self.assertGreater(tracemalloc.get_traced_memory()[1], 0)
            tracemalloc.reset_peak()
            tracemalloc.clear_traces()
            tracemalloc.stop()

    def test_cleared_by_the_collector_while_read(self):
        def clear(phase, info):
            tracemalloc.clear_traces()

        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.callbacks.remove, clear)
        tracemalloc.start(5)
        kept = [[str(i)] for i in range(300)]
        gc.callbacks.append(clear)
        gc.set_threshold(1)
        for _ in range(20):
            kept.append(bytes(2000))
            tracemalloc.get_object_traceback(kept[-1])
            for trace in tracemalloc.take_snapshot().traces:
                str(trace.traceback)


if __name__ == "__main__":
    unittest.main()
