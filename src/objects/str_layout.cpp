// Padding, tabs, translation tables, and repr.
#include "objects/str_methods.h"

namespace gill {
namespace {

// The string with `left` and `right` fill characters around it.
Ref<> pad(PyObject* self, Py_ssize_t left, Py_ssize_t right, U4 fill) {
  left = Py_MAX(left, 0);
  right = Py_MAX(right, 0);
  if (left == 0 && right == 0) return exact_str(self);
  StrView text(self);
  if (left > PY_SSIZE_T_MAX - text.length || right > PY_SSIZE_T_MAX - (left + text.length)) {
    return raise(PyExc_OverflowError, "padded string is too long");
  }
  Ref<> result = TRY(new_str(left + text.length + right, Py_MAX(text.max_class(), fill)));
  if (left) _PyUnicode_FastFill(result.get(), 0, left, fill);
  if (right) _PyUnicode_FastFill(result.get(), left + text.length, right, fill);
  copy_characters(PyUnicode_KIND(result.get()), PyUnicode_DATA(result.get()), left, text, 0, text.length);
  return result;
}

Maybe<U4> fill_character(PyObject* fill) {
  if (!fill) return U4{' '};
  if (!PyUnicode_Check(fill)) {
    return raise(PyExc_TypeError, "The fill character must be a unicode character, not %.100s", Py_TYPE(fill)->tp_name);
  }
  TRY(ensure_ready(fill));
  if (PyUnicode_GET_LENGTH(fill) != 1) return raise(PyExc_TypeError, "The fill character must be exactly one character long");
  return PyUnicode_READ_CHAR(fill, 0);
}

// ---- translation --------------------------------------------------------------------------------------

// table[c]; null without an exception when the table has none.
Maybe<PyObject*> look_up(PyObject* table, U4 c) {
  Ref<> key = TRY(steal(PyLong_FromLong(static_cast<long>(c))));
  PyObject* value = PyObject_GetItem(table, key.get());
  if (!value && PyErr_ExceptionMatches(PyExc_LookupError)) {
    PyErr_Clear();
    return Maybe<PyObject*>(nullptr);
  }
  if (!value) return failure;
  return value;
}

// Writes what the table makes of one character.
Status translate_one(PyObject* table, U4 c, StrWriter& out, int* ascii_result) {
  Ref<> value = Ref<>::steal(TRY(look_up(table, c)));
  *ascii_result = -1;
  if (!value) {
    if (c < 128) *ascii_result = static_cast<int>(c);
    return out.put(c);
  }
  if (value.get() == Py_None) return Status::ok;
  if (PyLong_Check(value.get())) {
    long code = PyLong_AsLong(value.get());
    if (code < 0 || code > 0x10ffff) {
      PyErr_Clear();
      return raise(PyExc_ValueError, "character mapping must be in range(0x110000)");
    }
    if (code < 128) *ascii_result = static_cast<int>(code);
    return out.put(static_cast<U4>(code));
  }
  if (PyUnicode_Check(value.get())) {
    TRY(ensure_ready(value.get()));
    if (PyUnicode_GET_LENGTH(value.get()) == 1) {
      U4 code = PyUnicode_READ_CHAR(value.get(), 0);
      if (code < 128) *ascii_result = static_cast<int>(code);
      return out.put(code);
    }
    return out.put(value.get());
  }
  return raise(PyExc_TypeError, "character mapping must return integer, None or str");
}

// As far as ASCII characters become ASCII characters, without a writer; gives how far that was.
Py_ssize_t translate_known(const StrView& text, Py_ssize_t i, const signed char* known, StrWriter& out) {
  _PyUnicodeWriter* w = out.raw();
  if (w->kind != PyUnicode_1BYTE_KIND || text.kind != 1) return i;
  Py_ssize_t n = Py_MIN(text.length - i, w->size - w->pos);
  auto* from = text.as<unsigned char>() + i;
  auto* to = static_cast<unsigned char*>(w->data) + w->pos;
  Py_ssize_t k = 0;
  while (k < n && from[k] < 128 && known[from[k]] >= 0) {
    to[k] = static_cast<unsigned char>(known[from[k]]);
    ++k;
  }
  w->pos += k;
  return i + k;
}

Ref<> translate(PyObject* self, PyObject* table) {
  StrView text(self);
  if (text.length == 0) return exact_str(self);
  StrWriter out(text.length);
  // What the table says about an ASCII character is asked once.
  signed char known[128];
  std::memset(known, -1, sizeof known);
  for (Py_ssize_t i = 0; i < text.length; ++i) {
    i = translate_known(text, i, known, out);
    if (i == text.length) break;
    U4 c = text[i];
    if (c < 128 && known[c] >= 0) {
      TRY(out.put(static_cast<U4>(known[c])));
      continue;
    }
    int ascii;
    TRY(translate_one(table, c, out, &ascii));
    if (c < 128) known[c] = static_cast<signed char>(ascii);
  }
  return out.finish();
}

}  // namespace

Ref<> str_center(PyObject* self, Py_ssize_t width, PyObject* fill) {
  U4 c = TRY(fill_character(fill));
  TRY(ensure_ready(self));
  Py_ssize_t margin = width - PyUnicode_GET_LENGTH(self);
  if (width <= PyUnicode_GET_LENGTH(self)) return exact_str(self);
  Py_ssize_t left = margin / 2 + (margin & width & 1);
  return pad(self, left, margin - left, c);
}

Ref<> str_ljust(PyObject* self, Py_ssize_t width, PyObject* fill) {
  U4 c = TRY(fill_character(fill));
  TRY(ensure_ready(self));
  if (width <= PyUnicode_GET_LENGTH(self)) return exact_str(self);
  return pad(self, 0, width - PyUnicode_GET_LENGTH(self), c);
}

Ref<> str_rjust(PyObject* self, Py_ssize_t width, PyObject* fill) {
  U4 c = TRY(fill_character(fill));
  TRY(ensure_ready(self));
  if (width <= PyUnicode_GET_LENGTH(self)) return exact_str(self);
  return pad(self, width - PyUnicode_GET_LENGTH(self), 0, c);
}

Ref<> str_zfill(PyObject* self, Py_ssize_t width) {
  TRY(ensure_ready(self));
  if (width <= PyUnicode_GET_LENGTH(self)) return exact_str(self);
  Py_ssize_t fill = width - PyUnicode_GET_LENGTH(self);
  Ref<> result = TRY(pad(self, fill, 0, '0'));
  int kind = PyUnicode_KIND(result.get());
  void* data = PyUnicode_DATA(result.get());
  if (fill < width) {
    U4 sign = PyUnicode_READ(kind, data, fill);
    if (sign == '+' || sign == '-') {
      PyUnicode_WRITE(kind, data, 0, sign);
      PyUnicode_WRITE(kind, data, fill, '0');
    }
  }
  return result;
}

Ref<> str_expandtabs(PyObject* self, int tabsize) {
  TRY(ensure_ready(self));
  StrView text(self);
  Py_ssize_t column = 0, total = 0;
  bool found = false;
  auto tab_width = [&](Py_ssize_t at) -> Py_ssize_t { return tabsize > 0 ? tabsize - at % tabsize : 0; };
  for (Py_ssize_t i = 0; i < text.length; ++i) {
    U4 c = text[i];
    Py_ssize_t step = 1;
    if (c == '\t') {
      found = true;
      step = tab_width(column);
    }
    if (step > PY_SSIZE_T_MAX - total) return raise(PyExc_OverflowError, "new string is too long");
    total += step;
    column += step;
    if (c == '\n' || c == '\r') column = 0;
  }
  if (!found) return exact_str(self);
  Ref<> result = TRY(new_str(total, text.max_class()));
  if (total == 0) return result;
  dispatch(text.kind, [&]<class C>(C*) {
    const C* from = text.as<C>();
    C* to = static_cast<C*>(PyUnicode_DATA(result.get()));
    column = 0;
    for (Py_ssize_t i = 0; i < text.length; ++i) {
      C c = from[i];
      if (c == '\t') {
        Py_ssize_t step = tab_width(column);
        column += step;
        while (step-- > 0) *to++ = ' ';
        continue;
      }
      *to++ = c;
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
  });
  return canonical_result(std::move(result));
}

Ref<> str_translate(PyObject* self, PyObject* table) {
  TRY(ensure_ready(self));
  return translate(self, table);
}

Ref<> str_maketrans(PyObject*, PyObject* x, PyObject* y, PyObject* z) {
  Ref<> table = TRY(steal(PyDict_New()));
  if (y) {
    if (!PyUnicode_Check(y)) return raise(PyExc_TypeError, "maketrans() argument 2 must be str, not %.50s", y == Py_None ? "None" : Py_TYPE(y)->tp_name);
    if (z && !PyUnicode_Check(z)) return raise(PyExc_TypeError, "maketrans() argument 3 must be str, not %.50s", z == Py_None ? "None" : Py_TYPE(z)->tp_name);
    if (!PyUnicode_Check(x)) return raise(PyExc_TypeError, "first maketrans argument must be a string if there is a second argument");
    TRY(ensure_ready(x));
    TRY(ensure_ready(y));
    StrView from(x), to(y);
    if (from.length != to.length) {
      return raise(PyExc_ValueError, "the first two maketrans arguments must have equal length");
    }
    for (Py_ssize_t i = 0; i < from.length; ++i) {
      Ref<> key = TRY(steal(PyLong_FromLong(static_cast<long>(from[i]))));
      Ref<> value = TRY(steal(PyLong_FromLong(static_cast<long>(to[i]))));
      TRY(status_of(PyDict_SetItem(table.get(), key.get(), value.get())));
    }
    if (z) {
      TRY(ensure_ready(z));
      StrView gone(z);
      for (Py_ssize_t i = 0; i < gone.length; ++i) {
        Ref<> key = TRY(steal(PyLong_FromLong(static_cast<long>(gone[i]))));
        TRY(status_of(PyDict_SetItem(table.get(), key.get(), Py_None)));
      }
    }
    return table;
  }
  if (!PyDict_CheckExact(x)) {
    return raise(PyExc_TypeError, "if you give only one argument to maketrans it must be a dict");
  }
  Py_ssize_t position = 0;
  PyObject *key, *value;
  while (PyDict_Next(x, &position, &key, &value)) {
    if (PyUnicode_Check(key)) {
      TRY(ensure_ready(key));
      if (PyUnicode_GET_LENGTH(key) != 1) {
        return raise(PyExc_ValueError, "string keys in translate table must be of length 1");
      }
      Ref<> code = TRY(steal(PyLong_FromLong(static_cast<long>(PyUnicode_READ_CHAR(key, 0)))));
      TRY(status_of(PyDict_SetItem(table.get(), code.get(), value)));
    } else if (PyLong_Check(key)) {
      TRY(status_of(PyDict_SetItem(table.get(), key, value)));
    } else {
      return raise(PyExc_TypeError, "keys in translate table must be strings or integers");
    }
  }
  return table;
}

// ---- repr ---------------------------------------------------------------------------------------------

// Whether an ASCII text stands between single quotes as it is.
bool is_plain(const U1* text, Py_ssize_t n) {
  U1 special = 0;
  for (Py_ssize_t i = 0; i < n; ++i) special |= static_cast<U1>((text[i] < ' ') | (text[i] == 0x7f) | (text[i] == '\'') | (text[i] == '\\'));
  return !special;
}

Ref<> quoted(const StrView& text) {
  Ref<> result = TRY(new_str(text.length + 2, 127));
  char* to = static_cast<char*>(PyUnicode_DATA(result.get()));
  to[0] = to[text.length + 1] = '\'';
  std::memcpy(to + 1, text.data, static_cast<size_t>(text.length));
  return result;
}

Ref<> str_repr(PyObject* self) {
  TRY(ensure_ready(self));
  StrView text(self);
  if (text.ascii && text.length < PY_SSIZE_T_MAX - 2 && is_plain(text.as<U1>(), text.length)) return quoted(text);
  Py_ssize_t size = 2, single = 0, both = 0;
  U4 max = 127;
  bool changes = false;
  for (Py_ssize_t i = 0; i < text.length; ++i) {
    U4 c = text[i];
    Py_ssize_t step = 1;
    if (c == '\'') {
      ++single;
    } else if (c == '"') {
      ++both;
    } else if (c == '\\' || c == '\t' || c == '\r' || c == '\n') {
      step = 2;
    } else if (c < ' ' || c == 0x7f) {
      step = 4;
    } else if (c >= 0x7f) {
      if (_PyUnicode_IsPrintable(c)) max = Py_MAX(max, c);
      else step = c < 0x100 ? 4 : c < 0x10000 ? 6 : 10;
    }
    changes |= step != 1;
    if (step > PY_SSIZE_T_MAX - size) return raise(PyExc_OverflowError, "string is too long to generate repr");
    size += step;
  }
  U4 quote = '\'';
  if (single) {
    changes = true;
    if (both) size += single;
    else quote = '"';
  }
  Ref<> result = TRY(new_str(size, max));
  int kind = PyUnicode_KIND(result.get());
  void* data = PyUnicode_DATA(result.get());
  PyUnicode_WRITE(kind, data, 0, quote);
  PyUnicode_WRITE(kind, data, size - 1, quote);
  if (!changes) {
    copy_characters(kind, data, 1, text, 0, text.length);
    return result;
  }
  Py_ssize_t at = 1;
  auto put = [&](U4 c) { PyUnicode_WRITE(kind, data, at++, c); };
  auto hex = [&](U4 c, int digits) {
    while (digits-- > 0) put(static_cast<U4>("0123456789abcdef"[c >> (digits * 4) & 15]));
  };
  for (Py_ssize_t i = 0; i < text.length; ++i) {
    U4 c = text[i];
    if (c == quote || c == '\\') {
      put('\\');
      put(c);
    } else if (c == '\t' || c == '\r' || c == '\n') {
      put('\\');
      put(c == '\t' ? 't' : c == '\r' ? 'r' : 'n');
    } else if (c < 0x7f && c >= ' ') {
      put(c);
    } else if (c > 0x7f && _PyUnicode_IsPrintable(c)) {
      put(c);
    } else {
      put('\\');
      put(c < 0x100 ? 'x' : c < 0x10000 ? 'u' : 'U');
      hex(c, c < 0x100 ? 2 : c < 0x10000 ? 4 : 8);
    }
  }
  return result;
}

}  // namespace gill

using namespace gill;

extern "C" PyObject* PyUnicode_Translate(PyObject* s, PyObject* table, const char* errors) {
  (void)errors;  // A table without an entry leaves the character as it is, so that nothing can fail.
  if (require_str_argument(s) != Status::ok) return nullptr;
  return translate(s, table).release();
}
