// Whether anybody could tell that the objects are not taken down.
//
// Where the process ends with the interpreter, the kernel takes the memory back at once; taking apart every object before
// that costs a fifth of a short program's time. It has to be done when something may see it: a finalizer, a callback of a weak
// reference, a generator that stands in a `finally`, a file that has not been flushed, code that is not ours.
#include <array>
#include <string_view>

#include "capi/lifecycle.h"
#include "import/import_state.h"
#include "memory/collector.h"
#include "memory/heap.h"
#include "memory/hooks.h"
#include "modules/abc_module.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

// The standard streams and what they are made of: flushed by now, and their descriptors stay open in any case.
class StandardStreams {
 public:
  StandardStreams() {
    for (const char* stream : {"__stdin__", "__stdout__", "__stderr__"}) add(PySys_GetObject(stream));
    PyErr_Clear();
  }
  bool have(PyObject* object) const {
    for (size_t i = 0; i < count_; ++i) {
      if (parts_[i].get() == object) return true;
    }
    return false;
  }

 private:
  static constexpr const char* kInner[] = {"buffer", "raw"};
  void add(PyObject* stream) {
    Ref<> part = stream && stream != Py_None ? borrow(stream) : Ref<>();
    for (const char* inner : kInner) {
      // A type of the program's may do anything at the end.
      if (!part || PyType_HasFeature(Py_TYPE(part.get()), Py_TPFLAGS_HEAPTYPE)) return;
      parts_[count_++] = part.new_ref();
      part = steal(PyObject_GetAttrString(part.get(), inner));
    }
    if (part && !PyType_HasFeature(Py_TYPE(part.get()), Py_TPFLAGS_HEAPTYPE)) parts_[count_++] = std::move(part);
  }

  std::array<Ref<>, 9> parts_;
  size_t count_ = 0;
};

bool has_finalizer(const PyTypeObject* type) { return type->tp_finalize || type->tp_del; }

// The library's weak collections drop an entry of their own, which nobody sees.
bool is_of_weak_collection(PyObject* callback) {
  if (is_registry_callback(callback)) return true;
  if (!PyFunction_Check(callback)) return false;
  auto* function = reinterpret_cast<PyFunctionObject*>(callback);
  if (!function->func_module || !PyUnicode_Check(function->func_module) || !PyUnicode_Check(function->func_qualname)) return false;
  constexpr std::string_view kOwn[][2] = {{"_weakrefset", "WeakSet.__init__.<locals>._remove"},
                                          {"weakref", "WeakValueDictionary.__init__.<locals>.remove"},
                                          {"weakref", "WeakKeyDictionary.__init__.<locals>.remove"},
                                          {"logging", "_removeHandlerRef"}};
  for (const auto& [module, qualified] : kOwn) {
    if (PyUnicode_CompareWithASCIIString(function->func_module, module.data()) == 0 &&
        PyUnicode_CompareWithASCIIString(function->func_qualname, qualified.data()) == 0) {
      return true;
    }
  }
  return false;
}

class Search {
 public:
  bool finds_nothing(Heap* heap) {
    auto look = [](PyObject* object, void* self) -> int { return static_cast<Search*>(self)->may_be_seen(object); };
    return !visit_tracked(heap, -1, look, this) && !visit_tracked(heap, kGenerations, look, this) && !has_plain_object(heap);
  }

 private:
  int may_be_seen(PyObject* object) {
    PyTypeObject* type = Py_TYPE(object);
    if (has_finalizer(type)) return !streams_.have(object);
    if (PyType_Check(object)) return !note_type(reinterpret_cast<PyTypeObject*>(object));
    if (PyWeakref_Check(object)) {
      auto* weak = reinterpret_cast<PyWeakReference*>(object);
      return weak->wr_callback && weak->wr_object != Py_None && !is_of_weak_collection(weak->wr_callback);
    }
    return 0;
  }

  // Objects without GC flag are to be found only by the type that stands in their slot.
  bool note_type(PyTypeObject* type) {
    if (!has_finalizer(type) || PyType_IS_GC(type)) return true;
    const bool of_known_size = type->tp_itemsize == 0 && type->tp_basicsize <= static_cast<Py_ssize_t>(kLargestClass);
    if (!of_known_size || plain_count_ == plain_types_.size()) return false;
    plain_types_[plain_count_++] = type;
    return true;
  }
  bool has_plain_object(Heap* heap) {
    for (size_t i = 0; i < plain_count_ && !plain_found_; ++i) {
      auto look = [](void* block, void* self) { static_cast<Search*>(self)->look_at_plain(static_cast<PyObject*>(block)); };
      heap->visit_blocks(Kind::plain, static_cast<size_t>(plain_types_[i]->tp_basicsize), look, this);
    }
    return plain_found_;
  }
  void look_at_plain(PyObject* block) {
    // The type may be named in raw memory too, which seldom begins with a number like a count.
    if (block->ob_refcnt <= 0 || block->ob_refcnt > INT32_MAX) return;
    for (size_t i = 0; i < plain_count_; ++i) plain_found_ |= Py_TYPE(block) == plain_types_[i];
  }

  StandardStreams streams_;
  std::array<PyTypeObject*, 8> plain_types_;
  size_t plain_count_ = 0;
  bool plain_found_ = false;
};

// What asks for a report of the end, or of each object's.
bool end_is_watched(Interpreter* interpreter) {
  const PyConfig& config = interpreter->config;
  const Collector* collector = interpreter->collector;
  return config.verbose || config.dev_mode || config.malloc_stats || config.dump_refs || config.show_ref_count ||
         kWatchedHeap || g_allocators_replaced || interpreter->heap->debug.leaks || collector->debug ||
         (collector->callbacks && PyList_GET_SIZE(collector->callbacks)) || (collector->garbage && PyList_GET_SIZE(collector->garbage)) ||
         interpreter->audit_hooks || g_runtime.audit_hooks;
}

}  // namespace

bool end_is_unseen(ThreadState* thread) {
  Interpreter* interpreter = thread->interpreter();
  const bool alone = !thread->prev && !thread->next && !g_runtime.interpreters->next && g_runtime.next_interpreter_id == 1;
  if (!alone || interpreter->imports->foreign_code || end_is_watched(interpreter)) return false;
  return Search().finds_nothing(interpreter->heap);
}

}  // namespace gill
