"""trace --evidence and verify: a bundle of the Ronin case holds, by the program and by the independent verifier; altered in any
one bit of any file, cut, lengthened, with files missing or too many, links or huge counts, it does not, and nothing else happens.
The names of the claims: E1_any_bit_that_is_flipped_is_told, I8_a_hostile_bundle_is_refused."""
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
flips = int(os.environ.get("TRACER_TEST_FLIPS") or 1000)
problems = []


def run(*arguments, code=0):
    done = subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != code:
        sys.exit(f"exit {done.returncode} instead of {code} of {' '.join(map(str, arguments))}: {done.stderr}")
    return done


def independent(bundle):
    return subprocess.run([sys.executable, str(root / "tests/verifier/verify_bundle.py"), str(bundle)], capture_output=True, text=True)


def wrong(bundle, what):
    """Exit 5 and a message that names a file; the bundle's own files are not touched."""
    done = subprocess.run([tracer, "verify", str(bundle)], capture_output=True, text=True, timeout=60)
    if done.returncode != 5 or not done.stderr.startswith("tracer: ") or done.stdout:
        problems.append(f"{what}: exit {done.returncode}: {done.stdout[:200]}{done.stderr[:200]}")


def reseal(bundle, change):
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    manifest["seal"] = ""
    text = json.dumps(manifest, indent=1) + "\n"
    manifest["seal"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(manifest, indent=1) + "\n")


with tempfile.TemporaryDirectory() as directory:
    at = pathlib.Path(directory)
    store = at / "store"
    run("demo", "--store", store, "--quiet")
    for policy in ("fifo", "lifo", "haircut", "poison", "cleanfirst", "taintfirst"):
        bundle = at / policy
        told = run("trace", "--store", store, "--policy", policy, "--evidence", bundle, "--output", at / "trace.txt", "ronin-2022").stderr
        assert "it verifies" in told, told
        plain = run("trace", "--store", store, "--policy", policy, "ronin-2022").stdout
        assert (at / "trace.txt").read_text() == plain, f"{policy}: another result"
        said = run("verify", bundle).stdout
        assert "everything holds" in said and "549 transfers are asserted" in said, said
        second = independent(bundle)
        assert second.returncode == 0 and "0 of 549 transfers from proven bytes" in second.stdout, second.stdout
        run("trace", "--store", store, "--policy", policy, "--evidence", at / "again", "--quiet", "--output", at / "trace.txt", "ronin-2022")
        assert all((bundle / p.name).read_bytes() == p.read_bytes() for p in (at / "again").iterdir()), f"{policy}: other bytes"
        shutil.rmtree(at / "again")

    # A label that makes a source of its account, whether or not the account is in the bundle.
    (at / "seized.csv").write_text("address,class,emit,name\n0x4976a4a02f38326660d17bf34b431dc6e2eb2327,service,police,one\n0x" + "77" * 20 + ",service,police,two\n")
    run("demo", "--store", at / "seized", "--quiet")
    run("import", "--store", at / "seized", "--quiet", at / "seized.csv")
    run("trace", "--store", at / "seized", "--evidence", at / "emitting", "--quiet", "--output", at / "trace.txt", "ronin-2022")
    assert json.loads((at / "emitting" / "result.json").read_text())["sources"] == ["police", "ronin-2022"]
    assert independent(at / "emitting").returncode == 0

    bundle = at / "fifo"
    done = subprocess.run([tracer, "trace", "--store", str(store), "--evidence", str(bundle), "ronin-2022"], capture_output=True, text=True)
    assert done.returncode == 2 and "is not empty" in done.stderr, done.stderr
    kept = {p.name: p.read_bytes() for p in bundle.iterdir()}
    done = subprocess.run([tracer, "trace", "--store", str(store), "--evidence", str(at / "failed"), "0x" + "ab" * 32], capture_output=True, text=True)
    assert done.returncode == 2 and not (at / "failed").exists(), "a run that failed left its directory: " + done.stderr
    (at / "failed").mkdir()
    subprocess.run([tracer, "trace", "--store", str(store), "--evidence", str(at / "failed"), "0x" + "ab" * 32], capture_output=True)
    assert not list((at / "failed").iterdir()) and kept == {p.name: p.read_bytes() for p in bundle.iterdir()}
    for more in (["--policy", "all"], ["--follow", "--rpc", "https://127.0.0.1:1", "--allow-local"]):
        done = subprocess.run([tracer, "trace", "--store", str(store), "--evidence", str(at / "no"), *more, "ronin-2022"], capture_output=True, text=True)
        assert done.returncode == 2 and not (at / "no").exists(), done.stderr

    # E1_any_bit_that_is_flipped_is_told
    copy = at / "copy"
    shutil.copytree(bundle, copy)
    files = sorted(p for p in copy.iterdir() if p.stat().st_size)
    places = [(p, bit) for p in files for bit in range(8 * p.stat().st_size)]
    chance = random.Random(1)
    for path, bit in [(p, 8 * chance.randrange(p.stat().st_size)) for p in files] + chance.sample(places, min(flips, len(places))):
        data = path.read_bytes()
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        path.write_bytes(altered)
        wrong(copy, f"bit {bit} of {path.name}")
        path.write_bytes(data)
    run("verify", copy)
    for path in files:
        data = path.read_bytes()
        for altered in (data[:-1], data + b"\n", b""):
            path.write_bytes(altered)
            wrong(copy, f"{path.name} cut or longer")
        path.unlink()
        wrong(copy, f"{path.name} missing")
        path.write_bytes(data)

    # I8_a_hostile_bundle_is_refused
    (copy / "more.txt").write_text("x")
    wrong(copy, "a file too many")
    (copy / "more.txt").unlink()
    (copy / "\x1b[31m").write_text("x")
    wrong(copy, "a file with a terminal escape as its name")
    assert "\x1b" not in subprocess.run([tracer, "verify", str(copy)], capture_output=True, text=True).stderr
    (copy / "\x1b[31m").unlink()
    for path in (copy / "seeds.csv", copy / "manifest.json"):
        data = path.read_bytes()
        path.unlink()
        path.symlink_to("/etc/passwd")
        wrong(copy, f"{path.name} is a link out of the bundle")
        path.unlink()
        os.mkfifo(path)
        wrong(copy, f"{path.name} is a pipe")
        path.unlink()
        path.write_bytes(data)
    manifest = (copy / "manifest.json").read_bytes()
    for what, change in {
        "a path out of the bundle": lambda m: m["files"][0].update(name="../transfers.csv"),
        "a huge size": lambda m: m["files"][0].update(size=2**62),
        "a negative size": lambda m: m["files"][0].update(size=-1),
        "a file too few": lambda m: m["files"].pop(),
        "other counts": lambda m: m["counts"].update(rows=548),
        "another policy": lambda m: m["options"].update(policy="lifo"),
        "another network": lambda m: m["network"].update(name="ronin"),
        "another schema": lambda m: m.update(schema="tracer/evidence/2"),
        "a member too many": lambda m: m.update(more=1),
        "a deep manifest": lambda m: m.update(more=json.loads("[" * 900 + "]" * 900)),
    }.items():
        reseal(copy, change)
        wrong(copy, what)
        (copy / "manifest.json").write_bytes(manifest)

    def resealed(name, change, what, counted=lambda counts: None, both=False):
        def alter(manifest):
            counted(manifest["counts"])
            next(f for f in manifest["files"] if f["name"] == name).update(size=path.stat().st_size, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        path = copy / name
        data = path.read_bytes()
        path.write_bytes(change(data))
        reseal(copy, alter)
        wrong(copy, what)
        if both and independent(copy).returncode != 5:
            problems.append(f"the second verifier: {what}")
        path.write_bytes(data)
        (copy / "manifest.json").write_bytes(manifest)

    resealed("nodes.rlp", lambda data: b"\xff" * 64, "nodes of a size beyond the file")
    resealed("headers.rlp", lambda data: b"\xc0", "a header that is none")
    resealed("nodes.rlp", lambda data: b"\xc1\x80", "a node that no proof needs", both=True)
    resealed("blocks.csv", lambda data: data + b"1664294999,,1664294999,asserted,no\n", "a block without a transfer", lambda counts: counts.update(blocks=counts["blocks"] + 1), both=True)
    resealed("blocks.csv", lambda data: data.replace(b",asserted,no", b",proven,no", 1), "a grade that nothing proves")
    resealed("blocks.csv", lambda data: data.replace(b",no", b",yes", 1), "a header that is not there")
    resealed("result.json", lambda data: data.replace(b'"grade": "asserted"', b'"grade": "proven"', 1), "a hop of a grade that nothing proves")
    resealed("result.json", lambda data: data[: len(data) // 2], "half a result")
    resealed("result.json", lambda data: data.replace(b'"held": "', b'"held": "1', 1), "another total")
    resealed("seeds.csv", lambda data: data[:-1] + b"1\n", "another seed")
    # Inputs are in one form, and nothing stands among them that the flow does not meet.
    def between(*lines): # sorted in
        return lambda data: b"".join([data.splitlines(keepends=True)[0], *sorted([*data.splitlines(keepends=True)[1:], *lines])])

    spare = b"0x" + b"5" * 40
    for name, change, what in [
            ("labels.csv", between(spare + b",mixer,\n"), "a label that no transfer meets"),
            ("labels.csv", lambda data: data.replace(b",mixer,", b',"mixer",', 1), "a label in quotes"),
            ("labels.csv", lambda data: data.replace(b"\n", b",note\n", 1).replace(b",\n", b",,x\n"), "a column of labels"),
            ("labels.csv", lambda data: b"".join(data.splitlines(keepends=True)[:1] + data.splitlines(keepends=True)[:0:-1]), "labels out of order"),
            ("assets.csv", between(spare + b",6,1,0\n"), "an asset that no transfer meets"),
            ("assets.csv", lambda data: data.replace(b"native,18,", b"native,018,", 1), "another form of a number"),
            ("explored.txt", lambda data: b"".join(sorted([*data.splitlines(keepends=True), spare + b"\n"])), "an explored account that nothing tainted met"),
            ("explored.txt", lambda data: data.replace(b"\n", b"\n\n", 1), "an empty line of explored accounts"),
            ("seeds.csv", lambda data: data.replace(b"\n", b"\r\n"), "seeds with carriage returns")]:
        resealed(name, change, what, both=True)
    alien = b"1664294999,0,0,value,native,0x" + b"5" * 40 + b",0x" + b"6" * 40 + b",1,,,1664294999,,,asserted,\n"
    blocks = (copy / "blocks.csv").read_bytes()
    (copy / "blocks.csv").write_bytes(blocks + b"1664294999,,1664294999,asserted,no\n")

    def one_more(counts):
        counts.update(blocks=counts["blocks"] + 1, transactions=counts["transactions"] + 1, rows=counts["rows"] + 1)

    reseal(copy, lambda m: next(f for f in m["files"] if f["name"] == "blocks.csv").update(
        size=(copy / "blocks.csv").stat().st_size, sha256=hashlib.sha256((copy / "blocks.csv").read_bytes()).hexdigest()))
    resealed("transfers.csv", lambda data: data + alien, "a transaction that touches no explored account", one_more, both=True)
    (copy / "blocks.csv").write_bytes(blocks)

    def in_hop(name, value, which=-1):
        def change(data):
            result = json.loads(data)
            assert result["hops"][which][name] != value
            result["hops"][which][name] = value
            return json.dumps(result).encode()
        return change

    def in_result(*path, value):
        def change(data):
            result = at = json.loads(data)
            for step in path[:-1]:
                at = at[step]
            assert at[path[-1]] != value
            at[path[-1]] = value
            return json.dumps(result).encode()
        return change

    # What is shown beside the amounts is shown to somebody: it is the bundle's, too.
    for name, value in {"transaction_hash": "0x" + "12" * 32, "time": 1, "kind": "token", "block_number": 5, "log_index": 77, "link": 9,
                        "path_grade": "proven"}.items():
        resealed("result.json", in_hop(name, value), f"a hop with another {name}")
    resealed("result.json", in_result("options", "fees", value="follow"), "a result of other options")
    resealed("result.json", in_result("totals", 0, "decimals", value=3), "a total of other decimals")
    resealed("result.json", in_result("seeds", 0, "source", value="somebody"), "a seed of another source")
    for path, value in {("totals", 0, "recognised"): False, ("assets", 0, "decimals"): 2, ("seeds", 0, "amount"): "1",
                        ("seeds", 0, "asset"): "0x" + "12" * 20, ("sources", 0): "somebody", ("limits", "gaps"): None, ("spec",): "taint/2"}.items():
        resealed("result.json", in_result(*path, value=value), f"another {path}", both=path != ("spec",))
    accounts = json.loads((bundle / "result.json").read_text())["accounts"]
    mixer = next(i for i, account in enumerate(accounts) if account["label"] and account["label"]["class"] == "mixer")
    plain = next(i for i, account in enumerate(accounts) if account["label"]["class"] == "")
    resealed("result.json", in_result("accounts", mixer, "label", "class", value=""), "a mixer that is called nothing", both=True)
    resealed("result.json", in_result("accounts", plain, "label", "class", value="mixer"), "an account that is called a mixer", both=True)
    hopping = json.loads((bundle / "result.json").read_text())["hops"][0]["to"]
    for what, change in {"an account twice": lambda a: [a[0], *a], "accounts out of order": lambda a: a[::-1],
                         "an end of a hop that is no account": lambda a: [x for x in a if x["address"] != hopping]}.items():
        resealed("result.json", in_result("accounts", value=change(accounts)), what, both=True)
    resealed("result.json", in_result("assets", value=json.loads((bundle / "result.json").read_text())["assets"][::-1]), "assets out of order", both=True)
    for name, changes in {"ethereum": {"chain_id": 3}, "ronin": {}}.items(): # a network is not another one by its name
        for file in ("result.json", "manifest.json"):
            text = json.loads((copy / file).read_text())
            text["network"].update(name=name, **changes)
            (copy / file).write_text(json.dumps(text, indent=1) + "\n")
        reseal(copy, lambda m: next(f for f in m["files"] if f["name"] == "result.json").update(
            size=(copy / "result.json").stat().st_size, sha256=hashlib.sha256((copy / "result.json").read_bytes()).hexdigest()))
        wrong(copy, f"a network that calls itself {name}")
        if independent(copy).returncode != 5:
            problems.append(f"the second verifier: a network that calls itself {name}")
        for file in ("result.json", "manifest.json"):
            (copy / file).write_bytes(kept[file])
    for what, change in {
        "a place that is left out": lambda places: places[1:],
        "no places": lambda places: [],
        "a place that stands twice": lambda places: [*places[1:], places[1]],
        "a place too many": lambda places: [*places, places[0]],
        "a place of nobody": lambda places: [*places[1:], {**places[0], "account": None, "amount": "1"}],
    }.items():
        resealed("result.json", in_result("places", value=change(json.loads((bundle / "result.json").read_text())["places"])), what)
    resealed("result.json", lambda data: b"[" + b"[]," * 2000000 + b"[]]", "a result of millions of values")
    resealed("result.json", in_hop("time_utc", "2020-01-01 00:00:00"), "a hop with another time_utc")
    heading = (bundle / "transfers.csv").read_bytes().index(b"\n")
    resealed("transfers.csv", lambda data: data[:heading] + b",status\n" + data[heading + 1:-1].replace(b"\n", b",0\n") + b",0\n", "a column too many")
    resealed("transfers.csv", lambda data: data.replace(b",asserted,", b",proven,", 1), "a row that claims a grade")

    # What is told of a bundle is its own words, and shown as such; control characters are in none.
    for character in ("\\u001B", "\u202e"):
        text = (bundle / "result.json").read_text()
        text = text.replace(re.search(r'"version": "[^"]*"', text)[0], f'"version": "{character}"')
        (copy / "result.json").write_text(text)
        reseal(copy, lambda m: next(f for f in m["files"] if f["name"] == "result.json").update(
            size=(copy / "result.json").stat().st_size, sha256=hashlib.sha256((copy / "result.json").read_bytes()).hexdigest()))
        text = re.sub(r'("seal": ").*"', r'\1"', (copy / "manifest.json").read_text())
        text = text.replace(re.search(r'"version": "[^"]*"', text)[0], f'"version": "{character}"')
        (copy / "manifest.json").write_text(text.replace('"seal": ""', f'"seal": "{hashlib.sha256(text.encode()).hexdigest()}"'))
        if character == "\u202e":
            told = run("verify", copy).stdout
            assert "\u202e" not in told and "\\u{202e}" in told, told
        else:
            wrong(copy, "a terminal escape as the version")
        for name in ("result.json", "manifest.json"):
            (copy / name).write_bytes(kept[name])
    run("verify", copy)

print("\n".join(problems))
print(f"evidence: {flips} flipped bits, {len(problems)} problems")
sys.exit(bool(problems))
