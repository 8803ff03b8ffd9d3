#include "objects/hamt.h"

#include <bit>

#include "base/binding.h"

namespace gill {

namespace {

extern PyTypeObject hamt_node_type;

using Slot = HamtNode::Slot;

constexpr int kBits = 5;

// The reference's folding of a hash into 32 bits, which decides the order of iteration.
Maybe<uint32_t> hash_of(PyObject* key) {
  Py_hash_t hash = TRY(checked(PyObject_Hash(key)));
  uint32_t folded = static_cast<uint32_t>(hash) ^ static_cast<uint32_t>(static_cast<uint64_t>(hash) >> 32);
  return folded == UINT32_MAX ? UINT32_MAX - 1 : folded;
}

uint32_t bit_at(uint32_t hash, int shift) { return uint32_t{1} << ((hash >> shift) & 31); }
int index_of(const HamtNode* node, uint32_t bit) { return std::popcount(node->bitmap & (bit - 1)); }
HamtNode* child(const Slot& slot) { return reinterpret_cast<HamtNode*>(slot.value); }

Maybe<bool> same_key(PyObject* key, PyObject* other) { return truth_of(PyObject_RichCompareBool(key, other, Py_EQ)); }

Slot own(PyObject* key, PyObject* value) { return {borrow(key).release(), borrow(value).release()}; }
Slot own(const Slot& slot) { return own(slot.key, slot.value); }
Slot own(Ref<HamtNode> node) { return {nullptr, as_object(node.release())}; }

// A node whose slots the caller fills before it is tracked.
Ref<HamtNode> new_node(Py_ssize_t slots, uint32_t bitmap, Py_ssize_t pairs) {
  auto* node = PyObject_GC_NewVar(HamtNode, &hamt_node_type, slots);
  if (!node) return nullptr;
  node->bitmap = bitmap;
  node->hash = 0;
  node->pairs = pairs;
  for (Py_ssize_t i = 0; i < slots; ++i) node->slots[i] = {nullptr, nullptr};
  return steal(node);
}

Ref<HamtNode> finish(Ref<HamtNode> node) {
  PyObject_GC_Track(node.get());
  return node;
}

// Copies of a node with a slot more, another slot or a slot less.
Ref<HamtNode> with_slot(HamtNode* node, int at, uint32_t bitmap, PyObject* key, PyObject* value) {
  Ref<HamtNode> made = TRY(new_node(Py_SIZE(node) + 1, bitmap, node->pairs + 1));
  made->hash = node->hash;
  for (Py_ssize_t i = 0; i < Py_SIZE(node); ++i) made->slots[i < at ? i : i + 1] = own(node->slots[i]);
  made->slots[at] = own(key, value);
  return finish(std::move(made));
}
Ref<HamtNode> with_replaced_slot(HamtNode* node, Py_ssize_t at, Slot slot, Py_ssize_t pairs) {
  Ref<HamtNode> made = new_node(Py_SIZE(node), node->bitmap, pairs);
  if (!made) {
    clear_field(slot.key);
    clear_field(slot.value);
    return nullptr;
  }
  made->hash = node->hash;
  for (Py_ssize_t i = 0; i < Py_SIZE(node); ++i) made->slots[i] = i == at ? slot : own(node->slots[i]);
  return finish(std::move(made));
}
Ref<HamtNode> without_slot(HamtNode* node, Py_ssize_t at, uint32_t bitmap) {
  Ref<HamtNode> made = TRY(new_node(Py_SIZE(node) - 1, bitmap, node->pairs - 1));
  made->hash = node->hash;
  for (Py_ssize_t i = 0; i < Py_SIZE(made.get()); ++i) made->slots[i] = own(node->slots[i < at ? i : i + 1]);
  return finish(std::move(made));
}

Ref<HamtNode> node_of_pair(PyObject* key, PyObject* value, uint32_t bitmap) {
  Ref<HamtNode> made = TRY(new_node(1, bitmap, 1));
  made->slots[0] = own(key, value);
  return finish(std::move(made));
}

// A node whose only slot holds another node.
Ref<HamtNode> node_above(Ref<HamtNode> below, uint32_t bitmap) {
  Ref<HamtNode> made = TRY(new_node(1, bitmap, below->pairs));
  made->slots[0] = own(std::move(below));
  return finish(std::move(made));
}

// The node for two pairs that met in one slot.
Ref<HamtNode> node_of_two(const Slot& old, uint32_t old_hash, PyObject* key, PyObject* value, uint32_t hash, int shift) {
  if (old_hash == hash) {
    Ref<HamtNode> made = TRY(new_node(2, 0, 2));
    made->hash = hash;
    made->slots[0] = own(old);
    made->slots[1] = own(key, value);
    return finish(std::move(made));
  }
  uint32_t bit = bit_at(hash, shift), old_bit = bit_at(old_hash, shift);
  if (bit == old_bit) {
    Ref<HamtNode> below = TRY(node_of_two(old, old_hash, key, value, hash, shift + kBits));
    return node_above(std::move(below), bit);
  }
  Ref<HamtNode> made = TRY(new_node(2, bit | old_bit, 2));
  made->slots[bit < old_bit] = own(old);
  made->slots[bit > old_bit] = own(key, value);
  return finish(std::move(made));
}

// The slot of a collision node that has the key, or -1.
Maybe<Py_ssize_t> position_in_collision(HamtNode* node, PyObject* key) {
  for (Py_ssize_t i = 0; i < Py_SIZE(node); ++i) {
    if (TRY(same_key(key, node->slots[i].key))) return i;
  }
  return Py_ssize_t{-1};
}

Ref<HamtNode> set(HamtNode* node, PyObject* key, PyObject* value, uint32_t hash, int shift);

Ref<HamtNode> set_in_collision(HamtNode* node, PyObject* key, PyObject* value, uint32_t hash, int shift) {
  if (node->hash != hash) {
    Ref<HamtNode> above = TRY(node_above(borrow(node), bit_at(node->hash, shift)));
    return set(above.get(), key, value, hash, shift);
  }
  Py_ssize_t at = TRY(position_in_collision(node, key));
  if (at < 0) return with_slot(node, static_cast<int>(Py_SIZE(node)), 0, key, value);
  if (node->slots[at].value == value) return borrow(node);
  return with_replaced_slot(node, at, own(node->slots[at].key, value), node->pairs);
}

Ref<HamtNode> set(HamtNode* node, PyObject* key, PyObject* value, uint32_t hash, int shift) {
  if (node->collision()) return set_in_collision(node, key, value, hash, shift);
  uint32_t bit = bit_at(hash, shift);
  int at = index_of(node, bit);
  if (!(node->bitmap & bit)) return with_slot(node, at, node->bitmap | bit, key, value);
  const Slot& old = node->slots[at];
  if (!old.key) {
    Ref<HamtNode> below = TRY(set(child(old), key, value, hash, shift + kBits));
    if (below.get() == child(old)) return borrow(node);
    Py_ssize_t pairs = node->pairs + below->pairs - child(old)->pairs;
    return with_replaced_slot(node, at, own(std::move(below)), pairs);
  }
  if (TRY(same_key(key, old.key))) {
    if (old.value == value) return borrow(node);
    return with_replaced_slot(node, at, own(old.key, value), node->pairs);
  }
  uint32_t old_hash = TRY(hash_of(old.key));
  Ref<HamtNode> below = TRY(node_of_two(old, old_hash, key, value, hash, shift + kBits));
  return with_replaced_slot(node, at, own(std::move(below)), node->pairs + 1);
}

Status remove(HamtNode* node, PyObject* key, uint32_t hash, int shift, Ref<HamtNode>* result);

Status remove_in_collision(HamtNode* node, PyObject* key, uint32_t hash, int shift, Ref<HamtNode>* result) {
  Py_ssize_t at = node->hash == hash ? TRY(position_in_collision(node, key)) : -1;
  if (at < 0) {
    *result = borrow(node);
    return Status::ok;
  }
  if (Py_SIZE(node) == 2) {
    const Slot& left = node->slots[1 - at];
    *result = TRY(node_of_pair(left.key, left.value, bit_at(hash, shift)));
  } else {
    *result = TRY(without_slot(node, at, 0));
  }
  return Status::ok;
}

// A pair that is left alone in a child moves up, so that equal maps have equal shapes.
Status remove_in_child(HamtNode* node, int at, PyObject* key, uint32_t hash, int shift, Ref<HamtNode>* result) {
  HamtNode* old = child(node->slots[at]);
  Ref<HamtNode> below;
  TRY(remove(old, key, hash, shift + kBits, &below));
  if (below.get() == old) {
    *result = borrow(node);
    return Status::ok;
  }
  bool alone = below->pairs == 1 && below->slots[0].key;
  Slot slot = alone ? own(below->slots[0]) : own(std::move(below));
  *result = TRY(with_replaced_slot(node, at, slot, node->pairs - 1));
  return Status::ok;
}

// A child never becomes empty: it has two pairs at least.
Status remove(HamtNode* node, PyObject* key, uint32_t hash, int shift, Ref<HamtNode>* result) {
  if (node->collision()) return remove_in_collision(node, key, hash, shift, result);
  uint32_t bit = bit_at(hash, shift);
  int at = index_of(node, bit);
  bool occupied = (node->bitmap & bit) != 0;
  if (occupied && !node->slots[at].key) return remove_in_child(node, at, key, hash, shift, result);
  if (!occupied || !TRY(same_key(key, node->slots[at].key))) {
    *result = borrow(node);
  } else if (Py_SIZE(node) == 1) {
    result->reset();
  } else {
    *result = TRY(without_slot(node, at, node->bitmap & ~bit));
  }
  return Status::ok;
}

Maybe<PyObject*> find(HamtNode* node, PyObject* key, uint32_t hash) {
  for (int shift = 0; !node->collision(); shift += kBits) {
    uint32_t bit = bit_at(hash, shift);
    if (!(node->bitmap & bit)) return nullptr;
    const Slot& slot = node->slots[index_of(node, bit)];
    if (slot.key) return TRY(same_key(key, slot.key)) ? slot.value : nullptr;
    node = child(slot);
  }
  Py_ssize_t at = node->hash == hash ? TRY(position_in_collision(node, key)) : -1;
  return at < 0 ? nullptr : node->slots[at].value;
}

void node_dealloc(PyObject* self) {
  auto* node = reinterpret_cast<HamtNode*>(self);
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, node_dealloc)
  for (Py_ssize_t i = 0; i < Py_SIZE(node); ++i) {
    clear_field(node->slots[i].key);
    clear_field(node->slots[i].value);
  }
  PyObject_GC_Del(self);
  Py_TRASHCAN_END
}

int node_traverse(PyObject* self, visitproc visit, void* arg) {
  auto* node = reinterpret_cast<HamtNode*>(self);
  for (Py_ssize_t i = 0; i < Py_SIZE(node); ++i) {
    Py_VISIT(node->slots[i].key);
    Py_VISIT(node->slots[i].value);
  }
  return 0;
}

// Like a tuple, a node has no tp_clear: a cycle through it contains an object that can change.
PyTypeObject hamt_node_type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "hamt_node",
    .tp_basicsize = offsetof(HamtNode, slots),
    .tp_itemsize = sizeof(Slot),
    .tp_dealloc = node_dealloc,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = node_traverse,
};
GILL_STATIC_TYPE(hamt_node_type);

}  // namespace

Ref<HamtNode> hamt_set(HamtNode* map, PyObject* key, PyObject* value) {
  uint32_t hash = TRY(hash_of(key));
  return map ? set(map, key, value, hash, 0) : node_of_pair(key, value, bit_at(hash, 0));
}

Status hamt_remove(HamtNode* map, PyObject* key, Ref<HamtNode>* result) {
  uint32_t hash = TRY(hash_of(key));
  result->reset();
  return map ? remove(map, key, hash, 0, result) : Status::ok;
}

Maybe<PyObject*> hamt_find(HamtNode* map, PyObject* key) {
  if (!map) return nullptr;
  uint32_t hash = TRY(hash_of(key));
  return find(map, key, hash);
}

Maybe<bool> hamt_equal(HamtNode* a, HamtNode* b) {
  if (a == b) return true;
  if (hamt_size(a) != hamt_size(b)) return false;
  HamtWalk walk(a);
  while (const Slot* slot = walk.next()) {
    PyObject* other = TRY(hamt_find(b, slot->key));
    if (!other) return false;
    Ref<> one = borrow(slot->value), two = borrow(other);
    if (!TRY(truth_of(PyObject_RichCompareBool(one.get(), two.get(), Py_EQ)))) return false;
  }
  return true;
}

const Slot* HamtWalk::next() {
  while (depth_ > 0) {
    Level& level = levels_[depth_ - 1];
    if (level.at == Py_SIZE(level.node)) {
      --depth_;
      continue;
    }
    const Slot& slot = level.node->slots[level.at++];
    if (slot.key) return &slot;
    levels_[depth_++] = {child(slot), 0};
  }
  return nullptr;
}

}  // namespace gill
