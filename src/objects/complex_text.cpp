// complex to text and back.
#include <cmath>
#include <cstring>

#include "objects/complex.h"

namespace gill {
namespace {

const char* skip_space(const char* p) {
  while (Py_ISSPACE(static_cast<unsigned char>(*p))) ++p;
  return p;
}
bool is_sign(char c) { return c == '+' || c == '-'; }
bool is_unit(char c) { return c == 'j' || c == 'J'; }

Failure malformed() { return raise(PyExc_ValueError, "complex() arg is a malformed string"); }

// Reads a double at `p`; *end is `p` when there is none. A failure is anything but a ValueError.
Status read_double(const char* p, const char** end, double* out) {
  char* stop = const_cast<char*>(p);
  *out = PyOS_string_to_double(p, &stop, nullptr);
  if (*out == -1.0 && PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) return failure;
    PyErr_Clear();
    stop = const_cast<char*>(p);
  }
  *end = stop;
  return Status::ok;
}

// number | number sign-number j | number sign j | number j | sign j | j, in parentheses or not.
PyObject* read_complex(const char* text, Py_ssize_t length, void* result) {
  const char* p = skip_space(text);
  bool parentheses = *p == '(';
  if (parentheses) p = skip_space(p + 1);
  double real = 0.0, imag = 0.0, first;
  const char* end;
  TRY(read_double(p, &end, &first));
  if (end != p) {
    p = end;
    if (is_sign(*p)) {
      real = first;
      TRY(read_double(p, &end, &imag));
      if (end != p) p = end;
      else imag = *p++ == '+' ? 1.0 : -1.0;
      if (!is_unit(*p)) return malformed();
      ++p;
    } else if (is_unit(*p)) {
      imag = first;
      ++p;
    } else {
      real = first;
    }
  } else {
    imag = 1.0;
    if (is_sign(*p)) imag = *p++ == '+' ? 1.0 : -1.0;
    if (!is_unit(*p)) return malformed();
    ++p;
  }
  p = skip_space(p);
  if (parentheses) {
    if (*p != ')') return malformed();
    p = skip_space(p + 1);
  }
  if (p - text != length) return malformed();
  *static_cast<Py_complex*>(result) = {real, imag};
  return none().release();
}

}  // namespace

Ref<> complex_to_text(Py_complex value) {
  bool imaginary_only = value.real == 0.0 && !std::signbit(value.real);
  char* imag = TRY(PyOS_double_to_string(value.imag, 'r', 0, imaginary_only ? 0 : Py_DTSF_SIGN, nullptr));
  Ref<> result;
  if (imaginary_only) {
    result = steal(PyUnicode_FromFormat("%sj", imag));
  } else if (char* real = PyOS_double_to_string(value.real, 'r', 0, 0, nullptr)) {
    result = steal(PyUnicode_FromFormat("(%s%sj)", real, imag));
    PyMem_Free(real);
  }
  PyMem_Free(imag);
  return result;
}

Maybe<Py_complex> complex_from_text(PyObject* text) {
  Ref<> ascii = TRY(steal(_PyUnicode_TransformDecimalAndSpaceToASCII(text)));
  Py_ssize_t length;
  const char* characters = TRY(PyUnicode_AsUTF8AndSize(ascii.get(), &length));
  Py_complex result;
  Ref<> done = TRY(steal(_Py_string_to_number_with_underscores(characters, length, "complex", text, &result, read_complex)));
  return result;
}

}  // namespace gill
