// Points in time and durations as 64-bit counts of nanoseconds: conversion from and to Python numbers and the system's structures,
// and the clocks. What does not fit is clamped where there is nobody to tell, else an OverflowError.
#include <Python.h>
#include <sys/time.h>

#include <cerrno>
#include <climits>
#include <cmath>
#include <ctime>

#include "base/ref.h"
#include "base/result.h"

namespace gill {
namespace {

inline constexpr _PyTime_t kSecond = 1'000'000'000;
inline constexpr _PyTime_t kMillisecond = 1'000'000;
inline constexpr _PyTime_t kMicrosecond = 1'000;

Failure time_t_overflow() { return raise(PyExc_OverflowError, "timestamp out of range for platform time_t"); }
Failure timestamp_overflow() { return raise(PyExc_OverflowError, "timestamp too large to convert to C _PyTime_t"); }
Failure not_a_number() { return raise(PyExc_ValueError, "Invalid value NaN (not a number)"); }

double round_double(double x, _PyTime_round_t mode) {
  // Extended precision would round twice.
  volatile double value = x;
  switch (mode) {
    case _PyTime_ROUND_HALF_EVEN: {
      double rounded = std::round(value);
      if (std::fabs(value - rounded) == 0.5) rounded = 2.0 * std::round(value / 2.0);
      return rounded;
    }
    case _PyTime_ROUND_CEILING: return std::ceil(value);
    case _PyTime_ROUND_FLOOR: return std::floor(value);
    default: return value >= 0.0 ? std::ceil(value) : std::floor(value);
  }
}

// t / k; k is positive.
_PyTime_t divide(_PyTime_t t, _PyTime_t k, _PyTime_round_t mode) {
  _PyTime_t quotient = t / k, rest = t % k;
  if (rest == 0) return quotient;
  switch (mode) {
    case _PyTime_ROUND_HALF_EVEN: {
      _PyTime_t size = rest < 0 ? -rest : rest;
      bool away = size > k / 2 || (size == k / 2 && (quotient & 1));
      return quotient + (away ? (t >= 0 ? 1 : -1) : 0);
    }
    case _PyTime_ROUND_CEILING: return quotient + (t > 0);
    case _PyTime_ROUND_FLOOR: return quotient - (t < 0);
    default: return quotient + (t > 0 ? 1 : -1);
  }
}

bool fits(double x) { return x >= static_cast<double>(INT64_MIN) && x < -static_cast<double>(INT64_MIN); }

_PyTime_t add_clamped(_PyTime_t a, _PyTime_t b) {
  _PyTime_t sum;
  return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? _PyTime_MAX : _PyTime_MIN) : sum;
}
bool multiply_clamped(_PyTime_t* t, _PyTime_t k) {
  _PyTime_t product;
  if (!__builtin_mul_overflow(*t, k, &product)) {
    *t = product;
    return true;
  }
  *t = (*t < 0) == (k < 0) ? _PyTime_MAX : _PyTime_MIN;
  return false;
}

// Whole units and a fraction in [0, denominator) of a number of seconds.
Status split_seconds(PyObject* number, time_t* seconds, long* fraction, long denominator, _PyTime_round_t mode) {
  if (!PyFloat_Check(number)) {
    *seconds = _PyLong_AsTime_t(number);
    *fraction = 0;
    return *seconds == -1 && PyErr_Occurred() ? Status::error : Status::ok;
  }
  double value = PyFloat_AS_DOUBLE(number);
  if (std::isnan(value)) {
    *fraction = 0;
    return not_a_number();
  }
  double whole;
  double part = round_double(std::modf(value, &whole) * static_cast<double>(denominator), mode);
  if (part >= static_cast<double>(denominator)) {
    part -= static_cast<double>(denominator);
    whole += 1.0;
  } else if (part < 0) {
    part += static_cast<double>(denominator);
    whole -= 1.0;
  }
  if (!fits(whole)) return time_t_overflow();
  *seconds = static_cast<time_t>(whole);
  *fraction = static_cast<long>(part);
  return Status::ok;
}

Status from_object(_PyTime_t* t, PyObject* number, _PyTime_round_t mode, _PyTime_t unit) {
  if (PyFloat_Check(number)) {
    double value = PyFloat_AS_DOUBLE(number);
    if (std::isnan(value)) return not_a_number();
    value = round_double(value * static_cast<double>(unit), mode);
    if (!fits(value)) return timestamp_overflow();
    *t = static_cast<_PyTime_t>(value);
    return Status::ok;
  }
  long long whole = PyLong_AsLongLong(number);
  if (whole == -1 && PyErr_Occurred()) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) return timestamp_overflow();
    return Status::error;
  }
  *t = whole;
  if (!multiply_clamped(t, unit)) return timestamp_overflow();
  return Status::ok;
}

// Seconds and a non-negative rest in a smaller unit.
void split(_PyTime_t t, _PyTime_t per_second, _PyTime_t* seconds, _PyTime_t* rest) {
  *seconds = t / per_second;
  *rest = t % per_second;
  if (*rest < 0) {
    *rest += per_second;
    --*seconds;
  }
}

// False when it had to be clamped.
bool from_parts(_PyTime_t* t, _PyTime_t seconds, _PyTime_t nanoseconds) {
  *t = seconds;
  bool ok = multiply_clamped(t, kSecond);
  _PyTime_t sum = add_clamped(*t, nanoseconds);
  ok = ok && sum - nanoseconds == *t;
  *t = sum;
  return ok;
}

Status read_clock(clockid_t clock, _PyTime_t* t, _Py_clock_info_t* info, const char* implementation, bool monotonic) {
  timespec now;
  if (clock_gettime(clock, &now) != 0) return PyErr_SetFromErrno(PyExc_OSError), Status::error;
  if (!from_parts(t, now.tv_sec, now.tv_nsec) && info) return timestamp_overflow();
  if (info) {
    timespec resolution;
    bool known = clock_getres(clock, &resolution) == 0;
    *info = {implementation, monotonic, !monotonic, known ? static_cast<double>(resolution.tv_sec) + static_cast<double>(resolution.tv_nsec) * 1e-9 : 1e-9};
  }
  return Status::ok;
}

_PyTime_t quick_clock(clockid_t clock) {
  timespec now;
  _PyTime_t t = 0;
  if (clock_gettime(clock, &now) == 0) from_parts(&t, now.tv_sec, now.tv_nsec);
  return t;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

// ---- time_t -----------------------------------------------------------------------------------------------

PyObject* _PyLong_FromTime_t(time_t t) { return PyLong_FromLongLong(t); }
time_t _PyLong_AsTime_t(PyObject* object) {
  long long value = PyLong_AsLongLong(object);
  if (value == -1 && PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_OverflowError)) time_t_overflow();
  return value;
}

int _PyTime_ObjectToTime_t(PyObject* object, time_t* seconds, _PyTime_round_t mode) {
  if (!PyFloat_Check(object)) {
    *seconds = _PyLong_AsTime_t(object);
    return *seconds == -1 && PyErr_Occurred() ? -1 : 0;
  }
  double value = PyFloat_AS_DOUBLE(object);
  if (std::isnan(value)) return not_a_number();
  value = round_double(value, mode);
  if (!fits(value)) return time_t_overflow();
  *seconds = static_cast<time_t>(value);
  return 0;
}
int _PyTime_ObjectToTimeval(PyObject* object, time_t* seconds, long* microseconds, _PyTime_round_t mode) {
  return static_cast<int>(split_seconds(object, seconds, microseconds, 1'000'000, mode));
}
int _PyTime_ObjectToTimespec(PyObject* object, time_t* seconds, long* nanoseconds, _PyTime_round_t mode) {
  return static_cast<int>(split_seconds(object, seconds, nanoseconds, 1'000'000'000, mode));
}

// ---- making ---------------------------------------------------------------------------------------------

_PyTime_t _PyTime_FromSeconds(int seconds) { return static_cast<_PyTime_t>(seconds) * kSecond; }
_PyTime_t _PyTime_FromNanoseconds(_PyTime_t t) { return t; }
int _PyTime_FromNanosecondsObject(_PyTime_t* t, PyObject* object) {
  if (!PyLong_Check(object)) return raise(PyExc_TypeError, "expect int, got %s", Py_TYPE(object)->tp_name);
  long long value = PyLong_AsLongLong(object);
  if (value == -1 && PyErr_Occurred()) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) return timestamp_overflow();
    return -1;
  }
  *t = value;
  return 0;
}
int _PyTime_FromSecondsObject(_PyTime_t* t, PyObject* object, _PyTime_round_t mode) {
  return static_cast<int>(from_object(t, object, mode, kSecond));
}
int _PyTime_FromMillisecondsObject(_PyTime_t* t, PyObject* object, _PyTime_round_t mode) {
  return static_cast<int>(from_object(t, object, mode, kMillisecond));
}
int _PyTime_FromTimeval(_PyTime_t* t, timeval* tv) {
  if (!from_parts(t, tv->tv_sec, static_cast<_PyTime_t>(tv->tv_usec) * kMicrosecond)) return timestamp_overflow();
  return 0;
}
int _PyTime_FromTimespec(_PyTime_t* t, timespec* ts) {
  if (!from_parts(t, ts->tv_sec, ts->tv_nsec)) return timestamp_overflow();
  return 0;
}

// ---- using ----------------------------------------------------------------------------------------------

double _PyTime_AsSecondsDouble(_PyTime_t t) {
  // Whole seconds are exact that way.
  volatile double seconds = t % kSecond == 0 ? static_cast<double>(t / kSecond) : static_cast<double>(t) / 1e9;
  return seconds;
}
_PyTime_t _PyTime_AsMilliseconds(_PyTime_t t, _PyTime_round_t mode) { return divide(t, kMillisecond, mode); }
_PyTime_t _PyTime_AsMicroseconds(_PyTime_t t, _PyTime_round_t mode) { return divide(t, kMicrosecond, mode); }
_PyTime_t _PyTime_AsNanoseconds(_PyTime_t t) { return t; }
PyObject* _PyTime_AsNanosecondsObject(_PyTime_t t) { return PyLong_FromLongLong(t); }

void _PyTime_AsTimeval_clamp(_PyTime_t t, timeval* tv, _PyTime_round_t mode) {
  _PyTime_t seconds, rest;
  split(divide(t, kMicrosecond, mode), 1'000'000, &seconds, &rest);
  tv->tv_sec = seconds;
  tv->tv_usec = rest;
}
int _PyTime_AsTimeval(_PyTime_t t, timeval* tv, _PyTime_round_t mode) {
  _PyTime_AsTimeval_clamp(t, tv, mode);
  return 0;
}
int _PyTime_AsTimevalTime_t(_PyTime_t t, time_t* seconds, int* microseconds, _PyTime_round_t mode) {
  timeval tv;
  _PyTime_AsTimeval_clamp(t, &tv, mode);
  *seconds = tv.tv_sec;
  *microseconds = static_cast<int>(tv.tv_usec);
  return 0;
}
void _PyTime_AsTimespec_clamp(_PyTime_t t, timespec* ts) {
  _PyTime_t seconds, rest;
  split(t, kSecond, &seconds, &rest);
  ts->tv_sec = seconds;
  ts->tv_nsec = rest;
}
int _PyTime_AsTimespec(_PyTime_t t, timespec* ts) {
  _PyTime_AsTimespec_clamp(t, ts);
  return 0;
}

_PyTime_t _PyTime_Add(_PyTime_t a, _PyTime_t b) { return add_clamped(a, b); }
_PyTime_t _PyTime_MulDiv(_PyTime_t ticks, _PyTime_t multiplier, _PyTime_t divisor) {
  // The whole part and the rest apart, so that the product fits.
  _PyTime_t whole = ticks / divisor;
  multiply_clamped(&whole, multiplier);
  return add_clamped(whole, ticks % divisor * multiplier / divisor);
}

_PyTime_t _PyDeadline_Init(_PyTime_t timeout) { return add_clamped(_PyTime_GetMonotonicClock(), timeout); }
_PyTime_t _PyDeadline_Get(_PyTime_t deadline) { return deadline - _PyTime_GetMonotonicClock(); }

// ---- clocks ---------------------------------------------------------------------------------------------

_PyTime_t _PyTime_GetSystemClock(void) { return quick_clock(CLOCK_REALTIME); }
_PyTime_t _PyTime_GetMonotonicClock(void) { return quick_clock(CLOCK_MONOTONIC); }
_PyTime_t _PyTime_GetPerfCounter(void) { return quick_clock(CLOCK_MONOTONIC); }
int _PyTime_GetSystemClockWithInfo(_PyTime_t* t, _Py_clock_info_t* info) {
  return static_cast<int>(read_clock(CLOCK_REALTIME, t, info, "clock_gettime(CLOCK_REALTIME)", false));
}
int _PyTime_GetMonotonicClockWithInfo(_PyTime_t* t, _Py_clock_info_t* info) {
  return static_cast<int>(read_clock(CLOCK_MONOTONIC, t, info, "clock_gettime(CLOCK_MONOTONIC)", true));
}
int _PyTime_GetPerfCounterWithInfo(_PyTime_t* t, _Py_clock_info_t* info) { return _PyTime_GetMonotonicClockWithInfo(t, info); }

int _PyTime_localtime(time_t t, tm* result) {
  errno = 0;
  if (localtime_r(&t, result)) return 0;
  if (errno == 0) errno = EINVAL;
  PyErr_SetFromErrno(PyExc_OSError);
  return -1;
}
int _PyTime_gmtime(time_t t, tm* result) {
  errno = 0;
  if (gmtime_r(&t, result)) return 0;
  if (errno == 0) errno = EINVAL;
  PyErr_SetFromErrno(PyExc_OSError);
  return -1;
}

}  // extern "C"
