"""Arithmetic on floats: the n-body problem and a Mandelbrot row."""
from math import sqrt


def advance(bodies, dt, steps):
    for _ in range(steps):
        for i, one in enumerate(bodies):
            for other in bodies[i + 1:]:
                dx = one[0] - other[0]
                dy = one[1] - other[1]
                dz = one[2] - other[2]
                square = dx * dx + dy * dy + dz * dz
                mag = dt / (square * sqrt(square))
                one[3] -= dx * other[6] * mag
                one[4] -= dy * other[6] * mag
                one[5] -= dz * other[6] * mag
                other[3] += dx * one[6] * mag
                other[4] += dy * one[6] * mag
                other[5] += dz * one[6] * mag
        for body in bodies:
            body[0] += dt * body[3]
            body[1] += dt * body[4]
            body[2] += dt * body[5]


def mandelbrot(width):
    count = 0
    for column in range(width):
        cr = 3.0 * column / width - 2.0
        zr = zi = 0.0
        for _ in range(60):
            zr, zi = zr * zr - zi * zi + cr, 2.0 * zr * zi + 0.3
            if zr * zr + zi * zi > 4.0:
                break
            count += 1
    return count


def main():
    bodies = [[0.1 * i, 1.0 + i, 2.5 - i, 0.01 * i, 0.0, 0.02, 1.0 / (i + 1)] for i in range(5)]
    advance(bodies, 0.001, 6000)
    return round(sum(body[0] for body in bodies), 9), mandelbrot(6000)
