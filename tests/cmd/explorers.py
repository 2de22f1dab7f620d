"""--explorer: what is wrong with it is told before anything is contacted, and no URL and no key is in the message (T11)."""
import json
import os
import pathlib
import subprocess
import tempfile

tracer = os.environ["TRACER"]
KEY = "K7Q2ZSECRETW94XKEYLM31"
URL = f"https://explorer.invalid/v2/api?apikey={KEY}"
SEED = "0x" + "a1" * 20
passed = 0


def run(*arguments, says, env=None):
    global passed
    done = subprocess.run([tracer, "trace", *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **(env or {})})
    text = done.stdout + done.stderr
    assert done.returncode == 2, f"{arguments}: exit {done.returncode}: {text}"
    assert says in text, f"{arguments}: no {says!r} in {text!r}"
    assert KEY not in text and "explorer.invalid" not in text, text
    passed += 1


with tempfile.TemporaryDirectory() as folder:
    config = pathlib.Path(folder) / "config.json"
    rpc = ["--rpc", "https://node.invalid"]
    run("--explorer", URL, SEED, says="it needs --rpc")
    for more in (["--from", "1", "--to", "2"], ["--follow"], ["--policy", "all"], ["--opening"], ["--refetch"], ["--evidence", "x"]):
        run(*rpc, "--explorer", URL, *more, SEED, says="--explorer")
    run(*rpc, "--explorer", KEY, SEED, says="--explorer number 1 is neither a URL")
    run(*rpc, "--explorer", URL.replace("https", "http"), SEED, says='"explorer-1": plain http is refused')
    run(*rpc, "--explorer", URL + " ", SEED, says='"explorer-1": the URL has control characters')

    def named(says, env=None, chain="ethereum", name="scan", **explorer):
        config.write_text(json.dumps({"explorers": [{"name": "scan", "url": URL, **explorer}]}))
        run("--config", config, "--chain", chain, *rpc, "--explorer", name, SEED, says=says, env=env)

    named("unknown key", header_env="X")
    named('"rate" must be a whole number', rate=-1)
    named('"key_env" must be a text', key_env=5)
    named('"scan" belongs to another network', network="ronin")
    named("SCAN_KEY is not set", key_env="SCAN_KEY")
    named("SCAN_KEY holds no key", key_env="SCAN_KEY", env={"SCAN_KEY": ""})
    named("SCAN_KEY holds no key", key_env="SCAN_KEY", env={"SCAN_KEY": f"{KEY}&module=other"})
    named("neither a URL", name="other")
    config.write_text(json.dumps({"explorers": [{"name": "scan", "url": URL}] * 2}))
    run("--config", config, *rpc, "--explorer", "scan", SEED, says='the name "scan" is taken')
    config.write_text(json.dumps({"explorers": {}}))
    run("--config", config, *rpc, "--explorer", "scan", SEED, says="must be lists")
print(f"explorers: {passed} refusals")
