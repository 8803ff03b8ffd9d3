// The _bisect module: places in sorted sequences.
#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"

namespace gill {

namespace {

enum class Side { left, right };

// The index at which `item` belongs. With a key function, `item` is compared as it is with the keys of the others.
template <Side S>
Maybe<Py_ssize_t> search(PyObject* sequence, PyObject* item, Py_ssize_t low, std::optional<Py_ssize_t> end, PyObject* key) {
  if (low < 0) return raise(PyExc_ValueError, "lo must be non-negative");
  Py_ssize_t high = end.value_or(-1);
  if (high == -1) high = TRY(checked(PySequence_Size(sequence)));
  ssizeargfunc item_at = nullptr;
  if (PySequenceMethods* methods = Py_TYPE(sequence)->tp_as_sequence) item_at = methods->sq_item;
  while (low < high) {
    Py_ssize_t middle = low + (high - low) / 2;
    Ref<> candidate = TRY(steal(item_at ? item_at(sequence, middle) : PySequence_GetItem(sequence, middle)));
    if (key != Py_None) candidate = TRY(call(key, candidate.get()));
    bool before = S == Side::left ? TRY(truth_of(PyObject_RichCompareBool(candidate.get(), item, Py_LT)))
                                  : !TRY(truth_of(PyObject_RichCompareBool(item, candidate.get(), Py_LT)));
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}

template <Side S>
Maybe<Py_ssize_t> bisect(PyObject*, PyObject* sequence, PyObject* item, Py_ssize_t low, std::optional<Py_ssize_t> high, PyObject* key) {
  return search<S>(sequence, item, low, high, key);
}

template <Side S>
Status insort(PyObject*, PyObject* sequence, PyObject* item, Py_ssize_t low, std::optional<Py_ssize_t> high, PyObject* key) {
  Ref<> compared = key == Py_None ? borrow(item) : TRY(call(key, item));
  Py_ssize_t index = TRY(search<S>(sequence, compared.get(), low, high, key));
  if (PyList_CheckExact(sequence)) return status_of(PyList_Insert(sequence, index, item));
  Ref<> number = TRY(steal(PyLong_FromSsize_t(index)));
  Ref<> done = TRY(call_method(sequence, name<"insert">, number.get(), item));
  return Status::ok;
}

#define BISECT_SIGNATURE "($module, /, a, x, lo=0, hi=None, *, key=None)"

const PyMethodDef kFunctions[] = {
    METHOD("bisect_right" BISECT_SIGNATURE, bisect<Side::right>,
           "Return the index where to insert item x in list a, assuming a is sorted.\n\n"
           "All e in a[:i] have e <= x, and all e in a[i:] have e > x."),
    METHOD("insort_right" BISECT_SIGNATURE, insort<Side::right>,
           "Insert item x in list a, and keep it sorted assuming a is sorted.\n\n"
           "If x is already in a, insert it to the right of the rightmost x."),
    METHOD("bisect_left" BISECT_SIGNATURE, bisect<Side::left>,
           "Return the index where to insert item x in list a, assuming a is sorted.\n\n"
           "All e in a[:i] have e < x, and all e in a[i:] have e >= x."),
    METHOD("insort_left" BISECT_SIGNATURE, insort<Side::left>,
           "Insert item x in list a, and keep it sorted assuming a is sorted.\n\n"
           "If x is already in a, insert it to the left of the leftmost x."),
    kEndOfMethods,
};

PyModuleDef_Slot slots[] = {{0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_bisect",
    .m_doc = "Bisection algorithms.\n\nThey keep a list sorted without sorting it after each insertion.\n",
    .m_size = 0,
    .m_methods = table(kFunctions),
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit__bisect() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_bisect", PyInit__bisect);

}  // namespace gill
