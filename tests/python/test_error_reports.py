"""Uncaught exceptions as the interpreter itself prints them, where that differs from the `traceback` module, and what errors carry for it."""
import io
import sys
import traceback
import unittest
from contextlib import redirect_stderr


def printed(exception):
    with redirect_stderr(io.StringIO()) as output:
        sys.__excepthook__(type(exception), exception, exception.__traceback__)
    return output.getvalue()


class Margins(unittest.TestCase):
    """Inside groups some lines have no margin."""

    def test_syntax_error(self):
        group = ExceptionGroup("several", [SyntaxError("bad", ("file", 1, 2, "text", 1, 4))])
        self.assertEqual(printed(group), "  | ExceptionGroup: several (1 sub-exception)\n  +-+---------------- 1 ----------------\n"
                                         "    |   File \"file\", line 1\n    text\n     ^^\n    | SyntaxError: bad\n"
                                         "    +------------------------------------\n")

    def test_repeated_lines(self):
        def deep(depth):
            if depth:
                deep(depth - 1)
            else:
                raise ExceptionGroup("at the end", [ValueError(1)])
        try:
            deep(12)
        except ExceptionGroup as group:
            self.assertIn("\n  [Previous line repeated 9 more times]\n", printed(group))

    def test_empty_note(self):
        group = ExceptionGroup("noted", [ValueError(1)])
        group.add_note("")
        group.add_note("one\ntwo")
        self.assertTrue(printed(group).startswith("  | ExceptionGroup: noted (1 sub-exception)\n\n  | one\n  | two\n  +-+---"))

    def test_naked_exception_in_a_group(self):
        try:
            try:
                1/0
            except* ZeroDivisionError as group:
                self.assertEqual(traceback.extract_tb(group.__traceback__), [])
                raise
        except ExceptionGroup as group:
            self.assertEqual(len(traceback.extract_tb(group.__traceback__)), 0)


class Failing:
    def __enter__(self):
        return self

    def __exit__(self, *exception):
        raise KeyError("left")


class Marks(unittest.TestCase):
    """Under the first of several lines."""

    def marks(self, function):
        try:
            function()
        except KeyError as error:
            error.__context__ = None
            lines = printed(error).splitlines()
        line = next(i for i, line in enumerate(lines) if line.startswith("    with"))
        return lines[line + 1].strip() if "^" in lines[line + 1] else None

    def test_characters_of_several_bytes(self):
        def whole():
            with Failing(), repr('ab') and Failing() as held:
                pass

        def cut():
            with Failing(), repr('\u00e9\u00e9\u00e9') and Failing() as h:
                pass

        self.assertIsNone(self.marks(whole))
        self.assertIsNone(self.marks(cut))

    def test_a_blank_where_the_line_has_as_many_bytes_as_characters(self):
        def function():
            with repr('éé') and Failing() as y:
                pass

        self.assertEqual(self.marks(function), "^" * 34)


class Notes(unittest.TestCase):
    def test_of_syntax_errors(self):
        # A message stands for the exception then, and has no notes.
        error = SyntaxError("bad", ("file", 1, 2, "text", 1, 4))
        error.add_note("not shown")
        self.assertEqual(printed(error), "  File \"file\", line 1\n    text\n     ^^\nSyntaxError: bad\n")


class AttributeErrors(unittest.TestCase):
    class Slotted:
        __slots__ = "blech",
        fixed = 1

    def error_of(self, statement):
        try:
            exec(statement, {"A": self.Slotted, "a": self.Slotted()})
        except AttributeError as error:
            return error

    def test_reading_tells_the_object(self):
        for statement in ("a.blich", "a.blich()", "A.blich", "object.__getattribute__(a, 'blich')"):
            with self.subTest(statement):
                error = self.error_of(statement)
                self.assertEqual(error.name, "blich")
        self.assertTrue(printed(self.error_of("a.blich")).endswith("'Slotted' object has no attribute 'blich'. Did you mean: 'blech'?\n"))

    def test_changing_does_not(self):
        for statement in ("a.blich = 1", "del a.blich", "a.fixed = 1", "del A.blich", "(5).blich = 1", "type.__getattribute__(A, 'blich')"):
            with self.subTest(statement):
                error = self.error_of(statement)
                self.assertEqual((error.name, error.obj), (None, None))
        self.assertTrue(printed(self.error_of("a.blich = 1")).endswith("'Slotted' object has no attribute 'blich'\n"))


if __name__ == "__main__":
    unittest.main()
