"""Compares gill with the reference on random programs (the package `fuzz_programs`).

Usage: fuzz_programs.py --gill PATH [--programs N] [--seed S] [-j JOBS] [--seconds T] [--most N]
       fuzz_programs.py --gill PATH --only NUMBER         one program, reduced if it differs
       fuzz_programs.py --print NUMBER                    its text
       fuzz_programs.py --coverage [--programs N]         what the programs use, and what they never use

Program n of seed s has the number s * 1,000,000 + n; without a seed, one is taken from the clock and printed. Programs that differ are kept
in build/fuzz_programs, reduced and whole; `PYTHONPATH=tools/fuzz_programs PYTHONHASHSEED=0 gill program.py` runs one again.
"""
import argparse
import os
import sys
import time

from fuzz_programs.compare import compare
from fuzz_programs.coverage import measure
from fuzz_programs.rules import make_grammar
from fuzz_programs.writer import program

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS_OF_A_SEED = 1_000_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gill")
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("-j", "--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--most", type=int, default=10, help="stop after so many differences")
    parser.add_argument("--only", type=int)
    parser.add_argument("--print", type=int)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--directory", default=os.path.join(PROJECT, "build", "fuzz_programs"))
    options = parser.parse_args()
    if options.print is not None:
        sys.stdout.buffer.write(program(make_grammar(), options.print).encode("utf-8", "surrogatepass"))
        return 0
    seed = int(time.time()) % 100_000 if options.seed is None else options.seed
    if options.coverage:
        return measure(seed * PROGRAMS_OF_A_SEED, options.programs)
    if not options.gill:
        parser.error("--gill is missing")
    if options.only is not None:
        return 1 if compare(options.gill, options.only, 1, 1, None, options.directory, options.most) else 0
    print(f"seed {seed}", flush=True)
    count = min(options.programs, PROGRAMS_OF_A_SEED)
    found = compare(options.gill, seed * PROGRAMS_OF_A_SEED, count, options.jobs, options.seconds, options.directory, options.most)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
