"""The study of MPI-INF-3DHP: what is said without the data, and all of it on miniature annotations in the true formats."""

from pathlib import Path
from typing import Any

import pytest
from workflow_copy import Workflow, copy_of_project
from world.mpi_inf_3dhp import public_files, write_originals, write_public

from uplift_upsample.data.frames import read_frames_table

STUDY = "mpi_inf_3dhp"
TABLE = f"results/{STUDY}/data/mpi_inf_3dhp.h5"
# A network and a training of seconds.
SMALL: dict[str, Any] = {
    "animations": ["TS1_video_cam0"],
    "resources": {"train_threads": 1, "predict_threads": 1, "gpus": 0, "train_memory": 3000, "predict_memory": 2500},
    "experiments": {
        "mpi_inf_3dhp_81": {
            "base": "mini_81",
            "train": {"steps_per_epoch": 10, "epochs": 1, "schedule_params": {"first_decay_steps": 10}},
        }
    },
}


@pytest.fixture
def workflow(project: Path, tmp_path: Path) -> Workflow:
    return copy_of_project(project, tmp_path / "project", is_real=True)


def test_without_the_data_both_ways_are_said(workflow: Workflow) -> None:
    done = workflow.snakemake("--dry-run", STUDY)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert (
        "mpi_inf_3dhp: training poses, test poses\n  put here: data/data_train_3dhp.npz\n  put here: data/data_test_3dhp.npz"
        in said
    )
    assert "or the original annotations: data/raw/mpi_inf_3dhp/S1/Seq1/annot.mat" in said


def test_public_files_are_taken_as_they_are(workflow: Workflow) -> None:
    (workflow.folder / "data").mkdir()
    write_public(workflow.folder / "data", *public_files())
    workflow.build(TABLE)
    assert read_frames_table(workflow.folder / TABLE).metadata["annotations"] == "universal"
    assert workflow.counts(TABLE) == {}
    write_public(workflow.folder / "data", *public_files(lengths=(30, 30)))
    assert workflow.counts(TABLE) == {"convert_mpi_inf_3dhp": 1}


@pytest.mark.long
def test_the_whole_study_from_the_annotations(workflow: Workflow) -> None:
    write_originals(workflow.folder / "data/raw/mpi_inf_3dhp", 40)
    changes = {"studies": {STUDY: {**SMALL, "data": {"mpi_inf_3dhp": {"annotations": "metric"}}}}}
    workflow.build(STUDY, **changes)
    results = workflow.folder / "results" / STUDY
    text = (results / "tables/comparison.md").read_text("utf-8")
    assert "3D annotations: metric" in text
    assert "NOT RUN |" not in text
    assert (results / "index.html").exists()
    assert (results / "mpi_inf_3dhp_81/seed_0/s_in_20/animation/TS1_video_cam0.gif").exists()
    assert workflow.counts(STUDY, **changes) == {}
