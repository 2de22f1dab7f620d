"""Who may include whom (the table of the architecture), third-party headers where they belong, and who may print or exit."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])

BASE = "error limits arena buffer hex u256 csv digest file clock json_reader large uuid".split()
VALUE = "address transfer block cursor input link result".split()
MODULE_OF_HEADER = {
    **{h: "base" for h in BASE},
    **{h: "value" for h in VALUE},
    "graph": "graph", "shelf": "graph", "taint": "taint", "label": "label", "import": "import", "report": "report", "prices": "report",
    "rpc": "rpc", "evm": "evm", "proof": "evm", "chain": "chain", "history": "chain", "known": "chain",
    "config": "pipeline", "trace": "pipeline", "screen": "pipeline", "rules": "pipeline", "batch": "pipeline", "decision": "pipeline", "explain": "pipeline", "audit": "pipeline", "explore": "pipeline", "ancestors": "pipeline", "remember": "pipeline", "lazy": "pipeline", "ingest": "pipeline", "load": "pipeline", "evidence": "pipeline",
}
PUBLIC = set(MODULE_OF_HEADER.values())
# folder -> (modules whose public headers it may include, third-party headers)
RULES = {
    "tracer/base": ({"base"}, {"nettle/sha1.h", "nettle/sha2.h"}),
    "tracer/value": ({"base", "value"}, set()),
    "tracer/graph": ({"base", "value", "graph"}, {"lmdb.h", "xxhash.h", "zstd.h"}),
    "tracer/taint": ({"base", "value", "taint"}, set()),
    "tracer/label": ({"base", "value", "label"}, {"jansson.h", "expat.h", "yaml.h"}),
    "tracer/label/prepare": ({"base", "value", "label"}, set()),
    "tracer/import": ({"base", "value", "import"}, set()),
    "tracer/report": ({"base", "value", "report"}, {"jansson.h", "graphviz"}),
    "chains/rpc": ({"base", "rpc"}, {"curl/curl.h", "jansson.h"}),
    "chains/evm": ({"base", "value", "evm"}, {"jansson.h", "secp256k1.h", "secp256k1_recovery.h"}),
    "chains": ({"base", "value", "rpc", "evm", "chain"}, set()),
    "tracer": (PUBLIC, {"jansson.h"}),
    "tracer/cmd": (PUBLIC, set()),
}
THIRD_PARTY = {"curl/curl.h", "jansson.h", "lmdb.h", "xxhash.h", "zstd.h", "secp256k1.h", "secp256k1_recovery.h", "expat.h",
               "yaml.h", "gvc.h", "nettle/sha1.h", "nettle/sha2.h", "criterion/criterion.h"}
# Printing and ending the program belong to the commands. Writers get a stream from them.
SPEAKS = re.compile(r"\b(printf|puts|putchar|perror|exit|_exit|abort|err|errx|warn|warnx)\s*\(|\b(stdout|stderr)\b")
problems = []


def strip_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S)


def strip_strings(text):
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


for folder, (modules, third_party) in RULES.items():
    for path in sorted(p for p in (root / folder).iterdir() if p.suffix in (".c", ".h")):
        code = strip_comments(path.read_text())
        name = path.relative_to(root)
        for number, line in enumerate(code.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            header = match.group(1)
            if header.startswith("tracer/"):
                module = MODULE_OF_HEADER.get(header[len("tracer/"):-2])
                if module is None:
                    problems.append(f"{name}:{number}: {header} is in no module of the table")
                elif module not in modules:
                    problems.append(f"{name}:{number}: {folder} may not include {header} (module {module})")
            elif header in THIRD_PARTY and header not in third_party:
                if not (name.as_posix() == "tracer/main.c" and header == "jansson.h"):
                    problems.append(f"{name}:{number}: {header} does not belong in {folder}")
            elif "/" in header and header.startswith(("..", "chains", "graph", "taint")):
                problems.append(f"{name}:{number}: {header}: another module's inside")
        if folder == "tracer/cmd" or name.as_posix() in ("tracer/main.c", "tracer/label/prepare/main.c"):
            continue
        for number, line in enumerate(strip_strings(code).splitlines(), 1):
            spoken = SPEAKS.search(line)
            if spoken and not (name.as_posix() == "tracer/base/file.c" and "stdout" in line):
                problems.append(f"{name}:{number}: only tracer/cmd prints or exits: {spoken.group(0).strip()}")

for path in sorted((root / "include/tracer").glob("*.h")):
    text = strip_comments(path.read_text())
    if path.stem not in MODULE_OF_HEADER:
        problems.append(f"{path.name} is in no module of the table")
    for foreign in (r"lmdb", r"curl", r"json_t\b", r"MDB_"):
        if re.search(rf"\b{foreign}", text):
            problems.append(f"{path.name}: a type of a library in a public header: {foreign}")

print("\n".join(problems))
print(f"include rules: {len(problems)} problems")
sys.exit(bool(problems))
