// What each native thread has done at the interpreter lock: always counted, and read without a lock.
//
// A thread's record is written by that thread alone, so that counting is a plain load and store: relaxed atomics, no
// read-modify-write. Records are never freed: a reader may follow the list at any time, in a signal handler too. When a thread
// ends its numbers are added to those of all ended threads and the record waits for another thread.
//
// Time is counted in ticks of the processor's clock, which cost a third of asking the system; ticks become nanoseconds when they are read.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>

#include "base/place.h"
#include "base/ticks.h"

namespace gill {

enum class LockState : uint32_t { unused, outside, waiting, holding };

// Of the monotonic clock.
uint64_t monotonic_ns();
// A span, and a moment, of ticks on the monotonic clock.
uint64_t nanoseconds_of(uint64_t ticks);
uint64_t monotonic_ns_of(uint64_t moment);

// A structure that one thread writes and others read. What a reader gets is whole, or it gets nothing.
template <class T>
class Published {
  static_assert(sizeof(T) % sizeof(uint64_t) == 0);
  static constexpr size_t kWords = sizeof(T) / sizeof(uint64_t);

 public:
  void write(const T& value) {
    uint64_t words[kWords];
    std::memcpy(words, &value, sizeof(T));
    uint32_t before = version_.load(std::memory_order_relaxed);
    version_.store(before + 1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    for (size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
    version_.store(before + 2, std::memory_order_release);
  }
  bool read(T& value) const {
    uint64_t words[kWords];
    uint32_t before = version_.load(std::memory_order_acquire);
    if (before & 1) return false;
    for (size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
    if (version_.load(std::memory_order_relaxed) != before) return false;
    std::memcpy(static_cast<void*>(&value), words, sizeof(T));
    return true;
  }

 private:
  std::atomic<uint32_t> version_ = 0;
  std::atomic<uint64_t> words_[kWords] = {};
};

// Who made a thread wait.
struct Obstacle {
  uint64_t waiter;     // the thread that waited
  uint64_t began;      // ticks: when the wait began
  uint64_t waited;     // ticks
  uint64_t overlap;    // ticks: how long that thread held the lock meanwhile
  uint64_t thread_id;  // of the thread that held the lock longest meanwhile; 0: not known
  Place place;         // where that one let go
};

struct LockCounters {
  std::atomic<uint64_t> held = 0;     // ticks
  std::atomic<uint64_t> waited = 0;   // ticks
  std::atomic<uint64_t> outside = 0;  // ticks in native code, without the lock
  std::atomic<uint64_t> acquisitions = 0;
  std::atomic<uint64_t> contended = 0;  // of these, those that had to wait
  std::atomic<uint64_t> forced = 0;     // hand-overs because a waiter asked
  std::atomic<uint64_t> voluntary = 0;  // releases around native code while somebody waited
};

struct ThreadRecord : LockCounters {
  ThreadRecord* next = nullptr;
  std::atomic<bool> taken = false;
  std::atomic<LockState> state = LockState::unused;
  std::atomic<uint64_t> since = 0;  // ticks: when the state began
  std::atomic<unsigned long> thread_id = 0;
  std::atomic<int> native_id = 0;
  std::atomic<uint64_t> longest_wait = 0;  // ticks
  Published<Obstacle> longest_obstacle;
  // The thread state that works here, for those who look where a thread is; null when none does.
  std::atomic<void*> context = nullptr;
  // An address in this thread's native stack.
  std::atomic<const void*> stack = nullptr;
  // An address in the function that let the lock go.
  std::atomic<const void*> native = nullptr;

  // The steps of a thread at the lock. Each ends the state before.
  void enter() {
    add(acquisitions, 1);
    pass(outside, LockState::holding);
  }
  void arrive() { pass(outside, LockState::waiting); }
  void enter_after_wait() {
    add(acquisitions, 1);
    add(contended, 1);
    pass(waited, LockState::holding);
  }
  void leave() { pass(held, LockState::outside); }
  // Lets the lock go and waits for it again.
  void leave_and_arrive() { pass(held, LockState::waiting); }

  static void add(std::atomic<uint64_t>& counter, uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

 private:
  void pass(std::atomic<uint64_t>& time, LockState next_state) {
    uint64_t now = ticks();
    add(time, ticks_between(since.load(std::memory_order_relaxed), now));
    since.store(now, std::memory_order_relaxed);
    state.store(next_state, std::memory_order_relaxed);
  }
};

extern thread_local constinit ThreadRecord* t_thread_record [[gnu::tls_model("initial-exec")]];

// Of this thread; made when it is the first time.
ThreadRecord& new_thread_record();
[[gnu::always_inline]] inline ThreadRecord& thread_record() { return t_thread_record ? *t_thread_record : new_thread_record(); }

// All records ever made, those of no thread (not `taken`) among them.
ThreadRecord* first_thread_record();
// What threads that have ended counted.
const LockCounters& ended_threads();
uint64_t ended_thread_count();
// The longest wait of any of them; false when none waited.
bool longest_wait_of_ended(Obstacle& obstacle);
// Around a fork: no other thread is in the middle of making its record or of giving it back.
void hold_thread_records();
void let_thread_records_go();
// In a forked child, with the records held: only this thread is here.
void forget_other_threads();

}  // namespace gill
