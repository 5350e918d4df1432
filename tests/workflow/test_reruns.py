"""Jobs run again when something that they depend on changes, and only then: both ways."""

import ast
import os
import shutil
from collections import Counter
from pathlib import Path

from workflow_copy import Job, Workflow

SCORING = {"score_predictions": 7, "score_mean_pose": 2, "write_tables": 2}
EVALUATION = {"predict_poses": 7, **SCORING}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} no longer has {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def add_function(path: Path) -> None:
    """A change that counts, in any module."""
    path.write_text(path.read_text(encoding="utf-8") + "\n\ndef changed_by_the_test():\n    return 1\n", encoding="utf-8")


def rules(jobs: list[Job]) -> dict[str, int]:
    return dict(Counter(job.rule for job in jobs))


def touch(*paths: Path) -> None:
    assert paths
    for path in paths:
        os.utime(path)


def test_moved_clone_has_nothing_to_do(built: Workflow, tmp_path: Path) -> None:
    assert built.counts() == {}
    for name in ("results", "data"):  # a copy that does not keep the times of files
        shutil.copytree(built.folder / name, tmp_path / name, copy_function=shutil.copy)
        shutil.rmtree(built.folder / name)
        (tmp_path / name).rename(built.folder / name)
    assert built.counts() == {}


def test_touched_and_copied_data_reruns_nothing(built: Workflow) -> None:
    files = [path for path in (built.folder / "data").rglob("*") if path.is_file()]
    touch(*files)
    shutil.copy(files[0], files[0].with_suffix(".copy"))
    files[0].with_suffix(".copy").replace(files[0])
    touch(*(path for path in built.folder.glob("results/demo/data/**/*") if path.is_file()))
    touch(*built.folder.glob("results/paper/data/*.h5"), *built.folder.glob("results/**/weights.h5"))
    assert built.counts() == {}


def test_comments_docstrings_and_formatting_rerun_nothing(built: Workflow) -> None:
    modules = [*built.folder.glob("src/**/*.py"), *built.folder.glob("scripts/*.py")]
    for module in modules:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        if ast.get_docstring(tree) is not None:
            tree.body[0] = ast.parse('"""Another docstring."""').body[0]
        text = ast.unparse(tree)  # without comments, in another format
        assert not text or text != module.read_text(encoding="utf-8")
        module.write_text(f"{text}\n# Another comment.\n", encoding="utf-8")
    assert built.counts() == {}


def test_table_code_reruns_only_tables(built: Workflow) -> None:
    add_function(built.folder / "src/uplift_upsample/report/render.py")
    assert built.counts() == {"write_tables": 2}


def test_scoring_code_reruns_scores_and_tables(built: Workflow) -> None:
    add_function(built.folder / "src/uplift_upsample/evaluate/metrics.py")
    assert built.counts() == SCORING


def test_prediction_code_reruns_evaluation(built: Workflow) -> None:
    add_function(built.folder / "src/uplift_upsample/evaluate/predict.py")
    counts = built.counts()
    assert counts["predict_poses"] == counts["score_predictions"] == 7
    assert set(counts) <= set(EVALUATION)


def test_network_code_reruns_evaluation_and_is_reported(built: Workflow) -> None:
    add_function(built.folder / "src/uplift_upsample/model/network.py")
    result = built.snakemake("--dry-run")
    said = result.stdout + result.stderr
    assert "rule train_network" not in said
    assert said.count("Trained with other code than the present one") == 1
    assert "demo/h36m_81 (seed 0)" in said
    assert "paper/amass_351 (seed 0)" in said
    assert "--config retrain_on_code_change=true" in said


def test_retraining_on_changed_code_is_a_setting(built: Workflow) -> None:
    add_function(built.folder / "src/uplift_upsample/train/training.py")
    assert built.counts("demo") == {}
    counts = built.counts("demo", retrain_on_code_change=True)
    assert counts == {"resolve_run": 1, "train_network": 1, "predict_poses": 1, "score_predictions": 1, "write_tables": 1}
    assert "demo/h36m_81 (seed 0)" in built.build("demo", retrain_on_code_change=True)
    result = built.snakemake("--dry-run", "demo", retrain_on_code_change=True)
    assert "Nothing to be done" in result.stdout + result.stderr
    assert "demo/h36m_81" not in result.stdout + result.stderr  # no longer trained with other code


def test_setting_to_retrain_does_nothing_by_itself(built: Workflow) -> None:
    assert built.counts(retrain_on_code_change=True) == {}


def test_each_change_of_settings_reruns_what_it_concerns(built: Workflow) -> None:
    jobs = built.jobs(
        studies={"paper": {"experiments": {"h36m_351": {"evaluate_s_in": [5, 15]}}}},
        experiments={
            "h36m_351_pt": {"evaluate": {"mirror": False}},
            "h36m_81": {"train": {"schedule_params": {"initial_learning_rate": 1e-4}}},
        },
    )

    def of(experiment: str) -> dict[str, int]:
        return rules([job for job in jobs if job.experiment == experiment])

    assert {job.study for job in jobs} == {"paper"}
    evaluation = {"predict_poses": 1, "score_predictions": 1}
    assert of("h36m_351") == evaluation, "a new stride: its evaluation"
    assert {job.s_in for job in jobs if job.experiment == "h36m_351"} == {"15"}
    assert of("h36m_351_pt") == {"predict_poses": 2, "score_predictions": 2}, "a switch of the evaluation: evaluation"
    twice = {"predict_poses": 2, "score_predictions": 2}  # published weights are evaluated with the same run.yaml
    assert of("h36m_81") == {"resolve_run": 1, "train_network": 1, "check_weights": 1, **twice}, "a learning rate: training onward"
    assert rules([job for job in jobs if job.experiment is None]) == {"plan_tables": 1, "write_tables": 1}


def test_learning_rate_of_pretraining_retrains_what_starts_from_it(built: Workflow) -> None:
    jobs = built.jobs(experiments={"amass_351": {"train": {"weight_decay": 1e-5}}})
    assert {job.experiment for job in jobs if job.rule == "train_network"} == {"amass_351", "h36m_351_pt"}
    assert {job.experiment for job in jobs if job.rule == "predict_poses"} == {"amass_351", "h36m_351_pt"}
    assert rules(jobs)["resolve_run"] == 1


def test_network_retrains_its_experiment(built: Workflow) -> None:
    jobs = built.jobs(experiments={"h36m_351": {"model": {"temporal_dim": 192}}})
    assert {job.experiment for job in jobs if job.rule == "train_network"} == {"h36m_351"}
    assert rules(jobs)["predict_poses"] == 1


def test_other_published_weights_rerun_their_evaluation(built: Workflow) -> None:
    manifest = built.folder / "results/data/sources/weights_h36m_81.json"
    manifest.write_text("another file\n", encoding="utf-8")
    jobs = built.jobs()
    assert {job.run for job in jobs if job.s_in} == {"published"}
    assert rules(jobs) == {"check_weights": 1, "predict_poses": 1, "score_predictions": 1, "write_tables": 1}
    built.build()
    assert built.counts() == {}


def test_published_weights_that_are_left_out_stay(built: Workflow) -> None:
    assert built.counts(evaluate_published=False) == {"plan_tables": 1, "write_tables": 1}
    assert built.counts(evaluate_published=True) == {}


def test_new_seed_runs_only_that(built: Workflow) -> None:
    jobs = built.jobs("demo", studies={"demo": {"seeds": [0, 7]}})
    assert {job.seed for job in jobs if job.rule == "train_network"} == {"7"}
    assert {job.run for job in jobs if job.rule in ("predict_poses", "score_predictions")} == {"seed_7"}
    assert rules(jobs)["train_network"] == 1


def test_changed_data_reruns_everything_behind_it(built: Workflow) -> None:
    changed = built.folder / "data/amass/SFU.npz"
    status = changed.stat()
    changed.write_text(changed.read_text(encoding="utf-8").upper(), encoding="utf-8")
    os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns - 10**12))  # another file, older than what was made of the first
    jobs = built.jobs()
    assert {job.experiment for job in jobs if job.rule == "train_network"} == {"amass_351", "h36m_351_pt"}
    assert rules(jobs) == {
        "convert_amass": 1,
        "train_network": 2,
        "predict_poses": 3,
        "score_predictions": 3,
        "write_tables": 1,
    }
    built.build()
    assert built.counts() == {}


def test_changed_test_data_leaves_what_was_trained_on_other_data(built: Workflow) -> None:
    changed = built.folder / "data/data_2d_h36m_cpn_ft_h36m_dbb.npz"
    changed.write_text("other detections\n", encoding="utf-8")
    jobs = built.jobs("paper")
    assert {job.experiment for job in jobs if job.rule == "train_network"} == {"h36m_351", "h36m_351_pt", "h36m_81"}
    assert {job.experiment for job in jobs if job.rule == "predict_poses"} == {"amass_351", "h36m_351", "h36m_351_pt", "h36m_81"}


def test_changed_generated_data_reruns_everything_behind_it(built: Workflow) -> None:
    (built.folder / "results/demo/data/public/data_3d_h36m.npz").write_text("other people\n", encoding="utf-8")
    counts = built.counts("demo")
    assert counts.pop("write_tables") == 1
    assert counts == {"convert_h36m": 1, "train_network": 1, "predict_poses": 1, "score_predictions": 1, "score_mean_pose": 1}


def test_converted_data_does_without_its_sources(built: Workflow) -> None:
    shutil.rmtree(built.folder / "data")
    assert built.counts() == {}
