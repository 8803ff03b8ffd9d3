// The result of isocalendar(): a tuple of three with names.
#include "modules/datetime/datetime.h"

namespace gill::dates {

Ref<> new_iso_date(const IsoWeek& week, PyTypeObject* type) {
  Ref<> self = TRY(steal(type->tp_alloc(type, 3)));
  int values[] = {week.year, week.week, week.weekday};
  for (int i = 0; i < 3; ++i) PyTuple_SET_ITEM(self.get(), i, TRY(steal(PyLong_FromLong(values[i]))).release());
  return self;
}

namespace {

PyObject* iso_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"year", "week", "weekday", nullptr};
  IsoWeek week;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iii:IsoCalendarDate", const_cast<char**>(keywords), &week.year, &week.week, &week.weekday)) {
    return nullptr;
  }
  return new_iso_date(week, type).release();
}

Ref<> iso_repr(PyObject* self) {
  return steal(PyUnicode_FromFormat("%.200s(year=%S, week=%S, weekday=%S)", Py_TYPE(self)->tp_name, PyTuple_GET_ITEM(self, 0),
                                    PyTuple_GET_ITEM(self, 1), PyTuple_GET_ITEM(self, 2)));
}

template <int I>
Ref<> iso_item(PyObject* self) {
  return borrow(PyTuple_GET_ITEM(self, I));
}

// Pickles as the tuple it is.
Ref<> iso_reduce(PyObject* self) {
  Ref<> plain = TRY(steal(PyTuple_Pack(3, PyTuple_GET_ITEM(self, 0), PyTuple_GET_ITEM(self, 1), PyTuple_GET_ITEM(self, 2))));
  return steal(Py_BuildValue("O(N)", &PyTuple_Type, plain.release()));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__reduce__($self)", iso_reduce, "__reduce__() -> (cls, state)"),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<iso_item<0>>("year"),
    getset<iso_item<1>>("week"),
    getset<iso_item<2>>("weekday"),
    kEndOfGetSets,
};

}  // namespace

extern "C" {
PyTypeObject IsoCalendarDate_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "datetime.IsoCalendarDate",
    .tp_basicsize = sizeof(PyTupleObject),
    .tp_itemsize = sizeof(PyObject*),
    .tp_repr = slot<iso_repr>,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "The result of date.isocalendar() or datetime.isocalendar()\n\nThis object may be accessed either as a tuple of\n  ((year, week, weekday)\n"
              "or via the object attributes as named in the above tuple.",
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_base = &PyTuple_Type,
    .tp_new = iso_new,
};
}
GILL_STATIC_TYPE(IsoCalendarDate_Type);

}  // namespace gill::dates
