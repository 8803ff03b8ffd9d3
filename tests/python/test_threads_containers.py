"""Containers that many threads change while others walk them: errors are allowed where documented, damage is not."""
import array
import bisect
import collections
import gc
import io
import itertools
import random
import sys
import threading
import time
import unittest
import weakref

SECONDS = 0.3


class Stress(unittest.TestCase):
    def setUp(self):
        interval = sys.getswitchinterval()
        self.addCleanup(sys.setswitchinterval, interval)
        sys.setswitchinterval(1e-6)

    def run_all(self, *functions, allowed=(), copies=2):
        """Calls each function again and again, in as many threads as told, for a while."""
        stop = time.monotonic() + SECONDS
        errors = []

        def work(function, seed):
            try:
                rng = random.Random(seed)
                while time.monotonic() < stop and not errors:
                    try:
                        function(rng)
                    except allowed:
                        pass
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(function, i)) for i in range(copies) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def test_dict(self):
        shared = {i: [i] for i in range(50)}

        def change(rng):
            key = rng.randrange(200)
            shared[key] = [key]
            shared.pop(rng.randrange(200), None)
            shared.setdefault(rng.randrange(200), [0])
            if rng.random() < 0.01:
                shared.clear()

        def walk(rng):
            for key, value in shared.items():
                assert value == [key] or value == [0], (key, value)

        def copy(rng):
            for key, value in dict(shared).items():
                assert value == [key] or value == [0], (key, value)
            assert len(list(shared)) <= 200
            repr(shared)
            shared == dict(shared)
            {**shared}

        self.run_all(change, walk, copy, allowed=RuntimeError)

    def test_attributes(self):
        class Thing:
            pass

        shared = Thing()

        def change(rng):
            name = f"a{rng.randrange(40)}"
            setattr(shared, name, name)
            if rng.random() < 0.1:
                shared.__dict__.pop(name, None)
            if rng.random() < 0.01:
                shared.__dict__ = {"a0": "a0"}

        def read(rng):
            name = f"a{rng.randrange(40)}"
            assert getattr(shared, name, name) == name
            shared.a0 = "a0"
            assert shared.a0 == "a0"

        self.run_all(change, read, allowed=AttributeError)

    def test_class_attributes(self):
        class Base:
            value = 0

            def method(self):
                return 1

        class Derived(Base):
            pass

        thing = Derived()

        def change(rng):
            Base.value = rng.randrange(3)
            Derived.method = lambda self: 2
            del Derived.method

        def read(rng):
            for _ in range(20):
                assert thing.value in (0, 1, 2)
                assert thing.method() in (1, 2)

        def derive(rng):
            class Another(Base):
                pass
            assert Another().method() == 1
            Base.__subclasses__()

        self.run_all(change, read, derive, allowed=AttributeError)

    def test_list(self):
        shared = list(range(20))

        def change(rng):
            shared.append(rng.randrange(100))
            shared.insert(rng.randrange(20), 7)
            shared[2:5] = [1, 2, 3, 4]
            shared.extend(range(5))
            del shared[30:]
            if rng.random() < 0.05:
                shared.clear()

        def walk(rng):
            for value in shared:
                assert 0 <= value < 100
            assert len(shared[:]) <= 10000
            shared + shared
            sum(shared)
            7 in shared
            sorted(shared)

        def sort(rng):
            shared.sort(key=lambda value: -value)
            shared.reverse()
            bisect.insort(shared, 4)

        self.run_all(change, walk, sort, allowed=(ValueError, IndexError))
        shared.append(1)
        self.assertEqual(len(shared), len(list(shared)))

    def test_set(self):
        shared = set(range(30))

        def change(rng):
            shared.add(rng.randrange(100))
            shared.discard(rng.randrange(100))
            shared.update(range(5))
            shared.difference_update(range(50, 90))
            if rng.random() < 0.02:
                shared.clear()

        def walk(rng):
            for value in shared:
                assert 0 <= value < 100

        def copy(rng):
            other = shared | {1}
            assert all(0 <= value < 100 for value in other)
            shared & other, shared - other, shared ^ other, shared == other, frozenset(shared)

        self.run_all(change, walk, copy, allowed=RuntimeError)

    @unittest.skipUnless("Gill" in sys.version, "the reference counts list items without holding them")
    def test_objects_with_slow_methods(self):
        class Key:
            def __init__(self, value):
                self.value = value

            def __hash__(self):
                return self.value % 7

            def __eq__(self, other):
                for _ in range(5):  # gives other threads time in the middle of a look-up
                    pass
                return self.value == other.value

        table, members, numbers = {}, set(), []

        def change(rng):
            key = Key(rng.randrange(30))
            table[key] = key.value
            members.add(key)
            numbers.append(key)
            if rng.random() < 0.2:
                table.pop(Key(rng.randrange(30)), None)
                members.discard(Key(rng.randrange(30)))
                del numbers[:10]

        def read(rng):
            key = Key(rng.randrange(30))
            assert table.get(key, key.value) == key.value
            key in members
            numbers.count(key)
            key in numbers

        self.run_all(change, read, allowed=RuntimeError)

    def test_deque_and_iterators(self):
        shared = collections.deque(range(10), maxlen=500)
        counter = itertools.count()
        chain = itertools.cycle([1, 2, 3])
        seen = []

        def change(rng):
            shared.append(1)
            shared.appendleft(2)
            shared.rotate(3)
            if rng.random() < 0.4:
                shared.pop()
                shared.popleft()

        def walk(rng):
            for value in shared:
                assert value in range(10)
            list(shared)

        def count(rng):
            seen.extend(next(counter) for _ in range(20))
            assert next(chain) in (1, 2, 3)

        self.run_all(change, walk, count, allowed=(RuntimeError, IndexError))
        self.assertEqual(len(seen), len(set(seen)))

    def test_ordered_and_counted(self):
        ordered = collections.OrderedDict()
        counter = collections.Counter()
        default = collections.defaultdict(list)

        def change(rng):
            key = rng.randrange(20)
            ordered[key] = key
            if key in ordered:
                ordered.move_to_end(key)
            ordered.pop(rng.randrange(20), None)
            counter.update([key])
            default[key].append(key)
            if rng.random() < 0.05:
                default.clear()

        def walk(rng):
            for key, value in ordered.items():
                assert key == value
            list(reversed(ordered))
            counter.most_common(3)
            for key, values in default.items():
                assert all(value == key for value in values)

        self.run_all(change, walk, allowed=(RuntimeError, KeyError))

    def test_buffers(self):
        shared = bytearray(b"0123456789")
        numbers = array.array("i", range(10))
        stream = io.BytesIO()
        text = io.StringIO()

        def change(rng):
            shared.extend(b"abc")
            del shared[100:]
            numbers.append(1)
            del numbers[50:]
            stream.write(b"x" * rng.randrange(50))
            stream.seek(rng.randrange(100))
            stream.truncate(100)
            text.write("y" * rng.randrange(50))
            text.seek(0)

        def read(rng):
            with memoryview(shared) as view:
                bytes(view[:5])
            bytes(shared).find(b"9")
            sum(numbers)
            stream.getvalue()
            stream.readline()
            text.getvalue()

        self.run_all(change, read, allowed=BufferError)

    def test_one_generator(self):
        def endless():
            n = 0
            while True:
                yield n
                n += 1

        shared = endless()
        seen = []

        def step(rng):
            seen.append(next(shared))

        self.run_all(step, copies=4, allowed=ValueError)  # already executing
        self.assertEqual(sorted(seen), list(range(len(seen))))

    def test_collector(self):
        class Node:
            pass

        found = []

        def make(rng):
            for _ in range(20):
                node = Node()
                node.self = node
                node.weak = weakref.ref(node, found.append)
                node.list = [node, {1: node}]

        def collect(rng):
            gc.collect(rng.randrange(3))

        def ask(rng):
            gc.get_count()
            gc.get_stats()
            len(gc.get_objects(0))
            gc.freeze()
            gc.unfreeze()

        self.run_all(make, collect, ask)

    def test_weak_containers(self):
        class Key:
            pass

        by_value = weakref.WeakValueDictionary()
        by_key = weakref.WeakKeyDictionary()
        members = weakref.WeakSet()

        def change(rng):
            kept = [Key() for _ in range(5)]
            for i, key in enumerate(kept):
                by_value[i] = key
                by_key[key] = i
                members.add(key)
            kept[0].cycle = kept

        def walk(rng):
            for key in list(by_key):
                assert isinstance(key, Key)
            for key in list(by_value.values()):
                assert isinstance(key, Key)
            len(members), list(members)

        def collect(rng):
            gc.collect(0)

        self.run_all(change, walk, collect, allowed=(RuntimeError, KeyError))

    def test_one_weak_reference(self):
        class Target:
            pass

        holder = [Target()]
        calls = []

        def renew(rng):
            holder[0] = Target()

        def refer(rng):
            target = holder[0]
            references = [weakref.ref(target), weakref.ref(target, calls.append), weakref.proxy(target)]
            del target
            for reference in references[:2]:
                reference()
            weakref.getweakrefcount(holder[0])

        self.run_all(renew, refer)

    def test_globals_and_builtins(self):
        space = {"value": 1}
        exec("def read():\n for _ in range(50):\n  assert value in (1, 2)\n  assert len('ab') == 2\n", space)

        def change(rng):
            space["value"] = 2
            space["value"] = 1
            space["len"] = len
            space.pop("len", None)
            space[f"other{rng.randrange(100)}"] = 0

        self.run_all(change, lambda rng: space["read"]())

    def test_exceptions_and_frames(self):
        frames = []

        def fail(rng):
            try:
                [][rng.randrange(3)]
            except IndexError as error:
                frames.append(error.__traceback__.tb_frame)
                del frames[20:]

        def look(rng):
            for frame in frames[:]:
                frame.f_locals
                frame.f_lineno
                frame.f_back
            for frame in sys._current_frames().values():
                frame.f_lineno
                while frame:
                    frame = frame.f_back
            sys._current_exceptions()

        self.run_all(fail, look)


if __name__ == "__main__":
    unittest.main()
