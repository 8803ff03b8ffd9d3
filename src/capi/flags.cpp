// The process-wide flag variables of the old configuration interface (cpython/pydebug.h), and texts about the build.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "capi/config.h"

extern "C" {

int Py_DebugFlag = 0;
int Py_VerboseFlag = 0;
int Py_QuietFlag = 0;
int Py_InteractiveFlag = 0;
int Py_InspectFlag = 0;
int Py_OptimizeFlag = 0;
int Py_NoSiteFlag = 0;
int Py_BytesWarningFlag = 0;
int Py_FrozenFlag = 0;
int Py_IgnoreEnvironmentFlag = 0;
int Py_DontWriteBytecodeFlag = 0;
int Py_NoUserSiteDirectory = 0;
int Py_UnbufferedStdioFlag = 0;
int Py_HashRandomizationFlag = 0;
int Py_IsolatedFlag = 0;
int Py_UTF8Mode = 0;
char* _Py_EncodeLocaleRaw(const wchar_t* text, size_t* error_position);
extern int _Py_UnhandledKeyboardInterrupt, _Py_HasFileSystemDefaultEncodeErrors;
[[gnu::visibility("default")]] int _Py_UnhandledKeyboardInterrupt = 0;
const char* Py_FileSystemDefaultEncoding = "utf-8";
int Py_HasFileSystemDefaultEncoding = 1;
const char* Py_FileSystemDefaultEncodeErrors = "surrogateescape";
[[gnu::visibility("default")]] int _Py_HasFileSystemDefaultEncodeErrors = 1;
const unsigned long Py_Version = PY_VERSION_HEX;

char* Py_GETENV(const char* variable) { return Py_IgnoreEnvironmentFlag ? nullptr : std::getenv(variable); }

const char* Py_GetVersion(void) { return PY_VERSION " (Gill 0.1.0) [Clang " __clang_version__ "]"; }
const char* Py_GetBuildInfo(void) { return "Gill 0.1.0"; }
const char* Py_GetCompiler(void) { return "[Clang " __clang_version__ "]"; }
const char* Py_GetPlatform(void) { return "linux"; }
const char* Py_GetCopyright(void) {
  return "Copyright (c) 2001-2023 Python Software Foundation.\nAll Rights Reserved.\n\nCopyright (c) 2000 BeOpen.com.\nAll Rights Reserved.\n\n"
         "Copyright (c) 1995-2001 Corporation for National Research Initiatives.\nAll Rights Reserved.\n\n"
         "Copyright (c) 1991-1995 Stichting Mathematisch Centrum, Amsterdam.\nAll Rights Reserved.";
}
const char* _Py_gitidentifier(void) { return ""; }
const char* _Py_gitversion(void) { return ""; }

}  // extern "C"

namespace gill {

PyStatus publish_file_system_encoding(const PyConfig* config) {
  char* encoding = _Py_EncodeLocaleRaw(config->filesystem_encoding, nullptr);
  char* errors = _Py_EncodeLocaleRaw(config->filesystem_errors, nullptr);
  if (!encoding || !errors) return PyStatus_NoMemory();
  // Kept for the life of the process: whoever reads the variables may keep the pointer.
  if (std::strcmp(encoding, Py_FileSystemDefaultEncoding) != 0) Py_FileSystemDefaultEncoding = encoding;
  else PyMem_RawFree(encoding);
  if (std::strcmp(errors, Py_FileSystemDefaultEncodeErrors) != 0) Py_FileSystemDefaultEncodeErrors = errors;
  else PyMem_RawFree(errors);
  return PyStatus_Ok();
}

void publish_flags(const PyConfig* config) {
  Py_DebugFlag = config->parser_debug;
  Py_VerboseFlag = config->verbose;
  Py_QuietFlag = config->quiet;
  Py_InteractiveFlag = config->interactive;
  Py_InspectFlag = config->inspect;
  Py_OptimizeFlag = config->optimization_level;
  Py_NoSiteFlag = !config->site_import;
  Py_BytesWarningFlag = config->bytes_warning;
  Py_IgnoreEnvironmentFlag = !config->use_environment;
  Py_DontWriteBytecodeFlag = !config->write_bytecode;
  Py_NoUserSiteDirectory = !config->user_site_directory;
  Py_UnbufferedStdioFlag = !config->buffered_stdio;
  Py_HashRandomizationFlag = config->use_hash_seed == 0 || config->hash_seed != 0;
  Py_IsolatedFlag = config->isolated;
}

}  // namespace gill
