"""explain: every step can be done again by hand. For flagged transfers of the Ronin case, under every policy, the lots that left
are taken here from what the sender held before, by a few lines for each policy, and the path is that of the trace."""
import json
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
validate = runpy.run_path(str(root / "tests/report/validate.py"))["main"]
tracer = os.environ["TRACER"]
problems = []


def run(*arguments, code=0):
    done = subprocess.run([tracer, *arguments], capture_output=True, text=True)
    if done.returncode != code:
        sys.exit(f"exit {done.returncode} of {' '.join(arguments)}: {done.stderr}")
    return done.stdout if code == 0 else done.stderr


def same(what, got, wanted):
    if got != wanted:
        problems.append(f"{what}: {got} instead of {wanted}")


def lots(units):
    merged = []
    for unit in units:
        amount, tag = (int(unit["amount"]), unit["tag"]) if isinstance(unit, dict) else unit
        if amount and merged and merged[-1][1] == tag:
            merged[-1] = (merged[-1][0] + amount, tag)
        elif amount:
            merged.append((amount, tag))
    return merged


def cut(units, amount, wanted=lambda tag: True):
    """The oldest `amount` of the wanted units -> (taken, rest, amount not found)"""
    taken, rest = [], []
    for have, tag in units:
        part = min(have, amount) if wanted(tag) else 0
        amount -= part
        taken.append((part, tag))
        rest.append((have - part, tag))
    return lots(taken), lots(rest), amount


def leave(policy, before, amount, tainted):
    if policy == "fifo":
        taken, rest, _ = cut(before, amount)
    elif policy == "lifo":
        rest, taken, _ = cut(before, sum(a for a, _ in before) - amount)
    elif policy == "haircut":
        whole, reached, taken = sum(a for a, _ in before), 0, []
        cumulative = 0
        for have, tag in before:
            if tag != "clean":
                cumulative += have
                taken.append((cumulative * amount // whole - reached, tag))
                reached = cumulative * amount // whole
        taken = lots(taken + [(amount - reached, "clean")])
        rest = lots([(have - dict((t, a) for a, t in taken).get(tag, 0), tag) for have, tag in before])
    else:
        first = tainted if policy == "taintfirst" else lambda tag: not tainted(tag)
        taken, rest, left = cut(before, amount, first)
        more, rest, _ = cut(rest, left)
        taken = lots(taken + more)
    return taken, rest


with tempfile.TemporaryDirectory() as folder:
    store = os.path.join(folder, "store")
    run("demo", "--store", store, "--output", os.path.join(folder, "demo.txt"))
    steps = exchanges = 0
    for policy in ("fifo", "lifo", "haircut", "cleanfirst", "taintfirst", "poison"):
        trace = json.loads(run("trace", "--store", store, "--policy", policy, "--format", "json", "ronin-2022"))
        hops = {hop["key"]: hop for hop in trace["hops"]}
        deep = sorted(trace["hops"], key=lambda hop: (-hop["hop"], hop["key"]))
        for hop in [*deep[:3], *trace["hops"][::40]]:
            path_file = os.path.join(folder, "explain.json")
            run("explain", "--store", store, "--policy", policy, "--source", "ronin-2022", "--format", "json", "--output", path_file, hop["key"])
            same("schema", validate(str(root / "docs/explain-1.schema.json"), path_file), 0)
            told = json.load(open(path_file))
            moves = {move["key"]: move for move in told["moves"]}
            keys, at = [], hop
            while at:
                keys.insert(0, at["key"])
                at = hops[at["parent"]] if at["parent"] else None
            same("paths", [path["source"] for path in told["paths"]], ["ronin-2022"])
            same("path", [step["key"] for step in told["paths"][0]["steps"]], keys)
            for step in told["paths"][0]["steps"]:
                move, record = moves[step["key"]], hops[step["key"]]
                same("hop", (step["hop"], step["tainted"]), (record["hop"], record["tainted"]))
                carried = lots(move["carried"])
                what = f"{policy} {step['key']}"
                same(f"{what} tainted", sum(a for a, tag in carried if tag == "ronin-2022"), int(step["tainted"]))
                steps += 1
                exchanges += move["exchange"] > 0
                if policy == "poison":
                    continue
                same(f"{what} carried", sum(a for a, _ in carried), int(move["amount"]))
                if move["leg"] != "out" and move["from_holds"]:
                    before = lots([(int(move["overspent"]), move["overspent_tag"]), *((int(u["amount"]), u["tag"]) for u in move["from_before"])])
                    taken, rest = leave(policy, before, int(move["amount"]), lambda tag: tag == "ronin-2022")
                    same(f"{what} taken", lots(move["taken"]), taken)
                    same(f"{what} kept", lots(move["from_after"]), rest)
                if move["to_holds"] and move["leg"] != "in":
                    after = lots(move["to_after"])
                    if policy == "haircut":
                        gained = dict((tag, a) for a, tag in after)
                        for amount, tag in carried:
                            same(f"{what} arrived {tag}", gained.get(tag, 0) >= amount, True)
                    else:
                        same(f"{what} arrived", cut(after, sum(a for a, _ in after) - int(move["amount"]))[1], carried)
                if move["leg"] == "out":
                    pot, undrawn, amount = lots(move["pot"]), int(move["undrawn"]), int(move["amount"])
                    tainted = sum(a for a, tag in pot if tag == "ronin-2022")
                    same(f"{what} drawn", sum(a for a, tag in carried if tag == "ronin-2022"), tainted * amount // undrawn)
    text = run("explain", "--store", store, "--source", "ronin-2022", hop["key"])
    same("text", "PATH OF ronin-2022" in text, True)
    table = run("explain", "--store", store, "--source", "ronin-2022", "--format", "csv", hop["key"])
    same("CSV", table.splitlines()[0], "source,step,key,asset,what,pos,amount,tag,schema")
    run("explain", "--store", store, "--source", "ronin-2022", "0x098b716b8aaf21512996dc57eb0615e2383e2f96", code=2)
    run("explain", "--store", store, "--source", "ronin-2022", "1:0:0", code=2)
same("some steps are of exchanges", exchanges > 0, True)
for problem in problems[:20]:
    print(problem, file=sys.stderr)
print(f"explain: {steps} steps, {exchanges} of exchanges, {len(problems)} problems")
sys.exit(1 if problems else 0)
