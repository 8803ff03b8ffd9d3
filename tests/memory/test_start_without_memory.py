"""Start-up and shutdown while an allocation fails: the interpreter ends in order, whatever the allocation.

`test_start_without_memory.py GILL`, where GILL is built with debug checks.
"""
import os
import subprocess
import sys
import unittest

GILL = sys.argv.pop(1)
COUNT = 48
PROGRAM = "import re, enum; re.compile('a+'); print('through')"


def run(switches):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run([GILL, "-c", PROGRAM], env=environment | {"GILL_HEAP": switches}, capture_output=True, text=True, timeout=120)


def ends_in_order(result):
    if result.returncode == 0:
        return result.stdout == "through\n"
    # A fatal error of start-up, or an exception like any other.
    return result.returncode in (1, 120) and ("Fatal Python error: " in result.stderr or "Error" in result.stderr)


class StartWithoutMemory(unittest.TestCase):
    def check(self, n):
        with self.subTest(n=n):
            result = run(f"fail={n}")
            self.assertTrue(ends_in_order(result), (result.returncode, result.stderr[-500:]))

    def test_first_allocations(self):
        for n in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89):
            self.check(n)

    def test_all_of_start_up(self):
        # Evenly spread over what start-up takes, and a little beyond.
        low, high = 0, 1 << 20
        while high - low > 500:
            middle = (low + high) // 2
            if run(f"fail={middle}").returncode == 0 and run(f"fail={middle + 1}").returncode == 0:
                high = middle
            else:
                low = middle
        for i in range(COUNT):
            self.check(100 + i * high // COUNT)

    def test_collection_at_each_allocation(self):
        self.assertEqual(run("collect=1,poison").stdout, "through\n")

    def test_nothing_is_left_but_what_static_types_hold(self):
        left = run("leaks").stderr
        self.assertIn("heap: static types hold ", left)
        self.assertNotIn("heap: object left: ", left)


if __name__ == "__main__":
    unittest.main()
