"""A class remembers a new subclass while a collection takes its last old one."""
import gc
import unittest


class CollectSoon(type):
    """Lets a collection fall on one of the allocations between the finding of a class's __mro__ and its end."""
    def __new__(metaclass, name, bases, namespace, delay=0):
        return super().__new__(metaclass, name, bases, {"delay": delay, **namespace})

    def mro(cls):
        CollectSoon.order = super().mro()  # kept, so that no release offsets an allocation
        delay = cls.__dict__["delay"]
        gc.set_threshold(delay and max(gc.get_count()[0] + delay - 10, 1))
        return CollectSoon.order


class SubclassCollectedTest(unittest.TestCase):
    def test_collection_while_subclassing(self):
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        for delay in range(1, 20):
            class Base(metaclass=CollectSoon):
                pass

            class Old(Base):
                pass

            del Old

            class New(Base, delay=delay):
                pass

            self.assertIn(New, Base.__subclasses__())


if __name__ == "__main__":
    unittest.main()
