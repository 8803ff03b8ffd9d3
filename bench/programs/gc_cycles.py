"""Allocation of linked structures: trees built and dropped, cycles left to the collector."""


class Node:
    def __init__(self, left, right):
        self.left = left
        self.right = right
        self.parent = None
        for child in (left, right):
            if child is not None:
                child.parent = self


def build(depth):
    return Node(build(depth - 1), build(depth - 1)) if depth else Node(None, None)


def count(node):
    return 0 if node is None else 1 + count(node.left) + count(node.right)


def pairs(depth):
    return (pairs(depth - 1), pairs(depth - 1)) if depth else None


def main():
    total = 0
    for _ in range(20):
        total += count(build(10))
    for _ in range(10):
        total += len(pairs(12))
    ring = None
    for i in range(60_000):
        ring = [ring, {"i": i}] if i % 10 else []
    return total
