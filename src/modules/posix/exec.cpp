// Running other programs: exec in this process, posix_spawn() in a new one.
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <cstring>

#include "modules/posix/posix.h"
#include "modules/posix/spawn.h"

extern "C" PyAPI_FUNC(int) _Py_Sigset_Converter(PyObject* object, void* set);

namespace gill::posix {

// ---- vectors of strings ----------------------------------------------------------------------------------------------

StringVector::~StringVector() {
  for (Py_ssize_t i = 0; i < count_; ++i) PyMem_Free(items_[i]);
  PyMem_Free(items_);
}

Status StringVector::reserve(Py_ssize_t count) {
  items_ = PyMem_New(char*, count + 1);
  if (!items_) {
    PyErr_NoMemory();
    return Status::error;
  }
  items_[0] = nullptr;
  return Status::ok;
}

Status StringVector::append(const char* text, size_t size) {
  auto* copy = static_cast<char*>(PyMem_Malloc(size + 1));
  if (!copy) {
    PyErr_NoMemory();
    return Status::error;
  }
  std::memcpy(copy, text, size);
  copy[size] = 0;
  items_[count_++] = copy;
  items_[count_] = nullptr;
  return Status::ok;
}

Status StringVector::read_arguments(PyObject* sequence) {
  Py_ssize_t count = PySequence_Size(sequence);
  if (count < 0) return Status::error;
  TRY(reserve(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    Ref<> item = TRY(steal(PySequence_GetItem(sequence, i)));
    PyObject* encoded = nullptr;
    if (!PyUnicode_FSConverter(item.get(), &encoded)) return Status::error;
    Ref<> bytes = steal(encoded);
    TRY(append(PyBytes_AS_STRING(encoded), static_cast<size_t>(PyBytes_GET_SIZE(encoded))));
  }
  return Status::ok;
}

Status StringVector::read_environment(PyObject* mapping) {
  Py_ssize_t count = PyMapping_Size(mapping);
  if (count < 0) return Status::error;
  TRY(reserve(count));
  Ref<> keys = TRY(steal(PyMapping_Keys(mapping)));
  Ref<> values = TRY(steal(PyMapping_Values(mapping)));
  if (!PyList_Check(keys.get()) || !PyList_Check(values.get())) return raise(PyExc_TypeError, "env.keys() or env.values() is not a list");
  for (Py_ssize_t i = 0; i < count; ++i) {
    Ref<> key = TRY(steal(PySequence_GetItem(keys.get(), i)));
    Ref<> value = TRY(steal(PySequence_GetItem(values.get(), i)));
    PyObject *encoded_key = nullptr, *encoded_value = nullptr;
    if (!PyUnicode_FSConverter(key.get(), &encoded_key)) return Status::error;
    key = steal(encoded_key);
    if (!PyUnicode_FSConverter(value.get(), &encoded_value)) return Status::error;
    value = steal(encoded_value);
    const char* name_text = PyBytes_AS_STRING(encoded_key);
    if (!*name_text || std::strchr(name_text + 1, '=')) return raise(PyExc_ValueError, "illegal environment variable name");
    Ref<> entry = TRY(steal(PyBytes_FromFormat("%s=%s", name_text, PyBytes_AS_STRING(encoded_value))));
    TRY(append(PyBytes_AS_STRING(entry.get()), static_cast<size_t>(PyBytes_GET_SIZE(entry.get()))));
  }
  return Status::ok;
}

namespace {

// ---- exec ---------------------------------------------------------------------------------------------------------------

Status check_program_arguments(const char* before, PyObject* argv, const char* what) {
  if (!PyList_Check(argv) && !PyTuple_Check(argv)) return raise(PyExc_TypeError, "%s%s must be a tuple or list", before, what);
  if (PySequence_Fast_GET_SIZE(argv) == 0) return raise(PyExc_ValueError, "%s%s must not be empty", before, what);
  return Status::ok;
}

Status posix_execv(PyObject*, Path path, PyObject* argv) {
  TRY(check_program_arguments("execv() ", argv, "arg 2"));
  StringVector arguments;
  TRY(arguments.read_arguments(argv));
  if (!arguments.data()[0][0]) return raise(PyExc_ValueError, "execv() arg 2 first element cannot be empty");
  TRY(audit("os.exec", "OOO", path.object(), argv, Py_None));
  ::execv(path.text(), arguments.data());
  return os_error();
}

Status posix_execve(PyObject*, PathOrFd path, PyObject* argv, PyObject* env) {
  TRY(check_program_arguments("execve: ", argv, "argv"));
  if (!PyMapping_Check(env)) return raise(PyExc_TypeError, "execve: environment must be a mapping object");
  StringVector arguments, environment;
  TRY(arguments.read_arguments(argv));
  if (!arguments.data()[0][0]) return raise(PyExc_ValueError, "execve: argv first element cannot be empty");
  TRY(environment.read_environment(env));
  TRY(audit("os.exec", "OOO", path.object(), argv, env));
  if (path.is_fd()) ::fexecve(path.fd(), arguments.data(), environment.data());
  else ::execve(path.text(), arguments.data(), environment.data());
  return path_error(path);
}

// ---- posix_spawn --------------------------------------------------------------------------------------------------------

struct SpawnAttributes {
  posix_spawnattr_t value;
  SpawnAttributes() { posix_spawnattr_init(&value); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { posix_spawnattr_destroy(&value); }
};
struct SpawnActions {
  posix_spawn_file_actions_t value;
  SpawnActions() { posix_spawn_file_actions_init(&value); }
  SpawnActions(const SpawnActions&) = delete;
  ~SpawnActions() { posix_spawn_file_actions_destroy(&value); }
};

Status spawn_error(int error) {
  if (error == 0) return Status::ok;
  errno = error;
  return os_error();
}

struct SpawnOptions {
  const char* function;
  PyObject* setpgroup;
  bool resetids;
  bool setsid;
  PyObject* setsigmask;
  PyObject* setsigdef;
  PyObject* scheduler;
};

Status read_scheduler(PyObject* module, PyObject* scheduler, posix_spawnattr_t* attributes, short* flags) {
  PyObject *policy = nullptr, *param = nullptr;
  if (!PyArg_ParseTuple(scheduler, "OO;A scheduler tuple must have two elements", &policy, &param)) return Status::error;
  if (policy == Py_None) {
    *flags |= POSIX_SPAWN_SETSCHEDPARAM;
  } else {
    int number = _PyLong_AsInt(policy);
    if (number == -1 && PyErr_Occurred()) return Status::error;
    *flags |= POSIX_SPAWN_SETSCHEDULER;
    TRY(spawn_error(posix_spawnattr_setschedpolicy(attributes, number)));
  }
  sched_param parameters = {TRY(read_sched_priority(module, param))};
  return spawn_error(posix_spawnattr_setschedparam(attributes, &parameters));
}

Status read_spawn_options(PyObject* module, const SpawnOptions& options, posix_spawnattr_t* attributes) {
  short flags = 0;
  if (options.setpgroup) {
    Ref<> number = TRY(steal(PyNumber_Index(options.setpgroup)));
    int group = _PyLong_AsInt(number.get());
    if (group == -1 && PyErr_Occurred()) return Status::error;
    TRY(spawn_error(posix_spawnattr_setpgroup(attributes, group)));
    flags |= POSIX_SPAWN_SETPGROUP;
  }
  if (options.resetids) flags |= POSIX_SPAWN_RESETIDS;
  if (options.setsid) flags |= POSIX_SPAWN_SETSID;
  sigset_t signals;
  if (options.setsigmask) {
    if (!_Py_Sigset_Converter(options.setsigmask, &signals)) return Status::error;
    TRY(spawn_error(posix_spawnattr_setsigmask(attributes, &signals)));
    flags |= POSIX_SPAWN_SETSIGMASK;
  }
  if (options.setsigdef) {
    if (!_Py_Sigset_Converter(options.setsigdef, &signals)) return Status::error;
    TRY(spawn_error(posix_spawnattr_setsigdefault(attributes, &signals)));
    flags |= POSIX_SPAWN_SETSIGDEF;
  }
  if (options.scheduler) TRY(read_scheduler(module, options.scheduler, attributes, &flags));
  return spawn_error(posix_spawnattr_setflags(attributes, flags));
}

// The actions copy nothing, so `kept` holds on to the paths' bytes.
Status read_file_actions(PyObject* file_actions, posix_spawn_file_actions_t* actions, PyObject* kept) {
  Ref<> sequence = TRY(steal(PySequence_Fast(file_actions, "file_actions must be a sequence or None")));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence.get()); ++i) {
    Ref<> action = borrow(PySequence_Fast_GET_ITEM(sequence.get(), i));
    if (!PyTuple_Check(action.get()) || PyTuple_GET_SIZE(action.get()) == 0) {
      return raise(PyExc_TypeError, "Each file_actions element must be a non-empty tuple");
    }
    long tag = TRY(checked(PyLong_AsLong(PyTuple_GET_ITEM(action.get(), 0))));
    PyObject* ignored;
    int fd, fd2, flags;
    unsigned long mode;
    PyObject* path = nullptr;
    switch (tag) {
      case kSpawnOpen: {
        if (!PyArg_ParseTuple(action.get(), "OiO&ik;A open file_action tuple must have 5 elements", &ignored, &fd, PyUnicode_FSConverter, &path, &flags, &mode)) {
          return Status::error;
        }
        Ref<> bytes = steal(path);
        TRY(status_of(PyList_Append(kept, path)));
        TRY(spawn_error(posix_spawn_file_actions_addopen(actions, fd, PyBytes_AS_STRING(path), flags, static_cast<mode_t>(mode))));
        break;
      }
      case kSpawnClose:
        if (!PyArg_ParseTuple(action.get(), "Oi;A close file_action tuple must have 2 elements", &ignored, &fd)) return Status::error;
        TRY(spawn_error(posix_spawn_file_actions_addclose(actions, fd)));
        break;
      case kSpawnDup2:
        if (!PyArg_ParseTuple(action.get(), "Oii;A dup2 file_action tuple must have 3 elements", &ignored, &fd, &fd2)) return Status::error;
        TRY(spawn_error(posix_spawn_file_actions_adddup2(actions, fd, fd2)));
        break;
      default:
        return raise(PyExc_TypeError, "Unknown file_actions identifier");
    }
  }
  return Status::ok;
}

Maybe<int> spawn(PyObject* module, bool search, const Path& path, PyObject* argv, PyObject* env, PyObject* file_actions, const SpawnOptions& options) {
  if (!PyList_Check(argv) && !PyTuple_Check(argv)) return raise(PyExc_TypeError, "%s: argv must be a tuple or list", options.function);
  if (PySequence_Fast_GET_SIZE(argv) == 0) return raise(PyExc_ValueError, "%s: argv must not be empty", options.function);
  if (!PyMapping_Check(env)) return raise(PyExc_TypeError, "%s: environment must be a mapping object", options.function);
  StringVector arguments, environment;
  TRY(arguments.read_arguments(argv));
  if (!arguments.data()[0][0]) return raise(PyExc_ValueError, "%s: argv first element cannot be empty", options.function);
  TRY(environment.read_environment(env));
  SpawnActions actions;
  Ref<> kept = TRY(steal(PyList_New(0)));
  bool has_actions = file_actions && file_actions != Py_None;
  if (has_actions) TRY(read_file_actions(file_actions, &actions.value, kept.get()));
  SpawnAttributes attributes;
  TRY(read_spawn_options(module, options, &attributes.value));
  TRY(audit("os.posix_spawn", "OOO", path.object(), argv, env));
  pid_t pid;
  auto* function = search ? &::posix_spawnp : &::posix_spawn;
  int error = function(&pid, path.text(), has_actions ? &actions.value : nullptr, &attributes.value, arguments.data(), environment.data());
  if (error != 0) {
    errno = error;
    return path_error(path);
  }
  return pid;
}

Maybe<int> posix_posix_spawn(PyObject* module, Path path, PyObject* argv, PyObject* env, PyObject* file_actions, PyObject* setpgroup, int resetids, int setsid,
                             PyObject* setsigmask, PyObject* setsigdef, PyObject* scheduler) {
  return spawn(module, false, path, argv, env, file_actions, {"posix_spawn", setpgroup, resetids != 0, setsid != 0, setsigmask, setsigdef, scheduler});
}
Maybe<int> posix_posix_spawnp(PyObject* module, Path path, PyObject* argv, PyObject* env, PyObject* file_actions, PyObject* setpgroup, int resetids, int setsid,
                              PyObject* setsigmask, PyObject* setsigdef, PyObject* scheduler) {
  return spawn(module, true, path, argv, env, file_actions, {"posix_spawnp", setpgroup, resetids != 0, setsid != 0, setsigmask, setsigdef, scheduler});
}

}  // namespace

const PyMethodDef kExecMethods[] = {
    METHOD("execv($module, path, argv, /)", posix_execv,
           "Execute an executable path with arguments, replacing current process.\n\n  path\n    Path of executable file.\n  argv\n    Tuple or list of strings."),
    METHOD("execve($module, /, path, argv, env)", posix_execve,
           "Execute an executable path with arguments, replacing current process.\n\n  path\n    Path of executable file.\n  argv\n    Tuple or list of strings.\n  env\n    Dictionary of "
           "strings mapping to strings."),
    METHOD("posix_spawn($module, path, argv, env, /, *, file_actions=(),\n            setpgroup=<unrepresentable>, resetids=False, setsid=False,\n            setsigmask=(), "
           "setsigdef=(), scheduler=<unrepresentable>)",
           posix_posix_spawn,
           "Execute the program specified by path in a new process.\n\n  file_actions\n    A sequence of file action tuples.\n  setpgroup\n    The pgroup to use with the "
           "POSIX_SPAWN_SETPGROUP flag.\n  resetids\n    If the value is `true` the POSIX_SPAWN_RESETIDS will be activated.\n  setsid\n    If the value is `true` the POSIX_SPAWN_SETSID "
           "will be activated.\n  setsigmask\n    The sigmask to use with the POSIX_SPAWN_SETSIGMASK flag.\n  setsigdef\n    The sigmask to use with the POSIX_SPAWN_SETSIGDEF "
           "flag.\n  scheduler\n    A tuple with the scheduler policy (optional) and parameters."),
    METHOD("posix_spawnp($module, path, argv, env, /, *, file_actions=(),\n             setpgroup=<unrepresentable>, resetids=False, setsid=False,\n             setsigmask=(), "
           "setsigdef=(), scheduler=<unrepresentable>)",
           posix_posix_spawnp, "Execute the program specified by path in a new process.\n\nLike posix_spawn(), but the program is searched for in PATH."),
    kEndOfMethods,
};

}  // namespace gill::posix
