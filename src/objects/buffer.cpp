// The buffer protocol: asking for a view, releasing it, and walking strided memory.
#include <Python.h>

#include <cstring>

#include "base/names.h"
#include "objects/buffer_exports.h"
#include "objects/object.h"

namespace gill {

namespace {

Failure null_argument() {
  if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
  return failure;
}

bool c_contiguous(const Py_buffer* view) {
  if (view->len == 0 || !view->strides) return true;
  Py_ssize_t expected = view->itemsize;
  for (int i = view->ndim - 1; i >= 0; --i) {
    Py_ssize_t extent = view->shape[i];
    if (extent > 1 && view->strides[i] != expected) return false;
    expected *= extent;
  }
  return true;
}

bool fortran_contiguous(const Py_buffer* view) {
  if (view->len == 0) return true;
  if (!view->strides) {
    // C order: the same thing only with at most one extent above one.
    if (view->ndim <= 1) return true;
    int wide = 0;
    for (int i = 0; i < view->ndim; ++i) wide += view->shape[i] > 1;
    return wide <= 1;
  }
  Py_ssize_t expected = view->itemsize;
  for (int i = 0; i < view->ndim; ++i) {
    Py_ssize_t extent = view->shape[i];
    if (extent > 1 && view->strides[i] != expected) return false;
    expected *= extent;
  }
  return true;
}

Py_buffer single_use_view() {
  Py_buffer view;
  std::memset(&view, 0, sizeof(view));
  return view;
}

// The old one-pointer interface: the pointer outlives the view only by courtesy of the object.
int old_buffer(PyObject* object, const void** data, Py_ssize_t* size, bool writable) {
  if (!object || !data || !size) return null_argument();
  Py_buffer view = single_use_view();
  if (PyObject_GetBuffer(object, &view, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) < 0) {
    return writable ? raise(PyExc_TypeError, "expected a writable bytes-like object") : failure;
  }
  *data = view.buf;
  *size = view.len;
  PyBuffer_Release(&view);
  return 0;
}

// A memoryview does not change its size, and views of one are frequent.
bool is_recorded(PyObject* exporter) { return !PyMemoryView_Check(exporter); }

bool wants_release(PyObject* exporter) {
  const PyBufferProcs* procs = exporter ? Py_TYPE(exporter)->tp_as_buffer : nullptr;
  return procs && procs->bf_releasebuffer;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

int PyObject_CheckBuffer(PyObject* object) {
  PyBufferProcs* procs = Py_TYPE(object)->tp_as_buffer;
  return procs && procs->bf_getbuffer;
}

int PyObject_GetBuffer(PyObject* object, Py_buffer* view, int flags) {
  PyBufferProcs* procs = Py_TYPE(object)->tp_as_buffer;
  if (!procs || !procs->bf_getbuffer) {
    return raise(PyExc_TypeError, "a bytes-like object is required, not '%.100s'", Py_TYPE(object)->tp_name);
  }
  if (procs->bf_getbuffer(object, view, flags) < 0) return -1;
  if (wants_release(view->obj) && is_recorded(view->obj)) note_export(view->obj, view);
  return 0;
}

void PyBuffer_Release(Py_buffer* view) {
  PyObject* object = view->obj;
  if (!object) return;
  if (wants_release(object)) {
    if (is_recorded(object)) forget_export(object, view);
    Py_TYPE(object)->tp_as_buffer->bf_releasebuffer(object, view);
  }
  view->obj = nullptr;
  release(object);
}

int PyBuffer_FillInfo(Py_buffer* view, PyObject* object, void* data, Py_ssize_t size, int readonly, int flags) {
  if (!view) return raise(PyExc_BufferError, "PyBuffer_FillInfo: view==NULL argument is obsolete");
  if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE && readonly) return raise(PyExc_BufferError, "Object is not writable.");
  view->obj = borrow(object).release();
  view->buf = data;
  view->len = size;
  view->readonly = readonly;
  view->itemsize = 1;
  view->format = flags & PyBUF_FORMAT ? const_cast<char*>("B") : nullptr;
  view->ndim = 1;
  view->shape = (flags & PyBUF_ND) == PyBUF_ND ? &view->len : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? &view->itemsize : nullptr;
  view->suboffsets = nullptr;
  view->internal = nullptr;
  return 0;
}

int PyBuffer_IsContiguous(const Py_buffer* view, char order) {
  if (view->suboffsets) return 0;
  if (order == 'C') return c_contiguous(view);
  if (order == 'F') return fortran_contiguous(view);
  if (order == 'A') return c_contiguous(view) || fortran_contiguous(view);
  return 0;
}

void* PyBuffer_GetPointer(const Py_buffer* view, const Py_ssize_t* indices) {
  auto* pointer = static_cast<char*>(view->buf);
  if (!view->strides) {
    // Without strides it is one C-contiguous block.
    Py_ssize_t stride = view->itemsize;
    for (int i = view->ndim - 1; i >= 0; --i) {
      pointer += stride * indices[i];
      if (view->shape) stride *= view->shape[i];
    }
    return pointer;
  }
  for (int i = 0; i < view->ndim; ++i) {
    pointer += view->strides[i] * indices[i];
    if (view->suboffsets && view->suboffsets[i] >= 0) pointer = *reinterpret_cast<char**>(pointer) + view->suboffsets[i];
  }
  return pointer;
}

void _Py_add_one_to_index_F(int dimensions, Py_ssize_t* index, const Py_ssize_t* shape) {
  for (int k = 0; k < dimensions; ++k) {
    if (index[k] < shape[k] - 1) {
      ++index[k];
      return;
    }
    index[k] = 0;
  }
}

void _Py_add_one_to_index_C(int dimensions, Py_ssize_t* index, const Py_ssize_t* shape) {
  for (int k = dimensions - 1; k >= 0; --k) {
    if (index[k] < shape[k] - 1) {
      ++index[k];
      return;
    }
    index[k] = 0;
  }
}

int PyBuffer_FromContiguous(const Py_buffer* view, const void* data, Py_ssize_t size, char order) {
  if (size > view->len) size = view->len;
  if (PyBuffer_IsContiguous(view, order)) {
    std::memcpy(view->buf, data, static_cast<size_t>(size));
    return 0;
  }
  auto* indices = static_cast<Py_ssize_t*>(PyMem_Calloc(static_cast<size_t>(view->ndim), sizeof(Py_ssize_t)));
  if (!indices) {
    PyErr_NoMemory();
    return -1;
  }
  auto step = order == 'F' ? _Py_add_one_to_index_F : _Py_add_one_to_index_C;
  const char* source = static_cast<const char*>(data);
  for (Py_ssize_t left = size / view->itemsize; left > 0; --left, source += view->itemsize) {
    std::memcpy(PyBuffer_GetPointer(view, indices), source, static_cast<size_t>(view->itemsize));
    step(view->ndim, indices, view->shape);
  }
  PyMem_Free(indices);
  return 0;
}

int PyBuffer_ToContiguous(void* target, const Py_buffer* view, Py_ssize_t size, char order) {
  if (size != view->len) return raise(PyExc_ValueError, "PyBuffer_ToContiguous: len != view->len");
  if (PyBuffer_IsContiguous(view, order)) {
    std::memcpy(target, view->buf, static_cast<size_t>(size));
    return 0;
  }
  if (size == 0) return 0;
  auto* indices = static_cast<Py_ssize_t*>(PyMem_Calloc(static_cast<size_t>(view->ndim), sizeof(Py_ssize_t)));
  if (!indices) {
    PyErr_NoMemory();
    return -1;
  }
  auto step = order == 'F' ? _Py_add_one_to_index_F : _Py_add_one_to_index_C;
  auto* out = static_cast<char*>(target);
  for (Py_ssize_t left = size / view->itemsize; left > 0; --left, out += view->itemsize) {
    std::memcpy(out, PyBuffer_GetPointer(view, indices), static_cast<size_t>(view->itemsize));
    step(view->ndim, indices, view->shape);
  }
  PyMem_Free(indices);
  return 0;
}

int PyObject_CopyData(PyObject* target, PyObject* source) {
  if (!PyObject_CheckBuffer(target) || !PyObject_CheckBuffer(source)) {
    return raise(PyExc_TypeError, "both destination and source must be bytes-like objects");
  }
  Py_buffer to, from;
  if (PyObject_GetBuffer(target, &to, PyBUF_FULL) != 0) return -1;
  if (PyObject_GetBuffer(source, &from, PyBUF_FULL_RO) != 0) {
    PyBuffer_Release(&to);
    return -1;
  }
  int result = 0;
  if (to.len < from.len) {
    PyErr_SetString(PyExc_BufferError, "destination is too small to receive data from source");
    result = -1;
  } else if ((PyBuffer_IsContiguous(&to, 'C') && PyBuffer_IsContiguous(&from, 'C')) ||
             (PyBuffer_IsContiguous(&to, 'F') && PyBuffer_IsContiguous(&from, 'F'))) {
    std::memcpy(to.buf, from.buf, static_cast<size_t>(from.len));
  } else {
    auto* indices = static_cast<Py_ssize_t*>(PyMem_Calloc(static_cast<size_t>(from.ndim), sizeof(Py_ssize_t)));
    if (!indices) {
      PyErr_NoMemory();
      result = -1;
    } else {
      Py_ssize_t elements = from.itemsize ? from.len / from.itemsize : 0;
      while (elements-- > 0) {
        std::memcpy(PyBuffer_GetPointer(&to, indices), PyBuffer_GetPointer(&from, indices), static_cast<size_t>(from.itemsize));
        _Py_add_one_to_index_C(from.ndim, indices, from.shape);
      }
      PyMem_Free(indices);
    }
  }
  PyBuffer_Release(&to);
  PyBuffer_Release(&from);
  return result;
}

void PyBuffer_FillContiguousStrides(int dimensions, Py_ssize_t* shape, Py_ssize_t* strides, int itemsize, char order) {
  Py_ssize_t stride = itemsize;
  if (dimensions <= 1 || order == 'F') {
    for (int k = 0; k < dimensions; ++k) {
      strides[k] = stride;
      stride *= shape[k];
    }
  } else {
    for (int k = dimensions - 1; k >= 0; --k) {
      strides[k] = stride;
      stride *= shape[k];
    }
  }
}

// struct.calcsize(format)
Py_ssize_t PyBuffer_SizeFromFormat(const char* format) {
  Ref<> module = steal(PyImport_ImportModule("struct"));
  if (!module) return -1;
  Ref<> text = steal(PyUnicode_FromString(format));
  if (!text) return -1;
  Ref<> size = call_method(module.get(), name<"calcsize">, text.get());
  return size ? PyLong_AsSsize_t(size.get()) : -1;
}

#pragma clang diagnostic ignored "-Wdeprecated-declarations"
int PyObject_AsReadBuffer(PyObject* object, const void** data, Py_ssize_t* size) { return old_buffer(object, data, size, false); }
int PyObject_AsCharBuffer(PyObject* object, const char** data, Py_ssize_t* size) {
  return old_buffer(object, reinterpret_cast<const void**>(data), size, false);
}
int PyObject_AsWriteBuffer(PyObject* object, void** data, Py_ssize_t* size) {
  return old_buffer(object, const_cast<const void**>(data), size, true);
}
int PyObject_CheckReadBuffer(PyObject* object) {
  PyBufferProcs* procs = Py_TYPE(object)->tp_as_buffer;
  Py_buffer view;
  if (!procs || !procs->bf_getbuffer) return 0;
  if (procs->bf_getbuffer(object, &view, PyBUF_SIMPLE) < 0) {
    PyErr_Clear();
    return 0;
  }
  PyBuffer_Release(&view);
  return 1;
}

}  // extern "C"
