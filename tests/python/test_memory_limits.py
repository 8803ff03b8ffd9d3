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

    def test_sizes_made_up_by_data(self):
        program = """
            import io, marshal
            for data in (b"(\\xff\\xff\\xff\\x7f", b"\\xa8\\xff\\xff\\xff\\x7fr\\0\\0\\0\\0", b"s\\xff\\xff\\xff\\x7f", b"l\\xff\\xff\\xff\\x7f"):
                for read in marshal.loads, lambda data: marshal.load(io.BytesIO(data)):
                    try:
                        read(data)
                    except (EOFError, ValueError, MemoryError):
                        print("refused")
        """
        self.assertEqual(self.run_program(program, preexec_fn=set_limit), ["refused"] * 8)

    def test_empty_rounds_of_possessive_repeat(self):
        program = """
            import re
            print(re.fullmatch("(?:(?:x?)*(a?)){3000000}+", "a").span())
        """
        self.assertEqual(self.run_program(program, preexec_fn=set_limit), ["(0,", "1)"])


class LargestSizes(unittest.TestCase):
    def test_of_a_bytearray(self):
        for size in sys.maxsize, sys.maxsize - 1:
            self.assertRaises(MemoryError, bytearray, size)
            shifted = bytearray(b"abc")
            del shifted[:1]
            with self.assertRaises(MemoryError):
                shifted *= size // 2
            self.assertEqual(shifted, b"bc")


if __name__ == "__main__":
    unittest.main()
