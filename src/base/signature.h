// Reads a Python-level signature such as "sort($self, /, *, key=None, reverse=False)" at compile time.
//
// The text is the one place where a built-in callable's parameters are written; the argument binder
// (base/binding.h) and `__text_signature__` both come from it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/fixed_string.h"

namespace gill {

enum class ParameterKind : uint8_t { positional_only, positional_or_keyword, var_positional, keyword_only, var_keyword };

// What stands behind `=`. `null` is any default that has no value of its own here
// (`<unrepresentable>`, `NULL`): an object parameter is then a null pointer.
enum class DefaultKind : uint8_t { required, none, boolean, integer, real, text, null };

// What the binder reads of a parameter at run time.
struct ParameterHead {
  std::string_view name;
  ParameterKind kind = ParameterKind::positional_or_keyword;
  DefaultKind default_kind = DefaultKind::required;
};

struct Parameter : ParameterHead {
  int64_t integer = 0;    // boolean and integer defaults
  double real = 0;        // real defaults
  std::string_view text;  // text defaults, without the quotes
};

// A name of a signature with a NUL behind it, for messages.
struct CString {
  char text[64];
  constexpr explicit CString(std::string_view view) : text{} {
    std::copy_n(view.data(), std::min<size_t>(view.size(), sizeof(text) - 1), text);
  }
};

// A signature as the binder wants it. The default values are not here: the code that stores a missing argument has its own in it.
struct Signature {
  std::string_view name;
  const ParameterHead* parameters = nullptr;
  bool parsed = false;  // errors are worded as PyArg_ParseTuple does
  bool has_var_positional = false;
  bool has_var_keyword = false;
  bool takes_keywords = false;
  bool requires_keywords = false;
  // Numbers of parameters, without the receiver.
  uint8_t count = 0;
  uint8_t positional_only = 0;
  uint8_t positional = 0;           // that may be given by position
  uint8_t required_positional = 0;  // of those, without a default
  uint8_t keyword_only = 0;
};

namespace detail {

constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

constexpr void read_default(Parameter& parameter, std::string_view text) {
  parameter.default_kind = DefaultKind::null;
  if (text == "None") {
    parameter.default_kind = DefaultKind::none;
  } else if (text == "True" || text == "False") {
    parameter.default_kind = DefaultKind::boolean;
    parameter.integer = text == "True";
  } else if (text == "sys.maxsize") {
    parameter.default_kind = DefaultKind::integer;
    parameter.integer = INT64_MAX;
  } else if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"')) {
    parameter.default_kind = DefaultKind::text;
    parameter.text = text.substr(1, text.size() - 2);
  } else if (!text.empty() && (text.front() == '-' || (text.front() >= '0' && text.front() <= '9'))) {
    bool negative = text.front() == '-';
    if (negative) text.remove_prefix(1);
    double scale = 0;
    int64_t whole = 0;
    double real = 0;
    for (char c : text) {
      if (c == '.') {
        scale = 1;
      } else if (scale != 0) {
        scale /= 10;
        real += (c - '0') * scale;
      } else {
        whole = whole * 10 + (c - '0');
      }
    }
    parameter.default_kind = scale != 0 ? DefaultKind::real : DefaultKind::integer;
    parameter.integer = negative ? -whole : whole;
    parameter.real = negative ? -(whole + real) : whole + real;
  }
}

}  // namespace detail

inline constexpr int kMaxParameters = 24;

struct ParsedSignature {
  std::string_view name;
  int count = 0;
  std::array<Parameter, kMaxParameters> parameters{};
};

constexpr ParsedSignature parse_signature(std::string_view text) {
  ParsedSignature result;
  size_t open = text.find('(');
  result.name = text.substr(0, open);
  std::string_view rest = text.substr(open + 1, text.rfind(')') - open - 1);
  bool keyword_only = false;
  while (!detail::trim(rest).empty()) {
    // A comma inside quotes or brackets belongs to a default value.
    size_t end = 0;
    int depth = 0;
    char quote = 0;
    for (; end < rest.size(); ++end) {
      char c = rest[end];
      if (quote) {
        if (c == quote) quote = 0;
      } else if (c == '\'' || c == '"') {
        quote = c;
      } else if (c == '(' || c == '[' || c == '{') {
        ++depth;
      } else if (c == ')' || c == ']' || c == '}') {
        --depth;
      } else if (c == ',' && depth == 0) {
        break;
      }
    }
    std::string_view item = detail::trim(rest.substr(0, end));
    rest.remove_prefix(end < rest.size() ? end + 1 : end);
    if (item.front() == '$') {
      // The receiver is not a parameter.
    } else if (item == "/") {
      for (int i = 0; i < result.count; ++i) result.parameters[i].kind = ParameterKind::positional_only;
    } else if (item == "*") {
      keyword_only = true;
    } else {
      Parameter& parameter = result.parameters[result.count++];
      if (item.starts_with("**")) {
        parameter.kind = ParameterKind::var_keyword;
        parameter.name = item.substr(2);
      } else if (item.front() == '*') {
        parameter.kind = ParameterKind::var_positional;
        parameter.name = item.substr(1);
        keyword_only = true;
      } else {
        parameter.kind = keyword_only ? ParameterKind::keyword_only : ParameterKind::positional_or_keyword;
        size_t equals = item.find('=');
        parameter.name = detail::trim(item.substr(0, equals));
        if (equals != std::string_view::npos) detail::read_default(parameter, detail::trim(item.substr(equals + 1)));
      }
    }
  }
  return result;
}

// A callable from before Argument Clinic words its errors as PyArg_ParseTuple does.
enum class Wording : uint8_t { clinic, parsed };

// These stay in the compiler: with the defaults, and room for any number of parameters, they would be most of the binary's constants.
template <FixedString S>
inline constexpr ParsedSignature parsed_signature_of = parse_signature(S.view());

template <FixedString S>
inline constexpr auto parameter_heads_of = [] {
  std::array<ParameterHead, parsed_signature_of<S>.count + 1> heads;
  std::copy_n(parsed_signature_of<S>.parameters.begin(), parsed_signature_of<S>.count, heads.begin());
  return heads;
}();

template <FixedString S, Wording W = Wording::clinic>
inline constexpr Signature signature_of = [] {
  constexpr const ParsedSignature& parsed = parsed_signature_of<S>;
  Signature result{.name = parsed.name, .parameters = parameter_heads_of<S>.data(), .parsed = W == Wording::parsed};
  result.count = parsed.count;
  for (int i = 0; i < parsed.count; ++i) {
    const Parameter& parameter = parsed.parameters[i];
    bool required = parameter.default_kind == DefaultKind::required;
    switch (parameter.kind) {
      case ParameterKind::positional_only: ++result.positional_only; [[fallthrough]];
      case ParameterKind::positional_or_keyword:
        ++result.positional;
        result.required_positional += required;
        break;
      case ParameterKind::keyword_only:
        ++result.keyword_only;
        result.requires_keywords |= required;
        break;
      case ParameterKind::var_positional: result.has_var_positional = true; break;
      case ParameterKind::var_keyword: result.has_var_keyword = true; break;
    }
  }
  result.takes_keywords = result.has_var_keyword || result.keyword_only != 0 || result.positional_only != result.positional;
  return result;
}();

}  // namespace gill
