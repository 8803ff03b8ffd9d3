// Objects in the heap: allocation by type, tracking by the collector, deallocation.
#include "memory/objects.h"

#include <algorithm>
#include <cstring>

#include "base/ref.h"
#include "memory/collector.h"
#include "memory/heap.h"
#include "memory/hooks.h"

namespace gill {

namespace {

Kind kind_of(PyTypeObject* type) {
  if (!PyType_HasFeature(type, Py_TPFLAGS_HAVE_GC)) return Kind::plain;
  return PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT) ? Kind::collectable_prefixed : Kind::collectable;
}

PyObject* no_memory() { return PyErr_NoMemory(); }

// The executable's image, from the linker.
extern "C" const char __executable_start[], _end[];

bool is_ours(const PyTypeObject* type) {
  auto* place = reinterpret_cast<const char*>(type);
  return place >= __executable_start && place < _end;
}

// Whether some C type in the line of bases may have members wider than a word. That is seen by its size, a multiple of their
// alignment; what a class statement adds is words.
bool may_have_wide_members(const PyTypeObject* type) {
  for (; type && !is_ours(type); type = type->tp_base) {
    const PyTypeObject* base = type->tp_base;
    if (!base || type->tp_itemsize != base->tp_itemsize) return true;
    if (type->tp_basicsize != base->tp_basicsize && type->tp_basicsize % static_cast<Py_ssize_t>(kWideAlignment) == 0) return true;
  }
  return false;
}

size_t aligned_size(const PyTypeObject* type, size_t size) {
  return size % kWideAlignment && may_have_wide_members(type) ? widened(size) : size;
}

}  // namespace

PyObject* allocate_instance(PyTypeObject* type, size_t size) {
  Kind kind = kind_of(type);
  const size_t prefix = prefix_of(kind);
  size = aligned_size(type, size + prefix);
  if (kind == Kind::plain) {
    void* memory = allocate_plain_object(size);
    return memory ? static_cast<PyObject*>(memory) : no_memory();
  }
  if (size > static_cast<size_t>(PY_SSIZE_T_MAX) - kPageSize) return no_memory();
  void* slot = g_allocators_replaced ? allocate_hooked(kind, size) : t_heap->allocate(kind, size);
  if (!slot) return no_memory();
  if (prefix) std::memset(slot, 0, prefix);
  collector_note_allocation();
  return reinterpret_cast<PyObject*>(static_cast<char*>(slot) + prefix);
}

void free_object(void* object) {
  if (g_heap_range.contains(object)) [[likely]] {
    Page* page = Page::of(object);
    if (page->kind != Kind::plain) [[likely]] {
      collector_note_release(page, object);
      if (g_allocators_replaced) [[unlikely]] return free_hooked(slot_of(object));
      return Heap::free_in(page, static_cast<char*>(object) - prefix_of(page->kind));
    }
  }
  PyObject_Free(object);
}

}  // namespace gill

using namespace gill;

extern "C" {

// Types that describe themselves as collectable have their objects in collectable pages, where the bits
// are. Anything else (a static object, say) is never tracked.
static Page* page_of_collectable(const void* object) {
  if (!g_heap_range.contains(object)) return nullptr;
  Page* page = Page::of(object);
  return page->kind == Kind::plain ? nullptr : page;
}

void PyObject_GC_Track(void* object) {
  Page* page = page_of_collectable(object);
  if (!page) return;
  page->set(kTracked, page->index_of(object));
  if (page->young_list != kYoungest) [[unlikely]] page->heap->list_as(page, kYoungest);
}
void PyObject_GC_UnTrack(void* object) {
  if (Page* page = page_of_collectable(object)) page->clear(kTracked, page->index_of(object));
}
int PyObject_GC_IsTracked(PyObject* object) {
  if (!PyObject_IS_GC(object)) return 0;
  Page* page = page_of_collectable(object);
  return page && page->get(kTracked, page->index_of(object));
}
int PyObject_GC_IsFinalized(PyObject* object) {
  Page* page = page_of_collectable(object);
  return page && page->get(kFinalized, page->index_of(object));
}
int PyObject_IS_GC(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  return PyType_HasFeature(type, Py_TPFLAGS_HAVE_GC) && (!type->tp_is_gc || type->tp_is_gc(object));
}

PyObject* _PyObject_GC_New(PyTypeObject* type) {
  PyObject* object = allocate_instance(type, _PyObject_SIZE(type));
  return object ? PyObject_Init(object, type) : nullptr;
}
PyVarObject* _PyObject_GC_NewVar(PyTypeObject* type, Py_ssize_t items) {
  if (items < 0) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  PyObject* object = allocate_instance(type, _PyObject_VAR_SIZE(type, items));
  return object ? PyObject_InitVar(reinterpret_cast<PyVarObject*>(object), type, items) : nullptr;
}
PyVarObject* _PyObject_GC_Resize(PyVarObject* object, Py_ssize_t items) {
  PyTypeObject* type = Py_TYPE(object);
  size_t size = _PyObject_VAR_SIZE(type, items);
  size_t old_size = _PyObject_VAR_SIZE(type, Py_SIZE(object));
  if (Heap::fits(slot_of(object), old_size, size)) {
    object->ob_size = items;
    return object;
  }
  PyObject* moved = allocate_instance(type, size);
  if (!moved) return nullptr;
  // What stands in front moves too.
  const size_t prefix = prefix_of(kind_of(type));
  std::memcpy(reinterpret_cast<char*>(moved) - prefix, reinterpret_cast<char*>(object) - prefix, prefix + std::min(old_size, size));
  auto* result = reinterpret_cast<PyVarObject*>(moved);
  result->ob_size = items;
  free_object(object);
  return result;
}
void PyObject_GC_Del(void* object) { free_object(object); }

PyObject* _PyObject_New(PyTypeObject* type) {
  PyObject* object = static_cast<PyObject*>(allocate_plain_object(aligned_size(type, _PyObject_SIZE(type))));
  return object ? PyObject_Init(object, type) : PyErr_NoMemory();
}
PyVarObject* _PyObject_NewVar(PyTypeObject* type, Py_ssize_t items) {
  auto* object = static_cast<PyVarObject*>(allocate_plain_object(aligned_size(type, _PyObject_VAR_SIZE(type, items))));
  return object ? PyObject_InitVar(object, type, items) : reinterpret_cast<PyVarObject*>(PyErr_NoMemory());
}
PyObject* PyObject_Init(PyObject* object, PyTypeObject* type) {
  if (!object) return PyErr_NoMemory();
  object->ob_type = type;
  if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) retain(as_object(type));
  object->ob_refcnt = 1;
  return object;
}
PyVarObject* PyObject_InitVar(PyVarObject* object, PyTypeObject* type, Py_ssize_t items) {
  if (!object) return reinterpret_cast<PyVarObject*>(PyErr_NoMemory());
  object->ob_size = items;
  PyObject_Init(&object->ob_base, type);
  return object;
}

void _Py_NewReference(PyObject* object) { object->ob_refcnt = 1; }
void Py_IncRef(PyObject* object) {
  if (object) retain(object);
}
void Py_DecRef(PyObject* object) {
  if (object) release(object);
}
void _Py_IncRef(PyObject* object) { retain(object); }
void _Py_DecRef(PyObject* object) { release(object); }

void _Py_Dealloc(PyObject* object) {
  // A plain decrement by an extension, many times over, is what could bring an immortal here.
  if (is_immortal(object)) return;
  Py_TYPE(object)->tp_dealloc(object);
}

}  // extern "C"
