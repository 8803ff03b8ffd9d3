"""Trains on everyday object code: classes, properties, closures, generators, exceptions, containers, formatting."""
import asyncio
import contextlib
import dataclasses
import functools
import threading
import typing


@dataclasses.dataclass(order=True)
class Item:
    price: float
    name: str = dataclasses.field(compare=False)
    tags: list = dataclasses.field(default_factory=list, compare=False)

    @property
    def label(self) -> str:
        return f"{self.name:>10}: {self.price:8.2f}"


class Stack(typing.Generic[typing.TypeVar("T")]):
    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)
        return self

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        yield from reversed(self.items)

    def __getitem__(self, index):
        return self.items[index]


class Shape:
    __slots__ = ("width", "height")

    def __init__(self, width, height):
        self.width, self.height = width, height

    def area(self):
        return self.width * self.height

    def __eq__(self, other):
        return self.area() == other.area()

    def __hash__(self):
        return hash((self.width, self.height))


class Square(Shape):
    def __init__(self, side):
        super().__init__(side, side)


@functools.lru_cache(maxsize=500)
def ways(n):
    return 1 if n < 2 else ways(n - 1) + ways(n - 2)


@contextlib.contextmanager
def quiet(*kinds):
    try:
        yield
    except kinds:
        pass


def parse(text):
    match text.split():
        case ["add", a, b]:
            return int(a) + int(b)
        case ["neg", a]:
            return -int(a)
        case [word]:
            raise KeyError(word)
        case _:
            return None


async def pipeline(count):
    queue = asyncio.Queue()

    async def feed():
        for i in range(count):
            await queue.put(i)
        await queue.put(None)
    task = asyncio.ensure_future(feed())
    total = 0
    while (item := await queue.get()) is not None:
        total += item
    await task
    return total


def main():
    items = [Item(i * 37 % 101 / 7, f"item {i}", [i, i + 1]) for i in range(4000)]
    items.sort()
    text = "\n".join(item.label for item in items)
    stack = Stack()
    for line in text.splitlines():
        name, _, price = line.partition(":")
        stack.push((name.strip(), float(price)))
    total = sum(price for _, price in stack) + len(stack) + stack[-1][1]
    shapes = [Square(i % 50) if i % 3 else Shape(i % 20, 4) for i in range(20_000)]
    total += sum(shape.area() for shape in shapes) + len(set(shapes[:500]))
    for i in range(10_000):
        with quiet(KeyError, ValueError):
            total += parse(("add 1 2", "neg 3", "word", "add x 1")[i % 4]) or 0
        total += ways(i % 90) & 7
    grid = {(x, y): x * y for x in range(100) for y in range(100)}
    for (x, y), value in grid.items():
        if x and (x - 1, y) in grid and value > 50:
            total += grid[x - 1, y] - value
    data = bytearray(range(256)) * 40
    for i, byte in enumerate(data):
        data[i] = byte ^ 0x55
    lock, results = threading.Lock(), []

    def work(number):
        for i in range(2000):
            with lock:
                results.append(number * i)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    n, numbers = 0, []
    while n < 100_000:
        n += 1
        if n % 3 == 0 or n % 5 == 0:
            numbers.append(n * 1.5)
    return total, asyncio.run(pipeline(2000)), sum(results), sum(numbers), bytes(data[:4])


for _ in range(3):
    main()
