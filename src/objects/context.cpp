// contextvars: Context, ContextVar and Token.
//
// A Context is a mutable shell around a persistent map (hamt.h). The thread's current context is a field of its published state,
// with a version that changes at each switch; a variable remembers the value it last saw there, together with the thread and the
// version, so that reading a variable in a loop needs no look-up.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/hamt.h"
#include "objects/object.h"
#include "runtime/thread_state.h"

struct _pycontextobject {
  PyObject_HEAD
  PyContext* previous;    // owned while entered
  gill::HamtNode* map;  // owned; null when empty
  PyObject* weak_references;
  int entered;
};

struct _pycontextvarobject {
  PyObject_HEAD
  PyObject* name;
  PyObject* default_value;  // null without one
  Py_hash_t hash;
  PyObject* cached;         // borrowed from the context's map
  uint64_t cached_thread;
  uint64_t cached_version;
};

struct _pycontexttokenobject {
  PyObject_HEAD
  PyContext* context;
  PyContextVar* variable;
  PyObject* old_value;  // null: there was none
  int used;
};

namespace gill {

namespace {

using ContextFields = OwnedFields<&PyContext::previous, &PyContext::map>;
using VarFields = OwnedFields<&PyContextVar::name, &PyContextVar::default_value>;
using TokenFields = OwnedFields<&PyContextToken::context, &PyContextToken::variable, &PyContextToken::old_value>;

PyContext* as_context(PyObject* object) { return reinterpret_cast<PyContext*>(object); }

Ref<PyContext> new_context(HamtNode* map) {
  auto* context = PyObject_GC_New(PyContext, &PyContext_Type);
  if (!context) return nullptr;
  context->previous = nullptr;
  context->map = borrow(map).release();
  context->weak_references = nullptr;
  context->entered = 0;
  PyObject_GC_Track(context);
  return steal(context);
}

// The thread's context, made on first use: borrowed from the thread.
PyContext* current_context() {
  PyThreadState* thread = current_thread();
  if (!thread->context) thread->context = as_object(new_context(nullptr).release());
  return as_context(thread->context);
}

bool is_variable(PyObject* object) {
  if (PyContextVar_CheckExact(object)) return true;
  PyErr_Format(PyExc_TypeError, "a ContextVar key was expected, got %R", object);
  return false;
}

void switch_context(PyThreadState* thread, PyContext* context) {
  thread->context = as_object(context);
  ++thread->context_ver;
}

// ---- Context --------------------------------------------------------------------------------------------

void context_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  if (as_context(self)->weak_references) PyObject_ClearWeakRefs(self);
  ContextFields::clear(self);
  PyObject_GC_Del(self);
}

PyObject* context_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  if (PyTuple_GET_SIZE(args) || (kwargs && PyDict_GET_SIZE(kwargs))) return raise(PyExc_TypeError, "Context() does not accept any arguments");
  return PyContext_New();
}

PyObject* context_richcompare(PyObject* self, PyObject* other, int operation) {
  if (!PyContext_CheckExact(self) || !PyContext_CheckExact(other) || (operation != Py_EQ && operation != Py_NE)) {
    return borrow(Py_NotImplemented).release();
  }
  Maybe<bool> equal = hamt_equal(as_context(self)->map, as_context(other)->map);
  if (!equal) return nullptr;
  return py_bool(equal.value() == (operation == Py_EQ)).release();
}

Py_ssize_t context_length(PyObject* self) { return hamt_size(as_context(self)->map); }

Maybe<bool> context_contains(PyContext* self, PyObject* key) {
  if (!is_variable(key)) return failure;
  return TRY(hamt_find(self->map, key)) != nullptr;
}

Ref<> context_subscript(PyContext* self, PyObject* key) {
  if (!is_variable(key)) return failure;
  PyObject* value = TRY(hamt_find(self->map, key));
  if (!value) PyErr_SetObject(PyExc_KeyError, key);
  return borrow(value);
}

Ref<> context_get(PyContext* self, PyObject* key, PyObject* fallback) {
  if (!is_variable(key)) return failure;
  PyObject* value = TRY(hamt_find(self->map, key));
  return borrow(value ? value : fallback);
}

Ref<> context_items(PyContext* self) { return hamt_iterator(self->map, HamtPart::items); }
Ref<> context_keys(PyContext* self) { return hamt_iterator(self->map, HamtPart::keys); }
Ref<> context_values(PyContext* self) { return hamt_iterator(self->map, HamtPart::values); }
Ref<> context_copy(PyContext* self) { return new_context(self->map); }

PyObject* context_run(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* kwnames) {
  if (count < 1) return raise(PyExc_TypeError, "run() missing 1 required positional argument");
  if (PyContext_Enter(self) < 0) return nullptr;
  Ref<> result = steal(PyObject_Vectorcall(args[0], args + 1, static_cast<size_t>(count - 1), kwnames));
  if (PyContext_Exit(self) < 0) return nullptr;
  return result.release();
}

const PyMethodDef kContextMethods[] = {
    METHOD("get($self, key, default=None, /)", context_get,
           "Return the value for `key` if `key` has the value in the context object.\n\nIf `key` does not exist, return `default`. If `default` is not "
           "given,\nreturn None."),
    METHOD("items($self, /)", context_items, "Return all variables and their values in the context object.\n\nEach is a tuple (variable, value)."),
    METHOD("keys($self, /)", context_keys, "Return a list of all variables in the context object."),
    METHOD("values($self, /)", context_values, "Return a list of all variables' values in the context object."),
    METHOD("copy($self, /)", context_copy, "Return a shallow copy of the context object."),
    {"run", (PyCFunction)(void*)context_run, METH_FASTCALL | METH_KEYWORDS, nullptr},
    kEndOfMethods,
};
const PyMappingMethods kHamtNodeping = {.mp_length = context_length, .mp_subscript = slot<context_subscript>};
const PySequenceMethods kContextSequence = {.sq_contains = slot<context_contains>};

// ---- ContextVar -------------------------------------------------------------------------------------------

void variable_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  VarFields::clear(self);
  PyObject_GC_Del(self);
}

// The variable's value in the current context: borrowed from it; null when it has none.
Maybe<PyObject*> find_value(PyContextVar* variable) {
  PyThreadState* thread = current_thread();
  if (!thread->context) return nullptr;
  if (variable->cached && variable->cached_thread == thread->id && variable->cached_version == thread->context_ver) return variable->cached;
  PyObject* value = TRY(hamt_find(as_context(thread->context)->map, as_object(variable)));
  if (value) {
    variable->cached = value;
    variable->cached_thread = thread->id;
    variable->cached_version = thread->context_ver;
  }
  return value;
}

Status store_value(PyContextVar* variable, PyObject* value) {
  PyContext* context = current_context();
  if (!context) return Status::error;
  variable->cached = nullptr;
  Ref<HamtNode> map = TRY(hamt_set(context->map, as_object(variable), value));
  set_field(context->map, std::move(map));
  PyThreadState* thread = current_thread();
  variable->cached = value;
  variable->cached_thread = thread->id;
  variable->cached_version = thread->context_ver;
  return Status::ok;
}

Status remove_value(PyContextVar* variable) {
  PyContext* context = current_context();
  if (!context) return Status::error;
  variable->cached = nullptr;
  Ref<HamtNode> map;
  TRY(hamt_remove(context->map, as_object(variable), &map));
  if (map.get() == context->map) {
    PyErr_SetObject(PyExc_LookupError, as_object(variable));
    return Status::error;
  }
  set_field(context->map, std::move(map));
  return Status::ok;
}

Ref<PyContextVar> new_variable(PyObject* text, PyObject* fallback) {
  if (!PyUnicode_Check(text)) return raise(PyExc_TypeError, "context variable name must be a str");
  Py_hash_t text_hash = TRY(checked(PyObject_Hash(text)));
  auto* variable = PyObject_GC_New(PyContextVar, &PyContextVar_Type);
  if (!variable) return nullptr;
  variable->name = borrow(text).release();
  variable->default_value = borrow(fallback).release();
  variable->hash = text_hash ^ _Py_HashPointer(variable);
  if (variable->hash == -1) variable->hash = -2;
  variable->cached = nullptr;
  variable->cached_thread = 0;
  variable->cached_version = 0;
  PyObject_GC_Track(variable);
  return steal(variable);
}

PyObject* variable_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  static const char* const kKeywords[] = {"", "default", nullptr};
  PyObject *text, *fallback = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$O:ContextVar", const_cast<char**>(kKeywords), &text, &fallback)) return nullptr;
  return as_object(new_variable(text, fallback).release());
}

Py_hash_t variable_hash(PyObject* self) { return reinterpret_cast<PyContextVar*>(self)->hash; }

Ref<> variable_repr(PyContextVar* self) {
  if (self->default_value) {
    return steal(PyUnicode_FromFormat("<ContextVar name=%R default=%R at %p>", self->name, self->default_value, self));
  }
  return steal(PyUnicode_FromFormat("<ContextVar name=%R at %p>", self->name, self));
}

Ref<> variable_get(PyContextVar* self, PyObject* fallback) {
  PyObject* value;
  if (PyContextVar_Get(as_object(self), fallback, &value) < 0) return nullptr;
  if (!value) PyErr_SetObject(PyExc_LookupError, as_object(self));
  return steal(value);
}
Ref<> variable_set(PyContextVar* self, PyObject* value) { return steal(PyContextVar_Set(as_object(self), value)); }
Status variable_reset(PyContextVar* self, PyObject* token) {
  if (!PyContextToken_CheckExact(token)) return raise(PyExc_TypeError, "expected an instance of Token, got %R", token);
  return status_of(PyContextVar_Reset(as_object(self), token));
}

const PyMethodDef kVarMethods[] = {
    METHOD("get($self, default=<unrepresentable>, /)", variable_get,
           "Return a value for the context variable for the current context.\n\nIf there is no value for the variable in the current context, the method "
           "will:\n * return the value of the default argument of the method, if provided; or\n * return the default value for the context variable, if "
           "it was created\n   with one; or\n * raise a LookupError."),
    METHOD("set($self, value, /)", variable_set,
           "Call to set a new value for the context variable in the current context.\n\nReturns a Token, which restores the previous value through\n"
           "`ContextVar.reset()`."),
    METHOD("reset($self, token, /)", variable_reset,
           "Reset the context variable.\n\nThe variable is reset to the value it had before the `ContextVar.set()` that\ncreated the token was used."),
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585"},
    kEndOfMethods,
};
const PyMemberDef kVarMembers[] = {
    {"name", T_OBJECT, offsetof(PyContextVar, name), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// ---- Token --------------------------------------------------------------------------------------------------

void token_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  TokenFields::clear(self);
  PyObject_GC_Del(self);
}

PyObject* token_new(PyTypeObject*, PyObject*, PyObject*) { return raise(PyExc_RuntimeError, "Tokens can only be created by ContextVars"); }

Ref<> token_repr(PyContextToken* self) {
  return steal(PyUnicode_FromFormat("<Token%s var=%R at %p>", self->used ? " used" : "", self->variable, self));
}

PyObject* missing_repr(PyObject*) { return PyUnicode_FromString("<Token.MISSING>"); }

PyTypeObject missing_type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "Token.MISSING",
    .tp_basicsize = sizeof(PyObject),
    .tp_repr = missing_repr,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT,
};
GILL_STATIC_TYPE(missing_type);
PyObject missing = {kImmortalCount, &missing_type};

Ref<> token_variable(PyContextToken* self) { return borrow(as_object(self->variable)); }
Ref<> token_old_value(PyContextToken* self) { return borrow(self->old_value ? self->old_value : &missing); }
const PyMethodDef kTokenMethods[] = {
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585"},
    kEndOfMethods,
};
const PyGetSetDef kTokenGetSets[] = {
    getset<token_variable>("var"),
    getset<token_old_value>("old_value"),
    kEndOfGetSets,
};

}  // namespace

// Puts Token.MISSING into the class; start-up calls it when types are ready.
Status initialize_context_types() {
  Ref<> text = TRY(steal(PyUnicode_InternFromString("MISSING")));
  TRY(status_of(PyDict_SetItem(PyContextToken_Type.tp_dict, text.get(), &missing)));
  PyType_Modified(&PyContextToken_Type);
  return Status::ok;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyContext_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_contextvars.Context",
    .tp_basicsize = sizeof(PyContext),
    .tp_dealloc = context_dealloc,
    .tp_as_sequence = const_cast<PySequenceMethods*>(&kContextSequence),
    .tp_as_mapping = const_cast<PyMappingMethods*>(&kHamtNodeping),
    .tp_hash = PyObject_HashNotImplemented,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = ContextFields::traverse,
    .tp_clear = ContextFields::clear,
    .tp_richcompare = context_richcompare,
    .tp_weaklistoffset = offsetof(PyContext, weak_references),
    .tp_iter = slot<context_keys>,
    .tp_methods = table(kContextMethods),
    .tp_new = context_new,
};

PyTypeObject PyContextVar_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_contextvars.ContextVar",
    .tp_basicsize = sizeof(PyContextVar),
    .tp_dealloc = variable_dealloc,
    .tp_repr = slot<variable_repr>,
    .tp_hash = variable_hash,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = VarFields::traverse,
    .tp_clear = VarFields::clear,
    .tp_methods = table(kVarMethods),
    .tp_members = table(kVarMembers),
    .tp_new = variable_new,
};

PyTypeObject PyContextToken_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_contextvars.Token",
    .tp_basicsize = sizeof(PyContextToken),
    .tp_dealloc = token_dealloc,
    .tp_repr = slot<token_repr>,
    .tp_hash = PyObject_HashNotImplemented,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = TokenFields::traverse,
    .tp_clear = TokenFields::clear,
    .tp_methods = table(kTokenMethods),
    .tp_getset = table(kTokenGetSets),
    .tp_new = token_new,
};

PyObject* PyContext_New() { return as_object(new_context(nullptr).release()); }

PyObject* PyContext_Copy(PyObject* context) {
  if (!PyContext_CheckExact(context)) return raise(PyExc_TypeError, "an instance of Context was expected");
  return as_object(new_context(as_context(context)->map).release());
}

PyObject* PyContext_CopyCurrent() {
  PyContext* context = current_context();
  return context ? as_object(new_context(context->map).release()) : nullptr;
}

int PyContext_Enter(PyObject* object) {
  if (!PyContext_CheckExact(object)) return raise(PyExc_TypeError, "an instance of Context was expected");
  PyContext* context = as_context(object);
  if (context->entered) return raise(PyExc_RuntimeError, "cannot enter context: %R is already entered", object);
  PyThreadState* thread = current_thread();
  context->previous = as_context(thread->context);  // the thread's reference
  context->entered = 1;
  switch_context(thread, as_context(borrow(object).release()));
  return 0;
}

int PyContext_Exit(PyObject* object) {
  if (!PyContext_CheckExact(object)) return raise(PyExc_TypeError, "an instance of Context was expected");
  PyContext* context = as_context(object);
  if (!context->entered) return raise(PyExc_RuntimeError, "cannot exit context: %R has not been entered", object);
  PyThreadState* thread = current_thread();
  if (thread->context != object) return raise(PyExc_RuntimeError, "cannot exit context: thread state references a different context object");
  PyContext* previous = std::exchange(context->previous, nullptr);
  context->entered = 0;
  switch_context(thread, previous);
  release(object);
  return 0;
}

PyObject* PyContextVar_New(const char* text, PyObject* fallback) {
  Ref<> name_object = steal(PyUnicode_FromString(text));
  return name_object ? as_object(new_variable(name_object.get(), fallback).release()) : nullptr;
}

// A null value without an error: there is none, and no default.
int PyContextVar_Get(PyObject* object, PyObject* fallback, PyObject** value) {
  if (!PyContextVar_CheckExact(object)) return raise(PyExc_TypeError, "an instance of ContextVar was expected");
  auto* variable = reinterpret_cast<PyContextVar*>(object);
  *value = nullptr;
  PyObject* found = TRY(find_value(variable));
  if (!found) found = fallback ? fallback : variable->default_value;
  *value = borrow(found).release();
  return 0;
}

PyObject* PyContextVar_Set(PyObject* object, PyObject* value) {
  if (!PyContextVar_CheckExact(object)) return raise(PyExc_TypeError, "an instance of ContextVar was expected");
  auto* variable = reinterpret_cast<PyContextVar*>(object);
  PyContext* context = current_context();
  if (!context) return nullptr;
  Ref<> old = borrow(TRY(hamt_find(context->map, object)));
  auto* token = PyObject_GC_New(PyContextToken, &PyContextToken_Type);
  if (!token) return nullptr;
  token->context = borrow(context).release();
  token->variable = borrow(variable).release();
  token->old_value = old.release();
  token->used = 0;
  PyObject_GC_Track(token);
  if (store_value(variable, value) == Status::error) {
    release(as_object(token));
    return nullptr;
  }
  return as_object(token);
}

int PyContextVar_Reset(PyObject* object, PyObject* token_object) {
  if (!PyContextVar_CheckExact(object)) return raise(PyExc_TypeError, "an instance of ContextVar was expected");
  if (!PyContextToken_CheckExact(token_object)) return raise(PyExc_TypeError, "an instance of Token was expected");
  auto* variable = reinterpret_cast<PyContextVar*>(object);
  auto* token = reinterpret_cast<PyContextToken*>(token_object);
  if (token->used) return raise(PyExc_RuntimeError, "%R has already been used once", token);
  if (variable != token->variable) return raise(PyExc_ValueError, "%R was created by a different ContextVar", token);
  PyContext* context = current_context();
  if (!context) return -1;
  if (context != token->context) return raise(PyExc_ValueError, "%R was created in a different Context", token);
  token->used = 1;
  return static_cast<int>(token->old_value ? store_value(variable, token->old_value) : remove_value(variable));
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyContext_Type);
GILL_STATIC_TYPE(PyContextVar_Type);
GILL_STATIC_TYPE(PyContextToken_Type);
}  // namespace gill
