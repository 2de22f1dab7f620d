"""label why and label diff: I5_every_claim_is_shown_with_its_origin_and_the_conflicts, and what a new version changes."""
import os
import pathlib
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
lists = root / "tests/label/lists"
A, B, C = (f"0x{pair}{'0' * 36}{pair}" for pair in ("aa", "bb", "cc"))
EXPLOITER, TORNADO = "0x098b716b8aaf21512996dc57eb0615e2383e2f96", "0x8589427373d6d84e98730d7795d8f6f8731fda16"


def run(*arguments, code=0):
    done = subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}, not {code}: {done.stderr}"
    return done.stdout + done.stderr


def has(text, *parts):
    for part in parts:
        assert part in text, f"no {part!r} in:\n{text}"


# A list for one run counts as it does when it is imported.
has(run("label", "why", "--labels", lists / "sdn_advanced.xml", A), "listed by OFAC (EXAMPLE & LAUNDRY, LTD): a source of check",
    "list     sdn_advanced.xml of 2026-01-02, sha256 ")
has(run("label", "why", "--labels", lists / "sdn.csv", A, code=2), "sdn.csv: its remarks are cut")

# Built in, without a store.
out = run("label", "why", EXPLOITER, TORNADO)
has(out, "listed by OFAC (LAZARUS-GROUP): a source of check", "from 2022-04-14", "origin   https://ofac.treasury.gov/recent-actions/20220414",
    "sanctions  not listed, as of 2026-08-07", "until 2025-03-21 (ended)", "class mixer", "list     services.tsv, sha256 ")
has(run("label", "why", "0x" + "12" * 20), ": 0 claims", "which says nothing about it")
has(run("label", "why", "0x12", code=2), "'0x12' is not an address")
has(run("label", "why", "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"), "listed by OFAC (LAZARUS-GROUP)")
has(run("label", "why", "0x098B716B8AAf21512996dc57EB0615e2383E2f96", code=2), "EIP-55")  # I1: a capital that is not its checksum
has(run("label", "whence", EXPLOITER, code=2), "label why")
has(run("label", "diff", lists / "sdn.xml", code=2), "two files")

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    store = folder / "store"
    run("demo", "--store", store)
    run("import", "--store", store, lists / "sdn_advanced.xml", lists / "pack.yaml")
    mine = folder / "mine.csv"
    mine.write_text(f'address,class,name,category,entity,origin,confidence\n{B},mixer,"a\x1b[31m mixer",mixer,other,my own look,low\n')
    out = run("label", "why", "--store", store, "--labels", mine, B, C)
    has(out, ": 3 claims", "conflict   class: mixer (claim 1), service (claim 3)", "conflict   category: mixer (claim 1), exchange (claim 3)",
        "origin   my own look", "origin   https://example.org/report", "origin   OFAC SDN, party 70001 (USDT)", "list     mine.csv, sha256 ",
        "list     ofac-sdn of 2026-01-02, sha256 ", "listed by OFAC (EXAMPLE & LAUNDRY, LTD)", "about another chain")
    assert "\x1b" not in out

    # Another file of the same name takes its place, and says so.
    (folder / "other").mkdir()
    (folder / "other" / "mine.csv").write_text(f"address,class,name\n{C},mixer,other\n")
    assert "takes the place" not in run("import", "--store", store, mine) + run("import", "--store", store, mine)
    has(run("import", "--store", store, folder / "other" / "mine.csv"), "mine.csv: takes the place of what the store had under this name")

    # A store that has lists, and no blocks yet.
    early = folder / "early"
    out = run("import", "--store", early, lists / "sdn_advanced.xml", mine, folder / "none.csv", lists / "pack.yaml", code=2)
    has(out, "none.csv", "imported before it, and in the store: 2 of 4 files (", "sdn_advanced.xml and the next)")
    has(run("label", "why", "--store", early, B), ": 2 claims", "listed by OFAC")
    has(run("label", "why", "--store", early, "--chain", "ronin", B), "on chain 2020: 2 claims")
    has(run("label", "diff", "--store", early, lists / "sdn_advanced.xml"), "0 changed, 2 the same")
    has(run("export", "lists", "--store", early), "#tracer-list 1 ")
    has(run("export", "labels", "--store", early), "a\x1b[31m mixer")
    run("check", "--store", early, B, code=2)

    # An official list that no longer counts, and one that does.
    listed = (lists / "sdn_advanced.xml").read_text().replace(B, TORNADO)
    (folder / "sdn_advanced.xml").write_text(listed)
    has(run("label", "diff", "--store", store, folder / "sdn_advanced.xml"), "old  ofac-sdn of 2026-01-02, sha256 ", f"- {B} sanctioned ",
        f"+ {TORNADO} sanctioned ", "addresses: 1 added, 1 removed, 0 changed, 1 the same")
    run("import", "--store", store, folder / "sdn_advanced.xml")
    has(run("label", "why", "--store", store, TORNADO), "conflict   listed until: still listed (claim 1), 2025-03-21 (claim 2)",
        "listed by OFAC (EXAMPLE & LAUNDRY, LTD)")

    # Files of two kinds, a change, and what is the same.
    same = run("label", "diff", lists / "pack.yaml", lists / "pack.yaml")
    has(same, "addresses: 0 added, 0 removed, 0 changed, 3 the same")
    (folder / "pack.yaml").write_text((lists / "pack.yaml").read_text().replace("abuse: service_hack", "abuse: scam"))
    has(run("label", "diff", lists / "pack.yaml", folder / "pack.yaml"), f"- {A} changed: service_hack ", f"+ {A} changed: scam ",
        "addresses: 0 added, 0 removed, 1 changed, 2 the same")
    has(run("label", "diff", lists / "plain.txt", mine), f"- {A} listed \"plain.txt\"", f"- {C} ", f"+ {B} changed: mixer ")
    has(run("label", "diff", lists / "sdn.xml", lists / "sdn.csv", "--comments", lists / "sdn_comments.csv", "--date", "2026-02-01"),
        "new  sdn.csv of 2026-02-01", "addresses: 2 added, 0 removed, 1 changed, 0 the same")
    has(run("label", "diff", "--store", store, lists / "plain.txt", code=2), "no version of plain.txt")
    (folder / "cut.xml").write_text(listed[:-20])
    has(run("label", "diff", lists / "sdn_advanced.xml", folder / "cut.xml", code=2), "cut")

    # I5_a_list_of_others_takes_nobody_out_of_the_sources: not the thief of a heist as an exchange, nor a sanctioned address as a market.
    thief, payee = "0x5578840aae68682a9779623fa9e8714802b59946", "0x" + "b1" * 20
    rows = [f"{100 + i},0,0,{kind},native,{giver},{taker},10,{second}" for i, (kind, giver, taker, second) in enumerate(
        [("reward", "0x" + "0" * 40, thief, 1627776000), ("value", thief, payee, 1629417600),
         ("reward", "0x" + "0" * 40, EXPLOITER, 1785542400), ("value", EXPLOITER, payee, 1785542400)])]
    (folder / "rows.csv").write_text("block,txi,idx,kind,asset,from,to,amount,time\n" + "\n".join(rows) + "\n")
    (folder / "whole.csv").write_text("account,from,to,what,method,cross_check,gap\n,100,103,native,m,,\n,100,103,tokens,m,,\n")
    (folder / "pack.yaml").write_text("title: wrong\ncreator: nobody\nlastmod: 2026-01-02\nnetwork: ETH\ncurrency: ETH\nconfidence: forensic\ntags:\n" + "".join(
        f"- address: '{address}'\n  label: another\n  category: {category}\n" for address, category in ((thief, "exchange"), (EXPLOITER, "defi_dex"))))
    others = folder / "others"
    run("import", "--store", others, folder / "rows.csv", folder / "whole.csv")
    for packs in ((), (folder / "pack.yaml",)):
        if packs:
            run("import", "--store", others, *packs)
        for key, source in (("101:0:0", "liquid-2021"), ("103:0:0", "ofac.LAZARUS-GROUP")):
            has(run("check", "--store", others, key, code=10), f"from {source}, 1 hops away")
    assert "class service" not in run("label", "why", "--store", others, thief).split("\n  claim 1")[0]
    # The user's own word counts; where it leaves a source out, nobody is clean.
    (folder / "venue.csv").write_text(f"address,class\n{EXPLOITER},venue\n")
    has(" ".join(run("check", "--store", others, "--labels", folder / "venue.csv", "103:0:0", code=11).split()), "is sanctioned and labelled a venue")
print("labels: why and diff")
