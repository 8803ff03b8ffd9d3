"""Writes src/link_order/: the functions that common programs execute and the constants that a start reads, which the linker puts in front.

The kernel maps 64 KiB around each page of code or constants that is touched; where what is needed stands together, that is half the
memory, and half the page faults. The programs are those of bench/memory/startup.py, those of bench/programs and the few below. What
more of them use stands nearer the front. Run it, with valgrind installed and a release build (its addresses are fixed), when the way
of a start through the runtime has changed much; names that are gone do no harm. Which functions are only in line with others is not
for long: what a build that has fewer of those executes is put in too.

Usage: link_order.py [--gill PATH] [--plain PATH] [--functions]
"""
import argparse
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
from bisect import bisect_right
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench" / "memory"))
from program_peaks import CHILD, NAMES, PROGRAMS  # noqa: E402
from startup import PROGRAMS as STARTS  # noqa: E402

TYPICAL = {
    "a script": "import sys\ndef main():\n    print('hello', len(sys.argv), file=sys.stderr)\nif __name__ == '__main__': sys.exit(main())",
    "options": "import argparse\np = argparse.ArgumentParser()\np.add_argument('-n', type=int, default=3)\np.add_argument('files', nargs='*')\n"
               "print(p.parse_args(['-n', '4', 'a']), p.format_help())",
    "data classes": "import dataclasses, enum, typing\n@dataclasses.dataclass(order=True)\nclass P:\n    x: int\n    y: typing.Optional[str] = None\n"
                    "class C(enum.Enum):\n    A = 1\n    B = 2\nprint(sorted([P(2), P(1)]), dataclasses.asdict(P(1)), list(C))",
    "collections": "import collections, functools, itertools, operator, heapq, bisect\nd = collections.defaultdict(list)\n"
                   "for k, v in zip('abcab', itertools.count()): d[k].append(v)\nprint(d, collections.Counter('abca').most_common(1))\n"
                   "P = collections.namedtuple('P', 'x y'); print(P(1, 2)._replace(x=3), functools.reduce(operator.add, range(9)))\n"
                   "f = functools.lru_cache(lambda n: n if n < 2 else f(n - 1) + f(n - 2)); print(f(30), list(itertools.chain([1], [2])))",
    "files": "import os, pathlib, shutil, tempfile\nwith tempfile.TemporaryDirectory() as d:\n    p = pathlib.Path(d, 'a.txt')\n"
             "    with open(p, 'w') as f:\n        for i in range(1000): f.write(f'{i} line {i * 1.5:.2f}\\n')\n"
             "    print(sum(len(l.split()) for l in open(p)), p.stat().st_size, os.listdir(d), len(p.read_bytes()))\n"
             "    shutil.copy(p, p.with_suffix('.b')); [print(e) for e in os.scandir(d)]",
    "text": "import re, json, csv, io, string, textwrap\nt = 'key = value; other=3; ' * 20\nprint(dict(re.findall(r'(\\w+)\\s*=\\s*(\\w+)', t)))\n"
            "print(json.loads(json.dumps({'a': [1, 2.5, None, True, 'x\\u00e9']}, indent=1)), re.sub(r'\\s+', ' ', t)[:20])\n"
            "print(list(csv.reader(io.StringIO('a,b\\n1,2\\n'))), textwrap.fill(t, 40), '%s %d' % ('a', 3), '{:>8}'.format('x'))",
    "processes": "import subprocess, threading, queue, time, logging, concurrent.futures\nq = queue.Queue()\n"
                 "t = threading.Thread(target=q.put, args=(1,)); t.start(); t.join(); print(q.get())\n"
                 "print(subprocess.run(['true'], capture_output=True))\nlogging.warning('x %s', 1)\n"
                 "with concurrent.futures.ThreadPoolExecutor(2) as e: print(list(e.map(abs, [-1, 2]))); time.sleep(.01)",
    "numbers": "import datetime, decimal, fractions, math, random, statistics\nprint(math.sqrt(2), math.floor(2.5), random.Random(1).sample(range(99), 5))\n"
               "print(datetime.datetime(2020, 1, 1) + datetime.timedelta(3), datetime.date.today().isoformat(), statistics.mean([1, 2, 3.5]))\n"
               "print(fractions.Fraction(1, 3) + 1, decimal.Decimal('1.1') * 3, 2 ** 200 % 97, round(2.567, 2), int('123'), hex(255))",
    "many objects": "class A:\n    __slots__ = ('x', 'y')\nclass B:\n    def __init__(self, x): self.x = x\nkept = []\n"
                    "for i in range(100_000):\n    a = A(); a.x = a; a.y = [i]; kept.append((a, B(i), [], {'i': i}))\n    if i % 3 == 0: kept[i // 2] = {i}\n",
    "failure": "import traceback\ntry:\n    {}['a']\nexcept KeyError as e:\n    traceback.print_exc()\nclass A:\n    @property\n    def x(self): return 1\n"
               "    def __getattr__(self, n): raise AttributeError(n)\nprint(A().x, getattr(A(), 'y', 0), isinstance(A(), A))\n(1).reel",
}
ARCHIVES = ["gmp", "z", "expat"]
LARGEST_CONSTANT = 8192


def programs():
    """The arguments of each program."""
    yield from STARTS.values()
    for name in NAMES:
        yield ["-c", CHILD, str(PROGRAMS), name]


# ---- the functions: each has a breakpoint at its entry until it is executed once ---------------------------------------------------

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
LIBC.personality.argtypes = [ctypes.c_ulong]
PLACE_NOTHING_AT_RANDOM = 0x40000
TRACE_ME, CONTINUE, GET_REGISTERS, SET_REGISTERS, SET_OPTIONS = 0, 7, 12, 13, 0x4200
FORK, VFORK, CLONE, EXEC, KILL_AT_EXIT = 2, 4, 8, 16, 1 << 20
EXEC_EVENT = 4
WAIT_FOR_THREADS = 0x40000000
BREAKPOINT = b"\xcc"
INSTRUCTION_POINTER = 16  # in user_regs_struct


class Tracer:
    """Runs a program and its threads and children, natively but for the first call of each function."""

    def __init__(self, gill, functions):
        self.gill, self.functions = gill, functions
        with open(gill, "rb") as file:
            self.image = file.read()
        self.segments = load_segments(gill)
        # Where Linux loads a position-independent executable while it places nothing at random.
        self.shift = 0x555555554000 if self.segments[0][0] == 0 else 0
        self.executed = set()

    def run(self, arguments):
        self.executed = set()
        child = os.fork()
        if child == 0:
            silent = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(silent, descriptor)
            LIBC.personality(PLACE_NOTHING_AT_RANDOM)
            LIBC.ptrace(TRACE_ME, 0, None, None)
            os.execv(self.gill, [self.gill, *arguments])
        os.waitpid(child, 0)
        LIBC.ptrace(SET_OPTIONS, child, None, FORK | VFORK | CLONE | EXEC | KILL_AT_EXIT)
        self.insert_breakpoints(child)
        known = {child}
        LIBC.ptrace(CONTINUE, child, None, None)
        while known:
            task, status = os.waitpid(-1, WAIT_FOR_THREADS)
            if not os.WIFSTOPPED(status):
                known.discard(task)
                continue
            received, event = os.WSTOPSIG(status), status >> 16
            if received == signal.SIGTRAP:
                if event == EXEC_EVENT and os.path.realpath(f"/proc/{task}/exe") == self.gill:
                    self.insert_breakpoints(task)
                elif event == 0:
                    self.pass_breakpoint(task)
                received = 0
            elif task not in known:
                received = 0  # It stops once before it begins.
            known.add(task)
            LIBC.ptrace(CONTINUE, task, None, received)
        return self.executed

    def original(self, address):
        start, offset = next(segment for segment in reversed(self.segments) if segment[0] <= address)
        return self.image[offset + address - start:][:1]

    def insert_breakpoints(self, task):
        with open(f"/proc/{task}/mem", "r+b", buffering=0) as memory:
            for address in self.functions:
                memory.seek(address + self.shift)
                memory.write(BREAKPOINT)

    def pass_breakpoint(self, task):
        registers = (ctypes.c_ulonglong * 27)()
        LIBC.ptrace(GET_REGISTERS, task, None, registers)
        address = registers[INSTRUCTION_POINTER] - 1 - self.shift
        if address not in self.functions:
            return
        self.executed.add(address)
        with open(f"/proc/{task}/mem", "r+b", buffering=0) as memory:
            memory.seek(address + self.shift)
            memory.write(self.original(address))
        registers[INSTRUCTION_POINTER] = address + self.shift
        LIBC.ptrace(SET_REGISTERS, task, None, registers)


def lines_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def load_segments(gill):
    """(address, place in the file) of what is mapped, by address."""
    fields = (line.split() for line in lines_of("readelf", "-lW", gill))
    return sorted((int(field[2], 16), int(field[1], 16)) for field in fields if field[:1] == ["LOAD"])


def symbols(gill, kind, section):
    """{address: (size, names)} of the executable's symbols of a kind in the sections whose names begin so."""
    found = {}
    sections = {match[1] for line in lines_of("readelf", "-SW", gill) if (match := re.match(rf" *\[ *(\d+)\] {re.escape(section)}", line))}
    for line in lines_of("readelf", "-sW", gill):
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[3] == kind and fields[6] in sections and int(fields[2], 0):
            size, names = found.get(int(fields[1], 16), (0, ()))
            found[int(fields[1], 16)] = max(size, int(fields[2], 0)), (*names, fields[7])
    return found


def archive_members():
    """{name: archive:member} of the functions whose object files have one section for all of their code."""
    members = {}
    for archive in ARCHIVES:
        path, = lines_of("cc", f"-print-file-name=lib{archive}.a")
        for line in lines_of("nm", "-A", "--defined-only", path):
            place, kind, name = line.split()[-3:]
            if kind in "tTW":
                members.setdefault(name, f"lib{archive}.a:{place.split(':')[-2]}")
    return members


# ---- the constants: every access to memory, as valgrind tells ------------------------------------------------------------------------

def addresses_read(gill, arguments):
    command = ["valgrind", "-q", "--tool=lackey", "--trace-mem=yes", "--log-fd=2", gill, *arguments]
    run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    # Our addresses have fewer digits than all others.
    with subprocess.Popen(["grep", "-aoE", r"^ L 00[0-9a-f]{6},"], stdin=run.stderr, stdout=subprocess.PIPE, text=True) as loads:
        return {int(line[3:-2], 16) for line in loads.stdout}


def holders(addresses, table):
    """Which of the symbols of a table the addresses are in."""
    starts = sorted(table)
    for address in addresses:
        start = starts[bisect_right(starts, address) - 1]
        if start <= address < start + table[start][0]:
            yield start


# ---- the lists -----------------------------------------------------------------------------------------------------------------------

def plain(name):
    """Of a name that the optimizer made unique the suffix is another in each build. The names of methods all go together."""
    return re.sub(r"(_ZN4gill6detail5Bound).*(9name_textE)$", r"\1*\2", name.partition(".llvm.")[0])


def names_in(addresses, table):
    return {plain(name) for address in addresses for name in table[address][1]}


def functions_executed(gill, commands):
    """For each of the commands, the names of the functions that it executes; and the names of all there are."""
    table = symbols(gill, "FUNC", ".text")
    tracer = Tracer(gill, table)
    return [names_in(tracer.run(arguments), table) for arguments in commands], names_in(table, table)


def constants_read(gill, commands):
    # Of a large table a start reads one place at most.
    table = {address: symbol for address, symbol in symbols(gill, "OBJECT", ".rodata").items() if symbol[0] <= LARGEST_CONSTANT}
    return [names_in(holders(addresses_read(gill, arguments), table), table) for arguments in commands]


def write(kind, runs):
    """What several programs use, the most used first, what the same programs use side by side."""
    counts = Counter(name for run in runs for name in run)
    names = sorted(counts, key=lambda name: (-counts[name], [name not in run for run in runs], name))
    folder = ROOT / "src" / "link_order"
    folder.mkdir(exist_ok=True)
    (folder / f"{kind}.txt").write_text("".join(f"{name}\n" for name in names))
    print(f"{len(names)} {kind}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, build in {"--gill": "release", "--plain": "dev"}.items():
        parser.add_argument(name, default=str(ROOT / "build" / build / "gill"), type=os.path.realpath)
    parser.add_argument("--functions", action="store_true", help="write no list of constants, which takes minutes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commands = list(programs())
        for name, text in TYPICAL.items():
            script = pathlib.Path(folder, f"typical {name}.py")  # no name of a module that another imports
            script.write_text(text)
            commands.append([str(script)])
        runs, known = functions_executed(options.gill, commands)
        for run, others in zip(runs, functions_executed(options.plain, commands)[0]):
            run |= others - known
    members = archive_members()
    write("functions", [{members.get(name, name) for name in run} for run in runs])
    if not options.functions:
        write("constants", constants_read(options.gill, STARTS.values()))


if __name__ == "__main__":
    main()
