// The object protocol: text, comparison, truth, hash, dir, and small helpers around them.
#include "objects/object.h"

#include <cstring>

#include "objects/dict_table.h"
#include "objects/int.h"
#include "objects/type.h"
#include "runtime/thread_state.h"

namespace gill {

namespace {

// Recursion through C slots (a list that prints its items, say) must end in RecursionError.
template <class F>
auto guarded(const char* where, F call) -> decltype(call()) {
  if (!enter_recursive_call(where)) return nullptr;
  auto result = call();
  leave_recursive_call();
  return result;
}

// Whether `left operation right` for numbers.
bool holds(int64_t left, int64_t right, int operation) {
  switch (operation) {
    case Py_LT: return left < right;
    case Py_LE: return left <= right;
    case Py_EQ: return left == right;
    case Py_NE: return left != right;
    case Py_GT: return left > right;
    default: return left >= right;
  }
}

const char* const kOperators[] = {"<", "<=", "==", "!=", ">", ">="};

PyObject* compare(PyObject* left, PyObject* right, int operation) {
  bool reflected_tried = false;
  richcmpfunc function;
  // The right operand's class goes first when it refines the left one's.
  if (!Py_IS_TYPE(left, Py_TYPE(right)) && PyType_IsSubtype(Py_TYPE(right), Py_TYPE(left)) && (function = Py_TYPE(right)->tp_richcompare)) {
    reflected_tried = true;
    PyObject* result = function(right, left, _Py_SwappedOp[operation]);
    if (result != Py_NotImplemented) return result;
    release(result);
  }
  if ((function = Py_TYPE(left)->tp_richcompare)) {
    PyObject* result = function(left, right, operation);
    if (result != Py_NotImplemented) return result;
    release(result);
  }
  if (!reflected_tried && (function = Py_TYPE(right)->tp_richcompare)) {
    PyObject* result = function(right, left, _Py_SwappedOp[operation]);
    if (result != Py_NotImplemented) return result;
    release(result);
  }
  if (operation == Py_EQ) return py_bool(left == right).release();
  if (operation == Py_NE) return py_bool(left != right).release();
  return raise(PyExc_TypeError, "'%s' not supported between instances of '%.100s' and '%.100s'", kOperators[operation],
               Py_TYPE(left)->tp_name, Py_TYPE(right)->tp_name);
}

// Null, or what the memory functions' checks fill fresh and freed memory and its surroundings with.
bool is_no_address(const void* p) {
  auto address = reinterpret_cast<uintptr_t>(p);
  return address == 0 || address == 0xCDCDCDCDCDCDCDCD || address == 0xDDDDDDDDDDDDDDDD || address == 0xFDFDFDFDFDFDFDFD;
}

}  // namespace

Ref<> function_text(PyObject* function) { return steal(_PyObject_FunctionStr(function)); }

}  // namespace gill

using namespace gill;

extern "C" {

int _Py_SwappedOp[] = {Py_GT, Py_GE, Py_EQ, Py_NE, Py_LT, Py_LE};

// ---- text ------------------------------------------------------------------------------------------------

PyObject* PyObject_Repr(PyObject* self) {
  if (PyErr_CheckSignals() < 0) return nullptr;
  if (!self) return PyUnicode_FromString("<NULL>");
  reprfunc function = Py_TYPE(self)->tp_repr;
  if (!function) return PyUnicode_FromFormat("<%s object at %p>", Py_TYPE(self)->tp_name, self);
  Ref<> result = steal(guarded(" while getting the repr of an object", [&] { return function(self); }));
  if (!result) return nullptr;
  if (!PyUnicode_Check(result.get())) {
    return raise(PyExc_TypeError, "__repr__ returned non-string (type %.200s)", Py_TYPE(result.get())->tp_name);
  }
  return result.release();
}

PyObject* PyObject_Str(PyObject* self) {
  if (PyErr_CheckSignals() < 0) return nullptr;
  if (!self) return PyUnicode_FromString("<NULL>");
  if (PyUnicode_CheckExact(self)) return borrow(self).release();
  reprfunc function = Py_TYPE(self)->tp_str;
  if (!function) return PyObject_Repr(self);
  Ref<> result = steal(guarded(" while getting the str of an object", [&] { return function(self); }));
  if (!result) return nullptr;
  if (!PyUnicode_Check(result.get())) {
    return raise(PyExc_TypeError, "__str__ returned non-string (type %.200s)", Py_TYPE(result.get())->tp_name);
  }
  return result.release();
}

PyObject* PyObject_ASCII(PyObject* self) {
  Ref<> text = steal(PyObject_Repr(self));
  if (!text || PyUnicode_IS_ASCII(text.get())) return text.release();
  Ref<> bytes = steal(_PyUnicode_AsASCIIString(text.get(), "backslashreplace"));
  if (!bytes) return nullptr;
  return PyUnicode_DecodeASCII(PyBytes_AS_STRING(bytes.get()), PyBytes_GET_SIZE(bytes.get()), nullptr);
}

PyObject* PyObject_Bytes(PyObject* self) {
  if (!self) return PyBytes_FromString("<NULL>");
  if (PyBytes_CheckExact(self)) return borrow(self).release();
  SpecialMethod method = lookup_special(self, name<"__bytes__">);
  if (!method) return PyErr_Occurred() ? nullptr : PyBytes_FromObject(self);
  Ref<> result = call_special(method, self);
  if (!result) return nullptr;
  if (!PyBytes_Check(result.get())) {
    return raise(PyExc_TypeError, "__bytes__ returned non-bytes (type %.200s)", Py_TYPE(result.get())->tp_name);
  }
  return result.release();
}

int PyObject_Print(PyObject* self, FILE* file, int flags) {
  if (PyErr_CheckSignals() < 0) return -1;
  clearerr(file);
  if (!self) {
    fputs("<nil>", file);
  } else if (Py_REFCNT(self) <= 0) {
    fprintf(file, "<refcnt %zd at %p>", Py_REFCNT(self), static_cast<void*>(self));
  } else {
    Ref<> text = steal(flags & Py_PRINT_RAW ? PyObject_Str(self) : PyObject_Repr(self));
    if (!text) return -1;
    Ref<> bytes = steal(PyUnicode_AsEncodedString(text.get(), "utf-8", "backslashreplace"));
    if (!bytes) return -1;
    fwrite(PyBytes_AS_STRING(bytes.get()), 1, static_cast<size_t>(PyBytes_GET_SIZE(bytes.get())), file);
  }
  if (ferror(file)) {
    PyErr_SetFromErrno(PyExc_OSError);
    clearerr(file);
    return -1;
  }
  return 0;
}

void _PyObject_Dump(PyObject* self) {
  fprintf(stderr, "object address  : %p\n", static_cast<void*>(self));
  if (!self) return;
  fprintf(stderr, "object refcount : %zd\nobject type     : %p\nobject type name: %s\nobject repr     : ", Py_REFCNT(self),
          static_cast<void*>(Py_TYPE(self)), Py_TYPE(self) ? Py_TYPE(self)->tp_name : "NULL");
  fflush(stderr);
  PyObject *et, *ev, *tb;
  PyErr_Fetch(&et, &ev, &tb);
  if (PyObject_Print(self, stderr, 0) < 0) PyErr_Clear();
  PyErr_Restore(et, ev, tb);
  fputc('\n', stderr);
  fflush(stderr);
}

void _Py_BreakPoint() {}
int _PyObject_IsFreed(PyObject* self) { return is_no_address(self) || is_no_address(Py_TYPE(self)); }
[[gnu::visibility("default")]] void _PyObject_AssertFailed(PyObject* self, const char* expression, const char* message, const char* file, int line, const char* function) {
  fprintf(stderr, "%s:%d: ", file, line);
  if (function) fprintf(stderr, "%s: ", function);
  if (expression) fprintf(stderr, "Assertion \"%s\" failed", expression);
  else fputs("Assertion failed", stderr);
  fprintf(stderr, message ? ": %s\n" : "\n", message);
  _PyObject_Dump(self);
  Py_FatalError("_PyObject_AssertFailed");
}
[[gnu::visibility("default")]] int _PyObject_CheckConsistency(PyObject* self, int) { return self && Py_TYPE(self); }
[[gnu::visibility("default")]] int _PyDict_CheckConsistency(PyObject* dict, int) { return dict && PyDict_Check(dict); }
[[gnu::visibility("default")]] int _PyType_CheckConsistency(PyTypeObject*) { return 1; }
[[gnu::visibility("default"), noreturn]] void _Py_FatalRefcountErrorFunc(const char* function, const char* message) { _Py_FatalErrorFunc(function, message); }
void _PyObject_DebugTypeStats(FILE*) {}
void _PyDebugAllocatorStats(FILE* out, const char* name, int count, size_t size) {
  fprintf(out, "%d %ss * %zu bytes each = %zu\n", count, name, size, static_cast<size_t>(count) * size);
}

// "module.qualname()" for messages about a call.
PyObject* _PyObject_FunctionStr(PyObject* function) {
  bool failed;
  Ref<> qualname = optional_attribute(function, name<"__qualname__">, &failed);
  if (failed) return nullptr;
  if (!qualname) return PyObject_Str(function);
  Ref<> module = optional_attribute(function, name<"__module__">, &failed);
  if (failed) return nullptr;
  if (module && module.get() != Py_None) {
    int builtin = PyObject_RichCompareBool(module.get(), name<"builtins">, Py_EQ);
    if (builtin < 0) return nullptr;
    if (!builtin) return PyUnicode_FromFormat("%S.%S()", module.get(), qualname.get());
  }
  return PyUnicode_FromFormat("%S()", qualname.get());
}

// ---- comparison ----------------------------------------------------------------------------------------------

PyObject* PyObject_RichCompare(PyObject* left, PyObject* right, int operation) {
  if (!left || !right) {
    if (!PyErr_Occurred()) PyErr_BadInternalCall();
    return nullptr;
  }
  return guarded(" in comparison", [&] { return compare(left, right, operation); });
}

int PyObject_RichCompareBool(PyObject* left, PyObject* right, int operation) {
  if (left == right) {
    if (operation == Py_EQ) return 1;
    if (operation == Py_NE) return 0;
  }
  if (Py_TYPE(left) == Py_TYPE(right)) {
    if (PyUnicode_CheckExact(left) && (operation == Py_EQ || operation == Py_NE) && PyUnicode_IS_READY(left) && PyUnicode_IS_READY(right)) {
      return same_str(left, right) == (operation == Py_EQ);
    }
    if (PyLong_CheckExact(left) && is_one_digit(left) && is_one_digit(right)) {
      return holds(one_digit_value(left), one_digit_value(right), operation);
    }
  }
  Ref<> result = steal(PyObject_RichCompare(left, right, operation));
  if (!result) return -1;
  return PyBool_Check(result.get()) ? result.get() == Py_True : PyObject_IsTrue(result.get());
}

// ---- truth, hash -----------------------------------------------------------------------------------------------

int PyObject_IsTrue(PyObject* self) {
  if (self == Py_True) return 1;
  if (self == Py_False || self == Py_None) return 0;
  PyTypeObject* type = Py_TYPE(self);
  Py_ssize_t result;
  if (type->tp_as_number && type->tp_as_number->nb_bool) {
    result = type->tp_as_number->nb_bool(self);
  } else if (type->tp_as_mapping && type->tp_as_mapping->mp_length) {
    result = type->tp_as_mapping->mp_length(self);
  } else if (type->tp_as_sequence && type->tp_as_sequence->sq_length) {
    result = type->tp_as_sequence->sq_length(self);
  } else {
    return 1;
  }
  return result > 0 ? 1 : static_cast<int>(result);
}

int PyObject_Not(PyObject* self) {
  int result = PyObject_IsTrue(self);
  return result < 0 ? result : result == 0;
}

Py_hash_t PyObject_HashNotImplemented(PyObject* self) {
  return raise(PyExc_TypeError, "unhashable type: '%.200s'", Py_TYPE(self)->tp_name);
}

Py_hash_t PyObject_Hash(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  if (type->tp_hash) return type->tp_hash(self);
  if (!type->tp_dict) {
    if (PyType_Ready(type) < 0) return -1;
    if (type->tp_hash) return type->tp_hash(self);
  }
  return PyObject_HashNotImplemented(self);
}

// ---- dir ----------------------------------------------------------------------------------------------------------

PyObject* PyObject_Dir(PyObject* self) {
  Ref<> names;
  if (!self) {
    PyObject* locals = PyEval_GetLocals();
    if (!locals) return nullptr;
    names = steal(PyMapping_Keys(locals));
    if (!names) return nullptr;
    if (!PyList_Check(names.get())) {
      return raise(PyExc_TypeError, "dir(): expected keys() of locals to be a list, not '%.200s'", Py_TYPE(names.get())->tp_name);
    }
  } else {
    SpecialMethod method = lookup_special(self, name<"__dir__">);
    if (!method) {
      if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "object does not provide __dir__");
      return nullptr;
    }
    Ref<> result = call_special(method, self);
    if (!result) return nullptr;
    names = steal(PySequence_List(result.get()));
    if (!names) return nullptr;
  }
  return PyList_Sort(names.get()) < 0 ? nullptr : names.release();
}

// ---- small helpers ----------------------------------------------------------------------------------------------

PyObject* PyObject_SelfIter(PyObject* self) { return borrow(self).release(); }

// Stands in tp_iternext of a class that has __iter__ but no __next__, so that calls need no null test.
PyObject* _PyObject_NextNotImplemented(PyObject* self) {
  return raise(PyExc_TypeError, "'%.200s' object is not iterable", Py_TYPE(self)->tp_name);
}

int _PyObject_IsAbstract(PyObject* self) {
  if (!self) return 0;
  bool failed;
  Ref<> value = optional_attribute(self, name<"__isabstractmethod__">, &failed);
  if (failed) return -1;
  return value ? PyObject_IsTrue(value.get()) : 0;
}

#undef Py_Is
#undef Py_IsNone
#undef Py_NewRef
#undef Py_XNewRef
int Py_Is(PyObject* left, PyObject* right) { return left == right; }
int Py_IsNone(PyObject* self) { return self == Py_None; }
PyObject* Py_NewRef(PyObject* self) {
  retain(self);
  return self;
}
PyObject* Py_XNewRef(PyObject* self) {
  if (self) retain(self);
  return self;
}

// Objects whose repr is under way in this thread stand in a list of the thread's dict, so that a container that
// holds itself prints "[...]".
int Py_ReprEnter(PyObject* self) {
  PyObject* dict = PyThreadState_GetDict();
  if (!dict) return 0;
  PyObject* list = PyDict_GetItemWithError(dict, name<"Py_Repr">);
  if (!list) {
    if (PyErr_Occurred()) return -1;
    Ref<> made = steal(PyList_New(0));
    if (!made || PyDict_SetItem(dict, name<"Py_Repr">, made.get()) < 0) return -1;
    list = made.get();
  }
  for (Py_ssize_t i = PyList_GET_SIZE(list) - 1; i >= 0; --i) {
    if (PyList_GET_ITEM(list, i) == self) return 1;
  }
  return PyList_Append(list, self) < 0 ? -1 : 0;
}

void Py_ReprLeave(PyObject* self) {
  PyObject *et, *ev, *tb;
  PyErr_Fetch(&et, &ev, &tb);
  PyObject* dict = PyThreadState_GetDict();
  PyObject* list = dict ? PyDict_GetItemWithError(dict, name<"Py_Repr">) : nullptr;
  if (list && PyList_Check(list)) {
    for (Py_ssize_t i = PyList_GET_SIZE(list) - 1; i >= 0; --i) {
      if (PyList_GET_ITEM(list, i) == self) {
        PyList_SetSlice(list, i, i + 1, nullptr);
        break;
      }
    }
  }
  PyErr_Restore(et, ev, tb);
}

// ---- doc strings that begin with a signature ------------------------------------------------------------------------

}  // extern "C"

namespace gill {
namespace {

constexpr char kSignatureEnd[] = ")\n--\n\n";

// The '(' of "name(...)" at the start of a doc; null when it starts otherwise.
const char* find_signature(const char* owner, const char* doc) {
  if (!doc) return nullptr;
  if (const char* dot = std::strrchr(owner, '.')) owner = dot + 1;
  size_t length = std::strlen(owner);
  if (std::strncmp(doc, owner, length) != 0 || doc[length] != '(') return nullptr;
  return doc + length;
}

const char* skip_signature(const char* at) {
  for (; *at; ++at) {
    if (*at == *kSignatureEnd && !std::strncmp(at, kSignatureEnd, sizeof(kSignatureEnd) - 1)) return at + sizeof(kSignatureEnd) - 1;
    if (at[0] == '\n' && at[1] == '\n') return nullptr;
  }
  return nullptr;
}

}  // namespace
}  // namespace gill

extern "C" {

PyObject* _PyType_GetDocFromInternalDoc(const char* owner, const char* doc) {
  if (const char* signature = find_signature(owner, doc)) {
    if (const char* rest = skip_signature(signature)) doc = rest;
  }
  if (!doc || !*doc) return none().release();
  return PyUnicode_FromString(doc);
}

PyObject* _PyType_GetTextSignatureFromInternalDoc(const char* owner, const char* doc) {
  const char* start = find_signature(owner, doc);
  const char* end = start ? skip_signature(start) : nullptr;
  if (!end) return none().release();
  // Up to the closing parenthesis.
  return PyUnicode_FromStringAndSize(start, end - start - static_cast<Py_ssize_t>(sizeof(kSignatureEnd) - 2));
}

}  // extern "C"
