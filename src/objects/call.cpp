// Calling objects.
//
// A callable offers one or both of two conventions: "vectorcall" (arguments in a C array, names of keyword arguments in a
// tuple) and tp_call (a tuple and a dict). PyObject_Vectorcall is the centre: everything that has its arguments on the
// C stack goes through it, and it packs a tuple only for callables that know nothing better.
#include <algorithm>
#include <cstdarg>

#include "base/arguments.h"
#include "objects/object.h"
#include "objects/type.h"
#include "runtime/thread_state.h"

namespace gill {

namespace {

// A scratch array of arguments: on the C stack while it is short.
class ArgumentArray {
 public:
  explicit ArgumentArray(Py_ssize_t size) {
    items_ = size <= kInline ? inline_ : PyMem_New(PyObject*, size);
    if (!items_) PyErr_NoMemory();
  }
  ~ArgumentArray() {
    if (items_ != inline_) PyMem_Free(items_);
  }
  ArgumentArray(const ArgumentArray&) = delete;
  ArgumentArray& operator=(const ArgumentArray&) = delete;
  PyObject** items() { return items_; }
  explicit operator bool() const { return items_ != nullptr; }

 private:
  static constexpr Py_ssize_t kInline = 12;
  PyObject* inline_[kInline];
  PyObject** items_;
};

[[gnu::cold]] Failure not_callable(PyObject* object) {
  return raise(PyExc_TypeError, "'%.200s' object is not callable", Py_TYPE(object)->tp_name);
}

Ref<> tuple_of(PyObject* const* items, Py_ssize_t count) {
  Ref<> result = steal(PyTuple_New(count));
  if (!result) return nullptr;
  for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(result.get(), i, borrow(items[i]).release());
  return result;
}

PyObject* call_slot(PyObject* callable, ternaryfunc function, PyObject* args, PyObject* kwargs) {
  if (!enter_recursive_call(" while calling a Python object")) return nullptr;
  PyObject* result = function(callable, args, kwargs);
  leave_recursive_call();
  return _Py_CheckFunctionResult(PyThreadState_Get(), callable, result, nullptr);
}

// Calls with keywords that are not all strings, which only some built-in functions let through.
[[gnu::cold]] PyObject* call_with_odd_names(PyObject* callable, PyObject* const* args, Py_ssize_t count, PyObject* kwargs) {
  if (!PyCFunction_Check(callable)) return raise(PyExc_TypeError, "keywords must be strings");
  Ref<> positional = tuple_of(args, count);
  if (!positional) return nullptr;
  return call_slot(callable, Py_TYPE(callable)->tp_call, positional.get(), kwargs);
}

// Calls `function` with keywords that are in a dictionary of at least one.
PyObject* call_with_dictionary(vectorcallfunc function, PyObject* callable, PyObject* const* args, Py_ssize_t count, PyObject* kwargs) {
  Py_ssize_t named = PyDict_GET_SIZE(kwargs);
  // One word in front, so that bound methods find room for self.
  ArgumentArray all(count + named + 1);
  if (!all) return nullptr;
  Ref<> names = steal(PyTuple_New(named));
  if (!names) return nullptr;
  PyObject** items = all.items() + 1;
  std::copy_n(args, count, items);
  PyObject *key, *value, *result = nullptr;
  Py_ssize_t position = 0, at = 0;
  bool strings = true;
  while (at < named && PyDict_Next(kwargs, &position, &key, &value)) {
    strings &= PyUnicode_Check(key);
    PyTuple_SET_ITEM(names.get(), at, borrow(key).release());
    items[count + at++] = borrow(value).release();
  }
  if (strings) result = function(callable, items, static_cast<size_t>(count) | PY_VECTORCALL_ARGUMENTS_OFFSET, names.get());
  else result = call_with_odd_names(callable, args, count, kwargs);
  for (Py_ssize_t i = 0; i < at; ++i) release(items[count + i]);
  return result;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* _Py_CheckFunctionResult(PyThreadState* thread, PyObject* callable, PyObject* result, const char* where) {
  bool failed = thread->curexc_type != nullptr;
  if ((result == nullptr) == failed) [[likely]] return result;
  if (!result) {
    if (callable) return raise(PyExc_SystemError, "%R returned NULL without setting an exception", callable);
    return raise(PyExc_SystemError, "%s returned NULL without setting an exception", where);
  }
  release(result);
  if (callable) _PyErr_FormatFromCause(PyExc_SystemError, "%R returned a result with an exception set", callable);
  else _PyErr_FormatFromCause(PyExc_SystemError, "%s returned a result with an exception set", where);
  return nullptr;
}

int _Py_CheckSlotResult(PyObject*, const char*, int) { return 1; }

vectorcallfunc PyVectorcall_Function(PyObject* callable) { return vectorcall_of(callable); }

PyObject* _PyStack_AsDict(PyObject* const* values, PyObject* kwnames) {
  Py_ssize_t count = PyTuple_GET_SIZE(kwnames);
  Ref<> dict = steal(_PyDict_NewPresized(count));
  if (!dict) return nullptr;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (PyDict_SetItem(dict.get(), PyTuple_GET_ITEM(kwnames, i), values[i]) < 0) return nullptr;
  }
  return dict.release();
}

PyObject* _PyObject_MakeTpCall(PyThreadState*, PyObject* callable, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  ternaryfunc function = Py_TYPE(callable)->tp_call;
  if (!function) return not_callable(callable);
  Ref<> positional = tuple_of(args, count);
  if (!positional) return nullptr;
  if (!keywords || PyDict_Check(keywords)) return call_slot(callable, function, positional.get(), keywords);
  Ref<> named;
  if (PyTuple_GET_SIZE(keywords)) {
    named = steal(_PyStack_AsDict(args + count, keywords));
    if (!named) return nullptr;
  }
  return call_slot(callable, function, positional.get(), named.get());
}

PyObject* PyObject_Vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  vectorcallfunc function = vectorcall_of(callable);
  if (!function) return _PyObject_MakeTpCall(nullptr, callable, args, PyVectorcall_NARGS(nargsf), kwnames);
  PyObject* result = function(callable, args, nargsf, kwnames);
  return _Py_CheckFunctionResult(current_thread(), callable, result, nullptr);
}

PyObject* _PyObject_FastCall(PyObject* callable, PyObject* const* args, Py_ssize_t count) {
  return PyObject_Vectorcall(callable, args, static_cast<size_t>(count), nullptr);
}

[[gnu::visibility("default")]] PyObject* _PyObject_FastCallDictTstate(PyThreadState* thread, PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwargs) {
  Py_ssize_t count = PyVectorcall_NARGS(nargsf);
  vectorcallfunc function = vectorcall_of(callable);
  if (!function) return _PyObject_MakeTpCall(thread, callable, args, count, kwargs);
  bool named = kwargs && PyDict_GET_SIZE(kwargs) != 0;
  PyObject* result = named ? call_with_dictionary(function, callable, args, count, kwargs) : function(callable, args, nargsf, nullptr);
  return _Py_CheckFunctionResult(current_thread(), callable, result, nullptr);
}

PyObject* PyObject_VectorcallDict(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwargs) {
  return _PyObject_FastCallDictTstate(current_thread(), callable, args, nargsf, kwargs);
}

PyObject* PyVectorcall_Call(PyObject* callable, PyObject* args, PyObject* kwargs) {
  PyTypeObject* type = Py_TYPE(callable);
  // The flag is not asked for: a class with __call__ of its own may still delegate to the structure's function.
  if (type->tp_vectorcall_offset <= 0) {
    return raise(PyExc_TypeError, "'%.200s' object does not support vectorcall", type->tp_name);
  }
  auto function = *reinterpret_cast<vectorcallfunc*>(reinterpret_cast<char*>(callable) + type->tp_vectorcall_offset);
  if (!function) return raise(PyExc_TypeError, "'%.200s' object does not support vectorcall", type->tp_name);
  PyObject* const* items = &PyTuple_GET_ITEM(args, 0);
  Py_ssize_t count = PyTuple_GET_SIZE(args);
  bool named = kwargs && PyDict_GET_SIZE(kwargs) != 0;
  PyObject* result = named ? call_with_dictionary(function, callable, items, count, kwargs)
                           : function(callable, items, static_cast<size_t>(count), nullptr);
  return _Py_CheckFunctionResult(current_thread(), callable, result, nullptr);
}

PyObject* PyObject_Call(PyObject* callable, PyObject* args, PyObject* kwargs) {
  if (vectorcall_of(callable)) return PyVectorcall_Call(callable, args, kwargs);
  ternaryfunc function = Py_TYPE(callable)->tp_call;
  if (!function) return not_callable(callable);
  return call_slot(callable, function, args, kwargs);
}

[[gnu::visibility("default")]] PyObject* _PyObject_Call(PyThreadState*, PyObject* callable, PyObject* args, PyObject* kwargs) {
  return PyObject_Call(callable, args, kwargs);
}

PyObject* PyCFunction_Call(PyObject* callable, PyObject* args, PyObject* kwargs) { return PyObject_Call(callable, args, kwargs); }

PyObject* PyObject_CallNoArgs(PyObject* callable) { return gill::call(callable).release(); }
PyObject* PyObject_CallOneArg(PyObject* callable, PyObject* argument) { return gill::call(callable, argument).release(); }

PyObject* PyObject_CallObject(PyObject* callable, PyObject* args) {
  if (!args) return PyObject_CallNoArgs(callable);
  if (!PyTuple_Check(args)) return raise(PyExc_TypeError, "argument list must be a tuple");
  return PyObject_Call(callable, args, nullptr);
}

[[gnu::visibility("default")]] PyObject* _PyObject_Call_Prepend(PyThreadState* thread, PyObject* callable, PyObject* self, PyObject* args, PyObject* kwargs) {
  Py_ssize_t count = PyTuple_GET_SIZE(args);
  ArgumentArray all(count + 2);
  if (!all) return nullptr;
  PyObject** items = all.items() + 1;
  items[0] = self;
  for (Py_ssize_t i = 0; i < count; ++i) items[i + 1] = PyTuple_GET_ITEM(args, i);
  return _PyObject_FastCallDictTstate(thread, callable, items, static_cast<size_t>(count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, kwargs);
}

PyObject* PyObject_VectorcallMethod(PyObject* method, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  PyObject* function = nullptr;
  int unbound = _PyObject_GetMethod(args[0], method, &function);
  if (!function) return nullptr;
  Ref<> hold = steal(function);
  if (unbound) return PyObject_Vectorcall(function, args, nargsf & ~PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames);
  // The word of self is free for whoever is called.
  return PyObject_Vectorcall(function, args + 1, (nargsf - 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames);
}

// ---- variable arguments -----------------------------------------------------------------------------------

}  // extern "C"

// Both variants by their own names, whatever PY_SSIZE_T_CLEAN says here.
#undef _Py_VaBuildStack
extern "C" {
PyAPI_FUNC(PyObject**) _Py_VaBuildStack(PyObject** small, Py_ssize_t size, const char* format, va_list list, Py_ssize_t* count);
PyAPI_FUNC(PyObject**) _Py_VaBuildStack_SizeT(PyObject** small, Py_ssize_t size, const char* format, va_list list, Py_ssize_t* count);
}

namespace gill {
namespace {

// A format makes one argument each; a single tuple stands for the argument list.
PyObject* call_formatted(PyObject* callable, const char* format, va_list arguments, bool size_t_clean) {
  if (!callable) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
    return nullptr;
  }
  if (!format || !*format) return PyObject_CallNoArgs(callable);
  PyObject* small[8];
  Py_ssize_t count = 0;
  PyObject** stack = size_t_clean ? _Py_VaBuildStack_SizeT(small, 8, format, arguments, &count)
                                  : _Py_VaBuildStack(small, 8, format, arguments, &count);
  if (!stack) return nullptr;
  PyObject* result;
  if (count == 1 && PyTuple_Check(stack[0])) {
    result = PyObject_Vectorcall(callable, &PyTuple_GET_ITEM(stack[0], 0), static_cast<size_t>(PyTuple_GET_SIZE(stack[0])), nullptr);
  } else {
    result = PyObject_Vectorcall(callable, stack, static_cast<size_t>(count), nullptr);
  }
  for (Py_ssize_t i = 0; i < count; ++i) release(stack[i]);
  if (stack != small) PyMem_Free(stack);
  return result;
}

PyObject* call_method_formatted(PyObject* self, PyObject* method, const char* format, va_list arguments, bool size_t_clean) {
  Ref<> function = steal(PyObject_GetAttr(self, method));
  if (!function) return nullptr;
  if (!PyCallable_Check(function.get())) {
    return raise(PyExc_TypeError, "attribute of type '%.200s' is not callable", Py_TYPE(function.get())->tp_name);
  }
  return call_formatted(function.get(), format, arguments, size_t_clean);
}

// Arguments up to a null pointer.
PyObject* call_listed(PyObject* self, PyObject* callable, va_list arguments) {
  if (!callable) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
    return nullptr;
  }
  va_list counting;
  va_copy(counting, arguments);
  Py_ssize_t count = self ? 1 : 0;
  while (va_arg(counting, PyObject*)) ++count;
  va_end(counting);
  ArgumentArray all(count + 1);
  if (!all) return nullptr;
  PyObject** items = all.items();
  Py_ssize_t at = 0;
  if (self) items[at++] = self;
  while (at < count) items[at++] = va_arg(arguments, PyObject*);
  return PyObject_Vectorcall(callable, items, static_cast<size_t>(count), nullptr);
}

bool given(PyObject* self, const void* method) {
  if (self && method) return true;
  if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
  return false;
}

}  // namespace
}  // namespace gill

#define FORMATTED(expression)      \
  va_list arguments;               \
  va_start(arguments, format);     \
  PyObject* result = (expression); \
  va_end(arguments);               \
  return result

extern "C" {

#undef PyObject_CallFunction
#undef PyObject_CallMethod
#undef _PyObject_CallMethodId

PyAPI_FUNC(PyObject*) PyObject_CallFunction(PyObject*, const char*, ...);
PyAPI_FUNC(PyObject*) _PyObject_CallFunction_SizeT(PyObject*, const char*, ...);
PyAPI_FUNC(PyObject*) PyObject_CallMethod(PyObject*, const char*, const char*, ...);
PyAPI_FUNC(PyObject*) _PyObject_CallMethod_SizeT(PyObject*, const char*, const char*, ...);
PyAPI_FUNC(PyObject*) _PyObject_CallMethodId(PyObject*, _Py_Identifier*, const char*, ...);
PyAPI_FUNC(PyObject*) _PyObject_CallMethodId_SizeT(PyObject*, _Py_Identifier*, const char*, ...);

PyObject* PyObject_CallFunction(PyObject* callable, const char* format, ...) {
  FORMATTED(call_formatted(callable, format, arguments, false));
}
PyObject* _PyObject_CallFunction_SizeT(PyObject* callable, const char* format, ...) {
  FORMATTED(call_formatted(callable, format, arguments, true));
}
PyObject* PyObject_CallMethod(PyObject* self, const char* method, const char* format, ...) {
  if (!given(self, method)) return nullptr;
  Ref<> text = steal(PyUnicode_InternFromString(method));
  if (!text) return nullptr;
  FORMATTED(call_method_formatted(self, text.get(), format, arguments, false));
}
PyObject* _PyObject_CallMethod_SizeT(PyObject* self, const char* method, const char* format, ...) {
  if (!given(self, method)) return nullptr;
  Ref<> text = steal(PyUnicode_InternFromString(method));
  if (!text) return nullptr;
  FORMATTED(call_method_formatted(self, text.get(), format, arguments, true));
}
PyObject* _PyObject_CallMethod(PyObject* self, PyObject* method, const char* format, ...) {
  if (!given(self, method)) return nullptr;
  FORMATTED(call_method_formatted(self, method, format, arguments, true));
}
PyObject* _PyObject_CallMethodId(PyObject* self, _Py_Identifier* id, const char* format, ...) {
  PyObject* method = _PyUnicode_FromId(id);
  if (!method || !given(self, method)) return nullptr;
  FORMATTED(call_method_formatted(self, method, format, arguments, false));
}
PyObject* _PyObject_CallMethodId_SizeT(PyObject* self, _Py_Identifier* id, const char* format, ...) {
  PyObject* method = _PyUnicode_FromId(id);
  if (!method || !given(self, method)) return nullptr;
  FORMATTED(call_method_formatted(self, method, format, arguments, true));
}

PyObject* PyObject_CallFunctionObjArgs(PyObject* callable, ...) {
  va_list arguments;
  va_start(arguments, callable);
  PyObject* result = call_listed(nullptr, callable, arguments);
  va_end(arguments);
  return result;
}

PyObject* PyObject_CallMethodObjArgs(PyObject* self, PyObject* method, ...) {
  if (!given(self, method)) return nullptr;
  PyObject* function = nullptr;
  int unbound = _PyObject_GetMethod(self, method, &function);
  if (!function) return nullptr;
  Ref<> hold = steal(function);
  va_list arguments;
  va_start(arguments, method);
  PyObject* result = call_listed(unbound ? self : nullptr, function, arguments);
  va_end(arguments);
  return result;
}

PyObject* _PyObject_CallMethodIdObjArgs(PyObject* self, _Py_Identifier* id, ...) {
  PyObject* method = _PyUnicode_FromId(id);
  if (!method || !given(self, method)) return nullptr;
  PyObject* function = nullptr;
  int unbound = _PyObject_GetMethod(self, method, &function);
  if (!function) return nullptr;
  Ref<> hold = steal(function);
  va_list arguments;
  va_start(arguments, id);
  PyObject* result = call_listed(unbound ? self : nullptr, function, arguments);
  va_end(arguments);
  return result;
}

int PyCallable_Check(PyObject* object) { return object && Py_TYPE(object)->tp_call; }

}  // extern "C"
