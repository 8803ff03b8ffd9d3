// From nodes to `_ast` objects: a walk over the node table.
#include "runtime/native_stack.h"
#include "syntax/ast_types.h"
#include "syntax/parse.h"

namespace gill::ast {
namespace {

// The reference lets the native stack take this many of a Python frame's levels.
constexpr int kLevelsPerFrame = 3;

class ToObject {
 public:
  explicit ToObject(const AstTypes& all) : all_(all) {
    PyThreadState* thread = PyThreadState_Get();
    limit_ = thread->recursion_limit * kLevelsPerFrame;
    depth_ = (thread->recursion_limit - thread->recursion_remaining) * kLevelsPerFrame;
  }

  Ref<> node(const void* p, int type_index) {
    if (!p) return none();
    if (++depth_ > limit_ || !native_stack_left()) return raise(PyExc_RecursionError, "maximum recursion depth exceeded during ast construction");
    const TypeInfo& type = kTypes[type_index];
    int c = type.first_class + (type.kind_offset >= 0 ? at<int>(p, type.kind_offset) : 0);
    const ClassInfo& info = kClasses[c];
    Ref<> result = TRY(steal(PyType_GenericNew(reinterpret_cast<PyTypeObject*>(all_.classes[c]), nullptr, nullptr)));
    Ref<> dict = TRY(steal(PyDict_New()));
    for (int i = 0; i < info.field_count; ++i) {
      Ref<> value = TRY(field(p, info.fields[i]));
      TRY(status_of(PyDict_SetItem(dict.get(), PyTuple_GET_ITEM(all_.field_names[c], i), value.get())));
    }
    if (type.location_offset >= 0) {
      const auto* numbers = &at<int>(p, type.location_offset);
      for (int i = 0; i < 4; ++i) {
        Ref<> value = TRY(steal(PyLong_FromLong(numbers[i])));
        TRY(status_of(PyDict_SetItem(dict.get(), PyTuple_GET_ITEM(all_.attribute_names, i), value.get())));
      }
    }
    reinterpret_cast<AstObject*>(result.get())->dict = dict.release();
    --depth_;
    return result;
  }

 private:
  template <class T>
  static const T& at(const void* p, int offset) {
    return *reinterpret_cast<const T*>(static_cast<const char*>(p) + offset);
  }

  Ref<> one(const void* place, const FieldInfo& f) {
    switch (f.kind) {
      case FieldKind::identifier:
      case FieldKind::string:
      case FieldKind::constant: {
        auto* value = *static_cast<PyObject* const*>(place);
        return borrow(value ? value : Py_None);
      }
      case FieldKind::integer: return steal(PyLong_FromLong(*static_cast<const int*>(place)));
      case FieldKind::choice: return borrow(all_.singletons[kTypes[f.type].first_class + *static_cast<const int*>(place)]);
      case FieldKind::node: return node(*static_cast<const void* const*>(place), f.type);
    }
    return nullptr;
  }

  Ref<> field(const void* p, const FieldInfo& f) {
    const char* place = static_cast<const char*>(p) + f.offset;
    if (f.quantity != Quantity::many) return one(place, f);
    const auto& list = *reinterpret_cast<const Sequence<char>*>(place);
    size_t size = f.kind == FieldKind::choice ? sizeof(int) : sizeof(void*);
    Ref<> result = TRY(steal(PyList_New(list.count)));
    for (int i = 0; i < list.count; ++i) {
      PyList_SET_ITEM(result.get(), i, TRY(one(list.items + static_cast<size_t>(i) * size, f)).release());
    }
    return result;
  }

  const AstTypes& all_;
  int limit_;
  int depth_;
};

}  // namespace

Ref<> ast_to_object(const Mod* tree) {
  const AstTypes* all = TRY(ast_types());
  return ToObject(*all).node(tree, static_cast<int>(TypeId::Mod));
}

Maybe<bool> ast_check(PyObject* object) {
  const AstTypes* all = TRY(ast_types());
  return truth_of(PyObject_IsInstance(object, all->base));
}

}  // namespace gill::ast
