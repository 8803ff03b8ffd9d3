// The pauses of the collector.
#include "memory/collector.h"
#include "memory/pauses.h"
#include "modules/gill/module.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

Ref<> waiters_of(const Pause& pause) {
  Ref<> list = TRY(steal(PyList_New(0)));
  for (uint32_t i = 0; i < pause.waiter_count && i < Pause::kNamedWaiters; ++i) {
    TRY(status_of(PyList_Append(list.get(), TRY(steal(PyLong_FromUnsignedLongLong(pause.waiters[i]))).get())));
  }
  return list;
}

}  // namespace

Ref<> gc_pauses(PyObject*) {
  const PauseLog& log = *current_interpreter()->collector->pauses;
  Ref<> list = TRY(steal(PyList_New(0)));
  const uint64_t end = log.count;
  for (uint64_t i = end > PauseLog::kKept ? end - PauseLog::kKept : 0; i < end; ++i) {
    // Building what describes one may run into the next, which takes the oldest one's place.
    const Pause pause = log.last[i % PauseLog::kKept];
    Ref<> entry = TRY(Fields()
                          .integer("number", i)
                          .integer("began", monotonic_ns_of(pause.began))
                          .nanoseconds("lasted", pause.lasted)
                          .integer("generation", static_cast<uint64_t>(pause.generation))
                          .integer("examined", pause.examined)
                          .integer("collected", pause.collected)
                          .integer("thread_id", pause.thread_id)
                          .put("place", place_tuple(pause.place))
                          .integer("waiting", pause.waiter_count)
                          .put("waiters", waiters_of(pause))
                          .take());
    TRY(status_of(PyList_Append(list.get(), entry.get())));
  }
  return Fields().integer("count", log.count).nanoseconds("total", log.total).nanoseconds("longest", log.longest).put("last", std::move(list)).take();
}

}  // namespace gill
