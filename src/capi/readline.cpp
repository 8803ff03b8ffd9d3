// Lines from a terminal: PyOS_Readline, what it does without an editor, and the hook that runs while it waits.
#include <Python.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>

#include "runtime/runtime.h"
#include "runtime/thread_state.h"

extern "C" {
int (*PyOS_InputHook)(void) = nullptr;
char* (*PyOS_ReadlineFunctionPointer)(FILE*, FILE*, const char*) = nullptr;
// The thread that reads; editors take the lock through it when they call back.
PyThreadState* _PyOS_ReadlineTState = nullptr;
}

namespace gill {
namespace {

// A line of any length, in raw memory; the lock is released.
class LineBuffer {
 public:
  ~LineBuffer() { PyMem_RawFree(text_); }
  bool put(char c) {
    if (size_ + 1 >= room_) {
      room_ = room_ ? 2 * room_ : 128;
      auto* grown = static_cast<char*>(PyMem_RawRealloc(text_, room_));
      if (!grown) return false;
      text_ = grown;
    }
    text_[size_++] = c;
    text_[size_] = 0;
    return true;
  }
  char* take() {
    char* text = text_;
    text_ = nullptr;
    return text;
  }
  bool empty() const { return size_ == 0; }
  bool ends_line() const { return size_ && text_[size_ - 1] == '\n'; }
  // What follows a null character is out of sight for those who get the line.
  void end_at_null() { size_ = text_ ? std::strlen(text_) : 0; }

 private:
  char* text_ = nullptr;
  size_t size_ = 0, room_ = 0;
};

// Whether a signal that interrupted reading asks for more than going on.
bool interrupted(PyThreadState* thread) {
  PyEval_RestoreThread(thread);
  int result = PyErr_CheckSignals();
  PyEval_SaveThread();
  return result < 0;
}

enum class Reading { line, end, interrupted, no_memory };

Reading read_line(FILE* in, LineBuffer& buffer, PyThreadState* thread) {
  for (;;) {
    if (PyOS_InputHook) PyOS_InputHook();
    errno = 0;
    clearerr(in);
    int c;
    while ((c = std::getc(in)) != EOF) {
      if (!buffer.put(static_cast<char>(c))) return Reading::no_memory;
      if (c != '\n') continue;
      buffer.end_at_null();
      if (buffer.ends_line()) return Reading::line;
    }
    if (std::feof(in)) {
      buffer.end_at_null();
      clearerr(in);
      return buffer.empty() ? Reading::end : Reading::line;
    }
    if (errno != EINTR) return Reading::end;
    if (interrupted(thread)) return Reading::interrupted;
  }
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

char* PyOS_StdioReadline(FILE* in, FILE* out, const char* prompt);
char* PyOS_StdioReadline(FILE* in, FILE*, const char* prompt) {
  std::fflush(stdout);
  if (prompt) std::fputs(prompt, stderr);
  std::fflush(stderr);
  LineBuffer buffer;
  Reading result = read_line(in, buffer, _PyOS_ReadlineTState);
  if (result == Reading::end && !buffer.put(0)) result = Reading::no_memory;
  if (result == Reading::no_memory) {
    PyEval_RestoreThread(_PyOS_ReadlineTState);
    PyErr_NoMemory();
    PyEval_SaveThread();
  }
  return result == Reading::line || result == Reading::end ? buffer.take() : nullptr;
}

// A line with its end, "" at the end of the input, null when interrupted; the caller frees it with PyMem_Free.
char* PyOS_Readline(FILE* in, FILE* out, const char* prompt) {
  PyThreadState* thread = PyThreadState_Get();
  if (_PyOS_ReadlineTState == thread) {
    PyErr_SetString(PyExc_RuntimeError, "can't re-enter readline");
    return nullptr;
  }
  // Editors know no sub-interpreters, nor input that is no terminal.
  bool editing = PyOS_ReadlineFunctionPointer && isatty(fileno(in)) && isatty(fileno(out)) &&
                 current_interpreter() == g_runtime.main_interpreter;
  PyEval_SaveThread();
  pthread_mutex_lock(&g_runtime.readline_mutex);
  _PyOS_ReadlineTState = thread;
  char* raw = editing ? PyOS_ReadlineFunctionPointer(in, out, prompt) : PyOS_StdioReadline(in, out, prompt);
  _PyOS_ReadlineTState = nullptr;
  pthread_mutex_unlock(&g_runtime.readline_mutex);
  PyEval_RestoreThread(thread);
  if (!raw) return nullptr;
  size_t size = std::strlen(raw) + 1;
  auto* line = static_cast<char*>(PyMem_Malloc(size));
  if (line) std::memcpy(line, raw, size);
  else PyErr_NoMemory();
  PyMem_RawFree(raw);
  return line;
}

}  // extern "C"
