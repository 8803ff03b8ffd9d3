// datetime against the machine: the clock, POSIX timestamps, local time with its folds and gaps, conversion between zones.
//
// Seconds are counted from 0000-12-31, so that the ordinal of a day is its number of days; kEpoch is 1970-01-01 in that count.
#include <ctime>

#include "modules/datetime/datetime.h"

namespace gill::dates {

namespace {

constexpr int64_t kEpoch = int64_t{719163} * kSecondsPerDay;
// No zone moves its clocks by more than a day.
constexpr int64_t kMaxFoldSeconds = 24 * 3600;

DateTime* datetime(PyObject* o) { return reinterpret_cast<DateTime*>(o); }

Maybe<int64_t> seconds_of(const Civil& date, const Clock& clock) {
  if (date.year < kMinYear || date.year > kMaxYear) return raise(PyExc_ValueError, "year %i is out of range", date.year);
  return ((static_cast<int64_t>(ordinal_of(date)) * 24 + clock.hour) * 60 + clock.minute) * 60 + clock.second;
}

Civil date_of(const struct tm& fields) { return {fields.tm_year + 1900, fields.tm_mon + 1, fields.tm_mday}; }
// A leap second is shown as the second before it.
Clock clock_of(const struct tm& fields, int microsecond = 0) {
  return {fields.tm_hour, fields.tm_min, std::min(fields.tm_sec, 59), microsecond};
}

// What the local clock shows, as seconds, at `seconds` of UTC.
Maybe<int64_t> local_seconds(int64_t seconds) {
  struct tm fields;
  if (local_time(seconds - kEpoch, &fields) == Status::error) return failure;
  return seconds_of(date_of(fields), {fields.tm_hour, fields.tm_min, fields.tm_sec});
}

// The inverse: when, in UTC, the local clock shows that. In a fold, of the two moments the one that `fold` names; in a gap, what the
// clock would show with the offset before (fold 0) or after (fold 1).
Maybe<int64_t> utc_of_local(const Civil& date, const Clock& clock, int fold) {
  int64_t shown = TRY(seconds_of(date, clock));
  int64_t offset = TRY(local_seconds(shown)) - shown;
  int64_t first = shown - offset;
  int64_t first_shown = TRY(local_seconds(first));
  int64_t other_offset;
  if (first_shown == shown) {
    // One solution; a fold has another within a day.
    int64_t probe = fold ? first + kMaxFoldSeconds : first - kMaxFoldSeconds;
    other_offset = TRY(local_seconds(probe)) - probe;
    if (other_offset == offset) return first;
  } else {
    other_offset = first_shown - first;
  }
  int64_t second = shown - other_offset;
  if (TRY(local_seconds(second)) == shown) return second;
  if (first_shown == shown) return first;
  return fold ? std::min(first, second) : std::max(first, second);
}

Ref<> datetime_of_time(PyObject* type, bool in_utc, time_t seconds, int microsecond, PyObject* zone) {
  struct tm fields;
  if (in_utc) TRY(status_of(_PyTime_gmtime(seconds, &fields)));
  else TRY(local_time(seconds, &fields));
  Civil date = date_of(fields);
  Clock clock = clock_of(fields, microsecond);
  int fold = 0;
  if (zone == Py_None && !in_utc) {
    // The second time that the clock shows this is where the clock was behind what it shows now minus a day.
    int64_t shown = TRY(seconds_of(date, clock));
    int64_t before = TRY(local_seconds(kEpoch + seconds - kMaxFoldSeconds));
    int64_t transition = shown - before - kMaxFoldSeconds;
    if (transition < 0 && TRY(local_seconds(kEpoch + seconds + transition)) == shown) fold = 1;
  }
  return new_datetime_of_class(date, clock, zone, fold, type);
}

// Zones are asked to turn UTC into their time.
Ref<> from_utc(Ref<> in_utc, PyObject* zone) {
  if (zone == Py_None) return in_utc;
  return steal(PyObject_CallMethodOneArg(zone, name<"fromutc">, in_utc.get()));
}

// The zone of the local clock at a moment, as a fixed offset.
Ref<> local_zone_at(time_t seconds) {
  struct tm fields;
  TRY(local_time(seconds, &fields));
  Ref<Delta> offset = TRY(new_delta(0, fields.tm_gmtoff, 0));
  Ref<> label;
  if (fields.tm_zone) label = TRY(steal(PyUnicode_DecodeLocale(fields.tm_zone, "surrogateescape")));
  return checked_fixed_zone(offset.object(), label.get());
}

Ref<> local_zone_of_naive(DateTime* date) {
  int64_t seconds = TRY(utc_of_local(civil(date), gill::dates::clock_of(date), date->fold));
  return local_zone_at(seconds - kEpoch);
}

}  // namespace

constinit DateTime epoch = {
    .ob_base = {kImmortalCount, &DateTime_Type},
    .hashcode = -1,
    .hastzinfo = 1,
    .data = {1970 >> 8, 1970 & 0xff, 1, 1, 0, 0, 0, 0, 0, 0},
    .fold = 0,
    .tzinfo = &utc.ob_base,
};

Status local_time(time_t seconds, struct tm* out) { return status_of(_PyTime_localtime(seconds, out)); }

Ref<> datetime_of_timestamp(PyObject* type, PyObject* timestamp, PyObject* zone, bool in_utc) {
  time_t seconds;
  long microseconds;
  TRY(status_of(_PyTime_ObjectToTimeval(timestamp, &seconds, &microseconds, _PyTime_ROUND_HALF_EVEN)));
  return datetime_of_time(type, in_utc, seconds, static_cast<int>(microseconds), zone);
}

PyObject* datetime_fromtimestamp(PyObject* type, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"timestamp", "tz", nullptr};
  PyObject *timestamp, *zone = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:fromtimestamp", const_cast<char**>(keywords), &timestamp, &zone)) return nullptr;
  TRY(check_zone(zone));
  Ref<> result = TRY(datetime_of_timestamp(type, timestamp, zone, zone != Py_None));
  return from_utc(std::move(result), zone).release();
}

Ref<> datetime_now(PyTypeObject* type, PyObject* zone) {
  TRY(check_zone(zone));
  time_t seconds;
  int microseconds;
  TRY(status_of(_PyTime_AsTimevalTime_t(_PyTime_GetSystemClock(), &seconds, &microseconds, _PyTime_ROUND_FLOOR)));
  Ref<> result = TRY(datetime_of_time(as_object(type), zone != Py_None, seconds, microseconds, zone));
  return from_utc(std::move(result), zone);
}

Ref<> datetime_utcnow(PyObject* type) {
  time_t seconds;
  int microseconds;
  TRY(status_of(_PyTime_AsTimevalTime_t(_PyTime_GetSystemClock(), &seconds, &microseconds, _PyTime_ROUND_FLOOR)));
  return datetime_of_time(type, true, seconds, microseconds, Py_None);
}

Ref<> datetime_timestamp(DateTime* self) {
  if (zone_of(self) != Py_None) {
    Ref<> since = TRY(steal(PyNumber_Subtract(as_object(self), reinterpret_cast<PyObject*>(&epoch))));
    return steal(PyObject_CallMethodNoArgs(since.get(), name<"total_seconds">));
  }
  Clock clock = gill::dates::clock_of(self);
  int64_t seconds = TRY(utc_of_local(civil(self), clock, self->fold));
  return steal(PyFloat_FromDouble(static_cast<double>(seconds - kEpoch) + clock.microsecond / 1e6));
}

PyObject* datetime_astimezone(PyObject* object, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"tz", nullptr};
  PyObject* wanted = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:astimezone", const_cast<char**>(keywords), &wanted)) return nullptr;
  TRY(check_zone(wanted));
  DateTime* self = datetime(object);
  // Naive times are local ones.
  Ref<> own = zone_of(self) == Py_None ? TRY(local_zone_of_naive(self)) : borrow(zone_of(self));
  if (own.get() == wanted) return borrow(object).release();
  Ref<> offset = TRY(utc_offset(own.get(), object));
  if (offset.get() == Py_None) {
    own = TRY(local_zone_of_naive(self));
    offset = TRY(utc_offset(own.get(), object));
  }
  Ref<> result = TRY(datetime_plus(self, as_delta(offset), -1));
  if (!is_datetime(result.get())) return raise(PyExc_TypeError, "astimezone() got a result of type '%.200s'", Py_TYPE(result.get())->tp_name);
  DateTime* in_utc = datetime(result.get());
  Ref<> zone = borrow(wanted);
  if (wanted == Py_None) {
    int64_t seconds = TRY(seconds_of(civil(in_utc), gill::dates::clock_of(in_utc)));
    zone = TRY(local_zone_at(seconds - kEpoch));
  }
  // What a zone gets to turn into its time is UTC that says it is in that zone.
  if (in_utc->hastzinfo) {
    set_field(in_utc->tzinfo, zone.new_ref());
    in_utc->hashcode = -1;
  } else {
    result = TRY(new_datetime(civil(in_utc), gill::dates::clock_of(in_utc), zone.get(), in_utc->fold, Py_TYPE(in_utc)));
  }
  return PyObject_CallMethodOneArg(zone.get(), name<"fromutc">, result.get());
}

}  // namespace gill::dates
