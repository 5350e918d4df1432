"""A study of the real workflow in miniature: its Snakemake is killed, its training left behind, its evaluations killed."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from glob import glob
from pathlib import Path

import psutil
from victims import PROJECT, Forks, Job, wait_until
from workflow_copy import Workflow, copy_of_project

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.data.download.source_files import SourceFile, write_source_manifest

NUM_ROUNDS = 4  # of each job of the evaluation
EXPERIMENT = Path("results/demo/people_81")
RUN = EXPERIMENT / "seed_0"
CHANGES = {
    "studies": {
        "demo": {
            "run": ["people_81"],
            "experiments": {"people_81": {"evaluate_s_in": [10], "train": {"epochs": 8, "steps_per_epoch": 300},
                                        "evaluate": {"test_step": 4}}},
        }
    }
}  # fmt: skip
COMMANDS = {
    "predict_poses": ["--config", f"{EXPERIMENT}/run.yaml", "--weights", f"{RUN}/weights.h5", "--s_in", "10", "--test_step", "4",
                      "--frames", "results/demo/data/people.h5", "--device", "cpu", "--output", "{out}/predictions.h5"],
    "score_predictions": ["--predictions", f"{RUN}/s_in_10/predictions.h5", "--frames", "results/demo/data/people.h5",
                          "--output", "{out}/scores.json"],
    "write_tables": ["--study", "demo", "--manifest", "results/demo/tables/manifest.json", "--out_dir", "{out}"],
    "check_weights": ["--source", "source.json", "--config", f"{EXPERIMENT}/run.yaml", "--output", "{out}/weights.h5",
                      "--report", "{out}/weights.json"],
}  # fmt: skip


def make_study(folder: Path) -> Workflow:
    """A copy of the project with the data of its study."""
    study = copy_of_project(PROJECT, folder, is_real=True)
    study.build("results/demo/data/people.h5", str(EXPERIMENT / "run.yaml"), **CHANGES)
    return study


def orphan_round(study: Workflow) -> None:
    """Kill Snakemake, meet its orphan with a second Snakemake, stop the orphan, finish; then all the rest of the study."""
    study = replace(study, is_warm=False)  # warm jobs run graphs as they are written, which gives other bytes
    target = str(RUN / "weights.h5")
    environment = {**os.environ, "HOME": str(study.folder / ".home"), "XDG_CACHE_HOME": str(study.folder / ".home")}
    words = [sys.executable, "-m", "snakemake", "--cores", "2", target, "--configfile", "changes.yaml"]
    log = study.folder / "first.log"
    with log.open("w") as file:
        process = subprocess.Popen(words, cwd=study.folder, env=environment, stdout=file, stderr=file, start_new_session=True)
    first = Job(process.pid, log, process.wait)
    assert wait_until(lambda: glob(f"{study.folder / RUN}/checkpoints/*/step_*.npz"), first), first.said()
    first.send(signal.SIGKILL)
    first.wait()
    [orphan] = trainings(study.folder)
    orphan.suspend()  # it has to be there still when the next one starts, however long that takes

    locked = study.snakemake(target, **CHANGES)
    assert locked.returncode != 0
    assert "--unlock" in locked.stdout + locked.stderr
    assert study.snakemake("--unlock", **CHANGES).returncode == 0
    refused = study.snakemake(target, **CHANGES)
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert f"another process ({orphan.pid} on " in said, said
    assert "wait for it or stop it, then start the same command again" in said
    assert orphan.is_running(), "the orphan ended too early to be met"

    orphan.resume()
    orphan.send_signal(signal.SIGTERM)
    orphan.wait(60)
    study.build(target, **CHANGES)
    assert "resuming from step" in (study.folder / "logs/demo/people_81/seed_0/train.log").read_text()
    undisturbed = ["--config", EXPERIMENT / "run.yaml", "--frames", "results/demo/data/people.h5", "--seed", "0", "--device", "cpu"]
    run_here(study, ["train.py", *map(str, undisturbed), "--out_dir", "undisturbed"])
    for name in ("weights.h5", "history.csv"):
        assert sha256_of_file(study.folder / RUN / name) == sha256_of_file(study.folder / "undisturbed" / name)

    study.build("results/demo/tables/scores.csv", **CHANGES)
    weights = study.folder / RUN / "weights.h5"
    found = SourceFile("tiny", str(RUN / "weights.h5"), sha256_of_file(weights), weights.stat().st_size, "here")
    write_source_manifest(study.folder / "source.json", found)


def trainings(folder: Path) -> list[psutil.Process]:
    """The trainings that run in a folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        try:
            if "scripts/train.py" in words[:2] and Path(process.cwd()) == folder:
                found.append(process)
        except psutil.Error:
            continue
    return found


def run_here(study: Workflow, words: list[str]) -> None:
    """Run a script of the copy."""
    environment = {**os.environ, "PYTHONPATH": str(study.folder / "src")}
    command = [sys.executable, f"scripts/{words[0]}", *words[1:]]
    done = subprocess.run(command, cwd=study.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def killed_round(script: str, index: int, study: Workflow, forks: Forks) -> bool:
    """Kill a job, the first time while it writes, else at a random moment; whether it was killed before its end."""
    whole, seconds = finished(script, f"whole/{script}", study, forks)
    name = f"killed/{script}_{index}"
    out = study.folder / name
    out.mkdir(parents=True)
    rng = random.Random(f"{script} {index}")
    job = start(script, name, study, forks)
    if index == 0:
        wait_until(lambda: any(out.glob(".*")), job)
    else:
        time.sleep(rng.uniform(0.1, 0.9) * seconds)
    job.send(signal.SIGKILL)
    is_killed = job.wait() != 0
    assert sums(out).items() <= whole.items(), "what is there is whole"
    assert finished(script, name, study, forks)[0] == whole
    return is_killed


def start(script: str, name: str, study: Workflow, forks: Forks) -> Job:
    (study.folder / name).mkdir(parents=True, exist_ok=True)
    words = [word.format(out=name) for word in COMMANDS[script]]
    return forks.start(f"{script}.py", words, study.folder, study.folder / f"{name}.log")


def finished(script: str, name: str, study: Workflow, forks: Forks) -> tuple[dict[str, str], float]:
    """The sums of what a job wrote, and the seconds that it took."""
    begin = time.monotonic()
    job = start(script, name, study, forks)
    assert job.wait() == 0, job.said()
    return sums(study.folder / name), time.monotonic() - begin


def sums(folder: Path) -> dict[str, str]:
    """SHA-256 of the outputs, temporary files aside."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if not path.name.startswith(".")}
