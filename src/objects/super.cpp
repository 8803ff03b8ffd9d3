// super: attribute look-up that starts behind a class in an object's MRO.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/frame.h"
#include "objects/object.h"
#include "objects/type.h"

namespace gill {

namespace {

struct Super {
  PyObject_HEAD
  PyTypeObject* type;       // the class behind which the search starts
  PyObject* object;         // instance or class; null when unbound
  PyTypeObject* object_type;  // whose MRO is searched
};

using Fields = OwnedFields<&Super::type, &Super::object, &Super::object_type>;

Super* as_super(PyObject* object) { return reinterpret_cast<Super*>(object); }

void super_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Fields::clear(self);
  Py_TYPE(self)->tp_free(self);
}

Ref<> super_repr(Super* self) {
  const char* type_name = self->type ? self->type->tp_name : "NULL";
  if (self->object_type) return steal(PyUnicode_FromFormat("<super: <class '%s'>, <%s object>>", type_name, self->object_type->tp_name));
  return steal(PyUnicode_FromFormat("<super: <class '%s'>, NULL>", type_name));
}

PyObject* super_getattro(PyObject* self, PyObject* attribute) {
  auto* super = as_super(self);
  PyTypeObject* start = super->object_type;
  // `super().__class__` is super itself.
  if (!start || (PyUnicode_Check(attribute) && PyUnicode_GET_LENGTH(attribute) == 9 && _PyUnicode_Equal(attribute, name<"__class__">))) {
    return PyObject_GenericGetAttr(self, attribute);
  }
  PyObject* mro = start->tp_mro;
  if (!mro) return PyObject_GenericGetAttr(self, attribute);
  Ref<> hold_mro = borrow(mro);
  Ref<> hold_start = borrow(as_object(start));
  Py_ssize_t count = PyTuple_GET_SIZE(mro), i = 0;
  while (i + 1 < count && PyTuple_GET_ITEM(mro, i) != as_object(super->type)) ++i;
  for (++i; i < count; ++i) {
    PyObject* dict = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i))->tp_dict;
    Ref<> found = borrow(PyDict_GetItemWithError(dict, attribute));
    if (found) {
      if (descrgetfunc get = Py_TYPE(found.get())->tp_descr_get) {
        // A class method called through a class sees no instance.
        PyObject* bound = super->object == as_object(start) ? nullptr : super->object;
        return get(found.get(), bound, as_object(start));
      }
      return found.release();
    }
    if (PyErr_Occurred()) return nullptr;
  }
  return PyObject_GenericGetAttr(self, attribute);
}

// The class whose MRO is searched: the object's, or the object itself when it is a subclass.
Ref<PyTypeObject> check_object(PyTypeObject* type, PyObject* object) {
  if (PyType_Check(object) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(object), type)) return borrow(reinterpret_cast<PyTypeObject*>(object));
  if (PyType_IsSubtype(Py_TYPE(object), type)) return borrow(Py_TYPE(object));
  // A proxy may claim a class that fits.
  bool failed;
  Ref<> claimed = optional_attribute(object, name<"__class__">, &failed);
  if (failed) return nullptr;
  if (claimed && PyType_Check(claimed.get()) && claimed.get() != as_object(Py_TYPE(object)) &&
      PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(claimed.get()), type)) {
    return std::move(claimed).cast<PyTypeObject>();
  }
  return raise(PyExc_TypeError, "super(type, obj): obj must be an instance or subtype of type");
}

// super() without arguments: the frame's first argument and the cell that the compiler named __class__.
Status from_frame(PyTypeObject** type, PyObject** object) {
  Frame* frame = complete_frame(PyThreadState_Get()->cframe->current_frame);
  if (!frame) return raise(PyExc_RuntimeError, "super(): no current frame");
  PyCodeObject* code = frame->f_code;
  if (code->co_argcount == 0) return raise(PyExc_RuntimeError, "super(): no arguments");
  const char* kinds = PyBytes_AS_STRING(code->co_localspluskinds);
  PyObject* first = frame->localsplus[0];
  // An inner function that uses `self` has turned it into a cell.
  if (first && (kinds[0] & kCellKind) && PyCell_Check(first)) first = PyCell_GET(first);
  if (!first) return raise(PyExc_RuntimeError, "super(): arg[0] deleted");
  for (int i = code->co_nlocalsplus - code->co_nfreevars; i < code->co_nlocalsplus; ++i) {
    if (!_PyUnicode_Equal(PyTuple_GET_ITEM(code->co_localsplusnames, i), name<"__class__">)) continue;
    PyObject* cell = frame->localsplus[i];
    if (!cell || !PyCell_Check(cell)) return raise(PyExc_RuntimeError, "super(): bad __class__ cell");
    PyObject* klass = PyCell_GET(cell);
    if (!klass) return raise(PyExc_RuntimeError, "super(): empty __class__ cell");
    if (!PyType_Check(klass)) return raise(PyExc_RuntimeError, "super(): __class__ is not a type (%s)", Py_TYPE(klass)->tp_name);
    *type = reinterpret_cast<PyTypeObject*>(klass);
    *object = first;
    return Status::ok;
  }
  return raise(PyExc_RuntimeError, "super(): __class__ cell not found");
}

Status initialize(Super* self, PyTypeObject* type, PyObject* object) {
  if (!type) TRY(from_frame(&type, &object));
  Ref<> hold_type = borrow(as_object(type)), hold_object = borrow(object);
  if (object == Py_None) object = nullptr;
  Ref<PyTypeObject> object_type;
  if (object) object_type = TRY(check_object(type, object));
  set_field(self->type, borrow(type));
  set_field(self->object, borrow(object));
  set_field(self->object_type, std::move(object_type));
  return Status::ok;
}

Status initialize_from(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (!_PyArg_CheckPositional("super()", count, 0, 2)) return failure;
  PyObject* type = count > 0 ? args[0] : nullptr;
  PyObject* object = count > 1 ? args[1] : nullptr;
  if (type && !PyType_Check(type)) {
    return raise(PyExc_TypeError, "super() argument 1 must be a type, not %.200s", Py_TYPE(type)->tp_name);
  }
  return initialize(as_super(self), reinterpret_cast<PyTypeObject*>(type), object);
}
int super_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (kwargs && !_PyArg_NoKeywords("super", kwargs)) return -1;
  return static_cast<int>(initialize_from(self, &PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args)));
}
PyObject* super_vectorcall(PyObject* type, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  if (kwnames && !_PyArg_NoKwnames("super", kwnames)) return nullptr;
  Ref<> self = TRY(steal(PySuper_Type.tp_alloc(reinterpret_cast<PyTypeObject*>(type), 0)));
  TRY(initialize_from(self.get(), args, PyVectorcall_NARGS(nargsf)));
  return self.release();
}

PyObject* super_get(PyObject* descriptor, PyObject* object, PyObject*) {
  auto* self = as_super(descriptor);
  if (!object || object == Py_None || self->object) return borrow(descriptor).release();
  if (!Py_IS_TYPE(descriptor, &PySuper_Type)) {
    // A subclass decides itself what binding means.
    return call(as_object(Py_TYPE(descriptor)), as_object(self->type), object).release();
  }
  Ref<PyTypeObject> object_type = check_object(self->type, object);
  if (!object_type) return nullptr;
  Ref<> bound = steal(PySuper_Type.tp_alloc(&PySuper_Type, 0));
  if (!bound) return nullptr;
  as_super(bound.get())->type = borrow(self->type).release();
  as_super(bound.get())->object = borrow(object).release();
  as_super(bound.get())->object_type = object_type.release();
  return bound.release();
}

const PyMemberDef kMembers[] = {
    {"__thisclass__", T_OBJECT, offsetof(Super, type), READONLY, "the class invoking super()"},
    {"__self__", T_OBJECT, offsetof(Super, object), READONLY, "the instance invoking super(); may be None"},
    {"__self_class__", T_OBJECT, offsetof(Super, object_type), READONLY, "the type of the instance invoking super(); may be None"},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" PyTypeObject PySuper_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "super",
    .tp_basicsize = sizeof(Super),
    .tp_dealloc = super_dealloc,
    .tp_repr = slot<super_repr>,
    .tp_getattro = super_getattro,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .tp_doc = "super() -> same as super(__class__, <first argument>)\nsuper(type) -> unbound super object\n"
              "super(type, obj) -> bound super object; requires isinstance(obj, type)\n"
              "super(type, type2) -> bound super object; requires issubclass(type2, type)\n"
              "Typical use to call a cooperative superclass method:\nclass C(B):\n    def meth(self, arg):\n        super().meth(arg)\n"
              "This works for class methods too:\nclass C(B):\n    @classmethod\n    def cmeth(cls, arg):\n        super().cmeth(arg)\n",
    .tp_traverse = Fields::traverse,
    .tp_members = table(kMembers),
    .tp_descr_get = super_get,
    .tp_init = super_init,
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = PyType_GenericNew,
    .tp_free = PyObject_GC_Del,
    .tp_vectorcall = super_vectorcall,
};

namespace gill {
GILL_STATIC_TYPE(PySuper_Type);
}  // namespace gill
