#!/bin/sh
# Runs the training programs under an instrumented interpreter; the profiles go to a folder.
# Usage: run.sh INTERPRETER PROFILE_FOLDER
set -eu
here=$(dirname "$0")
interpreter=$1
profiles=$(mkdir -p "$2" && cd "$2" && pwd)
for program in "$here"/*.py; do
  name=$(basename "$program" .py)
  echo "   $name"
  LLVM_PROFILE_FILE="$profiles/$name-%p.profraw" "$interpreter" "$program" > /dev/null
done
LLVM_PROFILE_FILE="$profiles/start-%p.profraw" "$interpreter" -c pass
