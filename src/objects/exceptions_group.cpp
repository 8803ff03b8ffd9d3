// Exception groups: construction, split and subgroup, and what `except*` does with the rest.
#include "objects/exceptions.h"

#include <structmember.h>

namespace gill {
namespace {

PyBaseExceptionGroupObject* group(PyObject* self) { return reinterpret_cast<PyBaseExceptionGroupObject*>(self); }
bool is_group(PyObject* e) { return PyObject_TypeCheck(e, &_PyExc_BaseExceptionGroup); }

PyObject* group_new(PyTypeObject* cls, PyObject* args, PyObject*) {
  PyObject *message, *given;
  if (!PyArg_ParseTuple(args, "UO:BaseExceptionGroup.__new__", &message, &given)) return nullptr;
  if (!PySequence_Check(given)) return raise(PyExc_TypeError, "second argument (exceptions) must be a sequence");
  Ref<> exceptions = TRY(steal(PySequence_Tuple(given)));
  Py_ssize_t n = PyTuple_GET_SIZE(exceptions.get());
  if (n == 0) return raise(PyExc_ValueError, "second argument (exceptions) must be a non-empty sequence");
  bool has_base = false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* e = PyTuple_GET_ITEM(exceptions.get(), i);
    if (!PyExceptionInstance_Check(e)) return raise(PyExc_ValueError, "Item %zd of second argument (exceptions) is not an exception", i);
    has_base |= !PyObject_TypeCheck(e, &_PyExc_Exception);
  }
  if (cls == &_PyExc_BaseExceptionGroup) {
    // All of them are Exceptions: so is the group.
    if (!has_base) cls = &_PyExc_ExceptionGroup;
  } else if (cls == &_PyExc_ExceptionGroup) {
    if (has_base) return raise(PyExc_TypeError, "Cannot nest BaseExceptions in an ExceptionGroup");
  } else if (has_base && PyType_IsSubtype(cls, &_PyExc_Exception)) {
    return raise(PyExc_TypeError, "Cannot nest BaseExceptions in '%.200s'", cls->tp_name);
  }
  Ref<> self = TRY(steal(base_exception_new(cls, args, nullptr)));
  group(self.get())->msg = borrow(message).release();
  group(self.get())->excs = exceptions.release();
  return self.release();
}

Ref<> group_str(PyBaseExceptionGroupObject* self) {
  Py_ssize_t n = PyTuple_GET_SIZE(self->excs);
  return steal(PyUnicode_FromFormat("%S (%zd sub-exception%s)", self->msg, n, n > 1 ? "s" : ""));
}

Ref<> derive(PyBaseExceptionGroupObject* self, PyObject* exceptions) {
  Ref<> args = TRY(steal(PyTuple_Pack(2, self->msg, exceptions)));
  return steal(PyObject_CallObject(as_object(&_PyExc_BaseExceptionGroup), args.get()));
}

// A group like `original` of these exceptions, with its traceback, context, cause and notes.
Ref<> subset(PyObject* original, PyObject* exceptions) {
  if (PyList_GET_SIZE(exceptions) == 0) return none();
  Ref<> result = TRY(steal(PyObject_CallMethodOneArg(original, name<"derive">, exceptions)));
  if (!is_group(result.get())) return raise(PyExc_TypeError, "derive must return an instance of BaseExceptionGroup");
  Ref<> traceback = steal(PyException_GetTraceback(original));
  if (traceback) TRY(status_of(PyException_SetTraceback(result.get(), traceback.get())));
  PyException_SetContext(result.get(), PyException_GetContext(original));
  PyException_SetCause(result.get(), PyException_GetCause(original));
  PyObject* found = nullptr;
  TRY(status_of(_PyObject_LookupAttr(original, name<"__notes__">, &found)));
  Ref<> notes = steal(found);
  if (notes && PySequence_Check(notes.get())) {
    // A list of its own, so that a note added to one part does not show in the other.
    Ref<> copy = TRY(steal(PySequence_List(notes.get())));
    TRY(status_of(PyObject_SetAttr(result.get(), name<"__notes__">, copy.get())));
  }
  return result;
}

enum class By { type, predicate, identity };

// How split() and subgroup() choose.
struct Matcher {
  By by;
  PyObject* value;

  Maybe<bool> matches(PyObject* e) const {
    if (by == By::type) return truth_of(PyErr_GivenExceptionMatches(e, value));
    if (by == By::identity) return truth_of(PySet_Contains(value, TRY(steal(PyLong_FromVoidPtr(e))).get()));
    Ref<> answer = TRY(steal(PyObject_CallOneArg(value, e)));
    return truth_of(PyObject_IsTrue(answer.get()));
  }
};

Maybe<Matcher> matcher_of(PyObject* value) {
  if (PyFunction_Check(value)) return Matcher{By::predicate, value};
  bool ok = PyExceptionClass_Check(value);
  if (PyTuple_CheckExact(value)) {
    ok = true;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); ++i) ok &= PyExceptionClass_Check(PyTuple_GET_ITEM(value, i)) != 0;
  }
  if (ok) return Matcher{By::type, value};
  PyErr_SetString(PyExc_TypeError, "expected a function, exception type or tuple of exception types");
  return {};
}

struct Split {
  Ref<> match;  // null or None when empty
  Ref<> rest;
};

Status split(PyObject* e, const Matcher& matcher, bool want_rest, Split& out) {
  bool matched = TRY(matcher.matches(e));
  if (matched) {
    out.match = borrow(e);
    return Status::ok;
  }
  if (!is_group(e)) {
    if (want_rest) out.rest = borrow(e);
    return Status::ok;
  }
  Ref<> exceptions = borrow(group(e)->excs);
  Ref<> matching = TRY(steal(PyList_New(0)));
  Ref<> others = TRY(steal(PyList_New(0)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(exceptions.get()); ++i) {
    if (Py_EnterRecursiveCall(" in exceptiongroup_split_recursive")) return failure;
    Split part;
    Status status = split(PyTuple_GET_ITEM(exceptions.get(), i), matcher, want_rest, part);
    Py_LeaveRecursiveCall();
    TRY(status);
    if (part.match && part.match.get() != Py_None) TRY(status_of(PyList_Append(matching.get(), part.match.get())));
    if (part.rest && part.rest.get() != Py_None) TRY(status_of(PyList_Append(others.get(), part.rest.get())));
  }
  out.match = TRY(subset(e, matching.get()));
  if (want_rest) out.rest = TRY(subset(e, others.get()));
  return Status::ok;
}

Ref<> group_split(PyObject* self, PyObject* value) {
  Matcher matcher = TRY(matcher_of(value));
  Split parts;
  TRY(split(self, matcher, true, parts));
  return steal(PyTuple_Pack(2, parts.match ? parts.match.get() : Py_None, parts.rest ? parts.rest.get() : Py_None));
}
Ref<> group_subgroup(PyObject* self, PyObject* value) {
  Matcher matcher = TRY(matcher_of(value));
  Split parts;
  TRY(split(self, matcher, false, parts));
  return parts.match ? std::move(parts.match) : none();
}

const PyMemberDef kMembers[] = {
    {"message", T_OBJECT, offsetof(PyBaseExceptionGroupObject, msg), READONLY, "exception message"},
    {"exceptions", T_OBJECT, offsetof(PyBaseExceptionGroupObject, excs), READONLY, "nested exceptions"},
    {},
};
const PyMethodDef kMethods[] = {
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585"},
    METHOD_UNSIGNED("derive($self, exceptions, /)", derive, nullptr),
    METHOD_UNSIGNED("split($self, matcher, /)", group_split, nullptr),
    METHOD_UNSIGNED("subgroup($self, matcher, /)", group_subgroup, nullptr),
    kEndOfMethods,
};

using Fields = ExceptionFields<&PyBaseExceptionGroupObject::msg, &PyBaseExceptionGroupObject::excs>;

// The bases of ExceptionGroup, which has two.
struct PairOfBases {
  PyVarObject head;
  PyObject* items[2];
};
constinit PairOfBases g_exception_group_bases = {
    {{kImmortalCount, &PyTuple_Type}, 2}, {&_PyExc_BaseExceptionGroup.ob_base.ob_base, &_PyExc_Exception.ob_base.ob_base}};

// ---- except* --------------------------------------------------------------------------------------

// Identities of the leaf exceptions.
Status collect_leaves(PyObject* e, PyObject* ids) {
  if (e == Py_None) return Status::ok;
  if (!is_group(e)) return status_of(PySet_Add(ids, TRY(steal(PyLong_FromVoidPtr(e))).get()));
  if (Py_EnterRecursiveCall(" in collect_exception_group_leaf_ids")) return failure;
  Status status = Status::ok;
  PyObject* exceptions = group(e)->excs;
  for (Py_ssize_t i = 0; status == Status::ok && i < PyTuple_GET_SIZE(exceptions); ++i) status = collect_leaves(PyTuple_GET_ITEM(exceptions, i), ids);
  Py_LeaveRecursiveCall();
  return status;
}

// The part of `original` whose leaves occur in the exceptions of the list.
Ref<> projection(PyObject* original, PyObject* kept) {
  Ref<> ids = TRY(steal(PySet_New(nullptr)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(kept); ++i) TRY(collect_leaves(PyList_GET_ITEM(kept, i), ids.get()));
  Split parts;
  TRY(split(original, Matcher{By::identity, ids.get()}, false, parts));
  return parts.match ? std::move(parts.match) : none();
}

// Whether an exception is a part of `original` raised again unchanged: it has its metadata.
bool same_metadata(PyObject* a, PyObject* b) {
  auto* x = base_exception(a);
  auto* y = base_exception(b);
  return x->notes == y->notes && x->traceback == y->traceback && x->cause == y->cause && x->context == y->context;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

constinit PyTypeObject _PyExc_BaseExceptionGroup = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "BaseExceptionGroup",
    .tp_basicsize = sizeof(PyBaseExceptionGroupObject),
    .tp_dealloc = Fields::dealloc,
    .tp_str = slot<group_str>,
    .tp_flags = kExceptionFlags,
    .tp_doc = "A combination of multiple unrelated exceptions.",
    .tp_traverse = Fields::traverse,
    .tp_clear = Fields::clear,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_base = &_PyExc_BaseException,
    .tp_dictoffset = offsetof(PyBaseExceptionObject, dict),
    .tp_init = base_exception_init,
    .tp_new = group_new,
};

constinit PyTypeObject _PyExc_ExceptionGroup = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "ExceptionGroup",
    .tp_basicsize = sizeof(PyBaseExceptionGroupObject),
    .tp_dealloc = Fields::dealloc,
    .tp_flags = kExceptionFlags,
    .tp_traverse = Fields::traverse,
    .tp_clear = Fields::clear,
    .tp_base = &_PyExc_BaseExceptionGroup,
    .tp_dictoffset = offsetof(PyBaseExceptionObject, dict),
    .tp_init = base_exception_init,
    .tp_new = group_new,
    .tp_bases = &g_exception_group_bases.head.ob_base,
};

// A group whose type follows from its members, for code that raises several errors at once.
PyObject* _PyExc_CreateExceptionGroup(const char* message, PyObject* exceptions) {
  return PyObject_CallFunction(PyExc_BaseExceptionGroup, "sO", message, exceptions);
}

// What an `except*` statement raises at its end: `original` is the exception it saw, `raised` the list of what
// its clauses raised and of what no clause took. None when nothing is left.
PyObject* _PyExc_PrepReraiseStar(PyObject* original, PyObject* raised) {
  Py_ssize_t n = PyList_GET_SIZE(raised);
  if (n == 0) return none().release();
  // A naked exception that was wrapped for matching: it was raised again, or something else was.
  if (!is_group(original)) return borrow(PyList_GET_ITEM(raised, 0)).release();
  Ref<> fresh = TRY(steal(PyList_New(0)));
  Ref<> reraised = TRY(steal(PyList_New(0)));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* e = PyList_GET_ITEM(raised, i);
    if (e == Py_None) continue;
    // A group's own split() decides what is left over.
    if (!PyExceptionInstance_Check(e)) return raise(PyExc_TypeError, "exceptions must derive from BaseException");
    TRY(status_of(PyList_Append(same_metadata(e, original) ? reraised.get() : fresh.get(), e)));
  }
  // What was merely raised again keeps the shape it had in the original group.
  Ref<> old = TRY(projection(original, reraised.get()));
  if (PyList_GET_SIZE(fresh.get()) == 0) return old.release();
  if (old.get() != Py_None) TRY(status_of(PyList_Append(fresh.get(), old.get())));
  return _PyExc_CreateExceptionGroup("", fresh.get());
}

}  // extern "C"

GILL_EXCEPTION_POINTER(BaseExceptionGroup)
GILL_STATIC_TYPE(_PyExc_ExceptionGroup);
