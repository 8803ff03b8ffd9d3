// The _elementtree module.
#include "modules/elementtree/elementtree.h"

namespace gill::elementtree {

namespace {

Status check_factory(const char* kind, PyObject* factory) {
  if (factory == Py_None || PyCallable_Check(factory)) return Status::ok;
  return raise(PyExc_TypeError, "%s factory must be callable, not %.100s", kind, Py_TYPE(factory)->tp_name);
}

Ref<> set_factories(PyObject* module, PyObject* comment_factory, PyObject* pi_factory) {
  State* state = state_of(module);
  TRY(check_factory("Comment", comment_factory));
  TRY(check_factory("PI", pi_factory));
  Ref<> old = TRY(steal(PyTuple_Pack(2, state->comment_factory ? state->comment_factory : Py_None, state->pi_factory ? state->pi_factory : Py_None)));
  set_field(state->comment_factory, comment_factory == Py_None ? Ref<>() : borrow(comment_factory));
  set_field(state->pi_factory, pi_factory == Py_None ? Ref<>() : borrow(pi_factory));
  return old;
}

const PyMethodDef kFunctions[] = {
    {"SubElement", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&sub_element)), METH_VARARGS | METH_KEYWORDS, nullptr},
    METHOD("_set_factories($module, comment_factory, pi_factory, /)", set_factories,
           "Change the factories used to create comments and processing instructions."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  State* state = state_of(module);
  Ref<> copy = TRY(steal(PyImport_ImportModule("copy")));
  state->deepcopy = TRY(PyObject_GetAttr(copy.get(), name<"deepcopy">));
  state->element_path = TRY(PyImport_ImportModule("xml.etree.ElementPath"));
  state->parse_error = TRY(PyErr_NewException("xml.etree.ElementTree.ParseError", PyExc_SyntaxError, nullptr));
  TRY(status_of(PyModule_AddObjectRef(module, "ParseError", state->parse_error)));
  TRY(add_iterator_type(module));
  TRY(add_builder_type(module));
  TRY(add_element_type(module));
  return static_cast<int>(add_parser_type(module));
}

template <class Visit>
void each_field(State* state, Visit visit) {
  visit(state->parse_error);
  visit(state->deepcopy);
  visit(state->element_path);
  visit(state->comment_factory);
  visit(state->pi_factory);
  visit(state->element_type);
  visit(state->iterator_type);
  visit(state->builder_type);
  visit(state->parser_type);
}

int traverse(PyObject* module, visitproc visit, void* arg) {
  int stop = 0;
  each_field(state_of(module), [&](auto* field) {
    if (!stop && field) stop = visit(as_object(field), arg);
  });
  return stop;
}

int clear(PyObject* module) {
  each_field(state_of(module), [](auto*& field) { clear_field(field); });
  return 0;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};

}  // namespace

PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_elementtree",
    .m_size = sizeof(State),
    .m_methods = table(kFunctions),
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = [](void* module) { clear(static_cast<PyObject*>(module)); },
};

PyMODINIT_FUNC PyInit__elementtree() { return PyModuleDef_Init(&module_definition); }
GILL_BUILTIN_MODULE("_elementtree", PyInit__elementtree);

}  // namespace gill::elementtree
