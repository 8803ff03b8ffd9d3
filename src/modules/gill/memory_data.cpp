// What the memory of the interpreter is used for.
//
// The heap's pages say which slots are in use. In collectable pages each is an object. In plain pages objects stand beside raw blocks
// (tables of dicts, items of lists, what extensions ask for): a block is an object when its second word is the address of a known type of
// objects without GC flag that fit the slot, and its first word can be a reference count. While the pages are walked nothing is
// allocated from the heap.
#include <malloc.h>

#include <cstdlib>
#include <cstring>

#include "memory/heap.h"
#include "memory/page_range.h"
#include "memory/sampler.h"
#include "modules/gill/address_table.h"
#include "modules/gill/module.h"
#include "runtime/runtime.h"

extern "C" Py_ssize_t _PyDict_SizeOf(PyDictObject* dict);

namespace gill {
namespace {

struct TypeUse {
  const void* address;  // of the type
  size_t objects;
  size_t bytes;   // in pages
  size_t native;  // in blocks of malloc's: large objects, and tables of containers
};
struct SeenObject {
  const void* address;
};

Status add_type(AddressTable<SeenObject>& seen, PyObject* found, PyObject* type) {
  if (seen.find(type)) return Status::ok;
  if (!seen.add(type)) return PyErr_NoMemory(), failure;
  return status_of(PyList_Append(found, type));
}

class Survey {
 public:
  Survey(AddressTable<TypeUse>& types) : types_(types) {}
  HeapUse use = {};
  size_t raw_blocks = 0;
  size_t raw_bytes = 0;
  bool out_of_memory = false;

  static void visit(Page* page, void* slot, void* self) { static_cast<Survey*>(self)->look(page, slot); }

 private:
  void look(Page* page, void* slot) {
    const size_t size = page->size_class == kRunClass ? page->object_bytes : page->slot_size;
    auto* object = reinterpret_cast<PyObject*>(static_cast<char*>(slot) + prefix_of(page->kind));
    if (page->kind == Kind::plain) {
      TypeUse* type = type_of_block(object, size);
      if (!type) {
        ++raw_blocks;
        raw_bytes += size;
      } else {
        count(*type, size);
      }
      return;
    }
    if (!is_accessible(object)) return;
    TypeUse* type = types_.find(Py_TYPE(object));
    // A type of no interpreter's, or that is being made.
    if (!type) return;
    count(*type, size);
    look_at_table(object, *type);
    look_for_large_objects(object);
  }
  // What waits in the sanitizer's quarantine counts as used in its page.
  static bool is_accessible([[maybe_unused]] const void* object) {
#ifdef GILL_WATCHED_HEAP
    return !__asan_address_is_poisoned(object);
#else
    return true;
#endif
  }
  static void count(TypeUse& type, size_t bytes) {
    ++type.objects;
    type.bytes += bytes;
  }
  TypeUse* type_of_block(PyObject* block, size_t size) {
    if (size < sizeof(PyObject)) return nullptr;
    TypeUse* entry = types_.find(Py_TYPE(block));
    if (!entry) return nullptr;
    const bool counted = (block->ob_refcnt > 0 && block->ob_refcnt <= INT32_MAX) || block->ob_refcnt == kImmortalCount;
    return counted && fits_plain_block(Py_TYPE(block), size) ? entry : nullptr;
  }
  // Blocks too large for pages are malloc's.
  static size_t native_part(const void* table, size_t bytes) { return bytes > kLargestClass && !g_heap_range.contains(table) ? bytes : 0; }
  void look_at_table(PyObject* object, TypeUse& type) {
    if (PyList_Check(object)) {
      auto* list = reinterpret_cast<PyListObject*>(object);
      type.native += native_part(list->ob_item, static_cast<size_t>(list->allocated) * sizeof(PyObject*));
    } else if (PyDict_Check(object)) {
      auto* dict = reinterpret_cast<PyDictObject*>(object);
      type.native += native_part(dict->ma_keys, static_cast<size_t>(_PyDict_SizeOf(dict)));
    } else if (PyAnySet_Check(object)) {
      auto* set = reinterpret_cast<PySetObject*>(object);
      type.native += native_part(set->table, (static_cast<size_t>(set->mask) + 1) * sizeof(setentry));
    }
  }
  // Those without GC flag are found by the references to them.
  void look_for_large_objects(PyObject* object) {
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    if (!traverse || !PyObject_GC_IsTracked(object)) return;
    traverse(object, [](PyObject* target, void* self) {
      static_cast<Survey*>(self)->look_at_target(target);
      return 0;
    }, this);
  }
  void look_at_target(PyObject* target) {
    if (g_heap_range.contains(target) || is_immortal(target)) return;
    const size_t bytes = large_size(target);
    if (bytes <= kLargestClass || seen_.find(target)) return;
    TypeUse* type = types_.find(Py_TYPE(target));
    if (!type) return;
    if (!seen_.add(target)) {
      out_of_memory = true;
      return;
    }
    ++type->objects;
    type->native += bytes;
  }
  static size_t large_size(PyObject* object) {
    if (PyUnicode_Check(object)) {
      return PyUnicode_IS_READY(object) ? sizeof(PyASCIIObject) + (static_cast<size_t>(PyUnicode_GET_LENGTH(object)) + 1) * PyUnicode_KIND(object) : 0;
    }
    if (PyBytes_Check(object)) return static_cast<size_t>(PyBytes_GET_SIZE(object)) + sizeof(PyBytesObject);
    if (PyLong_Check(object)) return static_cast<size_t>(std::abs(Py_SIZE(object))) * sizeof(digit) + sizeof(PyVarObject);
    return 0;
  }

  AddressTable<TypeUse>& types_;
  AddressTable<SeenObject> seen_;
};

Ref<> types_list(AddressTable<TypeUse>& types) {
  Ref<> list = TRY(steal(PyList_New(0)));
  TRY(types.visit([&](const TypeUse& use) -> Status {
    if (!use.objects) return Status::ok;
    auto* type = static_cast<PyTypeObject*>(const_cast<void*>(use.address));
    Ref<> entry = TRY(steal(Py_BuildValue("(Onnn)", type, use.objects, use.bytes, use.native)));
    return status_of(PyList_Append(list.get(), entry.get()));
  }));
  return list;
}

Ref<> classes_list(const HeapUse& use) {
  constexpr const char* kKindNames[kKinds] = {"plain", "collectable", "collectable with dict"};
  Ref<> list = TRY(steal(PyList_New(0)));
  for (int kind = 0; kind < kKinds; ++kind) {
    for (int index = 0; index < kSizeClasses; ++index) {
      const ClassUse& c = use.classes[kind][index];
      if (!c.pages) continue;
      Ref<> entry = TRY(steal(Py_BuildValue("(snnnnnn)", kKindNames[kind], class_size(index), c.pages, c.used, c.free, c.returned, c.overhead)));
      TRY(status_of(PyList_Append(list.get(), entry.get())));
    }
  }
  return list;
}

Ref<> stacks_list() {
  Ref<> list = TRY(steal(PyList_New(0)));
  for (const ThreadRecord* record = first_thread_record(); record; record = record->next) {
    if (!record->taken.load(std::memory_order_acquire)) continue;
    Ref<> address = TRY(steal(PyLong_FromVoidPtr(const_cast<void*>(record->stack.load(std::memory_order_relaxed)))));
    TRY(status_of(PyList_Append(list.get(), address.get())));
  }
  return list;
}

Ref<> malloc_use() {
  struct mallinfo2 info = ::mallinfo2();
  return Fields().integer("used", info.uordblks + info.hblkhd).integer("free", info.fordblks).integer("mapped", info.hblkhd).take();
}

}  // namespace

Ref<> all_types() {
  AddressTable<SeenObject> seen;
  Ref<> found = TRY(steal(PyList_New(0)));
  TRY(add_type(seen, found.get(), as_object(&PyBaseObject_Type)));
  Ref<> subclasses = TRY(steal(PyObject_GetAttrString(as_object(&PyType_Type), "__subclasses__")));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(found.get()); ++i) {
    Ref<> below = TRY(steal(PyObject_CallOneArg(subclasses.get(), PyList_GET_ITEM(found.get(), i))));
    for (Py_ssize_t k = 0; k < PyList_GET_SIZE(below.get()); ++k) TRY(add_type(seen, found.get(), PyList_GET_ITEM(below.get(), k)));
  }
  return found;
}

bool fits_plain_block(const PyTypeObject* type, size_t size) {
  // What a str needs is less than its type says, since its text stands in its place.
  const size_t least = type->tp_flags & Py_TPFLAGS_UNICODE_SUBCLASS ? sizeof(PyASCIIObject) : static_cast<size_t>(type->tp_basicsize);
  return !(type->tp_flags & Py_TPFLAGS_HAVE_GC) && least <= size;
}

Ref<> memory_use(PyObject*) {
  AddressTable<TypeUse> types;
  Ref<> found = TRY(all_types());
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(found.get()); ++i) {
    if (!types.add(PyList_GET_ITEM(found.get(), i))) return PyErr_NoMemory(), failure;
  }
  Survey survey(types);
  const ResidentPeak resident = resident_peak();
  Heap* heap = current_interpreter()->heap;
  heap->survey(survey.use, Survey::visit, &survey);
  if (survey.out_of_memory) return PyErr_NoMemory(), failure;
  return Fields()
      .integer("range_base", g_heap_range.base)
      .integer("range_size", g_heap_range.size)
      .integer("page_size", kPageSize)
      .integer("heap_peak", heap->counters().peak_pages * kPageSize)
      .integer("heap_peak_at", monotonic_ns_of(heap->counters().peak_ticks))
      .integer("resident_peak", resident.bytes)
      .integer("resident_peak_at", monotonic_ns_of(resident.ticks))
      .integer("retained_pages", retained_pages())
      .put("classes", classes_list(survey.use))
      .put("runs", steal(Py_BuildValue("(nnn)", survey.use.runs.pages, survey.use.runs.used, survey.use.run_bytes)))
      .put("types", types_list(types))
      .integer("raw_blocks", survey.raw_blocks)
      .integer("raw_bytes", survey.raw_bytes)
      .put("malloc", malloc_use())
      .put("stacks", stacks_list())
      .take();
}

Ref<> memory_trim(PyObject*) {
  current_interpreter()->heap->return_memory();
  // Whatever malloc holds free goes too, however little it is.
  ::malloc_trim(0);
  return none();
}

}  // namespace gill
