// The match statement. See generator.h.
//
// While a pattern is compiled the stack holds, from the top: `on_top` items that the pattern works on, and the
// values of the names captured so far (`stores`). A failing test jumps to fail_pop[n], which pops these n items
// first. Names are stored only when the whole pattern has matched.
#include "compiler/generator.h"

namespace gill::compiler {

namespace {

bool is_wildcard(const ast::Pattern* p) {
  return p->kind == ast::PatternKind::MatchAs && !as<ast::MatchAs>(p)->name;
}
bool is_star_wildcard(const ast::Pattern* p) {
  return p->kind == ast::PatternKind::MatchStar && !as<ast::MatchStar>(p)->name;
}

int stored(const Pattern& state) { return static_cast<int>(PyList_GET_SIZE(state.stores.get())); }

}  // namespace

Status Generator::rotate(int count) {
  for (; count > 1; --count) TRY(emit(Op::SWAP, count));
  return Status::ok;
}

Status Generator::reserve_fail_pops(Pattern& state, int count) {
  while (state.fail_pop.size() <= count) TRY(state.fail_pop.push(TRY(new_block())));
  return Status::ok;
}

Status Generator::fail_if(Code code, Pattern& state) {
  int pops = state.on_top + stored(state);
  TRY(reserve_fail_pops(state, pops));
  return jump(code, state.fail_pop[pops]);
}

Status Generator::emit_fail_pops(Pattern& state) {
  if (state.fail_pop.empty()) return Status::ok;
  for (int i = state.fail_pop.size() - 1; i > 0; --i) {
    use(state.fail_pop[i]);
    TRY(emit(Op::POP_TOP));
  }
  use(state.fail_pop[0]);
  state.fail_pop.clear();
  return Status::ok;
}

// The captured value is on top; it goes below everything that the pattern still needs. Null drops it.
Status Generator::store_captured(PyObject* identifier, Pattern& state) {
  if (!identifier) return emit(Op::POP_TOP);
  TRY(check_name(identifier, Use::store));
  if (TRY(truth_of(PySequence_Contains(state.stores.get(), identifier)))) {
    return error("multiple assignments to name %R in pattern", identifier);
  }
  TRY(rotate(state.on_top + stored(state) + 1));
  return status_of(PyList_Append(state.stores.get(), identifier));
}

Status Generator::match_statement(const ast::Stmt* s) {
  const auto* n = as<ast::Match>(s);
  TRY(expression(n->subject));
  Block* end = TRY(new_block());
  int count = static_cast<int>(n->cases.size());
  // A last `case _` needs neither a copy of the subject nor a way to fail.
  bool has_default = is_wildcard(n->cases[count - 1]->pattern) && count > 1;
  int tested = count - has_default;
  for (int i = 0; i < tested; ++i) {
    const ast::MatchCase* branch = n->cases[i];
    locate(branch->pattern);
    bool is_last = i == tested - 1;
    if (!is_last) TRY(emit(Op::COPY, 1));
    Pattern state;
    state.stores = TRY(steal(PyList_New(0)));
    state.allow_irrefutable = branch->guard || i == count - 1;
    TRY(pattern(branch->pattern, state));
    for (int j = 0; j < stored(state); ++j) TRY(access(PyList_GET_ITEM(state.stores.get(), j), Use::store));
    if (branch->guard) {
      TRY(reserve_fail_pops(state, 0));
      TRY(jump_if(branch->guard, state.fail_pop[0], false));
    }
    if (!is_last) TRY(emit(Op::POP_TOP));
    TRY(statements(branch->body));
    TRY(jump(Code::JUMP, end));
    // Failing belongs to the pattern, not to the body's last line.
    locate(branch->pattern);
    TRY(emit_fail_pops(state));
  }
  if (has_default) {
    const ast::MatchCase* branch = n->cases[count - 1];
    locate(branch->pattern);
    TRY(emit(Op::NOP));
    if (branch->guard) TRY(jump_if(branch->guard, end, false));
    TRY(statements(branch->body));
  }
  use(end);
  return Status::ok;
}

Status Generator::pattern(const ast::Pattern* p, Pattern& state) {
  locate(p);
  switch (p->kind) {
    case ast::PatternKind::MatchValue: return pattern_value(p, state);
    case ast::PatternKind::MatchSingleton:
      TRY(load_constant(as<ast::MatchSingleton>(p)->value));
      TRY(emit(Op::IS_OP, 0));
      return fail_if(Code::POP_JUMP_IF_FALSE, state);
    case ast::PatternKind::MatchSequence: return pattern_sequence(p, state);
    case ast::PatternKind::MatchMapping: return pattern_mapping(p, state);
    case ast::PatternKind::MatchClass: return pattern_class(p, state);
    case ast::PatternKind::MatchStar: return store_captured(as<ast::MatchStar>(p)->name, state);
    case ast::PatternKind::MatchAs: return pattern_as(p, state);
    case ast::PatternKind::MatchOr: return pattern_or(p, state);
  }
  return Status::ok;
}

Status Generator::subpattern(const ast::Pattern* p, Pattern& state) {
  bool old = std::exchange(state.allow_irrefutable, true);
  TRY(pattern(p, state));
  state.allow_irrefutable = old;
  return Status::ok;
}

Status Generator::pattern_value(const ast::Pattern* p, Pattern& state) {
  const ast::Expr* value = as<ast::MatchValue>(p)->value;
  if (value->kind != ast::ExprKind::Constant && value->kind != ast::ExprKind::Attribute) {
    return error("patterns may only match literals and attribute lookups");
  }
  TRY(expression(value));
  TRY(emit(Op::COMPARE_OP, Py_EQ));
  return fail_if(Code::POP_JUMP_IF_FALSE, state);
}

Status Generator::pattern_as(const ast::Pattern* p, Pattern& state) {
  const auto* n = as<ast::MatchAs>(p);
  if (!n->pattern) {
    if (!state.allow_irrefutable) {
      if (n->name) return error("name capture %R makes remaining patterns unreachable", n->name);
      return error("wildcard makes remaining patterns unreachable");
    }
    return store_captured(n->name, state);
  }
  ++state.on_top;
  TRY(emit(Op::COPY, 1));
  TRY(pattern(n->pattern, state));
  --state.on_top;
  return store_captured(n->name, state);
}

Status Generator::unpack_sequence_pattern(const ast::PatternList& patterns, Pattern& state) {
  int count = static_cast<int>(patterns.size());
  bool seen_star = false;
  for (int i = 0; i < count; ++i) {
    if (patterns[i]->kind != ast::PatternKind::MatchStar) continue;
    if (seen_star) return error("multiple starred expressions in sequence pattern");
    int after = count - i - 1;
    if (i >= 1 << 8 || after >= INT_MAX >> 8) return error("too many expressions in star-unpacking sequence pattern");
    TRY(emit(Op::UNPACK_EX, i + (after << 8)));
    seen_star = true;
  }
  if (!seen_star) TRY(emit(Op::UNPACK_SEQUENCE, count));
  state.on_top += count;
  for (const ast::Pattern* item : patterns) {
    --state.on_top;
    TRY(subpattern(item, state));
  }
  return Status::ok;
}

// With `*_`, the named items are fetched by index and the rest is never unpacked.
Status Generator::index_sequence_pattern(const ast::PatternList& patterns, int star, Pattern& state) {
  ++state.on_top;
  int count = static_cast<int>(patterns.size());
  for (int i = 0; i < count; ++i) {
    if (is_wildcard(patterns[i]) || i == star) continue;
    TRY(emit(Op::COPY, 1));
    if (i < star) {
      TRY(load_index(i));
    } else {
      // The subject need not know negative indices.
      TRY(emit(Op::GET_LEN));
      TRY(load_index(count - i));
      TRY(binary(BinaryOp::subtract));
    }
    TRY(emit(Op::BINARY_SUBSCR));
    TRY(subpattern(patterns[i], state));
  }
  --state.on_top;
  return emit(Op::POP_TOP);
}

Status Generator::pattern_sequence(const ast::Pattern* p, Pattern& state) {
  const ast::PatternList& patterns = as<ast::MatchSequence>(p)->patterns;
  int count = static_cast<int>(patterns.size());
  int star = -1;
  bool only_wildcards = true;
  bool star_wildcard = false;
  for (int i = 0; i < count; ++i) {
    if (patterns[i]->kind == ast::PatternKind::MatchStar) {
      if (star >= 0) return error("multiple starred names in sequence pattern");
      star_wildcard = is_star_wildcard(patterns[i]);
      only_wildcards = only_wildcards && star_wildcard;
      star = i;
      continue;
    }
    only_wildcards = only_wildcards && is_wildcard(patterns[i]);
  }
  ++state.on_top;
  TRY(emit(Op::MATCH_SEQUENCE));
  TRY(fail_if(Code::POP_JUMP_IF_FALSE, state));
  if (star < 0 || count > 1) {
    TRY(emit(Op::GET_LEN));
    TRY(load_index(star < 0 ? count : count - 1));
    TRY(emit(Op::COMPARE_OP, star < 0 ? Py_EQ : Py_GE));
    TRY(fail_if(Code::POP_JUMP_IF_FALSE, state));
  }
  --state.on_top;
  if (only_wildcards) return emit(Op::POP_TOP);
  if (star_wildcard) return index_sequence_pattern(patterns, star, state);
  return unpack_sequence_pattern(patterns, state);
}

Status Generator::pattern_mapping(const ast::Pattern* p, Pattern& state) {
  const auto* n = as<ast::MatchMapping>(p);
  int count = static_cast<int>(n->keys.size());
  int pattern_count = static_cast<int>(n->patterns.size());
  if (count != pattern_count) {
    return error("keys (%d) / patterns (%d) length mismatch in mapping pattern", count, pattern_count);
  }
  ++state.on_top;
  TRY(emit(Op::MATCH_MAPPING));
  TRY(fail_if(Code::POP_JUMP_IF_FALSE, state));
  if (count == 0 && !n->rest) {
    --state.on_top;
    return emit(Op::POP_TOP);
  }
  if (count) {
    TRY(emit(Op::GET_LEN));
    TRY(load_index(count));
    TRY(emit(Op::COMPARE_OP, Py_GE));
    TRY(fail_if(Code::POP_JUMP_IF_FALSE, state));
  }
  Ref<> seen = TRY(steal(PySet_New(nullptr)));
  for (int i = 0; i < count; ++i) {
    const ast::Expr* key = n->keys[i];
    if (!key) {
      locate(n->patterns[i]);
      return error("can't use NULL keys in MatchMapping (set 'rest' parameter instead)");
    }
    if (key->kind == ast::ExprKind::Constant) {
      PyObject* value = as<ast::Constant>(key)->value;
      if (TRY(truth_of(PySet_Contains(seen.get(), value)))) {
        return error("mapping pattern checks duplicate key (%R)", value);
      }
      TRY(status_of(PySet_Add(seen.get(), value)));
    } else if (key->kind != ast::ExprKind::Attribute) {
      return error("mapping pattern keys may only match literals and attribute lookups");
    }
    TRY(expression(key));
  }
  TRY(emit(Op::BUILD_TUPLE, count));
  TRY(emit(Op::MATCH_KEYS));
  // Now the tuples of keys and of values are above the subject.
  state.on_top += 2;
  TRY(emit(Op::COPY, 1));
  TRY(load_none());
  TRY(emit(Op::IS_OP, 1));
  TRY(fail_if(Code::POP_JUMP_IF_FALSE, state));
  TRY(emit(Op::UNPACK_SEQUENCE, count));
  state.on_top += count - 1;
  for (const ast::Pattern* item : n->patterns) {
    --state.on_top;
    TRY(subpattern(item, state));
  }
  state.on_top -= 2;
  if (!n->rest) {
    TRY(emit(Op::POP_TOP));
    return emit(Op::POP_TOP);
  }
  // rest = dict(subject), without the keys.
  TRY(emit(Op::BUILD_MAP, 0));
  TRY(emit(Op::SWAP, 3));
  TRY(emit(Op::DICT_UPDATE, 2));
  TRY(emit(Op::UNPACK_SEQUENCE, count));
  for (int i = count; i > 0; --i) {
    TRY(emit(Op::COPY, 1 + i));
    TRY(emit(Op::SWAP, 2));
    TRY(emit(Op::DELETE_SUBSCR));
  }
  return store_captured(n->rest, state);
}

Status Generator::check_keyword_patterns(const ast::MatchClass* p) {
  int count = static_cast<int>(p->kwd_attrs.size());
  for (int i = 0; i < count; ++i) {
    locate(p->kwd_patterns[i]);
    TRY(check_name(p->kwd_attrs[i], Use::store));
    for (int j = i + 1; j < count; ++j) {
      if (PyUnicode_Compare(p->kwd_attrs[i], p->kwd_attrs[j]) != 0) continue;
      locate(p->kwd_patterns[j]);
      return error("attribute name repeated in class pattern: %U", p->kwd_attrs[i]);
    }
  }
  return Status::ok;
}

Status Generator::pattern_class(const ast::Pattern* p, Pattern& state) {
  const auto* n = as<ast::MatchClass>(p);
  int positional = static_cast<int>(n->patterns.size());
  int named = static_cast<int>(n->kwd_attrs.size());
  int named_patterns = static_cast<int>(n->kwd_patterns.size());
  if (named != named_patterns) {
    return error("kwd_attrs (%d) / kwd_patterns (%d) length mismatch in class pattern", named, named_patterns);
  }
  if (named) {
    TRY(check_keyword_patterns(n));
    locate(p);
  }
  TRY(expression(n->cls));
  Ref<> names = TRY(steal(PyTuple_New(named)));
  for (int i = 0; i < named; ++i) PyTuple_SET_ITEM(names.get(), i, borrow(n->kwd_attrs[i]).release());
  TRY(load_constant(names.get()));
  TRY(emit(Op::MATCH_CLASS, positional));
  TRY(emit(Op::COPY, 1));
  TRY(load_none());
  TRY(emit(Op::IS_OP, 1));
  // On top: the tuple of attributes, or None.
  ++state.on_top;
  TRY(fail_if(Code::POP_JUMP_IF_FALSE, state));
  TRY(emit(Op::UNPACK_SEQUENCE, positional + named));
  state.on_top += positional + named - 1;
  for (int i = 0; i < positional + named; ++i) {
    --state.on_top;
    const ast::Pattern* item = i < positional ? n->patterns[i] : n->kwd_patterns[i - positional];
    if (is_wildcard(item)) {
      TRY(emit(Op::POP_TOP));
    } else {
      TRY(subpattern(item, state));
    }
  }
  return Status::ok;
}

Status Generator::pattern_or(const ast::Pattern* p, Pattern& state) {
  const ast::PatternList& patterns = as<ast::MatchOr>(p)->patterns;
  Block* end = TRY(new_block());
  int count = static_cast<int>(patterns.size());
  Ref<> control;  // the names that the first alternative binds: all others bind the same, in any order
  for (int i = 0; i < count; ++i) {
    locate(patterns[i]);
    Pattern inner;
    inner.stores = TRY(steal(PyList_New(0)));
    inner.allow_irrefutable = i == count - 1 && state.allow_irrefutable;
    TRY(emit(Op::COPY, 1));
    TRY(pattern(patterns[i], inner));
    int names = stored(inner);
    if (i == 0) {
      control = inner.stores.new_ref();
    } else if (names != PyList_GET_SIZE(control.get())) {
      return error("alternative patterns bind different names");
    } else {
      // Bring the values into the first alternative's order.
      for (int at = names - 1; at >= 0; --at) {
        PyObject* wanted = PyList_GET_ITEM(control.get(), at);
        int found = 0;
        while (found < names && PyUnicode_Compare(PyList_GET_ITEM(inner.stores.get(), found), wanted) != 0) ++found;
        if (found == names) return error("alternative patterns bind different names");
        if (found == at) continue;
        int rotations = found + 1;
        Ref<> moved = TRY(steal(PyList_GetSlice(inner.stores.get(), 0, rotations)));
        TRY(status_of(PyList_SetSlice(inner.stores.get(), 0, rotations, nullptr)));
        TRY(status_of(PyList_SetSlice(inner.stores.get(), at - found, at - found, moved.get())));
        for (; rotations > 0; --rotations) TRY(rotate(at + 1));
      }
    }
    TRY(jump(Code::JUMP, end));
    TRY(emit_fail_pops(inner));
  }
  // None matched.
  TRY(emit(Op::POP_TOP));
  TRY(fail_if(Code::JUMP, state));
  use(end);
  int names = static_cast<int>(PyList_GET_SIZE(control.get()));
  // The new values go below the subject's copy, what the pattern works on, and the older captures.
  int rotations = names + 1 + state.on_top + stored(state);
  for (int i = 0; i < names; ++i) {
    TRY(rotate(rotations));
    PyObject* identifier = PyList_GET_ITEM(control.get(), i);
    if (TRY(truth_of(PySequence_Contains(state.stores.get(), identifier)))) {
      return error("multiple assignments to name %R in pattern", identifier);
    }
    TRY(status_of(PyList_Append(state.stores.get(), identifier)));
  }
  return emit(Op::POP_TOP);
}

}  // namespace gill::compiler
