"""Damaged and hostile files for every reader: each gives one readable error that names the file, or a sound result.

``make stress-fuzz``. UPLIFT_FUZZ_CASES and UPLIFT_FUZZ_SEED (default 120000 and 1) change how many, and which. A case that was not
dealt with is kept in ``logs/fuzz``, and reported with what it takes to make it again.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
CASES = int(os.environ.get("UPLIFT_FUZZ_CASES", "120000"))
SEED = int(os.environ.get("UPLIFT_FUZZ_SEED", "1"))
WORKERS = 2
MEMORY = 1 << 30  # bytes that reading may take beside the libraries
STILL = 30  # s of the processor without a further case: a hang inside of a library, which no signal of Python's ends

Plan = list[tuple[str, int, int, int]]


def environment() -> dict[str, str]:
    paths = [str(PROJECT / folder) for folder in ("src", "tests", "stress")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }


def shares(folder: Path) -> dict[str, float]:
    """The readers with their shares of the cases."""
    subprocess.run(
        [sys.executable, "-m", "fuzz.worker", folder, str(SEED), "0"], env=environment(), check=True, capture_output=True
    )
    return json.loads((folder / "readers.json").read_text())


def watched(folder: Path) -> int:
    """Run a worker to its end; one that stands still is killed. Returns its status."""
    with (folder / "worker.log").open("a") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "fuzz.worker", folder, str(SEED), str(MEMORY)], env=environment(), stdout=log, stderr=log
        )
        at, seen, since = folder / "at.json", "", 0.0
        while worker.poll() is None:
            time.sleep(0.5)
            now, used = at.read_text() if at.exists() else "", _processor_time(worker.pid)
            if now != seen:
                seen, since = now, used
            elif now and used - since > STILL:
                worker.kill()
                worker.wait()
    return worker.returncode


def _processor_time(pid: int) -> float:
    """Seconds that a process has computed; a machine that is busy or stopped does not count."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def feed(folder: Path, plan: Plan) -> list[dict[str, Any]]:
    """Run all cases of a plan, over the crashes of the worker. Returns its outcomes."""
    crashes: list[dict[str, Any]] = []
    folder.mkdir(parents=True, exist_ok=True)
    while plan:
        (folder / "at.json").unlink(missing_ok=True)
        (folder / "plan.json").write_text(json.dumps(plan))
        status = watched(folder)
        if status == 0:
            break
        log = (folder / "worker.log").read_text(errors="replace")[-1500:]
        assert (folder / "at.json").exists(), f"no case was reached: {log}"
        at = json.loads((folder / "at.json").read_text())
        done = [json.loads(line) for line in (folder / "outcomes.jsonl").read_text().splitlines()]
        reported = max((line["next"] for line in done if line["reader"] == at["reader"] and "next" in line), default=None)
        names = [name for name, *_ in plan]
        assert at["reader"] in names, log
        plan = plan[names.index(at["reader"]) :]
        name, first, stop, step = plan[0]
        first = max(first, reported or first)
        lost = len(range(first, at["case"] + step, step))  # since the last report: all were dealt with but the last one
        crashes.append({"failure": f"the process ended with {status}: {log}", "reader": name, "case": at["case"], "lost": lost})
        plan[0] = (name, at["case"] + step, stop, step)
        assert len(crashes) < 20, crashes
    return [json.loads(line) for line in (folder / "outcomes.jsonl").read_text().splitlines()] + crashes


def summary(outcomes: Sequence[dict[str, Any]], names: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """For each reader the sums; and all failures, as lines."""
    table: dict[str, dict[str, Any]] = {name: {"cases": 0, "read": 0, "refused": 0, "failed": 0, "slowest": 0.0} for name in names}
    failures = []
    for outcome in outcomes:
        row = table[outcome["reader"]]
        if "failure" in outcome:
            failures.append(
                f"{outcome['reader']}, seed {SEED}, case {outcome['case']}, {outcome.get('file', '')}: {outcome['failure']}"
            )
            if "lost" in outcome:
                row["cases"] += outcome["lost"]
                row["failed"] += 1
                row["refused"] += outcome["lost"] - 1
            continue
        for key in ("cases", "read", "refused", "failed"):
            row[key] += outcome[key]
        row["slowest"] = max(row["slowest"], outcome["slowest"])
    return table, failures


def test_every_reader(recorded: Callable[[str, Sequence[str]], None], tmp_path: Path) -> None:
    kept = PROJECT / "logs/fuzz"
    shutil.rmtree(kept, ignore_errors=True)
    parts = shares(tmp_path)
    whole = sum(parts.values())
    totals = {name: -(-int(CASES * share / whole) // WORKERS) * WORKERS for name, share in parts.items()}
    start = time.monotonic()
    names = list(totals)
    with ThreadPoolExecutor(WORKERS) as pool:
        plans = [
            [(name, worker, totals[name], WORKERS) for name in (names if worker else names[::-1])] for worker in range(WORKERS)
        ]
        done = list(
            pool.map(lambda work: feed(*work), [(tmp_path / f"worker_{number}", plan) for number, plan in enumerate(plans)])
        )
    minutes = (time.monotonic() - start) / 60
    table, failures = summary([outcome for part in done for outcome in part], names)
    if failures:
        kept.mkdir(parents=True)
        for path in tmp_path.glob("worker_*/failed_*"):
            shutil.copy(path, kept)
        (kept / "failures.txt").write_text("\n\n".join(failures), encoding="utf-8")
    sums = {key: sum(row[key] for row in table.values()) for key in ("cases", "read", "refused", "failed")}
    lines = ["| reader | cases | refused with one error | read, and sound | failures | slowest |", "|---|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {name} | {row['cases']} | {row['refused']} | {row['read']} | {row['failed']} | {row['slowest'] * 1000:.0f} ms |"
        for name, row in table.items()
    ]
    slowest = max(row["slowest"] for row in table.values())
    lines.append(f"| **all** | {sums['cases']} | {sums['refused']} | {sums['read']} | {sums['failed']} | {slowest * 1000:.0f} ms |")
    sentence = (
        f"{sums['cases']} cases with the seed {SEED} in {minutes:.0f} minutes on {WORKERS} cores, {MEMORY >> 20} MiB for each."
    )
    if CASES >= 100_000:
        recorded("fuzz", [sentence, "", *lines])
    print("\n".join([sentence, *lines]))
    assert not failures, f"{len(failures)} cases, in {kept}:\n" + "\n\n".join(failures[:10])
    assert sums["cases"] >= CASES * 0.99 and all(row["read"] and row["refused"] for row in table.values())
