"""Seconds of the demo, and until Snakemake has the paper's graph of jobs; what jobs that need no network load."""

import ast
import csv
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workflow_copy import Workflow, copy_of_project
from world.modules import code_modules

PROJECT = Path(__file__).parents[1]
ROUNDS = 5
DRY_RUN = ("snakemake", "--cores", "1", "--dry-run")
FRAMEWORKS = {"tensorflow", "keras", "jax", "torch"}
WITH_NETWORK = {"train", "predict_poses", "check_weights", "lift_clip"}
ONE_RULE = 'rule all:\n    output:\n        "a",\n    shell:\n        "touch a"\n'


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A copy of the project with placeholders of all data, so that no job is missing from the graph."""
    copy = copy_of_project(PROJECT, tmp_path_factory.mktemp("start") / "project")
    copy.bring_data()
    return copy


@pytest.fixture(scope="module")
def one_rule(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A workflow of one rule with the profile of this one."""
    folder = tmp_path_factory.mktemp("one_rule")
    (folder / "Snakefile").write_text(ONE_RULE, encoding="utf-8")
    (folder / "profiles").symlink_to(PROJECT / "profiles")
    return Workflow(folder)


def dry_run(workflow: Workflow, target: str, expected: str) -> float:
    """Seconds of one dry run, from the command to its end."""
    start = time.perf_counter()
    result = started(workflow, "-m", *DRY_RUN, target)
    seconds = time.perf_counter() - start
    assert re.search(expected, result.stdout + result.stderr)
    return seconds


def started(workflow: Workflow, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of a Python that has imported nothing (that of the tests has), in the folder of a workflow."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=workflow.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return done


def test_dry_run_of_the_paper(workflow: Workflow, one_rule: Workflow, figure) -> None:
    """Beside a workflow of one rule, which takes what Snakemake and its plugins need to start."""
    times: dict[str, list[float]] = {"paper": [], "all": []}
    complete = r"train_network +4\b"
    dry_run(workflow, "paper", complete)  # Python writes its bytecode
    for _ in range(ROUNDS):
        times["paper"].append(dry_run(workflow, "paper", complete))
        times["all"].append(dry_run(one_rule, "all", r"all +1\b"))
    paper, least = map(statistics.median, times.values())
    figure("dry run of the paper's graph", paper)
    figure("dry run of a workflow of one rule", least)
    figure("dry run of the paper's graph, over that of one rule", paper / least)


def test_light_jobs(workflow: Workflow, figure) -> None:
    """Those of rules without a network and the dry run: none may load a framework, at once or later."""
    rules = "".join(path.read_text("utf-8") for path in (PROJECT / "workflow/rules").glob("*.smk"))
    names = set(re.findall(r"scripts/(\w+)\.py", rules)) - WITH_NETWORK
    assert len(names) > 20
    loading = [name for name in names if any(map(imports_framework, code_modules(PROJECT / f"scripts/{name}.py").values()))]
    figure("light jobs that load a deep-learning framework", len(loading) + loads_framework(workflow))
    assert not loading, loading


def test_demo_from_nothing(tmp_path: Path, figure) -> None:
    """As ``make`` runs it, in a copy of the project without results."""
    copy = copy_of_project(PROJECT, tmp_path / "demo", is_real=True)
    start = time.perf_counter()
    started(copy, "-m", "snakemake", "--cores", "all", "demo")
    seconds = time.perf_counter() - start
    figure("the demo from nothing", seconds)
    figure("trainings of the demo", sum(map(seconds_of_job, copy.folder.glob("logs/demo/**/train.benchmark.tsv"))))


def seconds_of_job(path: Path) -> float:
    """Of a benchmark file of Snakemake."""
    with path.open(encoding="utf-8", newline="") as file:
        return float(next(csv.DictReader(file, delimiter="\t"))["s"])


def imports_framework(path: Path) -> bool:
    """Whether a module has an import of a framework anywhere."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return any(name.partition(".")[0] in FRAMEWORKS for name in names)


def loads_framework(workflow: Workflow) -> bool:
    """Whether a dry run of the paper imports one, by what Python says about its imports."""
    said = started(workflow, "-X", "importtime", "-m", *DRY_RUN, "paper").stderr
    lines = [line for line in said.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "snakemake" in imported
    return bool(imported & FRAMEWORKS)
