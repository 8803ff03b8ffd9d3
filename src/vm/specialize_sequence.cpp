// UNPACK_SEQUENCE: cache is a counter alone.
#include "vm/specialize.h"

namespace gill::vm {

void specialize_unpack_sequence(CodeUnit* next, uint32_t oparg, PyObject* sequence) {
  bool fits = (Py_IS_TYPE(sequence, &PyTuple_Type) || Py_IS_TYPE(sequence, &PyList_Type)) && Py_SIZE(sequence) == static_cast<Py_ssize_t>(oparg);
  if (!fits) return found_nothing(next);
  if (Py_IS_TYPE(sequence, &PyList_Type)) return specialized_to(next, Op::UNPACK_SEQUENCE_LIST);
  specialized_to(next, oparg == 2 ? Op::UNPACK_SEQUENCE_TWO_TUPLE : Op::UNPACK_SEQUENCE_TUPLE);
}

ADAPTIVE(UNPACK_SEQUENCE, specialize_unpack_sequence(next, oparg, sp[-1]))

namespace {

inline void unpack_tuple(PyObject** to, PyObject* tuple, uint32_t count) {
  PyObject** items = reinterpret_cast<PyTupleObject*>(tuple)->ob_item;
  for (uint32_t i = count; i-- > 0;) {
    retain(items[i]);
    *to++ = items[i];
  }
}

}  // namespace

HANDLER(UNPACK_SEQUENCE_TWO_TUPLE) {
  PyObject* sequence = sp[-1];
  if (!Py_IS_TYPE(sequence, &PyTuple_Type) || Py_SIZE(sequence) != 2) [[unlikely]] END_MISS(UNPACK_SEQUENCE);
  SAVE_PLACE();
  PyObject *first = PyTuple_GET_ITEM(sequence, 0), *second = PyTuple_GET_ITEM(sequence, 1);
  retain(first);
  retain(second);
  sp[-1] = second;
  *sp++ = first;
  SKIP_CACHES(UNPACK_SEQUENCE);
  END_DROP(sequence);
}

HANDLER(UNPACK_SEQUENCE_TUPLE) {
  PyObject* sequence = sp[-1];
  if (!Py_IS_TYPE(sequence, &PyTuple_Type) || Py_SIZE(sequence) != static_cast<Py_ssize_t>(oparg)) [[unlikely]] END_MISS(UNPACK_SEQUENCE);
  SAVE_PLACE();
  unpack_tuple(--sp, sequence, oparg);
  sp += oparg;
  release(sequence);
  SKIP_CACHES(UNPACK_SEQUENCE);
  END_DISPATCH();
}

HANDLER(UNPACK_SEQUENCE_LIST) {
  PyObject* sequence = sp[-1];
  if (!Py_IS_TYPE(sequence, &PyList_Type) || Py_SIZE(sequence) != static_cast<Py_ssize_t>(oparg)) [[unlikely]] END_MISS(UNPACK_SEQUENCE);
  SAVE_PLACE();
  PyObject** items = reinterpret_cast<PyListObject*>(sequence)->ob_item;
  --sp;
  for (uint32_t i = oparg; i-- > 0;) {
    retain(items[i]);
    *sp++ = items[i];
  }
  release(sequence);
  SKIP_CACHES(UNPACK_SEQUENCE);
  END_DISPATCH();
}

}  // namespace gill::vm
