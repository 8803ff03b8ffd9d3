"""What the end of a process shows: everything that may be seen of objects that are alive then."""
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest


def output_of(source, *options):
    done = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(source)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


class EndOfProcess(unittest.TestCase):
    def test_finalizer(self):
        self.assertEqual(output_of("class A:\n  def __del__(self): print('gone')\na = A()"), "gone\n")

    def test_finalizer_without_dict(self):
        self.assertEqual(output_of("class A(bytes):\n  __slots__ = ()\n  def __del__(self): print('gone')\na = A(bytes(100000))"), "gone\n")

    def test_finalizer_of_type(self):
        self.assertIn("gone", output_of("class M(type):\n  def __del__(self): print('gone')\nclass A(metaclass=M): pass"))

    def test_finalizer_added_later(self):
        self.assertEqual(output_of("class A: pass\na = A()\nA.__del__ = lambda self: print('gone')"), "gone\n")

    def test_suspended_generator(self):
        self.assertEqual(output_of("""
            def numbers():
                try:
                    yield 1
                finally:
                    print('left')
            g = numbers()
            next(g)"""), "left\n")

    def test_coroutine_never_awaited(self):
        self.assertIn("never awaited", output_of("async def f(): pass\nc = f()"))

    def test_callback_of_weak_reference(self):
        self.assertIn("dead", output_of("import builtins, weakref\nclass A: pass\na = A()\nbuiltins.kept = weakref.ref(a, print)"))

    def test_weak_finalizer(self):
        self.assertEqual(output_of("import weakref\nclass A: pass\na = A()\nweakref.finalize(a, print, 'over')"), "over\n")

    def test_unflushed_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file")
            for arguments in ("'w'", "'wb', buffering=100"):
                with self.subTest(arguments):
                    data = "b'text'" if "b" in arguments else "'text'"
                    output_of(f"f = open({path!r}, {arguments})\nf.write({data})")
                    with open(path) as file:
                        self.assertEqual(file.read(), "text")
                    os.unlink(path)

    def test_replaced_stream(self):
        self.assertEqual(output_of("import io, sys\nsys.stdout = io.TextIOWrapper(open(1, 'wb', closefd=False))\nprint('text')"), "text\n")
        self.assertEqual(output_of("import sys\nsys.stdout = None\nsys.__stdout__.write('text')"), "text")

    def test_resource_warning(self):
        warned = output_of("import os\nentries = os.scandir('/')\nnext(entries)", "-W", "always")
        self.assertIn("unclosed scandir iterator", warned)

    def test_callbacks_of_collector(self):
        self.assertIn("stop", output_of("import gc\ngc.callbacks.append(lambda phase, info, show=print: show(phase))"))

    def test_exit_status_and_functions(self):
        source = "import atexit, sys\natexit.register(print, 'at exit')\nsys.exit(3)"
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, "at exit\n", ""))

    def test_verbose_end(self):
        self.assertIn("# clear sys.path", output_of("pass", "-v"))

    def test_daemon_thread(self):
        self.assertEqual(output_of("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nprint('end')"), "end\n")


if __name__ == "__main__":
    unittest.main()
