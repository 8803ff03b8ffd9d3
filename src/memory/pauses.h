// What the collector's pauses were: the last of them one by one, and their sum.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/place.h"
#include "base/ticks.h"

namespace gill {

struct Pause {
  static constexpr int kNamedWaiters = 4;
  uint64_t began;   // ticks
  uint64_t lasted;  // ticks
  uint64_t examined;  // objects
  uint64_t collected;
  uint64_t thread_id;
  uint64_t waiters[kNamedWaiters];  // threads that waited for the lock when it ended, the first of them
  uint32_t waiter_count;
  int32_t generation;
  Place place;  // of the code that ran into it
};

// Written by the thread that holds the interpreter's lock. Zeroed memory is an empty log.
struct PauseLog {
  static constexpr size_t kKept = 256;

  // Adds what a floor that knows threads can say about a pause that ends now.
  void (*describe)(Pause&);
  uint64_t count;
  uint64_t total;    // ticks
  uint64_t longest;  // ticks
  Pause last[kKept]; // pause i is at i % kKept

  void add(uint64_t began, int generation, uint64_t examined, uint64_t collected) {
    Pause& pause = last[count % kKept];
    pause = {};
    pause.began = began;
    pause.lasted = ticks_between(began, ticks());
    pause.generation = generation;
    pause.examined = examined;
    pause.collected = collected;
    if (describe) describe(pause);
    total += pause.lasted;
    if (pause.lasted > longest) longest = pause.lasted;
    ++count;
  }
};

}  // namespace gill
