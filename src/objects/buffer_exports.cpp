#include "objects/buffer_exports.h"

#include <cstdio>
#include <cstdlib>

#include "memory/heap.h"
#include "objects/place.h"
#include "runtime/interpreter.h"

namespace gill {

struct Export {
  Export* next;  // in its bucket, or among the unused
  PyObject* exporter;
  const Py_buffer* view;
  PyCodeObject* code;  // owned; null: no Python code asked
  int instruction;
  unsigned long thread_id;
};

// A hash table by exporter.
struct BufferExports {
  Export** buckets;
  size_t bucket_count;  // a power of two
  size_t count;
  Export* unused;
};

namespace {

inline constexpr size_t kFirstBuckets = 64;

Export** bucket_of(const BufferExports* exports, const PyObject* exporter) {
  return exports->buckets + ((reinterpret_cast<uintptr_t>(exporter) >> 3) * 0x9e3779b97f4a7c15u >> 32 & (exports->bucket_count - 1));
}

bool grow(BufferExports* exports) {
  BufferExports old = *exports;
  const size_t wanted = old.bucket_count ? old.bucket_count * 2 : kFirstBuckets;
  auto** buckets = static_cast<Export**>(std::calloc(wanted, sizeof(Export*)));
  if (!buckets) return false;
  exports->buckets = buckets;
  exports->bucket_count = wanted;
  for (size_t i = 0; i < old.bucket_count; ++i) {
    // Chains are in the order of their making, latest first, and stay so.
    Export* reversed = nullptr;
    for (Export* entry = old.buckets[i]; entry;) {
      Export* next = entry->next;
      entry->next = reversed;
      reversed = entry;
      entry = next;
    }
    while (reversed) {
      Export* next = reversed->next;
      Export** bucket = bucket_of(exports, reversed->exporter);
      reversed->next = *bucket;
      *bucket = reversed;
      reversed = next;
    }
  }
  std::free(old.buckets);
  return true;
}

BufferExports* exports_of(Interpreter* interpreter) {
  if (!interpreter->exports) interpreter->exports = static_cast<BufferExports*>(std::calloc(1, sizeof(BufferExports)));
  return interpreter->exports;
}

// The object in whose block the address lies, if it is a collectable one.
PyObject* object_around(const void* address) {
  if (!g_heap_range.contains(address)) return nullptr;
  Page* page = Page::of(address);
  if (page->kind == Kind::plain) return nullptr;
  const size_t index = page->size_class == kRunClass ? 0 : page->index_of(address);
  return reinterpret_cast<PyObject*>(page->slot(index) + prefix_of(page->kind));
}

ExportInfo info_of(const Export* entry) {
  ExportInfo info = {entry->view, object_around(entry->view), entry->thread_id, {}};
  if (entry->code) describe_code(entry->code, entry->instruction, info.place);
  return info;
}

bool refers_to(PyObject* object, PyObject* other) {
  traverseproc traverse = Py_TYPE(object)->tp_traverse;
  return traverse && traverse(object, [](PyObject* found, void* wanted) { return int{found == wanted}; }, other);
}

const char* holder_name(const ExportInfo& info) {
  if (!info.holder) return "native code";
  return PyObject_TypeCheck(info.holder, &_PyManagedBuffer_Type) ? "a memoryview" : Py_TYPE(info.holder)->tp_name;
}

}  // namespace

void note_export(PyObject* exporter, const Py_buffer* view) {
  ThreadState* thread = current_thread();
  BufferExports* exports = thread ? exports_of(thread->interpreter()) : nullptr;
  if (!exports || (exports->count >= exports->bucket_count && !grow(exports) && !exports->bucket_count)) return;
  Export* entry = exports->unused;
  if (entry) exports->unused = entry->next;
  else entry = static_cast<Export*>(std::malloc(sizeof(Export)));
  if (!entry) return;
  const Frame* frame = thread->cframe ? complete_frame(thread->cframe->current_frame) : nullptr;
  Export** bucket = bucket_of(exports, exporter);
  *entry = {*bucket, exporter, view, nullptr, -1, thread->thread_id};
  if (frame) {
    retain(as_object(frame->f_code));
    entry->code = frame->f_code;
    entry->instruction = last_instruction(frame);
  }
  *bucket = entry;
  ++exports->count;
}

void forget_export(PyObject* exporter, const Py_buffer* view) {
  ThreadState* thread = current_thread();
  BufferExports* exports = thread ? thread->interpreter()->exports : nullptr;
  if (!exports || !exports->count) return;
  // A view that was copied is released by another address: then the latest entry goes.
  Export **found = nullptr, **bucket = bucket_of(exports, exporter);
  for (Export** link = bucket; *link; link = &(*link)->next) {
    if ((*link)->exporter != exporter) continue;
    if (!found) found = link;
    if ((*link)->view != view) continue;
    found = link;
    break;
  }
  if (!found) return;
  Export* entry = *found;
  *found = entry->next;
  --exports->count;
  PyCodeObject* code = entry->code;
  entry->next = exports->unused;
  exports->unused = entry;
  if (code) release(as_object(code));
}

int visit_exports(PyObject* exporter, int (*each)(const ExportInfo&, void*), void* context) {
  const BufferExports* exports = current_interpreter()->exports;
  if (!exports || !exports->count) return 0;
  bool any = false;
  for (const Export* entry = *bucket_of(exports, exporter); entry; entry = entry->next) {
    if (entry->exporter != exporter) continue;
    any = true;
    if (int stop = each(info_of(entry), context)) return stop;
  }
  if (any) return 0;
  // A BytesIO exports through another object that refers to it.
  for (size_t i = 0; i < exports->bucket_count; ++i) {
    for (const Export* entry = exports->buckets[i]; entry; entry = entry->next) {
      if (!refers_to(entry->exporter, exporter)) continue;
      if (int stop = each(info_of(entry), context)) return stop;
    }
  }
  return 0;
}

void finish_exports(Interpreter* interpreter) {
  BufferExports* exports = interpreter->exports;
  if (!exports) return;
  interpreter->exports = nullptr;
  for (size_t i = 0; i < exports->bucket_count; ++i) {
    while (Export* entry = exports->buckets[i]) {
      exports->buckets[i] = entry->next;
      if (entry->code) release(as_object(entry->code));
      std::free(entry);
    }
  }
  while (Export* entry = exports->unused) {
    exports->unused = entry->next;
    std::free(entry);
  }
  std::free(exports->buckets);
  std::free(exports);
}

}  // namespace gill

using namespace gill;

extern "C" void gill_raise_exported(PyObject* exporter, const char* text) {
  struct Latest {
    ExportInfo info;
    int count = 0;
  } latest;
  visit_exports(exporter, [](const ExportInfo& info, void* context) {
    auto* self = static_cast<Latest*>(context);
    if (self->count++ == 0) self->info = info;
    return 0;
  }, &latest);
  if (!latest.count) return PyErr_SetString(PyExc_BufferError, text);
  const Place& place = latest.info.place;
  char where[sizeof(Place) + 32] = "", others[48] = "";
  if (place.known()) std::snprintf(where, sizeof(where), " since %s:%d in %s", place.file, place.line, place.function);
  if (latest.count > 1) std::snprintf(others, sizeof(others), ", and %d more", latest.count - 1);
  PyErr_Format(PyExc_BufferError, "%s (held by %s%s%s)", text, holder_name(latest.info), where, others);
}
