// The native stack of this thread, from signal context too.
#pragma once

#include <dlfcn.h>
#include <unwind.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace gill {

struct NativeStack {
  static constexpr int kMost = 64;
  const void* addresses[kMost];
  int count = 0;

  // Called where the stack is wanted: the caller is the first in it.
  [[gnu::noinline]] void capture() {
    count = 0;
    _Unwind_Backtrace(
        [](_Unwind_Context* context, void* raw) {
          auto* self = static_cast<NativeStack*>(raw);
          if (self->count == kMost) return _URC_END_OF_STACK;
          self->addresses[self->count++] = reinterpret_cast<const void*>(_Unwind_GetIP(context));
          return _URC_NO_REASON;
        },
        this);
  }
};

// "symbol+offset (library)" or "library+offset", from the dynamic symbols alone.
inline void format_address(const void* address, char* out, size_t size) {
  Dl_info info;
  if (!dladdr(address, &info) || !info.dli_fname) {
    std::snprintf(out, size, "%p", address);
    return;
  }
  const char* slash = std::strrchr(info.dli_fname, '/');
  const char* library = slash ? slash + 1 : info.dli_fname;
  auto at = reinterpret_cast<uintptr_t>(address);
  if (info.dli_sname) std::snprintf(out, size, "%s+0x%zx (%s)", info.dli_sname, at - reinterpret_cast<uintptr_t>(info.dli_saddr), library);
  else std::snprintf(out, size, "%s+0x%zx", library, at - reinterpret_cast<uintptr_t>(info.dli_fbase));
}

}  // namespace gill
