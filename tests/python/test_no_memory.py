"""Single allocations that fail: MemoryError or the result, whatever was going on."""
import sys
import unittest

import _testcapi


class Sequence:
    def __getitem__(self, index):
        return (1, 2, 3)[index]


class FailingAllocation(unittest.TestCase):
    def fail_each_allocation(self, function):
        """Calls the function with its first allocation failing, with its second, and so on."""
        for number in range(1, 60):
            try:
                _testcapi.set_nomemory(number, number + 1)
                function()
            except MemoryError:
                pass
            finally:
                _testcapi.remove_mem_hooks()

    @unittest.skipUnless("Gill" in sys.version, "the reference loses the exception")
    def test_end_of_a_sequence(self):
        # An IndexError leaves the frame of __getitem__, whose traceback refers to the frame's caller.
        def iterate():
            for _ in Sequence():
                pass

        self.fail_each_allocation(iterate)


if __name__ == "__main__":
    unittest.main()
