// Compiling source text, and the C API for it. See compile.h.
#include <cstring>

#include "base/names.h"
#include "compiler/compile.h"
#include "syntax/parse.h"

namespace gill::compiler {

Ref<> compile_source(const char* source, size_t size, PyObject* filename, int start, PyCompilerFlags* flags,
                     int optimize) {
  ast::Arena arena;
  ast::Mod* tree = TRY(ast::parse_string(arena, source, size, filename, static_cast<ast::Mode>(start), flags));
  if (flags && flags->cf_flags & PyCF_ONLY_AST) return ast::ast_to_object(tree);
  return compile_ast(tree, filename, flags, optimize, arena);
}

Status source_text(PyObject* source, const char* function, const char* wanted, PyCompilerFlags* flags,
                   SourceText& out) {
  Py_ssize_t size = 0;
  if (PyUnicode_Check(source)) {
    flags->cf_flags |= PyCF_IGNORE_COOKIE;
    out.text = TRY(PyUnicode_AsUTF8AndSize(source, &size));
    out.owner = borrow(source);
  } else if (PyBytes_Check(source)) {
    out.text = PyBytes_AS_STRING(source);
    size = PyBytes_GET_SIZE(source);
    out.owner = borrow(source);
  } else if (PyByteArray_Check(source)) {
    out.owner = TRY(steal(PyBytes_FromStringAndSize(PyByteArray_AS_STRING(source), PyByteArray_GET_SIZE(source))));
    out.text = PyBytes_AS_STRING(out.owner.get());
    size = PyBytes_GET_SIZE(out.owner.get());
  } else {
    Py_buffer view;
    if (PyObject_GetBuffer(source, &view, PyBUF_SIMPLE) != 0) {
      return raise(PyExc_TypeError, "%s() arg 1 must be a %s object", function, wanted);
    }
    out.owner = steal(PyBytes_FromStringAndSize(static_cast<const char*>(view.buf), view.len));
    PyBuffer_Release(&view);
    if (!out.owner) return failure;
    out.text = PyBytes_AS_STRING(out.owner.get());
    size = PyBytes_GET_SIZE(out.owner.get());
  }
  if (std::strlen(out.text) != static_cast<size_t>(size)) {
    return raise(PyExc_ValueError, "source code string cannot contain null bytes");
  }
  out.size = static_cast<size_t>(size);
  return Status::ok;
}

namespace {

Maybe<int> start_of_mode(const char* mode, int flags) {
  if (std::strcmp(mode, "exec") == 0) return Py_file_input;
  if (std::strcmp(mode, "eval") == 0) return Py_eval_input;
  if (std::strcmp(mode, "single") == 0) return Py_single_input;
  bool only_ast = flags & PyCF_ONLY_AST;
  if (std::strcmp(mode, "func_type") == 0) {
    if (only_ast) return Py_func_type_input;
    return raise(PyExc_ValueError, "compile() mode 'func_type' requires flag PyCF_ONLY_AST");
  }
  return raise(PyExc_ValueError, only_ast ? "compile() mode must be 'exec', 'eval', 'single' or 'func_type'"
                                          : "compile() mode must be 'exec', 'eval' or 'single'");
}

}  // namespace

Ref<> compile_builtin(PyObject* source, PyObject* filename, const char* mode, int flags, bool inherit, int optimize,
                      int feature_version) {
  PyCompilerFlags compiler_flags{flags | PyCF_SOURCE_IS_UTF8, PY_MINOR_VERSION};
  if (feature_version >= 0 && flags & PyCF_ONLY_AST) compiler_flags.cf_feature_version = feature_version;
  if (flags & ~(PyCF_MASK | PyCF_MASK_OBSOLETE | PyCF_COMPILE_MASK)) {
    return raise(PyExc_ValueError, "compile(): unrecognised flags");
  }
  if (optimize < -1 || optimize > 2) return raise(PyExc_ValueError, "compile(): invalid optimize value");
  if (inherit) PyEval_MergeCompilerFlags(&compiler_flags);
  int start = TRY(start_of_mode(mode, flags));
  if (TRY(ast::ast_check(source))) {
    if (flags & PyCF_ONLY_AST) return borrow(source);
    ast::Arena arena;
    ast::Mod* tree = TRY(ast::object_to_ast(arena, source, static_cast<ast::Mode>(start)));
    return compile_ast(tree, filename, &compiler_flags, optimize, arena);
  }
  SourceText text;
  TRY(source_text(source, "compile", "string, bytes or AST", &compiler_flags, text));
  return compile_source(text.text, text.size, filename, start, &compiler_flags, optimize);
}

}  // namespace gill::compiler

using namespace gill;

extern "C" {

PyAPI_FUNC(PyObject*) Py_CompileStringObject(const char* text, PyObject* filename, int start, PyCompilerFlags* flags,
                                             int optimize) {
  return compiler::compile_source(text, std::strlen(text), filename, start, flags, optimize).release();
}

PyAPI_FUNC(PyObject*) Py_CompileStringExFlags(const char* text, const char* filename, int start,
                                              PyCompilerFlags* flags, int optimize) {
  Ref<> name = steal(PyUnicode_DecodeFSDefault(filename));
  if (!name) return nullptr;
  return Py_CompileStringObject(text, name.get(), start, flags, optimize);
}

#undef Py_CompileString
PyAPI_FUNC(PyObject*) Py_CompileString(const char* text, const char* filename, int start) {
  return Py_CompileStringExFlags(text, filename, start, nullptr, -1);
}

#undef Py_CompileStringFlags
PyAPI_FUNC(PyObject*) Py_CompileStringFlags(const char* text, const char* filename, int start,
                                            PyCompilerFlags* flags) {
  return Py_CompileStringExFlags(text, filename, start, flags, -1);
}

PyAPI_FUNC(PyCodeObject*) _PyAST_Compile(struct _mod* tree, PyObject* filename, PyCompilerFlags* flags, int optimize,
                                         struct _arena* arena) {
  return compiler::compile_ast(reinterpret_cast<ast::Mod*>(tree), filename, flags, optimize,
                               *reinterpret_cast<ast::Arena*>(arena))
      .release();
}

}  // extern "C"
