// The lock types of the _thread module.
//
// A `lock` belongs to nobody: any thread may open it. An `RLock` belongs to the thread that closed it, which may close it again
// and must open it as often. Waiting for either lets other threads run and is interrupted by signals, whose handlers run in the main
// thread before the waiting goes on.
#include <Python.h>
#include <structmember.h>

#include <climits>

#include "base/binding.h"
#include "base/names.h"
#include "modules/thread_module.h"

namespace gill {
namespace {

// The timeout in nanoseconds from the arguments of acquire().
Maybe<_PyTime_t> read_timeout(int blocking, PyObject* given) {
  _PyTime_t timeout = _PyTime_FromSeconds(-1);
  const _PyTime_t unset = timeout;
  if (given && _PyTime_FromSecondsObject(&timeout, given, _PyTime_ROUND_TIMEOUT) < 0) return failure;
  if (!blocking && timeout != unset) return raise(PyExc_ValueError, "can't specify a timeout for a non-blocking call");
  if (timeout < 0 && timeout != unset) return raise(PyExc_ValueError, "timeout value must be positive");
  if (!blocking) return 0;
  if (timeout != unset && _PyTime_AsMicroseconds(timeout, _PyTime_ROUND_TIMEOUT) > PY_TIMEOUT_MAX) {
    return raise(PyExc_OverflowError, "timeout value is too large");
  }
  return timeout == unset ? -1 : timeout;
}

// ---- lock -----------------------------------------------------------------------------------------------

struct LockObject {
  PyObject_HEAD
  PyThread_type_lock lock;
  PyObject* weak_references;
  bool locked;
};

void lock_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<LockObject*>(object);
  PyObject_GC_UnTrack(object);
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  if (self->lock) {
    // Destroying a semaphore that somebody waits for is undefined.
    if (self->locked) PyThread_release_lock(self->lock);
    PyThread_free_lock(self->lock);
  }
  PyTypeObject* type = Py_TYPE(object);
  type->tp_free(object);
  release(as_object(type));
}

int traverse_type(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return 0;
}

Maybe<bool> lock_acquire(LockObject* self, int blocking, PyObject* timeout) {
  PyLockStatus status = acquire_interruptibly(self->lock, TRY(read_timeout(blocking, timeout)));
  if (status == PY_LOCK_INTR) return failure;
  if (status == PY_LOCK_ACQUIRED) self->locked = true;
  return status == PY_LOCK_ACQUIRED;
}

Status lock_release(LockObject* self) {
  if (!self->locked) return raise(PyExc_RuntimeError, "release unlocked lock");
  self->locked = false;
  PyThread_release_lock(self->lock);
  return Status::ok;
}

Maybe<bool> lock_locked(LockObject* self) { return self->locked; }

Ref<> lock_repr(LockObject* self) {
  return steal(PyUnicode_FromFormat("<%s %s object at %p>", self->locked ? "locked" : "unlocked", Py_TYPE(as_object(self))->tp_name, self));
}

Status lock_reinitialize(LockObject* self) {
  if (_PyThread_at_fork_reinit(&self->lock) < 0) return raise(PyExc_RuntimeError, "failed to reinitialize lock at fork");
  self->locked = false;
  return Status::ok;
}

// `with` calls these two, and most other calls have no arguments either: they are spared the binding of arguments.
template <auto Acquire, PyObject* (*General)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*)>
PyObject* quick_acquire(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  if (count || names) return General(self, args, count, names);
  return to_python(Acquire(self));
}
template <auto Release>
PyObject* quick_exit(PyObject* self, PyObject* const*, Py_ssize_t) {
  return to_python(Release(self));
}
template <class Function>
constexpr PyMethodDef quick_method(const char* text, Function function, int flags, const char* doc) {
  return {text, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function)), flags, doc};
}

Maybe<bool> lock_acquire_now(PyObject* self) { return lock_acquire(reinterpret_cast<LockObject*>(self), 1, nullptr); }
Status lock_release_now(PyObject* self) { return lock_release(reinterpret_cast<LockObject*>(self)); }

#define ACQUIRE_DOC                                                                                                                       \
  "acquire(blocking=True, timeout=-1) -> bool\n(acquire_lock() is an obsolete synonym)\n\nClose the lock. Without argument, waits while " \
  "the lock is closed, even by\nthe same thread, and returns True. With a false argument it does not wait;\nthe result says whether the " \
  "lock could be closed. Signals interrupt the wait."
#define RELEASE_DOC                                                                                                                \
  "release()\n(release_lock() is an obsolete synonym)\n\nOpen the lock, so that another thread that waits for it can close it. The " \
  "lock\nmust be closed, by whichever thread."
#define LOCKED_DOC "locked() -> bool\n(locked_lock() is an obsolete synonym)\n\nWhether the lock is closed."

constexpr auto kAcquireLock = &quick_acquire<lock_acquire_now, &GILL_BOUND("acquire($self, /, blocking=True, timeout=-1)", lock_acquire)::fast_keywords>;

const PyMethodDef kLockMethods[] = {
    quick_method("acquire_lock", kAcquireLock, METH_FASTCALL | METH_KEYWORDS, ACQUIRE_DOC),
    quick_method("acquire", kAcquireLock, METH_FASTCALL | METH_KEYWORDS, ACQUIRE_DOC),
    METHOD_UNSIGNED("release_lock($self, /)", lock_release, RELEASE_DOC),
    METHOD_UNSIGNED("release($self, /)", lock_release, RELEASE_DOC),
    METHOD_UNSIGNED("locked_lock($self, /)", lock_locked, LOCKED_DOC),
    METHOD_UNSIGNED("locked($self, /)", lock_locked, LOCKED_DOC),
    quick_method("__enter__", kAcquireLock, METH_FASTCALL | METH_KEYWORDS, ACQUIRE_DOC),
    quick_method("__exit__", &quick_exit<lock_release_now>, METH_FASTCALL | kOfTuple, RELEASE_DOC),
    METHOD_UNSIGNED("_at_fork_reinit($self, /)", lock_reinitialize, nullptr),
    kEndOfMethods,
};
const PyMemberDef kLockMembers[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(LockObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyType_Slot kLockSlots[] = {
    {Py_tp_dealloc, (void*)lock_dealloc},
    {Py_tp_repr, (void*)slot<lock_repr>},
    {Py_tp_doc, (void*)"A lock object is a synchronization primitive.  To create a lock,\ncall threading.Lock().  Methods are:\n\nacquire() -- lock the "
                       "lock, possibly blocking until it can be obtained\nrelease() -- unlock of the lock\nlocked() -- test whether the lock is "
                       "currently locked\n\nA lock is not owned by the thread that locked it; another thread may\nunlock it.  A thread attempting "
                       "to lock a lock that it has already locked\nwill block until another thread unlocks it.  Deadlocks may ensue."},
    {Py_tp_methods, (void*)kLockMethods},
    {Py_tp_traverse, (void*)traverse_type},
    {Py_tp_members, (void*)kLockMembers},
    {0, nullptr},
};
PyType_Spec lock_spec = {"_thread.lock", sizeof(LockObject), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, table(kLockSlots)};

// ---- RLock ------------------------------------------------------------------------------------------------

struct RLockObject {
  PyObject_HEAD
  PyThread_type_lock lock;
  unsigned long owner;
  unsigned long count;
  PyObject* weak_references;
};

bool is_mine(RLockObject* self) { return self->count > 0 && self->owner == PyThread_get_thread_ident(); }

PyObject* rlock_new(PyTypeObject* type, PyObject*, PyObject*) {
  auto* self = reinterpret_cast<RLockObject*>(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  self->lock = PyThread_allocate_lock();
  if (!self->lock) {
    release(as_object(self));
    return raise(PyExc_RuntimeError, "can't allocate lock");
  }
  return as_object(self);
}

void rlock_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<RLockObject*>(object);
  PyObject_GC_UnTrack(object);
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  if (self->lock) {
    if (self->count > 0) PyThread_release_lock(self->lock);
    PyThread_free_lock(self->lock);
  }
  PyTypeObject* type = Py_TYPE(object);
  type->tp_free(object);
  release(as_object(type));
}

Maybe<bool> rlock_acquire(RLockObject* self, int blocking, PyObject* timeout_object) {
  _PyTime_t timeout = TRY(read_timeout(blocking, timeout_object));
  if (is_mine(self)) {
    if (self->count == ULONG_MAX) return raise(PyExc_OverflowError, "Internal lock count overflowed");
    ++self->count;
    return true;
  }
  PyLockStatus status = acquire_interruptibly(self->lock, timeout);
  if (status == PY_LOCK_INTR) return failure;
  if (status != PY_LOCK_ACQUIRED) return false;
  self->owner = PyThread_get_thread_ident();
  self->count = 1;
  return true;
}

Status rlock_release(RLockObject* self) {
  if (!is_mine(self)) return raise(PyExc_RuntimeError, "cannot release un-acquired lock");
  if (--self->count == 0) {
    self->owner = 0;
    PyThread_release_lock(self->lock);
  }
  return Status::ok;
}

Status rlock_acquire_restore(PyObject* object, Args given) {
  auto* self = reinterpret_cast<RLockObject*>(object);
  Ref<> args = TRY(steal(PyTuple_New(given.count)));
  for (Py_ssize_t i = 0; i < given.count; ++i) PyTuple_SET_ITEM(args.get(), i, borrow(given[i]).release());
  unsigned long count, owner;
  if (!PyArg_ParseTuple(args.get(), "(kk):_acquire_restore", &count, &owner)) return Status::error;
  bool acquired = PyThread_acquire_lock(self->lock, 0);
  if (!acquired) {
    Py_BEGIN_ALLOW_THREADS;
    acquired = PyThread_acquire_lock(self->lock, 1);
    Py_END_ALLOW_THREADS;
  }
  if (!acquired) return raise(PyExc_RuntimeError, "couldn't acquire lock");
  self->owner = owner;
  self->count = count;
  return Status::ok;
}

Ref<> rlock_release_save(RLockObject* self) {
  if (self->count == 0) return raise(PyExc_RuntimeError, "cannot release un-acquired lock");
  unsigned long owner = std::exchange(self->owner, 0), count = std::exchange(self->count, 0);
  PyThread_release_lock(self->lock);
  return steal(Py_BuildValue("kk", count, owner));
}

Maybe<bool> rlock_is_owned(RLockObject* self) { return is_mine(self); }

Ref<> rlock_repr(RLockObject* self) {
  return steal(PyUnicode_FromFormat("<%s %s object owner=%ld count=%lu at %p>", self->count ? "locked" : "unlocked", Py_TYPE(as_object(self))->tp_name,
                                    self->owner, self->count, self));
}

Status rlock_reinitialize(RLockObject* self) {
  if (_PyThread_at_fork_reinit(&self->lock) < 0) return raise(PyExc_RuntimeError, "failed to reinitialize lock at fork");
  self->owner = self->count = 0;
  return Status::ok;
}

#define RLOCK_ACQUIRE_DOC                                                                                                                    \
  "acquire(blocking=True) -> bool\n\nClose the lock for this thread; one that has closed it already only counts.\nWaits while another thread " \
  "has it closed, unless `blocking` is False: the\nresult then says whether the lock was closed. Signals interrupt the wait."
#define RLOCK_RELEASE_DOC                                                                                                        \
  "release()\n\nOpen the lock; only the thread that closed it may, and must do so as often as\nit closed it before others can. Another " \
  "thread gets a RuntimeError."

Maybe<bool> rlock_acquire_now(PyObject* self) { return rlock_acquire(reinterpret_cast<RLockObject*>(self), 1, nullptr); }
Status rlock_release_now(PyObject* self) { return rlock_release(reinterpret_cast<RLockObject*>(self)); }
constexpr auto kAcquireRLock =
    &quick_acquire<rlock_acquire_now, &GILL_BOUND("acquire($self, /, blocking=True, timeout=-1)", rlock_acquire)::fast_keywords>;

const PyMethodDef kRLockMethods[] = {
    quick_method("acquire", kAcquireRLock, METH_FASTCALL | METH_KEYWORDS, RLOCK_ACQUIRE_DOC),
    METHOD_UNSIGNED("release($self, /)", rlock_release, RLOCK_RELEASE_DOC),
    METHOD_UNSIGNED("_is_owned($self, /)", rlock_is_owned, "_is_owned() -> bool\n\nFor internal use by `threading.Condition`."),
    METHOD_PARSED("_acquire_restore($self, /, *args)", rlock_acquire_restore,
                    "_acquire_restore(state) -> None\n\nFor internal use by `threading.Condition`."),
    METHOD_UNSIGNED("_release_save($self, /)", rlock_release_save, "_release_save() -> tuple\n\nFor internal use by `threading.Condition`."),
    quick_method("__enter__", kAcquireRLock, METH_FASTCALL | METH_KEYWORDS, RLOCK_ACQUIRE_DOC),
    quick_method("__exit__", &quick_exit<rlock_release_now>, METH_FASTCALL | kOfTuple, RLOCK_RELEASE_DOC),
    METHOD_UNSIGNED("_at_fork_reinit($self, /)", rlock_reinitialize, nullptr),
    kEndOfMethods,
};
const PyMemberDef kRLockMembers[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(RLockObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyType_Slot kRLockSlots[] = {
    {Py_tp_dealloc, (void*)rlock_dealloc},   {Py_tp_repr, (void*)slot<rlock_repr>},  {Py_tp_methods, (void*)kRLockMethods},
    {Py_tp_alloc, (void*)PyType_GenericAlloc}, {Py_tp_new, (void*)rlock_new},          {Py_tp_members, (void*)kRLockMembers},
    {Py_tp_traverse, (void*)traverse_type},  {0, nullptr},
};
PyType_Spec rlock_spec = {"_thread.RLock", sizeof(RLockObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, table(kRLockSlots)};

}  // namespace

PyLockStatus acquire_interruptibly(PyThread_type_lock lock, _PyTime_t timeout) {
  PyLockStatus status = PyThread_acquire_lock_timed(lock, 0, 0);
  if (status == PY_LOCK_ACQUIRED || timeout == 0) return status;
  const _PyTime_t deadline = timeout > 0 ? _PyDeadline_Init(timeout) : 0;
  for (;;) {
    PY_TIMEOUT_T microseconds = timeout < 0 ? -1 : _PyTime_AsMicroseconds(timeout, _PyTime_ROUND_CEILING);
    Py_BEGIN_ALLOW_THREADS;
    status = PyThread_acquire_lock_timed(lock, microseconds, 1);
    Py_END_ALLOW_THREADS;
    if (status != PY_LOCK_INTR) return status;
    if (Py_MakePendingCalls() < 0) return PY_LOCK_INTR;
    if (timeout > 0) {
      timeout = _PyDeadline_Get(deadline);
      if (timeout < 0) return PY_LOCK_FAILURE;
    }
  }
}

Ref<> new_lock(ThreadModuleState* state) {
  Ref<LockObject> self = TRY(steal(reinterpret_cast<LockObject*>(state->lock_type->tp_alloc(state->lock_type, 0))));
  self->lock = PyThread_allocate_lock();
  if (!self->lock) return raise(PyExc_RuntimeError, "can't allocate lock");
  return self;
}

void force_open(PyObject* lock) {
  auto* self = reinterpret_cast<LockObject*>(lock);
  if (!self->locked) return;
  self->locked = false;
  PyThread_release_lock(self->lock);
}

Status add_lock_types(PyObject* module, ThreadModuleState* state) {
  state->lock_type = reinterpret_cast<PyTypeObject*>(TRY(steal(PyType_FromModuleAndSpec(module, &lock_spec, nullptr))).release());
  TRY(status_of(PyModule_AddObjectRef(module, "LockType", as_object(state->lock_type))));
  state->rlock_type = reinterpret_cast<PyTypeObject*>(TRY(steal(PyType_FromModuleAndSpec(module, &rlock_spec, nullptr))).release());
  return status_of(PyModule_AddType(module, state->rlock_type));
}

}  // namespace gill
