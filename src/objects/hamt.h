// A hash array mapped trie: an immutable map from hashable objects to objects, which context variables' values are kept in.
//
// A node stands for five bits of the keys' 32-bit hashes; of its 32 slots only the occupied ones are stored, and a slot holds a key
// with its value or another node. Keys whose hashes are equal share a collision node, which has no bitmap. Setting or removing a key
// copies the nodes on its path, at most eight small ones, and shares the rest with the old map; so a map is copied by
// taking another reference. Maps with equal keys have equal shapes.
#pragma once

#include <Python.h>

#include "base/result.h"

namespace gill {

// A node and all below it; a Python object, because the collector walks the trie. The empty map is a null pointer.
struct HamtNode {
  PyObject_VAR_HEAD  // ob_size: occupied slots
  Py_ssize_t pairs;  // in the whole subtree
  uint32_t bitmap;   // which of the 32 slots are occupied; 0: a collision node
  uint32_t hash;     // of a collision node's keys
  struct Slot {
    PyObject* key;  // null: `value` is a node
    PyObject* value;
  } slots[1];

  bool collision() const { return bitmap == 0; }
};

// The map with the pair; the same node when it is there already.
Ref<HamtNode> hamt_set(HamtNode* map, PyObject* key, PyObject* value);
// `*result` is the map without the key; the same node when the key is not there.
Status hamt_remove(HamtNode* map, PyObject* key, Ref<HamtNode>* result);
// The value, borrowed from the map; null when the key is not there.
Maybe<PyObject*> hamt_find(HamtNode* map, PyObject* key);
Maybe<bool> hamt_equal(HamtNode* a, HamtNode* b);
inline Py_ssize_t hamt_size(const HamtNode* map) { return map ? map->pairs : 0; }

// Walks over the pairs of a map that somebody else keeps alive.
class HamtWalk {
 public:
  explicit HamtWalk(HamtNode* map) {
    if (map) levels_[depth_++] = {map, 0};
  }
  // Null at the end.
  const HamtNode::Slot* next();

 private:
  static constexpr int kMaxDepth = 8;  // seven times five bits, and a collision node
  struct Level {
    HamtNode* node;
    Py_ssize_t at;
  } levels_[kMaxDepth];
  int depth_ = 0;
};

// Iterators with a length.
enum class HamtPart { keys, values, items };
Ref<> hamt_iterator(HamtNode* map, HamtPart part);

}  // namespace gill
