"""Tests of the compiled extension families (C); run under gill and under the reference."""
import contextvars
import gc
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings

import families


def traced(fail=False):
    total = 0
    for number in (1, 2):
        total += number
    if fail:
        raise LookupError
    return len("ab") + total


class Tracing(unittest.TestCase):
    def test_trace(self):
        events = [event for event in families.trace_events(traced) if event[1] == "traced"]
        self.assertEqual(events, [("call", "traced", 0), ("line", "traced", 1), ("line", "traced", 2), ("line", "traced", 3),
                                  ("line", "traced", 2), ("line", "traced", 3), ("line", "traced", 2), ("line", "traced", 4),
                                  ("line", "traced", 6), ("return", "traced", 6)])

    def test_trace_of_an_exception(self):
        events = [event for event in families.trace_events(lambda: traced(True)) if event[1] == "traced"]
        self.assertEqual(events[-3:], [("line", "traced", 5), ("exception", "traced", 5), ("return", "traced", 5)])

    def test_profile(self):
        events = [event for event in families.profile_events(traced) if event[1] == "traced"]
        self.assertEqual(events, [("call", "traced", 0), ("c_call", "traced", 6), ("c_return", "traced", 6), ("return", "traced", 6)])
        self.assertIsNone(sys.getprofile())


class Codes(unittest.TestCase):
    def test_extra_data(self):
        code = compile("1", "f", "eval")
        other = compile("2", "f", "eval")
        families.set_extra(code, 5)
        self.assertEqual((families.get_extra(code), families.get_extra(other)), (5, None))
        freed = families.count_freed_extras()
        del code
        gc.collect()
        self.assertEqual(families.count_freed_extras(), freed + 1)


class Functions(unittest.TestCase):
    def test_parts(self):
        cell = 3

        def function(a, b=2, *, c: int = 4):
            return a, b, c, cell

        parts = families.function_parts(function)
        self.assertEqual(parts, (function.__code__, globals(), __name__, (2,), {"c": 4}, function.__closure__, {"c": int}))
        copy = families.copy_function(function, "Other.name", (7,), {"c": 8}, {"a": str})
        self.assertEqual((copy(1), copy.__qualname__, copy.__annotations__), ((1, 7, 8, 3), "Other.name", {"a": str}))
        bare = families.copy_function(function, "bare", None, None, None)
        with self.assertRaisesRegex(TypeError, "missing 2 required positional"):
            bare()
        with self.assertRaises(SystemError):
            families.copy_function(function, "x", 5, None, None)

    def test_frames(self):
        local = 1
        name, line, locals_, generator, globals_, builtins_, below = families.calling_frame(None)
        self.assertEqual((name, locals_["local"], generator, below), ("test_frames", 1, None, 1))
        self.assertIs(globals_, globals())
        self.assertIs(builtins_, __builtins__ if isinstance(__builtins__, dict) else vars(__builtins__))

        def generate():
            yield families.calling_frame(None)

        running = generate()
        self.assertIs(next(running)[3], running)


class StructSequences(unittest.TestCase):
    def test_both_kinds(self):
        for on_heap in (False, True):
            pair = families.make_pair(1, "b", [3], on_heap)
            self.assertEqual((pair, pair.left, pair.right, pair.hidden), ((1, "b"), 1, "b", [3]))
            self.assertEqual(repr(pair), "families.Pair(left=1, right='b')")
            self.assertEqual((pair.n_fields, pair.n_sequence_fields, pair.n_unnamed_fields), (3, 2, 0))
            self.assertEqual(type(pair).__match_args__, ("left", "right"))
            self.assertEqual(pair.__reduce__(), (type(pair), ((1, "b"), {"hidden": [3]})))
            with self.assertRaises(AttributeError):
                pair.left = 2


class ContextVariables(unittest.TestCase):
    def test_variable(self):
        before = dict(contextvars.copy_context())
        inside, after = families.run_with_variable("value", lambda variable: (variable.name, variable.get(), variable in contextvars.copy_context()))
        self.assertEqual((inside, after), (("families.variable", "value", True), ...))
        self.assertEqual(dict(contextvars.copy_context()), before)


class Threads(unittest.TestCase):
    def test_foreign_thread(self):
        seen = []
        own, stored_first = families.call_in_foreign_thread(seen.append)
        self.assertEqual((seen, own, stored_first), ([True], True, 0))

    def test_pending_calls(self):
        done = []
        self.assertTrue(families.add_pending(done))
        for _ in range(100_000):
            if done:
                break
        self.assertEqual(done, [1])


class Allocators(unittest.TestCase):
    def test_hooks_see_objects(self):
        kept, allocated, freed = families.count_allocations(lambda: [str(i) * 20 for i in range(1000)])
        self.assertEqual(len(kept), 1000)
        self.assertGreaterEqual(allocated, 1000)
        _, _, freed = families.count_allocations(lambda: kept.clear())
        self.assertGreaterEqual(freed, 1000)


class OpenTypes(unittest.TestCase):
    """A heap type filled in by hand, with a managed dictionary."""

    def use(self, cls):
        objects = [cls() for _ in range(50)]
        for i, one in enumerate(objects):
            self.assertEqual(one.seven(), 7)
            one.number = i
            one.itself = one
            one.other = objects[i - 1]
            setattr(one, f"name{i}", None)
            self.assertEqual((one.number, one.seven()), (i, 7))
        self.assertEqual(list(vars(objects[3])), ["number", "itself", "other", "name3"])
        del objects[0].number
        self.assertFalse(hasattr(objects[0], "number"))
        objects[1].__dict__ = {"seven": lambda: 8}
        self.assertEqual(objects[1].seven(), 8)
        return objects

    def check_collected(self, cls):
        gc.collect()
        self.assertEqual([each for each in gc.get_objects() if type(each) is cls], [])

    def test_instances(self):
        cls = families.make_open_type("Open")
        self.assertEqual(cls.__name__, "Open")
        alive = self.use(cls)
        del alive
        self.check_collected(cls)

    def test_subclasses(self):
        base = families.make_open_type("Open")

        class Plain(base):
            def seven(self):
                return super().seven()

        class Slotted(Plain):
            __slots__ = ("extra",)
        for cls in (Plain, Slotted):
            alive = self.use(cls)
            alive[0].extra = alive
            del alive
            if "Gill" in sys.version:  # the reference visits these dictionaries twice, and keeps what they hold
                self.check_collected(cls)


class Packages(unittest.TestCase):
    def test_name_within_a_package(self):
        self.assertEqual(families.name_at_creation, "families")
        program = "import package.families as f; print(f.name_at_creation, f.__name__, f.__package__)"
        with tempfile.TemporaryDirectory() as folder:
            package = pathlib.Path(folder, "package")
            package.mkdir()
            package.joinpath("__init__.py").touch()
            shutil.copy(families.__file__, package)
            done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.split(), ["package.families", "package.families", "package"])


class Others(unittest.TestCase):
    def test_writer(self):
        for text in "plain", "", "caf\xe9", "\u20ac\u20ac", "\U0001f600!":
            for character in "x\xff\u0416\U0001f601":
                self.assertEqual(families.write_text(text, ord(character)), text + character + "-ascii-" + text[:len(text) // 2])

    def test_descriptors(self):
        first, type_name, length = families.make_descriptors(list)
        self.assertEqual((first.__get__([7, 8])(), first([9]), first.__doc__), (7, 9, "the first item"))
        self.assertEqual(type_name.__get__(None, list)(), "list")
        self.assertEqual(length.__get__([1, 2]), 12)
        self.assertEqual(repr(first), "<method 'first' of 'list' objects>")
        with self.assertRaises(TypeError):
            first.__get__((1,))
        with self.assertRaises(AttributeError):
            length.__set__([1], 2)

    def test_errors(self):
        with self.assertRaises(FileNotFoundError) as caught:
            families.raise_errors("errno", "one", "two")
        self.assertEqual((caught.exception.filename, caught.exception.filename2), ("one", "two"))
        with self.assertRaises(ModuleNotFoundError) as caught:
            families.raise_errors("import", "name", "path")
        self.assertEqual((str(caught.exception), caught.exception.name, caught.exception.path), ("name", "name", "path"))
        with self.assertRaisesRegex(RuntimeError, "about it") as caught:
            families.raise_errors("cause", "reason", "it")
        self.assertIs(type(caught.exception.__cause__), ValueError)
        self.assertIs(caught.exception.__cause__, caught.exception.__context__)
        self.assertIsNone(families.raise_errors("handled", 1, 2))
        try:
            raise KeyError
        except KeyError as error:
            self.assertIs(families.raise_errors("handled", 1, 2), error)
        with self.assertRaises(SyntaxError) as caught:
            families.raise_errors("syntax", "no file", None)
        self.assertEqual((caught.exception.filename, caught.exception.lineno, caught.exception.offset), ("no file", 3, 7))
        with warnings.catch_warnings(record=True) as recorded:
            warnings.simplefilter("always")
            families.raise_errors("warn", "careful", "file.py")
        self.assertEqual([(str(w.message), w.filename, w.lineno) for w in recorded], [("careful", "file.py", 12)])


if __name__ == "__main__":
    unittest.main()
