// See ast_types.h. They live in the interpreter's dict, so that parsing does not depend on what a program does
// to sys.modules.
#include "syntax/ast_types.h"

#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"

namespace gill::ast {
namespace {

// ---- AST, the base ------------------------------------------------------------------------------------

using Fields = HeapTypeFields<&AstObject::dict>;

void ast_dealloc(AstObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Fields::clear_all(self);
  type->tp_free(self);
  Py_DECREF(type);
}

Status ast_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyTypeObject* type = Py_TYPE(self);
  Ref<> fields = steal(PyObject_GetAttr(as_object(type), name<"_fields">));
  Py_ssize_t count = 0;
  if (fields) {
    count = TRY(checked(PySequence_Size(fields.get())));
  } else {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return failure;
    PyErr_Clear();
  }
  Py_ssize_t given = PyTuple_GET_SIZE(args);
  if (given > count) {
    return raise(PyExc_TypeError, "%.400s constructor takes at most %zd positional argument%s", _PyType_Name(type), count,
                 count == 1 ? "" : "s");
  }
  for (Py_ssize_t i = 0; i < given; ++i) {
    Ref<> field = TRY(steal(PySequence_GetItem(fields.get(), i)));
    TRY(status_of(PyObject_SetAttr(self, field.get(), PyTuple_GET_ITEM(args, i))));
  }
  if (!kwargs) return Status::ok;
  Py_ssize_t position = 0;
  PyObject *key, *value;
  while (PyDict_Next(kwargs, &position, &key, &value)) {
    if (given > 0 && TRY(truth_of(PySequence_Contains(fields.get(), key)))) {
      Py_ssize_t index = TRY(checked(PySequence_Index(fields.get(), key)));
      if (index < given) return raise(PyExc_TypeError, "%.400s got multiple values for argument '%U'", _PyType_Name(type), key);
    }
    TRY(status_of(PyObject_SetAttr(self, key, value)));
  }
  return Status::ok;
}

Ref<> ast_reduce(AstObject* self) {
  Ref<> dict = steal(PyObject_GetAttr(as_object(self), name<"__dict__">));
  if (!dict) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return failure;
    PyErr_Clear();
    return steal(Py_BuildValue("O()", Py_TYPE(self)));
  }
  return steal(Py_BuildValue("O()O", Py_TYPE(self), dict.get()));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", ast_reduce, nullptr),
    kEndOfMethods,
};
const PyGetSetDef kGetSets[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    kEndOfGetSets,
};
const PyMemberDef kMembers[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(AstObject, dict), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(slot<ast_dealloc>)},
    {Py_tp_getattro, reinterpret_cast<void*>(PyObject_GenericGetAttr)},
    {Py_tp_setattro, reinterpret_cast<void*>(PyObject_GenericSetAttr)},
    {Py_tp_traverse, reinterpret_cast<void*>(&Fields::traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(&Fields::clear)},
    {Py_tp_members, const_cast<PyMemberDef*>(kMembers)},
    {Py_tp_methods, const_cast<PyMethodDef*>(kMethods)},
    {Py_tp_getset, const_cast<PyGetSetDef*>(kGetSets)},
    {Py_tp_init, reinterpret_cast<void*>(slot<ast_init>)},
    {Py_tp_alloc, reinterpret_cast<void*>(PyType_GenericAlloc)},
    {Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)},
    {Py_tp_free, reinterpret_cast<void*>(PyObject_GC_Del)},
    {0, nullptr},
};

// ---- the classes --------------------------------------------------------------------------------------

Ref<> field_names(const ClassInfo& info) {
  Ref<> names = TRY(steal(PyTuple_New(info.field_count)));
  for (int i = 0; i < info.field_count; ++i) {
    PyTuple_SET_ITEM(names.get(), i, TRY(steal(PyUnicode_InternFromString(info.fields[i].name))).release());
  }
  return names;
}

Ref<> make_class(const char* title, PyObject* base, PyObject* fields, const char* doc) {
  return steal(PyObject_CallFunction(as_object(&PyType_Type), "s(O){sOsOsssz}", title, base, "_fields", fields,
                                     "__match_args__", fields, "__module__", "ast", "__doc__", doc));
}

Status set_optional_fields(PyObject* type, const ClassInfo& info) {
  for (int i = 0; i < info.field_count; ++i) {
    if (info.fields[i].quantity != Quantity::optional) continue;
    TRY(status_of(PyObject_SetAttrString(type, info.fields[i].name, Py_None)));
  }
  return Status::ok;
}

Status build(AstTypes& all) {
  PyType_Spec spec = {"ast.AST", sizeof(AstObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                      const_cast<PyType_Slot*>(kSlots)};
  all.base = TRY(steal(PyType_FromSpec(&spec))).release();
  Ref<> empty = TRY(steal(PyTuple_New(0)));
  for (PyObject* attribute : {name<"_fields">, name<"__match_args__">, name<"_attributes">}) {
    TRY(status_of(PyObject_SetAttr(all.base, attribute, empty.get())));
  }
  all.attribute_names = TRY(steal(PyTuple_Pack(4, name<"lineno">, name<"col_offset">, name<"end_lineno">,
                                               name<"end_col_offset">))).release();
  for (int t = 0; t < kTypeCount; ++t) {
    const TypeInfo& type = kTypes[t];
    bool product = type.shape == Shape::product;
    Ref<> fields = product ? TRY(field_names(kClasses[type.first_class])) : empty.new_ref();
    all.types[t] = TRY(make_class(type.name, all.base, fields.get(), type.doc)).release();
    if (product) TRY(set_optional_fields(all.types[t], kClasses[type.first_class]));
    TRY(status_of(PyObject_SetAttr(all.types[t], name<"_attributes">,
                                   type.location_offset >= 0 ? all.attribute_names : empty.get())));
    if (type.end_is_optional) {
      TRY(status_of(PyObject_SetAttr(all.types[t], name<"end_lineno">, Py_None)));
      TRY(status_of(PyObject_SetAttr(all.types[t], name<"end_col_offset">, Py_None)));
    }
    for (int c = type.first_class; c < type.first_class + type.class_count; ++c) {
      const ClassInfo& info = kClasses[c];
      all.field_names[c] = TRY(field_names(info)).release();
      all.classes[c] = product ? Py_NewRef(all.types[t])
                               : TRY(make_class(info.name, all.types[t], all.field_names[c], info.doc)).release();
      if (!product) TRY(set_optional_fields(all.classes[c], info));
      if (type.shape == Shape::simple) all.singletons[c] = TRY(steal(PyObject_CallNoArgs(all.classes[c]))).release();
    }
  }
  return Status::ok;
}

void destroy(AstTypes* all) {
  for (auto* list : {all->singletons, all->classes, all->field_names}) {
    for (int i = 0; i < kClassCount; ++i) clear_field(list[i]);
  }
  for (PyObject*& type : all->types) clear_field(type);
  clear_field(all->attribute_names);
  clear_field(all->base);
  PyMem_Free(all);
}

constexpr const char* kCapsuleName = "gill.ast_types";

void capsule_destroyed(PyObject* capsule) {
  if (auto* all = static_cast<AstTypes*>(PyCapsule_GetPointer(capsule, kCapsuleName))) destroy(all);
}

}  // namespace

const AstTypes* ast_types() {
  PyObject* state = PyInterpreterState_GetDict(PyInterpreterState_Get());
  if (!state) return raise(PyExc_RuntimeError, "the interpreter has no state for ast");
  if (PyObject* capsule = PyDict_GetItemWithError(state, name<"gill.ast_types">)) {
    return static_cast<AstTypes*>(PyCapsule_GetPointer(capsule, kCapsuleName));
  }
  if (PyErr_Occurred()) return nullptr;
  auto* all = static_cast<AstTypes*>(PyMem_Calloc(1, sizeof(AstTypes)));
  if (!all) {
    PyErr_NoMemory();
    return nullptr;
  }
  if (build(*all) == Status::error) {
    destroy(all);
    return nullptr;
  }
  Ref<> capsule = steal(PyCapsule_New(all, kCapsuleName, capsule_destroyed));
  if (!capsule) {
    destroy(all);
    return nullptr;
  }
  TRY(status_of(PyDict_SetItem(state, name<"gill.ast_types">, capsule.get())));
  return all;
}

}  // namespace gill::ast
