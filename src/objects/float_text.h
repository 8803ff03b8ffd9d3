// Between doubles and text.
#pragma once

#include "base/result.h"

// A published symbol that no public header declares; objects/number_format.cpp has it.
extern "C" int _PyFloat_FormatAdvancedWriter(_PyUnicodeWriter* writer, PyObject* number, PyObject* spec, Py_ssize_t start, Py_ssize_t end);

namespace gill {

// A double written out, in place unless it is very long. Codes and flags are PyOS_double_to_string's.
class DoubleText {
 public:
  DoubleText() = default;
  DoubleText(const DoubleText&) = delete;
  DoubleText& operator=(const DoubleText&) = delete;
  ~DoubleText() {
    if (text_ != inline_) PyMem_Free(text_);
  }
  // Once.
  Status write(double value, char code, int precision, int flags, int* type = nullptr);
  const char* text() const { return text_; }
  size_t length() const { return length_; }
  void append(char c) { text_[length_++] = c; }  // there is room for one

 private:
  char inline_[400];
  char* text_ = inline_;
  size_t length_ = 0;
};

Ref<> shortest_text(double value);  // repr()
Ref<> hex_text(double value);       // float.hex()
Maybe<double> parse_hex(PyObject* text);
// What an unsigned decimal number in [text, end) is that no double but 0 or infinity comes near.
double out_of_range_value(const char* text, const char* end);
// Rounded to `digits` decimal places, correctly from the exact value.
Ref<> round_decimal(double value, int digits);

}  // namespace gill
