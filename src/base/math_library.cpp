// The C library's mathematical functions, from a library that is loaded when one of them is first called: most programs call
// none, and it is a third of a megabyte and a fiftieth of a start. Each name here is a jump through a pointer, as in a procedure linkage
// table, which leads to find_math_function() until the function is known.
//
// A first call must not fail where the library was to be had when the process began. So it is loaded at once where the address space is
// limited, and before the process gets another root; extensions, by which a program could do more to itself, load it as well.
#include "base/math_library.h"

#include <dlfcn.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace gill {

void* load_math_library() { return dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL); }

void load_math_library_if_limited() {
  rlimit space;
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY) load_math_library();
}

}  // namespace gill

// The sanitizers have mathematical functions of their own, and link the library.
#if defined(__x86_64__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

// What the executable uses of libm; what is missing here is linked, and the library loaded at the start again.
#define MATH_FUNCTIONS(X)                                                                                                     \
  X(acos) X(acosh) X(asin) X(asinh) X(atan) X(atan2) X(atanh) X(cacos) X(cacosh) X(casinh) X(catanh) X(cbrt) X(ccosh) X(ceil) \
  X(cexp) X(clog) X(cos) X(cosh) X(csinh) X(csqrt) X(ctanh) X(erf) X(erfc) X(exp) X(exp2) X(expm1) X(floor) X(fma) X(fmod)    \
  X(hypot) X(log) X(log10) X(log1p) X(log2) X(nan) X(nearbyint) X(nextafter) X(pow) X(remainder) X(round) X(sin) X(sinh)      \
  X(sqrt) X(tan) X(tanh) X(trunc)

// Arguments are in rdi and up to four xmm registers.
asm(R"(
.macro math_function name
  .section .data.math_functions, "aw", @progbits
  .balign 8
address_of_\name:
  .quad first_\name
  .section .text.\name, "ax", @progbits
  .globl \name
  .hidden \name
  .type \name, @function
  .balign 16
\name:
  .cfi_startproc
  jmpq *address_of_\name(%rip)
first_\name:
  pushq %rax
  .cfi_adjust_cfa_offset 8
  leaq address_of_\name(%rip), %rax
  jmp first_call_of_math_function
  .cfi_endproc
  .size \name, . - \name
.endm
  .section .data.math_functions, "aw", @progbits
  .balign 8
math_function_addresses:
  .section .text.first_call_of_math_function, "ax", @progbits
  .type first_call_of_math_function, @function
first_call_of_math_function:
  .cfi_startproc
  .cfi_def_cfa_offset 16
  subq $80, %rsp
  .cfi_adjust_cfa_offset 80
  movups %xmm0, (%rsp)
  movups %xmm1, 16(%rsp)
  movups %xmm2, 32(%rsp)
  movups %xmm3, 48(%rsp)
  movq %rdi, 64(%rsp)
  movq %rax, %rdi
  leaq math_function_addresses(%rip), %rsi
  callq find_math_function
  movups (%rsp), %xmm0
  movups 16(%rsp), %xmm1
  movups 32(%rsp), %xmm2
  movups 48(%rsp), %xmm3
  movq 64(%rsp), %rdi
  addq $88, %rsp
  .cfi_adjust_cfa_offset -88
  jmpq *%rax
  .cfi_endproc
  .size first_call_of_math_function, . - first_call_of_math_function
  .text
)");
#define DEFINE(name) asm("math_function " #name);
MATH_FUNCTIONS(DEFINE)
#undef DEFINE

// All descriptors of the process may be in use: a child that shares the memory has a table of its own, and can close some. It ends without a
// signal.
static void* load_with_other_descriptors() {
  auto load = [](void*) {
    for (int descriptor = 0; descriptor < 10; ++descriptor) close(descriptor);
    gill::load_math_library();
    return 0;
  };
  constexpr size_t kStack = size_t{256} << 10;
  char* stack = static_cast<char*>(std::malloc(kStack));
  if (!stack) return nullptr;
  const int child = clone(load, stack + kStack, CLONE_VM | CLONE_VFORK, nullptr);
  if (child > 0) waitpid(child, nullptr, __WCLONE);
  std::free(stack);
  // Without a file, where it is loaded now.
  return gill::load_math_library();
}

extern "C" [[gnu::used, gnu::visibility("hidden")]] void* find_math_function(void** address, void** first) {
#define NAME(name) #name,
  static constexpr const char* kNames[] = {MATH_FUNCTIONS(NAME)};
#undef NAME
  const int error = errno;
  void* library = gill::load_math_library();
  if (!library) library = load_with_other_descriptors();
  void* function = library ? dlsym(library, kNames[address - first]) : nullptr;
  if (!function) {
    std::fprintf(stderr, "gill: %s\n", dlerror());
    std::abort();
  }
  __atomic_store_n(address, function, __ATOMIC_RELEASE);
  errno = error;
  return function;
}

#endif
