"""The command's options and variables: odd values, and start-ups that fail."""
import os
import subprocess
import sys
import tempfile
import unittest


class Options(unittest.TestCase):
    def setUp(self):
        # Links in the name would be followed by os.getcwd().
        self.folder = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))

    def run_command(self, *arguments, **environment):
        done = subprocess.run([sys.executable, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60, env={**os.environ, **environment})
        return done.returncode, done.stdout, done.stderr

    def write_module(self, name, text):
        with open(os.path.join(self.folder, name + ".py"), "w") as file:
            file.write(text)

    def test_empty_values_are_zero(self):
        program = "import sys, tracemalloc; print(sys.get_int_max_str_digits(), tracemalloc.is_tracing())"
        self.assertEqual(self.run_command("-X", "int_max_str_digits=", "-X", "tracemalloc=", "-c", program), (0, "0 False\n", ""))

    def test_help_ends_the_options(self):
        for option in ("-hz", "-?z", "-h=5", "-hc"):
            code, out, err = self.run_command(option)
            self.assertEqual((code, out[:6], err), (0, "usage:", ""), option)
        self.assertEqual(self.run_command("-Vz")[0], 2)

    def test_too_many_frames(self):
        code, out, err = self.run_command("-X", "tracemalloc=65536", "-c", "pass")
        self.assertEqual((code, err.splitlines()[:3]), (1, [
            "Fatal Python error: init_interp_main: can't initialize tracemalloc", "Python runtime state: core initialized",
            "ValueError: the number of frames must be in range [1; 65535]"]))

    def test_exit_while_starting(self):
        self.write_module("sitecustomize", "raise SystemExit(5)")
        code, out, err = self.run_command("-c", "pass", PYTHONPATH=self.folder)
        self.assertEqual((code, err[:err.index("\n")]), (1, "Fatal Python error: init_import_site: Failed to import the site module"))
        self.assertIn("\nSystemExit: 5\n", err)

    def test_broken_warnings(self):
        self.write_module("warnings", "1/0")
        code, out, err = self.run_command("-S", "-W", "error", "-c", "print(5)", PYTHONPATH=self.folder)
        self.assertEqual((code, out), (0, "5\n"))
        self.assertTrue(err.startswith("'import warnings' failed; traceback:\nTraceback (most recent call last):\n"), err)

    def test_path_entries_are_absolute(self):
        code, out, err = self.run_command("-S", "-c", "import sys; print(sys.path[1:-3])", PYTHONPATH="a:./b:.//c:../d:a/../e:.:")
        folder = self.folder
        self.assertEqual(eval(out), [folder + "/a", folder + "/b", folder + "/c", folder + "/../d", folder + "/e", folder, folder])

    def test_home_of_one_character(self):
        code, out, err = self.run_command("-c", "pass", PYTHONHOME="y")
        self.assertIn("'ylib/python3.11'", err)

    def test_faulthandler_without_stderr(self):
        done = subprocess.run(["sh", "-c", '"$0" -X faulthandler -c "import faulthandler; print(faulthandler.is_enabled())" 2>&-', sys.executable],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "True\n"))


if __name__ == "__main__":
    unittest.main()
