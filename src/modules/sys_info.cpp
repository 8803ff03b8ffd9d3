// The structures of `sys` that describe the build and its numbers.
#include <cfloat>
#include <climits>
#include <unistd.h>

#include "base/binding.h"
#include "base/names.h"
#include "modules/sys_module.h"
#include "runtime/runtime.h"

extern "C" PyObject* _PyNamespace_New(PyObject* fields);
extern "C" PyTypeObject* _PyStructSequence_NewType(PyStructSequence_Desc* description, unsigned long flags);

namespace gill {
namespace {

// Fills a structure from values in order; takes over what Py_BuildValue-like helpers made.
class Filler {
 public:
  explicit Filler(PyTypeObject* type) : object_(steal(PyStructSequence_New(type))) {}
  Filler& integer(long long value) { return put(steal(PyLong_FromLongLong(value))); }
  Filler& real(double value) { return put(steal(PyFloat_FromDouble(value))); }
  Filler& text(const char* value) { return put(steal(PyUnicode_FromString(value))); }
  Filler& truth(bool value) { return put(py_bool(value)); }
  Filler& put(Ref<> value) {
    if (!value) object_.reset();
    if (object_) PyStructSequence_SetItem(object_.get(), index_++, value.release());
    return *this;
  }
  Ref<> take() { return std::move(object_); }

 private:
  Ref<> object_;
  int index_ = 0;
};

// The type belongs to its one instance, so it is made new for each interpreter. Nobody may make a second one
// where `sealed`.
Ref<PyTypeObject> make_type(PyStructSequence_Desc& description, bool sealed) {
  Ref<PyTypeObject> type = TRY(steal(_PyStructSequence_NewType(&description, Py_TPFLAGS_IMMUTABLETYPE)));
  if (sealed) {
    type->tp_new = nullptr;
    type->tp_init = nullptr;
    type->tp_flags |= Py_TPFLAGS_DISALLOW_INSTANTIATION;
    if (PyDict_DelItem(type->tp_dict, name<"__new__">) < 0) PyErr_Clear();
    PyType_Modified(type.get());
  }
  return type;
}

template <size_t N>
Ref<PyTypeObject> make_type(const char* type_name, const char* doc, const PyStructSequence_Field (&fields)[N], bool sealed = false) {
  PyStructSequence_Desc description = {type_name, doc, table(fields), static_cast<int>(N) - 1};
  return make_type(description, sealed);
}

const PyStructSequence_Field kVersionFields[] = {{"major", "Major release number"},
                                                 {"minor", "Minor release number"},
                                                 {"micro", "Patch release number"},
                                                 {"releaselevel", "'alpha', 'beta', 'candidate', or 'final'"},
                                                 {"serial", "Serial release number"},
                                                 {nullptr, nullptr}};
const PyStructSequence_Field kFlagFields[] = {
    {"debug", "-d"}, {"inspect", "-i"}, {"interactive", "-i"}, {"optimize", "-O or -OO"}, {"dont_write_bytecode", "-B"}, {"no_user_site", "-s"},
    {"no_site", "-S"}, {"ignore_environment", "-E"}, {"verbose", "-v"}, {"bytes_warning", "-b"}, {"quiet", "-q"}, {"hash_randomization", "-R"},
    {"isolated", "-I"}, {"dev_mode", "-X dev"}, {"utf8_mode", "-X utf8"}, {"warn_default_encoding", "-X warn_default_encoding"}, {"safe_path", "-P"},
    {"int_max_str_digits", "-X int_max_str_digits"}, {nullptr, nullptr}};
const PyStructSequence_Field kHashFields[] = {{"width", "width of the type used for hashing, in bits"},
                                              {"modulus", "prime number giving the modulus on which the hash function is based"},
                                              {"inf", "value to be used for hash of a positive infinity"},
                                              {"nan", "value to be used for hash of a nan"},
                                              {"imag", "multiplier used for the imaginary part of a complex number"},
                                              {"algorithm", "name of the algorithm for hashing of str, bytes and memoryviews"},
                                              {"hash_bits", "internal output size of hash algorithm"},
                                              {"seed_bits", "seed size of hash algorithm"},
                                              {"cutoff", "small string optimization cutoff"},
                                              {nullptr, nullptr}};
const PyStructSequence_Field kIntFields[] = {{"bits_per_digit", "size of a digit in bits"},
                                             {"sizeof_digit", "size in bytes of the C type used to represent a digit"},
                                             {"default_max_str_digits", "maximum string conversion digits limitation"},
                                             {"str_digits_check_threshold", "minimum positive value for int_max_str_digits"},
                                             {nullptr, nullptr}};
const PyStructSequence_Field kFloatFields[] = {
    {"max", "maximum representable finite float"}, {"max_exp", "maximum int e such that radix**(e-1) is representable"},
    {"max_10_exp", "maximum int e such that 10**e is representable"}, {"min", "minimum positive normalized float"},
    {"min_exp", "minimum int e such that radix**(e-1) is a normalized float"}, {"min_10_exp", "minimum int e such that 10**e is a normalized float"},
    {"dig", "maximum number of decimal digits that can be faithfully represented in a float"}, {"mant_dig", "mantissa digits"},
    {"epsilon", "difference between 1 and the next representable float"}, {"radix", "radix of exponent"},
    {"rounds", "rounding mode used for arithmetic operations"}, {nullptr, nullptr}};
const PyStructSequence_Field kThreadFields[] = {
    {"name", "name of the thread implementation"}, {"lock", "name of the lock implementation"},
    {"version", "name and version of the thread library"}, {nullptr, nullptr}};

Ref<> version_info() {
  Ref<PyTypeObject> type = TRY(make_type("sys.version_info", "Version information as a named tuple.", kVersionFields, true));
  return Filler(type.get()).integer(PY_MAJOR_VERSION).integer(PY_MINOR_VERSION).integer(PY_MICRO_VERSION).text("final").integer(PY_RELEASE_SERIAL).take();
}
Ref<> hash_info() {
  Ref<PyTypeObject> type = TRY(make_type("sys.hash_info", "A named tuple of parameters of numeric hashes.", kHashFields));
  return Filler(type.get()).integer(8 * sizeof(Py_hash_t)).integer(_PyHASH_MODULUS).integer(_PyHASH_INF).integer(0).integer(_PyHASH_IMAG)
      .text("siphash13").integer(64).integer(128).integer(0).take();
}
Ref<> int_info() {
  Ref<PyTypeObject> type = TRY(make_type("sys.int_info", "A named tuple about the representation of integers.", kIntFields));
  return Filler(type.get()).integer(PyLong_SHIFT).integer(sizeof(digit)).integer(4300).integer(640).take();
}
Ref<> float_info() {
  Ref<PyTypeObject> type = TRY(make_type("sys.float_info", "A named tuple about the float type.", kFloatFields));
  return Filler(type.get()).real(DBL_MAX).integer(DBL_MAX_EXP).integer(DBL_MAX_10_EXP).real(DBL_MIN).integer(DBL_MIN_EXP).integer(DBL_MIN_10_EXP)
      .integer(DBL_DIG).integer(DBL_MANT_DIG).real(DBL_EPSILON).integer(FLT_RADIX).integer(1).take();
}
Ref<> thread_info() {
  Ref<PyTypeObject> type = TRY(make_type("sys.thread_info", "A named tuple about the thread implementation.", kThreadFields));
  char version[64] = "";
  confstr(_CS_GNU_LIBPTHREAD_VERSION, version, sizeof(version));
  return Filler(type.get()).text("pthread").text("semaphore").text(version).take();
}

Status set(PyObject* dict, const char* key, Ref<> value) { return value ? status_of(PyDict_SetItemString(dict, key, value.get())) : Status::error; }
Ref<> text(const char* value) { return steal(PyUnicode_FromString(value)); }

}  // namespace

Ref<> make_flags(const PyConfig* config) {
  Ref<PyTypeObject> type = TRY(make_type("sys.flags", "Flags provided through command line arguments or environment vars.", kFlagFields, true));
  return Filler(type.get()).integer(config->parser_debug).integer(config->inspect).integer(config->interactive).integer(config->optimization_level)
      .integer(!config->write_bytecode).integer(!config->user_site_directory).integer(!config->site_import).integer(!config->use_environment)
      .integer(config->verbose).integer(config->bytes_warning).integer(config->quiet)
      .integer(config->use_hash_seed == 0 || config->hash_seed != 0).integer(config->isolated).truth(config->dev_mode).integer(Py_UTF8Mode)
      .integer(config->warn_default_encoding).truth(config->safe_path).integer(g_runtime.int_max_str_digits).take();
}

Ref<> make_implementation() {
  Ref<> fields = TRY(steal(PyDict_New()));
  TRY(set(fields.get(), "name", text("cpython")));
  TRY(set(fields.get(), "cache_tag", text("cpython-311")));
  TRY(set(fields.get(), "version", version_info()));
  TRY(set(fields.get(), "hexversion", steal(PyLong_FromLong(PY_VERSION_HEX))));
  TRY(set(fields.get(), "_multiarch", text("x86_64-linux-gnu")));
  TRY(set(fields.get(), "gill_version", text("0.1.0")));
  return steal(_PyNamespace_New(fields.get()));
}

Status add_info(PyObject* dict) {
  TRY(set(dict, "version", text(Py_GetVersion())));
  TRY(set(dict, "hexversion", steal(PyLong_FromLong(PY_VERSION_HEX))));
  TRY(set(dict, "api_version", steal(PyLong_FromLong(PYTHON_API_VERSION))));
  TRY(set(dict, "copyright", text(Py_GetCopyright())));
  TRY(set(dict, "platform", text(Py_GetPlatform())));
  TRY(set(dict, "_git", steal(Py_BuildValue("(sss)", "CPython", "", ""))));
  TRY(set(dict, "_framework", text("")));
  TRY(set(dict, "abiflags", text("")));
  TRY(set(dict, "byteorder", text("little")));
  TRY(set(dict, "float_repr_style", text("short")));
  TRY(set(dict, "maxsize", steal(PyLong_FromSsize_t(PY_SSIZE_T_MAX))));
  TRY(set(dict, "maxunicode", steal(PyLong_FromLong(0x10ffff))));
  TRY(set(dict, "version_info", version_info()));
  TRY(set(dict, "hash_info", hash_info()));
  TRY(set(dict, "int_info", int_info()));
  TRY(set(dict, "float_info", float_info()));
  TRY(set(dict, "thread_info", thread_info()));
  TRY(set(dict, "implementation", make_implementation()));
  Ref<> names = TRY(steal(PyList_New(0)));
  for (int i = 0; i < kStandardModuleCount; ++i) TRY(status_of(PyList_Append(names.get(), TRY(text(kStandardModules[i])).get())));
  return set(dict, "stdlib_module_names", steal(PyFrozenSet_New(names.get())));
}

}  // namespace gill

extern "C" PyObject* PyThread_GetInfo(void) { return gill::thread_info().release(); }
