"""Memory: what the resident set is used for, and by whom.

The heap's pages tell which slots are in use and the objects in them; the kernel tells how much of each mapping is resident; samples of
allocations tell which lines asked for it.
"""

import time

from gill import _mappings, _native
from gill._paths import path_text, reference_text
from gill._records import Place, Record, Table, size_text, thread_names, thread_text, time_text
from gill._samples import Peak, Use, Uses, _type_name, peak, sample_interval, set_sample_interval, top

__all__ = ["exports", "ledger", "peak", "retained_by", "sample_interval", "set_sample_interval", "top", "trim"]
__all__ += ["ClassUse", "Export", "Exports", "Ledger", "Path", "Paths", "Peak", "Trimmed", "TypeUse", "Use", "Uses"]

_SHOWN = 20  # rows of each table in a ledger's text


class TypeUse(Record):
    """The live objects of one type.

    type: its name with the module's; objects: how many; bytes: in the heap's pages, the rest of their slots included; native: in
    blocks of malloc's, which large objects and large tables of list, dict and set have.
    """

    __slots__ = ()
    _fields = ("type", "objects", "bytes", "native")
    _units = {"bytes": size_text, "native": size_text}


class Types(Table):
    """All types with live objects, the largest first."""

    __slots__ = ()
    _columns = ("type", "objects", "bytes", "native")


class ClassUse(Record):
    """The pages of one size class.

    slot: bytes of a slot; kind: of the pages; pages; used, free: slots; free_bytes: of the free slots; returned: bytes
    of these that the operating system has back; overhead: bytes of page headers and of what is left behind the last slot.
    """

    __slots__ = ()
    _fields = ("slot", "kind", "pages", "used", "free", "free_bytes", "returned", "overhead")
    _units = dict.fromkeys(("free_bytes", "returned", "overhead"), size_text)


class Classes(Table):
    """All size classes; the text of a ledger shows those with the most pages."""

    __slots__ = ()
    _columns = ("slot", "kind", "pages", "used", "free", "free_bytes", "returned")


class Ledger(Record):
    """What the resident memory is used for, in bytes.

    rss: resident; vms: virtual size; high_water_mark: the most that was resident; high_water_mark_at: when that was reached, a moment, as
    far as it was seen when samples were taken, or None; heap_peak: the most that the heap's pages were, and heap_peak_at: when
    that was reached. The parts, which add up to rss:

    objects             live Python objects in the heap's pages (by type in `types`)
    tables              other blocks in them: items, tables and buffers of containers, what extensions asked for
    page_overhead       headers of pages, and what is left behind the last slot
    free_in_pages       free slots of pages that are partly used, as far as they are resident
    retained_pages      empty pages kept for quick reuse
    native              blocks of malloc's in use: large objects and tables (`native_objects` of it), and those of extensions and libraries
    native_free         what malloc keeps of blocks that were freed
    stacks              of threads
    files               mapped files: code and constants of programs and libraries (by path in `file_mappings`)
    other               anonymous memory of other origin, what the kernel maps

    types: a table of TypeUse, the largest first; classes: a table of ClassUse.
    """

    __slots__ = ()
    _parts = ("objects", "tables", "page_overhead", "free_in_pages", "retained_pages", "native", "native_free", "stacks", "files", "other")
    _fields = ("rss", "vms", "high_water_mark", "high_water_mark_at", "heap_peak", "heap_peak_at", *_parts, "native_objects", "types", "classes", "file_mappings")

    def __str__(self):
        lines = [f"resident {size_text(self.rss)}, at most {size_text(self.high_water_mark)}{_ago(self.high_water_mark_at)}, virtual {size_text(self.vms)}"]
        lines.append(f"heap at most {size_text(self.heap_peak)}{_ago(self.heap_peak_at)}")
        for name in self._parts:
            value = getattr(self, name)
            lines.append(f"  {name.replace('_', ' '):16}{size_text(value):>12}{value / self.rss:>8.1%}")
        lines += ["", str(Types(self.types[:_SHOWN])), "", str(Classes(sorted(self.classes, key=lambda entry: -entry.pages)[:_SHOWN]))]
        return "\n".join(lines)


def _ago(moment):
    return f" {time_text(max(time.monotonic_ns() - moment, 0))} ago" if moment else ""


def _types(raw):
    uses = [TypeUse(type=_type_name(found), objects=objects, bytes=size, native=native) for found, objects, size, native in raw]
    return Types(sorted(uses, key=lambda use: -(use.bytes + use.native)))


def _classes(raw):
    uses = []
    for kind, slot, pages, used, free, returned, overhead in raw:
        uses.append(ClassUse(slot=slot, kind=kind, pages=pages, used=used, free=free, free_bytes=free * slot, returned=returned, overhead=overhead))
    return Classes(uses)


def ledger():
    """What the resident memory is used for: Ledger.

    It looks at every page of the heap of the current interpreter and reads /proc/self/smaps: some ten milliseconds for each million
    objects. Raises OSError where /proc is missing.
    """
    use = _native.memory_use()
    status = _mappings.status()
    resident, files = _mappings.resident_parts(use["range_base"], use["range_size"], use["stacks"])
    page = use["page_size"]
    classes = _classes(use["classes"])
    run_pages, _, run_bytes = use["runs"]
    objects = sum(entry[2] for entry in use["types"])
    overhead = sum(entry.overhead for entry in classes) + run_pages * page - run_bytes
    retained = use["retained_pages"] * page
    # What the pages hold beyond that is resident only as far as it was ever touched and not given back.
    tables = min(use["raw_bytes"], max(resident["heap"] - objects - overhead - retained, 0))
    native = min(use["malloc"]["used"], resident["anonymous"])
    native_free = min(use["malloc"]["free"], resident["anonymous"] - native)
    return Ledger(
        rss=sum(resident.values()),
        vms=status["VmSize"],
        high_water_mark=status["VmHWM"],
        # What native code took and gave back at once was perhaps not seen.
        high_water_mark_at=use["resident_peak_at"] if use["resident_peak"] >= status["VmHWM"] * 0.95 else None,
        heap_peak=use["heap_peak"],
        heap_peak_at=use["heap_peak_at"],
        objects=objects,
        tables=tables,
        page_overhead=overhead,
        free_in_pages=resident["heap"] - objects - overhead - retained - tables,
        retained_pages=retained,
        native=native,
        native_free=native_free,
        stacks=resident["stacks"],
        files=resident["files"],
        other=resident["anonymous"] - native - native_free + resident["kernel"],
        native_objects=sum(entry[3] for entry in use["types"]),
        types=_types(use["types"]),
        classes=classes,
        file_mappings=dict(sorted(files.items(), key=lambda item: -item[1])),
    )


class Trimmed(Record):
    """What trim() gave back. before, after: resident bytes; returned: the difference."""

    __slots__ = ()
    _fields = ("before", "after", "returned")
    _units = dict.fromkeys(_fields, size_text)


def trim():
    """Gives what is free back to the operating system now, and says how much that was: Trimmed.

    Empty pages and empty stretches of partly used ones go, and what malloc holds free. It collects no garbage: gc.collect() does.
    """
    before = _mappings.status()["VmRSS"]
    _native.memory_trim()
    after = _mappings.status()["VmRSS"]
    return Trimmed(before=before, after=after, returned=max(before - after, 0))


class Path(Record):
    """One way from what the interpreter holds to an object.

    root: "module", "variable", "thread" (its current exception, its context, thread-local values), "interpreter", or "unknown" for what is
    reached from none of them; place: of a variable's frame, a Place; text: the references from the root on; types: of the
    objects on the way; length: how many.
    """

    __slots__ = ()
    _fields = ("root", "place", "text", "types", "length")

    def __str__(self):
        return f"{self.text}  ({self.place})" if self.place else self.text


class Paths(Table):
    """The ways to an object, the shortest first. references: how many there are to it, the caller's own among them."""

    def __new__(cls, paths, references):
        self = super().__new__(cls, paths)
        self.references = references
        return self

    def to_dict(self):
        """references, and paths: a list."""
        return {"references": self.references, "paths": super().to_dict()}

    def __str__(self):
        head = f"{self.references} references"
        return "\n".join([head, *(f"  {path}" for path in self)]) if self else f"{head}, none of them from a known object: native code may hold it"


def _path(root, objects):
    kind, name, place, thread = root
    if kind == "module":
        first = f"module {name}"
    elif kind == "variable":
        first = name or ("variables" if len(objects) > 1 else "function")
    elif kind == "thread":
        first = f"thread {thread_text(thread, thread_names())}: {type(objects[0]).__qualname__}"
    else:
        first = f"interpreter: {type(objects[0]).__qualname__}"
    return Path(
        root=kind,
        place=Place.from_raw(place),
        text=path_text(first, objects),
        types=tuple(type(found).__qualname__ for found in objects),
        length=len(objects),
    )


def retained_by(obj, limit=5):
    """The shortest ways to an object from what the interpreter holds: Paths, at most `limit` (a positive int), by different holders.

    Variables of running functions count, the caller's among them. What only unknown roots hold (native code, garbage that is not
    collected yet) is described by the objects that refer to it. Raises ValueError for a limit below 1. It walks the live objects, and
    takes some 50 bytes for each container meanwhile.
    """
    import sys

    if limit < 1:
        raise ValueError("limit must be at least 1")
    references = sys.getrefcount(obj) - 2  # the argument's, and this function's
    paths = [_path(root, objects) for root, objects in _native.retained_by(obj, limit)]
    if not paths:
        own = sys._getframe()
        for holder in _native.holders_of(obj)[:limit]:
            if holder is own:
                continue
            text = f"{type(holder).__qualname__} at 0x{id(holder):x}{reference_text(holder, obj)}"
            paths.append(Path(root="unknown", place=None, text=text, types=(type(holder).__qualname__, type(obj).__qualname__), length=2))
    return Paths(paths, references)


class Export(Record):
    """One view of an object's buffer.

    holder: the type of the object that has it ("memoryview", "PickleBuffer", ...), or "native code"; place: the line that asked for it, a
    Place or None; thread: the name of its thread.
    """

    __slots__ = ()
    _fields = ("holder", "place", "thread")


class Exports(Table):
    """The views of an object's buffer, the latest first."""

    __slots__ = ()
    _columns = ("holder", "thread", "place")
    _empty = "no views"


def _holder_name(holder):
    if holder is None:
        return "native code"
    name = type(holder).__qualname__
    return "memoryview" if name == "managedbuffer" else name


def exports(obj):
    """Who has views of an object's buffer, and from which line: Exports.

    Known are views that keep the object from being resized: of bytearray, array, mmap, BytesIO and others that want to know of a
    view's release. Raises TypeError for an object without a buffer.
    """
    from io import BytesIO

    if not isinstance(obj, BytesIO):
        memoryview(obj).release()
    names = thread_names()
    return Exports(
        Export(holder=_holder_name(holder), place=Place.from_raw(place), thread=thread_text(thread, names))
        for thread, place, holder in _native.buffer_exports(obj)
    )
