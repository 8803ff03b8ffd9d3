// How instances of Python classes keep their attributes, for objects/instance.cpp, the evaluation loop's inline caches, and the
// collector, which need not call their tp_traverse.
//
// Slot i of the values array holds the attribute whose name is entry i of the class's shared keys. `order` remembers in which
// order the attributes were set, for the dict that the instance may turn into. The array stands behind the
// object in the same block; when the class learns more names than it has room for, it moves to a block of
// its own.
#pragma once

#include <Python.h>

#include <cstdint>

namespace gill {

// A slot that holds no attribute is null.
struct alignas(8) InstanceValues {
  uint8_t capacity;
  uint8_t size;  // attributes set
  uint8_t order[];

  static constexpr size_t header(size_t capacity) { return (2 + capacity + 7) / 8 * 8; }
  static constexpr size_t bytes(size_t capacity) { return header(capacity) + capacity * sizeof(PyObject*); }
  PyObject** slots() { return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(this) + header(capacity)); }
};

// The word in front of an instance: its values, or its dict, which may be null. The lowest bit is set for values. So the place of
// a dict can be handed out (`_PyObject_GetDictPtr`), and then stays one.
class InstancePrefix {
 public:
  bool has_values() const { return word_ & 1; }
  // Null where there is a dict, or a place for one.
  InstanceValues* values() const { return has_values() ? reinterpret_cast<InstanceValues*>(word_ - 1) : nullptr; }
  PyObject* dict() const { return has_values() ? nullptr : reinterpret_cast<PyObject*>(word_); }
  void set_values(const InstanceValues* values) { word_ = reinterpret_cast<uintptr_t>(values) + 1; }
  void set_dict(PyObject* dict) { word_ = reinterpret_cast<uintptr_t>(dict); }
  PyObject** dict_place() { return reinterpret_cast<PyObject**>(&word_); }

 private:
  uintptr_t word_;
};
inline InstancePrefix* prefix_of(PyObject* self) { return reinterpret_cast<InstancePrefix*>(self) - 1; }

// What an instance of a type refers to, in the common case: its type, its slot variables, and what the word in front of it leads to.
struct InstanceShape {
  PyTypeObject* type = nullptr;
  uint32_t first_slot = 0;  // bytes from the object; the others follow
  uint32_t slots = 0;
  bool has_prefix = false;
  bool known = false;  // this is all, and tp_traverse visits nothing else

  // Calls for each reference until that returns non-zero.
  template <class Visit>
  [[gnu::always_inline]] int visit(PyObject* object, Visit& visit_one) const {
    if (int stop = visit_range(reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + first_slot), slots, visit_one)) return stop;
    if (has_prefix) {
      InstancePrefix* prefix = prefix_of(object);
      if (InstanceValues* values = prefix->values()) {
        if (int stop = visit_range(values->slots(), values->capacity, visit_one)) return stop;
      } else if (prefix->dict()) {
        if (int stop = visit_one(prefix->dict())) return stop;
      }
    }
    return visit_one(reinterpret_cast<PyObject*>(type));
  }

 private:
  template <class Visit>
  [[gnu::always_inline]] static int visit_range(PyObject** at, size_t count, Visit& visit_one) {
    for (PyObject** end = at + count; at < end; ++at) {
      if (!*at) continue;
      if (int stop = visit_one(*at)) return stop;
    }
    return 0;
  }
};

}  // namespace gill

// The shape of the type's instances; not `known` where their tp_traverse has to be called.
extern "C" void gill_describe_instances(PyTypeObject* type, gill::InstanceShape* shape);
