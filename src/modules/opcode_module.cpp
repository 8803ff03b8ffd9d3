// The `_opcode` module.
#include "base/binding.h"
#include "objects/opcodes.h"

namespace gill {

namespace {

Maybe<int> opcode_stack_effect(PyObject*, int opcode, PyObject* operand, PyObject* jump) {
  int value = 0;
  if (opcode >= kHaveArgument) {
    if (operand == Py_None) {
      return raise(PyExc_ValueError, "stack_effect: opcode requires oparg but oparg was not specified");
    }
    value = static_cast<int>(TRY(checked(PyLong_AsLong(operand))));
  } else if (operand != Py_None) {
    return raise(PyExc_ValueError, "stack_effect: opcode does not permit oparg but oparg was specified");
  }
  if (jump != Py_None && jump != Py_True && jump != Py_False) {
    return raise(PyExc_ValueError, "stack_effect: jump must be False, True or None");
  }
  int jumps = jump == Py_None ? -1 : jump == Py_True;
  int effect = PyCompile_OpcodeStackEffectWithJump(opcode, value, jumps);
  if (effect == PY_INVALID_STACK_EFFECT) return raise(PyExc_ValueError, "invalid opcode or oparg");
  return effect;
}

// Statistics are kept only by special builds of the reference.
Ref<> opcode_get_specialization_stats(PyObject*) { return none(); }

const PyMethodDef kMethods[] = {
    METHOD("stack_effect($module, opcode, oparg=None, /, *, jump=None)", opcode_stack_effect,
           "Compute the stack effect of the opcode."),
    METHOD("get_specialization_stats($module, /)", opcode_get_specialization_stats,
           "Return the specialization stats"),
    kEndOfMethods,
};

PyModuleDef opcode_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_opcode",
    .m_doc = "Opcode support module.",
    .m_size = 0,
    .m_methods = table(kMethods),
};

}  // namespace

PyMODINIT_FUNC PyInit__opcode() { return PyModuleDef_Init(&opcode_module); }
GILL_BUILTIN_MODULE("_opcode", PyInit__opcode);

}  // namespace gill
