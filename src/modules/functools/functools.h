// What the files of `_functools` share.
#pragma once

#include "base/binding.h"
#include "base/names.h"

namespace gill::functools {

struct State {
  PyObject* keyword_mark;  // stands between positional and keyword arguments in a cache key
  PyTypeObject* partial_type;
  PyTypeObject* key_type;
  PyTypeObject* cache_type;
  PyTypeObject* link_type;
};

extern PyModuleDef module_definition;

inline State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }
// The state of the module that made a type or one of its bases.
inline State* state_of_type(PyTypeObject* type) {
  PyObject* module = PyType_GetModuleByDef(type, &module_definition);
  return module ? state_of(module) : nullptr;
}

Status add_partial(PyObject* module);
Status add_cache(PyObject* module);
Status add_key(PyObject* module);

Ref<> cmp_to_key(PyObject* module, PyObject* compare);

}  // namespace gill::functools
