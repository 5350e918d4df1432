"""What was changed, and what ran: the matrix of reruns, on the plan of ``everything.py``."""

import ast
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from everything import OWN
from workflow_copy import Workflow

Changes = Mapping[str, Any] | None
PAPER_TABLES = {"score_predictions": 9, "score_mean_pose": 1, "write_tables": 1}


@dataclass(frozen=True)
class Row:
    """what: in words. change: makes it, and may give keys of the configuration. runs: jobs by rule.
    has_logins: whether the environment has any. Rules are written in the order in which they run. is_tried: whether ``make test``
    makes a dry run of it; ``make stress-reruns`` really runs them all, and the others go the way of one that is tried.
    """

    what: str
    change: Callable[[Workflow], Changes]
    runs: Mapping[str, int] = field(default_factory=dict)
    has_logins: bool = False
    is_tried: bool = True

    def line(self) -> str:
        """The row of the table in the documentation."""
        told = ", ".join(f"{count} {rule}" if count > 1 else rule for rule, count in self.runs.items())
        return f"| {self.what} | {told or 'nothing'} |"


def table(rows: list[Row]) -> list[str]:
    """The whole table in Markdown."""
    return ["| what was changed | what ran |", "|---|---|", *(row.line() for row in rows)]


def settings(**changes: Any) -> Callable[[Workflow], Changes]:
    return lambda workflow: changes


def paper(**changes: Any) -> Callable[[Workflow], Changes]:
    return settings(studies={"paper": changes})


def code(module: str) -> Callable[[Workflow], Changes]:
    """A change that counts for whatever imports a module: another thing that it does when it is imported."""

    def change(workflow: Workflow) -> None:
        path = workflow.folder / "src/uplift_upsample" / module
        path.write_text(path.read_text("utf-8") + "\n\nassert __name__\n", encoding="utf-8")

    return change


def number_format(workflow: Workflow) -> None:
    """Of the tables, in a module that figures import too."""
    path = workflow.folder / "src/uplift_upsample/report/cells.py"
    before = path.read_text("utf-8")
    path.write_text(before.replace("decimals: int = 2", "decimals: int = 3"), encoding="utf-8")
    assert path.read_text("utf-8") != before


def unused(workflow: Workflow) -> None:
    """Definitions that nothing uses, in every module."""
    for module in files_below(workflow, "src", "scripts"):
        if module.suffix == ".py":
            added = "\n\nADDED_BY_THE_TEST = 1\n\n\ndef added_by_the_test():\n    return ADDED_BY_THE_TEST\n"
            module.write_text(module.read_text("utf-8") + added, encoding="utf-8")


def text(path: str, content: str = "something else\n") -> Callable[[Workflow], Changes]:
    """Another content of a file; one of the user's is older than what was made of the former one."""

    def change(workflow: Workflow) -> None:
        file = workflow.folder / path
        before = file.stat().st_mtime_ns if file.exists() else 0
        file.write_text(content, encoding="utf-8")
        if before and not path.startswith("results/"):
            os.utime(file, ns=(before - 10**12, before - 10**12))

    return change


def files_below(workflow: Workflow, *folders: str) -> list[Path]:
    found = [path for folder in folders for path in (workflow.folder / folder).rglob("*") if path.is_file()]
    assert found
    return found


def moved(workflow: Workflow) -> None:
    """Tests work in such a place anyway."""
    assert " " in workflow.folder.name
    assert not workflow.folder.name.isascii()


def cloned(workflow: Workflow) -> None:
    """A new clone, into which results and data are copied without their times."""
    for name in ("src", "scripts", "workflow", "profiles", "envs", "results", "data"):
        shutil.copytree(workflow.folder / name, workflow.folder / f"{name}.new", copy_function=shutil.copy)
        shutil.rmtree(workflow.folder / name)
        (workflow.folder / f"{name}.new").rename(workflow.folder / name)


def touched(workflow: Workflow) -> None:
    for path in [*files_below(workflow, "data", "results/data"), *workflow.folder.glob("results/*/data/**/*.*")]:
        os.utime(path)
    for path in workflow.folder.glob("results/**/weights.h5"):
        os.utime(path)


def comments(workflow: Workflow) -> None:
    for module in files_below(workflow, "src", "scripts"):
        if module.suffix == ".py":
            tree = ast.parse(module.read_text("utf-8"))
            if ast.get_docstring(tree) is not None:
                tree.body[0] = ast.parse('"""Another docstring."""').body[0]
            module.write_text(f"{ast.unparse(tree)}\n# Another comment.\n", encoding="utf-8")  # in another format, too
    for path in [
        *(workflow.folder / "workflow/rules").glob("*.smk"),
        workflow.folder / "Snakefile",
        workflow.folder / "config.yaml",
    ]:
        path.write_text(f"# Another comment.\n{path.read_text('utf-8')}\n# And one.\n", encoding="utf-8")


def other_umask(workflow: Workflow) -> None:
    for path in files_below(workflow, "src", "scripts", "workflow", "data", "results", ".snakemake"):
        path.chmod(0o600 if path.stat().st_mode & 0o044 else 0o664)


def read_only(workflow: Workflow) -> None:
    for path in [*(workflow.folder / "data").rglob("*"), workflow.folder / "data"]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def archives_there(workflow: Workflow) -> None:
    for name in ("h36m/Poses_D3_Positions_S1.tgz", "amass/SFU.tar.bz2", "body_models/smplh.tar.xz"):
        path = workflow.folder / "data/raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("an archive\n", encoding="utf-8")


def other_addresses(workflow: Workflow) -> None:
    path = workflow.folder / "workflow/resources/sources.csv"
    before = path.read_text("utf-8")
    path.write_text(before.replace("https://", "https://mirror.").replace("http://", "http://mirror."), encoding="utf-8")
    assert path.read_text("utf-8") != before


def sources_gone(workflow: Workflow) -> None:
    shutil.rmtree(workflow.folder / "data")
    shutil.rmtree(workflow.folder / "results/data")


def archives_gone(workflow: Workflow) -> None:
    shutil.rmtree(workflow.folder / "data/raw", ignore_errors=True)
    for path in workflow.folder.glob("results/data/h36m/S*.npz"):
        path.unlink()


def logs_gone(workflow: Workflow) -> None:
    """What records how results came about, and nothing of what they are."""
    shutil.rmtree(workflow.folder / "logs")
    for path in workflow.folder.glob("results/*/*/*/*/prediction.json"):
        path.write_text("another machine\n", encoding="utf-8")


def committed(workflow: Workflow) -> None:
    """The records of results have the commit."""
    identity = ("-c", "user.name=A tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false")
    for command in (("init", "--quiet"), ("add", "Snakefile", "src", "scripts"), ("commit", "--quiet", "--message", "A commit")):
        subprocess.run(["git", *identity, *command], cwd=workflow.folder, check=True, capture_output=True)


def cmu_cache(workflow: Workflow) -> Changes:
    return {"studies": {"open": {"data": {"cmu": {"cache": "data/elsewhere"}}}}, "cmu_source": "/some/folder"}


GPU = {"resources": {"gpus": 1, "train_threads": 3, "train_memory": 9000, "train_runtime": 5}}
ON_GPU = dict.fromkeys(("demo", "paper", "my_lab"), GPU)
# `paper` and `open` have each evaluation three times: also with 2D poses interpolated linearly and cubically.
EVALUATION = {"predict_poses": 14, "score_predictions": 14, "write_tables": 4}
BEHIND_AMASS = {"train_network": 2, "predict_poses": 6, "score_predictions": 6, "write_tables": 1}
BEHIND_OWN = {"train_network": 3, "predict_poses": 7, "score_predictions": 7, "score_mean_pose": 1, "write_tables": 2}
OWN_RUNS = {"convert_mocap": 1, "convert_amass": 1, "merge_mocap": 1, **BEHIND_OWN}
BEHIND_OPEN = {"train_network": 1, "predict_poses": 3, "score_predictions": 3, "score_mean_pose": 1, "write_tables": 1}
BEHIND_DEMO = {**BEHIND_OPEN, "predict_poses": 1, "score_predictions": 1}

# Rows after which nothing runs. Those of a list are tried together first.
NOTHING = [
    Row("the project moved, to a path with blanks and letters that are not ASCII", moved),
    Row("the project cloned anew, data and results copied into it with new times", cloned),
    Row("data, own recordings, fetched files, frames tables and weights touched", touched),
    Row("comments, docstrings and formatting of all code, rules and `config.yaml`", comments),
    Row("definitions added that nothing uses, in every module", unused),
    Row("files written under another user's umask", other_umask),
    Row("the data folder made read-only", read_only),
    Row("logins given in the environment, or no longer", settings(), has_logins=True),
    Row("archives put into `data/raw` beside what was made of fetched ones", archives_there),
    Row("addresses in the table of sources", other_addresses),
    Row("`cmu_source`, or the folder that keeps the original files", cmu_cache),
    Row("thresholds of the checks of converted files", settings(checks={"body_size": [0.2, 5], "reprojection_px": 60})),
    Row("`device`, GPUs, threads, memory, time limit of jobs", settings(device="gpu", deterministic=True, studies=ON_GPU)),
    Row(
        "learning rate of an experiment of which published weights alone are evaluated",
        settings(experiments={"h36m_81": {"train": {"schedule_params": {"initial_learning_rate": 0.004}}}}),
    ),
    Row("code of training", code("train/training.py")),
    Row("another commit", committed),
    Row("logs and benchmark files deleted", logs_gone),
]
GONE = [
    Row("archives and single converted subjects deleted", archives_gone),
    Row("all sources deleted: `data/` and `results/data/`", sources_gone),
]
# Rows with a test of their own.
NUMBER_FORMAT = Row("a number format of the tables", number_format, {"write_tables": 4})
OWN_RECORDING = Row("content of one of the user's own recordings", text(f"{OWN}/anna/walk.npz"), OWN_RUNS)
PREDICTION = Row("code of prediction", code("evaluate/predict.py"), EVALUATION)
SOMETHING = [
    Row("code of tables", code("report/render.py"), {"write_tables": 4}),
    NUMBER_FORMAT,
    Row(
        "code of scoring", code("evaluate/metrics.py"), {"score_predictions": 14, "score_mean_pose": 4, "write_tables": 4}
    ),
    PREDICTION,
    Row("code of converting CMU files", code("data/mocap/acclaim.py"), {"convert_cmu": 3, "merge_cmu": 1, **BEHIND_OPEN}),
    Row("one more stride to evaluate", paper(experiments={"h36m_351_pt": {"evaluate_s_in": [5, 20]}}),
        {"predict_poses": 3, "score_predictions": 3, "plan_tables": 1, "write_tables": 1}, is_tried=False),
    Row("mirroring in an evaluation", settings(experiments={"h36m_351_pt": {"evaluate": {"mirror": False}}}),
        {"predict_poses": 3, "score_predictions": 3, "plan_tables": 1, "write_tables": 1}, is_tried=False),
    Row("learning rate of an experiment",
        settings(experiments={"mini_81": {"train": {"schedule_params": {"initial_learning_rate": 0.004}}}}),
        {"resolve_run": 1, "train_network": 1, "predict_poses": 1, "score_predictions": 1, "write_tables": 1}),
    Row("weight decay of a pre-training", settings(experiments={"amass_351": {"train": {"weight_decay": 1e-5}}}),
        {"resolve_run": 1, **BEHIND_AMASS}, is_tried=False),
    Row("one more seed", settings(studies={"demo": {"seeds": [0, 7]}}),
        {"train_network": 1, "predict_poses": 1, "score_predictions": 1, "plan_tables": 1, "write_tables": 1}),
    Row("seed of the simulated detections of a study", settings(studies={"demo": {"data_seed": 1}}),
        {"merge_mocap": 1, **BEHIND_DEMO}, is_tried=False),
    Row("content of a converted subset of the user's", text("data/amass/CMU.npz"), {"convert_amass": 1, **BEHIND_AMASS}),
    OWN_RECORDING,
    Row("one more recording of the user's own", text(f"{OWN}/anna/jump.npz"), OWN_RUNS, is_tried=False),
    Row("content of the fetched 2D detections", text("results/data/sources/h36m_cpn_ft_h36m_dbb.json"),
        {"convert_h36m": 1, "train_network": 1, "predict_poses": 9, **PAPER_TABLES}),
    Row("another source of 2D poses", paper(data={"h36m": {"input_2d": "gt"}}),
        {"convert_h36m": 1, "train_network": 1, "predict_poses": 9, **PAPER_TABLES}, is_tried=False),
    Row("one more AMASS subset, behind a login", paper(data={"amass": {"subsets": ["CMU", "SFU", "KIT"]}}),
        {"check_login": 1, "fetch_source": 1, "convert_amass_archive": 1, "convert_amass": 1, **BEHIND_AMASS}, has_logins=True),
    Row("one AMASS subset less", paper(data={"amass": {"subsets": ["CMU"]}}), {"convert_amass": 1, **BEHIND_AMASS}, is_tried=False),
    Row("the list of CMU trials", text("workflow/resources/cmu_trials.csv", "subject\n01\n02\n07\n"),
        {"fetch_cmu": 3, "convert_cmu": 3, "merge_cmu": 1, **BEHIND_OPEN}),
    Row("another file of published weights", text("results/data/sources/weights_h36m_81.json"),
        {"check_weights": 1, "predict_poses": 3, "score_predictions": 3, "write_tables": 1}, is_tried=False),
    Row("the rule of the verdict", settings(verdict={"trained_here": {"pass_mm": 0.7}}), {"plan_tables": 4, "write_tables": 4}),
    Row("network of published weights", settings(experiments={"h36m_81": {"model": {"first_attention_layer": 0}}}),
        {"resolve_published": 1, "check_weights": 1, "predict_poses": 3, "score_predictions": 3, "plan_tables": 1,
         "write_tables": 1}),
    Row("what stands outside of videos (`padding`), for published weights",
        settings(experiments={"h36m_81": {"train": {"padding": "zeros"}}}),
        {"resolve_published": 1, "check_weights": 1, "predict_poses": 3, "score_predictions": 3, "write_tables": 1}),
    Row("published weights switched off", settings(evaluate_published=False),
        {"plan_tables": 1, "write_tables": 1}, is_tried=False),
    Row("published weights of one more experiment",
        paper(experiments={"h36m_351_pt": {"published_weights": "weights_h36m_351_pt"}}),
        {"fetch_source": 1, "resolve_published": 1, "check_weights": 1, "predict_poses": 3, "score_predictions": 3,
         "plan_tables": 1, "write_tables": 1}),
]  # fmt: skip
