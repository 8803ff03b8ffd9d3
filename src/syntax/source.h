// The text that is tokenized: UTF-8 with '\n' at line ends, whole or growing line by line.
//
// Here is what happens before tokenizing: byte order marks, PEP 263 cookies, decoding, line ends, reading
// files and asking for lines.
#pragma once

#include <Python.h>

#include <cstdio>

#include "base/result.h"

namespace gill::ast {

inline constexpr size_t kMaxCookie = 100;

class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() { PyMem_Free(data_); }

  // `is_utf8`: no mark and no cookie counts. `end_line`: text that is a file's gets a missing last line end.
  Status from_string(const char* text, size_t size, PyObject* filename, bool is_utf8, bool end_line);
  // Reads the file to its end.
  Status from_file(FILE* file, PyObject* filename, const char* encoding);
  // Lines come from the terminal, one when the tokenizer wants it.
  void from_terminal(FILE* file, const char* encoding, const char* prompt, const char* continuation_prompt);

  // Makes one more line available. False at the end or, with an exception set, after a failure.
  bool more();

  const char* data() const { return data_ ? data_ : ""; }
  int size() const { return size_; }
  // Columns in errors count characters where an encoding is known, else bytes.
  bool has_encoding() const { return has_encoding_; }
  // The one that the text itself names, or null.
  const char* cookie() const { return cookie_[0] ? cookie_ : nullptr; }
  bool is_interactive() const { return terminal_; }
  bool has_prompt() const { return terminal_ && prompt_; }
  // Errors are explained with what has been typed already.
  void stop_asking() { asking_ = false; }
  bool stopped_asking() const { return terminal_ && !asking_; }

 private:
  Status append(const char* text, size_t size, bool end_line);
  Status append_text(PyObject* text, bool end_line);
  Status decode_and_append(const char* text, size_t size, const char* encoding, PyObject* filename, bool end_line);

  char* data_ = nullptr;
  int size_ = 0;
  int capacity_ = 0;
  bool bad_utf8_ = false;
  bool has_encoding_ = false;
  char cookie_[kMaxCookie] = "";
  bool terminal_ = false;
  bool asking_ = true;
  FILE* file_ = nullptr;
  const char* encoding_ = nullptr;
  const char* prompt_ = nullptr;
  const char* continuation_prompt_ = nullptr;
};

}  // namespace gill::ast
