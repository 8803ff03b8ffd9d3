// Ownership of Python objects.
//
// `Ref<T>` owns one reference; a plain `T*` borrows one. The signature says who owns:
//   T* parameter          borrowed, not consumed
//   Ref<T> parameter      taken over
//   Ref<T> result         new reference; null means failure with an exception set
//   T* result             borrowed; its comment names the owner
// A copy is a visible `.new_ref()`. Releasing a reference can run any Python code: restore the
// container's invariants first, release last.
#pragma once

#include <Python.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace gill {

// Immortal objects carry a count whose upper half is not zero. Extensions' plain increments and
// decrements, however many threads make them, move it by far less than 2^60, and our own code
// does not write a count that it finds immortal.
inline constexpr Py_ssize_t kImmortalCount = Py_ssize_t{1} << 60;

template <class T>
[[gnu::always_inline]] inline PyObject* as_object(T* object) {
  return reinterpret_cast<PyObject*>(object);
}

// Reads the upper half alone, so that what follows can count in memory.
[[gnu::always_inline]] inline bool is_immortal(const PyObject* object) {
  static_assert(std::endian::native == std::endian::little);
  uint32_t upper;
  std::memcpy(&upper, reinterpret_cast<const char*>(&object->ob_refcnt) + sizeof upper, sizeof upper);
  return upper != 0;
}

[[gnu::always_inline]] inline void retain(PyObject* object) {
  if (!is_immortal(object)) ++object->ob_refcnt;
}

[[gnu::always_inline]] inline void release(PyObject* object) {
  if (!is_immortal(object) && --object->ob_refcnt == 0) _Py_Dealloc(object);
}

[[gnu::always_inline]] inline void make_immortal(PyObject* object) {
  object->ob_refcnt = kImmortalCount;
}

template <class T = PyObject>
class [[nodiscard]] [[clang::trivial_abi]] Ref {
 public:
  constexpr Ref() noexcept = default;
  constexpr Ref(std::nullptr_t) noexcept {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
    requires(std::is_convertible_v<U*, T*> || std::is_same_v<T, PyObject>)
  Ref(Ref<U>&& other) noexcept : object_(reinterpret_cast<T*>(other.release())) {}
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  Ref& operator=(Ref&& other) noexcept {
    T* old = std::exchange(object_, std::exchange(other.object_, nullptr));
    if (old) gill::release(as_object(old));
    return *this;
  }
  ~Ref() {
    if (object_) gill::release(as_object(object_));
  }

  // Takes over a reference that the caller owns (the result of a C API call that returns a new one).
  static Ref steal(T* object) noexcept {
    Ref result;
    result.object_ = object;
    return result;
  }
  template <class U>
    requires(!std::is_same_v<U, T>)
  static Ref steal(U* object) noexcept {
    return steal(reinterpret_cast<T*>(object));
  }
  // Adds a reference to an object that somebody else owns. Null stays null.
  static Ref borrow(T* object) noexcept {
    if (object) retain(as_object(object));
    return steal(object);
  }
  template <class U>
    requires(!std::is_same_v<U, T>)
  static Ref borrow(U* object) noexcept {
    return borrow(reinterpret_cast<T*>(object));
  }

  T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  PyObject* object() const noexcept { return as_object(object_); }
  explicit operator bool() const noexcept { return object_ != nullptr; }

  // Hands the reference to the caller, who owns it from here on.
  [[nodiscard]] T* release() noexcept { return std::exchange(object_, nullptr); }
  [[nodiscard]] Ref new_ref() const noexcept { return borrow(object_); }
  void reset() noexcept { *this = Ref(); }

  template <class U>
  Ref<U> cast() && noexcept {
    return Ref<U>::steal(reinterpret_cast<U*>(release()));
  }

 private:
  T* object_ = nullptr;
};

using ObjectRef = Ref<PyObject>;

template <class T>
Ref<T> steal(T* object) noexcept {
  return Ref<T>::steal(object);
}
template <class T>
Ref<T> borrow(T* object) noexcept {
  return Ref<T>::borrow(object);
}

inline Ref<> none() noexcept { return borrow(Py_None); }
inline Ref<> py_bool(bool value) noexcept { return borrow(value ? Py_True : Py_False); }

// Stores a new value in an owned field and releases the old one afterwards, so that code that runs
// during the release sees the new state.
template <class T>
inline void set_field(T*& field, Ref<T> value) noexcept {
  T* old = std::exchange(field, value.release());
  if (old) release(as_object(old));
}
template <class T>
inline void clear_field(T*& field) noexcept {
  T* old = std::exchange(field, nullptr);
  if (old) release(as_object(old));
}

}  // namespace gill
