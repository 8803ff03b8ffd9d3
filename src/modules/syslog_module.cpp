// The `syslog` module.
#include <syslog.h>

#include <cstring>

#include "base/binding.h"
#include "base/names.h"
#include "modules/system_call.h"

namespace gill {
namespace {

struct State {
  PyObject* identity;  // the C library keeps a pointer into it
  bool open;
};
State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }

// The last part of sys.argv[0]; null without an exception when there is none.
Ref<> script_name() {
  PyObject* arguments = PySys_GetObject("argv");
  if (!arguments || !PyList_Check(arguments) || PyList_GET_SIZE(arguments) == 0) return nullptr;
  PyObject* script = PyList_GET_ITEM(arguments, 0);
  if (!PyUnicode_Check(script)) return nullptr;
  Py_ssize_t length = PyUnicode_GET_LENGTH(script);
  if (length == 0) return nullptr;
  Py_ssize_t slash = PyUnicode_FindChar(script, '/', 0, length, -1);
  if (slash == -2) return failure;
  return slash < 0 ? borrow(script) : steal(PyUnicode_Substring(script, slash + 1, length));
}

Status open_log(PyObject* module, PyObject* identity, long option, long facility) {
  Ref<> name = identity ? borrow(identity) : script_name();
  if (!name && PyErr_Occurred()) return Status::error;
  const char* text = nullptr;
  if (name) text = TRY(PyUnicode_AsUTF8(name.get()));
  TRY(status_of(PySys_Audit("syslog.openlog", "Oll", name ? name.get() : Py_None, option, facility)));
  ::openlog(text, static_cast<int>(option), static_cast<int>(facility));
  state_of(module)->open = true;
  set_field(state_of(module)->identity, std::move(name));
  return Status::ok;
}

PyObject* syslog_openlog(PyObject* module, PyObject* args, PyObject* kwargs) {
  static const char* const kNames[] = {"ident", "logoption", "facility", nullptr};
  PyObject* identity = nullptr;
  long option = 0, facility = LOG_USER;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|Ull:openlog", const_cast<char**>(kNames), &identity, &option, &facility)) return nullptr;
  return open_log(module, identity, option, facility) == Status::ok ? none().release() : nullptr;
}

PyObject* syslog_syslog(PyObject* module, PyObject* args) {
  int priority = LOG_INFO;
  PyObject* message;
  if (!PyArg_ParseTuple(args, "iU;[priority,] message string", &priority, &message)) {
    PyErr_Clear();
    priority = LOG_INFO;
    if (!PyArg_ParseTuple(args, "U;[priority,] message string", &message)) return nullptr;
  }
  const char* text = PyUnicode_AsUTF8(message);
  if (!text) return nullptr;
  if (PySys_Audit("syslog.syslog", "is", priority, text) < 0) return nullptr;
  if (!state_of(module)->open && open_log(module, nullptr, 0, LOG_USER) != Status::ok) return nullptr;
  // The identity may not go while the call runs.
  Ref<> kept = borrow(state_of(module)->identity);
  unlocked([&] { return ::syslog(priority, "%s", text), 0; });
  return none().release();
}

PyObject* syslog_closelog(PyObject* module, PyObject*) {
  if (PySys_Audit("syslog.closelog", nullptr) < 0) return nullptr;
  State* state = state_of(module);
  if (state->open) {
    ::closelog();
    clear_field(state->identity);
    state->open = false;
  }
  return none().release();
}

PyObject* syslog_setlogmask(PyObject*, PyObject* args) {
  long mask;
  if (!PyArg_ParseTuple(args, "l;mask for priorities", &mask)) return nullptr;
  if (PySys_Audit("syslog.setlogmask", "(O)", PyTuple_GET_ITEM(args, 0)) < 0) return nullptr;
  return PyLong_FromLong(::setlogmask(static_cast<int>(mask)));
}
PyObject* syslog_LOG_MASK(PyObject*, PyObject* args) {
  long priority;
  if (!PyArg_ParseTuple(args, "l:LOG_MASK", &priority)) return nullptr;
  return PyLong_FromLong(LOG_MASK(priority));
}
PyObject* syslog_LOG_UPTO(PyObject*, PyObject* args) {
  long priority;
  if (!PyArg_ParseTuple(args, "l:LOG_UPTO", &priority)) return nullptr;
  return PyLong_FromLong(LOG_UPTO(priority));
}

const PyMethodDef kMethods[] = {
    {"openlog", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(syslog_openlog)), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"closelog", syslog_closelog, METH_NOARGS, nullptr},
    {"syslog", syslog_syslog, METH_VARARGS, nullptr},
    {"setlogmask", syslog_setlogmask, METH_VARARGS, nullptr},
    {"LOG_MASK", syslog_LOG_MASK, METH_VARARGS, nullptr},
    {"LOG_UPTO", syslog_LOG_UPTO, METH_VARARGS, nullptr},
    kEndOfMethods,
};

struct Constant {
  const char* name;
  long value;
};
const Constant kConstants[] = {
    {"LOG_ALERT", LOG_ALERT}, {"LOG_AUTH", LOG_AUTH}, {"LOG_AUTHPRIV", LOG_AUTHPRIV}, {"LOG_CONS", LOG_CONS}, {"LOG_CRIT", LOG_CRIT},
    {"LOG_CRON", LOG_CRON}, {"LOG_DAEMON", LOG_DAEMON}, {"LOG_DEBUG", LOG_DEBUG}, {"LOG_EMERG", LOG_EMERG}, {"LOG_ERR", LOG_ERR},
    {"LOG_INFO", LOG_INFO}, {"LOG_KERN", LOG_KERN}, {"LOG_LOCAL0", LOG_LOCAL0}, {"LOG_LOCAL1", LOG_LOCAL1}, {"LOG_LOCAL2", LOG_LOCAL2},
    {"LOG_LOCAL3", LOG_LOCAL3}, {"LOG_LOCAL4", LOG_LOCAL4}, {"LOG_LOCAL5", LOG_LOCAL5}, {"LOG_LOCAL6", LOG_LOCAL6},
    {"LOG_LOCAL7", LOG_LOCAL7}, {"LOG_LPR", LOG_LPR}, {"LOG_MAIL", LOG_MAIL}, {"LOG_NDELAY", LOG_NDELAY}, {"LOG_NEWS", LOG_NEWS},
    {"LOG_NOTICE", LOG_NOTICE}, {"LOG_NOWAIT", LOG_NOWAIT}, {"LOG_ODELAY", LOG_ODELAY}, {"LOG_PERROR", LOG_PERROR}, {"LOG_PID", LOG_PID},
    {"LOG_SYSLOG", LOG_SYSLOG}, {"LOG_USER", LOG_USER}, {"LOG_UUCP", LOG_UUCP}, {"LOG_WARNING", LOG_WARNING},
};

int execute(PyObject* module) {
  for (const Constant& each : kConstants) TRY(status_of(PyModule_AddIntConstant(module, each.name, each.value)));
  return 0;
}
int traverse(PyObject* module, visitproc visit, void* arg) {
  Py_VISIT(state_of(module)->identity);
  return 0;
}
int clear(PyObject* module) {
  // The log stays open for what else in the process writes to it, but without a name that is about to go.
  if (state_of(module)->identity) ::closelog();
  state_of(module)->open = false;
  clear_field(state_of(module)->identity);
  return 0;
}
void free_module(void* module) { clear(static_cast<PyObject*>(module)); }
const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "syslog",
    .m_size = sizeof(State),
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = free_module,
};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit_syslog() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("syslog", PyInit_syslog);
}  // namespace gill
