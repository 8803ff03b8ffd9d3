// The type `async_generator`, the awaitables that asend(), athrow() and aclose() give, and the event loop's hooks.
//
// A value that the body yields comes out wrapped, which tells it from what the body awaits. The awaitable's step then
// ends with StopIteration carrying the value; what is awaited passes through to the event loop.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/generator.h"

namespace gill {

Ref<> generator_name(PyGenObject* self);
Status set_generator_name(PyGenObject* self, PyObject* value);
Ref<> generator_qualname(PyGenObject* self);
Status set_generator_qualname(PyGenObject* self, PyObject* value);
Ref<> generator_delegate(PyGenObject* self);
Ref<> generator_frame(PyGenObject* self, const char* attribute);
Ref<> generator_sizeof(PyGenObject* self);

namespace {

// ---- wrapped values -----------------------------------------------------------------------------------------

struct WrappedValue {
  PyObject_HEAD
  PyObject* value;

  using Fields = OwnedFields<&WrappedValue::value>;
};
bool is_wrapped(PyObject* object) { return Py_IS_TYPE(object, &_PyAsyncGenWrappedValue_Type); }

template <class T>
void dealloc(T* self) {
  PyObject_GC_UnTrack(self);
  T::Fields::clear_all(self);
  PyObject_GC_Del(self);
}

// ---- steps ----------------------------------------------------------------------------------------------------

bool is_end() {
  return PyErr_ExceptionMatches(PyExc_StopAsyncIteration) || PyErr_ExceptionMatches(PyExc_GeneratorExit);
}

// What a step of the generator means for who awaits it: a yielded value ends the awaiting.
Ref<> unwrap(PyAsyncGenObject* generator, Ref<> result) {
  if (!result) {
    if (!PyErr_Occurred()) PyErr_SetNone(PyExc_StopAsyncIteration);
    if (is_end()) generator->ag_closed = 1;
    generator->ag_running_async = 0;
    return failure;
  }
  if (!is_wrapped(result.get())) return result;
  generator->ag_running_async = 0;
  _PyGen_SetStopIterationValue(reinterpret_cast<WrappedValue*>(result.get())->value);
  return failure;
}

PyGenObject* plain(PyAsyncGenObject* generator) { return reinterpret_cast<PyGenObject*>(generator); }

enum class AwaitState : int { initial, iterating, closed };

// ---- asend(), __anext__() -----------------------------------------------------------------------------------

struct Asend {
  PyObject_HEAD
  PyAsyncGenObject* generator;
  PyObject* value;  // to send first; null means None
  AwaitState state;

  using Fields = OwnedFields<&Asend::generator, &Asend::value>;
};

Ref<> new_asend(PyAsyncGenObject* generator, PyObject* value) {
  auto* self = PyObject_GC_New(Asend, &_PyAsyncGenASend_Type);
  if (!self) return nullptr;
  self->generator = borrow(generator).release();
  self->value = borrow(value).release();
  self->state = AwaitState::initial;
  PyObject_GC_Track(self);
  return steal(as_object(self));
}

Failure asend_is_over() { return raise(PyExc_RuntimeError, "cannot reuse already awaited __anext__()/asend()"); }

Ref<> asend_send(Asend* self, PyObject* value) {
  if (self->state == AwaitState::closed) return asend_is_over();
  if (self->state == AwaitState::initial) {
    if (self->generator->ag_running_async) return raise(PyExc_RuntimeError, "anext(): asynchronous generator is already running");
    if (!value || value == Py_None) value = self->value ? self->value : Py_None;
    self->state = AwaitState::iterating;
  }
  self->generator->ag_running_async = 1;
  Ref<> result = unwrap(self->generator, generator_send(plain(self->generator), value ? value : Py_None));
  if (!result) self->state = AwaitState::closed;
  return result;
}
Ref<> asend_next(Asend* self) { return asend_send(self, nullptr); }
Ref<> asend_throw(Asend* self, PyObject* type, PyObject* value, PyObject* traceback) {
  if (self->state == AwaitState::closed) return asend_is_over();
  Ref<> result = unwrap(self->generator, throw_into_generator(plain(self->generator), type, value, traceback, true));
  if (!result) self->state = AwaitState::closed;
  return result;
}
Status asend_close(Asend* self) {
  self->state = AwaitState::closed;
  return Status::ok;
}

// ---- athrow(), aclose() ---------------------------------------------------------------------------------------

struct Athrow {
  PyObject_HEAD
  PyAsyncGenObject* generator;
  PyObject* args;  // null: aclose()
  AwaitState state;

  using Fields = OwnedFields<&Athrow::generator, &Athrow::args>;
};

Ref<> new_athrow(PyAsyncGenObject* generator, PyObject* args) {
  auto* self = PyObject_GC_New(Athrow, &_PyAsyncGenAThrow_Type);
  if (!self) return nullptr;
  self->generator = borrow(generator).release();
  self->args = borrow(args).release();
  self->state = AwaitState::initial;
  PyObject_GC_Track(self);
  return steal(as_object(self));
}

Failure athrow_is_over() { return raise(PyExc_RuntimeError, "cannot reuse already awaited aclose()/athrow()"); }

// The body yielded although it was told to end.
Failure ignored_exit(Athrow* self) {
  self->generator->ag_running_async = 0;
  self->state = AwaitState::closed;
  return raise(PyExc_RuntimeError, "async generator ignored GeneratorExit");
}
// The end is what aclose() waits for.
void end_of_close(Athrow* self) {
  if (self->args || !is_end()) return;
  PyErr_Clear();
  PyErr_SetNone(PyExc_StopIteration);
}
Failure athrow_failed(Athrow* self) {
  self->generator->ag_running_async = 0;
  self->state = AwaitState::closed;
  end_of_close(self);
  return failure;
}

Ref<> athrow_begin(Athrow* self, PyObject* value) {
  PyAsyncGenObject* generator = self->generator;
  if (generator->ag_running_async) {
    self->state = AwaitState::closed;
    return raise(PyExc_RuntimeError, self->args ? "athrow(): asynchronous generator is already running"
                                                : "aclose(): asynchronous generator is already running");
  }
  if (generator->ag_closed) {
    self->state = AwaitState::closed;
    PyErr_SetNone(PyExc_StopAsyncIteration);
    return failure;
  }
  if (value != Py_None) return raise(PyExc_RuntimeError, "can't send non-None value to a just-started coroutine");
  self->state = AwaitState::iterating;
  generator->ag_running_async = 1;
  Ref<> result;
  // The body may await while it ends, so what it awaits now is told too, not closed.
  if (!self->args) {
    generator->ag_closed = 1;
    result = throw_into_generator(plain(generator), PyExc_GeneratorExit, nullptr, nullptr, false);
    if (result && is_wrapped(result.get())) return ignored_exit(self);
  } else {
    PyObject *type, *error = nullptr, *traceback = nullptr;
    if (!PyArg_UnpackTuple(self->args, "athrow", 1, 3, &type, &error, &traceback)) return failure;
    result = unwrap(generator, throw_into_generator(plain(generator), type, error, traceback, false));
  }
  return result ? std::move(result) : athrow_failed(self);
}

Ref<> athrow_send(Athrow* self, PyObject* value) {
  PyAsyncGenObject* generator = self->generator;
  if (self->state == AwaitState::closed) return athrow_is_over();
  if (generator->ag_frame_state >= kCompleted) {
    self->state = AwaitState::closed;
    PyErr_SetNone(PyExc_StopIteration);
    return failure;
  }
  if (self->state == AwaitState::initial) return athrow_begin(self, value);
  Ref<> result = generator_send(plain(generator), value);
  if (self->args) return unwrap(generator, std::move(result));
  if (!result) return athrow_failed(self);
  if (is_wrapped(result.get())) return ignored_exit(self);
  return result;
}
Ref<> athrow_next(Athrow* self) { return athrow_send(self, Py_None); }
Ref<> athrow_throw(Athrow* self, PyObject* type, PyObject* value, PyObject* traceback) {
  if (self->state == AwaitState::closed) return athrow_is_over();
  Ref<> result = throw_into_generator(plain(self->generator), type, value, traceback, true);
  if (self->args) return unwrap(self->generator, std::move(result));
  if (result && is_wrapped(result.get())) return ignored_exit(self);
  if (!result) end_of_close(self);
  return result;
}
Status athrow_close(Athrow* self) {
  self->state = AwaitState::closed;
  return Status::ok;
}

template <auto Send, auto Throw, auto Close>
const PyMethodDef kAwaitableMethods[] = {
    METHOD_UNSIGNED("send($self, arg, /)", *Send, "send(arg) -> send 'arg' into generator,\nreturn next yielded value or raise StopIteration."),
    METHOD_UNSIGNED("throw($self, type, value=NULL, tb=NULL, /)", *Throw,
                    "throw(value)\nthrow(type[,value[,tb]])\n\nRaise exception in generator, return next yielded value or raise\nStopIteration."),
    METHOD_UNSIGNED("close($self, /)", *Close, "close() -> raise GeneratorExit inside generator."),
    kEndOfMethods,
};

// ---- async_generator ------------------------------------------------------------------------------------------

// Before its first step the generator is shown to the event loop, which may want to close it at the end.
Status call_hooks(PyAsyncGenObject* self) {
  if (self->ag_hooks_inited) return Status::ok;
  self->ag_hooks_inited = 1;
  ThreadState* thread = current_thread();
  self->ag_origin_or_finalizer = borrow(thread->async_gen_finalizer).release();
  if (Ref<> first = borrow(thread->async_gen_firstiter)) {
    Ref<> done = TRY(steal(PyObject_CallOneArg(first.get(), as_object(self))));
  }
  return Status::ok;
}

Ref<> async_next(PyAsyncGenObject* self) {
  TRY(call_hooks(self));
  return new_asend(self, nullptr);
}
Ref<> async_send(PyAsyncGenObject* self, PyObject* value) {
  TRY(call_hooks(self));
  return new_asend(self, value);
}
Ref<> async_close(PyAsyncGenObject* self) {
  TRY(call_hooks(self));
  return new_athrow(self, nullptr);
}
Ref<> async_throw(PyAsyncGenObject* self, PyObject* args) {
  TRY(call_hooks(self));
  return new_athrow(self, args);
}
PyObject* async_throw_method(PyObject* self, PyObject* args) { return async_throw(reinterpret_cast<PyAsyncGenObject*>(self), args).release(); }

Ref<> async_repr(PyGenObject* self) { return steal(PyUnicode_FromFormat("<async_generator object %S at %p>", self->gi_qualname, self)); }
Ref<> get_ag_frame(PyGenObject* self) { return generator_frame(self, "ag_frame"); }
Ref<> class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }

const PyMethodDef kAsyncMethods[] = {
    METHOD_UNSIGNED("asend($self, value, /)", async_send, "asend(v) -> send 'v' in generator."),
    {"athrow", async_throw_method, METH_VARARGS, "athrow(typ[,val[,tb]]) -> raise exception in generator."},
    METHOD_UNSIGNED("aclose($self, /)", async_close, "aclose() -> raise GeneratorExit inside generator."),
    METHOD_UNSIGNED("__sizeof__($self, /)", generator_sizeof, "gen.__sizeof__() -> size of gen in memory, in bytes"),
    CLASS_METHOD_UNSIGNED("__class_getitem__($type, item, /)", class_getitem, "See PEP 585"),
    kEndOfMethods,
};
const PyGetSetDef kAsyncAttributes[] = {
    getset<generator_name, set_generator_name>("__name__", "name of the async generator"),
    getset<generator_qualname, set_generator_qualname>("__qualname__", "qualified name of the async generator"),
    getset<generator_delegate>("ag_await", "object being awaited on, or None"),
    getset<get_ag_frame>("ag_frame"),
    kEndOfGetSets,
};
const PyMemberDef kAsyncMembers[] = {
    {"ag_running", T_BOOL, offsetof(PyAsyncGenObject, ag_running_async), READONLY, nullptr},
    {"ag_code", T_OBJECT, offsetof(PyAsyncGenObject, ag_code), READONLY | PY_AUDIT_READ, nullptr},
    {}};

PySendResult am_send(PyObject* self, PyObject* value, PyObject** result) { return resume_generator(as_generator(self), value, result); }
const PyAsyncMethods kAsyncGeneratorSlots = {nullptr, PyObject_SelfIter, slot<async_next>, am_send};
const PyAsyncMethods kAwaitableSlots = {PyObject_SelfIter, nullptr, nullptr, nullptr};

template <class T>
constexpr PyTypeObject awaitable_type(const char* name, iternextfunc next, const PyMethodDef* methods) {
  return {
      .ob_base = {{kImmortalCount, &PyType_Type}, 0},
      .tp_name = name,
      .tp_basicsize = sizeof(T),
      .tp_dealloc = slot<dealloc<T>>,
      .tp_as_async = const_cast<PyAsyncMethods*>(&kAwaitableSlots),
      .tp_getattro = PyObject_GenericGetAttr,
      .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
      .tp_traverse = T::Fields::traverse,
      .tp_iter = PyObject_SelfIter,
      .tp_iternext = next,
      .tp_methods = const_cast<PyMethodDef*>(methods),
  };
}

Status set_hook(const char* event, PyObject*& field, PyObject* hook) {
  TRY(status_of(PySys_Audit(event, nullptr)));
  set_field(field, borrow(hook));
  return Status::ok;
}

}  // namespace

Ref<> wrap_async_value(PyObject* value) {
  auto* self = PyObject_GC_New(WrappedValue, &_PyAsyncGenWrappedValue_Type);
  if (!self) return nullptr;
  self->value = borrow(value).release();
  PyObject_GC_Track(self);
  return steal(as_object(self));
}

}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyAsyncGen_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "async_generator",
    .tp_basicsize = offsetof(PyAsyncGenObject, ag_iframe) + offsetof(Frame, localsplus),
    .tp_itemsize = sizeof(PyObject*),
    .tp_dealloc = generator_dealloc,
    .tp_as_async = const_cast<PyAsyncMethods*>(&kAsyncGeneratorSlots),
    .tp_repr = slot<async_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = generator_traverse,
    .tp_weaklistoffset = offsetof(PyAsyncGenObject, ag_weakreflist),
    .tp_methods = table(kAsyncMethods),
    .tp_members = table(kAsyncMembers),
    .tp_getset = table(kAsyncAttributes),
    .tp_finalize = _PyGen_Finalize,
};

PyTypeObject _PyAsyncGenASend_Type = awaitable_type<Asend>("async_generator_asend", slot<asend_next>, kAwaitableMethods<&asend_send, &asend_throw, &asend_close>);
PyTypeObject _PyAsyncGenAThrow_Type =
    awaitable_type<Athrow>("async_generator_athrow", slot<athrow_next>, kAwaitableMethods<&athrow_send, &athrow_throw, &athrow_close>);

PyTypeObject _PyAsyncGenWrappedValue_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "async_generator_wrapped_value",
    .tp_basicsize = sizeof(WrappedValue),
    .tp_dealloc = slot<dealloc<WrappedValue>>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = WrappedValue::Fields::traverse,
};

PyObject* _PyAsyncGenValueWrapperNew(PyObject* value) { return wrap_async_value(value).release(); }

int _PyEval_SetAsyncGenFirstiter(PyObject* hook) {
  return static_cast<int>(set_hook("sys.set_asyncgen_hook_firstiter", current_thread()->async_gen_firstiter, hook));
}
int _PyEval_SetAsyncGenFinalizer(PyObject* hook) {
  return static_cast<int>(set_hook("sys.set_asyncgen_hook_finalizer", current_thread()->async_gen_finalizer, hook));
}
PyObject* _PyEval_GetAsyncGenFirstiter(void) { return current_thread()->async_gen_firstiter; }
PyObject* _PyEval_GetAsyncGenFinalizer(void) { return current_thread()->async_gen_finalizer; }

}  // extern "C"

GILL_STATIC_TYPE(PyAsyncGen_Type);
GILL_STATIC_TYPE(_PyAsyncGenASend_Type);
GILL_STATIC_TYPE(_PyAsyncGenAThrow_Type);
GILL_STATIC_TYPE(_PyAsyncGenWrappedValue_Type);
