"""Python that is started and ended by a program, before, between and after which native threads ask for its lock."""
import os
import pathlib
import signal
import subprocess
import sys
import unittest

LIBRARY = next(path for folder in sys.path if (path := pathlib.Path(folder, "embedded.so")).exists())
ROUND = "held 1 released 0 threads 2 2 state 0 end 0\n"
of_gill = unittest.skipUnless(hasattr(sys.implementation, "gill_version"), "the reference crashes")


class Embedded(unittest.TestCase):
    def run_program(self, what):
        return subprocess.run([sys.executable], env={**os.environ, "LD_PRELOAD": str(LIBRARY.resolve()), "EMBEDDED": what},
                              capture_output=True, text=True, timeout=60)

    def check(self, what, out):
        done = self.run_program(what)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, out, ""))

    def test_before_the_start(self):
        self.check("before", "check 1 state 0\n")

    def test_started_and_ended_again_and_again(self):
        self.check("rounds", ROUND * 3)

    @of_gill
    def test_threads_that_come_after_the_end_hang(self):
        self.check("late", (ROUND + "late 1\n") * 3)

    @of_gill
    def test_asking_for_the_lock_before_the_start(self):
        done = self.run_program("too early")
        self.assertEqual(done.returncode, -signal.SIGABRT)
        self.assertTrue(done.stderr.startswith("Fatal Python error: PyGILState_Ensure: Python is not initialized\n"), done.stderr)


if __name__ == "__main__":
    unittest.main()
