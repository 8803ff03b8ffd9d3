// What the files of _struct share: the items that a format describes, and the module's state.
#pragma once

#include "base/binding.h"

namespace gill::structs {

struct State {
  PyObject* error;  // struct.error
  PyObject* cache;  // format -> Struct, of the module's functions
  PyTypeObject* struct_type;
  PyTypeObject* iterator_type;
};

// One character of a format in one byte order.
struct Format {
  char code = 0;
  uint8_t size = 0;
  uint8_t alignment = 0;  // 0: none
  Status (*pack)(State&, char* out, PyObject* value, const Format&) = nullptr;
  Ref<> (*unpack)(const char* in, const Format&) = nullptr;
};

enum class Order { native, little, big };  // native: also its sizes and alignment; the others have standard sizes

// The format's entry; null when the character means nothing in this order.
const Format* find_format(Order order, char code);

// A run of equal items. `s` and `p` are one item of any size.
struct Run {
  const Format* format;
  Py_ssize_t offset;
  Py_ssize_t size;
  Py_ssize_t count;
};

inline bool is_text(const Run& run) { return run.format->code == 's' || run.format->code == 'p'; }

}  // namespace gill::structs
