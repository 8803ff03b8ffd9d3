// Where the standard library is, and from that sys.prefix and the first sys.path.
//
// In order: a `._pth` file beside the executable, GILL_STDLIB, PYTHONHOME, the installation that a pyvenv.cfg beside
// or above the executable names, one around the executable, and the system's in /usr.
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <initializer_list>
#include <utility>

#include "capi/config.h"
#include "runtime/runtime.h"

extern "C" {
int _Py_wstat(const wchar_t* path, struct stat* status);
FILE* _Py_wfopen(const wchar_t* path, const wchar_t* mode);
wchar_t* _Py_wrealpath(const wchar_t* path, wchar_t* buffer, size_t size);
wchar_t* _Py_wgetcwd(wchar_t* buffer, size_t size);
wchar_t* _Py_normpath(wchar_t* path, Py_ssize_t size);
wchar_t* _Py_DecodeUTF8_surrogateescape(const char* text, Py_ssize_t size, size_t* length);
}

namespace gill {
namespace {

constexpr const wchar_t kSystemPrefix[] = L"/usr";
constexpr const wchar_t kVersionFolder[] = L"python3.11";

#define CHECK(...)                                                   \
  do {                                                               \
    if (PyStatus s = (__VA_ARGS__); PyStatus_Exception(s)) return s; \
  } while (0)

// A path as it is put together; what is too long makes it empty, which names nothing.
struct Path {
  const wchar_t* text = L"";

  Path() = default;
  Path(const Path& other) { append(other.text, std::wcslen(other.text)); }
  Path& operator=(const Path& other) {
    Path copy(other);
    std::swap(text, copy.text);
    std::swap(storage, copy.storage);
    return *this;
  }
  Path(std::initializer_list<const wchar_t*> parts) {
    for (const wchar_t* part : parts) join(part, std::wcslen(part));
  }
  ~Path() { std::free(storage); }

  bool empty() const { return !*text; }
  bool operator==(const Path& other) const { return std::wcscmp(text, other.text) == 0; }

  void append(const wchar_t* part, size_t size) {
    const size_t length = std::wcslen(text);
    if (!size) return;
    auto* larger = length + size > PATH_MAX ? nullptr : static_cast<wchar_t*>(std::realloc(storage, (length + size + 1) * sizeof(wchar_t)));
    if (!larger) return clear();
    std::wmemcpy(larger + length, part, size);
    larger[length + size] = 0;
    text = storage = larger;
  }
  // An absolute part stands for all.
  void join(const wchar_t* part, size_t size) {
    if (size && *part == L'/') clear();
    // The reference takes a folder of one character to be the root.
    const size_t length = std::wcslen(text);
    if (length > 1 && text[length - 1] != L'/') append(L"/", 1);
    append(part, size);
  }
  void normalize() {
    if (!empty()) _Py_normpath(storage, -1);
  }
  // A relative path starts from the current folder, as written: links that `..` would leave are not followed here.
  void make_absolute() {
    normalize();
    if (*text == L'/') return;
    wchar_t folder[PATH_MAX];
    if (!_Py_wgetcwd(folder, PATH_MAX)) return;
    const Path relative = *this;
    *this = {folder};
    if (!relative.empty() && std::wcscmp(relative.text, L".") != 0) join(relative.text, std::wcslen(relative.text));
  }
  Path parent() const {
    Path result;
    const wchar_t* slash = std::wcsrchr(text, L'/');
    if (slash) result.append(text, static_cast<size_t>(slash - text) + (slash == text));
    return result;
  }
  const wchar_t* name() const {
    const wchar_t* slash = std::wcsrchr(text, L'/');
    return slash ? slash + 1 : text;
  }
  Path real() const {
    wchar_t resolved[PATH_MAX];
    return !empty() && _Py_wrealpath(text, resolved, PATH_MAX) ? Path{resolved} : *this;
  }

  bool has_mode(mode_t type, mode_t permissions = 0) const {
    struct stat info;
    return !empty() && _Py_wstat(text, &info) == 0 && (info.st_mode & S_IFMT) == type && (!permissions || info.st_mode & permissions);
  }
  bool is_file() const { return has_mode(S_IFREG); }
  bool is_directory() const { return has_mode(S_IFDIR); }
  bool is_program() const { return has_mode(S_IFREG, 0111); }

 private:
  wchar_t* storage = nullptr;  // the text, unless that is empty

  void clear() { text = L""; }
};

// What is found out, before it goes to where the configuration says nothing.
struct Layout {
  Path executable, base_executable;
  Path start;  // the folder from which installations are searched upwards
  Path prefix, exec_prefix, library;
};

// The running program: as named when the name has a slash, else along PATH.
Path find_program(const wchar_t* program) {
  Path result;
  if (*program == L'/') {
    result = {program};
  } else if (std::wcschr(program, L'/')) {
    result = {program};
    result.make_absolute();
    return result;
  } else {
    const char* variable = std::getenv("PATH");
    wchar_t* directories = variable ? decode_argument(variable) : nullptr;
    for (const wchar_t* each = directories; each;) {
      const wchar_t* end = std::wcschr(each, L':');
      Path candidate;
      candidate.append(each, end ? static_cast<size_t>(end - each) : std::wcslen(each));
      candidate.join(program, std::wcslen(program));
      if (candidate.is_program()) {
        result = candidate;
        break;
      }
      each = end ? end + 1 : nullptr;
    }
    PyMem_RawFree(directories);
  }
  result.normalize();
  return result;
}

// The lines of a text file in UTF-8, one at a time.
class Lines {
 public:
  explicit Lines(const Path& path) : file_(path.is_file() ? _Py_wfopen(path.text, L"rb") : nullptr) {}
  Lines(const Lines&) = delete;
  ~Lines() {
    if (file_) std::fclose(file_);
    PyMem_RawFree(line_);
    std::free(bytes_);
  }
  explicit operator bool() const { return file_ != nullptr; }
  // The next line without its end; null after the last.
  wchar_t* next() {
    ssize_t size = getline(&bytes_, &room_, file_);
    if (size < 0) return nullptr;
    PyMem_RawFree(line_);
    return line_ = _Py_DecodeUTF8_surrogateescape(bytes_, size, nullptr);
  }

 private:
  FILE* file_;
  char* bytes_ = nullptr;
  size_t room_ = 0;
  wchar_t* line_ = nullptr;
};

wchar_t* strip(wchar_t* text) {
  constexpr const wchar_t kSpace[] = L" \t\r\n\f\v";
  text += std::wcsspn(text, kSpace);
  wchar_t* end = text + std::wcslen(text);
  while (end > text && std::wcschr(kSpace, end[-1])) --end;
  *end = 0;
  return text;
}

// The value of `home = ...` in a pyvenv.cfg beside the executable or in the directory above.
bool virtual_environment(const Path& executable, Path* home) {
  Path directory = executable;
  for (int up = 0; up < 2; ++up) {
    directory = directory.parent();
    Lines lines({directory.text, L"pyvenv.cfg"});
    if (!lines) continue;
    while (wchar_t* line = lines.next()) {
      wchar_t* equals = std::wcschr(line, L'=');
      if (!equals) continue;
      *equals = 0;
      if (wcscasecmp(strip(line), L"home") != 0) continue;
      *home = {strip(equals + 1)};
      return true;
    }
    return false;
  }
  return false;
}

// The interpreter that a virtual environment's `executable` is a link to or a copy of.
Path find_base_executable(const Path& executable, const Path& home) {
  Path real = executable.real();
  if (!(real == executable)) return real;
  for (const wchar_t* name : {executable.name(), L"gill", L"python3", L"python3.11"}) {
    Path candidate = {home.text, name};
    if (candidate.is_file()) return candidate;
  }
  return {home.text, executable.name()};
}

PyStatus set_unless(PyConfig* config, wchar_t** field, const wchar_t* text) {
  return *field ? PyStatus_Ok() : PyConfig_SetString(config, field, text);
}

// Empty parts count: they are the current directory.
PyStatus append_split(PyWideStringList* list, const wchar_t* part, bool absolute) {
  for (;;) {
    const wchar_t* end = std::wcschr(part, L':');
    Path entry;
    entry.append(part, end ? static_cast<size_t>(end - part) : std::wcslen(part));
    if (absolute) entry.make_absolute();
    CHECK(PyWideStringList_Append(list, entry.text));
    if (!end) return PyStatus_Ok();
    part = end + 1;
  }
}

// A `._pth` file says what sys.path is, and shuts out everything else that could. Its folder is the installation.
PyStatus read_path_file(PyConfig* config, const Layout& layout, Path* folder) {
  for (const Path& program : {layout.executable, layout.executable.real()}) {
    Path path = program;
    path.append(L"._pth", 5);
    Lines lines(path);
    if (!lines) continue;
    *folder = path.parent();
    PyWideStringList* paths = &config->module_search_paths;
    bool site = false;
    while (wchar_t* line = lines.next()) {
      if (wchar_t* comment = std::wcschr(line, L'#')) *comment = 0;
      line = strip(line);
      if (std::wcscmp(line, L"import site") == 0) {
        site = true;
      } else if (std::wcsncmp(line, L"import ", 7) == 0) {
        if (config->pathconfig_warnings) std::fputs("unsupported 'import' line in ._pth file\n", stderr);
      } else if (*line) {
        Path entry = {folder->text, line};
        entry.normalize();
        CHECK(PyWideStringList_Append(paths, entry.text));
      }
    }
    if (!paths->length) return PyStatus_Ok();
    config->module_search_paths_set = 1;
    config->isolated = config->safe_path = 1;
    config->use_environment = 0;
    config->site_import = site;
    return PyStatus_Ok();
  }
  return PyStatus_Ok();
}

// `prefix` or `prefix:exec_prefix`.
void split_home(const wchar_t* home, Layout* layout) {
  const wchar_t* colon = std::wcschr(home, L':');
  layout->prefix.append(home, colon ? static_cast<size_t>(colon - home) : std::wcslen(home));
  layout->exec_prefix = colon ? Path{colon + 1} : layout->prefix;
}

struct Landmarks {
  const wchar_t* library_folder;  // `lib`, mostly

  Path library(const Path& prefix) const { return {prefix.text, library_folder, kVersionFolder}; }
  bool has_library(const Path& prefix) const { return Path{library(prefix).text, L"os.py"}.is_file() || Path{library(prefix).text, L"os.pyc"}.is_file(); }
  bool has_extensions(const Path& prefix) const { return Path{library(prefix).text, L"lib-dynload"}.is_directory(); }
};

// The first folder from `start` upwards, or the system's, that `is_there` says yes to.
template <typename Predicate>
bool search_upwards(const Path& start, Path* prefix, Predicate is_there) {
  for (Path each = start; !each.empty() && std::wcscmp(each.text, L"/") != 0; each = each.parent()) {
    if (!is_there(each)) continue;
    *prefix = each;
    return true;
  }
  *prefix = {kSystemPrefix};
  return is_there(*prefix);
}

void search_installation(const PyConfig* config, const Landmarks& landmarks, Layout* layout) {
  bool found = search_upwards(layout->start, &layout->prefix, [&](const Path& prefix) { return landmarks.has_library(prefix); });
  if (!found && config->pathconfig_warnings) std::fputs("Could not find platform independent libraries <prefix>\n", stderr);
  found = search_upwards(layout->start, &layout->exec_prefix, [&](const Path& prefix) { return landmarks.has_extensions(prefix); });
  if (!found && config->pathconfig_warnings) std::fputs("Could not find platform dependent libraries <exec_prefix>\n", stderr);
}

// GILL_STDLIB names the library itself.
bool named_library(const PyConfig* config, Layout* layout) {
  const char* variable = environment_variable(config, "GILL_STDLIB");
  wchar_t* named = variable ? decode_argument(variable) : nullptr;
  bool found = named && Path{named, L"os.py"}.is_file();
  if (found) {
    layout->library = {named};
    layout->prefix = layout->exec_prefix = layout->library.parent().parent();
  }
  PyMem_RawFree(named);
  return found;
}

PyStatus find_search_paths(PyConfig* config, const Landmarks& landmarks, const Layout& layout) {
  PyWideStringList* paths = &config->module_search_paths;
  config->module_search_paths_set = 1;
  // What the program said replaces everything.
  if (const wchar_t* given = g_runtime.given_paths.module_search_path) return append_split(paths, given, false);
  if (config->pythonpath_env) CHECK(append_split(paths, config->pythonpath_env, true));
  CHECK(PyWideStringList_Append(paths, Path{layout.prefix.text, landmarks.library_folder, L"python311.zip"}.text));
  CHECK(PyWideStringList_Append(paths, layout.library.text));
  // Extensions are beside the library when both are of one installation.
  Path extensions = layout.prefix == layout.exec_prefix ? layout.library : landmarks.library(layout.exec_prefix);
  return PyWideStringList_Append(paths, Path{extensions.text, L"lib-dynload"}.text);
}

PyStatus set_found(PyConfig* config, const Layout& layout) {
  // What was given stands for its base too.
  if (config->executable && !config->base_executable) config->base_executable = duplicate(config->executable);
  if (config->prefix && !config->base_prefix) config->base_prefix = duplicate(config->prefix);
  if (config->exec_prefix && !config->base_exec_prefix) config->base_exec_prefix = duplicate(config->exec_prefix);
  CHECK(set_unless(config, &config->executable, layout.executable.text));
  CHECK(set_unless(config, &config->base_executable, layout.base_executable.text));
  // site.py makes a virtual environment's own folder sys.prefix.
  for (wchar_t** field : {&config->base_prefix, &config->prefix}) CHECK(set_unless(config, field, layout.prefix.text));
  for (wchar_t** field : {&config->base_exec_prefix, &config->exec_prefix}) CHECK(set_unless(config, field, layout.exec_prefix.text));
  return set_unless(config, &config->stdlib_dir, layout.library.text);
}

}  // namespace

PyStatus compute_paths(PyConfig* config) {
  Layout layout;
  if (config->executable) layout.executable = {config->executable};
  else if (config->program_name && *config->program_name) layout.executable = find_program(config->program_name);
  layout.base_executable = layout.executable;
  layout.start = layout.executable.real().parent();

  // What the program says shuts out the `._pth` file; what the environment says does not.
  bool may_read_path_file = !config->home && !config->module_search_paths_set && !g_runtime.given_paths.module_search_path;
  const char* variable = environment_variable(config, "PYTHONHOME");
  if (variable && !config->home) CHECK(PyConfig_SetBytesString(config, &config->home, variable));
  Path home;
  if (!config->home && virtual_environment(layout.executable, &home)) {
    layout.base_executable = find_base_executable(layout.executable, home);
    layout.start = home;
  }
  if (may_read_path_file) {
    Path folder;
    CHECK(read_path_file(config, layout, &folder));
    if (!folder.empty()) CHECK(PyConfig_SetString(config, &config->home, folder.text));
  }

  Landmarks landmarks = {config->platlibdir};
  if (!named_library(config, &layout)) {
    if (config->home) split_home(config->home, &layout);
    else search_installation(config, landmarks, &layout);
    layout.library = landmarks.library(layout.prefix);
  }
  CHECK(set_found(config, layout));
  return config->module_search_paths_set ? PyStatus_Ok() : find_search_paths(config, landmarks, layout);
}

}  // namespace gill
