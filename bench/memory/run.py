"""Measures memory and the collector under gill and python3.11 in turn, and prints both with their ratio.

Each program here but this one has a table MEASURES, name -> (unit, what it should be), and prints a JSON object with a value for each
name. Where it has RUNS, a list of argument lists, it is started once with each. The best of --rounds runs counts: the
least, or the most of what should be `at least`; of a program that has ROUNDS, the median of so many.

Usage: run.py [--gill PATH] [--rounds N] [--json FILE] [PROGRAM ...]
"""
import argparse
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
REFERENCE = "/usr/bin/python3.11"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def measure(interpreter, path, runs):
    values = {}
    for arguments in runs:
        done = subprocess.run([interpreter, str(path), *arguments], check=True, stdout=subprocess.PIPE, text=True)
        values |= json.loads(done.stdout)
    return values


def shown(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gill", default=str(HERE.parent.parent / "build" / "release" / "gill"), type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("programs", nargs="*")
    options = parser.parse_args()
    paths = [HERE / f"{name}.py" for name in options.programs] or sorted(set(HERE.glob("*.py")) - {pathlib.Path(__file__).resolve()})
    interpreters = {"gill": options.gill, "python3.11": REFERENCE}
    print(f"{'':44}{'gill':>12}{'python3.11':>12}{'ratio':>8}  wanted")
    samples = {}
    for path in paths:
        program = load(path)
        taken = {name: [] for name in interpreters}
        for _ in range(getattr(program, "ROUNDS", options.rounds)):
            for name, interpreter in interpreters.items():
                taken[name].append(measure(interpreter, path, getattr(program, "RUNS", [[]])))
        for measured, (unit, wanted) in program.MEASURES.items():
            samples[measured] = {name: [values[measured] for values in each] for name, each in taken.items()}
            best = statistics.median if hasattr(program, "ROUNDS") else max if wanted.startswith("at least") else min
            ours, theirs = (best(samples[measured][name]) for name in interpreters)
            ratio = ours / theirs if theirs else float("nan")
            label = f"{measured}, {unit}" if unit else measured
            print(f"{label:44}{shown(ours):>12}{shown(theirs):>12}{ratio:8.2f}  {wanted}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(samples, indent=1))


if __name__ == "__main__":
    main()
