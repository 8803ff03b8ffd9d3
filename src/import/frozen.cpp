// Frozen modules: those that start-up needs, whose code is in the executable (frozen_objects.h), and what embedding programs add.
// Modules of the library whose code is there too, though they are imported from their files as the others.
#include <Python.h>
#include <marshal.h>

#include <array>
#include <bit>
#include <cstring>
#include <iterator>
#include <numeric>
#include <string_view>

#include "base/binding.h"
#include "base/names.h"
#include "import/frozen_objects.h"
#include "import/import_state.h"
#include "objects/code.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

struct Frozen {
  const char* module;
  const char* origin;  // the name in the source; null where there is none
  const char* source;  // whose code it has
  bool package;
  bool essential;      // used whatever the options say
};

constexpr Frozen kFrozen[] = {
    {"_frozen_importlib", "importlib._bootstrap", "importlib._bootstrap", false, true},
    {"_frozen_importlib_external", "importlib._bootstrap_external", "importlib._bootstrap_external", false, true},
    {"zipimport", "zipimport", "zipimport", false, true},
    {"abc", "abc", "abc", false, false},
    {"codecs", "codecs", "codecs", false, false},
    {"io", "io", "io", false, false},
    {"_collections_abc", "_collections_abc", "_collections_abc", false, false},
    {"_sitebuiltins", "_sitebuiltins", "_sitebuiltins", false, false},
    {"genericpath", "genericpath", "genericpath", false, false},
    {"ntpath", "ntpath", "ntpath", false, false},
    {"posixpath", "posixpath", "posixpath", false, false},
    {"os.path", "posixpath", "posixpath", false, false},
    {"os", "os", "os", false, false},
    {"site", "site", "site", false, false},
    {"stat", "stat", "stat", false, false},
    {"importlib.util", "importlib.util", "importlib.util", false, false},
    {"importlib.machinery", "importlib.machinery", "importlib.machinery", false, false},
    {"runpy", "runpy", "runpy", false, false},
    {"__hello__", "__hello__", "__hello__", false, false},
    {"__hello_alias__", "__hello__", "__hello__", false, false},
    {"__phello_alias__", "__hello__", "__hello__", true, false},
    {"__phello_alias__.spam", "__hello__", "__hello__", false, false},
    {"__phello__", "__phello__", "__phello__", true, false},
    {"__phello__.__init__", "<__phello__", "__phello__", false, false},
    {"__phello__.ham", "__phello__.ham", "__phello__.ham", true, false},
    {"__phello__.ham.__init__", "<__phello__.ham", "__phello__.ham", false, false},
    {"__phello__.ham.eggs", "__phello__.ham.eggs", "__phello__.ham.eggs", false, false},
    {"__phello__.spam", "__phello__.spam", "__phello__.spam", false, false},
    {"__hello_only__", nullptr, "frozen_only", false, false},
};

// The package gill, whose source is in import/gill/. It is not among the names that are listed: the reference has none of them.
struct OwnModule {
  const char* module;
  const char* shown;
  bool package;
  const char* source;
};
constexpr OwnModule kOwn[] = {
#include "own_modules.inc"
};

// The table that others may read, in its three parts: names without code.
template <size_t N>
struct PublishedTable {
  _frozen entries[N + 1];
};
constexpr size_t position_of(std::string_view module) {
  size_t i = 0;
  while (kFrozen[i].module != module) ++i;
  return i;
}
template <size_t First, size_t End>
constexpr PublishedTable<End - First> published() {
  PublishedTable<End - First> table{};
  for (size_t i = First; i < End; ++i) table.entries[i - First] = {kFrozen[i].module, nullptr, 0, kFrozen[i].package, nullptr};
  return table;
}
constexpr size_t kFirstOfLibrary = position_of("abc"), kFirstOfTests = position_of("__hello__");
constexpr auto kPublishedBootstrap = published<0, kFirstOfLibrary>();
constexpr auto kPublishedLibrary = published<kFirstOfLibrary, kFirstOfTests>();
constexpr auto kPublishedTests = published<kFirstOfTests, std::size(kFrozen)>();

// What an embedding program offers: the code marshalled.
const _frozen* find_added(PyObject* module_name) {
  for (const _frozen* f = PyImport_FrozenModules; f && f->name; ++f) {
    if (PyUnicode_CompareWithASCIIString(module_name, f->name) == 0) return f;
  }
  return nullptr;
}

bool enabled() {
  int override = current_interpreter()->imports->frozen_override;
  if (override != 0) return override > 0;
  return _Py_GetConfig()->use_frozen_modules != 0;
}

const Frozen* find(PyObject* module_name) {
  if (!PyUnicode_Check(module_name)) return nullptr;
  for (const Frozen& f : kFrozen) {
    if (PyUnicode_CompareWithASCIIString(module_name, f.module) == 0) return f.essential || enabled() ? &f : nullptr;
  }
  return nullptr;
}

// A program's own module or package of that name comes first; a folder that only could be a package does not count.
Maybe<bool> program_has(PyObject* module_name) {
  Ref<> finder = TRY(steal(_PyImport_GetModuleAttrString("_frozen_importlib_external", "PathFinder")));
  Ref<> spec = TRY(steal(PyObject_CallMethod(finder.get(), "find_spec", "O", module_name)));
  if (spec.get() == Py_None) return false;
  Ref<> origin = TRY(steal(PyObject_GetAttrString(spec.get(), "origin")));
  return origin.get() != Py_None;
}

// Whether the package that the name is in is ours.
bool parent_is_own(PyObject* package_name) {
  Ref<> parent = steal(PyImport_GetModule(package_name));
  Ref<> spec = parent ? steal(PyObject_GetAttr(parent.get(), name<"__spec__">)) : Ref<>();
  Ref<> origin = spec ? steal(PyObject_GetAttrString(spec.get(), "origin")) : Ref<>();
  bool own = origin && PyUnicode_Check(origin.get()) && PyUnicode_CompareWithASCIIString(origin.get(), "frozen") == 0;
  PyErr_Clear();
  return own;
}

const OwnModule* find_own(PyObject* module_name) {
  if (!PyUnicode_Check(module_name)) return nullptr;
  for (const OwnModule& own : kOwn) {
    if (PyUnicode_CompareWithASCIIString(module_name, own.module) != 0) continue;
    if (own.package) {
      Maybe<bool> other = program_has(module_name);
      if (!other) PyErr_Clear();
      return other && other.value() ? nullptr : &own;
    }
    Ref<> package_name = steal(PyUnicode_FromString(kOwn[0].module));
    return package_name && parent_is_own(package_name.get()) ? &own : nullptr;
  }
  return nullptr;
}

Ref<> compile(const char* source, PyObject* shown) { return steal(Py_CompileStringObject(source, shown, Py_file_input, nullptr, 0)); }

// The code itself runs once: when it has run, in this interpreter or another, its caches may speak of what is gone. Then it is copied.
Ref<> load(const Frozen& frozen) {
  const FrozenCode* found = kFrozenCode;
  while (std::strcmp(found->source, frozen.source) != 0) ++found;
  if (!is_verified(reinterpret_cast<PyCodeObject*>(found->code))) return borrow(found->code);
  Ref<> bytes = TRY(steal(PyMarshal_WriteObjectToString(found->code, Py_MARSHAL_VERSION)));
  return steal(PyMarshal_ReadObjectFromString(PyBytes_AS_STRING(bytes.get()), PyBytes_GET_SIZE(bytes.get())));
}

// Of marshalled code. A code object's bytes differ between compilations, by what was referred to elsewhere: then it is read as any other.
uint64_t mixed(uint64_t hash, uint64_t word) { return std::rotl((hash ^ word) * 0x9E3779B97F4A7C15, 29); }
uint64_t fingerprint(const char* data, size_t size) {
  using Block = std::array<uint64_t, 4>;  // four sums, whose multiplications go on at the same time
  Block lanes = {1, 2, 3, 4};
  auto add = [&](const char* from, size_t n) {
    Block block = {};
    std::memcpy(&block, from, n);
    for (size_t i = 0; i < block.size(); ++i) lanes[i] = mixed(lanes[i], block[i]);
  };
  for (; size >= sizeof(Block); data += sizeof(Block), size -= sizeof(Block)) add(data, sizeof(Block));
  add(data, size);
  return std::accumulate(lanes.begin(), lanes.end(), uint64_t{0}, mixed);
}

}  // namespace

bool is_frozen_name(PyObject* module_name) { return find(module_name) || find_added(module_name) || find_own(module_name); }

bool is_frozen_package_name(PyObject* module_name) {
  if (const _frozen* added = find_added(module_name)) return added->is_package;
  if (const OwnModule* own = find_own(module_name)) return own->package;
  const Frozen* frozen = find(module_name);
  return frozen && frozen->package;
}

Ref<> frozen_origin(PyObject* module_name) {
  if (find_added(module_name)) return borrow(module_name);
  const Frozen* frozen = find(module_name);
  return frozen && frozen->origin ? steal(PyUnicode_FromString(frozen->origin)) : none();
}

Ref<> frozen_code(PyObject* module_name) {
  Ref<> code;
  if (const _frozen* added = find_added(module_name)) {
    if (!added->code) return raise(PyExc_ImportError, "Excluded frozen object named %R", module_name);
    code = TRY(steal(PyMarshal_ReadObjectFromString(reinterpret_cast<const char*>(added->code), added->size)));
  } else if (const Frozen* frozen = find(module_name)) {
    code = TRY(load(*frozen));
  } else if (const OwnModule* own = find_own(module_name)) {
    Ref<> shown = TRY(steal(PyUnicode_InternFromString(own->shown)));
    code = TRY(compile(own->source, shown.get()));
  } else {
    return nullptr;
  }
  if (!PyCode_Check(code.get())) return raise(PyExc_TypeError, "frozen object %R is not a code object", module_name);
  return code;
}

Ref<> library_code(const char* marshalled, Py_ssize_t size) {
  if (!_Py_GetConfig()->code_debug_ranges) return nullptr;  // it has columns
  for (const LibraryCode* library = kLibraryCode; library->code; ++library) {
    if (library->size != size || library->fingerprint != fingerprint(marshalled, static_cast<size_t>(size))) continue;
    size_t index = static_cast<size_t>(library - kLibraryCode);
    if (g_runtime.given_library_code[index]) return nullptr;
    g_runtime.given_library_code.set(index);
    return borrow(library->code);
  }
  return nullptr;
}

Ref<> frozen_names() {
  Ref<> list = TRY(steal(PyList_New(0)));
  for (const _frozen* f = PyImport_FrozenModules; f && f->name; ++f) TRY(status_of(PyList_Append(list.get(), TRY(steal(PyUnicode_FromString(f->name))).get())));
  for (const Frozen& f : kFrozen) TRY(status_of(PyList_Append(list.get(), TRY(steal(PyUnicode_FromString(f.module))).get())));
  return list;
}

}  // namespace gill

using namespace gill;

extern "C" {

extern const _frozen *_PyImport_FrozenBootstrap, *_PyImport_FrozenStdlib, *_PyImport_FrozenTest;
[[gnu::visibility("default")]] const _frozen* _PyImport_FrozenBootstrap = kPublishedBootstrap.entries;
[[gnu::visibility("default")]] const _frozen* _PyImport_FrozenStdlib = kPublishedLibrary.entries;
[[gnu::visibility("default")]] const _frozen* _PyImport_FrozenTest = kPublishedTests.entries;

}  // extern "C"
