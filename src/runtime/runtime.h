// The process: what all interpreters share. The one mutable global of the runtime is `g_runtime`.
#pragma once

#include <Python.h>
#include <pthread.h>

#include <atomic>
#include <bitset>
#include <cstdint>

#include "runtime/interpreter.h"
#include "runtime/signals.h"
#include "runtime/thread_state.h"

namespace gill {

inline constexpr int kPendingCalls = 32;

// Calls that any thread, or a signal handler, asks the main thread to make between instructions.
struct PendingCalls {
  struct Call {
    int (*function)(void*) = nullptr;
    void* argument = nullptr;
  };
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  Call calls[kPendingCalls] = {};
  int first = 0;
  int count = 0;
  bool busy = false;  // being made: a call that asks for pending calls gets none
};

// A hook that an embedding program added with PySys_AddAuditHook; it lives as long as the process runs Python.
struct NativeAuditHook {
  Py_AuditHookFunction function;
  void* data;
  NativeAuditHook* next;
};

inline constexpr int kExitFunctions = 32;

// What Py_SetProgramName, Py_SetPath and their like said before start-up, in raw memory; null where nothing was said.
struct GivenPaths {
  wchar_t* program_name = nullptr;
  wchar_t* program_full_path = nullptr;
  wchar_t* home = nullptr;
  wchar_t* module_search_path = nullptr;
};

struct Faulthandler;
struct Tracemalloc;
struct ExitReport;
struct CrossInterpreterClass;
struct LockUser;

struct Runtime {
  // What every interpreter's `lock` points to. Left to the threads that wait for it when shutdown cannot end them.
  InterpreterLock* lock = nullptr;
  // The main interpreter's. It outlives that, because what static types hold lives there, and inherits from the others' heaps.
  Heap* main_heap = nullptr;

  // Guards the lists of interpreters and thread states. Never held while Python code may run.
  pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
  Interpreter* interpreters = nullptr;
  Interpreter* main_interpreter = nullptr;  // its end is guarded by the mutex of pending calls, too
  int64_t next_interpreter_id = 0;
  bool ends_with_process = false;  // nothing of the process runs after the runtime's end
  unsigned long main_thread = 0;

  // The thread state that PyGILState_* uses for this thread.
  Py_tss_t gilstate_key = Py_tss_NEEDS_INIT;

  PendingCalls pending;
  Signals signals;
  Faulthandler* faulthandler = nullptr;  // modules/faulthandler: for its signal handlers
  // modules/tracemalloc, whose tables have a mutex of their own: nothing else is locked with it held.
  std::atomic<Tracemalloc*> tracemalloc = nullptr;
  pthread_mutex_t tracemalloc_mutex = PTHREAD_MUTEX_INITIALIZER;
  ExitReport* exit_report = nullptr;  // modules/gill/exit_report: for its signal handlers
  CrossInterpreterClass* cross_interpreter_classes = nullptr;  // capi/cross_interpreter, guarded by list_mutex

  // Of types and of dicts' keys; 0: used up. They are not the interpreters', because these share static types and the modules of
  // extensions. Guarded by the lock.
  unsigned next_type_version = 1;
  unsigned next_keys_version = 1;

  // Each PyModuleDef gets a number of its own: its place in Interpreter::modules_by_index.
  std::atomic<Py_ssize_t> last_module_index = 0;
  // Each _Py_Identifier too: its place in an interpreter's strings of identifiers (objects/str_intern). Guarded by the lock.
  Py_ssize_t next_identifier = 0;

  // Which of kLibraryCode (import/frozen_objects.h) somebody has. Guarded by the lock.
  std::bitset<64> given_library_code;

  // ---- the process as a whole, as capi/ configures it ----
  PyPreConfig preconfig = {};
  bool preinitializing = false;
  bool preinitialized = false;
  int int_max_str_digits = -1;  // -X int_max_str_digits; -1: not said
  // How bytes of the operating system become text: UTF-8 (the locale's, or by UTF-8 mode), ASCII, or what
  // the locale says. Before pre-initialization it is UTF-8.
  enum class TextCoding : uint8_t { utf8, ascii, locale } text_coding = TextCoding::utf8;
  PyWideStringList original_arguments = {};
  GivenPaths given_paths;
  wchar_t* shown_module_search_path = nullptr;  // what Py_GetPath returns
  char* given_stdio_encoding = nullptr;         // Py_SetStandardStreamEncoding
  char* given_stdio_errors = nullptr;
  NativeAuditHook* audit_hooks = nullptr;
  Py_OpenCodeHookFunction open_code_hook = nullptr;
  void* open_code_hook_data = nullptr;
  void (*exit_functions[kExitFunctions])() = {};
  int exit_function_count = 0;

  pthread_mutex_t readline_mutex = PTHREAD_MUTEX_INITIALIZER;  // one thread reads from the terminal
  bool dying = false;  // a fatal error is being reported

  std::atomic<bool> core_initialized = false;
  std::atomic<bool> initialized = false;
  // The thread that shuts the runtime down; every other one that wants the lock stays outside.
  std::atomic<ThreadState*> finalizing = nullptr;
};

extern constinit Runtime g_runtime;

// ---- life cycle ---------------------------------------------------------------------------------

Interpreter* new_interpreter();
// Needs the lock, which does not look at the interpreter afterwards.
void delete_interpreter(Interpreter* interpreter);
// With the list's mutex held, when the main interpreter ends.
void forget_main_interpreter();
ThreadState* new_thread_state(Interpreter* interpreter);

// Ties the thread state to this thread for PyGILState_*.
void bind_thread_state(ThreadState* thread);

// Says which thread state, and so which heap, this thread works with; null while it holds no lock.
void make_current(ThreadState* thread);

// Takes the interpreter's lock for the thread state. Does not return when the runtime is finalizing and
// this thread is not the one that does it: the thread hangs.
void attach_thread(ThreadState* thread, bool after_blocking);
// For ever: to end the thread would tear it down in the middle of native code, which may hold locks and know nothing of that.
[[noreturn]] void hang_thread();
// Lets the lock go and hangs when another thread finalizes the runtime.
void hang_if_finalizing(ThreadState* thread);
// Lets the lock go. The thread state is no longer current.
void detach_thread(ThreadState* thread);

// This thread at its interpreter's lock, when it works with the thread state.
LockUser lock_user(ThreadState* thread);

inline bool is_main_thread() { return PyThread_get_thread_ident() == g_runtime.main_thread; }

// Answers the bits of Interpreter::eval_requests. The evaluation loop calls it between instructions when
// any is set. -1 with an exception, or 0.
int handle_eval_requests(ThreadState* thread);

// Collects when the collector has asked for it. Like the above it is called where any code may run.
void collect_if_requested(Interpreter* interpreter);

inline void request(Interpreter* interpreter, EvalRequest bit) {
  interpreter->eval_requests.fetch_or(bit, std::memory_order_release);
}

// Sets the secret of hashing: from a seed (0: no secret), or random. False when the system has no random bytes.
bool initialize_hash_secret(bool use_seed, unsigned long seed);

// Runs the handlers of the signals that came; provided by the signal module.
extern "C" int gill_run_signal_handlers(ThreadState* thread);

// The fatal error of a function that was called without thread state.
extern "C" [[noreturn]] void _Py_FatalError_TstateNULL(const char* function);

}  // namespace gill
