// What modules call of our own types beyond the C API, in terms of the C API: within the reference the types are its own.
#include "objects/int.h"
#include "objects/str.h"
#include "objects/tuple.h"

namespace gill {

Ref<> int_from(int64_t value) { return steal(PyLong_FromLongLong(value)); }

Ref<> tuple_of(Ref<> first, Ref<> second) {
  if (!first || !second) return nullptr;
  return steal(PyTuple_Pack(2, first.get(), second.get()));
}

Ref<> tuple_from_array(PyObject* const* items, Py_ssize_t n) {
  Ref<> tuple = TRY(steal(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple.get(), i, borrow(items[i]).release());
  return tuple;
}

void copy_characters(int to_kind, void* to, Py_ssize_t to_start, const StrView& from, Py_ssize_t start, Py_ssize_t n) {
  for (Py_ssize_t i = 0; i < n; ++i) PyUnicode_WRITE(to_kind, to, to_start + i, PyUnicode_READ(from.kind, from.data, start + i));
}

// The reference's writer begins without a buffer.
void StrWriter::write_inline() {}

}  // namespace gill
