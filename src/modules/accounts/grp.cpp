// The `grp` module: the group database.
#include <grp.h>

#include "modules/accounts/accounts.h"

namespace gill::accounts {
namespace {

const PyStructSequence_Field kFields[] = {{"gr_name", "group name"}, {"gr_passwd", "password"}, {"gr_gid", "group id"}, {"gr_mem", "group members"},
                                          {nullptr, nullptr}};

Ref<> make_entry(PyObject* module, const group& entry) {
  Ref<> members = TRY(steal(PyList_New(0)));
  for (char** each = entry.gr_mem; each && *each; ++each) {
    Ref<> text = TRY(steal(PyUnicode_DecodeFSDefault(*each)));
    TRY(status_of(PyList_Append(members.get(), text.get())));
  }
  return Entry(module).text(entry.gr_name).text(entry.gr_passwd).put(steal(_PyLong_FromGid(entry.gr_gid))).put(std::move(members)).take();
}

Ref<> grp_getgrgid(PyObject* module, PyObject* id) {
  gid_t gid;
  if (!_Py_Gid_Converter(id, &gid)) return failure;
  group entry, *found = nullptr;
  return look_up([&](char* buffer, size_t size) { return ::getgrgid_r(gid, &entry, buffer, size, &found); },
                 [&]() -> Ref<> {
                   if (found) return make_entry(module, entry);
                   Ref<> number = TRY(steal(_PyLong_FromGid(gid)));
                   return raise(PyExc_KeyError, "getgrgid(): gid not found: %S", number.get());
                 });
}

Ref<> grp_getgrnam(PyObject* module, PyUnicodeObject* wanted) {
  Ref<> bytes = TRY(encode_name(wanted));
  group entry, *found = nullptr;
  return look_up([&](char* buffer, size_t size) { return ::getgrnam_r(PyBytes_AS_STRING(bytes.get()), &entry, buffer, size, &found); },
                 [&]() -> Ref<> {
                   if (found) return make_entry(module, entry);
                   return raise(PyExc_KeyError, "getgrnam(): name not found: %R", as_object(wanted));
                 });
}

Ref<> grp_getgrall(PyObject* module) { return all_entries(module, ::setgrent, ::getgrent, ::endgrent, make_entry); }

const PyMethodDef kMethods[] = {
    METHOD("getgrgid($module, /, id)", grp_getgrgid, "Return the group database entry for the given numeric group ID.\n\nIf id is not valid, raise KeyError."),
    METHOD("getgrnam($module, /, name)", grp_getgrnam, "Return the group database entry for the given group name.\n\nIf name is not valid, raise KeyError."),
    METHOD("getgrall($module, /)", grp_getgrall,
           "Return a list of all available group entries, in arbitrary order.\n\nAn entry whose name starts with '+' or '-' represents an instruction\nto use YP/NIS and may not be accessible via "
           "getgrnam or getgrgid."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  return static_cast<int>(add_entry_type(module, kFields, "grp.struct_group",
                                         "grp.struct_group: Results from getgr*() routines.\n\nThis object may be accessed either as a tuple of\n  (gr_name,gr_passwd,gr_gid,gr_mem)\nor via the "
                                         "object attributes as named in the above tuple.\n", 4));
}
const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = module_definition(
    "grp",
    "Access to the Unix group database.\n\nGroup entries are reported as 4-tuples containing the following fields\nfrom the group database, in order:\n\n  gr_name   - name of the group\n"
    "  gr_passwd - group password (encrypted); often empty\n  gr_gid    - numeric ID of the group\n  gr_mem    - list of members\n\nThe gid is an integer, name and password are strings.  "
    "(Note that most\nusers are not explicitly listed as members of the groups they are in\naccording to the password database.  Check both databases to get\ncomplete membership "
    "information.)",
    kMethods, kSlots);

}  // namespace
}  // namespace gill::accounts

PyMODINIT_FUNC PyInit_grp() { return PyModuleDef_Init(&gill::accounts::definition); }

namespace gill {
GILL_BUILTIN_MODULE("grp", PyInit_grp);
}  // namespace gill
