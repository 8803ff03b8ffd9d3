// Type variables in `list[T]` and `int | T`: finding them, and putting arguments in their place.
//
// A type variable is whatever has __typing_subst__. The protocol is the typing module's: __typing_prepare_subst__ lets a variable
// rearrange all arguments first (TypeVarTuple collects a run of them), __parameters__ of a nested alias says which variables it takes,
// and __typing_unpacked_tuple_args__ of `*tuple[...]` gives the arguments to splice in.
#include <Python.h>

#include "base/names.h"
#include "objects/generic_alias.h"
#include "objects/object.h"

namespace gill {

namespace {

Py_ssize_t index_in(PyObject* tuple, PyObject* item) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) {
    if (PyTuple_GET_ITEM(tuple, i) == item) return i;
  }
  return -1;
}

Status append_unique(PyObject* list, PyObject* item) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    if (PyList_GET_ITEM(list, i) == item) return Status::ok;
  }
  return status_of(PyList_Append(list, item));
}

Status extend(PyObject* list, PyObject* tuple) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) TRY(status_of(PyList_Append(list, PyTuple_GET_ITEM(tuple, i))));
  return Status::ok;
}

// `*tuple[int, str]` among the items is spliced in.
Ref<> splice_unpacked(PyObject* item) {
  Ref<> items = PyTuple_Check(item) ? borrow(item) : TRY(steal(PyTuple_Pack(1, item)));
  Ref<> result = TRY(steal(PyList_New(0)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items.get()); ++i) {
    PyObject* each = PyTuple_GET_ITEM(items.get(), i);
    if (!PyType_Check(each)) {
      bool failed;
      Ref<> unpacked = optional_attribute(each, name<"__typing_unpacked_tuple_args__">, &failed);
      if (failed) return nullptr;
      if (unpacked && PyTuple_Check(unpacked.get())) {
        Py_ssize_t count = PyTuple_GET_SIZE(unpacked.get());
        // An open-ended tuple stays whole.
        if (!(count && PyTuple_GET_ITEM(unpacked.get(), count - 1) == Py_Ellipsis)) {
          TRY(extend(result.get(), unpacked.get()));
          continue;
        }
      }
    }
    if (PyList_Append(result.get(), each) < 0) return nullptr;
  }
  return steal(PyList_AsTuple(result.get()));
}

// A nested alias with the variables replaced.
Ref<> substitute_nested(PyObject* alias, PyObject* parameters, PyObject* items) {
  bool failed;
  Ref<> own = optional_attribute(alias, name<"__parameters__">, &failed);
  if (failed) return nullptr;
  if (!own || !PyTuple_Check(own.get()) || PyTuple_GET_SIZE(own.get()) == 0) return borrow(alias);
  Ref<> arguments = TRY(steal(PyList_New(0)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(own.get()); ++i) {
    PyObject* variable = PyTuple_GET_ITEM(own.get(), i);
    Py_ssize_t at = index_in(parameters, variable);
    PyObject* value = variable;
    if (at >= 0) {
      value = PyTuple_GET_ITEM(items, at);
      // A TypeVarTuple stands for several arguments.
      if (Py_TYPE(variable)->tp_iter && PyTuple_Check(value)) {
        TRY(extend(arguments.get(), value));
        continue;
      }
    }
    if (PyList_Append(arguments.get(), value) < 0) return nullptr;
  }
  Ref<> tuple = TRY(steal(PyList_AsTuple(arguments.get())));
  return steal(PyObject_GetItem(alias, tuple.get()));
}

Maybe<bool> is_unpacked_variable(PyObject* object) {
  if (PyType_Check(object)) return false;
  bool failed;
  Ref<> flag = optional_attribute(object, name<"__typing_is_unpacked_typevartuple__">, &failed);
  if (failed) return failure;
  return flag ? truth_of(PyObject_IsTrue(flag.get())) : Maybe<bool>(false);
}

Ref<> substitute(PyObject* self, PyObject* args, PyObject* parameters, PyObject* item) {
  Py_ssize_t wanted = PyTuple_GET_SIZE(parameters);
  if (wanted == 0) return raise(PyExc_TypeError, "%R is not a generic class", self);
  Ref<> items = TRY(splice_unpacked(item));
  for (Py_ssize_t i = 0; i < wanted; ++i) {
    bool failed;
    Ref<> prepare = optional_attribute(PyTuple_GET_ITEM(parameters, i), name<"__typing_prepare_subst__">, &failed);
    if (failed) return nullptr;
    if (!prepare || prepare.get() == Py_None) continue;
    Ref<> tuple = PyTuple_Check(items.get()) ? items.new_ref() : steal(PyTuple_Pack(1, items.get()));
    if (!tuple) return nullptr;
    items = TRY(call(prepare.get(), self, tuple.get()));
  }
  if (!PyTuple_Check(items.get())) items = TRY(steal(PyTuple_Pack(1, items.get())));
  Py_ssize_t given = PyTuple_GET_SIZE(items.get());
  if (given != wanted) {
    return raise(PyExc_TypeError, "Too %s arguments for %R; actual %zd, expected %zd", given > wanted ? "many" : "few", self, given, wanted);
  }
  Ref<> result = TRY(steal(PyList_New(0)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) {
    PyObject* argument = PyTuple_GET_ITEM(args, i);
    if (PyType_Check(argument)) {
      if (PyList_Append(result.get(), argument) < 0) return nullptr;
      continue;
    }
    bool unpacked = TRY(is_unpacked_variable(argument));
    bool failed;
    Ref<> hook = optional_attribute(argument, name<"__typing_subst__">, &failed);
    if (failed) return nullptr;
    Ref<> value;
    if (hook) {
      Py_ssize_t at = index_in(parameters, argument);
      if (at < 0) return raise(PyExc_SystemError, "type variable is not among the parameters");
      value = TRY(call(hook.get(), PyTuple_GET_ITEM(items.get(), at)));
    } else {
      value = TRY(substitute_nested(argument, parameters, items.get()));
    }
    if (unpacked && PyTuple_Check(value.get())) TRY(extend(result.get(), value.get()));
    else if (PyList_Append(result.get(), value.get()) < 0) return nullptr;
  }
  return steal(PyList_AsTuple(result.get()));
}

Ref<> find_parameters(PyObject* args) {
  Ref<> found = TRY(steal(PyList_New(0)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) {
    PyObject* argument = PyTuple_GET_ITEM(args, i);
    // A class's own __parameters__ are not this alias's.
    if (PyType_Check(argument)) continue;
    bool failed;
    Ref<> hook = optional_attribute(argument, name<"__typing_subst__">, &failed);
    if (failed) return nullptr;
    if (hook) {
      TRY(append_unique(found.get(), argument));
      continue;
    }
    Ref<> nested = optional_attribute(argument, name<"__parameters__">, &failed);
    if (failed) return nullptr;
    if (!nested || !PyTuple_Check(nested.get())) continue;
    for (Py_ssize_t j = 0; j < PyTuple_GET_SIZE(nested.get()); ++j) TRY(append_unique(found.get(), PyTuple_GET_ITEM(nested.get(), j)));
  }
  return steal(PyList_AsTuple(found.get()));
}

}  // namespace

Status write_type_argument(_PyUnicodeWriter* writer, PyObject* argument) {
  auto write = [&](Ref<> text) { return text ? status_of(_PyUnicodeWriter_WriteStr(writer, text.get())) : Status::error; };
  if (argument == Py_Ellipsis) return status_of(_PyUnicodeWriter_WriteASCIIString(writer, "...", 3));
  bool failed;
  Ref<> origin = optional_attribute(argument, name<"__origin__">, &failed);
  if (failed) return Status::error;
  if (origin) {
    Ref<> args = optional_attribute(argument, name<"__args__">, &failed);
    if (failed) return Status::error;
    // Another alias, which knows how to print itself.
    if (args) return write(steal(PyObject_Repr(argument)));
  }
  Ref<> qualname = optional_attribute(argument, name<"__qualname__">, &failed);
  if (failed) return Status::error;
  Ref<> module;
  if (qualname) module = optional_attribute(argument, name<"__module__">, &failed);
  if (failed) return Status::error;
  if (!qualname || !module || module.get() == Py_None) return write(steal(PyObject_Repr(argument)));
  if (PyUnicode_Check(module.get()) && _PyUnicode_EqualToASCIIString(module.get(), "builtins")) return write(steal(PyObject_Str(qualname.get())));
  return write(steal(PyUnicode_FromFormat("%S.%S", module.get(), qualname.get())));
}

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* _Py_make_parameters(PyObject* args) { return find_parameters(args).release(); }
PyObject* _Py_subs_parameters(PyObject* self, PyObject* args, PyObject* parameters, PyObject* item) {
  return substitute(self, args, parameters, item).release();
}

}  // extern "C"
