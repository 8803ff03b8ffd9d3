// The table of interned strings, and the strings of _Py_Identifiers. Interpreters share the main one's table, because they share
// strings: those of static types and of extensions.
//
// Open addressing with linear probing; an entry borrows its string, which takes itself out when it
// dies (forget_interned). Names known at compile time (base/names.h) and the immortal one-character
// strings enter the table when it is made, so that an equal string interned later becomes them.
#include "objects/str.h"
#include "runtime/interpreter.h"
#include "runtime/runtime.h"
#include "runtime/thread_state.h"

extern "C" {
[[gnu::weak]] extern gill::StaticName<1>* const __start_gill_names[];
[[gnu::weak]] extern gill::StaticName<1>* const __stop_gill_names[];
}

namespace gill {

// A string and the upper bits of its hash in one word: the table is what a start has most of in one piece. Addresses have 47 bits.
class InternEntry {
 public:
  InternEntry() = default;
  InternEntry(PyObject* text, Py_hash_t hash) : word_(reinterpret_cast<uintptr_t>(text) | tag_of(hash)) {}
  static InternEntry tombstone() { return {reinterpret_cast<PyObject*>(sizeof(void*)), 0}; }

  PyObject* text() const { return reinterpret_cast<PyObject*>(word_ & kAddress); }
  bool is_empty() const { return word_ == 0; }
  bool is_live() const { return word_ > sizeof(void*); }
  // Whether its string may have the hash.
  bool may_have(Py_hash_t hash) const { return (word_ & ~kAddress) == tag_of(hash) && is_live(); }

 private:
  static constexpr uintptr_t kAddress = (uintptr_t{1} << 48) - 1;
  static uintptr_t tag_of(Py_hash_t hash) { return static_cast<uintptr_t>(hash) & ~kAddress; }
  uintptr_t word_ = 0;
};

struct TextState {
  InternEntry* entries = nullptr;
  size_t capacity = 0;  // a power of two
  size_t live = 0;
  size_t used = 0;      // live entries and tombstones
  // Immortal strings by the index of their identifier; null where it was not asked for yet.
  PyObject** identifiers = nullptr;
  Py_ssize_t identifier_count = 0;
};

namespace {

// The entry of the string with this hash that `is_equal` knows, or the place where it goes.
template <class IsEqual>
InternEntry* look_up(TextState* state, Py_hash_t hash, IsEqual is_equal) {
  size_t mask = state->capacity - 1;
  InternEntry* free_place = nullptr;
  for (size_t i = static_cast<size_t>(hash);; ++i) {
    InternEntry& entry = state->entries[i & mask];
    if (entry.is_empty()) return free_place ? free_place : &entry;
    if (!entry.is_live()) {
      if (!free_place) free_place = &entry;
    } else if (entry.may_have(hash) && is_equal(entry.text())) {
      return &entry;
    }
  }
}
InternEntry* look_up(TextState* state, PyObject* s, Py_hash_t hash) {
  return look_up(state, hash, [s](PyObject* other) { return str_equal(other, s); });
}

Status rebuild(TextState* state, size_t capacity) {
  auto* entries = static_cast<InternEntry*>(PyMem_RawCalloc(capacity, sizeof(InternEntry)));
  if (!entries) {
    PyErr_NoMemory();
    return Status::error;
  }
  for (size_t i = 0; i < state->capacity; ++i) {
    const InternEntry& entry = state->entries[i];
    if (!entry.is_live()) continue;
    size_t at = static_cast<size_t>(hash_of_str(entry.text())) & (capacity - 1);
    while (!entries[at].is_empty()) at = (at + 1) & (capacity - 1);
    entries[at] = entry;
  }
  PyMem_RawFree(state->entries);
  state->entries = entries;
  state->capacity = capacity;
  state->used = state->live;
  return Status::ok;
}

Status make_room(TextState* state) {
  if (state->used * 3 < state->capacity * 2) return Status::ok;
  return rebuild(state, state->live * 3 >= state->capacity ? state->capacity * 2 : state->capacity);
}
void enter(TextState* state, InternEntry* entry, Py_hash_t hash, PyObject* s) {
  if (entry->is_empty()) ++state->used;
  ++state->live;
  *entry = {s, hash};
}

// The string that represents all equal ones: an older one, or `s` itself from now on.
PyObject* intern(TextState* state, PyObject* s) {
  if (make_room(state) != Status::ok) return nullptr;
  Py_hash_t hash = hash_of_str(s);
  InternEntry* entry = look_up(state, s, hash);
  if (entry->is_live()) return entry->text();
  enter(state, entry, hash, s);
  return s;
}

Status remember_identifier(TextState* state, _Py_Identifier* id, PyObject* text) {
  if (id->index < 0) id->index = g_runtime.next_identifier++;
  if (id->index >= state->identifier_count) {
    Py_ssize_t count = std::max(id->index + 1, state->identifier_count * 2);
    auto** larger = static_cast<PyObject**>(PyMem_RawRealloc(state->identifiers, static_cast<size_t>(count) * sizeof(PyObject*)));
    if (!larger) {
      PyErr_NoMemory();
      return Status::error;
    }
    std::fill(larger + state->identifier_count, larger + count, nullptr);
    state->identifiers = larger;
    state->identifier_count = count;
  }
  state->identifiers[id->index] = text;
  return Status::ok;
}

}  // namespace

Status init_text(Interpreter* interpreter) {
  if (interpreter->text) return Status::ok;
  if (Interpreter* main = g_runtime.main_interpreter; interpreter != main) {
    TRY(init_text(main));
    interpreter->text = main->text;
    return Status::ok;
  }
  auto* state = static_cast<TextState*>(PyMem_RawCalloc(1, sizeof(TextState)));
  if (!state || rebuild(state, 8192) != Status::ok) {
    PyMem_RawFree(state);
    PyErr_NoMemory();
    return Status::error;
  }
  interpreter->text = state;
  intern(state, &empty_string.head.ob_base);
  for (int c = 0; c < 256; ++c) intern(state, latin1_character(static_cast<unsigned char>(c)));
  for (auto* const* p = __start_gill_names; p < __stop_gill_names; ++p) {
    if (!*p) continue;
    if (!intern(state, &(*p)->head.ob_base)) return Status::error;
  }
  return Status::ok;
}

void finish_text(Interpreter* interpreter) {
  TextState* state = interpreter->text;
  if (!state) return;
  interpreter->text = nullptr;
  if (interpreter != g_runtime.main_interpreter) return;
  PyMem_RawFree(state->entries);
  PyMem_RawFree(state->identifiers);
  PyMem_RawFree(state);
}

Ref<> interned_ascii(const char* text, Py_ssize_t n) {
  Interpreter* interpreter = current_interpreter();
  TRY(init_text(interpreter));
  TextState* state = interpreter->text;
  TRY(make_room(state));
  Py_hash_t hash = _Py_HashBytes(text, n);
  InternEntry* entry = look_up(state, hash, [=](PyObject* other) { return str_equals_ascii(other, {text, static_cast<size_t>(n)}); });
  if (entry->is_live()) return borrow(entry->text());
  Ref<> made = TRY(str_from_ascii(text, n));
  str_head(made.get())->hash = hash;
  str_head(made.get())->state.interned = SSTATE_INTERNED_MORTAL;
  enter(state, entry, hash, made.get());
  return made;
}

void forget_interned(PyObject* s) {
  // Static destructors of extensions release strings after the end of the interpreter.
  ThreadState* thread = current_thread();
  TextState* state = thread ? thread->interpreter()->text : nullptr;
  if (!state) return;
  InternEntry* entry = look_up(state, s, hash_of_str(s));
  if (entry->text() != s) return;
  *entry = InternEntry::tombstone();
  --state->live;
}

}  // namespace gill

using namespace gill;

extern "C" {

void PyUnicode_InternInPlace(PyObject** place) {
  PyObject* s = *place;
  if (!s || !PyUnicode_CheckExact(s) || PyUnicode_CHECK_INTERNED(s)) return;
  if (ensure_ready(s) != Status::ok) {
    PyErr_Clear();
    return;
  }
  Interpreter* interpreter = current_interpreter();
  PyObject* found = init_text(interpreter) == Status::ok ? intern(interpreter->text, s) : nullptr;
  if (!found) {
    PyErr_Clear();  // The string stays as it is: interning is a hint.
    return;
  }
  if (found == s) {
    str_head(s)->state.interned = is_immortal(s) ? SSTATE_INTERNED_IMMORTAL : SSTATE_INTERNED_MORTAL;
    return;
  }
  *place = borrow(found).release();
  release(s);
}

static void intern_forever(PyObject** place) {
  PyUnicode_InternInPlace(place);
  if (!*place || !PyUnicode_CHECK_INTERNED(*place)) return;
  str_head(*place)->state.interned = SSTATE_INTERNED_IMMORTAL;
  make_immortal(*place);
}
void PyUnicode_InternImmortal(PyObject** place) { intern_forever(place); }

PyObject* PyUnicode_InternFromString(const char* text) {
  auto n = static_cast<Py_ssize_t>(std::strlen(text));
  if (is_ascii(text, n)) return interned_ascii(text, n).release();
  PyObject* s = PyUnicode_FromString(text);
  if (s) PyUnicode_InternInPlace(&s);
  return s;
}

PyObject* _PyUnicode_FromId(_Py_Identifier* id) {
  Interpreter* interpreter = current_interpreter();
  if (init_text(interpreter) != Status::ok) return nullptr;
  TextState* state = interpreter->text;
  if (id->index >= 0 && id->index < state->identifier_count) {
    if (PyObject* known = state->identifiers[id->index]) return known;
  }
  PyObject* text = PyUnicode_FromString(id->string);
  if (text) intern_forever(&text);
  if (!text || remember_identifier(state, id, text) != Status::ok) return nullptr;
  return text;
}

}  // extern "C"
