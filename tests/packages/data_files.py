"""h5py, numexpr, bottleneck: numbers in files and fast expressions."""
import io

import bottleneck
import h5py
import numexpr
import numpy as np

with h5py.File(io.BytesIO(), "w") as file:
    group = file.create_group("g/sub")
    data = group.create_dataset("d", data=np.arange(100).reshape(10, 10), chunks=(5, 5), compression="gzip")
    data.attrs["unit"] = "m"
    data.attrs["list"] = [1, 2, 3]
    file["s"] = np.array(["a", "bc"], dtype=h5py.string_dtype())
    file["t"] = np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
    file["link"] = h5py.SoftLink("/g/sub/d")
    names = []
    file.visititems(lambda name, item: names.append((name, type(item).__name__)))
    print(names, data[2:4, ::3], data[data[:] > 97], dict(data.attrs), file["link"][0, 1], file["s"].asstr()[:], file["t"]["b"])
    try:
        file["nothing"]
    except KeyError as error:
        print(error)
    try:
        data[20]
    except IndexError as error:
        print(error)
    reference = data.ref
    print(file[reference].name, h5py.check_dtype(ref=h5py.ref_dtype))
x, y = np.linspace(0, 1, 10001), np.linspace(1, 2, 10001)
print(numexpr.evaluate("sin(x) * 2 + where(y > 1.5, y, -y)").sum().round(6), numexpr.evaluate("sum(x * y)"))
for wrong in ("x +", "nope + 1", "x % 'a'"):
    try:
        numexpr.evaluate(wrong)
    except Exception as error:
        print(type(error).__name__, str(error)[:60])
a = np.array([[1, np.nan, 3], [4, 5, 6.5]])
print(bottleneck.nansum(a), bottleneck.nanmean(a, axis=0), bottleneck.move_mean(a[1], 2), bottleneck.rankdata(a[1]), bottleneck.nanmedian(a, axis=1), bottleneck.push(a[0]))
try:
    bottleneck.nansum(a, axis=5)
except Exception as error:
    print(type(error).__name__, error)
