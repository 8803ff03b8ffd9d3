/* Native threads that go on while the process ends, some of them with a mutex of their own that the end needs. */
#include <Python.h>

#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int torn_down;

static void note_end(void* none) { torn_down = 1; }

/* With the mutex it is in the middle of a change, which nobody must see. */
static void* change_with_mutex(void* callable) {
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push(note_end, NULL);
  for (;;) {
    PyGILState_STATE state = PyGILState_Ensure();
    Py_XDECREF(PyObject_CallNoArgs(callable));
    PyGILState_Release(state);
  }
  pthread_cleanup_pop(0);
  return NULL;
}

static void* call_now_and_then(void* callable) {
  for (unsigned i = 0;; ++i) {
    PyGILState_STATE state = PyGILState_Ensure();
    Py_XDECREF(PyObject_CallNoArgs(callable));
    PyGILState_Release(state);
    if (i % 3 == 0) usleep(i % 50);
  }
  return NULL;
}

/* A new thread state each time, which may come at any moment of the end. */
static void* start_threads(void* callable) {
  for (;;) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, call_now_and_then, callable) == 0) pthread_detach(thread);
    usleep(300);
  }
  return NULL;
}

static int nothing(void* none) { return 0; }
static void* add_pending_calls(void* none) {
  for (;;) {
    if (Py_AddPendingCall(nothing, NULL) != 0) usleep(10);
  }
  return NULL;
}

static PyObject* start(void* (*function)(void*), PyObject* args) {
  int count;
  PyObject* callable;
  if (!PyArg_ParseTuple(args, "iO", &count, &callable)) return NULL;
  for (int i = 0; i < count; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, function, callable) != 0) return PyErr_SetFromErrno(PyExc_OSError);
    pthread_detach(thread);
    Py_INCREF(callable); /* the thread never gives it back */
  }
  Py_RETURN_NONE;
}

static PyObject* start_calls(PyObject* self, PyObject* args) { return start(call_now_and_then, args); }
static PyObject* start_starts(PyObject* self, PyObject* args) { return start(start_threads, args); }
static PyObject* start_pending(PyObject* self, PyObject* args) { return start(add_pending_calls, args); }

/* After the interpreter: whether the thread with the mutex was ended. */
static void tell_mutex(void) {
  usleep(20000);
  const char* text = torn_down ? "torn down\n" : pthread_mutex_trylock(&mutex) == 0 ? "unlocked\n" : "locked\n";
  (void)!write(STDOUT_FILENO, text, strlen(text));
}
static PyObject* start_change(PyObject* self, PyObject* args) {
  Py_AtExit(tell_mutex);
  return start(change_with_mutex, args);
}

static PyMethodDef methods[] = {
    {"start_calls", start_calls, METH_VARARGS, NULL},   {"start_starts", start_starts, METH_VARARGS, NULL},
    {"start_pending", start_pending, METH_VARARGS, NULL}, {"start_change", start_change, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "at_exit", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_at_exit(void) { return PyModule_Create(&definition); }
