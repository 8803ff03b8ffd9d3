// How one value is packed and unpacked, for each format character and byte order.
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "modules/struct/struct_module.h"

#include "objects/int.h"

namespace gill::structs {
namespace {

// ---- integers ---------------------------------------------------------------------------------------

// The int that a value is or has.
Ref<> as_int(State& state, PyObject* value) {
  if (PyLong_Check(value)) return borrow(value);
  if (PyIndex_Check(value)) return steal(_PyNumber_Index(value));
  return raise(state.error, "required argument is not an integer");
}

Failure out_of_range(State& state) {
  if (PyErr_ExceptionMatches(PyExc_OverflowError)) return raise(state.error, "argument out of range");
  return failure;
}

template <class T>
Failure limits_error(State& state, char code) {
  constexpr auto least = static_cast<long long>(std::numeric_limits<T>::min());
  constexpr auto most = static_cast<long long>(std::numeric_limits<T>::max());
  return raise(state.error, "'%c' format requires %lld <= number <= %lld", static_cast<int>(code), least, most);
}
template <class T>
Failure named_limits_error(State& state, const char* type) {
  return raise(state.error, "%s format requires %d <= number <= %d", type, static_cast<int>(std::numeric_limits<T>::min()),
               static_cast<int>(std::numeric_limits<T>::max()));
}

template <class T, bool Big>
void store(T value, char* out) {
  if constexpr (Big && sizeof(T) > 1) value = std::byteswap(value);
  std::memcpy(out, &value, sizeof(T));
}
template <class T, bool Big>
T load(const char* in) {
  T value;
  std::memcpy(&value, in, sizeof(T));
  if constexpr (Big && sizeof(T) > 1) value = std::byteswap(value);
  return value;
}

// Characters and native shorts name their type in the message, and go through a signed long even if unsigned.
template <class T, bool Big>
Status pack_integer(State& state, char* out, PyObject* value, const Format& format) {
  constexpr bool is_named = sizeof(T) == 1 || (sizeof(T) == 2 && !Big);
  Ref<> number = TRY(as_int(state, value));
  if constexpr (std::is_signed_v<T> || is_named) {
    long wide = PyLong_AsLong(number.get());
    if (wide == -1 && PyErr_Occurred()) return out_of_range(state);
    if (!std::in_range<T>(wide)) {
      if constexpr (is_named) {
        constexpr const char* type = sizeof(T) == 1 ? (std::is_signed_v<T> ? "byte" : "ubyte") : std::is_signed_v<T> ? "short" : "ushort";
        return named_limits_error<T>(state, type);
      } else {
        return limits_error<T>(state, format.code);
      }
    }
    store<T, Big>(static_cast<T>(wide), out);
  } else {
    unsigned long wide = PyLong_AsUnsignedLong(number.get());
    if (wide == static_cast<unsigned long>(-1) && PyErr_Occurred()) return out_of_range(state);
    if constexpr (sizeof(T) < sizeof(wide)) {
      if (!std::in_range<T>(wide)) return limits_error<T>(state, format.code);
    }
    store<T, Big>(static_cast<T>(wide), out);
  }
  return Status::ok;
}

// Eight bytes in foreign order; an overflow is an OverflowError that the caller rewords.
template <bool Signed>
Status pack_swapped_long(State& state, char* out, PyObject* value, const Format&) {
  Ref<> number = TRY(as_int(state, value));
  return status_of(_PyLong_AsByteArray(reinterpret_cast<PyLongObject*>(number.get()), reinterpret_cast<unsigned char*>(out), 8, 0, Signed));
}

template <class T, bool Big>
Ref<> unpack_integer(const char* in, const Format&) {
  T value = load<T, Big>(in);
  if constexpr (sizeof(T) <= 4) return int_from(value);
  else if constexpr (std::is_signed_v<T>) return steal(PyLong_FromLongLong(value));
  else return steal(PyLong_FromUnsignedLongLong(value));
}

Status pack_pointer(State& state, char* out, PyObject* value, const Format&) {
  Ref<> number = TRY(as_int(state, value));
  void* pointer = PyLong_AsVoidPtr(number.get());
  if (!pointer && PyErr_Occurred()) return failure;
  store<void*, false>(pointer, out);
  return Status::ok;
}
Ref<> unpack_pointer(const char* in, const Format&) { return steal(PyLong_FromVoidPtr(load<void*, false>(in))); }

// ---- others -----------------------------------------------------------------------------------------

Status pack_character(State& state, char* out, PyObject* value, const Format&) {
  if (!PyBytes_Check(value) || PyBytes_GET_SIZE(value) != 1) return raise(state.error, "char format requires a bytes object of length 1");
  *out = *PyBytes_AS_STRING(value);
  return Status::ok;
}
Ref<> unpack_character(const char* in, const Format&) { return steal(PyBytes_FromStringAndSize(in, 1)); }

Status pack_bool(State&, char* out, PyObject* value, const Format&) {
  *out = TRY(truth_of(PyObject_IsTrue(value)));
  return Status::ok;
}
Ref<> unpack_bool(const char* in, const Format&) { return py_bool(*in != 0); }

Maybe<double> real_value(State& state, PyObject* value) {
  double real = PyFloat_AsDouble(value);
  if (real == -1.0 && PyErr_Occurred()) return raise(state.error, "required argument is not a float");
  return real;
}

template <int Size, bool Big>
Status pack_real(State& state, char* out, PyObject* value, const Format&) {
  double real = TRY(real_value(state, value));
  constexpr int little = !Big;
  return status_of(Size == 2 ? PyFloat_Pack2(real, out, little) : Size == 4 ? PyFloat_Pack4(real, out, little) : PyFloat_Pack8(real, out, little));
}
// C's own conversion: what is too large becomes an infinity.
Status pack_native_float(State& state, char* out, PyObject* value, const Format&) {
  store<float, false>(static_cast<float>(TRY(real_value(state, value))), out);
  return Status::ok;
}
template <int Size, bool Big>
Ref<> unpack_real(const char* in, const Format&) {
  constexpr int little = !Big;
  return steal(PyFloat_FromDouble(Size == 2 ? PyFloat_Unpack2(in, little) : Size == 4 ? PyFloat_Unpack4(in, little) : PyFloat_Unpack8(in, little)));
}

// ---- tables -----------------------------------------------------------------------------------------

template <class T, bool Big>
constexpr Format integer(char code, bool aligned) {
  return {code, sizeof(T), static_cast<uint8_t>(aligned ? alignof(T) : 0), pack_integer<T, Big>, unpack_integer<T, Big>};
}
template <bool Big>
constexpr Format real(char code, int size, bool aligned) {
  auto alignment = static_cast<uint8_t>(aligned ? size : 0);
  if (size == 2) return {code, 2, alignment, pack_real<2, Big>, unpack_real<2, Big>};
  if (size == 4) return {code, 4, alignment, aligned ? pack_native_float : pack_real<4, Big>, unpack_real<4, Big>};
  return {code, 8, alignment, pack_real<8, Big>, unpack_real<8, Big>};
}

using Table = std::array<Format, 128>;

template <bool Big>
constexpr Table common_table(bool aligned) {
  Table table{};
  auto put = [&](Format format) { table[static_cast<size_t>(format.code)] = format; };
  put({'x', 1, 0, nullptr, nullptr});
  put({'s', 1, 0, nullptr, nullptr});
  put({'p', 1, 0, nullptr, nullptr});
  put({'c', 1, 0, pack_character, unpack_character});
  put({'?', 1, 0, pack_bool, unpack_bool});
  put(integer<int8_t, Big>('b', false));
  put(integer<uint8_t, Big>('B', false));
  put(integer<int16_t, Big>('h', aligned));
  put(integer<uint16_t, Big>('H', aligned));
  put(integer<int32_t, Big>('i', aligned));
  put(integer<uint32_t, Big>('I', aligned));
  put(integer<int32_t, Big>('l', aligned));
  put(integer<uint32_t, Big>('L', aligned));
  put(integer<int64_t, Big>('q', aligned));
  put(integer<uint64_t, Big>('Q', aligned));
  put(real<Big>('e', 2, aligned));
  put(real<Big>('f', 4, aligned));
  put(real<Big>('d', 8, aligned));
  return table;
}

constexpr Table kNative = [] {
  Table table = common_table<false>(true);
  auto put = [&](Format format) { table[static_cast<size_t>(format.code)] = format; };
  put(integer<long, false>('l', true));
  put(integer<unsigned long, false>('L', true));
  put(integer<Py_ssize_t, false>('n', true));
  put(integer<size_t, false>('N', true));
  put({'P', sizeof(void*), alignof(void*), pack_pointer, unpack_pointer});
  return table;
}();
constexpr Table kLittle = common_table<false>(false);
constexpr Table kBig = [] {
  Table table = common_table<true>(false);
  table['q'].pack = pack_swapped_long<true>;
  table['Q'].pack = pack_swapped_long<false>;
  return table;
}();

}  // namespace

const Format* find_format(Order order, char code) {
  if (static_cast<unsigned char>(code) >= 128) return nullptr;
  const Table& table = order == Order::native ? kNative : order == Order::little ? kLittle : kBig;
  const Format* format = &table[static_cast<size_t>(code)];
  return format->code ? format : nullptr;
}

}  // namespace gill::structs
