// _struct: the Struct type, its iterator, and the module's functions, which keep the Structs of recent formats.
#include <Python.h>
#include <structmember.h>

#include <cstring>
#include <span>

#include "base/names.h"
#include "modules/module_state.h"
#include "modules/struct/struct_module.h"

namespace gill::structs {
namespace {

extern PyModuleDef definition;

State& state_of(PyObject* module) { return *static_cast<State*>(PyModule_GetState(module)); }
// Of the module that defines the type or its built-in base.
State& state_of_type(PyTypeObject* type) { return state_of(PyType_GetModuleByDef(type, &definition)); }

struct StructObject {
  PyObject_HEAD
  Py_ssize_t size;     // in bytes
  Py_ssize_t values;   // how many it takes
  Run* runs;
  Py_ssize_t run_count;
  PyObject* format;    // bytes
  PyObject* weak_references;
};

// ---- reading a format -------------------------------------------------------------------------------

Order order_of(const char*& p) {
  switch (*p) {
    case '<': case '=': ++p; return Order::little;
    case '>': case '!': ++p; return Order::big;
    case '@': ++p; [[fallthrough]];
    default: return Order::native;
  }
}

struct Layout {
  Py_ssize_t size = 0;
  Py_ssize_t values = 0;
  Py_ssize_t runs = 0;
};

Failure too_long(State& state) { return raise(state.error, "total struct size too long"); }

// Goes through the format; `out`, where given, has room for all runs.
Maybe<Layout> read_format(State& state, const char* p, Run* out) {
  Order order = order_of(p);
  Layout layout;
  while (char c = *p++) {
    if (Py_ISSPACE(static_cast<unsigned char>(c))) continue;
    Py_ssize_t count = 1;
    if (Py_ISDIGIT(static_cast<unsigned char>(c))) {
      count = c - '0';
      for (; Py_ISDIGIT(static_cast<unsigned char>(c = *p)); ++p) {
        if (__builtin_mul_overflow(count, Py_ssize_t{10}, &count) || __builtin_add_overflow(count, Py_ssize_t{c - '0'}, &count)) return too_long(state);
      }
      if (c == 0) return raise(state.error, "repeat count given without format specifier");
      ++p;
    }
    const Format* format = find_format(order, c);
    if (!format) return raise(state.error, "bad char in struct format");
    if (format->alignment) {
      Py_ssize_t extra = (format->alignment - layout.size % format->alignment) % format->alignment;
      if (__builtin_add_overflow(layout.size, extra, &layout.size)) return too_long(state);
    }
    Py_ssize_t offset = layout.size, bytes;
    if (__builtin_mul_overflow(count, Py_ssize_t{format->size}, &bytes) || __builtin_add_overflow(layout.size, bytes, &layout.size)) return too_long(state);
    bool text = c == 's' || c == 'p';
    if (c == 'x' || (count == 0 && !text)) continue;
    if (out) out[layout.runs] = text ? Run{format, offset, count, 1} : Run{format, offset, format->size, count};
    layout.values += text ? 1 : count;
    ++layout.runs;
  }
  return layout;
}

Status prepare(State& state, StructObject* self, PyObject* format) {
  const char* text = PyBytes_AS_STRING(format);
  if (std::strlen(text) != static_cast<size_t>(PyBytes_GET_SIZE(format))) return raise(state.error, "embedded null character");
  Layout layout = TRY(read_format(state, text, nullptr));
  Run* runs = PyMem_New(Run, layout.runs + 1);
  if (!runs) {
    PyErr_NoMemory();
    return failure;
  }
  (void)read_format(state, text, runs);
  PyMem_Free(std::exchange(self->runs, runs));
  self->run_count = layout.runs;
  self->size = layout.size;
  self->values = layout.values;
  return Status::ok;
}

// ---- packing and unpacking --------------------------------------------------------------------------

Ref<> unpack_text(const Run& run, const char* in) {
  if (run.format->code == 's') return steal(PyBytes_FromStringAndSize(in, run.size));
  // A Pascal string has its length in front.
  Py_ssize_t length = run.size > 0 ? static_cast<unsigned char>(*in) : -1;
  return steal(PyBytes_FromStringAndSize(in + 1, std::min(length, run.size - 1)));
}

Ref<> unpack_values(StructObject* self, const char* data) {
  Ref<> result = TRY(steal(PyTuple_New(self->values)));
  Py_ssize_t at = 0;
  for (const Run& run : std::span(self->runs, static_cast<size_t>(self->run_count))) {
    const char* in = data + run.offset;
    for (Py_ssize_t i = 0; i < run.count; ++i, in += run.size) {
      Ref<> value = TRY(is_text(run) ? unpack_text(run, in) : run.format->unpack(in, *run.format));
      PyTuple_SET_ITEM(result.get(), at++, value.release());
    }
  }
  return result;
}

Status pack_text(State& state, const Run& run, char* out, PyObject* value) {
  bool bytes = PyBytes_Check(value);
  if (!bytes && !PyByteArray_Check(value)) return raise(state.error, "argument for '%c' must be a bytes object", static_cast<int>(run.format->code));
  const char* text = bytes ? PyBytes_AS_STRING(value) : PyByteArray_AS_STRING(value);
  Py_ssize_t length = bytes ? PyBytes_GET_SIZE(value) : PyByteArray_GET_SIZE(value);
  if (run.format->code == 's') {
    std::memcpy(out, text, static_cast<size_t>(std::min(length, run.size)));
    return Status::ok;
  }
  if (run.size == 0) return Status::ok;
  length = std::min(length, run.size - 1);
  std::memcpy(out + 1, text, static_cast<size_t>(length));
  *out = static_cast<char>(std::min<Py_ssize_t>(length, 255));
  return Status::ok;
}

// Packs all values into zeroed bytes.
Status pack_values(State& state, StructObject* self, char* data, PyObject* const* values) {
  for (const Run& run : std::span(self->runs, static_cast<size_t>(self->run_count))) {
    char* out = data + run.offset;
    for (Py_ssize_t i = 0; i < run.count; ++i, out += run.size) {
      PyObject* value = *values++;
      if (is_text(run)) {
        TRY(pack_text(state, run, out, value));
      } else if (run.format->pack(state, out, value, *run.format) != Status::ok) {
        if (PyLong_Check(value) && PyErr_ExceptionMatches(PyExc_OverflowError)) return raise(state.error, "int too large to convert");
        return failure;
      }
    }
  }
  return Status::ok;
}

// Where `size` bytes start in a buffer of `room`, counted from the end if `offset` is negative.
Maybe<Py_ssize_t> place_of(State& state, Py_ssize_t offset, Py_ssize_t size, Py_ssize_t room, bool packing) {
  if (offset < 0) {
    if (offset + size > 0) {
      if (packing) return raise(state.error, "no space to pack %zd bytes at offset %zd", size, offset);
      return raise(state.error, "not enough data to unpack %zd bytes at offset %zd", size, offset);
    }
    if (offset + room < 0) return raise(state.error, "offset %zd out of range for %zd-byte buffer", offset, room);
    offset += room;
  }
  if (room - offset < size) {
    return raise(state.error, "%s requires a buffer of at least %zu bytes for %s %zd bytes at offset %zd (actual buffer size is %zd)",
                 packing ? "pack_into" : "unpack_from", static_cast<size_t>(size) + static_cast<size_t>(offset), packing ? "packing" : "unpacking", size,
                 offset, room);
  }
  return offset;
}

// A buffer for as long as a call lasts.
class View {
 public:
  View() = default;
  View(const View&) = delete;
  ~View() {
    if (held_) PyBuffer_Release(&view_);
  }
  Status open(PyObject* object, int flags) {
    if (PyBytes_CheckExact(object) && flags == PyBUF_SIMPLE) {
      // Nobody can take its contents away while the caller holds it.
      view_.buf = PyBytes_AS_STRING(object);
      view_.len = PyBytes_GET_SIZE(object);
      return Status::ok;
    }
    TRY(status_of(PyObject_GetBuffer(object, &view_, flags)));
    held_ = true;
    return Status::ok;
  }
  char* data() const { return static_cast<char*>(view_.buf); }
  Py_ssize_t size() const { return view_.len; }

 private:
  Py_buffer view_;
  bool held_ = false;
};

Status require_ready(StructObject* self) {
  if (self->runs) return Status::ok;
  return raise(PyExc_RuntimeError, "Struct object is not initialized");
}

// ---- the methods ------------------------------------------------------------------------------------

State& state_of_struct(StructObject* self) { return state_of_type(Py_TYPE(self)); }

Ref<> pack_into_bytes(State& state, StructObject* self, Args values) {
  TRY(require_ready(self));
  if (values.count != self->values) return raise(state.error, "pack expected %zd items for packing (got %zd)", self->values, values.count);
  Ref<> result = TRY(steal(PyBytes_FromStringAndSize(nullptr, self->size)));
  char* data = PyBytes_AS_STRING(result.get());
  std::memset(data, 0, static_cast<size_t>(self->size));
  TRY(pack_values(state, self, data, values.items));
  return result;
}

Ref<> struct_pack(StructObject* self, Args values) { return pack_into_bytes(state_of_struct(self), self, values); }

Status struct_pack_into(StructObject* self, Args arguments) {
  State& state = state_of_struct(self);
  TRY(require_ready(self));
  if (arguments.count != self->values + 2) {
    if (arguments.count == 0) return raise(state.error, "pack_into expected buffer argument");
    if (arguments.count == 1) return raise(state.error, "pack_into expected offset argument");
    return raise(state.error, "pack_into expected %zd items for packing (got %zd)", self->values, arguments.count - 2);
  }
  View view;
  if (view.open(arguments[0], PyBUF_WRITABLE) != Status::ok) {
    if (PyErr_ExceptionMatches(PyExc_BufferError) || PyErr_ExceptionMatches(PyExc_TypeError)) {
      return raise(PyExc_TypeError, "argument must be read-write bytes-like object, not %.50s", Py_TYPE(arguments[0])->tp_name);
    }
    return failure;
  }
  Py_ssize_t offset = TRY(checked(PyNumber_AsSsize_t(arguments[1], PyExc_IndexError)));
  offset = TRY(place_of(state, offset, self->size, view.size(), true));
  char* data = view.data() + offset;
  std::memset(data, 0, static_cast<size_t>(self->size));
  return pack_values(state, self, data, arguments.items + 2);
}

Ref<> struct_unpack(StructObject* self, PyObject* buffer) {
  TRY(require_ready(self));
  View view;
  TRY(view.open(buffer, PyBUF_SIMPLE));
  if (view.size() != self->size) return raise(state_of_struct(self).error, "unpack requires a buffer of %zd bytes", self->size);
  return unpack_values(self, view.data());
}

Ref<> struct_unpack_from(StructObject* self, PyObject* buffer, Py_ssize_t offset) {
  TRY(require_ready(self));
  View view;
  TRY(view.open(buffer, PyBUF_SIMPLE));
  offset = TRY(place_of(state_of_struct(self), offset, self->size, view.size(), false));
  return unpack_values(self, view.data() + offset);
}

struct Iterator {
  PyObject_HEAD
  PyObject* structure;
  Py_buffer view;
  Py_ssize_t at;
};

Ref<> struct_iter_unpack(StructObject* self, PyObject* buffer) {
  TRY(require_ready(self));
  State& state = state_of_struct(self);
  if (self->size == 0) return raise(state.error, "cannot iteratively unpack with a struct of length 0");
  Py_buffer view;
  TRY(status_of(PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)));
  Ref<Iterator> iterator;
  if (view.len % self->size) raise(state.error, "iterative unpacking requires a buffer of a multiple of %zd bytes", self->size);
  else iterator = steal(PyObject_GC_New(Iterator, state.iterator_type));
  if (!iterator) {
    PyBuffer_Release(&view);
    return failure;
  }
  iterator->structure = borrow(as_object(self)).release();
  iterator->view = view;
  iterator->at = 0;
  PyObject_GC_Track(iterator.get());
  return iterator;
}

Ref<> struct_sizeof(StructObject* self) {
  // As the reference counts: no field for the number of runs, and an entry that ends the list.
  return steal(PyLong_FromSsize_t(static_cast<Py_ssize_t>(sizeof(StructObject) - sizeof(Py_ssize_t)) + (self->run_count + 1) * static_cast<Py_ssize_t>(sizeof(Run))));
}

Ref<> struct_format(StructObject* self) {
  TRY(require_ready(self));
  return steal(PyUnicode_FromStringAndSize(PyBytes_AS_STRING(self->format), PyBytes_GET_SIZE(self->format)));
}
Ref<> struct_size(StructObject* self) { return steal(PyLong_FromSsize_t(self->size)); }

// ---- the type ---------------------------------------------------------------------------------------

PyObject* struct_new(PyTypeObject* type, PyObject*, PyObject*) {
  Ref<> self = steal(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  auto* object = reinterpret_cast<StructObject*>(self.get());
  object->size = object->values = -1;
  return self.release();
}

Status struct_init(StructObject* self, PyObject* format) {
  Ref<> bytes;
  if (PyUnicode_Check(format)) bytes = TRY(steal(PyUnicode_AsASCIIString(format)));
  else bytes = borrow(format);
  if (!PyBytes_Check(bytes.get())) {
    return raise(PyExc_TypeError, "Struct() argument 1 must be a str or bytes object, not %.200s", Py_TYPE(format)->tp_name);
  }
  PyObject* text = bytes.get();
  set_field(self->format, std::move(bytes));
  return prepare(state_of_struct(self), self, text);
}

int struct_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return 0;
}
void struct_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<StructObject*>(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  PyMem_Free(self->runs);
  clear_field(self->format);
  type->tp_free(object);
  release(as_object(type));
}

const PyMethodDef kStructMethods[] = {
    METHOD("iter_unpack($self, buffer, /)", struct_iter_unpack, "Return an iterator yielding tuples, each unpacked from the next part of the buffer."),
    METHOD_UNSIGNED("pack($self, *values)", struct_pack, "S.pack(v1, v2, ...) -> bytes\n\nReturn a bytes object with the values packed by the format."),
    METHOD_UNSIGNED("pack_into($self, *arguments)", struct_pack_into, "S.pack_into(buffer, offset, v1, v2, ...)\n\nWrite the values, packed by the format, into a writable buffer at offset."),
    METHOD("unpack($self, buffer, /)", struct_unpack, "Return a tuple containing unpacked values.\n\nThe buffer's size must be the struct's."),
    METHOD("unpack_from($self, /, buffer, offset=0)", struct_unpack_from, "Return a tuple containing unpacked values.\n\nThe buffer must hold the struct's size behind offset."),
    METHOD_UNSIGNED("__sizeof__($self)", struct_sizeof, "S.__sizeof__() -> size of S in memory, in bytes"),
    kEndOfMethods,
};
const PyGetSetDef kStructAttributes[] = {
    getset<struct_format>("format", "struct format string"),
    getset<struct_size>("size", "struct size in bytes"),
    kEndOfGetSets,
};
const PyMemberDef kStructMembers[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(StructObject, weak_references), READONLY, nullptr},
    {},
};
const PyType_Slot kStructSlots[] = {
    {Py_tp_dealloc, (void*)struct_dealloc},
    {Py_tp_traverse, (void*)struct_traverse},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_setattro, (void*)PyObject_GenericSetAttr},
    {Py_tp_doc, (void*)"Struct(fmt) --> compiled struct object\n\n"},
    {Py_tp_methods, (void*)kStructMethods},
    {Py_tp_members, (void*)kStructMembers},
    {Py_tp_getset, (void*)kStructAttributes},
    {Py_tp_init, (void*)INITIALIZER("Struct($self, /, format)", struct_init)},
    {Py_tp_alloc, (void*)PyType_GenericAlloc},
    {Py_tp_new, (void*)struct_new},
    {Py_tp_free, (void*)PyObject_GC_Del},
    {0, nullptr},
};
PyType_Spec struct_spec = {"_struct.Struct", sizeof(StructObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
                           const_cast<PyType_Slot*>(kStructSlots)};

// ---- the iterator -----------------------------------------------------------------------------------

StructObject* structure_of(Iterator* self) { return reinterpret_cast<StructObject*>(self->structure); }

Ref<> iterator_next(Iterator* self) {
  if (!self->structure) return failure;
  StructObject* structure = structure_of(self);
  if (self->at >= self->view.len) {
    clear_field(self->structure);
    PyBuffer_Release(&self->view);
    return failure;
  }
  Ref<> values = unpack_values(structure, static_cast<char*>(self->view.buf) + self->at);
  self->at += structure->size;
  return values;
}
Ref<> iterator_length_hint(Iterator* self) {
  return steal(PyLong_FromSsize_t(self->structure ? (self->view.len - self->at) / structure_of(self)->size : 0));
}
int iterator_traverse(PyObject* object, visitproc visit, void* arg) {
  auto* self = reinterpret_cast<Iterator*>(object);
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->structure);
  Py_VISIT(self->view.obj);
  return 0;
}
PyObject* iterator_new(PyTypeObject* type, PyObject*, PyObject*) {
  return raise(PyExc_TypeError, "Cannot create '%.200s objects", _PyType_Name(type));  // compat: with one quote
}

void iterator_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<Iterator*>(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  clear_field(self->structure);
  PyBuffer_Release(&self->view);
  PyObject_GC_Del(object);
  release(as_object(type));
}

const PyMethodDef kIteratorMethods[] = {
    METHOD_UNSIGNED("__length_hint__($self)", iterator_length_hint, nullptr),
    kEndOfMethods,
};
const PyType_Slot kIteratorSlots[] = {
    {Py_tp_new, (void*)iterator_new},
    {Py_tp_dealloc, (void*)iterator_dealloc},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_traverse, (void*)iterator_traverse},
    {Py_tp_iter, (void*)PyObject_SelfIter},
    {Py_tp_iternext, (void*)slot<iterator_next>},
    {Py_tp_methods, (void*)kIteratorMethods},
    {0, nullptr},
};
PyType_Spec iterator_spec = {"_struct.unpack_iterator", sizeof(Iterator), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
                             const_cast<PyType_Slot*>(kIteratorSlots)};

// ---- the module's functions -------------------------------------------------------------------------

inline constexpr Py_ssize_t kCacheSize = 100;

Ref<StructObject> cached(State& state, PyObject* format) {
  if (PyObject* found = PyDict_GetItemWithError(state.cache, format)) return borrow(found).cast<StructObject>();
  if (PyErr_Occurred()) return failure;
  Ref<> made = TRY(steal(PyObject_CallOneArg(as_object(state.struct_type), format)));
  if (PyDict_GET_SIZE(state.cache) >= kCacheSize) PyDict_Clear(state.cache);
  TRY(status_of(PyDict_SetItem(state.cache, format, made.get())));
  return std::move(made).cast<StructObject>();
}
Ref<StructObject> cached(PyObject* module, PyObject* format) { return cached(state_of(module), format); }
Ref<StructObject> first_cached(PyObject* module, const Args& arguments) {
  if (arguments.count == 0) return raise(PyExc_TypeError, "missing format argument");
  return cached(module, arguments[0]);
}
Args behind_first(const Args& arguments) { return {arguments.items + 1, arguments.count - 1}; }

Ref<> calcsize(PyObject* module, PyObject* format) { return struct_size(TRY(cached(module, format)).get()); }
Ref<> pack(PyObject* module, Args arguments) { return pack_into_bytes(state_of(module), TRY(first_cached(module, arguments)).get(), behind_first(arguments)); }
Status pack_into(PyObject* module, Args arguments) { return struct_pack_into(TRY(first_cached(module, arguments)).get(), behind_first(arguments)); }
Ref<> unpack(PyObject* module, PyObject* format, PyObject* buffer) { return struct_unpack(TRY(cached(module, format)).get(), buffer); }
Ref<> unpack_from(PyObject* module, PyObject* format, PyObject* buffer, Py_ssize_t offset) {
  return struct_unpack_from(TRY(cached(module, format)).get(), buffer, offset);
}
Ref<> iter_unpack(PyObject* module, PyObject* format, PyObject* buffer) { return struct_iter_unpack(TRY(cached(module, format)).get(), buffer); }
Status clear_cache(PyObject* module) {
  PyDict_Clear(state_of(module).cache);
  return Status::ok;
}

const PyMethodDef kFunctions[] = {
    METHOD("_clearcache($module, /)", clear_cache, "Clear the internal cache."),
    METHOD("calcsize($module, format, /)", calcsize, "Return size in bytes of the struct described by the format string."),
    METHOD("iter_unpack($module, format, buffer, /)", iter_unpack, "Return an iterator yielding tuples, each unpacked from the next part of the buffer."),
    METHOD_UNSIGNED("pack($module, *arguments)", pack, "pack(format, v1, v2, ...) -> bytes\n\nReturn a bytes object with the values packed by the format."),
    METHOD_UNSIGNED("pack_into($module, *arguments)", pack_into, "pack_into(format, buffer, offset, v1, v2, ...)\n\nWrite the values, packed by the format, into a writable buffer at offset."),
    METHOD("unpack($module, format, buffer, /)", unpack, "Return a tuple containing values unpacked according to the format string.\n\nThe buffer's size must be calcsize(format)."),
    METHOD("unpack_from($module, format, /, buffer, offset=0)", unpack_from, "Return a tuple containing values unpacked according to the format string.\n\nThe buffer must hold calcsize(format) bytes behind offset."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  State& state = state_of(module);
  state.cache = TRY(PyDict_New());
  state.struct_type = reinterpret_cast<PyTypeObject*>(TRY(PyType_FromModuleAndSpec(module, &struct_spec, nullptr)));
  TRY(status_of(PyModule_AddType(module, state.struct_type)));
  state.iterator_type = reinterpret_cast<PyTypeObject*>(TRY(PyType_FromModuleAndSpec(module, &iterator_spec, nullptr)));
  state.error = TRY(PyErr_NewException("struct.error", nullptr, nullptr));
  return PyModule_AddObjectRef(module, "error", state.error);
}

using Owned = ModuleFields<&State::error, &State::cache, &State::struct_type, &State::iterator_type>;

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_struct",
    .m_doc = "Functions to convert between Python values and C structs.\n\n"
             "A format is an order (@ native, = native with standard sizes, < little-endian, > or ! big-endian; @ is the default)\n"
             "and characters, each with an optional repeat count:\n"
             "  x pad byte; c char; b/B byte; ? bool; h/H short; i/I int; l/L long; q/Q long long; e/f/d floats of 2, 4, 8 bytes;\n"
             "  n/N ssize_t and P pointer (native only); s string and p Pascal string, whose count is their size.\n",
    .m_size = sizeof(State),
    .m_methods = table(kFunctions),
    .m_slots = slots,
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace

PyMODINIT_FUNC PyInit__struct() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_struct", PyInit__struct);

}  // namespace gill::structs
