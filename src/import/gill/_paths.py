"""How one object refers to another, in the words of a program."""

import types

from gill import _native


def _key_text(key):
    if isinstance(key, (str, bytes)):
        return repr(key) if len(key) <= 40 else f"{key[:40]!r}..."
    if key is None or type(key) in (int, float, bool, tuple) and len(str(key)) <= 60:
        return repr(key)
    return f"<{type(key).__qualname__}>"


def _in_dict(holder, target):
    for key, value in dict.items(holder):
        if value is target:
            return f"[{_key_text(key)}]"
        if key is target:
            return " as a key"
    return None


def _in_sequence(holder, target):
    for index, value in enumerate(holder):
        if value is target:
            return f"[{index}]"
    return None


def _in_slots(holder, target):
    for kind in type(holder).__mro__:
        for name, member in kind.__dict__.items():
            if type(member) is types.MemberDescriptorType:
                try:
                    if member.__get__(holder) is target:
                        return f".{name}"
                except AttributeError:
                    pass
    return None


def _in_closure(holder, target):
    for name, cell in zip(holder.__code__.co_freevars, holder.__closure__ or ()):
        if cell is target:
            return f" closure over {name}"
    return None


_MEMBERS = {
    types.FunctionType: ("__globals__", "__defaults__", "__kwdefaults__", "__dict__", "__code__", "__annotations__"),
    types.MethodType: ("__self__", "__func__"),
    types.BuiltinMethodType: ("__self__",),
    types.ModuleType: ("__dict__",),
    types.CellType: ("cell_contents",),
    types.GeneratorType: ("gi_code", "gi_yieldfrom"),
    types.CoroutineType: ("cr_code", "cr_await"),
    types.TracebackType: ("tb_frame", "tb_next"),
    types.FrameType: ("f_back", "f_globals", "f_code"),
    property: ("fget", "fset", "fdel"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
}


def _in_members(holder, target):
    for name in _MEMBERS.get(type(holder), ()):
        try:
            if getattr(holder, name) is target:
                return f".{name}"
        except (AttributeError, ValueError):  # an empty cell
            pass
    if isinstance(holder, type):
        for name, value in holder.__dict__.items():
            if value is target:
                return f".{name}"
        if target is holder.__mro__:
            return ".__mro__"
    if isinstance(holder, BaseException):
        for name in ("__traceback__", "__context__", "__cause__", "args"):
            if getattr(holder, name) is target:
                return f".{name}"
    return None


def _in_variables(holder, target):
    frame = getattr(holder, "gi_frame", None) or getattr(holder, "cr_frame", None) or (holder if isinstance(holder, types.FrameType) else None)
    if frame is not None:
        for name, value in frame.f_locals.items():
            if value is target:
                return f" variable {name}"
    return None


def reference_text(holder, target):
    """How `holder` refers to `target`: "['key']", "[3]", ".attribute", ...; it runs no code of the program's."""
    if isinstance(holder, dict):
        found = _in_dict(holder, target)
    elif isinstance(holder, (list, tuple)):
        # A subclass may have an iteration of its own.
        found = _in_sequence((list if isinstance(holder, list) else tuple).__iter__(holder), target)
    elif isinstance(holder, (set, frozenset)):
        found = " as an element"
    elif isinstance(holder, types.FunctionType):
        found = _in_closure(holder, target) or _in_members(holder, target)
    else:
        name = _native.attribute_of(holder, target)
        found = f".{name}" if name is not None else _in_members(holder, target) or _in_variables(holder, target) or _in_slots(holder, target)
    return found or f" -> {type(target).__qualname__}"


def path_text(first, objects):
    """The references from one object to the last, as an expression where that says it."""
    text = first
    i = 0
    while i + 1 < len(objects):
        holder, target = objects[i], objects[i + 1]
        if i + 2 < len(objects) and isinstance(holder, (types.ModuleType, type)) and type(target) is dict:
            # The dict of a module or a class is not worth a step.
            found = next((key for key, value in target.items() if value is objects[i + 2]), None)
            if isinstance(found, str):
                text += f".{found}"
                i += 2
                continue
        text += reference_text(holder, target)
        i += 1
    return text
