#include "objects/context_map.h"

#include <bit>

#include "base/binding.h"

namespace gill {

struct ContextMap {
  PyObject_VAR_HEAD      // ob_size: occupied slots
  Py_ssize_t variables;  // in the whole subtree
  uint32_t bitmap;       // which of the 32 slots are occupied
  struct Slot {
    PyObject* variable;  // null: `value` is a child node
    PyObject* value;
  } slots[1];
};

namespace {

extern PyTypeObject context_map_type;

constexpr int kBits = 5;

// Distinct objects have distinct hashes: multiplication by an odd number is reversible.
uint64_t hash_of(PyObject* variable) { return (reinterpret_cast<uintptr_t>(variable) >> 4) * 0x9E3779B97F4A7C15u; }
uint32_t bit_at(uint64_t hash, int shift) { return uint32_t{1} << ((hash >> shift) & 31); }
int index_of(const ContextMap* node, uint32_t bit) { return std::popcount(node->bitmap & (bit - 1)); }
ContextMap* child(const ContextMap::Slot& slot) { return reinterpret_cast<ContextMap*>(slot.value); }

Ref<ContextMap> new_node(Py_ssize_t slots, uint32_t bitmap, Py_ssize_t variables) {
  auto* node = PyObject_GC_NewVar(ContextMap, &context_map_type, slots);
  if (!node) return nullptr;
  node->bitmap = bitmap;
  node->variables = variables;
  for (Py_ssize_t i = 0; i < slots; ++i) node->slots[i] = {nullptr, nullptr};
  return steal(node);
}

void copy_slot(ContextMap::Slot& to, const ContextMap::Slot& from) {
  to.variable = borrow(from.variable).release();
  to.value = borrow(from.value).release();
}

Ref<ContextMap> finish(Ref<ContextMap> node) {
  PyObject_GC_Track(node.get());
  return node;
}

Ref<ContextMap> set(ContextMap* node, PyObject* variable, PyObject* value, uint64_t hash, int shift);

// Two variables that met in one slot.
Ref<ContextMap> split(const ContextMap::Slot& old, PyObject* variable, PyObject* value, uint64_t hash, int shift) {
  Ref<ContextMap> one = TRY(set(nullptr, old.variable, old.value, hash_of(old.variable), shift));
  return set(one.get(), variable, value, hash, shift);
}

Ref<ContextMap> set(ContextMap* node, PyObject* variable, PyObject* value, uint64_t hash, int shift) {
  uint32_t bit = bit_at(hash, shift);
  if (!node) {
    Ref<ContextMap> made = TRY(new_node(1, bit, 1));
    made->slots[0] = {borrow(variable).release(), borrow(value).release()};
    return finish(std::move(made));
  }
  int at = index_of(node, bit);
  Py_ssize_t count = Py_SIZE(node);
  if (!(node->bitmap & bit)) {
    Ref<ContextMap> made = TRY(new_node(count + 1, node->bitmap | bit, node->variables + 1));
    for (Py_ssize_t i = 0; i < count; ++i) copy_slot(made->slots[i < at ? i : i + 1], node->slots[i]);
    made->slots[at] = {borrow(variable).release(), borrow(value).release()};
    return finish(std::move(made));
  }
  const ContextMap::Slot& old = node->slots[at];
  Ref<ContextMap> below;
  Py_ssize_t added = 0;
  if (!old.variable) {
    below = TRY(set(child(old), variable, value, hash, shift + kBits));
    added = below->variables - child(old)->variables;
  } else if (old.variable != variable) {
    below = TRY(split(old, variable, value, hash, shift + kBits));
    added = 1;
  }
  Ref<ContextMap> made = TRY(new_node(count, node->bitmap, node->variables + added));
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (i != at) copy_slot(made->slots[i], node->slots[i]);
  }
  if (below) made->slots[at] = {nullptr, as_object(below.release())};
  else made->slots[at] = {borrow(variable).release(), borrow(value).release()};
  return finish(std::move(made));
}

Ref<ContextMap> remove(ContextMap* node, PyObject* variable, uint64_t hash, int shift, bool* failed) {
  uint32_t bit = bit_at(hash, shift);
  int at = index_of(node, bit);
  const ContextMap::Slot& old = node->slots[at];
  Py_ssize_t count = Py_SIZE(node);
  Ref<ContextMap> below;
  if (!old.variable) {
    below = remove(child(old), variable, hash, shift + kBits, failed);
    if (*failed) return nullptr;
  }
  Py_ssize_t left = below ? count : count - 1;
  if (left == 0) return nullptr;
  Ref<ContextMap> made = new_node(left, below ? node->bitmap : node->bitmap & ~bit, node->variables - 1);
  if (!made) {
    *failed = true;
    return nullptr;
  }
  Py_ssize_t to = 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (i != at) {
      copy_slot(made->slots[to++], node->slots[i]);
    } else if (below) {
      // A child with a single variable is pulled up, so that equal maps have equal shapes.
      if (Py_SIZE(below.get()) == 1 && below->slots[0].variable) copy_slot(made->slots[to++], below->slots[0]);
      else made->slots[to++] = {nullptr, as_object(below.release())};
    }
  }
  return finish(std::move(made));
}

Status collect(ContextMap* node, PyObject* list, Py_ssize_t* at, ContextMapPart part) {
  for (Py_ssize_t i = 0; i < Py_SIZE(node); ++i) {
    const ContextMap::Slot& slot = node->slots[i];
    if (!slot.variable) {
      TRY(collect(child(slot), list, at, part));
      continue;
    }
    Ref<> item = part == ContextMapPart::variables ? borrow(slot.variable) : part == ContextMapPart::values ? borrow(slot.value)
                                                                               : steal(PyTuple_Pack(2, slot.variable, slot.value));
    if (!item) return Status::error;
    PyList_SET_ITEM(list, (*at)++, item.release());
  }
  return Status::ok;
}

Maybe<bool> contained(ContextMap* node, ContextMap* in) {
  for (Py_ssize_t i = 0; i < Py_SIZE(node); ++i) {
    const ContextMap::Slot& slot = node->slots[i];
    if (!slot.variable) {
      if (!TRY(contained(child(slot), in))) return false;
      continue;
    }
    PyObject* other = context_map_find(in, slot.variable);
    if (!other) return false;
    Ref<> a = borrow(slot.value), b = borrow(other);
    if (!TRY(truth_of(PyObject_RichCompareBool(a.get(), b.get(), Py_EQ)))) return false;
  }
  return true;
}

void map_dealloc(PyObject* self) {
  auto* node = reinterpret_cast<ContextMap*>(self);
  PyObject_GC_UnTrack(self);
  for (Py_ssize_t i = 0; i < Py_SIZE(node); ++i) {
    clear_field(node->slots[i].variable);
    clear_field(node->slots[i].value);
  }
  PyObject_GC_Del(self);
}

int map_traverse(PyObject* self, visitproc visit, void* arg) {
  auto* node = reinterpret_cast<ContextMap*>(self);
  for (Py_ssize_t i = 0; i < Py_SIZE(node); ++i) {
    Py_VISIT(node->slots[i].variable);
    Py_VISIT(node->slots[i].value);
  }
  return 0;
}

PyTypeObject context_map_type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "context_map",
    .tp_basicsize = offsetof(ContextMap, slots),
    .tp_itemsize = sizeof(ContextMap::Slot),
    .tp_dealloc = map_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = map_traverse,
};
GILL_STATIC_TYPE(context_map_type);

}  // namespace

Ref<ContextMap> context_map_set(ContextMap* map, PyObject* variable, PyObject* value) { return set(map, variable, value, hash_of(variable), 0); }

Ref<ContextMap> context_map_remove(ContextMap* map, PyObject* variable, bool* failed) {
  *failed = false;
  return remove(map, variable, hash_of(variable), 0, failed);
}

PyObject* context_map_find(ContextMap* map, PyObject* variable) {
  uint64_t hash = hash_of(variable);
  for (int shift = 0; map; shift += kBits) {
    uint32_t bit = bit_at(hash, shift);
    if (!(map->bitmap & bit)) return nullptr;
    const ContextMap::Slot& slot = map->slots[index_of(map, bit)];
    if (slot.variable) return slot.variable == variable ? slot.value : nullptr;
    map = child(slot);
  }
  return nullptr;
}

Py_ssize_t context_map_size(ContextMap* map) { return map ? map->variables : 0; }

Ref<> context_map_list(ContextMap* map, ContextMapPart part) {
  Ref<> list = TRY(steal(PyList_New(context_map_size(map))));
  Py_ssize_t at = 0;
  if (map) TRY(collect(map, list.get(), &at, part));
  return list;
}

Maybe<bool> context_map_equal(ContextMap* a, ContextMap* b) {
  if (a == b) return true;
  if (context_map_size(a) != context_map_size(b)) return false;
  return contained(a, b);
}

}  // namespace gill
