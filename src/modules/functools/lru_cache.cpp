// functools._lru_cache_wrapper: a callable that remembers results.
//
// Three kinds by `maxsize`: none (only counts), unbounded (a dict from key to result), bounded (a dict from key to
// Link, and a ring of the links from least to most recently used).
//
// Looking into the dict may run a key's __eq__, and a miss runs the function: either may call the cache again, or clear it, and
// other threads may run meanwhile. So after each such step nothing is taken for granted: the ring and the dict are each consistent
// by themselves whenever foreign code runs, a link that is in one only is dropped when it is met, and results are held while
// references are given up.
#include "modules/functools/functools.h"

#include <structmember.h>

namespace gill::functools {

namespace {

struct Link {
  PyObject_HEAD
  Link* previous;
  Link* next;
  Py_hash_t hash;
  PyObject* key;
  PyObject* result;
};

struct Cache {
  PyObject_HEAD
  Link root;  // sentinel of the ring: next is the oldest, previous the newest; not an object
  PyObject* (*lookup)(Cache*, PyObject* const*, Py_ssize_t, PyObject*);
  bool typed;
  PyObject* results;  // dict
  Py_ssize_t hits;
  Py_ssize_t misses;
  Py_ssize_t limit;  // -1: unbounded
  PyObject* function;
  PyObject* keyword_mark;
  PyTypeObject* link_type;
  PyObject* info_type;
  PyObject* dict;
  PyObject* weakrefs;
  vectorcallfunc vectorcall;
};

using Fields = HeapTypeFields<&Cache::results, &Cache::function, &Cache::keyword_mark, &Cache::link_type, &Cache::info_type, &Cache::dict>;

// ---- keys ------------------------------------------------------------------------------------------

// One argument that is exactly an int or a str is its own key; else a tuple of the arguments, of the mark and the keywords
// with their values, and of the types of all values if the cache tells 3 from 3.0.
Ref<> make_key(Cache* self, PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
  if (!self->typed && named == 0 && positional == 1 && (PyUnicode_CheckExact(args[0]) || PyLong_CheckExact(args[0]))) {
    return borrow(args[0]);
  }
  Py_ssize_t size = positional + (named ? 1 + 2 * named : 0) + (self->typed ? positional + named : 0);
  Ref<> key = TRY(steal(PyTuple_New(size)));
  Py_ssize_t at = 0;
  auto append = [&](PyObject* item) { PyTuple_SET_ITEM(key.get(), at++, borrow(item).release()); };
  for (Py_ssize_t i = 0; i < positional; ++i) append(args[i]);
  if (named) {
    append(self->keyword_mark);
    for (Py_ssize_t i = 0; i < named; ++i) {
      append(PyTuple_GET_ITEM(names, i));
      append(args[positional + i]);
    }
  }
  if (self->typed) {
    for (Py_ssize_t i = 0; i < positional + named; ++i) append(as_object(Py_TYPE(args[i])));
  }
  return key;
}

Ref<> call_function(Cache* self, PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  return steal(PyObject_Vectorcall(self->function, args, static_cast<size_t>(positional), names));
}

// ---- the ring --------------------------------------------------------------------------------------

// A link outside the ring has no `next`: a lookup that finds it in the dict leaves it there.
void unlink(Link* link) {
  link->previous->next = link->next;
  link->next->previous = link->previous;
  link->previous = link->next = nullptr;
}

void link_last(Cache* self, Link* link) {
  Link* last = self->root.previous;
  last->next = self->root.previous = link;
  link->previous = last;
  link->next = &self->root;
}

void empty_ring(Cache* self) { self->root.previous = self->root.next = &self->root; }

// Takes all links out of the ring; the caller drops the chain (null-terminated) when the cache is consistent.
Link* take_ring(Cache* self) {
  if (self->root.next == &self->root) return nullptr;
  Link* first = self->root.next;
  self->root.previous->next = nullptr;
  empty_ring(self);
  return first;
}
void drop_chain(Link* link) {
  while (link) {
    Link* next = link->next;
    release(as_object(link));
    link = next;
  }
}

void link_dealloc(PyObject* object) {
  auto* link = reinterpret_cast<Link*>(object);
  PyTypeObject* type = Py_TYPE(object);
  clear_field(link->key);
  clear_field(link->result);
  type->tp_free(object);
  release(as_object(type));
}

// ---- the three kinds ---------------------------------------------------------------------------------

PyObject* uncached_lookup(Cache* self, PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  ++self->misses;
  return call_function(self, args, positional, names).release();
}

PyObject* unbounded_lookup(Cache* self, PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  Ref<> key = TRY(make_key(self, args, positional, names));
  Py_hash_t hash = PyObject_Hash(key.get());
  if (hash == -1) return nullptr;
  if (PyObject* found = _PyDict_GetItem_KnownHash(self->results, key.get(), hash)) {
    ++self->hits;
    return borrow(found).release();
  }
  if (PyErr_Occurred()) return nullptr;
  ++self->misses;
  Ref<> result = TRY(call_function(self, args, positional, names));
  if (_PyDict_SetItem_KnownHash(self->results, key.get(), result.get(), hash) < 0) return nullptr;
  return result.release();
}

enum class Removal { removed, absent, failed };

// Takes the link's entry out of the dict.
Removal remove_entry(Cache* self, PyObject* key, Py_hash_t hash) {
  if (_PyDict_DelItem_KnownHash(self->results, key, hash) == 0) return Removal::removed;
  if (!PyErr_ExceptionMatches(PyExc_KeyError)) return Removal::failed;
  PyErr_Clear();
  return Removal::absent;
}

Ref<> store_new_link(Cache* self, Ref<> key, Py_hash_t hash, Ref<> result) {
  Ref<Link> link = TRY(steal(PyObject_New(Link, self->link_type)));
  link->hash = hash;
  link->key = key.new_ref().release();
  link->result = result.new_ref().release();
  link->previous = link->next = nullptr;
  if (_PyDict_SetItem_KnownHash(self->results, key.get(), link.object(), hash) < 0) return nullptr;
  link_last(self, link.release());
  return result;
}

Ref<> replace_oldest(Cache* self, Ref<> key, Py_hash_t hash, Ref<> result) {
  Link* oldest = self->root.next;
  // Only calls that came in between can have emptied a full ring.
  if (oldest == &self->root) return result;
  unlink(oldest);
  // From here on the link is ours alone, outside the ring.
  Ref<Link> link = steal(oldest);
  switch (remove_entry(self, link->key, link->hash)) {
    case Removal::failed:
      // The dict still has it: so has the ring again.
      link_last(self, link.release());
      return nullptr;
    case Removal::absent:
      // Somebody removed the entry already; this link is an orphan.
      return result;
    case Removal::removed:
      break;
  }
  // Reuse the link. What it held goes last, when all is in order.
  Ref<> old_key = steal(std::exchange(link->key, key.new_ref().release()));
  Ref<> old_result = steal(std::exchange(link->result, result.new_ref().release()));
  link->hash = hash;
  if (_PyDict_SetItem_KnownHash(self->results, key.get(), link.object(), hash) < 0) return nullptr;
  link_last(self, link.release());
  return result;
}

PyObject* bounded_lookup(Cache* self, PyObject* const* args, Py_ssize_t positional, PyObject* names) {
  Ref<> key = TRY(make_key(self, args, positional, names));
  Py_hash_t hash = PyObject_Hash(key.get());
  if (hash == -1) return nullptr;
  auto* link = reinterpret_cast<Link*>(_PyDict_GetItem_KnownHash(self->results, key.get(), hash));
  if (link) {
    if (link->next) {
      unlink(link);
      link_last(self, link);
    }
    ++self->hits;
    return borrow(link->result).release();
  }
  if (PyErr_Occurred()) return nullptr;
  ++self->misses;
  Ref<> result = TRY(call_function(self, args, positional, names));
  // The call may have stored this very key.
  if (_PyDict_GetItem_KnownHash(self->results, key.get(), hash)) return result.release();
  if (PyErr_Occurred()) return nullptr;
  if (PyDict_GET_SIZE(self->results) < self->limit) return store_new_link(self, std::move(key), hash, std::move(result)).release();
  return replace_oldest(self, std::move(key), hash, std::move(result)).release();
}

PyObject* cache_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* names) {
  auto* self = reinterpret_cast<Cache*>(callable);
  return self->lookup(self, args, PyVectorcall_NARGS(nargsf), names);
}

// ---- the type ----------------------------------------------------------------------------------------

Ref<> cache_new(PyTypeObject* type, PyObject* user_function, PyObject* maxsize, bool typed, PyObject* info_type) {
  if (!PyCallable_Check(user_function)) return raise(PyExc_TypeError, "the first argument must be callable");
  Py_ssize_t limit = -1;
  auto* lookup = unbounded_lookup;
  if (maxsize != Py_None) {
    if (!PyIndex_Check(maxsize)) return raise(PyExc_TypeError, "maxsize should be integer or None");
    limit = TRY(checked(PyNumber_AsSsize_t(maxsize, PyExc_OverflowError)));
    if (limit < 0) limit = 0;
    lookup = limit == 0 ? uncached_lookup : bounded_lookup;
  }
  State* state = TRY(state_of_type(type));
  Ref<> results = TRY(steal(PyDict_New()));
  Ref<Cache> self = TRY(Ref<Cache>::steal(type->tp_alloc(type, 0)));
  empty_ring(self.get());
  self->lookup = lookup;
  self->typed = typed;
  self->results = results.release();
  self->limit = limit;
  self->function = borrow(user_function).release();
  self->keyword_mark = borrow(state->keyword_mark).release();
  self->link_type = borrow(state->link_type).release();
  self->info_type = borrow(info_type).release();
  self->vectorcall = cache_vectorcall;
  return self;
}

int cache_traverse(PyObject* object, visitproc visit, void* arg) {
  auto* self = reinterpret_cast<Cache*>(object);
  // The links are not known to the collector; what they hold is ours.
  for (Link* link = self->root.next; link && link != &self->root; link = link->next) {
    if (int stop = visit(link->key, arg)) return stop;
    if (int stop = visit(link->result, arg)) return stop;
    if (int stop = visit(as_object(Py_TYPE(link)), arg)) return stop;
  }
  return Fields::traverse(object, visit, arg);
}

int cache_clear_fields(PyObject* object) {
  auto* self = reinterpret_cast<Cache*>(object);
  Link* chain = self->root.next ? take_ring(self) : nullptr;
  Fields::clear(object);
  drop_chain(chain);
  return 0;
}

void cache_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<Cache*>(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (self->weakrefs) PyObject_ClearWeakRefs(object);
  cache_clear_fields(object);
  type->tp_free(object);
  release(as_object(type));
}

Ref<> cache_info(Cache* self) {
  Ref<> limit = TRY(self->limit == -1 ? none() : steal(PyLong_FromSsize_t(self->limit)));
  return steal(PyObject_CallFunction(self->info_type, "nnOn", self->hits, self->misses, limit.get(), PyDict_GET_SIZE(self->results)));
}

Ref<> cache_clear(Cache* self) {
  Link* chain = take_ring(self);
  self->hits = self->misses = 0;
  PyDict_Clear(self->results);
  drop_chain(chain);
  return none();
}

Ref<> cache_reduce(Cache* self) { return steal(PyObject_GetAttr(as_object(self), name<"__qualname__">)); }
// compat: any number of arguments will do.
Ref<> cache_copy(Cache* self, Args) { return borrow(as_object(self)); }

PyObject* cache_get(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return borrow(self).release();
  return PyMethod_New(self, instance);
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("cache_info($self, /)", cache_info, nullptr),
    METHOD_UNSIGNED("cache_clear($self, /)", cache_clear, nullptr),
    METHOD_UNSIGNED("__reduce__($self, /)", cache_reduce, nullptr),
    METHOD_PARSED("__copy__($self, *args)", cache_copy, nullptr),
    METHOD_PARSED("__deepcopy__($self, *args)", cache_copy, nullptr),
    kEndOfMethods,
};

const PyGetSetDef kGetSets[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    kEndOfGetSets,
};

const PyMemberDef kMembers[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Cache, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Cache, weakrefs), READONLY, nullptr},
    {},
};

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)cache_dealloc},
    {Py_tp_call, (void*)PyVectorcall_Call},
    {Py_tp_doc, (void*)"Create a cached callable that wraps another function.\n"
                       "\n"
                       "user_function:      the function being cached\n"
                       "\n"
                       "maxsize:  0         for no caching\n"
                       "          None      for unlimited cache size\n"
                       "          n         for a bounded cache\n"
                       "\n"
                       "typed:    False     cache f(3) and f(3.0) as identical calls\n"
                       "          True      cache f(3) and f(3.0) as distinct calls\n"
                       "\n"
                       "cache_info_type:    namedtuple class with the fields:\n"
                       "                        hits misses currsize maxsize\n"},
    {Py_tp_traverse, (void*)cache_traverse},
    {Py_tp_clear, (void*)cache_clear_fields},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_getset, (void*)kGetSets},
    {Py_tp_descr_get, (void*)cache_get},
    {Py_tp_new, (void*)CONSTRUCTOR("lru_cache($type, user_function, maxsize, typed, cache_info_type)", cache_new)},
    {0, nullptr},
};
PyType_Spec spec = {"functools._lru_cache_wrapper", sizeof(Cache), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_IMMUTABLETYPE,
                    const_cast<PyType_Slot*>(kSlots)};

const PyType_Slot kLinkSlots[] = {
    {Py_tp_dealloc, (void*)link_dealloc},
    {0, nullptr},
};
PyType_Spec link_spec = {"functools._lru_list_elem", sizeof(Link), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
                         const_cast<PyType_Slot*>(kLinkSlots)};

}  // namespace

Status add_cache(PyObject* module) {
  State* state = state_of(module);
  state->link_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &link_spec, nullptr)));
  state->cache_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  // The reference's type has no vectorcall; set here, ours shows no member for it.
  state->cache_type->tp_vectorcall_offset = offsetof(Cache, vectorcall);
  state->cache_type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
  return status_of(PyModule_AddType(module, state->cache_type));
}

}  // namespace gill::functools
