// select.epoll: the kernel's own set of descriptors.
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "modules/select/select_module.h"

namespace gill::select_module {
namespace {

struct Epoll {
  PyObject_HEAD
  int fd;  // -1 when closed
};

constexpr int kMostEvents = FD_SETSIZE - 1;

Status check_open(const Epoll* self) {
  if (self->fd < 0) return raise(PyExc_ValueError, "I/O operation on closed epoll object");
  return Status::ok;
}

Status close_descriptor(Epoll* self) {
  int fd = std::exchange(self->fd, -1);
  if (fd < 0) return Status::ok;
  TRY(once([&] { return ::close(fd); }));
  return Status::ok;
}

// Takes over `fd`; with -1 it makes one.
Ref<> make_epoll(PyTypeObject* type, int fd) {
  Ref<Epoll> self = TRY(Ref<Epoll>::steal(type->tp_alloc(type, 0)));
  self->fd = fd;
  if (fd == -1) self->fd = TRY(once([] { return ::epoll_create1(EPOLL_CLOEXEC); }));
  return self;
}

Ref<> epoll_new(PyTypeObject* type, int sizehint, int flags) {
  if (sizehint != -1 && sizehint <= 0) return raise(PyExc_ValueError, "negative sizehint");
  if (flags && flags != EPOLL_CLOEXEC) return raise(PyExc_OSError, "invalid flags");
  return make_epoll(type, -1);
}
Ref<> epoll_fromfd(PyTypeObject* type, int fd) { return make_epoll(type, fd); }

Status epoll_close(Epoll* self) { return close_descriptor(self); }
Maybe<int> epoll_fileno(Epoll* self) {
  TRY(check_open(self));
  return self->fd;
}
Maybe<bool> get_closed(Epoll* self) { return self->fd < 0; }

Status control(Epoll* self, int operation, FileNumber fd, unsigned events) {
  TRY(check_open(self));
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd.fd;
  TRY(once([&, own = self->fd] { return ::epoll_ctl(own, operation, fd.fd, &event); }));
  return Status::ok;
}
// Bits beyond 32 are dropped.
Maybe<unsigned> event_bits(PyObject* mask) {
  if (!mask) return EPOLLIN | EPOLLPRI | EPOLLOUT;
  Ref<> number = TRY(steal(PyNumber_Index(mask)));
  unsigned long bits = TRY(checked(PyLong_AsUnsignedLongMask(number.get())));
  return static_cast<unsigned>(bits);
}
Status epoll_register(Epoll* self, FileNumber fd, PyObject* eventmask) {
  unsigned events = TRY(event_bits(eventmask));
  return control(self, EPOLL_CTL_ADD, fd, events);
}
Status epoll_modify(Epoll* self, FileNumber fd, PyObject* eventmask) {
  unsigned events = TRY(event_bits(eventmask));
  return control(self, EPOLL_CTL_MOD, fd, events);
}
Status epoll_unregister(Epoll* self, FileNumber fd) { return control(self, EPOLL_CTL_DEL, fd, 0); }

Ref<> epoll_poll(Epoll* self, PyObject* timeout, int maxevents) {
  TRY(check_open(self));
  _PyTime_t limit = -1;
  if (timeout != Py_None) {
    // Rounded up, so that a wait of less than a millisecond does not become a busy one.
    if (_PyTime_FromSecondsObject(&limit, timeout, _PyTime_ROUND_TIMEOUT) < 0) {
      if (PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_SetString(PyExc_TypeError, "timeout must be an integer or None");
      return failure;
    }
    _PyTime_t milliseconds = _PyTime_AsMilliseconds(limit, _PyTime_ROUND_CEILING);
    if (milliseconds < INT_MIN || milliseconds > INT_MAX) return raise(PyExc_OverflowError, "timeout is too large");
  }
  if (maxevents == -1) maxevents = kMostEvents;
  else if (maxevents < 1) return raise(PyExc_ValueError, "maxevents must be greater than 0, got %d", maxevents);
  auto* events = PyMem_New(epoll_event, maxevents);
  if (!events) return steal(PyErr_NoMemory());
  struct Guard {
    epoll_event* memory;
    ~Guard() { PyMem_Free(memory); }
  } guard{events};
  Deadline deadline(limit);
  int ready;
  for (;;) {
    ready = unlocked_if(limit != 0, [&, fd = self->fd] { return ::epoll_wait(fd, events, maxevents, milliseconds_left(deadline)); });
    if (ready >= 0 || errno != EINTR) break;
    TRY(status_of(PyErr_CheckSignals()));
    if (deadline.passed()) {
      ready = 0;
      break;
    }
  }
  if (ready < 0) return os_error();
  Ref<> list = TRY(steal(PyList_New(ready)));
  for (int i = 0; i < ready; ++i) {
    PyObject* pair = Py_BuildValue("iI", events[i].data.fd, events[i].events);
    if (!pair) return failure;
    PyList_SET_ITEM(list.get(), i, pair);
  }
  return list;
}

Ref<> epoll_enter(Epoll* self) {
  TRY(check_open(self));
  return borrow(as_object(self));
}
Ref<> epoll_exit(Epoll* self, PyObject*, PyObject*, PyObject*) {
  return steal(PyObject_CallMethodNoArgs(as_object(self), name<"close">));
}

void epoll_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  // A failure to close has nobody to go to.
  if (close_descriptor(reinterpret_cast<Epoll*>(object)) != Status::ok) PyErr_Clear();
  type->tp_free(object);
  release(as_object(type));
}

const PyMethodDef kMethods[] = {
    CLASS_METHOD("fromfd($type, fd, /)", epoll_fromfd, "Create an epoll object from a given control fd."),
    METHOD("close($self, /)", epoll_close, "Close the epoll control file descriptor.\n\nFurther operations on the epoll object will raise an exception."),
    METHOD("fileno($self, /)", epoll_fileno, "Return the epoll control file descriptor."),
    METHOD("register($self, /, fd,\n         eventmask=select.EPOLLIN | select.EPOLLPRI | select.EPOLLOUT)", epoll_register,
           "Registers a new fd or raises an OSError if the fd is already registered.\n\n  fd\n    the target file descriptor of the operation\n  eventmask\n    a bit set composed of the various "
           "EPOLL constants\n\nThe epoll interface supports all file descriptors that support poll."),
    METHOD("modify($self, /, fd, eventmask)", epoll_modify,
           "Modify event mask for a registered file descriptor.\n\n  fd\n    the target file descriptor of the operation\n  eventmask\n    a bit set composed of the various EPOLL constants"),
    METHOD("unregister($self, /, fd)", epoll_unregister,
           "Remove a registered file descriptor from the epoll object.\n\n  fd\n    the target file descriptor of the operation"),
    METHOD("poll($self, /, timeout=None, maxevents=-1)", epoll_poll,
           "Wait for events on the epoll file descriptor.\n\n  timeout\n    the maximum time to wait in seconds (as float);\n    a timeout of None or -1 makes poll wait indefinitely\n"
           "  maxevents\n    the maximum number of events returned; -1 means no limit\n\nReturns a list containing any descriptors that have events to report,\nas a list of (fd, events) "
           "2-tuples."),
    METHOD("__enter__($self, /)", epoll_enter, ""),
    METHOD("__exit__($self, exc_type=None, exc_value=None, exc_tb=None, /)", epoll_exit, ""),
    kEndOfMethods,
};
const PyGetSetDef kGetSets[] = {getset<get_closed>("closed", "True if the epoll handler is closed"), kEndOfGetSets};
const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)epoll_dealloc},
    {Py_tp_doc, (void*)"select.epoll(sizehint=-1, flags=0)\n\nReturns an epolling object\n\nsizehint must be a positive integer or -1 for the default size. The\nsizehint is used to optimize "
                       "internal data structures. It doesn't limit\nthe maximum number of monitored events."},
    {Py_tp_new, (void*)CONSTRUCTOR("epoll($type, /, sizehint=-1, flags=0)", epoll_new)},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_getset, (void*)kGetSets},
    {0, nullptr},
};
const PyType_Spec kSpec = {"select.epoll", sizeof(Epoll), 0, Py_TPFLAGS_DEFAULT, const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Status add_epoll_type(PyObject* module) {
  State* state = state_of(module);
  state->epoll_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, const_cast<PyType_Spec*>(&kSpec), nullptr)));
  return status_of(PyModule_AddType(module, state->epoll_type));
}

}  // namespace gill::select_module
