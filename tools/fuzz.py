"""Builds the fuzzers of tests/fuzz with libFuzzer and the sanitizers, and runs them.

A finding (a crash, a report, an exception that a target does not expect, a hang, too much memory) ends its target; the input is kept
beside the log in build/fuzzing/TARGET, as is the corpus, with which the next run goes on. Any finding makes the exit code 1.

    tools/fuzz.py                                    # all targets, a minute each
    tools/fuzz.py --seconds 600 parser marshal
    tools/fuzz.py marshal --replay build/fuzzing/marshal/crash-da39a3ee
"""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HARNESS = ROOT / "tests" / "fuzz"
BUILD = ROOT / "build" / "fuzz"
sys.path.insert(0, str(HARNESS))
import seeds

TARGETS = list(seeds.TABLES)
KEPT = "crash-", "timeout-", "oom-", "leak-"  # what libFuzzer calls the inputs that it reports

# An input may take this long, under the sanitizers and on a busy machine.
SECONDS_AN_INPUT = 30
MEGABYTES = 2560


@dataclasses.dataclass
class Outcome:
    name: str
    code: int
    log: pathlib.Path
    findings: list

    def __str__(self):
        text = self.log.read_text(errors="replace")
        runs = re.findall(r"stat::number_of_executed_units:\s*(\d+)", text) or re.findall(r"^#(\d+)\s", text, re.MULTILINE) or ["0"]
        edges = re.findall(r"cov: (\d+)", text) or ["0"]
        figures = f"{self.name}: {int(runs[-1]):,} runs, {int(edges[-1]):,} edges"
        if not self.code and not self.findings:
            return f"{figures}, no finding"
        reports = re.findall(r"(?:ERROR|SUMMARY): .*|\S+: runtime error: .*|^\w+Error: .*", text, re.MULTILINE)
        return "\n  ".join([f"{figures}: exit code {self.code}, see {self.log}", *reports, *map(str, self.findings)])


def build(jobs):
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", "fuzz"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", BUILD, f"-j{jobs}", "gill_fuzz"], check=True)


def environment(name):
    return {
        **os.environ,
        "GILL_FUZZ": name,
        "PYTHONPATH": str(HARNESS),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Static types live as long as the process. Targets look for leaks themselves.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def write_seeds(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds.seeds(name)):
        (folder / f"{number:05}").write_bytes(data)


def write_dictionary(name, path):
    lines = ('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in seeds.words(name))
    path.write_text("\n".join(lines) + "\n")


def fuzz(name, seconds):
    folder = ROOT / "build" / "fuzzing" / name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    write_seeds(name, folder / "seeds")
    write_dictionary(name, folder / "dictionary")
    before = set(folder.iterdir())
    log = folder / "log"
    with log.open("wb") as output:
        code = subprocess.run([BUILD / "gill_fuzz", folder / "corpus", folder / "seeds", f"-dict={folder / 'dictionary'}", f"-artifact_prefix={folder}/",
                               f"-max_len={seeds.targets.TARGETS[name].max_length}", f"-max_total_time={seconds}", f"-timeout={SECONDS_AN_INPUT}",
                               f"-rss_limit_mb={MEGABYTES}", "-print_final_stats=1"],
                              env=environment(name), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT).returncode
    return Outcome(name, code, log, sorted(path for path in set(folder.iterdir()) - before if path.name.startswith(KEPT)))


def replay(name, inputs):
    return subprocess.run([BUILD / "gill_fuzz", f"-timeout={SECONDS_AN_INPUT}", f"-rss_limit_mb={MEGABYTES}", *inputs], env=environment(name)).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="targets at a time")
    parser.add_argument("--replay", nargs="+", type=pathlib.Path, metavar="INPUT", help="run these inputs of the one target")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown or options.replay and len(options.targets) != 1:
        parser.error(f"no target {', '.join(unknown)}" if unknown else "--replay is for one target")

    build(options.jobs)
    if options.replay:
        return replay(options.targets[0], options.replay)
    failed = False
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for outcome in pool.map(lambda name: fuzz(name, options.seconds), options.targets or TARGETS):
            print(outcome, flush=True)
            failed = failed or outcome.code != 0 or bool(outcome.findings)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
