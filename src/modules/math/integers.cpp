// The functions of whole numbers.
#include <climits>
#include <cmath>
#include <numeric>

#include "base/names.h"
#include "modules/math/math_module.h"
#include "objects/int.h"

namespace gill::math {
namespace {

Ref<> index_of(PyObject* object) { return steal(PyNumber_Index(object)); }
bool is_negative(PyObject* number) { return int_size(number) < 0; }
bool is_zero(PyObject* number) { return int_size(number) == 0; }
bool is_one(PyObject* number) { return number == small_int(1); }

Ref<> absolute(Ref<> number) {
  if (!is_negative(number.get())) return steal(PyNumber_Positive(number.get()));
  return steal(PyNumber_Negative(number.get()));
}

Ref<> gcd_of(PyObject* a, PyObject* b) {
  int64_t x, y;
  if (word_of(a, &x) && word_of(b, &y)) return int_from(std::gcd(x, y));
  return steal(_PyLong_GCD(a, b));
}

Ref<> lcm_of(PyObject* a, PyObject* b) {
  if (is_zero(a) || is_zero(b)) return borrow(small_int(0));
  Ref<> divisor = TRY(gcd_of(a, b));
  Ref<> factor = TRY(steal(PyNumber_FloorDivide(a, divisor.get())));
  return absolute(TRY(steal(PyNumber_Multiply(factor.get(), b))));
}

// Results beyond are larger than any memory; GMP would end the process.
inline constexpr long kLargestFactorial = 1L << 33;
inline constexpr long kLargestWord = 20;  // 20! fits 64 bits

Failure no_memory() {
  PyErr_NoMemory();
  return failure;
}

// n * (n - 1) * ... * (n - k + 1), halved until the factors are few.
void falling_product(Mpz& out, Mpz& n, unsigned long k) {
  if (k <= 8) {
    mpz_set(out, n);
    for (unsigned long i = 1; i < k; ++i) {
      mpz_sub_ui(n, n, 1);
      mpz_mul(out, out, n);
    }
    return;
  }
  Mpz low, rest;
  mpz_sub_ui(low, n, k / 2);
  falling_product(rest, low, k - k / 2);
  falling_product(out, n, k / 2);
  mpz_mul(out, out, rest);
}

Ref<> factorial_of(long n) {
  if (n > kLargestFactorial) return no_memory();
  if (n <= kLargestWord) {
    int64_t product = 1;
    for (long i = 2; i <= n; ++i) product *= i;
    return int_from(product);
  }
  TRY(expect_bits(static_cast<double>(n) * std::log2(static_cast<double>(n))));
  Mpz result;
  mpz_fac_ui(result, static_cast<unsigned long>(n));
  return result.to_int();
}

struct Pair {
  Ref<> n, k;
};
// The arguments of perm and comb as ints that are not negative.
Status read_pair(PyObject* n, PyObject* k, Pair* out) {
  out->n = TRY(index_of(n));
  out->k = TRY(index_of(k));
  if (is_negative(out->n.get())) return raise(PyExc_ValueError, "n must be a non-negative integer");
  if (is_negative(out->k.get())) return raise(PyExc_ValueError, "k must be a non-negative integer");
  return Status::ok;
}

}  // namespace

Ref<> gcd(PyObject*, Args integers) {
  if (integers.count == 0) return borrow(small_int(0));
  Ref<> result = TRY(index_of(integers[0]));
  if (integers.count == 1) return absolute(std::move(result));
  for (Py_ssize_t i = 1; i < integers.count; ++i) {
    Ref<> next = TRY(index_of(integers[i]));
    // The others are looked at for their type only.
    if (is_one(result.get())) continue;
    result = TRY(gcd_of(result.get(), next.get()));
  }
  return result;
}

Ref<> lcm(PyObject*, Args integers) {
  if (integers.count == 0) return borrow(small_int(1));
  Ref<> result = TRY(index_of(integers[0]));
  if (integers.count == 1) return absolute(std::move(result));
  for (Py_ssize_t i = 1; i < integers.count; ++i) {
    Ref<> next = TRY(index_of(integers[i]));
    if (is_zero(result.get())) continue;
    result = TRY(lcm_of(result.get(), next.get()));
  }
  return result;
}

Ref<> isqrt(PyObject*, PyObject* n) {
  Ref<> number = TRY(index_of(n));
  if (is_negative(number.get())) return raise(PyExc_ValueError, "isqrt() argument must be nonnegative");
  if (int64_t word; word_of(number.get(), &word)) {
    auto root = static_cast<int64_t>(std::sqrt(static_cast<double>(word)));
    while (root * root > word) --root;
    while ((root + 1) * (root + 1) <= word) ++root;
    return int_from(root);
  }
  TRY(expect_operands(number.get()));
  Mpz value(number.get());
  mpz_sqrt(value, value);
  return value.to_int();
}

Ref<> factorial(PyObject*, PyObject* n) {
  int overflow;
  long value = PyLong_AsLongAndOverflow(n, &overflow);
  if (value == -1 && !overflow && PyErr_Occurred()) return failure;
  if (overflow > 0) return raise(PyExc_OverflowError, "factorial() argument should not exceed %ld", LONG_MAX);
  if (overflow < 0 || value < 0) return raise(PyExc_ValueError, "factorial() not defined for negative values");
  return factorial_of(value);
}

Ref<> perm(PyObject* module, PyObject* n, PyObject* k) {
  if (k == Py_None) return factorial(module, n);
  Pair pair;
  TRY(read_pair(n, k, &pair));
  bool too_few = TRY(truth_of(PyObject_RichCompareBool(pair.n.get(), pair.k.get(), Py_LT)));
  if (too_few) return borrow(small_int(0));
  int overflow;
  long long count = PyLong_AsLongLongAndOverflow(pair.k.get(), &overflow);
  if (overflow > 0) return raise(PyExc_OverflowError, "k must not exceed %lld", LLONG_MAX);
  if (count == 0) return borrow(small_int(1));
  if (count > kLargestFactorial) return no_memory();
  if (int64_t top; word_of(pair.n.get(), &top)) {
    int64_t product = top;
    long long i = 1;
    while (i < count && !__builtin_mul_overflow(product, top - i, &product)) ++i;
    if (i == count) return int_from(product);
  }
  TRY(expect_bits(static_cast<double>(_PyLong_NumBits(pair.n.get())) * static_cast<double>(count)));
  Mpz first(pair.n.get()), result;
  falling_product(result, first, static_cast<unsigned long>(count));
  return result.to_int();
}

Ref<> comb(PyObject*, PyObject* n, PyObject* k) {
  Pair pair;
  TRY(read_pair(n, k, &pair));
  Ref<> rest = TRY(steal(PyNumber_Subtract(pair.n.get(), pair.k.get())));
  if (is_negative(rest.get())) return borrow(small_int(0));
  bool shorter = TRY(truth_of(PyObject_RichCompareBool(rest.get(), pair.k.get(), Py_LT)));
  PyObject* fewer = shorter ? rest.get() : pair.k.get();
  int overflow;
  long long count = PyLong_AsLongLongAndOverflow(fewer, &overflow);
  if (overflow > 0) return raise(PyExc_OverflowError, "min(n - k, k) must not exceed %lld", LLONG_MAX);
  if (count > kLargestFactorial) return no_memory();
  if (int64_t top; word_of(pair.n.get(), &top)) {
    // Each product with the next factor divides evenly. Division of machine words is the quicker one.
    uint64_t small = 1, next;
    long long done = 0;
    for (; done < count && !__builtin_mul_overflow(small, static_cast<uint64_t>(top - done), &next); ++done) small = next / static_cast<uint64_t>(done + 1);
    if (done == count && small >> 63 == 0) return int_from(static_cast<int64_t>(small));
    unsigned __int128 product = small;
    long long i = done;
    for (; i < count && product >> 63 == 0; ++i) product = product * static_cast<uint64_t>(top - i) / static_cast<uint64_t>(i + 1);
    if (product >> 63 == 0) return int_from(static_cast<int64_t>(product));
  }
  double ways = static_cast<double>(count);
  TRY(expect_bits(ways * (static_cast<double>(_PyLong_NumBits(pair.n.get())) - std::log2(ways + 1) + 2)));
  Mpz result(pair.n.get());
  mpz_bin_ui(result, result, static_cast<unsigned long>(count));
  return result.to_int();
}

}  // namespace gill::math
