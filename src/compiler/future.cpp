// See future.h.
#include "compiler/future.h"

#include "compiler/scope.h"

namespace gill::compiler {

PyObject* docstring_of(const ast::StmtList& body);

namespace {

Failure error_at(PyObject* filename, const ast::Stmt* s) {
  PyErr_SyntaxLocationObject(filename, s->lineno, s->col_offset + 1);
  return failure;
}

Maybe<int> features_of(const ast::ImportFrom* n, PyObject* filename) {
  int features = 0;
  for (const ast::Alias* alias : n->names) {
    auto is = [&](const char* text) { return PyUnicode_CompareWithASCIIString(alias->name, text) == 0; };
    if (is(FUTURE_NESTED_SCOPES) || is(FUTURE_GENERATORS) || is(FUTURE_DIVISION) || is(FUTURE_ABSOLUTE_IMPORT) ||
        is(FUTURE_WITH_STATEMENT) || is(FUTURE_PRINT_FUNCTION) || is(FUTURE_UNICODE_LITERALS) ||
        is(FUTURE_GENERATOR_STOP)) {
      continue;
    }
    if (is(FUTURE_BARRY_AS_BDFL)) {
      features |= CO_FUTURE_BARRY_AS_BDFL;
    } else if (is(FUTURE_ANNOTATIONS)) {
      features |= CO_FUTURE_ANNOTATIONS;
    } else if (is("braces")) {
      PyErr_SetString(PyExc_SyntaxError, "not a chance");
      return error_at(filename, n);
    } else {
      PyErr_Format(PyExc_SyntaxError, "future feature %.100U is not defined", alias->name);
      return error_at(filename, n);
    }
  }
  return features;
}

}  // namespace

Maybe<Future> read_future(const ast::Mod* tree, PyObject* filename) {
  Future future;
  const ast::StmtList* body = nullptr;
  if (tree->kind == ast::ModKind::Module) body = &as<ast::Module>(tree)->body;
  if (tree->kind == ast::ModKind::Interactive) body = &as<ast::Interactive>(tree)->body;
  if (!body) return future;
  bool done = false;
  int line = 0;
  for (int i = docstring_of(*body) ? 1 : 0; i < static_cast<int>(body->size()); ++i) {
    const ast::Stmt* s = (*body)[i];
    if (done && s->lineno > line) return future;
    line = s->lineno;
    if (s->kind == ast::StmtKind::ImportFrom) {
      const auto* n = as<ast::ImportFrom>(s);
      if (n->module && PyUnicode_CompareWithASCIIString(n->module, "__future__") == 0) {
        if (done) {
          // compat: the column counts from 0 here (test_future.test_badfuture7).
          PyErr_SetString(PyExc_SyntaxError, "from __future__ imports must occur at the beginning of the file");
          PyErr_SyntaxLocationObject(filename, s->lineno, s->col_offset);
          return failure;
        }
        future.features |= TRY(features_of(n, filename));
        future.last_line = s->lineno;
      } else {
        done = true;
      }
    } else {
      done = true;
    }
  }
  return future;
}

}  // namespace gill::compiler
