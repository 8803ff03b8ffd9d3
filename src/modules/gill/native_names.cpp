// Names of native functions by address: from the dynamic symbols, which every object has, or from the symbol table in its file.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "modules/gill/module.h"

namespace gill {
namespace {

// A file's bytes, as long as it lives.
class MappedFile {
 public:
  explicit MappedFile(const char* path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    struct stat status;
    if (fstat(file, &status) == 0 && status.st_size > 0) {
      void* mapped = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
      if (mapped != MAP_FAILED) {
        bytes_ = static_cast<const char*>(mapped);
        size_ = static_cast<size_t>(status.st_size);
      }
    }
    close(file);
  }
  MappedFile(const MappedFile&) = delete;
  ~MappedFile() {
    if (bytes_) munmap(const_cast<char*>(bytes_), size_);
  }
  // Null where the file does not reach.
  template <class T>
  const T* at(size_t offset, size_t count = 1) const {
    if (!bytes_ || offset > size_ || count > (size_ - offset) / sizeof(T)) return nullptr;
    return reinterpret_cast<const T*>(bytes_ + offset);
  }

 private:
  const char* bytes_ = nullptr;
  size_t size_ = 0;
};

// Copies the name of the function that has the offset from the object's base.
bool find_symbol(const MappedFile& file, uintptr_t address, uintptr_t base, char* out, size_t size) {
  const auto* header = file.at<Elf64_Ehdr>(0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64) return false;
  const auto* sections = file.at<Elf64_Shdr>(header->e_shoff, header->e_shnum);
  if (!sections) return false;
  const uintptr_t wanted = header->e_type == ET_EXEC ? address : address - base;
  for (size_t s = 0; s < header->e_shnum; ++s) {
    const Elf64_Shdr& section = sections[s];
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= header->e_shnum) continue;
    const size_t count = section.sh_size / sizeof(Elf64_Sym);
    const auto* symbols = file.at<Elf64_Sym>(section.sh_offset, count);
    const Elf64_Shdr& names = sections[section.sh_link];
    for (size_t i = 0; symbols && i < count; ++i) {
      if (ELF64_ST_TYPE(symbols[i].st_info) != STT_FUNC || wanted < symbols[i].st_value || wanted >= symbols[i].st_value + symbols[i].st_size) continue;
      if (symbols[i].st_name >= names.sh_size) return false;
      const auto* text = file.at<char>(names.sh_offset + symbols[i].st_name, names.sh_size - symbols[i].st_name);
      if (!text) return false;
      std::snprintf(out, size, "%.*s", static_cast<int>(names.sh_size - symbols[i].st_name), text);
      return true;
    }
  }
  return false;
}

void erase_all(char* text, const char* part) {
  const size_t length = std::strlen(part);
  while (char* at = std::strstr(text, part)) std::memmove(at, at + length, std::strlen(at + length) + 1);
}

// What people call the function: of a wrapper that tables of methods make (base/binding.h) the function inside, and no parameters.
const char* shorten(char* readable) {
  erase_all(readable, "(anonymous namespace)::");
  if (std::strstr(readable, "detail::Bound<")) {
    if (char* inner = std::strstr(readable, ", &")) readable = inner + 3;
  }
  readable[std::strcspn(readable, "(<,")] = 0;
  return readable;
}

const char* last_part(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash ? slash + 1 : path;
}

}  // namespace

bool native_text(const void* address, char* out, size_t size) {
  Dl_info info;
  if (!address || dladdr(address, &info) == 0 || !info.dli_fname) return false;
  const char* library = last_part(info.dli_fname);
  char symbol[2048];
  // The dynamic symbol before the address may be another function's, when this one is not exported.
  if (!find_symbol(MappedFile(info.dli_fname), reinterpret_cast<uintptr_t>(address), reinterpret_cast<uintptr_t>(info.dli_fbase), symbol, sizeof(symbol))) {
    auto offset = static_cast<size_t>(static_cast<const char*>(address) - static_cast<const char*>(info.dli_fbase));
    if (!info.dli_sname) {
      std::snprintf(out, size, "%s+0x%zx", library, offset);
      return true;
    }
    std::snprintf(symbol, sizeof(symbol), "%s", info.dli_sname);
  }
  int status = 0;
  char* readable = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  std::snprintf(out, size, "%s (%s)", readable ? shorten(readable) : symbol, library);
  std::free(readable);
  return true;
}

Ref<> native_name(const void* address) {
  char text[512];
  return native_text(address, text, sizeof(text)) ? steal(PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "replace")) : none();
}

Ref<> place_tuple(const Place& place) {
  if (!place.known() && !place.native) return none();
  Ref<> native = TRY(native_name(place.native));
  if (!place.known()) return steal(Py_BuildValue("(OOOO)", Py_None, Py_None, Py_None, native.get()));
  return steal(Py_BuildValue("(sisO)", place.file, place.line, place.function, native.get()));
}

}  // namespace gill
