"""Chains of objects that are deeper than the stack: they die, hash and fail without ending the process."""
import collections
import functools
import itertools
import operator
import subprocess
import sys
import textwrap
import unittest

DEPTH = 200_000


class DeepChains(unittest.TestCase):
    def chain(self, link):
        value = None
        for _ in range(DEPTH):
            value = link(value)
        return value

    def test_containers(self):
        for link in (lambda x: [x], lambda x: (x,), lambda x: {1: x}, lambda x: collections.OrderedDict(a=x)):
            self.chain(link)

    def test_what_links_share_is_released_once_by_each(self):
        class Pair(tuple):
            pass

        class Node:
            def __init__(self, before, link, after):
                self.before, self.link, self.after = before, link, after

        shared = object(), "".join(["sha", "red"])
        links = {
            "tuple": lambda x: (*shared, x, *shared), "subclass": lambda x: Pair((*shared, x, *shared)), "list": lambda x: [*shared, x, *shared],
            "slice": lambda x: slice(x, *shared), "slice's step": lambda x: slice(*shared, x), "slice's stop": lambda x: slice(shared[0], x, shared[1]),
            "dict": lambda x: dict(enumerate((*shared, x, *shared))), "keywords": lambda x: dict(a=shared[0], b=shared[1], c=x, d=shared[0], e=shared[1]),
            "instance": lambda x: Node(shared[0], x, shared[1]), "set": lambda x: {Node(shared[0], x, shared[1]), shared[0]},
        }
        for name, link in links.items():
            with self.subTest(name):
                before = [sys.getrefcount(value) for value in shared]
                self.chain(link)
                self.assertEqual([sys.getrefcount(value) for value in shared], before)

    def test_generators(self):
        def holds(inner):
            yield inner

        def starts(inner):
            generator = holds(inner)
            next(generator)
            return generator

        self.chain(starts)
        self.chain(holds)

    def test_frames(self):
        def frame(inner):
            return sys._getframe()

        self.chain(frame)

    def test_iterators(self):
        # What the reference does not survive is left to the runtimes that do.
        for link in (map, filter, zip, itertools.chain, itertools.accumulate, itertools.cycle):
            value = iter([])
            for _ in range(DEPTH):
                value = link(abs, value) if link in (map, filter) else link(value)

    @unittest.skipIf(sys.version.find("Gill") < 0, "the reference overflows its stack")
    def test_beyond_the_reference(self):
        for link in (lambda x: enumerate(x or ()), lambda x: filter(None, x or ()), lambda x: collections.deque([x]), property, slice, functools.partial(functools.partial, len), operator.itemgetter):
            self.chain(link)
        with self.assertRaises(RecursionError):
            hash(self.chain(lambda x: (x,)))

    @unittest.skipIf(sys.version.find("Gill") < 0, "the reference overflows its stack")
    def test_sources(self):
        program = """
            import ast, sys, threading

            def refused(function, *args):
                try:
                    function(*args)
                except (RecursionError, MemoryError):
                    print("refused")

            def run():
                for source in "-" * 5900 + "1", "lambda: " * 900 + "1":
                    refused(compile, source, "source", "eval")

            limit = sys.getrecursionlimit()
            sys.setrecursionlimit(10**6)
            refused(ast.parse, "a" + ".b" * 200_000)
            sys.setrecursionlimit(limit)
            threading.stack_size(256 * 1024)
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
        """
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout.split(), done.stderr), (0, ["refused"] * 3, ""))

    def test_small_stacks(self):
        program = "\n".join(
            (
                "import threading",
                "threading.stack_size(32768)",
                "def forever(): forever()",
                "def run():",
                "    try: forever()",
                "    except RecursionError: print(sorted([2, 1]), eval('1 + (2 * 3)'))",
                "thread = threading.Thread(target=run)",
                "thread.start()",
                "thread.join()",
            )
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "[1, 2] 7\n", ""))


if __name__ == "__main__":
    unittest.main()
