// TreeBuilder: from events to a tree of elements.
#include "modules/elementtree/elementtree.h"

namespace gill::elementtree {

struct Builder {
  PyObject_HEAD
  PyObject* root;            // the first element, or null
  PyObject* current;         // the element that is open, or None
  PyObject* last;            // the element that started or ended last, or None
  PyObject* last_for_tail;   // what ended last, if text that comes now follows it; else null
  PyObject* data;            // text not yet given to an element: a str, a list of them, or null
  PyObject* stack;           // list of the open elements around the current one, with None below
  PyObject* element_factory; // null: Element
  PyObject* comment_factory;
  PyObject* pi_factory;
  PyObject* append_event;    // of a pull parser's queue, or null
  PyObject* events[kEvents]; // names of the events it wants, or null
  bool insert_comments;
  bool insert_pis;
  State* state;  // lives as long as the type
};

namespace {

using Fields = HeapTypeFields<&Builder::root, &Builder::current, &Builder::last, &Builder::last_for_tail, &Builder::data, &Builder::stack,
                              &Builder::element_factory, &Builder::comment_factory, &Builder::pi_factory, &Builder::append_event>;

int builder_traverse(PyObject* object, visitproc visit, void* arg) {
  for (PyObject* event : reinterpret_cast<Builder*>(object)->events) Py_VISIT(event);
  return Fields::traverse(object, visit, arg);
}

int builder_clear(PyObject* object) {
  auto* self = reinterpret_cast<Builder*>(object);
  for (PyObject*& event : self->events) clear_field(event);
  Fields::clear(object);
  return 0;
}

void builder_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  builder_clear(object);
  type->tp_free(object);
  release(as_object(type));
}

PyObject* builder_new(PyTypeObject* type, PyObject*, PyObject*) {
  State* state = TRY(state_of_type(type));
  Ref<Builder> self = TRY(Ref<Builder>::steal(type->tp_alloc(type, 0)));
  self->current = none().release();
  self->last = none().release();
  self->stack = TRY(PyList_New(0));
  self->state = state;
  return as_object(self.release());
}

Status builder_init(Builder* self, PyObject* element_factory, PyObject* comment_factory, PyObject* pi_factory, bool insert_comments, bool insert_pis) {
  if (comment_factory == Py_None) comment_factory = self->state->comment_factory;
  if (pi_factory == Py_None) pi_factory = self->state->pi_factory;
  set_field(self->element_factory, element_factory == Py_None ? Ref<>() : borrow(element_factory));
  self->insert_comments = comment_factory && insert_comments;
  set_field(self->comment_factory, borrow(comment_factory));
  self->insert_pis = pi_factory && insert_pis;
  set_field(self->pi_factory, borrow(pi_factory));
  return Status::ok;
}

// ---- text ------------------------------------------------------------------------------------------------------

Ref<> joined(Ref<> data) {
  if (!PyList_CheckExact(data.get())) return data;
  return steal(PyUnicode_Join(name<"">, data.get()));
}

// Adds text to what an element has.
Status extend_text(State* state, PyObject* element, PyObject* Element::*field, PyObject* attribute_name, Ref<> data) {
  Ref<> text = TRY(joined(std::move(data)));
  if (is_plain_element(state, element)) {
    PyObject*& place = as_element(element)->*field;
    if (place != Py_None) text = TRY(steal(PyNumber_Add(place, text.get())));
    set_field(as_element(element)->*field, std::move(text));
    return Status::ok;
  }
  Ref<> before = TRY(attribute(element, attribute_name));
  if (before.get() != Py_None) text = TRY(steal(PyNumber_Add(before.get(), text.get())));
  return status_of(PyObject_SetAttr(element, attribute_name, text.get()));
}

Status flush_data(Builder* self) {
  if (!self->data) return Status::ok;
  Ref<> data = steal(std::exchange(self->data, nullptr));
  if (self->last_for_tail) {
    Ref<> element = borrow(self->last_for_tail);
    return extend_text(self->state, element.get(), &Element::tail, name<"tail">, std::move(data));
  }
  Ref<> element = borrow(self->last);
  return extend_text(self->state, element.get(), &Element::text, name<"text">, std::move(data));
}

// ---- tree ------------------------------------------------------------------------------------------------------

Status add_child(State* state, PyObject* parent, PyObject* child) {
  if (is_plain_element(state, parent) && is_element(state, child)) return append_child(as_element(parent), child);
  Ref<> result = TRY(call_method(parent, name<"append">, child));
  return Status::ok;
}

Status report(Builder* self, Event event, PyObject* what) {
  if (!self->events[event] || !self->append_event) return Status::ok;
  Ref<> pair = TRY(steal(PyTuple_Pack(2, self->events[event], what)));
  Ref<> result = TRY(call(self->append_event, pair.get()));
  return Status::ok;
}

}  // namespace

Ref<Builder> new_builder(State* state) { return Ref<Builder>::steal(builder_new(state->builder_type, nullptr, nullptr)); }

Ref<> builder_start(Builder* self, PyObject* tag, PyObject* attributes) {
  TRY(flush_data(self));
  Ref<> node;
  if (!self->element_factory) {
    node = TRY(new_element(self->state, tag, attributes));
  } else {
    Ref<> given = attributes ? borrow(attributes) : TRY(steal(PyDict_New()));
    node = TRY(call(self->element_factory, tag, given.get()));
  }
  Ref<> parent = borrow(self->current);
  clear_field(self->last_for_tail);
  if (parent.get() != Py_None) {
    TRY(add_child(self->state, parent.get(), node.get()));
  } else {
    if (self->root) return raise(self->state->parse_error, "multiple elements on top level");
    self->root = node.new_ref().release();
  }
  TRY(status_of(PyList_Append(self->stack, parent.get())));
  set_field(self->current, node.new_ref());
  set_field(self->last, node.new_ref());
  TRY(report(self, kStartEvent, node.get()));
  return node;
}

Ref<> builder_data(Builder* self, PyObject* data) {
  if (!self->data) {
    // Text before the first element is nobody's.
    if (self->last != Py_None) self->data = borrow(data).release();
    return none();
  }
  if (!PyList_CheckExact(self->data)) {
    Ref<> list = TRY(steal(PyList_New(1)));
    PyList_SET_ITEM(list.get(), 0, borrow(self->data).release());
    set_field(self->data, std::move(list));
  }
  TRY(status_of(PyList_Append(self->data, data)));
  return none();
}

Ref<> builder_end(Builder* self) {
  TRY(flush_data(self));
  Py_ssize_t depth = PyList_GET_SIZE(self->stack);
  if (depth == 0) return raise(PyExc_IndexError, "pop from empty stack");
  Ref<> parent = borrow(PyList_GET_ITEM(self->stack, depth - 1));
  TRY(status_of(PyList_SetSlice(self->stack, depth - 1, depth, nullptr)));
  Ref<> ended = borrow(self->current);
  set_field(self->current, std::move(parent));
  set_field(self->last, ended.new_ref());
  set_field(self->last_for_tail, ended.new_ref());
  TRY(report(self, kEndEvent, ended.get()));
  return ended;
}

namespace {

// A comment or an instruction, which may become part of the tree.
Ref<> place_node(Builder* self, Ref<> node, bool insert, Event event) {
  if (insert && self->current != Py_None) {
    Ref<> parent = borrow(self->current);
    TRY(add_child(self->state, parent.get(), node.get()));
    set_field(self->last_for_tail, node.new_ref());
  }
  TRY(report(self, event, node.get()));
  return node;
}

}  // namespace

Ref<> builder_comment(Builder* self, PyObject* text) {
  TRY(flush_data(self));
  if (!self->comment_factory) return place_node(self, borrow(text), false, kCommentEvent);
  Ref<> comment = TRY(call(self->comment_factory, text));
  return place_node(self, std::move(comment), self->insert_comments, kCommentEvent);
}

Ref<> builder_pi(Builder* self, PyObject* target, PyObject* text) {
  TRY(flush_data(self));
  if (!self->pi_factory) {
    Ref<> pair = TRY(steal(PyTuple_Pack(2, target, text)));
    return place_node(self, std::move(pair), false, kPiEvent);
  }
  Ref<> instruction = TRY(call(self->pi_factory, target, text));
  return place_node(self, std::move(instruction), self->insert_pis, kPiEvent);
}

Ref<> builder_close(Builder* self) { return borrow(self->root ? self->root : Py_None); }

Status builder_start_namespace(Builder* self, PyObject* prefix, PyObject* uri) {
  if (!self->append_event || !self->events[kStartNamespaceEvent]) return Status::ok;
  Ref<> pair = TRY(steal(PyTuple_Pack(2, prefix, uri)));
  return report(self, kStartNamespaceEvent, pair.get());
}
Status builder_end_namespace(Builder* self) { return report(self, kEndNamespaceEvent, Py_None); }

void builder_forget_events(Builder* self, Ref<> append) {
  set_field(self->append_event, std::move(append));
  for (PyObject*& event : self->events) clear_field(event);
}
void builder_want_event(Builder* self, Event event, Ref<> event_name) { set_field(self->events[event], std::move(event_name)); }
bool builder_wants_event(Builder* self, Event event) { return self->events[event] != nullptr; }

namespace {

Ref<> start(Builder* self, PyObject* tag, PyDictObject* attributes) { return builder_start(self, tag, as_object(attributes)); }
Ref<> end(Builder* self, PyObject*) { return builder_end(self); }

const PyMethodDef kMethods[] = {
    METHOD("data($self, data, /)", builder_data, ""),
    METHOD("start($self, tag, attrs, /)", start, ""),
    METHOD("end($self, tag, /)", end, ""),
    METHOD("comment($self, text, /)", builder_comment, ""),
    METHOD("pi($self, target, text=None, /)", builder_pi, ""),
    METHOD("close($self, /)", builder_close, ""),
    kEndOfMethods,
};

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)builder_dealloc},
    {Py_tp_traverse, (void*)builder_traverse},
    {Py_tp_clear, (void*)builder_clear},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_init, (void*)INITIALIZER("TreeBuilder($self, element_factory=None, *, comment_factory=None, pi_factory=None, "
                                    "insert_comments=False, insert_pis=False)",
                                    builder_init)},
    {Py_tp_new, (void*)builder_new},
    {0, nullptr},
};
PyType_Spec spec = {"xml.etree.ElementTree.TreeBuilder", sizeof(Builder), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Status add_builder_type(PyObject* module) {
  State* state = state_of(module);
  state->builder_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return status_of(PyModule_AddObjectRef(module, "TreeBuilder", as_object(state->builder_type)));
}

}  // namespace gill::elementtree
