// The _weakref module.
#include <Python.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"

namespace gill {

namespace {

Maybe<Py_ssize_t> getweakrefcount(PyObject*, PyObject* object) {
  PyWeakReference** list = weak_list_slot(object);
  return list ? _PyWeakref_GetWeakrefCount(*list) : 0;
}

Ref<> getweakrefs(PyObject*, PyObject* object) {
  PyWeakReference** list = weak_list_slot(object);
  Ref<> result = TRY(steal(PyList_New(0)));
  for (PyWeakReference* each = list ? *list : nullptr; each; each = each->wr_next) {
    if (PyList_Append(result.get(), as_object(each)) < 0) return nullptr;
  }
  return result;
}

int is_dead(PyObject* value) {
  if (!PyWeakref_Check(value)) return raise(PyExc_TypeError, "not a weakref");
  return PyWeakref_GET_OBJECT(value) == Py_None;
}

Status remove_dead_weakref(PyObject*, PyDictObject* dict, PyObject* key) {
  if (_PyDict_DelItemIf(as_object(dict), key, is_dead) < 0) {
    // Gone already: another thread or a callback was faster.
    if (!PyErr_ExceptionMatches(PyExc_KeyError)) return Status::error;
    PyErr_Clear();
  }
  return Status::ok;
}

Ref<> proxy(PyObject*, PyObject* object, PyObject* callback) { return steal(PyWeakref_NewProxy(object, callback)); }

const PyMethodDef kMethods[] = {
    METHOD("getweakrefcount($module, object, /)", getweakrefcount, "Return the number of weak references to 'object'."),
    METHOD("_remove_dead_weakref($module, dct, key, /)", remove_dead_weakref, "Atomically remove key from dict if it points to a dead weakref."),
    METHOD("getweakrefs($module, object, /)", getweakrefs, "Return a list of all weak reference objects pointing to 'object'."),
    METHOD("proxy($module, object, callback=None, /)", proxy,
           "Create a proxy object that weakly references 'object'.\n\n'callback', if given, is called with a reference to the\nproxy when 'object' is about to "
           "be finalized."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  if (PyModule_AddObjectRef(module, "ref", as_object(&_PyWeakref_RefType)) < 0) return -1;
  if (PyModule_AddObjectRef(module, "ReferenceType", as_object(&_PyWeakref_RefType)) < 0) return -1;
  if (PyModule_AddObjectRef(module, "ProxyType", as_object(&_PyWeakref_ProxyType)) < 0) return -1;
  return PyModule_AddObjectRef(module, "CallableProxyType", as_object(&_PyWeakref_CallableProxyType));
}

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_weakref",
    .m_doc = "Weak-reference support module.",
    .m_size = 0,
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit__weakref() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("_weakref", PyInit__weakref);
}  // namespace gill
