"""Runs one file of CPython's test suite and reports each case as it ends.

Usage: conformance_child.py REPORT TEST_FILE [SKIP_LIST]

Run by the interpreter under test. REPORT is a file that gets one line per event, written through at once so that
a crash loses nothing: `start<TAB>id`, then `pass`, `fail` or `skip<TAB>id`, and at last `done<TAB>`. SKIP_LIST
holds ids of cases not to run. The ids are those that the suite's own runner puts into its reports.
"""
import importlib
import os
import sys
import unittest


def main():
    report_path, test_file = sys.argv[1], sys.argv[2]
    skip_list = []
    if len(sys.argv) > 3:
        with open(sys.argv[3], encoding="utf-8", errors="surrogateescape") as skip_file:
            skip_list = skip_file.read().splitlines()
    # The suite's files expect the state that its own runner leaves: the current folder first on the path, and
    # no file outside the library for test_trace to count lines of.
    sys.path[0] = os.getcwd()
    del globals()["__file__"]
    sys.argv[:] = [test_file]
    report_fd = os.open(report_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
    owner = os.getpid()

    def report(event, case=""):
        if os.getpid() == owner:
            case = case.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in case else case
            os.write(report_fd, f"{event}\t{case}\n".encode("utf-8", "surrogateescape"))

    from test import support
    from test.libregrtest.setup import UNICODE_GUARD_ENV
    from test.support import os_helper, testresult

    # As in the suite's own runs some environment variable is not ASCII at all times.
    os.environb.setdefault(UNICODE_GUARD_ENV.encode(), os_helper.TESTFN_UNDECODABLE)

    # The suite adds to each size what an extension that was compiled for the reference says to stand in front of collectable objects.
    if hasattr(sys.implementation, "gill_version"):
        import _testinternalcapi

        _testinternalcapi.SIZEOF_PYGC_HEAD = 0

    class ReportingResult(testresult.RegressionTestResult):
        _open_case = None

        def startTest(self, test):
            super().startTest(test)
            self._open_case = case_id(test)
            report("start", self._open_case)

        def _add_result(self, test, capture=False, **details):
            # As in the suite's own reports only the first outcome after a start counts.
            case, self._open_case = self._open_case, None
            if case is None:
                return
            if not callable(getattr(test, "id", None)):
                case = str(test.id)  # a test that keeps something else under that name is recorded by it
            if "error" in details or "failure" in details or "outcome" in details:
                report("fail", case)
            elif details.get("skipped"):  # without a reason it counts as passed, as in the suite's reports
                report("skip", case)
            else:
                report("pass", case)

        def get_xml_element(self):
            return None

    def case_id(test):
        try:
            return test.id()
        except (AttributeError, TypeError):
            return str(test)

    testresult.RegressionTestResult = ReportingResult
    support.verbose = 0
    support.use_resources = []
    support.junit_xml_list = []  # asks for captured output, as when outcomes are recorded
    support.record_original_stdout(sys.stdout)
    if skip_list:
        # The suite's matcher takes patterns, ids may hold pattern characters: compare ids.
        skipped = frozenset(skip_list)
        support.match_test = lambda test: case_id(test) not in skipped

    module = importlib.import_module("test." + test_file)
    test_main = getattr(module, "test_main", None)
    try:
        if test_main is not None:
            test_main()
        else:
            loader = unittest.TestLoader()
            tests = loader.loadTestsFromModule(module)
            for error in loader.errors:
                print(error, file=sys.stderr)
            support.run_unittest(tests)
    except support.TestFailed as failure:
        print(failure, file=sys.stderr)
    except support.TestDidNotRun:
        pass
    except unittest.SkipTest as reason:
        print("skipped:", reason, file=sys.stderr)
    report("done")


if __name__ == "__main__":
    main()
