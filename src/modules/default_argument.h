// An integer argument whose default a signature names by a constant: "level=Z_DEFAULT_COMPRESSION".
#pragma once

#include "base/convert.h"

namespace gill {

template <auto D>
struct Default {
  decltype(D) value = D;
};

template <auto D>
struct Argument<Default<D>> {
  static Status convert(PyObject* value, Default<D>& out, const ArgumentPlace& place) {
    if constexpr (sizeof(D) == sizeof(int)) {
      Ref<> number = TRY(steal(PyNumber_Index(value)));
      out.value = TRY(checked(_PyLong_AsInt(number.get())));
      return Status::ok;
    } else {
      return Argument<std::remove_const_t<decltype(D)>>::convert(value, out.value, place);
    }
  }
  static Default<D> fallback(const Parameter&) { return {}; }
};

}  // namespace gill
