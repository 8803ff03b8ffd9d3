// The `_symtable` module: the compiler's scopes as objects, for Lib/symtable.py.
#include <Python.h>
#include <structmember.h>

#include <cstddef>
#include <cstring>

#include "base/binding.h"
#include "base/names.h"
#include "compiler/compile.h"
#include "compiler/future.h"
#include "compiler/scope_builder.h"
#include "syntax/parse.h"

namespace gill {

namespace {

struct ScopeObject {
  PyObject ob_base;
  PyObject* id;  // names the block: equal for equal blocks, different otherwise
  PyObject* name;
  PyObject* symbols;
  PyObject* varnames;
  PyObject* children;
  int nested;
  int type;
  int lineno;
};
using Fields = OwnedFields<&ScopeObject::id, &ScopeObject::name, &ScopeObject::symbols, &ScopeObject::varnames,
                           &ScopeObject::children>;

void scope_dealloc(ScopeObject* self) {
  Fields::clear_all(self);
  Py_TYPE(self)->tp_free(as_object(self));
}

Ref<> scope_repr(ScopeObject* self) {
  return steal(PyUnicode_FromFormat("<symtable entry %U(%R), line %d>", self->name, self->id, self->lineno));
}

const PyMemberDef kScopeMembers[] = {
    {"id", T_OBJECT, offsetof(ScopeObject, id), READONLY, nullptr},
    {"name", T_OBJECT, offsetof(ScopeObject, name), READONLY, nullptr},
    {"symbols", T_OBJECT, offsetof(ScopeObject, symbols), READONLY, nullptr},
    {"varnames", T_OBJECT, offsetof(ScopeObject, varnames), READONLY, nullptr},
    {"children", T_OBJECT, offsetof(ScopeObject, children), READONLY, nullptr},
    {"nested", T_INT, offsetof(ScopeObject, nested), READONLY, nullptr},
    {"type", T_INT, offsetof(ScopeObject, type), READONLY, nullptr},
    {"lineno", T_INT, offsetof(ScopeObject, lineno), READONLY, nullptr},
    {},
};

PyTypeObject scope_type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "symtable entry",
    .tp_basicsize = sizeof(ScopeObject),
    .tp_dealloc = slot<scope_dealloc>,
    .tp_repr = slot<scope_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_members = table(kScopeMembers),
    .tp_free = PyObject_Free,
};
GILL_STATIC_TYPE(scope_type);

Ref<> scope_object(const compiler::Scope& scope) {
  Ref<ScopeObject> self = TRY(steal(PyObject_New(ScopeObject, &scope_type)));
  self->id = nullptr;
  self->name = scope.name.new_ref().release();
  self->symbols = scope.symbols.new_ref().release();
  self->varnames = scope.varnames.new_ref().release();
  self->children = nullptr;
  self->nested = scope.nested;
  self->type = static_cast<int>(scope.type);
  self->lineno = scope.location.line;
  self->id = TRY(PyLong_FromVoidPtr(const_cast<void*>(scope.key)));
  self->children = TRY(PyList_New(0));
  for (const compiler::Scope* child : scope.children) {
    Ref<> object = TRY(scope_object(*child));
    TRY(status_of(PyList_Append(self->children, object.get())));
  }
  return self;
}

Ref<> symtable_symtable(PyObject*, PyObject* source, PyObject* filename, const char* mode) {
  PyObject* decoded = nullptr;
  if (!PyUnicode_FSDecoder(filename, &decoded)) return failure;
  Ref<> path = steal(decoded);
  PyCompilerFlags flags{PyCF_SOURCE_IS_UTF8, PY_MINOR_VERSION};
  compiler::SourceText text;
  TRY(compiler::source_text(source, "symtable", "string or bytes", &flags, text));
  int start = std::strcmp(mode, "exec") == 0     ? Py_file_input
              : std::strcmp(mode, "eval") == 0   ? Py_eval_input
              : std::strcmp(mode, "single") == 0 ? Py_single_input
                                                 : 0;
  if (!start) return raise(PyExc_ValueError, "symtable() arg 3 must be 'exec' or 'eval' or 'single'");
  ast::Arena arena;
  ast::Mod* tree =
      TRY(ast::parse_string(arena, text.text, text.size, path.get(), static_cast<ast::Mode>(start), &flags));
  compiler::Future future = TRY(compiler::read_future(tree, path.get()));
  compiler::SymbolTable symbols;
  TRY(compiler::build_symbol_table(tree, path.get(), future.features | flags.cf_flags, symbols));
  return scope_object(*symbols.top());
}

const PyMethodDef kMethods[] = {
    METHOD("symtable($module, source, filename, startstr, /)", symtable_symtable,
           "Return symbol and scope dictionaries used internally by compiler."),
    kEndOfMethods,
};

Status symtable_exec(PyObject* module) {
  using namespace compiler;
  const struct {
    const char* name;
    long value;
  } constants[] = {
      {"USE", kUse},
      {"DEF_GLOBAL", kDefGlobal},
      {"DEF_NONLOCAL", kDefNonlocal},
      {"DEF_LOCAL", kDefLocal},
      {"DEF_PARAM", kDefParam},
      {"DEF_FREE", kDefFree},
      {"DEF_FREE_CLASS", kDefFreeClass},
      {"DEF_IMPORT", kDefImport},
      {"DEF_BOUND", kDefBound},
      {"DEF_ANNOT", kDefAnnotation},
      {"TYPE_FUNCTION", static_cast<long>(BlockType::function)},
      {"TYPE_CLASS", static_cast<long>(BlockType::class_)},
      {"TYPE_MODULE", static_cast<long>(BlockType::module)},
      {"LOCAL", static_cast<long>(NameScope::local)},
      {"GLOBAL_EXPLICIT", static_cast<long>(NameScope::global_explicit)},
      {"GLOBAL_IMPLICIT", static_cast<long>(NameScope::global_implicit)},
      {"FREE", static_cast<long>(NameScope::free)},
      {"CELL", static_cast<long>(NameScope::cell)},
      {"SCOPE_OFF", kScopeShift},
      {"SCOPE_MASK", kScopeMask},
  };
  for (const auto& constant : constants) {
    TRY(status_of(PyModule_AddIntConstant(module, constant.name, constant.value)));
  }
  return status_of(PyType_Ready(&scope_type));
}

PyModuleDef_Slot module_slots[] = {{Py_mod_exec, reinterpret_cast<void*>(slot<symtable_exec>)}, {0, nullptr}};

PyModuleDef symtable_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_symtable",
    .m_size = 0,
    .m_methods = table(kMethods),
    .m_slots = module_slots,
};

}  // namespace

PyMODINIT_FUNC PyInit__symtable() { return PyModuleDef_Init(&symtable_module); }
GILL_BUILTIN_MODULE("_symtable", PyInit__symtable);

}  // namespace gill
