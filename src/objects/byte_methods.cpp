// The methods of bytes and bytearray that search, split, join and replace. Those about letters and
// layout are in byte_text.cpp.
#include "objects/byte_methods.h"

#include "objects/int.h"
#include "objects/list_builder.h"
#include "objects/search.h"
#include "objects/tuple.h"

namespace gill {
namespace {

using Byte = unsigned char;

const Byte* start_of(Bytes text) { return reinterpret_cast<const Byte*>(text.data()); }
Py_ssize_t size_of(Bytes text) { return static_cast<Py_ssize_t>(text.size()); }
Bytes part(Bytes text, Py_ssize_t start, Py_ssize_t end) {
  return text.substr(static_cast<size_t>(start), static_cast<size_t>(end - start));
}

Py_ssize_t find_in(Bytes text, Bytes needle) { return search::find(start_of(text), size_of(text), start_of(needle), size_of(needle)); }
Py_ssize_t rfind_in(Bytes text, Bytes needle) {
  return search::rfind(start_of(text), size_of(text), start_of(needle), size_of(needle));
}

inline bool is_byte_space(unsigned char c) { return c == ' ' || (c >= 9 && c <= 13); }

struct Bounds {
  Py_ssize_t start = 0;
  Py_ssize_t end = PY_SSIZE_T_MAX;
};

Status read_bounds(PyObject* start, PyObject* end, Bounds& bounds) {
  if (start && start != Py_None && !_PyEval_SliceIndex(start, &bounds.start)) return Status::error;
  if (end && end != Py_None && !_PyEval_SliceIndex(end, &bounds.end)) return Status::error;
  return Status::ok;
}

// The `sub` of find and its like: bytes, or one byte as an integer.
class Needle {
 public:
  Status read(PyObject* sub) {
    if (PyObject_CheckBuffer(sub)) {
      TRY(argument_.read(sub));
      text_ = argument_.text();
      return Status::ok;
    }
    if (!PyIndex_Check(sub)) {
      return raise(PyExc_TypeError, "argument should be integer or bytes-like object, not '%.200s'", Py_TYPE(sub)->tp_name);
    }
    byte_ = static_cast<char>(TRY(byte_value(sub, "byte must be in range(0, 256)")));
    text_ = {&byte_, 1};
    return Status::ok;
  }
  Bytes text() const { return text_; }

 private:
  ByteArgument argument_;
  char byte_ = 0;
  Bytes text_;
};

Maybe<Py_ssize_t> find_method(PyObject* self, PyObject* sub, PyObject* start, PyObject* end, bool backward) {
  Bounds bounds;
  TRY(read_bounds(start, end, bounds));
  Needle needle;
  TRY(needle.read(sub));
  Bytes text = contents(self);
  search::clamp(bounds.start, bounds.end, size_of(text));
  if (bounds.end - bounds.start < size_of(needle.text())) return Py_ssize_t{-1};
  Bytes window = part(text, bounds.start, bounds.end);
  Py_ssize_t at = backward ? rfind_in(window, needle.text()) : find_in(window, needle.text());
  return at < 0 ? -1 : at + bounds.start;
}

Maybe<Py_ssize_t> index_method(PyObject* self, PyObject* sub, PyObject* start, PyObject* end, bool backward) {
  Py_ssize_t at = TRY(find_method(self, sub, start, end, backward));
  if (at < 0) return raise(PyExc_ValueError, "subsection not found");
  return at;
}

bool tail_match(Bytes text, Bytes piece, Bounds bounds, bool at_end) {
  search::clamp(bounds.start, bounds.end, size_of(text));
  if (bounds.end - bounds.start < size_of(piece)) return false;
  if (bounds.start > size_of(text)) return false;
  Bytes window = part(text, bounds.start, bounds.end);
  return at_end ? window.ends_with(piece) : window.starts_with(piece);
}

Maybe<bool> tail_method(PyObject* self, PyObject* piece, PyObject* start, PyObject* end, bool at_end, const char* name) {
  Bounds bounds;
  TRY(read_bounds(start, end, bounds));
  auto one = [&](PyObject* object) -> Maybe<bool> {
    ByteArgument argument;
    TRY(argument.read(object));
    return tail_match(contents(self), argument.text(), bounds, at_end);
  };
  if (PyTuple_Check(piece)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(piece); ++i) {
      if (TRY(one(PyTuple_GET_ITEM(piece, i)))) return true;
    }
    return false;
  }
  Maybe<bool> result = one(piece);
  if (!result && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Format(PyExc_TypeError, "%s first arg must be bytes or a tuple of bytes, not %s", name, Py_TYPE(piece)->tp_name);
  }
  return result;
}

// ---- splitting ----------------------------------------------------------------------------------------

Ref<> piece_of(PyObject* self, Bytes text, Py_ssize_t start, Py_ssize_t end) {
  if (start == 0 && end == size_of(text)) return same_as(self);
  return make_like(self, part(text, start, end));
}

Ref<> split_whitespace(PyObject* self, Bytes text, Py_ssize_t most) {
  ListBuilder list;
  const Byte* p = start_of(text);
  Py_ssize_t n = size_of(text);
  Py_ssize_t i = 0;
  while (true) {
    while (i < n && is_byte_space(p[i])) ++i;
    if (i == n || most-- <= 0) break;
    Py_ssize_t start = i++;
    while (i < n && !is_byte_space(p[i])) ++i;
    TRY(list.add(piece_of(self, text, start, i)));
  }
  if (i < n) TRY(list.add(piece_of(self, text, i, n)));
  return list.finish();
}

Ref<> rsplit_whitespace(PyObject* self, Bytes text, Py_ssize_t most) {
  ListBuilder list;
  const Byte* p = start_of(text);
  Py_ssize_t i = size_of(text);
  while (true) {
    while (i > 0 && is_byte_space(p[i - 1])) --i;
    if (i == 0 || most-- <= 0) break;
    Py_ssize_t end = i--;
    while (i > 0 && !is_byte_space(p[i - 1])) --i;
    TRY(list.add(piece_of(self, text, i, end)));
  }
  if (i > 0) TRY(list.add(piece_of(self, text, 0, i)));
  return list.finish_reversed();
}

Ref<> split_method(PyObject* self, PyObject* sep, Py_ssize_t most, bool backward) {
  if (most < 0) most = PY_SSIZE_T_MAX;
  ByteArgument separator;
  if (sep != Py_None) TRY(separator.read(sep));
  Pin pin(self);
  Bytes text = contents(self);
  if (sep == Py_None) return backward ? rsplit_whitespace(self, text, most) : split_whitespace(self, text, most);
  Bytes mark = separator.text();
  if (mark.empty()) return raise(PyExc_ValueError, "empty separator");
  ListBuilder list;
  if (!backward) {
    Py_ssize_t start = 0;
    while (most-- > 0) {
      Py_ssize_t at = find_in(text.substr(static_cast<size_t>(start)), mark);
      if (at < 0) break;
      TRY(list.add(make_like(self, part(text, start, start + at))));
      start += at + size_of(mark);
    }
    TRY(list.add(piece_of(self, text, start, size_of(text))));
    return list.finish();
  }
  Py_ssize_t end = size_of(text);
  while (most-- > 0) {
    Py_ssize_t at = rfind_in(text.substr(0, static_cast<size_t>(end)), mark);
    if (at < 0) break;
    TRY(list.add(make_like(self, part(text, at + size_of(mark), end))));
    end = at;
  }
  TRY(list.add(piece_of(self, text, 0, end)));
  return list.finish_reversed();
}

Ref<> three(Ref<> a, Ref<> b, Ref<> c) {
  if (!a || !b || !c) return failure;
  PyObject* parts[] = {a.release(), b.release(), c.release()};
  return tuple_steal_items(parts, 3);
}

Ref<> partition_method(PyObject* self, PyObject* sep, bool backward) {
  ByteArgument separator;
  TRY(separator.read(sep));
  Bytes mark = separator.text();
  if (mark.empty()) return raise(PyExc_ValueError, "empty separator");
  Pin pin(self);
  Bytes text = contents(self);
  Py_ssize_t at = backward ? rfind_in(text, mark) : find_in(text, mark);
  // Bytes, which do not change, are not copied: neither the whole nor the argument, whatever its type.
  const bool shares = PyBytes_Check(self);
  if (at < 0) {
    Ref<> whole = shares ? borrow(self) : make_like(self, text);
    if (backward) return three(make_like(self, {}), make_like(self, {}), std::move(whole));
    return three(std::move(whole), make_like(self, {}), make_like(self, {}));
  }
  Ref<> middle = shares ? borrow(sep) : make_like(self, mark);
  return three(make_like(self, part(text, 0, at)), std::move(middle), make_like(self, text.substr(static_cast<size_t>(at) + mark.size())));
}

enum Sides { kLeft = 1, kRight = 2, kBoth = 3 };

template <class Goes>
Ref<> strip_if(PyObject* self, int sides, Goes goes) {
  Bytes text = contents(self);
  size_t start = 0, end = text.size();
  if (sides & kLeft) {
    while (start < end && goes(static_cast<Byte>(text[start]))) ++start;
  }
  if (sides & kRight) {
    while (end > start && goes(static_cast<Byte>(text[end - 1]))) --end;
  }
  if (start == 0 && end == text.size()) return same_as(self);
  return make_like(self, text.substr(start, end - start));
}

Ref<> strip_method(PyObject* self, PyObject* chars, int sides) {
  if (chars == Py_None || !chars) return strip_if(self, sides, is_byte_space);
  ByteArgument set;
  TRY(set.read(chars));
  uint64_t in_set[4] = {};
  for (char c : set.text()) in_set[static_cast<Byte>(c) >> 6] |= uint64_t{1} << (c & 63);
  return strip_if(self, sides, [&](Byte c) { return (in_set[c >> 6] >> (c & 63) & 1) != 0; });
}

}  // namespace

Ref<> make_like(PyObject* self, Bytes text) {
  auto n = static_cast<Py_ssize_t>(text.size());
  return steal(PyByteArray_Check(self) ? PyByteArray_FromStringAndSize(text.data(), n) : PyBytes_FromStringAndSize(text.data(), n));
}

Ref<> same_as(PyObject* self) {
  if (PyBytes_CheckExact(self)) return borrow(self);
  return make_like(self, contents(self));
}

namespace {
Maybe<Py_ssize_t> integer_value(PyObject* object) {
  if (PyLong_CheckExact(object) && is_one_digit(object)) return one_digit_value(object);
  return checked(PyNumber_AsSsize_t(object, nullptr));
}
Maybe<int> in_range(Py_ssize_t value, const char* message) {
  if (value < 0 || value > 255) return raise(PyExc_ValueError, message);
  return static_cast<int>(value);
}
}  // namespace

Maybe<int> byte_value(PyObject* object, const char* message) { return in_range(TRY(integer_value(object)), message); }

Maybe<int> bytes_contains(PyObject* self, PyObject* item) {
  if (PyIndex_Check(item)) {
    if (Maybe<Py_ssize_t> value = integer_value(item)) {
      int c = TRY(in_range(value.value(), "byte must be in range(0, 256)"));
      Bytes text = contents(self);
      return static_cast<int>(!text.empty() && std::memchr(text.data(), c, text.size()) != nullptr);
    }
    // What fails to be an integer may still have bytes.
    PyErr_Clear();
  }
  ByteArgument argument;
  TRY(argument.read(item));
  return static_cast<int>(find_in(contents(self), argument.text()) >= 0);
}

Maybe<Py_ssize_t> bytes_find(PyObject* self, PyObject* sub, PyObject* start, PyObject* end) {
  return find_method(self, sub, start, end, false);
}
Maybe<Py_ssize_t> bytes_rfind(PyObject* self, PyObject* sub, PyObject* start, PyObject* end) {
  return find_method(self, sub, start, end, true);
}
Maybe<Py_ssize_t> bytes_index(PyObject* self, PyObject* sub, PyObject* start, PyObject* end) {
  return index_method(self, sub, start, end, false);
}
Maybe<Py_ssize_t> bytes_rindex(PyObject* self, PyObject* sub, PyObject* start, PyObject* end) {
  return index_method(self, sub, start, end, true);
}

Maybe<Py_ssize_t> bytes_count(PyObject* self, PyObject* sub, PyObject* start, PyObject* end) {
  Bounds bounds;
  TRY(read_bounds(start, end, bounds));
  Needle needle;
  TRY(needle.read(sub));
  Bytes text = contents(self);
  search::clamp(bounds.start, bounds.end, size_of(text));
  if (bounds.end - bounds.start < size_of(needle.text())) return Py_ssize_t{0};
  Bytes window = part(text, bounds.start, bounds.end);
  return search::count(start_of(window), size_of(window), start_of(needle.text()), size_of(needle.text()), PY_SSIZE_T_MAX);
}

Maybe<bool> bytes_startswith(PyObject* self, PyObject* prefix, PyObject* start, PyObject* end) {
  return tail_method(self, prefix, start, end, false, "startswith");
}
Maybe<bool> bytes_endswith(PyObject* self, PyObject* suffix, PyObject* start, PyObject* end) {
  return tail_method(self, suffix, start, end, true, "endswith");
}

Ref<> bytes_removeprefix(PyObject* self, PyObject* prefix) {
  ByteArgument argument;
  TRY(argument.read(prefix));
  Bytes text = contents(self);
  if (argument.text().empty() || !text.starts_with(argument.text())) return same_as(self);
  return make_like(self, text.substr(argument.text().size()));
}

Ref<> bytes_removesuffix(PyObject* self, PyObject* suffix) {
  ByteArgument argument;
  TRY(argument.read(suffix));
  Bytes text = contents(self);
  if (argument.text().empty() || !text.ends_with(argument.text())) return same_as(self);
  return make_like(self, text.substr(0, text.size() - argument.text().size()));
}

Ref<> bytes_split(PyObject* self, PyObject* sep, Py_ssize_t maxsplit) { return split_method(self, sep, maxsplit, false); }
Ref<> bytes_rsplit(PyObject* self, PyObject* sep, Py_ssize_t maxsplit) { return split_method(self, sep, maxsplit, true); }
Ref<> bytes_partition(PyObject* self, PyObject* sep) { return partition_method(self, sep, false); }
Ref<> bytes_rpartition(PyObject* self, PyObject* sep) { return partition_method(self, sep, true); }
Ref<> bytes_strip(PyObject* self, PyObject* chars) { return strip_method(self, chars, kBoth); }
Ref<> bytes_lstrip(PyObject* self, PyObject* chars) { return strip_method(self, chars, kLeft); }
Ref<> bytes_rstrip(PyObject* self, PyObject* chars) { return strip_method(self, chars, kRight); }

Ref<> bytes_splitlines(PyObject* self, int keepends) {
  Pin pin(self);
  Bytes text = contents(self);
  ListBuilder list;
  Py_ssize_t n = size_of(text);
  for (Py_ssize_t i = 0; i < n;) {
    Py_ssize_t start = i;
    while (i < n && text[static_cast<size_t>(i)] != '\n' && text[static_cast<size_t>(i)] != '\r') ++i;
    Py_ssize_t end = i;
    if (i < n) {
      i += text[static_cast<size_t>(i)] == '\r' && i + 1 < n && text[static_cast<size_t>(i) + 1] == '\n' ? 2 : 1;
      if (keepends) end = i;
    }
    TRY(list.add(piece_of(self, text, start, end)));
  }
  return list.finish();
}

// ---- joining ------------------------------------------------------------------------------------------

Ref<> bytes_join(PyObject* self, PyObject* iterable) {
  Ref<> sequence = TRY(steal(PySequence_Fast(iterable, "can only join an iterable")));
  Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence.get());
  if (count == 0) return make_like(self, {});
  if (count == 1 && PyBytes_Check(self)) {
    PyObject* only = PySequence_Fast_GET_ITEM(sequence.get(), 0);
    if (PyBytes_CheckExact(only)) return borrow(only);
  }
  Pin pin(self);
  Py_buffer inline_views[10];
  Py_buffer* views = count <= 10 ? inline_views : PyMem_New(Py_buffer, count);
  if (!views) {
    PyErr_NoMemory();
    return failure;
  }
  Py_ssize_t taken = 0;
  auto finish = [&](Ref<> result) {
    for (Py_ssize_t i = 0; i < taken; ++i) {
      if (views[i].obj) PyBuffer_Release(&views[i]);
    }
    if (views != inline_views) PyMem_Free(views);
    return result;
  };
  Bytes separator = contents(self);
  size_t total = separator.size() * static_cast<size_t>(count - 1);
  if (count > 1 && separator.size() > static_cast<size_t>(PY_SSIZE_T_MAX) / static_cast<size_t>(count - 1)) {
    PyErr_SetString(PyExc_OverflowError, "join() result is too long");
    return finish(nullptr);
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(sequence.get(), i);
    Py_buffer& view = views[i];
    if (PyBytes_CheckExact(item)) {
      view.obj = borrow(item).release();
      view.buf = PyBytes_AS_STRING(item);
      view.len = PyBytes_GET_SIZE(item);
      view.internal = nullptr;
    } else if (PyObject_GetBuffer(item, &view, PyBUF_SIMPLE) < 0) {
      PyErr_Format(PyExc_TypeError, "sequence item %zd: expected a bytes-like object, %.80s found", i, Py_TYPE(item)->tp_name);
      return finish(nullptr);
    }
    ++taken;
    if (static_cast<size_t>(view.len) > static_cast<size_t>(PY_SSIZE_T_MAX) - total) {
      PyErr_SetString(PyExc_OverflowError, "join() result is too long");
      return finish(nullptr);
    }
    total += static_cast<size_t>(view.len);
    if (PySequence_Fast_GET_SIZE(sequence.get()) != count) {
      PyErr_SetString(PyExc_RuntimeError, "sequence changed size during iteration");
      return finish(nullptr);
    }
  }
  auto length = static_cast<Py_ssize_t>(total);
  Ref<> result = steal(PyByteArray_Check(self) ? PyByteArray_FromStringAndSize(nullptr, length) : PyBytes_FromStringAndSize(nullptr, length));
  if (!result) return finish(nullptr);
  char* to = PyByteArray_Check(self) ? PyByteArray_AS_STRING(result.get()) : PyBytes_AS_STRING(result.get());
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (i && !separator.empty()) {
      std::memcpy(to, separator.data(), separator.size());
      to += separator.size();
    }
    if (views[i].len) std::memcpy(to, views[i].buf, static_cast<size_t>(views[i].len));
    to += views[i].len;
  }
  return finish(std::move(result));
}

// ---- replacing ----------------------------------------------------------------------------------------

Ref<> bytes_replace(PyObject* self, PyObject* old_object, PyObject* new_object, PyObject* count) {
  ByteArgument old_argument, new_argument;
  TRY(old_argument.read(old_object));
  TRY(new_argument.read(new_object));
  // Behind the buffers: the first argument of a wrong type is the one that is told.
  Ref<> index = count ? TRY(steal(PyNumber_Index(count))) : Ref<>();
  Py_ssize_t most = index ? TRY(checked(PyLong_AsSsize_t(index.get()))) : -1;
  Pin pin(self);
  Bytes text = contents(self), old = old_argument.text(), with = new_argument.text();
  if (most < 0) {
    most = PY_SSIZE_T_MAX;
  } else if (most == 0) {
    return same_as(self);
  }
  if (old.size() > text.size() || (old.empty() && with.empty())) return same_as(self);
  Py_ssize_t hits = search::count(start_of(text), size_of(text), start_of(old), size_of(old), most);
  if (hits == 0) return same_as(self);
  Py_ssize_t delta = size_of(with) - size_of(old);
  if (delta > 0 && delta > (PY_SSIZE_T_MAX - size_of(text)) / hits) {
    return raise(PyExc_OverflowError, "replace bytes is too long");
  }
  Py_ssize_t length = size_of(text) + delta * hits;
  Ref<> result = steal(PyByteArray_Check(self) ? PyByteArray_FromStringAndSize(nullptr, length) : PyBytes_FromStringAndSize(nullptr, length));
  if (!result) return failure;
  if (length == 0) return result;
  char* to = PyByteArray_Check(self) ? PyByteArray_AS_STRING(result.get()) : PyBytes_AS_STRING(result.get());
  auto put = [&](Bytes piece) {
    if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  };
  if (old.empty()) {
    for (Py_ssize_t i = 0; i < hits; ++i) {
      put(with);
      if (text.empty()) break;
      *to++ = text.front();
      text.remove_prefix(1);
    }
  } else if (old.size() == 1 && with.size() == 1) {
    put(text);
    to -= text.size();
    for (size_t i = 0; hits > 0; ++i) {
      if (to[i] != old[0]) continue;
      to[i] = with[0];
      --hits;
    }
    return result;
  } else {
    for (Py_ssize_t i = 0; i < hits; ++i) {
      Py_ssize_t at = find_in(text, old);
      put(text.substr(0, static_cast<size_t>(at)));
      put(with);
      text.remove_prefix(static_cast<size_t>(at) + old.size());
    }
  }
  put(text);
  return result;
}

}  // namespace gill

using namespace gill;

extern "C" {

[[gnu::visibility("default")]] Py_ssize_t _PyBytes_Find(const char* text, Py_ssize_t n, const char* needle, Py_ssize_t m, Py_ssize_t offset) {
  Py_ssize_t at = find_in({text, static_cast<size_t>(n)}, {needle, static_cast<size_t>(m)});
  return at < 0 ? -1 : at + offset;
}

[[gnu::visibility("default")]] Py_ssize_t _PyBytes_ReverseFind(const char* text, Py_ssize_t n, const char* needle, Py_ssize_t m, Py_ssize_t offset) {
  Py_ssize_t at = rfind_in({text, static_cast<size_t>(n)}, {needle, static_cast<size_t>(m)});
  return at < 0 ? -1 : at + offset;
}

PyObject* _PyBytes_Join(PyObject* separator, PyObject* iterable) { return bytes_join(separator, iterable).release(); }

}  // extern "C"
