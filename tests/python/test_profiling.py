"""What a profile function is told of."""
import sys
import threading
import unittest


class CalledByWith(unittest.TestCase):
    def test_exit_of_a_built_in_manager(self):
        events = []
        lock = threading.Lock()

        def use():
            with lock:
                pass

        for _ in range(3):
            events.clear()
            sys.setprofile(lambda frame, event, argument: events.append((event, getattr(argument, "__qualname__", None))))
            use()
            sys.setprofile(None)
            self.assertEqual(events[1:3], [("c_call", "lock.__exit__"), ("c_return", "lock.__exit__")])


if __name__ == "__main__":
    unittest.main()
