// Declares built-in functions, methods, constructors and slots in tables a person can read.
//
//   const PyMethodDef kListMethods[] = {
//       METHOD("append($self, object, /)", list_append, "Append object to the end of the list."),
//       METHOD("sort($self, /, *, key=None, reverse=False)", list_sort, "Sort the list in place."),
//       METHOD("extend($self, iterable, /)", list_extend, "Extend the list."),
//       kEndOfMethods,
//   };
//   Status list_append(PyListObject* self, PyObject* object);
//   Status list_sort(PyListObject* self, PyObject* key, bool reverse);
//
// From the signature text come the argument binder, the calling convention, `__text_signature__` and
// the compile-time check that the function has a parameter for each of the signature's. Parameter
// types are those of base/convert.h, plus `Args` and `Kwargs`; result types are Ref<T>, Status
// (None), Maybe<bool>, Maybe<integer>, Maybe<double>.
#pragma once

#include <algorithm>
#include <tuple>

#include "base/arguments.h"
#include "base/convert.h"

namespace gill {

// A flag of our own in PyMethodDef::ml_flags: see METHOD_OF_TUPLE.
inline constexpr int kOfTuple = 1 << 16;

// ---- results ----------------------------------------------------------------------------------

template <class T>
inline PyObject* to_python(Ref<T> value) { return as_object(value.release()); }
inline PyObject* to_python(Status status) { return status == Status::ok ? none().release() : nullptr; }
template <class T>
inline PyObject* to_python(Maybe<T> value) {
  if (!value) return nullptr;
  if constexpr (std::same_as<T, bool>) return py_bool(value.value()).release();
  else if constexpr (std::floating_point<T>) return PyFloat_FromDouble(value.value());
  else if constexpr (std::unsigned_integral<T>) return PyLong_FromUnsignedLongLong(value.value());
  else return PyLong_FromLongLong(value.value());
}

namespace detail {

template <class F>
struct FunctionTraits;
template <class R, class... P>
struct FunctionTraits<R (*)(P...)> {
  using Result = R;
  using Parameters = std::tuple<P...>;
  static constexpr int arity = sizeof...(P);
};

template <class T>
T to_receiver(PyObject* self) {
  static_assert(std::is_pointer_v<T>, "the first parameter is the receiver");
  return reinterpret_cast<T>(self);
}

// Whether a Python subclass has a slot of its own where its first built-in base has another.
template <class Slot>
bool overrides(PyTypeObject* type, Slot PyTypeObject::*field) {
  PyTypeObject* base = type;
  while (PyType_HasFeature(base, Py_TPFLAGS_HEAPTYPE) && base->tp_base) base = base->tp_base;
  return base != type && type->*field != base->*field;
}

template <FixedString S, auto F, Wording W = Wording::clinic>
struct Bound {
  static constexpr const Signature& signature = signature_of<S, W>;
  using Traits = FunctionTraits<decltype(F)>;
  using Parameters = typename Traits::Parameters;
  using Receiver = std::tuple_element_t<0, Parameters>;
  static_assert(Traits::arity == signature.count + 1, "the function needs a receiver and one parameter for each of the signature's");

  template <int I>
  using Type = std::remove_cvref_t<std::tuple_element_t<I + 1, Parameters>>;

  template <int I>
  static Status store(PyObject* given, Type<I>& out, const Args& rest, const Ref<>& extra) {
    constexpr Parameter parameter = parsed_signature_of<S>.parameters[I];
    if constexpr (parameter.kind == ParameterKind::var_positional) {
      static_assert(std::same_as<Type<I>, Args>);
      out = rest;
    } else if constexpr (parameter.kind == ParameterKind::var_keyword) {
      static_assert(std::same_as<Type<I>, Kwargs>);
      out.dict = extra.get();
    } else if (given) {
      return Argument<Type<I>>::convert(given, out, ArgumentPlace{signature, I});
    } else {
      out = Argument<Type<I>>::fallback(parameter);
    }
    return Status::ok;
  }

  template <class R, int... I>
  static R call_with(Receiver self, PyObject* const* slots, const Args& rest, const Ref<>& extra, std::integer_sequence<int, I...>) {
    std::tuple<Type<I>...> values{};
    (void)slots;
    if (!((store<I>(slots[I], std::get<I>(values), rest, extra) == Status::ok) && ...)) return failure;
    return F(self, std::move(std::get<I>(values))...);
  }

  using Result = typename Traits::Result;
  static Result call(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* kwnames) {
    PyObject* slots[signature.count + 1];
    Args rest;
    Ref<> extra;
    // Arguments that are all given by position stand where their slots are.
    constexpr bool simple = !signature.has_var_positional && !signature.has_var_keyword && !signature.requires_keywords;
    constexpr bool spread = !signature.takes_keywords && signature.has_var_positional;
    if (spread && !kwnames && positional >= signature.required_positional) {
      // `*rest` is the last parameter.
      constexpr Py_ssize_t before = signature.count - 1;
      for (int i = 0; i < signature.count; ++i) slots[i] = i < before && i < positional ? args[i] : nullptr;
      if (positional > before) rest = {args + before, positional - before};
    } else if (simple && !kwnames && positional >= signature.required_positional && positional <= signature.positional) [[likely]] {
      for (int i = 0; i < signature.count; ++i) slots[i] = i < positional ? args[i] : nullptr;
    } else {
      TRY(bind_arguments(signature, args, positional, kwnames, slots, &rest, &extra));
    }
    return call_with<Result>(to_receiver<Receiver>(self), slots, rest, extra, std::make_integer_sequence<int, signature.count>{});
  }

  static PyObject* no_arguments(PyObject* self, PyObject*) { return to_python(call(self, nullptr, 0, nullptr)); }
  static PyObject* one_argument(PyObject* self, PyObject* argument) { return to_python(call(self, &argument, 1, nullptr)); }
  static PyObject* fast(PyObject* self, PyObject* const* args, Py_ssize_t positional) {
    return to_python(call(self, args, positional, nullptr));
  }
  static PyObject* fast_keywords(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* kwnames) {
    return to_python(call(self, args, positional, kwnames));
  }
  // tp_new, and any slot with the (receiver, tuple, dict) shape that returns an object.
  static PyObject* ternary(PyObject* self, PyObject* args, PyObject* kwargs) {
    return to_python(with_vectorcall_form(args, kwargs, [&](PyObject* const* a, Py_ssize_t n, PyObject* names) {
      return call(self, a, n, names);
    }));
  }
  // tp_new. A subclass that overrides __init__ may take keywords that we know nothing of.
  static PyObject* construct(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    if constexpr (!signature.takes_keywords) {
      if (kwargs && overrides(type, &PyTypeObject::tp_init)) kwargs = nullptr;
    }
    return ternary(as_object(type), args, kwargs);
  }
  static int initialize(PyObject* self, PyObject* args, PyObject* kwargs) {
    if constexpr (!signature.takes_keywords) {
      if (kwargs && overrides(Py_TYPE(self), &PyTypeObject::tp_new)) kwargs = nullptr;
    }
    return static_cast<int>(with_vectorcall_form(args, kwargs, [&](PyObject* const* a, Py_ssize_t n, PyObject* names) {
      return call(self, a, n, names);
    }));
  }
  static PyObject* vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
    return to_python(call(self, args, PyVectorcall_NARGS(nargsf), kwnames));
  }

  static constexpr PyMethodDef definition(const char* doc, int extra_flags) {
    PyMethodDef result{};
    result.ml_name = name_storage;
    result.ml_doc = doc;
    // Any keyword wants the general form; a wrong count that the binder words itself must reach it.
    if constexpr (signature.parsed && !signature.takes_keywords) {
      result.ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&fast));
      result.ml_flags = METH_FASTCALL | extra_flags;
    } else if constexpr (signature.count == 0) {
      result.ml_meth = no_arguments;
      result.ml_flags = METH_NOARGS | extra_flags;
    } else if constexpr (signature.count == 1 && signature.parameters[0].kind == ParameterKind::positional_only &&
                         signature.parameters[0].default_kind == DefaultKind::required) {
      result.ml_meth = one_argument;
      result.ml_flags = METH_O | extra_flags;
    } else if constexpr (signature.takes_keywords) {
      result.ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&fast_keywords));
      result.ml_flags = METH_FASTCALL | METH_KEYWORDS | extra_flags;
    } else {
      result.ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&fast));
      result.ml_flags = METH_FASTCALL | extra_flags;
    }
    return result;
  }

  // The name alone, NUL-terminated.
  struct Name {
    char text[signature.name.size() + 1]{};
  };
  static constexpr Name name_text = [] {
    Name n;
    for (size_t i = 0; i < signature.name.size(); ++i) n.text[i] = signature.name[i];
    return n;
  }();
  static constexpr const char* name_storage = name_text.text;
};

template <size_t N>
struct StoredDoc {
  char text[N];
  constexpr const char* pointer() const { return text; }
};
template <size_t N>
consteval StoredDoc<N> stored_doc(const char (&doc)[N]) {
  StoredDoc<N> result{};
  std::copy_n(doc, N, result.text);
  return result;
}
struct NoDoc {
  constexpr const char* pointer() const { return nullptr; }
};
consteval NoDoc stored_doc(std::nullptr_t) { return {}; }

}  // namespace detail

#define GILL_BOUND(signature, function) ::gill::detail::Bound<signature, &function>
// What few programs read, docstrings of functions above all, stands together, away from the strings that others read.
#define GILL_DOC(doc)                                                                                   \
  ([]() consteval {                                                                                     \
    [[gnu::section(".rodata.docs")]] static constexpr auto storage = ::gill::detail::stored_doc(doc); \
    return storage.pointer();                                                                           \
  }())
// `signature` begins with the name and has a receiver: $self, $type (class methods) or $module.
#define METHOD(signature, function, doc) GILL_BOUND(signature, function)::definition(GILL_DOC(signature "\n--\n\n" doc), 0)
#define CLASS_METHOD(signature, function, doc) GILL_BOUND(signature, function)::definition(GILL_DOC(signature "\n--\n\n" doc), METH_CLASS)
// The receiver of a static method is a null PyObject*.
#define STATIC_METHOD(signature, function, doc) GILL_BOUND(signature, function)::definition(GILL_DOC(signature "\n--\n\n" doc), METH_STATIC)
// For the few callables whose reference has no text signature: `doc` is the whole docstring.
#define METHOD_UNSIGNED(signature, function, doc) GILL_BOUND(signature, function)::definition(GILL_DOC(doc), 0)
// One that gets a tuple of arguments in the reference: a bound one that is given keywords is named without its class or module.
#define METHOD_OF_TUPLE(signature, function, doc) GILL_BOUND(signature, function)::definition(GILL_DOC(doc), ::gill::kOfTuple)
// One that also parses the tuple, which shows in the wording of wrong counts; and one that parses an array.
#define METHOD_PARSED(signature, function, doc) \
  ::gill::detail::Bound<signature, &function, ::gill::Wording::parsed>::definition(GILL_DOC(doc), ::gill::kOfTuple)
#define METHOD_PARSED_ARRAY(signature, function, doc) ::gill::detail::Bound<signature, &function, ::gill::Wording::parsed>::definition(GILL_DOC(doc), 0)
#define CLASS_METHOD_UNSIGNED(signature, function, doc) GILL_BOUND(signature, function)::definition(GILL_DOC(doc), METH_CLASS)
#define CLASS_METHOD_OF_TUPLE(signature, function, doc) GILL_BOUND(signature, function)::definition(GILL_DOC(doc), METH_CLASS | ::gill::kOfTuple)
// tp_new: function(PyTypeObject*, ...); tp_init: Status function(T*, ...); tp_vectorcall; tp_call.
#define CONSTRUCTOR(signature, function) \
  (&GILL_BOUND(signature, function)::construct)
#define INITIALIZER(signature, function) (&GILL_BOUND(signature, function)::initialize)
#define VECTORCALL(signature, function) (&GILL_BOUND(signature, function)::vectorcall)
#define CALL_SLOT(signature, function) (&GILL_BOUND(signature, function)::ternary)

inline constexpr PyMethodDef kEndOfMethods{};
inline constexpr PyGetSetDef kEndOfGetSets{};
inline constexpr PyMemberDef* kNoMembers = nullptr;

// ---- slots --------------------------------------------------------------------------------------

namespace detail {

template <class T>
struct SlotParameter { using type = T; };
template <class T>
  requires(!std::is_void_v<T> && !std::is_function_v<T> && !std::is_same_v<T, PyTypeObject> && !std::is_same_v<T, Py_buffer> && std::is_class_v<T> && !std::is_const_v<T>)
struct SlotParameter<T*> { using type = PyObject*; };

template <class R>
struct SlotResult { using type = R; static R convert(R r) { return r; } };
template <class T>
struct SlotResult<Ref<T>> { using type = PyObject*; static PyObject* convert(Ref<T> r) { return as_object(r.release()); } };
template <>
struct SlotResult<Status> { using type = int; static int convert(Status s) { return static_cast<int>(s); } };
template <>
struct SlotResult<Maybe<bool>> { using type = int; static int convert(Maybe<bool> m) { return m ? m.value() : -1; } };
template <>
struct SlotResult<Maybe<Py_ssize_t>> { using type = Py_ssize_t; static Py_ssize_t convert(Maybe<Py_ssize_t> m) { return m ? m.value() : -1; } };

template <auto F, class = decltype(F)>
struct SlotOf;
template <auto F, class R, class... P>
struct SlotOf<F, R (*)(P...)> {
  static typename SlotResult<R>::type call(typename SlotParameter<P>::type... args) {
    if constexpr (std::is_void_v<R>) F(reinterpret_cast<P>(args)...);
    else return SlotResult<R>::convert(F((P)args...));
  }
};
template <auto F, class... P>
struct SlotOf<F, void (*)(P...)> {
  static void call(typename SlotParameter<P>::type... args) { F((P)args...); }
};

}  // namespace detail

// A type slot from a function with typed parameters and one of our result types:
//   .tp_repr = slot<list_repr>      Ref<> list_repr(PyListObject*)
template <auto F>
inline constexpr auto slot = &detail::SlotOf<F>::call;

// ---- attributes ---------------------------------------------------------------------------------

namespace detail {
template <auto G>
PyObject* getter_call(PyObject* self, void*) {
  using Self = std::tuple_element_t<0, typename FunctionTraits<decltype(G)>::Parameters>;
  return to_python(G(reinterpret_cast<Self>(self)));
}
template <auto F>
int setter_call(PyObject* self, PyObject* value, void*) {
  using Self = std::tuple_element_t<0, typename FunctionTraits<decltype(F)>::Parameters>;
  return static_cast<int>(F(reinterpret_cast<Self>(self), value));
}
}  // namespace detail

// getset<getter>("name", "doc"), getset<getter, setter>(...); a setter gets null on deletion.
template <auto Getter>
constexpr PyGetSetDef getset(const char* attribute, const char* doc = nullptr) {
  return {attribute, detail::getter_call<Getter>, nullptr, doc, nullptr};
}
template <auto Getter, auto Setter>
constexpr PyGetSetDef getset(const char* attribute, const char* doc = nullptr) {
  return {attribute, detail::getter_call<Getter>, detail::setter_call<Setter>, doc, nullptr};
}

// ---- ownership of fields ------------------------------------------------------------------------

namespace detail {
template <class M>
struct MemberTraits;
template <class C, class T>
struct MemberTraits<T C::*> { using Class = C; };
}  // namespace detail

// The fields of an object that own a reference, listed once:
//   using Fields = OwnedFields<&PartialObject::function, &PartialObject::args>;
//   .tp_traverse = Fields::traverse, .tp_clear = Fields::clear
// clear_all() is what tp_dealloc calls. Types made by PyType_FromSpec use HeapTypeFields, whose
// traversal visits the instance's type too; static types must not (the traversal of Python
// subclasses does it for them).
template <bool VisitType, auto... Fields>
struct BasicOwnedFields {
  template <auto Field>
  static auto& field_of(PyObject* self) {
    return reinterpret_cast<typename detail::MemberTraits<decltype(Field)>::Class*>(self)->*Field;
  }
  static int traverse(PyObject* self, visitproc visit, void* arg) {
    if constexpr (VisitType) {
      if (int stop = visit(as_object(Py_TYPE(self)), arg)) return stop;
    }
    int stop = 0;
    auto one = [&](auto* value) { return value && (stop = visit(as_object(value), arg)) != 0; };
    (void)(one(field_of<Fields>(self)) || ...);
    return stop;
  }
  static int clear(PyObject* self) {
    (clear_field(field_of<Fields>(self)), ...);
    return 0;
  }
  template <class Object>
  static void clear_all(Object* object) {
    clear(as_object(object));
  }
};
template <auto... Fields>
using OwnedFields = BasicOwnedFields<false, Fields...>;
template <auto... Fields>
using HeapTypeFields = BasicOwnedFields<true, Fields...>;

// ---- tables of the executable ---------------------------------------------------------------------

// The head of a statically allocated type or object: immortal.
#define GILL_STATIC_TYPE_HEAD {{::gill::kImmortalCount, &PyType_Type}, 0}

// Const tables go into types and modules through pointers that the C API declares mutable; nothing
// writes through them.
template <class T, size_t N>
constexpr T* table(const T (&entries)[N]) { return const_cast<T*>(entries); }

struct BuiltinModule {
  const char* name;
  PyObject* (*init)();
};

// Lists a static type for start-up to make ready, and a built-in module for `import` to find.
#define GILL_STATIC_TYPE(type) \
  [[gnu::section("gill_types"), gnu::used, gnu::retain]] static constinit PyTypeObject* const gill_ready_##type = &type
#define GILL_BUILTIN_MODULE(module_name, init_function)                                                        \
  [[gnu::section("gill_modules"), gnu::used, gnu::retain]] static constinit const ::gill::BuiltinModule        \
      gill_module_##init_function = {module_name, init_function}

}  // namespace gill
