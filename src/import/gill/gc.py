"""The collector's pauses: when, for how long, and who waited."""

from gill import _native
from gill._records import Place, Record, Table, thread_names, thread_text, time_text

__all__ = ["pauses", "Pause", "Pauses"]

_SHOWN = 12


class Pause(Record):
    """One pause of the program for the collector.

    number: counted from 0; began, a moment; lasted, nanoseconds; generation: the oldest that was collected; examined, collected: objects;
    thread: the name of the thread that ran into it; place: where that was, a Place or None; waiting: how many threads waited for
    the lock when it ended; waiters: the names of the first of them.
    """

    __slots__ = ()
    _fields = ("number", "began", "lasted", "generation", "examined", "collected", "thread", "waiting", "waiters", "place")
    _units = {"lasted": time_text, "waiters": ", ".join}


class _Longest(Table):
    __slots__ = ()
    _columns = ("number", "lasted", "generation", "examined", "collected", "waiting", "thread", "place")


class Pauses(Table):
    """The last pauses, oldest first; the text shows the longest of them. count, total, longest: of all there were; the latter two in nanoseconds."""

    def __new__(cls, pauses, count, total, longest):
        self = super().__new__(cls, pauses)
        self.count, self.total, self.longest = count, total, longest
        return self

    def to_dict(self):
        """count, total, longest, and last: a list of the last pauses."""
        return {"count": self.count, "total": self.total, "longest": self.longest, "last": super().to_dict()}

    def __str__(self):
        head = f"{self.count} pauses, {time_text(self.total)} in all, the longest {time_text(self.longest)}"
        worst = sorted(self, key=lambda pause: -pause.lasted)[:_SHOWN]
        return f"{head}; the longest of the last {len(self)}:\n{_Longest(worst)}" if self else head


def pauses():
    """The collector's pauses in this interpreter: Pauses."""
    raw = _native.gc_pauses()
    names = thread_names()
    last = []
    for pause in raw["last"]:
        thread = thread_text(pause.pop("thread_id"), names)
        pause["place"] = Place.from_raw(pause["place"])
        pause["waiters"] = [thread_text(waiter, names) for waiter in pause["waiters"]]
        last.append(Pause(thread=thread, **pause))
    return Pauses(last, raw["count"], raw["total"], raw["longest"])
