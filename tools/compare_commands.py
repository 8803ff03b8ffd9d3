"""Runs command lines with bad input, bad streams and signals under gill and the reference and compares how they end.

Each command is a line of shell in which $PY is the interpreter; it runs in a folder of its own that has the files of
`prepare()`. Compared are the exit status and both outputs, without addresses and the interpreter's name.

Usage: compare_commands.py GILL [PATTERN]      PATTERN: only commands that contain it
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

REFERENCE = "/usr/bin/python3.11"
SECONDS = 15

COMMANDS = r'''
# scripts that are none
$PY missing.py
$PY folder
$PY empty.py
$PY nul.py
$PY unreadable.py
$PY binary.bin
$PY latin.py
$PY badcoding.py
$PY unknowncoding.py
$PY bom_latin.py
$PY crlf.py
$PY onlycr.py
$PY utf16.py
$PY zip.zip
$PY badzip.zip
$PY folder_main
$PY truncated.pyc
$PY badmagic.pyc
$PY badflags.pyc
$PY nocode.pyc
$PY short.pyc
$PY wrongtype.pyc
$PY -m truncated_module
$PY -c 'import truncated_module'
$PY -c 'import badmagic_module'
$PY -c 'import wrongtype_module'
$PY -m missing_module
$PY -m folder
$PY -m folder_main
$PY -m pkg
$PY -m pkg.missing
$PY -m nul
$PY -m ''
$PY -m .
$PY -m a..b
$PY -m broken
$PY -m raising_package.sub
$PY broken.py
$PY deep.py
$PY indent.py
$PY tabs.py
$PY ./-c
$PY -
$PY - < empty.py
$PY < broken.py
$PY < latin.py
$PY < nul.py
$PY < badcoding.py
printf 'print(1)\nx = (\n' | $PY
printf 'print(1)\nx = (\n' | $PY -i
printf 'if 1:\n  print(2)\n\nraise KeyError(1)\nprint(3)\n' | $PY -i
printf 'import sys\nsys.exit(3)\n' | $PY -i
printf 'print("\351")\n' | $PY -i
printf 'x = 1' | $PY -i
printf '1+1\n\0\nprint(2)\n' | $PY -i
printf 'def f():\n  return 1\nf()\n' | $PY -i
printf '"""\nabc' | $PY -i
printf '  x\n' | $PY -i
printf '\tx\n\n' | $PY -i
printf 'print(1)\n' | $PY -i -c 'x ='
printf 'print(x)\n' | $PY -i -c 'x = 5'
printf 'print(x)\n' | $PY -i missing.py
printf 'raise SystemExit(4)\n' | $PY -i -c 'raise KeyError'
$PY -i -c 'raise SystemExit("bye")' < /dev/null
PYTHONINSPECT=1 $PY -c 'print(1)' < /dev/null

# options
$PY -z
$PY --nonsense
$PY -X nonsense -c 1
$PY -X int_max_str_digits=1 -c 1
$PY -X int_max_str_digits=x -c 1
PYTHONINTMAXSTRDIGITS=5 $PY -c 1
$PY -X tracemalloc=x -c 1
$PY -X tracemalloc=-1 -c 1
$PY -X importtime=x -c 1 2>&1 | head -1
$PY -X utf8=2 -c 1
PYTHONUTF8=2 $PY -c 1
PYTHONHASHSEED=x $PY -c 1
PYTHONHASHSEED=99999999999 $PY -c 1
PYTHONTRACEMALLOC=x $PY -c 1
PYTHONMALLOC=x $PY -c 1
PYTHONIOENCODING=nonsense $PY -c 'print(1)'
PYTHONIOENCODING=:nonsense $PY -c 'print(1)'
PYTHONIOENCODING=ascii $PY -c 'print("\xe9")'
PYTHONIOENCODING=ascii:replace $PY -c 'print("\xe9")'
PYTHONWARNINGS=nonsense $PY -c 1
PYTHONWARNINGS=error::Nonsense $PY -c 1
$PY -W nonsense -c 1
$PY -W error::nonsense -c 1
$PY -W error::a.B -c 1
$PY -W error -c 'import warnings; warnings.warn("x")'
$PY -c
$PY -m
$PY -W
$PY -X
$PY -Q
$PY -h -c 1 | head -1
$PY -c '1' -z x
$PY -c 'x = '
$PY -c '  x'
printf "import sys; print(sys.argv)" > arg.py; $PY arg.py -c -m -- x
$PY --check-hash-based-pycs nonsense -c 1
$PY --check-hash-based-pycs
$PY -V x
$PY -VV x | cut -c1-8
$PY -c 'print("\udc80")'
$PY -c "$(printf 'print(ascii("\377"))')"
$PY -c 'import sys; print(ascii(sys.argv))' "$(printf '\377\376')"
LC_ALL=C $PY -c 'import sys; print(ascii(sys.argv))' "$(printf '\303\251\377')"
LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 $PY -c 'import sys; print(ascii(sys.argv), sys.stdout.encoding, sys.getfilesystemencoding())' "$(printf '\303\251\377')"
LC_ALL=nonsense $PY -c 'import sys; print(sys.stdout.encoding)'
PYTHONHOME=/nonexistent $PY -c 'print(1)' 2>&1 | grep -v "^  \|^Current\|^$" | head -4
PYTHONPATH=/nonexistent:missing $PY -c 'import sys; print(sys.path[1:3])'
PYTHONSTARTUP=missing.py $PY -i -q < /dev/null
PYTHONSTARTUP=broken.py $PY -i -q < /dev/null
PYTHONEXECUTABLE=/x/y $PY -c 1
PYTHONPLATLIBDIR=x $PY -c 'import sys; print(sys.platlibdir)' 2>&1 | tail -1
HOME=/nonexistent $PY -c 'import site; print(1)'

# streams
$PY -c 'print(1)' >&-
$PY -c 'import sys; print(sys.stdout, file=sys.stderr)' >&-
$PY -c 'import sys; print(sys.stderr)' 2>&-
$PY -c 'import sys; print(sys.stdin)' <&-
$PY -c 'input()' <&-
$PY -c 'import sys; sys.stdin.read()' <&-
$PY <&-
$PY -i <&-
$PY -c 'import sys; print(sys.stdin, sys.stderr)' <&- 2>&-
$PY -c 'import sys; sys.exit(5)' <&- >&- 2>&-
$PY -c 'raise KeyError' <&- >&- 2>&-
$PY -c 'open("out", "w").write("x")' <&- >&- 2>&-; cat out
$PY -c 'raise KeyError' 2>&-
$PY -c 'import sys; sys.stderr.write("x")' 2>&-
$PY -c 'print(1)' > /dev/full
$PY -c 'print("x" * 100000)' > /dev/full
$PY -c 'import sys; sys.stdout.write("x"); sys.stdout.flush()' > /dev/full
$PY -c 'import os; os.write(1, b"x")' > /dev/full
$PY -c 'raise KeyError' 2> /dev/full
$PY -c 'import sys; sys.exit("x")' 2> /dev/full
$PY -c 'import sys; print(1); sys.exit(3)' > /dev/full
$PY -c 'import atexit; atexit.register(print, 1)' > /dev/full
$PY -u -c 'print(1)' > /dev/full
$PY -c 'input("x")' > /dev/full < /dev/null
$PY -c 'open("/dev/full", "w").write("x")'
$PY -c 'f = open("/dev/full", "w"); f.write("x"); f.close()'
$PY -c 'f = open("/dev/full", "wb", 0); f.write(b"x")'
$PY -i -c 1 > /dev/full < /dev/null
$PY -c 'print("x" * 1000000)' | head -c 1
$PY -c 'for i in range(100000): print(i)' | head -1
$PY -u -c 'for i in range(100000): print(i)' | head -1
$PY -c 'import sys; sys.stdout.write("x" * 200000); sys.stdout.flush()' | true
$PY -c 'import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL); print("x" * 1000000)' | head -c 1
$PY -V > /dev/full
$PY --help > /dev/full
$PY -c 'import sys; sys.stdout.close(); print(1)'
$PY -c 'import sys; sys.stderr.close(); raise KeyError'
$PY -c 'import sys; sys.stdin.close(); input()'
$PY -c 'import sys; sys.stdout = None; print(1)'
$PY -c 'import sys; sys.stderr = None; raise KeyError'
$PY -c 'import sys; sys.stdout = 5; print(1)'
$PY -c 'import sys; sys.stderr = 5; raise KeyError'
$PY -c 'import sys; sys.stdin = None; input()'
$PY -c 'import sys; del sys.stdout; print(1)'
$PY -c 'import sys; del sys.stderr; raise KeyError'
$PY -c 'import sys; del sys.stdin; input()'
$PY -c 'import sys; del sys.excepthook; raise KeyError'
$PY -c 'import sys; sys.excepthook = 5; raise KeyError'
$PY -c 'import sys; sys.excepthook = lambda *a: 1/0; raise KeyError'
$PY -c 'import sys; sys.excepthook = lambda *a: sys.exit(9); raise KeyError'
$PY -c 'import os; os.close(1); print(1)'
$PY -c 'import os; os.close(2); raise KeyError'
$PY -c 'import os; os.close(0); input()'
$PY -c 'import sys; sys.stdin.buffer.read()' < folder
$PY < folder
$PY -c 'input()' < latin.py
$PY -c 'import sys; print(ascii(sys.stdin.read()))' < binary.bin
$PY -c 'import sys; print(ascii(sys.stdin.readline()))' < nul.py

# how a program ends
$PY -c 'import sys; sys.exit()'
$PY -c 'import sys; sys.exit(None)'
$PY -c 'import sys; sys.exit(256)'
$PY -c 'import sys; sys.exit(-1)'
$PY -c 'import sys; sys.exit(2**70)'
$PY -c 'import sys; sys.exit(1.5)'
$PY -c 'import sys; sys.exit("\udc80")'
$PY -c 'import sys; sys.exit((1, 2))'
$PY -c 'import sys; sys.exit(True)'
$PY -c 'raise SystemExit(3, 4)'
$PY -c 'raise SystemExit(SystemExit(3))'
$PY -c 'class A(SystemExit): code = 5
raise A'
$PY -c 'class A(SystemExit):
  def __str__(self): 1/0
raise A(object())'
$PY -c 'class A(Exception):
  def __str__(self): 1/0
raise A(1)'
$PY -c 'class A(Exception):
  def __repr__(self): 1/0
raise KeyError(A())'
$PY -c 'raise BaseException'
$PY -c 'raise GeneratorExit'
$PY -c 'raise KeyboardInterrupt'
$PY -c 'raise KeyboardInterrupt("x")'
$PY broken_interrupt.py
$PY -m broken_interrupt
$PY -c 'import atexit; atexit.register(lambda: 1/0)'
$PY -c 'import atexit, sys; atexit.register(lambda: sys.exit(7))'
$PY -c 'import atexit, os; atexit.register(lambda: os._exit(7))'
$PY -c 'import atexit
def f(): raise KeyboardInterrupt
atexit.register(f)'
$PY -c 'import os; os.abort()' 2> /dev/null
$PY -c 'import os, signal; os.kill(os.getpid(), signal.SIGTERM)'
$PY -c 'import os, signal; os.kill(os.getpid(), signal.SIGINT); 
while 1: pass'
$PY -c 'import os, signal; os.kill(os.getpid(), signal.SIGUSR1)'
$PY -c 'import signal; signal.raise_signal(signal.SIGINT)'
$PY -c 'import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); signal.raise_signal(signal.SIGINT)'
$PY -c 'import signal; signal.signal(signal.SIGUSR1, lambda *a: 1/0); signal.raise_signal(signal.SIGUSR1)'
$PY -c 'import signal, time
signal.signal(signal.SIGALRM, lambda *a: 1/0); signal.setitimer(signal.ITIMER_REAL, 0.2); time.sleep(10)'
$PY -c 'import signal, time
signal.signal(signal.SIGALRM, lambda *a: print("in handler")); signal.setitimer(signal.ITIMER_REAL, 0.2); time.sleep(0.5)'
$PY -c 'import signal
signal.signal(signal.SIGALRM, lambda *a: 1/0); signal.setitimer(signal.ITIMER_REAL, 0.2)
while 1: pass'
(sleep 1) | $PY -c 'import signal
signal.signal(signal.SIGALRM, lambda *a: 1/0); signal.setitimer(signal.ITIMER_REAL, 0.2); input()'
$PY -c 'import signal, threading
signal.signal(signal.SIGALRM, lambda *a: 1/0); signal.setitimer(signal.ITIMER_REAL, 0.2); threading.Lock().acquire(); l = threading.Lock(); l.acquire(); l.acquire()'
$PY -c 'import signal, re
signal.signal(signal.SIGALRM, lambda *a: 1/0); signal.setitimer(signal.ITIMER_REAL, 0.3); re.match("(a*)*b", "a" * 40)'
$PY -c 'import signal
signal.signal(signal.SIGALRM, lambda *a: 1/0); signal.setitimer(signal.ITIMER_REAL, 0.3); sum(iter(int, 1))'
timeout -s INT 1 $PY -c 'import time; time.sleep(10)'
timeout -s INT 1 $PY -c 'while 1: pass'
timeout -s INT 1 $PY -c 'import threading; threading.Event().wait()'
timeout -s INT 1 $PY -c 'try:
  import time; time.sleep(10)
finally: print("end")'
(sleep 2) | timeout -s INT 1 $PY -c 'input()'
(sleep 2) | timeout -s INT 1 $PY
(sleep 2; echo 'print(5)') | timeout -s INT 1 $PY -i
timeout -s TERM 1 $PY -c 'import time; time.sleep(10)'
$PY -c 'import threading
def f(): raise KeyError
t = threading.Thread(target=f, name="t"); t.start(); t.join()'
$PY -c 'import threading, sys
t = threading.Thread(target=sys.exit, args=(3,)); t.start(); t.join()'
$PY -c 'import threading, time
threading.Thread(target=lambda: (time.sleep(0.3), print("end"))).start(); raise KeyError'
$PY -c 'import threading, time
threading.Thread(target=lambda: time.sleep(9), daemon=True).start()'
$PY -c 'import sys; sys.setrecursionlimit(3); print(1)'
$PY -c 'class A:
  def __del__(self): 1/0
a = A()'
$PY -c 'class A:
  def __del__(self): raise SystemExit
A(); print(1)'
$PY -c 'class A:
  def __del__(self): print(self.x)
a = A(); a.x = a'
$PY -c 'import gc
class A:
  def __del__(self): gc.collect(); A()
a = A()' 2>&1 | tail -1
$PY -c 'def g():
  try: yield
  finally: print("closed")
x = g(); next(x)'
$PY -c 'def g():
  while 1:
    try: yield
    except GeneratorExit: pass
x = g(); next(x); del x'
$PY -c 'async def f(): pass
f()'
$PY -c 'import _thread; _thread.interrupt_main(); 
while 1: pass'
$PY -W error -c 'open("empty.py")'
$PY -X dev -c 'open("empty.py")'
$PY -bb -c 'str(b"")'
$PY -b -c 'b"" == ""'
$PY -c 'import sys; sys.path = None; import json'
$PY -c 'import sys; sys.modules = {}; import json; print(json.__name__)'
$PY -c 'import sys; sys.modules.clear(); print(1)'
$PY -c 'import sys; sys.meta_path = None; import json'
$PY -c 'import sys; sys.meta_path.clear(); import json'
$PY -c 'import sys; sys.path_hooks = [5]; sys.path_importer_cache.clear(); import json'
$PY -c 'import builtins; builtins.__import__ = 5; import json'
$PY -c 'import builtins; del builtins.__import__; import json'
$PY -c 'import builtins; builtins.__build_class__ = 5
class A: pass'
$PY -c 'del __builtins__.__build_class__
class A: pass'
$PY -c 'import builtins; builtins.__dict__.clear(); print(1)'
$PY -c '__builtins__ = None; print(1)'
$PY -c '__builtins__ = {}; print(1)'
$PY -c 'exec("print(1)", {"__builtins__": 5})'
$PY -c 'exec("import json", {"__builtins__": {}})'
$PY -c 'exec("class A: pass", {"__builtins__": {}})'
$PY -c 'assert 0, "x"'
$PY -c 'del AssertionError'
$PY -c 'import sys; sys.tracebacklimit = 0
def f(): 1/0
f()'
$PY -c 'import sys; sys.tracebacklimit = "x"
def f(): 1/0
f()'
$PY -c 'def f(n):
  if n: f(n-1)
  1/0
f(10)'
$PY -c 'def f(): f()
f()' 2>&1 | tail -1
$PY -c 'raise ExceptionGroup("g", [KeyError(1), ExceptionGroup("h", [ValueError("x\ny")])])'
$PY -c 'e = KeyError(1); e.__cause__ = e; raise e'
$PY -c 'a = KeyError(1); b = KeyError(2); a.__context__ = b; b.__context__ = a; raise a'
$PY -c 'e = KeyError(1); e.add_note("n1\nn2"); e.__notes__.append(5); raise e'
$PY -c 'e = KeyError(1); e.__notes__ = 5; raise e'
$PY -c 'raise SyntaxError("x", ("f", 1, 2, "text", 1, 5))'
$PY -c 'raise SyntaxError("x", ("empty.py", "a", "b", 5))'
$PY -c 'raise SyntaxError("x", (None, 1, -5, "abc", 1, 99))'
$PY -c 'raise SyntaxError("x", ("f", 1, 2**70, "abc", 1, 99))'
$PY -c 'class A(SyntaxError): msg = property(lambda s: 1/0)
raise A("x", ("f", 1, 2, "text"))'
$PY -c 'import sys; sys.last_value' 
$PY -c 'print(5 if True else)'
$PY -c 'x = 1 +'
$PY -c '(1,'
$PY -c '"abc'
$PY -c "x = '\\\n"
$PY -c '\'
$PY -c 'é = 1; print(é)'
$PY -c 'a\x00b'
'''.strip()

FILES = {
    "empty.py": b"",
    "nul.py": b"print(1)\nx = '\0'\nprint(2)\n",
    "binary.bin": bytes(range(256)) * 3,
    "latin.py": b"print(1)\nx = '\xe9'\n",
    "badcoding.py": b"# coding: ascii\nprint(1)\nx = '\xc3\xa9'\n",
    "unknowncoding.py": b"# coding: nonsense\nprint(1)\n",
    "bom_latin.py": b"\xef\xbb\xbf# coding: latin-1\nprint(1)\n",
    "crlf.py": b"print(1)\r\nif 1:\r\n  print('''a\r\nb'''.encode())\r\n1/0\r\n",
    "onlycr.py": b"print(1)\rprint(2)\r1/0\r",
    "utf16.py": "print(1)\n".encode("utf-16"),
    "badzip.zip": b"PK\x03\x04 nonsense",
    "broken.py": b"print(1)\ndef f(:\n  pass\n",
    "deep.py": b"x = " + b"(" * 5000 + b")" * 5000 + b"\n",
    "indent.py": b"def f():\n    if 1:\n        x\n      y\n",
    "tabs.py": b"if 1:\n\tx = 1\n        y = 2\n",
    "folder_main/__main__.py": b"import sys\nprint(__name__, __package__, sys.argv[1:])\n1/0\n",
    "folder/x.py": b"",
    "pkg/__init__.py": b"print('pkg')\n",
    "raising_package/__init__.py": b"1/0\n",
    "raising_package/sub.py": b"print(1)\n",
    "broken_interrupt.py": b"raise KeyboardInterrupt\n",
    "-c": b"print('dash c')\n",
}


def prepare(folder):
    for name, content in FILES.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    # What the reference writes as bytecode, whole and damaged.
    make = """
import marshal, importlib.util, zipfile
code = compile("print('ran')\\n1/0\\n", "source.py", "exec")
magic, body = importlib.util.MAGIC_NUMBER, marshal.dumps(code)
head = magic + bytes(12)
for name, data in {"truncated": head + body[:-9], "badmagic": b"abcd" + bytes(12) + body, "badflags": magic + b"\\xff" * 4 + bytes(8) + body,
                   "nocode": head, "short": magic + b"ab", "wrongtype": head + marshal.dumps([1, 2])}.items():
    open(name + ".pyc", "wb").write(data)
    open(name + "_module.pyc", "wb").write(data)
with zipfile.ZipFile("zip.zip", "w") as archive:
    archive.writestr("__main__.py", "import sys\\nprint(__file__[-20:], sys.argv)\\n1/0\\n")
"""
    subprocess.run([REFERENCE, "-c", make], cwd=folder, check=True)
    with open(os.path.join(folder, "unreadable.py"), "w") as file:
        file.write("print(1)")
    os.chmod(os.path.join(folder, "unreadable.py"), 0)


def observe(interpreter, command):
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "PY": interpreter, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
        shell = subprocess.Popen(["sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, start_new_session=True)
        try:
            streams = shell.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.communicate()
            return ("hangs", b"", b"")
        return (shell.returncode, *(neutral(stream, interpreter, folder) for stream in streams))


def neutral(stream, interpreter, folder):
    stream = stream.replace(interpreter.encode(), b"PY").replace(folder.encode(), b"FOLDER")
    stream = re.sub(rb"0x[0-9a-f]+", b"0x", stream)
    # Banners name the build.
    return re.sub(rb"Python 3\.11\.2 \([^\n]*\n?", b"Python 3.11.2\n", stream)


def commands(pattern):
    lines = []
    for line in COMMANDS.split("\n"):
        begins = line.startswith(("$PY", "printf", "PYTHON", "LC_ALL", "HOME", "(", "timeout", "#"))
        if begins and lines and lines[-1].count("'") % 2 == 0 or not lines:
            lines.append(line)
        elif line:
            lines[-1] += "\n" + line
    return [line for line in lines if line and not line.startswith("#") and pattern in line]


def main():
    gill, pattern = os.path.abspath(sys.argv[1]), (sys.argv + [""])[2]
    different = 0
    selected = commands(pattern)
    for command in selected:
        ours, theirs = observe(gill, command), observe(REFERENCE, command)
        if ours != theirs:
            different += 1
            print(f"== {command}", flush=True)
            for what, mine, reference in zip(("ends with", "output", "errors"), ours, theirs):
                if mine != reference:
                    print(f"  {what}:\n    gill      {mine!r:.1500}\n    reference {reference!r:.1500}")
    print(f"{len(selected)} commands, {different} differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
