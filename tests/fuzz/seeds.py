"""What the fuzzers start from: inputs and dictionaries, taken from the standard library and its tests.

The inputs have the forms that targets.py reads. Nothing of this is kept in the repository.
"""
import ast
import functools
import keyword
import marshal
import opcode
import os
import pathlib
import re
import struct
import textwrap
import token
import tokenize
import types
import warnings
from re import _compiler, _constants

import code_objects
import targets

LIBRARY = pathlib.Path(os.__file__).parent
SOURCES = ("ast", "asyncio/locks", "contextlib", "dataclasses", "enum", "functools", "test/test_coroutines", "test/test_except_star", "test/test_fstring",
           "test/test_grammar", "test/test_patma", "test/test_syntax", "test/test_type_comments", "test/test_typing", "test/test_unpack_ex")
# Their constants are small programs, right and wrong.
TESTS_OF_TEXTS = "test_compile", "test_eof", "test_exceptions", "test_fstring", "test_source_encoding", "test_string_literals", "test_syntax", "test_tokenize"
TESTS_OF_PATTERNS = "test_re",
LARGEST = 1000


@functools.cache
def tree_of(file):
    try:
        with tokenize.open(LIBRARY / f"{file}.py") as stream:
            source = stream.read()
    except FileNotFoundError:  # the tests are a package of their own
        return "", ast.Module([])
    return source, ast.parse(source)


def pieces(file):
    """Its functions and statements as programs of their own."""
    source, tree = tree_of(file)
    lines = source.splitlines(keepends=True)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.end_lineno - node.lineno >= 2:
            text = textwrap.dedent("".join(lines[node.lineno - 1:node.end_lineno]))
            if len(text) < LARGEST:
                yield text.encode()


def constants(test):
    for node in ast.walk(tree_of(f"test/{test}")[1]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            value = node.value.encode("utf-8", "surrogatepass") if isinstance(node.value, str) else node.value
            if 2 < len(value) < LARGEST:
                yield value


def sources():
    for test in TESTS_OF_TEXTS:
        yield from constants(test)
    for file in SOURCES:
        yield from pieces(file)


def parser():
    for number, source in enumerate(sources()):
        yield bytes([0x10 | number * 4 & 0xec if number % 4 else 0]) + source
    for file in SOURCES:
        for node in ast.walk(tree_of(file)[1]):
            if isinstance(node, ast.expr) and node.end_col_offset - node.col_offset > 30:
                yield b"\x01" + ast.unparse(node).encode()[:LARGEST]


def tokens():
    for number, source in enumerate(sources()):
        yield bytes([number & 3]) + source


def with_nested(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from with_nested(constant)


@functools.cache
def library_code():
    return [code for file in SOURCES for code in with_nested(compile(tree_of(file)[1], file, "exec"))]


def marshal_values():
    yield from (None, True, False, StopIteration, ..., 0, -1, 2**31, -2**63, 10**40, 0.5, float("nan"), 1e300j, b"", b"bytes" * 60, "", "text", "é", "\u20ac" * 300,
                "\ud800", (), tuple(range(300)), [], [[1], {2: (3,)}], {}, {"a": None, (1, 2): [b"c"]}, set(), frozenset({1, "a"}), {b"x", 1.5})
    shared = ("shared", 1.5, b"bytes")
    yield [shared, shared, {shared: shared}]
    yield from library_code()


def marshal_seeds():
    for value in marshal_values():
        for version in range(5):
            data = marshal.dumps(value, version)
            if len(data) < LARGEST:
                yield bytes([version << 1]) + data
    for data in constants("test_marshal"):
        yield b"\x08" + data


def known_patterns():
    """(pattern, replacement, subject)"""
    try:
        from test.re_tests import tests
    except ImportError:
        tests = ()
    for pattern, subject, _, *rest in tests:
        yield pattern, r"<\g<0>>", subject
    texts = [text.decode("utf-8", "replace") for test in TESTS_OF_PATTERNS for text in constants(test)]
    for number, pattern in enumerate(texts):
        yield pattern, r"<\g<0>>", texts[(number + 1) % len(texts)]


def patterns():
    for number, parts in enumerate(known_patterns()):
        data = b"\0".join(part.encode("utf-8", "replace") for part in parts)
        if len(data) < 190:
            yield bytes([number % 3 and number & 0xff]) + data


def pattern_code():
    for number, (pattern, _, subject) in enumerate(known_patterns()):
        try:
            parsed = _compiler._parser.parse(pattern, number & re.I)
        except (re.error, OverflowError, RecursionError, ValueError):
            continue
        subject, words = subject.encode()[:40], _compiler._code(parsed, number & re.I)
        if len(words) < 110:
            yield struct.pack("<BBHB", number & 3, parsed.state.groups - 1 & 0x0f, parsed.state.flags, len(subject)) + subject + struct.pack(f"<{len(words)}I", *words)


def codes():
    """Instructions whose operands mostly fit the constants and names of code_objects.py."""
    makes_function, free = opcode.opmap["MAKE_FUNCTION"], opcode.opmap["COPY_FREE_VARS"]
    for number, code in enumerate(library_code()):
        instructions = bytearray(code.co_code)
        for at in range(0, len(instructions), 2):
            if instructions[at] == makes_function:
                instructions[at - 1] = code_objects.A_CODE_OBJECT
            elif instructions[at] == free:
                instructions[at + 1] = len(code_objects.FREE)
        options = number & 1 | (free in instructions[::2]) << 1 | bool(code.co_cellvars) << 2
        head = struct.pack("<BBBBBHHHB", options, code.co_argcount & 3, code.co_posonlyargcount & 1, 0, 7, code.co_stacksize, code.co_flags & ~0xc,
                           len(instructions), min(len(code.co_exceptiontable), 255))
        data = head + instructions + code.co_exceptiontable[:255] + code.co_linetable
        if len(data) < 500:
            yield data


# ---- dictionaries ----------------------------------------------------------------------------------------

def source_words():
    yield from keyword.kwlist + keyword.softkwlist
    yield from token.EXACT_TOKEN_TYPES
    yield from ("rb'", 'f"""', "{x!r:>{y}}", "{x=}", "\\N{DASH}", "\\x41", "\\\n", "\r\n", "\n\t", "\n        ", "\f", "\0", "0x_f", "1_0", "0b1", "0o7", "1e5", "1.5j")
    yield from ("# type: int", "# type: ignore", "# coding: latin-1\n", "# -*- coding: utf-8 -*-", "utf-16", "\ufeff", "é", "℘", "𝔘", "from __future__ import annotations")
    yield from (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf")


def marshal_words():
    for kind in b"0NSTF.iIlfgxysaAzZutr()[{<>c":
        yield bytes([kind])
        yield bytes([kind | 0x80])
    for size in (0, 1, 2, 255, 256, 2**15, 2**31 - 1, -2**31, -1):
        yield struct.pack("<i", size)


def pattern_words():
    yield from ("(?:", "(?P<a>", "(?P=a)", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?(1)", "(?#", "(?i:", "(?-i:", "(?ims)", "(?L)", "(?a:", "(?u)", "(", ")", "|", "[", "[^", "]")
    yield from ("*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,}", "{,3}", "{2,3}?", "{2,3}+", "{0,65536}", "^", "$", ".", "a-z", "--", "&&", "||")
    yield from ("\\" + letter for letter in "AbBdDsSwWZ\\1nt.-0")
    yield from ("\\x41", "\\u0131", "\\U0001F600", "\\N{DASH}", "\\g<1>", "\\g<a>", "ß", "ſ", "K", "İ", "\0")


def pattern_code_words():
    limits = (0, 1, 2, 3, 8, 255, 256, _constants.MAXREPEAT, _constants.MAXGROUPS, 2**31)
    return [struct.pack("<I", word) for word in (*map(int, _constants.OPCODES), *limits)]


def code_words():
    for name, number in opcode.opmap.items():
        yield bytes([number, 0])
        yield bytes([number, 1]) + bytes(2 * opcode._inline_cache_entries[number])


TABLES = {  # target -> (inputs, words)
    "parser": (parser, source_words),
    "tokens": (tokens, source_words),
    "marshal": (marshal_seeds, marshal_words),
    "patterns": (patterns, pattern_words),
    "pattern_code": (pattern_code, pattern_code_words),
    "codes": (codes, code_words),
}


def seeds(name):
    """Different inputs for a target, none too long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(dict.fromkeys(data for data in TABLES[name][0]() if len(data) <= targets.TARGETS[name].max_length))


def words(name):
    return [word if isinstance(word, bytes) else word.encode() for word in TABLES[name][1]()]
