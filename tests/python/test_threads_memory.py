"""Large blocks that one thread frees while others want the interpreter lock."""
import os
import threading
import time
import unittest

LARGE = 32 << 20


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@unittest.skipIf("ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ, "sanitizers keep what was freed")
class LargeBlocks(unittest.TestCase):
    def setUp(self):
        self.ended = False
        computing = [threading.Thread(target=self.compute) for _ in range(2)]
        for thread in computing:
            thread.start()
            self.addCleanup(thread.join)
        self.addCleanup(setattr, self, "ended", True)
        self.before = resident()

    def compute(self):
        while not self.ended:
            sum(range(100))

    def expect_little(self):
        """What was freed is gone at the latest when the thread that freed it has let the lock go."""
        time.sleep(0.001)
        self.assertLess(resident() - self.before, 2 * LARGE)

    def test_are_gone_once_the_thread_has_waited(self):
        for _ in range(5):
            block = b"x" * LARGE
            del block
        self.expect_little()

    def test_are_gone_while_the_thread_goes_on(self):
        most = 0
        for _ in range(20):
            block = bytearray(b"x" * LARGE)
            del block
            sum(range(20_000))
            most = max(most, resident())
        self.assertLess(most - self.before, 4 * LARGE)
        self.expect_little()

    def test_are_gone_when_the_thread_has_ended(self):
        def work():
            block = [None] * (LARGE // 8)
            del block

        for _ in range(5):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        self.expect_little()

    def test_are_gone_after_a_fork(self):
        block = b"x" * LARGE
        del block
        pid = os.fork()
        if pid == 0:
            os._exit(0 if resident() < self.before + 2 * LARGE else 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.expect_little()


if __name__ == "__main__":
    unittest.main()
