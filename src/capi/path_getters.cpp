// Py_GetPath, Py_SetPath and their relatives: what an embedding program says about paths before start-up, and what
// the path configuration found. Also the command line as the process got it.
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cwchar>

#include "capi/config.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

const PyConfig* main_config() { return g_runtime.main_interpreter ? &g_runtime.main_interpreter->config : nullptr; }

wchar_t* field(wchar_t* PyConfig::* which, wchar_t* given = nullptr) {
  const PyConfig* config = main_config();
  return config ? config->*which : given;
}

void replace(wchar_t** place, const wchar_t* text) {
  wchar_t* copy = duplicate(text);
  if (text && !copy) Py_FatalError("Memory allocation failed");
  PyMem_RawFree(*place);
  *place = copy;
}

void replace_bytes(char** place, const char* text) {
  PyMem_RawFree(*place);
  *place = text ? _PyMem_RawStrdup(text) : nullptr;
}

// The parts with colons between them, in raw memory.
wchar_t* join(const PyWideStringList& list) {
  size_t size = 1;
  for (Py_ssize_t i = 0; i < list.length; ++i) size += std::wcslen(list.items[i]) + 1;
  auto* text = static_cast<wchar_t*>(PyMem_RawMalloc(size * sizeof(wchar_t)));
  if (!text) return nullptr;
  wchar_t* end = text;
  for (Py_ssize_t i = 0; i < list.length; ++i) {
    if (i) *end++ = L':';
    end = wcpcpy(end, list.items[i]);
  }
  *end = 0;
  return text;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

wchar_t* Py_GetPrefix(void) { return field(&PyConfig::prefix); }
wchar_t* Py_GetExecPrefix(void) { return field(&PyConfig::exec_prefix); }
wchar_t* Py_GetProgramName(void) { return field(&PyConfig::program_name, g_runtime.given_paths.program_name); }
wchar_t* Py_GetProgramFullPath(void) { return field(&PyConfig::executable, g_runtime.given_paths.program_full_path); }
wchar_t* Py_GetPythonHome(void) { return field(&PyConfig::home, g_runtime.given_paths.home); }

wchar_t* Py_GetPath(void) {
  const PyConfig* config = main_config();
  if (!config) return g_runtime.given_paths.module_search_path;
  // The caller owns nothing, so the text is kept here.
  if (!g_runtime.shown_module_search_path) g_runtime.shown_module_search_path = join(config->module_search_paths);
  return g_runtime.shown_module_search_path;
}

void Py_SetProgramName(const wchar_t* program) {
  if (program && *program) replace(&g_runtime.given_paths.program_name, program);
}
void Py_SetPythonHome(const wchar_t* home) {
  if (home) replace(&g_runtime.given_paths.home, home);
}
void _Py_SetProgramFullPath(const wchar_t* path) {
  if (path && *path) replace(&g_runtime.given_paths.program_full_path, path);
}
void Py_SetPath(const wchar_t* path) {
  replace(&g_runtime.given_paths.module_search_path, path);
  replace(&g_runtime.shown_module_search_path, nullptr);
}
[[gnu::visibility("default")]] void _PyPathConfig_ClearGlobal(void) {
  GivenPaths& given = g_runtime.given_paths;
  for (wchar_t** place : {&given.program_name, &given.program_full_path, &given.home, &given.module_search_path, &g_runtime.shown_module_search_path}) {
    replace(place, nullptr);
  }
}

int Py_SetStandardStreamEncoding(const char* encoding, const char* errors) {
  if (Py_IsInitialized()) return -1;
  replace_bytes(&g_runtime.given_stdio_encoding, encoding);
  replace_bytes(&g_runtime.given_stdio_errors, errors);
  return 0;
}
[[gnu::visibility("default")]] void _Py_ClearStandardStreamEncoding(void) {
  replace_bytes(&g_runtime.given_stdio_encoding, nullptr);
  replace_bytes(&g_runtime.given_stdio_errors, nullptr);
}

void Py_GetArgcArgv(int* argc, wchar_t*** argv) {
  *argc = static_cast<int>(g_runtime.original_arguments.length);
  *argv = g_runtime.original_arguments.items;
}
[[gnu::visibility("default")]] void _Py_ClearArgcArgv(void) { _PyWideStringList_Clear(&g_runtime.original_arguments); }

// ---- small parts of reading a configuration, for those who read one of their own ------------------------------------

[[gnu::visibility("default")]] int _Py_str_to_int(const char* text, int* result) {
  char* end;
  errno = 0;
  long value = std::strtol(text, &end, 10);
  if (*end || errno == ERANGE || value < INT_MIN || value > INT_MAX) return -1;
  *result = static_cast<int>(value);
  return 0;
}
[[gnu::visibility("default")]] const wchar_t* _Py_get_xoption(const PyWideStringList* options, const wchar_t* option) { return find_xoption(*options, option); }
[[gnu::visibility("default")]] const char* _Py_GetEnv(int use_environment, const char* which) {
  const char* text = use_environment ? std::getenv(which) : nullptr;
  return text && *text ? text : nullptr;
}
[[gnu::visibility("default")]] void _Py_get_env_flag(int use_environment, int* flag, const char* which) {
  const char* text = _Py_GetEnv(use_environment, which);
  int value;
  if (!text) return;
  if (_Py_str_to_int(text, &value) < 0 || value < 0) value = 1;
  if (*flag < value) *flag = value;
}

}  // extern "C"
