// What the collections share: how the bits of a page are read, growing lists of pointers, and trial deletion over a set of objects.
#pragma once

#include <Python.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "memory/collector.h"
#include "memory/heap.h"
#include "memory/references.h"

// Visits what modules, threads and the interpreter hold, as far as it is known.
extern "C" void gill_visit_roots(visitproc visit, void* arg);

namespace gill {

inline constexpr int kPermanent = 3;

// A page's notes: where its counts are, or 0; then for each word of a bitmap the slots that take part and those of them that are not
// reached. The counts of slots that take no part mean nothing.
inline uint64_t* counts_of(Page* page) { return reinterpret_cast<uint64_t*>(page->scratch[0]); }
inline uint64_t& part_of(Page* page, size_t word) { return page->scratch[1 + 2 * word]; }
inline uint64_t& left_of(Page* page, size_t word) { return page->scratch[2 + 2 * word]; }
inline bool make_notes(Page* page) {
  size_t words = 1 + 2 * size_t{page->words};
  page->scratch = t_collector->notes.take(words);
  if (!page->scratch) return false;
  std::fill_n(page->scratch, words, 0);
  return true;
}
inline bool make_counts(Page* page) {
  if (!page->scratch[0]) page->scratch[0] = reinterpret_cast<uintptr_t>(t_collector->notes.take(page->slot_count));
  return page->scratch[0];
}

inline int generation_of(Page* page, size_t index) {
  return static_cast<int>(page->get(kGenerationLow, index)) | static_cast<int>(page->get(kGenerationHigh, index)) << 1;
}
inline void set_generation(Page* page, size_t index, int generation) {
  generation & 1 ? page->set(kGenerationLow, index) : page->clear(kGenerationLow, index);
  generation & 2 ? page->set(kGenerationHigh, index) : page->clear(kGenerationHigh, index);
}

inline void set_generations(Page* page, size_t word, uint64_t slots, int generation) {
  uint64_t &low = page->word(kGenerationLow, word), &high = page->word(kGenerationHigh, word);
  low = generation & 1 ? low | slots : low & ~slots;
  high = generation & 2 ? high | slots : high & ~slots;
}

// The tracked slots of the oldest generation in a group of 64.
inline uint64_t old_in(const uint64_t* group) { return group[kTracked] & group[kGenerationHigh] & ~group[kGenerationLow]; }
// The tracked slots of one word whose generation is at most `most`, or exactly the permanent one.
inline uint64_t members(Page* page, size_t word, int most) {
  uint64_t tracked = page->word(kTracked, word);
  uint64_t low = page->word(kGenerationLow, word);
  uint64_t high = page->word(kGenerationHigh, word);
  switch (most) {
    case 0: return tracked & ~low & ~high;
    case 1: return tracked & ~high;
    case 2: return tracked & ~(low & high);
    default: return tracked & low & high;
  }
}

inline PyObject* object_at(Page* page, size_t index) {
  return reinterpret_cast<PyObject*>(page->slot(index) + prefix_of(page->kind));
}

// Calls for the index of each bit of a page's word.
template <class Call>
void for_each_bit(uint64_t bits, size_t word, Call call) {
  for (; bits; bits &= bits - 1) call(word * 64 + static_cast<size_t>(std::countr_zero(bits)));
}
template <class Call>
void for_each_member(Page* page, int most, Call call) {
  for (size_t word = 0; word < page->words; ++word) for_each_bit(members(page, word, most), word, call);
}
// Calls for the object of each bit of a page's word.
template <class Call>
void for_each_object(Page* page, size_t word, uint64_t bits, Call call) {
  char* first = reinterpret_cast<char*>(object_at(page, word * 64));
  const size_t slot_size = page->slot_size;
  for (; bits; bits &= bits - 1) call(reinterpret_cast<PyObject*>(first + static_cast<size_t>(std::countr_zero(bits)) * slot_size));
}
// The same with the count in the page's notes.
template <class Call>
void for_each_counted(Page* page, size_t word, uint64_t bits, Call call) {
  if (!bits) return;
  char* first = reinterpret_cast<char*>(object_at(page, word * 64));
  const size_t slot_size = page->slot_size;
  uint64_t* counts = counts_of(page) + word * 64;
  for (; bits; bits &= bits - 1) {
    auto bit = static_cast<size_t>(std::countr_zero(bits));
    call(reinterpret_cast<PyObject*>(first + bit * slot_size), counts[bit]);
  }
}

// Has the processor fetch the objects of these bits, so that a walk over them waits once for all.
inline void prefetch_headers(Page* page, size_t word, uint64_t bits) {
  for_each_object(page, word, bits, [](PyObject* object) { __builtin_prefetch(object); });
}
// The same with where they keep their items.
inline void prefetch_objects(Page* page, size_t word, uint64_t bits) {
  prefetch_headers(page, word, bits);
  for_each_object(page, word, bits, [page](PyObject* object) {
    if (PyList_CheckExact(object)) __builtin_prefetch(reinterpret_cast<PyListObject*>(object)->ob_item);
    else if (PyDict_CheckExact(object)) __builtin_prefetch(reinterpret_cast<PyDictObject*>(object)->ma_keys);
    else if (page->kind == Kind::collectable_prefixed) __builtin_prefetch(reinterpret_cast<void**>(object)[-1]);
  });
}

// A growing array of borrowed pointers, from malloc: the heap must not change under the collector.
template <class T>
class PointerList {
 public:
  PointerList() = default;
  PointerList(const PointerList&) = delete;
  ~PointerList() { std::free(items_); }
  bool push(T* object) {
    if (count_ == capacity_) {
      size_t capacity = capacity_ ? capacity_ * 2 : 256;
      auto* grown = static_cast<T**>(std::realloc(items_, capacity * sizeof(T*)));
      if (!grown) return false;
      items_ = grown;
      capacity_ = capacity;
    }
    items_[count_++] = object;
    return true;
  }
  T* pop() { return items_[--count_]; }
  size_t size() const { return count_; }
  T*& operator[](size_t i) { return items_[i]; }
  T** begin() { return items_; }
  T** end() { return items_ + count_; }
  void truncate(size_t n) { count_ = n; }

 private:
  T** items_ = nullptr;
  size_t count_ = 0;
  size_t capacity_ = 0;
};
using ObjectList = PointerList<PyObject>;
using PageList = PointerList<Page>;

// One pass of trial deletion over a set of objects. `Set` answers which objects take part.
class Trial {
 public:
  Trial() = default;
  Trial(const Trial&) = delete;
  ~Trial() {
    for (Page* page : entered_) page->scratch = nullptr;
    t_collector->notes.reset();
  }

  // Every tracked object up to the generation in these pages takes part.
  bool begin_generation(PageList& pages, int most) {
    for (Page* page : pages) {
      for (size_t word = 0; word < page->words; ++word) {
        uint64_t bits = members(page, word, most);
        if (!bits) continue;
        if (!enter(page)) return false;
        part_of(page, word) = left_of(page, word) = bits;
      }
    }
    return true;
  }
  // These objects take part; `held` of the references to each are ours.
  bool begin_list(ObjectList& list, uint64_t held) {
    for (PyObject* object : list) {
      if (!add(object, held)) return false;
    }
    return true;
  }
  bool add(PyObject* object, uint64_t held) {
    Page* page = Page::of(object);
    if (!enter(page) || !make_counts(page)) return false;
    size_t index = page->index_of(object);
    part_of(page, index / 64) |= bit_of(index);
    left_of(page, index / 64) |= bit_of(index);
    counts_of(page)[index] = count_of(object) - held;
    return true;
  }

  // Marks what modules and threads reach: no need to count references to that. It also stops the tracking of what cannot be part of
  // a cycle. False when memory ran out.
  bool mark_from_known() {
    untracks_ = true;
    gill_visit_roots([](PyObject* target, void* self) { return static_cast<Trial*>(self)->mark(target); }, this);
    return drain();
  }

  // Counts the references to the objects left, less those between them. `cold` objects are hardly in the processor's cache. False
  // when memory ran out.
  bool count_references(bool cold) {
    for (Page* page : entered_) {
      for (size_t word = 0; word < page->words; ++word) {
        uint64_t bits = left_of(page, word);
        if (!bits) continue;
        if (!make_counts(page)) return false;
        if (cold) prefetch_objects(page, word, bits);
        for_each_counted(page, word, bits, [](PyObject* object, uint64_t& count) { count = count_of(object); });
      }
    }
    for (Page* page : entered_) {
      for (size_t word = 0; word < page->words; ++word) {
        if (cold) prefetch_objects(page, word, left_of(page, word));
        for_each_object(page, word, left_of(page, word), [this](PyObject* object) { subtract_references_of(object); });
      }
    }
    return true;
  }

  static bool takes_part(PyObject* object) {
    Page* page = noted_page(object);
    if (!page) return false;
    size_t index = page->index_of(object);
    return part_of(page, index / 64) & bit_of(index);
  }
  // Of an object that takes part.
  static bool is_reached(PyObject* object) {
    Page* page = Page::of(object);
    size_t index = page->index_of(object);
    return !(left_of(page, index / 64) & bit_of(index));
  }
  static bool is_root(PyObject* object) {
    Page* page = Page::of(object);
    return is_positive(counts_of(page)[page->index_of(object)]);
  }
  static bool is_positive(uint64_t count) { return static_cast<int64_t>(count) > 0; }

  void subtract_references_of(PyObject* object) {
    visit_references(object, shapes_, [](PyObject* target) {
      Page* page = noted_page(target);
      if (!page) return 0;
      size_t index = page->index_of(target);
      if (left_of(page, index / 64) & bit_of(index)) --counts_of(page)[index];
      return 0;
    });
  }

  // Marks what `object`, a root that takes part, reaches. False when memory ran out.
  bool mark_from(PyObject* object) { return !mark(object) && drain(); }

  // Calls for the object and the count of each that is not reached.
  template <class Call>
  void for_each_left(Call call) {
    for (Page* page : entered_) {
      for (size_t word = 0; word < page->words; ++word) for_each_counted(page, word, left_of(page, word), call);
    }
  }
  // Marks what is referenced from elsewhere, and what that reaches. False when memory ran out.
  bool mark_from_roots() {
    size_t unsettled = 0;  // objects whose count says nothing of references from elsewhere
    for_each_left([&](PyObject*, uint64_t count) { unsettled += !is_positive(count); });
    if (!unsettled && !untracks_) return reach_all();
    bool ok = true;
    for_each_left([&](PyObject* object, uint64_t count) {
      if (is_positive(count)) ok = ok && mark_from(object);
    });
    return ok;
  }

  // The pages with objects that take part.
  PageList& pages() { return entered_; }

 private:
  bool enter(Page* page) {
    if (page->scratch) return true;
    if (!make_notes(page)) return false;
    if (entered_.push(page)) return true;
    page->scratch = nullptr;
    return false;
  }
  bool reach_all() {
    for (Page* page : entered_) {
      for (size_t word = 0; word < page->words; ++word) left_of(page, word) = 0;
    }
    return true;
  }
  static uint64_t bit_of(size_t index) { return uint64_t{1} << (index % 64); }
  static uint64_t count_of(PyObject* object) { return static_cast<uint64_t>(Py_REFCNT(object)); }
  // The object's page if that has notes, else null.
  [[gnu::always_inline]] static Page* noted_page(PyObject* object) {
    if (!g_heap_range.contains(object)) return nullptr;
    Page* page = Page::of(object);
    return page->scratch ? page : nullptr;
  }
  // 1 when memory ran out.
  [[gnu::always_inline]] int mark(PyObject* object) {
    Page* page = noted_page(object);
    if (!page) return 0;
    size_t index = page->index_of(object);
    uint64_t &left = left_of(page, index / 64), rest = left & ~bit_of(index);
    if (rest == left) return 0;
    left = rest;
    return !stack_.push(object);
  }
  // Marks what the objects on the stack reach.
  bool drain() {
    // What comes off the stack waits a while for the processor to fetch it.
    constexpr size_t kAhead = 8;
    PyObject* coming[kAhead];
    size_t first = 0, end = 0;
    while (stack_.size() || first != end) {
      for (; stack_.size() && end - first < kAhead; ++end) __builtin_prefetch(coming[end % kAhead] = stack_.pop());
      if (mark_references_of(coming[first++ % kAhead])) return false;
    }
    return true;
  }
  // 1 when memory ran out.
  int mark_references_of(PyObject* object) {
    if (visit_references(object, shapes_, [this](PyObject* target) { return mark(target); })) return 1;
    if (untracks_) {
      PyTypeObject* type = Py_TYPE(object);
      if (type == &PyDict_Type) _PyDict_MaybeUntrack(object);
      else if (type == &PyTuple_Type) _PyTuple_MaybeUntrack(object);
    }
    return 0;
  }

  PageList entered_;  // have notes
  ObjectList stack_;
  ShapeCache shapes_;
  bool untracks_ = false;
};

struct Outcome {
  Py_ssize_t collected = 0;
  Py_ssize_t uncollectable = 0;
};

// Keeps of `list` what only members of it refer to, and moves what is referenced from elsewhere, with what it reaches, to `reached`.
// `held` references to each are ours. False when memory ran out; the lists mean nothing then.
bool split_reached(ObjectList& list, uint64_t held, ObjectList& reached);

// Ends the process when a trial deletion of the whole heap does not find all of these to be unreachable, or finds more references to
// an object than it counts.
void expect_unreachable(Collector* collector, ObjectList& list);

// Ends objects that only each other refer to, but for what their finalizers bring back. Any code runs.
Outcome dispose_of(Collector* collector, ObjectList& unreachable);

}  // namespace gill
