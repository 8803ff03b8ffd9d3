// datetime: a date and a time of day, perhaps in a zone. Reading clocks and converting between zones is in datetime_time.cpp.
#include "modules/datetime/fast_arguments.h"

namespace gill::dates {

namespace {
DateTime* datetime(PyObject* o) { return reinterpret_cast<DateTime*>(o); }
int second_of_day(const Clock& c) { return c.hour * 3600 + c.minute * 60 + c.second; }
}  // namespace

Ref<> new_datetime(const Civil& date, const Clock& clock, PyObject* zone, int fold, PyTypeObject* type) {
  TRY(check_date(date.year, date.month, date.day));
  TRY(check_clock(clock.hour, clock.minute, clock.second, clock.microsecond, fold));
  TRY(check_zone(zone));
  bool aware = zone != Py_None;
  Ref<DateTime> self = TRY(Ref<DateTime>::steal(type->tp_alloc(type, aware)));
  self->hashcode = -1;
  self->hastzinfo = aware;
  pack_date(self->data, date);
  pack_clock(self->data + _PyDateTime_DATE_DATASIZE, clock);
  self->fold = static_cast<unsigned char>(fold);
  if (aware) self->tzinfo = borrow(zone).release();
  return self;
}

Ref<> new_datetime_of_class(const Civil& d, const Clock& c, PyObject* zone, int fold, PyObject* type) {
  if (type == as_object(&DateTime_Type)) return new_datetime(d, c, zone, fold);
  return steal(PyObject_CallFunction(type, "iiiiiiiO", d.year, d.month, d.day, c.hour, c.minute, c.second, c.microsecond, zone));
}

Ref<> datetime_plus(DateTime* self, const Delta* delta, int sign) {
  Civil date = civil(self);
  Clock clock = clock_of(self);
  TRY(normalize(date, static_cast<int64_t>(delta->days) * sign, static_cast<int64_t>(delta->seconds) * sign,
                static_cast<int64_t>(delta->microseconds) * sign, clock));
  return new_datetime_of_class(date, clock, zone_of(self), 0, as_object(Py_TYPE(self)));
}

namespace {

// ---- construction -------------------------------------------------------------------------------------------------------

Ref<> datetime_of_state(PyTypeObject* type, PyObject* bytes, PyObject* zone) {
  if (zone != Py_None && !is_zone(zone)) return raise(PyExc_TypeError, "bad tzinfo state arg");
  bool aware = zone != Py_None;
  Ref<DateTime> self = TRY(Ref<DateTime>::steal(type->tp_alloc(type, aware)));
  memcpy(self->data, PyBytes_AS_STRING(bytes), _PyDateTime_DATETIME_DATASIZE);
  self->hashcode = -1;
  self->hastzinfo = aware;
  if (aware) self->tzinfo = borrow(zone).release();
  // The month's top bit is the fold.
  self->fold = self->data[2] >> 7;
  self->data[2] &= 0x7f;
  return self;
}

PyObject* datetime_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (Py_ssize_t n = PyTuple_GET_SIZE(args); n == 1 || n == 2) {
    auto sane = [](unsigned char month) { return (month & 0x7f) >= 1 && (month & 0x7f) <= 12; };
    PickleState state = pickle_state(PyTuple_GET_ITEM(args, 0), _PyDateTime_DATETIME_DATASIZE, sane, 2, "datetime");
    if (state.failed) return nullptr;
    if (state.bytes) return datetime_of_state(type, state.bytes.get(), n == 2 ? PyTuple_GET_ITEM(args, 1) : Py_None).release();
  }
  static const char* const keywords[] = {"year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold", nullptr};
  Civil date;
  Clock clock;
  PyObject* zone = Py_None;
  int fold = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iii|iiiiO$i", const_cast<char**>(keywords), &date.year, &date.month, &date.day, &clock.hour,
                                   &clock.minute, &clock.second, &clock.microsecond, &zone, &fold)) {
    return nullptr;
  }
  return new_datetime(date, clock, zone, fold, type).release();
}

// False: not usual.
bool place_fields(const CallArguments& call, Civil& date, Clock& clock, PyObject** zone, int* fold) {
  static constexpr PyObject* kNames[] = {name<"year">,   name<"month">,       name<"day">,    name<"hour">, name<"minute">,
                                         name<"second">, name<"microsecond">, name<"tzinfo">, name<"fold">};
  PyObject* values[9] = {};
  if (!place(call, kNames, 8, values)) return false;
  if (values[7]) *zone = values[7];
  return place_int(values[0], &date.year) && place_int(values[1], &date.month) && place_int(values[2], &date.day) &&
         place_int(values[3], &clock.hour) && place_int(values[4], &clock.minute) && place_int(values[5], &clock.second) &&
         place_int(values[6], &clock.microsecond) && place_int(values[8], fold);
}

Ref<> datetime_construct(PyTypeObject* type, const CallArguments& call, bool* usual) {
  constexpr int kAbsent = INT_MIN;
  Civil date{kAbsent, kAbsent, kAbsent};
  Clock clock;
  PyObject* zone = Py_None;
  int fold = 0;
  *usual = place_fields(call, date, clock, &zone, &fold) && date.year != kAbsent && date.month != kAbsent && date.day != kAbsent;
  return *usual ? new_datetime(date, clock, zone, fold, type) : Ref<>();
}

void datetime_dealloc(DateTime* self) {
  if (self->hastzinfo) clear_field(self->tzinfo);
  Py_TYPE(self)->tp_free(as_object(self));
}

PyObject* datetime_combine(PyObject* type, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"date", "time", "tzinfo", nullptr};
  PyObject *date, *time_object, *zone = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!|O:combine", const_cast<char**>(keywords), &Date_Type, &date, &Time_Type, &time_object, &zone)) {
    return nullptr;
  }
  auto* time = reinterpret_cast<Time*>(time_object);
  return new_datetime_of_class(civil(date), clock_of(time), zone ? zone : zone_of(time), time->fold, type).release();
}

PyObject* datetime_strptime(PyObject* type, PyObject* args) {
  PyObject *text, *format;
  if (!PyArg_ParseTuple(args, "UU:strptime", &text, &format)) return nullptr;
  Ref<> module = TRY(steal(PyImport_ImportModule("_strptime")));
  return PyObject_CallMethodObjArgs(module.get(), name<"_strptime_datetime">, type, text, format, nullptr);
}

// Any character may stand between date and time, a lone surrogate too, which UTF-8 has no form for.
Ref<> without_surrogate_separator(PyObject* text) {
  Py_ssize_t length = PyUnicode_GetLength(text);
  for (Py_ssize_t place : {7, 8, 10}) {
    if (place >= length) break;
    if (!Py_UNICODE_IS_SURROGATE(PyUnicode_READ_CHAR(text, place))) continue;
    Ref<> head = TRY(steal(PyUnicode_Substring(text, 0, place)));
    Ref<> tail = TRY(steal(PyUnicode_Substring(text, place + 1, length)));
    return steal(PyUnicode_FromFormat("%UT%U", head.get(), tail.get()));
  }
  return borrow(text);
}

Ref<> datetime_fromisoformat(PyObject* type, PyObject* text) {
  if (!PyUnicode_Check(text)) return raise(PyExc_TypeError, "fromisoformat: argument must be str");
  if (PyUnicode_GetLength(text) < 7) return raise_iso_error(text);
  Ref<> clean = TRY(without_surrogate_separator(text));
  Py_ssize_t size;
  const char* utf8 = PyUnicode_AsUTF8AndSize(clean.get(), &size);
  if (!utf8) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return failure;
    PyErr_Clear();
    return raise_iso_error(text);
  }
  auto length = static_cast<size_t>(size);
  size_t separator = std::min(iso_separator(utf8, length), length);
  Civil date;
  if (!parse_iso_date(utf8, separator, &date)) return raise_iso_error(text);
  IsoTime time;
  if (separator < length) {
    const char* begin = utf8 + separator + 1;
    while ((*begin & 0xc0) == 0x80) ++begin;  // the rest of the separator's bytes
    if (!parse_iso_time(begin, utf8 + length, &time)) return raise_iso_error(text);
  }
  Ref<> zone = TRY(zone_of_iso(time));
  return new_datetime_of_class(date, time.clock, zone.get(), 0, type);
}

// ---- zone ---------------------------------------------------------------------------------------------------------------

Ref<> datetime_utcoffset(DateTime* self) { return utc_offset(zone_of(self), as_object(self)); }
Ref<> datetime_dst(DateTime* self) { return daylight_offset(zone_of(self), as_object(self)); }
Ref<> datetime_tzname(DateTime* self) { return zone_name(zone_of(self), as_object(self)); }

// ---- arithmetic ---------------------------------------------------------------------------------------------------------

Ref<> datetime_add(PyObject* left, PyObject* right) {
  if (is_datetime(left)) return is_delta(right) ? datetime_plus(datetime(left), reinterpret_cast<Delta*>(right), 1) : not_implemented();
  return is_delta(left) ? datetime_plus(datetime(right), reinterpret_cast<Delta*>(left), 1) : not_implemented();
}

Ref<Delta> difference_of(DateTime* a, DateTime* b, const Delta* offset_a, const Delta* offset_b) {
  int64_t days = ordinal_of(civil(a)) - ordinal_of(civil(b));
  Clock x = clock_of(a), y = clock_of(b);
  int64_t seconds = second_of_day(x) - second_of_day(y);
  int64_t microseconds = x.microsecond - y.microsecond;
  if (offset_a) {
    days -= offset_a->days - offset_b->days;
    seconds -= offset_a->seconds - offset_b->seconds;
    microseconds -= offset_a->microseconds - offset_b->microseconds;
  }
  return new_delta(days, seconds, microseconds);
}

Ref<> datetime_subtract(PyObject* left, PyObject* right) {
  if (!is_datetime(left)) return not_implemented();
  DateTime* self = datetime(left);
  if (is_delta(right)) return datetime_plus(self, reinterpret_cast<Delta*>(right), -1);
  if (!is_datetime(right)) return not_implemented();
  DateTime* other = datetime(right);
  // Within one zone the clocks are compared as they are.
  if (zone_of(self) == zone_of(other)) return difference_of(self, other, nullptr, nullptr);
  Ref<> mine = TRY(datetime_utcoffset(self));
  Ref<> theirs = TRY(datetime_utcoffset(other));
  if ((mine.get() == Py_None) != (theirs.get() == Py_None)) {
    return raise(PyExc_TypeError, "can't subtract offset-naive and offset-aware datetimes");
  }
  bool apart = !same_offset(mine.get(), theirs.get());
  return difference_of(self, other, apart ? as_delta(mine) : nullptr, apart ? as_delta(theirs) : nullptr);
}

// ---- comparison ---------------------------------------------------------------------------------------------------------

// Whether the offset depends on the fold: such a time equals nothing in another zone.
Maybe<bool> fold_matters(DateTime* self, PyObject* offset) {
  Ref<> flipped = TRY(new_datetime(civil(self), clock_of(self), zone_of(self), !self->fold));
  Ref<> other = TRY(datetime_utcoffset(datetime(flipped.get())));
  return !same_offset(other.get(), offset);
}

Ref<> datetime_compare(DateTime* self, PyObject* other_object, int operation) {
  bool equality = operation == Py_EQ || operation == Py_NE;
  if (!is_datetime(other_object)) {
    if (!is_date(other_object)) return not_implemented();
    if (equality) return py_bool(operation == Py_NE);
    return cannot_compare(as_object(self), other_object);
  }
  DateTime* other = datetime(other_object);
  int difference = memcmp(self->data, other->data, _PyDateTime_DATETIME_DATASIZE);
  if (zone_of(self) == zone_of(other)) return compared(difference, operation);
  Ref<> mine = TRY(datetime_utcoffset(self));
  Ref<> theirs = TRY(datetime_utcoffset(other));
  if (!same_offset(mine.get(), theirs.get())) {
    if (mine.get() == Py_None || theirs.get() == Py_None) {
      if (equality) return py_bool(operation == Py_NE);
      return raise(PyExc_TypeError, "can't compare offset-naive and offset-aware datetimes");
    }
    Ref<Delta> apart = TRY(difference_of(self, other, as_delta(mine), as_delta(theirs)));
    difference = apart->days;
    if (difference == 0) difference = apart->seconds | apart->microseconds;
  }
  if (equality && difference == 0) {
    bool ambiguous = TRY(fold_matters(self, mine.get())) || TRY(fold_matters(other, theirs.get()));
    if (ambiguous) difference = 1;
  }
  return compared(difference, operation);
}

Py_hash_t datetime_hash(PyObject* object) {
  DateTime* self = datetime(object);
  if (self->hashcode != -1) return self->hashcode;
  // Equal datetimes have equal hashes whatever their fold.
  Ref<> unfolded = self->fold ? TRY(new_datetime(civil(self), clock_of(self), zone_of(self), 0, Py_TYPE(self))) : borrow(object);
  Ref<> offset = TRY(datetime_utcoffset(datetime(unfolded.get())));
  if (offset.get() == Py_None) {
    self->hashcode = hash_of_data(self->data, _PyDateTime_DATETIME_DATASIZE);
  } else {
    Delta* shift = as_delta(offset);
    Clock clock = clock_of(self);
    Ref<Delta> in_utc = TRY(new_delta(static_cast<int64_t>(ordinal_of(civil(self))) - shift->days, second_of_day(clock) - shift->seconds,
                                      clock.microsecond - shift->microseconds));
    self->hashcode = PyObject_Hash(in_utc.object());
  }
  return self->hashcode;
}

// ---- texts --------------------------------------------------------------------------------------------------------------

Ref<> datetime_repr(DateTime* self) {
  char fields[100];
  Civil d = civil(self);
  Clock c = clock_of(self);
  int size = snprintf(fields, sizeof(fields), "%d, %d, %d, %d, %d", d.year, d.month, d.day, c.hour, c.minute);
  if (c.second || c.microsecond) size += snprintf(fields + size, sizeof(fields) - static_cast<size_t>(size), ", %d", c.second);
  if (c.microsecond) snprintf(fields + size, sizeof(fields) - static_cast<size_t>(size), ", %d", c.microsecond);
  Ref<> text = TRY(steal(PyUnicode_FromFormat("%s(%s)", Py_TYPE(self)->tp_name, fields)));
  if (self->fold) text = TRY(insert_before_parenthesis(std::move(text), ", fold=1", nullptr));
  if (self->hastzinfo) text = TRY(insert_before_parenthesis(std::move(text), ", tzinfo=%R", self->tzinfo));
  return text;
}

Ref<> datetime_str(PyObject* self) { return steal(PyObject_CallMethodOneArg(self, name<"isoformat">, name<" ">)); }
Ref<> datetime_ctime(DateTime* self) {
  Civil date = civil(self);
  return format_date_text(weekday_of(date.year, date.month, date.day), date, clock_of(self));
}

PyObject* datetime_isoformat(PyObject* object, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"sep", "timespec", nullptr};
  int separator = 'T';
  const char* spec_text = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|Cs:isoformat", const_cast<char**>(keywords), &separator, &spec_text)) return nullptr;
  DateTime* self = datetime(object);
  TimeSpec spec = TRY(time_spec_of(spec_text));
  char text[80];
  char* middle = write_date(text, civil(self));
  *middle = 'T';
  char* end = write_clock(middle + 1, clock_of(self), spec);
  Ref<> offset = TRY(datetime_utcoffset(self));
  if (offset.get() != Py_None) end = write_offset(end, as_delta(offset), ":");
  if (separator < 128) {
    *middle = static_cast<char>(separator);
    return text_of(text, end).release();
  }
  *middle = 0;
  *end = 0;
  return PyUnicode_FromFormat("%s%c%s", text, separator, middle + 1);
}

// ---- parts --------------------------------------------------------------------------------------------------------------

Ref<> datetime_date(DateTime* self) { return new_date(civil(self)); }
Ref<> datetime_time(DateTime* self) { return new_time(clock_of(self), Py_None, self->fold); }
Ref<> datetime_timetz(DateTime* self) { return new_time(clock_of(self), zone_of(self), self->fold); }

Ref<> datetime_timetuple(DateTime* self) {
  int dst = -1;
  Ref<> offset = TRY(datetime_dst(self));
  if (offset.get() != Py_None) dst = TRY(truth_of(PyObject_IsTrue(offset.get())));
  return build_struct_time(civil(self), clock_of(self), dst);
}

Ref<> datetime_utctimetuple(DateTime* self) {
  Ref<> offset = TRY(datetime_utcoffset(self));
  Civil date = civil(self);
  Clock clock = clock_of(self);
  if (offset.get() != Py_None) {
    Delta* shift = as_delta(offset);
    TRY(normalize(date, -static_cast<int64_t>(shift->days), -shift->seconds, -shift->microseconds, clock));
  }
  return build_struct_time(date, clock, 0);
}

Ref<> replaced(PyObject* self, const Civil& date, const Clock& clock, PyObject* zone, int fold) {
  if (fold != 0 && fold != 1) return raise(PyExc_ValueError, "fold must be either 0 or 1");
  Ref<> result = TRY(new_datetime_of_class(date, clock, zone, fold, as_object(Py_TYPE(self))));
  if (is_datetime(result.get())) datetime(result.get())->fold = static_cast<unsigned char>(fold);
  return result;
}

PyObject* datetime_replace(PyObject* object, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold", nullptr};
  DateTime* self = datetime(object);
  Civil date = civil(self);
  Clock clock = clock_of(self);
  PyObject* zone = zone_of(self);
  int fold = self->fold;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|iiiiiiiO$i:replace", const_cast<char**>(keywords), &date.year, &date.month, &date.day, &clock.hour,
                                   &clock.minute, &clock.second, &clock.microsecond, &zone, &fold)) {
    return nullptr;
  }
  return replaced(object, date, clock, zone, fold).release();
}

Ref<> datetime_replace_fast(PyObject* object, const CallArguments& call, bool* usual) {
  DateTime* self = datetime(object);
  Civil date = civil(self);
  Clock clock = clock_of(self);
  PyObject* zone = zone_of(self);
  int fold = self->fold;
  *usual = place_fields(call, date, clock, &zone, &fold);
  return *usual ? replaced(object, date, clock, zone, fold) : Ref<>();
}

Ref<> pickled(DateTime* self, int protocol) {
  unsigned char data[_PyDateTime_DATETIME_DATASIZE];
  memcpy(data, self->data, sizeof(data));
  if (protocol > 3 && self->fold) data[2] |= 0x80;
  constexpr Py_ssize_t size = sizeof(data);
  return steal(self->hastzinfo ? Py_BuildValue("O(y#O)", Py_TYPE(self), data, size, self->tzinfo) : Py_BuildValue("O(y#)", Py_TYPE(self), data, size));
}
PyObject* datetime_reduce_ex(PyObject* self, PyObject* args) {
  int protocol;
  if (!PyArg_ParseTuple(args, "i:__reduce_ex__", &protocol)) return nullptr;
  return pickled(datetime(self), protocol).release();
}
Ref<> datetime_reduce(DateTime* self) { return pickled(self, 2); }

template <int Clock::*Field>
Maybe<int> clock_field(DateTime* self) {
  return clock_of(self).*Field;
}
Ref<> datetime_tzinfo(DateTime* self) { return borrow(zone_of(self)); }
Maybe<int> datetime_fold(DateTime* self) { return self->fold; }

PyObject* datetime_utcfromtimestamp(PyObject* type, PyObject* args) {
  PyObject* timestamp;
  if (!PyArg_ParseTuple(args, "O:utcfromtimestamp", &timestamp)) return nullptr;
  return datetime_of_timestamp(type, timestamp, Py_None, true).release();
}

const PyMethodDef kMethods[] = {
    CLASS_METHOD("now($type, /, tz=None)", datetime_now,
                 "Returns new datetime object representing current time local to tz.\n\n  tz\n    Timezone object.\n\nIf no tz is specified, uses local timezone."),
    CLASS_METHOD_UNSIGNED("utcnow($type)", datetime_utcnow, "Return a new datetime representing UTC day and time."),
    keyword_method("fromtimestamp", datetime_fromtimestamp, METH_CLASS, "timestamp[, tz] -> tz's local time from POSIX timestamp."),
    {"utcfromtimestamp", datetime_utcfromtimestamp, METH_VARARGS | METH_CLASS, "Construct a naive UTC datetime from a POSIX timestamp."},
    {"strptime", datetime_strptime, METH_VARARGS | METH_CLASS, "string, format -> new datetime parsed from a string (like time.strptime())."},
    keyword_method("combine", datetime_combine, METH_CLASS, "date, time -> datetime with same date and time fields"),
    CLASS_METHOD_UNSIGNED("fromisoformat($type, text, /)", datetime_fromisoformat, "string -> datetime from a string in most ISO 8601 formats"),
    METHOD_UNSIGNED("date($self)", datetime_date, "Return date object with same year, month and day."),
    METHOD_UNSIGNED("time($self)", datetime_time, "Return time object with same time but with tzinfo=None."),
    METHOD_UNSIGNED("timetz($self)", datetime_timetz, "Return time object with same time and tzinfo."),
    METHOD_UNSIGNED("ctime($self)", datetime_ctime, "Return ctime() style string."),
    METHOD_UNSIGNED("timetuple($self)", datetime_timetuple, "Return time tuple, compatible with time.localtime()."),
    METHOD_UNSIGNED("timestamp($self)", datetime_timestamp, "Return POSIX timestamp as float."),
    METHOD_UNSIGNED("utctimetuple($self)", datetime_utctimetuple, "Return UTC time tuple, compatible with time.localtime()."),
    keyword_method("isoformat", datetime_isoformat, 0,
                   "[sep] -> string in ISO 8601 format, YYYY-MM-DDT[HH[:MM[:SS[.mmm[uuu]]]]][+HH:MM].\nsep is used to separate the year from the time, and "
                   "defaults to 'T'.\nThe optional argument timespec specifies the number of additional terms\nof the time to include. Valid options are 'auto', "
                   "'hours', 'minutes',\n'seconds', 'milliseconds' and 'microseconds'.\n"),
    METHOD_UNSIGNED("utcoffset($self)", datetime_utcoffset, "Return self.tzinfo.utcoffset(self)."),
    METHOD_UNSIGNED("tzname($self)", datetime_tzname, "Return self.tzinfo.tzname(self)."),
    METHOD_UNSIGNED("dst($self)", datetime_dst, "Return self.tzinfo.dst(self)."),
    fast_method<datetime_replace_fast, datetime_replace>("replace", "Return datetime with new specified fields."),
    keyword_method("astimezone", datetime_astimezone, 0, "tz -> convert to local time in new timezone tz\n"),
    {"__reduce_ex__", datetime_reduce_ex, METH_VARARGS, "__reduce_ex__(proto) -> (cls, state)"},
    METHOD_UNSIGNED("__reduce__($self)", datetime_reduce, "__reduce__() -> (cls, state)"),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<clock_field<&Clock::hour>>("hour"),
    getset<clock_field<&Clock::minute>>("minute"),
    getset<clock_field<&Clock::second>>("second"),
    getset<clock_field<&Clock::microsecond>>("microsecond"),
    getset<datetime_tzinfo>("tzinfo"),
    getset<datetime_fold>("fold"),
    kEndOfGetSets,
};
PyNumberMethods number_methods = {.nb_add = slot<datetime_add>, .nb_subtract = slot<datetime_subtract>};

}  // namespace

extern "C" {
PyTypeObject DateTime_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "datetime.datetime",
    .tp_basicsize = sizeof(DateTime),
    .tp_dealloc = slot<datetime_dealloc>,
    .tp_repr = slot<datetime_repr>,
    .tp_as_number = &number_methods,
    .tp_hash = datetime_hash,
    .tp_str = slot<datetime_str>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "datetime(year, month, day[, hour[, minute[, second[, microsecond[,tzinfo]]]]])\n\nThe year, month and day arguments are required. tzinfo may "
              "be None, or an\ninstance of a tzinfo subclass. The remaining arguments may be ints.\n",
    .tp_richcompare = slot<datetime_compare>,
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_base = &Date_Type,
    .tp_alloc = allocate_with_zone<_PyDateTime_BaseDateTime, DateTime>,
    .tp_new = datetime_new,
    .tp_vectorcall = construct_fast<datetime_construct, datetime_new>,
};
}
GILL_STATIC_TYPE(DateTime_Type);

}  // namespace gill::dates
