// What the pages of a heap are used for.
#include <algorithm>
#include <bit>

#include "memory/heap.h"
#include "memory/page_range.h"

namespace gill {

namespace {

struct Survey {
  Heap* heap;
  HeapUse* use;
  void (*visit)(Page*, void*, void*);
  void* context;
};

size_t slots_of(const Page* page, size_t word) { return std::min(page->slot_count - word * 64, size_t{64}); }

}  // namespace

uint64_t Heap::free_slots(Page* page, size_t word) const {
  uint64_t bits = page->word(kFree, word);
  const Cursor& cursor = cursors_[static_cast<int>(page->kind)][page->size_class];
  return cursor.page == page && cursor.word == word ? bits | cursor.free : bits;
}

uint64_t Heap::used_slots(Page* page, size_t word) const { return ~free_slots(page, word) & ~uint64_t{0} >> (64 - slots_of(page, word)); }

void Heap::survey(HeapUse& use, void (*visit)(Page*, void*, void*), void* context) {
  // Slots in magazines would count as used.
  flush();
  Survey survey = {this, &use, visit, context};
  auto look = [](Page* page, void* raw) {
    auto* self = static_cast<Survey*>(raw);
    size_t pages = page->run_pages();
    if (page->heap != self->heap) return;
    if (page->size_class == kRunClass) {
      self->use->runs.pages += pages;
      ++self->use->runs.used;
      self->use->run_bytes += page->object_bytes;
      self->use->runs.overhead += pages * kPageSize - page->object_bytes;
      self->visit(page, page->slot(0), self->context);
      return;
    }
    ClassUse& of_class = self->use->classes[static_cast<int>(page->kind)][page->size_class];
    ++of_class.pages;
    of_class.overhead += kPageSize - size_t{page->slot_count} * page->slot_size;
    of_class.returned += static_cast<size_t>(std::popcount(page->returned)) * kStretch;
    for (size_t word = 0; word < page->words; ++word) {
      uint64_t used = self->heap->used_slots(page, word);
      of_class.free += slots_of(page, word) - static_cast<size_t>(std::popcount(used));
      of_class.used += static_cast<size_t>(std::popcount(used));
      for (; used; used &= used - 1) {
        self->visit(page, page->slot(word * 64 + static_cast<size_t>(std::countr_zero(used))), self->context);
      }
    }
  };
  for_each_taken_run(look, &survey);
}

void Heap::visit_blocks(Kind kind, size_t size, void (*visit)(void*, void*), void* context) {
  flush();
  const size_t widest = widest_slot(size);
  auto look = [&](Page* page) {
    if (page->heap != this || page->kind != kind || page->slot_size < size || page->slot_size > widest) return;
    for (size_t word = 0; word < page->words; ++word) {
      for (uint64_t used = used_slots(page, word); used; used &= used - 1) {
        visit(page->slot(word * 64 + static_cast<size_t>(std::countr_zero(used))), context);
      }
    }
  };
  for_each_taken_run([](Page* page, void* raw) { (*static_cast<decltype(look)*>(raw))(page); }, &look);
}

}  // namespace gill
