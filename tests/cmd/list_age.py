"""I4_an_old_list_proves_nothing_clean: where no sources are named, a sanctions list that is too old for the blocks asked about
means cannot tell; a newer one, a wider --list-age-max and named sources do not."""
import calendar
import os
import pathlib
import subprocess
import sys
import tempfile
import time

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
lists = root / "tests/label/lists"
A, B = "0x" + "1a" * 20, "0x" + "1b" * 20
VOID = "0x" + "0" * 40
PUBLISHED = "2026-08-07"  # of the registry's list


def run(*arguments, code=0):
    done = subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}, not {code}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def second(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)

    def store_until(name, last):
        """A store of two transfers; the key of the second one."""
        start, last = second("2016-01-01 00:00:00"), second(last)
        rows = [(start, "reward", VOID, A, 10), (last, "value", A, B, 4)]
        text = "block,txi,idx,kind,asset,from,to,amount,time,block_number\n"
        for number, (block, kind, giver, taker, amount) in enumerate(rows):
            text += f"{block},0,0,{kind},native,{giver},{taker},{amount},{block},{number}\n"
        (folder / "transfers.csv").write_text(text)
        (folder / "coverage.csv").write_text(f"account,from,to,what,method,cross_check,gap\n,{start},{last},native,m,,\n,{start},{last},tokens,m,,\n")
        run("import", "--store", folder / name, folder / "transfers.csv", folder / "coverage.csv")
        return folder / name, f"{last}:0:0"

    store, key = store_until("fresh", "2026-09-06 23:59:59")
    assert run("check", "--store", store, key).startswith("CLEAN")
    assert run("check", "--store", store, B).startswith("CLEAN")
    assert f"the newest sanctions list here is of {PUBLISHED}, more than 29 days" in run("check", "--store", store, "--list-age-max", 29, key, code=11)

    store, key = store_until("stale", "2026-09-07 00:00:00")
    for target in (key, B):
        out = run("check", "--store", store, target, code=11)
        assert out.startswith("CANNOT TELL") and f"is of {PUBLISHED}, more than 30 days" in out, out
    assert run("check", "--store", store, "--list-age-max", 31, key).startswith("CLEAN")
    assert run("check", "--store", store, "--source", f"mine={A}", "--since", second("2026-09-08 00:00:00"), key).startswith("CLEAN")
    assert run("check", "--store", store, "--to", second("2026-09-06 00:00:00"), A).startswith("CLEAN")
    run("check", "--store", store, "--list-age-max", 36501, key, code=2)

    # Lists of others, and old ones, do not help; a newer one does.
    run("import", "--store", store, lists / "sdn_advanced.xml", lists / "pack.yaml")
    run("check", "--store", store, key, code=11)
    run("import", "--store", store, lists / "plain.txt", "--date", "2026-09-01")
    run("check", "--store", store, key, code=11)
    (folder / "sdn.xml").write_text((lists / "sdn.xml").read_text().replace("01/02/2026", "09/01/2026"))
    run("import", "--store", store, "--force", folder / "sdn.xml")
    assert run("check", "--store", store, key).startswith("CLEAN")

    # A list without a date counts, and proves nothing about its age.
    comments = ("--comments", lists / "sdn_comments.csv")
    run("import", "--store", store, lists / "sdn.csv", *comments)
    run("check", "--store", store, key, code=11)
    run("import", "--store", store, lists / "sdn.csv", *comments, "--date", "2026-09-07")
    assert run("check", "--store", store, key).startswith("CLEAN")
print("list age: told, and never clean")
