"""Numbers: mixed arithmetic, formatting and parsing at the edges."""


def add_to(grammar):
    # Without `is`: which equal values are one object is nobody's promise.
    grammar.lines(
        "binary_operator", "+\n-\n*\n/\n//\n%\n&\n|\n^\n@\n<\n<=\n>\n>=\n==\n!=\nin\nnot in\nand\nor"
    )
    grammar.lines("augmented", "+=\n-=\n*=\n/=\n//=\n%=\n&=\n|=\n^=\n@=")
    grammar.lines(
        "odd_number_text",
        r"""
        '0x_1F'
        ' 12 '
        '1_0'
        '1__0'
        '_1'
        '1_'
        '+-1'
        '- 1'
        ''
        '٣٤'
        '1e5'
        '1e400'
        '-.5'
        '5.'
        'nan'
        '-Infinity'
        'infinit'
        '0b2'
        '0o17'
        '1.5_0'
        '1\x00'
        '\u2003 7 \u2003'
        b'12'
        b' 0x1f '
        bytearray(b'7')
        '9' * 30
        '1' * 4400
        '1+2j'
        '(1-2j)'
        '1j2'
        'j'
        '-j'
        '1e5j'
        '1 + 2j'
        'nan+infj'
        """,
    )
    grammar.lines("base", "0\n2\n3\n8\n10\n16\n32\n36\n37\n1\n-1\n<int>\nTrue")
    options = {
        "align": ["", "", "", "<", ">", "^", "=", "*<", "0>", "é^", "}>", "{<"],
        "sign": ["", "", "", "+", "-", " ", "z", "+z"],
        "alternate": ["", "", "", "#"],
        "width": ["", "", "0", "1", "5", "012", "10", "20", "00005"],
        "grouping": ["", "", "", "", ",", "_", "_,"],
        "precision": ["", "", "", ".0", ".1", ".3", ".10", ".20", "."],
        "code": ["", "", *"dxXobcneEfFgG%srq"],
    }
    @grammar.hook("spec")
    def spec(expansion, depth):
        return "".join(expansion.random.choice(choices) for choices in options.values())

    @grammar.hook("plain_spec")
    def plain_spec(expansion, depth):
        """Fit for an f-string: without braces and quotes."""
        return spec(expansion, depth).replace("{", "").replace("}", "")

    @grammar.hook("percent")
    def percent(expansion, depth):
        choose = expansion.random.choice
        flags = "".join(choose(["", "", "0", "-", " ", "+", "#"]) for _ in range(2))
        return "%" + flags + choose(["", "", "5", "10", "*"]) + choose(["", "", ".0", ".3", ".*", "."]) + choose(["", "", "", "l", "h"]) + choose("diouxXeEfFgGcrsa%bzs")

    grammar.lines(
        "number_expression",
        """
        @3
        <number> <binary_operator> <number>
        @2
        <any> <binary_operator> <any>
        format(<number>, '<spec>')
        '<percent>' % <number>
        '<percent>' % (<number>,)
        '<percent>|<percent>' % (<any>, <any>)
        b'<percent>' % <any>
        f'{<int>:<plain_spec>}'
        '{:<spec>}'.format(<number>)
        int(<odd_number_text>)
        int(<odd_number_text>, <base>)
        float(<odd_number_text>)
        complex(<odd_number_text>)
        int(<string>, <base>)
        str(<number>)
        divmod(<number>, <number>)
        pow(<int>, <small_int>)
        pow(<small_int>, <small_int>, <int>)
        pow(<int>, 65537, <int>)
        round(<number>, <small_int>)
        round(<number>, <any>)
        <number> // <number>
        <float>.hex()
        <float>.as_integer_ratio()
        <float>.is_integer()
        float.fromhex(<float>.hex())
        float.fromhex(<odd_number_text>)
        (<int>).to_bytes(<small_int>, 'big')
        (<int>).to_bytes(<small_int>, 'little', signed=<condition>)
        (<int>).to_bytes(length=9, byteorder=<string>, signed=True)
        int.from_bytes(<bytes>, 'little', signed=<condition>)
        int.from_bytes(<iterable>, 'big')
        (<int>).bit_count()
        (<int>).as_integer_ratio()
        hex(<int>) + oct(<int>) + bin(<int>)
        chr(<int>)
        (<int>).__index__().__add__(<any>)
        <number>.__pow__(<small_int>, <small_int>)
        <int>.__rsub__(<number>)
        <int>.__divmod__(<number>)
        <float>.__rfloordiv__(<number>)
        (<int>).__round__(<small_int>)
        <float>.__round__(<any>)
        <float>.__trunc__(), <float>.__floor__(), <float>.__ceil__()
        hash(<int>) == hash(float(<int>))
        [<int>, <float>, <int>, <condition>] < [<int>, <float>]
        max(<number>, <number>, key=<function>)
        min(<iterable>, default=<any>)
        sum(<iterable>, <any>)
        math.floor(<number>), math.ceil(<number>)
        math.gcd(<int>, <int>), math.isqrt(<int>)
        math.comb(<small_int>, <small_int>), math.perm(<small_int>)
        math.fsum(<iterable>)
        math.copysign(<number>, <number>), math.ldexp(<float>, <small_int>)
        (<int>) * (10 ** 40 + <int>) // (10 ** 17 + <int>)
        divmod(10 ** 60 + <int>, -(10 ** 25) + <int>)
        str(3 ** 200 + <int>)[:<small_int>]
        (7 ** 150 >> <small_int>) & ~<int>
        -(2 ** 90) // <int>, -(2 ** 90) % <int>
        float(10 ** 22 + <int>), float(2 ** 53 + <int>)
        (10 ** 30) / (10 ** 29 + <int>)
        """,
    )
