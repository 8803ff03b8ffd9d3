// What the modules of the account databases (`pwd`, `grp`, `spwd`) share.
#pragma once

#include <sys/types.h>

#include "base/binding.h"
#include "base/names.h"
#include "modules/module_state.h"
#include "modules/system_call.h"

extern "C" {
PyAPI_FUNC(int) _Py_Uid_Converter(PyObject* object, uid_t* out);
PyAPI_FUNC(int) _Py_Gid_Converter(PyObject* object, gid_t* out);
PyAPI_FUNC(PyObject*) _PyLong_FromUid(uid_t uid);
PyAPI_FUNC(PyObject*) _PyLong_FromGid(gid_t gid);
}

namespace gill::accounts {

// The state of each of these modules: the type of its entries.
struct State {
  PyTypeObject* entry_type;
};
inline State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }

inline Status add_entry_type(PyObject* module, const PyStructSequence_Field* fields, const char* type_name, const char* doc, int visible) {
  PyStructSequence_Desc description = {type_name, doc, const_cast<PyStructSequence_Field*>(fields), visible};
  state_of(module)->entry_type = TRY(PyStructSequence_NewType(&description));
  return status_of(PyModule_AddType(module, state_of(module)->entry_type));
}

using Owned = ModuleFields<&State::entry_type>;

constexpr PyModuleDef module_definition(const char* name, const char* doc, const PyMethodDef* methods, const PyModuleDef_Slot* slots) {
  return {
      .m_base = PyModuleDef_HEAD_INIT,
      .m_name = name,
      .m_doc = doc,
      .m_size = sizeof(State),
      .m_methods = const_cast<PyMethodDef*>(methods),
      .m_slots = const_cast<PyModuleDef_Slot*>(slots),
      .m_traverse = Owned::traverse,
      .m_clear = Owned::clear,
      .m_free = Owned::free,
  };
}

// Fills an entry from the left to the right; the first failure wins.
class Entry {
 public:
  explicit Entry(PyObject* module) : object_(steal(PyStructSequence_New(state_of(module)->entry_type))) {}
  Entry& put(Ref<> value) {
    if (!value) object_.reset();
    if (object_) PyStructSequence_SetItem(object_.get(), index_++, value.release());
    return *this;
  }
  Entry& text(const char* value) { return put(value ? steal(PyUnicode_DecodeFSDefault(value)) : none()); }
  Entry& number(long value) { return put(steal(PyLong_FromLong(value))); }
  Ref<> take() { return std::move(object_); }

 private:
  Ref<> object_;
  int index_ = 0;
};

// The bytes of a name in the file system's encoding, without NUL.
inline Ref<> encode_name(PyUnicodeObject* name_object) {
  Ref<> bytes = TRY(steal(PyUnicode_EncodeFSDefault(as_object(name_object))));
  char* text;
  TRY(status_of(PyBytes_AsStringAndSize(bytes.get(), &text, nullptr)));
  return bytes;
}

// Calls a reentrant lookup, `call(buffer, size)` returning an errno, with a buffer that is large enough; `use()` makes the result
// while the buffer lives.
template <class F, class U>
Ref<> look_up(F call, U use) {
  size_t size = 1024;
  char* buffer = nullptr;
  int error;
  for (;; size *= 2) {
    auto* larger = static_cast<char*>(PyMem_RawRealloc(buffer, size));
    if (!larger) {
      PyMem_RawFree(buffer);
      return steal(PyErr_NoMemory());
    }
    buffer = larger;
    error = unlocked([&] { return call(buffer, size); });
    if (error != ERANGE || size > (size_t{1} << 30)) break;
  }
  Ref<> result = use();
  PyMem_RawFree(buffer);
  return result;
}

// The list of what `make(module, entry)` makes of each entry that `next` reads between `open` and `close`.
template <class E>
Ref<> all_entries(PyObject* module, void (*open)(), E* (*next)(), void (*close)(), Ref<> (*make)(PyObject*, const E&)) {
  Ref<> list = TRY(steal(PyList_New(0)));
  open();
  struct End {
    void (*close)();
    ~End() { close(); }
  } end{close};
  while (const E* each = next()) {
    Ref<> entry = TRY(make(module, *each));
    TRY(status_of(PyList_Append(list.get(), entry.get())));
  }
  return list;
}

}  // namespace gill::accounts
