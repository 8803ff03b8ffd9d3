// How functions fail.
//
// A failure is a null Ref, a null pointer, -1, Status::error or an empty Maybe, and the thread's
// current exception is set. `TRY(expression)` yields the value of a success and returns the
// enclosing function's own form of failure otherwise. It is the only macro that returns.
#pragma once

#include "base/ref.h"

namespace gill {

enum class [[nodiscard]] Status : int { error = -1, ok = 0 };

// The Status of a C API call that returns 0 or -1.
inline Status status_of(int result) { return result < 0 ? Status::error : Status::ok; }

// A value that is not an object, or a failure.
template <class T>
class [[nodiscard]] Maybe {
 public:
  constexpr Maybe() = default;  // failure
  constexpr Maybe(T value) : value_(value), ok_(true) {}
  constexpr explicit operator bool() const { return ok_; }
  constexpr T value() const { return value_; }

 private:
  T value_{};
  bool ok_ = false;
};

// The result of a C API call that returns -1 with an exception set, or a truth value.
inline Maybe<bool> truth_of(int result) {
  return result < 0 ? Maybe<bool>() : Maybe<bool>(result != 0);
}
// The result of a C API call where -1 may be a value: it is a failure when an exception is set.
template <class T>
inline Maybe<T> checked(T value) {
  if (value == static_cast<T>(-1) && PyErr_Occurred()) return {};
  return value;
}

// Converts to every form of failure.
struct Failure {
  template <class T>
  operator Ref<T>() const { return nullptr; }
  template <class T>
  operator Maybe<T>() const { return {}; }
  template <class T>
  operator T*() const { return nullptr; }
  operator Status() const { return Status::error; }
  operator int() const { return -1; }
  operator Py_ssize_t() const { return -1; }
};
inline constexpr Failure failure;

namespace detail {
template <class T>
inline bool failed(const Ref<T>& value) { return !value; }
template <class T>
inline bool failed(const Maybe<T>& value) { return !value; }
template <class T>
inline bool failed(T* value) { return value == nullptr; }
inline bool failed(Status value) { return value == Status::error; }

template <class T>
inline Ref<T> success(Ref<T>& value) { return std::move(value); }
template <class T>
inline T success(Maybe<T>& value) { return value.value(); }
template <class T>
inline T* success(T*& value) { return value; }
inline void success(Status) {}
}  // namespace detail

#define TRY(...)                                                            \
  ({                                                                        \
    auto gill_try_result = (__VA_ARGS__);                                   \
    if (::gill::detail::failed(gill_try_result)) [[unlikely]] return ::gill::failure; \
    ::gill::detail::success(gill_try_result);                               \
  })

// Sets the current exception and yields the failure to return:
//   return raise(PyExc_TypeError, "expected str, not %.200s", Py_TYPE(object)->tp_name);
// The format is PyErr_Format's.
template <class... Args>
[[gnu::cold]] inline Failure raise(PyObject* type, const char* format, Args... args) {
  PyErr_Format(type, format, args...);
  return failure;
}
[[gnu::cold]] inline Failure raise(PyObject* type, const char* message) {
  PyErr_SetString(type, message);
  return failure;
}

}  // namespace gill
