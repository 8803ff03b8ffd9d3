// Start-up and shutdown of the runtime.
//
// Start-up raises the floors in the order of start_interpreter(); shutdown lowers them in reverse. Each step
// relies on those before it and on nothing after it.
#include "capi/lifecycle.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <string_view>

#include "base/math_library.h"
#include "base/names.h"
#include "capi/config.h"
#include "import/import_state.h"
#include "lock/interpreter_lock.h"
#include "memory/collector.h"
#include "modules/builtins.h"
#include "modules/faulthandler_module.h"
#include "modules/gc_module.h"
#include "modules/gill/exit_report.h"
#include "modules/gill/lock_check.h"
#include "modules/gill/observe.h"
#include "modules/gill/stall_watch.h"
#include "modules/sys_module.h"
#include "modules/tracemalloc/module.h"
#include "modules/warnings.h"
#include "objects/buffer_exports.h"
#include "objects/codec_state.h"
#include "objects/dict_table.h"
#include "objects/str.h"
#include "objects/type_state.h"
#include "runtime/published_runtime.h"
#include "runtime/runtime.h"
#include "vm/interpreter.h"

extern "C" {
PyObject* _PyNamespace_New(PyObject* fields);
void gill_run_atexit(gill::Interpreter* interpreter) __attribute__((weak));
}

namespace gill {
namespace {

#define CHECK(...)                                                   \
  do {                                                               \
    if (PyStatus s = (__VA_ARGS__); PyStatus_Exception(s)) return s; \
  } while (0)

// A failed step ends start-up with a message, which is followed by the exception that is set.
PyStatus step(Status status, const char* function, const char* message) { return status == Status::ok ? PyStatus_Ok() : error_in(function, message); }

// Before the types are ready no exception can be shown: memory is what was missing then.
PyStatus first_step(Interpreter* interpreter) {
  if (initialize_types(interpreter) == Status::ok) return PyStatus_Ok();
  PyErr_Clear();
  return PyStatus_Error("can't initialize types");
}

Status create_core_modules(Interpreter* interpreter) {
  interpreter->modules = TRY(steal(PyDict_New())).release();
  Ref<> builtins = TRY(create_builtins());
  interpreter->builtins = borrow(PyModule_GetDict(builtins.get())).release();
  Ref<> sys = TRY(create_sys(interpreter));
  TRY(status_of(PyDict_SetItemString(interpreter->modules, "sys", sys.get())));
  TRY(status_of(PyDict_SetItemString(interpreter->modules, "builtins", builtins.get())));
  interpreter->builtins_copy = TRY(steal(PyDict_Copy(interpreter->builtins))).release();
  return update_sys_from_config(interpreter->sysdict, &interpreter->config);
}

// Errors of start-up are to be seen before there is an io module.
Status create_early_stderr() {
  Ref<> printer = TRY(steal(PyFile_NewStdPrinter(STDERR_FILENO)));
  TRY(status_of(PySys_SetObject("stderr", printer.get())));
  return status_of(PySys_SetObject("__stderr__", printer.get()));
}

Status create_main_module(Interpreter* interpreter) {
  PyObject* main = PyImport_AddModule("__main__");
  if (!main) return failure;
  PyObject* dict = PyModule_GetDict(main);
  Ref<> annotations = TRY(steal(PyDict_New()));
  TRY(status_of(PyDict_SetItem(dict, name<"__annotations__">, annotations.get())));
  Ref<> builtins = TRY(steal(PyImport_ImportModule("builtins")));
  TRY(status_of(PyDict_SetItem(dict, name<"__builtins__">, builtins.get())));
  Ref<> loader = TRY(steal(PyObject_GetAttrString(interpreter->importlib, "BuiltinImporter")));
  return status_of(PyDict_SetItem(dict, name<"__loader__">, loader.get()));
}

Status add_open(Interpreter* interpreter) {
  Ref<> open = TRY(steal(_PyImport_GetModuleAttrString("io", "open")));
  return status_of(PyDict_SetItemString(interpreter->builtins, "open", open.get()));
}

// Options are to be understood by the Python part of the module.
void import_warnings(const PyConfig* config) {
  if (config->warnoptions.length == 0) return;
  Ref<> warnings = steal(PyImport_ImportModule("warnings"));
  if (warnings) return;
  std::fprintf(stderr, "'import warnings' failed; traceback:\n");
  PyErr_Print();
}

Status import_site() {
  Ref<> site = TRY(steal(PyImport_ImportModule("site")));
  return Status::ok;
}

// The codecs know the encodings by names of their own; those are what sys shows.
Status name_codec(wchar_t** field) {
  Ref<> given = TRY(steal(PyUnicode_FromWideChar(*field, -1)));
  const char* text = TRY(PyUnicode_AsUTF8(given.get()));
  Ref<> codec = TRY(steal(_PyCodec_Lookup(text)));
  Ref<> own = TRY(steal(PyObject_GetAttr(codec.get(), name<"name">)));
  wchar_t* copy = TRY(PyUnicode_AsWideCharString(own.get(), nullptr));
  PyMem_RawFree(*field);
  *field = duplicate(copy);
  PyMem_Free(copy);
  return Status::ok;
}

PyStatus name_encodings(Interpreter* interpreter) {
  PyConfig* config = &interpreter->config;
  Ref<> encodings = steal(PyImport_ImportModule("encodings"));
  if (!encodings || name_codec(&config->filesystem_encoding) == Status::error) {
    dump_path_configuration(config);
    return error_in("init_fs_encoding", "failed to get the Python codec of the filesystem encoding");
  }
  return interpreter == g_runtime.main_interpreter ? publish_file_system_encoding(config) : PyStatus_Ok();
}

PyStatus name_stdio_encoding(PyConfig* config) {
  if (name_codec(&config->stdio_encoding) == Status::ok) return PyStatus_Ok();
  return error_in("init_stdio_encoding", "failed to get the Python codec name of the stdio encoding");
}

// What needs importers that read files: a program that wants to run code before that calls it by itself.
PyStatus start_main(Interpreter* interpreter) {
  const PyConfig* config = &interpreter->config;
  CHECK(step(bootstrap_external_importers(interpreter), "init_importlib_external", "external importer setup failed"));
  // Before sys.stderr is made: it reports to the descriptor, whatever that is.
  if (config->faulthandler && interpreter == g_runtime.main_interpreter) {
    CHECK(step(enable_faulthandler(), "init_interp_main", "can't enable faulthandler"));
  }
  CHECK(name_encodings(interpreter));
  if (config->install_signal_handlers && interpreter == g_runtime.main_interpreter) {
    ignore_broken_pipes();
    Ref<> signals = steal(PyImport_ImportModule("_signal"));
    CHECK(step(signals ? Status::ok : Status::error, "init_interp_main", "can't import signal"));
  }
  if (interpreter == g_runtime.main_interpreter) warn_of_legacy_locale();
  if (interpreter == g_runtime.main_interpreter) CHECK(step(start_tracemalloc(config->tracemalloc), "init_interp_main", "can't initialize tracemalloc"));
  CHECK(name_stdio_encoding(&interpreter->config));
  // A redirection can name a directory by mistake.
  if (stdin_is_directory()) return {PyStatus::_PyStatus_TYPE_ERROR, "init_sys_streams", "<stdin> is a directory, cannot continue", 0};
  CHECK(step(create_standard_streams(config), "init_sys_streams", "can't initialize sys standard streams"));
  CHECK(step(add_open(interpreter), "init_set_builtins_open", "can't initialize open"));
  CHECK(step(create_main_module(interpreter), "add_main_module", "Failed to initialize __main__"));
  import_warnings(config);
  g_runtime.initialized = true;
  if (config->site_import) CHECK(step(import_site(), "init_import_site", "Failed to import the site module"));
  if (interpreter == g_runtime.main_interpreter) {
    CHECK(step(set_sampling(config), "set_sampling", "can't set the sampler of allocations"));
    CHECK(step(prepare_exit_report(config), "prepare_exit_report", "can't prepare the report"));
    CHECK(step(start_stall_watch(config), "start_stall_watch", "can't watch the lock"));
    CHECK(step(start_lock_check(config), "start_lock_check", "can't check calls"));
  }
  return PyStatus_Ok();
}

// The floors above the heap, for the interpreter whose lock this thread holds.
PyStatus start_interpreter(Interpreter* interpreter) {
  const PyConfig* config = &interpreter->config;
  const wchar_t* collection = find_xoption(config->xoptions, L"gc");
  interpreter->collector->incremental = !collection || std::wcscmp(collection, L"gc=full") != 0;
  CHECK(first_step(interpreter));
  observe(interpreter);
  CHECK(step(create_import_state(interpreter), "init_interp_create", "can't initialize imports"));
  CHECK(step(create_core_modules(interpreter), "init_interp_create", "can't create builtins and sys"));
  CHECK(step(create_early_stderr(), "init_interp_create", "can't set preliminary stderr"));
  g_runtime.core_initialized = true;
  if (!config->_install_importlib) return PyStatus_Ok();
  CHECK(step(bootstrap_importlib(interpreter), "init_importlib", "failed to initialize importlib"));
  return config->_init_main ? start_main(interpreter) : PyStatus_Ok();
}

// ---- shutdown ---------------------------------------------------------------------------------------

void finish_interpreter(Interpreter* interpreter) {
  finish_modules(interpreter);
  clear_field(interpreter->import_function);
  clear_field(interpreter->dict);
  clear_field(interpreter->audit_hooks);
  clear_field(interpreter->before_fork);
  clear_field(interpreter->after_fork_in_parent);
  clear_field(interpreter->after_fork_in_child);
  clear_field(interpreter->modules_by_index);
  clear_field(interpreter->sysdict);
  clear_field(interpreter->builtins);
  clear_field(interpreter->builtins_copy);
  clear_field(interpreter->modules);
  finish_imports(interpreter);
  finish_codecs(interpreter);
  finish_warnings(interpreter);
  vm::forget_known_callables(interpreter);
  collect(interpreter->collector, kGenerations - 1);
  finish_gc(interpreter);
}

// What the floors remember for the interpreter, once nothing will be asked of an object any more.
void finish_floors(Interpreter* interpreter) {
  finish_types(interpreter);
  finish_text(interpreter);
  finish_exports(interpreter);
  finish_dicts(interpreter);
  vm::finish_evaluation(interpreter);
}

// Those of Py_AtExit().
void call_exit_functions() {
  while (g_runtime.exit_function_count > 0) g_runtime.exit_functions[--g_runtime.exit_function_count]();
  std::fflush(stdout);
  std::fflush(stderr);
}

// The end of an interpreter and its last thread state, whose lock this thread holds and lets go.
void discard_interpreter(ThreadState* thread) {
  Interpreter* interpreter = thread->interpreter();
  InterpreterLock* lock = interpreter->lock;
  finish_floors(interpreter);
  make_current(nullptr);
  lock->move_holder(nullptr);
  PyThreadState_Delete(thread);
  PyConfig_Clear(&interpreter->config);
  delete_interpreter(interpreter);
  lock->release();
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyStatus Py_InitializeFromConfig(const PyConfig* given) {
  if (g_runtime.initialized) return PyStatus_Ok();
  PyConfig config = {};
  CHECK(copy_config(&config, given));
  CHECK(PyConfig_Read(&config));
  publish_flags(&config);
  if (_PyWideStringList_Copy(&g_runtime.original_arguments, &config.orig_argv) < 0) return PyStatus_NoMemory();
  if (config.configure_c_stdio) configure_c_streams(&config);
  g_runtime.main_thread = PyThread_get_thread_ident();
  g_runtime.finalizing = nullptr;
  // Names and other objects that outlive interpreters keep their hashes: the first start has chosen the secret.
  const bool is_first = !g_runtime.main_heap;
  if (is_first && !initialize_hash_secret(config.use_hash_seed, config.hash_seed)) {
    return PyStatus_Error("failed to get random numbers to initialize Python");
  }
  load_math_library_if_limited();
  Interpreter* interpreter = new_interpreter();
  if (!interpreter) return PyStatus_Error("can't make main interpreter");
  interpreter->config = config;
  if (g_runtime.int_max_str_digits >= 0) interpreter->int_max_str_digits = g_runtime.int_max_str_digits;
  ThreadState* thread = new_thread_state(interpreter);
  if (!thread) return PyStatus_Error("can't make first thread");
  bind_thread_state(thread);
  attach_thread(thread, false);
  return start_interpreter(interpreter);
}

PyStatus PyConfig_Read(PyConfig* config) {
  CHECK(read_command_line(config));
  CHECK(compute_paths(config));
  return read_encodings(config);
}

PyStatus _Py_InitializeMain(void) {
  ThreadState* thread = current_thread();
  if (!thread || !g_runtime.core_initialized) return PyStatus_Error("runtime core not initialized");
  if (g_runtime.initialized) return PyStatus_Error("main interpreter already initialized");
  return start_main(thread->interpreter());
}

void Py_InitializeEx(int install_signal_handlers) {
  if (g_runtime.initialized) return;
  PyConfig config;
  _PyConfig_InitCompatConfig(&config);
  config.install_signal_handlers = install_signal_handlers;
  PyStatus status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status)) Py_ExitStatusException(status);
}
void Py_Initialize(void) { Py_InitializeEx(1); }
// The runtime's state needs no set-up of its own.
[[gnu::visibility("default")]] PyStatus _PyRuntime_Initialize(void) { return PyStatus_Ok(); }
[[gnu::visibility("default")]] void _PyRuntime_Finalize(void) {}
[[gnu::visibility("default")]] PyStatus _PyRuntimeState_Init(PublishedRuntime* runtime) {
  return runtime == &_PyRuntime ? PyStatus_Ok() : PyStatus_Error("there is one runtime state");
}
[[gnu::visibility("default")]] void _PyRuntimeState_Fini(PublishedRuntime*) {}
[[gnu::visibility("default")]] PyStatus _PyInterpreterState_Enable(PublishedRuntime* runtime) { return _PyRuntimeState_Init(runtime); }

int Py_IsInitialized(void) { return g_runtime.initialized; }
int _Py_IsCoreInitialized(void) { return g_runtime.core_initialized; }
int _Py_IsFinalizing(void) { return g_runtime.finalizing.load() != nullptr; }

int Py_FinalizeEx(void) {
  if (!g_runtime.initialized) return 0;
  ThreadState* thread = current_thread();
  Interpreter* interpreter = thread->interpreter();
  wait_for_threads();
  Py_MakePendingCalls();
  if (gill_run_atexit) gill_run_atexit(interpreter);
  int result = flush_standard_streams();
  write_exit_report();
  finish_lock_check();
  // From here on no other thread gets the lock.
  g_runtime.finalizing = thread;
  pthread_mutex_lock(&g_runtime.list_mutex);
  interpreter->finalizing = true;
  pthread_mutex_unlock(&g_runtime.list_mutex);
  g_runtime.initialized = false;
  g_runtime.core_initialized = false;
  finish_signals();
  if (g_runtime.ends_with_process && end_is_unseen(thread)) {
    finish_faulthandler();
    call_exit_functions();
    return result;
  }
  // Finalizers are better called while the modules still stand.
  PyGC_Collect();
  finish_modules(interpreter);
  if (flush_standard_streams() < 0) result = -1;
  finish_tracemalloc();
  finish_faulthandler();
  finish_interpreter(interpreter);
  PyThreadState_Clear(thread);
  call_exit_functions();
  if (thread->prev || thread->next || g_runtime.interpreters->next) {
    // Daemon threads still want the lock, or may. They never get it, and what they would look at meanwhile stays.
    make_current(nullptr);
    pthread_mutex_lock(&g_runtime.list_mutex);
    forget_main_interpreter();
    pthread_mutex_unlock(&g_runtime.list_mutex);
    g_runtime.lock = nullptr;
    return result;
  }
  discard_interpreter(thread);
  g_runtime.finalizing = nullptr;
  return result;
}
void Py_Finalize(void) { Py_FinalizeEx(); }

int Py_AtExit(void (*function)(void)) {
  if (g_runtime.exit_function_count >= kExitFunctions) return -1;
  g_runtime.exit_functions[g_runtime.exit_function_count++] = function;
  return 0;
}

void Py_Exit(int status) {
  note_exit_code(status);
  if (Py_FinalizeEx() < 0) status = 120;
  std::exit(status);
}

void Py_ExitStatusException(PyStatus status) {
  if (PyStatus_IsExit(status)) std::exit(status.exitcode);
  if (PyStatus_IsError(status)) fatal_error(status.func, status.err_msg, 1);
  Py_FatalError("Py_ExitStatusException() must not be called on success");
}

PyThreadState* _Py_NewInterpreter(int) { return Py_NewInterpreter(); }
PyThreadState* Py_NewInterpreter(void) {
  ThreadState* old = current_thread();
  if (old && PySys_Audit("cpython.PyInterpreterState_New", nullptr) < 0) return nullptr;
  Interpreter* interpreter = new_interpreter();
  if (!interpreter) return nullptr;
  Interpreter* model = old ? old->interpreter() : g_runtime.main_interpreter;
  PyStatus status = copy_config(&interpreter->config, &model->config);
  ThreadState* thread = PyStatus_Exception(status) ? nullptr : new_thread_state(interpreter);
  if (!thread) return nullptr;
  PyThreadState_Swap(thread);
  status = start_interpreter(interpreter);
  if (!PyStatus_Exception(status)) return thread;
  Py_EndInterpreter(thread);
  if (old) PyEval_RestoreThread(old);
  return nullptr;
}
void Py_EndInterpreter(PyThreadState* state) {
  auto* thread = static_cast<ThreadState*>(state);
  Interpreter* interpreter = thread->interpreter();
  if (thread != current_thread()) Py_FatalError("thread is not current");
  if (thread->cframe->current_frame) Py_FatalError("thread still has a frame");
  interpreter->finalizing = true;
  wait_for_threads();
  if (gill_run_atexit) gill_run_atexit(interpreter);
  if (thread != interpreter->threads || thread->next) Py_FatalError("not the last thread");
  finish_interpreter(interpreter);
  PyThreadState_Clear(thread);
  discard_interpreter(thread);
}


// ---- interpreters by hand: without modules, for programs that fill them themselves ------------------------------

PyInterpreterState* PyInterpreterState_New(void) {
  ThreadState* thread = current_thread();
  if (thread && PySys_Audit("cpython.PyInterpreterState_New", nullptr) < 0) return nullptr;
  Interpreter* interpreter = new_interpreter();
  if (!interpreter) return nullptr;
  const PyConfig* model = thread ? &thread->interpreter()->config : g_runtime.main_interpreter ? &g_runtime.main_interpreter->config : nullptr;
  if (model && PyStatus_Exception(copy_config(&interpreter->config, model))) {
    delete_interpreter(interpreter);
    return nullptr;
  }
  return published(interpreter);
}

void PyInterpreterState_Clear(PyInterpreterState* given) {
  Interpreter* interpreter = internal(given);
  ThreadState* thread = current_thread();
  if (thread && PySys_Audit("cpython.PyInterpreterState_Clear", nullptr) < 0) PyErr_Clear();
  for (PyThreadState* each = interpreter->threads; each; each = each->next) PyThreadState_Clear(each);
  for (PyObject** field : {&interpreter->modules, &interpreter->sysdict, &interpreter->builtins, &interpreter->builtins_copy, &interpreter->importlib,
                           &interpreter->import_function, &interpreter->dict, &interpreter->modules_by_index, &interpreter->audit_hooks,
                           &interpreter->before_fork, &interpreter->after_fork_in_parent, &interpreter->after_fork_in_child}) {
    clear_field(*field);
  }
}

// May be called without the lock.
void PyInterpreterState_Delete(PyInterpreterState* given) {
  Interpreter* interpreter = internal(given);
  InterpreterLock* lock = interpreter->lock;
  bool locked = current_thread() != nullptr;
  if (!locked) {
    lock->acquire({PyThread_get_thread_ident(), &interpreter->eval_requests}, Arrival::computing);
    lock->move_holder(nullptr);
  }
  while (interpreter->threads) PyThreadState_Delete(interpreter->threads);
  PyConfig_Clear(&interpreter->config);
  delete_interpreter(interpreter);
  if (!locked) lock->release();
}

}  // extern "C"
