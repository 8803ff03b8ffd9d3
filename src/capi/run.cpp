// PyRun_*: running source text, files and the interactive loop.
#include <cstdio>
#include <cstring>
#include <unistd.h>

#include <cstdlib>

#include "base/binding.h"
#include "base/names.h"
#include "capi/config.h"
#include "capi/lifecycle.h"
#include "compiler/compile.h"
#include "runtime/interpreter.h"
#include "syntax/ast_nodes.h"
#include "syntax/parse.h"

namespace gill {
namespace {

// Between runs: what fails now fails again at the end, where it is reported.
void flush_both() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  for (const char* stream_name : {"stderr", "stdout"}) {
    Ref<> stream = borrow(PySys_GetObject(stream_name));
    if (stream && !steal(PyObject_CallMethodNoArgs(stream.get(), name<"flush">))) PyErr_Clear();
  }
  PyErr_Restore(type, value, traceback);
}

Ref<> evaluate(PyObject* code, PyObject* globals, PyObject* locals) {
  int has = PyDict_Contains(globals, name<"__builtins__">);
  if (has < 0) return failure;
  if (!has) TRY(status_of(PyDict_SetItem(globals, name<"__builtins__">, current_interpreter()->builtins)));
  Ref<> result = steal(PyEval_EvalCode(code, globals, locals));
  note_end_of_run(result.get());
  return result;
}

Ref<> run_tree(ast::Mod* tree, ast::Arena& arena, PyObject* filename, PyObject* globals, PyObject* locals, PyCompilerFlags* flags) {
  Ref<PyCodeObject> code = TRY(compiler::compile_ast(tree, filename, flags, -1, arena));
  if (PySys_Audit("exec", "O", code.get()) < 0) return failure;
  Ref<> result = evaluate(as_object(code.get()), globals, locals);
  flush_both();
  return result;
}

PyObject* main_dict() {
  PyObject* main = PyImport_AddModule("__main__");
  return main ? PyModule_GetDict(main) : nullptr;
}

// What the prompt shows: sys.ps1 or ps2, anything with a str(); nothing when it is absent.
Ref<> prompt(const char* attribute) {
  PyObject* value = PySys_GetObject(attribute);
  Ref<> text = value ? steal(PyObject_Str(value)) : Ref<>();
  PyErr_Clear();
  return text;
}
void set_default_prompt(const char* attribute, const char* value) {
  if (PySys_GetObject(attribute)) return;
  Ref<> text = steal(PyUnicode_FromString(value));
  if (!text || PySys_SetObject(attribute, text.get()) < 0) PyErr_Clear();
}

// What sys.stdin makes text of the bytes with; null when it does not tell.
Ref<> input_encoding() {
  PyObject* input = PySys_GetObject("stdin");
  Ref<> encoding = input && input != Py_None ? steal(PyObject_GetAttr(input, name<"encoding">)) : Ref<>();
  PyErr_Clear();
  return encoding && PyUnicode_Check(encoding.get()) ? std::move(encoding) : Ref<>();
}

constexpr int kEndOfFile = 11;  // E_EOF of errcode.h

enum class Turn { done, failed, ended };

Turn interactive_turn(FILE* file, PyObject* filename, PyCompilerFlags* flags) {
  PyObject* dict = main_dict();
  if (!dict) return Turn::failed;
  Ref<> first, second, input;
  if (file == stdin) {
    input = input_encoding();
    first = prompt("ps1");
    second = prompt("ps2");
  }
  const char* ps1 = first ? PyUnicode_AsUTF8(first.get()) : "";
  const char* ps2 = second ? PyUnicode_AsUTF8(second.get()) : "";
  const char* encoding = input ? PyUnicode_AsUTF8(input.get()) : nullptr;
  PyErr_Clear();
  ast::Arena arena;
  bool at_end = false;
  ast::Mod* tree = ast::parse_file(arena, file, filename, encoding, ast::Mode::single, ps1 ? ps1 : "", ps2 ? ps2 : "", flags, &at_end);
  if (!tree) {
    if (at_end && !PyErr_Occurred()) return Turn::ended;
    return Turn::failed;
  }
  return run_tree(tree, arena, filename, dict, dict, flags) ? Turn::done : Turn::failed;
}

Ref<> set_loader(PyObject* dict, PyObject* filename, const char* loader_name) {
  Interpreter* interpreter = current_interpreter();
  Ref<> external = TRY(steal(PyObject_GetAttrString(interpreter->importlib, "_bootstrap_external")));
  Ref<> type = TRY(steal(PyObject_GetAttrString(external.get(), loader_name)));
  Ref<> loader = TRY(steal(PyObject_CallFunction(type.get(), "sO", "__main__", filename)));
  TRY(status_of(PyDict_SetItemString(dict, "__loader__", loader.get())));
  return loader;
}

bool is_compiled(PyObject* filename, FILE* file) {
  Py_ssize_t size = PyUnicode_GET_LENGTH(filename);
  if (size >= 4) {
    Ref<> tail = steal(PyUnicode_Substring(filename, size - 4, size));
    if (tail && PyUnicode_CompareWithASCIIString(tail.get(), ".pyc") == 0) return true;
  }
  // A file that does not begin at its begin was looked at already.
  if (std::ftell(file) != 0) return false;
  unsigned char bytes[2];
  bool compiled = std::fread(bytes, 1, 2, file) == 2 && (bytes[1] << 8 | bytes[0]) == (PyImport_GetMagicNumber() & 0xffff);
  std::rewind(file);
  return compiled;
}

Ref<> run_compiled(FILE* file, PyObject* globals, PyObject* locals, PyCompilerFlags* flags);

}  // namespace
}  // namespace gill

extern "C" {
long PyMarshal_ReadLongFromFile(FILE*);
PyObject* PyMarshal_ReadLastObjectFromFile(FILE*);
}

namespace gill {
namespace {

Ref<> run_compiled(FILE* file, PyObject* globals, PyObject* locals, PyCompilerFlags* flags) {
  if (PyMarshal_ReadLongFromFile(file) != PyImport_GetMagicNumber()) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "Bad magic number in .pyc file");
    return failure;
  }
  for (int i = 0; i < 3; ++i) (void)PyMarshal_ReadLongFromFile(file);
  if (PyErr_Occurred()) return failure;
  Ref<> code = steal(PyMarshal_ReadLastObjectFromFile(file));
  if (!code || !PyCode_Check(code.get())) return raise(PyExc_RuntimeError, "Bad code object in .pyc file");
  Ref<> result = evaluate(code.get(), globals, locals);
  if (result && flags) flags->cf_flags |= reinterpret_cast<PyCodeObject*>(code.get())->co_flags & PyCF_MASK;
  return result;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyRun_StringFlags(const char* text, int start, PyObject* globals, PyObject* locals, PyCompilerFlags* flags) {
  Ref<> filename = TRY(steal(PyUnicode_FromString("<string>")));
  PyCompilerFlags own = {.cf_flags = 0, .cf_feature_version = PY_MINOR_VERSION};
  if (!flags) flags = &own;
  int kept = flags->cf_flags;
  flags->cf_flags |= PyCF_SOURCE_IS_UTF8;
  Ref<> code = compiler::compile_source(text, std::strlen(text), filename.get(), start, flags, -1);
  flags->cf_flags = (flags->cf_flags & ~PyCF_SOURCE_IS_UTF8) | kept;
  if (!code) return nullptr;
  if (PySys_Audit("exec", "O", code.get()) < 0) return nullptr;
  return evaluate(code.get(), globals, locals).release();
}
#undef PyRun_String
PyObject* PyRun_String(const char* text, int start, PyObject* globals, PyObject* locals) {
  return PyRun_StringFlags(text, start, globals, locals, nullptr);
}

int PyRun_SimpleStringFlags(const char* command, PyCompilerFlags* flags) {
  PyObject* dict = main_dict();
  if (!dict) return -1;
  Ref<> result = steal(PyRun_StringFlags(command, Py_file_input, dict, dict, flags));
  if (result) return 0;
  PyErr_Print();
  return -1;
}
#undef PyRun_SimpleString
int PyRun_SimpleString(const char* command) { return PyRun_SimpleStringFlags(command, nullptr); }

static PyObject* run_open_file(FILE* file, PyObject* filename, int start, PyObject* globals, PyObject* locals, int close, PyCompilerFlags* flags) {
  ast::Arena arena;
  ast::Mod* tree = ast::parse_file(arena, file, filename, nullptr, static_cast<ast::Mode>(start), nullptr, nullptr, flags, nullptr);
  if (close) std::fclose(file);
  if (!tree) return nullptr;
  return run_tree(tree, arena, filename, globals, locals, flags).release();
}
PyObject* PyRun_FileExFlags(FILE* file, const char* path, int start, PyObject* globals, PyObject* locals, int close, PyCompilerFlags* flags) {
  Ref<> filename = TRY(steal(PyUnicode_DecodeFSDefault(path)));
  return run_open_file(file, filename.get(), start, globals, locals, close, flags);
}

int _PyRun_SimpleFileObject(FILE* file, PyObject* filename, int close, PyCompilerFlags* flags) {
  Ref<> main = borrow(PyImport_AddModule("__main__"));
  if (!main) return -1;
  PyObject* dict = PyModule_GetDict(main.get());
  bool added = PyDict_GetItemString(dict, "__file__") == nullptr;
  if (added) {
    if (PyDict_SetItemString(dict, "__file__", filename) < 0 || PyDict_SetItemString(dict, "__cached__", Py_None) < 0) return -1;
  }
  Ref<> result;
  if (is_compiled(filename, file)) {
    if (set_loader(dict, filename, "SourcelessFileLoader")) result = run_compiled(file, dict, dict, flags);
    if (close) std::fclose(file);
  } else {
    bool is_stdin = PyUnicode_CompareWithASCIIString(filename, "<stdin>") == 0;
    if (is_stdin || set_loader(dict, filename, "SourceFileLoader")) result = steal(run_open_file(file, filename, Py_file_input, dict, dict, close, flags));
  }
  flush_both();
  int code = 0;
  if (!result) {
    // SystemExit ends the process from there: the module must not outlive sys.modules for our sake.
    main.reset();
    PyErr_Print();
    code = -1;
  }
  if (added) {
    if (PyDict_DelItemString(dict, "__file__") < 0) PyErr_Clear();
    if (PyDict_DelItemString(dict, "__cached__") < 0) PyErr_Clear();
  }
  return code;
}
int PyRun_SimpleFileExFlags(FILE* file, const char* path, int close, PyCompilerFlags* flags) {
  Ref<> filename = TRY(steal(PyUnicode_DecodeFSDefault(path)));
  return _PyRun_SimpleFileObject(file, filename.get(), close, flags);
}

int PyRun_InteractiveOneObject(FILE* file, PyObject* filename, PyCompilerFlags* flags) {
  Turn turn = interactive_turn(file, filename, flags);
  if (turn == Turn::failed) {
    PyErr_Print();
    flush_both();
  }
  return turn == Turn::done ? 0 : turn == Turn::ended ? kEndOfFile : -1;
}
int _PyRun_InteractiveLoopObject(FILE* file, PyObject* filename, PyCompilerFlags* flags) {
  constexpr int kMostMemoryErrors = 16;
  PyCompilerFlags own = {.cf_flags = 0, .cf_feature_version = PY_MINOR_VERSION};
  if (!flags) flags = &own;
  set_default_prompt("ps1", ">>> ");
  set_default_prompt("ps2", "... ");
  for (int memory_errors = 0;;) {
    Turn turn = interactive_turn(file, filename, flags);
    if (turn == Turn::ended) return 0;
    bool no_memory = turn == Turn::failed && PyErr_ExceptionMatches(PyExc_MemoryError);
    memory_errors = no_memory ? memory_errors + 1 : 0;
    // A statement may run out of memory; where nothing works any more, asking for the next is no use.
    if (memory_errors > kMostMemoryErrors) {
      PyErr_Clear();
      return -1;
    }
    if (turn == Turn::failed) {
      PyErr_Print();
      flush_both();
    }
  }
}
int PyRun_InteractiveLoopFlags(FILE* file, const char* path, PyCompilerFlags* flags) {
  Ref<> filename = TRY(steal(PyUnicode_DecodeFSDefault(path)));
  return _PyRun_InteractiveLoopObject(file, filename.get(), flags);
}
int PyRun_InteractiveOneFlags(FILE* file, const char* path, PyCompilerFlags* flags) {
  Ref<> filename = TRY(steal(PyUnicode_DecodeFSDefault(path)));
  return PyRun_InteractiveOneObject(file, filename.get(), flags);
}

int Py_FdIsInteractive(FILE* file, const char* path) {
  if (isatty(fileno(file))) return 1;
  if (!_Py_GetConfig()->interactive) return 0;
  return !path || std::strcmp(path, "<stdin>") == 0 || std::strcmp(path, "???") == 0;
}
int _Py_FdIsInteractive(FILE* file, PyObject* filename) {
  if (isatty(fileno(file))) return 1;
  if (!_Py_GetConfig()->interactive) return 0;
  return !filename || PyUnicode_CompareWithASCIIString(filename, "<stdin>") == 0 || PyUnicode_CompareWithASCIIString(filename, "???") == 0;
}

int _PyRun_AnyFileObject(FILE* file, PyObject* filename, int close, PyCompilerFlags* flags) {
  Ref<> own = filename ? borrow(filename) : steal(PyUnicode_FromString("???"));
  if (!own) return -1;
  if (!_Py_FdIsInteractive(file, own.get())) return _PyRun_SimpleFileObject(file, own.get(), close, flags);
  int result = _PyRun_InteractiveLoopObject(file, own.get(), flags);
  if (close) std::fclose(file);
  return result;
}
int PyRun_AnyFileExFlags(FILE* file, const char* path, int close, PyCompilerFlags* flags) {
  Ref<> filename = path ? steal(PyUnicode_DecodeFSDefault(path)) : Ref<>();
  if (path && !filename) {
    PyErr_Print();
    return -1;
  }
  return _PyRun_AnyFileObject(file, filename.get(), close, flags);
}

// ---- the shorter forms ------------------------------------------------------------------------------------
#undef PyRun_AnyFile
#undef PyRun_AnyFileEx
#undef PyRun_AnyFileFlags
#undef PyRun_SimpleFile
#undef PyRun_SimpleFileEx
#undef PyRun_InteractiveOne
#undef PyRun_InteractiveLoop
#undef PyRun_File
#undef PyRun_FileEx
#undef PyRun_FileFlags
int PyRun_AnyFile(FILE* file, const char* path) { return PyRun_AnyFileExFlags(file, path, 0, nullptr); }
int PyRun_AnyFileEx(FILE* file, const char* path, int close) { return PyRun_AnyFileExFlags(file, path, close, nullptr); }
int PyRun_AnyFileFlags(FILE* file, const char* path, PyCompilerFlags* flags) { return PyRun_AnyFileExFlags(file, path, 0, flags); }
int PyRun_SimpleFile(FILE* file, const char* path) { return PyRun_SimpleFileExFlags(file, path, 0, nullptr); }
int PyRun_SimpleFileEx(FILE* file, const char* path, int close) { return PyRun_SimpleFileExFlags(file, path, close, nullptr); }
int PyRun_InteractiveOne(FILE* file, const char* path) { return PyRun_InteractiveOneFlags(file, path, nullptr); }
int PyRun_InteractiveLoop(FILE* file, const char* path) { return PyRun_InteractiveLoopFlags(file, path, nullptr); }
PyObject* PyRun_File(FILE* file, const char* path, int start, PyObject* globals, PyObject* locals) {
  return PyRun_FileExFlags(file, path, start, globals, locals, 0, nullptr);
}
PyObject* PyRun_FileEx(FILE* file, const char* path, int start, PyObject* globals, PyObject* locals, int close) {
  return PyRun_FileExFlags(file, path, start, globals, locals, close, nullptr);
}
PyObject* PyRun_FileFlags(FILE* file, const char* path, int start, PyObject* globals, PyObject* locals, PyCompilerFlags* flags) {
  return PyRun_FileExFlags(file, path, start, globals, locals, 0, flags);
}

}  // extern "C"
