"""Code objects changed at random raise exceptions and do nothing worse.

Functions of the standard library are taken apart: bytes of the instructions, operands, tables, counts and constants are changed, and
what comes out is called. Only a runtime that verifies code can stand that.
"""
import asyncio.base_events
import argparse
import ast
import collections
import contextlib
import copy
import dataclasses
import difflib
import functools
import io
import json.decoder
import marshal
import opcode
import os
import random
import signal
import sys
import textwrap
import traceback
import types
import unittest

RUNS = int(os.environ.get("GILL_CODE_MUTATIONS", "1500"))
SEED = int(os.environ.get("GILL_CODE_SEED", "1"))
FIRST = int(os.environ.get("GILL_CODE_FIRST", "0"))
MODULES = (asyncio.base_events, argparse, ast, collections, contextlib, copy, dataclasses, difflib, functools, json.decoder, textwrap, traceback)


class TooLong(BaseException):
    pass


def codes_of(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_of(constant)


def samples():
    found = []
    for module in MODULES:
        with open(module.__file__, "rb") as file:
            found += codes_of(compile(file.read(), module.__file__, "exec"))
    # The small ones come to their end.
    return [code for code in found[1:] if len(code.co_code) < 600]


class Mutator:
    def __init__(self, chance):
        self.chance = chance
        self.opcodes = sorted(opcode.opmap.values())
        self.values = [None, 0, -1, "x", b"y", (), ("a", "b"), (1,), [1], {}, {1}, frozenset((2,)), 1.5, len, ValueError, ValueError("v"),
                       iter(()), iter([1, 2]), types.CellType(3), self.opcodes, compile("1", "s", "eval"), types.SimpleNamespace(a=1)]

    def bytes(self, data):
        data = bytearray(data)
        for _ in range(self.chance.choice((1, 1, 1, 2, 4))):
            place = self.chance.randrange(len(data) + 1)
            how = self.chance.randrange(4)
            if how == 0:
                data.insert(place, self.chance.randrange(256))
            elif place == len(data):
                continue
            elif how == 1:
                del data[place]
            elif how == 2:
                data[place] = self.chance.randrange(256)
            else:
                data[place] ^= 1 << self.chance.randrange(8)
        return bytes(data)

    def instructions(self, data):
        data = bytearray(data)
        for _ in range(self.chance.choice((1, 1, 1, 1, 2, 4))):
            place = 2 * self.chance.randrange(len(data) // 2)
            how = self.chance.randrange(6)
            if how == 0:
                data[place] = self.chance.choice(self.opcodes)
            elif how == 1:
                data[place + 1] = self.chance.choice((0, 1, 2, 3, self.chance.randrange(256)))
            elif how == 2:
                del data[place:place + 2]
            elif how == 3:
                data[place:place] = bytes((self.chance.choice(self.opcodes), self.chance.randrange(4)))
            elif how == 4:
                other = 2 * self.chance.randrange(len(data) // 2)
                data[place:place + 2], data[other:other + 2] = data[other:other + 2], data[place:place + 2]
            else:
                data[place] = self.chance.randrange(256)
            if not data:
                data = bytearray(2)
        # An endless loop of these cannot be interrupted.
        for place in range(0, len(data), 2):
            if data[place] == opcode.opmap["JUMP_BACKWARD_NO_INTERRUPT"]:
                data[place] = opcode.opmap["JUMP_BACKWARD"]
        return bytes(data)

    def tuple(self, items, values):
        items = list(items)
        how = self.chance.randrange(3)
        if items and how == 0:
            del items[self.chance.randrange(len(items))]
        elif items and how == 1:
            items[self.chance.randrange(len(items))] = self.chance.choice(values)
        else:
            items.insert(self.chance.randrange(len(items) + 1), self.chance.choice(values))
        return tuple(items)

    def change(self, code):
        names = ["a", "b", "self", "x", *code.co_names, *code.co_varnames]
        what = self.chance.choices(("code", "exceptions", "consts", "names", "stack", "lines", "flags", "cells", "free", "locals"),
                                   (40, 12, 12, 3, 6, 4, 6, 5, 5, 4))[0]
        if what == "code":
            return code.replace(co_code=self.instructions(code.co_code))
        if what == "exceptions":
            return code.replace(co_exceptiontable=self.bytes(code.co_exceptiontable))
        if what == "consts":
            return code.replace(co_consts=self.tuple(code.co_consts, self.values))
        if what == "names":
            return code.replace(co_names=self.tuple(code.co_names, names))
        if what == "stack":
            return code.replace(co_stacksize=self.chance.choice((0, 1, 2, 57, 64, 500, max(0, code.co_stacksize + self.chance.randrange(-2, 3)))))
        if what == "lines":
            return code.replace(co_linetable=self.bytes(code.co_linetable))
        if what == "flags":
            return code.replace(co_flags=code.co_flags ^ 1 << self.chance.randrange(10))
        if what == "cells":
            return code.replace(co_cellvars=self.tuple(code.co_cellvars, names))
        if what == "free":
            return code.replace(co_freevars=self.tuple(code.co_freevars, names))
        varnames = self.tuple(code.co_varnames, names)
        return code.replace(co_varnames=varnames, co_nlocals=len(varnames))

    def reach_into(self, data):
        """The marshalled form reaches what replace() checks."""
        return marshal.loads(self.bytes(data))


def tracer(frame, event, argument):
    frame.f_trace_opcodes = True
    return tracer


def jumper(chance):
    def trace(frame, event, argument):
        if event == "line" and chance.random() < 0.1:
            try:
                frame.f_lineno = frame.f_code.co_firstlineno + chance.randrange(12)
            except ValueError:
                pass
        return trace
    return trace


def use(code, values, chance):
    """Runs the code, and looks at it in all ways."""
    list(code.co_positions())
    list(code.co_lines())
    namespace = {"__builtins__": {"len": len, "ValueError": ValueError, "isinstance": isinstance, "range": range, "str": str, "super": super}}
    closure = tuple(types.CellType(chance.choice(values)) for _ in code.co_freevars)
    function = types.FunctionType(code, namespace, "f", None, closure or None)
    arguments = [chance.choice(values) for _ in range(code.co_argcount)]
    keywords = {name: chance.choice(values) for name in code.co_varnames[code.co_argcount:code.co_argcount + code.co_kwonlyargcount]}
    trace = chance.choice((None, None, None, None, tracer, jumper(chance)))
    result = None
    for _ in range(chance.choice((1, 12))):
        sys.settrace(trace)
        try:
            result = function(*arguments, **keywords)
            if hasattr(result, "send"):
                for _ in range(5):
                    chance.choice((lambda: result.send(None), lambda: result.throw(ValueError), lambda: result.close(), lambda: result.send(1)))()
            elif hasattr(result, "asend"):
                for _ in range(3):
                    chance.choice((result.asend, result.athrow))(None).send(None)
        except TooLong:
            raise
        except BaseException as error:
            sys.settrace(None)
            traceback.format_exception(error)
            for frame, _ in traceback.walk_tb(error.__traceback__):
                frame.f_locals
        finally:
            sys.settrace(None)


class Clock:
    """Ends what takes too long, and again what catches that."""
    runs = False

    def stop(self, signal_number, frame):
        if self.runs:
            raise TooLong

    def start(self):
        self.runs = True
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.01)



@unittest.skipUnless(hasattr(sys.implementation, "gill_version"), "the reference trusts code objects")
class Mutations(unittest.TestCase):
    def test_mutations(self):
        clock = Clock()
        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, clock.stop))
        hook, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
        self.addCleanup(setattr, sys, "unraisablehook", hook)
        found = samples()
        marshalled = {}
        for run in range(FIRST, FIRST + RUNS):
            chance = random.Random(SEED * 1_000_003 + run)
            if "GILL_CODE_VERBOSE" in os.environ:
                print(SEED, run, file=sys.__stderr__)
            mutator = Mutator(chance)
            code = chance.choice(found)
            try:
                try:
                    clock.start()
                    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                        self.run_changed(mutator, code, marshalled, chance)
                finally:
                    clock.runs = False
            except BaseException:
                pass
            signal.setitimer(signal.ITIMER_REAL, 0)

    def run_changed(self, mutator, code, marshalled, chance):
        if chance.random() < 0.1:
            if code not in marshalled:
                marshalled[code] = marshal.dumps(code)
            code = mutator.reach_into(marshalled[code])
        else:
            for _ in range(chance.choice((1, 1, 2, 3))):
                code = mutator.change(code)
        if isinstance(code, types.CodeType):
            use(code, mutator.values, chance)


if __name__ == "__main__":
    unittest.main()
