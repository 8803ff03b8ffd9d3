// From Python arguments to the C++ parameter types that a bound function may have.
//
//   PyObject*          any object, borrowed; null where the default is `<unrepresentable>`
//   PyUnicodeObject*   exactly what its check macro accepts, else TypeError; likewise for the other
//                      object structures listed in CheckedType
//   bool               truth value
//   int, long, Py_ssize_t, unsigned ...   through __index__, OverflowError outside the range
//   double             through __float__
//   const char*        UTF-8 of a str without NUL, borrowed from it
//   BufferArgument     a readable contiguous buffer, released after the call
//   std::optional<T>   None is an empty value
#pragma once

#include <climits>
#include <concepts>
#include <cstring>
#include <limits>
#include <optional>

#include "base/result.h"
#include "base/signature.h"

namespace gill {

// Which argument a conversion is about; for messages.
struct ArgumentPlace {
  const Signature& signature;
  int index;
};

// "append() argument 1 must be str, not int", the reference's wording for a wrong type.
Failure wrong_type(const ArgumentPlace& place, const char* expected, PyObject* got);

template <class T>
struct CheckedType;
#define GILL_CHECKED_TYPE(Struct, Check, Text)                        \
  template <>                                                         \
  struct CheckedType<Struct> {                                        \
    static bool check(PyObject* o) { return Check(o); }               \
    static constexpr const char* text = Text;                         \
  }
GILL_CHECKED_TYPE(PyUnicodeObject, PyUnicode_Check, "str");
GILL_CHECKED_TYPE(PyBytesObject, PyBytes_Check, "bytes");
GILL_CHECKED_TYPE(PyByteArrayObject, PyByteArray_Check, "bytearray");
GILL_CHECKED_TYPE(PyTupleObject, PyTuple_Check, "tuple");
GILL_CHECKED_TYPE(PyListObject, PyList_Check, "list");
GILL_CHECKED_TYPE(PyDictObject, PyDict_Check, "dict");
GILL_CHECKED_TYPE(PyTypeObject, PyType_Check, "type");
GILL_CHECKED_TYPE(PyCodeObject, PyCode_Check, "code");
GILL_CHECKED_TYPE(PyLongObject, PyLong_Check, "int");
#undef GILL_CHECKED_TYPE

// A buffer argument (bytes, bytearray, memoryview, array, ...), C-contiguous and read-only unless Writable.
template <bool Writable>
class BasicBufferArgument {
 public:
  BasicBufferArgument() { view_.obj = nullptr; view_.buf = nullptr; view_.len = 0; }
  BasicBufferArgument(BasicBufferArgument&& other) : view_(other.view_) { other.view_.obj = nullptr; }
  BasicBufferArgument& operator=(BasicBufferArgument&& other) {
    std::swap(view_, other.view_);
    return *this;
  }
  ~BasicBufferArgument() { if (view_.obj) PyBuffer_Release(&view_); }
  const char* data() const { return static_cast<const char*>(view_.buf); }
  char* mutable_data() requires Writable { return static_cast<char*>(view_.buf); }
  Py_ssize_t size() const { return view_.len; }
  std::string_view bytes() const { return {data(), static_cast<size_t>(size())}; }
  bool present() const { return view_.obj != nullptr; }
  Py_buffer& view() { return view_; }

 private:
  Py_buffer view_;
};
using BufferArgument = BasicBufferArgument<false>;
using WritableBufferArgument = BasicBufferArgument<true>;

Status get_buffer(PyObject* value, Py_buffer* view, bool writable, const ArgumentPlace& place);
Maybe<double> get_double(PyObject* value);
Maybe<const char*> get_utf8(PyObject* value, const ArgumentPlace& place);
// With one message, and with PyArg_Parse's two.
Maybe<long long> get_machine_integer(PyObject* value, long long least, long long most, const char* too_large);
Maybe<long long> get_integer(PyObject* value, long long least, long long most, const char* too_small, const char* too_big);
Maybe<unsigned long long> get_unsigned(PyObject* value, unsigned long long most, const char* type_text);

template <class T>
struct Argument;

template <>
struct Argument<PyObject*> {
  static Status convert(PyObject* value, PyObject*& out, const ArgumentPlace&) {
    out = value;
    return Status::ok;
  }
  static PyObject* fallback(const Parameter& p) {
    if (p.default_kind == DefaultKind::none) return Py_None;
    if (p.default_kind == DefaultKind::boolean) return p.integer ? Py_True : Py_False;
    return nullptr;
  }
};

template <class T>
  requires requires { CheckedType<T>::text; }
struct Argument<T*> {
  static Status convert(PyObject* value, T*& out, const ArgumentPlace& place) {
    if (!CheckedType<T>::check(value)) return wrong_type(place, CheckedType<T>::text, value);
    out = reinterpret_cast<T*>(value);
    return Status::ok;
  }
  static T* fallback(const Parameter&) { return nullptr; }
};

template <>
struct Argument<bool> {
  static Status convert(PyObject* value, bool& out, const ArgumentPlace&) {
    out = TRY(truth_of(PyObject_IsTrue(value)));
    return Status::ok;
  }
  static bool fallback(const Parameter& p) { return p.integer != 0; }
};

template <>
struct Argument<double> {
  static Status convert(PyObject* value, double& out, const ArgumentPlace&) {
    out = TRY(get_double(value));
    return Status::ok;
  }
  static double fallback(const Parameter& p) {
    return p.default_kind == DefaultKind::real ? p.real : static_cast<double>(p.integer);
  }
};

template <>
struct Argument<const char*> {
  static Status convert(PyObject* value, const char*& out, const ArgumentPlace& place) {
    out = TRY(get_utf8(value, place));
    return Status::ok;
  }
  static const char* fallback(const Parameter&) { return nullptr; }
};

template <std::signed_integral T>
struct Argument<T> {
  static Status convert(PyObject* value, T& out, const ArgumentPlace&) {
    if constexpr (std::same_as<T, Py_ssize_t>) {
      PyObject* index = nullptr;
      (void)index;
      Ref<> number = TRY(steal(PyNumber_Index(value)));
      out = TRY(checked(PyLong_AsSsize_t(number.get())));
    } else {
      constexpr const char* text = sizeof(T) == sizeof(int) ? "Python int too large to convert to C int" : "Python int too large to convert to C long";
      out = static_cast<T>(TRY(get_machine_integer(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), text)));
    }
    return Status::ok;
  }
  static T fallback(const Parameter& p) { return static_cast<T>(p.integer); }
};

template <std::unsigned_integral T>
struct Argument<T> {
  static Status convert(PyObject* value, T& out, const ArgumentPlace&) {
    constexpr const char* text = sizeof(T) == 1 ? "unsigned char" : sizeof(T) == 2 ? "unsigned short" : sizeof(T) == 4 ? "unsigned int" : "unsigned long";
    out = static_cast<T>(TRY(get_unsigned(value, std::numeric_limits<T>::max(), text)));
    return Status::ok;
  }
  static T fallback(const Parameter& p) { return static_cast<T>(p.integer); }
};

template <bool Writable>
struct Argument<BasicBufferArgument<Writable>> {
  static Status convert(PyObject* value, BasicBufferArgument<Writable>& out, const ArgumentPlace& place) {
    return get_buffer(value, &out.view(), Writable, place);
  }
  static BasicBufferArgument<Writable> fallback(const Parameter&) { return {}; }
};

template <class T>
struct Argument<std::optional<T>> {
  static Status convert(PyObject* value, std::optional<T>& out, const ArgumentPlace& place) {
    if (value == Py_None) {
      out.reset();
      return Status::ok;
    }
    T inner{};
    TRY(Argument<T>::convert(value, inner, place));
    out = std::move(inner);
    return Status::ok;
  }
  static std::optional<T> fallback(const Parameter& p) {
    if (p.default_kind == DefaultKind::none || p.default_kind == DefaultKind::null) return std::nullopt;
    return Argument<T>::fallback(p);
  }
};

}  // namespace gill
