// The parts of the native module `gill._native`, the data behind the package `gill`. Each gives dictionaries and lists of plain values;
// the package gives them names, text and JSON.
#pragma once

#include "base/binding.h"
#include "base/names.h"
#include "base/place.h"
#include "lock/thread_record.h"

namespace gill {

// (file, line, function, native function) with None for what is not known; None when nothing is.
Ref<> place_tuple(const Place& place);
// "name (library)" of the function with the address; false when nothing is known. It touches no Python object.
bool native_text(const void* address, char* out, size_t size);
// The same, or None.
Ref<> native_name(const void* address);

// Fills a dict; the first failure is remembered.
class Fields {
 public:
  Fields() : dict_(steal(PyDict_New())) {}
  Fields& integer(const char* key, uint64_t value) { return put(key, steal(PyLong_FromUnsignedLongLong(value))); }
  Fields& nanoseconds(const char* key, uint64_t of_ticks) { return integer(key, nanoseconds_of(of_ticks)); }
  Fields& text(const char* key, const char* value) { return put(key, steal(PyUnicode_FromString(value))); }
  Fields& put(const char* key, Ref<> value) {
    if (!value || !dict_ || PyDict_SetItemString(dict_.get(), key, value.get()) < 0) dict_.reset();
    return *this;
  }
  Ref<> take() { return std::move(dict_); }

 private:
  Ref<> dict_;
};

Ref<> lock_threads(PyObject*);
Ref<> lock_totals(PyObject*);
Ref<> main_thread(PyObject*);
// All types that stand below object, in a list.
Ref<> all_types();
// Whether an object of the type can be in a block that is not collectable.
bool fits_plain_block(const PyTypeObject* type, size_t size);

Ref<> memory_use(PyObject*);
Ref<> memory_trim(PyObject*);
Ref<> memory_samples(PyObject*, bool at_peak);
Ref<> sample_interval_bytes(PyObject*);
Ref<> change_sample_interval(PyObject*, Py_ssize_t bytes);
Ref<> gc_pauses(PyObject*);
Ref<> buffer_exports(PyObject*, PyObject* object);
Ref<> retained_by(PyObject*, PyObject* object, Py_ssize_t most);
Ref<> holders_of(PyObject*, PyObject* object);
Ref<> attribute_of(PyObject*, PyObject* holder, PyObject* object);

}  // namespace gill
