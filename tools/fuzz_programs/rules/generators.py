"""Generators and coroutines, driven by hand: `send`, `throw`, `close`, `yield from`, `await`, `async for`, `async with`."""


def add_to(grammar):
    grammar.blocks(
        "gen_stmt",
        """
@8
<simple_statement>
---
@6
yield <any>
---
@4
$x = yield <any>
---
@3
$x = yield from <delegate>
---
log((yield))
---
return <any>
---
@2
if <condition>:
    <gen_stmt*2>
---
@2
for $i in <range>:
    <gen_stmt*2>
---
for $x in <iterable>:
    yield $x, <any>
---
@3
try:
    <gen_stmt*3>
except <exception_class> as $e:
    log('caught', $e)
    <gen_stmt*2>
---
@3
try:
    <gen_stmt*2>
finally:
    log('finally')
    <gen_stmt*2>
---
try:
    <gen_stmt*2>
except GeneratorExit:
    <gen_stmt>
---
@2
with <with_item>:
    <gen_stmt*2>
---
while again():
    <gen_stmt>
    $x = yield 'loop'
    if $x is None:
        break
---
match (yield <any>):
    case <pattern_case>:
        <gen_stmt*2>
---
yield lambda: (yield <any>)
""",
    )
    grammar.lines("delegate", "@3\ncounting(<small_int>)\n<iterable>\n$f(<any>)\nechoing()\nstubborn()\n@2\nechoing()\nIterator(<small_int>)")
    grammar.lines(
        "drive",
        """
        @4
        next(made)
        @4
        made.send(<any>)
        @2
        made.throw(<exception_class_one>)
        made.throw(<exception_class_one>(<any>))
        made.throw(<any>)
        made.throw(<exception_class_one>, <any>)
        made.close()
        made.gi_frame is None, made.gi_running, made.gi_yieldfrom
        list(itertools.islice(made, <small_int>))
        iter(made) is made
        made.gi_frame.f_locals
        made.gi_frame.f_lineno
        """,
    )
    grammar.lines("exception_class_one", "ValueError\nGeneratorExit\nStopIteration\nOwnError\nKeyError\nTypeError\nZeroDivisionError\nBaseException")
    grammar.blocks(
        "generator_piece",
        """
@4
def $F(<parameters>):
    yield 'first'
    <gen_stmt*5>
made = made_from(lambda: $F, <call_arguments>)
show(lambda: <drive>)
show(lambda: <drive>)
show(lambda: <drive>)
show(lambda: <drive>)
show(lambda: <drive>)
del made
---
@2
def $F(<parameters>):
    <gen_stmt*4>
    yield
show(lambda: list(itertools.islice($F(<call_arguments>), 5)))
printed(lambda: list(itertools.islice($F(<call_arguments>), 5)))
---
def inner():
    <gen_stmt*3>
    return <any>
    yield
def $F():
    <gen_stmt*1>
    $x = yield from inner()
    log('inner gave', $x)
    <gen_stmt*1>
made = $F()
show(lambda: <drive>)
show(lambda: <drive>)
show(lambda: <drive>)
show(lambda: <drive>)
printed(lambda: <drive>)
---
made = (<any> for $x in <iterable> if <condition>)
show(lambda: <drive>)
show(lambda: <drive>)
show(lambda: <drive>)
---
def $F(<parameters>):
    <gen_stmt*3>
    yield
traced(lambda *$l, **$d: list(itertools.islice($F(*$l, **$d), 4)), <call_arguments>)
---
@contextlib.contextmanager
def $F($x=<any>):
    log('enter')
    try:
        <simple_statement>
        yield $x
        <gen_stmt*1>
    except <exception_class> as $e:
        log('handled', $e)
        <simple_statement>
    finally:
        log('exit')
def $F2():
    with $F(<any>) as $x:
        <body*3>
show($F2)
printed($F2)
""",
    )
    grammar.blocks(
        "async_stmt",
        """
@8
<simple_statement>
---
@5
$x = await <awaitable>
---
@2
async for $x in <async_iterable>:
    log($x)
    <async_stmt>
---
async for $x in <async_iterable>:
    <simple_statement>
else:
    log('else')
---
@2
async with <async_manager> as $x:
    <async_stmt*2>
---
try:
    <async_stmt*3>
except <exception_class> as $e:
    log('caught', $e)
finally:
    <async_stmt>
---
return <any>
---
print([$x async for $x in <async_iterable>])
---
print({await <awaitable>: $i for $i in <range>})
---
print([await <awaitable> for $i in <range>])
---
if <condition>:
    <async_stmt*2>
---
for $i in <range>:
    <async_stmt>
---
with <with_item>:
    <async_stmt>
---
match await <awaitable>:
    case <pattern_case>:
        <async_stmt>
""",
    )
    grammar.lines("awaitable", "@4\nPause(<any>)\nanswer(<any>)\nanswer(await Pause(<any>))\n<any>\n$f(<any>)\nfailing(<exception_class_one>)\nasync_counting(2).__anext__()\nasync_counting(2).asend(<any>)\nanext(async_counting(2), <any>)\nanext(async_counting(0), <any>)")
    grammar.lines("async_iterable", "@4\nasync_counting(<small_int>)\n(each async for each in async_counting(2))\n<any>\nAsyncIterator(<small_int>)")
    grammar.lines("async_manager", "@3\nAsyncManager(<any>)\nAsyncManager(<any>, suppress=True)\n<any>\nasync_managed(<any>)")
    grammar.lines(
        "async_drive",
        """
        @3
        made.send(None)
        made.send(<any>)
        made.throw(<exception_class_one>)
        made.throw(<exception_class_one>(<any>))
        made.close()
        made.cr_frame is None, made.cr_running, made.cr_await
        made.cr_origin
        """,
    )
    grammar.lines(
        "async_gen_drive",
        """
        @3
        driven(made.__anext__())
        driven(made.asend(<any>))
        driven(made.athrow(<exception_class_one>))
        driven(made.athrow(<exception_class_one>(<any>)))
        driven(made.aclose())
        made.__anext__().send(None)
        made.asend(None).throw(<exception_class_one>)
        made.ag_running, made.ag_await, made.ag_frame is None
        driven(anext(made, <any>))
        """,
    )
    grammar.blocks(
        "async_piece",
        """
@3
async def $F(<parameters>):
    <async_stmt*5>
show(lambda: driven($F(<call_arguments>)))
printed(lambda: driven($F(<call_arguments>)))
---
@2
async def $F(<parameters>):
    await Pause('start')
    <async_stmt*4>
made = made_from(lambda: $F, <call_arguments>)
show(lambda: <async_drive>)
show(lambda: <async_drive>)
show(lambda: <async_drive>)
show(lambda: <async_drive>)
del made
---
@2
async def $F(<parameters>):
    yield 'first'
    <async_stmt_yielding*4>
made = made_from(lambda: $F, <call_arguments>)
show(lambda: <async_gen_drive>)
show(lambda: <async_gen_drive>)
show(lambda: <async_gen_drive>)
show(lambda: <async_gen_drive>)
del made
---
async def $F():
    return [<any> async for $x in <async_iterable> if <condition>], {$i: await <awaitable> for $i in <range>}
show(lambda: driven($F()))
---
async def $F(<parameters>):
    <async_stmt*4>
traced(lambda *$l, **$d: driven($F(*$l, **$d)), <call_arguments>)
""",
    )
    grammar.blocks(
        "async_stmt_yielding",
        """
@4
yield <any>
---
@3
$x = yield <any>
---
@3
<async_without_return>
---
try:
    <async_stmt_yielding*3>
except <exception_class> as $e:
    log('caught', $e)
    yield <any>
---
try:
    <async_stmt_yielding*2>
finally:
    log('finally')
    <async_stmt_yielding>
---
async for $x in <async_iterable>:
    yield $x
---
return
""",
    )
    grammar.lines("async_without_return", "$x = await <awaitable>\n<simple_statement>\nlog(await <awaitable>)")
