// Saving: the dispatch by type, atoms, texts, bytes and buffers.
#include <cstdio>

#include "modules/pickle/pickle.h"

namespace gill::pickle {

namespace {

// ---- atoms ----------------------------------------------------------------------------------------------------------------

Status save_none(Pickler* self) { return self->output.write(NONE); }

Status save_bool(Pickler* self, PyObject* object) {
  bool value = object == Py_True;
  if (self->protocol >= 2) return self->output.write(value ? NEWTRUE : NEWFALSE);
  return self->output.write(value ? "I01\n" : "I00\n", 4);
}

Status save_small_int(Pickler* self, long value) {
  char text[32];
  if (!self->binary) {
    int size = snprintf(text, sizeof(text), "%c%ld\n", INT, value);
    return self->output.write(text, size);
  }
  store_little_endian(text + 1, static_cast<uint64_t>(value), 4);
  if (value < 0 || value > 0xffff) {
    text[0] = BININT;
    return self->output.write(text, 5);
  }
  text[0] = value > 0xff ? BININT2 : BININT1;
  return self->output.write(text, value > 0xff ? 3 : 2);
}

Status save_int(Pickler* self, PyObject* object) {
  int overflow;
  long value = PyLong_AsLongAndOverflow(object, &overflow);
  if (!overflow && value == static_cast<int>(value)) return save_small_int(self, value);
  if (self->protocol < 2) {
    Ref<> digits = TRY(steal(PyObject_Repr(object)));
    Py_ssize_t size;
    const char* text = TRY(PyUnicode_AsUTF8AndSize(digits.get(), &size));
    TRY(self->output.write(LONG));
    TRY(self->output.write(text, size));
    return self->output.write("L\n", 2);
  }
  // Two's complement in as few bytes as have room for the sign.
  size_t bits = _PyLong_NumBits(object);
  if (bits == static_cast<size_t>(-1) && PyErr_Occurred()) return Status::error;
  size_t size = bits / 8 + 1;
  if (size > 0x7fffffffL) return raise(PyExc_OverflowError, "int too large to pickle");
  Ref<> bytes = TRY(steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size))));
  auto* data = reinterpret_cast<unsigned char*>(PyBytes_AS_STRING(bytes.get()));
  TRY(status_of(_PyLong_AsByteArray(reinterpret_cast<PyLongObject*>(object), data, size, 1, 1)));
  // -128 needs no ninth bit.
  if (_PyLong_Sign(object) < 0 && size > 1 && data[size - 1] == 0xff && (data[size - 2] & 0x80)) --size;
  char header[5];
  header[0] = size < 256 ? LONG1 : LONG4;
  store_little_endian(header + 1, size, 4);
  TRY(self->output.write(header, size < 256 ? 2 : 5));
  return self->output.write(PyBytes_AS_STRING(bytes.get()), static_cast<Py_ssize_t>(size));
}

Status save_float(Pickler* self, PyObject* object) {
  double value = PyFloat_AS_DOUBLE(object);
  if (self->binary) {
    char data[9] = {BINFLOAT};
    TRY(status_of(PyFloat_Pack8(value, data + 1, 0)));
    return self->output.write(data, 9);
  }
  char* text = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, nullptr);
  if (!text) {
    PyErr_NoMemory();
    return Status::error;
  }
  Status status = self->output.write(FLOAT);
  if (status == Status::ok) status = self->output.write(text, static_cast<Py_ssize_t>(strlen(text)));
  if (status == Status::ok) status = self->output.write("\n", 1);
  PyMem_Free(text);
  return status;
}

// ---- bytes and buffers ------------------------------------------------------------------------------------------------------

Status save_bytes_data(Pickler* self, PyObject* object, const char* data, Py_ssize_t size) {
  char header[9];
  int header_size;
  store_little_endian(header + 1, static_cast<uint64_t>(size), 8);
  if (size <= 0xff) {
    header[0] = SHORT_BINBYTES;
    header_size = 2;
  } else if (static_cast<size_t>(size) <= 0xffffffffUL) {
    header[0] = BINBYTES;
    header_size = 5;
  } else if (self->protocol >= 4) {
    header[0] = BINBYTES8;
    header_size = 9;
  } else {
    return raise(PyExc_OverflowError, "serializing a bytes object larger than 4 GiB requires pickle protocol 4 or higher");
  }
  TRY(self->output.write_payload(header, header_size, data, size, object, self->write_method));
  return memo_put(self, object);
}

Status save_bytearray_data(Pickler* self, PyObject* object, const char* data, Py_ssize_t size) {
  char header[9] = {BYTEARRAY8};
  store_little_endian(header + 1, static_cast<uint64_t>(size), 8);
  TRY(self->output.write_payload(header, 9, data, size, object, self->write_method));
  return memo_put(self, object);
}

// Before protocol 3 there is no opcode for bytes: Python 2 gets a str by encoding.
Status save_bytes(Pickler* self, PyObject* object) {
  if (self->protocol >= 3) return save_bytes_data(self, object, PyBytes_AS_STRING(object), PyBytes_GET_SIZE(object));
  Ref<> reduced;
  if (PyBytes_GET_SIZE(object) == 0) {
    reduced = TRY(steal(Py_BuildValue("(O())", &PyBytes_Type)));
  } else {
    Ref<> text = TRY(steal(PyUnicode_DecodeLatin1(PyBytes_AS_STRING(object), PyBytes_GET_SIZE(object), "strict")));
    reduced = TRY(steal(Py_BuildValue("(O(OO))", self->state->codecs_encode, text.get(), name<"latin1">)));
  }
  return save_reduced(self, reduced.get(), object);
}

Status save_bytearray(Pickler* self, PyObject* object) {
  if (self->protocol >= 5) return save_bytearray_data(self, object, PyByteArray_AS_STRING(object), PyByteArray_GET_SIZE(object));
  Ref<> reduced;
  if (PyByteArray_GET_SIZE(object) == 0) {
    reduced = TRY(steal(Py_BuildValue("(O())", &PyByteArray_Type)));
  } else {
    Ref<> bytes = TRY(steal(PyBytes_FromObject(object)));
    reduced = TRY(steal(Py_BuildValue("(O(O))", &PyByteArray_Type, bytes.get())));
  }
  return save_reduced(self, reduced.get(), object);
}

Status save_picklebuffer(Pickler* self, PyObject* object) {
  PyObject* error = self->state->pickling_error;
  if (self->protocol < 5) return raise(error, "PickleBuffer can only pickled with protocol >= 5");
  const Py_buffer* view = TRY(PyPickleBuffer_GetBuffer(object));
  if (view->suboffsets || !PyBuffer_IsContiguous(view, 'A')) {
    return raise(error, "PickleBuffer can not be pickled when pointing to a non-contiguous buffer");
  }
  bool in_band = true;
  if (self->buffer_callback) {
    Ref<> answer = TRY(steal(PyObject_CallOneArg(self->buffer_callback, object)));
    in_band = TRY(truth_of(PyObject_IsTrue(answer.get())));
  }
  if (in_band) {
    auto* data = static_cast<const char*>(view->buf);
    return view->readonly ? save_bytes_data(self, object, data, view->len) : save_bytearray_data(self, object, data, view->len);
  }
  TRY(self->output.write(NEXT_BUFFER));
  return view->readonly ? self->output.write(READONLY_BUFFER) : Status::ok;
}

// ---- str ------------------------------------------------------------------------------------------------------------------

// Protocol 0: one line of ASCII and Latin-1, what would end or mislead the line escaped.
Status save_text_line(Pickler* self, PyObject* object) {
  TRY(self->output.write(UNICODE));
  Py_ssize_t length = PyUnicode_GET_LENGTH(object);
  int kind = PyUnicode_KIND(object);
  const void* data = PyUnicode_DATA(object);
  for (Py_ssize_t i = 0; i < length; ++i) {
    Py_UCS4 c = PyUnicode_READ(kind, data, i);
    char piece[16];
    int size;
    if (c >= 0x10000) {
      size = snprintf(piece, sizeof(piece), "\\U%08x", static_cast<unsigned>(c));
    } else if (c >= 256 || c == '\\' || c == 0 || c == '\n' || c == '\r' || c == 0x1a) {
      size = snprintf(piece, sizeof(piece), "\\u%04x", static_cast<unsigned>(c));
    } else {
      piece[0] = static_cast<char>(c);
      size = 1;
    }
    TRY(self->output.write(piece, size));
  }
  return self->output.write("\n", 1);
}

Status write_utf8(Pickler* self, const char* data, Py_ssize_t size) {
  char header[9];
  int header_size;
  store_little_endian(header + 1, static_cast<uint64_t>(size), 8);
  if (size <= 0xff && self->protocol >= 4) {
    header[0] = SHORT_BINUNICODE;
    header_size = 2;
  } else if (static_cast<size_t>(size) <= 0xffffffffUL) {
    header[0] = BINUNICODE;
    header_size = 5;
  } else if (self->protocol >= 4) {
    header[0] = BINUNICODE8;
    header_size = 9;
  } else {
    return raise(PyExc_OverflowError, "serializing a string larger than 4 GiB requires pickle protocol 4 or higher");
  }
  return self->output.write_payload(header, header_size, data, size, nullptr, self->write_method);
}

Status save_str(Pickler* self, PyObject* object) {
  if (!self->binary) {
    TRY(status_of(PyUnicode_READY(object)));
    TRY(save_text_line(self, object));
    return memo_put(self, object);
  }
  Py_ssize_t size;
  if (const char* utf8 = PyUnicode_AsUTF8AndSize(object, &size)) {
    TRY(write_utf8(self, utf8, size));
  } else {
    // Lone surrogates.
    PyErr_Clear();
    Ref<> encoded = TRY(steal(PyUnicode_AsEncodedString(object, "utf-8", "surrogatepass")));
    TRY(write_utf8(self, PyBytes_AS_STRING(encoded.get()), PyBytes_GET_SIZE(encoded.get())));
  }
  return memo_put(self, object);
}

// ---- persistent ids ---------------------------------------------------------------------------------------------------------

// True: the object has an id and is saved by it.
Maybe<bool> save_persistent(Pickler* self, PyObject* object) {
  Ref<> id = TRY(call_method_reference(self->persistent_function, self->persistent_self, object));
  if (id.get() == Py_None) return false;
  if (self->binary) {
    if (save(self, id.get(), true) == Status::error || self->output.write(BINPERSID) == Status::error) return failure;
    return true;
  }
  Ref<> text = TRY(steal(PyObject_Str(id.get())));
  if (!PyUnicode_IS_ASCII(text.get())) return raise(self->state->pickling_error, "persistent IDs in protocol 0 must be ASCII strings");
  TRY(self->output.write(PERSID));
  TRY(self->output.write(static_cast<const char*>(PyUnicode_DATA(text.get())), PyUnicode_GET_LENGTH(text.get())));
  TRY(self->output.write("\n", 1));
  return true;
}

// ---- dispatch ---------------------------------------------------------------------------------------------------------------

// What the object's class, the tables or the override say; empty without an exception when it is a global.
Ref<> reduce(Pickler* self, PyObject* object, bool* is_global) {
  auto* type = Py_TYPE(object);
  State* state = self->state;
  *is_global = false;
  Ref<> function;
  if (!self->dispatch_table) {
    function = borrow(PyDict_GetItemWithError(state->dispatch_table, as_object(type)));
    if (!function && PyErr_Occurred()) return failure;
  } else {
    function = steal(PyObject_GetItem(self->dispatch_table, as_object(type)));
    if (!function) {
      if (!PyErr_ExceptionMatches(PyExc_KeyError)) return failure;
      PyErr_Clear();
    }
  }
  if (function) return steal(PyObject_CallOneArg(function.get(), object));
  if (PyType_IsSubtype(type, &PyType_Type)) {
    *is_global = true;
    return nullptr;
  }
  PyObject* found;
  if (_PyObject_LookupAttr(object, name<"__reduce_ex__">, &found) < 0) return failure;
  if (found) {
    Ref<> method = steal(found);
    Ref<> protocol = TRY(steal(PyLong_FromLong(self->protocol)));
    return steal(PyObject_CallOneArg(method.get(), protocol.get()));
  }
  if (_PyObject_LookupAttr(object, name<"__reduce__">, &found) < 0) return failure;
  if (!found) return raise(state->pickling_error, "can't pickle '%.200s' object: %R", type->tp_name, object);
  Ref<> method = steal(found);
  return steal(PyObject_CallNoArgs(method.get()));
}

Status save_by_reduction(Pickler* self, PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  Ref<> reduced;
  if (self->reducer_override) {
    reduced = TRY(steal(PyObject_CallOneArg(self->reducer_override, object)));
    if (reduced.get() == Py_NotImplemented) reduced.reset();
  }
  if (!reduced) {
    if (type == &PyType_Type) return save_type(self, object);
    if (type == &PyFunction_Type) return save_global(self, object, nullptr);
    bool is_global;
    reduced = reduce(self, object, &is_global);
    if (is_global) return save_global(self, object, nullptr);
    if (!reduced) return Status::error;
  }
  if (PyUnicode_Check(reduced.get())) return save_global(self, object, reduced.get());
  if (!PyTuple_Check(reduced.get())) return raise(self->state->pickling_error, "__reduce__ must return a string or tuple");
  return save_reduced(self, reduced.get(), object);
}

Status save_nesting(Pickler* self, PyObject* object, PyTypeObject* type) {
  if (type == &PyDict_Type) return save_dict(self, object);
  if (type == &PyList_Type) return save_list(self, object);
  if (type == &PyTuple_Type) return save_tuple(self, object);
  if (type == &PySet_Type) return save_set(self, object);
  if (type == &PyFrozenSet_Type) return save_frozenset(self, object);
  if (type == &PyByteArray_Type) return save_bytearray(self, object);
  if (type == &PyPickleBuffer_Type) return save_picklebuffer(self, object);
  return save_by_reduction(self, object);
}

}  // namespace

Status save(Pickler* self, PyObject* object, bool is_persistent_id) {
  TRY(self->output.opcode_boundary(self->write_method));
  // An id has no id of its own.
  if (!is_persistent_id && self->persistent_function) {
    if (TRY(save_persistent(self, object))) return Status::ok;
  }
  PyTypeObject* type = Py_TYPE(object);
  if (object == Py_None) return save_none(self);
  if (object == Py_True || object == Py_False) return save_bool(self, object);
  if (type == &PyLong_Type) return save_int(self, object);
  if (type == &PyFloat_Type) return save_float(self, object);
  if (self->memo->find(object)) return memo_get(self, object);
  if (type == &PyBytes_Type) return save_bytes(self, object);
  if (type == &PyUnicode_Type) return save_str(self, object);
  if (Py_EnterRecursiveCall(" while pickling an object")) return Status::error;
  Status status = save_nesting(self, object, type);
  Py_LeaveRecursiveCall();
  return status;
}

Status memo_put(Pickler* self, PyObject* object) {
  if (self->fast) return Status::ok;
  Py_ssize_t index = self->memo->size();
  TRY(self->memo->set(object, index));
  if (self->protocol >= 4) return self->output.write(MEMOIZE);
  char text[32];
  if (!self->binary) return self->output.write(text, snprintf(text, sizeof(text), "%c%zd\n", PUT, index));
  if (static_cast<size_t>(index) > 0xffffffffUL) return raise(self->state->pickling_error, "memo id too large for LONG_BINPUT");
  text[0] = index < 256 ? BINPUT : LONG_BINPUT;
  store_little_endian(text + 1, static_cast<uint64_t>(index), 4);
  return self->output.write(text, index < 256 ? 2 : 5);
}

Status memo_get(Pickler* self, PyObject* object) {
  Py_ssize_t* found = self->memo->find(object);
  if (!found) {
    PyErr_SetObject(PyExc_KeyError, object);
    return Status::error;
  }
  Py_ssize_t index = *found;
  char text[32];
  if (!self->binary) return self->output.write(text, snprintf(text, sizeof(text), "%c%zd\n", GET, index));
  if (static_cast<size_t>(index) > 0xffffffffUL) return raise(self->state->pickling_error, "memo id too large for LONG_BINGET");
  text[0] = index < 256 ? BINGET : LONG_BINGET;
  store_little_endian(text + 1, static_cast<uint64_t>(index), 4);
  return self->output.write(text, index < 256 ? 2 : 5);
}

Status dump_object(Pickler* self, PyObject* object) {
  self->output.set_framing(false);
  if (self->protocol >= 2) {
    char header[] = {PROTO, static_cast<char>(self->protocol)};
    TRY(self->output.write(header, 2));
    self->output.set_framing(self->protocol >= 4);
  }
  TRY(save(self, object));
  TRY(self->output.write(STOP));
  TRY(self->output.commit_frame());
  self->output.set_framing(false);
  return Status::ok;
}

}  // namespace gill::pickle
