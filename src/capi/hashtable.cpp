// The reference's plain hash table of pointers, which a few extensions of the standard library use (_hashlib among them).
// The structures have its layout, because a part of its functions is inline in the extensions.
#include <Python.h>

#include <algorithm>
#include <cstring>

#include "base/ref.h"

namespace {

struct Entry {
  Entry* next;
  Py_uhash_t key_hash;
  void* key;
  void* value;
};
struct Bucket {
  Entry* head;
};
struct Table;
using GetEntry = Entry* (*)(Table*, const void*);
using HashKey = Py_uhash_t (*)(const void*);
using CompareKeys = int (*)(const void*, const void*);
using Destroy = void (*)(void*);
using Visit = int (*)(Table*, const void*, const void*, void*);
struct Allocator {
  void* (*malloc)(size_t);
  void (*free)(void*);
};
struct Table {
  size_t entry_count;
  size_t bucket_count;
  Bucket* buckets;
  GetEntry get_entry;
  HashKey hash_key;
  CompareKeys compare_keys;
  Destroy destroy_key;
  Destroy destroy_value;
  Allocator allocator;
};

constexpr size_t kFewestBuckets = 16;
constexpr double kHighLoad = 0.50, kLowLoad = 0.10;

Bucket& bucket_of(Table* table, Py_uhash_t hash) { return table->buckets[hash & (table->bucket_count - 1)]; }

Entry* get_entry(Table* table, const void* key) {
  Py_uhash_t hash = table->hash_key(key);
  Entry* entry = bucket_of(table, hash).head;
  while (entry && !(entry->key_hash == hash && table->compare_keys(key, entry->key))) entry = entry->next;
  return entry;
}

Bucket* new_buckets(Table* table, size_t count) {
  auto* buckets = static_cast<Bucket*>(table->allocator.malloc(count * sizeof(Bucket)));
  if (buckets) std::memset(static_cast<void*>(buckets), 0, count * sizeof(Bucket));
  return buckets;
}

int resize(Table* table) {
  size_t wanted = static_cast<size_t>(static_cast<double>(table->entry_count) * 2.0 / (kHighLoad + kLowLoad));
  size_t count = kFewestBuckets;
  while (count < wanted) count <<= 1;
  if (count == table->bucket_count) return 0;
  Bucket* fresh = new_buckets(table, count);
  if (!fresh) return -1;
  Bucket* old = table->buckets;
  size_t old_count = std::exchange(table->bucket_count, count);
  table->buckets = fresh;
  for (size_t i = 0; i < old_count; ++i) {
    for (Entry *entry = old[i].head, *next; entry; entry = next) {
      next = entry->next;
      entry->next = std::exchange(bucket_of(table, entry->key_hash).head, entry);
    }
  }
  table->allocator.free(old);
  return 0;
}

void destroy(Table* table, Entry* entry) {
  if (table->destroy_key) table->destroy_key(entry->key);
  if (table->destroy_value) table->destroy_value(entry->value);
  table->allocator.free(entry);
}

void destroy_all(Table* table) {
  for (size_t i = 0; i < table->bucket_count; ++i) {
    for (Entry *entry = std::exchange(table->buckets[i].head, nullptr), *next; entry; entry = next) {
      next = entry->next;
      destroy(table, entry);
    }
  }
  table->entry_count = 0;
}

}  // namespace

extern "C" {

#define PUBLISHED [[gnu::visibility("default")]]

PUBLISHED Py_uhash_t _Py_hashtable_hash_ptr(const void* key) { return static_cast<Py_uhash_t>(_Py_HashPointerRaw(key)); }
PUBLISHED int _Py_hashtable_compare_direct(const void* a, const void* b) { return a == b; }

PUBLISHED Table* _Py_hashtable_new_full(HashKey hash_key, CompareKeys compare, Destroy destroy_key, Destroy destroy_value, Allocator* allocator) {
  Allocator own = allocator ? *allocator : Allocator{PyMem_Malloc, PyMem_Free};
  auto* table = static_cast<Table*>(own.malloc(sizeof(Table)));
  if (!table) return nullptr;
  *table = {0, kFewestBuckets, nullptr, get_entry, hash_key, compare, destroy_key, destroy_value, own};
  table->buckets = new_buckets(table, kFewestBuckets);
  if (table->buckets) return table;
  own.free(table);
  return nullptr;
}
PUBLISHED Table* _Py_hashtable_new(HashKey hash_key, CompareKeys compare) { return _Py_hashtable_new_full(hash_key, compare, nullptr, nullptr, nullptr); }

PUBLISHED void _Py_hashtable_destroy(Table* table) {
  destroy_all(table);
  table->allocator.free(table->buckets);
  table->allocator.free(table);
}
PUBLISHED void _Py_hashtable_clear(Table* table) {
  destroy_all(table);
  (void)resize(table);  // without memory it stays as large as it is
}

PUBLISHED size_t _Py_hashtable_size(const Table* table) { return sizeof(Table) + table->bucket_count * sizeof(Bucket) + table->entry_count * sizeof(Entry); }

PUBLISHED int _Py_hashtable_set(Table* table, const void* key, void* value) {
  auto* entry = static_cast<Entry*>(table->allocator.malloc(sizeof(Entry)));
  if (!entry) return -1;
  *entry = {nullptr, table->hash_key(key), const_cast<void*>(key), value};
  ++table->entry_count;
  if (static_cast<double>(table->entry_count) / static_cast<double>(table->bucket_count) > kHighLoad && resize(table) < 0) {
    --table->entry_count;
    table->allocator.free(entry);
    return -1;
  }
  entry->next = std::exchange(bucket_of(table, entry->key_hash).head, entry);
  return 0;
}

PUBLISHED void* _Py_hashtable_get(Table* table, const void* key) {
  Entry* entry = table->get_entry(table, key);
  return entry ? entry->value : nullptr;
}

// Takes the entry out; its key and value are the caller's.
PUBLISHED void* _Py_hashtable_steal(Table* table, const void* key) {
  Py_uhash_t hash = table->hash_key(key);
  for (Entry** link = &bucket_of(table, hash).head; *link; link = &(*link)->next) {
    Entry* entry = *link;
    if (entry->key_hash != hash || !table->compare_keys(key, entry->key)) continue;
    *link = entry->next;
    void* value = entry->value;
    table->allocator.free(entry);
    --table->entry_count;
    if (static_cast<double>(table->entry_count) / static_cast<double>(table->bucket_count) < kLowLoad) (void)resize(table);
    return value;
  }
  return nullptr;
}

PUBLISHED int _Py_hashtable_foreach(Table* table, Visit visit, void* context) {
  for (size_t i = 0; i < table->bucket_count; ++i) {
    for (Entry* entry = table->buckets[i].head; entry; entry = entry->next) {
      if (int stop = visit(table, entry->key, entry->value, context)) return stop;
    }
  }
  return 0;
}

}  // extern "C"
