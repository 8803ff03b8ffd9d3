// `%` formatting of bytes and bytearray, the escapes of bytes literals, and the published bytes writer.
#include "objects/byte_methods.h"
#include "objects/codecs.h"
#include "objects/percent.h"

namespace gill {
namespace {

// What %b and %s insert: a buffer's contents, or what __bytes__ gives.
Status put_bytes(BytesBuilder& out, PyObject* value, const PercentSpec& spec) {
  auto put = [&](Bytes text) -> Status {
    if (spec.precision >= 0) text = text.substr(0, static_cast<size_t>(spec.precision));
    Py_ssize_t padding = spec.width - static_cast<Py_ssize_t>(text.size());
    if (!spec.left) TRY(out.fill(' ', padding));
    TRY(out.put(text));
    if (spec.left) TRY(out.fill(' ', padding));
    return Status::ok;
  };
  if (PyBytes_Check(value) || PyByteArray_Check(value)) return put(contents(value));
  if (PyObject* function = _PyType_Lookup(Py_TYPE(value), name<"__bytes__">)) {
    Ref<> kept = borrow(function);
    Ref<> result = TRY(steal(PyObject_CallOneArg(kept.get(), value)));
    if (!PyBytes_Check(result.get())) {
      return raise(PyExc_TypeError, "__bytes__ returned non-bytes (type %.200s)", Py_TYPE(result.get())->tp_name);
    }
    return put(contents(result.get()));
  }
  if (PyObject_CheckBuffer(value)) {
    Ref<> copy = TRY(steal(PyBytes_FromObject(value)));
    return put(contents(copy.get()));
  }
  return raise(PyExc_TypeError, "%%b requires a bytes-like object, or an object that implements __bytes__, not '%.100s'",
               Py_TYPE(value)->tp_name);
}

Maybe<char> one_byte(PyObject* value) {
  static constexpr const char* kMessage = "%c requires an integer in range(256) or a single byte";
  if (PyBytes_Check(value) && PyBytes_GET_SIZE(value) == 1) return PyBytes_AS_STRING(value)[0];
  if (PyByteArray_Check(value) && PyByteArray_GET_SIZE(value) == 1) return PyByteArray_AS_STRING(value)[0];
  if (!PyBytes_Check(value) && !PyByteArray_Check(value)) {
    Ref<> number = steal(PyNumber_Index(value));
    if (!number && !PyErr_ExceptionMatches(PyExc_TypeError)) return failure;
    if (number) {
      int overflow;
      long c = PyLong_AsLongAndOverflow(number.get(), &overflow);
      if (c == -1 && PyErr_Occurred()) return failure;
      if (overflow || c < 0 || c > 255) return raise(PyExc_OverflowError, "%c arg not in range(256)");
      return static_cast<char>(c);
    }
    PyErr_Clear();
  }
  PyErr_SetString(PyExc_TypeError, kMessage);
  return failure;
}

Status put_conversion(BytesBuilder& out, const PercentSpec& spec, PyObject* value) {
  switch (spec.code) {
    case 'b':
    case 's': return put_bytes(out, value, spec);
    case 'r':
    case 'a': {
      Ref<> text = TRY(steal(PyObject_ASCII(value)));
      Bytes ascii(static_cast<const char*>(PyUnicode_DATA(text.get())), static_cast<size_t>(PyUnicode_GET_LENGTH(text.get())));
      if (spec.precision >= 0) ascii = ascii.substr(0, static_cast<size_t>(spec.precision));
      Py_ssize_t padding = spec.width - static_cast<Py_ssize_t>(ascii.size());
      if (!spec.left) TRY(out.fill(' ', padding));
      TRY(out.put(ascii));
      if (spec.left) TRY(out.fill(' ', padding));
      return Status::ok;
    }
    case 'c': {
      char c = TRY(one_byte(value));
      if (!spec.left) TRY(out.fill(' ', spec.width - 1));
      TRY(out.put(c));
      if (spec.left) TRY(out.fill(' ', spec.width - 1));
      return Status::ok;
    }
    default: break;
  }
  if (!is_percent_integer(spec.code) && !is_percent_float(spec.code)) {
    // compat: a byte that is no ASCII character leaves the error without a text, unless a width or a precision comes before it.
    if (spec.code >= 0x80 && spec.width < 0 && spec.precision < 0) {
      PyErr_SetNone(PyExc_ValueError);
      return Status::error;
    }
    return raise(PyExc_ValueError, "unsupported format character '%c' (0x%x) at index %zd", static_cast<int>(spec.code),
                 static_cast<int>(spec.code), spec.position);
  }
  Ref<> number = percent_number(value, spec);
  if (!number) {
    if (is_percent_float(spec.code) && PyErr_ExceptionMatches(PyExc_TypeError)) {
      return raise(PyExc_TypeError, "float argument required, not %.200s", Py_TYPE(value)->tp_name);
    }
    return failure;
  }
  StrView view(number.get());
  PercentLayout layout = percent_layout({view.as<char>(), static_cast<size_t>(view.length)}, spec);
  TRY(out.fill(' ', layout.spaces_before));
  if (layout.sign) TRY(out.put(layout.sign));
  TRY(out.put(layout.prefix));
  TRY(out.fill('0', layout.zeros));
  TRY(out.put(layout.digits));
  return out.fill(' ', layout.spaces_after);
}

Status format_bytes(BytesBuilder& out, Bytes format, PyObject* operand) {
  PercentArguments args(operand, !PyUnicode_Check(operand) && !PyBytes_Check(operand) && !PyByteArray_Check(operand));
  auto n = static_cast<Py_ssize_t>(format.size());
  for (Py_ssize_t i = 0; i < n;) {
    size_t hit = format.find('%', static_cast<size_t>(i));
    size_t end = hit == Bytes::npos ? format.size() : hit;
    TRY(out.put(format.substr(static_cast<size_t>(i), end - static_cast<size_t>(i))));
    if (hit == Bytes::npos) break;
    i = static_cast<Py_ssize_t>(hit) + 1;
    PercentSpec spec;
    spec.takes_z = true;
    TRY(read_percent_spec([&](Py_ssize_t k) { return static_cast<U4>(static_cast<unsigned char>(format[static_cast<size_t>(k)])); }, i,
                          n, args, spec, [&](Py_ssize_t start, Py_ssize_t stop) {
                            return bytes_from(format.substr(static_cast<size_t>(start), static_cast<size_t>(stop - start)));
                          }));
    if (spec.code == '%' && spec.position == static_cast<Py_ssize_t>(hit) + 1) {
      TRY(out.put('%'));
      continue;
    }
    PyObject* value = TRY(args.next());
    if (spec.code == 'i') spec.code = 'd';  // compat: messages about bytes name %d.
    TRY(put_conversion(out, spec, value));
  }
  if (!args.all_used()) return raise(PyExc_TypeError, "not all arguments converted during bytes formatting");
  return Status::ok;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The value of a bytes literal's text. The first escape that means nothing is reported.
Ref<> decode_escape(Bytes text, const char* errors, int* first_char, const char** first_place) {
  BytesBuilder out;
  TRY(out.reserve(static_cast<Py_ssize_t>(text.size())));
  *first_char = -1;
  *first_place = nullptr;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      size_t next = text.find('\\', i);
      if (next == Bytes::npos) next = text.size();
      TRY(out.put(text.substr(i, next - i)));
      i = next;
      continue;
    }
    if (++i == text.size()) return raise(PyExc_ValueError, "Trailing \\ in string");
    char c = text[i++];
    switch (c) {
      case '\n': break;
      case '\\':
      case '\'':
      case '"': TRY(out.put(c)); break;
      case 'b': TRY(out.put('\b')); break;
      case 'f': TRY(out.put('\f')); break;
      case 't': TRY(out.put('\t')); break;
      case 'n': TRY(out.put('\n')); break;
      case 'r': TRY(out.put('\r')); break;
      case 'v': TRY(out.put('\v')); break;
      case 'a': TRY(out.put('\a')); break;
      case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': {
        int value = c - '0';
        const char* start = text.data() + i - 1;
        for (int k = 0; k < 2 && i < text.size() && text[i] >= '0' && text[i] <= '7'; ++k) value = value * 8 + (text[i++] - '0');
        if (value > 0xff && !*first_place) {
          *first_char = value;
          *first_place = start;
        }
        TRY(out.put(static_cast<char>(value)));
        break;
      }
      case 'x': {
        int high = i < text.size() ? hex_digit(text[i]) : -1;
        int low = high >= 0 && i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
        if (low >= 0) {
          TRY(out.put(static_cast<char>(high << 4 | low)));
          i += 2;
          break;
        }
        if (high >= 0) ++i;
        if (!errors || std::strcmp(errors, "strict") == 0) {
          return raise(PyExc_ValueError, "invalid \\x escape at position %zd", static_cast<Py_ssize_t>(i) - 2 - (high >= 0));
        }
        if (std::strcmp(errors, "replace") == 0) {
          TRY(out.put('?'));
        } else if (std::strcmp(errors, "ignore") != 0) {
          return raise(PyExc_ValueError, "decoding error; unknown error handling code: %.400s", errors);
        }
        break;
      }
      default:
        if (!*first_place) {
          *first_char = static_cast<unsigned char>(c);
          *first_place = text.data() + i - 1;
        }
        TRY(out.put('\\'));
        TRY(out.put(c));
        break;
    }
  }
  return out.finish();
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* _PyBytes_FormatEx(const char* format, Py_ssize_t size, PyObject* args, int use_bytearray) {
  if (!format || !args) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  BytesBuilder out;
  if (format_bytes(out, {format, static_cast<size_t>(size)}, args) != Status::ok) return nullptr;
  if (use_bytearray) return PyByteArray_FromStringAndSize(out.data(), out.size());
  return out.finish().release();
}

PyObject* _PyBytes_DecodeEscape2(const char* text, Py_ssize_t size, const char* errors, int* first_char, const char** first_place) {
  return decode_escape({text, static_cast<size_t>(size)}, errors, first_char, first_place).release();
}

PyObject* _PyBytes_DecodeEscape(const char* text, Py_ssize_t size, const char* errors, const char** first_place) {
  int first_char;
  return decode_escape({text, static_cast<size_t>(size)}, errors, &first_char, first_place).release();
}

PyObject* PyBytes_DecodeEscape(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t, const char*) {
  int first_char;
  const char* first_place;
  Ref<> result = decode_escape({text, static_cast<size_t>(size)}, errors, &first_char, &first_place);
  if (result && warn_invalid_escape(first_char) != Status::ok) return nullptr;
  return result.release();
}

// ---- the published writer -----------------------------------------------------------------------------

static char* writer_start(_PyBytesWriter* w) {
  if (w->use_small_buffer) return w->small_buffer;
  return w->use_bytearray ? PyByteArray_AS_STRING(w->buffer) : PyBytes_AS_STRING(w->buffer);
}

void _PyBytesWriter_Init(_PyBytesWriter* w) { std::memset(w, 0, offsetof(_PyBytesWriter, small_buffer)); }

void _PyBytesWriter_Dealloc(_PyBytesWriter* w) { clear_field(w->buffer); }

void* _PyBytesWriter_Resize(_PyBytesWriter* w, void* at, Py_ssize_t size) {
  Py_ssize_t allocated = size;
  if (w->overallocate && size <= PY_SSIZE_T_MAX - size / 4) allocated += size / 4;
  Py_ssize_t position = static_cast<char*>(at) - writer_start(w);
  if (!w->use_small_buffer) {
    int result = w->use_bytearray ? PyByteArray_Resize(w->buffer, allocated) : _PyBytes_Resize(&w->buffer, allocated);
    if (result < 0) {
      _PyBytesWriter_Dealloc(w);
      return nullptr;
    }
  } else {
    w->buffer = w->use_bytearray ? PyByteArray_FromStringAndSize(nullptr, allocated) : PyBytes_FromStringAndSize(nullptr, allocated);
    if (!w->buffer) return nullptr;
    char* to = w->use_bytearray ? PyByteArray_AS_STRING(w->buffer) : PyBytes_AS_STRING(w->buffer);
    std::memcpy(to, w->small_buffer, static_cast<size_t>(position));
    w->use_small_buffer = 0;
  }
  w->allocated = allocated;
  return writer_start(w) + position;
}

void* _PyBytesWriter_Prepare(_PyBytesWriter* w, void* at, Py_ssize_t size) {
  if (size == 0) return at;
  if (w->min_size > PY_SSIZE_T_MAX - size) {
    PyErr_NoMemory();
    _PyBytesWriter_Dealloc(w);
    return nullptr;
  }
  w->min_size += size;
  return w->min_size > w->allocated ? _PyBytesWriter_Resize(w, at, w->min_size) : at;
}

void* _PyBytesWriter_Alloc(_PyBytesWriter* w, Py_ssize_t size) {
  w->use_small_buffer = 1;
  w->allocated = sizeof w->small_buffer;
  return _PyBytesWriter_Prepare(w, w->small_buffer, size);
}

PyObject* _PyBytesWriter_Finish(_PyBytesWriter* w, void* at) {
  Py_ssize_t size = static_cast<char*>(at) - writer_start(w);
  if (size == 0 && !w->use_bytearray) {
    clear_field(w->buffer);
    return empty_bytes().release();
  }
  if (w->use_small_buffer) {
    return w->use_bytearray ? PyByteArray_FromStringAndSize(w->small_buffer, size) : PyBytes_FromStringAndSize(w->small_buffer, size);
  }
  PyObject* result = std::exchange(w->buffer, nullptr);
  if (size == w->allocated) return result;
  if (w->use_bytearray) {
    if (PyByteArray_Resize(result, size) == 0) return result;
    release(result);
    return nullptr;
  }
  return _PyBytes_Resize(&result, size) < 0 ? nullptr : result;
}

void* _PyBytesWriter_WriteBytes(_PyBytesWriter* w, void* at, const void* bytes, Py_ssize_t size) {
  auto* to = static_cast<char*>(_PyBytesWriter_Prepare(w, at, size));
  if (!to) return nullptr;
  std::memcpy(to, bytes, static_cast<size_t>(size));
  return to + size;
}

}  // extern "C"
