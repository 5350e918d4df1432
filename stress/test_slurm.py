"""The workflow on a cluster: jobs, GPUs, time limits, and what stays when Snakemake is interrupted or killed."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest
from slurm_machine import OneMachine, why_not
from slurm_project import DevicesOfTrainings, Project, Start
from workflow_copy import copy_of_project, counted, jobs_of
from world.killing import sums

PROJECT = Path(__file__).parents[1]
# The demo with fewer steps and one s_in for each experiment; every training asks for a GPU.
S_IN = {"mocap_351": 5, "people_351": 5, "people_351_pt": 20, "people_81": 10}
EPOCH = {"train": {"epochs": 1, "steps_per_epoch": 40}}
DEMO = {
    "experiments": {"mini_351": EPOCH, "mini_81": EPOCH},
    "studies": {
        "demo": {"resources": {"gpus": 1}, "experiments": {name: {"evaluate_s_in": [s_in]} for name, s_in in S_IN.items()}}
    },
}
SUBMITTED = {
    "merge_mocap": 2,
    "train_network": 4,
    "predict_poses": 4,
    "score_predictions": 4,
    "score_mean_pose": 1,
}
LOCAL = {"resolve_run": 4, "plan_tables": 1, "write_tables": 1, "fetch_source": 1}
OUTPUTS = ("weights.h5", "history.csv")

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def figures(collected: Callable[..., Any]) -> Iterator[list[str]]:
    """Lines of the table in docs/reliability.md."""
    with collected("slurm", 6) as lines:
        yield lines


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("cluster")
    copy = copy_of_project(PROJECT, folder / "project", is_real=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with OneMachine(folder / "slurm") as slurm:
        yield Project(copy.folder, slurm)
    assert not slurm.processes(), "something of SLURM is still running"


def test_demo_runs_to_its_tables(project: Project, figures: list[str]) -> None:
    archive = project.folder / "data/raw/weights/h36m_81.h5"  # brought, so that fetching it needs no network
    archive.parent.mkdir(parents=True)
    with h5py.File(archive, "w"):
        pass
    targets = ("--", "demo", "results/data/sources/weights_h36m_81.json")
    with DevicesOfTrainings() as devices:
        start = project.start(*targets, **DEMO)
        assert start.end(900) == 0, start.said
    assert project.rules_of_jobs() == SUBMITTED
    assert counted(jobs_of(start.said)) == {**SUBMITTED, **LOCAL}
    jobs = project.slurm.jobs()
    assert {fields["JobState"] for fields in jobs.values()} == {"COMPLETED"}
    on_gpu = {number for number, fields in jobs.items() if fields.get("TresPerJob") == "gres:gpu:1"}
    assert on_gpu == {number for number, fields in jobs.items() if re.match("rule_(train|predict)", fields["Comment"])}
    assert len(devices.seen) == 4, "not every training was seen running"
    assert set(devices.seen) <= on_gpu
    assert set(devices.seen.values()) <= {"0", "1"}, "a training without a device of its own"
    assert "simulated detections" in (project.folder / "results/demo/tables/main_results.md").read_text("utf-8")
    assert "Nothing to be done" in project.run("--dry-run", "--", "demo", **DEMO)
    local = sum(LOCAL.values())
    figures += [
        f"| the demo, with fewer steps, to its tables | {len(jobs)} jobs through SLURM, {local} local ones, {start.seconds:.0f} s;"
        " then nothing to be done |",
        f"| GPUs | {len(on_gpu)} trainings and predictions asked for one and got it |",
    ]


def test_training_outlives_time_limits(project: Project, figures: list[str], tmp_path: Path) -> None:
    log = project.folder / "logs/demo/people_81/seed_0/train.log"
    speed = float(re.findall(r"([\d.]+) steps/s", log.read_text("utf-8"))[-1])
    # Longer than the limit of a minute and the half minute that SLURM may be late, whatever the machine has to do just now.
    steps = max(2000, int(speed * 110))
    target = "results/demo/people_81/seed_0/weights.h5"
    changes = {**DEMO, "experiments": {"mini_81": {"train": {"epochs": 1, "steps_per_epoch": steps}}}}
    resources = ("--set-resources", "train_network:runtime=1", "train_network:slurm_extra=''")
    many = ("--preemptible-rules", "train_network", "--preemptible-retries", "10")
    before = project.last_number()
    start = project.start(*resources, *many, "--", target, **changes)
    assert start.end(600) == 0, start.said
    states = Counter(fields["JobState"] for number, fields in project.slurm.jobs().items() if int(number) > before)
    assert states["COMPLETED"] == 1, states
    assert states["TIMEOUT"] >= 1, f"{steps} steps took less than the time limit"
    assert states.total() == states["COMPLETED"] + states["TIMEOUT"]
    assert re.search(r"resuming from step (\d+)", log.read_text("utf-8")), "the last attempt began from the start"
    folder = project.folder / "results/demo/people_81"
    undisturbed = [sys.executable, "scripts/train.py", "--config", str(folder / "run.yaml"), "--seed", "0", "--device", "cpu"]
    undisturbed += ["--frames", "results/demo/data/people.h5", "--out_dir", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(project.folder / "src")}
    subprocess.run(undisturbed, cwd=project.folder, env=environment, capture_output=True, timeout=400, check=True)
    assert sums(folder / "seed_0", OUTPUTS) == sums(tmp_path, OUTPUTS)
    figures.append(
        f"| a training of {steps} steps under a time limit of a minute | ended by it {states['TIMEOUT']} times, each time resumed"
        " from the checkpoint that SIGTERM made it write; same bytes as without limit |"
    )


def many_trainings(steps: int, seeds: int) -> tuple[list[str], dict]:
    changes = {
        **DEMO,
        "experiments": {"mini_81": {"train": {"epochs": 1, "steps_per_epoch": steps}}},
        "studies": {"demo": {"seeds": list(range(10, 10 + seeds)), "resources": {"gpus": 0}}},
    }
    return [f"results/demo/people_81/seed_{seed}/weights.h5" for seed in range(10, 10 + seeds)], changes


def has_submitted(start: Start, number: int) -> Callable[[], bool]:
    return lambda: start.said.count("has been submitted with SLURM jobid") >= number


def test_interrupted_workflow_leaves_no_job(project: Project, figures: list[str]) -> None:
    targets, changes = many_trainings(steps=100_000, seeds=12)
    cancelled = []
    for submitted in (1, 5, 12):
        before = project.last_number()
        start = project.start("--", *targets, **changes)
        start.wait_for(f"{submitted} submitted jobs", has_submitted(start, submitted))
        start.send(signal.SIGINT)
        assert start.end(180) != 0
        assert project.slurm.queue() == [], start.said
        cancelled.append(project.last_number() - before)
    assert min(cancelled) >= 1
    figures.append(
        f"| Snakemake interrupted (SIGINT) {len(cancelled)} times, also while it submits | {sum(cancelled)} submitted jobs,"
        " none left |"
    )


def test_terminated_workflow_finishes_what_runs(project: Project, figures: list[str]) -> None:
    targets, changes = many_trainings(steps=30, seeds=5)
    before = project.last_number()
    start = project.start("--jobs", "2", "--", *targets, **changes)
    start.wait_for("2 submitted jobs", has_submitted(start, 2))
    start.send(signal.SIGTERM)
    assert start.end(180) != 0
    assert project.slurm.queue() == []
    jobs = [fields for number, fields in project.slurm.jobs().items() if int(number) > before]
    assert [fields["JobState"] for fields in jobs] == ["COMPLETED"] * 2
    assert sum((project.folder / target).exists() for target in targets) == 2
    figures.append(f"| Snakemake terminated (SIGTERM) | {len(jobs)} running jobs finished, no other one submitted, none left |")


def test_killed_snakemake_leaves_jobs_that_the_next_start_cancels(project: Project, figures: list[str]) -> None:
    targets, changes = many_trainings(steps=300, seeds=4)
    before = project.last_number()
    start = project.start("--", *targets, **changes)
    start.wait_for("4 submitted jobs", has_submitted(start, 4))
    checkpoints = project.folder / "results/demo/people_81/seed_10/checkpoints"
    start.wait_for("a running training", lambda: checkpoints.exists())
    start.send(signal.SIGKILL)
    start.end()
    left = project.slurm.queue()
    assert left, "nothing was left behind"
    locked = project.start("--", *targets, **changes)
    assert locked.end(60) != 0
    assert "cannot be locked" in locked.said
    assert project.run("--unlock", "--", *targets, **changes)
    said = project.run("--", *targets, **changes)
    assert "a former start left behind" in said
    assert project.slurm.queue() == []
    states = Counter(fields["JobState"] for number, fields in project.slurm.jobs().items() if int(number) > before)
    assert states["COMPLETED"] >= len(targets)
    assert all((project.folder / target).exists() for target in targets)
    figures.append(
        f"| Snakemake killed (SIGKILL) | {len(left)} jobs left; after `--unlock` the next start cancels them and builds all"
        f" {len(targets)} trainings |"
    )
