// Methods that the reference hands their defining class (METH_METHOD). They pass through its parser of keywords even where no parameter
// has a name, which shows in what they say to wrong arguments: without parameters they ignore keywords.
#pragma once

#include "base/binding.h"

namespace gill::detail {

template <FixedString S, auto F>
struct DefiningClassBound : Bound<S, F> {
  using Base = Bound<S, F>;
  static constexpr Signature signature = [] {
    Signature result = Base::signature;
    result.takes_keywords = true;
    return result;
  }();

  static PyObject* fast_keywords(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* kwnames) {
    using Result = typename Base::Result;
    PyObject* slots[signature.count + 1];
    if constexpr (signature.count == 0) {
      if (positional != 0) return raise(PyExc_TypeError, "%s() takes no arguments", Base::name_storage);
    } else {
      TRY(bind_arguments(signature, args, positional, kwnames, slots, nullptr, nullptr));
    }
    auto* receiver = to_receiver<typename Base::Receiver>(self);
    return to_python(Base::template call_with<Result>(receiver, slots, Args{}, Ref<>{}, std::make_integer_sequence<int, signature.count>{}));
  }

  static constexpr PyMethodDef definition(const char* doc) {
    PyMethodDef result{};
    result.ml_name = Base::name_storage;
    result.ml_doc = doc;
    result.ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&fast_keywords));
    result.ml_flags = METH_FASTCALL | METH_KEYWORDS;
    return result;
  }
};

}  // namespace gill::detail

#define METHOD_OF_DEFINING_CLASS(signature, function, doc) \
  ::gill::detail::DefiningClassBound<signature, &function>::definition(signature "\n--\n\n" doc)
