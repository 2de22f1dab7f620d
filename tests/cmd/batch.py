"""batch: rows of every kind, what passes through, columns, formats; killed at random and run again; workers; damage, gaps and files
that are none. Whatever happens, no row is clean that was not asked."""
import csv
import io
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

tracer = os.environ["TRACER"]
KILLS = int(os.environ.get("TRACER_TEST_KILLS", "100")) // 5
PART = 1 if KILLS >= 20 else 5  # of the long files and of the damaged copies, and of what is beside an ingest all but one case, for slow builds
DEFAULT = "verdict reason asset amount tainted unknown ppm_min ppm_max source hop key".split()
THIEF = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"
problems = []


def call(*arguments, **more):
    return subprocess.run([tracer, *arguments], capture_output=True, text=True, **more)


def same(what, got, wanted):
    if got != wanted and len(problems) < 20:
        problems.append(f"{what}: {got!r} instead of {wanted!r}")


def need(what, holds):
    if not holds and len(problems) < 20:
        problems.append(what)


top = pathlib.Path(tempfile.mkdtemp())
try:
    store = str(top / "store")
    if call("demo", "--store", store, "--output", str(top / "demo.txt")).returncode:
        sys.exit("demo failed")
    call("export", "transfers", "--store", store, "--output", str(top / "transfers.csv"))
    transfers = list(csv.DictReader(open(top / "transfers.csv")))
    accounts = sorted({row[end] for row in transfers for end in ("from", "to")})
    keys = [f"{row['block']}:{row['txi']}:{row['idx']}" for row in transfers]

    def batch(name, content, *more, code, output=None):
        source, out = top / name, str(output or top / f"out-{name}")
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
        done = call("batch", str(source), "--store", store, "--output", out, *more)
        same(f"exit of {name} {more}: {done.stderr}", done.returncode, code)
        return pathlib.Path(out).read_bytes() if os.path.exists(out) else b"", done

    def rows(data):
        return list(csv.DictReader(io.StringIO(data.decode(errors="replace"))))

    # ---- the answers are those of check, row by row ----
    asked = accounts[:40] + keys[:40]
    text, _ = batch("plain.csv", "target\n" + "".join(f"{t}\n" for t in asked), code=11)
    checked = json.loads(call("check", "--store", store, "--format", "json", *asked).stdout)
    for row, answer in zip(rows(text), checked["answers"]):
        same(f"verdict of {row['target']}", row["verdict"], answer["verdict"])
        same(f"reason of {row['target']}", row["reason"], "; ".join(answer["reasons"]))
        if row["amount"]:
            need(f"no line of {row['target']} is as told", any(
                [row[k] for k in ("amount", "tainted", "unknown", "ppm_min", "ppm_max")] == [str(line[k]) for k in ("amount", "tainted", "unknown", "ppm_min", "ppm_max")]
                for line in answer["lines"]))
    same("rows", len(rows(text)), len(asked))
    same("columns", list(rows(text)[0]), ["target", *DEFAULT])

    # ---- verdicts alone are the same, by a way of their own ----
    everything = accounts + keys
    long, _ = batch("all.csv", "target\n" + "".join(f"{t}\n" for t in everything), code=11)
    short, _ = batch("all.csv", "target\n" + "".join(f"{t}\n" for t in everything), "--columns", "verdict", code=11, output=top / "short.csv")
    same("verdicts alone", [(r["target"], r["verdict"]) for r in rows(short)], [(r["target"], r["verdict"]) for r in rows(long)])
    quoted, _ = batch("quoted.csv", 'a,target\n' + "".join(f'"x, {i}",{t}\n' for i, t in enumerate(everything)), "--columns", "verdict", code=11)
    same("verdicts of rows with quotes", [r["verdict"] for r in rows(quoted)], [r["verdict"] for r in rows(long)])
    for columns in ("verdict", "verdict,reason"): # a line of 64 KiB is the longest, whatever is asked
        text, _ = batch("longest.csv", "target,x\n" + "".join(f"{THIEF.lower()},{'9' * (65536 - 43 + i)}\n" for i in range(2)),
                        "--columns", columns, code=12)
        same(f"a line of 64 KiB and a longer one, {columns}", [r["verdict"] for r in rows(text)], ["exposed", "cannot_tell"])
    sourced = ["--source", "me=0x1bf53ce80ff2ed5711b8a2db8f7ea5b38da118d6", "--since", transfers[-1]["block"]]
    quick, _ = batch("clean.csv", "target\n" + "".join(f"{t}\n" for t in accounts), "--columns", "verdict", *sourced, code=11)
    slow, _ = batch("clean.csv", "target\n" + "".join(f"{t}\n" for t in accounts), *sourced, code=11, output=top / "clean-long.csv")
    same("verdicts of one source", [r["verdict"] for r in rows(quick)], [r["verdict"] for r in rows(slow)])
    need("nothing is clean for one source", any(r["verdict"] == "clean" for r in rows(quick)))

    # ---- accounts that are alike in their first and last bytes, which is what they are looked up by ----
    near, alike = [f"0x11111111{i:030x}aa" for i in range(40)], str(top / "alike")
    (top / "alike-rows.csv").write_text("block,txi,idx,kind,asset,from,to,amount\n" f"1,0,0,value,native,0x{'e1' * 20},0x{'e2' * 20},1000\n" +
                                        "".join(f"{i},0,0,value,native,0x{'e2' * 20},{near[i]},5\n" for i in range(3, 40, 2)))
    same("import", call("import", "--store", alike, str(top / "alike-rows.csv")).returncode, 0)
    for columns in ("verdict", "verdict,reason"):
        text, _ = batch("alike.csv", "target\n" + "".join(f"{t}\n" for t in near), "--columns", columns, "--store", alike, "--source", f"me=0x{'e2' * 20}", code=11)
        same(f"alike, {columns}", [r["verdict"] for r in rows(text)], ["exposed" if i > 1 and i % 2 else "cannot_tell" for i in range(40)])

    # ---- I1: whatever a row holds, the others are answered; it says line and column, and is no clean one ----
    good = keys[0]
    hostile = ("id,target,note\n"
               f'1,{good},"a, ""quoted"" note"\n'
               f"2,{good},=cmd()\n"
               f"3,{THIEF},checksum\n"
               f"4,{THIEF[:-1]}7,wrong checksum\n"
               f"5,{THIEF.upper().replace('X', 'x', 1)},one case\n"
               "6,0x12,short\n"
               "7,,none\n"
               f"8,{good}\n"
               f"9,{good},x,y\n"
               f'10,{good},a "quote" inside\n'
               f"11,0x{'0' * 64},unknown transaction\n"
               f"12,ronin:0x{'1' * 64},another chain\n").encode()
    hostile += b"13," + good.encode() + b",nul \0 byte\n" + b"14," + good.encode() + b",bare\rreturn\n15,\xff\xfe,not utf-8\n"
    hostile += b"16," + b"9" * 2_500_000 + b",long\n" + f'17,{good},last\n18,"{good},open\n19,{good},behind\n'.encode()
    hostile += f"20,{good},{'9' * 70_000}\n21,ronin:{THIEF[2:]},an account of another chain\n".encode()
    text, done = batch("hostile.csv", hostile, code=12)
    answered = rows(text)
    same("I1_rows", len(answered), 21)
    verdicts = {row["id"]: row for row in answered if row["id"]}
    for number in ("1", "2", "17", "19"):
        same(f"I1_{number}", verdicts[number]["verdict"], "clean")
    same("I1_note", verdicts["1"]["note"], 'a, "quoted" note')
    same("I1_formula passes through", verdicts["2"]["note"], "=cmd()")
    same("I1_checksum", (verdicts["3"]["verdict"], verdicts["5"]["verdict"]), ("exposed", "exposed"))
    for row, line, words in [(answered[3], 5, "column target: the capital letters"), (answered[5], 7, "column target: \"0x12\" is no address"),
                             (answered[6], 8, "no target"), (answered[7], 9, "2 columns instead of 3"), (answered[8], 10, "4 columns instead of 3"),
                             (answered[9], 11, "column 3: a quote inside"), (answered[11], 13, "column target: \"ronin:"),
                             (answered[12], 14, "NUL byte"), (answered[13], 15, "column 3: a carriage return"), (answered[14], 16, "column target: "), (answered[15], 17, "longer than"),
                             (answered[17], 19, "a quote is not closed"), (answered[19], 21, "longer than"), (answered[20], 22, "on another chain")]:
        need(f"I1: {row} does not say line {line}: {words}", row["verdict"] == "cannot_tell" and f"line {line}" in row["reason"] and words in row["reason"])
    need("an unknown transaction", verdicts["11"]["verdict"] == "cannot_tell" and "is not in the store" in verdicts["11"]["reason"])
    need(f"summary: {done.stderr}", "could not be asked" in done.stderr)
    for name, content, words in [("bom.csv", b"\xef\xbb\xbftarget\n", "byte order mark"), ("none.csv", b"address\n0x12\n", "column target is missing"),
                                 ("twice.csv", b"target,target\n", "twice"), ("has.csv", b"target,verdict\n", "is there already"), ("empty.csv", b"", "empty")]:
        _, done = batch(name, content, code=2)
        need(f"{name}: {done.stderr}", words in done.stderr)

    # ---- empty lines at the end are no rows; elsewhere they are ----
    for ending in ("\n", "\r\n\n", "\n" * 5000, "\r"):
        for columns in ("verdict", "verdict,reason"):
            plain, _ = batch("end.csv", f"target\n{good}\n", "--columns", columns, code=0)
            same(f"empty lines {ending[:4]!r} at the end", batch("end.csv", f"target\n{good}\n{ending}", "--columns", columns, code=0)[0], plain)
    same("an empty line in the middle", [r["verdict"] for r in rows(batch("middle.csv", f"id,target\n1,{good}\n\n2,{good}\n\n", code=12)[0])], ["clean", "cannot_tell", "clean"])
    same("empty lines of JSON", len(batch("end.jsonl", f'{{"target": "{good}"}}\n\n\n', code=0)[0].splitlines()), 1)
    same("no lines of JSON", batch("none.jsonl", "\n\r\n", code=0)[0], b"")

    # ---- JSON lines; both ways; columns ----
    lines = [{"target": good, "id": 1, "deep": {"a": [1, 2.50]}}, {"target": THIEF}, {"id": 3}, {"target": 5}, {"target": good, "verdict": "x"}]
    content = "".join(json.dumps(line) + "\n" for line in lines) + "no json\n[]\n" + '{"target": "' + good + '", "big": 123456789012345678901234567890.10 }\n'
    text, _ = batch("rows.jsonl", content, code=12)
    answered = [json.loads(line) for line in text.decode().splitlines()]
    same("JSON lines", [a["verdict"] for a in answered], ["clean", "exposed"] + ["cannot_tell"] * 5 + ["clean"])
    same("members pass through", {k: answered[0][k] for k in ("target", "id", "deep")}, lines[0])
    need("a number is repeated as it was written", b'"big": 123456789012345678901234567890.10' in text)
    same("amounts are texts, shares numbers", [type(answered[1][k]) for k in ("amount", "ppm_min", "hop")], [str, int, int])
    text, _ = batch("rows.csv", f"target,n\n{good},\"a\"\"b\"\n", "--output-format", "jsonl", "--columns", "key,verdict,as_of_block", code=0)
    answered = json.loads(text)
    same("CSV to JSON", (answered["n"], list(answered)), ('a"b', ["target", "n", "key", "verdict", "as_of_block"]))
    batch("rows.jsonl", content, "--output-format", "csv", code=2)
    wei = '{"target": "' + good + '", "wei": 25000000000000000000}\n'
    text, _ = batch("wei.jsonl", wei, "--columns", "verdict", code=0)
    same("a whole number of more than 64 bits", text.decode(), wei[:-2] + ', "verdict": "clean"}\n')
    text, _ = batch("latin.csv", b"caf\xe9,target\n\xe9t\xc3\xa9 \xe2\x82," + good.encode() + b"\n", "--output-format", "jsonl", "--columns", "verdict", code=0)
    same("what is no UTF-8", json.loads(text), {"caf\\x{e9}": "\\x{e9}t\u00e9 \\x{e2}\\x{82}", "target": good, "verdict": "clean"})
    _, done = batch("twins.csv", f"a,target,a\n1,{good},2\n", "--output-format", "jsonl", code=2)
    need(f"two members of one name: {done.stderr}", 'column "a" stands there twice' in done.stderr)
    batch("twins.csv", f"a,target,a\n1,{good},2\n", code=0)
    _, done = batch("chain.csv", f"target,chain\n{good},ronin\n{good},ethereum\n{good},1\n", code=12)
    need("column chain", [r["verdict"] for r in rows(_)] == ["cannot_tell", "clean", "clean"] and "line 2, column chain: is on ronin" in rows(_)[0]["reason"])
    for bad in ("nothing", "verdict,verdict", ""):
        batch("rows.csv", "target\n", "--columns", bad, code=2)
    text, _ = batch("to.csv", f"target,to\n0x{transfers[2]['transaction_hash'][2:]},{transfers[2]['to']}\n0x{transfers[2]['transaction_hash'][2:]},0x12\n", code=12)
    need(f"column to: {text}", rows(text)[0]["key"] == keys[2] and "column to" in rows(text)[1]["reason"])

    # ---- alerts: one for each row that is not clean ----
    text, _ = batch("all.csv", "target\n" + "".join(f"{t}\n" for t in everything), "--output-format", "alerts", code=11, output=top / "alerts.jsonl")
    alerts = [json.loads(line) for line in text.decode().splitlines()]
    bad = [(i + 2, r) for i, r in enumerate(rows(long)) if r["verdict"] != "clean"]
    same("alerts", [(a["line"], a["target"], a["verdict"], a["key"] or "") for a in alerts], [(i, r["target"], r["verdict"], r["key"]) for i, r in bad])
    single = {r["target"]: r["tainted"] for _, r in bad if r["verdict"] == "exposed" and ":" in r["target"]}
    need("amounts of alerts", all(0 < int(a["alertAmount"]) <= int(single[a["target"]]) for a in alerts if a["target"] in single))
    levels = {a["target"]: a["alertLevel"] for a in alerts}
    same("levels", (levels[THIEF.lower()], levels[keys[2]], sorted(set(levels.values()))), ("SEVERE", "HIGH", ["HIGH", "LOW", "MEDIUM", "SEVERE"]))
    batch("all.csv", "target\n", "--input-format", "alerts", code=2)

    # ---- 1, 2 and 8 workers, the same bytes ----
    dice = random.Random(1)
    many = "n,target\n" + "".join(f"{i},{dice.choice(everything) if i % 7 else dice.choice(['0x1', '', good + ',x'])}\n" for i in range(12000 // PART))
    reference = None
    for workers in ("1", "2", "8"):
        text, _ = batch("many.csv", many, "--workers", workers, "--columns", "verdict,reason", code=12)
        reference = reference or text
        need(f"{workers} workers give other bytes", text == reference)

    # ---- verdicts alone of large files: rows of every kind at the borders of pieces, more answers than a slot holds ----
    truth = {r["target"]: r["verdict"] for r in rows(long)}
    lines = {t: (t, truth[t]) for t in everything}
    lines |= {t.upper().replace("0X", "0x"): (t.upper().replace("0X", "0x"), truth[t]) for t in accounts[:20]}
    lines |= {f'"{t}"': (f'"{t}"', truth[t]) for t in accounts[:20]}
    lines |= {t: (t, "cannot_tell") for t in ["0x1", "0x" + "g" * 40, "0x" + "0" * 39 + ":", "0x" + "a" * 39 + "`", "0X" + "a" * 40, good[:-1], good + "0", '"0x\n1"', '"a""b"',
                                              "x" * 65536, "\u00e9" * 20, "y" * 63, "y" * 64, "y" * 65]}
    lines |= {t: ("", "cannot_tell") for t in ["a,b", 'a"b', '"x"y', "\0" + good, good + "\r\r", "x" * 65537, "z" * 600000]}

    def large(count, choose, columns, cut):
        """A file, and what must come out of it. `cut`: the last line has no end."""
        text, wanted = [f"{columns.format('target')}\n"], [f"{columns.format('target')},verdict\n"]
        for i in range(count // PART):
            line = choose()
            raw, verdict = lines.get(line, ("", "cannot_tell"))
            wide = columns.format(raw) if raw or not line else "," * columns.count(",")
            text.append(columns.format(line) + dice.choice(["\n", "\n", "\r\n"]))
            wanted.append(f"{wide},{verdict}\n")
        while not text[-1].strip(): # no rows
            del text[-1], wanted[-1]
        return "".join(text).rstrip("\r\n") if cut else "".join(text), "".join(wanted)

    usual = [t for t in accounts] * 5 + [t for t in lines if len(t) < 65536]
    for name, count, choose, columns in [("usual", 60000, lambda: dice.choice(accounts), "{}"), ("mixed", 40000, lambda: dice.choice(usual), "{}"),
                                         ("wide", 30000, lambda: dice.choice(accounts), "7,{},a note"), ("long", 3000, lambda: dice.choice(list(lines)[-30:] + accounts[:30]), "{}"),
                                         ("spill", 300000, lambda: "" if dice.random() < 0.99 else accounts[0], "{}")]:
        content, wanted = large(count, choose, columns, name != "spill")
        for workers in ("1", "2", "8"):
            text, _ = batch(f"{name}.csv", content, "--workers", workers, "--columns", "verdict", code=11 if name in ("usual", "wide") else 12)
            if text.decode() != wanted:
                got = text.decode().splitlines(keepends=True)
                wrong = next((i for i, (a, b) in enumerate(zip(got, wanted.splitlines(keepends=True))) if a != b), len(got))
                problems.append(f"{name}, {workers} workers: line {wrong}: {got[wrong:wrong + 1]} instead of {wanted.splitlines(keepends=True)[wrong:wrong + 1]}")

    # ---- killed at random: the same command goes on, and ends with the same bytes ----
    command = [tracer, "batch", str(top / "many.csv"), "--store", store, "--output", str(top / "killed.csv"), "--workers", "2", "--quiet", "--checkpoint", "4000",
               "--columns", "verdict,reason"]
    took = time.monotonic()
    subprocess.run(command, capture_output=True)
    took = time.monotonic() - took
    (top / "killed.csv").unlink()
    resumed = kills = 0
    while kills < KILLS:
        child = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
        time.sleep(dice.random() * took)
        how = signal.SIGINT if dice.random() < 0.3 else signal.SIGKILL
        if child.poll() is None:
            os.kill(child.pid, how)
        child.communicate()
        kills += 1
        resumed += (top / "killed.csv.progress").exists()
        if (top / "killed.csv").exists():
            need(f"kill {kills}: other bytes", (top / "killed.csv").read_bytes() == reference)
            (top / "killed.csv").unlink()
    done = subprocess.run(command, capture_output=True, text=True)
    same("exit of the last run", done.returncode, 12)
    need("the last run has other bytes", (top / "killed.csv").read_bytes() == reference)
    left = [p.name for p in top.iterdir() if p.name.startswith("killed.csv.")]
    need(f"something is left: {left}", not left)
    print(f"{kills} kills, {resumed} of them left a note to go on from")

    # ---- at once after a kill: no worker is left that has the output, or is answering ----
    for how in (signal.SIGKILL, signal.SIGTERM):
        child = subprocess.Popen([tracer, "batch", str(top / "many.csv"), "--store", store, "--output", str(top / "at-once.csv"), "--quiet"], stderr=subprocess.DEVNULL, start_new_session=True)
        while not (top / "at-once.csv.partial").exists() or not (top / "at-once.csv.partial").stat().st_size:
            time.sleep(0.001)
        os.kill(child.pid, how)
        child.wait()
        done = call("batch", str(top / "many.csv"), "--store", store, "--output", str(top / "at-once.csv"))
        need(f"at once after {how}: {done.stderr}", "another batch" not in done.stderr and done.returncode == 12)

    # ---- the same with decisions: one record a row, whatever was killed when ----
    FEW = "f\u00e9w.csv" # a name that is shown otherwise in the records
    few = "n,target\n" + "".join(f"{i},{everything[i % len(everything)] if i % 9 else '0x1'}\n" for i in range(3000))
    wanted, _ = batch(FEW, few, "--columns", "verdict,reason", code=12)
    recording = [tracer, "batch", str(top / FEW), "--store", store, "--output", str(top / "recorded.csv"), "--workers", "2", "--quiet",
                 "--checkpoint", "4000", "--columns", "verdict,reason", "--decisions", str(top / "log")]
    kills = 0
    while not (top / "recorded.csv").exists():
        child = subprocess.Popen(recording, stderr=subprocess.PIPE, start_new_session=True)
        if kills < KILLS:
            time.sleep(dice.random() * took)
            kills += 1
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    need("the recorded batch has other bytes", (top / "recorded.csv").read_bytes() == wanted)
    records = [json.loads(line) for line in open(top / "log")]
    decided = [r for r in records if r["kind"] == "decision"]
    same("E6_one decision a row, in order", [r["reference"] for r in decided], [f"f\\u{{e9}}w.csv:{i + 2}" for i in range(3000)])
    same("E6_the verdicts that were given out", [r["verdict"] for r in decided], [r["verdict"] for r in rows(wanted)])
    same("E3_the log is whole", call("decision", "verify", str(top / "log")).returncode, 0)
    some = next(r["number"] for r in decided if r["verdict"] == "exposed")
    done = call("decision", "replay", str(top / "log"), str(some), "--store", store)
    same(f"replay of {some}: {done.stdout}{done.stderr}", done.returncode, 0)
    (top / "nowhere").mkdir()
    done = call("batch", str(top / FEW), "--store", store, "--output", str(top / "no.csv"), "--decisions", str(top / "nowhere"))
    need(f"no log, no answer: {done.returncode}", done.returncode in (2, 4) and not (top / "no.csv").exists())

    # ---- an ingest beside it: blocks that are added change no row; where blocks become others, all rows are of those ----
    lines = (top / "transfers.csv").read_text().splitlines(keepends=True)
    half = next(i for i in range(len(lines) // 2, len(lines)) if lines[i].split(",")[0] != lines[i - 1].split(",")[0])
    (top / "early.csv").write_text("".join(lines[:half]))
    (top / "late.csv").write_text("".join(lines[:1] + lines[half:]))
    (top / "beside.csv").write_text("target,note\n" + "".join(f"{everything[i % len(everything)]},{'x' * 3000}\n" for i in range(5000)))
    beside = [tracer, "batch", str(top / "beside.csv"), "--workers", "2", "--columns", "verdict,amount,tainted,as_of_block,reason", "--store"]

    def asked(folder, out):
        return subprocess.Popen([*beside, folder, "--output", str(top / out)], stderr=subprocess.PIPE, text=True)

    for first, second, lost in [("early", "late", False), ("early", "late", True), ("late", "early", False)][PART > 1:]:
        folder = str(top / f"{first}-{lost}")
        call("import", "--store", folder, "--name", "grown", str(top / f"{first}.csv"))
        asked(folder, "alone.csv").communicate()
        alone = rows((top / "alone.csv").read_bytes())
        child = asked(folder, "beside-out.csv")
        while child.poll() is None and not ((top / "beside-out.csv.partial").exists() and (top / "beside-out.csv.partial").stat().st_size > 1 << 20):
            time.sleep(0.001)
        child.send_signal(signal.SIGSTOP)
        same("import beside a batch", call("import", "--store", folder, "--name", "grown", str(top / f"{second}.csv")).returncode, 0)
        call("check", "--store", folder, good)  # makes the state anew
        if lost:
            os.kill(int(pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()[0]), signal.SIGKILL)
        child.send_signal(signal.SIGCONT)
        _, told = child.communicate()
        same(f"exit of a batch beside an import, {first} {lost}: {told}", child.returncode, 4 if lost else 11)
        got = rows((top / "beside-out.csv").read_bytes())
        if first == "late":
            asked(folder, "alone.csv").communicate()
            need("the answers did not change", rows((top / "alone.csv").read_bytes()) != alone)
            alone = rows((top / "alone.csv").read_bytes())
            need(f"nothing is said of it: {told}", "every row is asked again" in told)
        gone = [i for i, row in enumerate(got) if "the process that was to answer ended" in row["reason"]]
        need(f"{len(gone)} rows are lost", bool(gone) == lost and len(gone) < 1000)
        need(f"rows of another state, {first} {lost}", [r for i, r in enumerate(got) if i not in gone] == [r for i, r in enumerate(alone) if i not in gone])

    # ---- an earlier run of something else is not gone on with ----
    child = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    time.sleep(took * 0.6)
    os.kill(child.pid, signal.SIGINT)
    child.communicate()
    if (top / "killed.csv.progress").exists():
        done = subprocess.run([*command[:-1], "verdict"], capture_output=True, text=True)
        need(f"other columns: {done.returncode} {done.stderr}", done.returncode != 12 and "--restart" in done.stderr)
        done = subprocess.run([*command, "--restart"], capture_output=True, text=True)
        need("restart", done.returncode == 12 and (top / "killed.csv").read_bytes() == reference)

    # ---- S3_no_room_for_the_output: said, and gone on with ----
    room = [tracer, "batch", str(top / "beside.csv"), "--store", store, "--output", str(top / "room.csv"), "--checkpoint", "100000", "--columns", "verdict", "--quiet"]
    done = subprocess.run(room, capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    need(f"no room: {done.returncode} {done.stderr}", done.returncode == 4 and "make room" in done.stderr and not (top / "room.csv").exists())
    same("room again", subprocess.run(room, capture_output=True, text=True).returncode, 11)
    same("all rows", len(rows((top / "room.csv").read_bytes())), 5000)

    # ---- rows of two states of the input, or recorded under two references, stand in no output ----
    changing = top / "changing.csv"
    changing.write_bytes((top / "beside.csv").read_bytes())
    child = subprocess.Popen([tracer, "batch", str(changing), "--store", store, "--output", str(top / "changed.csv"), "--workers", "1"], stderr=subprocess.PIPE, text=True)
    while child.poll() is None and not ((top / "changed.csv.partial").exists() and (top / "changed.csv.partial").stat().st_size > 1 << 20):
        time.sleep(0.001)
    child.send_signal(signal.SIGSTOP)
    with open(changing, "a") as file:
        file.write(f"{good},late\n")
    child.send_signal(signal.SIGCONT)
    _, told = child.communicate()
    need(f"an input that changed: {child.returncode} {told}", child.returncode == 4 and "changed while it was read" in told and not (top / "changed.csv").exists())
    noted = [tracer, "batch", str(top / "beside.csv"), "--store", store, "--output", str(top / "noted.csv"), "--workers", "1", "--checkpoint", "1000",
             "--decisions", str(top / "noted.log"), "--reference"]
    child = subprocess.Popen([*noted, "one"], stderr=subprocess.PIPE, text=True)
    while child.poll() is None and not (top / "noted.csv.progress").exists():
        time.sleep(0.001)
    child.kill()
    child.communicate()
    done = subprocess.run([*noted, "two"], capture_output=True, text=True)
    need(f"another reference: {done.returncode} {done.stderr}", done.returncode == 4 and "--restart" in done.stderr)
    same("the same reference", subprocess.run([*noted, "one"], capture_output=True, text=True).returncode, 11)
    decided = [r["reference"] for r in map(json.loads, open(top / "noted.log")) if r["kind"] == "decision"]
    same("E6_one decision a row of one reference", decided, [f"one:{i + 2}" for i in range(5000)])
    same("no input", call("batch", str(top / "nowhere.csv"), "--store", store, "--output", str(top / "o.csv")).returncode, 2)

    # ---- never clean: a damaged store, a damaged state, coverage that is missing ----
    targets = "target\n" + "".join(f"{t}\n" for t in everything[:300])
    truth = {r["target"]: r["verdict"] for r in rows(long)}
    states = pathlib.Path(store) / "taint"
    for damage in range(max(12 // PART, 4)):
        copy = top / "damaged"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(store, copy)
        victim = copy / "data.mdb" if damage % 2 else next((copy / "taint").iterdir()) / "data.mdb"
        data = bytearray(victim.read_bytes())
        for _ in range(40):
            data[dice.randrange(8192, len(data))] ^= 1 << dice.randrange(8)
        victim.write_bytes(data)
        (top / "t.csv").write_text(targets)
        (top / "d.csv").unlink(missing_ok=True)
        done = call("batch", str(top / "t.csv"), "--store", str(copy), "--output", str(top / "d.csv"), "--restart")
        if (top / "d.csv").exists():
            for row in rows((top / "d.csv").read_bytes()):
                need(f"damage {damage}: {row['target']} became clean", row["verdict"] != "clean" or truth[row["target"]] == "clean")
        else:
            need(f"damage {damage}: exit {done.returncode} {done.stderr}", done.returncode not in (0, 10))
    call("import", "--store", str(top / "bare"), "--name", "bare", str(top / "transfers.csv"))
    done = call("batch", str(top / "t.csv"), "--store", str(top / "bare"), "--output", str(top / "bare.csv"))
    same("no coverage", (done.returncode, any(r["verdict"] == "clean" for r in rows((top / "bare.csv").read_bytes()))), (11, False))

    # ---- I6: files that are none ----
    (top / "rows.csv").write_text(f"target\n{good}\n")
    os.mkfifo(top / "fifo")
    os.symlink(top / "rows.csv", top / "link.csv")
    for source, out in [(top / "fifo", top / "o.csv"), (top / "rows.csv", top / "rows.csv"), (top / "rows.csv", top / "link.csv"),
                        (top / "rows.csv", top / "fifo"), (top / "rows.csv", "/dev/null"), (top, top / "o.csv")]:
        done = call("batch", str(source), "--store", store, "--output", str(out), timeout=60)
        need(f"I6_{source}_{out}: exit {done.returncode}", done.returncode in (2, 4) and done.stderr)
    for name in ("self.csv", "self.csv.partial", "self.csv.progress"):
        done = call("batch", str(top / "rows.csv"), "--store", store, "--output", str(top / "self.csv"), "--decisions", str(top / name), timeout=60)
        need(f"I6_a log that is the output: {done.returncode} {done.stderr}", done.returncode == 2 and "name another file" in done.stderr)
    same("I6_the input stays", (top / "rows.csv").read_text(), f"target\n{good}\n")
    same("I6_mode", (top / "short.csv").stat().st_mode & 0o777, 0o600)
finally:
    shutil.rmtree(top)

if problems:
    sys.exit("\n".join(problems))
print("every row was answered, or says why not")
