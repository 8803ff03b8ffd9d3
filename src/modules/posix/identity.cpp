// Who the process runs as, and to which group and session it belongs.
#include <grp.h>
#include <limits.h>
#include <sys/types.h>
#include <unistd.h>

#include "modules/posix/posix.h"

extern "C" {
PyAPI_FUNC(int) _Py_Gid_Converter(PyObject* object, gid_t* out);
PyAPI_FUNC(PyObject*) _PyLong_FromUid(uid_t uid);
PyAPI_FUNC(PyObject*) _PyLong_FromGid(gid_t gid);
}

namespace gill::posix {
namespace {

Ref<> from_uid(uid_t id) { return steal(_PyLong_FromUid(id)); }
Ref<> from_gid(gid_t id) { return steal(_PyLong_FromGid(id)); }

// ---- users and groups -----------------------------------------------------------------------------------------------

Ref<> posix_getuid(PyObject*) { return from_uid(::getuid()); }
Ref<> posix_geteuid(PyObject*) { return from_uid(::geteuid()); }
Ref<> posix_getgid(PyObject*) { return from_gid(::getgid()); }
Ref<> posix_getegid(PyObject*) { return from_gid(::getegid()); }

Ref<> triple(Ref<> a, Ref<> b, Ref<> c) {
  if (!a || !b || !c) return failure;
  return steal(PyTuple_Pack(3, a.get(), b.get(), c.get()));
}
Ref<> posix_getresuid(PyObject*) {
  uid_t real, effective, saved;
  TRY(result_of(::getresuid(&real, &effective, &saved)));
  return triple(from_uid(real), from_uid(effective), from_uid(saved));
}
Ref<> posix_getresgid(PyObject*) {
  gid_t real, effective, saved;
  TRY(result_of(::getresgid(&real, &effective, &saved)));
  return triple(from_gid(real), from_gid(effective), from_gid(saved));
}

Status posix_setuid(PyObject*, UserId uid) { return result_of(::setuid(uid.id)); }
Status posix_seteuid(PyObject*, UserId euid) { return result_of(::seteuid(euid.id)); }
Status posix_setreuid(PyObject*, UserId ruid, UserId euid) { return result_of(::setreuid(ruid.id, euid.id)); }
Status posix_setresuid(PyObject*, UserId ruid, UserId euid, UserId suid) { return result_of(::setresuid(ruid.id, euid.id, suid.id)); }
Status posix_setgid(PyObject*, GroupId gid) { return result_of(::setgid(gid.id)); }
Status posix_setegid(PyObject*, GroupId egid) { return result_of(::setegid(egid.id)); }
Status posix_setregid(PyObject*, GroupId rgid, GroupId egid) { return result_of(::setregid(rgid.id, egid.id)); }
Status posix_setresgid(PyObject*, GroupId rgid, GroupId egid, GroupId sgid) { return result_of(::setresgid(rgid.id, egid.id, sgid.id)); }

// ---- supplementary groups ----------------------------------------------------------------------------------------------

class GroupArray {
 public:
  explicit GroupArray(Py_ssize_t count) : ids_(PyMem_New(gid_t, count > 0 ? count : 1)) {}
  GroupArray(const GroupArray&) = delete;
  ~GroupArray() { PyMem_Free(ids_); }
  gid_t* data() { return ids_; }
  explicit operator bool() const { return ids_ != nullptr; }

 private:
  gid_t* ids_;
};

Ref<> group_list(const gid_t* ids, int count) {
  Ref<> list = TRY(steal(PyList_New(count)));
  for (int i = 0; i < count; ++i) PyList_SET_ITEM(list.get(), i, TRY(from_gid(ids[i])).release());
  return list;
}

Ref<> posix_getgroups(PyObject*) {
  int count = ::getgroups(0, nullptr);
  if (count < 0) return os_error();
  GroupArray ids(count);
  if (!ids) return steal(PyErr_NoMemory());
  count = ::getgroups(count, ids.data());
  if (count < 0) return os_error();
  return group_list(ids.data(), count);
}

Ref<> posix_getgrouplist(PyObject*, const char* user, GroupId group) {
  for (int capacity = 64;; capacity *= 2) {
    GroupArray ids(capacity);
    if (!ids) return steal(PyErr_NoMemory());
    int count = capacity;
    if (::getgrouplist(user, group.id, ids.data(), &count) != -1) return group_list(ids.data(), count);
    if (capacity > (1 << 24)) return os_error();
  }
}

Status posix_setgroups(PyObject*, PyObject* groups) {
  if (!PySequence_Check(groups)) return raise(PyExc_TypeError, "setgroups argument must be a sequence");
  Py_ssize_t count = PySequence_Size(groups);
  if (count < 0) return Status::error;
  if (count > NGROUPS_MAX) return raise(PyExc_ValueError, "too many groups");
  GroupArray ids(count);
  if (!ids) {
    PyErr_NoMemory();
    return Status::error;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    Ref<> item = TRY(steal(PySequence_GetItem(groups, i)));
    if (!PyLong_Check(item.get())) return raise(PyExc_TypeError, "groups must be integers");
    if (!_Py_Gid_Converter(item.get(), ids.data() + i)) return Status::error;
  }
  return result_of(::setgroups(static_cast<size_t>(count), ids.data()));
}

Status posix_initgroups(PyObject*, Encoded username, GroupId gid) { return result_of(::initgroups(username.text(), gid.id)); }

Ref<> posix_getlogin(PyObject*) {
  char buffer[LOGIN_NAME_MAX + 1];
  if (int error = ::getlogin_r(buffer, sizeof(buffer))) {
    errno = error;
    return os_error();
  }
  return steal(PyUnicode_DecodeFSDefault(buffer));
}

// ---- processes, their groups and sessions ---------------------------------------------------------------------------------

Maybe<int> posix_getpid(PyObject*) { return ::getpid(); }
Maybe<int> posix_getppid(PyObject*) { return ::getppid(); }
Maybe<int> posix_getpgrp(PyObject*) { return ::getpgrp(); }
Maybe<int> no_error(int result) {
  if (result < 0) return os_error();
  return result;
}
Maybe<int> posix_getpgid(PyObject*, ProcessId pid) { return no_error(::getpgid(pid.id)); }
Maybe<int> posix_getsid(PyObject*, ProcessId pid) { return no_error(::getsid(pid.id)); }
Status posix_setpgid(PyObject*, ProcessId pid, ProcessId pgrp) { return result_of(::setpgid(pid.id, pgrp.id)); }
Status posix_setpgrp(PyObject*) { return result_of(::setpgid(0, 0)); }
Status posix_setsid(PyObject*) { return result_of(::setsid()); }

}  // namespace

const PyMethodDef kIdentityMethods[] = {
    METHOD("getuid($module, /)", posix_getuid, "Return the current process's user id."),
    METHOD("geteuid($module, /)", posix_geteuid, "Return the current process's effective user id."),
    METHOD("getgid($module, /)", posix_getgid, "Return the current process's group id."),
    METHOD("getegid($module, /)", posix_getegid, "Return the current process's effective group id."),
    METHOD("getresuid($module, /)", posix_getresuid, "Return a tuple of the current process's real, effective, and saved user ids."),
    METHOD("getresgid($module, /)", posix_getresgid, "Return a tuple of the current process's real, effective, and saved group ids."),
    METHOD("setuid($module, uid, /)", posix_setuid, "Set the current process's user id."),
    METHOD("seteuid($module, euid, /)", posix_seteuid, "Set the current process's effective user id."),
    METHOD("setreuid($module, ruid, euid, /)", posix_setreuid, "Set the current process's real and effective user ids."),
    METHOD("setresuid($module, ruid, euid, suid, /)", posix_setresuid, "Set the current process's real, effective, and saved user ids."),
    METHOD("setgid($module, gid, /)", posix_setgid, "Set the current process's group id."),
    METHOD("setegid($module, egid, /)", posix_setegid, "Set the current process's effective group id."),
    METHOD("setregid($module, rgid, egid, /)", posix_setregid, "Set the current process's real and effective group ids."),
    METHOD("setresgid($module, rgid, egid, sgid, /)", posix_setresgid, "Set the current process's real, effective, and saved group ids."),
    METHOD("getgroups($module, /)", posix_getgroups, "Return list of supplemental group IDs for the process."),
    METHOD("getgrouplist($module, user, group, /)", posix_getgrouplist,
           "Returns a list of groups to which a user belongs.\n\n  user\n    username to lookup\n  group\n    base group id of the user"),
    METHOD("setgroups($module, groups, /)", posix_setgroups, "Set the groups of the current process to list."),
    METHOD("initgroups($module, username, gid, /)", posix_initgroups,
           "Initialize the group access list.\n\nCall the system initgroups() to initialize the group access list with all of\nthe groups of which the specified username is a member, plus "
           "the specified\ngroup id."),
    METHOD("getlogin($module, /)", posix_getlogin, "Return the actual login name."),
    METHOD("getpid($module, /)", posix_getpid, "Return the current process id."),
    METHOD("getppid($module, /)", posix_getppid,
           "Return the parent's process id.\n\nIf the parent process has already exited, Windows machines will still\nreturn its id; others systems will return the id of the 'init' "
           "process (1)."),
    METHOD("getpgrp($module, /)", posix_getpgrp, "Return the current process group id."),
    METHOD("getpgid($module, /, pid)", posix_getpgid, "Call the system call getpgid(), and return the result."),
    METHOD("getsid($module, pid, /)", posix_getsid, "Call the system call getsid(pid) and return the result."),
    METHOD("setpgid($module, pid, pgrp, /)", posix_setpgid, "Call the system call setpgid(pid, pgrp)."),
    METHOD("setpgrp($module, /)", posix_setpgrp, "Make the current process the leader of its process group."),
    METHOD("setsid($module, /)", posix_setsid, "Call the system call setsid()."),
    kEndOfMethods,
};

}  // namespace gill::posix
