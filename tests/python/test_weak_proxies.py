"""What weak proxies show of themselves."""
import unittest
import weakref


class Proxies(unittest.TestCase):
    def test_repr_is_the_proxys(self):
        class Thing:
            def __repr__(self):
                return "thing"

        class Callable(Thing):
            def __call__(self):
                return 5

        thing, function, called = Thing(), lambda: 3, Callable()
        for target, name in (thing, "Thing"), (function, "function"), (called, "Callable"):
            proxy = weakref.proxy(target)
            self.assertRegex(repr(proxy), f"^<weakproxy at 0x[0-9a-f]+ to {name} at 0x[0-9a-f]+>$")
            self.assertEqual(str(proxy), str(target))


class InPlaceRepetition(unittest.TestCase):
    def test_only_a_left_operand_that_is_no_sequence_lets_the_right_one_repeat(self):
        number = 2
        number *= [1]
        self.assertEqual(number, [1, 1])
        mapping = {}
        with self.assertRaisesRegex(TypeError, r"unsupported operand type\(s\) for \*=: 'dict' and 'str'"):
            mapping *= "a"


if __name__ == "__main__":
    unittest.main()
