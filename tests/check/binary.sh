#!/bin/sh
# D2_binary_is_hardened: position independent, full RELRO, no executable stack; and what a command that does not fetch loads.
set -eu
fail() { echo "binary: $1"; exit 1; }
readelf -h "$TRACER" | grep -q 'DYN' || fail "not position independent"
readelf -lW "$TRACER" | grep -q GNU_RELRO || fail "no RELRO"
readelf -dW "$TRACER" | grep -Eq 'BIND_NOW|NOW' || fail "not bound at start: RELRO is partial"
readelf -lW "$TRACER" | grep GNU_STACK | grep -q 'RWE' && fail "executable stack"
readelf -sW "$TRACER" | grep -q __stack_chk_fail || fail "no stack protector"
readelf -dW "$TRACER" | grep -Eq 'libcurl|libgvc|libexpat|libyaml' && fail "links a library that is loaded on first use"
# A command that does not fetch loads no libcurl either.
LD_DEBUG=files "$TRACER" demo --format json 2>&1 >/dev/null | grep -Eq 'libcurl|libgvc' && fail "demo loads libcurl or Graphviz"
echo "binary: hardened, nothing loaded early"
