// Finding, counting and replacing substrings.
#include "objects/search.h"
#include "objects/str_methods.h"

namespace gill {
namespace {

// The needle's characters in the width of the text: in place, or a widened copy.
template <class C>
class Widened {
 public:
  explicit Widened(const StrView& view) {
    if (view.kind == sizeof(C)) {
      data_ = view.as<C>();
      return;
    }
    C* to = inline_;
    if (view.length > static_cast<Py_ssize_t>(sizeof inline_ / sizeof(C))) {
      to = heap_ = PyMem_New(C, view.length);
      if (!heap_) {
        PyErr_NoMemory();
        return;
      }
    }
    copy_characters(sizeof(C), to, 0, view, 0, view.length);
    data_ = to;
  }
  ~Widened() { PyMem_Free(heap_); }
  Widened(const Widened&) = delete;
  Widened& operator=(const Widened&) = delete;
  const C* data() const { return data_; }

 private:
  const C* data_ = nullptr;
  C* heap_ = nullptr;
  C inline_[64];
};

enum class Direction { forward, backward };

// -2 with an exception set, -1 when absent.
Py_ssize_t find_in(const StrView& text, const StrView& needle, Py_ssize_t start, Py_ssize_t end, Direction direction) {
  search::clamp(start, end, text.length);
  if (end - start < needle.length) return -1;
  if (needle.kind > text.kind || (text.ascii && !needle.ascii)) return -1;
  return dispatch(text.kind, [&]<class C>(C*) -> Py_ssize_t {
    const C* from = text.as<C>() + start;
    Py_ssize_t n = end - start;
    Py_ssize_t at;
    if (needle.length == 1) {
      C c = static_cast<C>(needle[0]);
      at = direction == Direction::forward ? search::find_character(from, n, c) : search::rfind_character(from, n, c);
    } else {
      Widened<C> wide(needle);
      if (!wide.data()) return -2;
      at = direction == Direction::forward ? search::find(from, n, wide.data(), needle.length)
                                           : search::rfind(from, n, wide.data(), needle.length);
    }
    return at < 0 ? -1 : at + start;
  });
}

Py_ssize_t count_in(const StrView& text, const StrView& needle, Py_ssize_t start, Py_ssize_t end) {
  search::clamp(start, end, text.length);
  if (end - start < needle.length) return 0;
  if (needle.kind > text.kind || (text.ascii && !needle.ascii)) return 0;
  return dispatch(text.kind, [&]<class C>(C*) -> Py_ssize_t {
    Widened<C> wide(needle);
    if (!wide.data()) return -1;
    return search::count(text.as<C>() + start, end - start, wide.data(), needle.length, PY_SSIZE_T_MAX);
  });
}

bool matches_at(const StrView& text, Py_ssize_t at, const StrView& part) {
  if (part.kind > text.kind) return false;
  if (part.kind == text.kind) {
    return std::memcmp(static_cast<const char*>(text.data) + at * text.kind, part.data,
                       static_cast<size_t>(part.length * part.kind)) == 0;
  }
  for (Py_ssize_t i = 0; i < part.length; ++i) {
    if (text[at + i] != part[i]) return false;
  }
  return true;
}

bool tail_match(const StrView& text, const StrView& part, Py_ssize_t start, Py_ssize_t end, Direction side) {
  search::clamp(start, end, text.length);
  end -= part.length;
  if (end < start) return false;
  if (part.length == 0) return true;
  return matches_at(text, side == Direction::forward ? start : end, part);
}

struct Bounds {
  Py_ssize_t start = 0;
  Py_ssize_t end = PY_SSIZE_T_MAX;
};

Maybe<Bounds> read_bounds(PyObject* start, PyObject* end) {
  Bounds bounds;
  if (start && start != Py_None && !_PyEval_SliceIndex(start, &bounds.start)) return failure;
  if (end && end != Py_None && !_PyEval_SliceIndex(end, &bounds.end)) return failure;
  return bounds;
}

Maybe<Py_ssize_t> find_method(PyObject* self, PyObject* sub, PyObject* start, PyObject* end, Direction direction) {
  Bounds bounds = TRY(read_bounds(start, end));
  TRY(require_str_argument(sub));
  TRY(ensure_ready(self));
  Py_ssize_t at = find_in(StrView(self), StrView(sub), bounds.start, bounds.end, direction);
  if (at == -2) return failure;
  return at;
}

Maybe<Py_ssize_t> index_method(PyObject* self, PyObject* sub, PyObject* start, PyObject* end, Direction direction) {
  Py_ssize_t at = TRY(find_method(self, sub, start, end, direction));
  if (at < 0) return raise(PyExc_ValueError, "substring not found");
  return at;
}

Maybe<bool> tail_method(PyObject* self, PyObject* part, PyObject* start, PyObject* end, Direction side, const char* name) {
  Bounds bounds = TRY(read_bounds(start, end));
  TRY(ensure_ready(self));
  StrView text(self);
  if (PyTuple_Check(part)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(part); ++i) {
      PyObject* one = PyTuple_GET_ITEM(part, i);
      if (!PyUnicode_Check(one)) {
        return raise(PyExc_TypeError, "tuple for %s must only contain str, not %.100s", name, Py_TYPE(one)->tp_name);
      }
      TRY(ensure_ready(one));
      if (tail_match(text, StrView(one), bounds.start, bounds.end, side)) return true;
    }
    return false;
  }
  if (!PyUnicode_Check(part)) {
    return raise(PyExc_TypeError, "%s first arg must be str or a tuple of str, not %.100s", name, Py_TYPE(part)->tp_name);
  }
  TRY(ensure_ready(part));
  return tail_match(text, StrView(part), bounds.start, bounds.end, side);
}

// ---- replacement --------------------------------------------------------------------------------------

template <class C>
void replace_characters(C* to, Py_ssize_t n, C from, C with, Py_ssize_t most) {
  if (most == PY_SSIZE_T_MAX) {
    for (Py_ssize_t i = 0; i < n; ++i) to[i] = to[i] == from ? with : to[i];
    return;
  }
  for (Py_ssize_t i = 0; most > 0; --most, ++i) {
    Py_ssize_t at = search::find_character(to + i, n - i, from);
    if (at < 0) return;
    i += at;
    to[i] = with;
  }
}

// Where a needle occurs: counts all, and remembers the first few so that they need not be found again.
template <class C>
struct Occurrences {
  static constexpr Py_ssize_t kKnown = 8;
  Py_ssize_t count = 0;
  Py_ssize_t known[kKnown];  // distances from the end of the one before

  Occurrences(const C* text, Py_ssize_t n, const C* needle, Py_ssize_t m, Py_ssize_t most) {
    while (m > 0 && count < most && count < kKnown) {
      Py_ssize_t at = search::find(text, n, needle, m);
      if (at < 0) return;
      known[count++] = at;
      text += at + m;
      n -= at + m;
    }
    count += search::count(text, n, needle, m, most - count);
  }
};

// All three strings in characters of one width; the result has the class `max`.
template <class C>
Ref<> replace_in(PyObject* self, const StrView& text, const StrView& old, const StrView& with, Py_ssize_t most, U4 max) {
  Widened<C> source(text), needle(old), insert(with);
  if (!source.data() || !needle.data() || !insert.data()) return failure;
  Occurrences<C> occurrences(source.data(), text.length, needle.data(), old.length, most);
  Py_ssize_t hits = occurrences.count;
  if (hits == 0) return exact_str(self);
  Py_ssize_t delta = with.length - old.length;
  if (delta > 0 && delta > (PY_SSIZE_T_MAX - text.length) / hits) {
    return raise(PyExc_OverflowError, "replace string is too long");
  }
  Py_ssize_t length = text.length + delta * hits;
  if (length == 0) return empty_str();
  Ref<> result = TRY(new_str(length, max));
  // `max` demands at least this width, since `with` may be wider than the text.
  C* to = static_cast<C*>(PyUnicode_DATA(result.get()));
  const C* from = source.data();
  Py_ssize_t left = text.length;
  auto put = [&](const C* characters, Py_ssize_t n) {
    std::memcpy(to, characters, static_cast<size_t>(n) * sizeof(C));
    to += n;
  };
  if (old.length == 0) {
    for (Py_ssize_t i = 0; i < hits; ++i) {
      put(insert.data(), with.length);
      if (left == 0) break;
      *to++ = *from++;
      --left;
    }
  } else {
    for (Py_ssize_t i = 0; i < hits; ++i) {
      Py_ssize_t at = i < Occurrences<C>::kKnown ? occurrences.known[i] : search::find(from, left, needle.data(), old.length);
      put(from, at);
      put(insert.data(), with.length);
      from += at + old.length;
      left -= at + old.length;
    }
  }
  put(from, left);
  return canonical_result(std::move(result));
}

Ref<> replace(PyObject* self, PyObject* old, PyObject* with, Py_ssize_t most) {
  StrView text(self), needle(old), insert(with);
  if (most < 0) {
    most = PY_SSIZE_T_MAX;
  } else if (most == 0 || text.length == 0) {
    // An empty string has one place for an empty needle, but only for an unlimited count.
    if (most == 0 || needle.length || text.length) return exact_str(self);
  }
  if (str_equal(old, with) || needle.length > text.length || needle.kind > text.kind || (text.ascii && !needle.ascii)) {
    return exact_str(self);
  }
  if (needle.length == 1 && insert.length == 1) {
    // Only here can the widest character go away without any length changing.
    U4 from = needle[0], to = insert[0];
    Py_ssize_t at = find_in(text, needle, 0, text.length, Direction::forward);
    if (at < 0) return exact_str(self);
    U4 max = Py_MAX(text.max_class(), insert.max_class());
    Ref<> result = TRY(new_str(text.length, max));
    int kind = PyUnicode_KIND(result.get());
    void* data = PyUnicode_DATA(result.get());
    copy_characters(kind, data, 0, text, 0, text.length);
    dispatch(kind, [&]<class C>(C*) {
      replace_characters(static_cast<C*>(data) + at, text.length - at, static_cast<C>(from), static_cast<C>(to), most);
    });
    if (max == 127 || from < 128 || insert.max_class() == max) return canonical_result(std::move(result));
    return dispatch(kind, [&]<class C>(C*) -> Ref<> {
      if (max_class_of(static_cast<C*>(data), text.length) == max) return canonical_result(std::move(result));
      return str_from(static_cast<C*>(data), text.length);
    });
  }
  U4 max = Py_MAX(text.max_class(), insert.max_class());
  Ref<> result = dispatch(kind_of_class(max), [&]<class C>(C*) { return replace_in<C>(self, text, needle, insert, most, max); });
  if (!result || max == 127 || needle.ascii || insert.max_class() == max || result.get() == self) return result;
  // The replaced text may have held the only wide characters.
  StrView made(result.get());
  return dispatch(made.kind, [&]<class C>(C*) -> Ref<> {
    if (max_class_of(made.as<C>(), made.length) == made.max_class()) return std::move(result);
    return str_from(made.as<C>(), made.length);
  });
}

}  // namespace

Maybe<Py_ssize_t> str_find(PyObject* self, PyObject* sub, PyObject* start, PyObject* end) {
  return find_method(self, sub, start, end, Direction::forward);
}
Maybe<Py_ssize_t> str_rfind(PyObject* self, PyObject* sub, PyObject* start, PyObject* end) {
  return find_method(self, sub, start, end, Direction::backward);
}
Maybe<Py_ssize_t> str_index(PyObject* self, PyObject* sub, PyObject* start, PyObject* end) {
  return index_method(self, sub, start, end, Direction::forward);
}
Maybe<Py_ssize_t> str_rindex(PyObject* self, PyObject* sub, PyObject* start, PyObject* end) {
  return index_method(self, sub, start, end, Direction::backward);
}

Maybe<Py_ssize_t> str_count(PyObject* self, PyObject* sub, PyObject* start, PyObject* end) {
  Bounds bounds = TRY(read_bounds(start, end));
  TRY(require_str_argument(sub));
  TRY(ensure_ready(self));
  Py_ssize_t n = count_in(StrView(self), StrView(sub), bounds.start, bounds.end);
  if (n < 0) return failure;
  return n;
}

Maybe<bool> str_startswith(PyObject* self, PyObject* prefix, PyObject* start, PyObject* end) {
  return tail_method(self, prefix, start, end, Direction::forward, "startswith");
}
Maybe<bool> str_endswith(PyObject* self, PyObject* suffix, PyObject* start, PyObject* end) {
  return tail_method(self, suffix, start, end, Direction::backward, "endswith");
}

Ref<> str_removeprefix(PyObject* self, PyUnicodeObject* prefix) {
  TRY(ensure_ready(self));
  TRY(ensure_ready(as_object(prefix)));
  StrView text(self), part(as_object(prefix));
  if (!tail_match(text, part, 0, PY_SSIZE_T_MAX, Direction::forward)) return exact_str(self);
  return substring(self, part.length, text.length);
}

Ref<> str_removesuffix(PyObject* self, PyUnicodeObject* suffix) {
  TRY(ensure_ready(self));
  TRY(ensure_ready(as_object(suffix)));
  StrView text(self), part(as_object(suffix));
  if (!tail_match(text, part, 0, PY_SSIZE_T_MAX, Direction::backward)) return exact_str(self);
  return substring(self, 0, text.length - part.length);
}

Ref<> str_replace(PyObject* self, PyUnicodeObject* old, PyUnicodeObject* replacement, Py_ssize_t count) {
  TRY(ensure_ready(self));
  TRY(ensure_ready(as_object(old)));
  TRY(ensure_ready(as_object(replacement)));
  return replace(self, as_object(old), as_object(replacement), count);
}

}  // namespace gill

using namespace gill;

extern "C" {

int PyUnicode_Contains(PyObject* s, PyObject* sub) {
  if (!PyUnicode_Check(sub)) {
    PyErr_Format(PyExc_TypeError, "'in <string>' requires string as left operand, not %.100s", Py_TYPE(sub)->tp_name);
    return -1;
  }
  if (require_str_argument(s) != Status::ok || ensure_ready(sub) != Status::ok) return -1;
  Py_ssize_t at = find_in(StrView(s), StrView(sub), 0, PY_SSIZE_T_MAX, Direction::forward);
  return at == -2 ? -1 : at >= 0;
}

Py_ssize_t PyUnicode_Find(PyObject* s, PyObject* sub, Py_ssize_t start, Py_ssize_t end, int direction) {
  if (require_str_argument(s) != Status::ok || require_str_argument(sub) != Status::ok) return -2;
  return find_in(StrView(s), StrView(sub), start, end, direction > 0 ? Direction::forward : Direction::backward);
}

Py_ssize_t PyUnicode_FindChar(PyObject* s, Py_UCS4 c, Py_ssize_t start, Py_ssize_t end, int direction) {
  if (ensure_ready(s) != Status::ok) return -2;
  StrView text(s);
  search::clamp(start, end, text.length);
  if (end <= start || c > text.max_class()) return -1;
  return dispatch(text.kind, [&]<class C>(C*) -> Py_ssize_t {
    const C* from = text.as<C>() + start;
    Py_ssize_t at = direction > 0 ? search::find_character(from, end - start, static_cast<C>(c))
                                  : search::rfind_character(from, end - start, static_cast<C>(c));
    return at < 0 ? -1 : at + start;
  });
}

Py_ssize_t PyUnicode_Count(PyObject* s, PyObject* sub, Py_ssize_t start, Py_ssize_t end) {
  if (require_str_argument(s) != Status::ok || require_str_argument(sub) != Status::ok) return -1;
  return count_in(StrView(s), StrView(sub), start, end);
}

Py_ssize_t PyUnicode_Tailmatch(PyObject* s, PyObject* sub, Py_ssize_t start, Py_ssize_t end, int direction) {
  if (require_str_argument(s) != Status::ok || require_str_argument(sub) != Status::ok) return -1;
  return tail_match(StrView(s), StrView(sub), start, end, direction > 0 ? Direction::backward : Direction::forward);
}

PyObject* PyUnicode_Replace(PyObject* s, PyObject* old, PyObject* with, Py_ssize_t most) {
  if (require_str_argument(s) != Status::ok || require_str_argument(old) != Status::ok || require_str_argument(with) != Status::ok) {
    return nullptr;
  }
  return replace(s, old, with, most).release();
}

}  // extern "C"
