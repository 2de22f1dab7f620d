"""docs/taint.md: every table is what `tracer replay` prints for the example above it, under all six policies."""
import csv
import os
import pathlib
import re
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
problems, tables = [], 0


def account(letter):
    return "0x" + ("00" if letter == "0" else f"{ord(letter):02x}") * 20


def asset(name):
    return name if name == "native" else account(name)


def transfers(lines):
    yield "block,txi,idx,kind,asset,from,to,amount,link,leg"
    for line in lines:
        key, kind, name, ends, amount, *link = line.split()
        source, target = ends.split(">")
        yield ",".join([*key.split(":"), kind, asset(name), account(source), account(target), amount, *(link or ["", ""])])


def seeds(lines):
    yield "source,kind,address,block,txi,idx,amount"
    for line in lines:
        source, kind, key, *amount = line.split()
        yield ",".join([source, kind, "", *key.split(":"), *(amount or [""])])


def labels(lines):
    yield "address,class,emit"
    for line in lines:
        letter, kind, *emit = line.split()
        yield ",".join([account(letter), kind, *(emit or [""])])


WRITERS = {"transfers": transfers, "seeds": seeds, "labels": labels}


def run(folder, given, policy):
    arguments = []
    for name, lines in given.items():
        path = os.path.join(folder, f"{name}.csv")
        pathlib.Path(path).write_text("\n".join(WRITERS[name](lines)) + "\n")
        arguments += [f"--{name}", path]
    out = os.path.join(folder, policy)
    done = subprocess.run([tracer, "replay", *arguments, "--policy", policy, "--out", out], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"replay: {done.stderr}")
    with open(os.path.join(out, "hops.csv")) as file:
        return {(f"{r['block']}:{r['txi']}:{r['idx']}", r["source"]): r["tainted"] for r in csv.DictReader(file)}


given, header = {}, None
text = (root / "docs/taint.md").read_text()
for block in re.finditer(r"^```(\w+)\n(.*?)^```$|^(\|.*?)\n\n", text + "\n\n", re.M | re.S):
    name, body, table = block.groups()
    if name:
        if name == "transfers":
            given = {}
        given[name] = body.split("\n")[:-1]
        continue
    tables += 1
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n")]
    policies = rows[0][1:]
    with tempfile.TemporaryDirectory() as folder:
        got = {policy: run(folder, given, policy) for policy in policies}
    for first, *cells in rows[2:]:
        key, *source = first.split()
        for policy, cell in zip(policies, cells):
            found = [tainted for (k, s), tainted in got[policy].items() if k == key and (not source or s == source[0])]
            if (found or ["0"]) != [cell]:
                problems.append(f"table {tables}, {first}, {policy}: the page says {cell}, replay {found}")
for problem in problems:
    print(problem, file=sys.stderr)
print(f"taint.md: {tables} tables, {len(problems)} problems")
sys.exit(1 if problems or tables < 6 else 0)
