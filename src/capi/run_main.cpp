// Py_RunMain and its relatives: what the command does once the runtime stands.
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>

#include "base/names.h"
#include "capi/config.h"
#include "capi/lifecycle.h"
#include "modules/gill/exit_report.h"

namespace gill {
namespace {

// 0, or the exit code of the exception that is set.
int exit_code_of_error() {
  if (PyErr_ExceptionMatches(PyExc_SystemExit)) return system_exit_code();
  PyErr_Print();
  return 1;
}

// sys.path[0] for what is run.
Status insert_path(PyObject* entry) {
  PyObject* path = PySys_GetObject("path");
  if (!path) return raise(PyExc_RuntimeError, "unable to get sys.path");
  return status_of(PyList_Insert(path, 0, entry));
}

// The directory of the script, links followed; the current one for -m; "" otherwise.
Ref<> first_path(const PyConfig* config) {
  if (config->run_module) {
    char directory[4096];
    return getcwd(directory, sizeof(directory)) ? steal(PyUnicode_DecodeFSDefault(directory)) : borrow(name<"">);
  }
  if (!config->run_filename) return borrow(name<"">);
  Ref<> script = TRY(steal(PyUnicode_FromWideChar(config->run_filename, -1)));
  Ref<> encoded = TRY(steal(PyUnicode_EncodeFSDefault(script.get())));
  char resolved[4096];
  const char* shown = realpath(PyBytes_AS_STRING(encoded.get()), resolved) ? resolved : PyBytes_AS_STRING(encoded.get());
  const char* slash = std::strrchr(shown, '/');
  return steal(PyUnicode_DecodeFSDefaultAndSize(shown, slash ? (slash == shown ? 1 : slash - shown) : 0));
}

int run_command(const wchar_t* command, PyCompilerFlags* flags) {
  Ref<> text = steal(PyUnicode_FromWideChar(command, -1));
  if (!text) return exit_code_of_error();
  if (PySys_Audit("cpython.run_command", "O", text.get()) < 0) return exit_code_of_error();
  const char* utf8 = PyUnicode_AsUTF8(text.get());
  if (!utf8) {
    std::fprintf(stderr, "Unable to decode the command from the command line:\n");
    return exit_code_of_error();
  }
  flags->cf_flags |= PyCF_IGNORE_COOKIE;
  return PyRun_SimpleStringFlags(utf8, flags) != 0;
}

int run_module(const wchar_t* module_name, bool set_argv0) {
  Ref<> text = steal(PyUnicode_FromWideChar(module_name, -1));
  if (!text || PySys_Audit("cpython.run_module", "O", text.get()) < 0) return exit_code_of_error();
  Ref<> runpy = steal(PyImport_ImportModule("runpy"));
  if (!runpy) {
    std::fprintf(stderr, "Could not import runpy module\n");
    return exit_code_of_error();
  }
  Ref<> run = steal(PyObject_GetAttrString(runpy.get(), "_run_module_as_main"));
  if (!run) {
    std::fprintf(stderr, "Could not access runpy._run_module_as_main\n");
    return exit_code_of_error();
  }
  Ref<> result = steal(PyObject_CallFunctionObjArgs(run.get(), text.get(), set_argv0 ? Py_True : Py_False, nullptr));
  note_end_of_run(result.get());
  return result ? 0 : exit_code_of_error();
}

int run_file(const PyConfig* config, PyCompilerFlags* flags) {
  Ref<> path = steal(PyUnicode_FromWideChar(config->run_filename, -1));
  if (!path || PySys_Audit("cpython.run_file", "O", path.get()) < 0) return exit_code_of_error();
  Ref<> encoded = steal(PyUnicode_EncodeFSDefault(path.get()));
  if (!encoded) return exit_code_of_error();
  const char* narrow = PyBytes_AS_STRING(encoded.get());
  FILE* file = std::fopen(narrow, "rbe");
  if (!file) {
    Ref<> shown = steal(PyObject_Repr(path.get()));
    Ref<> program = steal(PyUnicode_FromWideChar(config->program_name, -1));
    PySys_FormatStderr("%S: can't open file %S: [Errno %d] %s\n", program.get(), shown.get(), errno, std::strerror(errno));
    return 2;
  }
  if (config->skip_source_first_line) {
    int c;
    // Its line end stays, so that line numbers do not shift.
    while ((c = std::getc(file)) != EOF) {
      if (c == '\n') {
        std::ungetc(c, file);
        break;
      }
    }
  }
  struct stat info;
  if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
    PySys_FormatStderr("%R is a directory, cannot continue\n", path.get());
    std::fclose(file);
    return 1;
  }
  if (Py_MakePendingCalls() < 0) {
    std::fclose(file);
    return exit_code_of_error();
  }
  return PyRun_AnyFileExFlags(file, narrow, 1, flags) != 0;
}

int run_startup_file(PyCompilerFlags* flags) {
  const char* startup = environment_variable(_Py_GetConfig(), "PYTHONSTARTUP");
  if (!startup) return 0;
  if (PySys_Audit("cpython.run_startup", "s", startup) < 0) {
    PyErr_Print();
    return 0;
  }
  FILE* file = std::fopen(startup, "re");
  if (!file) {
    int reason = errno;
    PySys_WriteStderr("Could not open PYTHONSTARTUP\n");
    errno = reason;
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, startup);
    PyErr_Print();
    return 0;
  }
  PyRun_SimpleFileExFlags(file, startup, 1, flags);
  PyErr_Clear();
  return 0;
}

void run_interactive_hook() {
  Ref<> hook = borrow(PySys_GetObject("__interactivehook__"));
  if (!hook) return;
  if (PySys_Audit("cpython.run_interactivehook", "O", hook.get()) < 0) return PyErr_Print();
  Ref<> result = steal(PyObject_CallNoArgs(hook.get()));
  if (result) return;
  PySys_WriteStderr("Failed calling sys.__interactivehook__\n");
  PyErr_Print();
}

bool stdin_is_interactive(const PyConfig* config) { return isatty(fileno(stdin)) || config->interactive; }

int run_stdin(PyConfig* config, PyCompilerFlags* flags) {
  if (stdin_is_interactive(config)) {
    config->inspect = 0;
    Py_InspectFlag = 0;
    run_startup_file(flags);
    run_interactive_hook();
  }
  if (PySys_Audit("cpython.run_stdin", nullptr) < 0) return exit_code_of_error();
  return PyRun_AnyFileExFlags(stdin, "<stdin>", 0, flags) != 0;
}

void print_banner(const PyConfig* config) {
  if (config->quiet || !(config->verbose || (!config->run_command && !config->run_module && !config->run_filename && stdin_is_interactive(config)))) return;
  std::fprintf(stderr, "Python %s on %s\n", Py_GetVersion(), Py_GetPlatform());
  if (config->site_import) std::fprintf(stderr, "Type \"help\", \"copyright\", \"credits\" or \"license\" for more information.\n");
}

// Editing and completion of lines, where somebody will type some.
void import_line_editor(const PyConfig* config) {
  bool runs_code = config->run_command || config->run_module || config->run_filename;
  if (config->isolated || (!config->inspect && runs_code) || !isatty(fileno(stdin))) return;
  for (const char* module_name : {"readline", "rlcompleter"}) {
    Ref<> module = steal(PyImport_ImportModule(module_name));
    if (!module) PyErr_Clear();
  }
}

int run_main() {
  auto* config = const_cast<PyConfig*>(_Py_GetConfig());
  PyCompilerFlags flags = {.cf_flags = 0, .cf_feature_version = PY_MINOR_VERSION};
  // A directory or zip file that has a __main__.
  Ref<> importer;
  if (config->run_filename) {
    Ref<> path = steal(PyUnicode_FromWideChar(config->run_filename, -1));
    if (!path) return exit_code_of_error();
    importer = steal(PyImport_GetImporter(path.get()));
    if (!importer) return exit_code_of_error();
    if (importer.get() == Py_None) importer.reset();
    if (importer && insert_path(path.get()) == Status::error) return exit_code_of_error();
  }
  if (!importer && !config->safe_path) {
    Ref<> first = first_path(config);
    if (!first || insert_path(first.get()) == Status::error) return exit_code_of_error();
  }
  print_banner(config);
  import_line_editor(config);
  int code;
  if (config->run_command) code = run_command(config->run_command, &flags);
  else if (config->run_module) code = run_module(config->run_module, true);
  else if (importer) code = run_module(L"__main__", false);
  else if (config->run_filename) code = run_file(config, &flags);
  else code = run_stdin(config, &flags);

  // -i, or PYTHONINSPECT set meanwhile: what was run stays for inspection.
  const char* inspect = environment_variable(config, "PYTHONINSPECT");
  bool stay = (config->inspect || inspect) && stdin_is_interactive(config) && (config->run_command || config->run_filename || config->run_module);
  if (stay) {
    config->inspect = 0;
    Py_InspectFlag = 0;
    run_interactive_hook();
    code = PyRun_AnyFileFlags(stdin, "<stdin>", &flags) != 0;
  }
  return code;
}

int start_and_run(PyConfig* config, PyStatus status) {
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(config);
  PyConfig_Clear(config);
  if (PyStatus_Exception(status)) Py_ExitStatusException(status);
  return Py_RunMain();
}

}  // namespace

void note_end_of_run(PyObject* result) { _Py_UnhandledKeyboardInterrupt = !result && PyErr_Occurred() == PyExc_KeyboardInterrupt; }

int system_exit_code() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  // Not made an instance: of a tuple given to sys.exit() the code is the tuple, not its items.
  Ref<> own_type = steal(type), own_value = steal(value), own_traceback = steal(traceback);
  std::fflush(stdout);
  Ref<> code = own_value.new_ref();
  if (code && PyExceptionInstance_Check(code.get())) {
    Ref<> attribute = steal(PyObject_GetAttr(code.get(), name<"code">));
    if (attribute) code = std::move(attribute);
    else PyErr_Clear();
  }
  if (!code || code.get() == Py_None) return 0;
  if (PyLong_Check(code.get())) {
    long number = PyLong_AsLong(code.get());
    PyErr_Clear();
    return static_cast<int>(number);
  }
  Ref<> err = borrow(PySys_GetObject("stderr"));
  // A message for the user, where its encoding permits.
  if (err && err.get() != Py_None) PyFile_WriteObject(code.get(), err.get(), Py_PRINT_RAW);
  else {
    PyObject_Print(code.get(), stderr, Py_PRINT_RAW);
    std::fflush(stderr);
  }
  PyErr_Clear();
  PySys_WriteStderr("\n");
  return 1;
}

}  // namespace gill

using namespace gill;

extern "C" {

int Py_RunMain(void) {
  int code = run_main();
  note_exit_code(code);
  bool interrupted = _Py_UnhandledKeyboardInterrupt != 0;
  if (Py_FinalizeEx() < 0) code = 120;
  if (interrupted) {
    // The shell is told that a signal ended us.
    std::signal(SIGINT, SIG_DFL);
    kill(getpid(), SIGINT);
    code = SIGINT + 128;
  }
  return code;
}

int Py_Main(int argc, wchar_t** argv) {
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  return start_and_run(&config, PyConfig_SetArgv(&config, argc, argv));
}
int Py_BytesMain(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "");
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  return start_and_run(&config, PyConfig_SetBytesArgv(&config, argc, argv));
}

}  // extern "C"
