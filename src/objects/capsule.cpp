// PyCapsule: a C pointer that passes through Python, with a name that guards against mix-ups.
#include <Python.h>

#include <cstring>

#include "base/binding.h"

namespace gill {

namespace {

struct Capsule {
  PyObject_HEAD
  void* pointer;
  const char* name;
  void* context;
  PyCapsule_Destructor destructor;
};

Capsule* as_capsule(PyObject* object) { return reinterpret_cast<Capsule*>(object); }

bool valid(PyObject* object) { return object && PyCapsule_CheckExact(object) && as_capsule(object)->pointer; }

bool same_name(const char* a, const char* b) { return a == b || (a && b && !std::strcmp(a, b)); }

Capsule* checked_capsule(PyObject* object, const char* function) {
  if (valid(object)) return as_capsule(object);
  return raise(PyExc_ValueError, "%s called with invalid PyCapsule object", function);
}

void capsule_dealloc(PyObject* self) {
  if (PyCapsule_Destructor destructor = as_capsule(self)->destructor) destructor(self);
  PyObject_Free(self);
}

Ref<> capsule_repr(Capsule* self) {
  const char* quote = self->name ? "\"" : "";
  return steal(PyUnicode_FromFormat("<capsule object %s%s%s at %p>", quote, self->name ? self->name : "NULL", quote, self));
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyCapsule_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "PyCapsule",
    .tp_basicsize = sizeof(Capsule),
    .tp_dealloc = capsule_dealloc,
    .tp_repr = slot<capsule_repr>,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Capsule objects let you wrap a C \"void *\" pointer in a Python\n"
              "object.  They're a way of passing data through the Python interpreter\n"
              "without creating your own custom type.\n\n"
              "Capsules are used for communication between extension modules.\n",
};

PyObject* PyCapsule_New(void* pointer, const char* capsule_name, PyCapsule_Destructor destructor) {
  if (!pointer) return raise(PyExc_ValueError, "PyCapsule_New called with null pointer");
  auto* capsule = PyObject_New(Capsule, &PyCapsule_Type);
  if (!capsule) return nullptr;
  capsule->pointer = pointer;
  capsule->name = capsule_name;
  capsule->context = nullptr;
  capsule->destructor = destructor;
  return as_object(capsule);
}

int PyCapsule_IsValid(PyObject* object, const char* capsule_name) { return valid(object) && same_name(as_capsule(object)->name, capsule_name); }

void* PyCapsule_GetPointer(PyObject* object, const char* capsule_name) {
  Capsule* capsule = checked_capsule(object, "PyCapsule_GetPointer");
  if (!capsule) return nullptr;
  if (!same_name(capsule_name, capsule->name)) return raise(PyExc_ValueError, "PyCapsule_GetPointer called with incorrect name");
  return capsule->pointer;
}
const char* PyCapsule_GetName(PyObject* object) {
  Capsule* capsule = checked_capsule(object, "PyCapsule_GetName");
  return capsule ? capsule->name : nullptr;
}
PyCapsule_Destructor PyCapsule_GetDestructor(PyObject* object) {
  Capsule* capsule = checked_capsule(object, "PyCapsule_GetDestructor");
  return capsule ? capsule->destructor : nullptr;
}
void* PyCapsule_GetContext(PyObject* object) {
  Capsule* capsule = checked_capsule(object, "PyCapsule_GetContext");
  return capsule ? capsule->context : nullptr;
}
int PyCapsule_SetPointer(PyObject* object, void* pointer) {
  Capsule* capsule = checked_capsule(object, "PyCapsule_SetPointer");
  if (!capsule) return -1;
  if (!pointer) return raise(PyExc_ValueError, "PyCapsule_SetPointer called with null pointer");
  capsule->pointer = pointer;
  return 0;
}
int PyCapsule_SetName(PyObject* object, const char* capsule_name) {
  Capsule* capsule = checked_capsule(object, "PyCapsule_SetName");
  if (!capsule) return -1;
  capsule->name = capsule_name;
  return 0;
}
int PyCapsule_SetDestructor(PyObject* object, PyCapsule_Destructor destructor) {
  Capsule* capsule = checked_capsule(object, "PyCapsule_SetDestructor");
  if (!capsule) return -1;
  capsule->destructor = destructor;
  return 0;
}
int PyCapsule_SetContext(PyObject* object, void* context) {
  Capsule* capsule = checked_capsule(object, "PyCapsule_SetContext");
  if (!capsule) return -1;
  capsule->context = context;
  return 0;
}

// "package.module.attribute": imports the first part, the rest are attributes.
void* PyCapsule_Import(const char* path, int) {
  size_t length = std::strlen(path) + 1;
  auto* copy = static_cast<char*>(PyMem_Malloc(length));
  if (!copy) return nullptr;
  std::memcpy(copy, path, length);
  Ref<> object;
  bool failed = false;
  for (char* part = copy; part && !failed;) {
    char* dot = std::strchr(part, '.');
    if (dot) *dot++ = '\0';
    if (!object) {
      object = steal(PyImport_ImportModule(part));
      if (!object) PyErr_Format(PyExc_ImportError, "PyCapsule_Import could not import module \"%s\"", part);
    } else {
      object = steal(PyObject_GetAttrString(object.get(), part));
    }
    failed = !object;
    part = dot;
  }
  PyMem_Free(copy);
  if (failed) return nullptr;
  if (!PyCapsule_IsValid(object.get(), path)) return raise(PyExc_AttributeError, "PyCapsule_Import \"%s\" is not valid", path);
  return as_capsule(object.get())->pointer;
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyCapsule_Type);
}  // namespace gill
