"""Any method, special ones too, of any built-in type, with arguments of which most fit."""

# What answers differently each time, needs much memory or time, or is different on purpose: `__sizeof__` follows our layouts;
# `__reduce_ex__` of an unordered or address-bearing object; `__hash__` may be an address; `__dir__` and `__class__` say nothing new.
AVOIDED = {
    "__sizeof__", "__hash__", "__class__", "__dir__", "__init_subclass__", "__subclasshook__", "__new__", "__doc__", "__getattribute__",
    "__pow__", "__rpow__", "__lshift__", "__rlshift__", "ljust", "rjust", "center", "zfill", "expandtabs", "to_bytes", "__mul__", "__rmul__",
    "__imul__", "__dict__", "__setstate__", "__weakref__", "__module__", "__delattr__", "__setattr__",
}  # fmt: skip
RECEIVERS = {
    "int": int, "float": float, "complex": complex, "string": str, "bytes_literal": bytes, "list": list, "tuple": tuple, "dict": dict, "set": set,
    "range": range,
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
}


def add_to(grammar):
    names = {kind: sorted(name for name in dir(of) if name not in AVOIDED) for kind, of in RECEIVERS.items()}
    array_names = sorted(set(dir(bytearray)) - AVOIDED)
    view_names = sorted(set(dir(memoryview)) - AVOIDED)

    def arguments(expansion, kind, depth):
        random = expansion.random
        count = random.choice((0, 1, 1, 1, 2, 2, 3))
        made = [expansion.expand(random.choice(ARGUMENTS[kind]), depth - 2) for _ in range(count)]
        if random.random() < 0.03:
            made.append(expansion.expand("argument", depth - 2))
        return ", ".join(made)

    @grammar.hook("method_call")
    def method_call(expansion, depth):
        random = expansion.random
        kind = random.choice(list(RECEIVERS))
        receiver = expansion.expand(kind, depth - 2)
        name = random.choice(names[kind])
        if kind == "bytes_literal":
            if (chosen := random.random()) < 0.4:
                receiver, name = f"bytearray({receiver})", random.choice(array_names)
            elif chosen < 0.6:
                receiver, name = f"memoryview({receiver})", random.choice(view_names)
        if random.random() < 0.1:
            return f"{RECEIVERS[kind].__name__}.{name}({receiver}, {arguments(expansion, kind, depth)})"
        return f"({receiver}).{name}({arguments(expansion, kind, depth)})"

    @grammar.hook("built_in_call")
    def built_in_call(expansion, depth):
        name = expansion.random.choice(BUILT_INS)
        return f"{name}({expansion.expand('some_arguments', depth - 1)})"

    grammar.lines("some_arguments", "<any>\n<any>\n<any>, <any>\n<any>, <any>, <any>\n<any>, <argument>\n<argument>, <argument>\n*<iterable>")
    grammar.lines("slice_value", "slice(<bound>, <bound>, <bound>)\n<int>")


BUILT_INS = """abs all any ascii bin bool bytearray bytes callable chr classmethod complex delattr dict divmod enumerate filter float format
frozenset getattr hasattr hex int isinstance issubclass iter len list map max memoryview min next object oct ord property range repr
reversed round set setattr slice sorted staticmethod str sum super tuple type zip vars""".split()
