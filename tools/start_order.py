"""Writes src/start_order.txt: the functions that a start executes, which the linker puts side by side.

The kernel maps 64 KiB around each page of code that is touched; where what a start needs stands together, that is half the
memory, and half the page faults. The programs are those of bench/memory/startup.py; what all of them need comes last, beside the
C library's entry point, which the linker has at the start of what follows. Run it,
with valgrind installed, when the way of a start through the runtime has changed much; names that are gone do no harm.

Usage: start_order.py [--gill PATH]
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench" / "memory"))
from startup import PROGRAMS  # noqa: E402

# What a process that ends without taking its objects down executes of the end. Under valgrind it may do the whole of it.
END = ["--toggle-collect=Py_FinalizeEx", "--collect-atstart=yes"]
SHORT_END = [f"--toggle-collect={name}*" for name in (
    "_ZN4gill13end_is_unseen", "_ZN4gill22flush_standard_streams", "Py_MakePendingCalls", "gill_run_atexit", "_ZN4gill17write_exit_report",
    "_ZN4gill17finish_lock_check", "_ZN4gill14finish_signals", "_ZN4gill19finish_faulthandler")]
# Where valgrind has no name for the object: it knows of one section with code, and takes what the list puts in front for nobody's.
UNKNOWN = "???"


def executed(gill, arguments, options):
    """The names of the functions of the executable that ran, in the order of their addresses."""
    with tempfile.TemporaryDirectory() as folder:
        profile = pathlib.Path(folder, "profile")
        command = ["valgrind", "-q", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={profile}", *options]
        subprocess.run([*command, gill, *arguments], check=True, stdin=subprocess.DEVNULL)
        lines = profile.read_text().splitlines()
    objects, names, found, current = {}, {}, set(), ""
    for line in lines:
        if match := re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?$", line):
            called, kind, number, text = match.groups()
            table = objects if kind == "ob" else names
            if text:
                table[number] = text
            if kind == "ob" and not called:
                current = table[number]
            elif kind == "fn" and not called and current in (gill, UNKNOWN):
                found.add(re.sub(r"'\d+$", "", table[number]))
    return found


def addresses(gill):
    listing = subprocess.run(["nm", gill], check=True, capture_output=True, text=True).stdout
    return {fields[2]: fields[0] for fields in map(str.split, listing.splitlines()) if len(fields) == 3 and fields[1] in "tTwW"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gill", default=str(ROOT / "build" / "release" / "gill"), type=os.path.realpath)
    gill = parser.parse_args().gill
    places = addresses(gill)
    order = {}
    # The smallest program first.
    for arguments in sorted(PROGRAMS.values(), key=lambda arguments: "-S" not in arguments):
        names = executed(gill, arguments, END) | executed(gill, arguments, SHORT_END)
        # Of a name that the optimizer made unique the suffix is another in each build.
        order |= dict.fromkeys(name.partition(".llvm.")[0] for name in sorted(names & places.keys(), key=places.get))
    (ROOT / "src" / "start_order.txt").write_text("".join(f"{name}\n" for name in reversed(order)))
    print(f"{len(order)} functions")


if __name__ == "__main__":
    main()
