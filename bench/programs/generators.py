"""Generators: pipelines, yield from, send."""


def numbers(n):
    for i in range(n):
        yield i


def squares(source):
    for i in source:
        yield i * i


def tree(depth):
    if depth:
        yield from tree(depth - 1)
        yield depth
        yield from tree(depth - 1)


def averager():
    total = count = 0
    average = None
    while True:
        value = yield average
        total += value
        count += 1
        average = total // count


def main():
    total = sum(squares(numbers(300_000))) + sum(tree(13))
    sink = averager()
    next(sink)
    for i in range(200_000):
        total += sink.send(i)
    return total + sum(x for x in numbers(200_000) if x & 1)
