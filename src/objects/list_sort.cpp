// list.sort(): a stable merge sort that finds the order that is already there.
//
// What is sorted are small records: a 64-bit prefix of the key and the number of the item. Prefixes order as their keys do as
// far as they differ; they are whole keys for ints that fit and for floats, the first characters of str of one byte each, and those of
// the first item for tuples. Equal ones are told apart by comparing the keys themselves, for keys of other types each time: by
// a function on their contents, or by the type's tp_richcompare where all are of one type.
//
// The records are cut into natural runs (ascending, or strictly descending and then reversed), short ones
// extended by binary insertion. Runs are merged in the order of "powersort": the boundary between two
// neighbours gets a power, the depth at which it would stand in a perfectly balanced merge tree over
// the list, and a run is merged with its left neighbour while that boundary's power is higher. The
// merges are then within a small constant of optimal for the given runs. Merging gallops through
// stretches that come from one side only. Many prefixes that are whole keys, in no order, go through a radix sort instead.
//
// While sorting the list is empty for everybody else; if it was changed meanwhile, that is an error. The list gets its new order
// at the end, so that an error in a comparison leaves the old one.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/result.h"
#include "objects/int.h"
#include "objects/list.h"

namespace gill {
namespace {

inline constexpr Py_ssize_t kShortRun = 32;
inline constexpr Py_ssize_t kGallop = 7;
inline constexpr int kMaxRuns = 90;  // powers of a boundary are below 64

struct Record {
  uint64_t prefix;
  Py_ssize_t index;  // of the item
};

// ---- comparing keys ---------------------------------------------------------------------------------------

// Whether a < b: 1, 0, or -1 with an exception.
using Less = int (*)(PyObject* a, PyObject* b);

int less_generic(PyObject* a, PyObject* b) { return PyObject_RichCompareBool(a, b, Py_LT); }

int less_same_type(PyObject* a, PyObject* b) {
  PyObject* result = Py_TYPE(a)->tp_richcompare(a, b, Py_LT);
  if (result == Py_NotImplemented) return PyObject_RichCompareBool(a, b, Py_LT);
  if (!result) return -1;
  if (result == Py_False || result == Py_True) return result == Py_True;
  int truth = PyObject_IsTrue(result);
  release(result);
  return truth;
}

bool is_latin(PyObject* text) { return PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND; }

int less_latin(PyObject* a, PyObject* b) {
  Py_ssize_t n = PyUnicode_GET_LENGTH(a), m = PyUnicode_GET_LENGTH(b);
  int order = std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), static_cast<size_t>(std::min(n, m)));
  return order ? order < 0 : n < m;
}

// Ints that fit a machine word, here: of at most two digits.
bool is_word(PyObject* number) { return std::abs(int_size(number)) <= 2; }
int64_t word_value(PyObject* number) {
  int64_t value = 0;
  (void)word_of(number, &value);
  return value;
}

int less_tuple(PyObject* a, PyObject* b) {
  Py_ssize_t n = Py_SIZE(a), m = Py_SIZE(b);
  for (Py_ssize_t i = 0; i < n && i < m; ++i) {
    PyObject *x = PyTuple_GET_ITEM(a, i), *y = PyTuple_GET_ITEM(b, i);
    int equal = PyObject_RichCompareBool(x, y, Py_EQ);
    if (equal < 0) return -1;
    if (!equal) return PyObject_RichCompareBool(x, y, Py_LT);
  }
  return n < m;
}

// ---- prefixes -----------------------------------------------------------------------------------------------

enum class Prefix { none, integer, real, latin };

constexpr uint64_t kSign = uint64_t{1} << 63;

uint64_t integer_prefix(PyObject* key) { return static_cast<uint64_t>(word_value(key)) ^ kSign; }
uint64_t real_prefix(PyObject* key) {
  auto bits = std::bit_cast<uint64_t>(PyFloat_AS_DOUBLE(key) + 0.0);  // -0.0 becomes 0.0
  return bits & kSign ? ~bits : bits ^ kSign;
}
uint64_t latin_prefix(PyObject* key) {
  uint64_t characters = 0;
  Py_ssize_t n = PyUnicode_GET_LENGTH(key);
  const Py_UCS1* text = PyUnicode_1BYTE_DATA(key);
  if (n >= 8) {
    std::memcpy(&characters, text, sizeof characters);
    return std::byteswap(characters);
  }
  for (Py_ssize_t i = 0; i < n; ++i) characters |= static_cast<uint64_t>(text[i]) << (56 - 8 * i);
  return characters;
}
uint64_t no_prefix(PyObject*) { return 0; }

// How keys are compared: by prefix, then, unless that is the whole key, by `less`.
struct Order {
  Prefix prefix = Prefix::none;
  Less less = less_generic;
  bool tuples = false;

  PyObject* prefixed(PyObject* key) const { return tuples ? PyTuple_GET_ITEM(key, 0) : key; }
  bool prefix_is_all() const { return !tuples && (prefix == Prefix::integer || prefix == Prefix::real); }
};

// A prefix for the objects that `get` picks from the keys, and their type if it is one.
template <class Get>
Prefix common_prefix(PyObject** keys, Py_ssize_t n, Get get, PyTypeObject** common) {
  PyTypeObject* type = Py_TYPE(get(keys[0]));
  *common = nullptr;
  bool fits = true;
  auto all_fit = [&](auto fit) {
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* key = get(keys[i]);
      if (Py_TYPE(key) != type) return false;
      fits = fits && fit(key);
    }
    return true;
  };
  bool same = type == &PyLong_Type      ? all_fit(is_word)
              : type == &PyUnicode_Type ? all_fit(is_latin)
              : type == &PyFloat_Type   ? all_fit([](PyObject* key) { return !std::isnan(PyFloat_AS_DOUBLE(key)); })
                                        : all_fit([](PyObject*) { return true; });
  if (!same) return Prefix::none;
  *common = type;
  if (!fits) return Prefix::none;
  if (type == &PyLong_Type || type == &PyBool_Type) return Prefix::integer;
  return type == &PyFloat_Type ? Prefix::real : type == &PyUnicode_Type ? Prefix::latin : Prefix::none;
}

Order choose_order(PyObject** keys, Py_ssize_t n) {
  Order order;
  PyTypeObject* type;
  order.tuples = std::all_of(keys, keys + n, [](PyObject* key) { return PyTuple_CheckExact(key) && Py_SIZE(key) > 0; });
  if (order.tuples) {
    order.prefix = common_prefix(keys, n, [](PyObject* key) { return PyTuple_GET_ITEM(key, 0); }, &type);
    order.less = less_tuple;
  } else {
    order.prefix = common_prefix(keys, n, [](PyObject* key) { return key; }, &type);
    if (order.prefix == Prefix::latin) order.less = less_latin;
    else if (type && type->tp_richcompare) order.less = less_same_type;
  }
  return order;
}

struct LessPrefix {
  int operator()(const Record& a, const Record& b) const { return a.prefix < b.prefix; }
};
struct LessKey {
  PyObject** keys;
  Less less;
  int operator()(const Record& a, const Record& b) const {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return less(keys[a.index], keys[b.index]);
  }
};

// ---- sorting records ------------------------------------------------------------------------------------------

Status no_memory() {
  PyErr_NoMemory();
  return Status::error;
}

template <class Less>
class Sorter {
 public:
  Sorter(Record* records, Py_ssize_t length, Less less) : all_(records), length_(length), less_(less) {}
  Sorter(const Sorter&) = delete;
  ~Sorter() { PyMem_Free(buffer_); }

  Status sort() {
    Py_ssize_t minimum = length_;
    bool odd = false;
    while (minimum >= 2 * kShortRun) {
      odd = odd || (minimum & 1);
      minimum >>= 1;
    }
    minimum += odd;
    for (Py_ssize_t start = 0; start < length_;) {
      Py_ssize_t run = natural_run(start);
      if (run < 0) return Status::error;
      Py_ssize_t wanted = std::min(minimum, length_ - start);
      if (run < wanted) {
        TRY(insertion_sort(start, run, wanted));
        run = wanted;
      }
      TRY(push_run(start, run));
      start += run;
    }
    while (runs_ > 1) TRY(merge_top());
    return Status::ok;
  }

 private:
  struct Run {
    Py_ssize_t start, length;
    int power;  // of the boundary to the next run
  };

  // The length of the run that begins at `start`, made ascending; -1 with an exception.
  Py_ssize_t natural_run(Py_ssize_t start) {
    Py_ssize_t end = start + 1;
    if (end >= length_) return 1;
    int down = less_(all_[end], all_[end - 1]);
    if (down < 0) return -1;
    for (++end; end < length_; ++end) {
      int less = less_(all_[end], all_[end - 1]);
      if (less < 0) return -1;
      if (less != down) break;
    }
    if (down) std::reverse(all_ + start, all_ + end);
    return end - start;
  }

  Status insertion_sort(Py_ssize_t start, Py_ssize_t sorted, Py_ssize_t n) {
    for (Py_ssize_t i = start + sorted; i < start + n; ++i) {
      Record record = all_[i];
      Py_ssize_t low = start, high = i;
      while (low < high) {
        Py_ssize_t middle = low + (high - low) / 2;
        int less = less_(record, all_[middle]);
        if (less < 0) return Status::error;
        less ? high = middle : low = middle + 1;
      }
      std::copy_backward(all_ + low, all_ + i, all_ + i + 1);
      all_[low] = record;
    }
    return Status::ok;
  }

  // The first bit in which the middles of the two neighbouring runs differ, as fractions of the list.
  int power_of(const Run& left, Py_ssize_t right_length) const {
    uint64_t n = static_cast<uint64_t>(length_);
    uint64_t a = 2 * static_cast<uint64_t>(left.start) + static_cast<uint64_t>(left.length);
    uint64_t b = a + static_cast<uint64_t>(left.length) + static_cast<uint64_t>(right_length);
    int power = 0;
    for (;;) {
      ++power;
      bool bit_a = a >= n, bit_b = b >= n;
      if (bit_a != bit_b) return power;
      if (bit_a) {
        a -= n;
        b -= n;
      }
      a <<= 1;
      b <<= 1;
    }
  }

  Status push_run(Py_ssize_t start, Py_ssize_t length) {
    if (runs_ > 0) {
      int power = power_of(stack_[runs_ - 1], length);
      while (runs_ > 1 && stack_[runs_ - 2].power > power) TRY(merge_top());
      stack_[runs_ - 1].power = power;
    }
    stack_[runs_++] = {start, length, 0};
    return Status::ok;
  }

  Status merge_top() {
    Run right = stack_[--runs_];
    Run& left = stack_[runs_ - 1];
    // What stands right already at either end need not move.
    Py_ssize_t skip = upper_bound(all_[right.start], all_ + left.start, left.length, 0);
    if (skip < 0) return Status::error;
    Py_ssize_t start = left.start + skip, n = left.length - skip;
    left.length += right.length;
    if (n == 0) return Status::ok;
    Py_ssize_t m = lower_bound(all_[right.start - 1], all_ + right.start, right.length, right.length - 1);
    if (m < 0) return Status::error;
    if (m == 0) return Status::ok;
    return n <= m ? merge_low(start, n, right.start, m) : merge_high(start, n, right.start, m);
  }

  // Where `record` belongs among the sorted ones, behind (upper) or before (lower) equal ones. The search
  // gallops away from `hint`.
  Py_ssize_t bound(Record record, const Record* sorted, Py_ssize_t n, Py_ssize_t hint, bool upper) {
    // goes_left(i): the place is at or before i.
    auto goes_left = [&](Py_ssize_t i) -> int {
      if (upper) return less_(record, sorted[i]);
      int less = less_(sorted[i], record);
      return less < 0 ? -1 : !less;
    };
    int left = goes_left(hint);
    if (left < 0) return -1;
    Py_ssize_t low, high;  // the place is in [low, high]
    Py_ssize_t step = 1;
    if (left) {
      high = hint;
      low = 0;
      while (hint - step >= 0) {
        int more = goes_left(hint - step);
        if (more < 0) return -1;
        if (!more) {
          low = hint - step + 1;
          break;
        }
        high = hint - step;
        step = step * 2 + 1;
      }
    } else {
      low = hint + 1;
      high = n;
      while (hint + step < n) {
        int stop = goes_left(hint + step);
        if (stop < 0) return -1;
        if (stop) {
          high = hint + step;
          break;
        }
        low = hint + step + 1;
        step = step * 2 + 1;
      }
    }
    while (low < high) {
      Py_ssize_t middle = low + (high - low) / 2;
      int is_left = goes_left(middle);
      if (is_left < 0) return -1;
      is_left ? high = middle : low = middle + 1;
    }
    return low;
  }
  Py_ssize_t upper_bound(Record record, const Record* sorted, Py_ssize_t n, Py_ssize_t hint) { return bound(record, sorted, n, hint, true); }
  Py_ssize_t lower_bound(Record record, const Record* sorted, Py_ssize_t n, Py_ssize_t hint) { return bound(record, sorted, n, hint, false); }

  // The buffer as a copy of [from, from+n); null with MemoryError.
  Record* copy_out(Py_ssize_t from, Py_ssize_t n) {
    if (n > buffer_size_) {
      PyMem_Free(buffer_);
      buffer_ = PyMem_New(Record, n);
      buffer_size_ = buffer_ ? n : 0;
      if (!buffer_) {
        PyErr_NoMemory();
        return nullptr;
      }
    }
    std::copy(all_ + from, all_ + from + n, buffer_);
    return buffer_;
  }

  // Merges [a, a+n) and [b, b+m), neighbours, from the left; the left one goes to the buffer. The right one's first is less than all of
  // the left one, whose last is greater than all of the right one: merge_top() has seen to that.
  //
  // Records are taken one by one until one side has won `gallop_after_` times in a row; then by galloping, as long as that
  // finds long stretches. The more it does, the sooner the next time.
  Status merge_low(Py_ssize_t a, Py_ssize_t n, Py_ssize_t b, Py_ssize_t m) {
    const Record* left = copy_out(a, n);
    if (!left) return Status::error;
    Py_ssize_t i = 0, j = b, to = a;
    const Py_ssize_t end = b + m;
    auto over = [&] { return j == end || i >= n - 1; };
    all_[to++] = all_[j++];
    while (!over()) {
      Py_ssize_t from_left = 0, from_right = 0;
      do {
        int less = less_(all_[j], left[i]);
        if (less < 0) return Status::error;
        if (less) {
          all_[to++] = all_[j++];
          ++from_right;
          from_left = 0;
        } else {
          all_[to++] = left[i++];
          ++from_left;
          from_right = 0;
        }
      } while (!over() && from_left < gallop_after_ && from_right < gallop_after_);
      if (over()) break;
      ++gallop_after_;
      do {
        gallop_after_ -= gallop_after_ > 1;
        from_left = upper_bound(all_[j], left + i, n - i, 0);
        if (from_left < 0) return Status::error;
        std::copy(left + i, left + i + from_left, all_ + to);
        to += from_left;
        i += from_left;
        if (over()) break;
        all_[to++] = all_[j++];
        if (over()) break;
        from_right = lower_bound(left[i], all_ + j, end - j, 0);
        if (from_right < 0) return Status::error;
        std::copy(all_ + j, all_ + j + from_right, all_ + to);
        to += from_right;
        j += from_right;
        if (over()) break;
        all_[to++] = left[i++];
      } while (!over() && (from_left >= kGallop || from_right >= kGallop));
      if (!over()) ++gallop_after_;
    }
    // All of the left one, or its last behind what the right one still has. Contradictory comparisons may leave nothing of it.
    if (i == n - 1) to = std::copy(all_ + j, all_ + end, all_ + to) - all_;
    std::copy(left + i, left + n, all_ + to);
    return Status::ok;
  }

  // The same from the right; the right one goes to the buffer.
  Status merge_high(Py_ssize_t a, Py_ssize_t n, Py_ssize_t b, Py_ssize_t m) {
    const Record* right = copy_out(b, m);
    if (!right) return Status::error;
    Py_ssize_t i = a + n, j = m, to = b + m;  // each one behind the next to take
    auto over = [&] { return i == a || j <= 1; };
    all_[--to] = all_[--i];
    while (!over()) {
      Py_ssize_t from_left = 0, from_right = 0;
      do {
        int less = less_(right[j - 1], all_[i - 1]);
        if (less < 0) return Status::error;
        if (less) {
          all_[--to] = all_[--i];
          ++from_left;
          from_right = 0;
        } else {
          all_[--to] = right[--j];
          ++from_right;
          from_left = 0;
        }
      } while (!over() && from_left < gallop_after_ && from_right < gallop_after_);
      if (over()) break;
      ++gallop_after_;
      do {
        gallop_after_ -= gallop_after_ > 1;
        Py_ssize_t keep = upper_bound(right[j - 1], all_ + a, i - a, i - a - 1);
        if (keep < 0) return Status::error;
        from_left = i - a - keep;
        to -= from_left;
        i -= from_left;
        std::copy_backward(all_ + i, all_ + i + from_left, all_ + to + from_left);
        if (over()) break;
        all_[--to] = right[--j];
        if (over()) break;
        keep = lower_bound(all_[i - 1], right, j, j - 1);
        if (keep < 0) return Status::error;
        from_right = j - keep;
        to -= from_right;
        j -= from_right;
        std::copy(right + j, right + j + from_right, all_ + to);
        if (over()) break;
        all_[--to] = all_[--i];
      } while (!over() && (from_left >= kGallop || from_right >= kGallop));
      if (!over()) ++gallop_after_;
    }
    // All of the right one, or its first before what the left one still has.
    if (j == 1) to = std::copy_backward(all_ + a, all_ + i, all_ + to) - all_;
    std::copy(right, right + j, all_ + to - j);
    return Status::ok;
  }

  Record* all_;
  Py_ssize_t length_;
  Less less_;
  Record* buffer_ = nullptr;
  Py_ssize_t buffer_size_ = 0;
  Run stack_[kMaxRuns];
  int runs_ = 0;
  Py_ssize_t gallop_after_ = kGallop;
};

// Whether the records are many and in no order, so that looking for runs would gain nothing.
bool is_shuffled(const Record* records, Py_ssize_t n) {
  constexpr Py_ssize_t kFewest = 500, kSample = 100;
  if (n < kFewest) return false;
  auto turns_in = [](const Record* part) {
    Py_ssize_t turns = 0;
    for (Py_ssize_t i = 2; i < kSample; ++i) turns += (part[i - 2].prefix < part[i - 1].prefix) != (part[i - 1].prefix < part[i].prefix);
    return turns;
  };
  return turns_in(records) > kSample / 4 && turns_in(records + n / 2) > kSample / 4;
}

// Orders by the prefixes alone, from their lowest digits up. Bits that all have in common take no pass.
Status radix_sort(Record* records, Py_ssize_t n) {
  constexpr int kBits = 11;
  constexpr size_t kDigits = size_t{1} << kBits;
  uint64_t least = records[0].prefix, most = least;
  for (Py_ssize_t i = 1; i < n; ++i) {
    least = std::min(least, records[i].prefix);
    most = std::max(most, records[i].prefix);
  }
  auto* other = PyMem_New(Record, n);
  if (!other) return no_memory();
  Record *from = records, *to = other;
  for (int shift = 0; shift < 64 && (most - least) >> shift; shift += kBits) {
    Py_ssize_t places[kDigits] = {};
    auto digit_of = [=](const Record& record) { return (record.prefix - least) >> shift & (kDigits - 1); };
    for (Py_ssize_t i = 0; i < n; ++i) ++places[digit_of(from[i])];
    Py_ssize_t place = 0;
    for (Py_ssize_t& count : places) place += std::exchange(count, place);
    for (Py_ssize_t i = 0; i < n; ++i) to[places[digit_of(from[i])]++] = from[i];
    std::swap(from, to);
  }
  if (from != records) std::copy(from, from + n, records);
  PyMem_Free(other);
  return Status::ok;
}

// Puts the items in the order of their keys. `keys` may be `items`.
Status sort_items(PyObject** items, PyObject** keys, Py_ssize_t n, bool reverse) {
  Record few[kShortRun];
  Record* records = n <= kShortRun ? few : PyMem_New(Record, n);
  if (!records) return no_memory();
  Order order = choose_order(keys, n);
  // Reversing before and after keeps equal items in their order.
  auto place_of = [&](Py_ssize_t i) { return reverse ? n - 1 - i : i; };
  auto fill = [&](auto prefix_of) {
    for (Py_ssize_t i = 0; i < n; ++i) {
      Py_ssize_t index = place_of(i);
      records[i] = {prefix_of(order.prefixed(keys[index])), index};
    }
  };
  switch (order.prefix) {
    case Prefix::integer: fill(integer_prefix); break;
    case Prefix::real: fill(real_prefix); break;
    case Prefix::latin: fill(latin_prefix); break;
    case Prefix::none: fill(no_prefix); break;
  }
  Status status;
  if (!order.prefix_is_all()) status = Sorter(records, n, LessKey{keys, order.less}).sort();
  else if (is_shuffled(records, n)) status = radix_sort(records, n);
  else status = Sorter(records, n, LessPrefix()).sort();
  auto is_unchanged = [&] {
    Py_ssize_t i = 0;
    while (i < n && records[i].index == place_of(i)) ++i;
    return i == n;
  };
  if (status == Status::ok && !is_unchanged()) {
    for (Py_ssize_t i = 0; i < n; ++i) records[i].prefix = reinterpret_cast<uint64_t>(items[records[i].index]);
    for (Py_ssize_t i = 0; i < n; ++i) items[place_of(i)] = reinterpret_cast<PyObject*>(records[i].prefix);
  }
  if (records != few) PyMem_Free(records);
  return status;
}

}  // namespace

Status list_sort(PyListObject* list, PyObject* key, bool reverse) {
  // The list looks empty while key functions and comparisons run.
  Py_ssize_t n = std::exchange(list->ob_base.ob_size, 0);
  PyObject** items = std::exchange(list->ob_item, nullptr);
  Py_ssize_t allocated = std::exchange(list->allocated, -1);  // any change sets it
  Status status = Status::ok;
  PyObject** keys = items;
  if (key && n > 0) {
    keys = PyMem_New(PyObject*, n);
    if (!keys) status = no_memory();
    for (Py_ssize_t i = 0; i < n && status == Status::ok; ++i) {
      keys[i] = PyObject_CallOneArg(key, items[i]);
      if (!keys[i]) {
        while (--i >= 0) release(keys[i]);
        PyMem_Free(keys);
        keys = nullptr;
        status = Status::error;
        break;
      }
    }
  }
  if (n > 1 && status == Status::ok) status = sort_items(items, keys, n, reverse);
  // Releasing the keys may run code that changes the list, too.
  if (key && keys && n > 0) {
    for (Py_ssize_t i = 0; i < n; ++i) release(keys[i]);
    PyMem_Free(keys);
  }
  bool changed = list->allocated != -1;
  PyObject** intruders = std::exchange(list->ob_item, items);
  Py_ssize_t intruder_count = std::exchange(list->ob_base.ob_size, n);
  list->allocated = allocated;
  if (changed) {
    if (status == Status::ok) {
      PyErr_SetString(PyExc_ValueError, "list modified during sort");
      status = Status::error;
    }
    for (Py_ssize_t i = intruder_count; --i >= 0;) release(intruders[i]);
    PyMem_Free(intruders);
  }
  return status;
}

}  // namespace gill
