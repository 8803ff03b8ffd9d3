// What threads have done at the interpreter lock.
#include "lock/interpreter_lock.h"
#include "modules/gill/module.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

constexpr const char* kStateNames[] = {"ended", "native", "waiting", "holding"};

uint64_t value_of(const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

void put_counters(Fields& fields, const LockCounters& counters, LockState state = LockState::unused, uint64_t in_state = 0) {
  fields.nanoseconds("held", value_of(counters.held) + (state == LockState::holding ? in_state : 0))
      .nanoseconds("waited", value_of(counters.waited) + (state == LockState::waiting ? in_state : 0))
      .nanoseconds("native", value_of(counters.outside) + (state == LockState::outside ? in_state : 0))
      .integer("acquisitions", value_of(counters.acquisitions))
      .integer("contended", value_of(counters.contended))
      .integer("forced", value_of(counters.forced))
      .integer("voluntary", value_of(counters.voluntary));
}

Ref<> wait_dict(bool known, const Obstacle& obstacle) {
  if (!known || obstacle.waited == 0) return none();
  return Fields()
      .integer("waiter", obstacle.waiter)
      .nanoseconds("waited", obstacle.waited)
      .integer("began", monotonic_ns_of(obstacle.began))
      .nanoseconds("held", obstacle.overlap)
      .integer("holder", obstacle.thread_id)
      .put("place", place_tuple(obstacle.place))
      .take();
}

}  // namespace

Ref<> lock_threads(PyObject*) {
  Ref<> list = TRY(steal(PyList_New(0)));
  for (const ThreadRecord* record = first_thread_record(); record; record = record->next) {
    if (!record->taken.load(std::memory_order_acquire)) continue;
    const LockState state = record->state.load(std::memory_order_relaxed);
    const uint64_t in_state = ticks_between(value_of(record->since), ticks());
    Obstacle longest;
    const bool has_waited = record->longest_obstacle.read(longest);
    Fields fields;
    fields.integer("thread_id", record->thread_id.load(std::memory_order_relaxed))
        .integer("native_id", static_cast<uint64_t>(record->native_id.load(std::memory_order_relaxed)))
        .text("state", kStateNames[static_cast<int>(state)])
        .nanoseconds("in_state", in_state)
        .put("longest_wait", wait_dict(has_waited, longest));
    put_counters(fields, *record, state, in_state);
    Ref<> entry = TRY(fields.take());
    TRY(status_of(PyList_Append(list.get(), entry.get())));
  }
  return list;
}

Ref<> lock_totals(PyObject*) {
  Fields fields;
  Obstacle longest;
  const bool has_waited = longest_wait_of_ended(longest);
  fields.integer("threads", ended_thread_count()).put("longest_wait", wait_dict(has_waited, longest));
  put_counters(fields, ended_threads());
  Ref<> ended = TRY(fields.take());
  const InterpreterLock* lock = current_interpreter()->lock;
  return Fields().put("ended", std::move(ended)).integer("requests", lock->request_count()).integer("switch_interval", lock->switch_interval_us() * 1000).take();
}

Ref<> main_thread(PyObject*) { return steal(PyLong_FromUnsignedLong(g_runtime.main_thread)); }

}  // namespace gill
