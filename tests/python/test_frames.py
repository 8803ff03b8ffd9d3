"""Frame objects: what they show of running and finished code."""
import gc
import sys
import threading
import unittest


def current():
    return sys._getframe(1)


class Frames(unittest.TestCase):
    def test_chain(self):
        def inner():
            return current()

        def outer():
            return inner(), sys._getframe()

        frame, back = outer()
        self.assertEqual((frame.f_code, back.f_code), (inner.__code__, outer.__code__))
        self.assertIs(frame.f_back, back)
        self.assertIs(back.f_back, sys._getframe())
        self.assertIs(frame.f_globals, globals())
        self.assertIs(frame.f_builtins["len"], len)
        with self.assertRaisesRegex(ValueError, "call stack is not deep enough"):
            sys._getframe(1 << 30)

    def test_lines(self):
        frame = sys._getframe()
        first = frame.f_lineno
        second = frame.f_lineno; third = frame.f_lineno
        self.assertEqual((second - first, third - first), (1, 1))
        self.assertGreater(frame.f_lasti, 0)

    def test_locals(self):
        def body(a, *rest, k=1):
            cell = 2

            def inner():
                nonlocal cell
                cell += 1
                return sys._getframe().f_locals, sys._getframe(1).f_locals

            return inner()

        inner, outer = body(1, 2, 3)
        self.assertEqual(inner, {"cell": 3})
        self.assertEqual({k: v for k, v in outer.items() if k != "inner"}, {"a": 1, "rest": (2, 3), "k": 1, "cell": 3})

    def test_locals_of_class_and_module(self):
        class Body:
            same = sys._getframe().f_locals is locals()
            sys._getframe().f_locals["added"] = 5

        self.assertTrue(Body.same)
        self.assertEqual(Body.added, 5)
        namespace = {"sys": sys}
        exec("x = 1; mine = sys._getframe().f_locals is globals()", namespace)
        self.assertTrue(namespace["mine"])

    def test_unbound_disappear(self):
        def body():
            a = 1
            before = dict(locals())
            del a
            return before, dict(locals())

        before, after = body()
        self.assertEqual((before, "a" in after), ({"a": 1}, False))

    def test_clear(self):
        class Noticed:
            def __del__(self):
                ends.append(1)

        def body():
            thing = Noticed()
            return sys._getframe()

        ends = []
        frame = body()
        self.assertEqual(ends, [])
        frame.clear()
        self.assertEqual((ends, frame.f_locals), ([1], {}))
        with self.assertRaisesRegex(RuntimeError, "cannot clear an executing frame"):
            sys._getframe().clear()

    def test_traceback_keeps_locals(self):
        def body(value):
            1 / 0

        try:
            body("kept")
        except ZeroDivisionError as error:
            entry = error.__traceback__.tb_next
        self.assertEqual(entry.tb_frame.f_locals, {"value": "kept"})
        self.assertEqual(entry.tb_lineno, body.__code__.co_firstlineno + 1)
        self.assertEqual(entry.tb_frame.f_lineno, entry.tb_lineno)
        self.assertIs(entry.tb_frame.f_back, sys._getframe())

    def test_cycle_is_collected(self):
        class Noticed:
            def __del__(self):
                ends.append(1)

        def body():
            thing = Noticed()
            frame = sys._getframe()

        ends = []
        body()
        gc.collect()
        self.assertEqual(ends, [1])

    def test_attributes_are_guarded(self):
        frame = sys._getframe()
        for attribute in ("f_back", "f_code", "f_globals", "f_builtins", "f_lasti", "f_locals"):
            with self.assertRaises(AttributeError):
                setattr(frame, attribute, None)
        with self.assertRaises(ValueError):
            frame.f_lineno = 1
        with self.assertRaises(TypeError):
            frame.f_trace_lines = 5
        with self.assertRaisesRegex(TypeError, "cannot create 'frame' instances"):
            type(frame)()
        self.assertRegex(repr(frame), rf"<frame at 0x[0-9a-f]+, file '.*', line \d+, code test_attributes_are_guarded>")

    def test_other_threads(self):
        ready, done = threading.Event(), threading.Event()

        def waits_here():
            ready.set()
            done.wait()

        thread = threading.Thread(target=waits_here)
        thread.start()
        try:
            ready.wait()
            frames = sys._current_frames()
            self.assertIn(threading.get_ident(), frames)
            frame, names = frames[thread.ident], []
            while frame:
                names.append(frame.f_code.co_name)
                frame = frame.f_back
            self.assertIn("waits_here", names)
            self.assertIn(thread.ident, sys._current_exceptions())
        finally:
            done.set()
            thread.join()

    def test_recursion_limit(self):
        def deeper(n):
            depths.append(n)
            deeper(n + 1)

        depths = []
        with self.assertRaisesRegex(RecursionError, "maximum recursion depth exceeded"):
            deeper(0)
        self.assertGreater(depths[-1], 500)
        self.assertLess(depths[-1], sys.getrecursionlimit())


if __name__ == "__main__":
    unittest.main()
