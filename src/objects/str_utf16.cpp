// UTF-16 and UTF-32, in either byte order, with or without a byte order mark.
#include <bit>

#include "objects/codecs.h"

namespace gill {
namespace {

template <class Unit>
Unit read_unit(const char* p, bool swap) {
  Unit unit;
  std::memcpy(&unit, p, sizeof unit);
  return swap ? std::byteswap(unit) : unit;
}

// Looks at the first unit when the order is open. Gives true for big-endian.
template <class Unit>
bool take_mark(const char* text, Py_ssize_t size, int* byteorder, Py_ssize_t& start) {
  int order = byteorder ? *byteorder : 0;
  start = 0;
  if (order == 0 && size >= static_cast<Py_ssize_t>(sizeof(Unit))) {
    Unit mark = read_unit<Unit>(text, false);
    if (mark == 0xfeff) order = -1;
    else if (mark == std::byteswap(Unit{0xfeff})) order = 1;
    if (order != 0) start = sizeof(Unit);
    if (byteorder) *byteorder = order;
  }
  return order > 0;
}

// Whether no unit of UTF-16 is a surrogate; `bits` gets all bits that are set in one of them.
bool without_surrogates(const char* text, Py_ssize_t units, bool big, U4& bits) {
  bits = 0;
  for (Py_ssize_t i = 0; i < units; ++i) {
    U4 c = read_unit<U2>(text + 2 * i, big);
    if (is_surrogate(c)) return false;
    bits |= c;
  }
  return true;
}

Ref<> decode16(const char* text, Py_ssize_t size, const char* errors, int* byteorder, Py_ssize_t* consumed) {
  Py_ssize_t at;
  bool big = take_mark<U2>(text, size, byteorder, at);
  Py_ssize_t units = (size - at) / 2;
  U4 bits;
  if (units > 1 && (size - at) % 2 == 0 && without_surrogates(text + at, units, big, bits)) {
    U4 max = max_class_of(&bits, 1);
    Ref<> result = TRY(new_str(units, max));
    dispatch(kind_of_class(max), [&]<class C>(C*) {
      C* to = static_cast<C*>(PyUnicode_DATA(result.get()));
      for (Py_ssize_t i = 0; i < units; ++i) to[i] = static_cast<C>(read_unit<U2>(text + at + 2 * i, big));
    });
    if (consumed) *consumed = size;
    return result;
  }
  DecodeErrors trouble(errors, big ? "utf-16-be" : "utf-16-le", text, size);
  StrWriter out(units);
  while (at < trouble.size()) {
    const char* p = trouble.data() + at;
    Py_ssize_t left = trouble.size() - at;
    const char* reason = nullptr;
    Py_ssize_t end = at + 2;
    if (left < 2) {
      if (consumed) break;
      reason = "truncated data";
      end = trouble.size();
    } else {
      U4 c = read_unit<U2>(p, big);
      if (!is_surrogate(c)) {
        TRY(out.put(c));
        at += 2;
        continue;
      }
      if (c >= 0xdc00) {
        reason = "illegal encoding";
      } else if (left < 4) {
        if (consumed) break;
        reason = "unexpected end of data";
        end = trouble.size();
      } else {
        U4 low = read_unit<U2>(p + 2, big);
        if (low >= 0xdc00 && low <= 0xdfff) {
          TRY(out.put(0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00)));
          at += 4;
          continue;
        }
        reason = "illegal UTF-16 surrogate";
      }
    }
    at = TRY(trouble.handle(at, end, reason, out));
  }
  if (consumed) *consumed = at;
  return out.finish();
}

Ref<> decode32(const char* text, Py_ssize_t size, const char* errors, int* byteorder, Py_ssize_t* consumed) {
  Py_ssize_t at;
  bool big = take_mark<U4>(text, size, byteorder, at);
  DecodeErrors trouble(errors, big ? "utf-32-be" : "utf-32-le", text, size);
  StrWriter out((size - at) / 4);
  while (at < trouble.size()) {
    const char* reason = nullptr;
    Py_ssize_t end = at + 4;
    if (trouble.size() - at < 4) {
      if (consumed) break;
      reason = "truncated data";
      end = trouble.size();
    } else {
      U4 c = read_unit<U4>(trouble.data() + at, big);
      if (c > 0x10ffff) {
        reason = "code point not in range(0x110000)";
      } else if (is_surrogate(c)) {
        reason = "code point in surrogate code point range(0xd800, 0xe000)";
      } else {
        TRY(out.put(c));
        at += 4;
        continue;
      }
    }
    at = TRY(trouble.handle(at, end, reason, out));
  }
  if (consumed) *consumed = at;
  return out.finish();
}

template <class Unit>
void put_unit(char*& to, U4 c, bool big) {
  Unit unit = static_cast<Unit>(c);
  if (big) unit = std::byteswap(unit);
  std::memcpy(to, &unit, sizeof unit);
  to += sizeof unit;
}

// One unit, or two for what UTF-16 has no single one for.
template <class Unit>
void put_units(char*& to, U4 c, bool big) {
  if (sizeof(Unit) == 2 && c >= 0x10000) {
    put_unit<Unit>(to, 0xd7c0 + (c >> 10), big);
    put_unit<Unit>(to, 0xdc00 + (c & 0x3ff), big);
  } else {
    put_unit<Unit>(to, c, big);
  }
}

template <class Unit>
Status put_character(BytesBuilder& out, U4 c, bool big) {
  TRY(out.reserve(4));
  char* start = out.data() + out.size();
  char* to = start;
  put_units<Unit>(to, c, big);
  out.extend(to - start);
  return Status::ok;
}

// Writes the characters from i on until a surrogate; gives its index or the length.
template <class Unit, class C>
Py_ssize_t put_run(const C* text, Py_ssize_t i, Py_ssize_t length, bool big, char*& to) {
  for (; i < length && !is_surrogate(text[i]); ++i) put_units<Unit>(to, text[i], big);
  return i;
}

template <class Unit>
Ref<> encode_units(PyObject* s, const char* errors, int byteorder) {
  TRY(require_str(s));
  StrView view(s);
  bool wide = sizeof(Unit) == 4;
  bool big = byteorder > 0;
  EncodeErrors trouble(errors, byteorder == 0 ? (wide ? "utf-32" : "utf-16")
                               : big ? (wide ? "utf-32-be" : "utf-16-be") : (wide ? "utf-32-le" : "utf-16-le"));
  BytesBuilder out;
  if (view.length > PY_SSIZE_T_MAX / 4 - 1) {
    PyErr_NoMemory();
    return failure;
  }
  TRY(out.reserve((view.length + 1) * static_cast<Py_ssize_t>(sizeof(Unit))));
  if (byteorder == 0) TRY(put_character<Unit>(out, 0xfeff, false));
  static constexpr const char* kReason = "surrogates not allowed";
  for (Py_ssize_t i = 0; i < view.length;) {
    TRY(out.reserve((view.length - i) * (view.kind == 4 ? 4 : static_cast<Py_ssize_t>(sizeof(Unit)))));
    char* start = out.data() + out.size();
    char* to = start;
    i = dispatch(view.kind, [&]<class C>(C*) { return put_run<Unit>(view.as<C>(), i, view.length, big, to); });
    out.extend(to - start);
    if (i == view.length) break;
    Py_ssize_t next;
    Ref<> replacement = TRY(trouble.handle(s, i, i + 1, kReason, next));
    if (PyBytes_Check(replacement.get())) {
      if (PyBytes_GET_SIZE(replacement.get()) % static_cast<Py_ssize_t>(sizeof(Unit))) return trouble.fail(s, i, i + 1, kReason);
      TRY(out.put(std::string_view(PyBytes_AS_STRING(replacement.get()), static_cast<size_t>(PyBytes_GET_SIZE(replacement.get())))));
    } else {
      StrView r(replacement.get());
      if (!r.ascii) return trouble.fail(s, i, i + 1, kReason);
      for (Py_ssize_t k = 0; k < r.length; ++k) TRY(put_character<Unit>(out, r[k], big));
    }
    i = next;
  }
  return out.finish();
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyUnicode_DecodeUTF16(const char* text, Py_ssize_t size, const char* errors, int* byteorder) {
  return decode16(text, size, errors, byteorder, nullptr).release();
}
PyObject* PyUnicode_DecodeUTF16Stateful(const char* text, Py_ssize_t size, const char* errors, int* byteorder, Py_ssize_t* consumed) {
  return decode16(text, size, errors, byteorder, consumed).release();
}
PyObject* PyUnicode_DecodeUTF32(const char* text, Py_ssize_t size, const char* errors, int* byteorder) {
  return decode32(text, size, errors, byteorder, nullptr).release();
}
PyObject* PyUnicode_DecodeUTF32Stateful(const char* text, Py_ssize_t size, const char* errors, int* byteorder, Py_ssize_t* consumed) {
  return decode32(text, size, errors, byteorder, consumed).release();
}
PyObject* _PyUnicode_EncodeUTF16(PyObject* s, const char* errors, int byteorder) { return encode_units<U2>(s, errors, byteorder).release(); }
PyObject* PyUnicode_AsUTF16String(PyObject* s) { return encode_units<U2>(s, nullptr, 0).release(); }
PyObject* _PyUnicode_EncodeUTF32(PyObject* s, const char* errors, int byteorder) { return encode_units<U4>(s, errors, byteorder).release(); }
PyObject* PyUnicode_AsUTF32String(PyObject* s) { return encode_units<U4>(s, nullptr, 0).release(); }

}  // extern "C"
