// Compiling: what the rest of the runtime calls.
#pragma once

#include "base/result.h"
#include "syntax/ast_nodes.h"

namespace gill::compiler {

// A tree to a code object. `flags->cf_flags` gains the tree's future features; `flags` may be null. `optimize`
// -1 takes the interpreter's level. The tree is changed (constants are folded).
Ref<PyCodeObject> compile_ast(ast::Mod* tree, PyObject* filename, PyCompilerFlags* flags, int optimize,
                              ast::Arena& arena);

// Source text to a code object, or to `_ast` objects with PyCF_ONLY_AST. `start` is Py_file_input, Py_eval_input,
// Py_single_input or Py_func_type_input. Text is UTF-8 when the flags say so, else as its cookie says.
Ref<> compile_source(const char* source, size_t size, PyObject* filename, int start, PyCompilerFlags* flags,
                     int optimize);

// The text of a str, bytes or buffer object for the compiler, without a copy where that is possible. `owner`
// keeps it alive. A str sets PyCF_IGNORE_COOKIE in the flags. `function` and `wanted` are for the TypeError
// ("compile() arg 1 must be a string, bytes or AST object").
struct SourceText {
  const char* text = nullptr;
  size_t size = 0;
  Ref<> owner;
};
Status source_text(PyObject* source, const char* function, const char* wanted, PyCompilerFlags* flags, SourceText& out);

// builtins.compile(). `inherit` takes over the future features of the running frame.
Ref<> compile_builtin(PyObject* source, PyObject* filename, const char* mode, int flags, bool inherit, int optimize,
                      int feature_version);

}  // namespace gill::compiler
