// The charmap codec: one byte a character, through a table or a mapping.
#include "base/binding.h"
#include "objects/codecs.h"

namespace gill {
namespace {

constexpr U4 kUndefined = 0xfffe;

// The inverse of a 256-character decoding table: an open hash from characters to bytes.
struct EncodingMap {
  PyObject_HEAD
  struct Entry {
    U4 character;
    uint16_t byte_plus_one;  // 0 marks an empty entry
  } entries[1024];
};

inline unsigned hash_of(U4 c) { return (c * 2654435761u) >> 22; }

int find_byte(const EncodingMap* map, U4 c) {
  for (unsigned i = hash_of(c);; ++i) {
    const EncodingMap::Entry& entry = map->entries[i & 1023];
    if (!entry.byte_plus_one) return -1;
    if (entry.character == c) return entry.byte_plus_one - 1;
  }
}

Maybe<Py_ssize_t> encoding_map_size(EncodingMap*) { return Py_ssize_t{sizeof(EncodingMap)}; }

const PyMethodDef kEncodingMapMethods[] = {
    METHOD("size($self, /)", encoding_map_size, "Return the size (in bytes) of this object."),
    kEndOfMethods,
};

PyTypeObject encoding_map_type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "EncodingMap",
    .tp_basicsize = sizeof(EncodingMap),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = table(kEncodingMapMethods),
    .tp_free = PyObject_Free,
};
GILL_STATIC_TYPE(encoding_map_type);

// ---- decoding -----------------------------------------------------------------------------------------

// What a mapping makes of one byte: writes it, or says that it is undefined.
Maybe<bool> map_byte(PyObject* mapping, unsigned char byte, StrWriter& out) {
  Ref<> key = TRY(steal(PyLong_FromLong(byte)));
  Ref<> value = steal(PyObject_GetItem(mapping, key.get()));
  if (!value) {
    if (!PyErr_ExceptionMatches(PyExc_LookupError)) return failure;
    PyErr_Clear();
    return false;
  }
  if (value.get() == Py_None) return false;
  if (PyLong_Check(value.get())) {
    long c = PyLong_AsLong(value.get());
    if (c == -1 && PyErr_Occurred()) PyErr_Clear();
    if (c == static_cast<long>(kUndefined)) return false;
    if (c < 0 || c > 0x10ffff) {
      return raise(PyExc_TypeError, "character mapping must be in range(0x%x)", 0x110000);
    }
    TRY(out.put(static_cast<U4>(c)));
    return true;
  }
  if (PyUnicode_Check(value.get())) {
    TRY(ensure_ready(value.get()));
    if (PyUnicode_GET_LENGTH(value.get()) == 1 && PyUnicode_READ_CHAR(value.get(), 0) == kUndefined) return false;
    TRY(out.put(value.get()));
    return true;
  }
  return raise(PyExc_TypeError, "character mapping must return integer, None or str");
}

Ref<> decode(const char* text, Py_ssize_t size, PyObject* mapping, const char* errors) {
  if (!mapping) return str_from(reinterpret_cast<const U1*>(text), size);
  if (size == 0) return empty_str();
  DecodeErrors trouble(errors, "charmap", text, size);
  StrWriter out(size);
  bool by_table = PyUnicode_CheckExact(mapping);
  if (by_table) TRY(ensure_ready(mapping));
  StrView characters = by_table ? StrView(mapping) : StrView();
  for (Py_ssize_t i = 0; i < trouble.size();) {
    auto byte = static_cast<unsigned char>(trouble.data()[i]);
    bool found;
    if (by_table) {
      U4 c = byte < characters.length ? characters[byte] : kUndefined;
      found = c != kUndefined;
      if (found) TRY(out.put(c));
    } else {
      found = TRY(map_byte(mapping, byte, out));
    }
    if (found) ++i;
    else i = TRY(trouble.handle(i, i + 1, "character maps to <undefined>", out));
  }
  return out.finish();
}

// ---- encoding -----------------------------------------------------------------------------------------

// Writes what the mapping makes of a character; false when it is undefined.
Maybe<bool> map_character(PyObject* mapping, U4 c, BytesBuilder& out) {
  if (Py_IS_TYPE(mapping, &encoding_map_type)) {
    int byte = find_byte(reinterpret_cast<EncodingMap*>(mapping), c);
    if (byte < 0) return false;
    TRY(out.put(static_cast<char>(byte)));
    return true;
  }
  Ref<> key = TRY(steal(PyLong_FromLong(static_cast<long>(c))));
  Ref<> value = steal(PyObject_GetItem(mapping, key.get()));
  if (!value) {
    if (!PyErr_ExceptionMatches(PyExc_LookupError)) return failure;
    PyErr_Clear();
    return false;
  }
  if (value.get() == Py_None) return false;
  if (PyLong_Check(value.get())) {
    long byte = PyLong_AsLong(value.get());
    if (byte == -1 && PyErr_Occurred()) PyErr_Clear();
    if (byte < 0 || byte > 255) return raise(PyExc_TypeError, "character mapping must be in range(256)");
    TRY(out.put(static_cast<char>(byte)));
    return true;
  }
  if (PyBytes_Check(value.get())) {
    TRY(out.put(std::string_view(PyBytes_AS_STRING(value.get()), static_cast<size_t>(PyBytes_GET_SIZE(value.get())))));
    return true;
  }
  return raise(PyExc_TypeError, "character mapping must return integer, bytes or None, not %.400s", Py_TYPE(value.get())->tp_name);
}

Maybe<bool> is_defined(PyObject* mapping, U4 c) {
  BytesBuilder nowhere;
  return map_character(mapping, c, nowhere);
}

Ref<> encode(PyObject* s, PyObject* mapping, const char* errors) {
  TRY(require_str(s));
  if (!mapping) return steal(_PyUnicode_AsLatin1String(s, errors));
  StrView view(s);
  static constexpr const char* kReason = "character maps to <undefined>";
  EncodeErrors trouble(errors, "charmap");
  BytesBuilder out;
  TRY(out.reserve(view.length));
  for (Py_ssize_t i = 0; i < view.length;) {
    if (TRY(map_character(mapping, view[i], out))) {
      ++i;
      continue;
    }
    Py_ssize_t end = i + 1;
    while (end < view.length && !TRY(is_defined(mapping, view[end]))) ++end;
    // What replaces the characters goes through the mapping itself.
    auto put_mapped = [&](U4 c) -> Status {
      if (TRY(map_character(mapping, c, out))) return Status::ok;
      return trouble.fail(s, i, end, kReason);
    };
    if (trouble.policy() == ErrorPolicy::ignore) {
      i = end;
      continue;
    }
    if (trouble.policy() == ErrorPolicy::replace) {
      for (Py_ssize_t k = i; k < end; ++k) TRY(put_mapped('?'));
      i = end;
      continue;
    }
    Py_ssize_t next;
    Ref<> replacement = TRY(trouble.handle(s, i, end, kReason, next));
    if (PyBytes_Check(replacement.get())) {
      TRY(out.put(std::string_view(PyBytes_AS_STRING(replacement.get()), static_cast<size_t>(PyBytes_GET_SIZE(replacement.get())))));
    } else {
      StrView r(replacement.get());
      for (Py_ssize_t k = 0; k < r.length; ++k) TRY(put_mapped(r[k]));
    }
    i = next;
  }
  return out.finish();
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyUnicode_BuildEncodingMap(PyObject* string) {
  if (!PyUnicode_Check(string) || ensure_ready(string) != Status::ok || PyUnicode_GET_LENGTH(string) == 0) {
    PyErr_BadArgument();
    return nullptr;
  }
  StrView characters(string);
  auto* map = PyObject_New(EncodingMap, &encoding_map_type);
  if (!map) return nullptr;
  std::memset(map->entries, 0, sizeof map->entries);
  Py_ssize_t n = Py_MIN(characters.length, 256);
  for (Py_ssize_t i = 0; i < n; ++i) {
    U4 c = characters[i];
    if (c == kUndefined) continue;
    unsigned at = hash_of(c);
    while (map->entries[at & 1023].byte_plus_one && map->entries[at & 1023].character != c) ++at;
    map->entries[at & 1023] = {c, static_cast<uint16_t>(i + 1)};
  }
  return as_object(map);
}

PyObject* PyUnicode_DecodeCharmap(const char* text, Py_ssize_t size, PyObject* mapping, const char* errors) {
  return decode(text, size, mapping, errors).release();
}
PyObject* _PyUnicode_EncodeCharmap(PyObject* s, PyObject* mapping, const char* errors) { return encode(s, mapping, errors).release(); }
PyObject* PyUnicode_AsCharmapString(PyObject* s, PyObject* mapping) {
  if (!s || !mapping || !PyUnicode_Check(s)) {
    PyErr_BadArgument();
    return nullptr;
  }
  return encode(s, mapping, nullptr).release();
}

}  // extern "C"
