"""All of it in one: gill.report(), and what `gill --report` writes at the program's end."""

import sys
import time

from gill import gc, lock, memory
from gill._records import Record


class Report(Record):
    """What the process has done so far.

    pid; ended: how the program ended, None while it runs; argv; wall, cpu: seconds since the process began; lock: lock.Stats; threads:
    a table of lock.Thread; memory: memory.Ledger; top: memory.Uses by line; peak: memory.Peak; gc: gc.Pauses. top and peak are None when
    allocations are not sampled.
    """

    __slots__ = ()
    _fields = ("pid", "ended", "argv", "wall", "cpu", "lock", "threads", "memory", "top", "peak", "gc")

    def __str__(self):
        head = f"process {self.pid}: {' '.join(self.argv)}\n{self.ended or 'running'}; {self.wall:.3f} s, {self.cpu:.3f} s of processor time"
        parts = [
            ("lock", f"{self.lock}\n\n{self.threads}"),
            ("memory", self.memory),
            ("memory by line", self.top or "not sampled"),
            ("memory by line at its peak", self.peak or "not sampled"),
            ("collector", self.gc),
        ]
        return "\n".join([head, *(f"\n---- {title} ----\n{text}" for title, text in parts)])


def _age():
    """Seconds since the process began."""
    with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
        import os

        begin = int(stat.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return max(float(uptime.read().split()[0]) - begin, 0.0)


def report(ended=None):
    """What the process has done so far: Report. It looks at every page of the heap, as memory.ledger() does."""
    import os

    is_sampled = memory.sample_interval() > 0
    return Report(
        pid=os.getpid(),
        ended=ended,
        argv=list(getattr(sys, "orig_argv", [])),
        wall=round(_age(), 2),
        cpu=round(time.process_time(), 6),
        lock=lock.stats(),
        threads=lock.threads(),
        memory=memory.ledger(),
        top=memory.top() if is_sampled else None,
        peak=memory.peak() if is_sampled else None,
        gc=gc.pauses(),
    )


def write(target, ended, in_child):
    """Writes the report: as text to standard error, or as JSON to a file, whose name gets the process's number in a forked child."""
    import os

    found = report(ended)
    if target is True:
        text = f"\n==== gill report ====\n{found}\n"
        os.write(2, text.encode("utf-8", "backslashreplace"))
        return
    if in_child:
        root, extension = os.path.splitext(target)
        target = f"{root}.{os.getpid()}{extension}"
    with open(target, "w", encoding="utf-8") as file:
        file.write(found.to_json(indent=1))
        file.write("\n")
