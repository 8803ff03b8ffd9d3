// The report at the end of the process. An end in order is described by the package gill; a fatal signal by fatal_report.cpp, without
// Python. A forked child writes a report of its own, at whatever end.
#include "modules/gill/exit_report.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <new>

#include "base/keep_error.h"
#include "base/names.h"
#include "modules/gill/fatal_report.h"
#include "runtime/runtime.h"

extern "C" const wchar_t* _Py_get_xoption(const PyWideStringList* options, const wchar_t* option);

namespace gill {
namespace {

inline constexpr size_t kMostPath = 4096;

// The file in which the report goes; null: standard error. A relative name is meant where the program began.
Status set_target(ExitReport* report, const wchar_t* option) {
  const wchar_t* given = std::wcschr(option, L'=');
  if (!given || !given[1]) return Status::ok;
  char* encoded = Py_EncodeLocale(given + 1, nullptr);
  if (!encoded) return raise(PyExc_ValueError, "the name of the report's file cannot be encoded");
  char folder[kMostPath] = "";
  if (encoded[0] != '/' && !getcwd(folder, sizeof(folder))) folder[0] = 0;
  if (std::strlen(folder) + std::strlen(encoded) + 2 <= sizeof(report->path)) {
    std::strcpy(report->path, folder);
    if (folder[0]) std::strcat(report->path, "/");
    std::strcat(report->path, encoded);
  }
  PyMem_Free(encoded);
  return report->path[0] ? Status::ok : raise(PyExc_ValueError, "the name of the report's file is too long");
}

Ref<> end_text(const ExitReport* report) {
  if (report->exit_code < 0) return steal(PyUnicode_FromString("ended"));
  return steal(PyUnicode_FromFormat("exit code %d", report->exit_code));
}

Status write(const ExitReport* report) {
  Ref<> write_function = TRY(steal(_PyImport_GetModuleAttrString("gill._report", "write")));
  Ref<> target = TRY(report->path[0] ? steal(PyUnicode_DecodeFSDefault(report->path)) : py_bool(true));
  Ref<> ended = TRY(end_text(report));
  Ref<> child = py_bool(getpid() != report->pid);
  Ref<> result = TRY(steal(PyObject_CallFunctionObjArgs(write_function.get(), target.get(), ended.get(), child.get(), nullptr)));
  return Status::ok;
}

}  // namespace

Status prepare_exit_report(const PyConfig* config) {
  const wchar_t* option = _Py_get_xoption(&config->xoptions, L"report");
  if (!option) return Status::ok;
  void* memory = std::calloc(1, sizeof(ExitReport));
  if (!memory) return PyErr_NoMemory(), failure;
  auto* report = new (memory) ExitReport();
  report->pid = getpid();
  TRY(set_target(report, option));
  g_runtime.exit_report = report;
  handle_fatal_signals(report);
  return Status::ok;
}

void note_exit_code(int code) {
  if (ExitReport* report = g_runtime.exit_report) report->exit_code = code;
}

void write_exit_report() {
  ExitReport* report = g_runtime.exit_report;
  if (!report || report->written_by == getpid() || !current_thread()) return;
  report->written_by = getpid();
  KeepError keep;
  if (write(report) == Status::ok) return;
  PySys_WriteStderr("gill: the report could not be written:\n");
  PyErr_PrintEx(0);
}

}  // namespace gill
