"""Runs the scripts of tests/packages under gill and under the reference and compares what they print.

usage: check_packages.py [--gill PATH] [--reference PATH] [--show] [NAME...]

Each script exercises one package, or a few that belong together, and prints the same at each run. A script whose
package the reference can't import is skipped. With --show the differing lines are printed.
"""
import argparse
import difflib
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "tests" / "packages"
SECONDS = 300


def run(interpreter, script):
    """The outcome, what was printed, and the seconds it took."""
    # The script's own folder stays off the path: it is named like the package.
    program = f"import sys, runpy; sys.argv = [{str(script)!r}]; runpy.run_path(sys.argv[0], run_name='__main__')"
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="1", MPLCONFIGDIR="/tmp")
    start = time.monotonic()
    try:
        done = subprocess.run([interpreter, "-P", "-W", "ignore", "-c", program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        return "timeout", "", SECONDS
    outcome = "ok" if done.returncode == 0 else f"exit status {done.returncode}"
    return outcome, done.stdout.decode(errors="replace"), time.monotonic() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gill", default=str(ROOT / "build" / "release" / "gill"))
    parser.add_argument("--reference", default="/usr/bin/python3.11")
    parser.add_argument("--show", action="store_true", help="print the lines that differ")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    wrong = 0
    for script in sorted(SCRIPTS.glob("*.py")):
        if options.names and script.stem not in options.names:
            continue
        expected, wanted, their_seconds = run(options.reference, script)
        if expected != "ok" and "ModuleNotFoundError" in wanted:
            print(f"{script.stem:20} skipped: {wanted.splitlines()[-1]}", flush=True)
            continue
        outcome, printed, seconds = run(options.gill, script)
        same = expected == outcome == "ok" and printed == wanted
        wrong += not same
        verdict = "same" if same else "output differs" if outcome == expected == "ok" else f"{outcome} (reference: {expected})"
        print(f"{script.stem:20} {verdict}  {seconds:.1f} s (reference: {their_seconds:.1f} s)", flush=True)
        if options.show and not same:
            sys.stdout.writelines(line + "\n" for line in difflib.unified_diff(wanted.splitlines(), printed.splitlines(), "reference", "gill", lineterm=""))
    print("all the same" if not wrong else f"{wrong} differ")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
