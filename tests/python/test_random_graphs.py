"""Random graphs of objects that change while they are collected, with finalizers that bring objects back, weak references with callbacks, and
threads. A model beside them says what must be alive; the rest must be gone after a full collection."""
import gc
import random
import sys
import threading
import unittest
import weakref

ALIVE = 400


class Node:
    def __init__(self, number):
        self.number = number
        self.refs = []


class Slotted:
    __slots__ = ("number", "refs", "__weakref__")

    def __init__(self, number):
        self.number = number
        self.refs = []


class Returning(Node):
    """Brings itself back the first time."""
    returned = []

    def __del__(self):
        Returning.returned.append(self)


class Graph:
    """Objects by number; roots are held by `held`, and what each refers to is known in `edges`."""
    KINDS = Node, Slotted, Returning

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.held = {}
        self.edges = {}
        self.references = {}
        self.called = []
        self.count = 0

    def new(self):
        number = self.count
        self.count += 1
        node = self.chance.choice(self.KINDS)(number)
        self.held[number] = node
        self.edges[number] = []
        self.references[number] = weakref.ref(node, lambda _, number=number: self.called.append(number))
        return node

    def refer(self, source, target):
        wrap = self.chance.choice((lambda x: x, lambda x: [x], lambda x: (x,), lambda x: {"key": x}, lambda x: (lambda: x)))
        source.refs.append(wrap(target))
        self.edges[source.number].append(target.number)

    def reached(self):
        seen, left = set(), list(self.held)
        while left:
            number = left.pop()
            if number not in seen:
                seen.add(number)
                left += self.edges[number]
        return seen

    def step(self):
        numbers = list(self.held)
        choose = self.chance.choice
        action = self.chance.random()
        if action < 0.5 or len(numbers) < 10:
            node = self.new()
            for _ in range(self.chance.randrange(3)):
                self.refer(node, self.held[choose(list(self.held)[-50:])])
                self.refer(self.held[choose(list(self.held)[-50:])], node)
        elif action < 0.8 or len(numbers) > ALIVE:
            del self.held[choose(numbers)]
        elif action < 0.97:
            self.refer(self.held[choose(numbers)], self.held[choose(numbers)])
        else:
            node = self.held[choose(numbers)]
            node.refs.clear()
            self.edges[node.number].clear()

    def check(self, test):
        """All that is reached is as it was built."""
        reached = self.reached()
        seen = {}
        left = list(self.held.values())
        while left:
            node = left.pop()
            if callable(node):
                node = node()
            elif isinstance(node, (list, tuple)):
                node, = node
            elif isinstance(node, dict):
                node = node["key"]
            if node.number not in seen:
                seen[node.number] = node
                test.assertEqual(len(node.refs), len(self.edges[node.number]))
                left += node.refs
        test.assertEqual(set(seen), reached)
        return reached


class RandomGraphTest(unittest.TestCase):
    def setUp(self):
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        Returning.returned.clear()
        gc.collect()

    def finish(self, graph):
        """What is not reached goes, at the latest once its finalizer was called and what that brought back was let go of."""
        for _ in range(4):
            gc.collect()
            Returning.returned.clear()
        reached = graph.check(self)
        alive = {number for number, reference in graph.references.items() if reference() is not None}
        self.assertEqual(alive, reached)
        # Each callback once, and only for what is gone; a reference to garbage that a finalizer brings back calls as well.
        self.assertEqual(len(graph.called), len(set(graph.called)))
        self.assertEqual(set(graph.called), set(graph.references) - reached)

    def test_with_automatic_collections(self):
        for seed, thresholds in enumerate([(700, 10, 10), (50, 2, 2), (5, 1, 1)]):
            with self.subTest(thresholds=thresholds):
                gc.set_threshold(*thresholds)
                graph = Graph(seed)
                for i in range(6000):
                    graph.step()
                    if i % 500 == 0:
                        Returning.returned.clear()
                        graph.check(self)
                self.finish(graph)

    def test_with_explicit_collections(self):
        gc.disable()
        self.addCleanup(gc.enable)
        graph = Graph(7)
        for i in range(3000):
            graph.step()
            if i % 20 == 0:
                gc.collect(graph.chance.choice((0, 0, 0, 1, 2)))
        self.finish(graph)

    def test_beside_a_large_heap(self):
        """Old enough for slices, and for young collections that are put off."""
        large = [Node(i) for i in range(60000)]
        for i, node in enumerate(large):
            node.refs.append(large[i // 16 * 16])
        graph = Graph(8)
        for _ in range(6000):
            graph.step()
        for _ in range(20000):
            large[graph.chance.randrange(len(large))] = node = Node(0)
            node.refs.append(node)
        self.finish(graph)
        self.assertTrue(all(node.refs for node in large))

    def test_counts(self):
        """No collection takes references to what is alive, nor adds any."""
        shared = Node(-1)
        before = sys.getrefcount(shared)
        kept = []
        for i in range(20000):
            node = Node(i)
            node.refs += [node, shared]
            if i % 10 == 0:
                kept.append(node)
        del node
        gc.collect()
        self.assertEqual(sys.getrefcount(shared), before + len(kept))
        kept.clear()
        gc.collect()
        self.assertEqual(sys.getrefcount(shared), before)

    def test_threads(self):
        graphs = [Graph(20 + i) for i in range(4)]
        failed = []

        def work(graph):
            try:
                for _ in range(2500):
                    graph.step()
                graph.check(self)
            except BaseException as error:
                failed.append(error)
        gc.set_threshold(60, 2, 2)
        threads = [threading.Thread(target=work, args=(graph,)) for graph in graphs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        del threads
        for graph in graphs:
            self.finish(graph)


if __name__ == "__main__":
    unittest.main()
