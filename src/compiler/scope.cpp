// Scope data, name mangling, and deciding what each name is. See scope.h.
#include "compiler/scope.h"

#include <cstdarg>
#include <new>

#include "runtime/native_stack.h"

namespace gill::compiler {

long Scope::flags_of(PyObject* mangled) const {
  PyObject* flags = PyDict_GetItemWithError(symbols.get(), mangled);
  if (!flags) return PyErr_Occurred() ? -1 : 0;
  return PyLong_AsLong(flags);
}

NameScope Scope::scope_of(PyObject* mangled) const {
  return static_cast<NameScope>(flags_of(mangled) >> kScopeShift & kScopeMask);
}

SymbolTable::~SymbolTable() {
  while (newest_) {
    Scope* scope = std::exchange(newest_, newest_->previous_created);
    scope->~Scope();
    PyMem_Free(scope);
  }
  PyMem_Free(table_);
}

namespace {

size_t slot_of(const void* key, size_t capacity) {
  return (reinterpret_cast<uintptr_t>(key) >> 4) * 0x9E3779B97F4A7C15u >> 20 & (capacity - 1);
}

void enter_scope(Scope** table, size_t capacity, Scope* scope) {
  size_t at = slot_of(scope->key, capacity);
  while (table[at] && table[at]->key != scope->key) at = (at + 1) & (capacity - 1);
  table[at] = scope;
}

}  // namespace

Scope* SymbolTable::new_scope(PyObject* name, BlockType type, const void* key, Scope* parent,
                              const Location& location) {
  if (count_ * 2 >= capacity_) {
    size_t capacity = capacity_ ? capacity_ * 2 : 32;
    auto** table = static_cast<Scope**>(PyMem_Calloc(capacity, sizeof(Scope*)));
    if (!table) {
      PyErr_NoMemory();
      return nullptr;
    }
    for (size_t i = 0; i < capacity_; ++i) {
      if (table_[i]) enter_scope(table, capacity, table_[i]);
    }
    PyMem_Free(table_);
    table_ = table;
    capacity_ = capacity;
  }
  void* memory = PyMem_Malloc(sizeof(Scope));
  if (!memory) {
    PyErr_NoMemory();
    return nullptr;
  }
  auto* scope = new (memory) Scope();
  scope->previous_created = newest_;
  newest_ = scope;
  scope->name = borrow(name);
  scope->symbols = TRY(steal(PyDict_New()));
  scope->varnames = TRY(steal(PyList_New(0)));
  scope->type = type;
  scope->key = key;
  scope->parent = parent;
  scope->location = location;
  if (parent) {
    scope->nested = parent->nested || parent->is_function();
    scope->comprehension_iterables = parent->comprehension_iterables;
    // What an annotation names under `from __future__ import annotations` concerns nobody.
    if (type != BlockType::annotation) TRY(parent->children.push(scope));
  } else {
    top_ = scope;
  }
  enter_scope(table_, capacity_, scope);
  ++count_;
  return scope;
}

Scope* SymbolTable::find(const void* key) const {
  if (!capacity_) return nullptr;
  size_t at = slot_of(key, capacity_);
  while (table_[at] && table_[at]->key != key) at = (at + 1) & (capacity_ - 1);
  return table_[at];
}

Ref<> mangled(PyObject* class_name, PyObject* name) {
  if (!class_name || PyUnicode_GET_LENGTH(name) < 2 || PyUnicode_READ_CHAR(name, 0) != '_' ||
      PyUnicode_READ_CHAR(name, 1) != '_') {
    return borrow(name);
  }
  Py_ssize_t length = PyUnicode_GET_LENGTH(name);
  // Names like __init__ and dotted names of imports stay.
  bool dunder = PyUnicode_READ_CHAR(name, length - 1) == '_' && PyUnicode_READ_CHAR(name, length - 2) == '_';
  if (dunder || PyUnicode_FindChar(name, '.', 0, length, 1) >= 0) return borrow(name);
  Py_ssize_t class_length = PyUnicode_GET_LENGTH(class_name);
  Py_ssize_t underscores = 0;
  while (underscores < class_length && PyUnicode_READ_CHAR(class_name, underscores) == '_') ++underscores;
  if (underscores == class_length) return borrow(name);
  Ref<> stripped = TRY(steal(PyUnicode_Substring(class_name, underscores, class_length)));
  PyObject* result = TRY(PyUnicode_FromFormat("_%U%U", stripped.get(), name));
  PyUnicode_InternInPlace(&result);
  return steal(result);
}

Failure syntax_error_at(PyObject* filename, const Location& at, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Ref<> message = steal(PyUnicode_FromFormatV(format, arguments));
  va_end(arguments);
  if (!message) return failure;
  Ref<> line = steal(PyErr_ProgramTextObject(filename, at.line));
  if (!line) {
    if (PyErr_Occurred()) PyErr_Clear();
    line = none();
  }
  Ref<> details = steal(Py_BuildValue("O(OiiOii)", message.get(), filename, at.line, at.column + 1, line.get(),
                                      at.end_line, at.end_column + 1));
  if (details) PyErr_SetObject(PyExc_SyntaxError, details.get());
  return failure;
}

Failure scope_error_at(PyObject* filename, const Location& at, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  PyErr_FormatV(PyExc_SyntaxError, format, arguments);
  va_end(arguments);
  PyErr_RangedSyntaxLocationObject(filename, at.line, at.column + 1, at.end_line, at.end_column + 1);
  return failure;
}

DepthLimit DepthLimit::of_thread() {
  // Each level of Python recursion pays for three levels of the tree, but not for more than the native stack holds.
  constexpr int kLevelsPerCall = 3;
  constexpr int kMost = 6000;
  PyThreadState* thread = PyThreadState_Get();
  int limit = thread->recursion_limit;
  int used = limit - thread->recursion_remaining;
  auto scaled = [](int calls) { return calls > kMost / kLevelsPerCall ? kMost : calls * kLevelsPerCall; };
  return {scaled(used), scaled(limit)};
}

Status DepthLimit::enter() {
  if (++depth > limit || !native_stack_left()) return raise(PyExc_RecursionError, "maximum recursion depth exceeded during compilation");
  return Status::ok;
}

namespace {

// What a name that `scope` does not bind means there: free when the nearest enclosing function that says
// something about it binds it.
bool bound_outside(const Scope& scope, PyObject* name) {
  for (const Scope* outer = scope.parent; outer; outer = outer->parent) {
    if (outer->is_class()) {
      if (PyUnicode_CompareWithASCIIString(name, "__class__") == 0) return true;
      continue;
    }
    if (!outer->is_function()) return false;
    long flags = outer->flags_of(name);
    if (flags <= 0) continue;
    if (flags & kDefGlobal) return false;
    if (flags & kDefNonlocal) return true;
    if (flags & kDefBound) return true;
  }
  return false;
}

Failure directive_error(const SymbolTable& table, const Scope& scope, PyObject* name, const char* format) {
  for (const Directive& directive : scope.directives) {
    Ref<> declared = mangled(scope.private_name.get(), directive.name);
    if (!declared) return failure;
    int same = PyUnicode_Compare(declared.get(), name);
    if (same == -1 && PyErr_Occurred()) return failure;
    if (same == 0) return scope_error_at(table.filename(), directive.location, format, name);
  }
  return raise(PyExc_RuntimeError, "BUG: internal directive bookkeeping broken");
}

Maybe<NameScope> decide(const SymbolTable& table, const Scope& scope, PyObject* name, long flags) {
  if (flags & kDefGlobal) {
    if (flags & kDefNonlocal) return directive_error(table, scope, name, "name '%U' is nonlocal and global");
    return NameScope::global_explicit;
  }
  if (flags & kDefNonlocal) {
    if (!scope.parent) {
      return directive_error(table, scope, name, "nonlocal declaration not allowed at module level");
    }
    if (!bound_outside(scope, name)) {
      return directive_error(table, scope, name, "no binding for nonlocal '%U' found");
    }
    return NameScope::free;
  }
  if (flags & kDefBound) return NameScope::local;
  return bound_outside(scope, name) ? NameScope::free : NameScope::global_implicit;
}

Status set_flags(Scope& scope, PyObject* name, long flags) {
  Ref<> number = TRY(steal(PyLong_FromLong(flags)));
  return status_of(PyDict_SetItem(scope.symbols.get(), name, number.get()));
}

// Decides the names of `scope` and of all blocks in it. `free` collects what it needs from outside.
Status resolve_scope(SymbolTable& table, Scope& scope, PyObject* free) {
  Ref<> names = TRY(steal(PyDict_Keys(scope.symbols.get())));
  Py_ssize_t count = PyList_GET_SIZE(names.get());
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* name = PyList_GET_ITEM(names.get(), i);
    long flags = scope.flags_of(name);
    NameScope kind = TRY(decide(table, scope, name, flags));
    TRY(set_flags(scope, name, flags | static_cast<long>(kind) << kScopeShift));
    if (kind == NameScope::free) TRY(status_of(PyDict_SetItem(free, name, Py_None)));
  }
  if (scope.children.empty()) return Status::ok;
  Ref<> wanted = TRY(steal(PyDict_New()));
  for (Scope* child : scope.children) TRY(resolve_scope(table, *child, wanted.get()));
  Py_ssize_t position = 0;
  PyObject *name, *value;
  while (PyDict_Next(wanted.get(), &position, &name, &value)) {
    if (scope.is_class() && PyUnicode_CompareWithASCIIString(name, "__class__") == 0) {
      scope.needs_class_cell = true;
      continue;
    }
    long flags = scope.flags_of(name);
    if (flags < 0) return failure;
    if (flags == 0) {
      TRY(set_flags(scope, name, static_cast<long>(NameScope::free) << kScopeShift));
      TRY(status_of(PyDict_SetItem(free, name, Py_None)));
      continue;
    }
    if (scope.is_function() && scope.scope_of(name) == NameScope::local) {
      flags = (flags & ~(kScopeMask << kScopeShift)) | static_cast<long>(NameScope::cell) << kScopeShift;
      TRY(set_flags(scope, name, flags));
      continue;
    }
    if (scope.is_class() && flags & (kDefBound | kDefGlobal)) TRY(set_flags(scope, name, flags | kDefFreeClass));
    TRY(status_of(PyDict_SetItem(free, name, Py_None)));
  }
  return Status::ok;
}

}  // namespace

Status SymbolTable::resolve() {
  Ref<> free = TRY(steal(PyDict_New()));
  return resolve_scope(*this, *top_, free.get());
}

}  // namespace gill::compiler
