"""S2_power_cuts_lose_nothing_that_was_acknowledged: every write to the store and every sync is recorded; then the file is made again as
a power cut at each of these events may leave it, with writes that were not synced kept, dropped or torn at random, sector by sector.
Whatever is left verifies, has every row of the imports that had ended, and of the one under way only whole blocks. The same without
regard to syncs must fail: else the test would show nothing. TRACER_TEST_CUTS sets how many images are looked at, 'all' takes each."""
import collections
import hashlib
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
wanted = os.environ.get("TRACER_TEST_CUTS", "100")
SECTOR, PARTS, SEED = 512, 4, 20220323
WRITE, DURABLE, SYNC, LENGTH = 1, 2, 3, 4

if b"__asan_init" in pathlib.Path(tracer).read_bytes():
    print("SKIP power: the sanitizers have to be loaded first")
    sys.exit(0)


def run(*arguments, **settings):
    return subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **settings}, timeout=120)


def events(log):
    data, at, found = log.read_bytes(), 0, []
    while at < len(data):
        what, offset, size = struct.unpack_from("=QQQ", data, at)
        at += 24
        found.append((what, offset, data[at:at + size]))
        at += size
    return found


def put(image, offset, data):
    if len(image) < offset + len(data):
        image.extend(bytes(offset + len(data) - len(image)))
    image[offset:offset + len(data)] = data


def cut_at(recorded, end, chance, syncs):
    """The file after a power cut within event `end`: what was synced is there; of the rest each sector with the probability
    `chance(n)`."""
    image, loose = bytearray(), []
    for what, offset, data in recorded[:end]:
        if what == SYNC and syncs:
            for change in loose:
                put(image, *change)
            loose = []
        elif what == DURABLE and syncs:
            put(image, offset, data)
        elif what == LENGTH:
            del image[offset:]
            image.extend(bytes(offset - len(image)))
        elif what != SYNC:
            loose.append((offset, data))
    what, offset, data = recorded[end]
    if what in (WRITE, DURABLE):
        loose.append((offset, data))
    for offset, data in loose:
        for start in range(0, len(data), SECTOR):
            if chance():
                put(image, offset + start, data[start:start + SECTOR])
    return bytes(image)


def blocks(text):
    rows = collections.defaultdict(list)
    for line in text.splitlines()[1:]:
        rows[line.split(",", 1)[0]].append(line)
    return dict(rows)


with tempfile.TemporaryDirectory() as folder:
    here = pathlib.Path(folder)
    library, log, store = here / "recording.so", here / "log", here / "store"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", str(library), str(root / "tests/preload/recording.c"), "-ldl"],
                   check=True)
    lines = [line for line in (root / "fixtures/ronin-2022/transfers.csv").read_text().split("\n") if line and not line.startswith("#")]
    recording = {"LD_PRELOAD": str(library), "RECORD_LOG": str(log), "RECORD_FILE": str(store / "data.mdb")}
    ends, states = [], [{}]  # events at the end of each import, and what is in the store then
    for part in range(PARTS):
        first, last = (len(lines) - 1) * part // PARTS + 1, (len(lines) - 1) * (part + 1) // PARTS + 1
        while last < len(lines) and lines[last].split(",", 1)[0] == lines[last - 1].split(",", 1)[0]:
            last += 1
        while part and first < len(lines) and lines[first].split(",", 1)[0] == lines[first - 1].split(",", 1)[0]:
            first += 1
        piece = here / f"part{part}.csv"
        piece.write_text("\n".join([lines[0], *lines[first:last]]) + "\n")
        done = run("import", "--store", store, piece, **recording)
        assert done.returncode == 0, done.stderr
        ends.append(len(events(log)))
        states.append(blocks(run("export", "transfers", "--store", store).stdout))
    recorded = events(log)
    kinds = collections.Counter(what for what, _, _ in recorded)
    everything = cut_at([*recorded, (SYNC, 0, b"")], len(recorded), lambda: True, True)
    assert everything == (store / "data.mdb").read_bytes(), "some write was not recorded"
    assert len(states[-1]) > len(states[1]) > 100 and kinds[SYNC] >= PARTS and kinds[DURABLE] >= PARTS, kinds

    def judge(image, end):
        """What is wrong with the store that a cut within event `end` left; None: nothing."""
        ended = sum(event <= end for event in ends)
        left = here / "left"
        left.mkdir(mode=0o700, exist_ok=True)
        for old in left.iterdir():
            old.unlink()
        (left / "data.mdb").write_bytes(image)
        os.chmod(left / "data.mdb", 0o600)
        done = run("store", "verify", "--store", left)
        if done.returncode:
            empty = any(text in done.stderr for text in ("is empty", "there is no store", "is not a store"))
            return None if ended == 0 and empty else f"verify: exit {done.returncode}: {done.stderr}"
        done = run("export", "transfers", "--store", left)
        if done.returncode:
            return None if ended == 0 else f"export: exit {done.returncode}: {done.stderr}"
        found, before, after = blocks(done.stdout), states[ended], states[min(ended + 1, PARTS)]
        for number, rows in before.items():
            if found.get(number) != rows:
                return f"block {number} was acknowledged, and is not there whole"
        for number, rows in found.items():
            if after.get(number) != rows:
                return f"block {number} is not whole"
        return None

    def images(syncs):
        chances = random.Random(SEED)
        seen = set()
        for end in range(len(recorded)):
            for chance in (lambda: False, lambda: True, lambda: chances.random() < 0.5, lambda: chances.random() < 0.9):
                image = cut_at(recorded, end, chance, syncs)
                key = (hashlib.sha256(image).digest(), sum(event <= end for event in ends))
                if key not in seen:
                    seen.add(key)
                    yield end, image

    problems, looked, made = [], 0, list(images(True))
    step = 1 if wanted == "all" else max(1, len(made) // int(wanted))
    for end, image in made[::step]:
        looked += 1
        wrong = judge(image, end)
        if wrong:
            problems.append(f"event {end} of {len(recorded)}: {wrong}")
    # a device that says "synced" and is not: then something must be lost
    for end, image in list(images(False))[::-1][:200]:
        if judge(image, end):
            break
    else:
        problems.append("writes that no sync made durable were lost, and nothing was noticed: this test shows nothing")
print("\n".join(problems))
print(f"power: {looked} of {len(made)} images of {len(recorded)} events ({kinds[SYNC]} syncs, {kinds[DURABLE]} synced writes), "
      f"{len(problems)} problems")
sys.exit(bool(problems))
