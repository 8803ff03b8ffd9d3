// What an object refers to, found without a call for each reference where its layout is known.
#pragma once

#include <Python.h>

#include "memory/instance_layout.h"

namespace gill {

// Remembers the shapes of a few types, for a walk over objects during which no type goes.
class ShapeCache {
 public:
  const InstanceShape& of(PyTypeObject* type) {
    InstanceShape& shape = shapes_[(reinterpret_cast<uintptr_t>(type) >> 8 ^ reinterpret_cast<uintptr_t>(type) >> 11) % kShapes];
    if (shape.type != type) [[unlikely]] gill_describe_instances(type, &shape);
    return shape;
  }
  void clear() { *this = ShapeCache(); }

 private:
  static constexpr size_t kShapes = 8;
  InstanceShape shapes_[kShapes];
};

// Calls for each reference of any object, by its tp_traverse.
template <class Visit>
[[gnu::always_inline]] int visit_by_traverse(PyObject* object, Visit& visit) {
  return Py_TYPE(object)->tp_traverse(object, [](PyObject* target, void* context) { return static_cast<int>((*static_cast<Visit*>(context))(target)); }, &visit);
}

// The same for an object whose type is none of the built-in containers.
template <class Visit>
[[gnu::always_inline]] int visit_instance(PyObject* object, ShapeCache& shapes, Visit& visit) {
  PyTypeObject* type = Py_TYPE(object);
  if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
    if (const InstanceShape& shape = shapes.of(type); shape.known) return shape.visit(object, visit);
  }
  return visit_by_traverse(object, visit);
}

// The same for any object, by the shortest way.
template <class Visit>
[[gnu::always_inline]] int visit_references(PyObject* object, ShapeCache& shapes, Visit visit) {
  PyTypeObject* type = Py_TYPE(object);
  if (type == &PyList_Type || type == &PyTuple_Type) {
    PyObject** items = type == &PyList_Type ? reinterpret_cast<PyListObject*>(object)->ob_item : reinterpret_cast<PyTupleObject*>(object)->ob_item;
    for (Py_ssize_t i = Py_SIZE(object); i-- > 0;) {
      if (!items[i]) continue;
      if (int stop = visit(items[i])) return stop;
    }
    return 0;
  }
  return visit_instance(object, shapes, visit);
}

}  // namespace gill
