// The methods of Element.
#include "modules/elementtree/elementtree.h"

namespace gill::elementtree {

namespace {

// ---- searching -----------------------------------------------------------------------------------------------

// Whether it takes more than comparing tags to find it.
bool is_path(PyObject* tag) {
  auto has_path_character = [](auto read, Py_ssize_t size) {
    if (size >= 3 && read(0) == '{' && (read(1) == '}' || (read(1) == '*' && read(2) == '}'))) return true;  // any namespace, or none
    bool in_namespace = false;
    for (Py_ssize_t i = 0; i < size; ++i) {
      Py_UCS4 c = read(i);
      if (c == '{') in_namespace = true;
      else if (c == '}') in_namespace = false;
      else if (!in_namespace && (c == '/' || c == '*' || c == '[' || c == '@' || c == '.')) return true;
    }
    return false;
  };
  if (PyUnicode_Check(tag)) {
    return has_path_character([&](Py_ssize_t i) { return PyUnicode_READ_CHAR(tag, i); }, PyUnicode_GET_LENGTH(tag));
  }
  if (PyBytes_Check(tag)) {
    return has_path_character([&](Py_ssize_t i) { return static_cast<Py_UCS4>(static_cast<unsigned char>(PyBytes_AS_STRING(tag)[i])); },
                              PyBytes_GET_SIZE(tag));
  }
  return true;
}

// The first child at or behind `*index` with the tag: a new reference, null at the end or after a failure.
Ref<> next_match(Element* self, PyObject* tag, Py_ssize_t* index) {
  State* state = TRY(state_for(self));
  while (Ref<> child = child_at(self, (*index)++)) {
    if (!is_element(state, child.get())) return not_an_element(child.get());
    Ref<> child_tag = borrow(as_element(child.get())->tag);
    if (TRY(truth_of(PyObject_RichCompareBool(child_tag.get(), tag, Py_EQ)))) return child;
  }
  return nullptr;
}

Ref<> find(Element* self, PyObject* path, PyObject* namespaces) {
  if (is_path(path) || namespaces != Py_None) {
    State* state = TRY(state_for(self));
    return call_method(state->element_path, name<"find">, self, path, namespaces);
  }
  Py_ssize_t index = 0;
  Ref<> child = next_match(self, path, &index);
  if (!child && !PyErr_Occurred()) return none();
  return child;
}

Ref<> find_text(Element* self, PyObject* path, PyObject* fallback, PyObject* namespaces) {
  if (is_path(path) || namespaces != Py_None) {
    State* state = TRY(state_for(self));
    return call_method(state->element_path, name<"findtext">, self, path, fallback, namespaces);
  }
  Py_ssize_t index = 0;
  Ref<> child = next_match(self, path, &index);
  if (!child) return PyErr_Occurred() ? Ref<>() : borrow(fallback);
  PyObject* text = as_element(child.get())->text;
  return text == Py_None ? borrow(name<"">) : borrow(text);
}

Ref<> find_all(Element* self, PyObject* path, PyObject* namespaces) {
  if (is_path(path) || namespaces != Py_None) {
    State* state = TRY(state_for(self));
    return call_method(state->element_path, name<"findall">, self, path, namespaces);
  }
  Ref<> found = TRY(steal(PyList_New(0)));
  Py_ssize_t index = 0;
  while (Ref<> child = next_match(self, path, &index)) TRY(status_of(PyList_Append(found.get(), child.get())));
  if (PyErr_Occurred()) return nullptr;
  return found;
}

Ref<> iterate_found(Element* self, PyObject* path, PyObject* namespaces) {
  State* state = TRY(state_for(self));
  return call_method(state->element_path, name<"iterfind">, self, path, namespaces);
}

Ref<> iterate(Element* self, PyObject* tag) {
  State* state = TRY(state_for(self));
  if (PyUnicode_Check(tag)) {
    if (PyUnicode_GET_LENGTH(tag) == 1 && PyUnicode_READ_CHAR(tag, 0) == '*') tag = Py_None;
  } else if (PyBytes_Check(tag)) {
    if (PyBytes_GET_SIZE(tag) == 1 && PyBytes_AS_STRING(tag)[0] == '*') tag = Py_None;
  }
  return new_iterator(state, self, tag, false);
}

Ref<> iterate_text(Element* self) {
  State* state = TRY(state_for(self));
  return new_iterator(state, self, Py_None, true);
}

// ---- children ------------------------------------------------------------------------------------------------

Failure wrong_argument(const char* method, const char* which, PyObject* got) {
  return raise(PyExc_TypeError, "%s() argument%s must be xml.etree.ElementTree.Element, not %.50s", method, which,
               got == Py_None ? "None" : Py_TYPE(got)->tp_name);
}

Status append(Element* self, PyObject* child) {
  State* state = TRY(state_for(self));
  if (!is_element(state, child)) return wrong_argument("append", "", child);
  return append_child(self, child);
}

Status extend(Element* self, PyObject* elements) {
  State* state = TRY(state_for(self));
  Ref<> items = steal(PySequence_Fast(elements, ""));
  if (!items) return raise(PyExc_TypeError, "expected sequence, not \"%.200s\"", Py_TYPE(elements)->tp_name);
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
    Ref<> item = borrow(PySequence_Fast_GET_ITEM(items.get(), i));
    if (!is_element(state, item.get())) return not_an_element(item.get());
    TRY(append_child(self, item.get()));
  }
  return Status::ok;
}

Status insert(Element* self, Py_ssize_t index, PyObject* child) {
  State* state = TRY(state_for(self));
  if (!is_element(state, child)) return wrong_argument("insert", " 2", child);
  TRY(reserve_children(self, 1));
  Extra* extra = self->extra;
  if (index < 0) index = index + extra->length < 0 ? 0 : index + extra->length;
  if (index > extra->length) index = extra->length;
  std::memmove(extra->children + index + 1, extra->children + index, static_cast<size_t>(extra->length - index) * sizeof(PyObject*));
  extra->children[index] = borrow(child).release();
  ++extra->length;
  return Status::ok;
}

Status remove_child(Element* self, PyObject* child) {
  State* state = TRY(state_for(self));
  if (!is_element(state, child)) return wrong_argument("remove", "", child);
  Py_ssize_t found = -1;
  for (Py_ssize_t i = 0; i < child_count(self) && found < 0; ++i) {
    if (self->extra->children[i] == child) found = i;
  }
  for (Py_ssize_t i = 0; found < 0; ++i) {
    Ref<> candidate = child_at(self, i);
    if (!candidate) break;
    if (TRY(truth_of(PyObject_RichCompareBool(candidate.get(), child, Py_EQ)))) found = i;
  }
  if (found < 0 || found >= child_count(self)) return raise(PyExc_ValueError, "list.remove(x): x not in list");
  return status_of(element_assign_item(as_object(self), found, nullptr));
}

Status clear(Element* self) {
  // One piece after the other leaves the element before it can run code.
  if (self->extra) {
    Ref<> attributes = steal(std::exchange(self->extra->attributes, nullptr));
    Ref<> all = TRY(steal(PySlice_New(nullptr, nullptr, nullptr)));
    TRY(status_of(element_assign_subscript(as_object(self), all.get(), nullptr)));
  }
  set_field(self->text, none());
  set_field(self->tail, none());
  return Status::ok;
}

Ref<> make_element(Element* self, PyObject* tag, PyDictObject* attributes) {
  State* state = TRY(state_for(self));
  Ref<> copy = TRY(steal(PyDict_Copy(as_object(attributes))));
  return new_element(state, tag, copy.get());
}

// ---- attributes ------------------------------------------------------------------------------------------------

Ref<> get(Element* self, PyObject* key, PyObject* fallback) {
  if (!self->extra || !self->extra->attributes) return borrow(fallback);
  Ref<> attributes = borrow(self->extra->attributes);
  PyObject* value = PyDict_GetItemWithError(attributes.get(), key);
  if (value) return borrow(value);
  return PyErr_Occurred() ? Ref<>() : borrow(fallback);
}

Status set(Element* self, PyObject* key, PyObject* value) {
  Ref<> attributes = borrow(TRY(attributes_of(self)));
  return status_of(PyDict_SetItem(attributes.get(), key, value));
}

Ref<> items(Element* self) {
  return steal(self->extra && self->extra->attributes ? PyDict_Items(self->extra->attributes) : PyList_New(0));
}
Ref<> keys(Element* self) {
  return steal(self->extra && self->extra->attributes ? PyDict_Keys(self->extra->attributes) : PyList_New(0));
}

// ---- copies ------------------------------------------------------------------------------------------------------

Ref<> copy(Element* self) {
  State* state = TRY(state_for(self));
  Ref<Element> result = TRY(new_element(state, self->tag, self->extra ? self->extra->attributes : nullptr));
  set_field(result->text, borrow(self->text));
  set_field(result->tail, borrow(self->tail));
  for (Py_ssize_t i = 0; i < child_count(self); ++i) TRY(append_child(result.get(), self->extra->children[i]));
  return result;
}

Ref<> deep_copy(Element* self, PyDictObject* memo);

Ref<> deep_copy_of(State* state, PyObject* object, PyObject* memo) {
  // What most parts are.
  if (object == Py_None || PyUnicode_CheckExact(object)) return borrow(object);
  if (PyDict_CheckExact(object)) {
    bool simple = true;
    PyObject *key, *value;
    for (Py_ssize_t position = 0; simple && PyDict_Next(object, &position, &key, &value);) {
      simple = PyUnicode_CheckExact(key) && PyUnicode_CheckExact(value);
    }
    if (simple) return steal(PyDict_Copy(object));
  } else if (is_plain_element(state, object) && Py_REFCNT(object) == 2) {
    // Only its parent and our caller know it: the memo would not.
    return deep_copy(as_element(object), reinterpret_cast<PyDictObject*>(memo));
  }
  if (!state->deepcopy) return raise(PyExc_RuntimeError, "deepcopy helper not found");
  return call(state->deepcopy, object, memo);
}

Ref<> deep_copy(Element* self, PyDictObject* memo_dict) {
  State* state = TRY(state_for(self));
  PyObject* memo = as_object(memo_dict);
  if (Py_EnterRecursiveCall(" while copying an Element")) return nullptr;
  auto build = [&]() -> Ref<> {
    Ref<> tag = TRY(deep_copy_of(state, Ref<>::borrow(self->tag).get(), memo));
    Ref<> attributes;
    if (self->extra && self->extra->attributes) {
      Ref<> old = borrow(self->extra->attributes);
      attributes = TRY(deep_copy_of(state, old.get(), memo));
    }
    Ref<Element> result = TRY(new_element(state, tag.get(), attributes.get()));
    Ref<> text = borrow(self->text);
    set_field(result->text, TRY(deep_copy_of(state, text.get(), memo)));
    Ref<> tail = borrow(self->tail);
    set_field(result->tail, TRY(deep_copy_of(state, tail.get(), memo)));
    for (Py_ssize_t i = 0; i < child_count(self); ++i) {
      Ref<> child = child_at(self, i);
      Ref<> child_copy = TRY(deep_copy_of(state, child.get(), memo));
      if (!is_element(state, child_copy.get())) return not_an_element(child_copy.get());
      TRY(append_child(result.get(), child_copy.get()));
    }
    Ref<> identity = TRY(steal(PyLong_FromVoidPtr(self)));
    TRY(status_of(PyDict_SetItem(memo, identity.get(), result.object())));
    return result;
  };
  Ref<> result = build();
  Py_LeaveRecursiveCall();
  return result;
}

Maybe<Py_ssize_t> size_of(Element* self) {
  auto size = static_cast<Py_ssize_t>(_PyObject_SIZE(Py_TYPE(self)));
  if (self->extra) {
    size += static_cast<Py_ssize_t>(sizeof(Extra));
    if (self->extra->children != self->extra->inline_children) {
      size += self->extra->capacity * static_cast<Py_ssize_t>(sizeof(PyObject*));
    }
  }
  return size;
}

// The same as the instance dict of the class in Python, so that pickles move between the two.
Ref<> get_state(Element* self) {
  Ref<> children = TRY(steal(PyList_New(child_count(self))));
  for (Py_ssize_t i = 0; i < child_count(self); ++i) PyList_SET_ITEM(children.get(), i, borrow(self->extra->children[i]).release());
  Ref<> attributes = self->extra && self->extra->attributes ? borrow(self->extra->attributes) : TRY(steal(PyDict_New()));
  return steal(Py_BuildValue("{sOsOsOsOsO}", "tag", self->tag, "_children", children.get(), "attrib", attributes.get(), "text",
                             self->text, "tail", self->tail));
}

Ref<> entry(PyObject* dict, PyObject* key) {
  PyObject* value = PyDict_GetItemWithError(dict, key);
  if (!value && PyErr_Occurred()) return nullptr;
  return borrow(value ? value : Py_None);
}

Ref<> set_state(Element* self, PyObject* fields) {
  if (!PyDict_CheckExact(fields)) {
    PyErr_Format(PyExc_TypeError, "Don't know how to unpickle \"%.200R\" as an Element", fields);
    return nullptr;
  }
  State* state = TRY(state_for(self));
  PyObject* tag = PyDict_GetItemWithError(fields, name<"tag">);
  if (!tag) {
    if (PyErr_Occurred()) return nullptr;
    return raise(PyExc_TypeError, "tag may not be NULL");
  }
  Ref<> held_tag = borrow(tag);
  Ref<> text = TRY(entry(fields, name<"text">));
  Ref<> tail = TRY(entry(fields, name<"tail">));
  Ref<> attributes = TRY(entry(fields, name<"attrib">));
  Ref<> children = TRY(entry(fields, name<"_children">));
  if (children.get() != Py_None) {
    if (!PyList_Check(children.get())) return raise(PyExc_TypeError, "'_children' is not a list");
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(children.get()); ++i) {
      if (!is_element(state, PyList_GET_ITEM(children.get(), i))) return not_an_element(PyList_GET_ITEM(children.get(), i));
    }
  }
  if (attributes.get() != Py_None && !PyDict_Check(attributes.get())) {
    return raise(PyExc_TypeError, "attrib must be dict, not %.200s", Py_TYPE(attributes.get())->tp_name);
  }
  set_field(self->tag, std::move(held_tag));
  TRY(clear(self));
  set_field(self->text, std::move(text));
  set_field(self->tail, std::move(tail));
  if (attributes.get() != Py_None) {
    TRY(ensure_extra(self));
    set_field(self->extra->attributes, std::move(attributes));
  }
  if (children.get() != Py_None) TRY(extend(self, children.get()));
  return none();
}

}  // namespace

const PyMethodDef kElementMethods[] = {
    METHOD("clear($self, /)", clear, ""),
    METHOD("get($self, /, key, default=None)", get, ""),
    METHOD("set($self, key, value, /)", set, ""),
    METHOD("find($self, /, path, namespaces=None)", find, ""),
    METHOD("findtext($self, /, path, default=None, namespaces=None)", find_text, ""),
    METHOD("findall($self, /, path, namespaces=None)", find_all, ""),
    METHOD("append($self, subelement, /)", append, ""),
    METHOD("extend($self, elements, /)", extend, ""),
    METHOD("insert($self, index, subelement, /)", insert, ""),
    METHOD("remove($self, subelement, /)", remove_child, ""),
    METHOD("iter($self, /, tag=None)", iterate, ""),
    METHOD("itertext($self, /)", iterate_text, ""),
    METHOD("iterfind($self, /, path, namespaces=None)", iterate_found, ""),
    METHOD("items($self, /)", items, ""),
    METHOD("keys($self, /)", keys, ""),
    METHOD("makeelement($self, tag, attrib, /)", make_element, ""),
    METHOD("__copy__($self, /)", copy, ""),
    METHOD("__deepcopy__($self, memo, /)", deep_copy, ""),
    METHOD("__sizeof__($self, /)", size_of, ""),
    METHOD("__getstate__($self, /)", get_state, ""),
    METHOD("__setstate__($self, state, /)", set_state, ""),
    kEndOfMethods,
};

}  // namespace gill::elementtree
