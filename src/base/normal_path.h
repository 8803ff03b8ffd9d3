// The shortest spelling of a path that names the same file if no symbolic links are in the way.
#pragma once

#include <cstddef>

namespace gill {

// Rewrites `path` in place and returns its new size: no empty parts, no `.`, no `name/..`. Two slashes at the start stay
// two, more become one. What normalizes to the current directory becomes empty; a lone `.` stays.
inline size_t normalize_path(wchar_t* path, size_t size) {
  if (size == 1) return 1;
  size_t slashes = 0;
  while (slashes < size && path[slashes] == L'/') ++slashes;
  size_t root = slashes == 0 ? 0 : slashes == 2 ? 2 : 1;
  size_t out = root;      // end of what is written
  size_t climbed = root;  // end of the leading `..` parts, which nothing takes back
  for (size_t in = slashes; in < size;) {
    size_t end = in;
    while (end < size && path[end] != L'/') ++end;
    size_t length = end - in;
    bool skip = length == 0 || (length == 1 && path[in] == L'.');
    bool up = length == 2 && path[in] == L'.' && path[in + 1] == L'.';
    if (up && out > climbed) {
      while (out > climbed && path[out - 1] != L'/') --out;
      if (out > root) --out;  // the slash in front of the part
      if (out < climbed) out = climbed;
    } else if (!skip && !(up && root)) {
      if (out > root) path[out++] = L'/';
      for (size_t i = 0; i < length; ++i) path[out++] = path[in + i];
      if (up) climbed = out;
    }
    in = end + 1;
  }
  return out;
}

}  // namespace gill
