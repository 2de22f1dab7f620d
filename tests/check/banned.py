"""Functions, flags and types that must not stand in the source."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
FUNCTIONS = r"\b(sprintf|vsprintf|strcpy|strcat|gets|atoi|atol|atoll|atof|strtok|system|popen|alloca|rand|srand|tmpnam|mktemp|setlocale|localtime|ctime|asctime)\s*\("
MONEY = r"\b(double|float)\b"
LMDB = r"\b(MDB_NOSYNC|MDB_NOMETASYNC|MDB_MAPASYNC|MDB_WRITEMAP|MDB_DUPSORT|MDB_DUPFIXED|MDB_CURRENT)\b"
MARKS = r"\b(TODO|FIXME|XXX|HACK)\b"
NO_FLOAT = ("include/tracer", "tracer/base", "tracer/value", "tracer/taint", "tracer/graph", "tracer/import", "tracer/report",
            "tracer/label", "chains/evm")
problems = []
for path in sorted([*root.glob("include/**/*.h"), *root.glob("tracer/**/*.[ch]"), *root.glob("chains/**/*.[ch]")]):
    name = path.relative_to(root).as_posix()
    text = path.read_text()
    code = re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S)
    rules = [(FUNCTIONS, code), (MARKS, text), (LMDB, code)]
    if name.startswith(NO_FLOAT):
        rules.append((MONEY, code))
    for pattern, where in rules:
        for number, line in enumerate(where.splitlines(), 1):
            found = re.search(pattern, line)
            if found:
                problems.append(f"{name}:{number}: {found.group(0)}")
print("\n".join(problems))
print(f"banned: {len(problems)} problems")
sys.exit(bool(problems))
