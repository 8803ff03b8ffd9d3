// The one str for each ASCII character, and the empty one; base/names.h hands them out.
#include "base/names.h"

#define GILL_ROW8(n) character(n), character(n + 1), character(n + 2), character(n + 3), character(n + 4), character(n + 5), character(n + 6), character(n + 7)
#define GILL_ROW64(n) \
  GILL_ROW8(n), GILL_ROW8(n + 8), GILL_ROW8(n + 16), GILL_ROW8(n + 24), GILL_ROW8(n + 32), GILL_ROW8(n + 40), GILL_ROW8(n + 48), GILL_ROW8(n + 56)

namespace gill {

namespace {

constexpr StaticName<2> character(unsigned char c) {
  StaticName<2> result = detail::make_static_name<" ">();
  result.text[0] = static_cast<char>(c);
  return result;
}

}  // namespace

constinit StaticName<2> ascii_characters[128] = {GILL_ROW64(0), GILL_ROW64(64)};
constinit StaticName<1> empty_string = detail::make_static_name<"">();

}  // namespace gill
