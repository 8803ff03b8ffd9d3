"""Code objects made of arbitrary bytes, and what they run with.

Their instructions find the same constants, names and variables each time. What could only make a run long or large is taken out, so
that a run without end is a finding.
"""
import copy
import itertools
import opcode
import types
from struct import unpack_from


class Thing:
    """Something that most instructions can work on."""
    value = 1

    def method(self, *args, **kwargs):
        return self

    __call__ = __enter__ = __getitem__ = __setitem__ = __delitem__ = __await__ = __aenter__ = method

    def __iter__(self):
        return Thing()

    def __next__(self):
        self.value += 1
        if self.value > 3:
            raise StopIteration
        return self

    def __exit__(self, *info):
        return True


CONSTANTS = (None, True, 0, 1, -1, 2.5, "text", b"bytes", (1, 2, 3), ("a", "b"), frozenset({1, 2}), 1j, ..., (), (lambda a=1, *b: a).__code__, "a")
A_CODE_OBJECT = 14
NAMES = ("value", "method", "thing", "len", "__enter__", "missing", "a", "b", "list", "ValueError", "__class__", "x", "print", "y", "z", "w")
VARIABLES = ("a", "b", "c", "d", "e", "f", "g", "h")
CELLS = ("a", "k", "l")
FREE = ("m", "n")
GLOBALS = {**dict.fromkeys(NAMES, Thing()), "len": len, "list": list, "ValueError": ValueError, "x": [1, 2], "y": {"a": 1},
           "__builtins__": {"__build_class__": __build_class__}}

JUMP, JUMP_UNSEEN, BINARY = (opcode.opmap[name] for name in ("JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "BINARY_OP"))
GROWING = {index for index, (name, _) in enumerate(opcode._nb_ops) if name.endswith(("MULTIPLY", "POWER", "LSHIFT"))}


def bounded(instructions):
    """Without loops that look for no signal and without operators that make something huge out of little."""
    instructions = bytearray(instructions)
    for at in range(0, len(instructions) - 1, 2):
        if instructions[at] == JUMP_UNSEEN:
            instructions[at] = JUMP
        elif instructions[at] == BINARY and instructions[at + 1] in GROWING:
            instructions[at + 1] = 0
    return bytes(instructions)


def entries(table):
    """(start, length, target) of the entries of an exception table."""
    numbers, value = [], 0
    for byte in table:
        value = value << 6 | byte & 0x3f
        if not byte & 0x40:
            numbers.append(value)
            value = 0
    return zip(numbers[::4], numbers[1::4], numbers[2::4])


def may_catch_forever(instructions, table):
    """Whether a handler may come again: it would catch what ends a loop."""
    return bool(table) and JUMP in instructions[::2] or any(target < start + length for start, length, target in entries(table))


def read_code(data):
    """Options, counts, sizes, flags; then the instructions, the table of exceptions and the table of positions."""
    options, argcount, posonly, kwonly, variables, stack, flags, length, handlers = unpack_from("<BBBBBHHHB", data)
    start = 12
    instructions, start = bounded(data[start:start + length]), start + length
    table, positions = data[start:start + handlers], data[start + handlers:]
    if may_catch_forever(instructions, table):
        table = b""
    return types.CodeType(argcount, posonly, kwonly, variables & 7, stack, flags, instructions, CONSTANTS, NAMES, VARIABLES[:variables & 7], "fuzz", "code", "code",
                          1, positions, table, FREE if options & 2 else (), CELLS if options & 4 else ())


def look_at(code):
    list(code.co_lines()), list(code.co_positions()), code.co_code, hash(code), code.replace(co_name="other") == code


def run(code, throw):
    """As a function; a generator or coroutine is driven a little."""
    thing = Thing()
    function = types.FunctionType(code, copy.deepcopy(GLOBALS), closure=tuple(types.CellType(thing) for _ in code.co_freevars))
    keywords = VARIABLES[code.co_argcount:code.co_argcount + code.co_kwonlyargcount]
    result = function(*itertools.repeat(thing, code.co_argcount), **dict.fromkeys(keywords, 1))
    if isinstance(result, (types.GeneratorType, types.CoroutineType)):
        result.send(None)
        if throw:
            result.throw(ValueError)
        result.send(1)
        result.close()
