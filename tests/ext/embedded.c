/* A program that starts and ends Python by itself, several times. It is preloaded into an interpreter, for its functions, and runs
   before that does anything. EMBEDDED names what to do. */
#include <Python.h>

#include <pthread.h>
#include <unistd.h>

static void* ensure(void* raw) {
  int* done = raw;
  *done = 1;
  PyGILState_STATE state = PyGILState_Ensure();
  *done = PyGILState_Check() && PyRun_SimpleString("import threading; sum(range(100))") == 0 ? 2 : 3;
  PyGILState_Release(state);
  return NULL;
}

/* What became of a native thread that asks for the lock: 1 still waiting, 2 came in, 3 failed. */
static int in_native_thread(int patiently) {
  static int results[100];
  static int used;
  int* result = &results[used++];
  pthread_t thread;
  pthread_create(&thread, NULL, ensure, result);
  if (patiently) pthread_join(thread, NULL);
  else usleep(30000);
  return *(volatile int*)result;
}

static void start_and_end(int with_late_threads) {
  for (int round = 0; round < 3; ++round) {
    Py_InitializeEx(0);
    int held = PyGILState_Check();
    PyRun_SimpleString("import json, re, threading; t = threading.Thread(target=int); t.start(); t.join()");
    PyThreadState* thread = PyEval_SaveThread();
    int released = PyGILState_Check(), first = in_native_thread(1), second = in_native_thread(1);
    PyEval_RestoreThread(thread);
    PyGILState_STATE state = PyGILState_Ensure();
    PyGILState_Release(state);
    int end = Py_FinalizeEx();
    printf("held %d released %d threads %d %d state %d end %d\n", held, released, first, second, state, end);
    if (with_late_threads) printf("late %d\n", in_native_thread(0));
    fflush(stdout);
  }
}

__attribute__((constructor)) static void run(void) {
  const char* what = getenv("EMBEDDED");
  if (!what) return;
  if (strcmp(what, "before") == 0) printf("check %d state %d\n", PyGILState_Check(), PyGILState_GetThisThreadState() != NULL);
  if (strcmp(what, "too early") == 0) PyGILState_Ensure();
  if (strcmp(what, "rounds") == 0) start_and_end(0);
  if (strcmp(what, "late") == 0) start_and_end(1);
  fflush(stdout);
  _exit(0);
}
