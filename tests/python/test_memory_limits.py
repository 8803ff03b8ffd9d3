"""Programs whose address space is limited before or after they start."""
import os
import resource
import subprocess
import sys
import textwrap
import unittest

LIMIT = 400 << 20


def set_limit():
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))


@unittest.skipIf("ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ, "the sanitizer reserves more addresses than the limit")
class MemoryLimits(unittest.TestCase):
    def run_program(self, program, **options):
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_limited_before(self):
        program = """
            import json
            small, large = [], []
            try:
                while True:
                    small.append(bytes(1000))
            except MemoryError:
                small = None
            try:
                while True:
                    large.append(bytearray(1 << 20))
            except MemoryError:
                large = None
            print(json.loads("[1]"))
        """
        self.assertEqual(self.run_program(program, preexec_fn=set_limit), ["[1]"])

    def test_limited_after(self):
        program = f"""
            import resource
            import threading
            resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT}))
            import _bz2
            thread = threading.Thread(target=print, args=(1,))
            thread.start()
            thread.join()
            print(len(bytearray(100 << 20)))
            try:
                bytearray(1 << 40)
            except MemoryError:
                print("refused")
        """
        self.assertEqual(self.run_program(program), ["1", str(100 << 20), "refused"])


if __name__ == "__main__":
    unittest.main()
