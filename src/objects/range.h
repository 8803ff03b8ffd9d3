// The iterator of a range, for the evaluation loop.
#pragma once

#include <Python.h>

namespace gill {

struct RangeIterator {
  PyObject_HEAD
  long next;
  long step;
  long left;
  long index;  // items handed out, for pickling

  long advance() {
    long value = next;
    next = static_cast<long>(static_cast<unsigned long>(value) + static_cast<unsigned long>(step));
    --left;
    ++index;
    return value;
  }
};

}  // namespace gill
