// What an interpreter remembers about codecs.
#pragma once

#include <Python.h>

#include "base/ref.h"

namespace gill {

struct Interpreter;

struct CodecState {
  PyObject* search_path;     // list of search functions
  PyObject* cache;           // normalized name -> codec
  PyObject* error_handlers;  // name -> handler
  bool encodings_imported;
};

// The dict of handlers that every registry begins with.
Ref<> make_error_handlers();
// The current interpreter's handlers, borrowed.
PyObject* error_handlers();
void finish_codecs(Interpreter* interpreter);

}  // namespace gill
