#include "modules/gill/observe.h"

#include "lock/interpreter_lock.h"
#include "memory/collector.h"
#include "memory/pauses.h"
#include "objects/place.h"

namespace gill {
namespace {

void find_place_of_context(void* context, Place& place) { find_place(static_cast<ThreadState*>(context), place); }

void describe_pause(Pause& pause) {
  pause.thread_id = PyThread_get_thread_ident();
  find_place(current_thread(), pause.place);
  // Nobody to name, by far the most frequent case.
  if (!current_interpreter()->lock->contended()) return;
  for (const ThreadRecord* record = first_thread_record(); record; record = record->next) {
    if (record->state.load(std::memory_order_relaxed) != LockState::waiting) continue;
    if (pause.waiter_count < Pause::kNamedWaiters) pause.waiters[pause.waiter_count] = record->thread_id.load(std::memory_order_relaxed);
    ++pause.waiter_count;
  }
}

}  // namespace

void observe(Interpreter* interpreter) {
  interpreter->lock->set_place_finder(find_place_of_context);
  interpreter->collector->pauses->describe = describe_pause;
}

}  // namespace gill
