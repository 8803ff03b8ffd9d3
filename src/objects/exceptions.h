// The family of built-in exceptions, as its files share it.
//
//   exceptions.cpp         the table: one row for each class without behaviour of its own
//   exceptions_base.cpp    BaseException and PyException_*
//   exceptions_fields.cpp  classes with fields: StopIteration, SystemExit, ImportError, NameError, AttributeError, SyntaxError
//   exceptions_os.cpp      OSError and the subclasses that an errno selects
//   exceptions_unicode.cpp UnicodeError and its C API
//   exceptions_group.cpp   BaseExceptionGroup, ExceptionGroup, `except*`
#pragma once

#include <Python.h>

#include "base/binding.h"
#include "base/names.h"

namespace gill {

inline PyBaseExceptionObject* base_exception(PyObject* self) { return reinterpret_cast<PyBaseExceptionObject*>(self); }

// "ValueError", "socket.timeout" -> "timeout": what repr() and str() call the type.
const char* short_type_name(PyTypeObject* type);

// TypeError when a constructor that takes none got keyword arguments.
Status refuse_keywords(PyTypeObject* type, PyObject* kwargs);

PyObject* base_exception_new(PyTypeObject* type, PyObject* args, PyObject* kwargs);
int base_exception_init(PyObject* self, PyObject* args, PyObject* kwargs);
Ref<> base_exception_str(PyObject* self);
int import_error_init(PyObject* self, PyObject* args, PyObject* kwargs);
int name_error_init(PyObject* self, PyObject* args, PyObject* kwargs);
int syntax_error_init(PyObject* self, PyObject* args, PyObject* kwargs);
int os_error_init(PyObject* self, PyObject* args, PyObject* kwargs);
void base_exception_clear_fields(PyObject* self);
int base_exception_traverse(PyObject* self, visitproc visit, void* arg);
int base_exception_clear(PyObject* self);

// Deallocation, traversal and clearing of a class with further owned fields.
template <auto... Fields>
struct ExceptionFields {
  using Own = OwnedFields<Fields...>;
  static int traverse(PyObject* self, visitproc visit, void* arg) {
    if (int stop = Own::traverse(self, visit, arg)) return stop;
    return base_exception_traverse(self, visit, arg);
  }
  static int clear(PyObject* self) {
    Own::clear(self);
    return base_exception_clear(self);
  }
  static void dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, dealloc)
    clear(self);
    Py_TYPE(self)->tp_free(self);
    Py_TRASHCAN_END
  }
};

inline constexpr unsigned long kExceptionFlags =
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASE_EXC_SUBCLASS;

extern const PyMethodDef kBaseExceptionMethods[];
extern const PyGetSetDef kBaseExceptionGetSets[];

}  // namespace gill

// Each class is a static type _PyExc_Name; the published PyExc_Name points to it.
#define GILL_EXCEPTION_POINTER(Name)                                                   \
  GILL_STATIC_TYPE(_PyExc_##Name);                                                     \
  extern "C" {                                                                         \
  extern PyObject* PyExc_##Name;                                                       \
  constinit PyObject* PyExc_##Name = &_PyExc_##Name.ob_base.ob_base;                   \
  }

extern "C" {
extern PyTypeObject _PyExc_BaseException, _PyExc_Exception, _PyExc_StopIteration, _PyExc_SystemExit, _PyExc_ImportError, _PyExc_NameError,
    _PyExc_AttributeError, _PyExc_SyntaxError, _PyExc_OSError, _PyExc_UnicodeError, _PyExc_BaseExceptionGroup, _PyExc_ExceptionGroup,
    _PyExc_KeyError, _PyExc_ValueError, _PyExc_LookupError, _PyExc_BlockingIOError, _PyExc_MemoryError;
}
