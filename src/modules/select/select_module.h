// What the parts of the `select` module share.
#pragma once

#include "base/binding.h"
#include "base/names.h"
#include "modules/system_call.h"

namespace gill::select_module {

struct State {
  PyTypeObject* poll_type;
  PyTypeObject* epoll_type;
};
inline State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }

// The milliseconds that are left until the deadline, rounded up; -1 when there is none.
inline int milliseconds_left(const Deadline& deadline) {
  return deadline.endless() ? -1 : static_cast<int>(_PyTime_AsMilliseconds(deadline.left(), _PyTime_ROUND_CEILING));
}

Ref<> make_poll(PyObject* module);
Status add_poll_types(PyObject* module);
Status add_epoll_type(PyObject* module);

}  // namespace gill::select_module
