// The _operator module: each operator of the language as a function.
#include "modules/operator/operator.h"

#include "modules/module_state.h"
#include "objects/object.h"

namespace gill::operators {

namespace {

template <auto F>
Ref<> unary(PyObject*, PyObject* a) { return steal(F(a)); }
template <auto F>
Ref<> binary(PyObject*, PyObject* a, PyObject* b) { return steal(F(a, b)); }
template <int Op>
Ref<> compare(PyObject*, PyObject* a, PyObject* b) { return steal(PyObject_RichCompare(a, b, Op)); }

Ref<> power(PyObject*, PyObject* a, PyObject* b) { return steal(PyNumber_Power(a, b, Py_None)); }
Ref<> power_in_place(PyObject*, PyObject* a, PyObject* b) { return steal(PyNumber_InPlacePower(a, b, Py_None)); }

Maybe<bool> truth(PyObject*, PyObject* a) { return truth_of(PyObject_IsTrue(a)); }
Maybe<bool> negation(PyObject*, PyObject* a) { return truth_of(PyObject_Not(a)); }
Maybe<bool> identical(PyObject*, PyObject* a, PyObject* b) { return a == b; }
Maybe<bool> distinct(PyObject*, PyObject* a, PyObject* b) { return a != b; }
Maybe<bool> contains(PyObject*, PyObject* a, PyObject* b) { return truth_of(PySequence_Contains(a, b)); }
Maybe<Py_ssize_t> index_of(PyObject*, PyObject* a, PyObject* b) { return checked(PySequence_Index(a, b)); }
Maybe<Py_ssize_t> count_of(PyObject*, PyObject* a, PyObject* b) { return checked(PySequence_Count(a, b)); }
Status set_item(PyObject*, PyObject* a, PyObject* b, PyObject* c) { return status_of(PyObject_SetItem(a, b, c)); }
Status delete_item(PyObject*, PyObject* a, PyObject* b) { return status_of(PyObject_DelItem(a, b)); }
Maybe<Py_ssize_t> length_hint(PyObject*, PyObject* object, Py_ssize_t fallback) { return checked(PyObject_LengthHint(object, fallback)); }

PyObject* call_object(PyObject*, PyObject* const* args, Py_ssize_t given, PyObject* kwnames) {
  if (given < 1) return raise(PyExc_TypeError, "call expected at least 1 argument, got %zd", given);
  return PyObject_Vectorcall(args[0], args + 1, static_cast<size_t>(given - 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames);
}

// ---- comparison without hints by time ----------------------------------------------------------------

// Looks at every byte of b, whatever it finds; a different length is compared against b itself.
bool same_bytes(const void* a, Py_ssize_t a_size, const void* b, Py_ssize_t b_size) {
  const volatile auto* left = static_cast<const volatile unsigned char*>(a_size == b_size ? a : b);
  const volatile auto* right = static_cast<const volatile unsigned char*>(b);
  volatile unsigned char difference = a_size != b_size;
  for (Py_ssize_t i = 0; i < b_size; ++i) difference = difference | (left[i] ^ right[i]);
  return difference == 0;
}

Status flat_buffer(PyObject* object, BufferArgument& view) {
  TRY(status_of(PyObject_GetBuffer(object, &view.view(), PyBUF_SIMPLE)));
  if (view.view().ndim > 1) return raise(PyExc_BufferError, "Buffer must be single dimension");
  return Status::ok;
}

Maybe<bool> compare_digest(PyObject*, PyObject* a, PyObject* b) {
  if (PyUnicode_Check(a) && PyUnicode_Check(b)) {
    if (PyUnicode_READY(a) < 0 || PyUnicode_READY(b) < 0) return failure;
    if (!PyUnicode_IS_ASCII(a) || !PyUnicode_IS_ASCII(b)) {
      return raise(PyExc_TypeError, "comparing strings with non-ASCII characters is not supported");
    }
    return same_bytes(PyUnicode_DATA(a), PyUnicode_GET_LENGTH(a), PyUnicode_DATA(b), PyUnicode_GET_LENGTH(b));
  }
  if (!PyObject_CheckBuffer(a) || !PyObject_CheckBuffer(b)) {
    return raise(PyExc_TypeError, "unsupported operand types(s) or combination of types: '%.100s' and '%.100s'", Py_TYPE(a)->tp_name,
                 Py_TYPE(b)->tp_name);
  }
  BufferArgument left, right;
  TRY(flat_buffer(a, left));
  TRY(flat_buffer(b, right));
  return same_bytes(left.data(), left.size(), right.data(), right.size());
}

// ---- the module ----------------------------------------------------------------------------------------

#define UNARY(python_name, function, doc) METHOD(python_name "($module, a, /)", function, doc)
#define BINARY(python_name, function, doc) METHOD(python_name "($module, a, b, /)", function, doc)

const PyMethodDef kFunctions[] = {
    UNARY("truth", truth, "Return True if a is true, False otherwise."),
    BINARY("contains", contains, "Same as b in a (note reversed operands)."),
    BINARY("indexOf", index_of, "Return the first index of b in a."),
    BINARY("countOf", count_of, "Return the number of items in a which are, or which equal, b."),
    BINARY("is_", identical, "Same as a is b."),
    BINARY("is_not", distinct, "Same as a is not b."),
    BINARY("add", binary<PyNumber_Add>, "Same as a + b."),
    BINARY("sub", binary<PyNumber_Subtract>, "Same as a - b."),
    BINARY("mul", binary<PyNumber_Multiply>, "Same as a * b."),
    BINARY("matmul", binary<PyNumber_MatrixMultiply>, "Same as a @ b."),
    BINARY("floordiv", binary<PyNumber_FloorDivide>, "Same as a // b."),
    BINARY("truediv", binary<PyNumber_TrueDivide>, "Same as a / b."),
    BINARY("mod", binary<PyNumber_Remainder>, "Same as a % b."),
    UNARY("neg", unary<PyNumber_Negative>, "Same as -a."),
    UNARY("pos", unary<PyNumber_Positive>, "Same as +a."),
    UNARY("abs", unary<PyNumber_Absolute>, "Same as abs(a)."),
    UNARY("inv", unary<PyNumber_Invert>, "Same as ~a."),
    UNARY("invert", unary<PyNumber_Invert>, "Same as ~a."),
    BINARY("lshift", binary<PyNumber_Lshift>, "Same as a << b."),
    BINARY("rshift", binary<PyNumber_Rshift>, "Same as a >> b."),
    UNARY("not_", negation, "Same as not a."),
    BINARY("and_", binary<PyNumber_And>, "Same as a & b."),
    BINARY("xor", binary<PyNumber_Xor>, "Same as a ^ b."),
    BINARY("or_", binary<PyNumber_Or>, "Same as a | b."),
    BINARY("iadd", binary<PyNumber_InPlaceAdd>, "Same as a += b."),
    BINARY("isub", binary<PyNumber_InPlaceSubtract>, "Same as a -= b."),
    BINARY("imul", binary<PyNumber_InPlaceMultiply>, "Same as a *= b."),
    BINARY("imatmul", binary<PyNumber_InPlaceMatrixMultiply>, "Same as a @= b."),
    BINARY("ifloordiv", binary<PyNumber_InPlaceFloorDivide>, "Same as a //= b."),
    BINARY("itruediv", binary<PyNumber_InPlaceTrueDivide>, "Same as a /= b."),
    BINARY("imod", binary<PyNumber_InPlaceRemainder>, "Same as a %= b."),
    BINARY("ilshift", binary<PyNumber_InPlaceLshift>, "Same as a <<= b."),
    BINARY("irshift", binary<PyNumber_InPlaceRshift>, "Same as a >>= b."),
    BINARY("iand", binary<PyNumber_InPlaceAnd>, "Same as a &= b."),
    BINARY("ixor", binary<PyNumber_InPlaceXor>, "Same as a ^= b."),
    BINARY("ior", binary<PyNumber_InPlaceOr>, "Same as a |= b."),
    BINARY("concat", binary<PySequence_Concat>, "Same as a + b, for a and b sequences."),
    BINARY("iconcat", binary<PySequence_InPlaceConcat>, "Same as a += b, for a and b sequences."),
    BINARY("getitem", binary<PyObject_GetItem>, "Same as a[b]."),
    METHOD("setitem($module, a, b, c, /)", set_item, "Same as a[b] = c."),
    BINARY("delitem", delete_item, "Same as del a[b]."),
    BINARY("pow", power, "Same as a ** b."),
    BINARY("ipow", power_in_place, "Same as a **= b."),
    BINARY("eq", compare<Py_EQ>, "Same as a == b."),
    BINARY("ne", compare<Py_NE>, "Same as a != b."),
    BINARY("lt", compare<Py_LT>, "Same as a < b."),
    BINARY("le", compare<Py_LE>, "Same as a <= b."),
    BINARY("gt", compare<Py_GT>, "Same as a > b."),
    BINARY("ge", compare<Py_GE>, "Same as a >= b."),
    UNARY("index", unary<PyNumber_Index>, "Same as a.__index__()"),
    METHOD("length_hint($module, obj, default=0, /)", length_hint,
           "Return an estimate of the number of items in obj.\n\n"
           "The estimate may be larger or smaller than the actual size by any amount;\n"
           "it serves for presizing containers."),
    METHOD("_compare_digest($module, a, b, /)", compare_digest,
           "Return 'a == b'.\n\n"
           "The time taken does not depend on where the arguments differ. Both are of the same\n"
           "kind: str (ASCII only) or bytes-like. Lengths and types may still show in the time."),
    {"call", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&call_object)), METH_FASTCALL | METH_KEYWORDS,
     "call($module, obj, /, *args, **kwargs)\n--\n\nSame as obj(*args, **kwargs)."},
    kEndOfMethods,
};

int execute(PyObject* module) {
  TRY(add_getters(module));
  TRY(add_method_caller(module));
  return 0;
}

using Owned = ModuleFields<&State::itemgetter_type, &State::attrgetter_type, &State::methodcaller_type>;

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_operator",
    .m_doc = "Operator interface.\n\n"
             "Functions for the intrinsic operators of Python: operator.add(x, y) is x+y.\n"
             "They are named as the special methods, without the underscores.",
    .m_size = sizeof(State),
    .m_methods = table(kFunctions),
    .m_slots = slots,
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace

PyMODINIT_FUNC PyInit__operator() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_operator", PyInit__operator);

}  // namespace gill::operators
