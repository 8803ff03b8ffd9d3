"""A class-heavy simulation: a bank with customers, events in a heap, inheritance and operators."""
import heapq
import random


class Event:
    def __init__(self, time, action, customer):
        self.time = time
        self.action = action
        self.customer = customer

    def __lt__(self, other):
        return self.time < other.time


class Money:
    __slots__ = ("cents",)

    def __init__(self, cents):
        self.cents = cents

    def __add__(self, other):
        return Money(self.cents + other.cents)

    def __sub__(self, other):
        return Money(self.cents - other.cents)

    def __ge__(self, other):
        return self.cents >= other.cents


class Customer:
    def __init__(self, number):
        self.number = number
        self.balance = Money(1000 + number)
        self.history = []

    def act(self, bank, now):
        amount = Money(bank.random.randrange(500))
        if self.wants_out(bank) and self.balance >= amount:
            self.balance = self.balance - amount
            self.history.append(("out", now))
        else:
            self.balance = self.balance + amount
            self.history.append(("in", now))
        return bank.random.random() * self.patience()

    def wants_out(self, bank):
        return bank.random.random() < 0.5

    def patience(self):
        return 2.0


class Saver(Customer):
    def wants_out(self, bank):
        return False

    def patience(self):
        return super().patience() * 3


class Bank:
    def __init__(self, customers):
        self.random = random.Random(7)
        self.events = []
        for number in range(customers):
            customer = (Saver if number % 4 == 0 else Customer)(number)
            heapq.heappush(self.events, Event(self.random.random(), "act", customer))

    def run(self, steps):
        total = 0
        for _ in range(steps):
            event = heapq.heappop(self.events)
            pause = event.customer.act(self, event.time)
            heapq.heappush(self.events, Event(event.time + pause, "act", event.customer))
            total += event.customer.balance.cents
        return total


def main():
    return Bank(200).run(60_000)
