// What the collector takes for alive without counting references: what the interpreter, its threads and their frames hold.
#include "objects/frame.h"
#include "runtime/runtime.h"

namespace gill::vm {
namespace {

struct Visit {
  visitproc visit;
  void* arg;
  void operator()(void* object) const {
    if (object) visit(static_cast<PyObject*>(object), arg);
  }
};

// Evaluation stacks are left out: where they end stands in a register, and they may hold borrowed references.
void visit_frames(PyThreadState* thread, Visit visit) {
  for (Frame* frame = thread->cframe ? thread->cframe->current_frame : nullptr; frame; frame = frame->previous) {
    visit(frame->f_func);
    visit(frame->f_locals);
    visit(frame->f_code);
    visit(frame->frame_obj);
    for (int i = 0; i < frame->f_code->co_nlocalsplus; ++i) visit(frame->localsplus[i]);
  }
}

void visit_thread(PyThreadState* thread, Visit visit) {
  visit_frames(thread, visit);
  visit(thread->dict);
  visit(thread->context);
  for (_PyErr_StackItem* item = thread->exc_info; item; item = item->previous_item) visit(item->exc_value);
}

}  // namespace
}  // namespace gill::vm

extern "C" void gill_visit_roots(visitproc visitor, void* arg) {
  using namespace gill;
  vm::Visit visit = {visitor, arg};
  Interpreter* interpreter = current_interpreter();
  for (PyObject* object : {interpreter->modules, interpreter->sysdict, interpreter->builtins, interpreter->builtins_copy, interpreter->importlib, interpreter->dict,
                           interpreter->modules_by_index}) {
    visit(object);
  }
  pthread_mutex_lock(&g_runtime.list_mutex);
  for (PyThreadState* thread = interpreter->threads; thread; thread = thread->next) vm::visit_thread(thread, visit);
  pthread_mutex_unlock(&g_runtime.list_mutex);
}
