// What the hash modules share: data arguments, locks, and hash objects over libcrypto.
#pragma once


#include "base/binding.h"
#include "base/names.h"
#include "modules/hashes/libcrypto.h"

namespace gill::hashes {

// Larger data is worth letting other threads run.
inline constexpr Py_ssize_t kWorthUnlocking = 2048;

// The buffer of what a program wants hashed.
Status get_data(PyObject* object, BufferArgument& data);

// A lock that exists only once an object has hashed much data, for then other threads could come in between. The objects that have
// it take it for every step.
struct LazyLock {
  PyThread_type_lock lock;

  void acquire_if_present() {
    if (!lock) return;
    if (PyThread_acquire_lock(lock, NOWAIT_LOCK)) return;
    Py_BEGIN_ALLOW_THREADS
    PyThread_acquire_lock(lock, WAIT_LOCK);
    Py_END_ALLOW_THREADS
  }
  void release_if_present() {
    if (lock) PyThread_release_lock(lock);
  }
};

class Locked {
 public:
  explicit Locked(LazyLock& lock) : lock_(lock) { lock_.acquire_if_present(); }
  Locked(const Locked&) = delete;
  ~Locked() { lock_.release_if_present(); }

 private:
  LazyLock& lock_;
};

// Runs `step` on the object's state; without the interpreter's lock if there is much to do.
template <class Step>
void run_step(LazyLock& lock, Py_ssize_t size, Step step) {
  bool unlock = size >= kWorthUnlocking;
  if (unlock && !lock.lock) lock.lock = PyThread_allocate_lock();
  if (!unlock || !lock.lock) {
    Locked hold(lock);
    step();
    return;
  }
  Py_BEGIN_ALLOW_THREADS
  PyThread_acquire_lock(lock.lock, WAIT_LOCK);
  step();
  PyThread_release_lock(lock.lock);
  Py_END_ALLOW_THREADS
}

// A digest as lower-case hexadecimal text.
Ref<> hex_text(const unsigned char* bytes, Py_ssize_t size);

// ---- objects over libcrypto ------------------------------------------------------------------------------

struct Algorithm {
  const char* name;
  const char* library_name;  // as EVP_get_digestbyname knows it
  unsigned char suffix;  // SHA-3: what is appended to the message
  bool extendable;       // the digest has any length
};

// The state of every module of such types begins with the library's functions, which are there once there is an object.
inline const Libcrypto& crypto_of(PyTypeObject* type) { return *static_cast<const Libcrypto*>(PyType_GetModuleState(type)); }

struct Hash {
  PyObject_HEAD
  const Algorithm* algorithm;
  const EVP_MD* method;
  EVP_MD_CTX* context;
  int digest_size;
  LazyLock lock;
};

// A new object that has hashed `data`, which may be null.
Ref<Hash> make_hash(PyTypeObject* type, const Algorithm* algorithm, PyObject* data);
void hash_dealloc(PyObject* self);
Ref<> hash_copy(Hash* self);
Ref<> hash_digest(Hash* self);
Ref<> hash_hexdigest(Hash* self);
Status hash_update(Hash* self, PyObject* data);
Ref<> hash_name(Hash* self);
Maybe<int> hash_digest_size(Hash* self);
Maybe<int> hash_block_size(Hash* self);

}  // namespace gill::hashes
