// Who has views of an object's buffer.
#include "modules/gill/module.h"
#include "objects/buffer_exports.h"

namespace gill {

// (thread identifier, place, holder or None)
Ref<> buffer_exports(PyObject*, PyObject* object) {
  Ref<> list = TRY(steal(PyList_New(0)));
  int failed = visit_exports(object, [](const ExportInfo& info, void* found) {
    Ref<> place = place_tuple(info.place);
    Ref<> entry = place ? steal(Py_BuildValue("(kOO)", info.thread_id, place.get(), info.holder ? info.holder : Py_None)) : Ref<>();
    return entry && PyList_Append(static_cast<PyObject*>(found), entry.get()) == 0 ? 0 : -1;
  }, list.get());
  if (failed) return failure;
  return list;
}

}  // namespace gill
