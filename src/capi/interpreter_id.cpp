// Interpreters by number: the InterpreterID type, which keeps an interpreter alive, and what counts such references.
#include <Python.h>

#include "base/binding.h"
#include "base/names.h"
#include "runtime/runtime.h"

#define PUBLISHED [[gnu::visibility("default")]]

extern "C" {
int _PyInterpreterState_IDInitref(PyInterpreterState* interpreter);
int _PyInterpreterState_IDIncref(PyInterpreterState* interpreter);
void _PyInterpreterState_IDDecref(PyInterpreterState* interpreter);
PyInterpreterState* _PyInterpreterState_LookUpID(int64_t id);
PyInterpreterState* _PyInterpreterID_LookUp(PyObject* object);
PyObject* _PyInterpreterID_New(int64_t id);
PyObject* _PyInterpreterState_GetIDObject(PyInterpreterState* interpreter);
int _PyInterpreterState_RequiresIDRef(PyInterpreterState* interpreter);
void _PyInterpreterState_RequireIDRef(PyInterpreterState* interpreter, int required);
PUBLISHED extern PyTypeObject _PyInterpreterID_Type;
}

namespace gill {
namespace {

struct InterpreterIdObject {
  PyObject_HEAD
  int64_t id;
};

bool is_id(PyObject* object) { return PyObject_TypeCheck(object, &_PyInterpreterID_Type); }
int64_t id_of(PyObject* object) { return reinterpret_cast<InterpreterIdObject*>(object)->id; }

Maybe<int64_t> read_id(PyObject* object) {
  if (is_id(object)) return id_of(object);
  if (!PyIndex_Check(object)) return raise(PyExc_TypeError, "interpreter ID must be an int, got %.100s", Py_TYPE(object)->tp_name);
  Ref<> number = TRY(steal(PyNumber_Index(object)));
  long long id = PyLong_AsLongLong(number.get());
  if (id == -1 && PyErr_Occurred()) return failure;
  if (id < 0) return raise(PyExc_ValueError, "interpreter ID must be a non-negative int, got %R", object);
  return id;
}

// With `force` there need be no such interpreter.
Ref<> make_id(PyTypeObject* type, int64_t id, bool force) {
  PyInterpreterState* interpreter = _PyInterpreterState_LookUpID(id);
  if (!interpreter) {
    if (!force) return nullptr;
    PyErr_Clear();
  } else if (_PyInterpreterState_IDIncref(interpreter) < 0) {
    return nullptr;
  }
  auto* self = reinterpret_cast<InterpreterIdObject*>(type->tp_alloc(type, 0));
  if (self) self->id = id;
  else if (interpreter) _PyInterpreterState_IDDecref(interpreter);
  return steal(as_object(self));
}

Ref<> id_new(PyTypeObject* type, PyObject* id, bool force) { return make_id(type, TRY(read_id(id)), force); }

void id_dealloc(PyObject* self) {
  PyInterpreterState* interpreter = _PyInterpreterState_LookUpID(id_of(self));
  if (interpreter) _PyInterpreterState_IDDecref(interpreter);
  else PyErr_Clear();
  Py_TYPE(self)->tp_free(self);
}

Ref<> id_repr(PyObject* self) { return steal(PyUnicode_FromFormat("%s(%lld)", _PyType_Name(Py_TYPE(self)), static_cast<long long>(id_of(self)))); }
Ref<> id_str(PyObject* self) { return steal(PyUnicode_FromFormat("%lld", static_cast<long long>(id_of(self)))); }
Ref<> id_int(PyObject* self) { return steal(PyLong_FromLongLong(id_of(self))); }
Py_hash_t id_hash(PyObject* self) {
  Ref<> number = id_int(self);
  return number ? PyObject_Hash(number.get()) : -1;
}

Ref<> id_compare(PyObject* self, PyObject* other, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || !is_id(self)) return borrow(Py_NotImplemented);
  bool equal;
  if (is_id(other)) {
    equal = id_of(self) == id_of(other);
  } else if (PyLong_CheckExact(other)) {
    int overflow;
    long long id = PyLong_AsLongLongAndOverflow(other, &overflow);
    if (id == -1 && PyErr_Occurred()) return nullptr;
    equal = !overflow && id >= 0 && id == id_of(self);
  } else if (PyNumber_Check(other)) {
    Ref<> number = TRY(id_int(self));
    return steal(PyObject_RichCompare(number.get(), other, operation));
  } else {
    return borrow(Py_NotImplemented);
  }
  return py_bool(equal == (operation == Py_EQ));
}

PyNumberMethods id_as_number = {.nb_int = slot<id_int>, .nb_index = slot<id_int>};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PUBLISHED PyTypeObject _PyInterpreterID_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "InterpreterID",
    .tp_basicsize = sizeof(InterpreterIdObject),
    .tp_dealloc = id_dealloc,
    .tp_repr = slot<id_repr>,
    .tp_as_number = &id_as_number,
    .tp_hash = id_hash,
    .tp_str = slot<id_str>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "A interpreter ID identifies a interpreter and may be used as an int.",
    .tp_richcompare = slot<id_compare>,
    .tp_new = CONSTRUCTOR("InterpreterID($type, id, *, force=False)", id_new),
};
GILL_STATIC_TYPE(_PyInterpreterID_Type);

PUBLISHED PyObject* _PyInterpreterID_New(int64_t id) { return make_id(&_PyInterpreterID_Type, id, false).release(); }
PUBLISHED PyObject* _PyInterpreterState_GetIDObject(PyInterpreterState* interpreter) {
  if (_PyInterpreterState_IDInitref(interpreter) != 0) return nullptr;
  return _PyInterpreterID_New(internal(interpreter)->id);
}
PUBLISHED PyInterpreterState* _PyInterpreterID_LookUp(PyObject* object) {
  Maybe<int64_t> id = read_id(object);
  return id ? _PyInterpreterState_LookUpID(id.value()) : nullptr;
}

PUBLISHED PyInterpreterState* _PyInterpreterState_LookUpID(int64_t id) {
  Interpreter* found = nullptr;
  if (id >= 0) {
    pthread_mutex_lock(&g_runtime.list_mutex);
    for (Interpreter* each = g_runtime.interpreters; each && !found; each = each->next) {
      if (each->id == id) found = each;
    }
    pthread_mutex_unlock(&g_runtime.list_mutex);
  }
  if (!found && !PyErr_Occurred()) PyErr_Format(PyExc_RuntimeError, "unrecognized interpreter ID %lld", static_cast<long long>(id));
  return found ? published(found) : nullptr;
}

PUBLISHED int _PyInterpreterState_IDInitref(PyInterpreterState*) { return 0; }
PUBLISHED int _PyInterpreterState_IDIncref(PyInterpreterState* interpreter) {
  ++internal(interpreter)->id_references;
  return 0;
}
// The last reference ends an interpreter that was made to live by them.
PUBLISHED void _PyInterpreterState_IDDecref(PyInterpreterState* interpreter) {
  Interpreter* self = internal(interpreter);
  if (--self->id_references > 0 || !self->lives_by_id) return;
  // The one that it was made with, which nobody uses.
  PyThreadState* thread = self->threads ? self->threads : new_thread_state(self);
  if (!thread) return;
  PyThreadState* saved = PyThreadState_Swap(thread);
  Py_EndInterpreter(thread);
  PyThreadState_Swap(saved);
}
int _PyInterpreterState_RequiresIDRef(PyInterpreterState* interpreter) { return internal(interpreter)->lives_by_id; }
void _PyInterpreterState_RequireIDRef(PyInterpreterState* interpreter, int required) { internal(interpreter)->lives_by_id = required != 0; }

PyObject* _PyInterpreterState_GetMainModule(PyInterpreterState* interpreter) {
  PyObject* modules = internal(interpreter)->modules;
  if (!modules) return raise(PyExc_RuntimeError, "interpreter not initialized");
  return PyMapping_GetItemString(modules, "__main__");
}

}  // extern "C"
