// An extension in C++: single-phase initialization, a matrix over std::vector with a two-dimensional buffer, number,
// sequence and mapping protocols, vectorcall, C++ exceptions turned into Python's, a capsule, and threads that
// enter the interpreter.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Matrix {
    PyObject_HEAD
    std::vector<double> cells;
    Py_ssize_t shape[2];
    Py_ssize_t strides[2];
};

extern PyTypeObject matrix_type;

Matrix *make(Py_ssize_t rows, Py_ssize_t columns) {
    auto *self = reinterpret_cast<Matrix *>(matrix_type.tp_alloc(&matrix_type, 0));
    if (self == nullptr)
        return nullptr;
    new (&self->cells) std::vector<double>();
    try {
        self->cells.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
    } catch (const std::exception &) {
        Py_DECREF(self);
        PyErr_NoMemory();
        return nullptr;
    }
    self->shape[0] = rows;
    self->shape[1] = columns;
    self->strides[0] = columns * static_cast<Py_ssize_t>(sizeof(double));
    self->strides[1] = sizeof(double);
    return self;
}

PyObject *matrix_new(PyTypeObject *, PyObject *args, PyObject *) {
    Py_ssize_t rows, columns;
    if (!PyArg_ParseTuple(args, "nn:Matrix", &rows, &columns))
        return nullptr;
    if (rows < 0 || columns < 0) {
        PyErr_Format(PyExc_ValueError, "bad shape (%zd, %zd)", rows, columns);
        return nullptr;
    }
    return reinterpret_cast<PyObject *>(make(rows, columns));
}

void matrix_dealloc(PyObject *self) {
    reinterpret_cast<Matrix *>(self)->cells.~vector();
    Py_TYPE(self)->tp_free(self);
}

double &cell(Matrix *matrix, PyObject *key) {
    Py_ssize_t row, column;
    if (!PyArg_ParseTuple(key, "nn", &row, &column))
        throw std::invalid_argument("");
    if (row < 0 || row >= matrix->shape[0] || column < 0 || column >= matrix->shape[1])
        throw std::out_of_range("no cell (" + std::to_string(row) + ", " + std::to_string(column) + ")");
    return matrix->cells[static_cast<std::size_t>(row * matrix->shape[1] + column)];
}

PyObject *matrix_subscript(PyObject *self, PyObject *key) {
    try {
        return PyFloat_FromDouble(cell(reinterpret_cast<Matrix *>(self), key));
    } catch (const std::out_of_range &error) {
        PyErr_SetString(PyExc_IndexError, error.what());
    } catch (const std::invalid_argument &) {
    }
    return nullptr;
}

int matrix_assign(PyObject *self, PyObject *key, PyObject *value) {
    if (value == nullptr) {
        PyErr_SetString(PyExc_TypeError, "cells can't be deleted");
        return -1;
    }
    const double number = PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred())
        return -1;
    try {
        cell(reinterpret_cast<Matrix *>(self), key) = number;
        return 0;
    } catch (const std::out_of_range &error) {
        PyErr_SetString(PyExc_IndexError, error.what());
    } catch (const std::invalid_argument &) {
    }
    return -1;
}

PyObject *matrix_multiply(PyObject *left, PyObject *right) {
    if (Py_TYPE(left) != &matrix_type || Py_TYPE(right) != &matrix_type)
        Py_RETURN_NOTIMPLEMENTED;
    auto *a = reinterpret_cast<Matrix *>(left), *b = reinterpret_cast<Matrix *>(right);
    if (a->shape[1] != b->shape[0]) {
        PyErr_SetString(PyExc_ValueError, "shapes don't fit");
        return nullptr;
    }
    Matrix *result = make(a->shape[0], b->shape[1]);
    if (result == nullptr)
        return nullptr;
    const auto n = static_cast<std::size_t>(a->shape[0]), m = static_cast<std::size_t>(b->shape[0]), k = static_cast<std::size_t>(b->shape[1]);
    Py_BEGIN_ALLOW_THREADS
    for (std::size_t i = 0; i < n; i++)
        for (std::size_t j = 0; j < m; j++)
            for (std::size_t c = 0; c < k; c++)
                result->cells[i * k + c] += a->cells[i * m + j] * b->cells[j * k + c];
    Py_END_ALLOW_THREADS
    return reinterpret_cast<PyObject *>(result);
}

int matrix_getbuffer(PyObject *object, Py_buffer *view, int flags) {
    auto *self = reinterpret_cast<Matrix *>(object);
    view->buf = self->cells.data();
    view->obj = Py_NewRef(object);
    view->len = static_cast<Py_ssize_t>(self->cells.size() * sizeof(double));
    view->readonly = 0;
    view->itemsize = sizeof(double);
    view->format = flags & PyBUF_FORMAT ? const_cast<char *>("d") : nullptr;
    view->ndim = 2;
    view->shape = self->shape;
    view->strides = self->strides;
    view->suboffsets = nullptr;
    view->internal = nullptr;
    return 0;
}

PyNumberMethods matrix_number = {};
PyMappingMethods matrix_mapping = {nullptr, matrix_subscript, matrix_assign};
PyBufferProcs matrix_buffer = {matrix_getbuffer, nullptr};
PyTypeObject matrix_type = {PyVarObject_HEAD_INIT(nullptr, 0)};

// A type with a member wider than a word, which subclasses must keep aligned.
struct Wide {
    PyObject_HEAD
    alignas(16) double pair[2];
};
PyTypeObject wide_type = {PyVarObject_HEAD_INIT(nullptr, 0)};
PyObject *wide_aligned(PyObject *self, void *) {
    return PyBool_FromLong(reinterpret_cast<std::uintptr_t>(reinterpret_cast<Wide *>(self)->pair) % alignof(Wide) == 0);
}
PyGetSetDef wide_attributes[] = {{"aligned", wide_aligned, nullptr, nullptr, nullptr}, {}};

// Calls `function` with a number from `count` native threads, each of which enters the interpreter by itself.
PyObject *call_from_threads(PyObject *, PyObject *args) {
    PyObject *function;
    int count;
    if (!PyArg_ParseTuple(args, "Oi:call_from_threads", &function, &count))
        return nullptr;
    std::vector<std::thread> threads;
    std::vector<char> failed(static_cast<std::size_t>(count));
    Py_BEGIN_ALLOW_THREADS
    for (int i = 0; i < count; i++)
        threads.emplace_back([=, &failed] {
            PyGILState_STATE held = PyGILState_Ensure();
            PyObject *result = PyObject_CallFunction(function, "i", i);
            if (result == nullptr) {
                PyErr_Clear();
                failed[static_cast<std::size_t>(i)] = 1;
            }
            Py_XDECREF(result);
            PyGILState_Release(held);
        });
    for (std::thread &thread : threads)
        thread.join();
    Py_END_ALLOW_THREADS
    long failures = 0;
    for (char one : failed)
        failures += one;
    return PyLong_FromLong(failures);
}

// Objects that a static owns: its destructor releases them after the interpreter's end.
struct Kept {
    std::vector<PyObject *> objects;
    ~Kept() {
        for (PyObject *object : objects)
            Py_DECREF(object);
    }
};

PyObject *keep(PyObject *, PyObject *object) {
    static Kept kept;
    kept.objects.push_back(Py_NewRef(object));
    Py_RETURN_NONE;
}

PyMethodDef matrix_functions[] = {
    {"keep", keep, METH_O, "keep(object): owns the object until the process ends"},
    {"call_from_threads", call_from_threads, METH_VARARGS, "call_from_threads(function, count) -> calls that raised"},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef matrix_module = {PyModuleDef_HEAD_INIT, "matrix", "An extension in C++.", -1, matrix_functions, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_matrix() {
    matrix_number.nb_matrix_multiply = matrix_multiply;
    matrix_type.tp_name = "matrix.Matrix";
    matrix_type.tp_basicsize = sizeof(Matrix);
    matrix_type.tp_flags = Py_TPFLAGS_DEFAULT;
    matrix_type.tp_new = matrix_new;
    matrix_type.tp_dealloc = matrix_dealloc;
    matrix_type.tp_as_number = &matrix_number;
    matrix_type.tp_as_mapping = &matrix_mapping;
    matrix_type.tp_as_buffer = &matrix_buffer;
    wide_type.tp_name = "matrix.Wide";
    wide_type.tp_basicsize = sizeof(Wide);
    wide_type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
    wide_type.tp_new = PyType_GenericNew;
    wide_type.tp_getset = wide_attributes;
    PyObject *module = PyModule_Create(&matrix_module);
    static int answer = 42;
    PyObject *capsule = PyCapsule_New(&answer, "matrix._answer", nullptr);
    if (module == nullptr || capsule == nullptr || PyModule_AddType(module, &matrix_type) < 0 || PyModule_AddType(module, &wide_type) < 0 ||
        PyModule_AddObjectRef(module, "_answer", capsule) < 0)
        Py_CLEAR(module);
    Py_XDECREF(capsule);
    return module;
}
