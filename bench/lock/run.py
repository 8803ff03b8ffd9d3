"""Measures the interpreter lock under gill, python3.11 and, where installed, pypy3, one after the other in each round.

Printed for each figure: the medians over the rounds, how gill compares with python3.11 (above 1: better), and the bar that gill is
held to. A bar is a figure, or a ratio to the reference's figure of the same run. `--json` writes the samples as well.

Usage: run.py [--gill PATH] [--rounds N] [--json FILE] [ROW ...]
"""
import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REFERENCE = "/usr/bin/python3.11"


@dataclasses.dataclass
class Figure:
    key: str              # in what the program prints
    label: str
    bar: float | None     # gill's figure must be at least (at most) this
    least: bool = True    # more is better
    relative: bool = False  # the bar is times the reference's figure


def at_least(key, label, bar, relative=False):
    return Figure(key, label, bar, True, relative)


def at_most(key, label, bar, relative=False):
    return Figure(key, label, bar, False, relative)


def udp(rate, median, p99):
    return [at_least("rate", "requests/s", rate), at_most("median_ms", "median, ms", median), at_most("p99_ms", "p99, ms", p99)]


# Rows named so run on one processor, where no thread is slowed down by what runs beside it.
ON_ONE = ", 1 processor"

# Name: the program with its arguments, and its figures.
ROWS = {
    "udp alone": (["udp_echo.py", REFERENCE, "0", "2", "0"], udp(None, None, None)),
    "udp beside 1": (["udp_echo.py", REFERENCE, "1", "2", "0"], udp(7_000, 0.15, 1)),
    "udp beside 2": (["udp_echo.py", REFERENCE, "2", "2", "0"], udp(4_000, 0.3, 2)),
    "udp beside 4": (["udp_echo.py", REFERENCE, "4", "2", "0"], udp(None, 0.5, 5)),
    "udp 500/s beside 1": (["udp_echo.py", REFERENCE, "1", "2", "500"], [at_least("computing_share", "computing left", 0.9), at_most("p99_ms", "p99, ms", None)]),
    "asyncio alone": (["asyncio_echo.py", REFERENCE, "0", "2"], [at_least("rate", "requests/s", None)]),
    "asyncio beside 1": (["asyncio_echo.py", REFERENCE, "1", "2"], [at_least("rate", "requests/s", 10_000)]),
    "asyncio beside 2": (["asyncio_echo.py", REFERENCE, "2", "2"], [at_least("rate", "requests/s", 10_000)]),
    **{f"fairness of {count}{where}": (["fairness.py", str(count), seconds],
                                       [at_least("least_to_most", "least to most", 0.95), at_least("total", "total to one", 0.98)])
       for where in ("", ON_ONE) for count, seconds in ((2, "1.6"), (4, "2"), (8, "3.2"))},
    "hand-offs": (["hand_offs.py", "30000"], [at_least("lock", "Lock, /s", 1.5, True), at_least("queue", "Queue, /s", 1.5, True),
                                              at_least("simple_queue", "SimpleQueue, /s", 1.5, True)]),
    "wake-ups": (["wake_ups.py", "300"], [at_most("event_idle_median_us", "Event idle, us", 15), at_most("event_beside_p90_ms", "Event beside 1, p90 ms", 0.3),
                                          at_most("condition_idle_median_us", "Condition idle, us", 15),
                                          at_most("condition_beside_p90_ms", "Condition beside 1, p90 ms", 0.3)]),
    "system calls": (["system_calls.py", "300000"], [at_most("ns", "lseek, ns", 1, True)]),
    "two cores": (["two_cores.py"], [at_least(name, name + ", speed-up", bar) for name, bar in (("zlib", 1.72), ("hashlib", 1.82), ("reads", 1.51))]),
    "native call": (["native_call.py"], [at_least("progress", "progress to alone", 0.95), at_most("standstill_ms", "standstill, ms", 0.5),
                                        at_most("standstill_alone_ms", "standstill alone, ms", None)]),
    "thread starts": (["thread_starts.py", "2000"], [at_most("us", "start and join, us", 1, True)]),
}


def stay_on_one():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def run_once(interpreter, row):
    program, *arguments = ROWS[row][0]
    done = subprocess.run([interpreter, str(HERE / "programs" / program), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          preexec_fn=stay_on_one if row.endswith(ON_ONE) else None)
    if done.returncode:
        raise RuntimeError(f"{program} under {interpreter}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def judge(figure, ours, theirs):
    """The bar as text, and whether gill clears it; nothing without a bar."""
    if figure.bar is None:
        return "", None
    limit = figure.bar * theirs if figure.relative else figure.bar
    text = f"{'>=' if figure.least else '<='} {limit:,.4g}"
    return text, ours >= limit if figure.least else ours <= limit


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", help="of: " + ", ".join(ROWS))
    parser.add_argument("--gill", default=str(HERE.parent.parent / "build" / "release" / "gill"), type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    for row in options.rows:
        if row not in ROWS:
            parser.error(f"no row {row!r}")
    interpreters = {"gill": options.gill, "python3.11": REFERENCE}
    if pypy := shutil.which("pypy3"):
        interpreters["pypy3"] = pypy
    rows = options.rows or list(ROWS)

    samples = {row: {name: [] for name in interpreters} for row in rows}
    for number in range(options.rounds):
        print(f"== round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for row in rows:
            for name, path in interpreters.items():
                samples[row][name].append(run_once(path, row))

    print(f"{'':28}{'':28}" + "".join(f"{name:>13}" for name in interpreters) + f"{'times':>9}  bar")
    missed = 0
    for row in rows:
        for figure in ROWS[row][1]:
            medians = {name: statistics.median(sample[figure.key] for sample in taken) for name, taken in samples[row].items()}
            ours, theirs = medians["gill"], medians["python3.11"]
            better = (ours / theirs if figure.least else theirs / ours) if ours and theirs else float("nan")
            bar, met = judge(figure, ours, theirs)
            missed += met is False
            print(f"{row:28}{figure.label:28}" + "".join(f"{medians[name]:13,.3f}" for name in interpreters) +
                  f"{better:9.2f}  {bar}{'' if met is None else '  met' if met else '  MISSED'}")
    print(f"{missed} bars missed" if missed else "all bars met")
    if options.json:
        options.json.write_text(json.dumps(samples, indent=1))


if __name__ == "__main__":
    main()
