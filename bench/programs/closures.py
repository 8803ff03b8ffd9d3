"""Closures, lambdas, decorators and functools.partial."""
from functools import partial, reduce


def counter():
    count = 0

    def bump(by):
        nonlocal count
        count += by
        return count
    return bump


def logged(function):
    def wrapper(*args):
        return function(*args) + 1
    return wrapper


@logged
def add(a, b):
    return a + b


def main():
    bump, total = counter(), 0
    for i in range(400_000):
        total ^= bump(i & 7)
    for i in range(150_000):
        total += add(i, 1)
    triple = partial(lambda a, b: a * b, 3)
    total += sum(map(triple, range(150_000)))
    total += reduce(lambda a, b: (a + b) & 0xFFFFFF, range(200_000))
    return total
