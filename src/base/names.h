// Interned identifiers that the runtime itself uses, such as `__init__`.
//
//   PyObject* init = name<"__init__">;
//
// Each is an immortal, statically allocated str. Every use in any file refers to the same object;
// a linker section lists them all, so that start-up can enter them into the table of interned
// strings without a central list. A name is ASCII.
#pragma once

#include <Python.h>

#include "base/fixed_string.h"
#include "base/ref.h"

namespace gill {

template <size_t N>
struct StaticName {
  PyASCIIObject head;
  char text[N];
};

namespace detail {

template <FixedString S>
constexpr StaticName<S.size + 1> make_static_name() {
  StaticName<S.size + 1> result{};
  result.head.ob_base.ob_refcnt = kImmortalCount;
  result.head.ob_base.ob_type = &PyUnicode_Type;
  result.head.length = S.size;
  result.head.hash = -1;
  result.head.state.interned = SSTATE_INTERNED_IMMORTAL;
  result.head.state.kind = PyUnicode_1BYTE_KIND;
  result.head.state.compact = 1;
  result.head.state.ascii = 1;
  result.head.state.ready = 1;
  for (size_t i = 0; i < S.size; ++i) result.text[i] = S.text[i];
  return result;
}

template <FixedString S>
struct NameStorage {
  static inline constinit StaticName<S.size + 1> object = make_static_name<S>();
  [[gnu::section("gill_names"), gnu::used, gnu::retain]] static inline constinit StaticName<S.size + 1>* entry = &object;
};

}  // namespace detail

// The one object for each ASCII character and for the empty string (base/static_strings.cpp).
extern constinit StaticName<2> ascii_characters[128];
extern constinit StaticName<1> empty_string;

namespace detail {

template <FixedString S>
consteval PyObject* address_of_name() {
  if constexpr (S.size == 0) return &empty_string.head.ob_base;
  else if constexpr (S.size == 1) return &ascii_characters[static_cast<unsigned char>(S.text[0])].head.ob_base;
  else return (static_cast<void>(&NameStorage<S>::entry), &NameStorage<S>::object.head.ob_base);
}

}  // namespace detail

// Taking the address of the section entry is what instantiates it.
template <FixedString S>
inline constexpr PyObject* name = detail::address_of_name<S>();

}  // namespace gill
