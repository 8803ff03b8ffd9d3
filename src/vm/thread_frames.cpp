// The frames and handled exceptions of all threads.
#include "runtime/runtime.h"
#include "vm/interpreter.h"

extern "C" PyObject* _PyErr_StackItemToExcInfoTuple(_PyErr_StackItem* item);
extern "C" _PyErr_StackItem* _PyErr_GetTopmostException(PyThreadState* thread);

namespace gill::vm {
namespace {

// Holds the list of threads still.
class ThreadList {
 public:
  ThreadList() { pthread_mutex_lock(&g_runtime.list_mutex); }
  ~ThreadList() { pthread_mutex_unlock(&g_runtime.list_mutex); }
  // Calls `each(thread)` until it fails.
  template <class Each>
  Status visit(Each each) {
    for (Interpreter* interpreter = g_runtime.interpreters; interpreter; interpreter = interpreter->next) {
      for (PyThreadState* thread = interpreter->threads; thread; thread = thread->next) TRY(each(thread));
    }
    return Status::ok;
  }
};

Frame* frame_of_thread(PyThreadState* thread) { return thread->cframe ? complete_frame(thread->cframe->current_frame) : nullptr; }

Status store(PyObject* dict, PyThreadState* thread, PyObject* value) {
  Ref<> id = TRY(steal(PyLong_FromUnsignedLong(thread->thread_id)));
  return status_of(PyDict_SetItem(dict, id.get(), value));
}

Ref<> current_frames() {
  TRY(status_of(PySys_Audit("sys._current_frames", nullptr)));
  Ref<> result = TRY(steal(PyDict_New()));
  ThreadList list;
  TRY(list.visit([&](PyThreadState* thread) -> Status {
    Frame* frame = frame_of_thread(thread);
    return frame ? store(result.get(), thread, as_object(TRY(frame_object(frame)))) : Status::ok;
  }));
  return result;
}

Ref<> current_exceptions() {
  TRY(status_of(PySys_Audit("sys._current_exceptions", nullptr)));
  Ref<> result = TRY(steal(PyDict_New()));
  ThreadList list;
  TRY(list.visit([&](PyThreadState* thread) -> Status {
    Ref<> info = TRY(steal(_PyErr_StackItemToExcInfoTuple(_PyErr_GetTopmostException(thread))));
    return store(result.get(), thread, info.get());
  }));
  return result;
}

}  // namespace
}  // namespace gill::vm

using namespace gill;

extern "C" {

PyFrameObject* PyThreadState_GetFrame(PyThreadState* thread) {
  Frame* frame = vm::frame_of_thread(thread);
  if (!frame) return nullptr;
  PyFrameObject* object = frame_object(frame);
  if (!object) PyErr_Clear();
  return Ref<PyFrameObject>::borrow(object).release();
}
PyObject* _PyThread_CurrentFrames(void) { return vm::current_frames().release(); }
PyObject* _PyThread_CurrentExceptions(void) { return vm::current_exceptions().release(); }

}  // extern "C"
