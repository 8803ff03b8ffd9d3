// What the system says about itself: its name, load, processors, clocks of processes, randomness.
#include <sched.h>
#include <sys/random.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "modules/posix/posix.h"

namespace gill::posix {
namespace {

const PyStructSequence_Field kUnameFields[] = {
    {"sysname", "operating system name"}, {"nodename", "name of machine on network (implementation-defined)"},
    {"release", "operating system release"}, {"version", "operating system version"}, {"machine", "hardware identifier"}, {nullptr, nullptr},
};
const PyStructSequence_Field kTimesFields[] = {
    {"user", "user time"}, {"system", "system time"}, {"children_user", "user time of children"}, {"children_system", "system time of children"},
    {"elapsed", "elapsed time since an arbitrary point in the past"}, {nullptr, nullptr},
};

Ref<> posix_uname(PyObject* module) {
  utsname names;
  TRY(result_of(::uname(&names)));
  Fields fields(state_of(module)->uname_result);
  for (const char* text : {names.sysname, names.nodename, names.release, names.version, names.machine}) {
    fields.put(steal(PyUnicode_DecodeFSDefault(text)));
  }
  return fields.take();
}

Ref<> posix_times(PyObject* module) {
  tms buffer;
  clock_t elapsed = ::times(&buffer);
  if (elapsed == static_cast<clock_t>(-1)) return os_error();
  auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  Fields fields(state_of(module)->times_result);
  for (clock_t value : {buffer.tms_utime, buffer.tms_stime, buffer.tms_cutime, buffer.tms_cstime, elapsed}) {
    fields.put(static_cast<double>(value) / ticks);
  }
  return fields.take();
}

Ref<> posix_cpu_count(PyObject*) {
  long count = ::sysconf(_SC_NPROCESSORS_ONLN);
  if (count < 1) return none();
  return integer(count);
}

Ref<> posix_getloadavg(PyObject*) {
  double loads[3];
  if (::getloadavg(loads, 3) != 3) return raise(PyExc_OSError, "Load averages are unobtainable");
  return steal(Py_BuildValue("ddd", loads[0], loads[1], loads[2]));
}

Ref<> posix_strerror(PyObject*, int code) {
  char buffer[256];
  return steal(PyUnicode_DecodeLocale(::strerror_r(code, buffer, sizeof(buffer)), "surrogateescape"));
}

// ---- randomness ----------------------------------------------------------------------------------------------------

Ref<> posix_getrandom(PyObject*, Py_ssize_t size, int flags) {
  if (size < 0) {
    errno = EINVAL;
    return os_error();
  }
  PyObject* buffer = PyBytes_FromStringAndSize(nullptr, size);
  if (!buffer) return failure;
  // Large requests wait for nothing, but take long.
  Maybe<ssize_t> count = blocking([&] { return ::getrandom(PyBytes_AS_STRING(buffer), static_cast<size_t>(size), static_cast<unsigned>(flags)); });
  if (!count) {
    release(buffer);
    return failure;
  }
  if (count.value() != size) _PyBytes_Resize(&buffer, count.value());
  return steal(buffer);
}

Ref<> posix_urandom(PyObject*, Py_ssize_t size) {
  if (size < 0) return raise(PyExc_ValueError, "negative argument not allowed");
  Ref<> bytes = TRY(steal(PyBytes_FromStringAndSize(nullptr, size)));
  TRY(status_of(_PyOS_URandom(PyBytes_AS_STRING(bytes.get()), size)));
  return bytes;
}

// ---- the shell -----------------------------------------------------------------------------------------------------

Maybe<int> posix_system(PyObject*, Encoded command) {
  TRY(audit("os.system", "(O)", command.bytes.get()));
  return unlocked([&] { return ::system(command.text()); });
}

[[noreturn]] Status posix_abort(PyObject*) { std::abort(); }

}  // namespace

const PyMethodDef kSystemMethods[] = {
    METHOD("uname($module, /)", posix_uname,
           "Return an object identifying the current operating system.\n\nThe object behaves like a named tuple with the following fields:\n  (sysname, nodename, release, version, "
           "machine)"),
    METHOD("times($module, /)", posix_times,
           "Return a collection containing process timing information.\n\nThe object returned behaves like a named tuple with these fields:\n  (utime, stime, cutime, cstime, "
           "elapsed_time)\nAll fields are floating point numbers."),
    METHOD("cpu_count($module, /)", posix_cpu_count,
           "Return the number of CPUs in the system; return None if indeterminable.\n\nThis number is not equivalent to the number of CPUs the\ncurrent process can use.  The number "
           "of usable CPUs can be\nobtained with ``len(os.sched_getaffinity(0))``"),
    METHOD("getloadavg($module, /)", posix_getloadavg,
           "Return average recent system load information.\n\nReturn the number of processes in the system run queue averaged over\nthe last 1, 5, and 15 minutes as a tuple of three "
           "floats.\nRaises OSError if the load average was unobtainable."),
    METHOD("strerror($module, code, /)", posix_strerror, "Translate an error code to a message string."),
    METHOD("getrandom($module, /, size, flags=0)", posix_getrandom, "Obtain a series of random bytes."),
    METHOD("urandom($module, size, /)", posix_urandom, "Return a bytes object containing random bytes suitable for cryptographic use."),
    METHOD("system($module, /, command)", posix_system, "Execute the command in a subshell."),
    METHOD("abort($module, /)", posix_abort,
           "Abort the interpreter immediately.\n\nThis function 'dumps core' or otherwise fails in the hardest way possible\non the hosting operating system.  This function never returns."),
    kEndOfMethods,
};

Status add_system_types(PyObject* module) {
  State* state = state_of(module);
  state->uname_result = TRY(add_sequence_type(module, "posix.uname_result",
                                              "uname_result: Result from os.uname().\n\nThis object may be accessed either as a tuple of\n  (sysname, nodename, release, version, "
                                              "machine),\nor via the attributes sysname, nodename, release, version, and machine.\n\nSee os.uname for more information.",
                                              kUnameFields, 5)).release();
  state->times_result = TRY(add_sequence_type(module, "posix.times_result",
                                              "times_result: Result from os.times().\n\nThis object may be accessed either as a tuple of\n  (user, system, children_user, "
                                              "children_system, elapsed),\nor via the attributes user, system, children_user, children_system,\nand elapsed.\n\nSee os.times for more "
                                              "information.",
                                              kTimesFields, 5)).release();
  return Status::ok;
}

}  // namespace gill::posix
