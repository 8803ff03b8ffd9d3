// The _queue module: `SimpleQueue`, an unbounded first-in first-out queue.
//
// The interpreter lock guards the items; no Python code runs while they change, so put() may be called from finalizers and signal
// handlers that interrupt another call. Who finds the queue empty waits for `news`, a lock that is closed but for the moment when
// there is something to look for.
//
// Invariant: while there are items and threads that wait, `news` is open, or a thread that has closed it is about to look. It may be open
// in vain: who was woken looks again, and waits for what is left of its time.
#include <Python.h>
#include <structmember.h>

#include <algorithm>

#include "base/binding.h"
#include "modules/module_state.h"
#include "modules/thread_module.h"

namespace gill {
namespace {

struct State {
  PyTypeObject* simple_queue_type;
  PyObject* empty_error;
};
using Owned = ModuleFields<&State::simple_queue_type, &State::empty_error>;
extern PyModuleDef definition;

// ---- items --------------------------------------------------------------------------------------------

// A ring of references. Its capacity is a power of two.
class Items {
 public:
  Py_ssize_t count() const { return count_; }

  Status push(PyObject* item) {
    if (count_ == capacity_) TRY(resize(std::max(2 * capacity_, kLeastCapacity)));
    at(count_++) = borrow(item).release();
    return Status::ok;
  }

  Ref<> pop() {
    Ref<> item = steal(at(0));
    first_ = (first_ + 1) & (capacity_ - 1);
    --count_;
    // What a long queue needed is given back as it gets short.
    if (capacity_ > kLeastCapacity && count_ <= capacity_ / 8 && resize(capacity_ / 4) != Status::ok) PyErr_Clear();
    return item;
  }

  int traverse(visitproc visit, void* arg) {
    for (Py_ssize_t i = 0; i < count_; ++i) Py_VISIT(at(i));
    return 0;
  }

  void clear() {
    Items dropped = std::exchange(*this, Items());
    for (Py_ssize_t i = 0; i < dropped.count_; ++i) gill::release(dropped.at(i));
    PyMem_Free(dropped.slots_);
  }

 private:
  static constexpr Py_ssize_t kLeastCapacity = 8;

  PyObject*& at(Py_ssize_t i) { return slots_[(first_ + i) & (capacity_ - 1)]; }

  Status resize(Py_ssize_t capacity) {
    auto** slots = PyMem_New(PyObject*, capacity);
    if (!slots) {
      PyErr_NoMemory();
      return failure;
    }
    for (Py_ssize_t i = 0; i < count_; ++i) slots[i] = at(i);
    PyMem_Free(std::exchange(slots_, slots));
    capacity_ = capacity;
    first_ = 0;
    return Status::ok;
  }

  PyObject** slots_ = nullptr;
  Py_ssize_t capacity_ = 0;
  Py_ssize_t first_ = 0;
  Py_ssize_t count_ = 0;
};

// ---- SimpleQueue --------------------------------------------------------------------------------------

struct SimpleQueue {
  PyObject_HEAD
  Items items;
  PyThread_type_lock news;
  Py_ssize_t waiting;  // threads; in a forked child those that were left behind still count
  PyObject* weak_references;
};

Ref<SimpleQueue> queue_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  // A subclass may have an __init__() that takes arguments.
  const bool own = !detail::overrides(type, &PyTypeObject::tp_init);
  if (own && (!_PyArg_NoPositional("SimpleQueue", args) || !_PyArg_NoKeywords("SimpleQueue", kwargs))) return failure;
  Ref<SimpleQueue> self = TRY(steal(reinterpret_cast<SimpleQueue*>(type->tp_alloc(type, 0))));
  self->news = PyThread_allocate_lock();
  if (!self->news) return raise(PyExc_MemoryError, "can't allocate lock");
  PyThread_acquire_lock(self->news, 0);
  return self;
}

int queue_traverse(SimpleQueue* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(as_object(self)));
  return self->items.traverse(visit, arg);
}

int queue_clear(SimpleQueue* self) {
  self->items.clear();
  return 0;
}

void queue_dealloc(SimpleQueue* self) {
  PyObject* object = as_object(self);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  self->items.clear();
  if (self->news) PyThread_free_lock(self->news);
  type->tp_free(object);
  release(as_object(type));
}

void wake_one(SimpleQueue* self) {
  if (self->items.count() == 0 || self->waiting == 0) return;
  PyThread_acquire_lock(self->news, 0);  // it may be open
  PyThread_release_lock(self->news);
}

Status queue_put(SimpleQueue* self, PyObject* item, bool, PyObject*) {
  TRY(self->items.push(item));
  wake_one(self);
  return Status::ok;
}

Status queue_put_nowait(SimpleQueue* self, PyObject* item) { return queue_put(self, item, false, nullptr); }

Maybe<_PyTime_t> read_timeout(PyObject* given) {
  _PyTime_t timeout;
  if (_PyTime_FromSecondsObject(&timeout, given, _PyTime_ROUND_CEILING) < 0) return failure;
  if (timeout < 0) return raise(PyExc_ValueError, "'timeout' must be a non-negative number");
  if (_PyTime_AsMicroseconds(timeout, _PyTime_ROUND_CEILING) > PY_TIMEOUT_MAX) return raise(PyExc_OverflowError, "timeout value is too large");
  return timeout;
}

// Until there is an item, or the time is over. Fails when a signal handler raises.
Status wait_for_item(SimpleQueue* self, std::optional<_PyTime_t> timeout) {
  const _PyTime_t deadline = timeout ? _PyDeadline_Init(*timeout) : 0;
  PyLockStatus status = PY_LOCK_ACQUIRED;
  ++self->waiting;
  while (self->items.count() == 0 && status == PY_LOCK_ACQUIRED) {
    status = acquire_interruptibly(self->news, timeout ? std::max<_PyTime_t>(_PyDeadline_Get(deadline), 0) : -1);
  }
  --self->waiting;
  return status == PY_LOCK_INTR ? Status::error : Status::ok;
}

Ref<> take(SimpleQueue* self) {
  if (self->items.count() == 0) {
    PyObject* module = TRY(PyType_GetModuleByDef(Py_TYPE(as_object(self)), &definition));
    PyErr_SetNone(static_cast<State*>(PyModule_GetState(module))->empty_error);
    return failure;
  }
  Ref<> item = self->items.pop();
  wake_one(self);
  return item;
}

Ref<> queue_get(SimpleQueue* self, bool block, PyObject* given_timeout) {
  if (block) {
    std::optional<_PyTime_t> timeout;
    if (given_timeout != Py_None) timeout = TRY(read_timeout(given_timeout));
    if (self->items.count() == 0) TRY(wait_for_item(self, timeout));
  }
  return take(self);
}

PyObject* queue_get_nowait(PyObject* self, PyObject* const*, Py_ssize_t count, PyObject*) {
  if (count) return raise(PyExc_TypeError, "get_nowait() takes no arguments");
  return take(reinterpret_cast<SimpleQueue*>(self)).release();
}

Maybe<bool> queue_empty(SimpleQueue* self) { return self->items.count() == 0; }
Maybe<Py_ssize_t> queue_qsize(SimpleQueue* self) { return self->items.count(); }

const PyMethodDef kMethods[] = {
    METHOD("empty($self, /)", queue_empty, "Whether there is no item at this moment; another thread may change that at any time."),
    METHOD("get($self, /, block=True, timeout=None)", queue_get,
           "Remove the oldest item and return it.\n\nWaits while there is none, at most `timeout` seconds unless that is None, and raises Empty when\n"
           "the time is over. With a false `block` it does not wait, and `timeout` means nothing."),
    {"get_nowait", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(queue_get_nowait)), METH_FASTCALL | METH_KEYWORDS,
     "get_nowait($self, /)\n--\n\nRemove the oldest item and return it; raise Empty when there is none."},
    METHOD("put($self, /, item, block=True, timeout=None)", queue_put,
           "Add an item at the end.\n\nThis never waits: `block` and `timeout` mean nothing and are there as Queue's put() has them."),
    METHOD("put_nowait($self, /, item)", queue_put_nowait, "Add an item at the end: the same as put(item)."),
    METHOD("qsize($self, /)", queue_qsize, "How many items there are at this moment; another thread may change that at any time."),
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585"},
    kEndOfMethods,
};
const PyMemberDef kMembers[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(SimpleQueue, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyType_Slot kSlots[] = {
    {Py_tp_doc, (void*)"SimpleQueue()\n--\n\nSimple, unbounded, reentrant FIFO queue."},
    {Py_tp_new, (void*)slot<queue_new>},
    {Py_tp_dealloc, (void*)slot<queue_dealloc>},
    {Py_tp_traverse, (void*)slot<queue_traverse>},
    {Py_tp_clear, (void*)slot<queue_clear>},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {0, nullptr},
};
PyType_Spec spec = {"_queue.SimpleQueue", sizeof(SimpleQueue), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, table(kSlots)};

int execute(PyObject* module) {
  auto* state = static_cast<State*>(PyModule_GetState(module));
  state->empty_error = PyErr_NewExceptionWithDoc("_queue.Empty", "Exception raised by Queue.get(block=0)/get_nowait().", nullptr, nullptr);
  if (!state->empty_error || PyModule_AddObjectRef(module, "Empty", state->empty_error) < 0) return -1;
  state->simple_queue_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
  return state->simple_queue_type ? PyModule_AddType(module, state->simple_queue_type) : -1;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_queue",
    .m_doc = "C implementation of the Python queue module.",
    .m_size = sizeof(State),
    .m_slots = slots,
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace

PyMODINIT_FUNC PyInit__queue() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_queue", PyInit__queue);

}  // namespace gill
