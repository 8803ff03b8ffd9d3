// Converts one format unit of PyArg_Parse*.
#include "capi/argument_format.h"

#include <cctype>
#include <climits>
#include <cstdio>
#include <cstring>
#include <cwchar>

namespace gill {

ConversionCleanup::ConversionCleanup(int capacity) {
  entries_ = capacity <= kInline ? inline_ : PyMem_New(Entry, capacity);
  if (!entries_) PyErr_NoMemory();
}

ConversionCleanup::~ConversionCleanup() {
  if (count_) {
    PyObject *et, *ev, *tb;
    PyErr_Fetch(&et, &ev, &tb);
    for (int i = 0; i < count_; ++i) {
      Entry& entry = entries_[i];
      if (entry.converter) entry.converter(nullptr, entry.pointer);
      else if (entry.view) PyBuffer_Release(entry.view);
      else PyMem_Free(entry.pointer);
    }
    PyErr_Restore(et, ev, tb);
  }
  if (entries_ && entries_ != inline_) PyMem_Free(entries_);
}

namespace {

// "function() argument 2, item 1 must be str, not int"
bool report(const ConversionPlace& place, const char* text, PyObject* error = nullptr) {
  if (PyErr_Occurred()) return false;
  if (place.message) {
    PyErr_SetString(PyExc_TypeError, place.message);
    return false;
  }
  char where[256];
  size_t used = 0;
  auto append = [&](const char* format, auto... values) {
    int n = snprintf(where + used, sizeof(where) - used, format, values...);
    if (n > 0) used += static_cast<size_t>(n) < sizeof(where) - used ? static_cast<size_t>(n) : sizeof(where) - used - 1;
  };
  if (place.function) append("%.200s() ", place.function);
  if (place.argument) {
    append("argument %d", place.argument);
    for (int i = 0; i < place.depth && used < 220; ++i) append(", item %d", place.items[i]);
  } else {
    append("%s", "argument");
  }
  PyErr_Format(error ? error : *text == '(' ? PyExc_SystemError : PyExc_TypeError, "%s %.256s", where, text);
  return false;
}

bool wrong_type(const ConversionPlace& place, const char* expected, PyObject* value) {
  if (PyErr_Occurred()) return false;
  char text[160];
  if (*expected == '(') snprintf(text, sizeof(text), "%.100s", expected);
  else snprintf(text, sizeof(text), "must be %.50s, not %.50s", expected, value == Py_None ? "None" : Py_TYPE(value)->tp_name);
  return report(place, text);
}

constexpr char kNotClean[] = "PY_SSIZE_T_CLEAN macro must be defined for '#' formats";

bool refuse_unclean(bool size_t_clean) {
  if (size_t_clean) return true;
  PyErr_SetString(PyExc_SystemError, kNotClean);
  return false;
}

template <class T>
T* next(VariableArguments& targets) { return va_arg(targets.list, T*); }

// A read-only, contiguous view; the message when there is none.
const char* readable_view(PyObject* value, Py_buffer* view) {
  if (PyObject_GetBuffer(value, view, PyBUF_SIMPLE) != 0) return "bytes-like object";
  if (!PyBuffer_IsContiguous(view, 'C')) {
    PyBuffer_Release(view);
    return "contiguous buffer";
  }
  return nullptr;
}

// For s#, y# and the like: the pointer outlives the view, so the object must not need a release.
const char* lasting_bytes(PyObject* value, const char** data, Py_ssize_t* size) {
  PyBufferProcs* procs = Py_TYPE(value)->tp_as_buffer;
  *data = nullptr;
  if (procs && procs->bf_releasebuffer) return "read-only bytes-like object";
  Py_buffer view;
  if (const char* problem = readable_view(value, &view)) return problem;
  *data = static_cast<const char*>(view.buf);
  *size = view.len;
  PyBuffer_Release(&view);
  return nullptr;
}

bool in_range(const ConversionPlace&, long value, long least, long most, const char* too_small, const char* too_big) {
  if (value < least) {
    PyErr_SetString(PyExc_OverflowError, too_small);
    return false;
  }
  if (value > most) {
    PyErr_SetString(PyExc_OverflowError, too_big);
    return false;
  }
  return true;
}

bool store_utf8(PyObject* value, const char** out, const char* expected, const ConversionPlace& place) {
  if (!PyUnicode_Check(value)) return wrong_type(place, expected, value);
  Py_ssize_t size;
  const char* text = PyUnicode_AsUTF8AndSize(value, &size);
  if (!text) return wrong_type(place, "(unicode conversion error)", value);
  if (std::strlen(text) != static_cast<size_t>(size)) {
    PyErr_SetString(PyExc_ValueError, "embedded null character");
    return false;
  }
  *out = text;
  return true;
}

// s s* s# z z* z#
bool convert_text(char code, PyObject* value, const char*& format, VariableArguments& targets, bool clean, const ConversionPlace& place, ConversionCleanup& cleanup) {
  bool optional = code == 'z';
  if (*format == '*') {
    ++format;
    auto* view = next<Py_buffer>(targets);
    if (optional && value == Py_None) {
      PyBuffer_FillInfo(view, nullptr, nullptr, 0, 1, 0);
    } else if (PyUnicode_Check(value)) {
      Py_ssize_t size;
      const char* text = PyUnicode_AsUTF8AndSize(value, &size);
      if (!text) return wrong_type(place, "(unicode conversion error)", value);
      PyBuffer_FillInfo(view, value, const_cast<char*>(text), size, 1, 0);
    } else if (const char* problem = readable_view(value, view)) {
      return wrong_type(place, problem, value);
    }
    cleanup.add_buffer(view);
    return true;
  }
  if (*format == '#') {
    ++format;
    auto** out = next<const char*>(targets);
    if (!refuse_unclean(clean)) return false;
    auto* size = next<Py_ssize_t>(targets);
    if (optional && value == Py_None) {
      *out = nullptr;
      *size = 0;
    } else if (PyUnicode_Check(value)) {
      *out = PyUnicode_AsUTF8AndSize(value, size);
      if (!*out) return wrong_type(place, "(unicode conversion error)", value);
    } else if (const char* problem = lasting_bytes(value, out, size)) {
      return wrong_type(place, problem, value);
    }
    return true;
  }
  auto** out = next<const char*>(targets);
  if (optional && value == Py_None) {
    *out = nullptr;
    return true;
  }
  return store_utf8(value, out, optional ? "str or None" : "str", place);
}

// y y* y#
bool convert_bytes(PyObject* value, const char*& format, VariableArguments& targets, bool clean, const ConversionPlace& place, ConversionCleanup& cleanup) {
  if (*format == '*') {
    ++format;
    auto* view = next<Py_buffer>(targets);
    if (const char* problem = readable_view(value, view)) return wrong_type(place, problem, value);
    cleanup.add_buffer(view);
    return true;
  }
  auto** out = next<const char*>(targets);
  bool with_size = *format == '#';
  Py_ssize_t size;
  Py_ssize_t* size_out = nullptr;
  if (with_size) {
    ++format;
    if (!refuse_unclean(clean)) return false;
    size_out = next<Py_ssize_t>(targets);
  }
  if (const char* problem = lasting_bytes(value, out, &size)) {
    if (PyErr_Occurred()) return false;
    return wrong_type(place, problem, value);
  }
  if (with_size) {
    *size_out = size;
  } else if (std::strlen(*out) != static_cast<size_t>(size)) {
    PyErr_SetString(PyExc_ValueError, "embedded null byte");
    return false;
  }
  return true;
}

// u u# Z Z#
bool convert_wide(char code, PyObject* value, const char*& format, VariableArguments& targets, bool clean, const ConversionPlace& place) {
  auto** out = next<Py_UNICODE*>(targets);
  bool with_size = *format == '#';
  if (with_size) ++format;
  if (with_size && !refuse_unclean(clean)) return false;
  Py_ssize_t* size_out = with_size ? next<Py_ssize_t>(targets) : nullptr;
  if (PyErr_WarnFormat(PyExc_DeprecationWarning, 1, "getargs: The '%c' format is deprecated. Use 'U' instead.", code) < 0) return false;
  if (code == 'Z' && value == Py_None) {
    *out = nullptr;
    if (size_out) *size_out = 0;
    return true;
  }
  if (!PyUnicode_Check(value)) return wrong_type(place, code == 'Z' ? "str or None" : "str", value);
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
  Py_ssize_t size;
  *out = PyUnicode_AsUnicodeAndSize(value, &size);
#pragma clang diagnostic pop
  if (!*out) return false;
  if (size_out) {
    *size_out = size;
  } else if (wcslen(*out) != static_cast<size_t>(size)) {
    PyErr_SetString(PyExc_ValueError, "embedded null character");
    return false;
  }
  return true;
}

// es et es# et#
bool convert_encoded(PyObject* value, const char*& format, VariableArguments& targets, bool clean, const ConversionPlace& place, ConversionCleanup& cleanup) {
  auto* encoding = va_arg(targets.list, const char*);
  if (!encoding) encoding = "utf-8";
  bool recode = *format == 's';
  if (*format != 's' && *format != 't') return wrong_type(place, "(unknown parser marker combination)", value);
  ++format;
  auto** out = next<char*>(targets);
  if (!out) return wrong_type(place, "(buffer is NULL)", value);
  Ref<> encoded;
  const char* data;
  Py_ssize_t size;
  if (!recode && PyBytes_Check(value)) {
    encoded = borrow(value);
    data = PyBytes_AS_STRING(value);
    size = PyBytes_GET_SIZE(value);
  } else if (!recode && PyByteArray_Check(value)) {
    encoded = borrow(value);
    data = PyByteArray_AS_STRING(value);
    size = PyByteArray_GET_SIZE(value);
  } else if (PyUnicode_Check(value)) {
    encoded = steal(PyUnicode_AsEncodedString(value, encoding, nullptr));
    if (!encoded) return wrong_type(place, "(encoding failed)", value);
    data = PyBytes_AS_STRING(encoded.get());
    size = PyBytes_GET_SIZE(encoded.get());
  } else {
    return wrong_type(place, recode ? "str" : "str, bytes or bytearray", value);
  }
  if (*format == '#') {
    ++format;
    if (!refuse_unclean(clean)) return false;
    auto* capacity = next<Py_ssize_t>(targets);
    if (!capacity) return wrong_type(place, "(buffer_len is NULL)", value);
    if (!*out) {
      *out = PyMem_New(char, size + 1);
      if (!*out) {
        PyErr_NoMemory();
        return false;
      }
      cleanup.add_allocation(*out);
    } else if (size + 1 > *capacity) {
      PyErr_Format(PyExc_ValueError, "encoded string too long (%zd, maximum length %zd)", size, *capacity - 1);
      return false;
    }
    std::memcpy(*out, data, static_cast<size_t>(size) + 1);
    *capacity = size;
    return true;
  }
  if (std::strlen(data) != static_cast<size_t>(size)) return wrong_type(place, "encoded string without null bytes", value);
  *out = PyMem_New(char, size + 1);
  if (!*out) {
    PyErr_NoMemory();
    return false;
  }
  cleanup.add_allocation(*out);
  std::memcpy(*out, data, static_cast<size_t>(size) + 1);
  return true;
}

// O O! O&
bool convert_object(PyObject* value, const char*& format, VariableArguments& targets, const ConversionPlace& place, ConversionCleanup& cleanup) {
  if (*format == '!') {
    ++format;
    auto* type = va_arg(targets.list, PyTypeObject*);
    auto** out = next<PyObject*>(targets);
    if (!PyType_IsSubtype(Py_TYPE(value), type)) return wrong_type(place, type->tp_name, value);
    *out = value;
    return true;
  }
  if (*format == '&') {
    ++format;
    using Converter = int (*)(PyObject*, void*);
    auto converter = va_arg(targets.list, Converter);
    void* target = va_arg(targets.list, void*);
    int result = converter(value, target);
    if (!result) return wrong_type(place, "(unspecified)", value);
    if (result == Py_CLEANUP_SUPPORTED) cleanup.add_converter(converter, target);
    return true;
  }
  *next<PyObject*>(targets) = value;
  return true;
}

bool convert_simple(PyObject* value, const char*& format, VariableArguments& targets, bool clean, const ConversionPlace& place, ConversionCleanup& cleanup) {
  char code = *format++;
  switch (code) {
    case 'b': {
      auto* out = next<unsigned char>(targets);
      long number = PyLong_AsLong(value);
      if (number == -1 && PyErr_Occurred()) return false;
      if (!in_range(place, number, 0, UCHAR_MAX, "unsigned byte integer is less than minimum", "unsigned byte integer is greater than maximum")) return false;
      *out = static_cast<unsigned char>(number);
      return true;
    }
    case 'B': {
      auto* out = next<unsigned char>(targets);
      unsigned long number = PyLong_AsUnsignedLongMask(value);
      if (number == static_cast<unsigned long>(-1) && PyErr_Occurred()) return false;
      *out = static_cast<unsigned char>(number);
      return true;
    }
    case 'h': {
      auto* out = next<short>(targets);
      long number = PyLong_AsLong(value);
      if (number == -1 && PyErr_Occurred()) return false;
      if (!in_range(place, number, SHRT_MIN, SHRT_MAX, "signed short integer is less than minimum", "signed short integer is greater than maximum")) return false;
      *out = static_cast<short>(number);
      return true;
    }
    case 'H': {
      auto* out = next<unsigned short>(targets);
      unsigned long number = PyLong_AsUnsignedLongMask(value);
      if (number == static_cast<unsigned long>(-1) && PyErr_Occurred()) return false;
      *out = static_cast<unsigned short>(number);
      return true;
    }
    case 'i': {
      auto* out = next<int>(targets);
      long number = PyLong_AsLong(value);
      if (number == -1 && PyErr_Occurred()) return false;
      if (!in_range(place, number, INT_MIN, INT_MAX, "signed integer is less than minimum", "signed integer is greater than maximum")) return false;
      *out = static_cast<int>(number);
      return true;
    }
    case 'I': {
      auto* out = next<unsigned int>(targets);
      unsigned long number = PyLong_AsUnsignedLongMask(value);
      if (number == static_cast<unsigned long>(-1) && PyErr_Occurred()) return false;
      *out = static_cast<unsigned int>(number);
      return true;
    }
    case 'n': {
      auto* out = next<Py_ssize_t>(targets);
      Ref<> index = steal(_PyNumber_Index(value));
      if (!index) return false;
      Py_ssize_t number = PyLong_AsSsize_t(index.get());
      if (number == -1 && PyErr_Occurred()) return false;
      *out = number;
      return true;
    }
    case 'l': {
      auto* out = next<long>(targets);
      long number = PyLong_AsLong(value);
      if (number == -1 && PyErr_Occurred()) return false;
      *out = number;
      return true;
    }
    case 'k': {
      auto* out = next<unsigned long>(targets);
      if (!PyLong_Check(value)) return wrong_type(place, "int", value);
      *out = PyLong_AsUnsignedLongMask(value);
      return true;
    }
    case 'L': {
      auto* out = next<long long>(targets);
      long long number = PyLong_AsLongLong(value);
      if (number == -1 && PyErr_Occurred()) return false;
      *out = number;
      return true;
    }
    case 'K': {
      auto* out = next<unsigned long long>(targets);
      if (!PyLong_Check(value)) return wrong_type(place, "int", value);
      *out = PyLong_AsUnsignedLongLongMask(value);
      return true;
    }
    case 'f':
    case 'd': {
      void* out = va_arg(targets.list, void*);
      double number = PyFloat_AsDouble(value);
      if (number == -1.0 && PyErr_Occurred()) return false;
      if (code == 'f') *static_cast<float*>(out) = static_cast<float>(number);
      else *static_cast<double*>(out) = number;
      return true;
    }
    case 'D': {
      auto* out = next<Py_complex>(targets);
      Py_complex number = PyComplex_AsCComplex(value);
      if (PyErr_Occurred()) return false;
      *out = number;
      return true;
    }
    case 'c': {
      auto* out = next<char>(targets);
      if (PyBytes_Check(value) && PyBytes_GET_SIZE(value) == 1) *out = PyBytes_AS_STRING(value)[0];
      else if (PyByteArray_Check(value) && PyByteArray_GET_SIZE(value) == 1) *out = PyByteArray_AS_STRING(value)[0];
      else return wrong_type(place, "a byte string of length 1", value);
      return true;
    }
    case 'C': {
      auto* out = next<int>(targets);
      if (!PyUnicode_Check(value)) return wrong_type(place, "a unicode character", value);
      if (PyUnicode_READY(value) < 0) return false;
      if (PyUnicode_GET_LENGTH(value) != 1) return wrong_type(place, "a unicode character", value);
      *out = static_cast<int>(PyUnicode_READ_CHAR(value, 0));
      return true;
    }
    case 'p': {
      auto* out = next<int>(targets);
      int truth = PyObject_IsTrue(value);
      if (truth < 0) return false;
      *out = truth;
      return true;
    }
    case 'y': return convert_bytes(value, format, targets, clean, place, cleanup);
    case 's':
    case 'z': return convert_text(code, value, format, targets, clean, place, cleanup);
    case 'u':
    case 'Z': return convert_wide(code, value, format, targets, clean, place);
    case 'e': return convert_encoded(value, format, targets, clean, place, cleanup);
    case 'S': {
      auto** out = next<PyObject*>(targets);
      if (!PyBytes_Check(value)) return wrong_type(place, "bytes", value);
      *out = value;
      return true;
    }
    case 'Y': {
      auto** out = next<PyObject*>(targets);
      if (!PyByteArray_Check(value)) return wrong_type(place, "bytearray", value);
      *out = value;
      return true;
    }
    case 'U': {
      auto** out = next<PyObject*>(targets);
      if (!PyUnicode_Check(value)) return wrong_type(place, "str", value);
      *out = value;
      return true;
    }
    case 'O': return convert_object(value, format, targets, place, cleanup);
    case 'w': {
      if (*format != '*') return wrong_type(place, "(invalid use of 'w' format character)", value);
      ++format;
      auto* view = next<Py_buffer>(targets);
      if (PyObject_GetBuffer(value, view, PyBUF_WRITABLE) < 0) {
        PyErr_Clear();
        return wrong_type(place, "read-write bytes-like object", value);
      }
      if (!PyBuffer_IsContiguous(view, 'C')) {
        PyBuffer_Release(view);
        return wrong_type(place, "contiguous buffer", value);
      }
      cleanup.add_buffer(view);
      return true;
    }
    default: return wrong_type(place, "(impossible<bad format char>)", value);
  }
}

// "(ii)": a sequence of exactly that many items.
bool convert_tuple(PyObject* value, const char*& format, VariableArguments& targets, bool clean, ConversionPlace& place, ConversionCleanup& cleanup) {
  int count = 0, level = 0;
  for (const char* at = format;; ++at) {
    char c = *at;
    if (c == '(') {
      if (level++ == 0) ++count;
    } else if (c == ')') {
      if (level-- == 0) break;
    } else if (c == ':' || c == ';' || c == 0) {
      break;
    } else if (level == 0 && std::isalpha(static_cast<unsigned char>(c))) {
      // "es" and "et" are one unit.
      if (c == 'e' && (at[1] == 's' || at[1] == 't')) ++at;
      ++count;
    }
  }
  char text[128];
  if (!PySequence_Check(value) || PyBytes_Check(value)) {
    snprintf(text, sizeof(text), "must be %d-item sequence, not %.50s", count, value == Py_None ? "None" : Py_TYPE(value)->tp_name);
    return report(place, text);
  }
  Py_ssize_t length = PySequence_Size(value);
  if (length != count) {
    if (length < 0) PyErr_Clear();
    snprintf(text, sizeof(text), "must be sequence of length %d, not %zd", count, length);
    return report(place, text);
  }
  int depth = place.depth;
  for (int i = 0; i < count; ++i) {
    Ref<> item = steal(PySequence_GetItem(value, i));
    if (depth < 8) {
      place.items[depth] = i + 1;
      place.depth = depth + 1;
    }
    if (!item) {
      PyErr_Clear();
      return report(place, "is not retrievable");
    }
    // The caller's variables borrow: the sequence must keep the item alive.
    if (!convert_unit(item.get(), format, targets, clean, place, cleanup)) return false;
  }
  place.depth = depth;
  return true;
}

}  // namespace

bool convert_unit(PyObject* value, const char*& format, VariableArguments& targets, bool clean, ConversionPlace& place, ConversionCleanup& cleanup) {
  if (*format == '(') {
    ++format;
    if (!convert_tuple(value, format, targets, clean, place, cleanup)) return false;
    ++format;  // ')'
    return true;
  }
  if (convert_simple(value, format, targets, clean, place, cleanup)) return true;
  if (!PyErr_Occurred()) report(place, "");
  return false;
}

const char* skip_unit(const char*& format, VariableArguments* targets, bool clean) {
  auto skip_pointer = [&] {
    if (targets) (void)va_arg(targets->list, void*);
  };
  char code = *format++;
  switch (code) {
    case 'b': case 'B': case 'h': case 'H': case 'i': case 'I': case 'l': case 'k': case 'L': case 'K':
    case 'n': case 'f': case 'd': case 'D': case 'c': case 'C': case 'p': case 'S': case 'Y': case 'U':
      skip_pointer();
      return nullptr;
    case 'e':
      skip_pointer();  // the encoding
      if (*format != 's' && *format != 't') return "impossible<bad format char>";
      ++format;
      [[fallthrough]];
    case 's': case 'z': case 'y': case 'u': case 'Z': case 'w':
      skip_pointer();
      if (*format == '#') {
        if (!clean) return kNotClean;
        skip_pointer();
        ++format;
      } else if ((code == 's' || code == 'z' || code == 'y' || code == 'w') && *format == '*') {
        ++format;
      }
      return nullptr;
    case 'O':
      if (*format == '!') {
        ++format;
        skip_pointer();
        skip_pointer();
      } else if (*format == '&') {
        ++format;
        skip_pointer();
        skip_pointer();
      } else {
        skip_pointer();
      }
      return nullptr;
    case '(':
      while (*format != ')') {
        if (!*format || *format == ':' || *format == ';') return "Unmatched left paren in format string";
        if (const char* problem = skip_unit(format, targets, clean)) return problem;
      }
      ++format;
      return nullptr;
    case ')': return "Unmatched right paren in format string";
    default: return "impossible<bad format char>";
  }
}

}  // namespace gill
