// The backtracking matcher.
//
// Everything that a failure must take back stands on one stack: choice points (where to go on instead)
// and undo records (the old value of a group mark, of a repeat's counter, of the current repeat). To
// fail is to pop records, undoing, until a choice point comes up. So no native stack grows with the
// subject, and captures are exactly those of the path that matched.
//
// Lookarounds, atomic groups and possessive repeats run a nested match above a floor in the same stack.
// When it succeeds its choice points are dropped and its undo records stay; when it fails everything
// above the floor is undone.
#pragma once

#include "base/result.h"
#include "modules/sre/characters.h"

namespace gill::sre {

// What a search works on and what it finds.
struct Search {
  const Code* code = nullptr;
  const void* begin = nullptr;  // the string's start, for anchors and look-behind
  const void* end = nullptr;    // endpos
  const void* start = nullptr;  // where to begin; then where the match begins
  const void* stop = nullptr;   // where the match ends
  int width = 1;                // bytes a character
  bool full = false;            // the match must end at `end`
  bool must_advance = false;    // an empty match at `start` does not count
  Py_ssize_t mark_count = 0;    // two a group
  const void** marks = nullptr; // group starts and ends, null where unset
  Py_ssize_t last_index = -1;   // the group closed last

  // Kept between searches on the same subject.
  struct Record* stack = nullptr;
  size_t stack_capacity = 0;
  struct RepeatContext* repeats = nullptr;
  size_t repeat_capacity = 0;

  Search() = default;
  Search(const Search&) = delete;
  ~Search();
};

// Empty on error (an exception is set: a signal handler's, or no memory).
Maybe<bool> match_here(Search& search);
Maybe<bool> search_forward(Search& search);

}  // namespace gill::sre
