// The module _locale: the C library's locales, collation and message catalogues.
#include <langinfo.h>
#include <libintl.h>

#include <cerrno>
#include <climits>
#include <clocale>
#include <cwchar>

#include "base/binding.h"
#include "base/names.h"
#include "modules/module_state.h"

extern "C" {
PyObject* _Py_GetLocaleEncodingObject(void);
void _Py_ResetForceASCII(void);
}

namespace gill {
namespace {

struct State {
  PyObject* error;
};
State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }

// A str or None as the C library wants it; the str keeps the text alive.
Maybe<const char*> optional_text(PyObject* value, const char* function, int position) {
  if (value == Py_None) return static_cast<const char*>(nullptr);
  if (!PyUnicode_Check(value)) {
    return raise(PyExc_TypeError, "%s() argument %d must be str or None, not %.50s", function, position, Py_TYPE(value)->tp_name);
  }
  Py_ssize_t size = 0;
  const char* text = TRY(PyUnicode_AsUTF8AndSize(value, &size));
  if (std::strlen(text) != static_cast<size_t>(size)) return raise(PyExc_ValueError, "embedded null character");
  return text;
}

Ref<> from_locale(const char* text) { return steal(PyUnicode_DecodeLocale(text, nullptr)); }

Ref<> locale_setlocale(PyObject* module, int category, PyObject* locale) {
  const char* wanted = locale ? TRY(optional_text(locale, "setlocale", 2)) : nullptr;
  const char* result = std::setlocale(category, wanted);
  if (!result) return raise(state_of(module)->error, wanted ? "unsupported locale setting" : "locale query failed");
  if (wanted && (category == LC_CTYPE || category == LC_ALL)) _Py_ResetForceASCII();
  return from_locale(result);
}

// ---- numbers and money ------------------------------------------------------------------------------------

// Sizes of groups of digits, to the end or to the mark that no more follow.
Ref<> grouping_list(const char* sizes) {
  Ref<> list = TRY(steal(PyList_New(0)));
  for (const char* p = sizes; *p; ++p) {
    TRY(status_of(PyList_Append(list.get(), TRY(steal(PyLong_FromLong(*p))).get())));
    if (*p == CHAR_MAX) return list;
  }
  // A list that is not empty ends with 0: the last size repeats.
  if (*sizes) TRY(status_of(PyList_Append(list.get(), TRY(steal(PyLong_FromLong(0))).get())));
  return list;
}

Ref<> locale_localeconv(PyObject*) {
  Ref<> result = TRY(steal(PyDict_New()));
  auto set = [&](const char* key, Ref<> value) { return value ? status_of(PyDict_SetItemString(result.get(), key, value.get())) : Status::error; };
  const lconv* c = std::localeconv();
#define TEXT(field) TRY(set(#field, from_locale(c->field)))
#define NUMBER(field) TRY(set(#field, steal(PyLong_FromLong(c->field))))
  TEXT(int_curr_symbol);
  TEXT(currency_symbol);
  TEXT(mon_decimal_point);
  TEXT(mon_thousands_sep);
  TRY(set("mon_grouping", grouping_list(c->mon_grouping)));
  TEXT(positive_sign);
  TEXT(negative_sign);
  NUMBER(int_frac_digits);
  NUMBER(frac_digits);
  NUMBER(p_cs_precedes);
  NUMBER(p_sep_by_space);
  NUMBER(n_cs_precedes);
  NUMBER(n_sep_by_space);
  NUMBER(p_sign_posn);
  NUMBER(n_sign_posn);
  TEXT(decimal_point);
  TEXT(thousands_sep);
  TRY(set("grouping", grouping_list(c->grouping)));
#undef TEXT
#undef NUMBER
  return result;
}

// ---- collation ------------------------------------------------------------------------------------------------

class WideText {
 public:
  explicit WideText(PyObject* text) : text_(PyUnicode_AsWideCharString(text, &size_)) {}
  ~WideText() { PyMem_Free(text_); }
  WideText(const WideText&) = delete;
  // Null with an exception: also for text with a NUL within, which the C library would end at.
  const wchar_t* get() const {
    if (text_ && std::wcslen(text_) != static_cast<size_t>(size_)) {
      PyErr_SetString(PyExc_ValueError, "embedded null character");
      return nullptr;
    }
    return text_;
  }

 private:
  Py_ssize_t size_ = 0;
  wchar_t* text_;
};

Maybe<int> locale_strcoll(PyObject*, PyUnicodeObject* os1, PyUnicodeObject* os2) {
  WideText first(as_object(os1)), second(as_object(os2));
  const wchar_t* a = TRY(first.get());
  const wchar_t* b = TRY(second.get());
  return std::wcscoll(a, b);
}

Ref<> locale_strxfrm(PyObject*, PyUnicodeObject* string) {
  WideText wide(as_object(string));
  const wchar_t* text = TRY(wide.get());
  errno = 0;
  size_t size = std::wcsxfrm(nullptr, text, 0) + 1;
  if (errno && errno != ERANGE) {
    PyErr_SetFromErrno(PyExc_OSError);
    return failure;
  }
  auto* key = static_cast<wchar_t*>(PyMem_Malloc(size * sizeof(wchar_t)));
  if (!key) return PyErr_NoMemory(), nullptr;
  std::wcsxfrm(key, text, size);
  Ref<> result = steal(PyUnicode_FromWideChar(key, -1));
  PyMem_Free(key);
  return result;
}

// ---- the locale's facts -----------------------------------------------------------------------------------------

struct Constant {
  const char* name;
  int value;
};
#define C(n) {#n, n}
constexpr Constant kLanguageInfo[] = {
    C(DAY_1), C(DAY_2), C(DAY_3), C(DAY_4), C(DAY_5), C(DAY_6), C(DAY_7), C(ABDAY_1), C(ABDAY_2), C(ABDAY_3), C(ABDAY_4), C(ABDAY_5), C(ABDAY_6),
    C(ABDAY_7), C(MON_1), C(MON_2), C(MON_3), C(MON_4), C(MON_5), C(MON_6), C(MON_7), C(MON_8), C(MON_9), C(MON_10), C(MON_11), C(MON_12),
    C(ABMON_1), C(ABMON_2), C(ABMON_3), C(ABMON_4), C(ABMON_5), C(ABMON_6), C(ABMON_7), C(ABMON_8), C(ABMON_9), C(ABMON_10), C(ABMON_11),
    C(ABMON_12), C(RADIXCHAR), C(THOUSEP), C(CRNCYSTR), C(D_FMT), C(D_T_FMT), C(T_FMT), C(AM_STR), C(PM_STR), C(CODESET), C(T_FMT_AMPM), C(ERA),
    C(ERA_D_FMT), C(ERA_D_T_FMT), C(ERA_T_FMT), C(ALT_DIGITS), C(YESEXPR), C(NOEXPR), C(_DATE_FMT),
};
constexpr Constant kCategories[] = {C(LC_CTYPE), C(LC_TIME), C(LC_COLLATE), C(LC_MONETARY), C(LC_MESSAGES), C(LC_NUMERIC), C(LC_ALL), C(CHAR_MAX)};
#undef C

Ref<> locale_nl_langinfo(PyObject*, int key) {
  for (const Constant& known : kLanguageInfo) {
    if (known.value != key) continue;
    const char* text = nl_langinfo(key);
    return from_locale(text ? text : "");
  }
  return raise(PyExc_ValueError, "unsupported langinfo constant");
}

Ref<> locale_getencoding(PyObject*) { return steal(_Py_GetLocaleEncodingObject()); }

// ---- message catalogues ---------------------------------------------------------------------------------------

Ref<> locale_gettext(PyObject*, const char* msg) { return from_locale(gettext(msg)); }
Ref<> locale_dgettext(PyObject*, PyObject* domain, const char* msg) { return from_locale(dgettext(TRY(optional_text(domain, "dgettext", 1)), msg)); }
Ref<> locale_dcgettext(PyObject*, PyObject* domain, const char* msg, int category) {
  return from_locale(dcgettext(TRY(optional_text(domain, "dcgettext", 1)), msg, category));
}
Ref<> locale_textdomain(PyObject*, PyObject* domain) {
  const char* current = textdomain(TRY(optional_text(domain, "textdomain", 1)));
  if (!current) {
    PyErr_SetFromErrno(PyExc_OSError);
    return failure;
  }
  return from_locale(current);
}
Ref<> locale_bindtextdomain(PyObject* module, const char* domain, PyObject* dir) {
  if (!*domain) return raise(state_of(module)->error, "domain must be a non-empty string");
  Ref<> path;
  if (dir != Py_None) {
    PyObject* bytes = nullptr;
    if (!PyUnicode_FSConverter(dir, &bytes)) return failure;
    path = steal(bytes);
  }
  const char* current = bindtextdomain(domain, path ? PyBytes_AS_STRING(path.get()) : nullptr);
  if (!current) {
    PyErr_SetFromErrno(PyExc_OSError);
    return failure;
  }
  return from_locale(current);
}
Ref<> locale_bind_textdomain_codeset(PyObject*, const char* domain, PyObject* codeset) {
  const char* current = bind_textdomain_codeset(domain, TRY(optional_text(codeset, "bind_textdomain_codeset", 2)));
  return current ? from_locale(current) : none();
}

const PyMethodDef kMethods[] = {
    METHOD("setlocale($module, category, locale=<unrepresentable>, /)", locale_setlocale, "Activates/queries locale processing."),
    METHOD("localeconv($module, /)", locale_localeconv, "Returns numeric and monetary locale-specific parameters."),
    METHOD("strcoll($module, os1, os2, /)", locale_strcoll, "Compares two strings according to the locale."),
    METHOD("strxfrm($module, string, /)", locale_strxfrm, "Return a string that can be used as a key for locale-aware comparisons."),
    METHOD("nl_langinfo($module, key, /)", locale_nl_langinfo, "Return the value for the locale information associated with key."),
    METHOD("gettext($module, msg, /)", locale_gettext, "Return the translation of msg."),
    METHOD("dgettext($module, domain, msg, /)", locale_dgettext, "Return the translation of msg in domain."),
    METHOD("dcgettext($module, domain, msg, category, /)", locale_dcgettext, "Return the translation of msg in domain and category."),
    METHOD("textdomain($module, domain, /)", locale_textdomain, "Set the C library's text domain; return the one in force."),
    METHOD("bindtextdomain($module, domain, dir, /)", locale_bindtextdomain, "Bind the C library's domain to dir."),
    METHOD("bind_textdomain_codeset($module, domain, codeset, /)", locale_bind_textdomain_codeset, "Bind the C library's domain to codeset."),
    METHOD("getencoding($module, /)", locale_getencoding, "Get the current locale encoding."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  for (const Constant& c : kCategories) TRY(status_of(PyModule_AddIntConstant(module, c.name, c.value)));
  for (const Constant& c : kLanguageInfo) TRY(status_of(PyModule_AddIntConstant(module, c.name, c.value)));
  State* state = state_of(module);
  state->error = TRY(PyErr_NewException("locale.Error", nullptr, nullptr));
  return PyModule_AddObjectRef(module, "Error", state->error);
}
using Owned = ModuleFields<&State::error>;

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef kModule = {PyModuleDef_HEAD_INIT, "_locale", "Support for POSIX locales.", sizeof(State), table(kMethods), table(kSlots),
                       Owned::traverse, Owned::clear, Owned::free};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit__locale() { return PyModuleDef_Init(&gill::kModule); }
namespace gill {
GILL_BUILTIN_MODULE("_locale", PyInit__locale);
}
