// One Python interpreter: its heap, its modules and what each floor of the runtime must
// remember. A floor's own state is a structure that only that floor defines; here it is a pointer.
#pragma once

#include <Python.h>

#include <atomic>
#include <cstdint>

namespace gill {

class Heap;             // memory/
struct Collector;       // memory/
class InterpreterLock;  // lock/
struct ThreadState;
struct TypeState;       // objects/type*: subclasses and caches of static types, type version counter
struct DictState;       // objects/dict*: watchers, version counter
struct TextState;       // objects/str*: the table of interned strings
struct CodecState;      // objects/codecs*: search path, caches, error handlers
struct WarningState;    // modules/warnings*
struct ImportState;     // import/
struct VmState;         // vm/: tracing, eval-frame hook, asyncgen hooks
struct BufferExports;   // objects/buffer_exports: who has views of which object
struct AtexitState;     // modules/atexit

// What the evaluation loop looks at between instructions: any bit set means "stop and see".
enum EvalRequest : uint32_t {
  kRequestDropLock = 1,       // another thread waits for the lock
  kRequestSignals = 2,        // a signal handler ran
  kRequestPendingCalls = 4,   // Py_AddPendingCall
  kRequestAsyncException = 8, // PyThreadState_SetAsyncExc
  kRequestCollect = 16,       // the collector wants to run at a safe point
};

// When the heap is exhausted, instances of MemoryError come from here; a place is free again when its instance dies.
struct MemoryErrorReserve {
  static constexpr int kCount = 16;
  PyBaseExceptionObject objects[kCount];
  bool taken[kCount];
};

struct Interpreter {
  Interpreter* next = nullptr;
  int64_t id = 0;
  ThreadState* threads = nullptr;  // all thread states, guarded by the runtime's thread-list mutex
  uint64_t next_thread_id = 0;
  int recursion_limit = 1000;
  size_t thread_stack_size = 0;  // of new threads; 0: the system's default
  long running_threads = 0;      // those that _thread started
  int int_max_str_digits = 4300;  // 0: no limit

  std::atomic<uint32_t> eval_requests = 0;

  Heap* heap = nullptr;
  Collector* collector = nullptr;
  InterpreterLock* lock = nullptr;  // the process's one, as long as extensions expect that

  PyObject* modules = nullptr;        // sys.modules
  PyObject* sysdict = nullptr;        // sys.__dict__
  PyObject* builtins = nullptr;       // builtins.__dict__
  PyObject* builtins_copy = nullptr;  // as it was after start-up
  PyObject* importlib = nullptr;      // importlib._bootstrap
  PyObject* import_function = nullptr;// builtins.__import__ as it was after start-up
  PyObject* dict = nullptr;           // PyInterpreterState_GetDict
  PyObject* modules_by_index = nullptr;

  TypeState* types = nullptr;
  DictState* dicts = nullptr;
  TextState* text = nullptr;
  CodecState* codecs = nullptr;
  WarningState* warnings = nullptr;
  ImportState* imports = nullptr;
  VmState* vm = nullptr;
  AtexitState* atexit = nullptr;
  BufferExports* exports = nullptr;

  MemoryErrorReserve memory_errors = {};

  PyConfig config;
  PyObject* audit_hooks = nullptr;    // list, or null while there are none
  PyObject* before_fork = nullptr;    // lists of functions, or null while there are none
  PyObject* after_fork_in_parent = nullptr;
  PyObject* after_fork_in_child = nullptr;
  std::atomic<int64_t> id_references = 0;  // from InterpreterID objects
  bool lives_by_id = false;           // ends with the last of them
  bool finalizing = false;            // of the main one set with the list's mutex, too: no more native threads come to it
};

// Valid while the calling thread holds the lock.
Interpreter* current_interpreter();

inline PyInterpreterState* published(Interpreter* interpreter) {
  return reinterpret_cast<PyInterpreterState*>(interpreter);
}
inline Interpreter* internal(PyInterpreterState* interpreter) { return reinterpret_cast<Interpreter*>(interpreter); }

}  // namespace gill
