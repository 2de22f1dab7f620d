#!/bin/sh
# Installs what is missing, builds tracer, and traces the Axie Infinity / Ronin bridge theft of March 2022 from the embedded
# case. Arguments go to `tracer demo` (--policy haircut, --format json, --store DIR, ...).
set -eu
cd "$(dirname "$0")/.."
sh scripts/deps.sh
mkdir -p build
{ cmake --preset release && cmake --build build/release; } >build/demo-build.log 2>&1 || { cat build/demo-build.log; exit 1; }
exec build/release/tracer demo "$@"
