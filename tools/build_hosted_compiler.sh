#!/bin/bash
# Builds the parser and the compiler as an extension module of the reference, for tools/bytecode_compare.py and for
# tests before the rest of the runtime runs:
#
#     tools/build_hosted_compiler.sh build/hosted
#     tools/bytecode_compare.py --extension build/hosted/gill_compiler.so /usr/lib/python3.11
set -e
out=$(realpath -m "${1:-build/hosted}")
cd "$(dirname "$0")/.."
mkdir -p "$out/generated/syntax"
/usr/bin/python3.11 -I src/syntax/generate_nodes.py src/syntax/nodes.schema "$out/generated/syntax/ast_nodes.h" \
    "$out/generated/syntax/ast_nodes.cpp"
flags="-std=c++23 -O1 -g -fno-exceptions -fno-rtti -fno-strict-aliasing -fPIC -fvisibility=hidden -Isrc -I$out/generated
       -isystem /usr/include/python3.11"
sources="src/base/arguments.cpp src/base/convert.cpp src/base/static_strings.cpp src/compiler/*.cpp src/syntax/*.cpp
         $out/generated/syntax/ast_nodes.cpp src/modules/opcode_module.cpp src/modules/symtable_module.cpp
         tools/hosted_compiler.cpp"
launcher=$(command -v ccache || true)
ls $sources | xargs -P 2 -I{} sh -c "$launcher clang++-19 $(echo $flags) -c {} -o $out/\$(basename {} .cpp).o || exit 255"
clang++-19 -shared "$out"/*.o -o "$out/gill_compiler.so"
