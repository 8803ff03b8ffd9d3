// The default hooks of `sys`: what shows a value in the interactive interpreter, an uncaught exception, an
// exception that cannot be raised, and what breakpoint() calls.
#include <cstdlib>
#include <cstring>

#include "base/binding.h"
#include "base/names.h"
#include "modules/sys_module.h"

namespace gill {
namespace {

// Writes the repr to sys.stdout; characters that its encoding lacks are escaped.
Status write_repr(PyObject* out, PyObject* object) {
  if (PyFile_WriteObject(object, out, 0) == 0) return Status::ok;
  if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return failure;
  PyErr_Clear();
  Ref<> encoding = TRY(steal(PyObject_GetAttrString(out, "encoding")));
  const char* encoding_name = TRY(PyUnicode_AsUTF8(encoding.get()));
  Ref<> text = TRY(steal(PyObject_Repr(object)));
  Ref<> bytes = TRY(steal(PyUnicode_AsEncodedString(text.get(), encoding_name, "backslashreplace")));
  Ref<> shown = TRY(steal(PyUnicode_FromEncodedObject(bytes.get(), encoding_name, "strict")));
  return status_of(PyFile_WriteObject(shown.get(), out, Py_PRINT_RAW));
}

Status sys_displayhook(PyObject*, PyObject* object) {
  Ref<> builtins = steal(PyImport_GetModule(name<"builtins">));
  if (!builtins) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "lost builtins module");
    return failure;
  }
  if (object == Py_None) return Status::ok;
  // `_` must not be what the repr prints about, should that look at it.
  TRY(status_of(PyObject_SetAttr(builtins.get(), name<"_">, Py_None)));
  Ref<> out = borrow(PySys_GetObject("stdout"));
  if (!out || out.get() == Py_None) return raise(PyExc_RuntimeError, "lost sys.stdout");
  TRY(write_repr(out.get(), object));
  TRY(status_of(PyFile_WriteObject(name<"\n">, out.get(), Py_PRINT_RAW)));
  return status_of(PyObject_SetAttr(builtins.get(), name<"_">, object));
}

Status sys_excepthook(PyObject*, PyObject* exctype, PyObject* value, PyObject* traceback) {
  PyErr_Display(exctype, value, traceback);
  return Status::ok;
}

PyObject* sys_breakpointhook(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* kwnames) {
  const char* given = _Py_GetConfig()->use_environment ? std::getenv("PYTHONBREAKPOINT") : nullptr;
  if (!given || !*given) given = "pdb.set_trace";
  if (std::strcmp(given, "0") == 0) return none().release();
  const char* dot = std::strrchr(given, '.');
  Ref<> module_name = TRY(steal(dot ? PyUnicode_FromStringAndSize(given, dot - given) : PyUnicode_FromString("builtins")));
  Ref<> function;
  if (dot != given) {
    Ref<> fromlist = TRY(steal(Py_BuildValue("(s)", dot ? dot + 1 : given)));
    Ref<> module = steal(PyImport_ImportModuleLevelObject(module_name.get(), nullptr, nullptr, fromlist.get(), 0));
    if (!module && !PyErr_ExceptionMatches(PyExc_ImportError)) return nullptr;
    if (module) {
      function = steal(PyObject_GetAttrString(module.get(), dot ? dot + 1 : given));
      if (!function && !PyErr_ExceptionMatches(PyExc_AttributeError)) return nullptr;
    }
  }
  if (!function) {
    PyErr_Clear();
    TRY(status_of(PyErr_WarnFormat(PyExc_RuntimeWarning, 0, "Ignoring unimportable $PYTHONBREAKPOINT: \"%s\"", given)));
    return none().release();
  }
  return PyObject_Vectorcall(function.get(), args, static_cast<size_t>(count), kwnames);
}

// ---- exceptions that cannot be raised -----------------------------------------------------------------

const PyStructSequence_Field kUnraisableFields[] = {{"exc_type", "Exception type"},         {"exc_value", "Exception value"},
                                                    {"exc_traceback", "Exception traceback"}, {"err_msg", "Error message"},
                                                    {"object", "Object causing the exception"}, {nullptr, nullptr}};

// "Exception ignored in: <object>", the traceback, and the exception's last line.
Status write_unraisable(PyObject* out, PyObject* type, PyObject* value, PyObject* traceback, PyObject* message, PyObject* object) {
  auto write = [&](const char* text) { return status_of(PyFile_WriteString(text, out)); };
  if (message != Py_None) {
    TRY(status_of(PyFile_WriteObject(message, out, Py_PRINT_RAW)));
    TRY(write(object != Py_None ? ": " : ":\n"));
  }
  if (object != Py_None) {
    if (message == Py_None) TRY(write("Exception ignored in: "));
    if (PyFile_WriteObject(object, out, 0) < 0) {
      PyErr_Clear();
      TRY(write("<object repr() failed>"));
    }
    TRY(write("\n"));
  } else if (message == Py_None) {
    TRY(write("Exception ignored in:\n"));
  }
  if (traceback != Py_None) TRY(status_of(PyTraceBack_Print(traceback, out)));
  if (type == Py_None || !PyExceptionClass_Check(type)) return Status::ok;
  Ref<> module = steal(PyObject_GetAttr(type, name<"__module__">));
  Ref<> qualified = steal(PyObject_GetAttr(type, name<"__qualname__">));
  if (!module || !PyUnicode_Check(module.get())) {
    PyErr_Clear();
    TRY(write("<unknown>"));
  } else if (PyUnicode_CompareWithASCIIString(module.get(), "builtins") != 0 && PyUnicode_CompareWithASCIIString(module.get(), "__main__") != 0) {
    TRY(status_of(PyFile_WriteObject(module.get(), out, Py_PRINT_RAW)));
    TRY(write("."));
  }
  if (!qualified || !PyUnicode_Check(qualified.get())) {
    PyErr_Clear();
    TRY(write("<unknown>"));
  } else {
    TRY(status_of(PyFile_WriteObject(qualified.get(), out, Py_PRINT_RAW)));
  }
  if (value != Py_None) {
    TRY(write(": "));
    if (PyFile_WriteObject(value, out, Py_PRINT_RAW) < 0) {
      PyErr_Clear();
      TRY(write("<exception str() failed>"));
    }
  }
  TRY(write("\n"));
  TRY(steal(PyObject_CallMethodNoArgs(out, name<"flush">)));
  return Status::ok;
}

Status write_fields(PyObject* fields) {
  Ref<> out = borrow(PySys_GetObject("stderr"));
  if (!out || out.get() == Py_None) return Status::ok;
  auto item = [&](Py_ssize_t i) { return PyTuple_GET_ITEM(fields, i); };
  return write_unraisable(out.get(), item(0), item(1), item(2), item(3), item(4));
}

Status sys_unraisablehook(PyObject*, PyObject* unraisable) {
  if (!PyObject_HasAttrString(unraisable, "exc_type") || !PyTuple_Check(unraisable)) {
    return raise(PyExc_TypeError, "sys.unraisablehook argument type must be UnraisableHookArgs");
  }
  return write_fields(unraisable);
}

const PyMethodDef kMethods[] = {
    {"breakpointhook", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&sys_breakpointhook)), METH_FASTCALL | METH_KEYWORDS,
     "breakpointhook(*args, **kws)\n\nThis hook function is called by built-in breakpoint()."},
    METHOD("displayhook($module, object, /)", sys_displayhook, "Print an object to sys.stdout and also save it in builtins._"),
    METHOD("excepthook($module, exctype, value, traceback, /)", sys_excepthook,
           "Handle an exception by displaying it with a traceback on sys.stderr."),
    METHOD("unraisablehook($module, unraisable, /)", sys_unraisablehook, "Handle an unraisable exception."),
    kEndOfMethods,
};

}  // namespace

PyMethodDef* sys_hook_methods() { return table(kMethods); }

}  // namespace gill

using namespace gill;

namespace {
// Static, as types without a module must be.
PyTypeObject g_unraisable_args_type = {.ob_base = GILL_STATIC_TYPE_HEAD};
}  // namespace

extern "C" void gill_write_unraisable(PyObject* fields) {
  if (write_fields(fields) != Status::ok) PyErr_Clear();
}
// The argument of sys.unraisablehook, from a tuple of its five fields.
extern "C" PyObject* gill_make_unraisable_args(PyObject* fields) {
  PyTypeObject* type = &g_unraisable_args_type;
  if (!PyType_HasFeature(type, Py_TPFLAGS_READY)) {
    PyStructSequence_Desc description = {"UnraisableHookArgs", "Type used to pass arguments to sys.unraisablehook.", table(kUnraisableFields), 5};
    TRY(status_of(PyStructSequence_InitType2(type, &description)));
  }
  Ref<> result = TRY(steal(PyStructSequence_New(type)));
  for (Py_ssize_t i = 0; i < 5; ++i) PyStructSequence_SetItem(result.get(), i, borrow(PyTuple_GET_ITEM(fields, i)).release());
  return result.release();
}
