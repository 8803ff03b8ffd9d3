"""Native threads at the end of the process: they hang when they ask for the lock, rather than end in the middle of their work."""
import os
import subprocess
import sys
import textwrap
import unittest

REPEAT = int(os.environ.get("REPEAT", "8"))


@unittest.skipUnless(hasattr(sys.implementation, "gill_version"), "the reference ends such threads, and crashes at times")
class AtExit(unittest.TestCase):
    def check(self, source, out=""):
        source = "import at_exit, threading, time\n" + textwrap.dedent(source)
        for _ in range(REPEAT):
            done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, out, ""))

    def test_in_the_middle_of_a_change(self):
        self.check("""
            at_exit.start_change(1, lambda: time.sleep(0.0001))
            time.sleep(0.01)
        """, out="locked\n")

    def test_in_calls(self):
        self.check("""
            at_exit.start_calls(4, lambda: [i for i in range(20)])
            time.sleep(0.01)
        """)

    def test_new_ones(self):
        self.check("""
            at_exit.start_starts(2, lambda: [i for i in range(20)])
            time.sleep(0.01)
        """)

    def test_asking_for_pending_calls(self):
        self.check("""
            at_exit.start_pending(3, None)
            time.sleep(0.01)
        """)

    def test_with_daemon_threads_in_native_code(self):
        self.check("""
            import zlib
            data = b"x" * 1_000_000

            def compress():
                while True:
                    zlib.compress(data)

            for _ in range(2):
                threading.Thread(target=compress, daemon=True).start()
            at_exit.start_calls(2, lambda: time.sleep(0.0001))
            at_exit.start_starts(1, lambda: {})
            at_exit.start_pending(1, None)
            time.sleep(0.02)
        """)


if __name__ == "__main__":
    unittest.main()
