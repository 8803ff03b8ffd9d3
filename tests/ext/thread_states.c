/* Thread states, the lock and PyGILState_*: used as they may be, from native threads too, and mistakes that end the process. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <Python.h>

#include <pthread.h>
#include <unistd.h>

/* ---- as they may be used ------------------------------------------------------------------------------ */

static int callable_called(PyObject* callable) {
  PyObject* result = PyObject_CallNoArgs(callable);
  if (!result) PyErr_WriteUnraisable(callable);
  Py_XDECREF(result);
  return result != NULL;
}

/* Ensures `depth` times, calls, releases as often; the number of answers and checks that were not as they must be. */
static int ensure_deeply(int depth, PyObject* callable, int expect_lock) {
  int faults = PyGILState_Check() != expect_lock;
  PyGILState_STATE state = PyGILState_Ensure();
  faults += state != (expect_lock ? PyGILState_LOCKED : PyGILState_UNLOCKED);
  faults += PyGILState_Check() != 1 || PyGILState_GetThisThreadState() != PyThreadState_Get();
  if (depth > 1) faults += ensure_deeply(depth - 1, callable, 1);
  else faults += !callable_called(callable);
  /* Letting the lock go in between, and asking for it again, is allowed at every depth. */
  PyThreadState* thread = PyEval_SaveThread();
  faults += PyGILState_Check() != 0;
  if (depth % 2) {
    PyGILState_STATE inner = PyGILState_Ensure();
    faults += inner != PyGILState_UNLOCKED || PyThreadState_Get() != thread;
    PyGILState_Release(inner);
    faults += PyGILState_Check() != 0;
  }
  PyEval_RestoreThread(thread);
  PyGILState_Release(state);
  faults += PyGILState_Check() != expect_lock;
  return faults;
}

static PyObject* nested_ensure(PyObject* self, PyObject* args) {
  int depth;
  PyObject* callable;
  if (!PyArg_ParseTuple(args, "iO", &depth, &callable)) return NULL;
  int faults = ensure_deeply(depth, callable, 1);
  Py_BEGIN_ALLOW_THREADS;
  faults += ensure_deeply(depth, callable, 0);
  Py_END_ALLOW_THREADS;
  return PyLong_FromLong(faults);
}

struct Work {
  int depth, rounds, faults;
  PyObject* callable;
};

static void* work_in_thread(void* raw) {
  struct Work* work = raw;
  for (int i = 0; i < work->rounds; ++i) {
    work->faults += PyGILState_GetThisThreadState() != NULL;
    work->faults += ensure_deeply(work->depth, work->callable, 0);
  }
  return NULL;
}

enum { kMostThreads = 64 };

/* foreign_ensure(threads, rounds, depth, callable): the faults of all. */
static PyObject* foreign_ensure(PyObject* self, PyObject* args) {
  int count, rounds, depth;
  PyObject* callable;
  if (!PyArg_ParseTuple(args, "iiiO", &count, &rounds, &depth, &callable)) return NULL;
  pthread_t threads[kMostThreads];
  struct Work works[kMostThreads];
  int faults = 0;
  Py_BEGIN_ALLOW_THREADS;
  for (int i = 0; i < count; ++i) {
    works[i] = (struct Work){depth, rounds, 0, callable};
    pthread_create(&threads[i], NULL, work_in_thread, &works[i]);
  }
  for (int i = 0; i < count; ++i) {
    pthread_join(threads[i], NULL);
    faults += works[i].faults;
  }
  Py_END_ALLOW_THREADS;
  return PyLong_FromLong(faults);
}

/* A thread state made by hand for another native thread, which takes the lock with it. */
static void* work_with_state(void* raw) {
  void** given = raw;
  PyThreadState* thread = PyThreadState_New(given[0]);
  PyEval_AcquireThread(thread);
  callable_called(given[1]);
  PyEval_ReleaseThread(thread);
  PyEval_RestoreThread(thread);
  callable_called(given[1]);
  PyThreadState_Clear(thread);
  PyThreadState_DeleteCurrent();
  return NULL;
}

static PyObject* state_by_hand(PyObject* self, PyObject* callable) {
  void* given[] = {PyInterpreterState_Get(), callable};
  pthread_t thread;
  Py_BEGIN_ALLOW_THREADS;
  pthread_create(&thread, NULL, work_with_state, given);
  pthread_join(thread, NULL);
  Py_END_ALLOW_THREADS;
  Py_RETURN_NONE;
}

/* ---- pending calls from native threads ---------------------------------------------------------------- */

static long pending_made, pending_refused;

static int note_pending(void* argument) {
  /* The main thread makes them with the lock: no atomic is needed. */
  pending_made += PyGILState_Check() ? (long)(intptr_t)argument : -1000000;
  return 0;
}

static void* add_pending(void* raw) {
  const long wanted = (long)(intptr_t)raw;
  for (long i = 0; i < wanted;) {
    if (Py_AddPendingCall(note_pending, (void*)1) == 0) {
      ++i;
    } else {
      __atomic_fetch_add(&pending_refused, 1, __ATOMIC_RELAXED);
      usleep(50);
    }
  }
  return NULL;
}

/* Starts threads that each ask for calls until all were accepted; they go on while Python code runs. */
static pthread_t pending_threads[kMostThreads];
static int pending_thread_count;

static PyObject* start_pending(PyObject* self, PyObject* args) {
  int count;
  long each;
  if (!PyArg_ParseTuple(args, "il", &count, &each)) return NULL;
  pending_made = pending_refused = 0;
  pending_thread_count = count;
  for (int i = 0; i < count; ++i) pthread_create(&pending_threads[i], NULL, add_pending, (void*)(intptr_t)each);
  Py_RETURN_NONE;
}

static PyObject* pending_count(PyObject* self, PyObject* none) { return PyLong_FromLong(pending_made); }

static PyObject* join_pending(PyObject* self, PyObject* none) {
  Py_BEGIN_ALLOW_THREADS;
  for (int i = 0; i < pending_thread_count; ++i) pthread_join(pending_threads[i], NULL);
  Py_END_ALLOW_THREADS;
  Py_RETURN_NONE;
}

static int fail_pending(void* argument) {
  PyErr_SetString(PyExc_RuntimeError, "from a pending call");
  return -1;
}
static PyObject* add_failing_pending(PyObject* self, PyObject* none) { return PyLong_FromLong(Py_AddPendingCall(fail_pending, NULL)); }

static PyObject* fill_pending(PyObject* self, PyObject* none) {
  long accepted = 0;
  while (accepted < 1000 && Py_AddPendingCall(note_pending, (void*)1) == 0) ++accepted;
  return PyLong_FromLong(accepted);
}

/* ---- mistakes --------------------------------------------------------------------------------------------- */

static PyObject* save_twice(PyObject* self, PyObject* none) {
  PyEval_SaveThread();
  PyEval_SaveThread();
  Py_RETURN_NONE;
}
static PyObject* restore_null(PyObject* self, PyObject* none) {
  PyEval_SaveThread();
  PyEval_RestoreThread(NULL);
  Py_RETURN_NONE;
}
static PyObject* acquire_null(PyObject* self, PyObject* none) {
  PyEval_SaveThread();
  PyEval_AcquireThread(NULL);
  Py_RETURN_NONE;
}
static PyObject* release_null(PyObject* self, PyObject* none) {
  PyEval_ReleaseThread(NULL);
  Py_RETURN_NONE;
}
static PyObject* release_other(PyObject* self, PyObject* none) {
  PyThreadState* other = PyThreadState_New(PyInterpreterState_Get());
  PyEval_ReleaseThread(other);
  Py_RETURN_NONE;
}
static PyObject* release_outside(PyObject* self, PyObject* none) {
  PyThreadState* thread = PyEval_SaveThread();
  PyEval_ReleaseThread(thread);
  Py_RETURN_NONE;
}
/* The deprecated pair: the thread state stays current in between. */
static PyObject* lock_and_release(PyObject* self, PyObject* none) {
  PyEval_ReleaseLock();
  PyEval_AcquireLock();
  Py_RETURN_NONE;
}
static PyObject* release_lock_twice(PyObject* self, PyObject* none) {
  PyEval_ReleaseLock();
  PyEval_ReleaseLock();
  Py_RETURN_NONE;
}
static PyObject* get_outside(PyObject* self, PyObject* none) {
  PyEval_SaveThread();
  PyThreadState_Get();
  Py_RETURN_NONE;
}
static PyObject* interpreter_outside(PyObject* self, PyObject* none) {
  PyEval_SaveThread();
  PyInterpreterState_Get();
  Py_RETURN_NONE;
}
static PyObject* delete_current(PyObject* self, PyObject* none) {
  PyThreadState_Delete(PyThreadState_Get());
  Py_RETURN_NONE;
}
static PyObject* delete_null(PyObject* self, PyObject* none) {
  PyThreadState_Delete(NULL);
  Py_RETURN_NONE;
}
static PyObject* delete_current_outside(PyObject* self, PyObject* none) {
  PyEval_SaveThread();
  PyThreadState_DeleteCurrent();
  Py_RETURN_NONE;
}
static PyObject* gilstate_release_outside(PyObject* self, PyObject* none) {
  PyGILState_STATE state = PyGILState_Ensure();
  PyEval_SaveThread();
  PyGILState_Release(state);
  Py_RETURN_NONE;
}
static void* release_without_state(void* none) {
  PyGILState_Release(PyGILState_UNLOCKED);
  return NULL;
}
static PyObject* gilstate_release_unknown(PyObject* self, PyObject* none) {
  pthread_t thread;
  PyEval_SaveThread();
  pthread_create(&thread, NULL, release_without_state, NULL);
  pthread_join(thread, NULL);
  Py_RETURN_NONE;
}
static PyObject* end_interpreter_outside(PyObject* self, PyObject* none) {
  Py_EndInterpreter(PyEval_SaveThread());
  Py_RETURN_NONE;
}
static PyObject* end_interpreter_running(PyObject* self, PyObject* none) {
  Py_EndInterpreter(PyThreadState_Get());
  Py_RETURN_NONE;
}
static PyObject* dict_outside(PyObject* self, PyObject* none) {
  PyThreadState* thread = PyEval_SaveThread();
  int absent = PyThreadState_GetDict() == NULL && PyGILState_GetThisThreadState() == thread && _PyThreadState_UncheckedGet() == NULL;
  PyEval_RestoreThread(thread);
  return PyBool_FromLong(absent);
}
static PyObject* fatal(PyObject* self, PyObject* none) {
  Py_FatalError("meant to be");
  Py_RETURN_NONE;
}
static void* fatal_in_thread(void* none) {
  Py_FatalError("meant to be");
  return NULL;
}
static PyObject* fatal_without_state(PyObject* self, PyObject* none) {
  pthread_t thread;
  Py_BEGIN_ALLOW_THREADS;
  pthread_create(&thread, NULL, fatal_in_thread, NULL);
  pthread_join(thread, NULL);
  Py_END_ALLOW_THREADS;
  Py_RETURN_NONE;
}

#define PLAIN(name) {#name, name, METH_NOARGS, NULL}

static PyMethodDef methods[] = {
    {"nested_ensure", nested_ensure, METH_VARARGS, NULL},
    {"foreign_ensure", foreign_ensure, METH_VARARGS, NULL},
    {"state_by_hand", state_by_hand, METH_O, NULL},
    {"start_pending", start_pending, METH_VARARGS, NULL},
    PLAIN(pending_count),
    PLAIN(join_pending),
    PLAIN(add_failing_pending),
    PLAIN(fill_pending),
    PLAIN(save_twice),
    PLAIN(restore_null),
    PLAIN(acquire_null),
    PLAIN(release_null),
    PLAIN(release_other),
    PLAIN(release_outside),
    PLAIN(lock_and_release),
    PLAIN(release_lock_twice),
    PLAIN(get_outside),
    PLAIN(interpreter_outside),
    PLAIN(delete_current),
    PLAIN(delete_null),
    PLAIN(delete_current_outside),
    PLAIN(gilstate_release_outside),
    PLAIN(gilstate_release_unknown),
    PLAIN(end_interpreter_outside),
    PLAIN(end_interpreter_running),
    PLAIN(dict_outside),
    PLAIN(fatal),
    PLAIN(fatal_without_state),
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "thread_states", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_thread_states(void) { return PyModule_Create(&definition); }
