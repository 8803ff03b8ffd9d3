// Command line and environment into PyConfig, with the reference's options, precedence and messages.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>

#include <climits>
#include <initializer_list>

#include "capi/config.h"
#include "capi/options.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

PyStatus usage_error(const PyConfig* config) {
  print_usage(stderr, config, true);
  return PyStatus_Exit(2);
}

int number_or(const char* text, int otherwise) {
  char* end;
  long value = std::strtol(text, &end, 10);
  return *end == 0 && value >= 0 && value <= INT_MAX ? static_cast<int>(value) : otherwise;
}

int wide_number(const wchar_t* text, int otherwise) {
  wchar_t* end;
  errno = 0;
  long value = std::wcstol(text, &end, 10);
  return *text && *end == 0 && errno == 0 && value >= 0 && value <= INT_MAX ? static_cast<int>(value) : otherwise;
}

// A flag variable such as PYTHONVERBOSE: a number counts, any other text is 1. Options given more often win.
void raise_flag(const PyConfig* config, int* flag, const char* variable) {
  const char* text = environment_variable(config, variable);
  if (!text) return;
  int value = number_or(text, 1);
  if (*flag < value) *flag = value;
}

PyStatus append_split(PyWideStringList* list, const char* text) {
  wchar_t* decoded = decode_argument(text);
  if (!decoded) return PyStatus_NoMemory();
  wchar_t* state = nullptr;
  PyStatus status = PyStatus_Ok();
  for (wchar_t* item = std::wcstok(decoded, L",", &state); item && !PyStatus_Exception(status); item = std::wcstok(nullptr, L",", &state)) {
    status = PyWideStringList_Append(list, item);
  }
  PyMem_RawFree(decoded);
  return status;
}

const wchar_t* xoption(const PyConfig* config, const wchar_t* option) { return find_xoption(config->xoptions, option); }

// -X int_max_str_digits and its variable.
PyStatus read_digits_limit(const PyConfig* config) {
  constexpr int kLeast = 640;
  auto valid = [](int limit) { return limit == 0 || limit >= kLeast; };
  if (const char* text = environment_variable(config, "PYTHONINTMAXSTRDIGITS")) {
    int limit = number_or(text, -1);
    if (!valid(limit)) {
      return error_in("config_init_int_max_str_digits", "PYTHONINTMAXSTRDIGITS: invalid limit; must be >= 640 or 0 for unlimited.");
    }
    g_runtime.int_max_str_digits = limit;
  }
  if (const wchar_t* option = xoption(config, L"int_max_str_digits")) {
    const wchar_t* equals = std::wcschr(option, L'=');
    int limit = !equals ? -1 : equals[1] ? wide_number(equals + 1, -1) : 0;
    if (!valid(limit)) {
      return error_in("config_init_int_max_str_digits", "-X int_max_str_digits: invalid limit; must be >= 640 or 0 for unlimited.");
    }
    g_runtime.int_max_str_digits = limit;
  }
  return PyStatus_Ok();
}

// What the published flag variables say where the compatible configuration leaves a field open.
void take_global_flags(PyConfig* config) {
  if (config->_config_init != 1) return;
  auto copy = [](int* field, int value) {
    if (*field < 0) *field = value;
  };
  copy(&config->isolated, Py_IsolatedFlag);
  copy(&config->use_environment, !Py_IgnoreEnvironmentFlag);
  copy(&config->bytes_warning, Py_BytesWarningFlag);
  copy(&config->inspect, Py_InspectFlag);
  copy(&config->interactive, Py_InteractiveFlag);
  copy(&config->optimization_level, Py_OptimizeFlag);
  copy(&config->parser_debug, Py_DebugFlag);
  copy(&config->verbose, Py_VerboseFlag);
  copy(&config->quiet, Py_QuietFlag);
  copy(&config->pathconfig_warnings, !Py_FrozenFlag);
  copy(&config->buffered_stdio, !Py_UnbufferedStdioFlag);
  copy(&config->site_import, !Py_NoSiteFlag);
  copy(&config->write_bytecode, !Py_DontWriteBytecodeFlag);
  copy(&config->user_site_directory, !Py_NoUserSiteDirectory);
}

PyStatus set_environment_text(PyConfig* config, wchar_t** field, const char* variable) {
  const char* text = *field ? nullptr : environment_variable(config, variable);
  return text ? PyConfig_SetBytesString(config, field, text) : PyStatus_Ok();
}

PyStatus read_hash_seed(PyConfig* config) {
  const char* text = environment_variable(config, "PYTHONHASHSEED");
  if (config->use_hash_seed >= 0) return PyStatus_Ok();
  config->use_hash_seed = 0;
  config->hash_seed = 0;
  if (!text || std::strcmp(text, "random") == 0) return PyStatus_Ok();
  char* end;
  unsigned long seed = std::strtoul(text, &end, 10);
  if (*end != 0 || seed > 4294967295UL) {
    return error_in("config_init_hash_seed", "PYTHONHASHSEED must be \"random\" or an integer in range [0; 4294967295]");
  }
  config->use_hash_seed = 1;
  config->hash_seed = seed;
  return PyStatus_Ok();
}

#define CHECK(...)                                             \
  do {                                                         \
    if (PyStatus s = (__VA_ARGS__); PyStatus_Exception(s)) return s; \
  } while (0)

// What sys.warnoptions has: the most significant last.
PyStatus collect_warnoptions(PyConfig* config, const PyWideStringList& from_command_line, const PyWideStringList& from_environment) {
  PyWideStringList all = {};
  auto add = [&](const wchar_t* option) {
    for (Py_ssize_t i = 0; i < all.length; ++i) {
      if (std::wcscmp(all.items[i], option) == 0) return PyStatus_Ok();
    }
    return PyWideStringList_Append(&all, option);
  };
  if (config->dev_mode > 0) CHECK(add(L"default"));
  for (Py_ssize_t i = 0; i < from_environment.length; ++i) CHECK(add(from_environment.items[i]));
  for (Py_ssize_t i = 0; i < from_command_line.length; ++i) CHECK(add(from_command_line.items[i]));
  for (Py_ssize_t i = 0; i < config->warnoptions.length; ++i) CHECK(add(config->warnoptions.items[i]));
  // BytesWarning is decided by -b alone.
  if (config->bytes_warning > 0) CHECK(add(config->bytes_warning > 1 ? L"error::BytesWarning" : L"default::BytesWarning"));
  _PyWideStringList_Clear(&config->warnoptions);
  config->warnoptions = all;
  return PyStatus_Ok();
}

}  // namespace

// The last one given counts.
const wchar_t* find_xoption(const PyWideStringList& options, const wchar_t* option) {
  size_t length = std::wcslen(option);
  for (Py_ssize_t i = options.length - 1; i >= 0; --i) {
    const wchar_t* given = options.items[i];
    if (std::wcsncmp(given, option, length) == 0 && (given[length] == 0 || given[length] == L'=')) return given;
  }
  return nullptr;
}

const char* environment_variable(const PyConfig* config, const char* variable) {
  if (config->use_environment == 0) return nullptr;
  const char* text = std::getenv(variable);
  return text && *text ? text : nullptr;
}

// The program may change its directory; its own file stays where it was.
static PyStatus make_script_absolute(PyConfig* config) {
  if (!config->run_filename || config->run_filename[0] == L'/') return PyStatus_Ok();
  char directory[PATH_MAX];
  wchar_t* wide = getcwd(directory, sizeof(directory)) ? decode_argument(directory) : nullptr;
  if (!wide) return PyStatus_Ok();
  size_t size = std::wcslen(wide) + std::wcslen(config->run_filename) + 2;
  auto* path = static_cast<wchar_t*>(PyMem_RawMalloc(size * sizeof(wchar_t)));
  if (path) {
    std::wcscpy(path, wide);
    std::wcscat(path, L"/");
    std::wcscat(path, config->run_filename);
    PyMem_RawFree(config->run_filename);
    config->run_filename = path;
  }
  PyMem_RawFree(wide);
  return path ? PyStatus_Ok() : PyStatus_NoMemory();
}

// Options into the fields; what is left becomes config->argv, with the script, "-c" or "-m" first.
static PyStatus parse_options(PyConfig* config, PyWideStringList* warnings) {
  OptionReader reader{config->argv};
  int version = 0;
  while (!config->run_command && !config->run_module) {
    int option = reader.next();
    if (option == -1) break;
    switch (option) {
      case 'c': {
        // The compiler wants a line end behind the last statement.
        size_t length = std::wcslen(reader.value) + 2;
        auto* command = static_cast<wchar_t*>(PyMem_RawMalloc(length * sizeof(wchar_t)));
        if (!command) return PyStatus_NoMemory();
        std::wcscpy(command, reader.value);
        std::wcscat(command, L"\n");
        config->run_command = command;
        break;
      }
      case 'm': config->run_module = duplicate(reader.value); break;
      case kCheckHash:
        if (std::wcscmp(reader.value, L"always") && std::wcscmp(reader.value, L"never") && std::wcscmp(reader.value, L"default")) {
          std::fprintf(stderr, "--check-hash-based-pycs must be one of 'default', 'always', or 'never'\n");
          return usage_error(config);
        }
        CHECK(PyConfig_SetString(config, &config->check_hash_pycs_mode, reader.value));
        break;
      case 'b': ++config->bytes_warning; break;
      case 'd': ++config->parser_debug; break;
      case 'i': ++config->inspect; ++config->interactive; break;
      case 'E': config->use_environment = 0; break;
      case 'I':
        config->isolated = 1;
        config->use_environment = 0;
        config->user_site_directory = 0;
        config->safe_path = 1;
        break;
      case 'O': ++config->optimization_level; break;
      case 'P': config->safe_path = 1; break;
      case 'B': config->write_bytecode = 0; break;
      case 's': config->user_site_directory = 0; break;
      case 'S': config->site_import = 0; break;
      case 't': break;  // of Python 2
      case 'u': config->buffered_stdio = 0; break;
      case 'v': ++config->verbose; break;
      case 'x': config->skip_source_first_line = 1; break;
      case 'q': ++config->quiet; break;
      case 'R': config->use_hash_seed = 0; break;
      case kReport:
      case 'X': CHECK(PyWideStringList_Append(&config->xoptions, reader.value)); break;
      case 'W': CHECK(PyWideStringList_Append(warnings, reader.value)); break;
      case 'h':
      case '?': print_help(config->program_name); return PyStatus_Exit(0);
      case 'V': ++version; break;
      case kHelpAll:
        print_help(config->program_name);
        std::printf("\n\n");
        print_help_environment();
        std::printf("\n\n");
        print_help_xoptions();
        return PyStatus_Exit(0);
      case kHelpEnvironment: print_help_environment(); return PyStatus_Exit(0);
      case kHelpXoptions: print_help_xoptions(); return PyStatus_Exit(0);
      default: return usage_error(config);
    }
  }
  if (version) {
    std::printf("Python %s\n", version >= 2 ? Py_GetVersion() : PY_VERSION);
    return PyStatus_Exit(0);
  }
  PyWideStringList rest = {};
  bool named = config->run_command || config->run_module;
  if (named) {
    CHECK(PyWideStringList_Append(&rest, config->run_command ? L"-c" : L"-m"));
  } else if (reader.index < config->argv.length && std::wcscmp(config->argv.items[reader.index], L"-") != 0) {
    if (!config->run_filename) config->run_filename = duplicate(config->argv.items[reader.index]);
  }
  for (Py_ssize_t i = reader.index; i < config->argv.length; ++i) CHECK(PyWideStringList_Append(&rest, config->argv.items[i]));
  if (rest.length == 0) CHECK(PyWideStringList_Append(&rest, L""));
  _PyWideStringList_Clear(&config->argv);
  config->argv = rest;
  return PyStatus_Ok();
}

PyStatus read_command_line(PyConfig* config) {
  CHECK(preinitialize_for(config, nullptr));
  take_global_flags(config);
  if (g_runtime.preconfig.isolated > 0 && config->isolated < 0) config->isolated = 1;
  if (g_runtime.preconfig.use_environment == 0 && config->use_environment < 0) config->use_environment = 0;
  if (config->dev_mode < 0) config->dev_mode = g_runtime.preconfig.dev_mode;
  PyWideStringList from_options = {}, from_environment = {};
  if (config->orig_argv.length == 0 && _PyWideStringList_Copy(&config->orig_argv, &config->argv) < 0) return PyStatus_NoMemory();
  const GivenPaths& given = g_runtime.given_paths;
  if (!config->program_name && given.program_name) CHECK(PyConfig_SetString(config, &config->program_name, given.program_name));
  if (!config->executable && given.program_full_path) CHECK(PyConfig_SetString(config, &config->executable, given.program_full_path));
  if (!config->home && given.home) CHECK(PyConfig_SetString(config, &config->home, given.home));
  if (!config->program_name) {
    CHECK(PyConfig_SetString(config, &config->program_name, config->argv.length && *config->argv.items[0] ? config->argv.items[0] : L"python3"));
  }
  if (config->parse_argv == 1) {
    CHECK(parse_options(config, &from_options));
    config->parse_argv = 2;
  } else if (config->argv.length == 0) {
    CHECK(PyWideStringList_Append(&config->argv, L""));
  }
  CHECK(make_script_absolute(config));
  CHECK(read_environment(config));
  if (const char* text = environment_variable(config, "PYTHONWARNINGS")) CHECK(append_split(&from_environment, text));
  CHECK(collect_warnoptions(config, from_options, from_environment));
  _PyWideStringList_Clear(&from_options);
  _PyWideStringList_Clear(&from_environment);
  return PyStatus_Ok();
}

PyStatus read_environment(PyConfig* config) {
  if (config->isolated > 0) {
    config->use_environment = 0;
    config->user_site_directory = 0;
  }
  // Flags that -1 left open.
  for (int* flag : {&config->isolated, &config->bytes_warning, &config->inspect, &config->interactive, &config->optimization_level,
                    &config->parser_debug, &config->verbose, &config->quiet}) {
    if (*flag < 0) *flag = 0;
  }
  for (int* flag : {&config->use_environment, &config->site_import, &config->write_bytecode, &config->user_site_directory, &config->buffered_stdio,
                    &config->pathconfig_warnings}) {
    if (*flag < 0) *flag = 1;
  }
  raise_flag(config, &config->parser_debug, "PYTHONDEBUG");
  raise_flag(config, &config->verbose, "PYTHONVERBOSE");
  raise_flag(config, &config->optimization_level, "PYTHONOPTIMIZE");
  raise_flag(config, &config->inspect, "PYTHONINSPECT");
  int off = 0;
  raise_flag(config, &off, "PYTHONDONTWRITEBYTECODE");
  if (off) config->write_bytecode = 0;
  off = 0;
  raise_flag(config, &off, "PYTHONNOUSERSITE");
  if (off) config->user_site_directory = 0;
  off = 0;
  raise_flag(config, &off, "PYTHONUNBUFFERED");
  if (off) config->buffered_stdio = 0;
  if (environment_variable(config, "PYTHONSAFEPATH")) config->safe_path = 1;
  if (config->dev_mode < 0) config->dev_mode = xoption(config, L"dev") || environment_variable(config, "PYTHONDEVMODE");
  if (config->faulthandler < 0) {
    config->faulthandler = config->dev_mode || xoption(config, L"faulthandler") || environment_variable(config, "PYTHONFAULTHANDLER");
  }
  if (config->tracemalloc < 0) {
    config->tracemalloc = 0;
    if (const char* text = environment_variable(config, "PYTHONTRACEMALLOC")) {
      config->tracemalloc = number_or(text, -1);
      if (config->tracemalloc < 0) return error_in("config_init_tracemalloc", "PYTHONTRACEMALLOC: invalid number of frames");
    }
    if (const wchar_t* option = xoption(config, L"tracemalloc")) {
      const wchar_t* equals = std::wcschr(option, L'=');
      config->tracemalloc = !equals ? 1 : equals[1] ? wide_number(equals + 1, -1) : 0;
      if (config->tracemalloc < 0) return error_in("config_init_tracemalloc", "-X tracemalloc=NFRAME: invalid number of frames");
    }
  }
  if (xoption(config, L"importtime") || environment_variable(config, "PYTHONPROFILEIMPORTTIME")) config->import_time = 1;
  if (xoption(config, L"no_debug_ranges") || environment_variable(config, "PYTHONNODEBUGRANGES")) config->code_debug_ranges = 0;
  if (xoption(config, L"warn_default_encoding") || environment_variable(config, "PYTHONWARNDEFAULTENCODING")) config->warn_default_encoding = 1;
  if (const wchar_t* option = xoption(config, L"gc"); option && std::wcscmp(option, L"gc=incremental") && std::wcscmp(option, L"gc=full")) {
    return PyStatus_Error("bad value for option -X gc (expected \"incremental\" or \"full\")");
  }
  if (const wchar_t* option = xoption(config, L"frozen_modules")) {
    const wchar_t* equals = std::wcschr(option, L'=');
    if (config->use_frozen_modules < 0) config->use_frozen_modules = !equals || std::wcscmp(equals + 1, L"off") != 0;
    if (equals && equals[1] && std::wcscmp(equals + 1, L"on") && std::wcscmp(equals + 1, L"off")) {
      return PyStatus_Error("bad value for option -X frozen_modules (expected \"on\" or \"off\")");
    }
  }
  if (config->use_frozen_modules < 0) config->use_frozen_modules = 1;
  if (const wchar_t* option = xoption(config, L"pycache_prefix")) {
    const wchar_t* equals = std::wcschr(option, L'=');
    CHECK(PyConfig_SetString(config, &config->pycache_prefix, equals && equals[1] ? equals + 1 : nullptr));
  } else {
    CHECK(set_environment_text(config, &config->pycache_prefix, "PYTHONPYCACHEPREFIX"));
  }
  CHECK(read_hash_seed(config));
  CHECK(set_environment_text(config, &config->pythonpath_env, "PYTHONPATH"));
  CHECK(set_environment_text(config, &config->platlibdir, "PYTHONPLATLIBDIR"));
  if (!config->platlibdir) CHECK(PyConfig_SetString(config, &config->platlibdir, L"lib"));
  if (!config->check_hash_pycs_mode) CHECK(PyConfig_SetString(config, &config->check_hash_pycs_mode, L"default"));
  CHECK(read_digits_limit(config));
  return PyStatus_Ok();
}

}  // namespace gill
