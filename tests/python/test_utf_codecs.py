"""The edges of UTF-8 and UTF-16, and where bytes.fromhex finds a mistake."""
import unittest

EDGES = [0x00, 0x7F, 0x80, 0xFF, 0x100, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF]
INVALID_UTF8 = ["80", "c080", "c1bf", "c2", "c241", "e08080", "e09fbf", "e180", "e14180", "eda080", "edbfbf", "f0808080", "f08fbfbf", "f18080",
                "f1418080", "f4908080", "f5808080", "ff"]


class UtfCodecs(unittest.TestCase):
    def test_edges(self):
        for codec in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"):
            for first in EDGES:
                for second in EDGES:
                    text = chr(first) + chr(second) * 9
                    self.assertEqual(text.encode(codec).decode(codec), text)
        self.assertEqual("é漢\U0001f600".encode("utf-16-be"), b"\x00\xe9\x6f\x22\xd8\x3d\xde\x00")
        self.assertEqual("é漢\U0001f600".encode(), b"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80")

    def test_invalid_utf8(self):
        for text in INVALID_UTF8:
            wrong = bytes.fromhex(text)
            for before in (b"", b"a", "é漢".encode()):
                with self.assertRaises(UnicodeDecodeError) as caught:
                    (before + wrong + b"z").decode()
                self.assertEqual(caught.exception.start, len(before))

    def test_surrogates(self):
        for codec in ("utf-8", "utf-16", "utf-32"):
            with self.assertRaises(UnicodeEncodeError) as caught:
                "ab\udc80c".encode(codec)
            self.assertEqual((caught.exception.start, caught.exception.end), (2, 3))
            self.assertEqual("ab\udc80c".encode(codec, "replace"), "ab?c".encode(codec))
        for wrong in (b"\x00\xd8", b"\x00\xd8a\x00", b"\x00\xdc", b"a"):
            with self.assertRaises(UnicodeDecodeError) as caught:
                (b"a\x00" + wrong).decode("utf-16-le")
            self.assertEqual(caught.exception.start, 2)

    def test_fromhex(self):
        self.assertEqual(bytes.fromhex(" 00 9aF1\n2c"), b"\x00\x9a\xf1\x2c")
        for text, position in (("1", 1), ("12 3", 4), ("1 2", 1), ("g1", 0), ("1g", 1), ("12:", 2), ("é", 0), ("x é", 2), ("漢", 0), ("00漢", 2)):
            with self.assertRaisesRegex(ValueError, f"position {position}$"):
                bytes.fromhex(text)


if __name__ == "__main__":
    unittest.main()
