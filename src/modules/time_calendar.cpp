// The time module's broken-down time: struct_time, its conversion from and to seconds and text, the local time zone.
#include <cerrno>
#include <climits>
#include <cstdio>
#include <ctime>
#include <cwchar>

#include "base/binding.h"
#include "base/names.h"
#include "modules/time_module.h"
#include "objects/object.h"

namespace gill {
namespace {

inline constexpr int kVisibleFields = 9;
inline constexpr long kDay = 24 * 3600;

const PyStructSequence_Field kFields[] = {
    {"tm_year", "year, for example, 1993"},
    {"tm_mon", "month of year, range [1, 12]"},
    {"tm_mday", "day of month, range [1, 31]"},
    {"tm_hour", "hours, range [0, 23]"},
    {"tm_min", "minutes, range [0, 59]"},
    {"tm_sec", "seconds, range [0, 61])"},
    {"tm_wday", "day of week, range [0, 6], Monday is 0"},
    {"tm_yday", "day of year, range [1, 366]"},
    {"tm_isdst", "1 if summer time is in effect, 0 if not, and -1 if unknown"},
    {"tm_zone", "abbreviation of timezone name"},
    {"tm_gmtoff", "offset from UTC in seconds"},
    {nullptr, nullptr},
};
PyStructSequence_Desc description = {
    "time.struct_time",
    "The time value as returned by gmtime(), localtime(), and strptime(), and\n accepted by asctime(), mktime() and strftime().  May be considered as a\n "
    "sequence of 9 integers.\n\n The fields differ from those of C's struct tm: tm_year is the actual year, months\n and days of the year count from 1, "
    "Monday is the first day of the week.",
    table(kFields), kVisibleFields};

// ---- from seconds -----------------------------------------------------------------------------------------

Ref<> make_struct_time(PyObject* module, const tm& value, const char* zone, long offset) {
  Ref<> result = TRY(steal(PyStructSequence_New(time_module_state(module)->struct_time)));
  const long fields[] = {value.tm_year + 1900L, value.tm_mon + 1L,        value.tm_mday,       value.tm_hour, value.tm_min,
                         value.tm_sec,          (value.tm_wday + 6L) % 7, value.tm_yday + 1L, value.tm_isdst};
  for (int i = 0; i < kVisibleFields; ++i) PyStructSequence_SetItem(result.get(), i, PyLong_FromLong(fields[i]));
  PyStructSequence_SetItem(result.get(), 9, PyUnicode_DecodeLocale(zone, "surrogateescape"));
  PyStructSequence_SetItem(result.get(), 10, PyLong_FromLong(offset));
  if (PyErr_Occurred()) return nullptr;
  return result;
}

// The argument of gmtime(), localtime() and ctime(); now when there is none.
Maybe<time_t> read_seconds(PyObject* given) {
  if (!given || given == Py_None) return std::time(nullptr);
  time_t t;
  TRY(status_of(_PyTime_ObjectToTime_t(given, &t, _PyTime_ROUND_FLOOR)));
  return t;
}

Ref<> gmtime_of(PyObject* module, PyObject* given) {
  tm value;
  TRY(status_of(_PyTime_gmtime(TRY(read_seconds(given)), &value)));
  return make_struct_time(module, value, value.tm_zone, value.tm_gmtoff);
}
Ref<> localtime_of(PyObject* module, PyObject* given) {
  tm value;
  TRY(status_of(_PyTime_localtime(TRY(read_seconds(given)), &value)));
  return make_struct_time(module, value, value.tm_zone, value.tm_gmtoff);
}

// ---- from a tuple -------------------------------------------------------------------------------------------

// The zone's name, if any, is borrowed from the tuple.
Maybe<tm> read_tuple(PyObject* module, PyObject* tuple, const char* format) {
  if (!PyTuple_Check(tuple)) return raise(PyExc_TypeError, "Tuple or struct_time argument required");
  tm value = {};
  int year;
  if (!PyArg_ParseTuple(tuple, format, &year, &value.tm_mon, &value.tm_mday, &value.tm_hour, &value.tm_min, &value.tm_sec, &value.tm_wday,
                        &value.tm_yday, &value.tm_isdst)) {
    return failure;
  }
  if (year < INT_MIN + 1900) return raise(PyExc_OverflowError, "year out of range");
  value.tm_year = year - 1900;
  --value.tm_mon;
  value.tm_wday = (value.tm_wday + 1) % 7;
  --value.tm_yday;
  if (Py_IS_TYPE(tuple, time_module_state(module)->struct_time)) {
    PyObject* zone = PyStructSequence_GetItem(tuple, 9);
    if (zone && zone != Py_None) value.tm_zone = TRY(PyUnicode_AsUTF8(zone));
    PyObject* offset = PyStructSequence_GetItem(tuple, 10);
    if (offset && offset != Py_None) value.tm_gmtoff = TRY(checked(PyLong_AsLong(offset)));
  }
  return value;
}

// For output, where the C library would read beyond its tables. Zeros of month and day are the first ones.
Status check_fields(tm& value) {
  if (value.tm_mon == -1) value.tm_mon = 0;
  else if (value.tm_mon < 0 || value.tm_mon > 11) return raise(PyExc_ValueError, "month out of range");
  if (value.tm_mday == 0) value.tm_mday = 1;
  else if (value.tm_mday < 0 || value.tm_mday > 31) return raise(PyExc_ValueError, "day of month out of range");
  if (value.tm_hour < 0 || value.tm_hour > 23) return raise(PyExc_ValueError, "hour out of range");
  if (value.tm_min < 0 || value.tm_min > 59) return raise(PyExc_ValueError, "minute out of range");
  if (value.tm_sec < 0 || value.tm_sec > 61) return raise(PyExc_ValueError, "seconds out of range");
  if (value.tm_wday < 0) return raise(PyExc_ValueError, "day of week out of range");
  if (value.tm_yday == -1) value.tm_yday = 0;
  else if (value.tm_yday < 0 || value.tm_yday > 365) return raise(PyExc_ValueError, "day of year out of range");
  return Status::ok;
}

Maybe<tm> local_now() {
  tm value;
  TRY(status_of(_PyTime_localtime(std::time(nullptr), &value)));
  return value;
}

// ---- text -------------------------------------------------------------------------------------------------

Ref<> fixed_text(const tm& value) {
  // In English whatever the locale.
  static const char kDays[] = "SunMonTueWedThuFriSat", kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  char text[64];
  std::snprintf(text, sizeof(text), "%.3s %.3s%3d %.2d:%.2d:%.2d %d", kDays + 3 * value.tm_wday, kMonths + 3 * value.tm_mon, value.tm_mday,
                value.tm_hour, value.tm_min, value.tm_sec, 1900 + value.tm_year);
  return steal(PyUnicode_FromString(text));
}

Ref<> asctime_of(PyObject* module, PyObject* tuple) {
  tm value = tuple ? TRY(read_tuple(module, tuple, "iiiiiiiii;asctime(): illegal time tuple argument")) : TRY(local_now());
  TRY(check_fields(value));
  return fixed_text(value);
}

Ref<> ctime_of(PyObject*, PyObject* given) {
  tm value;
  TRY(status_of(_PyTime_localtime(TRY(read_seconds(given)), &value)));
  return fixed_text(value);
}

Ref<> strftime_of(PyObject* module, PyUnicodeObject* format, PyObject* tuple) {
  tm value = tuple ? TRY(read_tuple(module, tuple, "iiiiiiiii;strftime(): illegal time tuple argument")) : TRY(local_now());
  if (tuple) TRY(check_fields(value));
  // Anything else than a flag would index the zone's names.
  value.tm_isdst = value.tm_isdst < -1 ? -1 : value.tm_isdst > 1 ? 1 : value.tm_isdst;
  wchar_t* wide = TRY(PyUnicode_AsWideCharString(as_object(format), nullptr));
  size_t most = std::wcslen(wide) * 256;
  Ref<> result;
  for (size_t size = 1024;; size *= 2) {
    auto* buffer = PyMem_New(wchar_t, size);
    if (!buffer) {
      PyErr_NoMemory();
      break;
    }
    size_t length = std::wcsftime(buffer, size, wide, &value);
    // An empty text cannot be told from one that does not fit.
    bool done = length > 0 || size >= most;
    if (done) result = steal(PyUnicode_FromWideChar(buffer, static_cast<Py_ssize_t>(length)));
    PyMem_Free(buffer);
    if (done) break;
  }
  PyMem_Free(wide);
  return result;
}

Ref<> strptime_of(PyObject*, Args args) {
  Ref<> parser = TRY(steal(PyImport_ImportModule("_strptime")));
  Ref<> function = TRY(attribute(parser.get(), name<"_strptime_time">));
  return steal(PyObject_Vectorcall(function.get(), args.items, static_cast<size_t>(args.count), nullptr));
}

Maybe<double> mktime_of(PyObject* module, PyObject* tuple) {
  tm value = TRY(read_tuple(module, tuple, "iiiiiiiii;mktime(): illegal time tuple argument"));
  // -1 is a valid result; a weekday that was filled in tells.
  value.tm_wday = -1;
  time_t t = std::mktime(&value);
  if (t == -1 && value.tm_wday == -1) return raise(PyExc_OverflowError, "mktime argument out of range");
  return static_cast<double>(t);
}

// ---- the time zone ------------------------------------------------------------------------------------------

struct Zone {
  char name[10] = "   ";
  long west = 0;  // seconds
};

Maybe<Zone> zone_at(time_t t) {
  Zone zone;
  tm value;
  TRY(status_of(_PyTime_localtime(t, &value)));
  if (value.tm_zone) std::snprintf(zone.name, sizeof(zone.name), "%.9s", value.tm_zone);
  zone.west = -value.tm_gmtoff;
  return zone;
}

// The zone in winter and in summer, whichever hemisphere: the larger distance to the west is the standard time.
Status set_zone(PyObject* module) {
  constexpr time_t kYear = (365 * 24 + 6) * 3600;
  time_t start = std::time(nullptr) / kYear * kYear;
  Zone january = TRY(zone_at(start)), july = TRY(zone_at(start + kYear / 2));
  if (january.west < -2 * kDay || january.west > 2 * kDay || july.west < -2 * kDay || july.west > 2 * kDay) {
    return raise(PyExc_RuntimeError, "invalid GMT offset");
  }
  const Zone& standard = january.west < july.west ? july : january;
  const Zone& summer = january.west < july.west ? january : july;
  TRY(status_of(PyModule_AddIntConstant(module, "timezone", standard.west)));
  TRY(status_of(PyModule_AddIntConstant(module, "altzone", summer.west)));
  TRY(status_of(PyModule_AddIntConstant(module, "daylight", january.west != july.west)));
  Ref<> names = TRY(steal(Py_BuildValue("(zz)", standard.name, summer.name)));
  return status_of(PyModule_AddObjectRef(module, "tzname", names.get()));
}

Status tzset_of(PyObject* module) {
  tzset();
  return set_zone(module);
}

// ---- the module ---------------------------------------------------------------------------------------------

#define FORMAT_CODES                                                                                                                                \
  "\n\nCommonly used format codes:\n\n%Y  Year with century as a decimal number.\n%m  Month as a decimal number [01,12].\n%d  Day of the month as " \
  "a decimal number [01,31].\n%H  Hour (24-hour clock) as a decimal number [00,23].\n%M  Minute as a decimal number [00,59].\n%S  Second as a "     \
  "decimal number [00,61].\n%z  Time zone offset from UTC.\n%a  Locale's abbreviated weekday name.\n%A  Locale's full weekday name.\n%b  "           \
  "Locale's abbreviated month name.\n%B  Locale's full month name.\n%c  Locale's appropriate date and time representation.\n%I  Hour (12-hour "     \
  "clock) as a decimal number [01,12].\n%p  Locale's equivalent of either AM or PM.\n\nOther codes may be available on your platform.\n"

const PyMethodDef kMethods[] = {
    METHOD_PARSED("gmtime($module, seconds=<unrepresentable>, /)", gmtime_of,
                    "gmtime([seconds]) -> (tm_year, tm_mon, tm_mday, tm_hour, tm_min,\n                       tm_sec, tm_wday, tm_yday, tm_isdst)\n\nConvert "
                    "seconds since the Epoch, or the current time, to a time tuple in UTC."),
    METHOD_PARSED("localtime($module, seconds=<unrepresentable>, /)", localtime_of,
                    "localtime([seconds]) -> (tm_year,tm_mon,tm_mday,tm_hour,tm_min,\n                          "
                    "tm_sec,tm_wday,tm_yday,tm_isdst)\n\nConvert seconds since the Epoch, or the current time, to a time tuple in local\ntime."),
    METHOD_OF_TUPLE("asctime($module, tuple=<unrepresentable>, /)", asctime_of,
                    "asctime([tuple]) -> string\n\nConvert a time tuple, or the current local time, to a text such as\n'Sat Jun 06 16:26:11 1998'."),
    METHOD_PARSED("ctime($module, seconds=<unrepresentable>, /)", ctime_of,
                    "ctime(seconds) -> string\n\nConvert seconds since the Epoch, or the current time, to a text of local time:\nasctime(localtime(seconds))."),
    METHOD_UNSIGNED("mktime($module, tuple, /)", mktime_of,
                    "mktime(tuple) -> floating point number\n\nConvert a time tuple in local time to seconds since the Epoch."),
    METHOD_PARSED("strftime($module, format, tuple=<unrepresentable>, /)", strftime_of,
                    "strftime(format[, tuple]) -> string\n\nConvert a time tuple, or the current local time, to a text." FORMAT_CODES),
    METHOD_PARSED("strptime($module, /, *args)", strptime_of,
                    "strptime(string, format) -> struct_time\n\nParse a text to a time tuple according to a format." FORMAT_CODES),
    METHOD_UNSIGNED("tzset($module, /)", tzset_of,
                    "tzset()\n\nTake the local time zone from os.environ['TZ'], or the system's where that is not\nset. An unknown zone is UTC."),
    kEndOfMethods,
};

}  // namespace

Status add_calendar(PyObject* module, TimeModuleState* state) {
  TRY(status_of(PyModule_AddFunctions(module, table(kMethods))));
  TRY(set_zone(module));
  state->struct_time = TRY(steal(PyStructSequence_NewType(&description))).release();
  TRY(status_of(PyModule_AddIntConstant(module, "_STRUCT_TM_ITEMS", 11)));
  return status_of(PyModule_AddType(module, state->struct_time));
}

}  // namespace gill
