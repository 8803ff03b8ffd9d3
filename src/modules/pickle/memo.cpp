// The memo of a Pickler: a hash table with open addressing, by address.
#include "modules/pickle/pickle.h"

namespace gill::pickle {

Memo::Entry* Memo::slot_of(PyObject* key) const {
  // Objects are aligned to 8 bytes.
  auto bits = reinterpret_cast<uintptr_t>(key) >> 3;
  size_t i = bits & mask_;
  for (size_t perturb = bits;; perturb >>= 5) {
    Entry* entry = &entries_[i];
    if (!entry->key || entry->key == key) return entry;
    i = (i * 5 + perturb + 1) & mask_;
  }
}

Py_ssize_t* Memo::find(PyObject* key) const {
  if (!entries_) return nullptr;
  Entry* entry = slot_of(key);
  return entry->key ? &entry->number : nullptr;
}

Status Memo::grow() {
  size_t old_capacity = capacity();
  size_t wanted = old_capacity ? old_capacity * (used_ > 50000 ? 2 : 4) : 8;
  auto* fresh = static_cast<Entry*>(PyMem_Calloc(wanted, sizeof(Entry)));
  if (!fresh) {
    PyErr_NoMemory();
    return Status::error;
  }
  Entry* old = std::exchange(entries_, fresh);
  mask_ = wanted - 1;
  for (size_t i = 0; i < old_capacity; ++i) {
    if (old[i].key) *slot_of(old[i].key) = old[i];
  }
  PyMem_Free(old);
  return Status::ok;
}

Status Memo::set(PyObject* key, Py_ssize_t number) {
  if (!entries_) TRY(grow());
  Entry* entry = slot_of(key);
  if (entry->key) {
    entry->number = number;
    return Status::ok;
  }
  *entry = {borrow(key).release(), number};
  ++used_;
  return static_cast<size_t>(used_) * 3 >= capacity() * 2 ? grow() : Status::ok;
}

void Memo::clear() {
  // Releasing the objects can run code that comes back here.
  Entry* old = std::exchange(entries_, nullptr);
  size_t old_capacity = old ? mask_ + 1 : 0;
  mask_ = 0;
  used_ = 0;
  for (size_t i = 0; i < old_capacity; ++i) {
    if (old[i].key) release(old[i].key);
  }
  PyMem_Free(old);
}

Status Memo::copy_from(const Memo& other) {
  Memo copy{};
  bool failed = other.for_each([&](const Entry& entry) { return copy.set(entry.key, entry.number); }) == Status::error;
  if (failed) {
    copy.clear();
    return Status::error;
  }
  swap(copy);
  copy.clear();
  return Status::ok;
}

int Memo::traverse(visitproc visit, void* arg) const {
  for (size_t i = 0; i < capacity(); ++i) Py_VISIT(entries_[i].key);
  return 0;
}

}  // namespace gill::pickle
