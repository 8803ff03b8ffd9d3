// Format units of PyArg_Parse* ("s#", "O!", "(ii)", ...): converting one Python object into C variables.
#pragma once

#include <Python.h>

#include <cstdarg>

#include "base/result.h"

namespace gill {

// The C variables that follow the format.
struct VariableArguments {
  va_list list;
};

// Undo list: buffers and allocations made by units before the one that fails.
class ConversionCleanup {
 public:
  explicit ConversionCleanup(int capacity);
  ~ConversionCleanup();
  ConversionCleanup(const ConversionCleanup&) = delete;
  ConversionCleanup& operator=(const ConversionCleanup&) = delete;
  bool usable() const { return entries_ != nullptr; }
  void add_allocation(void* pointer) { entries_[count_++] = {pointer, nullptr}; }
  void add_buffer(Py_buffer* view) { entries_[count_++] = {nullptr, view}; }
  // An O& converter that wants to be told of a later failure.
  void add_converter(int (*converter)(PyObject*, void*), void* target) { entries_[count_++] = {target, nullptr, converter}; }
  // Success: the caller owns everything now.
  void dismiss() { count_ = 0; }

 private:
  struct Entry {
    void* pointer;
    Py_buffer* view;
    int (*converter)(PyObject*, void*) = nullptr;
  };
  static constexpr int kInline = 24;
  Entry inline_[kInline];
  Entry* entries_;
  int count_ = 0;
};

// Where in the arguments a value stands, for messages.
struct ConversionPlace {
  int argument = 0;       // 1-based; 0 without a number
  int items[8] = {};      // 1-based path into nested tuples
  int depth = 0;
  const char* function = nullptr;
  const char* message = nullptr;   // what stands behind ';'
};

// Converts `value` by the unit at `format`, which moves behind it. Sets the exception on failure.
bool convert_unit(PyObject* value, const char*& format, VariableArguments& targets, bool size_t_clean, ConversionPlace& place,
                  ConversionCleanup& cleanup);
// Moves behind a unit and its variables; null, or a message for a malformed format.
const char* skip_unit(const char*& format, VariableArguments* targets, bool size_t_clean);

}  // namespace gill
