"""Compiles damaged sources under gill and under the reference and compares the errors.

A sample is a run of lines of a file of the standard library in which tokens were deleted, doubled, exchanged or inserted, or
characters were broken. Compared are the exception's type, message, line, offset, end and text, and the warnings. Prints the
differences, the most frequent message first.

Usage: compare_syntax_errors.py GILL [--seed N] [--samples N] [--examples N]
       compare_syntax_errors.py --child SAMPLES OUTCOMES     (the child)
"""
import argparse
import collections
import glob
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import textwrap
import tokenize
import warnings

REFERENCE = "/usr/bin/python3.11"
LIBRARY = "/usr/lib/python3.11"
TOKENS = """( ) [ ] { } , : ; . = == != := -> + - * ** / // % @ & | ^ ~ << >> < > <= >= += **= ... ! ? $ \\ ` ' " \"\"\" # \n \t
if else elif for while in is not and or lambda def class return yield await async with as from import try except finally raise pass
break continue global nonlocal del assert None True False __debug__ match case _ print exec x 0 1 1.5 0x 0b2 1_ 1__0 01 1e 1j 0o8 1if f'{ f'{x!z}'
f'{x:{y}}' f'{}' f'{a b}' f'{\\}' f'}' b'\xe9' '\\N{x}' '\\x1' u'' rb'' br'' bu'' \xa0 \u20ac \x0c \x00 \ufeff a\u0301 *a **k /, *, """.split(" ")


def token_spans(line_list):
    """(start, end) of each token of the lines, as offsets in their text."""
    text = "".join(line_list)
    starts = [0]
    for line in line_list:
        starts.append(starts[-1] + len(line))
    spans = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            start, end = starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1]
            if end > start:
                spans.append((start, end))
    except (tokenize.TokenError, IndentationError, IndexError):
        pass
    return text, spans


def damage(chooser, lines):
    text, spans = token_spans(lines)
    if not spans:
        return text
    for _ in range(chooser.choice((1, 1, 1, 2, 3))):
        start, end = chooser.choice(spans)
        other = chooser.choice(spans)
        kind = min(chooser.randrange(27) // 3, 7) if chooser.random() < 0.95 else 8
        if kind == 0:
            text = text[:start] + text[end:]
        elif kind == 1:
            text = text[:end] + " " + text[start:end] + text[end:]
        elif kind == 2:
            text = text[:start] + text[other[0] : other[1]] + text[end:]
        elif kind in (3, 4, 5):
            text = text[:start] + chooser.choice(TOKENS) + chooser.choice(("", " ")) + text[start:]
        elif kind == 6:
            text = text[:start] + chooser.choice(TOKENS) + text[end:]
        elif kind == 7:
            text = text[:start]
        else:
            line = text.rfind("\n", 0, start) + 1
            text = text[:line] + chooser.choice((" ", "\t", "    ", "", "")) + text[line:].lstrip(" ") if chooser.random() < 0.5 else text[:line] + " " + text[line:]
    return text


def make_samples(seed, count):
    chooser = random.Random(seed)
    files = sorted(glob.glob(f"{LIBRARY}/*.py") + glob.glob(f"{LIBRARY}/test/test_[a-n]*.py"))
    samples = []
    while len(samples) < count:
        with open(chooser.choice(files), encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
        for _ in range(20):
            first = chooser.randrange(max(len(lines) - 5, 1))
            chunk = textwrap.dedent("".join(lines[first : first + chooser.randrange(1, 30)])).splitlines(keepends=True)
            if chunk and not chunk[0][:1].isspace():
                samples.append(damage(chooser, chunk))
    return samples


def child(samples, outcomes):
    with open(samples, encoding="utf-8", errors="surrogatepass") as file:
        sources = json.load(file)
    with open(outcomes, "a", encoding="ascii") as lines:
        done = int(os.environ["FIRST"])
        for source in sources[done:]:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    compile(source, "sample", "exec")
                    outcome = ["compiles"]
                except SyntaxError as error:
                    outcome = [type(error).__name__, str(error.msg), error.lineno, error.offset, error.end_lineno, error.end_offset, error.text]
                except Exception as error:
                    outcome = [type(error).__name__, str(error)]
            outcome.append([(str(warning.message), warning.lineno) for warning in caught])
            lines.write(json.dumps(outcome) + "\n")
            lines.flush()


def observe(interpreter, folder, samples, count):
    outcomes = os.path.join(folder, "outcomes")
    open(outcomes, "w").close()
    found = []
    while len(found) < count:
        environment = {**os.environ, "FIRST": str(len(found)), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([interpreter, __file__, "--child", samples, outcomes], env=environment, stderr=subprocess.PIPE, timeout=600)
        with open(outcomes, encoding="ascii") as lines:
            found = [json.loads(line) for line in lines]
        if len(found) < count:
            found.append([f"ends with {done.returncode}", done.stderr[-200:].decode(errors="replace")])
            with open(outcomes, "a", encoding="ascii") as lines:
                lines.write(json.dumps(found[-1]) + "\n")
    return found


def main():
    if sys.argv[1:2] == ["--child"]:
        return child(*sys.argv[2:])
    parser = argparse.ArgumentParser()
    parser.add_argument("gill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--examples", type=int, default=2)
    options = parser.parse_args()
    sources = make_samples(options.seed, options.samples)
    with tempfile.TemporaryDirectory() as folder:
        samples = os.path.join(folder, "samples")
        with open(samples, "w", encoding="utf-8") as file:
            json.dump(sources, file)
        ours = observe(os.path.abspath(options.gill), folder, samples, len(sources))
        theirs = observe(REFERENCE, folder, samples, len(sources))
    causes = collections.defaultdict(list)
    for source, mine, reference in zip(sources, ours, theirs):
        if mine != reference:
            what = [re.sub(r"'[^']*'|\d+", "_", str(outcome[1])) if len(outcome) > 2 else outcome[0] for outcome in (mine, reference)]
            causes[tuple(what)].append((source, mine, reference))
    for examples in sorted(causes.values(), key=len, reverse=True):
        print(f"== {len(examples)} samples")
        for source, mine, reference in sorted(examples, key=lambda example: len(example[0]))[: options.examples]:
            print(source if len(source) < 1500 else source[:1500] + "...")
            print(f"    gill      {mine}\n    reference {reference}")
    different = sum(map(len, causes.values()))
    print(f"{len(sources)} samples, {sum(outcome[0] != 'compiles' for outcome in theirs)} of them errors, {different} differ for {len(causes)} causes")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
