"""Writes the web-server log that access_log.py reads: the same bytes on every machine.

Usage: make_access_log.py OUTPUT.gz [--lines N] [--seed S]
"""
import argparse
import gzip
import os
import random
from datetime import datetime, timedelta, timezone

PAGES = ["/", "/about", "/pricing", "/blog", "/blog/threads-and-memory", "/blog/one-lock", "/docs", "/docs/start", "/docs/heap",
         "/docs/api?lang=en", "/search?q=lock", "/search?q=memory", "/login", "/logout", "/api/v1/items", "/api/v1/users/17",
         "/static/site.css", "/static/site.js", "/static/logo.svg", "/favicon.ico", "/wp-login.php", "/caf%C3%A9"]
WEIGHTS = [40, 8, 12, 15, 22, 18, 14, 20, 9, 5, 6, 6, 10, 4, 30, 12, 45, 45, 38, 25, 3, 2]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0", "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Safari/605.1.15",
          "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/126.0", "curl/7.88.1", "Googlebot/2.1 (+http://www.google.com/bot.html)",
          "python-requests/2.31.0"]
REFERRERS = ["-", "-", "-", "https://example.org/", "https://news.example.com/item?id=4711", "https://search.example.net/?q=python"]
USERS = ["-"] * 12 + ["alice", "bob", "zoë"]


def lines(count, rng):
    moment = datetime(2024, 3, 30, 22, 0, 0, tzinfo=timezone(timedelta(hours=1)))
    hosts = [f"{rng.randrange(1, 224)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}" for _ in range(400)]
    hosts += [f"2001:db8::{rng.randrange(1, 65536):x}" for _ in range(40)]
    for number in range(count):
        moment += timedelta(seconds=min(rng.expovariate(0.6), 90.0))
        if number % 9973 == 9972:  # what real logs hold too
            yield '\x16\x03\x01 garbage "" line'
            continue
        page = rng.choices(PAGES, WEIGHTS)[0]
        method = "POST" if page in ("/login", "/api/v1/items") and rng.random() < 0.5 else "GET"
        status = 200
        if page == "/wp-login.php":
            status = 404
        elif rng.random() < 0.07:
            status = rng.choice([301, 304, 304, 403, 404, 500, 503])
        size = "-" if status == 304 else int(rng.lognormvariate(8.5, 1.2)) + 1
        stamp = moment.strftime("%d/%b/%Y:%H:%M:%S %z")
        millis = rng.lognormvariate(3.2, 0.9)
        yield (f'{rng.choice(hosts)} - {rng.choice(USERS)} [{stamp}] "{method} {page} HTTP/1.1" {status} {size} '
               f'"{rng.choice(REFERRERS)}" "{rng.choice(AGENTS)}" {millis:.3f}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    parser.add_argument("--lines", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=20240330)
    options = parser.parse_args()
    os.makedirs(os.path.dirname(options.output) or ".", exist_ok=True)
    with open(options.output + ".part", "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        for line in lines(options.lines, random.Random(options.seed)):
            packed.write(line.encode() + b"\n")
    os.replace(options.output + ".part", options.output)


if __name__ == "__main__":
    main()
