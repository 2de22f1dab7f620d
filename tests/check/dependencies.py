"""D1_dependencies_are_few_pinned_and_refused_when_older: what the program links and what it may load is this list; each has a lowest
version in CMakeLists.txt, where it tells its version; --version shows what is there; and one that says it is older is refused, by
a program that otherwise works."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
LINKED = {"libc.so.6"}
PART = {"lmdb": "liblmdb.so.0", "jansson": "libjansson.so.4", "nettle": "libnettle.so.8", "libxxhash": "libxxhash.so.0"}  # of the program; linked where there is no archive
LOADED = {"libcurl.so.4", "libsecp256k1.so.1", "libzstd.so.1", "libexpat.so.1", "libyaml-0.so.2"}
problems = []


def run(*arguments, **settings):
    return subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **settings}, timeout=120)


pins = dict(re.findall(r"pkg_check_modules\(\w+ REQUIRED (?:IMPORTED_TARGET )?([\w.-]+?)(?:>=([\d.]+))?\)", (root / "CMakeLists.txt").read_text()))
for name, lowest in pins.items():
    if not lowest:
        problems.append(f"CMakeLists.txt: {name} has no lowest version")

sanitized = b"__asan_init" in pathlib.Path(tracer).read_bytes()
needed = set(re.findall(r"Shared library: \[(.*?)\]", subprocess.run(["readelf", "-dW", tracer], capture_output=True, text=True).stdout))
if not sanitized and not LINKED <= needed <= LINKED | set(PART.values()):
    problems.append(f"links {sorted(needed ^ LINKED)} more or less than the list")
sources = [path for folder in ("tracer", "chains") for path in (root / folder).rglob("*.c")]
named = {name for path in sources for name in re.findall(r'"(lib[\w.+-]+\.so\.\d+)"', path.read_text())}
if named - LOADED:
    problems.append(f"may load {sorted(named - LOADED)}, which the list does not have")


def version(package):
    done = subprocess.run(["pkg-config", "--modversion", package], capture_output=True, text=True)
    return done.stdout.strip()


shown = run("--version", "--verbose").stdout
for package, name in (("lmdb", "lmdb"), ("jansson", "jansson"), ("libcurl", "libcurl"), ("libzstd", "zstd"), ("expat", "expat"), ("yaml-0.1", "libyaml")):
    if not re.search(rf"{name} [^,\n]*{re.escape(version(package))}", shown):
        problems.append(f"--version --verbose does not show {name} {version(package)}: {shown}")
if "libcurl 7" in run("--version").stdout:
    problems.append("--version loads libcurl")


def older(text):
    """The version just below a lowest one: three numbers."""
    numbers = ([int(part) for part in text.split(".")] + [0, 0])[:3]
    for place in (2, 1, 0):
        if numbers[place]:
            numbers[place] -= 1
            return numbers[:place + 1] + [99] * (2 - place)
    raise AssertionError(text)


def functions(path, pattern):
    return sorted(set(re.findall(pattern, (root / path).read_text())))


def stub(here, soname, names, code):
    """A library that has every name, and says it is old."""
    defined = set(re.findall(r"(\w+)\(", code))
    body = "".join(f"void {name}(void) {{}}\n" for name in names if name not in defined)
    (here / "stub.c").write_text(f"#include <stddef.h>\n{code}\n{body}")
    folder = here / soname
    folder.mkdir()
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-w", f"-Wl,-soname,{soname}", "-o", str(folder / soname), str(here / "stub.c")],
                   check=True)
    return str(folder)


def refused(what, lowest, done, codes):
    if done.returncode not in codes or "older than" not in done.stderr or ".".join(lowest.split(".")[:2]) not in done.stderr:
        problems.append(f"an older {what} is not refused: exit {done.returncode}: {done.stderr}{done.stdout[:200]}")


with tempfile.TemporaryDirectory() as folder:
    here = pathlib.Path(folder)
    store = here / "store"
    assert run("demo", "--store", store, "--quiet", "--output", here / "demo.txt").returncode == 0
    # linked: the answers of one that is preloaded come first
    major, minor, patch = older(pins["lmdb"])
    a, b, c = older(pins["jansson"])
    x, y, z = older(pins["libxxhash"])
    preloads = {
        "lmdb": f'char *mdb_version(int *a, int *b, int *c) {{ *a = {major}; *b = {minor}; *c = {patch}; return "old"; }}',
        "jansson": f"int jansson_version_cmp(int a, int b, int c) {{ return {a * 10000 + b * 100 + c} - (a * 10000 + b * 100 + c); }}",
        "libxxhash": f"unsigned XXH_versionNumber(void) {{ return {x * 10000 + y * 100 + z}; }}",
    }
    for name, code in preloads.items():
        if sanitized:
            break  # the sanitizers must come first
        if name in PART and PART[name] not in needed:
            continue  # its version was looked at when it became part of the program
        (here / "old.c").write_text(code)
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", str(here / f"{name}.so"), str(here / "old.c")], check=True)
        refused(name, pins[name], run("store", "stat", "--store", store, LD_PRELOAD=str(here / f"{name}.so")), (4, 70))
    assert run("store", "stat", "--store", store).returncode == 0
    # loaded on first use: one in a folder that is looked into first
    curl = older(pins["libcurl"])
    number = curl[0] << 16 | curl[1] << 8 | min(curl[2], 255)
    curl_stub = stub(here, "libcurl.so.4", ["curl_" + name for name in functions("chains/rpc/http.c", r"X\([^,]*, (\w+), \(")],
                     f"""static struct {{ int age; const char *version; unsigned number; void *more[40]; }} info = {{0, "old", {number}}};
void *curl_version_info(int now) {{ return &info; }}
int curl_global_init(long flags) {{ return 0; }}
void curl_global_cleanup(void) {{}}""")
    done = run("endpoint", "probe", "http://127.0.0.1:1/", "--allow-local", LD_LIBRARY_PATH=curl_stub)
    refused("libcurl", pins["libcurl"], done, (3,))
    old = older(pins["expat"])
    expat_stub = stub(here, "libexpat.so.1", functions("tracer/label/xml.c", r'dlsym\(handle, "(\w+)"'),
                      f"struct v {{ int a, b, c; }}; struct v XML_ExpatVersionInfo(void) {{ return (struct v){{{old[0]}, {old[1]}, {old[2]}}}; }}")
    listed = here / "sdn.xml"
    listed.write_text('<?xml version="1.0"?>\n<sdnList xmlns="http://tempuri.org/sdnList.xsd"></sdnList>\n')
    refused("expat", pins["expat"], run("import", "--store", store, listed, LD_LIBRARY_PATH=expat_stub), (2, 3, 12))
    old = older(pins["yaml-0.1"])
    yaml_stub = stub(here, "libyaml-0.so.2", functions("tracer/label/tagpack.c", r'dlsym\(handle, "(\w+)"'),
                     f"void yaml_get_version(int *a, int *b, int *c) {{ *a = {old[0]}; *b = {old[1]}; *c = {old[2]}; }}")
    pack = here / "pack.yaml"
    pack.write_text("title: t\ncreator: c\ntags: []\n")
    refused("libyaml", pins["yaml-0.1"], run("import", "--store", store, pack, LD_LIBRARY_PATH=yaml_stub), (2, 3, 12))
    old = older(pins["libzstd"])
    zstd_stub = stub(here, "libzstd.so.1", functions("tracer/graph/archive.c", r'dlsym\(handle, "(\w+)"'),
                     f"unsigned ZSTD_versionNumber(void) {{ return {old[0] * 10000 + old[1] * 100 + old[2]}; }}")
    if "zstd is missing, or too old" not in run("--version", "--verbose", LD_LIBRARY_PATH=zstd_stub).stdout:
        problems.append("an older zstd is not refused")
    shutil.rmtree(store)

print("\n".join(problems))
print(f"dependencies: {len(pins)} pinned, {len(LINKED)} linked, {len(LOADED)} loaded on first use, {len(problems)} problems")
sys.exit(bool(problems))
