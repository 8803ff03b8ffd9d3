// BINARY_SUBSCR: cache is counter, type version (2), version of the __getitem__ function. STORE_SUBSCR: a counter alone.
#include "objects/dict_table.h"
#include "objects/type.h"
#include "vm/calls.h"
#include "vm/numbers.h"
#include "vm/specialize.h"

namespace gill::vm {

namespace {

// An index for a sequence of `size` items, counted from either end; negative when it is out of range or too long.
inline Py_ssize_t index_in(PyObject* key, Py_ssize_t size) {
  if (!is_one_digit(key)) [[unlikely]] return -1;
  Py_ssize_t index = one_digit_value(key);
  if (static_cast<size_t>(index) < static_cast<size_t>(size)) [[likely]] return index;
  return index < 0 ? index + size : -1;
}

// A class's __getitem__ that is a Python function of two plain arguments.
PyFunctionObject* simple_getitem(PyTypeObject* type) {
  if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) return nullptr;
  PyObject* found = type_lookup(type, name<"__getitem__">);
  if (!found || !is_plain_function(found)) return nullptr;
  auto* function = reinterpret_cast<PyFunctionObject*>(found);
  return takes_exactly(function, 2) ? function : nullptr;
}

}  // namespace

void specialize_binary_subscr(CodeUnit* next, PyObject* container, PyObject* key) {
  if (Py_IS_TYPE(container, &PyList_Type) && PyLong_CheckExact(key)) return specialized_to(next, Op::BINARY_SUBSCR_LIST_INT);
  if (Py_IS_TYPE(container, &PyTuple_Type) && PyLong_CheckExact(key)) return specialized_to(next, Op::BINARY_SUBSCR_TUPLE_INT);
  if (Py_IS_TYPE(container, &PyDict_Type)) return specialized_to(next, Op::BINARY_SUBSCR_DICT);
  PyTypeObject* type = Py_TYPE(container);
  PyFunctionObject* function = simple_getitem(type);
  if (!function || !assign_version_tag(type)) return found_nothing(next);
  uint32_t version = function_version(function);
  if (!version || version > UINT16_MAX) return found_nothing(next);
  write32(next + 1, type->tp_version_tag);
  next[3] = static_cast<CodeUnit>(version);
  // Borrowed from the class, which loses its version before it can lose the function.
  reinterpret_cast<PyHeapTypeObject*>(type)->_spec_cache.getitem = as_object(function);
  specialized_to(next, Op::BINARY_SUBSCR_GETITEM);
}

void specialize_store_subscr(CodeUnit* next, PyObject* container, PyObject* key) {
  if (Py_IS_TYPE(container, &PyList_Type) && PyLong_CheckExact(key)) return specialized_to(next, Op::STORE_SUBSCR_LIST_INT);
  if (Py_IS_TYPE(container, &PyDict_Type)) return specialized_to(next, Op::STORE_SUBSCR_DICT);
  found_nothing(next);
}

ADAPTIVE(BINARY_SUBSCR, specialize_binary_subscr(next, sp[-2], sp[-1]))
ADAPTIVE(STORE_SUBSCR, specialize_store_subscr(next, sp[-2], sp[-1]))

// ---- reading ----------------------------------------------------------------------------------------

#define SEQUENCE_ITEM(NAME, TYPE, ITEM)                                                  \
  HANDLER(NAME) {                                                                        \
    PyObject *key = sp[-1], *container = sp[-2];                                         \
    if (!Py_IS_TYPE(container, &TYPE) || !Py_IS_TYPE(key, &PyLong_Type)) [[unlikely]] END_MISS(BINARY_SUBSCR); \
    Py_ssize_t index = index_in(key, Py_SIZE(container));                                \
    /* The plain form makes the error. */                                                \
    if (index < 0) [[unlikely]] TAIL(op_BINARY_SUBSCR);                                  \
    PyObject* item = ITEM(container, index);                                             \
    retain(item);                                                                        \
    SAVE_PLACE();                                                                        \
    sp[-2] = item;                                                                       \
    --sp;                                                                                \
    SKIP_CACHES(BINARY_SUBSCR);                                                          \
    if (drops_to_zero(key) && !free_plain_quickly(key)) [[unlikely]] {                   \
      ctx->dying = key;                                                                  \
      ctx->dying_too = drops_to_zero(container) ? container : nullptr;                   \
      TAIL(drop_two);                                                                    \
    }                                                                                    \
    END_DROP(container);                                                                 \
  }
SEQUENCE_ITEM(BINARY_SUBSCR_LIST_INT, PyList_Type, PyList_GET_ITEM)
SEQUENCE_ITEM(BINARY_SUBSCR_TUPLE_INT, PyTuple_Type, PyTuple_GET_ITEM)
#undef SEQUENCE_ITEM

HANDLER(BINARY_SUBSCR_DICT) {
  PyObject *key = sp[-1], *container = sp[-2];
  if (!Py_IS_TYPE(container, &PyDict_Type)) [[unlikely]] END_MISS(BINARY_SUBSCR);
  SAVE_PLACE();
  PyObject* item = nullptr;
  DictKeys* keys = keys_of(container);
  if (Py_IS_TYPE(key, &PyUnicode_Type) && keys->unicode) {
    Py_ssize_t entry = find_str(keys, key, str_hash(key));
    if (entry >= 0) item = unicode_entries(keys)[entry].value;
  } else {
    item = PyDict_GetItemWithError(container, key);
  }
  if (!item) [[unlikely]] {
    if (!PyErr_Occurred()) _PyErr_SetKeyError(key);
    END_ERROR();
  }
  retain(item);
  sp[-2] = item;
  --sp;
  release(key);
  release(container);
  SKIP_CACHES(BINARY_SUBSCR);
  END_DISPATCH();
}

HANDLER(BINARY_SUBSCR_GETITEM) {
  PyObject* container = sp[-2];
  PyTypeObject* type = Py_TYPE(container);
  if (type->tp_version_tag != read32(next + 1)) [[unlikely]] END_MISS(BINARY_SUBSCR);
  auto* function = reinterpret_cast<PyFunctionObject*>(reinterpret_cast<PyHeapTypeObject*>(type)->_spec_cache.getitem);
  if (!function || function->func_version != next[3]) [[unlikely]] END_MISS(BINARY_SUBSCR);
  Frame* callee = push_quickly(thread, function);
  if (!callee) [[unlikely]] TAIL(op_BINARY_SUBSCR);
  retain(as_object(function));
  sp -= 2;
  fill_frame(callee, function, sp, 2);
  SKIP_CACHES(BINARY_SUBSCR);
  END_CALL(callee);
}

// ---- storing ----------------------------------------------------------------------------------------

namespace {
// The item that was replaced goes first.
#define END_DROP_REPLACED(OLD, CONTAINER)                          \
  do {                                                             \
    PyObject *old_ = (OLD), *container_ = (CONTAINER);             \
    if (drops_to_zero(container_)) [[unlikely]] {                  \
      ctx->dying = drops_to_zero(old_) ? old_ : nullptr;           \
      ctx->dying_too = container_;                                 \
      TAIL(drop_two);                                              \
    }                                                              \
    END_DROP(old_);                                                \
  } while (0)

// The index dies; the old item and the list are above the stack.
VM_STEP drop_index(VM_PARAMETERS) {
  PyObject *key = ctx->dying, *old = sp[0], *container = sp[1];
  free_plain(key);
  END_DROP_REPLACED(old, container);
}
}  // namespace

HANDLER(STORE_SUBSCR_LIST_INT) {
  PyObject *key = sp[-1], *container = sp[-2];
  if (!Py_IS_TYPE(container, &PyList_Type) || !Py_IS_TYPE(key, &PyLong_Type)) [[unlikely]] END_MISS(STORE_SUBSCR);
  Py_ssize_t index = index_in(key, Py_SIZE(container));
  if (index < 0) [[unlikely]] TAIL(op_STORE_SUBSCR);
  SAVE_PLACE();
  PyObject* old = std::exchange(reinterpret_cast<PyListObject*>(container)->ob_item[index], sp[-3]);
  sp -= 3;
  SKIP_CACHES(STORE_SUBSCR);
  if (drops_to_zero(key) && !free_plain_quickly(key)) [[unlikely]] {
    ctx->dying = key;
    sp[0] = old;
    sp[1] = container;
    TAIL(drop_index);
  }
  END_DROP_REPLACED(old, container);
}

HANDLER(STORE_SUBSCR_DICT) {
  PyObject *key = sp[-1], *container = sp[-2], *value = sp[-3];
  if (!Py_IS_TYPE(container, &PyDict_Type)) [[unlikely]] END_MISS(STORE_SUBSCR);
  SAVE_PLACE();
  int failed = PyDict_SetItem(container, key, value);
  sp -= 3;
  release(value);
  release(container);
  release(key);
  if (failed) [[unlikely]] END_ERROR();
  SKIP_CACHES(STORE_SUBSCR);
  END_DISPATCH();
}

}  // namespace gill::vm
