"""Tests of the compiled extensions shapes (C) and matrix (C++); run under gill and under the reference."""
import array
import gc
import pickle
import subprocess
import sys
import threading
import unittest
import weakref

import matrix
import shapes


class PointTest(unittest.TestCase):
    def test_values_and_members(self):
        point = shapes.Point(3.0, y=4)
        self.assertEqual((point.x, point.y, point.norm2), (3.0, 4.0, 25.0))
        point.x = 1
        self.assertEqual(repr(point), "Point(1.00, 4.00)")
        self.assertEqual(list(point), [1.0, 4.0])
        with self.assertRaises(AttributeError):
            point.exports = 3
        with self.assertRaises(TypeError):
            point.x = "one"
        with self.assertRaises(TypeError):
            del point.x

    def test_operators(self):
        self.assertEqual(shapes.Point(1, 2) + shapes.Point(3, 4), shapes.Point(4, 6))
        self.assertNotEqual(shapes.Point(1, 2), shapes.Point(2, 1))
        with self.assertRaises(TypeError):
            shapes.Point() + 1
        with self.assertRaises(TypeError):
            hash(shapes.Point())

    def test_defining_class_reaches_the_module_state(self):
        class Sub(shapes.Point):
            pass
        self.assertEqual(Sub(1, 2).scaled(2), Sub(2, 4))
        self.assertIs(type(Sub(1, 2).scaled(2)), Sub)
        with self.assertRaisesRegex(shapes.ShapeError, "takes one factor"):
            Sub().scaled()

    def test_buffer(self):
        point = shapes.Point(1.5, 2.5)
        with memoryview(point) as view:
            self.assertEqual((view.format, view.shape, view.tolist()), ("d", (2,), [1.5, 2.5]))
            view[0] = 8.0
            self.assertEqual(point.exports, 1)
        self.assertEqual((point.exports, point.x), (0, 8.0))
        self.assertEqual(shapes.sum_buffer(point), 10.5)
        self.assertEqual(shapes.sum_buffer(array.array("d", [1, 2, 3])), 6.0)
        with self.assertRaisesRegex(shapes.ShapeError, "need doubles, got format 'B'"):
            shapes.sum_buffer(b"abcd")
        with self.assertRaises(TypeError):
            shapes.sum_buffer(1)

    def test_subclass(self):
        class Named(shapes.Point):
            def __init__(self, name, *xy):
                super().__init__(*xy)
                self.name = name
        named = Named("a", 1, 2)
        self.assertEqual((named.name, named.x, repr(named)), ("a", 1.0, "Named(1.00, 2.00)"))
        reference = weakref.ref(named)
        del named
        gc.collect()
        self.assertIsNone(reference())

    def test_signature(self):
        self.assertEqual(shapes.Point.__text_signature__, "(x=0.0, y=0.0)")
        self.assertEqual(shapes.Point.__doc__, "Two coordinates.")


class NodeTest(unittest.TestCase):
    def test_chain(self):
        self.assertEqual(list(shapes.Node(1, shapes.Node(2, shapes.Node(3)))), [1, 2, 3])

    def test_cycle_is_collected(self):
        class Probe:
            pass
        probe = Probe()
        seen = weakref.ref(probe)
        node = shapes.Node(probe)
        node.next = node
        node.extra = [node]
        dead = weakref.ref(node)
        del node, probe
        gc.collect()
        self.assertIsNone(seen())
        self.assertIsNone(dead())

    def test_deep_chain_is_freed_without_overflow(self):
        node = None
        for i in range(200_000):
            node = shapes.Node(i, node)
        del node

    def test_missing_value(self):
        node = shapes.Node(1)
        del node.value
        with self.assertRaises(AttributeError):
            node.value
        del node.next
        self.assertIsNone(node.next)

    def test_generic(self):
        self.assertEqual(repr(shapes.Node[int]), "shapes.Node[int]")


class ModuleTest(unittest.TestCase):
    def test_functions(self):
        self.assertEqual(shapes.total(1, 2.5, True), 4.5)
        self.assertEqual(shapes.total(), 0.0)
        self.assertEqual(shapes.describe("a", 2, b"x\0y", flag=1), {"text": "a", "count": 2, "data": b"x\0y", "flag": True})
        self.assertEqual(shapes.DIMENSIONS, 2)
        for bad in (dict(count="x"), dict(nothing=1), dict(data="text")):
            with self.assertRaises(TypeError):
                shapes.describe("a", **bad)
        with self.assertRaisesRegex(ValueError, "embedded null character"):
            shapes.describe("a\0b")

    def test_state_counts(self):
        before = shapes.created()
        shapes.Point()
        self.assertEqual(shapes.created(), before + 1)

    def test_second_instance_has_its_own_state(self):
        import importlib.util
        spec = importlib.util.spec_from_file_location("shapes", shapes.__file__)
        second = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(second)
        self.assertIsNot(second.Point, shapes.Point)
        self.assertEqual(second.created(), 0)
        second.Point()
        self.assertEqual(second.created(), 1)

    def test_static_type(self):
        self.assertEqual(list(shapes.Counter(4)), [0, 1, 2, 3])

        class Sub(shapes.Counter):
            pass
        self.assertEqual(sum(Sub(10)), 45)

    def test_error_type(self):
        self.assertTrue(issubclass(shapes.ShapeError, ValueError))
        self.assertEqual(shapes.ShapeError.__module__, "shapes")
        self.assertIs(pickle.loads(pickle.dumps(shapes.ShapeError)), shapes.ShapeError)


class MatrixTest(unittest.TestCase):
    def test_cells(self):
        m = matrix.Matrix(2, 3)
        m[1, 2] = 5
        self.assertEqual(m[1, 2], 5.0)
        with self.assertRaisesRegex(IndexError, r"no cell \(2, 0\)"):
            m[2, 0]
        with self.assertRaises(TypeError):
            m["a", 0]
        with self.assertRaises(TypeError):
            del m[0, 0]
        with self.assertRaisesRegex(ValueError, r"bad shape \(-1, 2\)"):
            matrix.Matrix(-1, 2)

    def test_huge(self):
        with self.assertRaises(MemoryError):
            matrix.Matrix(sys.maxsize, 1)

    def test_product(self):
        a, b = matrix.Matrix(2, 2), matrix.Matrix(2, 1)
        a[0, 0], a[0, 1], a[1, 0], a[1, 1] = 1, 2, 3, 4
        b[0, 0], b[1, 0] = 5, 6
        self.assertEqual(memoryview(a @ b).tolist(), [[17.0], [39.0]])
        with self.assertRaises(ValueError):
            b @ a @ a
        with self.assertRaises(TypeError):
            a @ 1

    def test_buffer(self):
        view = memoryview(matrix.Matrix(2, 3))
        self.assertEqual((view.ndim, view.shape, view.strides, view.nbytes), (2, (2, 3), (24, 8), 48))
        view[1, 1] = 7.0
        self.assertEqual(view.tolist(), [[0.0, 0.0, 0.0], [0.0, 7.0, 0.0]])

    def test_native_threads_enter(self):
        seen, names = [], set()

        def record(i):
            seen.append(i)
            names.add(threading.get_ident())
            if i == 3:
                raise ValueError(i)
        self.assertEqual(matrix.call_from_threads(record, 8), 1)
        self.assertEqual(sorted(seen), list(range(8)))

    def test_static_destructors_release_objects(self):
        program = """if True:
            import matrix, sys
            names = ["".join(["gill", str(i)]) for i in range(1000)]
            for kept in (sys.intern("kept" + names[0]), *names, *map(sys.intern, names[500:]), b"b" * 3000, 2 ** 100, object(), None, matrix.Matrix(3, 3)):
                matrix.keep(kept)
            """
        done = subprocess.run([sys.executable, "-c", program], capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_capsule(self):
        self.assertIn('capsule object "matrix._answer"', repr(matrix._answer))


class AlignmentTest(unittest.TestCase):
    def test_wide_members_stay_aligned(self):
        class OneSlot(matrix.Wide):
            __slots__ = ("one",)

        class TwoSlots(OneSlot):
            __slots__ = ("two",)

        class WithDict(OneSlot):
            pass

        for kind in (matrix.Wide, OneSlot, TwoSlots, WithDict):
            with self.subTest(kind=kind.__name__):
                self.assertTrue(all(wide.aligned for wide in [kind() for _ in range(100)]))


if __name__ == "__main__":
    unittest.main()
