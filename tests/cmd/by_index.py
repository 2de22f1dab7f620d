"""A trace looks for what it needs by the index where that costs less than reading every row: then rows of others, however many, change
no byte of the report that speaks of neither."""
import json
import os
import pathlib
import random
import subprocess
import tempfile

tracer = os.environ["TRACER"]
draw = random.Random(20220323)
LAST = 5000


def account(n):
    return f"0x{n:040x}"


def report(folder, name, rows, policy):
    store = str(pathlib.Path(folder, name))
    if not pathlib.Path(store).exists():
        path, coverage = pathlib.Path(folder, f"{name}.csv"), pathlib.Path(folder, f"{name}-coverage.csv")
        path.write_text("block,txi,idx,kind,asset,from,to,amount\n" + "".join(",".join(map(str, row)) + "\n" for row in sorted(rows)))
        coverage.write_text(f"account,from,to,what,method,cross_check,gap\n,1,{LAST},all,made,made,\n")
        done = subprocess.run([tracer, "import", "--store", store, "--name", "made", "--quiet", str(path), str(coverage)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    done = subprocess.run([tracer, "trace", "--store", store, "--policy", policy, "--format", "json", "theft=2000:0:0"], capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return json.loads(done.stdout)


# The thief's accounts pay each other, some more than they have; the others do so, too, and pay nobody else.
heist = [(2000, 0, 0, "value", "native", account(0x100), account(0x101), 10**20), (1, 0, 0, "value", "native", account(0x901), account(0x902), 1),
         (LAST, 0, 0, "value", "native", account(0x902), account(0x901), 1)]
paid = [0x101]
for i in range(120):
    a, b = draw.choice(paid), draw.randrange(0x101, 0x120)
    if a != b:
        heist.append((2001 + 10 * i, 0, 0, "value", "native", account(a), account(b), draw.choice([0, 1, 10**16, 10**17, 10**18] if i < 110 else [10**21])))
        paid.append(b)
others = [(draw.randrange(2, LAST), 1, i, "value", "native", account(draw.randrange(0x200, 0x300)), account(draw.randrange(0x200, 0x300)),
           draw.choice([0, 1, 10**18])) for i in range(60000)]
with tempfile.TemporaryDirectory() as folder:
    for policy in ("fifo", "haircut", "poison"):
        alone, among = report(folder, "alone", heist, policy), report(folder, "among", heist + others, policy)
        assert len(alone["hops"]) > 15, len(alone["hops"])
        for key in alone:
            assert alone[key] == among[key] or key in ("inputs", "repeat"), (policy, key, alone[key], among[key])
        notes = json.dumps(alone["limits"])
        assert "transfers of zero units to or from accounts named here" in notes, notes
        assert policy == "poison" or "of accounts that taint reached spent more" in notes, notes
print("by_index: rows of others change nothing")
