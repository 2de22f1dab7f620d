"""Bad files, damaged stores and broken outputs from outside: the right exit code, a message, nothing half written, and never
an answer that looks clean."""
import csv
import hashlib
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

tracer = os.environ["TRACER"]
EXPLOITER = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
A, B = "0x" + "a1" * 20, "0x" + "b2" * 20
HEADER = "block,txi,idx,kind,asset,from,to,amount\n"
passed = 0


def run(*arguments, code, says="", **options):
    global passed
    done = subprocess.run([tracer, *map(str, arguments)], stderr=subprocess.PIPE, stdout=options.pop("stdout", subprocess.PIPE),
                          text=True, **options)
    codes = code if isinstance(code, tuple) else (code,)
    assert done.returncode in codes, f"{arguments}: exit {done.returncode}, wanted {code}\n{done.stderr}"
    assert says in done.stderr, f"{arguments}: no {says!r} in {done.stderr!r}"
    assert not done.returncode or done.returncode in (10, 11) or done.stderr.startswith("tracer: "), done.stderr
    passed += 1
    return done


with tempfile.TemporaryDirectory() as folder:
    here = pathlib.Path(folder)
    good = f"1,0,0,token,{A},{A},{B},5\n"

    # I1_bad_rows_are_refused_with_file_line_and_column
    for name, row, says in (
            ("amount", f"1,0,0,token,{A},{A},{B},-5\n", "amount"),
            ("leading-zero", f"1,0,0,token,{A},{A},{B},05\n", "amount"),
            ("too-large", f"1,0,0,token,{A},{A},{B},{2**256}\n", "amount"),
            ("kind", f"1,0,0,gift,{A},{A},{B},5\n", "kind"),
            ("address", f"1,0,0,token,{A},{A[:-1]},{B},5\n", "from"),
            ("asset", f"1,0,0,token,USDC,{A},{B},5\n", "asset"),
            ("key", good + good, ":3"),
            ("columns", f"1,0,0,token,{A},{A},{B}\n", ":2"),
            ("index", f"1,0,2147483648,token,{A},{A},{B},5\n", "idx"),
            ("nul", f"1,0,0,to\0ken,{A},{A},{B},5\n", "NUL"),
            ("quote", f'1,0,0,"token,{A},{A},{B},5\n', "quote"),
    ):
        path = here / f"{name}.csv"
        path.write_text(HEADER + row)
        done = run("import", "--store", here / "bad", path, code=2, says=says)
        assert f"{name}.csv:" in done.stderr, done.stderr
        run("replay", "--transfers", path, "--policy", "fifo", "--out", here / "out", code=2, says=says)
        assert not (here / "out").exists(), "nothing half written"
    if (here / "bad").exists():
        run("export", "transfers", "--store", here / "bad", code=2)

    # I6_only_regular_files
    run("import", "--store", here / "bad2", "/dev/zero", code=2, says="regular")
    os.mkfifo(here / "fifo")
    run("replay", "--transfers", here / "fifo", "--policy", "fifo", "--out", here / "out", code=2, says="regular")
    run("demo", "--output", here / "fifo", code=2, says="regular")
    run("demo", "--output", here, code=2)
    run("demo", "--output", here / "no" / "such" / "folder.txt", code=(2, 4))

    # Import is idempotent, and export gives back what import took.
    store = here / "demo"
    run("demo", "--store", store, "--output", here / "one.txt", code=0)
    run("demo", "--store", store, "--output", here / "two.txt", code=0)
    assert (here / "one.txt").read_bytes() == (here / "two.txt").read_bytes()
    run("export", "transfers", "--store", store, "--output", here / "t.csv", code=0)
    run("import", "--store", here / "again", here / "t.csv", code=0)
    run("export", "transfers", "--store", here / "again", "--output", here / "t2.csv", code=0)
    assert (here / "t.csv").read_bytes() == (here / "t2.csv").read_bytes()
    # E2_two_files_of_one_name_are_two_inputs
    header, digests = "block,txi,idx,kind,asset,from,to,amount\n", []
    for block in (1, 2):
        (here / f"part{block}").mkdir()
        (here / f"part{block}" / "t.csv").write_text(f"{header}{block},0,0,value,native,0x{'12' * 20},0x{'34' * 20},9\n")
        digests.append(hashlib.sha256((here / f"part{block}" / "t.csv").read_bytes()).hexdigest())
    for block in (1, 2, 1, 2):
        run("import", "--store", here / "parts", here / f"part{block}" / "t.csv", code=0)
    answer = json.loads(run("check", "--store", here / "parts", "--format", "json", "1:0:0", code=11).stdout)
    named = [(i["name"], i["sha256"]) for i in answer["inputs"] if i["role"] == "transfers"]
    assert named == [("t.csv", digests[0]), (f"t.csv ({digests[1][:8]})", digests[1])], named

    # Rows that do not say whose history they are whole for clear nobody.
    run("check", "--store", here / "again", "--source", "ronin-2022", "0x" + "12" * 20, code=11)
    run("trace", "--store", here / "again", "ronin-2022", code=11)

    # I1_a_target_with_a_wrong_checksum_or_of_another_chain_is_no_clean_one
    asked = ("check", "--store", store, "--source", "ronin-2022", "--to", "1648400000")
    binance = "4976a4a02f38326660d17bf34b431dc6e2eb2327"
    run(*asked, "0x" + binance, code=0)
    run(*asked, "0x" + binance.upper(), code=0)
    run(*asked, "0x4976A4A02f38326660D17bf34b431dC6e2eb2327", code=0)
    run(*asked, "0x4976A4A02f38326660D17bf34b431dC6e2eb2328", code=2, says="EIP-55")
    run(*asked, "ronin:" + binance, code=2, says="another chain than ethereum")
    run("trace", "--store", store, "ronin:" + EXPLOITER[2:], code=2, says="another chain than ethereum")

    # The value of a call that brought a token, or coin by an internal transfer, is zero: that clears no deposit. Nor does a transfer to itself.
    for theft in ("0xed2c72ef1a552ddaec6dd1f5cddf0b59a8f37f82bdda5257d9c7c37db7bb9b08", "0xc28fad5e8d5e0ce6a2eaf67b6687be5d58113e16be590824d6cfa1a94467d0b7"):
        run(*asked, theft, code=10)
        run(*asked, theft + ":value", code=11)
    rows = ["block,txi,idx,kind,asset,from,to,amount,transaction_hash"]
    rows += [f"{block},0,0,value,native,{sender},{to},9,0x{block:064x}" for block, sender, to in
             ((1, "0x" + "12" * 20, "0x" + "34" * 20), (2, "0x" + "34" * 20, "0x" + "34" * 20), (3, "0x" + "34" * 20, "0x" + "56" * 20))]
    (here / "self.csv").write_text("\n".join(rows) + "\n")
    (here / "self-coverage.csv").write_text("account,from,to,what,method,cross_check,gap\n,1,3,all,,,\n")
    run("import", "--store", here / "self", here / "self.csv", here / "self-coverage.csv", code=0)
    for target, code in ((1, 10), (2, 11), (3, 10)):
        run("check", "--store", here / "self", "--source", "s=0x" + "12" * 20, f"0x{target:064x}", code=code)

    # What happened before the first block asked about clears nobody: a theft left out by --from, one older than the store.
    run(*asked, "--from", "1648300000", "0x" + binance, code=11)
    run("check", "--store", store, "--source", "kucoin-2020", "--to", "1648400000", "0x" + binance, code=11)
    run("trace", "--store", store, "--from", "1648300000", "ronin-2022", code=11)
    mine = ("check", "--store", store, "--source", "mine=" + EXPLOITER, "--to", "1648042000", "0x" + "12" * 20)
    run(*mine, "--since", "1648041417", code=0)
    run(*mine, "--since", "1648041416", code=11)
    for more, code in (((), 11), (("--since", "1648300000"), 0)): # --from leaves out transfers of the source, or --since says that they do not count
        run("check", "--store", store, "--source", "mine=" + EXPLOITER, "--from", "1648300000", "--to", "1648300001", *more, "0x" + "12" * 20, code=code)
    # Nor does a source that counts from behind the last block: nothing of it was looked at.
    for since in ("1648042001", "1700000000"):
        out = " ".join(run(*mine, "--since", since, code=11).stdout.split())
        assert f"counts from block {since} on, and the last block asked about is 1648042000: nothing of it was looked at" in out, out
    run("trace", "--store", store, "--since", "1700000000", "mine=" + EXPLOITER, code=11)

    # An account of which the imported file says that something is missing is not clean of itself.
    holed = "0x1bf53ce80ff2ed5711b8a2db8f7ea5b38da118d6"
    early = ("--store", store, "--source", "ronin-2022", "--to", "1648042000")
    assert "something of its own history is missing" in run("check", *early, holed, code=11).stdout
    (here / "holed.csv").write_text(f"target\n{holed}\n")
    for columns in ("verdict", "verdict,reason"):
        run("batch", here / "holed.csv", *early, "--columns", columns, "--output", here / "holed.out", code=11)

    # Nor one of which the file does not say that its coin and its tokens are all there, in all blocks asked about.
    sender, other, taker = ("0x" + pair * 20 for pair in ("12", "34", "56"))
    (here / "three.csv").write_text("block,txi,idx,kind,asset,from,to,amount\n" + "".join(
        f"{block},0,0,{kind},native,{giver},{to},9\n" for block, kind, giver, to in ((1, "reward", "0x" + "0" * 40, sender), (2, "value", sender, other), (3, "value", other, taker))))
    for name, ledger, code in (("both", ",1,3,native,,,\n,1,3,tokens,,,\n", 0), ("coin", ",1,3,native,,,\n", 11), ("tokens", ",1,3,tokens,,,\n", 11),
                               ("two", f"{other},1,1,all,,,\n{other},2,3,all,,,\n{sender},1,3,all,,,\n", 0), ("part", f"{other},2,3,all,,,\n{sender},1,3,all,,,\n", 11),
                               ("half", f"{other},1,3,native,,,\n{sender},1,3,all,,,\n", 11), ("beside", f",1,3,all,,,\n{other},2,2,all,,,one is missing\n", 11)):
        (here / "ledger.csv").write_text("account,from,to,what,method,cross_check,gap\n" + ledger)
        run("import", "--store", here / name, here / "three.csv", here / "ledger.csv", code=0)
        (here / "one.csv").write_text(f"target\n{other}\n")
        asked_of = ("--store", here / name, "--source", f"s={taker}")
        run("check", *asked_of, other, code=code)
        run("batch", here / "one.csv", *asked_of, "--columns", "verdict", "--output", here / "one.out", code=code)
        run("check", *asked_of, "2:0:0", code=0) # what it carried is in the file

    # What an account that is not explored paid to a labelled one is seen by nobody, also where the file speaks of that one's history: that is no damage, and
    # says nothing of it; but where every tainted unit is seen elsewhere, it is clean.
    (here / "mine.csv").write_text(f"address,class\n{other},mixer\n")
    (here / "ledger.csv").write_text(f"account,from,to,what,method,cross_check,gap\n{other},1,3,all,,,\n{taker},1,3,all,,,\n")
    run("import", "--store", here / "labelled", here / "three.csv", here / "ledger.csv", code=0)
    for columns in ("verdict", "verdict,reason"):
        run("batch", here / "one.csv", "--store", here / "labelled", "--labels", here / "mine.csv", "--source", f"s={taker}", "--columns", columns, "--output", here / "one.out", code=0)
    assert "every tainted unit is accounted for elsewhere" in (here / "one.out").read_text()

    # A list of assets of another chain would leave nothing that counts.
    (here / "elsewhere.csv").write_text("asset,decimals,weight,dust,symbol,chain\nnative,18,1,0,X,2020\n0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48,6,1,0,USDC,2020\n")
    run(*asked, "--assets", here / "elsewhere.csv", "0x" + binance, code=2, says="none of its assets is on chain 1")

    # I7_an_option_that_would_be_passed_over_is_refused: who gives it reads the answer as one that took it in.
    for option, says in (("--seeds", "--seeds goes with --transfers"), ("--explored", "--explored goes with --transfers"), ("--key", "--key goes with --transfers"),
                         ("--reference", "name the log with --decisions"), ("--decided-at", "name the log with --decisions")):
        run(*asked, option, "1:0:0", "0x" + binance, code=2, says=says)
    run("check", "--store", store, "--since", "1648041417", "0x" + binance, code=2, says="none is named")
    run("batch", here / "one.csv", "--store", store, "--since", "1648041417", "--output", here / "no.csv", code=2, says="none is named")
    run("batch", here / "one.csv", "--store", store, "--reference", "night", "--output", here / "no.csv", code=2, says="--decisions")
    for option, value in (("--source", "x=" + EXPLOITER), ("--since", "1"), ("--from", "1"), ("--to", "1"), ("--rules", "no.json"), ("--store", "no"), ("--rpc", "public")):
        run("check", "--transfers", here / "self.csv", "--key", "1:0:0", option, value, code=2, says="not with --transfers")
    # --to is of every target that is a transfer: one that goes elsewhere is no deposit of that account.
    key = paid = None
    for row in csv.DictReader(run("export", "transfers", "--store", store, code=0).stdout.splitlines()):
        if row["kind"] == "token" and row["from"] == EXPLOITER:
            key, paid = f"{row['block']}:{row['txi']}:{row['idx']}", row["to"]
            break
    run("check", "--store", store, "--source", "ronin-2022", "--to", paid, key, code=10)
    assert "does not go to the address named by --to" in run("check", "--store", store, "--source", "ronin-2022", "--to", "0x" + binance, key, code=11).stdout
    run("store", "coverage", "0x098B716B8AAf21512996dc57EB0615e2383E2f96", "--store", store, code=2, says="EIP-55")
    run("check", "--store", store, "--to", "0x098B716B8AAf21512996dc57EB0615e2383E2f96", "1648041417:0:0", code=2, says="EIP-55")
    for columns in ("verdict", "verdict,reason"):
        (here / "one.csv").write_text(f"target\n0x{binance}\n")
        run("batch", here / "one.csv", *asked[1:], "--from", "1648300000", "--columns", columns, "--output", here / f"{columns}.csv", code=11)
    # A source that is named twice is one.
    run(*asked, "--source", "ronin-2022", "0x" + binance, code=0)
    theft = "0xed2c72ef1a552ddaec6dd1f5cddf0b59a8f37f82bdda5257d9c7c37db7bb9b08"
    run("check", "--store", store, "--source", "a=" + theft, "--source", "a=" + theft, EXPLOITER, code=10)
    done = run("check", "--store", store, "--source", "ronin-2022", "1:0:0", code=11)
    assert "is not in the store" in done.stdout and "transaction is stored" not in done.stdout, done.stdout

    # I6_an_output_is_no_input_no_log_of_decisions_and_no_file_of_the_store
    (here / "mine.csv").write_text("address,class\n")
    (here / "rules.json").write_text('{"schema": "tracer/rules/1", "rules": [], "otherwise": "exposed"}')
    before = (store / "data.mdb").read_bytes()
    for option, name in (("--labels", "mine.csv"), ("--rules", "rules.json"), ("--decisions", "log.jsonl")):
        (here / "x").mkdir(exist_ok=True)
        run("batch", here / "one.csv", *asked[1:], option, here / name, "--output", here / "x" / ".." / name, code=2, says="name another")
        run("check", *asked[1:], option, here / name, "--output", here / name, "0x" + binance, code=2, says="name another")
    run("batch", here / "one.csv", *asked[1:], "--output", here / "one.csv", code=2)
    run("check", *asked[1:], "--output", store / "data.mdb", "0x" + binance, code=2, says="in the directory of the store")
    run("trace", "--store", store, "--output", store / "new.txt", "ronin-2022", code=2, says="in the directory of the store")
    assert (store / "data.mdb").read_bytes() == before and (here / "rules.json").stat().st_size > 20 and not (here / "log.jsonl").exists()

    # S13_a_full_or_closed_output_is_told
    with open("/dev/full", "w") as full:
        run("demo", code=4, says="could not be written", stdout=full)
    assert subprocess.run(["sh", "-c", f"'{tracer}' demo >&-"], stderr=subprocess.DEVNULL).returncode not in (0, 10, 11)
    done = subprocess.run(["sh", "-c", f"'{tracer}' demo | head -n 1"], capture_output=True, text=True)
    assert not done.stderr, done.stderr

    # S5_a_damaged_store_never_answers_wrongly: flipped bits and cut files give the same answer or exit 4, never another one.
    right = run("check", "--store", store, EXPLOITER, code=10).stdout
    data = store / "data.mdb"
    original = data.read_bytes()
    choose = random.Random(1)
    # The sanitizer would report the signals that a damaged map raises; here they are expected.
    signals = dict(os.environ, ASAN_OPTIONS="handle_sigbus=0:handle_segv=0:handle_abort=0")
    sanitized = b"__asan_init" in pathlib.Path(tracer).read_bytes()
    refused = 0
    for attempt in range(40):
        broken = bytearray(original)
        for _ in range(choose.choice((1, 8, 64))):
            broken[choose.randrange(len(broken))] ^= 1 << choose.randrange(8)
        if attempt % 8 == 7:
            broken = broken[:choose.randrange(len(broken))]
        copy = here / "copy"
        shutil.copytree(store, copy)
        (copy / data.name).write_bytes(broken)
        done = subprocess.run([tracer, "check", "--store", copy, EXPLOITER], capture_output=True, text=True, env=signals)
        if done.returncode == 10:
            assert done.stdout.splitlines()[:6] == right.splitlines()[:6], f"another answer from a damaged store:\n{done.stdout}{done.stderr}"
        else:
            refused += 1
            assert done.returncode == 4 or (sanitized and done.returncode < 0), f"exit {done.returncode}: {done.stderr}"
        verified = subprocess.run([tracer, "store", "verify", "--store", copy], capture_output=True, text=True, env=signals)
        assert verified.returncode in (0, 4), verified
        assert verified.returncode == 4 or done.returncode == 10, (verified, done)
        shutil.rmtree(copy)
    assert refused, "no damage was noticed at all"

    # S5_a_page_that_lost_its_last_record_is_noticed: LMDB gives the records that are left, and no error.
    (here / "list.txt").write_text(EXPLOITER + "\n")
    run("import", "--store", store, here / "list.txt", code=0)
    original = data.read_bytes()
    copy = here / "copy"
    shutil.copytree(store, copy)
    questions = [("trace", "--store", copy, "ronin-2022"), ("check", "--store", copy, "--source", "ronin-2022", "--to", "1648400000", "0x" + binance)]

    def ask(question):
        shutil.rmtree(copy / "taint", ignore_errors=True)
        return subprocess.run([tracer, *question], capture_output=True, text=True, env=signals)

    answers = [ask(question) for question in questions]
    noticed = 0
    for page in range(0, len(original), 4096):
        flags, lower = struct.unpack_from("<HH", original, page + 10)
        if not flags & 2 or flags & 4 or lower <= 16:
            continue  # no leaf with records
        broken = bytearray(original)
        struct.pack_into("<H", broken, page + 12, lower - 2)
        (copy / data.name).write_bytes(broken)
        for question, answer in zip(questions, answers):
            done = ask(question)
            assert done.returncode == 4 or (done.returncode, done.stdout) == (answer.returncode, answer.stdout), f"page {page // 4096}: {done.stdout}{done.stderr}"
            noticed += done.returncode == 4
    assert noticed, "no page is read at all"
print(f"bad input: {passed} runs, {refused} of 40 damaged stores refused")
