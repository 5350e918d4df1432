"""The worked example of docs/changing.md that adds a kind of data set, done as it stands there."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from workflow_copy import Workflow, copy_of_project
from world.mocap_files import walker

from uplift_upsample.data.frames import read_frames_table

CLASSES_END = "\n\ndef _kinds("


@pytest.fixture(scope="module")
def example(project: Path) -> dict[str, Any]:
    """Blocks of the section: the text of each of the four files by its path, and the study."""
    text = (project / "docs/changing.md").read_text("utf-8").split("## A new kind of data set")[1].split("\n## ")[0]
    files = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", text, re.DOTALL))
    [study] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return {"files": files, **yaml.safe_load(study)}


@pytest.fixture(scope="module")
def workflow(project: Path, example: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A copy of the project with the four files as the page has them, and with recordings."""
    workflow = copy_of_project(project, tmp_path_factory.mktemp("kind") / "project", is_real=True)
    for path, text in example["files"].items():
        file = workflow.folder / path
        before = file.read_text("utf-8") if file.exists() else ""
        if path.endswith("datasets.py"):  # below the other classes
            assert before.count(CLASSES_END) == 1
            file.write_text(before.replace(CLASSES_END, f"\n\n{text}{CLASSES_END}"), "utf-8")
        else:
            file.write_text(f"{before}\n\n{text}" if before else text, "utf-8")
    for number, subject in enumerate(("anna", "ben", "cem")):
        path = workflow.folder / f"data/csv/{subject}/walk.csv"
        path.parent.mkdir(parents=True)
        np.savetxt(path, walker(120, 50.0, seed=number).reshape(-1, 51), delimiter=",", header="x,y,z of 17 joints")
    return workflow


def test_four_files_are_all(example: dict[str, Any]) -> None:
    assert len(example["files"]) == 4


def test_whole_study_is_planned(workflow: Workflow, example: dict[str, Any]) -> None:
    counts = workflow.counts("walking", studies=example["studies"])
    assert (counts["merge_csv"], counts["train_network"], counts["predict_poses"]) == (1, 1, 3)


def test_table_is_made_and_stays_until_a_recording_changes(workflow: Workflow, example: dict[str, Any]) -> None:
    path = "results/walking/data/walkers.h5"
    workflow.build(path, studies=example["studies"])
    table = read_frames_table(workflow.folder / path)
    assert table.metadata["splits"] == {"train": ["anna", "ben"], "test": ["cem"]}
    assert (sorted(table.subjects), table.actions) == (["anna", "ben", "cem"], ["walk"])
    assert np.abs(table.poses_3d).max() < 4  # metres
    assert workflow.counts(path, studies=example["studies"]) == {}
    recording = workflow.folder / "data/csv/ben/walk.csv"
    recording.write_text("\n".join(recording.read_text("utf-8").splitlines()[:-20]), "utf-8")
    assert workflow.counts(path, studies=example["studies"]) == {"merge_csv": 1}


def test_misspelt_options_and_missing_folders_are_found(workflow: Workflow, example: dict[str, Any]) -> None:
    walkers = example["studies"]["walking"]["data"]["walkers"]
    for wrong, message in (
        ({"folders": "data/csv"}, "studies.other.data.walkers: unknown key 'folders', did you mean 'folder'?"),
        ({"folder": "data/csvs"}, "studies.other.data.walkers.folder: there is no folder data/csvs, did you mean 'data/csv'?"),
        ({"folder": "elsewhere"}, "put here: elsewhere"),
        ({"kind": "cvs"}, "expected one of h36m, amass, mpi_inf_3dhp, cmu, mocap, csv, not 'cvs', did you mean 'csv'?"),
    ):
        studies = {"other": {**example["studies"]["walking"], "data": {"walkers": {**walkers, **wrong}}}}
        done = workflow.snakemake("--dry-run", "other", studies=studies)
        assert message in done.stdout + done.stderr
