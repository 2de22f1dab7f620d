"""I4_an_old_list_proves_nothing_clean: where no sources are named, a sanctions list that is too old for the blocks asked about
means cannot tell; a newer one, a wider --list-age-max and named sources do not."""
import calendar
import os
import pathlib
import resource
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
    assert run("check", "--store", store, "--source", f"mine={B}", "--since", second("2026-09-07 00:00:00"), key).startswith("CLEAN")
    assert run("check", "--store", store, "--to", second("2026-09-06 00:00:00"), A).startswith("CLEAN")
    run("check", "--store", store, "--list-age-max", 36501, key, code=2)

    # Rows under two ages stand in no output: a batch that was stopped is not gone on with under another.
    (folder / "many.csv").write_text("target\n" + f"{key}\n" * 110000)
    batch = [tracer, "batch", folder / "many.csv", "--store", store, "--output", folder / "many.out", "--columns", "verdict", "--checkpoint", "1000", "--workers", "1"]
    stopped = subprocess.run(batch, capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1500000, 1500000)))
    assert stopped.returncode == 4 and (folder / "many.out.progress").exists(), stopped.stderr
    other = subprocess.run([*batch, "--list-age-max", "31"], capture_output=True, text=True)
    assert other.returncode == 4 and "--restart" in other.stderr, other.stderr
    assert subprocess.run(batch, capture_output=True, text=True).returncode == 11
    assert set((folder / "many.out").read_text().split("\n")) == {"target,verdict", f"{key},cannot_tell", ""}

    # Where no times are known, the age of a list and of the incidents is not either.
    times = (folder / "transfers.csv").read_text().replace(",time,block_number", "").splitlines()
    untimed = [times[0]] + [",".join([str(18000000 + i), *line.split(",")[1:8]]) for i, line in enumerate(times[1:])]
    (folder / "untimed.csv").write_text("\n".join(untimed) + "\n")
    (folder / "whole.csv").write_text("account,from,to,what,method,cross_check,gap\n,18000000,18000001,native,m,,\n,18000000,18000001,tokens,m,,\n")
    run("import", "--store", folder / "untimed", folder / "untimed.csv", folder / "whole.csv")
    for target in ("18000001:0:0", B):
        out = run("check", "--store", folder / "untimed", target, code=11)
        assert out.startswith("CANNOT TELL") and "the time of the last block asked about is not known" in out, out
    assert run("check", "--store", folder / "untimed", "--source", "mine=18000000:0:0", "18000001:0:0", code=10).startswith("EXPOSED")

    # Where some rows have none, a listed address counts from behind the last block that is known to be from before its listing.
    listed = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
    (folder / "partly.csv").write_text(f"block,txi,idx,kind,asset,from,to,amount,time\n17999999,0,0,value,native,{listed},{B},1,{second('2021-01-01 00:00:00')}\n"
                                       f"18000000,0,0,reward,native,{VOID},{listed},10,\n18000001,0,0,value,native,{listed},{B},4,\n"
                                       f"18000002,0,0,reward,native,{VOID},{A},1,{second('2026-08-20 00:00:00')}\n")
    (folder / "partly-whole.csv").write_text("account,from,to,what,method,cross_check,gap\n,17999999,18000002,native,m,,\n,17999999,18000002,tokens,m,,\n")
    run("import", "--store", folder / "partly", folder / "partly.csv", folder / "partly-whole.csv")
    out = run("check", "--store", folder / "partly", "18000001:0:0", code=10)
    assert "from ofac.LAZARUS-GROUP" in out, out
    run("check", "--store", folder / "partly", "17999999:0:0", code=11)

    # The thief is there, and the theft is not: what was paid before the address was listed looks like anything else.
    days = [second(day) for day in ("2016-01-01 00:00:00", "2022-04-13 23:59:59", "2022-04-14 00:00:00")]
    (folder / "absent.csv").write_text(f"block,txi,idx,kind,asset,from,to,amount,time\n100,0,0,reward,native,{VOID},{listed},10,{days[0]}\n"
                                       + "".join(f"{101 + i},0,0,value,native,{listed},{B},4,{day}\n" for i, day in enumerate(days[1:])))
    (folder / "absent-whole.csv").write_text("account,from,to,what,method,cross_check,gap\n,100,102,native,m,,\n,100,102,tokens,m,,\n")
    run("import", "--store", folder / "absent", folder / "absent.csv", folder / "absent-whole.csv")
    out = " ".join(run("check", "--store", folder / "absent", "101:0:0", code=11).split())
    assert "heist ronin-2022: its addresses are in the store, and none of its theft transactions" in out, out
    run("check", "--store", folder / "absent", "--as-of", "2022-04-13", listed, code=11)
    run("check", "--store", folder / "absent", "102:0:0", code=10)
    run("check", "--store", folder / "absent", "--source", "mine=102:0:0", "101:0:0")

    # So is one of which a part of the theft is not there.
    run("demo", "--store", folder / "demo", "--output", folder / "demo.txt")
    whole = run("export", "transfers", "--store", folder / "demo").splitlines(keepends=True)
    (folder / "part.csv").write_text("".join(line for line in whole if "0xc28fad5e8d5e0ce6a2eaf67b6687be5d58113e16be590824d6cfa1a94467d0b7" not in line))
    assert len((folder / "part.csv").read_text().splitlines()) < len(whole)
    run("import", "--store", folder / "part", folder / "part.csv", root / "fixtures/ronin-2022/coverage.csv")
    run("check", "--store", folder / "demo", "1648041417:0:0")
    out = " ".join(run("check", "--store", folder / "part", "1648041417:0:0", code=11).split())
    assert "heist ronin-2022: 1 of 2 theft transactions are not in the store" in out, out

    # A balance from before the store may be of an incident that is older; only named sources can be younger than it.
    start = second("2023-08-25 00:00:00")
    (folder / "opening.csv").write_text("block,txi,idx,kind,asset,from,to,amount,time\n"
                                        f"18000000,-1,0,opening,native,{VOID},{A},10,{start}\n18000001,0,0,reward,native,{VOID},{B},1,{start + 12}\n"
                                        f"18000001,0,1,value,native,{A},{B},4,{start + 12}\n")
    run("import", "--store", folder / "opened", folder / "opening.csv", folder / "whole.csv")
    out = run("check", "--store", folder / "opened", "18000001:0:1", code=11)
    assert "of unknown history: up to 100.0000 %" in out, out
    assert run("check", "--store", folder / "opened", "--source", "mine=18000001:0:0", "18000001:0:1").startswith("CLEAN")

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
    assert "does not say when it was published, and the store has the list of 2026-09-01" in run("import", "--store", store, lists / "sdn.csv", *comments, code=2)
    run("import", "--store", store, "--force", lists / "sdn.csv", *comments)
    run("check", "--store", store, key, code=11)
    assert "its date is 2026-08-31, and the store has the list of 2026-09-01" in run("import", "--store", store, lists / "sdn.csv", *comments, "--date", "2026-08-31", code=2)
    run("import", "--store", store, lists / "sdn.csv", *comments, "--date", "2026-09-07")
    assert run("check", "--store", store, key).startswith("CLEAN")
print("list age: told, and never clean")
