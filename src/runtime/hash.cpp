// Hashing of bytes and numbers, and the secret that makes the hashes of text differ from run to run.
#include <Python.h>
#include <sys/random.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/ref.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

// SipHash 1-3, with its two keys from the secret.
uint64_t sip_hash(const unsigned char* data, size_t n, uint64_t key0, uint64_t key1) {
  uint64_t v0 = key0 ^ 0x736f6d6570736575u, v1 = key1 ^ 0x646f72616e646f6du;
  uint64_t v2 = key0 ^ 0x6c7967656e657261u, v3 = key1 ^ 0x7465646279746573u;
  auto round = [&] {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  };
  uint64_t tail = static_cast<uint64_t>(n) << 56;
  for (; n >= 8; n -= 8, data += 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    v3 ^= word;
    round();
    v0 ^= word;
  }
  // The last bytes, in the order of their addresses: four, two and one as there are.
  unsigned shift = 0;
  auto take = [&]<class T>(T part) {
    if (!(n & sizeof part)) return;
    std::memcpy(&part, data, sizeof part);
    data += sizeof part;
    tail |= uint64_t{part} << shift;
    shift += 8 * sizeof part;
  };
  take(uint32_t{});
  take(uint16_t{});
  take(uint8_t{});
  v3 ^= tail;
  round();
  v0 ^= tail;
  v2 ^= 0xff;
  round();
  round();
  round();
  return (v0 ^ v1) ^ (v2 ^ v3);
}

Py_hash_t hash_function(const void* data, Py_ssize_t n) {
  return static_cast<Py_hash_t>(sip_hash(static_cast<const unsigned char*>(data), static_cast<size_t>(n),
                                         _Py_HashSecret.siphash.k0, _Py_HashSecret.siphash.k1));
}

const PyHash_FuncDef kFunction = {hash_function, "siphash13", 64, 128};

}  // namespace

// From PYTHONHASHSEED's number (the same secret for the same number, 0 none at all), or the system's
// source of randomness. False when that fails.
bool initialize_hash_secret(bool use_seed, unsigned long seed) {
  auto* bytes = reinterpret_cast<unsigned char*>(&_Py_HashSecret);
  if (!use_seed) {
    size_t done = 0;
    while (done < sizeof(_Py_HashSecret)) {
      ssize_t n = ::getrandom(bytes + done, sizeof(_Py_HashSecret) - done, GRND_NONBLOCK);
      if (n < 0) return false;
      done += static_cast<size_t>(n);
    }
    return true;
  }
  std::memset(bytes, 0, sizeof(_Py_HashSecret));
  if (seed == 0) return true;
  // The linear congruential generator that PYTHONHASHSEED is documented to give repeatable hashes by.
  uint32_t x = static_cast<uint32_t>(seed);
  for (size_t i = 0; i < sizeof(_Py_HashSecret); ++i) {
    x = x * 214013u + 2531011u;
    bytes[i] = static_cast<unsigned char>(x >> 16 & 0xff);
  }
  return true;
}

}  // namespace gill

using namespace gill;

extern "C" {

_Py_HashSecret_t _Py_HashSecret;

// The hash that validates sources by their content; the same in every run.
uint64_t _Py_KeyedHash(uint64_t key, const void* data, Py_ssize_t n) {
  return sip_hash(static_cast<const unsigned char*>(data), static_cast<size_t>(n), key, 0);
}

PyHash_FuncDef* PyHash_GetFuncDef(void) { return const_cast<PyHash_FuncDef*>(&kFunction); }

Py_hash_t _Py_HashBytes(const void* data, Py_ssize_t n) {
  if (n == 0) return 0;
  Py_hash_t hash = hash_function(data, n);
  return hash == -1 ? -2 : hash;
}

Py_hash_t _Py_HashPointerRaw(const void* p) { return static_cast<Py_hash_t>(std::rotr(reinterpret_cast<uint64_t>(p), 4)); }
Py_hash_t _Py_HashPointer(const void* p) {
  Py_hash_t hash = _Py_HashPointerRaw(p);
  return hash == -1 ? -2 : hash;
}

// Modulo 2**61 - 1, like all numbers: the mantissa is taken in steps of 28 bits.
Py_hash_t _Py_HashDouble(PyObject* object, double value) {
  if (!std::isfinite(value)) {
    if (std::isinf(value)) return value > 0 ? _PyHASH_INF : -_PyHASH_INF;
    return _Py_HashPointer(object);
  }
  int exponent;
  double mantissa = std::frexp(value, &exponent);
  bool negative = mantissa < 0;
  if (negative) mantissa = -mantissa;
  uint64_t x = 0;
  while (mantissa != 0) {
    x = ((x << 28) & _PyHASH_MODULUS) | x >> (_PyHASH_BITS - 28);
    mantissa *= 268435456.0;  // 2**28
    exponent -= 28;
    auto part = static_cast<uint64_t>(mantissa);
    mantissa -= static_cast<double>(part);
    x += part;
    if (x >= _PyHASH_MODULUS) x -= _PyHASH_MODULUS;
  }
  int shift = exponent >= 0 ? exponent % _PyHASH_BITS : _PyHASH_BITS - 1 - ((-1 - exponent) % _PyHASH_BITS);
  x = ((x << shift) & _PyHASH_MODULUS) | x >> (_PyHASH_BITS - shift);
  auto hash = static_cast<Py_hash_t>(x);
  if (negative) hash = -hash;
  return hash == -1 ? -2 : hash;
}

}  // extern "C"
