"""Any method, special ones too, of any built-in type, with arguments of which most fit."""
import builtins
import collections
import types

# What answers differently each time, needs much memory or time, or is different on purpose: `__sizeof__` follows our layouts;
# `__reduce_ex__` of an unordered or address-bearing object; `__hash__` may be an address; `__dir__` and `__class__` say nothing new.
AVOIDED = {
    "__sizeof__", "__hash__", "__class__", "__dir__", "__init_subclass__", "__subclasshook__", "__new__", "__doc__", "__getattribute__",
    "__pow__", "__rpow__", "__lshift__", "__rlshift__", "ljust", "rjust", "center", "zfill", "expandtabs", "to_bytes", "__mul__", "__rmul__",
    "__imul__", "__dict__", "__subclasses__", "__globals__", "__builtins__", "__base__", "__text_signature__", "__getstate__", "__weakref__", "__module__", "__delattr__", "__setattr__",
}  # fmt: skip
PARSED = set("""count endswith find index rfind rindex startswith difference difference_update intersection intersection_update union
update __reduce__""".split())
RECEIVERS = {
    "int": int, "float": float, "complex": complex, "string": str, "bytes_literal": bytes, "bytearray_value": bytearray,
    "memoryview_value": memoryview, "list": list, "tuple": tuple, "dict": dict, "set": set, "frozenset_value": frozenset, "range": range,
    "items_view": type({}.items()), "keys_view": type({}.keys()), "iterator_value": object, "slice_value": slice, "condition": bool,
    "property_value": property, "generator_value": type(each for each in ()), "exception_of": BaseException, "proxy_value": types.MappingProxyType,
    "deque_value": collections.deque, "ordered_value": collections.OrderedDict, "class_of": type, "function_value": types.FunctionType,
}  # fmt: skip
# What the arguments of a method mostly are; those not named here take anything.
ARGUMENTS = {
    "string": ["string", "string", "small_int", "any"],
    "bytes_literal": ["bytes", "bytes", "small_int", "any"],
    "list": ["any", "int", "iterable", "slice_value"],
    "tuple": ["any", "int", "tuple"],
    "dict": ["hashable", "any", "dict"],
    "set": ["set", "plain_iterable", "hashable"],
    "range": ["int", "any", "slice_value"],
    "int": ["number", "int", "any"],
    "float": ["number", "int", "any"],
    "complex": ["number", "complex", "any"],
    "bytearray_value": ["bytes", "bytes", "small_int", "int", "any"],
    "memoryview_value": ["small_int", "slice_value", "bytes", "any"],
    "frozenset_value": ["set", "plain_iterable", "hashable"],
    "items_view": ["plain_iterable", "any"],
    "keys_view": ["plain_iterable", "any"],
    "ordered_value": ["hashable", "condition", "dict"],
    "class_of": ["class_of", "any"],
}
# What iterators have beside `__iter__` and `__next__`.
ITERATOR_METHODS = ["__next__", "__iter__", "__length_hint__", "__reduce__", "__setstate__", "__copy__"]


def add_to(grammar):
    grammar.lines("bytearray_value", "bytearray(<bytes_literal>)")
    grammar.lines("memoryview_value", "memoryview(<bytes_literal>)\nmemoryview(bytearray(<bytes_literal>))\nmemoryview(array_of(<list>))\nmemoryview(b'abcdefgh').cast('<array_code>')")
    grammar.lines("frozenset_value", "frozenset(<range>)\nfrozenset(<plain_iterable>)\nfrozenset((<hashable>, <hashable>))")
    grammar.lines("items_view", "<plain_dict>.items()")
    grammar.lines("keys_view", "<plain_dict>.keys()")
    grammar.lines("iterator_value", "iter(<list>)\nreversed(<list>)\niter(<string>)\niter(<bytes>)\niter(<range>)\niter(range(2**70))\nenumerate(<list>)\nzip(<list>, <list>)\nmap(<function>, <list>)\nfilter(None, <list>)\niter(<dict>)\niter(<tuple>)\niter(<function>, <any>)\nitertools.<itertool>\niter(<dict>.items())\nreversed(<dict>)")
    grammar.lines("property_value", "property(<function>)\nproperty(<function>, <function>, doc=<any>)")
    grammar.lines("generator_value", "counting(<small_int>)\n(<any> for $x in <iterable>)\nechoing()\nstubborn()")
    grammar.lines("proxy_value", "types.MappingProxyType(<plain_dict>)")
    grammar.lines("deque_value", "collections.deque(<list>)\ncollections.deque(<list>, <small_int>)")
    grammar.lines("ordered_value", "collections.OrderedDict(<plain_dict>)")
    grammar.lines("class_of", "<builtin_type>\nBase\nDerived\nPoint\nColour")
    grammar.lines("function_value", "f\ng\nh\nshow")
    names = {kind: sorted(name for name in dir(of) if name not in AVOIDED) for kind, of in RECEIVERS.items()}
    names["iterator_value"] = ITERATOR_METHODS

    def arguments(expansion, kind, name, depth):
        random = expansion.random
        count = random.choice((0, 1, 1, 1, 2, 2, 3))
        made = [expansion.expand(random.choice(ARGUMENTS.get(kind, ["any", "any", "small_int"])), depth - 2) for _ in range(count)]
        # Which name these complain about a keyword by depends in the reference on how they are called: "find()" or "str.find()".
        if random.random() < 0.03 and name not in PARSED:
            made.append(expansion.expand("argument", depth - 2))
        return ", ".join(made)

    @grammar.hook("method_call")
    def method_call(expansion, depth):
        random = expansion.random
        kind = random.choice(list(RECEIVERS))
        receiver = expansion.expand(kind, depth - 2)
        name = random.choice(names[kind])
        if random.random() < 0.1 and RECEIVERS[kind].__name__ in dir(builtins):
            return f"{RECEIVERS[kind].__name__}.{name}({receiver}, {arguments(expansion, kind, name, depth)})"
        return f"({receiver}).{name}({arguments(expansion, kind, name, depth)})"

    @grammar.hook("built_in_call")
    def built_in_call(expansion, depth):
        name = expansion.random.choice(BUILT_INS)
        return f"{name}({expansion.expand('some_arguments', depth - 1)})"

    grammar.lines("some_arguments", "<any>\n<any>\n<any>, <any>\n<any>, <any>, <any>\n<any>, <argument>\n<argument>, <argument>\n*<iterable>")
    grammar.lines("slice_value", "slice(<bound>, <bound>, <bound>)\n<int>")


BUILT_INS = """abs all any ascii bin bool bytearray bytes callable chr classmethod complex delattr dict divmod enumerate filter float format
frozenset getattr hasattr hex int isinstance issubclass iter len list map max memoryview min next object oct ord property range repr
reversed round set setattr slice sorted staticmethod str sum super tuple type zip""".split()
