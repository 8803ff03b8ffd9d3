// The tables of a code object: positions, lines, exception handlers.
//
// Location table: an entry begins with a byte whose top bit is set: form (4 bits) and length-1 in code units
// (3 bits). Forms 0-9: line of before, columns packed in one more byte; 10-12: line +0..+2, two column bytes;
// 13: line delta, no columns; 14: everything as variable-length numbers; 15: nothing known.
// Exception table: entries start, length, target, depth*2+lasti, each a number in groups of 6 bits, high group
// first; the first byte of an entry has its top bit set.
#include "base/binding.h"
#include "objects/code.h"
#include "objects/frame.h"

namespace gill {

Ref<> without_columns(PyObject* table) {
  const char* p = PyBytes_AS_STRING(table);
  const char* end = p + PyBytes_GET_SIZE(table);
  // An entry takes two bytes, also where it was cut off.
  Ref<> result = TRY(steal(PyBytes_FromStringAndSize(nullptr, 2 * (end - p))));
  char* out = PyBytes_AS_STRING(result.get());
  while (p < end) {
    int form = static_cast<unsigned char>(*p) >> 3 & 15;
    int units = *p & 7;
    ++p;
    auto head = [&](int new_form) { *out++ = static_cast<char>(0x80 | new_form << 3 | units); };
    if (form == 15) {
      head(15);
    } else if (form < 13) {
      head(13);
      *out++ = static_cast<char>(form < 10 ? 0 : (form - 10) << 1);  // a signed number: its sign is the lowest bit
    } else {
      head(13);
      bool more = true;
      for (; more && p < end; ++p) {
        more = *p & 64;
        *out++ = *p;
      }
    }
    while (p < end && !(*p & 0x80)) ++p;
  }
  PyObject* bytes = result.release();
  if (_PyBytes_Resize(&bytes, out - PyBytes_AS_STRING(bytes)) < 0) return failure;
  return steal(bytes);
}

namespace {
// A table that a program made up may hold any numbers.
int wrapping_sum(int a, int b) { return static_cast<int>(static_cast<unsigned>(a) + static_cast<unsigned>(b)); }
}  // namespace

LocationReader::LocationReader(PyCodeObject* code)
    : p_(reinterpret_cast<const unsigned char*>(PyBytes_AS_STRING(code->co_linetable))),
      limit_(p_ + PyBytes_GET_SIZE(code->co_linetable)),
      computed_line_(code->co_firstlineno) {}

int LocationReader::read_varint() {
  unsigned value = 0;
  int shift = 0;
  while (p_ < limit_) {
    unsigned char byte = *p_++;
    if (shift < 32) value |= static_cast<unsigned>(byte & 63) << shift;
    shift += 6;
    if (!(byte & 64)) break;
  }
  return static_cast<int>(value);
}

int LocationReader::read_signed() {
  auto value = static_cast<unsigned>(read_varint());
  return value & 1 ? -static_cast<int>(value >> 1) : static_cast<int>(value >> 1);
}

bool LocationReader::next() {
  if (p_ >= limit_) return false;
  unsigned char first = *p_++;
  start = end;
  end += ((first & 7) + 1) * 2;
  int form = (first >> 3) & 15;
  auto byte = [&] { return p_ < limit_ ? *p_++ : 0; };
  switch (form) {
    case 15:
      line = end_line = column = end_column = -1;
      return true;
    case 14:
      computed_line_ = wrapping_sum(computed_line_, read_signed());
      line = computed_line_;
      end_line = wrapping_sum(line, read_varint());
      column = wrapping_sum(read_varint(), -1);
      end_column = wrapping_sum(read_varint(), -1);
      return true;
    case 13:
      computed_line_ = wrapping_sum(computed_line_, read_signed());
      line = end_line = computed_line_;
      column = end_column = -1;
      return true;
    case 10:
    case 11:
    case 12:
      computed_line_ = wrapping_sum(computed_line_, form - 10);
      line = end_line = computed_line_;
      column = byte();
      end_column = byte();
      return true;
    default: {
      int second = byte();
      line = end_line = computed_line_;
      column = form << 3 | second >> 4;
      end_column = column + (second & 15);
      return true;
    }
  }
}

bool LineReader::next() {
  if (!more_) return false;
  start = reader_.start;
  line = reader_.line;
  do {
    end = reader_.end;
    more_ = reader_.next();
  } while (more_ && reader_.line == line);
  return true;
}

namespace {
// One number of the exception table.
const unsigned char* read_number(const unsigned char* p, const unsigned char* limit, int* out) {
  unsigned value = 0;
  while (p < limit) {
    unsigned char byte = *p++;
    value = value << 6 | (byte & 63);
    if (!(byte & 64)) break;
  }
  *out = static_cast<int>(value);
  return p;
}
}  // namespace

bool find_handler(PyCodeObject* code, int offset, ExceptionHandler* out) {
  const auto* p = reinterpret_cast<const unsigned char*>(PyBytes_AS_STRING(code->co_exceptiontable));
  const auto* limit = p + PyBytes_GET_SIZE(code->co_exceptiontable);
  while (p < limit) {
    int start, length, target, depth;
    p = read_number(p, limit, &start);
    if (start > offset) return false;  // entries are sorted
    p = read_number(p, limit, &length);
    p = read_number(p, limit, &target);
    p = read_number(p, limit, &depth);
    if (offset < Py_ssize_t{start} + length) {
      out->target = target;
      out->depth = depth >> 1;
      out->push_lasti = depth & 1;
      return true;
    }
  }
  return false;
}

extern "C" {

int PyCode_Addr2Line(PyCodeObject* code, int offset) {
  if (offset < 0) return code->co_firstlineno;
  LocationReader reader(code);
  while (reader.next()) {
    if (offset < reader.end) return reader.line;
  }
  return -1;
}

int PyCode_Addr2Location(PyCodeObject* code, int offset, int* start_line, int* start_column, int* end_line, int* end_column) {
  *start_line = code->co_firstlineno;
  *start_column = 0;
  *end_line = *end_column = -1;
  if (offset < 0) {
    *end_line = code->co_firstlineno;
    *end_column = 0;
    return 1;
  }
  LocationReader reader(code);
  while (reader.next()) {
    if (offset >= reader.end) continue;
    *start_line = reader.line;
    *start_column = reader.column;
    *end_line = reader.end_line;
    *end_column = reader.end_column;
    return 1;
  }
  return 0;
}

int _PyCode_CheckLineNumber(int lasti, PyCodeAddressRange* bounds) {
  while (bounds->ar_end <= lasti) {
    const auto* p = bounds->opaque.lo_next;
    if (p >= bounds->opaque.limit) return -1;
    unsigned char first = *p;
    int form = (first >> 3) & 15;
    ++p;
    auto number = [&] {
      unsigned value = 0;
      int shift = 0;
      while (p < bounds->opaque.limit) {
        unsigned char byte = *p++;
        if (shift < 32) value |= static_cast<unsigned>(byte & 63) << shift;
        shift += 6;
        if (!(byte & 64)) break;
      }
      return value;
    };
    int delta = 0;
    if (form == 13 || form == 14) {
      unsigned value = number();
      delta = value & 1 ? -static_cast<int>(value >> 1) : static_cast<int>(value >> 1);
    } else if (form >= 10 && form <= 12) {
      delta = form - 10;
    }
    bounds->opaque.computed_line = wrapping_sum(bounds->opaque.computed_line, delta);
    bounds->ar_line = form == 15 ? -1 : bounds->opaque.computed_line;
    bounds->ar_start = bounds->ar_end;
    bounds->ar_end += ((first & 7) + 1) * 2;
    while (p < bounds->opaque.limit && !(*p & 128)) ++p;
    bounds->opaque.lo_next = p;
  }
  while (bounds->ar_start > lasti) return -1;
  return bounds->ar_line;
}

}  // extern "C"

}  // namespace gill
