// The entry points of parse.h that begin with text.
#include "syntax/parse.h"

#include "syntax/parser.h"

namespace gill::ast {
namespace {

Mod* parse_source(Arena& arena, Source& source, PyObject* filename, Mode mode, const PyCompilerFlags* flags, bool* at_end) {
  int bits = flags ? flags->cf_flags : 0;
  int version = flags && (bits & PyCF_ONLY_AST) ? flags->cf_feature_version : PY_MINOR_VERSION;
  Tokenizer tokenizer(source, filename, bits & PyCF_TYPE_COMMENTS);
  if (version < 7) tokenizer.set_async_are_names(true);
  Parser parser(tokenizer, arena, mode, bits, version);
  Mod* tree = parser.run();
  if (at_end) *at_end = parser.ended();
  if (!tree && !parser.ended() && PyErr_ExceptionMatches(PyExc_SyntaxError)) {
    // Normalized now, so that whoever prints it finds the fields set.
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyErr_Restore(type, value, traceback);
  }
  return tree;
}

}  // namespace

Mod* parse_string(Arena& arena, const char* text, size_t size, PyObject* filename, Mode mode,
                  const PyCompilerFlags* flags) {
  if (PySys_Audit("compile", "yO", text, filename) < 0) return nullptr;
  Source source;
  bool is_utf8 = flags && flags->cf_flags & PyCF_IGNORE_COOKIE;
  TRY(source.from_string(text, size, filename, is_utf8, mode == Mode::file));
  return parse_source(arena, source, filename, mode, flags, nullptr);
}

Mod* parse_file(Arena& arena, FILE* file, PyObject* filename, const char* encoding, Mode mode, const char* prompt,
                const char* continuation_prompt, const PyCompilerFlags* flags, bool* at_end) {
  if (at_end) *at_end = false;
  if (PySys_Audit("compile", "OO", Py_None, filename) < 0) return nullptr;
  Source source;
  if (prompt || continuation_prompt) source.from_terminal(file, encoding, prompt, continuation_prompt);
  else TRY(source.from_file(file, filename, encoding));
  return parse_source(arena, source, filename, mode, flags, at_end);
}

}  // namespace gill::ast
