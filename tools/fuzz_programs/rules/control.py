"""Statements: assignments of every form, loops with `else`, `with`, `match`, `del`, `assert`; how control leaves nested blocks."""


def add_to(grammar):
    grammar.lines("name_list", "$i\n$s\n$x\n$l\n$x, $i\n$i, $i2, $s")
    grammar.lines(
        "target",
        """
        @6
        $x
        @3
        $i
        @2
        $s
        $l
        $x, $x2
        $x, *$l
        *$l, $x
        [$x, ($i, $s)]
        ($x, $x2), $i
        <target_item>
        <target_item>, $x
        $x.<own_attribute>
        """,
    )
    grammar.lines("own_attribute", "$a")
    grammar.blocks(
        "simple_statement",
        """
@4
print(<any*3>)
---
@4
<target> = <any>
---
<target> = <target> = <any>
---
$i = <int>
---
$s = <string>
---
$l = <list>
---
$d = <dict>
---
$i <augmented> <number>
---
$x <augmented> <any>
---
$l += <iterable>
---
$s += <string>
---
$d |= <dict>
---
<target_item> <augmented> <any>
---
$l[<slice>] = <iterable>
---
$b[<slice>] = <bytes>
---
del $l[<subscript>]
---
del $d[<hashable>]
---
del $x
---
del $x.<attribute>, $l[<subscript>]
---
$x: <builtin_type> = <any>
---
$x.<own_attribute>: int
---
assert <condition>
---
assert <condition>, <any>
---
pass
---
<any>
---
raise <exception>
---
$l.append(<any>)
---
$d[<hashable>] = <any>
---
$d.update(<argument*2>)
---
$l.sort(key=<function>)
---
$x = <function>
---
log(<any*2>)
""",
    )
    # `break`, `continue`, `return`, `yield` and `nonlocal` are only valid somewhere: what surrounds a statement is part of the rule's name.
    for place, leaving in (
        ("stmt", ["raise <exception>", "raise", "pass"]),
        ("body", ["return <any>", "return", "raise <exception>", "raise", "return ($i, $s)"]),
        ("loop", ["return <any>", "break", "continue", "break", "continue", "raise <exception>", "raise"]),
    ):
        statements(grammar, place, place if place == "stmt" else "loop", leaving)
    grammar.lines(
        "with_item",
        """
        @4
        Manager(<string>)
        Manager(<string>, suppress=<condition>)
        Manager(<string>, suppress=(TypeError, ZeroDivisionError))
        managed(<any>)
        contextlib.suppress(<exception_class>)
        contextlib.nullcontext(<any>)
        Manager(<string>) as $x
        Manager(<any>) as ($x, $x2)
        managed(<any>) as $i
        BadManager()
        <any>
        """,
    )
    patterns(grammar)


def statements(grammar, place, loop, leaving):
    for text in leaving:
        grammar.blocks(place, text)
    body = place
    # Where a loop stands in a function, its body may return too; at the top of a program there is no `return`.
    inner = "loop" if place != "stmt" else "top_loop"
    if place == "stmt":
        for text in ("break", "continue", "pass"):
            grammar.blocks("top_loop", text)
        grammar.blocks("top_loop", "@12\n<simple_statement>\n---\n@3\nif <condition>:\n    <top_loop*2>\n---\ntry:\n    <top_loop*2>\nfinally:\n    <top_loop*2>")
    grammar.blocks(
        place,
        f"""
@14
<simple_statement>
---
@3
if <condition>:
    <{body}*2>
---
if <condition>:
    <{body}*2>
elif <condition>:
    <{body}*2>
else:
    <{body}*2>
---
@2
for $i in <range>:
    <{inner}*3>
---
for <target> in <iterable>:
    <{inner}*2>
else:
    <{body}*2>
---
for $x in (<any>, *<iterable>):
    <{inner}*2>
---
while again() and <condition>:
    <{inner}*2>
else:
    <{body}*1>
---
for step in range(3):
    while again() and <condition>:
        <{inner}*2>
        break
    else:
        <{inner}*1>
---
@3
try:
    <{body}*3>
except <exception_class>:
    <{body}*2>
---
@2
try:
    <{body}*2>
except <exception_class> as $e:
    print(type($e), $e)
    <{body}*2>
else:
    <{body}*2>
finally:
    <{body}*2>
---
@2
try:
    <{body}*2>
finally:
    <{body}*2>
---
try:
    <{body}*2>
except* <exception_class> as $e:
    print(repr($e), $e.exceptions)
    <simple_statement>
---
try:
    raise <group>
except* <exception_class> as $e:
    print(repr($e))
    <simple_statement>
except* (<exception_class>, <exception_class>):
    <simple_statement>
---
try:
    <{body}*2>
except:
    <{body}*2>
---
@2
with <with_item>:
    <{body}*2>
---
with <with_item>, <with_item>:
    <{body}*2>
---
with (<with_item>, <with_item>,):
    <{body}*2>
---
@2
match <subject>:
    case <pattern_case>:
        <{body}*2>
    case <pattern_case> if <condition>:
        <{body}*2>
    case _:
        <simple_statement>
---
match <subject>:
    case <pattern_case>:
        print($x, $i)
---
def $f(<parameters>):
    <body*3>
print($f(<argument*2>))
---
class $C<bases>:
    <class_item*3>
$x = $C(<argument*2>)
""",
    )


def patterns(grammar):
    grammar.lines("subject", "@2\n<any>\n(<any>, <any>)\n[<any>, <any>, <any>]\n<dict>\nPoint(<any>, <any>)\n$x, $i\n<string>\n<list>\nDefined(<any>)")
    grammar.lines(
        "pattern_case",
        """
        0
        -1
        1.5 | 2
        -1+2j
        'abc'
        b'a' | None | True
        <captures>
        [<closed>, <closed>]
        (<closed>, *_)
        [$x, *$l]
        [*_, $x]
        []
        {'key': <closed>}
        {'key': $x, **$d}
        {}
        int($i)
        str() as $s
        float() | int()
        Point(<closed>, <closed>)
        Point(x=<closed>, y=<closed>)
        Point(<closed>, x=<closed>)
        Point(<closed>, <closed>, <closed>)
        Defined(<closed>)
        Defined($x, other=<closed>)
        list([$x, $x2])
        dict(key=$x)
        Colour.RED
        math.inf
        (1 | 2 | 3) as $i
        [Point(x=0), [$x, *_]]
        {'a': [$i, *_], 'key': None | str()}
        tuple((<closed>,))
        BaseException(args=($x, *_))
        int(real=$x, imag=0)
        nothing.RED
        $x.y
        """,
    )
    grammar.lines("captures", "[$x, $i]\n{'a': $x}\nPoint($x, $i)\n[[$x, *$l], *_]")
    grammar.lines("closed", "_\n_\n0\n'a'\nint()\nNone\n-1 | 1\nstr() | bytes()\n[_, *_]\n{}\n[]\nPoint(x=0)")
