"""The interactive prompt: what is typed at a terminal, and what happens before the first prompt."""
import os
import pty
import select
import subprocess
import sys
import tempfile
import unittest

TIME_LIMIT = 30


def converse(lines, **environment):
    """What the terminal shows when each of `lines` is typed at a prompt of its own."""
    with tempfile.TemporaryDirectory() as home:
        return converse_at(home, lines, environment)


def converse_at(home, lines, environment):
    master, terminal = pty.openpty()
    environment = {**os.environ, "HOME": home, "TERM": "dumb", **environment}
    process = subprocess.Popen([sys.executable, "-q", "-S"], stdin=terminal, stdout=terminal, stderr=terminal,
                               env=environment, start_new_session=True)
    os.close(terminal)
    shown = b""
    pending = [*lines, b"\x04"]
    seen = 0
    try:
        while True:
            if not select.select([master], [], [], TIME_LIMIT)[0]:
                raise AssertionError(f"no answer after {shown}")
            try:
                data = os.read(master, 4096)
            except OSError:
                data = b""
            if not data:
                return shown.decode("utf-8", "replace").replace("\r", "")
            shown += data
            if shown[seen:].endswith((b">>> ", b"... ")) and pending:
                seen = len(shown)
                os.write(master, pending.pop(0))
    finally:
        os.close(master)
        process.kill()
        process.wait()


class Typing(unittest.TestCase):
    def test_undecodable_line(self):
        shown = converse([b"'\xff'\n", b"(1,\n", b"'\xff'\n", b"6*7\n"])
        self.assertIn("line 0\n    \nSyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xff in position 1", shown)
        self.assertEqual(shown.count("SyntaxError: (unicode error)"), 2)
        self.assertIn("\n42\n", shown)

    def test_encoding_of_stdin(self):
        shown = converse(["'é'\n".encode(), b"6*7\n"], PYTHONIOENCODING="ascii")
        self.assertIn("SyntaxError: (unicode error) 'ascii' codec can't decode byte 0xc3", shown)
        self.assertIn("\n42\n", shown)
        self.assertIn("\n2\n", converse(["len('é')\n".encode()], PYTHONIOENCODING="latin-1"))

    def test_mistakes_inside_literals_are_told_at_once(self):
        shown = converse(["b'é'\n".encode(), b"f'{'\n", b"'\\x'\n", b"6*7\n"])
        for message in ("bytes can only contain ASCII literal characters", "f-string: expecting '}'", "truncated \\xXX escape"):
            self.assertIn(message, shown)
        self.assertIn("\n42\n", shown)


class NullCharacters(unittest.TestCase):
    """A null character takes what follows it in its line away, the line's end too."""

    def run_interactively(self, text):
        done = subprocess.run([sys.executable, "-i", "-q", "-S"], input=text, capture_output=True, timeout=TIME_LIMIT)
        return done.stdout.decode(), done.stderr.decode()

    def test_alone_in_a_line(self):
        self.assertEqual(self.run_interactively(b"print(1)\n\0\nprint(2)\n"), ("1\n2\n", ">>> >>> >>> \n"))

    def test_inside_a_line(self):
        out, errors = self.run_interactively(b"x = 1\0 + 2\nprint(2)\n6*7\n")
        self.assertEqual(out, "42\n")
        self.assertIn("    x = 1print(2)\n        ^\nSyntaxError: invalid decimal literal", errors)


class Startup(unittest.TestCase):
    def test_missing_startup_file(self):
        shown = converse([b"6*7\n"], PYTHONSTARTUP="/nonexistent/startup.py")
        self.assertIn("Could not open PYTHONSTARTUP\nFileNotFoundError: [Errno 2] No such file or directory: '/nonexistent/startup.py'", shown)
        self.assertIn("\n42\n", shown)


if __name__ == "__main__":
    unittest.main()
