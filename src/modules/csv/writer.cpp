// _csv.writer: iterables of fields to lines of text.
#include "modules/csv/csv.h"

#include <structmember.h>

#include "objects/object.h"
#include "objects/str.h"

namespace gill::csv {

namespace {

struct Writer {
  PyObject_HEAD
  PyObject* write;  // the method of the file
  Dialect* dialect;
  State* state;  // lives as long as the type
};

using Fields = HeapTypeFields<&Writer::write, &Writer::dialect>;

// One line in the making.
class Line {
 public:
  explicit Line(Writer* writer) : dialect_(writer->dialect), state_(writer->state) {
    mark_special(dialect_->delimiter);
    mark_special(dialect_->escape);
    mark_special(dialect_->quote);
    PyObject* end = dialect_->line_terminator;
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(end); ++i) mark_special(PyUnicode_READ_CHAR(end, i));
  }
  Line(const Line&) = delete;

  int fields() const { return fields_; }
  bool empty() const { return text_.length() == 0; }
  // Takes back the only field, which wrote nothing.
  void forget_field() { --fields_; }

  // `field` is a str, or null for one without content.
  Status add_field(PyObject* field, bool quoted) {
    if (fields_ > 0) TRY(put(dialect_->delimiter));
    Py_ssize_t size = field ? PyUnicode_GET_LENGTH(field) : 0;
    bool special = false;
    for (Py_ssize_t i = next_special(field, 0, size); i < size; i = next_special(field, i + 1, size)) {
      special = true;
      bool escape;
      if (needs_prefix(PyUnicode_READ_CHAR(field, i), &escape) && escape && dialect_->escape == kNoCharacter) {
        return raise(state_->error, "need to escape, but no escapechar set");
      }
      if (dialect_->quoting != kQuoteNone && !escape) quoted = true;
    }
    if (quoted) TRY(put(dialect_->quote));
    if (!special) {
      if (size > 0) TRY(text_.put(field));
    } else {
      for (Py_ssize_t i = 0; i < size;) {
        Py_ssize_t run = next_special(field, i, size);
        if (run > i) TRY(text_.put(field, i, run));
        if (run == size) break;
        Py_UCS4 c = PyUnicode_READ_CHAR(field, run);
        bool escape;
        if (needs_prefix(c, &escape)) TRY(put(escape ? dialect_->escape : dialect_->quote));
        TRY(put(c));
        i = run + 1;
      }
    }
    if (quoted) TRY(put(dialect_->quote));
    ++fields_;
    return Status::ok;
  }

  Ref<> finish() {
    TRY(text_.put(dialect_->line_terminator));
    return text_.finish();
  }

 private:
  Status put(Py_UCS4 c) { return text_.put(c); }

  void mark_special(Py_UCS4 c) {
    if (c < 128) ascii_special_[c] = true;
    else if (c != kNoCharacter) other_special_ = true;
  }

  bool is_special(Py_UCS4 c) const {
    if (c < 128) return ascii_special_[c];
    if (!other_special_) return false;
    if (c == dialect_->delimiter || c == dialect_->escape || c == dialect_->quote) return true;
    PyObject* end = dialect_->line_terminator;
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(end); ++i) {
      if (PyUnicode_READ_CHAR(end, i) == c) return true;
    }
    return false;
  }

  template <class Char>
  Py_ssize_t next_special(const Char* text, Py_ssize_t i, Py_ssize_t size) const {
    while (i < size && !is_special(text[i])) ++i;
    return i;
  }
  // The index of the first character from i on that wants quotes or an escape; `size` without one.
  Py_ssize_t next_special(PyObject* field, Py_ssize_t i, Py_ssize_t size) const {
    if (i >= size) return size;
    switch (PyUnicode_KIND(field)) {
      case PyUnicode_1BYTE_KIND: return next_special(PyUnicode_1BYTE_DATA(field), i, size);
      case PyUnicode_2BYTE_KIND: return next_special(PyUnicode_2BYTE_DATA(field), i, size);
      default: return next_special(PyUnicode_4BYTE_DATA(field), i, size);
    }
  }

  // Whether a special character has something in front: the escape character, or (a quote) itself.
  bool needs_prefix(Py_UCS4 c, bool* escape) const {
    *escape = true;
    if (dialect_->quoting == kQuoteNone) return true;
    if (c == dialect_->quote) {
      *escape = !dialect_->double_quote;
      return true;
    }
    if (c == dialect_->escape) return true;
    *escape = false;
    return false;
  }

  Dialect* dialect_;
  State* state_;
  StrWriter text_;
  int fields_ = 0;
  bool ascii_special_[128] = {};
  bool other_special_ = false;
};

Ref<> write_row(Writer* self, PyObject* row) {
  if (!self->write) return raise(PyExc_TypeError, "the writer has no output");
  Dialect* dialect = self->dialect;
  Ref<> iterator = steal(PyObject_GetIter(row));
  if (!iterator) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_Format(self->state->error, "iterable expected, not %.200s", Py_TYPE(row)->tp_name);
    return nullptr;
  }
  Line line(self);
  while (Ref<> field = steal(PyIter_Next(iterator.get()))) {
    bool quoted = dialect->quoting == kQuoteAll || (dialect->quoting == kQuoteNonNumeric && !PyNumber_Check(field.get()));
    if (field.get() == Py_None) {
      TRY(line.add_field(nullptr, quoted));
    } else {
      if (!PyUnicode_Check(field.get())) field = TRY(steal(PyObject_Str(field.get())));
      if (PyUnicode_READY(field.get()) < 0) return nullptr;
      TRY(line.add_field(field.get(), quoted));
    }
  }
  if (PyErr_Occurred()) return nullptr;
  if (line.fields() > 0 && line.empty()) {
    // An empty line would be no record.
    if (dialect->quoting == kQuoteNone) return raise(self->state->error, "single empty field record must be quoted");
    line.forget_field();
    TRY(line.add_field(nullptr, true));
  }
  Ref<> text = TRY(line.finish());
  return call(self->write, text.get());
}

Status write_rows(Writer* self, PyObject* rows) {
  Ref<> iterator = TRY(steal(PyObject_GetIter(rows)));
  while (Ref<> row = steal(PyIter_Next(iterator.get()))) {
    Ref<> written = TRY(write_row(self, row.get()));
  }
  return PyErr_Occurred() ? Status::error : Status::ok;
}

void writer_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Fields::clear(self);
  type->tp_free(self);
  release(as_object(type));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("writerow($self, row, /)", write_row,
                    "writerow(iterable)\n\nConstruct and write a CSV record from an iterable of fields.  Non-string\n"
                    "elements will be converted to string."),
    METHOD_UNSIGNED("writerows($self, rows, /)", write_rows,
                    "writerows(iterable of iterables)\n\nConstruct and write a series of iterables to a csv file.  Non-string\n"
                    "elements will be converted to string."),
    kEndOfMethods,
};

const PyMemberDef kMembers[] = {
    {"dialect", T_OBJECT, offsetof(Writer, dialect), READONLY, nullptr},
    {},
};

const PyType_Slot kSlots[] = {
    {Py_tp_doc, (void*)"CSV writer\n\nWriter objects are responsible for generating tabular data\nin CSV format from sequence input.\n"},
    {Py_tp_traverse, (void*)Fields::traverse},
    {Py_tp_clear, (void*)Fields::clear},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_dealloc, (void*)writer_dealloc},
    {0, nullptr},
};
PyType_Spec spec = {"_csv.writer", sizeof(Writer), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
                    const_cast<PyType_Slot*>(kSlots)};

}  // namespace

PyObject* writer(PyObject* module, PyObject* args, PyObject* kwargs) {
  State* state = state_of(module);
  PyObject* file;
  PyObject* dialect = nullptr;
  if (!PyArg_UnpackTuple(args, "", 1, 2, &file, &dialect)) return nullptr;
  bool failed;
  Ref<> write = optional_attribute(file, name<"write">, &failed);
  if (failed) return nullptr;
  if (!write || !PyCallable_Check(write.get())) return raise(PyExc_TypeError, "argument 1 must have a \"write\" method");
  Ref<Dialect> settings = TRY(make_dialect(state, dialect, kwargs));
  Ref<Writer> self = TRY(Ref<Writer>::steal(state->writer_type->tp_alloc(state->writer_type, 0)));
  self->write = write.release();
  self->dialect = settings.release();
  self->state = state;
  return as_object(self.release());
}

Status add_writer_type(PyObject* module) {
  State* state = state_of(module);
  state->writer_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return status_of(PyModule_AddObjectRef(module, "Writer", as_object(state->writer_type)));
}

}  // namespace gill::csv
