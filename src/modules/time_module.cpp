// The time module's clocks and sleep(). What concerns dates is in time_calendar.cpp.
#include "modules/time_module.h"

#include <pthread.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/binding.h"
#include "base/names.h"
#include "modules/module_state.h"

extern "C" PyObject* _PyNamespace_New(PyObject* fields);

namespace gill {
namespace {

Failure os_error() {
  PyErr_SetFromErrno(PyExc_OSError);
  return failure;
}

// ---- clocks ---------------------------------------------------------------------------------------------

using Clock = int (*)(_PyTime_t*, _Py_clock_info_t*);

template <clockid_t Id>
int read_cpu_clock(_PyTime_t* t, _Py_clock_info_t* info) {
  timespec now;
  if (clock_gettime(Id, &now) != 0) return os_error();
  if (info) {
    timespec resolution;
    if (clock_getres(Id, &resolution) != 0) return os_error();
    *info = {Id == CLOCK_PROCESS_CPUTIME_ID ? "clock_gettime(CLOCK_PROCESS_CPUTIME_ID)" : "clock_gettime(CLOCK_THREAD_CPUTIME_ID)", 1, 0,
             static_cast<double>(resolution.tv_sec) + static_cast<double>(resolution.tv_nsec) * 1e-9};
  }
  return _PyTime_FromTimespec(t, &now);
}

template <Clock Read>
Ref<> seconds(PyObject*) {
  _PyTime_t t;
  TRY(status_of(Read(&t, nullptr)));
  return steal(PyFloat_FromDouble(_PyTime_AsSecondsDouble(t)));
}
template <Clock Read>
Ref<> nanoseconds(PyObject*) {
  _PyTime_t t;
  TRY(status_of(Read(&t, nullptr)));
  return steal(_PyTime_AsNanosecondsObject(t));
}

struct NamedClock {
  const char* name;
  Clock read;
};
const NamedClock kClocks[] = {{"time", _PyTime_GetSystemClockWithInfo},
                              {"monotonic", _PyTime_GetMonotonicClockWithInfo},
                              {"perf_counter", _PyTime_GetPerfCounterWithInfo},
                              {"process_time", read_cpu_clock<CLOCK_PROCESS_CPUTIME_ID>},
                              {"thread_time", read_cpu_clock<CLOCK_THREAD_CPUTIME_ID>}};

Ref<> get_clock_info(PyObject*, PyObject* clock_name) {
  const char* wanted;
  if (!PyArg_Parse(clock_name, "s:get_clock_info", &wanted)) {
    if (!PyUnicode_Check(clock_name)) {
      PyErr_Clear();
      return raise(PyExc_TypeError, "get_clock_info() argument 1 must be str, not %.50s", clock_name == Py_None ? "None" : Py_TYPE(clock_name)->tp_name);
    }
    return nullptr;
  }
  for (const NamedClock& clock : kClocks) {
    if (std::strcmp(clock.name, wanted) != 0) continue;
    _PyTime_t t;
    _Py_clock_info_t info;
    TRY(status_of(clock.read(&t, &info)));
    Ref<> fields = TRY(steal(Py_BuildValue("{sssNsNsd}", "implementation", info.implementation, "monotonic", PyBool_FromLong(info.monotonic),
                                           "adjustable", PyBool_FromLong(info.adjustable), "resolution", info.resolution)));
    return steal(_PyNamespace_New(fields.get()));
  }
  return raise(PyExc_ValueError, "unknown clock");
}

Maybe<_PyTime_t> read_clock(int id) {
  timespec now;
  if (clock_gettime(id, &now) != 0) return os_error();
  _PyTime_t t;
  TRY(status_of(_PyTime_FromTimespec(&t, &now)));
  return t;
}
Ref<> clock_seconds(PyObject*, int id) {
  timespec now;
  if (clock_gettime(id, &now) != 0) return os_error();
  return steal(PyFloat_FromDouble(static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9));
}
Ref<> clock_nanoseconds(PyObject*, int id) { return steal(_PyTime_AsNanosecondsObject(TRY(read_clock(id)))); }

Status set_clock(int id, _PyTime_t t) {
  timespec value;
  TRY(status_of(_PyTime_AsTimespec(t, &value)));
  if (clock_settime(id, &value) != 0) return os_error();
  return Status::ok;
}
Status set_clock_seconds(PyObject*, int id, PyObject* value) {
  _PyTime_t t;
  TRY(status_of(_PyTime_FromSecondsObject(&t, value, _PyTime_ROUND_FLOOR)));
  return set_clock(id, t);
}
Status set_clock_nanoseconds(PyObject*, int id, PyObject* value) {
  _PyTime_t t;
  TRY(status_of(_PyTime_FromNanosecondsObject(&t, value)));
  return set_clock(id, t);
}

Maybe<double> clock_resolution(PyObject*, int id) {
  timespec resolution;
  if (clock_getres(id, &resolution) != 0) return os_error();
  return static_cast<double>(resolution.tv_sec) + static_cast<double>(resolution.tv_nsec) * 1e-9;
}

Maybe<int> cpu_clock_of_thread(PyObject*, PyObject* thread) {
  if (!PyLong_Check(thread)) return raise(PyExc_TypeError, "pthread_getcpuclockid() argument 1 must be int, not %.50s", Py_TYPE(thread)->tp_name);
  unsigned long id = PyLong_AsUnsignedLongMask(thread);
  if (id == static_cast<unsigned long>(-1) && PyErr_Occurred()) return failure;
  clockid_t clock;
  if (int error = pthread_getcpuclockid(static_cast<pthread_t>(id), &clock)) {
    errno = error;
    return os_error();
  }
  return clock;
}

// ---- sleeping -------------------------------------------------------------------------------------------

Status sleep(PyObject*, PyObject* duration) {
  _PyTime_t timeout;
  TRY(status_of(_PyTime_FromSecondsObject(&timeout, duration, _PyTime_ROUND_TIMEOUT)));
  if (timeout < 0) return raise(PyExc_ValueError, "sleep length must be non-negative");
  // A point in time, so that interruptions do not lengthen it.
  timespec deadline;
  TRY(status_of(_PyTime_AsTimespec(_PyTime_Add(_PyTime_GetMonotonicClock(), timeout), &deadline)));
  for (;;) {
    int error;
    Py_BEGIN_ALLOW_THREADS;
    error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr);
    Py_END_ALLOW_THREADS;
    if (error == 0) return Status::ok;
    if (error != EINTR) {
      errno = error;
      return os_error();
    }
    TRY(status_of(PyErr_CheckSignals()));
  }
}

// ---- the module -----------------------------------------------------------------------------------------

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("time($module, /)", seconds<_PyTime_GetSystemClockWithInfo>,
                    "time() -> floating point number\n\nReturn the current time in seconds since the Epoch, with a fraction."),
    METHOD_UNSIGNED("time_ns($module, /)", nanoseconds<_PyTime_GetSystemClockWithInfo>,
                    "time_ns() -> int\n\nReturn the current time in nanoseconds since the Epoch."),
    METHOD_PARSED("clock_gettime($module, clk_id, /)", clock_seconds,
                    "clock_gettime(clk_id) -> float\n\nReturn the time of the specified clock clk_id."),
    METHOD_PARSED("clock_gettime_ns($module, clk_id, /)", clock_nanoseconds,
                    "clock_gettime_ns(clk_id) -> int\n\nReturn the time of the specified clock clk_id as nanoseconds."),
    METHOD_PARSED("clock_settime($module, clk_id, time, /)", set_clock_seconds,
                    "clock_settime(clk_id, time)\n\nSet the time of the specified clock clk_id."),
    METHOD_PARSED("clock_settime_ns($module, clk_id, time, /)", set_clock_nanoseconds,
                    "clock_settime_ns(clk_id, time)\n\nSet the time of the specified clock clk_id with nanoseconds."),
    METHOD_PARSED("clock_getres($module, clk_id, /)", clock_resolution,
                    "clock_getres(clk_id) -> floating point number\n\nReturn the resolution (precision) of the specified clock clk_id."),
    METHOD_PARSED("pthread_getcpuclockid($module, thread_id, /)", cpu_clock_of_thread,
                    "pthread_getcpuclockid(thread_id) -> int\n\nReturn the clk_id of a thread's CPU time clock."),
    METHOD_UNSIGNED("sleep($module, seconds, /)", sleep,
                    "sleep(seconds)\n\nDelay execution for a given number of seconds.  The argument may be\na floating point number for subsecond "
                    "precision."),
    METHOD_UNSIGNED("monotonic($module, /)", seconds<_PyTime_GetMonotonicClockWithInfo>, "monotonic() -> float\n\nMonotonic clock, cannot go backward."),
    METHOD_UNSIGNED("monotonic_ns($module, /)", nanoseconds<_PyTime_GetMonotonicClockWithInfo>,
                    "monotonic_ns() -> int\n\nMonotonic clock, cannot go backward, as nanoseconds."),
    METHOD_UNSIGNED("process_time($module, /)", seconds<read_cpu_clock<CLOCK_PROCESS_CPUTIME_ID>>,
                    "process_time() -> float\n\nProcess time for profiling: sum of the kernel and user-space CPU time."),
    METHOD_UNSIGNED("process_time_ns($module, /)", nanoseconds<read_cpu_clock<CLOCK_PROCESS_CPUTIME_ID>>,
                    "process_time() -> int\n\nProcess time for profiling as nanoseconds:\nsum of the kernel and user-space CPU time."),
    METHOD_UNSIGNED("thread_time($module, /)", seconds<read_cpu_clock<CLOCK_THREAD_CPUTIME_ID>>,
                    "thread_time() -> float\n\nThread time for profiling: sum of the kernel and user-space CPU time."),
    METHOD_UNSIGNED("thread_time_ns($module, /)", nanoseconds<read_cpu_clock<CLOCK_THREAD_CPUTIME_ID>>,
                    "thread_time() -> int\n\nThread time for profiling as nanoseconds:\nsum of the kernel and user-space CPU time."),
    METHOD_UNSIGNED("perf_counter($module, /)", seconds<_PyTime_GetPerfCounterWithInfo>,
                    "perf_counter() -> float\n\nPerformance counter for benchmarking."),
    METHOD_UNSIGNED("perf_counter_ns($module, /)", nanoseconds<_PyTime_GetPerfCounterWithInfo>,
                    "perf_counter_ns() -> int\n\nPerformance counter for benchmarking as nanoseconds."),
    METHOD_PARSED("get_clock_info($module, name, /)", get_clock_info, "get_clock_info(name: str) -> dict\n\nGet information of the specified clock."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  TRY(add_calendar(module, time_module_state(module)));
  const struct {
    const char* name;
    int id;
  } kIds[] = {{"CLOCK_REALTIME", CLOCK_REALTIME},
              {"CLOCK_MONOTONIC", CLOCK_MONOTONIC},
              {"CLOCK_MONOTONIC_RAW", CLOCK_MONOTONIC_RAW},
              {"CLOCK_PROCESS_CPUTIME_ID", CLOCK_PROCESS_CPUTIME_ID},
              {"CLOCK_THREAD_CPUTIME_ID", CLOCK_THREAD_CPUTIME_ID},
              {"CLOCK_BOOTTIME", CLOCK_BOOTTIME},
              {"CLOCK_TAI", CLOCK_TAI}};
  for (const auto& each : kIds) TRY(status_of(PyModule_AddIntConstant(module, each.name, each.id)));
  return 0;
}

using Owned = ModuleFields<&TimeModuleState::struct_time>;

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "time",
    .m_doc = "This module provides various functions to manipulate time values.\n\nTime is either a number of seconds since the Epoch (UTC), with a "
             "fraction, or a\nsequence of nine integers for local time: year, month, day, hour, minute,\nsecond, weekday (Monday is 0), day of the year "
             "and the DST flag (1, 0, or -1 for\nnot known).\n",
    .m_size = sizeof(TimeModuleState),
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit_time() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("time", PyInit_time);
}  // namespace gill
