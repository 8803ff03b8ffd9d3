// Tracing of allocations: the hooks in the allocators, and what is noted for each block.
//
// The hooks stand in front of all three domains of allocators (PyMem_SetAllocator). A block of the raw domain may be asked for
// without the interpreter's lock; the tables have a lock of their own, and the hook takes the interpreter's lock to look at the
// frames where the thread has a state. Within a hook of a thread nothing is traced.
#include "modules/tracemalloc/tracing.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

#include "base/names.h"
#include "memory/hooks.h"
#include "objects/frame.h"
#include "runtime/runtime.h"

extern "C" {
// Whether tracing is on, for those who look past the module.
struct _PyTraceMalloc_Config {
  enum { not_initialized, initialized, finalized } state;
  int tracing;
  int max_nframe;
};
extern _PyTraceMalloc_Config _Py_tracemalloc_config;
[[gnu::visibility("default")]] _PyTraceMalloc_Config _Py_tracemalloc_config = {_PyTraceMalloc_Config::not_initialized, 0, 1};

void _Py_DumpASCII(int fd, PyObject* text);
void _Py_DumpDecimal(int fd, size_t value);
}

namespace gill {

// Guarded by g_runtime.tracemalloc_mutex, but for what needs the interpreter's lock.
struct Tracemalloc {
  std::atomic<bool> tracing = false;
  int frame_limit = 1;
  const PyMemAllocatorEx* originals[3] = {};  // what stood there before, by domain; needs the interpreter's lock
  tracemalloc::Totals totals;
  tracemalloc::Table<tracemalloc::Block> blocks;
  tracemalloc::Table<tracemalloc::TracebackEntry> tracebacks;
  tracemalloc::Table<tracemalloc::FileName> file_names;
  size_t traceback_bytes = 0;
};

namespace tracemalloc {
namespace {

inline constexpr unsigned kDefaultDomain = 0;

thread_local constinit bool t_in_hook = false;

class InHook {
 public:
  InHook() { t_in_hook = true; }
  ~InHook() { t_in_hook = false; }
};

class Guard {
 public:
  Guard() { pthread_mutex_lock(&g_runtime.tracemalloc_mutex); }
  Guard(const Guard&) = delete;
  ~Guard() { pthread_mutex_unlock(&g_runtime.tracemalloc_mutex); }
};

Tracemalloc* active() {
  Tracemalloc* self = g_runtime.tracemalloc;
  return self && self->tracing ? self : nullptr;
}

// ---- tracebacks -----------------------------------------------------------------------------------------

// Keeps the name alive. Needs both locks.
PyObject* enter_file_name(Tracemalloc* self, PyObject* text) {
  if (!text || !PyUnicode_Check(text) || !PyUnicode_IS_READY(text)) text = name<"<unknown>">;
  if (!self->file_names.reserve()) return nullptr;
  FileName* entry = self->file_names.find(mix(reinterpret_cast<uintptr_t>(text)), [&](const FileName& e) { return e.text == text; });
  if (entry->is_empty()) {
    entry->text = borrow(text).release();
    self->file_names.note_added();
  }
  return text;
}

const Traceback* enter_traceback(Tracemalloc* self, Traceback* given) {
  size_t hash = given->total;
  for (int i = 0; i < given->count; ++i) {
    hash = mix(hash * 31 + reinterpret_cast<uintptr_t>(given->frames[i].file_name)) + given->frames[i].line;
  }
  given->hash = mix(hash);
  if (!self->tracebacks.reserve()) return nullptr;
  TracebackEntry* entry = self->tracebacks.find(given->hash, [&](const TracebackEntry& e) {
    return e.traceback->hash == given->hash && e.traceback->count == given->count && e.traceback->total == given->total &&
           std::equal(given->frames, given->frames + given->count, e.traceback->frames);
  });
  if (!entry->is_empty()) return entry->traceback;
  size_t bytes = sizeof(Traceback) + given->count * sizeof(TracedFrame);
  auto* copy = static_cast<Traceback*>(std::malloc(bytes));
  if (!copy) return nullptr;
  std::memcpy(copy, given, bytes);
  entry->traceback = copy;
  self->tracebacks.note_added();
  self->traceback_bytes += bytes;
  return copy;
}

// Where this thread is; `thread` is null for one without a state, whose place is unknown.
const Traceback* current_traceback(Tracemalloc* self, PyThreadState* thread) {
  constexpr int kInline = 32;
  alignas(Traceback) char storage[sizeof(Traceback) + kInline * sizeof(TracedFrame)];
  int limit = self->frame_limit;
  void* memory = limit <= kInline ? storage : std::malloc(sizeof(Traceback) + static_cast<size_t>(limit) * sizeof(TracedFrame));
  if (!memory) return nullptr;
  auto* traceback = new (memory) Traceback{};
  bool ok = true;
  int count = 0, total = 0;
  const Frame* frame = thread && thread->cframe ? thread->cframe->current_frame : nullptr;
  for (; frame; frame = frame->previous) {
    if (is_incomplete(frame)) continue;
    if (total < kMostFrames) ++total;
    if (count >= limit) continue;
    PyObject* file_name = enter_file_name(self, frame->f_code->co_filename);
    ok = ok && file_name;
    int line = frame_line(frame);
    traceback->frames[count++] = {file_name, line < 0 ? 0u : static_cast<unsigned>(line)};
  }
  if (count == 0) {
    traceback->frames[0] = {name<"<unknown>">, 0};
    count = total = 1;
  }
  traceback->count = static_cast<uint16_t>(count);
  traceback->total = static_cast<uint16_t>(total);
  const Traceback* result = ok ? enter_traceback(self, traceback) : nullptr;
  if (memory != storage) std::free(memory);
  return result;
}

// ---- blocks ---------------------------------------------------------------------------------------------

Block* find_block(Tracemalloc* self, unsigned domain, uintptr_t address) {
  Block key;
  key.address = address;
  key.domain = domain;
  return self->blocks.find(key.hash(), [&](const Block& b) { return b.address == address && b.domain == domain; });
}

// False when there is no memory. The guard is held.
bool add(Tracemalloc* self, unsigned domain, uintptr_t address, size_t size, PyThreadState* thread) {
  const Traceback* traceback = current_traceback(self, thread);
  if (!traceback || !self->blocks.reserve()) return false;
  Block* block = find_block(self, domain, address);
  if (block->used) {
    self->totals.current -= block->trace.size;
  } else {
    self->blocks.note_added();
  }
  block->address = address;
  block->domain = domain;
  block->used = true;
  block->trace = {size, traceback};
  self->totals.current += size;
  self->totals.peak = std::max(self->totals.peak, self->totals.current);
  return true;
}

void remove(Tracemalloc* self, unsigned domain, uintptr_t address) {
  Block* block = find_block(self, domain, address);
  if (!block || !block->used) return;
  self->totals.current -= block->trace.size;
  self->blocks.remove(block);
}

// Looks at the frames with the interpreter's lock where this thread can have it.
bool note(Tracemalloc* self, void* p, size_t size) {
  ThreadState* own = current_thread();
  if (own || !PyGILState_GetThisThreadState()) {
    Guard guard;
    return !self->tracing || add(self, kDefaultDomain, reinterpret_cast<uintptr_t>(p), size, own);
  }
  PyGILState_STATE lock = PyGILState_Ensure();
  bool ok;
  {
    Guard guard;
    ok = !self->tracing || add(self, kDefaultDomain, reinterpret_cast<uintptr_t>(p), size, current_thread());
  }
  PyGILState_Release(lock);
  return ok;
}

// A block that the thread is about to free: damage that shows only then is reported with its traceback.
struct LeavingBlock {
  uintptr_t address;
  const Traceback* traceback;
};
thread_local constinit LeavingBlock t_leaving = {0, nullptr};

void forget(void* p) {
  Tracemalloc* self = active();
  if (!self || !p) return;
  Guard guard;
  Block* block = find_block(self, kDefaultDomain, reinterpret_cast<uintptr_t>(p));
  if (!block || !block->used) return;
  t_leaving = {block->address, block->trace.traceback};
  remove(self, kDefaultDomain, block->address);
}

// ---- hooks ----------------------------------------------------------------------------------------------

void* noted(const PyMemAllocatorEx* original, void* p, size_t size) {
  Tracemalloc* self = active();
  if (!p || !self || t_in_hook) return p;
  InHook in_hook;
  if (note(self, p, size)) return p;
  original->free(original->ctx, p);
  return nullptr;
}

void* hooked_malloc(void* context, size_t size) {
  auto* original = static_cast<PyMemAllocatorEx*>(context);
  return noted(original, original->malloc(original->ctx, size), size);
}
void* hooked_calloc(void* context, size_t count, size_t size) {
  auto* original = static_cast<PyMemAllocatorEx*>(context);
  return noted(original, original->calloc(original->ctx, count, size), count * size);
}
void* hooked_realloc(void* context, void* p, size_t size) {
  auto* original = static_cast<PyMemAllocatorEx*>(context);
  Tracemalloc* self = active();
  Block before;
  if (p && self) {
    // Before the address can be another thread's.
    Guard guard;
    if (Block* block = find_block(self, kDefaultDomain, reinterpret_cast<uintptr_t>(p)); block && block->used) {
      before = *block;
      remove(self, kDefaultDomain, before.address);
    }
  }
  void* moved = original->realloc(original->ctx, p, size);
  if (moved && p) {
    // Its contents may have moved already, so the caller gets it even where the trace cannot be kept.
    if (self && !t_in_hook) {
      InHook in_hook;
      (void)note(self, moved, size);
    }
    return moved;
  }
  if (!moved && before.used) {
    Guard guard;
    if (self->tracing && self->blocks.reserve()) {
      *find_block(self, kDefaultDomain, before.address) = before;
      self->blocks.note_added();
      self->totals.current += before.trace.size;
    }
  }
  return noted(original, moved, size);
}
void hooked_free(void* context, void* p) {
  auto* original = static_cast<PyMemAllocatorEx*>(context);
  forget(p);
  original->free(original->ctx, p);
  t_leaving = {0, nullptr};
}

constexpr PyMemAllocatorDomain kDomains[] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};

void install_hooks(Tracemalloc* self) {
  for (PyMemAllocatorDomain domain : kDomains) {
    const PyMemAllocatorEx* original = self->originals[domain] = allocator_of(domain);
    PyMemAllocatorEx hooks = {const_cast<PyMemAllocatorEx*>(original), hooked_malloc, hooked_calloc, hooked_realloc, hooked_free};
    PyMem_SetAllocator(domain, &hooks);
  }
}
void remove_hooks(Tracemalloc* self) {
  for (PyMemAllocatorDomain domain : kDomains) {
    PyMemAllocatorEx original = *self->originals[domain];
    PyMem_SetAllocator(domain, &original);
  }
}

}  // namespace

// ---- control ----------------------------------------------------------------------------------------------

bool is_tracing() { return active() != nullptr; }
int frame_limit() {
  Tracemalloc* self = g_runtime.tracemalloc;
  return self ? self->frame_limit : 1;
}

Status start(int frames) {
  if (frames < 1 || frames > kMostFrames) return raise(PyExc_ValueError, "the number of frames must be in range [1; %i]", kMostFrames);
  if (!g_runtime.tracemalloc) {
    void* memory = std::malloc(sizeof(Tracemalloc));
    if (!memory) return PyErr_NoMemory(), failure;
    g_runtime.tracemalloc = new (memory) Tracemalloc();
  }
  Tracemalloc* self = g_runtime.tracemalloc;
  if (self->tracing) return Status::ok;
  {
    Guard guard;
    self->frame_limit = frames;
    self->tracing = true;
  }
  _Py_tracemalloc_config = {_PyTraceMalloc_Config::initialized, 1, frames};
  install_hooks(self);
  return Status::ok;
}

void clear_traces() {
  Tracemalloc* self = g_runtime.tracemalloc;
  if (!self) return;
  {
    Guard guard;
    self->blocks.clear();
    self->tracebacks.for_each([](const TracebackEntry& entry) { std::free(entry.traceback); });
    self->tracebacks.clear();
    self->traceback_bytes = 0;
    self->totals = {};
  }
  // Freeing a name goes through the hooks, and may run code.
  InHook in_hook;
  Table<FileName> names;
  names.swap(self->file_names);
  names.for_each([](const FileName& entry) { release(entry.text); });
}

void stop() {
  Tracemalloc* self = active();
  if (!self) return;
  self->tracing = false;
  _Py_tracemalloc_config.tracing = 0;
  remove_hooks(self);
  clear_traces();
}

Totals totals() {
  Tracemalloc* self = active();
  if (!self) return {};
  Guard guard;
  return self->totals;
}
void reset_peak() {
  Tracemalloc* self = active();
  if (!self) return;
  Guard guard;
  self->totals.peak = self->totals.current;
}
size_t own_memory() {
  Tracemalloc* self = g_runtime.tracemalloc;
  if (!self) return 0;
  Guard guard;
  return self->blocks.memory() + self->tracebacks.memory() + self->file_names.memory() + self->traceback_bytes;
}

// ---- asking -----------------------------------------------------------------------------------------------

Ref<> traceback_tuple(const Traceback* traceback) {
  Ref<> result = TRY(steal(PyTuple_New(traceback->count)));
  for (int i = 0; i < traceback->count; ++i) {
    const TracedFrame& frame = traceback->frames[i];
    PyObject* pair = TRY(Py_BuildValue("(OI)", frame.file_name, frame.line));
    PyTuple_SET_ITEM(result.get(), i, pair);
  }
  return result;
}

// Null where the block is not traced.
static const Traceback* traceback_at(unsigned domain, uintptr_t address) {
  Tracemalloc* self = active();
  if (!self) return nullptr;
  Guard guard;
  Block* block = find_block(self, domain, address);
  return block && block->used ? block->trace.traceback : nullptr;
}

Ref<> traceback_of(unsigned domain, uintptr_t address) {
  const Traceback* traceback = traceback_at(domain, address);
  return traceback ? traceback_tuple(traceback) : none();
}

void dump_traceback_of(int fd, uintptr_t address) {
  auto put = [fd](const char* text) { (void)!write(fd, text, std::strlen(text)); };
  const Traceback* traceback = t_leaving.address == address ? t_leaving.traceback : traceback_at(kDefaultDomain, address);
  if (!is_tracing()) put("Enable tracemalloc to get the memory block allocation traceback\n\n");
  if (!traceback) return;
  put("Memory block allocated at (most recent call first):\n");
  for (int i = 0; i < traceback->count; ++i) {
    put("  File \"");
    _Py_DumpASCII(fd, traceback->frames[i].file_name);
    put("\", line ");
    _Py_DumpDecimal(fd, static_cast<size_t>(traceback->frames[i].line));
    put("\n");
  }
  put("\n");
}

bool take_snapshot(Snapshot* out) {
  Tracemalloc* self = active();
  if (!self) return true;
  Guard guard;
  out->blocks = static_cast<Block*>(std::malloc((self->blocks.count() + 1) * sizeof(Block)));
  if (!out->blocks) return false;
  self->blocks.for_each([&](const Block& block) { out->blocks[out->count++] = block; });
  return true;
}

}  // namespace tracemalloc
}  // namespace gill

using namespace gill;

// The header that declares these does not say that they are C functions.
extern "C" {
[[gnu::visibility("default")]] int gill_track_memory(unsigned domain, uintptr_t address, size_t size) asm("PyTraceMalloc_Track");
[[gnu::visibility("default")]] int gill_untrack_memory(unsigned domain, uintptr_t address) asm("PyTraceMalloc_Untrack");
[[gnu::visibility("default")]] PyObject* gill_memory_traceback(unsigned domain, uintptr_t address) asm("_PyTraceMalloc_GetTraceback");

// -2: not tracing; -1: no memory.
int gill_track_memory(unsigned domain, uintptr_t address, size_t size) {
  if (!tracemalloc::is_tracing()) return -2;
  PyGILState_STATE lock = PyGILState_Ensure();
  tracemalloc::InHook in_hook;
  bool ok = true;
  if (Tracemalloc* self = tracemalloc::active()) {
    tracemalloc::Guard guard;
    ok = tracemalloc::add(self, domain, address, size, current_thread());
  }
  PyGILState_Release(lock);
  return ok ? 0 : -1;
}
int gill_untrack_memory(unsigned domain, uintptr_t address) {
  Tracemalloc* self = tracemalloc::active();
  if (!self) return -2;
  tracemalloc::Guard guard;
  tracemalloc::remove(self, domain, address);
  return 0;
}
PyObject* gill_memory_traceback(unsigned domain, uintptr_t address) { return tracemalloc::traceback_of(domain, address).release(); }
void _PyMem_DumpTraceback(int fd, const void* p) { tracemalloc::dump_traceback_of(fd, reinterpret_cast<uintptr_t>(p)); }

}  // extern "C"
