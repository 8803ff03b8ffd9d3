// The types Unpickler and UnpicklerMemoProxy (a dict-like view of an Unpickler's memo), and finding globals.
#include "modules/pickle/memo_proxy.h"
#include "modules/pickle/pickle.h"

namespace gill::pickle {

namespace {

constexpr Py_ssize_t kInitialMemo = 32;

Status resize_memo(Unpickler* self, Py_ssize_t size) {
  auto* fresh = static_cast<PyObject**>(PyMem_Realloc(self->memo, static_cast<size_t>(size) * sizeof(PyObject*)));
  if (!fresh) {
    PyErr_NoMemory();
    return Status::error;
  }
  for (Py_ssize_t i = self->memo_size; i < size; ++i) fresh[i] = nullptr;
  self->memo = fresh;
  self->memo_size = size;
  return Status::ok;
}

}  // namespace

// ---- memo ---------------------------------------------------------------------------------------------------------------------

PyObject* memo_lookup(Unpickler* self, Py_ssize_t index) { return index < self->memo_size ? self->memo[index] : nullptr; }

Status memo_store(Unpickler* self, Py_ssize_t index, PyObject* value) {
  if (index >= self->memo_size) {
    if (index > PY_SSIZE_T_MAX / 2 / static_cast<Py_ssize_t>(sizeof(PyObject*))) {
      PyErr_NoMemory();
      return Status::error;
    }
    TRY(resize_memo(self, std::max(index * 2, kInitialMemo)));
  }
  PyObject* old = std::exchange(self->memo[index], borrow(value).release());
  if (old) release(old);
  else ++self->memo_used;
  return Status::ok;
}

void memo_dispose(Unpickler* self) {
  PyObject** memo = std::exchange(self->memo, nullptr);
  Py_ssize_t size = std::exchange(self->memo_size, 0);
  self->memo_used = 0;
  for (Py_ssize_t i = 0; i < size; ++i) {
    if (memo[i]) release(memo[i]);
  }
  PyMem_Free(memo);
}

// ---- settings -----------------------------------------------------------------------------------------------------------------

Status set_input_stream(Unpickler* self, PyObject* file) {
  auto find = [&](PyObject* attribute, PyObject*& field) -> Status {
    PyObject* found;
    if (_PyObject_LookupAttr(file, attribute, &found) < 0) return Status::error;
    set_field(field, steal(found));
    return Status::ok;
  };
  TRY(find(name<"peek">, self->peek_method));
  TRY(find(name<"readinto">, self->readinto_method));
  TRY(find(name<"read">, self->read_method));
  TRY(find(name<"readline">, self->readline_method));
  if (self->read_method && self->readline_method) return Status::ok;
  clear_field(self->read_method);
  clear_field(self->readinto_method);
  clear_field(self->readline_method);
  clear_field(self->peek_method);
  return raise(PyExc_TypeError, "file must have 'read' and 'readline' attributes");
}

Status set_input_bytes(Unpickler* self, PyObject* data) {
  if (PyObject_GetBuffer(data, &self->buffer, PyBUF_CONTIG_RO) < 0) return Status::error;
  self->input = static_cast<const char*>(self->buffer.buf);
  self->input_size = self->buffer.len;
  self->next = 0;
  self->prefetched = self->input_size;
  return Status::ok;
}

Status set_encoding(Unpickler* self, const char* encoding, const char* errors) {
  auto copy = [](char*& field, const char* text, const char* otherwise) {
    PyMem_Free(field);
    if (!text) text = otherwise;
    size_t size = strlen(text) + 1;
    field = static_cast<char*>(PyMem_Malloc(size));
    if (field) memcpy(field, text, size);
    else PyErr_NoMemory();
    return field ? Status::ok : Status::error;
  };
  TRY(copy(self->encoding, encoding, "ASCII"));
  return copy(self->errors, errors, "strict");
}

Status set_buffers(Unpickler* self, PyObject* buffers) {
  if (!buffers || buffers == Py_None) {
    clear_field(self->out_of_band);
    return Status::ok;
  }
  Ref<> iterator = TRY(steal(PyObject_GetIter(buffers)));
  set_field(self->out_of_band, std::move(iterator));
  return Status::ok;
}

// ---- globals ------------------------------------------------------------------------------------------------------------------

namespace {

Failure bad_mapping(const char* text, PyObject* value) { return raise(PyExc_RuntimeError, text, Py_TYPE(value)->tp_name); }

// The names in Python 3 of what Python 2 pickled.
Status map_to_python3(State* state, Ref<>& module_name, Ref<>& global_name) {
  Ref<> key = TRY(steal(PyTuple_Pack(2, module_name.get(), global_name.get())));
  if (PyObject* item = PyDict_GetItemWithError(state->name_mapping, key.get())) {
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) return bad_mapping("_compat_pickle.NAME_MAPPING values should be 2-tuples, not %.200s", item);
    PyObject* new_module = PyTuple_GET_ITEM(item, 0);
    PyObject* new_name = PyTuple_GET_ITEM(item, 1);
    if (!PyUnicode_Check(new_module) || !PyUnicode_Check(new_name)) {
      return raise(PyExc_RuntimeError, "_compat_pickle.NAME_MAPPING values should be pairs of str, not (%.200s, %.200s)", Py_TYPE(new_module)->tp_name,
                   Py_TYPE(new_name)->tp_name);
    }
    module_name = borrow(new_module);
    global_name = borrow(new_name);
    return Status::ok;
  }
  if (PyErr_Occurred()) return Status::error;
  if (PyObject* item = PyDict_GetItemWithError(state->import_mapping, module_name.get())) {
    if (!PyUnicode_Check(item)) return bad_mapping("_compat_pickle.IMPORT_MAPPING values should be strings, not %.200s", item);
    module_name = borrow(item);
    return Status::ok;
  }
  return PyErr_Occurred() ? Status::error : Status::ok;
}

}  // namespace

Ref<> find_class(Unpickler* self, PyObject* given_module, PyObject* given_name) {
  if (PySys_Audit("pickle.find_class", "OO", given_module, given_name) < 0) return failure;
  Ref<> module_name = borrow(given_module);
  Ref<> global_name = borrow(given_name);
  State* state = self->state ? self->state : TRY(state_of_type(Py_TYPE(self)));
  if (self->protocol < 3 && self->fix_imports) TRY(map_to_python3(state, module_name, global_name));
  Ref<> module = TRY(steal(PyImport_Import(module_name.get())));
  return get_attribute(module.get(), global_name.get(), self->protocol >= 4);
}

namespace {

// ---- life ---------------------------------------------------------------------------------------------------------------------

void truncate(Stack* stack) {
  while (stack->size > 0) release(stack->items[--stack->size]);
}

int unpickler_clear(PyObject* object) {
  auto* self = reinterpret_cast<Unpickler*>(object);
  UnpicklerFields::clear(object);
  if (self->stack) {
    truncate(self->stack);
    self->stack->mark_count = 0;
    self->stack->marks_allocated = 0;
    PyMem_Free(std::exchange(self->stack->marks, nullptr));
  }
  if (self->buffer.buf) {
    PyBuffer_Release(&self->buffer);
    self->buffer.buf = nullptr;
  }
  self->input = nullptr;
  self->input_size = self->next = self->prefetched = 0;
  memo_dispose(self);
  PyMem_Free(std::exchange(self->line, nullptr));
  PyMem_Free(std::exchange(self->encoding, nullptr));
  PyMem_Free(std::exchange(self->errors, nullptr));
  return 0;
}

int unpickler_traverse(PyObject* object, visitproc visit, void* arg) {
  auto* self = reinterpret_cast<Unpickler*>(object);
  for (Py_ssize_t i = 0; self->stack && i < self->stack->size; ++i) Py_VISIT(self->stack->items[i]);
  for (Py_ssize_t i = 0; i < self->memo_size; ++i) Py_VISIT(self->memo[i]);
  return UnpicklerFields::traverse(object, visit, arg);
}

void unpickler_dealloc(PyObject* object) {
  PyObject_GC_UnTrack(object);
  PyTypeObject* type = Py_TYPE(object);
  auto* self = reinterpret_cast<Unpickler*>(object);
  unpickler_clear(object);
  if (self->stack) PyMem_Free(self->stack->items);
  PyMem_Free(self->stack);
  type->tp_free(object);
  release(as_object(type));
}

Status prepare(Unpickler* self, State* state) {
  self->state = state;
  if (!self->stack) {
    self->stack = static_cast<Stack*>(PyMem_Calloc(1, sizeof(Stack)));
    if (!self->stack) {
      PyErr_NoMemory();
      return Status::error;
    }
  }
  return self->memo ? Status::ok : resize_memo(self, kInitialMemo);
}

PyObject* unpickler_new(PyTypeObject* type, PyObject*, PyObject*) { return type->tp_alloc(type, 0); }

Status unpickler_init(Unpickler* self, PyObject* file, bool fix_imports, const char* encoding, const char* errors, PyObject* buffers) {
  // A second __init__() starts afresh.
  if (self->read_method) unpickler_clear(as_object(self));
  TRY(set_input_stream(self, file));
  TRY(set_encoding(self, encoding, errors));
  TRY(set_buffers(self, buffers));
  self->fix_imports = fix_imports;
  TRY(load_method_reference(as_object(self), name<"persistent_load">, &self->persistent_function, &self->persistent_self));
  self->protocol = 0;
  State* state = TRY(state_of_type(Py_TYPE(self)));
  return prepare(self, state);
}

// ---- methods ------------------------------------------------------------------------------------------------------------------

Ref<> unpickler_load(Unpickler* self) {
  if (!self->read_method || !self->stack) {
    State* state = TRY(state_of_type(Py_TYPE(self)));
    return raise(state->unpickling_error, "Unpickler.__init__() was not called by %s.__init__()", Py_TYPE(self)->tp_name);
  }
  return load_object(self);
}

Maybe<Py_ssize_t> unpickler_sizeof(Unpickler* self) {
  Py_ssize_t size = Py_TYPE(self)->tp_basicsize;
  size += self->memo_size * static_cast<Py_ssize_t>(sizeof(PyObject*));
  if (self->stack) size += self->stack->marks_allocated * static_cast<Py_ssize_t>(sizeof(Py_ssize_t));
  for (char* text : {self->line, self->encoding, self->errors}) size += text ? static_cast<Py_ssize_t>(strlen(text)) + 1 : 0;
  return size;
}

// ---- the memo proxy -------------------------------------------------------------------------------------------------------------

using Proxy = MemoProxy<Unpickler>;

Status proxy_clear(Proxy* self) {
  memo_dispose(self->owner);
  return resize_memo(self->owner, kInitialMemo);
}

Ref<> proxy_copy(Proxy* self) {
  Ref<> result = TRY(steal(PyDict_New()));
  for (Py_ssize_t i = 0; i < self->owner->memo_size; ++i) {
    Ref<> value = borrow(self->owner->memo[i]);
    if (!value) continue;
    Ref<> key = TRY(steal(PyLong_FromSsize_t(i)));
    TRY(status_of(PyDict_SetItem(result.get(), key.get(), value.get())));
  }
  return result;
}

Ref<> proxy_reduce(Proxy* self) {
  Ref<> contents = TRY(proxy_copy(self));
  return steal(Py_BuildValue("(O(O))", &PyDict_Type, contents.get()));
}

const PyMethodDef kProxyMethods[] = {
    METHOD("clear($self, /)", proxy_clear, "Remove all items from memo."),
    METHOD("copy($self, /)", proxy_copy, "Copy the memo to a new object."),
    METHOD("__reduce__($self, /)", proxy_reduce, "Implement pickling support."),
    kEndOfMethods,
};

Ref<> unpickler_memo(Unpickler* self) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  return Proxy::make(state->unpickler_memo_type, self);
}

Status fill_from_dict(Unpickler* self, PyObject* dict) {
  Py_ssize_t position = 0;
  PyObject *key, *value;
  while (PyDict_Next(dict, &position, &key, &value)) {
    if (!PyLong_Check(key)) return raise(PyExc_TypeError, "memo key must be integers");
    Py_ssize_t index = TRY(checked(PyLong_AsSsize_t(key)));
    if (index < 0) return raise(PyExc_ValueError, "memo key must be positive integers.");
    TRY(memo_store(self, index, value));
  }
  return Status::ok;
}

Status unpickler_set_memo(Unpickler* self, PyObject* value) {
  if (!value) return raise(PyExc_TypeError, "attribute deletion is not supported");
  State* state = TRY(state_of_type(Py_TYPE(self)));
  Ref<> contents;
  if (Py_IS_TYPE(value, state->unpickler_memo_type)) contents = TRY(proxy_copy(reinterpret_cast<Proxy*>(value)));
  else contents = borrow(value);
  if (!PyDict_Check(contents.get())) {
    return raise(PyExc_TypeError, "'memo' attribute must be an UnpicklerMemoProxy object or dict, not %.200s", Py_TYPE(value)->tp_name);
  }
  // The old one stays when the new one is wrong.
  PyObject** old = std::exchange(self->memo, nullptr);
  Py_ssize_t old_size = std::exchange(self->memo_size, 0);
  Py_ssize_t old_used = std::exchange(self->memo_used, 0);
  Status status = resize_memo(self, kInitialMemo);
  if (status == Status::ok) status = fill_from_dict(self, contents.get());
  if (status == Status::error) {
    std::swap(self->memo, old);
    std::swap(self->memo_size, old_size);
    self->memo_used = old_used;
  }
  for (Py_ssize_t i = 0; i < old_size; ++i) {
    if (old[i]) release(old[i]);
  }
  PyMem_Free(old);
  return status;
}

// ---- attributes -----------------------------------------------------------------------------------------------------------------

Ref<> unpickler_persistent_load(Unpickler* self) {
  if (!self->persistent_function) {
    PyErr_SetString(PyExc_AttributeError, "persistent_load");
    return failure;
  }
  return method_reference(self->persistent_function, self->persistent_self);
}

Status unpickler_set_persistent_load(Unpickler* self, PyObject* value) {
  if (!value) return raise(PyExc_TypeError, "attribute deletion is not supported");
  if (!PyCallable_Check(value)) return raise(PyExc_TypeError, "persistent_load must be a callable taking one argument");
  self->persistent_self = nullptr;
  set_field(self->persistent_function, borrow(value));
  return Status::ok;
}

const PyMethodDef kMethods[] = {
    METHOD("load($self, /)", unpickler_load,
           "Load a pickle.\n\nRead a pickled object representation from the open file object given\nin the constructor, and return the reconstituted object "
           "hierarchy\nspecified therein."),
    METHOD("find_class($self, module_name, global_name, /)", find_class,
           "Return an object from a specified module.\n\nIf necessary, the module will be imported. Subclasses may override\nthis method (e.g. to restrict "
           "unpickling of arbitrary classes and\nfunctions).\n\nThis method is called whenever a class or a function object is\nneeded.  Both arguments passed "
           "are str objects."),
    METHOD("__sizeof__($self, /)", unpickler_sizeof, "Returns size in memory, in bytes."),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<unpickler_memo, unpickler_set_memo>("memo"),
    getset<unpickler_persistent_load, unpickler_set_persistent_load>("persistent_load"),
    kEndOfGetSets,
};

const char kDoc[] =
    "Unpickler(file, *, fix_imports=True, encoding='ASCII', errors='strict',\n          buffers=())\n--\n\n"
    "This takes a binary file for reading a pickle data stream.\n\nThe protocol version of the pickle is detected automatically, so no\nprotocol argument is "
    "needed.  Bytes past the pickled object's\nrepresentation are ignored.\n\nThe argument *file* must have two methods, a read() method that takes\nan integer "
    "argument, and a readline() method that requires no\narguments.  Both methods should return bytes.  Thus *file* can be a\nbinary file object opened for "
    "reading, an io.BytesIO object, or any\nother custom object that meets this interface.\n\nOptional keyword arguments are *fix_imports*, *encoding* and "
    "*errors*,\nwhich are used to control compatibility support for pickle stream\ngenerated by Python 2.  If *fix_imports* is True, pickle will try to\nmap the "
    "old Python 2 names to the new names used in Python 3.  The\n*encoding* and *errors* tell pickle how to decode 8-bit string\ninstances pickled by Python 2; "
    "these default to 'ASCII' and 'strict',\nrespectively.  The *encoding* can be 'bytes' to read these 8-bit\nstring instances as bytes objects.";

const PyType_Slot kSlots[] = {
    {Py_tp_doc, (void*)kDoc},
    {Py_tp_new, (void*)unpickler_new},
    {Py_tp_init, (void*)INITIALIZER("Unpickler($self, file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=None)", unpickler_init)},
    {Py_tp_dealloc, (void*)unpickler_dealloc},
    {Py_tp_traverse, (void*)unpickler_traverse},
    {Py_tp_clear, (void*)unpickler_clear},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_getset, (void*)kAttributes},
    {0, nullptr},
};
PyType_Spec unpickler_spec = {"_pickle.Unpickler", kUnpicklerSize, 0,
                              Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Ref<Unpickler> new_unpickler(State* state) {
  Ref<Unpickler> self = TRY(Ref<Unpickler>::steal(state->unpickler_type->tp_alloc(state->unpickler_type, 0)));
  TRY(prepare(self.get(), state));
  return self;
}

Status add_unpickler_types(PyObject* module, State* state) {
  TRY(make_heap_type(module, &unpickler_spec, state->unpickler_type));
  TRY(Proxy::make_type(module, "_pickle.UnpicklerMemoProxy", kProxyMethods, state->unpickler_memo_type));
  return status_of(PyModule_AddType(module, state->unpickler_type));
}

}  // namespace gill::pickle
