// The functions of OpenSSL's libcrypto that the hash modules use. The library is loaded for the first hash object: linking to it would cost
// every start-up its relocations, and loading it with the modules every program that imports random 2 MB and as many milliseconds.
#pragma once

#include <openssl/evp.h>

#include "base/result.h"

namespace gill::hashes {

#define GILL_LIBCRYPTO_FUNCTIONS(X)                                                                                              \
  X(EVP_MD_CTX_new) X(EVP_MD_CTX_free) X(EVP_MD_CTX_copy_ex) X(EVP_DigestInit_ex) X(EVP_DigestUpdate) X(EVP_DigestFinal_ex)      \
  X(EVP_DigestFinalXOF) X(EVP_MD_get_size) X(EVP_MD_get_block_size) X(EVP_get_digestbyname)

struct Libcrypto {
#define GILL_FUNCTION(name) decltype(&::name) name;
  GILL_LIBCRYPTO_FUNCTIONS(GILL_FUNCTION)
#undef GILL_FUNCTION
};

// Fills the table, which begins empty, if that has not been done; ImportError when the library or a function is missing.
Status load_libcrypto(Libcrypto* functions);

}  // namespace gill::hashes
