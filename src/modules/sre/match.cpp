// `re.Match`.
#include "modules/sre/objects.h"

#include <structmember.h>

#include "objects/int.h"
#include "objects/tuple.h"

namespace gill::sre {
namespace {

// The number of a group given by number or name, or -1 with IndexError.
Py_ssize_t group_number(Match* self, PyObject* group) {
  Py_ssize_t number = -1;
  if (PyIndex_Check(group)) {
    number = PyNumber_AsSsize_t(group, nullptr);
  } else if (PyObject* found = PyDict_GetItemWithError(self->pattern->group_index, group)) {
    number = PyLong_AsSsize_t(found);
  } else if (PyErr_Occurred()) {
    // An unhashable key has no group either.
    PyErr_Clear();
  }
  if (number < 0 || number >= self->groups) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_IndexError, "no such group");
    return -1;
  }
  return number;
}

Ref<> group_text(Match* self, Py_ssize_t number, PyObject* fallback) {
  if (self->mark[number * 2] < 0) return borrow(fallback);
  return slice_of(self->string, self->mark[number * 2], self->mark[number * 2 + 1]);
}

Ref<> group_by_key(Match* self, PyObject* key, PyObject* fallback) {
  Py_ssize_t number = group_number(self, key);
  if (number < 0) return failure;
  return group_text(self, number, fallback);
}

Ref<> match_group(Match* self, Args keys) {
  if (keys.count == 0) return group_text(self, 0, Py_None);
  if (keys.count == 1) return group_by_key(self, keys[0], Py_None);
  Ref<> result = TRY(steal(PyTuple_New(keys.count)));
  for (Py_ssize_t i = 0; i < keys.count; ++i) {
    PyTuple_SET_ITEM(result.get(), i, TRY(group_by_key(self, keys[i], Py_None)).release());
  }
  return result;
}

Ref<> match_getitem(Match* self, PyObject* key) { return group_by_key(self, key, Py_None); }

Ref<> match_groups(Match* self, PyObject* fallback) {
  Ref<> result = TRY(steal(PyTuple_New(self->groups - 1)));
  for (Py_ssize_t i = 1; i < self->groups; ++i) {
    PyTuple_SET_ITEM(result.get(), i - 1, TRY(group_text(self, i, fallback)).release());
  }
  return result;
}

Ref<> match_groupdict(Match* self, PyObject* fallback) {
  Ref<> result = TRY(steal(PyDict_New()));
  Py_ssize_t position = 0;
  PyObject *key, *number;
  while (PyDict_Next(self->pattern->group_index, &position, &key, &number)) {
    Ref<> text = TRY(group_by_key(self, key, fallback));
    TRY(status_of(PyDict_SetItem(result.get(), key, text.get())));
  }
  return result;
}

Maybe<Py_ssize_t> edge(Match* self, PyObject* group, int which) {
  Py_ssize_t number = group ? group_number(self, group) : 0;
  if (number < 0) return failure;
  return self->mark[number * 2 + which];
}
Maybe<Py_ssize_t> match_start(Match* self, PyObject* group) { return edge(self, group, 0); }
Maybe<Py_ssize_t> match_end(Match* self, PyObject* group) { return edge(self, group, 1); }
Ref<> match_span(Match* self, PyObject* group) {
  Py_ssize_t start = TRY(edge(self, group, 0));
  Py_ssize_t end = TRY(edge(self, group, 1));
  Ref<> first = TRY(int_from(start));
  return tuple_of(std::move(first), TRY(int_from(end)));
}

Ref<> match_expand(Match* self, PyObject* replacement) {
  Ref<> re = TRY(steal(PyImport_ImportModule("re")));
  return steal(PyObject_CallMethod(re.get(), "_expand", "OOO", self->pattern, self, replacement));
}

Ref<> match_regs(Match* self) {
  if (!self->regs) {
    Ref<> regs = TRY(steal(PyTuple_New(self->groups)));
    for (Py_ssize_t i = 0; i < self->groups; ++i) {
      PyTuple_SET_ITEM(regs.get(), i, TRY(Py_BuildValue("nn", self->mark[i * 2], self->mark[i * 2 + 1])));
    }
    self->regs = regs.release();
  }
  return borrow(self->regs);
}

Ref<> match_lastindex(Match* self) { return self->last_index >= 0 ? steal(PyLong_FromSsize_t(self->last_index)) : none(); }
Ref<> match_lastgroup(Match* self) {
  PyObject* names = self->pattern->index_group;
  if (self->last_index >= 0 && self->last_index < PyTuple_GET_SIZE(names)) return borrow(PyTuple_GET_ITEM(names, self->last_index));
  return none();
}

Ref<> match_copy(PyObject* self) { return borrow(self); }
Ref<> match_deepcopy(PyObject* self, PyObject*) { return borrow(self); }
Ref<> match_class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }

Ref<> match_repr(Match* self) {
  Ref<> text = TRY(group_text(self, 0, Py_None));
  return steal(PyUnicode_FromFormat("<%s object; span=(%zd, %zd), match=%.50R>", Py_TYPE(self)->tp_name, self->mark[0], self->mark[1], text.get()));
}

using MatchFields = OwnedFields<&Match::string, &Match::regs, &Match::pattern>;

void match_dealloc(Match* self) {
  PyObject_GC_UnTrack(as_object(self));
  MatchFields::clear_all(self);
  PyObject_GC_Del(self);
}

const PyMethodDef kMethods[] = {
    METHOD_PARSED("group($self, *args)", match_group, "group([group1, ...]) -> str or tuple.\nReturn subgroup(s) of the match by indices or names."),
    METHOD("start($self, group=<unrepresentable>, /)", match_start, "Return index of the start of the substring matched by group."),
    METHOD("end($self, group=<unrepresentable>, /)", match_end, "Return index of the end of the substring matched by group."),
    METHOD("span($self, group=<unrepresentable>, /)", match_span, "For match object m, return the 2-tuple (m.start(group), m.end(group))."),
    METHOD("groups($self, /, default=None)", match_groups, "Return a tuple containing all the subgroups of the match, from 1."),
    METHOD("groupdict($self, /, default=None)", match_groupdict, "Return a dictionary containing all the named subgroups of the match, keyed by the subgroup name."),
    METHOD("expand($self, /, template)", match_expand, "Return the string obtained by doing backslash substitution on the string template, as done by the sub() method."),
    METHOD("__copy__($self, /)", match_copy, "The match itself."),
    METHOD("__deepcopy__($self, memo, /)", match_deepcopy, "The match itself."),
    CLASS_METHOD_UNSIGNED("__class_getitem__($type, object, /)", match_class_getitem, "See PEP 585"),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<match_lastindex>("lastindex", "The integer index of the last matched capturing group."),
    getset<match_lastgroup>("lastgroup", "The name of the last matched capturing group."),
    getset<match_regs>("regs"),
    kEndOfGetSets,
};
const PyMemberDef kMembers[] = {
    {"string", T_OBJECT, offsetof(Match, string), READONLY, "The string passed to match() or search()."},
    {"re", T_OBJECT, offsetof(Match, pattern), READONLY, "The regular expression object."},
    {"pos", T_PYSSIZET, offsetof(Match, pos), READONLY, "The index into the string at which the RE engine started looking for a match."},
    {"endpos", T_PYSSIZET, offsetof(Match, endpos), READONLY, "The index into the string beyond which the RE engine will not go."},
    {},
};
PyObject* getitem_slot(PyObject* self, PyObject* key) { return match_getitem(reinterpret_cast<Match*>(self), key).release(); }
const PyMappingMethods kMapping = {nullptr, getitem_slot, nullptr};

}  // namespace

extern "C" PyTypeObject SreMatch_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "re.Match",
    .tp_basicsize = sizeof(Match),
    .tp_itemsize = sizeof(Py_ssize_t),
    .tp_dealloc = slot<match_dealloc>,
    .tp_repr = slot<match_repr>,
    .tp_as_mapping = const_cast<PyMappingMethods*>(&kMapping),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .tp_doc = "The result of re.match() and re.search().",
    .tp_traverse = MatchFields::traverse,
    .tp_clear = MatchFields::clear,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kAttributes),
};
GILL_STATIC_TYPE(SreMatch_Type);

}  // namespace gill::sre
