"""Integers beyond the machine's words: factorials, Fibonacci numbers, pi's digits, modular powers, text."""
import math


def pi_digits(n):
    q, r, t, k, m, x = 1, 0, 1, 1, 3, 3
    digits = []
    while len(digits) < n:
        if 4 * q + r - t < m * t:
            digits.append(m)
            q, r, m = 10 * q, 10 * (r - m * t), (10 * (3 * q + r)) // t - 10 * m
        else:
            q, r, t, k, m, x = q * k, (2 * q + r) * x, t * x, k + 1, (q * (7 * k + 2) + r * x) // (t * x), x + 2
    return digits


def main():
    a, b = 0, 1
    for _ in range(12_000):
        a, b = b, a + b
    total = a % 1_000_003 + sum(pi_digits(500))
    total += math.factorial(2000) % 999_983
    for i in range(200):
        total += pow(3 + i, 10 ** 40 + i, (1 << 127) - 1)
    total += len(str(a)) + int(str(a)[:2000]) % 97
    mask = (1 << 64) - 1
    state = 1
    for i in range(100_000):
        state = (state * 6364136223846793005 + 1442695040888963407) & mask
    return total + state
