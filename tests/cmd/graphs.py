"""The graph formats, read back by programs that are not ours: Graphviz for dot, NetworkX for graphml. Nodes, edges and the sums of
tainted amounts are those of the JSON result; jsonl is its hops."""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import networkx
except ImportError:
    networkx = None

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]


def run(*arguments, code=0):
    done = subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, f"exit {done.returncode} of {arguments}: {done.stderr}"
    return done.stdout if code == 0 else done.stderr


with tempfile.TemporaryDirectory() as directory:
    store = pathlib.Path(directory) / "store"
    run("demo", "--store", store, "--quiet")
    edges = 0
    for policy in ("fifo", "haircut", "poison"):
        def trace(form):
            return run("trace", "--store", store, "--policy", policy, "--format", form, "ronin-2022")

        result = json.loads(trace("json"))
        names = {account["address"]: account["label"]["name"] if account["label"] else "" for account in result["accounts"]}
        wanted = collections.Counter()
        for hop in result["hops"]:
            wanted[hop["from"], hop["to"], hop["asset"], hop["source"]] += int(hop["tainted"])
        nodes = {end for edge in wanted for end in edge[:2]}
        edges += len(wanted)

        assert [json.loads(line) for line in trace("jsonl").splitlines()] == result["hops"], f"{policy}: jsonl"
        dot, graphml = trace("dot"), trace("graphml")
        assert dot == trace("dot") and graphml == trace("graphml"), f"{policy}: other bytes"
        shown = [line.strip() for line in (root / "docs/formats.md").read_text().splitlines() if line.startswith('    "0x') and "->" in line]
        assert policy != "fifo" or (len(shown) == 1 and f"  {shown[0]}\n" in dot), "the edge in docs/formats.md is not the program's"
        if shutil.which("dot"):
            read = json.loads(subprocess.run(["dot", "-Tdot_json"], input=dot, capture_output=True, text=True, check=True).stdout)
            ids = {node["_gvid"]: node["name"] for node in read["objects"]}
            assert set(ids.values()) == nodes and len(ids) == len(nodes), f"{policy}: nodes of dot"
            found = collections.Counter()
            for edge in read["edges"]:
                found[ids[edge["tail"]], ids[edge["head"]], edge["asset"], edge["source"]] += int(edge["tainted"])
            assert found == wanted and len(read["edges"]) == len(wanted), f"{policy}: edges of dot"
            assert sum(int(edge["hops"]) for edge in read["edges"]) == len(result["hops"])
        else:
            print("SKIP graphs: dot is not installed")
        if networkx:
            graph = networkx.parse_graphml(graphml)
            assert set(graph.nodes) == nodes, f"{policy}: nodes of graphml"
            found = collections.Counter()
            for head, tail, data in graph.edges(data=True):
                found[head, tail, data["asset"], data["taint_source"]] += int(data["tainted"])
            assert found == wanted, f"{policy}: edges of graphml"
            assert all((data.get("name") or "")[:20] == names[node][:20] for node, data in graph.nodes(data=True)), f"{policy}: names"
        else:
            print("SKIP graphs: NetworkX is not installed")
    for arguments in (["check", "--store", store, "0x098b716b8aaf21512996dc57eb0615e2383e2f96"], ["demo", "--policy", "all"]):
        for form in ("jsonl", "dot", "graphml"):
            assert "is for a trace of one policy" in run(*arguments, "--format", form, code=2)
    print(f"graphs: {edges} edges of three policies read back, 0 problems")
