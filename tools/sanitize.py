"""Builds gill with sanitizers and runs the unit tests, tests/python and CPython's test files under it.

Fails on any report of a sanitizer, on any crash and on any time-out. Reports are written by the processes themselves
into a folder for each test file, so those of child processes count as well. Cases that fail without a report are named,
but do not fail the run: a slowed-down interpreter misses deadlines.

    tools/sanitize.py --preset tsan                      # the files of tests/conformance/threads.txt
    tools/sanitize.py --preset asan                      # the files of tests/conformance/language.txt
    tools/sanitize.py --preset tsan test_queue tests/python/test_threads.py
"""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

from conformance import DATA, FileRun, kill_groups_when_terminated, load_reference, process_group

ROOT = pathlib.Path(__file__).resolve().parent.parent
UNIT_TESTS = ("interpreter_lock_test", "heap_test")

# Signals stay with the interpreter (test_faulthandler ends children by them); crashes show in the exit code.
OWN_SIGNALS = "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0"


@dataclasses.dataclass
class Preset:
    files: str     # the list of test files that it runs when none are given
    limit: float   # how many times slower than the reference a file may be
    not_run: dict  # test file -> cases that cannot work
    options: dict  # environment variable -> options of a sanitizer


PRESETS = {
    # The sanitizer delivers a signal that a handler raises again only when that has returned, to the handler that it has put back: chained
    # handlers never end.
    #
    # Reports do not change exit codes, which tests look at. Programs of the suite fork while threads run and start
    # threads in the child.
    "tsan": Preset("threads.txt", 40, {"test_faulthandler": {"test.test_faulthandler.FaultHandlerTests.test_register_chain"}}, {"TSAN_OPTIONS": f"exitcode=0:report_thread_leaks=0:allocator_may_return_null=1:die_after_fork=0:atexit_sleep_ms=0:second_deadlock_stack=1:{OWN_SIGNALS}"}),
    # What a process leaves is not looked at here: static types live as long as the process, and extensions keep objects in static
    # variables. GILL_HEAP=leaks tells what objects of an interpreter are left over (docs/memory.md).
    "asan": Preset("language.txt", 20, {}, {
        "ASAN_OPTIONS": f"detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0:{OWN_SIGNALS}",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }),
}


@dataclasses.dataclass
class Outcome:
    name: str
    seconds: float
    ends: list      # what ended its processes against its will
    failures: list  # cases that the reference passes
    reports: list   # texts


def build(preset, jobs):
    folder = ROOT / "build" / preset
    if not (folder / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", preset], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, f"-j{jobs}", "gill", *UNIT_TESTS], check=True)
    return folder


def sanitizer_environment(preset, reports):
    return {variable: f"{options}:log_path={reports}/report" for variable, options in PRESETS[preset].options.items()}


def unit_test_environment(preset, environment):
    """Some unit tests die by a report that they want to read; one that is not wanted shows in the exit code."""
    return PRESETS[preset].options if preset == "asan" else environment


# The thread sanitizer has no state for the thread that ends a process by ending last, as in the child of a fork from a
# thread, and fails in the exit handlers that this thread runs.
OWN_FAULT = re.compile(r"ThreadSanitizer: CHECK failed: tsan_interceptors_posix\.cpp:\d+ .*thr->slot.*\s*")


# A program may close a descriptor that its other threads use, as some tests do on purpose and as an event loop does that ends
# while call_soon_threadsafe() still wakes it. The sanitizer counts that as a race about the descriptor, not about memory: both
# sides are in a system call, outside of the interpreter's lock. Only the close that a program asks for is meant, not the
# runtime's own uses of descriptors.
CLOSE_IN_USE = re.compile(r"""
    \s*WARNING:\ ThreadSanitizer:\ data\ race\ .*\n
    (?:\ \ \S.*\n(?:\ \ \ \ \#.*\n)+\n)?
    \ \ (?:Previous\ write|Write)\ of\ size\ 8\ at\ .*\n
    \ \ \ \ \#0\ close\ .*\n
    (?:\ \ \ \ \#[1-5]\ .*\n)*?
    \ \ \ \ \#[1-5]\ .*\b(?:socket_close|file_close|posix_close|close_descriptor\ \S*/select/epoll\.cpp)\b
    (?:.*\n)*?
    \ \ Location\ is\ file\ descriptor\ """, re.VERBOSE)
# More memory than there is may be asked for. Only what is no size at all, but the bits of a negative number, is a fault.
REFUSED_REQUEST = re.compile(r"(?:==\d+==WARNING: AddressSanitizer failed to allocate 0x(?:[0-7][0-9a-f]{15}|[0-9a-f]{1,15}) bytes\s*)+\Z")
END_OF_REPORTS = re.compile(r"\s*ThreadSanitizer: reported \d+ warnings\s*")


def reports_in(text):
    """What a process wrote, without what is not the runtime's."""
    for report in re.split(r"^=+\n", text, flags=re.MULTILINE):
        if report.strip() and not any(known.match(report) for known in (OWN_FAULT, CLOSE_IN_USE, REFUSED_REQUEST, END_OF_REPORTS)):
            yield report


def read_reports(folder):
    return [report for path in sorted(folder.iterdir()) for report in reports_in(path.read_text(errors="backslashreplace"))]


def run_program(name, command, environment, limit, log):
    """A unit test or a file of tests/python: one process."""
    started = time.monotonic()
    ends = []
    with open(log, "wb") as output, process_group(command, env={**os.environ, **environment}, stdout=output) as process:
        try:
            if code := process.wait(limit):
                ends.append((f"exit code {code}", None))
        except subprocess.TimeoutExpired:
            ends.append(("time-out", None))
    return Outcome(name, time.monotonic() - started, ends, [], [])


def run_suite_file(gill, file, expected, environment, limit, not_run, log):
    """A file of CPython's suite, compared with the reference case by case."""
    run = FileRun(str(gill), file, limit, environment, not_run).run()
    log.write_bytes(run.output)
    failures = [case for case, outcome in expected.items() if outcome == "pass" and run.outcomes.get(case) != "pass" and case not in not_run]
    return Outcome(file, run.seconds, run.ends, failures, [])


def plan(options, folder, reference, seconds):
    """(name, function of environment and log file, expected seconds) of what is to run."""
    gill, factor = folder / "gill", PRESETS[options.preset].limit
    programs = sorted(ROOT.glob("tests/python/test_*.py"))
    suite = (DATA / PRESETS[options.preset].files).read_text().split()
    if options.files:
        programs = [pathlib.Path(file).resolve() for file in options.files if file.endswith(".py")]
        suite = [file for file in options.files if not file.endswith(".py")]
    else:
        for name in UNIT_TESTS:
            yield name, lambda environment, log, name=name: run_program(name, [folder / "tests" / name], unit_test_environment(options.preset, environment), 600, log), 0
    for path in programs:
        yield path.name, lambda environment, log, path=path: run_program(path.name, [gill, path], environment, 600, log), 0
    for file in suite:
        if file not in reference:
            sys.exit(f"not a file of the recorded suite: {file}")
        limit = 60 + factor * seconds.get(file, 0)
        not_run = PRESETS[options.preset].not_run.get(file, set())
        yield (file, lambda environment, log, file=file, limit=limit, not_run=not_run:
               run_suite_file(gill, file, reference[file], environment, limit, not_run, log), seconds.get(file, 0))


def summary_of(report):
    """The kind and place of a report, by which equal ones are counted once."""
    lines = re.findall(r"SUMMARY: (.*)|(\S+: runtime error: .*)", report)
    return [kind or error for kind, error in lines] or [report.strip().splitlines()[0] if report.strip() else "empty report"]


def tell(outcomes, output):
    counted, failed = {}, False
    for outcome in outcomes:
        for report in outcome.reports:
            for summary in summary_of(report):
                counted.setdefault(summary, []).append(outcome.name)
    for outcome in sorted(outcomes, key=lambda outcome: outcome.name):
        for end, case in outcome.ends:
            print(f"{end}: {outcome.name} {case or '(import or exit)'}")
            failed = True
        for case in outcome.failures:
            print(f"fails: {outcome.name} {case}")
    for summary, names in sorted(counted.items(), key=lambda item: -len(item[1])):
        print(f"{len(names)} x {summary} ({', '.join(sorted(set(names)))})")
        failed = True
    print(f"== {len(outcomes)} test files, {sum(len(names) for names in counted.values())} reports of {len(counted)} kinds; outputs and reports in {output}")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="test files of the suite (test_queue) or paths of unittest files; default: all of the preset's")
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("-j", "--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--no-build", action="store_true", help="take the interpreter as it is")
    parser.add_argument("--output", type=pathlib.Path, help="an empty folder for outputs and reports; default: a new one")
    options = parser.parse_args()
    kill_groups_when_terminated()

    folder = ROOT / "build" / options.preset
    if not options.no_build:
        build(options.preset, options.jobs)
    output = options.output or pathlib.Path(tempfile.mkdtemp(prefix=f"{options.preset}-"))
    reference, seconds = load_reference()
    work = sorted(plan(options, folder, reference, seconds), key=lambda item: -item[2])
    outcomes, lock = [], threading.Lock()

    def run(name, function):
        reports = output.resolve() / name / "reports"
        reports.mkdir(parents=True)
        outcome = function(sanitizer_environment(options.preset, reports), reports.parent / "output")
        outcome.reports = read_reports(reports)
        with lock:
            outcomes.append(outcome)
            faults = [f"{len(outcome.reports)} reports"] * bool(outcome.reports) + [end for end, _ in outcome.ends]
            print(f"[{len(outcomes)}/{len(work)}] {name}: {', '.join(faults) or 'clean'} in {outcome.seconds:.1f} s", flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for future in [pool.submit(run, name, function) for name, function, _ in work]:
            future.result()
    return 1 if tell(outcomes, output) else 0


if __name__ == "__main__":
    sys.exit(main())
