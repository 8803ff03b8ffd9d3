// Pre-initialization: what must be known before any text is decoded. It settles isolation, the development mode,
// the LC_CTYPE locale (coercing the C locale to a UTF-8 one, PEP 538) and UTF-8 mode (PEP 540).
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <langinfo.h>
#include <strings.h>

#include "capi/config.h"
#include "capi/options.h"
#include "runtime/runtime.h"

extern "C" {
int _PyMem_GetAllocatorName(const char* text, PyMemAllocatorName* number);
int _PyMem_SetupAllocators(PyMemAllocatorName number);
int _PyMem_SetDefaultAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx* old);
int _Py_LegacyLocaleDetected(int);
int _Py_CoerceLegacyLocale(int);
char* _Py_SetLocaleFromEnv(int category);
}

// A command line in either form, of the reference's inner interface.
struct _PyArgv {
  Py_ssize_t argc;
  int use_bytes_argv;
  char* const* bytes_argv;
  wchar_t* const* wchar_argv;
};

namespace gill {
namespace {

#define CHECK(...)                                                   \
  do {                                                               \
    if (PyStatus s = (__VA_ARGS__); PyStatus_Exception(s)) return s; \
  } while (0)

constexpr const char* kCoercionTargets[] = {"C.UTF-8", "C.utf8", "UTF-8"};

const char* variable(const PyPreConfig* config, const char* which) {
  if (config->use_environment <= 0) return nullptr;
  const char* text = std::getenv(which);
  return text && *text ? text : nullptr;
}

// A first look at the command line: -E, -I, -X dev, -X utf8.
struct FirstLook {
  bool isolated = false;
  bool ignores_environment = false;
  bool dev_mode = false;
  const wchar_t* utf8 = nullptr;
};

FirstLook look_at(const PyWideStringList& argv) {
  FirstLook found;
  OptionReader reader{argv, true};
  for (int option; (option = reader.next()) != -1 && option != 'c' && option != 'm';) {
    if (option == 'E') found.ignores_environment = true;
    if (option == 'I') found.isolated = true;
    if (option != 'X') continue;
    if (std::wcscmp(reader.value, L"dev") == 0 || std::wcsncmp(reader.value, L"dev=", 4) == 0) found.dev_mode = true;
    if (std::wcscmp(reader.value, L"utf8") == 0 || std::wcsncmp(reader.value, L"utf8=", 5) == 0) found.utf8 = reader.value;
  }
  return found;
}

bool is_c_locale() {
  const char* locale = std::setlocale(LC_CTYPE, nullptr);
  return locale && (std::strcmp(locale, "C") == 0 || std::strcmp(locale, "POSIX") == 0);
}

PyStatus read_utf8_mode(PyPreConfig* config, const FirstLook& options) {
  if (config->utf8_mode >= 0) return PyStatus_Ok();
  if (options.utf8) {
    const wchar_t* value = options.utf8[4] == L'=' ? options.utf8 + 5 : L"1";
    if (std::wcscmp(value, L"0") && std::wcscmp(value, L"1")) return error_in("preconfig_init_utf8_mode", "invalid -X utf8 option value");
    config->utf8_mode = *value == L'1';
  } else if (const char* text = variable(config, "PYTHONUTF8")) {
    if (std::strcmp(text, "0") && std::strcmp(text, "1")) return error_in("preconfig_init_utf8_mode", "invalid PYTHONUTF8 environment variable value");
    config->utf8_mode = *text == '1';
  } else {
    config->utf8_mode = is_c_locale();
  }
  return PyStatus_Ok();
}

void read_coercion(PyPreConfig* config) {
  if (!config->configure_locale) {
    config->coerce_c_locale = 0;
    config->coerce_c_locale_warn = 0;
    return;
  }
  const char* text = variable(config, "PYTHONCOERCECLOCALE");
  if (text && std::strcmp(text, "0") == 0 && config->coerce_c_locale < 0) config->coerce_c_locale = 0;
  if (text && std::strcmp(text, "warn") == 0 && config->coerce_c_locale_warn < 0) config->coerce_c_locale_warn = 1;
  // 2: to be done; what a program set to 1 is done whatever the locale.
  if (config->coerce_c_locale < 0 || config->coerce_c_locale == 1) config->coerce_c_locale = _Py_LegacyLocaleDetected(0) ? 2 : 0;
  if (config->coerce_c_locale_warn < 0) config->coerce_c_locale_warn = 0;
}

PyStatus read_allocator(PyPreConfig* config) {
  if (config->allocator != PYMEM_ALLOCATOR_NOT_SET) return PyStatus_Ok();
  if (const char* text = variable(config, "PYTHONMALLOC")) {
    PyMemAllocatorName chosen;
    if (_PyMem_GetAllocatorName(text, &chosen) < 0) return error_in("preconfig_init_allocator", "PYTHONMALLOC: unknown allocator");
    config->allocator = chosen;
    return PyStatus_Ok();
  }
  if (config->dev_mode) config->allocator = PYMEM_ALLOCATOR_DEBUG;
  return PyStatus_Ok();
}

// The C library's C locale lets bytes beyond ASCII through on some systems; what they mean nobody knows.
Runtime::TextCoding detect_coding(bool utf8_mode) {
  using Coding = Runtime::TextCoding;
  if (utf8_mode) return Coding::utf8;
  const char* codeset = nl_langinfo(CODESET);
  if (!codeset || !*codeset || strcasecmp(codeset, "UTF-8") == 0 || strcasecmp(codeset, "utf8") == 0) return Coding::utf8;
  return is_c_locale() ? Coding::ascii : Coding::locale;
}

PyStatus preinitialize(const PyPreConfig* given, const PyWideStringList* argv) {
  if (g_runtime.preinitialized) return PyStatus_Ok();
  g_runtime.preinitializing = true;
  PyPreConfig config = *given;
  FirstLook options = argv && config.parse_argv ? look_at(*argv) : FirstLook();
  if (config._config_init == 1) {
    if (config.isolated < 0) config.isolated = Py_IsolatedFlag;
    if (config.use_environment < 0) config.use_environment = !Py_IgnoreEnvironmentFlag;
    if (Py_UTF8Mode > 0) config.utf8_mode = Py_UTF8Mode;
  }
  if (options.isolated) config.isolated = 1;
  if (config.isolated < 0) config.isolated = 0;
  if (options.ignores_environment || config.isolated) config.use_environment = 0;
  if (config.use_environment < 0) config.use_environment = 1;
  if (options.dev_mode) config.dev_mode = 1;
  if (config.dev_mode < 0) config.dev_mode = variable(&config, "PYTHONDEVMODE") != nullptr;

  if (config.configure_locale) _Py_SetLocaleFromEnv(LC_CTYPE);
  CHECK(read_allocator(&config));
  CHECK(read_utf8_mode(&config, options));
  _PyMem_SetupAllocators(static_cast<PyMemAllocatorName>(config.allocator));
  read_coercion(&config);
  if (config.coerce_c_locale == 2) {
    if (!_Py_CoerceLegacyLocale(config.coerce_c_locale_warn)) config.coerce_c_locale = 0;
    else config.coerce_c_locale = 1;
  }
  Py_UTF8Mode = config.utf8_mode;
  if (config._config_init != 1) {
    Py_IsolatedFlag = config.isolated;
    Py_IgnoreEnvironmentFlag = !config.use_environment;
  }
  g_runtime.text_coding = detect_coding(config.utf8_mode);
  g_runtime.preconfig = config;
  g_runtime.preinitializing = false;
  g_runtime.preinitialized = true;
  return PyStatus_Ok();
}

// Frees a list that was made before the allocators were chosen.
void clear_early(PyWideStringList* list) {
  PyMemAllocatorEx chosen;
  _PyMem_SetDefaultAllocator(PYMEM_DOMAIN_RAW, &chosen);
  _PyWideStringList_Clear(list);
  PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &chosen);
}

PyStatus decode_all(Py_ssize_t argc, char* const* argv, PyWideStringList* list) {
  for (Py_ssize_t i = 0; i < argc; ++i) {
    wchar_t* decoded = decode_argument(argv[i]);
    if (!decoded) return PyStatus_Error("cannot decode command line arguments");
    PyStatus status = PyWideStringList_Append(list, decoded);
    PyMem_RawFree(decoded);
    CHECK(status);
  }
  return PyStatus_Ok();
}

}  // namespace

PyStatus preinitialize_for(const PyConfig* config, const PyWideStringList* argv) {
  if (g_runtime.preinitialized) return PyStatus_Ok();
  PyPreConfig preconfig;
  switch (config->_config_init) {
    case 3: PyPreConfig_InitIsolatedConfig(&preconfig); break;
    case 2: PyPreConfig_InitPythonConfig(&preconfig); break;
    default: _PyPreConfig_InitCompatConfig(&preconfig);
  }
  if (config->isolated >= 0) preconfig.isolated = config->isolated;
  if (config->use_environment >= 0) preconfig.use_environment = config->use_environment;
  if (config->dev_mode >= 0) preconfig.dev_mode = config->dev_mode;
  preconfig.parse_argv = config->parse_argv;
  return preinitialize(&preconfig, config->parse_argv ? argv ? argv : &config->argv : nullptr);
}

PyStatus preinitialize_for_bytes(const PyConfig* config, Py_ssize_t argc, char* const* argv) {
  if (g_runtime.preinitialized) return PyStatus_Ok();
  PyWideStringList list = {};
  PyStatus status = decode_all(argc, argv, &list);
  if (!PyStatus_Exception(status)) status = preinitialize_for(config, &list);
  clear_early(&list);
  return status;
}

void warn_of_legacy_locale() {
  if (!g_runtime.preconfig.coerce_c_locale_warn || !_Py_LegacyLocaleDetected(1)) return;
  std::fprintf(stderr,
               "Python runtime initialized with LC_CTYPE=C (a locale with default ASCII encoding), which may cause Unicode compatibility problems. "
               "Using C.UTF-8, C.utf8, or UTF-8 (if available) as alternative Unicode-compatible locales is recommended.\n");
}

}  // namespace gill

using namespace gill;

extern "C" {

PyStatus Py_PreInitialize(const PyPreConfig* config) { return preinitialize(config, nullptr); }
PyStatus Py_PreInitializeFromArgs(const PyPreConfig* config, Py_ssize_t argc, wchar_t** argv) {
  PyWideStringList list = {argc, argv};
  return preinitialize(config, &list);
}
PyStatus Py_PreInitializeFromBytesArgs(const PyPreConfig* config, Py_ssize_t argc, char** argv) {
  PyWideStringList list = {};
  PyStatus status = decode_all(argc, argv, &list);
  if (!PyStatus_Exception(status)) status = preinitialize(config, &list);
  clear_early(&list);
  return status;
}

[[gnu::visibility("default")]] PyStatus _PyArgv_AsWstrList(const _PyArgv* args, PyWideStringList* list) {
  if (args->use_bytes_argv) {
    PyPreConfig config;
    _PyPreConfig_InitCompatConfig(&config);
    CHECK(preinitialize(&config, nullptr));
    return decode_all(args->argc, args->bytes_argv, list);
  }
  PyWideStringList given = {args->argc, const_cast<wchar_t**>(args->wchar_argv)};
  return _PyWideStringList_Copy(list, &given) < 0 ? PyStatus_NoMemory() : PyStatus_Ok();
}
[[gnu::visibility("default")]] PyStatus _Py_PreInitializeFromPyArgv(const PyPreConfig* config, const _PyArgv* args) {
  if (!args) return Py_PreInitialize(config);
  return args->use_bytes_argv ? Py_PreInitializeFromBytesArgs(config, args->argc, const_cast<char**>(args->bytes_argv))
                              : Py_PreInitializeFromArgs(config, args->argc, const_cast<wchar_t**>(args->wchar_argv));
}
[[gnu::visibility("default")]] PyStatus _Py_PreInitializeFromConfig(const PyConfig* config, const _PyArgv* args) {
  if (!args) return preinitialize_for(config, nullptr);
  if (args->use_bytes_argv) return preinitialize_for_bytes(config, args->argc, args->bytes_argv);
  PyWideStringList list = {args->argc, const_cast<wchar_t**>(args->wchar_argv)};
  return preinitialize_for(config, &list);
}

int _Py_LegacyLocaleDetected(int warn) {
  // For the warning only the name of the locale counts, not what POSIX is called here.
  (void)warn;
  const char* locale = std::setlocale(LC_CTYPE, nullptr);
  return locale && std::strcmp(locale, "C") == 0;
}
[[gnu::visibility("default")]] int _Py_IsLocaleCoercionTarget(const char* locale) {
  for (const char* target : kCoercionTargets) {
    if (std::strcmp(locale, target) == 0) return 1;
  }
  return 0;
}
int _Py_CoerceLegacyLocale(int warn) {
  const char* override = std::getenv("LC_ALL");
  if (override && *override) return 0;
  for (const char* target : kCoercionTargets) {
    if (!std::setlocale(LC_CTYPE, target)) continue;
    const char* codeset = nl_langinfo(CODESET);
    if (!codeset || !*codeset) continue;
    // For child processes and for libraries that ask the environment.
    if (setenv("LC_CTYPE", target, 1) != 0) {
      std::fprintf(stderr, "Error setting LC_CTYPE, skipping C locale coercion\n");
      return 0;
    }
    if (warn) {
      std::fprintf(stderr,
                   "Python detected LC_CTYPE=C: LC_CTYPE coerced to %.20s (set another locale or PYTHONCOERCECLOCALE=0 to disable this locale "
                   "coercion behavior).\n",
                   target);
    }
    return 1;
  }
  _Py_SetLocaleFromEnv(LC_CTYPE);
  return 0;
}
char* _Py_SetLocaleFromEnv(int category) { return std::setlocale(category, ""); }

}  // extern "C"
