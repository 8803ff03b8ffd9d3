// The arena as a C interface, for parsers that are extensions.
#include <Python.h>

#include <new>

#include "syntax/arena.h"

struct _arena {
  gill::ast::Arena arena;
};

extern "C" {

[[gnu::visibility("default")]] _arena* _PyArena_New(void) {
  void* memory = PyMem_Malloc(sizeof(_arena));
  if (!memory) {
    PyErr_NoMemory();
    return nullptr;
  }
  return new (memory) _arena();
}
[[gnu::visibility("default")]] void _PyArena_Free(_arena* arena) {
  arena->~_arena();
  PyMem_Free(arena);
}
[[gnu::visibility("default")]] void* _PyArena_Malloc(_arena* arena, size_t size) { return arena->arena.allocate(size); }
// Takes over the caller's reference, where it succeeds.
[[gnu::visibility("default")]] int _PyArena_AddPyObject(_arena* arena, PyObject* object) {
  if (!arena->arena.keep(object)) return -1;
  gill::release(object);
  return 0;
}

}  // extern "C"
