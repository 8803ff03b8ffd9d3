// How allocators that PyMem_SetAllocator put in place see objects that must come from collectable pages.
//
// The allocator of the object domain is asked for the block, and when it passes the request on to the one it replaced, that one takes
// from the right page. A block from elsewhere is given back, and the heap used directly from then on.
#pragma once

#include "memory/heap.h"

namespace gill {

// Whether PyMem_* and PyObject_* must go through the table of allocators.
extern constinit bool g_allocators_replaced;

// Whether the block that is being asked for is a collectable object's.
bool is_allocating_collectable();
void* allocate_hooked(Kind kind, size_t size);
void free_hooked(void* slot);

// What a domain's functions call. It never changes nor goes, so that it can be called later, without the interpreter's lock too.
const PyMemAllocatorEx* allocator_of(PyMemAllocatorDomain domain);

}  // namespace gill
