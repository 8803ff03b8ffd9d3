// Reading a pickle: from an object with a buffer, or from a file by read(), readline() and, where it has them, peek() and
// readinto(). Nothing behind the pickle may be consumed from a file: peek() is what allows to look ahead.
#include "modules/pickle/pickle.h"

namespace gill::pickle {

namespace {

constexpr Py_ssize_t kPrefetch = 128 * 1024;

// The bytes that a read method gave become what is read from.
Status take_bytes(Unpickler* self, PyObject* bytes) {
  if (self->buffer.buf) PyBuffer_Release(&self->buffer);
  self->buffer.buf = nullptr;
  self->input = nullptr;
  self->input_size = self->next = self->prefetched = 0;
  TRY(status_of(PyObject_GetBuffer(bytes, &self->buffer, PyBUF_CONTIG_RO)));
  self->input = static_cast<const char*>(self->buffer.buf);
  self->input_size = self->buffer.len;
  self->prefetched = self->input_size;
  return Status::ok;
}

// Reads from the file; with `size` -1 a line. The number of bytes now there to read.
Maybe<Py_ssize_t> read_from_file(Unpickler* self, Py_ssize_t size) {
  TRY(skip_consumed(self));
  Ref<> data;
  if (size < 0) {
    data = TRY(steal(PyObject_CallNoArgs(self->readline_method)));
  } else {
    // Look ahead by peek(), which tells of some bytes without taking them.
    if (self->peek_method && size < kPrefetch) {
      Ref<> wanted = TRY(steal(PyLong_FromSsize_t(kPrefetch)));
      data = steal(PyObject_CallOneArg(self->peek_method, wanted.get()));
      if (!data) {
        // Not a method that works here: an object that passes on the attributes of another, for instance.
        if (!PyErr_ExceptionMatches(PyExc_NotImplementedError)) return failure;
        PyErr_Clear();
        clear_field(self->peek_method);
      } else {
        TRY(take_bytes(self, data.get()));
        self->prefetched = 0;
        if (size <= self->input_size) return self->input_size;
      }
    }
    Ref<> wanted = TRY(steal(PyLong_FromSsize_t(size)));
    data = TRY(steal(PyObject_CallOneArg(self->read_method, wanted.get())));
  }
  TRY(take_bytes(self, data.get()));
  return self->input_size;
}

// What is in the middle of a buffer is copied, so that a NUL can follow.
Maybe<Line> copied_line(Unpickler* self, const char* text, Py_ssize_t size) {
  char* copy = static_cast<char*>(PyMem_Realloc(self->line, static_cast<size_t>(size) + 1));
  if (!copy) {
    PyErr_NoMemory();
    return failure;
  }
  memcpy(copy, text, static_cast<size_t>(size));
  copy[size] = 0;
  self->line = copy;
  return Line{copy, size};
}

}  // namespace

Failure truncated(State* state) { return raise(state->unpickling_error, "pickle data was truncated"); }

// Tells the file what of the bytes that it only showed has been used.
Status skip_consumed(Unpickler* self) {
  Py_ssize_t consumed = self->next - self->prefetched;
  if (consumed <= 0) return Status::ok;
  // Without peek(), nothing is ahead of the file.
  Ref<> wanted = TRY(steal(PyLong_FromSsize_t(consumed)));
  Ref<> ignored = TRY(steal(PyObject_CallOneArg(self->read_method, wanted.get())));
  self->prefetched = self->next;
  return Status::ok;
}

Maybe<const char*> read_more(Unpickler* self, Py_ssize_t size) {
  if (self->next > PY_SSIZE_T_MAX - size) return raise(self->state->unpickling_error, "read would overflow (invalid bytecode)");
  if (!self->read_method) return truncated(self->state);
  // All of it must come by one read().
  if (TRY(read_from_file(self, size)) < size) return truncated(self->state);
  self->next = size;
  return self->input;
}

Status read_into(Unpickler* self, char* out, Py_ssize_t size) {
  Py_ssize_t there = std::min(self->input_size - self->next, size);
  if (there > 0) {
    memcpy(out, self->input + self->next, static_cast<size_t>(there));
    self->next += there;
    out += there;
    size -= there;
  }
  if (size == 0) return Status::ok;
  if (!self->read_method) return truncated(self->state);
  TRY(skip_consumed(self));
  if (!self->readinto_method) {
    Ref<> wanted = TRY(steal(PyLong_FromSsize_t(size)));
    Ref<> data = TRY(steal(PyObject_CallOneArg(self->read_method, wanted.get())));
    if (!PyBytes_Check(data.get())) {
      return raise(PyExc_ValueError, "read() returned non-bytes object (%R)", Py_TYPE(data.get()));
    }
    Py_ssize_t got = PyBytes_GET_SIZE(data.get());
    if (got < size) return truncated(self->state);
    memcpy(out, PyBytes_AS_STRING(data.get()), static_cast<size_t>(size));
    return Status::ok;
  }
  Ref<> view = TRY(steal(PyMemoryView_FromMemory(out, size, PyBUF_WRITE)));
  Ref<> count = TRY(steal(PyObject_CallOneArg(self->readinto_method, view.get())));
  Py_ssize_t got = TRY(checked(PyLong_AsSsize_t(count.get())));
  if (got < 0) return raise(PyExc_ValueError, "readinto() returned negative size");
  if (got < size) return truncated(self->state);
  return Status::ok;
}

Maybe<Line> read_line(Unpickler* self) {
  const char* begin = self->input + self->next;
  Py_ssize_t there = self->input_size - self->next;
  if (there > 0) {
    if (auto* end = static_cast<const char*>(memchr(begin, '\n', static_cast<size_t>(there)))) {
      Py_ssize_t size = end - begin + 1;
      self->next += size;
      return copied_line(self, begin, size);
    }
  }
  if (!self->read_method) return truncated(self->state);
  Py_ssize_t size = TRY(read_from_file(self, -1));
  if (size == 0 || self->input[size - 1] != '\n') return truncated(self->state);
  self->next = size;
  return copied_line(self, self->input, size);
}

}  // namespace gill::pickle
