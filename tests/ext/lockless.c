/* Mistakes with the interpreter lock, one a function. */
#include <Python.h>

static PyObject* call_without_lock(PyObject* self, PyObject* none) {
  PyThreadState* thread = PyEval_SaveThread();
  Py_XDECREF(PyList_New(1));
  PyEval_RestoreThread(thread);
  Py_RETURN_NONE;
}

static PyObject* release_twice(PyObject* self, PyObject* none) {
  PyThreadState* thread = PyEval_SaveThread();
  PyEval_SaveThread();
  PyEval_RestoreThread(thread);
  Py_RETURN_NONE;
}

static PyObject* take_twice(PyObject* self, PyObject* none) {
  PyThreadState* thread = PyEval_SaveThread();
  PyEval_RestoreThread(thread);
  PyEval_RestoreThread(thread);
  Py_RETURN_NONE;
}

static PyObject* no_mistake(PyObject* self, PyObject* none) {
  PyThreadState* thread = PyEval_SaveThread();
  void* memory = PyMem_RawMalloc(10);
  PyMem_RawFree(memory);
  PyGILState_STATE state = PyGILState_Ensure();
  Py_XDECREF(PyList_New(1));
  PyGILState_Release(state);
  PyEval_RestoreThread(thread);
  return PyLong_FromLong(42);
}

static PyMethodDef methods[] = {
    {"call_without_lock", call_without_lock, METH_NOARGS, NULL}, {"release_twice", release_twice, METH_NOARGS, NULL},
    {"take_twice", take_twice, METH_NOARGS, NULL},               {"no_mistake", no_mistake, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "lockless", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_lockless(void) { return PyModule_Create(&definition); }
