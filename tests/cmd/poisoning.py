"""X5_transfers_of_nothing_and_look_alikes: rows that a poisoner makes move nothing, count nowhere, and are warned of."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

tracer = os.environ["TRACER"]
THIEF, FRIEND, OTHER = "0x" + "1234" + "a" * 32 + "9876", "0x" + "bbbb" + "b" * 32 + "cccc", "0x" + "5" * 40
FAKE_FRIEND = "0x" + "bbbb" + "d" * 32 + "cccc"
HALF = "0x" + "bbbb" + "d" * 32 + "cccd"  # the end differs: nobody is fooled
JUNK = "0x" + "7" * 40
ROWS = [(1, "native", OTHER, THIEF, 1000), (2, "native", THIEF, FRIEND, 400), (3, "native", THIEF, FAKE_FRIEND, 0),
        (4, JUNK, THIEF, FAKE_FRIEND, 400), (5, "native", HALF, THIEF, 1), (6, "native", THIEF, FRIEND, 100)]


def trace(rows, folder, name):
    path = pathlib.Path(folder, f"{name}.csv")
    path.write_text("block,txi,idx,kind,asset,from,to,amount\n" +
                    "".join(f"{block},0,0,{'value' if asset == 'native' else 'token'},{asset},{a},{b},{amount}\n" for block, asset, a, b, amount in rows))
    coverage = pathlib.Path(folder, f"{name}-coverage.csv")
    coverage.write_text("account,from,to,what,method,cross_check,gap\n,1,9,all,made,made,\n")
    store = str(pathlib.Path(folder, name))
    done = subprocess.run([tracer, "import", "--store", store, "--name", "made", "--quiet", str(path), str(coverage)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([tracer, "trace", "--store", store, "--format", "json", "theft=1:0:0"], capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return json.loads(done.stdout)


with tempfile.TemporaryDirectory() as folder:
    poisoned, plain = trace(ROWS, folder, "poisoned"), trace([ROWS[0], ROWS[1], ROWS[5]], folder, "plain")
    assert [hop["key"] for hop in poisoned["hops"]] == ["1:0:0", "2:0:0", "6:0:0"], poisoned["hops"]
    assert poisoned["totals"] == plain["totals"], poisoned["totals"]
    notes = poisoned["limits"]["limits"]
    alike = [note for note in notes if note.startswith("look-alike: ")]
    assert len(alike) == 1 and FAKE_FRIEND in alike[0] and FRIEND in alike[0] and "3:0:0" in alike[0], notes
    assert any(note.startswith("1 transfers of zero units to or from accounts named here moved nothing") for note in notes), notes
    assert not any("look-alike" in note or "zero units" in note for note in plain["limits"]["limits"]), plain["limits"]
    # X4_taint_that_counts_in_no_verdict_is_told
    junk = trace([*ROWS, (7, JUNK, FAKE_FRIEND, HALF, 5)], folder, "junk")
    assert junk["totals"] == plain["totals"]
    checked = subprocess.run([tracer, "check", "--store", str(pathlib.Path(folder, "junk")), "--source", "spoof=4:0:0", "7:0:0", HALF], capture_output=True, text=True)
    assert checked.returncode == 0 and checked.stdout.count("tainted units of assets that are not in the list of assets count in") == 2, checked
print("poisoning: counted, told, followed nowhere")
