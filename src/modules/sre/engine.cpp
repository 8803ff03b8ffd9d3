#include "modules/sre/engine.h"

#include <cstring>

namespace gill::sre {

namespace {

inline constexpr uint32_t kNoRepeat = 0xffffffffu;
inline constexpr unsigned kStepsBetweenSignalChecks = 1u << 14;

template <class Char>
class Matcher {
 public:
  explicit Matcher(Search& search)
      : search_(search), begin_(static_cast<const Char*>(search.begin)), end_(static_cast<const Char*>(search.end)),
        start_(static_cast<const Char*>(search.start)) {}

  // 1 match, 0 none, -1 error.
  int run_top(const Char* from) {
    depth_ = 0;
    repeats_ = 0;
    current_ = kNoRepeat;
    int result = run(search_.code, from, true);
    if (result > 0) search_.stop = stop_;
    depth_ = 0;
    return result;
  }

  int match() { return run_top(start_); }
  int search();

 private:
  // ---- the stack --------------------------------------------------------------------------------
  template <class T>
  [[gnu::noinline]] static bool grow(T*& items, size_t& capacity, T* first) {
    auto* grown = static_cast<T*>(PyMem_Realloc(items == first ? nullptr : items, capacity * 2 * sizeof(T)));
    if (!grown) return false;
    if (items == first) std::memcpy(grown, first, capacity * sizeof(T));
    items = grown;
    capacity *= 2;
    return true;
  }
  bool push(Kind kind, uint32_t index, const Code* pc, const void* pointer, Py_ssize_t number) {
    if (depth_ == search_.stack_capacity) [[unlikely]] {
      if (!grow(search_.stack, search_.stack_capacity, search_.first_records)) return false;
    }
    search_.stack[depth_++] = {kind, index, pc, pointer, number};
    return true;
  }
  bool set_mark(uint32_t index, const Char* value) {
    bool closes = index & 1;
    if (search_.marks[index] == value && (!closes || search_.last_index == index / 2 + 1)) return true;
    if (!push(Kind::mark, index, nullptr, search_.marks[index], 0)) return false;
    search_.marks[index] = value;
    if (closes) {
      if (!push(Kind::last_index, 0, nullptr, nullptr, search_.last_index)) return false;
      search_.last_index = index / 2 + 1;
    }
    return true;
  }
  bool set_current(uint32_t index) {
    if (!push(Kind::current, current_, nullptr, nullptr, 0)) return false;
    current_ = index;
    return true;
  }
  bool set_repeat(uint32_t index, Py_ssize_t count, const Char* last) {
    RepeatContext& repeat = search_.repeats[index];
    if (!push(Kind::repeat_state, index, nullptr, repeat.last, repeat.count)) return false;
    repeat.count = count;
    repeat.last = last;
    return true;
  }
  bool new_repeat(const Code* pc) {
    if (repeats_ == search_.repeat_capacity) {
      if (!grow(search_.repeats, search_.repeat_capacity, search_.first_repeats)) return false;
    }
    if (!push(Kind::drop_repeat, 0, nullptr, nullptr, static_cast<Py_ssize_t>(repeats_))) return false;
    search_.repeats[repeats_] = {pc, 0, nullptr, current_};
    return set_current(static_cast<uint32_t>(repeats_++));
  }
  void undo(const Record& record) {
    switch (record.kind) {
      case Kind::mark: search_.marks[record.index] = record.pointer; break;
      case Kind::last_index: search_.last_index = record.number; break;
      case Kind::repeat_state:
        search_.repeats[record.index].count = record.number;
        search_.repeats[record.index].last = record.pointer;
        break;
      case Kind::current: current_ = record.index; break;
      case Kind::drop_repeat: repeats_ = static_cast<size_t>(record.number); break;
      default: break;
    }
  }
  void undo_to(size_t floor) {
    while (depth_ > floor) undo(search_.stack[--depth_]);
  }
  void keep_marks(size_t floor) {
    size_t kept = floor;
    for (size_t i = floor; i < depth_; ++i) {
      if (search_.stack[i].kind <= Kind::last_index) search_.stack[kept++] = search_.stack[i];
    }
    depth_ = kept;
  }

  // A match of its own, of which only the groups outlive it.
  int run_nested(const Code* pc, const Char* from) {
    // Each may be too short to look for signals by itself.
    if (++nested_ % kStepsBetweenSignalChecks == 0 && PyErr_CheckSignals() < 0) return -1;
    size_t floor = depth_, repeats = repeats_;
    uint32_t outer = current_;
    current_ = kNoRepeat;
    int result = run(pc, from, false);
    current_ = outer;
    if (result > 0) {
      keep_marks(floor);
      repeats_ = repeats;
    }
    return result;
  }

  const uint32_t* bitmap(const Code* set, Fold fold) { return search_.sets->find(search_.code, search_.code_size, set, fold); }
  bool in_set(const Code* set, Char c, Fold fold = Fold::none) {
    if (c < 256) {
      if (const uint32_t* bits = bitmap(set, fold)) return bits[c >> 5] >> (c & 31) & 1;
    }
    return in_charset(set, folded(fold, c));
  }

  // The first alternative from here on whose first character may stand at p; the end of the list otherwise.
  const Code* viable(const Code* alternative, const Char* p) {
    for (; *alternative != 0; alternative += *alternative) {
      const Code* first = alternative + 1;
      if (*first == LITERAL ? p < end_ && *p == first[1] : *first != IN_ || (p < end_ && in_set(first + 2, *p))) break;
    }
    return alternative;
  }

  // Whether the code from here on may match at p, by what it asks of that place and of the first character. Most places of a
  // search fail this.
  bool may_begin(const Code* pc, const Char* p) {
    for (;;) {
      switch (*pc) {
        case MARK: pc += 2; break;
        case AT:
          if (!at(pc[1], p)) return false;
          pc += 2;
          break;
        case LITERAL: return p < end_ && *p == pc[1];
        case LITERAL_IGNORE: return p < end_ && lower_ascii(*p) == pc[1];
        case LITERAL_UNI_IGNORE: return p < end_ && lower_unicode(*p) == pc[1];
        case IN_: return p < end_ && in_set(pc + 2, *p);
        case BRANCH: return *viable(pc + 1, p) != 0;
        case REPEAT:
        case REPEAT_ONE:
        case MIN_REPEAT_ONE:
          // skip, least, most, item
          if (pc[2] == 0) return true;
          pc += 4;
          break;
        default: return true;
      }
    }
  }

  int run(const Code* pc, const Char* p, bool top);
  const Char* skip_set(const Code* set, const Char* p, const Char* limit, Fold fold);
  Py_ssize_t count_items(const Code* item, const Char* p, Py_ssize_t most);
  bool at(Code where, const Char* p);
  int group_matches(Code op, Code group, const Char** p);

  template <class IsWord>
  bool boundary(const Char* p, IsWord is_word) {
    if (begin_ == end_) return false;
    bool before = p > begin_ && is_word(p[-1]);
    bool here = p < end_ && is_word(p[0]);
    return before != here;
  }
  template <class IsWord>
  bool no_boundary(const Char* p, IsWord is_word) {
    if (begin_ == end_) return false;
    return !boundary(p, is_word);
  }

  Search& search_;
  const Char* const begin_;
  const Char* const end_;
  const Char* const start_;
  const Char* stop_ = nullptr;
  size_t depth_ = 0;
  size_t repeats_ = 0;
  unsigned nested_ = 0;  // matches since signals were looked for
  uint32_t current_ = kNoRepeat;
};

template <class Char>
bool Matcher<Char>::at(Code where, const Char* p) {
  auto uni = [](Py_UCS4 c) { return word_unicode(c) || c == '_'; };
  switch (where) {
    case AT_BEGINNING:
    case AT_BEGINNING_STRING: return p == begin_;
    case AT_BEGINNING_LINE: return p == begin_ || p[-1] == '\n';
    case AT_END: return p == end_ || (p + 1 == end_ && *p == '\n');
    case AT_END_LINE: return p == end_ || *p == '\n';
    case AT_END_STRING: return p == end_;
    case AT_BOUNDARY: return boundary(p, word_ascii);
    case AT_NON_BOUNDARY: return no_boundary(p, word_ascii);
    case AT_LOC_BOUNDARY: return boundary(p, word_locale);
    case AT_LOC_NON_BOUNDARY: return no_boundary(p, word_locale);
    case AT_UNI_BOUNDARY: return boundary(p, uni);
    case AT_UNI_NON_BOUNDARY: return no_boundary(p, uni);
    default: return false;
  }
}

// The end of the run of the set's characters that begins at p.
template <class Char>
const Char* Matcher<Char>::skip_set(const Code* set, const Char* p, const Char* limit, Fold fold) {
  const uint32_t* bits = bitmap(set, fold);
  if (!bits) {
    while (p < limit && in_charset(set, folded(fold, *p))) ++p;
    return p;
  }
  for (; p < limit; ++p) {
    if (*p < 256 ? !(bits[*p >> 5] >> (*p & 31) & 1) : !in_charset(set, folded(fold, *p))) break;
  }
  return p;
}

// How many of the single-character item stand from p on, up to `most`.
template <class Char>
Py_ssize_t Matcher<Char>::count_items(const Code* item, const Char* p, Py_ssize_t most) {
  const Char* from = p;
  const Char* limit = most < end_ - p ? p + most : end_;
  const Code operand = item[1];
  switch (item[0]) {
    case ANY:
      if constexpr (sizeof(Char) == 1) {
        const void* found = std::memchr(p, '\n', static_cast<size_t>(limit - p));
        return found ? static_cast<const Char*>(found) - from : limit - from;
      }
      while (p < limit && *p != '\n') ++p;
      break;
    case ANY_ALL: p = limit; break;
    case IN_: p = skip_set(item + 2, p, limit, Fold::none); break;
    case IN_IGNORE: p = skip_set(item + 2, p, limit, Fold::ascii); break;
    case IN_UNI_IGNORE: p = skip_set(item + 2, p, limit, Fold::unicode); break;
    case IN_LOC_IGNORE: while (p < limit && in_charset_locale_ignore(item + 2, *p)) ++p; break;
    case LITERAL: while (p < limit && *p == operand) ++p; break;
    case NOT_LITERAL: while (p < limit && *p != operand) ++p; break;
    case LITERAL_IGNORE: while (p < limit && lower_ascii(*p) == operand) ++p; break;
    case NOT_LITERAL_IGNORE: while (p < limit && lower_ascii(*p) != operand) ++p; break;
    case LITERAL_UNI_IGNORE: while (p < limit && lower_unicode(*p) == operand) ++p; break;
    case NOT_LITERAL_UNI_IGNORE: while (p < limit && lower_unicode(*p) != operand) ++p; break;
    case LITERAL_LOC_IGNORE: while (p < limit && equal_locale_ignore(operand, *p)) ++p; break;
    case NOT_LITERAL_LOC_IGNORE: while (p < limit && !equal_locale_ignore(operand, *p)) ++p; break;
    case CATEGORY: while (p < limit && in_category(operand, *p)) ++p; break;
    default: break;
  }
  return p - from;
}

// Moves *p behind a copy of the group's text; 0 when there is none.
template <class Char>
int Matcher<Char>::group_matches(Code op, Code group, const Char** p) {
  const Char* from = static_cast<const Char*>(search_.marks[group * 2]);
  const Char* to = static_cast<const Char*>(search_.marks[group * 2 + 1]);
  if (!from || !to || to < from) return 0;
  const Char* here = *p;
  if (to - from > end_ - here) return 0;
  for (; from < to; ++from, ++here) {
    bool same = op == GROUPREF             ? *here == *from
                : op == GROUPREF_IGNORE    ? lower_ascii(*here) == lower_ascii(*from)
                : op == GROUPREF_UNI_IGNORE ? lower_unicode(*here) == lower_unicode(*from)
                                            : lower_locale(*here) == lower_locale(*from);
    if (!same) return 0;
  }
  *p = here;
  return 1;
}

template <class Char>
int Matcher<Char>::run(const Code* pc, const Char* p, bool top) {
  const size_t floor = depth_;
  unsigned steps = 0;
#define GILL_NEED(condition)          \
  if (!(condition)) [[unlikely]] {    \
    PyErr_NoMemory();                 \
    return -1;                        \
  }
  for (;;) {
    if (++steps == kStepsBetweenSignalChecks) {
      steps = 0;
      if (PyErr_CheckSignals() < 0) return -1;
    }
    bool ok = false;
    switch (*pc) {
      case FAILURE: break;
      case SUCCESS:
        if (top && ((search_.full && p != end_) || (search_.must_advance && p == start_))) break;
        stop_ = p;
        return 1;
      case ANY:
        ok = p < end_ && *p != '\n';
        pc += 1; ++p;
        break;
      case ANY_ALL:
        ok = p < end_;
        pc += 1; ++p;
        break;
      case LITERAL:
        ok = p < end_ && *p == pc[1];
        pc += 2; ++p;
        break;
      case NOT_LITERAL:
        ok = p < end_ && *p != pc[1];
        pc += 2; ++p;
        break;
      case LITERAL_IGNORE:
        ok = p < end_ && lower_ascii(*p) == pc[1];
        pc += 2; ++p;
        break;
      case NOT_LITERAL_IGNORE:
        ok = p < end_ && lower_ascii(*p) != pc[1];
        pc += 2; ++p;
        break;
      case LITERAL_UNI_IGNORE:
        ok = p < end_ && lower_unicode(*p) == pc[1];
        pc += 2; ++p;
        break;
      case NOT_LITERAL_UNI_IGNORE:
        ok = p < end_ && lower_unicode(*p) != pc[1];
        pc += 2; ++p;
        break;
      case LITERAL_LOC_IGNORE:
        ok = p < end_ && equal_locale_ignore(pc[1], *p);
        pc += 2; ++p;
        break;
      case NOT_LITERAL_LOC_IGNORE:
        ok = p < end_ && !equal_locale_ignore(pc[1], *p);
        pc += 2; ++p;
        break;
      case CATEGORY:
        ok = p < end_ && in_category(pc[1], *p);
        pc += 2; ++p;
        break;
      case IN_:
        ok = p < end_ && in_set(pc + 2, *p);
        pc += 1 + pc[1]; ++p;
        break;
      case IN_IGNORE:
        ok = p < end_ && in_set(pc + 2, *p, Fold::ascii);
        pc += 1 + pc[1]; ++p;
        break;
      case IN_UNI_IGNORE:
        ok = p < end_ && in_set(pc + 2, *p, Fold::unicode);
        pc += 1 + pc[1]; ++p;
        break;
      case IN_LOC_IGNORE:
        ok = p < end_ && in_charset_locale_ignore(pc + 2, *p);
        pc += 1 + pc[1]; ++p;
        break;
      case AT:
        ok = at(pc[1], p);
        pc += 2;
        break;
      case INFO:
      case JUMP:
        ok = true;
        pc += 1 + pc[1];
        break;
      case MARK:
        GILL_NEED(set_mark(pc[1], p));
        ok = true;
        pc += 2;
        break;
      case GROUPREF:
      case GROUPREF_IGNORE:
      case GROUPREF_UNI_IGNORE:
      case GROUPREF_LOC_IGNORE:
        ok = group_matches(pc[0], pc[1], &p);
        pc += 2;
        break;
      case GROUPREF_EXISTS: {
        const void* from = search_.marks[pc[1] * 2];
        const void* to = search_.marks[pc[1] * 2 + 1];
        ok = true;
        if (from && to && to >= from) pc += 3;
        else pc += 1 + pc[2];
        break;
      }
      case BRANCH: {
        // Each alternative begins with the skip to the next; the last skip is 0.
        const Code* alternative = viable(pc + 1, p);
        if (*alternative == 0) break;
        const Code* next = viable(alternative + *alternative, p);
        if (*next != 0) GILL_NEED(push(Kind::branch, 0, next, p, 0));
        ok = true;
        pc = alternative + 1;
        break;
      }
      case ASSERT: {
        if (p - begin_ < static_cast<Py_ssize_t>(pc[2])) break;
        int inner = run_nested(pc + 3, p - pc[2]);
        if (inner < 0) return -1;
        ok = inner > 0;
        pc += 1 + pc[1];
        break;
      }
      case ASSERT_NOT: {
        if (p - begin_ >= static_cast<Py_ssize_t>(pc[2])) {
          size_t before = depth_;
          int inner = run_nested(pc + 3, p - pc[2]);
          if (inner < 0) return -1;
          if (inner > 0) {
            undo_to(before);
            break;
          }
        }
        ok = true;
        pc += 1 + pc[1];
        break;
      }
      case ATOMIC_GROUP: {
        int inner = run_nested(pc + 2, p);
        if (inner < 0) return -1;
        ok = inner > 0;
        if (ok) p = stop_;
        pc += 1 + pc[1];
        break;
      }
      case REPEAT_ONE: {
        // skip, min, max, item
        Py_ssize_t least = pc[2];
        if (end_ - p < least) break;
        Py_ssize_t n = count_items(pc + 4, p, pc[3] == kMaxRepeat ? PY_SSIZE_T_MAX : static_cast<Py_ssize_t>(pc[3]));
        if (n < least) break;
        const Code* tail = pc + 1 + pc[1];
        p += n;
        if (*tail == SUCCESS && (!top || (!search_.full && !search_.must_advance))) {
          // Nothing follows that could want an item back.
          stop_ = p;
          return 1;
        }
        if (n > least) GILL_NEED(push(Kind::one_greedy, 0, pc, p, n));
        if (*tail == LITERAL && n > least && (p >= end_ || *p != tail[1])) break;  // give back first
        ok = true;
        pc = tail;
        break;
      }
      case MIN_REPEAT_ONE: {
        Py_ssize_t least = pc[2];
        if (end_ - p < least) break;
        if (least && count_items(pc + 4, p, least) < least) break;
        p += least;
        if (pc[3] == kMaxRepeat || static_cast<Py_ssize_t>(pc[3]) > least) GILL_NEED(push(Kind::one_lazy, 0, pc, p, least));
        ok = true;
        pc += 1 + pc[1];
        break;
      }
      case POSSESSIVE_REPEAT_ONE: {
        Py_ssize_t least = pc[2];
        if (end_ - p < least) break;
        Py_ssize_t n = count_items(pc + 4, p, pc[3] == kMaxRepeat ? PY_SSIZE_T_MAX : static_cast<Py_ssize_t>(pc[3]));
        if (n < least) break;
        p += n;
        ok = true;
        pc += 1 + pc[1];
        break;
      }
      case POSSESSIVE_REPEAT: {
        size_t before = depth_;
        Py_ssize_t n = 0;
        bool enough = true;
        while (pc[3] == kMaxRepeat || n < static_cast<Py_ssize_t>(pc[3])) {
          size_t round = depth_;
          int inner = run_nested(pc + 4, p);
          if (inner < 0) return -1;
          if (inner == 0) {
            enough = n >= static_cast<Py_ssize_t>(pc[2]);
            break;
          }
          ++n;
          bool empty = stop_ == p;
          p = stop_;
          // An empty round that changes nothing is as all that would follow.
          if (empty && (n >= static_cast<Py_ssize_t>(pc[2]) || depth_ == round)) break;
        }
        if (!enough) {
          undo_to(before);
          break;
        }
        ok = true;
        pc += 1 + pc[1] + 1;  // behind the body's SUCCESS
        break;
      }
      case REPEAT: {
        GILL_NEED(new_repeat(pc + 1));
        const Code* body = pc + 1;
        const Code* until = body + body[0];
        if (body[1] > 0) {
          ok = true;
          pc = body + 3;
        } else if (*until == MAX_UNTIL) {
          if (body[2] > 0) {
            GILL_NEED(push(Kind::repeat_tail, current_, nullptr, p, 0));
            GILL_NEED(set_repeat(current_, 0, p));
            ok = true;
            pc = body + 3;
          } else {
            GILL_NEED(set_current(search_.repeats[current_].previous));
            ok = true;
            pc = until + 1;
          }
        } else {
          if (body[2] > 0) GILL_NEED(push(Kind::repeat_body, current_, nullptr, p, 0));
          GILL_NEED(set_current(search_.repeats[current_].previous));
          ok = true;
          pc = until + 1;
        }
        break;
      }
      case MAX_UNTIL: {
        if (current_ == kNoRepeat) {
          PyErr_SetString(PyExc_RuntimeError, "internal error in regular expression engine");
          return -1;
        }
        uint32_t index = current_;
        RepeatContext& repeat = search_.repeats[index];
        const Code* body = repeat.pc;
        Py_ssize_t count = repeat.count + 1;
        const void* last = repeat.last;
        if (count < static_cast<Py_ssize_t>(body[1])) {
          GILL_NEED(set_repeat(index, count, static_cast<const Char*>(last)));
          ok = true;
          pc = body + 3;
          break;
        }
        if ((body[2] == kMaxRepeat || count < static_cast<Py_ssize_t>(body[2])) && p != last) {
          GILL_NEED(push(Kind::repeat_tail, index, nullptr, p, 0));
          GILL_NEED(set_repeat(index, count, p));
          ok = true;
          pc = body + 3;
          break;
        }
        GILL_NEED(set_current(repeat.previous));
        ok = true;
        pc += 1;
        break;
      }
      case MIN_UNTIL: {
        if (current_ == kNoRepeat) {
          PyErr_SetString(PyExc_RuntimeError, "internal error in regular expression engine");
          return -1;
        }
        uint32_t index = current_;
        const Code* body = search_.repeats[index].pc;
        Py_ssize_t count = search_.repeats[index].count + 1;
        GILL_NEED(set_repeat(index, count, static_cast<const Char*>(search_.repeats[index].last)));
        if (count < static_cast<Py_ssize_t>(body[1])) {
          ok = true;
          pc = body + 3;
          break;
        }
        bool more = body[2] == kMaxRepeat || count < static_cast<Py_ssize_t>(body[2]);
        if (more && p != search_.repeats[index].last) GILL_NEED(push(Kind::repeat_body, index, nullptr, p, 0));
        GILL_NEED(set_current(search_.repeats[index].previous));
        ok = true;
        pc += 1;
        break;
      }
      default:
        PyErr_SetString(PyExc_RuntimeError, "invalid SRE code");
        return -1;
    }
    // Failure: undo until a choice point says where to go on.
    while (!ok) {
      if (depth_ == floor) return 0;
      Record record = search_.stack[--depth_];
      switch (record.kind) {
        case Kind::branch: {
          const Code* alternative = record.pc;
          p = static_cast<const Char*>(record.pointer);
          const Code* next = viable(alternative + *alternative, p);
          if (*next != 0) GILL_NEED(push(Kind::branch, 0, next, p, 0));
          pc = alternative + 1;
          ok = true;
          break;
        }
        case Kind::repeat_tail: {
          // The greedy repeat is done; what follows is matched in the repeat around it.
          RepeatContext& repeat = search_.repeats[record.index];
          const Code* until = repeat.pc + repeat.pc[0];
          GILL_NEED(set_current(repeat.previous));
          pc = until + 1;
          p = static_cast<const Char*>(record.pointer);
          ok = true;
          break;
        }
        case Kind::repeat_body: {
          RepeatContext& repeat = search_.repeats[record.index];
          p = static_cast<const Char*>(record.pointer);
          pc = repeat.pc + 3;
          GILL_NEED(set_current(record.index));
          GILL_NEED(set_repeat(record.index, search_.repeats[record.index].count, p));
          ok = true;
          break;
        }
        case Kind::one_greedy: {
          Py_ssize_t least = record.pc[2];
          Py_ssize_t n = record.number - 1;
          p = static_cast<const Char*>(record.pointer) - 1;
          const Code* tail = record.pc + 1 + record.pc[1];
          if (*tail == LITERAL) {
            // Only where the next literal stands is there anything to gain.
            while (n >= least && (p >= end_ || *p != tail[1])) --n, --p;
            if (n < least) break;
          }
          if (n > least) GILL_NEED(push(Kind::one_greedy, 0, record.pc, p, n));
          pc = tail;
          ok = true;
          break;
        }
        case Kind::one_lazy: {
          p = static_cast<const Char*>(record.pointer);
          if (p >= end_ || count_items(record.pc + 4, p, 1) == 0) break;
          ++p;
          Py_ssize_t n = record.number + 1;
          if (record.pc[3] == kMaxRepeat || n < static_cast<Py_ssize_t>(record.pc[3])) {
            GILL_NEED(push(Kind::one_lazy, 0, record.pc, p, n));
          }
          pc = record.pc + 1 + record.pc[1];
          ok = true;
          break;
        }
        default:
          undo(record);
          break;
      }
      // Catastrophic patterns spend their time here; they must stay interruptible.
      if (++steps == kStepsBetweenSignalChecks) {
        steps = 0;
        if (PyErr_CheckSignals() < 0) return -1;
      }
    }
  }
#undef GILL_NEED
}

template <class Char>
int Matcher<Char>::search() {
  const Code* code = search_.code;
  const Char* p = start_;
  Py_ssize_t least = 0;
  const Code* charset = nullptr;
  const Code* prefix = nullptr;
  Py_ssize_t prefix_length = 0;
  bool literal = false;
  if (code[0] == INFO) {
    Code flags = code[2];
    least = code[3];
    if (flags & INFO_PREFIX) {
      prefix_length = code[5];
      prefix = code + 7;
      literal = flags & INFO_LITERAL;
    } else if (flags & INFO_CHARSET) {
      charset = code + 5;
    }
  }
  if (end_ - p < least) return 0;
  const Char* last = end_ - least;  // the last place where a match may begin
  const Code* first = code[0] == INFO ? code + 1 + code[1] : code;
  if (first[0] == AT && (first[1] == AT_BEGINNING || first[1] == AT_BEGINNING_STRING)) {
    if (p != begin_) return 0;
    last = p;
  }
  for (; p <= last; ++p) {
    if (prefix) {
      if constexpr (sizeof(Char) == 1) {
        if (prefix[0] > 255) return 0;
        const void* found = p < end_ ? std::memchr(p, static_cast<int>(prefix[0]), static_cast<size_t>(end_ - p)) : nullptr;
        if (!found) return 0;
        p = static_cast<const Char*>(found);
      } else {
        while (p < end_ && *p != prefix[0]) ++p;
      }
      if (p > last) return 0;
      Py_ssize_t k = 1;
      while (k < prefix_length && p + k < end_ && p[k] == prefix[k]) ++k;
      if (k < prefix_length) continue;
      if (literal && !search_.full) {
        search_.start = p;
        search_.stop = p + prefix_length;
        return 1;
      }
    } else if (charset) {
      while (p < end_ && !in_set(charset, *p)) ++p;
      if (p > last || p == end_) return 0;
    }
    if (!may_begin(first, p)) continue;
    int result = run_top(p);
    if (result != 0) {
      search_.start = p;
      return result;
    }
  }
  return 0;
}

template <class Call>
Maybe<bool> with_width(Search& search, Call call) {
  for (Py_ssize_t i = 0; i < search.mark_count; ++i) search.marks[i] = nullptr;
  search.last_index = -1;
  int result;
  if (search.width == 1) {
    Matcher<Py_UCS1> matcher(search);
    result = call(matcher);
  } else if (search.width == 2) {
    Matcher<Py_UCS2> matcher(search);
    result = call(matcher);
  } else {
    Matcher<Py_UCS4> matcher(search);
    result = call(matcher);
  }
  if (result < 0) return failure;
  return result > 0;
}

}  // namespace

Search::~Search() {
  if (stack != first_records) PyMem_Free(stack);
  if (repeats != first_repeats) PyMem_Free(repeats);
}

Maybe<bool> match_here(Search& search) {
  return with_width(search, [](auto& matcher) { return matcher.match(); });
}

Maybe<bool> search_forward(Search& search) {
  return with_width(search, [](auto& matcher) { return matcher.search(); });
}

}  // namespace gill::sre
