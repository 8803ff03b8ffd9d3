// timedelta: a duration in days, seconds and microseconds, normalized. Arithmetic runs over the 128-bit number of microseconds, which
// has room for the longest duration times any number that does not overflow it anyway; floats go through exact integer ratios.
#include <cmath>

#include "modules/datetime/fast_arguments.h"

#include <structmember.h>

namespace gill::dates {

namespace {

using Int128 = __int128;

Failure too_large() { return raise(PyExc_OverflowError, "Python int too large to convert to C int"); }

Ref<> to_int(Int128 value) {
  if (value >= INT64_MIN && value <= INT64_MAX) return steal(PyLong_FromLongLong(static_cast<long long>(value)));
  return steal(_PyLong_FromByteArray(reinterpret_cast<unsigned char*>(&value), sizeof(value), 1, 1));
}

// Values beyond 128 bits are `fits == false`, without an exception.
Maybe<Int128> from_int(PyObject* integer, bool* fits) {
  *fits = true;
  int overflow;
  long long small = PyLong_AsLongLongAndOverflow(integer, &overflow);
  if (!overflow) return checked(small) ? Maybe<Int128>(small) : Maybe<Int128>();
  Int128 value;
  if (_PyLong_AsByteArray(reinterpret_cast<PyLongObject*>(integer), reinterpret_cast<unsigned char*>(&value), sizeof(value), 1, 1) < 0) {
    if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return failure;
    PyErr_Clear();
    *fits = false;
    return Int128{0};
  }
  return value;
}

Int128 floor_divide(Int128 value, Int128 by, Int128* rest) {
  Int128 quotient = value / by;
  *rest = value % by;
  if (*rest != 0 && (*rest < 0) != (by < 0)) {
    *rest += by;
    --quotient;
  }
  return quotient;
}

// To the nearest, halves to even.
Int128 round_divide(Int128 value, Int128 by) {
  Int128 rest;
  Int128 quotient = floor_divide(value, by, &rest);
  // The rest has the sign of the divisor; twice the rest may not fit when the divisor is that large.
  Int128 other = by - rest;
  bool above = by > 0 ? rest > other : rest < other;
  if (above || (rest == other && (quotient & 1))) ++quotient;
  return quotient;
}

Ref<Delta> delta_of_int(PyObject* microseconds) {
  bool fits;
  Int128 value = TRY(from_int(microseconds, &fits));
  if (!fits) return too_large();
  return delta_of_microseconds(value);
}

Delta* delta(PyObject* o) { return reinterpret_cast<Delta*>(o); }

}  // namespace

Ref<Delta> new_delta(int64_t days, int64_t seconds, int64_t microseconds, PyTypeObject* type) {
  int64_t carry = microseconds / kMicrosecondsPerSecond;
  microseconds %= kMicrosecondsPerSecond;
  if (microseconds < 0) {
    microseconds += kMicrosecondsPerSecond;
    --carry;
  }
  seconds += carry;
  carry = seconds / kSecondsPerDay;
  seconds %= kSecondsPerDay;
  if (seconds < 0) {
    seconds += kSecondsPerDay;
    --carry;
  }
  days += carry;
  if (days < INT_MIN || days > INT_MAX) return too_large();
  if (days < -kMaxDeltaDays || days > kMaxDeltaDays) {
    return raise(PyExc_OverflowError, "days=%d; must have magnitude <= %d", static_cast<int>(days), kMaxDeltaDays);
  }
  Ref<Delta> self = TRY(Ref<Delta>::steal(type->tp_alloc(type, 0)));
  self->hashcode = -1;
  self->days = static_cast<int>(days);
  self->seconds = static_cast<int>(seconds);
  self->microseconds = static_cast<int>(microseconds);
  return self;
}

Ref<Delta> delta_of_microseconds(Int128 microseconds, PyTypeObject* type) {
  Int128 rest;
  Int128 days = floor_divide(microseconds, kMicrosecondsPerDay, &rest);
  if (days < INT_MIN || days > INT_MAX) return too_large();
  return new_delta(static_cast<int64_t>(days), 0, static_cast<int64_t>(rest), type);
}

Ref<Delta> negated(const Delta* d) { return new_delta(-static_cast<int64_t>(d->days), -d->seconds, -d->microseconds); }

namespace {

// ---- construction -----------------------------------------------------------------------------------------------------

// The sum of the constructor's arguments: whole microseconds exactly, what is left of floats as a double.
struct Sum {
  Int128 whole = 0;
  double left = 0;
  bool overflown = false;  // told at the end: the types of later arguments are looked at first

  void add(Int128 value, int64_t factor) {
    Int128 product;
    overflown |= __builtin_mul_overflow(value, static_cast<Int128>(factor), &product) || __builtin_add_overflow(whole, product, &whole);
  }
  Status add_integral(double value, int64_t factor) {
    if (!std::isfinite(value)) {
      steal(PyLong_FromDouble(value)).reset();  // raises
      return Status::error;
    }
    if (std::fabs(value) >= 0x1p120) overflown = true;
    else add(static_cast<Int128>(value), factor);
    return Status::ok;
  }
  Status add(const char* tag, PyObject* value, int64_t factor) {
    if (!value) return Status::ok;
    if (PyLong_Check(value)) {
      bool fits;
      Int128 number = TRY(from_int(value, &fits));
      if (fits) add(number, factor);
      else overflown = true;
      return Status::ok;
    }
    if (PyFloat_Check(value)) {
      double integral;
      double fraction = std::modf(TRY(checked(PyFloat_AsDouble(value))), &integral);
      TRY(add_integral(integral, factor));
      if (fraction == 0.0) return Status::ok;
      fraction = std::modf(static_cast<double>(factor) * fraction, &integral);
      TRY(add_integral(integral, 1));
      left += fraction;
      return Status::ok;
    }
    return raise(PyExc_TypeError, "unsupported type for timedelta %s component: %s", tag, Py_TYPE(value)->tp_name);
  }
};

enum Part { kDays, kSeconds, kMicroseconds, kMilliseconds, kMinutes, kHours, kWeeks };

// Null: not given.
Ref<> delta_of_parts(PyTypeObject* type, PyObject* (&parts)[7]) {
  Sum sum;
  TRY(sum.add("microseconds", parts[kMicroseconds], 1));
  TRY(sum.add("milliseconds", parts[kMilliseconds], 1000));
  TRY(sum.add("seconds", parts[kSeconds], kMicrosecondsPerSecond));
  TRY(sum.add("minutes", parts[kMinutes], 60 * kMicrosecondsPerSecond));
  TRY(sum.add("hours", parts[kHours], 3600 * kMicrosecondsPerSecond));
  TRY(sum.add("days", parts[kDays], kMicrosecondsPerDay));
  TRY(sum.add("weeks", parts[kWeeks], 7 * kMicrosecondsPerDay));
  if (sum.left != 0) {
    double whole = std::round(sum.left);
    if (std::fabs(whole - sum.left) == 0.5) {
      // Half way: to the even one of the whole result.
      int odd = static_cast<int>(sum.whole & 1);
      whole = 2.0 * std::round((sum.left + odd) * 0.5) - odd;
    }
    TRY(sum.add_integral(whole, 1));
  }
  if (sum.overflown) return too_large();
  return delta_of_microseconds(sum.whole, type);
}

PyObject* delta_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks", nullptr};
  PyObject* parts[7] = {};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOOOO:__new__", const_cast<char**>(keywords), &parts[0], &parts[1], &parts[2], &parts[3],
                                   &parts[4], &parts[5], &parts[6])) {
    return nullptr;
  }
  return delta_of_parts(type, parts).release();
}

Ref<> delta_construct(PyTypeObject* type, const CallArguments& call, bool* usual) {
  static constexpr PyObject* kNames[] = {name<"days">,    name<"seconds">, name<"microseconds">, name<"milliseconds">,
                                         name<"minutes">, name<"hours">,   name<"weeks">};
  PyObject* parts[7] = {};
  *usual = place(call, kNames, 7, parts);
  return *usual ? delta_of_parts(type, parts) : Ref<>();
}

// ---- operators --------------------------------------------------------------------------------------------------------

Ref<> delta_add(PyObject* left, PyObject* right) {
  if (!is_delta(left) || !is_delta(right)) return not_implemented();
  Delta *a = delta(left), *b = delta(right);
  return new_delta(static_cast<int64_t>(a->days) + b->days, a->seconds + b->seconds, a->microseconds + b->microseconds);
}
Ref<> delta_subtract(PyObject* left, PyObject* right) {
  if (!is_delta(left) || !is_delta(right)) return not_implemented();
  Delta *a = delta(left), *b = delta(right);
  return new_delta(static_cast<int64_t>(a->days) - b->days, a->seconds - b->seconds, a->microseconds - b->microseconds);
}
Ref<> delta_negative(Delta* self) { return negated(self); }
Ref<> delta_positive(Delta* self) { return new_delta(self->days, self->seconds, self->microseconds); }
Ref<> delta_absolute(Delta* self) { return self->days < 0 ? delta_negative(self) : delta_positive(self); }
int delta_bool(PyObject* self) { return delta(self)->days != 0 || delta(self)->seconds != 0 || delta(self)->microseconds != 0; }

// The numerator and denominator of a float, as ints.
struct Ratio {
  Ref<> numerator, denominator;
};
Status ratio_of(PyObject* real, Ratio* out) {
  Ref<> pair = TRY(steal(PyObject_CallMethodNoArgs(real, name<"as_integer_ratio">)));
  if (!PyTuple_Check(pair.get())) {
    return raise(PyExc_TypeError, "unexpected return type from as_integer_ratio(): expected tuple, got '%.200s'", Py_TYPE(pair.get())->tp_name);
  }
  if (PyTuple_GET_SIZE(pair.get()) != 2) return raise(PyExc_ValueError, "as_integer_ratio() must return a 2-tuple");
  *out = {borrow(PyTuple_GET_ITEM(pair.get(), 0)), borrow(PyTuple_GET_ITEM(pair.get(), 1))};
  return Status::ok;
}

Ref<> scaled_by_ratio(Delta* self, PyObject* by, PyObject* divide_by) {
  Ref<> microseconds = TRY(to_int(microseconds_of(self)));
  Ref<> product = TRY(steal(PyNumber_Multiply(microseconds.get(), by)));
  Ref<> both = TRY(steal(_PyLong_DivmodNear(product.get(), divide_by)));
  return delta_of_int(PyTuple_GET_ITEM(both.get(), 0));
}

Ref<> times_int(Delta* self, PyObject* factor) {
  Int128 microseconds = microseconds_of(self);
  bool fits;
  Int128 number = TRY(from_int(factor, &fits));
  Int128 product = 0;
  if (microseconds != 0 && (!fits || __builtin_mul_overflow(microseconds, number, &product))) return too_large();
  return delta_of_microseconds(product);
}

Ref<> delta_multiply(PyObject* left, PyObject* right) {
  bool first = is_delta(left);
  Delta* self = delta(first ? left : right);
  PyObject* other = first ? right : left;
  if (PyLong_Check(other)) return times_int(self, other);
  if (PyFloat_Check(other)) {
    Ratio ratio;
    TRY(ratio_of(other, &ratio));
    return scaled_by_ratio(self, ratio.numerator.get(), ratio.denominator.get());
  }
  return not_implemented();
}

Failure divided_by_zero(const char* text) { return raise(PyExc_ZeroDivisionError, text); }

Ref<> delta_floor_divide(PyObject* left, PyObject* right) {
  if (!is_delta(left)) return not_implemented();
  Int128 a = microseconds_of(delta(left)), rest;
  if (is_delta(right)) {
    Int128 b = microseconds_of(delta(right));
    if (b == 0) return divided_by_zero("integer division or modulo by zero");
    return to_int(floor_divide(a, b, &rest));
  }
  if (PyLong_Check(right)) {
    bool fits;
    Int128 b = TRY(from_int(right, &fits));
    if (!fits) b = _PyLong_Sign(right) < 0 ? -(Int128{1} << 126) : Int128{1} << 126;  // further away than any duration
    if (b == 0) return divided_by_zero("integer division or modulo by zero");
    return delta_of_microseconds(floor_divide(a, b, &rest));
  }
  return not_implemented();
}

Ref<> delta_true_divide(PyObject* left, PyObject* right) {
  if (!is_delta(left)) return not_implemented();
  Delta* self = delta(left);
  if (is_delta(right)) {
    Ref<> a = TRY(to_int(microseconds_of(self)));
    Ref<> b = TRY(to_int(microseconds_of(delta(right))));
    return steal(PyNumber_TrueDivide(a.get(), b.get()));
  }
  if (PyFloat_Check(right)) {
    Ratio ratio;
    TRY(ratio_of(right, &ratio));
    return scaled_by_ratio(self, ratio.denominator.get(), ratio.numerator.get());
  }
  if (PyLong_Check(right)) {
    bool fits;
    Int128 b = TRY(from_int(right, &fits));
    if (!fits) return new_delta(0, 0, 0);
    if (b == 0) return divided_by_zero("integer division or modulo by zero");
    return delta_of_microseconds(round_divide(microseconds_of(self), b));
  }
  return not_implemented();
}

Ref<> delta_remainder(PyObject* left, PyObject* right) {
  if (!is_delta(left) || !is_delta(right)) return not_implemented();
  Int128 b = microseconds_of(delta(right)), rest;
  if (b == 0) return divided_by_zero("integer modulo by zero");
  floor_divide(microseconds_of(delta(left)), b, &rest);
  return delta_of_microseconds(rest);
}

Ref<> delta_divmod(PyObject* left, PyObject* right) {
  if (!is_delta(left) || !is_delta(right)) return not_implemented();
  Int128 b = microseconds_of(delta(right)), rest;
  if (b == 0) return divided_by_zero("integer division or modulo by zero");
  Ref<> quotient = TRY(to_int(floor_divide(microseconds_of(delta(left)), b, &rest)));
  Ref<Delta> remainder = TRY(delta_of_microseconds(rest));
  return steal(PyTuple_Pack(2, quotient.get(), remainder.object()));
}

Ref<> delta_compare(Delta* self, PyObject* other, int operation) {
  if (!is_delta(other)) return not_implemented();
  Delta* b = delta(other);
  int difference = self->days - b->days;
  if (difference == 0) difference = self->seconds - b->seconds;
  if (difference == 0) difference = self->microseconds - b->microseconds;
  return compared(difference, operation);
}

Ref<> state_of(Delta* self) { return steal(Py_BuildValue("iii", self->days, self->seconds, self->microseconds)); }

Py_hash_t delta_hash(PyObject* object) {
  Delta* self = delta(object);
  if (self->hashcode == -1) {
    Ref<> state = TRY(state_of(self));
    self->hashcode = PyObject_Hash(state.get());
  }
  return self->hashcode;
}

// ---- texts and the rest -------------------------------------------------------------------------------------------------

Ref<> delta_repr(Delta* self) {
  char parts[100];
  char* at = parts;
  auto part = [&](const char* label, int value) {
    if (value != 0) at += snprintf(at, 40, "%s%s=%d", at == parts ? "" : ", ", label, value);
  };
  part("days", self->days);
  part("seconds", self->seconds);
  part("microseconds", self->microseconds);
  if (at == parts) *at++ = '0';
  *at = 0;
  return steal(PyUnicode_FromFormat("%s(%s)", Py_TYPE(self)->tp_name, parts));
}

Ref<> delta_str(Delta* self) {
  char text[64];
  char* at = text;
  if (self->days != 0) at += snprintf(at, 32, "%d day%s, ", self->days, self->days == 1 || self->days == -1 ? "" : "s");
  at += snprintf(at, 16, "%d:%02d:%02d", self->seconds / 3600, self->seconds / 60 % 60, self->seconds % 60);
  if (self->microseconds) at += snprintf(at, 16, ".%06d", self->microseconds);
  return text_of(text, at);
}

Ref<> delta_total_seconds(Delta* self) {
  Ref<> microseconds = TRY(to_int(microseconds_of(self)));
  Ref<> second = TRY(steal(PyLong_FromLong(kMicrosecondsPerSecond)));
  return steal(PyNumber_TrueDivide(microseconds.get(), second.get()));
}

Ref<> delta_reduce(Delta* self) { return steal(Py_BuildValue("ON", Py_TYPE(self), state_of(self).release())); }

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("total_seconds($self)", delta_total_seconds, "Total seconds in the duration."),
    METHOD_UNSIGNED("__reduce__($self)", delta_reduce, "__reduce__() -> (cls, state)"),
    kEndOfMethods,
};
const PyMemberDef kMembers[] = {
    {"days", T_INT, offsetof(Delta, days), READONLY, "Number of days."},
    {"seconds", T_INT, offsetof(Delta, seconds), READONLY, "Number of seconds (>= 0 and less than 1 day)."},
    {"microseconds", T_INT, offsetof(Delta, microseconds), READONLY, "Number of microseconds (>= 0 and less than 1 second)."},
    {},
};
PyNumberMethods number_methods = {
    .nb_add = slot<delta_add>,
    .nb_subtract = slot<delta_subtract>,
    .nb_multiply = slot<delta_multiply>,
    .nb_remainder = slot<delta_remainder>,
    .nb_divmod = slot<delta_divmod>,
    .nb_negative = slot<delta_negative>,
    .nb_positive = slot<delta_positive>,
    .nb_absolute = slot<delta_absolute>,
    .nb_bool = delta_bool,
    .nb_floor_divide = slot<delta_floor_divide>,
    .nb_true_divide = slot<delta_true_divide>,
};

}  // namespace

constinit Delta zero_delta = {.ob_base = {kImmortalCount, &Delta_Type}, .hashcode = -1, .days = 0, .seconds = 0, .microseconds = 0};

extern "C" {
PyTypeObject Delta_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "datetime.timedelta",
    .tp_basicsize = sizeof(Delta),
    .tp_repr = slot<delta_repr>,
    .tp_as_number = &number_methods,
    .tp_hash = delta_hash,
    .tp_str = slot<delta_str>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "Difference between two datetime values.\n\ntimedelta(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0)\n\n"
              "All arguments are optional and default to 0.\nArguments may be integers or floats, and may be positive or negative.",
    .tp_richcompare = slot<delta_compare>,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_new = delta_new,
    .tp_vectorcall = construct_fast<delta_construct, delta_new>,
};
}
GILL_STATIC_TYPE(Delta_Type);

}  // namespace gill::dates
