// _csv.reader: lines of text to lists of fields.
//
// A state machine over the characters of a line and its end, with runs of plain characters taken at once. A field that stands in
// one piece in its line becomes a substring of it; others are put together in a buffer.
#include "modules/csv/csv.h"

#include <structmember.h>

#include <cstring>

namespace gill::csv {

namespace {

enum class Place {
  record_start,
  field_start,
  escaped,
  after_escaped_newline,
  in_field,
  in_quotes,
  escaped_in_quotes,
  quote_in_quotes,
  after_record,
};

struct Reader {
  PyObject_HEAD
  PyObject* lines;  // iterator
  Dialect* dialect;
  PyObject* fields;  // list, of the record being read
  Place place;
  bool numeric;  // the field is unquoted where that makes it a float
  Py_UCS4* buffer;
  Py_ssize_t capacity;
  Py_ssize_t length;
  unsigned long line_number;
  State* state;  // lives as long as the type
};

using Fields = HeapTypeFields<&Reader::lines, &Reader::dialect, &Reader::fields>;

// ---- fields ------------------------------------------------------------------------------------------

Failure too_large(Reader* self) { return raise(self->state->error, "field larger than field limit (%ld)", self->state->field_limit); }

Status reserve(Reader* self, Py_ssize_t count) {
  if (self->length + count <= self->capacity) return Status::ok;
  Py_ssize_t capacity = self->capacity ? self->capacity : 2048;
  while (capacity < self->length + count) {
    if (capacity > PY_SSIZE_T_MAX / 16) {
      PyErr_NoMemory();
      return Status::error;
    }
    capacity *= 2;
  }
  auto* grown = static_cast<Py_UCS4*>(PyMem_Realloc(self->buffer, static_cast<size_t>(capacity) * sizeof(Py_UCS4)));
  if (!grown) {
    PyErr_NoMemory();
    return Status::error;
  }
  self->buffer = grown;
  self->capacity = capacity;
  return Status::ok;
}

template <class Char>
Status add_run(Reader* self, const Char* text, Py_ssize_t count) {
  if (count > self->state->field_limit - self->length) return too_large(self);
  TRY(reserve(self, count));
  for (Py_ssize_t i = 0; i < count; ++i) self->buffer[self->length + i] = text[i];
  self->length += count;
  return Status::ok;
}
Status add(Reader* self, Py_UCS4 c) { return add_run(self, &c, 1); }

Status append_field(Reader* self, Ref<> field) {
  if (!field) return Status::error;
  if (self->numeric) {
    self->numeric = false;
    field = TRY(steal(PyNumber_Float(field.get())));
  }
  return status_of(PyList_Append(self->fields, field.get()));
}

Status end_field(Reader* self) {
  Ref<> field = steal(PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, self->buffer, self->length));
  self->length = 0;
  return append_field(self, std::move(field));
}

// ---- the machine -------------------------------------------------------------------------------------

bool is_newline(Py_UCS4 c) { return c == '\n' || c == '\r'; }
bool ends_line(Py_UCS4 c) { return is_newline(c) || c == kEndOfLine; }
Place place_after(Py_UCS4 line_end) { return line_end == kEndOfLine ? Place::record_start : Place::after_record; }

// One character, or the end of the line.
Status step(Reader* self, Py_UCS4 c) {
  Dialect* dialect = self->dialect;
  bool quotes_count = dialect->quoting != kQuoteNone;
  switch (self->place) {
    case Place::record_start:
      if (c == kEndOfLine) return Status::ok;  // an empty line
      if (is_newline(c)) {
        self->place = Place::after_record;
        return Status::ok;
      }
      self->place = Place::field_start;
      [[fallthrough]];
    case Place::field_start:
      if (ends_line(c)) {
        TRY(end_field(self));
        self->place = place_after(c);
      } else if (c == dialect->quote && quotes_count) {
        self->place = Place::in_quotes;
      } else if (c == dialect->escape) {
        self->place = Place::escaped;
      } else if (c == ' ' && dialect->skip_initial_space) {
      } else if (c == dialect->delimiter) {
        return end_field(self);
      } else {
        if (dialect->quoting == kQuoteNonNumeric) self->numeric = true;
        TRY(add(self, c));
        self->place = Place::in_field;
      }
      return Status::ok;
    case Place::escaped:
      if (is_newline(c)) {
        TRY(add(self, c));
        self->place = Place::after_escaped_newline;
        return Status::ok;
      }
      TRY(add(self, c == kEndOfLine ? '\n' : c));
      self->place = Place::in_field;
      return Status::ok;
    case Place::after_escaped_newline:
      if (c == kEndOfLine) return Status::ok;
      [[fallthrough]];
    case Place::in_field:
      if (ends_line(c)) {
        TRY(end_field(self));
        self->place = place_after(c);
      } else if (c == dialect->escape) {
        self->place = Place::escaped;
      } else if (c == dialect->delimiter) {
        TRY(end_field(self));
        self->place = Place::field_start;
      } else {
        return add(self, c);
      }
      return Status::ok;
    case Place::in_quotes:
      if (c == kEndOfLine) return Status::ok;
      if (c == dialect->escape) {
        self->place = Place::escaped_in_quotes;
      } else if (c == dialect->quote && quotes_count) {
        self->place = dialect->double_quote ? Place::quote_in_quotes : Place::in_field;
      } else {
        return add(self, c);
      }
      return Status::ok;
    case Place::escaped_in_quotes:
      TRY(add(self, c == kEndOfLine ? '\n' : c));
      self->place = Place::in_quotes;
      return Status::ok;
    case Place::quote_in_quotes:
      if (quotes_count && c == dialect->quote) {
        TRY(add(self, c));
        self->place = Place::in_quotes;
      } else if (c == dialect->delimiter) {
        TRY(end_field(self));
        self->place = Place::field_start;
      } else if (ends_line(c)) {
        TRY(end_field(self));
        self->place = place_after(c);
      } else if (!dialect->strict) {
        TRY(add(self, c));
        self->place = Place::in_field;
      } else {
        return raise(self->state->error, "'%c' expected after '%c'", dialect->delimiter, dialect->quote);
      }
      return Status::ok;
    case Place::after_record:
      if (is_newline(c)) return Status::ok;
      if (c == kEndOfLine) {
        self->place = Place::record_start;
        return Status::ok;
      }
      return raise(self->state->error,
                   "new-line character seen in unquoted field - do you need to open the file in universal-newline mode?");
  }
  Py_UNREACHABLE();
}

template <class Char>
Status read_line(Reader* self, PyObject* line, const Char* text, Py_ssize_t size) {
  Dialect* dialect = self->dialect;
  bool quotes_count = dialect->quoting != kQuoteNone;
  Py_ssize_t i = 0;
  while (i < size) {
    Place place = self->place;
    bool at_start = place == Place::field_start || place == Place::record_start;
    if (at_start || place == Place::in_field) {
      Py_ssize_t begin = i;
      bool special = at_start && ((text[i] == dialect->quote && quotes_count) || (text[i] == ' ' && dialect->skip_initial_space));
      if (!special) {
        while (i < size && text[i] != dialect->delimiter && !is_newline(text[i]) && text[i] != dialect->escape) ++i;
        Py_ssize_t count = i - begin;
        bool complete = i == size || (text[i] == dialect->delimiter && !is_newline(text[i]));
        if (count > 0 && at_start && complete && self->length == 0) {
          if (count > self->state->field_limit) return too_large(self);
          self->numeric = dialect->quoting == kQuoteNonNumeric;
          TRY(append_field(self, steal(PyUnicode_Substring(line, begin, i))));
          self->place = i < size ? Place::field_start : Place::record_start;
          if (i == size) return Status::ok;
          ++i;
          continue;
        }
        if (count > 0) {
          if (at_start) {
            if (dialect->quoting == kQuoteNonNumeric) self->numeric = true;
            self->place = Place::in_field;
          }
          TRY(add_run(self, text + begin, count));
          continue;
        }
      }
    } else if (place == Place::in_quotes) {
      Py_ssize_t begin = i;
      while (i < size && text[i] != dialect->escape && !(text[i] == dialect->quote && quotes_count)) ++i;
      if (i > begin) {
        TRY(add_run(self, text + begin, i - begin));
        continue;
      }
    }
    TRY(step(self, text[i++]));
  }
  return step(self, kEndOfLine);
}

Status read_line(Reader* self, PyObject* line) {
  Py_ssize_t size = PyUnicode_GET_LENGTH(line);
  switch (PyUnicode_KIND(line)) {
    case PyUnicode_1BYTE_KIND: return read_line(self, line, PyUnicode_1BYTE_DATA(line), size);
    case PyUnicode_2BYTE_KIND: return read_line(self, line, PyUnicode_2BYTE_DATA(line), size);
    default: return read_line(self, line, PyUnicode_4BYTE_DATA(line), size);
  }
}

Ref<> reader_next(Reader* self) {
  if (!self->lines) return raise(PyExc_TypeError, "the reader has no input");
  set_field(self->fields, TRY(steal(PyList_New(0))));
  self->length = 0;
  self->place = Place::record_start;
  self->numeric = false;
  do {
    Ref<> line = steal(PyIter_Next(self->lines));
    if (!line) {
      if (PyErr_Occurred()) return nullptr;
      if (self->length == 0 && self->place != Place::in_quotes) return nullptr;
      if (self->dialect->strict) return raise(self->state->error, "unexpected end of data");
      TRY(end_field(self));
      break;
    }
    if (!PyUnicode_Check(line.get())) {
      return raise(self->state->error, "iterator should return strings, not %.200s (the file should be opened in text mode)",
                   Py_TYPE(line.get())->tp_name);
    }
    if (PyUnicode_READY(line.get()) < 0) return nullptr;
    // The iterator may have run this very reader.
    if (!self->fields) return nullptr;
    ++self->line_number;
    TRY(read_line(self, line.get()));
  } while (self->place != Place::record_start);
  return steal(std::exchange(self->fields, nullptr));
}

void reader_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Fields::clear(self);
  PyMem_Free(reinterpret_cast<Reader*>(self)->buffer);
  type->tp_free(self);
  release(as_object(type));
}

const PyMemberDef kMembers[] = {
    {"dialect", T_OBJECT, offsetof(Reader, dialect), READONLY, nullptr},
    {"line_num", T_ULONG, offsetof(Reader, line_number), READONLY, nullptr},
    {},
};

const PyType_Slot kSlots[] = {
    {Py_tp_doc, (void*)"CSV reader\n\nReader objects are responsible for reading and parsing tabular data\nin CSV format.\n"},
    {Py_tp_traverse, (void*)Fields::traverse},
    {Py_tp_clear, (void*)Fields::clear},
    {Py_tp_iter, (void*)PyObject_SelfIter},
    {Py_tp_iternext, (void*)slot<reader_next>},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_dealloc, (void*)reader_dealloc},
    {0, nullptr},
};
PyType_Spec spec = {"_csv.reader", sizeof(Reader), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
                    const_cast<PyType_Slot*>(kSlots)};

}  // namespace

PyObject* reader(PyObject* module, PyObject* args, PyObject* kwargs) {
  State* state = state_of(module);
  PyObject* iterable;
  PyObject* dialect = nullptr;
  if (!PyArg_UnpackTuple(args, "", 1, 2, &iterable, &dialect)) return nullptr;
  Ref<> lines = TRY(steal(PyObject_GetIter(iterable)));
  Ref<Dialect> settings = TRY(make_dialect(state, dialect, kwargs));
  Ref<Reader> self = TRY(Ref<Reader>::steal(state->reader_type->tp_alloc(state->reader_type, 0)));
  self->lines = lines.release();
  self->dialect = settings.release();
  self->state = state;
  return as_object(self.release());
}

Status add_reader_type(PyObject* module) {
  State* state = state_of(module);
  state->reader_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return status_of(PyModule_AddObjectRef(module, "Reader", as_object(state->reader_type)));
}

}  // namespace gill::csv
