// `BufferedReader`, `BufferedWriter`, `BufferedRandom`: one buffer in front of a raw stream.
//
// The buffer holds either bytes read ahead, [read_pos, read_end), or bytes not yet written, [0, pending),
// never both: the raw stream stands behind what was read ahead, or before what is pending. Whoever
// changes direction makes the other region empty first. A lock guards the object while a raw call has
// let the interpreter lock go; the same thread coming back through a signal handler gets RuntimeError.
#include "modules/io/io.h"

#include <structmember.h>

#include <cerrno>

namespace gill::io {
namespace {

struct Buffered : IoBase {
  PyObject* raw;
  char* buffer;
  Py_ssize_t size;
  Py_ssize_t read_pos, read_end;
  Py_ssize_t pending;
  long long raw_at;  // where the raw stream stands, or kUnknown
  PyThread_type_lock lock;
  unsigned long owner;
  bool ok, detached, readable, writable;

  using Fields = OwnedFields<&Buffered::dict, &Buffered::raw>;
};

inline constexpr long long kUnknown = -1;

// A transfer on the raw stream: a count, or "would block".
inline constexpr Py_ssize_t kWouldBlock = -2;

Status check_ready(Buffered* self) {
  if (self->ok) return Status::ok;
  return raise(PyExc_ValueError, self->detached ? "raw stream has been detached" : "I/O operation on uninitialized object");
}

}  // namespace

PyObject* raw_of(PyObject* buffered) {
  auto* self = reinterpret_cast<Buffered*>(buffered);
  return self->ok ? self->raw : nullptr;
}

namespace {

Status check_open(Buffered* self, const char* message) {
  TRY(check_ready(self));
  if (!self->buffer || TRY(stream_closed(self->raw))) return raise(PyExc_ValueError, "%s", message);
  return Status::ok;
}

class Guard {
 public:
  explicit Guard(Buffered* self) : self_(self) {
    if (PyThread_acquire_lock(self->lock, NOWAIT_LOCK)) {
      held_ = true;
    } else if (self->owner == PyThread_get_thread_ident()) {
      PyErr_Format(PyExc_RuntimeError, "reentrant call inside %R", self);
    } else {
      wait();
      held_ = true;
    }
    if (held_) self->owner = PyThread_get_thread_ident();
  }
  ~Guard() {
    if (!held_) return;
    self_->owner = 0;
    PyThread_release_lock(self_->lock);
  }
  Status status() const { return held_ ? Status::ok : Status::error; }

 private:
  // At shutdown the holder may be a thread that never runs again.
  void wait() {
    PY_TIMEOUT_T limit = _Py_IsFinalizing() ? 1'000'000 : -1;
    PyLockStatus result;
    Py_BEGIN_ALLOW_THREADS
    result = PyThread_acquire_lock_timed(self_->lock, limit, 0);
    Py_END_ALLOW_THREADS
    if (result == PY_LOCK_ACQUIRED) return;
    Ref<> shown = steal(PyObject_ASCII(as_object(self_)));
    _Py_FatalErrorFormat("_enter_buffered_busy", "could not acquire lock for %s at interpreter shutdown, possibly due to daemon threads",
                         shown ? PyUnicode_AsUTF8(shown.get()) : "<ascii(self) failed>");
  }

  Buffered* self_;
  bool held_ = false;
};

Maybe<Py_ssize_t> raw_transfer(Buffered* self, PyObject* method, char* data, Py_ssize_t size, int flags, const char* what) {
  Ref<> view = TRY(steal(PyMemoryView_FromMemory(data, size, flags)));
  Ref<> result;
  do {
    result = call(self->raw, method, view.get());
  } while (!result && interrupted());
  if (!result) return failure;
  if (result.get() == Py_None) return kWouldBlock;
  Py_ssize_t n = PyNumber_AsSsize_t(result.get(), PyExc_ValueError);
  if (n == -1 && PyErr_Occurred()) {
    _PyErr_FormatFromCause(PyExc_OSError, "raw %s() failed", what);
    return failure;
  }
  if (n < 0 || n > size) {
    return raise(PyExc_OSError, "raw %s() returned invalid length %zd (should have been between 0 and %zd)", what, n, size);
  }
  return n;
}
Maybe<Py_ssize_t> raw_read(Buffered* self, char* data, Py_ssize_t size) {
  long long before = std::exchange(self->raw_at, kUnknown);
  Py_ssize_t n = TRY(raw_transfer(self, name<"readinto">, data, size, PyBUF_WRITE, "readinto"));
  if (n >= 0 && before != kUnknown) self->raw_at = before + n;
  return n;
}
Maybe<Py_ssize_t> raw_write(Buffered* self, const char* data, Py_ssize_t size) {
  self->raw_at = kUnknown;  // appending would move it to the end first
  return raw_transfer(self, name<"write">, const_cast<char*>(data), size, PyBUF_READ, "write");
}

Maybe<long long> note_raw_position(Buffered* self, PyObject* result) {
  self->raw_at = kUnknown;
  Ref<> number = TRY(steal(PyNumber_Index(result)));
  long long n = TRY(checked(PyLong_AsLongLong(number.get())));
  if (n < 0) return raise(PyExc_OSError, "Raw stream returned invalid position %lld", n);
  self->raw_at = n;
  return n;
}
Maybe<long long> raw_tell(Buffered* self) {
  Ref<> result = TRY(call(self->raw, name<"tell">));
  return note_raw_position(self, result.get());
}
Maybe<long long> raw_seek(Buffered* self, long long target, int whence) {
  self->raw_at = kUnknown;
  Ref<> result = TRY(steal(PyObject_CallMethod(self->raw, "seek", "Li", target, whence)));
  return note_raw_position(self, result.get());
}

Failure would_block(Py_ssize_t written) {
  Ref<> error = steal(PyObject_CallFunction(PyExc_BlockingIOError, "isn", EAGAIN,
                                            "write could not complete without blocking", written));
  if (error) PyErr_SetObject(PyExc_BlockingIOError, error.get());
  return failure;
}

Py_ssize_t read_ahead(const Buffered* self) { return self->read_end - self->read_pos; }
void forget_read_ahead(Buffered* self) { self->read_pos = self->read_end = 0; }

// Writes what is pending. After "would block" the rest stays pending, at the front.
Maybe<bool> write_pending_or_block(Buffered* self) {
  Py_ssize_t done = 0;
  while (done < self->pending) {
    Maybe<Py_ssize_t> n = raw_write(self, self->buffer + done, self->pending - done);
    if (!n || n.value() == kWouldBlock) {
      std::memmove(self->buffer, self->buffer + done, static_cast<size_t>(self->pending - done));
      self->pending -= done;
      if (!n) return failure;
      return false;
    }
    done += n.value();
    if (done < self->pending && PyErr_CheckSignals() < 0) {
      std::memmove(self->buffer, self->buffer + done, static_cast<size_t>(self->pending - done));
      self->pending -= done;
      return failure;
    }
  }
  self->pending = 0;
  return true;
}
Status write_pending(Buffered* self) {
  if (!TRY(write_pending_or_block(self))) return would_block(0);
  return Status::ok;
}

// Puts the raw stream where the reader believes to be.
Status rewind_read_ahead(Buffered* self) {
  if (Py_ssize_t n = read_ahead(self)) (void)TRY(raw_seek(self, -static_cast<long long>(n), 1));
  forget_read_ahead(self);
  return Status::ok;
}

Status flush_and_rewind(Buffered* self) {
  TRY(write_pending(self));
  if (self->readable) TRY(rewind_read_ahead(self));
  return Status::ok;
}

// Fills the empty buffer with one raw read.
Maybe<Py_ssize_t> fill(Buffered* self) {
  if (self->pending) TRY(write_pending(self));
  forget_read_ahead(self);
  Py_ssize_t n = TRY(raw_read(self, self->buffer, self->size));
  if (n > 0) self->read_end = n;
  return n;
}

// ---- construction -------------------------------------------------------------------------------

Status initialize(Buffered* self, PyObject* raw, Py_ssize_t size, bool readable, bool writable) {
  self->ok = self->detached = false;
  if (readable) TRY(check_readable(raw));
  if (writable) TRY(check_writable(raw));
  if (size <= 0) return raise(PyExc_ValueError, "buffer size must be strictly positive");
  set_field(self->raw, borrow(raw));
  self->raw_at = kUnknown;
  PyMem_Free(std::exchange(self->buffer, nullptr));
  self->buffer = static_cast<char*>(PyMem_Malloc(static_cast<size_t>(size)));
  if (!self->lock) self->lock = PyThread_allocate_lock();
  if (!self->buffer || !self->lock) {
    PyErr_NoMemory();
    return failure;
  }
  self->size = size;
  self->read_pos = self->read_end = self->pending = 0;
  self->readable = readable;
  self->writable = writable;
  self->owner = 0;
  self->ok = true;
  return Status::ok;
}
Status reader_init(Buffered* self, PyObject* raw, Py_ssize_t size) { return initialize(self, raw, size, true, false); }
Status writer_init(Buffered* self, PyObject* raw, Py_ssize_t size) { return initialize(self, raw, size, false, true); }
Status random_init(Buffered* self, PyObject* raw, Py_ssize_t size) {
  TRY(check_seekable(raw));
  return initialize(self, raw, size, true, true);
}

void destroy(Buffered* self) {
  self->ok = false;
  PyMem_Free(self->buffer);
  if (self->lock) PyThread_free_lock(self->lock);
}

// ---- what the raw stream answers ------------------------------------------------------------------

Ref<> ask_raw(Buffered* self, PyObject* method) {
  TRY(check_ready(self));
  return call(self->raw, method);
}
Ref<> buffered_seekable(Buffered* self) { return ask_raw(self, name<"seekable">); }
Ref<> buffered_readable(Buffered* self) { return ask_raw(self, name<"readable">); }
Ref<> buffered_writable(Buffered* self) { return ask_raw(self, name<"writable">); }
Ref<> buffered_fileno(Buffered* self) { return ask_raw(self, name<"fileno">); }
Ref<> buffered_isatty(Buffered* self) { return ask_raw(self, name<"isatty">); }
Ref<> raw_attribute(Buffered* self, PyObject* attribute) {
  TRY(check_ready(self));
  return steal(PyObject_GetAttr(self->raw, attribute));
}
Ref<> buffered_closed(Buffered* self) { return raw_attribute(self, name<"closed">); }
Ref<> buffered_name(Buffered* self) { return raw_attribute(self, name<"name">); }
Ref<> buffered_mode(Buffered* self) { return raw_attribute(self, name<"mode">); }

Ref<> buffered_repr(Buffered* self) {
  PyObject* found = nullptr;
  if (self->raw && _PyObject_LookupAttr(as_object(self), name<"name">, &found) < 0) {
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) return failure;
    PyErr_Clear();
  }
  if (!found) return steal(PyUnicode_FromFormat("<%s>", Py_TYPE(self)->tp_name));
  Ref<> file_name = steal(found);
  int entered = TRY(checked(Py_ReprEnter(as_object(self))));
  if (entered) return raise(PyExc_RuntimeError, "reentrant call inside %s.__repr__", Py_TYPE(self)->tp_name);
  Ref<> text = steal(PyUnicode_FromFormat("<%s name=%R>", Py_TYPE(self)->tp_name, found));
  Py_ReprLeave(as_object(self));
  return text;
}

Ref<> buffered_dealloc_warn(Buffered* self, PyObject* source) {
  if (self->ok && self->raw) {
    Ref<> warned = call(self->raw, name<"_dealloc_warn">, source);
    if (!warned) PyErr_Clear();
  }
  return none();
}

Ref<> buffered_sizeof(Buffered* self) {
  return steal(PyLong_FromSsize_t(Py_TYPE(self)->tp_basicsize + (self->buffer ? self->size : 0)));
}

// ---- flush, close, detach -------------------------------------------------------------------------

Ref<> buffered_flush(Buffered* self) {
  TRY(check_open(self, "flush of closed file"));
  Guard guard(self);
  TRY(guard.status());
  TRY(flush_and_rewind(self));
  return none();
}
// A reader's flush asks the raw stream only.
Ref<> reader_flush(Buffered* self) {
  TRY(check_ready(self));
  return call(self->raw, name<"flush">);
}

Ref<> buffered_close(Buffered* self) {
  TRY(check_ready(self));
  {
    Guard guard(self);
    TRY(guard.status());
    if (TRY(stream_closed(self->raw))) return none();
  }
  if (self->finalizing) {
    Ref<> warned = call(as_object(self), name<"_dealloc_warn">, as_object(self));
    if (!warned) PyErr_Clear();
  }
  // The raw stream is closed even when flushing failed; the first error is then told by the second.
  Ref<> flushed = call(as_object(self), name<"flush">);
  // Who waits for the lock meanwhile finds the stream closed.
  Guard guard(self);
  TRY(guard.status());
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  if (!flushed) PyErr_Fetch(&type, &value, &traceback);
  Ref<> closed = call(self->raw, name<"close">);
  PyMem_Free(std::exchange(self->buffer, nullptr));
  self->size = self->read_pos = self->read_end = self->pending = 0;
  if (type) {
    _PyErr_ChainExceptions(type, value, traceback);
    if (!PyErr_Occurred()) PyErr_Restore(type, value, traceback);
    return failure;
  }
  return closed;
}

Ref<> buffered_detach(Buffered* self) {
  TRY(check_ready(self));
  Ref<> flushed = TRY(call(as_object(self), name<"flush">));
  Ref<> raw = steal(std::exchange(self->raw, nullptr));
  self->detached = true;
  self->ok = false;
  return raw;
}

// ---- reading ------------------------------------------------------------------------------------

Ref<> take(Buffered* self, Py_ssize_t n) {
  Ref<> result = TRY(steal(PyBytes_FromStringAndSize(self->buffer + self->read_pos, n)));
  self->read_pos += n;
  return result;
}

Ref<> read_all(Buffered* self) {
  if (self->pending) TRY(write_pending(self));
  Ref<> ahead = read_ahead(self) ? TRY(take(self, read_ahead(self))) : Ref<>();
  forget_read_ahead(self);
  self->raw_at = kUnknown;
  PyObject* found;
  TRY(truth_of(_PyObject_LookupAttr(self->raw, name<"readall">, &found)));
  if (Ref<> readall = steal(found)) {
    Ref<> data = TRY(steal(PyObject_CallNoArgs(readall.get())));
    if (data.get() != Py_None && !PyBytes_Check(data.get())) return raise(PyExc_TypeError, "readall() should return bytes");
    if (!ahead) return data;
    if (data.get() == Py_None) return ahead;
    PyObject* joined = ahead.release();
    PyBytes_Concat(&joined, data.get());
    return steal(joined);
  }
  Ref<> chunks = TRY(steal(PyList_New(0)));
  if (ahead) TRY(status_of(PyList_Append(chunks.get(), ahead.get())));
  for (;;) {
    Ref<> data = TRY(call(self->raw, name<"read">));
    if (data.get() != Py_None && !PyBytes_Check(data.get())) return raise(PyExc_TypeError, "read() should return bytes");
    if (data.get() == Py_None || PyBytes_GET_SIZE(data.get()) == 0) {
      if (PyList_GET_SIZE(chunks.get()) == 0) return data;
      Ref<> empty = TRY(steal(PyBytes_FromStringAndSize(nullptr, 0)));
      return steal(_PyBytes_Join(empty.get(), chunks.get()));
    }
    TRY(status_of(PyList_Append(chunks.get(), data.get())));
  }
}

// Reads until `size` bytes are there, the stream ends or would block: the count, or kWouldBlock when
// nothing at all could be read.
Maybe<Py_ssize_t> read_exactly(Buffered* self, char* target, Py_ssize_t size) {
  Py_ssize_t got = std::min(read_ahead(self), size);
  std::memcpy(target, self->buffer + self->read_pos, static_cast<size_t>(got));
  self->read_pos += got;
  if (got == size) return got;
  if (self->pending) TRY(write_pending(self));
  forget_read_ahead(self);
  while (got < size) {
    // Whole buffers go straight to the target.
    Py_ssize_t left = size - got;
    Py_ssize_t n;
    if (left >= self->size) {
      n = TRY(raw_read(self, target + got, left - left % self->size));
    } else {
      n = TRY(fill(self));
      if (n > 0) {
        n = std::min(n, left);
        std::memcpy(target + got, self->buffer, static_cast<size_t>(n));
        self->read_pos = n;
      }
    }
    if (n == 0) return got;
    if (n == kWouldBlock) return got ? got : kWouldBlock;
    got += n;
  }
  return got;
}

Ref<> buffered_read(Buffered* self, SizeArgument size) {
  TRY(check_ready(self));
  if (size.value < -1) return raise(PyExc_ValueError, "read length must be non-negative or -1");
  TRY(check_open(self, "read of closed file"));
  // What is read ahead needs no lock: nothing here lets another thread run.
  if (size.value >= 0 && size.value <= read_ahead(self)) return take(self, size.value);
  Guard guard(self);
  TRY(guard.status());
  if (size.value == -1) return read_all(self);
  PyObject* bytes = TRY(PyBytes_FromStringAndSize(nullptr, size.value));
  Maybe<Py_ssize_t> n = read_exactly(self, PyBytes_AS_STRING(bytes), size.value);
  if (!n || n.value() == kWouldBlock) {
    gill::release(bytes);
    if (!n) return failure;
    return none();
  }
  if (n.value() != size.value && _PyBytes_Resize(&bytes, n.value()) < 0) return failure;
  return steal(bytes);
}

Ref<> buffered_read1(Buffered* self, Py_ssize_t size) {
  TRY(check_ready(self));
  if (size < 0) size = self->size;
  TRY(check_open(self, "read of closed file"));
  if (size == 0) return steal(PyBytes_FromStringAndSize(nullptr, 0));
  Guard guard(self);
  TRY(guard.status());
  if (Py_ssize_t ahead = read_ahead(self)) return take(self, std::min(ahead, size));
  PyObject* bytes = TRY(PyBytes_FromStringAndSize(nullptr, size));
  if (self->pending && write_pending(self) == Status::error) {
    gill::release(bytes);
    return failure;
  }
  forget_read_ahead(self);
  Maybe<Py_ssize_t> n = raw_read(self, PyBytes_AS_STRING(bytes), size);
  if (!n) {
    gill::release(bytes);
    return failure;
  }
  Py_ssize_t got = std::max<Py_ssize_t>(0, n.value());
  if (got != size && _PyBytes_Resize(&bytes, got) < 0) return failure;
  return steal(bytes);
}

Ref<> read_into(Buffered* self, WritableBufferArgument& target, bool once) {
  TRY(check_open(self, "readinto of closed file"));
  Guard guard(self);
  TRY(guard.status());
  Py_ssize_t n;
  if (once) {
    // What is read ahead, and one raw read where that leaves nothing or more than a buffer to fill.
    n = std::min(read_ahead(self), target.size());
    std::memcpy(target.mutable_data(), self->buffer + self->read_pos, static_cast<size_t>(n));
    self->read_pos += n;
    Py_ssize_t left = target.size() - n;
    if (left > self->size || (n == 0 && left > 0)) {
      if (self->pending) TRY(write_pending(self));
      forget_read_ahead(self);
      Py_ssize_t more;
      if (left > self->size) {
        more = TRY(raw_read(self, target.mutable_data() + n, left));
      } else {
        more = TRY(fill(self));
        if (more > 0) {
          more = std::min(more, left);
          std::memcpy(target.mutable_data(), self->buffer, static_cast<size_t>(more));
          self->read_pos = more;
        }
      }
      if (more > 0 || n == 0) n += more;
    }
  } else {
    n = TRY(read_exactly(self, target.mutable_data(), target.size()));
  }
  if (n == kWouldBlock) return none();
  return steal(PyLong_FromSsize_t(n));
}
Ref<> buffered_readinto(Buffered* self, WritableBufferArgument target) { return read_into(self, target, false); }
Ref<> buffered_readinto1(Buffered* self, WritableBufferArgument target) { return read_into(self, target, true); }

Ref<> buffered_peek(Buffered* self, Py_ssize_t) {
  TRY(check_open(self, "peek of closed file"));
  Guard guard(self);
  TRY(guard.status());
  if (self->pending) TRY(write_pending(self));
  if (read_ahead(self) == 0) (void)TRY(fill(self));
  return steal(PyBytes_FromStringAndSize(self->buffer + self->read_pos, read_ahead(self)));
}

Ref<> read_line(Buffered* self, Py_ssize_t limit) {
  TRY(check_open(self, "readline of closed file"));
  auto scan = [&](Py_ssize_t most) -> Py_ssize_t {
    const char* start = self->buffer + self->read_pos;
    const void* end = std::memchr(start, '\n', static_cast<size_t>(most));
    return end ? static_cast<const char*>(end) - start + 1 : -1;
  };
  Py_ssize_t ahead = read_ahead(self);
  Py_ssize_t most = limit >= 0 ? std::min(limit, ahead) : ahead;
  if (most) {
    Py_ssize_t n = scan(most);
    if (n < 0 && limit >= 0 && most == limit) n = most;
    if (n > 0) return take(self, n);
  } else if (limit == 0) {
    return steal(PyBytes_FromStringAndSize(nullptr, 0));
  }
  Guard guard(self);
  TRY(guard.status());
  Ref<> chunks = TRY(steal(PyList_New(0)));
  Py_ssize_t left = limit;
  for (;;) {
    if (Py_ssize_t n = read_ahead(self)) {
      if (left >= 0) n = std::min(n, left);
      Py_ssize_t end = scan(n);
      Ref<> chunk = TRY(take(self, end > 0 ? end : n));
      TRY(status_of(PyList_Append(chunks.get(), chunk.get())));
      if (left >= 0) left -= n;
      if (end > 0 || left == 0) break;
    }
    if (TRY(fill(self)) <= 0) break;
  }
  if (PyList_GET_SIZE(chunks.get()) == 1) return borrow(PyList_GET_ITEM(chunks.get(), 0));
  Ref<> empty = TRY(steal(PyBytes_FromStringAndSize(nullptr, 0)));
  return steal(_PyBytes_Join(empty.get(), chunks.get()));
}
Ref<> buffered_readline(Buffered* self, SizeArgument size) {
  TRY(check_ready(self));
  return read_line(self, size.value);
}
Ref<> buffered_next(Buffered* self) {
  TRY(check_ready(self));
  Ref<> line;
  if (Py_TYPE(self) == &BufferedReader_Type || Py_TYPE(self) == &BufferedRandom_Type) {
    line = TRY(read_line(self, -1));
  } else {
    line = TRY(call(as_object(self), name<"readline">));
    if (!PyBytes_Check(line.get())) {
      return raise(PyExc_OSError, "readline() should have returned a bytes object, not '%.200s'", Py_TYPE(line.get())->tp_name);
    }
  }
  if (PyBytes_GET_SIZE(line.get()) == 0) return nullptr;
  return line;
}

// ---- writing ------------------------------------------------------------------------------------

Ref<> buffered_write(Buffered* self, BufferArgument data) {
  TRY(check_ready(self));
  Guard guard(self);
  TRY(guard.status());
  TRY(check_open(self, "write to closed file"));
  if (self->readable) TRY(rewind_read_ahead(self));
  const char* source = data.data();
  Py_ssize_t size = data.size();
  auto keep = [&](const char* from, Py_ssize_t n) {
    std::memcpy(self->buffer + self->pending, from, static_cast<size_t>(n));
    self->pending += n;
  };
  if (size <= self->size - self->pending) {
    keep(source, size);
    return steal(PyLong_FromSsize_t(size));
  }
  if (!TRY(write_pending_or_block(self))) {
    // What still fits is accepted; the rest is the caller's to write again.
    Py_ssize_t room = std::min(self->size - self->pending, size);
    keep(source, room);
    if (room < size) return would_block(room);
    return steal(PyLong_FromSsize_t(size));
  }
  Py_ssize_t done = 0;
  while (size - done > self->size) {
    Py_ssize_t n = TRY(raw_write(self, source + done, size - done));
    if (n == kWouldBlock) {
      Py_ssize_t room = std::min(self->size, size - done);
      keep(source + done, room);
      if (done + room < size) return would_block(done + room);
      return steal(PyLong_FromSsize_t(size));
    }
    done += n;
    TRY(status_of(PyErr_CheckSignals()));
  }
  keep(source + done, size - done);
  return steal(PyLong_FromSsize_t(size));
}

// ---- position -----------------------------------------------------------------------------------

Ref<> buffered_tell(Buffered* self) {
  TRY(check_ready(self));
  long long position = TRY(raw_tell(self));
  return steal(PyLong_FromLongLong(position - read_ahead(self) + self->pending));
}

Ref<> buffered_seek(Buffered* self, PyObject* target, int whence) {
  TRY(check_ready(self));
  if (whence < 0 || (whence > 2 && whence != SEEK_HOLE && whence != SEEK_DATA)) {
    return raise(PyExc_ValueError, "whence value %d unsupported", whence);
  }
  TRY(check_open(self, "seek of closed file"));
  TRY(check_seekable(self->raw));
  Ref<> number = TRY(steal(PyNumber_Index(target)));
  long long offset = TRY(checked(PyLong_AsLongLong(number.get())));
  Guard guard(self);
  TRY(guard.status());
  // Inside what was read ahead no system call moves anything.
  if (self->readable && !self->pending && whence <= 1 && read_ahead(self)) {
    long long raw_now = self->raw_at == kUnknown ? TRY(raw_tell(self)) : self->raw_at;
    long long now = raw_now - read_ahead(self);
    long long delta = whence == 0 ? offset - now : offset;
    if (delta >= -self->read_pos && delta <= read_ahead(self)) {
      self->read_pos += delta;
      return steal(PyLong_FromLongLong(now + delta));
    }
  }
  TRY(write_pending(self));
  if (whence == 1) offset -= read_ahead(self);
  long long result = TRY(raw_seek(self, offset, whence));
  forget_read_ahead(self);
  return steal(PyLong_FromLongLong(result));
}

Ref<> buffered_truncate(Buffered* self, PyObject* size) {
  TRY(check_ready(self));
  TRY(check_open(self, "truncate of closed file"));
  if (!self->writable) return unsupported("truncate");
  Guard guard(self);
  TRY(guard.status());
  TRY(flush_and_rewind(self));
  self->raw_at = kUnknown;
  return call(self->raw, name<"truncate">, size);
}

#define COMMON_METHODS                                                                                     \
  METHOD("detach($self, /)", buffered_detach, "Disconnect this buffer from its raw stream and return it."), \
      METHOD("close($self, /)", buffered_close, "Flush and close the stream."),                            \
      METHOD("seekable($self, /)", buffered_seekable, "Whether the raw stream can seek."),                 \
      METHOD("fileno($self, /)", buffered_fileno, "The raw stream's descriptor."),                         \
      METHOD("isatty($self, /)", buffered_isatty, "Whether the raw stream is a terminal."),                \
      METHOD("seek($self, target, whence=0, /)", buffered_seek, "Move to a position of the stream."),      \
      METHOD("tell($self, /)", buffered_tell, "The position in the stream."),                              \
      METHOD("truncate($self, pos=None, /)", buffered_truncate, "Cut or extend the file."),                \
      METHOD_UNSIGNED("_dealloc_warn($self, source, /)", buffered_dealloc_warn, nullptr),                  \
      METHOD("__sizeof__($self, /)", buffered_sizeof, "Size of the object and its buffer, in bytes.")
#define READ_METHODS                                                                                               \
  METHOD("readable($self, /)", buffered_readable, "Whether the raw stream can be read."),                          \
      METHOD("read($self, size=-1, /)", buffered_read, "Read up to size bytes; all that there is for -1 or None."), \
      METHOD("peek($self, size=0, /)", buffered_peek, "What is read ahead, without moving."),                      \
      METHOD("read1($self, size=-1, /)", buffered_read1, "Read up to size bytes with at most one raw read."),      \
      METHOD("readinto($self, buffer, /)", buffered_readinto, "Read bytes into a buffer."),                        \
      METHOD("readinto1($self, buffer, /)", buffered_readinto1, "Read into a buffer with at most one raw read."),  \
      METHOD("readline($self, size=-1, /)", buffered_readline, "Read a line.")
#define WRITE_METHODS                                                                        \
  METHOD("writable($self, /)", buffered_writable, "Whether the raw stream can be written."), \
      METHOD("flush($self, /)", buffered_flush, "Write what is pending."),                   \
      METHOD("write($self, buffer, /)", buffered_write, "Write bytes; some may stay pending until flush().")

const PyMethodDef kReaderMethods[] = {COMMON_METHODS, READ_METHODS,
                                      METHOD("flush($self, /)", reader_flush, "Flush the raw stream."), kEndOfMethods};
const PyMethodDef kWriterMethods[] = {COMMON_METHODS, WRITE_METHODS, kEndOfMethods};
const PyMethodDef kRandomMethods[] = {COMMON_METHODS, READ_METHODS, WRITE_METHODS, kEndOfMethods};

const PyGetSetDef kAttributes[] = {
    getset<buffered_closed>("closed"),
    getset<buffered_name>("name"),
    getset<buffered_mode>("mode"),
    kEndOfGetSets,
};

const PyMemberDef kMembers[] = {
    {"raw", T_OBJECT, offsetof(Buffered, raw), READONLY, nullptr},
    {"_finalizing", T_BOOL, offsetof(Buffered, finalizing), 0, nullptr},
    {},
};

constexpr unsigned long kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;

}  // namespace

extern "C" PyTypeObject BufferedReader_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io.BufferedReader",
    .tp_basicsize = sizeof(Buffered),
    .tp_dealloc = slot<dealloc<Buffered, destroy>>,
    .tp_repr = slot<buffered_repr>,
    .tp_flags = kFlags,
    .tp_doc = "BufferedReader(raw, buffer_size=DEFAULT_BUFFER_SIZE)\n--\n\nCreate a new buffered reader using the given readable raw IO object.",
    .tp_traverse = Buffered::Fields::traverse,
    .tp_clear = Buffered::Fields::clear,
    .tp_weaklistoffset = offsetof(IoBase, weakrefs),
    .tp_iternext = slot<buffered_next>,
    .tp_methods = table(kReaderMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kAttributes),
    .tp_base = &BufferedIOBase_Type,
    .tp_dictoffset = offsetof(IoBase, dict),
    .tp_init = INITIALIZER("BufferedReader($self, /, raw, buffer_size=8192)", reader_init),
    .tp_new = PyType_GenericNew,
};
GILL_STATIC_TYPE(BufferedReader_Type);

extern "C" PyTypeObject BufferedWriter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io.BufferedWriter",
    .tp_basicsize = sizeof(Buffered),
    .tp_dealloc = slot<dealloc<Buffered, destroy>>,
    .tp_repr = slot<buffered_repr>,
    .tp_flags = kFlags,
    .tp_doc = "BufferedWriter(raw, buffer_size=DEFAULT_BUFFER_SIZE)\n--\n\nA buffer for a writeable sequential RawIO object.",
    .tp_traverse = Buffered::Fields::traverse,
    .tp_clear = Buffered::Fields::clear,
    .tp_weaklistoffset = offsetof(IoBase, weakrefs),
    .tp_methods = table(kWriterMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kAttributes),
    .tp_base = &BufferedIOBase_Type,
    .tp_dictoffset = offsetof(IoBase, dict),
    .tp_init = INITIALIZER("BufferedWriter($self, /, raw, buffer_size=8192)", writer_init),
    .tp_new = PyType_GenericNew,
};
GILL_STATIC_TYPE(BufferedWriter_Type);

extern "C" PyTypeObject BufferedRandom_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io.BufferedRandom",
    .tp_basicsize = sizeof(Buffered),
    .tp_dealloc = slot<dealloc<Buffered, destroy>>,
    .tp_repr = slot<buffered_repr>,
    .tp_flags = kFlags,
    .tp_doc = "BufferedRandom(raw, buffer_size=DEFAULT_BUFFER_SIZE)\n--\n\nA buffered interface to random access streams.",
    .tp_traverse = Buffered::Fields::traverse,
    .tp_clear = Buffered::Fields::clear,
    .tp_weaklistoffset = offsetof(IoBase, weakrefs),
    .tp_iternext = slot<buffered_next>,
    .tp_methods = table(kRandomMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kAttributes),
    .tp_base = &BufferedIOBase_Type,
    .tp_dictoffset = offsetof(IoBase, dict),
    .tp_init = INITIALIZER("BufferedRandom($self, /, raw, buffer_size=8192)", random_init),
    .tp_new = PyType_GenericNew,
};
GILL_STATIC_TYPE(BufferedRandom_Type);

}  // namespace gill::io
