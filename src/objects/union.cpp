// types.UnionType: `int | str` (PEP 604).
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/generic_alias.h"
#include "objects/object.h"
#include "objects/tuple.h"

namespace gill {

namespace {

struct Union {
  PyObject_HEAD
  PyObject* args;
  PyObject* parameters;  // made on first use
};

using Fields = OwnedFields<&Union::args, &Union::parameters>;

Union* as_union(PyObject* object) { return reinterpret_cast<Union*>(object); }
bool is_union(PyObject* object) { return Py_IS_TYPE(object, &_PyUnion_Type); }
bool is_alias(PyObject* object) { return PyObject_TypeCheck(object, &Py_GenericAliasType); }
bool may_be_member(PyObject* object) { return object == Py_None || PyType_Check(object) || is_alias(object) || is_union(object); }

void union_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Fields::clear(self);
  PyObject_GC_Del(self);
}

Py_ssize_t member_count(PyObject* object) { return is_union(object) ? PyTuple_GET_SIZE(as_union(object)->args) : 1; }

// The members of a union to be, in order and each once, borrowed from the operands.
class Members {
 public:
  Members() = default;
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;
  ~Members() {
    if (items_ != few_) PyMem_Free(items_);
  }
  Status reserve(Py_ssize_t most) {
    if (most <= kFew) return Status::ok;
    items_ = PyMem_New(PyObject*, most);
    if (items_) return Status::ok;
    PyErr_NoMemory();
    return Status::error;
  }
  Status add_all(PyObject* object) {
    if (!is_union(object)) return add(object);
    PyObject* args = as_union(object)->args;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) TRY(add(PyTuple_GET_ITEM(args, i)));
    return Status::ok;
  }
  Ref<> make_union() const {
    if (count_ == 1) return borrow(items_[0]);
    Ref<> args = TRY(tuple_from_array(items_, count_));
    auto* result = PyObject_GC_New(Union, &_PyUnion_Type);
    if (!result) return nullptr;
    result->args = args.release();
    result->parameters = nullptr;
    PyObject_GC_Track(result);
    return steal(as_object(result));
  }

 private:
  static constexpr Py_ssize_t kFew = 8;

  Status add(PyObject* member) {
    if (member == Py_None) member = as_object(&_PyNone_Type);
    for (Py_ssize_t i = 0; i < count_; ++i) {
      PyObject* known = items_[i];
      bool same = known == member;
      // Aliases are made anew each time.
      if (!same && is_alias(known) && is_alias(member)) same = TRY(truth_of(PyObject_RichCompareBool(known, member, Py_EQ)));
      if (same) return Status::ok;
    }
    items_[count_++] = member;
    return Status::ok;
  }

  PyObject* few_[kFew];
  PyObject** items_ = few_;
  Py_ssize_t count_ = 0;
};

Ref<> union_repr(Union* self) {
  _PyUnicodeWriter writer;
  _PyUnicodeWriter_Init(&writer);
  auto write = [&]() -> Status {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->args); ++i) {
      if (i) TRY(status_of(_PyUnicodeWriter_WriteASCIIString(&writer, " | ", 3)));
      PyObject* member = PyTuple_GET_ITEM(self->args, i);
      if (member == as_object(&_PyNone_Type)) TRY(status_of(_PyUnicodeWriter_WriteASCIIString(&writer, "None", 4)));
      else TRY(write_type_argument(&writer, member));
    }
    return Status::ok;
  };
  if (write() == Status::error) {
    _PyUnicodeWriter_Dealloc(&writer);
    return nullptr;
  }
  return steal(_PyUnicodeWriter_Finish(&writer));
}

// The order of the members does not matter.
Py_hash_t union_hash(PyObject* self) {
  Ref<> set = steal(PyFrozenSet_New(as_union(self)->args));
  return set ? PyObject_Hash(set.get()) : -1;
}

PyObject* union_richcompare(PyObject* left, PyObject* right, int operation) {
  if (!is_union(right) || (operation != Py_EQ && operation != Py_NE)) return borrow(Py_NotImplemented).release();
  Ref<> a = steal(PySet_New(as_union(left)->args));
  if (!a) return nullptr;
  Ref<> b = steal(PySet_New(as_union(right)->args));
  return b ? PyObject_RichCompare(a.get(), b.get(), operation) : nullptr;
}

PyObject* union_getattro(PyObject* self, PyObject* attribute) {
  // The module of the class, not of a member.
  if (PyUnicode_Check(attribute) && _PyUnicode_Equal(attribute, name<"__module__">)) return PyObject_GetAttr(as_object(Py_TYPE(self)), attribute);
  return PyObject_GenericGetAttr(self, attribute);
}

template <int (*Check)(PyObject*, PyObject*)>
Maybe<bool> check_members(Union* self, PyObject* object, const char* function) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->args); ++i) {
    PyObject* member = PyTuple_GET_ITEM(self->args, i);
    if (is_alias(member)) return raise(PyExc_TypeError, "%s argument 2 cannot be a parameterized generic", function);
    if (PyType_Check(member) && TRY(truth_of(Check(object, member)))) return true;
  }
  return false;
}

Maybe<bool> union_instancecheck(Union* self, PyObject* object) { return check_members<PyObject_IsInstance>(self, object, "isinstance()"); }
Maybe<bool> union_subclasscheck(Union* self, PyObject* klass) {
  if (!PyType_Check(klass)) return raise(PyExc_TypeError, "issubclass() arg 1 must be a class");
  return check_members<PyObject_IsSubclass>(self, klass, "issubclass()");
}

Ref<> get_parameters(Union* self) {
  if (!self->parameters) self->parameters = TRY(steal(_Py_make_parameters(self->args))).release();
  return borrow(self->parameters);
}

PyObject* union_subscript(PyObject* self, PyObject* item) {
  Ref<> parameters = get_parameters(as_union(self));
  if (!parameters) return nullptr;
  Ref<> args = steal(_Py_subs_parameters(self, as_union(self)->args, parameters.get(), item));
  if (!args) return nullptr;
  // The arguments may be anything that knows `|`.
  Ref<> result = borrow(PyTuple_GET_ITEM(args.get(), 0));
  for (Py_ssize_t i = 1; result && i < PyTuple_GET_SIZE(args.get()); ++i) result = steal(PyNumber_Or(result.get(), PyTuple_GET_ITEM(args.get(), i)));
  return result.release();
}

const PyMemberDef kMembers[] = {
    {"__args__", T_OBJECT, offsetof(Union, args), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyGetSetDef kGetSets[] = {
    getset<get_parameters>("__parameters__", "Type variables in the types.UnionType."),
    kEndOfGetSets,
};
const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__instancecheck__($self, instance, /)", union_instancecheck, nullptr),
    METHOD_UNSIGNED("__subclasscheck__($self, subclass, /)", union_subclasscheck, nullptr),
    kEndOfMethods,
};
const PyNumberMethods kNumber = {.nb_or = _Py_union_type_or};
const PyMappingMethods kMapping = {.mp_subscript = union_subscript};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject _PyUnion_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "types.UnionType",
    .tp_basicsize = sizeof(Union),
    .tp_dealloc = union_dealloc,
    .tp_repr = slot<union_repr>,
    .tp_as_number = const_cast<PyNumberMethods*>(&kNumber),
    .tp_as_mapping = const_cast<PyMappingMethods*>(&kMapping),
    .tp_hash = union_hash,
    .tp_getattro = union_getattro,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "Represent a PEP 604 union type\n\nE.g. for int | str",
    .tp_traverse = Fields::traverse,
    .tp_richcompare = union_richcompare,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kGetSets),
};

PyObject* _Py_union_type_or(PyObject* left, PyObject* right) {
  if (!may_be_member(left) || !may_be_member(right)) return borrow(Py_NotImplemented).release();
  Members members;
  TRY(members.reserve(member_count(left) + member_count(right)));
  TRY(members.add_all(left));
  TRY(members.add_all(right));
  return members.make_union().release();
}

PyObject* _Py_union_args(PyObject* self) { return as_union(self)->args; }

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(_PyUnion_Type);
}  // namespace gill
