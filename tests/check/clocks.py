"""S14_deadlines_use_the_monotonic_clock: wall time is read in one function, and only what stores a date, or
bounds the head by it (R4), calls it."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
problems = []
for path in sorted([*root.glob("tracer/**/*.[ch]"), *root.glob("chains/**/*.[ch]")]):
    name = path.relative_to(root).as_posix()
    code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    if re.search(r"\b(CLOCK_REALTIME|gettimeofday|time\s*\(\s*NULL|time\s*\(\s*0)\b", code) and name != "tracer/base/clock.c":
        problems.append(f"{name}: reads the wall clock itself")
    if "clock_unix_s(" in code and not name.startswith(("tracer/base/clock.c", "tracer/graph/", "chains/client.c", "chains/finality.c")):
        problems.append(f"{name}: wall time outside the store's dates")
print("\n".join(problems))
print(f"clocks: {len(problems)} problems")
sys.exit(bool(problems))
