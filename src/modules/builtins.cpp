// The module `builtins`: functions over objects. What compiles and runs code is in builtins_run.cpp, what
// reads and writes text in builtins_text.cpp, reductions (sum, min, max, any, all) in builtins_reduce.cpp.
#include "modules/builtins.h"

#include "base/binding.h"
#include "base/names.h"
#include "objects/list.h"
#include "objects/type.h"

#include <cstring>

namespace gill {
namespace {

Ref<> builtin_abs(PyObject*, PyObject* x) { return steal(PyNumber_Absolute(x)); }
Ref<> builtin_ascii(PyObject*, PyObject* obj) { return steal(PyObject_ASCII(obj)); }
Ref<> builtin_bin(PyObject*, PyObject* number) { return steal(PyNumber_ToBase(number, 2)); }
Ref<> builtin_oct(PyObject*, PyObject* number) { return steal(PyNumber_ToBase(number, 8)); }
Ref<> builtin_hex(PyObject*, PyObject* number) { return steal(PyNumber_ToBase(number, 16)); }
Maybe<bool> builtin_callable(PyObject*, PyObject* obj) { return PyCallable_Check(obj) != 0; }

PyObject* builtin_chr(PyObject*, PyObject* argument) {
  // Out of the C int's range counts as out of the characters' range.
  Ref<> index = TRY(steal(PyNumber_Index(argument)));
  int overflow = 0;
  long value = PyLong_AsLongAndOverflow(index.get(), &overflow);
  if (overflow || value != static_cast<int>(value)) {
    return raise(PyExc_OverflowError, "Python int too large to convert to C int");
  }
  return PyUnicode_FromOrdinal(static_cast<int>(value));
}

Maybe<Py_ssize_t> builtin_ord(PyObject*, PyObject* c) {
  Py_ssize_t size;
  if (PyBytes_Check(c)) {
    size = PyBytes_GET_SIZE(c);
    if (size == 1) return static_cast<unsigned char>(*PyBytes_AS_STRING(c));
  } else if (PyUnicode_Check(c)) {
    size = PyUnicode_GetLength(c);
    if (size == 1) return static_cast<Py_ssize_t>(PyUnicode_ReadChar(c, 0));
  } else if (PyByteArray_Check(c)) {
    size = PyByteArray_GET_SIZE(c);
    if (size == 1) return static_cast<unsigned char>(*PyByteArray_AS_STRING(c));
  } else {
    return raise(PyExc_TypeError, "ord() expected string of length 1, but %.200s found", Py_TYPE(c)->tp_name);
  }
  return raise(PyExc_TypeError, "ord() expected a character, but string of length %zd found", size);
}

Ref<> builtin_format(PyObject*, PyObject* value, PyObject* format_spec) {
  if (format_spec && !PyUnicode_Check(format_spec)) {
    return raise(PyExc_TypeError, "format() argument 2 must be str, not %.50s", format_spec == Py_None ? "None" : Py_TYPE(format_spec)->tp_name);
  }
  return steal(PyObject_Format(value, format_spec));
}

Ref<> builtin_divmod(PyObject*, PyObject* x, PyObject* y) { return steal(PyNumber_Divmod(x, y)); }
Ref<> builtin_pow(PyObject*, PyObject* base, PyObject* exp, PyObject* mod) { return steal(PyNumber_Power(base, exp, mod)); }
Ref<> builtin_hash(PyObject*, PyObject* obj) { return steal(PyLong_FromSsize_t(TRY(checked(PyObject_Hash(obj))))); }
PyObject* builtin_id(PyObject*, PyObject* obj) {
  Ref<> id = TRY(steal(PyLong_FromVoidPtr(obj)));
  if (PySys_Audit("builtins.id", "O", id.get()) < 0) return nullptr;
  return id.release();
}
Maybe<Py_ssize_t> builtin_len(PyObject*, PyObject* obj) { return checked(PyObject_Size(obj)); }
Ref<> builtin_repr(PyObject*, PyObject* obj) { return steal(PyObject_Repr(obj)); }
Maybe<bool> builtin_isinstance(PyObject*, PyObject* obj, PyObject* classes) { return truth_of(PyObject_IsInstance(obj, classes)); }
Maybe<bool> builtin_issubclass(PyObject*, PyObject* cls, PyObject* classes) { return truth_of(PyObject_IsSubclass(cls, classes)); }

Ref<> builtin_round(PyObject*, PyObject* number, PyObject* ndigits) {
  SpecialMethod method = lookup_special(number, name<"__round__">);
  if (!method) {
    if (PyErr_Occurred()) return failure;
    return raise(PyExc_TypeError, "type %.100s doesn't define __round__ method", Py_TYPE(number)->tp_name);
  }
  if (!ndigits || ndigits == Py_None) return call_special(method, number);
  return call_special(method, number, ndigits);
}

struct SortOptions {
  PyObject* key = nullptr;
  bool reverse = false;

  // False for keywords and values that list.sort() itself must judge.
  bool read(PyObject* keywords, PyObject* const* values) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keywords); ++i) {
      PyObject* keyword = PyTuple_GET_ITEM(keywords, i);
      if (keyword == name<"key">) key = values[i] == Py_None ? nullptr : values[i];
      else if (keyword == name<"reverse"> && PyBool_Check(values[i])) reverse = values[i] == Py_True;
      else return false;
    }
    return true;
  }
};

PyObject* builtin_sorted(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (!_PyArg_CheckPositional("sorted", count, 1, 1)) return nullptr;
  Ref<> list = TRY(steal(PySequence_List(args[0])));
  SortOptions options;
  if (!keywords || options.read(keywords, args + 1)) {
    TRY(list_sort(reinterpret_cast<PyListObject*>(list.get()), options.key, options.reverse));
  } else {
    Ref<> sort = TRY(steal(PyObject_GetAttr(list.get(), name<"sort">)));
    (void)TRY(steal(PyObject_Vectorcall(sort.get(), args + 1, 0, keywords)));
  }
  return list.release();
}

// ---- attributes ---------------------------------------------------------------------------------

PyObject* builtin_getattr(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!_PyArg_CheckPositional("getattr", count, 2, 3)) return nullptr;
  PyObject* attribute = args[1];
  if (!PyUnicode_Check(attribute)) {
    return raise(PyExc_TypeError, "attribute name must be string, not '%.200s'", Py_TYPE(attribute)->tp_name);
  }
  if (count == 2) return PyObject_GetAttr(args[0], attribute);
  PyObject* found = nullptr;
  if (_PyObject_LookupAttr(args[0], attribute, &found) == 0) return borrow(args[2]).release();
  return found;
}
PyObject* builtin_hasattr(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!_PyArg_CheckPositional("hasattr", count, 2, 2)) return nullptr;
  if (!PyUnicode_Check(args[1])) {
    return raise(PyExc_TypeError, "attribute name must be string, not '%.200s'", Py_TYPE(args[1])->tp_name);
  }
  PyObject* found = nullptr;
  int result = _PyObject_LookupAttr(args[0], args[1], &found);
  if (result < 0) return nullptr;
  Ref<> own = steal(found);
  return py_bool(result != 0).release();
}
Status builtin_setattr(PyObject*, PyObject* obj, PyObject* attribute, PyObject* value) {
  return status_of(PyObject_SetAttr(obj, attribute, value));
}
Status builtin_delattr(PyObject*, PyObject* obj, PyObject* attribute) { return status_of(PyObject_SetAttr(obj, attribute, nullptr)); }

PyObject* builtin_dir(PyObject*, PyObject* args) {
  PyObject* object = nullptr;
  if (!PyArg_UnpackTuple(args, "dir", 0, 1, &object)) return nullptr;
  return PyObject_Dir(object);
}

PyObject* builtin_vars(PyObject*, PyObject* args) {
  PyObject* object = nullptr;
  if (!PyArg_UnpackTuple(args, "vars", 0, 1, &object)) return nullptr;
  if (!object) {
    PyObject* locals = PyEval_GetLocals();
    return locals ? borrow(locals).release() : nullptr;
  }
  PyObject* dict = nullptr;
  if (_PyObject_LookupAttr(object, name<"__dict__">, &dict) == 0) {
    return raise(PyExc_TypeError, "vars() argument must have __dict__ attribute");
  }
  return dict;
}

Ref<> builtin_globals(PyObject*) { return borrow(PyEval_GetGlobals()); }
Ref<> builtin_locals(PyObject*) { return borrow(PyEval_GetLocals()); }

// ---- iteration ----------------------------------------------------------------------------------

PyObject* builtin_iter(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!_PyArg_CheckPositional("iter", count, 1, 2)) return nullptr;
  if (count == 1) return PyObject_GetIter(args[0]);
  if (!PyCallable_Check(args[0])) return raise(PyExc_TypeError, "iter(v, w): v must be callable");
  return PyCallIter_New(args[0], args[1]);
}

PyObject* builtin_next(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!_PyArg_CheckPositional("next", count, 1, 2)) return nullptr;
  PyObject* iterator = args[0];
  if (!PyIter_Check(iterator)) return raise(PyExc_TypeError, "'%.200s' object is not an iterator", Py_TYPE(iterator)->tp_name);
  PyObject* result = Py_TYPE(iterator)->tp_iternext(iterator);
  if (result) return result;
  if (count == 2) {
    if (PyErr_Occurred()) {
      if (!PyErr_ExceptionMatches(PyExc_StopIteration)) return nullptr;
      PyErr_Clear();
    }
    return borrow(args[1]).release();
  }
  if (!PyErr_Occurred()) PyErr_SetNone(PyExc_StopIteration);
  return nullptr;
}

Ref<> builtin_aiter(PyObject*, PyObject* iterable) { return steal(PyObject_GetAIter(iterable)); }

extern "C" PyObject* PyAnextAwaitable_New(PyObject* awaitable, PyObject* fallback);

Ref<> builtin_anext(PyObject*, PyObject* iterator, PyObject* fallback) {
  PyTypeObject* type = Py_TYPE(iterator);
  if (!type->tp_as_async || !type->tp_as_async->am_anext) {
    return raise(PyExc_TypeError, "'%.200s' object is not an async iterator", type->tp_name);
  }
  Ref<> awaitable = TRY(steal(type->tp_as_async->am_anext(iterator)));
  if (!fallback) return awaitable;
  return steal(PyAnextAwaitable_New(awaitable.get(), fallback));
}

const PyMethodDef kMethods[] = {
    METHOD("abs($module, x, /)", builtin_abs, "Return the absolute value of the argument."),
    METHOD("aiter($module, async_iterable, /)", builtin_aiter, "Return an AsyncIterator for an AsyncIterable object."),
    METHOD("anext($module, aiterator, default=<unrepresentable>, /)", builtin_anext,
           "Return the next item from the async iterator.\n\nIf default is given and the async iterator is exhausted, it is returned."),
    METHOD("ascii($module, obj, /)", builtin_ascii, "Return an ASCII-only representation of an object."),
    METHOD("bin($module, number, /)", builtin_bin, "Return the binary representation of an integer.\n\n   >>> bin(10)\n   '0b1010'"),
    METHOD("callable($module, obj, /)", builtin_callable, "Return whether the object is callable (i.e., some kind of function)."),
    {"chr", builtin_chr, METH_O, "chr($module, i, /)\n--\n\nReturn a Unicode string of one character with ordinal i; 0 <= i <= 0x10ffff."},
    METHOD("delattr($module, obj, name, /)", builtin_delattr, "Deletes the named attribute from the given object."),
    {"dir", builtin_dir, METH_VARARGS, "dir([object]) -> list of strings\n\nThe names in the current scope, or the attributes of the object."},
    METHOD("divmod($module, x, y, /)", builtin_divmod, "Return the tuple (x//y, x%y).  Invariant: div*y + mod == x."),
    METHOD("format($module, value, format_spec='', /)", builtin_format, "Return type(value).__format__(value, format_spec)"),
    {"getattr", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&builtin_getattr)), METH_FASTCALL,
     "getattr(object, name[, default]) -> value\n\nGet a named attribute from an object; getattr(x, 'y') is equivalent to x.y."},
    METHOD("globals($module, /)", builtin_globals, "Return the dictionary containing the current scope's global variables."),
    {"hasattr", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&builtin_hasattr)), METH_FASTCALL,
     "hasattr($module, obj, name, /)\n--\n\nReturn whether the object has an attribute with the given name."},
    METHOD("hash($module, obj, /)", builtin_hash, "Return the hash value for the given object."),
    METHOD("hex($module, number, /)", builtin_hex, "Return the hexadecimal representation of an integer.\n\n   >>> hex(255)\n   '0xff'"),
    {"id", builtin_id, METH_O, "id($module, obj, /)\n--\n\nReturn the identity of an object: unique among objects that exist at the same time."},
    METHOD("isinstance($module, obj, class_or_tuple, /)", builtin_isinstance,
           "Return whether an object is an instance of a class or of a subclass thereof."),
    METHOD("issubclass($module, cls, class_or_tuple, /)", builtin_issubclass,
           "Return whether 'cls' is derived from another class or is the same class."),
    {"iter", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&builtin_iter)), METH_FASTCALL,
     "iter(iterable) -> iterator\niter(callable, sentinel) -> iterator\n\nGet an iterator from an object."},
    METHOD("len($module, obj, /)", builtin_len, "Return the number of items in a container."),
    METHOD("locals($module, /)", builtin_locals, "Return a dictionary containing the current scope's local variables."),
    {"next", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&builtin_next)), METH_FASTCALL,
     "next(iterator[, default])\n\nReturn the next item from the iterator."},
    METHOD("oct($module, number, /)", builtin_oct, "Return the octal representation of an integer.\n\n   >>> oct(64)\n   '0o100'"),
    METHOD("ord($module, c, /)", builtin_ord, "Return the Unicode code point for a one-character string."),
    METHOD("pow($module, /, base, exp, mod=None)", builtin_pow,
           "Equivalent to base**exp with 2 arguments or base**exp % mod with 3 arguments."),
    METHOD("repr($module, obj, /)", builtin_repr, "Return the canonical string representation of the object."),
    METHOD("round($module, /, number, ndigits=None)", builtin_round, "Round a number to a given precision in decimal digits."),
    METHOD("setattr($module, obj, name, value, /)", builtin_setattr, "Sets the named attribute on the given object to the specified value."),
    {"sorted", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&builtin_sorted)), METH_FASTCALL | METH_KEYWORDS,
     "sorted($module, iterable, /, *, key=None, reverse=False)\n--\n\nReturn a new list containing all items from the iterable in ascending order."},
    {"vars", builtin_vars, METH_VARARGS, "vars([object]) -> dictionary\n\nWithout arguments, equivalent to locals(), else object.__dict__."},
    kEndOfMethods,
};

struct NamedObject {
  const char* name;
  PyObject* object;
};
struct NamedType {
  const char* name;
  PyTypeObject* type;
};
const NamedType kTypes[] = {
    {"bool", &PyBool_Type},           {"memoryview", &PyMemoryView_Type}, {"bytearray", &PyByteArray_Type},
    {"bytes", &PyBytes_Type},         {"classmethod", &PyClassMethod_Type}, {"complex", &PyComplex_Type},
    {"dict", &PyDict_Type},           {"enumerate", &PyEnum_Type},        {"filter", &PyFilter_Type},
    {"float", &PyFloat_Type},         {"frozenset", &PyFrozenSet_Type},   {"property", &PyProperty_Type},
    {"int", &PyLong_Type},            {"list", &PyList_Type},             {"map", &PyMap_Type},
    {"object", &PyBaseObject_Type},   {"range", &PyRange_Type},           {"reversed", &PyReversed_Type},
    {"set", &PySet_Type},             {"slice", &PySlice_Type},           {"staticmethod", &PyStaticMethod_Type},
    {"str", &PyUnicode_Type},         {"super", &PySuper_Type},           {"tuple", &PyTuple_Type},
    {"type", &PyType_Type},           {"zip", &PyZip_Type},
};

PyModuleDef kModule = {
    PyModuleDef_HEAD_INIT, "builtins",
    "Built-in functions, exceptions, and other objects.\n\nNoteworthy: None is the `nil' object; Ellipsis represents `...' in slices.",
    -1, table(kMethods), nullptr, nullptr, nullptr, nullptr};

extern "C" PyTypeObject _PyExc_ExceptionGroup;

// The order is that in which a misspelt name is compared with them.
PyObject** const kExceptions[] = {
    &PyExc_BaseException, &PyExc_BaseExceptionGroup, &PyExc_Exception, &PyExc_GeneratorExit, &PyExc_KeyboardInterrupt, &PyExc_SystemExit,
    &PyExc_ArithmeticError, &PyExc_AssertionError, &PyExc_AttributeError, &PyExc_BufferError, &PyExc_EOFError, &PyExc_ImportError,
    &PyExc_LookupError, &PyExc_MemoryError, &PyExc_NameError, &PyExc_OSError, &PyExc_ReferenceError, &PyExc_RuntimeError,
    &PyExc_StopAsyncIteration, &PyExc_StopIteration, &PyExc_SyntaxError, &PyExc_SystemError, &PyExc_TypeError, &PyExc_ValueError,
    &PyExc_Warning, &PyExc_FloatingPointError, &PyExc_OverflowError, &PyExc_ZeroDivisionError, &PyExc_BytesWarning,
    &PyExc_DeprecationWarning, &PyExc_EncodingWarning, &PyExc_FutureWarning, &PyExc_ImportWarning, &PyExc_PendingDeprecationWarning,
    &PyExc_ResourceWarning, &PyExc_RuntimeWarning, &PyExc_SyntaxWarning, &PyExc_UnicodeWarning, &PyExc_UserWarning, &PyExc_BlockingIOError,
    &PyExc_ChildProcessError, &PyExc_ConnectionError, &PyExc_FileExistsError, &PyExc_FileNotFoundError, &PyExc_InterruptedError,
    &PyExc_IsADirectoryError, &PyExc_NotADirectoryError, &PyExc_PermissionError, &PyExc_ProcessLookupError, &PyExc_TimeoutError,
    &PyExc_IndentationError, &PyExc_IndexError, &PyExc_KeyError, &PyExc_ModuleNotFoundError, &PyExc_NotImplementedError,
    &PyExc_RecursionError, &PyExc_UnboundLocalError, &PyExc_UnicodeError, &PyExc_BrokenPipeError, &PyExc_ConnectionAbortedError,
    &PyExc_ConnectionRefusedError, &PyExc_ConnectionResetError, &PyExc_TabError, &PyExc_UnicodeDecodeError, &PyExc_UnicodeEncodeError,
    &PyExc_UnicodeTranslateError,
};

Status add_exceptions(PyObject* dict) {
  for (PyObject** exception : kExceptions) {
    TRY(status_of(PyDict_SetItemString(dict, reinterpret_cast<PyTypeObject*>(*exception)->tp_name, *exception)));
  }
  TRY(status_of(PyDict_SetItemString(dict, "ExceptionGroup", as_object(&_PyExc_ExceptionGroup))));
  TRY(status_of(PyDict_SetItemString(dict, "EnvironmentError", PyExc_OSError)));
  return status_of(PyDict_SetItemString(dict, "IOError", PyExc_OSError));
}

}  // namespace

Ref<> create_builtins() {
  Ref<> module = TRY(steal(PyModule_Create2(&kModule, PYTHON_API_VERSION)));
  for (PyMethodDef* methods : {builtins_run_methods(), builtins_text_methods(), builtins_reduce_methods()}) {
    TRY(status_of(PyModule_AddFunctions(module.get(), methods)));
  }
  PyObject* dict = PyModule_GetDict(module.get());
  const NamedObject constants[] = {
      {"None", Py_None}, {"Ellipsis", Py_Ellipsis}, {"NotImplemented", Py_NotImplemented}, {"False", Py_False}, {"True", Py_True}};
  for (const NamedObject& c : constants) TRY(status_of(PyDict_SetItemString(dict, c.name, c.object)));
  for (const NamedType& t : kTypes) TRY(status_of(PyDict_SetItemString(dict, t.name, as_object(t.type))));
  TRY(status_of(PyDict_SetItemString(dict, "__debug__", _Py_GetConfig()->optimization_level == 0 ? Py_True : Py_False)));
  TRY(add_exceptions(dict));
  return module;
}

}  // namespace gill
