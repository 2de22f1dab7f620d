#!/bin/sh
# Installs what is missing, builds tracer, and traces the Axie Infinity / Ronin bridge theft of March 2022 from the embedded
# case. Arguments go to `tracer demo` (--policy haircut, --format json, --store DIR, ...). The case as a page for a browser is
# left in build/ronin-2022.html.
set -eu
cd "$(dirname "$0")/.."
sh scripts/deps.sh
mkdir -p build
{ cmake --preset release && cmake --build build/release; } >build/demo-build.log 2>&1 || { cat build/demo-build.log; exit 1; }
status=0
build/release/tracer demo "$@" || status=$?
build/release/tracer demo --quiet --format html --output build/ronin-2022.html || exit
echo "demo: the case as a page for a browser: build/ronin-2022.html" >&2
exit $status
