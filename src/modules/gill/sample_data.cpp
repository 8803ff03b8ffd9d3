// The samples of allocations: whose lines hold memory now, and held it at the peak.
#include "lock/thread_record.h"
#include "memory/heap.h"
#include "memory/sampler.h"
#include "modules/gill/address_table.h"
#include "modules/gill/module.h"

namespace gill {
namespace {

struct KnownType {
  const void* address;
};

// The type of the object in a sampled block, or None.
Ref<> type_of(const SampleInfo& sample, AddressTable<KnownType>& known) {
  if (!sample.type || !known.find(sample.type)) return none();
  auto* type = static_cast<PyTypeObject*>(const_cast<void*>(sample.type));
  const bool fits = sample.is_collectable ? PyType_HasFeature(type, Py_TPFLAGS_HAVE_GC) : fits_plain_block(type, sample.size);
  return fits ? borrow(as_object(type)) : none();
}

// The numbers of its frames; their descriptions are added to `places`.
Ref<> frames_of(const SampleInfo& sample, PyObject* places) {
  Ref<> numbers = TRY(steal(PyTuple_New(sample.depth)));
  for (int i = 0; i < sample.depth; ++i) {
    Ref<> number = TRY(steal(PyLong_FromUnsignedLong(sample.frames[i])));
    const int known = PyDict_Contains(places, number.get());
    if (known < 0) return failure;
    if (!known) {
      Place place = {};
      describe_sampled_frame(sample.frames[i], place);
      Ref<> described = TRY(place_tuple(place));
      TRY(status_of(PyDict_SetItem(places, number.get(), described.get())));
    }
    PyTuple_SET_ITEM(numbers.get(), i, number.release());
  }
  return numbers;
}

Ref<> samples_list(const SampleCopy& samples, PyObject* places) {
  Ref<> types = TRY(all_types());
  AddressTable<KnownType> known;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(types.get()); ++i) {
    if (!known.add(PyList_GET_ITEM(types.get(), i))) return PyErr_NoMemory(), failure;
  }
  Ref<> list = TRY(steal(PyList_New(0)));
  for (size_t i = 0; i < samples.count(); ++i) {
    const SampleInfo& sample = samples[i];
    Ref<> type = type_of(sample, known);
    Ref<> frames = TRY(frames_of(sample, places));
    Ref<> entry = TRY(steal(Py_BuildValue("(nKKOO)", sample.size, sample.weight, sample.thread_id, type.get(), frames.get())));
    TRY(status_of(PyList_Append(list.get(), entry.get())));
  }
  return list;
}

}  // namespace

Ref<> memory_samples(PyObject*, bool at_peak) {
  const SampleCopy samples(at_peak ? SampleCopy::kPeak : SampleCopy::kNow);
  if (samples.out_of_memory()) return PyErr_NoMemory(), failure;
  Ref<> places = TRY(steal(PyDict_New()));
  Ref<> list = TRY(samples_list(samples, places.get()));
  const SamplePeak& peak = samples.peak();
  return Fields()
      .integer("interval", sample_interval())
      .put("samples", std::move(list))
      .put("places", std::move(places))
      .integer("at", monotonic_ns_of(peak.ticks))
      .integer("rss", peak.resident)
      .integer("heap", peak.heap_pages * kPageSize)
      .take();
}

Ref<> sample_interval_bytes(PyObject*) { return steal(PyLong_FromSize_t(sample_interval())); }

Ref<> change_sample_interval(PyObject*, Py_ssize_t bytes) {
  const bool valid = bytes == 0 || (bytes >= static_cast<Py_ssize_t>(kLeastSampleInterval) && bytes <= static_cast<Py_ssize_t>(kMostSampleInterval));
  if (!valid) return raise(PyExc_ValueError, "the interval must be 0, or from %zu to %zu bytes", kLeastSampleInterval, kMostSampleInterval);
  set_sample_interval(static_cast<size_t>(bytes));
  return none();
}

}  // namespace gill
