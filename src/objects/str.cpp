// The str type: construction, comparison, hashing, concatenation, indexing and iteration. How strings
// are laid out and made is in str_create.cpp, the methods are in str_<subject>.cpp.
#include "objects/str.h"

#include "base/binding.h"
#include "memory/small_blocks.h"
#include "objects/search.h"
#include "objects/str_methods.h"

namespace gill {

Py_hash_t hash_of_str(PyObject* s) {
  PyASCIIObject* head = str_head(s);
  if (head->hash != -1) return head->hash;
  if (!PyUnicode_IS_READY(s) && _PyUnicode_Ready(s) < 0) return -1;
  Py_hash_t hash = _Py_HashBytes(PyUnicode_DATA(s), PyUnicode_GET_LENGTH(s) * PyUnicode_KIND(s));
  head->hash = hash;
  return hash;
}

namespace {

void str_dealloc(PyObject* s) {
  PyASCIIObject* head = str_head(s);
  if (head->state.interned) {
    if (head->state.interned == SSTATE_INTERNED_IMMORTAL) {
      // Somebody released more than he owned.
      make_immortal(s);
      return;
    }
    ++s->ob_refcnt;
    forget_interned(s);
    head->state.interned = SSTATE_NOT_INTERNED;
    --s->ob_refcnt;
  }
  if (head->state.compact && head->state.ascii) [[likely]] {
    if (head->wstr) PyObject_Free(head->wstr);
  } else {
    PyCompactUnicodeObject* c = str_compact(s);
    void* data = head->state.compact ? static_cast<void*>(c + 1) : str_legacy(s)->data.any;
    if (head->wstr && static_cast<void*>(head->wstr) != data) PyObject_Free(head->wstr);
    if (c->utf8 && static_cast<void*>(c->utf8) != data) PyObject_Free(c->utf8);
    if (!head->state.compact && data) PyObject_Free(data);
  }
  if (Py_IS_TYPE(s, &PyUnicode_Type)) [[likely]] free_plain(s);
  else Py_TYPE(s)->tp_free(s);
}

// ---- comparison -------------------------------------------------------------------------------------

int sign(Py_ssize_t n) { return n < 0 ? -1 : n > 0; }

int compare(PyObject* a, PyObject* b) {
  StrView x(a), y(b);
  Py_ssize_t n = Py_MIN(x.length, y.length);
  if (x.kind == 1 && y.kind == 1) {
    int order = std::memcmp(x.data, y.data, static_cast<size_t>(n));
    return order ? (order < 0 ? -1 : 1) : sign(x.length - y.length);
  }
  return dispatch(x.kind, [&]<class A>(A*) {
    return dispatch(y.kind, [&]<class B>(B*) {
      const A* p = x.as<A>();
      const B* q = y.as<B>();
      for (Py_ssize_t i = 0; i < n; ++i) {
        if (p[i] != q[i]) return p[i] < q[i] ? -1 : 1;
      }
      return sign(x.length - y.length);
    });
  });
}

// ---- construction -----------------------------------------------------------------------------------

Ref<> str_from_arguments(PyObject* object, const char* encoding, const char* errors) {
  if (!object) return empty_str();
  if (!encoding && !errors) return steal(PyObject_Str(object));
  return steal(PyUnicode_FromEncodedObject(object, encoding, errors));
}

// An instance of a subclass keeps its characters in a block of their own.
Ref<> new_subclass_instance(PyTypeObject* type, Ref<> value) {
  StrView view(value.get());
  Ref<> self = TRY(steal(type->tp_alloc(type, 0)));
  PyUnicodeObject* s = str_legacy(self.get());
  PyASCIIObject& head = s->_base._base;
  head.length = view.length;
  head.hash = hash_of_str(value.get());
  std::memset(&head.state, 0, sizeof head.state);
  head.state.kind = static_cast<unsigned>(view.kind);
  head.state.ascii = view.ascii;
  head.state.ready = 1;
  head.wstr = nullptr;
  s->_base.utf8 = nullptr;
  s->_base.utf8_length = 0;
  s->_base.wstr_length = 0;
  s->data.any = nullptr;
  void* data = view.length > PY_SSIZE_T_MAX / view.kind - 1 ? nullptr : PyObject_Malloc(static_cast<size_t>((view.length + 1) * view.kind));
  if (!data) {
    PyErr_NoMemory();
    return failure;
  }
  std::memcpy(data, view.data, static_cast<size_t>((view.length + 1) * view.kind));
  s->data.any = data;
  if (view.ascii) {
    s->_base.utf8 = static_cast<char*>(data);
    s->_base.utf8_length = view.length;
  }
  if (view.kind == 4) {
    head.wstr = static_cast<wchar_t*>(data);
    s->_base.wstr_length = view.length;
  }
  return self;
}

Ref<> str_new(PyTypeObject* type, PyObject* object, const char* encoding, const char* errors) {
  Ref<> value = TRY(str_from_arguments(object, encoding, errors));
  if (type == &PyUnicode_Type) return value;
  TRY(ensure_ready(value.get()));
  return new_subclass_instance(type, std::move(value));
}

Ref<> str_vectorcall(PyObject* type, PyObject* object, const char* encoding, const char* errors) {
  return str_new(reinterpret_cast<PyTypeObject*>(type), object, encoding, errors);
}

// ---- slots ------------------------------------------------------------------------------------------

Ref<> str_str(PyObject* self) { return exact_str(self); }

Py_ssize_t str_length(PyObject* self) {
  if (ensure_ready(self) != Status::ok) return -1;
  return PyUnicode_GET_LENGTH(self);
}

Ref<> str_item(PyObject* self, Py_ssize_t i) {
  TRY(ensure_ready(self));
  if (i < 0 || i >= PyUnicode_GET_LENGTH(self)) return raise(PyExc_IndexError, "string index out of range");
  return str_from_character(PyUnicode_READ_CHAR(self, i));
}

Ref<> str_repeat(PyObject* self, Py_ssize_t n) {
  TRY(ensure_ready(self));
  StrView view(self);
  if (n < 1 || view.length == 0) return empty_str();
  if (n == 1) return exact_str(self);
  if (view.length > PY_SSIZE_T_MAX / n) return raise(PyExc_OverflowError, "repeated string is too long");
  Ref<> result = TRY(new_str(view.length * n, view.max_class()));
  char* to = static_cast<char*>(PyUnicode_DATA(result.get()));
  if (view.length == 1) {
    _PyUnicode_FastFill(result.get(), 0, n, view[0]);
    return result;
  }
  // Doubling copies.
  size_t unit = static_cast<size_t>(view.length * view.kind);
  size_t total = unit * static_cast<size_t>(n);
  std::memcpy(to, view.data, unit);
  for (size_t done = unit; done < total;) {
    size_t step = done < total - done ? done : total - done;
    std::memcpy(to + done, to, step);
    done += step;
  }
  return result;
}

Ref<> str_subscript(PyObject* self, PyObject* key) {
  TRY(ensure_ready(self));
  if (PyIndex_Check(key)) {
    Py_ssize_t i = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    if (i < 0) i += PyUnicode_GET_LENGTH(self);
    return str_item(self, i);
  }
  if (!PySlice_Check(key)) {
    return raise(PyExc_TypeError, "string indices must be integers, not '%.200s'", Py_TYPE(key)->tp_name);
  }
  Py_ssize_t start, stop, step;
  TRY(status_of(PySlice_Unpack(key, &start, &stop, &step)));
  StrView view(self);
  Py_ssize_t n = PySlice_AdjustIndices(view.length, &start, &stop, step);
  if (n <= 0) return empty_str();
  if (step == 1) return substring(self, start, start + n);
  return dispatch(view.kind, [&]<class C>(C*) -> Ref<> {
    const C* from = view.as<C>();
    U4 max = 127;
    if (!view.ascii) {
      C bits = 0;
      for (Py_ssize_t i = 0; i < n; ++i) bits |= from[start + i * step];
      max = max_class_of(&bits, 1);
    }
    Ref<> result = TRY(new_str(n, max));
    void* data = PyUnicode_DATA(result.get());
    dispatch(PyUnicode_KIND(result.get()), [&]<class To>(To*) {
      To* to = static_cast<To*>(data);
      for (Py_ssize_t i = 0; i < n; ++i) to[i] = static_cast<To>(from[start + i * step]);
    });
    return canonical_result(std::move(result));
  });
}

Ref<> str_mod(PyObject* format, PyObject* args) {
  if (!PyUnicode_Check(format)) return borrow(Py_NotImplemented);
  return str_percent(format, args);
}

PyNumberMethods str_as_number = {.nb_remainder = slot<str_mod>};

PySequenceMethods str_as_sequence = {
    .sq_length = str_length,
    .sq_concat = PyUnicode_Concat,
    .sq_repeat = slot<str_repeat>,
    .sq_item = slot<str_item>,
    .sq_contains = PyUnicode_Contains,
};

PyMappingMethods str_as_mapping = {.mp_length = str_length, .mp_subscript = slot<str_subscript>};

// ---- iteration --------------------------------------------------------------------------------------

struct StrIterator {
  PyObject_HEAD
  Py_ssize_t index;
  PyObject* text;  // null when exhausted
};
using IteratorFields = OwnedFields<&StrIterator::text>;

void iterator_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  IteratorFields::clear_all(reinterpret_cast<StrIterator*>(self));
  PyObject_GC_Del(self);
}

PyObject* iterator_next(PyObject* object) {
  auto* self = reinterpret_cast<StrIterator*>(object);
  PyObject* s = self->text;
  if (!s) return nullptr;
  if (self->index < PyUnicode_GET_LENGTH(s)) {
    U4 c = PyUnicode_READ_CHAR(s, self->index);
    ++self->index;
    return str_from_character(c).release();
  }
  clear_field(self->text);
  return nullptr;
}

PyObject* ascii_iterator_next(PyObject* object) {
  auto* self = reinterpret_cast<StrIterator*>(object);
  PyObject* s = self->text;
  if (!s) [[unlikely]] return nullptr;
  if (self->index < str_head(s)->length) [[likely]] {
    return &ascii_characters[reinterpret_cast<unsigned char*>(str_head(s) + 1)[self->index++]].head.ob_base;
  }
  clear_field(self->text);
  return nullptr;
}

Maybe<Py_ssize_t> iterator_length_hint(StrIterator* self) {
  return self->text ? PyUnicode_GET_LENGTH(self->text) - self->index : 0;
}

Ref<> iterator_reduce(StrIterator* self) {
  PyObject* function = PyDict_GetItemString(PyEval_GetBuiltins(), "iter");
  if (!self->text) return steal(Py_BuildValue("O(N)", function, empty_str().release()));
  return steal(Py_BuildValue("O(O)n", function, self->text, self->index));
}

Status iterator_setstate(StrIterator* self, PyObject* state) {
  Py_ssize_t index = TRY(checked(PyLong_AsSsize_t(state)));
  if (self->text) {
    Py_ssize_t n = PyUnicode_GET_LENGTH(self->text);
    self->index = index < 0 ? 0 : index > n ? n : index;
  }
  return Status::ok;
}

const PyMethodDef kIteratorMethods[] = {
    METHOD_UNSIGNED("__length_hint__($self, /)", iterator_length_hint, "Private method returning an estimate of len(list(it))."),
    METHOD_UNSIGNED("__reduce__($self, /)", iterator_reduce, "Return state information for pickling."),
    METHOD_UNSIGNED("__setstate__($self, state, /)", iterator_setstate, "Set state information for unpickling."),
    kEndOfMethods,
};

Ref<> str_iter(PyObject* s);

}  // namespace

extern "C" {

PyTypeObject _PyUnicodeASCIIIter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "str_ascii_iterator",
    .tp_basicsize = sizeof(StrIterator),
    .tp_dealloc = iterator_dealloc,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = IteratorFields::traverse,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = ascii_iterator_next,
    .tp_methods = table(kIteratorMethods),
};

PyTypeObject PyUnicodeIter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "str_iterator",
    .tp_basicsize = sizeof(StrIterator),
    .tp_dealloc = iterator_dealloc,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = IteratorFields::traverse,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = iterator_next,
    .tp_methods = table(kIteratorMethods),
};

PyTypeObject PyUnicode_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "str",
    .tp_basicsize = sizeof(PyUnicodeObject),
    .tp_dealloc = str_dealloc,
    .tp_repr = slot<str_repr>,
    .tp_as_number = &str_as_number,
    .tp_as_sequence = &str_as_sequence,
    .tp_as_mapping = &str_as_mapping,
    .tp_hash = hash_of_str,
    .tp_str = slot<str_str>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_UNICODE_SUBCLASS | _Py_TPFLAGS_MATCH_SELF,
    .tp_doc =
        "str(object='') -> str\n"
        "str(bytes_or_buffer[, encoding[, errors]]) -> str\n"
        "\n"
        "Make a string of an object: its __str__() (or repr()), or, when an encoding or\n"
        "an error handler is given, the text that its bytes decode to.\n"
        "encoding defaults to sys.getdefaultencoding().\n"
        "errors defaults to 'strict'.",
    .tp_richcompare = PyUnicode_RichCompare,
    .tp_iter = slot<str_iter>,
    .tp_methods = const_cast<PyMethodDef*>(kStrMethods),
    .tp_base = &PyBaseObject_Type,
    .tp_new = CONSTRUCTOR("str($type, object=<unrepresentable>, encoding=<unrepresentable>, errors=<unrepresentable>)", str_new),
    .tp_free = PyObject_Free,
    .tp_vectorcall =
        VECTORCALL("str($type, object=<unrepresentable>, encoding=<unrepresentable>, errors=<unrepresentable>)", str_vectorcall),
};

}  // extern "C"

GILL_STATIC_TYPE(PyUnicode_Type);
GILL_STATIC_TYPE(PyUnicodeIter_Type);
GILL_STATIC_TYPE(_PyUnicodeASCIIIter_Type);

namespace {

Ref<> str_iter(PyObject* s) {
  TRY(ensure_ready(s));
  PyTypeObject* type = PyUnicode_IS_COMPACT_ASCII(s) ? &_PyUnicodeASCIIIter_Type : &PyUnicodeIter_Type;
  StrIterator* self = TRY(PyObject_GC_New(StrIterator, type));
  self->index = 0;
  self->text = borrow(s).release();
  PyObject_GC_Track(self);
  return Ref<>::steal(self);
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

// ---- comparison -------------------------------------------------------------------------------------

int _PyUnicode_EQ(PyObject* a, PyObject* b) { return str_equal(a, b); }

int _PyUnicode_Equal(PyObject* a, PyObject* b) {
  if (a == b) return 1;
  if (ensure_ready(a) != Status::ok || ensure_ready(b) != Status::ok) return -1;
  return str_equal(a, b);
}

PyObject* PyUnicode_RichCompare(PyObject* a, PyObject* b, int op) {
  if (!PyUnicode_Check(a) || !PyUnicode_Check(b)) return borrow(Py_NotImplemented).release();
  if (ensure_ready(a) != Status::ok || ensure_ready(b) != Status::ok) return nullptr;
  bool result;
  if (op == Py_EQ || op == Py_NE) {
    result = str_equal(a, b) == (op == Py_EQ);
  } else {
    int order = a == b ? 0 : compare(a, b);
    result = op == Py_LT ? order < 0 : op == Py_LE ? order <= 0 : op == Py_GT ? order > 0 : order >= 0;
  }
  return py_bool(result).release();
}

int PyUnicode_Compare(PyObject* a, PyObject* b) {
  if (!PyUnicode_Check(a) || !PyUnicode_Check(b)) {
    PyErr_Format(PyExc_TypeError, "Can't compare %.100s and %.100s", Py_TYPE(a)->tp_name, Py_TYPE(b)->tp_name);
    return -1;
  }
  if (ensure_ready(a) != Status::ok || ensure_ready(b) != Status::ok) return -1;
  return a == b ? 0 : compare(a, b);
}

int PyUnicode_CompareWithASCIIString(PyObject* s, const char* text) {
  if (ensure_ready(s) != Status::ok) return -1;
  StrView view(s);
  auto* latin1 = reinterpret_cast<const unsigned char*>(text);
  Py_ssize_t i = 0;
  for (; i < view.length && latin1[i]; ++i) {
    U4 c = view[i];
    if (c != latin1[i]) return c < latin1[i] ? -1 : 1;
  }
  if (i < view.length) return 1;
  return latin1[i] ? -1 : 0;
}

int _PyUnicode_EqualToASCIIString(PyObject* s, const char* text) {
  if (!PyUnicode_IS_READY(s) && _PyUnicode_Ready(s) < 0) {
    PyErr_Clear();
    return 0;
  }
  return str_equals_ascii(s, text);
}

int _PyUnicode_EqualToASCIIId(PyObject* s, _Py_Identifier* id) { return _PyUnicode_EqualToASCIIString(s, id->string); }

// ---- concatenation ------------------------------------------------------------------------------------

PyObject* PyUnicode_Concat(PyObject* left, PyObject* right) {
  if (!PyUnicode_Check(left)) return raise(PyExc_TypeError, "must be str, not %.100s", Py_TYPE(left)->tp_name);
  if (!PyUnicode_Check(right)) {
    return raise(PyExc_TypeError, "can only concatenate str (not \"%.200s\") to str", Py_TYPE(right)->tp_name);
  }
  if (ensure_ready(left) != Status::ok || ensure_ready(right) != Status::ok) return nullptr;
  if (PyUnicode_IS_COMPACT_ASCII(left) && PyUnicode_IS_COMPACT_ASCII(right)) {
    PyObject* result = concat_ascii(left, right);
    if (result || PyErr_Occurred()) return result;
  }
  StrView a(left), b(right);
  if (a.length == 0) return PyUnicode_FromObject(right);
  if (b.length == 0) return PyUnicode_FromObject(left);
  if (a.length > PY_SSIZE_T_MAX - b.length) return raise(PyExc_OverflowError, "strings are too large to concat");
  U4 max = Py_MAX(a.max_class(), b.max_class());
  PyObject* result = PyUnicode_New(a.length + b.length, max);
  if (!result) return nullptr;
  int kind = PyUnicode_KIND(result);
  void* data = PyUnicode_DATA(result);
  copy_characters(kind, data, 0, a, 0, a.length);
  copy_characters(kind, data, a.length, b, 0, b.length);
  return result;
}

void PyUnicode_Append(PyObject** place, PyObject* right) {
  if (!place) {
    if (!PyErr_Occurred()) PyErr_BadInternalCall();
    return;
  }
  PyObject* left = *place;
  auto fail = [&] {
    clear_field(*place);
  };
  if (!right || !left || !PyUnicode_Check(left)) {
    if (!PyErr_Occurred()) PyErr_BadInternalCall();
    return fail();
  }
  if (!PyUnicode_Check(right)) {
    PyErr_Format(PyExc_TypeError, "can only concatenate str (not \"%.200s\") to str", Py_TYPE(right)->tp_name);
    return fail();
  }
  if (ensure_ready(left) != Status::ok || ensure_ready(right) != Status::ok) return fail();
  StrView b(right);
  if (b.length == 0) {
    if (PyUnicode_CheckExact(left)) return;
  }
  StrView a(left);
  if (a.length == 0) {
    PyObject* copy = PyUnicode_FromObject(right);
    release(left);
    *place = copy;
    return;
  }
  if (is_modifiable(left) && left != right && b.max_class() <= a.max_class() && a.length <= PY_SSIZE_T_MAX - b.length) {
    Py_ssize_t at = a.length;
    PyObject* longer = resize_compact(steal(left), at + b.length, Slack::some).release();
    *place = longer;
    if (longer) copy_characters(PyUnicode_KIND(longer), PyUnicode_DATA(longer), at, b, 0, b.length);
    return;
  }
  PyObject* result = PyUnicode_Concat(left, right);
  release(left);
  *place = result;
}

void PyUnicode_AppendAndDel(PyObject** place, PyObject* right) {
  PyUnicode_Append(place, right);
  Py_XDECREF(right);
}

}  // extern "C"
