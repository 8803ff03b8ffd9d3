// date: a day of the proleptic Gregorian calendar.
#include "modules/datetime/fast_arguments.h"

namespace gill::dates {

namespace {
Date* date(PyObject* o) { return reinterpret_cast<Date*>(o); }
Delta* delta(PyObject* o) { return reinterpret_cast<Delta*>(o); }
}  // namespace

Ref<> new_date(const Civil& fields, PyTypeObject* type) {
  TRY(check_date(fields.year, fields.month, fields.day));
  Ref<Date> self = TRY(Ref<Date>::steal(type->tp_alloc(type, 0)));
  self->hashcode = -1;
  pack_date(self->data, fields);
  return self;
}

Ref<> new_date_of_class(const Civil& fields, PyObject* type) {
  if (type == as_object(&Date_Type)) return new_date(fields);
  if (type == as_object(&DateTime_Type)) return new_datetime(fields, Clock{}, Py_None);
  return steal(PyObject_CallFunction(type, "iii", fields.year, fields.month, fields.day));
}

namespace {

// ---- construction -------------------------------------------------------------------------------------------------------

PyObject* date_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (PyTuple_GET_SIZE(args) == 1) {
    auto sane = [](unsigned char month) { return month >= 1 && month <= 12; };
    PickleState state = pickle_state(PyTuple_GET_ITEM(args, 0), _PyDateTime_DATE_DATASIZE, sane, 2, "date");
    if (state.failed) return nullptr;
    if (state.bytes) {
      Ref<Date> self = TRY(Ref<Date>::steal(type->tp_alloc(type, 0)));
      self->hashcode = -1;
      memcpy(self->data, PyBytes_AS_STRING(state.bytes.get()), _PyDateTime_DATE_DATASIZE);
      return as_object(self.release());
    }
  }
  static const char* const keywords[] = {"year", "month", "day", nullptr};
  Civil fields;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iii", const_cast<char**>(keywords), &fields.year, &fields.month, &fields.day)) return nullptr;
  return new_date(fields, type).release();
}

// False: not usual.
bool place_fields(const CallArguments& call, Civil& fields) {
  static constexpr PyObject* kNames[] = {name<"year">, name<"month">, name<"day">};
  PyObject* values[3] = {};
  return place(call, kNames, 3, values) && place_int(values[0], &fields.year) && place_int(values[1], &fields.month) && place_int(values[2], &fields.day);
}

Ref<> date_construct(PyTypeObject* type, const CallArguments& call, bool* usual) {
  constexpr int kAbsent = INT_MIN;
  Civil fields{kAbsent, kAbsent, kAbsent};
  *usual = place_fields(call, fields) && fields.year != kAbsent && fields.month != kAbsent && fields.day != kAbsent;
  return *usual ? new_date(fields, type) : Ref<>();
}

Ref<> date_fromtimestamp(PyObject* type, PyObject* timestamp) {
  time_t seconds;
  if (_PyTime_ObjectToTime_t(timestamp, &seconds, _PyTime_ROUND_FLOOR) < 0) return failure;
  struct tm fields;
  TRY(local_time(seconds, &fields));
  return new_date_of_class({fields.tm_year + 1900, fields.tm_mon + 1, fields.tm_mday}, type);
}

// The clock is read by Python code, so that a replaced time.time() is seen.
Ref<> date_today(PyObject* type) {
  Ref<> time = TRY(time_module());
  Ref<> now = TRY(steal(PyObject_CallMethodNoArgs(time.get(), name<"time">)));
  return steal(PyObject_CallMethodOneArg(type, name<"fromtimestamp">, now.get()));
}

PyObject* date_fromordinal(PyObject* type, PyObject* args) {
  int ordinal;
  if (!PyArg_ParseTuple(args, "i:fromordinal", &ordinal)) return nullptr;
  if (ordinal < 1) return raise(PyExc_ValueError, "ordinal must be >= 1");
  return new_date_of_class(civil_of(ordinal), type).release();
}

Ref<> date_fromisoformat(PyObject* type, PyObject* text) {
  if (!PyUnicode_Check(text)) return raise(PyExc_TypeError, "fromisoformat: argument must be str");
  Py_ssize_t length;
  const char* utf8 = PyUnicode_AsUTF8AndSize(text, &length);
  if (!utf8) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return failure;
    PyErr_Clear();
    return raise_iso_error(text);
  }
  Civil fields;
  if ((length != 7 && length != 8 && length != 10) || !parse_iso_date(utf8, static_cast<size_t>(length), &fields)) return raise_iso_error(text);
  return new_date_of_class(fields, type);
}

PyObject* date_fromisocalendar(PyObject* type, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"year", "week", "day", nullptr};
  int year, week, weekday;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iii:fromisocalendar", const_cast<char**>(keywords), &year, &week, &weekday)) {
    if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return nullptr;
    PyErr_Clear();
    return raise(PyExc_ValueError, "ISO calendar component out of range");
  }
  if (year < kMinYear || year > kMaxYear) return raise(PyExc_ValueError, "Year is out of range: %d", year);
  Civil fields;
  switch (civil_of_iso_week(year, week, weekday, &fields)) {
    case -2: return raise(PyExc_ValueError, "Invalid week: %d", week);
    case -3: return raise(PyExc_ValueError, "Invalid day: %d (range is [1, 7])", weekday);
  }
  return new_date_of_class(fields, type).release();
}

// ---- operators ----------------------------------------------------------------------------------------------------------

Ref<> plus_days(PyObject* self, int64_t days) {
  Civil fields = civil(self);
  TRY(normalize_date(fields, days));
  return new_date_of_class(fields, as_object(Py_TYPE(self)));
}

Ref<> date_add(PyObject* left, PyObject* right) {
  if (is_datetime(left) || is_datetime(right)) return not_implemented();
  if (is_date(left)) return is_delta(right) ? plus_days(left, delta(right)->days) : not_implemented();
  return is_delta(left) ? plus_days(right, delta(left)->days) : not_implemented();
}

Ref<> date_subtract(PyObject* left, PyObject* right) {
  if (is_datetime(left) || is_datetime(right) || !is_date(left)) return not_implemented();
  if (is_date(right)) return new_delta(ordinal_of(civil(left)) - ordinal_of(civil(right)), 0, 0);
  return is_delta(right) ? plus_days(left, -static_cast<int64_t>(delta(right)->days)) : not_implemented();
}

Ref<> date_compare(PyObject* self, PyObject* other, int operation) {
  if (!is_date(other)) return not_implemented();
  return compared(memcmp(date(self)->data, date(other)->data, _PyDateTime_DATE_DATASIZE), operation);
}

Py_hash_t date_hash(PyObject* self) {
  if (date(self)->hashcode == -1) date(self)->hashcode = hash_of_data(date(self)->data, _PyDateTime_DATE_DATASIZE);
  return date(self)->hashcode;
}

// ---- texts --------------------------------------------------------------------------------------------------------------

Ref<> date_repr(Date* self) {
  return steal(PyUnicode_FromFormat("%s(%d, %d, %d)", Py_TYPE(self)->tp_name, year_of(self), month_of(self), day_of(self)));
}
Ref<> date_isoformat(Date* self) {
  char text[16];
  return text_of(text, write_date(text, civil(self)));
}
Ref<> date_str(PyObject* self) { return steal(PyObject_CallMethodNoArgs(self, name<"isoformat">)); }
int weekday(const void* self) { return weekday_of(year_of(self), month_of(self), day_of(self)); }
Ref<> date_ctime(Date* self) { return format_date_text(weekday(self), civil(self), Clock{}); }

PyObject* date_strftime(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"format", nullptr};
  PyObject* format;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U:strftime", const_cast<char**>(keywords), &format)) return nullptr;
  // The tuple comes from the method, which a subclass may have replaced.
  Ref<> tuple = TRY(steal(PyObject_CallMethodNoArgs(self, name<"timetuple">)));
  return wrap_strftime(self, format, tuple.get(), self).release();
}

PyObject* date_format(PyObject* self, PyObject* args) {
  PyObject* format;
  if (!PyArg_ParseTuple(args, "U:__format__", &format)) return nullptr;
  return format_with_strftime(self, format).release();
}

// ---- parts --------------------------------------------------------------------------------------------------------------

Ref<> date_timetuple(Date* self) { return build_struct_time(civil(self), Clock{}, -1); }
Maybe<int> date_toordinal(Date* self) { return ordinal_of(civil(self)); }
Maybe<int> date_weekday(Date* self) { return weekday(self); }
Maybe<int> date_isoweekday(Date* self) { return weekday(self) + 1; }
Ref<> date_isocalendar(Date* self) {
  return new_iso_date(iso_week_of(year_of(self), month_of(self), day_of(self)), &IsoCalendarDate_Type);
}

PyObject* date_replace(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"year", "month", "day", nullptr};
  Civil fields = civil(self);
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|iii:replace", const_cast<char**>(keywords), &fields.year, &fields.month, &fields.day)) return nullptr;
  return new_date_of_class(fields, as_object(Py_TYPE(self))).release();
}

Ref<> date_replace_fast(PyObject* self, const CallArguments& call, bool* usual) {
  Civil fields = civil(self);
  *usual = place_fields(call, fields);
  return *usual ? new_date_of_class(fields, as_object(Py_TYPE(self))) : Ref<>();
}

Ref<> date_reduce(Date* self) {
  return steal(Py_BuildValue("O(y#)", Py_TYPE(self), self->data, static_cast<Py_ssize_t>(_PyDateTime_DATE_DATASIZE)));
}

Maybe<int> date_year(Date* self) { return year_of(self); }
Maybe<int> date_month(Date* self) { return month_of(self); }
Maybe<int> date_day(Date* self) { return day_of(self); }

const PyMethodDef kMethods[] = {
    CLASS_METHOD("fromtimestamp($type, timestamp, /)", date_fromtimestamp,
                 "Create a date from a POSIX timestamp.\n\nThe timestamp is a number, e.g. created via time.time(), that is interpreted\nas local time."),
    {"fromordinal", date_fromordinal, METH_VARARGS | METH_CLASS, "int -> date corresponding to a proleptic Gregorian ordinal."},
    CLASS_METHOD_UNSIGNED("fromisoformat($type, text, /)", date_fromisoformat, "str -> Construct a date from a string in ISO 8601 format."),
    keyword_method("fromisocalendar", date_fromisocalendar, METH_CLASS,
                   "int, int, int -> Construct a date from the ISO year, week number and weekday.\n\nThis is the inverse of the date.isocalendar() function"),
    CLASS_METHOD_UNSIGNED("today($type)", date_today, "Current date or datetime:  same as self.__class__.fromtimestamp(time.time())."),
    METHOD_UNSIGNED("ctime($self)", date_ctime, "Return ctime() style string."),
    keyword_method("strftime", date_strftime, 0, "format -> strftime() style string."),
    {"__format__", date_format, METH_VARARGS, "Formats self with strftime."},
    METHOD_UNSIGNED("timetuple($self)", date_timetuple, "Return time tuple, compatible with time.localtime()."),
    METHOD_UNSIGNED("isocalendar($self)", date_isocalendar, "Return a named tuple containing ISO year, week number, and weekday."),
    METHOD_UNSIGNED("isoformat($self)", date_isoformat, "Return string in ISO 8601 format, YYYY-MM-DD."),
    METHOD_UNSIGNED("isoweekday($self)", date_isoweekday, "Return the day of the week represented by the date.\nMonday == 1 ... Sunday == 7"),
    METHOD_UNSIGNED("toordinal($self)", date_toordinal, "Return proleptic Gregorian ordinal.  January 1 of year 1 is day 1."),
    METHOD_UNSIGNED("weekday($self)", date_weekday, "Return the day of the week represented by the date.\nMonday == 0 ... Sunday == 6"),
    fast_method<date_replace_fast, date_replace>("replace", "Return date with new specified fields."),
    METHOD_UNSIGNED("__reduce__($self)", date_reduce, "__reduce__() -> (cls, state)"),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<date_year>("year"),
    getset<date_month>("month"),
    getset<date_day>("day"),
    kEndOfGetSets,
};
PyNumberMethods number_methods = {.nb_add = slot<date_add>, .nb_subtract = slot<date_subtract>};

}  // namespace

extern "C" {
PyTypeObject Date_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "datetime.date",
    .tp_basicsize = sizeof(Date),
    .tp_repr = slot<date_repr>,
    .tp_as_number = &number_methods,
    .tp_hash = date_hash,
    .tp_str = slot<date_str>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "date(year, month, day) --> date object",
    .tp_richcompare = slot<date_compare>,
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_new = date_new,
    .tp_vectorcall = construct_fast<date_construct, date_new>,
};
}
GILL_STATIC_TYPE(Date_Type);

}  // namespace gill::dates
