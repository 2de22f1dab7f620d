#!/bin/sh
# Installs what is missing to build tracer (and with --test what its tests need). Debian and its relatives; elsewhere it
# says what to install.
set -eu
cd "$(dirname "$0")/.."

build="gcc libc6-dev cmake ninja-build pkg-config git libcurl4-openssl-dev libjansson-dev liblmdb-dev nettle-dev libxxhash-dev
  libsecp256k1-dev libzstd-dev libexpat1-dev libyaml-dev"
test_tools="clang libclang-rt-14-dev clang-tidy libcriterion-dev valgrind python3 python3-jsonschema python3-networkx python3-yaml graphviz openssl curl chromium"
run="ca-certificates libcurl4 libsecp256k1-1 libzstd1 libexpat1 libyaml-0-2"
want="$build $run"
[ "${1:-}" = --test ] && want="$want $test_tools"

if ! command -v apt-get >/dev/null 2>&1; then
  echo "deps: this is no Debian. Install: a C11 compiler, CMake 3.25, Ninja, pkg-config, and the development files of" >&2
  echo "deps: libcurl, Jansson 2.14, LMDB 0.9.24, Nettle 3.6, xxHash 0.8, libsecp256k1 0.2 with its recovery module, zstd, expat 2.4, libyaml; for the" >&2
  echo "deps: tests also Criterion 2.4, clang, valgrind, Python 3 with jsonschema, NetworkX and PyYAML, Graphviz, Chromium, Node.js 18 with npm." >&2
  command -v cmake >/dev/null 2>&1 && command -v cc >/dev/null 2>&1 || exit 1
  exit 0
fi

missing=
for package in $want; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ "${1:-}" = --test ] && ! command -v npm >/dev/null 2>&1; then
  missing="$missing nodejs npm"
fi
if [ -n "$missing" ]; then
  echo "deps: installing$missing"
  as_root=
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# The node of the end-to-end tests and the driver of the browser, by the lock file.
if [ "${1:-}" = --test ] && [ -f tests/e2e/package-lock.json ] && [ ! -d tests/e2e/node_modules/playwright-core ]; then
  echo "deps: installing the test node (anvil), the Solidity compiler and the driver of the browser"
  (cd tests/e2e && npm ci --no-audit --no-fund --loglevel=error)
fi
