// Scopes: what each name means in each block of a module.
//
// `build_symbol_table` (scope_builder.cpp) walks the tree once, collecting for each block the names that it
// binds, declares and uses; then `resolve` (scope.cpp) decides for each of them whether it is local, global,
// free or a cell. A block is found again by its node.
#pragma once

#include "compiler/flow_graph.h"

namespace gill::compiler {

enum class BlockType : uint8_t { function, class_, module, annotation };
enum class Comprehension : uint8_t { none, list, dict, set, generator };

// What a symbol's flags hold; the numbers are visible in the `_symtable` module.
enum SymbolFlag : long {
  kDefGlobal = 1,
  kDefLocal = 2,
  kDefParam = 4,
  kDefNonlocal = 8,
  kUse = 16,
  kDefFree = 32,
  kDefFreeClass = 64,  // free in a method, and bound in the class body
  kDefImport = 128,
  kDefAnnotation = 256,
  kDefCompIter = 512,
  kDefBound = kDefLocal | kDefParam | kDefImport,
};
inline constexpr int kScopeShift = 11;
inline constexpr long kScopeMask = 15;

enum class NameScope : uint8_t { unknown, local, global_explicit, global_implicit, free, cell };

// Where a `global` or `nonlocal` statement names something; for error messages.
struct Directive {
  PyObject* name;  // borrowed from the tree
  Location location;
};

struct Scope {
  Ref<> name;
  Ref<> symbols;        // dict: mangled name -> flags
  Ref<> varnames;       // list of parameters
  Ref<> private_name;   // the class whose name mangles `__x`, or null
  const void* key = nullptr;  // the node that makes the block
  Scope* parent = nullptr;
  Scope* previous_created = nullptr;
  Vector<Scope*> children;
  Vector<Directive> directives;
  Location location;
  BlockType type = BlockType::module;
  Comprehension comprehension = Comprehension::none;
  bool nested = false;           // inside a function, directly or not
  bool generator = false;
  bool coroutine = false;
  bool varargs = false;
  bool varkeywords = false;
  bool returns_value = false;
  bool needs_class_cell = false;  // a method uses __class__ or super()
  int comprehension_iterables = 0;  // how many comprehensions' iterables we are in
  bool in_comprehension_target = false;

  bool is_function() const { return type == BlockType::function; }
  bool is_class() const { return type == BlockType::class_; }
  // The flags of a mangled name, 0 when it does not occur; -1 with an exception set on failure.
  long flags_of(PyObject* mangled) const;
  NameScope scope_of(PyObject* mangled) const;
};

class SymbolTable {
 public:
  SymbolTable() = default;
  SymbolTable(const SymbolTable&) = delete;
  ~SymbolTable();

  // Null with an exception set when memory ran out.
  Scope* new_scope(PyObject* name, BlockType type, const void* key, Scope* parent, const Location& location);
  Scope* find(const void* key) const;
  Scope* top() const { return top_; }
  PyObject* filename() const { return filename_; }
  void set_filename(PyObject* filename) { filename_ = filename; }

  Status resolve();

 private:
  Scope* top_ = nullptr;
  Scope* newest_ = nullptr;
  PyObject* filename_ = nullptr;
  Scope** table_ = nullptr;  // open addressing by key
  size_t capacity_ = 0;
  size_t count_ = 0;
};

// `__name` inside class `_Class` is `_Class__name`. A null class mangles nothing.
Ref<> mangled(PyObject* class_name, PyObject* name);

// Raises SyntaxError at a place of `filename`, with the source line when the file can be read.
Failure syntax_error_at(PyObject* filename, const Location& location, const char* format, ...);

// The same, with the place only in the exception's attributes.
Failure scope_error_at(PyObject* filename, const Location& location, const char* format, ...);

// How deep trees may nest before RecursionError.
struct DepthLimit {
  int depth = 0;
  int limit = 0;
  static DepthLimit of_thread();
  Status enter();
  void leave() { --depth; }
};

}  // namespace gill::compiler
