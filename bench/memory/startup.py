"""A process from its start to its end: time, and the most memory that it had."""
import json
import os
import statistics
import subprocess
import sys
import time

PROGRAMS = {
    "-c pass": ["-c", "pass"],
    "-I -S -c pass": ["-I", "-S", "-c", "pass"],
    "import json, re, asyncio": ["-c", "import json, re, asyncio"],
}
WANTED = {"-c pass": 0.69, "-I -S -c pass": 0.70, "import json, re, asyncio": 0.83}

MEASURES = {f"{name}: {kind}": (unit, f"at most {bar} of the reference's")
            for name in PROGRAMS for kind, unit, bar in (("time", "ms", WANTED[name]), ("memory", "MB", 1))}
ROUNDS = 20
STARTS = 5


def seconds(command):
    began = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began


def megabytes(command):
    """Of a child of time(1): after fork() and exec() a process's high-water mark is at least its parent's."""
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *command], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return int(done.stderr) / 1024


def main():
    values = {}
    for name, arguments in PROGRAMS.items():
        command = [sys.executable, *arguments]
        values[f"{name}: time"] = statistics.median(seconds(command) for _ in range(STARTS)) * 1000
        values[f"{name}: memory"] = statistics.median(megabytes(command) for _ in range(STARTS))
    print(json.dumps(values))


if __name__ == "__main__":
    main()
