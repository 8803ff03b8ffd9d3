/* Mistakes with the interpreter lock, one a function. */
#include <Python.h>

#include <pthread.h>
#include <unistd.h>

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

static PyObject* release_unensured(PyObject* self, PyObject* none) {
  PyGILState_Release(PyGILState_UNLOCKED);
  Py_RETURN_NONE;
}

/* Two threads take the interpreter lock and a mutex, in different orders. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void* take_mutex_first(void* none) {
  pthread_mutex_lock(&mutex);
  usleep(50000);
  PyGILState_Release(PyGILState_Ensure());
  pthread_mutex_unlock(&mutex);
  return NULL;
}
static PyObject* take_lock_first(PyObject* self, PyObject* none) {
  pthread_t thread;
  pthread_create(&thread, NULL, take_mutex_first, NULL);
  usleep(20000);
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
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
    {"release_unensured", release_unensured, METH_NOARGS, NULL}, {"take_lock_first", take_lock_first, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "lockless", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_lockless(void) { return PyModule_Create(&definition); }
