// The modules _md5, _sha1, _sha256 and _sha512.
#include "modules/hashes/hash_object.h"

#include <structmember.h>

namespace gill::hashes {

namespace {

constexpr int kMostTypes = 2;

// Each module has one or two types, in the order of its algorithms.
struct State {
  Libcrypto crypto;
  PyTypeObject* types[kMostTypes];
};

State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }

const Algorithm kMd5 = {"md5", "md5", 0, false};
const Algorithm kSha1 = {"sha1", "sha1", 0, false};
const Algorithm kSha224 = {"sha224", "sha224", 0, false};
const Algorithm kSha256 = {"sha256", "sha256", 0, false};
const Algorithm kSha384 = {"sha384", "sha384", 0, false};
const Algorithm kSha512 = {"sha512", "sha512", 0, false};

template <const Algorithm& A, int Index>
Ref<> construct(PyObject* module, PyObject* string, bool) {
  return make_hash(state_of(module)->types[Index], &A, string);
}

#define HASH_FUNCTION(python_name, algorithm, index, title)                                                       \
  METHOD(python_name "($module, /, string=b'', *, usedforsecurity=True)", (construct<algorithm, index>), \
         "Return a new " title " hash object; optionally initialized with a string.")

// The reference has the digest's size as a member in the types of SHA-2, and computed in the older ones.
const PyMethodDef kMethods[] = {
    METHOD("copy($self, /)", hash_copy, "Return a copy of the hash object."),
    METHOD("digest($self, /)", hash_digest, "Return the digest value as a bytes object."),
    METHOD("hexdigest($self, /)", hash_hexdigest, "Return the digest value as a string of hexadecimal digits."),
    METHOD("update($self, obj, /)", hash_update, "Update this hash object's state with the provided string."),
    kEndOfMethods,
};

const PyMemberDef kMembers[] = {
    {"digest_size", T_INT, offsetof(Hash, digest_size), READONLY, nullptr},
    {},
};

const PyGetSetDef kGetSets[] = {
    getset<hash_block_size>("block_size"),
    getset<hash_name>("name"),
    kEndOfGetSets,
};
const PyGetSetDef kOldGetSets[] = {
    getset<hash_block_size>("block_size"),
    getset<hash_name>("name"),
    getset<hash_digest_size>("digest_size"),
    kEndOfGetSets,
};

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)hash_dealloc},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_getset, (void*)kGetSets},
    {0, nullptr},
};
const PyType_Slot kOldSlots[] = {
    {Py_tp_dealloc, (void*)hash_dealloc},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_getset, (void*)kOldGetSets},
    {0, nullptr},
};

Status add_type(PyObject* module, int index, const char* type_name, const char* attribute, bool old) {
  PyType_Spec spec = {type_name, sizeof(Hash), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
                      const_cast<PyType_Slot*>(old ? kOldSlots : kSlots)};
  PyTypeObject* type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  state_of(module)->types[index] = type;
  return status_of(PyModule_AddObjectRef(module, attribute, as_object(type)));
}

int traverse(PyObject* module, visitproc visit, void* arg) {
  for (PyTypeObject* type : state_of(module)->types) Py_VISIT(type);
  return 0;
}

int clear(PyObject* module) {
  for (PyTypeObject*& type : state_of(module)->types) clear_field(type);
  return 0;
}

void free_module(void* module) { clear(static_cast<PyObject*>(module)); }

constexpr PyModuleDef definition_of(const char* module_name, PyMethodDef* functions, PyModuleDef_Slot* slots) {
  return {
      .m_base = PyModuleDef_HEAD_INIT,
      .m_name = module_name,
      .m_size = sizeof(State),
      .m_methods = functions,
      .m_slots = slots,
      .m_traverse = traverse,
      .m_clear = clear,
      .m_free = free_module,
  };
}

// ---- _md5 ----------------------------------------------------------------------------------------------

const PyMethodDef kMd5Functions[] = {HASH_FUNCTION("md5", kMd5, 0, "MD5"), kEndOfMethods};
int execute_md5(PyObject* module) { return static_cast<int>(add_type(module, 0, "_md5.md5", "MD5Type", true)); }
PyModuleDef_Slot md5_slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute_md5)}, {0, nullptr}};
PyModuleDef md5_definition = definition_of("_md5", table(kMd5Functions), md5_slots);

// ---- _sha1 ---------------------------------------------------------------------------------------------

const PyMethodDef kSha1Functions[] = {HASH_FUNCTION("sha1", kSha1, 0, "SHA1"), kEndOfMethods};
int execute_sha1(PyObject* module) { return static_cast<int>(add_type(module, 0, "_sha1.sha1", "SHA1Type", true)); }
PyModuleDef_Slot sha1_slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute_sha1)}, {0, nullptr}};
PyModuleDef sha1_definition = definition_of("_sha1", table(kSha1Functions), sha1_slots);

// ---- _sha256 -------------------------------------------------------------------------------------------

const PyMethodDef kSha256Functions[] = {HASH_FUNCTION("sha256", kSha256, 0, "SHA-256"), HASH_FUNCTION("sha224", kSha224, 1, "SHA-224"), kEndOfMethods};
int execute_sha256(PyObject* module) {
  TRY(add_type(module, 0, "_sha256.sha256", "SHA256Type", false));
  return static_cast<int>(add_type(module, 1, "_sha256.sha224", "SHA224Type", false));
}
PyModuleDef_Slot sha256_slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute_sha256)}, {0, nullptr}};
PyModuleDef sha256_definition = definition_of("_sha256", table(kSha256Functions), sha256_slots);

// ---- _sha512 -------------------------------------------------------------------------------------------

const PyMethodDef kSha512Functions[] = {HASH_FUNCTION("sha512", kSha512, 0, "SHA-512"), HASH_FUNCTION("sha384", kSha384, 1, "SHA-384"), kEndOfMethods};
int execute_sha512(PyObject* module) {
  // The reference has both types under this name; the one that stays is SHA-512's.
  TRY(add_type(module, 1, "_sha512.sha384", "SHA384Type", false));
  return static_cast<int>(add_type(module, 0, "_sha512.sha512", "SHA384Type", false));
}
PyModuleDef_Slot sha512_slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute_sha512)}, {0, nullptr}};
PyModuleDef sha512_definition = definition_of("_sha512", table(kSha512Functions), sha512_slots);

}  // namespace

PyMODINIT_FUNC PyInit__md5() { return PyModuleDef_Init(&md5_definition); }
PyMODINIT_FUNC PyInit__sha1() { return PyModuleDef_Init(&sha1_definition); }
PyMODINIT_FUNC PyInit__sha256() { return PyModuleDef_Init(&sha256_definition); }
PyMODINIT_FUNC PyInit__sha512() { return PyModuleDef_Init(&sha512_definition); }
GILL_BUILTIN_MODULE("_md5", PyInit__md5);
GILL_BUILTIN_MODULE("_sha1", PyInit__sha1);
GILL_BUILTIN_MODULE("_sha256", PyInit__sha256);
GILL_BUILTIN_MODULE("_sha512", PyInit__sha512);

}  // namespace gill::hashes
