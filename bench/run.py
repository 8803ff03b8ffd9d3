"""Times the programs of bench/programs under gill, python3.11 and, where installed, pypy3, in one interleaved run.

Each round starts every interpreter once on each program; a program's main() returns a checksum, which must be equal
under all of them. Printed are medians in ms and the ratio reference / gill (above 1: gill is faster), with the geometric
mean over all programs. --json writes the samples as well.
"""
import argparse
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REFERENCE = "/usr/bin/python3.11"
DRIVER = """
import importlib, sys, time
sys.path.insert(0, sys.argv[1])
program = importlib.import_module(sys.argv[2])
started = time.perf_counter()
checksum = program.main()
print(time.perf_counter() - started, repr(checksum))
"""


def run_once(interpreter, program):
    """Seconds that main() took, and its checksum; for `startup` the seconds of a whole process."""
    if program == "startup":
        started = time.perf_counter()
        subprocess.run([interpreter, "-c", "pass"], check=True, stdin=subprocess.DEVNULL)
        return time.perf_counter() - started, ""
    result = subprocess.run([interpreter, "-c", DRIVER, str(HERE / "programs"), program], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{program} under {interpreter}: exit {result.returncode}\n{result.stderr[-2000:]}")
    seconds, _, checksum = result.stdout.partition(" ")
    return float(seconds), checksum.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = sorted(path.stem for path in (HERE / "programs").glob("*.py")) + ["startup"]
    parser.add_argument("programs", nargs="*", help="of: " + ", ".join(names))
    parser.add_argument("--gill", default=str(HERE.parent / "build" / "release" / "gill"), type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    programs = options.programs or names
    for name in programs:
        if name not in names:
            parser.error(f"no program {name!r}")
    interpreters = {"gill": options.gill, "python3.11": REFERENCE}
    if pypy := shutil.which("pypy3"):
        interpreters["pypy3"] = pypy

    samples = {program: {name: [] for name in interpreters} for program in programs}
    failures = []
    for round_number in range(options.rounds):
        print(f"== round {round_number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for program in list(programs):
            checksums = {}
            try:
                for name, path in interpreters.items():
                    seconds, checksums[name] = run_once(path, program)
                    samples[program][name].append(seconds)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                failures.append(str(error))
                programs.remove(program)
                continue
            if len(set(checksums.values())) != 1:
                failures.append(f"{program}: results differ: {checksums}")
                programs.remove(program)

    ratios, table = [], []
    print(f"{'program':18}" + "".join(f"{name + ' ms':>15}" for name in interpreters) + f"{'ratio':>8}")
    for program in programs:
        medians = {name: statistics.median(taken) for name, taken in samples[program].items()}
        ratio = medians["python3.11"] / medians["gill"]
        ratios.append(ratio)
        table.append({"program": program, "medians_s": medians, "ratio": ratio, "samples_s": samples[program]})
        print(f"{program:18}" + "".join(f"{medians[name] * 1000:15.1f}" for name in interpreters) + f"{ratio:8.2f}")
    if ratios:
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        print(f"{'geometric mean':18}{'':{15 * len(interpreters)}}{mean:8.2f}")
        if options.json:
            options.json.write_text(json.dumps({"geometric_mean": mean, "rounds": options.rounds, "programs": table}, indent=1))
    for failure in failures:
        print("FAILED", failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
