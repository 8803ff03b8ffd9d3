// stderrprinter: what sys.stderr is until the io module stands. It writes UTF-8 with backslash escapes straight to
// a descriptor.
#include <cerrno>
#include <unistd.h>

#include "base/binding.h"

namespace gill {
namespace {

struct StdPrinter {
  PyObject_HEAD
  int descriptor;
};

Ref<> printer_repr(StdPrinter* self) { return steal(PyUnicode_FromFormat("<stderrprinter(fd=%d) object at %p>", self->descriptor, self)); }

Maybe<int> printer_fileno(StdPrinter* self) { return self->descriptor; }
Maybe<bool> printer_isatty(StdPrinter* self) {
  if (self->descriptor < 0) return false;
  PyThreadState* thread = PyEval_SaveThread();
  bool terminal = isatty(self->descriptor);
  PyEval_RestoreThread(thread);
  return terminal;
}
Status printer_flush(StdPrinter*) { return Status::ok; }

Status write_all(int descriptor, const char* text, Py_ssize_t size) {
  while (size > 0) {
    PyThreadState* thread = PyEval_SaveThread();
    ssize_t written = write(descriptor, text, static_cast<size_t>(size));
    int error = errno;
    PyEval_RestoreThread(thread);
    if (written < 0 && error == EINTR) {
      TRY(status_of(PyErr_CheckSignals()));
      continue;
    }
    if (written < 0) {
      // Non-blocking output that is full drops the rest: there is nobody to tell.
      if (error == EAGAIN) return Status::ok;
      errno = error;
      PyErr_SetFromErrno(PyExc_OSError);
      return failure;
    }
    text += written;
    size -= written;
  }
  return Status::ok;
}

PyObject* printer_write(PyObject* object, PyObject* text) {
  auto* self = reinterpret_cast<StdPrinter*>(object);
  // A program without a console has nowhere to write.
  if (self->descriptor < 0) return none().release();
  if (!PyUnicode_Check(text)) return raise(PyExc_TypeError, "write() argument 1 must be str, not %.50s", Py_TYPE(text)->tp_name);
  Ref<> bytes = TRY(steal(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace")));
  Py_ssize_t size = PyBytes_GET_SIZE(bytes.get());
  TRY(write_all(self->descriptor, PyBytes_AS_STRING(bytes.get()), size));
  return PyLong_FromSsize_t(size);
}

Ref<> get_encoding(StdPrinter*) { return none(); }
Ref<> get_closed(StdPrinter*) { return py_bool(false); }
Ref<> get_mode(StdPrinter*) { return steal(PyUnicode_FromString("w")); }

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("close($self)", printer_flush, nullptr),
    METHOD_UNSIGNED("flush($self)", printer_flush, nullptr),
    METHOD_UNSIGNED("fileno($self)", printer_fileno, nullptr),
    METHOD_UNSIGNED("isatty($self)", printer_isatty, nullptr),
    {"write", printer_write, METH_O, nullptr},
    kEndOfMethods,
};
const PyGetSetDef kGetSets[] = {
    getset<get_closed>("closed", "True if the file is closed"),
    getset<get_encoding>("encoding", "Encoding of the file"),
    getset<get_mode>("mode", "String giving the file mode"),
    kEndOfGetSets,
};

}  // namespace

extern "C" {

PyTypeObject PyStdPrinter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "stderrprinter",
    .tp_basicsize = sizeof(StdPrinter),
    .tp_repr = slot<printer_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_methods = table(kMethods),
    .tp_getset = table(kGetSets),
};

PyObject* PyFile_NewStdPrinter(int descriptor) {
  if (descriptor != STDOUT_FILENO && descriptor != STDERR_FILENO) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  auto* self = PyObject_New(StdPrinter, &PyStdPrinter_Type);
  if (self) self->descriptor = descriptor;
  return as_object(self);
}

}  // extern "C"
GILL_STATIC_TYPE(PyStdPrinter_Type);

}  // namespace gill
