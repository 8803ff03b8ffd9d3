"""Functions: parameters of every kind, calls that fit and that do not, closures, `nonlocal` and `global`, decorators, recursion."""


def add_to(grammar):
    grammar.lines(
        "parameters",
        """
        $x
        $x, $i
        $x=<any>
        $x, /, $i=<any>
        $x, *, $a
        *$l
        **$d
        $x, *$l, $a=<any>, **$d
        $x, $i=1, /, $s='s', *, $a, $a2=<any>
        *, $a, $a2=<int>
        $x: int, $i: 'str' = <any>
        $x, /
        $a, $a2, /, $x=<any>
        """,
    )
    grammar.lines(
        "call_arguments",
        """
        <any>
        <any>, <any>
        *<iterable>
        **<dict>
        <any>, $a=<any>
        $a=<any>, $a2=<any>
        <any>, *<iterable>, **<dict>
        *<list>, *<list>, $a=<any>, **{'$a': 1}
        <any>, <any>, <any>, <any>
        **{'$a': <any>, '$a2': <any>}
        **{<any>: <any>}
        *<any>
        **<any>
        x=<any>
        $x=<any>, $x2=<any>
        <argument*4>
        """,
    )
    grammar.blocks(
        "function_piece",
        """
def $F(<parameters>):
    <body*4>
show(lambda: $F(<call_arguments>))
show(lambda: $F(<call_arguments>))
---
def $F(<parameters>):
    return locals()
show(lambda: $F(<call_arguments>))
show(lambda: $F(<call_arguments>))
show(lambda: $F(<call_arguments>))
print(inspect.signature($F), $F.__defaults__, $F.__kwdefaults__, $F.__annotations__)
---
def $F($x, $i=<any>):
    $s = <string>
    def inner(<parameters>):
        nonlocal $s, $i
        <body*3>
        $s = <any>
        return $i
    <simple_statement>
    show(lambda: inner(<call_arguments>))
    return $s, $i, $x
show(lambda: $F(<call_arguments>))
print($F.__code__.co_varnames, $F.__code__.co_cellvars, $F.__code__.co_freevars, $F.__code__.co_flags)
---
def $F():
    global $x, $i
    <body*3>
    $x = <any>
    del $i
show($F)
show(lambda: ($x, $i))
---
def $F():
    print($x)
    <simple_statement>
    $x = <any>
    <body>
show($F)
show(lambda: [$F() for $F in <iterable>])
---
def $F($i=3):
    if $i <= 0:
        <body*2>
        return $i
    return $i, $F($i - 1)
show(lambda: $F(<small_int>))
---
def $F($i=3):
    return $i, $F($i + 1)
show($F)
---
def $F(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        log('call', args, kwargs)
        try:
            return function(*args, **kwargs)
        finally:
            log('done')
    return wrapper
@$F
def $F2(<parameters>):
    <body*3>
show(lambda: $F2(<call_arguments>))
print($F2.__name__, $F2.__wrapped__.__qualname__)
---
def $F(<parameters>):
    class Local:
        $a = <any>
        $x = $x
        def method(self, $a=$x):
            return $a, $x
    return [Local().method(<argument*2>) for $i in range(2)]
show(lambda: $F(<call_arguments>))
---
$F = [lambda $x=$i: ($x, $i) for $i in range(3)]
show(lambda: [each() for each in $F])
show(lambda: [each(<argument*2>) for each in $F])
---
@functools.lru_cache(maxsize=<small_int>)
def $F(<parameters>):
    log('computed')
    return <any>
for _ in range(2):
    show(lambda: $F(<string_call>))
show(lambda: $F(<string_call>))
print($F.cache_info())
---
@functools.singledispatch
def $F($x):
    return 'any', $x
@$F.register(<builtin_type>)
def _($x, *$l):
    return 'one', $l
@$F.register
def _($x: <builtin_type>):
    return 'two'
show(lambda: $F(<any>))
show(lambda: $F(<any>))
---
def $F(<parameters>):
    <body*3>
$F.__defaults__ = <tuple>
show(lambda: $F(<call_arguments>))
$F.__kwdefaults__ = {'$a': <any>}
show(lambda: $F(<call_arguments>))
---
def $F(<parameters>):
    <body*4>
traced($F, <call_arguments>)
---
def $F($x=<any>):
    def inner():
        return $x
    del $x
    show(inner)
    <body*2>
    $x = 5
    return inner()
show($F)
---
def $F():
    <loop_start>
        <loop*4>
    else:
        print('else')
    return 'end'
show($F)
traced($F)
""",
    )
    # Keywords that are no strings reach a few functions of the reference that do not mind (lru_cache's, str.format); ours refuse them.
    grammar.lines("string_call", "<any>\n<any>, <any>\n*<iterable>\n$a=<any>, $a2=<any>\n<any>, **{'$a': <any>}\n<hashable>\n<hashable>, <hashable>\n1, $a=<hashable>")
    grammar.lines("loop_start", "for $i in <range>:\nfor $x in <iterable>:\nfor $i, $s in enumerate(<string>):")
