// operator.methodcaller.
#include "modules/operator/operator.h"

namespace gill::operators {

namespace {

struct MethodCaller {
  PyObject_HEAD
  PyObject* method;    // interned str
  PyObject* args;      // tuple
  PyObject* keywords;  // dict or null
  vectorcallfunc vectorcall;
  // What a call passes: place for the receiver, then borrowed arguments, then values of keywords.
  PyObject** values;
  PyObject* names;  // tuple of the keywords, or null
};

using Fields = HeapTypeFields<&MethodCaller::method, &MethodCaller::args, &MethodCaller::keywords, &MethodCaller::names>;

PyObject* methodcaller_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* self = reinterpret_cast<MethodCaller*>(callable);
  if (kwnames && PyTuple_GET_SIZE(kwnames) != 0) return raise(PyExc_TypeError, "methodcaller() takes no keyword arguments");
  Py_ssize_t given = PyVectorcall_NARGS(nargsf);
  if (given != 1) return raise(PyExc_TypeError, "methodcaller expected 1 argument, got %zd", given);
  Ref<> hold = borrow(callable);
  Py_ssize_t count = PyTuple_GET_SIZE(self->args);
  Py_ssize_t named = self->names ? PyTuple_GET_SIZE(self->names) : 0;
  // The attribute is looked up before it is called, since a bound method names the object's own class when it refuses its arguments.
  Ref<> method = TRY(steal(PyObject_GetAttr(args[0], self->method)));
  // Calls of one object may overlap, so each has an array of its own.
  constexpr Py_ssize_t kInline = 8;
  PyObject* inline_items[kInline + 1];
  PyObject** items = count + named <= kInline ? inline_items : PyMem_New(PyObject*, count + named + 1);
  if (!items) return PyErr_NoMemory();
  for (Py_ssize_t i = 0; i < count + named; ++i) items[i + 1] = self->values[i];
  PyObject* result = PyObject_Vectorcall(method.get(), items + 1, static_cast<size_t>(count) | PY_VECTORCALL_ARGUMENTS_OFFSET, self->names);
  if (items != inline_items) PyMem_Free(items);
  return result;
}

PyObject* methodcaller_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (PyTuple_GET_SIZE(args) < 1) return raise(PyExc_TypeError, "methodcaller needs at least one argument, the method name");
  PyObject* method = PyTuple_GET_ITEM(args, 0);
  if (!PyUnicode_Check(method)) return raise(PyExc_TypeError, "method name must be a string");
  if (kwargs && !PyArg_ValidateKeywordArguments(kwargs)) return nullptr;
  Ref<MethodCaller> self = TRY(Ref<MethodCaller>::steal(type->tp_alloc(type, 0)));
  self->vectorcall = methodcaller_vectorcall;
  self->method = borrow(method).release();
  PyUnicode_InternInPlace(&self->method);
  self->args = TRY(PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args)));
  Py_ssize_t count = PyTuple_GET_SIZE(self->args);
  Py_ssize_t named = kwargs ? PyDict_GET_SIZE(kwargs) : 0;
  self->values = PyMem_New(PyObject*, count + named + 1);
  if (!self->values) return PyErr_NoMemory();
  for (Py_ssize_t i = 0; i < count; ++i) self->values[i] = PyTuple_GET_ITEM(self->args, i);
  if (named) {
    self->keywords = TRY(PyDict_Copy(kwargs));
    self->names = TRY(PyTuple_New(named));
    Py_ssize_t position = 0;
    PyObject *key, *value;
    for (Py_ssize_t i = 0; PyDict_Next(self->keywords, &position, &key, &value); ++i) {
      PyTuple_SET_ITEM(self->names, i, borrow(key).release());
      self->values[count + i] = value;
    }
  }
  return as_object(self.release());
}

void methodcaller_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  PyMem_Free(reinterpret_cast<MethodCaller*>(object)->values);
  Fields::clear(object);
  type->tp_free(object);
  release(as_object(type));
}

Ref<> describe(MethodCaller* self) {
  const char* type_name = Py_TYPE(self)->tp_name;
  Ref<> text = TRY(steal(PyUnicode_FromFormat("%s(%R", type_name, self->method)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->args); ++i) {
    text = TRY(steal(PyUnicode_FromFormat("%U, %R", text.get(), PyTuple_GET_ITEM(self->args, i))));
  }
  Py_ssize_t named = self->names ? PyTuple_GET_SIZE(self->names) : 0;
  for (Py_ssize_t i = 0; i < named; ++i) {
    text = TRY(steal(PyUnicode_FromFormat("%U, %U=%R", text.get(), PyTuple_GET_ITEM(self->names, i),
                                          self->values[PyTuple_GET_SIZE(self->args) + i])));
  }
  return steal(PyUnicode_FromFormat("%U)", text.get()));
}

Ref<> methodcaller_repr(MethodCaller* self) {
  int recursive = Py_ReprEnter(as_object(self));
  if (recursive != 0) return recursive < 0 ? Ref<>() : steal(PyUnicode_FromFormat("%s(...)", Py_TYPE(self)->tp_name));
  Ref<> text = describe(self);
  Py_ReprLeave(as_object(self));
  return text;
}

Ref<> methodcaller_reduce(MethodCaller* self) {
  if (!self->keywords) {
    Py_ssize_t count = PyTuple_GET_SIZE(self->args);
    Ref<> all = TRY(steal(PyTuple_New(count + 1)));
    PyTuple_SET_ITEM(all.get(), 0, borrow(self->method).release());
    for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(all.get(), i + 1, borrow(PyTuple_GET_ITEM(self->args, i)).release());
    return steal(Py_BuildValue("OO", Py_TYPE(self), all.get()));
  }
  // Keywords have no place in the arguments of a pickle: they go into a partial.
  Ref<> functools = TRY(steal(PyImport_ImportModule("functools")));
  Ref<> partial = TRY(steal(PyObject_GetAttr(functools.get(), name<"partial">)));
  PyObject* first[] = {as_object(Py_TYPE(self)), self->method};
  Ref<> constructor = TRY(steal(PyObject_VectorcallDict(partial.get(), first, 2, self->keywords)));
  return steal(Py_BuildValue("OO", constructor.get(), self->args));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", methodcaller_reduce, "Return state information for pickling"),
    kEndOfMethods,
};

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)methodcaller_dealloc},
    {Py_tp_doc, (void*)"methodcaller(name, ...) --> methodcaller object\n\n"
                       "Return a callable object that calls the given method on its operand.\n"
                       "After f = methodcaller('name'), the call f(r) returns r.name().\n"
                       "After g = methodcaller('name', 'date', foo=1), the call g(r) returns\n"
                       "r.name('date', foo=1)."},
    {Py_tp_traverse, (void*)Fields::traverse},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_new, (void*)methodcaller_new},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_repr, (void*)slot<methodcaller_repr>},
    {Py_tp_call, (void*)PyVectorcall_Call},
    {0, nullptr},
};
PyType_Spec spec = {"operator.methodcaller", sizeof(MethodCaller), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Status add_method_caller(PyObject* module) {
  State* state = state_of(module);
  PyTypeObject* type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  state->methodcaller_type = type;
  // The reference's type has no vectorcall; set here, ours shows no member for it.
  type->tp_vectorcall_offset = offsetof(MethodCaller, vectorcall);
  type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
  return status_of(PyModule_AddType(module, type));
}

}  // namespace gill::operators
