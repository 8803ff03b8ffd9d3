// `_IOBase` and the abstract classes below it: defaults in terms of read(), readinto(), write().
#include "modules/io/io.h"

#include <structmember.h>


namespace gill::io {

Ref<> unsupported_operation() {
  Ref<> module = TRY(steal(PyImport_Import(name<"_io">)));
  return steal(PyObject_GetAttr(module.get(), name<"UnsupportedOperation">));
}

Failure unsupported(const char* message) {
  if (Ref<> type = unsupported_operation()) PyErr_SetString(type.get(), message);
  return failure;
}

Maybe<bool> stream_closed(PyObject* stream) {
  PyTypeObject* type = Py_TYPE(stream);
  if (type == &FileIO_Type) return file_is_closed(stream);
  if (type == &BufferedReader_Type || type == &BufferedWriter_Type || type == &BufferedRandom_Type) {
    if (PyObject* raw = raw_of(stream)) return stream_closed(raw);
  }
  Ref<> closed = TRY(steal(PyObject_GetAttr(stream, name<"closed">)));
  return truth_of(PyObject_IsTrue(closed.get()));
}

Ref<> call(PyObject* self, PyObject* method) { return steal(PyObject_CallMethodNoArgs(self, method)); }
Ref<> call(PyObject* self, PyObject* method, PyObject* argument) {
  return steal(PyObject_CallMethodOneArg(self, method, argument));
}

bool interrupted() {
  PyObject *type, *value, *traceback;
  if (!PyErr_ExceptionMatches(PyExc_OSError)) return false;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Ref<> number = steal(PyObject_GetAttr(value, name<"errno">));
  bool again = number && PyLong_Check(number.get()) && PyLong_AsLong(number.get()) == EINTR;
  if (!number) PyErr_Clear();
  if (!again) {
    PyErr_Restore(type, value, traceback);
    return false;
  }
  Ref<> drop_type = steal(type), drop_value = steal(value), drop_traceback = steal(traceback);
  return PyErr_CheckSignals() == 0;
}

namespace {

Maybe<bool> is_closed(PyObject* self) {
  PyObject* closed;
  if (_PyObject_LookupAttr(self, name<"closed">, &closed) < 0) return failure;
  if (!closed) return false;
  Ref<> owned = steal(closed);
  return truth_of(PyObject_IsTrue(closed));
}

Status check_ability(PyObject* self, PyObject* method, const char* message) {
  Ref<> answer = TRY(call(self, method));
  if (!TRY(truth_of(PyObject_IsTrue(answer.get())))) return unsupported(message);
  return Status::ok;
}

}  // namespace

Status check_closed(PyObject* self, const char* message) {
  if (TRY(is_closed(self))) return raise(PyExc_ValueError, "%s", message);
  return Status::ok;
}
Status check_readable(PyObject* self) { return check_ability(self, name<"readable">, "File or stream is not readable."); }
Status check_writable(PyObject* self) { return check_ability(self, name<"writable">, "File or stream is not writable."); }
Status check_seekable(PyObject* self) {
  if (Py_TYPE(self) == &FileIO_Type && TRY(file_is_seekable(self))) return Status::ok;
  return check_ability(self, name<"seekable">, "File or stream is not seekable.");
}

Ref<> get_dict(IoBase* self) { return steal(PyObject_GenericGetDict(as_object(self), nullptr)); }

// Closes an object that nobody closed. Errors are dropped, as there is nobody to tell, except in
// development mode.
void finalize(PyObject* self) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject* attribute = nullptr;
  int closed = -1;
  if (_PyObject_LookupAttr(self, name<"closed">, &attribute) <= 0) {
    PyErr_Clear();
    closed = attribute ? 0 : -1;
  }
  if (attribute) {
    closed = PyObject_IsTrue(attribute);
    gill::release(attribute);
    if (closed < 0) PyErr_Clear();
  }
  if (closed == 0) {
    if (PyObject_SetAttr(self, name<"_finalizing">, Py_True) < 0) PyErr_Clear();
    Ref<> done = call(self, name<"close">);
    if (!done) {
      if (_Py_GetConfig()->dev_mode) PyErr_WriteUnraisable(self);
      else PyErr_Clear();
    }
  }
  PyErr_Restore(type, value, traceback);
}

namespace {

struct Base : IoBase {
  using Fields = OwnedFields<&Base::dict>;
};

Ref<> base_seek(PyObject*, Args) { return unsupported("seek"); }
Ref<> base_tell(PyObject* self) {
  return steal(PyObject_CallMethod(self, "seek", "ii", 0, 1));
}
Ref<> base_truncate(PyObject*, Args) { return unsupported("truncate"); }
Ref<> base_fileno(PyObject*) { return unsupported("fileno"); }

Ref<> base_flush(IoBase* self) {
  if (self->base_closed) return raise(PyExc_ValueError, "I/O operation on closed file.");
  return none();
}

Ref<> base_close(IoBase* self) {
  if (self->base_closed) return none();
  Ref<> flushed = call(as_object(self), name<"flush">);
  self->base_closed = true;
  if (!flushed) return failure;
  return none();
}

Maybe<bool> base_false(PyObject*) { return false; }
Maybe<bool> base_isatty(PyObject* self) {
  TRY(check_closed(self));
  return false;
}

Ref<> base_enter(PyObject* self) {
  TRY(check_closed(self));
  return borrow(self);
}
Ref<> base_exit(PyObject* self, Args) { return call(self, name<"close">); }

Ref<> base_check_closed(PyObject* self, Args) {
  TRY(check_closed(self));
  return none();
}
Ref<> base_check_readable(PyObject* self, Args) {
  TRY(check_readable(self));
  return borrow(Py_True);
}
Ref<> base_check_writable(PyObject* self, Args) {
  TRY(check_writable(self));
  return borrow(Py_True);
}
Ref<> base_check_seekable(PyObject* self, Args) {
  TRY(check_seekable(self));
  return borrow(Py_True);
}

// Reads up to and with the next b"\n". peek() tells, where there is one, how far to read at once.
Ref<> base_readline(PyObject* self, SizeArgument size) {
  Py_ssize_t limit = size.value;
  PyObject* found;
  TRY(truth_of(_PyObject_LookupAttr(self, name<"peek">, &found)));
  Ref<> peek = steal(found);
  Ref<> buffer = TRY(steal(PyByteArray_FromStringAndSize(nullptr, 0)));
  while (limit < 0 || PyByteArray_GET_SIZE(buffer.get()) < limit) {
    Py_ssize_t wanted = 1;
    if (peek) {
      Ref<> one = TRY(steal(PyLong_FromLong(1)));
      Ref<> ahead = steal(PyObject_CallOneArg(peek.get(), one.get()));
      if (!ahead) {
        if (interrupted()) continue;
        return failure;
      }
      if (!PyBytes_Check(ahead.get())) {
        return raise(PyExc_OSError, "peek() should have returned a bytes object, not '%.200s'", Py_TYPE(ahead.get())->tp_name);
      }
      if (Py_ssize_t n = PyBytes_GET_SIZE(ahead.get())) {
        const char* text = PyBytes_AS_STRING(ahead.get());
        Py_ssize_t room = limit < 0 ? n : std::min(n, limit - PyByteArray_GET_SIZE(buffer.get()));
        const void* end = std::memchr(text, '\n', static_cast<size_t>(room));
        wanted = end ? static_cast<const char*>(end) - text + 1 : room;
      }
    }
    Ref<> count = TRY(steal(PyLong_FromSsize_t(wanted)));
    Ref<> data = call(self, name<"read">, count.get());
    if (!data) {
      if (interrupted()) continue;
      return failure;
    }
    if (!PyBytes_Check(data.get())) {
      return raise(PyExc_OSError, "read() should have returned a bytes object, not '%.200s'", Py_TYPE(data.get())->tp_name);
    }
    Py_ssize_t got = PyBytes_GET_SIZE(data.get());
    if (got == 0) break;
    Py_ssize_t old = PyByteArray_GET_SIZE(buffer.get());
    TRY(status_of(PyByteArray_Resize(buffer.get(), old + got)));
    std::memcpy(PyByteArray_AS_STRING(buffer.get()) + old, PyBytes_AS_STRING(data.get()), static_cast<size_t>(got));
    if (PyBytes_AS_STRING(data.get())[got - 1] == '\n') break;
  }
  return steal(PyBytes_FromStringAndSize(PyByteArray_AS_STRING(buffer.get()), PyByteArray_GET_SIZE(buffer.get())));
}

Ref<> base_iter(PyObject* self) {
  TRY(check_closed(self));
  return borrow(self);
}

Ref<> base_next(PyObject* self) {
  Ref<> line = TRY(call(self, name<"readline">));
  if (TRY(checked(PyObject_Size(line.get()))) <= 0) return nullptr;
  return line;
}

Ref<> base_readlines(PyObject* self, SizeArgument hint) {
  Ref<> result = TRY(steal(PyList_New(0)));
  Ref<> iterator = TRY(steal(PyObject_GetIter(self)));
  Py_ssize_t total = 0;
  while (Ref<> line = steal(PyIter_Next(iterator.get()))) {
    TRY(status_of(PyList_Append(result.get(), line.get())));
    Py_ssize_t length = TRY(checked(PyObject_Size(line.get())));
    if (hint.value > 0 && length > hint.value - total) break;
    total += length;
    if (hint.value > 0 && total >= hint.value) break;
  }
  if (PyErr_Occurred()) return failure;
  return result;
}

Status base_writelines(PyObject* self, PyObject* lines) {
  TRY(check_closed(self));
  Ref<> iterator = TRY(steal(PyObject_GetIter(lines)));
  while (Ref<> line = steal(PyIter_Next(iterator.get()))) {
    for (;;) {
      Ref<> written = call(self, name<"write">, line.get());
      if (written) break;
      if (!interrupted()) return failure;
    }
  }
  return PyErr_Occurred() ? Status::error : Status::ok;
}

Ref<> base_closed(IoBase* self) { return py_bool(self->base_closed); }

void base_destroy(Base*) {}

const PyMethodDef kBaseMethods[] = {
    METHOD_OF_TUPLE("seek($self, *args)", base_seek, "Change the stream position to the given byte offset."),
    METHOD("tell($self, /)", base_tell, "Return current stream position."),
    METHOD_OF_TUPLE("truncate($self, *args)", base_truncate, "Truncate file to size bytes."),
    METHOD("flush($self, /)", base_flush, "Flush write buffers, if applicable."),
    METHOD("close($self, /)", base_close, "Flush and close the IO object."),
    METHOD("seekable($self, /)", base_false, "Return whether object supports random access."),
    METHOD("readable($self, /)", base_false, "Return whether object was opened for reading."),
    METHOD("writable($self, /)", base_false, "Return whether object was opened for writing."),
    METHOD_UNSIGNED("_checkClosed($self, *args)", base_check_closed, nullptr),
    METHOD_UNSIGNED("_checkSeekable($self, *args)", base_check_seekable, nullptr),
    METHOD_UNSIGNED("_checkReadable($self, *args)", base_check_readable, nullptr),
    METHOD_UNSIGNED("_checkWritable($self, *args)", base_check_writable, nullptr),
    METHOD("fileno($self, /)", base_fileno, "Returns underlying file descriptor if one exists."),
    METHOD("isatty($self, /)", base_isatty, "Return whether this is an 'interactive' stream."),
    METHOD_UNSIGNED("__enter__($self, /)", base_enter, nullptr),
    METHOD_OF_TUPLE("__exit__($self, *args)", base_exit, nullptr),
    METHOD("readline($self, size=-1, /)", base_readline, "Read and return a line from the stream."),
    METHOD("readlines($self, hint=-1, /)", base_readlines, "Return a list of lines from the stream."),
    METHOD("writelines($self, lines, /)", base_writelines, "Write a list of lines to stream."),
    kEndOfMethods,
};
const PyGetSetDef kBaseAttributes[] = {
    {"__dict__", PyObject_GenericGetDict, nullptr, nullptr, nullptr},
    getset<base_closed>("closed"),
    kEndOfGetSets,
};

}  // namespace

extern "C" PyTypeObject IOBase_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io._IOBase",
    .tp_basicsize = sizeof(Base),
    .tp_dealloc = slot<dealloc<Base, base_destroy>>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "The abstract base class for all I/O classes.",
    .tp_traverse = Base::Fields::traverse,
    .tp_clear = Base::Fields::clear,
    .tp_weaklistoffset = offsetof(IoBase, weakrefs),
    .tp_iter = slot<base_iter>,
    .tp_iternext = slot<base_next>,
    .tp_methods = table(kBaseMethods),
    .tp_getset = table(kBaseAttributes),
    .tp_dictoffset = offsetof(IoBase, dict),
    .tp_new = PyType_GenericNew,
    .tp_finalize = finalize,
};
GILL_STATIC_TYPE(IOBase_Type);

// ---- _RawIOBase ---------------------------------------------------------------------------------

namespace {

Ref<> raw_read(PyObject* self, SizeArgument size) {
  if (size.value < 0) return call(self, name<"readall">);
  Ref<> buffer = TRY(steal(PyByteArray_FromStringAndSize(nullptr, size.value)));
  Ref<> count = TRY(call(self, name<"readinto">, buffer.get()));
  if (count.get() == Py_None) return count;
  Py_ssize_t n = TRY(checked(PyNumber_AsSsize_t(count.get(), PyExc_ValueError)));
  if (n < 0 || n > size.value) {
    return raise(PyExc_ValueError, "readinto returned %zd outside buffer size %zd", n, size.value);
  }
  return steal(PyBytes_FromStringAndSize(PyByteArray_AS_STRING(buffer.get()), n));
}

Ref<> raw_readall(PyObject* self) {
  Ref<> chunks = TRY(steal(PyList_New(0)));
  Ref<> count = TRY(steal(PyLong_FromSsize_t(kDefaultBufferSize)));
  for (;;) {
    Ref<> data = call(self, name<"read">, count.get());
    if (!data) {
      if (interrupted()) continue;
      return failure;
    }
    if (data.get() == Py_None) {
      if (PyList_GET_SIZE(chunks.get()) == 0) return data;
      break;
    }
    if (!PyBytes_Check(data.get())) return raise(PyExc_TypeError, "read() should return bytes");
    if (PyBytes_GET_SIZE(data.get()) == 0) break;
    TRY(status_of(PyList_Append(chunks.get(), data.get())));
  }
  Ref<> empty = TRY(steal(PyBytes_FromStringAndSize(nullptr, 0)));
  return steal(_PyBytes_Join(empty.get(), chunks.get()));
}

Ref<> raw_unimplemented(PyObject*, Args) {
  PyErr_SetNone(PyExc_NotImplementedError);
  return failure;
}

const PyMethodDef kRawMethods[] = {
    METHOD("read($self, size=-1, /)", raw_read, "Read up to size bytes."),
    METHOD("readall($self, /)", raw_readall, "Read until EOF, using multiple read() call."),
    METHOD_OF_TUPLE("readinto($self, *args)", raw_unimplemented, "Read bytes into a buffer; returns their number."),
    METHOD_OF_TUPLE("write($self, *args)", raw_unimplemented, "Write a buffer; returns the number of bytes written."),
    kEndOfMethods,
};

// ---- _BufferedIOBase ----------------------------------------------------------------------------

Ref<> read_into(PyObject* self, WritableBufferArgument& buffer, PyObject* method) {
  Ref<> count = TRY(steal(PyLong_FromSsize_t(buffer.size())));
  Ref<> data = TRY(call(self, method, count.get()));
  if (!PyBytes_Check(data.get())) return raise(PyExc_TypeError, "read() should return bytes");
  Py_ssize_t n = PyBytes_GET_SIZE(data.get());
  if (n > buffer.size()) {
    return raise(PyExc_ValueError, "read() returned too much data: %zd bytes requested, %zd returned", buffer.size(), n);
  }
  std::memcpy(buffer.mutable_data(), PyBytes_AS_STRING(data.get()), static_cast<size_t>(n));
  return steal(PyLong_FromSsize_t(n));
}
Ref<> buffered_base_readinto(PyObject* self, WritableBufferArgument buffer) { return read_into(self, buffer, name<"read">); }
Ref<> buffered_base_readinto1(PyObject* self, WritableBufferArgument buffer) { return read_into(self, buffer, name<"read1">); }
Ref<> base_detach(PyObject*) { return unsupported("detach"); }
Ref<> base_read(PyObject*, Args) { return unsupported("read"); }
Ref<> base_read1(PyObject*, Args) { return unsupported("read1"); }
Ref<> base_write(PyObject*, Args) { return unsupported("write"); }

const PyMethodDef kBufferedMethods[] = {
    METHOD("detach($self, /)", base_detach, "Disconnect this buffer from its underlying raw stream and return it."),
    METHOD_OF_TUPLE("read($self, *args)", base_read, "Read and return up to n bytes."),
    METHOD_OF_TUPLE("read1($self, *args)", base_read1, "Read and return up to n bytes, with at most one read() call."),
    METHOD("readinto($self, buffer, /)", buffered_base_readinto, "Read bytes into a buffer."),
    METHOD("readinto1($self, buffer, /)", buffered_base_readinto1, "Read bytes into a buffer, with at most one read() call."),
    METHOD_OF_TUPLE("write($self, *args)", base_write, "Write the given buffer to the IO stream."),
    kEndOfMethods,
};

// ---- _TextIOBase --------------------------------------------------------------------------------

Ref<> text_readline(PyObject*, Args) { return unsupported("readline"); }
Ref<> text_nothing(PyObject*) { return none(); }

const PyMethodDef kTextMethods[] = {
    METHOD_UNSIGNED("detach($self, /)", base_detach, "Separate the underlying buffer from the text stream and return it."),
    METHOD_OF_TUPLE("read($self, *args)", base_read, "Read at most n characters from stream."),
    METHOD_OF_TUPLE("readline($self, *args)", text_readline, "Read until newline or EOF."),
    METHOD_OF_TUPLE("write($self, *args)", base_write, "Write string to stream."),
    kEndOfMethods,
};
const PyGetSetDef kTextAttributes[] = {
    getset<text_nothing>("encoding", "Encoding of the text stream."),
    getset<text_nothing>("newlines", "Line endings translated so far."),
    getset<text_nothing>("errors", "The error setting of the decoder or encoder."),
    kEndOfGetSets,
};

}  // namespace

extern "C" PyTypeObject RawIOBase_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io._RawIOBase",
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "Base class for raw binary I/O.",
    .tp_methods = table(kRawMethods),
    .tp_base = &IOBase_Type,
};
GILL_STATIC_TYPE(RawIOBase_Type);

extern "C" PyTypeObject BufferedIOBase_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io._BufferedIOBase",
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "Base class for buffered IO objects.",
    .tp_methods = table(kBufferedMethods),
    .tp_base = &IOBase_Type,
};
GILL_STATIC_TYPE(BufferedIOBase_Type);

extern "C" PyTypeObject TextIOBase_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io._TextIOBase",
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "Base class for text I/O.",
    .tp_methods = table(kTextMethods),
    .tp_getset = table(kTextAttributes),
    .tp_base = &IOBase_Type,
};
GILL_STATIC_TYPE(TextIOBase_Type);

}  // namespace gill::io
