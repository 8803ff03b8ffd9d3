#!/bin/bash
# Builds the parser as an extension module of the reference interpreter.
# usage: build_reference_module.sh OUTPUT_DIRECTORY
set -e
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$1
mkdir -p "$out/generated/syntax" "$out/objects"
/usr/bin/python3.11 -I "$root/src/syntax/generate_nodes.py" "$root/src/syntax/nodes.schema" \
  "$out/generated/syntax/ast_nodes.h" "$out/generated/syntax/ast_nodes.cpp"
compiler=(${CXX:-ccache clang++-19} -std=gnu++23 -O1 -g -fno-exceptions -fno-rtti -fno-strict-aliasing -fPIC -Wno-invalid-offsetof
  -I"$root/src" -I"$out/generated" -isystem /usr/include/python3.11)
objects=()
for source in "$root"/src/syntax/*.cpp "$out/generated/syntax/ast_nodes.cpp" "$root/src/modules/ast_module.cpp" \
  "$root/src/base/arguments.cpp" "$root/src/base/convert.cpp" "$root/src/base/static_strings.cpp" "$root/tests/syntax/reference_module.cpp"; do
  object="$out/objects/$(basename "$source").o"
  "${compiler[@]}" -c "$source" -o "$object"
  objects+=("$object")
done
clang++-19 -shared "${objects[@]}" -o "$out/gill_syntax.so"
