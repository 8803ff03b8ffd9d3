// Where a thread is: a Python line, and the native code below it where that is known. The text is a copy, so that a place can be
// kept when the code is gone, and be read by whoever may not touch objects.
#pragma once

#include <cstddef>
#include <cstring>

namespace gill {

struct Place {
  char file[116];  // the end of the path when that is longer; empty: no Python code
  char function[48];  // the end of the qualified name
  int line;
  const void* native;  // an address in the function that was called from there, or null

  bool known() const { return file[0] != 0; }
};

// Copies of `text` what fits, from its end where that says more.
template <size_t N>
void copy_start(char (&out)[N], const char* text, size_t length) {
  if (length > N - 1) length = N - 1;
  std::memcpy(out, text, length);
  out[length] = 0;
}

}  // namespace gill
