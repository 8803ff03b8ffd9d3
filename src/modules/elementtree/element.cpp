// xml.etree.ElementTree.Element: creation, children, attributes, life and death.
#include "modules/elementtree/elementtree.h"

#include <structmember.h>

namespace gill::elementtree {

// ---- storage -------------------------------------------------------------------------------------------------

Status ensure_extra(Element* self) {
  if (self->extra) return Status::ok;
  auto* extra = static_cast<Extra*>(PyObject_Malloc(sizeof(Extra)));
  if (!extra) {
    PyErr_NoMemory();
    return Status::error;
  }
  extra->attributes = nullptr;
  extra->length = 0;
  extra->capacity = kInlineChildren;
  extra->children = extra->inline_children;
  self->extra = extra;
  return Status::ok;
}

namespace {

// Drops children and attributes. They are out of the element's reach before any of them can run code.
void drop_extra(Element* self) {
  Extra* extra = std::exchange(self->extra, nullptr);
  if (!extra) return;
  clear_field(extra->attributes);
  for (Py_ssize_t i = 0; i < extra->length; ++i) release(extra->children[i]);
  if (extra->children != extra->inline_children) PyObject_Free(extra->children);
  PyObject_Free(extra);
}

}  // namespace

PyObject* attributes_of(Element* self) {
  TRY(ensure_extra(self));
  if (!self->extra->attributes) {
    PyObject* dict = TRY(PyDict_New());
    self->extra->attributes = dict;
  }
  return self->extra->attributes;
}

Status reserve_children(Element* self, Py_ssize_t more) {
  TRY(ensure_extra(self));
  Extra* extra = self->extra;
  Py_ssize_t size = extra->length + more;
  if (size <= extra->capacity) return Status::ok;
  size += (size >> 3) + (size < 9 ? 3 : 6);
  if (static_cast<size_t>(size) > PY_SSIZE_T_MAX / sizeof(PyObject*)) {
    PyErr_NoMemory();
    return Status::error;
  }
  bool is_inline = extra->children == extra->inline_children;
  auto** grown = static_cast<PyObject**>(PyObject_Realloc(is_inline ? nullptr : extra->children, static_cast<size_t>(size) * sizeof(PyObject*)));
  if (!grown) {
    PyErr_NoMemory();
    return Status::error;
  }
  if (is_inline) std::memcpy(grown, extra->children, static_cast<size_t>(extra->length) * sizeof(PyObject*));
  extra->children = grown;
  extra->capacity = size;
  return Status::ok;
}

Status append_child(Element* self, PyObject* child) {
  TRY(reserve_children(self, 1));
  self->extra->children[self->extra->length++] = borrow(child).release();
  return Status::ok;
}

Failure not_an_element(PyObject* object) {
  return raise(PyExc_TypeError, "expected an Element, not \"%.200s\"", Py_TYPE(object)->tp_name);
}

Ref<> child_at(Element* self, Py_ssize_t index) {
  return index < child_count(self) ? borrow(self->extra->children[index]) : Ref<>();
}

// ---- creation ------------------------------------------------------------------------------------------------

Ref<Element> new_element(State* state, PyObject* tag, PyObject* attributes) {
  Ref<Element> self = TRY(Ref<Element>::steal(PyObject_GC_New(Element, state->element_type)));
  self->tag = borrow(tag).release();
  self->text = none().release();
  self->tail = none().release();
  self->extra = nullptr;
  self->weakrefs = nullptr;
  PyObject_GC_Track(self.object());
  if (attributes && PyDict_GET_SIZE(attributes) != 0) {
    TRY(ensure_extra(self.get()));
    self->extra->attributes = borrow(attributes).release();
  }
  return self;
}

PyObject* element_new(PyTypeObject* type, PyObject*, PyObject*) {
  Ref<Element> self = TRY(Ref<Element>::steal(type->tp_alloc(type, 0)));
  self->tag = none().release();
  self->text = none().release();
  self->tail = none().release();
  return as_object(self.release());
}

namespace {

// The attributes that a call gives: a copy of the dict with the keywords added, or of the keywords, where `attrib` may stand too.
// Null without an exception for none.
Ref<> given_attributes(PyObject* attributes, PyObject* kwargs) {
  if (attributes) {
    Ref<> all = TRY(steal(PyDict_Copy(attributes)));
    if (kwargs) TRY(status_of(PyDict_Update(all.get(), kwargs)));
    return all;
  }
  if (!kwargs) return nullptr;
  PyObject* as_keyword = PyDict_GetItemWithError(kwargs, name<"attrib">);
  if (!as_keyword) {
    if (PyErr_Occurred()) return nullptr;
    return steal(PyDict_Copy(kwargs));
  }
  if (!PyDict_Check(as_keyword)) return raise(PyExc_TypeError, "attrib must be dict, not %.100s", Py_TYPE(as_keyword)->tp_name);
  Ref<> all = TRY(steal(PyDict_Copy(as_keyword)));
  Ref<> others = TRY(steal(PyDict_Copy(kwargs)));
  TRY(status_of(PyDict_DelItem(others.get(), name<"attrib">)));
  TRY(status_of(PyDict_Update(all.get(), others.get())));
  return all;
}

}  // namespace

int element_init(PyObject* object, PyObject* args, PyObject* kwargs) {
  Element* self = as_element(object);
  PyObject* tag;
  PyObject* attributes = nullptr;
  if (!PyArg_ParseTuple(args, "O|O!:Element", &tag, &PyDict_Type, &attributes)) return -1;
  Ref<> all = given_attributes(attributes, kwargs);
  if (!all && PyErr_Occurred()) return -1;
  if (all && PyDict_GET_SIZE(all.get()) != 0) {
    TRY(ensure_extra(self));
    set_field(self->extra->attributes, std::move(all));
  } else if (self->extra) {
    clear_field(self->extra->attributes);
  }
  set_field(self->tag, borrow(tag));
  set_field(self->text, none());
  set_field(self->tail, none());
  return 0;
}

PyObject* sub_element(PyObject* module, PyObject* args, PyObject* kwargs) {
  State* state = state_of(module);
  PyObject *parent, *tag;
  PyObject* attributes = nullptr;
  if (!PyArg_ParseTuple(args, "O!O|O!:SubElement", state->element_type, &parent, &tag, &PyDict_Type, &attributes)) return nullptr;
  Ref<> all = given_attributes(attributes, kwargs);
  if (!all && PyErr_Occurred()) return nullptr;
  Ref<Element> child = TRY(new_element(state, tag, all.get()));
  TRY(append_child(as_element(parent), child.object()));
  return as_object(child.release());
}

namespace {

int element_traverse(PyObject* object, visitproc visit, void* arg) {
  Element* self = as_element(object);
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->tag);
  Py_VISIT(self->text);
  Py_VISIT(self->tail);
  if (self->extra) {
    Py_VISIT(self->extra->attributes);
    for (Py_ssize_t i = 0; i < self->extra->length; ++i) Py_VISIT(self->extra->children[i]);
  }
  return 0;
}

// The fields that methods rely on become None, as the object may still be reached.
int element_clear_fields(PyObject* object) {
  Element* self = as_element(object);
  set_field(self->tag, none());
  set_field(self->text, none());
  set_field(self->tail, none());
  drop_extra(self);
  return 0;
}

void element_dealloc(PyObject* object) {
  Element* self = as_element(object);
  PyObject_GC_UnTrack(object);
  // Documents can be deep.
  Py_TRASHCAN_BEGIN(object, element_dealloc)
  if (self->weakrefs) PyObject_ClearWeakRefs(object);
  clear_field(self->tag);
  clear_field(self->text);
  clear_field(self->tail);
  drop_extra(self);
  PyTypeObject* type = Py_TYPE(object);
  type->tp_free(object);
  release(as_object(type));
  Py_TRASHCAN_END
}

// ---- attributes ------------------------------------------------------------------------------------------------

template <PyObject* Element::*Field>
Ref<> get_field(Element* self) { return borrow(self->*Field); }
template <PyObject* Element::*Field>
Status assign_field(Element* self, PyObject* value) {
  if (!value) return raise(PyExc_AttributeError, "can't delete element attribute");
  set_field(self->*Field, borrow(value));
  return Status::ok;
}

Ref<> get_attributes(Element* self) { return borrow(attributes_of(self)); }
Status assign_attributes(Element* self, PyObject* value) {
  if (!value) return raise(PyExc_AttributeError, "can't delete element attribute");
  if (!PyDict_Check(value)) return raise(PyExc_TypeError, "attrib must be dict, not %.200s", Py_TYPE(value)->tp_name);
  TRY(ensure_extra(self));
  set_field(self->extra->attributes, borrow(value));
  return Status::ok;
}

const PyGetSetDef kGetSets[] = {
    getset<get_field<&Element::tag>, assign_field<&Element::tag>>("tag", "A string identifying what kind of data this element represents"),
    getset<get_field<&Element::text>, assign_field<&Element::text>>("text", "A string of text directly after the start tag, or None"),
    getset<get_field<&Element::tail>, assign_field<&Element::tail>>("tail", "A string of text directly after the end tag, or None"),
    getset<get_attributes, assign_attributes>("attrib", "A dictionary containing the element's attributes"),
    kEndOfGetSets,
};

}  // namespace

Ref<> element_repr(Element* self) {
  int recursive = Py_ReprEnter(as_object(self));
  if (recursive < 0) return nullptr;
  if (recursive > 0) return raise(PyExc_RuntimeError, "reentrant call inside %s.__repr__", Py_TYPE(self)->tp_name);
  Ref<> text = steal(PyUnicode_FromFormat("<Element %R at %p>", self->tag, self));
  Py_ReprLeave(as_object(self));
  return text;
}

namespace {

const PyMemberDef kMembers[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Element, weakrefs), READONLY, nullptr},
    {},
};

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)element_dealloc},
    {Py_tp_traverse, (void*)element_traverse},
    {Py_tp_clear, (void*)element_clear_fields},
    {Py_tp_repr, (void*)slot<element_repr>},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_new, (void*)element_new},
    {Py_tp_init, (void*)element_init},
    {Py_tp_methods, (void*)kElementMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_getset, (void*)kGetSets},
    {Py_sq_length, (void*)element_length},
    {Py_sq_item, (void*)element_item},
    {Py_sq_ass_item, (void*)element_assign_item},
    {Py_mp_length, (void*)element_length},
    {Py_mp_subscript, (void*)element_subscript},
    {Py_mp_ass_subscript, (void*)element_assign_subscript},
    {0, nullptr},
};
PyType_Spec spec = {"xml.etree.ElementTree.Element", sizeof(Element), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Status add_element_type(PyObject* module) {
  State* state = state_of(module);
  state->element_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return status_of(PyModule_AddObjectRef(module, "Element", as_object(state->element_type)));
}

}  // namespace gill::elementtree
