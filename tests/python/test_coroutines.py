"""Coroutines and asynchronous generators, driven by hand."""
import gc
import sys
import types
import unittest
import warnings


class Step:
    """An awaitable that gives one value out and returns what it is sent."""

    def __init__(self, value=None):
        self.value = value

    def __await__(self):
        return (yield self.value)


class Now:
    """An awaitable that is done at once."""

    def __init__(self, value):
        self.value = value

    def __await__(self):
        return self.value
        yield


def drive(awaitable):
    """The values given out, and the result."""
    given = []
    try:
        while True:
            given.append(awaitable.send(None))
    except StopIteration as stop:
        return given, stop.value


async def step(value):
    return await Step(value)


async def wait_for(thing):
    return await thing


class Awaiting(unittest.TestCase):
    def test_values_pass_through(self):
        c = wait_for(wait_for(step(1)))
        self.assertEqual(c.send(None), 1)
        with self.assertRaises(StopIteration) as caught:
            c.send("answer")
        self.assertEqual(caught.exception.value, "answer")

    def test_single_use(self):
        c = step(1)
        drive(c)
        for use in (lambda: c.send(None), lambda: c.throw(ValueError), lambda: drive(wait_for(c))):
            with self.assertRaisesRegex(RuntimeError, "cannot reuse already awaited coroutine"):
                use()
        self.assertIsNone(c.close())

    def test_awaited_twice_at_once(self):
        c = step(1)
        first = wait_for(c)
        first.send(None)
        with self.assertRaisesRegex(RuntimeError, "coroutine is being awaited already"):
            wait_for(c).send(None)
        first.close()

    def test_not_awaitable(self):
        class NoIterator:
            def __await__(self):
                return [1]

        class GivesCoroutine:
            def __await__(self):
                return self.inner

        other = GivesCoroutine()
        other.inner = step(1)
        for thing, message in (
            (5, "object int can't be used in 'await' expression"),
            (NoIterator(), r"__await__\(\) returned non-iterator of type 'list'"),
            (other, r"__await__\(\) returned a coroutine"),
        ):
            with self.assertRaisesRegex(TypeError, message):
                wait_for(thing).send(None)
        other.inner.close()

    def test_generators_as_coroutines(self):
        @types.coroutine
        def decorated():
            return (yield "out")

        self.assertEqual(drive(wait_for(decorated())), (["out"], None))

        def plain():
            yield

        with self.assertRaisesRegex(TypeError, "object generator can't be used in 'await' expression"):
            wait_for(plain()).send(None)

        def delegating(c):
            yield from c

        c = step(1)
        with self.assertRaisesRegex(TypeError, "cannot 'yield from' a coroutine object in a non-coroutine generator"):
            next(delegating(c))
        c.close()

    def test_stop_iteration_is_disguised(self):
        async def stops(error):
            raise error

        with self.assertRaisesRegex(RuntimeError, "coroutine raised StopIteration"):
            stops(StopIteration(1)).send(None)
        with self.assertRaises(StopAsyncIteration):
            stops(StopAsyncIteration).send(None)

    def test_iterator_of_coroutine(self):
        c = step(1)
        w = c.__await__()
        self.assertIs(iter(w), w)
        self.assertEqual(next(w), 1)
        with self.assertRaises(KeyError):
            w.throw(KeyError)
        w = step(1).__await__()
        self.assertEqual(w.send(None), 1)
        self.assertIsNone(w.close())
        self.assertFalse(hasattr(c, "__iter__") or hasattr(c, "__next__"))

    def test_never_awaited(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            step(1)
            gc.collect()
            c = step(2)
            c.close()
            del c
        self.assertEqual([str(w.message) for w in caught], ["coroutine 'step' was never awaited"])

    def test_origin(self):
        def make():
            return step(1)

        depth = sys.get_coroutine_origin_tracking_depth()
        try:
            for wanted in (0, 1, 2):
                sys.set_coroutine_origin_tracking_depth(wanted)
                c = make()
                c.close()
                names = c.cr_origin and [place[2] for place in c.cr_origin]
                self.assertEqual(names, [None, ["make"], ["make", "test_origin"]][wanted])
            with self.assertRaisesRegex(ValueError, "depth must be >= 0"):
                sys.set_coroutine_origin_tracking_depth(-1)
        finally:
            sys.set_coroutine_origin_tracking_depth(depth)

    def test_attributes(self):
        c = step(1)
        self.assertEqual((c.cr_running, c.cr_suspended, c.cr_await, c.cr_origin), (False, False, None, None))
        c.send(None)
        self.assertEqual((c.cr_running, c.cr_suspended, type(c.cr_await).__name__), (False, True, "generator"))
        self.assertRegex(repr(c), "<coroutine object step at 0x")
        c.close()
        self.assertIsNone(c.cr_frame)

    def test_deep_recursion(self):
        async def deeper():
            await deeper()

        with self.assertRaises(RecursionError):
            deeper().send(None)


class With(unittest.TestCase):
    def test_bad_managers(self):
        class NoMethods:
            pass

        class NoExit:
            def __aenter__(self):
                pass

        class EnterNotAwaitable:
            def __aenter__(self):
                return 5

            async def __aexit__(self, *args):
                pass

        class ExitNotAwaitable:
            async def __aenter__(self):
                return 5

            def __aexit__(self, *args):
                return 6

        async def use(manager):
            async with manager:
                pass

        for kind, message in (
            (NoMethods, "'NoMethods' object does not support the asynchronous context manager protocol"),
            (NoExit, r"'NoExit' object does not support the asynchronous context manager protocol \(missed __aexit__ method\)"),
            (EnterNotAwaitable, "'async with' received an object from __aenter__ that does not implement __await__: int"),
            (ExitNotAwaitable, "'async with' received an object from __aexit__ that does not implement __await__: int"),
        ):
            with self.assertRaisesRegex(TypeError, message):
                use(kind()).send(None)


async def numbers(count=3):
    try:
        for i in range(count):
            got = yield i
            if got:
                await Step(("got", got))
    finally:
        await Step("cleanup")


class AsyncGenerators(unittest.TestCase):
    def test_loops_and_comprehensions(self):
        async def body():
            loop = []
            async for n in numbers():
                loop.append(n)
            return loop, [n async for n in numbers()], {n: await Now(n) async for n in numbers()}, [n * 2 async for n in (m async for m in numbers())]

        given, result = drive(body())
        self.assertEqual(given, ["cleanup"] * 4)
        self.assertEqual(result, ([0, 1, 2], [0, 1, 2], {0: 0, 1: 1, 2: 2}, [0, 2, 4]))

    def test_asend(self):
        g = numbers()
        self.assertEqual(drive(g.__anext__()), ([], 0))
        self.assertEqual(drive(g.asend("v")), ([("got", "v")], 1))
        once = g.asend(None)
        drive(once)
        for use in (lambda: once.send(None), lambda: once.throw(ValueError)):
            with self.assertRaisesRegex(RuntimeError, r"cannot reuse already awaited __anext__\(\)/asend\(\)"):
                use()
        drive(g.aclose())

    def test_aclose(self):
        g = numbers()
        drive(g.asend(None))
        self.assertEqual(drive(g.aclose()), (["cleanup"], None))
        self.assertEqual(drive(g.aclose()), ([], None))
        with self.assertRaises(StopAsyncIteration):
            drive(g.asend(None))

    def test_athrow(self):
        async def body():
            try:
                yield 1
            except ValueError:
                yield 2

        g = body()
        drive(g.asend(None))
        self.assertEqual(drive(g.athrow(ValueError)), ([], 2))
        with self.assertRaises(KeyError):
            drive(g.athrow(KeyError("k")))
        once = g.athrow(ValueError)
        drive(once)
        with self.assertRaisesRegex(RuntimeError, r"cannot reuse already awaited aclose\(\)/athrow\(\)"):
            once.send(None)

    def test_ignored_exit(self):
        async def body():
            try:
                yield 1
            except GeneratorExit:
                yield 2

        g = body()
        drive(g.asend(None))
        with self.assertRaisesRegex(RuntimeError, "async generator ignored GeneratorExit"):
            drive(g.aclose())

    def test_two_at_once(self):
        g = numbers()
        drive(g.asend(None))
        pending = g.asend("x")
        pending.send(None)
        self.assertTrue(g.ag_running)
        for make, name in ((lambda: g.asend(None), "anext"), (g.aclose, "aclose"), (lambda: g.athrow(ValueError), "athrow")):
            with self.assertRaisesRegex(RuntimeError, rf"{name}\(\): asynchronous generator is already running"):
                make().send(None)
        drive(pending)
        self.assertFalse(g.ag_running)
        drive(g.aclose())

    def test_stop_iteration_is_disguised(self):
        async def stops(error):
            yield 1
            raise error

        for error in (StopIteration, StopAsyncIteration):
            g = stops(error)
            drive(g.asend(None))
            with self.assertRaisesRegex(RuntimeError, f"async generator raised {error.__name__}"):
                drive(g.asend(None))

    def test_bad_iterators(self):
        class NoNext:
            def __aiter__(self):
                return 5

        class BadNext:
            def __aiter__(self):
                return self

            def __anext__(self):
                return 5

        async def loop(thing):
            async for _ in thing:
                pass

        for thing, message in (
            ([1], "'async for' requires an object with __aiter__ method, got list"),
            (NoNext(), "'async for' received an object from __aiter__ that does not implement __anext__: int"),
            (BadNext(), "'async for' received an invalid object from __anext__: int"),
        ):
            with self.assertRaisesRegex(TypeError, message):
                loop(thing).send(None)

    def test_anext_with_default(self):
        async def ask(iterator, default):
            return await anext(iterator, default)

        g = numbers(1)
        self.assertEqual(drive(ask(g, "d")), ([], 0))
        drive(g.aclose())
        self.assertEqual(drive(ask(numbers(0), "d")), (["cleanup"], "d"))
        with self.assertRaisesRegex(TypeError, "'int' object is not an async iterator"):
            anext(5)

    def test_hooks(self):
        seen = []
        old = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=lambda g: seen.append("first"), finalizer=lambda g: seen.append("final"))
        try:
            g = numbers()
            drive(g.asend(None))
            drive(g.asend(None))
            del g
            gc.collect()
            g = numbers(0)
            drive(g.aclose())
            del g
            gc.collect()
        finally:
            sys.set_asyncgen_hooks(*old)
        self.assertEqual(seen, ["first", "final", "first"])
        for name in ("firstiter", "finalizer"):
            with self.assertRaisesRegex(TypeError, f"callable {name} expected, got int"):
                sys.set_asyncgen_hooks(**{name: 5})

    def test_attributes(self):
        g = numbers()
        self.assertEqual((g.ag_running, g.ag_await, g.__name__), (False, None, "numbers"))
        self.assertIs(g.ag_code, numbers.__code__)
        self.assertIs(g.__aiter__(), g)
        self.assertRegex(repr(g), "<async_generator object numbers at 0x")
        self.assertEqual(type(g)[int].__origin__, types.AsyncGeneratorType)
        g.asend(None).close()


if __name__ == "__main__":
    unittest.main()
