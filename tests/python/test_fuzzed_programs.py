"""What the fuzzer of programs (tools/fuzz_programs.py) found to differ."""
import array
import collections
import datetime
import functools
import io
import itertools
import operator
import sys
import traceback
import unittest
import zlib
from test import support


def message(function, error=TypeError):
    try:
        function()
    except error as raised:
        return str(raised)
    raise AssertionError("nothing was raised")


class Builtins(unittest.TestCase):
    def test_repr_of_bytearray_escapes_apostrophes_within_either_quotes(self):
        self.assertEqual(repr(bytearray(b"it's")), 'bytearray(b"it\\\'s")')
        self.assertEqual(repr(b"it's"), 'b"it\'s"')

    def test_in_bytes_an_integer_or_else_bytes(self):
        class Both(bytes):
            def __index__(self):
                return 97

        class Neither:
            def __index__(self):
                raise ZeroDivisionError

        for text in b"abc", bytearray(b"abc"):
            self.assertIn(Both(b"zz"), text)
            with self.assertRaisesRegex(TypeError, "^a bytes-like object is required, not 'Neither'$"):
                Neither() in text

    def test_partition_of_bytes_has_the_very_separator(self):
        class Text(bytes):
            pass

        for text in b"xay", Text(b"xay"):
            for separator in memoryview(b"a"), bytearray(b"a"), Text(b"a"):
                self.assertIs(text.partition(separator)[1], separator)
                self.assertIs(text.rpartition(separator)[1], separator)
            self.assertIs(text.partition(b"q")[0], text)
            self.assertIs(text.rpartition(b"q")[2], text)
        self.assertIs(type(bytearray(b"xay").partition(b"a")[1]), bytearray)

    def test_bits_left_over_in_utf_7(self):
        with self.assertRaises(UnicodeDecodeError) as caught:
            b"+AGEA-".decode("utf-7")
        self.assertEqual((caught.exception.start, caught.exception.end, caught.exception.reason), (0, 6, "partial character in shift sequence"))

    def test_a_jump_to_where_only_a_test_for_none_leads(self):
        def function(x):
            y = 1
            if x is None:
                y = 2
            else:
                y = 3
            return y

        refusals = []

        def tracer(frame, event, argument):
            if frame.f_code is not function.__code__:
                return None
            if event == "line" and not refusals:
                try:
                    frame.f_lineno = function.__code__.co_firstlineno + 5
                except ValueError as error:
                    refusals.append(str(error))
            return tracer

        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            function(None)
        finally:
            sys.settrace(before)
        self.assertEqual(refusals, ["can't jump into an exception handler, or code may be unreachable"])

    def test_keyword_pattern_without_a_pattern(self):
        for case, offset in ("d(key=)", 13), ("d(a, key=)", 16), ("d(key=1, b=)", 18), ("d(key=,)", 13):
            with self.assertRaises(SyntaxError) as caught:
                compile(f"match x:\n case {case}:\n  pass", "f", "exec")
            self.assertEqual((caught.exception.msg, caught.exception.offset), ("invalid syntax", offset))

    def test_percent_z_of_bytes(self):
        self.assertEqual(b"%z.1f" % -0.04, b"0.0")
        self.assertEqual(b"%z+.0f %zd" % (-0.04, 5), b"+0 5")
        self.assertEqual(message(lambda: b"%z" % 1, ValueError), "incomplete format")
        self.assertIn("unsupported format character 'z'", message(lambda: "%z" % 1, ValueError))

    def test_islice_tells_negative_from_wrong_bounds(self):
        self.assertIn("Indices for", message(lambda: itertools.islice("", -2), ValueError))
        self.assertIn("Stop argument for", message(lambda: itertools.islice("", -1), ValueError))
        self.assertIn("Stop argument for", message(lambda: itertools.islice("", -5, "x"), ValueError))
        self.assertIn("Indices for", message(lambda: itertools.islice("", -5, None, -1), ValueError))

    def test_enumerate_checks_names(self):
        self.assertEqual(message(enumerate), "enumerate() missing required argument 'iterable'")
        self.assertEqual(message(lambda: enumerate(start=1)), "'start' is an invalid keyword argument for enumerate()")
        self.assertEqual(message(lambda: enumerate([], iterable=1)), "'iterable' is an invalid keyword argument for enumerate()")
        self.assertEqual(list(enumerate(start=2, iterable="a")), [(2, "a")])

    def test_items_that_views_share_need_no_hash(self):
        first, second = {1: [], 2: "a", 3: 0}, {1: [], 2: "b", 4: 1}
        self.assertEqual(first.items() ^ second.items(), {(2, "a"), (2, "b"), (3, 0), (4, 1)})
        self.assertEqual(message(lambda: {1: []}.items() ^ {1: {}}.items()), "unhashable type: 'dict'")

    def test_range_reduce_takes_anything(self):
        self.assertEqual(range(3).__reduce__(1, 2), (range, (0, 3, 1)))

    def test_first_wrong_field_of_replaced_code(self):
        code = message.__code__
        self.assertIn("cannot be interpreted", message(lambda: code.replace(co_name=1, co_firstlineno="")))
        self.assertEqual(message(lambda: code.replace(co_name=1, co_consts=2)), "replace() argument 'co_consts' must be tuple, not int")
        self.assertEqual(message(lambda: code.replace(co_name=None)), "replace() argument 'co_name' must be str, not None")

    def test_compile_converts_the_file_name_before_it_looks_at_the_mode(self):
        self.assertIn("os.PathLike", message(lambda: compile("1", 2, 3)))


    def test_order_of_memoryview(self):
        view = memoryview(b"abc")
        self.assertEqual(message(lambda: view.tobytes(b"C")), "tobytes() argument 'order' must be str or None, not bytes")
        view.release()
        self.assertIn("released", message(lambda: view.tobytes("x"), ValueError))

    def test_newline_that_is_not_ascii(self):
        for newline in ("é", "²½"):
            text = message(lambda: io.TextIOWrapper(io.BytesIO(), newline=newline), ValueError)
            self.assertEqual(text, f"illegal newline value: {newline}")
        self.assertEqual(message(lambda: io.TextIOWrapper(io.BytesIO(), newline="\n\0"), ValueError), "embedded null character")
        self.assertIn("unknown encoding", message(lambda: io.TextIOWrapper(io.BytesIO(), "é"), LookupError))

    def test_timedelta_looks_at_all_types_before_it_overflows(self):
        self.assertIn("days component: complex", message(lambda: datetime.timedelta(1j, 1e300)))

    def test_absent_key_of_ordered_dict(self):
        for function in (lambda: collections.OrderedDict(a=1).move_to_end((1, 2)), lambda: collections.OrderedDict().pop((1, 2))):
            with self.assertRaises(KeyError) as raised:
                function()
            self.assertEqual(raised.exception.args, (1, 2))
        with self.assertRaises(KeyError):
            collections.OrderedDict().move_to_end([])

    def test_ordered_dicts_are_compared_without_their_methods(self):
        class Ordered(collections.OrderedDict):
            def __len__(self):
                raise ValueError

            __iter__ = __len__

        self.assertEqual(Ordered(a=1), Ordered(a=1))

    def test_index_that_is_no_int(self):
        class Index:
            def __index__(self):
                return "x"

        self.assertEqual(message(lambda: slice(Index()).indices(5)), "__index__ returned non-int (type str)")
        self.assertIn("slice indices must be", message(lambda: slice("x").indices(5)))

    def test_set_of_a_keys_view_is_made_like_that_of_its_dict(self):
        table = dict.fromkeys(range(0, 4000, 37))
        self.assertEqual(list(table.keys() - {1}), list(set(table)))

    def test_error_whose_text_cannot_be_made(self):
        class Text(str):
            def __repr__(self):
                return None

        self.assertEqual(message(lambda: int(Text("x")), ValueError), "")

    def test_conversion_that_gives_a_subclass(self):
        class Number(int):
            def __int__(self):
                return self

        with self.assertWarnsRegex(DeprecationWarning, "is deprecated, and may be removed in a future version of Python.$"):
            int(Number(1))

    def test_counts_of_deque_arguments(self):
        self.assertEqual(message(lambda: collections.deque().insert(1)), "insert() takes exactly 2 arguments (1 given)")
        self.assertEqual(message(lambda: collections.deque().index()), "index() takes at least 1 argument (0 given)")
        self.assertEqual(message(lambda: collections.deque().rotate(1, 2)), "deque.rotate expected at most 1 argument, got 2")


    def test_value_of_a_byte_before_its_index(self):
        self.assertIn("interpreted as an integer", message(lambda: bytearray().__setitem__(5, {})))
        self.assertEqual(message(lambda: bytearray().__setitem__(5, 1), IndexError), "bytearray index out of range")
        self.assertEqual(message(lambda: bytearray(b"a").__setitem__(-2, 1), IndexError), "bytearray index out of range")

    def test_buffers_before_the_count(self):
        self.assertIn("bytes-like object", message(lambda: b"".replace(1, b"", len)))
        self.assertEqual(b"aaa".replace(b"a", b"b", 2), b"bba")

    def test_item_of_an_array_that_is_no_character(self):
        self.assertEqual(message(lambda: array.array("u", b"abab")[0], ValueError), "chr() arg not in range(0x110000)")

    def test_wrong_fill_byte(self):
        self.assertEqual(message(lambda: b"a".center(3, None)), "center() argument 2 must be a byte string of length 1, not None")

    def test_reduced_bytearray(self):
        array = bytearray(b"a")
        self.assertEqual(array.__reduce__(), (bytearray, ("a", "latin-1"), None))
        array.pop()
        self.assertEqual(array.__reduce__(), (bytearray, (), None))

    def test_count_of_subclasses_of_int(self):
        class Number(int):
            pass

        counting = itertools.count(Number(5), True)
        self.assertIs(type(next(counting)), int)
        self.assertEqual(repr(counting), "count(6)")
        self.assertEqual(counting.__reduce__(), (itertools.count, (6,)))
        self.assertEqual(itertools.count(1 << 70).__reduce__(), (itertools.count, (1 << 70, 1)))


class Names(unittest.TestCase):
    def test_missing_globals_are_asked_for_by_functions_only(self):
        asked = []

        class Space(dict):
            def __missing__(self, key):
                asked.append(key)
                raise KeyError(key)

        space = Space()
        with self.assertRaises(NameError):
            exec("absent", space)
        self.assertEqual(asked, ["absent"])
        asked.clear()
        with self.assertRaises(NameError):
            exec("class Body:\n    absent", space, {})
        self.assertEqual(asked, [])


class Compiler(unittest.TestCase):
    def test_annotation_that_stands_only_in_a_match(self):
        with self.assertRaises(NameError):
            exec("match 1:\n case 1:\n  x: int = 1", {})
        exec("match 1:\n case 1:\n  x: int = 1\ny: int", {})


    def test_default_without_a_value(self):
        for source in ("lambda a=: 1", "lambda *, a=: 1", "f(lambda a, b=: 1)"):
            self.assertEqual(message(lambda: compile(source, "", "exec"), SyntaxError), "invalid syntax (, line 1)")
        for source in ("lambda a=, b: 1", "def f(a=): pass", "def f(*, a=, b): pass"):
            self.assertIn("expected default value expression", message(lambda: compile(source, "", "exec"), SyntaxError))

    def test_what_is_iterated_over_asynchronously_stays_what_it_is(self):
        async def over_set():
            async for each in {1, 2, 3}:
                pass

        async def over_list():
            async for each in [1, 2, 3]:
                pass

        for name, function in ("set", over_set), ("list", over_list):
            with self.assertRaisesRegex(TypeError, f"an object with __aiter__ method, got {name}$"):
                function().send(None)


class Positions(unittest.TestCase):
    def test_unbound_local_that_a_superinstruction_reads(self):
        def function(bound):
            if bound:
                late = 1
            early = bound
            return late, early

        for _ in range(20):
            function(True)
        try:
            function(False)
        except UnboundLocalError as error:
            self.assertEqual(error.__traceback__.tb_next.tb_lineno, function.__code__.co_firstlineno + 3)
        else:
            self.fail("nothing was raised")


class Matching(unittest.TestCase):
    def test_pattern_that_is_no_class(self):
        def match():
            match 1:
                case len():
                    pass

        self.assertEqual(message(match), "called match pattern must be a type")


class Attributes(unittest.TestCase):
    def test_only_reading_tells_name_and_object(self):
        class Empty:
            pass

        class Slotted:
            __slots__ = ()

        def deleted():
            del Empty().name

        def stored():
            Slotted().name = 1

        def of_a_class():
            del Empty.name

        for function in (deleted, stored, of_a_class):
            with self.assertRaises(AttributeError) as raised:
                function()
            self.assertIsNone(raised.exception.name)
            self.assertIsNone(raised.exception.obj)
        with self.assertRaises(AttributeError) as raised:
            Empty().name
        self.assertEqual(raised.exception.name, "name")

    def test_weakref_slot_that_a_base_has(self):
        class Base:
            pass

        text = message(lambda: type("Derived", (Base,), {"__slots__": "__weakref__"}))
        self.assertEqual(text, "__weakref__ slot disallowed: either we already got one, or __itemsize__ != 0")


class Calls(unittest.TestCase):
    def test_repeated_keyword_while_an_error_is_handled(self):
        names = {"a": 1}
        self.assertIn("got multiple values for keyword argument 'a'", message(lambda: dict(**names, **names)))
        try:
            raise ValueError
        except ValueError:
            self.assertEqual(message(lambda: dict(**names, **names), KeyError), "'a'")


    def test_names_that_are_no_strings(self):
        names = {1: 2}
        self.assertEqual("{0}".format(5, **names), "5")
        table = collections.OrderedDict()
        table.update(**names)
        self.assertEqual(table, names)
        for function in (dict, functools.partial(dict), set, map, super, print, len, int, bytes, max, {}.update, message.__call__):
            arguments = ("ab",) if function in (max, len) else ()
            self.assertIn("keywords must be strings", message(lambda: function(*arguments, **names)))
        self.assertEqual(message(lambda: max(**names)), "max expected at least 1 argument, got 0")
        self.assertEqual(message(lambda: {}.update(1, **names)), "'int' object is not iterable")
        self.assertEqual(message(lambda: memoryview(**names)), "memoryview() missing required argument 'object' (pos 1)")
        self.assertEqual(message(lambda: itertools.repeat(**names)), "repeat() missing required argument 'object' (pos 1)")

    def test_callables_that_take_no_keywords(self):
        for function, text in (
            (lambda: "".find(x=1), "str.find()"),
            (lambda: "".find(**{"x": 1}), "find()"),
            (lambda: "".find(**{1: 1}), "find()"),
            (lambda: b"".count(x=1), "bytes.count()"),
            (lambda: set().union(x=1), "set.union()"),
            (lambda: set().union(**{"x": 1}), "union()"),
            (lambda: collections.deque().index(x=1), "deque.index()"),
            (lambda: collections.deque().index(**{"x": 1}), "deque.index()"),
            (lambda: functools.reduce(x=1), "reduce()"),
            (lambda: range(1).__reduce__(**{"x": 1}), "__reduce__()"),
            (lambda: object.__subclasshook__(x=1), "__subclasshook__()"),
        ):
            self.assertEqual(message(function), text + " takes no keyword arguments")

    def test_method_caller_names_the_class_of_its_object(self):
        class Text(str):
            pass

        self.assertTrue(message(lambda: operator.methodcaller("upper", x=1)(Text())).endswith(".Text.upper() takes no keyword arguments"))

    def test_methods_that_are_given_their_class(self):
        self.assertEqual(message(lambda: iter(array.array("i")).__reduce__(1)), "__reduce__() takes no arguments")
        self.assertEqual(message(lambda: array.array("i").extend()), "extend() takes exactly 1 positional argument (0 given)")
        self.assertEqual(message(lambda: zlib.compressobj().flush(1, 2)), "flush() takes at most 1 argument (2 given)")
        self.assertEqual(message(lambda: zlib.compressobj().flush(x=1)), "'x' is an invalid keyword argument for flush()")
        cached = functools.lru_cache(len)
        self.assertIs(cached.__copy__(1, 2), cached)

    def test_constructor_that_ordered_dict_has_of_dict(self):
        self.assertNotIn("__new__", vars(collections.OrderedDict))
        self.assertEqual(message(lambda: collections.OrderedDict.__new__()), "dict.__new__(): not enough arguments")
        self.assertEqual(message(lambda: collections.OrderedDict.__new__(int)), "dict.__new__(int): int is not a subtype of dict")
        made = dict.__new__(collections.OrderedDict)
        self.assertEqual(list(made), [])
        self.assertRaises(KeyError, made.popitem)
        self.assertRaises(KeyError, made.move_to_end, 1)
        made[1] = 2
        made[3] = 4
        made.move_to_end(1)
        self.assertEqual(list(made.items()), [(3, 4), (1, 2)])

    def test_text_with_a_null_character(self):
        self.assertEqual(message(lambda: float.__getformat__("double\0"), ValueError), "embedded null character")
        self.assertIn("must be 'double' or 'float'", message(lambda: float.__getformat__("x"), ValueError))


class Recursion(unittest.TestCase):
    def test_items_take_a_level(self):
        def deepest(value):
            depth = 0

            def descend():
                nonlocal depth
                depth += 1
                repr(value)
                descend()

            self.assertRaises(RecursionError, descend)
            return depth

        deepest([])
        self.assertEqual([deepest([]) - deepest(value) for value in ([1], [1.5], (1,), [[1]])], [1, 1, 1, 2])


class Printing(unittest.TestCase):
    def test_notes_of_a_syntax_error_with_a_place(self):
        for error, notes in ((SyntaxError("bad", ("file", 3, 5, "text")), ""), (SyntaxError("bad"), "noted\n")):
            error.add_note("noted")
            with support.captured_stderr() as printed:
                sys.__excepthook__(type(error), error, None)
            self.assertTrue(printed.getvalue().endswith("SyntaxError: bad\n" + notes), printed.getvalue())

    def test_context_that_cannot_be_printed(self):
        error = KeyError("last")
        error.__context__ = SyntaxError("bad", ("file", 1, 2, b"no text"))
        with support.captured_stderr() as printed:
            sys.__excepthook__(KeyError, error, None)
        self.assertEqual(printed.getvalue(), '  File "file", line 1\n')

    def test_long_chains(self):
        error = None
        for i in range(700):
            following = KeyError(i)
            following.__context__, error = error, following
        with support.captured_stderr() as printed:
            sys.__excepthook__(KeyError, error, None)
        self.assertEqual(printed.getvalue().count("KeyError"), 700)


class Generators(unittest.TestCase):
    def test_frames_of_a_delegate_while_another_exception_is_handled(self):
        def inner():
            yield

        def outer():
            try:
                raise ValueError
            except ValueError:
                yield from inner()

        generator = outer()
        next(generator)
        try:
            generator.throw(KeyError)
        except KeyError as error:
            names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
            self.assertEqual(names[1:], ["outer"])


class Iterators(unittest.TestCase):
    def test_what_a_stop_iteration_carries(self):
        def generator():
            return "value"
            yield

        for iterator in (zip(generator()), zip([1], generator()), itertools.islice(generator(), 3)):
            with self.assertRaises(StopIteration) as caught:
                next(iterator)
            self.assertEqual(caught.exception.value, "value")


class Codecs(unittest.TestCase):
    def test_wrapped_error_has_a_cause_and_no_context(self):
        try:
            b"a".decode("punycode", "nope")
        except UnicodeError as error:
            self.assertIsNotNone(error.__cause__)
            self.assertIsNone(error.__context__)


class Sets(unittest.TestCase):
    def test_intersection_stops_when_nothing_can_be_added(self):
        rest = iter([2, 1, 3])
        self.assertEqual({1}.intersection(rest), {1})
        self.assertEqual(list(rest), [3])
        self.assertEqual({1, 2}.intersection({1: 0}, [1, {}]), {1})

    def test_order_of_a_symmetric_difference_with_a_dictionary(self):
        self.assertEqual(list({}.keys() ^ dict.fromkeys([240, 159, 152, 128])), [240, 128, 152, 159])


class Buffers(unittest.TestCase):
    def test_buffers_in_several_pieces(self):
        pieces = memoryview(b"abcd")[::2]
        self.assertEqual(message(lambda: bytearray().extend(pieces)), "can't set bytearray slice from memoryview")
        self.assertEqual(message(lambda: b"".join([pieces])), "sequence item 0: expected a bytes-like object, memoryview found")


class NamesOfTypes(unittest.TestCase):
    def test_place_of_hash_among_the_attributes_of_bytearray(self):
        self.assertEqual(list(vars(bytearray))[-2:], ["__doc__", "__hash__"])

    def test_order_of_methods(self):
        methods = "add clear copy discard difference difference_update intersection intersection_update isdisjoint issubset issuperset pop"
        names = [name for name in vars(set) if not name.startswith("__")]
        self.assertEqual(names[:12], methods.split())
        self.assertEqual([name for name in vars(frozenset) if not name.startswith("__")][:2], ["copy", "difference"])


class Groups(unittest.TestCase):
    def test_group_around_a_single_exception_has_no_traceback(self):
        try:
            try:
                1 / 0
            except* ZeroDivisionError as group:
                self.assertIsNone(group.__traceback__)
                raise
        except ExceptionGroup as group:
            self.assertEqual(len(group.exceptions), 1)


if __name__ == "__main__":
    unittest.main()
