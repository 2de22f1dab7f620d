"""Every n-th allocation, write and sync fails (threat-model S4, S12): a status, a message, nothing half done, and never an answer
that looks clean. The calls are counted first; then some of them fail, one by one, spread over all (TRACER_TEST_FAILURES sets how
many, 'all' takes each)."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
tracer = os.environ["TRACER"]
EXPLOITER = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
LATE = "1652926841:0:0"
wanted = os.environ.get("TRACER_TEST_FAILURES", "12")
problems, runs, failed, parts = [], 0, 0, 0

if b"__asan_init" in pathlib.Path(tracer).read_bytes():
    print("SKIP failing: the sanitizers have an allocator of their own")
    sys.exit(0)


def run(arguments, library=None, **settings):
    environment = {**os.environ, **({"LD_PRELOAD": library} if library else {}), **settings}
    return subprocess.run([tracer, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=120)


def picked(count):
    if wanted == "all" or count <= int(wanted):
        return range(1, count + 1)
    some = int(wanted)
    first = range(1, some // 4 + 1)
    return sorted({*first, *(1 + i * (count - 1) // (some - 1) for i in range(some))})


def read(path):
    return path.read_bytes() if path.is_file() else None


with tempfile.TemporaryDirectory() as folder:
    here = pathlib.Path(folder)
    library = str(here / "failing.so")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", library, str(root / "tests/preload/failing.c"), "-ldl"], check=True)
    store = here / "store"
    assert run(["demo", "--store", store, "--output", here / "demo.txt"]).returncode == 0
    assert run(["export", "transfers", "--store", store, "--output", here / "t.csv"]).returncode == 0
    output, fresh = here / "out", here / "fresh"
    transfers = here / "small.csv"
    lines = (root / "fixtures/ronin-2022/transfers.csv").read_text().split("\n")
    transfers.write_text("\n".join(line for line in lines if not line.startswith("#")))

    def stored():
        """What is in the store that was to be made: None, or its rows after a verification. Where rows are missing every answer
        says so, and the same import again gives the whole."""
        if not (fresh / "data.mdb").exists():
            return None
        done = run(["store", "verify", "--store", fresh])
        if done.returncode and ("is empty" in done.stderr or "there is no store" in done.stderr):
            return None
        if done.returncode:
            return f"verify: {done.stderr}"
        done = run(["export", "transfers", "--store", fresh])
        return done.stdout if done.returncode == 0 else None

    scenarios = (
        ("trace", ["trace", "--store", store, "--format", "json", "--output", output, "ronin-2022"]),
        ("text", ["trace", "--store", store, "--policy", "haircut", "--output", output, "ronin-2022"]),
        ("check", ["check", "--store", store, "--source", "ronin-2022", "--format", "json", "--output", output, EXPLOITER]),
        ("policies", ["trace", "--store", store, "--policy", "all", "--output", output, "ronin-2022"]),
        ("explain", ["explain", "--store", store, "--source", "ronin-2022", "--output", output, LATE]),
        ("export", ["export", "transfers", "--store", store, "--output", output]),
        ("import", ["import", "--store", fresh, transfers]),
    )
    # S4_every_nth_failed_write_or_sync_leaves_no_half_result_and_no_part_that_does_not_say_so
    # S12_every_nth_failed_allocation_is_a_status_and_leaves_nothing_half_done
    for name, arguments in scenarios:
        for kind in ("alloc", "write", "sync"):
            counted = here / "count"

            def once(**settings):
                shutil.rmtree(fresh, ignore_errors=True)
                output.unlink(missing_ok=True)
                done = run(arguments, library, FAIL_KIND=kind, **settings)
                return done, read(output), stored() if name == "import" else None

            good, good_output, good_store = once(FAIL_COUNT=str(counted))
            assert good.returncode in (0, 10), good.stderr
            count = int(counted.read_text())
            for at in picked(count):
                for on in ("0", "1"):
                    done, written, made = once(FAIL_AT=str(at), FAIL_ON=on)
                    runs += 1
                    what = f"{name}, {kind} {at} of {count}{' and on' if on == '1' else ''}: exit {done.returncode}"
                    same = (done.returncode, written, made) == (good.returncode, good_output, good_store)
                    if same:
                        continue  # the call did not matter
                    failed += 1
                    if done.returncode < 0 or done.returncode in (0, 10, 11):
                        problems.append(f"{what}: {done.stderr[-300:]}")
                    elif not done.stderr.startswith("tracer: "):
                        problems.append(f"{what}: no message: {done.stderr[-300:]!r}")
                    elif written not in (None, good_output):
                        problems.append(f"{what}: half of a result was written")
                    elif made and made.startswith("verify: "):
                        problems.append(f"{what}: {made}")
                    elif name == "import" and made != good_store:
                        parts += bool(made)
                        told = run(["trace", "--store", fresh, EXPLOITER])
                        if made and "\n" in made.rstrip() and (told.returncode != 11 or "was interrupted" not in told.stdout):
                            problems.append(f"{what}: nobody says that rows are missing: {told.returncode} {told.stdout[-300:]}")
                        again = run(arguments)
                        if again.returncode or stored() != good_store:
                            problems.append(f"{what}: the import cannot be done again: {again.stderr}")
for problem in problems[:30]:
    print(problem, file=sys.stderr)
print(f"failing: {runs} runs, {failed} of them failed as they should, {parts} left a part that says so, {len(problems)} problems")
sys.exit(1 if problems or failed < 50 or not parts else 0)
