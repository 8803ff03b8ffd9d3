"""How a program ends, and what the hooks of `sys` do when things go wrong in them."""
import subprocess
import sys
import textwrap
import unittest


def run(program, *options):
    done = subprocess.run([sys.executable, "-E", *options, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode, done.stdout


class Exit(unittest.TestCase):
    def test_tuples_are_codes_of_their_own(self):
        self.assertEqual(run("import sys; sys.exit(())"), (1, "()\n"))
        self.assertEqual(run("import sys; sys.exit((1,))"), (1, "(1,)\n"))
        self.assertEqual(run("import sys; sys.exit((1, 2))"), (1, "(1, 2)\n"))

    def test_output_of_a_command_is_written_at_the_end(self):
        code, output = run("print('printed'); 1/0")
        self.assertEqual((code, output.splitlines()[-2:]), (1, ["ZeroDivisionError: division by zero", "printed"]))


class Unraisable(unittest.TestCase):
    PROGRAM = """
        import sys
        class Failing:
            def __del__(self): raise KeyError("lost")
        %s
        Failing()
    """

    def test_hook_that_cannot_be_called(self):
        self.assertEqual(run(self.PROGRAM % "sys.unraisablehook = 5"),
                         (0, "Exception ignored in sys.unraisablehook: 5\nTypeError: 'int' object is not callable\n"))

    def test_stream_that_cannot_be_flushed(self):
        code, output = run(self.PROGRAM % "class Stream: write = sys.__stderr__.write\n        sys.stderr = Stream()")
        self.assertTrue(output.endswith("Exception ignored in sys.unraisablehook: <built-in function unraisablehook>\n"
                                        "AttributeError: 'Stream' object has no attribute 'flush'\n"), output)

    def test_unawaited_coroutine_without_the_python_function(self):
        code, output = run("""
            import warnings
            warnings._warn_unawaited_coroutine = lambda coroutine: 1/0
            async def coroutine(): pass
            coroutine()
        """)
        self.assertIn("RuntimeWarning: coroutine 'coroutine' was never awaited\nRuntimeWarning: Enable tracemalloc", output)


class Limits(unittest.TestCase):
    def test_leading_zeros_are_digits(self):
        with self.assertRaisesRegex(ValueError, r"Exceeds the limit \(4300 digits\) .* value has 5000 digits"):
            int("0" * 5000)

    def test_switch_interval(self):
        kept = sys.getswitchinterval()
        try:
            sys.setswitchinterval(1e-9)
            self.assertEqual(sys.getswitchinterval(), 0)
        finally:
            sys.setswitchinterval(kept)


class LineEditor(unittest.TestCase):
    def test_not_loaded_where_nobody_types(self):
        done = subprocess.run([sys.executable, "-S", "-i"], input="import sys\nprint('readline' in sys.modules)\n", capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout, "False\n")


if __name__ == "__main__":
    unittest.main()
