#!/bin/sh
# Installs what building and testing need, on Debian 12, and the packages named as arguments. Does nothing when all is there.
set -eu
packages="clang-19 lld-19 llvm-19 libclang-rt-19-dev ccache ninja-build cmake make pkg-config
libgmp-dev libexpat1-dev zlib1g-dev libssl-dev libgtest-dev libbenchmark-dev
python3.11 libpython3.11-stdlib libpython3.11-dev libpython3.11-testsuite $*"
missing=""
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
echo "== installing:$missing"
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing
