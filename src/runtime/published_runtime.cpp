#include "runtime/published_runtime.h"

#include "base/ref.h"

namespace gill {

constexpr PublishedRuntime::PublishedRuntime() {
  for (Py_ssize_t i = 0; i < kSmallCount; ++i) {
    Py_ssize_t value = i - kSmallestSmall;
    PyLongObject& number = small_ints[i];
    number.ob_base.ob_base.ob_refcnt = kImmortalCount;
    number.ob_base.ob_base.ob_type = &PyLong_Type;
    number.ob_base.ob_size = value < 0 ? -1 : value > 0;
    number.ob_digit[0] = static_cast<digit>(value < 0 ? -value : value);
  }
}

}  // namespace gill

constinit gill::PublishedRuntime _PyRuntime;
