// Who has views of an object's buffer, and from which line: for BufferError's message and gill.memory.exports().
//
// Recorded are views of exporters that want to know of their release, since only those can refuse to change while a view
// exists. An entry lives from PyObject_GetBuffer to PyBuffer_Release.
#pragma once

#include <Python.h>

#include "base/place.h"
#include "base/result.h"

namespace gill {

struct Interpreter;
struct BufferExports;

void note_export(PyObject* exporter, const Py_buffer* view);
void forget_export(PyObject* exporter, const Py_buffer* view);
void finish_exports(Interpreter* interpreter);

struct ExportInfo {
  const Py_buffer* view;
  PyObject* holder;  // the object that the view is a part of; null: native code has it
  unsigned long thread_id;
  Place place;
};
// Calls `each(info, context)` for the views of an object, latest first, until it returns non-zero.
int visit_exports(PyObject* exporter, int (*each)(const ExportInfo&, void*), void* context);

// Raises BufferError: the text, and who has the views. There is none of it where a module of ours is tried in the reference.
extern "C" [[gnu::weak]] void gill_raise_exported(PyObject* exporter, const char* text);
inline Failure raise_exported(PyObject* exporter, const char* text) {
  if (gill_raise_exported) gill_raise_exported(exporter, text);
  else PyErr_SetString(PyExc_BufferError, text);
  return failure;
}

}  // namespace gill
