// The type `code`: constructor, attributes, replace(), co_lines(), co_positions(), comparison; extra data.
#include <Python.h>
#include <structmember.h>

#include <cstring>

#include "base/binding.h"
#include "base/names.h"
#include "memory/sampler.h"
#include "objects/code.h"
#include "objects/frame.h"
#include "objects/opcodes.h"

namespace gill {

namespace {

// ---- iterators ------------------------------------------------------------------------------------

struct PositionIterator {
  PyObject_HEAD
  PyCodeObject* code;
  alignas(LocationReader) char reader[sizeof(LocationReader)];
  int offset;
  LocationReader& locations() { return *reinterpret_cast<LocationReader*>(reader); }
};

struct LineIterator {
  PyObject_HEAD
  PyCodeObject* code;
  alignas(LineReader) char reader[sizeof(LineReader)];
  LineReader& lines() { return *reinterpret_cast<LineReader*>(reader); }
};

Ref<> number_or_none(int value) { return value == -1 ? none() : steal(PyLong_FromLong(value)); }

Ref<> position_next(PositionIterator* self) {
  LocationReader& reader = self->locations();
  if (self->offset >= reader.end && !reader.next()) return nullptr;
  self->offset += 2;
  Ref<> line = TRY(number_or_none(reader.line));
  Ref<> end_line = TRY(number_or_none(reader.end_line));
  Ref<> column = TRY(number_or_none(reader.column));
  Ref<> end_column = TRY(number_or_none(reader.end_column));
  return steal(PyTuple_Pack(4, line.get(), end_line.get(), column.get(), end_column.get()));
}

Ref<> line_next(LineIterator* self) {
  LineReader& reader = self->lines();
  if (!reader.next()) return nullptr;
  Ref<> start = TRY(steal(PyLong_FromLong(reader.start)));
  Ref<> end = TRY(steal(PyLong_FromLong(reader.end)));
  Ref<> line = TRY(number_or_none(reader.line));
  return steal(PyTuple_Pack(3, start.get(), end.get(), line.get()));
}

template <class T>
void iterator_dealloc(T* self) {
  clear_field(self->code);
  Py_TYPE(self)->tp_free(self);
}

}  // namespace

extern "C" {
PyTypeObject GillPositionIterator_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "positions_iterator",
    .tp_basicsize = sizeof(PositionIterator),
    .tp_dealloc = slot<iterator_dealloc<PositionIterator>>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<position_next>,
    .tp_alloc = PyType_GenericAlloc,
    .tp_free = PyObject_Free,
};
PyTypeObject _PyLineIterator = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "line_iterator",
    .tp_basicsize = sizeof(LineIterator),
    .tp_dealloc = slot<iterator_dealloc<LineIterator>>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<line_next>,
    .tp_alloc = PyType_GenericAlloc,
    .tp_free = PyObject_Free,
};
}
GILL_STATIC_TYPE(GillPositionIterator_Type);
GILL_STATIC_TYPE(_PyLineIterator);

namespace {

Ref<> code_positions(PyCodeObject* self) {
  auto* iterator = PyObject_New(PositionIterator, &GillPositionIterator_Type);
  if (!iterator) return nullptr;
  iterator->code = borrow(self).release();
  iterator->offset = 0;
  new (iterator->reader) LocationReader(self);
  return steal(as_object(iterator));
}

Ref<> code_lines(PyCodeObject* self) {
  auto* iterator = PyObject_New(LineIterator, &_PyLineIterator);
  if (!iterator) return nullptr;
  iterator->code = borrow(self).release();
  new (iterator->reader) LineReader(self);
  return steal(as_object(iterator));
}

// ---- attributes -----------------------------------------------------------------------------------

Ref<> get_varnames(PyCodeObject* self) { return code_varnames(self); }
Ref<> get_cellvars(PyCodeObject* self) { return code_cellvars(self); }
Ref<> get_freevars(PyCodeObject* self) { return code_freevars(self); }
Ref<> get_code(PyCodeObject* self) { return plain_code(self); }
Ref<> get_adaptive(PyCodeObject* self) { return adaptive_code(self); }

// The line table of Python 3.9 and before: pairs of byte and line deltas.
Ref<> get_lnotab(PyCodeObject* self) {
  Ref<> out = TRY(steal(PyByteArray_FromStringAndSize(nullptr, 0)));
  Py_ssize_t size = 0;
  auto emit = [&](int code_delta, int line_delta) {
    if (PyByteArray_Resize(out.get(), size + 2) < 0) return false;
    char* p = PyByteArray_AS_STRING(out.get());
    p[size++] = static_cast<char>(code_delta);
    p[size++] = static_cast<char>(line_delta);
    return true;
  };
  int code = 0, line = self->co_firstlineno;
  LineReader reader(self);
  while (reader.next()) {
    if (reader.line == -1 || reader.line == line) continue;
    int code_delta = reader.start - code, line_delta = reader.line - line;
    while (code_delta > 255) {
      if (!emit(255, 0)) return nullptr;
      code_delta -= 255;
    }
    while (line_delta < -128 || line_delta > 127) {
      int step = line_delta < 0 ? -128 : 127;
      if (!emit(code_delta, step)) return nullptr;
      code_delta = 0;
      line_delta -= step;
    }
    if (!emit(code_delta, line_delta)) return nullptr;
    code = reader.start;
    line = reader.line;
  }
  return steal(PyBytes_FromStringAndSize(PyByteArray_AS_STRING(out.get()), size));
}

const PyGetSetDef kCodeGetSets[] = {
    getset<get_lnotab>("co_lnotab"), getset<get_adaptive>("_co_code_adaptive"), getset<get_varnames>("co_varnames"),
    getset<get_cellvars>("co_cellvars"), getset<get_freevars>("co_freevars"), getset<get_code>("co_code"), kEndOfGetSets,
};

PyMemberDef kCodeMembers[] = {
    {"co_argcount", T_INT, offsetof(PyCodeObject, co_argcount), READONLY, nullptr},
    {"co_posonlyargcount", T_INT, offsetof(PyCodeObject, co_posonlyargcount), READONLY, nullptr},
    {"co_kwonlyargcount", T_INT, offsetof(PyCodeObject, co_kwonlyargcount), READONLY, nullptr},
    {"co_stacksize", T_INT, offsetof(PyCodeObject, co_stacksize), READONLY, nullptr},
    {"co_flags", T_INT, offsetof(PyCodeObject, co_flags), READONLY, nullptr},
    {"co_names", T_OBJECT, offsetof(PyCodeObject, co_names), READONLY, nullptr},
    {"co_filename", T_OBJECT, offsetof(PyCodeObject, co_filename), READONLY, nullptr},
    {"co_name", T_OBJECT, offsetof(PyCodeObject, co_name), READONLY, nullptr},
    {"co_qualname", T_OBJECT, offsetof(PyCodeObject, co_qualname), READONLY, nullptr},
    {"co_firstlineno", T_INT, offsetof(PyCodeObject, co_firstlineno), READONLY, nullptr},
    {"co_linetable", T_OBJECT, offsetof(PyCodeObject, co_linetable), READONLY, nullptr},
    {"co_exceptiontable", T_OBJECT, offsetof(PyCodeObject, co_exceptiontable), READONLY, nullptr},
    {"co_nlocals", T_INT, offsetof(PyCodeObject, co_nlocals), READONLY, nullptr},
    {"co_consts", T_OBJECT, offsetof(PyCodeObject, co_consts), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// ---- construction ---------------------------------------------------------------------------------

// A tuple of exact str from a tuple whose items may be of a subclass.
Ref<> checked_names(PyObject* tuple) {
  Py_ssize_t n = PyTuple_GET_SIZE(tuple);
  Ref<> result = TRY(steal(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PyTuple_GET_ITEM(tuple, i);
    if (!PyUnicode_Check(item)) return raise(PyExc_TypeError, "name tuples must contain only strings, not '%.500s'", Py_TYPE(item)->tp_name);
    PyObject* exact = PyUnicode_CheckExact(item) ? Py_NewRef(item) : PyUnicode_FromObject(item);
    if (!exact) return nullptr;
    PyTuple_SET_ITEM(result.get(), i, exact);
  }
  return result;
}

Status audit_code_new(PyObject* code, PyObject* filename, PyObject* name_, int argcount, int posonly, int kwonly, int nlocals, int stacksize, int flags) {
  return status_of(PySys_Audit("code.__new__", "OOOiiiiii", code, filename, name_, argcount, posonly, kwonly, nlocals, stacksize, flags));
}

Ref<> code_new(PyTypeObject*, int argcount, int posonlyargcount, int kwonlyargcount, int nlocals, int stacksize, int flags, PyObject* code,
               PyTupleObject* consts, PyTupleObject* names, PyTupleObject* varnames, PyUnicodeObject* filename, PyUnicodeObject* name_,
               PyUnicodeObject* qualname, int firstlineno, PyObject* linetable, PyObject* exceptiontable, PyTupleObject* freevars,
               PyTupleObject* cellvars) {
  if (!PyBytes_Check(code)) return raise(PyExc_TypeError, "code() argument 7 must be bytes, not %.50s", Py_TYPE(code)->tp_name);
  if (!PyBytes_Check(linetable)) return raise(PyExc_TypeError, "code() argument 15 must be bytes, not %.50s", Py_TYPE(linetable)->tp_name);
  if (!PyBytes_Check(exceptiontable)) return raise(PyExc_TypeError, "code() argument 16 must be bytes, not %.50s", Py_TYPE(exceptiontable)->tp_name);
  TRY(audit_code_new(code, as_object(filename), as_object(name_), argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize, flags));
  if (argcount < 0) return raise(PyExc_ValueError, "code: argcount must not be negative");
  if (posonlyargcount < 0) return raise(PyExc_ValueError, "code: posonlyargcount must not be negative");
  if (kwonlyargcount < 0) return raise(PyExc_ValueError, "code: kwonlyargcount must not be negative");
  if (nlocals < 0) return raise(PyExc_ValueError, "code: nlocals must not be negative");
  Ref<> our_names = TRY(checked_names(as_object(names)));
  Ref<> our_varnames = TRY(checked_names(as_object(varnames)));
  Ref<> our_free = TRY(freevars ? checked_names(as_object(freevars)) : steal(PyTuple_New(0)));
  Ref<> our_cells = TRY(cellvars ? checked_names(as_object(cellvars)) : steal(PyTuple_New(0)));
  return steal(as_object(PyCode_NewWithPosOnlyArgs(argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize, flags, code, as_object(consts),
                                                   our_names.get(), our_varnames.get(), our_free.get(), our_cells.get(), as_object(filename),
                                                   as_object(name_), as_object(qualname), firstlineno, linetable, exceptiontable)));
}

Ref<> code_replace(PyCodeObject* self, PyObject* argcount, PyObject* posonlyargcount, PyObject* kwonlyargcount, PyObject* nlocals,
                   PyObject* stacksize, PyObject* flags, PyObject* firstlineno, PyObject* code, PyObject* consts, PyObject* names,
                   PyObject* varnames, PyObject* freevars, PyObject* cellvars, PyObject* filename, PyObject* name_, PyObject* qualname,
                   PyObject* linetable, PyObject* exceptiontable) {
  auto integer = [](PyObject* given, int fallback, int* out) {
    *out = fallback;
    if (!given) return true;
    *out = _PyLong_AsInt(given);
    return *out != -1 || !PyErr_Occurred();
  };
  int argument_count, posonly, kwonly, local_count, stack, flag_bits, first_line;
  if (!integer(argcount, self->co_argcount, &argument_count) || !integer(posonlyargcount, self->co_posonlyargcount, &posonly) ||
      !integer(kwonlyargcount, self->co_kwonlyargcount, &kwonly) || !integer(nlocals, self->co_nlocals, &local_count) ||
      !integer(stacksize, self->co_stacksize, &stack) || !integer(flags, self->co_flags, &flag_bits) ||
      !integer(firstlineno, self->co_firstlineno, &first_line)) {
    return nullptr;
  }
  // Checked here, behind the integers: the first wrong field in this order is the one that is told.
  const struct {
    PyObject* given;
    unsigned long type_flag;
    const char *name, *type;
  } fields[] = {{code, Py_TPFLAGS_BYTES_SUBCLASS, "co_code", "bytes"},
                {consts, Py_TPFLAGS_TUPLE_SUBCLASS, "co_consts", "tuple"},
                {names, Py_TPFLAGS_TUPLE_SUBCLASS, "co_names", "tuple"},
                {varnames, Py_TPFLAGS_TUPLE_SUBCLASS, "co_varnames", "tuple"},
                {freevars, Py_TPFLAGS_TUPLE_SUBCLASS, "co_freevars", "tuple"},
                {cellvars, Py_TPFLAGS_TUPLE_SUBCLASS, "co_cellvars", "tuple"},
                {filename, Py_TPFLAGS_UNICODE_SUBCLASS, "co_filename", "str"},
                {name_, Py_TPFLAGS_UNICODE_SUBCLASS, "co_name", "str"},
                {qualname, Py_TPFLAGS_UNICODE_SUBCLASS, "co_qualname", "str"},
                {linetable, Py_TPFLAGS_BYTES_SUBCLASS, "co_linetable", "bytes"},
                {exceptiontable, Py_TPFLAGS_BYTES_SUBCLASS, "co_exceptiontable", "bytes"}};
  for (auto& field : fields) {
    if (!field.given || PyType_HasFeature(Py_TYPE(field.given), field.type_flag)) continue;
    // None is named by its value.
    const char* found = field.given == Py_None ? "None" : Py_TYPE(field.given)->tp_name;
    return raise(PyExc_TypeError, "replace() argument '%s' must be %s, not %.50s", field.name, field.type, found);
  }
  const struct {
    int value;
    const char* name;
  } counts[] = {{argument_count, "co_argcount"}, {posonly, "co_posonlyargcount"}, {kwonly, "co_kwonlyargcount"}, {local_count, "co_nlocals"},
                {stack, "co_stacksize"}, {flag_bits, "co_flags"}, {first_line, "co_firstlineno"}};
  for (auto& count : counts) {
    if (count.value < 0) return raise(PyExc_ValueError, "%s must be a positive integer", count.name);
  }
  Ref<> new_code = TRY(code ? borrow(code) : plain_code(self));
  Ref<> new_varnames = TRY(varnames ? borrow(varnames) : code_varnames(self));
  Ref<> new_cells = TRY(cellvars ? borrow(cellvars) : code_cellvars(self));
  Ref<> new_free = TRY(freevars ? borrow(freevars) : code_freevars(self));
  PyObject* new_filename = filename ? filename : self->co_filename;
  PyObject* new_name = name_ ? name_ : self->co_name;
  TRY(audit_code_new(new_code.get(), new_filename, new_name, argument_count, posonly, kwonly, local_count, stack, flag_bits));
  return steal(as_object(PyCode_NewWithPosOnlyArgs(
      argument_count, posonly, kwonly, local_count, stack, flag_bits, new_code.get(), consts ? consts : self->co_consts,
      names ? names : self->co_names, new_varnames.get(), new_free.get(), new_cells.get(), new_filename, new_name,
      qualname ? qualname : self->co_qualname, first_line, linetable ? linetable : self->co_linetable,
      exceptiontable ? exceptiontable : self->co_exceptiontable)));
}

Ref<> code_varname_from_oparg(PyCodeObject* self, int oparg) {
  if (oparg < 0 || oparg >= self->co_nlocalsplus) return raise(PyExc_IndexError, "tuple index out of range");
  return borrow(PyTuple_GET_ITEM(self->co_localsplusnames, oparg));
}

Ref<> code_sizeof(PyCodeObject* self) {
  size_t size = offsetof(PyCodeObject, co_code_adaptive) + static_cast<size_t>(_PyCode_NBYTES(self)) + 2;
  return steal(PyLong_FromSize_t(size));
}

const PyMethodDef kCodeMethods[] = {
    METHOD_UNSIGNED("__sizeof__($self)", code_sizeof, nullptr),
    METHOD_UNSIGNED("co_lines($self)", code_lines, nullptr),
    METHOD_UNSIGNED("co_positions($self)", code_positions, nullptr),
    METHOD("replace($self, /, *, co_argcount=<unrepresentable>, co_posonlyargcount=<unrepresentable>, co_kwonlyargcount=<unrepresentable>, "
           "co_nlocals=<unrepresentable>, co_stacksize=<unrepresentable>, co_flags=<unrepresentable>, co_firstlineno=<unrepresentable>, "
           "co_code=<unrepresentable>, co_consts=<unrepresentable>, co_names=<unrepresentable>, co_varnames=<unrepresentable>, "
           "co_freevars=<unrepresentable>, co_cellvars=<unrepresentable>, co_filename=<unrepresentable>, co_name=<unrepresentable>, "
           "co_qualname=<unrepresentable>, co_linetable=<unrepresentable>, co_exceptiontable=<unrepresentable>)",
           code_replace, "Return a copy of the code object with new values for the specified fields."),
    METHOD("_varname_from_oparg($self, /, oparg)", code_varname_from_oparg, "(internal-only) Return the local variable name for the given oparg."),
    kEndOfMethods,
};

// ---- comparison -----------------------------------------------------------------------------------

Ref<> code_compare(PyCodeObject* self, PyObject* other_object, int op) {
  if ((op != Py_EQ && op != Py_NE) || !PyCode_Check(other_object)) return borrow(Py_NotImplemented);
  auto* other = reinterpret_cast<PyCodeObject*>(other_object);
  auto decide = [&]() -> Maybe<bool> {
    if (self->co_argcount != other->co_argcount || self->co_posonlyargcount != other->co_posonlyargcount ||
        self->co_kwonlyargcount != other->co_kwonlyargcount || self->co_flags != other->co_flags ||
        self->co_firstlineno != other->co_firstlineno || Py_SIZE(self) != Py_SIZE(other)) {
      return false;
    }
    if (!TRY(truth_of(PyObject_RichCompareBool(self->co_name, other->co_name, Py_EQ)))) return false;
    Ref<> own = TRY(plain_code(self));
    Ref<> others = TRY(plain_code(other));
    if (!TRY(truth_of(PyObject_RichCompareBool(own.get(), others.get(), Py_EQ)))) return false;
    Ref<> own_consts = TRY(steal(_PyCode_ConstantKey(self->co_consts)));
    Ref<> other_consts = TRY(steal(_PyCode_ConstantKey(other->co_consts)));
    if (!TRY(truth_of(PyObject_RichCompareBool(own_consts.get(), other_consts.get(), Py_EQ)))) return false;
    const std::pair<PyObject*, PyObject*> rest[] = {{self->co_names, other->co_names},
                                                    {self->co_localsplusnames, other->co_localsplusnames},
                                                    {self->co_linetable, other->co_linetable},
                                                    {self->co_exceptiontable, other->co_exceptiontable}};
    for (auto [a, b] : rest) {
      if (!TRY(truth_of(PyObject_RichCompareBool(a, b, Py_EQ)))) return false;
    }
    return true;
  };
  bool equal = self == other || TRY(decide());
  return py_bool(equal == (op == Py_EQ));
}

Maybe<Py_ssize_t> code_hash(PyCodeObject* self) {
  Py_uhash_t hash = 20221211;
  auto mix = [&](Py_uhash_t value) { hash = (hash ^ value) * 1000003u; };
  for (PyObject* part : {self->co_name, self->co_consts, self->co_names, self->co_localsplusnames, self->co_linetable, self->co_exceptiontable}) {
    Py_hash_t h = PyObject_Hash(part);
    if (h == -1) return {};
    mix(static_cast<Py_uhash_t>(h));
  }
  for (int value : {self->co_argcount, self->co_posonlyargcount, self->co_kwonlyargcount, self->co_flags, self->co_firstlineno}) {
    mix(static_cast<Py_uhash_t>(value));
  }
  Ref<> code = TRY(plain_code(self));
  mix(static_cast<Py_uhash_t>(PyObject_Hash(code.get())));
  auto result = static_cast<Py_hash_t>(hash);
  return result == -1 ? -2 : result;
}

Ref<> code_repr(PyCodeObject* self) {
  int line = self->co_firstlineno ? self->co_firstlineno : -1;
  if (self->co_filename && PyUnicode_Check(self->co_filename)) {
    return steal(PyUnicode_FromFormat("<code object %U at %p, file \"%U\", line %d>", self->co_name, self, self->co_filename, line));
  }
  return steal(PyUnicode_FromFormat("<code object %U at %p, file ???, line %d>", self->co_name, self, line));
}

// ---- extra data -----------------------------------------------------------------------------------

struct CodeExtra {
  Py_ssize_t size;
  void* slots[];
};

}  // namespace

// The destructors that _PyEval_RequestCodeExtraIndex registered, kept by the evaluation floor.
extern "C" freefunc gill_code_extra_destructor(Py_ssize_t index);
extern "C" Py_ssize_t gill_code_extra_count();

namespace {

void code_dealloc(PyCodeObject* self) {
  forget_sampled_code(self);
  if (auto* extra = static_cast<CodeExtra*>(self->co_extra)) {
    for (Py_ssize_t i = 0; i < extra->size; ++i) {
      freefunc destroy = gill_code_extra_destructor(i);
      if (destroy) destroy(extra->slots[i]);
    }
    PyMem_Free(extra);
  }
  if (self->co_weakreflist) PyObject_ClearWeakRefs(as_object(self));
  for (PyObject** field : {&self->co_consts, &self->co_names, &self->co_localsplusnames, &self->co_localspluskinds, &self->co_filename,
                           &self->co_name, &self->co_qualname, &self->co_linetable, &self->co_exceptiontable, &self->_co_code}) {
    clear_field(*field);
  }
  if (self->_co_linearray) PyMem_Free(self->_co_linearray);
  PyObject_Free(self);
}

}  // namespace

extern "C" {

int _PyCode_GetExtra(PyObject* code, Py_ssize_t index, void** extra) {
  if (!PyCode_Check(code)) {
    PyErr_BadInternalCall();
    return -1;
  }
  auto* data = static_cast<CodeExtra*>(reinterpret_cast<PyCodeObject*>(code)->co_extra);
  *extra = data && index >= 0 && index < data->size ? data->slots[index] : nullptr;
  return 0;
}

int _PyCode_SetExtra(PyObject* code, Py_ssize_t index, void* extra) {
  if (!PyCode_Check(code) || index < 0 || index >= gill_code_extra_count()) {
    PyErr_BadInternalCall();
    return -1;
  }
  auto* self = reinterpret_cast<PyCodeObject*>(code);
  auto* data = static_cast<CodeExtra*>(self->co_extra);
  if (!data || data->size <= index) {
    Py_ssize_t old = data ? data->size : 0, size = gill_code_extra_count();
    data = static_cast<CodeExtra*>(PyMem_Realloc(data, sizeof(CodeExtra) + static_cast<size_t>(size) * sizeof(void*)));
    if (!data) return -1;
    for (Py_ssize_t i = old; i < size; ++i) data->slots[i] = nullptr;
    data->size = size;
    self->co_extra = data;
  }
  if (data->slots[index]) {
    if (freefunc destroy = gill_code_extra_destructor(index)) destroy(data->slots[index]);
  }
  data->slots[index] = extra;
  return 0;
}

PyTypeObject PyCode_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "code",
    .tp_basicsize = offsetof(PyCodeObject, co_code_adaptive),
    .tp_itemsize = sizeof(_Py_CODEUNIT),
    .tp_dealloc = slot<code_dealloc>,
    .tp_repr = slot<code_repr>,
    .tp_hash = slot<code_hash>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "code(argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize,\n      flags, codestring, constants, names, varnames, "
              "filename, name, qualname,\n      firstlineno, linetable, exceptiontable, freevars=(), cellvars=(), /)\n--\n\n"
              "Create a code object.  Not for mere mortals.",
    .tp_richcompare = slot<code_compare>,
    .tp_weaklistoffset = offsetof(PyCodeObject, co_weakreflist),
    .tp_methods = table(kCodeMethods),
    .tp_members = kCodeMembers,
    .tp_getset = table(kCodeGetSets),
    .tp_new = CONSTRUCTOR("code($type, argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize, flags, codestring, constants, names, varnames, "
                          "filename, name, qualname, firstlineno, linetable, exceptiontable, freevars=<unrepresentable>, cellvars=<unrepresentable>, /)",
                          code_new),
};
}
GILL_STATIC_TYPE(PyCode_Type);

}  // namespace gill
