"""Lists, tuples, dicts, sets, ranges: literals, displays with stars, comprehensions, sorting, slices that are assigned and deleted."""


def add_to(grammar):
    grammar.lines(
        "list",
        """
        @6
        <list_literal>
        @6
        $l
        [<any*4>]
        [<any> for $x in <iterable>]
        [<any> for $i in <range> if <condition>]
        [($i, $s) for $i in <range> for $s in <string>]
        [[<int> for $i in <range>] for $i2 in range(2)]
        [$x for $x, *$l in <iterable>]
        [(yielded := <any>) for $i in range(3)]
        [*<iterable>, *<iterable>]
        (<list> + <list>)
        (<list> * <small_int>)
        <list>[<slice>]
        list(<iterable>)
        sorted(<iterable>)
        sorted(<iterable>, key=<function>, reverse=<condition>)
        <string>.split(<string>)
        <string>.split()
        list(<dict>.keys())
        ListLike(<iterable>)
        """,
    )
    grammar.lines(
        "tuple",
        """
        @2
        ()
        (<any>,)
        @2
        (<any>, <any>)
        (<int>, <string>, <float>)
        (*<iterable>, <any>)
        tuple(<iterable>)
        (<tuple> + <tuple>)
        (<tuple> * <small_int>)
        <tuple>[<slice>]
        divmod(<int>, <int>)
        """,
    )
    grammar.lines(
        "dict",
        """
        @2
        {}
        @4
        $d
        {'key': <any>, 'a': <any>}
        {<hashable>: <any>, <hashable>: <any>}
        {**<dict>, 'key': <any>}
        {$x: <any> for $x in <iterable>}
        {$s: $i for $i, $s in enumerate(<iterable>)}
        dict(<iterable>)
        dict(<dict>, $a=<any>)
        dict(zip(<iterable>, <iterable>))
        dict.fromkeys(<iterable>, <any>)
        (<dict> | <dict>)
        """,
    )
    grammar.lines(
        "set",
        """
        {<hashable>, <hashable>}
        {1, 2, 3}
        set()
        set(<range>)
        set(<string>)
        frozenset(<range>)
        {<int_literal> for $i in <range>}
        {$i * <small_int> for $i in <range>}
        (<set> | <set>)
        (<set> & <set>)
        (<set> - <set>)
        (<set> ^ <set>)
        {*<range>, *<string>}
        <plain_dict>.keys() & <set>
        """,
    )
    grammar.lines(
        "range",
        """
        @4
        range(<small_int>)
        @2
        range(5)
        range(<small_int>, <small_int>)
        range(<small_int>, <small_int>, <small_int>)
        range(10, -1, -3)
        range(<int>, <int>, <int>)[:5]
        """,
    )
    grammar.lines(
        "container_expression",
        """
        @2
        <list>
        @2
        <dict>
        @2
        <set>
        <tuple>
        <range>
        <range> == <range>, hash(<range>) == hash(<range>)
        <range>[<subscript>], <range>.index(<any>), <range>.count(<any>)
        slice(<any>, <any>, <any>).indices(<int>)
        slice(<bound>, <bound>) == slice(<bound>, <bound>)
        <any>[<subscript>]
        <list>[<slice>] + <list>[<slice>]
        <list>.index(<any>, <bound>)
        <list>.count(<any>)
        <list> < <list>, <tuple> >= <tuple>
        <list> == <list>, <dict> == <dict>, <set> < <set>
        <set>.<set_method>(<plain_iterable>)
        <set>.<set_method>(<plain_iterable>, <plain_iterable>)
        list(zip(<iterable>, <iterable>, strict=<condition>))
        list(map(<function>, <iterable>, <iterable>))
        list(enumerate(<iterable>, <int>))
        list(reversed(<iterable>))
        list(filter(<any>, <iterable>))
        list(zip(range(5), iter(<function>, <any>)))
        next(iter(<iterable>), <any>)
        next(<iterable>)
        sorted(<iterable>, key=lambda $x: <any>)
        sorted(<iterable>, key=repr, reverse=True)
        sorted(<list>, key=functools.cmp_to_key(lambda $x, $x2: <int>))
        max(<iterable>, key=<function>)
        min(<any>, <any>, <any>)
        list(itertools.<itertool>)
        itertools.<itertool>
        list(itertools.islice(itertools.<endless>, <small_int>))
        collections.Counter(<iterable>).most_common(<small_int>)
        collections.Counter(<iterable>) + collections.Counter(<iterable>)
        collections.deque(<iterable>, <small_int>)
        collections.OrderedDict(<dict>)
        collections.ChainMap(<dict>, <dict>)['key']
        collections.defaultdict(<function>, <dict>)['new']
        collections.namedtuple('Point', <string>)
        collections.namedtuple('Point', 'x y z', defaults=<iterable>)(<argument*3>)
        operator.itemgetter(<subscript_value>)(<any>)
        operator.attrgetter('<attribute>')(<any>)
        operator.methodcaller('<attribute>', <argument*2>)(<any>)
        functools.reduce(<function>, <iterable>, <any>)
        functools.partial(<function>, <argument*2>)(<argument*2>)
        bisect.bisect_left(<list>, <any>)
        heapq.nsmallest(<small_int>, <iterable>, key=<function>)
        copy.deepcopy(<any>)
        pickle.loads(pickle.dumps(<any>, <small_int>))
        list(<dict>.items()), list(<dict>)
        <plain_dict>.keys() <set_operator> <plain_iterable>
        <plain_dict>.items() <set_operator> <plain_dict>.items()
        {<any>: 1}
        len({<any>, <any>})
        isinstance(<any>, collections.abc.<abc>)
        type(<any>).__mro__
        [*<range>][<slice>][<slice>]
        len(<any>), bool(<any>)
        (lambda *$l, **$d: ($l, $d))(<argument*4>)
        print(<any*3>, sep=<string>, end=<string>)
        """,
    )
    grammar.lines("subscript_value", "<int>\n<string>\nslice(<bound>, <bound>)\n<int>, <int>\n<any>")
    grammar.lines("abc", "Hashable\nIterable\nIterator\nSized\nContainer\nSequence\nMutableSequence\nMapping\nSet\nCallable\nGenerator\nByteString\nCollection\nReversible")
    grammar.lines("set_operator", "&\n|\n-\n^\n<\n<=\n==\n>=")
    grammar.lines(
        "set_method",
        "union\nintersection\ndifference\nsymmetric_difference\nissubset\nissuperset\nisdisjoint\nupdate\nintersection_update\ndifference_update\n__contains__\n__or__\n__rsub__\nadd\ndiscard\nremove",
    )
    grammar.lines(
        "itertool",
        """
        chain(<iterable>, <iterable>)
        chain.from_iterable(<iterable>)
        combinations(<iterable>, 2)
        permutations(<string>[:3], <small_int>)
        product(<range>, <string>[:3], repeat=1)
        accumulate(<iterable>, <function>)
        accumulate(<iterable>, initial=<any>)
        groupby(<iterable>, <function>)
        compress(<iterable>, <iterable>)
        dropwhile(<function>, <iterable>)
        takewhile(<function>, <iterable>)
        filterfalse(<function>, <iterable>)
        islice(<iterable>, <bound>, <bound>)
        islice(<iterable>, <small_int>)
        pairwise(<iterable>)
        starmap(<function>, <iterable>)
        zip_longest(<iterable>, <iterable>, fillvalue=<any>)
        combinations_with_replacement(<string>[:3], <small_int>)
        repeat(<any>, <small_int>)
        tee(<iterable>)[0]
        """,
    )
    grammar.lines("endless", "count(<number>, <number>)\ncycle(<iterable>)\nrepeat(<any>)\ncount(<int>)")
    grammar.lines("target_item", "$l[<subscript>]\n$d[<hashable>]\n$x.<attribute>\n$x[<subscript>]\n$b[<subscript>]\n$l[<slice>]\n$l[<slice>]")
