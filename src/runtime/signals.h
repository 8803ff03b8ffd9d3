// Signals of the process: what the native handler notes down and what is called for it later.
//
// The native handler only marks a signal and asks the main thread of the main interpreter to look; the Python handlers run there
// between instructions. Lives in Runtime, because a signal handler must reach it at any time.
#pragma once

#include <Python.h>

#include <atomic>
#include <csignal>

namespace gill {

struct ThreadState;

inline constexpr int kSignals = NSIG;

struct Signals {
  std::atomic<bool> any = false;
  std::atomic<bool> came[kSignals] = {};
  // Owned. SIG_DFL and SIG_IGN stand as the ints 0 and 1; null or None is a handler that is not ours.
  std::atomic<PyObject*> handlers[kSignals] = {};
  // Where a byte with the number is written as soon as a signal comes; -1: nowhere.
  std::atomic<int> wakeup_fd = -1;
  std::atomic<bool> warn_on_full_buffer = true;
};

// The native handler for every signal that has a Python one.
void note_signal(int number);

// Whether this thread may run Python's signal handlers: the main one of the main interpreter.
bool handles_signals(ThreadState* thread);

inline bool is_default_action(PyObject* handler) { return handler && PyLong_CheckExact(handler) && Py_SIZE(handler) == 0; }
bool is_ignore_action(PyObject* handler);

// What start-up ignores: writing to a closed pipe or past a size limit is an exception in Python.
void ignore_broken_pipes();
// Gives every signal that has a Python handler its default action again.
void finish_signals();

}  // namespace gill
