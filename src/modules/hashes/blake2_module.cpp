// The _blake2 module.
#include "modules/default_argument.h"
#include "modules/hashes/blake2_core.h"
#include "modules/hashes/hash_object.h"

namespace gill::hashes {

namespace {

template <class V>
struct Object {
  PyObject_HEAD
  Blake2<V> state;
  LazyLock lock;
};

template <class V>
constexpr const char* kName = sizeof(typename V::Word) == 8 ? "blake2b" : "blake2s";

// ---- construction ----------------------------------------------------------------------------------------

Status check_range(const char* parameter, int value, int least, int most, unsigned char& out) {
  if (value < least || value > most) return raise(PyExc_ValueError, "%s must be between %d and %d", parameter, least, most);
  out = static_cast<unsigned char>(value);
  return Status::ok;
}

Status copy_text(const char* parameter, const BufferArgument& text, size_t limit, unsigned char* out) {
  if (static_cast<size_t>(text.size()) > limit) return raise(PyExc_ValueError, "maximum %s length is %d bytes", parameter, static_cast<int>(limit));
  if (text.size()) std::memcpy(out, text.data(), static_cast<size_t>(text.size()));
  return Status::ok;
}

Status refuse_negative(PyObject* number) {
  if (PyLong_Check(number) && _PyLong_Sign(number) < 0) return raise(PyExc_ValueError, "value must be positive");
  return Status::ok;
}

Maybe<unsigned long> unsigned_long(PyObject* number) {
  if (!number) return 0ul;
  TRY(refuse_negative(number));
  return checked(PyLong_AsUnsignedLong(number));
}
Maybe<unsigned long long> unsigned_long_long(PyObject* number) {
  if (!number) return 0ull;
  TRY(refuse_negative(number));
  if (!PyLong_Check(number)) return raise(PyExc_TypeError, "an integer is required");
  return checked(PyLong_AsUnsignedLongLong(number));
}

template <class V>
Ref<> construct(PyTypeObject* type, PyObject* data, Default<static_cast<int>(Blake2<V>::kLongestDigest)> digest_size, BufferArgument key,
                BufferArgument salt, BufferArgument person, Default<1> fanout, Default<1> depth, PyObject* leaf_size_object,
                PyObject* node_offset_object, Default<0> node_depth, Default<0> inner_size, bool last_node, bool) {
  using Core = Blake2<V>;
  constexpr int kLongest = Core::kLongestDigest;
  unsigned long leaf_size = TRY(unsigned_long(leaf_size_object));
  unsigned long long node_offset = TRY(unsigned_long_long(node_offset_object));
  Blake2Parameters parameters;
  if (digest_size.value <= 0 || digest_size.value > kLongest) {
    return raise(PyExc_ValueError, "digest_size must be between 1 and %d bytes", kLongest);
  }
  parameters.digest_size = static_cast<unsigned char>(digest_size.value);
  TRY(copy_text("salt", salt, Core::kSaltSize, parameters.salt));
  TRY(copy_text("person", person, Core::kSaltSize, parameters.person));
  TRY(check_range("fanout", fanout.value, 0, 255, parameters.fanout));
  TRY(check_range("depth", depth.value, 1, 255, parameters.depth));
  if (leaf_size > UINT32_MAX) return raise(PyExc_OverflowError, "leaf_size is too large");
  parameters.leaf_size = static_cast<uint32_t>(leaf_size);
  if (sizeof(typename V::Word) == 4 && node_offset >> 48) return raise(PyExc_OverflowError, "node_offset is too large");
  parameters.node_offset = node_offset;
  TRY(check_range("node_depth", node_depth.value, 0, 255, parameters.node_depth));
  if (inner_size.value < 0 || inner_size.value > kLongest) {
    return raise(PyExc_ValueError, "inner_size must be between 0 and is %d", kLongest);
  }
  parameters.inner_size = static_cast<unsigned char>(inner_size.value);
  if (key.size() > kLongest) return raise(PyExc_ValueError, "maximum key length is %d bytes", kLongest);
  parameters.key_size = static_cast<unsigned char>(key.size());
  parameters.last_node = last_node;

  BufferArgument view;
  if (data) TRY(get_data(data, view));
  Ref<Object<V>> self = TRY(Ref<Object<V>>::steal(type->tp_alloc(type, 0)));
  self->lock = {};
  self->state.start(parameters, reinterpret_cast<const unsigned char*>(key.data()));
  run_step(self->lock, view.size(), [&] { self->state.update(view.data(), static_cast<size_t>(view.size())); });
  return self;
}

// ---- methods ---------------------------------------------------------------------------------------------

template <class V>
void dealloc(PyObject* object) {
  auto* self = reinterpret_cast<Object<V>*>(object);
  PyTypeObject* type = Py_TYPE(object);
  // The state may tell of a key.
  explicit_bzero(&self->state, sizeof(self->state));
  if (self->lock.lock) PyThread_free_lock(self->lock.lock);
  type->tp_free(object);
  release(as_object(type));
}

template <class V>
Ref<> copy(Object<V>* self) {
  PyTypeObject* type = Py_TYPE(self);
  Ref<Object<V>> result = TRY(Ref<Object<V>>::steal(type->tp_alloc(type, 0)));
  result->lock = {};
  Locked lock(self->lock);
  result->state = self->state;
  return result;
}

template <class V>
Status update(Object<V>* self, PyObject* data) {
  BufferArgument view;
  TRY(get_data(data, view));
  run_step(self->lock, view.size(), [&] { self->state.update(view.data(), static_cast<size_t>(view.size())); });
  return Status::ok;
}

template <class V>
void finish_copy(Object<V>* self, unsigned char* out) {
  Locked lock(self->lock);
  Blake2<V> state = self->state;
  state.finish(out);
  explicit_bzero(&state, sizeof(state));
}

template <class V>
Ref<> digest(Object<V>* self) {
  unsigned char bytes[Blake2<V>::kLongestDigest];
  finish_copy(self, bytes);
  return steal(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(bytes), static_cast<Py_ssize_t>(self->state.digest_size())));
}

template <class V>
Ref<> hexdigest(Object<V>* self) {
  unsigned char bytes[Blake2<V>::kLongestDigest];
  finish_copy(self, bytes);
  return hex_text(bytes, static_cast<Py_ssize_t>(self->state.digest_size()));
}

template <class V>
Ref<> hash_name_of(Object<V>*) { return steal(PyUnicode_FromString(kName<V>)); }
template <class V>
Maybe<int> block_size(Object<V>*) { return static_cast<int>(Blake2<V>::kBlock); }
template <class V>
Maybe<int> digest_size(Object<V>* self) { return static_cast<int>(self->state.digest_size()); }

template <class V>
const PyMethodDef kMethods[] = {
    METHOD("copy($self, /)", copy<V>, "Return a copy of the hash object."),
    METHOD("digest($self, /)", digest<V>, "Return the digest value as a bytes object."),
    METHOD("hexdigest($self, /)", hexdigest<V>, "Return the digest value as a string of hexadecimal digits."),
    METHOD("update($self, data, /)", update<V>, "Update this hash object's state with the provided bytes-like object."),
    kEndOfMethods,
};

template <class V>
const PyGetSetDef kGetSets[] = {
    getset<hash_name_of<V>>("name"),
    getset<block_size<V>>("block_size"),
    getset<digest_size<V>>("digest_size"),
    kEndOfGetSets,
};

// ---- the module ------------------------------------------------------------------------------------------

#define BLAKE2_PARAMETERS                                                     \
  "        key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0,\n" \
  "        node_offset=0, node_depth=0, inner_size=0, last_node=False,\n"    \
  "        usedforsecurity=True)"
#define BLAKE2B_ARGUMENTS "(data=b'', /, *, digest_size=_blake2.blake2b.MAX_DIGEST_SIZE,\n" BLAKE2_PARAMETERS
#define BLAKE2S_ARGUMENTS "(data=b'', /, *, digest_size=_blake2.blake2s.MAX_DIGEST_SIZE,\n" BLAKE2_PARAMETERS
#define BLAKE2B_SIGNATURE "blake2b($type, data=b'', /, *, digest_size=_blake2.blake2b.MAX_DIGEST_SIZE,\n" BLAKE2_PARAMETERS
#define BLAKE2S_SIGNATURE "blake2s($type, data=b'', /, *, digest_size=_blake2.blake2s.MAX_DIGEST_SIZE,\n" BLAKE2_PARAMETERS

struct Limit {
  const char* name;
  size_t value;
};

template <class V>
Status add_type(PyObject* module, const char* type_name, const char* doc, newfunc construct_function, const char* prefix) {
  PyType_Slot slots[] = {
      {Py_tp_dealloc, (void*)dealloc<V>}, {Py_tp_doc, (void*)doc},           {Py_tp_methods, (void*)kMethods<V>},
      {Py_tp_getset, (void*)kGetSets<V>}, {Py_tp_new, (void*)construct_function}, {0, nullptr},
  };
  PyType_Spec spec = {type_name, sizeof(Object<V>), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
  Ref<> made = TRY(steal(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  auto* type = reinterpret_cast<PyTypeObject*>(made.get());
  TRY(status_of(PyModule_AddType(module, type)));
  const Limit limits[] = {
      {"SALT_SIZE", Blake2<V>::kSaltSize},
      {"PERSON_SIZE", Blake2<V>::kSaltSize},
      {"MAX_KEY_SIZE", Blake2<V>::kLongestDigest},
      {"MAX_DIGEST_SIZE", Blake2<V>::kLongestDigest},
  };
  for (const Limit& limit : limits) {
    Ref<> value = TRY(steal(PyLong_FromSize_t(limit.value)));
    TRY(status_of(PyDict_SetItemString(type->tp_dict, limit.name, value.get())));
    Ref<> constant = TRY(steal(PyUnicode_FromFormat("%s_%s", prefix, limit.name)));
    TRY(status_of(PyObject_SetAttr(module, constant.get(), value.get())));
  }
  return Status::ok;
}

int execute(PyObject* module) {
  TRY(add_type<Blake2b>(module, "_blake2.blake2b", "blake2b" BLAKE2B_ARGUMENTS "\n--\n\nReturn a new BLAKE2b hash object.",
                        CONSTRUCTOR(BLAKE2B_SIGNATURE, construct<Blake2b>), "BLAKE2B"));
  return static_cast<int>(add_type<Blake2s>(module, "_blake2.blake2s", "blake2s" BLAKE2S_ARGUMENTS "\n--\n\nReturn a new BLAKE2s hash object.",
                                            CONSTRUCTOR(BLAKE2S_SIGNATURE, construct<Blake2s>), "BLAKE2S"));
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_blake2",
    .m_doc = "_blake2b provides BLAKE2b for hashlib\n",
    .m_size = 0,
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit__blake2() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_blake2", PyInit__blake2);

}  // namespace gill::hashes
