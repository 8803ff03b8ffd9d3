// The types behind the `collections` module that are not Python.
#pragma once

#include "base/binding.h"
#include "base/names.h"

namespace gill::collections {

extern "C" {
extern PyTypeObject Deque_Type, DequeIterator_Type, DequeReverseIterator_Type, DefaultDict_Type, TupleGetter_Type;
}

}  // namespace gill::collections
