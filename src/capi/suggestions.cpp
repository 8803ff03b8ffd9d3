// "Did you mean": the name that is nearest to one that does not exist.
#include <algorithm>
#include <climits>
#include <cstring>

#include "base/names.h"
#include "capi/exception_printer.h"

extern "C" PyObject* _Py_Offer_Suggestions(PyObject* exception);

namespace gill {
namespace {

constexpr Py_ssize_t kMostCandidates = 750;
constexpr Py_ssize_t kLongestName = 40;
constexpr Py_ssize_t kEditCost = 2;
constexpr Py_ssize_t kCaseCost = 1;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Py_ssize_t substitution_cost(char a, char b) {
  if (a == b) return 0;
  return lower(a) == lower(b) ? kCaseCost : kEditCost;
}

// The cost of turning one name into the other; any number above `most` when it is higher than that.
Py_ssize_t edit_cost(const char* a, Py_ssize_t a_size, const char* b, Py_ssize_t b_size, Py_ssize_t most) {
  while (a_size && b_size && *a == *b) ++a, ++b, --a_size, --b_size;
  while (a_size && b_size && a[a_size - 1] == b[b_size - 1]) --a_size, --b_size;
  if (a_size == 0 || b_size == 0) return (a_size + b_size) * kEditCost;
  if (a_size > kLongestName || b_size > kLongestName) return most + 1;
  if (b_size < a_size) {
    std::swap(a, b);
    std::swap(a_size, b_size);
  }
  if ((b_size - a_size) * kEditCost > most) return most + 1;
  // One row of the table of costs between beginnings of the names.
  Py_ssize_t row[kLongestName];
  for (Py_ssize_t i = 0; i < a_size; ++i) row[i] = (i + 1) * kEditCost;
  Py_ssize_t result = 0;
  for (Py_ssize_t j = 0; j < b_size; ++j) {
    Py_ssize_t diagonal = result = j * kEditCost;
    Py_ssize_t least = PY_SSIZE_T_MAX;
    for (Py_ssize_t i = 0; i < a_size; ++i) {
      Py_ssize_t substituted = diagonal + substitution_cost(b[j], a[i]);
      diagonal = row[i];
      result = std::min(std::min(result, diagonal) + kEditCost, substituted);
      row[i] = result;
      least = std::min(least, result);
    }
    if (least > most) return most + 1;
  }
  return result;
}

Ref<> nearest(PyObject* candidates, PyObject* wanted) {
  Py_ssize_t count = PyList_GET_SIZE(candidates);
  if (count >= kMostCandidates) return nullptr;
  Py_ssize_t size = 0;
  const char* text = TRY(PyUnicode_AsUTF8AndSize(wanted, &size));
  PyObject* best = nullptr;
  Py_ssize_t best_cost = PY_SSIZE_T_MAX;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = PyList_GET_ITEM(candidates, i);
    if (!PyUnicode_Check(item)) return nullptr;
    Py_ssize_t item_size = 0;
    const char* item_text = TRY(PyUnicode_AsUTF8AndSize(item, &item_size));
    if (item_size == size && std::memcmp(text, item_text, static_cast<size_t>(size)) == 0) continue;
    // A third of the characters may differ; what is no better than the best so far is not looked at.
    Py_ssize_t most = std::min((size + item_size + 3) * kEditCost / 6, best_cost - 1);
    Py_ssize_t cost = edit_cost(text, size, item_text, item_size, most);
    if (cost > most) continue;
    best = item;
    best_cost = cost;
  }
  return borrow(best);
}

Ref<> suggest_attribute(PyObject* exception) {
  auto* error = reinterpret_cast<PyAttributeErrorObject*>(exception);
  if (!error->name || !error->obj || !PyUnicode_Check(error->name)) return nullptr;
  Ref<> names = TRY(steal(PyObject_Dir(error->obj)));
  return nearest(names.get(), error->name);
}

Ref<> suggest_name(PyObject* exception) {
  PyObject* wanted = reinterpret_cast<PyNameErrorObject*>(exception)->name;
  PyObject* traceback = reinterpret_cast<PyBaseExceptionObject*>(exception)->traceback;
  if (!wanted || !traceback || !PyUnicode_CheckExact(wanted)) return nullptr;
  // The scopes of the place where it was raised, innermost first.
  auto* entry = reinterpret_cast<PyTracebackObject*>(traceback);
  while (entry->tb_next) entry = reinterpret_cast<PyTracebackObject*>(entry->tb_next);
  Ref<PyCodeObject> code = steal(PyFrame_GetCode(entry->tb_frame));
  Ref<> locals = TRY(steal(PyCode_GetVarnames(code.get())));
  Ref<> globals = TRY(steal(PyFrame_GetGlobals(entry->tb_frame)));
  Ref<> builtins = TRY(steal(PyFrame_GetBuiltins(entry->tb_frame)));
  for (PyObject* scope : {locals.get(), globals.get(), builtins.get()}) {
    Ref<> names = TRY(steal(PySequence_List(scope)));
    Ref<> found = nearest(names.get(), wanted);
    if (found || PyErr_Occurred()) return found;
  }
  return nullptr;
}

}  // namespace

Ref<> suggestion_for(PyObject* exception) {
  Ref<> found;
  // Subclasses have meanings of their own.
  if (Py_IS_TYPE(exception, reinterpret_cast<PyTypeObject*>(PyExc_AttributeError))) found = suggest_attribute(exception);
  else if (Py_IS_TYPE(exception, reinterpret_cast<PyTypeObject*>(PyExc_NameError))) found = suggest_name(exception);
  if (!found) PyErr_Clear();
  return found;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* _Py_Offer_Suggestions(PyObject* exception) { return suggestion_for(exception).release(); }

[[gnu::visibility("default")]] Py_ssize_t _Py_UTF8_Edit_Cost(PyObject* a, PyObject* b, Py_ssize_t most) {
  Py_ssize_t a_size, b_size;
  const char* a_text = PyUnicode_AsUTF8AndSize(a, &a_size);
  const char* b_text = a_text ? PyUnicode_AsUTF8AndSize(b, &b_size) : nullptr;
  if (!b_text) return -1;
  return edit_cost(a_text, a_size, b_text, b_size, most == -1 ? kEditCost * std::max(a_size, b_size) : most);
}

}  // extern "C"
