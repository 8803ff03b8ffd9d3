// _random: the Mersenne twister MT19937 (Matsumoto and Nishimura), seeded by an array of 32-bit words.
#include <Python.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/binding.h"
#include "base/names.h"

namespace gill::random {
namespace {

inline constexpr int kWords = 624;
inline constexpr int kMiddle = 397;
inline constexpr uint32_t kMatrix = 0x9908b0df;
inline constexpr uint32_t kUpper = 0x80000000;
inline constexpr uint32_t kLower = 0x7fffffff;

struct Twister {
  int index;
  uint32_t words[kWords];

  void seed(uint32_t start) {
    words[0] = start;
    for (uint32_t i = 1; i < kWords; ++i) words[i] = 1812433253U * (words[i - 1] ^ (words[i - 1] >> 30)) + i;
    index = kWords;
  }

  void seed(const uint32_t* key, size_t length) {
    seed(19650218U);
    size_t i = 1, j = 0;
    for (size_t k = std::max<size_t>(kWords, length); k; --k) {
      words[i] = (words[i] ^ ((words[i - 1] ^ (words[i - 1] >> 30)) * 1664525U)) + key[j] + static_cast<uint32_t>(j);
      if (++i >= kWords) {
        words[0] = words[kWords - 1];
        i = 1;
      }
      if (++j >= length) j = 0;
    }
    for (size_t k = kWords - 1; k; --k) {
      words[i] = (words[i] ^ ((words[i - 1] ^ (words[i - 1] >> 30)) * 1566083941U)) - static_cast<uint32_t>(i);
      if (++i >= kWords) {
        words[0] = words[kWords - 1];
        i = 1;
      }
    }
    words[0] = kUpper;
  }

  void refill() {
    auto twist = [&](int at, int next, int other) {
      uint32_t y = (words[at] & kUpper) | (words[next] & kLower);
      words[at] = words[other] ^ (y >> 1) ^ (0 - (y & 1) & kMatrix);
    };
    int i = 0;
    for (; i < kWords - kMiddle; ++i) twist(i, i + 1, i + kMiddle);
    for (; i < kWords - 1; ++i) twist(i, i + 1, i + kMiddle - kWords);
    twist(kWords - 1, 0, kMiddle - 1);
    index = 0;
  }

  uint32_t next() {
    if (index >= kWords) [[unlikely]] refill();
    uint32_t y = words[index++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
  }
};

struct Random {
  PyObject_HEAD
  Twister twister;
};

// ---- seeding ----------------------------------------------------------------------------------------

// The system's randomness, or, should there be none, what time and process give.
void seed_from_system(Twister& twister) {
  uint32_t key[kWords];
  size_t length = kWords;
  auto* bytes = reinterpret_cast<char*>(key);
  bool filled = true;
  for (size_t have = 0; have < sizeof(key) && filled;) {
    ssize_t n = getrandom(bytes + have, sizeof(key) - have, GRND_NONBLOCK);
    if (n > 0) have += static_cast<size_t>(n);
    else filled = n < 0 && errno == EINTR;
  }
  if (!filled) {
    timespec now, steady;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_MONOTONIC, &steady);
    uint64_t ticks = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
    uint64_t more = static_cast<uint64_t>(steady.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(steady.tv_nsec);
    key[0] = static_cast<uint32_t>(ticks);
    key[1] = static_cast<uint32_t>(ticks >> 32);
    key[2] = static_cast<uint32_t>(getpid());
    key[3] = static_cast<uint32_t>(more);
    key[4] = static_cast<uint32_t>(more >> 32);
    length = 5;
  }
  twister.seed(key, length);
}

Status seed(Random* self, PyObject* n) {
  if (!n || n == Py_None) {
    seed_from_system(self->twister);
    return Status::ok;
  }
  // The size of an int (also of a subclass that has its own idea of abs), or the hash of anything else.
  Ref<> number;
  if (PyLong_Check(n)) number = TRY(steal(PyLong_Type.tp_as_number->nb_absolute(n)));
  else number = TRY(steal(PyLong_FromSize_t(static_cast<size_t>(TRY(checked(PyObject_Hash(n)))))));
  size_t bits = _PyLong_NumBits(number.get());
  if (bits == static_cast<size_t>(-1) && PyErr_Occurred()) return failure;
  size_t length = bits == 0 ? 1 : (bits - 1) / 32 + 1;
  auto* key = PyMem_New(uint32_t, length);
  if (!key) {
    PyErr_NoMemory();
    return failure;
  }
  Status status = status_of(_PyLong_AsByteArray(reinterpret_cast<PyLongObject*>(number.get()), reinterpret_cast<unsigned char*>(key),
                                                length * sizeof(uint32_t), 1, 0));
  if (status == Status::ok) self->twister.seed(key, length);
  PyMem_Free(key);
  return status;
}

// ---- methods ----------------------------------------------------------------------------------------

Maybe<double> random(Random* self) {
  uint32_t a = self->twister.next() >> 5, b = self->twister.next() >> 6;
  return (a * 67108864.0 + b) * (1.0 / 9007199254740992.0);
}

Ref<> getrandbits(Random* self, int k) {
  if (k < 0) return raise(PyExc_ValueError, "number of bits must be non-negative");
  if (k == 0) return steal(PyLong_FromLong(0));
  if (k <= 32) return steal(PyLong_FromUnsignedLong(self->twister.next() >> (32 - k)));
  size_t length = static_cast<size_t>((k - 1) / 32 + 1);
  auto* words = PyMem_New(uint32_t, length);
  if (!words) {
    PyErr_NoMemory();
    return failure;
  }
  for (size_t i = 0; i < length; ++i, k -= 32) {
    uint32_t word = self->twister.next();
    words[i] = k < 32 ? word >> (32 - k) : word;
  }
  Ref<> result = steal(_PyLong_FromByteArray(reinterpret_cast<unsigned char*>(words), length * sizeof(uint32_t), 1, 0));
  PyMem_Free(words);
  return result;
}

Ref<> getstate(Random* self) {
  Ref<> state = TRY(steal(PyTuple_New(kWords + 1)));
  for (int i = 0; i < kWords; ++i) PyTuple_SET_ITEM(state.get(), i, TRY(PyLong_FromUnsignedLong(self->twister.words[i])));
  PyTuple_SET_ITEM(state.get(), kWords, TRY(PyLong_FromLong(self->twister.index)));
  return state;
}

Status setstate(Random* self, PyObject* state) {
  if (!PyTuple_Check(state)) return raise(PyExc_TypeError, "state vector must be a tuple");
  if (PyTuple_Size(state) != kWords + 1) return raise(PyExc_ValueError, "state vector is the wrong size");
  uint32_t words[kWords];
  for (int i = 0; i < kWords; ++i) words[i] = static_cast<uint32_t>(TRY(checked(PyLong_AsUnsignedLong(PyTuple_GET_ITEM(state, i)))));
  long index = TRY(checked(PyLong_AsLong(PyTuple_GET_ITEM(state, kWords))));
  if (index < 0 || index > kWords) return raise(PyExc_ValueError, "invalid state");
  self->twister.index = static_cast<int>(index);
  std::copy_n(words, kWords, self->twister.words);
  return Status::ok;
}

// ---- the type ---------------------------------------------------------------------------------------


int initialize(PyObject* self, PyObject* args, PyObject* kwargs) {
  // A subclass may take keywords that we know nothing of.
  bool own = !PyType_HasFeature(Py_TYPE(self)->tp_base, Py_TPFLAGS_HEAPTYPE);
  if (own && kwargs && PyDict_GET_SIZE(kwargs)) return raise(PyExc_TypeError, "Random() takes no keyword arguments");
  if (PyTuple_GET_SIZE(args) > 1) return raise(PyExc_TypeError, "Random() requires 0 or 1 argument");
  PyObject* n = PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, 0) : nullptr;
  return static_cast<int>(seed(reinterpret_cast<Random*>(self), n));
}

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  release(as_object(type));
}

const PyMethodDef kMethods[] = {
    METHOD("random($self, /)", random, "random() -> x in the interval [0, 1)."),
    METHOD("seed($self, n=None, /)", seed, "seed([n]) -> None.\n\nWithout n the state comes from the system's randomness; else from n's absolute value, or its hash."),
    METHOD("getstate($self, /)", getstate, "getstate() -> tuple containing the current state."),
    METHOD("setstate($self, state, /)", setstate, "setstate(state) -> None.  Restores generator state."),
    METHOD("getrandbits($self, k, /)", getrandbits, "getrandbits(k) -> x.  Generates an int with k random bits."),
    kEndOfMethods,
};
const PyType_Slot kSlots[] = {
    {Py_tp_doc, (void*)"Random() -> create a random number generator with its own internal state."},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_new, (void*)PyType_GenericNew},
    {Py_tp_init, (void*)initialize},
    {Py_tp_dealloc, (void*)dealloc},
    {0, nullptr},
};
PyType_Spec spec = {"_random.Random", sizeof(Random), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, const_cast<PyType_Slot*>(kSlots)};

int execute(PyObject* module) {
  Ref<> type = TRY(steal(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return PyModule_AddType(module, reinterpret_cast<PyTypeObject*>(type.get()));
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_random",
    .m_doc = "Module implements the Mersenne Twister random number generator.",
    .m_size = 0,
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit__random() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_random", PyInit__random);

}  // namespace gill::random
