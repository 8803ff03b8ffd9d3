// The types Pickler and PicklerMemoProxy (a dict-like view of a Pickler's memo).
#include "modules/pickle/memo_proxy.h"
#include "modules/pickle/pickle.h"

#include <structmember.h>

namespace gill::pickle {

// ---- methods that a program may supply ----------------------------------------------------------------------------------------

Status load_method_reference(PyObject* self, PyObject* attribute, PyObject** function, PyObject** bound_self) {
  PyObject* found;
  *bound_self = nullptr;
  if (_PyObject_LookupAttr(self, attribute, &found) < 0) return Status::error;
  if (found && PyMethod_Check(found) && PyMethod_GET_SELF(found) == self) {
    Ref<> method = steal(found);
    *bound_self = self;
    set_field(*function, borrow(PyMethod_GET_FUNCTION(found)));
    return Status::ok;
  }
  set_field(*function, steal(found));
  return Status::ok;
}

Ref<> call_method_reference(PyObject* function, PyObject* bound_self, PyObject* argument) {
  Ref<> hold = borrow(function);
  return bound_self ? steal(PyObject_CallFunctionObjArgs(function, bound_self, argument, nullptr)) : steal(PyObject_CallOneArg(function, argument));
}

Ref<> method_reference(PyObject* function, PyObject* bound_self) {
  return bound_self ? steal(PyMethod_New(function, bound_self)) : borrow(function);
}

// ---- settings -----------------------------------------------------------------------------------------------------------------

Status set_protocol(Pickler* self, PyObject* protocol, bool fix_imports) {
  long number = kDefaultProtocol;
  if (protocol && protocol != Py_None) {
    number = TRY(checked(PyLong_AsLong(protocol)));
    if (number < 0) number = kHighestProtocol;
    if (number > kHighestProtocol) return raise(PyExc_ValueError, "pickle protocol must be <= %d", kHighestProtocol);
  }
  self->protocol = static_cast<int>(number);
  self->binary = number > 0;
  self->fix_imports = fix_imports && number < 3;
  return Status::ok;
}

Status set_buffer_callback(Pickler* self, PyObject* callback) {
  if (callback == Py_None) callback = nullptr;
  if (callback && self->protocol < 5) return raise(PyExc_ValueError, "buffer_callback needs protocol >= 5");
  set_field(self->buffer_callback, borrow(callback));
  return Status::ok;
}

Status set_output_stream(Pickler* self, PyObject* file) {
  PyObject* method;
  if (_PyObject_LookupAttr(file, name<"write">, &method) < 0) return Status::error;
  set_field(self->write_method, steal(method));
  if (!method) return raise(PyExc_TypeError, "file must have a 'write' attribute");
  return Status::ok;
}

namespace {

// ---- life ---------------------------------------------------------------------------------------------------------------------

int pickler_clear(PyObject* object) {
  auto* self = reinterpret_cast<Pickler*>(object);
  PicklerFields::clear(object);
  self->output.dispose();
  if (self->memo) self->memo->clear();
  return 0;
}

int pickler_traverse(PyObject* object, visitproc visit, void* arg) {
  auto* self = reinterpret_cast<Pickler*>(object);
  if (self->memo) {
    if (int stop = self->memo->traverse(visit, arg)) return stop;
  }
  return PicklerFields::traverse(object, visit, arg);
}

void pickler_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  PyTypeObject* type = Py_TYPE(self);
  pickler_clear(self);
  PyMem_Free(reinterpret_cast<Pickler*>(self)->memo);
  type->tp_free(self);
  release(as_object(type));
}

Status prepare(Pickler* self, State* state) {
  self->state = state;
  if (!self->memo) {
    self->memo = static_cast<Memo*>(PyMem_Calloc(1, sizeof(Memo)));
    if (!self->memo) {
      PyErr_NoMemory();
      return Status::error;
    }
  } else {
    self->memo->clear();
  }
  return self->output.clear();
}

PyObject* pickler_new(PyTypeObject* type, PyObject*, PyObject*) { return type->tp_alloc(type, 0); }

Status pickler_init(Pickler* self, PyObject* file, PyObject* protocol, bool fix_imports, PyObject* buffer_callback) {
  // A second __init__() starts afresh.
  if (self->write_method) pickler_clear(as_object(self));
  TRY(set_protocol(self, protocol, fix_imports));
  TRY(set_output_stream(self, file));
  TRY(set_buffer_callback(self, buffer_callback));
  State* state = TRY(state_of_type(Py_TYPE(self)));
  TRY(prepare(self, state));
  self->fast = 0;
  self->fast_nesting = 0;
  clear_field(self->fast_memo);
  TRY(load_method_reference(as_object(self), name<"persistent_id">, &self->persistent_function, &self->persistent_self));
  PyObject* table;
  if (_PyObject_LookupAttr(as_object(self), name<"dispatch_table">, &table) < 0) return Status::error;
  set_field(self->dispatch_table, steal(table));
  return Status::ok;
}

// ---- methods ------------------------------------------------------------------------------------------------------------------

Status pickler_clear_memo(Pickler* self) {
  if (self->memo) self->memo->clear();
  return Status::ok;
}

Status pickler_dump(Pickler* self, PyObject* object) {
  // A subclass may have forgotten to call our __init__().
  if (!self->write_method || !self->memo) {
    State* state = TRY(state_of_type(Py_TYPE(self)));
    return raise(state->pickling_error, "Pickler.__init__() was not called by %s.__init__()", Py_TYPE(self)->tp_name);
  }
  Ref<> write = borrow(self->write_method);
  TRY(self->output.clear());
  PyObject* override;
  if (_PyObject_LookupAttr(as_object(self), name<"reducer_override">, &override) < 0) return Status::error;
  set_field(self->reducer_override, steal(override));
  Status status = dump_object(self, object);
  // Bound to this object: not kept longer than needed.
  clear_field(self->reducer_override);
  TRY(status);
  return self->output.flush(write.get());
}

constexpr size_t kMemoHead = 32;  // what the reference counts for the memo's own fields

Maybe<Py_ssize_t> pickler_sizeof(Pickler* self) {
  Py_ssize_t size = Py_TYPE(self)->tp_basicsize;
  if (self->memo) size += static_cast<Py_ssize_t>(kMemoHead + std::max<size_t>(self->memo->capacity(), 8) * sizeof(Memo::Entry));
  if (self->output.allocated()) size += PyBytes_Type.tp_basicsize + self->output.allocated();
  return size;
}

// ---- the memo proxy -------------------------------------------------------------------------------------------------------------

using Proxy = MemoProxy<Pickler>;

Status proxy_clear(Proxy* self) {
  if (self->owner->memo) self->owner->memo->clear();
  return Status::ok;
}

// From id to (number, object).
Ref<> proxy_copy(Proxy* self) {
  Ref<> result = TRY(steal(PyDict_New()));
  if (!self->owner->memo) return result;
  TRY(self->owner->memo->for_each([&](const Memo::Entry& entry) -> Status {
    Ref<> key = TRY(steal(PyLong_FromVoidPtr(entry.key)));
    Ref<> value = TRY(steal(Py_BuildValue("nO", entry.number, entry.key)));
    return status_of(PyDict_SetItem(result.get(), key.get(), value.get()));
  }));
  return result;
}

Ref<> proxy_reduce(Proxy* self) {
  Ref<> contents = TRY(proxy_copy(self));
  return steal(Py_BuildValue("(O(O))", &PyDict_Type, contents.get()));
}

const PyMethodDef kProxyMethods[] = {
    METHOD("clear($self, /)", proxy_clear, "Remove all items from memo."),
    METHOD("copy($self, /)", proxy_copy, "Copy the memo to a new object."),
    METHOD("__reduce__($self, /)", proxy_reduce, "Implement pickle support."),
    kEndOfMethods,
};

Ref<> pickler_memo(Pickler* self) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  return Proxy::make(state->pickler_memo_type, self);
}

Status fill_memo(Memo& memo, PyObject* dict) {
  Py_ssize_t position = 0;
  PyObject *key, *value;
  while (PyDict_Next(dict, &position, &key, &value)) {
    if (!PyTuple_Check(value) || PyTuple_GET_SIZE(value) != 2) return raise(PyExc_TypeError, "'memo' values must be 2-item tuples");
    Ref<> pair = borrow(value);
    Py_ssize_t number = TRY(checked(PyLong_AsSsize_t(PyTuple_GET_ITEM(value, 0))));
    TRY(memo.set(PyTuple_GET_ITEM(pair.get(), 1), number));
  }
  return Status::ok;
}

Status pickler_set_memo(Pickler* self, PyObject* value) {
  if (!value) return raise(PyExc_TypeError, "attribute deletion is not supported");
  State* state = TRY(state_of_type(Py_TYPE(self)));
  if (!self->memo) TRY(prepare(self, state));
  if (Py_IS_TYPE(value, state->pickler_memo_type)) {
    Memo* other = reinterpret_cast<Proxy*>(value)->owner->memo;
    return other ? self->memo->copy_from(*other) : Status::ok;
  }
  if (!PyDict_Check(value)) {
    return raise(PyExc_TypeError, "'memo' attribute must be a PicklerMemoProxy object or dict, not %.200s", Py_TYPE(value)->tp_name);
  }
  Memo fresh{};
  Status status = fill_memo(fresh, value);
  if (status == Status::ok) self->memo->swap(fresh);
  fresh.clear();
  return status;
}

// ---- attributes -----------------------------------------------------------------------------------------------------------------

Ref<> pickler_persistent_id(Pickler* self) {
  if (!self->persistent_function) {
    PyErr_SetString(PyExc_AttributeError, "persistent_id");
    return failure;
  }
  return method_reference(self->persistent_function, self->persistent_self);
}

Status pickler_set_persistent_id(Pickler* self, PyObject* value) {
  if (!value) return raise(PyExc_TypeError, "attribute deletion is not supported");
  if (!PyCallable_Check(value)) return raise(PyExc_TypeError, "persistent_id must be a callable taking one argument");
  self->persistent_self = nullptr;
  set_field(self->persistent_function, borrow(value));
  return Status::ok;
}

const PyMethodDef kMethods[] = {
    METHOD("dump($self, obj, /)", pickler_dump, "Write a pickled representation of the given object to the open file."),
    METHOD("clear_memo($self, /)", pickler_clear_memo,
           "Clears the pickler's \"memo\".\n\nThe memo is the data structure that remembers which objects the\npickler has already seen, so that shared or "
           "recursive objects are\npickled by reference and not by value.  This method is useful when\nre-using picklers."),
    METHOD("__sizeof__($self, /)", pickler_sizeof, "Returns size in memory, in bytes."),
    kEndOfMethods,
};
const PyMemberDef kMembers[] = {
    {"bin", T_INT, offsetof(Pickler, binary)},
    {"fast", T_INT, offsetof(Pickler, fast)},
    {"dispatch_table", T_OBJECT_EX, offsetof(Pickler, dispatch_table)},
    {},
};
const PyGetSetDef kAttributes[] = {
    getset<pickler_memo, pickler_set_memo>("memo"),
    getset<pickler_persistent_id, pickler_set_persistent_id>("persistent_id"),
    kEndOfGetSets,
};

const char kDoc[] =
    "Pickler(file, protocol=None, fix_imports=True, buffer_callback=None)\n--\n\n"
    "This takes a binary file for writing a pickle data stream.\n\nThe optional *protocol* argument tells the pickler to use the given\nprotocol; supported "
    "protocols are 0, 1, 2, 3, 4 and 5.  The default\nprotocol is 4. It was introduced in Python 3.4, and is incompatible\nwith previous versions.\n\n"
    "Specifying a negative protocol version selects the highest protocol\nversion supported.  The higher the protocol used, the more recent the\nversion of "
    "Python needed to read the pickle produced.\n\nThe *file* argument must have a write() method that accepts a single\nbytes argument. It can thus be a file "
    "object opened for binary\nwriting, an io.BytesIO instance, or any other custom object that meets\nthis interface.\n\nIf *fix_imports* is True and protocol "
    "is less than 3, pickle will try\nto map the new Python 3 names to the old module names used in Python\n2, so that the pickle data stream is readable with "
    "Python 2.\n\nIf *buffer_callback* is None (the default), buffer views are\nserialized into *file* as part of the pickle stream.\n\nIf *buffer_callback* is "
    "not None, then it can be called any number\nof times with a buffer view.  If the callback returns a false value\n(such as None), the given buffer is "
    "out-of-band; otherwise the\nbuffer is serialized in-band, i.e. inside the pickle stream.\n\nIt is an error if *buffer_callback* is not None and "
    "*protocol*\nis None or smaller than 5.";

const PyType_Slot kSlots[] = {
    {Py_tp_doc, (void*)kDoc},
    {Py_tp_new, (void*)pickler_new},
    {Py_tp_init, (void*)INITIALIZER("Pickler($self, file, protocol=None, fix_imports=True, buffer_callback=None)", pickler_init)},
    {Py_tp_dealloc, (void*)pickler_dealloc},
    {Py_tp_traverse, (void*)pickler_traverse},
    {Py_tp_clear, (void*)pickler_clear},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_getset, (void*)kAttributes},
    {0, nullptr},
};
PyType_Spec pickler_spec = {"_pickle.Pickler", kPicklerSize, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
                            const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Ref<Pickler> new_pickler(State* state) {
  Ref<Pickler> self = TRY(Ref<Pickler>::steal(state->pickler_type->tp_alloc(state->pickler_type, 0)));
  TRY(prepare(self.get(), state));
  return self;
}

Status add_pickler_types(PyObject* module, State* state) {
  TRY(make_heap_type(module, &pickler_spec, state->pickler_type));
  TRY(Proxy::make_type(module, "_pickle.PicklerMemoProxy", kProxyMethods, state->pickler_memo_type));
  return status_of(PyModule_AddType(module, state->pickler_type));
}

}  // namespace gill::pickle
