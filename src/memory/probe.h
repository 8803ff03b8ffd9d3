// Looks at a few old objects now and then, to tell whether a collection of the oldest generation would be in vain.
#pragma once

#include <Python.h>

namespace gill {

struct Collector;

// What was found since the last collection of the oldest generation.
struct Probes {
  static constexpr Py_ssize_t kEnough = 32;
  Py_ssize_t looked = 0;   // objects
  Py_ssize_t dead = 0;     // of them, unreachable together with what they hold
  Py_ssize_t unknown = 0;  // hold too much to tell

  bool find_garbage() const { return dead * 16 > looked; }
  bool find_none() const { return looked >= kEnough && dead == 0 && unknown * 4 <= looked; }
};

// Looks at one old object. Bounded work; nothing dies.
void probe_old(Collector* collector);

}  // namespace gill
