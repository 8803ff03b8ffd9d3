// What the files of `_elementtree` share.
#pragma once

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"

namespace gill::elementtree {

struct State {
  PyObject* parse_error;
  PyObject* deepcopy;         // copy.deepcopy
  PyObject* element_path;     // the module xml.etree.ElementPath, which knows path expressions
  PyObject* comment_factory;  // set by xml.etree.ElementTree; null without one
  PyObject* pi_factory;
  PyTypeObject* element_type;
  PyTypeObject* iterator_type;
  PyTypeObject* builder_type;
  PyTypeObject* parser_type;
};

extern PyModuleDef module_definition;

inline State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }
inline State* state_of_type(PyTypeObject* type) {
  PyObject* module = PyType_GetModuleByDef(type, &module_definition);
  return module ? state_of(module) : nullptr;
}
template <class T>
State* state_for(T* self) {
  return state_of_type(Py_TYPE(self));
}

// ---- elements ----------------------------------------------------------------------------------------------

struct Element;

inline constexpr Py_ssize_t kInlineChildren = 4;

// What most leaves do without.
struct Extra {
  PyObject* attributes;  // dict or null
  Py_ssize_t length;
  Py_ssize_t capacity;
  PyObject** children;  // elements; `inline_children` or a block of its own
  PyObject* inline_children[kInlineChildren];
};

struct Element {
  PyObject_HEAD
  PyObject* tag;
  PyObject* text;
  PyObject* tail;
  Extra* extra;
  PyObject* weakrefs;
};

inline bool is_element(State* state, PyObject* object) { return PyObject_TypeCheck(object, state->element_type); }
inline bool is_plain_element(State* state, PyObject* object) { return Py_IS_TYPE(object, state->element_type); }
inline Element* as_element(PyObject* object) { return reinterpret_cast<Element*>(object); }
inline Py_ssize_t child_count(const Element* self) { return self->extra ? self->extra->length : 0; }

// `attributes` may be null; the element shares it.
Ref<Element> new_element(State* state, PyObject* tag, PyObject* attributes);
Status ensure_extra(Element* self);
// The dict of attributes, made if need be. Borrowed from the element.
PyObject* attributes_of(Element* self);
Status reserve_children(Element* self, Py_ssize_t more);
Status append_child(Element* self, PyObject* child);
Failure not_an_element(PyObject* object);
// Children that a slice or a loop looks at, while foreign code may change the element: new references.
Ref<> child_at(Element* self, Py_ssize_t index);

PyObject* element_new(PyTypeObject* type, PyObject* args, PyObject* kwargs);
int element_init(PyObject* self, PyObject* args, PyObject* kwargs);
PyObject* sub_element(PyObject* module, PyObject* args, PyObject* kwargs);
Ref<> element_repr(Element* self);

Py_ssize_t element_length(PyObject* self);
PyObject* element_item(PyObject* self, Py_ssize_t index);
PyObject* element_subscript(PyObject* self, PyObject* key);
int element_assign_item(PyObject* self, Py_ssize_t index, PyObject* value);
int element_assign_subscript(PyObject* self, PyObject* key, PyObject* value);

extern const PyMethodDef kElementMethods[];

// Walks over the tree below `root`: elements with `tag` (None: all), or their text.
Ref<> new_iterator(State* state, Element* root, PyObject* tag, bool text);

Status add_element_type(PyObject* module);
Status add_iterator_type(PyObject* module);

// ---- building ------------------------------------------------------------------------------------------------

struct Builder;

Ref<Builder> new_builder(State* state);
Ref<> builder_start(Builder* self, PyObject* tag, PyObject* attributes);
Ref<> builder_data(Builder* self, PyObject* data);
Ref<> builder_end(Builder* self);
Ref<> builder_comment(Builder* self, PyObject* text);
Ref<> builder_pi(Builder* self, PyObject* target, PyObject* text);
Ref<> builder_close(Builder* self);
Status builder_start_namespace(Builder* self, PyObject* prefix, PyObject* uri);
Status builder_end_namespace(Builder* self);

// What a pull parser wants to hear of.
enum Event { kStartEvent, kEndEvent, kStartNamespaceEvent, kEndNamespaceEvent, kCommentEvent, kPiEvent, kEvents };
void builder_forget_events(Builder* self, Ref<> append);
void builder_want_event(Builder* self, Event event, Ref<> event_name);
bool builder_wants_event(Builder* self, Event event);

Status add_builder_type(PyObject* module);

// ---- parsing -------------------------------------------------------------------------------------------------

Status add_parser_type(PyObject* module);

}  // namespace gill::elementtree
