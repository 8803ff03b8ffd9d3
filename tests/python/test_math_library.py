"""The C library's mathematical functions are there when they are first called, whatever has become of the process."""
import os
import resource
import subprocess
import sys
import tempfile
import unittest

CALLS = "print(base ** 0.5, 7.5 % base, 5.5 // base)"
RESULTS = "1.4142135623730951 1.5 2.0\n"


class FirstCalls(unittest.TestCase):
    def run_program(self, before, after="", **limits):
        def limit():
            for name, most in limits.items():
                resource.setrlimit(getattr(resource, name), (most, most))

        program = f"import os\nbase = 2.0\n{before}\n{CALLS}\n{after}"
        done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, preexec_fn=limit)
        self.assertEqual((done.stdout, done.stderr, done.returncode), (RESULTS, "", 0))

    def test_while_all_descriptors_are_in_use(self):
        self.run_program("""\
end, other = os.pipe()
held = []
try:
    while True:
        held.append(os.dup(end))
except OSError:
    pass""", """\
for each in held:
    os.close(each)
os.write(other, b"x")
assert os.read(end, 1) == b"x"
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    pass
else:
    raise SystemExit("a child is left")""", RLIMIT_NOFILE=64)

    @unittest.skipIf("ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ, "the sanitizer reserves more addresses than the limit")
    def test_while_memory_is_used_up(self):
        self.run_program("""\
held = []
try:
    while True:
        held.append(bytearray(100_000))
except MemoryError:
    held.pop()""", RLIMIT_AS=200 << 20)

    @unittest.skipUnless(os.getuid() == 0, "needs the right to change the root")
    def test_in_a_root_without_the_library(self):
        with tempfile.TemporaryDirectory() as folder:
            self.run_program(f"os.chroot({folder!r})")


if __name__ == "__main__":
    unittest.main()
