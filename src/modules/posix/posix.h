// What the files of the `posix` module share: its state, the kinds of argument that its functions take (paths,
// directory descriptors, owners), calls that wait without the interpreter lock, and errors with file names.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include "base/binding.h"
#include "base/names.h"
#include "modules/system_call.h"

namespace gill::posix {

struct State {
  PyTypeObject* dir_entry;
  PyTypeObject* directory_iterator;
  PyTypeObject* stat_result;
  PyTypeObject* statvfs_result;
  PyTypeObject* sched_param;
  PyTypeObject* terminal_size;
  PyTypeObject* times_result;
  PyTypeObject* uname_result;
  PyTypeObject* waitid_result;
  PyObject* struct_rusage;  // resource.struct_rusage, once it was needed
};

inline State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }

// ---- arguments ----------------------------------------------------------------------------------------------

// A path: str, bytes, os.PathLike; also an open descriptor (kDescriptor) or None (kNone) where allowed.
enum PathKinds : unsigned { kText = 0, kDescriptor = 1, kNone = 2 };

class BasicPath {
 public:
  // Null when a descriptor or None was given.
  const char* text() const { return bytes_ ? PyBytes_AS_STRING(bytes_.get()) : nullptr; }
  Py_ssize_t size() const { return bytes_ ? PyBytes_GET_SIZE(bytes_.get()) : 0; }
  int fd() const { return fd_; }
  bool is_fd() const { return fd_ != -1; }
  // The text, or the current directory where None stands for it.
  const char* text_or_dot() const { return bytes_ ? text() : "."; }
  // What the caller passed (after __fspath__), for messages; null when nothing was.
  PyObject* object() const { return object_.get(); }
  // Whether results that are names shall be bytes.
  bool wants_bytes() const { return object_ && object_.get() != Py_None && !is_fd() && !PyUnicode_Check(object_.get()); }

  Status read(PyObject* value, unsigned kinds, const ArgumentPlace& place);

 private:
  Ref<> object_;
  Ref<> bytes_;
  int fd_ = -1;
};
template <unsigned Kinds>
struct PathOf : BasicPath {};

using Path = PathOf<kText>;
using PathOrFd = PathOf<kDescriptor>;
using PathOrNone = PathOf<kNone>;
using AnyPath = PathOf<kDescriptor | kNone>;

// `dir_fd`: a descriptor of the directory that relative paths start from; AT_FDCWD for None.
struct DirFd {
  int fd = AT_FDCWD;
  bool given() const { return fd != AT_FDCWD; }
  Status read(PyObject* value);
};
struct UserId {
  uid_t id = 0;
};
struct GroupId {
  gid_t id = 0;
};
// A process or a process group.
struct ProcessId {
  pid_t id = 0;
};
// A device number.
struct Device {
  dev_t value = 0;
};
// Unsigned numbers of which a negative one is a ValueError.
struct UnsignedInt {
  unsigned value = 0;
};
struct UnsignedLongLong {
  unsigned long long value = 0;
};
// The bytes of a str, bytes or os.PathLike in the file system's encoding.
struct Encoded {
  Ref<> bytes;
  const char* text() const { return PyBytes_AS_STRING(bytes.get()); }
};
// A descriptor's offset that may be None.
struct OptionalOffset {
  bool given = false;
  off_t value = 0;
  off_t* address() { return given ? &value : nullptr; }
};

// ---- calls and errors ---------------------------------------------------------------------------------------

[[gnu::cold]] Failure path_error(const BasicPath& path);
[[gnu::cold]] Failure path_error(const BasicPath& from, const BasicPath& to);

// A call of one attempt; -1 raises OSError with the path's name.
using gill::once;
template <class F>
Status once(const BasicPath& path, F call) {
  if (unlocked(call) < 0) return path_error(path);
  return Status::ok;
}
template <class... A>
Status audit(const char* event, const char* format, A... arguments) {
  return status_of(PySys_Audit(event, format, arguments...));
}

// A name that the system gave, as str or bytes.
Ref<> decode_name(const char* text, Py_ssize_t size, bool bytes);

Ref<> integer(long long value);
Ref<> integer_unsigned(unsigned long long value);

// Puts values into a struct sequence one after the other; the first failure wins.
class Fields {
 public:
  explicit Fields(PyTypeObject* type) : object_(steal(PyStructSequence_New(type))) {}
  Fields& put(Ref<> value) {
    if (!value) object_.reset();
    if (object_) PyStructSequence_SetItem(object_.get(), index_++, value.release());
    return *this;
  }
  Fields& put(long long value) { return put(integer(value)); }
  Fields& put(double value) { return put(steal(PyFloat_FromDouble(value))); }
  Ref<> take() { return std::move(object_); }

 private:
  Ref<> object_;
  int index_ = 0;
};

// ---- the parts ----------------------------------------------------------------------------------------------

struct Constant {
  const char* name;
  long value;
};

extern const PyMethodDef kDirectoryMethods[], kFileMethods[], kTransferMethods[], kStatMethods[], kProcessMethods[],
    kWaitMethods[], kExecMethods[], kSchedulerMethods[], kIdentityMethods[], kEnvironmentMethods[], kSystemMethods[],
    kConfigurationMethods[], kAttributeMethods[], kTerminalMethods[], kDescriptorMethods[];

Status add_constants(PyObject* module);
Status add_configuration_names(PyObject* module);
Status add_environment(PyObject* module);
Status add_stat_types(PyObject* module);
Status add_directory_types(PyObject* module);
Status add_process_types(PyObject* module);
Status add_scheduler_types(PyObject* module);
Status add_terminal_types(PyObject* module);
Status add_system_types(PyObject* module);

Ref<> make_stat_result(PyObject* module, const struct stat& status);
Ref<> make_stat_result(PyTypeObject* type, const struct stat& status);

// The priority in a sched_param.
Maybe<int> read_sched_priority(PyObject* module, PyObject* object);

// Makes a struct sequence type and adds it to the module under its last name.
Ref<PyTypeObject> add_sequence_type(PyObject* module, const char* type_name, const char* doc, const PyStructSequence_Field* fields, int visible);

// NUL-ended copies of a sequence's strings, as exec and spawn want them.
class StringVector {
 public:
  StringVector() = default;
  StringVector(StringVector&& other) : items_(std::exchange(other.items_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  StringVector& operator=(StringVector&&) = delete;
  ~StringVector();
  Status reserve(Py_ssize_t count);
  // Appends a copy; at most as many as were reserved.
  Status append(const char* text, size_t size);
  char** data() const { return items_; }
  Py_ssize_t size() const { return count_; }

  Status read_arguments(PyObject* sequence);
  Status read_environment(PyObject* mapping);

 private:
  char** items_ = nullptr;
  Py_ssize_t count_ = 0;
};

}  // namespace gill::posix

namespace gill {

template <unsigned Kinds>
struct Argument<posix::PathOf<Kinds>> {
  static Status convert(PyObject* value, posix::PathOf<Kinds>& out, const ArgumentPlace& place) { return out.read(value, Kinds, place); }
  static posix::PathOf<Kinds> fallback(const Parameter&) { return {}; }
};
template <>
struct Argument<posix::DirFd> {
  static Status convert(PyObject* value, posix::DirFd& out, const ArgumentPlace&) { return out.read(value); }
  static posix::DirFd fallback(const Parameter&) { return {}; }
};
template <>
struct Argument<posix::UserId> {
  static Status convert(PyObject* value, posix::UserId& out, const ArgumentPlace&);
  static posix::UserId fallback(const Parameter&) { return {}; }
};
template <>
struct Argument<posix::GroupId> {
  static Status convert(PyObject* value, posix::GroupId& out, const ArgumentPlace&);
  static posix::GroupId fallback(const Parameter&) { return {}; }
};
template <>
struct Argument<posix::Device> {
  static Status convert(PyObject* value, posix::Device& out, const ArgumentPlace&);
  static posix::Device fallback(const Parameter&) { return {}; }
};
template <>
struct Argument<posix::UnsignedInt> {
  static Status convert(PyObject* value, posix::UnsignedInt& out, const ArgumentPlace&);
  static posix::UnsignedInt fallback(const Parameter& p) { return {static_cast<unsigned>(p.integer)}; }
};
template <>
struct Argument<posix::UnsignedLongLong> {
  static Status convert(PyObject* value, posix::UnsignedLongLong& out, const ArgumentPlace&);
  static posix::UnsignedLongLong fallback(const Parameter& p) { return {static_cast<unsigned long long>(p.integer)}; }
};
template <>
struct Argument<posix::ProcessId> {
  static Status convert(PyObject* value, posix::ProcessId& out, const ArgumentPlace&) {
    out.id = static_cast<pid_t>(TRY(get_integer(value, INT_MIN, INT_MAX, "signed integer is less than minimum", "signed integer is greater than maximum")));
    return Status::ok;
  }
  static posix::ProcessId fallback(const Parameter&) { return {}; }
};
template <>
struct Argument<posix::Encoded> {
  static Status convert(PyObject* value, posix::Encoded& out, const ArgumentPlace&);
  static posix::Encoded fallback(const Parameter&) { return {}; }
};
template <>
struct Argument<posix::OptionalOffset> {
  static Status convert(PyObject* value, posix::OptionalOffset& out, const ArgumentPlace&);
  static posix::OptionalOffset fallback(const Parameter&) { return {}; }
};

}  // namespace gill
