// The Python objects of `_sre`: Pattern, Match, Scanner.
#pragma once

#include "base/binding.h"
#include "base/names.h"
#include "modules/sre/engine.h"

namespace gill::sre {

struct Pattern {
  PyObject_VAR_HEAD
  Py_ssize_t groups;
  PyObject* group_index;  // dict: name -> number
  PyObject* index_group;  // tuple: number -> name or None
  PyObject* pattern;      // str, bytes or None
  PyObject* weakrefs;
  int flags;
  bool is_bytes;
  SetBitmaps sets;
  Py_ssize_t code_size;
  Code code[1];

  bool has_text() const { return pattern != Py_None; }
};

struct Match {
  PyObject_VAR_HEAD
  PyObject* string;
  PyObject* regs;  // tuple of spans, made when asked for
  Pattern* pattern;
  Py_ssize_t pos, endpos;
  Py_ssize_t last_index;
  Py_ssize_t groups;   // with group 0
  Py_ssize_t mark[1];  // start and end of each group, -1 where unset
};

// The subject of a search: a str, or bytes by the buffer protocol, with the state of the matcher.
class Subject {
 public:
  Subject() { view_.obj = nullptr; }
  ~Subject();
  Subject(const Subject&) = delete;

  Status open(Pattern* pattern, PyObject* string, Py_ssize_t start, Py_ssize_t end);
  Py_ssize_t index_of(const void* p) const {
    return (static_cast<const char*>(p) - static_cast<const char*>(search.begin)) / search.width;
  }
  Ref<> slice(Py_ssize_t start, Py_ssize_t end) const;
  // The text of a group of the match just found; None, or an empty slice, where it is unset.
  Ref<> group(Py_ssize_t number, bool empty_when_unset) const;
  Ref<> make_match(Pattern* pattern) const;
  // Goes on behind the match just found.
  void advance() {
    search.must_advance = search.stop == search.start;
    search.start = search.stop;
  }

  Search search;
  PyObject* string = nullptr;  // borrowed from the caller
  Py_ssize_t pos = 0, endpos = 0;
  Py_ssize_t length = 0;

 private:
  Py_buffer view_;
  const void** marks_ = nullptr;
  bool is_bytes_ = false;
};

// A slice of a str, of bytes, or of any other buffer (as bytes).
Ref<> slice_of(PyObject* string, Py_ssize_t start, Py_ssize_t end);

extern "C" {
extern PyTypeObject SrePattern_Type, SreMatch_Type, SreScanner_Type;
}

Ref<> new_scanner(Pattern* pattern, PyObject* string, Py_ssize_t pos, Py_ssize_t endpos);

}  // namespace gill::sre
