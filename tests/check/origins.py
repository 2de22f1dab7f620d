"""D3_no_blobs_and_every_fixture_says_where_it_is_from: what is tracked is text (but for pictures in docs/, of pixels and nothing
else), and a folder of data has a note with a date, or a source in each row of its tables."""
import pathlib
import re
import struct
import subprocess
import sys
import zlib

root = pathlib.Path(sys.argv[1])
listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
if listed.returncode:
    print("SKIP origins: not a git checkout")
    sys.exit(0)
FILE_BYTES_MAX = 4 << 20
PICTURE_BYTES_MAX = 300_000


def is_picture(data):
    """A PNG with a palette: its chunks, nothing beside or behind them, and exactly the pixels in them."""
    at, names, pixels = 8, [], b""
    while at + 12 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        chunk, check = data[at + 4 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        if check != struct.pack(">I", zlib.crc32(chunk)):
            return False
        names.append(name)
        pixels += chunk[4:] if name == b"IDAT" else b""
        at += 12 + size
    if data[:8] != b"\x89PNG\r\n\x1a\n" or names != [b"IHDR", b"PLTE", b"IDAT", b"IEND"] or at != len(data):
        return False
    width, height = struct.unpack(">II", data[16:24])
    inflate = zlib.decompressobj()
    return len(inflate.decompress(pixels)) == (width + 1) * height and inflate.eof and not inflate.unused_data


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
    if name.startswith("docs/") and name.endswith(".png"):
        if len(data) > PICTURE_BYTES_MAX or not is_picture(data):
            problems.append(f"{name}: not a small picture and nothing else")
        continue
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
