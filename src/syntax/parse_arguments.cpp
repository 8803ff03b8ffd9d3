// Parameters of functions and lambdas, and arguments of calls.
#include "syntax/parser.h"

namespace gill::ast {

// ---- parameters ---------------------------------------------------------------------------------------

// A lambda's end at ':', a function's at ')'.
Arg* Parser::parameter(bool lambda, bool star_annotation, bool allow_annotation) {
  const Token* token = accept(T::name);
  if (!token) return nullptr;
  PyObject* name = identifier(token);
  if (!name) return nullptr;
  Expr* annotation = nullptr;
  if (!lambda && allow_annotation && is(T::colon)) {
    int before = mark_++;
    annotation = star_annotation && is(T::star) ? star_expression() : expression();
    if (!annotation) {
      if (failed_) return nullptr;
      reset(before);
    }
  }
  if (failed_) return nullptr;
  auto* arg = make<Arg>(token);
  if (!arg) return nullptr;
  arg->arg = name;
  arg->annotation = annotation;
  return arg;
}

bool Parser::default_value(Expr*& out) {
  int mark = mark_;
  if (!accept(T::equal)) return false;
  out = expression();
  if (out) return true;
  if (failed_) return false;
  if (diagnose_) {
    const Token* equal = at(mark);
    // A parenthesis for lambdas too, though they end at a colon.
    if (is(T::right_paren) || is(T::comma)) error_on(equal, "expected default value expression");
  }
  if (!failed_) reset(mark);
  return false;
}

// A parameter with what must follow it: a comma or the list's end. `want_default` asks for one with a default,
// `maybe` for either.
Arg* Parser::parameter_of_list(bool lambda, bool star_annotation, Expr** value, bool want_default, bool maybe) {
  int mark = mark_;
  T end = lambda ? T::colon : T::right_paren;
  Arg* arg = parameter(lambda, star_annotation, true);
  if (!arg) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  Expr* given = nullptr;
  if (want_default || maybe) {
    bool has_default = default_value(given);
    if (failed_) return nullptr;
    if (want_default && !has_default) {
      reset(mark);
      return nullptr;
    }
  }
  if (accept(T::comma)) {
    if (!lambda) arg->type_comment = type_comment();
  } else {
    if (!lambda && is(T::type_comment)) {
      arg->type_comment = type_comment();
    }
    if (!is(end)) {
      if (!failed_) reset(mark);
      return nullptr;
    }
  }
  if (failed_) return nullptr;
  if (value) *value = given;
  return arg;
}

Arguments* Parser::parameters(bool lambda) {
  if (diagnose_) {
    int mark = mark_;
    invalid_parameters(lambda);
    if (failed_) return nullptr;
    reset(mark);
  }
  return parameters_body(lambda);
}

Arguments* Parser::parameters_body(bool lambda) {
  int begin = mark_;
  T end = lambda ? T::colon : T::right_paren;
  auto* result = plain<Arguments>();
  if (!result) return nullptr;
  ExprList defaults{};
  int positional_only = 0;
  bool any = false;
  {
    Items<Arg> plain_ones(*this);
    bool slash = false;
    while (Arg* arg = parameter_of_list(lambda, false, nullptr, false, false)) {
      plain_ones.push(arg);
      if (!slash && is(T::slash)) {
        int before = mark_++;
        if (accept(T::comma) || is(end)) {
          slash = true;
          positional_only = plain_ones.size();
        } else {
          if (failed_) return nullptr;
          reset(before);
          break;
        }
      }
    }
    if (failed_) return nullptr;
    int without_default = plain_ones.size();
    Items<Expr> values(*this);
    int values_count = 0;
    // Parameters with defaults. Each is pushed as a pair.
    while (true) {
      Expr* value = nullptr;
      Arg* arg = parameter_of_list(lambda, false, &value, true, false);
      if (!arg) break;
      if (!push(arg) || !push(value)) return nullptr;
      ++values_count;
      if (!slash && is(T::slash)) {
        int before = mark_++;
        if (accept(T::comma) || is(end)) {
          slash = true;
          positional_only = without_default + values_count;
        } else {
          if (failed_) return nullptr;
          reset(before);
          break;
        }
      }
    }
    if (failed_) return nullptr;
    any = without_default + values_count > 0;
    int total = without_default + values_count;
    auto argument = [&](int i) {
      return i < without_default ? plain_ones[i] : static_cast<Arg*>(stack_[values.base() + (i - without_default) * 2]);
    };
    if ((positional_only && !result->posonlyargs.reserve(arena_, static_cast<size_t>(positional_only))) ||
        (total > positional_only && !result->args.reserve(arena_, static_cast<size_t>(total - positional_only))) ||
        (values_count && !defaults.reserve(arena_, static_cast<size_t>(values_count)))) {
      out_of_memory();
      return nullptr;
    }
    for (int i = 0; i < total; ++i) (i < positional_only ? result->posonlyargs : result->args).append(argument(i));
    for (int i = 0; i < values_count; ++i) defaults.append(static_cast<Expr*>(stack_[values.base() + i * 2 + 1]));
  }
  result->defaults = defaults;
  // From the star on.
  int before = mark_;
  if (diagnose_ && is(T::star)) {
    invalid_star_parameters(lambda);
    if (failed_) return nullptr;
    reset(before);
  }
  if (accept(T::star)) {
    Arg* vararg = nullptr;
    bool good = true;
    if (!accept(T::comma)) {
      vararg = parameter_of_list(lambda, true, nullptr, false, false);
      good = vararg;
    }
    if (failed_) return nullptr;
    Items<Arg> keyword_only(*this);
    int base = stack_size_;
    int count = 0;
    while (good) {
      Expr* value = nullptr;
      Arg* arg = parameter_of_list(lambda, false, &value, false, true);
      if (!arg) break;
      if (!push(arg) || !push(value)) return nullptr;
      ++count;
    }
    if (failed_) return nullptr;
    if (good && (vararg || count)) {
      any = true;
      result->vararg = vararg;
      if (count && (!result->kwonlyargs.reserve(arena_, static_cast<size_t>(count)) ||
                    !result->kw_defaults.reserve(arena_, static_cast<size_t>(count)))) {
        out_of_memory();
        return nullptr;
      }
      for (int i = 0; i < count; ++i) {
        result->kwonlyargs.append(static_cast<Arg*>(stack_[base + i * 2]));
        result->kw_defaults.append(static_cast<Expr*>(stack_[base + i * 2 + 1]));
      }
      before = mark_;
    } else {
      reset(before);
    }
  }
  if (is(T::double_star)) {
    if (diagnose_) {
      invalid_double_star_parameter(lambda);
      if (failed_) return nullptr;
      reset(before);
    }
    ++mark_;
    Arg* kwarg = parameter_of_list(lambda, false, nullptr, false, false);
    if (kwarg) {
      result->kwarg = kwarg;
      any = true;
    } else if (!failed_) {
      reset(before);
    }
  }
  if (failed_) return nullptr;
  if (!any) {
    reset(begin);
    return nullptr;
  }
  if (positional_only && !supports(8, "Positional-only parameters are")) return nullptr;
  return result;
}

// ---- arguments ----------------------------------------------------------------------------------------

CallArguments* Parser::arguments() {
  return memoized(Rule::arguments, [&]() -> CallArguments* {
    int mark = mark_;
    CallArguments* result = args();
    if (result) {
      accept(T::comma);
      if (is(T::right_paren)) return result;
    }
    if (failed_) return nullptr;
    reset(mark);
    if (diagnose_) {
      invalid_arguments();
      if (!failed_) reset(mark);
    }
    return nullptr;
  });
}

CallArguments* Parser::finish_arguments(const Token* start, int base) {
  auto* result = make<CallArguments>(start);
  if (!result) return nullptr;
  int count = stack_size_ - base;
  int keywords = 0;
  // Keywords are marked in the pointers' lowest bit.
  for (int i = base; i < stack_size_; ++i) keywords += reinterpret_cast<uintptr_t>(stack_[i]) & 1;
  if ((count > keywords && !result->args.reserve(arena_, static_cast<size_t>(count - keywords))) ||
      (keywords && !result->keywords.reserve(arena_, static_cast<size_t>(keywords)))) {
    out_of_memory();
    return nullptr;
  }
  for (int i = base; i < stack_size_; ++i) {
    auto bits = reinterpret_cast<uintptr_t>(stack_[i]);
    if (bits & 1) result->keywords.append(reinterpret_cast<Keyword*>(bits - 1));
    else result->args.append(static_cast<Expr*>(stack_[i]));
  }
  return result;
}

CallArguments* Parser::args() {
  const Token* start = peek();
  return args_after(nullptr, start);
}

// `first`: a positional argument that has been read already.
CallArguments* Parser::args_after(Expr* first, const Token* start) {
  int mark = mark_;
  Items<Expr> items(*this);
  int base = items.base();
  int before = mark_;
  if (first) {
    if (is(T::equal)) return nullptr;
    items.push(first);
  }
  while (!first || items.size()) {
    if (items.size() && !accept(T::comma)) break;
    int point = mark_;
    Expr* e = is(T::star) ? starred_expression() : plain_or_assignment_expression();
    if (e && !is(T::star) && e->kind != ExprKind::Starred && is(T::equal)) e = nullptr;
    if (!e) {
      if (failed_) return nullptr;
      reset(point);
      break;
    }
    items.push(e);
    before = mark_;
  }
  if (failed_) return nullptr;
  bool any = items.size();
  reset(any ? before : mark);
  // Keywords come behind a comma, or first.
  if (!any || accept(T::comma)) {
    if (!keyword_arguments(base)) {
      if (failed_) return nullptr;
      if (!any) {
        reset(mark);
        return nullptr;
      }
      reset(before);
    }
  }
  return finish_arguments(start, base);
}

// keyword=value and *iterable, then keyword=value and **mapping.
bool Parser::keyword_arguments(int) {
  int base = stack_size_;
  int before = mark_;
  bool mappings = false;
  while (true) {
    if (stack_size_ > base && !accept(T::comma)) break;
    const Token* start = peek();
    if (diagnose_) {
      int point = mark_;
      invalid_keyword_argument();
      if (failed_) return false;
      reset(point);
    }
    if (start->kind == T::name) {
      if (kind_after() != T::equal) break;
      PyObject* name = identifier(start);
      mark_ += 2;
      Expr* value = expression();
      if (!value || !name) break;
      auto* keyword = make<Keyword>(start);
      if (!keyword) return false;
      keyword->arg = name;
      keyword->value = value;
      if (!push(reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(keyword) | 1))) return false;
    } else if (start->kind == T::star && !mappings) {
      Expr* e = starred_expression();
      if (!e) break;
      if (!push(e)) return false;
    } else if (start->kind == T::double_star) {
      ++mark_;
      Expr* value = expression();
      if (!value) break;
      auto* keyword = make<Keyword>(start);
      if (!keyword) return false;
      keyword->value = value;
      mappings = true;
      if (!push(reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(keyword) | 1))) return false;
    } else {
      break;
    }
    before = mark_;
  }
  if (failed_) return false;
  reset(before);
  return stack_size_ > base;
}

}  // namespace gill::ast
