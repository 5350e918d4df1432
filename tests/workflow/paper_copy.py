"""A copy of the project with the real scripts, and the sites that have all that its study ``paper`` is made from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from snakemake.utils import update_config
from workflow_copy import Workflow, copy_of_project
from world.paper import Credentials, open_accounts, paper_files, put_files, random_credentials, write_table
from world.sites import Sites

from uplift_upsample.data.download.source_files import read_sources
from uplift_upsample.plan.study import plan


@dataclass(frozen=True)
class Paper:
    """files: what the sites have, by the name of the source. credentials: those of the user, which the sites know."""

    workflow: Workflow
    sites: Sites
    files: Mapping[str, Path]
    credentials: Credentials


@contextmanager
def paper_on_sites(project: Path, root: Path, changes: Mapping[str, Any]) -> Iterator[Paper]:
    """Nothing is built yet. changes: of the configuration; the published weights are those of its networks."""
    workflow = copy_of_project(project, root / "project", is_real=True)
    path = workflow.folder / "workflow/resources/sources.csv"
    table, config = read_sources(path), workflow.config()
    update_config(config, changes)
    networks = {planned.published_weights or "": planned.experiment.model for planned in plan(config)["paper"].published}
    files = paper_files(root / "files", table, networks)
    write_table(path, files)
    credentials = random_credentials()
    with Sites(root) as sites, pytest.MonkeyPatch.context() as patch:
        open_accounts(sites, credentials)
        put_files(sites, table, files)
        for name, value in {**sites.environment(), **credentials.variables}.items():
            patch.setenv(name, value)
        yield Paper(workflow, sites, files, credentials)
