"""trace --policy all: its amounts are those of the single traces, low and high are their ends, the JSON fits its schema, and the
CSV has the same places."""
import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
POLICIES = ["fifo", "lifo", "haircut", "cleanfirst", "taintfirst"]
problems = []


def run(*arguments, code=0):
    done = subprocess.run([tracer, *arguments], capture_output=True, text=True)
    if done.returncode != code:
        sys.exit(f"exit {done.returncode} of {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def same(what, got, wanted):
    if got != wanted:
        problems.append(f"{what}: {got} instead of {wanted}")


def ends(what, amounts):
    values = [int(amounts[policy]) for policy in POLICIES]
    same(f"{what}, low", int(amounts["low"]), min(values))
    same(f"{what}, high", int(amounts["high"]), max(values))


with tempfile.TemporaryDirectory() as folder:
    store = os.path.join(folder, "store")
    run("demo", "--store", store, "--output", os.path.join(folder, "demo.txt"))
    together_path = os.path.join(folder, "all.json")
    run("trace", "--store", store, "--policy", "all", "--format", "json", "--output", together_path, "ronin-2022")
    checked = subprocess.run([sys.executable, str(root / "tests/report/validate.py"), str(root / "docs/policies-1.schema.json"), together_path],
                             capture_output=True, text=True)
    same("schema", checked.stderr, "")
    together = json.load(open(together_path))
    same("policies", together["policies"], POLICIES)
    same("demo --policy all", json.loads(run("demo", "--policy", "all", "--format", "json"))["totals"], together["totals"])
    alone = {policy: json.loads(run("trace", "--store", store, "--policy", policy, "--format", "json", "ronin-2022")) for policy in POLICIES}
    table = {(row["place"], row["account"], row["asset"]): row
             for row in csv.DictReader(io.StringIO(run("trace", "--store", store, "--policy", "all", "--format", "csv", "ronin-2022")))}
    targets = ["0x098b716b8aaf21512996dc57eb0615e2383e2f96", "1648044083:0:1", "1648041417:0:0", "0x4976a4a02f38326660d17bf34b431dc6e2eb2327"]
    checked = json.loads(run("check", "--store", store, "--policy", "all", "--format", "json", *targets, code=11))
    same("policies of check", checked["policies"], POLICIES)
    for policy in POLICIES:
        single = json.loads(run("check", "--store", store, "--policy", policy, "--format", "json", *targets, code=11))
        for one, answer in zip(single["answers"], checked["answers"]):
            same(f"{policy} verdict of {one['target']}", answer["verdicts"][policy], one["verdict"])
            same(f"{policy} reasons of {one['target']}", answer["reasons"][policy], one["reasons"])
            same(f"{policy} lines of {one['target']}", [(l["what"], l["key"], l["asset"], l["amount"], l["tainted"][policy], l["unknown"][policy]) for l in answer["lines"]],
                 [(l["what"], l["key"], l["asset"], l["amount"], l["tainted"], l["unknown"]) for l in one["lines"]])
    told = " ".join(run("check", "--store", store, "--policy", "all", "--source", "ronin-2022", targets[3], code=11).split())
    same("told why", "fifo cannot_tell, rule coverage - its own history is not in the store, and tainted units left the accounts whose history is "
                     "lifo cannot_tell, rule coverage, for the same reasons" in told, True)
    for answer in checked["answers"]:
        for line in answer["lines"]:
            ends(f"check of {answer['target']}", line["tainted"])
    run("check", "--store", store, "--policy", "all", "--format", "csv", targets[0], code=2)
    run("check", "--store", store, "--policy", "all", "--source-of-funds", targets[0], code=2)

for policy in POLICIES:
    single = alone[policy]
    totals = {(t["source"], t["asset"]): t for t in single["totals"]}
    for total in together["totals"]:
        one = totals.pop((total["source"], total["asset"]), None)
        came = sum(int(one[k]) for k in ("seeded", "emitted", "converted_in")) if one else 0
        same(f"{policy} came in", int(total["came_in"][policy]), came)
        for place, amounts in total["places"].items():
            same(f"{policy} {place}", amounts[policy], one["places"][place] if one else "0")
    same(f"{policy}, totals left", totals, {})
    places = {(p["source"], p["asset"], p["place"], p["account"]): p["amount"] for p in single["places"]}
    for place in together["places"]:
        key = place["source"], place["asset"], place["place"], place["account"]
        same(f"{policy} {key}", place["amount"][policy], places.pop(key, "0"))
        row = table[place["place"], place["account"] or "", place["asset"]]
        same(f"CSV {policy} {key}", row[policy], place["amount"][policy])
    same(f"{policy}, places left", places, {})
    hops = {(h["key"], h["source"]): h["tainted"] for h in single["hops"]}
    for hop in together["hops"]:
        same(f"{policy} {hop['key']}", hop["tainted"][policy], hops.pop((hop["key"], hop["source"]), "0"))
    same(f"{policy}, hops left", hops, {})
for total in together["totals"]:
    ends("came in", total["came_in"])
    for place, amounts in total["places"].items():
        ends(place, amounts)
for place in together["places"]:
    ends("place", place["amount"])
for hop in together["hops"]:
    ends("hop", hop["tainted"])
same("policies that differ somewhere", any(p["amount"]["low"] != p["amount"]["high"] for p in together["places"]), True)
same("lines of the CSV", len(table), len(together["places"]))
for problem in problems[:20]:
    print(problem, file=sys.stderr)
print(f"policies: {len(together['places'])} places, {len(together['hops'])} hops, {len(problems)} problems")
sys.exit(1 if problems else 0)
