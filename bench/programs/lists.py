"""List work: append, index, slice, pop, insert, a sieve, a matrix product, a queue."""


def sieve(n):
    flags = [True] * (n + 1)
    flags[0] = flags[1] = False
    for i in range(2, int(n ** 0.5) + 1):
        if flags[i]:
            flags[i * i::i] = [False] * len(range(i * i, n + 1, i))
    return sum(flags)


def product(a, b):
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


def main():
    total = sieve(400_000)
    items = []
    for i in range(200_000):
        items.append(i)
        if i % 3 == 0:
            total += items.pop()
    for i in range(len(items)):
        total += items[i] - items[-i - 1]
    matrix = [[i * j % 7 for j in range(50)] for i in range(50)]
    total += sum(map(sum, product(matrix, matrix)))
    reversed_items = items[::-1]
    reversed_items[10:20] = range(100)
    stack = list(range(300_000))
    while stack:
        total += stack.pop() & 1
    return total + len(reversed_items) + sum(a * b for a, b in zip(items, reversed_items))
