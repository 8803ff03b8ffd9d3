// From a tree to a code object: future features, folding, symbols, generation. See compile.h.
#include "compiler/compile.h"
#include "compiler/fold.h"
#include "compiler/future.h"
#include "compiler/generator.h"
#include "compiler/scope_builder.h"

namespace gill::compiler {

Ref<PyCodeObject> compile_ast(ast::Mod* tree, PyObject* filename, PyCompilerFlags* flags, int optimize,
                              ast::Arena& arena) {
  Future future = TRY(read_future(tree, filename));
  PyCompilerFlags own{0, PY_MINOR_VERSION};
  if (!flags) flags = &own;
  flags->cf_flags |= future.features;
  Options options{flags->cf_flags, optimize < 0 ? Py_OptimizeFlag : optimize};
  TRY(fold_constants(tree, arena, options.optimize, options.flags));
  SymbolTable symbols;
  TRY(build_symbol_table(tree, filename, options.flags, symbols));
  return Generator(symbols, filename, options, future.last_line).module(tree);
}

}  // namespace gill::compiler
