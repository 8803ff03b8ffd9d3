// The `pwd` module: the password database.
#include <pwd.h>

#include "modules/accounts/accounts.h"

namespace gill::accounts {
namespace {

const PyStructSequence_Field kFields[] = {{"pw_name", "user name"}, {"pw_passwd", "password"}, {"pw_uid", "user id"}, {"pw_gid", "group id"},
                                          {"pw_gecos", "real name"}, {"pw_dir", "home directory"}, {"pw_shell", "shell program"}, {nullptr, nullptr}};

Ref<> make_entry(PyObject* module, const passwd& entry) {
  return Entry(module).text(entry.pw_name).text(entry.pw_passwd).put(steal(_PyLong_FromUid(entry.pw_uid))).put(steal(_PyLong_FromGid(entry.pw_gid)))
      .text(entry.pw_gecos).text(entry.pw_dir).text(entry.pw_shell).take();
}

Ref<> pwd_getpwuid(PyObject* module, PyObject* uidobj) {
  uid_t uid;
  if (!_Py_Uid_Converter(uidobj, &uid)) {
    // What no user can have is nobody's.
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) PyErr_SetString(PyExc_KeyError, "getpwuid(): uid not found");
    return failure;
  }
  passwd entry, *found = nullptr;
  return look_up([&](char* buffer, size_t size) { return ::getpwuid_r(uid, &entry, buffer, size, &found); },
                 [&]() -> Ref<> {
                   if (found) return make_entry(module, entry);
                   Ref<> number = TRY(steal(_PyLong_FromUid(uid)));
                   return raise(PyExc_KeyError, "getpwuid(): uid not found: %S", number.get());
                 });
}

Ref<> pwd_getpwnam(PyObject* module, PyUnicodeObject* wanted) {
  Ref<> bytes = TRY(encode_name(wanted));
  passwd entry, *found = nullptr;
  return look_up([&](char* buffer, size_t size) { return ::getpwnam_r(PyBytes_AS_STRING(bytes.get()), &entry, buffer, size, &found); },
                 [&]() -> Ref<> {
                   if (found) return make_entry(module, entry);
                   return raise(PyExc_KeyError, "getpwnam(): name not found: %R", as_object(wanted));
                 });
}

Ref<> pwd_getpwall(PyObject* module) { return all_entries(module, ::setpwent, ::getpwent, ::endpwent, make_entry); }

const PyMethodDef kMethods[] = {
    METHOD("getpwuid($module, uidobj, /)", pwd_getpwuid,
           "Return the password database entry for the given numeric user ID.\n\nSee `help(pwd)` for more on password database entries."),
    METHOD("getpwnam($module, name, /)", pwd_getpwnam,
           "Return the password database entry for the given user name.\n\nSee `help(pwd)` for more on password database entries."),
    METHOD("getpwall($module, /)", pwd_getpwall,
           "Return a list of all available password database entries, in arbitrary order.\n\nSee help(pwd) for more on password database entries."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  return static_cast<int>(add_entry_type(module, kFields, "pwd.struct_passwd",
                                         "pwd.struct_passwd: Results from getpw*() routines.\n\nThis object may be accessed either as a tuple of\n  "
                                         "(pw_name,pw_passwd,pw_uid,pw_gid,pw_gecos,pw_dir,pw_shell)\nor via the object attributes as named in the above tuple.", 7));
}
const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = module_definition(
    "pwd",
    "This module provides access to the Unix password database.\nIt is available on all Unix versions.\n\nPassword database entries are reported as 7-tuples containing the "
    "following\nitems from the password database (see `<pwd.h>'), in order:\npw_name, pw_passwd, pw_uid, pw_gid, pw_gecos, pw_dir, pw_shell.\nThe uid and gid items are integers, all "
    "others are strings. An\nexception is raised if the entry asked for cannot be found.",
    kMethods, kSlots);

}  // namespace
}  // namespace gill::accounts

PyMODINIT_FUNC PyInit_pwd() { return PyModuleDef_Init(&gill::accounts::definition); }

namespace gill {
GILL_BUILTIN_MODULE("pwd", PyInit_pwd);
}  // namespace gill
