"""Compilation of our functions' bytecode to machine code: recursion, loops over arrays, containers, exceptions, ufuncs, threads."""
import numba
import numpy


@numba.njit
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@numba.njit
def even_sum(values):
    total = 0.0
    for i in range(values.shape[0]):
        if values[i] % 2:
            continue
        total += values[i]
    return total


@numba.vectorize(["float64(float64, float64)"])
def weighted(a, b):
    return a + b * 2


@numba.njit
def containers():
    table = {1: 2}
    table[3] = 4
    squares = [i * i for i in range(5) if i != 2]
    return len(table), sum(squares), (1, 2.5)


@numba.njit
def checked(x):
    if x > 1:
        raise ValueError("too big")
    return x


@numba.njit(parallel=True, nogil=True)
def parallel_sum(values):
    total = 0.0
    for i in numba.prange(len(values)):
        total += values[i]
    return total


@numba.njit
def undefined():
    return name_of_nothing  # noqa: F821


print(fibonacci(20), even_sum(numpy.arange(100.0)), even_sum.signatures)
print(weighted(numpy.arange(3.0), numpy.ones(3)), containers(), parallel_sum(numpy.arange(1000.0)))
for call in (lambda: checked(3), undefined):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, str(error).splitlines()[0])
