// epoll objects of the select module.
#include <Python.h>

#include <limits.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "modules/select_module.h"

namespace gill {
namespace {

struct Epoll {
  PyObject_HEAD
  int descriptor;  // -1 when closed
};

Failure os_error() {
  PyErr_SetFromErrno(PyExc_OSError);
  return failure;
}
Status check_open(Epoll* self) {
  if (self->descriptor < 0) return raise(PyExc_ValueError, "I/O operation on closed epoll object");
  return Status::ok;
}

// Takes over the descriptor; -1 makes a new one.
Ref<> new_epoll(PyTypeObject* type, int descriptor) {
  Ref<Epoll> self = TRY(Ref<Epoll>::steal(type->tp_alloc(type, 0)));
  self->descriptor = descriptor;
  if (descriptor >= 0) return self;
  Py_BEGIN_ALLOW_THREADS;
  self->descriptor = epoll_create1(EPOLL_CLOEXEC);
  Py_END_ALLOW_THREADS;
  if (self->descriptor < 0) return os_error();
  return self;
}

Ref<> epoll_construct(PyTypeObject* type, int sizehint, int flags) {
  if (sizehint != -1 && sizehint <= 0) return raise(PyExc_ValueError, "negative sizehint");
  if (flags && flags != EPOLL_CLOEXEC) return raise(PyExc_OSError, "invalid flags");
  return new_epoll(type, -1);
}
Ref<> epoll_fromfd(PyTypeObject* type, int fd) { return new_epoll(type, fd); }

int close_descriptor(Epoll* self) {
  int descriptor = std::exchange(self->descriptor, -1), error = 0;
  if (descriptor < 0) return 0;
  Py_BEGIN_ALLOW_THREADS;
  if (close(descriptor) < 0) error = errno;
  Py_END_ALLOW_THREADS;
  return error;
}
Status epoll_close(Epoll* self) {
  if ((errno = close_descriptor(self)) != 0) return os_error();
  return Status::ok;
}
void epoll_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  (void)close_descriptor(reinterpret_cast<Epoll*>(object));
  type->tp_free(object);
  release(as_object(type));
}

Maybe<bool> epoll_closed(Epoll* self) { return self->descriptor < 0; }
Maybe<int> epoll_fileno(Epoll* self) {
  TRY(check_open(self));
  return self->descriptor;
}
Ref<> epoll_enter(Epoll* self) {
  TRY(check_open(self));
  return borrow(as_object(self));
}
Ref<> epoll_exit(Epoll* self, PyObject*, PyObject*, PyObject*) { return steal(PyObject_CallMethodNoArgs(as_object(self), name<"close">)); }

Status control(Epoll* self, int operation, PyObject* fd, uint32_t events) {
  int descriptor = TRY(checked(PyObject_AsFileDescriptor(fd)));
  TRY(check_open(self));
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  int result;
  Py_BEGIN_ALLOW_THREADS;
  result = epoll_ctl(self->descriptor, operation, descriptor, &event);
  Py_END_ALLOW_THREADS;
  if (result < 0) return os_error();
  return Status::ok;
}
// The mask is read as the bits that it has.
Maybe<uint32_t> read_mask(PyObject* object) {
  unsigned long value = PyLong_AsUnsignedLongMask(object);
  if (value == static_cast<unsigned long>(-1) && PyErr_Occurred()) return failure;
  return static_cast<uint32_t>(value);
}
Status epoll_register(Epoll* self, PyObject* fd, PyObject* eventmask) {
  uint32_t events = EPOLLIN | EPOLLPRI | EPOLLOUT;
  if (eventmask) events = TRY(read_mask(eventmask));
  return control(self, EPOLL_CTL_ADD, fd, events);
}
Status epoll_modify(Epoll* self, PyObject* fd, PyObject* eventmask) { return control(self, EPOLL_CTL_MOD, fd, TRY(read_mask(eventmask))); }
Status epoll_unregister(Epoll* self, PyObject* fd) { return control(self, EPOLL_CTL_DEL, fd, 0); }

Ref<> epoll_poll(Epoll* self, PyObject* timeout_object, int maxevents) {
  TRY(check_open(self));
  _PyTime_t timeout = -1;
  if (timeout_object != Py_None) {
    // Whoever waits a millisecond wants at least one.
    if (_PyTime_FromSecondsObject(&timeout, timeout_object, _PyTime_ROUND_TIMEOUT) < 0) {
      if (PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_SetString(PyExc_TypeError, "timeout must be an integer or None");
      return failure;
    }
    (void)TRY(wait_milliseconds(timeout, _PyTime_ROUND_CEILING));
  }
  if (maxevents == -1) maxevents = FD_SETSIZE - 1;
  else if (maxevents < 1) return raise(PyExc_ValueError, "maxevents must be greater than 0, got %d", maxevents);
  auto* events = PyMem_New(epoll_event, maxevents);
  if (!events) return steal(PyErr_NoMemory());
  Maybe<int> found = wait_interruptibly(timeout, [&](_PyTime_t left) {
    int milliseconds = left < 0 ? -1 : static_cast<int>(_PyTime_AsMilliseconds(left, _PyTime_ROUND_CEILING));
    return epoll_wait(self->descriptor, events, maxevents, milliseconds);
  });
  Ref<> result = found ? steal(PyList_New(found.value())) : Ref<>();
  for (Py_ssize_t i = 0; result && i < found.value(); ++i) {
    PyObject* pair = Py_BuildValue("iI", events[i].data.fd, static_cast<unsigned>(events[i].events));
    if (!pair) {
      result = nullptr;
      break;
    }
    PyList_SET_ITEM(result.get(), i, pair);
  }
  PyMem_Free(events);
  return result;
}

const PyMethodDef kMethods[] = {
    CLASS_METHOD("fromfd($type, fd, /)", epoll_fromfd, "Create an epoll object from a given control fd."),
    METHOD("close($self, /)", epoll_close,
           "Close the epoll control file descriptor.\n\nFurther operations on the epoll object will raise an exception."),
    METHOD("fileno($self, /)", epoll_fileno, "Return the epoll control file descriptor."),
    METHOD("modify($self, /, fd, eventmask)", epoll_modify, "Modify event mask for a registered file descriptor."),
    METHOD("register($self, /, fd,\n         eventmask=select.EPOLLIN | select.EPOLLPRI | select.EPOLLOUT)", epoll_register,
           "Registers a new fd or raises an OSError if the fd is already registered."),
    METHOD("unregister($self, /, fd)", epoll_unregister, "Remove a registered file descriptor from the epoll object."),
    METHOD("poll($self, /, timeout=None, maxevents=-1)", epoll_poll,
           "Wait for events on the epoll file descriptor.\n\n  timeout\n    the maximum time to wait in seconds (as float);\n"
           "    a timeout of None or -1 makes poll wait indefinitely\n  maxevents\n    the maximum number of events returned; -1 means no limit\n\n"
           "Returns a list containing any descriptors that have events to report,\nas a list of (fd, events) 2-tuples."),
    METHOD("__enter__($self, /)", epoll_enter, ""),
    METHOD("__exit__($self, exc_type=None, exc_value=None, exc_tb=None, /)", epoll_exit, ""),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {getset<epoll_closed>("closed", "True if the epoll handler is closed"), kEndOfGetSets};

const PyType_Slot kSlots[] = {
    {Py_tp_doc, const_cast<char*>("select.epoll(sizehint=-1, flags=0)\n\nReturns an epolling object\n\nsizehint must be a positive integer or -1 "
                                  "for the default size. The\nsizehint is used to optimize internal data structures. It doesn't limit\n"
                                  "the maximum number of monitored events.")},
    {Py_tp_new, reinterpret_cast<void*>(CONSTRUCTOR("epoll($type, sizehint=-1, flags=0)", epoll_construct))},
    {Py_tp_dealloc, reinterpret_cast<void*>(epoll_dealloc)},
    {Py_tp_getattro, reinterpret_cast<void*>(PyObject_GenericGetAttr)},
    {Py_tp_methods, table(kMethods)},
    {Py_tp_getset, table(kAttributes)},
    {0, nullptr},
};

}  // namespace

PyType_Spec kEpollSpec = {"select.epoll", sizeof(Epoll), 0, Py_TPFLAGS_DEFAULT, const_cast<PyType_Slot*>(kSlots)};

}  // namespace gill
