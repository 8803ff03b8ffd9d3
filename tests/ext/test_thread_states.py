"""Thread states, PyGILState_* and pending calls of native threads; and what ends the process, with which message."""
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

import thread_states

GILL = hasattr(sys.implementation, "gill_version")
NO_THREAD_STATE = "the function must be called with the GIL held, but the GIL is released (the current Python thread state is NULL)"


class Ensure(unittest.TestCase):
    def test_recursive(self):
        seen = []
        for depth in (1, 2, 3, 50):
            self.assertEqual(thread_states.nested_ensure(depth, lambda: seen.append(threading.get_ident())), 0)
        self.assertEqual(seen, [threading.get_ident()] * 8)

    def test_native_threads(self):
        counts = []
        self.assertEqual(thread_states.foreign_ensure(16, 20, 5, lambda: counts.append(1)), 0)
        self.assertEqual(len(counts), 16 * 20)

    def test_native_threads_beside_computing_ones(self):
        stop, counts = threading.Event(), []

        def compute():
            while not stop.is_set():
                sum(range(100))

        threads = [threading.Thread(target=compute) for _ in range(2)]
        for thread in threads:
            thread.start()
        self.assertEqual(thread_states.foreign_ensure(8, 10, 2, lambda: counts.append(1)), 0)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(len(counts), 80)

    def test_native_threads_within_native_threads(self):
        counts = []
        faults = thread_states.foreign_ensure(3, 2, 2, lambda: counts.append(thread_states.foreign_ensure(3, 2, 2, lambda: None)))
        self.assertEqual((faults, counts), (0, [0] * 6))

    def test_a_state_made_by_hand(self):
        seen = []
        thread_states.state_by_hand(lambda: seen.append(threading.get_ident() != threading.main_thread().ident))
        self.assertEqual(seen, [True, True])

    def test_without_the_lock_there_is_no_dict(self):
        self.assertTrue(thread_states.dict_outside())


class PendingCalls(unittest.TestCase):
    def wait_for(self, count):
        while thread_states.pending_count() < count:
            sum(range(100))
            # The reference can lose a request that comes while another is answered; taking the lock again finds it.
            if not GILL:
                time.sleep(0)

    def test_from_native_threads(self):
        thread_states.start_pending(8, 500)
        self.wait_for(8 * 500)
        thread_states.join_pending()
        self.assertEqual(thread_states.pending_count(), 8 * 500)

    def test_while_the_main_thread_waits(self):
        # A wait is not interrupted by them: they are made when it is over.
        thread_states.start_pending(4, 5)
        thread_states.join_pending()
        self.wait_for(20)
        self.assertEqual(thread_states.pending_count(), 20)

    def test_there_is_room_for_so_many(self):
        thread_states.start_pending(0, 0)
        accepted = thread_states.fill_pending()
        self.assertGreaterEqual(accepted, 31)
        self.assertLessEqual(accepted, 32)
        self.wait_for(accepted)

    def test_one_that_raises(self):
        with self.assertRaisesRegex(RuntimeError, "^from a pending call$"):
            self.assertEqual(thread_states.add_failing_pending(), 0)
            while True:
                sum(range(100))

    def test_only_the_main_thread_makes_them(self):
        done = []

        def compute():
            for _ in range(2000):
                sum(range(100))
            done.append(thread_states.pending_count())

        thread_states.start_pending(1, 5)
        thread_states.join_pending()
        self.wait_for(5)
        thread = threading.Thread(target=compute)
        thread.start()
        thread.join()
        self.assertEqual(done, [5])


class Mistakes(unittest.TestCase):
    def end(self, call, message, *, current=True):
        source = f"import thread_states\ndef mistake():\n    thread_states.{call}()\nmistake()"
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, -signal.SIGABRT, done.stderr)
        told = re.sub(r"0x[0-9a-f]+", "0x", done.stderr)
        stack = f'{"Current thread" if current else "Thread"} 0x (most recent call first):\n  File "<string>", line 3 in mistake\n  File "<string>", line 4 in <module>\n'
        self.assertTrue(told.startswith(f"Fatal Python error: {message}\nPython runtime state: initialized\n\n"), told)
        self.assertIn(stack, told)
        self.assertEqual(told.endswith("\nExtension modules: thread_states (total: 1)\n"), current, told)

    def test_letting_go_without_having(self):
        self.end("save_twice", f"PyEval_SaveThread: {NO_THREAD_STATE}")

    def test_taking_for_nobody(self):
        self.end("restore_null", f"PyEval_RestoreThread: {NO_THREAD_STATE}")
        self.end("acquire_null", f"PyEval_AcquireThread: {NO_THREAD_STATE}")

    def test_letting_go_for_another(self):
        self.end("release_other", "PyEval_ReleaseThread: wrong thread state")
        self.end("release_outside", "PyEval_ReleaseThread: wrong thread state")

    def test_the_lock_alone(self):
        thread_states.lock_and_release()
        self.end("release_lock_twice", "drop_gil: drop_gil: GIL is not locked")

    def test_asking_without_having(self):
        self.end("get_outside", f"PyThreadState_Get: {NO_THREAD_STATE}")
        self.end("interpreter_outside", f"PyInterpreterState_Get: {NO_THREAD_STATE}")

    def test_deleting(self):
        self.end("delete_current", "_PyThreadState_Delete: tstate 0x is still current")
        self.end("delete_current_outside", f"_PyThreadState_DeleteCurrent: {NO_THREAD_STATE}")

    def test_release_of_what_was_not_ensured(self):
        self.end("gilstate_release_outside", "PyGILState_Release: thread state 0x must be current when releasing")
        self.end("gilstate_release_unknown", "PyGILState_Release: auto-releasing thread-state, but no thread-state for this thread", current=False)

    def test_ending_an_interpreter(self):
        self.end("end_interpreter_outside", "Py_EndInterpreter: thread is not current")
        self.end("end_interpreter_running", "Py_EndInterpreter: thread still has a frame")

    def test_a_fatal_error(self):
        self.end("fatal", "fatal: meant to be")
        self.end("fatal_without_state", "fatal_in_thread: meant to be", current=False)


if __name__ == "__main__":
    unittest.main()
