#include "lock/interpreter_lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
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
// Wakes who sleeps on the word, which may be gone meanwhile: the kernel looks at the address only.
void wake(std::atomic<uint32_t>* word) { futex(word, FUTEX_WAKE_PRIVATE, 1, nullptr, 0); }

}  // namespace

struct InterpreterLock::Waiter {
  LockUser user;
  std::atomic<uint32_t> owner = 0;  // set once, under the mutex; what the thread sleeps on
  Waiter* next = nullptr;
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
      Waiter waiter{user};
      wait_in_queue(waiter, arrival, nullptr);
    } else {
      // It was let go in between. Nobody is queued then: with waiters a release hands over.
      word_.store(kHeld, std::memory_order_relaxed);
      pthread_mutex_unlock(&mutex_);
    }
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

// Called with the mutex held, which it gives back, and counted as a waiter in `word_`. `woken` is what hand_over() gave.
void InterpreterLock::wait_in_queue(Waiter& waiter, Arrival arrival, std::atomic<uint32_t>* woken) {
  (arrival == Arrival::returning ? returning_ : computing_).push(&waiter);
  unsigned long holder = holder_.load(std::memory_order_relaxed);
  pthread_mutex_unlock(&mutex_);
  if (woken) wake(woken);
  const uint64_t begin = now_ns();
  for (;;) {
    uint64_t patience = switch_interval_us();
    if (arrival == Arrival::returning) patience = patience / 10 + 1;
    const uint64_t deadline = now_ns() + patience * 1000;
    while (!waiter.owner.load(std::memory_order_acquire) && now_ns() < deadline) sleep_on(waiter.owner, deadline);
    if (waiter.owner.load(std::memory_order_acquire)) break;
    pthread_mutex_lock(&mutex_);
    // A new holder since gets its time; the same one is asked.
    unsigned long current = holder_.load(std::memory_order_relaxed);
    if (current == holder && !waiter.owner.load(std::memory_order_relaxed)) ask_to_yield();
    holder = current;
    pthread_mutex_unlock(&mutex_);
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

// Called with the mutex held by the owner of the lock. What it returns is to be woken once the mutex is free.
std::atomic<uint32_t>* InterpreterLock::hand_over(Waiter* next) {
  withdraw_request();
  word_.fetch_sub(kOneWaiter, std::memory_order_release);
  note_holder(next->user);
  // From the store on the waiter may be gone.
  std::atomic<uint32_t>* owner = &next->owner;
  owner->store(1, std::memory_order_release);
  return owner;
}

// By the owner, while somebody waits.
void InterpreterLock::release_to_next() {
  pthread_mutex_lock(&mutex_);
  std::atomic<uint32_t>* woken = hand_over(choose_next());
  pthread_mutex_unlock(&mutex_);
  wake(woken);
}

void InterpreterLock::release() {
  if (contended()) return release_to_next();
  std::atomic<uint32_t>* requests = requests_.load(std::memory_order_relaxed);
  note_holder({0, &nobody_});
  uint32_t alone = kHeld;
  if (word_.compare_exchange_strong(alone, 0, std::memory_order_release, std::memory_order_relaxed)) return;
  // Somebody came in between.
  requests_.store(requests, std::memory_order_relaxed);
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
  statistics_.forced_switches.fetch_add(1, std::memory_order_relaxed);
  Waiter* next = choose_next();
  word_.fetch_add(kOneWaiter, std::memory_order_relaxed);
  Waiter waiter{user};
  wait_in_queue(waiter, Arrival::computing, hand_over(next));
  note_holder(user);
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
