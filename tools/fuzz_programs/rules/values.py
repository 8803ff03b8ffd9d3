"""Expressions by the type that they usually have. One in some dozen has another type: what the operations say about it is compared as well.

Left out, because the reference itself does not repeat them: hash(None) and hashes of classes (addresses), id(), sets of them; and the
`__doc__` of what is built in, which Gill says in words of its own.
Powers and shifts take small operands only, and repetitions small counts: programs have to end soon.
"""


def add_to(grammar):
    grammar.lines("small_int", "0\n1\n2\n3\n-1\n-2\n4\n5\n7\n10\nTrue\nFalse")
    grammar.lines(
        "int_literal",
        """
        @8
        <small_int>
        0x1f
        0b101
        0o17
        1_000
        255
        256
        (-129)
        65536
        2147483647
        -2147483648
        4294967296
        9223372036854775807
        -9223372036854775808
        18446744073709551616
        10**20
        -(10**25)
        (2**100 - 1)
        (1 << 70)
        """,
    )
    grammar.lines(
        "int",
        """
        @6
        <int_literal>
        @6
        $i
        (<int> + <int>)
        (<int> - <int>)
        (<int> * <int>)
        (<int> // <int>)
        (<int> % <int>)
        (<int> & <int>)
        (<int> | <int>)
        (<int> ^ <int>)
        (<small_int> ** <small_int>)
        (<int> << <small_int>)
        (<int> >> <small_int>)
        -<int>
        ~<int>
        abs(<int>)
        int(<number>)
        int(<string>)
        len(<any>)
        round(<number>)
        ord(<string>)
        sum(<iterable>)
        min(<int>, <int>)
        max(<int>, <number>)
        (<int> if <condition> else <int>)
        (<int> and <int>)
        (<int> or <int>)
        ($i := <int>)
        divmod(<int>, <int>)[<small_int>]
        (<int>).bit_length()
        <string>.count(<string>)
        <string>.find(<string>)
        <list>[<small_int>]
        hash(<string>)
        @1
        <any>
        """,
    )
    grammar.lines(
        "float",
        """
        0.0
        -0.0
        1.0
        1.5
        -2.5
        0.1
        1e16
        1e-7
        123456.789
        1e300
        5e-324
        float('inf')
        float('-inf')
        float('nan')
        2.0 ** 53
        $x
        (<float> + <number>)
        (<number> - <float>)
        (<float> * <number>)
        (<number> / <number>)
        (<float> // <number>)
        (<float> % <number>)
        (<float> ** <small_int>)
        -<float>
        round(<float>, <small_int>)
        float(<string>)
        float(<int>)
        abs(<number>)
        """,
    )
    grammar.lines(
        "complex",
        """
        1j
        -0j
        (1+2j)
        complex(<number>, <number>)
        (<complex> + <number>)
        (<number> * <complex>)
        (<complex> / <number>)
        (<complex> ** 2)
        complex(<string>)
        <complex>.conjugate()
        """,
    )
    grammar.lines(
        "number",
        """
        @5
        <int>
        @3
        <float>
        <complex>
        <condition>
        Decimalish(<int>)
        IntLike(<int>)
        """,
    )
    grammar.lines(
        "condition",
        """
        @2
        True
        @2
        False
        (<number> < <number>)
        (<any> == <any>)
        (<any> != <any>)
        (<int> <= <number> < <int>)
        (<any_name> is <any_name>)
        (<any_name> is not None)
        (<any> in <iterable>)
        (<any> not in <iterable>)
        not <any>
        bool(<any>)
        isinstance(<any>, <class_info>)
        (<condition> and <condition>)
        (<condition> or <condition>)
        (<string> > <string>)
        (<list> >= <list>)
        (<set> <= <set>)
        all(<iterable>)
        any(<iterable>)
        callable(<any>)
        hasattr(<any>, '<attribute>')
        <string>.startswith(<string>)
        <any>
        """,
    )
    grammar.lines("any_name", "$i\n$s\n$b\n$l\n$d\n$x\n$x2\n$f\n$e")
    grammar.lines(
        "class_info",
        """
        @3
        <builtin_type>
        (<builtin_type>, <builtin_type>)
        <builtin_type> | <builtin_type>
        <builtin_type> | None
        (<any>,)
        object
        """,
    )
    grammar.lines(
        "builtin_type",
        "int\nfloat\nstr\nbytes\nbytearray\nlist\ntuple\ndict\nset\nfrozenset\nbool\ncomplex\nobject\ntype\nrange\nIntLike\nStrLike\nListLike",
    )
    grammar.lines("attribute", "$a\n$a\nreal\nimag\n__name__\n__len__\n__iter__\nappend\nkeys\nupper\nargs\nstart\n__qualname__\n__dict__")
    grammar.lines(
        "any",
        """
        @5
        <int>
        @3
        <float>
        <complex>
        @5
        <string>
        @2
        <bytes>
        @3
        <list>
        @2
        <tuple>
        @2
        <dict>
        @2
        <set>
        @4
        <any_name>
        None
        ...
        @2
        <condition>
        <range>
        slice(<int>, <int>)
        <builtin_type>
        <function>
        Custom(<any>)
        IntLike(<int>)
        StrLike(<string>)
        ListLike(<iterable>)
        (<any> + <any>)
        (<any> - <any>)
        (<any> | <any>)
        (<any> & <any>)
        (<any> % <any>)
        (<any> @ <any>)
        <any>[<subscript>]
        <any>.<attribute>
        <any_name>(<argument*3>)
        """,
    )
    grammar.lines(
        "function",
        """
        len
        repr
        str
        abs
        (lambda $x: <any>)
        (lambda $x, $x2=<any>: <any>)
        (lambda *$l: $l)
        (lambda **$d: $d)
        str.upper
        int.__add__
        <any_name>
        $f
        """,
    )
    grammar.lines(
        "argument",
        """
        @6
        <any>
        *<iterable>
        **{'$a': <any>}
        $a=<any>
        key=<any>
        """,
    )
    grammar.lines(
        "subscript",
        """
        @4
        <int>
        @4
        <slice>
        <string>
        <any>
        <int>, <int>
        <slice>, <int>
        ...
        *<iterable>, 1
        """,
    )
    grammar.lines("bound", "@4\n<small_int>\n<int>\nNone\n@1\n<any>")
    grammar.lines("slice", ":\n<bound>:\n:<bound>\n<bound>:<bound>\n::<bound>\n<bound>:<bound>:<bound>\n::-1\n-3:\n:-1")
    grammar.lines(
        "iterable",
        """
        @3
        <list>
        @2
        <tuple>
        @2
        <range>
        @2
        <set>
        <dict>
        @2
        <string>
        <bytes>
        <dict>.items()
        <dict>.values()
        reversed(<list>)
        zip(<iterable>, <iterable>)
        enumerate(<iterable>)
        map(<function>, <iterable>)
        filter(<function>, <iterable>)
        iter(<iterable>)
        sorted(<iterable>)
        (<any> for $x in <iterable>)
        (<any> for $i in <range> if <condition>)
        counting(<small_int>)
        ListLike(<iterable>)
        <any>
        """,
    )
    # What a set may hold such that its order is the same everywhere: the hashes of None, `...`, functions, classes and NaN are addresses.
    grammar.lines("hashable", "<int_literal>\n<string_literal>\n1.5\n-0.0\n1e300\n<bytes_literal>\n(<hashable>, <hashable>)\nfrozenset(<set>)\n(<hashable>,)\nTrue\n1j")
    grammar.lines("plain_iterable", "<range>\n<string_literal>\n<bytes_literal>\n[<hashable>, <hashable>, <hashable>]\n(<hashable>,)\n<set>\n<plain_dict>\n<plain_dict>.items()\n<unhashable>")
    grammar.lines("unhashable", "[[]]\n[1, {}]\n5\nNone")
    grammar.lines("plain_dict", "{<hashable>: <hashable>, <hashable>: <hashable>}\n{'key': [], 1: 2}\n{}\ndict.fromkeys(<plain_iterable>, <hashable>)")
    grammar.lines("list_literal", "[]\n[0, 1, 2, 3, 4]\n[<any>, <any>]\n[<int>, <int>, <int>]\n['b', 'a', 'c']\n[*<iterable>, <any>]")
