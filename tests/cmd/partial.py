"""A store that follows a part of the accounts never clears whom the whole store exposes (taint-spec 9.5, architecture 5): random worlds, each
whole and in part, asked the same under a policy, for a source that is among the followed accounts or is not."""
import collections
import json
import os
import random
import subprocess
import sys
import tempfile

tracer = os.environ["TRACER"]
WORLDS = int(os.environ.get("TRACER_TEST_FLIPS", "250")) // 5
ACCOUNTS = ["0x" + f"{i:02x}" * 20 for i in range(0x11, 0x1b)]
VOID = "0x" + "0" * 40
problems, seen = [], collections.Counter()


def play(dice):
    """Rewards, and payments of what is there."""
    rows, balance = [], collections.Counter()
    for block in range(100, 100 + dice.randrange(8, 45)):
        rich = [account for account in ACCOUNTS if balance[account]]
        to, giver = dice.choice(ACCOUNTS), dice.choice(rich) if rich and dice.random() < 0.7 else VOID
        amount = dice.randrange(1, 20) if giver == VOID else dice.randrange(1, balance[giver] + 1)
        balance[giver] -= amount if giver != VOID else 0
        balance[to] += amount
        rows.append((block, "reward" if giver == VOID else "value", giver, to, amount))
    return rows


def store_of(folder, name, rows, accounts, edges):
    with open(f"{folder}/{name}.csv", "w") as file:
        file.write("block,txi,idx,kind,asset,from,to,amount\n")
        file.writelines(f"{block},0,0,{kind},native,{giver},{to},{amount}\n" for block, kind, giver, to, amount in rows)
    with open(f"{folder}/{name}-coverage.csv", "w") as file:
        file.write("account,from,to,what,method,cross_check,gap\n")
        file.writelines(f"{account},{edges[0]},{edges[1]},all,m,,\n" for account in accounts)
    done = subprocess.run([tracer, "import", "--store", f"{folder}/{name}", f"{folder}/{name}.csv", f"{folder}/{name}-coverage.csv", "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return f"{folder}/{name}"


def ask(store, options, targets):
    done = subprocess.run([tracer, "check", "--store", store, "--format", "json", *options, *targets], capture_output=True, text=True)
    if done.returncode == 2 and "is in no stored transfer" in done.stderr:
        return None
    assert done.returncode in (0, 10, 11), done.stderr
    return {answer["target"]: answer["verdict"] for answer in json.loads(done.stdout)["answers"]}


for world in range(WORLDS):
    dice = random.Random(world)
    rows = play(dice)
    source, followed = dice.choice(ACCOUNTS), set(dice.sample(ACCOUNTS, dice.randrange(1, 8)))
    followed |= {source} if dice.random() < 0.8 else set()
    part = [row for row in rows if row[2] in followed or row[3] in followed]
    if not part:
        continue
    with tempfile.TemporaryDirectory() as folder:
        edges = rows[0][0], rows[-1][0]
        stores = store_of(folder, "whole", rows, [""], edges), store_of(folder, "part", part, sorted(followed), edges)
        policy = dice.choice(["fifo", "lifo", "haircut", "poison", "cleanfirst", "taintfirst"])
        options = ["--source", f"x={source}", "--since", str(dice.choice([edges[0], dice.randrange(edges[0], edges[1] + 1)])), "--policy", policy]
        if dice.random() < 0.4:
            with open(f"{folder}/labels.csv", "w") as file:
                file.write(f"address,class\n{dice.choice([a for a in ACCOUNTS if a != source])},{dice.choice(['service', 'mixer', 'bridge'])}\n")
            options += ["--labels", f"{folder}/labels.csv"]
        whole, partly = (ask(store, options, ACCOUNTS + [f"{row[0]}:0:0" for row in part]) for store in stores)
    for target in partly or ():
        seen[whole[target], partly[target]] += 1
        if (whole[target], partly[target]) in {("exposed", "clean"), ("clean", "exposed")}:
            problems.append(f"world {world}, {policy}: {target} is {whole[target]} in the whole store, and {partly[target]} in part of it")

assert seen["clean", "clean"] and seen["exposed", "exposed"] and seen["exposed", "cannot_tell"], seen
print("\n".join(problems[:20]))
print(f"partial: {sum(seen.values())} answers of {WORLDS} worlds, {len(problems)} problems")
sys.exit(bool(problems))
