"""Classes: inheritance, descriptors, slots, metaclasses, special methods, `super`, properties, `__init_subclass__`."""

UNARY = "__len__ __bool__ __hash__ __index__ __int__ __float__ __complex__ __neg__ __pos__ __abs__ __invert__ __iter__ __next__ __repr__ __str__ __bytes__ __enter__ __length_hint__ __reversed__ __round__ __trunc__ __dir__ __fspath__".split()
BINARY = "add sub mul truediv floordiv mod matmul pow lshift rshift and or xor divmod".split()
COMPARING = "__eq__ __ne__ __lt__ __le__ __gt__ __ge__".split()
ACCESS = "__getattr__ __getattribute__ __getitem__ __delitem__ __contains__ __missing__ __format__ __delattr__ __instancecheck__ __class_getitem__ __index__".split()


def add_to(grammar):
    @grammar.hook("special")
    def special(expansion, depth):
        """A special method that logs and answers anything."""
        random = expansion.random
        answer = expansion.expand(random.choice(["any", "any", "special_answer"]), depth - 2)
        kind = random.randrange(5)
        if kind == 0:
            name, parameters = random.choice(UNARY), "self"
        elif kind == 1:
            name, parameters = f"__{random.choice(['', '', 'r', 'i'])}{random.choice(BINARY)}__", "self, $x"
        elif kind == 2:
            name, parameters = random.choice(COMPARING), "self, $x"
        elif kind == 3:
            name, parameters = random.choice(ACCESS), "self, $x"
        else:
            name, parameters = random.choice(["__setattr__", "__setitem__", "__exit__", "__call__", "__init__", "__new__", "__set_name__", "__get__"]), "self, *$l"
        body = f"    log('{name}')\n    return {answer}"
        if name == "__init__" and random.random() < 0.8:
            body = f"    log('{name}')"
        if name == "__new__" and random.random() < 0.7:
            body = f"    log('{name}')\n    return super().__new__(self)"
        parameters = parameters.replace("$x", random.choice("xyz")).replace("$l", "args")
        return f"def {name}({parameters}):\n{body}"

    grammar.lines("special_answer", "NotImplemented\nself\n5\n'text'\n[1, 2]\nTrue\niter([1, 2])\nsuper().__repr__()\nself.$a\nself\n1.5\n-1")
    grammar.lines("maybe_base", "object\nBase\nDerived\nSlotted\nint\nstr\nlist\ndict\nException\nfloat\ntuple\nset\nbytes\nDescribed\nMixin\nIntLike\nListLike\nabc.ABC\nenum.Enum\ntyping.NamedTuple\ntyping.Generic[Variable]\nbool\nrange\ntype")
    for name in ("maybe_base",):
        grammar.rules[name][0].weight = 3
    grammar.hook("bases")(
        lambda expansion, depth: expansion.random.choices(
            [
                "",
                "(" + expansion.expand("maybe_base", 1) + ")",
                "(" + expansion.expand("maybe_base", 1) + ", " + expansion.expand("maybe_base", 1) + ")",
                "(" + expansion.expand("maybe_base", 1) + ", metaclass=" + expansion.random.choice(["Meta", "Meta", "type", "abc.ABCMeta", "lambda *a, **k: a[0]"]) + ")",
                "(" + expansion.expand("maybe_base", 1) + ", " + expansion.expand("maybe_base", 1) + ", flag=" + expansion.expand("any", 1) + ")",
                "(*[" + expansion.expand("maybe_base", 1) + "])",
            ],
            [4, 6, 3, 2, 1, 1],
        )[0]
    )
    grammar.blocks(
        "class_item",
        """
@6
<special>
---
@2
$a = <any>
---
$a: <builtin_type> = <any>
---
$a: 'int'
---
@2
def $a(self, <parameters>):
    <body*3>
---
@2
def $a(self):
    log('$a')
    return super().$a
---
def __init__(self, <parameters>):
    super().__init__()
    self.$a = <any>
    self.$a2 = <any>
---
@property
def $a(self):
    return self.$a2
---
@property
def $a(self):
    return <any>
@$a.setter
def $a(self, $x):
    log('set', $x)
---
@staticmethod
def $a(<parameters>):
    return <any>
---
@classmethod
def $a(cls, <parameters>):
    return cls.__name__, <any>
---
@functools.cached_property
def $a(self):
    log('once')
    return <any>
---
$a = Descriptor(<any>)
---
__slots__ = <slots>
---
def __init_subclass__(cls, **kwargs):
    log('subclass', cls.__name__, sorted(kwargs))
    super().__init_subclass__()
---
$a = [$x for $x in <iterable>]
---
for $a in <range>:
    $a2 = $a
---
if <condition>:
    $a = 1
else:
    $a2 = 2
---
@abc.abstractmethod
def $a(self): ...
---
@functools.partialmethod
def $a(self, <parameters>):
    return __class__
---
__match_args__ = ('$a', '$a2')
---
__hash__ = None
---
'''documentation'''
---
def __repr__(self):
    return f'<{type(self).__name__}>'
---
def __eq__(self, other):
    log('eq')
    return <condition>
def __hash__(self):
    log('hash')
    return <small_int>
---
def __getattr__(self, name):
    log('getattr', name)
    if name == '$a':
        return <any>
    raise AttributeError(name)
---
def __setattr__(self, name, value):
    log('setattr', name)
    super().__setattr__(name, value)
---
def __call__(self, <parameters>):
    return <any>
---
def __del__(self):
    log('del')
""",
    )
    grammar.lines("slots", "()\n('$a', '$a2')\n'$a'\n['$a', '__dict__']\n('$a', '__weakref__')\n('1bad',)\n{'$a': 'doc'}\n<any>\n('$a', '$a')\n('__secret',)")
    # What is done with an instance; `$x` is the instance, so each is written where `$x` was bound: see `instance_piece`.
    grammar.lines(
        "instance_use",
        """
        @4
        made.$a
        @2
        made.$a(<argument*3>)
        made.$a.$a2
        made[<subscript>]
        made(<argument*3>)
        made <binary_operator> <any>
        <any> <binary_operator> made
        made <binary_operator> made
        len(made)
        bool(made)
        list(made)
        next(made)
        str(made), repr(made)
        f'{made:<plain_spec>}'
        hash(made) is not None
        {made: 1}[made]
        <any> in made
        -made
        abs(made)
        int(made)
        [1, 2, 3][made]
        round(made)
        round(made, <any>)
        setattr(made, '$a', <any>)
        delattr(made, '$a')
        getattr(made, '$a', <any>)
        operator.setitem(made, <any>, <any>)
        operator.delitem(made, <any>)
        operator.iadd(made, <any>)
        operator.imul(made, <any>)
        isinstance(made, <class_info>)
        sorted(vars(made))
        vars(made)
        type(made).__mro__
        type(made).__name__, type(made).__qualname__, type(made).__bases__
        [each for each in dir(type(made)) if not each.startswith('__')]
        type(made).$a
        type(made).$a(made)
        type(made).$a(<argument*3>)
        type(made)[<any>]
        made == <any>, made != <any>
        made < made, made >= <any>
        sum([made, made])
        [*made]
        {**made}
        reversed(made)
        iter(made)
        divmod(made, <any>)
        pow(made, 2)
        complex(made), float(made)
        bytes(made)
        made.__init__(<argument*3>)
        made.__class__.__dict__.get('$a')
        copy.copy(made)
        super(type(made), made).$a
        super(Base, made).__repr__()
        isinstance(<any>, type(made)), issubclass(<builtin_type>, type(made))
        type(made).__init__.__qualname__
        operator.index(made), operator.length_hint(made)
        '%d %s' % (made, made)
        made._Class1__secret
        max(made, <any>)
        print(made, file=<any>)
        copy.deepcopy(made)
        type(made).__annotations__
        object.__getattribute__(made, '$a')
        object.__setattr__(made, '$a', <any>)
        """,
    )
    grammar.blocks(
        "class_piece",
        """
@6
def make(<parameters>):
    class $C<bases>:
        <class_item*5>
    return $C
made = made_from(make, <call_arguments>)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
---
@4
def make():
    class $C<bases>:
        <class_item*4>
    class $C2($C):
        <class_item*4>
    return $C2
made = made_from(make, <argument*3>)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
---
def make():
    class A<bases>:
        <class_item*2>
    class B(A):
        <class_item*2>
    class C(A):
        <class_item*2>
    class D(B, C):
        def $a(self):
            return super().$a()
    return D
made = made_from(make)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
---
def make():
    class A:
        <class_item*2>
    class B:
        <class_item*2>
    A.__bases__ = <class_tuple>
    A.$a = <any>
    made = A()
    made.__class__ = <class_value>
    B.__name__ = <any>
    return A
made = made_from(make)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
---
def make():
    return type('$C', <class_tuple>, {'$a': <any>, '__doc__': <any>, '$a2': lambda self: <any>})
made = made_from(make)
show(lambda: <instance_use>)
show(lambda: <instance_use>)
---
def make():
    @dataclasses.dataclass<dataclass_options>
    class $C:
        $a: int = <int>
        $a2: <builtin_type> = <field_default>
        <class_item*2>
    return $C
made = made_from(make, <argument*3>)
show(lambda: made)
show(lambda: made == type(made)(<argument*3>))
show(lambda: made < type(made)(<argument*3>))
show(lambda: dataclasses.asdict(made))
show(lambda: dataclasses.replace(made, <argument*2>))
show(lambda: <instance_use>)
show(lambda: <instance_use>)
---
def make():
    class $C(enum.<enum_base>):
        $a = <enum_value>
        $a2 = <enum_value>
        $a3 = <enum_value>
        <class_item*2>
    return $C
made_class = evaluated(make)
show(lambda: list(made_class))
show(lambda: (made_class.$a, made_class.$a.value, made_class['$a2']))
show(lambda: made_class(<any>))
show(lambda: made_class.$a | made_class.$a2)
show(lambda: f'{made_class.$a:<plain_spec>}')
show(lambda: made_class.$a.$a2)
show(lambda: made_class.<attribute>)
---
class $C:
    def __<operation>__(self, other): log('left'); return <special_answer>
class $C2($C):
    def __r<operation>__(self, other): log('right'); return <special_answer>
    def __i<operation>__(self, other): log('in place'); return <special_answer>
show(lambda: operator.<operation>($C(), $C2()))
show(lambda: operator.<operation>($C2(), $C()))
show(lambda: operator.<operation>($C(), <any>))
show(lambda: operator.<operation>(<any>, $C2()))
show(lambda: operator.i<operation>($C2(), <any>))
""",
    )
    grammar.lines("operation", "add\nsub\nmul\ntruediv\nfloordiv\nmod\nmatmul\npow\nlshift\nrshift\nxor")
    grammar.lines("class_tuple", "(Base,)\n(Derived, Base)\n(Base, Derived)\n(int,)\n(Slotted,)\n(object,)\n(Mixin, list)\n()\n<any>\n(int, str)\n(Meta,)\n(bool,)")
    grammar.lines("class_value", "B\nBase\nint\nSlotted\n<any>")
    grammar.hook("dataclass_options")(
        lambda expansion, depth: expansion.random.choice(["", "()", "(order=True)", "(frozen=True)", "(slots=True)", "(eq=False)", "(repr=False)", "(kw_only=True)", "(init=False)", "(unsafe_hash=True, order=True)", "(frozen=True, slots=True)", "(order=True, eq=False)"])
    )
    grammar.lines("field_default", "<any>\ndataclasses.field(default=<any>)\ndataclasses.field(default_factory=<function>)\ndataclasses.field(repr=False, compare=<condition>)\ndataclasses.field(default_factory=list)\n<string>")
    grammar.lines("enum_base", "Enum\nEnum\nIntEnum\nFlag\nIntFlag\nStrEnum")
    grammar.lines("enum_value", "1\n2\n4\n1\nenum.auto()\nenum.auto()\n'text'\n<any>\n(1, 2)")
