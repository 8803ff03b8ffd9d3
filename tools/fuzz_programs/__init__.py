"""A differential fuzzer of programs: writes random programs that end and print the same each time, runs them under gill and under the
reference, and compares output, error output and exit code. `tools/fuzz_programs.py` is its command."""
