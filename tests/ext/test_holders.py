"""The collector and extension types that visit less or more than what they own; run under gill and under the reference."""
import gc
import random
import unittest
import weakref

import holders


class Hiding(holders.Hiding):
    __slots__ = ("__weakref__",)


class Showing(holders.Showing):
    __slots__ = ("__weakref__",)


class Node:
    pass


class HidingTest(unittest.TestCase):
    def setUp(self):
        gc.collect()

    def test_what_is_hidden_lives_as_long_as_its_holder(self):
        holder = Hiding()
        holder.hidden = node = Node()
        node.cycle = node
        reference = weakref.ref(node)
        del node
        for _ in range(3):
            gc.collect()
        self.assertIsNotNone(reference())
        self.assertIs(reference().cycle, reference())
        del holder
        gc.collect()
        self.assertIsNone(reference())

    def test_a_cycle_through_a_hidden_reference_stays(self):
        holder = Hiding()
        holder.hidden = node = Node()
        node.back = holder
        node.items = [node]
        references = weakref.ref(holder), weakref.ref(node)
        del holder, node
        for _ in range(3):
            gc.collect()
        holder, node = (reference() for reference in references)
        self.assertIs(holder.hidden, node)
        self.assertIs(node.back, holder)
        self.assertEqual(node.items, [node])
        holder.hidden = None
        del holder, node
        gc.collect()
        self.assertEqual([reference() for reference in references], [None, None])

    def test_a_hidden_reference_from_garbage(self):
        """The holder dies, and only then what it hides."""
        holder = Hiding()
        holder.shown = holder
        holder.hidden = node = Node()
        node.cycle = node
        reference = weakref.ref(node)
        del holder, node
        gc.collect()
        gc.collect()
        self.assertIsNone(reference())

    def test_old_holders_beside_much_that_is_replaced(self):
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        gc.set_threshold(100, 2, 2)
        chance = random.Random(5)
        kept = []
        for i in range(12000):
            holder = (Hiding, Showing)[i % 2]()
            holder.hidden = node = Node()
            holder.shown = [holder, i]
            node.number = i
            node.cycle = node
            kept.append(weakref.ref(holder) if i % 2 else holder)
        del holder, node
        alive = kept[::2]
        for _ in range(30000):
            at = chance.randrange(len(alive))
            number = alive[at].hidden.number
            alive[at] = holder = Hiding()
            holder.hidden = node = Node()
            node.number = number
            node.cycle = node
        gc.collect()
        self.assertEqual([holder.hidden.number for holder in alive], list(range(0, 12000, 2)))
        self.assertTrue(all(holder.hidden.cycle is holder.hidden for holder in alive))
        self.assertEqual([reference() for reference in kept[1::2]], [None] * 6000)


class ShowingTest(unittest.TestCase):
    def test_what_it_shows_besides_lives(self):
        for _ in range(200):
            holder = Showing()
            holder.shown = [holder]
            holder.hidden = {"holder": holder}
            reference = weakref.ref(holder)
            del holder
            gc.collect()
            self.assertIsNone(reference())
        self.assertEqual(Showing.__mro__[-1], object)
        self.assertEqual(repr(None), "None")

    def test_one_that_is_held(self):
        holder = Showing()
        holder.shown = holder
        holder.hidden = [holder]
        for generation in range(3):
            gc.collect(generation)
        self.assertIs(holder.shown, holder)
        self.assertIs(holder.hidden[0], holder)


if __name__ == "__main__":
    unittest.main()
