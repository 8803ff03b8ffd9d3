"""Array arithmetic, linear algebra, structured and object arrays, the C API's buffer and pickle protocols."""
import io
import pickle

import numpy as np

a = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
print(a.sum(axis=1), a.mean(), a[:, ::-1, 1::2].tolist(), a.T.shape, a.strides)
print(np.einsum("ijk,ljk->il", a, a))
print(np.linalg.solve([[3, 1], [1, 2]], [9, 8]), np.linalg.eigvalsh([[2, 1], [1, 2]]))
generator = np.random.default_rng(7)
print(generator.integers(0, 100, 10), generator.normal(size=3), generator.permutation(5))
print(np.fft.rfft(np.sin(np.arange(8))).round(6))
table = np.array([("b", 2, 1.5), ("a", 1, 2.5)], dtype=[("name", "U4"), ("n", "i4"), ("x", "f8")])
print(np.sort(table, order="name"), table["x"].sum(), table.dtype)
objects = np.array([1, "two", None, 3.0, {"k": 1}], dtype=object)
print(objects, objects[[0, 4]], (np.array([1, 2**70, 3], dtype=object) * 2).tolist())
print(memoryview(a[0]).tolist(), bytes(np.array([1, 2, 3], dtype=np.uint8)), np.frombuffer(b"\1\0\2\0", dtype="<u2"))
print((pickle.loads(pickle.dumps(a, protocol=5)) == a).all())
for wrong in (lambda: np.zeros((2, 3)) + np.zeros(4), lambda: np.array([1, 2])[5], lambda: np.linalg.inv(np.zeros((2, 2))), lambda: np.dtype("nope")):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
file = io.BytesIO()
np.savez_compressed(file, a=a, b=np.eye(2))
file.seek(0)
print(sorted(np.load(file).files))


class Tagged(np.ndarray):
    def __array_finalize__(self, other):
        self.tag = getattr(other, "tag", "new")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [i.view(np.ndarray) if isinstance(i, Tagged) else i for i in inputs]
        return ufunc.__name__, getattr(ufunc, method)(*plain, **kwargs)


tagged = np.arange(3).view(Tagged)
print(tagged.tag, tagged + 1, np.multiply.reduce(tagged))
print(np.vectorize(lambda x, y: x * 10 + y)([1, 2], [3, 4]), np.frompyfunc(divmod, 2, 2)([7, 8], [2, 3]))
print(np.datetime64("2024-02-28") + np.arange(3), np.array(["2020", "2021"], dtype="M8[Y]").astype("M8[D]"))
print(np.array2string(np.linspace(0, 1, 5), precision=2), repr(np.float32(0.1)), np.int8(100) + np.int16(100))
with np.errstate(divide="raise"):
    try:
        np.array([1.0]) / 0
    except FloatingPointError as error:
        print(error)
