// The _sha3 module: SHA-3 and the hashes of any length that came with it.
#include "modules/hashes/hash_object.h"

namespace gill::hashes {

namespace {

constexpr unsigned char kSha3Suffix = 0x06;
constexpr unsigned char kShakeSuffix = 0x1f;

const Algorithm kSha3_224 = {"sha3_224", "sha3-224", kSha3Suffix, false};
const Algorithm kSha3_256 = {"sha3_256", "sha3-256", kSha3Suffix, false};
const Algorithm kSha3_384 = {"sha3_384", "sha3-384", kSha3Suffix, false};
const Algorithm kSha3_512 = {"sha3_512", "sha3-512", kSha3Suffix, false};
const Algorithm kShake128 = {"shake_128", "shake128", kShakeSuffix, true};
const Algorithm kShake256 = {"shake_256", "shake256", kShakeSuffix, true};

template <const Algorithm& A>
Ref<> construct(PyTypeObject* type, PyObject* data, bool) {
  return make_hash(type, &A, data);
}

// ---- digests of any length -------------------------------------------------------------------------------

constexpr unsigned long kLengthLimit = 1ul << 29;

Maybe<size_t> length_of(PyObject* length) {
  if (PyLong_Check(length) && _PyLong_Sign(length) < 0) return raise(PyExc_ValueError, "value must be positive");
  unsigned long value = TRY(checked(PyLong_AsUnsignedLong(length)));
  if (value >= kLengthLimit) return raise(PyExc_ValueError, "length is too large");
  return static_cast<size_t>(value);
}

Ref<> shake_digest(Hash* self, PyObject* length) {
  size_t size = TRY(length_of(length));
  Ref<> digest = TRY(steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size))));
  if (size == 0) return digest;
  const Libcrypto& crypto = crypto_of(Py_TYPE(self));
  EVP_MD_CTX* copy = crypto.EVP_MD_CTX_new();
  bool done;
  {
    Locked lock(self->lock);
    done = copy && crypto.EVP_MD_CTX_copy_ex(copy, self->context) &&
           crypto.EVP_DigestFinalXOF(copy, reinterpret_cast<unsigned char*>(PyBytes_AS_STRING(digest.get())), size);
  }
  crypto.EVP_MD_CTX_free(copy);
  if (!done) return raise(PyExc_RuntimeError, "internal error in SHA3 Final()");
  return digest;
}

Ref<> shake_hexdigest(Hash* self, PyObject* length) {
  Ref<> digest = TRY(shake_digest(self, length));
  return hex_text(reinterpret_cast<const unsigned char*>(PyBytes_AS_STRING(digest.get())), PyBytes_GET_SIZE(digest.get()));
}

// ---- the parameters of the sponge ------------------------------------------------------------------------

int rate(Hash* self) { return crypto_of(Py_TYPE(self)).EVP_MD_get_block_size(self->method) * 8; }
Maybe<int> rate_bits(Hash* self) { return rate(self); }
Maybe<int> capacity_bits(Hash* self) { return 1600 - rate(self); }
Ref<> suffix(Hash* self) { return steal(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(&self->algorithm->suffix), 1)); }

// ---- the types -------------------------------------------------------------------------------------------

const PyMethodDef kMethods[] = {
    METHOD("copy($self, /)", hash_copy, "Return a copy of the hash object."),
    METHOD("digest($self, /)", hash_digest, "Return the digest value as a bytes object."),
    METHOD("hexdigest($self, /)", hash_hexdigest, "Return the digest value as a string of hexadecimal digits."),
    METHOD("update($self, data, /)", hash_update, "Update this hash object's state with the provided bytes-like object."),
    kEndOfMethods,
};
const PyMethodDef kShakeMethods[] = {
    METHOD("copy($self, /)", hash_copy, "Return a copy of the hash object."),
    METHOD("digest($self, length, /)", shake_digest, "Return the digest value as a bytes object."),
    METHOD("hexdigest($self, length, /)", shake_hexdigest, "Return the digest value as a string of hexadecimal digits."),
    METHOD("update($self, data, /)", hash_update, "Update this hash object's state with the provided bytes-like object."),
    kEndOfMethods,
};

const PyGetSetDef kGetSets[] = {
    getset<hash_block_size>("block_size"), getset<hash_name>("name"),       getset<hash_digest_size>("digest_size"),
    getset<capacity_bits>("_capacity_bits"), getset<rate_bits>("_rate_bits"), getset<suffix>("_suffix"),
    kEndOfGetSets,
};

// The reference gives all constructors the name of the first in its messages.
#define SHA3_SIGNATURE "sha3_224($type, data=<unrepresentable>, /, *, usedforsecurity=True)"

struct TypeRow {
  const char* type_name;
  newfunc construct;
  const char* doc;
  bool shake;
};
const TypeRow kTypes[] = {
    {"_sha3.sha3_224", CONSTRUCTOR(SHA3_SIGNATURE, construct<kSha3_224>),
     "sha3_224([data], *, usedforsecurity=True) -> SHA3 object\n\nReturn a new SHA3 hash object with a hashbit length of 28 bytes.", false},
    {"_sha3.sha3_256", CONSTRUCTOR(SHA3_SIGNATURE, construct<kSha3_256>),
     "sha3_256([data], *, usedforsecurity=True) -> SHA3 object\n\nReturn a new SHA3 hash object with a hashbit length of 32 bytes.", false},
    {"_sha3.sha3_384", CONSTRUCTOR(SHA3_SIGNATURE, construct<kSha3_384>),
     "sha3_384([data], *, usedforsecurity=True) -> SHA3 object\n\nReturn a new SHA3 hash object with a hashbit length of 48 bytes.", false},
    {"_sha3.sha3_512", CONSTRUCTOR(SHA3_SIGNATURE, construct<kSha3_512>),
     "sha3_512([data], *, usedforsecurity=True) -> SHA3 object\n\nReturn a new SHA3 hash object with a hashbit length of 64 bytes.", false},
    {"_sha3.shake_128", CONSTRUCTOR(SHA3_SIGNATURE, construct<kShake128>),
     "shake_128([data], *, usedforsecurity=True) -> SHAKE object\n\nReturn a new SHAKE hash object.", true},
    {"_sha3.shake_256", CONSTRUCTOR(SHA3_SIGNATURE, construct<kShake256>),
     "shake_256([data], *, usedforsecurity=True) -> SHAKE object\n\nReturn a new SHAKE hash object.", true},
};

int execute(PyObject* module) {
  for (const TypeRow& row : kTypes) {
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void*)hash_dealloc},
        {Py_tp_doc, (void*)row.doc},
        {Py_tp_methods, (void*)(row.shake ? kShakeMethods : kMethods)},
        {Py_tp_getset, (void*)kGetSets},
        {Py_tp_new, (void*)row.construct},
        {0, nullptr},
    };
    PyType_Spec spec = {row.type_name, sizeof(Hash), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
    Ref<> type = TRY(steal(PyType_FromModuleAndSpec(module, &spec, nullptr)));
    TRY(status_of(PyModule_AddType(module, reinterpret_cast<PyTypeObject*>(type.get()))));
  }
  TRY(status_of(PyModule_AddIntConstant(module, "keccakopt", 0)));
  return PyModule_AddStringConstant(module, "implementation", "OpenSSL");
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_sha3",
    .m_size = sizeof(Libcrypto),
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit__sha3() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_sha3", PyInit__sha3);

}  // namespace gill::hashes
