"""Sub-interpreters that run at the same time, each in a thread of its own and with threads of its own."""
import _xxsubinterpreters as interpreters
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import unittest


def run_program(source, *, options=(), timeout=60):
    result = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=timeout)
    return result.returncode, result.stdout, result.stderr


class Interpreters(unittest.TestCase):
    def test_one_in_each_thread(self):
        errors = []
        source = textwrap.dedent("""
            import threading, collections, re, json, gc
            values = []
            threads = [threading.Thread(target=values.append, args=(i,)) for i in range(5)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert sorted(values) == list(range(5))
            class A: pass
            a = A(); a.a = a; del a
            gc.collect()
            assert json.loads(json.dumps({"a": [1, 2.5, None]})) == {"a": [1, 2.5, None]}
            assert re.match("(a+)b", "aaab").group(1) == "aaa"
        """)

        def work():
            try:
                for _ in range(2):
                    interpreter = interpreters.create(isolated=False)
                    interpreters.run_string(interpreter, source)
                    interpreters.destroy(interpreter)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])

    def test_left_at_exit(self):
        code, out, error = run_program("""
            import _xxsubinterpreters as interpreters
            for _ in range(3):
                interpreters.run_string(interpreters.create(), "import threading; keep = threading.Lock(); keep.acquire()")
            print("end")
        """)
        self.assertEqual((code, out), (0, "end\n"), error)

    def test_channels(self):
        channel = interpreters.channel_create()
        interpreter = interpreters.create()
        source = textwrap.dedent(f"""
            import _xxsubinterpreters as interpreters
            for i in range(200): interpreters.channel_send({int(channel)}, i)
        """)
        thread = threading.Thread(target=interpreters.run_string, args=(interpreter, source))
        thread.start()
        seen = []
        while len(seen) < 200:
            try:
                seen.append(interpreters.channel_recv(channel))
            except interpreters.ChannelEmptyError:
                time.sleep(0)
        thread.join()
        self.assertEqual(seen, list(range(200)))
        interpreters.destroy(interpreter)

    def test_types_know_their_subclasses(self):
        interpreter = interpreters.create()
        interpreters.run_string(interpreter, textwrap.dedent("""
            assert int in object.__subclasses__() and bool in int.__subclasses__()
            assert ValueError in Exception.__subclasses__()
            class Own(int): pass
            assert Own in int.__subclasses__()
        """))
        interpreters.destroy(interpreter)

    @unittest.skipIf("ASAN_OPTIONS" in os.environ, "the sanitizer keeps what is freed")
    def test_memory_comes_back(self):
        def use(count):
            for _ in range(count):
                interpreter = interpreters.create()
                interpreters.run_string(interpreter, "import re, json, collections\nclass A: pass\na = A(); a.a = a")
                interpreters.destroy(interpreter)
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1]) * 4096

        use(5)
        before = use(5)
        self.assertLess(use(30) - before, 4_000_000)

    def test_objects_left_behind(self):
        # What outlives its interpreter can still be freed and looked at.
        source = "import _xxsubinterpreters as i, sys; big = [str(n) * 50 for n in range(2000)]; sys.keep = big; big.append(big)"
        for _ in range(5):
            interpreter = interpreters.create()
            interpreters.run_string(interpreter, source)
            interpreters.destroy(interpreter)
        gc.collect()


if __name__ == "__main__":
    unittest.main()
