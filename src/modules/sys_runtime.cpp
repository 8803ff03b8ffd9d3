// Functions of `sys` that look into the running interpreter or tune it.
#include <dlfcn.h>

#include <cmath>
#include <cstdio>

#include "base/binding.h"
#include "base/names.h"
#include "import/import_state.h"
#include "modules/sys_module.h"
#include "runtime/runtime.h"

extern "C" {
int _PyEval_SetTrace(PyThreadState*, Py_tracefunc, PyObject*);
unsigned long _PyEval_GetSwitchInterval(void);
Py_ssize_t _Py_GetAllocatedBlocks(void);
int _PyObject_DebugMallocStats(FILE*);
void _PyEval_SetSwitchInterval(unsigned long);
int _PyEval_SetAsyncGenFirstiter(PyObject*);
int _PyEval_SetAsyncGenFinalizer(PyObject*);
PyObject* _PyEval_GetAsyncGenFirstiter(void);
PyObject* _PyEval_GetAsyncGenFinalizer(void);
int _PyEval_SetCoroutineOriginTrackingDepth(int);
int _PyEval_GetCoroutineOriginTrackingDepth(void);
PyObject* _PyThread_CurrentFrames(void);
PyObject* _PyThread_CurrentExceptions(void);
PyObject* _PyErr_StackItemToExcInfoTuple(_PyErr_StackItem* item);
PyObject* _PyEval_CallTracing(PyObject* function, PyObject* args);
void PyFrame_LocalsToFast(PyFrameObject* frame, int clear);
}

namespace gill {
namespace {

// ---- exceptions, exit -----------------------------------------------------------------------------

Ref<> sys_exc_info(PyObject*) { return steal(_PyErr_StackItemToExcInfoTuple(_PyErr_GetTopmostException(current_thread()))); }
Ref<> sys_exception(PyObject*) {
  Ref<> handled = steal(PyErr_GetHandledException());
  return handled ? std::move(handled) : none();
}
Status sys_exit(PyObject*, PyObject* status) {
  PyErr_SetObject(PyExc_SystemExit, status);
  return failure;
}

// ---- limits -----------------------------------------------------------------------------------------

Maybe<int> sys_getrecursionlimit(PyObject*) { return Py_GetRecursionLimit(); }
Status sys_setrecursionlimit(PyObject*, int limit) {
  if (limit < 1) return raise(PyExc_ValueError, "recursion limit must be greater or equal than 1");
  ThreadState* thread = current_thread();
  int depth = thread->recursion_limit - thread->recursion_remaining;
  if (depth >= limit) {
    return raise(PyExc_RecursionError, "cannot set the recursion limit to %i at the recursion depth %i: the limit is too low", limit, depth);
  }
  Py_SetRecursionLimit(limit);
  return Status::ok;
}
Maybe<double> sys_getswitchinterval(PyObject*) { return 1e-6 * static_cast<double>(_PyEval_GetSwitchInterval()); }
Status sys_setswitchinterval(PyObject*, double interval) {
  if (interval <= 0.0) return raise(PyExc_ValueError, "switch interval must be strictly positive");
  // What no number of microseconds can tell is converted as by the machine.
  constexpr double kEnd = 0x1p64;
  const double microseconds = 1e6 * interval;
  _PyEval_SetSwitchInterval(std::isnan(microseconds) ? 1UL << 63 : microseconds >= kEnd ? 0 : static_cast<unsigned long>(microseconds));
  return Status::ok;
}
Maybe<int> sys_get_int_max_str_digits(PyObject*) { return current_interpreter()->int_max_str_digits; }
Status sys_set_int_max_str_digits(PyObject*, int maxdigits) {
  if (maxdigits != 0 && maxdigits < 640) return raise(PyExc_ValueError, "maxdigits must be 0 or larger than %d", 640);
  current_interpreter()->int_max_str_digits = maxdigits;
  return Status::ok;
}
Maybe<int> sys_getdlopenflags(PyObject*) { return current_interpreter()->imports->dlopen_flags; }
Status sys_setdlopenflags(PyObject*, int flags) {
  current_interpreter()->imports->dlopen_flags = flags;
  return Status::ok;
}

// ---- objects ----------------------------------------------------------------------------------------

// The count of an immortal object says nothing: only extensions change it.
Maybe<Py_ssize_t> sys_getrefcount(PyObject*, PyObject* object) { return is_immortal(object) ? kImmortalCount : Py_REFCNT(object); }

PyObject* sys_getsizeof(PyObject*, PyObject* args, PyObject* kwargs) {
  static const char* const names[] = {"object", "default", nullptr};
  PyObject *object, *fallback = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:getsizeof", const_cast<char**>(names), &object, &fallback)) return nullptr;
  size_t size = _PySys_GetSizeOf(object);
  if (size == static_cast<size_t>(-1) && PyErr_Occurred()) {
    if (!fallback || !PyErr_ExceptionMatches(PyExc_TypeError)) return nullptr;
    PyErr_Clear();
    return borrow(fallback).release();
  }
  return PyLong_FromSize_t(size);
}

PyObject* sys_intern(PyObject*, PyObject* string) {
  if (!PyUnicode_Check(string)) return raise(PyExc_TypeError, "intern() argument must be str, not %.50s", Py_TYPE(string)->tp_name);
  if (!PyUnicode_CheckExact(string)) return raise(PyExc_TypeError, "can't intern %.400s", Py_TYPE(string)->tp_name);
  PyObject* result = borrow(string).release();
  PyUnicode_InternInPlace(&result);
  return result;
}

Maybe<Py_ssize_t> sys_getallocatedblocks(PyObject*) { return _Py_GetAllocatedBlocks(); }
Status sys_clear_type_cache(PyObject*) {
  PyType_ClearCache();
  return Status::ok;
}
Status sys_debugmallocstats(PyObject*) {
  (void)_PyObject_DebugMallocStats(stderr);
  return Status::ok;
}
Maybe<int> sys_getquickenedcount(PyObject*) { return 0; }

// ---- frames, tracing ----------------------------------------------------------------------------------

Ref<> sys_getframe(PyObject*, int depth) {
  Ref<> frame = borrow(as_object(PyEval_GetFrame()));
  if (PySys_Audit("sys._getframe", "O", frame ? frame.get() : Py_None) < 0) return failure;
  for (; frame && depth > 0; --depth) {
    frame = steal(as_object(PyFrame_GetBack(reinterpret_cast<PyFrameObject*>(frame.get()))));
  }
  if (!frame) return raise(PyExc_ValueError, "call stack is not deep enough");
  return frame;
}
Ref<> sys_current_frames(PyObject*) { return steal(_PyThread_CurrentFrames()); }
Ref<> sys_current_exceptions(PyObject*) { return steal(_PyThread_CurrentExceptions()); }

constexpr const char* kEvents[] = {"call", "exception", "line", "return", "c_call", "c_exception", "c_return", "opcode"};

Ref<> call_hook(PyObject* hook, PyFrameObject* frame, int event, PyObject* argument) {
  Ref<> event_name = TRY(steal(PyUnicode_InternFromString(kEvents[event])));
  PyObject* stack[] = {as_object(frame), event_name.get(), argument ? argument : Py_None};
  Ref<> result = steal(PyObject_Vectorcall(hook, stack, 3, nullptr));
  // What the hook changed in `f_locals`, had it asked for them.
  PyFrame_LocalsToFast(frame, 1);
  if (!result) PyTraceBack_Here(frame);
  return result;
}

int profile_with_hook(PyObject* hook, PyFrameObject* frame, int event, PyObject* argument) {
  Ref<> result = call_hook(hook, frame, event, argument);
  if (!result) PyEval_SetProfile(nullptr, nullptr);
  return result ? 0 : -1;
}

// What a frame's local trace function returns becomes its next one.
int trace_with_hook(PyObject* hook, PyFrameObject* frame, int event, PyObject* argument) {
  Ref<> local;
  if (event != PyTrace_CALL) {
    local = steal(PyObject_GetAttr(as_object(frame), name<"f_trace">));
    if (!local) return -1;
    if (local.get() == Py_None) return 0;
    hook = local.get();
  }
  Ref<> result = call_hook(hook, frame, event, argument);
  if (!result) {
    PyEval_SetTrace(nullptr, nullptr);
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject_SetAttr(as_object(frame), name<"f_trace">, Py_None);
    PyErr_Restore(type, value, traceback);
    return -1;
  }
  if (result.get() != Py_None) return PyObject_SetAttr(as_object(frame), name<"f_trace">, result.get());
  return 0;
}

PyObject* sys_settrace(PyObject*, PyObject* function) {
  bool off = function == Py_None;
  return _PyEval_SetTrace(current_thread(), off ? nullptr : trace_with_hook, off ? nullptr : function) < 0 ? nullptr : none().release();
}
PyObject* sys_setprofile(PyObject*, PyObject* function) {
  bool off = function == Py_None;
  return _PyEval_SetProfile(current_thread(), off ? nullptr : profile_with_hook, off ? nullptr : function) < 0 ? nullptr : none().release();
}
Ref<> sys_gettrace(PyObject*) {
  PyObject* hook = current_thread()->c_traceobj;
  return hook ? borrow(hook) : none();
}
Ref<> sys_getprofile(PyObject*) {
  PyObject* hook = current_thread()->c_profileobj;
  return hook ? borrow(hook) : none();
}
Ref<> sys_call_tracing(PyObject*, PyObject* func, PyTupleObject* args) { return steal(_PyEval_CallTracing(func, as_object(args))); }

// ---- coroutines -----------------------------------------------------------------------------------------

Status sys_set_coroutine_origin_tracking_depth(PyObject*, int depth) { return status_of(_PyEval_SetCoroutineOriginTrackingDepth(depth)); }
Maybe<int> sys_get_coroutine_origin_tracking_depth(PyObject*) { return _PyEval_GetCoroutineOriginTrackingDepth(); }

PyObject* sys_set_asyncgen_hooks(PyObject*, PyObject* args, PyObject* kwargs) {
  static const char* const names[] = {"firstiter", "finalizer", nullptr};
  PyObject *first = nullptr, *finalizer = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO", const_cast<char**>(names), &first, &finalizer)) return nullptr;
  if (finalizer && finalizer != Py_None && !PyCallable_Check(finalizer)) {
    return raise(PyExc_TypeError, "callable finalizer expected, got %.50s", Py_TYPE(finalizer)->tp_name);
  }
  if (first && first != Py_None && !PyCallable_Check(first)) {
    return raise(PyExc_TypeError, "callable firstiter expected, got %.50s", Py_TYPE(first)->tp_name);
  }
  if (finalizer && _PyEval_SetAsyncGenFinalizer(finalizer == Py_None ? nullptr : finalizer) < 0) return nullptr;
  if (first && _PyEval_SetAsyncGenFirstiter(first == Py_None ? nullptr : first) < 0) return nullptr;
  return none().release();
}

const PyStructSequence_Field kHookFields[] = {{"firstiter", "Called with each asynchronous generator before its first step."},
                                              {"finalizer", "Called with each asynchronous generator that is about to be collected."},
                                              {nullptr, nullptr}};
PyTypeObject g_asyncgen_hooks_type = {.ob_base = GILL_STATIC_TYPE_HEAD};  // static, as types without a module must be

Ref<> sys_get_asyncgen_hooks(PyObject*) {
  PyTypeObject* type = &g_asyncgen_hooks_type;
  if (!PyType_HasFeature(type, Py_TPFLAGS_READY)) {
    PyStructSequence_Desc description = {"asyncgen_hooks", "What sys.set_asyncgen_hooks() has set.", table(kHookFields), 2};
    TRY(status_of(PyStructSequence_InitType2(type, &description)));
  }
  Ref<> result = TRY(steal(PyStructSequence_New(type)));
  PyObject* first = _PyEval_GetAsyncGenFirstiter();
  PyObject* finalizer = _PyEval_GetAsyncGenFinalizer();
  PyStructSequence_SetItem(result.get(), 0, borrow(first ? first : Py_None).release());
  PyStructSequence_SetItem(result.get(), 1, borrow(finalizer ? finalizer : Py_None).release());
  return result;
}

// ---- encodings, state -----------------------------------------------------------------------------------

Ref<> sys_getdefaultencoding(PyObject*) { return steal(PyUnicode_FromString(PyUnicode_GetDefaultEncoding())); }
Ref<> sys_getfilesystemencoding(PyObject*) {
  const wchar_t* encoding = _Py_GetConfig()->filesystem_encoding;
  return steal(PyUnicode_FromWideChar(encoding ? encoding : L"utf-8", -1));
}
Ref<> sys_getfilesystemencodeerrors(PyObject*) {
  const wchar_t* errors = _Py_GetConfig()->filesystem_errors;
  return steal(PyUnicode_FromWideChar(errors ? errors : L"surrogateescape", -1));
}
Maybe<bool> sys_is_finalizing(PyObject*) { return g_runtime.finalizing.load() != nullptr; }

const PyMethodDef kMethods[] = {
    METHOD("_clear_type_cache($module, /)", sys_clear_type_cache, "Clear the internal type lookup cache."),
    METHOD("_current_exceptions($module, /)", sys_current_exceptions, "Return a dict mapping each thread's identifier to its current raised exception."),
    METHOD("_current_frames($module, /)", sys_current_frames, "Return a dict mapping each thread's thread id to its current stack frame."),
    METHOD("_debugmallocstats($module, /)", sys_debugmallocstats, "Print debug info to stderr about the state of the memory allocator."),
    METHOD("_getframe($module, depth=0, /)", sys_getframe, "Return a frame object from the call stack."),
    METHOD("_getquickenedcount($module, /)", sys_getquickenedcount, "Number of code objects that are specialized for the data they saw."),
    METHOD("call_tracing($module, func, args, /)", sys_call_tracing, "Call func(*args), while tracing is enabled."),
    METHOD("exc_info($module, /)", sys_exc_info, "Return the type, value and traceback of the exception that is being handled."),
    METHOD("exception($module, /)", sys_exception, "Return the exception that is being handled, or None."),
    METHOD("exit($module, status=None, /)", sys_exit, "Exit the interpreter by raising SystemExit(status)."),
    METHOD("get_asyncgen_hooks($module, /)", sys_get_asyncgen_hooks, "Return the installed asynchronous generators hooks."),
    METHOD("get_coroutine_origin_tracking_depth($module, /)", sys_get_coroutine_origin_tracking_depth,
           "Check status of origin tracking for coroutine objects in this thread."),
    METHOD("get_int_max_str_digits($module, /)", sys_get_int_max_str_digits, "Return the maximum string digits limit for non-binary int<->str conversions."),
    METHOD("getallocatedblocks($module, /)", sys_getallocatedblocks, "Return the number of memory blocks currently allocated."),
    METHOD("getdefaultencoding($module, /)", sys_getdefaultencoding, "Return the current default encoding used by the Unicode implementation."),
    METHOD("getdlopenflags($module, /)", sys_getdlopenflags, "Return the current value of the flags that are used for dlopen calls."),
    METHOD("getfilesystemencodeerrors($module, /)", sys_getfilesystemencodeerrors, "Return the error mode used for Unicode to filename conversion."),
    METHOD("getfilesystemencoding($module, /)", sys_getfilesystemencoding, "Return the encoding used to convert Unicode filenames to OS filenames."),
    METHOD("getprofile($module, /)", sys_getprofile, "Return the profiling function set with sys.setprofile."),
    METHOD("getrecursionlimit($module, /)", sys_getrecursionlimit, "Return the current value of the recursion limit."),
    METHOD("getrefcount($module, object, /)", sys_getrefcount, "Return the reference count of object."),
    {"getsizeof", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&sys_getsizeof)), METH_VARARGS | METH_KEYWORDS,
     "getsizeof(object [, default]) -> int\n\nReturn the size of object in bytes."},
    METHOD("getswitchinterval($module, /)", sys_getswitchinterval, "Return the current thread switch interval."),
    METHOD("gettrace($module, /)", sys_gettrace, "Return the global debug tracing function set with sys.settrace."),
    {"intern", sys_intern, METH_O, "intern($module, string, /)\n--\n\n``Intern'' the given string: enter it into the table of interned strings."},
    METHOD("is_finalizing($module, /)", sys_is_finalizing, "Return True if Python is exiting."),
    {"set_asyncgen_hooks", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&sys_set_asyncgen_hooks)), METH_VARARGS | METH_KEYWORDS,
     "set_asyncgen_hooks(* [, firstiter] [, finalizer])\n\nSet a finalizer for async generators objects."},
    METHOD("set_coroutine_origin_tracking_depth($module, /, depth)", sys_set_coroutine_origin_tracking_depth,
           "Enable or disable origin tracking for coroutine objects in this thread."),
    METHOD("set_int_max_str_digits($module, /, maxdigits)", sys_set_int_max_str_digits,
           "Set the maximum string digits limit for non-binary int<->str conversions."),
    METHOD("setdlopenflags($module, flags, /)", sys_setdlopenflags, "Set the flags used by the interpreter for dlopen calls."),
    {"setprofile", sys_setprofile, METH_O, "setprofile(function)\n\nSet the profiling function."},
    METHOD("setrecursionlimit($module, limit, /)", sys_setrecursionlimit, "Set the maximum depth of the Python interpreter stack to n."),
    METHOD("setswitchinterval($module, interval, /)", sys_setswitchinterval, "Set the ideal thread switching delay inside the Python interpreter."),
    {"settrace", sys_settrace, METH_O, "settrace(function)\n\nSet the global debug tracing function."},
    kEndOfMethods,
};

}  // namespace

PyMethodDef* sys_runtime_methods() { return table(kMethods); }

}  // namespace gill
