/* Preloaded into an interpreter, this replaces its allocators by ones with memory of their own, as profilers of memory do. */
#include <Python.h>
#include <stdlib.h>

#pragma weak PyMem_SetAllocator

static void* own_malloc(void* context, size_t size) { return malloc(size ? size : 1); }
static void* own_calloc(void* context, size_t count, size_t size) { return count && size ? calloc(count, size) : malloc(1); }
static void* own_realloc(void* context, void* block, size_t size) { return realloc(block, size ? size : 1); }
static void own_free(void* context, void* block) { free(block); }

__attribute__((constructor)) static void replace_allocators(void) {
  if (!PyMem_SetAllocator) return; /* some other program that the interpreter started */
  PyMemAllocatorEx own = {NULL, own_malloc, own_calloc, own_realloc, own_free};
  PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &own);
  PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &own);
  PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &own);
}
