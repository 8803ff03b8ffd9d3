// What one interpreter remembers about types: the method cache, and for types that live in static
// memory (which several interpreters share) their subclasses and weak references.
#pragma once

#include <Python.h>

#include "base/result.h"
#include "runtime/interpreter.h"

namespace gill {

// `value` is borrowed from the type that holds it; null remembers that the name is absent. An entry dies with its
// version: whatever changes an MRO or a type's dict takes the version away from the type and all its subclasses.
struct MethodCacheEntry {
  unsigned version = 0;
  PyObject* name = nullptr;   // owned
  PyObject* value = nullptr;
};

// Per-interpreter part of a static type.
struct StaticTypeRecord {
  PyTypeObject* type = nullptr;
  PyObject* subclasses = nullptr;   // dict: address -> weak reference; owned
  PyObject* weak_references = nullptr;
  StaticTypeRecord* next = nullptr;
};

// From a method's name to the rows of the table of special methods (type_slots.cpp), numbered from 1, with 0 for none: the
// first row of a bucket of names by address, and behind each row the next of its bucket.
struct SlotRowIndex {
  static constexpr unsigned kBuckets = 256;
  static constexpr unsigned kMostRows = 128;
  uint8_t first[kBuckets];
  uint8_t next[kMostRows];
  bool built;
};

struct TypeState {
  // The cache is as small as a short program needs until entries have pushed each other out for a while.
  static constexpr unsigned kFewEntries = 2048, kMostEntries = 4096;
  static constexpr unsigned kMostReplaced = 2048;
  unsigned cache_mask;
  unsigned replaced;  // how often
  MethodCacheEntry cache[kMostEntries];

  // Buckets by address.
  static constexpr unsigned kRecordBuckets = 512;
  StaticTypeRecord* records[kRecordBuckets];
  SlotRowIndex slot_rows;

  // Lists of zombies of the deallocation trashcan live on the thread; nothing else here.

  MethodCacheEntry& cache_entry(unsigned version, PyObject* name) {
    return cache[(version ^ static_cast<unsigned>(reinterpret_cast<uintptr_t>(name) >> 4)) & cache_mask];
  }
  // The record of a static type, made on first use; null when memory runs out.
  StaticTypeRecord* record_of(PyTypeObject* type);
};

TypeState* create_type_state(Interpreter* interpreter);

// The state of the running interpreter.
inline TypeState& type_state() {
  Interpreter* interpreter = current_interpreter();
  if (!interpreter->types) [[unlikely]] return *create_type_state(interpreter);
  return *interpreter->types;
}

// Makes all static types of the executable ready; start-up calls it once for each interpreter, first of all objects.
Status initialize_types(Interpreter* interpreter);
// Shutdown: lets go of the method cache and of what the interpreter remembers about static types.
void finish_types(Interpreter* interpreter);

// The subclasses dict slot and the weak reference list slot of any type, static or not.
PyObject** subclasses_slot(PyTypeObject* type);
PyObject** type_weak_list_slot(PyTypeObject* type);

}  // namespace gill
