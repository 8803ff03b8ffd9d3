// `StringIO`: text in memory, as an array of characters so that every write and seek is direct. They are as wide as the widest
// that was written needs.
#include "modules/io/io.h"
#include "objects/str.h"

#include <structmember.h>

namespace gill::io {
namespace {

struct StringIO : IoBase {
  void* text;  // owned
  Py_ssize_t position, length, capacity;  // in characters
  int kind;                // bytes of a character; 0 while there was none
  PyObject* decoder;       // newline translation, or null
  PyObject* read_newline;  // the line end that readline() looks for, or null for "\n"
  PyObject* write_newline; // what "\n" becomes, or null
  bool initialized, closed, universal, translate;

  using Fields = OwnedFields<&StringIO::dict, &StringIO::decoder, &StringIO::read_newline, &StringIO::write_newline>;
};

Status check_open(StringIO* self) {
  if (!self->initialized) return raise(PyExc_ValueError, "I/O operation on uninitialized object");
  if (self->closed) return raise(PyExc_ValueError, "I/O operation on closed file");
  return Status::ok;
}

StrView view_of(StringIO* self) {
  StrView view;
  view.data = self->text;
  view.length = self->length;
  view.kind = self->kind;
  return view;
}

// Room for `size` characters of the kind.
Status reserve(StringIO* self, Py_ssize_t size, int kind) {
  if (self->length) kind = std::max(kind, self->kind);
  if (size <= self->capacity && kind == self->kind) return Status::ok;
  if (size > PY_SSIZE_T_MAX / kind - size / 8 - 8) return raise(PyExc_OverflowError, "new buffer size too large");
  const Py_ssize_t capacity = size <= self->capacity ? self->capacity : size + (size >> 3) + 8;
  const bool widens = self->length && kind > self->kind;
  void* room = PyMem_Realloc(widens ? nullptr : self->text, static_cast<size_t>(capacity * kind));
  if (!room) {
    PyErr_NoMemory();
    return failure;
  }
  if (widens) {
    copy_characters(kind, room, 0, view_of(self), 0, self->length);
    PyMem_Free(self->text);
  }
  self->text = room;
  self->capacity = capacity;
  self->kind = kind;
  return Status::ok;
}

Ref<> text_between(StringIO* self, Py_ssize_t start, Py_ssize_t end) {
  if (start == end) return empty_str();
  return steal(PyUnicode_FromKindAndData(self->kind, static_cast<const char*>(self->text) + start * self->kind, end - start));
}

Status write_text(StringIO* self, PyObject* string) {
  Ref<> decoded = self->decoder ? TRY(decode_step(self->decoder, string, true)) : borrow(string);
  if (self->write_newline) decoded = TRY(steal(PyUnicode_Replace(decoded.get(), name<"\n">, self->write_newline, -1)));
  Py_ssize_t size = PyUnicode_GET_LENGTH(decoded.get());
  if (size == 0) return Status::ok;
  if (self->position > PY_SSIZE_T_MAX - size) return raise(PyExc_OverflowError, "new position too large");
  StrView view(decoded.get());
  TRY(reserve(self, std::max(self->position + size, self->length), view.kind));
  if (const Py_ssize_t gap = self->position - self->length; gap > 0) {
    std::memset(static_cast<char*>(self->text) + self->length * self->kind, 0, static_cast<size_t>(gap * self->kind));
  }
  if (self->kind == 1) copy_mostly_short(static_cast<char*>(self->text) + self->position, view.as<char>(), static_cast<size_t>(size));
  else copy_characters(self->kind, self->text, self->position, view, 0, size);
  self->position += size;
  self->length = std::max(self->length, self->position);
  return Status::ok;
}

Ref<> string_read(StringIO* self, SizeArgument size) {
  TRY(check_open(self));
  Py_ssize_t n = std::max<Py_ssize_t>(0, self->length - self->position);
  if (size.value >= 0 && size.value < n) n = size.value;
  Ref<> result = TRY(text_between(self, self->position, self->position + n));
  self->position += n;
  return result;
}

// Where the line that starts at `position` ends (behind its line end).
template <class C>
Py_ssize_t line_end(StringIO* self, Py_ssize_t limit) {
  Py_ssize_t end = self->length;
  if (limit >= 0 && limit < end - self->position) end = self->position + limit;
  const C* text = static_cast<const C*>(self->text);
  Py_ssize_t i = self->position;
  if (self->universal && !self->translate) {
    for (; i < end; ++i) {
      if (text[i] == '\n') return i + 1;
      if (text[i] == '\r') return i + 1 < end && text[i + 1] == '\n' ? i + 2 : i + 1;
    }
    return end;
  }
  if (self->read_newline && !self->translate) {
    Py_ssize_t n = PyUnicode_GET_LENGTH(self->read_newline);
    for (; i + n <= end; ++i) {
      Py_ssize_t k = 0;
      while (k < n && text[i + k] == PyUnicode_READ_CHAR(self->read_newline, k)) ++k;
      if (k == n) return i + n;
    }
    return end;
  }
  if constexpr (sizeof(C) == 1) {
    const void* found = std::memchr(text + i, '\n', static_cast<size_t>(end - i));
    return found ? static_cast<const C*>(found) - text + 1 : end;
  } else {
    const C* found = std::find(text + i, text + end, static_cast<C>('\n'));
    return found - text + (found < text + end);
  }
}

Ref<> read_line(StringIO* self, Py_ssize_t limit) {
  if (self->position >= self->length) return steal(PyUnicode_New(0, 0));
  Py_ssize_t end = dispatch(self->kind, [&]<class C>(C*) { return line_end<C>(self, limit); });
  Ref<> line = TRY(text_between(self, self->position, end));
  self->position = end;
  return line;
}

Ref<> string_readline(StringIO* self, SizeArgument size) {
  TRY(check_open(self));
  return read_line(self, size.value);
}

Ref<> string_next(StringIO* self) {
  TRY(check_open(self));
  Ref<> line;
  if (Py_TYPE(self) == &StringIO_Type) {
    line = TRY(read_line(self, -1));
  } else {
    line = TRY(call(as_object(self), name<"readline">));
    if (!PyUnicode_Check(line.get())) {
      return raise(PyExc_OSError, "readline() should have returned a str object, not '%.200s'", Py_TYPE(line.get())->tp_name);
    }
  }
  if (PyUnicode_GET_LENGTH(line.get()) == 0) return nullptr;
  return line;
}

Ref<> string_write(StringIO* self, PyObject* text) {
  if (!PyUnicode_Check(text)) {
    return raise(PyExc_TypeError, "string argument expected, got '%s'", Py_TYPE(text)->tp_name);
  }
  TRY(check_open(self));
  Py_ssize_t size = PyUnicode_GET_LENGTH(text);
  if (size > 0) TRY(write_text(self, text));
  return steal(PyLong_FromSsize_t(size));
}

Ref<> string_truncate(StringIO* self, PyObject* size) {
  TRY(check_open(self));
  Py_ssize_t length = self->position;
  if (size != Py_None) {
    if (!PyIndex_Check(size)) {
      return raise(PyExc_TypeError, "argument should be integer or None, not '%.200s'", Py_TYPE(size)->tp_name);
    }
    length = TRY(checked(PyNumber_AsSsize_t(size, PyExc_OverflowError)));
  }
  if (length < 0) return raise(PyExc_ValueError, "Negative size value %zd", length);
  self->length = std::min(self->length, length);
  return steal(PyLong_FromSsize_t(length));
}

Ref<> string_seek(StringIO* self, Py_ssize_t offset, int whence) {
  TRY(check_open(self));
  if (whence < 0 || whence > 2) return raise(PyExc_ValueError, "Invalid whence (%i, should be 0, 1 or 2)", whence);
  if (offset < 0 && whence == 0) return raise(PyExc_ValueError, "Negative seek position %zd", offset);
  if (whence != 0 && offset != 0) return raise(PyExc_OSError, "Can't do nonzero cur-relative seeks");
  if (whence == 1) offset = self->position;
  if (whence == 2) offset = self->length;
  self->position = offset;
  return steal(PyLong_FromSsize_t(offset));
}

Ref<> string_tell(StringIO* self) {
  TRY(check_open(self));
  return steal(PyLong_FromSsize_t(self->position));
}

Ref<> string_getvalue(StringIO* self) {
  TRY(check_open(self));
  return text_between(self, 0, self->length);
}

Ref<> string_close(StringIO* self) {
  self->closed = true;
  PyMem_Free(std::exchange(self->text, nullptr));
  self->length = self->capacity = 0;
  self->kind = 0;
  return none();
}

Maybe<bool> string_true(StringIO* self) {
  TRY(check_open(self));
  return true;
}

Status string_init(StringIO* self, PyObject* initial, PyObject* newline) {
  self->initialized = false;
  if (newline && newline != Py_None && !PyUnicode_Check(newline)) {
    return raise(PyExc_TypeError, "newline must be str or None, not %.200s", Py_TYPE(newline)->tp_name);
  }
  Ref<> line_end = newline ? borrow(newline) : borrow(name<"\n">);
  bool none_given = line_end.get() == Py_None;
  const char* text = none_given ? nullptr : TRY(PyUnicode_AsUTF8(line_end.get()));
  if (text && !(text[0] == 0 || !std::strcmp(text, "\n") || !std::strcmp(text, "\r") || !std::strcmp(text, "\r\n"))) {
    return raise(PyExc_ValueError, "illegal newline value: %R", newline);
  }
  if (initial && initial != Py_None && !PyUnicode_Check(initial)) {
    return raise(PyExc_TypeError, "initial_value must be str or None, not %.200s", Py_TYPE(initial)->tp_name);
  }
  clear_field(self->decoder);
  clear_field(self->read_newline);
  clear_field(self->write_newline);
  self->universal = !text || text[0] == 0;
  self->translate = !text;
  if (text) set_field(self->read_newline, line_end.new_ref());
  // "\r" and "\r\n" are written in place of "\n"; universal modes decode instead.
  if (text && text[0] == '\r') set_field(self->write_newline, line_end.new_ref());
  if (self->universal) self->decoder = TRY(new_newline_decoder(Py_None, self->translate)).release();
  self->position = self->length = 0;
  self->closed = false;
  self->initialized = true;
  if (initial && initial != Py_None) {
    TRY(write_text(self, initial));
    self->position = 0;
  }
  return Status::ok;
}

Ref<> string_getstate(StringIO* self) {
  Ref<> value = TRY(string_getvalue(self));
  Ref<> dict = self->dict ? TRY(steal(PyDict_Copy(self->dict))) : none();
  return steal(Py_BuildValue("(OOnO)", value.get(), self->read_newline ? self->read_newline : Py_None, self->position, dict.get()));
}

Ref<> string_setstate(StringIO* self, PyObject* state) {
  if (self->closed) return raise(PyExc_ValueError, "__setstate__ on closed file");
  if (!PyTuple_Check(state) || PyTuple_GET_SIZE(state) < 4) {
    return raise(PyExc_TypeError, "%.200s.__setstate__ argument should be 4-tuple, got %.200s", Py_TYPE(self)->tp_name,
                 Py_TYPE(state)->tp_name);
  }
  PyObject* value = PyTuple_GET_ITEM(state, 0);
  TRY(string_init(self, nullptr, PyTuple_GET_ITEM(state, 1)));
  if (value != Py_None) {
    if (!PyUnicode_Check(value)) {
      return raise(PyExc_TypeError, "initial_value must be str or None, not %.200s", Py_TYPE(value)->tp_name);
    }
    // The value is what the buffer held: no newline is translated again.
    StrView view(value);
    TRY(reserve(self, view.length, view.kind));
    copy_characters(self->kind, self->text, 0, view, 0, view.length);
    self->length = view.length;
  }
  PyObject* position = PyTuple_GET_ITEM(state, 2);
  if (!PyLong_Check(position)) {
    return raise(PyExc_TypeError, "third item of state must be an integer, got %.200s", Py_TYPE(position)->tp_name);
  }
  Py_ssize_t at = TRY(checked(PyLong_AsSsize_t(position)));
  if (at < 0) return raise(PyExc_ValueError, "position value cannot be negative");
  self->position = at;
  PyObject* dict = PyTuple_GET_ITEM(state, 3);
  if (dict != Py_None) {
    if (!PyDict_Check(dict)) return raise(PyExc_TypeError, "fourth item of state should be a dict, got a %.200s", Py_TYPE(dict)->tp_name);
    if (self->dict) TRY(status_of(PyDict_Update(self->dict, dict)));
    else set_field(self->dict, borrow(dict));
  }
  return none();
}

Ref<> string_closed(StringIO* self) {
  if (!self->initialized) return raise(PyExc_ValueError, "I/O operation on uninitialized object");
  return py_bool(self->closed);
}
Ref<> string_line_buffering(StringIO* self) {
  TRY(check_open(self));
  return borrow(Py_False);
}
Ref<> string_newlines(StringIO* self) {
  TRY(check_open(self));
  if (!self->decoder) return none();
  return steal(PyObject_GetAttr(self->decoder, name<"newlines">));
}

void string_destroy(StringIO* self) { PyMem_Free(self->text); }

const PyMethodDef kMethods[] = {
    METHOD("close($self, /)", string_close, "Close the IO object."),
    METHOD("getvalue($self, /)", string_getvalue, "Retrieve the entire contents of the object."),
    METHOD("read($self, size=-1, /)", string_read, "Read at most size characters, returned as a string."),
    METHOD("readline($self, size=-1, /)", string_readline, "Read until newline or EOF."),
    METHOD("tell($self, /)", string_tell, "Tell the current file position."),
    METHOD("truncate($self, pos=None, /)", string_truncate, "Truncate size to pos."),
    METHOD("seek($self, pos, whence=0, /)", string_seek, "Change stream position."),
    METHOD("write($self, s, /)", string_write, "Write string to file."),
    METHOD("seekable($self, /)", string_true, "Returns True if the IO object can be seeked."),
    METHOD("readable($self, /)", string_true, "Returns True if the IO object can be read."),
    METHOD("writable($self, /)", string_true, "Returns True if the IO object can be written."),
    METHOD_UNSIGNED("__getstate__($self, /)", string_getstate, nullptr),
    METHOD_UNSIGNED("__setstate__($self, state, /)", string_setstate, nullptr),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<string_closed>("closed"),
    getset<string_newlines>("newlines"),
    getset<string_line_buffering>("line_buffering"),
    kEndOfGetSets,
};

}  // namespace

extern "C" PyTypeObject StringIO_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io.StringIO",
    .tp_basicsize = sizeof(StringIO),
    .tp_dealloc = slot<dealloc<StringIO, string_destroy, Finalizes::in_subclasses>>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "StringIO(initial_value='', newline='\\n')\n--\n\nText I/O implementation using an in-memory buffer.",
    .tp_traverse = StringIO::Fields::traverse,
    .tp_clear = StringIO::Fields::clear,
    .tp_weaklistoffset = offsetof(IoBase, weakrefs),
    .tp_iternext = slot<string_next>,
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_base = &TextIOBase_Type,
    .tp_dictoffset = offsetof(IoBase, dict),
    .tp_init = INITIALIZER("StringIO($self, /, initial_value='', newline='\\n')", string_init),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = PyType_GenericNew,
};
GILL_STATIC_TYPE(StringIO_Type);

}  // namespace gill::io
