// The checking layer that PyMem_SetupDebugHooks and PYTHONMALLOC=debug put between the published memory functions and an allocator.
#pragma once

#include <Python.h>

namespace gill {

// An allocator with the layer on it, and what it was put on.
struct CheckedAllocator {
  char domain_letter;  // r, m or o, as reports say it
  PyMemAllocatorEx original;
};

bool has_checks(const PyMemAllocatorEx& allocator);
// Puts the layer on; `state` lives as long as the allocator is used.
PyMemAllocatorEx with_checks(const PyMemAllocatorEx& allocator, char domain_letter, CheckedAllocator* state);

}  // namespace gill
