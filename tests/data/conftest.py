"""Fixtures of the tests of the data."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from world.acclaim_files import amc_text, write_subject
from world.amass_archives import body_model_archives
from world.cmu_sample import CmuSample, convert_sample
from world.sites import Sites

from uplift_upsample.data.amass.body_model import Body, prepare_body_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two subjects: one walks on the spot, one jumps aside at the start and travels far."""
    place = tmp_path / "site"
    write_subject(place, "01", {"01_01": amc_text(241)})
    write_subject(place, "02", {"02_01": amc_text(600, step=0.5), "02_02": amc_text(240, jump_at=5)})
    return place


@pytest.fixture(scope="session")
def cmu_sample(project: Path, shared: Path, once: Callable[[str, Callable[[Path], Any]], Any]) -> CmuSample:
    """All trials of the sample, converted once for all tests."""
    trials = project / "workflow" / "resources" / "cmu_trials.csv"
    return once("cmu", lambda folder: convert_sample(shared / "data" / "cmu", trials, folder))


@pytest.fixture(scope="session")
def body_archives(once: Callable[[str, Callable[[Path], Any]], Any]) -> dict[str, Path]:
    """The archives of a made-up body model, by the names of their sources."""
    return once("body_models", body_model_archives)


@pytest.fixture(scope="session")
def body_model(body_archives: dict[str, Path], once: Callable[[str, Callable[[Path], Any]], Any]) -> dict[str, Body]:
    """The same, reduced."""
    files = [body_archives[name] for name in ("smplh", "dmpls", "h36m_regressor")]
    return once("reduced_body_model", lambda folder: prepare_body_model(*files))


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sites]:
    """All sites of the table of sources; this process and its children see no others."""
    (tmp_path / "sites").mkdir()
    with Sites(tmp_path / "sites") as sites:
        for name, value in sites.environment().items():
            monkeypatch.setenv(name, value)
        yield sites
