// Dates, clocks and offsets as text; strftime around time.strftime.
#include "modules/datetime/datetime.h"

namespace gill::dates {

namespace {

constexpr const char* kDayNames[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr const char* kMonthNames[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

char* write_digits(char* out, int value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return out + width;
}

Ref<> text_of(const char* begin, const char* end) { return steal(PyUnicode_FromStringAndSize(begin, end - begin)); }

char* write_date(char* out, const Civil& date) {
  out = write_digits(out, date.year, 4);
  *out++ = '-';
  out = write_digits(out, date.month, 2);
  *out++ = '-';
  return write_digits(out, date.day, 2);
}

char* write_offset(char* out, const Delta* offset, const char* separator) {
  int64_t seconds = static_cast<int64_t>(offset->days) * kSecondsPerDay + offset->seconds;
  int microseconds = offset->microseconds;
  char sign = '+';
  if (offset->days < 0) {
    sign = '-';
    seconds = -seconds;
    if (microseconds != 0) {
      microseconds = 1000000 - microseconds;
      --seconds;
    }
  }
  auto separate = [&] {
    for (const char* c = separator; *c; ++c) *out++ = *c;
  };
  *out++ = sign;
  out = write_digits(out, static_cast<int>(seconds / 3600), 2);
  separate();
  out = write_digits(out, static_cast<int>(seconds / 60 % 60), 2);
  int second = static_cast<int>(seconds % 60);
  if (second == 0 && microseconds == 0) return out;
  separate();
  out = write_digits(out, second, 2);
  if (microseconds == 0) return out;
  *out++ = '.';
  return write_digits(out, microseconds, 6);
}

Maybe<TimeSpec> time_spec_of(const char* text) {
  static constexpr const char* kNames[] = {"auto", "hours", "minutes", "seconds", "milliseconds", "microseconds"};
  for (int i = 0; text && i < 6; ++i) {
    if (strcmp(text, kNames[i]) == 0) return static_cast<TimeSpec>(i);
  }
  if (!text) return TimeSpec::automatic;
  return raise(PyExc_ValueError, "Unknown timespec value");
}

char* write_clock(char* out, const Clock& clock, TimeSpec spec) {
  if (spec == TimeSpec::automatic) spec = clock.microsecond ? TimeSpec::microseconds : TimeSpec::seconds;
  out = write_digits(out, clock.hour, 2);
  if (spec == TimeSpec::hours) return out;
  *out++ = ':';
  out = write_digits(out, clock.minute, 2);
  if (spec == TimeSpec::minutes) return out;
  *out++ = ':';
  out = write_digits(out, clock.second, 2);
  if (spec == TimeSpec::seconds) return out;
  *out++ = '.';
  return spec == TimeSpec::milliseconds ? write_digits(out, clock.microsecond / 1000, 3) : write_digits(out, clock.microsecond, 6);
}

Ref<> insert_before_parenthesis(Ref<> text, const char* format, PyObject* value) {
  Ref<> head = TRY(steal(PyUnicode_Substring(text.get(), 0, PyUnicode_GET_LENGTH(text.get()) - 1)));
  Ref<> tail = TRY(steal(value ? PyUnicode_FromFormat(format, value) : PyUnicode_FromString(format)));
  return steal(PyUnicode_FromFormat("%U%U)", head.get(), tail.get()));
}

Ref<> format_date_text(int weekday, const Civil& date, const Clock& clock) {
  return steal(PyUnicode_FromFormat("%s %s %2d %02d:%02d:%02d %04d", kDayNames[weekday], kMonthNames[date.month - 1], date.day, clock.hour,
                                    clock.minute, clock.second, date.year));
}

Ref<> time_module() {
  // Nearly always there: importing it is much slower than looking.
  Ref<> module = steal(PyImport_GetModule(name<"time">));
  if (module || PyErr_Occurred()) return module;
  return steal(PyImport_ImportModule("time"));
}

Ref<> build_struct_time(const Civil& date, const Clock& clock, int dst) {
  Ref<> time = TRY(time_module());
  Ref<> fields = TRY(steal(Py_BuildValue("(iiiiiiiii)", date.year, date.month, date.day, clock.hour, clock.minute, clock.second,
                                         weekday_of(date.year, date.month, date.day),
                                         days_before_month(date.year, date.month) + date.day, dst)));
  return steal(PyObject_CallMethodOneArg(time.get(), name<"struct_time">, fields.get()));
}

// ---- strftime -----------------------------------------------------------------------------------------------------------

namespace {

// The texts that stand for the directives which the C library knows nothing of, made when first needed.
class Replacements {
 public:
  Replacements(PyObject* object, PyObject* zone_argument) : object_(object), zone_argument_(zone_argument) {}

  // Null without an exception: not a directive of ours.
  Ref<> get(Py_UCS4 directive) {
    switch (directive) {
      case 'z': return offset_.get() ? offset_.new_ref() : (offset_ = make_offset()).new_ref();
      case 'Z': return name_.get() ? name_.new_ref() : (name_ = make_name()).new_ref();
      case 'f': return fraction_.get() ? fraction_.new_ref() : (fraction_ = make_fraction()).new_ref();
      default: return nullptr;
    }
  }

 private:
  PyObject* zone() {
    if (is_datetime(object_)) return zone_of(reinterpret_cast<DateTime*>(object_));
    if (is_time(object_)) return zone_of(reinterpret_cast<Time*>(object_));
    return Py_None;
  }
  Ref<> make_offset() {
    PyObject* zone_object = zone();
    if (zone_object == Py_None) return borrow(name<"">);
    Ref<> offset = TRY(utc_offset(zone_object, zone_argument_));
    if (offset.get() == Py_None) return borrow(name<"">);
    char text[32];
    return text_of(text, write_offset(text, as_delta(offset), ""));
  }
  Ref<> make_name() {
    PyObject* zone_object = zone();
    if (zone_object == Py_None) return borrow(name<"">);
    Ref<> text = TRY(zone_name(zone_object, zone_argument_));
    if (text.get() == Py_None) return borrow(name<"">);
    // time.strftime sees the result: a percent sign stays one.
    Ref<> escaped = TRY(steal(PyObject_CallMethodObjArgs(text.get(), name<"replace">, name<"%">, name<"%%">, nullptr)));
    if (!PyUnicode_Check(escaped.get())) return raise(PyExc_TypeError, "tzname.replace() did not return a string");
    if (!PyUnicode_AsUTF8(escaped.get())) return failure;
    return escaped;
  }
  Ref<> make_fraction() {
    int microsecond = is_datetime(object_) ? PyDateTime_DATE_GET_MICROSECOND(object_)
                      : is_time(object_)   ? PyDateTime_TIME_GET_MICROSECOND(object_)
                                           : 0;
    char text[8];
    return text_of(text, write_digits(text, microsecond, 6));
  }

  PyObject* object_;
  PyObject* zone_argument_;
  Ref<> offset_, name_, fraction_;
};

Ref<> expand(PyObject* object, PyObject* format, PyObject* zone_argument) {
  // The format goes to the C library as UTF-8: what cannot is an error here already. A null character ends it.
  if (!PyUnicode_AsUTF8(format)) return failure;
  Py_ssize_t length = PyUnicode_FindChar(format, 0, 0, PyUnicode_GET_LENGTH(format), 1);
  if (length == -2) return failure;
  if (length == -1) length = PyUnicode_GET_LENGTH(format);
  int kind = PyUnicode_KIND(format);
  const void* data = PyUnicode_DATA(format);
  Replacements replacements(object, zone_argument);
  Ref<> result;
  Py_ssize_t copied = 0;
  auto append = [&](PyObject* piece) -> Status {
    result = result ? steal(PyUnicode_Concat(result.get(), piece)) : borrow(piece);
    return result ? Status::ok : Status::error;
  };
  for (Py_ssize_t i = 0; i + 1 < length; ++i) {
    if (PyUnicode_READ(kind, data, i) != '%') continue;
    Py_ssize_t start = i++;
    Ref<> text = replacements.get(PyUnicode_READ(kind, data, i));
    if (!text) {
      if (PyErr_Occurred()) return failure;
      continue;
    }
    Ref<> before = TRY(steal(PyUnicode_Substring(format, copied, start)));
    TRY(append(before.get()));
    TRY(append(text.get()));
    copied = i + 1;
  }
  if (!result) return steal(PyUnicode_Substring(format, 0, length));
  Ref<> rest = TRY(steal(PyUnicode_Substring(format, copied, length)));
  TRY(append(rest.get()));
  return result;
}

}  // namespace

Ref<> wrap_strftime(PyObject* object, PyObject* format, PyObject* time_tuple, PyObject* zone_argument) {
  Ref<> expanded = TRY(expand(object, format, zone_argument));
  Ref<> time = TRY(time_module());
  return steal(PyObject_CallMethodObjArgs(time.get(), name<"strftime">, expanded.get(), time_tuple, nullptr));
}

Ref<> format_with_strftime(PyObject* self, PyObject* format) {
  if (PyUnicode_GetLength(format) == 0) return steal(PyObject_Str(self));
  return steal(PyObject_CallMethodOneArg(self, name<"strftime">, format));
}

}  // namespace gill::dates
