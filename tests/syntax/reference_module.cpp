// The parser as an extension module of the reference interpreter, for compare_ast.py.
#include <Python.h>

#include <cstring>

#include "runtime/native_stack.h"
#include "syntax/parse.h"

namespace gill {

// The stacks of the reference's threads are not known here.
bool native_stack_left() { return true; }

namespace {

// parse(source, filename, mode, flags, feature_version): the tree as objects, or None with to_objects false.
PyObject* parse(PyObject*, PyObject* args) {
  PyObject *source, *filename;
  const char* mode;
  int flags = 0, version = PY_MINOR_VERSION, to_objects = 1;
  if (!PyArg_ParseTuple(args, "OUs|iii", &source, &filename, &mode, &flags, &version, &to_objects)) return nullptr;
  PyCompilerFlags cf = {flags | PyCF_ONLY_AST, version};
  const char* text;
  Py_ssize_t size;
  if (PyUnicode_Check(source)) {
    cf.cf_flags |= PyCF_IGNORE_COOKIE;
    text = PyUnicode_AsUTF8AndSize(source, &size);
  } else {
    char* bytes;
    if (PyBytes_AsStringAndSize(source, &bytes, &size) < 0) return nullptr;
    text = bytes;
  }
  if (!text) return nullptr;
  ast::Mode start = !std::strcmp(mode, "exec")     ? ast::Mode::file
                    : !std::strcmp(mode, "eval")   ? ast::Mode::eval
                    : !std::strcmp(mode, "single") ? ast::Mode::single
                                                   : ast::Mode::func_type;
  ast::Arena arena;
  ast::Mod* tree = ast::parse_string(arena, text, static_cast<size_t>(size), filename, start, &cf);
  if (!tree) return nullptr;
  if (!to_objects) Py_RETURN_NONE;
  return ast::ast_to_object(tree).release();
}

// parse_file(path, filename, mode, encoding, interactive): a list of the trees that the file holds; one, unless interactive.
PyObject* parse_file(PyObject*, PyObject* args) {
  const char *path, *mode, *encoding;
  PyObject* filename;
  int interactive = 0;
  if (!PyArg_ParseTuple(args, "sUsz|i", &path, &filename, &mode, &encoding, &interactive)) return nullptr;
  FILE* file = std::fopen(path, "rb");
  if (!file) return PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
  PyCompilerFlags cf = {PyCF_ONLY_AST, PY_MINOR_VERSION};
  ast::Mode start = !std::strcmp(mode, "exec") ? ast::Mode::file : ast::Mode::single;
  PyObject* result = PyList_New(0);
  const char* prompt = interactive ? ">>> " : nullptr;
  const char* more = interactive ? "... " : nullptr;
  bool at_end = false;
  do {
    ast::Arena arena;
    ast::Mod* tree = ast::parse_file(arena, file, filename, encoding, start, prompt, more, &cf, &at_end);
    PyObject* item = nullptr;
    if (tree) {
      item = ast::ast_to_object(tree).release();
    } else if (!at_end && interactive) {
      PyObject *type, *traceback;
      PyErr_Fetch(&type, &item, &traceback);
      Py_XDECREF(type);
      Py_XDECREF(traceback);
    }
    if (item) {
      PyList_Append(result, item);
      Py_DECREF(item);
    }
  } while (interactive && !at_end);
  std::fclose(file);
  if (PyErr_Occurred()) Py_CLEAR(result);
  return result;
}

// check(tree, mode): converts and validates.
PyObject* check(PyObject*, PyObject* args) {
  PyObject* tree;
  const char* mode;
  if (!PyArg_ParseTuple(args, "Os", &tree, &mode)) return nullptr;
  ast::Arena arena;
  ast::Mode start = !std::strcmp(mode, "exec") ? ast::Mode::file : !std::strcmp(mode, "eval") ? ast::Mode::eval : ast::Mode::single;
  ast::Mod* result = ast::object_to_ast(arena, tree, start);
  if (!result) return nullptr;
  return ast::ast_to_object(result).release();
}

PyMethodDef kFunctions[] = {
    {"parse", parse, METH_VARARGS, nullptr},
    {"parse_file", parse_file, METH_VARARGS, nullptr},
    {"check", check, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef g_module = {.m_base = PyModuleDef_HEAD_INIT, .m_name = "gill_syntax", .m_size = -1, .m_methods = kFunctions};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit__ast();

PyMODINIT_FUNC PyInit_gill_syntax() {
  PyObject* module = PyModule_Create(&gill::g_module);
  if (!module) return nullptr;
  if (PyModule_AddObject(module, "init_ast", PyLong_FromVoidPtr(reinterpret_cast<void*>(PyInit__ast))) < 0) return nullptr;
  return module;
}
