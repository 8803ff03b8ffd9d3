// What the path configuration came to, for those whose interpreter cannot find its library.
#include "capi/config.h"

namespace gill {
namespace {

void show(const char* label, const wchar_t* text) {
  if (!text) return PySys_FormatStderr("  %s = (not set)\n", label);
  Ref<> shown = steal(PyUnicode_FromWideChar(text, -1));
  if (shown) PySys_FormatStderr("  %s = %A\n", label, shown.get());
}
void show(const char* label, int number) { PySys_FormatStderr("  %s = %i\n", label, number); }

}  // namespace

void dump_path_configuration(const PyConfig* config) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PySys_WriteStderr("Python path configuration:\n");
  show("PYTHONHOME", config->home);
  show("PYTHONPATH", config->pythonpath_env);
  show("program name", config->program_name);
  show("isolated", config->isolated);
  show("environment", config->use_environment);
  show("user site", config->user_site_directory);
  show("safe_path", config->safe_path);
  show("import site", config->site_import);
  show("is in build tree", config->_is_python_build);
  show("stdlib dir", config->stdlib_dir);
  show("sys._base_executable", config->base_executable);
  show("sys.base_prefix", config->base_prefix);
  show("sys.base_exec_prefix", config->base_exec_prefix);
  show("sys.platlibdir", config->platlibdir);
  show("sys.executable", config->executable);
  show("sys.prefix", config->prefix);
  show("sys.exec_prefix", config->exec_prefix);
  PySys_WriteStderr("  sys.path = [\n");
  for (Py_ssize_t i = 0; i < config->module_search_paths.length; ++i) {
    Ref<> shown = steal(PyUnicode_FromWideChar(config->module_search_paths.items[i], -1));
    if (shown) PySys_FormatStderr("    %A,\n", shown.get());
  }
  PySys_WriteStderr("  ]\n");
  PyErr_Restore(type, value, traceback);
}

}  // namespace gill
