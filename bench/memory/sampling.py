"""What it costs to know which lines hold the memory: programs of bench/programs with the samples of allocations that gill takes,
against `-X memory-samples=off`. The reference has tracemalloc for it (`-X tracemalloc`), against without.

Times are of the programs alone, without start-up; the best of --rounds interleaved runs of each counts. Memory is the most that was resident.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

MEASURES = {
    "programs, sampled / not": ("", "at most 1.03"),
    "their peak memory, sampled / not": ("", "at most 1.02"),
    "building 50 MB of objects, sampled / not": ("", "at most 1.03"),
    "its peak memory, sampled / not": ("", "at most 1.02"),
}
PROGRAMS = ["async_tasks", "bytes_io", "closures", "dicts", "float_loop", "gc_cycles", "json_text", "lists", "simulation", "strings", "unpacking"]
DRIVER = """
import importlib, sys, time
if sys.argv[2] == "build":
    def main():
        kept = [[i, str(i)] for i in range(300_000)]
        return {text: (number, text) for number, text in kept}
else:
    sys.path.insert(0, sys.argv[1])
    main = importlib.import_module(sys.argv[2]).main
started = time.perf_counter()
kept = main()
elapsed = time.perf_counter() - started
print(elapsed, next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
WITH, WITHOUT = ([], ["-X", "memory-samples=off"]) if hasattr(sys.implementation, "gill_version") else (["-X", "tracemalloc"], [])


def run_once(options, program):
    folder = pathlib.Path(__file__).resolve().parent.parent / "programs"
    done = subprocess.run([sys.executable, *options, "-c", DRIVER, str(folder), program], check=True, stdout=subprocess.PIPE, text=True)
    seconds, kilobytes = done.stdout.split()
    return float(seconds), int(kilobytes)


def ratios(program, rounds):
    taken = [(run_once(WITH, program), run_once(WITHOUT, program)) for _ in range(rounds)]
    return [min(own[i] for own, _ in taken) / min(other[i] for _, other in taken) for i in range(2)]


def mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--each", action="store_true", help="print each program's ratios to standard error")
    options = parser.parse_args()
    found = {program: ratios(program, options.rounds) for program in PROGRAMS}
    if options.each:
        for program, (time, memory) in found.items():
            print(f"{program:20}{time:8.3f}{memory:8.3f}", file=sys.stderr)
    values = [mean([found[program][i] for program in PROGRAMS]) for i in range(2)] + ratios("build", options.rounds)
    return dict(zip(MEASURES, values))


if __name__ == "__main__":
    print(json.dumps(main()))
