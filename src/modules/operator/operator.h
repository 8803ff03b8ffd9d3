// What the files of `_operator` share.
#pragma once

#include "base/binding.h"
#include "base/names.h"

namespace gill::operators {

struct State {
  PyTypeObject* itemgetter_type;
  PyTypeObject* attrgetter_type;
  PyTypeObject* methodcaller_type;
};

inline State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }

Status add_getters(PyObject* module);
Status add_method_caller(PyObject* module);

}  // namespace gill::operators
