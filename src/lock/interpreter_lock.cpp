#include "lock/interpreter_lock.h"

#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace gill {

namespace {

inline constexpr uint32_t kHeld = 1;
inline constexpr uint32_t kOneWaiter = 2;
inline constexpr unsigned kReturningBeforeComputing = 2;
// Of the switch interval: how long a computing thread may go on when one in haste comes; the credit that can be saved up, in intervals.
inline constexpr uint64_t kShortestTurn = 100;
inline constexpr uint64_t kMostCredit = 4;

// Keeps errno, which belongs to the blocking call that the lock was given up for.
void futex(std::atomic<uint32_t>* word, int operation, uint32_t value, const timespec* deadline, uint32_t bits) {
  int kept = errno;
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), operation, value, deadline, nullptr, bits);
  errno = kept;
}
// Sleeps while the word is 0, until the deadline at most.
void sleep_on(std::atomic<uint32_t>& word, uint64_t deadline_ns) {
  timespec deadline = {static_cast<time_t>(deadline_ns / 1'000'000'000u), static_cast<long>(deadline_ns % 1'000'000'000u)};
  futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &deadline, FUTEX_BITSET_MATCH_ANY);
}
// The calling thread's sleeps end to a microsecond at their deadline, rather than within the 50 that the kernel allows itself for
// grouping wake-ups.
void sleep_precisely() { prctl(PR_SET_TIMERSLACK, 1000); }
// Wakes who sleeps on the word, which may be gone meanwhile: the kernel looks at the address only.
void wake(std::atomic<uint32_t>* word) { futex(word, FUTEX_WAKE_PRIVATE, 1, nullptr, 0); }

}  // namespace

struct InterpreterLock::Waiter {
  LockUser user;
  ThreadRecord& record;
  Obstacle obstacle = {};                 // written by holders under the mutex
  std::atomic<uint32_t> state = kAsleep;  // changes under the mutex; what the thread sleeps on
  Waiter* next = nullptr;
  static constexpr uint32_t kAsleep = 0, kWoken = 1, kOwner = 2;
};

void InterpreterLock::Queue::push(Waiter* waiter) {
  (last ? last->next : first) = waiter;
  last = waiter;
}

InterpreterLock::Waiter* InterpreterLock::Queue::pop() {
  Waiter* waiter = first;
  first = waiter->next;
  if (!first) last = nullptr;
  waiter->next = nullptr;
  return waiter;
}

InterpreterLock::InterpreterLock(uint32_t drop_bit) : drop_bit_(drop_bit) { pthread_mutex_init(&mutex_, nullptr); }
InterpreterLock::~InterpreterLock() { pthread_mutex_destroy(&mutex_); }

void InterpreterLock::note_holder(LockUser user) {
  holder_.store(user.thread_id, std::memory_order_relaxed);
  requests_.store(user.requests, std::memory_order_relaxed);
}

bool InterpreterLock::take_alone() {
  uint32_t free = 0;
  return word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed);
}

void InterpreterLock::begin_turn(Arrival arrival, uint64_t now) {
  turn_arrival_ = arrival;
  turn_began_ns_.store(now, std::memory_order_relaxed);
}

// With the mutex held by the owner of the lock, while somebody waits.
void InterpreterLock::end_turn() {
  const uint64_t began = turn_began_ns_.load(std::memory_order_relaxed);
  turn_began_ns_.store(0, std::memory_order_relaxed);
  if (!began) return;
  const auto length = static_cast<int64_t>(monotonic_ns() - began);
  const auto most = static_cast<int64_t>(kMostCredit * switch_interval_us() * 1000);
  credit_ns_ = std::clamp(credit_ns_ + (turn_arrival_ == Arrival::computing ? length : -length), -most, most);
}

void InterpreterLock::acquire(LockUser user, Arrival arrival) {
  ThreadRecord& record = thread_record();
  if (take_alone()) {
    note_holder(user);
    return record.enter();
  }
  // It belongs to the blocking call that the lock was given up for.
  const int kept_errno = errno;
  record.arrive();
  // Whoever finds others waiting gets in line.
  if (!(word_.load(std::memory_order_relaxed) <= kHeld && spin_for_release_.until([this] { return take_alone(); }))) {
    pthread_mutex_lock(&mutex_);
    // From here on the holder must come through the mutex to let go.
    uint32_t before = word_.fetch_add(kOneWaiter, std::memory_order_acquire);
    if (before & kHeld) {
      Waiter waiter{user, record};
      wait_in_queue(waiter, arrival, nullptr);
    } else {
      // It was let go in between, or whoever was woken for it does not run yet.
      word_.store(before | kHeld, std::memory_order_relaxed);
      begin_turn(arrival, monotonic_ns());
      pthread_mutex_unlock(&mutex_);
    }
  }
  note_holder(user);
  record.enter_after_wait();
  errno = kept_errno;
}

// Called with the mutex held and a waiter counted in `word_`.
void InterpreterLock::ask_to_yield() {
  std::atomic<uint32_t>* requests = requests_.load(std::memory_order_relaxed);
  if (requests->load(std::memory_order_relaxed) & drop_bit_) return;
  requests->fetch_or(drop_bit_, std::memory_order_release);
  request_count_.fetch_add(1, std::memory_order_relaxed);
}

// By the holder. Whether there was one.
bool InterpreterLock::withdraw_request() {
  return requests_.load(std::memory_order_relaxed)->fetch_and(~drop_bit_, std::memory_order_relaxed) & drop_bit_;
}

// Called with the mutex held, which it gives back, and counted as a waiter in `word_`. `woken` is what hand_over() gave.
void InterpreterLock::wait_in_queue(Waiter& waiter, Arrival arrival, std::atomic<uint32_t>* woken) {
  Queue& queue = arrival == Arrival::returning ? returning_ : computing_;
  waiter.obstacle.waiter = waiter.record.thread_id.load(std::memory_order_relaxed);
  waiter.obstacle.began = waiter.record.since.load(std::memory_order_relaxed);
  queue.push(&waiter);
  unsigned long holder = holder_.load(std::memory_order_relaxed);
  const uint64_t interval = switch_interval_us() * 1000;
  const bool in_haste = arrival == Arrival::returning && credit_ns_ > 0;
  const uint64_t turn_began = turn_began_ns_.load(std::memory_order_relaxed);
  const uint64_t begin = monotonic_ns();
  const uint64_t shortest_turn = interval / kShortestTurn;
  uint64_t now = begin, patience = in_haste ? shortest_turn : interval, deadline = begin + patience;
  if (in_haste && turn_began) {
    deadline = turn_began + shortest_turn;
    if (now >= deadline) {
      ask_to_yield();
      patience *= 2;
      deadline = now + patience;
    }
  }
  pthread_mutex_unlock(&mutex_);
  if (woken) wake(woken);
  bool passed_over = false;
  auto is_up = [&] { return waiter.state.load(std::memory_order_acquire) != Waiter::kAsleep; };
  for (;;) {
    if (in_haste && !is_up()) {
      // A holder that was asked yields at once, as a rule.
      const bool came = patience > shortest_turn && spin_for_yield_.until(is_up);
      if (!came) sleep_precisely();
    }
    while (!is_up() && now < deadline) {
      sleep_on(waiter.state, deadline);
      now = monotonic_ns();
    }
    if (waiter.state.load(std::memory_order_acquire) == Waiter::kOwner) break;
    pthread_mutex_lock(&mutex_);
    const uint32_t state = waiter.state.load(std::memory_order_relaxed);
    if (state == Waiter::kWoken) {
      waking_ = false;
      if (take_if_free(queue)) break;
      // Another thread was faster.
      waiter.state.store(Waiter::kAsleep, std::memory_order_relaxed);
      passed_over = true;
    }
    if (now >= deadline && state != Waiter::kOwner) {
      // A new holder since gets its time, unless it was this thread's turn or this one is in haste; the same one is asked.
      const unsigned long current = holder_.load(std::memory_order_relaxed);
      if (passed_over || in_haste || current == holder) ask_to_yield();
      holder = current;
      // Whom it asked may be followed by a computing thread whose turn it is.
      patience = std::min(patience * 2, interval);
      deadline = now + patience;
    }
    pthread_mutex_unlock(&mutex_);
  }
  begin_turn(arrival, monotonic_ns());
  note_wait(waiter);
}

// By the thread that has waited.
void InterpreterLock::note_wait(Waiter& waiter) {
  Obstacle& obstacle = waiter.obstacle;
  obstacle.waited = ticks_between(obstacle.began, ticks());
  if (obstacle.waited <= waiter.record.longest_wait.load(std::memory_order_relaxed)) return;
  waiter.record.longest_wait.store(obstacle.waited, std::memory_order_relaxed);
  waiter.record.longest_obstacle.write(obstacle);
}

// By the owner with the mutex held, before it lets the lock go. Only who waits longer than ever before wants to know why.
void InterpreterLock::tell_waiters(bool for_native_code) {
  const ThreadRecord& holder = thread_record();
  const uint64_t now = ticks(), since = holder.since.load(std::memory_order_relaxed);
  for (Waiter* waiter : {returning_.first, computing_.first}) {
    if (!waiter) continue;
    Obstacle& obstacle = waiter->obstacle;
    const uint64_t overlap = ticks_between(std::max(obstacle.began, since), now);
    if (ticks_between(obstacle.began, now) <= waiter->record.longest_wait.load(std::memory_order_relaxed) || overlap <= obstacle.overlap) continue;
    obstacle.overlap = overlap;
    obstacle.thread_id = holder.thread_id.load(std::memory_order_relaxed);
    obstacle.place = {};
    void* context = holder.context.load(std::memory_order_relaxed);
    if (place_finder_ && context) place_finder_(context, obstacle.place);
    if (for_native_code) obstacle.place.native = holder.native.load(std::memory_order_relaxed);
  }
}

// With the mutex held, which it gives back when it takes the lock for the first of the queue.
bool InterpreterLock::take_if_free(Queue& queue) {
  const uint32_t word = word_.load(std::memory_order_acquire);
  if (word & kHeld) return false;
  word_.store((word - kOneWaiter) | kHeld, std::memory_order_relaxed);
  queue.pop();
  pthread_mutex_unlock(&mutex_);
  return true;
}

InterpreterLock::Queue& InterpreterLock::next_queue() {
  if (returning_.first && (!computing_.first || returning_streak_ < (credit_ns_ > 0 ? kReturningBeforeComputing : 1))) {
    ++returning_streak_;
    return returning_;
  }
  returning_streak_ = 0;
  return computing_;
}

// Called with the mutex held by the owner of the lock, while somebody waits. What it returns is to be woken once the mutex is free.
std::atomic<uint32_t>* InterpreterLock::hand_over() {
  Waiter* next = next_queue().pop();
  withdraw_request();
  word_.fetch_sub(kOneWaiter, std::memory_order_release);
  note_holder(next->user);
  std::atomic<uint32_t>* state = &next->state;
  if (state->load(std::memory_order_relaxed) == Waiter::kWoken) waking_ = false;
  // From the store on the waiter may be gone.
  state->store(Waiter::kOwner, std::memory_order_release);
  return state;
}

// By the owner, while somebody waits.
void InterpreterLock::release_to_next() {
  pthread_mutex_lock(&mutex_);
  end_turn();
  ThreadRecord& record = thread_record();
  tell_waiters(true);
  ThreadRecord::add(record.voluntary, 1);
  record.leave();
  std::atomic<uint32_t>* woken = nullptr;
  if (withdraw_request()) {
    woken = hand_over();
  } else {
    note_holder({0, &nobody_});
    word_.fetch_sub(kHeld, std::memory_order_release);
    if (!waking_) {
      waking_ = true;
      woken = &next_queue().first->state;
      woken->store(Waiter::kWoken, std::memory_order_release);
    }
  }
  pthread_mutex_unlock(&mutex_);
  if (woken) wake(woken);
}

void InterpreterLock::release() {
  if (contended()) return release_to_next();
  ThreadRecord& record = thread_record();
  record.leave();
  std::atomic<uint32_t>* requests = requests_.load(std::memory_order_relaxed);
  const uint64_t turn_began = turn_began_ns_.load(std::memory_order_relaxed);
  note_holder({0, &nobody_});
  turn_began_ns_.store(0, std::memory_order_relaxed);
  uint32_t alone = kHeld;
  if (word_.compare_exchange_strong(alone, 0, std::memory_order_release, std::memory_order_relaxed)) return;
  // Somebody came in between.
  record.state.store(LockState::holding, std::memory_order_relaxed);
  requests_.store(requests, std::memory_order_relaxed);
  turn_began_ns_.store(turn_began, std::memory_order_relaxed);
  release_to_next();
}

void InterpreterLock::yield(LockUser user) {
  withdraw_request();
  if (!contended()) return;
  pthread_mutex_lock(&mutex_);
  if (!returning_.first && !computing_.first) {
    pthread_mutex_unlock(&mutex_);
    return;
  }
  end_turn();
  ThreadRecord& record = thread_record();
  tell_waiters(false);
  ThreadRecord::add(record.forced, 1);
  record.leave_and_arrive();
  word_.fetch_add(kOneWaiter, std::memory_order_relaxed);
  Waiter waiter{user, record};
  wait_in_queue(waiter, Arrival::computing, hand_over());
  note_holder(user);
  record.enter_after_wait();
}

void InterpreterLock::move_holder(std::atomic<uint32_t>* requests) {
  if (!requests) requests = &nobody_;
  // With the mutex: a waiter may be about to ask in the old word, whose interpreter may end next.
  pthread_mutex_lock(&mutex_);
  bool asked = withdraw_request();
  requests_.store(requests, std::memory_order_relaxed);
  if (asked) requests->fetch_or(drop_bit_, std::memory_order_relaxed);
  pthread_mutex_unlock(&mutex_);
}

void InterpreterLock::hold_for_fork() {
  pthread_mutex_lock(&mutex_);
  hold_thread_records();
}

void InterpreterLock::let_go_after_fork(bool in_child) {
  if (in_child) {
    returning_ = computing_ = Queue();
    waking_ = false;
    word_.store(kHeld, std::memory_order_relaxed);
    withdraw_request();
    forget_other_threads();
  }
  let_thread_records_go();
  pthread_mutex_unlock(&mutex_);
}

}  // namespace gill
