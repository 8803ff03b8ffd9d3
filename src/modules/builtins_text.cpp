// print, input and open.
#include <unistd.h>

#include <cstdio>

#include "base/binding.h"
#include "base/names.h"
#include "modules/builtins.h"

namespace gill {
namespace {

// ---- print --------------------------------------------------------------------------------------

PyObject* builtin_print(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* kwnames) {
  PyObject *separator = nullptr, *end = nullptr, *file = nullptr, *flush = nullptr;
  for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i) {
    PyObject* key = PyTuple_GET_ITEM(kwnames, i);
    PyObject* value = args[count + i];
    if (_PyUnicode_EqualToASCIIString(key, "sep")) separator = value;
    else if (_PyUnicode_EqualToASCIIString(key, "end")) end = value;
    else if (_PyUnicode_EqualToASCIIString(key, "file")) file = value;
    else if (_PyUnicode_EqualToASCIIString(key, "flush")) flush = value;
    else return raise(PyExc_TypeError, "'%U' is an invalid keyword argument for print()", key);
  }
  if (!file || file == Py_None) {
    file = PySys_GetObject("stdout");
    if (!file) return raise(PyExc_RuntimeError, "lost sys.stdout");
    if (file == Py_None) return none().release();  // no console
  }
  if (separator == Py_None) separator = nullptr;
  if (end == Py_None) end = nullptr;
  if (separator && !PyUnicode_Check(separator)) return raise(PyExc_TypeError, "sep must be None or a string, not %.200s", Py_TYPE(separator)->tp_name);
  if (end && !PyUnicode_Check(end)) return raise(PyExc_TypeError, "end must be None or a string, not %.200s", Py_TYPE(end)->tp_name);
  Ref<> own_file = borrow(file);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (i > 0) TRY(status_of(PyFile_WriteObject(separator ? separator : name<" ">, file, Py_PRINT_RAW)));
    TRY(status_of(PyFile_WriteObject(args[i], file, Py_PRINT_RAW)));
  }
  TRY(status_of(PyFile_WriteObject(end ? end : name<"\n">, file, Py_PRINT_RAW)));
  if (flush && TRY(truth_of(PyObject_IsTrue(flush)))) (void)TRY(steal(PyObject_CallMethodNoArgs(file, name<"flush">)));
  return none().release();
}

// ---- input --------------------------------------------------------------------------------------

Ref<> standard_stream(const char* which) {
  PyObject* stream = PySys_GetObject(which);
  if (!stream || stream == Py_None) return raise(PyExc_RuntimeError, "input(): lost sys.%s", which);
  return borrow(stream);
}

// Whether a stream is the process's own descriptor, and a terminal.
Maybe<bool> is_terminal(PyObject* stream, FILE* file) {
  Ref<> number = steal(PyObject_CallMethodNoArgs(stream, name<"fileno">));
  if (!number) {
    PyErr_Clear();
    return false;
  }
  long descriptor = TRY(checked(PyLong_AsLong(number.get())));
  return descriptor == fileno(file) && isatty(fileno(file)) != 0;
}

Status flush(PyObject* stream) {
  Ref<> result = steal(PyObject_CallMethodNoArgs(stream, name<"flush">));
  if (!result) PyErr_Clear();
  return Status::ok;
}

// A line from the terminal, with line editing where there is one.
Ref<> read_terminal(PyObject* in, PyObject* out, PyObject* prompt) {
  Ref<> in_encoding = steal(PyObject_GetAttrString(in, "encoding"));
  Ref<> in_errors = in_encoding ? steal(PyObject_GetAttrString(in, "errors")) : Ref<>();
  if (!in_encoding || !in_errors || !PyUnicode_Check(in_encoding.get()) || !PyUnicode_Check(in_errors.get())) {
    PyErr_Clear();
    return nullptr;
  }
  Ref<> prompt_bytes;
  if (prompt) {
    Ref<> out_encoding = steal(PyObject_GetAttrString(out, "encoding"));
    Ref<> out_errors = out_encoding ? steal(PyObject_GetAttrString(out, "errors")) : Ref<>();
    if (!out_encoding || !out_errors || !PyUnicode_Check(out_encoding.get()) || !PyUnicode_Check(out_errors.get())) {
      PyErr_Clear();
      return nullptr;
    }
    TRY(flush(out));
    Ref<> text = TRY(steal(PyObject_Str(prompt)));
    prompt_bytes = TRY(steal(PyUnicode_AsEncodedString(text.get(), PyUnicode_AsUTF8(out_encoding.get()), PyUnicode_AsUTF8(out_errors.get()))));
  }
  const char* shown = prompt_bytes ? PyBytes_AS_STRING(prompt_bytes.get()) : "";
  if (prompt_bytes && std::strlen(shown) != static_cast<size_t>(PyBytes_GET_SIZE(prompt_bytes.get()))) {
    return raise(PyExc_ValueError, "input: prompt string cannot contain null characters");
  }
  char* line = PyOS_Readline(stdin, stdout, shown);
  if (!line) {
    PyErr_CheckSignals();
    if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
    return failure;
  }
  size_t length = std::strlen(line);
  Ref<> result;
  if (length == 0) PyErr_SetNone(PyExc_EOFError);
  else {
    if (line[length - 1] == '\n') --length;
    result = steal(PyUnicode_Decode(line, static_cast<Py_ssize_t>(length), PyUnicode_AsUTF8(in_encoding.get()), PyUnicode_AsUTF8(in_errors.get())));
  }
  PyMem_Free(line);
  return result;
}

Ref<> builtin_input(PyObject*, PyObject* prompt) {
  Ref<> in = TRY(standard_stream("stdin"));
  Ref<> out = TRY(standard_stream("stdout"));
  Ref<> err = TRY(standard_stream("stderr"));
  if (PySys_Audit("builtins.input", "O", prompt ? prompt : Py_None) < 0) return failure;
  TRY(flush(err.get()));
  Ref<> line;
  if (TRY(is_terminal(in.get(), stdin)) && TRY(is_terminal(out.get(), stdout))) {
    line = read_terminal(in.get(), out.get(), prompt);
    if (line && PySys_Audit("builtins.input/result", "O", line.get()) < 0) return failure;
    if (line || PyErr_Occurred()) return line;
  }
  if (prompt) TRY(status_of(PyFile_WriteObject(prompt, out.get(), Py_PRINT_RAW)));
  TRY(flush(out.get()));
  return steal(PyFile_GetLine(in.get(), -1));
}

const PyMethodDef kMethods[] = {
    METHOD("input($module, prompt='', /)", builtin_input,
           "Read a string from standard input.  The trailing newline is stripped."),
    {"print", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&builtin_print)), METH_FASTCALL | METH_KEYWORDS,
     "print($module, /, *args, sep=' ', end='\\n', file=None, flush=False)\n--\n\nPrints the values to a stream, or to sys.stdout by default."},
    kEndOfMethods,
};

}  // namespace

PyMethodDef* builtins_text_methods() { return table(kMethods); }

}  // namespace gill
