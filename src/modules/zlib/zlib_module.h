// What the files of `zlib` share.
#pragma once

#include "base/binding.h"
#include "base/names.h"
#include "modules/byte_sink.h"
#include "modules/default_argument.h"

// After Python.h; zlib's own declarations take const input.
#define ZLIB_CONST
#include <zlib.h>

namespace gill::zlib {

inline constexpr Py_ssize_t kBufferSize = 16 * 1024;
inline constexpr int kMemoryLevel = 8;

struct State {
  PyObject* error;
  PyTypeObject* compressor_type;
  PyTypeObject* decompressor_type;
};

extern PyModuleDef module_definition;

inline State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }
inline State* state_of_type(PyTypeObject* type) {
  PyObject* module = PyType_GetModuleByDef(type, &module_definition);
  return module ? state_of(module) : nullptr;
}

// "Error -3 while decompressing data: incorrect header check"
Failure raise_error(State* state, const z_stream& stream, int code, const char* what);
Failure raise_no_memory(const char* message);

// A stream that allocates through Python's raw allocator, and knows no data yet.
void prepare(z_stream& stream);

// Input of any length for a stream, whose counters are 32 bits wide.
class Input {
 public:
  Input(z_stream& stream, const void* data, Py_ssize_t size) : stream_(stream), left_(size) {
    stream.next_in = static_cast<const Bytef*>(data);
    stream.avail_in = 0;
  }
  // Refills avail_in; what the stream has not taken yet counts again.
  void refill() {
    left_ += stream_.avail_in;
    auto part = static_cast<uInt>(left_ < UINT_MAX ? left_ : UINT_MAX);
    stream_.avail_in = part;
    left_ -= part;
  }
  bool last() const { return left_ == 0; }
  // All that was not consumed.
  std::string_view rest() const {
    return {reinterpret_cast<const char*>(stream_.next_in), static_cast<size_t>(left_) + stream_.avail_in};
  }

 private:
  z_stream& stream_;
  Py_ssize_t left_;
};

// Output that grows up to a limit.
class Output {
 public:
  explicit Output(z_stream& stream, Py_ssize_t limit = PY_SSIZE_T_MAX) : stream_(stream), limit_(limit) {}
  Status start(Py_ssize_t expected) { return sink_.start(expected < limit_ ? expected : limit_); }
  // Makes room; false when the limit is reached.
  Maybe<bool> offer() {
    if (sink_.size() >= limit_) return false;
    if (sink_.room() == 0 && sink_.size() > 0) {
      Py_ssize_t more = sink_.size();
      TRY(sink_.reserve(more < limit_ - sink_.size() ? more : limit_ - sink_.size()));
    }
    Py_ssize_t room = sink_.room();
    if (room > limit_ - sink_.size()) room = limit_ - sink_.size();
    offered_ = static_cast<uInt>(room < UINT_MAX ? room : UINT_MAX);
    stream_.next_out = reinterpret_cast<Bytef*>(sink_.end());
    stream_.avail_out = offered_;
    return true;
  }
  void take() { sink_.advance(offered_ - stream_.avail_out); }
  Ref<> finish() { return sink_.finish(); }

 private:
  z_stream& stream_;
  Py_ssize_t limit_;
  ByteSink sink_;
  uInt offered_ = 0;
};

// Holds the lock of an object while other threads run.
class Locked {
 public:
  explicit Locked(PyThread_type_lock lock) : lock_(lock) {
    if (PyThread_acquire_lock(lock_, NOWAIT_LOCK)) return;
    Py_BEGIN_ALLOW_THREADS
    PyThread_acquire_lock(lock_, WAIT_LOCK);
    Py_END_ALLOW_THREADS
  }
  Locked(const Locked&) = delete;
  ~Locked() { PyThread_release_lock(lock_); }

 private:
  PyThread_type_lock lock_;
};

Ref<> new_compressor(PyObject* module, Default<Z_DEFAULT_COMPRESSION> level, Default<Z_DEFLATED> method, Default<MAX_WBITS> wbits,
                     Default<kMemoryLevel> memory_level, Default<Z_DEFAULT_STRATEGY> strategy, BufferArgument zdict);
Ref<> new_decompressor(PyObject* module, Default<MAX_WBITS> wbits, PyObject* zdict);
Status add_compressor_type(PyObject* module);
Status add_decompressor_type(PyObject* module);

}  // namespace gill::zlib
