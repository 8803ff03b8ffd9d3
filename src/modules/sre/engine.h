// The backtracking matcher.
//
// Everything that a failure must take back stands on one stack: choice points (where to go on instead)
// and undo records (the old value of a group mark, of a repeat's counter, of the current repeat). To
// fail is to pop records, undoing, until a choice point comes up. So no native stack grows with the
// subject, and captures are exactly those of the path that matched.
//
// Lookarounds, atomic groups and possessive repeats run a nested match above a floor in the same stack.
// When it succeeds only its undo records of groups stay; when it fails everything above the floor is
// undone.
#pragma once

#include "base/result.h"
#include "modules/sre/characters.h"

namespace gill::sre {

enum class Kind : uint8_t {
  // Undo records.
  mark,          // index, old pointer
  last_index,    // old value
  repeat_state,  // index, old count, old pointer
  current,       // old current repeat
  drop_repeat,   // the repeat pool's old size
  // Choice points.
  branch,           // pc of the next alternative, pointer
  repeat_tail,      // go on behind a greedy repeat: index, pointer
  repeat_body,      // try one more round of a lazy repeat: index, pointer
  one_greedy,       // pc of REPEAT_ONE, pointer behind the items, items left to give back
  one_lazy,         // pc of MIN_REPEAT_ONE, pointer, items taken
};

struct Record {
  Kind kind;
  uint32_t index;
  const Code* pc;
  const void* pointer;
  Py_ssize_t number;
};

struct RepeatContext {
  const Code* pc;  // at the REPEAT instruction's skip word
  Py_ssize_t count;
  const void* last;  // where the last round began, to stop at empty rounds
  uint32_t previous;
};

// What a search works on and what it finds.
struct Search {
  const Code* code = nullptr;
  Py_ssize_t code_size = 0;
  SetBitmaps* sets = nullptr;   // of the pattern
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
  static constexpr size_t kFirstRecords = 32;
  static constexpr size_t kFirstRepeats = 4;
  Record* stack = first_records;
  size_t stack_capacity = kFirstRecords;
  RepeatContext* repeats = first_repeats;
  size_t repeat_capacity = kFirstRepeats;
  // Most searches need no more.
  Record first_records[kFirstRecords];
  RepeatContext first_repeats[kFirstRepeats];

  Search() {}
  Search(const Search&) = delete;
  ~Search();
};

// Empty on error (an exception is set: a signal handler's, or no memory).
Maybe<bool> match_here(Search& search);
Maybe<bool> search_forward(Search& search);

}  // namespace gill::sre
