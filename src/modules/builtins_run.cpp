// Built-in functions that compile, run and import code, and the one behind `class` statements.
#include "base/binding.h"
#include "base/names.h"
#include "compiler/compile.h"
#include "modules/builtins.h"

namespace gill {
namespace {

Ref<> builtin_import(PyObject*, PyObject* module_name, PyObject* globals, PyObject* locals, PyObject* fromlist, int level) {
  // Without globals there is nothing that a relative name could be relative to.
  return steal(PyImport_ImportModuleLevelObject(module_name, globals == Py_None ? nullptr : globals, locals, fromlist, level));
}

}  // namespace

// The name of a file as the file system decodes it.
struct FileName {
  Ref<> text;
};
template <>
struct Argument<FileName> {
  static Status convert(PyObject* value, FileName& out, const ArgumentPlace&) {
    PyObject* text = nullptr;
    if (!PyUnicode_FSDecoder(value, &text)) return Status::error;
    out.text = steal(text);
    return Status::ok;
  }
  static FileName fallback(const Parameter&) { return {}; }
};

namespace {

Ref<> builtin_compile(PyObject*, PyObject* source, FileName filename, const char* mode, int flags, bool dont_inherit, int optimize,
                      int feature_version) {
  return compiler::compile_builtin(source, filename.text.get(), mode, flags, !dont_inherit, optimize, feature_version);
}

// ---- eval, exec -----------------------------------------------------------------------------------

Status ensure_builtins(PyObject* globals) {
  int has = PyDict_Contains(globals, name<"__builtins__">);
  if (has != 0) return status_of(has);
  return status_of(PyDict_SetItem(globals, name<"__builtins__">, PyEval_GetBuiltins()));
}

struct Scopes {
  Ref<> globals;
  Ref<> locals;
};

Maybe<bool> fill_scopes(Scopes& scopes, PyObject* globals, PyObject* locals, const char* function) {
  if (globals == Py_None) {
    scopes.globals = borrow(PyEval_GetGlobals());
    if (!scopes.globals) {
      return raise(PyExc_TypeError, "%s must be given globals and locals when called without a frame", function);
    }
    scopes.locals = borrow(locals == Py_None ? PyEval_GetLocals() : locals);
    if (!scopes.locals) return failure;
  } else {
    scopes.globals = borrow(globals);
    scopes.locals = borrow(locals == Py_None ? globals : locals);
  }
  return true;
}

Ref<> builtin_eval(PyObject*, PyObject* source, PyObject* globals, PyObject* locals) {
  if (locals != Py_None && !PyMapping_Check(locals)) return raise(PyExc_TypeError, "locals must be a mapping");
  if (globals != Py_None && !PyDict_Check(globals)) {
    return raise(PyExc_TypeError, PyMapping_Check(globals) ? "globals must be a real dict; try eval(expr, {}, mapping)" : "globals must be a dict");
  }
  Scopes scopes;
  TRY(fill_scopes(scopes, globals, locals, "eval"));
  TRY(ensure_builtins(scopes.globals.get()));
  if (PyCode_Check(source)) {
    if (PySys_Audit("exec", "O", source) < 0) return failure;
    if (PyCode_GetNumFree(reinterpret_cast<PyCodeObject*>(source)) > 0) {
      return raise(PyExc_TypeError, "code object passed to eval() may not contain free variables");
    }
    return steal(PyEval_EvalCode(source, scopes.globals.get(), scopes.locals.get()));
  }
  PyCompilerFlags flags = {.cf_flags = PyCF_SOURCE_IS_UTF8, .cf_feature_version = PY_MINOR_VERSION};
  compiler::SourceText text;
  TRY(compiler::source_text(source, "eval", "string, bytes or code", &flags, text));
  while (*text.text == ' ' || *text.text == '\t') {
    ++text.text;
    --text.size;
  }
  PyEval_MergeCompilerFlags(&flags);
  Ref<> filename = TRY(steal(PyUnicode_FromString("<string>")));
  Ref<> code = TRY(compiler::compile_source(text.text, text.size, filename.get(), Py_eval_input, &flags, -1));
  if (PySys_Audit("exec", "O", code.get()) < 0) return failure;
  return steal(PyEval_EvalCode(code.get(), scopes.globals.get(), scopes.locals.get()));
}

Status builtin_exec(PyObject*, PyObject* source, PyObject* globals, PyObject* locals, PyObject* closure) {
  Scopes scopes;
  TRY(fill_scopes(scopes, globals, locals, "exec"));
  if (!PyDict_Check(scopes.globals.get())) {
    return raise(PyExc_TypeError, "exec() globals must be a dict, not %.100s", Py_TYPE(scopes.globals.get())->tp_name);
  }
  if (!PyMapping_Check(scopes.locals.get())) {
    return raise(PyExc_TypeError, "locals must be a mapping or None, not %.100s", Py_TYPE(scopes.locals.get())->tp_name);
  }
  TRY(ensure_builtins(scopes.globals.get()));
  if (closure == Py_None) closure = nullptr;
  if (PyCode_Check(source)) {
    Py_ssize_t free = PyCode_GetNumFree(reinterpret_cast<PyCodeObject*>(source));
    if (free == 0) {
      if (closure) return raise(PyExc_TypeError, "cannot use a closure with this code object");
    } else {
      bool ok = closure && PyTuple_CheckExact(closure) && PyTuple_GET_SIZE(closure) == free;
      for (Py_ssize_t i = 0; ok && i < free; ++i) ok = PyCell_Check(PyTuple_GET_ITEM(closure, i));
      if (!ok) {
        return raise(PyExc_TypeError, "code object requires a closure of exactly length %zd", free);
      }
    }
    if (PySys_Audit("exec", "O", source) < 0) return failure;
    if (!closure) {
      (void)TRY(steal(PyEval_EvalCode(source, scopes.globals.get(), scopes.locals.get())));
    } else {
      (void)TRY(steal(PyEval_EvalCodeEx(source, scopes.globals.get(), scopes.locals.get(), nullptr, 0, nullptr, 0, nullptr, 0, nullptr, closure)));
    }
    return Status::ok;
  }
  if (closure) return raise(PyExc_TypeError, "closure can only be used when source is a code object");
  PyCompilerFlags flags = {.cf_flags = PyCF_SOURCE_IS_UTF8, .cf_feature_version = PY_MINOR_VERSION};
  compiler::SourceText text;
  TRY(compiler::source_text(source, "exec", "string, bytes or code", &flags, text));
  PyEval_MergeCompilerFlags(&flags);
  Ref<> filename = TRY(steal(PyUnicode_FromString("<string>")));
  Ref<> code = TRY(compiler::compile_source(text.text, text.size, filename.get(), Py_file_input, &flags, -1));
  if (PySys_Audit("exec", "O", code.get()) < 0) return failure;
  (void)TRY(steal(PyEval_EvalCode(code.get(), scopes.globals.get(), scopes.locals.get())));
  return Status::ok;
}

// ---- class statements -------------------------------------------------------------------------------

// The bases with __mro_entries__ applied; the same tuple when none of them has it.
Ref<> resolve_bases(PyObject* bases) {
  Ref<> list;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
    PyObject* base = PyTuple_GET_ITEM(bases, i);
    PyObject* found = nullptr;
    if (!PyType_Check(base)) TRY(status_of(_PyObject_LookupAttr(base, name<"__mro_entries__">, &found)));
    Ref<> method = steal(found);
    if (!method) {
      if (list) TRY(status_of(PyList_Append(list.get(), base)));
      continue;
    }
    Ref<> entries = TRY(steal(PyObject_CallOneArg(method.get(), bases)));
    if (!PyTuple_Check(entries.get())) return raise(PyExc_TypeError, "__mro_entries__ must return a tuple");
    if (!list) {
      list = TRY(steal(PyList_New(0)));
      for (Py_ssize_t j = 0; j < i; ++j) TRY(status_of(PyList_Append(list.get(), PyTuple_GET_ITEM(bases, j))));
    }
    Py_ssize_t size = PyList_GET_SIZE(list.get());
    TRY(status_of(PyList_SetSlice(list.get(), size, size, entries.get())));
  }
  return list ? steal(PyList_AsTuple(list.get())) : borrow(bases);
}

PyObject* build_class(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* kwnames) {
  if (count < 2) return raise(PyExc_TypeError, "__build_class__: not enough arguments");
  PyObject* function = args[0];
  PyObject* class_name = args[1];
  if (!PyFunction_Check(function)) return raise(PyExc_TypeError, "__build_class__: func must be a function");
  if (!PyUnicode_Check(class_name)) return raise(PyExc_TypeError, "__build_class__: name is not a string");
  Ref<> given_bases = TRY(steal(PyTuple_New(count - 2)));
  for (Py_ssize_t i = 2; i < count; ++i) PyTuple_SET_ITEM(given_bases.get(), i - 2, borrow(args[i]).release());
  Ref<> bases = TRY(resolve_bases(given_bases.get()));

  Ref<> meta;
  Ref<> keywords;
  if (kwnames && PyTuple_GET_SIZE(kwnames)) {
    keywords = TRY(steal(PyDict_New()));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); ++i) {
      PyObject* key = PyTuple_GET_ITEM(kwnames, i);
      PyObject* value = args[count + i];
      if (_PyUnicode_EqualToASCIIString(key, "metaclass")) meta = borrow(value);
      else TRY(status_of(PyDict_SetItem(keywords.get(), key, value)));
    }
  }
  if (!meta) {
    meta = PyTuple_GET_SIZE(bases.get()) == 0 ? borrow(as_object(&PyType_Type)) : borrow(as_object(Py_TYPE(PyTuple_GET_ITEM(bases.get(), 0))));
  }
  bool is_class = PyType_Check(meta.get());
  if (is_class) {
    // The most derived metaclass of all bases.
    PyTypeObject* winner = _PyType_CalculateMetaclass(reinterpret_cast<PyTypeObject*>(meta.get()), bases.get());
    if (!winner) return nullptr;
    meta = borrow(as_object(winner));
  }

  PyObject* found = nullptr;
  TRY(status_of(_PyObject_LookupAttr(meta.get(), name<"__prepare__">, &found)));
  Ref<> prepare = steal(found);
  Ref<> space;
  if (!prepare) {
    space = TRY(steal(PyDict_New()));
  } else {
    PyObject* arguments[] = {class_name, bases.get()};
    space = TRY(steal(PyObject_VectorcallDict(prepare.get(), arguments, 2, keywords.get())));
  }
  if (!PyMapping_Check(space.get())) {
    return raise(PyExc_TypeError, "%.200s.__prepare__() must return a mapping, not %.200s",
                 is_class ? reinterpret_cast<PyTypeObject*>(meta.get())->tp_name : "<metaclass>", Py_TYPE(space.get())->tp_name);
  }
  auto* f = reinterpret_cast<PyFunctionObject*>(function);
  Ref<> cell = TRY(steal(PyEval_EvalCodeEx(f->func_code, f->func_globals, space.get(), nullptr, 0, nullptr, 0, nullptr, 0, nullptr, f->func_closure)));
  if (bases.get() != given_bases.get()) {
    TRY(status_of(PyMapping_Check(space.get()) ? PyObject_SetItem(space.get(), name<"__orig_bases__">, given_bases.get()) : -1));
  }
  PyObject* arguments[] = {class_name, bases.get(), space.get()};
  Ref<> cls = TRY(steal(PyObject_VectorcallDict(meta.get(), arguments, 3, keywords.get())));
  if (PyType_Check(cls.get()) && PyCell_Check(cell.get())) {
    PyObject* in_cell = PyCell_GET(cell.get());
    if (in_cell != cls.get()) {
      if (!in_cell) {
        return raise(PyExc_RuntimeError, "__class__ not set defining %.200R as %.200R. Was __classcell__ propagated to type.__new__?", class_name,
                     cls.get());
      }
      return raise(PyExc_TypeError, "__class__ set to %.200R defining %.200R as %.200R", in_cell, class_name, cls.get());
    }
  }
  return cls.release();
}

PyObject* builtin_breakpoint(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* kwnames) {
  Ref<> hook = borrow(PySys_GetObject("breakpointhook"));
  if (!hook) return raise(PyExc_RuntimeError, "lost sys.breakpointhook");
  if (PySys_Audit("builtins.breakpoint", "O", hook.get()) < 0) return nullptr;
  return PyObject_Vectorcall(hook.get(), args, static_cast<size_t>(count), kwnames);
}

const PyMethodDef kMethods[] = {
    {"__build_class__", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&build_class)), METH_FASTCALL | METH_KEYWORDS,
     "__build_class__(func, name, /, *bases, [metaclass], **kwds) -> class\n\nInternal helper function used by the class statement."},
    METHOD("__import__($module, /, name, globals=None, locals=None, fromlist=(),\n           level=0)", builtin_import,
           "Import a module.\n\nThe import statement calls this; programs use importlib.import_module()."),
    {"breakpoint", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&builtin_breakpoint)), METH_FASTCALL | METH_KEYWORDS,
     "breakpoint(*args, **kws)\n\nCall sys.breakpointhook(*args, **kws), which drops you into the pdb debugger by default."},
    METHOD("compile($module, /, source, filename, mode, flags=0,\n        dont_inherit=False, optimize=-1, *, _feature_version=-1)", builtin_compile,
           "Compile source into a code object that can be executed by exec() or eval()."),
    METHOD("eval($module, source, globals=None, locals=None, /)", builtin_eval, "Evaluate the given source in the context of globals and locals."),
    METHOD("exec($module, source, globals=None, locals=None, /, *, closure=None)", builtin_exec,
           "Execute the given source in the context of globals and locals."),
    kEndOfMethods,
};

}  // namespace

PyMethodDef* builtins_run_methods() { return table(kMethods); }

}  // namespace gill
