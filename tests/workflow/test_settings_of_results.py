"""Changed settings count where results are present without Snakemake's records of them (copied into a fresh clone)."""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from everything import OWN
from rerun_matrix import BEHIND_AMASS, BEHIND_OPEN, OWN_RUNS, Changes, settings, text
from workflow_copy import Workflow, bring_clips, counted, jobs_of

from uplift_upsample.plan.recorded_settings import differences, held_settings

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


def trials(workflow: Workflow) -> None:
    """One row less in the list of CMU trials."""
    path = workflow.folder / "workflow/resources/cmu_trials.csv"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")


def other_folder(workflow: Workflow) -> Changes:
    """Own motion capture from a folder with one recording more."""
    shutil.copytree(workflow.folder / OWN, workflow.folder / "data/other_lab")
    (workflow.folder / "data/other_lab/anna/jump.npz").write_text("a recording\n", encoding="utf-8")
    return {"studies": {"paper": {"data": {"amass": {"own": {"MyLab": "data/other_lab"}}}}}}


def renamed(workflow: Workflow) -> None:
    """One recording gone, and another one there."""
    (workflow.folder / OWN / "anna/walk.npz").rename(workflow.folder / OWN / "anna/stroll.npz")


OWN_SUBSET = {"convert_mocap": 1, "convert_amass": 1, **BEHIND_AMASS}
LAST_DRAWN = {"studies": {"open": {"animations": []}}}
NOT_UPSAMPLED = {"experiments": {"cmu_small": {"evaluate": {"learned_upsampling": False}}}}


@pytest.mark.parametrize(
    ("change", "first", "runs"),
    [
        (trials, "results/open/data/cmu/01.csv", {"fetch_cmu": 3, "convert_cmu": 3, "merge_cmu": 1, **BEHIND_OPEN}),
        (other_folder, "results/paper/data/amass/MyLab.npz", OWN_SUBSET),
        (renamed, "results/my_lab/data/lab.h5", OWN_RUNS),
        (text(f"{OWN}/anna/walk.npz"), "results/paper/data/amass/MyLab.npz", OWN_RUNS),
        (text(f"{OWN}/anna/jump.npz"), "results/my_lab/data/lab.h5", OWN_RUNS),
        (settings(**LAST_DRAWN), "results/open/page/poses.json", {"select_poses": 1, "write_page": 1}),
    ],
    ids=["trials", "folder", "renamed", "changed", "added", "animations"],
)
def test_what_results_do_not_say_stands_beside_them(
    copied: Workflow, change: Callable[[Workflow], Changes], first: str, runs: dict[str, int]
) -> None:
    changes = change(copied) or {}
    result = copied.snakemake("--dry-run", **changes)
    said = result.stdout + result.stderr
    assert f"{first} has other settings than the configuration: " in said
    assert counted(jobs_of(said)) == runs


def test_animations_are_drawn_again_for_another_upsampling(copied: Workflow) -> None:
    jobs = {job.rule for job in copied.jobs("open", **NOT_UPSAMPLED)}
    assert "draw_animation" in jobs
    assert not jobs & {"train_network", "predict_poses"}


def test_settings_of_clips(pristine: Workflow, tmp_path: Path) -> None:
    workflow = pristine.copy_to(tmp_path / "project")
    bring_clips(workflow, "walk.mp4", "jump.json")
    workflow.build("people")
    shutil.rmtree(workflow.folder / ".snakemake")
    stages = dict.fromkeys(("lift_clip", "animate_clip", "write_clip_page"), 1)

    def runs(**changes: object) -> dict[str, int]:
        return dict(Counter(job.rule for job in workflow.jobs("people", people=changes)))

    assert runs() == {}
    assert runs(clips={"jump": {"roll": 5}}) == stages
    assert runs(clips={"walk": {"s_in": 20}}) == {"detect_keypoints": 1, **stages}
    assert runs(root=True) == dict.fromkeys(stages, 2)
    assert runs(clips={"walk": {"seconds": 5}}) == {"animate_clip": 1, "write_clip_page": 1}
    (workflow.folder / "data/people/jump.json").write_text("another content", encoding="utf-8")
    assert runs() == stages


def test_keypoints_in_a_folder_below_that_of_a_clip(pristine: Workflow, tmp_path: Path) -> None:
    """YOLO writes labels next to the pictures that it drew."""
    workflow = pristine.copy_to(tmp_path / "project")
    bring_clips(workflow, "walk/labels/walk_1.txt")
    workflow.build("people")
    assert workflow.counts("people") == {}
    bring_clips(workflow, "walk/walk_1.jpg")
    assert workflow.counts("people") == {}  # what is not read does not count
    (workflow.folder / "data/people/walk/labels/walk_1.txt").write_text("another content", encoding="utf-8")
    assert workflow.counts("people") == dict.fromkeys(("lift_clip", "animate_clip", "write_clip_page"), 1)


def test_settings_of_published_weights(copied: Workflow) -> None:
    target = "results/paper/h36m_81/published/weights.h5"
    record(copied, "paper/h36m_81/published/weights.json", source="weights_h36m_81")
    assert copied.counts(target) == {}
    record(copied, "paper/h36m_81/published/weights.json", source="weights_h36m_351")
    assert copied.counts(target) == {"check_weights": 1}


def test_run_of_published_weights(copied: Workflow) -> None:
    """It is compared with the plan as far as it says more than the defaults of a training that these weights did not have."""
    target = "results/paper/h36m_81/published/s_in_10/scores.json"
    path = copied.folder / "results/paper/h36m_81/published/run.yaml"
    again = {"resolve_published": 1, "check_weights": 1, "predict_poses": 1, "score_predictions": 1}
    whole, as_old = path.read_text("utf-8"), path.stat().st_mtime_ns
    for before, after, runs in (
        ("epochs: 120", "epochs: 119", {}),
        ("padding: copy", "padding: zeros", again),
        ("s_out: 2", "s_out: 4", again),
    ):
        assert before in whole
        path.write_text(whole.replace(before, after), "utf-8")
        os.utime(path, ns=(as_old, as_old))
        assert copied.counts(target) == runs


def test_settings_of_mpi_inf_3dhp(pristine: Workflow, tmp_path: Path) -> None:
    """They stand in the table."""
    workflow = pristine.copy_to(tmp_path / "project")
    workflow.bring_data()
    path = "results/mpi_inf_3dhp/data/mpi_inf_3dhp.h5"
    workflow.build(path)
    with h5py.File(workflow.folder / path, "w") as file:
        file.attrs["metadata"] = json.dumps({"annotations": "universal", "test_frame_rate": 25})
    shutil.rmtree(workflow.folder / ".snakemake")
    assert workflow.counts(path) == {}
    for setting in ({"test_frame_rate": 50}, {"annotations": "metric"}):
        changes = {"studies": {"mpi_inf_3dhp": {"data": {"mpi_inf_3dhp": setting}}}}
        assert workflow.counts(path, **changes) == {"convert_mpi_inf_3dhp": 1}


def test_results_that_lack_their_settings_are_taken(built: Workflow) -> None:
    """Those that a former version of the project made. A run writes the settings of those that Snakemake's records confirm."""
    poses = built.folder / "results/open/page/.poses.json.settings.json"
    before = poses.read_bytes()
    for path in (built.folder / "results").rglob(".*.settings.json"):
        path.unlink()
    records = built.folder / ".snakemake"
    records.rename(built.folder / "away")
    assert built.counts(**LAST_DRAWN) == {}
    shutil.rmtree(records)
    (built.folder / "away").rename(records)
    (built.folder / "results/open/index.html").unlink()
    built.build("open")
    assert poses.read_bytes() == before


def test_settings_of_what_is_made_again_are_those_it_was_made_with(built: Workflow) -> None:
    """Until it is made they are empty: a job that a failed or killed Snakemake did not come to is not forgotten."""
    settings = built.folder / "results/open/page/.poses.json.settings.json"
    before = settings.read_bytes()
    (built.folder / "scripts/select_poses.py").write_text("raise SystemExit(1)", encoding="utf-8")
    assert built.snakemake("open", **LAST_DRAWN).returncode == 1
    assert json.loads(settings.read_text("utf-8")) == {}
    (built.folder / "results/open/page/poses.json").write_text("not yet made again\n", encoding="utf-8")
    shutil.rmtree(built.folder / ".snakemake")
    shutil.copy(built.folder / "scripts/write_page.py", built.folder / "scripts/select_poses.py")
    assert "select_poses" in {job.rule for job in built.jobs("open", **LAST_DRAWN)}
    built.build("open", **LAST_DRAWN)
    assert settings.read_bytes() != before


def test_numbers_that_cannot_be_spelt_are_no_settings(tmp_path: Path) -> None:
    for held in ("0x" + "f" * 4000, "? 0x" + "f" * 4000 + "\n: [1]\n"):
        (tmp_path / "run.yaml").write_text(held, encoding="utf-8")
        assert held_settings(tmp_path / "run.yaml") is None


def test_differences_are_told_by_their_places() -> None:
    held = {"a": {"b": [1, 2], "c": 1}, "same": (1,), "gone": 0}
    planned = {"a": {"b": (1, 3), "c": 1}, "same": [1], "new": None}
    assert differences(held, planned) == ["a.b.1 2, now 3", "new missing, now None", "gone 0, now missing"]
    assert differences(planned, planned) == []


def test_results_tell_which_frames_they_are_of(copied: Workflow) -> None:
    """Another data set to test on, whose frames table is there already and older than the results."""
    study, target = copied.folder / "results/my_lab", "results/my_lab/cmu_small/seed_0/s_in_5/scores.json"
    times = (study / "data/lab.h5").stat()
    lab = copied.config()["studies"]["my_lab"]["data"]["lab"]
    metadata = json.dumps({"input_2d": "simulated", "splits": lab["splits"]})
    for name in ("lab", "gym"):
        with h5py.File(study / f"data/{name}.h5", "w") as file:
            file.attrs["metadata"], file.attrs["sha256"] = metadata, f"sum of {name}"
        os.utime(study / f"data/{name}.h5", ns=(times.st_atime_ns, times.st_mtime_ns))
    configuration = {"evaluate": {}, "test_subset": "test"}
    record(copied, "my_lab/cmu_small/seed_0/s_in_5/prediction.json", configuration=configuration, data={"sha256": "sum of lab"})
    subsets = {"train_subset": "train", "test_subset": "test"}
    record(copied, "my_lab/mean_pose/scores.json", protocol={**subsets, "frames_sha256": "sum of lab"})
    assert copied.counts(target, "results/my_lab/mean_pose/scores.json") == {}
    changed = {"my_lab": {"data": {"gym": lab}, "experiments": {"cmu_small": {"test_dataset": "gym"}}}}
    assert copied.counts(target, studies=changed) == {"predict_poses": 1, "score_predictions": 1}
    changed["my_lab"]["experiments"]["cmu_small"]["dataset"] = "gym"
    assert copied.counts("results/my_lab/mean_pose/scores.json", studies=changed) == {"score_mean_pose": 1}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"a b; touch here\n"], ids=["bytes", "empty", "words"])
def test_a_damaged_file_of_the_code_hides_no_other_settings(built: Workflow, content: bytes) -> None:
    """Snakemake takes a file as it is whose input function fails."""
    (built.folder / "results/demo/people_81/code.txt").write_bytes(content)
    result = built.snakemake("--dry-run", "--printshellcmds", "demo", experiments=RATE)
    said = result.stdout + result.stderr
    assert counted(jobs_of(said)) == TRAINED_AGAIN
    assert re.search(r" --code \w+ --output results/demo/people_81/run\.yaml ", said)


def test_damaged_results_hide_no_other_settings(built: Workflow) -> None:
    with h5py.File(built.folder / "results/my_lab/data/lab.h5", "w") as file:
        file.attrs["metadata"] = json.dumps({"input_2d": "simulated", "splits": [1], "sources": [1]})
    lab = {"my_lab": {"data_seed": 9}}
    assert built.counts("results/my_lab/data/lab.h5", studies=lab) == {"merge_mocap": 1}
    (built.folder / "results/open/data/cmu/01.csv").write_bytes(b"origin\n\xff\xfe\n")
    trials(built)
    assert built.counts("results/open/data/cmu/01.csv") == {"fetch_cmu": 1}
