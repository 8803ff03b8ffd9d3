// Encodings of the configuration: of file names, and of the standard streams.
#include <clocale>
#include <cstring>
#include <cwchar>

#include "capi/config.h"
#include "runtime/runtime.h"

extern "C" {
wchar_t* _Py_GetLocaleEncoding(void);
int _Py_IsLocaleCoercionTarget(const char*);
}

namespace gill {
namespace {

#define CHECK(...)                                                   \
  do {                                                               \
    if (PyStatus s = (__VA_ARGS__); PyStatus_Exception(s)) return s; \
  } while (0)

PyStatus locale_encoding(wchar_t** field) {
  *field = Py_UTF8Mode ? duplicate(L"utf-8") : _Py_GetLocaleEncoding();
  return *field ? PyStatus_Ok() : PyStatus_NoMemory();
}

PyStatus read_file_system_encoding(PyConfig* config) {
  if (!config->filesystem_encoding) {
    if (g_runtime.text_coding == Runtime::TextCoding::utf8) config->filesystem_encoding = duplicate(L"utf-8");
    else CHECK(locale_encoding(&config->filesystem_encoding));
  }
  if (!config->filesystem_errors) config->filesystem_errors = duplicate(L"surrogateescape");
  return config->filesystem_encoding && config->filesystem_errors ? PyStatus_Ok() : PyStatus_NoMemory();
}

// PYTHONIOENCODING=encoding[:errors]
PyStatus read_io_variable(PyConfig* config) {
  const char* text = environment_variable(config, "PYTHONIOENCODING");
  wchar_t* decoded = text ? decode_argument(text) : nullptr;
  if (!decoded) return text ? PyStatus_NoMemory() : PyStatus_Ok();
  wchar_t* colon = std::wcschr(decoded, L':');
  if (colon) *colon = 0;
  if (*decoded && !config->stdio_encoding) config->stdio_encoding = duplicate(decoded);
  // An encoding alone asks for strictness.
  const wchar_t* errors = colon && colon[1] ? colon + 1 : *decoded ? L"strict" : nullptr;
  if (errors && !config->stdio_errors) config->stdio_errors = duplicate(errors);
  PyMem_RawFree(decoded);
  return PyStatus_Ok();
}

// Where the locale says little about encodings, what is read can be written again unchanged.
const wchar_t* default_stdio_errors() {
  if (Py_UTF8Mode) return L"surrogateescape";
  const char* locale = std::setlocale(LC_CTYPE, nullptr);
  if (!locale) return L"strict";
  if (std::strcmp(locale, "C") == 0 || std::strcmp(locale, "POSIX") == 0 || _Py_IsLocaleCoercionTarget(locale)) return L"surrogateescape";
  return L"strict";
}

}  // namespace

PyStatus read_encodings(PyConfig* config) {
  CHECK(read_file_system_encoding(config));
  if (g_runtime.given_stdio_encoding && !config->stdio_encoding) {
    CHECK(PyConfig_SetBytesString(config, &config->stdio_encoding, g_runtime.given_stdio_encoding));
  }
  if (g_runtime.given_stdio_errors && !config->stdio_errors) {
    CHECK(PyConfig_SetBytesString(config, &config->stdio_errors, g_runtime.given_stdio_errors));
  }
  CHECK(read_io_variable(config));
  if (!config->stdio_encoding) CHECK(locale_encoding(&config->stdio_encoding));
  if (!config->stdio_errors) CHECK(PyConfig_SetString(config, &config->stdio_errors, default_stdio_errors()));
  return PyStatus_Ok();
}

}  // namespace gill
