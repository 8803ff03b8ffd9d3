"""Which lines hold the memory, estimated from samples of allocations."""

import time

from gill import _native
from gill._records import Place, Record, Table, size_text, thread_names, thread_text, time_text

_SHOWN = 20  # rows in a text
_GROUPS = ("line", "function", "traceback", "thread")


class Use(Record):
    """What one line, function, traceback or thread holds.

    bytes, count: of blocks, estimated; share: of the bytes of all; samples: how many the estimate rests on, which is exact to about one
    part in their square root; type: of the objects, where types were asked for and the blocks are objects, else None; place: a Place,
    without line for a function, None where no Python code ran; callers: for a traceback the Places that led there, the innermost first; thread:
    a name, where threads were asked for.
    """

    __slots__ = ()
    _fields = ("bytes", "share", "count", "samples", "type", "place", "callers", "thread")
    _units = {"bytes": size_text, "share": "{:.1%}".format, "count": "{:,}".format}


class Uses(Table):
    """What holds the memory, the largest first. interval: average bytes from one sample to the next; total: estimated bytes of all blocks in use."""

    def __new__(cls, uses, interval, by="line", types=False):
        self = super().__new__(cls, uses)
        self.interval = interval
        self.total = sum(use.bytes for use in self)
        self._columns = ("bytes", "share", "count", *(("type",) if types else ()), "thread" if by == "thread" else "place")
        return self

    def to_dict(self):
        """interval, total, and uses: a list."""
        return {"interval": self.interval, "total": self.total, "uses": super().to_dict()}

    def _rows(self):
        shown = Table.__new__(Uses, self[:_SHOWN])
        shown._columns = self._columns
        head, *rows = Table.__str__(shown).splitlines()
        yield head
        for row, use in zip(rows, shown):
            yield row
            yield from (f"{'':{len(head)}}from {caller}" for caller in use.callers or ())

    def __str__(self):
        count = sum(use.samples for use in self)
        head = f"about {size_text(self.total)} in use, from {count} samples, one in {size_text(self.interval)}"
        more = [f"and {len(self) - _SHOWN} more"] if len(self) > _SHOWN else []
        return "\n".join([head, *self._rows(), *more]) if self else head


class Peak(Record):
    """When most memory was in use that Python code had asked for, and by which lines.

    at: a moment; rss: bytes that were resident about then, None where that is not known; heap: bytes of the heap's pages; uses: a Uses.
    """

    __slots__ = ()
    _fields = ("at", "rss", "heap", "uses")

    def __str__(self):
        ago = time_text(max(time.monotonic_ns() - self.at, 0))
        resident = f"resident {size_text(self.rss)}, " if self.rss else ""
        return f"{ago} ago: {resident}heap {size_text(self.heap)}; {self.uses}"


def _type_name(found):
    module = found.__dict__.get("__module__", "builtins")
    return found.__qualname__ if module == "builtins" or not isinstance(module, str) else f"{module}.{found.__qualname__}"


def _places(raw):
    """Descriptions of frames by their numbers, each place once."""
    known = {}
    return {number: None if place is None else known.setdefault(place, Place.from_raw(place)) for number, place in raw.items()}


def _key(by, thread, frames):
    if by == "thread":
        return thread
    if by == "traceback":
        return tuple(filter(None, frames))
    place = frames[0] if frames else None
    return (place.file, place.function) if place and by == "function" else place


def _use(by, key, kind, weight, count, samples, total, names):
    place = callers = thread = None
    if by == "thread":
        thread = thread_text(key, names)
    elif by == "traceback":
        place, callers = (key[0], key[1:]) if key else (None, ())
    elif by == "function" and key:
        place = Place(file=key[0], line=None, function=key[1], native=None)
    else:
        place = key
    return Use(
        bytes=weight,
        share=weight / total,
        count=round(count),
        samples=samples,
        type=kind and _type_name(kind),
        place=place,
        callers=callers,
        thread=thread,
    )


def _uses(raw, by, types):
    places = _places(raw["places"])
    sums = {}
    for size, weight, thread, kind, frames in raw["samples"]:
        key = _key(by, thread, [places[frame] for frame in frames]), kind if types else None
        entry = sums.setdefault(key, [0, 0.0, 0])
        entry[0] += weight
        entry[1] += weight / max(size, 1)
        entry[2] += 1
    total = sum(entry[0] for entry in sums.values())
    names = thread_names()
    found = [_use(by, key, kind, *entry, total, names) for (key, kind), entry in sums.items()]
    return Uses(sorted(found, key=lambda use: -use.bytes), raw["interval"], by, types)


def _samples(at_peak, by):
    if by not in _GROUPS:
        raise ValueError(f"by must be one of {', '.join(map(repr, _GROUPS))}")
    if not _native.sample_interval():
        raise RuntimeError("allocations are not sampled: -X memory-samples=off was given, or set_sample_interval(0) called")
    return _native.memory_samples(at_peak)


def top(by="line", types=False):
    """What holds the memory that is in use now: Uses.

    by: "line", "function", "traceback" (of at most 20 frames) or "thread", of the Python code that asked for the blocks; types: whether to
    tell types of objects apart. It knows what was asked for with PyMem_*, PyObject_* and PyMem_Raw*, by samples: what holds much less
    than sample_interval() bytes may be missing. Raises RuntimeError when no samples are taken.
    """
    return _uses(_samples(False, by), by, types)


def peak(by="line", types=False):
    """What held the memory when most of it was in use, since the process began or was forked: Peak. The arguments are those of top()."""
    raw = _samples(True, by)
    return Peak(at=raw["at"], rss=raw["rss"] or None, heap=raw["heap"], uses=_uses(raw, by, types))


def sample_interval():
    """How many bytes are allocated on average from one sample to the next; 0 when none are taken."""
    return _native.sample_interval()


def set_sample_interval(bytes):
    """Takes samples at another average distance from now on: from 1024 to 2**30 bytes, or 0 for none, which forgets those there are.

    A smaller interval gives better estimates, and costs more. -X memory-samples=64k sets it from the start, or `off`.
    """
    _native.set_sample_interval(bytes)
