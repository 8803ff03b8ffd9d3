// The functions of many numbers: sums and products, distances.
#include <cfloat>
#include <cmath>
#include <limits>

#include "base/names.h"
#include "modules/math/math_module.h"

namespace gill::math {
namespace {

// A growing array of doubles, at first on the stack.
class Doubles {
 public:
  Doubles() = default;
  Doubles(const Doubles&) = delete;
  ~Doubles() {
    if (items_ != inline_) PyMem_Free(items_);
  }
  Status reserve(Py_ssize_t n) {
    if (n <= room_) return Status::ok;
    double* larger = items_ == inline_ ? nullptr : items_;
    if (static_cast<size_t>(n) > PY_SSIZE_T_MAX / sizeof(double) || !(larger = PyMem_Resize(larger, double, n))) {
      PyErr_NoMemory();
      return Status::error;
    }
    if (items_ == inline_) std::copy_n(inline_, kInline, larger);
    items_ = larger;
    room_ = n;
    return Status::ok;
  }
  Status append(double x) {
    if (size == room_) TRY(reserve(2 * room_));
    items_[size++] = x;
    return Status::ok;
  }
  double& operator[](Py_ssize_t i) { return items_[i]; }
  Py_ssize_t size = 0;

 private:
  static constexpr Py_ssize_t kInline = 32;
  double inline_[kInline];
  double* items_ = inline_;
  Py_ssize_t room_ = kInline;
};

Maybe<double> coordinate(PyObject* object) {
  if (PyFloat_CheckExact(object)) return PyFloat_AS_DOUBLE(object);
  if (PyLong_CheckExact(object)) return checked(PyLong_AsDouble(object));
  return checked(PyFloat_AsDouble(object));
}

// sqrt(sum(x**2)) of finite numbers of which the largest is `most`. They are scaled by a power of two, which is
// exact; squares and their sum are carried in two doubles; one step of Newton's corrects the root.
double norm(Doubles& values, double most) {
  int exponent;
  std::frexp(most, &exponent);
  // 2**-exponent would overflow for subnormals: scale in two steps.
  int first = std::min(-exponent, 1000), second = -exponent - first;
  double scale = std::ldexp(1.0, first), more = std::ldexp(1.0, second);
  double high = 0.0, low = 0.0;
  for (Py_ssize_t i = 0; i < values.size; ++i) {
    double x = values[i] * scale * more;
    double square = x * x;
    double square_rest = std::fma(x, x, -square);
    double sum = high + square;
    double back = sum - high;
    low += ((high - (sum - back)) + (square - back)) + square_rest;
    high = sum;
  }
  double total = high + low;
  double rest = low - (total - high);
  double root = std::sqrt(total);
  // What root**2 misses of the sum.
  double error = std::fma(-root, root, total) + rest;
  root += error / (2.0 * root);
  return std::ldexp(root, exponent);
}

// What is not finite, or not there, decides; else the norm.
double length_of(Doubles& values, double most, bool found_nan) {
  if (std::isinf(most)) return most;
  if (found_nan) return std::numeric_limits<double>::quiet_NaN();
  if (most == 0.0 || values.size <= 1) return most;
  return norm(values, most);
}

Ref<> as_tuple(PyObject* points) { return PyTuple_Check(points) ? borrow(points) : steal(PySequence_Tuple(points)); }

}  // namespace

Maybe<double> hypot(PyObject*, Args coordinates) {
  Doubles values;
  TRY(values.reserve(coordinates.count));
  double most = 0.0;
  bool found_nan = false;
  for (PyObject* object : coordinates) {
    double x = std::fabs(TRY(coordinate(object)));
    TRY(values.append(x));
    found_nan |= std::isnan(x);
    if (x > most) most = x;
  }
  return length_of(values, most, found_nan);
}

Maybe<double> dist(PyObject*, PyObject* p, PyObject* q) {
  Ref<> from = TRY(as_tuple(p)), to = TRY(as_tuple(q));
  Py_ssize_t n = PyTuple_GET_SIZE(from.get());
  if (n != PyTuple_GET_SIZE(to.get())) return raise(PyExc_ValueError, "both points must have the same number of dimensions");
  Doubles values;
  TRY(values.reserve(n));
  double most = 0.0;
  bool found_nan = false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    double a = TRY(coordinate(PyTuple_GET_ITEM(from.get(), i)));
    double b = TRY(coordinate(PyTuple_GET_ITEM(to.get(), i)));
    double x = std::fabs(a - b);
    TRY(values.append(x));
    found_nan |= std::isnan(x);
    if (x > most) most = x;
  }
  return length_of(values, most, found_nan);
}

// The exact sum as numbers that do not overlap (Shewchuk), rounded once at the end.
Ref<> fsum(PyObject*, PyObject* seq) {
  Ref<> iterator = TRY(steal(PyObject_GetIter(seq)));
  Doubles parts;  // in order of size
  double special_sum = 0.0, infinite_sum = 0.0;
  while (true) {
    Ref<> item = steal(PyIter_Next(iterator.get()));
    if (!item) {
      if (PyErr_Occurred()) return failure;
      break;
    }
    double x = TRY(coordinate(item.get()));
    double given = x;
    Py_ssize_t kept = 0;
    for (Py_ssize_t i = 0; i < parts.size; ++i) {
      double y = parts[i];
      if (std::fabs(x) < std::fabs(y)) std::swap(x, y);
      double high = x + y;
      double low = y - (high - x);
      if (low != 0.0) parts[kept++] = low;
      x = high;
    }
    parts.size = kept;
    if (x == 0.0) continue;
    if (std::isfinite(x)) {
      TRY(parts.append(x));
      continue;
    }
    if (std::isfinite(given)) return raise(PyExc_OverflowError, "intermediate overflow in fsum");
    if (std::isinf(given)) infinite_sum += given;
    special_sum += given;
    parts.size = 0;
  }
  if (special_sum != 0.0) {
    if (std::isnan(infinite_sum)) return raise(PyExc_ValueError, "-inf + inf in fsum");
    return steal(PyFloat_FromDouble(special_sum));
  }
  double high = 0.0;
  Py_ssize_t n = parts.size;
  if (n > 0) {
    high = parts[--n];
    double low = 0.0;
    while (n > 0) {
      double x = high, y = parts[--n];
      high = x + y;
      low = y - (high - x);
      if (low != 0.0) break;
    }
    // A tie goes where the remaining parts pull.
    if (n > 0 && ((low < 0.0 && parts[n - 1] < 0.0) || (low > 0.0 && parts[n - 1] > 0.0))) {
      double twice = low * 2.0;
      double x = high + twice;
      if (twice == x - high) high = x;
    }
  }
  return steal(PyFloat_FromDouble(high));
}

// Machine numbers as long as they last, then whatever the objects do.
Ref<> prod(PyObject*, PyObject* iterable, PyObject* start) {
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  Ref<> result = start ? borrow(start) : TRY(steal(PyLong_FromLong(1)));
  auto next = [&]() { return steal(PyIter_Next(iterator.get())); };
  Ref<> item;
  int overflow;
  if (PyLong_CheckExact(result.get())) {
    long product = PyLong_AsLongAndOverflow(result.get(), &overflow);
    if (!overflow) {
      while ((item = next())) {
        if (!PyLong_CheckExact(item.get())) break;
        long factor = PyLong_AsLongAndOverflow(item.get(), &overflow);
        if (overflow || __builtin_mul_overflow(product, factor, &factor)) break;
        product = factor;
      }
      if (!item && PyErr_Occurred()) return failure;
      result = TRY(steal(PyLong_FromLong(product)));
      if (!item) return result;
      result = TRY(steal(PyNumber_Multiply(result.get(), item.get())));
    }
  }
  if (PyFloat_CheckExact(result.get())) {
    double product = PyFloat_AS_DOUBLE(result.get());
    while ((item = next())) {
      if (PyFloat_CheckExact(item.get())) {
        product *= PyFloat_AS_DOUBLE(item.get());
        continue;
      }
      if (!PyLong_CheckExact(item.get())) break;
      long factor = PyLong_AsLongAndOverflow(item.get(), &overflow);
      if (overflow) break;
      product *= static_cast<double>(factor);
    }
    if (!item && PyErr_Occurred()) return failure;
    result = TRY(steal(PyFloat_FromDouble(product)));
    if (!item) return result;
    result = TRY(steal(PyNumber_Multiply(result.get(), item.get())));
  }
  while ((item = next())) result = TRY(steal(PyNumber_Multiply(result.get(), item.get())));
  if (PyErr_Occurred()) return failure;
  return result;
}

}  // namespace gill::math
