"""The matrix of reruns with every row really run, and run once: tests/workflow/rerun_matrix.py holds it."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/workflow"))

from everything import bring_everything
from rerun_matrix import GONE, NOTHING, SOMETHING, table
from workflow_copy import copy_of_project, counted, jobs_of

from uplift_upsample.plan.ways import LOGIN_VARIABLES

PROJECT = Path(__file__).parents[1]


def test_matrix(tmp_path: Path, recorded: Callable[[str, Sequence[str]], None]) -> None:
    names = [name for names in LOGIN_VARIABLES.values() for name in names]
    origin = copy_of_project(PROJECT, tmp_path / "project")
    bring_everything(origin)
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setenv(name, "a login")
        num_jobs = len(jobs_of(origin.build()))
    rows = [*NOTHING, *GONE, *SOMETHING]
    num_ran = 0
    for number, row in enumerate(rows):
        workflow = origin.copy_to(tmp_path / f"Übung {number}, 例")
        with pytest.MonkeyPatch.context() as patch:
            for name in names if row.has_logins else ():
                patch.setenv(name, "a login")
            changes = row.change(workflow) or {}
            changes = {key: value for key, value in changes.items() if key != "device"}  # whatever this machine has
            jobs = jobs_of(workflow.build(**changes))
            assert counted(jobs) == row.runs, row.what
            assert workflow.counts(**changes) == {}, f"{row.what}: a second time"
        num_ran += len(jobs)
    recorded(
        "reruns",
        [
            *table(rows),
            "",
            f"{len(rows)} rows on a plan of {num_jobs} jobs, each really run: {num_ran} jobs ran, and none ran a second time.",
        ],
    )
