// PyUnicode_FromFormat: C-level formatting with Python objects among the conversions.
#include <cstdarg>
#include <cstdio>

#include "objects/str.h"

namespace gill {
namespace {

// One conversion specification, without its argument.
struct Conversion {
  bool zero = false;
  Py_ssize_t width = -1;
  Py_ssize_t precision = -1;
  enum { kInt, kLong, kLongLong, kSize } size = kInt;
  char code = 0;
};

Maybe<Py_ssize_t> read_number(const char*& p, const char* what) {
  Py_ssize_t n = 0;
  while (*p >= '0' && *p <= '9') {
    if (n > (PY_SSIZE_T_MAX - (*p - '0')) / 10) return raise(PyExc_ValueError, "%s too big", what);
    n = n * 10 + (*p++ - '0');
  }
  return n;
}

// Characters that are right-aligned in the width and cut at the precision.
Status put_text(_PyUnicodeWriter* out, PyObject* text, Py_ssize_t width, Py_ssize_t precision) {
  TRY(ensure_ready(text));
  Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  Py_ssize_t n = precision == -1 ? length : Py_MIN(precision, length);
  if (width <= n && n == length) return status_of(_PyUnicodeWriter_WriteStr(out, text));
  Py_ssize_t fill = width > n ? width - n : 0;
  U4 max = _PyUnicode_FindMaxChar(text, 0, n);
  TRY(status_of(_PyUnicodeWriter_Prepare(out, n + fill, Py_MAX(max, 127))));
  for (Py_ssize_t i = 0; i < fill; ++i) PyUnicode_WRITE(out->kind, out->data, out->pos + i, ' ');
  out->pos += fill;
  copy_characters(out->kind, out->data, out->pos, StrView(text), 0, n);
  out->pos += n;
  return Status::ok;
}

// UTF-8 text; the precision counts bytes, which need not have a terminator then.
Status put_c_text(_PyUnicodeWriter* out, const char* text, Py_ssize_t width, Py_ssize_t precision) {
  size_t n = precision == -1 ? std::strlen(text) : strnlen(text, static_cast<size_t>(precision));
  Ref<> decoded = TRY(steal(PyUnicode_DecodeUTF8Stateful(text, static_cast<Py_ssize_t>(n), "replace", nullptr)));
  return put_text(out, decoded.get(), width, -1);
}

Status put_digits(_PyUnicodeWriter* out, const char* digits, Py_ssize_t n, const Conversion& spec) {
  Py_ssize_t precision = Py_MAX(spec.precision, n);
  Py_ssize_t total = Py_MAX(precision, spec.width);
  TRY(status_of(_PyUnicodeWriter_Prepare(out, total, 127)));
  auto fill = [&](Py_ssize_t count, char c) {
    for (Py_ssize_t i = 0; i < count; ++i) PyUnicode_WRITE(out->kind, out->data, out->pos + i, c);
    out->pos += count;
  };
  if (spec.width > precision) fill(spec.width - precision, spec.zero ? '0' : ' ');
  fill(precision - n, '0');
  return status_of(_PyUnicodeWriter_WriteASCIIString(out, digits, n));
}

// The va_list is passed on through a pointer, because its type may be an array.
struct Arguments {
  va_list list;
};

Status put_conversion(_PyUnicodeWriter* out, const Conversion& spec, Arguments& args) {
  char digits[48];
  int n = 0;
  switch (spec.code) {
    case 'c': {
      int c = va_arg(args.list, int);
      if (c < 0 || c > 0x10ffff) return raise(PyExc_OverflowError, "character argument not in range(0x110000)");
      return status_of(_PyUnicodeWriter_WriteChar(out, static_cast<U4>(c)));
    }
    case 'd':
    case 'i':
      switch (spec.size) {
        case Conversion::kInt: n = std::snprintf(digits, sizeof digits, "%d", va_arg(args.list, int)); break;
        case Conversion::kLong: n = std::snprintf(digits, sizeof digits, "%ld", va_arg(args.list, long)); break;
        case Conversion::kLongLong: n = std::snprintf(digits, sizeof digits, "%lld", va_arg(args.list, long long)); break;
        case Conversion::kSize: n = std::snprintf(digits, sizeof digits, "%zd", va_arg(args.list, Py_ssize_t)); break;
      }
      return put_digits(out, digits, n, spec);
    case 'u':
    case 'x': {
      unsigned long long value = 0;
      switch (spec.size) {
        case Conversion::kInt: value = va_arg(args.list, unsigned); break;
        case Conversion::kLong: value = va_arg(args.list, unsigned long); break;
        case Conversion::kLongLong: value = va_arg(args.list, unsigned long long); break;
        case Conversion::kSize: value = va_arg(args.list, size_t); break;
      }
      n = std::snprintf(digits, sizeof digits, spec.code == 'u' ? "%llu" : "%llx", value);
      return put_digits(out, digits, n, spec);
    }
    case 'p':
      // The C library's form of a null pointer differs from platform to platform.
      n = std::snprintf(digits, sizeof digits, "0x%lx", reinterpret_cast<unsigned long>(va_arg(args.list, void*)));
      return put_digits(out, digits, n, Conversion{});
    case 's': return put_c_text(out, va_arg(args.list, const char*), spec.width, spec.precision);
    case 'U': return put_text(out, va_arg(args.list, PyObject*), spec.width, spec.precision);
    case 'V': {
      PyObject* object = va_arg(args.list, PyObject*);
      const char* text = va_arg(args.list, const char*);
      return object ? put_text(out, object, spec.width, spec.precision) : put_c_text(out, text, spec.width, spec.precision);
    }
    case 'S':
    case 'R':
    case 'A': {
      PyObject* object = va_arg(args.list, PyObject*);
      Ref<> text = TRY(steal(spec.code == 'S' ? PyObject_Str(object) : spec.code == 'R' ? PyObject_Repr(object) : PyObject_ASCII(object)));
      return put_text(out, text.get(), spec.width, spec.precision);
    }
    default: return Status::error;
  }
}

Status format(_PyUnicodeWriter* out, const char* f, Arguments& args) {
  while (*f) {
    const char* p = f;
    if (*f != '%') {
      while (*p && *p != '%') {
        if (static_cast<signed char>(*p) < 0) {
          return raise(PyExc_ValueError, "PyUnicode_FromFormatV() expects an ASCII-encoded format string, got a non-ASCII byte: 0x%02x",
                       static_cast<int>(static_cast<unsigned char>(*p)));
        }
        ++p;
      }
      if (!*p) out->overallocate = 0;
      TRY(status_of(_PyUnicodeWriter_WriteASCIIString(out, f, p - f)));
      f = p;
      continue;
    }
    Conversion spec;
    ++p;
    if (*p == '0') {
      spec.zero = true;
      ++p;
    }
    if (*p >= '0' && *p <= '9') spec.width = TRY(read_number(p, "width"));
    if (*p == '.') {
      ++p;
      if (*p >= '0' && *p <= '9') spec.precision = TRY(read_number(p, "precision"));
    }
    if ((*p == '%' && p == f + 1) || *p == 0) {
      // A lone "%" at the end stands for itself.
      if (*p) ++p;
      TRY(status_of(_PyUnicodeWriter_WriteChar(out, '%')));
      f = p;
      continue;
    }
    if (*p == 'l' && p[1] == 'l') {
      spec.size = Conversion::kLongLong;
      p += 2;
    } else if (*p == 'l') {
      spec.size = Conversion::kLong;
      ++p;
    } else if (*p == 'z') {
      spec.size = Conversion::kSize;
      ++p;
    }
    spec.code = *p;
    if (!*p || !std::strchr("cdiuxpsUVSRA", *p)) {
      // Nothing is known about the arguments from here on: the rest stands for itself.
      return status_of(_PyUnicodeWriter_WriteASCIIString(out, f, -1));
    }
    ++p;
    if (!*p) out->overallocate = 0;
    TRY(put_conversion(out, spec, args));
    f = p;
  }
  return Status::ok;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyUnicode_FromFormatV(const char* text, va_list list) {
  _PyUnicodeWriter out;
  _PyUnicodeWriter_Init(&out);
  out.min_length = static_cast<Py_ssize_t>(std::strlen(text)) + 100;
  out.overallocate = 1;
  Arguments args;
  va_copy(args.list, list);
  Status status = format(&out, text, args);
  va_end(args.list);
  if (status == Status::ok) return _PyUnicodeWriter_Finish(&out);
  _PyUnicodeWriter_Dealloc(&out);
  return nullptr;
}

PyObject* PyUnicode_FromFormat(const char* text, ...) {
  va_list list;
  va_start(list, text);
  PyObject* result = PyUnicode_FromFormatV(text, list);
  va_end(list);
  return result;
}

}  // extern "C"
