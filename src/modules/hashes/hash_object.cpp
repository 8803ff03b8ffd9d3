// Hash objects over libcrypto.
#include "modules/hashes/hash_object.h"

namespace gill::hashes {

Status get_data(PyObject* object, BufferArgument& data) {
  if (PyUnicode_Check(object)) return raise(PyExc_TypeError, "Strings must be encoded before hashing");
  if (!PyObject_CheckBuffer(object)) return raise(PyExc_TypeError, "object supporting the buffer API required");
  TRY(status_of(PyObject_GetBuffer(object, &data.view(), PyBUF_SIMPLE)));
  if (data.view().ndim > 1) return raise(PyExc_BufferError, "Buffer must be single dimension");
  return Status::ok;
}

Ref<> hex_text(const unsigned char* bytes, Py_ssize_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  Ref<> text = TRY(steal(PyUnicode_New(size * 2, 127)));
  auto* out = PyUnicode_1BYTE_DATA(text.get());
  for (Py_ssize_t i = 0; i < size; ++i) {
    *out++ = static_cast<unsigned char>(kDigits[bytes[i] >> 4]);
    *out++ = static_cast<unsigned char>(kDigits[bytes[i] & 15]);
  }
  return text;
}

namespace {

Failure library_failure() { return raise(PyExc_ValueError, "the hash is not available in the cryptographic library"); }

// An object whose context is there but knows no algorithm.
Ref<Hash> allocate(PyTypeObject* type, const Algorithm* algorithm) {
  TRY(load_libcrypto(static_cast<Libcrypto*>(PyType_GetModuleState(type))));
  Ref<Hash> self = TRY(Ref<Hash>::steal(PyObject_New(Hash, type)));
  self->algorithm = algorithm;
  self->lock = {};
  self->context = nullptr;
  const Libcrypto& crypto = crypto_of(type);
  self->method = crypto.EVP_get_digestbyname(algorithm->library_name);
  if (!self->method) return library_failure();
  self->digest_size = algorithm->extendable ? 0 : crypto.EVP_MD_get_size(self->method);
  self->context = crypto.EVP_MD_CTX_new();
  if (!self->context) {
    PyErr_NoMemory();
    return nullptr;
  }
  return self;
}


// The digest of what was hashed so far.
Status digest_into(Hash* self, unsigned char* out) {
  const Libcrypto& crypto = crypto_of(Py_TYPE(self));
  EVP_MD_CTX* copy = crypto.EVP_MD_CTX_new();
  bool done;
  {
    Locked lock(self->lock);
    done = copy && crypto.EVP_MD_CTX_copy_ex(copy, self->context) && crypto.EVP_DigestFinal_ex(copy, out, nullptr);
  }
  crypto.EVP_MD_CTX_free(copy);
  if (!done) return library_failure();
  return Status::ok;
}

}  // namespace

Ref<Hash> make_hash(PyTypeObject* type, const Algorithm* algorithm, PyObject* data) {
  BufferArgument view;
  if (data) TRY(get_data(data, view));
  Ref<Hash> self = TRY(allocate(type, algorithm));
  const Libcrypto& crypto = crypto_of(type);
  if (!crypto.EVP_DigestInit_ex(self->context, self->method, nullptr)) return library_failure();
  if (view.size() > 0) {
    // Nobody else knows the object yet: no need for its lock.
    bool unlock = view.size() >= kWorthUnlocking;
    PyThreadState* saved = unlock ? PyEval_SaveThread() : nullptr;
    crypto.EVP_DigestUpdate(self->context, view.data(), static_cast<size_t>(view.size()));
    if (unlock) PyEval_RestoreThread(saved);
  }
  return self;
}

void hash_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<Hash*>(object);
  PyTypeObject* type = Py_TYPE(object);
  crypto_of(type).EVP_MD_CTX_free(self->context);
  if (self->lock.lock) PyThread_free_lock(self->lock.lock);
  PyObject_Free(self);
  release(as_object(type));
}

Ref<> hash_copy(Hash* self) {
  Ref<Hash> copy = TRY(allocate(Py_TYPE(self), self->algorithm));
  Locked lock(self->lock);
  if (!crypto_of(Py_TYPE(self)).EVP_MD_CTX_copy_ex(copy->context, self->context)) return library_failure();
  return copy;
}

Ref<> hash_digest(Hash* self) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  TRY(digest_into(self, digest));
  return steal(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(digest), self->digest_size));
}

Ref<> hash_hexdigest(Hash* self) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  TRY(digest_into(self, digest));
  return hex_text(digest, self->digest_size);
}

Status hash_update(Hash* self, PyObject* data) {
  BufferArgument view;
  TRY(get_data(data, view));
  const Libcrypto& crypto = crypto_of(Py_TYPE(self));
  run_step(self->lock, view.size(), [&] { crypto.EVP_DigestUpdate(self->context, view.data(), static_cast<size_t>(view.size())); });
  return Status::ok;
}

Ref<> hash_name(Hash* self) { return steal(PyUnicode_FromString(self->algorithm->name)); }
Maybe<int> hash_digest_size(Hash* self) { return self->digest_size; }
Maybe<int> hash_block_size(Hash* self) { return crypto_of(Py_TYPE(self)).EVP_MD_get_block_size(self->method); }

}  // namespace gill::hashes
