#include "memory/debug_hooks.h"

#include <cstdio>
#include <cstring>
#include <unistd.h>

#include "memory/heap.h"
#include "memory/heap_debug.h"
#include "memory/hooks.h"

extern "C" void _PyMem_DumpTraceback(int fd, const void* p);

namespace gill {
namespace {

// Around a block of `size` bytes: size, letter of the domain, seven pad bytes; behind it eight pad bytes. Blocks of collectable objects
// have none of this: the collector must find them where their page says.
constexpr unsigned char kPad = 0xFD;
constexpr size_t kWord = sizeof(size_t);
constexpr size_t kFront = 2 * kWord;
constexpr size_t kMostChecked = static_cast<size_t>(PY_SSIZE_T_MAX) - kFront - kWord;

unsigned char* bytes_at(void* p) { return static_cast<unsigned char*>(p); }

size_t size_before(const unsigned char* p) {
  size_t size;
  std::memcpy(&size, p - kFront, sizeof(size));
  return size;
}

bool is_unchecked(void* p) { return g_heap_range.contains(p) && Page::of(p)->kind != Kind::plain; }

// ---- reports ----------------------------------------------------------------------------------------------------

// Says whether the pads before p, or behind the block's end, are intact; if not, shows them one by one.
void report_pads(const unsigned char* from, size_t count, bool leading) {
  bool intact = true;
  for (size_t i = 0; i < count; ++i) intact = intact && from[i] == kPad;
  if (intact) {
    std::fputs("are FORBIDDENBYTE, as expected.\n", stderr);
    return;
  }
  std::fprintf(stderr, "are not all FORBIDDENBYTE (0x%02x):\n", kPad);
  for (size_t i = 0; i < count; ++i) {
    std::fprintf(stderr, leading ? "        at p-%zu: 0x%02x%s\n" : "        at tail+%zu: 0x%02x%s\n", leading ? count - i : i, from[i],
                 from[i] == kPad ? "" : " *** OUCH");
  }
}

void report_data(const unsigned char* p, size_t size) {
  constexpr size_t kShown = 8;
  if (size == 0) return;
  std::fputs("    Data at p:", stderr);
  for (size_t i = 0; i < size; ++i) {
    if (i == kShown && size > 2 * kShown) {
      std::fputs(" ...", stderr);
      i = size - kShown;
    }
    std::fprintf(stderr, " %02x", p[i]);
  }
  std::fputs("\n", stderr);
}

void report_block(const unsigned char* p) {
  std::fprintf(stderr, "Debug memory block at address p=%p:", static_cast<const void*>(p));
  std::fprintf(stderr, " API '%c'\n", p[-static_cast<Py_ssize_t>(kWord)]);
  size_t size = size_before(p);
  std::fprintf(stderr, "    %zu bytes originally requested\n", size);
  const unsigned char* pads = p - kWord + 1;
  std::fprintf(stderr, "    The %zu pad bytes at p-%zu ", kWord - 1, kWord - 1);
  report_pads(pads, kWord - 1, true);
  for (size_t i = 0; i < kWord - 1; ++i) {
    if (pads[i] == kPad) continue;
    std::fputs("    Because memory is corrupted at the start, the count of bytes requested\n"
               "       may be bogus, and checking the trailing pad bytes may segfault.\n", stderr);
    break;
  }
  std::fprintf(stderr, "    The %zu pad bytes at tail=%p ", kWord, static_cast<const void*>(p + size));
  report_pads(p + size, kWord, false);
  report_data(p, size);
  std::fputs("\n", stderr);
  std::fflush(stderr);
  _PyMem_DumpTraceback(fileno(stderr), p);
}

void check_lock(const CheckedAllocator* checked, const char* function) {
  if (checked->domain_letter == 'r' || !Py_IsInitialized() || _PyThreadState_UncheckedGet()) return;
  _Py_FatalErrorFunc(function, "Python memory allocator called without holding the GIL");
}

void check_block(const CheckedAllocator* checked, const unsigned char* p, const char* function) {
  char letter = static_cast<char>(p[-static_cast<Py_ssize_t>(kWord)]);
  if (letter != checked->domain_letter) {
    report_block(p);
    _Py_FatalErrorFormat(function, "bad ID: Allocated using API '%c', verified using API '%c'", letter, checked->domain_letter);
  }
  for (const unsigned char* q = p - kWord + 1; q < p; ++q) {
    if (*q == kPad) continue;
    report_block(p);
    _Py_FatalErrorFunc(function, "bad leading pad byte");
  }
  const unsigned char* tail = p + size_before(p);
  for (size_t i = 0; i < kWord; ++i) {
    if (tail[i] == kPad) continue;
    report_block(p);
    _Py_FatalErrorFunc(function, "bad trailing pad byte");
  }
}

// ---- the layer --------------------------------------------------------------------------------------------------

void* furnish(const CheckedAllocator* checked, void* block, size_t size) {
  if (!block) return nullptr;
  unsigned char* p = bytes_at(block) + kFront;
  std::memcpy(p - kFront, &size, sizeof(size));
  p[-static_cast<Py_ssize_t>(kWord)] = static_cast<unsigned char>(checked->domain_letter);
  std::memset(p - kWord + 1, kPad, kWord - 1);
  std::memset(p + size, kPad, kWord);
  return p;
}

void* checked_malloc(void* context, size_t size) {
  auto* checked = static_cast<CheckedAllocator*>(context);
  check_lock(checked, "_PyMem_DebugMalloc");
  const PyMemAllocatorEx& original = checked->original;
  if (is_allocating_collectable()) return original.malloc(original.ctx, size);
  if (size > kMostChecked) return nullptr;
  void* p = furnish(checked, original.malloc(original.ctx, size + kFront + kWord), size);
  return p ? std::memset(p, kFreshPoison, size) : nullptr;
}

void* checked_calloc(void* context, size_t count, size_t each) {
  auto* checked = static_cast<CheckedAllocator*>(context);
  check_lock(checked, "_PyMem_DebugCalloc");
  const PyMemAllocatorEx& original = checked->original;
  size_t size = count * each;
  if (size > kMostChecked) return nullptr;
  return furnish(checked, original.calloc(original.ctx, 1, size + kFront + kWord), size);
}

void release_checked(const CheckedAllocator* checked, void* p, const char* function) {
  check_block(checked, bytes_at(p), function);
  size_t size = size_before(bytes_at(p));
  unsigned char* block = bytes_at(p) - kFront;
  std::memset(block, kFreedPoison, kFront + size + kWord);
  checked->original.free(checked->original.ctx, block);
}

void checked_free(void* context, void* p) {
  auto* checked = static_cast<CheckedAllocator*>(context);
  if (!p) return;
  check_lock(checked, "_PyMem_DebugFree");
  if (is_unchecked(p)) return checked->original.free(checked->original.ctx, p);
  release_checked(checked, p, "_PyMem_DebugRawFree");
}

void* checked_realloc(void* context, void* p, size_t size) {
  auto* checked = static_cast<CheckedAllocator*>(context);
  if (!p) return checked_malloc(context, size);
  check_lock(checked, "_PyMem_DebugRealloc");
  if (is_unchecked(p)) return checked->original.realloc(checked->original.ctx, p, size);
  check_block(checked, bytes_at(p), "_PyMem_DebugRawRealloc");
  void* moved = checked_malloc(context, size);
  if (!moved) return nullptr;
  size_t old = size_before(bytes_at(p));
  std::memcpy(moved, p, old < size ? old : size);
  release_checked(checked, p, "_PyMem_DebugRawRealloc");
  return moved;
}

}  // namespace

bool has_checks(const PyMemAllocatorEx& allocator) { return allocator.malloc == checked_malloc; }

PyMemAllocatorEx with_checks(const PyMemAllocatorEx& allocator, char domain_letter, CheckedAllocator* state) {
  *state = {domain_letter, allocator};
  return {state, checked_malloc, checked_calloc, checked_realloc, checked_free};
}

}  // namespace gill
