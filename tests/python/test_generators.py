"""Generators: resumption, delegation, exceptions, the end, frames."""
import gc
import sys
import unittest
import weakref


class Recorder:
    """An iterator with the whole generator protocol that notes what it is told."""

    def __init__(self, count=3):
        self.count, self.calls = count, []

    def __iter__(self):
        return self

    def __next__(self):
        self.calls.append("next")
        if len(self.calls) > self.count:
            raise StopIteration("end")
        return len(self.calls)

    def send(self, value):
        self.calls.append(("send", value))
        return "sent"

    def throw(self, *args):
        self.calls.append(("throw", args))
        raise StopIteration("thrown")

    def close(self):
        self.calls.append("close")


def delegate(iterable):
    result = yield from iterable
    yield ("result", result)


class Resumption(unittest.TestCase):
    def test_for_loop_and_next_agree(self):
        def squares(n):
            for i in range(n):
                yield i * i
            return "done"

        self.assertEqual([x for x in squares(4)], [0, 1, 4, 9])
        g = squares(1)
        self.assertEqual(next(g), 0)
        with self.assertRaises(StopIteration) as caught:
            next(g)
        self.assertEqual(caught.exception.value, "done")
        self.assertIsNone(next(g, None))

    def test_send(self):
        def echo():
            got = yield "first"
            while True:
                got = yield got

        g = echo()
        with self.assertRaisesRegex(TypeError, "can't send non-None value to a just-started generator"):
            g.send(1)
        self.assertEqual(g.send(None), "first")
        self.assertEqual([g.send(x) for x in "abc"], list("abc"))

    def test_already_executing(self):
        def selfish():
            with self.assertRaisesRegex(ValueError, "generator already executing"):
                next(g)
            with self.assertRaisesRegex(ValueError, "generator already executing"):
                for _ in g:
                    pass
            yield g.gi_running

        g = selfish()
        self.assertEqual(list(g), [True])

    def test_state_attributes(self):
        def body():
            seen.append((g.gi_running, g.gi_suspended))
            yield

        seen = []
        g = body()
        self.assertEqual((g.gi_running, g.gi_suspended), (False, False))
        next(g)
        self.assertEqual((g.gi_running, g.gi_suspended), (False, True))
        self.assertEqual(seen, [(True, False)])
        self.assertEqual(list(g), [])
        self.assertEqual((g.gi_running, g.gi_suspended, g.gi_frame), (False, False, None))

    def test_stop_iteration_is_disguised(self):
        def stops():
            yield 1
            raise StopIteration("hidden")

        for consume in (list, lambda g: [x for x in g], lambda g: list(delegate(g))):
            with self.assertRaisesRegex(RuntimeError, "generator raised StopIteration") as caught:
                consume(stops())
            self.assertIsInstance(caught.exception.__cause__, StopIteration)

    def test_deep_recursion(self):
        def deeper():
            yield from deeper()

        with self.assertRaises(RecursionError):
            list(deeper())
        # The limit is intact afterwards.
        with self.assertRaises(RecursionError):
            for _ in deeper():
                pass

    def test_return_values(self):
        def returns(value):
            return value
            yield

        for value in (1, None, (), (1, 2), StopIteration(3), ValueError, [4]):
            with self.assertRaises(StopIteration) as caught:
                next(returns(value))
            self.assertIs(caught.exception.value, value)
            (pair,) = delegate(returns(value))
            self.assertIs(pair[1], value)

    def test_handled_exception_is_the_generators_own(self):
        def body():
            yield sys.exc_info()[0]
            try:
                1 / 0
            except ZeroDivisionError:
                yield sys.exc_info()[0]
            yield sys.exc_info()[0]

        seen = []
        try:
            raise KeyError
        except KeyError:
            for inner in body():
                seen.append((inner, sys.exc_info()[0]))
        self.assertEqual(seen, [(KeyError, KeyError), (ZeroDivisionError, KeyError), (KeyError, KeyError)])
        self.assertEqual(sys.exc_info(), (None, None, None))


class Throwing(unittest.TestCase):
    def body(self):
        try:
            yield 1
        except ValueError:
            yield 2
        finally:
            self.ended = True

    def test_forms(self):
        for args in ((ValueError,), (ValueError("x"),), (ValueError, "x"), (ValueError, ValueError("x"), None)):
            g = self.body()
            next(g)
            self.assertEqual(g.throw(*args), 2)

    def test_bad_arguments(self):
        g = self.body()
        next(g)
        for args, message in (
            ((), "throw expected at least 1 argument, got 0"),
            ((1,), "exceptions must be classes or instances deriving from BaseException, not int"),
            ((1, 2, 3, 4), "throw expected at most 3 arguments, got 4"),
            ((ValueError(), 3), "instance exception may not have a separate value"),
            ((ValueError, 1, 2), r"throw\(\) third argument must be a traceback object"),
        ):
            with self.assertRaisesRegex(TypeError, message):
                g.throw(*args)
        self.assertEqual(g.throw(ValueError), 2)

    def test_before_start_and_after_end(self):
        g = self.body()
        with self.assertRaises(ValueError):
            g.throw(ValueError)
        with self.assertRaises(KeyError):
            g.throw(KeyError)
        self.assertEqual(list(g), [])

    def test_context(self):
        def body():
            try:
                yield
            except ValueError:
                raise TypeError

        g = body()
        next(g)
        try:
            1 / 0
        except ZeroDivisionError:
            with self.assertRaises(TypeError) as caught:
                g.throw(ValueError)
        self.assertIsInstance(caught.exception.__context__, ValueError)
        # What the caller handles is not what the generator handles.
        self.assertIsNone(caught.exception.__context__.__context__)

    def test_traceback_of_delegation(self):
        def inner():
            yield 1

        def outer():
            yield from inner()

        g = outer()
        next(g)
        try:
            g.throw(OSError)
        except OSError as error:
            entry = error.__traceback__
        names = []
        while entry:
            names.append(entry.tb_frame.f_code.co_name)
            entry = entry.tb_next
        self.assertEqual(names[-2:], ["outer", "inner"])


class Closing(unittest.TestCase):
    def test_finally_runs_once(self):
        def body():
            try:
                yield
            finally:
                ends.append(1)

        ends = []
        g = body()
        g.close()
        self.assertEqual(ends, [])
        for end in (lambda g: g.close(), lambda g: g.gi_frame.clear(), lambda g: None):
            g = body()
            next(g)
            end(g)
            del g
            gc.collect()
        self.assertEqual(ends, [1, 1, 1])

    def test_ignored_exit(self):
        def body():
            try:
                yield 1
            except GeneratorExit:
                yield 2

        g = body()
        next(g)
        with self.assertRaisesRegex(RuntimeError, "generator ignored GeneratorExit"):
            g.close()

    def test_breaking_out_of_a_loop(self):
        def body():
            try:
                yield 1
                yield 2
            finally:
                ends.append(sys.exc_info()[0])

        ends = []
        for _ in body():
            break
        gc.collect()
        self.assertEqual(ends, [GeneratorExit])

    def test_cycle(self):
        class Marker:
            pass

        def body():
            mine = yield
            marker = Marker()
            refs.append(weakref.ref(marker))
            try:
                yield
            finally:
                ends.append(mine is not None)

        refs, ends = [], []
        g = body()
        next(g)
        g.send(g)
        del g
        gc.collect()
        self.assertEqual(ends, [True])
        gc.collect()
        self.assertIsNone(refs[0]())

    def test_error_in_finalizer_is_unraisable(self):
        def body():
            try:
                yield
            finally:
                1 / 0

        seen = []
        old, sys.unraisablehook = sys.unraisablehook, lambda args: seen.append(args.exc_type)
        try:
            g = body()
            next(g)
            del g
            gc.collect()
        finally:
            sys.unraisablehook = old
        self.assertEqual(seen, [ZeroDivisionError])


class Delegation(unittest.TestCase):
    def test_everything_is_passed_on(self):
        it = Recorder()
        g = delegate(it)
        self.assertEqual(next(g), 1)
        self.assertIs(g.gi_yieldfrom, it)
        self.assertEqual(g.send("v"), "sent")
        self.assertEqual(g.throw(ValueError, "m"), ("result", "thrown"))
        self.assertIsNone(g.gi_yieldfrom)
        self.assertEqual(it.calls, ["next", ("send", "v"), ("throw", (ValueError, "m"))])
        it = Recorder()
        g = delegate(it)
        next(g)
        g.close()
        self.assertEqual(it.calls, ["next", "close"])
        self.assertEqual(list(delegate(Recorder(2))), [1, 2, ("result", "end")])

    def test_plain_iterators(self):
        g = delegate([1, 2])
        next(g)
        with self.assertRaisesRegex(AttributeError, "'list_iterator' object has no attribute 'send'"):
            g.send(1)
        g = delegate([1, 2])
        next(g)
        with self.assertRaises(ValueError):
            g.throw(ValueError)
        with self.assertRaisesRegex(TypeError, "'int' object is not iterable"):
            next(delegate(5))

    def test_long_chain(self):
        def chain(n):
            if n:
                return (yield from chain(n - 1)) + 1
            yield "bottom"
            return 0

        g = chain(200)
        self.assertEqual(next(g), "bottom")
        with self.assertRaises(StopIteration) as caught:
            g.send(None)
        self.assertEqual(caught.exception.value, 200)


class Attributes(unittest.TestCase):
    def test_names(self):
        def named():
            yield

        g = named()
        self.assertEqual((g.__name__, g.__qualname__), ("named", named.__qualname__))
        g.__name__, g.__qualname__ = "other", "an.other"
        self.assertRegex(repr(g), r"<generator object an\.other at 0x[0-9a-f]+>")
        for attribute in ("__name__", "__qualname__"):
            with self.assertRaisesRegex(TypeError, f"{attribute} must be set to a string object"):
                setattr(g, attribute, 1)
            with self.assertRaises(TypeError):
                delattr(g, attribute)

    def test_no_copies(self):
        import copy
        import pickle

        for make in (copy.copy, copy.deepcopy, pickle.dumps):
            with self.assertRaisesRegex(TypeError, "cannot pickle 'generator' object"):
                make(x for x in ())

    def test_frame(self):
        def body(a):
            b = 2
            yield
            yield

        g = body(1)
        frame = g.gi_frame
        self.assertEqual(frame.f_locals, {"a": 1})
        next(g)
        self.assertIs(g.gi_frame, frame)
        self.assertEqual(frame.f_locals, {"a": 1, "b": 2})
        self.assertIsNone(frame.f_back)
        self.assertEqual(frame.f_lineno, body.__code__.co_firstlineno + 2)
        g.close()
        self.assertIsNone(g.gi_frame)
        self.assertEqual(frame.f_locals, {"a": 1, "b": 2})
        frame.clear()
        self.assertEqual(frame.f_locals, {})

    def test_executing_frame_is_not_cleared(self):
        def body():
            with self.assertRaisesRegex(RuntimeError, "cannot clear an executing frame"):
                g.gi_frame.clear()
            yield

        g = body()
        next(g)

    def test_caller_is_the_back(self):
        def body():
            yield sys._getframe().f_back.f_code.co_name

        def by_loop():
            for x in body():
                return x

        def by_next():
            return next(body())

        self.assertEqual((by_loop(), by_next()), ("by_loop", "by_next"))

    def test_what_it_delegates_to_ends_before_its_finally_clauses(self):
        events = []

        def held():
            try:
                yield
            finally:
                events.append("held")

        class Delegate:
            def __init__(self):
                self.held = held()
                next(self.held)

            def __iter__(self):
                return self

            def __next__(self):
                return 1

        def delegating():
            try:
                yield from Delegate()
            finally:
                events.append("finally")

        for end in (lambda g: g.throw(ValueError)), (lambda g: g.throw(GeneratorExit)), (lambda g: g.close()), (lambda g: None):
            generator = delegating()
            next(generator)
            try:
                end(generator)
            except (ValueError, GeneratorExit):
                pass
            del generator
            self.assertEqual(events, ["held", "finally"])
            events.clear()

    def test_weakref_and_type(self):
        g = (x for x in ())
        self.assertIs(weakref.ref(g)(), g)
        with self.assertRaisesRegex(TypeError, "cannot create 'generator' instances"):
            type(g)()


if __name__ == "__main__":
    unittest.main()
