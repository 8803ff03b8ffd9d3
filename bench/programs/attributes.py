"""Reading and writing attributes of instances, classes, slots and modules."""
import math


class Point:
    scale = 2

    def __init__(self, x, y):
        self.x = x
        self.y = y


class Slotted:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


def main():
    point, slotted, total = Point(1, 2), Slotted(3, 4), 0.0
    for i in range(400_000):
        point.x = point.x + point.y
        slotted.y = slotted.x + 1
        total += point.scale + math.pi
        if point.x > 1000:
            point.x = 0
    for i in range(100_000):
        made = Point(i, i)
        total += made.x + made.y
    return total, point.x, slotted.y
