#include "modules/sre/objects.h"

namespace gill::sre {

Subject::~Subject() {
  if (view_.obj) PyBuffer_Release(&view_);
  PyMem_Free(marks_);
}

Status Subject::open(Pattern* pattern, PyObject* subject, Py_ssize_t start, Py_ssize_t end) {
  string = subject;
  const char* data;
  if (PyUnicode_Check(subject)) {
    if (PyUnicode_READY(subject) < 0) return failure;
    length = PyUnicode_GET_LENGTH(subject);
    search.width = PyUnicode_KIND(subject);
    data = static_cast<const char*>(PyUnicode_DATA(subject));
    if (pattern->has_text() && pattern->is_bytes) {
      return raise(PyExc_TypeError, "cannot use a bytes pattern on a string-like object");
    }
  } else {
    if (PyObject_GetBuffer(subject, &view_, PyBUF_SIMPLE) < 0) {
      view_.obj = nullptr;
      return raise(PyExc_TypeError, "expected string or bytes-like object, got '%.200s'", Py_TYPE(subject)->tp_name);
    }
    length = view_.len;
    search.width = 1;
    data = static_cast<const char*>(view_.buf);
    is_bytes_ = true;
    if (!data) return raise(PyExc_ValueError, "Buffer is NULL");
    if (pattern->has_text() && !pattern->is_bytes) {
      return raise(PyExc_TypeError, "cannot use a string pattern on a bytes-like object");
    }
  }
  start = std::clamp<Py_ssize_t>(start, 0, length);
  end = std::clamp<Py_ssize_t>(end, 0, length);
  pos = start;
  endpos = end;
  search.mark_count = pattern->groups * 2;
  if (search.mark_count) {
    marks_ = PyMem_New(const void*, search.mark_count);
    if (!marks_) {
      PyErr_NoMemory();
      return failure;
    }
  }
  search.marks = marks_;
  search.code = pattern->code;
  search.code_size = pattern->code_size;
  search.sets = &pattern->sets;
  search.begin = data;
  search.start = data + std::min(start, end) * search.width;
  search.end = data + end * search.width;
  return Status::ok;
}

Ref<> Subject::slice(Py_ssize_t start, Py_ssize_t end) const {
  if (is_bytes_) {
    if (PyBytes_CheckExact(string) && start == 0 && end == length) return borrow(string);
    return steal(PyBytes_FromStringAndSize(static_cast<const char*>(view_.buf) + start, end - start));
  }
  return steal(PyUnicode_Substring(string, start, end));
}

Ref<> Subject::group(Py_ssize_t number, bool empty_when_unset) const {
  const void *from, *to;
  if (number == 0) {
    from = search.start;
    to = search.stop;
  } else {
    from = search.marks[(number - 1) * 2];
    to = search.marks[(number - 1) * 2 + 1];
  }
  if (!from || !to || to < from) {
    if (!empty_when_unset) return none();
    return slice(0, 0);
  }
  return slice(index_of(from), index_of(to));
}

Ref<> Subject::make_match(Pattern* pattern) const {
  Py_ssize_t groups = pattern->groups + 1;
  Ref<Match> match = TRY(Ref<Match>::steal(PyObject_GC_NewVar(Match, &SreMatch_Type, groups * 2)));
  match->string = borrow(string).release();
  match->regs = nullptr;
  match->pattern = Ref<Pattern>::borrow(pattern).release();
  match->pos = pos;
  match->endpos = endpos;
  match->last_index = search.last_index;
  match->groups = groups;
  match->mark[0] = index_of(search.start);
  match->mark[1] = index_of(search.stop);
  for (Py_ssize_t i = 0; i < search.mark_count; i += 2) {
    const void *from = search.marks[i], *to = search.marks[i + 1];
    bool set = from && to && to >= from;
    match->mark[i + 2] = set ? index_of(from) : -1;
    match->mark[i + 3] = set ? index_of(to) : -1;
  }
  PyObject_GC_Track(match.object());
  return match;
}

Ref<> slice_of(PyObject* string, Py_ssize_t start, Py_ssize_t end) {
  if (PyUnicode_Check(string)) return steal(PyUnicode_Substring(string, start, end));
  Py_buffer view;
  if (PyObject_GetBuffer(string, &view, PyBUF_SIMPLE) < 0) return failure;
  start = std::clamp<Py_ssize_t>(start, 0, view.len);
  end = std::clamp<Py_ssize_t>(end, start, view.len);
  Ref<> result = PyBytes_CheckExact(string) && start == 0 && end == view.len
                     ? borrow(string)
                     : steal(PyBytes_FromStringAndSize(static_cast<const char*>(view.buf) + start, end - start));
  PyBuffer_Release(&view);
  return result;
}

}  // namespace gill::sre
