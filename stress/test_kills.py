"""Trainings and evaluations that are killed, run out of disk or find their files damaged: the same command ends in the same bytes.

`make stress-kills` runs this and writes the figures into docs/reliability.md. Chance is seeded; the system's own timing is not.
"""

import logging
import os
import random
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import kill_study
import numpy as np
import pytest
from kill_rounds import (
    NUM_AT_ONCE,
    SIGNALS,
    STOPPED,
    Tally,
    assert_newest_is_whole,
    assert_one_clear_error,
    at_once,
    damage,
    free_pages,
    full_disk_round,
    one_round,
)
from paper_copy import paper_on_sites
from victims import (
    EPOCHS,
    PROJECT,
    STEPS_PER_EPOCH,
    Forks,
    Training,
    make_world,
    resumed_at,
    small_disk,
    start_really,
    until_moment,
    wait_until,
)
from workflow_copy import Workflow
from world.processes import KilledJob

from uplift_upsample.base.files import sha256_of_file
from uplift_upsample.train.checkpoint import Checkpoint, CheckpointFolder

NUM_ROUNDS, NUM_REAL_ROUNDS = 30, 3


@pytest.fixture(scope="module")
def tally() -> Tally:
    return Tally()


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    forks = Forks(NUM_AT_ONCE)
    yield forks
    forks.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    make_world(folder)
    return folder


@pytest.fixture(scope="module")
def whole(world: Path, forks: Forks) -> Training:
    """An uninterrupted run."""
    training = Training(world, "whole", forks.start)
    training.finish()
    return training


@pytest.fixture(scope="module")
def half(world: Path, forks: Forks) -> Training:
    """A run that was stopped in its second half."""
    training = Training(world, "half", forks.start)
    job = training.start()
    assert wait_until(lambda: training.step() >= (EPOCHS * 2 // 3) * STEPS_PER_EPOCH, job)
    job.send(signal.SIGTERM)
    assert job.wait() == STOPPED
    assert len(training.checkpoints()) == 2
    return training


def test_killed_trainings_end_in_the_same_bytes(world: Path, forks: Forks, whole: Training, tally: Tally) -> None:
    expected = whole.result()
    assert expected["left over"] == []
    rounds = [partial(one_round, index, world, forks.start, expected, tally) for index in range(NUM_ROUNDS)]
    rounds += [partial(one_round, index, world, start_really, expected, tally) for index in range(NUM_REAL_ROUNDS)]
    at_once(rounds)
    counts = tally.counts
    assert counts["lost"] == 0
    assert counts["rounds"] == NUM_ROUNDS + NUM_REAL_ROUNDS >= 30
    assert counts["in_checkpoint"] * 3 >= counts["kills"], counts
    assert min(counts[number.name] for number in SIGNALS) >= 10
    assert max(tally.seconds_to_end) < 30, "the least that clusters leave between SIGTERM and SIGKILL"
    tally.say("rounds: a training killed several times, then finished", counts["rounds"])
    tally.say("of these by the command line itself, the others forked after TensorFlow's import", counts["real_rounds"])
    tally.say("kills", f"{counts['kills']} ({', '.join(f'{number.name} {counts[number.name]}' for number in SIGNALS)})")
    tally.say("of these while a checkpoint was written", counts["in_checkpoint"])
    tally.say("of these ended with a checkpoint of the step they were at", counts["stopped"])
    ends = sorted(tally.seconds_to_end)
    tally.say("seconds from SIGTERM or SIGINT to the end, median and most", f"{ends[len(ends) // 2]:.2f}, {ends[-1]:.2f}")
    tally.say("trainings that ended in other bytes, checkpoints lost", f"{counts['lost']}, 0")


def test_damaged_checkpoints(half: Training, whole: Training, tally: Tally) -> None:
    """The one before is used, with a warning; without one, training starts anew."""
    before, newest = (int(path.stem.removeprefix("step_")) for path in half.checkpoints())

    def newest_is_damaged(index: int) -> None:
        rng = random.Random(100 + index)
        training = half.copy(f"damaged_{index}")
        damage(("cut", "flipped", "zeroed")[index % 3], training.checkpoints()[-1], rng)
        said = training.finish()
        assert f"step_{newest:09d}.npz is damaged" in said, said
        assert resumed_at(said) == before, said
        assert training.result() == whole.result()

    def all_are_damaged(index: int) -> None:
        rng = random.Random(200 + index)
        training = half.copy(f"all_damaged_{index}")
        for path in training.checkpoints():
            damage(("cut", "flipped")[index % 2], path, rng)
        said = training.finish()
        assert said.count("is damaged") == 2
        assert "training starts from its first step" in said
        assert training.result() == whole.result()

    at_once([partial(newest_is_damaged, i) for i in range(12)] + [partial(all_are_damaged, i) for i in range(2)])
    tally.say("trainings whose newest checkpoint was cut, had bits flipped or a page zeroed: the one before was used", 12)
    tally.say("trainings whose checkpoints were all damaged: started anew", 2)


def test_no_damage_passes_for_a_checkpoint(tmp_path: Path, tally: Tally) -> None:
    """A damaged file either holds the same arrays, because the damage hit a place without meaning, or is refused."""
    logging.getLogger("uplift_upsample").setLevel(logging.ERROR)
    arrays = {f"variables_{i:05d}": np.random.default_rng(i).normal(size=(7, i + 1)).astype(np.float32) for i in range(6)}
    CheckpointFolder(tmp_path).save(Checkpoint(3, arrays, {"at": 3}))
    content = (tmp_path / "step_000000003.npz").read_bytes()
    rng, counts = random.Random(5), Counter[str]()
    for _ in range(3000):
        damaged = bytearray(content)
        if rng.random() < 0.3:
            damaged = damaged[: rng.randrange(len(content))]
        for _ in range(rng.randrange(1, 4)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        (tmp_path / "step_000000003.npz").write_bytes(damaged)
        found = CheckpointFolder(tmp_path).newest()
        is_same = found is not None and found.state == {"at": 3} and found.arrays.keys() == arrays.keys()
        is_same = is_same and all(np.array_equal(found.arrays[name], arrays[name]) for name in arrays)
        counts["refused" if found is None else "same" if is_same else "wrong"] += 1
    assert counts["wrong"] == 0
    tally.say("damaged checkpoint files read: refused, read to the same content, read to other content",
              f"{counts['refused']}, {counts['same']}, {counts['wrong']}")  # fmt: skip


def test_clock_that_is_set_back(half: Training, whole: Training, world: Path, forks: Forks, tally: Tally) -> None:
    newest = half.step()

    def files_from_the_future() -> None:
        training = half.copy("future")
        for age, path in enumerate(training.checkpoints()):
            os.utime(path, (2e9 - 1e8 * age, 2e9 - 1e8 * age))  # the older, the later
        assert resumed_at(training.finish()) == newest
        assert training.result() == whole.result()

    def clock_runs_backwards(training: Training) -> None:
        said = training.finish(fault="clock")
        assert "WARNING" not in said, said
        assert training.result() == whole.result()

    at_once([files_from_the_future, *(partial(clock_runs_backwards, t) for t in (Training(world, "clock", forks.start),
                                                                                 half.copy("clock_again")))])  # fmt: skip
    tally.say("trainings with the clock set back, or files from the future", 3)


def test_full_disk(world: Path, forks: Forks, half: Training, whole: Training, tally: Tally, tmp_path: Path) -> None:
    """One clear error; the last good checkpoint is there; the same command ends in the same bytes when there is room."""

    def refused_by_the_system(index: int) -> None:
        """From a random moment on no file may grow beyond 300 kB: a full disk, as far as checkpoints are concerned."""
        rng = random.Random(300 + index)
        training = Training(world, f"refused_{index}", forks.start)
        job = training.start()
        until_moment("training", training, job, rng)
        at = training.step()
        resource.prlimit(job.pid, resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        assert_one_clear_error(job)
        assert_newest_is_whole(training, at)
        training.finish()
        assert training.result() == whole.result()

    at_once([partial(refused_by_the_system, index) for index in range(4)])
    num_full = 0
    with small_disk(tmp_path / "disk", 60) as is_mounted:
        for index, num_free in enumerate(free_pages(whole) if is_mounted else []):
            training = Training(world, f"full_{index}", forks.start)
            training.out_dir.rmdir()
            training.out_dir = tmp_path / "disk" / training.name
            training.out_dir.mkdir()
            (world / training.name).symlink_to(training.out_dir)
            full_disk_round(training, num_free, random.Random(400 + index), whole)
            (world / training.name).unlink()
            num_full += 1
    tally.say(
        "full disks while a checkpoint, weights, history or record was written", f"{num_full} (and 4 limits on the size of files)"
    )


def test_loss_that_explodes(world: Path, forks: Forks, tally: Tally) -> None:
    """The run stops, names the step, and keeps the last good state; so it does again with the same command."""
    training = Training(world, "diverging", forks.start, "diverging.yaml")
    for _ in range(2):
        job = training.start()
        assert job.wait() == 2, job.said()
        assert "Traceback" not in job.said()
        kept = training.step()
        assert f"the last good state, step {kept}, is kept in" in job.said()
        said = ("the loss of", "not finite after", "the validation error after")
        assert any(f"{what} step {step}" in job.said() for what in said for step in range(45, 50)), job.said()
        assert_newest_is_whole(training, 40)
        assert all(np.isfinite(array).all() for path in training.checkpoints() for array in np.load(path).values())
        assert not (training.out_dir / "weights.h5").exists()
    tally.say("trainings whose loss or weights became infinite: stopped, the last good state kept", 2)


def test_second_writer_is_refused(world: Path, forks: Forks, whole: Training, tally: Tally) -> None:
    """Even with other settings: both would write the same outputs."""
    training = Training(world, "twice", forks.start)
    first = training.start()
    assert wait_until(training.checkpoints, first)
    second, other = training.start(), Training(world, "twice", start_really, "diverging.yaml").start()
    for refused in (second, other):
        assert refused.wait() == 2, refused.said()
        assert f"another process ({first.pid} on " in refused.said()
        assert "wait for it or stop it, then start the same command again" in refused.said()
    assert first.wait() == 0
    assert training.result() == whole.result()
    tally.say("second writers refused while the first one went on", 2)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    return kill_study.make_study(tmp_path_factory.mktemp("study") / "project")


def test_orphaned_training(study: Workflow, tally: Tally) -> None:
    """Snakemake is killed, its training lives on: a second one is refused, and goes on where the first was stopped."""
    kill_study.orphan_round(study)
    tally.say("Snakemake killed with SIGKILL, its training left behind: second one refused, then the same bytes", 1)


@pytest.mark.parametrize("script", ["predict_poses", "score_predictions", "write_tables", "check_weights"])
def test_killed_evaluation(script: str, study: Workflow, forks: Forks, tally: Tally) -> None:
    """Outputs are whole or not there, and the same command ends in the same bytes."""
    for index in range(kill_study.NUM_ROUNDS):
        tally.add(evaluations=1, evaluations_killed=kill_study.killed_round(script, index, study, forks))
    if script == "check_weights":
        assert tally.counts["evaluations_killed"] >= 10
        tally.say(
            "killed jobs of the evaluation (predict, score, tables, check of weights); half outputs, other bytes",
            f"{tally.counts['evaluations_killed']} of {tally.counts['evaluations']} rounds; 0, 0",
        )


def test_killed_jobs_of_a_whole_workflow(tally: Tally, tmp_path: Path) -> None:
    """From the sites to both public files and an AMASS subset; each kind of job is killed once or more."""
    targets = ("results/data/amass/CMU.npz", "results/data/h36m/data_3d_h36m.npz")
    with paper_on_sites(PROJECT, tmp_path / "paper", {}) as paper:
        undisturbed = paper.workflow.copy_to(tmp_path / "undisturbed")
        undisturbed.build(*targets)
        workflow = replace(paper.workflow, is_warm=False)  # what is killed is the job
        rng, killed = random.Random(0), list[str]()
        for _ in range(9):
            with KilledJob(workflow.folder, rng.uniform(0, 0.3), spared=killed) as victim:
                result = workflow.snakemake(*targets)
            killed += victim.killed
            if result.returncode == 0:
                break
        assert result.returncode == 0, result.stdout + result.stderr
    assert len(killed) >= 4, "one job of each kind, unless it was quicker than its kill"
    made = [
        path.relative_to(workflow.folder) for place in ("data", "results/data") for path in (workflow.folder / place).rglob("*")
    ]
    compared = [path for path in made if (workflow.folder / path).is_file() and path.name != "checksums.lock"]
    assert len(compared) == 2 * 11 + 7 + 2 + 1 + 2  # files and manifests; subjects; both merged; body model; subset and report
    for path in compared:
        assert sha256_of_file(workflow.folder / path) == sha256_of_file(undisturbed.folder / path), path
    sums = [(place.folder / "data/checksums.lock").read_text("utf-8").splitlines() for place in (workflow, undisturbed)]
    assert sorted(sums[0]) == sorted(sums[1])
    tally.say("jobs of downloads and conversions killed under Snakemake, the same command again; files with other bytes",
              f"{len(killed)}; 0 of {len(compared)}")  # fmt: skip


def test_figures_are_recorded(tally: Tally, recorded: Callable[[str, Sequence[str]], None]) -> None:
    """Last, and only if everything before it was done and held."""
    assert len(tally.lines) == 17, "some test before this one failed or was not run"
    recorded("kills", ["| what | how often |", "|---|---|", *tally.lines])
