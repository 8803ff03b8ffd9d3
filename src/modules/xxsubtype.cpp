// The xxsubtype module: list and dict with one more field, for tests of subtypes made in C.
#include <Python.h>
#include <structmember.h>

#include <ctime>

#include "base/binding.h"
#include "base/names.h"

namespace gill {

namespace {

struct SpamList {
  PyListObject list;
  int state;
};

struct SpamDict {
  PyDictObject dict;
  int state;
};

template <class T>
PyObject* get_state(PyObject* self, PyObject* args) {
  if (!PyArg_ParseTuple(args, ":getstate")) return nullptr;
  return PyLong_FromLong(reinterpret_cast<T*>(self)->state);
}

template <class T>
PyObject* set_state(PyObject* self, PyObject* args) {
  int state;
  if (!PyArg_ParseTuple(args, "i:setstate", &state)) return nullptr;
  reinterpret_cast<T*>(self)->state = state;
  return none().release();
}

// Shows what it was called with.
PyObject* show_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  return PyTuple_Pack(3, self ? self : Py_None, args, kwargs ? kwargs : Py_None);
}

Maybe<int> list_state(SpamList* self) { return self->state; }

template <class T, PyTypeObject* Base>
int initialize(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (Base->tp_init(self, args, kwargs) < 0) return -1;
  reinterpret_cast<T*>(self)->state = 0;
  return 0;
}

const PyMethodDef kListMethods[] = {
    {"getstate", get_state<SpamList>, METH_VARARGS, "getstate() -> state"},
    {"setstate", set_state<SpamList>, METH_VARARGS, "setstate(state)"},
    {"classmeth", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&show_call)), METH_VARARGS | METH_KEYWORDS | METH_CLASS,
     "classmeth(*args, **kw)"},
    {"staticmeth", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&show_call)), METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "staticmeth(*args, **kw)"},
    kEndOfMethods,
};
const PyGetSetDef kListGetSets[] = {
    getset<list_state>("state", "an int variable for demonstration purposes"),
    kEndOfGetSets,
};

const PyMethodDef kDictMethods[] = {
    {"getstate", get_state<SpamDict>, METH_VARARGS, "getstate() -> state"},
    {"setstate", set_state<SpamDict>, METH_VARARGS, "setstate(state)"},
    kEndOfMethods,
};
const PyMemberDef kDictMembers[] = {
    {"state", T_INT, offsetof(SpamDict, state), READONLY, "an int variable for demonstration purposes"},
    {},
};

}  // namespace

extern "C" {
PyTypeObject SpamList_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "xxsubtype.spamlist",
    .tp_basicsize = sizeof(SpamList),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_methods = table(kListMethods),
    .tp_getset = table(kListGetSets),
    .tp_base = &PyList_Type,
    .tp_init = initialize<SpamList, &PyList_Type>,
};
PyTypeObject SpamDict_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "xxsubtype.spamdict",
    .tp_basicsize = sizeof(SpamDict),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_methods = table(kDictMethods),
    .tp_members = table(kDictMembers),
    .tp_base = &PyDict_Type,
    .tp_init = initialize<SpamDict, &PyDict_Type>,
};
}
GILL_STATIC_TYPE(SpamList_Type);
GILL_STATIC_TYPE(SpamDict_Type);

namespace {

// How long a thousand attribute look-ups take.
PyObject* bench(PyObject*, PyObject* args) {
  PyObject *object, *attribute;
  int count = 1000;
  if (!PyArg_ParseTuple(args, "OU|i", &object, &attribute, &count)) return nullptr;
  clock_t begin = clock();
  while (--count >= 0) {
    Ref<> value = TRY(steal(PyObject_GetAttr(object, attribute)));
  }
  return PyFloat_FromDouble(static_cast<double>(clock() - begin) / CLOCKS_PER_SEC);
}

const PyMethodDef kFunctions[] = {
    {"bench", bench, METH_VARARGS, nullptr},
    kEndOfMethods,
};

int execute(PyObject* module) {
  TRY(status_of(PyModule_AddType(module, &SpamList_Type)));
  return PyModule_AddType(module, &SpamDict_Type);
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "xxsubtype",
    .m_doc = "xxsubtype is an example module showing how to subtype builtin types from C.\ntest_descr.py in the standard test suite requires it.",
    .m_size = 0,
    .m_methods = table(kFunctions),
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit_xxsubtype() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("xxsubtype", PyInit_xxsubtype);

}  // namespace gill
