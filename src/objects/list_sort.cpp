// list.sort(): a stable merge sort that finds the order that is already there.
//
// The list is cut into natural runs (ascending, or strictly descending and then reversed), short ones
// extended by binary insertion. Runs are merged in the order of "powersort": the boundary between two
// neighbours gets a power, the depth at which it would stand in a perfectly balanced merge tree over
// the list, and a run is merged with its left neighbour while that boundary's power is higher. The
// merges are then within a small constant of optimal for the given runs. Merging gallops through
// stretches that come from one side only.
//
// Comparing dominates. Before sorting the keys are looked at once: when all are str of one width, all
// small ints, or all floats, the comparison is a function on their contents; when all are of one
// type its tp_richcompare is called directly; tuples compare their first items in such a way.
//
// While sorting the list is empty for everybody else; if it was changed meanwhile, that is an error.
#include <algorithm>
#include <cstring>

#include "base/result.h"
#include "objects/list.h"

namespace gill {
namespace {

inline constexpr Py_ssize_t kShortRun = 32;
inline constexpr Py_ssize_t kGallop = 7;
inline constexpr int kMaxRuns = 90;  // powers of a boundary are below 64

// What is sorted: keys, and in parallel the values that they stand for (null when the keys are the items).
struct Slice {
  PyObject** keys;
  PyObject** values;
  Slice at(Py_ssize_t i) const { return {keys + i, values ? values + i : nullptr}; }
};

void copy_slice(Slice to, Py_ssize_t i, Slice from, Py_ssize_t j, Py_ssize_t n) {
  std::memmove(to.keys + i, from.keys + j, static_cast<size_t>(n) * sizeof(PyObject*));
  if (to.values) std::memmove(to.values + i, from.values + j, static_cast<size_t>(n) * sizeof(PyObject*));
}

// Whether a < b: 1, 0, or -1 with an exception.
using Less = int (*)(PyObject* a, PyObject* b);

int less_generic(PyObject* a, PyObject* b) { return PyObject_RichCompareBool(a, b, Py_LT); }

int less_same_type(PyObject* a, PyObject* b) {
  PyObject* result = Py_TYPE(a)->tp_richcompare(a, b, Py_LT);
  if (result == Py_NotImplemented) return PyObject_RichCompareBool(a, b, Py_LT);
  if (!result) return -1;
  int truth = PyObject_IsTrue(result);
  release(result);
  return truth;
}

int less_latin(PyObject* a, PyObject* b) {
  Py_ssize_t n = PyUnicode_GET_LENGTH(a), m = PyUnicode_GET_LENGTH(b);
  int order = std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), static_cast<size_t>(std::min(n, m)));
  return order ? order < 0 : n < m;
}

// An int of at most one digit.
long small_value(PyObject* number) {
  Py_ssize_t size = Py_SIZE(number);
  return size == 0 ? 0 : static_cast<long>(size) * static_cast<long>(reinterpret_cast<PyLongObject*>(number)->ob_digit[0]);
}
int less_small_int(PyObject* a, PyObject* b) { return small_value(a) < small_value(b); }
int less_float(PyObject* a, PyObject* b) { return PyFloat_AS_DOUBLE(a) < PyFloat_AS_DOUBLE(b); }

template <Less First>
int less_tuple(PyObject* a, PyObject* b) {
  Py_ssize_t n = Py_SIZE(a), m = Py_SIZE(b);
  for (Py_ssize_t i = 0; i < n && i < m; ++i) {
    int equal = PyObject_RichCompareBool(PyTuple_GET_ITEM(a, i), PyTuple_GET_ITEM(b, i), Py_EQ);
    if (equal < 0) return -1;
    if (equal) continue;
    return i == 0 ? First(PyTuple_GET_ITEM(a, 0), PyTuple_GET_ITEM(b, 0))
                  : PyObject_RichCompareBool(PyTuple_GET_ITEM(a, i), PyTuple_GET_ITEM(b, i), Py_LT);
  }
  return n < m;
}

// The comparison for objects that `get` picks from the keys, less_generic when they differ in type.
template <class Get>
Less choose(PyObject** keys, Py_ssize_t n, Get get) {
  PyTypeObject* type = Py_TYPE(get(keys[0]));
  bool small = true, latin = true;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* key = get(keys[i]);
    if (Py_TYPE(key) != type) return less_generic;
    if (type == &PyLong_Type) small = small && std::abs(Py_SIZE(key)) <= 1;
    else if (type == &PyUnicode_Type) latin = latin && PyUnicode_KIND(key) == PyUnicode_1BYTE_KIND;
  }
  if (type == &PyUnicode_Type && latin) return less_latin;
  if (type == &PyLong_Type && small) return less_small_int;
  if (type == &PyFloat_Type) return less_float;
  return type->tp_richcompare ? less_same_type : less_generic;
}

Less choose_comparison(PyObject** keys, Py_ssize_t n) {
  bool tuples = true;
  for (Py_ssize_t i = 0; i < n && tuples; ++i) tuples = PyTuple_CheckExact(keys[i]) && Py_SIZE(keys[i]) > 0;
  if (!tuples) return choose(keys, n, [](PyObject* key) { return key; });
  Less first = choose(keys, n, [](PyObject* key) { return PyTuple_GET_ITEM(key, 0); });
  if (first == less_latin) return less_tuple<less_latin>;
  if (first == less_small_int) return less_tuple<less_small_int>;
  if (first == less_float) return less_tuple<less_float>;
  return less_tuple<less_generic>;
}

class Sorter {
 public:
  Sorter(Slice slice, Py_ssize_t length) : all_(slice), length_(length), less_(choose_comparison(slice.keys, length)) {}
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

  void reverse(Py_ssize_t start, Py_ssize_t n) {
    reverse_items(all_.keys + start, n);
    if (all_.values) reverse_items(all_.values + start, n);
  }

  // The length of the run that begins at `start`, made ascending; -1 with an exception.
  Py_ssize_t natural_run(Py_ssize_t start) {
    PyObject** keys = all_.keys;
    Py_ssize_t end = start + 1;
    if (end >= length_) return 1;
    int down = less_(keys[end], keys[end - 1]);
    if (down < 0) return -1;
    for (++end; end < length_; ++end) {
      int less = less_(keys[end], keys[end - 1]);
      if (less < 0) return -1;
      if (less != down) break;
    }
    if (down) reverse(start, end - start);
    return end - start;
  }

  Status insertion_sort(Py_ssize_t start, Py_ssize_t sorted, Py_ssize_t n) {
    for (Py_ssize_t i = start + sorted; i < start + n; ++i) {
      PyObject* key = all_.keys[i];
      Py_ssize_t low = start, high = i;
      while (low < high) {
        Py_ssize_t middle = low + (high - low) / 2;
        int less = less_(key, all_.keys[middle]);
        if (less < 0) return Status::error;
        less ? high = middle : low = middle + 1;
      }
      PyObject* value = all_.values ? all_.values[i] : nullptr;
      copy_slice(all_, low + 1, all_, low, i - low);
      all_.keys[low] = key;
      if (value) all_.values[low] = value;
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
    Py_ssize_t skip = upper_bound(all_.keys[right.start], all_.keys + left.start, left.length, 0);
    if (skip < 0) return Status::error;
    Py_ssize_t start = left.start + skip, n = left.length - skip;
    left.length += right.length;
    if (n == 0) return Status::ok;
    Py_ssize_t m = lower_bound(all_.keys[right.start - 1], all_.keys + right.start, right.length, right.length - 1);
    if (m < 0) return Status::error;
    if (m == 0) return Status::ok;
    return n <= m ? merge_low(start, n, right.start, m) : merge_high(start, n, right.start, m);
  }

  // Where `key` belongs among the sorted keys, behind (upper) or before (lower) equal ones. The search
  // gallops away from `hint`.
  Py_ssize_t bound(PyObject* key, PyObject** keys, Py_ssize_t n, Py_ssize_t hint, bool upper) {
    // goes_left(i): the place is at or before i.
    auto goes_left = [&](Py_ssize_t i) -> int {
      if (upper) return less_(key, keys[i]);
      int less = less_(keys[i], key);
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
  Py_ssize_t upper_bound(PyObject* key, PyObject** keys, Py_ssize_t n, Py_ssize_t hint) { return bound(key, keys, n, hint, true); }
  Py_ssize_t lower_bound(PyObject* key, PyObject** keys, Py_ssize_t n, Py_ssize_t hint) { return bound(key, keys, n, hint, false); }

  Status need_buffer(Py_ssize_t n, Slice* out) {
    if (n > buffer_size_) {
      PyMem_Free(buffer_);
      buffer_ = static_cast<PyObject**>(PyMem_Malloc(static_cast<size_t>(n) * sizeof(PyObject*) * (all_.values ? 2 : 1)));
      buffer_size_ = buffer_ ? n : 0;
      if (!buffer_) {
        PyErr_NoMemory();
        return failure;
      }
    }
    *out = {buffer_, all_.values ? buffer_ + buffer_size_ : nullptr};
    return Status::ok;
  }

  // Merges [a, a+n) and [b, b+m), neighbours, from the left; the left one goes to the buffer. On an error
  // what the buffer still holds goes back, so that the list has all its items.
  Status merge_low(Py_ssize_t a, Py_ssize_t n, Py_ssize_t b, Py_ssize_t m) {
    Slice left;
    TRY(need_buffer(n, &left));
    copy_slice(left, 0, all_, a, n);
    Py_ssize_t i = 0, j = b, to = a;
    const Py_ssize_t end = b + m;
    Status status = Status::ok;
    Py_ssize_t from_left = 0, from_right = 0;
    while (i < n && j < end) {
      int less = less_(all_.keys[j], left.keys[i]);
      if (less < 0) {
        status = Status::error;
        break;
      }
      if (less) {
        copy_slice(all_, to++, all_, j++, 1);
        from_left = 0;
        if (++from_right >= kGallop && j < end) {
          Py_ssize_t count = lower_bound(left.keys[i], all_.keys + j, end - j, 0);
          if (count < 0) {
            status = Status::error;
            break;
          }
          copy_slice(all_, to, all_, j, count);
          to += count;
          j += count;
          from_right = 0;
        }
      } else {
        copy_slice(all_, to++, left, i++, 1);
        from_right = 0;
        if (++from_left >= kGallop && i < n) {
          Py_ssize_t count = upper_bound(all_.keys[j], left.keys + i, n - i, 0);
          if (count < 0) {
            status = Status::error;
            break;
          }
          copy_slice(all_, to, left, i, count);
          to += count;
          i += count;
          from_left = 0;
        }
      }
    }
    copy_slice(all_, to, left, i, n - i);
    return status;
  }

  Status merge_high(Py_ssize_t a, Py_ssize_t n, Py_ssize_t b, Py_ssize_t m) {
    Slice right;
    TRY(need_buffer(m, &right));
    copy_slice(right, 0, all_, b, m);
    Py_ssize_t i = a + n, j = m, to = b + m;  // each one behind the next to take
    Status status = Status::ok;
    Py_ssize_t from_left = 0, from_right = 0;
    while (i > a && j > 0) {
      int less = less_(right.keys[j - 1], all_.keys[i - 1]);
      if (less < 0) {
        status = Status::error;
        break;
      }
      if (less) {
        copy_slice(all_, --to, all_, --i, 1);
        from_right = 0;
        if (++from_left >= kGallop && i > a) {
          Py_ssize_t keep = upper_bound(right.keys[j - 1], all_.keys + a, i - a, i - a - 1);
          if (keep < 0) {
            status = Status::error;
            break;
          }
          Py_ssize_t count = i - a - keep;
          to -= count;
          i -= count;
          copy_slice(all_, to, all_, i, count);
          from_left = 0;
        }
      } else {
        copy_slice(all_, --to, right, --j, 1);
        from_left = 0;
        if (++from_right >= kGallop && j > 0) {
          Py_ssize_t keep = lower_bound(all_.keys[i - 1], right.keys, j, j - 1);
          if (keep < 0) {
            status = Status::error;
            break;
          }
          Py_ssize_t count = j - keep;
          to -= count;
          j -= count;
          copy_slice(all_, to, right, j, count);
          from_right = 0;
        }
      }
    }
    copy_slice(all_, to - j, right, 0, j);
    return status;
  }

  Slice all_;
  Py_ssize_t length_;
  Less less_;
  PyObject** buffer_ = nullptr;
  Py_ssize_t buffer_size_ = 0;
  Run stack_[kMaxRuns];
  int runs_ = 0;
};

}  // namespace

Status list_sort(PyListObject* list, PyObject* key, bool reverse) {
  // The list looks empty while key functions and comparisons run.
  Py_ssize_t n = std::exchange(list->ob_base.ob_size, 0);
  PyObject** items = std::exchange(list->ob_item, nullptr);
  Py_ssize_t allocated = std::exchange(list->allocated, -1);  // any change sets it
  Status status = Status::ok;
  Slice slice = {items, nullptr};
  if (key && n > 0) {
    slice.keys = PyMem_New(PyObject*, n);
    slice.values = items;
    if (!slice.keys) {
      PyErr_NoMemory();
      status = Status::error;
    }
    for (Py_ssize_t i = 0; i < n && status == Status::ok; ++i) {
      slice.keys[i] = PyObject_CallOneArg(key, items[i]);
      if (!slice.keys[i]) {
        while (--i >= 0) release(slice.keys[i]);
        PyMem_Free(slice.keys);
        slice.keys = nullptr;
        status = Status::error;
        break;
      }
    }
  }
  if (n > 1 && status == Status::ok) {
    // Reversing before and after keeps equal items in their order.
    if (reverse) {
      reverse_items(slice.keys, n);
      if (slice.values) reverse_items(slice.values, n);
    }
    status = Sorter(slice, n).sort();
    if (reverse) {
      reverse_items(slice.keys, n);
      if (slice.values) reverse_items(slice.values, n);
    }
  }
  // Releasing the keys may run code that changes the list, too.
  if (key && slice.keys && n > 0) {
    for (Py_ssize_t i = 0; i < n; ++i) release(slice.keys[i]);
    PyMem_Free(slice.keys);
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
