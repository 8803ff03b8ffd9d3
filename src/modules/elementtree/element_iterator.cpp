// Walks over an element and all below it, in document order; for itertext() over their texts.
//
// The path from the root to the current element is kept with the index of the next child of each, so the tree may change
// meanwhile: what is not there any more is passed over.
#include "modules/elementtree/elementtree.h"

namespace gill::elementtree {

namespace {

struct Place {
  Element* parent;  // owned
  Py_ssize_t next_child;
};

struct Iterator {
  PyObject_HEAD
  Place* path;
  Py_ssize_t depth;
  Py_ssize_t capacity;
  Element* root;  // until the walk begins
  PyObject* tag;  // None: all
  bool text;
  State* state;  // lives as long as the type
};

constexpr Py_ssize_t kFirstCapacity = 8;

Status descend(Iterator* self, Ref<Element> element) {
  if (self->depth == self->capacity) {
    Py_ssize_t capacity = self->capacity ? self->capacity * 2 : kFirstCapacity;
    auto* grown = static_cast<Place*>(PyMem_Realloc(self->path, static_cast<size_t>(capacity) * sizeof(Place)));
    if (!grown) {
      PyErr_NoMemory();
      return Status::error;
    }
    self->path = grown;
    self->capacity = capacity;
  }
  self->path[self->depth++] = {element.release(), 0};
  return Status::ok;
}

// The text if it is worth having; null without an exception otherwise.
Ref<> worth(PyObject* text) {
  if (text == Py_None) return nullptr;
  Ref<> result = borrow(text);
  if (!TRY(truth_of(PyObject_IsTrue(text)))) return nullptr;
  return result;
}

Ref<> iterator_next(Iterator* self) {
  while (true) {
    Ref<Element> element;
    if (self->depth == 0) {
      if (!self->root) return nullptr;
      element = steal(std::exchange(self->root, nullptr));
    } else {
      Place& place = self->path[self->depth - 1];
      if (place.next_child >= child_count(place.parent)) {
        Ref<Element> done = steal(place.parent);
        --self->depth;
        // The text behind the root is not inside it.
        if (self->text && self->depth > 0) {
          Ref<> tail = worth(done->tail);
          if (tail || PyErr_Occurred()) return tail;
        }
        continue;
      }
      PyObject* child = place.parent->extra->children[place.next_child];
      if (!is_element(self->state, child)) {
        return raise(PyExc_AttributeError, "'%.100s' object has no attribute 'iter'", Py_TYPE(child)->tp_name);
      }
      ++place.next_child;
      element = Ref<Element>::borrow(child);
    }
    TRY(descend(self, element.new_ref()));
    if (self->text) {
      Ref<> text = worth(element->text);
      if (text || PyErr_Occurred()) return text;
      continue;
    }
    if (self->tag == Py_None) return element;
    Ref<> tag = borrow(element->tag);
    if (TRY(truth_of(PyObject_RichCompareBool(tag.get(), self->tag, Py_EQ)))) return element;
  }
}

int iterator_traverse(PyObject* object, visitproc visit, void* arg) {
  auto* self = reinterpret_cast<Iterator*>(object);
  for (Py_ssize_t i = 0; i < self->depth; ++i) Py_VISIT(self->path[i].parent);
  Py_VISIT(self->root);
  Py_VISIT(self->tag);
  Py_VISIT(Py_TYPE(object));
  return 0;
}

void iterator_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<Iterator*>(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  while (self->depth > 0) release(as_object(self->path[--self->depth].parent));
  PyMem_Free(self->path);
  clear_field(self->root);
  clear_field(self->tag);
  type->tp_free(object);
  release(as_object(type));
}

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)iterator_dealloc},
    {Py_tp_traverse, (void*)iterator_traverse},
    {Py_tp_iter, (void*)PyObject_SelfIter},
    {Py_tp_iternext, (void*)slot<iterator_next>},
    {0, nullptr},
};
PyType_Spec spec = {"_elementtree._element_iterator", sizeof(Iterator), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
                    const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Ref<> new_iterator(State* state, Element* root, PyObject* tag, bool text) {
  Ref<Iterator> self = TRY(Ref<Iterator>::steal(PyObject_GC_New(Iterator, state->iterator_type)));
  self->path = nullptr;
  self->depth = self->capacity = 0;
  self->root = Ref<Element>::borrow(root).release();
  self->tag = borrow(tag).release();
  self->text = text;
  self->state = state;
  PyObject_GC_Track(self.object());
  return self;
}

Status add_iterator_type(PyObject* module) {
  state_of(module)->iterator_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return Status::ok;
}

}  // namespace gill::elementtree
