// Loading containers, classes and instances.
#include "modules/pickle/load.h"

namespace gill::pickle {

// ---- containers ---------------------------------------------------------------------------------------------------------------------

Status load_counted_tuple(Unpickler* self, Py_ssize_t size) {
  if (self->stack->size < self->stack->fence + size) return stack_underflow(self);
  return push(self, pop_tuple(self, self->stack->size - size));
}

Status load_tuple(Unpickler* self) { return push(self, pop_tuple(self, TRY(pop_mark(self)))); }
Status load_list(Unpickler* self) { return push(self, pop_list(self, TRY(pop_mark(self)))); }

Status load_frozenset(Unpickler* self) {
  Ref<> items = TRY(pop_tuple(self, TRY(pop_mark(self))));
  return push(self, steal(PyFrozenSet_New(items.get())));
}

Status load_dict(Unpickler* self) {
  Py_ssize_t mark = TRY(pop_mark(self));
  Ref<> dict = TRY(steal(PyDict_New()));
  if ((self->stack->size - mark) % 2 != 0) return raise(self->state->unpickling_error, "odd number of items for DICT");
  Ref<> items = TRY(pop_list(self, mark));
  for (Py_ssize_t i = 0; i + 1 < PyList_GET_SIZE(items.get()); i += 2) {
    TRY(status_of(PyDict_SetItem(dict.get(), PyList_GET_ITEM(items.get(), i), PyList_GET_ITEM(items.get(), i + 1))));
  }
  return push(self, std::move(dict));
}

namespace {

// The object that the items from `start` on are for, which lies below them. Empty without an exception: there are no items.
Ref<> target_of_items(Unpickler* self, Py_ssize_t start) {
  Stack* stack = self->stack;
  if (start > stack->size || start <= stack->fence) return stack_underflow(self);
  return start == stack->size ? Ref<>() : borrow(stack->items[start - 1]);
}

Status append_items(Unpickler* self, Py_ssize_t start) {
  Ref<> list = target_of_items(self, start);
  if (!list) return PyErr_Occurred() ? Status::error : Status::ok;
  if (PyList_CheckExact(list.get()) && self->stack->size == start + 1) {
    Ref<> item = TRY(pop(self));
    return status_of(PyList_Append(list.get(), item.get()));
  }
  Ref<> items = TRY(pop_list(self, start));
  if (PyList_CheckExact(list.get())) {
    Py_ssize_t end = PyList_GET_SIZE(list.get());
    return status_of(PyList_SetSlice(list.get(), end, end, items.get()));
  }
  PyObject* found;
  if (_PyObject_LookupAttr(list.get(), name<"extend">, &found) < 0) return Status::error;
  if (found) {
    Ref<> extend = steal(found);
    Ref<> result = TRY(steal(PyObject_CallOneArg(extend.get(), items.get())));
    return Status::ok;
  }
  // Older classes have append() alone.
  Ref<> append = TRY(steal(PyObject_GetAttr(list.get(), name<"append">)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i) {
    Ref<> result = TRY(steal(PyObject_CallOneArg(append.get(), PyList_GET_ITEM(items.get(), i))));
  }
  return Status::ok;
}

Status set_items(Unpickler* self, Py_ssize_t start) {
  Ref<> dict = target_of_items(self, start);
  if (!dict) return PyErr_Occurred() ? Status::error : Status::ok;
  Stack* stack = self->stack;
  if ((stack->size - start) % 2 != 0) return raise(self->state->unpickling_error, "odd number of items for SETITEMS");
  bool exact = PyDict_CheckExact(dict.get());
  // Comparing keys runs code, which must not find a stack that is half used.
  Ref<> items = TRY(pop_list(self, start));
  for (Py_ssize_t i = 0; i + 1 < PyList_GET_SIZE(items.get()); i += 2) {
    PyObject* key = PyList_GET_ITEM(items.get(), i);
    PyObject* value = PyList_GET_ITEM(items.get(), i + 1);
    TRY(status_of(exact ? PyDict_SetItem(dict.get(), key, value) : PyObject_SetItem(dict.get(), key, value)));
  }
  return Status::ok;
}

}  // namespace

Status load_append(Unpickler* self) {
  if (self->stack->size - 1 <= self->stack->fence) return stack_underflow(self);
  return append_items(self, self->stack->size - 1);
}
Status load_appends(Unpickler* self) { return append_items(self, TRY(pop_mark(self))); }
Status load_setitem(Unpickler* self) { return set_items(self, self->stack->size - 2); }
Status load_setitems(Unpickler* self) { return set_items(self, TRY(pop_mark(self))); }

Status load_additems(Unpickler* self) {
  Py_ssize_t start = TRY(pop_mark(self));
  Ref<> set = target_of_items(self, start);
  if (!set) return PyErr_Occurred() ? Status::error : Status::ok;
  Ref<> items = TRY(pop_tuple(self, start));
  if (PySet_Check(set.get())) return status_of(_PySet_Update(set.get(), items.get()));
  Ref<> add = TRY(steal(PyObject_GetAttr(set.get(), name<"add">)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items.get()); ++i) {
    Ref<> result = TRY(steal(PyObject_CallOneArg(add.get(), PyTuple_GET_ITEM(items.get(), i))));
  }
  return Status::ok;
}

// ---- classes and globals ------------------------------------------------------------------------------------------------------------

Status load_global(Unpickler* self) {
  Line line = TRY(read_full_line(self, 1));
  Ref<> module_name = TRY(steal(PyUnicode_DecodeUTF8(line.text, line.size - 1, "strict")));
  line = TRY(read_full_line(self, 1));
  Ref<> global_name = TRY(steal(PyUnicode_DecodeUTF8(line.text, line.size - 1, "strict")));
  return push(self, call_find_class(self, module_name.get(), global_name.get()));
}

Status load_stack_global(Unpickler* self) {
  // An empty stack is no str either.
  Ref<> global_name = pop(self);
  Ref<> module_name = pop(self);
  if (!global_name || !module_name || !PyUnicode_CheckExact(global_name.get()) || !PyUnicode_CheckExact(module_name.get())) {
    return raise(self->state->unpickling_error, "STACK_GLOBAL requires str");
  }
  return push(self, call_find_class(self, module_name.get(), global_name.get()));
}

Status load_extension(Unpickler* self, int bytes) {
  State* state = self->state;
  uint64_t raw = little_endian(TRY(read_bytes(self, bytes)), bytes);
  long code = bytes == 4 ? static_cast<int32_t>(raw) : static_cast<long>(raw);
  if (code <= 0) return raise(state->unpickling_error, "EXT specifies code <= 0");
  Ref<> key = TRY(steal(PyLong_FromLong(code)));
  PyObject* cached = PyDict_GetItemWithError(state->extension_cache, key.get());
  if (cached) return push(self, borrow(cached));
  if (PyErr_Occurred()) return Status::error;
  Ref<> pair = borrow(PyDict_GetItemWithError(state->inverted_registry, key.get()));
  if (!pair) {
    if (PyErr_Occurred()) return Status::error;
    return raise(PyExc_ValueError, "unregistered extension code %ld", code);
  }
  if (!PyTuple_Check(pair.get()) || PyTuple_GET_SIZE(pair.get()) != 2 || !PyUnicode_Check(PyTuple_GET_ITEM(pair.get(), 0)) ||
      !PyUnicode_Check(PyTuple_GET_ITEM(pair.get(), 1))) {
    return raise(PyExc_ValueError, "_inverted_registry[%ld] isn't a 2-tuple of strings", code);
  }
  Ref<> object = TRY(call_find_class(self, PyTuple_GET_ITEM(pair.get(), 0), PyTuple_GET_ITEM(pair.get(), 1)));
  TRY(status_of(PyDict_SetItem(state->extension_cache, key.get(), object.get())));
  return push(self, std::move(object));
}

Status load_persid(Unpickler* self) {
  PyObject* error = self->state->unpickling_error;
  if (!self->persistent_function) {
    return raise(error, "A load persistent id instruction was encountered,\nbut no persistent_load function was specified.");
  }
  Line line = TRY(read_full_line(self, 0));
  Ref<> id = steal(PyUnicode_DecodeASCII(line.text, line.size - 1, "strict"));
  if (!id) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) return Status::error;
    PyErr_Clear();
    return raise(error, "persistent IDs in protocol 0 must be ASCII strings");
  }
  return push(self, call_method_reference(self->persistent_function, self->persistent_self, id.get()));
}

Status load_binpersid(Unpickler* self) {
  if (!self->persistent_function) {
    return raise(self->state->unpickling_error,
                 "A load persistent id instruction was encountered,\nbut no persistent_load function was specified.");
  }
  Ref<> id = TRY(pop(self));
  return push(self, call_method_reference(self->persistent_function, self->persistent_self, id.get()));
}

// ---- instances ------------------------------------------------------------------------------------------------------------------------

namespace {

// What INST and OBJ of protocols 0 and 1 meant with classes of old: __init__() runs only where there are arguments.
Ref<> instantiate(PyObject* type, PyObject* arguments) {
  if (PyTuple_GET_SIZE(arguments) == 0 && PyType_Check(type)) {
    PyObject* found;
    if (_PyObject_LookupAttr(type, name<"__getinitargs__">, &found) < 0) return failure;
    if (!found) return steal(PyObject_CallMethodOneArg(type, name<"__new__">, type));
    release(found);
  }
  return steal(PyObject_CallObject(type, arguments));
}

}  // namespace

Status load_obj(Unpickler* self) {
  Py_ssize_t mark = TRY(pop_mark(self));
  if (self->stack->size - mark < 1) return stack_underflow(self);
  Ref<> arguments = TRY(pop_tuple(self, mark + 1));
  Ref<> type = TRY(pop(self));
  return push(self, instantiate(type.get(), arguments.get()));
}

Status load_inst(Unpickler* self) {
  Py_ssize_t mark = TRY(pop_mark(self));
  Line line = TRY(read_full_line(self, 1));
  Ref<> module_name = TRY(steal(PyUnicode_DecodeASCII(line.text, line.size - 1, "strict")));
  line = TRY(read_full_line(self, 1));
  Ref<> class_name = TRY(steal(PyUnicode_DecodeASCII(line.text, line.size - 1, "strict")));
  Ref<> type = TRY(call_find_class(self, module_name.get(), class_name.get()));
  if (mark > self->stack->size) return stack_underflow(self);
  Ref<> arguments = TRY(pop_tuple(self, mark));
  return push(self, instantiate(type.get(), arguments.get()));
}

Status load_newobj(Unpickler* self, bool with_keywords) {
  PyObject* error = self->state->unpickling_error;
  const char* what = with_keywords ? "NEWOBJ_EX" : "NEWOBJ";
  Ref<> keywords;
  if (with_keywords) keywords = TRY(pop(self));
  Ref<> arguments = TRY(pop(self));
  Ref<> type_object = TRY(pop(self));
  auto name_of = [](const Ref<>& o) { return Py_TYPE(o.get())->tp_name; };
  if (!PyType_Check(type_object.get())) return raise(error, "%s class argument must be a type, not %.200s", what, name_of(type_object));
  auto* type = reinterpret_cast<PyTypeObject*>(type_object.get());
  if (!type->tp_new) return raise(error, "%s class argument '%.200s' doesn't have __new__", what, type->tp_name);
  if (!PyTuple_Check(arguments.get())) return raise(error, "%s args argument must be a tuple, not %.200s", what, name_of(arguments));
  if (with_keywords && !PyDict_Check(keywords.get())) return raise(error, "%s kwargs argument must be a dict, not %.200s", what, name_of(keywords));
  return push(self, steal(type->tp_new(type, arguments.get(), keywords.get())));
}

Status load_reduce(Unpickler* self) {
  Ref<> arguments = TRY(pop(self));
  Ref<> function = TRY(pop(self));
  return push(self, steal(PyObject_CallObject(function.get(), arguments.get())));
}

namespace {

Status update_dict(PyObject* instance, PyObject* state) {
  Ref<> dict = TRY(steal(PyObject_GetAttr(instance, name<"__dict__">)));
  Py_ssize_t position = 0;
  PyObject *key_borrowed, *value_borrowed;
  while (PyDict_Next(state, &position, &key_borrowed, &value_borrowed)) {
    Ref<> value = borrow(value_borrowed);
    // Names of attributes are interned, so that instances share them.
    PyObject* key = borrow(key_borrowed).release();
    if (PyUnicode_CheckExact(key)) PyUnicode_InternInPlace(&key);
    Ref<> hold = steal(key);
    TRY(status_of(PyObject_SetItem(dict.get(), key, value.get())));
  }
  return Status::ok;
}

Status set_attributes(PyObject* instance, PyObject* state) {
  Py_ssize_t position = 0;
  PyObject *key_borrowed, *value_borrowed;
  while (PyDict_Next(state, &position, &key_borrowed, &value_borrowed)) {
    Ref<> key = borrow(key_borrowed);
    Ref<> value = borrow(value_borrowed);
    TRY(status_of(PyObject_SetAttr(instance, key.get(), value.get())));
  }
  return Status::ok;
}

}  // namespace

Status load_build(Unpickler* self) {
  if (self->stack->size - 2 < self->stack->fence) return stack_underflow(self);
  PyObject* error = self->state->unpickling_error;
  Ref<> state = TRY(pop(self));
  Ref<> instance = borrow(self->stack->items[self->stack->size - 1]);
  PyObject* found;
  if (_PyObject_LookupAttr(instance.get(), name<"__setstate__">, &found) < 0) return Status::error;
  if (found) {
    Ref<> setter = steal(found);
    Ref<> result = TRY(steal(PyObject_CallOneArg(setter.get(), state.get())));
    return Status::ok;
  }
  // The state of a class with slots: (what goes into __dict__, what goes by setattr).
  Ref<> slots;
  if (PyTuple_Check(state.get()) && PyTuple_GET_SIZE(state.get()) == 2) {
    Ref<> both = std::move(state);
    state = borrow(PyTuple_GET_ITEM(both.get(), 0));
    slots = borrow(PyTuple_GET_ITEM(both.get(), 1));
  }
  if (state.get() != Py_None) {
    if (!PyDict_Check(state.get())) return raise(error, "state is not a dictionary");
    TRY(update_dict(instance.get(), state.get()));
  }
  if (!slots) return Status::ok;
  if (!PyDict_Check(slots.get())) return raise(error, "slot state is not a dictionary");
  return set_attributes(instance.get(), slots.get());
}

}  // namespace gill::pickle
