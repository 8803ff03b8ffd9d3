"""Memory: what the resident set is used for.

The heap's pages tell which slots are in use and the objects in them; the kernel tells how much of each mapping is resident.
"""

from gill import _native
from gill import _mappings
from gill._records import Record, Table, size_text

__all__ = ["ledger", "trim", "Ledger", "TypeUse", "ClassUse", "Trimmed"]

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

    rss: resident; vms: virtual size; high_water_mark: the most that was resident. The parts, which add up to rss:

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
    _fields = ("rss", "vms", "high_water_mark", *_parts, "native_objects", "types", "classes", "file_mappings")

    def __str__(self):
        lines = [f"resident {size_text(self.rss)}, at most {size_text(self.high_water_mark)}, virtual {size_text(self.vms)}"]
        for name in self._parts:
            value = getattr(self, name)
            lines.append(f"  {name.replace('_', ' '):16}{size_text(value):>12}{value / self.rss:>8.1%}")
        lines += ["", str(Types(self.types[:_SHOWN])), "", str(Classes(sorted(self.classes, key=lambda entry: -entry.pages)[:_SHOWN]))]
        return "\n".join(lines)


def _type_name(found):
    module = found.__dict__.get("__module__", "builtins")
    return found.__qualname__ if module == "builtins" or not isinstance(module, str) else f"{module}.{found.__qualname__}"


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
