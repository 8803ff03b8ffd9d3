"""Automatic collections of the oldest generation: what dies in a large heap is found while the program goes on, and nothing else."""
import gc
import random
import subprocess
import sys
import threading
import unittest
import weakref


class Node:
    def __init__(self):
        self.refs = []


class Slotted:
    __slots__ = ("refs", "__weakref__")

    def __init__(self):
        self.refs = []


class Returning(Node):
    """Comes back now and then when it is finalized."""
    kept = []
    chance = random.Random(3)

    def __del__(self):
        if self.chance.random() < 0.1:
            Returning.kept.append(self)


def ring(size, kinds=(Node,)):
    nodes = [kinds[i % len(kinds)]() for i in range(size)]
    for i, node in enumerate(nodes):
        node.refs.append(nodes[i - 1])
    return nodes[0]


def reachable(roots):
    seen, left = set(), list(roots)
    while left:
        node = left.pop()
        if id(node) not in seen:
            seen.add(id(node))
            left.extend(node.refs)
    return len(seen)


def allocate(count):
    """Makes work due, without garbage."""
    for _ in range(count // 1000):
        kept = [[] for _ in range(1000)]
    return kept


class IncrementalCollectionTest(unittest.TestCase):
    def setUp(self):
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        gc.collect()
        gc.set_threshold(100, 2, 2)

    def churn(self, rings, size, rounds, change=lambda i: None, kinds=(Node,)):
        """Replaces old rings; the most of their nodes that were there at a time, and the rings."""
        kept = [ring(size, kinds) for _ in range(rings)]
        references = set()

        class Counted(weakref.ref):
            pass
        most = 0
        for i in range(rounds * rings):
            at = i * 7919 % rings
            kept[at] = new = ring(size, kinds)
            references.add(Counted(new, references.discard))
            del new
            most = max(most, len(references))
            change(i)
        return most, kept, references

    def test_old_rings_are_found(self):
        for rings, size in ((6000, 6), (36, 1000)):
            with self.subTest(size=size):
                most, kept, references = self.churn(rings, size, 3)
                self.assertLess(most, 2 * rings)  # much of it is garbage that was not found yet
                self.assertEqual(reachable(kept), rings * size)
                gc.collect()
                self.assertEqual(len(references), rings)

    def test_finalizers_that_bring_back(self):
        Returning.kept.clear()
        self.addCleanup(Returning.kept.clear)
        most, kept, references = self.churn(4000, 6, 2, kinds=(Node, Returning, Slotted))
        self.assertEqual(reachable(kept), 4000 * 6)
        self.assertTrue(Returning.kept)
        for node in Returning.kept:
            self.assertEqual(reachable([node]), 6)

    def test_callbacks(self):
        called = []
        kept = [ring(4) for _ in range(10000)]
        references = [weakref.ref(node, called.append) for node in kept]
        for i in range(0, 10000, 2):
            kept[i] = None
        gc.set_threshold(100, 2, 2)
        more = [ring(4) for _ in range(15000)]
        gc.collect()
        self.assertEqual(set(map(id, called)), set(map(id, references[::2])))
        self.assertEqual(sum(r() is not None for r in references), 5000)
        del more

    def test_what_moves_survives(self):
        """References go from what was not looked at to what was, and back."""
        chance = random.Random(11)
        trees = [ring(300) for _ in range(120)]
        nodes = 120 * 300
        for step in range(2000):
            one, other = chance.choice(trees), chance.choice(trees)
            held = one.refs.pop()
            allocate(1000) if step % 100 == 0 else None
            one.refs = []
            extra = ring(3)
            other.refs.append(held)
            one.refs.append(held)
            other.refs.pop()
            del held, extra
        self.assertEqual(reachable(trees), nodes)

    def test_large_containers(self):
        """They are looked at in parts, and change meanwhile."""
        items = [[] for _ in range(50000)]
        table = {i: [i] for i in range(20000)}
        names = {frozenset([i]): None for i in range(10000)}
        for i in range(45000):
            items.append(cycle := [])
            cycle.append(cycle)
            if i % 3 == 0:
                del items[i % 1000], table[i // 3 % 20000]
            table[i // 3 % 20000] = [i // 3 % 20000]
        self.assertEqual(len(items), 80000)
        self.assertTrue(all(len(held) <= 1 for held in items))
        self.assertTrue(all(value == [key] for key, value in table.items()))
        self.assertEqual(len(names), 10000)

    def test_threads(self):
        def work(seed):
            chance = random.Random(seed)
            kept = [ring(5) for _ in range(1500)]
            for _ in range(3000):
                kept[chance.randrange(1500)] = ring(5)
            results.append(reachable(kept))
        results = []
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [7500] * 4)

    def test_freezing_meanwhile(self):
        self.addCleanup(gc.unfreeze)
        kept = [ring(5) for _ in range(8000)]
        for i in range(16000):
            kept[i * 7919 % 8000] = ring(5)
            if i % 4000 == 1000:
                gc.freeze()
            if i % 4000 == 3000:
                gc.unfreeze()
            if i % 5000 == 4999:
                gc.collect(i // 5000 % 3)
        self.assertEqual(reachable(kept), 40000)

    @unittest.skipUnless("Gill" in sys.version, "an option of ours")
    def test_option(self):
        program = "kept = [[[]] for _ in range(60000)]"
        for option in "gc=full", "gc=incremental":
            subprocess.run([sys.executable, "-X", option, "-c", program], check=True)
        done = subprocess.run([sys.executable, "-X", "gc=other", "-c", program], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn('expected "incremental" or "full"', done.stderr)


if __name__ == "__main__":
    unittest.main()
