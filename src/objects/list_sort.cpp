// list.sort(): a stable sort of small records.
//
// A record is a word: the upper bits of a prefix of the key, and below them the place of the item. Prefixes order as their keys do as
// far as they differ; they are whole keys for ints of a word and for floats, the first characters of str of one byte each, and those of
// the first item for tuples. Of a prefix there is in the record what distinguishes the keys of this list, as far as the place leaves
// room. Equal ones are told apart by comparing the keys themselves, for keys of other types each time: by
// a function on their contents, or by the type's tp_richcompare where all are of one type.
//
// Many records in no order go through a radix sort, and equal prefixes are sorted out afterwards; others are merged (run_merger.h).
// Of what a key function gives no more than that is kept where it gives nothing but ints of a word, or floats.
//
// While sorting the list is empty for everybody else; if it was changed meanwhile, that is an error. The list gets its new order
// at the end, so that an error in a comparison leaves the old one.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/result.h"
#include "objects/int.h"
#include "objects/list.h"
#include "objects/run_merger.h"

namespace gill {
namespace {

// Lists no longer than this are sorted without memory of their own.
inline constexpr Py_ssize_t kFew = 32;

// ---- comparing keys ---------------------------------------------------------------------------------------

// Whether a < b: 1, 0, or -1 with an exception.
using Less = int (*)(PyObject* a, PyObject* b);

int less_generic(PyObject* a, PyObject* b) { return PyObject_RichCompareBool(a, b, Py_LT); }

int less_same_type(PyObject* a, PyObject* b) {
  PyObject* result = Py_TYPE(a)->tp_richcompare(a, b, Py_LT);
  if (result == Py_NotImplemented) return PyObject_RichCompareBool(a, b, Py_LT);
  if (!result) return -1;
  if (result == Py_False || result == Py_True) return result == Py_True;
  int truth = PyObject_IsTrue(result);
  release(result);
  return truth;
}

bool is_latin(PyObject* text) { return PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND; }

int less_latin(PyObject* a, PyObject* b) {
  Py_ssize_t n = PyUnicode_GET_LENGTH(a), m = PyUnicode_GET_LENGTH(b);
  int order = std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), static_cast<size_t>(std::min(n, m)));
  return order ? order < 0 : n < m;
}

// Ints that fit a machine word, here: of at most two digits.
bool is_word(PyObject* number) { return std::abs(int_size(number)) <= 2; }
int64_t word_value(PyObject* number) {
  int64_t value = 0;
  (void)word_of(number, &value);
  return value;
}

int less_tuple(PyObject* a, PyObject* b) {
  Py_ssize_t n = Py_SIZE(a), m = Py_SIZE(b);
  for (Py_ssize_t i = 0; i < n && i < m; ++i) {
    PyObject *x = PyTuple_GET_ITEM(a, i), *y = PyTuple_GET_ITEM(b, i);
    int equal = PyObject_RichCompareBool(x, y, Py_EQ);
    if (equal < 0) return -1;
    if (!equal) return PyObject_RichCompareBool(x, y, Py_LT);
  }
  return n < m;
}

// ---- prefixes -----------------------------------------------------------------------------------------------

enum class Prefix { none, integer, real, latin };

constexpr uint64_t kSign = uint64_t{1} << 63;

uint64_t integer_prefix(int64_t value) { return static_cast<uint64_t>(value) ^ kSign; }
uint64_t real_prefix(double value) {
  auto bits = std::bit_cast<uint64_t>(value + 0.0);  // -0.0 becomes 0.0
  return bits & kSign ? ~bits : bits ^ kSign;
}
uint64_t latin_prefix(PyObject* key) {
  uint64_t characters = 0;
  Py_ssize_t n = PyUnicode_GET_LENGTH(key);
  const Py_UCS1* text = PyUnicode_1BYTE_DATA(key);
  if (n >= 8) {
    std::memcpy(&characters, text, sizeof characters);
    return std::byteswap(characters);
  }
  for (Py_ssize_t i = 0; i < n; ++i) characters |= static_cast<uint64_t>(text[i]) << (56 - 8 * i);
  return characters;
}

// How keys are compared: by prefix, then, unless that is the whole key, by `less`.
struct Order {
  Prefix prefix = Prefix::none;
  Less less = less_generic;
  bool tuples = false;

  PyObject* prefixed(PyObject* key) const { return tuples ? PyTuple_GET_ITEM(key, 0) : key; }
  bool prefix_is_key() const { return !tuples && (prefix == Prefix::integer || prefix == Prefix::real); }
};

// A prefix for the objects that `get` picks from the keys, and their type if it is one.
template <class Get>
Prefix common_prefix(PyObject** keys, Py_ssize_t n, Get get, PyTypeObject** common) {
  PyTypeObject* type = Py_TYPE(get(keys[0]));
  *common = nullptr;
  bool fits = true;
  auto all_fit = [&](auto fit) {
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* key = get(keys[i]);
      if (Py_TYPE(key) != type) return false;
      fits = fits && fit(key);
    }
    return true;
  };
  bool same = type == &PyLong_Type      ? all_fit(is_word)
              : type == &PyUnicode_Type ? all_fit(is_latin)
              : type == &PyFloat_Type   ? all_fit([](PyObject* key) { return !std::isnan(PyFloat_AS_DOUBLE(key)); })
                                        : all_fit([](PyObject*) { return true; });
  if (!same) return Prefix::none;
  *common = type;
  if (!fits) return Prefix::none;
  if (type == &PyLong_Type || type == &PyBool_Type) return Prefix::integer;
  return type == &PyFloat_Type ? Prefix::real : type == &PyUnicode_Type ? Prefix::latin : Prefix::none;
}

Order choose_order(PyObject** keys, Py_ssize_t n) {
  Order order;
  PyTypeObject* type;
  order.tuples = std::all_of(keys, keys + n, [](PyObject* key) { return PyTuple_CheckExact(key) && Py_SIZE(key) > 0; });
  if (order.tuples) {
    order.prefix = common_prefix(keys, n, [](PyObject* key) { return PyTuple_GET_ITEM(key, 0); }, &type);
    order.less = less_tuple;
  } else {
    order.prefix = common_prefix(keys, n, [](PyObject* key) { return key; }, &type);
    if (order.prefix == Prefix::latin) order.less = less_latin;
    else if (type && type->tp_richcompare) order.less = less_same_type;
  }
  return order;
}

// ---- records ------------------------------------------------------------------------------------------------

struct Range {
  uint64_t least = ~uint64_t{0}, most = 0;
  uint64_t with(uint64_t prefix) {
    least = std::min(least, prefix);
    most = std::max(most, prefix);
    return prefix;
  }
};

// How a prefix in the range and a place, which is below `n`, share a word.
struct Packing {
  uint64_t least;  // of the prefixes
  int shift;       // how many of the prefix's lowest bits are left out
  int place_bits;

  Packing(const Range& range, Py_ssize_t n)
      : least(range.least),
        shift(static_cast<int>(std::bit_width(range.most - range.least)) - 64),
        place_bits(static_cast<int>(std::bit_width(static_cast<uint64_t>(n - 1)))) {
    shift = std::max(0, shift + place_bits);
  }
  bool keeps_all() const { return shift == 0; }
  uint64_t place_mask() const { return (uint64_t{1} << place_bits) - 1; }
  Py_ssize_t place(Record record) const { return static_cast<Py_ssize_t>(record & place_mask()); }
  bool equal_prefixes(Record a, Record b) const { return (a ^ b) <= place_mask(); }
  // `records` may be `prefixes`.
  void pack(const uint64_t* prefixes, Record* records, Py_ssize_t n) const {
    for (Py_ssize_t i = 0; i < n; ++i) records[i] = (prefixes[i] - least) >> shift << place_bits | static_cast<uint64_t>(i);
  }
};

// For prefixes that are whole keys: equal ones are in the order of their places.
struct LessRecord {
  int operator()(Record a, Record b) const { return a < b; }
};
struct LessKey {
  Packing packing;
  PyObject** first;  // the key at place 0
  Py_ssize_t step;   // to the next place's: backwards for a reversed sort
  Less less;
  int operator()(Record a, Record b) const {
    if (!packing.equal_prefixes(a, b)) return a < b;
    return less(first[step * packing.place(a)], first[step * packing.place(b)]);
  }
};
struct LessNumber {
  Packing packing;
  const uint64_t* prefixes;
  int operator()(Record a, Record b) const {
    if (!packing.equal_prefixes(a, b)) return a < b;
    return prefixes[packing.place(a)] < prefixes[packing.place(b)];
  }
};

// ---- sorting records ------------------------------------------------------------------------------------------

Status no_memory() {
  PyErr_NoMemory();
  return Status::error;
}

// Whether the records are many and in no order, so that looking for runs would gain nothing.
bool is_shuffled(const Record* records, Py_ssize_t n) {
  constexpr Py_ssize_t kFewest = 500, kSample = 100;
  if (n < kFewest) return false;
  auto turns_in = [](const Record* part) {
    Py_ssize_t turns = 0;
    for (Py_ssize_t i = 2; i < kSample; ++i) turns += (part[i - 2] < part[i - 1]) != (part[i - 1] < part[i]);
    return turns;
  };
  return turns_in(records) > kSample / 4 && turns_in(records + n / 2) > kSample / 4;
}

// Orders by the prefixes alone, from their lowest digits up.
Status radix_sort(Record* records, Py_ssize_t n, int place_bits) {
  constexpr int kBits = 11;
  constexpr size_t kDigits = size_t{1} << kBits;
  auto* other = PyMem_New(Record, n);
  if (!other) return no_memory();
  const uint64_t most = *std::max_element(records, records + n);
  Record *from = records, *to = other;
  for (int shift = place_bits; shift < 64 && most >> shift; shift += kBits) {
    Py_ssize_t places[kDigits] = {};
    auto digit_of = [=](Record record) { return record >> shift & (kDigits - 1); };
    for (Py_ssize_t i = 0; i < n; ++i) ++places[digit_of(from[i])];
    Py_ssize_t place = 0;
    for (Py_ssize_t& count : places) place += std::exchange(count, place);
    for (Py_ssize_t i = 0; i < n; ++i) to[places[digit_of(from[i])]++] = from[i];
    std::swap(from, to);
  }
  if (from != records) std::copy(from, from + n, records);
  PyMem_Free(other);
  return Status::ok;
}

// Orders those that stand together because their prefixes are equal.
template <class Less>
Status sort_ties(Record* records, Py_ssize_t n, Less less) {
  for (Py_ssize_t start = 0, end; start < n; start = end) {
    for (end = start + 1; end < n && less.packing.equal_prefixes(records[start], records[end]);) ++end;
    if (end - start > 1) TRY(RunMerger(records + start, end - start, less).sort());
  }
  return Status::ok;
}

// `less` compares whole keys; not needed when `prefix_is_key`.
template <class Less>
Status sort_records(Record* records, Py_ssize_t n, bool prefix_is_key, Less less) {
  const Packing& packing = less.packing;
  bool whole = prefix_is_key && packing.keeps_all();
  if (is_shuffled(records, n)) {
    TRY(radix_sort(records, n, packing.place_bits));
    return whole ? Status::ok : sort_ties(records, n, less);
  }
  return whole ? RunMerger(records, n, LessRecord()).sort() : RunMerger(records, n, less).sort();
}

// ---- items ----------------------------------------------------------------------------------------------------

// The list as it is sorted. Reversing before and after keeps equal items in their order.
struct Items {
  PyObject** items;
  Py_ssize_t n;
  bool reverse;

  Py_ssize_t index_of(Py_ssize_t place) const { return reverse ? n - 1 - place : place; }
  // Puts the items in the order of the records, which are used up.
  void arrange(Record* records, const Packing& packing) const {
    Py_ssize_t in_place = 0;
    while (in_place < n && packing.place(records[in_place]) == in_place) ++in_place;
    if (in_place == n) return;
    for (Py_ssize_t i = 0; i < n; ++i) records[i] = reinterpret_cast<uint64_t>(items[index_of(packing.place(records[i]))]);
    for (Py_ssize_t i = 0; i < n; ++i) items[index_of(i)] = reinterpret_cast<PyObject*>(records[i]);
  }
};

// Calls with the function that gives the prefix of an object.
template <class Call>
auto with_prefix(Prefix prefix, Call call) {
  switch (prefix) {
    case Prefix::integer: return call([](PyObject* key) { return integer_prefix(word_value(key)); });
    case Prefix::real: return call([](PyObject* key) { return real_prefix(PyFloat_AS_DOUBLE(key)); });
    case Prefix::latin: return call(latin_prefix);
    default: return call([](PyObject*) { return uint64_t{0}; });
  }
}

// Whether the keys are in order already, as far as prefixes and the contents of str tell. Most lists that are not show it soon.
bool are_in_order(const Items& list, PyObject** keys, const Order& order) {
  return with_prefix(order.prefix, [&](auto prefix_of) {
    PyObject* previous = nullptr;
    uint64_t least = 0;
    for (Py_ssize_t i = 0; i < list.n; ++i) {
      PyObject* key = keys[list.index_of(i)];
      const uint64_t prefix = prefix_of(order.prefixed(key));
      if (prefix < least) return false;
      if (previous && prefix == least && !order.prefix_is_key() && (order.less != less_latin || less_latin(key, previous))) return false;
      previous = key;
      least = prefix;
    }
    return true;
  });
}

// Sorts records of the keys' prefixes. `keys` may be the items.
Status sort_by_keys(const Items& list, PyObject** keys) {
  const Py_ssize_t n = list.n;
  const Order order = choose_order(keys, n);
  if (are_in_order(list, keys, order)) return Status::ok;
  Record few[kFew];
  Record* records = n <= kFew ? few : PyMem_New(Record, n);
  if (!records) return no_memory();
  Range range;
  with_prefix(order.prefix, [&](auto prefix_of) {
    for (Py_ssize_t i = 0; i < n; ++i) records[i] = range.with(prefix_of(order.prefixed(keys[list.index_of(i)])));
  });
  Packing packing(range, n);
  packing.pack(records, records, n);
  LessKey less = {packing, keys + list.index_of(0), list.reverse ? -1 : 1, order.less};
  Status status = sort_records(records, n, order.prefix_is_key(), less);
  if (status == Status::ok) list.arrange(records, packing);
  if (records != few) PyMem_Free(records);
  return status;
}

// What a key function gives for each item: numbers as long as all keys are ints of a word, or all are floats, and objects otherwise.
class ComputedKeys {
 public:
  ComputedKeys() = default;
  ComputedKeys(const ComputedKeys&) = delete;
  ~ComputedKeys() {
    if (kind_ == Prefix::none) drop_objects(count_);
    PyMem_Free(words_);
  }

  Status compute(PyObject* function, PyObject** items, Py_ssize_t n) {
    words_ = PyMem_Malloc(static_cast<size_t>(n) * sizeof(uint64_t));
    if (!words_) return no_memory();
    for (Py_ssize_t i = 0; i < n; ++i) TRY(add(TRY(steal(PyObject_CallOneArg(function, items[i])))));
    return Status::ok;
  }
  Status sort(const Items& list) { return kind_ == Prefix::none ? sort_by_keys(list, objects()) : sort_by_numbers(list); }

 private:
  static_assert(sizeof(PyObject*) == sizeof(uint64_t));
  PyObject** objects() const { return static_cast<PyObject**>(words_); }
  uint64_t* numbers() const { return static_cast<uint64_t*>(words_); }

  static Prefix kind_of(PyObject* key) {
    if (PyLong_CheckExact(key)) return is_word(key) ? Prefix::integer : Prefix::none;
    return PyFloat_CheckExact(key) && !std::isnan(PyFloat_AS_DOUBLE(key)) ? Prefix::real : Prefix::none;
  }
  Status add(Ref<> key) {
    if (count_ == 0) kind_ = kind_of(key.get());
    if (kind_ != Prefix::none && kind_of(key.get()) != kind_) TRY(make_objects());
    if (kind_ == Prefix::integer) numbers()[count_] = static_cast<uint64_t>(word_value(key.get()));
    else if (kind_ == Prefix::real) numbers()[count_] = std::bit_cast<uint64_t>(PyFloat_AS_DOUBLE(key.get()));
    else objects()[count_] = key.release();
    ++count_;
    return Status::ok;
  }
  Status make_objects() {
    for (Py_ssize_t i = 0; i < count_; ++i) {
      uint64_t number = numbers()[i];
      PyObject* key = kind_ == Prefix::integer ? PyLong_FromLongLong(static_cast<int64_t>(number)) : PyFloat_FromDouble(std::bit_cast<double>(number));
      if (!key) {
        drop_objects(i);
        return Status::error;
      }
      objects()[i] = key;
    }
    kind_ = Prefix::none;
    return Status::ok;
  }
  void drop_objects(Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; ++i) release(objects()[i]);
  }

  // Where the records have room for all of the numbers they take the numbers' place.
  Status sort_by_numbers(const Items& list) {
    const Py_ssize_t n = list.n;
    uint64_t* prefixes = numbers();
    Range range;
    if (kind_ == Prefix::integer) {
      for (Py_ssize_t i = 0; i < n; ++i) prefixes[i] = range.with(integer_prefix(static_cast<int64_t>(prefixes[i])));
    } else {
      for (Py_ssize_t i = 0; i < n; ++i) prefixes[i] = range.with(real_prefix(std::bit_cast<double>(prefixes[i])));
    }
    if (list.reverse) std::reverse(prefixes, prefixes + n);
    Packing packing(range, n);
    Record* records = packing.keeps_all() ? prefixes : PyMem_New(Record, n);
    if (!records) return no_memory();
    packing.pack(prefixes, records, n);
    Status status = sort_records(records, n, true, LessNumber{packing, prefixes});
    if (status == Status::ok) list.arrange(records, packing);
    if (records != prefixes) PyMem_Free(records);
    return status;
  }

  void* words_ = nullptr;
  Py_ssize_t count_ = 0;
  Prefix kind_ = Prefix::none;
};

}  // namespace

Status list_sort(PyListObject* list, PyObject* key, bool reverse) {
  // The list looks empty while key functions and comparisons run.
  Py_ssize_t n = std::exchange(list->ob_base.ob_size, 0);
  PyObject** items = std::exchange(list->ob_item, nullptr);
  Py_ssize_t allocated = std::exchange(list->allocated, -1);  // any change sets it
  Status status = Status::ok;
  if (key && n > 0) {
    // Releasing the keys may run code that changes the list, too.
    ComputedKeys keys;
    status = keys.compute(key, items, n);
    if (n > 1 && status == Status::ok) status = keys.sort({items, n, reverse});
  } else if (n > 1) {
    status = sort_by_keys({items, n, reverse}, items);
  }
  bool changed = list->allocated != -1;
  PyObject** intruders = std::exchange(list->ob_item, items);
  Py_ssize_t intruder_count = std::exchange(list->ob_base.ob_size, n);
  list->allocated = allocated;
  if (changed) {
    if (status == Status::ok) {
      PyErr_SetString(PyExc_ValueError, "list modified during sort");
      status = Status::error;
    }
    for (Py_ssize_t i = intruder_count; --i >= 0;) release(intruders[i]);
    PyMem_Free(intruders);
  }
  return status;
}

}  // namespace gill
