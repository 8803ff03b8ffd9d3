// What anext(iterator, default) gives: an awaitable that turns the end of the iterator into the default.
#include "base/binding.h"
#include "base/names.h"
#include "objects/generator.h"

namespace gill {
namespace {

struct AnextAwaitable {
  PyObject_HEAD
  PyObject* wrapped;
  PyObject* fallback;

  using Fields = OwnedFields<&AnextAwaitable::wrapped, &AnextAwaitable::fallback>;
};

void dealloc(AnextAwaitable* self) {
  PyObject_GC_UnTrack(self);
  AnextAwaitable::Fields::clear_all(self);
  PyObject_GC_Del(self);
}

// The iterator behind what was wrapped. Coroutines are awaitable but no iterators.
Ref<> iterator_of(AnextAwaitable* self) {
  Ref<> awaitable = TRY(awaitable_iterator(self->wrapped));
  if (Py_TYPE(awaitable.get())->tp_iternext) return awaitable;
  Ref<> iterator = TRY(steal(Py_TYPE(awaitable.get())->tp_as_async->am_await(awaitable.get())));
  if (!PyIter_Check(iterator.get())) return raise(PyExc_TypeError, "__await__ must return an iterable");
  return iterator;
}

Ref<> or_default(AnextAwaitable* self, Ref<> result) {
  if (!result && PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_StopAsyncIteration)) _PyGen_SetStopIterationValue(self->fallback);
  return result;
}

Ref<> anext_next(AnextAwaitable* self) {
  Ref<> iterator = TRY(iterator_of(self));
  return or_default(self, steal(Py_TYPE(iterator.get())->tp_iternext(iterator.get())));
}
Ref<> anext_send(AnextAwaitable* self, PyObject* value) {
  Ref<> iterator = TRY(iterator_of(self));
  return or_default(self, steal(PyObject_CallMethodOneArg(iterator.get(), name<"send">, value)));
}
Ref<> anext_throw(AnextAwaitable* self, PyObject* args) {
  Ref<> iterator = TRY(iterator_of(self));
  Ref<> method = TRY(steal(PyObject_GetAttr(iterator.get(), name<"throw">)));
  return or_default(self, steal(PyObject_Call(method.get(), args, nullptr)));
}
PyObject* throw_method(PyObject* self, PyObject* args) { return anext_throw(reinterpret_cast<AnextAwaitable*>(self), args).release(); }
Ref<> anext_close(AnextAwaitable* self) {
  Ref<> iterator = TRY(iterator_of(self));
  return or_default(self, steal(PyObject_CallMethodNoArgs(iterator.get(), name<"close">)));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("send($self, arg, /)", anext_send, "send(arg) -> send 'arg' into the wrapped iterator,\nreturn next yielded value or raise StopIteration."),
    {"throw", throw_method, METH_VARARGS,
     "throw(value)\nthrow(typ[,val[,tb]])\n\nraise exception in the wrapped iterator, return next yielded value\nor raise StopIteration."},
    METHOD_UNSIGNED("close($self, /)", anext_close, "close() -> raise GeneratorExit inside generator."),
    kEndOfMethods,
};
const PyAsyncMethods kAsync = {PyObject_SelfIter, nullptr, nullptr, nullptr};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject _PyAnextAwaitable_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "anext_awaitable",
    .tp_basicsize = sizeof(AnextAwaitable),
    .tp_dealloc = slot<dealloc>,
    .tp_as_async = const_cast<PyAsyncMethods*>(&kAsync),
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = AnextAwaitable::Fields::traverse,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<anext_next>,
    .tp_methods = table(kMethods),
};

PyObject* PyAnextAwaitable_New(PyObject* awaitable, PyObject* default_value) {
  auto* self = PyObject_GC_New(AnextAwaitable, &_PyAnextAwaitable_Type);
  if (!self) return nullptr;
  self->wrapped = borrow(awaitable).release();
  self->fallback = borrow(default_value).release();
  PyObject_GC_Track(self);
  return as_object(self);
}

}  // extern "C"

GILL_STATIC_TYPE(_PyAnextAwaitable_Type);
