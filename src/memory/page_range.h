// Runs of pages in the process's reserved address range. Thread-safe: heaps of several interpreters take
// from it.
#pragma once

#include <cstddef>

namespace gill {

struct Page;

// Finds `count` pages in a row for what `page` describes, and says there where its first slot is; false when there are none.
// The memory is zeroed or not.
bool take_pages(Page* page, size_t count);
void give_pages(Page* page);
// Calls `visit` for every run that is taken. It takes and gives none.
void for_each_taken_run(void (*visit)(Page* page, void* context), void* context);

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
