"""The parts of the standard library that rest on core modules, used together in small programs."""


def add_to(grammar):
    grammar.blocks(
        "library_piece",
        """
def $F():
    $l = [(<small_int>, <string>, <float>) for $i in range(6)]
    $l.sort()
    print($l)
    $l.sort(key=operator.itemgetter(1, 0), reverse=True)
    print($l)
    return [(key, len(list(part))) for key, part in itertools.groupby($l, key=operator.itemgetter(0))]
show($F)
---
def $F():
    queue = collections.deque(<iterable>, maxlen=<bound>)
    queue.append(<any>)
    queue.<deque_method>
    queue.<deque_method>
    queue.<deque_method>
    return queue, len(queue), queue[<small_int>]
show($F)
show($F)
---
def $F():
    counts = collections.Counter(<string>)
    counts.update(<iterable>)
    counts.subtract(<iterable>)
    print(counts.most_common(3), counts.total(), +counts, -counts)
    return counts <counter_operator> collections.Counter(<string>)
show($F)
---
def $F():
    ordered = collections.OrderedDict(<dict>)
    ordered['new'] = <any>
    ordered.move_to_end(<hashable>, last=<condition>)
    print(ordered, ordered.popitem(last=<condition>), list(reversed(ordered)))
    return ordered == <dict>
show($F)
---
def $F():
    heap = <list>
    heapq.heapify(heap)
    heapq.heappush(heap, <any>)
    return heapq.heappop(heap), heapq.heappushpop(heap, <any>), heapq.nlargest(2, heap), list(heapq.merge(<list>, <list>))
show($F)
---
def $F():
    stream = io.StringIO(<any>)
    stream.write(<string>)
    stream.seek(<small_int>)
    return stream.read(<bound>), stream.readline(), stream.tell(), stream.getvalue()
show($F)
---
def $F():
    stream = io.BytesIO(<bytes>)
    stream.seek(<small_int>, <small_int>)
    return stream.write(<bytes>), stream.read(<any>), stream.getvalue(), stream.truncate(<any>), stream.getbuffer().tolist()
show($F)
---
def $F():
    stream = io.TextIOWrapper(io.BytesIO(<bytes>), '<encoding>', '<error_handler>', <string>)
    return stream.readline(), stream.read(<small_int>), list(stream)
show($F)
---
show(lambda: string.Template(<string>).substitute(<dict>))
show(lambda: string.Formatter().vformat('<field>', <tuple>, <dict>))
show(lambda: textwrap.wrap(<string>, <small_int>))
show(lambda: list(csv.reader(<iterable>)))
---
show(lambda: datetime.timedelta(<number>, <number>) <binary_operator> datetime.timedelta(<int>))
show(lambda: datetime.date(<int>, <small_int>, <small_int>).strftime(<string>))
show(lambda: datetime.datetime(2000 + <small_int>, 1, 31) + datetime.timedelta(<number>))
show(lambda: datetime.datetime.fromisoformat(<string>))
show(lambda: fractions.Fraction(<number>, <int>) <binary_operator> <number>)
show(lambda: decimal.Decimal(<any>) <binary_operator> <any>)
---
show(lambda: statistics.mean(<iterable>))
show(lambda: binascii.hexlify(<bytes>, <any>))
show(lambda: base64.b64encode(<bytes>))
show(lambda: base64.b64decode(<any>))
show(lambda: zlib.crc32(<bytes>))
show(lambda: hashlib.md5(<bytes>).hexdigest())
show(lambda: codecs.encode(<any>, '<encoding>', '<error_handler>'))
show(lambda: unicodedata.normalize('NFKD', <string>))
show(lambda: [unicodedata.name($s, None) for $s in <string>])
---
def $F():
    $l = [1]
    $l.append($l)
    $d = {'self': $l}
    $d['d'] = $d
    $x = collections.deque([$l]); $x.append($x)
    return $l, $d, $x, [$d.values()], ($l,), {1: $d.items()}
show($F)
---
def $F():
    $l = <list>
    for $x in $l:
        $l.<list_method>
        if len($l) > 20: break
    return $l
show($F)
---
def $F():
    $d = <dict>
    for $x in $d:
        $d.<dict_method>
        if len($d) > 20: break
    return $d
show($F)
---
def $F():
    class Key:
        def __init__(self, number): self.number = number
        def __hash__(self): log('hash', self.number); return self.number % 3
        def __eq__(self, other): log('eq', self.number); <simple_statement>; return self.number == getattr(other, 'number', other)
        def __repr__(self): return f'Key({self.number})'
        def __lt__(self, other): log('lt'); return self.number < other.number
    $d = {Key(<small_int>): $i for $i in range(4)}
    $l = [Key(<small_int>) for $i in range(4)]
    print($d, <int> in $d, Key(2) in $l, $d.get(Key(1)), set($l) & set($d), sorted($l), max($l))
    print($d.pop(Key(<small_int>), None), $l.index(Key(<small_int>)))
show($F)
---
def $F():
    $x = <any>
    for name in sorted(set(dir($x)) - {'__sizeof__', '__hash__', '__dir__', '__doc__'})[:<int>][:80]:
        log(name, type(getattr($x, name)))
show($F)
---
show(lambda: inspect.signature(<function>))
show(lambda: inspect.signature(<any>.<attribute>))
show(lambda: typing.get_type_hints(<any>))
show(lambda: typing.Optional[<any>])
show(lambda: list[<any>] | <any>)
show(lambda: dict[<any>, ...].__parameters__)
show(lambda: types.GenericAlias(<any>, <any>))
show(lambda: types.SimpleNamespace(<argument*2>))
show(lambda: types.MappingProxyType(<any>) | <dict>)
show(lambda: types.MethodType(<function>, <any>)(<argument*2>))
---
show(lambda: pickle.loads(pickle.dumps(<any>)))
show(lambda: marshal.loads(marshal.dumps((<int>, <string>, <float>, <bytes>, [<number>]))))
show(lambda: copy.deepcopy([<any>, <any>]))
show(lambda: pickle.dumps(<any>, <small_int>))
show(lambda: list(array.array('<array_code>', <any>)))
show(lambda: array.array('<array_code>', <iterable>) <binary_operator> array.array('<array_code>', <iterable>))
""",
    )
    grammar.lines("counter_operator", "+\n-\n<=\n==\n>")
    grammar.lines("array_code", "b\nB\nu\nh\nH\ni\nI\nl\nL\nq\nQ\nf\nd\nx")
    grammar.lines(
        "deque_method",
        "append(<any>)\nappendleft(<any>)\npop()\npopleft()\nextend(<iterable>)\nextendleft(<iterable>)\nrotate(<small_int>)\ninsert(<small_int>, <any>)\nremove(<any>)\nindex(<any>)\ncount(<any>)\nreverse()\nclear()\n__setitem__(<int>, <any>)\n__delitem__(<int>)\n__imul__(2)\n__iadd__(<iterable>)",
    )
    grammar.lines("list_method", "append($x)\npop()\npop(0)\nremove($x)\ninsert(0, $x)\nclear()\nreverse()\nextend(<list>)\nsort()\n__delitem__(<slice_value>)\n__setitem__(<slice_value>, <iterable>)")
    grammar.lines("dict_method", "pop($x)\npopitem()\nupdate(<dict>)\nsetdefault(<hashable>, 1)\nclear()\n__setitem__(<hashable>, 1)\n__setitem__($x, 1)\n__delitem__($x)\n__ior__(<dict>)")
