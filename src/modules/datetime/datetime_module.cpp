// The module `_datetime`: constants of the types, and the capsule through which compiled extensions use them.
#include "modules/datetime/datetime.h"

namespace gill::dates {

namespace {

// ---- what the capsule offers ----------------------------------------------------------------------------------------------

PyObject* api_date(int year, int month, int day, PyTypeObject* type) { return new_date({year, month, day}, type).release(); }
PyObject* api_datetime_fold(int year, int month, int day, int hour, int minute, int second, int microsecond, PyObject* zone, int fold,
                            PyTypeObject* type) {
  return new_datetime({year, month, day}, {hour, minute, second, microsecond}, zone, fold, type).release();
}
PyObject* api_datetime(int year, int month, int day, int hour, int minute, int second, int microsecond, PyObject* zone, PyTypeObject* type) {
  return api_datetime_fold(year, month, day, hour, minute, second, microsecond, zone, 0, type);
}
PyObject* api_time_fold(int hour, int minute, int second, int microsecond, PyObject* zone, int fold, PyTypeObject* type) {
  return new_time({hour, minute, second, microsecond}, zone, fold, type).release();
}
PyObject* api_time(int hour, int minute, int second, int microsecond, PyObject* zone, PyTypeObject* type) {
  return api_time_fold(hour, minute, second, microsecond, zone, 0, type);
}
// Callers that ask for no normalization pass normalized fields, which normalizing keeps.
PyObject* api_delta(int days, int seconds, int microseconds, int, PyTypeObject* type) {
  return as_object(new_delta(days, seconds, microseconds, type).release());
}
PyObject* api_zone(PyObject* offset, PyObject* label) { return checked_fixed_zone(offset, label).release(); }
PyObject* api_date_timestamp(PyObject* type, PyObject* args) {
  PyObject* timestamp;
  if (!PyArg_UnpackTuple(args, "fromtimestamp", 1, 1, &timestamp)) return nullptr;
  return PyObject_CallMethodOneArg(type, name<"fromtimestamp">, timestamp);
}

constexpr PyDateTime_CAPI kApi = {
    .DateType = &Date_Type,
    .DateTimeType = &DateTime_Type,
    .TimeType = &Time_Type,
    .DeltaType = &Delta_Type,
    .TZInfoType = &TZInfo_Type,
    .TimeZone_UTC = &utc.ob_base,
    .Date_FromDate = api_date,
    .DateTime_FromDateAndTime = api_datetime,
    .Time_FromTime = api_time,
    .Delta_FromDelta = api_delta,
    .TimeZone_FromTimeZone = api_zone,
    .DateTime_FromTimestamp = datetime_fromtimestamp,
    .Date_FromTimestamp = api_date_timestamp,
    .DateTime_FromDateAndTimeAndFold = api_datetime_fold,
    .Time_FromTimeAndFold = api_time_fold,
};

// ---- the module -----------------------------------------------------------------------------------------------------------

Status set_constant(PyTypeObject& type, const char* key, Ref<> value) {
  if (!value) return Status::error;
  return status_of(PyDict_SetItemString(type.tp_dict, key, value.get()));
}

Status add_constants() {
  constexpr Clock last{23, 59, 59, 999999};
  TRY(set_constant(Delta_Type, "resolution", new_delta(0, 0, 1)));
  TRY(set_constant(Delta_Type, "min", new_delta(-kMaxDeltaDays, 0, 0)));
  TRY(set_constant(Delta_Type, "max", new_delta(kMaxDeltaDays, kSecondsPerDay - 1, 999999)));
  TRY(set_constant(Date_Type, "min", new_date({1, 1, 1})));
  TRY(set_constant(Date_Type, "max", new_date({kMaxYear, 12, 31})));
  TRY(set_constant(Date_Type, "resolution", new_delta(1, 0, 0)));
  TRY(set_constant(Time_Type, "min", new_time({}, Py_None)));
  TRY(set_constant(Time_Type, "max", new_time(last, Py_None)));
  TRY(set_constant(Time_Type, "resolution", new_delta(0, 0, 1)));
  TRY(set_constant(DateTime_Type, "min", new_datetime({1, 1, 1}, {}, Py_None)));
  TRY(set_constant(DateTime_Type, "max", new_datetime({kMaxYear, 12, 31}, last, Py_None)));
  TRY(set_constant(DateTime_Type, "resolution", new_delta(0, 0, 1)));
  TRY(set_constant(FixedZone_Type, "utc", borrow(utc_zone())));
  // Whole minutes, though offsets down to the microsecond are allowed.
  Ref<Delta> least = TRY(new_delta(-1, 60, 0));
  TRY(set_constant(FixedZone_Type, "min", new_fixed_zone(least.object(), nullptr)));
  Ref<Delta> most = TRY(new_delta(0, (23 * 60 + 59) * 60, 0));
  return set_constant(FixedZone_Type, "max", new_fixed_zone(most.object(), nullptr));
}

int execute(PyObject* module) {
  for (PyTypeObject* type : {&Date_Type, &DateTime_Type, &Time_Type, &Delta_Type, &TZInfo_Type, &FixedZone_Type}) {
    if (PyModule_AddType(module, type) < 0) return -1;
  }
  if (PyType_Ready(&IsoCalendarDate_Type) < 0) return -1;
  if (!PyDict_GetItemString(FixedZone_Type.tp_dict, "utc")) {
    TRY(add_constants());
    for (PyTypeObject* type : {&Date_Type, &DateTime_Type, &Time_Type, &Delta_Type, &FixedZone_Type}) PyType_Modified(type);
  }
  if (PyModule_AddIntConstant(module, "MINYEAR", kMinYear) < 0 || PyModule_AddIntConstant(module, "MAXYEAR", kMaxYear) < 0) return -1;
  Ref<> capsule = TRY(steal(PyCapsule_New(const_cast<PyDateTime_CAPI*>(&kApi), PyDateTime_CAPSULE_NAME, nullptr)));
  if (PyModule_AddObjectRef(module, "datetime_CAPI", capsule.get()) < 0) return -1;
  return PyModule_AddObjectRef(module, "UTC", utc_zone());
}

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_datetime",
    .m_doc = "Fast implementation of the datetime type.",
    .m_size = 0,
    .m_slots = table(kSlots),
};

}  // namespace
}  // namespace gill::dates

PyMODINIT_FUNC PyInit__datetime() { return PyModuleDef_Init(&gill::dates::definition); }

namespace gill::dates {
GILL_BUILTIN_MODULE("_datetime", PyInit__datetime);
}  // namespace gill::dates
