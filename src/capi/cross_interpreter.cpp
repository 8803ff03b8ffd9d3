// Data that goes from one interpreter to another: each class that allows it says how its objects become a form without references,
// and how the other interpreter makes an object of its own from that.
#include <Python.h>

#include <cstdlib>
#include <cstring>

#include "base/names.h"
#include "base/result.h"
#include "runtime/runtime.h"

extern "C" PyInterpreterState* _PyInterpreterState_LookUpID(int64_t id);

namespace gill {

// Classes register for the whole process.
struct CrossInterpreterClass {
  CrossInterpreterClass* next;
  PyTypeObject* type;
  crossinterpdatafunc convert;
};

namespace {

// ---- the built-in ones --------------------------------------------------------------------------------------

int share_none(PyObject*, _PyCrossInterpreterData* data) {
  data->new_object = [](_PyCrossInterpreterData*) { return none().release(); };
  data->free = nullptr;
  return 0;
}

int share_int(PyObject* object, _PyCrossInterpreterData* data) {
  Py_ssize_t value = PyLong_AsSsize_t(object);
  if (value == -1 && PyErr_Occurred()) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) PyErr_SetString(PyExc_OverflowError, "try sending as bytes");
    return -1;
  }
  data->data = reinterpret_cast<void*>(value);
  data->new_object = [](_PyCrossInterpreterData* d) { return PyLong_FromSsize_t(reinterpret_cast<Py_ssize_t>(d->data)); };
  data->free = nullptr;
  return 0;
}

// A copy of the characters, so that nothing of this interpreter is needed on the other side.
struct SharedText {
  Py_ssize_t length;
  int kind;  // 0: bytes
  char text[];
};

int share_text(_PyCrossInterpreterData* data, const void* text, Py_ssize_t length, int kind) {
  size_t bytes = static_cast<size_t>(length) * static_cast<size_t>(kind ? kind : 1);
  auto* shared = static_cast<SharedText*>(PyMem_RawMalloc(sizeof(SharedText) + bytes));
  if (!shared) return PyErr_NoMemory(), -1;
  shared->length = length;
  shared->kind = kind;
  std::memcpy(shared->text, text, bytes);
  data->data = shared;
  data->free = PyMem_RawFree;
  data->new_object = [](_PyCrossInterpreterData* d) {
    auto* s = static_cast<SharedText*>(d->data);
    return s->kind ? PyUnicode_FromKindAndData(s->kind, s->text, s->length) : PyBytes_FromStringAndSize(s->text, s->length);
  };
  return 0;
}
int share_str(PyObject* object, _PyCrossInterpreterData* data) {
  return share_text(data, PyUnicode_DATA(object), PyUnicode_GET_LENGTH(object), PyUnicode_KIND(object));
}
int share_bytes(PyObject* object, _PyCrossInterpreterData* data) {
  return share_text(data, PyBytes_AS_STRING(object), PyBytes_GET_SIZE(object), 0);
}

crossinterpdatafunc find_converter(PyTypeObject* type) {
  if (type == Py_TYPE(Py_None)) return share_none;
  if (type == &PyLong_Type) return share_int;
  if (type == &PyUnicode_Type) return share_str;
  if (type == &PyBytes_Type) return share_bytes;
  pthread_mutex_lock(&g_runtime.list_mutex);
  crossinterpdatafunc found = nullptr;
  for (CrossInterpreterClass* each = g_runtime.cross_interpreter_classes; each && !found; each = each->next) {
    if (each->type == type) found = each->convert;
  }
  pthread_mutex_unlock(&g_runtime.list_mutex);
  return found;
}

Failure unsupported(PyObject* object) { return raise(PyExc_ValueError, "%S does not support cross-interpreter data", object); }

void release_data(_PyCrossInterpreterData* data) {
  if (data->free) data->free(data->data);
  data->data = nullptr;
  if (data->obj) release(std::exchange(data->obj, nullptr));
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

crossinterpdatafunc _PyCrossInterpreterData_Lookup(PyObject* object) { return find_converter(Py_TYPE(object)); }

int _PyObject_CheckCrossInterpreterData(PyObject* object) {
  if (find_converter(Py_TYPE(object))) return 0;
  if (!PyErr_Occurred()) unsupported(object);
  return -1;
}

int _PyObject_GetCrossInterpreterData(PyObject* object, _PyCrossInterpreterData* data) {
  *data = {};
  data->free = PyMem_RawFree;
  Ref<> hold = borrow(object);
  crossinterpdatafunc convert = find_converter(Py_TYPE(object));
  if (!convert) return unsupported(object);
  if (convert(object, data) != 0) return -1;
  data->interp = current_interpreter()->id;
  if (!data->new_object) {
    release_data(data);
    return raise(PyExc_SystemError, "missing new_object func");
  }
  return 0;
}

PyObject* _PyCrossInterpreterData_NewObject(_PyCrossInterpreterData* data) { return data->new_object(data); }

void _PyCrossInterpreterData_Release(_PyCrossInterpreterData* data) {
  if (!data->data && !data->obj) return;
  PyInterpreterState* owner = _PyInterpreterState_LookUpID(data->interp);
  if (!owner) {
    // It is gone, and took what belonged to it along.
    PyErr_Clear();
    return;
  }
  if (internal(owner) == current_interpreter()) return release_data(data);
  PyThreadState* thread = new_thread_state(internal(owner));
  if (!thread) return;
  PyThreadState* saved = PyThreadState_Swap(thread);
  release_data(data);
  PyThreadState_Clear(thread);
  PyThreadState_Swap(saved);
  PyThreadState_Delete(thread);
}

int _PyCrossInterpreterData_RegisterClass(PyTypeObject* type, crossinterpdatafunc convert) {
  if (!PyType_Check(as_object(type))) return raise(PyExc_ValueError, "only classes may be registered");
  if (!convert) return raise(PyExc_ValueError, "missing 'getdata' func");
  auto* entry = static_cast<CrossInterpreterClass*>(PyMem_RawMalloc(sizeof(CrossInterpreterClass)));
  if (!entry) return PyErr_NoMemory(), -1;
  retain(as_object(type));
  pthread_mutex_lock(&g_runtime.list_mutex);
  *entry = {g_runtime.cross_interpreter_classes, type, convert};
  g_runtime.cross_interpreter_classes = entry;
  pthread_mutex_unlock(&g_runtime.list_mutex);
  return 0;
}

}  // extern "C"
