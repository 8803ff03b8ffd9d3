// Gill's parser and compiler as an extension module of the reference: see build_hosted_compiler.sh.
#include "base/binding.h"
#include "compiler/compile.h"
#include "runtime/native_stack.h"

namespace gill {

// The stacks of the reference's threads are not known here.
bool native_stack_left() { return true; }

namespace {

Ref<> hosted_compile(PyObject*, PyObject* source, PyObject* filename, const char* mode, int flags, int optimize) {
  PyObject* path = nullptr;
  if (!PyUnicode_FSDecoder(filename, &path)) return failure;
  Ref<> owner = steal(path);
  return compiler::compile_builtin(source, path, mode, flags, false, optimize, -1);
}

const PyMethodDef kMethods[] = {
    METHOD("compile($module, source, filename, mode, flags=0, optimize=-1, /)", hosted_compile,
           "Compile with Gill's parser and compiler."),
    kEndOfMethods,
};

PyModuleDef hosted_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "gill_compiler",
    .m_size = 0,
    .m_methods = table(kMethods),
};

}  // namespace

PyMODINIT_FUNC PyInit_gill_compiler() { return PyModuleDef_Init(&hosted_module); }

}  // namespace gill
