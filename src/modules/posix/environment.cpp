// The environment: `environ` as it was at start-up, and changes of it.
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "modules/posix/posix.h"

extern char** environ;

namespace gill::posix {
namespace {

// `=` ends a name in the environment.
Status check_name(const char* text) {
  if (std::strchr(text, '=')) return raise(PyExc_ValueError, "illegal environment variable name");
  return Status::ok;
}

Status posix_putenv(PyObject*, Encoded name, Encoded value) {
  TRY(check_name(name.text()));
  TRY(audit("os.putenv", "OO", name.bytes.get(), value.bytes.get()));
  return result_of(::setenv(name.text(), value.text(), 1));
}

Status posix_unsetenv(PyObject*, Encoded name) {
  TRY(audit("os.unsetenv", "(O)", name.bytes.get()));
  return result_of(::unsetenv(name.text()));
}

}  // namespace

const PyMethodDef kEnvironmentMethods[] = {
    METHOD("putenv($module, name, value, /)", posix_putenv, "Change or add an environment variable."),
    METHOD("unsetenv($module, name, /)", posix_unsetenv, "Delete an environment variable."),
    kEndOfMethods,
};

Status add_environment(PyObject* module) {
  Ref<> dict = TRY(steal(PyDict_New()));
  for (char** entry = ::environ; entry && *entry; ++entry) {
    const char* equals = std::strchr(*entry, '=');
    if (!equals) continue;
    Ref<> key = TRY(steal(PyBytes_FromStringAndSize(*entry, equals - *entry)));
    Ref<> value = TRY(steal(PyBytes_FromString(equals + 1)));
    // The first of equal names is the one that getenv() finds.
    if (!PyDict_SetDefault(dict.get(), key.get(), value.get())) return Status::error;
  }
  return status_of(PyModule_AddObjectRef(module, "environ", dict.get()));
}

}  // namespace gill::posix
