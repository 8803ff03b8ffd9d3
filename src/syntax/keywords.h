// The words of the language.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include "syntax/token.h"

namespace gill::ast {

struct Keyword {
  std::string_view text;
  T kind;
  uint8_t soft = kNotSoft;
};

inline constexpr Keyword kKeywords[] = {
    {"False", T::kw_False}, {"None", T::kw_None}, {"True", T::kw_True}, {"and", T::kw_and}, {"as", T::kw_as},
    {"assert", T::kw_assert}, {"async", T::async_}, {"await", T::await_}, {"break", T::kw_break},
    {"class", T::kw_class}, {"continue", T::kw_continue}, {"def", T::kw_def}, {"del", T::kw_del}, {"elif", T::kw_elif},
    {"else", T::kw_else}, {"except", T::kw_except}, {"finally", T::kw_finally}, {"for", T::kw_for},
    {"from", T::kw_from}, {"global", T::kw_global}, {"if", T::kw_if}, {"import", T::kw_import}, {"in", T::kw_in},
    {"is", T::kw_is}, {"lambda", T::kw_lambda}, {"nonlocal", T::kw_nonlocal}, {"not", T::kw_not}, {"or", T::kw_or},
    {"pass", T::kw_pass}, {"raise", T::kw_raise}, {"return", T::kw_return}, {"try", T::kw_try},
    {"while", T::kw_while}, {"with", T::kw_with}, {"yield", T::kw_yield},
    {"match", T::name, kSoftMatch}, {"case", T::name, kSoftCase}, {"_", T::name, kSoftWildcard},
};

// The words that share a length and a first letter are few.
inline const Keyword* find_keyword(const char* text, size_t size) {
  if (size > 8) return nullptr;
  for (const Keyword& keyword : kKeywords) {
    if (keyword.text.size() == size && keyword.text[0] == text[0] && std::memcmp(keyword.text.data(), text, size) == 0) {
      return &keyword;
    }
  }
  return nullptr;
}

}  // namespace gill::ast
