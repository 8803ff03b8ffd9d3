"""Audit events (PEP 578): what each operation tells the hooks, and what hooks may do."""
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

# What follows is set up once for all of OPERATIONS, in a program of its own: hooks cannot be taken away.
PROLOGUE = """
import array, code, copyreg, ctypes, fcntl, gc, glob, io, marshal, mmap, os, pathlib, pickle, resource, shutil, signal, socket, sqlite3
import subprocess, sys, syslog, tempfile, threading, time, types, _thread
events = None
def shown(value):
    if isinstance(value, (type(None), bool, int, float, str, bytes, tuple, list)): return repr(value)
    return "<" + type(value).__name__ + ">"
def hook(event, arguments):
    if events is not None and event != "exec": events.append(" ".join([event, *map(shown, arguments)]))
sys.addaudithook(hook)
sys.breakpointhook = lambda: None
sys.stdin = io.StringIO("typed\\n")
class A: x = 1
a = A()
def function(): pass
descriptor = os.open("file", os.O_RDWR | os.O_CREAT)
os.mkdir("folder")
"""
CLOEXEC = os.O_CLOEXEC
OPERATIONS = {
    "array.array('i')": ["array.__new__ 'i' None"],
    "array.array('b', b'x')": ["array.__new__ 'b' b'x'"],
    "breakpoint()": ["builtins.breakpoint <function>"],
    "id(5)": ["builtins.id %d" % id(5)],
    "input()": ["builtins.input None"],
    "compile('1', 'name', 'eval')": ["compile b'1' 'name'"],
    "compile(b'1', b'name', 'eval')": ["compile b'1' 'name'"],
    "function.__code__": ["object.__getattr__ <function> '__code__'"],
    "function.__code__ = function.__code__": ["object.__getattr__ <function> '__code__'", "object.__setattr__ <function> '__code__' <code>"],
    "function.__defaults__ = None": ["object.__delattr__ <function> '__defaults__'"],
    "del function.__kwdefaults__": ["object.__delattr__ <function> '__kwdefaults__'"],
    "(x for x in ()).gi_code": ["object.__getattr__ <generator> 'gi_code'"],
    "sys._getframe().f_code": ["sys._getframe <frame>", "object.__getattr__ <frame> 'f_code'"],
    "sys._current_frames()": ["sys._current_frames"],
    "sys._current_exceptions()": ["sys._current_exceptions"],
    "a.__class__ = A": ["object.__setattr__ <A> '__class__' <type>"],
    "A.__name__ = 'A'": ["object.__setattr__ <type> '__name__' 'A'"],
    "A.__bases__ = (object,)": ["object.__setattr__ <type> '__bases__' (<class 'object'>,)"],
    "gc.get_objects(1)": ["gc.get_objects 1"],
    "gc.get_referents(5)": ["gc.get_referents (5,)"],
    "glob.glob('*')": ["glob.glob '*' False", "glob.glob/2 '*' False None None", "os.scandir '.'"],
    "marshal.dumps(5)": ["marshal.dumps 5 4"],
    "marshal.loads(b'N')": ["marshal.loads b'N'"],
    "mmap.mmap(-1, 4096)": ["mmap.__new__ -1 4096 0 0"],
    "open('file').close()": ["open 'file' 'r' %d" % CLOEXEC],
    "os.close(os.open('file', os.O_RDONLY))": ["open 'file' None %d" % CLOEXEC],
    "os.chmod('file', 0o644)": ["os.chmod 'file' 420 -1"],
    "os.rename('folder', 'other')": ["os.rename 'folder' 'other' -1 -1"],
    "os.rmdir('other')": ["os.rmdir 'other' -1"],
    "os.putenv('A', 'b')": ["os.putenv b'A' b'b'"],
    "os.environ['A'] = 'b'": ["os.putenv b'A' b'b'"],
    "os.unsetenv('A')": ["os.unsetenv b'A'"],
    "os.utime('file', ns=(1, 2))": ["os.utime 'file' None (1, 2) -1"],
    "os.system('true')": ["os.system b'true'"],
    "resource.prlimit(0, resource.RLIMIT_CORE)": ["resource.prlimit 0 4 None"],
    "fcntl.flock(descriptor, fcntl.LOCK_UN)": ["fcntl.flock 3 8"],
    "pickle.loads(b'cbuiltins\\nlen\\n.')": ["pickle.find_class 'builtins' 'len'"],
    "socket.socket().close()": ["socket.__new__ <socket> 2 1 0"],
    "socket.socket(fileno=-5)": ["socket.__new__ <socket> -1 -1 -1"],
    "socket.getservbyname('nothing')": ["socket.getservbyname 'nothing' None"],
    "socket.getservbyport(80)": ["socket.getservbyport 80 None"],
    "sqlite3.connect(':memory:').close()": ["sqlite3.connect ':memory:'", "sqlite3.connect/handle <Connection>"],
    "sys.settrace(None)": ["sys.settrace"],
    "sys.setprofile(None)": ["sys.setprofile"],
    "sys.set_asyncgen_hooks(None, None)": ["sys.set_asyncgen_hook_finalizer", "sys.set_asyncgen_hook_firstiter"],
    "sys.audit('my.event', 1, [2])": ["my.event 1 [2]"],
    "_thread.start_new_thread(function, ()); time.sleep(0.01)": [],
    "ctypes.addressof(ctypes.c_int())": ["ctypes.addressof <c_int>"],
    "ctypes.create_string_buffer(5)": ["ctypes.create_string_buffer None 5"],
    "syslog.setlogmask(255)": ["syslog.setlogmask 255"],
    "shutil.copyfile('file', 'copy')": ["shutil.copyfile 'file' 'copy'", "open 'file' 'r' %d" % CLOEXEC,
                                        "open 'copy' 'w' %d" % (os.O_WRONLY | os.O_CREAT | os.O_TRUNC | CLOEXEC)],
}
EPILOGUE = """
for operation in OPERATIONS:
    compiled = compile(operation, "<operation>", "exec")
    events = []
    try: exec(compiled)
    except Exception: pass
    told, events = events, None
    print(repr((operation, told)))
"""


def run(program, *options, **environment):
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([sys.executable, *options, "-c", textwrap.dedent(program)], cwd=folder, capture_output=True, text=True, timeout=60,
                              env={**os.environ, **environment})


class Events(unittest.TestCase):
    def test_operations(self):
        done = run(PROLOGUE + f"OPERATIONS = {list(OPERATIONS)!r}\n" + EPILOGUE)
        self.assertEqual(done.stderr, "")
        told = dict(map(eval, done.stdout.splitlines()))
        self.assertEqual(list(told), list(OPERATIONS))
        for operation, events in OPERATIONS.items():
            # Addresses differ from run to run.
            if operation == "id(5)":
                continue
            with self.subTest(operation):
                self.assertEqual(told[operation], events)

    def test_new_interpreter(self):
        done = run("""
            import sys, _xxsubinterpreters as interpreters
            sys.addaudithook(lambda event, arguments: event.startswith("cpython.") and print(event))
            interpreters.create()
        """)
        self.assertIn("cpython.PyInterpreterState_New\n", done.stdout)

    def test_what_the_command_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "sitecustomize.py"), "w") as file:
                file.write("import sys\nsys.addaudithook(lambda event, arguments: event.startswith('cpython.run') and print(event, *arguments))\n")
            self.assertEqual(run("pass", PYTHONPATH=folder).stdout, "cpython.run_command pass\n\n")
            for options, text, expected in (((), "pass", "cpython.run_stdin\n"), (("-m", "sitecustomize"), "", "cpython.run_module sitecustomize\n")):
                done = subprocess.run([sys.executable, *options], input=text, capture_output=True, text=True, timeout=60,
                                      env={**os.environ, "PYTHONPATH": folder})
                self.assertTrue(done.stdout.startswith(expected), done.stdout)


class Hooks(unittest.TestCase):
    def test_failing_cantrace(self):
        done = run("""
            import sys
            class Hook:
                def __call__(self, *arguments): pass
                @property
                def __cantrace__(self): raise KeyError("asked")
            sys.addaudithook(Hook())
            try: sys.audit("event")
            except KeyError as error: print(error)
        """)
        self.assertIn("'asked'\n", done.stdout)


if __name__ == "__main__":
    unittest.main()
