"""What objects tell about themselves and each other: weak references, exported buffers, context variables, frames, containers that change
while they are worked on, answers of the wrong type to the interpreter's questions."""


def add_to(grammar):
    grammar.blocks(
        "object_piece",
        """
class $C(<weak_base>):
    def __del__(self): log('deleted')
    def __repr__(self): return 'weak'
made = $C()
reference = weakref.ref(made, lambda _: log('called back'))
pool = weakref.WeakValueDictionary({1: made})
proxy = weakref.proxy(made)
show(lambda: (reference() is made, len(pool), weakref.getweakrefcount(made)))
show(lambda: proxy.<attribute>)
show(lambda: proxy <binary_operator> <any>)
made.cycle = <weak_value>
del made
show(lambda: (reference(), list(pool)))
gc.collect()
show(lambda: (reference(), list(pool)))
show(lambda: proxy.<attribute>)
---
def $F():
    buffer = bytearray(<bytes_literal>)
    view = memoryview(buffer)<view_change>
    <buffer_statement>
    <buffer_statement>
    show(lambda: buffer.<buffer_change>)
    show(lambda: view.<view_method>)
    view.release()
    show(lambda: buffer.<buffer_change>)
    show(lambda: view.<view_method>)
    return buffer, view
show($F)
---
variable = contextvars.ContextVar('variable', default=<any>)
def $F():
    token = variable.set(<any>)
    log(variable.get(), token.old_value, token.var is variable)
    <simple_statement>
    variable.reset(token)
    variable.reset(token)
context = contextvars.copy_context()
show(lambda: context.run($F))
show(lambda: context.run($F, <any>))
show(lambda: (variable.get(<any>), len(context), list(context.values())))
---
def $F():
    values = <list>
    class Key:
        def __init__(self, value): self.value = value
        def __lt__(self, other):
            <key_trouble>
            return self.value < other.value
    values.sort(key=Key, reverse=<condition>)
    return values
show($F)
printed($F)
---
class $C:
    def __<asked>__(self, *args): return <any>
made = $C()
show(lambda: <asking>)
show(lambda: <asking>)
show(lambda: <asking>)
printed(lambda: <asking>)
---
class $C:
    def __<asked>__(self, *args): return <any>
    def __<asked>__(self, *args): return <any>
    def __<asked>__(self, *args): raise <exception>
made = $C()
show(lambda: <asking>)
show(lambda: <asking>)
show(lambda: <asking>)
printed(lambda: <asking>)
---
def $F(<parameters>):
    frame = sys._getframe()
    log(frame.f_code.co_name, frame.f_lineno, sorted(frame.f_locals), frame.f_back.f_code.co_name)
    <body*2>
    log(sorted(locals()), frame.f_lasti)
    return frame
show(lambda: $F(<call_arguments>).f_lineno)
show(lambda: $F(<call_arguments>).clear())
---
class Space(dict):
    def __missing__(self, key):
        log('missing', key)
        if key.startswith('_'): raise KeyError(key)
        return <any>
    def __setitem__(self, key, value):
        log('stored', key)
        super().__setitem__(key, value)
show(lambda: eval(<quoted_expression>, {}, Space()))
show(lambda: exec(<quoted_statements>, {'log': log}, Space()))
show(lambda: exec(<quoted_statements>, Space()))
---
class Preparing(type):
    @classmethod
    def __prepare__(cls, name, bases, **kwargs):
        return <prepared>
def make():
    class $C(metaclass=Preparing):
        $a = <any>
        <class_item>
        $a2 = $a
    return $C
made = made_from(make)
show(lambda: <instance_use>)
---
class Whole(<number_base>):
    def __<number_method>__(self, *args):
        log('asked', *args)
        return <special_answer>
    def __<number_method>__(self, *args):
        return super().__<number_method>__(*args)
made = Whole(<number_start>)
show(lambda: <instance_use>)
show(lambda: made <binary_operator> <number>)
show(lambda: <number> <binary_operator> made)
show(lambda: made <binary_operator> made)
show(lambda: format(made, '<spec>'))
show(lambda: '<percent>' % made)
show(lambda: range(made)[made:])
show(lambda: [1, 2, 3][made:])
show(lambda: (int(made), float(made), str(made), round(made), abs(made), -made))
---
class Texts(str):
    def __<text_method>__(self, *args):
        log('asked', *args)
        return <any>
made = Texts(<string_literal>)
show(lambda: <instance_use>)
show(lambda: f'{made}|{made!r}|{made:>5}')
show(lambda: made + 'x' + made)
show(lambda: ''.join([made, made]))
show(lambda: '%s %r' % (made, made))
show(lambda: {made: 1, str(made): 2})
show(lambda: sorted([made, 'b', 'a']))
show(lambda: getattr(Base, made))
---
class Rows(<container_base>):
    def __<container_method>__(self, *args):
        log('asked', *args)
        return <any>
    def __<container_method>__(self, *args):
        return super().__<container_method>__(*args)
made = Rows(<plain_iterable>)
show(lambda: <instance_use>)
show(lambda: (len(made), bool(made), list(made)))
show(lambda: (made == made, made != <any>, 1 in made))
show(lambda: made <binary_operator> <container_base>(<plain_iterable>))
show(lambda: [*made, *made])
show(lambda: sorted(made))
show(lambda: made[<subscript>])
---
class $C:
    def __set_name__(self, owner, name):
        <simple_statement>
        log(name)
        <simple_statement>
def make():
    class $C2(<maybe_base>):
        $a = $C()
    return $C2
printed(make)
---
def $F():
    def first(x): yield <any>; <gen_stmt>
    def second(x): return (yield from first(x))
    def third(x): <gen_stmt>; return (yield from second(x))
    return list(itertools.islice(third(<any>), 4))
show($F)
printed($F)
---
def $F():
    return [<any> for $x in <iterable> if [<any> for $x2 in <iterable>]][<int>]
printed($F)
---
def $F(<parameters>):
    return {<any>: lambda: ($x, <any>) for $x in <iterable>}
printed(lambda: $F(<call_arguments>))
---
def $F():
    yield from ()
    <body_top>
show(lambda: $F().send(<any>))
---
class $C:
    $a: <builtin_type> = <any>
    $a2: 'undefined'
    def method(self, $x: <any> = <any>, *$l: int, $a: str) -> <builtin_type>: ...
show(lambda: $C.__annotations__)
show(lambda: $C.method.__annotations__)
show(lambda: inspect.signature($C.method))
show(lambda: inspect.signature($C))
show(lambda: typing.get_type_hints($C))
show(lambda: inspect.getmembers($C, inspect.isfunction))
---
@typing.overload
def $F(): ...
def $F(function):
    def wrapper(self, *args):
        log('wrapped', *args)
        return function(self, *args)
    return property(wrapper) if <condition> else wrapper
class $C(<maybe_base>):
    @$F
    def $a(self, $x=<any>): return <any>
    @classmethod
    @$F
    def $a2(cls, $x=<any>): return <any>
    @staticmethod
    @$F
    def $a3($x=<any>): return <any>
made = made_from(lambda: $C)
show(lambda: made.$a)
show(lambda: made.$a(<any>))
show(lambda: made.$a2(<any>))
show(lambda: $C.$a3(<any>))
---
jumps = []
def tracer(frame, event, argument):
    if event == 'line' and len(jumps) < 3:
        jumps.append(frame.f_lineno)
        try:
            frame.f_lineno = frame.f_code.co_firstlineno + <small_int>
        except ValueError as error:
            log(str(error))
    return tracer
def $F(<parameters>):
    $x = $i = 0
    <body*3>
    for $i in range(2):
        <loop*2>
    return $x
def run():
    sys.settrace(tracer)
    try:
        return $F(<call_arguments>)
    finally:
        sys.settrace(None)
show(run)
print(jumps)
---
events = []
def $F(<parameters>):
    <body*3>
    return sorted([len(<list>), abs(-1)])
def run():
    sys.setprofile(lambda frame, event, argument: events.append((event, frame.f_code.co_name, getattr(argument, '__name__', type(argument).__name__))))
    try:
        return $F(<call_arguments>)
    finally:
        sys.setprofile(None)
show(run)
print(events[:40])
""",
    )
    grammar.lines("weak_base", "object\nBase\nset\nstr\nlist\nint\nException\nSlotted")
    grammar.lines("weak_value", "None\nmade\n[made]\nlambda: made\nreference\nproxy")
    grammar.lines("view_change", "[:]\n[::-1]\n[<slice>]\n.toreadonly()\n.cast('<array_code>')\n[1:][<slice>]\n.cast('B', [1, len(buffer)])")
    grammar.lines("buffer_statement", "view[<subscript>] = <any>\nview[<slice>] = <bytes>\nbuffer[<slice>] = <bytes>\nbuffer += <bytes>\ndel buffer[<subscript>]\nshow(lambda: view[<subscript>])\nshow(lambda: buffer.<buffer_change>)\nwith view: pass")
    grammar.lines("buffer_change", "append(1)\nextend(<bytes>)\nclear()\npop()\ninsert(0, 65)\nremove(97)\nreverse()\n__iadd__(b'x')\n__imul__(<small_int>)\n__setitem__(0, <any>)")
    grammar.lines("view_method", "tolist()\ntobytes()\nhex()\nnbytes\nshape\nstrides\nformat\nreadonly\nobj\ncontiguous, view.c_contiguous, view.ndim, view.itemsize, view.suboffsets\n__len__()\n__getitem__(<subscript_value>)\n__eq__(<bytes>)\ntobytes('F')")
    grammar.lines("key_trouble", "values.append(1)\nvalues.clear()\nlog(len(values))\n<simple_statement>\nraise <exception>\npass")
    grammar.lines("asked", "bool\nlen\niter\nnext\nhash\nindex\nint\nfloat\ncomplex\nstr\nrepr\nbytes\nformat\ncontains\nreversed\nlength_hint\nround\ntrunc\nfloor\nceil\nenter\nexit\ncall\ngetitem\neq\nlt\nadd\nradd\nneg\nabs\ndir\nfspath\nawait\naiter\nanext\ninstancecheck\nsizeof\ngetattr\nget\nmissing\nreduce\nreduce_ex\ngetstate\ncopy\ndeepcopy\nmro_entries\nclass_getitem")
    grammar.lines(
        "asking",
        """
        bool(made)
        len(made)
        list(made)
        iter(made)
        next(made)
        next(iter(made))
        hash(made) and 1
        {made}
        int(made)
        float(made)
        complex(made)
        str(made)
        repr(made)
        bytes(made)
        format(made, 'x')
        f'{made:>{made}}'
        1 in made
        reversed(made)
        operator.length_hint(made)
        round(made)
        math.trunc(made), math.floor(made)
        math.sqrt(made)
        made(<any>)
        made[<any>]
        made == 1, 1 == made
        made < 1, 1 < made
        sorted([made, made])
        made + 1
        1 + made
        sum([made])
        -made
        dir(made)
        os.fspath(made)
        copy.copy(made)
        copy.deepcopy([made])
        pickle.dumps(made, 2)
        isinstance(1, made)
        range(made)
        [1, 2][made]
        'abc'[made:]
        'a' * made
        chr(made)
        hex(made)
        '%d' % made
        '%s %r' % (made, made)
        '%c' % made
        b'%b' % made
        print(made)
        print('a', sep=made)
        [*made]
        {**made}
        dict(made)
        dict([made])
        tuple(made), set(made)
        max(made), min(made, 1)
        zip(made, made)
        enumerate(made, made)
        ''.join(made)
        ''.join([made])
        'abc'.replace('a', made)
        made.anything
        not made
        made and 1
        1 if made else 2
        [each for each in made]
        (lambda *args: args)(*made)
        struct.pack('i', made)
        struct.pack('f', made)
        bytearray(made)
        memoryview(made)
        int('1', made)
        divmod(made, 2)
        pow(2, made)
        round(1.5, made)
        driven(made)
        isinstance(made, collections.abc.Hashable)
        type('New', (made,), {})
        made is made, made in [made], [made].index(made)
        json.dumps(made)
        getattr(1, made)
        setattr(Base, made, 1)
        datetime.timedelta(made)
        itertools.repeat(1, made)
        list(itertools.islice('abc', made))
        collections.deque([1, 2], made)
        str(b'', made)
        exec(made)
        slice(made).indices(5)
        """,
    )
    grammar.lines("prepared", "{}\n{'$a': 1}\ncollections.OrderedDict()\n<any>\ncollections.defaultdict(list)\nNone")
    grammar.lines("number_base", "int\nint\nfloat\ncomplex\nbool\nIntLike")
    grammar.lines("number_start", "5\n-3\n2\n'7'\n0")
    grammar.lines("number_method", "add\nradd\nsub\nmul\nrmul\nmod\nfloordiv\ndivmod\npow\nint\nfloat\nindex\nbool\nhash\neq\nlt\nstr\nrepr\nformat\nround\nabs\nneg\ntrunc\nceil\nnew\ninit\nand\nror\ninvert\ncomplex")
    grammar.lines("text_method", "str\nrepr\nformat\nhash\neq\nlt\nadd\nradd\nmul\nmod\nrmod\nlen\ngetitem\niter\ncontains\nbool\nindex\nnew\ninit\nadd\ngetattribute")
    grammar.lines("container_base", "list\ntuple\ndict\nset\nfrozenset\ncollections.deque\ncollections.OrderedDict\ncollections.Counter\nbytearray\nbytes\ncollections.UserDict\ncollections.UserList")
    grammar.lines("container_method", "len\niter\ngetitem\nsetitem\ndelitem\ncontains\neq\nlt\nadd\nradd\niadd\nor\nior\nsub\nmul\nimul\nreversed\nbool\nhash\nrepr\nmissing\nnew\ninit\ncopy\nreduce")
    grammar.lines("body_top", "return <any>\nraise <exception>\n<simple_statement>\nyield <any>")
