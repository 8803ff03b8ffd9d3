// The `posix` module, which `os` is built on: puts its parts together.
#include "modules/posix/posix.h"

namespace gill::posix {
namespace {

int execute(PyObject* module) {
  TRY(add_stat_types(module));
  TRY(add_directory_types(module));
  TRY(add_system_types(module));
  TRY(add_process_types(module));
  TRY(add_scheduler_types(module));
  TRY(add_terminal_types(module));
  for (const PyMethodDef* methods : {kStatMethods, kDirectoryMethods, kDescriptorMethods, kTransferMethods, kFileMethods, kEnvironmentMethods,
                                     kSystemMethods, kConfigurationMethods, kIdentityMethods, kProcessMethods, kWaitMethods, kExecMethods, kSchedulerMethods,
                                     kTerminalMethods, kAttributeMethods}) {
    TRY(status_of(PyModule_AddFunctions(module, const_cast<PyMethodDef*>(methods))));
  }
  TRY(add_constants(module));
  TRY(add_configuration_names(module));
  TRY(add_environment(module));
  return PyModule_AddObjectRef(module, "error", PyExc_OSError);
}

template <class F>
void each_field(PyObject* module, F visit) {
  State* state = state_of(module);
  for (PyTypeObject** type : {&state->dir_entry, &state->directory_iterator, &state->stat_result, &state->statvfs_result, &state->sched_param,
                              &state->terminal_size, &state->times_result, &state->uname_result, &state->waitid_result}) {
    visit(reinterpret_cast<PyObject*&>(*type));
  }
  visit(state->struct_rusage);
}
int traverse(PyObject* module, visitproc visit, void* arg) {
  int stop = 0;
  each_field(module, [&](PyObject* field) {
    if (field && stop == 0) stop = visit(field, arg);
  });
  return stop;
}
int clear(PyObject* module) {
  each_field(module, [](PyObject*& field) { clear_field(field); });
  return 0;
}
void free_module(void* module) { clear(static_cast<PyObject*>(module)); }

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "posix",
    .m_doc = "This module provides access to operating system functionality that is\nstandardized by the C Standard and the POSIX standard (a thinly\n"
             "disguised Unix interface).  Refer to the library manual and\ncorresponding Unix manual entries for more information on calls.",
    .m_size = sizeof(State),
    .m_slots = table(kSlots),
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = free_module,
};

}  // namespace
}  // namespace gill::posix

PyMODINIT_FUNC PyInit_posix() { return PyModuleDef_Init(&gill::posix::definition); }

namespace gill {
GILL_BUILTIN_MODULE("posix", PyInit_posix);
}  // namespace gill
