// Configuration of the interpreter, as the files that read and apply it share it.
#pragma once

#include <Python.h>

#include <cstdio>

#include "base/result.h"

extern "C" {
int _PyWideStringList_Copy(PyWideStringList* to, const PyWideStringList* from);
void _PyWideStringList_Clear(PyWideStringList* list);
PyStatus _PyWideStringList_Extend(PyWideStringList* list, const PyWideStringList* more);
PyObject* _PyWideStringList_AsList(const PyWideStringList* list);
void _PyConfig_InitCompatConfig(PyConfig* config);
void _PyPreConfig_InitCompatConfig(PyPreConfig* config);
PyObject* _PyConfig_AsDict(const PyConfig* config);
extern int _Py_UnhandledKeyboardInterrupt;
}

namespace gill {

// Pre-initialization as the configuration wants it, unless it was done before; capi/preconfig.cpp.
PyStatus preinitialize_for(const PyConfig* config, const PyWideStringList* argv);
PyStatus preinitialize_for_bytes(const PyConfig* config, Py_ssize_t argc, char* const* argv);
void warn_of_legacy_locale();

// Command line and environment into the configuration; capi/config_read.cpp.
PyStatus read_command_line(PyConfig* config);
PyStatus read_environment(PyConfig* config);
// prefix, exec_prefix, module_search_paths, executable, ...; capi/path_config.cpp.
PyStatus compute_paths(PyConfig* config);
// On sys.stderr; capi/path_dump.cpp.
void dump_path_configuration(const PyConfig* config);

// A failure that names the step, as the published messages do.
PyStatus error_in(const char* function, const char* message);
// Encodings of the file system and of the standard streams; capi/config_text.cpp.
PyStatus read_encodings(PyConfig* config);

PyStatus copy_config(PyConfig* to, const PyConfig* from);

Status config_from_dict(PyConfig* config, PyObject* dict);

// Global flag variables (Py_VerboseFlag, ...) from the configuration, for those who still read them.
void publish_flags(const PyConfig* config);

// Py_FileSystemDefaultEncoding and its handler.
PyStatus publish_file_system_encoding(const PyConfig* config);

// A copy in raw memory, null when there is none.
wchar_t* duplicate(const wchar_t* text);
wchar_t* decode_argument(const char* text);

// The environment variable, unless it is empty or the environment is to be ignored.
const char* environment_variable(const PyConfig* config, const char* variable);

// `name` or `name=value` among the -X options; null when it is not there.
const wchar_t* find_xoption(const PyWideStringList& options, const wchar_t* option);

int print_usage(FILE* to, const PyConfig* config, bool error);
void print_help(const wchar_t* program);
void print_help_environment();
void print_help_xoptions();

}  // namespace gill
