// Checks of the interpreter lock at each C API call of extensions, without a cost when the option is not given.
//
// A shared object calls the C API through slots that the dynamic linker fills. With -X lock-check every slot that leads to a function of
// ours whose name says that it is of the C API gets a small piece of code instead, which looks whether the thread has a
// thread state, as one has just while it holds the lock, and goes on to the function. What may be called without the lock is
// left alone. A thread without thread state is reported with its native stack, and the process aborts before it can damage anything.
#include "modules/gill/lock_check.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <initializer_list>
#include <new>

#include "modules/gill/module.h"
#include "modules/gill/native_stack.h"
#include "runtime/runtime.h"

extern "C" {
const wchar_t* _Py_get_xoption(const PyWideStringList* options, const wchar_t* option);
void _Py_DumpTraceback(int fd, PyThreadState* thread);
extern const char __executable_start[], etext[];
}

namespace gill {
namespace {

// A name, or where it ends in '*' the start of names.
constexpr const char* kAllowed[] = {
    "PyGILState_Ensure", "PyGILState_Check", "PyGILState_GetThisThreadState", "PyEval_RestoreThread", "PyEval_AcquireThread", "PyEval_AcquireLock",
    "PyEval_InitThreads", "PyEval_ThreadsInitialized", "PyThreadState_New", "PyThreadState_Swap", "PyThreadState_GetID", "PyThreadState_GetInterpreter",
    "_PyThreadState_UncheckedGet", "_PyThreadState_Prealloc", "PyInterpreterState_Main", "PyInterpreterState_Head", "PyInterpreterState_Next",
    "PyInterpreterState_ThreadHead", "PyInterpreterState_GetID", "PyMem_Raw*", "_PyMem_Raw*", "PyMem_GetAllocator", "PyMem_SetAllocator", "PyThread_*", "_PyThread_*",
    "Py_Is*", "_Py_IsFinalizing", "Py_GetVersion", "Py_GetPlatform", "Py_GetCopyright", "Py_GetCompiler", "Py_GetBuildInfo", "Py_AddPendingCall", "Py_AtExit",
    "Py_Initialize*", "Py_PreInitialize*", "PyPreConfig_*", "PyConfig_*", "PyStatus_*", "PyWideStringList_*", "Py_Main", "Py_BytesMain", "Py_RunMain", "Py_Exit*",
    "Py_FatalError", "_Py_FatalError*", "Py_DecodeLocale", "Py_EncodeLocale", "Py_Set*", "PyImport_AppendInittab", "PyImport_ExtendInittab",
    "PyOS_snprintf", "PyOS_vsnprintf", "PyOS_mystr*", "PyTraceMalloc_*", "PyBuffer_IsContiguous", "PyBuffer_GetPointer", "PyErr_SetInterrupt*",
    "_PyTime_*", "_Py_c_*", "_Py_dg_*", "_Py_Hash*", "_Py_wfopen", "_Py_fopen", "_Py_get_*", "_Py_set_*", "_Py_dup", "_Py_open_noraise", "_Py_write_noraise",
};

bool is_allowed(const char* name) {
  for (const char* allowed : kAllowed) {
    const size_t length = std::strlen(allowed);
    if (allowed[length - 1] == '*' ? std::strncmp(name, allowed, length - 1) == 0 : std::strcmp(name, allowed) == 0) return true;
  }
  return false;
}
bool is_checked(const char* name) { return (std::strncmp(name, "Py", 2) == 0 || std::strncmp(name, "_Py", 3) == 0) && !is_allowed(name); }

// Functions that wait for the lock: for ever when the thread has it.
bool takes_lock(const char* name) { return std::strcmp(name, "PyEval_RestoreThread") == 0 || std::strcmp(name, "PyEval_AcquireThread") == 0; }

[[noreturn]] void report(const char* name, const char* what) {
  std::fprintf(stderr, "\ngill: %s() was called by a thread that %s (native thread %d)\nNative stack (most recent call first):\n", name, what,
               static_cast<int>(gettid()));
  NativeStack stack;
  stack.capture();
  for (int i = 1; i < stack.count; ++i) {
    char text[512];
    if (native_text(stack.addresses[i], text, sizeof(text))) std::fprintf(stderr, "  %s\n", text);
  }
  std::fflush(stderr);
  if (PyThreadState* thread = PyGILState_GetThisThreadState()) _Py_DumpTraceback(STDERR_FILENO, thread);
  for (const ThreadRecord* record = first_thread_record(); record; record = record->next) {
    if (record == t_thread_record || record->state.load(std::memory_order_relaxed) != LockState::holding) continue;
    std::fprintf(stderr, "The lock is held by thread %lu (native %d)\n", record->thread_id.load(), record->native_id.load());
    if (auto* holder = static_cast<PyThreadState*>(record->context.load())) _Py_DumpTraceback(STDERR_FILENO, holder);
  }
  std::abort();
}
[[noreturn]] void report_no_lock(const char* name) { report(name, "does not hold the interpreter lock"); }
[[noreturn]] void report_second_taking(const char* name) { report(name, "holds the interpreter lock already"); }

// ---- the pieces of code -----------------------------------------------------------------------------------

inline constexpr size_t kPieceSize = 96;
inline constexpr size_t kRoomSize = size_t{1} << 20;

class Emitter {
 public:
  explicit Emitter(unsigned char* at) : at_(at) {}
  Emitter& bytes(std::initializer_list<int> values) {
    for (int value : values) *at_++ = static_cast<unsigned char>(value);
    return *this;
  }
  template <class T>
  Emitter& value(T number) {
    std::memcpy(at_, &number, sizeof(number));
    at_ += sizeof(number);
    return *this;
  }
  unsigned char* at() const { return at_; }

 private:
  unsigned char* at_;
};

}  // namespace

struct LockCheck {
  std::atomic<unsigned char> active = 1;
  unsigned char* room = nullptr;  // for pieces of code
  size_t used = 0;
};

namespace {

// Only r11 is changed on the way to the function: it carries no argument.
void emit_piece(unsigned char* at, LockCheck* check, const char* name, const void* function) {
  const bool taking = takes_lock(name);
  auto offset = static_cast<int32_t>(reinterpret_cast<char*>(&t_current_thread) - static_cast<char*>(__builtin_thread_pointer()));
  Emitter out(at);
  out.bytes({0x49, 0xbb}).value(&check->active);                         // mov r11, &active
  out.bytes({0x41, 0x80, 0x3b, 0x00, 0x74, 14});                         // cmp byte [r11], 0; je go_on
  out.bytes({0x64, 0x4c, 0x8b, 0x1c, 0x25}).value(offset);               // mov r11, fs:[offset]
  out.bytes({0x4d, 0x85, 0xdb, taking ? 0x75 : 0x74, 13});               // test r11, r11; je (jne) wrong
  out.bytes({0x49, 0xbb}).value(function).bytes({0x41, 0xff, 0xe3});     // go_on: mov r11, function; jmp r11
  out.bytes({0x48, 0xbf}).value(name);                                   // wrong: mov rdi, name
  out.bytes({0x49, 0xbb}).value(taking ? report_second_taking : report_no_lock).bytes({0x41, 0xff, 0xe3});
}

// Null when there is no more room: the slot stays as it is.
void* make_piece(LockCheck* check, const char* name, const void* function) {
  if (!check->room || check->used + kPieceSize > kRoomSize) {
    // Other threads may run in it as soon as the first slot leads there.
    if (check->room) mprotect(check->room, kRoomSize, PROT_READ | PROT_EXEC);
    void* room = mmap(nullptr, kRoomSize, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return nullptr;
    check->room = static_cast<unsigned char*>(room);
    check->used = 0;
  }
  unsigned char* piece = check->room + check->used;
  emit_piece(piece, check, name, function);
  check->used += kPieceSize;
  return piece;
}

bool is_own_function(const void* address) { return address >= __executable_start && address < etext; }

// ---- the slots of a loaded object -------------------------------------------------------------------------

class LoadedObject {
 public:
  explicit LoadedObject(const dl_phdr_info* info) : base_(info->dlpi_addr) {
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr)& header = info->dlpi_phdr[i];
      if (header.p_type == PT_DYNAMIC) read_dynamic(reinterpret_cast<const ElfW(Dyn)*>(base_ + header.p_vaddr));
      if (header.p_type == PT_GNU_RELRO) {
        sealed_from_ = base_ + header.p_vaddr;
        sealed_to_ = sealed_from_ + header.p_memsz;
      }
    }
  }
  void put_checks(LockCheck* check) const {
    if (!symbols_ || !names_) return;
    put_checks_in(check, slots_, slots_size_);
    put_checks_in(check, others_, others_size_);
  }

 private:
  void read_dynamic(const ElfW(Dyn)* entry) {
    for (; entry->d_tag != DT_NULL; ++entry) {
      const auto pointer = entry->d_un.d_ptr;
      if (entry->d_tag == DT_SYMTAB) symbols_ = reinterpret_cast<const ElfW(Sym)*>(pointer);
      if (entry->d_tag == DT_STRTAB) names_ = reinterpret_cast<const char*>(pointer);
      if (entry->d_tag == DT_JMPREL) slots_ = reinterpret_cast<const ElfW(Rela)*>(pointer);
      if (entry->d_tag == DT_PLTRELSZ) slots_size_ = entry->d_un.d_val;
      if (entry->d_tag == DT_RELA) others_ = reinterpret_cast<const ElfW(Rela)*>(pointer);
      if (entry->d_tag == DT_RELASZ) others_size_ = entry->d_un.d_val;
    }
  }
  void put_checks_in(LockCheck* check, const ElfW(Rela)* relocations, size_t size) const {
    for (size_t i = 0; relocations && i < size / sizeof(ElfW(Rela)); ++i) {
      const auto type = ELF64_R_TYPE(relocations[i].r_info);
      if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
      const ElfW(Sym)& symbol = symbols_[ELF64_R_SYM(relocations[i].r_info)];
      const char* name = names_ + symbol.st_name;
      if (symbol.st_shndx != SHN_UNDEF || (!is_checked(name) && !takes_lock(name))) continue;
      const void* function = dlsym(RTLD_DEFAULT, name);
      auto* slot = reinterpret_cast<void**>(base_ + relocations[i].r_offset);
      // One that was given its piece before leads elsewhere, and not to where the linker would resolve it.
      if (!is_own_function(function) || (*slot != function && !is_unresolved(*slot))) continue;
      if (void* piece = make_piece(check, name, function)) set(slot, piece);
    }
  }
  // A slot that is resolved at its first use leads into its own object until then.
  bool is_unresolved(const void* target) const {
    Dl_info info;
    return dladdr(target, &info) && reinterpret_cast<uintptr_t>(info.dli_fbase) == base_;
  }
  void set(void** slot, void* target) const {
    const auto size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const uintptr_t address = reinterpret_cast<uintptr_t>(slot), page = address & ~(size - 1);
    const bool sealed = address >= sealed_from_ && address < sealed_to_;
    if (sealed && mprotect(reinterpret_cast<void*>(page), size, PROT_READ | PROT_WRITE) != 0) return;
    __atomic_store_n(slot, target, __ATOMIC_RELEASE);
    if (sealed) mprotect(reinterpret_cast<void*>(page), size, PROT_READ);
  }

  uintptr_t base_;
  uintptr_t sealed_from_ = 0, sealed_to_ = 0;  // made read-only by the dynamic linker
  const ElfW(Sym)* symbols_ = nullptr;
  const char* names_ = nullptr;
  const ElfW(Rela)* slots_ = nullptr;
  const ElfW(Rela)* others_ = nullptr;
  size_t slots_size_ = 0, others_size_ = 0;
};

// Kept in the main interpreter's dict, which has no other place for it that costs nothing when there is none.
inline constexpr char kPlace[] = "gill.lock_check";

LockCheck* current_check() {
  PyObject* dict = g_runtime.main_interpreter ? g_runtime.main_interpreter->dict : nullptr;
  PyObject* capsule = dict ? PyDict_GetItemString(dict, kPlace) : nullptr;
  return capsule ? static_cast<LockCheck*>(PyCapsule_GetPointer(capsule, kPlace)) : nullptr;
}

}  // namespace

extern "C" void gill_check_loaded_objects() {
  LockCheck* check = current_check();
  if (!check) return;
  if (check->room) mprotect(check->room, kRoomSize, PROT_READ | PROT_WRITE | PROT_EXEC);
  dl_iterate_phdr([](dl_phdr_info* info, size_t, void* raw) {
    // The executable's own calls are not by slots.
    if (info->dlpi_name && info->dlpi_name[0]) LoadedObject(info).put_checks(static_cast<LockCheck*>(raw));
    return 0;
  }, check);
  if (check->room) mprotect(check->room, kRoomSize, PROT_READ | PROT_EXEC);
}

Status start_lock_check(const PyConfig* config) {
  if (!_Py_get_xoption(&config->xoptions, L"lock-check")) return Status::ok;
#if !defined(__x86_64__)
  return raise(PyExc_RuntimeError, "-X lock-check needs an x86-64 processor");
#else
  void* memory = std::malloc(sizeof(LockCheck));
  if (!memory) return PyErr_NoMemory(), failure;
  Ref<> capsule = TRY(steal(PyCapsule_New(new (memory) LockCheck(), kPlace, nullptr)));
  PyObject* dict = TRY(PyInterpreterState_GetDict(PyInterpreterState_Get()));
  TRY(status_of(PyDict_SetItemString(dict, kPlace, capsule.get())));
  gill_check_loaded_objects();
  return Status::ok;
#endif
}

void finish_lock_check() {
  if (LockCheck* check = current_check()) check->active = 0;
}

}  // namespace gill
