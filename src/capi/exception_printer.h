// Where exceptions are printed to, as the files that print parts of them share it.
#pragma once

#include <Python.h>

#include "base/result.h"

namespace gill {

struct ExceptionPrinter {
  PyObject* file;
  Ref<> seen;  // identities of exceptions on the way, against cycles; null outside chains
  int group_depth = 0;
  bool needs_closing = false;  // the box of the innermost group has no bottom line yet

  Status text(const char* s) { return status_of(PyFile_WriteString(s, file)); }
  Status object(PyObject* o) { return status_of(PyFile_WriteObject(o, file, Py_PRINT_RAW)); }
  template <class... A>
  Status format(const char* f, A... a) {
    Ref<> s = TRY(steal(PyUnicode_FromFormat(f, a...)));
    return object(s.get());
  }
  int indent() const { return 2 * group_depth; }
  const char* margin() const { return group_depth ? "| " : ""; }
  // What each line within a group begins with.
  Status margin_text() { return indented(indent(), margin()); }
  Status indented(int width, const char* then) {
    char spaces[81];
    while (width > 0) {
      int part = width < 80 ? width : 80;
      for (int i = 0; i < part; ++i) spaces[i] = ' ';
      spaces[part] = 0;
      TRY(text(spaces));
      width -= part;
    }
    return *then ? text(then) : Status::ok;
  }
};

// print_traceback.cpp: the entries below the header, with sources and markers. Every line is indented, then has the
// margin; `header_margin` is the header's.
Status print_traceback(ExceptionPrinter& out, PyObject* traceback, const char* header_margin, const char* header);
// The line of a source file as it is, without its end; null without an exception when it cannot be had.
Ref<> find_source_line(PyObject* filename, int line);

// suggestions.cpp: the name that was probably meant; null, without an exception, when there is none.
Ref<> suggestion_for(PyObject* exception);

}  // namespace gill
