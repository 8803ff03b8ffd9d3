// What the files of `_datetime` share: the object layouts (those of the published datetime.h, which compiled extensions
// read through macros), field access, calendar arithmetic and the constructors.
//
//   calendar.cpp     days, ordinals, weeks and ranges; no objects
//   timedelta.cpp    durations: arithmetic over 128-bit microseconds
//   tzinfo.cpp       tzinfo, timezone, and asking a tzinfo
//   iso_parse.cpp    ISO 8601 texts to numbers
//   text.cpp         numbers to texts: offsets, isoformat, strftime
//   date.cpp, time.cpp, datetime.cpp, datetime_time.cpp (clocks and zones), iso_calendar.cpp, datetime_module.cpp
//
// The module keeps no state: the types are static, and so are the constants (UTC, the epoch), as immortal objects.
#pragma once

#define _PY_DATETIME_IMPL
#include <Python.h>
#include <datetime.h>

#include "base/binding.h"
#include "base/names.h"

namespace gill::dates {

using Delta = PyDateTime_Delta;
using Date = PyDateTime_Date;
using Time = PyDateTime_Time;
using DateTime = PyDateTime_DateTime;
using Zone = PyDateTime_TZInfo;

struct FixedZone {
  PyObject_HEAD
  PyObject* offset;  // a Delta
  PyObject* label;   // str or null
};

extern "C" {
extern PyTypeObject Date_Type, DateTime_Type, Time_Type, Delta_Type, TZInfo_Type, FixedZone_Type, IsoCalendarDate_Type;
}
extern constinit Delta zero_delta;
extern constinit FixedZone utc;
extern constinit DateTime epoch;
inline PyObject* utc_zone() { return reinterpret_cast<PyObject*>(&utc); }

inline bool is_date(PyObject* o) { return PyObject_TypeCheck(o, &Date_Type); }
inline bool is_datetime(PyObject* o) { return PyObject_TypeCheck(o, &DateTime_Type); }
inline bool is_time(PyObject* o) { return PyObject_TypeCheck(o, &Time_Type); }
inline bool is_delta(PyObject* o) { return PyObject_TypeCheck(o, &Delta_Type); }
inline bool is_zone(PyObject* o) { return PyObject_TypeCheck(o, &TZInfo_Type); }

// ---- calendar -----------------------------------------------------------------------------------------------------

inline constexpr int kMinYear = 1;
inline constexpr int kMaxYear = 9999;
inline constexpr int kMaxOrdinal = 3652059;  // of 9999-12-31
inline constexpr int kMaxDeltaDays = 999999999;
inline constexpr int kSecondsPerDay = 24 * 3600;
inline constexpr int64_t kMicrosecondsPerSecond = 1000000;
inline constexpr int64_t kMicrosecondsPerDay = kSecondsPerDay * kMicrosecondsPerSecond;

struct Civil {
  int year, month, day;
};
struct Clock {
  int hour = 0, minute = 0, second = 0, microsecond = 0;
};
struct IsoWeek {
  int year, week, weekday;  // weekday 1 to 7
};

bool is_leap(int year);
int days_in_month(int year, int month);
int days_before_month(int year, int month);
int ordinal_of(int year, int month, int day);
Civil civil_of(int ordinal);
int weekday_of(int year, int month, int day);  // Monday is 0
int first_iso_monday(int year);                // the ordinal where ISO week 1 begins
IsoWeek iso_week_of(int year, int month, int day);
// 0, or what is wrong: -2 the week, -3 the weekday.
int civil_of_iso_week(int year, int week, int weekday, Civil* out);

Status check_date(int year, int month, int day);
Status check_clock(int hour, int minute, int second, int microsecond, int fold);
Status check_zone(PyObject* zone);

// Carries overflowing clock fields into the date; OverflowError outside the calendar.
Status normalize(Civil& date, int64_t days, int64_t seconds, int64_t microseconds, Clock& clock);
// Day one too many or too few is common (arithmetic); anything else goes through the ordinal.
Status normalize_date(Civil& date, int64_t extra_days);

// ---- fields -------------------------------------------------------------------------------------------------------

inline int year_of(const void* d) { return PyDateTime_GET_YEAR(d); }
inline int month_of(const void* d) { return PyDateTime_GET_MONTH(d); }
inline int day_of(const void* d) { return PyDateTime_GET_DAY(d); }
inline Civil civil(const void* d) { return {year_of(d), month_of(d), day_of(d)}; }
inline Clock clock_of(const DateTime* d) {
  return {PyDateTime_DATE_GET_HOUR(d), PyDateTime_DATE_GET_MINUTE(d), PyDateTime_DATE_GET_SECOND(d), PyDateTime_DATE_GET_MICROSECOND(d)};
}
inline Clock clock_of(const Time* t) {
  return {PyDateTime_TIME_GET_HOUR(t), PyDateTime_TIME_GET_MINUTE(t), PyDateTime_TIME_GET_SECOND(t), PyDateTime_TIME_GET_MICROSECOND(t)};
}
inline PyObject* zone_of(const DateTime* d) { return d->hastzinfo ? d->tzinfo : Py_None; }
inline PyObject* zone_of(const Time* t) { return t->hastzinfo ? t->tzinfo : Py_None; }
inline int ordinal_of(const Civil& c) { return ordinal_of(c.year, c.month, c.day); }

constexpr void pack_date(unsigned char* data, const Civil& c) {
  data[0] = static_cast<unsigned char>(c.year >> 8);
  data[1] = static_cast<unsigned char>(c.year);
  data[2] = static_cast<unsigned char>(c.month);
  data[3] = static_cast<unsigned char>(c.day);
}
constexpr void pack_clock(unsigned char* data, const Clock& c) {
  data[0] = static_cast<unsigned char>(c.hour);
  data[1] = static_cast<unsigned char>(c.minute);
  data[2] = static_cast<unsigned char>(c.second);
  data[3] = static_cast<unsigned char>(c.microsecond >> 16);
  data[4] = static_cast<unsigned char>(c.microsecond >> 8);
  data[5] = static_cast<unsigned char>(c.microsecond);
}

// tp_alloc of time and datetime: naive objects are allocated without the last field.
template <class Naive, class Aware>
PyObject* allocate_with_zone(PyTypeObject* type, Py_ssize_t aware) {
  void* memory = PyObject_Malloc(aware ? sizeof(Aware) : sizeof(Naive));
  if (!memory) return PyErr_NoMemory();
  memset(memory, 0, aware ? sizeof(Aware) : sizeof(Naive));
  return PyObject_Init(static_cast<PyObject*>(memory), type);
}

// ---- constructors -------------------------------------------------------------------------------------------------

// The plain ones set the fields of an instance of exactly `type`; the `..._of_class` ones call the class when it is a subclass, so that
// its own constructor runs, which is not told the fold. `zone` may be Py_None, never null.
Ref<> new_date(const Civil& date, PyTypeObject* type = &Date_Type);
Ref<> new_date_of_class(const Civil& date, PyObject* type);
Ref<> new_time(const Clock& clock, PyObject* zone, int fold = 0, PyTypeObject* type = &Time_Type);
Ref<> new_time_of_class(const Clock& clock, PyObject* zone, int fold, PyObject* type);
Ref<> new_datetime(const Civil& date, const Clock& clock, PyObject* zone, int fold = 0, PyTypeObject* type = &DateTime_Type);
Ref<> new_datetime_of_class(const Civil& date, const Clock& clock, PyObject* zone, int fold, PyObject* type);
Ref<> new_iso_date(const IsoWeek& week, PyTypeObject* type);
// Normalizes; OverflowError when too long.
Ref<Delta> new_delta(int64_t days, int64_t seconds, int64_t microseconds, PyTypeObject* type = &Delta_Type);
// `offset` is a Delta within a day; UTC itself for a nameless zero.
Ref<> new_fixed_zone(PyObject* offset, PyObject* label);
Ref<> checked_fixed_zone(PyObject* offset, PyObject* label);

inline __int128 microseconds_of(const Delta* d) {
  return (static_cast<__int128>(d->days) * kSecondsPerDay + d->seconds) * kMicrosecondsPerSecond + d->microseconds;
}
Ref<Delta> delta_of_microseconds(__int128 microseconds, PyTypeObject* type = &Delta_Type);
Ref<Delta> negated(const Delta* d);

// ---- zones --------------------------------------------------------------------------------------------------------

// The results are None or a Delta / a str; `argument` is what the zone is asked about.
Ref<> utc_offset(PyObject* zone, PyObject* argument);
Ref<> daylight_offset(PyObject* zone, PyObject* argument);
Ref<> zone_name(PyObject* zone, PyObject* argument);
inline Delta* as_delta(const Ref<>& o) { return reinterpret_cast<Delta*>(o.get()); }
// Both None, or equal lengths.
bool same_offset(PyObject* a, PyObject* b);

// ---- texts --------------------------------------------------------------------------------------------------------

// "+hh:mm[:ss[.ffffff]]" into `out`, with `separator` between the parts; returns the end.
char* write_offset(char* out, const Delta* offset, const char* separator);
char* write_digits(char* out, int value, int width);
enum class TimeSpec { automatic, hours, minutes, seconds, milliseconds, microseconds };
Maybe<TimeSpec> time_spec_of(const char* text);
char* write_clock(char* out, const Clock& clock, TimeSpec spec);
char* write_date(char* out, const Civil& date);
Ref<> text_of(const char* begin, const char* end);
// Replaces %z, %Z and %f, and hands the rest to time.strftime. `zone_argument` is what a zone is asked about.
Ref<> wrap_strftime(PyObject* object, PyObject* format, PyObject* time_tuple, PyObject* zone_argument);
Ref<> format_date_text(int weekday, const Civil& date, const Clock& clock);  // ctime()
Ref<> time_module();
Ref<> build_struct_time(const Civil& date, const Clock& clock, int dst);
// Appends `addition` in front of the last ")" of a repr.
Ref<> insert_before_parenthesis(Ref<> text, const char* format, PyObject* value);

// ---- ISO 8601 -----------------------------------------------------------------------------------------------------

struct IsoTime {
  Clock clock;
  bool has_offset = false;
  int offset_seconds = 0;
  int offset_microseconds = 0;
};
bool parse_iso_date(const char* text, size_t length, Civil* out);
// Where the separator of a datetime stands.
size_t iso_separator(const char* text, size_t length);
bool parse_iso_time(const char* text, const char* end, IsoTime* out);
// The zone of what was parsed: None, UTC, or a fixed one.
Ref<> zone_of_iso(const IsoTime& time);
Failure raise_iso_error(PyObject* text);

// ---- what the types have in common --------------------------------------------------------------------------------

Ref<> compared(int difference, int operation);  // the truth of `difference <op> 0`
Failure cannot_compare(PyObject* a, PyObject* b);
Py_hash_t hash_of_data(const unsigned char* data, size_t size);
Ref<> format_with_strftime(PyObject* self, PyObject* format);  // __format__
inline Ref<> not_implemented() { return borrow(Py_NotImplemented); }

// The state of a pickle: the bytes, or a str of Latin-1 from Python 2. Null when `state` is not one: empty result, no exception.
struct PickleState {
  Ref<> bytes;
  bool failed = false;
};
PickleState pickle_state(PyObject* state, Py_ssize_t size, bool (*sane)(unsigned char), int position, const char* what);

template <class F>
constexpr PyMethodDef keyword_method(const char* method_name, F* function, int flags, const char* doc) {
  return {method_name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)), METH_VARARGS | METH_KEYWORDS | flags, doc};
}

// datetime.cpp: `date + sign * delta`, of the class of `date`.
Ref<> datetime_plus(DateTime* date, const Delta* delta, int sign);

// datetime_time.cpp
Ref<> datetime_of_timestamp(PyObject* type, PyObject* timestamp, PyObject* zone, bool in_utc);
Ref<> datetime_now(PyTypeObject* type, PyObject* zone);
Ref<> datetime_utcnow(PyObject* type);
Ref<> datetime_timestamp(DateTime* self);
PyObject* datetime_astimezone(PyObject* self, PyObject* args, PyObject* kwargs);
PyObject* datetime_fromtimestamp(PyObject* type, PyObject* args, PyObject* kwargs);
// The broken-down local time of a number of seconds, and its UTC offset and zone name.
Status local_time(time_t seconds, struct tm* out);

}  // namespace gill::dates
