"""Method calls through instances, bases, super() and properties."""


class Base:
    def __init__(self, value):
        self.value = value

    def step(self, by):
        self.value += by
        return self.value

    @property
    def double(self):
        return self.value * 2

    @classmethod
    def make(cls, value):
        return cls(value)

    @staticmethod
    def plain(value):
        return value + 1


class Derived(Base):
    def step(self, by):
        return super().step(by) + 1


def main():
    base, derived, total = Base(1), Derived(2), 0
    for i in range(250_000):
        total += base.step(i & 3)
        total += derived.step(1)
        total += base.double
    for i in range(60_000):
        total += Derived.make(i).value + Base.plain(i)
    return total
