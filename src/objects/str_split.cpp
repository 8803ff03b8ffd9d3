// Taking strings apart (split, partition, splitlines, strip) and putting them together (join).
#include "objects/list_builder.h"
#include "objects/search.h"
#include "objects/str_methods.h"
#include "objects/tuple.h"

namespace gill {
namespace {

// How a piece of the text becomes a string.
template <class C>
Ref<> piece(PyObject* self, const StrView& text, Py_ssize_t start, Py_ssize_t end) {
  if (start == 0 && end == text.length) return exact_str(self);
  if constexpr (sizeof(C) == 1) {
    if (text.ascii) return str_from_ascii(text.as<char>() + start, end - start);
  }
  return str_from(text.as<C>() + start, end - start);
}

template <class C>
Ref<> split_whitespace(PyObject* self, const StrView& text, Py_ssize_t most) {
  ListBuilder list;
  const C* p = text.as<C>();
  Py_ssize_t n = text.length;
  Py_ssize_t i = 0;
  while (true) {
    while (i < n && is_space(p[i])) ++i;
    if (i == n || most-- <= 0) break;
    Py_ssize_t start = i++;
    while (i < n && !is_space(p[i])) ++i;
    TRY(list.add(piece<C>(self, text, start, i)));
  }
  if (i < n) TRY(list.add(piece<C>(self, text, i, n)));
  return list.finish();
}

template <class C>
Ref<> rsplit_whitespace(PyObject* self, const StrView& text, Py_ssize_t most) {
  ListBuilder list;
  const C* p = text.as<C>();
  Py_ssize_t i = text.length;
  while (true) {
    while (i > 0 && is_space(p[i - 1])) --i;
    if (i == 0 || most-- <= 0) break;
    Py_ssize_t end = i--;
    while (i > 0 && !is_space(p[i - 1])) --i;
    TRY(list.add(piece<C>(self, text, i, end)));
  }
  if (i > 0) TRY(list.add(piece<C>(self, text, 0, i)));
  return list.finish_reversed();
}

// The separator in the text's character width; it is not wider.
template <class C>
struct Separator {
  C inline_[32];
  Ref<> keep;
  const C* data = nullptr;
  Py_ssize_t length;

  explicit Separator(const StrView& sep) : length(sep.length) {
    if (sep.kind == sizeof(C)) {
      data = sep.as<C>();
      return;
    }
    C* to = inline_;
    if (length > 32) {
      keep = steal(PyBytes_FromStringAndSize(nullptr, length * static_cast<Py_ssize_t>(sizeof(C))));
      if (!keep) return;
      to = reinterpret_cast<C*>(PyBytes_AS_STRING(keep.get()));
    }
    copy_characters(sizeof(C), to, 0, sep, 0, length);
    data = to;
  }
};

template <class C>
Ref<> split_at(PyObject* self, const StrView& text, const StrView& separator, Py_ssize_t most) {
  Separator<C> sep(separator);
  ListBuilder list;
  if (!sep.data) return failure;
  const C* p = text.as<C>();
  Py_ssize_t start = 0;
  while (most-- > 0) {
    Py_ssize_t at = search::find(p + start, text.length - start, sep.data, sep.length);
    if (at < 0) break;
    TRY(list.add(piece<C>(self, text, start, start + at)));
    start += at + sep.length;
  }
  TRY(list.add(piece<C>(self, text, start, text.length)));
  return list.finish();
}

template <class C>
Ref<> rsplit_at(PyObject* self, const StrView& text, const StrView& separator, Py_ssize_t most) {
  Separator<C> sep(separator);
  ListBuilder list;
  if (!sep.data) return failure;
  const C* p = text.as<C>();
  Py_ssize_t end = text.length;
  while (most-- > 0) {
    Py_ssize_t at = search::rfind(p, end, sep.data, sep.length);
    if (at < 0) break;
    TRY(list.add(piece<C>(self, text, at + sep.length, end)));
    end = at;
  }
  TRY(list.add(piece<C>(self, text, 0, end)));
  return list.finish_reversed();
}

Ref<> whole(PyObject* self) {
  ListBuilder list;
  TRY(list.add(exact_str(self)));
  return list.finish();
}

Ref<> split(PyObject* self, PyObject* sep, Py_ssize_t most, bool backward) {
  if (most < 0) most = PY_SSIZE_T_MAX;
  StrView text(self);
  if (!sep) {
    return dispatch(text.kind, [&]<class C>(C*) {
      return backward ? rsplit_whitespace<C>(self, text, most) : split_whitespace<C>(self, text, most);
    });
  }
  StrView separator(sep);
  if (separator.length == 0) return raise(PyExc_ValueError, "empty separator");
  if (separator.kind > text.kind || (text.ascii && !separator.ascii) || separator.length > text.length) return whole(self);
  return dispatch(text.kind, [&]<class C>(C*) {
    return backward ? rsplit_at<C>(self, text, separator, most) : split_at<C>(self, text, separator, most);
  });
}

Ref<> split_method(PyObject* self, PyObject* sep, Py_ssize_t most, bool backward) {
  TRY(ensure_ready(self));
  if (sep == Py_None) return split(self, nullptr, most, backward);
  if (!PyUnicode_Check(sep)) return raise(PyExc_TypeError, "must be str or None, not %.100s", Py_TYPE(sep)->tp_name);
  TRY(ensure_ready(sep));
  return split(self, sep, most, backward);
}

Ref<> splitlines(PyObject* self, bool keepends) {
  StrView text(self);
  return dispatch(text.kind, [&]<class C>(C*) -> Ref<> {
    ListBuilder list;
      const C* p = text.as<C>();
    Py_ssize_t n = text.length;
    for (Py_ssize_t i = 0; i < n;) {
      Py_ssize_t start = i;
      while (i < n && !is_linebreak(p[i])) ++i;
      Py_ssize_t end = i;
      if (i < n) {
        i += p[i] == '\r' && i + 1 < n && p[i + 1] == '\n' ? 2 : 1;
        if (keepends) end = i;
      }
      TRY(list.add(piece<C>(self, text, start, end)));
    }
    return list.finish();
  });
}

Ref<> three(Ref<> a, Ref<> b, Ref<> c) {
  if (!a || !b || !c) return failure;
  PyObject* parts[] = {a.release(), b.release(), c.release()};
  return tuple_steal_items(parts, 3);
}

Ref<> partition(PyObject* self, PyObject* sep, bool backward) {
  TRY(require_str_argument(self));
  TRY(require_str_argument(sep));
  StrView text(self), separator(sep);
  if (separator.length == 0) return raise(PyExc_ValueError, "empty separator");
  Py_ssize_t at = PyUnicode_Find(self, sep, 0, text.length, backward ? -1 : 1);
  if (at == -2) return failure;
  if (at < 0) {
    return backward ? three(empty_str(), empty_str(), exact_str(self)) : three(exact_str(self), empty_str(), empty_str());
  }
  return three(substring(self, 0, at), borrow(sep), substring(self, at + separator.length, text.length));
}

// ---- strip --------------------------------------------------------------------------------------------

enum Sides { kLeft = 1, kRight = 2, kBoth = 3 };

// A set of characters: exact for Latin-1, a filter in front of a search for the others.
struct CharacterSet {
  uint64_t latin1[4] = {};
  const StrView& characters;

  explicit CharacterSet(const StrView& set) : characters(set) {
    for (Py_ssize_t i = 0; i < set.length; ++i) {
      U4 c = set[i];
      if (c < 256) latin1[c >> 6] |= uint64_t{1} << (c & 63);
    }
  }
  bool contains(U4 c) const {
    if (c < 256) return latin1[c >> 6] >> (c & 63) & 1;
    for (Py_ssize_t i = 0; i < characters.length; ++i) {
      if (characters[i] == c) return true;
    }
    return false;
  }
};

template <class InSet>
Ref<> strip_if(PyObject* self, int sides, InSet in_set) {
  StrView text(self);
  return dispatch(text.kind, [&]<class C>(C*) {
    const C* p = text.as<C>();
    Py_ssize_t start = 0, end = text.length;
    if (sides & kLeft) {
      while (start < end && in_set(p[start])) ++start;
    }
    if (sides & kRight) {
      while (end > start && in_set(p[end - 1])) --end;
    }
    return substring(self, start, end);
  });
}

Ref<> strip(PyObject* self, PyObject* chars, int sides, const char* name) {
  TRY(ensure_ready(self));
  if (chars == Py_None || !chars) return strip_if(self, sides, [](U4 c) { return is_space(c); });
  if (!PyUnicode_Check(chars)) {
    return raise(PyExc_TypeError, "%s arg must be None or str", name);
  }
  TRY(ensure_ready(chars));
  StrView set_view(chars);
  CharacterSet set(set_view);
  return strip_if(self, sides, [&](U4 c) { return set.contains(c); });
}

// ---- join ---------------------------------------------------------------------------------------------

Ref<> join(PyObject* separator, PyObject* const* items, Py_ssize_t count) {
  if (count == 0) return empty_str();
  if (count == 1 && PyUnicode_CheckExact(items[0])) {
    TRY(ensure_ready(items[0]));
    return borrow(items[0]);
  }
  StrView sep;
  if (!separator) {
    separator = &ascii_characters[' '].head.ob_base;
  } else if (!PyUnicode_Check(separator)) {
    return raise(PyExc_TypeError, "separator: expected str instance, %.80s found", Py_TYPE(separator)->tp_name);
  }
  TRY(ensure_ready(separator));
  sep = StrView(separator);
  U4 max = count > 1 && sep.length ? sep.max_class() : 127;
  Py_ssize_t total = 0;
  if (sep.length && sep.length > PY_SSIZE_T_MAX / count) return raise(PyExc_OverflowError, "join() result is too long for a Python string");
  total = sep.length * (count - 1);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = items[i];
    if (!PyUnicode_Check(item)) {
      return raise(PyExc_TypeError, "sequence item %zd: expected str instance, %.80s found", i, Py_TYPE(item)->tp_name);
    }
    TRY(ensure_ready(item));
    Py_ssize_t n = PyUnicode_GET_LENGTH(item);
    if (n > PY_SSIZE_T_MAX - total) return raise(PyExc_OverflowError, "join() result is too long for a Python string");
    total += n;
    U4 item_max = PyUnicode_MAX_CHAR_VALUE(item);
    max = Py_MAX(max, item_max);
  }
  Ref<> result = TRY(new_str(total, max));
  int kind = PyUnicode_KIND(result.get());
  auto* to = static_cast<char*>(PyUnicode_DATA(result.get()));
  if (total == 0) return result;
  auto put = [&](const StrView& view) {
    if (view.length == 0) return;
    if (view.kind == kind) {
      std::memcpy(to, view.data, static_cast<size_t>(view.length * kind));
    } else {
      copy_characters(kind, to, 0, view, 0, view.length);
    }
    to += view.length * kind;
  };
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (i) put(sep);
    put(StrView(items[i]));
  }
  return canonical_result(std::move(result));
}

}  // namespace

Ref<> str_split(PyObject* self, PyObject* sep, Py_ssize_t maxsplit) { return split_method(self, sep, maxsplit, false); }
Ref<> str_rsplit(PyObject* self, PyObject* sep, Py_ssize_t maxsplit) { return split_method(self, sep, maxsplit, true); }
Ref<> str_splitlines(PyObject* self, int keepends) { return steal(PyUnicode_Splitlines(self, keepends)); }
Ref<> str_partition(PyObject* self, PyObject* sep) { return partition(self, sep, false); }
Ref<> str_rpartition(PyObject* self, PyObject* sep) { return partition(self, sep, true); }
Ref<> str_join(PyObject* self, PyObject* iterable) { return steal(PyUnicode_Join(self, iterable)); }
Ref<> str_strip(PyObject* self, PyObject* chars) { return strip(self, chars, kBoth, "strip"); }
Ref<> str_lstrip(PyObject* self, PyObject* chars) { return strip(self, chars, kLeft, "lstrip"); }
Ref<> str_rstrip(PyObject* self, PyObject* chars) { return strip(self, chars, kRight, "rstrip"); }

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyUnicode_Split(PyObject* s, PyObject* sep, Py_ssize_t most) {
  if (require_str_argument(s) != Status::ok || (sep && require_str_argument(sep) != Status::ok)) return nullptr;
  return split(s, sep, most, false).release();
}

PyObject* PyUnicode_RSplit(PyObject* s, PyObject* sep, Py_ssize_t most) {
  if (require_str_argument(s) != Status::ok || (sep && require_str_argument(sep) != Status::ok)) return nullptr;
  return split(s, sep, most, true).release();
}

PyObject* PyUnicode_Splitlines(PyObject* s, int keepends) {
  if (require_str_argument(s) != Status::ok) return nullptr;
  return splitlines(s, keepends != 0).release();
}

PyObject* PyUnicode_Partition(PyObject* s, PyObject* sep) { return partition(s, sep, false).release(); }
PyObject* PyUnicode_RPartition(PyObject* s, PyObject* sep) { return partition(s, sep, true).release(); }

PyObject* _PyUnicode_JoinArray(PyObject* separator, PyObject* const* items, Py_ssize_t count) {
  return join(separator, items, count).release();
}

PyObject* PyUnicode_Join(PyObject* separator, PyObject* iterable) {
  Ref<> sequence = steal(PySequence_Fast(iterable, "can only join an iterable"));
  if (!sequence) return nullptr;
  return join(separator, PySequence_Fast_ITEMS(sequence.get()), PySequence_Fast_GET_SIZE(sequence.get())).release();
}

PyObject* _PyUnicode_XStrip(PyObject* s, int striptype, PyObject* set) {
  static const int kSides[] = {kLeft, kRight, kBoth};
  return strip(s, set, kSides[striptype], "strip").release();
}

}  // extern "C"
