"""check looks answers up in what a replay left: every row carries what `check --transfers` says of it, which is the engine itself; a
second call and one with a damaged or missing taint state answer the same or not at all; and a state is used only while it fits."""
import csv
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

tracer = os.environ["TRACER"]
FLIPS = int(os.environ.get("TRACER_TEST_FLIPS", "250")) // 10
ROWS = 120
STEP = 1 if FLIPS >= 25 else 4  # of the rows that are asked one by one, for slow builds
problems = []


def call(*arguments):
    return subprocess.run([tracer, *arguments], capture_output=True, text=True)


def run(*arguments, codes=(0,)):
    done = call(*arguments)
    if done.returncode not in codes:
        sys.exit(f"exit {done.returncode} of {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def same(what, got, wanted):
    if got != wanted and len(problems) < 20:
        problems.append(f"{what}: {got} instead of {wanted}")


def account(n):
    return "0x" + f"{n:040x}"


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)
    return path


def make_case(folder, seed):
    """Rows among few accounts, with swaps at a venue, mints, overspends, self transfers and zeros."""
    dice = random.Random(seed)
    token, venue, mixer = account(0xaa), account(0x51), account(0x52)
    rows = []
    for i in range(ROWS):
        if dice.random() < 0.15:
            payer = account(dice.randint(1, 9))
            rows.append([i + 1, 0, 0, "value", "native", payer, venue, dice.randint(1, 60), 1, "in"])
            rows.append([i + 1, 0, 1, "token", token, venue, payer, dice.randint(1, 60), 1, "out"])
            continue
        ends = [account(dice.choice([0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 0x51, 0x52, 0x53])) for _ in range(2)]
        if ends[0] == ends[1] == account(0):
            ends[1] = account(1)
        rows.append([i + 1, 0, 0, "token", token, *ends, dice.choice([0, 1, 5, 40, 90]), "", ""]
                    if dice.random() < 0.5 else [i + 1, 0, 0, "value", "native", *ends, dice.choice([0, 1, 5, 40, 90]), "", ""])
    files = {
        "transfers": write(f"{folder}/transfers.csv", "block,txi,idx,kind,asset,from,to,amount,link,leg".split(","), rows),
        "labels": write(f"{folder}/labels.csv", ["address", "class", "emit", "name"], [[venue, "venue", "", "pool"], [mixer, "mixer", "", "mixer"], [account(0x53), "service", "", "shop"]]),
        "assets": write(f"{folder}/assets.csv", ["asset", "decimals", "weight", "dust", "symbol"],
                        [["native", 0, 1, 0, "ETH"], [token, 0, 1, 0, "TOK"]]),
        "seeds": write(f"{folder}/seeds.csv", "source,kind,address,block,txi,idx,amount".split(","),
                       [["first", "address", account(1), 3, "", "", ""], ["second", "address", account(2), 3, "", "", ""]]),
        "coverage": write(f"{folder}/coverage.csv", ["account", "from", "to", "what", "method", "cross_check", "gap"], [["", 1, ROWS, "all", "made", "", ""]]),
    }
    return files, [(f"{b}:{t}:{i}", source, to) for b, t, i, _, _, source, to, *_ in rows]


def sources(files):
    return [part for row in csv.DictReader(open(files["seeds"])) for part in ("--source", f"{row['source']}={row['address']}")]


def case(store, files, policy):
    return ["--store", store, "--labels", files["labels"], "--no-builtin-labels", "--assets", files["assets"], "--policy", policy,
            *sources(files), "--since", "3", "--format", "json"]


def keep(folder, store, files, policy, targets):
    """A taint state of all rows: a batch makes it, whatever the size of the store; a check only of small ones, and of none where TRACER_VERIFY is on."""
    asked = f"{folder}/asked.csv"
    write(asked, ["target"], [[target] for target in targets])
    run("batch", asked, *case(store, files, policy)[:-2], "--columns", "verdict", "--quiet", "--output", f"{folder}/answered.csv", codes=(0, 10, 11))


def carried(answer):
    """What both outputs say of a row."""
    return {"status": answer["status"], "amounts": [answer[k] for k in ("amount", "tainted", "unknown", "clean")],
            "ppm": [answer["ppm_min"], answer["ppm_max"]],
            "sources": [(s["source"], s["amount"], s["ppm"], s["direct"], s["path"]) for s in answer["sources"]]}


def check_rows(folder, seed, policy):
    files, rows = make_case(folder, seed)
    store = f"{folder}/store"
    run("import", "--store", store, "--name", "made", files["transfers"], files["coverage"])
    keys = [key for key, _, _ in rows]
    answers = json.loads(run("check", *case(store, files, policy), *keys, codes=(0, 10, 11)))
    for key, answer in list(zip(keys, answers["answers"]))[::STEP]:
        line = answer["lines"][0]
        wanted = json.loads(run("check", "--transfers", files["transfers"], "--seeds", files["seeds"], "--labels", files["labels"],
                                "--assets", files["assets"], "--policy", policy, "--key", key))
        same(f"{policy} {key} of case {seed}", carried(line), carried(wanted))
    if policy == "poison":
        return files, store, rows
    # Where the funds come from: what the engine says when those who paid them out are the sources, and nobody else.
    emitting = write(f"{folder}/emitting.csv", ["address", "class", "emit"],
                     [[account(0x51), "venue", ""], [account(0x52), "mixer", "mixer.mixer"], [account(0x53), "service", "service.shop"]])
    nobody = write(f"{folder}/nobody.csv", "source,kind,address,block,txi,idx,amount".split(","), [])
    funds = json.loads(run("check", *case(store, files, policy), "--source-of-funds", *keys, codes=(0, 10, 11)))
    seen = 0
    for key, plain, answer in list(zip(keys, answers["answers"], funds["answers"]))[seed % STEP::STEP]:
        line = answer["lines"][0]
        same(f"{policy} {key}: what --source-of-funds leaves as it is", [carried(line), answer["verdict"]], [carried(plain["lines"][0]), plain["verdict"]])
        wanted = json.loads(run("check", "--transfers", files["transfers"], "--seeds", nobody, "--labels", emitting, "--assets", files["assets"],
                                "--policy", policy, "--key", key))
        got = [(s["source"], s["category"], s["amount"], s["ppm"], s["hop"], s["path"]) for s in line["origins"]]
        same(f"{policy} {key}: source of funds", got, [(s["source"], s["source"].split(".")[0], s["amount"], s["ppm"], s["hop"], s["path"]) for s in wanted["sources"]])
        seen += len(got)
    if not seen:
        problems.append(f"{policy}: nothing came from the mixer or the shop")
    return files, store, rows


with tempfile.TemporaryDirectory() as top:
    for seed, policy in enumerate(["fifo", "haircut", "poison"]):
        folder = f"{top}/{seed}"
        os.mkdir(folder)
        files, store, rows = check_rows(folder, seed, policy)
        targets = sorted({a for _, f, t in rows for a in (f, t)})
        call_again = ["check", *case(store, files, policy), *targets]
        good = run(*call_again, codes=(0, 10, 11))
        if os.path.isdir(f"{store}/taint"):
            same("states", len(os.listdir(f"{store}/taint")), 1 if policy == "poison" else 2)
        keep(folder, store, files, policy, targets)
        same("a second call", run(*call_again, codes=(0, 10, 11)), good)
        shutil.rmtree(f"{store}/taint")
        if policy == "poison":
            same("poison has no source of funds", call("check", *case(store, files, policy), "--source-of-funds", targets[0]).returncode, 2)
        same("a call without a state", run(*call_again, codes=(0, 10, 11)), good)
        keep(folder, store, files, policy, targets)
        states = [name for name in os.listdir(f"{store}/taint") if "-" not in name]
        data = pathlib.Path(f"{store}/taint/{states[0]}/data.mdb")
        whole = data.read_bytes()
        dice = random.Random(seed)
        for flip in range(FLIPS):
            damaged = bytearray(whole)
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
            data.write_bytes(damaged)
            done = call(*call_again)
            if done.returncode in (0, 10, 11):
                same(f"with a flipped bit, {seed} {flip}", done.stdout, good)
            elif done.stdout or not done.stderr or done.returncode not in (4, -7, -11, -6, 1):
                problems.append(f"flip {flip}: exit {done.returncode}, {done.stderr}")
            if not data.exists() or data.stat().st_size != len(whole):
                same("made again", run(*call_again, codes=(0, 10, 11)), good)
        data.write_bytes(whole[:len(whole) // 2])
        same("with a state that is cut short", run(*call_again, codes=(0, 10, 11)), good)
        keep(folder, store, files, "lifo", targets)
        lines = open(files["transfers"]).read().splitlines(keepends=True)
        grown, half = f"{folder}/grown", len(lines) // 2
        while lines[half].split(",")[0] == lines[half - 1].split(",")[0]:
            half += 1
        for part, name in ((lines[:half], "a.csv"), (lines[:1] + lines[half:], "b.csv")):
            pathlib.Path(f"{folder}/{name}").write_text("".join(part))
            run("import", "--store", grown, "--name", "made", f"{folder}/{name}", files["coverage"])
            answers = json.loads(run("check", *case(grown, files, policy), *(t for t in targets), codes=(0, 2, 10, 11)) or "{}")
        same("answers of a store that grew", answers.get("answers"), json.loads(good)["answers"])
        same("states of two policies", len(os.listdir(f"{store}/taint")), 2)

if problems:
    sys.exit("\n".join(problems))
print("looked up answers are those of the engine")
