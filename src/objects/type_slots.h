// The functions that the table of special methods (type_slots.cpp) refers to.
#pragma once

#include <Python.h>

#include "base/fixed_string.h"
#include "objects/type.h"

namespace gill {

// ---- wrappers: from a C slot to a Python-level method (type_wrappers.cpp) ---------------------------

namespace wrap {
PyObject* unary(PyObject* self, PyObject* args, void* slot);
PyObject* binary_left(PyObject* self, PyObject* args, void* slot);
PyObject* binary_right(PyObject* self, PyObject* args, void* slot);
PyObject* binary(PyObject* self, PyObject* args, void* slot);
PyObject* ternary(PyObject* self, PyObject* args, void* slot);
PyObject* ternary_right(PyObject* self, PyObject* args, void* slot);
PyObject* truth(PyObject* self, PyObject* args, void* slot);
PyObject* length(PyObject* self, PyObject* args, void* slot);
PyObject* index_argument(PyObject* self, PyObject* args, void* slot);
PyObject* item(PyObject* self, PyObject* args, void* slot);
PyObject* set_item(PyObject* self, PyObject* args, void* slot);
PyObject* delete_item(PyObject* self, PyObject* args, void* slot);
PyObject* contains(PyObject* self, PyObject* args, void* slot);
PyObject* set_subscript(PyObject* self, PyObject* args, void* slot);
PyObject* delete_subscript(PyObject* self, PyObject* args, void* slot);
PyObject* set_attribute(PyObject* self, PyObject* args, void* slot);
PyObject* delete_attribute(PyObject* self, PyObject* args, void* slot);
PyObject* hash(PyObject* self, PyObject* args, void* slot);
PyObject* call(PyObject* self, PyObject* args, void* slot, PyObject* kwargs);
PyObject* less(PyObject* self, PyObject* args, void* slot);
PyObject* less_equal(PyObject* self, PyObject* args, void* slot);
PyObject* equal(PyObject* self, PyObject* args, void* slot);
PyObject* not_equal(PyObject* self, PyObject* args, void* slot);
PyObject* greater(PyObject* self, PyObject* args, void* slot);
PyObject* greater_equal(PyObject* self, PyObject* args, void* slot);
PyObject* next(PyObject* self, PyObject* args, void* slot);
PyObject* descriptor_get(PyObject* self, PyObject* args, void* slot);
PyObject* descriptor_set(PyObject* self, PyObject* args, void* slot);
PyObject* descriptor_delete(PyObject* self, PyObject* args, void* slot);
PyObject* initialize(PyObject* self, PyObject* args, void* slot, PyObject* kwargs);
PyObject* finalize(PyObject* self, PyObject* args, void* slot);
}  // namespace wrap

// What a static type's `__new__` calls: checks that the C constructor fits the requested type.
PyObject* new_wrapper(PyObject* self, PyObject* args, PyObject* kwargs);
extern const PyMethodDef kNewWrapper;

// ---- dispatchers: from a slot to the special method of a Python class (type_dispatch.cpp) -------------

namespace dispatch {
PyObject* attribute_hook(PyObject* self, PyObject* name);      // __getattribute__ and __getattr__
PyObject* get_attribute(PyObject* self, PyObject* name);       // __getattribute__ alone
int set_attribute(PyObject* self, PyObject* name, PyObject* value);
PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs);
PyObject* repr(PyObject* self);
PyObject* str(PyObject* self);
Py_hash_t hash(PyObject* self);
PyObject* rich_compare(PyObject* self, PyObject* other, int operation);
PyObject* iter(PyObject* self);
PyObject* next(PyObject* self);
PyObject* descriptor_get(PyObject* self, PyObject* object, PyObject* type);
int descriptor_set(PyObject* self, PyObject* object, PyObject* value);
int initialize(PyObject* self, PyObject* args, PyObject* kwargs);
PyObject* construct(PyTypeObject* type, PyObject* args, PyObject* kwargs);
void finalize(PyObject* self);
PyObject* await_(PyObject* self);
PyObject* aiter(PyObject* self);
PyObject* anext(PyObject* self);
int truth(PyObject* self);
PyObject* index(PyObject* self);
PyObject* power(PyObject* self, PyObject* other, PyObject* modulus);
PyObject* inplace_power(PyObject* self, PyObject* other, PyObject* modulus);
Py_ssize_t length(PyObject* self);
PyObject* item(PyObject* self, Py_ssize_t index);
int set_item(PyObject* self, Py_ssize_t index, PyObject* value);
int contains(PyObject* self, PyObject* value);
PyObject* subscript(PyObject* self, PyObject* key);
int set_subscript(PyObject* self, PyObject* key, PyObject* value);

// __neg__ and the like.
template <FixedString Name>
PyObject* unary(PyObject* self);
// __iadd__ and the like: no reflected form.
template <FixedString Name>
PyObject* inplace(PyObject* self, PyObject* other);
// __add__ and __radd__ and the like.
template <FixedString Name, FixedString Reflected, binaryfunc PyNumberMethods::*Slot>
PyObject* binary(PyObject* self, PyObject* other);

// A method that must exist: AttributeError with the bare name otherwise.
SpecialMethod required_method(PyObject* self, PyObject* name);
// NotImplemented where the method is absent.
PyObject* call_or_not_implemented(PyObject* self, PyObject* name, PyObject* argument);
// True when the two objects' types have different attributes of this name, so that the right operand's reflected
// method goes first.
Maybe<bool> overrides(PyObject* left, PyObject* right, PyObject* name);

template <FixedString Name>
PyObject* unary(PyObject* self) {
  SpecialMethod method = required_method(self, name<Name>);
  if (!method) return nullptr;
  return call_special(method, self).release();
}

template <FixedString Name>
PyObject* inplace(PyObject* self, PyObject* other) {
  SpecialMethod method = required_method(self, name<Name>);
  if (!method) return nullptr;
  return call_special(method, self, other).release();
}

template <FixedString Name, FixedString Reflected, binaryfunc PyNumberMethods::*Slot>
PyObject* binary(PyObject* self, PyObject* other) {
  constexpr binaryfunc mine = &binary<Name, Reflected, Slot>;
  auto uses_mine = [](PyTypeObject* type) { return type->tp_as_number && type->tp_as_number->*Slot == mine; };
  bool reflect = !Py_IS_TYPE(self, Py_TYPE(other)) && uses_mine(Py_TYPE(other));
  if (uses_mine(Py_TYPE(self))) {
    if (reflect && PyType_IsSubtype(Py_TYPE(other), Py_TYPE(self))) {
      if (TRY(overrides(self, other, name<Reflected>))) {
        PyObject* result = call_or_not_implemented(other, name<Reflected>, self);
        if (result != Py_NotImplemented) return result;
        release(result);
        reflect = false;
      }
    }
    PyObject* result = call_or_not_implemented(self, name<Name>, other);
    if (result != Py_NotImplemented || Py_IS_TYPE(other, Py_TYPE(self))) return result;
    release(result);
  }
  if (reflect) return call_or_not_implemented(other, name<Reflected>, self);
  return borrow(Py_NotImplemented).release();
}

}  // namespace dispatch
}  // namespace gill
