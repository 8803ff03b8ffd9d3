// Tracing of allocations, as the module and the C API use it.
#pragma once

#include "base/result.h"
#include "modules/tracemalloc/tables.h"

namespace gill::tracemalloc {

struct Totals {
  size_t current = 0;
  size_t peak = 0;
};

bool is_tracing();
int frame_limit();
Status start(int frames);
void stop();
void clear_traces();
Totals totals();
void reset_peak();
size_t own_memory();

// The innermost frame first: ((file name, line), ...); None where the block is not traced.
Ref<> traceback_of(unsigned domain, uintptr_t address);
// Where the memory came from, for a report of damage: allocates nothing.
void dump_traceback_of(int fd, uintptr_t address);
Ref<> traceback_tuple(const Traceback* traceback);

// A copy of what is traced, which stays as it is; empty where tracing is off. False when memory ran out.
struct Snapshot {
  Block* blocks = nullptr;
  size_t count = 0;
  Snapshot() = default;
  Snapshot(const Snapshot&) = delete;
  ~Snapshot() { std::free(blocks); }
};
bool take_snapshot(Snapshot* out);

}  // namespace gill::tracemalloc
