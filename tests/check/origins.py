"""D3_no_blobs_and_every_fixture_says_where_it_is_from: what is tracked is text, and a folder of data has a note with a date, or a
source in each row of its tables."""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(sys.argv[1])
listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
if listed.returncode:
    print("SKIP origins: not a git checkout")
    sys.exit(0)
FILE_BYTES_MAX = 4 << 20
problems = []
files = [name for name in listed.stdout.decode().split("\0") if name]
for name in files:
    path = root / name
    if not path.is_file():
        continue
    data = path.read_bytes()
    if len(data) > FILE_BYTES_MAX:
        problems.append(f"{name}: {len(data)} bytes")
    if name.startswith("tests/fuzz/corpus/"):
        continue  # bytes on purpose, none of them run
    if name.startswith("docs/") and name.endswith(".png") and data.startswith(b"\x89PNG\r\n\x1a\n"):
        continue  # a picture that we made
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        problems.append(f"{name}: not UTF-8 text")
        continue
    if "\0" in text:
        problems.append(f"{name}: a NUL byte")
for folder in sorted({pathlib.PurePosixPath(name).parts[1] for name in files
                      if name.startswith("fixtures/") and name.count("/") >= 2}):
    notes = [root / "fixtures" / folder / note for note in ("ORIGIN.md", "NOTICE.md")]
    text = "\n".join(note.read_text() for note in notes if note.is_file())
    if not text:
        problems.append(f"fixtures/{folder}: neither ORIGIN.md nor NOTICE.md")
    elif not re.search(r"\b20\d\d-\d\d-\d\d\b", text):
        for table in sorted((root / "fixtures" / folder).glob("*.tsv")):
            header = next(line for line in table.read_text().splitlines() if not line.startswith("#"))
            if header.split("\t")[-1] != "source":
                problems.append(f"{table.relative_to(root)}: no date in the note, and no source in the rows")
if not (root / "LICENSE").read_text().lstrip().startswith("Apache License"):
    problems.append("LICENSE: not the Apache License")
print("\n".join(problems))
print(f"origins: {len(files)} files, {len(problems)} problems")
sys.exit(bool(problems))
