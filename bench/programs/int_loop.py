"""Arithmetic on small integers in nested loops."""


def main():
    total = 0
    for i in range(1, 1500):
        x = i
        steps = 0
        while x != 1 and steps < 200:
            x = x // 2 if x % 2 == 0 else 3 * x + 1
            steps += 1
        total += steps * i & 1023
    for i in range(600_000):
        total = (total + i * 3) ^ (i >> 2)
    return total
