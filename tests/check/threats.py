"""Every id of the threat model has a test that carries it in its name, or stands in threats-open.txt with the issue that
brings it. That list may only shrink: an id that is tested and open at once is an error."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
groups = {"T": 14, "R": 19, "X": 11, "I": 8, "S": 14, "E": 7, "D": 3}
ids = [f"{letter}{number}" for letter, count in groups.items() for number in range(1, count + 1)]
names = set()
for path in root.glob("tests/**/*"):
    if path.suffix not in (".c", ".py", ".sh", ".mjs") or "node_modules" in path.parts or path.name == "threats.py":
        continue
    for match in re.finditer(r"\b([TRXISED]\d{1,2})_[a-z0-9_]+", path.read_text()):
        names.add(match.group(1))
    for match in re.finditer(r"\bTest\(\w+,\s*((?:[TRXISED]\d{1,2}_)+)", path.read_text()):
        names.update(match.group(1).strip("_").split("_"))  # one test may carry several ids
open_lines = [line.split() for line in (root / "tests/check/threats-open.txt").read_text().splitlines()
              if line.strip() and not line.startswith("#")]
problems, listed = [], {}
for line in open_lines:
    if len(line) < 2 or line[0] not in ids:
        problems.append(f"threats-open.txt: bad line: {' '.join(line)}")
    elif line[0] in listed:
        problems.append(f"threats-open.txt: {line[0]} stands twice")
    else:
        listed[line[0]] = line[1]
for threat in ids:
    if threat in names and threat in listed:
        problems.append(f"{threat} has a test: take it out of threats-open.txt")
    if threat not in names and threat not in listed:
        problems.append(f"{threat} has neither a test nor a line in threats-open.txt")
print("\n".join(problems))
print(f"threats: {len(names & set(ids))} of {len(ids)} ids tested, {len(listed)} open, {len(problems)} problems")
sys.exit(bool(problems))
