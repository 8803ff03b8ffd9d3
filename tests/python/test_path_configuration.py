"""Where the interpreter finds its library: installations around it, PYTHONHOME, pyvenv.cfg, ._pth files."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

LIBRARY = os.path.dirname(os.__file__)
SHOW = ("import json, sys; print(json.dumps(dict(executable=sys.executable, base_executable=sys._base_executable,"
        "prefix=sys.prefix, exec_prefix=sys.exec_prefix, path=sys.path, library=sys._stdlib_dir,"
        "isolated=sys.flags.isolated, no_site=sys.flags.no_site)))")


class PathConfiguration(unittest.TestCase):
    def setUp(self):
        self.root = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.program = self.place("bin/program")

    def place(self, name):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(os.path.realpath(sys.executable), path)
        return path

    def write(self, name, *lines):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    def install_library(self, prefix):
        os.makedirs(os.path.join(self.root, prefix, "lib"))
        os.symlink(LIBRARY, os.path.join(self.root, prefix, "lib/python3.11"))
        return os.path.join(self.root, prefix)

    def run_program(self, *arguments, program=None, **environment):
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GILL"))}
        return subprocess.run([program or self.program, *arguments], env=variables | environment, cwd=self.root,
                              capture_output=True, text=True, timeout=60)

    def show(self, *options, program=None, **environment):
        done = self.run_program(*options, "-c", SHOW, program=program, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.errors = done.stderr
        return json.loads(done.stdout)

    def test_library_around_the_executable(self):
        home = self.install_library("")
        shown = self.show()
        self.assertEqual(shown["prefix"], os.path.normpath(home))
        self.assertEqual(shown["path"][1:3], [self.root + "/lib/python311.zip", self.root + "/lib/python3.11"])

    def test_names_are_normalized(self):
        for name in ("./bin/../bin/program", "bin//./program", self.root + "/bin/./program"):
            with self.subTest(name):
                self.assertEqual(self.show(program=name)["executable"], self.program)

    def test_name_that_is_nowhere(self):
        done = subprocess.run(["nowhere"], executable=self.program, input=SHOW, env={"PATH": self.root}, capture_output=True, text=True)
        self.assertEqual(json.loads(done.stdout)["executable"], "")

    def test_home(self):
        home, other = self.install_library("home"), self.install_library("other")
        shown = self.show(PYTHONHOME=home)
        self.assertEqual((shown["prefix"], shown["exec_prefix"]), (home, home))
        shown = self.show(PYTHONHOME=f"{home}:{other}")
        self.assertEqual((shown["prefix"], shown["exec_prefix"]), (home, other))
        self.assertEqual(shown["path"][1:4], [home + "/lib/python311.zip", home + "/lib/python3.11", other + "/lib/python3.11/lib-dynload"])
        self.assertNotEqual(self.show("-E", PYTHONHOME=home)["prefix"], home)

    def test_home_without_library(self):
        done = self.run_program("-P", "-c", "pass", PYTHONHOME=self.root, PYTHONPATH="/one:/two\u00e9")
        self.assertEqual(done.returncode, 1)
        report = done.stderr.splitlines()
        self.assertEqual(report[0], "Python path configuration:")
        for line in (f"  PYTHONHOME = '{self.root}'", "  PYTHONPATH = '/one:/two\\xe9'", "  isolated = 0", "  safe_path = 1",
                     f"  stdlib dir = '{self.root}/lib/python3.11'", f"  sys.executable = '{self.program}'", "    '/two\\xe9',",
                     f"    '{self.root}/lib/python3.11/lib-dynload',"):
            self.assertIn(line, report)
        end = report.index("  ]")
        self.assertEqual(report[end + 1:end + 4], [
            "Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding",
            "Python runtime state: core initialized",
            "ModuleNotFoundError: No module named 'encodings'"])

    def test_extensions_of_another_installation(self):
        os.makedirs(self.root + "/lib/python3.11/lib-dynload")
        shown = self.show()
        self.assertEqual(shown["exec_prefix"], self.root)
        self.assertNotEqual(shown["prefix"], self.root)
        self.assertIn(self.root + "/lib/python3.11/lib-dynload", shown["path"])

    def test_virtual_environment(self):
        base = os.path.normpath(self.install_library(""))
        python3 = self.place("bin/python3")
        self.write("env/pyvenv.cfg", f"HOME = {self.root}/bin ")
        shown = self.show("-S", program=self.place("env/bin/python"))
        self.assertEqual(shown["base_executable"], python3)
        self.assertEqual(shown["prefix"], base)

    def test_home_before_virtual_environment(self):
        home = self.install_library("home")
        self.write("pyvenv.cfg", "home = /usr/bin")
        self.assertEqual(self.show("-S", PYTHONHOME=home)["base_executable"], self.program)

    def test_path_file(self):
        self.write("bin/program._pth", "plain", "# comment", "", f"  {LIBRARY} # comment", "../up", "\u00e9")
        shown = self.show(PYTHONPATH="/elsewhere", PYTHONHOME="/elsewhere")
        folder = self.root + "/bin"
        self.assertEqual(shown["path"], [folder + "/plain", LIBRARY, self.root + "/up", folder + "/\u00e9"])
        self.assertEqual((shown["prefix"], shown["library"]), (folder, folder + "/lib/python3.11"))
        self.assertEqual((shown["isolated"], shown["no_site"]), (1, 1))

    def test_path_file_with_site(self):
        self.write("bin/program._pth", LIBRARY, "import site ", "import os")
        shown = self.show()
        self.assertEqual(shown["path"][0], LIBRARY)
        self.assertEqual((shown["isolated"], shown["no_site"]), (1, 0))
        self.assertEqual(self.errors, "unsupported 'import' line in ._pth file\n")


if __name__ == "__main__":
    unittest.main()
