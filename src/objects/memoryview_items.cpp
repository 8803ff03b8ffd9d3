// Items of memoryviews: packing and unpacking, indexing, slices, assignment, lists, comparison, casts.
#include <cmath>
#include <cstring>

#include "base/names.h"
#include "objects/memoryview.h"

namespace gill {

char native_format(const char* format) {
  if (!format) return 'B';
  if (*format == '@') ++format;
  if (format[0] && !format[1] && std::strchr("cbBhHiIlLqQnNfd?P", format[0])) return format[0];
  return 0;
}

Py_ssize_t native_size(char format) {
  switch (format) {
    case 'c': case 'b': case 'B': case '?': return 1;
    case 'h': case 'H': return sizeof(short);
    case 'i': case 'I': return sizeof(int);
    case 'l': case 'L': return sizeof(long);
    case 'q': case 'Q': return sizeof(long long);
    case 'n': case 'N': return sizeof(Py_ssize_t);
    case 'f': return sizeof(float);
    case 'd': return sizeof(double);
    case 'P': return sizeof(void*);
    default: return -1;
  }
}

Maybe<char> require_native_format(const ViewObject* self) {
  const char* format = self->view.format;
  if (char c = native_format(format)) return c;
  return raise(PyExc_NotImplementedError, "memoryview: unsupported format %s", format);
}

namespace {

template <class T>
T load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
template <class T>
void store(char* p, T value) {
  std::memcpy(p, &value, sizeof value);
}

Failure wrong_type_for(char format) { return raise(PyExc_TypeError, "memoryview: invalid type for format '%c'", static_cast<int>(format)); }
Failure wrong_value_for(char format) { return raise(PyExc_ValueError, "memoryview: invalid value for format '%c'", static_cast<int>(format)); }

// What a failed conversion says about the item.
Failure conversion_failed(char format) {
  if (PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear();
    return wrong_type_for(format);
  }
  if (PyErr_ExceptionMatches(PyExc_OverflowError) || PyErr_ExceptionMatches(PyExc_ValueError)) {
    PyErr_Clear();
    return wrong_value_for(format);
  }
  return failure;
}

template <class T>
Status pack_integer(char* p, PyObject* value, char format) {
  Ref<> number = steal(PyNumber_Index(value));
  if (!number) return conversion_failed(format);
  if constexpr (std::is_signed_v<T>) {
    long long x = PyLong_AsLongLong(number.get());
    if (x == -1 && PyErr_Occurred()) return conversion_failed(format);
    if (x < std::numeric_limits<T>::min() || x > std::numeric_limits<T>::max()) return wrong_value_for(format);
    store(p, static_cast<T>(x));
  } else {
    unsigned long long x = PyLong_AsUnsignedLongLong(number.get());
    if (x == static_cast<unsigned long long>(-1) && PyErr_Occurred()) return conversion_failed(format);
    if (x > std::numeric_limits<T>::max()) return wrong_value_for(format);
    store(p, static_cast<T>(x));
  }
  return Status::ok;
}

}  // namespace

Ref<> unpack_item(const char* p, char format) {
  switch (format) {
    case 'B': return steal(PyLong_FromLong(static_cast<unsigned char>(*p)));
    case 'b': return steal(PyLong_FromLong(static_cast<signed char>(*p)));
    case 'c': return steal(PyBytes_FromStringAndSize(p, 1));
    case '?': return py_bool(*p != 0);
    case 'h': return steal(PyLong_FromLong(load<short>(p)));
    case 'H': return steal(PyLong_FromLong(load<unsigned short>(p)));
    case 'i': return steal(PyLong_FromLong(load<int>(p)));
    case 'I': return steal(PyLong_FromUnsignedLong(load<unsigned>(p)));
    case 'l': return steal(PyLong_FromLong(load<long>(p)));
    case 'L': return steal(PyLong_FromUnsignedLong(load<unsigned long>(p)));
    case 'q': return steal(PyLong_FromLongLong(load<long long>(p)));
    case 'Q': return steal(PyLong_FromUnsignedLongLong(load<unsigned long long>(p)));
    case 'n': return steal(PyLong_FromSsize_t(load<Py_ssize_t>(p)));
    case 'N': return steal(PyLong_FromSize_t(load<size_t>(p)));
    case 'f': return steal(PyFloat_FromDouble(static_cast<double>(load<float>(p))));
    case 'd': return steal(PyFloat_FromDouble(load<double>(p)));
    case 'P': return steal(PyLong_FromVoidPtr(load<void*>(p)));
    default: return raise(PyExc_NotImplementedError, "memoryview: format %c not supported", static_cast<int>(format));
  }
}

Status pack_item(char* p, PyObject* value, char format) {
  switch (format) {
    case 'B': return pack_integer<unsigned char>(p, value, format);
    case 'b': return pack_integer<signed char>(p, value, format);
    case 'h': return pack_integer<short>(p, value, format);
    case 'H': return pack_integer<unsigned short>(p, value, format);
    case 'i': return pack_integer<int>(p, value, format);
    case 'I': return pack_integer<unsigned>(p, value, format);
    case 'l': return pack_integer<long>(p, value, format);
    case 'L': return pack_integer<unsigned long>(p, value, format);
    case 'q': return pack_integer<long long>(p, value, format);
    case 'Q': return pack_integer<unsigned long long>(p, value, format);
    case 'n': return pack_integer<Py_ssize_t>(p, value, format);
    case 'N': return pack_integer<size_t>(p, value, format);
    case 'f':
    case 'd': {
      double x = PyFloat_AsDouble(value);
      if (x == -1.0 && PyErr_Occurred()) return conversion_failed(format);
      if (format == 'f') store(p, static_cast<float>(x));
      else store(p, x);
      return Status::ok;
    }
    case '?': {
      int truth = PyObject_IsTrue(value);
      if (truth < 0) return failure;
      store(p, truth != 0);
      return Status::ok;
    }
    case 'c':
      if (!PyBytes_Check(value)) return wrong_type_for(format);
      if (PyBytes_GET_SIZE(value) != 1) return wrong_value_for(format);
      *p = PyBytes_AS_STRING(value)[0];
      return Status::ok;
    case 'P': {
      void* pointer = PyLong_AsVoidPtr(value);
      if (!pointer && PyErr_Occurred()) return conversion_failed(format);
      store(p, pointer);
      return Status::ok;
    }
    default: return raise(PyExc_NotImplementedError, "memoryview: format %c not supported", static_cast<int>(format));
  }
}

bool items_equal(const char* p, const char* q, char format) {
  switch (format) {
    case 'f': return load<float>(p) == load<float>(q);
    case 'd': return load<double>(p) == load<double>(q);
    case '?': return (*p != 0) == (*q != 0);
    default: return std::memcmp(p, q, static_cast<size_t>(native_size(format))) == 0;
  }
}

// ---- indexing -----------------------------------------------------------------------------------------

char* item_pointer(const Py_buffer* view, char* p, Py_ssize_t index, int dimension) {
  Py_ssize_t n = view->shape[dimension];
  if (index < 0) index += n;
  if (index < 0 || index >= n) {
    return raise(PyExc_IndexError, "index out of bounds on dimension %d", dimension + 1);
  }
  p += view->strides[dimension] * index;
  if (view->suboffsets && view->suboffsets[dimension] >= 0) p = load<char*>(p) + view->suboffsets[dimension];
  return p;
}

namespace {

bool is_tuple_of(PyObject* key, bool slices) {
  if (!PyTuple_Check(key)) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); ++i) {
    PyObject* item = PyTuple_GET_ITEM(key, i);
    if (slices ? !PySlice_Check(item) : !PyIndex_Check(item)) return false;
  }
  return !slices || PyTuple_GET_SIZE(key) > 0;
}

char* pointer_of_tuple(const Py_buffer* view, PyObject* key) {
  Py_ssize_t count = PyTuple_GET_SIZE(key);
  if (count > view->ndim) {
    return raise(PyExc_TypeError, "cannot index %zd-dimension view with %zd-element tuple", static_cast<Py_ssize_t>(view->ndim), count);
  }
  char* p = static_cast<char*>(view->buf);
  for (Py_ssize_t i = 0; i < count; ++i) {
    Py_ssize_t index = TRY(checked(PyNumber_AsSsize_t(PyTuple_GET_ITEM(key, i), PyExc_IndexError)));
    p = TRY(item_pointer(view, p, index, static_cast<int>(i)));
  }
  return p;
}

// Narrows a dimension of a view, whose shape, strides and suboffsets are its own.
Status slice_dimension(Py_buffer* view, PyObject* key, int dimension) {
  Py_ssize_t start, stop, step;
  TRY(status_of(PySlice_Unpack(key, &start, &stop, &step)));
  Py_ssize_t n = PySlice_AdjustIndices(view->shape[dimension], &start, &stop, step);
  int outer = dimension - 1;
  if (view->suboffsets) {
    while (outer >= 0 && view->suboffsets[outer] < 0) --outer;
  } else {
    outer = -1;
  }
  Py_ssize_t offset = view->strides[dimension] * start;
  if (outer < 0) view->buf = static_cast<char*>(view->buf) + offset;
  else view->suboffsets[outer] += offset;
  view->shape[dimension] = n;
  // With a huge step there is one item at most, and the stride is not used.
  (void)__builtin_mul_overflow(view->strides[dimension], step, &view->strides[dimension]);
  return Status::ok;
}

void update_length(Py_buffer* view) {
  view->len = view->itemsize;
  for (int i = 0; i < view->ndim; ++i) view->len *= view->shape[i];
}

bool same_shape(const Py_buffer* a, const Py_buffer* b) {
  if (a->ndim != b->ndim) return false;
  for (int i = 0; i < a->ndim; ++i) {
    if (a->shape[i] != b->shape[i]) return false;
    if (a->shape[i] == 0) break;
  }
  return true;
}

bool same_format(const Py_buffer* a, const Py_buffer* b) {
  auto text = [](const Py_buffer* view) {
    const char* format = view->format ? view->format : "B";
    return *format == '@' ? format + 1 : format;
  };
  return std::strcmp(text(a), text(b)) == 0 && a->itemsize == b->itemsize;
}

const char* follow(const Py_buffer* view, const char* p, int dimension) {
  return view->suboffsets && view->suboffsets[dimension] >= 0 ? load<char*>(p) + view->suboffsets[dimension] : p;
}

// One-dimensional copy; the two may overlap.
Status copy_row(const Py_buffer* to, const Py_buffer* from) {
  if (!same_format(to, from) || !same_shape(to, from)) {
    return raise(PyExc_ValueError, "memoryview assignment: lvalue and rvalue have different structures");
  }
  Py_ssize_t n = to->shape[0];
  Py_ssize_t size = to->itemsize;
  char* target = static_cast<char*>(to->buf);
  auto* source = static_cast<const char*>(from->buf);
  bool direct = !to->suboffsets && !from->suboffsets;
  if (direct && to->strides[0] == size && from->strides[0] == size) {
    std::memmove(target, source, static_cast<size_t>(n * size));
    return Status::ok;
  }
  char* buffer = static_cast<char*>(PyMem_Malloc(static_cast<size_t>(n * size ? n * size : 1)));
  if (!buffer) {
    PyErr_NoMemory();
    return Status::error;
  }
  for (Py_ssize_t i = 0; i < n; ++i) std::memcpy(buffer + i * size, follow(from, source + i * from->strides[0], 0), static_cast<size_t>(size));
  for (Py_ssize_t i = 0; i < n; ++i) {
    std::memcpy(const_cast<char*>(follow(to, target + i * to->strides[0], 0)), buffer + i * size, static_cast<size_t>(size));
  }
  PyMem_Free(buffer);
  return Status::ok;
}

Status assign_slice(ViewObject* self, PyObject* key, PyObject* value) {
  Py_buffer source;
  TRY(status_of(PyObject_GetBuffer(value, &source, PyBUF_FULL_RO)));
  Py_buffer target = self->view;
  Py_ssize_t numbers[3] = {self->view.shape[0], self->view.strides[0], self->view.suboffsets ? self->view.suboffsets[0] : -1};
  target.shape = &numbers[0];
  target.strides = &numbers[1];
  if (target.suboffsets) target.suboffsets = &numbers[2];
  Py_ssize_t own_shape = source.len / (source.itemsize ? source.itemsize : 1);
  Py_ssize_t own_stride = source.itemsize;
  if (source.ndim == 1 && !source.shape) source.shape = &own_shape;
  if (source.ndim == 1 && !source.strides) source.strides = &own_stride;
  Status status = slice_dimension(&target, key, 0);
  // Reading the slice's bounds may have run code that released us.
  if (status == Status::ok) status = check_released(self);
  if (status == Status::ok) {
    update_length(&target);
    status = copy_row(&target, &source);
  }
  PyBuffer_Release(&source);
  return status;
}

}  // namespace

Ref<> view_item(ViewObject* self, Py_ssize_t index) {
  TRY(check_released(self));
  char format = TRY(require_native_format(self));
  if (self->view.ndim == 0) return raise(PyExc_TypeError, "invalid indexing of 0-dim memory");
  if (self->view.ndim > 1) return raise(PyExc_NotImplementedError, "multi-dimensional sub-views are not implemented");
  char* p = TRY(item_pointer(&self->view, static_cast<char*>(self->view.buf), index, 0));
  return unpack_item(p, format);
}

Ref<> view_subscript(ViewObject* self, PyObject* key) {
  TRY(check_released(self));
  const Py_buffer* view = &self->view;
  if (view->ndim == 0) {
    if (PyTuple_Check(key) && PyTuple_GET_SIZE(key) == 0) {
      char format = TRY(require_native_format(self));
      return unpack_item(static_cast<char*>(view->buf), format);
    }
    if (key == Py_Ellipsis) return borrow(as_object(self));
    return raise(PyExc_TypeError, "invalid indexing of 0-dim memory");
  }
  if (PyIndex_Check(key)) {
    Py_ssize_t index = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    return view_item(self, index);
  }
  if (PySlice_Check(key)) {
    Ref<ViewObject> sliced = TRY(add_view(self->mbuf, view));
    TRY(slice_dimension(&sliced->view, key, 0));
    update_length(&sliced->view);
    update_flags(sliced.get());
    return sliced;
  }
  if (is_tuple_of(key, false)) {
    char format = TRY(require_native_format(self));
    if (PyTuple_GET_SIZE(key) < view->ndim) return raise(PyExc_NotImplementedError, "sub-views are not implemented");
    char* p = TRY(pointer_of_tuple(view, key));
    TRY(check_released(self));
    return unpack_item(p, format);
  }
  if (is_tuple_of(key, true)) return raise(PyExc_NotImplementedError, "multi-dimensional slicing is not implemented");
  return raise(PyExc_TypeError, "memoryview: invalid slice key");
}

namespace {

// Packs into a place that the conversion of the value must not have released.
Status pack_into(ViewObject* self, char* p, PyObject* value, char format) {
  char item[16];
  TRY(pack_item(item, value, format));
  TRY(check_released(self));
  std::memcpy(p, item, static_cast<size_t>(native_size(format)));
  return Status::ok;
}

}  // namespace

Status view_ass_subscript(ViewObject* self, PyObject* key, PyObject* value) {
  TRY(check_released(self));
  Py_buffer* view = &self->view;
  char format = TRY(require_native_format(self));
  if (view->readonly) return raise(PyExc_TypeError, "cannot modify read-only memory");
  if (!value) return raise(PyExc_TypeError, "cannot delete memory");
  if (view->ndim == 0) {
    if (key == Py_Ellipsis || (PyTuple_Check(key) && PyTuple_GET_SIZE(key) == 0)) {
      return pack_into(self, static_cast<char*>(view->buf), value, format);
    }
    return raise(PyExc_TypeError, "invalid indexing of 0-dim memory");
  }
  if (PyIndex_Check(key)) {
    if (view->ndim > 1) return raise(PyExc_NotImplementedError, "sub-views are not implemented");
    Py_ssize_t index = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    char* p = TRY(item_pointer(view, static_cast<char*>(view->buf), index, 0));
    return pack_into(self, p, value, format);
  }
  if (PySlice_Check(key) && view->ndim == 1) return assign_slice(self, key, value);
  if (is_tuple_of(key, false)) {
    if (PyTuple_GET_SIZE(key) < view->ndim) return raise(PyExc_NotImplementedError, "sub-views are not implemented");
    char* p = TRY(pointer_of_tuple(view, key));
    return pack_into(self, p, value, format);
  }
  if (PySlice_Check(key) || is_tuple_of(key, true)) {
    return raise(PyExc_NotImplementedError, "memoryview slice assignments are currently restricted to ndim = 1");
  }
  return raise(PyExc_TypeError, "memoryview: invalid slice key");
}

// ---- lists and comparison -----------------------------------------------------------------------------

namespace {

Ref<> list_of(const Py_buffer* view, const char* p, int dimension, char format) {
  if (dimension == view->ndim) return unpack_item(p, format);
  Py_ssize_t n = view->shape[dimension];
  Ref<> list = TRY(steal(PyList_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i, p += view->strides[dimension]) {
    Ref<> item = TRY(list_of(view, follow(view, p, dimension), dimension + 1, format));
    PyList_SET_ITEM(list.get(), i, item.release());
  }
  return list;
}

// How the items of one side are read: natively, or by the struct module for any other format.
class ItemReader {
 public:
  // False when the format cannot be read at all: such views are never equal.
  Maybe<bool> prepare(const Py_buffer* view) {
    format_ = native_format(view->format);
    size_ = view->itemsize;
    if (format_) return true;
    Ref<> module = TRY(steal(PyImport_ImportModule("struct")));
    Ref<> type = TRY(steal(PyObject_GetAttrString(module.get(), "Struct")));
    Ref<> error = TRY(steal(PyObject_GetAttrString(module.get(), "error")));
    Ref<> structure = steal(PyObject_CallFunction(type.get(), "s", view->format));
    if (!structure) {
      if (!PyErr_ExceptionMatches(error.get()) && !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) return failure;
      PyErr_Clear();
      return false;
    }
    unpack_ = TRY(steal(PyObject_GetAttr(structure.get(), name<"unpack_from">)));
    Ref<> size = TRY(steal(PyObject_GetAttr(structure.get(), name<"size">)));
    if (PyLong_AsSsize_t(size.get()) != view->itemsize) return false;
    return true;
  }
  char format() const { return format_; }
  Ref<> read(const char* p) const {
    if (format_) return unpack_item(p, format_);
    Ref<> bytes = TRY(steal(PyBytes_FromStringAndSize(p, size_)));
    Ref<> tuple = TRY(steal(PyObject_CallOneArg(unpack_.get(), bytes.get())));
    if (PyTuple_GET_SIZE(tuple.get()) == 1) return borrow(PyTuple_GET_ITEM(tuple.get(), 0));
    return tuple;
  }

 private:
  char format_ = 0;
  Py_ssize_t size_ = 0;
  Ref<> unpack_;
};

Maybe<bool> equal_parts(const Py_buffer* a, const char* p, const ItemReader& x, const Py_buffer* b, const char* q, const ItemReader& y,
                        int dimension) {
  if (dimension == a->ndim) {
    if (x.format() && x.format() == y.format()) return items_equal(p, q, x.format());
    Ref<> left = TRY(x.read(p));
    Ref<> right = TRY(y.read(q));
    return truth_of(PyObject_RichCompareBool(left.get(), right.get(), Py_EQ));
  }
  Py_ssize_t n = a->shape[dimension];
  Py_ssize_t stride_a = a->strides ? a->strides[dimension] : a->itemsize;
  Py_ssize_t stride_b = b->strides ? b->strides[dimension] : b->itemsize;
  bool plain = dimension == a->ndim - 1 && x.format() && x.format() == y.format() && std::strchr("fd?", x.format()) == nullptr;
  if (plain && stride_a == a->itemsize && stride_b == b->itemsize && !a->suboffsets && !b->suboffsets) {
    return std::memcmp(p, q, static_cast<size_t>(n * a->itemsize)) == 0;
  }
  for (Py_ssize_t i = 0; i < n; ++i, p += stride_a, q += stride_b) {
    if (!TRY(equal_parts(a, follow(a, p, dimension), x, b, follow(b, q, dimension), y, dimension + 1))) return false;
  }
  return true;
}

Maybe<bool> views_equal(const Py_buffer* a, const Py_buffer* b) {
  if (!same_shape(a, b)) return false;
  ItemReader x, y;
  if (!TRY(x.prepare(a)) || !TRY(y.prepare(b))) return false;
  return equal_parts(a, static_cast<const char*>(a->buf), x, b, static_cast<const char*>(b->buf), y, 0);
}

}  // namespace

Ref<> view_tolist(ViewObject* self) {
  TRY(check_released(self));
  char format = TRY(require_native_format(self));
  return list_of(&self->view, static_cast<const char*>(self->view.buf), 0, format);
}

Ref<> view_richcompare(PyObject* a, PyObject* b, int op) {
  if ((op != Py_EQ && op != Py_NE) || !PyMemoryView_Check(a)) return borrow(Py_NotImplemented);
  auto released = [](PyObject* object) {
    auto* view = reinterpret_cast<ViewObject*>(object);
    return (view->flags & _Py_MEMORYVIEW_RELEASED) || (view->mbuf->flags & _Py_MANAGED_BUFFER_RELEASED);
  };
  if (released(a) || (PyMemoryView_Check(b) && released(b))) return py_bool((a == b) == (op == Py_EQ));
  Maybe<bool> equal;
  if (PyMemoryView_Check(b)) {
    equal = views_equal(PyMemoryView_GET_BUFFER(a), PyMemoryView_GET_BUFFER(b));
  } else {
    if (!PyObject_CheckBuffer(b)) return borrow(Py_NotImplemented);
    Py_buffer other;
    if (PyObject_GetBuffer(b, &other, PyBUF_FULL_RO) < 0) {
      PyErr_Clear();
      return borrow(Py_NotImplemented);
    }
    equal = views_equal(PyMemoryView_GET_BUFFER(a), &other);
    PyBuffer_Release(&other);
  }
  bool value = TRY(equal);
  return py_bool(value == (op == Py_EQ));
}

// ---- casts --------------------------------------------------------------------------------------------

namespace {

// The format of a cast lives as long as the process.
const char* format_text(char format) {
  static constexpr const char* const kFormats[] = {"c", "b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", "n", "N", "f", "d", "?", "P"};
  for (const char* text : kFormats) {
    if (*text == format) return text;
  }
  return "B";
}

bool is_byte_format(char c) { return c == 'b' || c == 'B' || c == 'c'; }

Status cast_to_row(ViewObject* self, PyObject* format) {
  Py_buffer* view = &self->view;
  Ref<> ascii = TRY(steal(PyUnicode_AsASCIIString(format)));
  const char* text = PyBytes_AS_STRING(ascii.get());
  char to = native_format(text);
  if (!to) {
    return raise(PyExc_ValueError, "memoryview: destination format must be a native single character format prefixed with an optional '@'");
  }
  if (!is_byte_format(native_format(view->format)) && !is_byte_format(to)) {
    return raise(PyExc_TypeError, "memoryview: cannot cast between two non-byte formats");
  }
  Py_ssize_t size = native_size(to);
  if (view->len % size) return raise(PyExc_TypeError, "memoryview: length is not a multiple of itemsize");
  // `@x` keeps its prefix; both forms come from static text, since the argument may die.
  static constexpr const char* const kPrefixed[] = {"@c", "@b", "@B", "@h", "@H", "@i", "@I", "@l", "@L", "@q", "@Q", "@n", "@N", "@f", "@d", "@?", "@P"};
  view->format = const_cast<char*>(format_text(to));
  if (*text == '@') {
    for (const char* prefixed : kPrefixed) {
      if (prefixed[1] == to) view->format = const_cast<char*>(prefixed);
    }
  }
  view->itemsize = size;
  view->ndim = 1;
  view->shape[0] = view->len / size;
  view->strides[0] = size;
  view->suboffsets = nullptr;
  update_flags(self);
  return Status::ok;
}

Status cast_to_shape(ViewObject* self, PyObject* shape, int ndim) {
  Py_buffer* view = &self->view;
  view->ndim = ndim;
  view->shape = ndim ? self->ob_array : nullptr;
  view->strides = ndim ? self->ob_array + ndim : nullptr;
  view->suboffsets = nullptr;
  Py_ssize_t length = view->itemsize;
  for (int i = 0; i < ndim; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(shape, i);
    if (!PyLong_Check(item)) return raise(PyExc_TypeError, "memoryview.cast(): elements of shape must be integers");
    Py_ssize_t x = PyLong_AsSsize_t(item);
    if (x == -1 && PyErr_Occurred()) return failure;
    if (x <= 0) return raise(PyExc_ValueError, "memoryview.cast(): elements of shape must be integers > 0");
    if (x > PY_SSIZE_T_MAX / length) return raise(PyExc_ValueError, "memoryview.cast(): product(shape) > SSIZE_MAX");
    length *= x;
    view->shape[i] = x;
  }
  if (view->len != length) return raise(PyExc_TypeError, "memoryview: product(shape) * itemsize != buffer size");
  Py_ssize_t stride = view->itemsize;
  for (int i = ndim - 1; i >= 0; --i) {
    view->strides[i] = stride;
    stride *= view->shape[i];
  }
  update_flags(self);
  return Status::ok;
}

}  // namespace

Ref<> view_cast(ViewObject* self, PyUnicodeObject* format, PyObject* shape) {
  TRY(check_released(self));
  if (!(self->flags & (_Py_MEMORYVIEW_SCALAR | _Py_MEMORYVIEW_C))) {
    return raise(PyExc_TypeError, "memoryview: casts are restricted to C-contiguous views");
  }
  if (shape || self->view.ndim != 1) {
    for (int i = 0; i < self->view.ndim; ++i) {
      if (self->view.shape[i] == 0) return raise(PyExc_TypeError, "memoryview: cannot cast view with zeros in shape or strides");
    }
  }
  int ndim = 1;
  if (shape) {
    if (!PyList_Check(shape) && !PyTuple_Check(shape)) return raise(PyExc_TypeError, "shape must be a list or a tuple");
    Py_ssize_t n = PySequence_Fast_GET_SIZE(shape);
    if (n > PyBUF_MAX_NDIM) return raise(PyExc_ValueError, "memoryview: number of dimensions must not exceed %d", PyBUF_MAX_NDIM);
    ndim = static_cast<int>(n);
    if (self->view.ndim != 1 && ndim != 1) return raise(PyExc_TypeError, "memoryview: cast must be 1D -> ND or ND -> 1D");
  }
  // The new view has room for the larger number of dimensions.
  Py_buffer row = self->view;
  Py_ssize_t row_shape = row.itemsize ? row.len / row.itemsize : 0, row_stride = row.itemsize;
  row.ndim = ndim > 1 ? ndim : 1;
  Py_ssize_t shapes[PyBUF_MAX_NDIM], strides[PyBUF_MAX_NDIM];
  for (int i = 0; i < row.ndim; ++i) {
    shapes[i] = i == 0 ? row_shape : 1;
    strides[i] = row_stride;
  }
  row.shape = shapes;
  row.strides = strides;
  row.suboffsets = nullptr;
  Ref<ViewObject> result = TRY(add_view(self->mbuf, &row));
  result->view.ndim = 1;
  TRY(cast_to_row(result.get(), as_object(format)));
  if (shape) TRY(cast_to_shape(result.get(), shape, ndim));
  return result;
}

}  // namespace gill
