// LOAD_GLOBAL: cache is counter, index, version of the globals' keys (2), version of the builtins' keys.
#include "objects/dict_table.h"
#include "vm/specialize.h"

namespace gill::vm {

namespace {

// The entry of a name in a dict whose keys a cache can rely on; negative when it cannot.
Py_ssize_t cacheable_entry(PyObject* dict, PyObject* variable) {
  DictKeys* keys = keys_of(dict);
  if (!keys->unicode) return kLookupError;
  return find_str(keys, variable, str_hash(variable));
}

}  // namespace

void specialize_load_global(Frame* frame, CodeUnit* next, PyObject* variable) {
  PyObject *globals = frame->f_globals, *builtins = frame->f_builtins;
  if (!PyDict_CheckExact(globals) || !PyDict_CheckExact(builtins)) return found_nothing(next);
  Py_ssize_t entry = cacheable_entry(globals, variable);
  if (entry == kLookupError || entry > UINT16_MAX) return found_nothing(next);
  uint32_t globals_version = keys_version(keys_of(globals));
  if (!globals_version) return found_nothing(next);
  if (entry >= 0) {
    next[1] = static_cast<CodeUnit>(entry);
    write32(next + 2, globals_version);
    return specialized_to(next, Op::LOAD_GLOBAL_MODULE);
  }
  entry = cacheable_entry(builtins, variable);
  if (entry < 0 || entry > UINT16_MAX) return found_nothing(next);
  uint32_t builtins_version = keys_version(keys_of(builtins));
  if (!builtins_version || builtins_version > UINT16_MAX) return found_nothing(next);
  next[1] = static_cast<CodeUnit>(entry);
  write32(next + 2, globals_version);
  next[4] = static_cast<CodeUnit>(builtins_version);
  specialized_to(next, Op::LOAD_GLOBAL_BUILTIN);
}

ADAPTIVE(LOAD_GLOBAL, specialize_load_global(frame, next, name_at(frame, oparg >> 1)))

HANDLER(LOAD_GLOBAL_MODULE) {
  // A version is only given to a dict's keys, so globals of another kind never match.
  if (!PyDict_CheckExact(frame->f_globals)) [[unlikely]] END_MISS(LOAD_GLOBAL);
  DictKeys* keys = keys_of(frame->f_globals);
  if (keys->version != read32(next + 2)) [[unlikely]] END_MISS(LOAD_GLOBAL);
  PyObject* value = unicode_entries(keys)[next[1]].value;
  if (oparg & 1) *sp++ = nullptr;
  retain(value);
  *sp++ = value;
  SKIP_CACHES(LOAD_GLOBAL);
  END_DISPATCH();
}

HANDLER(LOAD_GLOBAL_BUILTIN) {
  if (!PyDict_CheckExact(frame->f_globals) || !PyDict_CheckExact(frame->f_builtins)) [[unlikely]] END_MISS(LOAD_GLOBAL);
  DictKeys* builtins = keys_of(frame->f_builtins);
  if (keys_of(frame->f_globals)->version != read32(next + 2) || builtins->version != next[4]) [[unlikely]] END_MISS(LOAD_GLOBAL);
  PyObject* value = unicode_entries(builtins)[next[1]].value;
  if (oparg & 1) *sp++ = nullptr;
  retain(value);
  *sp++ = value;
  SKIP_CACHES(LOAD_GLOBAL);
  END_DISPATCH();
}

}  // namespace gill::vm
