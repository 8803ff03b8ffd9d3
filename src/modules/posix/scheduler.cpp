// The scheduler: policies, priorities, and which processors a process may use.
#include <sched.h>
#include <sys/types.h>

#include <climits>

#include "modules/posix/posix.h"

namespace gill::posix {
namespace {

const PyStructSequence_Field kSchedParamFields[] = {{"sched_priority", "the scheduling priority"}, {nullptr, nullptr}};

}  // namespace

Maybe<int> read_sched_priority(PyObject* module, PyObject* object) {
  if (!Py_IS_TYPE(object, state_of(module)->sched_param)) return raise(PyExc_TypeError, "must have a sched_param object");
  long priority = TRY(checked(PyLong_AsLong(PyStructSequence_GET_ITEM(object, 0))));
  if (priority > INT_MAX || priority < INT_MIN) return raise(PyExc_OverflowError, "sched_priority out of range");
  return static_cast<int>(priority);
}

namespace {

Ref<> sched_param_new(PyTypeObject* type, PyObject* sched_priority) {
  Ref<> result = TRY(steal(PyStructSequence_New(type)));
  PyStructSequence_SetItem(result.get(), 0, borrow(sched_priority).release());
  return result;
}

Maybe<int> checked_call(int result) {
  if (result < 0) return os_error();
  return result;
}

Maybe<int> posix_sched_get_priority_max(PyObject*, int policy) { return checked_call(::sched_get_priority_max(policy)); }
Maybe<int> posix_sched_get_priority_min(PyObject*, int policy) { return checked_call(::sched_get_priority_min(policy)); }
Maybe<int> posix_sched_getscheduler(PyObject*, ProcessId pid) { return checked_call(::sched_getscheduler(pid.id)); }
Status posix_sched_setscheduler(PyObject* module, ProcessId pid, int policy, PyObject* param) {
  sched_param value = {TRY(read_sched_priority(module, param))};
  return result_of(::sched_setscheduler(pid.id, policy, &value));
}
Ref<> posix_sched_getparam(PyObject* module, ProcessId pid) {
  sched_param value;
  TRY(result_of(::sched_getparam(pid.id, &value)));
  Ref<> priority = TRY(integer(value.sched_priority));
  return sched_param_new(state_of(module)->sched_param, priority.get());
}
Status posix_sched_setparam(PyObject* module, ProcessId pid, PyObject* param) {
  sched_param value = {TRY(read_sched_priority(module, param))};
  return result_of(::sched_setparam(pid.id, &value));
}
Maybe<double> posix_sched_rr_get_interval(PyObject*, ProcessId pid) {
  timespec interval;
  TRY(result_of(::sched_rr_get_interval(pid.id, &interval)));
  return static_cast<double>(interval.tv_sec) + 1e-9 * static_cast<double>(interval.tv_nsec);
}
Status posix_sched_yield(PyObject*) {
  TRY(once([] { return ::sched_yield(); }));
  return Status::ok;
}

// ---- sets of processors -----------------------------------------------------------------------------------------------

class CpuSet {
 public:
  CpuSet() = default;
  CpuSet(const CpuSet&) = delete;
  ~CpuSet() { CPU_FREE(set_); }

  // Room for `count` processors; what is in the set stays in it.
  Status reserve(int count) {
    if (count <= count_) return Status::ok;
    cpu_set_t* larger = CPU_ALLOC(static_cast<size_t>(count));
    if (!larger) {
      PyErr_NoMemory();
      return Status::error;
    }
    size_t size = CPU_ALLOC_SIZE(static_cast<size_t>(count));
    CPU_ZERO_S(size, larger);
    if (set_) {
      for (int cpu = 0; cpu < count_; ++cpu) {
        if (CPU_ISSET_S(static_cast<size_t>(cpu), bytes(), set_)) CPU_SET_S(static_cast<size_t>(cpu), size, larger);
      }
      CPU_FREE(set_);
    }
    set_ = larger;
    count_ = count;
    return Status::ok;
  }
  size_t bytes() const { return CPU_ALLOC_SIZE(static_cast<size_t>(count_)); }
  cpu_set_t* get() { return set_; }
  int count() const { return count_; }

 private:
  cpu_set_t* set_ = nullptr;
  int count_ = 0;
};

constexpr int kUsualCpuCount = 8 * sizeof(unsigned long);

Ref<> posix_sched_getaffinity(PyObject*, ProcessId pid) {
  CpuSet cpus;
  // The kernel refuses a set that is smaller than its own.
  for (int count = kUsualCpuCount;; count *= 2) {
    TRY(cpus.reserve(count));
    if (::sched_getaffinity(pid.id, cpus.bytes(), cpus.get()) == 0) break;
    if (errno != EINVAL) return os_error();
    if (count > INT_MAX / 2) return raise(PyExc_OverflowError, "could not allocate a large enough CPU set");
  }
  Ref<> result = TRY(steal(PySet_New(nullptr)));
  for (int cpu = 0; cpu < cpus.count(); ++cpu) {
    if (!CPU_ISSET_S(static_cast<size_t>(cpu), cpus.bytes(), cpus.get())) continue;
    Ref<> number = TRY(integer(cpu));
    TRY(status_of(PySet_Add(result.get(), number.get())));
  }
  return result;
}

Status posix_sched_setaffinity(PyObject*, ProcessId pid, PyObject* mask) {
  Ref<> iterator = TRY(steal(PyObject_GetIter(mask)));
  CpuSet cpus;
  TRY(cpus.reserve(kUsualCpuCount));
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) {
    if (!PyLong_Check(item.get())) {
      return raise(PyExc_TypeError, "expected an iterator of ints, but iterator yielded %R", Py_TYPE(item.get()));
    }
    long cpu = TRY(checked(PyLong_AsLong(item.get())));
    if (cpu < 0) return raise(PyExc_ValueError, "negative CPU number");
    if (cpu > INT_MAX - 1) return raise(PyExc_OverflowError, "CPU number too large");
    int wanted = cpus.count();
    while (wanted <= cpu) wanted = wanted > INT_MAX / 2 ? INT_MAX : wanted * 2;
    TRY(cpus.reserve(wanted));
    CPU_SET_S(static_cast<size_t>(cpu), cpus.bytes(), cpus.get());
  }
  if (PyErr_Occurred()) return Status::error;
  return result_of(::sched_setaffinity(pid.id, cpus.bytes(), cpus.get()));
}

}  // namespace

const PyMethodDef kSchedulerMethods[] = {
    METHOD("sched_get_priority_max($module, /, policy)", posix_sched_get_priority_max, "Get the maximum scheduling priority for policy."),
    METHOD("sched_get_priority_min($module, /, policy)", posix_sched_get_priority_min, "Get the minimum scheduling priority for policy."),
    METHOD("sched_getscheduler($module, pid, /)", posix_sched_getscheduler,
           "Get the scheduling policy for the process identified by pid.\n\nPassing 0 for pid returns the scheduling policy for the calling process."),
    METHOD("sched_setscheduler($module, pid, policy, param, /)", posix_sched_setscheduler,
           "Set the scheduling policy for the process identified by pid.\n\nIf pid is 0, the calling process is changed.\nparam is an instance of sched_param."),
    METHOD("sched_getparam($module, pid, /)", posix_sched_getparam,
           "Returns scheduling parameters for the process identified by pid.\n\nIf pid is 0, returns parameters for the calling process.\nReturn value is an instance of sched_param."),
    METHOD("sched_setparam($module, pid, param, /)", posix_sched_setparam,
           "Set scheduling parameters for the process identified by pid.\n\nIf pid is 0, sets parameters for the calling process.\nparam should be an instance of sched_param."),
    METHOD("sched_rr_get_interval($module, pid, /)", posix_sched_rr_get_interval,
           "Return the round-robin quantum for the process identified by pid, in seconds.\n\nValue returned is a float."),
    METHOD("sched_yield($module, /)", posix_sched_yield, "Voluntarily relinquish the CPU."),
    METHOD("sched_getaffinity($module, pid, /)", posix_sched_getaffinity,
           "Return the affinity of the process identified by pid (or the current process if zero).\n\nThe affinity is returned as a set of CPU identifiers."),
    METHOD("sched_setaffinity($module, pid, mask, /)", posix_sched_setaffinity,
           "Set the CPU affinity of the process identified by pid to mask.\n\n  pid\n    The process ID (PID) of the process: if zero, the current process.\n  mask\n    An iterable of "
           "integers identifying CPUs."),
    kEndOfMethods,
};

Status add_scheduler_types(PyObject* module) {
  Ref<PyTypeObject> type = TRY(add_sequence_type(
      module, "posix.sched_param",
      "sched_param(sched_priority)\n--\n\nCurrently has only one field: sched_priority\n\n  sched_priority\n    A scheduling parameter.", kSchedParamFields, 1));
  type->tp_new = CONSTRUCTOR("sched_param($type, /, sched_priority)", sched_param_new);
  state_of(module)->sched_param = type.release();
  return Status::ok;
}

}  // namespace gill::posix
