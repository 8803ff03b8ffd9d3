"""The iterators of contextvars.Context, and hashes of variables."""
import contextvars
import unittest


class IteratorTest(unittest.TestCase):
    def setUp(self):
        self.variables = [contextvars.ContextVar(f"v{i}") for i in range(100)]
        self.context = contextvars.Context()

    def fill(self):
        for number, variable in enumerate(self.variables):
            self.context.run(variable.set, number)

    def test_iterators_have_a_length(self):
        self.assertEqual(len(self.context.keys()), 0)
        self.fill()
        for iterator in (self.context.keys(), self.context.values(), self.context.items(), iter(self.context)):
            next(iterator)
            self.assertEqual(len(iterator), 100)
            self.assertEqual(len(list(iterator)), 99)

    def test_iterators_see_the_map_as_it_was(self):
        self.fill()
        values = self.context.values()
        self.context.run(self.variables[0].set, "new")
        self.assertEqual(sorted(values), list(range(100)))
        self.assertIn("new", self.context.values())

    def test_parts_agree(self):
        self.fill()
        self.assertEqual(list(self.context.items()), list(zip(self.context.keys(), self.context.values())))
        self.assertEqual(set(self.context), set(self.variables))
        self.assertEqual({variable: value for variable, value in self.context.items()}, dict(self.context))

    def test_iterators_cannot_be_made(self):
        with self.assertRaises(TypeError):
            type(self.context.keys())()


if __name__ == "__main__":
    unittest.main()
