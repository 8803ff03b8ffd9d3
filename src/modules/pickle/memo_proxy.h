// What the `memo` attribute of a Pickler or an Unpickler is: a view of its memo, with methods of a dict.
#pragma once

#include "modules/pickle/pickle.h"

namespace gill::pickle {

template <class Owner>
struct MemoProxy {
  PyObject_HEAD
  Owner* owner;

  using Fields = HeapTypeFields<&MemoProxy::owner>;

  static void dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    PyTypeObject* type = Py_TYPE(self);
    Fields::clear(self);
    type->tp_free(self);
    release(as_object(type));
  }

  static Ref<> make(PyTypeObject* type, Owner* owner) {
    Ref<MemoProxy> self = TRY(Ref<MemoProxy>::steal(type->tp_alloc(type, 0)));
    self->owner = borrow(owner).release();
    return self;
  }

  static Status make_type(PyObject* module, const char* name, const PyMethodDef* methods, PyTypeObject*& out) {
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void*)dealloc},
        {Py_tp_traverse, (void*)Fields::traverse},
        {Py_tp_clear, (void*)Fields::clear},
        {Py_tp_hash, (void*)PyObject_HashNotImplemented},
        {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
        {Py_tp_setattro, (void*)PyObject_GenericSetAttr},
        {Py_tp_methods, const_cast<PyMethodDef*>(methods)},
        {0, nullptr},
    };
    PyType_Spec spec = {name, sizeof(MemoProxy), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                        slots};
    return make_heap_type(module, &spec, out);
  }
};

}  // namespace gill::pickle
