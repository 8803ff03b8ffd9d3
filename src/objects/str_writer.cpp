// Gradual construction of strings: the published _PyUnicodeWriter, and an accumulator of pieces.
#include "objects/str.h"

#include <charconv>

#define Py_BUILD_CORE 1
#include "internal/pycore_accu.h"
#undef Py_BUILD_CORE

namespace gill {
namespace {

// Takes over what the buffer says about itself.
void refresh(_PyUnicodeWriter* w) {
  w->maxchar = PyUnicode_MAX_CHAR_VALUE(w->buffer);
  w->data = PyUnicode_DATA(w->buffer);
  if (w->readonly) {
    // A kind that no character fits makes every write go through Prepare.
    w->kind = PyUnicode_WCHAR_KIND;
    w->size = 0;
  } else {
    w->kind = static_cast<PyUnicode_Kind>(PyUnicode_KIND(w->buffer));
    w->size = PyUnicode_GET_LENGTH(w->buffer);
  }
}

// The buffer is the InlineStr of a StrWriter. It can be left, but not resized or handed out.
bool is_inline(const _PyUnicodeWriter* w) { return w->buffer && !w->readonly && is_immortal(w->buffer); }

// A single piece is shared instead of copied.
bool may_share(const _PyUnicodeWriter* w) { return w->pos == 0 && !w->overallocate && (!w->buffer || is_inline(w)); }
int share(_PyUnicodeWriter* w, PyObject* s) {
  w->readonly = 1;
  w->buffer = s;
  w->pos = PyUnicode_GET_LENGTH(s);
  refresh(w);
  return 0;
}

template <class C>
int write_latin1(_PyUnicodeWriter* w, const C* text, Py_ssize_t n) {
  dispatch(w->kind, [&]<class To>(To*) { convert_characters(text, static_cast<To*>(w->data) + w->pos, n); });
  w->pos += n;
  return 0;
}

}  // namespace

void StrWriter::write_inline() {
  inline_.head = {.ob_base = {kImmortalCount, &PyUnicode_Type}, .length = InlineStr::kSize, .hash = -1, .state = {.kind = PyUnicode_1BYTE_KIND, .compact = 1, .ascii = 1, .ready = 1}, .wstr = nullptr};
  writer_.buffer = as_object(&inline_.head);
  refresh(&writer_);
}

Status StrWriter::put_decimal(int64_t value) {
  char digits[24];
  char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return put({digits, static_cast<size_t>(end - digits)});
}

}  // namespace gill

using namespace gill;

extern "C" {

void _PyUnicodeWriter_Init(_PyUnicodeWriter* w) {
  std::memset(w, 0, sizeof *w);
  w->min_char = 127;
  w->kind = PyUnicode_WCHAR_KIND;
}

int _PyUnicodeWriter_PrepareInternal(_PyUnicodeWriter* w, Py_ssize_t length, Py_UCS4 maxchar) {
  if (length > PY_SSIZE_T_MAX - w->pos) {
    PyErr_NoMemory();
    return -1;
  }
  Py_ssize_t needed = w->pos + length;
  maxchar = Py_MAX(maxchar, w->min_char);
  auto grown = [&](Py_ssize_t size) {
    Py_ssize_t extra = size / 4;
    return w->overallocate && size <= PY_SSIZE_T_MAX - extra ? size + extra : size;
  };
  if (!w->buffer) {
    Py_ssize_t size = Py_MAX(Py_MAX(grown(needed), w->min_length), 1);
    w->buffer = PyUnicode_New(size, maxchar);
    if (!w->buffer) return -1;
  } else if (needed > w->size || w->readonly) {
    Py_ssize_t size = Py_MAX(grown(needed), w->min_length);
    if (maxchar > w->maxchar || w->readonly || is_inline(w)) {
      PyObject* wider = PyUnicode_New(size, Py_MAX(maxchar, w->maxchar));
      if (!wider) return -1;
      copy_characters(PyUnicode_KIND(wider), PyUnicode_DATA(wider), 0, StrView(w->buffer), 0, w->pos);
      release(w->buffer);
      w->readonly = 0;
      w->buffer = wider;
    } else {
      PyObject* larger = resize_compact(steal(w->buffer), size).release();
      if (!larger) {
        w->buffer = nullptr;
        return -1;
      }
      w->buffer = larger;
    }
  } else if (maxchar > w->maxchar) {
    PyObject* wider = PyUnicode_New(w->size, maxchar);
    if (!wider) return -1;
    copy_characters(PyUnicode_KIND(wider), PyUnicode_DATA(wider), 0, StrView(w->buffer), 0, w->pos);
    release(w->buffer);
    w->buffer = wider;
  }
  refresh(w);
  return 0;
}

int _PyUnicodeWriter_PrepareKindInternal(_PyUnicodeWriter* w, enum PyUnicode_Kind kind) {
  Py_UCS4 max = kind == PyUnicode_1BYTE_KIND ? 0xff : kind == PyUnicode_2BYTE_KIND ? 0xffff : 0x10ffff;
  return _PyUnicodeWriter_PrepareInternal(w, 0, max);
}

int _PyUnicodeWriter_WriteChar(_PyUnicodeWriter* w, Py_UCS4 c) {
  if (_PyUnicodeWriter_Prepare(w, 1, c) < 0) return -1;
  PyUnicode_WRITE(w->kind, w->data, w->pos, c);
  ++w->pos;
  return 0;
}

int _PyUnicodeWriter_WriteStr(_PyUnicodeWriter* w, PyObject* s) {
  if (ensure_ready(s) != Status::ok) return -1;
  StrView view(s);
  if (view.length == 0) return 0;
  if (may_share(w)) return share(w, borrow(s).release());
  if (view.max_class() > w->maxchar || view.length > w->size - w->pos) {
    if (_PyUnicodeWriter_PrepareInternal(w, view.length, view.max_class()) < 0) return -1;
  }
  copy_characters(w->kind, w->data, w->pos, view, 0, view.length);
  w->pos += view.length;
  return 0;
}

int _PyUnicodeWriter_WriteSubstring(_PyUnicodeWriter* w, PyObject* s, Py_ssize_t start, Py_ssize_t end) {
  if (ensure_ready(s) != Status::ok) return -1;
  if (end <= start) return 0;
  StrView view(s);
  if (start == 0 && end == view.length) return _PyUnicodeWriter_WriteStr(w, s);
  U4 max = view.max_class() > w->maxchar ? _PyUnicode_FindMaxChar(s, start, end) : w->maxchar;
  if (_PyUnicodeWriter_Prepare(w, end - start, max) < 0) return -1;
  copy_characters(w->kind, w->data, w->pos, view, start, end - start);
  w->pos += end - start;
  return 0;
}

int _PyUnicodeWriter_WriteASCIIString(_PyUnicodeWriter* w, const char* text, Py_ssize_t n) {
  if (n == -1) n = static_cast<Py_ssize_t>(std::strlen(text));
  if (n == 0) return 0;
  if (may_share(w)) {
    PyObject* s = str_from_ascii(text, n).release();
    return s ? share(w, s) : -1;
  }
  if (_PyUnicodeWriter_Prepare(w, n, 127) < 0) return -1;
  return write_latin1(w, reinterpret_cast<const U1*>(text), n);
}

int _PyUnicodeWriter_WriteLatin1String(_PyUnicodeWriter* w, const char* text, Py_ssize_t n) {
  auto* latin1 = reinterpret_cast<const U1*>(text);
  if (_PyUnicodeWriter_Prepare(w, n, max_class_of(latin1, n)) < 0) return -1;
  return n ? write_latin1(w, latin1, n) : 0;
}

PyObject* _PyUnicodeWriter_Finish(_PyUnicodeWriter* w) {
  bool from_inline = is_inline(w);
  PyObject* s = w->buffer;
  w->buffer = nullptr;
  if (from_inline) return str_from_ascii(static_cast<const char*>(w->data), w->pos).release();
  if (w->pos == 0) {
    if (s) release(s);
    return empty_str().release();
  }
  if (w->readonly) return s;
  Ref<> result = steal(s);
  if (PyUnicode_GET_LENGTH(s) != w->pos) {
    result = resize_compact(std::move(result), w->pos);
  }
  return canonical_result(std::move(result)).release();
}

void _PyUnicodeWriter_Dealloc(_PyUnicodeWriter* w) {
  PyObject* s = w->buffer;
  w->buffer = nullptr;
  if (s) release(s);
}

// ---- accumulator: its two fields are published as lists, but nobody looks at them. The first is a writer here. -------

static _PyUnicodeWriter* writer_of(_PyAccu* acc) { return reinterpret_cast<_PyUnicodeWriter*>(acc->large); }

int _PyAccu_Init(_PyAccu* acc) {
  auto* writer = PyMem_New(_PyUnicodeWriter, 1);
  acc->large = reinterpret_cast<PyObject*>(writer);
  acc->small = nullptr;
  if (!writer) {
    PyErr_NoMemory();
    return -1;
  }
  _PyUnicodeWriter_Init(writer);
  writer->min_length = 100;  // most texts are short, and are made without growing
  writer->overallocate = 1;
  return 0;
}

int _PyAccu_Accumulate(_PyAccu* acc, PyObject* s) { return _PyUnicodeWriter_WriteStr(writer_of(acc), s); }

PyObject* _PyAccu_Finish(_PyAccu* acc) {
  PyObject* text = _PyUnicodeWriter_Finish(writer_of(acc));
  PyMem_Free(std::exchange(acc->large, nullptr));
  return text;
}

PyObject* _PyAccu_FinishAsList(_PyAccu* acc) {
  Ref<> text = steal(_PyAccu_Finish(acc));
  if (!text) return nullptr;
  PyObject* list = PyList_New(1);
  if (list) PyList_SET_ITEM(list, 0, text.release());
  return list;
}

void _PyAccu_Destroy(_PyAccu* acc) {
  if (!acc->large) return;
  _PyUnicodeWriter_Dealloc(writer_of(acc));
  PyMem_Free(std::exchange(acc->large, nullptr));
}

}  // extern "C"
