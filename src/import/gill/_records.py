"""How the package shows what it found: values with names, and tables of them, as text and as JSON."""

from gill import _native


def size_text(count):
    """A number of bytes for people."""
    for unit, bytes_of_unit in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(count) >= bytes_of_unit:
            return f"{count / bytes_of_unit:.1f} {unit}"
    return f"{count} B"


def time_text(nanoseconds):
    """A span of nanoseconds for people."""
    for unit, of_unit in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if nanoseconds >= of_unit:
            return f"{nanoseconds / of_unit:.{3 if unit == 's' else 1}f} {unit}"
    return f"{nanoseconds} ns"


def plain(value):
    """The value as dicts, lists and what JSON has."""
    if isinstance(value, (Record, Table)):
        return value.to_dict()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


class Shown:
    """What text and JSON forms have in common."""

    __slots__ = ()

    def to_json(self, indent=None):
        """The same as text in JSON."""
        import json

        return json.dumps(self.to_dict(), indent=indent)

    def print(self, file=None):
        """Writes the text to a file, standard output by default."""
        print(self, file=file)


class Record(Shown):
    """Immutable values with names. A class says their names in `_fields`, and how `str()` shows each in `_units`."""

    __slots__ = ("_values",)
    _fields = ()
    _units = {}

    def __init__(self, **values):
        if values.keys() != set(self._fields):
            raise TypeError(f"{type(self).__name__} has the fields {', '.join(self._fields)}")
        object.__setattr__(self, "_values", values)

    def __getattr__(self, name):
        if name == "_values":  # not initialized
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'") from None

    def __setattr__(self, name, value):
        raise AttributeError(f"'{type(self).__name__}' object is immutable")

    __delattr__ = __setattr__ = __setattr__

    def __dir__(self):
        return [*super().__dir__(), *self._fields]

    def __eq__(self, other):
        return self._values == other._values if type(self) is type(other) else NotImplemented

    def __hash__(self):
        return hash(tuple(str(value) for value in self._values.values()))

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"

    def to_dict(self):
        """The values by name."""
        return {name: plain(value) for name, value in self._values.items()}

    def _shown(self, name):
        value = self._values[name]
        unit = self._units.get(name)
        return "-" if value is None else unit(value) if unit else str(value)

    def __str__(self):
        width = max(map(len, self._fields))
        return "\n".join(f"{name.replace('_', ' '):{width}}  {self._shown(name)}" for name in self._fields)


class Table(Shown, tuple):
    """An immutable sequence of records of one kind."""

    __slots__ = ()
    _columns = ()  # names of the fields that the text shows
    _empty = "none"

    def to_dict(self):
        """A list of what the records' `to_dict()` gives."""
        return [plain(row) for row in self]

    def __repr__(self):
        return f"{type(self).__name__}({list(self)!r})"

    def __str__(self):
        if not self:
            return self._empty
        rows = [[name.replace("_", " ") for name in self._columns]]
        rows += [[row._shown(name) for name in self._columns] for row in self]
        widths = [max(map(len, column)) for column in zip(*rows)]
        last = len(widths) - 1
        return "\n".join(
            "  ".join(cell if i == last else cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
            for row in rows
        )


class Place(Record):
    """A line of Python, and the native function that was called from there.

    file: the end of the file's name; line; function: its qualified name; native: "function (library)". Each is None where it is
    not known.
    """

    __slots__ = ()
    _fields = ("file", "line", "function", "native")

    @classmethod
    def from_raw(cls, raw):
        """Of what _native gives: a tuple, or None."""
        return None if raw is None else cls(**dict(zip(cls._fields, raw)))

    def __str__(self):
        line = "" if self.line is None else f":{self.line}"
        python = f"{self.file}{line} in {self.function}" if self.file else ""
        native = f"native {self.native}" if self.native else ""
        return ", ".join(filter(None, (python, native))) or "not known"


def thread_names():
    """The names of threads by their identifiers, as far as the threading module knows them."""
    import sys

    names = {_native.main_thread(): "MainThread"}
    threading = sys.modules.get("threading")
    if threading is not None:
        # A copy: another thread may start or end meanwhile.
        names.update((identifier, thread.name) for identifier, thread in threading._active.copy().items())
    return names


def thread_text(identifier, names):
    """How a thread is shown."""
    return names.get(identifier) or f"thread {identifier}"
