// The references that the state of a module owns.
#pragma once

#include "base/binding.h"

namespace gill {

// The owning fields of a module's state, listed once:
//   using Owned = ModuleFields<&State::error, &State::entry_type>;
//   .m_traverse = Owned::traverse, .m_clear = Owned::clear, .m_free = Owned::free
template <auto... Fields>
struct ModuleFields {
  template <auto Field>
  static auto& field_of(PyObject* module) {
    return static_cast<typename detail::MemberTraits<decltype(Field)>::Class*>(PyModule_GetState(module))->*Field;
  }
  static int traverse(PyObject* module, visitproc visit, void* arg) {
    int stop = 0;
    auto one = [&](auto* value) { return value && (stop = visit(as_object(value), arg)) != 0; };
    (void)(one(field_of<Fields>(module)) || ...);
    return stop;
  }
  static int clear(PyObject* module) {
    (clear_field(field_of<Fields>(module)), ...);
    return 0;
  }
  static void free(void* module) { clear(static_cast<PyObject*>(module)); }
};

}  // namespace gill
