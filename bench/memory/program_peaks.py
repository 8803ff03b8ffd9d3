"""The most that was resident while each of the programs of bench/programs ran, and an interpreter that only starts; and the geometric mean of all."""
import json
import math
import pathlib
import subprocess
import sys

PROGRAMS = pathlib.Path(__file__).resolve().parent.parent / "programs"
NAMES = ["startup", *sorted(path.stem for path in PROGRAMS.glob("*.py"))]
MEASURES = {f"peak of {name}": ("MB", "") for name in NAMES} | {"peaks, geometric mean": ("MB", "at most 0.85 times")}
# The kernel's own account from inside: a parent's resource usage would count in what it had resident itself.
CHILD = """
import sys
if sys.argv[2] != "startup":
    sys.path.insert(0, sys.argv[1])
    __import__(sys.argv[2]).main()
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def peak_of(name):
    done = subprocess.run([sys.executable, "-c", CHILD, str(PROGRAMS), name], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    return int(done.stdout.split()[-1]) * 1024 / 1e6


def main():
    peaks = {f"peak of {name}": peak_of(name) for name in NAMES}
    return peaks | {"peaks, geometric mean": math.exp(sum(map(math.log, peaks.values())) / len(peaks))}


if __name__ == "__main__":
    print(json.dumps(main()))
