// Weak references: weakref.ref, and what happens to the references of a dying object.
//
// An object whose type sets tp_weaklistoffset heads a doubly linked list of its weak references (static types keep theirs in
// the interpreter). A plain ref without a callback is shared: it stands first in the list, a plain proxy without a callback
// second, everything else behind. When the object dies all references are cleared first, then the callbacks run, so that
// no callback can see the object through another reference.
#include "objects/weakref.h"

#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"
#include "objects/type_state.h"

namespace gill {

PyWeakReference** weak_list_slot(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  if (type->tp_weaklistoffset <= 0) return nullptr;
  if (PyType_Check(object)) return reinterpret_cast<PyWeakReference**>(type_weak_list_slot(reinterpret_cast<PyTypeObject*>(object)));
  return reinterpret_cast<PyWeakReference**>(reinterpret_cast<char*>(object) + type->tp_weaklistoffset);
}

namespace {

PyWeakReference* as_ref(PyObject* object) { return reinterpret_cast<PyWeakReference*>(object); }

void initialize_ref(PyWeakReference* self, PyObject* object, PyObject* callback) {
  self->hash = -1;
  self->wr_object = object;
  self->wr_prev = nullptr;
  self->wr_next = nullptr;
  self->wr_callback = borrow(callback).release();
  self->vectorcall = nullptr;
}

void insert_head(PyWeakReference* self, PyWeakReference** list) {
  PyWeakReference* next = *list;
  self->wr_prev = nullptr;
  self->wr_next = next;
  if (next) next->wr_prev = self;
  *list = self;
}

void insert_after(PyWeakReference* self, PyWeakReference* previous) {
  self->wr_prev = previous;
  self->wr_next = previous->wr_next;
  if (previous->wr_next) previous->wr_next->wr_prev = self;
  previous->wr_next = self;
}

// Takes the reference out of its object's list; the callback comes back, for the caller to run or release.
Ref<> detach(PyWeakReference* self) {
  PyObject* callback = self->wr_callback;
  if (self->wr_object != Py_None) {
    PyWeakReference** list = weak_list_slot(self->wr_object);
    if (*list == self) *list = self->wr_next;
    self->wr_object = Py_None;
    if (self->wr_prev) self->wr_prev->wr_next = self->wr_next;
    if (self->wr_next) self->wr_next->wr_prev = self->wr_prev;
    self->wr_prev = nullptr;
    self->wr_next = nullptr;
  }
  self->wr_callback = nullptr;
  return steal(callback);
}

// The shared ref and proxy at the front of a list.
void find_basic(PyWeakReference* head, PyWeakReference** ref, PyWeakReference** proxy) {
  *ref = *proxy = nullptr;
  if (head && !head->wr_callback) {
    if (Py_IS_TYPE(as_object(head), &_PyWeakref_RefType)) {
      *ref = head;
      head = head->wr_next;
    }
    if (head && !head->wr_callback && PyWeakref_CheckProxy(as_object(head))) *proxy = head;
  }
}

Failure no_weakrefs(PyObject* object) {
  return raise(PyExc_TypeError, "cannot create weak reference to '%s' object", Py_TYPE(object)->tp_name);
}

void run_callback(PyWeakReference* reference, PyObject* callback) {
  if (!gill::call(callback, as_object(reference))) PyErr_WriteUnraisable(callback);
}

// ---- the ref type ---------------------------------------------------------------------------------------

PyObject* ref_vectorcall(PyObject* self, PyObject* const*, size_t nargsf, PyObject* kwnames) {
  if (kwnames && !_PyArg_NoKwnames("weakref", kwnames)) return nullptr;
  if (!_PyArg_CheckPositional("weakref", PyVectorcall_NARGS(nargsf), 0, 0)) return nullptr;
  return borrow(PyWeakref_GET_OBJECT(self)).release();
}

Py_hash_t ref_hash(PyObject* self) {
  auto* ref = as_ref(self);
  if (ref->hash != -1) return ref->hash;
  Ref<> object = borrow(PyWeakref_GET_OBJECT(self));
  if (object.get() == Py_None) return raise(PyExc_TypeError, "weak object has gone away");
  return ref->hash = PyObject_Hash(object.get());
}

Ref<> ref_repr(PyObject* self) {
  Ref<> object = borrow(PyWeakref_GET_OBJECT(self));
  if (object.get() == Py_None) return steal(PyUnicode_FromFormat("<weakref at %p; dead>", self));
  bool failed;
  Ref<> text = optional_attribute(object.get(), name<"__name__">, &failed);
  if (failed) return nullptr;
  if (text && PyUnicode_Check(text.get())) {
    return steal(PyUnicode_FromFormat("<weakref at %p; to '%s' at %p (%U)>", self, Py_TYPE(object.get())->tp_name, object.get(), text.get()));
  }
  return steal(PyUnicode_FromFormat("<weakref at %p; to '%s' at %p>", self, Py_TYPE(object.get())->tp_name, object.get()));
}

// Equal when the living referents are equal; dead references only equal themselves.
PyObject* ref_richcompare(PyObject* self, PyObject* other, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || !PyWeakref_Check(self) || !PyWeakref_Check(other)) return borrow(Py_NotImplemented).release();
  Ref<> a = borrow(PyWeakref_GET_OBJECT(self)), b = borrow(PyWeakref_GET_OBJECT(other));
  if (a.get() == Py_None || b.get() == Py_None) return py_bool((self == other) == (operation == Py_EQ)).release();
  return PyObject_RichCompare(a.get(), b.get(), operation);
}

bool parse_arguments(const char* function, PyObject* args, PyObject** object, PyObject** callback) {
  *callback = nullptr;
  if (!PyArg_UnpackTuple(args, function, 1, 2, object, callback)) return false;
  if (*callback == Py_None) *callback = nullptr;
  return true;
}

PyObject* ref_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  PyObject *object, *callback;
  if (!parse_arguments("__new__", args, &object, &callback)) return nullptr;
  if (type == &_PyWeakref_RefType && kwargs && !_PyArg_NoKeywords("ref", kwargs)) return nullptr;
  PyWeakReference** list = weak_list_slot(object);
  if (!list) return no_weakrefs(object);
  PyWeakReference *ref, *proxy;
  find_basic(*list, &ref, &proxy);
  bool basic = !callback && type == &_PyWeakref_RefType;
  if (basic && ref && Py_REFCNT(as_object(ref)) > 0) return borrow(as_object(ref)).release();
  PyObject* self = type->tp_alloc(type, 0);
  if (!self) return nullptr;
  initialize_ref(as_ref(self), object, callback);
  as_ref(self)->vectorcall = ref_vectorcall;
  // Allocation may have collected garbage and changed the list.
  find_basic(*list, &ref, &proxy);
  if (basic) {
    insert_head(as_ref(self), list);
  } else if (PyWeakReference* last = proxy ? proxy : ref) {
    insert_after(as_ref(self), last);
  } else {
    insert_head(as_ref(self), list);
  }
  return self;
}

int ref_init(PyObject*, PyObject* args, PyObject* kwargs) {
  if (kwargs && !_PyArg_NoKeywords("ref", kwargs)) return -1;
  PyObject *object, *callback;
  return parse_arguments("__init__", args, &object, &callback) ? 0 : -1;
}

// weakref.ref() itself; whatever is wrong with the arguments is told by the general way.
PyObject* ref_construct(PyObject* type, PyObject* const* args, size_t nargsf, PyObject* keywords) {
  Py_ssize_t count = PyVectorcall_NARGS(nargsf);
  if (keywords || count < 1 || count > 2) return _PyObject_MakeTpCall(PyThreadState_Get(), type, args, count, keywords);
  return PyWeakref_NewRef(args[0], count == 2 ? args[1] : nullptr);
}

const PyMemberDef kMembers[] = {
    {"__callback__", T_OBJECT, offsetof(PyWeakReference, wr_callback), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyMethodDef kMethods[] = {
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585"},
    kEndOfMethods,
};

PyWeakReference* new_reference(PyTypeObject* type, PyObject* object, PyObject* callback) {
  auto* reference = PyObject_GC_New(PyWeakReference, type);
  if (!reference) return nullptr;
  initialize_ref(reference, object, callback);
  if (type == &_PyWeakref_RefType) reference->vectorcall = ref_vectorcall;
  PyObject_GC_Track(reference);
  return reference;
}

}  // namespace

void weakref_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  detach(as_ref(self)).reset();
  Py_TYPE(self)->tp_free(self);
}

int weakref_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(as_ref(self)->wr_callback);
  return 0;
}

int weakref_clear(PyObject* self) {
  detach(as_ref(self)).reset();
  return 0;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject _PyWeakref_RefType = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "weakref.ReferenceType",
    .tp_basicsize = sizeof(PyWeakReference),
    .tp_dealloc = weakref_dealloc,
    .tp_vectorcall_offset = offsetof(PyWeakReference, vectorcall),
    .tp_repr = slot<ref_repr>,
    .tp_hash = ref_hash,
    .tp_call = PyVectorcall_Call,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_BASETYPE,
    .tp_traverse = weakref_traverse,
    .tp_clear = weakref_clear,
    .tp_richcompare = ref_richcompare,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_init = ref_init,
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = ref_new,
    .tp_free = PyObject_GC_Del,
    .tp_vectorcall = ref_construct,
};

PyObject* PyWeakref_NewRef(PyObject* object, PyObject* callback) {
  PyWeakReference** list = weak_list_slot(object);
  if (!list) return no_weakrefs(object);
  if (callback == Py_None) callback = nullptr;
  PyWeakReference *ref, *proxy;
  find_basic(*list, &ref, &proxy);
  if (!callback && ref && Py_REFCNT(as_object(ref)) > 0) return borrow(as_object(ref)).release();
  PyWeakReference* made = new_reference(&_PyWeakref_RefType, object, callback);
  if (!made) return nullptr;
  find_basic(*list, &ref, &proxy);
  PyWeakReference* last = proxy ? proxy : ref;
  if (!callback) insert_head(made, list);
  else if (last) insert_after(made, last);
  else insert_head(made, list);
  return as_object(made);
}

PyObject* PyWeakref_NewProxy(PyObject* object, PyObject* callback) {
  PyWeakReference** list = weak_list_slot(object);
  if (!list) return no_weakrefs(object);
  if (callback == Py_None) callback = nullptr;
  PyWeakReference *ref, *proxy;
  find_basic(*list, &ref, &proxy);
  if (!callback && proxy && Py_REFCNT(as_object(proxy)) > 0) return borrow(as_object(proxy)).release();
  PyTypeObject* type = PyCallable_Check(object) ? &_PyWeakref_CallableProxyType : &_PyWeakref_ProxyType;
  PyWeakReference* made = new_reference(type, object, callback);
  if (!made) return nullptr;
  find_basic(*list, &ref, &proxy);
  PyWeakReference* last = callback && proxy ? proxy : ref;
  if (last) insert_after(made, last);
  else insert_head(made, list);
  return as_object(made);
}

PyObject* PyWeakref_GetObject(PyObject* reference) {
  if (!reference || !PyWeakref_Check(reference)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return PyWeakref_GET_OBJECT(reference);
}

Py_ssize_t _PyWeakref_GetWeakrefCount(PyWeakReference* head) {
  Py_ssize_t count = 0;
  for (; head; head = head->wr_next) ++count;
  return count;
}

// The collector's: the callback must survive, it is run later.
void _PyWeakref_ClearRef(PyWeakReference* self) {
  Ref<> callback = detach(self);
  self->wr_callback = callback.release();
}

void PyObject_ClearWeakRefs(PyObject* object) {
  if (!object || Py_REFCNT(object) != 0) {
    // Static and immortal types never die.
    if (!object || !is_immortal(object)) PyErr_BadInternalCall();
    return;
  }
  PyWeakReference** list = weak_list_slot(object);
  if (!list || !*list) return;
  // The shared references have no callback.
  while (*list && !(*list)->wr_callback) (void)detach(*list);
  if (!*list) return;

  PyObject *et, *ev, *tb;
  PyErr_Fetch(&et, &ev, &tb);
  Py_ssize_t count = _PyWeakref_GetWeakrefCount(*list);
  if (count == 1) {
    PyWeakReference* only = *list;
    Ref<> callback = detach(only);
    // A reference that is being destroyed itself hears nothing.
    if (callback && Py_REFCNT(as_object(only)) > 0) {
      Ref<> hold = borrow(as_object(only));
      run_callback(only, callback.get());
    }
  } else {
    Ref<> pairs = steal(PyTuple_New(count * 2));
    if (!pairs) {
      // No memory for the bookkeeping: clear without calling.
      PyErr_Clear();
      while (*list) detach(*list).reset();
    } else {
      for (Py_ssize_t i = 0; i < count; ++i) {
        PyWeakReference* current = *list;
        bool alive = Py_REFCNT(as_object(current)) > 0;
        Ref<> callback = detach(current);
        if (!alive) continue;
        PyTuple_SET_ITEM(pairs.get(), i * 2, borrow(as_object(current)).release());
        PyTuple_SET_ITEM(pairs.get(), i * 2 + 1, callback.release());
      }
      for (Py_ssize_t i = 0; i < count; ++i) {
        PyObject* callback = PyTuple_GET_ITEM(pairs.get(), i * 2 + 1);
        if (callback) run_callback(as_ref(PyTuple_GET_ITEM(pairs.get(), i * 2)), callback);
      }
    }
  }
  PyErr_Restore(et, ev, tb);
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(_PyWeakref_RefType);
}  // namespace gill
