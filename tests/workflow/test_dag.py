"""What each study and target consists of, by dry runs; nothing is executed."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml
from workflow_copy import PAPER, TRAINED_HERE, Workflow, counted, jobs_of

from uplift_upsample.report.manifest import manifest_from_mapping

DEMO = {"merge_mocap": 2, **TRAINED_HERE}
OPEN = {
    "fetch_source": 1,
    "fetch_cmu": 15,
    "convert_cmu": 15,
    "merge_cmu": 1,
    "resolve_run": 1,
    "train_network": 1,
    "predict_poses": 9,  # three strides, each with its own input and with interpolated input in two ways
    "score_predictions": 9,
    "score_mean_pose": 1,
    "plan_tables": 1,
    "write_tables": 1,
}


def without(counts: dict[str, int], *rules: str) -> dict[str, int]:
    return {rule: count for rule, count in counts.items() if rule not in rules}


def test_demo_is_what_all_builds_as_shipped(pristine: Workflow) -> None:
    assert pristine.counts() == DEMO


def test_open_study(pristine: Workflow) -> None:
    jobs = pristine.jobs("open")
    assert counted(jobs) == OPEN
    assert {job.experiment for job in jobs} == {"cmu_small", None}


def test_paper_with_its_data_shows_every_job(pristine: Workflow, tmp_path: Path) -> None:
    workflow = pristine.copy_to(tmp_path / "project")
    workflow.bring_data()
    assert workflow.counts("paper") == PAPER


def test_paper_without_data_names_everything_that_is_missing(pristine: Workflow) -> None:
    result = pristine.snakemake("--dry-run", "paper")
    said = result.stdout + result.stderr
    assert result.returncode == 1
    assert said.count("study paper: licensed data is missing") == 1
    for file in ["data_3d_h36m.npz", "raw/h36m/Poses_D3_Positions_S11.tgz", "amass/CMU.npz", "raw/amass/Transitions.tar.bz2"]:
        assert re.search(rf"put here: data/{re.escape(file)}\b", said), file
    for address in ["http://vision.imar.ro/human3.6m", "https://amass.is.tue.mpg.de"]:
        assert address in said
    assert "non-commercial research" in said


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("data", {"merge_mocap": 2}),
        ("pretrain", {"merge_mocap": 1, "resolve_run": 1, "train_network": 1}),
        ("train", without(DEMO, "predict_poses", "score_predictions", "score_mean_pose", "plan_tables", "write_tables")),
        ("evaluate", without(DEMO, "plan_tables", "write_tables")),
    ],
)
def test_stages(pristine: Workflow, target: str, expected: dict[str, int]) -> None:
    assert pristine.counts(target) == expected


def test_single_file_of_pretrained_experiment(pristine: Workflow) -> None:
    jobs = pristine.jobs("results/demo/people_351_pt/seed_3/s_in_20/scores.json")
    assert {job.experiment for job in jobs if job.rule == "train_network"} == {"mocap_351", "people_351_pt"}
    assert {job.seed for job in jobs if job.rule == "train_network"} == {"3"}
    assert sum(job.rule == "predict_poses" for job in jobs) == 1


def test_pretrained_weights_are_tested_on_the_data_set_that_has_2d_poses(pristine: Workflow) -> None:
    jobs = pristine.jobs("results/demo/mocap_351/seed_0/s_in_5/scores.json")
    assert [job.dataset for job in jobs if job.rule == "merge_mocap"] in (["mocap", "people"], ["people", "mocap"])
    commands = pristine.snakemake("--dry-run", "--printshellcmds", "results/demo/mocap_351/seed_0/s_in_5/scores.json").stdout
    for script, dataset in [("train", "mocap"), ("predict_poses", "people"), ("score_predictions", "people")]:
        [command] = [line for line in commands.splitlines() if f"scripts/{script}.py" in line]
        assert f"--frames results/demo/data/{dataset}.h5" in command


def test_study_of_pretraining_alone_has_no_mean_pose(pristine: Workflow) -> None:
    assert "score_mean_pose" not in pristine.counts(studies={"demo": {"run": ["mocap_351"]}})
    result = pristine.snakemake("--dry-run", "results/demo/mean_pose/scores.json", studies={"demo": {"run": ["mocap_351"]}})
    assert result.returncode == 1
    assert "trained and tested on one data set" in result.stdout + result.stderr


def test_file_at_impossible_stride_says_why(pristine: Workflow) -> None:
    result = pristine.snakemake("--dry-run", "results/demo/people_81/seed_0/s_in_7/scores.json")
    assert result.returncode == 1
    assert "s_in 7 is not a multiple of s_out 2" in result.stdout + result.stderr


def test_a_configuration_file_can_shrink_and_redirect_the_paper(pristine: Workflow, tmp_path: Path) -> None:
    """What the test of the paper's whole workflow on small data relies on."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in ["poses_3d.npz", "poses_2d_gt.npz", "CMU.npz"]:
        (folder / name).write_text("placeholder", encoding="utf-8")
    small = {"epochs": 1, "steps_per_epoch": 2, "batch_size": 4}
    jobs = pristine.jobs(
        reproduce=["paper"],
        experiments={name: {"train": small} for name in ("h36m_351", "h36m_351_pt", "h36m_81", "amass_351")},
        studies={
            "paper": {
                "data": {
                    "h36m": {
                        "poses_3d": str(folder / "poses_3d.npz"),
                        "poses_2d": f"{folder}/poses_2d_{{input_2d}}.npz",
                        "input_2d": "gt",
                    },
                    "amass": {"folder": str(folder), "subsets": ["CMU"]},
                },
            }
        },
    )
    assert {job.study for job in jobs if job.rule != "fetch_source"} == {"paper"}
    assert sum(job.rule == "predict_poses" for job in jobs) == 72


def with_data(pristine: Workflow, folder: Path) -> Workflow:
    workflow = pristine.copy_to(folder)
    workflow.bring_data()
    return workflow


def test_published_weights_alone_need_no_training_and_no_motion_capture(pristine: Workflow, project: Path, tmp_path: Path) -> None:
    workflow = with_data(pristine, tmp_path / "project")
    shutil.rmtree(workflow.folder / "data/amass")
    jobs = workflow.jobs(**yaml.safe_load((project / "docs/examples/published_only.yaml").read_text(encoding="utf-8")))
    assert counted(jobs) == {
        "convert_h36m": 1,
        "fetch_source": 4,
        "resolve_published": 4,
        "check_weights": 4,
        "predict_poses": 36,
        "score_predictions": 36,
        "score_mean_pose": 1,
        "plan_tables": 1,
        "write_tables": 1,
    }
    assert {job.run for job in jobs} == {"published", None}


def test_systems_around_the_paper_stand_in_its_study(pristine: Workflow, project: Path, tmp_path: Path) -> None:
    """By the rules of all published weights. What no program can fetch is said before anything starts."""
    workflow = pristine.copy_to(tmp_path / "project")
    workflow.bring_data()
    changes = yaml.safe_load((project / "docs/examples/baselines.yaml").read_text(encoding="utf-8"))
    refused = workflow.snakemake("-n", "paper", **changes)
    assert refused.returncode == 1
    by_hand = "data/raw/weights/strided_transformer_243.pth"
    assert "weights_strided_transformer_243: the published weights of strided_transformer_243 cannot be fetched" in refused.stdout
    assert f"put the file at {by_hand}, or do without: --config evaluate_published=false" in refused.stdout
    (workflow.folder / by_hand).parent.mkdir(parents=True)
    (workflow.folder / by_hand).write_bytes(b"PK\x03\x04")
    jobs = workflow.jobs("paper", **changes)
    systems = {"videopose3d_243", "poseformer_81", "strided_transformer_243"}
    evaluations = Counter({(name, s_in): 2 for name in systems for s_in in ("1", "5", "10", "20")})  # linear, cubic
    for rule in ("predict_poses", "score_predictions"):
        found = [job for job in jobs if job.rule == rule and job.experiment in systems]
        assert Counter((job.experiment, job.s_in) for job in found) == evaluations
        assert {job.run for job in found} == {"published"}
    checked = [job for job in jobs if job.rule == "check_weights" and job.experiment in systems]
    assert sorted(job.experiment or "" for job in checked) == sorted(systems)
    assert {job.run for job in checked} <= {"published", None}
    assert not [job for job in jobs if job.rule == "train_network"]


def test_published_weights_are_evaluated_by_the_rules_of_trained_ones(pristine: Workflow, tmp_path: Path) -> None:
    workflow = with_data(pristine, tmp_path / "project")
    files = [f"results/paper/h36m_81/{run}/s_in_10/scores.json" for run in ("seed_0", "published")]
    commands = workflow.snakemake("--dry-run", "--printshellcmds", *files).stdout
    first, second = sorted(line.strip() for line in commands.splitlines() if "scripts/predict_poses.py" in line)
    of_trained = (
        first.replace("/published/run.yaml", "/run.yaml").replace("/published/", "/seed_0/").replace("--published", "--seed 0")
    )
    assert of_trained == second
    assert "--weights results/paper/h36m_81/published/weights.h5" in first
    assert "--source results/data/sources/weights_h36m_81.json" in commands


@pytest.mark.parametrize("options", [["--config", "evaluate_published=false"], []])
def test_published_weights_can_be_left_out(pristine: Workflow, tmp_path: Path, options: list[str]) -> None:
    workflow = with_data(pristine, tmp_path / "project")
    if not options:
        config = workflow.config()
        config["studies"]["paper"]["evaluate_published"] = False
        workflow.write_config(config)
    result = workflow.snakemake("--dry-run", "paper", *options)
    evaluations = dict.fromkeys(("predict_poses", "score_predictions"), 3 * 12)  # the own one and those with interpolated input
    assert counted(jobs_of(result.stdout)) == {"convert_h36m": 1, "convert_amass": 1, **TRAINED_HERE, **evaluations}
    target = "results/paper/h36m_81/published/s_in_10/scores.json"
    assert {job.run for job in jobs_of(workflow.snakemake("--dry-run", target, *options).stdout)} == {"published", None}


def test_published_weights_do_not_depend_on_what_is_run(pristine: Workflow, tmp_path: Path) -> None:
    workflow = with_data(pristine, tmp_path / "project")
    jobs = workflow.jobs("paper", studies={"paper": {"run": ["h36m_81"]}})
    assert Counter(job.run for job in jobs if job.rule == "predict_poses") == {"published": 36, "seed_0": 9}


def test_target_of_published_evaluations(pristine: Workflow, tmp_path: Path) -> None:
    workflow = with_data(pristine, tmp_path / "project")
    jobs = workflow.jobs("published", reproduce=["demo", "paper"])
    assert {job.study for job in jobs if job.study} == {"paper"}
    assert Counter(job.rule for job in jobs)["score_predictions"] == 36
    assert not [job for job in jobs if job.rule == "train_network"]
    assert workflow.counts("published") == {}  # the demo has none


def test_file_of_published_weights_that_there_are_not(pristine: Workflow) -> None:
    result = pristine.snakemake("--dry-run", "results/demo/people_81/published/s_in_10/scores.json")
    assert result.returncode == 1
    assert "results/demo/people_81: the experiment names no published_weights" in result.stdout + result.stderr


def test_source_of_motion_capture_is_one_setting(pristine: Workflow) -> None:
    target = "results/open/data/cmu/01.csv"
    result = pristine.snakemake(
        "--dry-run", "--printshellcmds", target, "--config", "cmu_source=some/folder", "retrain_on_code_change=true"
    )
    assert "--source some/folder" in result.stdout + result.stderr
    result = pristine.snakemake("--dry-run", "--printshellcmds", target)
    assert "--archive results/data/sources/cmu_all.json" in result.stdout + result.stderr


def test_faults_of_the_configuration_come_all_at_once_and_without_a_traceback(pristine: Workflow) -> None:
    result = pristine.snakemake("--dry-run", reproduce=["demmo"], experiments={"h36m_81": {"train": {"epoch": 3}}})
    said = result.stdout + result.stderr
    assert result.returncode == 1
    assert "2 faults in the configuration" in said
    assert "experiments.h36m_81.train: unknown key 'epoch', did you mean 'epochs'?" in said
    assert "reproduce: no study 'demmo', did you mean 'demo'?" in said
    assert "Traceback" not in said


def test_tables_are_about_what_is_run_and_what_it_starts_from(pristine: Workflow) -> None:
    target = "results/demo/tables/manifest.json"
    said = pristine.snakemake("--dry-run", "--printshellcmds", target, studies={"demo": {"run": ["people_351_pt"]}}).stdout
    [told] = re.findall(r"printf '%s\\n' '(\{.*?\n\})'", said, re.DOTALL)
    manifest = manifest_from_mapping(json.loads(told))
    strides = {experiment.name: experiment.s_in for experiment in manifest.experiments}
    assert strides == {"mocap_351": (), "people_351_pt": (5, 10, 20)}
    assert {(job.experiment, job.stage) for job in manifest.jobs} >= {("mocap_351", "train"), ("people_351_pt", "score")}
