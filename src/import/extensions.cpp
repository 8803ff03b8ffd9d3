// Compiled extension modules: dlopen, their init function, single- and multi-phase initialization.
#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/binding.h"
#include "base/math_library.h"
#include "base/names.h"
#include "import/import_state.h"
#include "memory/page_range.h"
#include "runtime/runtime.h"

// Unlike the public form it replaces what is there: a module may have added itself.
extern "C" int _PyState_AddModule(PyThreadState*, PyObject* module, PyModuleDef* definition);

// modules/gill/lock_check: -X lock-check.
extern "C" [[gnu::weak]] void gill_check_loaded_objects();

namespace gill {
namespace {

using InitFunction = PyObject* (*)();

// "PyInit_name", or "PyInitU_" with the name in punycode where it is not ASCII.
struct EncodedName {
  Ref<> bytes;
  const char* prefix = "PyInit";
};
Maybe<bool> encode_name(PyObject* module_name, EncodedName& out) {
  Py_ssize_t size = PyUnicode_GET_LENGTH(module_name);
  Py_ssize_t dot = PyUnicode_FindChar(module_name, '.', 0, size, -1);
  if (dot == -2) return failure;
  Ref<> last = TRY(steal(PyUnicode_Substring(module_name, dot + 1, size)));
  Ref<> encoded = steal(PyUnicode_AsEncodedString(last.get(), "ascii", nullptr));
  if (!encoded) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return failure;
    PyErr_Clear();
    encoded = TRY(steal(PyUnicode_AsEncodedString(last.get(), "punycode", nullptr)));
    out.prefix = "PyInitU";
  }
  out.bytes = TRY(steal(PyObject_CallMethod(encoded.get(), "replace", "yy", "-", "_")));
  return true;
}

// A module of the single-phase kind is initialized once in a process; a second import gives a copy of its dict.
Ref<> module_again(PyObject* key, PyObject* module_name) {
  PyObject* stored = PyDict_GetItemWithError(current_interpreter()->imports->extensions, key);
  // What the main interpreter has initialized keeps its static variables for all of them.
  Interpreter* main = g_runtime.main_interpreter;
  if (!stored && !PyErr_Occurred() && main && main->imports) stored = PyDict_GetItemWithError(main->imports->extensions, key);
  if (!stored) return nullptr;
  auto* definition = static_cast<PyModuleDef*>(PyCapsule_GetPointer(stored, nullptr));
  if (!definition) return failure;
  PyObject* module = nullptr;
  if (definition->m_size == -1) {
    if (!definition->m_base.m_copy) return nullptr;
    module = PyImport_AddModuleObject(module_name);
    if (!module || PyDict_Update(PyModule_GetDict(module), definition->m_base.m_copy) < 0) return failure;
    return borrow(module);
  }
  if (!definition->m_base.m_init) return nullptr;
  Ref<> made = TRY(steal(definition->m_base.m_init()));
  TRY(status_of(PyObject_SetItem(current_interpreter()->modules, module_name, made.get())));
  if (_PyState_AddModule(nullptr, made.get(), definition) < 0) return failure;
  return made;
}

// Extensions of the standard library whose objects only give memory back at the end. The others may write to files then.
bool is_inert(PyObject* module_name, std::string_view file) {
  constexpr const char* kInert[] = {"_asyncio", "_bz2",   "_contextvars", "_decimal", "_hashlib", "_json",    "_lzma",   "_multibytecodec",
                                    "_queue",   "_ssl",   "_typing",      "_uuid",    "_zoneinfo", "resource", "termios"};
  if (file.find("/lib-dynload/") == file.npos) return false;
  return std::ranges::any_of(kInert, [&](const char* inert) { return PyUnicode_CompareWithASCIIString(module_name, inert) == 0; });
}

}  // namespace

Ref<> load_extension(PyObject* spec, PyObject*) {
  Ref<> module_name = TRY(steal(PyObject_GetAttrString(spec, "name")));
  Ref<> path = TRY(steal(PyObject_GetAttrString(spec, "origin")));
  if (!PyUnicode_Check(module_name.get())) return raise(PyExc_TypeError, "spec.name must be a string");
  Ref<> key = TRY(steal(PyTuple_Pack(2, path.get(), module_name.get())));
  Ref<> known = module_again(key.get(), module_name.get());
  if (known || PyErr_Occurred()) return known;
  if (PySys_Audit("import", "OOOOO", module_name.get(), path.get(), Py_None, Py_None, Py_None) < 0) return failure;

  EncodedName encoded;
  TRY(encode_name(module_name.get(), encoded));
  Ref<> file = TRY(steal(PyUnicode_EncodeFSDefault(path.get())));
  if (!is_inert(module_name.get(), PyBytes_AS_STRING(file.get()))) current_interpreter()->imports->foreign_code = true;
  // An extension may count on the reference's executable, which has it.
  load_math_library();
  void* library = request_memory([&] { return dlopen(PyBytes_AS_STRING(file.get()), current_interpreter()->imports->dlopen_flags); });
  if (!library) {
    const char* reason = dlerror();
    Ref<> text = TRY(steal(PyUnicode_DecodeLocale(reason ? reason : "unknown dlopen() error", "surrogateescape")));
    PyErr_SetImportError(text.get(), module_name.get(), path.get());
    return failure;
  }
  if (gill_check_loaded_objects) gill_check_loaded_objects();
  Ref<> symbol = TRY(steal(PyBytes_FromFormat("%s_%s", encoded.prefix, PyBytes_AS_STRING(encoded.bytes.get()))));
  auto init = reinterpret_cast<InitFunction>(dlsym(library, PyBytes_AS_STRING(symbol.get())));
  if (!init) {
    Ref<> text = TRY(steal(PyUnicode_FromFormat("dynamic module does not define module export function (%s)", PyBytes_AS_STRING(symbol.get()))));
    PyErr_SetImportError(text.get(), module_name.get(), path.get());
    return failure;
  }

  const char* short_name = PyBytes_AS_STRING(encoded.bytes.get());
  const char* full_name = TRY(PyUnicode_AsUTF8(module_name.get()));
  const char* outer = std::exchange(_Py_PackageContext, full_name);
  Ref<> made = steal(init());
  _Py_PackageContext = outer;
  if (!made) {
    if (!PyErr_Occurred()) PyErr_Format(PyExc_SystemError, "initialization of %s failed without raising an exception", short_name);
    return failure;
  }
  if (PyErr_Occurred()) {
    (void)made.release();  // may be a static definition, or half made
    _PyErr_FormatFromCause(PyExc_SystemError, "initialization of %s raised unreported exception", short_name);
    return failure;
  }
  if (!Py_TYPE(made.get())) {
    (void)made.release();  // what it is, and how to free it, nobody knows
    return raise(PyExc_SystemError, "init function of %s returned uninitialized object", short_name);
  }
  if (PyObject_TypeCheck(made.get(), &PyModuleDef_Type)) {
    return steal(PyModule_FromDefAndSpec(reinterpret_cast<PyModuleDef*>(made.release()), spec));
  }
  PyModuleDef* definition = PyModule_GetDef(made.get());
  if (!definition) {
    return raise(PyExc_SystemError, "initialization of %s did not return an extension module", short_name);
  }
  definition->m_base.m_init = init;
  if (PyModule_AddObjectRef(made.get(), "__file__", path.get()) < 0) PyErr_Clear();
  TRY(status_of(_PyImport_FixupExtensionObject(made.get(), module_name.get(), path.get(), current_interpreter()->modules)));
  return made;
}

}  // namespace gill

using namespace gill;

extern "C" {

int _PyImport_FixupExtensionObject(PyObject* module, PyObject* module_name, PyObject* path, PyObject* modules) {
  if (!module || !PyModule_Check(module)) {
    PyErr_BadInternalCall();
    return -1;
  }
  PyModuleDef* definition = PyModule_GetDef(module);
  if (!definition) {
    PyErr_BadInternalCall();
    return -1;
  }
  if (PyObject_SetItem(modules, module_name, module) < 0) return -1;
  if (_PyState_AddModule(nullptr, module, definition) < 0) return -1;
  // Only the main interpreter lives as long as the definition.
  if (definition->m_size == -1 && current_interpreter() == g_runtime.main_interpreter) {
    Ref<> copy = TRY(steal(PyDict_Copy(PyModule_GetDict(module))));
    set_field(definition->m_base.m_copy, std::move(copy));
  }
  Ref<> key = TRY(steal(PyTuple_Pack(2, path, module_name)));
  Ref<> stored = TRY(steal(PyCapsule_New(definition, nullptr, nullptr)));
  return PyDict_SetItem(current_interpreter()->imports->extensions, key.get(), stored.get());
}

int _PyImport_FixupBuiltin(PyObject* module, const char* module_name, PyObject* modules) {
  Ref<> text = TRY(steal(PyUnicode_InternFromString(module_name)));
  return _PyImport_FixupExtensionObject(module, text.get(), text.get(), modules);
}

}  // extern "C"
