// str.format and format_map: replacement fields, and the iterators of the `_string` module over them.
#include "objects/format_spec.h"
#include "objects/replacement_field.h"
#include "objects/search.h"
#include "objects/str_methods.h"

namespace gill {

// ---- the parts of a format string ---------------------------------------------------------------------

Maybe<bool> next_markup(const StrView& text, Py_ssize_t& i, Py_ssize_t end, Markup& markup) {
  markup = Markup{};
  if (i >= end) return false;
  Py_ssize_t start = i;
  U4 c = 0;
  bool brace = false;
  while (i < end) {
    c = text[i++];
    if (c == '{' || c == '}') {
      brace = true;
      break;
    }
  }
  bool at_end = i >= end;
  Py_ssize_t literal_end = i;
  markup.literal_start = start;
  if (brace) {
    if (c == '}' && (at_end || text[i] != '}')) return raise(PyExc_ValueError, "Single '}' encountered in format string");
    if (at_end && c == '{') return raise(PyExc_ValueError, "Single '{' encountered in format string");
    if (text[i] == c) {
      // A doubled brace stands for itself: the literal ends with the first of the two.
      ++i;
      brace = false;
    } else {
      --literal_end;
    }
  }
  markup.literal_end = literal_end;
  if (!brace) return true;

  markup.has_field = true;
  markup.name_start = i;
  U4 stop = 0;
  bool found = false;
  while (i < end) {
    stop = text[i++];
    if (stop == '{') return raise(PyExc_ValueError, "unexpected '{' in field name");
    if (stop == '[') {
      while (i < end && text[i] != ']') ++i;
      continue;
    }
    if (stop == '}' || stop == ':' || stop == '!') {
      found = true;
      break;
    }
  }
  markup.name_end = found ? i - 1 : i - 1;
  if (!found || (stop != '}' && stop != ':' && stop != '!')) return raise(PyExc_ValueError, "expected '}' before end of string");
  markup.spec_start = markup.spec_end = i;
  if (stop == '}') return true;
  if (stop == '!') {
    if (i >= end) return raise(PyExc_ValueError, "end of string while looking for conversion specifier");
    markup.conversion = text[i++];
    if (i < end) {
      c = text[i++];
      if (c == '}') {
        markup.spec_start = markup.spec_end = i;
        return true;
      }
      if (c != ':') return raise(PyExc_ValueError, "expected ':' after conversion specifier");
    }
  }
  markup.spec_start = i;
  int depth = 1;
  while (i < end) {
    c = text[i++];
    if (c == '{') {
      markup.nested = true;
      ++depth;
    } else if (c == '}' && --depth == 0) {
      markup.spec_end = i - 1;
      return true;
    }
  }
  return raise(PyExc_ValueError, "unmatched '{' in format spec");
}

Maybe<Py_ssize_t> field_index(const StrView& text, Py_ssize_t start, Py_ssize_t end) {
  if (start == end) return Py_ssize_t{-1};
  Py_ssize_t value = 0;
  for (Py_ssize_t i = start; i < end; ++i) {
    int digit = text[i] < 128 ? (Py_ISDIGIT(text[i]) ? static_cast<int>(text[i] - '0') : -1) : Py_UNICODE_TODECIMAL(text[i]);
    if (digit < 0) return Py_ssize_t{-1};
    if (value > (PY_SSIZE_T_MAX - digit) / 10) return raise(PyExc_ValueError, "Too many decimal digits in format string");
    value = value * 10 + digit;
  }
  return value;
}

Py_ssize_t end_of_first(const StrView& text, Py_ssize_t start, Py_ssize_t end) {
  while (start < end && text[start] != '.' && text[start] != '[') ++start;
  return start;
}

Maybe<bool> next_accessor(const StrView& text, Py_ssize_t& i, Py_ssize_t end, Accessor& accessor) {
  accessor = Accessor{};
  if (i >= end) return false;
  U4 c = text[i++];
  if (c == '.') {
    accessor.is_attribute = true;
    accessor.start = i;
    while (i < end && text[i] != '.' && text[i] != '[') ++i;
    accessor.end = i;
  } else if (c == '[') {
    accessor.start = i;
    while (i < end && text[i] != ']') ++i;
    if (i >= end) return raise(PyExc_ValueError, "Missing ']' in format string");
    accessor.end = i++;
    accessor.index = TRY(field_index(text, accessor.start, accessor.end));
  } else {
    return raise(PyExc_ValueError, "Only '.' or '[' may follow ']' in format field specifier");
  }
  if (accessor.start == accessor.end) return raise(PyExc_ValueError, "Empty attribute in format string");
  return true;
}

namespace {

enum class Numbering { unknown, automatic, manual };

struct FormatCall {
  const PyObject* const* args;  // null for format_map
  Py_ssize_t count;
  PyObject* kwargs;
  Numbering numbering = Numbering::unknown;
  Py_ssize_t next_index = 0;

  Maybe<Py_ssize_t> number(bool empty, Py_ssize_t index) {
    Numbering wanted = empty ? Numbering::automatic : Numbering::manual;
    if (numbering == Numbering::unknown) numbering = wanted;
    if (numbering != wanted) {
      return raise(PyExc_ValueError, wanted == Numbering::automatic
                                         ? "cannot switch from manual field specification to automatic field numbering"
                                         : "cannot switch from automatic field numbering to manual field specification");
    }
    return empty ? next_index++ : index;
  }
};

Ref<> field_object(FormatCall& call, PyObject* string, const StrView& text, Py_ssize_t start, Py_ssize_t end) {
  Py_ssize_t i = end_of_first(text, start, end);
  Py_ssize_t index = TRY(field_index(text, start, i));
  bool empty = start == i;
  Ref<> object;
  if (empty || index >= 0) index = TRY(call.number(empty, index));
  if (index < 0) {
    Ref<> key = TRY(substring(string, start, i));
    if (!call.kwargs) {
      PyErr_SetObject(PyExc_KeyError, key.get());
      return failure;
    }
    object = TRY(steal(PyObject_GetItem(call.kwargs, key.get())));
  } else {
    if (!call.args) return raise(PyExc_ValueError, "Format string contains positional fields");
    if (index >= call.count) {
      return raise(PyExc_IndexError, "Replacement index %zd out of range for positional args tuple", index);
    }
    object = borrow(const_cast<PyObject*>(call.args[index]));
  }
  Accessor accessor;
  while (TRY(next_accessor(text, i, end, accessor))) {
    if (accessor.is_attribute || accessor.index < 0) {
      Ref<> key = TRY(substring(string, accessor.start, accessor.end));
      object = TRY(steal(accessor.is_attribute ? PyObject_GetAttr(object.get(), key.get()) : PyObject_GetItem(object.get(), key.get())));
    } else if (PySequence_Check(object.get())) {
      object = TRY(steal(PySequence_GetItem(object.get(), accessor.index)));
    } else {
      Ref<> key = TRY(steal(PyLong_FromSsize_t(accessor.index)));
      object = TRY(steal(PyObject_GetItem(object.get(), key.get())));
    }
  }
  return object;
}

Ref<> convert(PyObject* object, U4 conversion) {
  switch (conversion) {
    case 's': return steal(PyObject_Str(object));
    case 'r': return steal(PyObject_Repr(object));
    case 'a': return steal(PyObject_ASCII(object));
    default: break;
  }
  if (conversion > 32 && conversion < 127) {
    return raise(PyExc_ValueError, "Unknown conversion specifier %c", static_cast<int>(conversion));
  }
  return raise(PyExc_ValueError, "Unknown conversion specifier \\x%x", static_cast<unsigned>(conversion));
}

// Writes format(object, spec[start:end]); the commonest types without going through their methods.
Status render(PyObject* object, PyObject* spec, Py_ssize_t start, Py_ssize_t end, _PyUnicodeWriter* out) {
  if (PyUnicode_CheckExact(object)) return status_of(_PyUnicode_FormatAdvancedWriter(out, object, spec, start, end));
  if (PyLong_CheckExact(object)) return status_of(_PyLong_FormatAdvancedWriter(out, object, spec, start, end));
  if (PyFloat_CheckExact(object)) return status_of(_PyFloat_FormatAdvancedWriter(out, object, spec, start, end));
  Ref<> part = TRY(substring(spec, start, end));
  Ref<> text = TRY(steal(PyObject_Format(object, part.get())));
  return status_of(_PyUnicodeWriter_WriteStr(out, text.get()));
}

Status build(FormatCall& call, PyObject* string, Py_ssize_t start, Py_ssize_t end, int depth, _PyUnicodeWriter* out);

Status replace_field(FormatCall& call, PyObject* string, const StrView& text, const Markup& markup, int depth, _PyUnicodeWriter* out) {
  Ref<> object = TRY(field_object(call, string, text, markup.name_start, markup.name_end));
  if (markup.conversion) object = TRY(convert(object.get(), markup.conversion));
  if (!markup.nested) return render(object.get(), string, markup.spec_start, markup.spec_end, out);
  StrWriter inner;
  TRY(build(call, string, markup.spec_start, markup.spec_end, depth - 1, inner.raw()));
  Ref<> spec = TRY(inner.finish());
  return render(object.get(), spec.get(), 0, PyUnicode_GET_LENGTH(spec.get()), out);
}

Status build(FormatCall& call, PyObject* string, Py_ssize_t start, Py_ssize_t end, int depth, _PyUnicodeWriter* out) {
  if (depth < 0) return raise(PyExc_ValueError, "Max string recursion exceeded");
  StrView text(string);
  Markup markup;
  Py_ssize_t i = start;
  while (TRY(next_markup(text, i, end, markup))) {
    if (markup.literal_end > markup.literal_start) {
      if (!markup.has_field && i >= end) out->overallocate = 0;
      TRY(status_of(_PyUnicodeWriter_WriteSubstring(out, string, markup.literal_start, markup.literal_end)));
    }
    if (!markup.has_field) continue;
    if (i >= end && depth == 1) out->overallocate = 0;
    TRY(replace_field(call, string, text, markup, depth, out));
  }
  return Status::ok;
}

Ref<> do_format(PyObject* self, FormatCall call) {
  TRY(ensure_ready(self));
  StrWriter out(PyUnicode_GET_LENGTH(self) + 100);
  TRY(build(call, self, 0, PyUnicode_GET_LENGTH(self), 1, out.raw()));
  return out.finish();
}

}  // namespace

Ref<> str_format(PyObject* self, Args args, Kwargs kwargs) {
  static constexpr PyObject* const kNone[1] = {nullptr};
  return do_format(self, FormatCall{args.items ? args.items : kNone, args.count, kwargs.dict});
}

Ref<> str_format_map(PyObject* self, PyObject* mapping) { return do_format(self, FormatCall{nullptr, 0, mapping}); }

Ref<> str_dunder_format(PyObject* self, PyUnicodeObject* format_spec) {
  PyObject* spec = as_object(format_spec);
  TRY(ensure_ready(self));
  TRY(ensure_ready(spec));
  if (PyUnicode_GET_LENGTH(spec) == 0) {
    if (PyUnicode_CheckExact(self)) return borrow(self);
    return steal(PyObject_Str(self));
  }
  _PyUnicodeWriter out;
  _PyUnicodeWriter_Init(&out);
  if (_PyUnicode_FormatAdvancedWriter(&out, self, spec, 0, PyUnicode_GET_LENGTH(spec)) < 0) {
    _PyUnicodeWriter_Dealloc(&out);
    return failure;
  }
  return steal(_PyUnicodeWriter_Finish(&out));
}

}  // namespace gill
