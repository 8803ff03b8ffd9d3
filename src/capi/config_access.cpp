// Reading and replacing the configuration of the running interpreter; for tests and tools.
#include "base/names.h"
#include "capi/config.h"
#include "modules/sys_module.h"
#include "runtime/runtime.h"

#define PUBLISHED [[gnu::visibility("default")]]

namespace gill {
namespace {

struct NamedFlag {
  const char* name;
  int PyPreConfig::* field;
};
constexpr NamedFlag kPreFields[] = {
    {"_config_init", &PyPreConfig::_config_init},       {"parse_argv", &PyPreConfig::parse_argv},
    {"isolated", &PyPreConfig::isolated},               {"use_environment", &PyPreConfig::use_environment},
    {"configure_locale", &PyPreConfig::configure_locale}, {"coerce_c_locale", &PyPreConfig::coerce_c_locale},
    {"coerce_c_locale_warn", &PyPreConfig::coerce_c_locale_warn}, {"utf8_mode", &PyPreConfig::utf8_mode},
    {"dev_mode", &PyPreConfig::dev_mode},               {"allocator", &PyPreConfig::allocator},
};

Ref<> preconfig_dict() {
  Ref<> dict = TRY(steal(PyDict_New()));
  for (const NamedFlag& flag : kPreFields) {
    Ref<> value = TRY(steal(PyLong_FromLong(g_runtime.preconfig.*flag.field)));
    TRY(status_of(PyDict_SetItemString(dict.get(), flag.name, value.get())));
  }
  return dict;
}

Ref<> global_dict() {
  _Py_COMP_DIAG_PUSH
  _Py_COMP_DIAG_IGNORE_DEPR_DECLS
  return steal(Py_BuildValue("{s:s,s:i,s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i}",
                             "Py_FileSystemDefaultEncoding", Py_FileSystemDefaultEncoding, "Py_HasFileSystemDefaultEncoding",
                             Py_HasFileSystemDefaultEncoding, "Py_FileSystemDefaultEncodeErrors", Py_FileSystemDefaultEncodeErrors,
                             "_Py_HasFileSystemDefaultEncodeErrors", 1, "Py_UTF8Mode", Py_UTF8Mode, "Py_DebugFlag", Py_DebugFlag, "Py_VerboseFlag",
                             Py_VerboseFlag, "Py_QuietFlag", Py_QuietFlag, "Py_InteractiveFlag", Py_InteractiveFlag, "Py_InspectFlag", Py_InspectFlag,
                             "Py_OptimizeFlag", Py_OptimizeFlag, "Py_NoSiteFlag", Py_NoSiteFlag, "Py_BytesWarningFlag", Py_BytesWarningFlag,
                             "Py_FrozenFlag", Py_FrozenFlag, "Py_IgnoreEnvironmentFlag", Py_IgnoreEnvironmentFlag, "Py_DontWriteBytecodeFlag",
                             Py_DontWriteBytecodeFlag, "Py_NoUserSiteDirectory", Py_NoUserSiteDirectory, "Py_UnbufferedStdioFlag",
                             Py_UnbufferedStdioFlag, "Py_HashRandomizationFlag", Py_HashRandomizationFlag, "Py_IsolatedFlag", Py_IsolatedFlag));
  _Py_COMP_DIAG_POP
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PUBLISHED int _PyConfig_FromDict(PyConfig* config, PyObject* dict) { return static_cast<int>(config_from_dict(config, dict)); }

PUBLISHED int _PyInterpreterState_GetConfigCopy(PyConfig* config) {
  PyStatus status = copy_config(config, _Py_GetConfig());
  if (!PyStatus_Exception(status)) return 0;
  PyErr_NoMemory();
  return -1;
}

// What sys shows follows.
PUBLISHED int _PyInterpreterState_SetConfig(const PyConfig* given) {
  Interpreter* interpreter = current_interpreter();
  PyConfig copy = {};
  if (PyStatus_Exception(copy_config(&copy, given))) {
    PyErr_NoMemory();
    return -1;
  }
  // Fields that are open get their values as at start-up.
  if (!copy.module_search_paths_set) _PyWideStringList_Clear(&copy.module_search_paths);
  if (PyStatus status = PyConfig_Read(&copy); PyStatus_Exception(status)) {
    PyConfig_Clear(&copy);
    PyErr_SetString(PyExc_ValueError, status.err_msg ? status.err_msg : "invalid configuration");
    return -1;
  }
  PyConfig_Clear(&interpreter->config);
  interpreter->config = copy;
  publish_flags(&interpreter->config);
  return static_cast<int>(update_sys_from_config(interpreter->sysdict, &interpreter->config));
}

PUBLISHED PyObject* _Py_GetConfigsAsDict(void) {
  Ref<> globals = TRY(global_dict());
  Ref<> before = TRY(preconfig_dict());
  Ref<> config = TRY(steal(_PyConfig_AsDict(_Py_GetConfig())));
  return Py_BuildValue("{s:O,s:O,s:O}", "global_config", globals.get(), "pre_config", before.get(), "config", config.get());
}

// Our paths are not computed by Python code.
PUBLISHED PyObject* _Py_Get_Getpath_CodeObject(void) { return raise(PyExc_NotImplementedError, "there is no code object of getpath"); }

}  // extern "C"
