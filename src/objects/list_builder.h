// Collects the pieces of a split: a list whose first items go into slots allocated up front.
#pragma once

#include "base/ref.h"
#include "base/result.h"

namespace gill {

class ListBuilder {
 public:
  static constexpr Py_ssize_t kFirst = 12;
  explicit ListBuilder(Py_ssize_t expected) : list_(steal(PyList_New(expected < kFirst ? expected : kFirst))) {
    slots_ = list_ ? PyList_GET_SIZE(list_.get()) : 0;
  }
  bool ok() const { return static_cast<bool>(list_); }
  Status add(Ref<> item) {
    if (!item) return Status::error;
    if (count_ < slots_) {
      PyList_SET_ITEM(list_.get(), count_++, item.release());
      return Status::ok;
    }
    ++count_;
    return status_of(PyList_Append(list_.get(), item.get()));
  }
  Status reverse() {
    trim();
    return status_of(PyList_Reverse(list_.get()));
  }
  Ref<> finish() {
    trim();
    return std::move(list_);
  }

 private:
  void trim() {
    if (count_ < slots_) Py_SET_SIZE(reinterpret_cast<PyVarObject*>(list_.get()), count_);
  }
  Ref<> list_;
  Py_ssize_t slots_ = 0;
  Py_ssize_t count_ = 0;
};

}  // namespace gill
