// tzinfo (the abstract base), timezone (a fixed offset), and what the other types ask a zone.
#include "modules/datetime/datetime.h"

namespace gill::dates {

namespace {

bool within_a_day(const Delta* offset) {
  // Strictly more than -24 hours, strictly less than 24.
  if (offset->days == -1) return offset->seconds != 0 || offset->microseconds >= 1;
  return offset->days == 0;
}

Delta* offset_of(FixedZone* self) { return reinterpret_cast<Delta*>(self->offset); }
bool is_zero(const Delta* d) { return d->days == 0 && d->seconds == 0 && d->microseconds == 0; }
bool is_fixed(PyObject* o) { return Py_IS_TYPE(o, &FixedZone_Type); }

Ref<> ask_for_delta(PyObject* zone, PyObject* method, const char* method_name, PyObject* argument) {
  if (zone == Py_None) return none();
  Ref<> offset = TRY(steal(PyObject_CallMethodOneArg(zone, method, argument)));
  if (offset.get() == Py_None) return offset;
  if (!is_delta(offset.get())) {
    return raise(PyExc_TypeError, "tzinfo.%s() must return None or timedelta, not '%.200s'", method_name, Py_TYPE(offset.get())->tp_name);
  }
  if (!within_a_day(as_delta(offset))) {
    return raise(PyExc_ValueError, "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24).");
  }
  return offset;
}

}  // namespace

Ref<> utc_offset(PyObject* zone, PyObject* argument) {
  if (is_fixed(zone)) return borrow(reinterpret_cast<FixedZone*>(zone)->offset);
  return ask_for_delta(zone, name<"utcoffset">, "utcoffset", argument);
}

Ref<> daylight_offset(PyObject* zone, PyObject* argument) {
  if (is_fixed(zone)) return none();
  return ask_for_delta(zone, name<"dst">, "dst", argument);
}

Ref<> zone_name(PyObject* zone, PyObject* argument) {
  if (zone == Py_None) return none();
  Ref<> text = TRY(steal(PyObject_CallMethodOneArg(zone, name<"tzname">, argument)));
  if (text.get() == Py_None || PyUnicode_Check(text.get())) return text;
  return raise(PyExc_TypeError, "tzinfo.tzname() must return None or a string, not '%s'", Py_TYPE(text.get())->tp_name);
}

bool same_offset(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (!is_delta(a) || !is_delta(b)) return false;
  auto *x = reinterpret_cast<Delta*>(a), *y = reinterpret_cast<Delta*>(b);
  return x->days == y->days && x->seconds == y->seconds && x->microseconds == y->microseconds;
}

Ref<> new_fixed_zone(PyObject* offset, PyObject* label) {
  if (!label && is_zero(reinterpret_cast<Delta*>(offset))) return borrow(utc_zone());
  Ref<FixedZone> self = TRY(Ref<FixedZone>::steal(FixedZone_Type.tp_alloc(&FixedZone_Type, 0)));
  self->offset = borrow(offset).release();
  self->label = borrow(label).release();
  return self;
}

Ref<> checked_fixed_zone(PyObject* offset, PyObject* label) {
  if (!within_a_day(reinterpret_cast<Delta*>(offset))) {
    return raise(PyExc_ValueError, "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24), not %R.", offset);
  }
  return new_fixed_zone(offset, label);
}

namespace {

// ---- tzinfo -----------------------------------------------------------------------------------------------------------

Failure must_implement(const char* method) {
  return raise(PyExc_NotImplementedError, "a tzinfo subclass must implement %s()", method);
}
Ref<> abstract_tzname(PyObject*, PyObject*) { return must_implement("tzname"); }
Ref<> abstract_utcoffset(PyObject*, PyObject*) { return must_implement("utcoffset"); }
Ref<> abstract_dst(PyObject*, PyObject*) { return must_implement("dst"); }

Status check_fromutc(PyObject* self, PyObject* argument) {
  if (!is_datetime(argument)) return raise(PyExc_TypeError, "fromutc: argument must be a datetime");
  if (zone_of(reinterpret_cast<DateTime*>(argument)) != self) return raise(PyExc_ValueError, "fromutc: dt.tzinfo is not self");
  return Status::ok;
}

Ref<> zone_fromutc(PyObject* self, PyObject* argument) {
  TRY(check_fromutc(self, argument));
  auto* date = reinterpret_cast<DateTime*>(argument);
  Ref<> offset = TRY(utc_offset(self, argument));
  if (offset.get() == Py_None) return raise(PyExc_ValueError, "fromutc: non-None utcoffset() result required");
  Ref<> daylight = TRY(daylight_offset(self, argument));
  if (daylight.get() == Py_None) return raise(PyExc_ValueError, "fromutc: non-None dst() result required");
  // First the zone's standard offset; what then is daylight saving there comes on top.
  Ref<> standard = TRY(delta_of_microseconds(microseconds_of(as_delta(offset)) - microseconds_of(as_delta(daylight))));
  Ref<> result = TRY(datetime_plus(date, as_delta(standard), 1));
  daylight = TRY(daylight_offset(self, result.get()));
  if (daylight.get() == Py_None) return raise(PyExc_ValueError, "fromutc: tz.dst() gave inconsistent results; cannot convert");
  if (is_zero(as_delta(daylight))) return result;
  return datetime_plus(reinterpret_cast<DateTime*>(result.get()), as_delta(daylight), 1);
}

Ref<> zone_reduce(PyObject* self) {
  PyObject* found;
  if (_PyObject_LookupAttr(self, name<"__getinitargs__">, &found) < 0) return failure;
  Ref<> getter = steal(found);
  Ref<> args = getter ? TRY(steal(PyObject_CallNoArgs(getter.get()))) : TRY(steal(PyTuple_New(0)));
  Ref<> state = TRY(steal(PyObject_CallMethodNoArgs(self, name<"__getstate__">)));
  return steal(PyTuple_Pack(3, Py_TYPE(self), args.get(), state.get()));
}

const PyMethodDef kZoneMethods[] = {
    METHOD_UNSIGNED("tzname($self, dt, /)", abstract_tzname, "datetime -> string name of time zone."),
    METHOD_UNSIGNED("utcoffset($self, dt, /)", abstract_utcoffset,
                    "datetime -> timedelta showing offset from UTC, negative values indicating West of UTC"),
    METHOD_UNSIGNED("dst($self, dt, /)", abstract_dst, "datetime -> DST offset as timedelta positive east of UTC."),
    METHOD_UNSIGNED("fromutc($self, dt, /)", zone_fromutc, "datetime in UTC -> datetime in local time."),
    METHOD_UNSIGNED("__reduce__($self)", zone_reduce, "-> (cls, state)"),
    kEndOfMethods,
};

// ---- timezone ---------------------------------------------------------------------------------------------------------

PyObject* fixed_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  static const char* const keywords[] = {"offset", "name", nullptr};
  PyObject *offset, *label = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|U:timezone", const_cast<char**>(keywords), &Delta_Type, &offset, &label)) return nullptr;
  return checked_fixed_zone(offset, label).release();
}

void fixed_dealloc(FixedZone* self) {
  clear_field(self->offset);
  clear_field(self->label);
  Py_TYPE(self)->tp_free(as_object(self));
}

Ref<> fixed_compare(FixedZone* self, PyObject* other, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || !is_fixed(other)) return not_implemented();
  return steal(Delta_Type.tp_richcompare(self->offset, reinterpret_cast<FixedZone*>(other)->offset, operation));
}

Py_hash_t fixed_hash(PyObject* self) { return Delta_Type.tp_hash(reinterpret_cast<FixedZone*>(self)->offset); }

Status check_argument(PyObject* argument, const char* method) {
  if (argument == Py_None || is_datetime(argument)) return Status::ok;
  return raise(PyExc_TypeError, "%s(dt) argument must be a datetime instance or None, not %.200s", method, Py_TYPE(argument)->tp_name);
}

Ref<> fixed_repr(FixedZone* self) {
  // The one without a name and without an offset is a constant.
  if (as_object(self) == utc_zone()) return steal(PyUnicode_FromString("datetime.timezone.utc"));
  const char* type = Py_TYPE(self)->tp_name;
  if (!self->label) return steal(PyUnicode_FromFormat("%s(%R)", type, self->offset));
  return steal(PyUnicode_FromFormat("%s(%R, %R)", type, self->offset, self->label));
}

Ref<> fixed_str(FixedZone* self) {
  if (self->label) return borrow(self->label);
  char text[40] = "UTC";
  char* end = text + 3;
  if (!is_zero(offset_of(self))) end = write_offset(end, offset_of(self), ":");
  return text_of(text, end);
}

Ref<> fixed_tzname(FixedZone* self, PyObject* argument) {
  TRY(check_argument(argument, "tzname"));
  return fixed_str(self);
}
Ref<> fixed_utcoffset(FixedZone* self, PyObject* argument) {
  TRY(check_argument(argument, "utcoffset"));
  return borrow(self->offset);
}
Ref<> fixed_dst(FixedZone*, PyObject* argument) {
  TRY(check_argument(argument, "dst"));
  return none();
}
Ref<> fixed_fromutc(FixedZone* self, PyObject* argument) {
  TRY(check_fromutc(as_object(self), argument));
  return datetime_plus(reinterpret_cast<DateTime*>(argument), offset_of(self), 1);
}
Ref<> fixed_getinitargs(FixedZone* self) {
  return self->label ? steal(PyTuple_Pack(2, self->offset, self->label)) : steal(PyTuple_Pack(1, self->offset));
}

const PyMethodDef kFixedMethods[] = {
    METHOD_UNSIGNED("tzname($self, dt, /)", fixed_tzname,
                    "If name is specified when timezone is created, returns the name.  Otherwise returns offset as 'UTC(+|-)HH:MM'."),
    METHOD_UNSIGNED("utcoffset($self, dt, /)", fixed_utcoffset, "Return fixed offset."),
    METHOD_UNSIGNED("dst($self, dt, /)", fixed_dst, "Return None."),
    METHOD_UNSIGNED("fromutc($self, dt, /)", fixed_fromutc, "datetime in UTC -> datetime in local time."),
    METHOD_UNSIGNED("__getinitargs__($self)", fixed_getinitargs, "pickle support"),
    kEndOfMethods,
};

}  // namespace

constinit FixedZone utc = {.ob_base = {kImmortalCount, &FixedZone_Type}, .offset = &zero_delta.ob_base, .label = nullptr};

extern "C" {
PyTypeObject TZInfo_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "datetime.tzinfo",
    .tp_basicsize = sizeof(Zone),
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "Abstract base class for time zone info objects.",
    .tp_methods = table(kZoneMethods),
    .tp_new = PyType_GenericNew,
};
PyTypeObject FixedZone_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "datetime.timezone",
    .tp_basicsize = sizeof(FixedZone),
    .tp_dealloc = slot<fixed_dealloc>,
    .tp_repr = slot<fixed_repr>,
    .tp_hash = fixed_hash,
    .tp_str = slot<fixed_str>,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "Fixed offset from UTC implementation of tzinfo.",
    .tp_richcompare = slot<fixed_compare>,
    .tp_methods = table(kFixedMethods),
    .tp_base = &TZInfo_Type,
    .tp_new = fixed_new,
};
}
GILL_STATIC_TYPE(TZInfo_Type);
GILL_STATIC_TYPE(FixedZone_Type);

}  // namespace gill::dates
