// Saving classes and functions by name, and what __reduce_ex__() says.
#include "modules/pickle/pickle.h"

namespace gill::pickle {

// ---- dotted names -----------------------------------------------------------------------------------------------------------

Ref<> split_dotted(PyObject* object, PyObject* dotted) {
  Ref<> parts = TRY(steal(PyUnicode_Split(dotted, name<".">, -1)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(parts.get()); ++i) {
    if (PyUnicode_CompareWithASCIIString(PyList_GET_ITEM(parts.get(), i), "<locals>") != 0) continue;
    if (object) return raise(PyExc_AttributeError, "Can't pickle local attribute %R on %R", dotted, object);
    return raise(PyExc_AttributeError, "Can't pickle local object %R", dotted);
  }
  return parts;
}

namespace {

// Empty without an exception when absent.
Ref<> optional(PyObject* object, PyObject* attribute, bool* failed) {
  PyObject* found;
  *failed = _PyObject_LookupAttr(object, attribute, &found) < 0;
  return steal(found);
}

Ref<> walk(PyObject* object, PyObject* parts, Ref<>* parent, bool* failed) {
  *failed = false;
  Ref<> at = borrow(object);
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(parts); ++i) {
    Ref<> next = optional(at.get(), PyList_GET_ITEM(parts, i), failed);
    if (!next) return nullptr;
    if (parent) *parent = std::move(at);
    at = std::move(next);
  }
  return at;
}

}  // namespace

Ref<> deep_attribute(PyObject* object, PyObject* parts, Ref<>* parent) {
  bool failed;
  return walk(object, parts, parent, &failed);
}

Ref<> get_attribute(PyObject* object, PyObject* attribute, bool dotted) {
  bool failed;
  Ref<> result;
  if (dotted) {
    Ref<> parts = TRY(split_dotted(object, attribute));
    result = walk(object, parts.get(), nullptr, &failed);
  } else {
    result = optional(object, attribute, &failed);
  }
  if (!result && !failed) return raise(PyExc_AttributeError, "Can't get attribute %R on %R", attribute, object);
  return result;
}

namespace {

// ---- globals ----------------------------------------------------------------------------------------------------------------

Maybe<bool> is_in_module(PyObject* module_name, PyObject* module, PyObject* object, PyObject* parts) {
  if (module == Py_None) return false;
  if (PyUnicode_Check(module_name) && PyUnicode_CompareWithASCIIString(module_name, "__main__") == 0) return false;
  bool failed;
  Ref<> found = walk(module, parts, nullptr, &failed);
  // What the module raises says that it is not there.
  if (failed) return failure;
  return found.get() == object;
}

// The name of the module that an object comes from: its own word, else the first module that has it.
Ref<> module_of(PyObject* object, PyObject* parts) {
  bool failed;
  Ref<> module_name = optional(object, name<"__module__">, &failed);
  if (failed) return failure;
  if (module_name && module_name.get() != Py_None) return module_name;
  PyObject* modules = PySys_GetObject("modules");
  if (!modules) return raise(PyExc_RuntimeError, "unable to get sys.modules");
  // The check can import: on a copy.
  Ref<> items = TRY(steal(PyMapping_Items(modules)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i) {
    PyObject* pair = PyList_GET_ITEM(items.get(), i);
    PyObject* candidate = PyTuple_GET_ITEM(pair, 0);
    if (TRY(is_in_module(candidate, PyTuple_GET_ITEM(pair, 1), object, parts))) return borrow(candidate);
  }
  return borrow(name<"__main__">);
}

// The names in Python 2 of a global.
Status map_to_python2(State* state, Ref<>& module_name, Ref<>& global_name) {
  Ref<> key = TRY(steal(PyTuple_Pack(2, module_name.get(), global_name.get())));
  if (PyObject* item = PyDict_GetItemWithError(state->reverse_name_mapping, key.get())) {
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) {
      return raise(PyExc_RuntimeError, "_compat_pickle.REVERSE_NAME_MAPPING values should be 2-tuples, not %.200s", Py_TYPE(item)->tp_name);
    }
    PyObject* old_module = PyTuple_GET_ITEM(item, 0);
    PyObject* old_name = PyTuple_GET_ITEM(item, 1);
    if (!PyUnicode_Check(old_module) || !PyUnicode_Check(old_name)) {
      return raise(PyExc_RuntimeError, "_compat_pickle.REVERSE_NAME_MAPPING values should be pairs of str, not (%.200s, %.200s)",
                   Py_TYPE(old_module)->tp_name, Py_TYPE(old_name)->tp_name);
    }
    module_name = borrow(old_module);
    global_name = borrow(old_name);
    return Status::ok;
  }
  if (PyErr_Occurred()) return Status::error;
  if (PyObject* item = PyDict_GetItemWithError(state->reverse_import_mapping, module_name.get())) {
    if (!PyUnicode_Check(item)) {
      return raise(PyExc_RuntimeError, "_compat_pickle.REVERSE_IMPORT_MAPPING values should be strings, not %.200s", Py_TYPE(item)->tp_name);
    }
    module_name = borrow(item);
    return Status::ok;
  }
  return PyErr_Occurred() ? Status::error : Status::ok;
}

// A line of the GLOBAL opcode.
Status write_identifier(Pickler* self, PyObject* identifier, const char* what) {
  Ref<> encoded = steal(self->protocol >= 3 ? PyUnicode_AsUTF8String(identifier) : PyUnicode_AsASCIIString(identifier));
  if (!encoded) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return Status::error;
    PyErr_Clear();
    return raise(self->state->pickling_error, "can't pickle %s identifier '%S' using pickle protocol %i", what, identifier, self->protocol);
  }
  TRY(self->output.write(PyBytes_AS_STRING(encoded.get()), PyBytes_GET_SIZE(encoded.get())));
  return self->output.write("\n", 1);
}

// Objects with a registered extension code are saved by it. False: this one has none.
Maybe<bool> save_extension_code(Pickler* self, PyObject* object, PyObject* module_name, PyObject* global_name) {
  State* state = self->state;
  Ref<> key = TRY(steal(PyTuple_Pack(2, module_name, global_name)));
  PyObject* code_object = PyDict_GetItemWithError(state->extension_registry, key.get());
  if (!code_object) return PyErr_Occurred() ? Maybe<bool>() : false;
  if (!PyLong_Check(code_object)) {
    return raise(state->pickling_error, "Can't pickle %R: extension code %R isn't an integer", object, code_object);
  }
  long code = PyLong_AsLong(code_object);
  if (code == -1 && PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return failure;
    PyErr_Clear();
  }
  if (code <= 0 || code > 0x7fffffffL) {
    return raise(state->pickling_error, "Can't pickle %R: extension code %ld is out of range", object, code);
  }
  char text[5];
  text[0] = code <= 0xff ? EXT1 : code <= 0xffff ? EXT2 : EXT4;
  store_little_endian(text + 1, static_cast<uint64_t>(code), 4);
  TRY(self->output.write(text, code <= 0xff ? 2 : code <= 0xffff ? 3 : 5));
  return true;
}

}  // namespace

Status save_global(Pickler* self, PyObject* object, PyObject* given_name) {
  State* state = self->state;
  Ref<> global_name = borrow(given_name);
  if (!global_name) {
    bool failed;
    global_name = optional(object, name<"__qualname__">, &failed);
    if (failed) return Status::error;
    if (!global_name) global_name = TRY(steal(PyObject_GetAttr(object, name<"__name__">)));
  }
  Ref<> parts = TRY(split_dotted(nullptr, global_name.get()));
  Ref<> module_name = TRY(module_of(object, parts.get()));
  // It must be found again by that name.
  Ref<> module = steal(PyImport_Import(module_name.get()));
  if (!module) return raise(state->pickling_error, "Can't pickle %R: import of module %R failed", object, module_name.get());
  Ref<> parent;
  Ref<> found = deep_attribute(module.get(), parts.get(), &parent);
  if (!found) {
    PyErr_Clear();
    return raise(state->pickling_error, "Can't pickle %R: attribute lookup %S on %S failed", object, global_name.get(), module_name.get());
  }
  if (found.get() != object) {
    return raise(state->pickling_error, "Can't pickle %R: it's not the same object as %S.%S", object, module_name.get(), global_name.get());
  }
  if (self->protocol >= 2 && TRY(save_extension_code(self, object, module_name.get(), global_name.get()))) return Status::ok;

  bool nested = parent.get() != module.get();
  PyObject* last = PyList_GET_ITEM(parts.get(), PyList_GET_SIZE(parts.get()) - 1);
  // A detour that comes back to the module is not written.
  if (!nested) global_name = borrow(last);
  if (self->protocol >= 4) {
    TRY(save(self, module_name.get()));
    TRY(save(self, global_name.get()));
    TRY(self->output.write(STACK_GLOBAL));
  } else if (nested) {
    Ref<> reduced = TRY(steal(Py_BuildValue("(O(OO))", state->getattr, parent.get(), last)));
    TRY(save_reduced(self, reduced.get(), nullptr));
  } else {
    if (self->fix_imports) TRY(map_to_python2(state, module_name, global_name));
    TRY(self->output.write(GLOBAL));
    TRY(write_identifier(self, module_name.get(), "module"));
    TRY(write_identifier(self, global_name.get(), "global"));
  }
  return memo_put(self, object);
}

Status save_type(Pickler* self, PyObject* object) {
  // These have no names.
  PyObject* single = object == as_object(Py_TYPE(Py_None))              ? Py_None
                     : object == as_object(Py_TYPE(Py_Ellipsis))        ? Py_Ellipsis
                     : object == as_object(Py_TYPE(Py_NotImplemented)) ? Py_NotImplemented
                                                                        : nullptr;
  if (!single) return save_global(self, object, nullptr);
  Ref<> reduced = TRY(steal(Py_BuildValue("O(O)", &PyType_Type, single)));
  return save_reduced(self, reduced.get(), object);
}

// ---- reductions -------------------------------------------------------------------------------------------------------------

namespace {

struct Reduction {
  PyObject *callable, *arguments;
  PyObject *state = nullptr, *list_items = nullptr, *dict_items = nullptr, *state_setter = nullptr;
};

Status unpack(State* module_state, PyObject* reduced, Reduction* out) {
  PyObject* error = module_state->pickling_error;
  Py_ssize_t size = PyTuple_GET_SIZE(reduced);
  if (size < 2 || size > 6) return raise(error, "tuple returned by __reduce__ must contain 2 through 6 elements");
  auto item = [&](Py_ssize_t i) {
    PyObject* value = i < size ? PyTuple_GET_ITEM(reduced, i) : Py_None;
    return value == Py_None ? nullptr : value;
  };
  *out = {PyTuple_GET_ITEM(reduced, 0), PyTuple_GET_ITEM(reduced, 1), item(2), item(3), item(4), item(5)};
  auto name_of = [](PyObject* o) { return Py_TYPE(o)->tp_name; };
  if (!PyCallable_Check(out->callable)) return raise(error, "first item of the tuple returned by __reduce__ must be callable");
  if (!PyTuple_Check(out->arguments)) return raise(error, "second item of the tuple returned by __reduce__ must be a tuple");
  if (out->list_items && !PyIter_Check(out->list_items)) {
    return raise(error, "fourth element of the tuple returned by __reduce__ must be an iterator, not %s", name_of(out->list_items));
  }
  if (out->dict_items && !PyIter_Check(out->dict_items)) {
    return raise(error, "fifth element of the tuple returned by __reduce__ must be an iterator, not %s", name_of(out->dict_items));
  }
  if (out->state_setter && !PyCallable_Check(out->state_setter)) {
    return raise(error, "sixth element of the tuple returned by __reduce__ must be a function, not %s", name_of(out->state_setter));
  }
  return Status::ok;
}

// copyreg.__newobj_ex__(cls, args, kwargs)
Status save_newobj_ex(Pickler* self, PyObject* arguments) {
  PyObject* error = self->state->pickling_error;
  if (PyTuple_GET_SIZE(arguments) != 3) {
    return raise(error, "length of the NEWOBJ_EX argument tuple must be exactly 3, not %zd", PyTuple_GET_SIZE(arguments));
  }
  PyObject* type = PyTuple_GET_ITEM(arguments, 0);
  PyObject* positional = PyTuple_GET_ITEM(arguments, 1);
  PyObject* keywords = PyTuple_GET_ITEM(arguments, 2);
  auto name_of = [](PyObject* o) { return Py_TYPE(o)->tp_name; };
  if (!PyType_Check(type)) return raise(error, "first item from NEWOBJ_EX argument tuple must be a class, not %.200s", name_of(type));
  if (!PyTuple_Check(positional)) return raise(error, "second item from NEWOBJ_EX argument tuple must be a tuple, not %.200s", name_of(positional));
  if (!PyDict_Check(keywords)) return raise(error, "third item from NEWOBJ_EX argument tuple must be a dict, not %.200s", name_of(keywords));
  if (self->protocol >= 4) {
    TRY(save(self, type));
    TRY(save(self, positional));
    TRY(save(self, keywords));
    return self->output.write(NEWOBJ_EX);
  }
  // Before protocol 4: partial(cls.__new__, cls, *args, **kwargs)()
  Py_ssize_t count = PyTuple_GET_SIZE(positional);
  Ref<> all = TRY(steal(PyTuple_New(count + 2)));
  PyTuple_SET_ITEM(all.get(), 0, TRY(steal(PyObject_GetAttr(type, name<"__new__">))).release());
  PyTuple_SET_ITEM(all.get(), 1, borrow(type).release());
  for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(all.get(), i + 2, borrow(PyTuple_GET_ITEM(positional, i)).release());
  Ref<> callable = TRY(steal(PyObject_Call(self->state->partial, all.get(), keywords)));
  Ref<> none_at_all = TRY(steal(PyTuple_New(0)));
  TRY(save(self, callable.get()));
  TRY(save(self, none_at_all.get()));
  return self->output.write(REDUCE);
}

// copyreg.__newobj__(cls, *args)
Status save_newobj(Pickler* self, PyObject* arguments, PyObject* object) {
  PyObject* error = self->state->pickling_error;
  if (PyTuple_GET_SIZE(arguments) < 1) return raise(error, "__newobj__ arglist is empty");
  PyObject* type = PyTuple_GET_ITEM(arguments, 0);
  if (!PyType_Check(type)) return raise(error, "args[0] from __newobj__ args is not a type");
  if (object) {
    bool failed;
    Ref<> own = optional(object, name<"__class__">, &failed);
    if (failed) return Status::error;
    if ((own ? own.get() : as_object(Py_TYPE(object))) != type) return raise(error, "args[0] from __newobj__ args has the wrong class");
  }
  TRY(save(self, type));
  Ref<> rest = TRY(steal(PyTuple_GetSlice(arguments, 1, PyTuple_GET_SIZE(arguments))));
  TRY(save(self, rest.get()));
  return self->output.write(NEWOBJ);
}

Status save_call(Pickler* self, const Reduction& reduction, PyObject* object) {
  if (self->protocol >= 2) {
    bool failed;
    Ref<> function_name = optional(reduction.callable, name<"__name__">, &failed);
    if (failed) return Status::error;
    if (function_name && PyUnicode_Check(function_name.get())) {
      // Nearly always the interned name; any other is compared by its text.
      PyObject* text = function_name.get();
      if (text == name<"__newobj__">) return save_newobj(self, reduction.arguments, object);
      if (PyUnicode_CompareWithASCIIString(text, "__newobj_ex__") == 0) return save_newobj_ex(self, reduction.arguments);
      if (PyUnicode_CompareWithASCIIString(text, "__newobj__") == 0) return save_newobj(self, reduction.arguments, object);
    }
  }
  TRY(save(self, reduction.callable));
  TRY(save(self, reduction.arguments));
  return self->output.write(REDUCE);
}

}  // namespace

Status save_reduced(Pickler* self, PyObject* reduced, PyObject* object) {
  Reduction reduction;
  TRY(unpack(self->state, reduced, &reduction));
  TRY(save_call(self, reduction, object));
  if (object) {
    // The arguments may have saved it already, if they refer to it: then the new one is thrown away.
    if (self->memo->find(object)) {
      TRY(self->output.write(POP));
      return memo_get(self, object);
    }
    TRY(memo_put(self, object));
  }
  if (reduction.list_items) TRY(batch_list(self, reduction.list_items));
  if (reduction.dict_items) TRY(batch_dict(self, reduction.dict_items));
  if (!reduction.state) return Status::ok;
  if (!reduction.state_setter) {
    TRY(save(self, reduction.state));
    return self->output.write(BUILD);
  }
  // state_setter(object, state), whose result is dropped.
  TRY(save(self, reduction.state_setter));
  TRY(save(self, object));
  TRY(save(self, reduction.state));
  TRY(self->output.write(TUPLE2));
  TRY(self->output.write(REDUCE));
  return self->output.write(POP);
}

}  // namespace gill::pickle
