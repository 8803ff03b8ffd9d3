"""Errors of the compiler in unusual sources, and sources that nest deeply."""
import unittest


class SyntaxErrors(unittest.TestCase):
    def error(self, source):
        with self.assertRaises(SyntaxError) as caught:
            compile(source, "file", "exec")
        error = caught.exception
        return error.msg, error.lineno, error.offset

    def test_braces_behind_expression(self):
        self.assertEqual(self.error("f(){b=1"), ("'{' was never closed", 1, 4))
        self.assertEqual(self.error("f {b=1}"), ("invalid syntax. Maybe you meant '==' or ':=' instead of '='?", 1, 4))
        self.assertEqual(self.error('x = *a {\n "b": c,\n'), ("'{' was never closed", 1, 8))
        self.assertEqual(self.error("y{(a) b(c) d"), ("invalid syntax. Perhaps you forgot a comma?", 1, 4))

    def test_carriage_return_at_the_end(self):
        message = "expected an indented block after 'if' statement on line 1"
        self.assertEqual(self.error("if 1:\n"), (message, 1, 6))
        self.assertEqual(self.error("if 1:\r"), (message, 1, 6))
        self.assertEqual(self.error("if 1:\r\n"), (message, 2, 1))
        self.assertEqual(self.error(b"# coding: latin-1\r\nif 1:\r\n")[1:], (3, 1))
        compile("x = 1\\\r\n", "file", "exec")

    def test_nested_targets(self):
        deep = "(" * 60
        for start in ("for ", "del ", "match a:\n case ", "with a as ", "x = 1; "):
            self.assertEqual(self.error(start + deep + "a b")[1], 1 + start.count("\n"))
        for depth in (1, 40):
            target = "(" * depth + "a" + ", b)" * depth
            compile(f"for {target} in c: pass\ndel {target}\n{target} = c\nmatch c:\n case {target.replace('b', '_')}: pass\n", "file", "exec")


if __name__ == "__main__":
    unittest.main()
