"""-X lock-check: mistakes of an extension with the interpreter lock end the process with a report."""
import signal
import subprocess
import sys
import unittest

import lockless


def run(source, *options):
    return subprocess.run([sys.executable, *options, "-c", source], capture_output=True, text=True, timeout=60)


class NoMistake(unittest.TestCase):
    def test_without_the_option(self):
        self.assertEqual(lockless.no_mistake(), 42)


@unittest.skipUnless("gill" in sys.version.lower() or hasattr(sys.implementation, "gill_version"), "an option of Gill")
class LockCheck(unittest.TestCase):
    def told(self, call):
        done = run(f"import lockless\ndef mistake():\n    lockless.{call}()\nmistake()", "-X", "lock-check")
        self.assertEqual(done.returncode, -signal.SIGABRT, done.stderr)
        self.assertIn(f"{call} (lockless", done.stderr)
        self.assertIn("line 3 in mistake", done.stderr)
        return done.stderr

    def test_a_call_without_the_lock(self):
        self.assertIn("gill: PyList_New() was called by a thread that does not hold the interpreter lock", self.told("call_without_lock"))

    def test_a_release_without_the_lock(self):
        self.assertIn("gill: PyEval_SaveThread() was called by a thread that does not hold the interpreter lock", self.told("release_twice"))

    def test_taking_what_one_has(self):
        self.assertIn("gill: PyEval_RestoreThread() was called by a thread that holds the interpreter lock already", self.told("take_twice"))

    def test_two_orders_of_taking_the_lock_and_a_mutex(self):
        told = self.told("take_lock_first")
        self.assertIn("This is a deadlock: the holder waits for a native mutex whose owner waits for the interpreter lock.", told)
        self.assertIn("take_mutex_first (lockless", told)

    def test_a_release_of_what_was_not_ensured(self):
        for options in (), ("-X", "lock-check"):
            done = run("import lockless\ndef mistake():\n    lockless.release_unensured()\nmistake()", *options)
            self.assertEqual(done.returncode, -signal.SIGABRT, done.stderr)
            self.assertIn("Fatal Python error: PyGILState_Release: thread state is released more often than it was ensured", done.stderr)
            self.assertIn("line 3 in mistake", done.stderr)

    def test_what_is_right_goes_on(self):
        done = run("import lockless; print(lockless.no_mistake())", "-X", "lock-check")
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("42\n", "", 0))

    def test_the_standard_library_s_extensions_make_no_mistake(self):
        source = (
            "import asyncio, ctypes, decimal, json, sqlite3, ssl, threading, hashlib, multiprocessing.pool\n"
            "async def main():\n    await asyncio.sleep(0.001)\n"
            "asyncio.run(main())\n"
            "sqlite3.connect(':memory:').execute('select 1').fetchall()\n"
            "hashlib.sha256(b'x' * 10_000_000).hexdigest()\n"
            "threads = [threading.Thread(target=lambda: decimal.Decimal(1) / 3) for _ in range(4)]\n"
            "[t.start() for t in threads]; [t.join() for t in threads]\n"
            "print(json.loads(json.dumps([1])))\n"
        )
        done = run(source, "-X", "lock-check")
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("[1]\n", "", 0))


if __name__ == "__main__":
    unittest.main()
