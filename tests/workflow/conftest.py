"""Copies of the project for the tests of the workflow."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from workflow_copy import Workflow, copy_of_project


@pytest.fixture(scope="session")
def pristine(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A copy in which nothing was built; tests must leave it so (dry runs only)."""
    return copy_of_project(project, tmp_path_factory.mktemp("pristine") / "project")


@pytest.fixture(scope="session")
def _built(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    workflow = copy_of_project(project, tmp_path_factory.mktemp("built") / "project")
    config = workflow.config()
    config["reproduce"] = ["paper", "demo"]
    config["studies"]["demo"]["run"] = ["h36m_81"]
    for study, name, s_in in [
        ("demo", "h36m_81", [10]),
        ("paper", "amass_351", [5]),
        ("paper", "h36m_351", [5]),
        ("paper", "h36m_351_pt", [5, 20]),
        ("paper", "h36m_81", [10]),
    ]:
        config["studies"][study]["experiments"][name]["evaluate_s_in"] = s_in
    for name in ("amass_351", "h36m_351", "h36m_351_pt"):
        del config["studies"]["paper"]["experiments"][name]["published_weights"]
    config["studies"]["paper"]["resources"] = {"train_threads": 1, "predict_threads": 1, "gpus": 0}
    workflow.write_config(config)
    workflow.bring_data()
    workflow.build()
    return workflow


@pytest.fixture
def built(_built: Workflow, tmp_path: Path) -> Workflow:
    """A copy, at a place of its own, in which the paper and a part of the demo were built."""
    return _built.copy_to(tmp_path / "moved")


@pytest.fixture(scope="session")
def schema(project: Path) -> dict[str, Any]:
    return yaml.safe_load((project / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def config(project: Path) -> dict[str, Any]:
    """The configuration as shipped; a fresh one without shared parts for each test."""
    return json.loads(json.dumps(yaml.safe_load((project / "config.yaml").read_text(encoding="utf-8"))))
