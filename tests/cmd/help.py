"""help, --help and the man page: every command and every option of one is in the others."""
import os
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
man = (root / "docs/tracer.1").read_text().replace("\\-", "-")
readme = (root / "README.md").read_text()


def run(*arguments, code=0):
    done = subprocess.run([tracer, *arguments], capture_output=True, text=True)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}, wanted {code}: {done.stderr}"
    return done.stdout + done.stderr


overview = run("help")
assert overview == run("--help")
commands = re.findall(r"^  ([a-z]+) +\S", overview.split("exit codes")[0], re.M)
commands = [c for c in commands if c != "tracer"]
assert len(commands) >= 11, commands
options = set()
for command in commands:
    text = run("help", command)
    assert text == run(command, "--help"), command
    assert re.search(rf"^\.(B|BI) {command}\b", man, re.M), f"{command} is not in the man page"
    options |= set(re.findall(r"^  --([a-z-]+)", text, re.M))
for option in sorted(options):
    assert f"--{option}" in man, f"--{option} is not in the man page"
assert "tracer" in run("--version")

# Bad usage is exit 2, and says what to do.
for arguments in ([], ["nothing"], ["trace"], ["trace", "--nothing"], ["trace", "--policy", "x", "y"], ["demo", "x"],
                  ["demo", "--format", "pdf"], ["trace", "--from", "-1", "x"], ["trace", "--from", "99999999999999999999", "x"],
                  ["check", "x"], ["store", "explode"], ["ingest", "--store", "/nonexistent/x", "--rpc", "ftp://x"],
                  ["replay", "--policy", "fifo"], ["export", "everything"], ["trace", "--store"], ["help", "nothing"]):
    text = run(*arguments, code=2)
    assert text.strip(), arguments
# An option that would be ignored is refused; one that two commands share has one name in both.
for command, *more in (("batch", "x", "--output", "y"), ("trace", "x"), ("export", "transfers"), ("ingest",), ("explain", "1:0:0")):
    assert "only check takes an address" in run(command, "--store", "x", "--to", "0x" + "12" * 20, *more, code=2), command
for option in ("--opening", "--opening-units"):
    assert "there is no store" in run("check", "--store", "/nonexistent/x", option, "clean", "1:0:0", code=2), option
print(f"help: {len(commands)} commands, {len(options)} options")
