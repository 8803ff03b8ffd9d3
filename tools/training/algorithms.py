"""Trains on textbook algorithms: sieves, matrices, trees, graphs, search, permutations, automata, large integers, binary records."""
import array
import bisect
import collections
import hashlib
import itertools
import pickle
import struct
import zlib


class Node:
    def __init__(self, key, parent=None):
        self.key = key
        self.parent = parent
        self.left = self.right = None

    def insert(self, key):
        node = self
        while True:
            side = "left" if key < node.key else "right"
            child = getattr(node, side)
            if child is None:
                setattr(node, side, Node(key, node))
                return
            node = child

    def walk(self):
        if self.left:
            yield from self.left.walk()
        yield self.key
        if self.right:
            yield from self.right.walk()


def primes_below(n):
    marks = bytearray([1]) * n
    marks[:2] = b"\0\0"
    for i in range(2, int(n**0.5) + 1):
        if marks[i]:
            marks[i * i :: i] = bytes(len(range(i * i, n, i)))
    return [i for i, mark in enumerate(marks) if mark]


def escape_time(limit, size):
    total = 0
    for row in range(size):
        for column in range(size):
            c = complex(3 * column / size - 2, 2 * row / size - 1)
            z = 0j
            for step in range(limit):
                z = z * z + c
                if abs(z) > 2:
                    break
            total += step
    return total


def solve(matrix, vector):
    """Gaussian elimination with pivots."""
    n = len(vector)
    rows = [row[:] + [value] for row, value in zip(matrix, vector)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i])]
    result = [0.0] * n
    for i in reversed(range(n)):
        result[i] = (rows[i][n] - sum(rows[i][k] * result[k] for k in range(i + 1, n))) / rows[i][i]
    return result


def shortest_paths(graph, start):
    distance, waiting = {start: 0}, collections.deque([start])
    while waiting:
        place = waiting.popleft()
        for other in graph[place]:
            if other not in distance:
                distance[other] = distance[place] + 1
                waiting.append(other)
    return distance


def edit_distance(a, b):
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (x != y)))
        previous = current
    return previous[-1]


def placements(row, taken=(), size=7):
    if row == size:
        yield taken
        return
    for column in range(size):
        if all(column != other and abs(column - other) != row - i for i, other in enumerate(taken)):
            yield from placements(row + 1, (*taken, column), size)


class Machine:
    """A stack machine, driven by a table of methods."""

    def __init__(self, program):
        self.program, self.stack, self.at = program, [], 0
        self.table = {"push": self.push, "add": self.add, "jump": self.jump, "less": self.less}

    def push(self, value):
        self.stack.append(value)

    def add(self, _):
        self.stack.append(self.stack.pop() + self.stack.pop())

    def less(self, bound):
        self.stack.append(self.stack[-1] < bound)

    def jump(self, target):
        if self.stack.pop():
            self.at = target

    def run(self):
        while self.at < len(self.program):
            name, argument = self.program[self.at]
            self.at += 1
            self.table[name](argument)
        return self.stack[-1]


def digits_of_e(count):
    base = 10 ** (count + 10)
    total, term, n = 2 * base, base, 2
    while term:
        term //= n
        total += term
        n += 1
    return str(total)[:count]


def records(count):
    layout = struct.Struct("<IhdQ")
    data = b"".join(layout.pack(i, i % 300, i / 7, i * i) for i in range(count))
    total = sum(row[0] + row[2] for row in layout.iter_unpack(data))
    packed = zlib.compress(data, 1)
    return total, hashlib.sha1(packed).hexdigest(), zlib.decompress(packed) == data


def main():
    primes = primes_below(60_000)
    tree = Node(500)
    for i in range(3000):
        tree.insert(i * 7919 % 10_007)
    ordered = list(tree.walk())
    graph = {i: [(i * k + 1) % 4000 for k in (2, 3, 5)] for i in range(4000)}
    reached = shortest_paths(graph, 0)
    matrix = [[1 / (i + j + 1) + (i == j) for j in range(40)] for i in range(40)]
    solution = solve(matrix, [1.0] * 40)
    words = ["".join(letters) for letters in itertools.permutations("abcde")]
    distances = [edit_distance(words[i], words[-i - 1]) for i in range(0, 120, 3)]
    queens = sum(1 for _ in placements(0))
    counter = Machine([("push", 0), ("push", 1), ("add", None), ("less", 20_000), ("jump", 1)]).run()
    copies = pickle.loads(pickle.dumps({"graph": graph, "words": words, "primes": primes[:500]}))
    spread = array.array("d", (p**0.5 for p in primes))
    found = sum(bisect.bisect(primes, i * 11) for i in range(4000))
    table = str.maketrans("abc", "xyz")
    text = " ".join(word.translate(table).upper().center(9, "*") for word in words * 5)
    parts = [part.strip("*").lower().replace("x", "a") for part in text.split()]
    return (escape_time(40, 60), ordered[-1], max(reached.values()), solution[0], sum(distances), queens, counter, len(copies),
            sum(spread), found, len(set(parts)), digits_of_e(1500), records(3000))


for _ in range(3):
    main()
