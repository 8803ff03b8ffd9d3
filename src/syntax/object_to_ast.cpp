// From `_ast` objects to nodes: a walk over the node table that checks types and required fields. What a tree
// means is checked afterwards, by the validator.
#include <climits>

#include "syntax/ast_types.h"
#include "syntax/parse.h"
#include "syntax/validate.h"

namespace gill::ast {
namespace {

class FromObject {
 public:
  FromObject(const AstTypes& all, Arena& arena) : all_(all), arena_(arena) {}

  // Null stands for None, where that is left to the node that wants a child.
  Maybe<void*> node(PyObject* object, int type_index) {
    const TypeInfo& type = kTypes[type_index];
    if (type.shape == Shape::sum && object == Py_None) return static_cast<void*>(nullptr);
    int location[4];
    bool located = type.location_offset >= 0;
    if (type.shape == Shape::sum && located) TRY(read_location(object, type, location));
    int c = type.first_class;
    if (type.shape == Shape::sum) {
      for (; c < type.first_class + type.class_count; ++c) {
        if (TRY(truth_of(PyObject_IsInstance(object, all_.classes[c])))) break;
      }
      if (c == type.first_class + type.class_count) {
        return raise(PyExc_TypeError, "expected some sort of %s, but got %R", type.name, object);
      }
    }
    const ClassInfo& info = kClasses[c];
    void* result = TRY(arena_.allocate(static_cast<size_t>(info.size)));
    char* base = static_cast<char*>(result);
    for (int i = 0; i < info.field_count; ++i) {
      TRY(field(object, info, info.fields[i], PyTuple_GET_ITEM(all_.field_names[c], i), base + info.fields[i].offset));
    }
    if (type.shape == Shape::product && located) TRY(read_location(object, type, location));
    for (int i = 0; i < info.field_count; ++i) {
      const FieldInfo& f = info.fields[i];
      bool pointer = f.kind != FieldKind::integer && f.kind != FieldKind::choice;
      if (f.quantity == Quantity::one && pointer && !*reinterpret_cast<void**>(base + f.offset)) {
        return raise(PyExc_ValueError, "field '%s' is required for %s", f.name, info.name);
      }
    }
    if (type.kind_offset >= 0) *reinterpret_cast<int*>(base + type.kind_offset) = c - type.first_class;
    if (located) {
      for (int i = 0; i < 4; ++i) reinterpret_cast<int*>(base + type.location_offset)[i] = location[i];
    }
    return result;
  }

 private:
  // A missing attribute is null without an exception.
  static Maybe<PyObject*> look_up(PyObject* object, PyObject* attribute) {
    PyObject* value = PyObject_GetAttr(object, attribute);
    if (!value) {
      if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return failure;
      PyErr_Clear();
    }
    return value;
  }

  static Maybe<int> integer(PyObject* object) {
    if (!PyLong_Check(object)) return raise(PyExc_ValueError, "invalid integer value: %R", object);
    return checked(_PyLong_AsInt(object));
  }

  Status read_location(PyObject* object, const TypeInfo& type, int (&out)[4]) {
    for (int i = 0; i < 4; ++i) {
      PyObject* attribute = PyTuple_GET_ITEM(all_.attribute_names, i);
      Ref<> value = steal(TRY(look_up(object, attribute)));
      if (i >= 2 && type.end_is_optional && (!value || value.get() == Py_None)) {
        out[i] = out[i - 2];
        continue;
      }
      if (!value) return raise(PyExc_TypeError, "required field \"%U\" missing from %s", attribute, type.name);
      out[i] = TRY(integer(value.get()));
    }
    return Status::ok;
  }

  Status choice(PyObject* object, int type_index, int& out) {
    const TypeInfo& type = kTypes[type_index];
    for (int i = 0; i < type.class_count; ++i) {
      if (TRY(truth_of(PyObject_IsInstance(object, all_.classes[type.first_class + i])))) {
        out = i;
        return Status::ok;
      }
    }
    return raise(PyExc_TypeError, "expected some sort of %s, but got %R", type.name, object);
  }

  Status one(PyObject* object, const FieldInfo& f, const ClassInfo& owner, void* place) {
    switch (f.kind) {
      case FieldKind::identifier: {
        if (object == Py_None) return Status::ok;
        if (!PyUnicode_CheckExact(object)) return raise(PyExc_TypeError, "AST identifier must be of type str");
        PyObject* interned = Py_NewRef(object);
        PyUnicode_InternInPlace(&interned);
        return keep(steal(interned), place);
      }
      case FieldKind::string:
        if (!PyUnicode_CheckExact(object) && !PyBytes_CheckExact(object)) {
          return raise(PyExc_TypeError, "AST string must be of type str");
        }
        return keep(borrow(object), place);
      case FieldKind::constant: return keep(borrow(object), place);
      case FieldKind::integer: *static_cast<int*>(place) = TRY(integer(object)); return Status::ok;
      case FieldKind::choice: return choice(object, f.type, *static_cast<int*>(place));
      case FieldKind::node: {
        char where[64];
        PyOS_snprintf(where, sizeof where, " while traversing '%.30s' node", owner.name);
        if (Py_EnterRecursiveCall(where)) return failure;
        Maybe<void*> child = node(object, f.type);
        Py_LeaveRecursiveCall();
        *static_cast<void**>(place) = TRY(std::move(child));
        return Status::ok;
      }
    }
    return Status::ok;
  }

  Status keep(Ref<> object, void* place) {
    *static_cast<PyObject**>(place) = TRY(arena_.adopt(std::move(object)));
    return Status::ok;
  }

  Status field(PyObject* object, const ClassInfo& owner, const FieldInfo& f, PyObject* attribute, char* place) {
    Ref<> value = steal(TRY(look_up(object, attribute)));
    if (f.quantity == Quantity::optional && (!value || value.get() == Py_None)) return Status::ok;
    if (!value) return raise(PyExc_TypeError, "required field \"%s\" missing from %s", f.name, owner.name);
    if (f.quantity != Quantity::many) return one(value.get(), f, owner, place);
    if (!PyList_Check(value.get())) {
      return raise(PyExc_TypeError, "%s field \"%s\" must be a list, not a %.200s", owner.name, f.name,
                   _PyType_Name(Py_TYPE(value.get())));
    }
    Py_ssize_t count = PyList_GET_SIZE(value.get());
    if (count > INT_MAX / 16) return raise(PyExc_OverflowError, "too many nodes");
    size_t size = f.kind == FieldKind::choice ? sizeof(int) : sizeof(void*);
    auto& list = *reinterpret_cast<Sequence<char>*>(place);
    list.items = TRY(static_cast<char*>(arena_.allocate(static_cast<size_t>(count) * size)));
    for (Py_ssize_t i = 0; i < count; ++i) {
      Ref<> item = borrow(PyList_GET_ITEM(value.get(), i));
      TRY(one(item.get(), f, owner, list.items + static_cast<size_t>(i) * size));
      if (PyList_GET_SIZE(value.get()) != count) {
        return raise(PyExc_RuntimeError, "%s field \"%s\" changed size during iteration", owner.name, f.name);
      }
    }
    list.count = static_cast<int>(count);
    return Status::ok;
  }

  const AstTypes& all_;
  Arena& arena_;
};

}  // namespace

Mod* object_to_ast(Arena& arena, PyObject* tree, Mode mode) {
  if (PySys_Audit("compile", "OO", tree, Py_None) < 0) return nullptr;
  const AstTypes* all = TRY(ast_types());
  ModKind kind = mode == Mode::file ? ModKind::Module : mode == Mode::eval ? ModKind::Expression : ModKind::Interactive;
  int c = kTypes[static_cast<int>(TypeId::Mod)].first_class + static_cast<int>(kind);
  if (!TRY(truth_of(PyObject_IsInstance(tree, all->classes[c])))) {
    return raise(PyExc_TypeError, "expected %s node, got %.400s", kClasses[c].name, _PyType_Name(Py_TYPE(tree)));
  }
  Maybe<void*> node = FromObject(*all, arena).node(tree, static_cast<int>(TypeId::Mod));
  auto* result = static_cast<Mod*>(TRY(std::move(node)));
  TRY(validate(result));
  return result;
}

}  // namespace gill::ast
