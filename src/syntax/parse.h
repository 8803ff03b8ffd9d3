// From source text to a tree, and between trees and `_ast` objects: what other parts call.
//
// Failures set the exception of the reference: SyntaxError with position and text, MemoryError,
// RecursionError, or what decoding raised.
#pragma once

#include <Python.h>

#include <cstdio>

#include "base/result.h"
#include "syntax/ast_nodes.h"

namespace gill::ast {

// Which start symbol; the values are those of Python.h.
enum class Mode : int {
  single = Py_single_input,
  file = Py_file_input,
  eval = Py_eval_input,
  func_type = Py_func_type_input,
};

// Source text: UTF-8 when flags->cf_flags has PyCF_IGNORE_COOKIE or PyCF_SOURCE_IS_UTF8, else in the encoding that its cookie names. The tree lives in the
// arena. `flags` may be null; CO_FUTURE_BARRY_AS_BDFL in it is honoured.
Mod* parse_string(Arena& arena, const char* source, size_t size, PyObject* filename, Mode mode,
                  const PyCompilerFlags* flags);

// A file, from where it stands. With prompts (which may be null) and Mode::single it is interactive: one statement is
// read, line by line through PyOS_Readline. `encoding` may be null. `*at_end` (may be null) is set when the
// input ended before a statement began; the result is null without an exception then.
Mod* parse_file(Arena& arena, FILE* file, PyObject* filename, const char* encoding, Mode mode, const char* prompt,
                const char* continuation_prompt, const PyCompilerFlags* flags, bool* at_end);

// The tree as objects of the classes in the `_ast` module.
Ref<> ast_to_object(const Mod* tree);
// The tree that objects of the `_ast` module's classes describe, validated; `mode` is file, eval or single.
Mod* object_to_ast(Arena& arena, PyObject* tree, Mode mode);
// Whether the object is an instance of `_ast.AST`.
Maybe<bool> ast_check(PyObject* object);

}  // namespace gill::ast
