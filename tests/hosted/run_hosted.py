"""Runs one of CPython's test files in the reference interpreter with one of our modules in place of its own.

The library is loaded under the module's name, and the modules named by --drop are imported anew so that they
take it up. A case in the list of known failures must fail: one that passes fails the run until the list is
shortened."""

import argparse
import importlib.machinery
import importlib.util
import sys
import unittest


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--module", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--drop", default="", help="modules to import anew, separated by commas")
    parser.add_argument("--test", required=True, help="a file of the test package, without .py")
    parser.add_argument("--known-failures", required=True)
    return parser.parse_args()


class Finder:
    """Finds our library when a test imports the module afresh."""

    def __init__(self, name, path):
        self.name = name
        self.path = path

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        loader = importlib.machinery.ExtensionFileLoader(name, self.path)
        return importlib.util.spec_from_file_location(name, self.path, loader=loader)


def install(name, path, drop):
    sys.meta_path.insert(0, Finder(name, path))
    sys.modules.pop(name, None)
    importlib.import_module(name)
    for loaded in list(sys.modules):
        if any(loaded == d or loaded.startswith(d + ".") for d in drop if d):
            del sys.modules[loaded]
    if name == "_io":
        import builtins
        import io
        builtins.open = io.open


def known_failures(path, module):
    with open(path, encoding="utf-8") as lines:
        rows = [line.split("#")[0].split() for line in lines]
    return {row[1] for row in rows if row and row[0] == module}


class Result(unittest.TextTestResult):
    """Collects the ids of all cases by outcome; a failing subtest fails its case."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.bad = set()
        self.seen = set()

    def startTest(self, test):
        super().startTest(test)
        self.seen.add(test.id())

    def addError(self, test, err):
        super().addError(test, err)
        self.bad.add(test.id())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.bad.add(test.id())

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.bad.add(test.id())


def main():
    options = parse()
    install(options.module, options.library, options.drop.split(","))
    suite = unittest.defaultTestLoader.loadTestsFromName("test." + options.test)
    result = unittest.TextTestRunner(resultclass=Result, verbosity=0).run(suite)
    known = known_failures(options.known_failures, options.module) & result.seen
    unexpected = result.bad - known
    passes = known - result.bad
    for case in sorted(unexpected):
        print("FAILED", case)
    for case in sorted(passes):
        print("PASSES, take it off the list of known failures:", case)
    print(f"{len(result.seen) - len(result.bad)} passed, {len(unexpected)} failed, {len(result.bad & known)} known to fail")
    return 1 if unexpected or passes or not result.seen else 0


if __name__ == "__main__":
    sys.exit(main())
