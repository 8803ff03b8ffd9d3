// marshal: the format of .pyc files, version 4.
//
// A value is a type byte and its contents; a set high bit of the type byte gives the value the next number of the
// reference table, and type 'r' stands for a value with such a number. Reading trusts nothing: sizes are
// checked against what is left, nesting is bounded, and a table entry that is still being read cannot be used.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include <Python.h>
#include <marshal.h>

#include "base/binding.h"
#include "base/names.h"
#include "import/import_state.h"
#include "objects/code.h"
#include "objects/str.h"
#include "runtime/native_stack.h"

namespace gill {
namespace {

inline constexpr int kFlagRef = 0x80;
inline constexpr int kMaxDepth = 2000;
inline constexpr Py_ssize_t kTrustedItems = 1 << 16;  // of a tuple in a file, whose length is not known
inline constexpr Py_ssize_t kFirstStep = 1 << 20;     // of reading a large part from a file
inline constexpr int kShift = 15;  // marshal's int digits

// ---- reading ----------------------------------------------------------------------------------------

class Reader {
 public:
  Reader(const char* data, Py_ssize_t size) : at_(data), end_(data + size) {}
  // Reads through `readinto` of a Python file object.
  Reader(PyObject* file) : file_(file) {}
  ~Reader() { PyMem_Free(buffer_); }

  Ref<> read_top() {
    refs_ = TRY(steal(PyList_New(0)));
    Ref<> value = read();
    if (!value && !PyErr_Occurred()) return raise(PyExc_TypeError, "NULL object in marshal data for object");
    return value;
  }
  const char* position() const { return at_; }

 private:
  Failure too_short() { return raise(PyExc_EOFError, "marshal data too short"); }
  Failure bad(const char* what) { return raise(PyExc_ValueError, "bad marshal data (%s)", what); }

  // `n` bytes, valid until the next call; null with an exception.
  [[gnu::always_inline]] const char* bytes(Py_ssize_t n) {
    if (file_) [[unlikely]] return file_bytes(n);
    if (end_ - at_ < n) [[unlikely]] return too_short();
    return std::exchange(at_, at_ + n);
  }
  // A large part is read in steps, since the size may be made up and the file shorter.
  [[gnu::noinline]] const char* file_bytes(Py_ssize_t n) {
    if (n == 0) return "";
    for (Py_ssize_t have = 0; have < n;) {
      Py_ssize_t step = std::min(n - have, std::max(have, kFirstStep));
      TRY(read_into_buffer(have, step));
      have += step;
    }
    return buffer_;
  }
  Status read_into_buffer(Py_ssize_t at, Py_ssize_t n) {
    if (at + n > buffer_size_) {
      char* grown = static_cast<char*>(PyMem_Realloc(buffer_, static_cast<size_t>(at + n)));
      if (!grown) {
        PyErr_NoMemory();
        return failure;
      }
      buffer_ = grown;
      buffer_size_ = at + n;
    }
    Ref<> view = TRY(steal(PyMemoryView_FromMemory(buffer_ + at, n, PyBUF_WRITE)));
    Ref<> count = TRY(steal(PyObject_CallMethodOneArg(file_, name<"readinto">, view.get())));
    Py_ssize_t got = TRY(checked(PyNumber_AsSsize_t(count.get(), PyExc_ValueError)));
    if (got > n) return raise(PyExc_ValueError, "read() returned too much data: %zd bytes requested, %zd returned", n, got);
    if (got < n) return raise(PyExc_EOFError, "EOF read where not expected");
    return Status::ok;
  }
  Failure no_object() { return raise(PyExc_EOFError, "EOF read where object expected"); }
  Maybe<int> byte() {
    if (!file_ && at_ == end_) [[unlikely]] return no_object();
    return static_cast<unsigned char>(*TRY(bytes(1)));
  }
  // A byte at the end of a file is missed as an object would be.
  Maybe<int> head_byte() {
    Maybe<int> value = byte();
    if (!value && PyErr_ExceptionMatches(PyExc_EOFError)) return no_object();
    return value;
  }
  template <class T>
  Maybe<T> number() {
    const char* p = TRY(bytes(sizeof(T)));
    T value;
    std::memcpy(&value, p, sizeof(T));
    return value;
  }
  Maybe<Py_ssize_t> size(const char* what) {
    int32_t n = TRY(number<int32_t>());
    if (n < 0) return bad(what);
    return static_cast<Py_ssize_t>(n);
  }

  // Gives a value its number in the table. Containers do it before their items are read.
  Maybe<Py_ssize_t> reserve(bool flagged) {
    if (!flagged) return Py_ssize_t{-1};
    Py_ssize_t index = PyList_GET_SIZE(refs_.get());
    TRY(status_of(PyList_Append(refs_.get(), Py_None)));
    return index;
  }
  void fill(Py_ssize_t index, PyObject* value) {
    if (index >= 0) PyList_SetItem(refs_.get(), index, borrow(value).release());
  }
  Ref<> keep(bool flagged, Ref<> value) {
    if (value && flagged && PyList_Append(refs_.get(), value.get()) < 0) return failure;
    return value;
  }

  // The data ends among the digits: one that cannot be is told first.
  Failure bad_digits() {
    while (end_ - at_ >= 2) {
      if (TRY(number<uint16_t>()) >> kShift) return bad("digit out of range in long");
    }
    return too_short();
  }
  Ref<> long_int() {
    int32_t n = TRY(number<int32_t>());
    Py_ssize_t digits = n < 0 ? -static_cast<Py_ssize_t>(n) : n;
    if (n == INT32_MIN) return bad("long size out of range");
    if (n == 0) return steal(PyLong_FromLong(0));
    if (!file_ && end_ - at_ < digits * 2) return bad_digits();
    // Packed as a little-endian byte string: 15 bits of each two bytes.
    const char* p = TRY(bytes(digits * 2));
    size_t size = static_cast<size_t>(digits) * kShift / 8 + 2;
    auto* packed = static_cast<unsigned char*>(PyMem_Calloc(size, 1));
    if (!packed) {
      PyErr_NoMemory();
      return failure;
    }
    bool ok = true;
    uint32_t last = 0;
    for (Py_ssize_t i = 0; i < digits; ++i) {
      uint32_t digit = static_cast<unsigned char>(p[2 * i]) | static_cast<uint32_t>(static_cast<unsigned char>(p[2 * i + 1])) << 8;
      ok = ok && digit < (1u << kShift);
      last = digit;
      size_t bit = static_cast<size_t>(i) * kShift;
      uint32_t shifted = digit << (bit % 8);
      for (size_t k = bit / 8; shifted && k < size; ++k, shifted >>= 8) packed[k] |= shifted & 0xff;
    }
    Ref<> value;
    if (!ok) (void)bad("digit out of range in long");
    else if (last == 0) (void)bad("unnormalized long data");
    else value = steal(_PyLong_FromByteArray(packed, size, 1, 0));
    PyMem_Free(packed);
    if (value && n < 0) value = steal(PyNumber_Negative(value.get()));
    return value;
  }

  Maybe<double> float_text() {
    int n = TRY(head_byte());
    const char* p = TRY(bytes(n));
    char text[256];
    std::memcpy(text, p, static_cast<size_t>(n));
    text[n] = 0;
    return checked(PyOS_string_to_double(text, nullptr, nullptr));
  }

  Ref<> text(Py_ssize_t n, bool ascii, bool intern) {
    const char* p = TRY(bytes(n));
    if (ascii && intern && is_ascii(p, n)) return interned_ascii(p, n);
    PyObject* value = ascii ? PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, p, n) : PyUnicode_DecodeUTF8(p, n, "surrogatepass");
    if (value && intern) PyUnicode_InternInPlace(&value);
    return steal(value);
  }

  // Whether the data can have that many more items, as far as can be seen.
  bool has_room_for(Py_ssize_t n) const { return file_ ? n <= kTrustedItems : n <= end_ - at_; }

  Ref<> tuple(Py_ssize_t n, bool flagged) {
    if (!has_room_for(n)) return unlikely_tuple(n, flagged);
    Ref<> value = TRY(steal(PyTuple_New(n)));
    if (flagged) {
      // Its own items may name it: what they find is whole, immortal None where it is to be filled.
      for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(value.get(), i, Py_None);
      TRY(status_of(PyList_Append(refs_.get(), value.get())));
    }
    for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(value.get(), i, TRY(item("tuple")).release());
    return value;
  }
  // A size that damaged data may have made up: memory is taken as the items come.
  Ref<> unlikely_tuple(Py_ssize_t n, bool flagged) {
    Py_ssize_t index = TRY(reserve(flagged));
    Ref<> items = TRY(steal(PyList_New(0)));
    TRY(append_items(items.get(), n, "tuple"));
    Ref<> value = TRY(steal(PyList_AsTuple(items.get())));
    fill(index, value.get());
    return value;
  }
  Status append_items(PyObject* list, Py_ssize_t n, const char* where) {
    for (Py_ssize_t i = 0; i < n; ++i) {
      Ref<> value = TRY(item(where));
      TRY(status_of(PyList_Append(list, value.get())));
    }
    return Status::ok;
  }
  // A value inside another: "NULL object" is an error here.
  Ref<> item(const char* where) {
    Ref<> value = read();
    if (!value && !PyErr_Occurred()) return raise(PyExc_TypeError, "NULL object in marshal data for %s", where);
    return value;
  }

  Ref<> code(bool flagged) {
    Py_ssize_t index = TRY(reserve(flagged));
    int argcount = TRY(number<int32_t>());
    int posonly = TRY(number<int32_t>());
    int kwonly = TRY(number<int32_t>());
    int stacksize = TRY(number<int32_t>());
    int flags = TRY(number<int32_t>());
    Ref<> instructions = TRY(read());
    Ref<> consts = TRY(read());
    Ref<> names = TRY(read());
    Ref<> localsplusnames = TRY(read());
    Ref<> localspluskinds = TRY(read());
    Ref<> filename = TRY(read());
    Ref<> own_name = TRY(read());
    Ref<> qualname = TRY(read());
    int firstlineno = TRY(number<int32_t>());
    Ref<> linetable = TRY(read());
    Ref<> exceptiontable = TRY(read());
    _PyCodeConstructor parts = {};
    parts.filename = filename.get();
    parts.name = own_name.get();
    parts.qualname = qualname.get();
    parts.flags = flags;
    parts.code = instructions.get();
    parts.firstlineno = firstlineno;
    parts.linetable = linetable.get();
    parts.consts = consts.get();
    parts.names = names.get();
    parts.localsplusnames = localsplusnames.get();
    parts.localspluskinds = localspluskinds.get();
    parts.argcount = argcount;
    parts.posonlyargcount = posonly;
    parts.kwonlyargcount = kwonly;
    parts.stacksize = stacksize;
    parts.exceptiontable = exceptiontable.get();
    if (_PyCode_Validate(&parts) < 0) return failure;
    Ref<> value = TRY(steal(as_object(_PyCode_New(&parts))));
    fill(index, value.get());
    return value;
  }

  Ref<> read() {
    int type = TRY(head_byte());
    bool flagged = type & kFlagRef;
    if (++depth_ > kMaxDepth || !native_stack_left()) {
      --depth_;
      return raise(PyExc_ValueError, "recursion limit exceeded");
    }
    Ref<> value = read_type(type & ~kFlagRef, flagged);
    --depth_;
    return value;
  }

  Ref<> read_type(int type, bool flagged) {
    switch (type) {
      case '0': return nullptr;
      case 'N': return none();
      case 'S': return borrow(PyExc_StopIteration);
      case '.': return borrow(Py_Ellipsis);
      case 'F': return borrow(Py_False);
      case 'T': return borrow(Py_True);
      case 'i': return keep(flagged, steal(PyLong_FromLong(TRY(number<int32_t>()))));
      case 'I': return keep(flagged, steal(PyLong_FromLongLong(TRY(number<int64_t>()))));
      case 'l': return keep(flagged, long_int());
      case 'f': return keep(flagged, steal(PyFloat_FromDouble(TRY(float_text()))));
      case 'g': return keep(flagged, steal(PyFloat_FromDouble(TRY(number<double>()))));
      case 'x': {
        double real = TRY(float_text());
        return keep(flagged, steal(PyComplex_FromDoubles(real, TRY(float_text()))));
      }
      case 'y': {
        double real = TRY(number<double>());
        return keep(flagged, steal(PyComplex_FromDoubles(real, TRY(number<double>()))));
      }
      case 's': {
        Py_ssize_t n = TRY(size("bytes object size out of range"));
        const char* p = TRY(bytes(n));
        return keep(flagged, steal(PyBytes_FromStringAndSize(p, n)));
      }
      case 'a':
      case 'A': return keep(flagged, text(TRY(size("string size out of range")), true, type == 'A'));
      case 'z':
      case 'Z': return keep(flagged, text(TRY(head_byte()), true, type == 'Z'));
      case 'u':
      case 't': return keep(flagged, text(TRY(size("string size out of range")), false, type == 't'));
      case ')': return tuple(TRY(byte()), flagged);
      case '(': return tuple(TRY(size("tuple size out of range")), flagged);
      case '[': {
        Py_ssize_t n = TRY(size("list size out of range"));
        Ref<> list = TRY(steal(PyList_New(0)));
        Py_ssize_t index = TRY(reserve(flagged));
        fill(index, list.get());
        TRY(append_items(list.get(), n, "list"));
        return list;
      }
      case '{': {
        Ref<> dict = TRY(steal(PyDict_New()));
        Py_ssize_t index = TRY(reserve(flagged));
        fill(index, dict.get());
        for (;;) {
          Ref<> key = read();
          if (!key) break;
          Ref<> value = read();
          if (!value) break;
          TRY(status_of(PyDict_SetItem(dict.get(), key.get(), value.get())));
        }
        if (PyErr_Occurred()) return failure;
        return dict;
      }
      case '<':
      case '>': {
        Py_ssize_t n = TRY(size("set size out of range"));
        if (n == 0 && type == '>') return keep(flagged, steal(PyFrozenSet_New(nullptr)));
        Ref<> set = TRY(steal(type == '<' ? PySet_New(nullptr) : PyFrozenSet_New(nullptr)));
        Py_ssize_t index = TRY(reserve(flagged));
        if (type == '<') fill(index, set.get());
        for (Py_ssize_t i = 0; i < n; ++i) {
          Ref<> value = TRY(item("set"));
          TRY(status_of(PySet_Add(set.get(), value.get())));
        }
        if (type == '>') fill(index, set.get());
        return set;
      }
      case 'c': return code(flagged);
      case 'r': {
        int32_t n = TRY(number<int32_t>());
        if (n < 0 || n >= PyList_GET_SIZE(refs_.get())) return bad("invalid reference");
        PyObject* value = PyList_GET_ITEM(refs_.get(), n);
        if (value == Py_None) return bad("invalid reference");
        return borrow(value);
      }
      default: return bad("unknown type code");
    }
  }

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  PyObject* file_ = nullptr;
  char* buffer_ = nullptr;
  Py_ssize_t buffer_size_ = 0;
  Ref<> refs_;
  int depth_ = 0;
};

// ---- writing ----------------------------------------------------------------------------------------

class Writer {
 public:
  explicit Writer(int version) : version_(version) {}
  ~Writer() { PyMem_Free(data_); }

  Ref<> dump(PyObject* value) {
    if (version_ >= 3) refs_ = TRY(steal(PyDict_New()));
    if (!write(value)) {
      if (PyErr_Occurred()) return failure;
      return raise(PyExc_ValueError, too_deep_ ? "object too deeply nested to marshal" : "unmarshallable object");
    }
    return steal(PyBytes_FromStringAndSize(data_, size_));
  }

 private:
  bool put(const void* bytes, Py_ssize_t n) {
    if (n > capacity_ - size_) {
      Py_ssize_t capacity = std::max<Py_ssize_t>(size_ + n + 64, capacity_ * 2);
      char* grown = static_cast<char*>(PyMem_Realloc(data_, static_cast<size_t>(capacity)));
      if (!grown) {
        PyErr_NoMemory();
        return false;
      }
      data_ = grown;
      capacity_ = capacity;
    }
    if (n) std::memcpy(data_ + size_, bytes, static_cast<size_t>(n));
    size_ += n;
    return true;
  }
  template <class T>
  bool number(T value) { return put(&value, sizeof(value)); }
  bool type(int code, int flag) { return number(static_cast<unsigned char>(code | flag)); }
  bool sized(int code, int flag, const char* bytes, Py_ssize_t n) {
    if (n > INT32_MAX) return false;
    return type(code, flag) && number(static_cast<int32_t>(n)) && put(bytes, n);
  }

  // Writes a reference when the value was written before: 1; 0 with *flag set when it is to be written now.
  int reference(PyObject* value, int* flag) {
    // What only one place holds cannot come again.
    if (version_ < 3 || Py_REFCNT(value) == 1) return 0;
    Ref<> key = steal(PyLong_FromVoidPtr(value));
    if (!key) return -1;
    PyObject* index = PyDict_GetItemWithError(refs_.get(), key.get());
    if (index) return type('r', 0) && number(static_cast<int32_t>(PyLong_AsLong(index))) ? 1 : -1;
    if (PyErr_Occurred()) return -1;
    Ref<> next = steal(PyLong_FromSsize_t(PyDict_GET_SIZE(refs_.get())));
    if (!next || PyDict_SetItem(refs_.get(), key.get(), next.get()) < 0) return -1;
    *flag = kFlagRef;
    return 0;
  }

  bool write_int(PyObject* value, int flag) {
    int overflow;
    long small = PyLong_AsLongAndOverflow(value, &overflow);
    if (!overflow && small >= INT32_MIN && small <= INT32_MAX) return type('i', flag) && number(static_cast<int32_t>(small));
    size_t bits = _PyLong_NumBits(value);
    size_t n = bits / 8 + 1;
    auto* packed = static_cast<unsigned char*>(PyMem_Calloc(n + 4, 1));
    if (!packed) {
      PyErr_NoMemory();
      return false;
    }
    Ref<> magnitude = steal(PyNumber_Absolute(value));
    bool ok = magnitude && _PyLong_AsByteArray(reinterpret_cast<PyLongObject*>(magnitude.get()), packed, n, 1, 0) == 0;
    size_t digits = (bits + kShift - 1) / kShift;
    auto count = static_cast<int32_t>(digits);
    ok = ok && type('l', flag) && number(_PyLong_Sign(value) < 0 ? -count : count);
    for (size_t i = 0; ok && i < digits; ++i) {
      uint32_t word;
      std::memcpy(&word, packed + i * kShift / 8, sizeof(word));
      ok = number(static_cast<uint16_t>(word >> (i * kShift % 8) & 0x7fff));
    }
    PyMem_Free(packed);
    return ok;
  }

  bool write_double(double value) {
    if (version_ > 1) return number(value);
    char* text = PyOS_double_to_string(value, 'g', 17, 0, nullptr);
    if (!text) return false;
    auto n = static_cast<unsigned char>(std::strlen(text));
    bool ok = number(n) && put(text, n);
    PyMem_Free(text);
    return ok;
  }

  bool write_text(PyObject* value, int flag) {
    bool interned = PyUnicode_CHECK_INTERNED(value);
    if (version_ >= 4 && PyUnicode_IS_ASCII(value)) {
      Py_ssize_t n = PyUnicode_GET_LENGTH(value);
      auto* text = static_cast<const char*>(PyUnicode_DATA(value));
      if (n < 256) return type(interned ? 'Z' : 'z', flag) && number(static_cast<unsigned char>(n)) && put(text, n);
      return sized(interned ? 'A' : 'a', flag, text, n);
    }
    Ref<> utf8 = steal(PyUnicode_AsEncodedString(value, "utf8", "surrogatepass"));
    if (!utf8) return false;
    return sized(version_ >= 3 && interned ? 't' : 'u', flag, PyBytes_AS_STRING(utf8.get()), PyBytes_GET_SIZE(utf8.get()));
  }

  bool write_code(PyCodeObject* code, int flag) {
    Ref<> instructions = steal(PyCode_GetCode(code));
    if (!instructions) return false;
    if (!type('c', flag) || !number(static_cast<int32_t>(code->co_argcount)) || !number(static_cast<int32_t>(code->co_posonlyargcount)) ||
        !number(static_cast<int32_t>(code->co_kwonlyargcount)) || !number(static_cast<int32_t>(code->co_stacksize)) ||
        !number(static_cast<int32_t>(code->co_flags))) {
      return false;
    }
    for (PyObject* part : {instructions.get(), code->co_consts, code->co_names, code->co_localsplusnames, code->co_localspluskinds,
                           code->co_filename, code->co_name, code->co_qualname}) {
      if (!write(part)) return false;
    }
    return number(static_cast<int32_t>(code->co_firstlineno)) && write(code->co_linetable) && write(code->co_exceptiontable);
  }

  // Sets are written in the order of their elements' own dumps, so that equal sets give equal bytes.
  bool write_set(PyObject* set, int flag) {
    if (!type(PyFrozenSet_CheckExact(set) ? '>' : '<', flag) || !number(static_cast<int32_t>(PySet_GET_SIZE(set)))) return false;
    Ref<> pairs = steal(PyList_New(0));
    Ref<> iterator = pairs ? steal(PyObject_GetIter(set)) : Ref<>();
    if (!iterator) return false;
    while (Ref<> element = steal(PyIter_Next(iterator.get()))) {
      Ref<> dumped = Writer(version_).dump(element.get());
      Ref<> pair = dumped ? steal(PyTuple_Pack(2, dumped.get(), element.get())) : Ref<>();
      if (!pair || PyList_Append(pairs.get(), pair.get()) < 0) return false;
    }
    if (PyErr_Occurred() || PyList_Sort(pairs.get()) < 0) return false;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pairs.get()); ++i) {
      if (!write(PyTuple_GET_ITEM(PyList_GET_ITEM(pairs.get(), i), 1))) return false;
    }
    return true;
  }

  bool write(PyObject* value) {
    if (depth_ >= kMaxDepth || !native_stack_left()) {
      too_deep_ = true;
      return false;
    }
    ++depth_;
    bool ok = write_value(value);
    --depth_;
    return ok;
  }

  bool write_value(PyObject* value) {
    if (!value) return type('0', 0);
    if (value == Py_None) return type('N', 0);
    if (value == PyExc_StopIteration) return type('S', 0);
    if (value == Py_Ellipsis) return type('.', 0);
    if (value == Py_False) return type('F', 0);
    if (value == Py_True) return type('T', 0);
    int flag = 0;
    if (int known = reference(value, &flag)) return known > 0;
    if (PyLong_CheckExact(value)) return write_int(value, flag);
    if (PyFloat_CheckExact(value)) return type(version_ > 1 ? 'g' : 'f', flag) && write_double(PyFloat_AS_DOUBLE(value));
    if (PyComplex_CheckExact(value)) {
      return type(version_ > 1 ? 'y' : 'x', flag) && write_double(PyComplex_RealAsDouble(value)) && write_double(PyComplex_ImagAsDouble(value));
    }
    if (PyBytes_CheckExact(value)) return sized('s', flag, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
    if (PyUnicode_CheckExact(value)) return write_text(value, flag);
    if (PyTuple_CheckExact(value)) {
      Py_ssize_t n = PyTuple_GET_SIZE(value);
      bool head = version_ >= 4 && n < 256 ? type(')', flag) && number(static_cast<unsigned char>(n)) : type('(', flag) && number(static_cast<int32_t>(n));
      for (Py_ssize_t i = 0; head && i < n; ++i) head = write(PyTuple_GET_ITEM(value, i));
      return head;
    }
    if (PyList_CheckExact(value)) {
      bool ok = type('[', flag) && number(static_cast<int32_t>(PyList_GET_SIZE(value)));
      for (Py_ssize_t i = 0; ok && i < PyList_GET_SIZE(value); ++i) ok = write(PyList_GET_ITEM(value, i));
      return ok;
    }
    if (PyDict_CheckExact(value)) {
      bool ok = type('{', flag);
      Py_ssize_t position = 0;
      PyObject *key, *item;
      while (ok && PyDict_Next(value, &position, &key, &item)) ok = write(key) && write(item);
      return ok && type('0', 0);
    }
    if (PyAnySet_CheckExact(value)) return write_set(value, flag);
    if (PyCode_Check(value)) return write_code(reinterpret_cast<PyCodeObject*>(value), flag);
    if (PyObject_CheckBuffer(value)) {
      Py_buffer view;
      if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) < 0) return false;
      bool ok = sized('s', flag, static_cast<const char*>(view.buf), view.len);
      PyBuffer_Release(&view);
      return ok;
    }
    return false;
  }

  int version_;
  char* data_ = nullptr;
  Py_ssize_t size_ = 0, capacity_ = 0;
  Ref<> refs_;
  int depth_ = 0;
  bool too_deep_ = false;
};

// ---- the module -------------------------------------------------------------------------------------

// What programs that watch over code want to know of.
Ref<> dump(PyObject* value, int version) {
  if (PySys_Audit("marshal.dumps", "Oi", value, version) < 0) return failure;
  return Writer(version).dump(value);
}
Ref<> load(const char* data, Py_ssize_t size) {
  if (PySys_Audit("marshal.loads", "y#", data, size) < 0) return failure;
  if (Ref<> code = library_code(data, size)) return code;
  return Reader(data, size).read_top();
}

Ref<> marshal_dumps(PyObject*, PyObject* value, int version) { return dump(value, version); }
Ref<> marshal_dump(PyObject*, PyObject* value, PyObject* file, int version) {
  Ref<> bytes = TRY(dump(value, version));
  return steal(PyObject_CallMethodOneArg(file, name<"write">, bytes.get()));
}
Ref<> marshal_loads(PyObject*, BufferArgument bytes) { return load(bytes.data(), bytes.size()); }
Ref<> marshal_load(PyObject*, PyObject* file) {
  Ref<> probe = TRY(steal(PyObject_CallMethod(file, "read", "i", 0)));
  if (!PyBytes_Check(probe.get())) {
    return raise(PyExc_TypeError, "file.read() returned not bytes but %.100s", Py_TYPE(probe.get())->tp_name);
  }
  if (PySys_Audit("marshal.load", nullptr) < 0) return failure;
  return Reader(file).read_top();
}

const PyMethodDef kFunctions[] = {
    METHOD("dump($module, value, file, version=4, /)", marshal_dump, "Write the value on the open file."),
    METHOD("load($module, file, /)", marshal_load, "Read one value from the open file and return it."),
    METHOD("dumps($module, value, version=4, /)", marshal_dumps, "Return the bytes object that would be written to a file by dump(value, file)."),
    METHOD("loads($module, bytes, /)", marshal_loads, "Convert the bytes-like object to a value."),
    kEndOfMethods,
};
int execute(PyObject* module) { return PyModule_AddIntConstant(module, "version", Py_MARSHAL_VERSION); }
PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "marshal",
    .m_doc = "This module contains functions that can read and write Python values in\na binary format.",
    .m_size = 0,
    .m_methods = table(kFunctions),
    .m_slots = slots,
};

}  // namespace

// The published name.
PyMODINIT_FUNC PyMarshal_Init() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("marshal", PyMarshal_Init);

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyMarshal_ReadObjectFromString(const char* data, Py_ssize_t size) { return load(data, size).release(); }
PyObject* PyMarshal_WriteObjectToString(PyObject* value, int version) { return dump(value, version).release(); }

long PyMarshal_ReadLongFromFile(FILE* file) {
  int32_t value;
  if (fread(&value, sizeof(value), 1, file) != 1) {
    PyErr_SetString(PyExc_EOFError, "EOF read where not expected");
    return -1;
  }
  return value;
}
int PyMarshal_ReadShortFromFile(FILE* file) {
  int16_t value;
  if (fread(&value, sizeof(value), 1, file) != 1) {
    PyErr_SetString(PyExc_EOFError, "EOF read where not expected");
    return -1;
  }
  return value;
}
// Reads what is left of the file; the position afterwards is behind the value.
PyObject* PyMarshal_ReadObjectFromFile(FILE* file) {
  long start = ftell(file);
  fseek(file, 0, SEEK_END);
  long size = ftell(file) - start;
  fseek(file, start, SEEK_SET);
  char* data = static_cast<char*>(PyMem_Malloc(static_cast<size_t>(size > 0 ? size : 1)));
  if (!data) return PyErr_NoMemory();
  size_t n = fread(data, 1, static_cast<size_t>(size > 0 ? size : 0), file);
  Reader reader(data, static_cast<Py_ssize_t>(n));
  PyObject* value = reader.read_top().release();
  fseek(file, start + (reader.position() - data), SEEK_SET);
  PyMem_Free(data);
  return value;
}
PyObject* PyMarshal_ReadLastObjectFromFile(FILE* file) { return PyMarshal_ReadObjectFromFile(file); }
void PyMarshal_WriteLongToFile(long value, FILE* file, int) {
  auto small = static_cast<int32_t>(value);
  fwrite(&small, sizeof(small), 1, file);
}
void PyMarshal_WriteObjectToFile(PyObject* value, FILE* file, int version) {
  Ref<> bytes = Writer(version).dump(value);
  if (bytes) fwrite(PyBytes_AS_STRING(bytes.get()), 1, static_cast<size_t>(PyBytes_GET_SIZE(bytes.get())), file);
}

}  // extern "C"
