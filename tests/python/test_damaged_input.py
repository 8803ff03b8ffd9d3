"""What is told of data, formats and sources with something wrong in them."""
import contextlib
import csv
import datetime
import io
import marshal
import opcode
import unittest


class Marshal(unittest.TestCase):
    def check(self, data, error, message):
        with self.assertRaises(error) as caught:
            marshal.loads(data)
        self.assertEqual(str(caught.exception), message)

    def test_ends_too_early(self):
        for data in (b"", b"f", b"x\x011", b"z", b")", b")\x01"):
            with self.subTest(data):
                self.check(data, EOFError, "EOF read where object expected")
        for data in (b"i", b"f\x01", b"z\x02a", b"l\x02\0\0\0\xff\x7f"):
            with self.subTest(data):
                self.check(data, EOFError, "marshal data too short")
        self.check(b"l\x02\0\0\0\xff\xff", ValueError, "bad marshal data (digit out of range in long)")

    def test_null_in_code(self):
        self.check(b"c" + bytes(20) + b"0", TypeError, "NULL object in marshal data for object")
        self.check(b")\x01c" + bytes(20) + b"0", TypeError, "NULL object in marshal data for tuple")
        self.assertEqual(marshal.loads(b"{c" + bytes(20) + b"0"), {})

    def test_file_ends_too_early(self):
        for data, wanted in ((b"f", "object"), (b"f\x01", "not"), (b"i", "not"), (b")", "not")):
            with self.subTest(data), self.assertRaisesRegex(EOFError, f"EOF read where {wanted} expected"):
                marshal.load(io.BytesIO(data))

    def test_tuple_that_holds_itself(self):
        value = marshal.loads(b"\xa9\x02[\x01\0\0\0r\0\0\0\0N")
        self.assertIs(value[0][0], value)

    def test_arguments_without_variables(self):
        code = compile("1", "code", "eval")
        for counts in ({"co_argcount": 1}, {"co_kwonlyargcount": 1}, {"co_argcount": 2**31 - 1}):
            with self.subTest(counts), self.assertRaisesRegex(ValueError, "code: co_varnames is too small"):
                code.replace(**counts)
        with contextlib.suppress(ValueError):  # the reference takes a sum that overflows
            code.replace(co_argcount=2**31 - 1, co_kwonlyargcount=2)

    def test_ends_without_caches(self):
        def function():
            return 1

        code = function.__code__
        function.__code__ = code.replace(co_code=code.co_code + bytes([opcode.opmap["LOAD_GLOBAL"], 0]))
        self.assertEqual({function() for _ in range(20)}, {1})

    def test_positions_out_of_range(self):
        far = bytes([0xf0, *[0x7f] * 5, 0x3e])  # each time by more than 2**30 lines
        code = compile("1\n2", "code", "exec").replace(co_linetable=far * 6)
        self.assertTrue(list(code.co_lines()))
        self.assertTrue(list(code.co_positions()))


class Formatting(unittest.TestCase):
    def test_key_then_none(self):
        for spec in ("%(a)s%s", "%(a)*d", "%(a)s%d"):
            with self.subTest(spec), self.assertRaisesRegex(TypeError, "not enough arguments for format string"):
                spec % {"a": 1}
        self.assertEqual("%(a)s%(b)s%(a)s" % {"a": 1, "b": 2}, "121")

    def test_precision_out_of_range(self):
        with self.assertRaisesRegex(OverflowError, "too large to convert to C int"):
            "%.*f" % (2**64, 1)
        with self.assertRaisesRegex(OverflowError, "too large to convert to C ssize_t"):
            "%*d" % (2**64, 1)

    def test_conversion_that_is_no_ascii_character(self):
        for template, arguments in (b"%\xe9", ()), (b"%5\xe9", ("unsupported format character '\xe9' (0xe9) at index 2",)):
            with self.assertRaises(ValueError) as caught:
                template % 1
            self.assertEqual(caught.exception.args, arguments)

    def test_strftime_ends_at_null(self):
        self.assertEqual(datetime.date(2021, 2, 3).strftime("%Y\0%m"), "2021")
        self.assertEqual(datetime.datetime(2021, 2, 3).strftime("\0%f"), "")


class Csv(unittest.TestCase):
    def test_newline_as_delimiter(self):
        self.assertEqual(list(csv.reader(io.StringIO("a \nb", newline=""), delimiter="\n")), [["a "], ["b"]])


class Sources(unittest.TestCase):
    def error(self, source):
        with self.assertRaises(SyntaxError) as caught:
            compile(source, "source", "exec")
        return caught.exception

    def test_undecodable_names(self):
        error = self.error(b"\xc3\xa9x = 1 \xc3\xa9\xff 2\n")
        self.assertEqual((error.lineno, error.offset), (1, 11))
        for head in (b"\xef\xbb\xbf", b"# coding: utf-8\n"):
            error = self.error(head + b"\xc3\xa9x = 1 \xc3\xa9\xff 2\n")
            self.assertEqual(error.offset, 9)  # characters count where the encoding is told

    def test_undecodable_name_in_replacement_field(self):
        error = self.error(b'f"{\xff}"')
        self.assertEqual(error.msg, "f-string: (unicode error) 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte")
        self.assertEqual((error.offset, error.end_offset), (0, 0))

    def test_undecodable_text_of_formatted_string(self):
        for source, position in ((b'f"abc\xff"', 0), (b'f"ab{1:c\xc3\xa9\xff}"', 2), (b'rf"abc\xff"', 3), (b'"abc\xff"', 3)):
            with self.subTest(source):
                self.assertEqual(self.error(source).msg, f"(unicode error) 'utf-8' codec can't decode byte 0xff in position {position}: invalid start byte")

    def test_undecodable_name_behind_a_mistake(self):
        for source in (b"<\xbb", b"x?\n\xc3\n"):
            with self.subTest(source), self.assertRaises(UnicodeDecodeError):
                compile(source, "source", "exec")

    def test_eval_without_dict(self):
        with self.assertRaisesRegex(TypeError, r"globals must be a real dict; try eval\(expr, \{\}, mapping\)"):
            eval("1", b"")


if __name__ == "__main__":
    unittest.main()
