"""Fails when the interpreter has writable global state that the list beside this file does not allow.

Usage: writable_symbols.py EXECUTABLE [LIST]

Runtime, Interpreter and ThreadState are the only homes of mutable state. What else lies in a writable section is
either demanded by the published C API or an immortal object (its reference count is written). The list holds regular
expressions over demangled names, each under a comment that says why; an expression that matches nothing fails too.
"""
import pathlib
import re
import subprocess
import sys

WRITABLE = re.compile(r"\.(data(\.frozen)?|bss|tdata|tbss)$")  # .data.rel.ro becomes read-only when the program starts


def writable_symbols(executable):
    output = subprocess.run(["llvm-nm-19", "--format=sysv", "--demangle", "--defined-only", executable], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        # A demangled name may hold the separator itself: count fields from the right.
        fields = [field.strip() for field in line.rsplit("|", 6)]
        if len(fields) == 7 and fields[3] in ("OBJECT", "TLS") and WRITABLE.search(fields[6]):
            yield fields[0], int(fields[4] or "0", 16)


def main():
    executable = sys.argv[1]
    list_path = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).with_suffix(".txt"))
    patterns = {line: 0 for line in list_path.read_text().splitlines() if line and not line.startswith("#")}
    compiled = [(re.compile(pattern), pattern) for pattern in patterns]
    surplus, count = [], 0
    for name, size in writable_symbols(executable):
        count += 1
        for expression, pattern in compiled:
            if expression.fullmatch(name):
                patterns[pattern] += 1
                break
        else:
            surplus.append((name, size))
    unused = [pattern for pattern, uses in patterns.items() if not uses]
    for name, size in surplus:
        print(f"writable and not on the list: {name} ({size} bytes)")
    for pattern in unused:
        print(f"matches nothing: {pattern}")
    print(f"{count} writable symbols, {len(surplus)} not allowed")
    return 1 if surplus or unused else 0


if __name__ == "__main__":
    sys.exit(main())
