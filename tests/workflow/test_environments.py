"""The conda environments install the locks; the command lines around them do what they say."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

EXPERIMENT = {"model": {"num_tokens": 27, "s_out": 5, "s_in": [5]}, "name": "tiny", "study": "demo", "dataset": "h36m"}


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_conda_environment_installs_the_lock(project: Path, kind: str) -> None:
    environment = yaml.safe_load((project / f"envs/{kind}.yaml").read_text(encoding="utf-8"))
    assert "pip" in environment["dependencies"]
    deploy = (project / f"envs/{kind}.post-deploy.sh").read_text(encoding="utf-8")
    total = hashlib.sha256((project / f"envs/{kind}.lock").read_bytes()).hexdigest()
    assert f"{total}  envs/{kind}.lock" in deploy, f"put the new sum of envs/{kind}.lock, {total}, into envs/{kind}.post-deploy.sh"
    assert re.search(rf"pip install .*--require-hashes -r envs/{kind}\.lock", deploy)


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_lock_pins_with_checksums(project: Path, kind: str) -> None:
    lock = (project / f"envs/{kind}.lock").read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=[a-z0-9])", lock.strip())
    for name in ("uv", "snakemake", "tensorflow", "keras", "setuptools"):
        assert [text for text in requirements if text.startswith(f"{name}==") and "--hash=sha256:" in text], name


def resolve_run(project: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "scripts/resolve_run.py"), "--output", str(folder / "run.yaml"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_resolve_run_writes_every_default(project: Path, tmp_path: Path) -> None:
    code = ("--code", "abc", "--code_output", str(tmp_path / "code.txt"))
    result = resolve_run(project, tmp_path, "--experiment", json.dumps(EXPERIMENT), *code)
    assert result.returncode == 0, result.stderr
    written = yaml.safe_load((tmp_path / "run.yaml").read_text(encoding="utf-8"))
    assert written["model"]["num_heads"] == 8
    assert written["train"]["epochs"] == 120
    assert "evaluate" not in written
    assert (tmp_path / "code.txt").read_text(encoding="utf-8") == "abc\n"


@pytest.mark.parametrize(
    ("experiment", "told"),
    [
        ("{", "not JSON"),
        (json.dumps({**EXPERIMENT, "datasets": "x"}), "unknown key 'datasets', did you mean 'dataset'?"),
        (json.dumps({**EXPERIMENT, "model": {"num_tokens": 26, "s_out": 5}}), "num_tokens is 26"),
    ],
)
def test_resolve_run_refuses_in_one_message(project: Path, tmp_path: Path, experiment: str, told: str) -> None:
    result = resolve_run(project, tmp_path, "--experiment", experiment)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run.yaml").exists()


STAND_IN_PYTHON = """#!/bin/sh
if [ "$*" = "-m venv .venv" ]; then
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python
    cp "$0" .venv/bin/uv
    echo "VIRTUAL_ENV='$PWD/.venv'" > .venv/bin/activate
fi
"""


def test_a_moved_folder_gets_programs_of_its_own(project: Path, tmp_path: Path) -> None:
    """They begin with the path of the interpreter that they were installed with."""
    folder, moved = tmp_path / "project", tmp_path / "moved, ä"
    (folder / "envs").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "envs/cpu.lock"):
        shutil.copy(project / name, folder / name)
    python = folder / "python"
    python.write_text(STAND_IN_PYTHON, encoding="utf-8")
    python.chmod(0o755)
    command = ["make", "install", "PYTHON=./python"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (folder / ".venv/bin/snakemake").write_text(f"#!{folder}/.venv/bin/python\n", encoding="utf-8")
    (folder / "envs/cpu.lock").open("a").write("\n")  # another lock installs into the same
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert (folder / ".venv/bin/snakemake").exists()
    folder.rename(moved)
    subprocess.run(command, cwd=moved, check=True, capture_output=True)
    assert not (moved / ".venv/bin/snakemake").exists()
    assert list((moved / ".venv").glob("installed-cpu-*"))
