"""Several interpreters in one process: what they share and what is each one's own."""
import gc
import os
import textwrap
import unittest

import _xxsubinterpreters as interpreters


class Interpreters(unittest.TestCase):
    def run_in_another(self, code):
        """Runs it in a new interpreter, and returns what it wrote to the file descriptor `out`."""
        read, write = os.pipe()
        another = interpreters.create()
        try:
            interpreters.run_string(another, textwrap.dedent(code), {"out": write})
        finally:
            interpreters.destroy(another)
            os.close(write)
        with open(read, encoding="utf-8") as answer:
            return answer.read()

    def test_subclasses_of_static_types(self):
        names = self.run_in_another("""
            import os
            os.write(out, " ".join(c.__name__ for c in object.__subclasses__()).encode())
            """).split()
        for name in ("type", "str", "dict", "list", "tuple", "function", "code", "BaseException"):
            self.assertIn(name, names)

    def test_method_caches_do_not_mix_types(self):
        # Each change of the class gives it a new version; none may be one that str has.
        answer = self.run_in_another("""
            import os
            class Joins: pass
            wrong = 0
            for i in range(5000):
                Joins.join = i
                wrong += Joins().join != i or type("".join) is int
            os.write(out, str(wrong).encode())
            """)
        self.assertEqual(answer, "0")

    @unittest.skipIf("ASAN_OPTIONS" in os.environ, "the sanitizer keeps what is freed")
    def test_creation_and_destruction_leave_nothing(self):
        def rounds(n):
            for _ in range(n):
                self.run_in_another("""
                    import json, re, collections, functools, enum
                    class C:
                        def method(self): return re.compile("a+").match("aaa")
                    json.loads(json.dumps({"a": [1, 2]})), C().method()
                    """)
            gc.collect()
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        before = rounds(4)
        self.assertLess(rounds(12) - before, 3 << 20)


if __name__ == "__main__":
    unittest.main()
