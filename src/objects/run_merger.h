// A stable merge sort that finds the order that is already there.
//
// What is sorted is cut into natural runs (ascending, or strictly descending and then reversed), short ones
// extended by binary insertion. Runs are merged in the order of "powersort": the boundary between two
// neighbours gets a power, the depth at which it would stand in a perfectly balanced merge tree over
// all, and a run is merged with its left neighbour while that boundary's power is higher. The
// merges are then within a small constant of optimal for the given runs. Merging gallops through
// stretches that come from one side only.
#pragma once

#include <Python.h>

#include <algorithm>
#include <cstdint>

#include "base/result.h"

namespace gill {

using Record = uint64_t;

// Sorts records by `less(a, b)`, which gives 1, 0, or -1 with an exception.
template <class Less>
class RunMerger {
 public:
  RunMerger(Record* records, Py_ssize_t length, Less less) : all_(records), length_(length), less_(less) {}
  RunMerger(const RunMerger&) = delete;
  ~RunMerger() { PyMem_Free(buffer_); }

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
  static constexpr Py_ssize_t kShortRun = 32;
  static constexpr Py_ssize_t kGallop = 7;
  static constexpr int kMaxRuns = 90;  // powers of a boundary are below 64

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

}  // namespace gill
