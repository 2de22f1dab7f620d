"""decision, rescreen and check --decisions: an answer is recorded before it is given out, or not given out; what changed is found.
The code of docs/decisions.md is run as it stands there."""
import atexit
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

root = pathlib.Path(sys.argv[1]).resolve()
tracer = pathlib.Path(os.environ["TRACER"]).resolve()
document = (root / "docs/decisions.md").read_text()
python = re.findall(r"^```python\n(.*?)^```", document, re.M | re.S)
shell = re.findall(r"^```sh\n(.*?)^```", document, re.M | re.S)
assert len(python) == 2 and len(shell) == 3
EXPLOITER, BINANCE = "0x098b716b8aaf21512996dc57eb0615e2383e2f96", "0x4976a4a02f38326660d17bf34b431dc6e2eb2327"
LISTED = "0x" + "bb" + "0" * 36 + "bb"
BEFORE = ("--source", "ronin-2022", "--to", "1648400000")
asan = b"__asan_init" in pathlib.Path(tracer).read_bytes()
here = pathlib.Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, here, ignore_errors=True)
environment = dict(os.environ, PATH=f"{tracer.parent}:{os.environ['PATH']}")


def run(*arguments, code=0, **more):
    done = subprocess.run([str(tracer), *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd=here, **more)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}, not {code}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def has(text, *parts):
    for part in parts:
        assert part in " ".join(text.split()), f"no {part!r} in:\n{text}"


def check(*arguments, code=0, log="decisions.jsonl", **more):
    return run("check", "--store", "case", "--decisions", log, *arguments, code=code, **more)


def records(log="decisions.jsonl"):
    return [json.loads(line) for line in (here / log).read_text().splitlines()]


def head(log="decisions.jsonl"):
    lines = (here / log).read_bytes().splitlines(keepends=True)
    return f"{len(lines)}:{hashlib.sha256(lines[-1]).hexdigest()}"


def stranger(number, path, code=0):
    done = subprocess.run([sys.executable, "-c", python[number], str(here / path)], capture_output=True, text=True)
    assert (done.returncode != 0) == (code != 0), done.stderr
    return done.stdout


def sh(script, code=0):
    done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, cwd=here, env=environment)
    assert (done.returncode != 0) == (code != 0), f"{script}: {done.stdout}{done.stderr}"
    return done.stdout


run("demo", "--store", "case", "--quiet", "--output", "demo.txt")
lists = root / "tests/label/lists"
run("import", "--store", "case", "--quiet", lists / "sdn_advanced.xml")

# An answer ends with its record and the head; JSON has both, CSV says it beside.
out = check(*BEFORE, "--reference", "case 17", "--decided-at", "2022-03-29", BINANCE)
has(out, f"record 3 in decisions.jsonl, whose head is now {head()}")
out = check(*BEFORE, "--format", "json", EXPLOITER, BINANCE, code=10)
assert json.loads(out)["recorded"] == f"records 4 to 5 in decisions.jsonl, whose head is now {head()}"
(here / "answers.json").write_text(out)
has(check(*BEFORE, "--format", "csv", BINANCE), f"recorded: record 6 in decisions.jsonl, whose head is now {head()}")
assert [record["kind"] for record in records()] == ["log", "context", *4 * ["decision"]]  # what is the same stands there once
first = records()[2]
assert (first["target"], first["verdict"], first["rule"], first["context"]) == (BINANCE, "clean", "none", 2)
assert (first["reference"], first["decided_at"]) == ("case 17", "2022-03-29") and len(first["reasons"]) == 1
assert records()[1]["as_of"]["finality"] == "provisional" and records()[1]["asked"]["to"] == 1648400000
assert {one["role"] for one in records()[1]["inputs"]} == {"transfers", "assets", "labels"}

# The same question gives the same bytes.
for log in ("one", "two"):
    (here / log).mkdir()
    check(*BEFORE, BINANCE, log=f"{log}/log")
assert (here / "one/log").read_bytes() == (here / "two/log").read_bytes()

# E3_a_stranger_checks_the_chain_with_nothing_of_ours, and what we print is what the stranger finds.
assert stranger(0, "decisions.jsonl").strip() == head()
assert stranger(1, "answers.json").split() == [record["answer_sha256"] for record in records()[3:5]]
printed = sh(shell[0]).split()
assert printed[0] == re.search(r"[0-9a-f]{64}", printed[3]).group(0) and printed[4] == head().split(":")[1], printed
has(run("decision", "verify", "decisions.jsonl"), "log decisions.jsonl: 6 records, 4 of them decisions", f"head {head()}")
assert run("decision", "head", "decisions.jsonl") == f"tracer/decision-head/1 {head()} decisions.jsonl\n"
has(run("decision", "list", "decisions.jsonl"), "context 2: chain 1, policy fifo, as of block 1648400000 (provisional)", f"3 clean {BINANCE} case 17")
assert run("decision", "show", "decisions.jsonl", 3) == "".join((here / "decisions.jsonl").read_text().splitlines(keepends=True)[1:3])
for arguments in (("verify",), ("verify", "decisions.jsonl", 3), ("show", "decisions.jsonl"), ("show", "decisions.jsonl", 99), ("show", "decisions.jsonl", 2), ("show", "decisions.jsonl", "x"),
                  ("burn", "decisions.jsonl"), ("verify", "none.jsonl"), ("verify", "decisions.jsonl", "--head", "x")):
    run("decision", *arguments, code=2)

# E3_a_log_that_was_cut_or_rewritten_is_found_by_the_noted_head.
noted, lines = head(), (here / "decisions.jsonl").read_text().splitlines(keepends=True)
check(*BEFORE, EXPLOITER, code=10)
has(run("decision", "verify", "decisions.jsonl", "--head", noted), "record 6 is the one that was noted; 1 follow it")
(here / "cut.jsonl").write_text("".join(lines[:4]))
run("decision", "verify", "cut.jsonl")
has(run("decision", "verify", "cut.jsonl", "--head", noted, code=5), "records were cut off")
previous, rewritten = "0" * 64, b""
for record in map(json.loads, lines):  # all made anew, with another verdict
    record["previous"] = previous
    line = (json.dumps(record).replace('"verdict": "exposed"', '"verdict": "clean"') + "\n").encode()
    rewritten, previous = rewritten + line, hashlib.sha256(line).hexdigest()
(here / "rewritten.jsonl").write_bytes(rewritten)
run("decision", "verify", "rewritten.jsonl")
has(run("decision", "verify", "rewritten.jsonl", "--head", noted, code=5), "the log was rewritten")
(here / "changed.jsonl").write_text("".join(lines).replace('"exposed"', '"clean"'))
for command in (("decision", "verify"), ("decision", "list"), ("rescreen", "--store", "case")):
    has(run(*command, "changed.jsonl", code=5), "does not follow")
has(run("decision", "show", "changed.jsonl", 3, code=5), "does not follow")
stranger(0, "changed.jsonl", code=1)

# E6_a_decision_is_asked_again_and_what_changed_is_said.
has(run("decision", "replay", "decisions.jsonl", 3, "--store", "case"), "the same verdict, clean", "nothing differs: lists, blocks, program and the whole answer")
has(run("decision", "replay", "decisions.jsonl", 4, "--store", "case"), "the same verdict, exposed", "nothing differs")
has(run("rescreen", "decisions.jsonl", "--store", "case"), "5 decisions asked again: 5 as they were, 0 changed")
(here / "mine.csv").write_text(f"address,class,name\n{BINANCE},,a name\n")
has(run("decision", "replay", "decisions.jsonl", 3, "--store", "case", "--labels", "mine.csv"), "the same verdict, clean", "labels mine.csv is new: sha256 ")
(here / "sdn_advanced.xml").write_text((lists / "sdn_advanced.xml").read_text().replace(LISTED, BINANCE))
run("import", "--store", "case", "--quiet", "sdn_advanced.xml")
for number, verdict in ((3, "clean"), (4, "exposed")):  # the store still has the list of then
    has(run("decision", "replay", "decisions.jsonl", number, "--store", "case"), "were taken in that of then", f"the same verdict, {verdict}", "nothing differs")
before = (here / "decisions.jsonl").read_bytes()
has(run("rescreen", "decisions.jsonl", "--store", "case", code=10), "Since the decisions of context 2: labels ofac-sdn changed: sha256 ",
    f"record 3 {BINANCE}: was clean, is exposed case 17 rule none, now listed now: is listed by OFAC", "5 decisions asked again: 2 as they were, 3 changed",
    "clean, now exposed: 3", f"head {head()}")
rows = run("rescreen", "decisions.jsonl", "--store", "case", "--format", "csv", code=10).splitlines()
assert len(rows) == 4 and rows[1].startswith(f"3,2,{BINANCE},case 17,clean,exposed,"), rows
objects = [json.loads(line) for line in run("rescreen", "decisions.jsonl", "--store", "case", "--format", "json", code=10).splitlines()]
assert [one["record"] for one in objects[:-1]] == [3, 5, 6] and objects[-1]["changed"] == 3 and objects[0]["why"][0].startswith("labels ofac-sdn")
assert before == (here / "decisions.jsonl").read_bytes()
run("rescreen", "decisions.jsonl", code=2)
run("rescreen", "decisions.jsonl", "--store", "case", "--format", "html", code=2)

# A list that keeps no versions, changed: replay says so.
(here / "seized.csv").write_text(f"address,class,name\n{LISTED},service,one\n")
run("import", "--store", "case", "--quiet", "seized.csv")
check(*BEFORE, "0x4976a4a02f38326660d17bf34b431dc6e2eb2328", log="seized.jsonl")
(here / "seized.csv").write_text("address,class,emit,name\n0x4976a4a02f38326660d17bf34b431dc6e2eb2328,service,police,one\n")
run("import", "--store", "case", "--quiet", "seized.csv")
has(run("decision", "replay", "seized.jsonl", 3, "--store", "case", code=5), "was clean, is exposed", "labels seized.csv changed: sha256 ",
    "now: is itself the source police")

# Another chain is no replay: the last block is another one there.
lines = [line for line in (root / "fixtures/ronin-2022/transfers.csv").read_text().split("\n") if not line.startswith("#")]
(here / "small.csv").write_text("\n".join(lines[:60]) + "\n")
run("import", "--store", "small", "--quiet", "small.csv")
check(*BEFORE[:2], EXPLOITER, code=10, log="late.jsonl")
has(run("decision", "replay", "late.jsonl", 3, "--store", "small", code=11), "the blocks end with", "this is no replay of the decision")

# What was asked for with the answer is asked for again; what could not be asked is not asked as something else.
check(*BEFORE, "--source-of-funds", EXPLOITER, code=10, log="funds.jsonl")
has(run("decision", "replay", "funds.jsonl", 3, "--store", "case"), "the same verdict, exposed", "nothing differs")
has(run("rescreen", "funds.jsonl", "--store", "case"), "1 as they were, 0 changed")
(here / "rows.csv").write_text(f"target,to\n{BINANCE},0x12\n0x12,\n,\n")
run("batch", "rows.csv", "--store", "case", "--quiet", *BEFORE, "--decisions", "rows.jsonl", "--output", "rows.out", code=12)
for number, why in ((3, "line 2, column to: is no address"), (4, "line 3, column target:"), (5, "(no target)")):
    has(run("decision", "replay", "rows.jsonl", number, "--store", "case", code=11), "cannot_tell, because it could not be asked", why)

# Many questions, and more than a chunk.
check("--to", "1648400000", *300 * [EXPLOITER], code=10, log="many.jsonl")
check(*BEFORE, "--policy", "haircut", *3 * [EXPLOITER], code=10, log="many.jsonl")
check("--as-of", "2022-03-28", EXPLOITER, code=10, log="many.jsonl")
has(run("rescreen", "many.jsonl", "--store", "case"), "304 decisions asked again: 304 as they were")
for number in (3, 302, 304, 308):
    has(run("decision", "replay", "many.jsonl", number, "--store", "case"), "the same verdict, exposed", "nothing differs")

# The configuration names the log, and is an input then.
(here / "config.json").write_text('{"decisions": "named.jsonl"}')
run("check", "--store", "case", "--config", "config.json", *BEFORE, EXPLOITER, code=10)
assert records("named.jsonl")[1]["inputs"][-1] == {"role": "config", "name": "config.json",
                                                   "sha256": hashlib.sha256((here / "config.json").read_bytes()).hexdigest()}

# E6_no_answer_is_given_out_that_could_not_be_recorded.
for log in ("/dev/full", ".", "none/d.jsonl", "demo.txt"):
    out = check(*BEFORE, EXPLOITER, code=4, log=log)
    assert out.startswith("tracer: no answer is given out, because it could not be recorded: ") and out.count("\n") == 1, out
size = (here / "decisions.jsonl").stat().st_size


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))


out = check(*BEFORE, EXPLOITER, code=4, preexec_fn=small_files)
assert "could not be written" in out and (here / "decisions.jsonl").stat().st_size == size, out
run("check", "--transfers", "small.csv", "--key", "1:0:0", "--decisions", "decisions.jsonl", code=2)
check("--reference", "a\nb", EXPLOITER, code=2)
check("--reference", "x" * 257, EXPLOITER, code=2)
if not asan:
    library = str(here / "failing.so")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", library, str(root / "tests/preload/failing.c"), "-ldl"], check=True)
    refused = 0
    for kind in ("write", "sync"):
        for at in range(1, 9):
            (here / "failing.jsonl").unlink(missing_ok=True)
            done = subprocess.run([str(tracer), "check", "--store", "case", "--decisions", "failing.jsonl", *BEFORE, "--output", "answer", EXPLOITER],
                                  capture_output=True, text=True, cwd=here, env=dict(os.environ, LD_PRELOAD=library, FAIL_KIND=kind, FAIL_AT=str(at)))
            given = (here / "answer").exists()
            (here / "answer").unlink(missing_ok=True)
            assert done.returncode in (4, 10) and given == (done.returncode == 10), (kind, at, done)
            assert not given or [one["kind"] for one in records("failing.jsonl")] == ["log", "context", "decision"], (kind, at)
            refused += done.returncode == 4
    assert refused >= 4, refused

# E6_a_kill_leaves_a_log_that_goes_on: of runs that are killed each answer that came out is recorded, once.
given = []
for turn in range(12):
    one = subprocess.Popen([str(tracer), "check", "--store", "case", "--decisions", "killed.jsonl", "--reference", f"turn {turn}", *BEFORE, EXPLOITER],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=here)
    killer = threading.Timer(0.004 * turn, one.kill)
    killer.start()
    out = one.communicate()[0]
    killer.cancel()
    if "recorded" in out:
        given.append(f"turn {turn}")
check(*BEFORE, "--reference", "end", EXPLOITER, code=10, log="killed.jsonl")
run("decision", "verify", "killed.jsonl")
found = [one["reference"] for one in records("killed.jsonl") if one["kind"] == "decision"]
assert len(found) == len(set(found)) and set(given) <= set(found) and found[-1] == "end", (given, found)
with open(here / "killed.jsonl", "a") as log:
    log.write('{"schema": "tracer/decision/1", "number": ')
has(run("decision", "verify", "killed.jsonl", code=5), "torn line", "no answer was given out on it")
has(check(*BEFORE, EXPLOITER, code=10, log="killed.jsonl"), "a torn line of 42 bytes", "was cut off the log of decisions")
has(run("decision", "verify", "killed.jsonl"), "torn lines that were cut off (records of kind cut): ")

# Every record obeys the schema: of check and of batch, asked and unasked, of a cut; and the schema says what a record must have.
(here / "rows.csv").write_text(f"target,to\n{EXPLOITER},\n{BINANCE},{EXPLOITER}\n0x12,\n=1,\n\u00e4,\n0x{'0' * 64},{BINANCE}\n")
run("batch", "rows.csv", "--store", "case", "--decisions", "batch.jsonl", "--reference", "night", "--decided-at", "then", "--output", "out.csv", code=12)
run("batch", "rows.csv", "--store", "case", "--decisions", "batch.jsonl", "--columns", "verdict", "--output", "out-2.csv", code=12)


def obeys(log):
    done = subprocess.run([sys.executable, str(root / "tests/report/validate.py"), str(root / "docs/decision-1.schema.json"), str(here / log)], capture_output=True, text=True)
    return not done.returncode, done.stderr


kinds = {}
for log in ("decisions.jsonl", "killed.jsonl", "many.jsonl", "named.jsonl", "seized.jsonl", "batch.jsonl"):
    assert obeys(log)[0], (log, obeys(log)[1])
    kinds.update({record["kind"]: record for record in records(log)})
assert sorted(kinds) == ["context", "cut", "decision", "log"]
assert {record["rule"] for record in records("batch.jsonl") if record["kind"] == "decision"} >= {"listed", "unasked"}
wrong = [{**record, "more": 1} for record in kinds.values()]
wrong += [{key: value for key, value in record.items() if key != name} for record in kinds.values() for name in record]
wrong += [{**kinds["decision"], "verdict": "unknown"}, {**kinds["decision"], "verdict": "clean", "rule": "coverage"}, {**kinds["decision"], "previous": "0"}]
for record in wrong:
    (here / "wrong.jsonl").write_text(json.dumps(record) + "\n")
    assert not obeys("wrong.jsonl")[0], record

# E7_signature_and_time_stamp_are_made_and_checked_by_others_over_bytes_that_we_print.
sh("""
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca 2>&1
for name in signer stamp; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr -subj /CN=$name 2>&1
done
printf 'extendedKeyUsage=critical,timeStamping\n' > stamp.ext
openssl x509 -req -in signer.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out signer.pem 2>&1
openssl x509 -req -in stamp.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile stamp.ext -out stamp.pem 2>&1
printf '[tsa]\ndefault_tsa=one\n[one]\nserial=serial\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256\n' > tsa.cnf
echo 01 > serial
""")
sh(shell[1])
sh("openssl ts -reply -config tsa.cnf -queryfile query.tsq -signer stamp.pem -inkey stamp.key -chain ca.pem -out reply.tsr 2>&1")
sh(shell[2])
check(*BEFORE, EXPLOITER, code=10)
sh(shell[2])  # and still, when the log is longer
signed = (here / "head.txt").read_text()
(here / "head.txt").write_text(signed.replace(signed[30:34], "0000"))
for line in shell[2].splitlines():
    sh(line, code=1)
(here / "head.txt").write_text(signed)
run("trace", "--store", "case", "--evidence", "bundle", "--quiet", "--output", "trace.txt", "ronin-2022")
manifest = [script.replace("head.txt", "bundle/manifest.json") for script in (shell[1], shell[2])]
sh("\n".join(manifest[0].splitlines()[1:]))
sh("openssl ts -reply -config tsa.cnf -queryfile query.tsq -signer stamp.pem -inkey stamp.key -chain ca.pem -out reply.tsr 2>&1")
sh("\n".join(manifest[1].splitlines()[:2]) + "\ntracer verify bundle")
(here / "bundle/manifest.json").write_text((here / "bundle/manifest.json").read_text() + " ")
for line in manifest[1].splitlines()[:2]:
    sh(line, code=1)
print(f"decision: {len(records())} records, {len(found)} of killed runs")
