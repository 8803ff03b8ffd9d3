// The _tracemalloc module.
#include "modules/tracemalloc/module.h"

#include "base/binding.h"
#include "base/names.h"
#include "memory/heap.h"
#include "modules/tracemalloc/tracing.h"

namespace gill::tracemalloc {
namespace {

Maybe<bool> module_is_tracing(PyObject*) { return is_tracing(); }
Status module_clear(PyObject*) {
  if (is_tracing()) clear_traces();
  return Status::ok;
}
Status module_start(PyObject*, int frames) { return start(frames); }
Status module_stop(PyObject*) {
  stop();
  return Status::ok;
}
Maybe<int> module_limit(PyObject*) { return frame_limit(); }
Maybe<size_t> module_memory(PyObject*) { return own_memory(); }
Ref<> module_totals(PyObject*) {
  Totals now = totals();
  return steal(Py_BuildValue("(nn)", static_cast<Py_ssize_t>(now.current), static_cast<Py_ssize_t>(now.peak)));
}
Status module_reset_peak(PyObject*) {
  reset_peak();
  return Status::ok;
}

Ref<> module_traceback(PyObject*, PyObject* object) { return traceback_of(0, reinterpret_cast<uintptr_t>(slot_of(object))); }

// [(domain, size, ((file name, line), ...), length of the stack), ...]; equal tracebacks are one object.
Ref<> module_traces(PyObject*) {
  Snapshot snapshot;
  if (!take_snapshot(&snapshot)) return PyErr_NoMemory(), failure;
  Ref<> result = TRY(steal(PyList_New(static_cast<Py_ssize_t>(snapshot.count))));
  Ref<> tuples = TRY(steal(PyDict_New()));
  for (size_t i = 0; i < snapshot.count; ++i) {
    const Block& block = snapshot.blocks[i];
    Ref<> key = TRY(steal(PyLong_FromVoidPtr(const_cast<Traceback*>(block.trace.traceback))));
    PyObject* known = PyDict_GetItemWithError(tuples.get(), key.get());
    if (!known && PyErr_Occurred()) return nullptr;
    Ref<> frames = known ? borrow(known) : TRY(traceback_tuple(block.trace.traceback));
    if (!known) TRY(status_of(PyDict_SetItem(tuples.get(), key.get(), frames.get())));
    PyObject* trace = TRY(Py_BuildValue("(InOi)", block.domain, static_cast<Py_ssize_t>(block.trace.size), frames.get(),
                                        static_cast<int>(block.trace.traceback->total)));
    PyList_SET_ITEM(result.get(), static_cast<Py_ssize_t>(i), trace);
  }
  return result;
}

const PyMethodDef kMethods[] = {
    METHOD("is_tracing($module, /)", module_is_tracing, "Return True if the tracemalloc module is tracing Python memory allocations."),
    METHOD("clear_traces($module, /)", module_clear, "Clear traces of memory blocks allocated by Python."),
    METHOD("_get_traces($module, /)", module_traces,
           "Get traces of all memory blocks allocated by Python.\n\nA list of (domain, size, traceback, length of the stack) tuples; a traceback is "
           "a\ntuple of (filename: str, lineno: int) tuples.\n\nReturn an empty list if the tracemalloc module is disabled."),
    METHOD("_get_object_traceback($module, obj, /)", module_traceback,
           "Get the traceback where the Python object obj was allocated.\n\nReturn a tuple of (filename: str, lineno: int) tuples, or None if the\nallocation "
           "was not traced."),
    METHOD("start($module, nframe=1, /)", module_start,
           "Start tracing Python memory allocations.\n\nA trace keeps as many frames of its stack as nframe says."),
    METHOD("stop($module, /)", module_stop,
           "Stop tracing Python memory allocations.\n\nAlso clear traces of memory blocks allocated by Python."),
    METHOD("get_traceback_limit($module, /)", module_limit,
           "Get the maximum number of frames stored in the traceback of a trace.\n\nIt is 1, the most recent frame, unless start() was told another."),
    METHOD("get_tracemalloc_memory($module, /)", module_memory,
           "Get the memory usage in bytes of the tracemalloc module.\n\nThis memory is used internally to trace memory allocations."),
    METHOD("get_traced_memory($module, /)", module_totals,
           "Get the current size and peak size of memory blocks traced by tracemalloc.\n\nReturns a tuple: (current: int, peak: int)."),
    METHOD("reset_peak($module, /)", module_reset_peak,
           "Set the peak size of memory blocks traced by tracemalloc to the current size.\n\nDo nothing if the tracemalloc module is not tracing memory "
           "allocations."),
    kEndOfMethods,
};

const PyModuleDef_Slot kSlots[] = {{0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_tracemalloc",
    .m_doc = "Debug module to trace memory blocks allocated by Python.",
    .m_size = 0,
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
};

}  // namespace
}  // namespace gill::tracemalloc

namespace gill {

Status start_tracemalloc(int frames) { return frames ? tracemalloc::start(frames) : Status::ok; }
void finish_tracemalloc() { tracemalloc::stop(); }

}  // namespace gill

PyMODINIT_FUNC PyInit__tracemalloc() { return PyModuleDef_Init(&gill::tracemalloc::definition); }

namespace gill {
GILL_BUILTIN_MODULE("_tracemalloc", PyInit__tracemalloc);
}  // namespace gill
