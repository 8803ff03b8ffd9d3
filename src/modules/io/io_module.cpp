// The `_io` module: open() and what the classes are named.
#include "modules/io/io.h"

namespace gill::io {
namespace {

// What a mode string asks for, in the terms of open().
struct Mode {
  bool creating = false, reading = false, writing = false, appending = false, updating = false, text = false, binary = false;
};

Maybe<Mode> parse_mode(const char* text) {
  Mode mode;
  for (const char* c = text; *c; ++c) {
    bool* field = *c == 'x' ? &mode.creating : *c == 'r' ? &mode.reading : *c == 'w' ? &mode.writing : *c == 'a' ? &mode.appending
                : *c == '+' ? &mode.updating : *c == 't' ? &mode.text : *c == 'b' ? &mode.binary : nullptr;
    if (!field || *field) return raise(PyExc_ValueError, "invalid mode: '%s'", text);
    *field = true;
  }
  if (mode.text && mode.binary) return raise(PyExc_ValueError, "can't have text and binary mode at once");
  if (mode.creating + mode.reading + mode.writing + mode.appending > 1) {
    return raise(PyExc_ValueError, "must have exactly one of create/read/write/append mode");
  }
  return mode;
}

Ref<> io_open(PyObject* module, PyObject* file, const char* mode_text, int buffering, PyObject* encoding, PyObject* errors,
              PyObject* newline, bool closefd, PyObject* opener) {
  if (!mode_text) mode_text = "r";
  for (auto [value, parameter] : {std::pair{encoding, "encoding"}, std::pair{errors, "errors"}, std::pair{newline, "newline"}}) {
    if (value != Py_None && !PyUnicode_Check(value)) {
      return raise(PyExc_TypeError, "open() argument '%s' must be str or None, not %.50s", parameter, Py_TYPE(value)->tp_name);
    }
  }
  Ref<> path = PyNumber_Check(file) ? borrow(file) : TRY(steal(PyOS_FSPath(file)));
  Mode mode = TRY(parse_mode(mode_text));
  if (mode.binary && encoding != Py_None) return raise(PyExc_ValueError, "binary mode doesn't take an encoding argument");
  if (mode.binary && errors != Py_None) return raise(PyExc_ValueError, "binary mode doesn't take an errors argument");
  if (mode.binary && newline != Py_None) return raise(PyExc_ValueError, "binary mode doesn't take a newline argument");
  if (mode.binary && buffering == 1 &&
      PyErr_WarnEx(PyExc_RuntimeWarning,
                   "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used", 1) < 0) {
    return failure;
  }
  char raw_mode[6];
  char* at = raw_mode;
  if (mode.creating) *at++ = 'x';
  if (mode.reading) *at++ = 'r';
  if (mode.writing) *at++ = 'w';
  if (mode.appending) *at++ = 'a';
  if (mode.updating) *at++ = '+';
  *at = 0;
  Ref<> result = TRY(steal(PyObject_CallFunction(as_object(&FileIO_Type), "OsOO", path.get(), raw_mode, closefd ? Py_True : Py_False, opener)));
  // From here on an error closes the file before it is told.
  auto give_up = [&]() -> Failure {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Ref<> closed = call(result.get(), name<"close">);
    _PyErr_ChainExceptions(type, value, traceback);
    return failure;
  };
  bool line_buffering = false;
  if (buffering < 0) {
    Ref<> terminal = call(result.get(), name<"isatty">);
    if (!terminal) return give_up();
    line_buffering = terminal.get() == Py_True;
  }
  if (buffering == 1 && !mode.binary) {
    buffering = -1;
    line_buffering = true;
  } else if (buffering == 1) {
    buffering = -1;
  }
  Ref<> block_size = steal(PyObject_GetAttr(result.get(), name<"_blksize">));
  if (!block_size) return give_up();
  if (buffering < 0) {
    long size = PyLong_AsLong(block_size.get());
    if (size == -1 && PyErr_Occurred()) return give_up();
    buffering = static_cast<int>(size);
  }
  if (buffering == 0) {
    if (!mode.binary) {
      PyErr_SetString(PyExc_ValueError, "can't have unbuffered text I/O");
      return give_up();
    }
    return result;
  }
  PyTypeObject* type = mode.updating ? &BufferedRandom_Type
                       : mode.creating || mode.writing || mode.appending ? &BufferedWriter_Type
                       : mode.reading ? &BufferedReader_Type : nullptr;
  if (!type) {
    PyErr_Format(PyExc_ValueError, "unknown mode: '%s'", mode_text);
    return give_up();
  }
  Ref<> buffered = steal(PyObject_CallFunction(as_object(type), "Oi", result.get(), buffering));
  if (!buffered) return give_up();
  result = std::move(buffered);
  if (mode.binary) return result;
  Ref<> wrapper = steal(PyObject_CallFunction(as_object(&TextIOWrapper_Type), "OOOOO", result.get(), encoding, errors, newline,
                                              line_buffering ? Py_True : Py_False));
  if (!wrapper) return give_up();
  result = std::move(wrapper);
  Ref<> shown = steal(PyUnicode_FromString(mode_text));
  if (!shown || PyObject_SetAttr(result.get(), name<"mode">, shown.get()) < 0) return give_up();
  return result;
}

Ref<> io_open_code(PyObject*, PyUnicodeObject* path) { return steal(PyFile_OpenCodeObject(as_object(path))); }

Ref<> io_text_encoding(PyObject*, PyObject* encoding, int stacklevel) {
  if (encoding && encoding != Py_None) return borrow(encoding);
  PyObject* flags = PySys_GetObject("flags");
  if (flags) {
    Ref<> warn = TRY(steal(PyObject_GetAttrString(flags, "warn_default_encoding")));
    if (TRY(truth_of(PyObject_IsTrue(warn.get()))) &&
        PyErr_WarnEx(PyExc_EncodingWarning, "'encoding' argument not specified", stacklevel) < 0) {
      return failure;
    }
  }
  return Py_UTF8Mode ? borrow(name<"utf-8">) : borrow(name<"locale">);
}

const PyMethodDef kFunctions[] = {
    METHOD("open($module, /, file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None)",
           io_open, "Open file and return a stream.  Raise OSError upon failure."),
    METHOD("text_encoding($module, encoding, stacklevel=2, /)", io_text_encoding,
           "The encoding to use where a caller may give one."),
    METHOD("open_code($module, /, path)", io_open_code, "Opens the provided file with the intent to import the contents."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  // The functions say that they come from `io`.
  for (const PyMethodDef* function = kFunctions; function->ml_name; ++function) {
    Ref<> value = TRY(steal(PyCFunction_NewEx(const_cast<PyMethodDef*>(function), module, name<"io">)));
    TRY(status_of(PyModule_AddObjectRef(module, function->ml_name, value.get())));
  }
  // Both OSError and ValueError, so that either handler catches "not supported".
  TRY(status_of(PyType_Ready(&BytesIOBuffer_Type)));
  Ref<> bases = steal(Py_BuildValue("(OO)", PyExc_OSError, PyExc_ValueError));
  if (!bases) return -1;
  Ref<> unsupported_type = steal(PyObject_CallFunction(as_object(&PyType_Type), "sO{ss}", "UnsupportedOperation", bases.get(), "__module__", "io"));
  if (!unsupported_type) return -1;
  TRY(status_of(PyModule_AddObjectRef(module, "UnsupportedOperation", unsupported_type.get())));
  TRY(status_of(PyModule_AddObjectRef(module, "BlockingIOError", PyExc_BlockingIOError)));
  TRY(status_of(PyModule_AddIntConstant(module, "DEFAULT_BUFFER_SIZE", kDefaultBufferSize)));
  PyTypeObject* types[] = {&IOBase_Type, &RawIOBase_Type, &BufferedIOBase_Type, &TextIOBase_Type, &FileIO_Type, &BytesIO_Type,
                           &StringIO_Type, &BufferedReader_Type, &BufferedWriter_Type, &BufferedRWPair_Type,
                           &BufferedRandom_Type, &TextIOWrapper_Type, &IncrementalNewlineDecoder_Type};
  for (PyTypeObject* type : types) TRY(status_of(PyModule_AddType(module, type)));
  return 0;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_io",
    .m_doc = "The built-in classes and functions behind the io module.",
    .m_size = 0,
    .m_slots = slots,
};

PyObject* init_io() { return PyModuleDef_Init(&definition); }

}  // namespace

PyMODINIT_FUNC PyInit__io() { return init_io(); }
GILL_BUILTIN_MODULE("_io", PyInit__io);

}  // namespace gill::io
