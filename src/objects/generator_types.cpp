// The types `generator`, `coroutine` and the coroutine's iterator, and the C API of coroutine origins.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/generator.h"

namespace gill {

// ---- what all kinds show ---------------------------------------------------------------------------------

Ref<> generator_name(PyGenObject* self) { return borrow(self->gi_name); }
Status set_generator_name(PyGenObject* self, PyObject* value) {
  if (!value || !PyUnicode_Check(value)) return raise(PyExc_TypeError, "__name__ must be set to a string object");
  set_field(self->gi_name, borrow(value));
  return Status::ok;
}
Ref<> generator_qualname(PyGenObject* self) { return borrow(self->gi_qualname); }
Status set_generator_qualname(PyGenObject* self, PyObject* value) {
  if (!value || !PyUnicode_Check(value)) return raise(PyExc_TypeError, "__qualname__ must be set to a string object");
  set_field(self->gi_qualname, borrow(value));
  return Status::ok;
}
Ref<> generator_delegate(PyGenObject* self) {
  PyObject* delegate = delegate_of(self);
  return borrow(delegate ? delegate : Py_None);
}
Ref<> generator_frame(PyGenObject* self, const char* attribute) {
  TRY(status_of(PySys_Audit("object.__getattr__", "Os", self, attribute)));
  if (self->gi_frame_state == kCleared) return none();
  return borrow(as_object(frame_object(frame_of(self))));
}
Ref<> generator_sizeof(PyGenObject* self) {
  PyCodeObject* code = self->gi_code;
  Py_ssize_t slots = code->co_nlocalsplus + code->co_stacksize;
  return steal(PyLong_FromSsize_t(static_cast<Py_ssize_t>(offsetof(PyGenObject, gi_iframe) + offsetof(Frame, localsplus)) +
                                  slots * static_cast<Py_ssize_t>(sizeof(PyObject*))));
}

namespace {

Ref<> generator_throw(PyGenObject* self, PyObject* type, PyObject* value, PyObject* traceback) {
  return throw_into_generator(self, type, value, traceback, true);
}

Maybe<bool> is_running(PyGenObject* self) { return self->gi_frame_state == kExecuting; }
Maybe<bool> is_suspended(PyGenObject* self) { return self->gi_frame_state == kSuspended; }

// ---- generator --------------------------------------------------------------------------------------------

Ref<> generator_repr(PyGenObject* self) { return steal(PyUnicode_FromFormat("<generator object %S at %p>", self->gi_qualname, self)); }
Ref<> get_gi_frame(PyGenObject* self) { return generator_frame(self, "gi_frame"); }

const PyMethodDef kGeneratorMethods[] = {
    METHOD_UNSIGNED("send($self, arg, /)", generator_send,
                    "send(arg) -> send 'arg' into generator,\nreturn next yielded value or raise StopIteration."),
    METHOD_UNSIGNED("throw($self, type, value=NULL, tb=NULL, /)", generator_throw,
                    "throw(value)\nthrow(type[,value[,tb]])\n\nRaise exception in generator, return next yielded value or raise\nStopIteration."),
    METHOD_UNSIGNED("close($self, /)", close_generator, "close() -> raise GeneratorExit inside generator."),
    METHOD_UNSIGNED("__sizeof__($self, /)", generator_sizeof, "gen.__sizeof__() -> size of gen in memory, in bytes"),
    kEndOfMethods,
};
const PyGetSetDef kGeneratorAttributes[] = {
    getset<generator_name, set_generator_name>("__name__", "name of the generator"),
    getset<generator_qualname, set_generator_qualname>("__qualname__", "qualified name of the generator"),
    getset<generator_delegate>("gi_yieldfrom", "object being iterated by yield from, or None"),
    getset<is_running>("gi_running"),
    getset<get_gi_frame>("gi_frame"),
    getset<is_suspended>("gi_suspended"),
    kEndOfGetSets,
};
const PyMemberDef kGeneratorMembers[] = {
    {"gi_code", T_OBJECT, offsetof(PyGenObject, gi_code), READONLY | PY_AUDIT_READ, nullptr}, {}};

PySendResult am_send(PyObject* self, PyObject* value, PyObject** result) { return resume_generator(as_generator(self), value, result); }
const PyAsyncMethods kGeneratorAsync = {nullptr, nullptr, nullptr, am_send};

// ---- coroutine --------------------------------------------------------------------------------------------

// What await iterates over: the coroutine itself is no iterator.
struct CoroutineWrapper {
  PyObject_HEAD
  PyGenObject* coroutine;

  using Fields = OwnedFields<&CoroutineWrapper::coroutine>;
};

Ref<> coroutine_repr(PyGenObject* self) { return steal(PyUnicode_FromFormat("<coroutine object %S at %p>", self->gi_qualname, self)); }
Ref<> get_cr_frame(PyGenObject* self) { return generator_frame(self, "cr_frame"); }

Ref<> coroutine_await(PyGenObject* self) {
  auto* wrapper = PyObject_GC_New(CoroutineWrapper, &_PyCoroWrapper_Type);
  if (!wrapper) return nullptr;
  wrapper->coroutine = borrow(self).release();
  PyObject_GC_Track(wrapper);
  return steal(as_object(wrapper));
}

const PyMethodDef kCoroutineMethods[] = {
    METHOD_UNSIGNED("send($self, arg, /)", generator_send,
                    "send(arg) -> send 'arg' into coroutine,\nreturn next iterated value or raise StopIteration."),
    METHOD_UNSIGNED("throw($self, type, value=NULL, traceback=NULL, /)", generator_throw,
                    "throw(value)\nthrow(type[,value[,traceback]])\n\nRaise exception in coroutine, return next iterated value or raise\nStopIteration."),
    METHOD_UNSIGNED("close($self, /)", close_generator, "close() -> raise GeneratorExit inside coroutine."),
    METHOD_UNSIGNED("__sizeof__($self, /)", generator_sizeof, "gen.__sizeof__() -> size of gen in memory, in bytes"),
    kEndOfMethods,
};
const PyGetSetDef kCoroutineAttributes[] = {
    getset<generator_name, set_generator_name>("__name__", "name of the coroutine"),
    getset<generator_qualname, set_generator_qualname>("__qualname__", "qualified name of the coroutine"),
    getset<generator_delegate>("cr_await", "object being awaited on, or None"),
    getset<is_running>("cr_running"),
    getset<get_cr_frame>("cr_frame"),
    getset<is_suspended>("cr_suspended"),
    kEndOfGetSets,
};
const PyMemberDef kCoroutineMembers[] = {
    {"cr_code", T_OBJECT, offsetof(PyGenObject, gi_code), READONLY | PY_AUDIT_READ, nullptr},
    {"cr_origin", T_OBJECT, offsetof(PyGenObject, gi_origin_or_finalizer), READONLY, nullptr},
    {}};
const PyAsyncMethods kCoroutineAsync = {slot<coroutine_await>, nullptr, nullptr, am_send};

void wrapper_dealloc(CoroutineWrapper* self) {
  PyObject_GC_UnTrack(self);
  CoroutineWrapper::Fields::clear_all(self);
  PyObject_GC_Del(self);
}
PyObject* wrapper_next(PyObject* self) { return generator_next(as_object(reinterpret_cast<CoroutineWrapper*>(self)->coroutine)); }
Ref<> wrapper_send(CoroutineWrapper* self, PyObject* value) { return generator_send(self->coroutine, value); }
Ref<> wrapper_throw(CoroutineWrapper* self, PyObject* type, PyObject* value, PyObject* tb) {
  return throw_into_generator(self->coroutine, type, value, tb, true);
}
Ref<> wrapper_close(CoroutineWrapper* self) { return close_generator(self->coroutine); }

const PyMethodDef kWrapperMethods[] = {
    METHOD_UNSIGNED("send($self, arg, /)", wrapper_send,
                    "send(arg) -> send 'arg' into coroutine,\nreturn next iterated value or raise StopIteration."),
    METHOD_UNSIGNED("throw($self, type, value=NULL, traceback=NULL, /)", wrapper_throw,
                    "throw(value)\nthrow(type[,value[,traceback]])\n\nRaise exception in coroutine, return next iterated value or raise\nStopIteration."),
    METHOD_UNSIGNED("close($self, /)", wrapper_close, "close() -> raise GeneratorExit inside coroutine."),
    kEndOfMethods,
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyGen_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "generator",
    .tp_basicsize = offsetof(PyGenObject, gi_iframe) + offsetof(Frame, localsplus),
    .tp_itemsize = sizeof(PyObject*),
    .tp_dealloc = generator_dealloc,
    .tp_as_async = const_cast<PyAsyncMethods*>(&kGeneratorAsync),
    .tp_repr = slot<generator_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = generator_traverse,
    .tp_weaklistoffset = offsetof(PyGenObject, gi_weakreflist),
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = generator_next,
    .tp_methods = table(kGeneratorMethods),
    .tp_members = table(kGeneratorMembers),
    .tp_getset = table(kGeneratorAttributes),
    .tp_finalize = _PyGen_Finalize,
};

PyTypeObject PyCoro_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "coroutine",
    .tp_basicsize = offsetof(PyGenObject, gi_iframe) + offsetof(Frame, localsplus),
    .tp_itemsize = sizeof(PyObject*),
    .tp_dealloc = generator_dealloc,
    .tp_as_async = const_cast<PyAsyncMethods*>(&kCoroutineAsync),
    .tp_repr = slot<coroutine_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = generator_traverse,
    .tp_weaklistoffset = offsetof(PyGenObject, gi_weakreflist),
    .tp_methods = table(kCoroutineMethods),
    .tp_members = table(kCoroutineMembers),
    .tp_getset = table(kCoroutineAttributes),
    .tp_finalize = _PyGen_Finalize,
};

PyTypeObject _PyCoroWrapper_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "coroutine_wrapper",
    .tp_basicsize = sizeof(CoroutineWrapper),
    .tp_dealloc = slot<wrapper_dealloc>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "A wrapper object implementing __await__ for coroutines.",
    .tp_traverse = CoroutineWrapper::Fields::traverse,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = wrapper_next,
    .tp_methods = table(kWrapperMethods),
};

int _PyEval_SetCoroutineOriginTrackingDepth(int depth) {
  if (depth < 0) {
    PyErr_SetString(PyExc_ValueError, "depth must be >= 0");
    return -1;
  }
  current_thread()->coroutine_origin_tracking_depth = depth;
  return 0;
}
int _PyEval_GetCoroutineOriginTrackingDepth(void) { return current_thread()->coroutine_origin_tracking_depth; }

}  // extern "C"

GILL_STATIC_TYPE(PyGen_Type);
GILL_STATIC_TYPE(PyCoro_Type);
GILL_STATIC_TYPE(_PyCoroWrapper_Type);
