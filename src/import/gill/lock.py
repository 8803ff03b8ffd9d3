"""The interpreter lock: who held it, who waited, and for whom.

Every thread counts for itself, always; reading takes no lock.
"""

from gill import _native
from gill._records import Place, Record, Table, thread_names, thread_text, time_text

__all__ = ["stats", "threads", "Stats", "Thread", "Wait"]

_SPANS = ("held", "waited", "native")
_COUNTS = ("acquisitions", "contended", "forced", "voluntary")


class Wait(Record):
    """The longest wait of a thread.

    waited, nanoseconds, by the thread with the identifier waiter and waiter_name; began, a moment; holder: the identifier of the thread that held the lock longest meanwhile (0: not known),
    holder_name, and held: for how long it did, in nanoseconds; place: where it was when it let go, a Place or None.
    """

    __slots__ = ()
    _fields = ("waiter", "waiter_name", "waited", "began", "holder", "holder_name", "held", "place")
    _units = {"waited": time_text, "held": time_text}

    def __str__(self):
        by = f", {time_text(self.held)} of it for {self.holder_name}" if self.holder else ""
        return f"{time_text(self.waited)} by {self.waiter_name}{by}{f' at {self.place}' if self.place else ''}"


class Thread(Record):
    """What one thread has done at the lock.

    thread_id: threading.get_ident(); native_id: threading.get_native_id(); name; state: "holding", "waiting" or "native", and
    in_state: for how long; held, waited, native: time with the lock, waiting for it, and in native code without it;
    acquisitions, contended: those that had to wait; forced: hand-overs because a waiter asked; voluntary: releases for native code
    while somebody waited; longest_wait: a Wait or None. Times are in nanoseconds.
    """

    __slots__ = ()
    _fields = ("thread_id", "native_id", "name", "state", "in_state", *_SPANS, *_COUNTS, "longest_wait")
    _units = dict.fromkeys(("in_state", *_SPANS), time_text)


class Threads(Table):
    """One Thread for each thread that ever asked for the lock and has not ended."""

    __slots__ = ()
    _columns = ("name", "state", *_SPANS, *_COUNTS, "longest_wait")


class Stats(Record):
    """What all threads have done at the lock, ended ones included.

    threads, ended_threads: how many; held, waited, native: nanoseconds; acquisitions, contended, forced, voluntary: as for a Thread;
    requests: how often a waiter asked the holder to yield; switch_interval: nanoseconds until it does; longest_wait: a Wait
    or None.
    """

    __slots__ = ()
    _fields = ("threads", "ended_threads", *_SPANS, *_COUNTS, "requests", "switch_interval", "longest_wait")
    _units = dict.fromkeys((*_SPANS, "switch_interval"), time_text)


def _wait(raw, names):
    if raw is None:
        return None
    raw["place"] = Place.from_raw(raw["place"])
    return Wait(waiter_name=thread_text(raw["waiter"], names), holder_name=thread_text(raw["holder"], names), **raw)


def threads():
    """What each thread that lives has done at the lock: a table of Thread, the one that held it longest first."""
    names = thread_names()
    found = []
    for raw in _native.lock_threads():
        raw["longest_wait"] = _wait(raw["longest_wait"], names)
        found.append(Thread(name=thread_text(raw["thread_id"], names), **raw))
    found.sort(key=lambda thread: -thread.held)
    return Threads(found)


def stats():
    """What all threads together have done at the lock since the process began: Stats."""
    totals = _native.lock_totals()
    living = threads()
    ended = totals.pop("ended")
    sums = {name: ended[name] + sum(getattr(thread, name) for thread in living) for name in (*_SPANS, *_COUNTS)}
    waits = [thread.longest_wait for thread in living] + [_wait(ended["longest_wait"], thread_names())]
    return Stats(
        threads=len(living),
        ended_threads=ended["threads"],
        longest_wait=max(filter(None, waits), key=lambda wait: wait.waited, default=None),
        **sums,
        **totals,
    )
