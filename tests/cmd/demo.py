"""The demo: its JSON fits the schema, and every total in it is recomputed here from the fixture.

The recomputation is independent: a FIFO over lists of [amount, tainted] pieces, written for this case only
(one source, exchanges of one asset for another), from the text of the taint specification.
"""
import collections
import csv
import json
import os
import pathlib
import subprocess
import sys

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
case = root / "fixtures" / "ronin-2022"
VOID = "0x" + "0" * 40
THEFT = {
    "0xc28fad5e8d5e0ce6a2eaf67b6687be5d58113e16be590824d6cfa1a94467d0b7",
    "0xed2c72ef1a552ddaec6dd1f5cddf0b59a8f37f82bdda5257d9c7c37db7bb9b08",
}
EXPLOITER = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"


def read(path, delimiter=","):
    with open(path, newline="") as stream:
        lines = [line for line in stream if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter=delimiter))


def classes():
    """Class and place of every labelled address: the case's labels win over the registry's services."""
    found = {}
    for row in read(root / "fixtures/registry/services.tsv", "\t"):
        if row["chain_id"] == "1" and row["class"]:
            found[row["address"]] = "burned" if row["category"] == "burn" else row["class"]
    for row in read(case / "labels.csv"):
        if row["class"]:
            found[row["address"]] = row["class"]
    return found


def fifo():
    label = classes()
    explored = {word for word in (case / "explored.txt").read_text().split()}
    rows = read(case / "transfers.csv")
    explored |= {r["to"] for r in rows if r["transaction_hash"] in THEFT and r["to"] == EXPLOITER and int(r["amount"])}
    explored -= set(label)
    queues = collections.defaultdict(list)
    totals = collections.defaultdict(lambda: collections.Counter())
    hops = 0

    def take(account, asset, amount):
        queue, parcel = queues[account, asset], []
        have = sum(piece[0] for piece in queue)
        if amount > have:
            queue.insert(0, [amount - have, False])
        while amount:
            piece = queue[0]
            used = min(amount, piece[0])
            parcel.append([used, piece[1]])
            piece[0] -= used
            amount -= used
            if not piece[0]:
                queue.pop(0)
        return parcel

    transactions = collections.OrderedDict()
    for row in rows:
        transactions.setdefault((int(row["block"]), int(row["txi"])), []).append(row)
    for batch in transactions.values():
        paid = collections.Counter()  # asset -> tainted units paid into the exchange
        worth = collections.Counter()
        outs = sum(int(r["amount"]) for r in batch if r["leg"] == "out")
        for row in batch:
            amount, asset, source, target = int(row["amount"]), row["asset"], row["from"], row["to"]
            if not amount or source == target:
                continue
            if source not in explored and target not in explored:
                continue
            if row["leg"] == "out":
                ((pay, tainted),) = paid.items()
                arrived = tainted * amount // worth[pay] if amount == outs else None
                assert arrived is not None, "one out leg a transaction"
                totals[asset]["converted_in"] += arrived
                totals[pay]["converted"] += tainted
                hops += arrived > 0
                queues[target, asset] += [[arrived, True], [amount - arrived, False]]
                continue
            parcel = take(source, asset, amount) if source in explored else [[amount, False]]
            if row["transaction_hash"] in THEFT and target == EXPLOITER:
                parcel = [[amount, True]]
                totals[asset]["seeded"] += amount
            dirty = sum(piece[0] for piece in parcel if piece[1])
            hops += dirty > 0
            if row["leg"] == "in":
                paid[asset] += dirty
                worth[asset] += amount
            elif target in explored:
                queues[target, asset] += [list(piece) for piece in parcel]
            elif target == VOID:
                totals[asset]["burned"] += dirty
            else:
                totals[asset][label.get(target, "not_explored")] += dirty
    for (account, asset), queue in queues.items():
        totals[asset]["held"] += sum(piece[0] for piece in queue if piece[1])
    return totals, hops


def run(*arguments):
    done = subprocess.run([tracer, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: exit {done.returncode}: {done.stderr}"
    return done.stdout


text = run("demo", "--format", "json")
assert text == run("demo", "--format", "json"), "two runs differ"
result = json.loads(text)
assert result["schema"] == "tracer/trace/1"

schema = root / "docs" / "trace-1.schema.json"
subprocess.run([sys.executable, root / "tests/report/validate.py", schema, "/dev/stdin"], input=text, text=True, check=True)

expected, hops = fifo()
assert expected["native"]["seeded"] == 173600 * 10**18 and expected[USDC]["seeded"] == 25500000 * 10**6
seen = set()
for total in result["totals"]:
    asset, places = total["asset"], {k: int(v) for k, v in total["places"].items()}
    want = expected[asset]
    seen.add(asset)
    assert int(total["seeded"]) == want["seeded"], (asset, total)
    assert int(total["converted_in"]) == want["converted_in"], (asset, total, want)
    for place, amount in places.items():
        assert amount == want[place], f"{asset} {place}: {amount} printed, {want[place]} recomputed"
    assert sum(places.values()) == want["seeded"] + want["converted_in"] + want["emitted"]
assert seen == {asset for asset, want in expected.items() if any(want.values())}, seen
by_place = collections.Counter()
for place in result["places"]:
    by_place[place["asset"], place["place"]] += int(place["amount"])
for (asset, place), amount in by_place.items():
    assert amount == expected[asset][place], (asset, place)
assert len(result["hops"]) == hops, (len(result["hops"]), hops)
holed = {row["account"] for row in read(case / "coverage.csv") if row["gap"]}
assert any(f"name holes in the history of {len(holed)} accounts" in gap for gap in result["limits"]["gaps"]), result["limits"]["gaps"]
print(f"demo: {len(seen)} assets, {hops} hops, all totals recomputed")
