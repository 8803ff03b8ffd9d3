// The `spwd` module: the shadow password database.
#include <shadow.h>

#include "modules/accounts/accounts.h"

namespace gill::accounts {
namespace {

const PyStructSequence_Field kFields[] = {
    {"sp_namp", "login name"}, {"sp_pwdp", "encrypted password"}, {"sp_lstchg", "date of last change"}, {"sp_min", "min #days between changes"},
    {"sp_max", "max #days between changes"}, {"sp_warn", "#days before pw expires to warn user about it"},
    {"sp_inact", "#days after pw expires until account is disabled"}, {"sp_expire", "#days since 1970-01-01 when account expires"}, {"sp_flag", "reserved"},
    // Older names of the first two.
    {"sp_nam", "login name; deprecated"}, {"sp_pwd", "encrypted password; deprecated"}, {nullptr, nullptr}};

Ref<> make_entry(PyObject* module, const spwd& entry) {
  return Entry(module).text(entry.sp_namp).text(entry.sp_pwdp).number(entry.sp_lstchg).number(entry.sp_min).number(entry.sp_max).number(entry.sp_warn)
      .number(entry.sp_inact).number(entry.sp_expire).number(static_cast<long>(entry.sp_flag)).text(entry.sp_namp).text(entry.sp_pwdp).take();
}

Ref<> spwd_getspnam(PyObject* module, PyUnicodeObject* wanted) {
  Ref<> bytes = TRY(encode_name(wanted));
  spwd entry, *found = nullptr;
  int error = 0;
  return look_up([&](char* buffer, size_t size) { return error = ::getspnam_r(PyBytes_AS_STRING(bytes.get()), &entry, buffer, size, &found); },
                 [&]() -> Ref<> {
                   if (found) return make_entry(module, entry);
                   if (error == EACCES || error == EPERM) {
                     errno = error;
                     return os_error();
                   }
                   return raise(PyExc_KeyError, "getspnam(): name not found");
                 });
}

Ref<> spwd_getspall(PyObject* module) { return all_entries(module, ::setspent, ::getspent, ::endspent, make_entry); }

const PyMethodDef kMethods[] = {
    METHOD("getspnam($module, arg, /)", spwd_getspnam,
           "Return the shadow password database entry for the given user name.\n\nSee `help(spwd)` for more on shadow password database entries."),
    METHOD("getspall($module, /)", spwd_getspall,
           "Return a list of all available shadow password database entries, in arbitrary order.\n\nSee `help(spwd)` for more on shadow password database entries."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  if (PyErr_WarnEx(PyExc_DeprecationWarning, "'spwd' is deprecated and slated for removal in Python 3.13", 7) < 0) return -1;
  return static_cast<int>(add_entry_type(module, kFields, "spwd.struct_spwd",
                                         "spwd.struct_spwd: Results from getsp*() routines.\n\nThis object may be accessed either as a 9-tuple of\n  "
                                         "(sp_namp,sp_pwdp,sp_lstchg,sp_min,sp_max,sp_warn,sp_inact,sp_expire,sp_flag)\nor via the object attributes as named in the above tuple.", 9));
}
const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = module_definition(
    "spwd",
    "This module provides access to the Unix shadow password database.\nIt is available on various Unix versions.\n\nShadow password database entries are reported as 9-tuples of type "
    "struct_spwd,\ncontaining the following items from the password database (see `<shadow.h>'):\nsp_namp, sp_pwdp, sp_lstchg, sp_min, sp_max, sp_warn, sp_inact, sp_expire, sp_flag.\nThe "
    "sp_namp and sp_pwdp are strings, the rest are integers.\nAn exception is raised if the entry asked for cannot be found.\nYou have to be root to be able to use this module.",
    kMethods, kSlots);

}  // namespace
}  // namespace gill::accounts

PyMODINIT_FUNC PyInit_spwd() { return PyModuleDef_Init(&gill::accounts::definition); }

namespace gill {
GILL_BUILTIN_MODULE("spwd", PyInit_spwd);
}  // namespace gill
