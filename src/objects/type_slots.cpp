// The table of special methods, and how a type's slots and its `__xxx__` attributes are kept in step.
//
// One row says: the special method `__len__` feeds the slot `sq_length`; on Python classes the slot holds the
// dispatcher `dispatch::length`, which calls the method; on static types the attribute is a slot wrapper made with
// `wrap::length`. Rows are ordered by slot, so the rows of one slot (`__set__` and `__delete__`) stand together, and a
// mapping slot comes before the sequence slot that shares its method.
//
// Three operations read the table:
//   add_slot_wrappers   static type becomes ready: every filled slot gets its attributes
//   fill_slots_from_dict, update_slot, update_all_slots
//                       class made or attribute assigned: every slot is decided anew. A slot takes a C function directly
//                       when all methods that feed it are wrappers around that one function (a class that inherits
//                       `dict.__getitem__` keeps dict's slot); otherwise it takes the dispatcher.
#include "objects/type_slots.h"

#include <bitset>
#include <cstddef>
#include <utility>

#include "objects/type_state.h"

namespace gill {

namespace {

template <class F>
constexpr void* pointer_to(F* function) { return (void*)function; }

#define ROW(NAME, FIELD, DISPATCHER, WRAPPER, DOC) \
  wrapperbase{NAME, offsetof(PyHeapTypeObject, FIELD), (void*)(DISPATCHER), WRAPPER, DOC, 0, name<NAME>}
#define KEYWORD_ROW(NAME, FIELD, DISPATCHER, WRAPPER, DOC) \
  wrapperbase{NAME, offsetof(PyHeapTypeObject, FIELD), (void*)(DISPATCHER), (wrapperfunc)(void*)(WRAPPER), DOC, PyWrapperFlag_KEYWORDS, name<NAME>}
#define UNARY(NAME, FIELD, DOC) ROW(NAME, FIELD, dispatch::unary<NAME>, wrap::unary, NAME "($self, /)\n--\n\n" DOC)
// A binary operator: the method and its reflected form share one slot.
#define BINARY(STEM, FIELD, DOC, REFLECTED_DOC)                                                                             \
  ROW("__" STEM "__", as_number.FIELD, (&dispatch::binary<"__" STEM "__", "__r" STEM "__", &PyNumberMethods::FIELD>),       \
      wrap::binary_left, "__" STEM "__($self, value, /)\n--\n\nReturn " DOC "."),                                           \
  ROW("__r" STEM "__", as_number.FIELD, (&dispatch::binary<"__" STEM "__", "__r" STEM "__", &PyNumberMethods::FIELD>),      \
      wrap::binary_right, "__r" STEM "__($self, value, /)\n--\n\nReturn " REFLECTED_DOC ".")
#define INPLACE(STEM, FIELD, OPERATOR) \
  ROW("__i" STEM "__", as_number.FIELD, dispatch::inplace<"__i" STEM "__">, wrap::binary, "__i" STEM "__($self, value, /)\n--\n\nReturn self" OPERATOR "value.")
#define COMPARE(NAME, WRAPPER, OPERATOR) \
  ROW(NAME, ht_type.tp_richcompare, dispatch::rich_compare, WRAPPER, NAME "($self, value, /)\n--\n\nReturn self" OPERATOR "value.")

const wrapperbase kRows[] = {
    ROW("__getattribute__", ht_type.tp_getattr, nullptr, nullptr, ""),
    ROW("__getattr__", ht_type.tp_getattr, nullptr, nullptr, ""),
    ROW("__setattr__", ht_type.tp_setattr, nullptr, nullptr, ""),
    ROW("__delattr__", ht_type.tp_setattr, nullptr, nullptr, ""),
    ROW("__repr__", ht_type.tp_repr, dispatch::repr, wrap::unary, "__repr__($self, /)\n--\n\nReturn repr(self)."),
    ROW("__hash__", ht_type.tp_hash, dispatch::hash, wrap::hash, "__hash__($self, /)\n--\n\nReturn hash(self)."),
    KEYWORD_ROW("__call__", ht_type.tp_call, dispatch::call, wrap::call, "__call__($self, /, *args, **kwargs)\n--\n\nCall self as a function."),
    ROW("__str__", ht_type.tp_str, dispatch::str, wrap::unary, "__str__($self, /)\n--\n\nReturn str(self)."),
    ROW("__getattribute__", ht_type.tp_getattro, dispatch::attribute_hook, wrap::binary, "__getattribute__($self, name, /)\n--\n\nReturn getattr(self, name)."),
    ROW("__getattr__", ht_type.tp_getattro, dispatch::attribute_hook, nullptr, ""),
    ROW("__setattr__", ht_type.tp_setattro, dispatch::set_attribute, wrap::set_attribute, "__setattr__($self, name, value, /)\n--\n\nImplement setattr(self, name, value)."),
    ROW("__delattr__", ht_type.tp_setattro, dispatch::set_attribute, wrap::delete_attribute, "__delattr__($self, name, /)\n--\n\nImplement delattr(self, name)."),
    COMPARE("__lt__", wrap::less, "<"),
    COMPARE("__le__", wrap::less_equal, "<="),
    COMPARE("__eq__", wrap::equal, "=="),
    COMPARE("__ne__", wrap::not_equal, "!="),
    COMPARE("__gt__", wrap::greater, ">"),
    COMPARE("__ge__", wrap::greater_equal, ">="),
    ROW("__iter__", ht_type.tp_iter, dispatch::iter, wrap::unary, "__iter__($self, /)\n--\n\nImplement iter(self)."),
    ROW("__next__", ht_type.tp_iternext, dispatch::next, wrap::next, "__next__($self, /)\n--\n\nImplement next(self)."),
    ROW("__get__", ht_type.tp_descr_get, dispatch::descriptor_get, wrap::descriptor_get, "__get__($self, instance, owner=None, /)\n--\n\nReturn an attribute of instance, which is of type owner."),
    ROW("__set__", ht_type.tp_descr_set, dispatch::descriptor_set, wrap::descriptor_set, "__set__($self, instance, value, /)\n--\n\nSet an attribute of instance to value."),
    ROW("__delete__", ht_type.tp_descr_set, dispatch::descriptor_set, wrap::descriptor_delete, "__delete__($self, instance, /)\n--\n\nDelete an attribute of instance."),
    KEYWORD_ROW("__init__", ht_type.tp_init, dispatch::initialize, wrap::initialize, "__init__($self, /, *args, **kwargs)\n--\n\nInitialize self.  See help(type(self)) for accurate signature."),
    ROW("__new__", ht_type.tp_new, dispatch::construct, nullptr, "__new__(type, /, *args, **kwargs)\n--\n\nCreate and return new object.  See help(type) for accurate signature."),
    ROW("__del__", ht_type.tp_finalize, dispatch::finalize, wrap::finalize, ""),

    ROW("__await__", as_async.am_await, dispatch::await_, wrap::unary, "__await__($self, /)\n--\n\nReturn an iterator to be used in await expression."),
    ROW("__aiter__", as_async.am_aiter, dispatch::aiter, wrap::unary, "__aiter__($self, /)\n--\n\nReturn an awaitable, that resolves in asynchronous iterator."),
    ROW("__anext__", as_async.am_anext, dispatch::anext, wrap::unary, "__anext__($self, /)\n--\n\nReturn a value or raise StopAsyncIteration."),

    BINARY("add", nb_add, "self+value", "value+self"),
    BINARY("sub", nb_subtract, "self-value", "value-self"),
    BINARY("mul", nb_multiply, "self*value", "value*self"),
    BINARY("mod", nb_remainder, "self%value", "value%self"),
    BINARY("divmod", nb_divmod, "divmod(self, value)", "divmod(value, self)"),
    ROW("__pow__", as_number.nb_power, dispatch::power, wrap::ternary, "__pow__($self, value, mod=None, /)\n--\n\nReturn pow(self, value, mod)."),
    ROW("__rpow__", as_number.nb_power, dispatch::power, wrap::ternary_right, "__rpow__($self, value, mod=None, /)\n--\n\nReturn pow(value, self, mod)."),
    UNARY("__neg__", as_number.nb_negative, "-self"),
    UNARY("__pos__", as_number.nb_positive, "+self"),
    UNARY("__abs__", as_number.nb_absolute, "abs(self)"),
    ROW("__bool__", as_number.nb_bool, dispatch::truth, wrap::truth, "__bool__($self, /)\n--\n\nTrue if self else False"),
    UNARY("__invert__", as_number.nb_invert, "~self"),
    BINARY("lshift", nb_lshift, "self<<value", "value<<self"),
    BINARY("rshift", nb_rshift, "self>>value", "value>>self"),
    BINARY("and", nb_and, "self&value", "value&self"),
    BINARY("xor", nb_xor, "self^value", "value^self"),
    BINARY("or", nb_or, "self|value", "value|self"),
    UNARY("__int__", as_number.nb_int, "int(self)"),
    UNARY("__float__", as_number.nb_float, "float(self)"),
    INPLACE("add", nb_inplace_add, "+="),
    INPLACE("sub", nb_inplace_subtract, "-="),
    INPLACE("mul", nb_inplace_multiply, "*="),
    INPLACE("mod", nb_inplace_remainder, "%="),
    ROW("__ipow__", as_number.nb_inplace_power, dispatch::inplace_power, wrap::ternary, "__ipow__($self, value, /)\n--\n\nReturn self**=value."),
    INPLACE("lshift", nb_inplace_lshift, "<<="),
    INPLACE("rshift", nb_inplace_rshift, ">>="),
    INPLACE("and", nb_inplace_and, "&="),
    INPLACE("xor", nb_inplace_xor, "^="),
    INPLACE("or", nb_inplace_or, "|="),
    BINARY("floordiv", nb_floor_divide, "self//value", "value//self"),
    BINARY("truediv", nb_true_divide, "self/value", "value/self"),
    INPLACE("floordiv", nb_inplace_floor_divide, "//="),
    INPLACE("truediv", nb_inplace_true_divide, "/="),
    ROW("__index__", as_number.nb_index, dispatch::index, wrap::unary, "__index__($self, /)\n--\n\nReturn self converted to an integer, if self is suitable for use as an index into a list."),
    BINARY("matmul", nb_matrix_multiply, "self@value", "value@self"),
    INPLACE("matmul", nb_inplace_matrix_multiply, "@="),

    ROW("__len__", as_mapping.mp_length, dispatch::length, wrap::length, "__len__($self, /)\n--\n\nReturn len(self)."),
    ROW("__getitem__", as_mapping.mp_subscript, dispatch::subscript, wrap::binary, "__getitem__($self, key, /)\n--\n\nReturn self[key]."),
    ROW("__setitem__", as_mapping.mp_ass_subscript, dispatch::set_subscript, wrap::set_subscript, "__setitem__($self, key, value, /)\n--\n\nSet self[key] to value."),
    ROW("__delitem__", as_mapping.mp_ass_subscript, dispatch::set_subscript, wrap::delete_subscript, "__delitem__($self, key, /)\n--\n\nDelete self[key]."),

    ROW("__len__", as_sequence.sq_length, dispatch::length, wrap::length, "__len__($self, /)\n--\n\nReturn len(self)."),
    // Python classes concatenate and repeat through the number slots.
    ROW("__add__", as_sequence.sq_concat, nullptr, wrap::binary, "__add__($self, value, /)\n--\n\nReturn self+value."),
    ROW("__mul__", as_sequence.sq_repeat, nullptr, wrap::index_argument, "__mul__($self, value, /)\n--\n\nReturn self*value."),
    ROW("__rmul__", as_sequence.sq_repeat, nullptr, wrap::index_argument, "__rmul__($self, value, /)\n--\n\nReturn value*self."),
    ROW("__getitem__", as_sequence.sq_item, dispatch::item, wrap::item, "__getitem__($self, key, /)\n--\n\nReturn self[key]."),
    ROW("__setitem__", as_sequence.sq_ass_item, dispatch::set_item, wrap::set_item, "__setitem__($self, key, value, /)\n--\n\nSet self[key] to value."),
    ROW("__delitem__", as_sequence.sq_ass_item, dispatch::set_item, wrap::delete_item, "__delitem__($self, key, /)\n--\n\nDelete self[key]."),
    ROW("__contains__", as_sequence.sq_contains, dispatch::contains, wrap::contains, "__contains__($self, key, /)\n--\n\nReturn key in self."),
    ROW("__iadd__", as_sequence.sq_inplace_concat, nullptr, wrap::binary, "__iadd__($self, value, /)\n--\n\nImplement self+=value."),
    ROW("__imul__", as_sequence.sq_inplace_repeat, nullptr, wrap::index_argument, "__imul__($self, value, /)\n--\n\nImplement self*=value."),
};
constexpr int kRowCount = sizeof(kRows) / sizeof(kRows[0]);

uint8_t& first_row(SlotRowIndex& index, PyObject* method) {
  return index.first[(reinterpret_cast<uintptr_t>(method) >> 4) % SlotRowIndex::kBuckets];
}
const SlotRowIndex& row_index() {
  SlotRowIndex& index = type_state().slot_rows;
  if (!index.built) {
    static_assert(kRowCount < SlotRowIndex::kMostRows);
    for (int row = kRowCount; row > 0; --row) {
      uint8_t& first = first_row(index, kRows[row - 1].name_strobj);
      index.next[row] = std::exchange(first, static_cast<uint8_t>(row));
    }
    index.built = true;
  }
  return index;
}
// Calls for the number of each row of an interned name, in the table's order.
template <class Call>
void for_each_row(PyObject* method, Call call) {
  const SlotRowIndex& index = row_index();
  for (unsigned row = first_row(const_cast<SlotRowIndex&>(index), method); row; row = index.next[row]) {
    if (kRows[row - 1].name_strobj == method) call(row - 1);
  }
}

// Where a type keeps the slot of an offset into PyHeapTypeObject; null when it lacks that group of slots.
void** slot_pointer(PyTypeObject* type, int offset) {
  char* group;
  size_t start = 0;
  if (static_cast<size_t>(offset) >= offsetof(PyHeapTypeObject, as_sequence)) {
    group = reinterpret_cast<char*>(type->tp_as_sequence);
    start = offsetof(PyHeapTypeObject, as_sequence);
  } else if (static_cast<size_t>(offset) >= offsetof(PyHeapTypeObject, as_mapping)) {
    group = reinterpret_cast<char*>(type->tp_as_mapping);
    start = offsetof(PyHeapTypeObject, as_mapping);
  } else if (static_cast<size_t>(offset) >= offsetof(PyHeapTypeObject, as_number)) {
    group = reinterpret_cast<char*>(type->tp_as_number);
    start = offsetof(PyHeapTypeObject, as_number);
  } else if (static_cast<size_t>(offset) >= offsetof(PyHeapTypeObject, as_async)) {
    group = reinterpret_cast<char*>(type->tp_as_async);
    start = offsetof(PyHeapTypeObject, as_async);
  } else {
    group = reinterpret_cast<char*>(type);
  }
  return group ? reinterpret_cast<void**>(group + (offset - start)) : nullptr;
}

// The same of a class, which has all groups in itself.
void*& class_slot(PyTypeObject* type, int offset) { return *reinterpret_cast<void**>(reinterpret_cast<char*>(type) + offset); }

// `__getitem__` feeds mp_subscript and sq_item. Its dispatcher goes into the one that is filled already; with none
// or both filled it goes into each.
void** only_filled_slot(PyTypeObject* type, PyObject* method) {
  void** result = nullptr;
  bool several = false;
  for_each_row(method, [&](size_t row) {
    void** at = slot_pointer(type, kRows[row].offset);
    if (!at || !*at) return;
    several = several || (result && result != at);
    result = at;
  });
  return several ? nullptr : result;
}

// A method of a built-in type that does what its slot does.
bool stands_for_slot(PyObject* found) {
  return Py_IS_TYPE(found, &PyMethodDescr_Type) && (reinterpret_cast<PyMethodDescrObject*>(found)->d_method->ml_flags & METH_COEXIST) &&
         !PyType_HasFeature(PyDescr_TYPE(found), Py_TPFLAGS_HEAPTYPE);
}

// Decides the slot of rows [first, end).
void decide_slot(PyTypeObject* type, int first, int end) {
  void** at = slot_pointer(type, kRows[first].offset);
  if (!at) return;
  void* specific = nullptr;
  void* generic = nullptr;
  bool use_generic = false;
  bool iternext = at == reinterpret_cast<void**>(&type->tp_iternext);
  for (int i = first; i < end; ++i) {
    const wrapperbase& row = kRows[i];
    bool failed;
    PyObject* found = find_in_mro(type, row.name_strobj, &failed);
    if (failed) PyErr_Clear();
    if (!found) {
      if (iternext) specific = pointer_to(_PyObject_NextNotImplemented);
      continue;
    }
    auto* wrapper = reinterpret_cast<PyWrapperDescrObject*>(found);
    if (Py_IS_TYPE(found, &PyWrapperDescr_Type) && wrapper->d_base->name_strobj == row.name_strobj) {
      void** only = only_filled_slot(type, row.name_strobj);
      if (!only || only == at) generic = row.function;
      if ((!specific || specific == wrapper->d_wrapped) && wrapper->d_base->wrapper == row.wrapper &&
          PyType_IsSubtype(type, PyDescr_TYPE(found))) {
        specific = wrapper->d_wrapped;
      } else {
        // Not unique, or the attribute of a stranger.
        use_generic = true;
      }
    } else if (stands_for_slot(found) && PyType_IsSubtype(type, PyDescr_TYPE(found))) {
      void** base_at = slot_pointer(PyDescr_TYPE(found), row.offset);
      if (!base_at || !*base_at) continue;
      generic = row.function;
      if (!specific || specific == *base_at) specific = *base_at;
      else use_generic = true;
    } else if (PyCFunction_CheckExact(found) && PyCFunction_GET_FUNCTION(found) == kNewWrapper.ml_meth && at == reinterpret_cast<void**>(&type->tp_new)) {
      // `__new__` of a static type: the constructor stays, the generic one too once a class has had a `__new__` of its own.
      specific = pointer_to(type->tp_new);
    } else if (found == Py_None && at == reinterpret_cast<void**>(&type->tp_hash)) {
      specific = pointer_to(PyObject_HashNotImplemented);
    } else {
      use_generic = true;
      generic = row.function;
      if (row.function == pointer_to(dispatch::call)) type->tp_flags &= ~static_cast<unsigned long>(Py_TPFLAGS_HAVE_VECTORCALL);
    }
  }
  *at = specific && !use_generic ? specific : generic;
}

int end_of_slot(int first) {
  int end = first + 1;
  while (end < kRowCount && kRows[end].offset == kRows[first].offset) ++end;
  return end;
}

void update_tree(PyTypeObject* type, PyObject* method) {
  for (int first = 0; first < kRowCount;) {
    int end = end_of_slot(first);
    for (int i = first; i < end; ++i) {
      if (kRows[i].name_strobj == method) {
        decide_slot(type, first, end);
        break;
      }
    }
    first = end;
  }
  PyObject** subclasses = subclasses_slot(type);
  if (!subclasses || !*subclasses) return;
  PyObject* reference;
  Py_ssize_t position = 0;
  while (PyDict_Next(*subclasses, &position, nullptr, &reference)) {
    auto* subclass = reinterpret_cast<PyTypeObject*>(PyWeakref_GET_OBJECT(reference));
    if (as_object(subclass) == Py_None) continue;
    // A subclass with a method of its own is not concerned.
    if (subclass->tp_dict && PyDict_GetItemWithError(subclass->tp_dict, method)) continue;
    update_tree(subclass, method);
  }
}

// A set of slots: those of these first rows.
using SlotSet = std::bitset<kRowCount>;
void add_slots_of(PyObject* method, SlotSet* slots) {
  for_each_row(method, [slots](size_t row) {
    while (row > 0 && kRows[row - 1].offset == kRows[row].offset) --row;
    slots->set(row);
  });
}

// Adds those that a class feeds from its own dict.
void add_own_slots(PyTypeObject* type, SlotSet* slots) {
  PyObject *key, *value;
  for (Py_ssize_t position = 0; PyDict_Next(type->tp_dict, &position, &key, &value);) {
    if (!PyUnicode_CheckExact(key)) {
      slots->set();
      return;
    }
    if (PyUnicode_GET_LENGTH(key) < 5 || PyUnicode_READ_CHAR(key, 0) != '_' || PyUnicode_READ_CHAR(key, 1) != '_') continue;
    if (!PyUnicode_CHECK_INTERNED(key)) {
      slots->set();
      return;
    }
    add_slots_of(key, slots);
  }
}

// The class that has in each slot what `type` has there, but for the slots in `own`.
PyTypeObject* slots_model(PyTypeObject* type, SlotSet* own) {
  // Classes differ from `object` in tp_iternext, a base without `__new__` may have no tp_new, and calls look at more than the slot.
  for (PyObject* method : {name<"__next__">, name<"__new__">, name<"__call__">}) add_slots_of(method, own);
  PyTypeObject* base = type->tp_base;
  if (PyTuple_GET_SIZE(type->tp_bases) == 1 && (base == &PyBaseObject_Type || PyType_HasFeature(base, Py_TPFLAGS_MANAGED_DICT))) {
    // A class statement made the only base too.
    add_own_slots(type, own);
    return base;
  }
  Py_ssize_t last = PyTuple_GET_SIZE(type->tp_mro) - 1;
  if (PyTuple_GET_ITEM(type->tp_mro, last) != as_object(&PyBaseObject_Type)) own->set();
  for (Py_ssize_t i = 0; i < last; ++i) add_own_slots(reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(type->tp_mro, i)), own);
  return &PyBaseObject_Type;
}

}  // namespace

void fill_slots_from_dict(PyTypeObject* type) {
  SlotSet own;
  PyTypeObject* model = slots_model(type, &own);
  for (int first = 0, end; first < kRowCount; first = end) {
    end = end_of_slot(first);
    int offset = kRows[first].offset;
    if (own[static_cast<size_t>(first)]) {
      decide_slot(type, first, end);
    } else {
      void** model_at = is_heap_type(model) ? &class_slot(model, offset) : slot_pointer(model, offset);
      class_slot(type, offset) = model_at ? *model_at : nullptr;
    }
  }
}

void update_slot(PyTypeObject* type, PyObject* method) {
  if (PyUnicode_GET_LENGTH(method) < 5 || PyUnicode_READ_CHAR(method, 0) != '_' || PyUnicode_READ_CHAR(method, 1) != '_') return;
  update_tree(type, method);
}

void update_all_slots(PyTypeObject* type) {
  // The version has changed: nothing stale can be found.
  PyType_Modified(type);
  fill_slots_from_dict(type);
  PyObject** subclasses = subclasses_slot(type);
  if (!subclasses || !*subclasses) return;
  PyObject* reference;
  Py_ssize_t position = 0;
  while (PyDict_Next(*subclasses, &position, nullptr, &reference)) {
    auto* subclass = reinterpret_cast<PyTypeObject*>(PyWeakref_GET_OBJECT(reference));
    if (as_object(subclass) != Py_None) update_all_slots(subclass);
  }
}

Status add_slot_wrappers(PyTypeObject* type) {
  PyObject* dict = type->tp_dict;
  for (const wrapperbase& row : kRows) {
    if (!row.wrapper) continue;
    void** at = slot_pointer(type, row.offset);
    if (!at || !*at) continue;
    int present = PyDict_Contains(dict, row.name_strobj);
    if (present < 0) return Status::error;
    if (present) continue;
    if (*at == pointer_to(PyObject_HashNotImplemented)) {
      // Unhashable: instances inherit no hash either.
      TRY(status_of(PyDict_SetItem(dict, row.name_strobj, Py_None)));
      continue;
    }
    Ref<> wrapper = TRY(steal(PyDescr_NewWrapper(type, const_cast<wrapperbase*>(&row), *at)));
    TRY(status_of(PyDict_SetItem(dict, row.name_strobj, wrapper.get())));
  }
  return Status::ok;
}

}  // namespace gill
