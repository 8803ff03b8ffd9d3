// Which processor a thread runs on.
#pragma once

#include <sys/rseq.h>

#include <algorithm>

namespace gill {

inline constexpr int kUnknownProcessor = -1;

// The kernel keeps the number up to date in the thread's own memory, where it is negative if the kernel does not. By the time it is
// looked at the thread may run on another processor.
inline int current_processor() {
  const auto* own = reinterpret_cast<const volatile rseq*>(static_cast<const char*>(__builtin_thread_pointer()) + __rseq_offset);
  return std::max(static_cast<int>(own->cpu_id), kUnknownProcessor);
}

}  // namespace gill
