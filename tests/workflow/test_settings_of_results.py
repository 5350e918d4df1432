"""Changed settings count where results are present without Snakemake's records of them (copied into a fresh clone)."""

import json
import shutil
from pathlib import Path

import h5py
import pytest
from workflow_copy import Workflow

from uplift_upsample.plan.settled import differences

RATE = {"mini_81": {"train": {"schedule_params": {"initial_learning_rate": 0.004}}}}
TRAINED_AGAIN = {"resolve_run": 1, "train_network": 1, "predict_poses": 1, "score_predictions": 1, "write_tables": 1}


@pytest.fixture
def copied(built: Workflow) -> Workflow:
    """Results without Snakemake's records."""
    shutil.rmtree(built.folder / ".snakemake")
    return built


def contents(workflow: Workflow) -> dict[Path, tuple[int, bytes]]:
    files = [path for path in (workflow.folder / "results").rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def record(workflow: Workflow, place: str, **values: object) -> None:
    (workflow.folder / "results" / place).write_text(json.dumps(values), encoding="utf-8")


def test_copied_results_are_taken_as_long_as_their_settings_are_the_planned_ones(copied: Workflow) -> None:
    assert copied.counts() == {}


def test_another_learning_rate_trains_again_and_a_dry_run_writes_nothing(copied: Workflow) -> None:
    before = contents(copied)
    result = copied.snakemake("--dry-run", "demo", experiments=RATE)
    assert (
        "results/demo/people_81/run.yaml has other settings than the configuration: "
        "train.schedule_params.initial_learning_rate 0.006, now 0.004" in (result.stdout + result.stderr)
    )
    assert copied.counts("demo", experiments=RATE) == TRAINED_AGAIN
    assert contents(copied) == before
    copied.build("results/demo/people_81/seed_0/weights.h5", experiments=RATE)  # a named target, too
    assert "initial_learning_rate: 0.004" in (copied.folder / "results/demo/people_81/run.yaml").read_text(encoding="utf-8")
    assert copied.counts("results/demo/people_81/seed_0/weights.h5", experiments=RATE) == {}


def test_other_tables_are_planned_again(copied: Workflow) -> None:
    assert copied.counts("demo", verdict={"trained_here": {"pass_mm": 0.7}}) == {"plan_tables": 1, "write_tables": 1}


def test_records_beside_results_tell_their_settings(copied: Workflow) -> None:
    """Weights, predictions and scores whose records have other settings than those planned."""
    target = "results/demo/people_81/seed_0/s_in_10/scores.json"
    record(copied, "demo/people_81/seed_0/s_in_10/scores.json", protocol={"learned_upsampling": False})
    assert copied.counts(target) == {"score_predictions": 1}
    evaluate = {"mirror": False, "test_step": 1, "precision": "float32"}
    record(copied, "demo/people_81/seed_0/s_in_10/prediction.json", configuration={"evaluate": evaluate, "test_subset": "test"})
    assert copied.counts(target) == {"predict_poses": 1, "score_predictions": 1}
    record(copied, "demo/people_81/seed_0/training.json", run={"train": {"epochs": 1}})
    assert copied.counts(target) == {"train_network": 1, "predict_poses": 1, "score_predictions": 1}


def test_frames_tables_tell_what_they_were_made_from(copied: Workflow) -> None:
    table = copied.folder / "results/paper/data/amass.h5"
    with h5py.File(table, "r+") as file:
        metadata = json.loads(file.attrs["metadata"])
        file.attrs["metadata"] = json.dumps(
            {**metadata, "sources": [{"file": "CMU.npz", "sha256": "another"}, *metadata["sources"][1:]]}
        )
    assert copied.counts("results/paper/data/amass.h5") == {"convert_amass": 1}


def test_differences_are_told_by_their_places() -> None:
    held = {"a": {"b": [1, 2], "c": 1}, "same": (1,), "gone": 0}
    planned = {"a": {"b": (1, 3), "c": 1}, "same": [1], "new": None}
    assert differences(held, planned) == ["a.b.1 2, now 3", "new missing, now None", "gone 0, now missing"]
    assert differences(planned, planned) == []
