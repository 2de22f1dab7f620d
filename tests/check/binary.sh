#!/bin/sh
# D2_binary_is_hardened: position independent, full RELRO, no executable stack, no path of the build; and what a command that
# does not fetch loads.
set -eu
fail() { echo "binary: $1"; exit 1; }
readelf -h "$TRACER" | grep -q 'DYN' || fail "not position independent"
readelf -lW "$TRACER" | grep -q GNU_RELRO || fail "no RELRO"
readelf -dW "$TRACER" | grep -Eq 'BIND_NOW|NOW' || fail "not bound at start: RELRO is partial"
readelf -lW "$TRACER" | grep GNU_STACK | grep -q 'RWE' && fail "executable stack"
readelf -lW "$TRACER" | grep LOAD | grep -q 'RWE' && fail "a segment is writable and executable"
readelf -sW "$TRACER" | grep -q __stack_chk_fail || fail "no stack protector"
readelf -dW "$TRACER" | grep -Eq 'RPATH|RUNPATH' && fail "looks for libraries in a folder of its own"
readelf -dW "$TRACER" | grep -Eq 'libcurl|libgvc|libexpat|libyaml|libsecp256k1' && fail "links a library that is loaded on first use"
# The same source elsewhere gives the same bytes only without the folder in them (the sanitizers do put it there).
readelf -sW "$TRACER" | grep -q __asan_init || ! grep -aqF "$SOURCE_DIR" "$TRACER" || fail "holds the path of the source"
# A command that does not fetch loads none of them either.
LD_DEBUG=files "$TRACER" demo --format json 2>&1 >/dev/null | grep -Eq 'libcurl|libgvc|libsecp256k1' && fail "demo loads libcurl, Graphviz or libsecp256k1"
echo "binary: hardened, no path of the build, nothing loaded early"
