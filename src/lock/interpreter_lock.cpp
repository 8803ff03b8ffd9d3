#include "lock/interpreter_lock.h"

#include <ctime>

namespace gill {

namespace {

inline constexpr uint32_t kHeld = 1;
inline constexpr uint32_t kOneWaiter = 2;
inline constexpr unsigned kReturningBeforeComputing = 2;

uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

timespec after_us(uint64_t microseconds) {
  uint64_t deadline = now_ns() + microseconds * 1000;
  return {static_cast<time_t>(deadline / 1'000'000'000u), static_cast<long>(deadline % 1'000'000'000u)};
}

}  // namespace

struct InterpreterLock::Waiter {
  pthread_cond_t wakeup;
  LockUser user;
  bool owner = false;
  Waiter* next = nullptr;

  explicit Waiter(LockUser who) : user(who) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&wakeup, &attributes);
    pthread_condattr_destroy(&attributes);
  }
  ~Waiter() { pthread_cond_destroy(&wakeup); }
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

void InterpreterLock::acquire(LockUser user, Arrival arrival) {
  uint32_t free = 0;
  if (!word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed)) {
    pthread_mutex_lock(&mutex_);
    // From here on the holder must come through the mutex to let go.
    uint32_t before = word_.fetch_add(kOneWaiter, std::memory_order_acquire);
    if (before & kHeld) {
      Waiter waiter(user);
      wait_in_queue(waiter, arrival);
    } else {
      // It was let go in between. Nobody is queued then: with waiters a release hands over.
      word_.store(kHeld, std::memory_order_relaxed);
    }
    pthread_mutex_unlock(&mutex_);
  }
  note_holder(user);
  statistics_.acquisitions.store(statistics_.acquisitions.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// Called with the mutex held and a waiter counted in `word_`.
void InterpreterLock::ask_to_yield() {
  std::atomic<uint32_t>* requests = requests_.load(std::memory_order_relaxed);
  if (requests->load(std::memory_order_relaxed) & drop_bit_) return;
  requests->fetch_or(drop_bit_, std::memory_order_release);
  statistics_.requests.fetch_add(1, std::memory_order_relaxed);
}

// By the holder. Whether there was one.
bool InterpreterLock::withdraw_request() {
  return requests_.load(std::memory_order_relaxed)->fetch_and(~drop_bit_, std::memory_order_relaxed) & drop_bit_;
}

// Called with the mutex held, counted as a waiter in `word_`.
void InterpreterLock::wait_in_queue(Waiter& waiter, Arrival arrival) {
  (arrival == Arrival::returning ? returning_ : computing_).push(&waiter);
  const uint64_t begin = now_ns();
  unsigned long holder = holder_.load(std::memory_order_relaxed);
  while (!waiter.owner) {
    uint64_t patience = switch_interval_us();
    if (arrival == Arrival::returning) patience = patience / 10 + 1;
    timespec deadline = after_us(patience);
    pthread_cond_timedwait(&waiter.wakeup, &mutex_, &deadline);
    if (waiter.owner) break;
    // A new holder since gets its time; the same one is asked.
    unsigned long current = holder_.load(std::memory_order_relaxed);
    if (current == holder) ask_to_yield();
    holder = current;
  }
  note_wait(now_ns() - begin, holder);
}

void InterpreterLock::note_wait(uint64_t nanoseconds, unsigned long holder) {
  statistics_.contended.fetch_add(1, std::memory_order_relaxed);
  statistics_.waited_ns.fetch_add(nanoseconds, std::memory_order_relaxed);
  if (nanoseconds > statistics_.longest_wait_ns.load(std::memory_order_relaxed)) {
    statistics_.longest_wait_ns.store(nanoseconds, std::memory_order_relaxed);
    statistics_.longest_wait_holder.store(holder, std::memory_order_relaxed);
  }
}

InterpreterLock::Waiter* InterpreterLock::choose_next() {
  if (returning_.first && (!computing_.first || returning_streak_ < kReturningBeforeComputing)) {
    ++returning_streak_;
    return returning_.pop();
  }
  returning_streak_ = 0;
  return computing_.pop();
}

// Called with the mutex held by the owner of the lock.
void InterpreterLock::hand_over(Waiter* next) {
  withdraw_request();
  word_.fetch_sub(kOneWaiter, std::memory_order_release);
  next->owner = true;
  note_holder(next->user);
  pthread_cond_signal(&next->wakeup);
}

void InterpreterLock::release() {
  if (contended()) {
    pthread_mutex_lock(&mutex_);
    hand_over(choose_next());
    pthread_mutex_unlock(&mutex_);
    return;
  }
  std::atomic<uint32_t>* requests = requests_.load(std::memory_order_relaxed);
  note_holder({0, &nobody_});
  uint32_t alone = kHeld;
  if (word_.compare_exchange_strong(alone, 0, std::memory_order_release, std::memory_order_relaxed)) return;
  // Somebody came in between.
  requests_.store(requests, std::memory_order_relaxed);
  pthread_mutex_lock(&mutex_);
  hand_over(choose_next());
  pthread_mutex_unlock(&mutex_);
}

void InterpreterLock::yield(LockUser user) {
  withdraw_request();
  if (!contended()) return;
  Waiter waiter(user);
  pthread_mutex_lock(&mutex_);
  if (returning_.first || computing_.first) {
    statistics_.forced_switches.fetch_add(1, std::memory_order_relaxed);
    Waiter* next = choose_next();
    word_.fetch_add(kOneWaiter, std::memory_order_relaxed);
    hand_over(next);
    wait_in_queue(waiter, Arrival::computing);
    note_holder(user);
  }
  pthread_mutex_unlock(&mutex_);
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

void InterpreterLock::hold_for_fork() { pthread_mutex_lock(&mutex_); }

void InterpreterLock::let_go_after_fork(bool in_child) {
  if (in_child) {
    returning_ = computing_ = Queue();
    word_.store(kHeld, std::memory_order_relaxed);
    withdraw_request();
  }
  pthread_mutex_unlock(&mutex_);
}

}  // namespace gill
