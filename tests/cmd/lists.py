"""Lists by the program: import, check, and I4_a_shorter_or_older_version_is_refused unless forced."""
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
lists = root / "tests/label/lists"
EXPLOITER, OTHER = "0x098b716b8aaf21512996dc57eb0615e2383e2f96", "0x5b0431365ce1ab3693bea6f33ae67653dd30d8bd"


def run(*arguments, code=0):
    done = subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}, not {code}: {done.stderr}"
    return done.stdout, done.stderr


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    store = folder / "store"
    run("demo", "--store", store)

    def take(name, text, *options, code=0):
        (folder / name).write_text(text)
        return run("import", "--store", store, *options, folder / name, code=code)[1]

    advanced = (lists / "sdn_advanced.xml").read_text()
    # What is refused leaves the store as it was.
    before = run("export", "lists", "--store", store)[0]
    assert "cut" in take("sdn_advanced.xml", advanced[:-20], code=2)
    assert "DOCTYPE" in take("sdn_advanced.xml", advanced.replace("<Sanctions ", "<!DOCTYPE x>\n<Sanctions ", 1), code=2)
    assert "QQQ" in take("sdn_advanced.xml", advanced.replace("- XBT", "- QQQ"), code=2)
    assert run("export", "lists", "--store", store)[0] == before

    # An address of the case becomes a sanctioned one: a source, and exposed by itself.
    listed = advanced.replace("0xbb000000000000000000000000000000000000bb", OTHER)
    said = take("sdn_advanced.xml", listed)
    assert "2 labels" in said and "skipped: 2 entries" in said, said
    out, _ = run("check", "--store", store, OTHER, code=10)
    assert "is listed by OFAC (EXAMPLE & LAUNDRY, LTD)" in out, out
    digest = subprocess.run(["sha256sum", folder / "sdn_advanced.xml"], capture_output=True, text=True, check=True).stdout[:64]
    assert digest in run("check", "--store", store, "--format", "json", OTHER, code=10)[0]
    assert "#tracer-list" not in run("export", "labels", "--store", store)[0]
    kept = run("export", "lists", "--store", store)[0]
    assert f"#tracer-list 1 ofac-sdn-advanced {digest} 2026-01-02 4\n" in kept, kept

    # The other form of the same list takes its place, and is compared with it.
    simple = (lists / "sdn.xml").read_text()
    assert "its last version had 4" in take("sdn.xml", simple, code=2)
    assert "2026-01-02" in take("sdn_advanced.xml", listed.replace("<Year>2026<", "<Year>2025<"), code=2)
    assert run("export", "lists", "--store", store)[0] == kept
    take("sdn.xml", simple, "--force")
    assert OTHER not in run("export", "lists", "--store", store)[0]

    # sdn.csv holds its remarks with the comments only.
    for name in ("sdn.csv", "sdn_comments.csv"):
        (folder / name).write_bytes((lists / name).read_bytes())
    assert "--comments" in run("import", "--store", store, folder / "sdn.csv", code=2)[1]
    comments = ("--comments", folder / "sdn_comments.csv")
    assert "lists of others" in run("import", "--store", store, root / "fixtures/ronin-2022/labels.csv", *comments, code=2)[1]
    said = run("import", "--store", store, folder / "sdn.csv", *comments, "--date", "2026-02-01")[1]
    assert "3 labels" in said, said
    digest = hashlib.sha256((lists / "sdn.csv").read_bytes() + (lists / "sdn_comments.csv").read_bytes()).hexdigest()
    assert f"#tracer-list 1 ofac-sdn-csv {digest} 2026-02-01 5\n" in run("export", "lists", "--store", store)[0]

    # The others: a name in results, by their rank.
    said = take("pack.yaml", (lists / "pack.yaml").read_text())
    assert "3 labels" in said and "skipped: 2 entries" in said, said
    said = take("plain.txt", (lists / "plain.txt").read_text())
    assert "3 labels" in said and "plain.txt: a plain list gives names without consequence: name its addresses with --source" in said
    assert "its last version had 3" in take("plain.txt", "# one\n" + EXPLOITER + "\n", code=2)
    # Of all entries few are missing, and of those that count all but one.
    def pack(addresses):
        return "title: x\nlabel: y\nconfidence: forensic\ntags:\n" + "".join(f"- {{address: '{a}', currency: {c}, network: {c}}}\n" for a, c in addresses)
    others = [(f"1Example{i}", "BTC") for i in range(30)]
    assert "3 labels" in take("lost.yaml", pack(others + [(f"0x{i:040x}", "ETH") for i in (1, 2, 3)]))
    assert "1 labels, and its last version had 3" in take("lost.yaml", pack(others + [(f"0x{1:040x}", "ETH")]), code=2)
    assert "holds no address" in take("none.yaml", "title: x\ntags: []\n", code=2)
    (folder / "fifo").unlink(missing_ok=True)
    os.mkfifo(folder / "fifo")
    assert "not a regular file" in run("import", "--store", store, folder / "fifo", code=2)[1]
print("lists: taken, kept, compared and refused")
