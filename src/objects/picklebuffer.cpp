// PickleBuffer: marks a buffer for out-of-band pickling.
#include <cstddef>

#include "base/binding.h"

namespace gill {
namespace {

struct PickleBufferObject {
  PyObject_HEAD
  Py_buffer view;  // its obj is null once released
  PyObject* weakreflist;
};

Ref<> picklebuffer_new(PyTypeObject* type, PyObject* object) {
  Ref<> result = TRY(steal(type->tp_alloc(type, 0)));
  auto* self = reinterpret_cast<PickleBufferObject*>(result.get());
  self->view.obj = nullptr;
  self->weakreflist = nullptr;
  TRY(status_of(PyObject_GetBuffer(object, &self->view, PyBUF_FULL_RO)));
  return result;
}

int picklebuffer_traverse(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<PickleBufferObject*>(object)->view.obj);
  return 0;
}

int picklebuffer_clear(PyObject* object) {
  PyBuffer_Release(&reinterpret_cast<PickleBufferObject*>(object)->view);
  return 0;
}

void picklebuffer_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<PickleBufferObject*>(object);
  PyObject_GC_UnTrack(self);
  if (self->weakreflist) PyObject_ClearWeakRefs(object);
  PyBuffer_Release(&self->view);
  Py_TYPE(object)->tp_free(object);
}

Failure released() { return raise(PyExc_ValueError, "operation forbidden on released PickleBuffer object"); }

int picklebuffer_getbuffer(PyObject* object, Py_buffer* view, int flags) {
  auto* self = reinterpret_cast<PickleBufferObject*>(object);
  if (!self->view.obj) return released();
  return PyObject_GetBuffer(self->view.obj, view, flags);
}

void picklebuffer_releasebuffer(PyObject*, Py_buffer*) {}

Ref<> picklebuffer_raw(PickleBufferObject* self) {
  if (!self->view.obj) return released();
  if (self->view.suboffsets || !PyBuffer_IsContiguous(&self->view, 'A')) {
    return raise(PyExc_BufferError, "cannot extract raw buffer from non-contiguous buffer");
  }
  Ref<> result = TRY(steal(PyMemoryView_FromObject(as_object(self))));
  // One row of unsigned bytes.
  auto* view = reinterpret_cast<PyMemoryViewObject*>(result.get());
  view->view.format = const_cast<char*>("B");
  view->view.ndim = 1;
  view->view.itemsize = 1;
  view->flags = _Py_MEMORYVIEW_C | _Py_MEMORYVIEW_FORTRAN;
  if (Py_SIZE(view) == 0) {
    // A scalar view has no room for a shape: look at the same memory anew.
    Ref<> bytes_view = TRY(steal(PyMemoryView_FromMemory(static_cast<char*>(self->view.buf), self->view.len,
                                                         self->view.readonly ? PyBUF_READ : PyBUF_WRITE)));
    return bytes_view;
  }
  view->view.shape = view->ob_array;
  view->view.strides = view->ob_array + 1;
  view->view.suboffsets = nullptr;
  view->view.shape[0] = view->view.len;
  view->view.strides[0] = 1;
  return result;
}

Status picklebuffer_release(PickleBufferObject* self) {
  PyBuffer_Release(&self->view);
  return Status::ok;
}

const PyMethodDef kMethods[] = {
    METHOD("raw($self, /)", picklebuffer_raw,
           "Return a memoryview of the raw memory underlying this buffer.\n\n"
           "Raises BufferError if the buffer isn't contiguous."),
    METHOD("release($self, /)", picklebuffer_release, "Release the underlying buffer held by the PickleBuffer object."),
    kEndOfMethods,
};

PyBufferProcs as_buffer = {.bf_getbuffer = picklebuffer_getbuffer, .bf_releasebuffer = picklebuffer_releasebuffer};

PickleBufferObject* checked_self(PyObject* object) {
  if (!PyPickleBuffer_Check(object)) return raise(PyExc_TypeError, "expected PickleBuffer, %.200s found", Py_TYPE(object)->tp_name);
  return reinterpret_cast<PickleBufferObject*>(object);
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyPickleBuffer_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "pickle.PickleBuffer",
    .tp_basicsize = sizeof(PickleBufferObject),
    .tp_dealloc = picklebuffer_dealloc,
    .tp_as_buffer = &as_buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "Wrapper for potentially out-of-band buffers",
    .tp_traverse = picklebuffer_traverse,
    .tp_clear = picklebuffer_clear,
    .tp_weaklistoffset = offsetof(PickleBufferObject, weakreflist),
    .tp_methods = table(kMethods),
    .tp_new = CONSTRUCTOR("PickleBuffer($type, object, /)", picklebuffer_new),
};

}  // extern "C"

GILL_STATIC_TYPE(PyPickleBuffer_Type);

extern "C" {

PyObject* PyPickleBuffer_FromObject(PyObject* object) { return picklebuffer_new(&PyPickleBuffer_Type, object).release(); }

const Py_buffer* PyPickleBuffer_GetBuffer(PyObject* object) {
  PickleBufferObject* self = checked_self(object);
  if (!self) return nullptr;
  if (!self->view.obj) return released();
  return &self->view;
}

int PyPickleBuffer_Release(PyObject* object) {
  PickleBufferObject* self = checked_self(object);
  if (!self) return -1;
  PyBuffer_Release(&self->view);
  return 0;
}

}  // extern "C"
