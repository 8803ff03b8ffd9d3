"""Calls of plain functions: positional, keyword, defaults, recursion."""


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def defaults(a, b=2, *, c=3):
    return a + b + c


def spread(*args, **kwargs):
    return len(args) + len(kwargs)


def main():
    total = fib(25)
    for i in range(200_000):
        total += defaults(i) - defaults(1, i) + defaults(i, c=i)
    for i in range(60_000):
        total += spread(i, 2, 3, key=i)
    return total
