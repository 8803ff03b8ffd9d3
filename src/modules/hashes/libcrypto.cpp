#include "modules/hashes/libcrypto.h"

#include <dlfcn.h>

namespace gill::hashes {

Status load_libcrypto(Libcrypto* functions) {
  if (functions->EVP_MD_CTX_new) return Status::ok;
  void* library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
  if (!library) return raise(PyExc_ImportError, "hashes need OpenSSL 3: %s", dlerror());
  bool complete = true;
  Libcrypto found;
#define GILL_FIND(name) complete = (found.name = reinterpret_cast<decltype(&::name)>(dlsym(library, #name))) && complete;
  GILL_LIBCRYPTO_FUNCTIONS(GILL_FIND)
#undef GILL_FIND
  if (!complete) return raise(PyExc_ImportError, "libcrypto.so.3 lacks a function that the hashes need");
  *functions = found;
  return Status::ok;
}

}  // namespace gill::hashes
