// select.poll: a dict of descriptors and the events that each waits for.
#include <limits.h>
#include <poll.h>

#include "modules/select/select_module.h"

namespace gill::select_module {
namespace {

struct Poll {
  PyObject_HEAD
  PyObject* registered;  // descriptor: events
  pollfd* waited;        // made from `registered` when that has changed
  Py_ssize_t count;
  bool changed;
  bool busy;             // poll() runs, possibly in another thread
};

// An event mask: 16 bits, not negative.
struct EventMask {
  unsigned short value = POLLIN | POLLPRI | POLLOUT;
};

}  // namespace
}  // namespace gill::select_module

namespace gill {
template <>
struct Argument<select_module::EventMask> {
  static Status convert(PyObject* value, select_module::EventMask& out, const ArgumentPlace&) {
    if (PyLong_Check(value) && _PyLong_Sign(value) < 0) return raise(PyExc_ValueError, "value must be positive");
    unsigned long number = TRY(checked(PyLong_AsUnsignedLong(value)));
    if (number > USHRT_MAX) return raise(PyExc_OverflowError, "Python int too large for C unsigned short");
    out.value = static_cast<unsigned short>(number);
    return Status::ok;
  }
  static select_module::EventMask fallback(const Parameter&) { return {}; }
};
}  // namespace gill

namespace gill::select_module {
namespace {

Status set_events(Poll* self, int fd, EventMask mask) {
  Ref<> key = TRY(steal(PyLong_FromLong(fd)));
  Ref<> value = TRY(steal(PyLong_FromLong(mask.value)));
  TRY(status_of(PyDict_SetItem(self->registered, key.get(), value.get())));
  self->changed = true;
  return Status::ok;
}

Status poll_register(Poll* self, FileNumber fd, EventMask mask) { return set_events(self, fd.fd, mask); }

Status poll_modify(Poll* self, FileNumber fd, EventMask mask) {
  Ref<> key = TRY(steal(PyLong_FromLong(fd.fd)));
  if (!TRY(truth_of(PyDict_Contains(self->registered, key.get())))) {
    errno = ENOENT;
    return os_error();
  }
  return set_events(self, fd.fd, mask);
}

Status poll_unregister(Poll* self, FileNumber fd) {
  Ref<> key = TRY(steal(PyLong_FromLong(fd.fd)));
  TRY(status_of(PyDict_DelItem(self->registered, key.get())));
  self->changed = true;
  return Status::ok;
}

Status refresh(Poll* self) {
  if (!self->changed && self->waited) return Status::ok;
  Py_ssize_t count = PyDict_GET_SIZE(self->registered);
  auto* larger = static_cast<pollfd*>(PyMem_Realloc(self->waited, sizeof(pollfd) * static_cast<size_t>(count + 1)));
  if (!larger) {
    PyErr_NoMemory();
    return Status::error;
  }
  self->waited = larger;
  self->count = 0;
  Py_ssize_t place = 0;
  PyObject *key, *value;
  while (PyDict_Next(self->registered, &place, &key, &value)) {
    larger[self->count++] = {static_cast<int>(PyLong_AsLong(key)), static_cast<short>(PyLong_AsLong(value)), 0};
  }
  self->changed = false;
  return Status::ok;
}

Ref<> ready_list(Poll* self, int ready) {
  Ref<> list = TRY(steal(PyList_New(ready)));
  int filled = 0;
  for (Py_ssize_t i = 0; i < self->count && filled < ready; ++i) {
    const pollfd& each = self->waited[i];
    if (!each.revents) continue;
    PyObject* pair = Py_BuildValue("ii", each.fd, each.revents & 0xffff);
    if (!pair) return failure;
    PyList_SET_ITEM(list.get(), filled++, pair);
  }
  if (filled < ready) TRY(status_of(PyList_SetSlice(list.get(), filled, ready, nullptr)));
  return list;
}

Ref<> poll_poll(Poll* self, PyObject* timeout) {
  _PyTime_t limit = -1;
  if (timeout != Py_None) {
    if (_PyTime_FromMillisecondsObject(&limit, timeout, _PyTime_ROUND_TIMEOUT) < 0) {
      if (PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_SetString(PyExc_TypeError, "timeout must be an integer or None");
      return failure;
    }
    _PyTime_t milliseconds = _PyTime_AsMilliseconds(limit, _PyTime_ROUND_TIMEOUT);
    if (milliseconds < INT_MIN || milliseconds > INT_MAX) return raise(PyExc_OverflowError, "timeout is too large");
  }
  if (self->busy) return raise(PyExc_RuntimeError, "concurrent poll() invocation");
  TRY(refresh(self));
  self->busy = true;
  Deadline deadline(limit);
  int ready;
  for (;;) {
    ready = unlocked_if(limit != 0, [&] { return ::poll(self->waited, static_cast<nfds_t>(self->count), milliseconds_left(deadline)); });
    if (ready >= 0 || errno != EINTR) break;
    if (PyErr_CheckSignals() < 0) {
      self->busy = false;
      return failure;
    }
    if (deadline.passed()) {
      ready = 0;
      break;
    }
  }
  self->busy = false;
  if (ready < 0) return os_error();
  return ready_list(self, ready);
}

void poll_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<Poll*>(object);
  PyTypeObject* type = Py_TYPE(object);
  PyMem_Free(self->waited);
  clear_field(self->registered);
  type->tp_free(object);
  release(as_object(type));
}

const PyMethodDef kMethods[] = {
    METHOD("register($self, fd,\n         eventmask=select.POLLIN | select.POLLPRI | select.POLLOUT, /)", poll_register,
           "Register a file descriptor with the polling object.\n\n  fd\n    either an integer, or an object with a fileno() method returning an int\n  eventmask\n    an optional bitmask "
           "describing the type of events to check for"),
    METHOD("modify($self, fd, eventmask, /)", poll_modify,
           "Modify an already registered file descriptor.\n\n  fd\n    either an integer, or an object with a fileno() method returning\n    an int\n  eventmask\n    a bitmask describing the "
           "type of events to check for"),
    METHOD("unregister($self, fd, /)", poll_unregister, "Remove a file descriptor being tracked by the polling object."),
    METHOD("poll($self, timeout=None, /)", poll_poll,
           "Polls the set of registered file descriptors.\n\n  timeout\n    The maximum time to wait in milliseconds, or else None (or a negative\n    value) to wait indefinitely.\n\nReturns a "
           "list containing any descriptors that have events or errors to\nreport, as a list of (fd, event) 2-tuples."),
    kEndOfMethods,
};
const PyType_Slot kSlots[] = {{Py_tp_dealloc, (void*)poll_dealloc}, {Py_tp_methods, (void*)kMethods}, {0, nullptr}};
const PyType_Spec kSpec = {"select.poll", sizeof(Poll), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Ref<> make_poll(PyObject* module) {
  PyTypeObject* type = state_of(module)->poll_type;
  Ref<Poll> self = TRY(Ref<Poll>::steal(type->tp_alloc(type, 0)));
  self->changed = true;
  self->registered = TRY(steal(PyDict_New())).release();
  return self;
}

Status add_poll_types(PyObject* module) {
  state_of(module)->poll_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, const_cast<PyType_Spec*>(&kSpec), nullptr)));
  return Status::ok;
}

}  // namespace gill::select_module
