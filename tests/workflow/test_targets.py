"""What is misspelt on the command line or in names of files is found before anything is planned, with the nearest right word."""

import re
from pathlib import Path

import pytest
from everything import OWN
from workflow_copy import Workflow, refused

LAB = {
    "seeds": [0],
    "data": {"lab": {"kind": "mocap", "folder": OWN, "splits": {"train": ["anna"], "test": ["ben"]}}},
    "experiments": {"cmu_small": {"dataset": "lab", "train_subset": "train", "test_subset": "test", "evaluate_s_in": [5]}},
}


@pytest.fixture(scope="module")
def with_data(pristine: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A copy with files of the user at all their places."""
    workflow = pristine.copy_to(tmp_path_factory.mktemp("with_data") / "project")
    workflow.bring_data()
    for path in (f"{OWN}/anna/walk.npz", "data/raw/mpi_inf_3dhp/S1/Seq1/annot.mat"):
        (workflow.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (workflow.folder / path).touch()
    return workflow


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("dmeo", "no target 'dmeo', did you mean 'demo'?"),
        (
            "h36m_352",
            "did you mean 'h36m_351'?; h36m_351 is an experiment, ask for one of its results, such as results/paper/h36m_351/",
        ),
        (
            "results/demo/people_352/seed_0/s_in_20/scores.json",
            "did you mean 'results/demo/people_351/seed_0/s_in_20/scores.json'?",
        ),
        ("results/dmeo/tables/main_results.md", "did you mean 'results/demo/tables/main_results.md'?"),
        ("results/demo/cmu_small/seed_0/weights.h5", "the study demo has no experiment 'cmu_small'; it has mocap_351"),
        ("results/demo/data/h36m.h5", "the study demo has no data set 'h36m'; it has mocap, people"),
        ("results/paper/data/amass/CMU.npz", "studies.paper.data.amass.own has no motion capture 'CMU'; it has none"),
    ],
)
def test_misspelt_targets(pristine: Workflow, target: str, meant: str) -> None:
    assert meant in refused(pristine, target)


def test_files_with_their_whole_path(pristine: Workflow) -> None:
    for name in ("results/demo/index.html", "config.yaml"):
        path = pristine.folder / name
        assert f"{path}: files of results count from the project's folder; ask for {name}" in refused(pristine, str(path))


def test_misspelt_files_behind_flags(pristine: Workflow) -> None:
    said = refused(pristine, "demo", "--forcerun", "results/demo/people_81/seed_0/weight.h5")
    assert "did you mean 'results/demo/people_81/seed_0/weights.h5'?" in said


def test_places_that_are_no_addresses(pristine: Workflow) -> None:
    said = refused(pristine, "open", cmu_source="https://[mirror]/cmu")
    assert "cmu_source: 'https://[mirror]/cmu' is no address (" in said


def test_sequences_that_no_test_has(pristine: Workflow) -> None:
    animations = {
        "demo": ["02_Wlk_cam0", "02_Walk_cam2"],
        "open": ["35_walk_cam0", "01_01_cam0"],
        "paper": ["S1_Walking_cam0"],
    }
    asked = ("demo", "open", "paper")
    said = refused(pristine, *asked, studies={study: {"animations": names} for study, names in animations.items()})
    assert "4 faults" in said
    assert "studies.demo.animations: people test has no sequence '02_Wlk_cam0', did you mean '02_Walk_cam0'?" in said
    assert "studies.open.animations: cmu test has no sequence '35_walk_cam0', did you mean '35_Walk_cam0'?" in said


def test_sequences_stop_only_what_draws_them(pristine: Workflow) -> None:
    wrong = {"open": {"animations": ["35_walk_cam0"]}}
    assert pristine.counts("results/open/data/cmu/01.csv", studies=wrong)["fetch_cmu"] == 1
    assert pristine.counts("demo", studies=wrong)
    assert "35_Walk_cam0" in refused(pristine, "animations", reproduce=["open"], studies=wrong)
    for drawing in ("results/open/index.html", "./results/open/page/poses.json"):  # after the trainings of the study
        assert "35_Walk_cam0" in refused(pristine, drawing, studies=wrong)


def test_no_study_bears_the_name_of_a_rule(pristine: Workflow, project: Path) -> None:
    text = "".join(path.read_text("utf-8") for path in [project / "Snakefile", *project.glob("workflow/rules/*.smk")])
    names = re.findall(r"^rule (\w+):$", text, re.MULTILINE)
    assert {"all", "doctor", "resolve_run", "resolve_published", "plan_tables"} <= set(names)
    said = refused(pristine, studies=dict.fromkeys(names, pristine.config()["studies"]["demo"]))
    for name in names:
        assert f"studies.{name}: {name!r} is the name of a target or rule; call the study something else" in said


def test_people_without_detections_cannot_be_tested_on(pristine: Workflow) -> None:
    said = refused(pristine, "demo", studies={"demo": {"data": {"people": {"detections": "none"}}}})
    for name in ("mocap_351", "people_351", "people_351_pt", "people_81"):
        assert f"studies.demo.experiments.{name}.test_subset: people has no 2D poses to test with" in said


def test_subjects_that_files_name_themselves(pristine: Workflow) -> None:
    people = {"splits": {"test": ["02", "14", "29", "53"]}}
    said = refused(pristine, "demo", studies={"demo": {"data": {"people": people}}})
    assert "studies.demo.data.people.splits.test: workflow/resources/people has no trial of subject 53" in said


def test_misspelt_folders_and_subjects_of_recordings(pristine: Workflow, tmp_path: Path) -> None:
    workflow = pristine.copy_to(tmp_path / "project")
    for path in (f"{OWN}/anna/walk.npz", f"{OWN}/ben/run.npz"):
        (workflow.folder / path).parent.mkdir(parents=True)
        (workflow.folder / path).touch()
    (workflow.folder / "results/my_lab/data").mkdir(parents=True)
    (workflow.folder / "results/my_lab/data/lab.h5").touch()  # would be taken as it is
    lab = {**LAB, "data": {"lab": {**LAB["data"]["lab"], "folder": f"{OWN}s"}}}
    said = refused(workflow, "my_lab", studies={"my_lab": lab})
    assert f"studies.my_lab.data.lab.folder: there is no folder {OWN}s, did you mean '{OWN}'?" in said
    lab = {**LAB, "data": {"lab": {**LAB["data"]["lab"], "splits": {"train": ["ana"], "test": ["ben"]}}}}
    said = refused(workflow, "my_lab", studies={"my_lab": lab})
    assert f"studies.my_lab.data.lab.splits.train: {OWN} has no trial of subject ana, did you mean 'anna'?" in said


@pytest.mark.parametrize(
    ("place", "wrong", "meant"),
    [
        ("demo.data.people.folder", "workflow/resourzes/people", "workflow/resources/people"),
        ("demo.data.people.folder", "workflow/resourzes/peple", "workflow/resources/people"),
        ("paper.data.amass.own.MyLab", "dta/my_lab", "data/my_lab"),
        ("paper.data.amass.folder", "data/amas", "data/amass"),
        ("paper.data.h36m.poses_2d", "dta/data_2d_h36m_{input_2d}.npz", "data"),
        ("mpi_inf_3dhp.data.mpi_inf_3dhp.originals", "data/raw/mpi_inf_3dph", "data/raw/mpi_inf_3dhp/S1/Seq1"),
        ("open.data.cmu.trials", "workflow/resource/cmu_trial.csv", "workflow/resources/cmu_trials.csv"),
    ],
)
def test_misspelt_parts_of_paths(with_data: Workflow, place: str, wrong: str, meant: str) -> None:
    changes: object = wrong
    for key in reversed(place.split(".")):
        changes = {key: changes}
    said = refused(with_data, "demo", studies=changes)
    assert f"studies.{place}: there is no " in said
    assert f", did you mean '{meant}'?" in said
    assert "1 fault" in said


def test_folders_that_are_not_there_are_no_fault_of_their_names(pristine: Workflow, with_data: Workflow) -> None:
    """What is licensed may be missing, and what lies beside it is something else."""
    assert "put here: data/amass/" in refused(pristine, "paper")
    elsewhere = {"paper": {"data": {"amass": {"folder": "data/raw/mpi_inf_3dhq"}}}}  # no subset lies there
    assert "put here: data/raw/mpi_inf_3dhq/" in refused(with_data, "results/paper/data/amass.h5", studies=elsewhere)


def test_another_folder_says_how(pristine: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = refused(Workflow(tmp_path), "--snakefile", str(pristine.folder / "Snakefile"))
    assert f"add -d {pristine.folder} to the command" in said
