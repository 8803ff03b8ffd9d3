// What keeps an object alive: the shortest ways to it from what the interpreter itself holds.
//
// A breadth-first walk over references (tp_traverse) from the roots: modules, the variables of all running frames, what threads and
// the interpreter hold. Each object met is noted with the one it was met from, so the first way to an object is a shortest one.
// Nothing is allocated from the heap meanwhile.
#include "memory/collector.h"
#include "memory/heap.h"
#include "modules/gill/address_table.h"
#include "modules/gill/module.h"
#include "objects/dict_table.h"
#include "objects/frame.h"
#include "objects/instance_values.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

struct Root {
  enum Kind { module, variable, thread, interpreter } kind;
  PyObject* name;         // of a module or variable, borrowed
  const Frame* frame;     // of a variable
  unsigned long thread_id;
};

struct Met {
  const void* address;
  PyObject* from;  // null: met at a root
  uint32_t root;   // which, then
};

// A list in memory from malloc.
template <class T>
class PlainList {
 public:
  PlainList() = default;
  PlainList(const PlainList&) = delete;
  ~PlainList() { std::free(items_); }
  bool push(const T& item) {
    if (count_ == capacity_) {
      size_t wanted = capacity_ ? capacity_ * 2 : 1024;
      auto* grown = static_cast<T*>(std::realloc(items_, wanted * sizeof(T)));
      if (!grown) return false;
      items_ = grown;
      capacity_ = wanted;
    }
    items_[count_++] = item;
    return true;
  }
  size_t size() const { return count_; }
  T& operator[](size_t i) { return items_[i]; }

 private:
  T* items_ = nullptr;
  size_t count_ = 0;
  size_t capacity_ = 0;
};

class Walk {
 public:
  Walk(PyObject* target, size_t most) : target_(target), most_(most) {}
  Walk(const Walk&) = delete;

  // False when memory runs out.
  bool run() {
    enter_roots();
    while (next_ < queue_.size() && holders_.size() < most_ && !out_of_memory_) expand(queue_[next_++]);
    return !out_of_memory_;
  }

  // A list of (root, [object, ...]): the objects from the root on, the target being the last.
  Ref<> paths() {
    Ref<> list = TRY(steal(PyList_New(0)));
    for (size_t i = 0; i < holders_.size(); ++i) {
      Ref<> objects = TRY(steal(PyList_New(0)));
      TRY(status_of(PyList_Append(objects.get(), target_)));
      uint32_t root = holders_[i].root;
      for (PyObject* at = holders_[i].from; at;) {
        TRY(status_of(PyList_Append(objects.get(), at)));
        const Met* met = met_.find(at);
        root = met->root;
        at = met->from;
      }
      TRY(status_of(PyList_Reverse(objects.get())));
      Ref<> entry = TRY(steal(Py_BuildValue("(NN)", TRY(describe(roots_[root])).release(), objects.release())));
      TRY(status_of(PyList_Append(list.get(), entry.get())));
    }
    return list;
  }

 private:
  void enter(PyObject* object, PyObject* from, uint32_t root) {
    if (!object) return;
    if (object == target_) {
      for (size_t i = 0; from && i < holders_.size(); ++i) {
        if (holders_[i].from == from) return;
      }
      out_of_memory_ = out_of_memory_ || !holders_.push({nullptr, from, root});
      return;
    }
    if (!PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HAVE_GC) || met_.find(object)) return;
    Met* met = met_.add(object);
    if (!met || !queue_.push(object)) {
      out_of_memory_ = true;
      return;
    }
    met->from = from;
    met->root = root;
  }
  void enter_root(PyObject* object, const Root& root) {
    if (!object) return;
    if (!roots_.push(root)) out_of_memory_ = true;
    else enter(object, nullptr, static_cast<uint32_t>(roots_.size() - 1));
  }
  void expand(PyObject* object) {
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    if (!traverse) return;
    from_ = object;
    traverse(object, [](PyObject* found, void* self) {
      auto* walk = static_cast<Walk*>(self);
      walk->enter(found, walk->from_, 0);
      return 0;
    }, this);
  }

  void enter_roots() {
    Interpreter* interpreter = current_interpreter();
    // In the order in which they say more, of several ways of one length.
    pthread_mutex_lock(&g_runtime.list_mutex);
    for_each_frame(interpreter, [this](const Frame* frame, unsigned long thread_id) { enter_variables(frame, thread_id); });
    Py_ssize_t position = 0;
    PyObject *key, *module;
    while (PyDict_Next(interpreter->modules, &position, &key, &module)) enter_root(module, {Root::module, key, nullptr, 0});
    for_each_frame(interpreter, [this](const Frame* frame, unsigned long thread_id) {
      // Those of a module have been met in the module.
      if (frame->f_locals != frame->f_globals) enter_root(frame->f_locals, {Root::variable, nullptr, frame, thread_id});
      enter_root(as_object(frame->f_func), {Root::variable, nullptr, frame, thread_id});
    });
    for (PyThreadState* thread = interpreter->threads; thread; thread = thread->next) enter_thread(thread);
    pthread_mutex_unlock(&g_runtime.list_mutex);
    for (PyObject* held : {interpreter->modules, interpreter->sysdict, interpreter->builtins, interpreter->builtins_copy, interpreter->dict, interpreter->importlib,
                           interpreter->audit_hooks, interpreter->before_fork, interpreter->after_fork_in_parent, interpreter->after_fork_in_child,
                           interpreter->modules_by_index}) {
      enter_root(held, {Root::interpreter, nullptr, nullptr, 0});
    }
  }
  template <class Each>
  static void for_each_frame(Interpreter* interpreter, Each each) {
    for (PyThreadState* thread = interpreter->threads; thread; thread = thread->next) {
      for (const Frame* frame = thread->cframe ? thread->cframe->current_frame : nullptr; frame; frame = frame->previous) {
        if (!is_incomplete(frame) && !is_own(frame->f_code)) each(frame, thread->thread_id);
      }
    }
  }
  void enter_variables(const Frame* frame, unsigned long thread_id) {
    PyCodeObject* code = frame->f_code;
    for (int i = 0; i < code->co_nlocalsplus; ++i) {
      enter_root(frame->localsplus[i], {Root::variable, PyTuple_GET_ITEM(code->co_localsplusnames, i), frame, thread_id});
    }
  }
  void enter_thread(PyThreadState* thread) {
    const Root root = {Root::thread, nullptr, nullptr, thread->thread_id};
    for (PyObject* held : {thread->dict, thread->curexc_value, thread->c_profileobj, thread->c_traceobj, thread->context, thread->async_gen_firstiter,
                           thread->async_gen_finalizer}) {
      enter_root(held, root);
    }
    for (const _PyErr_StackItem* item = thread->exc_info; item; item = item->previous_item) enter_root(item->exc_value, root);
  }
  // Frames of the package gill, which hold the object to ask about it.
  static bool is_own(PyCodeObject* code) {
    constexpr char kStart[] = "<frozen gill";
    const Py_ssize_t length = sizeof(kStart) - 1;
    if (PyUnicode_GET_LENGTH(code->co_filename) < length) return false;
    for (Py_ssize_t i = 0; i < length; ++i) {
      if (PyUnicode_READ_CHAR(code->co_filename, i) != static_cast<Py_UCS4>(kStart[i])) return false;
    }
    return true;
  }

  // (kind, name, place, thread identifier)
  static Ref<> describe(const Root& root) {
    constexpr const char* kKinds[] = {"module", "variable", "thread", "interpreter"};
    Ref<> place = none();
    if (root.frame) {
      PyCodeObject* code = root.frame->f_code;
      place = TRY(steal(Py_BuildValue("(OiOO)", code->co_filename, frame_line(root.frame), code->co_qualname, Py_None)));
    }
    return steal(Py_BuildValue("(sOOk)", kKinds[root.kind], root.name ? root.name : Py_None, place.get(), root.thread_id));
  }

  PyObject* target_;
  size_t most_;
  AddressTable<Met> met_;
  PlainList<PyObject*> queue_;
  PlainList<Root> roots_;
  PlainList<Met> holders_;
  size_t next_ = 0;
  PyObject* from_ = nullptr;
  bool out_of_memory_ = false;
};

}  // namespace

Ref<> retained_by(PyObject*, PyObject* object, Py_ssize_t most) {
  Walk walk(object, static_cast<size_t>(most));
  if (!walk.run()) return PyErr_NoMemory(), failure;
  return walk.paths();
}

// The objects with a reference to this one, as far as the collector sees them.
Ref<> holders_of(PyObject*, PyObject* object) {
  struct Search {
    PyObject* target;
    PlainList<PyObject*> found;
    bool out_of_memory;
  } search = {object, {}, false};
  visit_tracked(current_interpreter()->heap, -1, [](PyObject* holder, void* raw) {
    auto* self = static_cast<Search*>(raw);
    traverseproc traverse = Py_TYPE(holder)->tp_traverse;
    int refers = traverse(holder, [](PyObject* found, void* target) { return int{found == target}; }, self->target);
    if (refers && holder != self->target && !self->found.push(holder)) self->out_of_memory = true;
    return static_cast<int>(self->out_of_memory);
  }, &search);
  if (search.out_of_memory) return PyErr_NoMemory(), failure;
  for (size_t i = 0; i < search.found.size(); ++i) retain(search.found[i]);
  Ref<> list = steal(PyList_New(static_cast<Py_ssize_t>(search.found.size())));
  for (size_t i = 0; i < search.found.size(); ++i) {
    if (list) PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), search.found[i]);
    else release(search.found[i]);
  }
  return list;
}

// The attribute of an instance that is this object; the instance does not get a dict by it. None when there is none.
Ref<> attribute_of(PyObject*, PyObject* holder, PyObject* object) {
  PyTypeObject* type = Py_TYPE(holder);
  if (!PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT)) return none();
  const InstancePrefix* prefix = prefix_of(holder);
  if (InstanceValues* values = prefix->values()) {
    DictKeys* keys = shared_keys(type);
    for (Py_ssize_t i = 0; keys && i < keys->entries && i < values->capacity; ++i) {
      if (values->slots()[i] == object) return borrow(unicode_entries(keys)[i].key);
    }
  }
  Py_ssize_t position = 0;
  PyObject *key, *value;
  while (prefix->dict() && PyDict_Next(prefix->dict(), &position, &key, &value)) {
    if (value == object) return borrow(key);
  }
  return none();
}

}  // namespace gill
