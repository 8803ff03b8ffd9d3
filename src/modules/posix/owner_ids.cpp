// User and group ids between Python and C: -1 means "leave as it is" where a call can.
#include <sys/types.h>

#include <climits>

#include "base/binding.h"

using namespace gill;

namespace {

// The id of an int, as the 32 unsigned bits that the system has; -1 stands for all of them set.
int read_id(PyObject* object, const char* what, unsigned* out) {
  Ref<> number = steal(PyNumber_Index(object));
  if (!number) {
    PyErr_Format(PyExc_TypeError, "%s should be integer, not %.200s", what, Py_TYPE(object)->tp_name);
    return 0;
  }
  int overflow;
  long long value = PyLong_AsLongLongAndOverflow(number.get(), &overflow);
  if (overflow == 0 && value == -1) {
    if (PyErr_Occurred()) return 0;
    *out = static_cast<unsigned>(-1);
    return 1;
  }
  if (overflow > 0) {
    PyErr_Format(PyExc_OverflowError, "%s is greater than maximum", what);
    return 0;
  }
  // compat: what fits 64 bits but not the id's 32 is "less", whatever its sign.
  if (overflow < 0 || value < 0 || value > static_cast<long long>(UINT_MAX)) {
    PyErr_Format(PyExc_OverflowError, "%s is less than minimum", what);
    return 0;
  }
  *out = static_cast<unsigned>(value);
  return 1;
}

PyObject* from_id(unsigned id) {
  return id == static_cast<unsigned>(-1) ? PyLong_FromLong(-1) : PyLong_FromUnsignedLong(id);
}

}  // namespace

extern "C" {

PyAPI_FUNC(int) _Py_Uid_Converter(PyObject* object, uid_t* out) { return read_id(object, "uid", out); }
PyAPI_FUNC(int) _Py_Gid_Converter(PyObject* object, gid_t* out) { return read_id(object, "gid", out); }
PyAPI_FUNC(PyObject*) _PyLong_FromUid(uid_t uid) { return from_id(uid); }
PyAPI_FUNC(PyObject*) _PyLong_FromGid(gid_t gid) { return from_id(gid); }

}  // extern "C"
