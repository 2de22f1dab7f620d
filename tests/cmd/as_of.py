"""--as-of: blocks and lists as they stood on a day. Tornado Cash was listed from 2022-08-08 until 2025-03-21, and a list that was
replaced still answers for its time: I4_old_versions_answer_for_their_time."""
import calendar
import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
lists = root / "tests/label/lists"
A, B, C = (f"0x{pair}{'0' * 36}{pair}" for pair in ("aa", "bb", "cc"))
TORNADO, EXPLOITER = "0x8589427373d6d84e98730d7795d8f6f8731fda16", "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
VOID = "0x" + "0" * 40


def run(*arguments, code=0):
    done = subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}, not {code}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def second(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


def listed(*arguments, code=0):
    return "listed by OFAC (" in run("label", "why", *arguments, code=code)


for day, expected in (("2022-08-07", False), ("2022-08-08", True), ("2025-03-20", True), ("2025-03-21", False)):
    assert listed("--as-of", day, TORNADO) == expected, day
assert not listed(TORNADO) and listed(EXPLOITER) and not listed("--as-of", "2022-04-13", EXPLOITER)
assert "neither a date" in run("label", "why", "--as-of", "2022-13-01", TORNADO, code=2)
assert "--store" in run("label", "why", "--as-of", "15000000", TORNADO, code=2)

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    case = folder / "case"
    run("demo", "--store", case)

    # The thief's address, before it was listed and on that day; a key of this store is a time.
    check = ("check", "--store", case, EXPLOITER)
    assert "is listed by OFAC" not in run(*check, "--as-of", "2022-04-13", code=10)
    assert "is listed by OFAC (LAZARUS-GROUP)" in run(*check, "--as-of", "2022-04-14", code=10)
    assert "is listed by OFAC (LAZARUS-GROUP)" in run(*check, "--as-of", second("2022-04-14 12:00:00"), code=10)
    head = json.loads(run("trace", "--store", case, "--as-of", "2022-04-30", "--format", "json", "ronin-2022", code=0))
    assert "--as-of 2022-04-30" in json.dumps(head), head
    flows = []  # the same hops; names may be others, since those of the case have dates
    for end in (("--to", second("2022-04-30 23:59:59")), ("--as-of", "2022-04-30")):
        rows = csv.DictReader(io.StringIO(run("trace", "--store", case, *end, "--format", "csv", "ronin-2022")))
        flows.append([(row["key"], row["tainted"]) for row in rows])
    assert flows[0] == flows[1] and len(flows[0]) == 152
    assert "both say where to end" in run(*check, "--as-of", "2022-04-30", "--to", 1, code=2)
    assert "no stored block" in run("trace", "--store", case, "--as-of", "2022-03-01", "ronin-2022", code=2)
    assert "not with" in run("trace", "--store", case, "--as-of", "2022-04-30", "--rpc", "public", "ronin-2022", code=2)
    assert "not with" in run("trace", "--store", case, "--as-of", "2022-04-30", "--resume", code=2)
    assert "not with" in run("check", "--transfers", "x.csv", "--key", "1:0:0", "--as-of", "2022-04-30", code=2)
    run("trace", "--store", case, "--as-of", "2022-04-30", "--evidence", folder / "bundle", "--quiet", "--output", folder / "out", "ronin-2022")
    run("verify", folder / "bundle")

    # Two versions of a list: A and B, then A and C.
    store = folder / "store"
    first, last = second("2016-01-01 00:00:00"), second("2026-12-01 00:00:00")
    text = "block,txi,idx,kind,asset,from,to,amount,time,block_number\n"
    for number, (block, kind, giver, taker) in enumerate(((first, "reward", VOID, C), (first + 1, "value", C, B), (last, "value", B, A))):
        text += f"{block},0,0,{kind},native,{giver},{taker},{5 - number},{block},{number}\n"
    (folder / "transfers.csv").write_text(text)
    (folder / "coverage.csv").write_text(f"account,from,to,what,method,cross_check,gap\n,{first},{last},native,m,,\n,{first},{last},tokens,m,,\n")
    run("import", "--store", store, folder / "transfers.csv", folder / "coverage.csv")

    def take(day, other, entry_date):
        year, month, number = (str(int(part)) for part in day.split("-"))
        text = (lists / "sdn_advanced.xml").read_text().replace(B, other)
        text = text.replace("<Year>2026</Year><Month>1</Month><Day>2</Day>", f"<Year>{year}</Year><Month>{month}</Month><Day>{number}</Day>")
        text = text.replace("<Year>2023</Year><Month>11</Month><Day>30</Day>", entry_date).replace("<Year>2024</Year>", "<Year>2026</Year>")
        (folder / "sdn_advanced.xml").write_text(text)
        run("import", "--store", store, folder / "sdn_advanced.xml")

    take("2026-10-01", B, "<Year>2026</Year><Month>9</Month><Day>20</Day>")
    take("2026-11-20", C, "<Year>2026</Year><Month>9</Month><Day>20</Day>")
    why = ("--store", store)
    assert listed(*why, A) and not listed(*why, B) and listed(*why, C)
    assert listed(*why, "--as-of", "2026-10-10", B) and not listed(*why, "--as-of", "2026-10-10", C)
    assert "ofac-sdn of 2026-10-01" in run("label", "why", *why, "--as-of", "2026-10-10", B)
    assert not listed(*why, "--as-of", "2026-11-20", B) and listed(*why, "--as-of", "2026-11-20", C)
    assert not listed(*why, "--as-of", "2026-03-08", A), "before its entry"
    assert run("check", "--store", store, "--as-of", "2026-10-10", B, code=10).count("is listed by OFAC (EXAMPLE & LAUNDRY, LTD)") == 1
    out = run("check", "--store", store, "--as-of", "2026-11-25", "--format", "json", B)  # paid by C, before that was listed
    assert "is listed by OFAC" not in out and "lists as they stood then" in out

    # How old a list may be is asked of the day: on 10-31 the version of 10-01 is 30 days old, on 11-01 too old.
    key = f"{first + 1}:0:0"
    for day, word, code in (("2026-10-31", "CLEAN", 0), ("2026-11-01", "CANNOT TELL", 11), ("2026-11-20", "CLEAN", 0)):
        assert run("check", "--store", store, "--as-of", day, key, code=code).startswith(word), day

    # A day behind the last row is asked of the lists as well: who was listed by then is not known.
    for day, word, code in (("2026-12-20", "CLEAN", 0), ("2026-12-21", "CANNOT TELL", 11)):
        assert run("check", "--store", store, "--as-of", day, key, code=code).startswith(word), day

    # No version is as old as that day: said, and what has a date counts from it.
    take("2026-11-21", C, "<Year>2026</Year><Month>9</Month><Day>20</Day>")
    out = run("check", "--store", store, "--as-of", "2026-09-25", "--format", "json", A, code=10)
    assert "no version as old as 2026-09-25 is in the store" in out and "is listed by OFAC" in out
    assert listed(*why, "--as-of", "2026-09-25", B) and not listed(*why, "--as-of", "2026-09-25", C), "the oldest version is nearest"
    # One without a date could be that of any day: it counts beside the version that has one.
    D = f"0xdd{'0' * 36}dd"
    (folder / "sdn.csv").write_text((lists / "sdn.csv").read_text().replace(C, D))
    assert D in (folder / "sdn.csv").read_text()
    run("import", "--store", store, "--force", folder / "sdn.csv", "--comments", lists / "sdn_comments.csv")
    assert listed(*why, D) and not listed(*why, C)
    for address in (C, D):
        assert listed(*why, "--as-of", "2026-11-25", address), address
print("as of: blocks, lists and their versions")
