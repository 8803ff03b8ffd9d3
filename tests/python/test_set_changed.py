"""Sets that change while a key is compared."""
import sys
import unittest


class Key:
    """All keys share a hash; comparing runs what `meanwhile` holds, once."""

    meanwhile = None

    def __init__(self, name):
        self.name = name

    def __hash__(self):
        return 1

    def __eq__(self, other):
        action, Key.meanwhile = Key.meanwhile, None
        if action:
            action()
        return self is other


class SetChangedTest(unittest.TestCase):
    def setUp(self):
        self.a, self.b, self.c, self.d = (Key(name) for name in "abcd")
        self.keys = {self.a, self.b}

    def names(self):
        return sorted(key.name for key in self.keys)

    @unittest.skipUnless("Gill" in sys.version, "the reference loses the key that took the place")
    def test_deleted_place_is_taken_meanwhile(self):
        self.keys.discard(self.a)
        Key.meanwhile = lambda: self.keys.add(self.d)
        self.keys.add(self.c)
        self.assertEqual((len(self.keys), self.names()), (3, ["b", "c", "d"]))

    def test_cleared_meanwhile(self):
        self.keys.discard(self.a)
        Key.meanwhile = self.keys.clear
        self.keys.add(self.c)
        self.assertEqual((len(self.keys), self.names()), (1, ["c"]))

    def test_grown_meanwhile(self):
        Key.meanwhile = lambda: self.keys.update(range(1000))
        self.keys.add(self.c)
        self.assertEqual(len(self.keys), 1003)


if __name__ == "__main__":
    unittest.main()
