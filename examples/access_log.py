"""Reads a web server's access log (combined format and a time in ms, plain or gzip) and prints a summary.

One thread reads and cuts the log into blocks, a few parse them, and the main thread adds up what they found.
"""
import argparse
import collections
import gzip
import json
import queue
import re
import statistics
import sys
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

LINE = re.compile(
    r'(?P<host>\S+) \S+ (?P<user>\S+) \[(?P<time>[^]]+)\] '
    r'"(?P<method>[A-Z]+) (?P<target>\S+) (?P<protocol>HTTP/[\d.]+)" '
    r'(?P<status>\d{3}) (?P<size>\d+|-) "(?P<referrer>[^"]*)" "(?P<agent>[^"]*)" (?P<millis>\d+\.\d+)')
BOT = re.compile(r"bot|crawl|spider|curl|python-requests", re.IGNORECASE)

Hit = collections.namedtuple("Hit", "host user time method path status size referrer agent millis")


@dataclass
class Summary:
    hits: int = 0
    rejected: list = field(default_factory=list)
    sent: int = 0
    first: datetime | None = None
    last: datetime | None = None
    statuses: collections.Counter = field(default_factory=collections.Counter)
    pages: collections.Counter = field(default_factory=collections.Counter)
    hosts: collections.Counter = field(default_factory=collections.Counter)
    users: collections.Counter = field(default_factory=collections.Counter)
    hours: collections.Counter = field(default_factory=collections.Counter)
    sites: collections.Counter = field(default_factory=collections.Counter)
    bots: int = 0
    times: dict = field(default_factory=lambda: collections.defaultdict(list))

    def add(self, hit: Hit):
        self.hits += 1
        self.sent += hit.size
        if self.first is None or hit.time < self.first:
            self.first = hit.time
        if self.last is None or hit.time > self.last:
            self.last = hit.time
        self.statuses[hit.status] += 1
        self.pages[hit.path] += 1
        self.hosts[hit.host] += 1
        self.users[hit.user] += 1
        self.hours[hit.time.replace(minute=0, second=0)] += 1
        if hit.referrer != "-":
            self.sites[urlsplit(hit.referrer).hostname] += 1
        if BOT.search(hit.agent):
            self.bots += 1
        self.times[hit.path].append(hit.millis)


def parse(line: str) -> Hit:
    match = LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"not a log line: {line[:40]!r}")
    found = match.groupdict()
    return Hit(found["host"], None if found["user"] == "-" else found["user"],
               datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z"),
               found["method"], unquote(urlsplit(found["target"]).path), int(found["status"]),
               0 if found["size"] == "-" else int(found["size"]), found["referrer"], found["agent"], float(found["millis"]))


def read_blocks(path, block_lines, blocks, workers):
    opener = gzip.open if path.endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace", newline="\n") as log:
            block, number = [], 0
            for line in log:
                block.append(line.rstrip("\n"))
                if len(block) == block_lines:
                    blocks.put((number, block))
                    block, number = [], number + 1
            blocks.put((number, block))
    except (OSError, EOFError) as error:
        blocks.put((-1, error))
    finally:
        for _ in range(workers):
            blocks.put(None)


def parse_blocks(blocks, results):
    while (item := blocks.get()) is not None:
        number, block = item
        if number < 0:
            results.put((number, block, []))
            continue
        hits, rejected = [], []
        for offset, line in enumerate(block):
            try:
                hits.append(parse(line))
            except ValueError as error:
                rejected.append((offset, str(error)))
        results.put((number, hits, rejected))
    results.put(None)


def summarize(path, workers, block_lines=2000) -> Summary:
    blocks, results = queue.Queue(maxsize=2 * workers), queue.Queue()
    threads = [threading.Thread(target=read_blocks, args=(path, block_lines, blocks, workers), name="reader")]
    threads += [threading.Thread(target=parse_blocks, args=(blocks, results), name=f"parser-{n}") for n in range(workers)]
    for thread in threads:
        thread.start()
    parts, running = [], workers
    while running:
        part = results.get()
        if part is None:
            running -= 1
        else:
            parts.append(part)
    for thread in threads:
        thread.join()
    summary = Summary()
    for number, hits, rejected in sorted(parts, key=lambda part: part[0]):
        if number < 0:
            raise hits
        for hit in hits:
            summary.add(hit)
        summary.rejected += [(number * block_lines + offset + 1, why) for offset, why in rejected]
    return summary


def bytes_text(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.1f} {unit}" if unit != "B" else f"{count:.0f} B"
        count /= 1024


def print_summary(summary: Summary, top: int):
    span: timedelta = summary.last - summary.first
    print(f"{summary.hits:,} requests from {summary.first:%Y-%m-%d %H:%M} to {summary.last:%Y-%m-%d %H:%M} ({span})")
    print(f"{bytes_text(summary.sent)} sent, {len(summary.hosts):,} hosts, {summary.bots / summary.hits:.1%} by programs, "
          f"{len(summary.rejected)} lines not understood")
    for number, why in summary.rejected[:3]:
        print(f"    line {number}: {why}")
    print("\nStatus")
    for status, count in sorted(summary.statuses.items()):
        print(f"    {status}  {count:>8,}  {'#' * round(50 * count / summary.hits)}")
    print(f"\n{'Page':32} {'hits':>8} {'median ms':>10} {'p95 ms':>8} {'stdev':>8}")
    for page, count in summary.pages.most_common(top):
        times = summary.times[page]
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{page:32} {count:>8,} {statistics.median(times):>10.2f} {p95:>8.2f} {statistics.stdev(times):>8.2f}")
    print("\nHour")
    busiest = max(summary.hours.values())
    for hour, count in sorted(summary.hours.items())[:24]:
        print(f"    {hour:%a %d %b %H:%M}  {count:>6,}  {'=' * round(40 * count / busiest)}")
    print("\nBusiest hosts: " + ", ".join(f"{host} ({count})" for host, count in summary.hosts.most_common(5)))
    print("Users: " + ", ".join(f"{user} ({count})" for user, count in summary.users.most_common() if user))
    print("Came from: " + ", ".join(f"{site} ({count})" for site, count in summary.sites.most_common(5)))


def json_summary(summary: Summary, top: int) -> str:
    return json.dumps({
        "requests": summary.hits, "bytes": summary.sent, "first": summary.first.isoformat(), "last": summary.last.isoformat(),
        "statuses": {str(status): count for status, count in sorted(summary.statuses.items())},
        "pages": [{"path": page, "hits": count, "median_ms": round(statistics.median(summary.times[page]), 3)}
                  for page, count in summary.pages.most_common(top)],
        "rejected": len(summary.rejected),
    }, indent=2, ensure_ascii=False)


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", help="the log, plain or ending in .gz")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads that parse (default: %(default)s)")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="pages to show (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    options = parser.parse_args(arguments)
    if options.threads < 1:
        parser.error("--threads must be at least 1")
    try:
        summary = summarize(options.log, options.threads)
    except (OSError, EOFError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    if not summary.hits:
        print(f"{parser.prog}: no log lines in {options.log}", file=sys.stderr)
        return 1
    if options.json:
        print(json_summary(summary, options.top))
    else:
        print_summary(summary, options.top)
    return 0


if __name__ == "__main__":
    sys.exit(main())
