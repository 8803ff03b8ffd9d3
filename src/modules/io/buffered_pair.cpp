// `BufferedRWPair`: a reader and a writer side by side, as for the two ends of a socket or pipe.
#include "modules/io/io.h"

#include <structmember.h>

namespace gill::io {
namespace {

struct Pair : IoBase {
  PyObject* reader;
  PyObject* writer;

  using Fields = OwnedFields<&Pair::dict, &Pair::reader, &Pair::writer>;
};

Status pair_init(Pair* self, PyObject* reader, PyObject* writer, Py_ssize_t size) {
  TRY(check_readable(reader));
  TRY(check_writable(writer));
  Ref<> in = TRY(steal(PyObject_CallFunction(as_object(&BufferedReader_Type), "On", reader, size)));
  Ref<> out = TRY(steal(PyObject_CallFunction(as_object(&BufferedWriter_Type), "On", writer, size)));
  set_field(self->reader, std::move(in));
  set_field(self->writer, std::move(out));
  return Status::ok;
}

Ref<> forward(PyObject* target, PyObject* method, Args args) {
  if (!target) return raise(PyExc_ValueError, "I/O operation on uninitialized object");
  Ref<> function = TRY(steal(PyObject_GetAttr(target, method)));
  return steal(PyObject_Vectorcall(function.get(), args.items, static_cast<size_t>(args.count), nullptr));
}
Ref<> pair_read(Pair* self, Args args) { return forward(self->reader, name<"read">, args); }
Ref<> pair_peek(Pair* self, Args args) { return forward(self->reader, name<"peek">, args); }
Ref<> pair_read1(Pair* self, Args args) { return forward(self->reader, name<"read1">, args); }
Ref<> pair_readinto(Pair* self, Args args) { return forward(self->reader, name<"readinto">, args); }
Ref<> pair_readinto1(Pair* self, Args args) { return forward(self->reader, name<"readinto1">, args); }
Ref<> pair_write(Pair* self, Args args) { return forward(self->writer, name<"write">, args); }
Ref<> pair_flush(Pair* self) { return forward(self->writer, name<"flush">, {}); }
Ref<> pair_readable(Pair* self, Args args) { return forward(self->reader, name<"readable">, args); }
Ref<> pair_writable(Pair* self, Args args) { return forward(self->writer, name<"writable">, args); }

Ref<> pair_close(Pair* self, Args args) {
  Ref<> out = forward(self->writer, name<"close">, args);
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  if (!out) PyErr_Fetch(&type, &value, &traceback);
  Ref<> in = forward(self->reader, name<"close">, args);
  if (type) {
    _PyErr_ChainExceptions(type, value, traceback);
    return failure;
  }
  return in;
}

Ref<> pair_isatty(Pair* self, Args args) {
  Ref<> out = TRY(forward(self->writer, name<"isatty">, args));
  if (out.get() != Py_False) return out;
  return forward(self->reader, name<"isatty">, args);
}

Ref<> pair_closed(Pair* self) {
  if (!self->writer) return raise(PyExc_RuntimeError, "the BufferedRWPair object is being garbage-collected");
  return steal(PyObject_GetAttr(self->writer, name<"closed">));
}

void destroy(Pair*) {}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("read($self, *args)", pair_read, nullptr),
    METHOD_UNSIGNED("peek($self, *args)", pair_peek, nullptr),
    METHOD_UNSIGNED("read1($self, *args)", pair_read1, nullptr),
    METHOD_UNSIGNED("readinto($self, *args)", pair_readinto, nullptr),
    METHOD_UNSIGNED("readinto1($self, *args)", pair_readinto1, nullptr),
    METHOD_UNSIGNED("write($self, *args)", pair_write, nullptr),
    METHOD_UNSIGNED("flush($self)", pair_flush, nullptr),
    METHOD_UNSIGNED("readable($self, *args)", pair_readable, nullptr),
    METHOD_UNSIGNED("writable($self, *args)", pair_writable, nullptr),
    METHOD_UNSIGNED("close($self, *args)", pair_close, nullptr),
    METHOD_UNSIGNED("isatty($self, *args)", pair_isatty, nullptr),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {getset<pair_closed>("closed"), kEndOfGetSets};

}  // namespace

extern "C" PyTypeObject BufferedRWPair_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io.BufferedRWPair",
    .tp_basicsize = sizeof(Pair),
    .tp_dealloc = slot<dealloc<Pair, destroy>>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "BufferedRWPair(reader, writer, buffer_size=DEFAULT_BUFFER_SIZE, /)\n--\n\nA buffered reader and writer object together.",
    .tp_traverse = Pair::Fields::traverse,
    .tp_clear = Pair::Fields::clear,
    .tp_weaklistoffset = offsetof(IoBase, weakrefs),
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_base = &BufferedIOBase_Type,
    .tp_dictoffset = offsetof(IoBase, dict),
    .tp_init = INITIALIZER("BufferedRWPair($self, reader, writer, buffer_size=8192, /)", pair_init),
    .tp_new = PyType_GenericNew,
};
GILL_STATIC_TYPE(BufferedRWPair_Type);

}  // namespace gill::io
