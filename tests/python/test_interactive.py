"""The interactive prompt: what is typed at a terminal, and what happens before the first prompt."""
import fcntl
import os
import pty
import select
import subprocess
import sys
import tempfile
import termios
import time
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

    def test_startup_file(self):
        with tempfile.TemporaryDirectory() as home:
            path = os.path.join(home, "startup.py")
            with open(path, "w") as file:
                file.write("value = 6 * 7\n")
            self.assertIn("\n(42, False)\n", converse([b"value, '__file__' in globals()\n"], PYTHONSTARTUP=path))


class Terminal:
    """An interpreter at a terminal of its own, with line editing: `show()` waits until it shows something, `type()` types."""

    def __init__(self, case, *options, files=None, **environment):
        self.home = case.enterContext(tempfile.TemporaryDirectory())
        for name, text in (files or {}).items():
            with open(os.path.join(self.home, name), "w") as file:
                file.write(text)
        self.master, terminal = pty.openpty()
        environment = {**{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
                       "HOME": self.home, "TERM": "dumb", "LANG": "C.UTF-8", "COLUMNS": "200", **environment}
        self.process = subprocess.Popen([sys.executable, *options], stdin=terminal, stdout=terminal, stderr=terminal, env=environment, cwd=self.home,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(terminal)
        self.shown = ""
        case.addCleanup(self.close)

    def close(self):
        os.close(self.master)
        self.process.kill()
        self.process.wait()

    def read(self):
        if not select.select([self.master], [], [], TIME_LIMIT)[0]:
            raise AssertionError(f"no answer after {self.shown!r}")
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        self.shown += data.decode("utf-8", "replace").replace("\r", "")
        return bool(data)

    def show(self, text):
        """What is shown up to `text`, which is not shown again."""
        while text not in self.shown:
            if not self.read():
                raise AssertionError(f"ended without {text!r}: {self.shown!r}")
        before, _, self.shown = self.shown.partition(text)
        return before

    def type(self, text):
        os.write(self.master, text.encode())

    def interrupt(self):
        # A signal between two waits for input would be seen after the second, in any interpreter.
        time.sleep(0.3)
        self.type("\3")

    def answer(self, line, prompt=">>> "):
        """What a line typed at the prompt gives."""
        self.type(line + "\n")
        self.show("\n")
        return self.show(prompt)

    def end(self):
        """The exit code, and what was still shown."""
        while self.read():
            pass
        return self.process.wait(TIME_LIMIT), self.shown


class AtATerminal(unittest.TestCase):
    def start(self, *options, **environment):
        terminal = Terminal(self, "-q", *options, **environment)
        terminal.show(">>> ")
        return terminal

    def test_banner(self):
        terminal = Terminal(self)
        self.assertRegex(terminal.show(">>> "), r'^Python 3\.11\.\d+ .* on linux\nType "help", "copyright", "credits" or "license" for more information\.\n$')
        terminal.type("\4")
        self.assertEqual(terminal.end()[0], 0)

    def test_last_value(self):
        terminal = self.start()
        self.assertIn("NameError", terminal.answer("_"))
        self.assertEqual(terminal.answer("6*7"), "42\n")
        self.assertEqual(terminal.answer("None"), "")
        self.assertEqual(terminal.answer("_"), "42\n")
        terminal.answer("_ = 'own'")
        terminal.answer("5")
        self.assertEqual(terminal.answer("_"), "'own'\n")

    def test_several_lines(self):
        terminal = self.start()
        self.assertEqual(terminal.answer("def f(x):", "... "), "")
        self.assertEqual(terminal.answer("  return x", "... "), "")
        self.assertEqual(terminal.answer(""), "")
        self.assertEqual(terminal.answer("(f(1),", "... "), "")
        self.assertEqual(terminal.answer("2)"), "(1, 2)\n")
        self.assertEqual(terminal.answer("if 1:", "... "), "")
        self.assertIn("    x\n    ^\nIndentationError: expected an indented block after 'if' statement on line 1\n", terminal.answer("x"))
        self.assertEqual(terminal.answer("if 1:", "... "), "")
        self.assertIn("    y = = 1\n        ^\nSyntaxError: invalid syntax\n", terminal.answer("  y = = 1"))
        terminal.answer("import sys")
        self.assertEqual(terminal.answer("sys.last_value.text"), "'  y = = 1'\n")

    def test_interrupts(self):
        terminal = self.start()
        terminal.type("abc")
        terminal.show("abc")
        terminal.interrupt()
        self.assertEqual(terminal.show(">>> "), "\nKeyboardInterrupt\n")
        self.assertEqual(terminal.answer("if 1:", "... "), "")
        terminal.interrupt()
        self.assertEqual(terminal.show(">>> "), "\nKeyboardInterrupt\n")
        terminal.answer("while 1: pass", "... ")
        terminal.type("\n")
        terminal.show("\n")
        terminal.interrupt()
        self.assertTrue(terminal.show(">>> ").endswith("\nKeyboardInterrupt\n"))
        self.assertEqual(terminal.answer("input('? ')", "? "), "")
        terminal.interrupt()
        self.assertTrue(terminal.show(">>> ").endswith("\nKeyboardInterrupt\n"))
        self.assertEqual(terminal.answer("input('? ')", "? "), "")
        terminal.type("\4")
        self.assertTrue(terminal.show(">>> ").endswith("EOFError\n"))
        self.assertEqual(terminal.answer("6*7"), "42\n")

    def test_end_of_input(self):
        terminal = self.start()
        terminal.answer("if 1:", "... ")
        terminal.type("\4")
        terminal.show(">>> ")
        terminal.type("\4")
        self.assertEqual(terminal.end(), (0, "\n"))

    def test_leaving(self):
        terminal = self.start()
        self.assertEqual(terminal.answer("exit"), "Use exit() or Ctrl-D (i.e. EOF) to exit\n")
        self.assertEqual(terminal.answer("quit"), "Use quit() or Ctrl-D (i.e. EOF) to exit\n")
        terminal.type("quit(3)\n")
        self.assertEqual(terminal.end()[0], 3)
        terminal = self.start()
        terminal.type("raise SystemExit('bye')\n")
        code, shown = terminal.end()
        self.assertEqual((code, shown.endswith("\nbye\n")), (1, True))

    def test_prompts_are_objects(self):
        terminal = self.start()
        terminal.answer("import sys; n = 0")
        terminal.answer("class Prompt:", "... ")
        terminal.answer("  def __str__(self): global n; n += 1; return f'[{n}] '", "... ")
        terminal.answer("")
        self.assertEqual(terminal.answer("sys.ps1 = Prompt()", "[1] "), "")
        self.assertEqual(terminal.answer("'x'", "[2] "), "'x'\n")
        self.assertEqual(terminal.answer("sys.ps2 = '..? '", "[3] "), "")
        self.assertEqual(terminal.answer("if 1:", "..? "), "")

    def test_displayhook(self):
        terminal = self.start()
        terminal.answer("import sys; sys.displayhook = lambda value: print('shown', value)")
        self.assertEqual(terminal.answer("5"), "shown 5\n")
        self.assertEqual(terminal.answer("None"), "shown None\n")
        terminal.answer("del sys.displayhook")
        self.assertIn("RuntimeError: lost sys.displayhook\n", terminal.answer("5"))

    def test_help(self):
        terminal = self.start()
        self.assertEqual(terminal.answer("help"), "Type help() for interactive help, or help(object) for help about object.\n")
        self.assertTrue(terminal.answer("help(len)").startswith("Help on built-in function len in module builtins:\n"))

    def test_completion(self):
        terminal = self.start()
        terminal.answer("import sys")
        terminal.type("sys.maxsi\t\n")
        terminal.show("\n")
        self.assertEqual(terminal.show(">>> "), f"{sys.maxsize}\n")
        terminal.answer("word = 'abc'")
        terminal.type("word.upp\t\n")
        terminal.show("\n")
        self.assertEqual(terminal.show(">>> "), "'ABC'\n")

    def test_history(self):
        terminal = self.start(files={".python_history": "6*7\n"})
        terminal.type("\x10\n")
        terminal.show("\n")
        self.assertEqual(terminal.show(">>> "), "42\n")
        terminal.answer("5")
        terminal.type("\4")
        self.assertEqual(terminal.end()[0], 0)
        with open(os.path.join(terminal.home, ".python_history")) as file:
            self.assertEqual(file.read().splitlines(), ["6*7", "5"])

    def test_isolated_has_no_line_editor(self):
        terminal = self.start("-I")
        self.assertEqual(terminal.answer("import sys; 'readline' in sys.modules"), "False\n")

    def test_inspection(self):
        terminal = self.start("-i", "-c", "x = 5; 1/0")
        self.assertEqual(terminal.answer("x"), "5\n")
        terminal.answer("import sys")
        self.assertEqual(terminal.answer("sys.last_value"), "ZeroDivisionError('division by zero')\n")
        terminal = self.start("-c", "import os; os.environ['PYTHONINSPECT'] = '1'; x = 6")
        self.assertEqual(terminal.answer("x"), "6\n")
        terminal = self.start("script.py", files={"script.py": "x = 7\n"}, PYTHONINSPECT="1")
        self.assertEqual(terminal.answer("x"), "7\n")

    def test_asyncio(self):
        terminal = Terminal(self, "-m", "asyncio")
        self.assertTrue(terminal.show(">>> ").startswith("asyncio REPL 3.11"))
        terminal.show(">>> ")
        self.assertEqual(terminal.answer("await asyncio.sleep(0, 5)"), "5\n")
        self.assertIn("ZeroDivisionError: division by zero\n", terminal.answer("1/0"))
        terminal.type("exit()\n")
        self.assertEqual(terminal.end()[0], 0)


if __name__ == "__main__":
    unittest.main()
