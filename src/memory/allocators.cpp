// The published memory functions. PyMem_* and PyObject_* take from the heap of the interpreter whose lock
// the thread holds; without one (before start-up, or a caller's mistake), and in the raw domain, from
// malloc. Which of the two a block came from shows in its address, so freeing always finds the right one.
#include <Python.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <utility>

#include "memory/debug_hooks.h"
#include "memory/heap.h"
#include "memory/hooks.h"
#include "memory/objects.h"
#include "memory/sampler.h"

namespace gill {

constinit bool g_allocators_replaced = false;

namespace {

// The kind of page that the next block from the heap is for: see allocate_hooked().
thread_local constinit Kind t_wanted_kind = Kind::plain;

void* raw_malloc(void*, size_t size) { return native_malloc(size); }
void* raw_calloc(void*, size_t count, size_t size) { return native_calloc(count, size); }
void* raw_realloc(void*, void* p, size_t size) { return native_realloc(p, size); }
void raw_free(void*, void* p) { native_free(p); }

void* heap_malloc(void*, size_t size) {
  if (!t_heap) return raw_malloc(nullptr, size);
  Kind kind = std::exchange(t_wanted_kind, Kind::plain);
  return t_heap->allocate(kind, kind == Kind::plain ? widened(size) : size);
}
void* heap_calloc(void*, size_t count, size_t size) {
  size_t bytes = count * size;
  if (!t_heap) return raw_calloc(nullptr, count, size);
  if (bytes > kLargestClass) return t_heap->due_to_fail() ? nullptr : raw_calloc(nullptr, count, size);
  void* p = t_heap->allocate(Kind::plain, widened(bytes));
  if (p) std::memset(p, 0, bytes);
  return p;
}
void heap_free(void*, void* p) { Heap::free(p); }
void* heap_realloc(void*, void* p, size_t size) {
  if (!p) return heap_malloc(nullptr, size);
  if (!g_heap_range.contains(p)) return t_heap && t_heap->due_to_fail() ? nullptr : raw_realloc(nullptr, p, size);
  size_t old = Heap::usable_size(p);
  if (Heap::fits(p, old, size)) return p;
  void* moved = heap_malloc(nullptr, size);
  if (!moved) return size <= old ? p : nullptr;
  std::memcpy(moved, p, old < size ? old : size);
  Heap::free(p);
  return moved;
}

constexpr PyMemAllocatorEx kRaw = {nullptr, raw_malloc, raw_calloc, raw_realloc, raw_free};
constexpr PyMemAllocatorEx kHeap = {nullptr, heap_malloc, heap_calloc, heap_realloc, heap_free};

struct KnownAllocator {
  PyMemAllocatorEx functions;
  KnownAllocator* next;
};

// PyMem_SetAllocator replaces these; they belong to the process, as the published interface has them. A thread without the
// interpreter's lock may be about to call the raw domain's, so what was one once is never changed.
struct Allocators {
  std::atomic<const PyMemAllocatorEx*> domains[3] = {&kRaw, &kHeap, &kHeap};
  KnownAllocator* known = nullptr;  // those that came from outside
  PyObjectArenaAllocator arena = {};
  CheckedAllocator checked[3] = {};
  // The object domain's allocator has memory of its own, where the collector could not find objects: collectable ones go past it.
  bool has_own_memory = false;
  const char* chosen = "pymalloc";  // what PYTHONMALLOC asked for, by its full name
};
constinit Allocators g_allocators;

bool are_same(const PyMemAllocatorEx& a, const PyMemAllocatorEx& b) {
  return a.ctx == b.ctx && a.malloc == b.malloc && a.calloc == b.calloc && a.realloc == b.realloc && a.free == b.free;
}

// A copy that stays; equal ones share it.
const PyMemAllocatorEx* keep(const PyMemAllocatorEx& allocator) {
  for (const PyMemAllocatorEx* own : {&kRaw, &kHeap}) {
    if (are_same(*own, allocator)) return own;
  }
  for (KnownAllocator* known = g_allocators.known; known; known = known->next) {
    if (are_same(known->functions, allocator)) return &known->functions;
  }
  auto* added = static_cast<KnownAllocator*>(std::malloc(sizeof(KnownAllocator)));
  if (!added) Py_FatalError("no memory for another allocator");
  *added = {allocator, g_allocators.known};
  g_allocators.known = added;
  return &added->functions;
}

inline constexpr size_t kMost = static_cast<size_t>(PY_SSIZE_T_MAX);

bool too_large(size_t count, size_t size) { return size != 0 && count > kMost / size; }

void* malloc_in(PyMemAllocatorDomain domain, size_t size) {
  if (size > kMost) return nullptr;
  const PyMemAllocatorEx& a = *allocator_of(domain);
  return a.malloc(a.ctx, size);
}
void* calloc_in(PyMemAllocatorDomain domain, size_t count, size_t size) {
  if (too_large(count, size)) return nullptr;
  const PyMemAllocatorEx& a = *allocator_of(domain);
  return a.calloc(a.ctx, count, size);
}
void* realloc_in(PyMemAllocatorDomain domain, void* p, size_t size) {
  if (size > kMost) return nullptr;
  const PyMemAllocatorEx& a = *allocator_of(domain);
  return a.realloc(a.ctx, p, size);
}
void free_in(PyMemAllocatorDomain domain, void* p) {
  const PyMemAllocatorEx& a = *allocator_of(domain);
  a.free(a.ctx, p);
}

// While nobody has replaced an allocator the heap is reached without a call through the table.
[[gnu::always_inline]] inline void* heap_or(PyMemAllocatorDomain domain, size_t size) {
  if (size <= kLargestClass && !g_allocators_replaced && t_heap) [[likely]] return t_heap->allocate(Kind::plain, widened(size));
  return malloc_in(domain, size);
}
[[gnu::always_inline]] inline void free_or(PyMemAllocatorDomain domain, void* p) {
  if (!g_allocators_replaced) [[likely]] return Heap::free(p);
  free_in(domain, p);
}

}  // namespace

const PyMemAllocatorEx* allocator_of(PyMemAllocatorDomain domain) { return g_allocators.domains[domain].load(std::memory_order_acquire); }

void* allocate_plain_object(size_t size) {
  if (size <= kLargestClass && !g_allocators_replaced && t_heap) [[likely]] return t_heap->allocate(Kind::plain, size);
  return malloc_in(PYMEM_DOMAIN_OBJ, size);
}

void* resize_plain_object(void* object, size_t size) {
  if (g_allocators_replaced || !t_heap || !g_heap_range.contains(object)) return realloc_in(PYMEM_DOMAIN_OBJ, object, size);
  size_t old = Heap::usable_size(object);
  // Among the small classes every step is worth a copy.
  if (size <= old && old - size < (old <= kSmallStepLimit ? kGranule : old / 2)) return object;
  void* moved = allocate_plain_object(size);
  if (!moved) return size <= old ? object : nullptr;
  std::memcpy(moved, object, old < size ? old : size);
  Heap::free(object);
  return moved;
}

bool is_allocating_collectable() { return t_wanted_kind != Kind::plain; }

void* allocate_hooked(Kind kind, size_t size) {
  if (!g_allocators.has_own_memory) {
    t_wanted_kind = kind;
    void* slot = malloc_in(PYMEM_DOMAIN_OBJ, size);
    t_wanted_kind = Kind::plain;
    if (!slot || (g_heap_range.contains(slot) && Page::of(slot)->kind == kind)) return slot;
    free_in(PYMEM_DOMAIN_OBJ, slot);
    g_allocators.has_own_memory = true;
  }
  return t_heap->allocate(kind, size);
}
void free_hooked(void* slot) {
  if (g_allocators.has_own_memory) Heap::free(slot);
  else free_in(PYMEM_DOMAIN_OBJ, slot);
}

}  // namespace gill

using namespace gill;

extern "C" {

void* PyMem_RawMalloc(size_t size) { return malloc_in(PYMEM_DOMAIN_RAW, size); }
void* PyMem_RawCalloc(size_t count, size_t size) { return calloc_in(PYMEM_DOMAIN_RAW, count, size); }
void* PyMem_RawRealloc(void* p, size_t size) { return realloc_in(PYMEM_DOMAIN_RAW, p, size); }
void PyMem_RawFree(void* p) { free_in(PYMEM_DOMAIN_RAW, p); }

void* PyMem_Malloc(size_t size) { return heap_or(PYMEM_DOMAIN_MEM, size); }
void* PyMem_Calloc(size_t count, size_t size) { return calloc_in(PYMEM_DOMAIN_MEM, count, size); }
void* PyMem_Realloc(void* p, size_t size) { return realloc_in(PYMEM_DOMAIN_MEM, p, size); }
void PyMem_Free(void* p) { free_or(PYMEM_DOMAIN_MEM, p); }

void* PyObject_Malloc(size_t size) { return heap_or(PYMEM_DOMAIN_OBJ, size); }
void* PyObject_Calloc(size_t count, size_t size) { return calloc_in(PYMEM_DOMAIN_OBJ, count, size); }
void* PyObject_Realloc(void* p, size_t size) { return realloc_in(PYMEM_DOMAIN_OBJ, p, size); }
void PyObject_Free(void* p) {
  // Extensions free objects of any kind with this: a prefix is not theirs to know.
  if (g_allocators_replaced && g_heap_range.contains(p) && Page::of(p)->kind != Kind::plain) [[unlikely]] return free_hooked(slot_of(p));
  free_or(PYMEM_DOMAIN_OBJ, slot_of(p));
}

void PyMem_GetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx* out) {
  *out = domain <= PYMEM_DOMAIN_OBJ ? *allocator_of(domain) : PyMemAllocatorEx{};
}
void PyMem_SetAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx* allocator) {
  if (domain > PYMEM_DOMAIN_OBJ) return;
  g_allocators.domains[domain].store(keep(*allocator), std::memory_order_release);
  bool objects_replaced = allocator_of(PYMEM_DOMAIN_OBJ)->malloc != heap_malloc;
  if (!objects_replaced) g_allocators.has_own_memory = false;
  g_allocators_replaced = objects_replaced || allocator_of(PYMEM_DOMAIN_MEM)->malloc != heap_malloc;
}
[[gnu::visibility("default")]] int _PyMem_SetDefaultAllocator(PyMemAllocatorDomain domain, PyMemAllocatorEx* old) {
  if (old) PyMem_GetAllocator(domain, old);
  PyMemAllocatorEx wanted = domain == PYMEM_DOMAIN_RAW ? kRaw : kHeap;
  PyMem_SetAllocator(domain, &wanted);
  return 0;
}
void PyObject_GetArenaAllocator(PyObjectArenaAllocator* out) { *out = g_allocators.arena; }
void PyObject_SetArenaAllocator(PyObjectArenaAllocator* allocator) { g_allocators.arena = *allocator; }

// The names of PYTHONMALLOC. There is one heap, which the collector needs, so they choose whether blocks are checked and
// what the heap is called.
namespace {
struct AllocatorName {
  const char* text;
  const char* name;
  bool checks;
  PyMemAllocatorName number;
};
constexpr AllocatorName kAllocatorNames[] = {
    {"default", "pymalloc", false, PYMEM_ALLOCATOR_DEFAULT},   {"debug", "pymalloc", true, PYMEM_ALLOCATOR_DEBUG},
    {"pymalloc", "pymalloc", false, PYMEM_ALLOCATOR_PYMALLOC}, {"pymalloc_debug", "pymalloc", true, PYMEM_ALLOCATOR_PYMALLOC_DEBUG},
    {"malloc", "malloc", false, PYMEM_ALLOCATOR_MALLOC},       {"malloc_debug", "malloc", true, PYMEM_ALLOCATOR_MALLOC_DEBUG},
};

// Whether all domains have our own allocators, with checks or without.
bool own_allocators(bool checks) {
  for (PyMemAllocatorDomain domain : {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ}) {
    const PyMemAllocatorEx& used = *allocator_of(domain);
    if (has_checks(used) != checks) return false;
    const PyMemAllocatorEx& original = checks ? g_allocators.checked[domain].original : used;
    if (original.malloc != (domain == PYMEM_DOMAIN_RAW ? raw_malloc : heap_malloc)) return false;
  }
  return true;
}
}  // namespace

const char* _PyMem_GetCurrentAllocatorName(void) {
  bool malloc_asked = std::strcmp(g_allocators.chosen, "malloc") == 0;
  if (own_allocators(false)) return g_allocators.chosen;
  if (own_allocators(true)) return malloc_asked ? "malloc_debug" : "pymalloc_debug";
  return nullptr;
}
void PyMem_SetupDebugHooks(void) {
  constexpr char kLetters[] = {'r', 'm', 'o'};
  for (PyMemAllocatorDomain domain : {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ}) {
    const PyMemAllocatorEx& used = *allocator_of(domain);
    if (has_checks(used)) continue;
    PyMemAllocatorEx checked = with_checks(used, kLetters[domain], &g_allocators.checked[domain]);
    PyMem_SetAllocator(domain, &checked);
  }
}
[[gnu::visibility("default")]] int _PyMem_GetAllocatorName(const char* text, PyMemAllocatorName* number) {
  if (!text || !*text) {
    *number = PYMEM_ALLOCATOR_DEFAULT;
    return 0;
  }
  for (const AllocatorName& known : kAllocatorNames) {
    if (std::strcmp(text, known.text) != 0) continue;
    *number = known.number;
    return 0;
  }
  return -1;
}
[[gnu::visibility("default")]] int _PyMem_SetupAllocators(PyMemAllocatorName number) {
  if (number == PYMEM_ALLOCATOR_NOT_SET) return 0;
  for (const AllocatorName& known : kAllocatorNames) {
    if (known.number != number) continue;
    g_allocators.chosen = known.name;
    if (known.checks) PyMem_SetupDebugHooks();
    return 0;
  }
  return -1;
}

[[gnu::visibility("default")]] Py_ssize_t _Py_GetAllocatedBlocks(void) { return t_heap ? static_cast<Py_ssize_t>(t_heap->count_blocks()) : 0; }
// The heap keeps no lists of free objects by type; the lines are there for those who look for them.
[[gnu::visibility("default")]] int _PyObject_DebugMallocStats(FILE* out) {
  if (!t_heap) return 0;
  const HeapCounters& counters = t_heap->counters();
  std::fprintf(out, "%zu blocks in use\n%zu pages of %zu bytes in use, %zu at the peak\n%zu bytes in objects with pages of their own\n",
               t_heap->count_blocks(), counters.pages, static_cast<size_t>(kPageSize), counters.peak_pages, counters.run_bytes);
  std::fprintf(out, "Small block threshold = 512\n");
  for (const char* type : {"PyDictObject", "PyFloatObject", "PyFrameObject", "PyListObject", "PyTupleObject"}) {
    std::fprintf(out, "0 free %ss * 0 bytes each = 0\n", type);
  }
  return 1;
}

// Both copy into the domain that their names say; freed with the same domain's free.
wchar_t* _PyMem_RawWcsdup(const wchar_t* text) {
  size_t bytes = (wcslen(text) + 1) * sizeof(wchar_t);
  void* copy = PyMem_RawMalloc(bytes);
  return static_cast<wchar_t*>(copy ? std::memcpy(copy, text, bytes) : nullptr);
}
char* _PyMem_RawStrdup(const char* text) {
  size_t bytes = std::strlen(text) + 1;
  void* copy = PyMem_RawMalloc(bytes);
  return static_cast<char*>(copy ? std::memcpy(copy, text, bytes) : nullptr);
}
char* _PyMem_Strdup(const char* text) {
  size_t bytes = std::strlen(text) + 1;
  void* copy = PyMem_Malloc(bytes);
  return static_cast<char*>(copy ? std::memcpy(copy, text, bytes) : nullptr);
}

}  // extern "C"
