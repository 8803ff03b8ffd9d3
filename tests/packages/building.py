"""Builds extensions with the running interpreter: setuptools, Cython, cffi, pybind11; virtual environments and pip without a network."""
import os
import pathlib
import re
import subprocess
import sys
import sysconfig
import tempfile

import Cython  # the build needs all three
import cffi
import pybind11


def show_paths():
    # The prefix is what a runtime of its own folder may have different.
    for name, path in sorted(sysconfig.get_paths().items()):
        print(name, path.replace(sys.prefix, "PREFIX"))
    for name in ("EXT_SUFFIX", "SOABI", "CC", "CFLAGS", "LDSHARED", "LIBS", "SHLIB_SUFFIX", "INCLUDEPY", "VERSION", "py_version_short", "Py_DEBUG", "MULTIARCH", "CCSHARED", "AR"):
        print(name, sysconfig.get_config_var(name))
    print(sysconfig.get_platform(), sysconfig.get_default_scheme(), sysconfig.get_scheme_names())


def run(*command, folder, expect=0):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=folder, env=dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", CFLAGS="-O0"))
    if done.returncode != expect:
        print("exit status", done.returncode, done.stdout, done.stderr)
    return done.stdout


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / re.sub("_(?=[^_]*$)", ".", name)).write_text(text)
    return folder


CYTHON = '''
# cython: language_level=3
cimport cython
from libc.math cimport sqrt
from cpython.dict cimport PyDict_GetItem

cdef class Vector:
    cdef public double x, y
    cdef readonly list log
    cdef object __weakref__
    def __cinit__(self, double x=0, double y=0):
        self.x, self.y, self.log = x, y, []
    def __add__(self, other):
        if not isinstance(self, Vector): return NotImplemented
        return Vector(self.x + other.x, self.y + other.y)
    cpdef double norm(self) except -1:
        if self.x < 0: raise ValueError("negative %r" % self.x)
        return sqrt(self.x ** 2 + self.y ** 2)
    property twice:
        "Twice x."
        def __get__(self): return 2 * self.x
        def __set__(self, v): self.x = v / 2
    def __reduce__(self): return Vector, (self.x, self.y)

def primes(int n):
    cdef int p[1000]
    cdef int count = 0, i, k = 2
    while count < n:
        for i in range(count):
            if k % p[i] == 0: break
        else:
            p[count] = k; count += 1
        k += 1
    return [p[i] for i in range(count)]

def buffer_sum(double[:, ::1] view):
    cdef double total = 0
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(view.shape[0]):
            for j in range(view.shape[1]): total += view[i, j]
    return total

def generator(n, *args, key=None, **more):
    try:
        for i in range(n):
            got = yield i, args, key, sorted(more)
            if got: yield "got", got
    finally:
        more["log"].append("closed")

async def coroutine(awaitable):
    async with awaitable as value:
        return [x async for x in value]

def closure(a):
    def inner(b: int = 3) -> str:
        nonlocal a
        a += b
        return f"{a!r:>5}|{b:03d}"
    return inner

def catches(f):
    try:
        f()
    except (KeyError, ValueError) as e:
        return type(e).__name__, e.args, e.__traceback__.tb_frame.f_code.co_name
    else:
        return "fine"
    finally:
        pass

@cython.binding(True)
def documented(a, b=1, *, c: "int" = 2):
    """Doc."""
    return {**locals()}

class Plain(Vector):
    z = 5
    def __init__(self, *args, **kw): super().__init__()
    @classmethod
    def make(cls): return cls(1, 2)
'''

CYTHON_USE = '''
import array, asyncio, inspect, pickle, traceback, fast
v = fast.Vector(3, 4)
print(v.norm(), (v + v).x, v.twice, pickle.loads(pickle.dumps(v)).y, fast.primes(10))
v.twice = 9
print(v.x)
for wrong in (lambda: fast.Vector(-1).norm(), lambda: v + 1, lambda: fast.Vector("a"), lambda: fast.primes("x"), lambda: fast.documented(), lambda: fast.buffer_sum(b"x"), lambda: setattr(v, "log", 1)):
    try:
        wrong()
    except Exception as e:
        print(type(e).__name__, e, [f.name for f in traceback.extract_tb(e.__traceback__)], e.__traceback__.tb_lineno)
print(fast.buffer_sum(memoryview(array.array("d", range(6))).cast("B").cast("d", (2, 3))))
log = []
g = fast.generator(3, 1, key="k", log=log)
print(next(g), g.send("s"), next(g), type(g), g.__name__)
g.close()
print(log, fast.closure(1)(), fast.catches(lambda: {}[1]), fast.catches(lambda: int("x")), fast.catches(int))
class A:
    async def __aenter__(self):
        async def numbers():
            for i in range(3):
                await asyncio.sleep(0)
                yield i
        return numbers()
    async def __aexit__(self, *a): pass
print(asyncio.run(fast.coroutine(A())), inspect.signature(fast.documented), fast.documented(1), fast.documented.__doc__, fast.documented.__defaults__, fast.documented.__kwdefaults__)
print(fast.Plain.make().z, fast.Plain.__mro__, fast.__test__ if hasattr(fast, "__test__") else "")
'''

PYBIND = '''
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/functional.h>
#include <pybind11/operators.h>
namespace py = pybind11;
struct Animal { virtual ~Animal() = default; virtual std::string sound(int n) { return std::string(n, 'a'); } std::string name = "x"; };
struct PyAnimal : Animal { using Animal::Animal; std::string sound(int n) override { PYBIND11_OVERRIDE(std::string, Animal, sound, n); } };
struct V { int a; V operator+(const V &o) const { return {a + o.a}; } bool operator==(const V &o) const { return a == o.a; } };
enum class Color { red, green = 4 };
struct Problem : std::runtime_error { using runtime_error::runtime_error; };
static py::object kept;
PYBIND11_MODULE(bound, m) {
  kept = py::str("kept until the process ends");
  py::class_<Animal, PyAnimal, std::shared_ptr<Animal>>(m, "Animal", py::dynamic_attr()).def(py::init<>()).def("sound", &Animal::sound, py::arg("n") = 2).def_readwrite("name", &Animal::name);
  m.def("speak", [](Animal &a) { return a.sound(3); });
  py::class_<V>(m, "V", py::buffer_protocol()).def(py::init<int>()).def(py::self + py::self).def(py::self == py::self).def_readonly("a", &V::a)
    .def("__repr__", [](const V &v) { return "V(" + std::to_string(v.a) + ")"; }).def(py::pickle([](const V &v) { return py::make_tuple(v.a); }, [](py::tuple t) { return V{t[0].cast<int>()}; }))
    .def_buffer([](V &v) { return py::buffer_info(&v.a, sizeof(int), py::format_descriptor<int>::format(), 1, {py::ssize_t(1)}, {py::ssize_t(sizeof(int))}); });
  py::enum_<Color>(m, "Color").value("red", Color::red).value("green", Color::green).export_values();
  m.def("convert", [](std::map<std::string, std::vector<double>> d, std::optional<int> o, std::tuple<int, bool> t) { return py::make_tuple(d, o, t); }, py::arg("d"), py::arg("o") = py::none(), py::arg("t") = std::tuple<int, bool>(1, true));
  m.def("call", [](const std::function<int(int)> &f, int n) { return f(n) + 1; });
  m.def("adder", [](int n) { return std::function<int(int)>([n](int x) { return x + n; }); });
  m.def("throws", [](int k) { if (k == 0) throw std::out_of_range("range"); if (k == 1) throw py::value_error("value"); if (k == 2) throw py::key_error("key"); if (k == 3) throw Problem("problem"); if (k == 4) throw py::stop_iteration(); });
  py::register_exception<Problem>(m, "Problem", PyExc_RuntimeError);
  m.def("iterate", [](py::iterable i) { py::list l; for (auto h : i) l.append(h * py::int_(2)); return l; });
  m.def("kwargs", [](py::args a, py::kwargs k) { return py::str("{} {}").format(a, k); });
  m.def("release", [](const std::function<void()> &f) { py::gil_scoped_release r; { py::gil_scoped_acquire a; f(); } });
  m.def("overloaded", [](int) { return "int"; }); m.def("overloaded", [](std::string) { return "str"; }); m.def("overloaded", [](py::bytes) { return "bytes"; });
}
'''

PYBIND_USE = '''
import pickle, threading, bound
class Dog(bound.Animal):
    def sound(self, n): return "w" * n
class Cat(bound.Animal): pass
d = Dog(); d.extra = 1; d.name = "rex"
print(bound.speak(d), bound.speak(Cat()), bound.Animal().sound(), d.extra, d.name, bound.Animal.sound.__doc__)
print(bound.V(1) + bound.V(2), bound.V(1) == bound.V(1), pickle.loads(pickle.dumps(bound.V(7))), memoryview(bound.V(5)).tolist())
print(bound.Color.green, int(bound.green), bound.Color.__members__, bound.Color(4) == bound.green, repr(bound.red), hash(bound.Color.green))
print(bound.convert({"a": [1, 2.5]}), bound.convert(d={}, o=3, t=(2, False)), bound.call(lambda x: x * 10, 4), bound.adder(3)(4), bound.iterate(i for i in (1, "a")), bound.kwargs(1, b=2))
for wrong in (*(lambda k=k: bound.throws(k) for k in range(5)), lambda: bound.convert(1), lambda: bound.call(lambda x: 1 / 0, 1), lambda: bound.call(lambda x: "s", 1), lambda: bound.V(), lambda: bound.V("x"), lambda: bound.V(1) + 1, lambda: bound.overloaded(1.5)):
    try:
        print(wrong())
    except Exception as e:
        print(type(e).__name__, e)
print(bound.overloaded(1), bound.overloaded("a"), bound.overloaded(b"a"))
seen = []
thread = threading.Thread(target=lambda: bound.release(lambda: seen.append(threading.current_thread().name)))
thread.start(); thread.join()
print(seen)
class NoInit(bound.Animal):
    def __init__(self): pass
try:
    NoInit()
except TypeError as e:
    print(e)
'''

CFFI = '''
import cffi
ffi = cffi.FFI()
ffi.cdef("""
    typedef struct { double x; int tags[3]; ...; } item;
    typedef int (*operation)(int);
    double total(item *items, size_t count);
    extern "Python" int on_event(int, void *);
    int fire(int n, void *data);
    operation pick(char);
    extern int counter;
    #define LIMIT 42
""")
ffi.set_source("_native", """
    typedef struct { char hidden; double x; int tags[3]; } item;
    typedef int (*operation)(int);
    static double total(item *items, size_t count) { double t = 0; while (count--) t += items[count].x + items[count].tags[1]; return t; }
    static int on_event(int, void *);
    static int fire(int n, void *data) { int t = 0; for (int i = 0; i < n; i++) t += on_event(i, data); return t; }
    static int twice(int n) { return 2 * n; }
    static operation pick(char c) { return c == 't' ? twice : 0; }
    int counter = 5;
    #define LIMIT 42
""")
if __name__ == "__main__":
    ffi.compile(verbose=False)
'''

CFFI_USE = '''
from _native import ffi, lib
items = ffi.new("item[]", [{"x": 1.5, "tags": [1, 2, 3]}, {"x": 2}])
print(lib.total(items, 2), lib.LIMIT, lib.counter, ffi.sizeof("item"), lib.pick(b"t")(21), lib.pick(b"x") == ffi.NULL)
@ffi.def_extern(error=-5)
def on_event(n, data):
    ffi.from_handle(data).append(n)
    return n * 10
seen = []
print(lib.fire(4, ffi.new_handle(seen)), seen)
lib.counter += 1
print(lib.counter, dir(lib))
for wrong in (lambda: lib.total(1, 2), lambda: lib.nope, lambda: lib.fire("a", ffi.NULL), lambda: setattr(lib, "LIMIT", 1)):
    try:
        wrong()
    except Exception as e:
        print(type(e).__name__, e)
'''

SETUP = '''
from setuptools import setup, Extension
setup(name="cpack", version="1.2", packages=["cpack"], ext_modules=[Extension("cpack._speed", ["cpack/_speed.c"], define_macros=[("STEP", "3")])],
      entry_points={"console_scripts": ["cpack-run = cpack:main"]}, package_data={"cpack": ["*.txt"]})
'''
C_SOURCE = '''
#define PY_SSIZE_T_CLEAN
#include <Python.h>
static PyObject *step(PyObject *self, PyObject *arg) { long n = PyLong_AsLong(arg); if (n == -1 && PyErr_Occurred()) return NULL; return PyLong_FromLong(n + STEP); }
static PyMethodDef methods[] = {{"step", step, METH_O, "step($module, n, /)\\n--\\n\\nThe next."}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_speed", NULL, 0, methods};
PyMODINIT_FUNC PyInit__speed(void) { return PyModuleDef_Init(&module); }
'''


def main():
    show_paths()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        python = sys.executable
        work = write(folder / "cython", fast_pyx=CYTHON, use_py=CYTHON_USE)
        run(python, "-m", "cython", "fast.pyx", folder=work)
        (work / "setup.py").write_text("from setuptools import setup, Extension\nsetup(name='fast', ext_modules=[Extension('fast', ['fast.c'])])\n")
        run(python, "-W", "ignore", "setup.py", "-q", "build_ext", "--inplace", folder=work)
        print(sorted(p.name for p in work.glob("*.so")), run(python, "use.py", folder=work), sep="\n")
        work = write(folder / "pybind", bound_cpp=PYBIND, use_py=PYBIND_USE)
        (work / "setup.py").write_text("from setuptools import setup\nfrom pybind11.setup_helpers import Pybind11Extension\nsetup(name='bound', ext_modules=[Pybind11Extension('bound', ['bound.cpp'], cxx_std=17)])\n")
        run(python, "-W", "ignore", "setup.py", "-q", "build_ext", "--inplace", folder=work)
        print(run(python, "use.py", folder=work))
        work = write(folder / "cffi", build_py=CFFI, use_py=CFFI_USE)
        run(python, "build.py", folder=work)
        print(run(python, "use.py", folder=work))

        work = write(folder / "project", setup_py=SETUP, pyproject_toml='[build-system]\nrequires = ["setuptools", "wheel"]\nbuild-backend = "setuptools.build_meta"\n')
        write(work / "cpack", __init___py="from ._speed import step\ndef main():\n    print('main', step(4))\n", _speed_c=C_SOURCE, data_txt="data")
        (work / "cpack" / "_speed.c").write_text(C_SOURCE)
        (work / "cpack" / "__init__.py").write_text("from ._speed import step\ndef main():\n    print('main', step(4))\n")
        run(python, "-m", "venv", "--system-site-packages", "env", folder=folder)
        env = folder / "env" / "bin" / "python"
        print(run(env, "-c", "import sys, os; print(sys.prefix != sys.base_prefix, os.path.basename(sys.prefix), [p.replace(sys.prefix, 'ENV') for p in sys.path if sys.prefix in p])", folder=folder))
        run(env, "-m", "pip", "wheel", "--no-index", "--no-build-isolation", "--no-deps", "-q", "-w", "wheels", "./project", folder=folder)
        print([w.name for w in (folder / "wheels").glob("*")])
        run(env, "-m", "pip", "install", "--no-index", "-q", *(folder / "wheels").glob("*.whl"), folder=folder)
        print(run(folder / "env" / "bin" / "cpack-run", folder=folder), run(env, "-c", "import cpack; print(cpack.step(1), cpack.step.__text_signature__, cpack._speed.__file__.split('env/')[1])", folder=folder))
        print(run(env, "-m", "pip", "show", "-f", "cpack", folder=folder).replace(str(folder), "FOLDER"))
        run(env, "-m", "pip", "uninstall", "-y", "-q", "cpack", folder=folder)
        run(env, "-m", "pip", "install", "--no-index", "--no-build-isolation", "-q", "./project", folder=folder)
        print(run(folder / "env" / "bin" / "cpack-run", folder=folder))


main()
