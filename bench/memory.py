"""Memory for a million objects of each kind under gill and python3.11: growth of the resident set, in bytes per object.
First, what an interpreter needs that has only started: the most that was resident, in KiB.

Usage: memory.py [--gill PATH] [--count N]
"""
import argparse
import os
import pathlib
import subprocess

REFERENCE = "/usr/bin/python3.11"
KINDS = {
    "float": "[i * 0.5 for i in range(n)]",
    "2-tuple": "[(i, i) for i in itertools.repeat(None, n)]",
    "empty list": "[[] for i in range(n)]",
    "3-key dict": "[{'a': None, 'b': None, 'c': None} for i in range(n)]",
    "instance with 3 attributes": "[Thing() for i in range(n)]",
    "20-character str": "['%020d' % i for i in range(n)]",
}
PROGRAM = """
import itertools, sys
class Thing:
    def __init__(self):
        self.a = self.b = self.c = None
def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096
n = int(sys.argv[1])
kind = eval("lambda n: " + sys.argv[2])
kind(100)
before = resident()
kept = kind(n)
print(resident() - before)
"""
# `pass`, but for the reading of the kernel's own account: a parent's resource usage would count in what it had resident itself.
START = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"


def measure_start(interpreter):
    return int(subprocess.run([interpreter, "-c", START], check=True, capture_output=True, text=True).stdout)


def measure(interpreter, expression, count):
    done = subprocess.run([interpreter, "-c", PROGRAM, str(count), expression], check=True, capture_output=True, text=True)
    return int(done.stdout) / count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gill", default=str(pathlib.Path(__file__).resolve().parent.parent / "build" / "release" / "gill"), type=os.path.abspath)
    parser.add_argument("--count", type=int, default=1_000_000)
    options = parser.parse_args()
    ours, theirs = (measure_start(interpreter) for interpreter in (options.gill, REFERENCE))
    print(f"{'':40}{'gill':>10}{'python3.11':>12}{'share':>8}")
    print(f"{'start, KiB':40}{ours:10}{theirs:12}{ours / theirs:8.2f}")
    print(f"{'bytes each, with their place in a list:':40}")
    for kind, expression in KINDS.items():
        ours, theirs = (measure(interpreter, expression, options.count) for interpreter in (options.gill, REFERENCE))
        print(f"{kind:40}{ours:10.1f}{theirs:12.1f}{ours / theirs:8.2f}")


if __name__ == "__main__":
    main()
