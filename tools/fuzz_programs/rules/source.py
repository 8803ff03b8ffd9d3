"""Programs as text: `eval`, `exec`, `compile`, what they say about wrong sources, trees and their source, code objects, warnings."""
import tokenize
import io

TOKENS = """( ) [ ] { } , : ; . = == != := -> + - * ** / // % @ & | ^ ~ << >> < > <= >= += ... ! ? $ ` ' " # if else elif for while in is not and or
lambda def class return yield await async with as from import try except finally raise pass break continue global nonlocal del assert None
True False match case _ print 0 1 1.5 0x 0b2 1_ 1__0 01 1e 1j 0o8 1if f'{' f'{x!z}' f'{}' *a **k é \\ 'a'""".split()


def add_to(grammar):
    @grammar.hook("damaged")
    def damaged(expansion, depth):
        """The literal of a source with a few tokens deleted, doubled, exchanged or inserted."""
        random = expansion.random
        text = expansion.expand(random.choice(["stmt", "any", "stmt", "function_piece", "class_item"]), min(depth, 4))
        lines = text.split("\n")
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            row = random.randrange(len(lines))
            words = split(lines[row])
            place = random.randrange(len(words))
            what = random.randrange(4)
            if what == 0:
                del words[place]
            elif what == 1:
                words.insert(place, random.choice(TOKENS) + random.choice(["", " "]))
            elif what == 2:
                words[place] = random.choice(TOKENS)
            else:
                words.insert(place, words[place])
            lines[row] = "".join(words)
        return repr("\n".join(lines))

    @grammar.hook("quoted_statements")
    def quoted_statements(expansion, depth):
        return repr("\n".join(expansion.expand("stmt", min(depth, 4)) for _ in range(expansion.random.randint(1, 3))))

    @grammar.hook("quoted_expression")
    def quoted_expression(expansion, depth):
        return repr(expansion.expand(expansion.random.choice(["any", "number_expression", "text_expression", "container_expression"]), min(depth, 5)))

    grammar.lines("mode", "exec\nexec\neval\nsingle\nnope")
    grammar.blocks(
        "source_piece",
        """
@4
for source in (<damaged>, <damaged>, <damaged>):
    compiled(source)
---
compiled(<damaged>, '<mode>')
---
@2
show(lambda: eval(<quoted_expression>))
show(lambda: eval(<quoted_expression>, {'x': <any>}, <dict>))
---
@2
def $F():
    space = {}
    exec(<quoted_statements>, space)
    return sorted(each for each in space if each != '__builtins__')
printed($F)
---
def $F($x=<any>):
    exec(<quoted_statements>)
    return locals()
printed($F)
---
@2
def $F():
    tree = ast.parse(<quoted_statements>)
    print(ast.unparse(tree))
    print(ast.dump(tree)[:2000])
show($F)
---
show(lambda: ast.unparse(ast.parse(<quoted_expression>, mode='eval')))
show(lambda: ast.dump(ast.parse(<quoted_expression>), include_attributes=True)[:3000])
---
show(lambda: ast.literal_eval(<quoted_expression>))
---
def $F():
    code = compile(<quoted_statements>, 'name', '<mode>', optimize=<small_int>)
    code_text(code)
show($F)
---
def $F(<parameters>):
    <body*4>
code_text($F.__code__)
show(lambda: $F.__code__.replace(co_name=<any>, co_firstlineno=<any>))
---
def $F():
    warnings.simplefilter('<warning_action>')
    warnings.warn(<any>, <warning_class>)
    warnings.warn(<string>, <warning_class>, stacklevel=<small_int>)
    <simple_statement>
show($F)
show($F)
---
def $F():
    with warnings.catch_warnings(record=True) as caught_ones:
        warnings.simplefilter('always')
        exec(<damaged>)
        exec(<warned>)
    print([(each.category, str(each.message), each.lineno) for each in caught_ones])
show($F)
---
compiled(<warned>)
---
show(lambda: exec(<any>))
show(lambda: eval(<any>, <any>))
show(lambda: compile(<any>, <any>, <any>))
---
def $F():
    table = symtable.symtable(<quoted_statements>, 'name', 'exec')
    print(sorted((each.get_name(), each.is_local(), each.is_global(), each.is_free(), each.is_assigned()) for each in table.get_symbols()))
    print([(each.get_name(), each.get_type(), each.get_lineno()) for each in table.get_children()])
show($F)
---
show(lambda: [(each.type, each.string, each.start, each.end) for each in tokenize.generate_tokens(io.StringIO(<damaged>).readline)])
""",
    )
    grammar.lines("warning_action", "always\nerror\ndefault\nonce\nignore\nmodule")
    grammar.lines("warning_class", "UserWarning\nDeprecationWarning\nRuntimeWarning\nSyntaxWarning\nValueError\n<any>")
    grammar.lines(
        "warned",
        r"""
        'x is 1'
        '"\\d"'
        'b"\\8"'
        '(1)(2)'
        '[1](2)'
        '"a"[1, 2]'
        '() is ()'
        'assert (1, "x")'
        '"\\400"'
        '1if 1else 2'
        '0x1for x in []'
        '"a" "b"()'
        'None.x; None[0]'
        'f"{1}" is 1'
        '{1}[0]'
        '[][None]'
        """,
    )


def split(line):
    """The tokens of a line with the blanks behind them, as far as they can be told apart."""
    words = []
    position = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(line.strip()).readline):
            if token.end[1] > position and token.start[0] == 1:
                words.append(line.strip()[position : token.end[1]])
                position = token.end[1]
    except (tokenize.TokenError, SyntaxError, IndentationError):
        pass
    indentation = line[: len(line) - len(line.lstrip())]
    return [indentation, *words, line.strip()[position:]]
