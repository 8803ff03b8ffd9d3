"""What the fuzzers run: for each way into the runtime, a function of the bytes that the fuzzer chose.

An exception that the function is declared to raise is a normal outcome. A finding is anything else: another exception, a crash,
a report of a sanitizer, a hang, memory that grows. The first byte of every input chooses options, so that mutations reach them.
"""
import ast
import contextlib
import dataclasses
import gc
import io
import marshal as marshal_module
import re
import signal
import sys
import warnings
import zlib
from re import _compiler
from struct import unpack_from

import _sre
import _tokenize

import code_objects

TARGETS = {}


@dataclasses.dataclass
class Target:
    run: object
    max_length: int
    raises: tuple
    may_leak: object  # of the data: whether a run may leave blocks behind

    @property
    def name(self):
        return self.run.__name__


def target(max_length, raises, may_leak=lambda data: False):
    def add(function):
        TARGETS[function.__name__] = Target(function, max_length, raises, may_leak)
        return function
    return add


# ---- bounds ----------------------------------------------------------------------------------------------

class OutOfTime(Exception):
    """An input takes as long as it may: some patterns need exponential time, some programs loop."""


def out_of_time(number, frame):
    raise OutOfTime


@contextlib.contextmanager
def time_limit(seconds=0.02):
    """Ends what takes more of the processor's time. It comes again, since a program may catch it."""
    signal.setitimer(signal.ITIMER_PROF, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


# ---- sources ---------------------------------------------------------------------------------------------

MODES = "exec", "eval", "single", "exec"
PARSER_FLAGS = ast.PyCF_TYPE_COMMENTS, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, 0x200 | 0x4000  # the last: as codeop compiles


@target(max_length=2048, raises=(SyntaxError, ValueError, OverflowError, RecursionError, MemoryError))
def parser(data):
    """Tokenizer, parser and compiler, on a source as a file holds it; also by way of the tree as objects."""
    options, source = data[0], data[1:]
    mode = MODES[options & 3]
    flags = sum(flag for bit, flag in enumerate(PARSER_FLAGS) if options >> 2 + bit & 1)
    if options & 0x20:
        source = source.decode("utf-8", "surrogateescape")
    if options & 0x40:
        source = compile(source, "fuzz", mode, flags | ast.PyCF_ONLY_AST, True)
    compile(source, "fuzz", mode, flags, True, 2 if options & 0x80 else 0)


@target(max_length=1024, raises=(SyntaxError, ValueError))
def tokens(data):
    """The tokenizer alone, which goes on where the parser would have stopped."""
    source = data[1:].decode("latin-1" if data[0] & 1 else "utf-8", "surrogateescape" if data[0] & 2 else "replace")
    for token in _tokenize.TokenizerIter(source):
        pass


# ---- marshal ---------------------------------------------------------------------------------------------

def has_code(data):
    """Code objects are not the collector's, so one that is part of a cycle stays, as in the reference."""
    return b"c" in data or b"\xe3" in data


@target(max_length=1024, raises=(ValueError, EOFError, TypeError, RecursionError, SystemError), may_leak=has_code)
def marshal(data):
    """Reads a value, from bytes or through a file, and writes what was read."""
    options, data = data[0], data[1:]
    value = marshal_module.load(io.BytesIO(data)) if options & 1 else marshal_module.loads(data)
    marshal_module.dumps(value, options >> 1 & 7)


# ---- patterns --------------------------------------------------------------------------------------------

PATTERN_FLAGS = re.I, re.M, re.S, re.X
CHARACTER_FLAGS = {str: (0, 0, re.A, re.U), bytes: (0, 0, re.A, re.L)}


def use_pattern(pattern, subject, replacement):
    with time_limit():
        for match in pattern.match(subject), pattern.fullmatch(subject), pattern.search(subject, 1, len(subject) - 1):
            if match:
                match.groups(), match.span(), match.lastgroup, match.regs
                match.expand(replacement)
        pattern.findall(subject)
        pattern.split(subject, 5)
        pattern.subn(replacement, subject)
        scanner = pattern.scanner(subject)
        while scanner.match() or scanner.search():
            pass


@target(max_length=192, raises=(re.error, ValueError, OverflowError, RecursionError, IndexError))
def patterns(data):
    """Flags, then pattern, replacement and subject with null characters between them."""
    options, parts = data[0], data[1:].split(b"\0", 2)
    parts += [b""] * (3 - len(parts))
    if not options & 0x40:
        parts = [part.decode("latin-1" if options & 0x80 else "utf-8", "surrogateescape") for part in parts]
    text, replacement, subject = parts
    flags = sum(flag for bit, flag in enumerate(PATTERN_FLAGS) if options >> bit & 1)
    use_pattern(_compiler.compile(text, flags | CHARACTER_FLAGS[type(text)][options >> 4 & 3]), subject, replacement)


@target(max_length=512, raises=(RuntimeError, ValueError, OverflowError, re.error, IndexError))
def pattern_code(data):
    """The code words of a pattern as a program may pass them: options, groups, flags, length of the subject, subject, words."""
    if len(data) < 5:
        return
    options, groups, flags, length = unpack_from("<BBHB", data)
    groups &= 0x0f
    subject, words = data[5:5 + length], data[5 + length:]
    words = unpack_from(f"<{len(words) // 4}I", words)
    if not options & 1:
        subject = subject.decode("utf-8" if options & 2 else "latin-1", "surrogateescape")
    pattern = _sre.compile(None if options & 4 else subject[:0], flags, list(words), groups, {}, (None,) * (groups + 1))
    use_pattern(pattern, subject, subject[:0])


# ---- code objects ----------------------------------------------------------------------------------------

@target(max_length=512, raises=(BaseException,))
def codes(data):
    """A code object that a program puts together: looked at, and run."""
    if len(data) < 12:
        return
    code = code_objects.read_code(data)
    code_objects.look_at(code)
    with time_limit():
        code_objects.run(code, throw=data[0] & 1)


# ---- running them ----------------------------------------------------------------------------------------

# An input in so many is run again and again, to see whether each run leaves something behind.
LEAK_CHECK_EVERY = 256


def check_leaks(target, run):
    growth, before = [], 0
    for _ in range(6):
        run()
        gc.collect()
        now = sys.getallocatedblocks()
        growth.append(now - before)
        before = now
    # The first runs fill caches.
    if min(growth[2:]) > 0:
        raise RuntimeError(f"every run of {target.name} leaves blocks: {growth[2:]}")


def prepare(name):
    """The function that a fuzzer calls with each input."""
    target = TARGETS[name]
    warnings.simplefilter("ignore")
    sys.unraisablehook = sys.displayhook = lambda value: None
    signal.signal(signal.SIGPROF, out_of_time)
    gc.collect()
    gc.freeze()

    def run(data):
        try:
            target.run(data)
        except OutOfTime:
            pass
        except target.raises as error:
            # These say that a function of ours broke the protocol.
            if isinstance(error, SystemError) and re.search("exception set|without (setting an exception|exception set)", str(error)):
                raise

    def fuzz(data):
        if not data:
            return
        run(data)
        if zlib.crc32(data) % LEAK_CHECK_EVERY == 0 and not target.may_leak(data):
            check_leaks(target, lambda: run(data))

    return fuzz
