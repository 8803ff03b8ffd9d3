// A hash table by address, for walks of the heap, during which nothing may be allocated from it.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "base/result.h"

namespace gill {

// `Entry` begins with `const void* address`, null in zeroed memory. The table comes from malloc.
template <class Entry>
class AddressTable {
 public:
  AddressTable() = default;
  AddressTable(const AddressTable&) = delete;
  ~AddressTable() { std::free(entries_); }
  // The entry of the address, made when it is new; null when memory runs out.
  Entry* add(const void* address) {
    if ((count_ + 1) * 2 > capacity_ && !grow()) return nullptr;
    Entry* entry = place_of(address);
    if (!entry->address) {
      entry->address = address;
      ++count_;
    }
    return entry;
  }
  Entry* find(const void* address) {
    if (!capacity_) return nullptr;
    Entry* entry = place_of(address);
    return entry->address ? entry : nullptr;
  }
  template <class Each>
  Status visit(Each each) {
    for (size_t i = 0; i < capacity_; ++i) {
      if (entries_[i].address) TRY(each(entries_[i]));
    }
    return Status::ok;
  }

 private:
  Entry* place_of(const void* address) {
    size_t i = (reinterpret_cast<uintptr_t>(address) >> 4) * 0x9e3779b97f4a7c15u & (capacity_ - 1);
    while (entries_[i].address && entries_[i].address != address) i = (i + 1) & (capacity_ - 1);
    return &entries_[i];
  }
  bool grow() {
    Entry* old = entries_;
    size_t old_capacity = capacity_, wanted = capacity_ ? capacity_ * 2 : 1024;
    auto* fresh = static_cast<Entry*>(std::calloc(wanted, sizeof(Entry)));
    if (!fresh) return false;
    entries_ = fresh;
    capacity_ = wanted;
    for (size_t i = 0; i < old_capacity; ++i) {
      if (old[i].address) *place_of(old[i].address) = old[i];
    }
    std::free(old);
    return true;
  }

  Entry* entries_ = nullptr;
  size_t count_ = 0;
  size_t capacity_ = 0;
};

}  // namespace gill
