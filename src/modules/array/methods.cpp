// The methods and attributes of arrays.
#include <cstring>

#include "base/defining_class_method.h"
#include "modules/array/array.h"

namespace gill::array {
namespace {

Maybe<Py_ssize_t> slice_index(PyObject* object, Py_ssize_t fallback) {
  if (object && !_PyEval_SliceIndexNotNone(object, &fallback)) return failure;
  return fallback;
}

Status append(ArrayObject* self, PyObject* v) { return insert_item(self, length_of(self), v); }
Status insert(ArrayObject* self, Py_ssize_t i, PyObject* v) { return insert_item(self, i, v); }
Status extend(ArrayObject* self, PyObject* bb) { return extend_with(self, bb); }

Ref<> pop(ArrayObject* self, Py_ssize_t i) {
  Py_ssize_t n = length_of(self);
  if (n == 0) return raise(PyExc_IndexError, "pop from empty array");
  if (i < 0) i += n;
  if (i < 0 || i >= n) return raise(PyExc_IndexError, "pop index out of range");
  Ref<> value = TRY(get_item(self, i));
  TRY(delete_items(self, i, i + 1));
  return value;
}

// The first place in [start, stop) whose item equals v; -1 where there is none.
Maybe<Py_ssize_t> find(ArrayObject* self, PyObject* v, Py_ssize_t start, Py_ssize_t stop) {
  // The comparison can change the array.
  for (Py_ssize_t i = start; i < stop && i < length_of(self); ++i) {
    Ref<> one = TRY(get_item(self, i));
    if (TRY(truth_of(PyObject_RichCompareBool(one.get(), v, Py_EQ)))) return i;
  }
  return Py_ssize_t{-1};
}

Maybe<Py_ssize_t> index(ArrayObject* self, PyObject* v, PyObject* start, PyObject* stop) {
  Py_ssize_t from = TRY(slice_index(start, 0)), to = TRY(slice_index(stop, PY_SSIZE_T_MAX));
  Py_ssize_t n = length_of(self);
  if (from < 0) from = std::max<Py_ssize_t>(from + n, 0);
  if (to < 0) to += n;
  Py_ssize_t i = TRY(find(self, v, from, to));
  if (i < 0) return raise(PyExc_ValueError, "array.index(x): x not in array");
  return i;
}

Status remove(ArrayObject* self, PyObject* v) {
  Py_ssize_t i = TRY(find(self, v, 0, PY_SSIZE_T_MAX));
  if (i < 0) return raise(PyExc_ValueError, "array.remove(x): x not in array");
  return delete_items(self, i, i + 1);
}

Maybe<Py_ssize_t> count(ArrayObject* self, PyObject* v) {
  Py_ssize_t n = 0;
  for (Py_ssize_t i = 0; i < length_of(self); ++i) {
    Ref<> one = TRY(get_item(self, i));
    n += TRY(truth_of(PyObject_RichCompareBool(one.get(), v, Py_EQ)));
  }
  return n;
}

Status reverse(ArrayObject* self) {
  size_t itemsize = static_cast<size_t>(itemsize_of(self));
  char held[16];
  for (Py_ssize_t i = 0, j = length_of(self) - 1; i < j; ++i, --j) {
    std::memcpy(held, item_at(self, i), itemsize);
    std::memcpy(item_at(self, i), item_at(self, j), itemsize);
    std::memcpy(item_at(self, j), held, itemsize);
  }
  return Status::ok;
}

Status byteswap(ArrayObject* self) {
  int itemsize = itemsize_of(self);
  for (Py_ssize_t i = 0; i < length_of(self); ++i) std::reverse(item_at(self, i), item_at(self, i) + itemsize);
  return Status::ok;
}

Ref<> buffer_info(ArrayObject* self) {
  Ref<> address = TRY(steal(PyLong_FromVoidPtr(self->items)));
  return steal(Py_BuildValue("(On)", address.get(), length_of(self)));
}

Ref<> copy(ArrayObject* self) { return copy_of(self, 0, length_of(self)); }
Ref<> deep_copy(ArrayObject* self, PyObject*) { return copy(self); }

// ---- conversions ------------------------------------------------------------------------------------

Status fromlist(ArrayObject* self, PyObject* list) {
  if (!PyList_Check(list)) return raise(PyExc_TypeError, "arg must be list");
  Py_ssize_t n = PyList_GET_SIZE(list);
  if (n == 0) return Status::ok;
  Py_ssize_t before = length_of(self);
  TRY(resize(self, before + n));
  auto fill = [&]() -> Status {
    for (Py_ssize_t i = 0; i < n; ++i) {
      Ref<> value = borrow(PyList_GET_ITEM(list, i));
      TRY(set_item(self, before + i, value.get()));
      if (n != PyList_GET_SIZE(list)) return raise(PyExc_RuntimeError, "list changed size during iteration");
    }
    return Status::ok;
  };
  if (fill() == Status::ok) return Status::ok;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (resize(self, before) != Status::ok) PyErr_Clear();
  PyErr_Restore(type, value, traceback);
  return failure;
}

Status frombytes(ArrayObject* self, PyObject* buffer) { return append_bytes(self, buffer); }

Ref<> tobytes(ArrayObject* self) {
  if (length_of(self) > PY_SSIZE_T_MAX / itemsize_of(self)) return steal(PyErr_NoMemory());
  return steal(PyBytes_FromStringAndSize(self->items, length_of(self) * itemsize_of(self)));
}

Status fromfile(ArrayObject* self, PyObject* f, Py_ssize_t n) {
  Py_ssize_t itemsize = itemsize_of(self);
  if (n < 0) return raise(PyExc_ValueError, "negative count");
  if (n > PY_SSIZE_T_MAX / itemsize) {
    PyErr_NoMemory();
    return failure;
  }
  Ref<> bytes = TRY(steal(PyObject_CallMethod(f, "read", "n", n * itemsize)));
  if (!PyBytes_Check(bytes.get())) return raise(PyExc_TypeError, "read() didn't return bytes");
  bool too_few = PyBytes_GET_SIZE(bytes.get()) != n * itemsize;
  TRY(append_bytes(self, bytes.get()));
  if (too_few) return raise(PyExc_EOFError, "read() didn't return enough bytes");
  return Status::ok;
}

Status tofile(ArrayObject* self, PyObject* f) {
  constexpr Py_ssize_t kBlock = 64 * 1024;
  Py_ssize_t bytes = length_of(self) * itemsize_of(self);
  for (Py_ssize_t at = 0; at < bytes; at += kBlock) {
    Ref<> block = TRY(steal(PyBytes_FromStringAndSize(self->items + at, std::min(kBlock, bytes - at))));
    Ref<> written = TRY(steal(PyObject_CallMethodOneArg(f, name<"write">, block.get())));
    // Writing can make the array shorter.
    bytes = std::min(bytes, length_of(self) * itemsize_of(self));
  }
  return Status::ok;
}

Status fromunicode(ArrayObject* self, PyUnicodeObject* ustr) {
  if (self->descriptor->code != 'u') return raise(PyExc_ValueError, "fromunicode() may only be called on unicode type arrays");
  return append_text(self, as_object(ustr));
}

Ref<> sizeof_array(ArrayObject* self) {
  return steal(PyLong_FromSize_t(static_cast<size_t>(Py_TYPE(self)->tp_basicsize) + bytes_for(self, self->allocated)));
}

Ref<> typecode(ArrayObject* self) { return steal(PyUnicode_FromOrdinal(self->descriptor->code)); }
Ref<> itemsize(ArrayObject* self) { return steal(PyLong_FromLong(itemsize_of(self))); }

}  // namespace

Ref<> tolist(ArrayObject* self) {
  Py_ssize_t n = length_of(self);
  Ref<> list = TRY(steal(PyList_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) PyList_SET_ITEM(list.get(), i, TRY(get_item(self, i)).release());
  return list;
}

Ref<> tounicode(ArrayObject* self) {
  if (self->descriptor->code != 'u') return raise(PyExc_ValueError, "tounicode() may only be called on unicode type arrays");
  return steal(PyUnicode_FromWideChar(reinterpret_cast<wchar_t*>(self->items), length_of(self)));
}

const PyMethodDef kArrayMethods[] = {
    METHOD("append($self, v, /)", append, "Append new value v to the end of the array."),
    METHOD("buffer_info($self, /)", buffer_info, "Return a tuple (address, length): the memory address of the items and how many there are."),
    METHOD("byteswap($self, /)", byteswap, "Reverse the bytes of each item of the array."),
    METHOD("__copy__($self, /)", copy, "Return a copy of the array."),
    METHOD("count($self, v, /)", count, "Return number of occurrences of v in the array."),
    METHOD("__deepcopy__($self, unused, /)", deep_copy, "Return a copy of the array."),
    METHOD_OF_DEFINING_CLASS("extend($self, bb, /)", extend, "Append items to the end of the array."),
    METHOD_OF_DEFINING_CLASS("fromfile($self, f, n, /)", fromfile, "Read n objects from the file object f and append them to the end of the array."),
    METHOD("fromlist($self, list, /)", fromlist, "Append items to array from list."),
    METHOD("frombytes($self, buffer, /)", frombytes, "Append the items that bytes hold as machine values."),
    METHOD("fromunicode($self, ustr, /)", fromunicode, "Append the characters of ustr.\n\nThe array must be of typecode 'u'."),
    METHOD("index($self, v, start=0, stop=sys.maxsize, /)", index, "Return index of first occurrence of v in the array.\n\nRaise ValueError if the value is not present."),
    METHOD("insert($self, i, v, /)", insert, "Insert a new item v into the array before position i."),
    METHOD("pop($self, i=-1, /)", pop, "Return the i-th element and delete it from the array.\n\ni defaults to -1."),
    METHOD_OF_DEFINING_CLASS("__reduce_ex__($self, value, /)", reduce_ex, "Return state information for pickling."),
    METHOD("remove($self, v, /)", remove, "Remove the first occurrence of v in the array."),
    METHOD("reverse($self, /)", reverse, "Reverse the order of the items in the array."),
    METHOD_OF_DEFINING_CLASS("tofile($self, f, /)", tofile, "Write all items (as machine values) to the file object f."),
    METHOD("tolist($self, /)", tolist, "Convert array to an ordinary list with the same items."),
    METHOD("tobytes($self, /)", tobytes, "Return the items as bytes, as they are in memory."),
    METHOD("tounicode($self, /)", tounicode, "Convert an array of typecode 'u' to a str."),
    METHOD("__sizeof__($self, /)", sizeof_array, "Size of the array in memory, in bytes."),
    kEndOfMethods,
};
const PyGetSetDef kArrayAttributes[] = {
    getset<typecode>("typecode", "the typecode character used to create the array"),
    getset<itemsize>("itemsize", "the size, in bytes, of one array item"),
    kEndOfGetSets,
};

}  // namespace gill::array
