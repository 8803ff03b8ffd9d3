// object's part of the pickle protocol.
#pragma once

#include "base/result.h"

namespace gill {

Ref<> object_reduce_ex(PyObject* self, int protocol);
Ref<> object_reduce(PyObject* self);
Ref<> object_getstate(PyObject* self);

}  // namespace gill
