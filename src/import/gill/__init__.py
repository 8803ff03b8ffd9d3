"""What the interpreter lock, the memory and the collector of this process do.

gill.lock      who held the lock, who waited, and for whom
gill.memory    what the resident memory is used for
gill.gc        the collector's pauses
gill.report()  all of it in one

Whatever these return prints as a text for people; `to_dict()` and `to_json()` give the same as plain values. Sizes are in
bytes, times in nanoseconds, moments in nanoseconds of time.monotonic_ns().
"""


def _load_native():
    """The native part. It is no name in sys.builtin_module_names, which shows what Python 3.11 has."""
    import _imp
    import sys
    from importlib.machinery import BuiltinImporter, ModuleSpec

    spec = ModuleSpec("gill._native", BuiltinImporter, origin="built-in")
    module = sys.modules[spec.name] = _imp.create_builtin(spec)
    _imp.exec_builtin(module)
    return module


_native = _load_native()
del _load_native

from gill import gc, lock, memory
from gill._report import report

__all__ = ["gc", "lock", "memory", "report"]
