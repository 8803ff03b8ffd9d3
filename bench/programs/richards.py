"""A task scheduler in the manner of the Richards benchmark: small objects, state machines, linked packets."""


class Packet:
    def __init__(self, link, ident, kind):
        self.link = link
        self.ident = ident
        self.kind = kind
        self.datum = 0
        self.data = [0] * 4

    def append_to(self, queue):
        self.link = None
        if queue is None:
            return self
        at = queue
        while at.link is not None:
            at = at.link
        at.link = self
        return queue


class Task:
    def __init__(self, ident, priority, scheduler):
        self.ident = ident
        self.priority = priority
        self.scheduler = scheduler
        self.queue = None
        self.waiting = False
        self.count = 0

    def add(self, packet):
        self.queue = packet.append_to(self.queue)
        self.waiting = False

    def run(self):
        packet = self.queue
        if packet is None:
            self.waiting = True
            return
        self.queue = packet.link
        self.handle(packet)

    def handle(self, packet):
        raise NotImplementedError


class Worker(Task):
    def handle(self, packet):
        self.count += 1
        for i in range(4):
            packet.data[i] = (packet.data[i] + self.count + i) & 0xFF
        packet.kind = 1 - packet.kind
        self.scheduler.route(packet, (self.ident + 1) % 6)


class Handler(Task):
    def handle(self, packet):
        self.count += 1
        packet.datum = (packet.datum * 5 + self.count) & 0xFFFF
        self.scheduler.route(packet, (self.ident + packet.datum) % 6)


class Scheduler:
    def __init__(self):
        self.tasks = [Worker(i, i, self) if i % 2 else Handler(i, i, self) for i in range(6)]
        self.routed = 0

    def route(self, packet, target):
        self.routed += 1
        self.tasks[target].add(packet)

    def run(self, steps):
        for _ in range(steps):
            for task in self.tasks:
                if not task.waiting:
                    task.run()


def main():
    scheduler = Scheduler()
    for i in range(20):
        scheduler.route(Packet(None, i, i & 1), i % 6)
    scheduler.run(25_000)
    return scheduler.routed, sum(task.count for task in scheduler.tasks)
