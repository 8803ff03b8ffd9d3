// Code objects: construction, the plain and the quickened form of the code, comparison, the C API.
//
// co_code_adaptive is what runs; the evaluation loop rewrites opcodes and caches in it. Whatever leaves
// the object (co_code, comparison, marshal) is the plain form. Tables are in code_tables.cpp, the type with its
// attributes in code_type.cpp.
#include "objects/code.h"

#include <climits>
#include <cmath>
#include <cstring>

#include "base/binding.h"
#include "objects/frame.h"
#include "objects/opcodes.h"

namespace gill {

namespace {

bool looks_like_name(PyObject* text) {
  if (!PyUnicode_IS_ASCII(text)) return false;
  const auto* p = PyUnicode_1BYTE_DATA(text);
  for (Py_ssize_t i = 0, n = PyUnicode_GET_LENGTH(text); i < n; ++i) {
    if (!Py_ISALNUM(p[i]) && p[i] != '_') return false;
  }
  return true;
}

Status intern_names(PyObject* tuple) {
  for (Py_ssize_t i = PyTuple_GET_SIZE(tuple); --i >= 0;) {
    PyObject* item = PyTuple_GET_ITEM(tuple, i);
    if (!PyUnicode_CheckExact(item)) return raise(PyExc_SystemError, "non-string found in code slot");
    PyUnicode_InternInPlace(&reinterpret_cast<PyTupleObject*>(tuple)->ob_item[i]);
  }
  return Status::ok;
}

// Interns the constants that look like names, inside tuples and frozensets too.
Status intern_constants(PyObject* tuple, bool* modified) {
  for (Py_ssize_t i = PyTuple_GET_SIZE(tuple); --i >= 0;) {
    PyObject*& item = reinterpret_cast<PyTupleObject*>(tuple)->ob_item[i];
    if (PyUnicode_CheckExact(item)) {
      if (PyUnicode_READY(item) < 0) return Status::error;
      if (looks_like_name(item)) {
        PyObject* before = item;
        PyUnicode_InternInPlace(&item);
        if (before != item && modified) *modified = true;
      }
    } else if (PyTuple_CheckExact(item)) {
      // A tuple that marshal read may hold itself.
      if (Py_EnterRecursiveCall(" while interning constants")) return Status::error;
      Status interned = intern_constants(item, nullptr);
      Py_LeaveRecursiveCall();
      TRY(interned);
    } else if (PyFrozenSet_CheckExact(item)) {
      Ref<> copy = TRY(steal(PySequence_Tuple(item)));
      bool changed = false;
      TRY(intern_constants(copy.get(), &changed));
      if (changed) {
        Ref<> set = TRY(steal(PyFrozenSet_New(copy.get())));
        set_field(item, std::move(set));
        if (modified) *modified = true;
      }
    }
  }
  return Status::ok;
}

struct VariableCounts {
  int locals = 0, plain_cells = 0, cells = 0, free = 0;
};
VariableCounts count_variables(PyObject* kinds) {
  VariableCounts counts;
  const char* p = PyBytes_AS_STRING(kinds);
  for (Py_ssize_t i = 0, n = PyBytes_GET_SIZE(kinds); i < n; ++i) {
    auto kind = static_cast<unsigned char>(p[i]);
    if (kind & kLocalKind) {
      ++counts.locals;
      if (kind & kCellKind) ++counts.cells;
    } else if (kind & kCellKind) {
      ++counts.cells;
      ++counts.plain_cells;
    } else if (kind & kFreeKind) {
      ++counts.free;
    }
  }
  return counts;
}

// Locals come first, then cells of their own, then free variables, which is what the places of arguments and closures rely on.
bool has_ordered_kinds(PyObject* kinds) {
  int before = 0;
  for (Py_ssize_t i = 0; i < PyBytes_GET_SIZE(kinds); ++i) {
    auto kind = static_cast<unsigned char>(PyBytes_AS_STRING(kinds)[i]);
    bool known = kind == kLocalKind || kind == (kLocalKind | kCellKind) || kind == kCellKind || kind == kFreeKind;
    int rank = kind & kLocalKind ? 0 : kind & kCellKind ? 1 : 2;
    if (!known || rank < before) return false;
    before = rank;
  }
  return true;
}

Ref<> names_of_kind(PyCodeObject* code, unsigned char kind, int count) {
  Ref<> result = TRY(steal(PyTuple_New(count)));
  int out = 0;
  for (int i = 0; i < code->co_nlocalsplus && out < count; ++i) {
    if (!(static_cast<unsigned char>(PyBytes_AS_STRING(code->co_localspluskinds)[i]) & kind)) continue;
    PyTuple_SET_ITEM(result.get(), out++, Py_NewRef(PyTuple_GET_ITEM(code->co_localsplusnames, i)));
  }
  return result;
}

}  // namespace

Ref<> code_varnames(PyCodeObject* code) { return names_of_kind(code, kLocalKind, code->co_nlocals); }
Ref<> code_cellvars(PyCodeObject* code) { return names_of_kind(code, kCellKind, code->co_ncellvars); }
Ref<> code_freevars(PyCodeObject* code) { return names_of_kind(code, kFreeKind, code->co_nfreevars); }

Status intern_strings_of(PyCodeObject* code) {
  TRY(intern_names(code->co_names));
  TRY(intern_constants(code->co_consts, nullptr));
  TRY(intern_names(code->co_localsplusnames));
  PyUnicode_InternInPlace(&code->co_name);
  return Status::ok;
}

Ref<> adaptive_code(PyCodeObject* code) {
  Ref<> bytes = TRY(steal(PyBytes_FromStringAndSize(code->co_code_adaptive, _PyCode_NBYTES(code))));
  if (Py_SIZE(code)) *reinterpret_cast<_Py_CODEUNIT*>(PyBytes_AS_STRING(bytes.get())) = first_unit(code);
  return bytes;
}

Ref<> plain_code(PyCodeObject* code) {
  if (code->_co_code) return borrow(code->_co_code);
  Ref<> bytes = TRY(adaptive_code(code));
  auto* units = reinterpret_cast<unsigned char*>(PyBytes_AS_STRING(bytes.get()));
  for (Py_ssize_t i = 0, n = Py_SIZE(code); i < n; ++i) {
    Op plain = plain_form(static_cast<Op>(units[2 * i]));
    if (info_of(units[2 * i]).name) units[2 * i] = static_cast<unsigned char>(plain);
    for (int caches = info_of(units[2 * i]).caches; caches > 0 && i + 1 < n; --caches) {
      ++i;
      units[2 * i] = units[2 * i + 1] = 0;
    }
  }
  code->_co_code = bytes.new_ref().release();
  return bytes;
}

extern "C" {

int _PyCode_Validate(_PyCodeConstructor* con) {
  if (con->argcount < con->posonlyargcount || con->posonlyargcount < 0 || con->kwonlyargcount < 0 || con->stacksize < 0 || con->flags < 0 ||
      !con->code || !PyBytes_Check(con->code) || !con->consts || !PyTuple_Check(con->consts) || !con->names ||
      !PyTuple_Check(con->names) || !con->localsplusnames || !PyTuple_Check(con->localsplusnames) || !con->localspluskinds ||
      !PyBytes_Check(con->localspluskinds) || PyTuple_GET_SIZE(con->localsplusnames) != PyBytes_GET_SIZE(con->localspluskinds) ||
      !con->name || !PyUnicode_Check(con->name) || !con->qualname || !PyUnicode_Check(con->qualname) || !con->filename ||
      !PyUnicode_Check(con->filename) || !con->linetable || !PyBytes_Check(con->linetable) || !con->exceptiontable ||
      !PyBytes_Check(con->exceptiontable)) {
    PyErr_BadInternalCall();
    return -1;
  }
  if (PyBytes_GET_SIZE(con->code) % 2 != 0 || PyBytes_GET_SIZE(con->code) > INT_MAX - 1024 || PyTuple_GET_SIZE(con->localsplusnames) > INT_MAX) {
    PyErr_SetString(PyExc_ValueError, "code: co_code is malformed");
    return -1;
  }
  if (con->stacksize > INT_MAX - 1024 - static_cast<int>(PyTuple_GET_SIZE(con->localsplusnames))) {
    PyErr_SetString(PyExc_OverflowError, "code: co_stacksize is too large");
    return -1;
  }
  if (!has_ordered_kinds(con->localspluskinds)) {
    PyErr_SetString(PyExc_ValueError, "code: co_localspluskinds is malformed");
    return -1;
  }
  VariableCounts counts = count_variables(con->localspluskinds);
  Py_ssize_t total_args = Py_ssize_t{con->argcount} + con->kwonlyargcount + !!(con->flags & CO_VARARGS) + !!(con->flags & CO_VARKEYWORDS);
  if (total_args > counts.locals) {
    PyErr_SetString(PyExc_ValueError, "code: co_varnames is too small");
    return -1;
  }
  return 0;
}

PyCodeObject* _PyCode_New(_PyCodeConstructor* con) {
  if (_PyCode_Validate(con) < 0) return nullptr;
  if (intern_names(con->names) == Status::error || intern_constants(con->consts, nullptr) == Status::error ||
      intern_names(con->localsplusnames) == Status::error) {
    return nullptr;
  }
  // -X no_debug_ranges: columns take room and are not shown.
  Ref<> lines = _Py_GetConfig()->code_debug_ranges ? borrow(con->linetable) : without_columns(con->linetable);
  if (!lines) return nullptr;
  Py_ssize_t size = PyBytes_GET_SIZE(con->code) / 2;
  auto* code = static_cast<PyCodeObject*>(PyObject_Malloc(offsetof(PyCodeObject, co_code_adaptive) + static_cast<size_t>(size + 1) * 2));
  if (!code) return reinterpret_cast<PyCodeObject*>(PyErr_NoMemory());
  std::memset(static_cast<void*>(code), 0, offsetof(PyCodeObject, co_code_adaptive));
  PyObject_InitVar(reinterpret_cast<PyVarObject*>(code), &PyCode_Type, size);

  code->co_name = Py_NewRef(con->name);
  PyUnicode_InternInPlace(&code->co_name);
  code->co_qualname = Py_NewRef(con->qualname);
  PyUnicode_InternInPlace(&code->co_qualname);
  code->co_filename = Py_NewRef(con->filename);
  code->co_flags = con->flags;
  code->co_firstlineno = con->firstlineno;
  code->co_linetable = lines.release();
  code->co_consts = Py_NewRef(con->consts);
  code->co_names = Py_NewRef(con->names);
  code->co_localsplusnames = Py_NewRef(con->localsplusnames);
  code->co_localspluskinds = Py_NewRef(con->localspluskinds);
  code->co_argcount = con->argcount;
  code->co_posonlyargcount = con->posonlyargcount;
  code->co_kwonlyargcount = con->kwonlyargcount;
  code->co_stacksize = con->stacksize;
  code->co_exceptiontable = Py_NewRef(con->exceptiontable);
  VariableCounts counts = count_variables(con->localspluskinds);
  code->co_nlocalsplus = static_cast<int>(PyTuple_GET_SIZE(con->localsplusnames));
  code->co_nlocals = counts.locals;
  code->co_nplaincellvars = counts.plain_cells;
  code->co_ncellvars = counts.cells;
  code->co_nfreevars = counts.free;
  code->co_warmup = kCodeWarmup;
  std::memcpy(code->co_code_adaptive, PyBytes_AS_STRING(con->code), static_cast<size_t>(size) * 2);
  auto* units = reinterpret_cast<unsigned char*>(code->co_code_adaptive);
  int traceable = 0;
  while (traceable < size && units[2 * traceable] != static_cast<unsigned char>(Op::RESUME)) ++traceable;
  code->_co_firsttraceable = traceable;
  auto* first = reinterpret_cast<_Py_CODEUNIT*>(units);
  first[size] = first[0];
  first[0] = static_cast<_Py_CODEUNIT>(Op::VERIFY);
  return code;
}

PyCodeObject* PyCode_NewWithPosOnlyArgs(int argcount, int posonlyargcount, int kwonlyargcount, int nlocals, int stacksize, int flags,
                                        PyObject* code, PyObject* consts, PyObject* names, PyObject* varnames, PyObject* freevars,
                                        PyObject* cellvars, PyObject* filename, PyObject* name, PyObject* qualname, int firstlineno,
                                        PyObject* linetable, PyObject* exceptiontable) {
  if (argcount < 0 || !varnames || !PyTuple_Check(varnames) || !cellvars || !PyTuple_Check(cellvars) || !freevars || !PyTuple_Check(freevars)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  if (nlocals != PyTuple_GET_SIZE(varnames)) {
    PyErr_SetString(PyExc_ValueError, "code: co_nlocals != len(co_varnames)");
    return nullptr;
  }
  Py_ssize_t local_count = PyTuple_GET_SIZE(varnames), cell_count = PyTuple_GET_SIZE(cellvars), free_count = PyTuple_GET_SIZE(freevars);
  // A cell that is an argument or local shares its slot.
  Ref<> all = steal(PyList_New(0));
  if (!all) return nullptr;
  Ref<> kinds = steal(PyByteArray_FromStringAndSize(nullptr, local_count + cell_count + free_count));
  if (!kinds) return nullptr;
  char* kind = PyByteArray_AS_STRING(kinds.get());
  Py_ssize_t total = 0;
  for (Py_ssize_t i = 0; i < local_count; ++i) {
    kind[total++] = static_cast<char>(kLocalKind);
    if (PyList_Append(all.get(), PyTuple_GET_ITEM(varnames, i)) < 0) return nullptr;
  }
  for (Py_ssize_t i = 0; i < cell_count; ++i) {
    PyObject* cell = PyTuple_GET_ITEM(cellvars, i);
    bool shared = false;
    for (Py_ssize_t j = 0; j < local_count && !shared; ++j) {
      int same = PyObject_RichCompareBool(cell, PyTuple_GET_ITEM(varnames, j), Py_EQ);
      if (same < 0) return nullptr;
      if (same) {
        kind[j] = static_cast<char>(kind[j] | kCellKind);
        shared = true;
      }
    }
    if (shared) continue;
    kind[total++] = static_cast<char>(kCellKind);
    if (PyList_Append(all.get(), cell) < 0) return nullptr;
  }
  for (Py_ssize_t i = 0; i < free_count; ++i) {
    kind[total++] = static_cast<char>(kFreeKind);
    if (PyList_Append(all.get(), PyTuple_GET_ITEM(freevars, i)) < 0) return nullptr;
  }
  Ref<> all_names = steal(PyList_AsTuple(all.get()));
  Ref<> all_kinds = steal(PyBytes_FromStringAndSize(kind, total));
  if (!all_names || !all_kinds) return nullptr;
  _PyCodeConstructor con = {filename, name, qualname, flags, code, firstlineno, linetable, consts, names, all_names.get(), all_kinds.get(),
                            argcount, posonlyargcount, kwonlyargcount, stacksize, exceptiontable};
  return _PyCode_New(&con);
}

PyCodeObject* PyCode_New(int argcount, int kwonlyargcount, int nlocals, int stacksize, int flags, PyObject* code, PyObject* consts,
                         PyObject* names, PyObject* varnames, PyObject* freevars, PyObject* cellvars, PyObject* filename, PyObject* name,
                         PyObject* qualname, int firstlineno, PyObject* linetable, PyObject* exceptiontable) {
  return PyCode_NewWithPosOnlyArgs(argcount, 0, kwonlyargcount, nlocals, stacksize, flags, code, consts, names, varnames, freevars,
                                   cellvars, filename, name, qualname, firstlineno, linetable, exceptiontable);
}

// A code object that only carries a place for tracebacks: it raises AssertionError if it ever runs.
PyCodeObject* PyCode_NewEmpty(const char* filename, const char* funcname, int firstlineno) {
  Ref<> file = steal(PyUnicode_DecodeFSDefault(filename));
  Ref<> function = steal(PyUnicode_FromString(funcname));
  Ref<> empty = steal(PyTuple_New(0));
  Ref<> no_bytes = steal(PyBytes_FromStringAndSize(nullptr, 0));
  const unsigned char units[] = {static_cast<unsigned char>(Op::RESUME), 0, static_cast<unsigned char>(Op::LOAD_ASSERTION_ERROR), 0,
                                 static_cast<unsigned char>(Op::RAISE_VARARGS), 1};
  Ref<> code = steal(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(units), sizeof(units)));
  // One entry without columns, line delta 0, for three code units.
  const unsigned char line[] = {0x80 | (13 << 3) | 2, 0};
  Ref<> table = steal(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(line), sizeof(line)));
  if (!file || !function || !empty || !no_bytes || !code || !table) return nullptr;
  _PyCodeConstructor con = {file.get(), function.get(), function.get(), CO_OPTIMIZED | CO_NEWLOCALS, code.get(), firstlineno, table.get(),
                            empty.get(), empty.get(), empty.get(), no_bytes.get(), 0, 0, 0, 1, no_bytes.get()};
  PyCodeObject* made = _PyCode_New(&con);
  if (made) trust_code(made);
  return made;
}

PyObject* PyCode_GetCode(PyCodeObject* code) { return plain_code(code).release(); }
PyObject* PyCode_GetVarnames(PyCodeObject* code) { return code_varnames(code).release(); }
PyObject* PyCode_GetCellvars(PyCodeObject* code) { return code_cellvars(code).release(); }
PyObject* PyCode_GetFreevars(PyCodeObject* code) { return code_freevars(code).release(); }

// The historical peephole optimizer's entry: the compiler optimizes the flow graph instead.
PyObject* PyCode_Optimize(PyObject* code, PyObject*, PyObject*, PyObject*) { return Py_NewRef(code); }

// A key under which equal constants of equal type compare equal, and no others: 1, 1.0 and True differ, so do 0.0 and -0.0.
PyObject* _PyCode_ConstantKey(PyObject* op) {
  auto typed = [&](PyObject* value) { return PyTuple_Pack(2, reinterpret_cast<PyObject*>(Py_TYPE(op)), value); };
  if (op == Py_None || op == Py_Ellipsis || PyLong_CheckExact(op) || PyUnicode_CheckExact(op) || PyCode_Check(op)) return Py_NewRef(op);
  if (PyBool_Check(op) || PyBytes_CheckExact(op)) return typed(op);
  if (PyFloat_CheckExact(op)) {
    double d = PyFloat_AS_DOUBLE(op);
    if (d == 0.0 && std::signbit(d)) return PyTuple_Pack(3, reinterpret_cast<PyObject*>(Py_TYPE(op)), op, Py_None);
    return typed(op);
  }
  if (PyComplex_CheckExact(op)) {
    Py_complex z = PyComplex_AsCComplex(op);
    bool real_negative = z.real == 0.0 && std::signbit(z.real), imag_negative = z.imag == 0.0 && std::signbit(z.imag);
    if (real_negative || imag_negative) {
      PyObject* which = real_negative && imag_negative ? Py_True : imag_negative ? Py_False : Py_None;
      return PyTuple_Pack(3, reinterpret_cast<PyObject*>(Py_TYPE(op)), op, which);
    }
    return typed(op);
  }
  if (PyTuple_CheckExact(op) || PyFrozenSet_CheckExact(op)) {
    Ref<> items = PyTuple_CheckExact(op) ? borrow(op) : steal(PySequence_Tuple(op));
    if (!items) return nullptr;
    Py_ssize_t n = PyTuple_GET_SIZE(items.get());
    Ref<> keys = steal(PyTuple_New(n));
    if (!keys) return nullptr;
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* key = _PyCode_ConstantKey(PyTuple_GET_ITEM(items.get(), i));
      if (!key) return nullptr;
      PyTuple_SET_ITEM(keys.get(), i, key);
    }
    if (PyTuple_CheckExact(op)) return PyTuple_Pack(2, keys.get(), op);
    Ref<> set = steal(PyFrozenSet_New(keys.get()));
    return set ? PyTuple_Pack(2, set.get(), op) : nullptr;
  }
  Ref<> address = steal(PyLong_FromVoidPtr(op));
  return address ? PyTuple_Pack(2, op, address.get()) : nullptr;
}

}  // extern "C"

}  // namespace gill
