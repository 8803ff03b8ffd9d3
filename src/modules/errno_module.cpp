// The errno module: the system's error numbers by name.
#include <Python.h>

#include <cerrno>

#include "base/binding.h"
#include "base/names.h"

namespace gill {
namespace {

struct ErrorNumber {
  const char* text;
  int number;
};
#define ERROR(symbol) {#symbol, symbol}
// Of two names for one number, the later is what `errorcode` says.
const ErrorNumber kNumbers[] = {
    ERROR(EPERM), ERROR(ENOENT), ERROR(ESRCH), ERROR(EINTR), ERROR(EIO), ERROR(ENXIO), ERROR(E2BIG), ERROR(ENOEXEC), ERROR(EBADF), ERROR(ECHILD),
    ERROR(EWOULDBLOCK), ERROR(EAGAIN), ERROR(ENOMEM), ERROR(EACCES), ERROR(EFAULT), ERROR(ENOTBLK), ERROR(EBUSY), ERROR(EEXIST), ERROR(EXDEV),
    ERROR(ENODEV), ERROR(ENOTDIR), ERROR(EISDIR), ERROR(EINVAL), ERROR(ENFILE), ERROR(EMFILE), ERROR(ENOTTY), ERROR(ETXTBSY), ERROR(EFBIG),
    ERROR(ENOSPC), ERROR(ESPIPE), ERROR(EROFS), ERROR(EMLINK), ERROR(EPIPE), ERROR(EDOM), ERROR(ERANGE), ERROR(EDEADLK), ERROR(EDEADLOCK),
    ERROR(ENAMETOOLONG), ERROR(ENOLCK), ERROR(ENOSYS), ERROR(ENOTEMPTY), ERROR(ELOOP), ERROR(ENOMSG), ERROR(EIDRM), ERROR(ECHRNG),
    ERROR(EL2NSYNC), ERROR(EL3HLT), ERROR(EL3RST), ERROR(ELNRNG), ERROR(EUNATCH), ERROR(ENOCSI), ERROR(EL2HLT), ERROR(EBADE), ERROR(EBADR),
    ERROR(EXFULL), ERROR(ENOANO), ERROR(EBADRQC), ERROR(EBADSLT), ERROR(EBFONT), ERROR(ENOSTR), ERROR(ENODATA), ERROR(ETIME), ERROR(ENOSR),
    ERROR(ENONET), ERROR(ENOPKG), ERROR(EREMOTE), ERROR(ENOLINK), ERROR(EADV), ERROR(ESRMNT), ERROR(ECOMM), ERROR(EPROTO), ERROR(EMULTIHOP),
    ERROR(EDOTDOT), ERROR(EBADMSG), ERROR(EOVERFLOW), ERROR(ENOTUNIQ), ERROR(EBADFD), ERROR(EREMCHG), ERROR(ELIBACC), ERROR(ELIBBAD),
    ERROR(ELIBSCN), ERROR(ELIBMAX), ERROR(ELIBEXEC), ERROR(EILSEQ), ERROR(ERESTART), ERROR(ESTRPIPE), ERROR(EUSERS), ERROR(ENOTSOCK),
    ERROR(EDESTADDRREQ), ERROR(EMSGSIZE), ERROR(EPROTOTYPE), ERROR(ENOPROTOOPT), ERROR(EPROTONOSUPPORT), ERROR(ESOCKTNOSUPPORT),
    ERROR(EOPNOTSUPP), ERROR(ENOTSUP), ERROR(EPFNOSUPPORT), ERROR(EAFNOSUPPORT), ERROR(EADDRINUSE), ERROR(EADDRNOTAVAIL), ERROR(ENETDOWN),
    ERROR(ENETUNREACH), ERROR(ENETRESET), ERROR(ECONNABORTED), ERROR(ECONNRESET), ERROR(ENOBUFS), ERROR(EISCONN), ERROR(ENOTCONN),
    ERROR(ESHUTDOWN), ERROR(ETOOMANYREFS), ERROR(ETIMEDOUT), ERROR(ECONNREFUSED), ERROR(EHOSTDOWN), ERROR(EHOSTUNREACH), ERROR(EALREADY),
    ERROR(EINPROGRESS), ERROR(ESTALE), ERROR(EUCLEAN), ERROR(ENOTNAM), ERROR(ENAVAIL), ERROR(EISNAM), ERROR(EREMOTEIO), ERROR(EDQUOT),
    ERROR(ENOMEDIUM), ERROR(EMEDIUMTYPE), ERROR(ECANCELED), ERROR(ENOKEY), ERROR(EKEYEXPIRED), ERROR(EKEYREVOKED), ERROR(EKEYREJECTED),
    ERROR(EOWNERDEAD), ERROR(ENOTRECOVERABLE), ERROR(ERFKILL),
};
#undef ERROR

int execute(PyObject* module) {
  PyObject* dict = PyModule_GetDict(module);
  Ref<> codes = TRY(steal(PyDict_New()));
  TRY(status_of(PyDict_SetItem(dict, name<"errorcode">, codes.get())));
  for (const ErrorNumber& each : kNumbers) {
    Ref<> symbol = TRY(steal(PyUnicode_InternFromString(each.text)));
    Ref<> number = TRY(steal(PyLong_FromLong(each.number)));
    TRY(status_of(PyDict_SetItem(dict, symbol.get(), number.get())));
    TRY(status_of(PyDict_SetItem(codes.get(), number.get(), symbol.get())));
  }
  return 0;
}

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "errno",
    .m_doc = "This module makes available standard errno system symbols.\n\nThe value of each symbol is the corresponding integer value,\ne.g., on most "
             "systems, errno.ENOENT equals the integer 2.\n\nThe dictionary errno.errorcode maps numeric codes to symbol names,\ne.g., errno.errorcode[2] "
             "could be the string 'ENOENT'.\n\nSymbols that are not relevant to the underlying system are not defined.\n\nTo map error codes to error "
             "messages, use the function os.strerror(),\ne.g. os.strerror(2) could return 'No such file or directory'.",
    .m_size = 0,
    .m_slots = table(kSlots),
};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit_errno() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("errno", PyInit_errno);
}  // namespace gill
