"""Exceptions: chains, groups, notes, `finally` that returns, tracebacks as they are printed."""


def add_to(grammar):
    grammar.lines(
        "exception_class",
        """
        @2
        Exception
        ValueError
        @3
        TypeError
        @2
        ZeroDivisionError
        KeyError
        IndexError
        LookupError
        ArithmeticError
        AttributeError
        NameError
        UnboundLocalError
        RuntimeError
        StopIteration
        OSError
        UnicodeError
        OwnError
        BaseException
        (TypeError, ValueError)
        (LookupError, OwnError)
        """,
    )
    grammar.lines(
        "exception",
        """
        @2
        ValueError(<any>)
        TypeError
        KeyError(<any>)
        OwnError(<any>)
        OwnError(<any>, <any>)
        ZeroDivisionError('zero') from <cause>
        RuntimeError(<string>) from <cause>
        IndexError() from None
        StopIteration(<any>)
        OSError(2, 'No such file', 'name')
        OSError(<small_int>, <any>)
        UnicodeDecodeError('utf-8', b'abc\\xff', 1, 3, 'reason')
        UnicodeEncodeError('ascii', 'aé\\ud800', 1, <small_int>, 'reason')
        AttributeError(<string>, name=<string>, obj=<any>)
        NameError('name', name='valeu')
        ImportError('message', name='n', path='p')
        SyntaxError('bad', ('file', 3, 5, 'some text here', 3, 9))
        SyntaxError(<any>, (<any>, <any>, <any>, <any>))
        SystemError(<any>)
        BadText()
        with_note(ValueError(<any>), <any>)
        <group>
        <any>
        """,
    )
    grammar.lines("cause", "None\nKeyError(<any>)\nOwnError\n$e\n<group>\n<any>")
    grammar.lines(
        "group",
        """
        ExceptionGroup('group', [ValueError(<any>), TypeError('t')])
        ExceptionGroup(<string>, [<plain_exception>, <plain_exception>, OwnError(<any>)])
        ExceptionGroup('outer', [ExceptionGroup('inner', [<plain_exception>]), <plain_exception>])
        BaseExceptionGroup('base', [<plain_exception>, KeyboardInterrupt()])
        ExceptionGroup('group', <list>)
        with_note(ExceptionGroup('noted', [<plain_exception>]), 'line one\\nline two')
        OwnGroup('own', [<plain_exception>, <group>])
        """,
    )
    grammar.lines("plain_exception", "ValueError(<any>)\nTypeError()\nKeyError('k')\nwith_note(OSError(2, 'x'), 'note')\nOwnError(1)\nZeroDivisionError('z')\ncaught(lambda: <any>)")
    grammar.blocks(
        "exception_piece",
        """
def $F(<parameters>):
    <body*2>
    raise <exception>
printed(lambda: $F(<call_arguments>))
---
def $F($x=<any>):
    try:
        <body*3>
    except <exception_class> as $e:
        raise <exception>
    finally:
        <body*2>
printed($F)
---
def $F($i=<small_int>):
    try:
        if $i > 2:
            raise <exception>
        return $F($i + 1)
    finally:
        log('leaving', $i)
        <simple_statement>
printed($F)
---
def $F():
    for $i in range(4):
        try:
            <loop*3>
        except <exception_class>:
            <loop*2>
        else:
            <loop*2>
        finally:
            log('finally', $i)
            <loop*2>
    return 'end'
show($F)
printed($F)
---
def $F():
    try:
        raise <group>
    except* <exception_class> as $e:
        print('first', repr($e))
        <simple_statement>
    except* <exception_class> as $e:
        print('second', $e.exceptions)
        raise
    finally:
        <simple_statement>
printed($F)
---
try:
    $x = <group>
    print($x.split(<exception_class>), $x.subgroup(<exception_class>))
    print($x.split(lambda $e: isinstance($e, <exception_class>)))
    print($x.derive(<list>))
    print($x.message, $x.exceptions, $x.args)
except Exception as $e:
    print(type($e), $e)
---
try:
    $x = <any>
    <simple_statement>
    <simple_statement>
except Exception as $e:
    print(''.join(traceback.format_exception($e)))
    print([(frame.name, frame.lineno, frame.line) for frame in traceback.extract_tb($e.__traceback__)])
    print(list(traceback.extract_tb($e.__traceback__)[-1].line or ''), position_of($e.__traceback__), $e.__context__, $e.__cause__)
---
def $F():
    with <with_item>, <with_item>:
        <body*2>
        raise <exception>
printed($F)
---
def $F():
    $x = $i = $s = <any>
    return (<any> +
            <any>[<subscript>].<attribute>(
                <any>, <any>))
printed($F)
---
class $C(<exception_base>):
    def __str__(self):
        return <any>
    def __init__(self, *args, $a=<any>):
        <method_statement>
        self.$a = $a
printed(lambda: throw($C(<call_arguments>)))
show(lambda: $C(<call_arguments>))
show(lambda: $C(<call_arguments>).__reduce__()[1:])
show(lambda: vars($C(<call_arguments>)))
---
def $F():
    try:
        <simple_statement>
        <exception_maker>
    except Exception as $e:
        try:
            <exception_maker>
        except Exception as error2:
            error2.add_note(<string>)
            error2.__cause__ = $e
            error2.__suppress_context__ = <condition>
            raise
printed($F)
---
$x = <exception_of>
show(lambda: ($x, str($x), $x.args))
show(lambda: $x.<exception_attribute>)
show(lambda: setattr($x, '<exception_attribute>', <any>))
show(lambda: ($x, str($x)))
show(lambda: copy.copy($x))
show(lambda: $x.with_traceback(<any>))
printed(lambda: throw($x))
""",
    )
    # The reference reads the byte at the start of a UnicodeDecodeError wherever that is.
    grammar.lines("exception_of", "ValueError(<any>)\nOSError(<any>, <any>, <any>)\nOSError(<small_int>, <string>)\nKeyError(<any>)\nSyntaxError(<any>, (<string>, <int>, <int>, <string>))\nStopIteration(<any>)\nSystemExit(<any>)\nImportError(<any>, name=<any>)\nUnicodeDecodeError(<string>, b'abc\\xff', 1, <int>, <string>)\nUnicodeTranslateError(<string>, <int>, <int>, <string>)\nAttributeError(<any>)\n<group>")
    grammar.lines("exception_attribute", "args\nerrno\nstrerror\nfilename\nfilename2\nmsg\nlineno\noffset\ntext\nname\nobj\nvalue\ncode\nstart\nend\nreason\nobject\nencoding\n__cause__\n__context__\n__notes__\n__suppress_context__\nexceptions\nmessage\nend_lineno\ncharacters_written")
    grammar.lines("exception_base", "Exception\nValueError\nKeyError\nOSError\nOwnError\nBaseException\nException, ValueError\nStopIteration\nExceptionGroup")
    grammar.lines("method_statement", "pass\nsuper().__init__(*args)\nsuper().__init__()\nself.args = <any>\nlog(args)")
    grammar.lines(
        "exception_maker",
        """
        raise <exception>
        <any>.<attribute>
        <any>[<any>]
        <list>[<int>]
        <dict>[<any>]
        1 / <int>
        int(<string>)
        undefined_name
        vale
        <any>()
        $x, $x2 = <iterable>
        <string> + <int>
        from math import <attribute>
        import nowhere.<attribute>
        len(<int>)
        <any> < <any>
        math.sqrt(<number>, <any>)
        """,
    )
