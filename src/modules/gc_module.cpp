// The gc module: the collector's controls and a view of what it knows. The collector is in memory/collector.h.
#include "modules/gc_module.h"

#include <cstdlib>

#include "base/binding.h"
#include "base/names.h"
#include "memory/collector.h"
#include "memory/heap.h"

namespace gill {
namespace {

enum DebugFlag { kStats = 1, kCollectable = 2, kUncollectable = 4, kSaveAll = 32, kLeak = kCollectable | kUncollectable | kSaveAll };

Collector* collector() { return current_interpreter()->collector; }

Status enable(PyObject*) {
  collector()->enabled = true;
  return Status::ok;
}
Status disable(PyObject*) {
  collector()->enabled = false;
  return Status::ok;
}
Maybe<bool> is_enabled(PyObject*) { return collector()->enabled; }

Maybe<Py_ssize_t> collect_now(PyObject*, int generation) {
  if (generation < 0 || generation >= kGenerations) return raise(PyExc_ValueError, "invalid generation");
  Py_ssize_t found = collect(collector(), generation);
  // Who asks for everything to be collected expects to see the memory go.
  if (generation == kGenerations - 1) current_interpreter()->heap->return_memory();
  return found;
}

Status set_debug(PyObject*, int flags) {
  collector()->debug = flags;
  return Status::ok;
}
Maybe<int> get_debug(PyObject*) { return collector()->debug; }

Status set_threshold(PyObject*, Args given) {
  if (given.count < 1) return raise(PyExc_TypeError, "set_threshold() takes at least 1 argument (0 given)");
  if (given.count > kGenerations) return raise(PyExc_TypeError, "set_threshold() takes at most %d arguments (%zd given)", kGenerations, given.count);
  int wanted[kGenerations];
  for (Py_ssize_t i = 0; i < given.count; ++i) {
    wanted[i] = static_cast<int>(
        TRY(get_integer(given[i], INT_MIN, INT_MAX, "signed integer is less than minimum", "signed integer is greater than maximum")));
  }
  for (Py_ssize_t i = 0; i < given.count; ++i) collector()->thresholds[i] = wanted[i];
  set_alarm(collector());
  return Status::ok;
}
Ref<> get_threshold(PyObject*) {
  const int* t = collector()->thresholds;
  return steal(Py_BuildValue("(iii)", t[0], t[1], t[2]));
}
Ref<> get_count(PyObject*) {
  const int* c = collector()->counts;
  return steal(Py_BuildValue("(iii)", c[0], c[1], c[2]));
}

Ref<> get_stats(PyObject*) {
  Ref<> result = TRY(steal(PyList_New(0)));
  GenerationStatistics now[kGenerations];
  for (int i = 0; i < kGenerations; ++i) now[i] = collector()->statistics[i];
  for (const GenerationStatistics& each : now) {
    Ref<> entry = TRY(steal(Py_BuildValue("{snsnsn}", "collections", each.collections, "collected", each.collected, "uncollectable",
                                          each.uncollectable)));
    TRY(status_of(PyList_Append(result.get(), entry.get())));
  }
  return result;
}

// ---- looking at objects -----------------------------------------------------------------------------------

// Objects found during a walk of the heap, where nothing may be allocated from it. They are only borrowed until taken.
class Findings {
 public:
  Findings() = default;
  Findings(const Findings&) = delete;
  ~Findings() { std::free(items_); }
  bool add(PyObject* object) {
    if (count_ == capacity_) {
      size_t capacity = capacity_ ? capacity_ * 2 : 1024;
      auto* grown = static_cast<PyObject**>(std::realloc(items_, capacity * sizeof(PyObject*)));
      if (!grown) return false;
      items_ = grown;
      capacity_ = capacity;
    }
    items_[count_++] = object;
    return true;
  }
  Ref<> take() {
    Ref<> list = TRY(steal(PyList_New(static_cast<Py_ssize_t>(count_))));
    for (size_t i = 0; i < count_; ++i) {
      PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), borrow(items_[i]).release());
    }
    return list;
  }

 private:
  PyObject** items_ = nullptr;
  size_t count_ = 0;
  size_t capacity_ = 0;
};

Ref<> get_objects(PyObject*, PyObject* given) {
  Py_ssize_t generation = -1;
  if (given != Py_None) {
    if (!PyIndex_Check(given)) return raise(PyExc_TypeError, "argument should be integer or None, not '%.200s'", Py_TYPE(given)->tp_name);
    generation = TRY(checked(PyNumber_AsSsize_t(given, PyExc_OverflowError)));
  }
  TRY(status_of(PySys_Audit("gc.get_objects", "n", generation)));
  if (generation != -1) {
    if (generation >= kGenerations) {
      return raise(PyExc_ValueError, "generation parameter must be less than the number of available generations (%i)", kGenerations);
    }
    if (generation < 0) return raise(PyExc_ValueError, "generation parameter cannot be negative");
  }
  Findings found;
  int failed = visit_tracked(collector()->heap, static_cast<int>(generation),
                             [](PyObject* object, void* context) { return static_cast<Findings*>(context)->add(object) ? 0 : 1; }, &found);
  if (failed) return PyErr_NoMemory(), failure;
  return found.take();
}

struct ReferrerSearch {
  Args targets;
  Findings found;
  bool refers(PyObject* object) {
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    return traverse && traverse(object, [](PyObject* target, void* context) {
             for (PyObject* wanted : static_cast<ReferrerSearch*>(context)->targets) {
               if (wanted == target) return 1;
             }
             return 0;
           }, this);
  }
};

Ref<> get_referrers(PyObject*, Args objects) {
  Ref<> args = TRY(steal(PyTuple_New(objects.count)));
  for (Py_ssize_t i = 0; i < objects.count; ++i) PyTuple_SET_ITEM(args.get(), i, borrow(objects[i]).release());
  TRY(status_of(PySys_Audit("gc.get_referrers", "(O)", args.get())));
  // It refers to them all, and is nobody's business.
  args.reset();
  ReferrerSearch search = {objects, {}};
  int failed = visit_tracked(collector()->heap, -1, [](PyObject* object, void* context) {
    auto* s = static_cast<ReferrerSearch*>(context);
    return s->refers(object) && !s->found.add(object) ? 1 : 0;
  }, &search);
  if (failed) return PyErr_NoMemory(), failure;
  return search.found.take();
}

Ref<> get_referents(PyObject*, Args objects) {
  Ref<> args = TRY(steal(PyTuple_New(objects.count)));
  for (Py_ssize_t i = 0; i < objects.count; ++i) PyTuple_SET_ITEM(args.get(), i, borrow(objects[i]).release());
  TRY(status_of(PySys_Audit("gc.get_referents", "(O)", args.get())));
  Findings found;
  for (PyObject* object : objects) {
    traverseproc traverse = PyObject_IS_GC(object) ? Py_TYPE(object)->tp_traverse : nullptr;
    if (!traverse) continue;
    if (traverse(object, [](PyObject* target, void* context) { return static_cast<Findings*>(context)->add(target) ? 0 : 1; }, &found)) {
      return PyErr_NoMemory(), failure;
    }
  }
  return found.take();
}

Maybe<bool> is_tracked(PyObject*, PyObject* object) { return PyObject_GC_IsTracked(object) != 0; }
Maybe<bool> is_finalized(PyObject*, PyObject* object) { return PyObject_GC_IsFinalized(object) != 0; }

Status freeze(PyObject*) {
  freeze_all(collector()->heap);
  return Status::ok;
}
Status unfreeze(PyObject*) {
  unfreeze_all(collector()->heap);
  return Status::ok;
}
Maybe<Py_ssize_t> get_freeze_count(PyObject*) { return frozen_count(collector()->heap); }

// ---- the module ---------------------------------------------------------------------------------------------

const PyMethodDef kMethods[] = {
    METHOD("enable($module, /)", enable, "Enable automatic garbage collection."),
    METHOD("disable($module, /)", disable, "Disable automatic garbage collection."),
    METHOD("isenabled($module, /)", is_enabled, "Returns true if automatic garbage collection is enabled."),
    METHOD("set_debug($module, flags, /)", set_debug,
           "Set the garbage collection debugging flags.\n\n  flags\n    An integer that can have the following bits turned on:\n      DEBUG_STATS - Print "
           "statistics during collection.\n      DEBUG_COLLECTABLE - Print collectable objects found.\n      DEBUG_UNCOLLECTABLE - Print unreachable but "
           "uncollectable objects\n        found.\n      DEBUG_SAVEALL - Save objects to gc.garbage rather than freeing them.\n      DEBUG_LEAK - Debug "
           "leaking programs (everything but STATS).\n\nDebugging information is written to sys.stderr."),
    METHOD("get_debug($module, /)", get_debug, "Get the garbage collection debugging flags."),
    METHOD("get_count($module, /)", get_count, "Return a three-tuple of the current collection counts."),
    METHOD_PARSED("set_threshold($module, /, *thresholds)", set_threshold,
                    "set_threshold(threshold0, [threshold1, threshold2]) -> None\n\nSets the collection thresholds.  Setting threshold0 to zero "
                    "disables\ncollection.\n"),
    METHOD("get_threshold($module, /)", get_threshold, "Return the current collection thresholds."),
    METHOD("collect($module, /, generation=2)", collect_now,
           "Run the garbage collector.\n\nCollects the generation and the younger ones; a number that is no generation is a\nValueError.\n\nThe number of "
           "unreachable objects is returned."),
    METHOD("get_objects($module, /, generation=None)", get_objects,
           "Return a list of objects tracked by the collector (excluding the list returned).\n\n  generation\n    Generation to extract the objects from; "
           "all when it is None."),
    METHOD("get_stats($module, /)", get_stats, "Return a list of dictionaries containing per-generation statistics."),
    METHOD("is_tracked($module, obj, /)", is_tracked,
           "Returns true if the object is tracked by the garbage collector.\n\nSimple atomic objects will return false."),
    METHOD("is_finalized($module, obj, /)", is_finalized, "Returns true if the object has been already finalized by the GC."),
    METHOD_PARSED("get_referrers($module, /, *objs)", get_referrers,
                    "get_referrers(*objs) -> list\nReturn the list of objects that directly refer to any of objs."),
    METHOD_PARSED("get_referents($module, /, *objs)", get_referents,
                    "get_referents(*objs) -> list\nReturn the list of objects that are directly referred to by objs."),
    METHOD("freeze($module, /)", freeze,
           "Freeze all current tracked objects and ignore them for future collections.\n\nBefore a fork it keeps the collector from writing to memory that "
           "parent and\nchild share."),
    METHOD("unfreeze($module, /)", unfreeze,
           "Unfreeze all objects in the permanent generation.\n\nPut all objects in the permanent generation back into oldest generation."),
    METHOD("get_freeze_count($module, /)", get_freeze_count, "Return the number of objects in the permanent generation."),
    kEndOfMethods,
};

Status add_list(PyObject* module, const char* attribute, PyObject** list) {
  if (!*list) *list = TRY(steal(PyList_New(0))).release();
  return status_of(PyModule_AddObjectRef(module, attribute, *list));
}

int execute(PyObject* module) {
  TRY(add_list(module, "garbage", &collector()->garbage));
  TRY(add_list(module, "callbacks", &collector()->callbacks));
  TRY(status_of(PyModule_AddIntConstant(module, "DEBUG_STATS", kStats)));
  TRY(status_of(PyModule_AddIntConstant(module, "DEBUG_COLLECTABLE", kCollectable)));
  TRY(status_of(PyModule_AddIntConstant(module, "DEBUG_UNCOLLECTABLE", kUncollectable)));
  TRY(status_of(PyModule_AddIntConstant(module, "DEBUG_SAVEALL", kSaveAll)));
  return PyModule_AddIntConstant(module, "DEBUG_LEAK", kLeak);
}

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "gc",
    .m_doc = "This module provides access to the garbage collector for reference cycles.\n\nenable() -- Enable automatic garbage collection.\ndisable() -- "
             "Disable automatic garbage collection.\nisenabled() -- Returns true if automatic collection is enabled.\ncollect() -- Do a full collection "
             "right now.\nget_count() -- Return the current collection counts.\nget_stats() -- Return list of dictionaries containing per-generation "
             "stats.\nset_debug() -- Set debugging flags.\nget_debug() -- Get debugging flags.\nset_threshold() -- Set the collection "
             "thresholds.\nget_threshold() -- Return the current the collection thresholds.\nget_objects() -- Return a list of all objects tracked by the "
             "collector.\nis_tracked() -- Returns true if a given object is tracked.\nis_finalized() -- Returns true if a given object has been already "
             "finalized.\nget_referrers() -- Return the list of objects that refer to an object.\nget_referents() -- Return the list of objects that an "
             "object refers to.\nfreeze() -- Freeze all tracked objects and ignore them for future collections.\nunfreeze() -- Unfreeze all objects in the "
             "permanent generation.\nget_freeze_count() -- Return the number of objects in the permanent generation.\n",
    .m_size = 0,
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
};

}  // namespace

void report_uncollectable(Interpreter* interpreter) {
  Collector* c = interpreter->collector;
  Py_ssize_t count = c->garbage ? PyList_GET_SIZE(c->garbage) : 0;
  if (count == 0 || (c->debug & kSaveAll)) return;
  bool list_them = c->debug & kUncollectable;
  const char* message = list_them ? "gc: %zd uncollectable objects at shutdown"
                                  : "gc: %zd uncollectable objects at shutdown; use gc.set_debug(gc.DEBUG_UNCOLLECTABLE) to list them";
  // There may be no module left to take a location from.
  if (PyErr_WarnExplicitFormat(PyExc_ResourceWarning, "gc", 0, "gc", nullptr, message, count)) PyErr_WriteUnraisable(nullptr);
  if (!list_them) return;
  Ref<> text = steal(PyObject_Repr(c->garbage));
  Ref<> bytes = text ? steal(PyUnicode_EncodeFSDefault(text.get())) : Ref<>();
  if (bytes) PySys_WriteStderr("      %s\n", PyBytes_AS_STRING(bytes.get()));
  else PyErr_WriteUnraisable(c->garbage);
}

void finish_gc(Interpreter* interpreter) {
  clear_field(interpreter->collector->garbage);
  clear_field(interpreter->collector->callbacks);
}

}  // namespace gill

PyMODINIT_FUNC PyInit_gc() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("gc", PyInit_gc);
}  // namespace gill
