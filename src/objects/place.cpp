#include "objects/place.h"

#include <algorithm>

namespace gill {
namespace {

// UTF-8 of what fits, from the end or the start of the text. No allocation: it is used where the heap may not change.
template <size_t N>
void copy_text(char (&out)[N], PyObject* text, bool from_end) {
  out[0] = 0;
  if (!text || !PyUnicode_Check(text)) return;
  Py_ssize_t length = PyUnicode_GET_LENGTH(text), first = 0;
  if (from_end) {
    size_t bytes = 0;
    for (first = length; first > 0; --first) {
      Py_UCS4 c = PyUnicode_READ_CHAR(text, first - 1);
      bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
      if (bytes > N - 1) break;
    }
  }
  char *at = out, *end = out + N - 1;
  for (Py_ssize_t i = first; i < length; ++i) {
    Py_UCS4 c = PyUnicode_READ_CHAR(text, i);
    if (c >= 0xd800 && c < 0xe000) c = '?';  // a byte of the file's name that is no text
    int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    if (end - at <= more) break;
    constexpr unsigned char kLead[] = {0, 0xc0, 0xe0, 0xf0};
    *at++ = static_cast<char>(kLead[more] | c >> (6 * more));
    while (more-- > 0) *at++ = static_cast<char>(0x80 | ((c >> (6 * more)) & 0x3f));
  }
  *at = 0;
}

}  // namespace

void describe_frame(const Frame* frame, Place& place) { describe_code(frame->f_code, last_instruction(frame), place); }

void describe_code(PyCodeObject* code, int instruction, Place& place) {
  copy_text(place.file, code->co_filename, true);
  copy_text(place.function, code->co_qualname, true);
  place.line = std::max(PyCode_Addr2Line(code, instruction * static_cast<int>(sizeof(_Py_CODEUNIT))), 0);
}

void find_place(ThreadState* thread, Place& place) {
  const Frame* frame = thread && thread->cframe ? complete_frame(thread->cframe->current_frame) : nullptr;
  if (frame) describe_frame(frame, place);
}

namespace {

// Not of a thread without the lock: its state goes, when the interpreter ends, while native code of it runs.
int read_stack(StackReader::Position* out, int most) {
  const ThreadState* thread = current_thread();
  int count = 0;
  for (const Frame* frame = thread && thread->cframe ? thread->cframe->current_frame : nullptr; frame && count < most; frame = frame->previous) {
    if (!is_incomplete(frame)) out[count++] = {frame->f_code, last_instruction(frame)};
  }
  return count;
}

}  // namespace

const StackReader kStackReader = {read_stack, describe_code};

}  // namespace gill
