"""Jobs run again when something that they depend on changes, and only then: both ways (see ``rerun_matrix.py``)."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from everything import STUDIES
from rerun_matrix import GONE, NOTHING, NUMBER_FORMAT, OWN_RECORDING, PREDICTION, SOMETHING, Row, code, table
from snakemake.utils import update_config
from workflow_copy import GREEDY, Workflow, counted, jobs_of

from uplift_upsample.plan.ways import LOGIN_VARIABLES

MADE = [
    "results/open/data/cmu/01.csv",
    "results/open/data/cmu/01.npz",
    "results/my_lab/data/lab.h5",
    "results/paper/data/amass/MyLab.npz",
    "results/paper/data/amass.h5",
    "results/paper/data/h36m.h5",
    "results/data/amass/SFU.npz",
    "results/data/h36m/S1.npz",
]


def give_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (name for names in LOGIN_VARIABLES.values() for name in names):
        monkeypatch.setenv(name, "a login")


@pytest.mark.long
@pytest.mark.parametrize("rows", [NOTHING, GONE], ids=["changes", "losses"])
def test_these_rerun_nothing(rows: list[Row], built: Workflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All of them at once; where that runs something, each on its own, so that the culprit is named."""
    several: dict = {}
    together = built.copy_to(tmp_path / "all of them, ä")
    for row in rows:
        update_config(several, dict(row.change(together) or {}))
    # Single files too: a rule whose input function fails would otherwise pass for one whose sources are gone.
    targets = ["all", *MADE] if rows is NOTHING else []
    ran = together.counts(*targets, **several)
    if any(row.has_logins for row in rows):
        assert ran == {}, "without logins"
        give_logins(monkeypatch)
        ran = together.counts(*targets, **several)
    if ran:
        for number, row in enumerate(rows):
            single = built.copy_to(tmp_path / f"ä {number}")
            changes = row.change(single) or {}
            assert single.counts(**changes) == {}, row.what
    assert ran == {}


@pytest.mark.long
@pytest.mark.parametrize(
    "row",
    [row for row in SOMETHING if row.is_tried and row not in (NUMBER_FORMAT, OWN_RECORDING)],
    ids=lambda row: re.sub(r"\W+", "-", row.what),
)
def test_these_rerun_what_depends_on_them(row: Row, built: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    if row.has_logins:
        give_logins(monkeypatch)
    changes = row.change(built) or {}
    assert built.counts(**changes) == row.runs


def test_a_number_format_draws_no_picture_again(built: Workflow) -> None:
    """Tables and the pages that show them follow it; figures import the same module and use other things of it."""
    NUMBER_FORMAT.change(built)
    jobs = built.jobs()
    assert counted(jobs) == NUMBER_FORMAT.runs
    assert Counter(job.rule for job in jobs) == {"write_tables": 4, "write_page": 4}


def test_code_of_drawing_draws_again(built: Workflow) -> None:
    code("report/figures/style.py")(built)
    drawn = Counter(job.rule for job in built.jobs())
    assert drawn["draw_figures"] == 4
    assert "write_tables" not in drawn


def test_documented_matrix_is_this_one(project: Path) -> None:
    text = (project / "docs/reliability.md").read_text("utf-8")
    section = text.split("<!-- reruns -->")[1].split("<!-- end -->")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    assert lines == table([*NOTHING, *GONE, *SOMETHING])


def test_changed_code_of_training_is_reported(built: Workflow) -> None:
    code("model/network.py")(built)
    result = built.snakemake("--dry-run")
    said = result.stdout + result.stderr
    assert "rule train_network" not in said
    assert said.count("Trained with other code than the present one") == 1
    assert "demo/people_81 (seed 0)" in said
    assert "paper/amass_351 (seed 0)" in said
    assert "--config retrain_on_code_change=true" in said


@pytest.mark.long
def test_retraining_on_changed_code_is_a_setting(built: Workflow) -> None:
    code("train/training.py")(built)
    counts = built.counts("demo", retrain_on_code_change=True)
    assert counts == {"resolve_run": 1, "train_network": 1, "predict_poses": 1, "score_predictions": 1, "write_tables": 1}
    assert "demo/people_81 (seed 0)" in built.build("demo", retrain_on_code_change=True)
    result = built.snakemake("--dry-run", "demo", retrain_on_code_change=True)
    said = result.stdout + result.stderr
    assert "Nothing to be done" in said
    assert "demo/people_81" not in said  # no longer trained with other code


@pytest.mark.long
def test_what_ran_again_is_done(built: Workflow) -> None:
    """The jobs of a row really run, and once; the data folder is only read."""
    OWN_RECORDING.change(built)

    def listing() -> list[tuple[Path, int]]:
        return sorted((path, path.stat().st_mtime_ns) for path in (built.folder / "data").rglob("*"))

    before = listing()
    said = built.build()
    assert counted(jobs_of(said)) == OWN_RECORDING.runs
    for study in STUDIES:  # it ends with where to look; the tables of stand-ins have no numbers
        assert said.count(f"\n{study}: results/{study}/index.html\n") == 1
    assert listing() == before
    assert built.counts() == {}


@pytest.mark.long
def test_killed_snakemake_goes_on_where_it_was(built: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    row = PREDICTION
    row.change(built)
    monkeypatch.setenv("STAND_IN_SECONDS", "0.5")  # time enough for the signal to come between two jobs
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *GREEDY]
    environment = {**os.environ, "HOME": str(built.folder / ".home"), "XDG_CACHE_HOME": str(built.folder / ".home")}
    environment.pop("PYTHONPATH", None)
    process = subprocess.Popen(
        command,
        cwd=built.folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    finished = 0
    for line in process.stdout:
        if steps := re.match(r"(\d+) of \d+ steps", line):
            finished = int(steps[1])
        if finished >= 2:
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.communicate(timeout=60)
    assert process.returncode != 0
    monkeypatch.delenv("STAND_IN_SECONDS")
    refused = built.snakemake()
    assert "--unlock" in refused.stdout + refused.stderr
    assert built.snakemake("--unlock").returncode == 0
    left = counted(jobs_of(built.build()))
    assert 0 < sum(left.values()) <= sum(row.runs.values()) - finished
    assert all(count <= row.runs[rule] for rule, count in left.items())
    assert built.counts() == {}
