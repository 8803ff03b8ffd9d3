// The proleptic Gregorian calendar: ordinals (0001-01-01 is day 1), ISO weeks, ranges and carrying.
#include "modules/datetime/datetime.h"

namespace gill::dates {

namespace {

constexpr int kDaysBefore[13] = {0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
constexpr int kDaysIn[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
constexpr int kDaysIn400Years = 146097;
constexpr int kDaysIn100Years = 36524;
constexpr int kDaysIn4Years = 1461;

int days_before_year(int year) {
  int y = year - 1;
  return y * 365 + y / 4 - y / 100 + y / 400;
}

constexpr int64_t floor_divide(int64_t value, int64_t by, int64_t* rest) {
  int64_t quotient = value / by;
  *rest = value % by;
  if (*rest < 0) {
    *rest += by;
    --quotient;
  }
  return quotient;
}

}  // namespace

bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }
int days_in_month(int year, int month) { return kDaysIn[month] + (month == 2 && is_leap(year)); }
int days_before_month(int year, int month) { return kDaysBefore[month] + (month > 2 && is_leap(year)); }
int ordinal_of(int year, int month, int day) { return days_before_year(year) + days_before_month(year, month) + day; }

Civil civil_of(int ordinal) {
  int n = ordinal - 1;
  int year = n / kDaysIn400Years * 400 + 1;
  n %= kDaysIn400Years;
  int centuries = n / kDaysIn100Years;
  n %= kDaysIn100Years;
  int fours = n / kDaysIn4Years;
  n %= kDaysIn4Years;
  int ones = n / 365;
  n %= 365;
  year += centuries * 100 + fours * 4 + ones;
  // The last day of a cycle of 4 or 400 years counts as a year of its own.
  if (ones == 4 || centuries == 4) return {year - 1, 12, 31};
  bool leap = ones == 3 && (fours != 24 || centuries == 3);
  int month = (n + 50) >> 5;  // right, or one too many
  int before = kDaysBefore[month] + (month > 2 && leap);
  if (before > n) {
    --month;
    before -= kDaysIn[month] + (month == 2 && leap);
  }
  return {year, month, n - before + 1};
}

int weekday_of(int year, int month, int day) { return (ordinal_of(year, month, day) + 6) % 7; }

int first_iso_monday(int year) {
  int first = days_before_year(year) + 1;
  int weekday = (first + 6) % 7;
  int monday = first - weekday;
  // Week 1 is the one with the first Thursday.
  return weekday > 3 ? monday + 7 : monday;
}

IsoWeek iso_week_of(int year, int month, int day) {
  int monday = first_iso_monday(year);
  int today = ordinal_of(year, month, day);
  int weekday = (today + 6) % 7 + 1;
  if (today < monday) {
    --year;
    monday = first_iso_monday(year);
  } else if (today >= first_iso_monday(year + 1)) {
    ++year;
    monday = first_iso_monday(year);
  }
  return {year, (today - monday) / 7 + 1, weekday};
}

int civil_of_iso_week(int year, int week, int weekday, Civil* out) {
  int monday = first_iso_monday(year);
  if (week <= 0 || week >= 53) {
    // Long years have a week 53.
    bool fits = week == 53 && first_iso_monday(year + 1) - monday == 53 * 7;
    if (!fits) return -2;
  }
  if (weekday <= 0 || weekday >= 8) return -3;
  int ordinal = monday + (week - 1) * 7 + weekday - 1;
  // The ordinal can leave the calendar at both ends; the weeks of year 0 have no month.
  *out = ordinal < 1 ? Civil{1, 0, 1} : civil_of(ordinal);
  return 0;
}

// ---- ranges ---------------------------------------------------------------------------------------------------------

Status check_date(int year, int month, int day) {
  if (year < kMinYear || year > kMaxYear) return raise(PyExc_ValueError, "year %i is out of range", year);
  if (month < 1 || month > 12) return raise(PyExc_ValueError, "month must be in 1..12");
  if (day < 1 || day > days_in_month(year, month)) return raise(PyExc_ValueError, "day is out of range for month");
  return Status::ok;
}

Status check_clock(int hour, int minute, int second, int microsecond, int fold) {
  if (hour < 0 || hour > 23) return raise(PyExc_ValueError, "hour must be in 0..23");
  if (minute < 0 || minute > 59) return raise(PyExc_ValueError, "minute must be in 0..59");
  if (second < 0 || second > 59) return raise(PyExc_ValueError, "second must be in 0..59");
  if (microsecond < 0 || microsecond > 999999) return raise(PyExc_ValueError, "microsecond must be in 0..999999");
  if (fold != 0 && fold != 1) return raise(PyExc_ValueError, "fold must be either 0 or 1");
  return Status::ok;
}

Status check_zone(PyObject* zone) {
  if (zone == Py_None || is_zone(zone)) return Status::ok;
  return raise(PyExc_TypeError, "tzinfo argument must be None or of a tzinfo subclass, not type '%s'", Py_TYPE(zone)->tp_name);
}

// ---- carrying -------------------------------------------------------------------------------------------------------

Status normalize_date(Civil& date, int64_t extra_days) {
  int64_t day = date.day + extra_days;
  if (day >= 1 && day <= 28) {
    date.day = static_cast<int>(day);
    return Status::ok;
  }
  int64_t ordinal = ordinal_of(date.year, date.month, 1) + day - 1;
  if (ordinal < 1 || ordinal > kMaxOrdinal) return raise(PyExc_OverflowError, "date value out of range");
  date = civil_of(static_cast<int>(ordinal));
  return Status::ok;
}

Status normalize(Civil& date, int64_t days, int64_t seconds, int64_t microseconds, Clock& clock) {
  int64_t rest;
  seconds += floor_divide(clock.microsecond + microseconds, kMicrosecondsPerSecond, &rest);
  clock.microsecond = static_cast<int>(rest);
  seconds += clock.hour * 3600 + clock.minute * 60 + clock.second;
  days += floor_divide(seconds, kSecondsPerDay, &rest);
  clock.hour = static_cast<int>(rest / 3600);
  clock.minute = static_cast<int>(rest % 3600 / 60);
  clock.second = static_cast<int>(rest % 60);
  return normalize_date(date, days);
}

// ---- helpers of the types -------------------------------------------------------------------------------------------

Ref<> compared(int difference, int operation) {
  switch (operation) {
    case Py_LT: return py_bool(difference < 0);
    case Py_LE: return py_bool(difference <= 0);
    case Py_EQ: return py_bool(difference == 0);
    case Py_NE: return py_bool(difference != 0);
    case Py_GT: return py_bool(difference > 0);
    default: return py_bool(difference >= 0);
  }
}

Failure cannot_compare(PyObject* a, PyObject* b) {
  return raise(PyExc_TypeError, "can't compare %s to %s", Py_TYPE(a)->tp_name, Py_TYPE(b)->tp_name);
}

Py_hash_t hash_of_data(const unsigned char* data, size_t size) { return _Py_HashBytes(data, static_cast<Py_ssize_t>(size)); }

PickleState pickle_state(PyObject* state, Py_ssize_t size, bool (*sane)(unsigned char), int position, const char* what) {
  if (PyBytes_Check(state)) {
    if (PyBytes_GET_SIZE(state) == size && sane(static_cast<unsigned char>(PyBytes_AS_STRING(state)[position]))) return {borrow(state)};
  } else if (PyUnicode_Check(state)) {
    if (PyUnicode_READY(state) < 0) return {nullptr, true};
    if (PyUnicode_GET_LENGTH(state) != size) return {};
    Py_UCS4 c = PyUnicode_READ_CHAR(state, position);
    if (c > 0xff || !sane(static_cast<unsigned char>(c))) return {};
    Ref<> bytes = steal(PyUnicode_AsLatin1String(state));
    if (!bytes) {
      // Pickles of Python 2 hold str, which `encoding='latin1'` maps one to one.
      if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        PyErr_Format(PyExc_ValueError,
                     "Failed to encode latin1 string when unpickling a %s object. pickle.load(data, encoding='latin1') is assumed.", what);
      }
      return {nullptr, true};
    }
    return {std::move(bytes)};
  }
  return {};
}

}  // namespace gill::dates
