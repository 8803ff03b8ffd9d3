#include "lock/thread_record.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <new>

namespace gill {

thread_local constinit ThreadRecord* t_thread_record = nullptr;

namespace {

// The process's. Anyone may read it at any time; what is not atomic is guarded by the mutex.
struct ThreadRecords {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<ThreadRecord*> first = nullptr;
  pthread_key_t key = 0;  // its destructor retires the record of a thread that ends
  LockCounters ended;
  std::atomic<uint64_t> ended_count = 0;
  Published<Obstacle> ended_longest;
  // One moment on both clocks.
  std::atomic<uint64_t> first_ticks = 0;
  std::atomic<uint64_t> first_ns = 0;
  // For a thread that finds no memory for a record of its own: nobody reads it.
  ThreadRecord lost;
};
constinit ThreadRecords g_thread_records;

class Guard {
 public:
  Guard() { pthread_mutex_lock(&g_thread_records.mutex); }
  ~Guard() { pthread_mutex_unlock(&g_thread_records.mutex); }
};

template <class Each>
void for_each_counter(Each each) {
  for (auto counter : {&LockCounters::held, &LockCounters::waited, &LockCounters::outside, &LockCounters::acquisitions, &LockCounters::contended,
                       &LockCounters::forced, &LockCounters::voluntary}) {
    each(counter);
  }
}

// With the mutex held.
void retire(ThreadRecord* record) {
  for_each_counter([&](auto counter) {
    ThreadRecord::add(g_thread_records.ended.*counter, (record->*counter).load(std::memory_order_relaxed));
    (record->*counter).store(0, std::memory_order_relaxed);
  });
  Obstacle own, longest;
  if (record->longest_obstacle.read(own) && g_thread_records.ended_longest.read(longest) && own.waited > longest.waited) {
    g_thread_records.ended_longest.write(own);
  }
  g_thread_records.ended_count.fetch_add(1, std::memory_order_relaxed);
  record->state.store(LockState::unused, std::memory_order_relaxed);
  record->context.store(nullptr, std::memory_order_relaxed);
  record->taken.store(false, std::memory_order_release);
}

void retire_own(void* record) {
  Guard guard;
  retire(static_cast<ThreadRecord*>(record));
  t_thread_record = nullptr;
}

// With the mutex held.
ThreadRecord* free_record() {
  ThreadRecord* first = g_thread_records.first.load(std::memory_order_relaxed);
  if (!first) {
    pthread_key_create(&g_thread_records.key, retire_own);
    g_thread_records.first_ns = monotonic_ns();
    g_thread_records.first_ticks = ticks();
  }
  for (ThreadRecord* record = first; record; record = record->next) {
    if (!record->taken.load(std::memory_order_relaxed)) return record;
  }
  void* memory = std::malloc(sizeof(ThreadRecord));
  if (!memory) return nullptr;
  auto* record = new (memory) ThreadRecord();
  record->next = first;
  g_thread_records.first.store(record, std::memory_order_release);
  return record;
}

}  // namespace

uint64_t monotonic_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

uint64_t nanoseconds_of(uint64_t span) {
  uint64_t passed_ticks = ticks() - g_thread_records.first_ticks, passed_ns = monotonic_ns() - g_thread_records.first_ns;
  return passed_ticks ? static_cast<uint64_t>(static_cast<double>(span) * (static_cast<double>(passed_ns) / static_cast<double>(passed_ticks))) : 0;
}

uint64_t monotonic_ns_of(uint64_t moment) {
  uint64_t now = ticks(), now_ns = monotonic_ns();
  return now > moment ? now_ns - nanoseconds_of(now - moment) : now_ns;
}

ThreadRecord& new_thread_record() {
  const int kept_errno = errno;
  Guard guard;
  ThreadRecord* record = free_record();
  if (!record) return g_thread_records.lost;
  record->longest_wait.store(0, std::memory_order_relaxed);
  record->longest_obstacle.write({});
  record->thread_id.store(static_cast<unsigned long>(pthread_self()), std::memory_order_relaxed);
  record->native_id.store(static_cast<int>(syscall(SYS_gettid)), std::memory_order_relaxed);
  record->stack.store(__builtin_frame_address(0), std::memory_order_relaxed);
  record->since.store(ticks(), std::memory_order_relaxed);
  record->state.store(LockState::outside, std::memory_order_relaxed);
  record->taken.store(true, std::memory_order_release);
  pthread_setspecific(g_thread_records.key, record);
  t_thread_record = record;
  errno = kept_errno;
  return *record;
}

ThreadRecord* first_thread_record() { return g_thread_records.first.load(std::memory_order_acquire); }
const LockCounters& ended_threads() { return g_thread_records.ended; }
uint64_t ended_thread_count() { return g_thread_records.ended_count.load(std::memory_order_relaxed); }

bool longest_wait_of_ended(Obstacle& obstacle) { return g_thread_records.ended_longest.read(obstacle) && obstacle.waited; }

void hold_thread_records() { pthread_mutex_lock(&g_thread_records.mutex); }
void let_thread_records_go() { pthread_mutex_unlock(&g_thread_records.mutex); }

void forget_other_threads() {
  for (ThreadRecord* record = first_thread_record(); record; record = record->next) {
    if (record->taken.load(std::memory_order_relaxed) && record != t_thread_record) retire(record);
  }
  if (t_thread_record) t_thread_record->native_id.store(static_cast<int>(syscall(SYS_gettid)), std::memory_order_relaxed);
}

}  // namespace gill
