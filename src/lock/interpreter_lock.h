// The lock of interpreters: whoever holds it may touch their objects. All interpreters of the process share one, as extensions
// for Python 3.11 rely on.
//
// Policy
//   * Nobody waits: acquire and release are one atomic operation each.
//   * Somebody waits: a release frees the lock and wakes a waiter to take it. Whoever runs already may be faster, so that the lock
//     is not idle while a thread wakes up, and threads that pass work to each other do not stop at each of its releases.
//   * When a turn has lasted for the switch interval, the first in line asks the holder to yield at its next safe point
//     (`kRequestDropLock` in the interpreter's request word). Then the lock is handed over to a waiter directly: the thread that
//     let go cannot take it straight back, so a request to yield is never in vain.
//   * Computing threads get whole turns: one that was interrupted goes on before the others, and what was too much is taken from the next.
//   * A thread that returns from a blocking call, or is new, does not queue behind threads that compute: it stands in
//     a queue of its own, is served first, and asks the holder once that has had its turn for a hundredth of the interval. This haste
//     has a budget (`credit_ns_`): the turns of computing threads earn it and the turns of returning threads, while others wait,
//     spend it, those that last only for a moment a third of their length. When it is used up returning threads ask after the interval like
//     all others and take turns with computing ones. So threads that return for moments get three quarters of the time at
//     most, and one that returns to compute gets half.
//   * A returning thread that is asked within its first moment, because it was faster than a waiter once too often, is still returning.
//   * Before it queues or sleeps a thread looks for the lock for a moment (adaptive_spin.h): most turns of threads that pass work to
//     each other are shorter than the way to sleep and back.
//
// Invariant: `word_` is (waiters << 1 | held). It is changed without the mutex only from "nobody waits";
// the queues, and any change while somebody waits, are guarded by `mutex_`. While the lock is free and somebody waits, the first
// of a queue was woken to take it (`waking_`). `requests_` is the word in which the holder looks for requests, or
// `nobody_` while there is none who said so: with the mutex and a waiter counted, a word read from it stays alive, because its
// interpreter cannot let go, let alone end.
//
// What each thread does here is counted in its record (lock/thread_record.h), which anyone may read at any time.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "base/processor.h"
#include "lock/adaptive_spin.h"
#include "lock/thread_record.h"

namespace gill {

enum class Arrival { computing, returning };  // from a yield or a start; from a blocking call

// A thread at the lock: who it is, and the word in which it looks for the request to yield while it holds the lock.
struct LockUser {
  unsigned long thread_id;
  std::atomic<uint32_t>* requests;
};

// Finds where the thread is whose state `context` is (ThreadRecord::context). It is called by that thread, which holds the lock.
using PlaceFinder = void (*)(void* context, Place& place);

class InterpreterLock {
 public:
  // `drop_bit` is what is set in a holder's word to request that it yields.
  explicit InterpreterLock(uint32_t drop_bit);
  InterpreterLock(const InterpreterLock&) = delete;
  ~InterpreterLock();

  void acquire(LockUser user, Arrival arrival);
  void release();
  // Lets a waiter run, and waits for the next turn. Does nothing when nobody waits.
  void yield(LockUser user);
  // The holder goes on in another interpreter, or in none (null).
  void move_holder(std::atomic<uint32_t>* requests);

  uint32_t waiters() const { return word_.load(std::memory_order_relaxed) >> 1; }
  bool contended() const { return word_.load(std::memory_order_relaxed) > 1; }
  unsigned long holder() const { return holder_.load(std::memory_order_relaxed); }
  // How often a waiter asked the holder to yield.
  uint64_t request_count() const { return request_count_.load(std::memory_order_relaxed); }
  void set_place_finder(PlaceFinder finder) { place_finder_ = finder; }

  // As it was set; the lock itself waits for a microsecond at least.
  uint64_t given_interval_us() const { return interval_us_.load(std::memory_order_relaxed); }
  uint64_t switch_interval_us() const { return given_interval_us() ? given_interval_us() : 1; }
  void set_switch_interval_us(uint64_t interval) { interval_us_.store(interval, std::memory_order_relaxed); }

  // Around a fork, by the holder: it must not find another thread in the middle of a change. In the child nobody waits.
  void hold_for_fork();
  void let_go_after_fork(bool in_child);

 private:
  struct Waiter;
  struct Queue {
    Waiter* first = nullptr;
    Waiter* last = nullptr;
    // The places of the first and of the next to come: how many are before a waiter is a subtraction.
    int64_t begin = 0, end = 0;
    void push(Waiter* waiter);
    void push_front(Waiter* waiter);
    bool first_is_woken() const;
    Waiter* pop();
  };

  // Whom to wake once the mutex is free: who may have the lock, and who is to look at the time.
  struct ToWake {
    std::atomic<uint32_t>* owner = nullptr;
    std::atomic<uint32_t>* timekeeper = nullptr;
    void wake();
  };

  uint64_t interval_ns() const { return switch_interval_us() * 1000; }
  Queue& queue_of(Arrival arrival) { return arrival == Arrival::returning ? returning_ : computing_; }
  bool take_alone();
  void note_holder(LockUser user);
  void begin_holding(LockUser user);
  bool may_look() const;
  bool is_moment(uint64_t length_ns) const;
  void begin_turn(Arrival arrival, uint64_t now, uint64_t used);
  uint64_t end_turn(uint64_t now);
  bool withdraw_request();
  void ask_to_yield();
  uint64_t time_to_ask(const Waiter& waiter) const;
  bool keep_time(Waiter& waiter, uint64_t now);
  void wait_in_queue(Waiter& waiter, ToWake before);
  bool take_if_free(Waiter& waiter, ToWake& next);
  Queue& next_queue();
  Waiter* serve(Queue& queue, uint64_t now);
  std::atomic<uint32_t>* remind_next();
  ToWake hand_over(uint64_t now);
  void release_to_next();
  static void note_wait(Waiter& waiter);
  void tell_waiters(bool for_native_code);

  std::atomic<uint32_t> word_ = 0;
  std::atomic<unsigned long> holder_ = 0;
  std::atomic<int> holder_processor_ = kUnknownProcessor;  // where it took the lock, as far as it is known
  std::atomic<uint64_t> interval_us_ = 5000;
  std::atomic<uint32_t> nobody_ = 0;
  std::atomic<std::atomic<uint32_t>*> requests_ = &nobody_;
  const uint32_t drop_bit_;
  pthread_mutex_t mutex_;
  Queue returning_;
  Queue computing_;
  unsigned returning_streak_ = 0;
  // When the holder's turn began, if it waited for it, 0 otherwise; what it had used of it before; how it had arrived.
  // Written by the holder.
  std::atomic<uint64_t> turn_began_ns_ = 0;
  std::atomic<uint64_t> turn_used_ns_ = 0;
  Arrival turn_arrival_ = Arrival::computing;
  int64_t credit_ns_ = 0;  // for the haste of returning threads
  AdaptiveSpin spin_for_release_;
  AdaptiveSpin spin_for_yield_;
  bool waking_ = false;  // the first of a queue was woken to take the lock, and has not looked yet
  std::atomic<uint64_t> request_count_ = 0;
  PlaceFinder place_finder_ = nullptr;
};

}  // namespace gill
