// PyStatus, PyWideStringList, PyPreConfig and PyConfig as containers: defaults, setting, copying, clearing.
// One table lists the fields of PyConfig. Reading command line and environment is in config_read.cpp.
#include "capi/config.h"

#include <clocale>
#include <cstddef>
#include <cstring>
#include <cwchar>

#include "base/names.h"
#include "base/result.h"

namespace gill {

enum class Field { integer, unsigned_long, text, list };
struct ConfigField {
  const char* name;
  Field kind;
  size_t offset;
};
#define INT(f) {#f, Field::integer, offsetof(PyConfig, f)}
#define TEXT(f) {#f, Field::text, offsetof(PyConfig, f)}
#define LIST(f) {#f, Field::list, offsetof(PyConfig, f)}
static constexpr ConfigField kFields[] = {
    INT(_config_init), INT(isolated), INT(use_environment), INT(dev_mode), INT(install_signal_handlers), INT(use_hash_seed),
    {"hash_seed", Field::unsigned_long, offsetof(PyConfig, hash_seed)},
    INT(faulthandler), INT(tracemalloc), INT(import_time), INT(code_debug_ranges), INT(show_ref_count), INT(dump_refs), TEXT(dump_refs_file),
    INT(malloc_stats), TEXT(filesystem_encoding), TEXT(filesystem_errors), TEXT(pycache_prefix), INT(parse_argv), LIST(orig_argv), LIST(argv),
    LIST(xoptions), LIST(warnoptions), INT(site_import), INT(bytes_warning), INT(warn_default_encoding), INT(inspect), INT(interactive),
    INT(optimization_level), INT(parser_debug), INT(write_bytecode), INT(verbose), INT(quiet), INT(user_site_directory), INT(configure_c_stdio),
    INT(buffered_stdio), TEXT(stdio_encoding), TEXT(stdio_errors), TEXT(check_hash_pycs_mode), INT(use_frozen_modules), INT(safe_path),
    INT(pathconfig_warnings), TEXT(program_name), TEXT(pythonpath_env), TEXT(home), TEXT(platlibdir), INT(module_search_paths_set),
    LIST(module_search_paths), TEXT(stdlib_dir), TEXT(executable), TEXT(base_executable), TEXT(prefix), TEXT(base_prefix), TEXT(exec_prefix),
    TEXT(base_exec_prefix), INT(skip_source_first_line), TEXT(run_command), TEXT(run_module), TEXT(run_filename), INT(_install_importlib),
    INT(_init_main), INT(_isolated_interpreter), INT(_is_python_build),
};
#undef INT
#undef TEXT
#undef LIST

template <class T>
static T& field_of(PyConfig* config, const ConfigField& field) { return *reinterpret_cast<T*>(reinterpret_cast<char*>(config) + field.offset); }
template <class T>
static const T& field_of(const PyConfig* config, const ConfigField& field) {
  return *reinterpret_cast<const T*>(reinterpret_cast<const char*>(config) + field.offset);
}

wchar_t* duplicate(const wchar_t* text) {
  if (!text) return nullptr;
  size_t size = (std::wcslen(text) + 1) * sizeof(wchar_t);
  auto* copy = static_cast<wchar_t*>(PyMem_RawMalloc(size));
  if (copy) std::memcpy(copy, text, size);
  return copy;
}

wchar_t* decode_argument(const char* text) { return Py_DecodeLocale(text, nullptr); }

}  // namespace gill

using namespace gill;

extern "C" {

// ---- PyStatus -------------------------------------------------------------------------------------

PyStatus PyStatus_Ok(void) { return {PyStatus::_PyStatus_TYPE_OK, nullptr, nullptr, 0}; }
PyStatus PyStatus_Error(const char* message) { return {PyStatus::_PyStatus_TYPE_ERROR, nullptr, message, 0}; }
}
namespace gill {
PyStatus error_in(const char* function, const char* message) { return {PyStatus::_PyStatus_TYPE_ERROR, function, message, 0}; }
}
extern "C" {
PyStatus PyStatus_NoMemory(void) { return PyStatus_Error("memory allocation failed"); }
PyStatus PyStatus_Exit(int code) { return {PyStatus::_PyStatus_TYPE_EXIT, nullptr, nullptr, code}; }
int PyStatus_IsError(PyStatus status) { return status._type == PyStatus::_PyStatus_TYPE_ERROR; }
int PyStatus_IsExit(PyStatus status) { return status._type == PyStatus::_PyStatus_TYPE_EXIT; }
int PyStatus_Exception(PyStatus status) { return status._type != PyStatus::_PyStatus_TYPE_OK; }

// ---- PyWideStringList -----------------------------------------------------------------------------

[[gnu::visibility("default")]] void _PyWideStringList_Clear(PyWideStringList* list) {
  for (Py_ssize_t i = 0; i < list->length; ++i) PyMem_RawFree(list->items[i]);
  PyMem_RawFree(list->items);
  *list = {};
}
PyStatus PyWideStringList_Insert(PyWideStringList* list, Py_ssize_t index, const wchar_t* item) {
  if (index < 0) return PyStatus_Error("PyWideStringList_Insert index must be >= 0");
  if (index > list->length) index = list->length;
  wchar_t* copy = duplicate(item);
  auto* items = static_cast<wchar_t**>(PyMem_RawRealloc(list->items, static_cast<size_t>(list->length + 1) * sizeof(wchar_t*)));
  if (!copy || !items) {
    PyMem_RawFree(copy);
    return PyStatus_NoMemory();
  }
  std::memmove(items + index + 1, items + index, static_cast<size_t>(list->length - index) * sizeof(wchar_t*));
  items[index] = copy;
  list->items = items;
  ++list->length;
  return PyStatus_Ok();
}
PyStatus PyWideStringList_Append(PyWideStringList* list, const wchar_t* item) { return PyWideStringList_Insert(list, list->length, item); }
[[gnu::visibility("default")]] PyStatus _PyWideStringList_Extend(PyWideStringList* list, const PyWideStringList* more) {
  for (Py_ssize_t i = 0; i < more->length; ++i) {
    PyStatus status = PyWideStringList_Append(list, more->items[i]);
    if (PyStatus_Exception(status)) return status;
  }
  return PyStatus_Ok();
}
[[gnu::visibility("default")]] int _PyWideStringList_Copy(PyWideStringList* to, const PyWideStringList* from) {
  PyWideStringList copy = {};
  if (PyStatus_Exception(_PyWideStringList_Extend(&copy, from))) {
    _PyWideStringList_Clear(&copy);
    return -1;
  }
  _PyWideStringList_Clear(to);
  *to = copy;
  return 0;
}
[[gnu::visibility("default")]] PyObject* _PyWideStringList_AsList(const PyWideStringList* list) {
  Ref<> result = TRY(steal(PyList_New(list->length)));
  for (Py_ssize_t i = 0; i < list->length; ++i) {
    Ref<> item = TRY(steal(PyUnicode_FromWideChar(list->items[i], -1)));
    PyList_SET_ITEM(result.get(), i, item.release());
  }
  return result.release();
}

// ---- PyPreConfig ----------------------------------------------------------------------------------

[[gnu::visibility("default")]] void _PyPreConfig_InitCompatConfig(PyPreConfig* config) {
  *config = {};
  config->_config_init = 1;
  config->parse_argv = 0;
  config->isolated = -1;
  config->use_environment = -1;
  config->configure_locale = 1;
  config->utf8_mode = -1;
  config->dev_mode = -1;
  config->allocator = PYMEM_ALLOCATOR_NOT_SET;
}
void PyPreConfig_InitPythonConfig(PyPreConfig* config) {
  _PyPreConfig_InitCompatConfig(config);
  config->_config_init = 2;
  config->isolated = 0;
  config->parse_argv = 1;
  config->use_environment = 1;
  config->coerce_c_locale = -1;
  config->coerce_c_locale_warn = -1;
}
void PyPreConfig_InitIsolatedConfig(PyPreConfig* config) {
  _PyPreConfig_InitCompatConfig(config);
  config->_config_init = 3;
  config->configure_locale = 0;
  config->isolated = 1;
  config->use_environment = 0;
  config->utf8_mode = 0;
  config->dev_mode = 0;
}

// ---- PyConfig -------------------------------------------------------------------------------------

[[gnu::visibility("default")]] void _PyConfig_InitCompatConfig(PyConfig* config) {
  *config = {};
  config->_config_init = 1;
  config->isolated = -1;
  config->use_environment = -1;
  config->dev_mode = -1;
  config->install_signal_handlers = 1;
  config->use_hash_seed = -1;
  config->faulthandler = -1;
  config->tracemalloc = -1;
  config->code_debug_ranges = 1;
  config->site_import = -1;
  config->bytes_warning = -1;
  config->inspect = -1;
  config->interactive = -1;
  config->optimization_level = -1;
  config->parser_debug = -1;
  config->write_bytecode = -1;
  config->verbose = -1;
  config->quiet = -1;
  config->user_site_directory = -1;
  config->buffered_stdio = -1;
  config->pathconfig_warnings = -1;
  config->module_search_paths_set = 0;
  config->_install_importlib = 1;
  config->_init_main = 1;
  config->use_frozen_modules = -1;
}
static void init_defaults(PyConfig* config) {
  _PyConfig_InitCompatConfig(config);
  config->isolated = 0;
  config->use_environment = 1;
  config->site_import = 1;
  config->bytes_warning = 0;
  config->inspect = 0;
  config->interactive = 0;
  config->optimization_level = 0;
  config->parser_debug = 0;
  config->write_bytecode = 1;
  config->verbose = 0;
  config->quiet = 0;
  config->user_site_directory = 1;
  config->buffered_stdio = 1;
  config->pathconfig_warnings = 1;
}
void PyConfig_InitPythonConfig(PyConfig* config) {
  init_defaults(config);
  config->_config_init = 2;
  config->configure_c_stdio = 1;
  config->parse_argv = 1;
}
void PyConfig_InitIsolatedConfig(PyConfig* config) {
  init_defaults(config);
  config->_config_init = 3;
  config->isolated = 1;
  config->use_environment = 0;
  config->user_site_directory = 0;
  config->dev_mode = 0;
  config->install_signal_handlers = 0;
  config->use_hash_seed = 0;
  config->faulthandler = 0;
  config->tracemalloc = 0;
  config->pathconfig_warnings = 0;
  config->safe_path = 1;
}

void PyConfig_Clear(PyConfig* config) {
  for (const ConfigField& field : kFields) {
    if (field.kind == Field::text) {
      PyMem_RawFree(field_of<wchar_t*>(config, field));
      field_of<wchar_t*>(config, field) = nullptr;
    } else if (field.kind == Field::list) {
      _PyWideStringList_Clear(&field_of<PyWideStringList>(config, field));
    }
  }
}

PyStatus PyConfig_SetString(PyConfig* config, wchar_t** field, const wchar_t* text) {
  if (PyStatus status = preinitialize_for(config, nullptr); PyStatus_Exception(status)) return status;
  wchar_t* copy = duplicate(text);
  if (text && !copy) return PyStatus_NoMemory();
  PyMem_RawFree(*field);
  *field = copy;
  return PyStatus_Ok();
}
PyStatus PyConfig_SetBytesString(PyConfig* config, wchar_t** field, const char* text) {
  if (PyStatus status = preinitialize_for(config, nullptr); PyStatus_Exception(status)) return status;
  wchar_t* decoded = text ? decode_argument(text) : nullptr;
  if (text && !decoded) return PyStatus_Error("cannot decode string");
  PyMem_RawFree(*field);
  *field = decoded;
  return PyStatus_Ok();
}
PyStatus PyConfig_SetWideStringList(PyConfig* config, PyWideStringList* list, Py_ssize_t length, wchar_t** items) {
  if (PyStatus status = preinitialize_for(config, nullptr); PyStatus_Exception(status)) return status;
  PyWideStringList given = {length, items};
  return _PyWideStringList_Copy(list, &given) < 0 ? PyStatus_NoMemory() : PyStatus_Ok();
}
PyStatus PyConfig_SetArgv(PyConfig* config, Py_ssize_t argc, wchar_t* const* argv) {
  PyWideStringList given = {argc, const_cast<wchar_t**>(argv)};
  if (PyStatus status = preinitialize_for(config, &given); PyStatus_Exception(status)) return status;
  return PyConfig_SetWideStringList(config, &config->argv, argc, const_cast<wchar_t**>(argv));
}
PyStatus PyConfig_SetBytesArgv(PyConfig* config, Py_ssize_t argc, char* const* argv) {
  PyWideStringList list = {};
  PyStatus status = preinitialize_for_bytes(config, argc, argv);
  for (Py_ssize_t i = 0; i < argc && !PyStatus_Exception(status); ++i) {
    wchar_t* decoded = decode_argument(argv[i]);
    status = decoded ? PyWideStringList_Append(&list, decoded) : PyStatus_Error("cannot decode argument");
    PyMem_RawFree(decoded);
  }
  if (!PyStatus_Exception(status)) {
    _PyWideStringList_Clear(&config->argv);
    config->argv = list;
  }
  return status;
}

[[gnu::visibility("default")]] PyObject* _PyConfig_AsDict(const PyConfig* config) {
  Ref<> dict = TRY(steal(PyDict_New()));
  for (const ConfigField& field : kFields) {
    Ref<> value;
    switch (field.kind) {
      case Field::integer: value = steal(PyLong_FromLong(field_of<int>(config, field))); break;
      case Field::unsigned_long: value = steal(PyLong_FromUnsignedLong(field_of<unsigned long>(config, field))); break;
      case Field::text: {
        const wchar_t* text = field_of<wchar_t*>(config, field);
        value = text ? steal(PyUnicode_FromWideChar(text, -1)) : none();
        break;
      }
      case Field::list: value = steal(_PyWideStringList_AsList(&field_of<PyWideStringList>(config, field))); break;
    }
    if (!value) return nullptr;
    TRY(status_of(PyDict_SetItemString(dict.get(), field.name, value.get())));
  }
  return dict.release();
}

}  // extern "C"

namespace gill {

// ---- from a dict -------------------------------------------------------------------------------------

static constexpr const char* kRequiredTexts[] = {"filesystem_encoding", "filesystem_errors", "stdio_encoding",   "stdio_errors",
                                                 "check_hash_pycs_mode", "program_name",   "platlibdir"};

static Status set_list(PyWideStringList* list, const char* field_name, PyObject* value) {
  if (!PyList_CheckExact(value) && !PyTuple_CheckExact(value)) return raise(PyExc_TypeError, "invalid config type: %s", field_name);
  PyWideStringList items = {};
  Status status = Status::ok;
  for (Py_ssize_t i = 0; status == Status::ok && i < PySequence_Fast_GET_SIZE(value); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(value, i);
    if (item == Py_None || !PyUnicode_CheckExact(item)) {
      status = item == Py_None ? raise(PyExc_ValueError, "invalid config value: %s", field_name) : raise(PyExc_TypeError, "invalid config type: %s", field_name);
      break;
    }
    wchar_t* wide = PyUnicode_AsWideCharString(item, nullptr);
    if (!wide || PyStatus_Exception(PyWideStringList_Append(&items, wide))) status = wide ? (PyErr_NoMemory(), Status::error) : Status::error;
    PyMem_Free(wide);
  }
  if (status == Status::error) {
    _PyWideStringList_Clear(&items);
    return status;
  }
  _PyWideStringList_Clear(list);
  *list = items;
  return status;
}

static Status set_field_from(PyConfig* config, const ConfigField& field, PyObject* value) {
  switch (field.kind) {
    case Field::integer: {
      if (!PyLong_CheckExact(value)) return raise(PyExc_TypeError, "invalid config type: %s", field.name);
      int number = _PyLong_AsInt(value);
      if (number < 0) {
        if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_OverflowError)) return failure;
        return raise(PyExc_ValueError, "invalid config value: %s", field.name);
      }
      if (field.offset == offsetof(PyConfig, _config_init) && (number < 1 || number > 3)) return raise(PyExc_ValueError, "invalid config value: %s", field.name);
      field_of<int>(config, field) = number;
      return Status::ok;
    }
    case Field::unsigned_long: {
      if (!PyLong_CheckExact(value)) return raise(PyExc_TypeError, "invalid config type: %s", field.name);
      unsigned long number = PyLong_AsUnsignedLong(value);
      bool wrong = number == static_cast<unsigned long>(-1) && PyErr_Occurred();
      if (wrong || number > 4294967295UL) return raise(PyExc_ValueError, "invalid config value: %s", field.name);
      field_of<unsigned long>(config, field) = number;
      return Status::ok;
    }
    case Field::text: {
      wchar_t*& place = field_of<wchar_t*>(config, field);
      if (value == Py_None) {
        for (const char* required : kRequiredTexts) {
          if (std::strcmp(field.name, required) == 0) return raise(PyExc_ValueError, "invalid config value: %s", field.name);
        }
        PyMem_RawFree(place);
        place = nullptr;
        return Status::ok;
      }
      if (!PyUnicode_Check(value)) return raise(PyExc_TypeError, "invalid config type: %s", field.name);
      wchar_t* wide = TRY(PyUnicode_AsWideCharString(value, nullptr));
      wchar_t* copy = duplicate(wide);
      PyMem_Free(wide);
      if (!copy) return PyErr_NoMemory(), Status::error;
      PyMem_RawFree(place);
      place = copy;
      return Status::ok;
    }
    case Field::list: return set_list(&field_of<PyWideStringList>(config, field), field.name, value);
  }
  return Status::ok;
}

Status config_from_dict(PyConfig* config, PyObject* dict) {
  if (!PyDict_Check(dict)) return raise(PyExc_TypeError, "dict expected");
  for (const ConfigField& field : kFields) {
    PyObject* value = PyDict_GetItemString(dict, field.name);
    if (!value) return raise(PyExc_ValueError, "missing config key: %s", field.name);
    TRY(set_field_from(config, field, value));
  }
  return Status::ok;
}

PyStatus copy_config(PyConfig* to, const PyConfig* from) {
  PyConfig_Clear(to);
  for (const ConfigField& field : kFields) {
    switch (field.kind) {
      case Field::integer: field_of<int>(to, field) = field_of<int>(from, field); break;
      case Field::unsigned_long: field_of<unsigned long>(to, field) = field_of<unsigned long>(from, field); break;
      case Field::text: {
        PyStatus status = PyConfig_SetString(to, &field_of<wchar_t*>(to, field), field_of<wchar_t*>(from, field));
        if (PyStatus_Exception(status)) return status;
        break;
      }
      case Field::list:
        if (_PyWideStringList_Copy(&field_of<PyWideStringList>(to, field), &field_of<PyWideStringList>(from, field)) < 0) return PyStatus_NoMemory();
        break;
    }
  }
  return PyStatus_Ok();
}

}  // namespace gill
