"""The profiles fit Snakemake, every rule says what it needs of a cluster, and what needs the network runs where Snakemake runs."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.cli import get_argument_parser
from workflow_copy import SHOWN, Workflow, copy_of_project

PROFILES = ("default", "slurm", "kubernetes")
# Rules that fetch, or that take less than the way through a queue.
LOCAL = {
    "check_login",
    "fetch_source",
    "fetch_cmu",
    "resolve_published",
    "check_weights",
    "resolve_run",
    "plan_tables",
    "write_tables",
    *SHOWN,
}
LOCAL |= {"animate_clip", "write_clip_page"}
TARGETS = {"all", "data", "pretrain", "train", "evaluate", "published", "tables", "figures", "animations", "people", "doctor"}


def profile(project: Path, name: str) -> dict[str, Any]:
    return yaml.safe_load((project / f"profiles/{name}/config.yaml").read_text(encoding="utf-8"))


def rules(project: Path) -> Iterator[tuple[str, str]]:
    """The rules in the rule files, with their text."""
    for path in sorted(project.glob("workflow/rules/*.smk")):
        yield from re.findall(r"^rule (\w+):\n((?: {4}.*\n|\n)*)", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", PROFILES)
def test_profile_has_no_key_that_snakemake_does_not_know(project: Path, name: str) -> None:
    known = {option.lstrip("-") for action in get_argument_parser()._actions for option in action.option_strings}
    # this plugin is no part of the environment; what it knows is tested where it is installed
    keys = {key for key in profile(project, name) if not key.startswith("kubernetes-shared-")}
    assert keys <= known
    assert "max-checksum-file-size" in keys, "another rule for what runs again than on one machine"


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_fetch_one_file_at_a_time(project: Path, name: str) -> None:
    assert profile(project, name)["resources"]["download"] == 1


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_cluster_gets_defaults(project: Path, name: str) -> None:
    defaults = profile(project, name)["default-resources"]
    assert {"mem_mb", "runtime"} <= set(defaults)
    assert "gpu" not in profile(project, name)["resources"], "the limit of one machine"


def test_every_rule_says_what_it_needs(project: Path) -> None:
    found = dict(rules(project))
    assert len(found) >= 20
    for name, text in found.items():
        assert re.search(r"^ {4}threads:", text, re.MULTILINE), name
        assert re.search(r"^ {8}mem_mb=", text, re.MULTILINE), name
    for name in ("train_network", "predict_poses"):
        assert re.search(r"^ {8}gpu=", found[name], re.MULTILINE), name


def test_retries_do_not_multiply(project: Path) -> None:
    for name, text in rules(project):
        assert re.findall(r"^ {4}retries: (.*)$", text, re.MULTILINE) in ([], ["RETRIES"]), name


def test_rules_with_network_or_without_work_are_local(project: Path) -> None:
    local = set()
    for path in [project / "Snakefile", *project.glob("workflow/rules/*.smk")]:
        for block in re.findall(r"^localrules:\n((?: {4}\w+,\n)+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            local |= set(re.findall(r"\w+", block))
    assert local == LOCAL | TARGETS
    assert {name for name, text in rules(project) if "download=" in text} <= LOCAL


def test_jobs_of_the_demo_come_with_resources(pristine: Workflow) -> None:
    said = pristine.build("--dry-run", "--workflow-profile", "profiles/slurm", "demo")
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)*)", said, re.MULTILINE)
    assert {name for name, _ in jobs} > {"merge_mocap", "train_network", "predict_poses", "score_predictions"}
    for name, text in jobs:
        resources = dict(re.findall(r"(\w+)=([^,\n]+)", re.findall(r"^ {4}resources: (.*)$", text, re.MULTILINE)[0]))
        assert int(resources["mem_mb"]) > 0, name
        assert int(resources["runtime"]) > 0, name
        if name == "train_network":
            assert resources["runtime"] == "30"
            assert resources["slurm_extra"] == "--signal=TERM@300"


STAND_IN = """#!{python}
import pathlib, sys
folder = pathlib.Path({folder!r})
name = pathlib.Path(sys.argv[0]).name
if name == "sbatch":
    sys.exit("no job today")
if name == "scancel":
    (folder / "cancelled").write_text(" ".join(sys.argv[1:]))
if name == "squeue" and "--me" in sys.argv and not (folder / "cancelled").exists():
    print({queue!r})
"""


@pytest.fixture
def queue(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workflow:
    """A copy with stand-ins for SLURM's programs. In the queue: a job of this folder, one of another, one of the user"""
    workflow = copy_of_project(project, tmp_path / "project")
    folder = workflow.folder
    jobs = f"7|rule_train_network|{folder}\n8|rule_train_network|{tmp_path}\n9|my own|{folder}"
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sbatch", "squeue", "scancel", "sinfo", "scontrol", "sacct"):
        (programs / name).write_text(STAND_IN.format(python=sys.executable, folder=str(tmp_path), queue=jobs), encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return workflow


@pytest.mark.long
def test_jobs_that_a_killed_snakemake_left_are_cancelled(queue: Workflow) -> None:
    quickly = ("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1")
    result = queue.snakemake("--workflow-profile", "profiles/slurm", *quickly, "results/demo/data/people.h5")
    assert result.returncode == 1
    assert "no job today" in result.stdout + result.stderr
    assert "Cancelling jobs of this folder that a former start left behind: 7" in result.stdout + result.stderr
    assert (queue.folder.parent / "cancelled").read_text() == "7"


@pytest.mark.parametrize("squeue", ["#!/bin/sh\necho no controller >&2\nexit 1\n", "#!/bin/sh\nexec sleep 9\n"])
def test_a_queue_without_an_answer_is_not_an_empty_one(squeue: str, queue: Workflow) -> None:
    """The workflow does not start beside jobs that a former one may have left."""
    (queue.folder.parent / "programs/squeue").write_text(squeue, encoding="utf-8")
    rules = queue.folder / "workflow/rules/machines.smk"
    rules.write_text(rules.read_text("utf-8").replace("timeout=60", "timeout=1"), encoding="utf-8")
    result = queue.snakemake("--workflow-profile", "profiles/slurm", "results/demo/data/people.h5")
    said = result.stdout + result.stderr
    assert result.returncode == 1
    assert "squeue gives no answer (" in said
    assert "no controller" in said or "timed out" in said
    assert "no job today" not in said, "a job was submitted"
    assert "Traceback" not in said


def test_logins_do_not_go_to_the_scheduler(queue: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("H36M_PHPSESSID", "the secret")
    result = queue.snakemake("--workflow-profile", "profiles/slurm", "results/demo/data/people.h5")
    said = result.stdout + result.stderr
    assert result.returncode == 1
    assert "unset H36M_PHPSESSID" in said
    assert "no job today" not in said, "a job was submitted"
    assert "the secret" not in said


def test_downloads_can_go_first(pristine: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("H36M_PHPSESSID", "AMASS_USERNAME", "AMASS_PASSWORD", "MANO_USERNAME", "MANO_PASSWORD"):
        monkeypatch.setenv(name, "something")
    for name in ("SMPL_USERNAME", "SMPL_PASSWORD"):
        monkeypatch.setenv(name, "something")
    assert set(pristine.counts("--until", "fetch_source", "--", "paper")) == {"check_login", "fetch_source"}
