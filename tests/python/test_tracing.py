"""What trace and profile functions see, and what they leave alone."""
import sys
import unittest


def trace_of(function, *arguments):
    """(event, line relative to the function's first, value) of what runs in `function` and the code in it."""
    seen = []
    code = function.__code__

    def trace(frame, event, argument):
        if frame.f_code.co_filename == code.co_filename and frame.f_code.co_firstlineno >= code.co_firstlineno:
            seen.append((event, frame.f_lineno - code.co_firstlineno, argument[0].__name__ if event == "exception" else None))
        return trace

    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(None)
    return [each for each in seen if each[1] >= 0]


class Locals(unittest.TestCase):
    def test_traced_function_keeps_no_second_reference(self):
        ends = []

        class Ending:
            def __del__(self):
                ends.append("ended")

        def function():
            value = Ending()
            del value
            ends.append("after")

        trace_of(function)
        self.assertEqual(ends, ["ended", "after"])

    def test_changed_locals_stay_changed(self):
        def function(value):
            names = locals()
            del names["value"]
            return names

        sys.settrace(lambda *arguments: None)
        try:
            self.assertEqual(function(1), {})
        finally:
            sys.settrace(None)

    def test_hook_changes_locals(self):
        def function():
            value = 1
            return value

        def trace(frame, event, argument):
            if "value" in frame.f_locals:
                frame.f_locals["value"] = 5
            return trace

        sys.settrace(trace)
        try:
            result = function()
        finally:
            sys.settrace(None)
        self.assertEqual(result, 5)


class Generators(unittest.TestCase):
    def test_dropped_generator(self):
        def function():
            def numbers():
                try:
                    yield 1
                finally:
                    pass
            generator = numbers()
            next(generator)
            del generator

        self.assertEqual(trace_of(function), [
            ("call", 0, None), ("line", 1, None), ("line", 6, None), ("line", 7, None), ("call", 1, None), ("line", 2, None), ("line", 3, None),
            ("return", 3, None), ("line", 8, None), ("call", 3, None), ("exception", 3, "GeneratorExit"), ("line", 5, None), ("return", 5, None),
            ("return", 8, None)])

    def test_generator_dropped_before_its_start(self):
        def function():
            def numbers():
                yield 1
            numbers()

        self.assertEqual(trace_of(function), [
            ("call", 0, None), ("line", 1, None), ("line", 3, None), ("call", 1, None), ("exception", 1, "GeneratorExit"), ("return", 1, None),
            ("return", 3, None)])


if __name__ == "__main__":
    unittest.main()
