"""The HTML page, in headless Chromium: the Ronin case and 5,000 hops. Nothing is asked for but the file itself, the console stays
silent, paths, filters and orders do what they say, the page holds on a telephone and on paper, and the result inside is the JSON result.
Screenshots to look at are left in the build folder. No time is asserted; those measured are printed."""
import csv
import hashlib
import html
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
screenshots = pathlib.Path(tracer).parent / "screenshots"
HOPS = 5000
HOSTILE = ["<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "\"><svg onload=alert(3)>", "' onmouseover='alert(4)", "javascript:alert(5)",
           "\u202egnirts\u202c", "</script><script>alert(6)</script>", "<!--", "]]>", "&lt;b&gt;", "${alert(7)}", "A" * 5000]
THIEF = "0x" + "a" * 40


def run(*arguments, code=0):
    done = subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, f"exit {done.returncode} of {arguments}: {done.stderr}"
    return done.stderr if code == 2 else done.stdout


def address(number):
    return f"0x{hashlib.sha256(str(number).encode()).hexdigest()[:40]}"


def many_hops(directory):
    """A tree of 5,000 transfers: each account passes on to three others what it got; deep chains at its end."""
    lines = ["block,txi,idx,kind,asset,from,to,amount,time,transaction_hash,block_number"]
    left, at, queue = HOPS, 1, [(THIEF, 3**20 * 10**13)]

    def put(sender, receiver, amount):
        number = len(lines)
        digest = hashlib.sha256(f"t{number}".encode()).hexdigest()
        when = 1700000000 + number * 12
        lines.append(f"{when},0,0,value,native,{sender},{receiver},{amount},{when},0x{digest},{18000000 + number}")

    put("0x" + "b" * 40, THIEF, 3**20 * 10**13)
    left -= 1
    while left:
        sender, amount = queue.pop(0)
        for _ in range(min(left, 3 if at < 3000 else 1)):
            part = amount // 3 if at < 3000 else amount
            put(sender, address(at), part)
            queue.append((address(at), part))
            at, left = at + 1, left - 1
    (directory / "transfers.csv").write_text("\n".join(lines) + "\n")
    store = directory / "many"
    run("import", "--store", store, "--quiet", directory / "transfers.csv")
    with open(directory / "labels.csv", "w", newline="") as stream:
        write = csv.writer(stream, lineterminator="\n").writerow
        write(["address", "class", "name"])
        for i, name in enumerate(HOSTILE):
            write([address(1 + i), "", name])
            write([address(HOPS - 2 - i), ("service", "mixer", "bridge", "venue")[i % 4], name])
    return ["trace", "--store", store, "--quiet", "--labels", directory / "labels.csv", "theft=1700000012:0:0"]


def static_checks(page, plain):
    """What holds without a browser."""
    assert page.isascii() and not re.search(r"[^\x20-\x7e\n]", page), "only printable ASCII"
    inside = page.split('id="result">')[1].split("</script")[0]
    assert inside == plain, "the result in the page is not that of --format json"
    digest = hashlib.sha256(plain.encode()).hexdigest()
    assert f'<code id="sha256">{digest}</code>' in page
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page).group(1)
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy and "http" not in policy, policy
    outside = page.replace(inside, "")
    assert outside.count("<script>") == 1 and outside.count("<script ") == 2, "our script, the result, the groups"
    markup = re.sub(r"<script>.*?</script>", "", outside, flags=re.S)
    assert not re.search(r"""\b(src|srcset|action|style|on[a-z]+)\s*=\s*["']""", markup)
    assert set(re.findall(r'href="?([^">]*)', markup)) <= {"#stolen", "#now", "#flow", "#hops", "#limits", "#repeat"} | {
        f"#h{number}" for number in range(1, HOPS + 1)}
    assert "://" not in outside, "no address of anything outside"
    # How to repeat it: the command that stands in the page gives the digest that stands in it.
    command = html.unescape(re.search(r"<pre>(.*?)</pre>", page, re.S).group(1))
    with tempfile.NamedTemporaryFile("w", suffix=".html") as file:
        file.write(page)
        file.flush()
        said = subprocess.run(["sh", "-c", command.replace("PAGE.html", file.name)], capture_output=True, text=True, check=True).stdout
    assert said.strip() == digest, said
    # Each hop has its row and, but for the origins, the hop it came by.
    result = json.loads(plain)
    rows = re.findall(r"^<tr id=h(\d+)>(.*)$", page, re.M)
    assert [int(number) for number, _ in rows] == list(range(1, len(result["hops"]) + 1))
    for (_, row), hop in zip(rows, result["hops"]):
        found = re.search(r"<td><a href=#h(\d+)>\1</a>", row)
        assert (found is None) == (hop["parent"] is None) == ("<td>origin" in row)
        assert not found or result["hops"][int(found.group(1)) - 1]["key"] == hop["parent"]
    # The picture's flows are all flagged hops of recognised assets.
    recognised = {asset["asset"] for asset in result["assets"] if asset["recognised"]}
    table = page.split("The picture as a table")[1].split("</table>")[0]
    counts = [int(count) for count in re.findall(r'<td class="num">(\d+)<td>', table)]
    assert sum(counts) == sum(hop["asset"] in recognised for hop in result["hops"]), "hops in the picture"
    groups = json.loads(page.split('id="groups">')[1].split("</script")[0])
    assert len(groups) == len(result["accounts"])
    ends = {hop[end] for hop in result["hops"] if hop["asset"] in recognised for end in ("from", "to")}
    assert all((group is not None) == (account["address"] in ends) for group, account in zip(groups, result["accounts"]))
    section = page.split('<section id="limits">')[1].split("</section>")[0]
    for kind in ("Limits", "Gaps", "Disagreements", "Assumptions"):
        notes = section.split(f"<h3>{kind}</h3>")[1].split("</ul>")[0]
        assert notes.count("<li>") == max(1, len(result["limits"][kind.lower()])) and ("<li>none" in notes) == (not result["limits"][kind.lower()])
    return result


def units(amount, decimals):
    whole, fraction = divmod(amount, 10**decimals)
    return f"{whole:,}" + (f".{fraction:0{decimals}}".rstrip("0") if fraction else "")


PLACES = {"held": "held", "service": "at services", "mixer": "in mixers", "bridge": "into bridges", "venue": "at venues, not matched to a swap",
          "not_explored": "not explored further", "converted": "exchanged for other assets"}


def place_rows(page, total):
    section = next(part for part in page.split('<div class="total">')[1:] if f" {total['symbol']} <span>{total['source']}" in part.split("</h3>")[0])
    summary = section.split("</table>")[0]
    return {re.sub(r"<[^>]*>", "", row.split("<td")[0]).strip(): row for row in re.split(r'<tr class="place"><td>', summary)[1:]}


def total_checks(page, result):
    """Each place has its row with the amount, to the unit."""
    for total in result["totals"]:
        rows = place_rows(page, total)
        for place, amount in total["places"].items():
            assert (place in PLACES and PLACES[place] in rows) == (int(amount) > 0), place
            assert int(amount) == 0 or f'<td class="num">{units(int(amount), total["decimals"])}<td' in rows[PLACES[place]], place


def compared_checks(page, result):
    """Each place has its row with low, high and every policy, to the unit."""
    for total in result["totals"]:
        rows = place_rows(page, total)
        for place, amounts in total["places"].items():
            assert (place in PLACES and PLACES[place] in rows) == (int(amounts["high"]) > 0), place
            if int(amounts["high"]) > 0:
                row = rows[PLACES[place]].split("\n")[0]
                policies, decimals, same = result["policies"], total["decimals"], amounts["low"] == amounts["high"]
                assert re.findall(r"<span><i>(\w+)</i> ([0-9,.]+)</span>", row) == (
                    [] if same else [(name, units(int(amounts[name]), decimals)) for name in policies]), row
                assert re.findall(r'<td class="num">([0-9,.]+) <i>([^<]*)</i>', row) == [
                    (units(int(amounts[end]), decimals), "all agree" if same else ", ".join(name for name in policies if amounts[name] == amounts[end]))
                    for end in ("low", "high")], row


with tempfile.TemporaryDirectory() as directory:
    directory = pathlib.Path(directory)
    pages = []
    for name, command, code in (("ronin", ["demo", "--quiet"], 0), ("many", many_hops(directory), 11)):
        file, plain = directory / f"{name}.html", directory / f"{name}.json"
        begun = time.monotonic()
        run(*command, "--format", "html", "--output", file, code=code)
        took = time.monotonic() - begun
        run(*command, "--format", "json", "--output", plain, code=code)
        page = file.read_text()
        assert run(*command, "--format", "html", code=code) == page, "other bytes"
        result = static_checks(page, plain.read_text())
        shown = [line.strip() for line in (root / "docs/formats.md").read_text().splitlines() if line.startswith("    <h1>")]
        assert len(shown) == 1 and f"\n{shown[0]}\n" in page, "the line in docs/formats.md is not the program's"
        total_checks(page, result)
        assert ("touches a gap" in page) == (code == 11)
        print(f"page: {name}: {len(result['hops'])} hops, {file.stat().st_size} bytes, written in {took:.2f} s (the trace included)")
        pages += [name, file, plain]
    assert len(result["hops"]) == HOPS and max(hop["hop"] for hop in result["hops"]) > 6
    for policy in ("haircut", "poison"):
        page = run("demo", "--quiet", "--policy", policy, "--format", "html")
        static_checks(page, run("demo", "--quiet", "--policy", policy, "--format", "json"))
    assert "is for a trace" in run("check", "--store", directory / "many", THIEF, "--format", "html", code=2)
    compared, plain = directory / "compared.html", directory / "compared.json"
    run("demo", "--quiet", "--policy", "all", "--format", "html", "--output", compared)
    run("demo", "--quiet", "--policy", "all", "--format", "json", "--output", plain)
    compared_checks(compared.read_text(), json.loads(plain.read_text()))
    pages += ["compared", compared, plain]
    for file, plain in zip(pages[1::3], pages[2::3]):
        assert run("report", file) == plain.read_text(), "the result read back"
    # a changed page is refused, whatever was changed; what is no page is told so
    whole = pages[1].read_bytes()
    for at in (20, whole.index(b"173,600"), whole.index(b'id="result">') + 1000, whole.index(b'<code id="sha256">') + 20, len(whole) - 30, len(whole) - 2):
        (directory / "changed.html").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        assert "not as it was written" in subprocess.run([tracer, "report", directory / "changed.html"], capture_output=True, text=True).stderr, at
    for other in (whole[:-1], whole + b"\n", whole[: len(whole) // 2]):
        (directory / "changed.html").write_bytes(other)
        done = subprocess.run([tracer, "report", directory / "changed.html"], capture_output=True, text=True)
        assert done.returncode == 5 and done.stdout == "", done
    assert "no page that tracer wrote" in run("report", plain, code=2)
    run("report", pages[1], "--output", directory / "again.json")
    assert (directory / "again.json").read_text() == pages[2].read_text()
    if not os.path.exists("/usr/bin/chromium") or not (root / "tests/e2e/node_modules/playwright-core").exists():
        print("SKIP page: chromium or playwright-core is not installed (scripts/deps.sh --test)")
        sys.exit(0)
    if b"__asan_init" in pathlib.Path(tracer).read_bytes():
        sys.exit(0)  # the browser has the same bytes from a build without sanitizers
    screenshots.mkdir(exist_ok=True)
    subprocess.run(["node", root / "tests/cmd/browser/page.mjs", screenshots, *pages], check=True, timeout=500)
