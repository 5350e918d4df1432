"""Copies of the project for the tests of the workflow."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from everything import bring_everything
from workflow_copy import Workflow, copy_of_project

from uplift_upsample.plan.ways import LOGIN_VARIABLES


@pytest.fixture(scope="session")
def pristine(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A copy in which nothing was built; tests must leave it so (dry runs only)."""
    return copy_of_project(project, tmp_path_factory.mktemp("pristine") / "project")


@pytest.fixture(scope="session")
def _built(project: Path, once: Callable[[str, Callable[[Path], Any]], Any]) -> Workflow:
    def build(folder: Path) -> Workflow:
        workflow = copy_of_project(project, folder / "project")
        bring_everything(workflow)
        with pytest.MonkeyPatch.context() as patch:
            for names in LOGIN_VARIABLES.values():
                for name in names:
                    patch.setenv(name, "a login")
            workflow.build()
        return workflow

    return once("built", build)


@pytest.fixture
def built(_built: Workflow, tmp_path: Path) -> Workflow:
    """A copy, at a place of its own with an awkward name, in which parts of all studies were built (see ``everything.py``)."""
    return _built.copy_to(tmp_path / "Übung mit Leerzeichen, 例")


@pytest.fixture(scope="session")
def schema(project: Path) -> dict[str, Any]:
    return yaml.safe_load((project / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def config(project: Path) -> dict[str, Any]:
    """The configuration as shipped; a fresh one without shared parts for each test."""
    return json.loads(json.dumps(yaml.safe_load((project / "config.yaml").read_text(encoding="utf-8"))))
