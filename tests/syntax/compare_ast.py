"""Compares our parser with the reference's, inside the reference interpreter.

usage: compare_ast.py MODULE.so [--fast] [--errors] [path ...]

Without paths it goes through the standard library. For each file the trees, with positions, must be equal;
with --errors, so must the errors for broken versions of each file and for the snippets in CPython's own tests.
"""
import ast
import importlib.machinery
import importlib.util
import os
import re
import sys
import warnings


def load(path):
    loader = importlib.machinery.ExtensionFileLoader('gill_syntax', path)
    spec = importlib.util.spec_from_loader('gill_syntax', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def outcome(parse):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        try:
            tree = parse()
        except SyntaxError as e:
            result = (type(e).__name__, e.args)
        except BaseException as e:
            result = (type(e).__name__, str(e))
        else:
            result = ('tree', describe(tree))
    return result, [(w.category.__name__, str(w.message), w.lineno) for w in caught]


def describe(node):
    """Like ast.dump with attributes, but fast and for trees of either kind of classes."""
    if isinstance(node, list):
        return [describe(n) for n in node]
    if hasattr(node, '_fields'):
        values = [describe(getattr(node, f, 'missing')) for f in node._fields]
        place = [getattr(node, a, 'missing') for a in node._attributes]
        return (type(node).__name__, values, place)
    return (type(node).__name__, node if isinstance(node, (str, bytes, int)) else repr(node))


def first_difference(a, b, path=''):
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b) == 3 and a[0] == b[0]:
        for i, (x, y) in enumerate(zip(a[1], b[1])):
            if x != y:
                return first_difference(x, y, f'{path}.{a[0]}[{i}]')
        return f'{path}.{a[0]} at {a[2]} != {b[2]}'
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            if x != y:
                return first_difference(x, y, f'{path}[{i}]')
    return f'{path}: {str(a)[:300]} != {str(b)[:300]}'


class Comparison:
    def __init__(self, ours):
        self.ours = ours
        self.count = self.bad = self.shown = 0
        self.kinds = set()

    def both(self, source, mode='exec', flags=0, version=sys.version_info[1], name='<compared>'):
        self.count += 1
        theirs, their_warnings = outcome(
            lambda: compile(source, name, mode, flags | ast.PyCF_ONLY_AST, dont_inherit=True, _feature_version=version))
        mine, my_warnings = outcome(lambda: self.ours.parse(source, name, mode, flags, version))
        if theirs == mine and their_warnings == my_warnings:
            return True
        self.bad += 1
        # One example of each kind of difference will do.
        kind = (theirs[0], str(theirs[1][0]), mine[0], str(mine[1][0]), theirs == mine) if theirs[0] != 'tree' != mine[0] else None
        if kind and kind in self.kinds:
            return False
        self.kinds.add(kind)
        self.shown += 1
        if self.shown <= LIMIT:
            shown = source if len(source) < 200 else None
            print(f'--- {name} {mode} {shown!r}')
            if theirs[0] == mine[0] == 'tree' and theirs != mine:
                print('   ', first_difference(theirs[1], mine[1]))
            elif theirs != mine:
                print('    reference', str(theirs)[:400])
                print('    ours     ', str(mine)[:400])
            else:
                print('    reference', their_warnings[:5])
                print('    ours     ', my_warnings[:5])
        return False


LIMIT = 60
SEED = int(os.environ.get("COMPARE_SEED", "0"))


def library_files(fast):
    root = os.path.dirname(os.__file__)
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in ('dist-packages', 'site-packages'))
        found += [os.path.join(folder, n) for n in sorted(names) if n.endswith('.py')]
    return found[::12] if fast else found


def snippets():
    """The strings and doctests of CPython's tests that are about syntax."""
    folder = os.path.join(os.path.dirname(os.__file__), 'test')
    names = ('test_syntax test_exceptions test_fstring test_grammar test_patma test_named_expressions '
             'test_positional_only_arg test_type_comments test_ast test_eof test_string_literals test_source_encoding '
             'test_unpack_ex test_unpack test_codeop test_compile test_keywordonlyarg test_generators test_genexps '
             'test_setcomps test_dictcomps test_listcomps test_pep646_syntax test_except_star test_global test_future '
             'test_flufl test_coroutines test_asyncgen test_decorators test_lambda test_match test_traceback').split()
    for name in names:
        path = os.path.join(folder, name + '.py')
        if not os.path.exists(path):
            continue
        with open(path, 'rb') as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
                yield node.value
                if isinstance(node.value, str) and '>>>' in node.value:
                    for block in re.split(r'^\s*>>> ', node.value, flags=re.M)[1:]:
                        lines = block.split('\n')
                        text = [lines[0]]
                        for line in lines[1:]:
                            match = re.match(r'\s*\.\.\. ?(.*)', line)
                            if not match:
                                break
                            text.append(match[1])
                        yield '\n'.join(text) + '\n'


def broken(text):
    """Versions of a file with one token or character changed."""
    import random
    chooser = random.Random(len(text) + SEED)
    lines = text.splitlines(keepends=True)
    for _ in range(12):
        start = chooser.randrange(max(1, len(lines) - 12))
        piece = ''.join(lines[start:start + chooser.randrange(1, 12)])
        words = re.findall(r'\w+|\s+|[^\w\s]', piece)
        if not words:
            continue
        i = chooser.randrange(len(words))
        kind = chooser.randrange(4)
        if kind == 0:
            del words[i]
        elif kind == 1:
            words.insert(i, chooser.choice(['(', ')', '[', ']', '{', '}', ':', '=', ',', 'if', 'for', '*', '**', '.', ';',
                                            ' x ', 'lambda', '"', 'f"{', 'yield', '$', '\n', ':=', '==', '@', 'in', 'not', 'as',
                                            'else', 'None', '1', "'s'", 'print', '->', '...', 'except', 'async', 'await']))
        elif kind == 2:
            j = chooser.randrange(len(words))
            words[i], words[j] = words[j], words[i]
        else:
            words = words[:i]
        import textwrap
        yield textwrap.dedent(''.join(words))


def main():
    arguments = sys.argv[1:]
    fast = '--fast' in arguments
    errors = '--errors' in arguments
    paths = [a for a in arguments if not a.startswith('--')]
    comparison = Comparison(load(os.path.abspath(paths.pop(0))))
    files = paths or library_files(fast)
    for path in files:
        with open(path, 'rb') as file:
            source = file.read()
        comparison.both(source, name=path)
        if b'# type:' in source:
            comparison.both(source, flags=ast.PyCF_TYPE_COMMENTS, name=path)
    print(f'{comparison.count} files, {comparison.bad} different')
    bad = comparison.bad
    if errors:
        comparison.count = comparison.bad = 0
        seen = set()
        for text in snippets():
            if text in seen or (b'\0' if isinstance(text, bytes) else '\0') in text:
                continue
            seen.add(text)
            for mode in ('exec', 'eval', 'single'):
                comparison.both(text, mode)
            comparison.both(text, 'exec', 0x4200)
            comparison.both(text, 'single', 0x4200)
            comparison.both(text, 'exec', 0x1000)
            if not fast:
                comparison.both(text, 'func_type')
                comparison.both(text, 'exec', 0, 6)
                comparison.both(text, 'exec', 0, 3)
        print(f'{comparison.count} snippets, {comparison.bad} different')
        bad += comparison.bad
        comparison.count = comparison.bad = 0
        for path in files:
            try:
                with open(path, encoding='utf-8') as file:
                    text = file.read()
            except UnicodeDecodeError:
                continue
            for piece in broken(text):
                if '\0' not in piece:
                    comparison.both(piece)
        print(f'{comparison.count} broken texts, {comparison.bad} different')
        bad += comparison.bad
    sys.exit(bad != 0)


main()
