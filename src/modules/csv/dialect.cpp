// _csv.Dialect: the settings of a reader or writer, checked and immutable.
#include "modules/csv/csv.h"

#include <structmember.h>

namespace gill::csv {

namespace {

Status set_bool(char* target, PyObject* given, bool fallback) {
  *target = given ? TRY(truth_of(PyObject_IsTrue(given))) : fallback;
  return Status::ok;
}

Status set_character(const char* setting, Py_UCS4* target, PyObject* given, Py_UCS4 fallback, bool or_none) {
  *target = fallback;
  if (!given) return Status::ok;
  if (or_none && given == Py_None) {
    *target = kNoCharacter;
    return Status::ok;
  }
  if (!PyUnicode_Check(given)) {
    return raise(PyExc_TypeError, "\"%s\" must be string%s, not %.200s", setting, or_none ? " or None" : "", Py_TYPE(given)->tp_name);
  }
  if (PyUnicode_READY(given) < 0) return Status::error;
  if (PyUnicode_GET_LENGTH(given) != 1) return raise(PyExc_TypeError, "\"%s\" must be a 1-character string", setting);
  *target = PyUnicode_READ_CHAR(given, 0);
  return Status::ok;
}

Status set_quoting(int* target, PyObject* given) {
  if (!given) return Status::ok;
  if (!PyLong_CheckExact(given)) return raise(PyExc_TypeError, "\"quoting\" must be an integer");
  *target = TRY(checked(_PyLong_AsInt(given)));
  return Status::ok;
}

Status set_text(const char* setting, PyObject** target, PyObject* given, const char* fallback) {
  if (!given) {
    *target = TRY(PyUnicode_FromString(fallback));
  } else if (given == Py_None) {
    *target = nullptr;
  } else {
    if (!PyUnicode_Check(given)) return raise(PyExc_TypeError, "\"%s\" must be a string", setting);
    if (PyUnicode_READY(given) < 0) return Status::error;
    *target = borrow(given).release();
  }
  return Status::ok;
}

enum Setting { kDelimiter, kDoubleQuote, kEscape, kLineTerminator, kQuote, kQuoting, kSkipInitialSpace, kStrict, kSettings };
const char* const kNames[] = {"dialect", "delimiter", "doublequote", "escapechar", "lineterminator", "quotechar", "quoting", "skipinitialspace", "strict", nullptr};

Ref<> dialect_from(PyTypeObject* type, PyObject* base, PyObject* const* given) {
  Ref<> held[kSettings];
  PyObject* settings[kSettings];
  for (int i = 0; i < kSettings; ++i) {
    settings[i] = given[i];
    if (!base || given[i]) continue;
    held[i] = steal(PyObject_GetAttrString(base, kNames[i + 1]));
    if (!held[i]) PyErr_Clear();
    settings[i] = held[i].get();
  }
  Ref<Dialect> self = TRY(Ref<Dialect>::steal(type->tp_alloc(type, 0)));
  self->quoting = kQuoteMinimal;
  TRY(set_character("delimiter", &self->delimiter, settings[kDelimiter], ',', false));
  TRY(set_bool(&self->double_quote, settings[kDoubleQuote], true));
  TRY(set_character("escapechar", &self->escape, settings[kEscape], kNoCharacter, true));
  TRY(set_text("lineterminator", &self->line_terminator, settings[kLineTerminator], "\r\n"));
  TRY(set_character("quotechar", &self->quote, settings[kQuote], '"', true));
  TRY(set_quoting(&self->quoting, settings[kQuoting]));
  TRY(set_bool(&self->skip_initial_space, settings[kSkipInitialSpace], false));
  TRY(set_bool(&self->strict, settings[kStrict], false));
  if (self->quoting < kQuoteMinimal || self->quoting > kQuoteNone) return raise(PyExc_TypeError, "bad \"quoting\" value");
  if (settings[kQuote] == Py_None && !settings[kQuoting]) self->quoting = kQuoteNone;
  if (self->quoting != kQuoteNone && self->quote == kNoCharacter) return raise(PyExc_TypeError, "quotechar must be set if quoting enabled");
  if (!self->line_terminator) return raise(PyExc_TypeError, "lineterminator must be set");
  return self;
}

PyObject* dialect_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  PyObject* base = nullptr;
  PyObject* given[kSettings] = {};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOOOOOO", const_cast<char**>(kNames), &base, &given[0], &given[1], &given[2], &given[3],
                                   &given[4], &given[5], &given[6], &given[7])) {
    return nullptr;
  }
  State* state = TRY(state_of_type(type));
  Ref<> hold;
  if (base) {
    if (PyUnicode_Check(base)) base = TRY(registered_dialect(state, base));
    hold = borrow(base);
    bool nothing_else = true;
    for (PyObject* setting : given) nothing_else &= setting == nullptr;
    if (nothing_else && PyObject_TypeCheck(base, state->dialect_type)) return hold.release();
  }
  return dialect_from(type, base, given).release();
}

void dialect_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  clear_field(reinterpret_cast<Dialect*>(self)->line_terminator);
  type->tp_free(self);
  release(as_object(type));
}

int dialect_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return 0;
}

Ref<> no_pickle(PyObject* self) { return raise(PyExc_TypeError, "cannot pickle '%.100s' instances", _PyType_Name(Py_TYPE(self))); }
Ref<> no_pickle_protocol(PyObject* self, const Args&) { return no_pickle(self); }

Ref<> character(Py_UCS4 c) { return c == kNoCharacter ? none() : steal(PyUnicode_FromOrdinal(static_cast<int>(c))); }
Ref<> delimiter(Dialect* self) { return character(self->delimiter); }
Ref<> escape(Dialect* self) { return character(self->escape); }
Ref<> quote(Dialect* self) { return character(self->quote); }
Ref<> line_terminator(Dialect* self) { return borrow(self->line_terminator); }
Maybe<int> quoting(Dialect* self) { return self->quoting; }

const PyMethodDef kMethods[] = {
    METHOD_OF_TUPLE("__reduce__($self, /, *args)", no_pickle_protocol, "raises an exception to avoid pickling"),
    METHOD_OF_TUPLE("__reduce_ex__($self, /, *args)", no_pickle_protocol, "raises an exception to avoid pickling"),
    kEndOfMethods,
};

const PyMemberDef kMembers[] = {
    {"skipinitialspace", T_BOOL, offsetof(Dialect, skip_initial_space), READONLY, nullptr},
    {"doublequote", T_BOOL, offsetof(Dialect, double_quote), READONLY, nullptr},
    {"strict", T_BOOL, offsetof(Dialect, strict), READONLY, nullptr},
    {},
};

const PyGetSetDef kGetSets[] = {
    getset<delimiter>("delimiter"), getset<escape>("escapechar"), getset<line_terminator>("lineterminator"),
    getset<quote>("quotechar"),     getset<quoting>("quoting"),   kEndOfGetSets,
};

const PyType_Slot kSlots[] = {
    {Py_tp_doc, (void*)"CSV dialect\n\nThe Dialect type records CSV parsing and generation options.\n"},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_getset, (void*)kGetSets},
    {Py_tp_new, (void*)dialect_new},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_dealloc, (void*)dialect_dealloc},
    {Py_tp_traverse, (void*)dialect_traverse},
    {0, nullptr},
};
PyType_Spec spec = {"_csv.Dialect", sizeof(Dialect), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Ref<Dialect> make_dialect(State* state, PyObject* dialect, PyObject* kwargs) {
  PyObject* made = TRY(PyObject_VectorcallDict(as_object(state->dialect_type), &dialect, dialect ? 1 : 0, kwargs));
  return Ref<Dialect>::steal(made);
}

PyObject* registered_dialect(State* state, PyObject* dialect_name) {
  PyObject* found = PyDict_GetItemWithError(state->dialects, dialect_name);
  if (!found && !PyErr_Occurred()) PyErr_SetString(state->error, "unknown dialect");
  return found;
}

Status add_dialect_type(PyObject* module) {
  State* state = state_of(module);
  state->dialect_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return status_of(PyModule_AddObjectRef(module, "Dialect", as_object(state->dialect_type)));
}

}  // namespace gill::csv
