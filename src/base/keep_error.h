// Code that may raise, run while an exception may be set.
#pragma once

#include <Python.h>

namespace gill {

// Keeps the exception that is set, if any, across code that may raise.
class KeepError {
 public:
  KeepError() { PyErr_Fetch(&type_, &value_, &traceback_); }
  ~KeepError() { PyErr_Restore(type_, value_, traceback_); }
  KeepError(const KeepError&) = delete;

 private:
  PyObject *type_, *value_, *traceback_;
};

}  // namespace gill
