// `_codecs`: the registry and the built-in codecs as functions, each giving (result, length consumed).
#include <optional>

#include "base/binding.h"
#include "objects/bytes.h"
#include "objects/str.h"

namespace gill {
namespace {

using Errors = std::optional<const char*>;

const char* text_of(const Errors& errors) { return errors ? *errors : nullptr; }

Ref<> pair(Ref<> result, Py_ssize_t length) {
  if (!result) return failure;
  return steal(Py_BuildValue("(Nn)", result.release(), length));
}

Ref<> encoded(PyUnicodeObject* text, PyObject* result) {
  if (!result) return failure;
  if (PyUnicode_READY(as_object(text)) < 0) {
    release(result);
    return failure;
  }
  return pair(steal(result), PyUnicode_GET_LENGTH(as_object(text)));
}

// A buffer, or a str whose UTF-8 form is read.
class TextOrBuffer {
 public:
  TextOrBuffer() { view_.obj = nullptr; }
  ~TextOrBuffer() {
    if (view_.obj) PyBuffer_Release(&view_);
  }
  TextOrBuffer(const TextOrBuffer&) = delete;
  TextOrBuffer& operator=(const TextOrBuffer&) = delete;
  Status read(PyObject* object) {
    if (PyUnicode_Check(object)) {
      data_ = TRY(PyUnicode_AsUTF8AndSize(object, &size_));
      return Status::ok;
    }
    TRY(status_of(PyObject_GetBuffer(object, &view_, PyBUF_SIMPLE)));
    data_ = static_cast<const char*>(view_.buf);
    size_ = view_.len;
    return Status::ok;
  }
  const char* data() const { return data_; }
  Py_ssize_t size() const { return size_; }

 private:
  Py_buffer view_;
  const char* data_ = nullptr;
  Py_ssize_t size_ = 0;
};

// ---- registry -----------------------------------------------------------------------------------------

Status codecs_register(PyObject*, PyObject* search_function) { return status_of(PyCodec_Register(search_function)); }
Status codecs_unregister(PyObject*, PyObject* search_function) { return status_of(PyCodec_Unregister(search_function)); }
Ref<> codecs_lookup(PyObject*, const char* encoding) { return steal(_PyCodec_Lookup(encoding)); }
Ref<> codecs_encode(PyObject*, PyObject* object, const char* encoding, const char* errors) {
  return steal(PyCodec_Encode(object, encoding ? encoding : "utf-8", errors));
}
Ref<> codecs_decode(PyObject*, PyObject* object, const char* encoding, const char* errors) {
  return steal(PyCodec_Decode(object, encoding ? encoding : "utf-8", errors));
}
Status codecs_register_error(PyObject*, const char* errors, PyObject* handler) { return status_of(PyCodec_RegisterError(errors, handler)); }
Ref<> codecs_lookup_error(PyObject*, const char* errors) { return steal(PyCodec_LookupError(errors)); }

// ---- decoders -----------------------------------------------------------------------------------------

using Stateful = PyObject* (*)(const char*, Py_ssize_t, const char*, Py_ssize_t*);
using Plain = PyObject* (*)(const char*, Py_ssize_t, const char*);
using Ordered = PyObject* (*)(const char*, Py_ssize_t, const char*, int*, Py_ssize_t*);

template <Stateful Decode>
Ref<> decode_stateful(PyObject*, BufferArgument data, Errors errors, int final) {
  Py_ssize_t consumed = data.size();
  Ref<> text = steal(Decode(data.data(), data.size(), text_of(errors), final ? nullptr : &consumed));
  return pair(std::move(text), consumed);
}

template <Plain Decode>
Ref<> decode_plain(PyObject*, BufferArgument data, Errors errors) {
  return pair(steal(Decode(data.data(), data.size(), text_of(errors))), data.size());
}

template <Stateful Decode>
Ref<> decode_escaped(PyObject*, PyObject* source, Errors errors, int final) {
  TextOrBuffer data;
  TRY(data.read(source));
  Py_ssize_t consumed = data.size();
  Ref<> text = steal(Decode(data.data(), data.size(), text_of(errors), final ? nullptr : &consumed));
  return pair(std::move(text), consumed);
}

template <Ordered Decode, int Order>
Ref<> decode_ordered(PyObject*, BufferArgument data, Errors errors, int final) {
  int order = Order;
  Py_ssize_t consumed = data.size();
  Ref<> text = steal(Decode(data.data(), data.size(), text_of(errors), &order, final ? nullptr : &consumed));
  return pair(std::move(text), consumed);
}

template <Ordered Decode>
Ref<> decode_ex(PyObject*, BufferArgument data, Errors errors, int byteorder, int final) {
  Py_ssize_t consumed = data.size();
  Ref<> text = TRY(steal(Decode(data.data(), data.size(), text_of(errors), &byteorder, final ? nullptr : &consumed)));
  return steal(Py_BuildValue("(Nni)", text.release(), consumed, byteorder));
}

Ref<> decode_charmap(PyObject*, BufferArgument data, Errors errors, PyObject* mapping) {
  return pair(steal(PyUnicode_DecodeCharmap(data.data(), data.size(), mapping == Py_None ? nullptr : mapping, text_of(errors))), data.size());
}

Ref<> escape_decode(PyObject*, PyObject* source, Errors errors) {
  TextOrBuffer data;
  TRY(data.read(source));
  return pair(steal(PyBytes_DecodeEscape(data.data(), data.size(), text_of(errors), 0, nullptr)), data.size());
}

Ref<> readbuffer_encode(PyObject*, PyObject* source, Errors) {
  TextOrBuffer data;
  TRY(data.read(source));
  return pair(steal(PyBytes_FromStringAndSize(data.data(), data.size())), data.size());
}

// ---- encoders -----------------------------------------------------------------------------------------

using Encoder = PyObject* (*)(PyObject*, const char*);
using OrderedEncoder = PyObject* (*)(PyObject*, const char*, int);

template <Encoder Encode>
Ref<> encode_plain(PyObject*, PyUnicodeObject* text, Errors errors) {
  return encoded(text, Encode(as_object(text), text_of(errors)));
}
template <OrderedEncoder Encode, int Order>
Ref<> encode_ordered(PyObject*, PyUnicodeObject* text, Errors errors) {
  return encoded(text, Encode(as_object(text), text_of(errors), Order));
}
template <OrderedEncoder Encode>
Ref<> encode_ex(PyObject*, PyUnicodeObject* text, Errors errors, int byteorder) {
  return encoded(text, Encode(as_object(text), text_of(errors), byteorder));
}

PyObject* to_utf7(PyObject* text, const char* errors) { return _PyUnicode_EncodeUTF7(text, 0, 0, errors); }
PyObject* to_unicode_escape(PyObject* text, const char*) { return PyUnicode_AsUnicodeEscapeString(text); }
PyObject* to_raw_unicode_escape(PyObject* text, const char*) { return PyUnicode_AsRawUnicodeEscapeString(text); }

Ref<> encode_charmap(PyObject*, PyUnicodeObject* text, Errors errors, PyObject* mapping) {
  return encoded(text, _PyUnicode_EncodeCharmap(as_object(text), mapping == Py_None ? nullptr : mapping, text_of(errors)));
}

Ref<> escape_encode(PyObject*, PyBytesObject* data, Errors) {
  // The inside of the repr, with the quotes left alone.
  std::string_view text(PyBytes_AS_STRING(as_object(data)), static_cast<size_t>(PyBytes_GET_SIZE(as_object(data))));
  BytesBuilder out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      TRY(out.put('\\'));
      TRY(out.put(c));
    } else if (c == '\t' || c == '\n' || c == '\r') {
      TRY(out.put('\\'));
      TRY(out.put(c == '\t' ? 't' : c == '\n' ? 'n' : 'r'));
    } else if (byte < ' ' || byte >= 0x7f) {
      TRY(out.put("\\x"));
      TRY(out.put(Py_hexdigits[byte >> 4]));
      TRY(out.put(Py_hexdigits[byte & 15]));
    } else {
      TRY(out.put(c));
    }
  }
  return pair(out.finish(), static_cast<Py_ssize_t>(text.size()));
}

Ref<> charmap_build(PyObject*, PyUnicodeObject* map) { return steal(PyUnicode_BuildEncodingMap(as_object(map))); }

const PyMethodDef kMethods[] = {
    METHOD("register($module, search_function, /)", codecs_register,
           "Register a codec search function.\n\n"
           "It is called with an encoding name in lower case and gives a CodecInfo, or None."),
    METHOD("unregister($module, search_function, /)", codecs_unregister,
           "Unregister a codec search function and clear the registry's cache.\n\nNothing happens if it is not registered."),
    METHOD("lookup($module, encoding, /)", codecs_lookup,
           "Looks up a codec tuple in the Python codec registry and returns a CodecInfo object."),
    METHOD("encode($module, /, obj, encoding='utf-8', errors='strict')", codecs_encode,
           "Encodes obj using the codec registered for encoding.\n\n"
           "errors is 'strict' (raise ValueError), 'ignore', 'replace', 'backslashreplace' or any name\n"
           "registered with codecs.register_error."),
    METHOD("decode($module, /, obj, encoding='utf-8', errors='strict')", codecs_decode,
           "Decodes obj using the codec registered for encoding.\n\n"
           "errors is 'strict' (raise ValueError), 'ignore', 'replace', 'backslashreplace' or any name\n"
           "registered with codecs.register_error."),
    METHOD("escape_encode($module, data, errors=None, /)", escape_encode, ""),
    METHOD("escape_decode($module, data, errors=None, /)", escape_decode, ""),
    METHOD("utf_8_encode($module, str, errors=None, /)", encode_plain<_PyUnicode_AsUTF8String>, ""),
    METHOD("utf_8_decode($module, data, errors=None, final=False, /)", decode_stateful<PyUnicode_DecodeUTF8Stateful>, ""),
    METHOD("utf_7_encode($module, str, errors=None, /)", encode_plain<to_utf7>, ""),
    METHOD("utf_7_decode($module, data, errors=None, final=False, /)", decode_stateful<PyUnicode_DecodeUTF7Stateful>, ""),
    METHOD("utf_16_encode($module, str, errors=None, byteorder=0, /)", encode_ex<_PyUnicode_EncodeUTF16>, ""),
    METHOD("utf_16_le_encode($module, str, errors=None, /)", (encode_ordered<_PyUnicode_EncodeUTF16, -1>), ""),
    METHOD("utf_16_be_encode($module, str, errors=None, /)", (encode_ordered<_PyUnicode_EncodeUTF16, 1>), ""),
    METHOD("utf_16_decode($module, data, errors=None, final=False, /)", (decode_ordered<PyUnicode_DecodeUTF16Stateful, 0>), ""),
    METHOD("utf_16_le_decode($module, data, errors=None, final=False, /)", (decode_ordered<PyUnicode_DecodeUTF16Stateful, -1>), ""),
    METHOD("utf_16_be_decode($module, data, errors=None, final=False, /)", (decode_ordered<PyUnicode_DecodeUTF16Stateful, 1>), ""),
    METHOD("utf_16_ex_decode($module, data, errors=None, byteorder=0, final=False,\n                 /)",
           decode_ex<PyUnicode_DecodeUTF16Stateful>, ""),
    METHOD("utf_32_encode($module, str, errors=None, byteorder=0, /)", encode_ex<_PyUnicode_EncodeUTF32>, ""),
    METHOD("utf_32_le_encode($module, str, errors=None, /)", (encode_ordered<_PyUnicode_EncodeUTF32, -1>), ""),
    METHOD("utf_32_be_encode($module, str, errors=None, /)", (encode_ordered<_PyUnicode_EncodeUTF32, 1>), ""),
    METHOD("utf_32_decode($module, data, errors=None, final=False, /)", (decode_ordered<PyUnicode_DecodeUTF32Stateful, 0>), ""),
    METHOD("utf_32_le_decode($module, data, errors=None, final=False, /)", (decode_ordered<PyUnicode_DecodeUTF32Stateful, -1>), ""),
    METHOD("utf_32_be_decode($module, data, errors=None, final=False, /)", (decode_ordered<PyUnicode_DecodeUTF32Stateful, 1>), ""),
    METHOD("utf_32_ex_decode($module, data, errors=None, byteorder=0, final=False,\n                 /)",
           decode_ex<PyUnicode_DecodeUTF32Stateful>, ""),
    METHOD("unicode_escape_encode($module, str, errors=None, /)", encode_plain<to_unicode_escape>, ""),
    METHOD("unicode_escape_decode($module, data, errors=None, final=True, /)", decode_escaped<_PyUnicode_DecodeUnicodeEscapeStateful>, ""),
    METHOD("raw_unicode_escape_encode($module, str, errors=None, /)", encode_plain<to_raw_unicode_escape>, ""),
    METHOD("raw_unicode_escape_decode($module, data, errors=None, final=True, /)",
           decode_escaped<_PyUnicode_DecodeRawUnicodeEscapeStateful>, ""),
    METHOD("latin_1_encode($module, str, errors=None, /)", encode_plain<_PyUnicode_AsLatin1String>, ""),
    METHOD("latin_1_decode($module, data, errors=None, /)", decode_plain<PyUnicode_DecodeLatin1>, ""),
    METHOD("ascii_encode($module, str, errors=None, /)", encode_plain<_PyUnicode_AsASCIIString>, ""),
    METHOD("ascii_decode($module, data, errors=None, /)", decode_plain<PyUnicode_DecodeASCII>, ""),
    METHOD("charmap_encode($module, str, errors=None, mapping=None, /)", encode_charmap, ""),
    METHOD("charmap_decode($module, data, errors=None, mapping=None, /)", decode_charmap, ""),
    METHOD("charmap_build($module, map, /)", charmap_build, ""),
    METHOD("readbuffer_encode($module, data, errors=None, /)", readbuffer_encode, ""),
    METHOD("register_error($module, errors, handler, /)", codecs_register_error,
           "Register the specified error handler under the name errors.\n\n"
           "It is called with the exception that describes the error and gives a tuple of the replacement and\n"
           "the position to go on from."),
    METHOD("lookup_error($module, name, /)", codecs_lookup_error,
           "lookup_error(errors) -> handler\n\nReturn the error handler registered under the name, or raise LookupError."),
    kEndOfMethods,
};

PyModuleDef codecs_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_codecs",
    .m_size = 0,
    .m_methods = table(kMethods),
};

}  // namespace

PyMODINIT_FUNC PyInit__codecs() { return PyModuleDef_Init(&codecs_module); }
GILL_BUILTIN_MODULE("_codecs", PyInit__codecs);

}  // namespace gill
