"""Comprehensions of all kinds, with conditions and nesting."""


def main():
    total = 0
    for _ in range(8):
        squares = [i * i for i in range(30_000)]
        evens = [x for x in squares if x % 2 == 0]
        table = {i: str(i) for i in range(15_000)}
        unique = {x % 1009 for x in squares}
        grid = [[i ^ j for j in range(100)] for i in range(100)]
        flat = [cell for row in grid for cell in row if cell & 1]
        total += len(evens) + len(table) + len(unique) + sum(flat) + sum(x for x in evens)
    return total
