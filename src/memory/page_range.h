// Runs of pages in the process's reserved address range. Thread-safe: heaps of several interpreters take
// from it.
#pragma once

#include <cstddef>

namespace gill {

// `count` pages in a row, zeroed or not; null when there are none.
void* take_pages(size_t count);
void give_pages(void* first, size_t count);
// Hands the memory of given-back pages to the operating system now. They stay usable.
void trim_pages();

// A fork must not find the range in the middle of a change by another thread.
void hold_pages_for_fork();
void let_pages_go_after_fork(bool in_child);

}  // namespace gill
