"""Trains on the standard library's arithmetic: decimals and fractions in Python, statistics, dates, calendars, heaps."""
import _pydecimal
import calendar
import collections
import datetime
import enum
import fractions
import heapq
import itertools
import random
import statistics


class Suit(enum.IntEnum):
    CLUBS = 1
    HEARTS = 2


def main():
    rng = random.Random(11)
    total = _pydecimal.Decimal(0)
    for i in range(1, 400):
        total += _pydecimal.Decimal(i) / _pydecimal.Decimal(i + 3)
    share = sum(fractions.Fraction(1, i) for i in range(1, 200))
    values = [rng.gauss(10, 2) for _ in range(3000)]
    statistics.mean(values), statistics.median(values), statistics.pstdev(values), statistics.quantiles(values, n=10)
    day = datetime.date(2000, 1, 1)
    for i in range(4000):
        day += datetime.timedelta(days=1)
        day.isocalendar(), day.strftime("%Y-%m-%d")
    calendar.TextCalendar().formatyear(2024)
    heap = []
    for value in values:
        heapq.heappush(heap, (value, Suit.CLUBS if value > 10 else Suit.HEARTS))
    ordered = [heapq.heappop(heap) for _ in range(len(heap))]
    groups = {key: len(list(group)) for key, group in itertools.groupby(sorted(int(v) for v in values))}
    Point = collections.namedtuple("Point", "x y")
    points = [Point(a, b) for a, b in itertools.product(range(60), repeat=2)]
    distances = collections.Counter((p.x * p.x + p.y * p.y) % 37 for p in points)
    return total, share, ordered[0], groups, distances


for _ in range(3):
    main()
