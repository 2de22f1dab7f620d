"""--rules: the default written out changes nothing; each member of a rule does what docs/rules.md says, with the proven and the upper end;
broken files are refused; X6 dust that came unasked is flagged, and counts or not by the rules; X10 an answer says whether it is final."""
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
problems = []


def call(*arguments):
    return subprocess.run([tracer, *arguments], capture_output=True, text=True)


def same(what, got, wanted):
    if got != wanted:
        problems.append(f"{what}: {got!r} instead of {wanted!r}")


def account(n):
    return f"0x{n:040x}"


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)
    return str(path)


THIEF, FRIEND, VICTIM, SHOP, PAYER, MIXER, TOKEN = account(1), account(2), account(3), account(4), account(6), account(0x52), account(0xaa)

with tempfile.TemporaryDirectory() as folder:
    top = pathlib.Path(folder)
    store = str(top / "store")
    rows = [
        [1, 0, 0, "value", "native", account(0), THIEF, 1000, "", ""],
        [2, 0, 0, "value", "native", account(0), FRIEND, 1000, "", ""],
        [3, 0, 0, "value", "native", account(0), VICTIM, 100000, "", ""],
        [4, 0, 0, "value", "native", account(0), PAYER, 100000, "", ""],
        [9, 0, 0, "value", "native", PAYER, THIEF, 1, "", ""],
        [10, 0, 0, "value", "native", THIEF, FRIEND, 10, "", ""],      # direct
        [11, 0, 0, "value", "native", FRIEND, SHOP, 1010, "", ""],     # indirect: 10 of 1010
        [12, 0, 0, "value", "native", THIEF, VICTIM, 5, "", ""],       # dust that nobody asked for
        [13, 0, 0, "value", "native", MIXER, SHOP, 40, "", ""],        # unknown history
        [14, 0, 0, "value", "native", SHOP, account(5), 1050, "", ""],  # 10 tainted, 40 unknown of 1050
        [14, 1, 0, "value", "native", THIEF, PAYER, 5, "", ""],
        [15, 0, 0, "token", TOKEN, account(0), THIEF, 7, "", ""],
        [16, 0, 0, "token", TOKEN, THIEF, SHOP, 7, "", ""],
    ]
    transfers = write(top / "transfers.csv", "block,txi,idx,kind,asset,from,to,amount,link,leg".split(","), rows)
    coverage = write(top / "coverage.csv", "account,from,to,what,method,cross_check,gap".split(","), [["", 1, 20, "all", "made", "", ""]])
    labels = write(top / "labels.csv", ["address", "class", "emit", "name"], [[MIXER, "mixer", "", "mixer"]])
    assets = write(top / "assets.csv", ["asset", "decimals", "weight", "dust", "symbol"], [["native", 0, 1, 0, "ETH"], [TOKEN, 0, 1, 0, "TOK"]])
    if call("import", "--store", store, "--name", "made", transfers, coverage).returncode:
        sys.exit("import failed")

    def check(target, rules=None, more=()):
        arguments = ["check", "--store", store, "--labels", labels, "--no-builtin-labels", "--assets", assets, "--source", f"theft.x={THIEF}", "--since", "10",
                     "--format", "json", *more, target]
        if rules is not None:
            (top / "rules.json").write_text(rules if isinstance(rules, str) else json.dumps(rules))
            arguments += ["--rules", str(top / "rules.json")]
        done = call(*arguments)
        if done.returncode not in (0, 10, 11):
            return done
        result = json.loads(done.stdout)
        same(f"exit of {target}", done.returncode, {"clean": 0, "cannot_tell": 11, "exposed": 10}[result["answers"][0]["verdict"]])
        return result

    def verdict(target, *rules, otherwise="ignore"):
        result = check(target, {"schema": "tracer/rules/1", "rules": list(rules), "otherwise": otherwise})
        return result["answers"][0]["verdict"], result["answers"][0]["rule"]

    # ---- the default, written out, and the example of the page ----
    page = (root / "docs/rules.md").read_text()
    default, example = re.findall(r"```json\n(.*?)```", page, re.S)
    for target in [THIEF, FRIEND, VICTIM, SHOP, MIXER, account(5), "11:0:0", "13:0:0", "14:0:0", "16:0:0"]:
        plain, written = check(target), check(target, default)
        for k in ("verdict", "rule", "lines"):
            same(f"{k} of {target} under the default", written["answers"][0][k], plain["answers"][0][k])
    same("the example", (check(SHOP, example)["answers"][0]["verdict"], check(THIEF, example)["answers"][0]["verdict"]), ("cannot_tell", "exposed"))  # 40 of unknown history could be sanctioned
    inputs = [i for i in check(SHOP, example)["inputs"] if i["role"] == "rules"]
    same("the digest of the rules", len(inputs), 1)

    # ---- each member ----
    any_rule = {"name": "any", "verdict": "exposed"}
    same("any", verdict("10:0:0", any_rule), ("exposed", "any"))
    same("no rule", verdict("10:0:0"), ("clean", ""))
    same("otherwise", verdict("10:0:0", otherwise="exposed"), ("exposed", "otherwise"))
    same("direct", (verdict("10:0:0", {**any_rule, "exposure": "direct"}), verdict("11:0:0", {**any_rule, "exposure": "direct"})), (("exposed", "any"), ("clean", "")))
    same("indirect", (verdict("10:0:0", {**any_rule, "exposure": "indirect"}), verdict("11:0:0", {**any_rule, "exposure": "indirect"})),
         (("clean", ""), ("exposed", "any")))
    same("listed", (verdict(THIEF, {**any_rule, "exposure": "listed"}), verdict(FRIEND, {**any_rule, "exposure": "listed"})), (("exposed", "any"), ("clean", "")))
    same("source", (verdict("10:0:0", {**any_rule, "source": "theft.x"}), verdict("10:0:0", {**any_rule, "source": "other"})), (("exposed", "any"), ("clean", "")))
    same("category", (verdict("10:0:0", {**any_rule, "category": "named"}), verdict("10:0:0", {**any_rule, "category": "theft"})), (("exposed", "any"), ("clean", "")))
    emitting = write(top / "emitting.csv", ["address", "class", "emit", "name", "category"], [[MIXER, "mixer", "shady", "mixer", "scam"]])
    (top / "scam.json").write_text(json.dumps({"schema": "tracer/rules/1", "rules": [{**any_rule, "category": "scam"}], "otherwise": "ignore"}))
    done = call("check", "--store", store, "--labels", emitting, "--no-builtin-labels", "--assets", assets, "--source", f"theft.x={THIEF}", "--rules", str(top / "scam.json"), "13:0:0")
    same("a category of a label", (done.returncode, "from shady" in done.stdout), (10, True))
    same("hops", (verdict("11:0:0", {**any_rule, "hops_max": 2}), verdict("11:0:0", {**any_rule, "hops_max": 1})), (("exposed", "any"), ("clean", "")))
    same("asset", (verdict("16:0:0", {**any_rule, "asset": TOKEN}), verdict("16:0:0", {**any_rule, "asset": "native"})), (("exposed", "any"), ("clean", "")))
    same("amount", [verdict("11:0:0", {**any_rule, "asset": "native", "amount_min": n}) for n in ("10", "11")], [("exposed", "any"), ("clean", "")])
    same("share: 10 of 1010 are more than 9900 millionths", [verdict("11:0:0", {**any_rule, "share_min_ppm": n}) for n in (9900, 9901)],
         [("exposed", "any"), ("clean", "")])
    same("grade: imported rows prove nothing above asserted", [verdict("11:0:0", {**any_rule, "grade_min": g}) for g in ("asserted", "single")],
         [("exposed", "any"), ("cannot_tell", "any")])
    same("ignored", [verdict("11:0:0", {"name": "dust", "verdict": "ignore", "share_below_ppm": n}, any_rule) for n in (10000, 9900)],
         [("clean", "dust"), ("exposed", "any")])

    # ---- the upper end: 10 tainted and 40 unknown of 1050 ----
    same("the range", [verdict("14:0:0", {**any_rule, "asset": "native", "amount_min": n}) for n in ("10", "11", "50", "51")],
         [("exposed", "any"), ("cannot_tell", "any"), ("cannot_tell", "any"), ("clean", "")])
    dust = {"name": "dust", "verdict": "ignore", "asset": "native", "amount_below": "20"}
    same("what may be more than the limit is not ignored for sure: 10 tainted, 40 unknown", [verdict("14:0:0", dust, {**any_rule, "asset": "native", "amount_min": n}) for n in ("45", "51")],
         [("cannot_tell", "any"), ("clean", "dust")])
    same("nor by otherwise", verdict("14:0:0", dust, otherwise="exposed"), ("cannot_tell", "otherwise"))
    same("unknown units are ignored by no rule", verdict("14:0:0", {"name": "all", "verdict": "ignore"}, any_rule), ("cannot_tell", "any"))
    same("a later rule may still prove it", verdict("14:0:0", {**any_rule, "name": "high", "share_min_ppm": 20000}, any_rule), ("exposed", "any"))
    same("only unknown", (verdict("13:0:0", any_rule), verdict("13:0:0", {**any_rule, "share_min_ppm": 1000000})), (("cannot_tell", "any"), ("cannot_tell", "any")))

    # ---- X6: dust that came unasked ----
    received = check(VICTIM)["answers"][0]
    same("X6_the default counts it, and shows how little it is", (received["verdict"], received["lines"][0]["tainted"], received["lines"][0]["ppm_min"]),
         ("exposed", "5", 49))
    same("X6_it is flagged", any("never paid" in reason for reason in received["reasons"]), True)
    same("X6_who asked for it is not", any("never paid" in reason for reason in check(PAYER)["answers"][0]["reasons"]), False)
    same("X6_a rule lets it not count", verdict(VICTIM, {"name": "dust", "verdict": "ignore", "share_below_ppm": 1000}, any_rule), ("clean", "dust"))

    # ---- X10: what is not known to be final is provisional ----
    same("X10_imported rows are final for nobody", check("11:0:0")["provisional"], True)

    # ---- broken files are refused, with the place ----
    good = {"schema": "tracer/rules/1", "rules": [any_rule], "otherwise": "ignore"}
    for broken, words in [("", "rules.json:"), ("{", "rules.json:"), ([], "no object"), ({**good, "schema": "tracer/rules/2"}, "schema"), ({**good, "otherwise": "clean"}, "otherwise"),
                          ({k: good[k] for k in ("schema", "rules")}, "otherwise"), ({**good, "more": 1}, "\"more\""), ({**good, "rules": [{"verdict": "exposed"}]}, "rule 1: \"name\""),
                          ({**good, "rules": [any_rule, any_rule]}, "rule 2: \"name\""), ({**good, "rules": [{**any_rule, "share_min": 1}]}, "\"share_min\""),
                          ({**good, "rules": [{**any_rule, "share_min_ppm": 1000001}]}, "share_min_ppm"), ({**good, "rules": [{**any_rule, "share_below_ppm": 1}]}, "share_below_ppm"),
                          ({**good, "rules": [{**any_rule, "amount_min": "1"}]}, "needs \"asset\""), ({**good, "rules": [{**any_rule, "amount_min": 1, "asset": "native"}]}, "amount_min"),
                          ({**good, "rules": [{**any_rule, "asset": "0x12"}]}, "asset"), ({**good, "rules": [{**any_rule, "grade_min": "sure"}]}, "grade_min"),
                          ({**good, "rules": [{**any_rule, "exposure": "near"}]}, "exposure"), ({**good, "rules": [{**any_rule, "verdict": "clean"}]}, "verdict"),
                          ({**good, "rules": [{**any_rule, "category": "theift"}]}, "no source has the category"), ({**good, "rules": [{**any_rule, "name": "unasked"}]}, "choose another"),
                          ({**good, "rules": [{"name": "dust", "verdict": "ignore", "share_below_ppm": 0}]}, "share_below_ppm"),
                          ({**good, "rules": [{"name": "dust", "verdict": "ignore", "asset": "native", "amount_below": "0"}]}, "amount_below"),
                          ({**good, "rules": [{**any_rule, "hops_max": -1}]}, "hops_max"), ({**good, "rules": [{**any_rule, "name": "a\nb"}]}, "name")]:
        done = check(SHOP, broken)
        if not isinstance(done, subprocess.CompletedProcess) or done.returncode != 2 or words not in done.stderr or done.stdout:
            problems.append(f"{broken}: {done if isinstance(done, dict) else (done.returncode, done.stderr)}")

    # ---- batch takes them, too, and does not take the short way then ----
    (top / "rules.json").write_text(json.dumps({"schema": "tracer/rules/1", "rules": [], "otherwise": "ignore"}))
    (top / "in.csv").write_text(f"target\n{VICTIM}\n11:0:0\n")
    common = ["batch", str(top / "in.csv"), "--store", store, "--labels", labels, "--no-builtin-labels", "--assets", assets, "--source", f"theft.x={THIEF}", "--since", "10",
              "--columns", "verdict"]
    done = call(*common, "--output", str(top / "a.csv"), "--rules", str(top / "rules.json"))
    same("batch with rules", (done.returncode, (top / "a.csv").read_text()), (0, f"target,verdict\n{VICTIM},clean\n11:0:0,clean\n"))
    done = call(*common, "--output", str(top / "b.csv"))
    same("batch without", (done.returncode, (top / "b.csv").read_text()), (10, f"target,verdict\n{VICTIM},exposed\n11:0:0,exposed\n"))

if problems:
    sys.exit("\n".join(problems))
print("rules: every member does what the page says")
