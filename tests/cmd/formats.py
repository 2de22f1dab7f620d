"""The formats for other programs beside the graphs of graphs.py, read back by readers that are not ours or by their published rules, and
compared with the JSON result; names and symbols that would be code somewhere are tried on each; examples in docs/formats.md are the
program's own lines."""
import collections
import csv
import datetime
import fractions
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import uuid
import xml.etree.ElementTree

try:
    import networkx
except ImportError:
    networkx = None
try:
    import jsonschema
except ImportError:
    jsonschema = None
try:
    import yaml
except ImportError:
    yaml = None

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
HOSTILE = ['<script>alert(1)</script>', '"]; end; click x "javascript:1"', "%%{init: {'securityLevel': 'loose'}}%%", "a: b # c", "'- x\\",
           "]]>&amp;", "=1+1", "\u202egpj.exe", "`**bold**`", "#quot;style x:#35;", "<a href='javascript:1'>x</a>", "{{x}} %s", "| yes", "! !!x"]


def run(*arguments, code=0):
    done = subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, f"exit {done.returncode} of {arguments}: {done.stderr}"
    return done.stdout if code == 0 else done.stderr


def edges_of(result):
    """As the graph formats merge them: ends, asset, source -> tainted."""
    found = collections.Counter()
    for hop in result["hops"]:
        found[hop["from"], hop["to"], hop["asset"], hop["source"]] += int(hop["tainted"])
    return found


def label_of(result, address):
    return next(account["label"] for account in result["accounts"] if account["address"] == address)


def unique(pairs):
    assert len({key for key, _ in pairs}) == len(pairs), "a key stands twice"
    return dict(pairs)


def check_sankey(text, result):
    """d3-sankey wants links without a cycle between indices of nodes; Plotly the same as lists."""
    read = json.loads(text, object_pairs_hook=unique)
    assert read["limits"] == result["limits"] and read["inputs"] == result["inputs"] and read["repeat"] == result["repeat"]
    nodes, links = read["nodes"], read["links"]
    assert len({(node["address"], node["column"]) for node in nodes}) == len(nodes)
    for node in nodes:
        label = label_of(result, node["address"])
        assert node["name"] == (label["name"] if label else "")
    found, greatest = collections.Counter(), collections.Counter()
    wanted = collections.Counter()
    for hop in result["hops"]:
        wanted[hop["from"], hop["to"], hop["asset"], hop["source"], hop["hop"]] += int(hop["tainted"])
    for link in links:
        tail, head = nodes[link["source"]], nodes[link["target"]]
        assert head["column"] == tail["column"] + 1
        found[tail["address"], head["address"], link["asset"], link["taint_source"], tail["column"]] += int(link["tainted"])
        greatest[link["asset"]] = max(greatest[link["asset"]], int(link["tainted"]))
    assert found == wanted and len(links) == len(wanted)
    assert sum(link["hops"] for link in links) == len(result["hops"])
    for link in links:
        assert type(link["value"]) is int and link["value"] == max(1, int(link["tainted"]) * 1000000 // greatest[link["asset"]])
    figure = read["data"][0]
    assert figure["type"] == "sankey" and len(figure["node"]["label"]) == len(nodes) and len(figure["link"]["label"]) == len(links)
    for key in ("source", "target", "value"):
        assert figure["link"][key] == [link[key] for link in links]
    assert not re.search("[<>]", "".join(figure["node"]["label"] + figure["link"]["label"]))


def printable(text, most=32):
    """How reports show foreign text: \\u{hex} for what is not printable ASCII, cut with dots."""
    shown = "".join(c if " " <= c < "\x7f" else "\\u{%x}" % ord(c) for c in text)
    return shown if len(shown) <= most else shown[:most - 3] + "..."


SHAPES = {("[", "]"): "", ("[/", "\\]"): "service", ("[[", "]]"): "mixer", ("{{", "}}"): "bridge", ("([", "])"): "venue"}


def check_mermaid(text, result):
    """Every line is a node or an edge of the flowchart grammar; labels hold nothing but letters, digits, " .,-" and #codes;."""
    lines = text.splitlines()
    assert lines[0] == "flowchart LR" and ("  gap[" in text) == result["touches_gap"] and "  cut[" not in text
    label = r"(?:[A-Za-z0-9 .,-]|#\d+;)*"
    nodes, found = {}, collections.Counter()
    for line in (line for line in lines[1:] if not line.startswith("  gap[")):
        node = re.fullmatch(rf'  (n\d+)(\[/|\[\[|\[|{{{{|\(\[)"(?:({label})<br/>)?(0x[0-9a-f]{{40}})"(.+)', line)
        edge = re.fullmatch(rf'  (n\d+) -->\|"([0-9,.]+) {label}(?:<br/>{label})?"\| (n\d+)', line)
        assert node or edge, line
        if node:
            name, opened, shown, address, shut = node.groups()
            known = label_of(result, address)
            assert SHAPES[opened, shut] == (known["class"] if known else "")
            assert re.sub(r"#(\d+);", lambda code: chr(int(code[1])), shown or "") == printable(known["name"] if known else "")
            nodes[name] = address
        else:
            found[nodes[edge[1]], nodes[edge[3]], edge[2]] += 1
    decimals = {asset["asset"]: asset["decimals"] for asset in result["assets"]}
    wanted = collections.Counter()
    for (tail, head, asset, _), tainted in edges_of(result).items():
        whole, part = divmod(tainted, 10 ** decimals[asset])
        amount = f"{whole:,}." + str(part).zfill(decimals[asset]) if decimals[asset] else f"{whole:,}"
        wanted[tail, head, amount.rstrip("0").rstrip(".") if decimals[asset] else amount] += 1
    assert found == wanted


def check_gexf(text, result):
    found, wanted = collections.Counter(), edges_of(result)
    namespace, seen = "{http://gexf.net/1.3}", set()
    tree = xml.etree.ElementTree.fromstring(text)
    assert tree.tag == namespace + "gexf" and tree.get("version") == "1.3"
    greatest = collections.Counter()
    for (_, _, asset, _), tainted in wanted.items():
        greatest[asset] = max(greatest[asset], tainted)
    for edge in tree.iter(namespace + "edge"):
        values = {value.get("for"): value.get("value") for value in edge.iter(namespace + "attvalue")}
        found[edge.get("source"), edge.get("target"), values["asset"], values["taint_source"]] += int(values["tainted"])
        assert int(edge.get("weight")) == max(1, int(values["tainted"]) * 1000000 // greatest[values["asset"]])
        seen.add(edge.get("id"))
    assert found == wanted and len(seen) == len(wanted)
    if not networkx:
        print("SKIP formats: NetworkX is not installed")
        return
    graph = networkx.read_gexf(io.BytesIO(text.encode()))
    assert set(graph.nodes) == {end for edge in wanted for end in edge[:2]}
    for address, data in graph.nodes(data=True):
        known = label_of(result, address)
        assert data["name"] == printable(known["name"] if known else "") and data["label"] == (data["name"] or address)
        assert data["class"] == (known and known["class"] or "account")
    found = collections.Counter()
    for tail, head, data in graph.edges(data=True):
        found[tail, head, data["asset"], data["taint_source"]] += int(data["tainted"])
    assert found == wanted and sum(data["hops"] for _, _, data in graph.edges(data=True)) == len(result["hops"])


OBSERVABLES = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")  # STIX 2.1, 2.9
TRACER = uuid.UUID("4a0ab20d-f485-4b14-babd-9ae8ed75ddbe")
EXTENSION = "extension-definition--1139f626-b2e0-467d-a26e-be3e5924b1ab"
STIX_REQUIRED = {  # beside type, spec_version, id
    "identity": {"created", "modified", "name"},
    "extension-definition": {"created", "modified", "created_by_ref", "name", "schema", "version", "extension_types"},
    "report": {"created", "modified", "created_by_ref", "name", "published", "object_refs"},
    "note": {"created", "modified", "created_by_ref", "content", "object_refs"},
    "relationship": {"created", "modified", "created_by_ref", "relationship_type", "source_ref", "target_ref", "extensions"},
    "wallet-address": {"value", "chain", "extensions"}}
STIX_OPTIONAL = {"identity": {"identity_class"}, "extension-definition": {"description"}, "report": {"description"}, "note": {"abstract"},
                 "relationship": {"start_time"},
                 "wallet-address": {f"label_{part}" for part in ("class", "name", "category", "entity", "origin")}}


def namespace_of(text):
    return uuid.uuid5(TRACER, hashlib.sha256(text.encode()).hexdigest())


def utc(seconds, shape):
    return time.strftime(shape, time.gmtime(seconds))


def no_nothing(value):
    """STIX 2.1, 2.7 and 2.12: neither null nor an empty list."""
    assert value is not None and value != [] and value != ""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        no_nothing(inner)


def check_stix(text, result):
    bundle = json.loads(text, object_pairs_hook=unique)
    no_nothing(bundle)
    assert set(bundle) == {"type", "id", "objects"} and bundle["type"] == "bundle"
    space = namespace_of(result["text"])
    assert bundle["id"] == f"bundle--{uuid.uuid5(space, 'bundle')}"
    objects = {thing["id"]: thing for thing in bundle["objects"]}
    assert len(objects) == len(bundle["objects"])
    schema = json.loads((root / "docs/stix-wallet-1.schema.json").read_text())

    def obeys(part, value):
        if jsonschema:
            jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{part}"}).validate(value)

    end = result["range"]["last_time"]
    for thing in bundle["objects"]:
        kind = thing["type"]
        keys = set(thing) - {"type", "spec_version", "id"}
        assert STIX_REQUIRED[kind] <= keys <= STIX_REQUIRED[kind] | STIX_OPTIONAL[kind], keys
        assert thing["spec_version"] == "2.1"
        assert re.fullmatch(kind + "--[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", thing["id"])
        for key in keys & {"created", "modified", "published", "start_time"}:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", thing[key])
        assert thing.get("created") == thing.get("modified")
        for reference in [thing[key] for key in keys if key.endswith("_ref")] + thing.get("object_refs", []):
            assert reference in objects, "a reference that leads nowhere"
        for extension in thing.get("extensions", {}):
            assert extension == EXTENSION in objects
    wallets = {thing["id"]: thing for thing in bundle["objects"] if thing["type"] == "wallet-address"}
    for wallet in wallets.values():
        obeys("wallet-address", wallet)
        name = json.dumps({key: wallet[key] for key in ("chain", "value")}, sort_keys=True, separators=(",", ":"))
        assert wallet["id"] == f"wallet-address--{uuid.uuid5(OBSERVABLES, name)}"
        known = label_of(result, wallet["value"]) or {}
        assert {key[6:]: wallet[key] for key in wallet if key.startswith("label_")} == {key: known[key] for key in known if known[key]}
    assert {wallet["value"] for wallet in wallets.values()} == {end for edge in edges_of(result) for end in edge[:2]}
    hops = [thing for thing in bundle["objects"] if thing["type"] == "relationship"]
    assert len(hops) == len(result["hops"])
    for thing, hop in zip(hops, result["hops"]):
        carried = thing["extensions"][EXTENSION]
        obeys("transfer", carried)
        assert thing["id"] == f"relationship--{uuid.uuid5(space, 'hop ' + hop['key'] + ' ' + hop['source'])}"
        assert (wallets[thing["source_ref"]]["value"], wallets[thing["target_ref"]]["value"]) == (hop["from"], hop["to"])
        assert thing["created"] == thing["start_time"] == utc(hop["time"], "%Y-%m-%dT%H:%M:%S.000Z")
        for key in ("key", "asset", "amount", "tainted", "hop", "grade", "path_grade", "transaction_hash", "block_number", "log_index"):
            assert carried.get(key) == hop[key], key
        parent = objects[carried["parent_ref"]]["extensions"][EXTENSION]["key"] if "parent_ref" in carried else None
        assert parent == hop["parent"] and carried["taint_source"] == hop["source"]
    report = next(thing for thing in bundle["objects"] if thing["type"] == "report")
    assert hashlib.sha256(result["text"].encode()).hexdigest() in report["description"] and result["policy"] in report["description"]
    assert ("touches a gap" in report["description"]) == result["touches_gap"]
    assert report["created"] == utc(end, "%Y-%m-%dT%H:%M:%S.000Z")
    assert set(report["object_refs"]) == set(objects) - {report["id"], EXTENSION}
    notes = collections.Counter((thing["abstract"], thing["content"]) for thing in bundle["objects"] if thing["type"] == "note")
    assert notes == collections.Counter((kind, note) for kind, texts in result["limits"].items() for note in texts)


def texts(*names, **others):
    """A JSON schema: these members, all texts but for `others`, and no more."""
    members = {**{name: {"type": "string"} for name in names}, **others}
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


UUID5 = {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"}
SECONDS = {"type": "string", "pattern": "^[0-9]+$"}
FINDING = dict(uuid=UUID5, value={"type": "string", "minLength": 1, "maxLength": 65535}, to_ids={"const": False},
               disable_correlation={"type": "boolean"}, distribution={"const": "5"}, timestamp=SECONDS)
MISP = texts("info", uuid=UUID5, date={"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"}, timestamp=SECONDS, threat_level_id={"const": "4"},
             analysis={"const": "0"}, distribution={"const": "0"}, published={"const": False}, Orgc=texts("name", "uuid"),
             Attribute={"type": "array", "items": texts("comment", type={"enum": ["text", "comment"]}, category={"const": "Other"}, **FINDING)},
             Object={"type": "array", "items": texts(
                 "description", "comment", uuid=UUID5, name={"const": "coin-address"}, distribution={"const": "5"}, timestamp=SECONDS,
                 template_uuid={"const": "d0e6997e-78da-4815-a6a1-cfc1c1cb8a46"}, template_version={"const": "7"},
                 Attribute={"type": "array", "minItems": 2, "items": texts(
                     "comment", object_relation={"enum": ["address-crypto", "symbol", "text"]}, type={"const": "text"},
                     category={"const": "Financial fraud"}, **FINDING)},
                 ObjectReference={"type": "array", "items": texts(
                     "comment", uuid=UUID5, object_uuid=UUID5, referenced_uuid=UUID5, relationship_type={"const": "transferred-to"},
                     timestamp=SECONDS)}, **{"meta-category": {"const": "financial"}})})


def amount_of(text):
    """What people read as "1,234.5 SYMBOL of SOURCE": the number, without its separators."""
    return re.match(r"[0-9,.]+(?= )", text)[0].replace(",", "")


def units_of(result, asset, units):
    decimals = next(known["decimals"] for known in result["assets"] if known["asset"] == asset)
    whole, part = divmod(units, 10 ** decimals)
    return f"{whole}.{str(part).zfill(decimals)}".rstrip("0").rstrip(".") if decimals else str(whole)


def check_misp(text, result):
    read = json.loads(text, object_pairs_hook=unique)
    event = read["Event"]
    if jsonschema:
        jsonschema.Draft202012Validator(texts(Event=MISP)).validate(read)
    space = namespace_of(result["text"])
    assert event["uuid"] == str(uuid.uuid5(space, "event ")) and event["date"] == utc(result["range"]["last_time"], "%Y-%m-%d")
    assert ("touches a gap" in event["info"]) == result["touches_gap"] and result["policy"] in event["info"]
    everything = [event, *event["Attribute"], *event["Object"]]
    for thing in event["Object"]:
        everything += thing["Attribute"] + thing["ObjectReference"]
    assert len({thing["uuid"] for thing in everything}) == len(everything)
    said = collections.Counter((thing["comment"], thing["value"]) for thing in event["Attribute"])
    wanted = collections.Counter((kind, note) for kind, notes in result["limits"].items() for note in notes)
    wanted["SHA-256 of the JSON result", hashlib.sha256(result["text"].encode()).hexdigest()] += 1
    wanted["a command that repeats it", result["repeat"]] += 1
    assert said == wanted
    address = {}
    for thing in event["Object"]:
        values = {part["object_relation"]: part["value"] for part in thing["Attribute"]}
        assert len(values) == len(thing["Attribute"]) and values["symbol"] == result["network"]["native_symbol"]
        address[thing["uuid"]] = values["address-crypto"]
        assert thing["uuid"] == str(uuid.uuid5(space, "coin-address " + values["address-crypto"]))
        known = label_of(result, values["address-crypto"])
        assert thing["comment"].startswith(f"label: {printable(known['name']) or '-'} (" if known else "")
        came = collections.Counter()
        for hop in result["hops"]:
            if hop["to"] == values["address-crypto"]:
                came[hop["asset"], hop["source"]] += int(hop["tainted"])
        said = values["text"].removeprefix(f"policy {result['policy']}: ")
        assert said.startswith("sent ") == (not came)
        found = collections.Counter(amount_of(part) for part in re.split(r"; (?=[0-9,.]+ )", said) if came)
        assert found == collections.Counter(units_of(result, asset, units) for (asset, _), units in came.items())
    assert set(address.values()) == {end for edge in edges_of(result) for end in edge[:2]}
    found = collections.Counter()
    for thing in event["Object"]:
        for link in thing["ObjectReference"]:
            assert link["object_uuid"] == thing["uuid"]
            found[address[link["object_uuid"]], address[link["referenced_uuid"]], amount_of(link["comment"])] += 1
    assert found == collections.Counter((tail, head, units_of(result, asset, units))
                                        for (tail, head, asset, _), units in edges_of(result).items())


TAGPACK_HEADER = {"title": str, "creator": str, "description": str, "source": str, "lastmod": datetime.date, "currency": str, "network": str,
                  "is_cluster_definer": bool, "tag_type": str, "tags": list}
TAGPACK_TAG = {"address": str, "label": str, "confidence": str, "context": str}  # the schema of graphsense-tagpack-tool has these fields and types


def check_tagpack(text, result):
    if not yaml:
        print("SKIP formats: PyYAML is not installed")
        return
    read = yaml.load(text, yaml.SafeLoader)
    assert read == yaml.load(text, yaml.CSafeLoader), "libyaml reads something else"
    assert {key: type(value) for key, value in read.items()} == TAGPACK_HEADER
    assert hashlib.sha256(result["text"].encode()).hexdigest() in read["source"] and result["repeat"] in read["description"]
    assert read["lastmod"].isoformat() == utc(result["range"]["last_time"], "%Y-%m-%d") and read["currency"] == read["network"] == "ETH"
    assert ("touches a gap" in read["description"]) == result["touches_gap"]
    for kind, notes in result["limits"].items():
        for note in notes:
            assert f"# {kind}: {note}\n" in text
    came, level = collections.defaultdict(collections.Counter), collections.Counter()
    for hop in result["hops"]:
        if hop["to"] != "0x" + "0" * 40:
            came[hop["to"], hop["source"]][hop["asset"]] += int(hop["tainted"])
            this = 50 if hop["hop"] == 0 and hop["grade"] != "inferred" else 10 if hop["path_grade"] != "inferred" else 5
            level[hop["to"], hop["source"]] = max(this, level[hop["to"], hop["source"]])
    found = {}
    for tag in read["tags"]:
        assert {key: type(value) for key, value in tag.items()} == TAGPACK_TAG
        context = json.loads(tag["context"], object_pairs_hook=unique)
        source = context["taint_source"]
        assert tag["label"] == f"received units tainted by {source}" and context["policy"] == result["policy"]
        assert {"forensic": 50, "heuristic": 10, "unknown": 5}[tag["confidence"]] == level[tag["address"], source]
        found[tag["address"], source] = {item["asset"]: int(item["tainted"]) for item in context["came"]}
        for item in context["came"]:
            asset = next(known for known in result["assets"] if known["asset"] == item["asset"])
            assert (item["symbol"], item["decimals"]) == (asset["symbol"], asset["decimals"])
    assert found == came and len(found) == len(read["tags"])


def with_separators(number):
    whole, point, part = number.partition(".")
    return f"{int(whole):,}{point}{part}"


def check_sar(text, result):
    """The narrative: every statement is that of the JSON result, and rests on evidence that is there."""
    assert max(map(len, text.splitlines())) <= 80
    sections = dict(zip(re.findall(r"\n\n([A-Z ,]+)\n-+\n\n", text), (" ".join(part.split()) for part in re.split(r"\n\n[A-Z ,]+\n-+\n\n", text)[1:])))
    assert list(sections) == ["INTRODUCTION", "WHAT WAS STOLEN", "HOW IT MOVED", "WHERE IT IS NOW", "CONCLUSION",
                              "LIMITS, GAPS, DISAGREEMENTS, ASSUMPTIONS", "HOW TO REPEAT IT", "EVIDENCE"]
    assert text.startswith("SUSPICIOUS ACTIVITY REPORT: NARRATIVE, DRAFT\n") and "CUT" not in text
    assert ("TOUCHES A GAP" in sections["INTRODUCTION"]) == result["touches_gap"] and f"policy {result['policy']} of" in sections["INTRODUCTION"]
    for notes in result["limits"].values():
        for note in notes:
            assert " ".join(note.split()) in sections["LIMITS, GAPS, DISAGREEMENTS, ASSUMPTIONS"]
    assert hashlib.sha256(result["text"].encode()).hexdigest() in sections["HOW TO REPEAT IT"]
    entries = re.split(r" (?=\[E\d+\] hop \d)", sections["EVIDENCE"])[1:]
    number = {hop["key"] + hop["source"]: index + 1 for index, hop in enumerate(result["hops"])}
    assert len(entries) == len(result["hops"])

    def shown(hop, what):
        return with_separators(units_of(result, hop["asset"], int(hop[what])))

    def party(address):
        known = label_of(result, address)
        name = " ".join(printable(known["name"]).split()) if known else ""
        return "nobody (void)" if not int(address, 16) else f"{address} ({name})" if name else address

    for index, (entry, hop) in enumerate(zip(entries, result["hops"])):
        log = "" if hop["log_index"] is None else f", log index {hop['log_index']}"
        brought = f"brought by [E{number[hop['parent'] + hop['source']]}]" if hop["parent"] else "of the declared theft"
        wanted = (f"[E{index + 1}] hop {hop['hop']} of {hop['source']}, {hop['time_utc']} UTC "
                  f"{hop['transaction_hash'] or 'transaction hash not known'} key {hop['key']}{log} "
                  f"from {party(hop['from'])} to {party(hop['to'])} amount {shown(hop, 'amount')} ")
        assert entry.startswith(wanted), (entry, wanted)
        assert f", tainted {shown(hop, 'tainted')} grade {hop['grade']}, weakest of the path {hop['path_grade']}, {brought}" in entry
    moved, first = collections.Counter(), {}
    for index, hop in enumerate(result["hops"]):
        place = hop["from"], hop["to"], hop["asset"], hop["source"], hop["hop"]
        moved[place] += int(hop["tainted"])
        first.setdefault(place, index)
    order = sorted(moved, key=first.get)
    for section, wanted in (("WHAT WAS STOLEN", [place for place in order if place[4] == 0]), ("HOW IT MOVED", [place for place in order if place[4]])):
        found = [(re.findall(r"0x[0-9a-f]{40}(?= |$)", item)[-2:], item) for item in re.split(r"(?:^| )- (?=(?:from )?\d{4}-|[a-z0-9-]+: [0-9])", sections[section])[1:]]
        if section == "HOW IT MOVED":
            assert len(found) == len(wanted)
            for (_, item), place in zip(found, wanted):
                assert f" {with_separators(units_of(result, place[2], moved[place]))} " in item
                assert f" from {party(place[0])} to {party(place[1])} " in item or f" from {party(place[0])} to {party(place[1])}" in item
                assert f"[E{first[place] + 1}]" in item
        else:
            assert len(found) == sum(hop["hop"] == 0 for hop in result["hops"])
    places = [re.match(rf"{re.escape(place['source'])}: {re.escape(with_separators(units_of(result, place['asset'], int(place['amount']))))} ", item)
              for place, item in zip(result["places"], re.split(r"(?:^| )- (?=[a-z0-9-]+: [0-9])", sections["WHERE IT IS NOW"])[1:])]
    assert all(places) and len(places) == len(result["places"])
    for reference in re.findall(r"\[E(\d+)\]", text.replace("[E1], [E2], ...", "")):
        assert 1 <= int(reference) <= len(result["hops"])


CHECKS = {"sankey": check_sankey, "mermaid": check_mermaid, "gexf": check_gexf, "stix": check_stix, "misp": check_misp,
          "tagpack": check_tagpack, "sar": check_sar}


def cell(text):
    """A foreign text as CSV shows it."""
    shown = printable(text, 511)
    return "'" + shown if shown[:1] in tuple("=+-@") else shown


def check_tables(table, result):
    """--format csv --table NAME, read by Python's csv: the rows of the JSON result, one for one."""
    assets = {asset["asset"]: asset for asset in result["assets"]}

    def of_asset(name):
        return [name, cell(assets[name]["symbol"]), str(assets[name]["decimals"]), str(int(assets[name]["recognised"]))]

    def seed(seed):
        if seed["kind"] == "address":
            return [seed["source"], "address", seed["address"], str(seed["block_number"])] + [""] * 9
        time = [str(seed["time"]), seed["time_utc"]] if seed["time"] else ["", ""]
        return [seed["source"], "transfer", "", "", seed["key"], seed["transaction_hash"] or "", *time, *of_asset(seed["asset"]), seed["amount"]]

    labels = {account["address"]: account["label"] or dict.fromkeys(("class", "name", "category", "entity", "origin"), "")
              for account in result["accounts"]}
    wanted = {
        "totals": [[total["source"], *of_asset(total["asset"]), total["seeded"], total["emitted"], total["converted_in"],
                    *total["places"].values(), str(int(total["balanced"])), total["unproven"]] for total in result["totals"]],
        "places": [[place["source"], *of_asset(place["asset"]), place["place"], place["account"] or "",
                    cell(labels[place["account"]]["name"]) if place["account"] else "", place["amount"], place["unproven"]] for place in result["places"]],
        "seeds": [seed(item) for item in result["seeds"]],
        "accounts": [[address, label["class"], *(cell(label[key]) for key in ("name", "category", "entity", "origin"))]
                     for address, label in labels.items()],
        "assets": [of_asset(name) for name in assets],
        "inputs": [[item["role"], item["name"], item["sha256"] or ""] for item in result["inputs"]]}
    lines = list(csv.reader(io.StringIO(table("hops")), strict=True))
    assert [line[0] for line in lines[1:]] == [hop["key"] for hop in result["hops"]]
    for name, rows in wanted.items():
        lines = list(csv.reader(io.StringIO(table(name)), strict=True))
        assert lines[0][-1] == "schema" and len(set(lines[0])) == len(lines[0])
        assert lines[1:] == [row + [f"tracer/{name}-csv/1"] for row in rows], name
        assert f"`{','.join(lines[0])}`" in (root / "docs/formats.md").read_text(), f"columns of {name} in docs/formats.md"
        if rows and name == "totals":
            assert lines[0][8:-3] == list(result["totals"][0]["places"])
    lines = list(csv.reader(io.StringIO(table("limits")), strict=True))
    assert collections.Counter(map(tuple, lines[1:])) == collections.Counter(
        (kind, note, "tracer/limits-csv/1") for kind, notes in result["limits"].items() for note in notes)
    assert f"`{','.join(lines[0])}`" in (root / "docs/formats.md").read_text()


def check_tree(text, result):
    """Each hop once, beneath its parent: by the lines drawn, or named where these end."""
    drawn, stack, found = text[text.index("TREE OF THE FLAGGED HOPS"):text.index("LIMITS, GAPS")], [], {}
    rows = re.split(r"\n(?=(?:[|` ]  |[|`]- )*#\d)", drawn)[1:]
    for row in rows:
        lines, number = re.match(r"((?:\|  |   )*(?:[|`]- )?)#(\d+)  ", row).groups()
        depth = len(lines) // 3
        named = re.search(r"\(under #(\d+)\)", " ".join(re.sub(r"\n[| ]*", " ", row).split()))
        found[int(number)] = int(named[1]) if named else stack[depth - 1] if depth else None
        stack[depth:] = [int(number)]
    number = {(hop["key"], hop["source"]): index + 1 for index, hop in enumerate(result["hops"])}
    assert found == {index + 1: number.get((hop["parent"], hop["source"])) for index, hop in enumerate(result["hops"])}
    assert len(rows) == len(found)


def check_prices(result, trace, directory):
    """Every value of the CSV is amount * price, done again in whole numbers; the text sums what was stolen; nothing has a value without a price."""
    decimals = {asset["asset"]: asset["decimals"] for asset in result["assets"]}
    days = sorted({(utc(hop["time"], "%Y-%m-%d"), hop["asset"]) for hop in result["hops"]})
    prices = {day: fractions.Fraction(int(hashlib.sha256(repr(day).encode()).hexdigest()[:12], 16), 10 ** 9) for day in days[::2]}
    file = directory / "prices.csv"
    file.write_text("date,asset,price\n" + "".join(f"{date},{asset},{float_free(price, 9)}\n" for (date, asset), price in prices.items()))
    rows = list(csv.DictReader(io.StringIO(trace("--prices", file, "--format", "csv"))))
    stolen = fractions.Fraction(0)
    assert len(rows) == len(result["hops"])
    for row, hop in zip(rows, result["hops"]):
        price = prices.get((utc(hop["time"], "%Y-%m-%d"), hop["asset"]))
        value = None if price is None else fractions.Fraction(int(hop["tainted"]), 10 ** decimals[hop["asset"]]) * price
        assert (row["usd_price"], row["usd"]) == (("", "") if price is None else (float_free(price, 9), float_free(value, 9 + decimals[hop["asset"]])))
        stolen += value or 0 if hop["hop"] == 0 else 0
    shown = " ".join(trace("--prices", file).split())
    cents = stolen * 100 // 1
    assert f"{cents // 100:,}.{cents % 100:02} USD" in shown and "no price" in shown
    assert hashlib.sha256(file.read_bytes()).hexdigest() in shown
    for form in ("json", "stix", "dot"):
        assert "--prices" in run("demo", "--prices", file, "--format", form, code=2)
    documented = re.search(r"With\n\n((?:    .*\n)+)\n.*`demo --prices FILE` has the line\n\n    (.*)\n", (root / "docs/formats.md").read_text())
    file.write_text(re.sub("^    ", "", documented[1], flags=re.M))
    assert documented[2] in {line.strip() for line in run("demo", "--quiet", "--prices", file).splitlines()}


def float_free(value, digits):
    """A fraction as decimal text without zeros at its end."""
    units = value * 10 ** digits
    assert units.denominator == 1
    whole, part = divmod(int(units), 10 ** digits)
    return f"{whole}.{str(part).zfill(digits)}".rstrip("0").rstrip(".")


def examples():
    """Indented lines after "of `demo --format NAME`:" in docs/formats.md."""
    text = (root / "docs/formats.md").read_text()
    return {form: [line.strip() for line in block.splitlines() if line.strip()]
            for form, block in re.findall(r"of `demo --format (\w+)`:\n\n((?: {4}.*\n|\n)+)", text)}


def ids_apart(line):
    """Ids follow from the result, and so from the version of the program; the checks above look at them."""
    return re.sub("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", line)


shown = examples()
with tempfile.TemporaryDirectory() as directory:
    directory = pathlib.Path(directory)
    store, labels = directory / "store", directory / "labels.csv"
    run("demo", "--store", store, "--quiet")
    result = json.loads(run("trace", "--store", store, "--format", "json", "ronin-2022"))
    with open(labels, "w", encoding="utf-8") as file:
        print("address,class,name,category,entity,origin", file=file)
        for index, account in enumerate(account for account in result["accounts"] if account["label"]):
            name = '"' + HOSTILE[index % len(HOSTILE)].replace('"', '""') + '"'
            print(account["address"], account["label"]["class"], name, name, name, name, sep=",", file=file)
    for arguments in (["fifo"], ["haircut"], ["fifo", "thief=0x098b716b8aaf21512996dc57eb0615e2383e2f96"], ["poison"], ["lifo", "--labels", labels]):
        def trace(form):
            return run("trace", "--store", store, "--policy", *arguments, "--format", form, "ronin-2022")

        text = trace("json")
        result = {**json.loads(text), "text": text}
        for form, check in CHECKS.items():
            text = trace(form)
            assert text == trace(form), f"{form}: other bytes"
            assert all(" " <= character < "\x7f" or character == "\n" for character in text), f"{form}: not printable ASCII"
            check(text, result)
        check_prices(result, lambda *more: run("trace", "--store", store, "--policy", *arguments, *more, "ronin-2022"), directory)
        check_tree(run("trace", "--store", store, "--policy", *arguments, "--tree", "ronin-2022"), result)
        check_tables(lambda name: run("trace", "--store", store, "--policy", *arguments, "--format", "csv", "--table", name, "ronin-2022"), result)
    for view in ("summary", "hops", "tree"):
        assert run("demo", "--quiet", f"--{view}") == run("demo", "--quiet", "--view", view)
    assert "tree" in run("demo", "--tree", "--policy", "all", code=2) and "tree" in run("check", "--store", store, "--view", "tree", "x", code=2)
    for wrong in (["--table", "places"], ["--table", "places", "--format", "json"], ["--table", "places", "--format", "csv", "--policy", "all"],
                  ["--table", "gaps", "--format", "csv"]):
        assert "--table" in run("demo", *wrong, code=2)
        if "all" not in wrong:  # before an endpoint is asked
            assert "--table" in run("trace", "--rpc", "https://node.invalid", *wrong, "ronin-2022", code=2)
    assert "--prices" in run("trace", "--rpc", "https://node.invalid", "--prices", labels, "--format", "json", "ronin-2022", code=2)
    assert "prices.csv" in run("trace", "--rpc", "https://node.invalid", "--prices", directory / "no/prices.csv", "ronin-2022", code=2)
    for table, line in re.findall(r"of `demo --format csv --table (\w+)`:\n\n    (.*)\n", (root / "docs/formats.md").read_text()):
        assert line in run("demo", "--quiet", "--format", "csv", "--table", table).splitlines(), line
    for form in CHECKS:
        lines = {ids_apart(line.strip().rstrip(",")) for line in run("demo", "--quiet", "--format", form).splitlines()}
        assert shown.get(form), f"no example of {form} in docs/formats.md"
        for line in shown[form]:
            assert ids_apart(line.rstrip(",")) in lines, f"{form}: in docs/formats.md but not the program's: {line}"
        for arguments in (["check", "--store", store, "0x098b716b8aaf21512996dc57eb0615e2383e2f96"], ["demo", "--policy", "all"]):
            assert "is for a trace of one policy" in run(*arguments, "--format", form, code=2)
        assert form in run("demo", "--format", "none", code=2) and form in run("help", "trace")
    # A check names the accounts that it shows, not all accounts of all sources that it asked about.
    run("check", "--store", store, "--format", "json", "--output", directory / "answer.json", "0x098b716b8aaf21512996dc57eb0615e2383e2f96", code=10)
    answer = json.loads((directory / "answer.json").read_text())
    named = {account["address"] for account in answer["accounts"]}
    assert named == set(re.findall("0x[0-9a-f]{40}(?![0-9a-f])", json.dumps(answer["answers"] + answer["steps"]))) - {asset["asset"] for asset in answer["assets"]}, named
    if yaml:  # our own reader of TagPacks takes ours
        pack = directory / "pack.yaml"
        pack.write_text(run("demo", "--quiet", "--format", "tagpack"))
        run("import", "--store", store, pack)
        kept = run("export", "--store", store, "lists").splitlines()[1:]  # the first line says which list
        found = {(row["address"], row["name"], row["confidence"]) for row in csv.DictReader(kept)}
        for tag in yaml.safe_load(pack.read_text())["tags"]:
            assert (tag["address"], tag["label"], "medium" if tag["confidence"] == "forensic" else "low") in found, tag
print(f"formats: {len(CHECKS)} formats read back under six runs, 0 problems")
