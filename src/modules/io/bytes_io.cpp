// `BytesIO`: a bytes object as a stream. getvalue() hands out the buffer itself where it can; the next
// write then copies it first.
#include "objects/buffer_exports.h"
#include "modules/io/io.h"

#include <structmember.h>

namespace gill::io {
namespace {

struct BytesIO : IoBase {
  PyObject* buffer;  // exact bytes; null when closed. Its size is the capacity.
  Py_ssize_t position;
  Py_ssize_t length;

  using Fields = OwnedFields<&BytesIO::dict, &BytesIO::buffer>;
};

// What getbuffer() exports through a memoryview.
struct BytesIOBuffer {
  PyObject_HEAD
  BytesIO* source;
};

Status check_open(BytesIO* self) {
  if (!self->buffer) return raise(PyExc_ValueError, "I/O operation on closed file.");
  return Status::ok;
}
Status check_exports(BytesIO* self) {
  if (self->exports > 0) return raise_exported(as_object(self), "Existing exports of data: object cannot be re-sized");
  return Status::ok;
}

bool shared(BytesIO* self) { return Py_REFCNT(self->buffer) > 1; }

// Makes the buffer ours alone and `capacity` bytes large.
Status reallocate(BytesIO* self, Py_ssize_t capacity) {
  if (shared(self)) {
    Ref<> copy = TRY(steal(PyBytes_FromStringAndSize(nullptr, capacity)));
    std::memcpy(PyBytes_AS_STRING(copy.get()), PyBytes_AS_STRING(self->buffer),
                static_cast<size_t>(std::min(capacity, self->length)));
    set_field(self->buffer, std::move(copy));
    return Status::ok;
  }
  if (_PyBytes_Resize(&self->buffer, capacity) < 0) {
    // The old buffer is gone; an empty one keeps the stream usable.
    self->buffer = PyBytes_FromStringAndSize(nullptr, 0);
    self->length = 0;
    return failure;
  }
  return Status::ok;
}

// Room for `size` bytes, with slack so that many small writes stay linear.
Status reserve(BytesIO* self, Py_ssize_t size) {
  Py_ssize_t capacity = PyBytes_GET_SIZE(self->buffer);
  if (size <= capacity && !shared(self)) return Status::ok;
  if (size > capacity) capacity = size + (size >> 3) + 6;
  return reallocate(self, capacity);
}

Maybe<Py_ssize_t> write_bytes(BytesIO* self, const char* data, Py_ssize_t size) {
  if (size == 0) return Py_ssize_t{0};
  if (self->position > PY_SSIZE_T_MAX - size) return raise(PyExc_OverflowError, "new buffer size too large");
  Py_ssize_t end = self->position + size;
  TRY(reserve(self, std::max(end, self->length)));
  char* target = PyBytes_AS_STRING(self->buffer);
  if (self->position > self->length) std::memset(target + self->length, 0, static_cast<size_t>(self->position - self->length));
  std::memcpy(target + self->position, data, static_cast<size_t>(size));
  self->position = end;
  self->length = std::max(self->length, end);
  return size;
}

Ref<> take(BytesIO* self, Py_ssize_t size) {
  // The whole buffer needs no copy.
  if (size > 1 && self->position == 0 && size == PyBytes_GET_SIZE(self->buffer) && self->length == size && self->exports == 0) {
    self->position = size;
    return borrow(self->buffer);
  }
  Ref<> result = TRY(steal(PyBytes_FromStringAndSize(PyBytes_AS_STRING(self->buffer) + self->position, size)));
  self->position += size;
  return result;
}

Py_ssize_t rest(BytesIO* self) { return std::max<Py_ssize_t>(0, self->length - self->position); }

Ref<> bytes_read(BytesIO* self, SizeArgument size) {
  TRY(check_open(self));
  Py_ssize_t n = rest(self);
  if (size.value >= 0 && size.value < n) n = size.value;
  if (n == 0) return steal(PyBytes_FromStringAndSize(nullptr, 0));
  return take(self, n);
}

Py_ssize_t line_length(BytesIO* self, Py_ssize_t limit) {
  Py_ssize_t n = rest(self);
  if (limit >= 0 && limit < n) n = limit;
  if (n == 0) return 0;
  const char* start = PyBytes_AS_STRING(self->buffer) + self->position;
  const void* end = std::memchr(start, '\n', static_cast<size_t>(n));
  return end ? static_cast<const char*>(end) - start + 1 : n;
}

Ref<> bytes_readline(BytesIO* self, SizeArgument size) {
  TRY(check_open(self));
  return take(self, line_length(self, size.value));
}

Ref<> bytes_readlines(BytesIO* self, PyObject* hint) {
  TRY(check_open(self));
  Py_ssize_t limit = 0;
  if (hint != Py_None) {
    if (!PyIndex_Check(hint)) {
      return raise(PyExc_TypeError, "argument should be integer or None, not '%.200s'", Py_TYPE(hint)->tp_name);
    }
    limit = TRY(checked(PyNumber_AsSsize_t(hint, PyExc_OverflowError)));
  }
  Ref<> result = TRY(steal(PyList_New(0)));
  Py_ssize_t total = 0;
  while (Py_ssize_t n = line_length(self, -1)) {
    Ref<> line = TRY(take(self, n));
    TRY(status_of(PyList_Append(result.get(), line.get())));
    total += n;
    if (limit > 0 && total >= limit) break;
  }
  return result;
}

Ref<> bytes_readinto(BytesIO* self, WritableBufferArgument buffer) {
  TRY(check_open(self));
  Py_ssize_t n = std::min(rest(self), buffer.size());
  std::memcpy(buffer.mutable_data(), PyBytes_AS_STRING(self->buffer) + self->position, static_cast<size_t>(n));
  self->position += n;
  return steal(PyLong_FromSsize_t(n));
}

Ref<> bytes_next(BytesIO* self) {
  TRY(check_open(self));
  Py_ssize_t n = line_length(self, -1);
  if (n == 0) return nullptr;
  return take(self, n);
}

Ref<> bytes_write(BytesIO* self, PyObject* data) {
  TRY(check_open(self));
  TRY(check_exports(self));
  Py_buffer view;
  if (PyObject_GetBuffer(data, &view, PyBUF_CONTIG_RO) < 0) return failure;
  Maybe<Py_ssize_t> written = self->buffer ? write_bytes(self, static_cast<const char*>(view.buf), view.len) : Maybe<Py_ssize_t>();
  PyBuffer_Release(&view);
  return steal(PyLong_FromSsize_t(TRY(written)));
}

Ref<> bytes_writelines(BytesIO* self, PyObject* lines) {
  TRY(check_open(self));
  Ref<> iterator = TRY(steal(PyObject_GetIter(lines)));
  while (Ref<> line = steal(PyIter_Next(iterator.get()))) (void)TRY(bytes_write(self, line.get()));
  if (PyErr_Occurred()) return failure;
  return none();
}

Ref<> bytes_truncate(BytesIO* self, PyObject* size) {
  TRY(check_open(self));
  TRY(check_exports(self));
  Py_ssize_t length = self->position;
  if (size != Py_None) {
    if (!PyIndex_Check(size)) {
      return raise(PyExc_TypeError, "argument should be integer or None, not '%.200s'", Py_TYPE(size)->tp_name);
    }
    length = TRY(checked(PyNumber_AsSsize_t(size, PyExc_OverflowError)));
  }
  if (length < 0) return raise(PyExc_ValueError, "negative size value %zd", length);
  if (length < self->length) {
    self->length = length;
    TRY(reallocate(self, length));
  }
  return steal(PyLong_FromSsize_t(length));
}

Ref<> bytes_seek(BytesIO* self, Py_ssize_t offset, int whence) {
  TRY(check_open(self));
  if (offset < 0 && whence == 0) return raise(PyExc_ValueError, "negative seek value %zd", offset);
  Py_ssize_t base = 0;
  if (whence == 1) base = self->position;
  else if (whence == 2) base = self->length;
  else if (whence != 0) return raise(PyExc_ValueError, "invalid whence (%i, should be 0, 1 or 2)", whence);
  if (offset > PY_SSIZE_T_MAX - base) return raise(PyExc_OverflowError, "new position too large");
  self->position = std::max<Py_ssize_t>(0, base + offset);
  return steal(PyLong_FromSsize_t(self->position));
}

Ref<> bytes_tell(BytesIO* self) {
  TRY(check_open(self));
  return steal(PyLong_FromSsize_t(self->position));
}

Ref<> bytes_getvalue(BytesIO* self) {
  TRY(check_open(self));
  if (self->length != PyBytes_GET_SIZE(self->buffer)) {
    if (self->exports > 0) return steal(PyBytes_FromStringAndSize(PyBytes_AS_STRING(self->buffer), self->length));
    TRY(reallocate(self, self->length));
  }
  return borrow(self->buffer);
}

Ref<> bytes_close(BytesIO* self) {
  TRY(check_exports(self));
  clear_field(self->buffer);
  return none();
}

Maybe<bool> bytes_true(BytesIO* self) {
  TRY(check_open(self));
  return true;
}
Maybe<bool> bytes_false(BytesIO* self) {
  TRY(check_open(self));
  return false;
}
Ref<> bytes_nothing(BytesIO* self) {
  TRY(check_open(self));
  return none();
}

Ref<> bytes_getstate(BytesIO* self) {
  Ref<> value = TRY(bytes_getvalue(self));
  Ref<> dict = self->dict ? TRY(steal(PyDict_Copy(self->dict))) : none();
  return steal(Py_BuildValue("(OnO)", value.get(), self->position, dict.get()));
}

Ref<> bytes_setstate(BytesIO* self, PyObject* state) {
  if (!PyTuple_Check(state) || PyTuple_GET_SIZE(state) < 3) {
    return raise(PyExc_TypeError, "%.200s.__setstate__ argument should be 3-tuple, got %.200s", Py_TYPE(self)->tp_name,
                 Py_TYPE(state)->tp_name);
  }
  TRY(check_exports(self));
  self->position = self->length = 0;
  Ref<> written = TRY(bytes_write(self, PyTuple_GET_ITEM(state, 0)));
  PyObject* position = PyTuple_GET_ITEM(state, 1);
  if (!PyLong_Check(position)) {
    return raise(PyExc_TypeError, "second item of state must be an integer, got %.200s", Py_TYPE(position)->tp_name);
  }
  Py_ssize_t at = TRY(checked(PyLong_AsSsize_t(position)));
  if (at < 0) return raise(PyExc_ValueError, "position value cannot be negative");
  self->position = at;
  PyObject* dict = PyTuple_GET_ITEM(state, 2);
  if (dict != Py_None) {
    if (!PyDict_Check(dict)) return raise(PyExc_TypeError, "third item of state should be a dict, got a %.200s", Py_TYPE(dict)->tp_name);
    if (self->dict) TRY(status_of(PyDict_Update(self->dict, dict)));
    else set_field(self->dict, borrow(dict));
  }
  return none();
}

Status bytes_init(BytesIO* self, PyObject* initial) {
  TRY(check_exports(self));
  self->position = self->length = 0;
  if (!self->buffer) self->buffer = TRY(PyBytes_FromStringAndSize(nullptr, 0));
  if (initial && initial != Py_None) {
    if (PyBytes_CheckExact(initial)) {
      set_field(self->buffer, borrow(initial));
      self->length = PyBytes_GET_SIZE(initial);
    } else {
      (void)TRY(bytes_write(self, initial));
      self->position = 0;
    }
  }
  return Status::ok;
}

PyObject* bytes_new(PyTypeObject* type, PyObject*, PyObject*) {
  auto* self = reinterpret_cast<BytesIO*>(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  self->buffer = PyBytes_FromStringAndSize(nullptr, 0);
  if (!self->buffer) {
    gill::release(as_object(self));
    return nullptr;
  }
  return as_object(self);
}

Ref<> bytes_closed(BytesIO* self) { return py_bool(!self->buffer); }

void bytes_destroy(BytesIO* self) {
  if (self->exports > 0) {
    PyErr_SetString(PyExc_SystemError, "deallocated BytesIO object has exported buffers");
    PyErr_Print();
  }
}

Ref<> bytes_getbuffer(BytesIO* self);

Ref<> bytes_sizeof(BytesIO* self) {
  size_t size = static_cast<size_t>(Py_TYPE(self)->tp_basicsize);
  if (self->buffer && !shared(self)) size += _PySys_GetSizeOf(self->buffer);
  return steal(PyLong_FromSize_t(size));
}

const PyMethodDef kMethods[] = {
    METHOD("readable($self, /)", bytes_true, "Returns True if the IO object can be read."),
    METHOD("seekable($self, /)", bytes_true, "Returns True if the IO object can be seeked."),
    METHOD("writable($self, /)", bytes_true, "Returns True if the IO object can be written."),
    METHOD("close($self, /)", bytes_close, "Disable all I/O operations."),
    METHOD("flush($self, /)", bytes_nothing, "Does nothing."),
    METHOD("isatty($self, /)", bytes_false, "Always returns False."),
    METHOD("tell($self, /)", bytes_tell, "Current file position, an integer."),
    METHOD("write($self, b, /)", bytes_write, "Write bytes to file."),
    METHOD("writelines($self, lines, /)", bytes_writelines, "Write lines to the file."),
    METHOD("read1($self, size=-1, /)", bytes_read, "Read at most size bytes, returned as a bytes object."),
    METHOD("readinto($self, buffer, /)", bytes_readinto, "Read bytes into buffer."),
    METHOD("readline($self, size=-1, /)", bytes_readline, "Next line from the file, as a bytes object."),
    METHOD("readlines($self, size=None, /)", bytes_readlines, "List of bytes objects, each a line from the file."),
    METHOD("read($self, size=-1, /)", bytes_read, "Read at most size bytes, returned as a bytes object."),
    METHOD("getbuffer($self, /)", bytes_getbuffer, "Get a read-write view over the contents of the BytesIO object."),
    METHOD("getvalue($self, /)", bytes_getvalue, "Retrieve the entire contents of the BytesIO object."),
    METHOD("seek($self, pos, whence=0, /)", bytes_seek, "Change stream position."),
    METHOD("truncate($self, size=None, /)", bytes_truncate, "Truncate the file to at most size bytes."),
    METHOD_UNSIGNED("__getstate__($self, /)", bytes_getstate, nullptr),
    METHOD_UNSIGNED("__setstate__($self, state, /)", bytes_setstate, nullptr),
    METHOD("__sizeof__($self, /)", bytes_sizeof, "Size of the object and of the bytes that it alone has."),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {getset<bytes_closed>("closed", "True if the file is closed."), kEndOfGetSets};

// ---- the exporter behind getbuffer() --------------------------------------------------------------

int export_get(BytesIOBuffer* self, Py_buffer* view, int flags) {
  BytesIO* source = self->source;
  if (!view) {
    PyErr_SetString(PyExc_BufferError, "_BytesIOBuffer: view==NULL argument is obsolete");
    return -1;
  }
  if (source->exports == 0 && shared(source) && reallocate(source, source->length) == Status::error) return -1;
  if (PyBuffer_FillInfo(view, as_object(self), PyBytes_AS_STRING(source->buffer), source->length, 0, flags) < 0) return -1;
  ++source->exports;
  return 0;
}
void export_release(BytesIOBuffer* self, Py_buffer*) { --self->source->exports; }

void export_dealloc(BytesIOBuffer* self) {
  PyObject_GC_UnTrack(as_object(self));
  clear_field(self->source);
  Py_TYPE(self)->tp_free(as_object(self));
}
int export_traverse(BytesIOBuffer* self, visitproc visit, void* arg) {
  Py_VISIT(self->source);
  return 0;
}

int export_get_slot(PyObject* self, Py_buffer* view, int flags) {
  return export_get(reinterpret_cast<BytesIOBuffer*>(self), view, flags);
}
void export_release_slot(PyObject* self, Py_buffer* view) { export_release(reinterpret_cast<BytesIOBuffer*>(self), view); }
PyBufferProcs export_buffer = {export_get_slot, export_release_slot};

}  // namespace

extern "C" PyTypeObject BytesIOBuffer_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io._BytesIOBuffer",
    .tp_basicsize = sizeof(BytesIOBuffer),
    .tp_dealloc = slot<export_dealloc>,
    .tp_as_buffer = &export_buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_traverse = slot<export_traverse>,
    .tp_alloc = PyType_GenericAlloc,
    .tp_free = PyObject_GC_Del,
};
// The published name, by which _testcapi knows it.
extern "C" [[gnu::visibility("default"), gnu::alias("BytesIOBuffer_Type")]] PyTypeObject _PyBytesIOBuffer_Type;
GILL_STATIC_TYPE(BytesIOBuffer_Type);

namespace {
Ref<> bytes_getbuffer(BytesIO* self) {
  TRY(check_open(self));
  Ref<BytesIOBuffer> exporter = TRY(Ref<BytesIOBuffer>::steal(BytesIOBuffer_Type.tp_alloc(&BytesIOBuffer_Type, 0)));
  exporter->source = Ref<BytesIO>::borrow(self).release();
  return steal(PyMemoryView_FromObject(exporter.object()));
}
}  // namespace

extern "C" PyTypeObject BytesIO_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io.BytesIO",
    .tp_basicsize = sizeof(BytesIO),
    .tp_dealloc = slot<dealloc<BytesIO, bytes_destroy, Finalizes::in_subclasses>>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "BytesIO(initial_bytes=b'')\n--\n\nBuffered I/O implementation using an in-memory bytes buffer.",
    .tp_traverse = BytesIO::Fields::traverse,
    .tp_clear = BytesIO::Fields::clear,
    .tp_weaklistoffset = offsetof(IoBase, weakrefs),
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<bytes_next>,
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_base = &BufferedIOBase_Type,
    .tp_dictoffset = offsetof(IoBase, dict),
    .tp_init = INITIALIZER("BytesIO($self, /, initial_bytes=b'')", bytes_init),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = bytes_new,
};
GILL_STATIC_TYPE(BytesIO_Type);

}  // namespace gill::io
