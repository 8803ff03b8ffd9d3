"""The checks that PYTHONMALLOC=debug and -X dev put on the memory functions."""
import os
import re
import subprocess
import sys
import unittest

try:
    import _testcapi
except ImportError:
    _testcapi = None


def run(code, *options, **environment):
    return subprocess.run([sys.executable, *options, "-c", code], env={"PYTHONDONTWRITEBYTECODE": "1", **environment},
                          capture_output=True, text=True, errors="backslashreplace")


@unittest.skipIf(_testcapi is None, "needs _testcapi")
class MemoryChecks(unittest.TestCase):
    def check(self, function, pattern, *options, **environment):
        done = run(f"import _testcapi; _testcapi.{function}()", *options, **environment)
        self.assertEqual(done.returncode, -6, done)
        self.assertRegex(done.stderr, re.compile(pattern, re.DOTALL))

    def test_overflow(self):
        pattern = (
            r"Debug memory block at address p=0x[0-9a-f]+: API 'm'\n"
            r"    16 bytes originally requested\n"
            r"    The 7 pad bytes at p-7 are FORBIDDENBYTE, as expected\.\n"
            r"    The 8 pad bytes at tail=0x[0-9a-f]+ are not all FORBIDDENBYTE \(0xfd\):\n"
            r"        at tail\+0: 0x78 \*\*\* OUCH\n"
            r"(        at tail\+\d: 0xfd\n){7}"
            r"    Data at p:( cd){16}\n"
            r"\n"
            r"Enable tracemalloc to get the memory block allocation traceback\n"
            r"\n"
            r"Fatal Python error: _PyMem_DebugRawFree: bad trailing pad byte\n"
        )
        self.check("pymem_buffer_overflow", pattern, PYTHONMALLOC="debug")
        self.check("pymem_buffer_overflow", pattern, "-X", "dev")
        self.check("pymem_buffer_overflow", pattern, PYTHONMALLOC="malloc_debug")

    def test_traceback_of_the_block(self):
        pattern = r'Memory block allocated at \(most recent call first\):\n  File "<string>", line 1\n\nFatal Python error'
        self.check("pymem_buffer_overflow", pattern, "-X", "tracemalloc", PYTHONMALLOC="debug")

    def test_wrong_domain(self):
        self.check("pymem_api_misuse", r"_PyMem_DebugRawFree: bad ID: Allocated using API 'm', verified using API 'r'", PYTHONMALLOC="debug")

    def test_without_lock(self):
        for function in "pymem_malloc_without_gil", "pyobject_malloc_without_gil":
            self.check(function, "_PyMem_DebugMalloc: Python memory allocator called without holding the GIL", PYTHONMALLOC="debug")

    @unittest.skipIf("ASAN_OPTIONS" in os.environ, "blocks come from malloc, and the sanitizer looks after them")
    def test_freed_objects_are_recognized(self):
        for state in "null", "uninitialized", "forbidden_bytes", "freed":
            done = run(f"import _testcapi; _testcapi.check_pyobject_{state}_is_freed()", PYTHONMALLOC="debug")
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_names_of_allocators(self):
        for asked, shown in {"default": "pymalloc", "debug": "pymalloc_debug", "pymalloc": "pymalloc", "pymalloc_debug": "pymalloc_debug",
                             "malloc": "malloc", "malloc_debug": "malloc_debug"}.items():
            done = run("import _testcapi; print(_testcapi.pymem_getallocatorsname())", PYTHONMALLOC=asked)
            self.assertEqual(done.stdout, shown + "\n", done.stderr)


class AllocatedBlocks(unittest.TestCase):
    @unittest.skipIf("ASAN_OPTIONS" in os.environ, "blocks come from malloc, and the sanitizer looks after them")
    def test_blocks_are_counted_one_by_one(self):
        before = sys.getallocatedblocks()
        objects = [object() for _ in range(10000)]
        held = sys.getallocatedblocks()
        del objects
        after = sys.getallocatedblocks()
        self.assertAlmostEqual(held - before, 10000, delta=50)
        self.assertAlmostEqual(after - before, 0, delta=50)


if __name__ == "__main__":
    unittest.main()
