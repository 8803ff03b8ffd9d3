// An open directory, which listdir() and scandir() read.
#pragma once

#include <dirent.h>

#include "modules/posix/posix.h"

namespace gill::posix {

class Directory {
 public:
  Directory() = default;
  Directory(const Directory&) = delete;
  ~Directory() { close(); }

  Status open(const BasicPath& path);
  void close();
  bool is_open() const { return stream_ != nullptr; }
  // The next entry but `.` and `..`; null at the end (errno is 0) or on an error (errno says which).
  dirent* next();

 private:
  DIR* stream_ = nullptr;
  bool rewind_ = false;
};

Ref<> posix_scandir(PyObject* module, AnyPath path);

}  // namespace gill::posix
