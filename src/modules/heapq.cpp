// The _heapq module: heaps in lists. One implementation serves both directions.
//
// Comparing runs foreign code, which may change the list: a changed length ends the operation, and items are moved by
// swapping within the list, so that it always holds every item exactly once.
#include "base/binding.h"
#include "base/names.h"

namespace gill {

namespace {

enum class Order { least_first, greatest_first };

// What most heaps hold compares without calls: floats, and ints of one digit.
bool is_short_int(PyObject* object) { return PyLong_CheckExact(object) && static_cast<size_t>(Py_SIZE(object) + 1) <= 2; }
long short_int(PyObject* object) {
  return static_cast<long>(Py_SIZE(object)) * static_cast<long>(reinterpret_cast<PyLongObject*>(object)->ob_digit[0]);
}

// Whether `a` belongs above `b`.
template <Order O>
Maybe<bool> above(PyObject* a, PyObject* b) {
  if (O == Order::greatest_first) std::swap(a, b);
  if (PyFloat_CheckExact(a) && PyFloat_CheckExact(b)) return PyFloat_AS_DOUBLE(a) < PyFloat_AS_DOUBLE(b);
  if (is_short_int(a) && is_short_int(b)) return short_int(a) < short_int(b);
  Ref<> hold_a = borrow(a);
  Ref<> hold_b = borrow(b);
  return truth_of(PyObject_RichCompareBool(a, b, Py_LT));
}

Failure changed() { return raise(PyExc_RuntimeError, "list changed size during iteration"); }

void swap(PyListObject* heap, Py_ssize_t i, Py_ssize_t j) { std::swap(heap->ob_item[i], heap->ob_item[j]); }

// Moves the item at `position` up, not beyond `start`, to where its parent belongs above it.
template <Order O>
Status raise_item(PyListObject* heap, Py_ssize_t start, Py_ssize_t position) {
  Py_ssize_t size = Py_SIZE(heap);
  if (position >= size) return raise(PyExc_IndexError, "index out of range");
  while (position > start) {
    Py_ssize_t parent = (position - 1) >> 1;
    bool up = TRY(above<O>(heap->ob_item[position], heap->ob_item[parent]));
    if (Py_SIZE(heap) != size) return changed();
    if (!up) break;
    swap(heap, position, parent);
    position = parent;
  }
  return Status::ok;
}

// Restores the heap under `position`: the item sinks to a leaf, its better children rise, then it rises to its place. This takes
// fewer comparisons than stopping on the way down, as items put there mostly come from the bottom.
template <Order O>
Status sink_item(PyListObject* heap, Py_ssize_t position) {
  Py_ssize_t size = Py_SIZE(heap);
  Py_ssize_t start = position;
  if (position >= size) return raise(PyExc_IndexError, "index out of range");
  Py_ssize_t limit = size >> 1;
  while (position < limit) {
    Py_ssize_t child = 2 * position + 1;
    if (child + 1 < size) {
      bool left = TRY(above<O>(heap->ob_item[child], heap->ob_item[child + 1]));
      if (Py_SIZE(heap) != size) return changed();
      child += !left;
    }
    swap(heap, child, position);
    position = child;
  }
  return raise_item<O>(heap, start, position);
}

Status heap_push(PyObject*, PyListObject* heap, PyObject* item) {
  TRY(status_of(PyList_Append(as_object(heap), item)));
  return raise_item<Order::least_first>(heap, 0, Py_SIZE(heap) - 1);
}

template <Order O>
Ref<> heap_pop(PyObject*, PyListObject* heap) {
  Py_ssize_t size = Py_SIZE(heap);
  if (size == 0) return raise(PyExc_IndexError, "index out of range");
  Ref<> last = borrow(heap->ob_item[size - 1]);
  TRY(status_of(PyList_SetSlice(as_object(heap), size - 1, size, nullptr)));
  if (size == 1) return last;
  Ref<> top = steal(std::exchange(heap->ob_item[0], last.release()));
  TRY(sink_item<O>(heap, 0));
  return top;
}

template <Order O>
Ref<> heap_replace(PyObject*, PyListObject* heap, PyObject* item) {
  if (Py_SIZE(heap) == 0) return raise(PyExc_IndexError, "index out of range");
  Ref<> top = steal(std::exchange(heap->ob_item[0], borrow(item).release()));
  TRY(sink_item<O>(heap, 0));
  return top;
}

Ref<> heap_push_pop(PyObject*, PyListObject* heap, PyObject* item) {
  if (Py_SIZE(heap) == 0) return borrow(item);
  if (!TRY(above<Order::least_first>(heap->ob_item[0], item))) return borrow(item);
  return heap_replace<Order::least_first>(nullptr, heap, item);
}

template <Order O>
Status heapify(PyObject*, PyListObject* heap) {
  for (Py_ssize_t i = (Py_SIZE(heap) >> 1) - 1; i >= 0; --i) TRY(sink_item<O>(heap, i));
  return Status::ok;
}

const PyMethodDef kFunctions[] = {
    METHOD("heappush($module, heap, item, /)", heap_push, "Push item onto heap, maintaining the heap invariant."),
    METHOD("heappushpop($module, heap, item, /)", heap_push_pop,
           "Push item on the heap, then pop and return the smallest item from the heap.\n\n"
           "Faster than heappush() followed by heappop()."),
    METHOD("heappop($module, heap, /)", heap_pop<Order::least_first>, "Pop the smallest item off the heap, maintaining the heap invariant."),
    METHOD("heapreplace($module, heap, item, /)", heap_replace<Order::least_first>,
           "Pop and return the current smallest value, and add the new item.\n\n"
           "Faster than heappop() followed by heappush(). The value returned may be larger than item."),
    METHOD("heapify($module, heap, /)", heapify<Order::least_first>, "Transform list into a heap, in-place, in O(len(heap)) time."),
    METHOD("_heappop_max($module, heap, /)", heap_pop<Order::greatest_first>, "Maxheap variant of heappop."),
    METHOD("_heapify_max($module, heap, /)", heapify<Order::greatest_first>, "Maxheap variant of heapify."),
    METHOD("_heapreplace_max($module, heap, item, /)", heap_replace<Order::greatest_first>, "Maxheap variant of heapreplace."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  return PyModule_AddStringConstant(module, "__about__",
                                    "Heap queues (a.k.a. priority queues).\n\n"
                                    "A heap is an array where a[k] <= a[2*k+1] and a[k] <= a[2*k+2] for all k, as far as\n"
                                    "those elements exist. So a[0] is always the smallest one.\n");
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_heapq",
    .m_doc = "Heap queue algorithm (a.k.a. priority queue).",
    .m_size = 0,
    .m_methods = table(kFunctions),
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit__heapq() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_heapq", PyInit__heapq);

}  // namespace gill
