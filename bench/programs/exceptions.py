"""Raising and catching, in one frame and through several; try that never fails; with."""


class Failure(Exception):
    pass


def deep(n):
    if n == 0:
        raise Failure("bottom")
    return deep(n - 1)


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        return kind is Failure


def main():
    caught = 0
    for i in range(100_000):
        try:
            raise ValueError(i)
        except ValueError as error:
            caught += error.args[0] & 1
    for i in range(12_000):
        try:
            deep(8)
        except Failure:
            caught += 1
        finally:
            caught += 1
    table = {}
    for i in range(80_000):
        try:
            caught += table[i & 3]
        except KeyError:
            table[i & 3] = i
    for i in range(60_000):
        with Manager():
            if i % 3 == 0:
                raise Failure
            caught += 1
    return caught
