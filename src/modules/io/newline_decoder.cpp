// `IncrementalNewlineDecoder`: wraps a decoder and turns "\r" and "\r\n" into "\n", or only notes which
// line ends it saw. A "\r" at the end of a chunk waits for the next, so that "\r\n" is never split.
#include "modules/io/io.h"

#include <structmember.h>

namespace gill::io {
namespace {

enum Seen : unsigned { kSeenCR = 1, kSeenLF = 2, kSeenCRLF = 4 };

struct NewlineDecoder {
  PyObject_HEAD
  PyObject* decoder;
  PyObject* errors;
  bool initialized, pending_cr, translate;
  unsigned seen;

  using Fields = OwnedFields<&NewlineDecoder::decoder, &NewlineDecoder::errors>;
};

Status check_ready(NewlineDecoder* self) {
  if (!self->initialized) return raise(PyExc_ValueError, "IncrementalNewlineDecoder.__init__() not called");
  return Status::ok;
}

Status newline_init(NewlineDecoder* self, PyObject* decoder, int translate, PyObject* errors) {
  set_field(self->decoder, borrow(decoder));
  set_field(self->errors, errors ? borrow(errors) : borrow(name<"strict">));
  self->translate = translate;
  self->seen = 0;
  self->pending_cr = false;
  self->initialized = true;
  return Status::ok;
}

template <class Char>
unsigned scan(const Char* text, Py_ssize_t n) {
  unsigned seen = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (text[i] == '\n') {
      seen |= kSeenLF;
    } else if (text[i] == '\r') {
      if (i + 1 < n && text[i + 1] == '\n') {
        seen |= kSeenCRLF;
        ++i;
      } else {
        seen |= kSeenCR;
      }
    }
  }
  return seen;
}

template <class Char>
Py_ssize_t translate_into(const Char* text, Py_ssize_t n, Char* out, unsigned* seen) {
  Py_ssize_t length = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    Char c = text[i];
    if (c == '\n') *seen |= kSeenLF;
    if (c == '\r') {
      if (i + 1 < n && text[i + 1] == '\n') {
        *seen |= kSeenCRLF;
        ++i;
      } else {
        *seen |= kSeenCR;
      }
      c = '\n';
    }
    out[length++] = c;
  }
  return length;
}

Ref<> decode(NewlineDecoder* self, PyObject* input, bool final) {
  TRY(check_ready(self));
  Ref<> output;
  if (self->decoder != Py_None) {
    output = TRY(steal(PyObject_CallMethodObjArgs(self->decoder, name<"decode">, input, final ? Py_True : Py_False, nullptr)));
  } else {
    output = borrow(input);
  }
  if (!PyUnicode_Check(output.get())) {
    return raise(PyExc_TypeError, "decoder should return a string result, not '%.200s'", Py_TYPE(output.get())->tp_name);
  }
  Py_ssize_t n = PyUnicode_GET_LENGTH(output.get());
  if (self->pending_cr && (final || n > 0)) {
    output = TRY(steal(PyUnicode_Concat(name<"\r">, output.get())));
    self->pending_cr = false;
    ++n;
  }
  if (!final && n > 0 && PyUnicode_READ_CHAR(output.get(), n - 1) == '\r') {
    output = TRY(steal(PyUnicode_Substring(output.get(), 0, n - 1)));
    self->pending_cr = true;
    --n;
  }
  if (n == 0) return output;
  int kind = PyUnicode_KIND(output.get());
  const void* data = PyUnicode_DATA(output.get());
  bool has_cr = PyUnicode_FindChar(output.get(), '\r', 0, n, 1) >= 0;
  if (!has_cr) {
    // Once "\n" was seen there is nothing left to learn from text without "\r".
    if (!(self->seen & kSeenLF) && PyUnicode_FindChar(output.get(), '\n', 0, n, 1) >= 0) self->seen |= kSeenLF;
    return output;
  }
  if (!self->translate) {
    self->seen |= kind == 1   ? scan(static_cast<const Py_UCS1*>(data), n)
                  : kind == 2 ? scan(static_cast<const Py_UCS2*>(data), n)
                              : scan(static_cast<const Py_UCS4*>(data), n);
    return output;
  }
  void* scratch = PyMem_Malloc(static_cast<size_t>(n * kind));
  if (!scratch) {
    PyErr_NoMemory();
    return failure;
  }
  Py_ssize_t length = kind == 1   ? translate_into(static_cast<const Py_UCS1*>(data), n, static_cast<Py_UCS1*>(scratch), &self->seen)
                      : kind == 2 ? translate_into(static_cast<const Py_UCS2*>(data), n, static_cast<Py_UCS2*>(scratch), &self->seen)
                                  : translate_into(static_cast<const Py_UCS4*>(data), n, static_cast<Py_UCS4*>(scratch), &self->seen);
  Ref<> result = steal(PyUnicode_FromKindAndData(kind, scratch, length));
  PyMem_Free(scratch);
  return result;
}

Ref<> newline_decode(NewlineDecoder* self, PyObject* input, int final) { return decode(self, input, final); }

// (bytes buffered in the wrapped decoder, its flags << 1 | pending "\r").
Ref<> newline_getstate(NewlineDecoder* self) {
  TRY(check_ready(self));
  Ref<> buffer;
  unsigned long long flag = 0;
  if (self->decoder != Py_None) {
    Ref<> state = TRY(call(self->decoder, name<"getstate">));
    if (!PyTuple_Check(state.get())) return raise(PyExc_TypeError, "illegal decoder state");
    PyObject* bytes;
    if (!PyArg_ParseTuple(state.get(), "OK;illegal decoder state", &bytes, &flag)) return failure;
    buffer = borrow(bytes);
  } else {
    buffer = TRY(steal(PyBytes_FromStringAndSize(nullptr, 0)));
  }
  flag = flag << 1 | (self->pending_cr ? 1 : 0);
  return steal(Py_BuildValue("OK", buffer.get(), flag));
}

Ref<> newline_setstate(NewlineDecoder* self, PyObject* state) {
  TRY(check_ready(self));
  PyObject* buffer;
  unsigned long long flag;
  if (!PyTuple_Check(state)) return raise(PyExc_TypeError, "state argument must be a tuple");
  if (!PyArg_ParseTuple(state, "OK;setstate(): illegal state argument", &buffer, &flag)) return failure;
  self->pending_cr = flag & 1;
  if (self->decoder == Py_None) return none();
  return steal(PyObject_CallMethod(self->decoder, "setstate", "((OK))", buffer, flag >> 1));
}

Ref<> newline_reset(NewlineDecoder* self) {
  TRY(check_ready(self));
  self->seen = 0;
  self->pending_cr = false;
  if (self->decoder == Py_None) return none();
  return call(self->decoder, name<"reset">);
}

Ref<> newline_newlines(NewlineDecoder* self) {
  TRY(check_ready(self));
  switch (self->seen) {
    case 0: return none();
    case kSeenCR: return borrow(name<"\r">);
    case kSeenLF: return borrow(name<"\n">);
    case kSeenCRLF: return borrow(name<"\r\n">);
    case kSeenCR | kSeenLF: return steal(Py_BuildValue("ss", "\r", "\n"));
    case kSeenCR | kSeenCRLF: return steal(Py_BuildValue("ss", "\r", "\r\n"));
    case kSeenLF | kSeenCRLF: return steal(Py_BuildValue("ss", "\n", "\r\n"));
    default: return steal(Py_BuildValue("sss", "\r", "\n", "\r\n"));
  }
}

void newline_dealloc(NewlineDecoder* self) {
  PyObject_GC_UnTrack(as_object(self));
  NewlineDecoder::Fields::clear_all(self);
  Py_TYPE(self)->tp_free(as_object(self));
}

const PyMethodDef kMethods[] = {
    METHOD("decode($self, /, input, final=False)", newline_decode, "Decode a chunk; final says that no more follows."),
    METHOD("getstate($self, /)", newline_getstate, "The state as (buffered bytes, flags)."),
    METHOD("setstate($self, state, /)", newline_setstate, "Go back to a state from getstate()."),
    METHOD("reset($self, /)", newline_reset, "Start anew."),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {getset<newline_newlines>("newlines"), kEndOfGetSets};

}  // namespace

extern "C" PyTypeObject IncrementalNewlineDecoder_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io.IncrementalNewlineDecoder",
    .tp_basicsize = sizeof(NewlineDecoder),
    .tp_dealloc = slot<newline_dealloc>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "IncrementalNewlineDecoder(decoder, translate, errors='strict')\n--\n\n"
              "Codec used when reading a file in universal newlines mode.",
    .tp_traverse = NewlineDecoder::Fields::traverse,
    .tp_clear = NewlineDecoder::Fields::clear,
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_init = INITIALIZER("IncrementalNewlineDecoder($self, /, decoder, translate, errors='strict')", newline_init),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = PyType_GenericNew,
    .tp_free = PyObject_GC_Del,
};
GILL_STATIC_TYPE(IncrementalNewlineDecoder_Type);

Ref<> new_newline_decoder(PyObject* decoder, bool translate) {
  return steal(PyObject_CallFunctionObjArgs(as_object(&IncrementalNewlineDecoder_Type), decoder, translate ? Py_True : Py_False, nullptr));
}

Ref<> decode_step(PyObject* decoder, PyObject* input, bool final) {
  if (Py_TYPE(decoder) == &IncrementalNewlineDecoder_Type) {
    return decode(reinterpret_cast<NewlineDecoder*>(decoder), input, final);
  }
  return steal(PyObject_CallMethodObjArgs(decoder, name<"decode">, input, final ? Py_True : Py_False, nullptr));
}

}  // namespace gill::io
