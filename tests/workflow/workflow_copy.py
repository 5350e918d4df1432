"""Copies of the project; in most, the scripts are tiny stand-ins, so that whole workflows run in seconds."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from world.warm_python import AS_WRITTEN, EXECUTABLE, FRAMEWORK, SNAKEMAKE, warm_python

COPIED = ("Snakefile", "config.yaml", "workflow", "profiles", "envs", "src", "scripts")
REAL_SCRIPTS = ("_command", "resolve_run")
GREEDY = ("--scheduler", "greedy")  # the other one starts a solver of linear programs before each job
STAND_IN = Path(__file__).with_name("stand_in.py")
# What shows results, and follows them.
SHOWN = ("draw_figures", "draw_animation", "select_poses", "write_page")
# The jobs of the four experiments, from their frames tables to their result tables.
TRAINED_HERE = {
    "resolve_run": 4,
    "train_network": 4,
    "predict_poses": 12,
    "score_predictions": 12,
    "score_mean_pose": 1,
    "plan_tables": 1,
    "write_tables": 1,
}
# The paper evaluates published weights, too, and each of the weights with interpolated 2D poses in two ways beside.
PAPER = {
    "convert_h36m": 1,
    "convert_amass": 1,
    **TRAINED_HERE,
    "fetch_source": 4,
    "resolve_published": 4,
    "check_weights": 4,
    "predict_poses": 72,
    "score_predictions": 72,
}


@dataclass(frozen=True)
class Job:
    """A job of a dry run: its rule and its wildcards."""

    rule: str
    wildcards: tuple[tuple[str, str], ...]

    def __getattr__(self, name: str) -> str | None:
        return dict(self.wildcards).get(name)


@dataclass(frozen=True)
class Workflow:
    """A copy of the project. is_warm: its jobs start where the framework is imported already (see ``world.warm_python``)."""

    folder: Path
    is_warm: bool = False

    def snakemake(self, *arguments: str, **changes: Any) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the copy. changes: top-level keys that an overriding configuration file holds."""
        options = []
        if changes:
            path = self.folder / "changes.yaml"
            path.write_text(yaml.safe_dump(changes), encoding="utf-8")
            options = ["--configfile", path.name]
        home = self.folder / ".home"
        home.mkdir(exist_ok=True)
        environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home), "COLUMNS": "200", AS_WRITTEN: "1"}
        environment.pop("PYTHONPATH", None)
        environment[EXECUTABLE] = str(warm_python(*FRAMEWORK)) if self.is_warm else sys.executable
        words = [str(warm_python(*SNAKEMAKE)), "-m", "snakemake", "--cores", "2", *GREEDY, *arguments, *options]
        return subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def build(self, *targets: str, **changes: Any) -> str:
        """Build targets; what Snakemake said."""
        result = self.snakemake(*targets, **changes)
        said = result.stdout + result.stderr
        assert result.returncode == 0, said
        return said

    def jobs(self, *targets: str, **changes: Any) -> list[Job]:
        """What a dry run would do, without the jobs that only stand for a target."""
        result = self.snakemake("--dry-run", *targets, **changes)
        assert result.returncode == 0, result.stdout + result.stderr
        said = result.stdout + result.stderr
        assert ("Nothing to be done" in said) == ("Job stats:" not in said), said
        return jobs_of(said)

    def counts(self, *targets: str, **changes: Any) -> dict[str, int]:
        """How many jobs of each rule a dry run would do (see ``counted``)."""
        return counted(self.jobs(*targets, **changes))

    def config(self) -> dict[str, Any]:
        return yaml.safe_load((self.folder / "config.yaml").read_text(encoding="utf-8"))

    def write_config(self, config: dict[str, Any]) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")

    def copy_to(self, folder: Path) -> "Workflow":
        """The same at another place, times of the files included; by ``cp``, in a fifth of Python's time."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", self.folder, folder], check=True)
        return Workflow(folder, self.is_warm)

    def bring_data(self) -> None:
        """Put placeholders where the user's licensed data belongs."""
        studies = self.config()["studies"]
        sources = [source for name in ("paper", "mpi_inf_3dhp") if name in studies for source in studies[name]["data"].values()]
        for source in sources:
            if source["kind"] == "h36m":
                paths = [source["poses_3d"], source["poses_2d"].format(**source)]
            elif source["kind"] == "mpi_inf_3dhp":
                paths = [source["train"], source["test"]]
            else:
                paths = [f"{source['folder']}/{subset}.npz" for subset in source["subsets"]]
            for path in paths:
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / path).write_text(f"placeholder of {path}\n", encoding="utf-8")


def bring_clips(workflow: Workflow, *names: str) -> None:
    """Put placeholders where the user's clips belong; a name that ends with a stroke is a folder with two files."""
    for name in names:
        path = workflow.folder / "data/people" / name
        files = [path / f"{name[:-1]}_{frame}.json" for frame in range(2)] if name.endswith("/") else [path]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"placeholder of {file.name}\n", encoding="utf-8")


def jobs_of(said: str) -> list[Job]:
    """The jobs that Snakemake announced, without those that only stand for a target; one that was tried again counts again."""
    found = []
    for rule, lines in re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)*)", said, re.MULTILINE):
        wildcards = re.search(r"^ {4}wildcards: (.*)$", lines, re.MULTILINE)
        pairs = [tuple(pair.split("=", 1)) for pair in wildcards[1].split(", ")] if wildcards else []
        if re.search(r"^ {4}output:", lines, re.MULTILINE):
            found.append(Job(rule, tuple(pairs)))
    return found


def counted(jobs: list[Job]) -> dict[str, int]:
    """How many jobs of each rule; pictures and pages follow what they show, and count only where nothing else runs."""
    others = Counter(job.rule for job in jobs if job.rule not in SHOWN)
    return dict(others or Counter(job.rule for job in jobs))


def stand_in_for(script: Path) -> str:
    """A script that imports what the real one imports (without running it) and writes what the rules expect."""
    nodes = [node for node in ast.walk(ast.parse(script.read_text("utf-8"))) if isinstance(node, ast.Import | ast.ImportFrom)]
    imports = "\n".join(f"    {ast.unparse(node)}" for node in nodes)
    return f"from stand_in import run\n\nif False:\n{imports}\n\nrun(__file__)\n"


def copy_of_project(project: Path, folder: Path, *, is_real: bool = False) -> Workflow:
    """A copy of what the workflow consists of, with stand-ins for the scripts unless ``is_real``."""
    folder.mkdir(parents=True)
    for name in COPIED:
        source = project / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.egg-info"))  # compiled modules serve there, too
        else:
            shutil.copy2(source, folder / name)
    if is_real:
        return Workflow(folder, is_warm=True)
    for script in (folder / "scripts").glob("*.py"):
        if script.stem not in REAL_SCRIPTS and not script.stem.startswith("_"):
            script.write_text(stand_in_for(project / "scripts" / script.name), encoding="utf-8")
    shutil.copy2(STAND_IN, folder / "scripts" / STAND_IN.name)
    return Workflow(folder)


def refused(workflow: Workflow, *arguments: str, **changes: object) -> str:
    """What a dry run says that ends in an error in words, without a traceback."""
    result = workflow.snakemake("--dry-run", *arguments, **changes)
    said = result.stdout + result.stderr
    assert result.returncode == 1, said
    assert "Exception" not in said
    assert 'File "' not in said
    return said
