"""The paper from its data to its tables, for real: every job and every script, on small files in the public formats.

The configuration is the published one with smaller networks and fewer steps. Windows, strides, schedules, averages, subsets and
s_in stay as published. The people are synthetic, but the files do not say so: real ones do not either.
"""

import csv
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from workflow_copy import PAPER, Workflow, copy_of_project, jobs_of

from uplift_upsample.data import synthetic
from uplift_upsample.data.public_npz import write_amass_subset, write_positions_2d, write_positions_3d
from uplift_upsample.files import sha256_of_file

EXPERIMENTS = ("amass_351", "h36m_351", "h36m_351_pt", "h36m_81")
LENGTHS = (24, 40)  # frames of a sequence: all are shorter than a window
NETWORK = {"spatial_dim": 8, "temporal_dim": 16, "spatial_blocks": 1, "temporal_blocks": 1, "num_heads": 2}
TRAINING = {"batch_size": 8, "epochs": 2, "steps_per_epoch": 3, "jit_compile": False}
RESOURCES = {"train_threads": 1, "predict_threads": 1, "gpus": 0}
CHANGES = {
    "reproduce": ["paper"],
    "experiments": {name: {"model": NETWORK, "train": TRAINING} for name in EXPERIMENTS},
    "studies": {"paper": {"seeds": [0], "resources": RESOURCES}},
}


def bring_small_data(workflow: Workflow) -> None:
    """Put small files where the user's licensed data belongs."""
    data = workflow.config()["studies"]["paper"]["data"]
    positions_3d = synthetic.h36m_recordings(0, LENGTHS)
    detected = synthetic.detections(synthetic.projections(positions_3d), 0)
    write_positions_3d(workflow.folder / data["h36m"]["poses_3d"], positions_3d)
    write_positions_2d(workflow.folder / data["h36m"]["poses_2d"].format(**data["h36m"]), detected)
    for seed, subset in enumerate(data["amass"]["subsets"]):
        people = synthetic.amass_subset("CMU", 2, seed, LENGTHS)
        write_amass_subset(workflow.folder / data["amass"]["folder"] / f"{subset}.npz", people)


@pytest.fixture(scope="module")
def paper(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workflow, str]:
    """A copy of the project in which the paper was built with the real scripts, and what Snakemake said."""
    workflow = copy_of_project(project, tmp_path_factory.mktemp("paper") / "project", is_real=True)
    bring_small_data(workflow)
    return workflow, workflow.build(**CHANGES)


@pytest.fixture(scope="module")
def results(paper: tuple[Workflow, str]) -> Path:
    return paper[0].folder / "results/paper"


def numbers(value: Any) -> Iterator[float | None]:
    """All numbers in a JSON document."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from numbers(part)
    elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield value


def records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_job_ran_once_and_nothing_is_left_to_do(paper: tuple[Workflow, str]) -> None:
    workflow, said = paper
    assert Counter(job.rule for job in jobs_of(said)) == PAPER
    assert {job.experiment for job in jobs_of(said)} == {*EXPERIMENTS, None}
    assert workflow.counts(**CHANGES) == {}


def test_trainings_are_the_published_ones_in_small(results: Path) -> None:
    for name in EXPERIMENTS:
        training = read(results / name / "seed_0/training.json")
        assert (training["epochs"], training["steps"]) == (2, 6)
        assert not training["is_synthetic"]
        losses = [float(row["loss_mm"]) for row in records(results / name / "seed_0/history.csv")]
        assert len(losses) == 2
        assert all(map(math.isfinite, losses))
    windows = {name: read(results / name / "seed_0/training.json")["run"]["model"] for name in EXPERIMENTS}
    assert {name: (model["num_tokens"], model["s_out"]) for name, model in windows.items()} == {
        **dict.fromkeys(EXPERIMENTS[:3], (71, 5)),
        "h36m_81": (41, 2),
    }


def test_pretraining_is_validated_on_other_motion_capture(results: Path) -> None:
    training = read(results / "amass_351/seed_0/training.json")
    assert training["identity"]["data"]["validation"]["subjects"] == ["MPIHDM05", "MPImosh", "SFU"]
    assert training["best_epoch"] == 2
    assert [row["validation_mpjpe_mm"] != "" for row in records(results / "amass_351/seed_0/history.csv")] == [False, True]


def test_fine_tuning_starts_from_the_pretrained_weights(results: Path) -> None:
    pretrained = sha256_of_file(results / "amass_351/seed_0/weights.h5")
    assert read(results / "amass_351/seed_0/training.json")["weights_sha256"] == pretrained
    start = {name: read(results / name / "seed_0/training.json")["identity"]["initial_weights_sha256"] for name in EXPERIMENTS}
    assert start == {**dict.fromkeys(EXPERIMENTS), "h36m_351_pt": pretrained}


def test_scores_are_finite_and_from_the_published_protocol(results: Path) -> None:
    paths = sorted(results.glob("*/seed_0/s_in_*/scores.json"))
    strides = {name: [4, 10, 20] if name == "h36m_81" else [5, 10, 20] for name in EXPERIMENTS}
    assert {str(path.relative_to(results)) for path in paths} == {
        f"{name}/seed_0/s_in_{s_in}/scores.json" for name in EXPERIMENTS for s_in in strides[name]
    }
    for path in [*paths, results / "mean_pose/scores.json"]:
        document = read(path)
        protocol = document.pop("protocol")
        found = list(numbers(document))
        assert len(found) >= 3 * (2 + 15)  # metrics; averages and actions
        assert all(value is not None and math.isfinite(value) for value in found)
        assert (protocol["dataset"], sorted(protocol["subjects"])) == ("h36m", ["S11", "S9"])
        assert not protocol["is_synthetic"]
        if protocol["experiment"] != "mean_pose":
            assert (protocol["input_2d"], protocol["mirror"], protocol["is_s_in_trained"]) == ("cpn_ft_h36m_dbb", True, True)


def test_tables_show_published_figures_beside_ours(results: Path, project: Path) -> None:
    rows = records(results / "tables/main_results.csv")
    assert all(row["status"] == "run" and math.isfinite(float(row["mean_mm"])) for row in rows)
    figures = records(project / "workflow/resources/paper_results.csv")
    published = {(row["model"], row["s_in"]): float(row["value_mm"]) for row in figures}
    compared = [row for row in rows if row["published_mm"] != "n/a"]
    averages = ("action_wise", "frame_wise")
    assert sorted((row["experiment"], row["s_in"], row["average"]) for row in compared) == sorted(
        (*key, average) for key in published for average in averages
    )
    for row in compared:
        figure = published[row["experiment"], row["s_in"]]
        assert float(row["published_mm"]) == figure
        assert float(row["difference_mm"]) == pytest.approx(float(row["mean_mm"]) - figure, abs=1e-5)


def test_tables_are_complete_and_not_synthetic(results: Path) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in (results / "tables").iterdir()}
    for document in ("main_results", "per_action", "learned_upsampling", "pretraining"):
        assert {f"{document}.csv", f"{document}.md", f"{document}.tex"} <= texts.keys()
    assert not [name for name, text in texts.items() if "SYNTHETIC" in text]
    assert not [name for name, text in texts.items() if name.endswith(".csv") and "NOT RUN" in text]
    assert "| amass_351 (trained on amass only) | not fine-tuned |" in " ".join(texts["main_results.md"].split())
    assert "Pre-training (amass_351)" in texts["pretraining.md"]
