#!/bin/sh
# Every public header compiles alone, under harsher warnings than the program's.
set -u
root=$1 failed=0 count=0
for header in "$root"/include/tracer/*.h; do
  count=$((count + 1))
  printf '#include "tracer/%s"\nint nothing(void);\n' "$(basename "$header")" |
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wno-pedantic -Wshadow -Wconversion -Wstrict-prototypes -Wundef -Wcast-qual \
      -Werror -I"$root/include" -x c -fsyntax-only - || { echo "$header does not compile alone"; failed=1; }
done
echo "headers: $count compiled alone"
exit $failed
