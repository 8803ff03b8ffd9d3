"""What every generated program starts with: `from support import *`. Ways to show results and errors, and classes with odd behaviour."""
# ruff: noqa: F401
import abc
import array
import ast
import atexit
import base64
import binascii
import bisect
import codecs
import collections
import collections.abc
import contextlib
import contextvars
import copy
import csv
import dataclasses
import datetime
import decimal
import dis
import enum
import fractions
import functools
import gc
import hashlib
import heapq
import inspect
import io
import itertools
import json
import marshal
import math
import operator
import os
import pickle
import re
import statistics
import string
import struct
import symtable
import sys
import textwrap
import tokenize
import traceback
import types
import typing
import unicodedata
import warnings
import weakref
import zlib

LONGEST = 1500  # characters of a result; the rest is only counted


# What a program leaves is dropped name by name. Left to the collector, its finalizers would run in the order of the objects' places in
# memory, which is no property of the program.
atexit.register(lambda: sys.modules["__main__"].__dict__.clear())


def text_of(value):
    text = re.sub(r"\b0x[0-9a-f]{6,16}\b", "0xADDRESS", repr(value))  # of any length
    # The documentation of what is built in is our own.
    length = "" if "__doc__" in text else len(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... {length}"


def show(function):
    """Prints what a call gives, or its error in one line."""
    try:
        print(text_of(function()))
    except BaseException as error:
        describe(error)


def describe(error):
    print("!", type(error).__name__, end=" ")
    try:
        print(text_of(str(error)), getattr(error, "__notes__", ""))
    except BaseException as again:
        print("?", type(again).__name__, again)
    context = error.__cause__ or error.__context__
    # Which call meets the recursion limit, and so what was being handled, depends on the C functions in between.
    if context is not None and not isinstance(error, RecursionError):
        print("  after", type(context).__name__)


def printed(function):
    """Prints what a call gives, or its error with the traceback, as the interpreter prints it: to standard error."""
    try:
        print(text_of(function()))
    except BaseException as error:
        sys.stdout.flush()
        sys.__excepthook__(type(error), error, error.__traceback__)


def log(*values):
    print("-", *(text_of(value) for value in values))


def evaluated(function):
    try:
        return function()
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)


def made_from(make, *args, **kwargs):
    """An instance of the class (or what the function gives) that `make` returns; without arguments, if it does not want these."""
    factory = evaluated(make)
    for attempt in (lambda: factory(*args, **kwargs), lambda: factory()):
        try:
            return attempt()
        except BaseException as error:
            describe(error)
    return factory


def throw(error):
    raise error


def caught(function):
    try:
        function()
    except Exception as error:
        return error
    return ValueError("nothing was raised")


def with_note(error, note):
    try:
        error.add_note(note)
    except TypeError as wrong:
        print(wrong)
    return error


def traced(function, *args, **kwargs):
    """Prints the events of a trace function."""
    events = []

    def trace(frame, event, argument):
        if frame.f_code.co_filename.endswith(("support.py", "codecs.py", "<frozen codecs>")):  # the reference reads source lines by codecs
            return None
        frame.f_trace_opcodes = len(args) > 1
        if len(events) < 300:
            shown = type(argument).__name__ if event in ("return", "call") else argument and argument[0].__name__
            events.append((frame.f_lineno, event, frame.f_code.co_name, shown) + ((frame.f_lasti,) if event == "opcode" else ()))
        return trace

    sys.settrace(trace)
    try:
        function(*args, **kwargs)
    except BaseException as error:
        sys.settrace(None)
        describe(error)
    finally:
        sys.settrace(None)
    for event in events:
        print(*event)


def position_of(trace):
    """Where in its file the innermost call of `trace` stands; the instruction's number itself depends on how warm the code is."""
    return list(trace.tb_frame.f_code.co_positions())[trace.tb_lasti // 2]


def compiled(source, mode="exec"):
    """Compiles a source and prints its code, or all that the error says about the place."""
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        try:
            code_text(compile(source, "<text>", mode))
        except SyntaxError as error:
            print(type(error).__name__, error.msg, error.lineno, error.offset, error.end_lineno, error.end_offset, repr(error.text))
        except Exception as error:
            describe(error)
    for each in recorded:
        print(each.category.__name__, each.message, each.lineno)


def code_text(code):
    """All of a code object that a program can see."""
    print(code.co_name, code.co_qualname, code.co_flags, code.co_stacksize, code.co_nlocals, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    print(code.co_code.hex(), code.co_exceptiontable.hex(), code.co_linetable.hex())
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            code_text(constant)
        else:
            print(text_of(constant), end=" ")
    print()


def driven(awaitable):
    """Runs a coroutine to its end; what it waits for is answered by a number."""
    iterator = awaitable.__await__()
    answer = None
    for step in range(20):
        try:
            log("waits for", iterator.send(answer))
        except StopIteration as stop:
            return stop.value
        answer = step
    return "never ended"


turns = itertools.count()


def again():
    """The condition of loops that may have no other end."""
    return next(turns) % 8 != 7 and next(turns) < 1000


class OwnError(Exception):
    pass


class OwnGroup(ExceptionGroup):
    def derive(self, errors):
        return OwnGroup(self.message, errors)


class BadText(Exception):
    def __str__(self):
        raise ValueError("no text")


class Custom:
    def __init__(self, content=None):
        self.content = content

    def __repr__(self):
        return f"Custom({self.content!r})"

    def __eq__(self, other):
        return isinstance(other, Custom) and self.content == other.content

    def __hash__(self):
        return 7


class IntLike(int):
    def __index__(self):
        return int(self) + 1

    def __repr__(self):
        return f"IntLike({int(self)})"


class Decimalish:
    """A number that knows only some operations, and says so about the others."""

    def __init__(self, number):
        self.number = number

    def __repr__(self):
        return "Decimalish()"

    def __add__(self, other):
        return ("add", other) if isinstance(other, int) else NotImplemented

    def __radd__(self, other):
        return ("radd", other)

    def __mul__(self, other):
        return NotImplemented

    def __lt__(self, other):
        return NotImplemented

    def __gt__(self, other):
        return True

    def __float__(self):
        return 2.5

    def __index__(self):
        return 3


class StrLike(str):
    def __str__(self):
        return "str:" + super().__str__()

    def __format__(self, spec):
        return f"<{spec}>"


class ListLike(list):
    def __getitem__(self, key):
        return ("got", super().__getitem__(key))

    def __iter__(self):
        return (each for each in range(len(self)))


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x=0, y=0):
        self.x, self.y = x, y

    def __repr__(self):
        return f"Point({self.x!r}, {self.y!r})"


@dataclasses.dataclass
class Defined:
    x: object = 0
    other: object = None


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Meta(type):
    def __new__(cls, name, bases, namespace, **kwargs):
        log("meta new", name, sorted(kwargs))
        return super().__new__(cls, name, bases, namespace)

    def __init__(self, name, bases, namespace, **kwargs):
        super().__init__(name, bases, namespace)

    def __prepare__(name, bases, **kwargs):
        log("prepare", name)
        return {"prepared": 1}

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return "meta " + name

    def __len__(self):
        return 3

    def __contains__(self, item):
        return item == 1

    def __repr__(self):
        return f"<meta {self.__name__}>"


class Base:
    alpha = "base alpha"

    def beta(self, x=1):
        return "base beta", x

    def __repr__(self):
        return f"<{type(self).__name__}>"


class Derived(Base):
    def beta(self, *args):
        return "derived", super().beta(*args)

    @property
    def gamma(self):
        return "property"

    @classmethod
    def size(cls):
        return cls.__name__


class Slotted:
    __slots__ = ("alpha", "gamma")

    def __repr__(self):
        return "<Slotted>"


class Descriptor:
    def __init__(self, content=None):
        self.content = content

    def __get__(self, instance, owner=None):
        log("get", type(instance).__name__, getattr(owner, "__name__", None))
        return self.content

    def __set__(self, instance, value):
        log("set", value)

    def __set_name__(self, owner, name):
        log("name", name)

    def __repr__(self):
        return "<Descriptor>"


class Described:
    alpha = Descriptor(1)

    def __repr__(self):
        return "<Described>"


class Mixin:
    def __add__(self, other):
        return "mixed"

    def __len__(self):
        return 2

    def __bool__(self):
        return False


Variable = typing.TypeVar("Variable")


class Manager:
    def __init__(self, name=None, suppress=False):
        self.name, self.suppress = name, suppress

    def __enter__(self):
        log("enter", self.name)
        return self.name

    def __exit__(self, kind, error, trace):
        log("exit", kind, str(error))
        if isinstance(self.suppress, tuple):
            return kind is not None and issubclass(kind, self.suppress)
        return self.suppress

    def __repr__(self):
        return "<Manager>"


class BadManager:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        raise LookupError("in exit")


@contextlib.contextmanager
def managed(value):
    log("managed", value)
    try:
        yield value
    finally:
        log("left")


def counting(number):
    for i in range(number):
        got = yield i
        if got is not None:
            log("got", got)
    return "counted"


def echoing():
    value = None
    for _ in range(6):
        try:
            value = yield value
        except (ValueError, KeyError) as error:
            value = type(error).__name__


def stubborn():
    for _ in range(3):
        try:
            yield "stubborn"
        except GeneratorExit:
            yield "still here"


class Iterator:
    def __init__(self, number):
        self.number = number

    def __iter__(self):
        return self

    def __next__(self):
        self.number -= 1
        if self.number < 0:
            raise StopIteration("over")
        return self.number

    def throw(self, *error):
        log("thrown", *error)
        raise error[0]

    def close(self):
        log("closed")


class Pause:
    def __init__(self, value=None):
        self.value = value

    def __await__(self):
        answer = yield self.value
        return answer


async def answer(value):
    return value


async def failing(error):
    raise error


async def async_counting(number):
    try:
        for i in range(number):
            await Pause(i)
            yield i
    finally:
        log("async left")


class AsyncIterator:
    def __init__(self, number):
        self.number = number

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.number -= 1
        if self.number < 0:
            raise StopAsyncIteration
        return self.number


class AsyncManager:
    def __init__(self, value, suppress=False):
        self.value, self.suppress = value, suppress

    async def __aenter__(self):
        await Pause("enter")
        return self.value

    async def __aexit__(self, kind, error, trace):
        log("async exit", kind)
        await Pause("exit")
        return self.suppress


@contextlib.asynccontextmanager
async def async_managed(value):
    yield value
    await Pause("left")


def array_of(values):
    return array.array("i", [each for each in values if isinstance(each, int) and abs(each) < 1 << 31])


# What the names of the grammar's pools (grammar.POOLS) start as.
i, j, k, n = 3, -7, 0, 12
s, t, text = "text", "été", "a,b c"
raw, data = b"raw\xff", bytearray(b"data")
items, rows = [3, 1, 2], [[1, 2], ["a"], []]
table, names = {"key": 1, "a": [2]}, {1: "one", (2, 3): 1.5, "b": {}}
x, y, z, value, other = 1.5, None, "z", [0], Custom(1)
error, problem = ValueError("value"), KeyError("key")


def f(a=0, *args):
    return a, args


def g(x, y=2, *, alpha=3, **kwargs):
    return x, y, alpha, kwargs


def h():
    return x
