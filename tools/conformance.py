"""Runs CPython's own test files under gill and compares each case with the recorded outcome of the reference.

A case counts when the reference passes it. Crashes and time-outs are named first, then a table by file, then the
total. The list of known failures (tests/conformance/known_failures.txt) may only shrink: a failing case that is not
on it makes the run fail, and --update takes from it what passes now.

Each file runs in a process of its own, in an empty folder, with a time limit. A case that ends the process is
recorded as a crash and the rest of its file is run again without it.
"""
import argparse
import concurrent.futures
import contextlib
import gzip
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "tests" / "conformance"
CHILD = HERE / "conformance_child.py"
MAX_RESTARTS = 12
MEMORY_LIMIT_KIB = 6 * 1024 * 1024


def load_reference():
    """file -> {case: outcome} as recorded, and file -> seconds that the reference took."""
    outcomes, seconds = {}, {}
    with gzip.open(DATA / "reference.tsv.gz", "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            file, case, outcome = line.rstrip("\n").split("\t")
            cases = outcomes.setdefault(file, {})
            if cases.get(case) != "fail":  # an id that occurs twice is as good as its worst outcome
                cases[case] = outcome
    for line in (DATA / "files.tsv").read_text().splitlines()[1:]:
        file, *_, spent = line.split("\t")
        seconds[file] = float(spent)
    return outcomes, seconds


def load_cases(path):
    """file -> set of cases; in the list of known failures `*` stands for all of a file."""
    known = {}
    if path.exists():
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                file, case = line.split("\t")
                known.setdefault(file, set()).add(case)
    return known


GROUPS = set()  # the process groups that run now


@contextlib.contextmanager
def process_group(command, **options):
    """A process, and those that it starts, which are killed with it at the end."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True, **options)
    GROUPS.add(process.pid)
    try:
        yield process
    finally:
        kill_group(process.pid)
        GROUPS.discard(process.pid)
        process.wait()


def kill_group(group):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def kill_groups_when_terminated():
    def end(number, frame):
        for group in list(GROUPS):
            kill_group(group)
        os._exit(128 + number)

    signal.signal(signal.SIGTERM, end)


def resident_kib(group):
    """Of the largest process of the group; a sum would count what forked processes share many times."""
    pages = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == group:
                pages = max(pages, int(fields[21]))
    return pages * (os.sysconf("SC_PAGESIZE") // 1024)


class FileRun:
    """One test file under the interpreter: its outcomes by case and what ended its processes."""

    def __init__(self, gill, file, limit, environment=None, not_run=()):
        self.gill, self.file, self.limit, self.environment = gill, file, limit, environment or {}
        self.not_run = load_cases(DATA / "not_run.txt").get(file, set()).union(not_run)
        self.outcomes, self.ends, self.seconds, self.output = {}, [], 0.0, b""

    def run(self):
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as folder:
            finished = set(self.not_run)
            for attempt in range(MAX_RESTARTS):
                done, culprit, end = self._attempt(pathlib.Path(folder), attempt, finished)
                if done:
                    break
                self.ends.append((end, culprit))
                if culprit is None or culprit in finished:
                    break
                self.outcomes[culprit] = end
                finished.add(culprit)
        self.seconds = time.monotonic() - started
        return self

    def _attempt(self, folder, attempt, finished):
        report, skip = folder / f"report{attempt}", folder / f"skip{attempt}"
        work = folder / f"work{attempt}"
        work.mkdir()
        skip.write_text("\n".join(sorted(finished)), encoding="utf-8", errors="surrogateescape")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment |= {"TMPDIR": str(work), **self.environment}
        with open(folder / "output", "ab") as output:
            command = [self.gill, "-u", str(CHILD), str(report), self.file, str(skip)]
            with process_group(command, cwd=work, env=environment, stdout=output) as process:
                end = self._wait(process)
        self.output = (folder / "output").read_bytes()[-20000:]
        shutil.rmtree(work, ignore_errors=True)
        open_case, done = None, False
        if report.exists():
            for line in report.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
                event, _, case = line.partition("\t")
                if event == "start":
                    open_case = case
                elif event == "done":
                    done = True
                else:
                    open_case = None
                    finished.add(case)
                    if self.outcomes.get(case) != "fail":
                        self.outcomes[case] = event
        if done and end is None:
            return True, None, None
        if end is None:
            # An orderly exit without an end: the file could not be imported, or a case called exit.
            end = "exit"
        if done:
            self.ends.append((end + " at exit", None))
            return True, None, None
        return False, open_case, end

    def _wait(self, process):
        """None after an orderly exit, else what ended the process."""
        deadline = time.monotonic() + self.limit
        while True:
            try:
                code = process.wait(0.25)
                return f"crash ({signal.Signals(-code).name})" if code < 0 else None
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    return "time-out"
                if resident_kib(process.pid) > MEMORY_LIMIT_KIB:
                    return "memory"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="test files (test_dict ...); default: all that the reference was recorded on")
    parser.add_argument("--gill", default=str(HERE.parent / "build" / "release" / "gill"), type=os.path.abspath, help="the interpreter under test")
    parser.add_argument("--language", action="store_true", help="the files of tests/conformance/language.txt")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="files at a time")
    parser.add_argument("--limit-factor", type=float, default=4.0, help="time limit: 60 s and this many times the reference's time")
    parser.add_argument("--known", type=pathlib.Path, default=DATA / "known_failures.txt", help="the list of known failures")
    parser.add_argument("--update", action="store_true", help="take from the known failures what passes now")
    parser.add_argument("--record", action="store_true", help="write the known failures anew (for the first list)")
    parser.add_argument("--failures", type=pathlib.Path, help="write failing cases and the output of their files here")
    options = parser.parse_args()
    kill_groups_when_terminated()

    reference, seconds = load_reference()
    files = options.files or (
        (DATA / "language.txt").read_text().split() if options.language else sorted(reference))
    unknown = [file for file in files if file not in reference]
    if unknown:
        parser.error("not a file of the recorded suite: " + " ".join(unknown))
    known = load_cases(options.known)
    # The longest first, so that the last minutes keep every processor busy.
    files.sort(key=lambda file: -seconds.get(file, 0))
    print(f"== {len(files)} test files under {options.gill}", flush=True)

    runs, lock = {}, threading.Lock()

    def work(file):
        limit = 60 + options.limit_factor * seconds.get(file, 0)
        run = FileRun(options.gill, file, limit).run()
        with lock:
            runs[file] = run
            expected = [case for case, outcome in reference[file].items() if outcome == "pass"]
            passed = sum(run.outcomes.get(case) == "pass" for case in expected)
            ended = "; ".join(f"{end}: {case or 'import or exit'}" for end, case in run.ends)
            print(f"[{len(runs)}/{len(files)}] {file}: {passed} of {len(expected)} in {run.seconds:.1f} s {ended}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for future in [pool.submit(work, file) for file in files]:
            future.result()

    repeated = [] if options.record else repeat_failures(options, reference, seconds, known, runs)
    return report(options, reference, known, runs, repeated)


def new_failures(reference, known, run):
    """The cases of a file that the reference passes, that did not pass, and that are not known failures."""
    of_file = known.get(run.file, set())
    if "*" in of_file:
        return []
    return sorted(case for case, outcome in reference[run.file].items()
                  if outcome == "pass" and run.outcomes.get(case) != "pass" and case not in of_file)


def repeat_failures(options, reference, seconds, known, runs):
    """Runs files with new failures again, one at a time: a case that depends on the machine's load passes then, a crash stays one.

    Returns the (file, case) pairs that passed the second time.
    """
    repeated = []
    for file in sorted(runs):
        first = runs[file]
        failed = [case for case in new_failures(reference, known, first) if not first.outcomes.get(case, "").startswith("crash")]
        if not failed:
            continue
        print(f"again: {file}", flush=True)
        second = FileRun(options.gill, file, 60 + 2 * options.limit_factor * seconds.get(file, 0)).run()
        passed = [case for case in failed if second.outcomes.get(case) == "pass"]
        first.outcomes |= dict.fromkeys(passed, "pass")
        first.ends = [(end, case) for end, case in first.ends if end != "time-out" or case not in passed]
        repeated += [(file, case) for case in passed]
    return repeated


def report(options, reference, known, runs, repeated):
    total = passed_total = 0
    new, fixed, rows, ends = [], [], [], []
    for file in sorted(runs):
        run = runs[file]
        expected = sorted(case for case, outcome in reference[file].items() if outcome == "pass")
        passed = [case for case in expected if run.outcomes.get(case) == "pass"]
        total += len(expected)
        passed_total += len(passed)
        ends += [(file, end, case) for end, case in run.ends]
        of_file = known.get(file, set())
        new += [(file, case) for case in new_failures(reference, known, run)]
        if "*" not in of_file:
            fixed += [(file, case) for case in passed if case in of_file]
        elif passed:
            fixed.append((file, "*"))
        rows.append((file, len(passed), len(expected), run.seconds))

    if options.failures:
        with open(options.failures, "w", encoding="utf-8", errors="backslashreplace") as out:
            for file in sorted(runs):
                run = runs[file]
                for case, outcome in sorted(reference[file].items()):
                    if outcome == "pass" and run.outcomes.get(case) != "pass":
                        out.write(f"{file}\t{case}\t{run.outcomes.get(case, 'not run')}\n")
                if run.ends:
                    out.write(f"== output of {file}\n{run.output.decode('utf-8', 'backslashreplace')}\n")

    print("\n== crashes, time-outs and early exits")
    for file, end, case in ends:
        print(f"{end}: {file} {case or '(import or exit)'}")
    if not ends:
        print("none")
    print(f"\n{'file':36} {'pass':>6} {'of':>6} {'share':>8} {'s':>7}")
    for file, passed, expected, spent in rows:
        print(f"{file:36} {passed:6} {expected:6} {passed / expected if expected else 1:8.1%} {spent:7.1f}")
    print(f"{'total':36} {passed_total:6} {total:6} {passed_total / total if total else 1:8.1%}")

    if repeated:
        print(f"\n== {len(repeated)} cases passed only when run again")
        for file, case in repeated:
            print(f"{file}\t{case}")
    if options.record or options.update:
        write_known(options, reference, known, runs)
    if options.record:
        return 0
    if fixed:
        print(f"\n{len(fixed)} known failures pass now (make conformance UPDATE=1 takes them from the list)")
    if new:
        print(f"\n== {len(new)} cases fail that are not on the list of known failures")
        for file, case in new[:200]:
            print(f"{file}\t{case}\t{runs[file].outcomes.get(case, 'not run')}")
        return 1
    return 0


def write_known(options, reference, known, runs):
    """Writes the list anew for the files that ran: all failures (record), or those already on it (update)."""
    result = {file: set(cases) for file, cases in known.items()}
    for file, run in runs.items():
        expected = {case for case, outcome in reference[file].items() if outcome == "pass"}
        failed = {case for case in expected if run.outcomes.get(case) != "pass"}
        if options.record:
            keep = failed
        else:
            of_file = known.get(file, set())
            keep = failed if "*" in of_file else failed & of_file
        result[file] = {"*"} if keep and keep == expected and len(keep) > 1 else keep
    options.known.write_text("\n".join(known_lines(options, result)) + "\n", encoding="utf-8")


def known_lines(options, cases):
    """The list's lines for file -> set of cases: those that were there in their order, with the comments on what is left."""
    lines = ["# Cases that the reference passes and gill does not yet: file, case (or * for the whole file). May only shrink."]
    left = {(file, case) for file in cases for case in cases[file]}
    comment = None
    if not options.record and options.known.exists():
        for line in options.known.read_text(encoding="utf-8").splitlines()[1:]:
            entry = tuple(line.split("\t"))
            if line.startswith("#"):
                comment = line
            elif entry in left:
                left.remove(entry)
                lines += [comment, line] if comment else [line]
                comment = None
    return lines + ["\t".join(entry) for entry in sorted(left)]


if __name__ == "__main__":
    sys.exit(main())
