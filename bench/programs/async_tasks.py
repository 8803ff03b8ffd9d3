"""Coroutines: awaiting, tasks, queues and events on an asyncio loop."""
import asyncio


async def leaf(n):
    return n + 1


async def chain(depth):
    return await leaf(depth) if depth == 0 else await chain(depth - 1) + 1


async def producer(queue, count):
    for i in range(count):
        await queue.put(i)
    await queue.put(None)


async def consumer(queue):
    total = 0
    while (item := await queue.get()) is not None:
        total += item
    return total


async def run():
    total = 0
    for i in range(5000):
        total += await chain(8)
    queue = asyncio.Queue(16)
    _, consumed = await asyncio.gather(producer(queue, 6000), consumer(queue))
    total += consumed + sum(await asyncio.gather(*(leaf(i) for i in range(4000))))
    for _ in range(4000):
        await asyncio.sleep(0)
    return total


def main():
    return asyncio.run(run())
