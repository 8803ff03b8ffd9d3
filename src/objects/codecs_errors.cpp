// Error handlers: the standard callbacks, and how encoders and decoders call whichever one applies.
#include <cstdio>

#include "base/binding.h"
#include "objects/codec_state.h"
#include "objects/codecs.h"

#define Py_BUILD_CORE 1
#include "internal/pycore_ucnhash.h"
#undef Py_BUILD_CORE

namespace gill {

ErrorPolicy error_policy(const char* errors) {
  if (!errors) return ErrorPolicy::strict;
  std::string_view text(errors);
  if (text == "strict") return ErrorPolicy::strict;
  if (text == "surrogateescape") return ErrorPolicy::surrogateescape;
  if (text == "replace") return ErrorPolicy::replace;
  if (text == "ignore") return ErrorPolicy::ignore;
  if (text == "backslashreplace") return ErrorPolicy::backslashreplace;
  if (text == "surrogatepass") return ErrorPolicy::surrogatepass;
  if (text == "xmlcharrefreplace") return ErrorPolicy::xmlcharrefreplace;
  if (text == "namereplace") return ErrorPolicy::namereplace;
  return ErrorPolicy::other;
}

ErrorPolicy DecodeErrors::policy() {
  if (!known_) {
    policy_ = error_policy(errors_);
    known_ = true;
  }
  return policy_;
}

ErrorPolicy EncodeErrors::policy() {
  if (!known_) {
    policy_ = error_policy(errors_);
    known_ = true;
  }
  return policy_;
}

Maybe<Py_ssize_t> DecodeErrors::handle(Py_ssize_t start, Py_ssize_t end, const char* reason, StrWriter& out) {
  switch (policy()) {
    case ErrorPolicy::ignore: return end;
    case ErrorPolicy::replace: TRY(out.put(U4{0xfffd})); return end;
    case ErrorPolicy::surrogateescape: {
      bool all_high = true;
      for (Py_ssize_t i = start; i < end; ++i) all_high = all_high && static_cast<signed char>(data_[i]) < 0;
      // Anything else is the callback's affair.
      if (!all_high) break;
      for (Py_ssize_t i = start; i < end; ++i) TRY(out.put(U4{0xdc00} + static_cast<unsigned char>(data_[i])));
      return end;
    }
    default: break;
  }
  if (!exception_) {
    exception_ = TRY(steal(PyUnicodeDecodeError_Create(encoding_, data_, size_, start, end, reason)));
  } else {
    TRY(status_of(PyUnicodeDecodeError_SetStart(exception_.get(), start)));
    TRY(status_of(PyUnicodeDecodeError_SetEnd(exception_.get(), end)));
    TRY(status_of(PyUnicodeDecodeError_SetReason(exception_.get(), reason)));
  }
  if (policy() == ErrorPolicy::strict) {
    PyErr_SetObject(as_object(Py_TYPE(exception_.get())), exception_.get());
    return failure;
  }
  if (!handler_) handler_ = TRY(steal(PyCodec_LookupError(errors_)));
  Ref<> result = TRY(steal(PyObject_CallOneArg(handler_.get(), exception_.get())));
  PyObject* replacement;
  Py_ssize_t next;
  static constexpr const char* kShape = "decoding error handler must return (str, int) tuple";
  if (!PyTuple_Check(result.get()) || PyTuple_GET_SIZE(result.get()) != 2 || !PyUnicode_Check(PyTuple_GET_ITEM(result.get(), 0)) ||
      !PyIndex_Check(PyTuple_GET_ITEM(result.get(), 1))) {
    return raise(PyExc_TypeError, kShape);
  }
  replacement = PyTuple_GET_ITEM(result.get(), 0);
  next = PyNumber_AsSsize_t(PyTuple_GET_ITEM(result.get(), 1), PyExc_OverflowError);
  if (next == -1 && PyErr_Occurred()) return failure;
  // The handler may have put another object into the exception.
  Ref<> input = TRY(steal(PyUnicodeDecodeError_GetObject(exception_.get())));
  if (!PyBytes_Check(input.get())) return raise(PyExc_TypeError, "exception attribute object must be bytes");
  data_ = PyBytes_AS_STRING(input.get());
  size_ = PyBytes_GET_SIZE(input.get());
  input_ = std::move(input);
  if (next < 0) next += size_;
  if (next < 0 || next > size_) return raise(PyExc_IndexError, "position %zd from error handler out of bounds", next);
  TRY(out.put(replacement));
  return next;
}

Failure EncodeErrors::fail(PyObject* text, Py_ssize_t start, Py_ssize_t end, const char* reason) {
  if (!exception_) {
    exception_ = steal(PyObject_CallFunction(PyExc_UnicodeEncodeError, "sOnns", encoding_, text, start, end, reason));
    if (!exception_) return failure;
  } else if (PyUnicodeEncodeError_SetStart(exception_.get(), start) < 0 || PyUnicodeEncodeError_SetEnd(exception_.get(), end) < 0 ||
             PyUnicodeEncodeError_SetReason(exception_.get(), reason) < 0) {
    return failure;
  }
  PyErr_SetObject(as_object(Py_TYPE(exception_.get())), exception_.get());
  return failure;
}

Ref<> EncodeErrors::handle(PyObject* text, Py_ssize_t start, Py_ssize_t end, const char* reason, Py_ssize_t& next) {
  if (policy() == ErrorPolicy::strict) return fail(text, start, end, reason);
  if (!handler_) handler_ = TRY(steal(PyCodec_LookupError(errors_)));
  if (!exception_) {
    exception_ = TRY(steal(PyObject_CallFunction(PyExc_UnicodeEncodeError, "sOnns", encoding_, text, start, end, reason)));
  } else {
    TRY(status_of(PyUnicodeEncodeError_SetStart(exception_.get(), start)));
    TRY(status_of(PyUnicodeEncodeError_SetEnd(exception_.get(), end)));
    TRY(status_of(PyUnicodeEncodeError_SetReason(exception_.get(), reason)));
  }
  Ref<> result = TRY(steal(PyObject_CallOneArg(handler_.get(), exception_.get())));
  bool fits = PyTuple_Check(result.get()) && PyTuple_GET_SIZE(result.get()) == 2;
  PyObject* replacement = fits ? PyTuple_GET_ITEM(result.get(), 0) : nullptr;
  if (!fits || (!PyUnicode_Check(replacement) && !PyBytes_Check(replacement)) || !PyIndex_Check(PyTuple_GET_ITEM(result.get(), 1))) {
    return raise(PyExc_TypeError, "encoding error handler must return (str/bytes, int) tuple");
  }
  next = PyNumber_AsSsize_t(PyTuple_GET_ITEM(result.get(), 1), PyExc_OverflowError);
  if (next == -1 && PyErr_Occurred()) return failure;
  if (PyUnicode_Check(replacement)) TRY(ensure_ready(replacement));
  Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  if (next < 0) next += length;
  if (next < 0 || next > length) return raise(PyExc_IndexError, "position %zd from error handler out of bounds", next);
  return borrow(replacement);
}

// ---- the standard callbacks ---------------------------------------------------------------------------

namespace {

enum class Direction { encode, decode, translate };

// What an exception says about the place of the error.
struct Trouble {
  Direction direction;
  Py_ssize_t start, end;
  Ref<> object;  // the str or bytes
};

Failure wrong_exception(PyObject* exception) {
  return raise(PyExc_TypeError, "don't know how to handle %.200s in error callback", Py_TYPE(exception)->tp_name);
}

bool is_instance(PyObject* object, PyObject* type) { return PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject*>(type)) != 0; }

Status read_trouble(PyObject* exception, Trouble& trouble) {
  if (is_instance(exception, PyExc_UnicodeEncodeError)) {
    trouble.direction = Direction::encode;
    TRY(status_of(PyUnicodeEncodeError_GetStart(exception, &trouble.start)));
    TRY(status_of(PyUnicodeEncodeError_GetEnd(exception, &trouble.end)));
    trouble.object = TRY(steal(PyUnicodeEncodeError_GetObject(exception)));
    TRY(ensure_ready(trouble.object.get()));
  } else if (is_instance(exception, PyExc_UnicodeDecodeError)) {
    trouble.direction = Direction::decode;
    TRY(status_of(PyUnicodeDecodeError_GetStart(exception, &trouble.start)));
    TRY(status_of(PyUnicodeDecodeError_GetEnd(exception, &trouble.end)));
    trouble.object = TRY(steal(PyUnicodeDecodeError_GetObject(exception)));
  } else if (is_instance(exception, PyExc_UnicodeTranslateError)) {
    trouble.direction = Direction::translate;
    TRY(status_of(PyUnicodeTranslateError_GetStart(exception, &trouble.start)));
    TRY(status_of(PyUnicodeTranslateError_GetEnd(exception, &trouble.end)));
    trouble.object = TRY(steal(PyUnicodeTranslateError_GetObject(exception)));
    TRY(ensure_ready(trouble.object.get()));
  } else {
    return wrong_exception(exception);
  }
  return Status::ok;
}

Ref<> answer(Ref<> replacement, Py_ssize_t next) {
  if (!replacement) return failure;
  return steal(Py_BuildValue("(Nn)", replacement.release(), next));
}

Failure reraise(PyObject* exception) {
  PyErr_SetObject(as_object(Py_TYPE(exception)), exception);
  return failure;
}

Ref<> strict_errors(PyObject*, PyObject* exception) {
  if (PyExceptionInstance_Check(exception)) return reraise(exception);
  return raise(PyExc_TypeError, "codec must pass exception instance");
}

Ref<> ignore_errors(PyObject*, PyObject* exception) {
  Trouble trouble;
  TRY(read_trouble(exception, trouble));
  return answer(empty_str(), trouble.end);
}

Ref<> replace_errors(PyObject*, PyObject* exception) {
  Trouble trouble;
  TRY(read_trouble(exception, trouble));
  if (trouble.direction == Direction::decode) return answer(str_from_character(0xfffd), trouble.end);
  Py_ssize_t n = Py_MAX(trouble.end - trouble.start, 0);
  U4 c = trouble.direction == Direction::encode ? '?' : 0xfffd;
  Ref<> text = TRY(new_str(n, c));
  if (n) _PyUnicode_FastFill(text.get(), 0, n, c);
  return answer(std::move(text), trouble.end);
}

Status put_backslash(StrWriter& out, U4 c) {
  char text[12];
  int n = c < 0x100 ? std::snprintf(text, sizeof text, "\\x%02x", c)
          : c < 0x10000 ? std::snprintf(text, sizeof text, "\\u%04x", c)
                        : std::snprintf(text, sizeof text, "\\U%08x", c);
  return out.put(std::string_view(text, static_cast<size_t>(n)));
}

Ref<> xmlcharrefreplace_errors(PyObject*, PyObject* exception) {
  if (!is_instance(exception, PyExc_UnicodeEncodeError)) return wrong_exception(exception);
  Trouble trouble;
  TRY(read_trouble(exception, trouble));
  StrWriter out;
  for (Py_ssize_t i = trouble.start; i < trouble.end; ++i) {
    char text[16];
    int n = std::snprintf(text, sizeof text, "&#%u;", PyUnicode_READ_CHAR(trouble.object.get(), i));
    TRY(out.put(std::string_view(text, static_cast<size_t>(n))));
  }
  return answer(out.finish(), trouble.end);
}

Ref<> backslashreplace_errors(PyObject*, PyObject* exception) {
  Trouble trouble;
  TRY(read_trouble(exception, trouble));
  StrWriter out;
  for (Py_ssize_t i = trouble.start; i < trouble.end; ++i) {
    TRY(put_backslash(out, trouble.direction == Direction::decode ? static_cast<unsigned char>(PyBytes_AS_STRING(trouble.object.get())[i])
                                                                  : PyUnicode_READ_CHAR(trouble.object.get(), i)));
  }
  return answer(out.finish(), trouble.end);
}

Ref<> namereplace_errors(PyObject*, PyObject* exception) {
  if (!is_instance(exception, PyExc_UnicodeEncodeError)) return wrong_exception(exception);
  Trouble trouble;
  TRY(read_trouble(exception, trouble));
  auto* names = static_cast<_PyUnicode_Name_CAPI*>(PyCapsule_Import(PyUnicodeData_CAPSULE_NAME, 1));
  if (!names) return failure;
  StrWriter out;
  for (Py_ssize_t i = trouble.start; i < trouble.end; ++i) {
    U4 c = PyUnicode_READ_CHAR(trouble.object.get(), i);
    char text[256];
    if (names->getname(c, text, sizeof text, 1)) {
      TRY(out.put("\\N{"));
      TRY(out.put(std::string_view(text)));
      TRY(out.put("}"));
    } else {
      TRY(put_backslash(out, c));
    }
  }
  return answer(out.finish(), trouble.end);
}

// The encodings that surrogatepass knows.
struct WideEncoding {
  int width = 0;  // bytes of a surrogate: 3 (UTF-8), 2, 4; 0 when unknown
  bool big = false;
};

WideEncoding wide_encoding(const char* encoding) {
  char n[32];
  if (!normalize_encoding(encoding, n, sizeof n)) return {};
  std::string_view text(n);
  if (text == "utf_8" || text == "utf8" || text == "cp65001") return {3};
  if (text == "utf_16_le" || text == "utf_16le" || text == "utf16_le" || text == "utf_16" || text == "utf16") return {2, false};
  if (text == "utf_16_be" || text == "utf_16be" || text == "utf16_be") return {2, true};
  if (text == "utf_32_le" || text == "utf_32le" || text == "utf32_le" || text == "utf_32" || text == "utf32") return {4, false};
  if (text == "utf_32_be" || text == "utf_32be" || text == "utf32_be") return {4, true};
  return {};
}

Ref<> surrogatepass_errors(PyObject*, PyObject* exception) {
  Trouble trouble;
  if (is_instance(exception, PyExc_UnicodeTranslateError)) return wrong_exception(exception);
  TRY(read_trouble(exception, trouble));
  bool encode = trouble.direction == Direction::encode;
  Ref<> encoding_object = TRY(steal(encode ? PyUnicodeEncodeError_GetEncoding(exception) : PyUnicodeDecodeError_GetEncoding(exception)));
  const char* encoding_text = TRY(PyUnicode_AsUTF8(encoding_object.get()));
  WideEncoding encoding = wide_encoding(encoding_text);
  if (!encoding.width) return reraise(exception);
  if (encode) {
    BytesBuilder out;
    for (Py_ssize_t i = trouble.start; i < trouble.end; ++i) {
      U4 c = PyUnicode_READ_CHAR(trouble.object.get(), i);
      if (!is_surrogate(c)) return reraise(exception);
      TRY(out.reserve(4));
      if (encoding.width == 3) {
        out.extend(put_utf8(c, out.data() + out.size()));
        continue;
      }
      char* to = out.extend(encoding.width);
      std::memset(to, 0, static_cast<size_t>(encoding.width));
      to[encoding.big ? encoding.width - 1 : 0] = static_cast<char>(c);
      to[encoding.big ? encoding.width - 2 : 1] = static_cast<char>(c >> 8);
    }
    return answer(out.finish(), trouble.end);
  }
  auto* p = reinterpret_cast<const unsigned char*>(PyBytes_AS_STRING(trouble.object.get())) + trouble.start;
  U4 c = 0;
  if (PyBytes_GET_SIZE(trouble.object.get()) - trouble.start >= encoding.width) {
    if (encoding.width == 3) {
      if ((p[0] & 0xf0) == 0xe0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) c = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    } else {
      for (int i = 0; i < encoding.width; ++i) c = c << 8 | p[encoding.big ? i : encoding.width - 1 - i];
    }
  }
  if (!is_surrogate(c)) return reraise(exception);
  return answer(str_from_character(c), trouble.start + encoding.width);
}

Ref<> surrogateescape_errors(PyObject*, PyObject* exception) {
  Trouble trouble;
  if (is_instance(exception, PyExc_UnicodeTranslateError)) return wrong_exception(exception);
  TRY(read_trouble(exception, trouble));
  if (trouble.direction == Direction::encode) {
    BytesBuilder out;
    for (Py_ssize_t i = trouble.start; i < trouble.end; ++i) {
      U4 c = PyUnicode_READ_CHAR(trouble.object.get(), i);
      if (c < 0xdc80 || c > 0xdcff) return reraise(exception);
      TRY(out.put(static_cast<char>(c - 0xdc00)));
    }
    return answer(out.finish(), trouble.end);
  }
  U2 characters[4];
  int n = 0;
  auto* p = reinterpret_cast<const unsigned char*>(PyBytes_AS_STRING(trouble.object.get())) + trouble.start;
  while (n < 4 && n < trouble.end - trouble.start && p[n] >= 128) {
    characters[n] = static_cast<U2>(0xdc00 + p[n]);
    ++n;
  }
  if (n == 0) return reraise(exception);
  return answer(str_from(characters, n), trouble.start + n);
}

const PyMethodDef kHandlers[] = {
    METHOD_UNSIGNED("strict_errors($module, exc, /)", strict_errors,
                    "Implements the 'strict' error handling, which raises a UnicodeError on coding errors."),
    METHOD_UNSIGNED("ignore_errors($module, exc, /)", ignore_errors,
                    "Implements the 'ignore' error handling, which ignores malformed data and continues."),
    METHOD_UNSIGNED("replace_errors($module, exc, /)", replace_errors,
                    "Implements the 'replace' error handling, which replaces malformed data with a replacement marker."),
    METHOD_UNSIGNED("xmlcharrefreplace_errors($module, exc, /)", xmlcharrefreplace_errors,
                    "Implements the 'xmlcharrefreplace' error handling, which replaces an unencodable character with the "
                    "appropriate XML character reference."),
    METHOD_UNSIGNED("backslashreplace_errors($module, exc, /)", backslashreplace_errors,
                    "Implements the 'backslashreplace' error handling, which replaces malformed data with a backslashed escape sequence."),
    METHOD_UNSIGNED("namereplace_errors($module, exc, /)", namereplace_errors,
                    "Implements the 'namereplace' error handling, which replaces an unencodable character with a \\N{...} escape sequence."),
    METHOD_UNSIGNED("surrogatepass($module, exc, /)", surrogatepass_errors, nullptr),
    METHOD_UNSIGNED("surrogateescape($module, exc, /)", surrogateescape_errors, nullptr),
    kEndOfMethods,
};
constexpr const char* kHandlerNames[] = {"strict", "ignore", "replace", "xmlcharrefreplace", "backslashreplace", "namereplace", "surrogatepass", "surrogateescape"};

}  // namespace

Ref<> make_error_handlers() {
  Ref<> handlers = TRY(steal(PyDict_New()));
  for (size_t i = 0; i < std::size(kHandlerNames); ++i) {
    Ref<> function = TRY(steal(PyCFunction_NewEx(const_cast<PyMethodDef*>(&kHandlers[i]), nullptr, nullptr)));
    TRY(status_of(PyDict_SetItemString(handlers.get(), kHandlerNames[i], function.get())));
  }
  return handlers;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyCodec_StrictErrors(PyObject* exception) { return strict_errors(nullptr, exception).release(); }
PyObject* PyCodec_IgnoreErrors(PyObject* exception) { return ignore_errors(nullptr, exception).release(); }
PyObject* PyCodec_ReplaceErrors(PyObject* exception) { return replace_errors(nullptr, exception).release(); }
PyObject* PyCodec_XMLCharRefReplaceErrors(PyObject* exception) { return xmlcharrefreplace_errors(nullptr, exception).release(); }
PyObject* PyCodec_BackslashReplaceErrors(PyObject* exception) { return backslashreplace_errors(nullptr, exception).release(); }
PyObject* PyCodec_NameReplaceErrors(PyObject* exception) { return namereplace_errors(nullptr, exception).release(); }

}  // extern "C"
