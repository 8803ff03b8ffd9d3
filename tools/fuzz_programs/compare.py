"""Compares programs between the interpreters, in several processes; reports, reduces and keeps those that differ."""
import collections
import difflib
import multiprocessing
import os
import re
import time

from . import reduce
from .interpreters import REFERENCE, Interpreter
from .rules import make_grammar
from .writer import program

COMMAND_SHARE = 40  # one program of so many runs as a command of its own, not in a server's child
COMMAND_OPTIONS = [(), (), (), ("-O",), ("-OO",), ("-X", "dev"), ("-W", "error"), ("-bb",), ("-X", "no_debug_ranges"), ("-s",), ("-u",), ("-W", "always")]
SHOWN_LINES = 40
# What the reference says where one of its own functions broke the rules; and str() of a UnicodeDecodeError with a negative start, which
# shows what lies before the bytes in memory.
FAULT = re.compile(r"returned a result with an exception set|byte 0x[0-9a-f]{2} in position -")


class Pair:
    """Both interpreters; a way of running is `None` (server) or the options of a command."""

    def __init__(self, gill, directory):
        self.gill = Interpreter(gill, os.path.join(directory, "gill"))
        self.reference = Interpreter(REFERENCE, os.path.join(directory, "reference"))

    def run(self, text, options=None):
        if options is not None:
            return self.reference.command(text, options), self.gill.command(text, options)
        self.reference.send(text)
        self.gill.send(text)
        return self.reference.receive(), self.gill.receive()

    def kind_of_difference(self, text, options=None):
        theirs, ours = self.run(text, options)
        return "" if theirs == ours or theirs.too_long else signature(explain(theirs, ours))

    def repeatable(self, text, options=None):
        """Whether the reference says the same about a program in processes with other addresses."""
        # The system places whole pages at random; where in its page an object lies changes with the allocator alone.
        outcomes = [self.reference.command(text, options or (), allocator) for allocator in ("pymalloc", "malloc") * 5]
        return all(each == outcomes[0] for each in outcomes[1:])

    def close(self):
        self.gill.close()
        self.reference.close()


def way_of(number):
    """How a program is run: most in a server's child, some as commands."""
    if number % COMMAND_SHARE:
        return None
    return COMMAND_OPTIONS[number // COMMAND_SHARE % len(COMMAND_OPTIONS)]


def ordered_by_address(theirs, ours):
    """Whether only the order of sets differs that hold what is hashed by its address, None and `...` among them."""
    pairs = []
    for reference, mine in ((theirs.output, ours.output), (theirs.errors, ours.errors)):
        reference, mine = reference.split("\n"), mine.split("\n")
        if len(reference) != len(mine):
            return False
        pairs += [pair for pair in zip(reference, mine) if pair[0] != pair[1]]
    return theirs.code == ours.code and all("{" in a and re.search("None|Ellipsis|<", a) and sorted(a) == sorted(b) for a, b in pairs)


def explain(theirs, ours):
    lines = []
    if theirs.code != ours.code:
        lines.append(f"exit code: reference {theirs.code}, gill {ours.code}")
    for what, reference, mine in (("output", theirs.output, ours.output), ("errors", theirs.errors, ours.errors)):
        if reference != mine:
            difference = difflib.unified_diff(reference.split("\n"), mine.split("\n"), "reference " + what, "gill " + what, n=1, lineterm="")
            lines += [line[:600] for line in difference][:SHOWN_LINES]
    return "\n".join(lines)


def worker(job):
    """Compares every `step`-th program from `first`; puts what it finds into the queue."""
    gill, directory, numbers, deadline, found, done = job
    grammar = make_grammar()
    pair = Pair(gill, directory)
    counts = collections.Counter()
    for number in numbers:
        if time.monotonic() > deadline:
            break
        options = way_of(number)
        text = program(grammar, number)
        theirs, ours = pair.run(text, options)
        counts["programs"] += 1
        counts["bytes of output"] += len(theirs.output) + len(theirs.errors)
        if theirs == ours:
            continue
        if theirs.too_long:
            counts["too long"] += 1
            continue
        if FAULT.search(theirs.output) or FAULT.search(theirs.errors):
            counts["faults of the reference"] += 1
            continue
        if ordered_by_address(theirs, ours):
            counts["sets ordered by address"] += 1
            continue
        if theirs.crashed:
            counts["crashes of the reference"] += 1
            continue
        if not ours.crashed and not pair.repeatable(text, options):
            counts["not repeatable"] += 1
            found.put(("unstable", number, "", ""))
            continue
        if "def __del__" in text and pair.kind_of_difference("import gc; gc.disable()\n" + text, options) == "":
            counts["collections at other times"] += 1
            continue
        kind = signature(explain(theirs, ours))
        small = reduce.reduce(text, lambda candidate: pair.kind_of_difference(candidate, options) == kind)
        found.put(("difference", number, text, small, options, explain(*pair.run(small, options))))
        counts["differences"] += 1
    pair.close()
    done.put(counts)


def compare(gill, first, count, jobs, seconds, directory, most):
    """Compares `count` programs from number `first`; returns how many differ."""
    os.makedirs(directory, exist_ok=True)
    deadline = time.monotonic() + (seconds or 1e9)
    found, done = multiprocessing.SimpleQueue(), multiprocessing.SimpleQueue()
    works = []
    for job in range(jobs):
        numbers = range(first + job, first + count, jobs)
        work = (os.path.abspath(gill), os.path.join(directory, f"work{job}"), numbers, deadline, found, done)
        works.append(multiprocessing.Process(target=worker, args=(work,), daemon=True))
        works[-1].start()
    totals = collections.Counter()
    differences = 0
    told = set()
    while any(work.is_alive() for work in works) or not found.empty():
        if found.empty():
            time.sleep(0.05)
            continue
        kind, number, text, small, *rest = found.get()
        if kind == "unstable":
            print(f"program {number} answers differently each time under the reference: not compared", flush=True)
            continue
        differences += 1
        kept = keep(directory, number, text, small)
        if (kind_of_difference := signature(rest[-1])) in told:
            print(f"==== program {number} differs in a way already shown: {kept}", flush=True)
            continue
        told.add(kind_of_difference)
        report(number, small, *rest)
        if len(told) >= most:
            print(f"stopped after {differences} differences")
            for work in works:
                work.terminate()
            return differences
    failed = [work.exitcode for work in works if work.exitcode]
    while not done.empty():
        totals += done.get()
    print(", ".join(f"{what}: {number}" for what, number in sorted(totals.items())) or "nothing was compared")
    return differences + len(failed)


def signature(explanation):
    """What is alike in differences of one cause: the changed lines without numbers, names and values."""
    changed = [line for line in explanation.split("\n") if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return re.sub(r"'[^']*'|\"[^\"]*\"|[0-9.]+|0x\w+", "", "\n".join(changed[:2]))


def keep(directory, number, text, small):
    """Writes both forms of a program that differs; returns the path of the reduced one."""
    path = os.path.join(directory, f"program_{number}")
    for suffix, content in (("", text), ("_small", small)):
        with open(f"{path}{suffix}.py", "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(content)
    return f"{path}_small.py"


def report(number, small, options, explanation):
    way = "in a server" if options is None else "with options " + repr(" ".join(options))
    print(f"==== program {number} differs ({way}); reduced:\n{small}\n{explanation}\n".encode("utf-8", "backslashreplace").decode(), flush=True)
