// The current exception of the thread: setting, fetching, matching, normalizing, chaining.
//
// As published, it is three fields of the thread state. The value may be something else than an
// instance of the type until it is normalized; everything here tolerates both.
#include "base/result.h"
#include "base/names.h"
#include "runtime/thread_state.h"

#include <cerrno>
#include <cstring>

namespace gill {
namespace {

inline constexpr int kNormalizeDepth = 32;

PyObject* type_of_exception(PyObject* exception) {
  return PyExceptionInstance_Check(exception) ? PyExceptionInstance_Class(exception) : exception;
}

// An instance of `type` from a value: itself, or what calling the type with it gives.
Ref<> instance_of(PyObject* type, PyObject* value) {
  Ref<> instance;
  if (!value || value == Py_None) instance = steal(PyObject_CallNoArgs(type));
  else if (PyTuple_Check(value)) instance = steal(PyObject_Call(type, value, nullptr));
  else instance = steal(PyObject_CallOneArg(type, value));
  if (instance && !PyExceptionInstance_Check(instance.get())) {
    return raise(PyExc_TypeError, "calling %R should have returned an instance of BaseException, not %s", type,
                 Py_TYPE(instance.get())->tp_name);
  }
  return instance;
}

// Makes `handled` the context of `value`, and breaks the cycle that this may close.
void chain_context(PyObject* value, PyObject* handled) {
  if (handled == value) return;
  // Floyd's pair of pointers ends the walk on a list that has a cycle of its own.
  PyObject* o = handled;
  PyObject* slow = handled;
  bool step = false;
  for (;;) {
    Ref<> context = steal(PyException_GetContext(o));
    if (!context) break;
    if (context.get() == value) {
      PyException_SetContext(o, nullptr);
      break;
    }
    o = context.get();
    if (o == slow) break;
    if (step) {
      Ref<> next = steal(PyException_GetContext(slow));
      slow = next.get();
    }
    step = !step;
  }
  PyException_SetContext(value, borrow(handled).release());
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

// The structure that sys.unraisablehook takes, from a tuple of its fields; made next to the default hook.
PyObject* gill_make_unraisable_args(PyObject* fields);
// What the default hook does with such a tuple.
void gill_write_unraisable(PyObject* fields);
PyObject* _PyTraceBack_FromFrame(PyObject* next, PyFrameObject* frame);

// Published symbols that no header of the public interface declares.
FILE* _Py_fopen_obj(PyObject* path, const char* mode);

[[gnu::visibility("default")]] void _PyErr_Restore(PyThreadState* thread, PyObject* type, PyObject* value, PyObject* traceback) {
  if (traceback && !PyTraceBack_Check(traceback)) {
    release(traceback);
    traceback = nullptr;
  }
  PyObject* old_type = std::exchange(thread->curexc_type, type);
  PyObject* old_value = std::exchange(thread->curexc_value, value);
  PyObject* old_traceback = std::exchange(thread->curexc_traceback, traceback);
  if (old_type) release(old_type);
  if (old_value) release(old_value);
  if (old_traceback) release(old_traceback);
}
void PyErr_Restore(PyObject* type, PyObject* value, PyObject* traceback) { _PyErr_Restore(current_thread(), type, value, traceback); }

[[gnu::visibility("default")]] void _PyErr_Fetch(PyThreadState* thread, PyObject** type, PyObject** value, PyObject** traceback) {
  *type = std::exchange(thread->curexc_type, nullptr);
  *value = std::exchange(thread->curexc_value, nullptr);
  *traceback = std::exchange(thread->curexc_traceback, nullptr);
}
void PyErr_Fetch(PyObject** type, PyObject** value, PyObject** traceback) { _PyErr_Fetch(current_thread(), type, value, traceback); }

[[gnu::visibility("default")]] void _PyErr_Clear(PyThreadState* thread) { _PyErr_Restore(thread, nullptr, nullptr, nullptr); }
void PyErr_Clear(void) { _PyErr_Clear(current_thread()); }

PyObject* PyErr_Occurred(void) {
  ThreadState* thread = current_thread();
  return thread ? thread->curexc_type : nullptr;
}

_PyErr_StackItem* _PyErr_GetTopmostException(PyThreadState* thread) {
  _PyErr_StackItem* item = thread->exc_info;
  while ((!item->exc_value || item->exc_value == Py_None) && item->previous_item) item = item->previous_item;
  return item;
}

[[gnu::visibility("default")]] void _PyErr_SetObject(PyThreadState* thread, PyObject* exception, PyObject* value) {
  if (exception && !PyExceptionClass_Check(exception)) {
    PyErr_Format(PyExc_SystemError, "_PyErr_SetObject: exception %R is not a BaseException subclass", exception);
    return;
  }
  Ref<> new_value = borrow(value);
  PyObject* handled = _PyErr_GetTopmostException(thread)->exc_value;
  Ref<> traceback;
  if (handled && handled != Py_None) {
    Ref<> keep = borrow(handled);
    _PyErr_Clear(thread);
    if (!value || !PyExceptionInstance_Check(value)) {
      new_value = instance_of(exception, value);
      if (!new_value) return;
    }
    chain_context(new_value.get(), handled);
  }
  if (new_value && PyExceptionInstance_Check(new_value.get())) traceback = steal(PyException_GetTraceback(new_value.get()));
  _PyErr_Restore(thread, borrow(exception).release(), new_value.release(), traceback.release());
}
void PyErr_SetObject(PyObject* exception, PyObject* value) { _PyErr_SetObject(current_thread(), exception, value); }
[[gnu::visibility("default")]] void _PyErr_SetNone(PyThreadState* thread, PyObject* exception) { _PyErr_SetObject(thread, exception, nullptr); }
void PyErr_SetNone(PyObject* exception) { PyErr_SetObject(exception, nullptr); }

[[gnu::visibility("default")]] void _PyErr_SetString(PyThreadState* thread, PyObject* exception, const char* message) {
  Ref<> text = steal(PyUnicode_FromString(message));
  if (text) _PyErr_SetObject(thread, exception, text.get());
}
void PyErr_SetString(PyObject* exception, const char* message) { _PyErr_SetString(current_thread(), exception, message); }

// KeyError shows its argument by repr: a tuple must not be taken for several arguments.
void _PyErr_SetKeyError(PyObject* key) {
  Ref<> args = steal(PyTuple_Pack(1, key));
  if (args) PyErr_SetObject(PyExc_KeyError, args.get());
}

PyObject* PyErr_FormatV(PyObject* exception, const char* format, va_list arguments) {
  // The new error replaces the current one; the formatting must not run with it set.
  PyErr_Clear();
  Ref<> text = steal(PyUnicode_FromFormatV(format, arguments));
  // An error while the text is made (say in a __repr__) gives way to the wanted one, without a text; missing memory stays what it is.
  if (text || !PyErr_ExceptionMatches(PyExc_MemoryError)) PyErr_SetObject(exception, text.get());
  return nullptr;
}
PyObject* PyErr_Format(PyObject* exception, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  PyErr_FormatV(exception, format, arguments);
  va_end(arguments);
  return nullptr;
}
[[gnu::visibility("default")]] PyObject* _PyErr_Format(PyThreadState*, PyObject* exception, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  PyErr_FormatV(exception, format, arguments);
  va_end(arguments);
  return nullptr;
}

int PyErr_GivenExceptionMatches(PyObject* given, PyObject* wanted) {
  if (!given || !wanted) return 0;
  if (PyTuple_Check(wanted)) {
    for (Py_ssize_t i = 0, n = PyTuple_GET_SIZE(wanted); i < n; ++i) {
      if (PyErr_GivenExceptionMatches(given, PyTuple_GET_ITEM(wanted, i))) return 1;
    }
    return 0;
  }
  PyObject* type = type_of_exception(given);
  if (PyExceptionClass_Check(type) && PyExceptionClass_Check(wanted)) {
    return PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type), reinterpret_cast<PyTypeObject*>(wanted));
  }
  return type == wanted;
}
[[gnu::visibility("default")]] int _PyErr_ExceptionMatches(PyThreadState* thread, PyObject* wanted) {
  return PyErr_GivenExceptionMatches(thread->curexc_type, wanted);
}
int PyErr_ExceptionMatches(PyObject* wanted) { return _PyErr_ExceptionMatches(current_thread(), wanted); }

static void normalize(PyThreadState* thread, PyObject** type_slot, PyObject** value_slot, PyObject** traceback_slot) {
  for (int depth = 0;; ++depth) {
    PyObject* type = *type_slot;
    if (!type) return;
    if (!*value_slot) *value_slot = none().release();
    PyObject* value = *value_slot;
    if (!PyExceptionClass_Check(type)) return;
    if (PyExceptionInstance_Check(value)) {
      auto* actual = Py_TYPE(value);
      if (PyType_IsSubtype(actual, reinterpret_cast<PyTypeObject*>(type))) {
        // The instance's own class is the more precise one.
        if (as_object(actual) != type) set_field(*type_slot, borrow(as_object(actual)));
        return;
      }
    }
    if (Ref<> instance = instance_of(type, value)) {
      set_field(*value_slot, std::move(instance));
      continue;
    }
    // Making the instance failed: that error takes the place of this one.
    Ref<> traceback = steal(*traceback_slot);
    Ref<> old_type = steal(*type_slot), old_value = steal(*value_slot);
    _PyErr_Fetch(thread, type_slot, value_slot, traceback_slot);
    // Where it was raised counts, if anything was.
    if (!*traceback_slot) *traceback_slot = traceback.release();
    if (depth >= kNormalizeDepth) {
      if (PyErr_GivenExceptionMatches(*type_slot, PyExc_MemoryError)) {
        Py_FatalError("Cannot recover from MemoryErrors while normalizing exceptions.");
      }
      if (depth >= kNormalizeDepth + 2) Py_FatalError("Cannot recover from the recursive normalization of an exception.");
      PyErr_SetString(PyExc_RecursionError, "maximum recursion depth exceeded while normalizing an exception");
      clear_field(*type_slot);
      clear_field(*value_slot);
      PyObject* none_yet = nullptr;
      _PyErr_Fetch(thread, type_slot, value_slot, &none_yet);
      clear_field(none_yet);
    }
  }
}
[[gnu::visibility("default")]] void _PyErr_NormalizeException(PyThreadState* thread, PyObject** type, PyObject** value, PyObject** traceback) {
  // A RecursionError must get its instance where the recursion limit is used up.
  ++thread->recursion_headroom;
  normalize(thread, type, value, traceback);
  --thread->recursion_headroom;
}
void PyErr_NormalizeException(PyObject** type, PyObject** value, PyObject** traceback) {
  _PyErr_NormalizeException(current_thread(), type, value, traceback);
}

// ---- the exception being handled --------------------------------------------------------------------

PyObject* PyErr_GetHandledException(void) {
  PyObject* value = _PyErr_GetTopmostException(current_thread())->exc_value;
  return value && value != Py_None ? borrow(value).release() : nullptr;
}
PyObject* _PyErr_GetHandledException(PyThreadState* thread) {
  PyObject* value = _PyErr_GetTopmostException(thread)->exc_value;
  return value && value != Py_None ? borrow(value).release() : nullptr;
}
void _PyErr_SetHandledException(PyThreadState* thread, PyObject* exception) {
  set_field(thread->exc_info->exc_value, borrow(exception == Py_None ? nullptr : exception));
}
void PyErr_SetHandledException(PyObject* exception) { _PyErr_SetHandledException(current_thread(), exception); }

void _PyErr_GetExcInfo(PyThreadState* thread, PyObject** type, PyObject** value, PyObject** traceback) {
  PyObject* handled = _PyErr_GetTopmostException(thread)->exc_value;
  *value = borrow(handled).release();
  bool instance = handled && handled != Py_None;
  *type = instance ? borrow(as_object(Py_TYPE(handled))).release() : none().release();
  *traceback = instance ? PyException_GetTraceback(handled) : nullptr;
  if (!*traceback) *traceback = none().release();
}
void PyErr_GetExcInfo(PyObject** type, PyObject** value, PyObject** traceback) { _PyErr_GetExcInfo(current_thread(), type, value, traceback); }
void PyErr_SetExcInfo(PyObject* type, PyObject* value, PyObject* traceback) {
  PyErr_SetHandledException(value);
  if (type) release(type);
  if (value) release(value);
  if (traceback) release(traceback);
}
[[gnu::visibility("default")]] PyObject* _PyErr_StackItemToExcInfoTuple(_PyErr_StackItem* item) {
  PyObject* value = item->exc_value ? item->exc_value : Py_None;
  PyObject* type = value == Py_None ? Py_None : as_object(Py_TYPE(value));
  Ref<> traceback = value == Py_None ? Ref<>() : steal(PyException_GetTraceback(value));
  return PyTuple_Pack(3, type, value, traceback ? traceback.get() : Py_None);
}

// The error set now gets the given one as its context.
void _PyErr_ChainExceptions(PyObject* type, PyObject* value, PyObject* traceback) {
  if (!type) return;
  if (!PyErr_Occurred()) {
    PyErr_Restore(type, value, traceback);
    return;
  }
  // Making instances runs code, so no exception may be set meanwhile.
  PyObject *new_type, *new_value, *new_traceback;
  PyErr_Fetch(&new_type, &new_value, &new_traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback) {
    PyException_SetTraceback(value, traceback);
    release(traceback);
  }
  release(type);
  PyErr_NormalizeException(&new_type, &new_value, &new_traceback);
  PyException_SetContext(new_value, value);
  PyErr_Restore(new_type, new_value, new_traceback);
}

// The error set now gets the exception of this item as its context; null stands for the innermost one.
[[gnu::visibility("default")]] void _PyErr_ChainStackItem(_PyErr_StackItem* item) {
  Ref<> handled = borrow((item ? item : current_thread()->exc_info)->exc_value);
  if (!handled || handled.get() == Py_None) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  chain_context(value, handled.get());
  // compat: the frames that the exception has come through since it was last caught are forgotten.
  Py_XDECREF(traceback);
  PyErr_Restore(type, value, PyException_GetTraceback(value));
}

static PyObject* format_from_cause(PyObject* exception, const char* format, va_list arguments) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback) {
    PyException_SetTraceback(value, traceback);
    release(traceback);
  }
  release(type);
  PyErr_FormatV(exception, format, arguments);
  PyObject *new_type, *new_value, *new_traceback;
  PyErr_Fetch(&new_type, &new_value, &new_traceback);
  PyErr_NormalizeException(&new_type, &new_value, &new_traceback);
  PyException_SetCause(new_value, borrow(value).release());
  PyException_SetContext(new_value, value);
  PyErr_Restore(new_type, new_value, new_traceback);
  return nullptr;
}
PyObject* _PyErr_FormatFromCause(PyObject* exception, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  format_from_cause(exception, format, arguments);
  va_end(arguments);
  return nullptr;
}
[[gnu::visibility("default")]] PyObject* _PyErr_FormatFromCauseTstate(PyThreadState*, PyObject* exception, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  format_from_cause(exception, format, arguments);
  va_end(arguments);
  return nullptr;
}

// ---- common errors ------------------------------------------------------------------------------------

int PyErr_BadArgument(void) {
  PyErr_SetString(PyExc_TypeError, "bad argument type for built-in operation");
  return 0;
}
[[gnu::visibility("default")]] PyObject* _PyErr_NoMemory(PyThreadState*) {
  // The type's own constructor takes the instance from a reserve.
  PyErr_SetNone(PyExc_MemoryError);
  return nullptr;
}
PyObject* PyErr_NoMemory(void) { return _PyErr_NoMemory(current_thread()); }

void _PyErr_BadInternalCall(const char* file, int line) {
  PyErr_Format(PyExc_SystemError, "%s:%d: bad argument to internal function", file, line);
}
#undef PyErr_BadInternalCall
void PyErr_BadInternalCall(void) { PyErr_SetString(PyExc_SystemError, "bad argument to internal function"); }

PyObject* PyErr_SetFromErrnoWithFilenameObjects(PyObject* exception, PyObject* first, PyObject* second) {
  int number = errno;
  // An interrupted call: a handler's own exception is the better one to tell.
  if (number == EINTR && PyErr_CheckSignals()) return nullptr;
  Ref<> message = steal(number == 0 ? PyUnicode_FromString("Error") : PyUnicode_DecodeLocale(std::strerror(number), "surrogateescape"));
  if (!message) return nullptr;
  Ref<> args = first ? second ? steal(Py_BuildValue("(iOOiO)", number, message.get(), first, 0, second))
                              : steal(Py_BuildValue("(iOO)", number, message.get(), first))
                     : steal(Py_BuildValue("(iO)", number, message.get()));
  if (!args) return nullptr;
  if (Ref<> value = steal(PyObject_Call(exception, args.get(), nullptr))) PyErr_SetObject(as_object(Py_TYPE(value.get())), value.get());
  return nullptr;
}
PyObject* PyErr_SetFromErrnoWithFilenameObject(PyObject* exception, PyObject* filename) {
  return PyErr_SetFromErrnoWithFilenameObjects(exception, filename, nullptr);
}
PyObject* PyErr_SetFromErrnoWithFilename(PyObject* exception, const char* filename) {
  int number = errno;
  Ref<> name_object = filename ? steal(PyUnicode_DecodeFSDefault(filename)) : Ref<>();
  if (filename && !name_object) return nullptr;
  errno = number;
  return PyErr_SetFromErrnoWithFilenameObjects(exception, name_object.get(), nullptr);
}
PyObject* PyErr_SetFromErrno(PyObject* exception) { return PyErr_SetFromErrnoWithFilenameObjects(exception, nullptr, nullptr); }

PyObject* PyErr_SetImportErrorSubclass(PyObject* exception, PyObject* message, PyObject* module_name, PyObject* path) {
  int subclass = PyObject_IsSubclass(exception, PyExc_ImportError);
  if (subclass < 0) return nullptr;
  if (!subclass) {
    PyErr_SetString(PyExc_TypeError, "expected a subclass of ImportError");
    return nullptr;
  }
  if (!message) {
    PyErr_SetString(PyExc_TypeError, "expected a message argument");
    return nullptr;
  }
  Ref<> kwargs = steal(Py_BuildValue("{sOsO}", "name", module_name ? module_name : Py_None, "path", path ? path : Py_None));
  if (!kwargs) return nullptr;
  Ref<> value = steal(PyObject_VectorcallDict(exception, &message, 1, kwargs.get()));
  if (value) PyErr_SetObject(as_object(Py_TYPE(value.get())), value.get());
  return nullptr;
}
PyObject* PyErr_SetImportError(PyObject* message, PyObject* module_name, PyObject* path) {
  return PyErr_SetImportErrorSubclass(PyExc_ImportError, message, module_name, path);
}

PyObject* PyErr_NewException(const char* full_name, PyObject* base, PyObject* dict) {
  const char* dot = std::strrchr(full_name, '.');
  if (!dot) {
    PyErr_SetString(PyExc_SystemError, "PyErr_NewException: name must be module.class");
    return nullptr;
  }
  Ref<> own_dict = dict ? borrow(dict) : steal(PyDict_New());
  if (!own_dict) return nullptr;
  int has_module = PyDict_Contains(own_dict.get(), name<"__module__">);
  if (has_module < 0) return nullptr;
  if (!has_module) {
    Ref<> module = steal(PyUnicode_FromStringAndSize(full_name, dot - full_name));
    if (!module || PyDict_SetItem(own_dict.get(), name<"__module__">, module.get()) < 0) return nullptr;
  }
  if (!base) base = PyExc_Exception;
  Ref<> bases = PyTuple_Check(base) ? borrow(base) : steal(PyTuple_Pack(1, base));
  if (!bases) return nullptr;
  return PyObject_CallFunction(as_object(&PyType_Type), "sOO", dot + 1, bases.get(), own_dict.get());
}
PyObject* PyErr_NewExceptionWithDoc(const char* full_name, const char* doc, PyObject* base, PyObject* dict) {
  Ref<> own_dict = dict ? borrow(dict) : steal(PyDict_New());
  if (!own_dict) return nullptr;
  if (doc) {
    Ref<> text = steal(PyUnicode_FromString(doc));
    if (!text || PyDict_SetItem(own_dict.get(), name<"__doc__">, text.get()) < 0) return nullptr;
  }
  return PyErr_NewException(full_name, base, own_dict.get());
}

// ---- errors that nobody can be told ---------------------------------------------------------------------

// The current exception, cleared, as the fields of UnraisableHookArgs.
static Ref<> unraisable_fields(const char* message, PyObject* object, bool tell_place) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (!traceback && tell_place) {
    // At least the place that had nobody to tell.
    Ref<PyFrameObject> frame = steal(PyThreadState_GetFrame(current_thread()));
    if (frame && !(traceback = _PyTraceBack_FromFrame(nullptr, frame.get()))) PyErr_Clear();
  }
  if (traceback && value && PyExceptionInstance_Check(value)) {
    if (PyException_SetTraceback(value, traceback) < 0) PyErr_Clear();
  }
  Ref<> own_type = steal(type), own_value = steal(value), own_traceback = steal(traceback);
  Ref<> text = message ? steal(PyUnicode_FromFormat("Exception ignored %s", message)) : none();
  if (!text) PyErr_Clear();
  auto or_none = [](PyObject* field) { return field ? field : Py_None; };
  return steal(PyTuple_Pack(5, or_none(own_type.get()), or_none(own_value.get()), or_none(own_traceback.get()), or_none(text.get()), or_none(object)));
}

void _PyErr_WriteUnraisableMsg(const char* message, PyObject* object) {
  if (!PyErr_Occurred()) return;
  Ref<> fields = unraisable_fields(message, object, true);
  Ref<> hook = borrow(PySys_GetObject("unraisablehook"));
  if (fields && hook) {
    Ref<> args = steal(gill_make_unraisable_args(fields.get()));
    if (args && PySys_Audit("sys.unraisablehook", "OO", hook.get(), args.get()) < 0) {
      fields = unraisable_fields("in audit hook", nullptr, false);
    } else if (args && hook.get() != Py_None) {
      Ref<> result = steal(PyObject_CallOneArg(hook.get(), args.get()));
      if (result) return;
      fields = unraisable_fields("in sys.unraisablehook", hook.get(), false);
    } else if (!args) {
      fields = unraisable_fields("in sys.unraisablehook", nullptr, false);
    }
  }
  if (fields) gill_write_unraisable(fields.get());
  PyErr_Clear();
}
void PyErr_WriteUnraisable(PyObject* object) { _PyErr_WriteUnraisableMsg(nullptr, object); }

// ---- where a syntax error is ------------------------------------------------------------------------------

void PyErr_SyntaxLocationObject(PyObject* filename, int line, int column) { PyErr_RangedSyntaxLocationObject(filename, line, column, line, -1); }

static void set_attribute(PyObject* object, const char* attribute, Ref<> value) {
  if (!value || PyObject_SetAttrString(object, attribute, value.get()) < 0) PyErr_Clear();
}

void PyErr_RangedSyntaxLocationObject(PyObject* filename, int line, int column, int end_line, int end_column) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  auto number = [](int n) { return n >= 0 ? steal(PyLong_FromLong(n)) : none(); };
  set_attribute(value, "lineno", number(line));
  set_attribute(value, "offset", number(column));
  set_attribute(value, "end_lineno", number(end_line));
  set_attribute(value, "end_offset", number(end_column));
  if (filename) {
    set_attribute(value, "filename", borrow(filename));
    PyObject* text = PyErr_ProgramTextObject(filename, line);
    set_attribute(value, "text", text ? steal(text) : none());
  }
  if (type != PyExc_SyntaxError) {
    if (!PyObject_HasAttrString(value, "msg")) set_attribute(value, "msg", steal(PyObject_Str(value)));
    if (!PyObject_HasAttrString(value, "print_file_and_line")) set_attribute(value, "print_file_and_line", none());
  }
  PyErr_Restore(type, value, traceback);
}
void PyErr_SyntaxLocationEx(const char* filename, int line, int column) {
  Ref<> text = filename ? steal(PyUnicode_DecodeFSDefault(filename)) : Ref<>();
  if (filename && !text) PyErr_Clear();
  PyErr_SyntaxLocationObject(text.get(), line, column);
}
void PyErr_SyntaxLocation(const char* filename, int line) { PyErr_SyntaxLocationEx(filename, line, -1); }

// The text of one line of a file, or null without an exception. Without an encoding it is UTF-8.
[[gnu::visibility("default")]] PyObject* _PyErr_ProgramDecodedTextObject(PyObject* filename, int line, const char* encoding);
PyObject* PyErr_ProgramTextObject(PyObject* filename, int line) { return _PyErr_ProgramDecodedTextObject(filename, line, nullptr); }
PyObject* _PyErr_ProgramDecodedTextObject(PyObject* filename, int line, const char* encoding) {
  if (!filename || line <= 0) return nullptr;
  FILE* file = _Py_fopen_obj(filename, "r");
  if (!file) {
    PyErr_Clear();
    return nullptr;
  }
  char* text = nullptr;
  size_t capacity = 0;
  ssize_t length = -1;
  for (int i = 0; i < line && (length = getline(&text, &capacity, file)) >= 0; ++i) {
  }
  fclose(file);
  if (length >= 2 && text[length - 2] == '\r' && text[length - 1] == '\n') text[--length - 1] = '\n';
  PyObject* result = length >= 0 ? PyUnicode_Decode(text, length, encoding ? encoding : "utf-8", "replace") : nullptr;
  free(text);
  if (!result) PyErr_Clear();
  return result;
}
PyObject* PyErr_ProgramText(const char* filename, int line) {
  Ref<> text = filename ? steal(PyUnicode_DecodeFSDefault(filename)) : Ref<>();
  if (!text) {
    PyErr_Clear();
    return nullptr;
  }
  return PyErr_ProgramTextObject(text.get(), line);
}

}  // extern "C"
