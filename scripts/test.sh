#!/bin/sh
# Installs what is missing, builds every way we support, runs every test. `sh scripts/test.sh --long` runs the long harnesses
# (random cases, kills, failing calls) at their full counts.
set -u
cd "$(dirname "$0")/.."
root=$(pwd)
jobs=$(nproc)
mkdir -p build && : >build/took
long=${1:-}
[ "$long" = --long ] && export TRACER_CASES=1000000 TRACER_TEST_KILLS=1000 TRACER_TEST_FLIPS=10000 TRACER_TEST_FAILURES=all TRACER_TEST_CUTS=all TRACER_DROPS=10000

passed=0 failed=0 skipped=0
# step NAME COMMAND...: run it, time it, show its output only when it fails.
step() {
  name=$1; shift
  log="build/$(printf %s "$name" | tr -c 'A-Za-z0-9\n' '-').log"
  start=$(date +%s)
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1)) word=ok
  else
    failed=$((failed + 1)) word=FAILED
    tail -n 120 "$log"
  fi
  grep -E '^SKIP' "$log" | sed 's/^/       /'
  printf '%-7s %4ds  %s\n' "$word" $(($(date +%s) - start)) "$name"
}
skip() {
  skipped=$((skipped + 1))
  printf '%-7s        %s\n' skipped "$1"
}

sh scripts/deps.sh --test || exit 1

build() { # PRESET TARGET...: all if none is named
  preset=$1; shift
  cmake --preset "$preset" -DTRACER_WERROR=ON -DTRACER_DEBUG_INFO=-g1 && cmake --build "build/$preset" ${1:+--target "$@"}
}
# Many tests wait for the disk, a clock or an endpoint: twice as many as there are processors.
tests() { # PRESET OPTION...
  preset=$1; shift
  ctest --test-dir "build/$preset" --output-on-failure -j $((2 * jobs)) --no-tests=error "$@" && status=0 || status=$?
  awk -v preset="$preset" 'NF == 3 { printf "%6.1f  %s, %s\n", $3, preset, $1 }' "build/$preset/Testing/Temporary/CTestCostData.txt" >>build/took
  return $status
}

step "build: gcc, debug, warnings are errors" build debug
step "tests: gcc, debug, and end to end on a real node" tests debug -E '^e2e-1$'
step "build: clang, ASan and UBSan, warnings are errors" build asan
# The random harnesses ran in full above; instrumented ones run a part of them unless asked for more.
[ "$long" = --long ] || export TRACER_CASES=1000 TRACER_TEST_FLIPS=100 TRACER_TEST_KILLS=20 TRACER_TEST_SEEDS=3 TRACER_DROPS=50
# What tests/check/ looks at is not the build.
step "tests: ASan and UBSan, and end to end on a real node" tests asan -E '^(e2e-(2020|lazy)|check-.*)$'
# Only what its tests need.
step "build: verify (invariants checked inside)" build verify tracer $(ls tests/taint/test_*.c tests/graph/test_*.c | sed 's|tests/\(.*\)/test_\(.*\)\.c|\1-\2|')
step "tests: verify, taint and graph, and checks as of large stores" tests verify -R '^((taint|graph)-.*|cmd-(rules|policies|decision|readme|as_of))$'

# The program itself, not only its tests.
check_program() { # WRAPPER...
  store=$(mktemp -d) && status=0
  "$@" "$binary" demo --store "$store/s" --format json --output "$store/demo.json" || status=1
  for policy in lifo haircut poison; do
    "$@" "$binary" trace --store "$store/s" --policy $policy --output "$store/$policy.txt" ronin-2022 || status=1
  done
  "$@" "$binary" check --store "$store/s" --output "$store/check.txt" 0x098b716b8aaf21512996dc57eb0615e2383e2f96
  [ $? = 10 ] || status=1
  "$@" "$binary" export transfers --store "$store/s" --output "$store/t.csv" || status=1
  "$@" "$binary" replay --transfers "$store/t.csv" --policy fifo --out "$store/out" || status=1
  "$@" "$binary" store verify --store "$store/s" || status=1
  rm -rf "$store"
  return $status
}
binary=$root/build/asan/tracer
step "program: demo, trace, check, replay under ASan and UBSan" check_program env
binary=$root/build/debug/tracer
step "program: demo, trace, check, replay under valgrind" check_program valgrind -q --error-exitcode=99 --leak-check=full \
  --errors-for-leak-kinds=definite,possible

if [ "$long" = --long ]; then
  step "traces through endpoints that lack capabilities, in full" node tests/e2e/lazy.mjs --tracer "$root/build/asan/tracer" --full
  step "clang-tidy" sh -c "run-clang-tidy -quiet -p build/asan '/(tracer|chains)/.*\.c$'"
fi

printf '\nThe slowest tests, seconds:\n'
sort -rn build/took | head -n 12
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
