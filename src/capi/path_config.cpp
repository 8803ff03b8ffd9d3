// Where the standard library is, and from that sys.prefix and the first sys.path.
//
// In order: GILL_STDLIB or PYTHONHOME, a pyvenv.cfg beside or above the executable (whose `home` names an
// installation), an installation around the executable, and the system's /usr/lib/python3.11.
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <cwchar>
#include <initializer_list>

#include "capi/config.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

constexpr const char kLandmark[] = "/os.py";
constexpr const char kSystemPrefix[] = "/usr";

bool exists(const char* path) {
  struct stat info;
  return stat(path, &info) == 0;
}
bool has_library(const char* directory) {
  char path[PATH_MAX];
  return std::snprintf(path, sizeof(path), "%s%s", directory, kLandmark) < PATH_MAX && exists(path);
}

void cut_last(char* path) {
  char* slash = std::strrchr(path, '/');
  if (slash) *(slash == path ? slash + 1 : slash) = 0;
}

// Finds the running program: as named when the name has a slash, else along PATH.
bool find_program(const wchar_t* program, char* out) {
  char narrow[PATH_MAX];
  size_t length = std::wcstombs(narrow, program, sizeof(narrow));
  if (length == static_cast<size_t>(-1) || length >= sizeof(narrow)) return false;
  if (std::strchr(narrow, '/')) {
    if (narrow[0] == '/') {
      std::snprintf(out, PATH_MAX, "%s", narrow);
      return true;
    }
    char directory[PATH_MAX];
    if (!getcwd(directory, sizeof(directory))) return false;
    return std::snprintf(out, PATH_MAX, "%s/%s", directory, std::strncmp(narrow, "./", 2) == 0 ? narrow + 2 : narrow) < PATH_MAX;
  }
  const char* path = std::getenv("PATH");
  while (path && *path) {
    const char* end = std::strchr(path, ':');
    int size = static_cast<int>(end ? end - path : static_cast<std::ptrdiff_t>(std::strlen(path)));
    if (std::snprintf(out, PATH_MAX, "%.*s/%s", size, path, narrow) < PATH_MAX && access(out, X_OK) == 0) return true;
    path = end ? end + 1 : nullptr;
  }
  ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 1);
  if (size <= 0) return false;
  out[size] = 0;
  return true;
}

// The value of `home = ...` in a pyvenv.cfg beside the executable or in the directory above.
bool virtual_environment(const char* executable, char* home) {
  char directory[PATH_MAX];
  std::snprintf(directory, sizeof(directory), "%s", executable);
  for (int up = 0; up < 2; ++up) {
    cut_last(directory);
    char file_name[PATH_MAX + 16];
    std::snprintf(file_name, sizeof(file_name), "%s/pyvenv.cfg", directory);
    FILE* file = std::fopen(file_name, "r");
    if (!file) continue;
    char line[PATH_MAX + 64];
    bool found = false;
    while (!found && std::fgets(line, sizeof(line), file)) {
      char* equals = std::strchr(line, '=');
      if (!equals) continue;
      char key[32];
      if (std::sscanf(line, " %31[a-zA-Z_-]", key) != 1 || strcasecmp(key, "home") != 0) continue;
      char* value = equals + 1 + std::strspn(equals + 1, " \t");
      value[std::strcspn(value, "\r\n")] = 0;
      std::snprintf(home, PATH_MAX, "%s", value);
      found = true;
    }
    std::fclose(file);
    if (found) return true;
  }
  return false;
}

bool is_file(const char* path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

// The interpreter that a virtual environment's `executable` is a link to or a copy of.
void find_base_executable(const char* executable, const char* home, char* out) {
  if (realpath(executable, out) && std::strcmp(out, executable) != 0) return;
  const char* slash = std::strrchr(executable, '/');
  for (const char* name : {slash ? slash + 1 : executable, "gill", "python3", "python3.11"}) {
    if (std::snprintf(out, PATH_MAX, "%s/%s", home, name) < PATH_MAX && is_file(out)) return;
  }
  std::snprintf(out, PATH_MAX, "%s", executable);
}

// PREFIX/lib/python3.11, or Debian's name of it.
bool library_of(const char* prefix, char* out) {
  return std::snprintf(out, PATH_MAX, "%s/lib/python3.11", prefix) < PATH_MAX && has_library(out);
}
bool library_around(const char* executable, char* prefix, char* library) {
  char resolved[PATH_MAX];
  if (!realpath(executable, resolved)) return false;
  std::snprintf(prefix, PATH_MAX, "%s", resolved);
  for (cut_last(prefix); prefix[1]; cut_last(prefix)) {
    if (library_of(prefix, library)) return true;
  }
  return false;
}

#define CHECK(...)                                             \
  do {                                                         \
    if (PyStatus s = (__VA_ARGS__); PyStatus_Exception(s)) return s; \
  } while (0)

PyStatus set_unless(PyConfig* config, wchar_t** field, const char* text) {
  return *field ? PyStatus_Ok() : PyConfig_SetBytesString(config, field, text);
}

PyStatus append(PyWideStringList* list, const char* text) {
  wchar_t* wide = decode_argument(text);
  if (!wide) return PyStatus_NoMemory();
  PyStatus status = PyWideStringList_Append(list, wide);
  PyMem_RawFree(wide);
  return status;
}

// Empty parts count: they are the current directory.
PyStatus append_split(PyWideStringList* list, const wchar_t* part) {
  for (;;) {
    const wchar_t* end = std::wcschr(part, L':');
    size_t length = end ? static_cast<size_t>(end - part) : std::wcslen(part);
    auto* copy = static_cast<wchar_t*>(PyMem_RawMalloc((length + 1) * sizeof(wchar_t)));
    if (!copy) return PyStatus_NoMemory();
    std::wmemcpy(copy, part, length);
    copy[length] = 0;
    PyStatus status = PyWideStringList_Append(list, copy);
    PyMem_RawFree(copy);
    CHECK(status);
    if (!end) return PyStatus_Ok();
    part = end + 1;
  }
}

}  // namespace

PyStatus compute_paths(PyConfig* config) {
  char executable[PATH_MAX] = "", base_prefix[PATH_MAX] = "", library[PATH_MAX] = "", home[PATH_MAX] = "";
  if (config->executable) {
    std::wcstombs(executable, config->executable, sizeof(executable));
  } else if (config->program_name && *config->program_name) {
    if (!find_program(config->program_name, executable)) executable[0] = 0;
  }
  bool in_environment = executable[0] && virtual_environment(executable, home);

  const char* named = environment_variable(config, "GILL_STDLIB");
  bool found = false;
  if (named && has_library(named)) {
    std::snprintf(library, sizeof(library), "%s", named);
    std::snprintf(base_prefix, sizeof(base_prefix), "%s", named);
    cut_last(base_prefix);
    cut_last(base_prefix);
    found = true;
  }
  if (!found && config->home) {
    std::wcstombs(base_prefix, config->home, sizeof(base_prefix));
    if (char* colon = std::strchr(base_prefix, ':')) *colon = 0;
    library_of(base_prefix, library);
    found = true;
  }
  if (!found && in_environment) {
    std::snprintf(base_prefix, sizeof(base_prefix), "%s", home);
    cut_last(base_prefix);
    found = library_of(base_prefix, library);
  }
  if (!found && executable[0]) found = library_around(executable, base_prefix, library);
  if (!found) {
    std::snprintf(base_prefix, sizeof(base_prefix), "%s", kSystemPrefix);
    library_of(base_prefix, library);
  }
  // What was given stands for its base too.
  if (config->executable && !config->base_executable) config->base_executable = duplicate(config->executable);
  if (config->prefix && !config->base_prefix) config->base_prefix = duplicate(config->prefix);
  if (config->exec_prefix && !config->base_exec_prefix) config->base_exec_prefix = duplicate(config->exec_prefix);
  CHECK(set_unless(config, &config->executable, executable));
  if (in_environment && !config->base_executable) {
    char base_executable[PATH_MAX];
    find_base_executable(executable, home, base_executable);
    CHECK(set_unless(config, &config->base_executable, base_executable));
  }
  CHECK(set_unless(config, &config->base_executable, executable));
  // site.py makes a virtual environment's own folder sys.prefix.
  for (wchar_t** field : {&config->base_prefix, &config->base_exec_prefix, &config->prefix, &config->exec_prefix}) {
    CHECK(set_unless(config, field, base_prefix));
  }
  CHECK(set_unless(config, &config->stdlib_dir, library));
  if (config->module_search_paths_set) return PyStatus_Ok();

  PyWideStringList* paths = &config->module_search_paths;
  // What the program said replaces everything.
  if (const wchar_t* given = g_runtime.given_paths.module_search_path) {
    CHECK(append_split(paths, given));
    config->module_search_paths_set = 1;
    return PyStatus_Ok();
  }
  if (config->pythonpath_env) CHECK(append_split(paths, config->pythonpath_env));
  char path[PATH_MAX + 32];
  std::snprintf(path, sizeof(path), "%s/lib/python311.zip", base_prefix);
  CHECK(append(paths, path));
  CHECK(append(paths, library));
  std::snprintf(path, sizeof(path), "%s/lib-dynload", library);
  CHECK(append(paths, path));
  config->module_search_paths_set = 1;
  return PyStatus_Ok();
}

}  // namespace gill
