"""The README's console blocks are what the program prints: every `$ ` line is run in one fresh directory and compared."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
tracer = pathlib.Path(os.environ["TRACER"]).resolve()
environment = dict(os.environ, PATH=f"{tracer.parent}:{os.environ['PATH']}")
commands, bad = 0, []
with tempfile.TemporaryDirectory() as here:
    for block in re.findall(r"^```console\n(.*?)^```", (root / "README.md").read_text(), re.M | re.S):
        for command, wanted in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment, cwd=here)
            commands += 1
            if done.stdout != wanted or done.stderr:
                bad.append(f"$ {command}\n--- README\n{wanted}--- printed\n{done.stdout}{done.stderr}")
print("\n".join(bad))
print(f"readme: {commands} commands, {len(bad)} differ")
sys.exit(bool(bad) or not commands)
