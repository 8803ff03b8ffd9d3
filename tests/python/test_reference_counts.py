"""What operations leave behind: the references to an object are as many afterwards as before."""
import sys
import unittest


class ReferenceCounts(unittest.TestCase):
    def check(self, operation, value):
        operation(value)
        before = sys.getrefcount(value)
        for _ in range(10):
            operation(value)
        self.assertEqual(sys.getrefcount(value), before)

    def test_formats_that_return_the_value_itself(self):
        text = "".join(["not ", "interned"])
        for operation in (lambda s: f"{s}", lambda s: f"{s!s}", lambda s: f"{s!r}", lambda s: f"{s!s:>30}", lambda s: "%s" % s, lambda s: "%s" % (s,),
                          lambda s: "%s, %s" % (s, s), lambda s: "{}".format(s), str, format, "".join, lambda s: s[:], lambda s: s + ""):
            self.check(operation, text)


if __name__ == "__main__":
    unittest.main()
