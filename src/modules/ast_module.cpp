// `_ast`: the node classes and the flags of compile() that concern trees.
#include "base/binding.h"
#include "syntax/ast_types.h"

namespace gill {
namespace {

int exec_module(PyObject* module) {
  const ast::AstTypes* all = TRY(ast::ast_types());
  TRY(status_of(PyModule_AddObjectRef(module, "AST", all->base)));
  for (int t = 0; t < ast::kTypeCount; ++t) {
    const ast::TypeInfo& type = ast::kTypes[t];
    TRY(status_of(PyModule_AddObjectRef(module, type.name, all->types[t])));
    for (int c = type.first_class; c < type.first_class + type.class_count; ++c) {
      TRY(status_of(PyModule_AddObjectRef(module, ast::kClasses[c].name, all->classes[c])));
    }
  }
  TRY(status_of(PyModule_AddIntConstant(module, "PyCF_ONLY_AST", PyCF_ONLY_AST)));
  TRY(status_of(PyModule_AddIntConstant(module, "PyCF_TYPE_COMMENTS", PyCF_TYPE_COMMENTS)));
  return PyModule_AddIntConstant(module, "PyCF_ALLOW_TOP_LEVEL_AWAIT", PyCF_ALLOW_TOP_LEVEL_AWAIT);
}

const PyModuleDef_Slot kSlots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(exec_module)},
    {0, nullptr},
};

// The module system fills in what it keeps about a definition.
constinit PyModuleDef g_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_ast",
    .m_slots = const_cast<PyModuleDef_Slot*>(kSlots),
};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit__ast() { return PyModuleDef_Init(&gill::g_module); }
GILL_BUILTIN_MODULE("_ast", PyInit__ast);
