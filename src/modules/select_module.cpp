// select(), poll objects and the select module.
#include <Python.h>

#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "modules/select_module.h"

namespace gill {

Maybe<int> wait_milliseconds(_PyTime_t timeout, _PyTime_round_t round) {
  if (timeout < 0) return -1;
  _PyTime_t milliseconds = _PyTime_AsMilliseconds(timeout, round);
  if (milliseconds > INT_MAX) return raise(PyExc_OverflowError, "timeout is too large");
  return static_cast<int>(milliseconds);
}

namespace {

// ---- select() ---------------------------------------------------------------------------------------------

// One of the three lists: the objects, their descriptors, the set for the system.
class Watched {
 public:
  Watched() = default;
  Watched(const Watched&) = delete;
  ~Watched() { PyMem_Free(descriptors_); }

  Status read(PyObject* given, int* limit) {
    FD_ZERO(&set_);
    objects_ = TRY(steal(PySequence_Fast(given, "arguments 1-3 must be sequences")));
    // fileno() may be Python code that changes the list.
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(objects_.get()); ++i) {
      Ref<> object = borrow(PySequence_Fast_GET_ITEM(objects_.get(), i));
      int descriptor = TRY(checked(PyObject_AsFileDescriptor(object.get())));
      if (descriptor >= FD_SETSIZE) return raise(PyExc_ValueError, "filedescriptor out of range in select()");
      if (i >= FD_SETSIZE) return raise(PyExc_ValueError, "too many file descriptors in select()");
      TRY(remember(i, descriptor));
      FD_SET(descriptor, &set_);
      if (descriptor >= *limit) *limit = descriptor + 1;
    }
    return Status::ok;
  }
  fd_set* set() { return &set_; }
  void clear() { FD_ZERO(&set_); }

  Ref<> ready() {
    Ref<> result = TRY(steal(PyList_New(0)));
    Py_ssize_t count = PySequence_Fast_GET_SIZE(objects_.get());
    for (Py_ssize_t i = 0; i < count && i < used_; ++i) {
      if (!FD_ISSET(descriptors_[i], &set_)) continue;
      TRY(status_of(PyList_Append(result.get(), PySequence_Fast_GET_ITEM(objects_.get(), i))));
    }
    return result;
  }

 private:
  Status remember(Py_ssize_t i, int descriptor) {
    if (i >= room_) {
      room_ = room_ ? room_ * 2 : 16;
      auto* grown = static_cast<int*>(PyMem_Realloc(descriptors_, static_cast<size_t>(room_) * sizeof(int)));
      if (!grown) {
        PyErr_NoMemory();
        return failure;
      }
      descriptors_ = grown;
    }
    descriptors_[i] = descriptor;
    used_ = i + 1;
    return Status::ok;
  }

  Ref<> objects_;
  int* descriptors_ = nullptr;
  Py_ssize_t used_ = 0, room_ = 0;
  fd_set set_;
};

Ref<> select_function(PyObject*, PyObject* readers, PyObject* writers, PyObject* exceptional, PyObject* timeout_object) {
  _PyTime_t timeout = -1;
  if (timeout_object != Py_None) {
    if (_PyTime_FromSecondsObject(&timeout, timeout_object, _PyTime_ROUND_TIMEOUT) < 0) {
      if (PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_SetString(PyExc_TypeError, "timeout must be a float or None");
      return failure;
    }
    if (timeout < 0) return raise(PyExc_ValueError, "timeout must be non-negative");
  }
  Watched watched[3];
  int limit = 0;
  PyObject* given[] = {readers, writers, exceptional};
  for (int i = 0; i < 3; ++i) TRY(watched[i].read(given[i], &limit));
  fd_set asked[3];
  for (int i = 0; i < 3; ++i) asked[i] = *watched[i].set();
  int count = TRY(wait_interruptibly(timeout, [&](_PyTime_t left) {
    timeval limit_value{}, *wait = nullptr;
    if (left >= 0) {
      (void)_PyTime_AsTimeval_clamp(left, &limit_value, _PyTime_ROUND_TIMEOUT);
      wait = &limit_value;
    }
    for (int i = 0; i < 3; ++i) *watched[i].set() = asked[i];
    return select(limit, watched[0].set(), watched[1].set(), watched[2].set(), wait);
  }));
  if (count == 0) {
    for (Watched& each : watched) each.clear();
  }
  Ref<> ready[3];
  for (int i = 0; i < 3; ++i) ready[i] = TRY(watched[i].ready());
  return steal(PyTuple_Pack(3, ready[0].get(), ready[1].get(), ready[2].get()));
}

// ---- poll objects --------------------------------------------------------------------------------------------

struct Poll {
  PyObject_HEAD
  PyObject* events;  // descriptor -> mask
  pollfd* entries;   // the same for the system, made again after changes
  nfds_t count;
  bool stale, polling;
};

Status read_mask(PyObject* object, unsigned short* out) { return _PyLong_UnsignedShort_Converter(object, out) ? Status::ok : Status::error; }

Status store(Poll* self, PyObject* key, unsigned short mask) {
  Ref<> value = TRY(steal(PyLong_FromLong(mask)));
  TRY(status_of(PyDict_SetItem(self->events, key, value.get())));
  self->stale = true;
  return Status::ok;
}

Status poll_register(Poll* self, PyObject* fd, PyObject* eventmask) {
  int descriptor = TRY(checked(PyObject_AsFileDescriptor(fd)));
  unsigned short mask = POLLIN | POLLPRI | POLLOUT;
  if (eventmask) TRY(read_mask(eventmask, &mask));
  Ref<> key = TRY(steal(PyLong_FromLong(descriptor)));
  return store(self, key.get(), mask);
}

Status poll_modify(Poll* self, PyObject* fd, PyObject* eventmask) {
  int descriptor = TRY(checked(PyObject_AsFileDescriptor(fd)));
  unsigned short mask;
  TRY(read_mask(eventmask, &mask));
  Ref<> key = TRY(steal(PyLong_FromLong(descriptor)));
  if (!PyDict_GetItemWithError(self->events, key.get())) {
    if (!PyErr_Occurred()) {
      errno = ENOENT;
      PyErr_SetFromErrno(PyExc_OSError);
    }
    return Status::error;
  }
  return store(self, key.get(), mask);
}

Status poll_unregister(Poll* self, PyObject* fd) {
  int descriptor = TRY(checked(PyObject_AsFileDescriptor(fd)));
  Ref<> key = TRY(steal(PyLong_FromLong(descriptor)));
  TRY(status_of(PyDict_DelItem(self->events, key.get())));
  self->stale = true;
  return Status::ok;
}

Status refresh(Poll* self) {
  if (!self->stale) return Status::ok;
  Py_ssize_t count = PyDict_GET_SIZE(self->events);
  auto* entries = static_cast<pollfd*>(PyMem_Realloc(self->entries, static_cast<size_t>(count ? count : 1) * sizeof(pollfd)));
  if (!entries) {
    PyErr_NoMemory();
    return failure;
  }
  self->entries = entries;
  self->count = 0;
  Py_ssize_t position = 0;
  PyObject *key, *value;
  while (PyDict_Next(self->events, &position, &key, &value)) {
    entries[self->count++] = {static_cast<int>(PyLong_AsLong(key)), static_cast<short>(PyLong_AsLong(value)), 0};
  }
  self->stale = false;
  return Status::ok;
}

Ref<> poll_poll(Poll* self, PyObject* timeout_object) {
  _PyTime_t timeout = -1;
  if (timeout_object != Py_None) {
    if (_PyTime_FromMillisecondsObject(&timeout, timeout_object, _PyTime_ROUND_TIMEOUT) < 0) {
      if (PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_SetString(PyExc_TypeError, "timeout must be an integer or None");
      return failure;
    }
    (void)TRY(wait_milliseconds(timeout, _PyTime_ROUND_TIMEOUT));
  }
  // The array of entries is in use while another thread waits.
  if (self->polling) return raise(PyExc_RuntimeError, "concurrent poll() invocation");
  TRY(refresh(self));
  self->polling = true;
  Maybe<int> found = wait_interruptibly(timeout, [&](_PyTime_t left) {
    int milliseconds = left < 0 ? -1 : static_cast<int>(_PyTime_AsMilliseconds(left, _PyTime_ROUND_TIMEOUT));
    return poll(self->entries, self->count, milliseconds);
  });
  self->polling = false;
  int count = TRY(found);
  Ref<> result = TRY(steal(PyList_New(count)));
  for (Py_ssize_t i = 0, at = 0; i < count; ++i, ++at) {
    while (!self->entries[at].revents) ++at;
    PyObject* pair = TRY(Py_BuildValue("ii", self->entries[at].fd, self->entries[at].revents & 0xffff));
    PyList_SET_ITEM(result.get(), i, pair);
  }
  return result;
}

void poll_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  auto* self = reinterpret_cast<Poll*>(object);
  PyMem_Free(self->entries);
  clear_field(self->events);
  PyObject_Free(object);
  release(as_object(type));
}

const PyMethodDef kPollMethods[] = {
    METHOD("register($self, fd,\n         eventmask=select.POLLIN | select.POLLPRI | select.POLLOUT, /)", poll_register,
           "Register a file descriptor with the polling object."),
    METHOD("modify($self, fd, eventmask, /)", poll_modify, "Modify an already registered file descriptor."),
    METHOD("unregister($self, fd, /)", poll_unregister, "Remove a file descriptor being tracked by the polling object."),
    METHOD("poll($self, timeout=None, /)", poll_poll,
           "Polls the set of registered file descriptors.\n\n  timeout\n    The maximum time to wait in milliseconds, or else None (or a negative\n"
           "    value) to wait indefinitely.\n\nReturns a list containing any descriptors that have events or errors to\n"
           "report, as a list of (fd, event) 2-tuples."),
    kEndOfMethods,
};
const PyType_Slot kPollSlots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(poll_dealloc)}, {Py_tp_methods, table(kPollMethods)}, {0, nullptr}};
PyType_Spec kPollSpec = {"select.poll", sizeof(Poll), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                         const_cast<PyType_Slot*>(kPollSlots)};

// ---- the module -----------------------------------------------------------------------------------------------

struct State {
  PyTypeObject* poll_type;
};
State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }

Ref<> make_poll(PyObject* module) {
  auto* self = PyObject_New(Poll, state_of(module)->poll_type);
  if (!self) return nullptr;
  self->entries = nullptr;
  self->count = 0;
  self->stale = true;
  self->polling = false;
  self->events = PyDict_New();
  Ref<> owned = steal(as_object(self));
  return self->events ? std::move(owned) : nullptr;
}

const PyMethodDef kMethods[] = {
    METHOD("select($module, rlist, wlist, xlist, timeout=None, /)", select_function,
           "Wait until one or more file descriptors are ready for some kind of I/O.\n\n"
           "The first three arguments are iterables of file descriptors to be waited for:\nrlist -- wait until ready for reading\n"
           "wlist -- wait until ready for writing\nxlist -- wait for an \"exceptional condition\"\n"
           "The optional 4th argument specifies a timeout in seconds; None never times out.\n\n"
           "The return value is a tuple of three lists: the subsets of the file descriptors that are ready."),
    METHOD("poll($module, /)", make_poll,
           "Returns a polling object.\n\nThis object supports registering and unregistering file descriptors, and then\npolling them for I/O events."),
    kEndOfMethods,
};

struct Constant {
  const char* name;
  long value;
};
#define CONSTANT(NAME) {#NAME, static_cast<long>(NAME)}
constexpr Constant kConstants[] = {
    CONSTANT(PIPE_BUF),    CONSTANT(POLLIN),        CONSTANT(POLLPRI),      CONSTANT(POLLOUT),     CONSTANT(POLLERR),      CONSTANT(POLLHUP),
    CONSTANT(POLLNVAL),    CONSTANT(POLLRDNORM),    CONSTANT(POLLRDBAND),   CONSTANT(POLLWRNORM),  CONSTANT(POLLWRBAND),   CONSTANT(POLLMSG),
    CONSTANT(POLLRDHUP),   CONSTANT(EPOLLIN),       CONSTANT(EPOLLOUT),     CONSTANT(EPOLLPRI),    CONSTANT(EPOLLERR),     CONSTANT(EPOLLHUP),
    CONSTANT(EPOLLRDHUP),  {"EPOLLET", 1L << 31},   CONSTANT(EPOLLONESHOT), CONSTANT(EPOLLEXCLUSIVE), CONSTANT(EPOLLRDNORM),
    CONSTANT(EPOLLRDBAND), CONSTANT(EPOLLWRNORM),   CONSTANT(EPOLLWRBAND),  CONSTANT(EPOLLMSG),    CONSTANT(EPOLL_CLOEXEC),
};
#undef CONSTANT

int execute(PyObject* module) {
  State* state = state_of(module);
  state->poll_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &kPollSpec, nullptr)));
  Ref<> epoll = TRY(steal(PyType_FromModuleAndSpec(module, &kEpollSpec, nullptr)));
  TRY(status_of(PyModule_AddType(module, reinterpret_cast<PyTypeObject*>(epoll.get()))));
  TRY(status_of(PyModule_AddObjectRef(module, "error", PyExc_OSError)));
  for (const Constant& constant : kConstants) TRY(status_of(PyModule_AddIntConstant(module, constant.name, constant.value)));
  return 0;
}
int traverse(PyObject* module, visitproc visit, void* arg) {
  Py_VISIT(state_of(module)->poll_type);
  return 0;
}
int clear(PyObject* module) {
  clear_field(state_of(module)->poll_type);
  return 0;
}

PyModuleDef_Slot kSlots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef kDefinition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "select",
    .m_doc = "This module supports asynchronous I/O on multiple file descriptors.",
    .m_size = sizeof(State),
    .m_methods = table(kMethods),
    .m_slots = kSlots,
    .m_traverse = traverse,
    .m_clear = clear,
};

}  // namespace

PyMODINIT_FUNC PyInit_select() { return PyModuleDef_Init(&kDefinition); }
GILL_BUILTIN_MODULE("select", PyInit_select);

}  // namespace gill
