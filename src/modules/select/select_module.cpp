// The `select` module: select(), and the constants of poll() and epoll().
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "modules/module_state.h"
#include "modules/select/select_module.h"

namespace gill::select_module {
namespace {

// ---- select() -------------------------------------------------------------------------------------------------------------

// The objects of one of the three arguments, with their descriptors.
class Watched {
 public:
  Watched() { FD_ZERO(&set_); }
  Watched(const Watched&) = delete;
  ~Watched() {
    for (int i = 0; i < count_; ++i) release(objects_[i]);
    PyMem_Free(objects_);
    PyMem_Free(descriptors_);
  }

  Status read(PyObject* argument) {
    Ref<> items = steal(PySequence_Fast(argument, "arguments 1-3 must be sequences"));
    if (!items) return Status::error;
    int capacity = 0;
    // fileno() may change the list.
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
      Ref<> object = borrow(PySequence_Fast_GET_ITEM(items.get(), i));
      int fd = PyObject_AsFileDescriptor(object.get());
      if (fd < 0) return Status::error;
      if (fd >= FD_SETSIZE) return raise(PyExc_ValueError, "filedescriptor out of range in select()");
      if (count_ >= FD_SETSIZE) return raise(PyExc_ValueError, "too many file descriptors in select()");
      if (count_ == capacity) TRY(grow(&capacity));
      FD_SET(fd, &set_);
      if (fd > highest_) highest_ = fd;
      descriptors_[count_] = fd;
      objects_[count_++] = object.release();
    }
    return Status::ok;
  }

  // Those of the objects whose descriptors are in `ready`.
  Ref<> chosen(const fd_set& ready) const {
    Ref<> list = TRY(steal(PyList_New(0)));
    for (int i = 0; i < count_; ++i) {
      if (FD_ISSET(descriptors_[i], &ready)) TRY(status_of(PyList_Append(list.get(), objects_[i])));
    }
    return list;
  }
  const fd_set& set() const { return set_; }
  int highest() const { return highest_; }

 private:
  Status grow(int* capacity) {
    int larger = *capacity ? *capacity * 2 : 16;
    auto* objects = static_cast<PyObject**>(PyMem_Realloc(objects_, sizeof(PyObject*) * static_cast<size_t>(larger)));
    if (objects) objects_ = objects;
    auto* descriptors = objects ? static_cast<int*>(PyMem_Realloc(descriptors_, sizeof(int) * static_cast<size_t>(larger))) : nullptr;
    if (!descriptors) {
      PyErr_NoMemory();
      return Status::error;
    }
    descriptors_ = descriptors;
    *capacity = larger;
    return Status::ok;
  }

  fd_set set_;
  PyObject** objects_ = nullptr;
  int* descriptors_ = nullptr;
  int count_ = 0;
  int highest_ = -1;
};

Ref<> select_select(PyObject*, PyObject* rlist, PyObject* wlist, PyObject* xlist, PyObject* timeout) {
  _PyTime_t limit = -1;
  if (timeout != Py_None) {
    if (_PyTime_FromSecondsObject(&limit, timeout, _PyTime_ROUND_TIMEOUT) < 0) {
      if (PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_SetString(PyExc_TypeError, "timeout must be a float or None");
      return failure;
    }
    timeval unused;
    TRY(status_of(_PyTime_AsTimeval(limit, &unused, _PyTime_ROUND_TIMEOUT)));
    if (limit < 0) return raise(PyExc_ValueError, "timeout must be non-negative");
  }
  Watched read, written, exceptional;
  TRY(read.read(rlist));
  TRY(written.read(wlist));
  TRY(exceptional.read(xlist));
  int highest = read.highest();
  if (written.highest() > highest) highest = written.highest();
  if (exceptional.highest() > highest) highest = exceptional.highest();

  Deadline deadline(limit);
  fd_set readable, writable, special;
  int count;
  for (;;) {
    readable = read.set();
    writable = written.set();
    special = exceptional.set();
    timeval wait;
    if (!deadline.endless()) _PyTime_AsTimeval_clamp(deadline.left(), &wait, _PyTime_ROUND_CEILING);
    count = unlocked_if(limit != 0, [&] { return ::select(highest + 1, &readable, &writable, &special, deadline.endless() ? nullptr : &wait); });
    if (count >= 0 || errno != EINTR) break;
    TRY(status_of(PyErr_CheckSignals()));
    if (deadline.passed()) {
      // Nothing is ready.
      FD_ZERO(&readable);
      FD_ZERO(&writable);
      FD_ZERO(&special);
      count = 0;
      break;
    }
  }
  if (count < 0) return os_error();
  Ref<> r = TRY(read.chosen(readable));
  Ref<> w = TRY(written.chosen(writable));
  Ref<> x = TRY(exceptional.chosen(special));
  return steal(PyTuple_Pack(3, r.get(), w.get(), x.get()));
}

Ref<> select_poll(PyObject* module) { return make_poll(module); }

// ---- the module -------------------------------------------------------------------------------------------------------------

const PyMethodDef kMethods[] = {
    METHOD("select($module, rlist, wlist, xlist, timeout=None, /)", select_select,
           "Wait until one or more file descriptors are ready for some kind of I/O.\n\nThe first three arguments are iterables of descriptors or objects with fileno(): those to read "
           "from, to write\nto, and with exceptional conditions. timeout is in seconds; None waits without end, 0 polls. The result is\nthree lists of those that are ready.\n\n*** IMPORTANT "
           "NOTICE ***\nOn Windows, only sockets are supported; on Unix, all file\ndescriptors can be used."),
    METHOD("poll($module, /)", select_poll,
           "Returns a polling object.\n\nThis object supports registering and unregistering file descriptors, and then\npolling them for I/O events."),
    kEndOfMethods,
};

struct Constant {
  const char* name;
  long value;
};
const Constant kConstants[] = {
    {"PIPE_BUF", PIPE_BUF}, {"POLLIN", POLLIN}, {"POLLPRI", POLLPRI}, {"POLLOUT", POLLOUT}, {"POLLERR", POLLERR}, {"POLLHUP", POLLHUP}, {"POLLNVAL", POLLNVAL},
    {"POLLRDNORM", POLLRDNORM}, {"POLLRDBAND", POLLRDBAND}, {"POLLWRNORM", POLLWRNORM}, {"POLLWRBAND", POLLWRBAND}, {"POLLMSG", POLLMSG}, {"POLLRDHUP", POLLRDHUP},
    {"EPOLLIN", EPOLLIN}, {"EPOLLOUT", EPOLLOUT}, {"EPOLLPRI", EPOLLPRI}, {"EPOLLERR", EPOLLERR}, {"EPOLLHUP", EPOLLHUP}, {"EPOLLRDHUP", EPOLLRDHUP},
    {"EPOLLET", static_cast<long>(EPOLLET)}, {"EPOLLONESHOT", EPOLLONESHOT}, {"EPOLLEXCLUSIVE", EPOLLEXCLUSIVE}, {"EPOLLRDNORM", EPOLLRDNORM},
    {"EPOLLRDBAND", EPOLLRDBAND}, {"EPOLLWRNORM", EPOLLWRNORM}, {"EPOLLWRBAND", EPOLLWRBAND}, {"EPOLLMSG", EPOLLMSG}, {"EPOLL_CLOEXEC", EPOLL_CLOEXEC},
};

int execute(PyObject* module) {
  TRY(add_poll_types(module));
  TRY(add_epoll_type(module));
  for (const Constant& each : kConstants) TRY(status_of(PyModule_AddIntConstant(module, each.name, each.value)));
  return PyModule_AddObjectRef(module, "error", PyExc_OSError);
}
using Owned = ModuleFields<&State::poll_type, &State::epoll_type>;

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "select",
    .m_doc = "This module supports asynchronous I/O on multiple file descriptors.\n\n*** IMPORTANT NOTICE ***\nOn Windows, only sockets are supported; on Unix, all file descriptors.",
    .m_size = sizeof(State),
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace
}  // namespace gill::select_module

PyMODINIT_FUNC PyInit_select() { return PyModuleDef_Init(&gill::select_module::definition); }

namespace gill {
GILL_BUILTIN_MODULE("select", PyInit_select);
}  // namespace gill
