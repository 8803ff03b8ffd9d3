// Collects the pieces of a split. The first are kept aside, so that the list of a few is made once their number is known.
#pragma once

#include "base/ref.h"
#include "base/result.h"
#include "objects/list.h"

namespace gill {

class ListBuilder {
 public:
  ListBuilder() = default;
  ListBuilder(const ListBuilder&) = delete;
  ListBuilder& operator=(const ListBuilder&) = delete;
  ~ListBuilder() {
    while (count_ > 0) gill::release(few_[--count_]);
  }
  Status add(Ref<> item) {
    if (!item) return Status::error;
    if (count_ == kFew) TRY(spill());
    few_[count_++] = item.release();
    return Status::ok;
  }
  Ref<> finish() {
    if (!list_) return list_steal_items(few_, std::exchange(count_, 0));
    TRY(spill());
    return std::move(list_);
  }
  Ref<> finish_reversed() {
    Ref<> list = TRY(finish());
    TRY(status_of(PyList_Reverse(list.get())));
    return list;
  }

 private:
  static constexpr Py_ssize_t kFew = 12;

  Status spill() {
    if (!list_) list_ = TRY(steal(PyList_New(0)));
    auto* list = reinterpret_cast<PyListObject*>(list_.get());
    for (Py_ssize_t i = 0, n = std::exchange(count_, 0); i < n; ++i) {
      if (list_append_steal(list, few_[i]) == Status::ok) continue;
      while (++i < n) gill::release(few_[i]);
      return Status::error;
    }
    return Status::ok;
  }

  PyObject* few_[kFew];
  Py_ssize_t count_ = 0;
  Ref<> list_;
};

}  // namespace gill
