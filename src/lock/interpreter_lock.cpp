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
inline constexpr int64_t kMostCredit = 4;  // in intervals
// A returning thread that comes back for a moment, a tenth of the switch interval at most, pays a third of its turn: such threads may have three
// quarters of the time. One that comes back to compute pays for all of it, and so may have half.
inline constexpr uint64_t kMoment = 10;
inline constexpr int64_t kFavour = 3;
// Of the switch interval: how long a computing thread may go on when one in haste comes, and how late the first in line may be.
inline constexpr uint64_t kShortestTurn = 100;
inline constexpr uint64_t kLateness = 8;

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
thread_local constinit bool t_sleeps_precisely = false;
void sleep_precisely() {
  if (!t_sleeps_precisely) t_sleeps_precisely = prctl(PR_SET_TIMERSLACK, 1000) == 0;
}
// Wakes who sleeps on the word, which may be gone meanwhile: the kernel looks at the address only.
void wake_up(std::atomic<uint32_t>* word) { futex(word, FUTEX_WAKE_PRIVATE, 1, nullptr, 0); }

}  // namespace

// What is not constant or atomic is guarded by the mutex.
struct InterpreterLock::Waiter {
  LockUser user;
  ThreadRecord& record;
  const Arrival arrival;
  const uint64_t used_ns = 0;             // of its turn, before it begins
  const uint64_t began_ns;
  uint64_t deadline_ns = 0;               // when it looks whether to ask
  uint64_t patience_ns = 0;               // how long it waited for an answer the last time that it asked
  bool passed_over = false;               // it was woken for a free lock, and another thread was faster
  Obstacle obstacle = {};                 // written by holders
  std::atomic<uint32_t> state = kAsleep;  // changes under the mutex; what the thread sleeps on
  int64_t place = 0;
  Waiter* next = nullptr;
  // Woken to take the lock if it is free; to look at the time again; and handed the lock.
  static constexpr uint32_t kAsleep = 0, kWoken = 1, kReminded = 2, kOwner = 3;
};

void InterpreterLock::Queue::push(Waiter* waiter) {
  waiter->place = end++;
  (last ? last->next : first) = waiter;
  last = waiter;
}

void InterpreterLock::Queue::push_front(Waiter* waiter) {
  waiter->place = --begin;
  waiter->next = first;
  first = waiter;
  if (!last) last = waiter;
}

bool InterpreterLock::Queue::first_is_woken() const { return first && first->state.load(std::memory_order_relaxed) == Waiter::kWoken; }

InterpreterLock::Waiter* InterpreterLock::Queue::pop() {
  Waiter* waiter = first;
  ++begin;
  first = waiter->next;
  if (!first) last = nullptr;
  waiter->next = nullptr;
  return waiter;
}

void InterpreterLock::ToWake::wake() {
  if (owner) wake_up(owner);
  if (timekeeper) wake_up(timekeeper);
}

InterpreterLock::InterpreterLock(uint32_t drop_bit) : drop_bit_(drop_bit) { pthread_mutex_init(&mutex_, nullptr); }
InterpreterLock::~InterpreterLock() { pthread_mutex_destroy(&mutex_); }

void InterpreterLock::note_holder(LockUser user) {
  holder_.store(user.thread_id, std::memory_order_relaxed);
  requests_.store(user.requests, std::memory_order_relaxed);
}

// By the holder itself.
void InterpreterLock::begin_holding(LockUser user) {
  note_holder(user);
  holder_processor_.store(current_processor(), std::memory_order_relaxed);
}

// Not on the processor of the holder: the system has put the holder off for this thread, and goes on with it once this one sleeps.
bool InterpreterLock::may_look() const {
  const int processor = current_processor();
  return processor == kUnknownProcessor || processor != holder_processor_.load(std::memory_order_relaxed);
}

bool InterpreterLock::take_alone() {
  uint32_t free = 0;
  return word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed);
}

bool InterpreterLock::is_moment(uint64_t length_ns) const { return length_ns * kMoment < interval_ns(); }

void InterpreterLock::begin_turn(Arrival arrival, uint64_t now, uint64_t used) {
  turn_arrival_ = arrival;
  turn_used_ns_.store(used, std::memory_order_relaxed);
  turn_began_ns_.store(now, std::memory_order_relaxed);
}

// With the mutex held by the owner of the lock, while somebody waits. How long the turn was, interruptions left out.
uint64_t InterpreterLock::end_turn(uint64_t now) {
  const uint64_t began = turn_began_ns_.load(std::memory_order_relaxed);
  turn_began_ns_.store(0, std::memory_order_relaxed);
  if (!began) return 0;
  const uint64_t length = now - began;
  const auto most = kMostCredit * static_cast<int64_t>(interval_ns());
  int64_t earned = static_cast<int64_t>(length) * kFavour;
  if (turn_arrival_ == Arrival::returning) earned = -(is_moment(length) ? static_cast<int64_t>(length) : earned);
  credit_ns_ = std::clamp(credit_ns_ + earned, -most, most);
  return turn_used_ns_.load(std::memory_order_relaxed) + length;
}

void InterpreterLock::acquire(LockUser user, Arrival arrival) {
  ThreadRecord& record = thread_record();
  if (take_alone()) {
    turn_arrival_ = arrival;
    begin_holding(user);
    return record.enter();
  }
  // It belongs to the blocking call that the lock was given up for.
  const int kept_errno = errno;
  record.arrive();
  // Whoever finds others waiting gets in line.
  if (word_.load(std::memory_order_relaxed) <= kHeld && may_look() && spin_for_release_.until([this] { return take_alone(); })) {
    turn_arrival_ = arrival;
  } else {
    pthread_mutex_lock(&mutex_);
    // From here on the holder must come through the mutex to let go.
    uint32_t before = word_.fetch_add(kOneWaiter, std::memory_order_acquire);
    if (before & kHeld) {
      Waiter waiter{.user = user, .record = record, .arrival = arrival, .began_ns = monotonic_ns()};
      // The turn of a thread that took the lock alone begins when somebody waits.
      if (!turn_began_ns_.load(std::memory_order_relaxed)) {
        turn_used_ns_.store(0, std::memory_order_relaxed);
        turn_began_ns_.store(waiter.began_ns, std::memory_order_relaxed);
      }
      queue_of(arrival).push(&waiter);
      wait_in_queue(waiter, {});
    } else {
      // It was let go in between, or whoever was woken for it does not run yet.
      word_.store(before | kHeld, std::memory_order_relaxed);
      begin_turn(arrival, monotonic_ns(), 0);
      pthread_mutex_unlock(&mutex_);
    }
  }
  begin_holding(user);
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

// With the mutex held: when a waiter is to ask the holder to yield.
uint64_t InterpreterLock::time_to_ask(const Waiter& waiter) const {
  const uint64_t interval = interval_ns(), turn_began = turn_began_ns_.load(std::memory_order_relaxed);
  // It is 0 where the holder was about to release the lock as the first waiter came.
  const uint64_t begin = turn_began ? turn_began : waiter.began_ns;
  if (waiter.arrival == Arrival::returning && credit_ns_ > 0) return begin + interval / kShortestTurn;
  const uint64_t used = turn_began ? std::min(turn_used_ns_.load(std::memory_order_relaxed), interval) : 0;
  uint64_t end = begin + interval - used;
  // Threads that are always faster are no turn of which the end could be waited for.
  if (waiter.passed_over) end = std::min(end, waiter.began_ns + interval);
  const Queue& queue = waiter.arrival == Arrival::returning ? returning_ : computing_;
  return end + static_cast<uint64_t>(waiter.place - queue.begin) * interval;
}

// With the mutex held, by a waiter that is counted in `word_`: asks the holder when it is time to, and says when to look again. Whether it asked.
bool InterpreterLock::keep_time(Waiter& waiter, uint64_t now) {
  const uint64_t time = time_to_ask(waiter);
  if (now < time) {
    waiter.deadline_ns = time;
    return false;
  }
  ask_to_yield();
  // Whom it asked may be followed by another thread.
  const uint64_t interval = interval_ns();
  waiter.patience_ns = std::clamp(2 * waiter.patience_ns, 2 * (interval / kShortestTurn), interval);
  waiter.deadline_ns = now + waiter.patience_ns;
  return true;
}

// With the mutex held, which it gives back, in a queue, and counted as a waiter in `word_`. `before` is what hand_over() gave.
void InterpreterLock::wait_in_queue(Waiter& waiter, ToWake before) {
  waiter.obstacle.waiter = waiter.record.thread_id.load(std::memory_order_relaxed);
  waiter.obstacle.began = waiter.record.since.load(std::memory_order_relaxed);
  uint64_t now = waiter.began_ns;
  bool asked = keep_time(waiter, now);
  uint64_t deadline = waiter.deadline_ns;
  pthread_mutex_unlock(&mutex_);
  before.wake();
  ToWake next;
  auto is_up = [&] { return waiter.state.load(std::memory_order_acquire) != Waiter::kAsleep; };
  for (;;) {
    if (!is_up()) {
      // A holder that was asked yields at once, as a rule.
      const bool came = asked && may_look() && spin_for_yield_.until(is_up);
      if (!came && waiter.arrival == Arrival::returning) sleep_precisely();
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
      if (take_if_free(waiter, next)) break;
      waiter.passed_over = true;
    }
    if (state != Waiter::kOwner) {
      waiter.state.store(Waiter::kAsleep, std::memory_order_relaxed);
      asked = keep_time(waiter, now);
      deadline = waiter.deadline_ns;
    }
    pthread_mutex_unlock(&mutex_);
  }
  begin_turn(waiter.arrival, monotonic_ns(), waiter.used_ns);
  next.wake();
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

InterpreterLock::Queue& InterpreterLock::next_queue() {
  const unsigned most = credit_ns_ > 0 ? kReturningBeforeComputing : 1;
  return returning_.first && (!computing_.first || returning_streak_ < most) ? returning_ : computing_;
}

// With the mutex held: the first of the queue is to own the lock. Its turn begins; it says so again when it runs.
InterpreterLock::Waiter* InterpreterLock::serve(Queue& queue, uint64_t now) {
  Waiter* waiter = queue.pop();
  returning_streak_ = &queue == &returning_ ? returning_streak_ + 1 : 0;
  begin_turn(waiter->arrival, now, waiter->used_ns);
  return waiter;
}

// With the mutex held, after a turn began: the computing thread that is first in line now ends it. It may have reckoned with longer turns of those
// who were before it.
std::atomic<uint32_t>* InterpreterLock::remind_next() {
  Waiter* next = computing_.first;
  if (!next || next->state.load(std::memory_order_relaxed) != Waiter::kAsleep) return nullptr;
  if (next->deadline_ns <= time_to_ask(*next) + interval_ns() / kLateness) return nullptr;
  next->state.store(Waiter::kReminded, std::memory_order_release);
  return &next->state;
}

// With the mutex held, which it gives back when the waiter, who was woken, takes the lock.
bool InterpreterLock::take_if_free(Waiter& waiter, ToWake& next) {
  const uint32_t word = word_.load(std::memory_order_acquire);
  if (word & kHeld) return false;
  word_.store((word - kOneWaiter) | kHeld, std::memory_order_relaxed);
  serve(queue_of(waiter.arrival), monotonic_ns());
  next.timekeeper = remind_next();
  pthread_mutex_unlock(&mutex_);
  return true;
}

// With the mutex held by the owner of the lock, while somebody waits. What it returns is to be woken once the mutex is free.
InterpreterLock::ToWake InterpreterLock::hand_over(uint64_t now) {
  Waiter* next = serve(next_queue(), now);
  withdraw_request();
  word_.fetch_sub(kOneWaiter, std::memory_order_release);
  note_holder(next->user);
  holder_processor_.store(kUnknownProcessor, std::memory_order_relaxed);
  std::atomic<uint32_t>* state = &next->state;
  if (state->load(std::memory_order_relaxed) == Waiter::kWoken) waking_ = false;
  ToWake woken{state, remind_next()};
  // From the store on the waiter may be gone.
  state->store(Waiter::kOwner, std::memory_order_release);
  return woken;
}

// By the owner, while somebody waits.
void InterpreterLock::release_to_next() {
  pthread_mutex_lock(&mutex_);
  const uint64_t now = monotonic_ns();
  end_turn(now);
  ThreadRecord& record = thread_record();
  tell_waiters(true);
  ThreadRecord::add(record.voluntary, 1);
  record.leave();
  ToWake woken;
  if (withdraw_request()) {
    woken = hand_over(now);
  } else {
    note_holder({0, &nobody_});
    word_.fetch_sub(kHeld, std::memory_order_release);
    if (!waking_) {
      waking_ = true;
      woken.owner = &next_queue().first->state;
      woken.owner->store(Waiter::kWoken, std::memory_order_release);
    }
  }
  pthread_mutex_unlock(&mutex_);
  woken.wake();
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
  if (turn_began) turn_began_ns_.store(turn_began, std::memory_order_relaxed);
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
  const bool returned = turn_arrival_ == Arrival::returning;
  const uint64_t now = monotonic_ns(), length = end_turn(now);
  ThreadRecord& record = thread_record();
  tell_waiters(false);
  ThreadRecord::add(record.forced, 1);
  record.leave_and_arrive();
  word_.fetch_add(kOneWaiter, std::memory_order_relaxed);
  const uint64_t interval = interval_ns();
  // It was faster than somebody who has waited for too long, and is still to have its moment.
  const bool is_hasty = returned && is_moment(length);
  // A turn that a returning thread interrupts goes on after it. But who was woken to take the lock stays the first.
  const bool is_interrupted = !is_hasty && &next_queue() == &returning_ && length + interval / kShortestTurn < interval && !computing_.first_is_woken();
  // The system lets whoever asks run late, now and then: what a turn was too long is taken from the next.
  const uint64_t used = is_hasty || is_interrupted ? length : std::min(length > interval ? length - interval : 0, interval / 4 * 3);
  Waiter waiter{.user = user, .record = record, .arrival = is_hasty ? Arrival::returning : Arrival::computing, .used_ns = used, .began_ns = now};
  Queue& queue = queue_of(waiter.arrival);
  ToWake woken = hand_over(now);
  is_interrupted ? queue.push_front(&waiter) : queue.push(&waiter);
  wait_in_queue(waiter, woken);
  begin_holding(user);
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
