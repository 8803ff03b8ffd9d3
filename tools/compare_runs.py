"""Runs a program under gill and under the reference and compares output, error output and exit code, byte for byte.

Usage: compare_runs.py GILL PROGRAM [ARGUMENT ...]
"""
import subprocess
import sys

REFERENCE = "/usr/bin/python3.11"


def run(interpreter, arguments):
    done = subprocess.run([interpreter, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
    return done.returncode, done.stdout, done.stderr


def main():
    gill, *arguments = sys.argv[1:]
    ours, theirs = run(gill, arguments), run(REFERENCE, arguments)
    same = True
    for what, mine, reference in zip(("exit code", "output", "error output"), ours, theirs):
        if mine != reference:
            same = False
            print(f"the {what} differs:\n--- reference\n{reference!r:.2000}\n--- gill\n{mine!r:.2000}")
    if same:
        print(f"identical: {len(theirs[1])} bytes of output")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
