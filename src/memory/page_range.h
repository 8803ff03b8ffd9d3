// Runs of pages in the process's reserved address range. Thread-safe: heaps of several interpreters take
// from it.
#pragma once

#include <cstddef>

namespace gill {

// `count` pages in a row, zeroed or not; null when there are none.
void* take_pages(size_t count);
void give_pages(void* first, size_t count);
// Calls `visit` for the first page of every run that is taken. It returns how many pages the run has, and takes and gives none.
void for_each_taken_run(size_t (*visit)(void* first, void* context), void* context);

// How many given-back pages still hold memory, for quick reuse.
size_t retained_pages();

// Hands the memory of given-back pages to the operating system now. They stay usable.
void trim_pages();

// Gives up the part of the range that RLIMIT_AS, set after start-up, leaves no room for. True if that made room.
bool fit_range_to_limit();
// Asks the operating system for memory; again when it refused for what only the reserved range takes up.
template <typename Request>
auto request_memory(Request request) {
  auto granted = request();
  if (!granted && fit_range_to_limit()) granted = request();
  return granted;
}

// A fork must not find the range in the middle of a change by another thread.
void hold_pages_for_fork();
void let_pages_go_after_fork();

}  // namespace gill
