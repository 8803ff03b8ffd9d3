"""Strings and bytes: literals, formatting by `%`, `format` and f-strings, codecs, surrogates, buffers."""


def add_to(grammar):
    grammar.lines(
        "string_literal",
        r"""
        ''
        'a'
        'abc'
        'Hello World'
        'the quick  brown\tfox\n'
        'été'
        'ß'
        'ŉ'
        'İstanbul'
        'ΑΣ'
        '\u0301e'
        '\U0001f600!'
        '\ud800'
        'x\udc80y'
        '\x00\x7f\x80\xa0'
        '12'
        '-3.5'
        '²½'
        'a,b,,c'
        'line\r\nnext\x0bpage\x0c\x1c\x85\u2028end'
        ' \u2003 spaced \xa0'
        '{} {0} {a}'
        '%s %d'
        'ab' * 40
        "it's"
        'say "hi"'
        "'\""
        '\\'
        r'\d+'
        'aaaa'
        'ijk'
        """,
    )
    grammar.lines(
        "string",
        """
        @8
        <string_literal>
        @6
        $s
        (<string> + <string>)
        (<string> * <small_int>)
        <string>[<slice>]
        <string>[<small_int>]
        str(<any>)
        repr(<any>)
        ascii(<string>)
        <string>.upper()
        <string>.lower()
        <string>.title()
        <string>.casefold()
        <string>.swapcase()
        <string>.capitalize()
        <string>.strip(<string>)
        <string>.replace(<string>, <string>)
        <string>.replace(<string>, <string>, <small_int>)
        <string>.center(<small_int>, '*')
        <string>.zfill(<small_int>)
        <string>.join(map(str, <iterable>))
        <string>.expandtabs(<small_int>)
        <string>.removeprefix(<string>)
        <string>.translate({97: <any>, ord('b'): None, 'x': 'y'})
        <string>.translate(str.maketrans(<string>, <string>))
        <bytes>.decode('<encoding>', '<error_handler>')
        chr(<small_int> + 97)
        '%s' % (<any>,)
        '%r and %a' % (<any>, <string>)
        <fstring>
        format(<any>, <string>)
        <string>.format(<any>, <any>, a=<any>)
        """,
    )
    grammar.lines("encoding", "utf-8\nascii\nlatin-1\nutf-16\nutf-32-be\nutf-7\ncp1252\nunicode_escape\nraw_unicode_escape\nutf-8-sig\nidna\npunycode\nnope\nUTF8\nutf_16_le\ncp437\nrot13\nhex")
    grammar.lines("error_handler", "strict\nignore\nreplace\nbackslashreplace\nxmlcharrefreplace\nsurrogateescape\nsurrogatepass\nnamereplace\nnope")
    grammar.lines(
        "fstring",
        """
        f'{<simple>}'
        f'{<simple>!r:>{<small_int>}}'
        f'{<simple>!s:<plain_spec>}|{<simple>!a}'
        f'{<simple>:<plain_spec>}'
        f'{<simple>=}'
        f'{<simple> = !r}'
        f'{<simple>=:<plain_spec>}'
        f'{<simple>:{$i}.{$i2}}'
        f'{{}}{<simple>}{{<simple>}}'
        f'{<simple>:{$s}{$i}}'
        f'{(lambda $x: <simple>)(<simple>)}'
        f'{<simple>,}'
        f'{[<simple> for $i in range(3)]}'
        f'a' 'b{{' f'{<simple>}'
        rf'\\{<simple>}\\n'
        f'{<simple> if <simple>else <simple>}'
        f"{$d['key']} {$l[0]} {$s[0:2]!r:*^9}"
        """,
    )
    # No quotes and no backslashes: they cannot stand in the braces.
    grammar.lines(
        "simple",
        """
        @3
        $i
        @2
        $s
        $l
        $d
        $x
        $b
        $f
        1
        3.14159
        -0.0
        10**20
        1j
        None
        True
        ()
        [1, 2]
        $i + $i2
        $s * 2
        $l[0]
        $x.real
        ($i, $s)
        {$i: $s}
        ($x := 5)
        $i < $i2
        $i != $i2
        len($s)
        not $x
        $s[::-1]
        $i if $x else $s
        *$l, 1
        Custom($i)
        StrLike($s)
        IntLike($i)
        undefined_name
        1 / 0
        """,
    )
    grammar.lines(
        "bytes_literal",
        r"""
        b''
        b'a'
        b'abc'
        b'\x00\xff\x80'
        b'Hello World'
        b'a,b,,c'
        b' \t12\n'
        b'caf\xc3\xa9'
        b'\xed\xa0\x80'
        b'\xf0\x9f\x98\x80'
        b'\xff\xfea\x00'
        b'+AGEA-'
        b'\\x41\\u00e9'
        b'it\'s "x"'
        bytes(range(5))
        b'ab' * 20
        """,
    )
    grammar.lines(
        "bytes",
        """
        @6
        <bytes_literal>
        @4
        $b
        @3
        bytearray(<bytes_literal>)
        @2
        memoryview(<bytes_literal>)
        memoryview(bytearray(<bytes_literal>))
        (<bytes> + <bytes>)
        (<bytes> * <small_int>)
        <bytes>[<slice>]
        <string>.encode('<encoding>', '<error_handler>')
        <string>.encode()
        bytes(<iterable>)
        bytes(<small_int>)
        bytearray(<any>)
        <bytes>.replace(<bytes>, <bytes>)
        <bytes>.join([<bytes>, <bytes>])
        b'%b-%d' % (<bytes>, <int>)
        b'<percent>' % (<any>,)
        bytes.fromhex(<string>)
        struct.pack('<struct_format>', <int>)
        array_of(<iterable>)
        """,
    )
    grammar.hook("struct_format")(
        lambda expansion, depth: "".join(
            [expansion.random.choice(["", "<", ">", "!", "=", "@"])]
            + [expansion.random.choice(["", "", "2", "0", "3"]) + expansion.random.choice("xcbBhHiIlLqQnNefdspP?z") for _ in range(expansion.random.randint(1, 3))]
        )
    )
    grammar.lines(
        "text_expression",
        r"""
        @4
        <fstring>
        @2
        <string>
        @2
        <bytes>
        '<percent>' % <any>
        '%(<attribute>)<short_percent> %(key)s' % <dict>
        '%(key)s%%' % {'key': <any>}
        '%s %s' % <any>
        '%*d' % (<small_int>, <int>)
        b'%(key)s' % {b'key': <bytes>}
        bytearray(b'%s-%a') % (<bytes>, <any>)
        '<field>'.format(<any>, <any>, key=<any>)
        '<field><field>'.format(*<iterable>, **{'key': <any>, 'a': <any>})
        '<field>'.format_map(<dict>)
        format(<string>, '<spec>')
        format(<any>, '<spec>')
        <string>.splitlines(<condition>)
        <string>.ljust(<small_int>, <string>), <string>.rjust(12), <string>.center(<small_int>), <string>.zfill(9)
        <bytes>.ljust(<small_int>, <bytes>), <bytes>.rjust(9), <bytes>.center(<small_int>, b'*'), <bytes>.zfill(<small_int>)
        <bytes>.expandtabs(<small_int>), <string>.expandtabs(<small_int>)
        <bytes>.splitlines(<condition>), <bytes>.title(), <bytes>.swapcase(), <bytes>.capitalize()
        <bytes>.partition(<bytes>), <bytes>.rsplit(<bytes>, <small_int>), <bytes>.removesuffix(<bytes>)
        <string>.split(<string>, <small_int>)
        <string>.rsplit(None, <small_int>)
        <string>.partition(<string>)
        <string>.rpartition(<string>)
        <string>.encode('<encoding>', '<error_handler>').decode('<encoding>', '<error_handler>')
        <bytes>.decode('<encoding>', '<error_handler>')
        str(<bytes>, '<encoding>')
        str(<bytes>, errors='<error_handler>')
        [c.<char_test>() for c in <string>]
        <string>.<char_test>()
        <bytes>.<char_test>()
        sorted(<string>, key=<function>)
        ''.join(sorted(set(<string>)))
        <string>.maketrans(<any>, <any>)
        <bytes>.maketrans(b'abc', b'xyz').translate(b'cab')
        <bytes>.translate(bytes(range(256)), <bytes>)
        <bytes>.translate(None, delete=b'a')
        <bytes>.hex(<string>, <small_int>)
        <bytes>.split(<bytes>)
        <bytes>.find(<any>, <bound>, <bound>)
        <bytes>.strip()
        memoryview(<bytes>)[<slice>].tolist()
        memoryview(<bytes>).cast('<struct_format>').tolist()
        memoryview(<bytes>).cast('B', [<small_int>, <small_int>]).tolist()
        memoryview(<bytes>).hex(':'), memoryview(<bytes>).shape, memoryview(<bytes>).readonly
        memoryview(<bytes>) == <bytes>
        memoryview(array_of(<iterable>))[<subscript>]
        struct.unpack('<struct_format>', <bytes>)
        struct.pack('<struct_format>', <any>, <any>)
        struct.calcsize('<struct_format>')
        list(struct.iter_unpack('<struct_format>', <bytes>))
        json.dumps(<any>, indent=<small_int>, sort_keys=<condition>)
        json.dumps(<dict>, ensure_ascii=<condition>, skipkeys=<condition>, separators=(',', ':'))
        json.loads(json.dumps(<any>))
        json.loads(<json_text>)
        re.sub(<pattern>, <replacement>, <string>)
        re.findall(<pattern>, <string>)
        re.split(<pattern>, <string>, <small_int>)
        [m.span() for m in re.finditer(<pattern>, <string>)]
        re.match(<pattern>, <string>, <flags>).groups(<any>)
        re.fullmatch(<pattern>, <string>).groupdict()
        re.compile(<pattern>, <flags>)
        re.search(<pattern>, <string>)
        re.search(<pattern>, <bytes>)
        re.subn(<pattern>, lambda m: <string>, <string>)
        re.escape(<string>)
        """,
    )
    grammar.lines("short_percent", "s\nr\nd\n5.2f\n-8s\nx\nc\n#x")
    grammar.lines(
        "field", "{}\n{0}\n{1!r}\n{key}\n{0:<spec>}\n{key!a:<spec>}\n{:{}}\n{0[0]}\n{0.real}\n{0.<attribute>}\n{key[a]}\n{{{}}}\n{!x}\n{0!}\n{\n}\n{0:{1}}\n{:>{}}\n{0[}\n{a b}\n{0.}\n{-1}\n{0[1].real:<spec>}\n{:{:{}}}"
    )
    grammar.lines("char_test", "isalpha\nisdigit\nisdecimal\nisnumeric\nisspace\nisupper\nislower\nistitle\nisidentifier\nisprintable\nisascii\nisalnum")
    grammar.lines(
        "json_text",
        r"""
        '{"a": [1, 2.5, null, true], "b": {"c": "\\u00e9\\n"}}'
        '[1, 2'
        '{"a": 1,}'
        '{a: 1}'
        '"\\ud800"'
        '"\\x"'
        '[NaN, Infinity, -Infinity]'
        '01'
        '1 2'
        ''
        '"a\nb"'
        '[1e400, -0, -0.0, 1E5]'
        '{"a": 1, "a": 2}'
        <string>
        <bytes>
        """,
    )
    grammar.lines(
        "pattern",
        r"""
        r'a'
        r'\w+'
        r'(\w)(\d)?'
        r'(?P<name>[a-z]+)(?P<rest>.*)'
        r'\s*,\s*'
        r''
        r'a*'
        r'a*?b|c'
        r'(a|b)+'
        r'(?i:AB)c'
        r'^\w|\w$'
        r'\bquick\b'
        r'(?=.)(?!b)(?<=a).'
        r'(?<!a)b'
        r'(a)?(?(1)b|c)'
        r'[^\W\d_]+'
        r'(.)\1'
        r'a{2,3}'
        r'(?>a+)b'
        r'a++a'
        r'[\]a-c-]'
        r'('
        r'[a'
        r'*a'
        r'(?P<1>a)'
        r'a{3,2}'
        r'\q'
        r'(?<=a+)b'
        r'(?P=x)'
        r'\2'
        r'[z-a]'
        r'(?x) a b # c'
        r'(?z)'
        r'.+(?s:.)'
        r'\N{DIGIT ONE}|\u0041'
        <string>
        <bytes>
        """,
    )
    for group in ("name", "rest", "text"):  # what a pattern writes in angle brackets is no hole
        grammar.hook(group)(lambda expansion, depth, group=group: f"<{group}>")
    grammar.lines("replacement", r"""
        r'[\g<0>]'
        r'\1'
        r'\g<name>'
        r'\n\\'
        r'\q'
        r'\g<'
        '-'
        lambda m: m[0].upper()
        <any>
        """)
    grammar.lines("flags", "0\nre.I\nre.M | re.S\nre.A\nre.X\nre.U | re.A\n<any>")
