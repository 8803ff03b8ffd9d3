// memoryview: views of other objects' buffers, and the managed buffer that all views of one export share.
//
// A managed buffer owns the export; each view counts as one of its users and carries shape, strides and
// suboffsets of its own behind the object. Releasing the last view gives the export back. Single items,
// slices, comparison and casts are in memoryview_items.cpp.
#include "objects/memoryview.h"

#include <cstddef>

#include "objects/byte_methods.h"
#include "objects/bytes.h"

#define Py_BUILD_CORE 1
#include "internal/pycore_strhex.h"
#undef Py_BUILD_CORE

namespace gill {
namespace {

using ManagedBuffer = _PyManagedBufferObject;

// ---- the managed buffer -------------------------------------------------------------------------------

Ref<ManagedBuffer> new_managed_buffer() {
  auto* mbuf = PyObject_GC_New(ManagedBuffer, &_PyManagedBuffer_Type);
  if (!mbuf) return nullptr;
  mbuf->flags = 0;
  mbuf->exports = 0;
  mbuf->master.obj = nullptr;
  PyObject_GC_Track(mbuf);
  return steal(mbuf);
}

void release_managed(ManagedBuffer* mbuf) {
  if (mbuf->flags & _Py_MANAGED_BUFFER_RELEASED) return;
  mbuf->flags |= _Py_MANAGED_BUFFER_RELEASED;
  PyObject_GC_UnTrack(mbuf);
  PyBuffer_Release(&mbuf->master);
}

void managed_dealloc(PyObject* object) {
  auto* mbuf = reinterpret_cast<ManagedBuffer*>(object);
  release_managed(mbuf);
  if (mbuf->flags & _Py_MANAGED_BUFFER_FREE_FORMAT) PyMem_Free(mbuf->master.format);
  PyObject_GC_Del(object);
}

int managed_traverse(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<ManagedBuffer*>(object)->master.obj);
  return 0;
}

int managed_clear(PyObject* object) {
  auto* mbuf = reinterpret_cast<ManagedBuffer*>(object);
  if (mbuf->exports == 0) release_managed(mbuf);
  return 0;
}

// ---- views --------------------------------------------------------------------------------------------

Ref<ViewObject> allocate_view(int ndim) {
  auto* self = PyObject_GC_NewVar(ViewObject, &PyMemoryView_Type, 3 * ndim);
  if (!self) return nullptr;
  self->mbuf = nullptr;
  self->hash = -1;
  self->flags = 0;
  self->exports = 0;
  self->weakreflist = nullptr;
  self->view.ndim = ndim;
  self->view.shape = self->ob_array;
  self->view.strides = self->ob_array + ndim;
  self->view.suboffsets = self->ob_array + 2 * ndim;
  return steal(self);
}

void copy_geometry(Py_buffer* to, const Py_buffer* from) {
  int n = from->ndim;
  if (n == 0) {
    to->shape = to->strides = to->suboffsets = nullptr;
    return;
  }
  if (n == 1) {
    to->shape[0] = from->shape ? from->shape[0] : from->len / from->itemsize;
    to->strides[0] = from->strides ? from->strides[0] : from->itemsize;
  } else {
    Py_ssize_t stride = from->itemsize;
    for (int i = n - 1; i >= 0; --i) {
      to->shape[i] = from->shape[i];
      to->strides[i] = from->strides ? from->strides[i] : stride;
      stride *= from->shape[i];
    }
  }
  if (!from->suboffsets) {
    to->suboffsets = nullptr;
    return;
  }
  for (int i = 0; i < n; ++i) to->suboffsets[i] = from->suboffsets[i];
}

Status release_view(ViewObject* self) {
  if (self->flags & _Py_MEMORYVIEW_RELEASED) return Status::ok;
  if (self->exports != 0) {
    if (self->exports < 0) return raise(PyExc_SystemError, "_memory_release(): negative export count");
    return raise(PyExc_BufferError, "memoryview has %zd exported buffer%s", self->exports, self->exports == 1 ? "" : "s");
  }
  self->flags |= _Py_MEMORYVIEW_RELEASED;
  if (--self->mbuf->exports == 0) release_managed(self->mbuf);
  return Status::ok;
}

void view_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<ViewObject*>(object);
  PyObject_GC_UnTrack(self);
  if (self->mbuf) {
    self->exports = 0;
    (void)release_view(self);
    clear_field(self->mbuf);
  }
  if (self->weakreflist) PyObject_ClearWeakRefs(object);
  PyObject_GC_Del(object);
}

int view_traverse(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<ViewObject*>(object)->mbuf);
  return 0;
}

int view_clear(PyObject* object) {
  auto* self = reinterpret_cast<ViewObject*>(object);
  if (self->mbuf && self->exports == 0) {
    (void)release_view(self);
    clear_field(self->mbuf);
  }
  return 0;
}

Ref<ManagedBuffer> managed_buffer_of(PyObject* object) {
  Ref<ManagedBuffer> mbuf = TRY(new_managed_buffer());
  if (PyObject_GetBuffer(object, &mbuf->master, PyBUF_FULL_RO) < 0) {
    mbuf->master.obj = nullptr;
    return failure;
  }
  return mbuf;
}

Ref<> view_new(PyTypeObject*, PyObject* object) { return steal(PyMemoryView_FromObject(object)); }

// ---- the buffer protocol --------------------------------------------------------------------------------

bool asks(int flags, int what) { return (flags & what) == what; }

int view_getbuffer(PyObject* object, Py_buffer* view, int flags) {
  auto* self = reinterpret_cast<ViewObject*>(object);
  auto refuse = [](const char* message) {
    PyErr_SetString(PyExc_BufferError, message);
    return -1;
  };
  if (check_released(self) != Status::ok) {
    view->obj = nullptr;
    return -1;
  }
  bool c = (self->flags & (_Py_MEMORYVIEW_SCALAR | _Py_MEMORYVIEW_C)) != 0;
  bool f = (self->flags & (_Py_MEMORYVIEW_SCALAR | _Py_MEMORYVIEW_FORTRAN)) != 0;
  *view = self->view;
  view->obj = nullptr;
  if (asks(flags, PyBUF_WRITABLE) && self->view.readonly) return refuse("memoryview: underlying buffer is not writable");
  if (!asks(flags, PyBUF_FORMAT)) view->format = nullptr;
  if (asks(flags, PyBUF_C_CONTIGUOUS) && !c) return refuse("memoryview: underlying buffer is not C-contiguous");
  if (asks(flags, PyBUF_F_CONTIGUOUS) && !f) return refuse("memoryview: underlying buffer is not Fortran contiguous");
  if (asks(flags, PyBUF_ANY_CONTIGUOUS) && !c && !f) return refuse("memoryview: underlying buffer is not contiguous");
  if (!asks(flags, PyBUF_INDIRECT) && (self->flags & _Py_MEMORYVIEW_PIL)) {
    return refuse("memoryview: underlying buffer requires suboffsets");
  }
  if (!asks(flags, PyBUF_STRIDES)) {
    if (!c) return refuse("memoryview: underlying buffer is not C-contiguous");
    view->strides = nullptr;
  }
  if (!asks(flags, PyBUF_ND)) {
    if (view->format) return refuse("memoryview: cannot cast to unsigned bytes if the format flag is present");
    // A plain stretch of bytes.
    view->ndim = 1;
    view->shape = nullptr;
  }
  view->obj = borrow(object).release();
  ++self->exports;
  return 0;
}

void view_releasebuffer(PyObject* object, Py_buffer*) { --reinterpret_cast<ViewObject*>(object)->exports; }

// ---- slots ----------------------------------------------------------------------------------------------

Ref<> view_repr(ViewObject* self) {
  return steal(PyUnicode_FromFormat(self->flags & _Py_MEMORYVIEW_RELEASED ? "<released memory at %p>" : "<memory at %p>", self));
}

Py_ssize_t view_length(PyObject* object) {
  auto* self = reinterpret_cast<ViewObject*>(object);
  if (check_released(self) != Status::ok) return -1;
  return self->view.ndim == 0 ? 1 : self->view.shape[0];
}

Ref<> contents_of(ViewObject* self, char order) {
  Ref<> bytes = TRY(new_bytes(self->view.len));
  if (self->view.len) TRY(status_of(PyBuffer_ToContiguous(PyBytes_AS_STRING(bytes.get()), &self->view, self->view.len, order)));
  return bytes;
}

Py_hash_t view_hash(PyObject* object) {
  auto* self = reinterpret_cast<ViewObject*>(object);
  if (self->hash != -1) return self->hash;
  if (check_released(self) != Status::ok) return -1;
  Py_buffer* view = &self->view;
  if (!view->readonly) {
    PyErr_SetString(PyExc_ValueError, "cannot hash writable memoryview object");
    return -1;
  }
  char format = native_format(view->format);
  if (format != 'B' && format != 'b' && format != 'c') {
    PyErr_SetString(PyExc_ValueError, "memoryview: hashing is restricted to formats 'B', 'b' or 'c'");
    return -1;
  }
  if (view->obj) {
    // The memory may belong to a mutable object; hold on to the view while it answers.
    ++self->exports;
    Py_hash_t known = PyObject_Hash(view->obj);
    --self->exports;
    if (known == -1) return -1;
  }
  if (self->flags & (_Py_MEMORYVIEW_SCALAR | _Py_MEMORYVIEW_C)) {
    self->hash = _Py_HashBytes(view->buf, view->len);
    return self->hash;
  }
  Ref<> copy = contents_of(self, 'C');
  if (!copy) return -1;
  self->hash = _Py_HashBytes(PyBytes_AS_STRING(copy.get()), PyBytes_GET_SIZE(copy.get()));
  return self->hash;
}

// ---- methods --------------------------------------------------------------------------------------------

Status view_release(ViewObject* self) { return release_view(self); }

// `order` is no std::optional<const char*>: whether its errors name None follows from the default, which here is another.
Ref<> view_tobytes(ViewObject* self, PyObject* order) {
  const char* text = "C";
  if (order && order != Py_None) {
    if (!PyUnicode_Check(order)) {
      return raise(PyExc_TypeError, "tobytes() argument 'order' must be str or None, not %.50s", Py_TYPE(order)->tp_name);
    }
    Py_ssize_t size;
    text = TRY(PyUnicode_AsUTF8AndSize(order, &size));
    if (std::strlen(text) != static_cast<size_t>(size)) return raise(PyExc_ValueError, "embedded null character");
  }
  TRY(check_released(self));
  if (std::strcmp(text, "C") && std::strcmp(text, "F") && std::strcmp(text, "A")) return raise(PyExc_ValueError, "order must be 'C', 'F' or 'A'");
  return contents_of(self, text[0]);
}

Ref<> view_hex(ViewObject* self, PyObject* sep, int bytes_per_sep) {
  TRY(check_released(self));
  if (self->flags & (_Py_MEMORYVIEW_SCALAR | _Py_MEMORYVIEW_C)) {
    ++self->exports;
    Ref<> text = steal(_Py_strhex_with_sep(static_cast<const char*>(self->view.buf), self->view.len, sep, bytes_per_sep));
    --self->exports;
    return text;
  }
  Ref<> copy = TRY(contents_of(self, 'C'));
  return steal(_Py_strhex_with_sep(PyBytes_AS_STRING(copy.get()), PyBytes_GET_SIZE(copy.get()), sep, bytes_per_sep));
}

Ref<> view_toreadonly(ViewObject* self) {
  TRY(check_released(self));
  Ref<ViewObject> result = TRY(add_view(self->mbuf, &self->view));
  result->view.readonly = 1;
  return result;
}

Ref<> view_enter(ViewObject* self) {
  TRY(check_released(self));
  return borrow(as_object(self));
}
Status view_exit(ViewObject* self, Args) { return release_view(self); }

const PyMethodDef kViewMethods[] = {
    METHOD("release($self, /)", view_release, "Release the underlying buffer exposed by the memoryview object."),
    METHOD("tobytes($self, /, order='C')", view_tobytes,
           "Return the data in the buffer as a byte string.\n\n"
           "order 'C' and 'F' give the data in row-major or column-major order; 'A' keeps Fortran order\n"
           "where the view has it. None is the same as 'C'."),
    METHOD("hex($self, /, sep=<unrepresentable>, bytes_per_sep=1)", view_hex,
           "Return the data in the buffer as a str of hexadecimal numbers.\n\n"
           "  sep\n    A character to stand between groups of bytes.\n"
           "  bytes_per_sep\n    How many bytes make a group; counted from the right when positive.\n\n"
           ">>> view = memoryview(b'\\x07\\xfe\\x20')\n>>> view.hex()\n'07fe20'\n>>> view.hex('-')\n'07-fe-20'\n"
           ">>> view.hex('-', 2)\n'07-fe20'\n>>> view.hex('-', -2)\n'07fe-20'"),
    METHOD("tolist($self, /)", view_tolist, "Return the data in the buffer as a list of elements."),
    METHOD("cast($self, /, format, shape=<unrepresentable>)", view_cast, "Cast a memoryview to a new format or shape."),
    METHOD("toreadonly($self, /)", view_toreadonly, "Return a readonly version of the memoryview."),
    METHOD_UNSIGNED("__enter__($self, /)", view_enter, nullptr),
    METHOD_PARSED("__exit__($self, *args)", view_exit, nullptr),
    kEndOfMethods,
};

Ref<> get_obj(ViewObject* self) {
  TRY(check_released(self));
  return self->view.obj ? borrow(self->view.obj) : none();
}
Ref<> get_nbytes(ViewObject* self) {
  TRY(check_released(self));
  return steal(PyLong_FromSsize_t(self->view.len));
}
Ref<> get_readonly(ViewObject* self) {
  TRY(check_released(self));
  return py_bool(self->view.readonly);
}
Ref<> get_itemsize(ViewObject* self) {
  TRY(check_released(self));
  return steal(PyLong_FromSsize_t(self->view.itemsize));
}
Ref<> get_format(ViewObject* self) {
  TRY(check_released(self));
  return steal(PyUnicode_FromString(self->view.format ? self->view.format : "B"));
}
Ref<> get_ndim(ViewObject* self) {
  TRY(check_released(self));
  return steal(PyLong_FromLong(self->view.ndim));
}
Ref<> numbers(const Py_ssize_t* values, int n) {
  if (!values) n = 0;
  Ref<> tuple = TRY(steal(PyTuple_New(n)));
  for (int i = 0; i < n; ++i) {
    Ref<> value = TRY(steal(PyLong_FromSsize_t(values[i])));
    PyTuple_SET_ITEM(tuple.get(), i, value.release());
  }
  return tuple;
}
Ref<> get_shape(ViewObject* self) {
  TRY(check_released(self));
  return numbers(self->view.shape, self->view.ndim);
}
Ref<> get_strides(ViewObject* self) {
  TRY(check_released(self));
  return numbers(self->view.strides, self->view.ndim);
}
Ref<> get_suboffsets(ViewObject* self) {
  TRY(check_released(self));
  return numbers(self->view.suboffsets, self->view.ndim);
}
Ref<> get_c_contiguous(ViewObject* self) {
  TRY(check_released(self));
  return py_bool((self->flags & (_Py_MEMORYVIEW_SCALAR | _Py_MEMORYVIEW_C)) != 0);
}
Ref<> get_f_contiguous(ViewObject* self) {
  TRY(check_released(self));
  return py_bool((self->flags & (_Py_MEMORYVIEW_SCALAR | _Py_MEMORYVIEW_FORTRAN)) != 0);
}
Ref<> get_contiguous(ViewObject* self) {
  TRY(check_released(self));
  return py_bool((self->flags & (_Py_MEMORYVIEW_SCALAR | _Py_MEMORYVIEW_C | _Py_MEMORYVIEW_FORTRAN)) != 0);
}

const PyGetSetDef kViewAttributes[] = {
    getset<get_obj>("obj", "The underlying object of the memoryview."),
    getset<get_nbytes>("nbytes", "The amount of space in bytes that the array would use in\n a contiguous representation."),
    getset<get_readonly>("readonly", "A bool indicating whether the memory is read only."),
    getset<get_itemsize>("itemsize", "The size in bytes of each element of the memoryview."),
    getset<get_format>("format", "A string containing the format (in struct module style)\n for each element in the view."),
    getset<get_ndim>("ndim", "An integer indicating how many dimensions of a multi-dimensional\n array the memory represents."),
    getset<get_shape>("shape", "A tuple of ndim integers giving the shape of the memory\n as an N-dimensional array."),
    getset<get_strides>("strides", "A tuple of ndim integers giving the size in bytes to access\n each element for each dimension of the array."),
    getset<get_suboffsets>("suboffsets", "A tuple of integers used internally for PIL-style arrays."),
    getset<get_c_contiguous>("c_contiguous", "A bool indicating whether the memory is C contiguous."),
    getset<get_f_contiguous>("f_contiguous", "A bool indicating whether the memory is Fortran contiguous."),
    getset<get_contiguous>("contiguous", "A bool indicating whether the memory is contiguous."),
    kEndOfGetSets,
};

// ---- iteration ------------------------------------------------------------------------------------------

struct ViewIterator {
  PyObject_HEAD
  Py_ssize_t index;
  PyObject* view;  // null when exhausted
  Py_ssize_t length;
  char format;
};
using IteratorFields = OwnedFields<&ViewIterator::view>;

void iterator_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  IteratorFields::clear_all(reinterpret_cast<ViewIterator*>(self));
  PyObject_GC_Del(self);
}

PyObject* iterator_next(PyObject* object) {
  auto* self = reinterpret_cast<ViewIterator*>(object);
  if (!self->view) return nullptr;
  auto* view = reinterpret_cast<ViewObject*>(self->view);
  if (self->index < self->length) {
    if (check_released(view) != Status::ok) return nullptr;
    char* p = item_pointer(&view->view, static_cast<char*>(view->view.buf), self->index, 0);
    if (!p) return nullptr;
    ++self->index;
    return unpack_item(p, self->format).release();
  }
  clear_field(self->view);
  return nullptr;
}

PyTypeObject memory_iterator_type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "memory_iterator",
    .tp_basicsize = sizeof(ViewIterator),
    .tp_dealloc = iterator_dealloc,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = IteratorFields::traverse,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = iterator_next,
};
GILL_STATIC_TYPE(memory_iterator_type);

Ref<> view_iter(ViewObject* self) {
  TRY(check_released(self));
  if (self->view.ndim == 0) return raise(PyExc_TypeError, "invalid indexing of 0-dim memory");
  if (self->view.ndim != 1) return raise(PyExc_NotImplementedError, "multi-dimensional sub-views are not implemented");
  char format = TRY(require_native_format(self));
  ViewIterator* iterator = TRY(PyObject_GC_New(ViewIterator, &memory_iterator_type));
  iterator->index = 0;
  iterator->view = borrow(as_object(self)).release();
  iterator->length = self->view.shape[0];
  iterator->format = format;
  PyObject_GC_Track(iterator);
  return Ref<>::steal(iterator);
}

PySequenceMethods view_as_sequence = {.sq_length = view_length, .sq_item = slot<view_item>};
PyMappingMethods view_as_mapping = {
    .mp_length = view_length, .mp_subscript = slot<view_subscript>, .mp_ass_subscript = slot<view_ass_subscript>};
PyBufferProcs view_as_buffer = {.bf_getbuffer = view_getbuffer, .bf_releasebuffer = view_releasebuffer};

}  // namespace

void update_flags(ViewObject* self) {
  const Py_buffer* view = &self->view;
  int flags = 0;
  if (view->ndim == 0) {
    flags = _Py_MEMORYVIEW_SCALAR | _Py_MEMORYVIEW_C | _Py_MEMORYVIEW_FORTRAN;
  } else if (view->ndim == 1) {
    if (view->shape[0] == 1 || view->strides[0] == view->itemsize) flags = _Py_MEMORYVIEW_C | _Py_MEMORYVIEW_FORTRAN;
  } else {
    if (PyBuffer_IsContiguous(view, 'C')) flags |= _Py_MEMORYVIEW_C;
    if (PyBuffer_IsContiguous(view, 'F')) flags |= _Py_MEMORYVIEW_FORTRAN;
  }
  if (view->suboffsets) flags = _Py_MEMORYVIEW_PIL;
  self->flags = flags;
}

Ref<ViewObject> add_view(ManagedBuffer* mbuf, const Py_buffer* source) {
  if (!source) source = &mbuf->master;
  if (source->ndim > PyBUF_MAX_NDIM) {
    return raise(PyExc_ValueError, "memoryview: number of dimensions must not exceed %d", PyBUF_MAX_NDIM);
  }
  Ref<ViewObject> self = TRY(allocate_view(source->ndim));
  Py_buffer* view = &self->view;
  view->obj = mbuf->master.obj;
  view->buf = source->buf;
  view->len = source->len;
  view->itemsize = source->itemsize;
  view->readonly = source->readonly;
  view->format = source->format ? source->format : const_cast<char*>("B");
  view->internal = source->internal;
  copy_geometry(view, source);
  update_flags(self.get());
  self->mbuf = borrow(mbuf).release();
  ++mbuf->exports;
  PyObject_GC_Track(self.get());
  return self;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject _PyManagedBuffer_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "managedbuffer",
    .tp_basicsize = sizeof(_PyManagedBufferObject),
    .tp_dealloc = managed_dealloc,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = managed_traverse,
    .tp_clear = managed_clear,
};

PyTypeObject PyMemoryView_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "memoryview",
    .tp_basicsize = offsetof(PyMemoryViewObject, ob_array),
    .tp_itemsize = sizeof(Py_ssize_t),
    .tp_dealloc = view_dealloc,
    .tp_repr = slot<view_repr>,
    .tp_as_sequence = &view_as_sequence,
    .tp_as_mapping = &view_as_mapping,
    .tp_hash = view_hash,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_as_buffer = &view_as_buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_SEQUENCE,
    .tp_doc = "memoryview(object)\n--\n\nCreate a new memoryview object which references the given object.",
    .tp_traverse = view_traverse,
    .tp_clear = view_clear,
    .tp_richcompare = slot<view_richcompare>,
    .tp_weaklistoffset = offsetof(PyMemoryViewObject, weakreflist),
    .tp_iter = slot<view_iter>,
    .tp_methods = table(kViewMethods),
    .tp_getset = table(kViewAttributes),
    .tp_new = CONSTRUCTOR("memoryview($type, object)", view_new),
};

}  // extern "C"

GILL_STATIC_TYPE(_PyManagedBuffer_Type);
GILL_STATIC_TYPE(PyMemoryView_Type);

extern "C" {

PyObject* PyMemoryView_FromObject(PyObject* object) {
  if (PyMemoryView_Check(object)) {
    auto* view = reinterpret_cast<ViewObject*>(object);
    if (check_released(view) != Status::ok) return nullptr;
    return as_object(add_view(view->mbuf, &view->view).release());
  }
  if (PyObject_CheckBuffer(object)) {
    Ref<_PyManagedBufferObject> mbuf = managed_buffer_of(object);
    return mbuf ? as_object(add_view(mbuf.get(), nullptr).release()) : nullptr;
  }
  return raise(PyExc_TypeError, "memoryview: a bytes-like object is required, not '%.200s'", Py_TYPE(object)->tp_name);
}

PyObject* PyMemoryView_FromMemory(char* memory, Py_ssize_t size, int flags) {
  Ref<_PyManagedBufferObject> mbuf = new_managed_buffer();
  if (!mbuf) return nullptr;
  if (PyBuffer_FillInfo(&mbuf->master, nullptr, memory, size, flags != PyBUF_WRITE, PyBUF_FULL_RO) < 0) return nullptr;
  return as_object(add_view(mbuf.get(), nullptr).release());
}

PyObject* PyMemoryView_FromBuffer(const Py_buffer* info) {
  if (!info->buf) return raise(PyExc_ValueError, "PyMemoryView_FromBuffer(): info->buf must not be NULL");
  Ref<_PyManagedBufferObject> mbuf = new_managed_buffer();
  if (!mbuf) return nullptr;
  // The caller keeps the export; the view only borrows the memory.
  mbuf->master = *info;
  mbuf->master.obj = nullptr;
  return as_object(add_view(mbuf.get(), nullptr).release());
}

PyObject* PyMemoryView_GetContiguous(PyObject* object, int buffertype, char order) {
  Ref<> result = steal(PyMemoryView_FromObject(object));
  if (!result) return nullptr;
  auto* view = reinterpret_cast<ViewObject*>(result.get());
  if (buffertype == PyBUF_WRITE && view->view.readonly) return raise(PyExc_BufferError, "underlying buffer is not writable");
  if (PyBuffer_IsContiguous(&view->view, order)) return result.release();
  if (buffertype == PyBUF_WRITE) return raise(PyExc_BufferError, "writable contiguous buffer requested for a non-contiguous object.");
  // A copy in the wanted order, seen with the same shape.
  Ref<> bytes = contents_of(view, order);
  if (!bytes) return nullptr;
  Ref<_PyManagedBufferObject> mbuf = managed_buffer_of(bytes.get());
  if (!mbuf) return nullptr;
  Py_buffer layout = view->view;
  Py_ssize_t strides[PyBUF_MAX_NDIM];
  layout.buf = mbuf->master.buf;
  layout.readonly = 1;
  layout.suboffsets = nullptr;
  layout.strides = strides;
  if (layout.format) {
    // The format text belongs to the original exporter: the copy keeps its own.
    size_t n = std::strlen(layout.format) + 1;
    auto* format = static_cast<char*>(PyMem_Malloc(n));
    if (!format) return PyErr_NoMemory();
    std::memcpy(format, layout.format, n);
    mbuf->master.format = format;
    mbuf->flags |= _Py_MANAGED_BUFFER_FREE_FORMAT;
    layout.format = format;
  }
  PyBuffer_FillContiguousStrides(layout.ndim, layout.shape, strides, static_cast<int>(layout.itemsize), order);
  return as_object(add_view(mbuf.get(), &layout).release());
}

}  // extern "C"
