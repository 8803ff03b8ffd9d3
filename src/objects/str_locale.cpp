// Text from and for the operating system: the file system's encoding and the C locale's.
#include <cerrno>
#include <cwchar>

#include "objects/codecs.h"

namespace gill {
namespace {

// What the file system's names are encoded in. Before configuration has said, it is UTF-8.
struct FileSystemCodec {
  const char* encoding;
  const char* errors;
};

FileSystemCodec file_system_codec() {
  _Py_COMP_DIAG_PUSH
  _Py_COMP_DIAG_IGNORE_DEPR_DECLS
  return {Py_FileSystemDefaultEncoding ? Py_FileSystemDefaultEncoding : "utf-8",
          Py_FileSystemDefaultEncodeErrors ? Py_FileSystemDefaultEncodeErrors : "surrogateescape"};
  _Py_COMP_DIAG_POP
}

// The handlers that locale conversions know.
Maybe<ErrorPolicy> locale_policy(const char* errors) {
  ErrorPolicy policy = error_policy(errors);
  if (policy == ErrorPolicy::strict || policy == ErrorPolicy::surrogateescape || policy == ErrorPolicy::surrogatepass) return policy;
  return raise(PyExc_ValueError, "unsupported error handler");
}

Ref<> decode_locale(const char* text, Py_ssize_t size, const char* errors) {
  ErrorPolicy policy = TRY(locale_policy(errors));
  if (text[size] != 0 || static_cast<size_t>(size) != std::strlen(text)) return raise(PyExc_ValueError, "embedded null byte");
  StrWriter out(size);
  mbstate_t state{};
  for (Py_ssize_t i = 0; i < size;) {
    wchar_t c;
    size_t n = std::mbrtowc(&c, text + i, static_cast<size_t>(size - i), &state);
    if (n == 0) break;
    bool wrong = n == static_cast<size_t>(-1) || n == static_cast<size_t>(-2);
    if (!wrong && (!is_surrogate(static_cast<U4>(c)) || policy == ErrorPolicy::surrogatepass)) {
      TRY(out.put(static_cast<U4>(c)));
      i += static_cast<Py_ssize_t>(n);
      continue;
    }
    state = mbstate_t{};
    if (policy != ErrorPolicy::surrogateescape) {
      const char* reason = n == static_cast<size_t>(-2) ? "incomplete multibyte sequence" : "Invalid or incomplete multibyte or wide character";
      Ref<> exception = TRY(steal(PyUnicodeDecodeError_Create("locale", text, size, i, i + 1, reason)));
      PyErr_SetObject(PyExc_UnicodeDecodeError, exception.get());
      return failure;
    }
    TRY(out.put(U4{0xdc00} + static_cast<unsigned char>(text[i])));
    ++i;
  }
  return out.finish();
}

Ref<> encode_locale(PyObject* s, const char* errors) {
  ErrorPolicy policy = TRY(locale_policy(errors));
  TRY(require_str(s));
  StrView view(s);
  BytesBuilder out;
  mbstate_t state{};
  for (Py_ssize_t i = 0; i < view.length; ++i) {
    U4 c = view[i];
    if (c == 0) return raise(PyExc_ValueError, "embedded null character");
    if (policy == ErrorPolicy::surrogateescape && c >= 0xdc80 && c <= 0xdcff) {
      TRY(out.put(static_cast<char>(c - 0xdc00)));
      continue;
    }
    TRY(out.reserve(16));
    size_t n = std::wcrtomb(out.data() + out.size(), static_cast<wchar_t>(c), &state);
    if (n == static_cast<size_t>(-1)) {
      EncodeErrors trouble(nullptr, "locale");
      return trouble.fail(s, i, i + 1, "Invalid or incomplete multibyte or wide character");
    }
    out.extend(static_cast<Py_ssize_t>(n));
  }
  return out.finish();
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyUnicode_DecodeLocaleAndSize(const char* text, Py_ssize_t size, const char* errors) {
  return decode_locale(text, size, errors).release();
}
PyObject* PyUnicode_DecodeLocale(const char* text, const char* errors) {
  return decode_locale(text, static_cast<Py_ssize_t>(std::strlen(text)), errors).release();
}
PyObject* PyUnicode_EncodeLocale(PyObject* s, const char* errors) { return encode_locale(s, errors).release(); }

PyObject* PyUnicode_DecodeFSDefaultAndSize(const char* text, Py_ssize_t size) {
  FileSystemCodec codec = file_system_codec();
  return PyUnicode_Decode(text, size, codec.encoding, codec.errors);
}
PyObject* PyUnicode_DecodeFSDefault(const char* text) {
  return PyUnicode_DecodeFSDefaultAndSize(text, static_cast<Py_ssize_t>(std::strlen(text)));
}
PyObject* PyUnicode_EncodeFSDefault(PyObject* s) {
  FileSystemCodec codec = file_system_codec();
  return PyUnicode_AsEncodedString(s, codec.encoding, codec.errors);
}

int PyUnicode_FSConverter(PyObject* argument, void* place) {
  auto** result = static_cast<PyObject**>(place);
  if (!argument) {
    clear_field(*result);
    return 1;
  }
  Ref<> path = steal(PyOS_FSPath(argument));
  if (!path) return 0;
  Ref<> bytes = PyBytes_Check(path.get()) ? std::move(path) : steal(PyUnicode_EncodeFSDefault(path.get()));
  if (!bytes) return 0;
  if (std::strlen(PyBytes_AS_STRING(bytes.get())) != static_cast<size_t>(PyBytes_GET_SIZE(bytes.get()))) {
    PyErr_SetString(PyExc_ValueError, "embedded null byte");
    return 0;
  }
  *result = bytes.release();
  return Py_CLEANUP_SUPPORTED;
}

int PyUnicode_FSDecoder(PyObject* argument, void* place) {
  auto** result = static_cast<PyObject**>(place);
  if (!argument) {
    clear_field(*result);
    return 1;
  }
  // Any buffer serves, but not for ever.
  bool is_buffer = PyObject_CheckBuffer(argument);
  Ref<> path = is_buffer ? borrow(argument) : steal(PyOS_FSPath(argument));
  if (!path) return 0;
  if (is_buffer && !PyBytes_Check(argument)) {
    if (PyErr_WarnFormat(PyExc_DeprecationWarning, 1, "path should be string, bytes, or os.PathLike, not %.200s", Py_TYPE(argument)->tp_name) < 0) return 0;
    path = steal(PyBytes_FromObject(argument));
    if (!path) return 0;
  }
  Ref<> text;
  if (PyUnicode_Check(path.get())) {
    text = std::move(path);
  } else {
    text = steal(PyUnicode_DecodeFSDefaultAndSize(PyBytes_AS_STRING(path.get()), PyBytes_GET_SIZE(path.get())));
  }
  if (!text || ensure_ready(text.get()) != Status::ok) return 0;
  if (PyUnicode_FindChar(text.get(), 0, 0, PyUnicode_GET_LENGTH(text.get()), 1) >= 0) {
    PyErr_SetString(PyExc_ValueError, "embedded null character");
    return 0;
  }
  *result = text.release();
  return Py_CLEANUP_SUPPORTED;
}

}  // extern "C"
