// `_string`: the parser of format strings for string.Formatter.
#include "base/binding.h"
#include "objects/replacement_field.h"

namespace gill {
namespace {

// Yields (literal_text, field_name, format_spec, conversion).
struct FormatterIterator {
  PyObject_HEAD
  PyObject* text;
  Py_ssize_t position;
};

// Yields (is_attribute, key) for the accessors of a field name.
struct FieldNameIterator {
  PyObject_HEAD
  PyObject* text;
  Py_ssize_t position;
};

template <class T>
void iterator_dealloc(PyObject* self) {
  clear_field(reinterpret_cast<T*>(self)->text);
  PyObject_Free(self);
}

Ref<> formatter_next(PyObject* object) {
  auto* self = reinterpret_cast<FormatterIterator*>(object);
  StrView text(self->text);
  Markup markup;
  if (!TRY(next_markup(text, self->position, text.length, markup))) return nullptr;
  Ref<> literal = TRY(substring(self->text, markup.literal_start, markup.literal_end));
  Ref<> field = none(), spec = none(), conversion = none();
  if (markup.has_field) {
    field = TRY(substring(self->text, markup.name_start, markup.name_end));
    spec = TRY(substring(self->text, markup.spec_start, markup.spec_end));
    if (markup.conversion) conversion = TRY(str_from_character(markup.conversion));
  }
  return steal(PyTuple_Pack(4, literal.get(), field.get(), spec.get(), conversion.get()));
}

Ref<> key_of(PyObject* text, const Accessor& accessor) {
  if (!accessor.is_attribute && accessor.index >= 0) return steal(PyLong_FromSsize_t(accessor.index));
  return substring(text, accessor.start, accessor.end);
}

Ref<> field_name_next(PyObject* object) {
  auto* self = reinterpret_cast<FieldNameIterator*>(object);
  StrView text(self->text);
  Accessor accessor;
  if (!TRY(next_accessor(text, self->position, text.length, accessor))) return nullptr;
  Ref<> key = TRY(key_of(self->text, accessor));
  return steal(PyTuple_Pack(2, accessor.is_attribute ? Py_True : Py_False, key.get()));
}

}  // namespace

extern "C" {

PyTypeObject PyFormatterIter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "formatteriterator",
    .tp_basicsize = sizeof(FormatterIterator),
    .tp_dealloc = iterator_dealloc<FormatterIterator>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<formatter_next>,
};

PyTypeObject PyFieldNameIter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "fieldnameiterator",
    .tp_basicsize = sizeof(FieldNameIterator),
    .tp_dealloc = iterator_dealloc<FieldNameIterator>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<field_name_next>,
};

}  // extern "C"

GILL_STATIC_TYPE(PyFormatterIter_Type);
GILL_STATIC_TYPE(PyFieldNameIter_Type);

namespace {

Status require_text(PyObject* text) {
  if (!PyUnicode_Check(text)) return raise(PyExc_TypeError, "expected str, got %s", Py_TYPE(text)->tp_name);
  return ensure_ready(text);
}

Ref<> formatter_parser(PyObject*, PyObject* text) {
  TRY(require_text(text));
  FormatterIterator* iterator = TRY(PyObject_New(FormatterIterator, &PyFormatterIter_Type));
  iterator->text = borrow(text).release();
  iterator->position = 0;
  return Ref<>::steal(iterator);
}

Ref<> formatter_field_name_split(PyObject*, PyObject* text) {
  TRY(require_text(text));
  StrView view(text);
  Py_ssize_t end = end_of_first(view, 0, view.length);
  Py_ssize_t index = TRY(field_index(view, 0, end));
  Ref<> first = index >= 0 ? steal(PyLong_FromSsize_t(index)) : substring(text, 0, end);
  if (!first) return failure;
  FieldNameIterator* iterator = TRY(PyObject_New(FieldNameIterator, &PyFieldNameIter_Type));
  iterator->text = borrow(text).release();
  iterator->position = end;
  Ref<> rest = Ref<>::steal(iterator);
  return steal(PyTuple_Pack(2, first.get(), rest.get()));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("formatter_field_name_split($module, text, /)", formatter_field_name_split, "split the argument as a field name"),
    METHOD_UNSIGNED("formatter_parser($module, text, /)", formatter_parser, "parse the argument as a format string"),
    kEndOfMethods,
};

PyModuleDef string_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_string",
    .m_doc = "string helper module",
    .m_size = 0,
    .m_methods = table(kMethods),
};

PyObject* init_string() { return PyModuleDef_Init(&string_module); }

}  // namespace

PyMODINIT_FUNC PyInit__string() { return init_string(); }
GILL_BUILTIN_MODULE("_string", PyInit__string);

}  // namespace gill
