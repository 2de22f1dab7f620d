"""Every worked example of the taint specification, all tables of all policies, byte for byte, through `tracer replay`.

Reads taint-examples.json beside the shared data ($TRACER_SHARED_DATA); skips with a message where it is not.
"""
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
data = pathlib.Path(os.environ.get("TRACER_SHARED_DATA", root / ".." / "shared" / "data"))
source = data.parent / "taint-examples.json"
if not source.exists():
    print(f"SKIP: the worked examples are not here ({source.name})")
    sys.exit(0)
MAX = 2**256 - 1


def address(letter):
    return "0x" + "0" * 40 if letter == "0" else "0x" + f"{ord(letter):02x}" * 20


def asset(text):
    return "native" if text == "N" else address(text)


def amount(text):
    return str(MAX - int(text[4:] or 0) if text.startswith("MAX") else int(text))


def transfers(example):
    lines = ["block,txi,idx,kind,asset,from,to,amount,link,leg"]
    for row in example["rows"]:
        words = row.split()
        key, kind, token, ends, units = words[:5]
        link = leg = ""
        if len(words) > 5:
            link, leg = words[5].strip("[]"), words[6].strip("[]")
        sender, receiver = ends.split(">")
        lines.append(",".join([*key.split("."), kind, asset(token), address(sender), address(receiver), amount(units), link, leg]))
    return "\n".join(lines) + "\n"


def seeds(example):
    lines = ["source,kind,address,block,txi,idx,amount"]
    for seed in example["seeds"]:
        words = seed.split()
        if words[1] == "address":
            lines.append(f"{words[0]},address,{address(words[2])},{words[3]},,,")
        else:
            cap = amount(words[3]) if len(words) > 3 else ""
            lines.append(f"{words[0]},transfer,,{','.join(words[2].split('.'))},{cap}")
    return "\n".join(lines) + "\n"


def labels(example):
    lines = ["address,class,emit"]
    for label in example["labels"]:
        words = label.split()
        lines.append(f"{address(words[0])},{words[1]},{words[2] if len(words) > 2 else ''}")
    return "\n".join(lines) + "\n"


def assets(example):
    lines = ["asset,decimals,weight,dust"]
    for row in example["assets"]:
        words = row.split()
        lines.append(",".join([asset(words[0]), *words[1:]]))
    return "\n".join(lines) + "\n"


def table(rows):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


examples, tables, bad = json.load(open(source)), 0, []
only = set(sys.argv[2:])
for example in examples:
    name = example["name"].split()[0]
    if only and name not in only:
        continue
    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)
        options = []
        for key, text in (("transfers", transfers(example)), ("seeds", seeds(example)), ("labels", labels(example))):
            (here / key).write_text(text)
            options += [f"--{key}", str(here / key)]
        if example["assets"] is not None:
            (here / "assets").write_text(assets(example))
            options += ["--assets", str(here / "assets")]
        for key, value in example["options"].items():
            if key == "explored":
                (here / key).write_text(" ".join(map(address, value)))
                value = str(here / key)
            options += [f"--{key}", value]
        for policy, expected in example["expected"].items():
            out = here / policy
            done = subprocess.run([tracer, "replay", *options, "--policy", policy, "--out", str(out)], capture_output=True, text=True)
            if done.returncode:
                bad.append(f"{name} {policy}: exit {done.returncode}: {done.stderr}")
                continue
            for file, rows in expected.items():
                if file == "check" or not file.endswith(".csv"):
                    continue
                tables += 1
                got = (out / file).read_text() if (out / file).exists() else None
                if got != table(rows):
                    bad.append(f"{name} {policy} {file}:\n--- wanted\n{table(rows)}--- got\n{got}")
            extra = {p.name for p in out.iterdir()} - set(expected)
            if extra:
                bad.append(f"{name} {policy}: files that the specification does not name: {extra}")
        if example["expand"]:
            limits, steps = example["expand"]
            options += [f"--{key.replace('_', '-')}={value}" for key, value in limits.items()]
            done = subprocess.run([tracer, "expand", *options, "--policy", "fifo", "--out", str(here / "expand")], capture_output=True, text=True)
            wanted = table([["step", "address", "score", "hop", "status"], *[[s, address(a), *rest] for s, a, *rest in steps]])
            got = (here / "expand" / "expand.csv").read_text() if done.returncode == 0 else done.stderr
            tables += 1
            if got != wanted:
                bad.append(f"{name} expand:\n--- wanted\n{wanted}--- got\n{got}")
print("\n".join(bad[:20]))
print(f"examples: {len(examples)} examples, {tables} tables, {len(bad)} differ")
sys.exit(bool(bad))
