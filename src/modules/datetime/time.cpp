// time: a time of day, perhaps in a zone. A zone is asked about it with None, there being no date.
#include "modules/datetime/fast_arguments.h"

namespace gill::dates {

namespace {
Time* time(PyObject* o) { return reinterpret_cast<Time*>(o); }
}  // namespace

Ref<> new_time(const Clock& clock, PyObject* zone, int fold, PyTypeObject* type) {
  TRY(check_clock(clock.hour, clock.minute, clock.second, clock.microsecond, fold));
  TRY(check_zone(zone));
  bool aware = zone != Py_None;
  Ref<Time> self = TRY(Ref<Time>::steal(type->tp_alloc(type, aware)));
  self->hashcode = -1;
  self->hastzinfo = aware;
  pack_clock(self->data, clock);
  self->fold = static_cast<unsigned char>(fold);
  if (aware) self->tzinfo = borrow(zone).release();
  return self;
}

Ref<> new_time_of_class(const Clock& c, PyObject* zone, int fold, PyObject* type) {
  if (type == as_object(&Time_Type)) return new_time(c, zone, fold);
  return steal(PyObject_CallFunction(type, "iiiiO", c.hour, c.minute, c.second, c.microsecond, zone));
}

namespace {

// ---- construction -------------------------------------------------------------------------------------------------------

Ref<> time_of_state(PyTypeObject* type, PyObject* bytes, PyObject* zone) {
  if (zone != Py_None && !is_zone(zone)) return raise(PyExc_TypeError, "bad tzinfo state arg");
  bool aware = zone != Py_None;
  Ref<Time> self = TRY(Ref<Time>::steal(type->tp_alloc(type, aware)));
  memcpy(self->data, PyBytes_AS_STRING(bytes), _PyDateTime_TIME_DATASIZE);
  self->hashcode = -1;
  self->hastzinfo = aware;
  if (aware) self->tzinfo = borrow(zone).release();
  // The hour's top bit is the fold.
  self->fold = self->data[0] >> 7;
  self->data[0] &= 0x7f;
  return self;
}

PyObject* time_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (Py_ssize_t n = PyTuple_GET_SIZE(args); n == 1 || n == 2) {
    auto sane = [](unsigned char hour) { return (hour & 0x7f) < 24; };
    PickleState state = pickle_state(PyTuple_GET_ITEM(args, 0), _PyDateTime_TIME_DATASIZE, sane, 0, "time");
    if (state.failed) return nullptr;
    if (state.bytes) return time_of_state(type, state.bytes.get(), n == 2 ? PyTuple_GET_ITEM(args, 1) : Py_None).release();
  }
  static const char* const keywords[] = {"hour", "minute", "second", "microsecond", "tzinfo", "fold", nullptr};
  Clock clock;
  PyObject* zone = Py_None;
  int fold = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|iiiiO$i", const_cast<char**>(keywords), &clock.hour, &clock.minute, &clock.second,
                                   &clock.microsecond, &zone, &fold)) {
    return nullptr;
  }
  return new_time(clock, zone, fold, type).release();
}

// False: not usual.
bool place_fields(const CallArguments& call, Clock& clock, PyObject** zone, int* fold) {
  static constexpr PyObject* kNames[] = {name<"hour">, name<"minute">, name<"second">, name<"microsecond">, name<"tzinfo">, name<"fold">};
  PyObject* values[6] = {};
  if (!place(call, kNames, 5, values)) return false;
  if (values[4]) *zone = values[4];
  return place_int(values[0], &clock.hour) && place_int(values[1], &clock.minute) && place_int(values[2], &clock.second) &&
         place_int(values[3], &clock.microsecond) && place_int(values[5], fold);
}

Ref<> time_construct(PyTypeObject* type, const CallArguments& call, bool* usual) {
  Clock clock;
  PyObject* zone = Py_None;
  int fold = 0;
  *usual = place_fields(call, clock, &zone, &fold);
  return *usual ? new_time(clock, zone, fold, type) : Ref<>();
}

void time_dealloc(Time* self) {
  if (self->hastzinfo) clear_field(self->tzinfo);
  Py_TYPE(self)->tp_free(as_object(self));
}

Ref<> time_fromisoformat(PyObject* type, PyObject* text) {
  if (!PyUnicode_Check(text)) return raise(PyExc_TypeError, "fromisoformat: argument must be str");
  Py_ssize_t length;
  const char* utf8 = PyUnicode_AsUTF8AndSize(text, &length);
  if (!utf8) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return failure;
    PyErr_Clear();
    return raise_iso_error(text);
  }
  const char* begin = *utf8 == 'T' ? utf8 + 1 : utf8;
  IsoTime parsed;
  if (!parse_iso_time(begin, utf8 + length, &parsed)) return raise_iso_error(text);
  Ref<> zone = TRY(zone_of_iso(parsed));
  const Clock& c = parsed.clock;
  if (type == as_object(&Time_Type)) return new_time(c, zone.get());
  return steal(PyObject_CallFunction(type, "iiiiO", c.hour, c.minute, c.second, c.microsecond, zone.get()));
}

// ---- zone ---------------------------------------------------------------------------------------------------------------

Ref<> time_utcoffset(Time* self) { return utc_offset(zone_of(self), Py_None); }
Ref<> time_dst(Time* self) { return daylight_offset(zone_of(self), Py_None); }
Ref<> time_tzname(Time* self) { return zone_name(zone_of(self), Py_None); }

// ---- comparison ---------------------------------------------------------------------------------------------------------

int second_of_day(const Clock& c) { return c.hour * 3600 + c.minute * 60 + c.second; }

Ref<> time_compare(Time* self, PyObject* other_object, int operation) {
  if (!is_time(other_object)) return not_implemented();
  Time* other = time(other_object);
  auto by_fields = [&] { return compared(memcmp(self->data, other->data, _PyDateTime_TIME_DATASIZE), operation); };
  if (zone_of(self) == zone_of(other)) return by_fields();
  Ref<> mine = TRY(time_utcoffset(self));
  Ref<> theirs = TRY(time_utcoffset(other));
  if (same_offset(mine.get(), theirs.get())) return by_fields();
  if (mine.get() != Py_None && theirs.get() != Py_None) {
    // Offsets count by whole seconds here.
    auto in_utc = [](const Time* t, const Delta* offset) {
      return second_of_day(clock_of(t)) - offset->days * kSecondsPerDay - offset->seconds;
    };
    int difference = in_utc(self, as_delta(mine)) - in_utc(other, as_delta(theirs));
    if (difference == 0) difference = clock_of(self).microsecond - clock_of(other).microsecond;
    return compared(difference, operation);
  }
  if (operation == Py_EQ || operation == Py_NE) return py_bool(operation == Py_NE);
  return raise(PyExc_TypeError, "can't compare offset-naive and offset-aware times");
}

Py_hash_t time_hash(PyObject* object) {
  Time* self = time(object);
  if (self->hashcode != -1) return self->hashcode;
  // Equal times have equal hashes whatever their fold.
  Ref<> unfolded = self->fold ? TRY(new_time(clock_of(self), zone_of(self))) : borrow(object);
  Ref<> offset = TRY(time_utcoffset(time(unfolded.get())));
  if (offset.get() == Py_None) {
    self->hashcode = hash_of_data(self->data, _PyDateTime_TIME_DATASIZE);
  } else {
    Delta* shift = as_delta(offset);
    Clock clock = clock_of(self);
    Ref<Delta> in_utc = TRY(new_delta(-static_cast<int64_t>(shift->days), second_of_day(clock) - shift->seconds, clock.microsecond - shift->microseconds));
    self->hashcode = PyObject_Hash(in_utc.object());
  }
  return self->hashcode;
}

// ---- texts --------------------------------------------------------------------------------------------------------------

Ref<> time_repr(Time* self) {
  const char* type = Py_TYPE(self)->tp_name;
  Clock c = clock_of(self);
  Ref<> text = TRY(steal(c.microsecond ? PyUnicode_FromFormat("%s(%d, %d, %d, %d)", type, c.hour, c.minute, c.second, c.microsecond)
                         : c.second    ? PyUnicode_FromFormat("%s(%d, %d, %d)", type, c.hour, c.minute, c.second)
                                       : PyUnicode_FromFormat("%s(%d, %d)", type, c.hour, c.minute)));
  if (self->hastzinfo) text = TRY(insert_before_parenthesis(std::move(text), ", tzinfo=%R", self->tzinfo));
  if (self->fold) text = TRY(insert_before_parenthesis(std::move(text), ", fold=1", nullptr));
  return text;
}

Ref<> time_str(PyObject* self) { return steal(PyObject_CallMethodNoArgs(self, name<"isoformat">)); }

PyObject* time_isoformat(PyObject* object, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"timespec", nullptr};
  const char* spec_text = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|s:isoformat", const_cast<char**>(keywords), &spec_text)) return nullptr;
  TimeSpec spec = TRY(time_spec_of(spec_text));
  char text[64];
  char* end = write_clock(text, clock_of(time(object)), spec);
  Ref<> offset = TRY(time_utcoffset(time(object)));
  if (offset.get() != Py_None) end = write_offset(end, as_delta(offset), ":");
  return text_of(text, end).release();
}

PyObject* time_strftime(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"format", nullptr};
  PyObject* format;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U:strftime", const_cast<char**>(keywords), &format)) return nullptr;
  // The C library wants a date: the first day of 1900, which formats show.
  Clock c = clock_of(time(self));
  Ref<> tuple = TRY(steal(Py_BuildValue("iiiiiiiii", 1900, 1, 1, c.hour, c.minute, c.second, 0, 1, -1)));
  return wrap_strftime(self, format, tuple.get(), Py_None).release();
}

PyObject* time_format(PyObject* self, PyObject* args) {
  PyObject* format;
  if (!PyArg_ParseTuple(args, "U:__format__", &format)) return nullptr;
  return format_with_strftime(self, format).release();
}

// ---- the rest -----------------------------------------------------------------------------------------------------------

Ref<> replaced(PyObject* self, const Clock& clock, PyObject* zone, int fold) {
  if (fold != 0 && fold != 1) return raise(PyExc_ValueError, "fold must be either 0 or 1");
  Ref<> result = TRY(new_time_of_class(clock, zone, fold, as_object(Py_TYPE(self))));
  if (is_time(result.get())) time(result.get())->fold = static_cast<unsigned char>(fold);
  return result;
}

PyObject* time_replace(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"hour", "minute", "second", "microsecond", "tzinfo", "fold", nullptr};
  Clock clock = clock_of(time(self));
  PyObject* zone = zone_of(time(self));
  int fold = time(self)->fold;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|iiiiO$i:replace", const_cast<char**>(keywords), &clock.hour, &clock.minute, &clock.second,
                                   &clock.microsecond, &zone, &fold)) {
    return nullptr;
  }
  return replaced(self, clock, zone, fold).release();
}

Ref<> time_replace_fast(PyObject* self, const CallArguments& call, bool* usual) {
  Clock clock = clock_of(time(self));
  PyObject* zone = zone_of(time(self));
  int fold = time(self)->fold;
  *usual = place_fields(call, clock, &zone, &fold);
  return *usual ? replaced(self, clock, zone, fold) : Ref<>();
}

Ref<> pickled(Time* self, int protocol) {
  unsigned char data[_PyDateTime_TIME_DATASIZE];
  memcpy(data, self->data, sizeof(data));
  if (protocol > 3 && self->fold) data[0] |= 0x80;
  constexpr Py_ssize_t size = sizeof(data);
  return steal(self->hastzinfo ? Py_BuildValue("O(y#O)", Py_TYPE(self), data, size, self->tzinfo) : Py_BuildValue("O(y#)", Py_TYPE(self), data, size));
}
PyObject* time_reduce_ex(PyObject* self, PyObject* args) {
  int protocol;
  if (!PyArg_ParseTuple(args, "i:__reduce_ex__", &protocol)) return nullptr;
  return pickled(time(self), protocol).release();
}
Ref<> time_reduce(Time* self) { return pickled(self, 2); }

template <int Clock::*Field>
Maybe<int> clock_field(Time* self) {
  return clock_of(self).*Field;
}
Ref<> time_tzinfo(Time* self) { return borrow(zone_of(self)); }
Maybe<int> time_fold(Time* self) { return self->fold; }

const PyMethodDef kMethods[] = {
    keyword_method("isoformat", time_isoformat, 0,
                   "Return string in ISO 8601 format, [HH[:MM[:SS[.mmm[uuu]]]]][+HH:MM].\n\nThe optional argument timespec specifies the number of additional "
                   "terms\nof the time to include. Valid options are 'auto', 'hours', 'minutes',\n'seconds', 'milliseconds' and 'microseconds'.\n"),
    keyword_method("strftime", time_strftime, 0, "format -> strftime() style string."),
    {"__format__", time_format, METH_VARARGS, "Formats self with strftime."},
    METHOD_UNSIGNED("utcoffset($self)", time_utcoffset, "Return self.tzinfo.utcoffset(self)."),
    METHOD_UNSIGNED("tzname($self)", time_tzname, "Return self.tzinfo.tzname(self)."),
    METHOD_UNSIGNED("dst($self)", time_dst, "Return self.tzinfo.dst(self)."),
    fast_method<time_replace_fast, time_replace>("replace", "Return time with new specified fields."),
    CLASS_METHOD_UNSIGNED("fromisoformat($type, text, /)", time_fromisoformat, "string -> time from a string in ISO 8601 format"),
    {"__reduce_ex__", time_reduce_ex, METH_VARARGS, "__reduce_ex__(proto) -> (cls, state)"},
    METHOD_UNSIGNED("__reduce__($self)", time_reduce, "__reduce__() -> (cls, state)"),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<clock_field<&Clock::hour>>("hour"),
    getset<clock_field<&Clock::minute>>("minute"),
    getset<clock_field<&Clock::second>>("second"),
    getset<clock_field<&Clock::microsecond>>("microsecond"),
    getset<time_tzinfo>("tzinfo"),
    getset<time_fold>("fold"),
    kEndOfGetSets,
};

}  // namespace

extern "C" {
PyTypeObject Time_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "datetime.time",
    .tp_basicsize = sizeof(Time),
    .tp_dealloc = slot<time_dealloc>,
    .tp_repr = slot<time_repr>,
    .tp_hash = time_hash,
    .tp_str = slot<time_str>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "time([hour[, minute[, second[, microsecond[, tzinfo]]]]]) --> a time object\n\nAll arguments are optional. tzinfo may be None, or an "
              "instance of\na tzinfo subclass. The remaining arguments may be ints.\n",
    .tp_richcompare = slot<time_compare>,
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_alloc = allocate_with_zone<_PyDateTime_BaseTime, Time>,
    .tp_new = time_new,
    .tp_vectorcall = construct_fast<time_construct, time_new>,
};
}
GILL_STATIC_TYPE(Time_Type);

}  // namespace gill::dates
