// The type codes: how an item of each is read, written and compared.
#include <cstring>

#include "modules/array/array.h"

namespace gill::array {
namespace {

template <class T>
T& item(ArrayObject* self, Py_ssize_t i) { return reinterpret_cast<T*>(self->items)[i]; }

template <class T>
PyObject* get_integer(ArrayObject* self, Py_ssize_t i) {
  if constexpr (std::is_signed_v<T>) return PyLong_FromLongLong(item<T>(self, i));
  else return PyLong_FromUnsignedLongLong(item<T>(self, i));
}

template <class T>
int store(ArrayObject* self, Py_ssize_t i, T value) {
  if (i < 0) return 0;
  // The conversion may have run code that made the array shorter.
  if (i >= length_of(self)) return raise(PyExc_IndexError, "array assignment index out of range");
  item<T>(self, i) = value;
  return 0;
}

// The C number that an argument of format `code` gives; the messages are those of PyArg_Parse.
template <class Parsed>
bool parse(PyObject* value, const char* format, Parsed* out) { return PyArg_Parse(value, format, out); }

int set_char(ArrayObject* self, Py_ssize_t i, PyObject* value) {
  short x;
  if (!parse(value, "h;array item must be integer", &x)) return -1;
  if (x < -128) return raise(PyExc_OverflowError, "signed char is less than minimum");
  if (x > 127) return raise(PyExc_OverflowError, "signed char is greater than maximum");
  return store(self, i, static_cast<int8_t>(x));
}
int set_unsigned_short(ArrayObject* self, Py_ssize_t i, PyObject* value) {
  int x;
  if (!parse(value, "i;array item must be integer", &x)) return -1;
  if (x < 0) return raise(PyExc_OverflowError, "unsigned short is less than minimum");
  if (x > USHRT_MAX) return raise(PyExc_OverflowError, "unsigned short is greater than maximum");
  return store(self, i, static_cast<uint16_t>(x));
}

template <class T, char Code>
int set_parsed(ArrayObject* self, Py_ssize_t i, PyObject* value) {
  if (PyLong_CheckExact(value)) [[likely]] {
    int overflow;
    long long x = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (!overflow && std::in_range<T>(x)) return store(self, i, static_cast<T>(x));
  }
  static constexpr char format[] = {Code, ';', 'a', 'r', 'r', 'a', 'y', ' ', 'i', 't', 'e', 'm', ' ', 'm', 'u', 's', 't', ' ', 'b', 'e', ' ',
                                    'i', 'n', 't', 'e', 'g', 'e', 'r', 0};
  T x;
  if (!parse(value, format, &x)) return -1;
  return store(self, i, x);
}

Ref<> as_int(PyObject* value) { return PyLong_Check(value) ? borrow(value) : steal(_PyNumber_Index(value)); }

template <class T>
int set_unsigned(ArrayObject* self, Py_ssize_t i, PyObject* value) {
  Ref<> number = as_int(value);
  if (!number) return -1;
  if (_PyLong_Sign(number.get()) < 0) return raise(PyExc_OverflowError, "can't convert negative value to unsigned int");
  unsigned long x = PyLong_AsUnsignedLong(number.get());
  if (x == static_cast<unsigned long>(-1) && PyErr_Occurred()) return -1;
  if constexpr (sizeof(T) < sizeof(x)) {
    if (x > static_cast<T>(-1)) return raise(PyExc_OverflowError, "unsigned int is greater than maximum");
  }
  return store(self, i, static_cast<T>(x));
}
int set_unsigned_long_long(ArrayObject* self, Py_ssize_t i, PyObject* value) {
  Ref<> number = as_int(value);
  if (!number) return -1;
  if (_PyLong_Sign(number.get()) < 0) return raise(PyExc_OverflowError, "can't convert negative int to unsigned");
  unsigned long long x = PyLong_AsUnsignedLongLong(number.get());
  if (x == static_cast<unsigned long long>(-1) && PyErr_Occurred()) return -1;
  return store(self, i, x);
}

template <class T>
PyObject* get_real(ArrayObject* self, Py_ssize_t i) { return PyFloat_FromDouble(item<T>(self, i)); }
template <class T>
int set_real(ArrayObject* self, Py_ssize_t i, PyObject* value) {
  double x = PyFloat_AsDouble(value);
  if (x == -1.0 && PyErr_Occurred()) return -1;
  return store(self, i, static_cast<T>(x));
}

PyObject* get_character(ArrayObject* self, Py_ssize_t i) { return PyUnicode_FromOrdinal(static_cast<int>(item<wchar_t>(self, i))); }
int set_character(ArrayObject* self, Py_ssize_t i, PyObject* value) {
  if (!PyUnicode_Check(value) || PyUnicode_READY(value) < 0 || PyUnicode_GET_LENGTH(value) != 1) {
    if (PyErr_Occurred()) return -1;
    return raise(PyExc_TypeError, "array item must be unicode character");
  }
  return store(self, i, static_cast<wchar_t>(PyUnicode_READ_CHAR(value, 0)));
}

template <class T>
int compare(const char* a, const char* b, Py_ssize_t n) {
  auto *x = reinterpret_cast<const T*>(a), *y = reinterpret_cast<const T*>(b);
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return 0;
}

template <class T>
constexpr Descriptor integer(char code, int (*set)(ArrayObject*, Py_ssize_t, PyObject*)) {
  return {code, sizeof(T), get_integer<T>, set, compare<T>, true, std::is_signed_v<T>};
}

constexpr Descriptor kDescriptors[] = {
    integer<int8_t>('b', set_char),
    integer<uint8_t>('B', set_parsed<uint8_t, 'b'>),
    {'u', sizeof(wchar_t), get_character, set_character, compare<wchar_t>, false, false},
    integer<short>('h', set_parsed<short, 'h'>),
    integer<unsigned short>('H', set_unsigned_short),
    integer<int>('i', set_parsed<int, 'i'>),
    integer<unsigned int>('I', set_unsigned<unsigned int>),
    integer<long>('l', set_parsed<long, 'l'>),
    integer<unsigned long>('L', set_unsigned<unsigned long>),
    integer<long long>('q', set_parsed<long long, 'L'>),
    integer<unsigned long long>('Q', set_unsigned_long_long),
    {'f', sizeof(float), get_real<float>, set_real<float>, nullptr, false, false},
    {'d', sizeof(double), get_real<double>, set_real<double>, nullptr, false, false},
};

}  // namespace

const Descriptor* descriptors_begin() { return std::begin(kDescriptors); }
const Descriptor* descriptors_end() { return std::end(kDescriptors); }
const Descriptor* find_descriptor(int code) {
  for (const Descriptor& descriptor : kDescriptors) {
    if (descriptor.code == code) return &descriptor;
  }
  return nullptr;
}

}  // namespace gill::array
