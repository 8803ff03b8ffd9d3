#include "modules/gill/observe.h"

#include <cwchar>

#include "base/names.h"
#include "lock/interpreter_lock.h"
#include "memory/collector.h"
#include "memory/pauses.h"
#include "memory/sampler.h"
#include "objects/place.h"

extern "C" const wchar_t* _Py_get_xoption(const PyWideStringList* options, const wchar_t* option);

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

// A size with the unit k, m or none; `off` and 0: none are taken. -1 when it is none of these.
double parse_interval(const wchar_t* text) {
  if (std::wcscmp(text, L"off") == 0) return 0;
  wchar_t* unit;
  const double number = std::wcstod(text, &unit);
  const double factor = std::wcscmp(unit, L"k") == 0 ? 0x1p10 : std::wcscmp(unit, L"m") == 0 ? 0x1p20 : *unit ? -1 : 1;
  const double bytes = number * factor;
  const bool valid = bytes == 0 || (bytes >= static_cast<double>(kLeastSampleInterval) && bytes <= static_cast<double>(kMostSampleInterval));
  return unit != text && factor > 0 && valid ? bytes : -1;
}

}  // namespace

Status set_sampling(const PyConfig* config) {
  const wchar_t* option = _Py_get_xoption(&config->xoptions, L"memory-samples");
  if (!option) return Status::ok;
  const wchar_t* given = std::wcschr(option, L'=');
  const double bytes = given ? parse_interval(given + 1) : -1;
  if (bytes < 0) return raise(PyExc_ValueError, "-X memory-samples needs a size from 1k to 1024m, or off");
  set_sample_interval(static_cast<size_t>(bytes));
  return Status::ok;
}

void observe(Interpreter* interpreter) {
  interpreter->lock->set_place_finder(find_place_of_context);
  interpreter->collector->pauses->describe = describe_pause;
  set_stack_reader(&kStackReader);
}

}  // namespace gill
