// The module `gill._native`: the data behind the package `gill`, whose Python files are in import/gill/.
#include "modules/gill/module.h"

namespace gill {
namespace {

const PyMethodDef kMethods[] = {
    METHOD("lock_threads($module, /)", lock_threads, "What each thread that lives has done at the interpreter lock: a list of dicts, times in nanoseconds."),
    METHOD("lock_totals($module, /)", lock_totals, "The same of all threads that have ended, and what the lock itself counts."),
    METHOD("main_thread($module, /)", main_thread, "The identifier of the main thread."),
    METHOD("memory_use($module, /)", memory_use, "What the heap's pages are used for, and what malloc says."),
    METHOD("memory_trim($module, /)", memory_trim, "Gives back to the operating system what is free."),
    METHOD("memory_samples($module, at_peak, /)", memory_samples, "The samples of allocations whose blocks are in use, or were at the peak."),
    METHOD("sample_interval($module, /)", sample_interval_bytes, "The average number of bytes from one sample to the next; 0: none are taken."),
    METHOD("set_sample_interval($module, bytes, /)", change_sample_interval, "Changes it from now on."),
    METHOD("gc_pauses($module, /)", gc_pauses, "The last pauses of the collector: a dict, times in nanoseconds."),
    METHOD("buffer_exports($module, object, /)", buffer_exports, "Who has views of the object's buffer: a list of tuples."),
    METHOD("retained_by($module, object, most, /)", retained_by, "Shortest ways to an object from what the interpreter holds."),
    METHOD("holders_of($module, object, /)", holders_of, "The objects with a reference to this one."),
    METHOD("attribute_of($module, holder, object, /)", attribute_of, "The attribute of an instance that is this object, or None."),
    kEndOfMethods,
};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "gill._native",
    .m_doc = "The data behind the package gill.",
    .m_size = 0,
    .m_methods = table(kMethods),
};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit__gill() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("gill._native", PyInit__gill);
}  // namespace gill
