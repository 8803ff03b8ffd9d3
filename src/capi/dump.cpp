// Writing the stack to a descriptor when nothing can be relied on: for fatal errors and faulthandler.
//
// Everything here may run in a signal handler on a damaged heap: no allocation, no lock, no Python code, and
// every pointer is looked at as little as possible.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/names.h"
#include "memory/collector.h"
#include "objects/frame.h"
#include "runtime/runtime.h"

#if __has_feature(thread_sanitizer)
// The stacks are those of running threads, looked at without the lock: it may be the lock that everybody waits for. And programs may
// close a descriptor that another thread uses.
extern "C" const char* __tsan_default_suppressions() { return "race:_Py_DumpTracebackThreads\nrace_top:^close$\n"; }
#endif

namespace gill {
namespace {

constexpr int kMostFrames = 100;
constexpr int kMostThreads = 100;
constexpr Py_ssize_t kLongestText = 500;

void put(int fd, const char* text, size_t size) {
  while (size > 0) {
    ssize_t written = write(fd, text, size);
    if (written <= 0) return;
    text += written;
    size -= static_cast<size_t>(written);
  }
}
void put(int fd, const char* text) { put(fd, text, std::strlen(text)); }

void put_hexadecimal(int fd, uintptr_t value, Py_ssize_t width) {
  char digits[2 * sizeof(value) + 1];
  width = std::clamp<Py_ssize_t>(width, 0, 2 * sizeof(value));
  char* at = digits + sizeof(digits);
  Py_ssize_t count = 0;
  do {
    *--at = "0123456789abcdef"[value & 15];
    value >>= 4;
  } while (++count < width || value);
  put(fd, at, static_cast<size_t>(count));
}
void put_decimal(int fd, size_t value) {
  char digits[24];
  char* at = digits + sizeof(digits);
  do *--at = static_cast<char>('0' + value % 10);
  while (value /= 10);
  put(fd, at, static_cast<size_t>(digits + sizeof(digits) - at));
}

// ASCII; what is not is escaped.
void put_text(int fd, PyObject* text) {
  if (!text || !PyUnicode_Check(text) || !PyUnicode_IS_READY(text)) return;
  Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  Py_ssize_t shown = std::min(length, kLongestText);
  for (Py_ssize_t i = 0; i < shown; ++i) {
    Py_UCS4 c = PyUnicode_READ_CHAR(text, i);
    if (c >= ' ' && c < 0x7f) {
      char one = static_cast<char>(c);
      put(fd, &one, 1);
    } else {
      put(fd, c <= 0xff ? "\\x" : c <= 0xffff ? "\\u" : "\\U");
      put_hexadecimal(fd, c, c <= 0xff ? 2 : c <= 0xffff ? 4 : 8);
    }
  }
  if (shown < length) put(fd, "...");
}

bool same_text(PyObject* a, PyObject* b) {
  Py_ssize_t length = PyUnicode_GET_LENGTH(a), i = 0;
  if (length != PyUnicode_GET_LENGTH(b)) return false;
  while (i < length && PyUnicode_READ_CHAR(a, i) == PyUnicode_READ_CHAR(b, i)) ++i;
  return i == length;
}

// The value under a name, found by walking the dict.
PyObject* find(PyObject* dict, PyObject* wanted) {
  Py_ssize_t position = 0;
  PyObject *key, *value;
  while (dict && PyDict_Next(dict, &position, &key, &value)) {
    if (PyUnicode_Check(key) && PyUnicode_IS_READY(key) && same_text(key, wanted)) return value;
  }
  return nullptr;
}

// Whether the set has the name, or that of a package that the name is in. Walks the table: hashing and comparing as Python does
// could raise, for which this thread may have no state.
bool is_standard(PyObject* names, PyObject* module) {
  Py_ssize_t position = 0, length = PyUnicode_GET_LENGTH(module);
  Py_hash_t hash;
  PyObject* entry;
  while (_PySet_NextEntry(names, &position, &entry, &hash)) {
    if (!PyUnicode_Check(entry) || !PyUnicode_IS_READY(entry)) continue;
    Py_ssize_t known = PyUnicode_GET_LENGTH(entry);
    if (known > length || (known < length && PyUnicode_READ_CHAR(module, known) != '.')) continue;
    Py_ssize_t i = 0;
    while (i < known && PyUnicode_READ_CHAR(entry, i) == PyUnicode_READ_CHAR(module, i)) ++i;
    if (i == known) return true;
  }
  return false;
}

void put_frame(int fd, const Frame* frame) {
  PyCodeObject* code = frame->f_code;
  put(fd, "  File ");
  if (code->co_filename && PyUnicode_Check(code->co_filename)) {
    put(fd, "\"");
    put_text(fd, code->co_filename);
    put(fd, "\"");
  } else {
    put(fd, "???");
  }
  put(fd, ", line ");
  int line = frame_line(frame);
  if (line >= 0) put_decimal(fd, static_cast<size_t>(line));
  else put(fd, "???");
  put(fd, " in ");
  if (code->co_name && PyUnicode_Check(code->co_name)) put_text(fd, code->co_name);
  else put(fd, "???");
  put(fd, "\n");
}

void put_stack(int fd, PyThreadState* thread, bool with_header) {
  if (with_header) put(fd, "Stack (most recent call first):\n");
  const Frame* frame = thread && thread->cframe ? thread->cframe->current_frame : nullptr;
  if (!frame) return put(fd, "  <no Python frame>\n");
  int depth = 0;
  for (; frame; frame = frame->previous) {
    if (is_incomplete(frame)) continue;
    if (depth++ == kMostFrames) return put(fd, "  ...\n");
    put_frame(fd, frame);
  }
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

[[gnu::visibility("default")]] void _Py_DumpASCII(int fd, PyObject* text) { put_text(fd, text); }
[[gnu::visibility("default")]] void _Py_DumpDecimal(int fd, size_t value) { put_decimal(fd, value); }
[[gnu::visibility("default")]] void _Py_DumpHexadecimal(int fd, uintptr_t value, Py_ssize_t width) { put_hexadecimal(fd, value, width); }
[[gnu::visibility("default")]] void _Py_DumpTraceback(int fd, PyThreadState* thread) { put_stack(fd, thread, true); }

// A message, or null when all went well. Without an interpreter it is the one of the thread.
[[gnu::visibility("default")]] const char* _Py_DumpTracebackThreads(int fd, PyInterpreterState* given, PyThreadState* current) {
  if (!current) current = current_thread();
  Interpreter* interpreter = internal(given);
  if (!interpreter) interpreter = current ? internal(current->interp) : g_runtime.main_interpreter;
  if (!interpreter) return "unable to get the interpreter state";
  PyThreadState* thread = interpreter->threads;
  if (!thread) return "unable to get the thread head state";
  for (int count = 0; thread; thread = thread->next, ++count) {
    if (count) put(fd, "\n");
    if (count >= kMostThreads) {
      put(fd, "...\n");
      break;
    }
    put(fd, thread == current ? "Current thread 0x" : "Thread 0x");
    put_hexadecimal(fd, thread->thread_id, sizeof(unsigned long) * 2);
    put(fd, " (most recent call first):\n");
    if (thread == current && interpreter->collector && interpreter->collector->collecting) put(fd, "  Garbage-collecting\n");
    put_stack(fd, thread, false);
  }
  return nullptr;
}

// Which modules of others were loaded, as they are the first to be suspected.
[[gnu::visibility("default")]] void _Py_DumpExtensionModules(int fd, PyInterpreterState* given) {
  Interpreter* interpreter = internal(given);
  PyObject* modules = interpreter ? interpreter->modules : nullptr;
  if (!modules || !PyDict_Check(modules)) return;
  PyObject* standard = find(interpreter->sysdict, name<"stdlib_module_names">);
  size_t count = 0;
  Py_ssize_t position = 0;
  PyObject *key, *module;
  while (PyDict_Next(modules, &position, &key, &module)) {
    if (!PyUnicode_Check(key) || !PyUnicode_IS_READY(key) || !PyModule_Check(module)) continue;
    PyModuleDef* definition = PyModule_GetDef(module);
    if (!definition || !definition->m_methods) continue;
    if (standard && PyAnySet_Check(standard) && is_standard(standard, key)) continue;
    put(fd, count++ ? ", " : "\nExtension modules: ");
    put_text(fd, key);
  }
  if (!count) return;
  put(fd, " (total: ");
  put_decimal(fd, count);
  put(fd, ")\n");
}

}  // extern "C"
