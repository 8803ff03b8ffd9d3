// UnicodeError, its three subclasses and the C API that codecs use to read and move the failing range.
#include "objects/exceptions.h"

#include <structmember.h>

#include <algorithm>

extern "C" {
extern PyTypeObject _PyExc_UnicodeEncodeError, _PyExc_UnicodeDecodeError, _PyExc_UnicodeTranslateError;
}

namespace gill {
namespace {

PyUnicodeErrorObject* unicode_error(PyObject* self) { return reinterpret_cast<PyUnicodeErrorObject*>(self); }

Ref<> text_field(PyObject* value, const char* attribute) {
  if (!value) return raise(PyExc_TypeError, "%.200s attribute not set", attribute);
  if (!PyUnicode_Check(value)) return raise(PyExc_TypeError, "%.200s attribute must be unicode", attribute);
  return borrow(value);
}
Ref<> bytes_field(PyObject* value, const char* attribute) {
  if (!value) return raise(PyExc_TypeError, "%.200s attribute not set", attribute);
  if (!PyBytes_Check(value)) return raise(PyExc_TypeError, "%.200s attribute must be bytes", attribute);
  return borrow(value);
}
Maybe<Py_ssize_t> input_size(PyUnicodeErrorObject* e, bool is_bytes) {
  if (is_bytes) return PyBytes_GET_SIZE(TRY(bytes_field(e->object, "object")).get());
  return PyUnicode_GET_LENGTH(TRY(text_field(e->object, "object")).get());
}

// The fields may have been set to anything; what codecs read is always inside the input.
int get_start(PyObject* self, bool is_bytes, Py_ssize_t* start) {
  Py_ssize_t size = TRY(input_size(unicode_error(self), is_bytes));
  *start = std::max<Py_ssize_t>(unicode_error(self)->start, 0);
  if (*start >= size) *start = size - 1;
  return 0;
}
int get_end(PyObject* self, bool is_bytes, Py_ssize_t* end) {
  Py_ssize_t size = TRY(input_size(unicode_error(self), is_bytes));
  *end = std::min(std::max<Py_ssize_t>(unicode_error(self)->end, 1), size);
  return 0;
}
int set_reason(PyObject* self, const char* reason) {
  Ref<> text = TRY(steal(PyUnicode_FromString(reason)));
  set_field(unicode_error(self)->reason, std::move(text));
  return 0;
}

// ---- constructors -------------------------------------------------------------------------------

void take(PyUnicodeErrorObject* e, PyObject* encoding, PyObject* object, PyObject* reason) {
  set_field(e->encoding, borrow(encoding));
  set_field(e->object, borrow(object));
  set_field(e->reason, borrow(reason));
}

int encode_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (base_exception_init(self, args, kwargs) < 0) return -1;
  auto* e = unicode_error(self);
  PyObject *encoding, *object, *reason;
  Py_ssize_t start, end;
  if (!PyArg_ParseTuple(args, "UUnnU", &encoding, &object, &start, &end, &reason)) return -1;
  take(e, encoding, object, reason);
  e->start = start;
  e->end = end;
  return 0;
}

int decode_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (base_exception_init(self, args, kwargs) < 0) return -1;
  auto* e = unicode_error(self);
  PyObject *encoding, *object, *reason;
  Py_ssize_t start, end;
  if (!PyArg_ParseTuple(args, "UOnnU", &encoding, &object, &start, &end, &reason)) return -1;
  Ref<> bytes = borrow(object);
  if (!PyBytes_Check(object)) {
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) != 0) return -1;
    bytes = steal(PyBytes_FromStringAndSize(static_cast<const char*>(view.buf), view.len));
    PyBuffer_Release(&view);
    if (!bytes) return -1;
  }
  take(e, encoding, bytes.get(), reason);
  e->start = start;
  e->end = end;
  return 0;
}

int translate_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (base_exception_init(self, args, kwargs) < 0) return -1;
  auto* e = unicode_error(self);
  PyObject *object, *reason;
  Py_ssize_t start, end;
  if (!PyArg_ParseTuple(args, "UnnU", &object, &start, &end, &reason)) return -1;
  take(e, nullptr, object, reason);
  e->start = start;
  e->end = end;
  return 0;
}

// ---- messages -----------------------------------------------------------------------------------

Ref<> text_of(PyObject* value) { return steal(PyObject_Str(value ? value : Py_None)); }

const char* character_format(Py_UCS4 c, bool translate, bool has_encoding) {
  if (translate) {
    return c <= 0xff ? "can't translate character '\\x%02x' in position %zd: %U"
           : c <= 0xffff ? "can't translate character '\\u%04x' in position %zd: %U"
                         : "can't translate character '\\U%08x' in position %zd: %U";
  }
  (void)has_encoding;
  return c <= 0xff ? "'%U' codec can't encode character '\\x%02x' in position %zd: %U"
         : c <= 0xffff ? "'%U' codec can't encode character '\\u%04x' in position %zd: %U"
                       : "'%U' codec can't encode character '\\U%08x' in position %zd: %U";
}

Ref<> encode_str(PyUnicodeErrorObject* e) {
  if (!e->object) return borrow(name<"">);  // not initialized
  Ref<> reason = TRY(text_of(e->reason));
  Ref<> encoding = TRY(text_of(e->encoding));
  if (e->start >= 0 && e->start < PyUnicode_GET_LENGTH(e->object) && e->end == e->start + 1) {
    Py_UCS4 c = PyUnicode_ReadChar(e->object, e->start);
    return steal(PyUnicode_FromFormat(character_format(c, false, true), encoding.get(), static_cast<int>(c), e->start, reason.get()));
  }
  return steal(PyUnicode_FromFormat("'%U' codec can't encode characters in position %zd-%zd: %U", encoding.get(), e->start, e->end - 1, reason.get()));
}

Ref<> decode_str(PyUnicodeErrorObject* e) {
  if (!e->object) return borrow(name<"">);
  Ref<> reason = TRY(text_of(e->reason));
  Ref<> encoding = TRY(text_of(e->encoding));
  if (e->start >= 0 && e->start < PyBytes_GET_SIZE(e->object) && e->end == e->start + 1) {
    int byte = static_cast<unsigned char>(PyBytes_AS_STRING(e->object)[e->start]);
    return steal(PyUnicode_FromFormat("'%U' codec can't decode byte 0x%02x in position %zd: %U", encoding.get(), byte, e->start, reason.get()));
  }
  return steal(PyUnicode_FromFormat("'%U' codec can't decode bytes in position %zd-%zd: %U", encoding.get(), e->start, e->end - 1, reason.get()));
}

Ref<> translate_str(PyUnicodeErrorObject* e) {
  if (!e->object) return borrow(name<"">);
  Ref<> reason = TRY(text_of(e->reason));
  if (e->start >= 0 && e->start < PyUnicode_GET_LENGTH(e->object) && e->end == e->start + 1) {
    Py_UCS4 c = PyUnicode_ReadChar(e->object, e->start);
    return steal(PyUnicode_FromFormat(character_format(c, true, false), static_cast<int>(c), e->start, reason.get()));
  }
  return steal(PyUnicode_FromFormat("can't translate characters in position %zd-%zd: %U", e->start, e->end - 1, reason.get()));
}

const PyMemberDef kMembers[] = {
    {"encoding", T_OBJECT, offsetof(PyUnicodeErrorObject, encoding), 0, "exception encoding"},
    {"object", T_OBJECT, offsetof(PyUnicodeErrorObject, object), 0, "exception object"},
    {"start", T_PYSSIZET, offsetof(PyUnicodeErrorObject, start), 0, "exception start"},
    {"end", T_PYSSIZET, offsetof(PyUnicodeErrorObject, end), 0, "exception end"},
    {"reason", T_OBJECT, offsetof(PyUnicodeErrorObject, reason), 0, "exception reason"},
    {},
};

using Fields = ExceptionFields<&PyUnicodeErrorObject::encoding, &PyUnicodeErrorObject::object, &PyUnicodeErrorObject::reason>;

constexpr PyTypeObject with_range(const char* type_name, initproc init, reprfunc str, const char* doc) {
  return {
      .ob_base = GILL_STATIC_TYPE_HEAD,
      .tp_name = type_name,
      .tp_basicsize = sizeof(PyUnicodeErrorObject),
      .tp_dealloc = Fields::dealloc,
      .tp_str = str,
      .tp_flags = kExceptionFlags,
      .tp_doc = doc,
      .tp_traverse = Fields::traverse,
      .tp_clear = Fields::clear,
      .tp_members = table(kMembers),
      .tp_base = &_PyExc_UnicodeError,
      .tp_dictoffset = offsetof(PyBaseExceptionObject, dict),
      .tp_init = init,
      .tp_new = base_exception_new,
  };
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

constinit PyTypeObject _PyExc_UnicodeError = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "UnicodeError",
    .tp_basicsize = sizeof(PyBaseExceptionObject),
    .tp_dealloc = ExceptionFields<>::dealloc,
    .tp_flags = kExceptionFlags,
    .tp_doc = "Unicode related error.",
    .tp_traverse = base_exception_traverse,
    .tp_clear = base_exception_clear,
    .tp_base = &_PyExc_ValueError,
    .tp_dictoffset = offsetof(PyBaseExceptionObject, dict),
    .tp_init = base_exception_init,
    .tp_new = base_exception_new,
};
constinit PyTypeObject _PyExc_UnicodeEncodeError = with_range("UnicodeEncodeError", encode_init, slot<encode_str>, "Unicode encoding error.");
constinit PyTypeObject _PyExc_UnicodeDecodeError = with_range("UnicodeDecodeError", decode_init, slot<decode_str>, "Unicode decoding error.");
constinit PyTypeObject _PyExc_UnicodeTranslateError =
    with_range("UnicodeTranslateError", translate_init, slot<translate_str>, "Unicode translation error.");

PyObject* PyUnicodeDecodeError_Create(const char* encoding, const char* object, Py_ssize_t length, Py_ssize_t start, Py_ssize_t end,
                                      const char* reason) {
  return PyObject_CallFunction(PyExc_UnicodeDecodeError, "sy#nns", encoding, object, length, start, end, reason);
}
PyObject* _PyUnicodeTranslateError_Create(PyObject* object, Py_ssize_t start, Py_ssize_t end, const char* reason) {
  return PyObject_CallFunction(PyExc_UnicodeTranslateError, "Onns", object, start, end, reason);
}

PyObject* PyUnicodeEncodeError_GetEncoding(PyObject* e) { return text_field(unicode_error(e)->encoding, "encoding").release(); }
PyObject* PyUnicodeDecodeError_GetEncoding(PyObject* e) { return text_field(unicode_error(e)->encoding, "encoding").release(); }

PyObject* PyUnicodeEncodeError_GetObject(PyObject* e) { return text_field(unicode_error(e)->object, "object").release(); }
PyObject* PyUnicodeDecodeError_GetObject(PyObject* e) { return bytes_field(unicode_error(e)->object, "object").release(); }
PyObject* PyUnicodeTranslateError_GetObject(PyObject* e) { return text_field(unicode_error(e)->object, "object").release(); }

int PyUnicodeEncodeError_GetStart(PyObject* e, Py_ssize_t* start) { return get_start(e, false, start); }
int PyUnicodeDecodeError_GetStart(PyObject* e, Py_ssize_t* start) { return get_start(e, true, start); }
int PyUnicodeTranslateError_GetStart(PyObject* e, Py_ssize_t* start) { return get_start(e, false, start); }
int PyUnicodeEncodeError_GetEnd(PyObject* e, Py_ssize_t* end) { return get_end(e, false, end); }
int PyUnicodeDecodeError_GetEnd(PyObject* e, Py_ssize_t* end) { return get_end(e, true, end); }
int PyUnicodeTranslateError_GetEnd(PyObject* e, Py_ssize_t* end) { return get_end(e, false, end); }

int PyUnicodeEncodeError_SetStart(PyObject* e, Py_ssize_t start) { return unicode_error(e)->start = start, 0; }
int PyUnicodeDecodeError_SetStart(PyObject* e, Py_ssize_t start) { return unicode_error(e)->start = start, 0; }
int PyUnicodeTranslateError_SetStart(PyObject* e, Py_ssize_t start) { return unicode_error(e)->start = start, 0; }
int PyUnicodeEncodeError_SetEnd(PyObject* e, Py_ssize_t end) { return unicode_error(e)->end = end, 0; }
int PyUnicodeDecodeError_SetEnd(PyObject* e, Py_ssize_t end) { return unicode_error(e)->end = end, 0; }
int PyUnicodeTranslateError_SetEnd(PyObject* e, Py_ssize_t end) { return unicode_error(e)->end = end, 0; }

PyObject* PyUnicodeEncodeError_GetReason(PyObject* e) { return text_field(unicode_error(e)->reason, "reason").release(); }
PyObject* PyUnicodeDecodeError_GetReason(PyObject* e) { return text_field(unicode_error(e)->reason, "reason").release(); }
PyObject* PyUnicodeTranslateError_GetReason(PyObject* e) { return text_field(unicode_error(e)->reason, "reason").release(); }
int PyUnicodeEncodeError_SetReason(PyObject* e, const char* reason) { return set_reason(e, reason); }
int PyUnicodeDecodeError_SetReason(PyObject* e, const char* reason) { return set_reason(e, reason); }
int PyUnicodeTranslateError_SetReason(PyObject* e, const char* reason) { return set_reason(e, reason); }

}  // extern "C"

GILL_EXCEPTION_POINTER(UnicodeError)
GILL_EXCEPTION_POINTER(UnicodeEncodeError)
GILL_EXCEPTION_POINTER(UnicodeDecodeError)
GILL_EXCEPTION_POINTER(UnicodeTranslateError)
